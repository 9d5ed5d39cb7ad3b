// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/test/simulator"
)

const (
	readsConfigMap  = "get ConfigMap shop/orders"
	makesConfigMap  = "create ConfigMap shop/orders"
	mendsConfigMap  = "update ConfigMap shop/orders"
	takesConfigMap  = "delete ConfigMap shop/orders"
	writesItsStatus = "patch status of ApiDefinition shop/orders"
)

func onlyLocal(api *v1alpha1.ApiDefinition) { api.Spec.ContextRef, api.Spec.Local = nil, true }

// served is what gateways read; nil when there is nothing.
func (s *site) served() map[string]any {
	s.t.Helper()
	var found corev1.ConfigMap
	err := s.people.Get(s.t.Context(), client.ObjectKey{Namespace: "shop", Name: "orders"}, &found)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return decode([]byte(found.Data["definition"]))
}

func configMap() *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "orders"}}
}

// A local API is looked at whenever it is woken, since its ConfigMap lies in this cluster; that costs one read.
func TestLocalAtRest(t *testing.T) {
	cases := map[string]struct {
		why    string
		change func(api *v1alpha1.ApiDefinition)
		calls  []string
	}{
		"local":               {"the ConfigMap is compared", local, []string{readsConfigMap}},
		"without a context":   {"the same", onlyLocal, []string{readsConfigMap}},
		"not local":           {"there is none, as the cache knows", func(*v1alpha1.ApiDefinition) {}, nil},
		"local, but stopped":  {"the same", func(api *v1alpha1.ApiDefinition) { local(api); api.Spec.State = v1alpha1.StateStopped }, nil},
		"stopped, no context": {"the same", func(api *v1alpha1.ApiDefinition) { onlyLocal(api); api.Spec.State = v1alpha1.StateStopped }, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, "", nil, shopAPI("orders", "", c.change))
			s.settle("orders")
			for range 2 {
				s.forget()
				if result := s.lookAtAPI("orders"); result.failed {
					t.Error("it failed")
				}
				if diff := cmp.Diff(c.calls, s.calls); diff != "" || len(s.sim.Requests()) > 0 || len(s.told.events) > 0 {
					t.Errorf("requests %v, events %v, calls (-want +got): %s\n%s", s.sim.Counts(), s.told.events, c.why, diff)
				}
			}
		})
	}
}

// What people do to the ConfigMap is put right and told, without the management API being asked.
func TestConfigMapAtRest(t *testing.T) {
	cases := map[string]struct {
		why   string
		do    func(s *site)
		calls []string
		told  string
	}{
		"deleted": {"it comes back", func(s *site) { s.remove(configMap()) }, []string{readsConfigMap, makesConfigMap}, "Published ConfigMap shop/orders for gateways"},
		"edited": {
			"it is as it was", func(s *site) {
				edit(s, configMap(), "orders", func(c *corev1.ConfigMap) { c.Data["definition"] = "{}" })
			}, []string{readsConfigMap, mendsConfigMap}, "Updated ConfigMap shop/orders for gateways (data.definition)",
		},
		"lost its labels": {
			"gateways find it by them", func(s *site) { edit(s, configMap(), "orders", func(c *corev1.ConfigMap) { c.Labels = nil }) },
			[]string{readsConfigMap, mendsConfigMap}, "Restored ConfigMap shop/orders",
		},
	}
	for where, change := range map[string]func(api *v1alpha1.ApiDefinition){"published too": local, "only local": onlyLocal} {
		for name, c := range cases {
			t.Run(where+", "+name, func(t *testing.T) {
				s := newSite(t, "", nil, shopAPI("orders", "", change))
				s.settle("orders")
				before, verdict := s.served(), s.api("orders")
				c.do(s)
				s.forget()
				s.lookAtAPI("orders")
				if diff := cmp.Diff(c.calls, s.calls); diff != "" || len(s.sim.Requests()) > 0 {
					t.Errorf("requests %v, calls (-want +got): %s\n%s", s.sim.Counts(), c.why, diff)
				}
				if len(s.told.events) != 1 || !isTold(s.told.events, "UpdateSucceeded", c.told) {
					t.Errorf("events %v, want one with %q", s.told.events, c.told)
				}
				if diff := cmp.Diff(before, s.served()); diff != "" {
					t.Errorf("gateways read (-before +after):\n%s", diff)
				}
				after := s.api("orders")
				if diff := cmp.Diff(verdict, after); diff != "" {
					t.Errorf("the status was changed:\n%s", diff)
				}
			})
		}
	}
}

