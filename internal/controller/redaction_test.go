// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/test/simulator"
)

const hidden = "hidden-value"

// tells reports whether the value is anywhere where people look: in the resource itself, in what was sent for it, and in events.
func (s *site) tells(object client.Object) bool {
	s.t.Helper()
	s.get(object.GetName(), object)
	content, err := json.Marshal(object)
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.Contains(string(content), hidden) || isTold(s.told.events, hidden) || isTold(s.told.operations, hidden) || isTold(s.patches, hidden)
}

// A management API repeats what it was sent, and everything that is said about an object goes into its status and events.
func TestRenderedValuesAreNeverTold(t *testing.T) {
	secret := func() client.Object {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "values"}, Data: map[string][]byte{"text": []byte(hidden), "password": []byte("admin")}}
	}
	templated := func(api *v1alpha1.ApiDefinition) {
		api.Spec.Description = `[[ secret "values/text" ]]`
		api.Spec.Members = []v1alpha1.Member{{Source: "memory", SourceID: `[[ secret "values/text" ]]`, Role: "OWNER"}}
	}
	echo := func(method string, status int) simulator.Fault {
		return simulator.Fault{Method: method, Mode: simulator.ModeStatus, Status: status, Body: `{"message":"what about ` + hidden + `?","http_status":` + strconv.Itoa(status) + `}`}
	}
	api := func() client.Object {
		return &v1alpha1.ApiDefinition{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "orders"}}
	}
	cases := map[string]struct {
		why string
		do  func(s *site)
	}{
		"published": {"a warning about an unknown member names it", func(*site) {}},
		"at rest":   {"nothing is said", func(s *site) { s.settle("orders") }},
		"edited elsewhere": {"the message names fields", func(s *site) {
			_ = s.sim.EditAPI(s.api("orders").Status.ID, func(definition map[string]any) { definition["description"] = "by hand" })
			s.clock.set(s.clock.Now().Add(stageRotation))
		}},
		"refused": {"the answer repeats it", func(s *site) {
			s.sim.Inject(echo(http.MethodPut, http.StatusBadRequest))
			s.editAPI("orders", func(api *v1alpha1.ApiDefinition) { api.Spec.Version = "2" })
		}},
		"failed": {"the answer repeats it", func(s *site) {
			s.sim.Inject(echo("", http.StatusInternalServerError))
			s.editAPI("orders", func(api *v1alpha1.ApiDefinition) { api.Spec.Version = "2" })
		}},
		"missing references": {"a reference may be made of it", func(s *site) {
			s.editAPI("orders", func(api *v1alpha1.ApiDefinition) {
				api.Spec.Resources = []v1alpha1.ResourceOrRef{{Ref: &v1alpha1.Reference{Name: `[[ secret "values/text" ]]`}}}
			})
		}},
		"a context of that name": {"it isn't found", func(s *site) {
			s.editAPI("orders", func(api *v1alpha1.ApiDefinition) { api.Spec.ContextRef.Name = `[[ secret "values/text" ]]` })
		}},
		"being deleted": {"the answer repeats it", func(s *site) { s.sim.Inject(echo("", http.StatusInternalServerError)); s.remove(s.api("orders")) }},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, "", nil, secret(), shopAPI("orders", "", templated))
			s.lookAtContext()
			s.lookAtAPI("orders")
			if state, ok := s.sim.API(s.api("orders").Status.ID); !ok || state.Definition["description"] != hidden {
				t.Fatalf("it wasn't published as it is meant: %v", state.Definition["description"])
			}
			c.do(s)
			s.lookAtAPI("orders")
			if s.tells(api()) {
				t.Errorf("%s: %v %v", c.why, s.told.events, s.api("orders").Status)
			}
			if got := s.api("orders").Spec.Description; got != `[[ secret "values/text" ]]` {
				t.Errorf("the resource holds %q: what is rendered is never stored", got)
			}
		})
	}
}

// What was rendered differs from what is stored, which is no reason to store anything.
func TestRenderedAPIAtRest(t *testing.T) {
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "values"}, Data: map[string][]byte{"text": []byte(hidden)}}
	s := newSite(t, "", nil, secret, shopAPI("orders", "", func(api *v1alpha1.ApiDefinition) { api.Spec.Description = `[[ secret "values/text" ]]` }))
	s.settle("orders")
	for range 2 {
		if s.lookAtAPI("orders"); isTold(s.calls, "patch") || len(s.sim.Requests()) > 0 || len(s.told.events) > 0 {
			t.Errorf("calls %v, requests %v, events %v", s.calls, s.sim.Counts(), s.told.events)
		}
	}
	edit(s, &corev1.Secret{}, "values", func(secret *corev1.Secret) { secret.Data["text"] = []byte("another") })
	s.forget()
	s.lookAtAPI("orders")
	if state, _ := s.sim.API(s.api("orders").Status.ID); state.Definition["description"] != "another" || len(s.writes()) != 1 {
		t.Errorf("the Secret changed, and there it is %v, writes %v", state.Definition["description"], s.writes())
	}
}

// Gateways get what was rendered, since that is what they run.
func TestRenderedValuesAreServedLocally(t *testing.T) {
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "values"}, Data: map[string][]byte{"text": []byte(hidden)}}
	s := newSite(t, "", nil, secret, shopAPI("orders", "", onlyLocal, func(api *v1alpha1.ApiDefinition) { api.Spec.Description = `[[ secret "values/text" ]]` }))
	s.lookAtAPI("orders")
	if s.served()["description"] != hidden || s.tells(&v1alpha1.ApiDefinition{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "orders"}}) {
		t.Errorf("gateways read %v, events %v", s.served()["description"], s.told.events)
	}
}

func TestRenderedValuesOfAContextAreNeverTold(t *testing.T) {
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "values"}, Data: map[string][]byte{"host": []byte(hidden + ".test")}}
	s := newSite(t, "", nil, secret, shopAPI("orders", ""))
	edit(s, &v1alpha1.ManagementContext{}, "ctx", func(managed *v1alpha1.ManagementContext) {
		managed.Spec.BaseUrl = `http://[[ secret "values/host" ]]`
	})
	s.settle("orders")
	if api := s.api("orders"); !readyFor(api) || !strings.HasPrefix(api.Status.Sync.Place.BaseURL, "hidden:") {
		t.Fatalf("%v, place %+v", verdicts(api), api.Status.Sync)
	}
	s.sim.Inject(simulator.Fault{Mode: simulator.ModeStatus, Status: http.StatusInternalServerError, Body: `{"message":"` + hidden + `.test is busy"}`})
	for range 2 {
		s.lookAtContext()
		s.editAPI("orders", func(api *v1alpha1.ApiDefinition) { api.Spec.Version += "." })
		s.lookAtAPI("orders")
	}
	for _, object := range []client.Object{
		&v1alpha1.ManagementContext{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "ctx"}}, &v1alpha1.ApiDefinition{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "orders"}},
	} {
		if s.tells(object) {
			t.Errorf("%T tells the address: %v", object, s.told.events)
		}
	}
	s.sim.Clear()
	s.settle("orders")
	s.remove(s.api("orders"))
	if s.lookAtAPI("orders"); len(s.sim.APIs()) > 0 || isTold(s.told.events, hidden) {
		t.Errorf("deleted: %d APIs are left, events %v", len(s.sim.APIs()), s.told.events)
	}
}
