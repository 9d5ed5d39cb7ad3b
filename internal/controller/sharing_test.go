// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/test/simulator"
)

// Clusters share an API when their resources have one crossId, which follows from namespace and name, and run it locally.

// neighbour is a cluster whose context leads to the same place as that of another one. It hasn't looked at its API yet.
func neighbour(t *testing.T, first *site, cluster string, change ...func(api *v1alpha1.ApiDefinition)) *site {
	t.Helper()
	s := newSite(t, cluster, first.sim, shopAPI("orders", cluster, append([]func(*v1alpha1.ApiDefinition){local}, change...)...))
	s.lookAtContext()
	s.forget()
	return s
}

// marks are the clusters that the one API is marked with.
func marks(t *testing.T, sim *simulator.Simulator) []string {
	t.Helper()
	apis := sim.APIs()
	if len(apis) != 1 {
		t.Fatalf("%d APIs, want one", len(apis))
	}
	var found []string
	for _, label := range apis[0].Labels {
		if cluster, ok := strings.CutPrefix(label, "apisync-cluster="); ok {
			found = append(found, cluster)
		}
	}
	return found
}

func edited(api *v1alpha1.ApiDefinition) { api.Spec.Description = "another" }

func (s *site) published() bool {
	s.t.Helper()
	var found corev1.ConfigMapList
	if err := s.people.List(s.t.Context(), &found); err != nil {
		s.t.Fatal(err)
	}
	return len(found.Items) > 0
}

func TestJoiningASharedAPI(t *testing.T) {
	cases := map[string]struct {
		why     string
		cluster string
		change  func(api *v1alpha1.ApiDefinition)
		// writes are how many; refused is a part of the message of a Conflict.
		writes  int
		refused []string
		marks   []string
	}{
		"equal": {"its mark is added, so that the last one deletes it", "west", func(*v1alpha1.ApiDefinition) {}, 1, nil, []string{"east", "west"}},
		"differing": {
			"two resources would overwrite one another in turns", "west", edited, 0,
			[]string{`is shared with cluster "east"`, "differs from this resource in description", v1alpha1.ReconcileAtAnnotation}, []string{"east"},
		},
		"differing, and asked for": {
			"a person says whose spec counts", "west",
			func(api *v1alpha1.ApiDefinition) {
				edited(api)
				api.Annotations = map[string]string{v1alpha1.ReconcileAtAnnotation: "now"}
			}, 1, nil, []string{"east", "west"},
		},
		"equal, without a cluster id": {"there is no mark to add", "", func(*v1alpha1.ApiDefinition) {}, 0, nil, []string{"east"}},
		"differing and asked for, without a cluster id": {
			"it couldn't be told from a stranger afterwards", "",
			func(api *v1alpha1.ApiDefinition) {
				edited(api)
				api.Annotations = map[string]string{v1alpha1.ReconcileAtAnnotation: "now"}
			}, 0, []string{`is shared with cluster "east"`}, []string{"east"},
		},
		"equal, but not local": {
			"only what gateways of each cluster serve may have several publishers", "west",
			func(api *v1alpha1.ApiDefinition) {
				api.Spec.Local, api.Spec.DefinitionContext = false, nil
			}, 0, []string{`belongs to cluster "east"`}, []string{"east"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			east := inStep(t, "east", nil, local)
			west := neighbour(t, east, c.cluster, c.change)
			west.lookAtAPI("orders")
			api := west.api("orders")
			text := messageOf(api, v1alpha1.ReadyCondition)
			if len(west.writes()) != c.writes {
				t.Errorf("writes %v, want %d: %s", west.writes(), c.writes, c.why)
			}
			if diff := cmp.Diff(c.marks, marks(t, west.sim)); diff != "" {
				t.Errorf("marks (-want +got): %s\n%s", c.why, diff)
			}
			if c.refused != nil {
				if !failing(api, ownedElsewhere) || !isTold([]string{text}, c.refused...) || api.Status.ID != "" || len(api.Finalizers) > 0 || west.published() {
					t.Errorf("%v %q, id %q, published locally: %t: %s", verdicts(api), text, api.Status.ID, west.published(), c.why)
				}
				return
			}
			if !readyFor(api) || api.Status.ID != east.api("orders").Status.ID || !west.published() {
				t.Errorf("%v %q, id %q: %s", verdicts(api), text, api.Status.ID, c.why)
			}
			west.forget()
			for range 2 {
				west.annotate(&v1alpha1.ApiDefinition{}, "orders", v1alpha1.ReconcileAtAnnotation, "again"+text)
				if west.lookAtAPI("orders"); len(west.writes()) > 0 {
					t.Errorf("it goes on writing: %v", west.writes())
				}
			}
		})
	}
}