func TestLocalPublishedToo(t *testing.T) {
	s := newSite(t, "", nil, shopAPI("orders", "", local))
	s.lookAtContext()
	s.forget()
	s.lookAtAPI("orders")
	api, served := s.api("orders"), s.served()
	if !readyFor(api) || len(s.writes()) != 1 || served["id"] != api.Status.ID || served["local"] != true {
		t.Errorf("%v, writes %v, gateways read %v", verdicts(api), s.writes(), served)
	}
	if plan := served["plans"].([]any)[0].(map[string]any); plan["id"] != api.Status.Plans["plan-of-orders"] || plan["api"] != api.Status.ID {
		t.Errorf("gateways read the plan %v, the management API knows %v", plan, api.Status.Plans)
	}
	if !isTold(s.told.events, "UpdateSucceeded", "Published API "+api.Status.ID, "; Published ConfigMap shop/orders for gateways") {
		t.Errorf("both are told in one sentence: %v", s.told.events)
	}
	sent := decode(s.sim.Writes()[0].Body)
	if context, _ := sent["definition_context"].(map[string]any); context["syncFrom"] != "KUBERNETES" || sent["local"] != nil {
		t.Errorf("the management API is told %v: its gateways would serve it, too", context)
	}
}

func TestLocalChanges(t *testing.T) {
	steps := []struct {
		why    string
		change func(api *v1alpha1.ApiDefinition)
		served bool
		writes int
		told   string
	}{
		{"published to the management API alone", func(*v1alpha1.ApiDefinition) {}, false, 0, ""},
		{"served here as well: both are told", local, true, 1, "Published ConfigMap shop/orders"},
		{"edited: both follow", edited, true, 1, "Updated ConfigMap shop/orders for gateways (data.definition)"},
		{"stopped: no gateway may read it", func(api *v1alpha1.ApiDefinition) { api.Spec.State = v1alpha1.StateStopped }, false, 1, "Withdrew ConfigMap shop/orders"},
		{"started again", func(api *v1alpha1.ApiDefinition) { api.Spec.State = v1alpha1.StateStarted }, true, 1, "Published ConfigMap shop/orders"},
		{"no longer served here", func(api *v1alpha1.ApiDefinition) { api.Spec.Local = false }, false, 1, "Withdrew ConfigMap shop/orders"},
	}
	s := inStep(t, "", nil)
	for _, step := range steps {
		t.Run(step.why, func(t *testing.T) {
			s.forget()
			s.editAPI("orders", step.change)
			s.lookAtAPI("orders")
			api := s.api("orders")
			if !readyFor(api) || (s.served() != nil) != step.served || len(s.writes()) != step.writes {
				t.Errorf("%v %s, served: %t, writes %v", verdicts(api), messageOf(api, v1alpha1.ReadyCondition), s.served() != nil, s.writes())
			}
			if step.told != "" && !isTold(s.told.events, "UpdateSucceeded", step.told) {
				t.Errorf("events %v, want %q", s.told.events, step.told)
			}
			if served := s.served(); served != nil && served["description"] != api.Spec.Description {
				t.Errorf("gateways read %v", served["description"])
			}
		})
	}
}

