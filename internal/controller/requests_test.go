// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/controller"
	"github.com/apisync/apisync/test/simulator"
)

// inStep is a site with one API that is at rest.
func inStep(t *testing.T, cluster string, sim *simulator.Simulator, change ...func(api *v1alpha1.ApiDefinition)) *site {
	t.Helper()
	s := newSite(t, cluster, sim, shopAPI("orders", cluster, change...))
	s.settle("orders")
	if api := s.api("orders"); !readyFor(api) {
		t.Fatalf("not in step: %v %s", verdicts(api), messageOf(api, v1alpha1.ReadyCondition))
	}
	if s.lookAtAPI("orders"); len(s.sim.Requests()) > 0 || len(s.told.events) > 0 {
		t.Fatalf("not at rest: %v, %v", s.sim.Counts(), s.told.events)
	}
	s.forget()
	return s
}

func TestPause(t *testing.T) {
	cases := map[string]struct {
		why     string
		pause   func(s *site)
		resume  func(s *site)
		message string
	}{
		"by its own annotation": {
			"a person wants one API left alone",
			func(s *site) { s.annotate(&v1alpha1.ApiDefinition{}, "orders", v1alpha1.PausedAnnotation, "true") },
			func(s *site) { s.annotate(&v1alpha1.ApiDefinition{}, "orders", v1alpha1.PausedAnnotation, "") }, "of shop/orders asks",
		},
		"by that of its context": {
			"a person wants everything behind it left alone",
			func(s *site) { s.annotate(&v1alpha1.ManagementContext{}, "ctx", v1alpha1.PausedAnnotation, "true") },
			func(s *site) { s.annotate(&v1alpha1.ManagementContext{}, "ctx", v1alpha1.PausedAnnotation, "false") }, "of shop/ctx asks",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := inStep(t, "", nil)
			before := s.api("orders")
			c.pause(s)
			s.editAPI("orders", func(api *v1alpha1.ApiDefinition) { api.Spec.Description = "edited" })
			for range 2 {
				if result := s.lookAtAPI("orders"); result.failed || result.RequeueAfter != 0 {
					t.Errorf("it is looked at again after %v, failed: %t: only the annotation's end matters", result.RequeueAfter, result.failed)
				}
			}
			if diff := cmp.Diff([]string{"patch status of ApiDefinition shop/orders"}, s.calls); diff != "" || len(s.sim.Requests()) > 0 || len(s.told.events) > 0 {
				t.Errorf("requests %v, events %v, calls (-want +got):\n%s", s.sim.Counts(), s.told.events, diff)
			}
			held := s.api("orders")
			want := verdicts(before)
			want[v1alpha1.PausedCondition] = "True/" + controller.ReasonPaused
			delete(want, v1alpha1.DriftedCondition)
			if diff := cmp.Diff(want, verdicts(held)); diff != "" || !strings.Contains(messageOf(held, v1alpha1.PausedCondition), c.message) {
				t.Errorf("Paused says %q; the verdict of before stays, but nobody looks for drift (-want +got):\n%s", messageOf(held, v1alpha1.PausedCondition), diff)
			}
			held.Status.Conditions, before.Status.Conditions = nil, nil
			if diff := cmp.Diff(before.Status, held.Status); diff != "" {
				t.Errorf("something else of the status changed:\n%s", diff)
			}
			c.resume(s)
			s.lookAtAPI("orders")
			resumed := s.api("orders")
			if verdicts(resumed)[v1alpha1.PausedCondition] != "" || verdicts(resumed)[v1alpha1.DriftedCondition] == "" || !readyFor(resumed) || resumed.Status.ObservedGeneration != 2 {
				t.Errorf("afterwards: %v for generation %d", verdicts(resumed), resumed.Status.ObservedGeneration)
			}
			if len(s.writes()) != 1 {
				t.Errorf("what was edited meanwhile is published: %v", s.writes())
			}
		})
	}
}

