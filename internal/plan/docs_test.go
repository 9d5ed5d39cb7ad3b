// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package plan_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/plan"
	"github.com/apisync/apisync/test/harness"
	"github.com/apisync/apisync/test/simulator"
)

// The capture in docs/plan.md is what docs/plan/capture.sh gives, which plays the same on a real control plane.
func TestCaptureInTheDocumentation(t *testing.T) {
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	read := func(name string) string {
		t.Helper()
		content, err := os.ReadFile(filepath.Join(root, "docs", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	_, capture, found := strings.Cut(read("plan.md"), "--cluster-id shop-east\n")
	capture, _, ended := strings.Cut(capture, "$ echo $?\n")
	if !found || !ended {
		t.Fatal("docs/plan.md has no capture any more, or this test has to learn where it is")
	}
	s := newScene(t)
	s.have(read("plan/before.yaml"))
	for _, api := range s.sim.APIs() {
		if api.Name == "Stock" {
			s.edit(api, func(definition map[string]any) { definition["description"] = "Edited in the console" })
		}
	}
	s.lose("search")
	options := s.options(read("plan/after.yaml"))
	options.Prune = labels.SelectorFromSet(labels.Set{"team": "shop"})
	report := s.plans(options)
	ids := regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	want, got := ids.ReplaceAllString(capture, "ID"), ids.ReplaceAllString(textOf(t, report, plan.TextOptions{}), "ID")
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("run docs/plan/capture.sh and take what it gives (-docs +now):\n%s", diff)
	}
	if report.ExitCode() != plan.ExitError {
		t.Errorf("exit code %d, and not that of the documentation", report.ExitCode())
	}
}

func (s *scene) edit(api simulator.APIState, change func(map[string]any)) {
	s.t.Helper()
	if err := s.sim.EditAPI(api.ID, change); err != nil {
		s.t.Fatal(err)
	}
}

// lose removes a resource of namespace shop without a trace of its deletion in the management API.
func (s *scene) lose(name string) {
	s.t.Helper()
	var api v1alpha1.ApiDefinition
	err := s.client.Get(s.t.Context(), client.ObjectKey{Namespace: "shop", Name: name}, &api)
	if err == nil {
		api.Finalizers = nil
		err = s.client.Update(s.t.Context(), &api)
	}
	if err == nil {
		err = s.client.Delete(s.t.Context(), &api)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}
