// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package translate_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/model"
	"github.com/apisync/apisync/internal/translate"
)

func resource(change func(*v1alpha1.ApiDefinition)) *v1alpha1.ApiDefinition {
	api := &v1alpha1.ApiDefinition{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "orders", UID: "uid-1"},
		Spec:       v1alpha1.ApiDefinitionSpec{Name: "orders", ContextRef: &v1alpha1.Reference{Name: "ctx"}},
	}
	change(api)
	return api
}

// Whole bodies are compared in internal/controller, with the recorded cases; these are the rules of identity
// of children (gko-compatibility.md part 4).
func TestIdentityOfChildren(t *testing.T) {
	parent := "guides"
	api := resource(func(a *v1alpha1.ApiDefinition) {
		a.Spec.Plans = []v1alpha1.Plan{{Name: "free", ID: "given, and overwritten"}, {Name: "gold", CrossID: "gold-cross"}}
		a.Spec.Pages = map[string]v1alpha1.Page{
			"home": {Name: "Home", Type: "MARKDOWN", Parent: &parent},
			"own":  {Name: "Own", Type: "MARKDOWN", ID: "page-id", CrossID: "page-cross"},
		}
	})
	want, err := translate.API(api, translate.Inputs{ID: "api-id", PlanIDs: map[string]string{"gold-cross": "known"}})
	if err != nil {
		t.Fatal(err)
	}
	freeCross := translate.Hash("api-id", "/", "free")
	got := map[string]any{}
	for i, name := range []string{"free", "gold"} {
		plan := want.Definition["plans"].([]any)[i].(map[string]any)
		got[name] = []any{plan["crossId"], plan["id"]}
	}
	for _, key := range []string{"home", "own"} {
		page := want.Definition["pages"].(map[string]any)[key].(map[string]any)
		got[key] = []any{page["crossId"], page["id"], page["api"], page["parentId"]}
	}
	expected := map[string]any{
		"free": []any{freeCross, translate.Hash(freeCross, "/", "free")},
		"gold": []any{"gold-cross", "known"},
		"home": []any{translate.Hash("ns/orders/home"), translate.Hash("api-id/home"), "api-id", translate.Hash("api-id/guides")},
		"own":  []any{"page-cross", "page-id", "api-id", nil},
	}
	if diff := cmp.Diff(expected, got); diff != "" {
		t.Errorf("identities (-want +got):\n%s", diff)
	}
}

func TestKubernetesFieldsStayHere(t *testing.T) {
	api := resource(func(a *v1alpha1.ApiDefinition) {
		a.Spec.DefinitionContext = &v1alpha1.DefinitionContext{SyncFrom: "kubernetes"}
	})
	want, err := translate.API(api, translate.Inputs{ID: "id"})
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{"contextRef", "local"} {
		if _, sent := want.Definition[field]; sent {
			t.Errorf("%s would be sent", field)
		}
	}
	expected := map[string]any{"origin": "kubernetes", "mode": "fully_managed", "syncFrom": "MANAGEMENT"}
	if diff := cmp.Diff(expected, want.Definition["definition_context"]); diff != "" {
		t.Errorf("definition_context (-want +got):\n%s", diff)
	}
	if api.Spec.ContextRef == nil || api.Spec.DefinitionContext.SyncFrom != "kubernetes" {
		t.Error("the resource was changed")
	}
}

func TestCheckRefusesWhatWouldBeHalfSent(t *testing.T) {
	ref := v1alpha1.Reference{Name: "x"}
	cases := map[string]struct {
		change func(*v1alpha1.ApiDefinition)
		reason string
		want   []string
	}{
		"complete":   {change: func(*v1alpha1.ApiDefinition) {}},
		"no context": {change: func(a *v1alpha1.ApiDefinition) { a.Spec.ContextRef = nil }, reason: fault.ReasonIllegalState, want: []string{"spec.contextRef", "a context is required"}},
		"local":      {change: func(a *v1alpha1.ApiDefinition) { a.Spec.Local = true }, reason: fault.ReasonUnsupported, want: []string{"spec.local"}},
		"groups":     {change: func(a *v1alpha1.ApiDefinition) { a.Spec.GroupRefs = []v1alpha1.Reference{ref} }, reason: fault.ReasonUnsupported, want: []string{"spec.groupRefs"}},
		"notifications": {
			change: func(a *v1alpha1.ApiDefinition) { a.Spec.NotificationsRefs = []v1alpha1.Reference{ref} }, reason: fault.ReasonUnsupported, want: []string{"spec.notificationsRefs"},
		},
		"resources": {
			change: func(a *v1alpha1.ApiDefinition) { a.Spec.Resources = []v1alpha1.ResourceOrRef{{Name: "a"}, {Ref: &ref}} },
			reason: fault.ReasonUnsupported, want: []string{"spec.resources[1].ref"},
		},
		"a template, deep inside": {
			change: func(a *v1alpha1.ApiDefinition) {
				a.Spec.Plans = []v1alpha1.Plan{{Name: "p", Flows: []v1alpha1.Flow{{Pre: []v1alpha1.FlowStep{{
					Configuration: &v1alpha1.FreeForm{Raw: json.RawMessage(`{"headers":[{"value":"[[ secret \"a/b\" ]]"}]}`)},
				}}}}}}
			},
			reason: fault.ReasonUnsupported, want: []string{"spec.plans[0].flows[0].pre[0].configuration.headers[0].value"},
		},
		"two at once": {
			change: func(a *v1alpha1.ApiDefinition) { a.Spec.Local, a.Spec.Description = true, "[[ x" },
			reason: fault.ReasonUnsupported, want: []string{"spec.local", "spec.description"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := translate.Check(resource(c.change))
			if (err != nil) != (c.reason != "") {
				t.Fatalf("error = %v", err)
			}
			if err != nil && (!errors.Is(err, fault.Terminal) || fault.ReasonOf(err) != c.reason) {
				t.Errorf("%s %s: %v", fault.KindOf(err), fault.ReasonOf(err), err)
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q isn't named in %q", part, err)
				}
			}
		})
	}
}

// FuzzAPI: whatever the API server may store is translated without a panic, always to the same state, and
// the resource stays as it is.
func FuzzAPI(f *testing.F) {
	f.Add(`{"name":"n","plans":[{"name":"p","crossId":"c"}],"pages":{"a":{"name":"A","parent":"b"}},"flows":[{"pre":[{"configuration":{"n":9007199254740993}}]}]}`)
	f.Add(`{"plans":null,"pages":{},"definition_context":{"mode":"x"},"response_templates":{"A":{"*/*":{"status":400}}}}`)
	f.Fuzz(func(t *testing.T, spec string) {
		api := resource(func(*v1alpha1.ApiDefinition) {})
		if json.Unmarshal([]byte(spec), &api.Spec) != nil {
			return
		}
		before := api.DeepCopy()
		_ = translate.Check(api)
		first, err := translate.API(api, translate.Inputs{ID: "id"})
		if err != nil {
			return
		}
		second, err := translate.API(api, translate.Inputs{ID: "id"})
		if err != nil || digest(t, first) != digest(t, second) {
			t.Errorf("translated twice, got two states (%v)", err)
		}
		if diff := cmp.Diff(before, api); diff != "" {
			t.Errorf("the resource was changed:\n%s", diff)
		}
	})
}

func digest(t *testing.T, api model.API) string {
	t.Helper()
	sum, err := api.Digest([]byte("key"))
	if err != nil {
		t.Fatal(err)
	}
	return sum
}