// An API that wasn't edited while it was paused is read, since it may have been edited elsewhere, although the last bulk look is as old
// as the pause.
func TestPauseWithoutAnEdit(t *testing.T) {
	for policy, drifted := range map[string]string{v1alpha1.DriftPolicyCorrect: "False/InStep", v1alpha1.DriftPolicyReport: "False/InStep", v1alpha1.DriftPolicyOff: ""} {
		t.Run(policy, func(t *testing.T) {
			s := inStep(t, "", nil, func(api *v1alpha1.ApiDefinition) {
				api.Annotations = map[string]string{v1alpha1.DriftPolicyAnnotation: policy}
			})
			s.annotate(&v1alpha1.ApiDefinition{}, "orders", v1alpha1.PausedAnnotation, "true")
			s.lookAtAPI("orders")
			s.annotate(&v1alpha1.ApiDefinition{}, "orders", v1alpha1.PausedAnnotation, "")
			s.lookAtAPI("orders")
			if api := s.api("orders"); verdicts(api)[v1alpha1.PausedCondition] != "" || verdicts(api)[v1alpha1.DriftedCondition] != drifted {
				t.Errorf("conditions %v", verdicts(api))
			}
			if len(s.writes()) > 0 || len(s.sim.Requests()) == 0 {
				t.Errorf("writes %v, requests %v: it has to be read, and nothing has to be written", s.writes(), s.sim.Counts())
			}
			s.forget()
			if s.lookAtAPI("orders"); len(s.sim.Requests()) > 0 || len(s.calls) > 0 {
				t.Errorf("it isn't at rest again: %v, %v", s.sim.Counts(), s.calls)
			}
		})
	}
}

// Not even what it refers to is looked up, and nothing is put on the object.
func TestPauseBeforeTheFirstLook(t *testing.T) {
	s := newSite(t, "", nil, shopAPI("orders", "", func(api *v1alpha1.ApiDefinition) {
		api.Annotations = map[string]string{v1alpha1.PausedAnnotation: "true"}
		api.Spec.ContextRef.Name, api.Spec.Description = "nowhere", `[[ secret "nowhere/text" ]]`
	}))
	s.lookAtAPI("orders")
	api := s.api("orders")
	if diff := cmp.Diff(map[string]string{v1alpha1.PausedCondition: "True/Paused"}, verdicts(api)); diff != "" || api.Status.ObservedGeneration != -1 || len(api.Finalizers) > 0 {
		t.Errorf("generation %d, finalizers %v, conditions (-want +got):\n%s", api.Status.ObservedGeneration, api.Finalizers, diff)
	}
	if diff := cmp.Diff([]string{"patch status of ApiDefinition shop/orders"}, s.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// A slip of the pen must not be taken for an answer to "may this be written to?".
func TestAnnotationsThatCannotBeRead(t *testing.T) {
	cases := map[string]struct {
		why        string
		onContext  bool
		annotation string
		value      string
		known      string
	}{
		"pause":               {"yes isn't true", false, v1alpha1.PausedAnnotation, "yes", "use true or false"},
		"pause of a context":  {"the same for all of its APIs", true, v1alpha1.PausedAnnotation, "True", "use true or false"},
		"adoption policy":     {"there is one, and its absence", false, v1alpha1.AdoptionPolicyAnnotation, "if-equals", "use if-equal, or leave it out"},
		"an adoption never":   {"a wish that can't be met is told", false, v1alpha1.AdoptionPolicyAnnotation, "never", "use if-equal, or leave it out"},
		"drift policy":        {"as before", false, v1alpha1.DriftPolicyAnnotation, "ignore", "use correct, report or off"},
		"drift policy, empty": {"an empty one is a value", false, v1alpha1.DriftPolicyAnnotation, " ", "use correct, report or off"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, "", nil, shopAPI("orders", ""))
			s.lookAtContext()
			if c.onContext {
				s.annotate(&v1alpha1.ManagementContext{}, "ctx", c.annotation, c.value)
			} else {
				s.annotate(&v1alpha1.ApiDefinition{}, "orders", c.annotation, c.value)
			}
			s.lookAtAPI("orders")
			api := s.api("orders")
			text := messageOf(api, v1alpha1.ReadyCondition)
			if !failing(api, illegalState) || !strings.Contains(text, "metadata.annotations["+c.annotation+"]") || !strings.Contains(text, c.known) {
				t.Errorf("%v %q: %s", verdicts(api), text, c.why)
			}
			if len(s.writes()) > 0 {
				t.Errorf("something was written all the same: %v", s.writes())
			}
		})
	}
}

