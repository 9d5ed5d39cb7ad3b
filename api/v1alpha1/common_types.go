// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Reference names another object.
type Reference struct {
	// name of the object.
	Name string `json:"name"`
	// namespace of the object. When it is left out, the object is looked for in the namespace of the resource
	// that refers to it.
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// kind of the object, singular or plural in any case. It is only looked at where objects of several kinds
	// can be meant.
	// +optional
	Kind string `json:"kind,omitempty"`
}

// HTTPMethod is an HTTP request method; OTHER stands for any that isn't listed.
// +kubebuilder:validation:Enum=GET;POST;PUT;PATCH;DELETE;OPTIONS;HEAD;CONNECT;TRACE;OTHER
type HTTPMethod string

// HTTPHeader is one header with a fixed value.
type HTTPHeader struct {
	// name of the header.
	// +optional
	Name string `json:"name,omitempty"`
	// value of the header.
	// +optional
	Value string `json:"value,omitempty"`
}
