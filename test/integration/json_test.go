// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"encoding/json"

	utiljson "k8s.io/apimachinery/pkg/util/json"
)

func toMap(value any) (map[string]any, error) {
	content, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	result := map[string]any{}
	return result, utiljson.Unmarshal(content, &result)
}
