// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"context"
	"fmt"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"

	"github.com/apisync/apisync/config/crd"
)

// Schemas does to an object what an API server does before it stores it, with the API server's own code. The key is the kind.
type Schemas map[string]KindSchema

// KindSchema is a CRD, prepared for use. It is safe for concurrent use.
type KindSchema struct {
	Definition apiextensions.CustomResourceDefinition
	Structural *schema.Structural
	Validator  validation.SchemaValidator
	// rules are the CEL rules of the schema; nil if it has none.
	rules *cel.Validator
}

// NewSchemas prepares the CRDs of package crd.
func NewSchemas() (Schemas, error) {
	definitions, err := crd.Definitions()
	if err != nil {
		return nil, err
	}
	return schemasOf(definitions)
}

func schemasOf(definitions []apiextensionsv1.CustomResourceDefinition) (Schemas, error) {
	schemas := Schemas{}
	for i := range definitions {
		prepared, err := newKindSchema(&definitions[i])
		if err != nil {
			return nil, fmt.Errorf("preparing the definition %s: %w", definitions[i].Name, err)
		}
		schemas[prepared.Definition.Spec.Names.Kind] = prepared
	}
	return schemas, nil
}

func newKindSchema(definition *apiextensionsv1.CustomResourceDefinition) (KindSchema, error) {
	var internal apiextensions.CustomResourceDefinition
	apiextensionsv1.SetObjectDefaults_CustomResourceDefinition(definition)
	err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(definition, &internal, nil)
	if err != nil {
		return KindSchema{}, err
	}
	// With one version, the conversion moves its schema to the top.
	properties := internal.Spec.Validation.OpenAPIV3Schema
	structural, err := schema.NewStructural(properties)
	if err != nil {
		return KindSchema{}, err
	}
	validator, _, err := validation.NewSchemaValidator(properties)
	if err != nil {
		return KindSchema{}, err
	}
	return KindSchema{
		Definition: internal, Structural: structural, Validator: validator,
		rules: cel.NewValidator(structural, true, celconfig.PerCallLimit),
	}, nil
}

// APIVersion is the group and version under which the kind is served.
func (k KindSchema) APIVersion() string {
	return k.Definition.Spec.Group + "/" + k.Definition.Spec.Versions[0].Name
}

// Admission is what an API server makes of an object.
type Admission struct {
	// Stored is the object with its defaults, without unknown fields and without status.
	Stored *unstructured.Unstructured
	// Unknown are the paths of the fields that were dropped. Sorted.
	Unknown []string
	// Problems are those of an API server's validation. Their text holds values that may be secret.
	Problems field.ErrorList
}

// Admit returns the object as it would be stored, and what validation says of it. The object isn't changed. Its kind must be one of
// the schemas'.
func (s Schemas) Admit(ctx context.Context, object *unstructured.Unstructured) Admission {
	kind := s[object.GetKind()]
	stored := object.DeepCopy()
	unstructured.RemoveNestedField(stored.Object, "status")
	unknown := s.normalize(stored)
	problems := validation.ValidateCustomResource(nil, stored.Object, kind.Validator)
	problems = append(problems, listtype.ValidateListSetsAndMaps(nil, kind.Structural, stored.Object)...)
	// As on an API server, rules see what has the shape that they were written for.
	if len(problems) == 0 && kind.rules != nil {
		broken, _ := kind.rules.Validate(ctx, nil, kind.Structural, stored.Object, nil, celconfig.RuntimeCELCostBudget)
		problems = append(problems, broken...)
	}
	return Admission{Stored: stored, Unknown: unknown, Problems: problems}
}

// Normalize applies defaults and removes what the schema doesn't know, in the order of an API server. It does
// so when an object is written and when it is read.
func (s Schemas) Normalize(object *unstructured.Unstructured) { s.normalize(object) }

func (s Schemas) normalize(object *unstructured.Unstructured) (unknown []string) {
	structural := s[object.GetKind()].Structural
	defaulting.Default(object.Object, structural)
	unknown = pruning.PruneWithOptions(object.Object, structural, true, schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	defaulting.PruneNonNullableNullsWithoutDefaults(object.Object, structural)
	return unknown
}

// admitMetadata reads and checks the metadata as an API server does. Fields in unknown would be dropped.
func admitMetadata(object map[string]any) (meta *metav1.ObjectMeta, unknown []string, err error) {
	meta, found, unknown, err := objectmeta.GetObjectMetaWithOptions(object, objectmeta.ObjectMetaOptions{ReturnUnknownFieldPaths: true})
	if err != nil || !found || meta == nil {
		return &metav1.ObjectMeta{}, nil, err
	}
	return meta, unknown, nil
}

// checkMetadata gives the problems of the metadata of an object that lives in a namespace.
func checkMetadata(meta *metav1.ObjectMeta) field.ErrorList {
	return apivalidation.ValidateObjectMeta(meta, true, apivalidation.NameIsDNSSubdomain, field.NewPath("metadata"))
}
