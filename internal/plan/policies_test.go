// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package plan_test

import (
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/plan"
)

func TestPaused(t *testing.T) {
	changed := replaced(t, ordersYAML, "Takes orders", "Takes all orders")
	annotated := func(text, name string) string {
		return replaced(t, text, "name: "+name+"}", "name: "+name+", annotations: {apisync.github.io/paused: \"true\"}}")
	}
	cases := map[string]struct {
		why     string
		files   []string
		remove  bool
		verdict plan.Verdict
		reason  string
	}{
		"the API":             {"nothing is done", []string{annotated(changed, "orders")}, false, plan.VerdictNone, "it is paused"},
		"its context":         {"nothing is done through it", []string{annotated(contextYAML, "ctx"), changed}, false, plan.VerdictNone, "it is paused with its context ns/ctx"},
		"its context alone":   {"the APIs of it are concerned", []string{annotated(contextYAML, "ctx")}, false, plan.VerdictNone, "it is paused with its context ns/ctx"},
		"an unknown value":    {"a mistake isn't taken for a word", []string{replaced(t, annotated(changed, "orders"), `"true"`, `"yes"`)}, false, plan.VerdictRefused, ""},
		"neither":             {"it is published", []string{changed}, false, plan.VerdictUpdate, "the wanted state changes"},
		"neither, told to go": {"it is deleted", []string{changed}, true, plan.VerdictDelete, "the resource is to be deleted"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.have(contextYAML, ordersYAML)
			options := s.options(c.files...)
			options.Delete = c.remove
			report := s.plans(options)
			o := object(t, report, "ns/orders")
			if o.Verdict != c.verdict || o.Reason != c.reason {
				t.Errorf("%s, since %q, %+v: %s", o.Verdict, o.Reason, o.Fault, c.why)
			}
			if c.verdict == plan.VerdictNone && !strings.Contains(textOf(t, report, plan.TextOptions{}), "ns/orders stays as it is: "+c.reason) {
				t.Errorf("that nothing is done isn't that nothing has to be:\n%s", textOf(t, report, plan.TextOptions{}))
			}
		})
	}
	t.Run("deletion", func(t *testing.T) {
		s := newScene(t)
		s.have(contextYAML, ordersYAML)
		s.annotate("orders", "apisync.github.io/paused", "true")
		options := s.options(ordersYAML)
		options.Delete = true
		if o := object(t, s.plans(options), "ns/orders"); o.Verdict != plan.VerdictWaiting || !strings.Contains(o.Fault.Message, "paused") {
			t.Errorf("a paused API isn't deleted: %+v", o)
		}
	})
}

func TestAdoptionIfEqual(t *testing.T) {
	careful := replaced(t, ordersYAML, "name: orders}", "name: orders, annotations: {apisync.github.io/adoption-policy: if-equal}}", "spec:\n", "spec:\n  crossId: shared-key\n")
	s := newScene(t)
	s.have(contextYAML, replaced(t, ordersYAML, "name: orders}", "name: theirs}", "spec:\n", "spec:\n  crossId: shared-key\n"))
	other := newScene(t)
	other.wire.sim = s.sim
	equal := object(t, other.plans(other.options(contextYAML, careful)), "ns/orders")
	if equal.Verdict != plan.VerdictTakeOver || len(equal.Writes) > 0 {
		t.Errorf("what is as wanted is taken over: %+v", equal)
	}
	s.edit(s.sim.APIs()[0], func(definition map[string]any) { definition["description"] = "theirs" })
	differs := object(t, other.plans(other.options(contextYAML, careful)), "ns/orders")
	if differs.Verdict != plan.VerdictRefused || differs.Fault.Kind != "conflict" || !strings.Contains(differs.Fault.Message, "if-equal") {
		t.Errorf("what differs isn't: %+v", differs)
	}
	if got := lines(differs.Changes); !slices.Equal(got, []string{"description: theirs -> Takes orders"}) {
		t.Errorf("it isn't told in what it differs: %v", got)
	}
	if len(differs.Writes) > 0 {
		t.Errorf("writes %v", differs.Writes)
	}
}

// Clusters whose gateways read ConfigMaps share one API in the management API.
func TestSharedAPIs(t *testing.T) {
	shared := replaced(t, ordersYAML, "spec:\n", "spec:\n  local: true\n")
	begin := func(t *testing.T) (east, west *scene) {
		t.Helper()
		east, west = newScene(t), newScene(t)
		east.cluster("east")
		east.have(contextYAML, shared)
		west.wire.sim = east.sim
		return east, west
	}
	t.Run("equal", func(t *testing.T) {
		_, west := begin(t)
		options := west.options(contextYAML, shared)
		options.ClusterID = "west"
		o := object(t, west.plans(options), "ns/orders")
		if o.Verdict != plan.VerdictTakeOver || !strings.Contains(o.Reason, "shared with cluster east") || len(o.Writes) != 2 {
			t.Errorf("this cluster's mark is added, and its gateways get the ConfigMap: %+v", o)
		}
	})
	t.Run("another", func(t *testing.T) {
		_, west := begin(t)
		options := west.options(contextYAML, replaced(t, shared, "Takes orders", "Takes all orders"))
		options.ClusterID = "west"
		o := object(t, west.plans(options), "ns/orders")
		if o.Verdict != plan.VerdictRefused || o.Fault.Kind != "conflict" || !strings.Contains(o.Fault.Message, `shared with cluster "east"`) {
			t.Errorf("two clusters that want different things: %+v", o)
		}
		if got := strings.Join(lines(o.Changes), "\n"); !strings.Contains(got, "description: Takes orders -> Takes all orders") {
			t.Errorf("it isn't told in what they differ: %s", got)
		}
	})
	t.Run("the one that leaves", func(t *testing.T) {
		east, west := begin(t)
		west.cluster("west")
		west.have(contextYAML, shared)
		options := east.options(shared)
		options.ClusterID, options.Delete = "east", true
		o := object(t, east.plans(options), "ns/orders")
		if len(o.Writes) != 2 || o.Writes[0].ConfigMap == "" && o.Writes[0].Operation != "update" || len(o.Warnings) != 1 {
			t.Errorf("only its mark goes, and its gateways' ConfigMap: %+v", o)
		}
	})
}

// cluster gives the scene's operator a cluster id.
func (s *scene) cluster(id string) { s.published.Cluster = id }

// annotate sets an annotation of an ApiDefinition.
func (s *scene) annotate(name, annotation, value string) {
	s.t.Helper()
	var api v1alpha1.ApiDefinition
	err := s.client.Get(s.t.Context(), client.ObjectKey{Namespace: "ns", Name: name}, &api)
	if err == nil {
		if api.Annotations == nil {
			api.Annotations = map[string]string{}
		}
		api.Annotations[annotation] = value
		err = s.client.Update(s.t.Context(), &api)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}
