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

func TestCheckRefusesWhatContradictsItself(t *testing.T) {
	cases := map[string]struct {
		why     string
		change  func(*v1alpha1.ApiDefinition)
		refused bool
	}{
		"with a context":   {"it says where it is published", func(*v1alpha1.ApiDefinition) {}, false},
		"local":            {"gateways of this cluster read it", func(a *v1alpha1.ApiDefinition) { a.Spec.ContextRef, a.Spec.Local = nil, true }, false},
		"local, published": {"both is possible", func(a *v1alpha1.ApiDefinition) { a.Spec.Local = true }, false},
		"nowhere":          {"nobody would ever serve it (must-not-break list, 12)", func(a *v1alpha1.ApiDefinition) { a.Spec.ContextRef = nil }, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := translate.Check(resource(c.change))
			if (err != nil) != c.refused {
				t.Fatalf("error = %v: %s", err, c.why)
			}
			if err != nil && (!errors.Is(err, fault.Terminal) || fault.ReasonOf(err) != fault.ReasonIllegalState ||
				!strings.Contains(err.Error(), "spec.contextRef") || !strings.Contains(err.Error(), "a context is required")) {
				t.Errorf("%s %s: %v", fault.KindOf(err), fault.ReasonOf(err), err)
			}
		})
	}
}

// What the management API is told about the source of gateways is in the recorded cases 26; these are the rules of
// gko-compatibility.md 2.3 that have no recording.
func TestSyncFrom(t *testing.T) {
	cases := map[string]struct {
		why   string
		local bool
		given string
		want  string
	}{
		"published":                {"gateways read it from the management API", false, "kubernetes", "MANAGEMENT"},
		"local":                    {"gateways read it from a ConfigMap", true, "", "KUBERNETES"},
		"local, but as others say": {"its author may say so, in any spelling", true, "Management", "MANAGEMENT"},
		"local, as usual":          {"the schema's default isn't an author's word", true, "kubernetes", "KUBERNETES"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			api := resource(func(a *v1alpha1.ApiDefinition) {
				a.Spec.Local = c.local
				if c.given != "" {
					a.Spec.DefinitionContext = &v1alpha1.DefinitionContext{SyncFrom: c.given}
				}
			})
			want, err := translate.API(api, translate.Inputs{ID: "id"})
			if err != nil {
				t.Fatal(err)
			}
			if got := want.Definition["definition_context"].(map[string]any)["syncFrom"]; got != c.want {
				t.Errorf("syncFrom = %v, want %s: %s", got, c.want, c.why)
			}
		})
	}
}

