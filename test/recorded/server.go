// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package recorded

import (
	"context"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/apisync/apisync/internal/manifest"
)

// Server does to an object what an API server does before it stores it. The key is the kind.
type Server manifest.Schemas

// NewServer prepares the CRDs of config/crd.
func NewServer(t *testing.T) Server {
	t.Helper()
	schemas, err := manifest.NewSchemas()
	if err != nil {
		t.Fatal(err)
	}
	return Server(schemas)
}

// Admit returns the object as it would be stored, without status, and what validation says of it.
func (s Server) Admit(object *unstructured.Unstructured) (*unstructured.Unstructured, field.ErrorList) {
	admission := manifest.Schemas(s).Admit(context.Background(), object)
	return admission.Stored, admission.Problems
}

// Normalize applies defaults and removes what the schema doesn't know. An API server does so when an object is written and when it is
// read.
func (s Server) Normalize(object *unstructured.Unstructured) { manifest.Schemas(s).Normalize(object) }