// shared are two clusters in step with one API.
func shared(t *testing.T) (east, west *site) {
	t.Helper()
	east = inStep(t, "east", nil, local)
	west = neighbour(t, east, "west")
	west.settle("orders")
	east.settle("orders")
	for _, s := range []*site{east, west} {
		if api := s.api("orders"); !readyFor(api) {
			t.Fatalf("not in step: %v %s", verdicts(api), messageOf(api, v1alpha1.ReadyCondition))
		}
	}
	if diff := cmp.Diff([]string{"east", "west"}, marks(t, east.sim)); diff != "" {
		t.Fatalf("marks (-want +got):\n%s", diff)
	}
	return east, west
}

func TestJoiningIsNoDriftForTheOthers(t *testing.T) {
	east, west := shared(t)
	for _, s := range []*site{east, west} {
		s.annotate(&v1alpha1.ApiDefinition{}, "orders", v1alpha1.ReconcileAtAnnotation, "now")
		s.lookAtAPI("orders")
		if api := s.api("orders"); verdicts(api)[v1alpha1.DriftedCondition] != "False/InStep" || len(s.writes()) > 0 {
			t.Errorf("%v, writes %v: the other's mark is nothing to be put right", verdicts(api), s.writes())
		}
	}
}

func TestDriftOfASharedAPI(t *testing.T) {
	east, west := shared(t)
	if err := west.sim.EditAPI(west.api("orders").Status.ID, func(definition map[string]any) { definition["description"] = "by hand" }); err != nil {
		t.Fatal(err)
	}
	west.sweep()
	west.forget()
	west.lookAtAPI("orders")
	api := west.api("orders")
	if !failing(api, ownedElsewhere) || !isTold([]string{messageOf(api, v1alpha1.ReadyCondition)}, `shared with cluster "east"`, "description") || len(west.writes()) > 0 {
		t.Errorf("%v %q, writes %v: whether a person or the other cluster wrote can't be told", verdicts(api), messageOf(api, v1alpha1.ReadyCondition), west.writes())
	}
	if !west.published() {
		t.Error("the gateways of this cluster have lost the API because of it")
	}
	west.annotate(&v1alpha1.ApiDefinition{}, "orders", v1alpha1.ReconcileAtAnnotation, "now")
	west.lookAtAPI("orders")
	api = west.api("orders")
	if !readyFor(api) || verdicts(api)[v1alpha1.DriftedCondition] != "False/Corrected" || len(west.writes()) != 1 {
		t.Errorf("asked for: %v, writes %v", verdicts(api), west.writes())
	}
	if diff := cmp.Diff([]string{"east", "west"}, marks(t, east.sim)); diff != "" {
		t.Errorf("marks (-want +got):\n%s", diff)
	}
	east.sweep()
	east.forget()
	if east.lookAtAPI("orders"); !readyFor(east.api("orders")) || len(east.writes()) > 0 {
		t.Errorf("the other one: %v, writes %v", verdicts(east.api("orders")), east.writes())
	}
}

