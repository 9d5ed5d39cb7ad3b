// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// TestRulesAreAppliedToo: our definitions have no CEL rules yet; the first one must count here as on an API server.
func TestRulesAreAppliedToo(t *testing.T) {
	schemas, err := schemasOf([]apiextensionsv1.CustomResourceDefinition{definitionWithRule()})
	if err != nil {
		t.Fatal(err)
	}
	for count, broken := range map[int64]bool{1: false, 5: true} {
		object := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "example.org/v1", "kind": "Thing", "metadata": map[string]any{"name": "x"}, "spec": map[string]any{"count": count},
		}}
		problems := schemas.Admit(t.Context(), object).Problems
		if (len(problems) > 0) != broken {
			t.Errorf("count %d: %v", count, problems)
		}
		if broken && fieldMessage("spec.count", problems[0]) != "the value isn't allowed: at most 3" {
			t.Errorf("message: %s", fieldMessage("spec.count", problems[0]))
		}
	}
}

func definitionWithRule() apiextensionsv1.CustomResourceDefinition {
	definition := apiextensionsv1.CustomResourceDefinition{}
	definition.Name = "things.example.org"
	definition.Spec.Group = "example.org"
	definition.Spec.Names = apiextensionsv1.CustomResourceDefinitionNames{Kind: "Thing", Plural: "things"}
	definition.Spec.Versions = []apiextensionsv1.CustomResourceDefinitionVersion{{
		Name: "v1", Served: true, Storage: true,
		Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
			Type: "object",
			Properties: map[string]apiextensionsv1.JSONSchemaProps{"spec": {
				Type: "object",
				Properties: map[string]apiextensionsv1.JSONSchemaProps{"count": {
					Type:         "integer",
					XValidations: apiextensionsv1.ValidationRules{{Rule: "self <= 3", Message: "at most 3"}},
				}},
			}},
		}},
	}}
	return definition
}