// The status of an API that no management API knows is GKO's: an id and a state (shared/contract/cases/25-local-no-context).
func TestOnlyLocalStatus(t *testing.T) {
	s := newSite(t, "", nil, shopAPI("orders", "", onlyLocal))
	s.lookAtAPI("orders")
	api := s.api("orders")
	want := map[string]string{"Ready": "True/Synchronized", "Accepted": "True/Accepted", "ResolvedRefs": "True/ResolvedRefs", "Served": "True/Served"}
	if diff := cmp.Diff(want, verdicts(api)); diff != "" || messageOf(api, v1alpha1.ReadyCondition) != "The gateways of this cluster read it from ConfigMap shop/orders" {
		t.Errorf("%q, conditions (-want +got):\n%s", messageOf(api, v1alpha1.ReadyCondition), diff)
	}
	conditions := api.Status.Conditions
	api.Status.Conditions = nil
	if diff := cmp.Diff(v1alpha1.ApiDefinitionStatus{
		ID: string(api.UID), State: v1alpha1.StateStarted, ObservedGeneration: 1, ProcessingStatus: v1alpha1.ProcessingCompleted,
	}, api.Status); diff != "" || len(conditions) != 4 {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	if served := s.served(); served["id"] != string(api.UID) || served["contextRef"] != nil {
		t.Errorf("gateways read %v", served)
	}
	if !slices.Contains(api.Finalizers, v1alpha1.ApiDefinitionFinalizer) || api.Annotations[v1alpha1.IdentityAnnotation] != "" {
		t.Errorf("finalizers %v, annotations %v: there is nothing remote to be remembered", api.Finalizers, api.Annotations)
	}
	s.editAPI("orders", func(api *v1alpha1.ApiDefinition) { api.Spec.State = v1alpha1.StateStopped })
	s.lookAtAPI("orders")
	api = s.api("orders")
	if verdicts(api)["Served"] != "False/Stopped" || api.Status.State != v1alpha1.StateStopped || messageOf(api, v1alpha1.ReadyCondition) != "It is stopped, so that no gateway reads it" || s.served() != nil {
		t.Errorf("stopped: %v, state %s, %q, gateways read %v", verdicts(api), api.Status.State, messageOf(api, v1alpha1.ReadyCondition), s.served())
	}
	s.remove(&v1alpha1.ApiDefinition{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "orders"}})
	s.forget()
	s.lookAtAPI("orders")
	if !isTold(s.told.events, "DeleteSucceeded") || isTold(s.told.events, "LeftBehind") || len(s.sim.Requests()) > 0 {
		t.Errorf("deleted: events %v, requests %v", s.told.events, s.sim.Counts())
	}
}

func TestOnlyLocalGetsAContext(t *testing.T) {
	s := newSite(t, "", nil, shopAPI("orders", "", onlyLocal))
	s.lookAtContext()
	s.lookAtAPI("orders")
	id := s.api("orders").Status.ID
	s.editAPI("orders", func(api *v1alpha1.ApiDefinition) { api.Spec.ContextRef = &v1alpha1.Reference{Name: "ctx"} })
	s.forget()
	s.lookAtAPI("orders")
	api := s.api("orders")
	if !readyFor(api) || api.Status.ID != id || len(s.writes()) != 1 || api.Status.Sync.Place == nil {
		t.Errorf("%v, id %s, was %s, writes %v: consumers know it by its id", verdicts(api), api.Status.ID, id, s.writes())
	}
	s.editAPI("orders", onlyLocal)
	s.forget()
	s.lookAtAPI("orders")
	api = s.api("orders")
	text := messageOf(api, v1alpha1.ReadyCondition)
	if !readyFor(api) || len(s.writes()) > 0 || !strings.Contains(text, "API "+id+" stays in the management API at http://management.test") || verdicts(api)["Drifted"] != "" {
		t.Errorf("%v %q, writes %v: what stays there is named", verdicts(api), text, s.writes())
	}
	s.remove(&v1alpha1.ApiDefinition{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "orders"}})
	s.forget()
	s.lookAtAPI("orders")
	if len(s.sim.APIs()) > 0 || !isTold(s.told.events, "DeleteSucceeded") {
		t.Errorf("deleted: %d APIs are left, events %v: it is known where it was published", len(s.sim.APIs()), s.told.events)
	}
}