func TestReconcileAt(t *testing.T) {
	const now, later = "2030-01-01T00:00:00Z", "2030-01-02T00:00:00Z"
	onAPI := func(s *site, value string) {
		s.annotate(&v1alpha1.ApiDefinition{}, "orders", v1alpha1.ReconcileAtAnnotation, value)
	}
	onContext := func(s *site, value string) {
		s.annotate(&v1alpha1.ManagementContext{}, "ctx", v1alpha1.ReconcileAtAnnotation, value)
	}
	s := inStep(t, "", nil)
	steps := []struct {
		why      string
		do       func()
		read     bool
		answered string
	}{
		{"nobody asks", func() {}, false, ""},
		{"a person asks", func() { onAPI(s, now) }, true, now},
		{"it was answered", func() {}, false, now},
		{"a new value is a new request", func() { onAPI(s, later) }, true, later},
		{"one on the context is one for each of its APIs", func() { onContext(s, now) }, true, later + " " + now},
		{"they were answered", func() {}, false, later + " " + now},
		{"a change of either is one", func() { onContext(s, later) }, true, later + " " + later},
		{"taking one away leaves another text than was answered, which costs one look", func() { onAPI(s, "") }, true, later},
		{"taking the last one away asks for nothing", func() { onContext(s, "") }, false, later},
	}
	for _, step := range steps {
		t.Run(step.why, func(t *testing.T) {
			s.forget()
			step.do()
			s.lookAtAPI("orders")
			read := slices.ContainsFunc(s.sim.Requests(), func(r simulator.Request) bool {
				return r.Method == http.MethodGet && strings.HasSuffix(r.Path, "/apis/"+s.api("orders").Status.ID)
			})
			if read != step.read || len(s.writes()) > 0 {
				t.Errorf("read: %t, want %t; writes %v", read, step.read, s.writes())
			}
			if api := s.api("orders"); api.Status.Sync.ReconcileAt != step.answered || !readyFor(api) {
				t.Errorf("answered %q, want %q; %v", api.Status.Sync.ReconcileAt, step.answered, verdicts(api))
			}
			if patches := strings.Join(s.calls, " "); strings.Contains(patches, "patch status") != step.read {
				t.Errorf("calls %s", patches)
			}
		})
	}
}

// A request is answered when it was done, and not when it was tried.
func TestReconcileAtIsAnsweredWhenItIsDone(t *testing.T) {
	s := inStep(t, "", nil)
	s.annotate(&v1alpha1.ApiDefinition{}, "orders", v1alpha1.ReconcileAtAnnotation, "now")
	broken := s.sim.Inject(simulator.Fault{Path: "/apis/" + s.api("orders").Status.ID, Mode: simulator.ModeStatus, Status: http.StatusServiceUnavailable})
	for range 2 {
		if s.lookAtAPI("orders"); s.api("orders").Status.Sync.ReconcileAt != "" {
			t.Fatal("a request that failed was answered")
		}
	}
	broken.Remove()
	s.lookAtContext() // The circuit breaker may have opened.
	if err := s.sim.EditAPI(s.api("orders").Status.ID, func(definition map[string]any) { definition["description"] = "by hand" }); err != nil {
		t.Fatal(err)
	}
	s.lookAtAPI("orders")
	api := s.api("orders")
	if api.Status.Sync.ReconcileAt != "now" || verdicts(api)[v1alpha1.DriftedCondition] != "False/Corrected" {
		t.Errorf("answered %q, %v: a request sees at once what the bulk look would have shown", api.Status.Sync.ReconcileAt, verdicts(api))
	}
}

// before is a management API in which another operator, which left no marks, has published orders.
func before(t *testing.T, change ...func(api *v1alpha1.ApiDefinition)) *simulator.Simulator {
	t.Helper()
	s := inStep(t, "", nil, change...)
	return s.sim
}

