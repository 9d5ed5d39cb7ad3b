// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
)

func cacheResource(change ...func(r *v1alpha1.ApiResource)) *v1alpha1.ApiResource {
	resource := &v1alpha1.ApiResource{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "cache", UID: "uid-of-cache", Generation: 1},
		Spec:       v1alpha1.ApiResourceSpec{Name: "cache", Type: "cache", Configuration: &v1alpha1.FreeForm{Raw: json.RawMessage(`{"name":"c"}`)}},
		Status:     v1alpha1.ApiResourceStatus{ObservedGeneration: -1},
	}
	for _, c := range change {
		c(resource)
	}
	return resource
}

func console(change ...func(n *v1alpha1.Notification)) *v1alpha1.Notification {
	notification := &v1alpha1.Notification{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "console", UID: "uid-of-console", Generation: 1},
		Spec: v1alpha1.NotificationSpec{
			Target: v1alpha1.NotificationTargetConsole, EventType: v1alpha1.NotificationEventTypeAPI,
			Console: v1alpha1.ConsoleNotification{APIEvents: []v1alpha1.APIEvent{"API_STARTED"}, Groups: []string{"crew"}},
		},
		Status: v1alpha1.NotificationStatus{ObservedGeneration: -1},
	}
	for _, c := range change {
		c(notification)
	}
	return notification
}

func TestApiResource(t *testing.T) {
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "values"}, Data: map[string][]byte{"type": []byte("cache")}}
	well := map[string]string{"Ready": "True/Synchronized", "Accepted": "True/Accepted", "ResolvedRefs": "True/ResolvedRefs"}
	incomplete := map[string]string{"Ready": "False/IllegalStateError", "Stalled": "True/IllegalStateError", "Accepted": "False/IllegalStateError", "ResolvedRefs": "True/ResolvedRefs"}
	cases := map[string]struct {
		why    string
		change func(r *v1alpha1.ApiResource)
		want   map[string]string
		text   string
	}{
		"complete":             {"APIs can use it", func(*v1alpha1.ApiResource) {}, well, "APIs can use it"},
		"without a name":       {"GKO refuses it at admission", func(r *v1alpha1.ApiResource) { r.Spec.Name = "" }, incomplete, "spec.name: must be set"},
		"without anything":     {"all that is missing is named at once", func(r *v1alpha1.ApiResource) { r.Spec = v1alpha1.ApiResourceSpec{} }, incomplete, "spec.name, spec.type, spec.configuration: must be set"},
		"a null configuration": {"it is none", func(r *v1alpha1.ApiResource) { r.Spec.Configuration = &v1alpha1.FreeForm{} }, incomplete, "spec.configuration: must be set"},
		"a template":           {"what it renders to counts", func(r *v1alpha1.ApiResource) { r.Spec.Type = `[[ secret "values/type" ]]` }, well, "APIs can use it"},
		"a template's source that is missing": {
			"it may come, and a watch tells", func(r *v1alpha1.ApiResource) { r.Spec.Type = `[[ secret "nowhere/type" ]]` },
			map[string]string{"Ready": "False/ReferenceNotResolved", "Reconciling": "True/ReferenceNotResolved", "Accepted": "False/ReconcileFailed", "ResolvedRefs": "False/ResolvedRefs"},
			"Secret shop/nowhere doesn't exist",
		},
		"a wrong template": {
			"a person has to correct it", func(r *v1alpha1.ApiResource) { r.Spec.Type = `[[ what ]]` },
			map[string]string{"Ready": "False/CompileTemplateError", "Stalled": "True/CompileTemplateError", "Accepted": "False/CompileTemplateError", "ResolvedRefs": "True/ResolvedRefs"},
			"spec.type",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, "", nil, secret.DeepCopy(), cacheResource(c.change))
			s.lookAtResource("cache")
			resource := &v1alpha1.ApiResource{}
			s.get("cache", resource)
			if diff := cmp.Diff(c.want, verdicts(resource)); diff != "" || !strings.Contains(messageOf(resource, v1alpha1.ReadyCondition), c.text) {
				t.Errorf("%q, conditions (-want +got): %s\n%s", messageOf(resource, v1alpha1.ReadyCondition), c.why, diff)
			}
			if !slices.Contains(resource.Finalizers, v1alpha1.ApiResourceFinalizer) || len(s.sim.Requests()) > 0 {
				t.Errorf("finalizers %v, requests %v: nothing outside this cluster knows it", resource.Finalizers, s.sim.Counts())
			}
			s.forget()
			if s.lookAtResource("cache"); isTold(s.calls, "patch") || len(s.told.events) > 0 {
				t.Errorf("the next look wasn't silent: calls %v, events %v", s.calls, s.told.events)
			}
		})
	}
}