// An edit of a resource is published, and the others say that theirs aren't equal any more until they are.
func TestEditOfASharedAPI(t *testing.T) {
	east, west := shared(t)
	east.editAPI("orders", edited)
	if east.lookAtAPI("orders"); !readyFor(east.api("orders")) || len(east.writes()) != 1 {
		t.Fatalf("%v, writes %v", verdicts(east.api("orders")), east.writes())
	}
	if diff := cmp.Diff([]string{"east", "west"}, marks(t, east.sim)); diff != "" {
		t.Errorf("marks (-want +got):\n%s", diff)
	}
	west.sweep()
	west.forget()
	for range 2 {
		if west.lookAtAPI("orders"); !failing(west.api("orders"), ownedElsewhere) || len(west.writes()) > 0 {
			t.Errorf("%v, writes %v: they would overwrite one another in turns", verdicts(west.api("orders")), west.writes())
		}
	}
	west.editAPI("orders", edited)
	west.lookAtAPI("orders")
	east.sweep()
	east.forget()
	east.lookAtAPI("orders")
	for _, s := range []*site{east, west} {
		if api := s.api("orders"); !readyFor(api) {
			t.Errorf("made equal: %v %s", verdicts(api), messageOf(api, v1alpha1.ReadyCondition))
		}
	}
	if len(east.writes()) > 0 {
		t.Errorf("the other one wrote again: %v", east.writes())
	}
}

func TestDeletionOfASharedAPI(t *testing.T) {
	goes := func(s *site) {
		s.t.Helper()
		s.remove(&v1alpha1.ApiDefinition{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "orders"}})
		s.forget()
		s.lookAtAPI("orders")
		if !isTold(s.told.events, "DeleteSucceeded") {
			s.t.Errorf("the resource isn't gone: %v", s.told.events)
		}
		if calls := strings.Join(s.calls, " "); !strings.Contains(calls, "delete ConfigMap shop/orders") {
			s.t.Errorf("gateways keep it: %s", calls)
		}
	}
	cases := map[string]struct {
		why    string
		before func(east, west *site)
		writes int
		left   []string
		marks  []string
	}{
		"equal": {
			"its mark is taken off", func(*site, *site) {}, 1,
			[]string{"LeftBehind", `since cluster "east" publishes it too`}, []string{"east"},
		},
		"different": {
			"a mark can only be changed with the whole definition, which isn't this one's any more",
			func(east, _ *site) {
				east.editAPI("orders", edited)
				east.lookAtAPI("orders")
			}, 0, []string{"LeftBehind", "its mark of this cluster stays, since the resources differ in description"}, []string{"east", "west"},
		},
		"what it refers to is gone": {
			"it can't be told whether it is equal",
			func(_, west *site) {
				west.editAPI("orders", func(api *v1alpha1.ApiDefinition) {
					api.Spec.Resources = []v1alpha1.ResourceOrRef{{Ref: &v1alpha1.Reference{Name: "gone"}}}
				})
			}, 0, []string{"LeftBehind", "its mark of this cluster stays"}, []string{"east", "west"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			east, west := shared(t)
			c.before(east, west)
			goes(west)
			if len(west.writes()) != c.writes || !isTold(west.told.events, c.left...) {
				t.Errorf("writes %v, events %v: %s", west.writes(), west.told.events, c.why)
			}
			if diff := cmp.Diff(c.marks, marks(t, west.sim)); diff != "" {
				t.Errorf("marks (-want +got): %s\n%s", c.why, diff)
			}
		})
	}
	t.Run("by the last one", func(t *testing.T) {
		east, west := shared(t)
		goes(west)
		goes(east)
		if len(east.sim.APIs()) > 0 || !slices.ContainsFunc(east.writes(), func(w string) bool { return strings.HasPrefix(w, "DELETE ") }) {
			t.Errorf("it is still there: %v", east.writes())
		}
		if isTold(east.told.events, "LeftBehind") {
			t.Errorf("events %v", east.told.events)
		}
	})
	t.Run("of what was never shared", func(t *testing.T) {
		east := inStep(t, "east", nil, local)
		west := neighbour(t, east, "west", edited)
		west.lookAtAPI("orders")
		west.editAPI("orders", func(api *v1alpha1.ApiDefinition) { api.Finalizers = []string{v1alpha1.ApiDefinitionFinalizer} })
		west.remove(&v1alpha1.ApiDefinition{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "orders"}})
		west.forget()
		west.lookAtAPI("orders")
		if diff := cmp.Diff([]string{"east"}, marks(t, east.sim)); diff != "" || len(west.writes()) > 0 {
			t.Errorf("writes %v, marks (-want +got):\n%s", west.writes(), diff)
		}
	})
}
