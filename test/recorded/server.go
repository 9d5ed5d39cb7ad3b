// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package recorded

import (
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/apisync/apisync/config/crd"
)

// Server does to an object what an API server does before it stores it, with the API server's own code.
type Server map[string]KindSchema

// KindSchema is a CRD, prepared for use.
type KindSchema struct {
	Definition apiextensions.CustomResourceDefinition
	Structural *schema.Structural
	Validator  validation.SchemaValidator
}

// NewServer prepares the CRDs of config/crd.
func NewServer(t *testing.T) Server {
	t.Helper()
	definitions, err := crd.Definitions()
	if err != nil {
		t.Fatal(err)
	}
	s := Server{}
	for i := range definitions {
		var internal apiextensions.CustomResourceDefinition
		apiextensionsv1.SetObjectDefaults_CustomResourceDefinition(&definitions[i])
		err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(&definitions[i], &internal, nil)
		if err != nil {
			t.Fatal(err)
		}
		// With one version, the conversion moves its schema to the top.
		properties := internal.Spec.Validation.OpenAPIV3Schema
		structural, err := schema.NewStructural(properties)
		if err != nil {
			t.Fatal(err)
		}
		validator, _, err := validation.NewSchemaValidator(properties)
		if err != nil {
			t.Fatal(err)
		}
		s[internal.Spec.Names.Kind] = KindSchema{Definition: internal, Structural: structural, Validator: validator}
	}
	return s
}

// Admit returns the object as it would be stored, without status, and what validation says of it.
func (s Server) Admit(object *unstructured.Unstructured) (*unstructured.Unstructured, field.ErrorList) {
	kind := s[object.GetKind()]
	stored := object.DeepCopy()
	s.Normalize(stored)
	unstructured.RemoveNestedField(stored.Object, "status")
	problems := validation.ValidateCustomResource(nil, stored.Object, kind.Validator)
	return stored, append(problems, listtype.ValidateListSetsAndMaps(nil, kind.Structural, stored.Object)...)
}

// Normalize applies defaults and removes what the schema doesn't know, in the order of an API server. It does
// so when an object is written and when it is read.
func (s Server) Normalize(object *unstructured.Unstructured) {
	structural := s[object.GetKind()].Structural
	defaulting.Default(object.Object, structural)
	pruning.Prune(object.Object, structural, true)
	defaulting.PruneNonNullableNullsWithoutDefaults(object.Object, structural)
}