func TestNotification(t *testing.T) {
	cases := map[string]struct {
		why    string
		change func(n *v1alpha1.Notification)
		want   map[string]string
		text   string
		refs   string
	}{
		"complete": {
			"APIs can use it", func(*v1alpha1.Notification) {},
			map[string]string{"Ready": "True/Synchronized", "Accepted": "True/Accepted", "ResolvedRefs": "True/ResolvedRefs"}, "APIs can use it", "All References successfully resolved",
		},
		"without events": {
			"it is allowed, and tells nobody anything", func(n *v1alpha1.Notification) { n.Spec.Console.APIEvents = nil },
			map[string]string{"Ready": "True/Synchronized", "Accepted": "True/Accepted", "ResolvedRefs": "True/ResolvedRefs"}, "spec.console.apiEvents is empty", "",
		},
		"with a Group that is missing": {
			"it stops nothing", func(n *v1alpha1.Notification) {
				n.Spec.Console.GroupRefs = []v1alpha1.Reference{{Name: "gone"}, {Name: "there"}}
			},
			map[string]string{"Ready": "True/Synchronized", "Accepted": "True/Accepted", "ResolvedRefs": "False/GroupNotFound"}, "APIs can use it", "Group shop/gone could not be found",
		},
		"with a template's source that is missing": {
			"it may come", func(n *v1alpha1.Notification) { n.Spec.Console.Groups = []string{`[[ configmap "nowhere/name" ]]`} },
			map[string]string{"Ready": "False/ReferenceNotResolved", "Reconciling": "True/ReferenceNotResolved", "Accepted": "False/ReconcileFailed", "ResolvedRefs": "False/ResolvedRefs"},
			"ConfigMap shop/nowhere doesn't exist", "ConfigMap shop/nowhere doesn't exist",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, "", nil, crew("there", "There"), console(c.change))
			s.lookAtNotification("console")
			first := &v1alpha1.Notification{}
			s.get("console", first)
			if diff := cmp.Diff(c.want, verdicts(first)); diff != "" || !strings.Contains(messageOf(first, v1alpha1.ReadyCondition), c.text) || !strings.Contains(messageOf(first, v1alpha1.ResolvedRefsCondition), c.refs) {
				t.Errorf("%q, %q, conditions (-want +got): %s\n%s", messageOf(first, v1alpha1.ReadyCondition), messageOf(first, v1alpha1.ResolvedRefsCondition), c.why, diff)
			}
			if !slices.Contains(first.Finalizers, v1alpha1.NotificationFinalizer) || len(s.sim.Requests()) > 0 {
				t.Errorf("finalizers %v, requests %v", first.Finalizers, s.sim.Counts())
			}
			s.forget()
			s.lookAtNotification("console")
			second := &v1alpha1.Notification{}
			s.get("console", second)
			if diff := cmp.Diff(first, second); diff != "" || isTold(s.calls, "patch") || len(s.told.events) > 0 {
				t.Errorf("the next look wasn't silent: calls %v, events %v, changes:\n%s", s.calls, s.told.events, diff)
			}
		})
	}
}

// What an API uses can't be deleted under it.
func TestReferencedObjectsAreHeld(t *testing.T) {
	uses := shopAPI("orders", "", onlyLocal, func(api *v1alpha1.ApiDefinition) {
		api.Spec.Resources = []v1alpha1.ResourceOrRef{{Name: "inline"}, {Ref: &v1alpha1.Reference{Name: "cache"}}}
		api.Spec.NotificationsRefs = []v1alpha1.Reference{{Name: "console", Namespace: "shop"}}
	})
	others := []client.Object{
		shopAPI("sales", "", onlyLocal, func(api *v1alpha1.ApiDefinition) {
			api.Spec.Resources = []v1alpha1.ResourceOrRef{{Ref: &v1alpha1.Reference{Name: "cache", Namespace: "far"}}}
			api.Spec.NotificationsRefs = []v1alpha1.Reference{{Name: "other"}}
		}),
	}
	cases := map[string]struct {
		object interface {
			client.Object
			GetConditions() []metav1.Condition
		}
		look func(s *site) outcome
		told string
	}{
		"ApiResource":  {cacheResource(), func(s *site) outcome { return s.lookAtResource("cache") }, "the ApiResource is used by the APIs shop/orders; delete them"},
		"Notification": {console(), func(s *site) outcome { return s.lookAtNotification("console") }, "the Notification is used by the APIs shop/orders; delete them"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			api := uses.DeepCopy()
			s := newSite(t, "", nil, append(slices.Clone(others), api)...)
			s.add(c.object)
			c.look(s)
			s.remove(c.object)
			s.forget()
			c.look(s)
			if !isTold(s.told.events, "DeleteFailed", c.told) {
				t.Errorf("events %v, want %q", s.told.events, c.told)
			}
			s.forget()
			if c.look(s); len(s.calls) > 0 || len(s.told.events) > 0 {
				t.Errorf("it goes on telling: calls %v, events %v", s.calls, s.told.events)
			}
			s.editAPI("orders", func(api *v1alpha1.ApiDefinition) { api.Spec.Resources, api.Spec.NotificationsRefs = nil, nil })
			if c.look(s); !isTold(s.told.events, "DeleteSucceeded") {
				t.Errorf("nobody uses it: events %v", s.told.events)
			}
		})
	}
}

// A context is also held by the groups that are kept there, and by those that haven't left it yet.
func TestContextIsHeldByGroups(t *testing.T) {
	s := withGroup(t)
	s.editGroup(func(g *v1alpha1.Group) { g.Spec.ContextRef.Name = "next" })
	s.remove(shopContext(""))
	s.forget()
	if s.lookAtContext(); !isTold(s.told.events, "DeleteFailed", "the context is used by Group shop/crew;") {
		t.Errorf("events %v", s.told.events)
	}
	s.goneGroup()
	if s.lookAtContext(); !isTold(s.told.events, "shop/ctx DeleteSucceeded") {
		t.Errorf("nobody uses it: events %v", s.told.events)
	}
}
