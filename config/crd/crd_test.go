// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package crd_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/apisync/apisync/config/crd"
)

// TestKustomizationIsComplete shows that kustomize installs the same definitions as the operator does: a new
// kind is embedded by itself, but has to be listed for kustomize.
func TestKustomizationIsComplete(t *testing.T) {
	content, err := os.ReadFile("kustomization.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var kustomization struct{ Resources []string }
	if err := yaml.Unmarshal(content, &kustomization); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("bases/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(kustomization.Resources)
	if difference := cmp.Diff(files, kustomization.Resources); difference != "" {
		t.Errorf("kustomization.yaml (-in bases +listed):\n%s", difference)
	}
	embedded, err := crd.Objects()
	if err != nil {
		t.Fatal(err)
	}
	if len(embedded) != len(files) {
		t.Errorf("%d of %d definitions are embedded", len(embedded), len(files))
	}
}

// TestObjectsAreCopies shows that a caller who changes what it got changes nothing for the next one, and that
// there is no status that a server-side apply would claim.
func TestObjectsAreCopies(t *testing.T) {
	first, err := crd.Objects()
	if err != nil {
		t.Fatal(err)
	}
	for _, definition := range first {
		if _, found := definition.Object["status"]; found {
			t.Errorf("%s has a status", definition.GetName())
		}
		definition.SetName("changed")
	}
	second, err := crd.Objects()
	if err != nil {
		t.Fatal(err)
	}
	if second[0].GetName() == "changed" {
		t.Error("callers share the definitions")
	}
}