// A ConfigMap of a person has the name of the API.
func TestConfigMapOfOthers(t *testing.T) {
	for where, change := range map[string]func(api *v1alpha1.ApiDefinition){"published too": local, "only local": onlyLocal} {
		t.Run(where, func(t *testing.T) {
			theirs := configMap()
			theirs.Data = map[string]string{"mine": "x"}
			s := newSite(t, "", nil, shopAPI("orders", "", change), theirs)
			s.lookAtContext()
			s.lookAtAPI("orders")
			api := s.api("orders")
			if !failing(api, ownedElsewhere) || !strings.Contains(messageOf(api, v1alpha1.ReadyCondition), "ConfigMap shop/orders") {
				t.Errorf("%v %s", verdicts(api), messageOf(api, v1alpha1.ReadyCondition))
			}
			s.forget()
			for range 2 {
				s.lookAtAPI("orders")
			}
			if slices.Contains(s.calls, writesItsStatus) || len(s.writes()) > 0 || len(s.told.events) > 0 {
				t.Errorf("it isn't silent: calls %v, writes %v, events %v", s.calls, s.writes(), s.told.events)
			}
			s.remove(configMap())
			s.lookAtAPI("orders")
			if !readyFor(s.api("orders")) || s.served() == nil {
				t.Errorf("it is gone: %v", verdicts(s.api("orders")))
			}
		})
	}
}

// While the management API is out of reach, gateways of this cluster needn't suffer.
func TestConfigMapDuringAnOutage(t *testing.T) {
	s := inStep(t, "", nil, local)
	before := s.api("orders")
	s.sim.Inject(simulator.Fault{Mode: simulator.ModeStatus, Status: http.StatusBadGateway})
	s.lookAtContext()
	s.remove(configMap())
	s.forget()
	s.lookAtAPI("orders")
	if s.served() == nil || !isTold(s.told.events, "Published ConfigMap") {
		t.Errorf("calls %v, events %v", s.calls, s.told.events)
	}
	if diff := cmp.Diff(before, s.api("orders")); diff != "" {
		t.Errorf("the status says what was said before:\n%s", diff)
	}
}

// GKO withdrew ConfigMaps in its webhook only, so that one may be left of an API that isn't local any more.
func TestConfigMapThatWasLeftBehind(t *testing.T) {
	api := shopAPI("orders", "")
	left := configMap()
	left.OwnerReferences = []metav1.OwnerReference{{APIVersion: v1alpha1.GroupVersion.String(), Kind: v1alpha1.ApiDefinitionKind, Name: api.Name, UID: api.UID}}
	s := newSite(t, "", nil, api, left)
	s.settle("orders")
	if s.served() != nil || !readyFor(s.api("orders")) {
		t.Errorf("gateways go on reading it: %v", verdicts(s.api("orders")))
	}
}

// A ConfigMap goes with its owner anyway, so a missing right must not hold a deletion up; other trouble passes.
func TestDeletionWithoutTheConfigMap(t *testing.T) {
	gone := func(s *site) bool {
		s.lookAtAPI("orders")
		return isTold(s.told.events, "DeleteSucceeded")
	}
	s := inStep(t, "", nil, local)
	s.remove(&v1alpha1.ApiDefinition{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "orders"}})
	s.unavailable(takesConfigMap, errors.New("the API server is busy"))
	if gone(s) || len(s.writes()) > 0 {
		t.Errorf("first nobody serves it, then it goes: writes %v", s.writes())
	}
	s.unavailable(takesConfigMap, apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, "orders", errors.New("no right")))
	if !gone(s) || len(s.sim.APIs()) > 0 {
		t.Errorf("without the right: events %v", s.told.events)
	}
}
