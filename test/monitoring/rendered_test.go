// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

// Package monitoring_test checks the alert rules, the dashboard and their documentation with Prometheus' own parser and
// query engine. It is a module of its own, so that Prometheus isn't among the product's dependencies.
package monitoring_test

import (
	"encoding/json"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

const root = "../.."

// overlay builds what people install.
func overlay(t *testing.T) resmap.ResMap {
	t.Helper()
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), filepath.Join(root, "config/overlays/with-monitoring"))
	if err != nil {
		t.Fatalf("building the overlay: %v", err)
	}
	return built
}

// one gives the only object of a kind that keep wants, decoded into T.
func one[T any](t *testing.T, kind string, keep func(*resource.Resource) bool) T {
	t.Helper()
	var found []*resource.Resource
	for _, candidate := range overlay(t).Resources() {
		if candidate.GetKind() == kind && keep(candidate) {
			found = append(found, candidate)
		}
	}
	if len(found) != 1 {
		t.Fatalf("the overlay with-monitoring has %d objects of kind %s that are meant here, want one", len(found), kind)
	}
	content, err := found[0].MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var decoded T
	if err := json.Unmarshal(content, &decoded); err != nil {
		t.Fatal(err)
	}
	return decoded
}

func isAny(*resource.Resource) bool { return true }

// newParser reads PromQL as a Prometheus without experimental features does.
func newParser() parser.Parser { return parser.NewParser(parser.Options{}) }

// rules are those of the PrometheusRule that is installed, as Prometheus itself reads them.
func rules(t *testing.T) []rulefmt.Rule {
	t.Helper()
	installed := one[struct{ Spec json.RawMessage }](t, "PrometheusRule", isAny)
	groups, problems := rulefmt.Parse(installed.Spec, false, model.LegacyValidation, newParser(), slog.New(slog.DiscardHandler))
	for _, problem := range problems {
		t.Error(problem)
	}
	if t.Failed() {
		t.FailNow()
	}
	var all []rulefmt.Rule
	for _, group := range groups.Groups {
		all = append(all, group.Rules...)
	}
	if len(all) < 10 {
		t.Fatalf("found only %d rules", len(all))
	}
	return all
}

func alerts(t *testing.T) map[string]rulefmt.Rule {
	t.Helper()
	found := map[string]rulefmt.Rule{}
	for _, rule := range rules(t) {
		if rule.Alert == "" {
			continue
		}
		if _, twice := found[rule.Alert]; twice {
			t.Errorf("two alerts are called %s", rule.Alert)
		}
		found[rule.Alert] = rule
	}
	return found
}
