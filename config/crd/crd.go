// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

// Package crd carries the CustomResourceDefinitions that are generated from api/v1alpha1, so that the
// operator can apply them itself.
package crd

import (
	"embed"
	"fmt"
	"path"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

//go:embed bases/*.yaml
var bases embed.FS

// Objects returns the definitions as they stand in bases, in the order of their file names, ready for a
// server-side apply: they have no status. The caller may change what it gets.
func Objects() ([]*unstructured.Unstructured, error) {
	files, err := bases.ReadDir("bases")
	if err != nil {
		return nil, fmt.Errorf("listing the embedded definitions: %w", err)
	}
	objects := make([]*unstructured.Unstructured, 0, len(files))
	for _, file := range files {
		content, err := bases.ReadFile(path.Join("bases", file.Name()))
		if err != nil {
			return nil, fmt.Errorf("reading the embedded definition %s: %w", file.Name(), err)
		}
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(content, &object.Object); err != nil {
			return nil, fmt.Errorf("parsing the embedded definition %s: %w", file.Name(), err)
		}
		objects = append(objects, object)
	}
	return objects, nil
}

// Definitions returns the definitions of Objects in their Go type, for those who look into the schemas.
func Definitions() ([]apiextensionsv1.CustomResourceDefinition, error) {
	objects, err := Objects()
	if err != nil {
		return nil, err
	}
	definitions := make([]apiextensionsv1.CustomResourceDefinition, len(objects))
	for i, object := range objects {
		err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, &definitions[i], true)
		if err != nil {
			return nil, fmt.Errorf("decoding the definition %s: %w", object.GetName(), err)
		}
	}
	return definitions, nil
}