func TestLocalIsWhatGatewaysRead(t *testing.T) {
	api := resource(func(a *v1alpha1.ApiDefinition) {
		a.Spec.Local = true
		a.Spec.Plans = []v1alpha1.Plan{{Name: "free", CrossID: "free-cross"}, {Name: "gold", CrossID: "gold-cross"}}
	})
	want, err := translate.API(api, translate.Inputs{ID: "api-id"})
	if err != nil {
		t.Fatal(err)
	}
	before := digest(t, want)
	local := translate.Local(api, want, map[string]string{"free-cross": "remote-plan"})
	type plan struct{ ID, API any }
	var plans []plan
	for _, item := range local["plans"].([]any) {
		plans = append(plans, plan{item.(map[string]any)["id"], item.(map[string]any)["api"]})
	}
	if diff := cmp.Diff([]plan{{"remote-plan", "api-id"}, {translate.Hash("gold-cross/gold"), "api-id"}}, plans); diff != "" {
		t.Errorf("a gateway has to know the plans by the ids of the management API (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{"name": "ctx", "namespace": "ns"}, local["contextRef"]); diff != "" {
		t.Errorf("the reference is complete (-want +got):\n%s", diff)
	}
	if local["local"] != true || digest(t, want) != before {
		t.Error("local isn't told, or the wanted state was changed")
	}
	api.Spec.ContextRef = nil
	alone := translate.Local(api, want, nil)
	if _, told := alone["contextRef"]; told {
		t.Error("without a context there is no reference to one")
	}
	if _, told := alone["plans"].([]any)[0].(map[string]any)["api"]; told {
		t.Error("without a context plans don't name their API, as with GKO (case 25)")
	}
}

func TestLocalNamesItsContextInFull(t *testing.T) {
	cases := map[string]struct {
		why  string
		ref  *v1alpha1.Reference
		want any
	}{
		"its own namespace": {"what isn't written is filled in", &v1alpha1.Reference{Name: "ctx"}, map[string]any{"name": "ctx", "namespace": "ns"}},
		"another namespace": {"what is written stays", &v1alpha1.Reference{Name: "ctx", Namespace: "other"}, map[string]any{"name": "ctx", "namespace": "other"}},
		"with a kind": {
			"what is written stays", &v1alpha1.Reference{Name: "ctx", Kind: "ManagementContext"},
			map[string]any{"name": "ctx", "namespace": "ns", "kind": "ManagementContext"},
		},
		"none": {"there is nothing to name", nil, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			api := resource(func(a *v1alpha1.ApiDefinition) { a.Spec.Local, a.Spec.ContextRef = true, c.ref })
			want, err := translate.API(api, translate.Inputs{ID: "api-id"})
			if err != nil {
				t.Fatal(err)
			}
			local := translate.Local(api, want, nil)
			if diff := cmp.Diff(c.want, local["contextRef"]); diff != "" {
				t.Errorf("contextRef (-want +got): %s\n%s", c.why, diff)
			}
			if _, sent := want.Definition["contextRef"]; sent || want.Definition["local"] != nil {
				t.Error("the wanted state was changed: these fields would be sent to a management API")
			}
		})
	}
}

// Plans are told as the management API knows them, or not at all.
func TestLocalPlans(t *testing.T) {
	for name, c := range map[string]struct {
		why   string
		plans []v1alpha1.Plan
		want  any
	}{
		"none":      {"null stays null, as with GKO", nil, nil},
		"empty":     {"an empty list stays one", []v1alpha1.Plan{}, []any{}},
		"a missing": {"a plan that the management API doesn't tell keeps its id", []v1alpha1.Plan{{Name: "gold", CrossID: "gold-cross"}}, translate.Hash("gold-cross/gold")},
		"a known":   {"consumers subscribe to the remote one", []v1alpha1.Plan{{Name: "free", CrossID: "free-cross"}}, "remote-plan"},
	} {
		t.Run(name, func(t *testing.T) {
			api := resource(func(a *v1alpha1.ApiDefinition) { a.Spec.Local, a.Spec.Plans = true, c.plans })
			want, err := translate.API(api, translate.Inputs{ID: "api-id"})
			if err != nil {
				t.Fatal(err)
			}
			got := translate.Local(api, want, map[string]string{"free-cross": "remote-plan", "closed-cross": "closed-plan"})["plans"]
			if plans, ok := got.([]any); ok && len(plans) > 0 {
				got = plans[0].(map[string]any)["id"]
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("plans (-want +got): %s\n%s", c.why, diff)
			}
		})
	}
}

func TestMarksAndLinksAreHandedOn(t *testing.T) {
	in := translate.Inputs{ID: "api-id", Cluster: "west", Sharers: []string{"east"}, Linked: map[string]string{"crew": "group-1"}}
	want, err := translate.API(resource(func(a *v1alpha1.ApiDefinition) { a.Status.Errors.Warning = []string{"dropped"} }), in)
	if err != nil {
		t.Fatal(err)
	}
	got := translate.Inputs{ID: want.ID, Cluster: want.Cluster, Sharers: want.Sharers, Linked: want.Linked}
	if diff := cmp.Diff(in, got); diff != "" || !cmp.Equal(want.Reported, []string{"dropped"}) {
		t.Errorf("reported %v, inputs (-want +got):\n%s", want.Reported, diff)
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