func TestAdoptionIfEqual(t *testing.T) {
	ifEqual := func(api *v1alpha1.ApiDefinition) {
		api.Annotations = map[string]string{v1alpha1.AdoptionPolicyAnnotation: v1alpha1.AdoptionPolicyIfEqual}
		api.UID = "0a000000-0000-4000-8000-00000000beef"
	}
	edited := func(api *v1alpha1.ApiDefinition) { api.Spec.Description = "another" }
	t.Run("equal", func(t *testing.T) {
		s := newSite(t, "", before(t), shopAPI("orders", "", ifEqual))
		s.lookAtContext()
		s.sim.ForgetRequests()
		s.lookAtAPI("orders")
		api := s.api("orders")
		if !readyFor(api) || api.Status.ID != string(shopAPI("orders", "").UID) || len(s.writes()) > 0 {
			t.Errorf("%v, id %s, writes %v: nothing differs, so it is taken over as it is", verdicts(api), api.Status.ID, s.writes())
		}
		if !isTold(s.told.events, "UpdateWarning", "took over API") {
			t.Errorf("nobody was told: %v", s.told.events)
		}
		s.forget()
		s.editAPI("orders", edited)
		if s.lookAtAPI("orders"); len(s.writes()) != 1 || !readyFor(s.api("orders")) {
			t.Errorf("writes %v, %v: now it is this resource's, and follows it", s.writes(), verdicts(s.api("orders")))
		}
	})
	t.Run("different", func(t *testing.T) {
		s := newSite(t, "", before(t), shopAPI("orders", "", ifEqual, edited))
		s.lookAtContext()
		s.sim.ForgetRequests()
		s.lookAtAPI("orders")
		api := s.api("orders")
		text := messageOf(api, v1alpha1.ReadyCondition)
		if !failing(api, ownedElsewhere) || !strings.Contains(text, "differs in description") || !strings.Contains(text, v1alpha1.AdoptionPolicyIfEqual) || len(s.writes()) > 0 {
			t.Errorf("%v %q, writes %v", verdicts(api), text, s.writes())
		}
		if api.Status.ID != "" || api.Annotations[v1alpha1.IdentityAnnotation] != "" || len(api.Finalizers) > 0 {
			t.Errorf("id %q, annotations %v, finalizers %v: nothing of the API may be remembered as its own", api.Status.ID, api.Annotations, api.Finalizers)
		}
		s.editAPI("orders", func(api *v1alpha1.ApiDefinition) { api.Spec.Description = "orders service" })
		if s.lookAtAPI("orders"); !readyFor(s.api("orders")) || len(s.writes()) > 0 {
			t.Errorf("made equal: %v, writes %v", verdicts(s.api("orders")), s.writes())
		}
	})
	t.Run("different, and the annotation is taken away", func(t *testing.T) {
		s := newSite(t, "", before(t), shopAPI("orders", "", ifEqual, edited))
		s.lookAtContext()
		s.lookAtAPI("orders")
		s.annotate(&v1alpha1.ApiDefinition{}, "orders", v1alpha1.AdoptionPolicyAnnotation, "")
		s.forget()
		s.lookAtAPI("orders")
		if api := s.api("orders"); !readyFor(api) || len(s.writes()) != 1 || !isTold(s.told.events, "UpdateWarning", "took over API") {
			t.Errorf("%v, writes %v, events %v", verdicts(api), s.writes(), s.told.events)
		}
	})
	t.Run("absent", func(t *testing.T) {
		s := newSite(t, "", nil, shopAPI("orders", "", ifEqual))
		s.settle("orders")
		if api := s.api("orders"); !readyFor(api) || api.Status.ID != string(api.UID) {
			t.Errorf("%v, id %s: there was nothing to take over", verdicts(api), api.Status.ID)
		}
	})
}

// The deletion of something that was never taken over deletes nothing.
func TestDeletionAfterAnAdoptionThatWasRefused(t *testing.T) {
	s := newSite(t, "", before(t), shopAPI("orders", "", func(api *v1alpha1.ApiDefinition) {
		api.UID = "0a000000-0000-4000-8000-00000000beef"
		api.Annotations = map[string]string{v1alpha1.AdoptionPolicyAnnotation: v1alpha1.AdoptionPolicyIfEqual}
		api.Spec.Description = "another"
		api.Finalizers = []string{v1alpha1.ApiDefinitionFinalizer}
	}))
	s.lookAtContext()
	s.lookAtAPI("orders")
	s.remove(&v1alpha1.ApiDefinition{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "orders"}})
	s.forget()
	s.lookAtAPI("orders")
	if len(s.writes()) > 0 || len(s.sim.APIs()) != 1 || !isTold(s.told.events, "DeleteSucceeded") {
		t.Errorf("writes %v, events %v", s.writes(), s.told.events)
	}
}
