// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import "encoding/json"

// FreeForm is a JSON object whose members this package doesn't know, such as the configuration of a policy.
// Its text is kept as it is, so numbers keep their notation and precision.
//
// +kubebuilder:validation:Type=object
// +kubebuilder:pruning:PreserveUnknownFields
type FreeForm struct {
	// Raw is the text of the object; empty stands for null.
	Raw json.RawMessage `json:"-"`
}

// MarshalJSON returns the kept text, or null when there is none.
func (f FreeForm) MarshalJSON() ([]byte, error) {
	if len(f.Raw) == 0 {
		return []byte("null"), nil
	}
	return f.Raw, nil
}

// UnmarshalJSON keeps a copy of the text. The structure isn't checked: the schema does that.
func (f *FreeForm) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		f.Raw = nil
		return nil
	}
	f.Raw = append(f.Raw[:0:0], text...)
	return nil
}
