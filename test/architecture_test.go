// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

// Package test_test checks the whole tree.
package test_test

import (
	"bufio"
	"bytes"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/apisync/apisync/"

// allowed is the direction of dependencies: which of our packages each one may import. A package that isn't
// listed may not exist: the list is where a new one is thought about.
var allowed = map[string][]string{
	"api/v1alpha1":           {},
	"config/crd":             {},
	"internal/fault":         {},
	"internal/model":         {},
	"internal/translate":     {"api/v1alpha1", "internal/model", "internal/fault"},
	"internal/mapi":          {"internal/model", "internal/fault"},
	"internal/mapi/gravitee": {"internal/mapi", "internal/model", "internal/fault"},
	"internal/mapi/mapitest": {"internal/mapi", "internal/model", "internal/fault"},
	"internal/template":      {"internal/fault"},
	"internal/cloud":         {"internal/fault"},
	"internal/gateway":       {"api/v1alpha1", "internal/model", "internal/fault"},
	"internal/gather":        {"api/v1alpha1", "internal/cloud", "internal/mapi", "internal/model", "internal/fault", "internal/template"},
	"internal/lifecycle":     {"api/v1alpha1", "internal/fault"},
	"internal/metrics":       {"api/v1alpha1", "internal/mapi", "internal/model", "internal/fault", "internal/template"},
	"internal/install":       {},
	"internal/controller": {
		"api/v1alpha1", "internal/cloud", "internal/fault", "internal/gather", "internal/gateway", "internal/lifecycle", "internal/mapi", "internal/model",
		"internal/template", "internal/translate",
	},
	"internal/mask":     {"internal/model"},
	"internal/document": {},
	"internal/manifest": {"api/v1alpha1", "config/crd", "internal/mask", "internal/model"},
	"internal/cli": {
		"api/v1alpha1", "config/crd", "internal/cloud", "internal/controller", "internal/fault", "internal/gather", "internal/gateway", "internal/install",
		"internal/lifecycle", "internal/template",
		"internal/document", "internal/manifest", "internal/mapi", "internal/mask", "internal/model", "internal/orphan", "internal/plan", "internal/translate",
	},
	"internal/plan": {
		"api/v1alpha1", "internal/cloud", "internal/controller", "internal/document", "internal/fault", "internal/gather", "internal/gateway", "internal/lifecycle",
		"internal/mapi", "internal/mask", "internal/model", "internal/template", "internal/translate",
	},
	"internal/orphan": {
		"api/v1alpha1", "internal/cloud", "internal/document", "internal/fault", "internal/gather", "internal/mapi", "internal/mask", "internal/model",
		"internal/template", "internal/translate",
	},
}

// leaves may import nothing of Kubernetes: a back end gets plain data, and so does what it is made of.
var leaves = []string{"internal/fault", "internal/model", "internal/template", "internal/cloud", "internal/mapi", "internal/mapi/gravitee", "internal/mapi/mapitest", "internal/mask"}

func TestDirectionOfDependencies(t *testing.T) {
	for name, imports := range ourPackages(t) {
		permitted, known := allowed[name]
		if !known {
			t.Errorf("%s isn't in the list of packages: say what it may import", name)
			continue
		}
		for _, imported := range imports {
			if ours, ok := strings.CutPrefix(imported, module); ok && !slices.Contains(permitted, ours) {
				t.Errorf("%s must not import %s", name, ours)
			}
			if slices.Contains(leaves, name) && isKubernetes(imported) {
				t.Errorf("%s must not reach Kubernetes, but does through %s", name, imported)
			}
		}
	}
}

func isKubernetes(path string) bool {
	return strings.HasPrefix(path, "k8s.io/") || strings.HasPrefix(path, "sigs.k8s.io/")
}

// ourPackages maps the packages of the product, without tests, to all that they depend on.
func ourPackages(t *testing.T) map[string][]string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.ImportPath}}{{range .Deps}} {{.}}{{end}}", module+"internal/...", module+"api/...", module+"config/...")
	output, err := command.Output()
	if err != nil {
		t.Fatalf("listing packages: %v", err)
	}
	packages := map[string][]string{}
	lines := bufio.NewScanner(bytes.NewReader(output))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		packages[strings.TrimPrefix(words[0], module)] = words[1:]
	}
	if len(packages) < 10 {
		t.Fatalf("found only %d packages", len(packages))
	}
	return packages
}
