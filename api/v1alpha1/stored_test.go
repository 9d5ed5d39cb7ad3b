// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"encoding/json"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/test/recorded"
)

// TestStoredAsUnderGKO shows that our schema makes of every recorded manifest the object that an API server
// held under GKO: either the same, or the same after GKO wrote its typed object back, as it does after a
// success.
func TestStoredAsUnderGKO(t *testing.T) {
	apiServer := recorded.NewServer(t)
	for _, one := range recorded.Cases(t) {
		t.Run(one.Name, func(t *testing.T) {
			variants := storedVariants(t, apiServer, one)
			matched := map[*variant]bool{}
			for _, step := range one.Stored {
				for _, content := range step.Objects {
					object := &unstructured.Unstructured{Object: content}
					match, difference := findVariant(t, object, variants)
					if match == nil {
						t.Errorf("step %q: %s %s: no manifest leads to the recorded object; the nearest (-ours +recorded):\n%s",
							step.Step, object.GetKind(), recorded.KeyOf(object), difference)
						continue
					}
					for _, v := range variants {
						matched[v] = matched[v] || v.sameAs(match)
					}
				}
			}
			for _, v := range variants {
				if !matched[v] && !matched[v.twin] {
					t.Errorf("%s of %s is in no recorded snapshot, so nothing was compared", v.key, v.file)
				}
			}
		})
	}
}

// TestStatusOfGKOIsKept shows that every status that GKO left is valid under our schema, that reading it neither drops nor
// changes anything, and that it survives in its Go type.
func TestStatusOfGKOIsKept(t *testing.T) {
	apiServer := recorded.NewServer(t)
	compared := map[string]int{}
	for _, one := range recorded.Cases(t) {
		for _, step := range one.Stored {
			for _, content := range step.Objects {
				left := &unstructured.Unstructured{Object: content}
				name := one.Name + ", step " + step.Step + ", " + left.GetKind() + " " + recorded.KeyOf(left)
				expectStatusKept(t, apiServer, name, left)
				compared[left.GetKind()]++
			}
		}
	}
	for kind := range apiServer {
		if compared[kind] == 0 {
			t.Errorf("no %s was compared", kind)
		}
	}
}

func expectStatusKept(t *testing.T, apiServer recorded.Server, name string, left *unstructured.Unstructured) {
	t.Helper()
	want := map[string]any{"observedGeneration": json.Number("-1"), "conditions": []any{}} // where GKO writes none
	status, found := left.Object["status"]
	if found {
		want = recorded.AsJSON(t, status)
	}
	content, err := left.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	read := &unstructured.Unstructured{}
	if err := read.UnmarshalJSON(content); err != nil {
		t.Fatal(err)
	}
	apiServer.Normalize(read)
	if difference := cmp.Diff(want, recorded.AsJSON(t, read.Object["status"])); difference != "" {
		t.Errorf("%s: reading changes the status (-left +read):\n%s", name, difference)
	}
	if problems := validation.ValidateCustomResource(nil, read.Object, apiServer[read.GetKind()].Validator); len(problems) > 0 {
		t.Errorf("%s: the API server would refuse to write it again: %v", name, problems)
	}
	typed := recorded.AsJSON(t, decode(t, read))["status"]
	if difference := cmp.Diff(withoutEmpty(want), withoutEmpty(recorded.AsJSON(t, typed))); difference != "" {
		t.Errorf("%s: the Go type changes the status (-left +typed):\n%s", name, difference)
	}
}

// withoutEmpty leaves out what a Go type leaves out or adds, which means the same.
func withoutEmpty(status map[string]any) map[string]any {
	maps.DeleteFunc(status, func(_ string, value any) bool {
		list, isList := value.([]any)
		object, isObject := value.(map[string]any)
		return isList && len(list) == 0 || isObject && len(object) == 0
	})
	return status
}

// variant is a manifest as it is stored; twin is the same after GKO's write.
type variant struct {
	file, kind, key string
	spec            map[string]any
	twin            *variant
}

func (v *variant) sameAs(other *variant) bool {
	return v.kind == other.kind && v.key == other.key && cmp.Equal(v.spec, other.spec)
}

func storedVariants(t *testing.T, apiServer recorded.Server, one recorded.Case) []*variant {
	t.Helper()
	var variants []*variant
	for _, in := range one.Inputs {
		for _, object := range in.Objects {
			if _, ours := apiServer[object.GetKind()]; !ours {
				continue
			}
			stored, problems := apiServer.Admit(object)
			if len(problems) > 0 {
				t.Fatalf("%s: %s is refused: %v", in.File, recorded.KeyOf(object), problems)
			}
			plain := &variant{file: in.File, kind: object.GetKind(), key: recorded.KeyOf(object), spec: recorded.AsJSON(t, recorded.SpecOf(stored))}
			variants = append(variants, plain)
			if object.GetKind() == v1alpha1.ApiDefinitionKind {
				rewritten := *plain
				rewritten.spec = recorded.AsJSON(t, recorded.SpecOf(rewrite(t, apiServer, stored)))
				rewritten.twin, plain.twin = plain, &rewritten
				variants = append(variants, &rewritten)
			}
		}
	}
	return variants
}

// rewrite stores an object again after it went through its Go type, as GKO does (contract README 6.12).
func rewrite(t *testing.T, apiServer recorded.Server, stored *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	typed := decodeAPIDefinition(t, stored)
	content, err := json.Marshal(typed)
	if err != nil {
		t.Fatal(err)
	}
	again := &unstructured.Unstructured{}
	if err := again.UnmarshalJSON(content); err != nil {
		t.Fatal(err)
	}
	rewritten, problems := apiServer.Admit(again)
	if len(problems) > 0 {
		t.Fatalf("the typed form of %s is refused: %v", recorded.KeyOf(stored), problems)
	}
	return rewritten
}

func findVariant(t *testing.T, object *unstructured.Unstructured, variants []*variant) (*variant, string) {
	t.Helper()
	nearest := "no manifest of that name"
	shortest := -1
	want := recorded.AsJSON(t, recorded.SpecOf(object))
	for _, v := range variants {
		if v.kind != object.GetKind() || v.key != recorded.KeyOf(object) {
			continue
		}
		difference := cmp.Diff(v.spec, want)
		if difference == "" {
			return v, ""
		}
		if shortest < 0 || len(difference) < shortest {
			nearest, shortest = difference, len(difference)
		}
	}
	return nil, nearest
}

// TestWriteBackOnlyAddsLoadBalancing pins what a write of the typed object changes in a stored spec, which is
// why Apisync never writes one: everything else that GKO's objects have beyond their manifest comes from the
// schema.
func TestWriteBackOnlyAddsLoadBalancing(t *testing.T) {
	apiServer := recorded.NewServer(t)
	added := 0
	for _, one := range recorded.Cases(t) {
		for _, in := range one.Inputs {
			for _, object := range in.Objects {
				if object.GetKind() != v1alpha1.ApiDefinitionKind {
					continue
				}
				stored, _ := apiServer.Admit(object)
				before, after := recorded.AsJSON(t, recorded.SpecOf(stored)), recorded.AsJSON(t, recorded.SpecOf(rewrite(t, apiServer, stored)))
				added += removeAddedLoadBalancing(before, after)
				if difference := cmp.Diff(before, after); difference != "" {
					t.Errorf("%s %s: a typed write changes more (-before +after):\n%s", one.Name, in.File, difference)
				}
			}
		}
	}
	if added == 0 {
		t.Error("no write added load_balancing, so the recordings no longer show what this test is about")
	}
}

func removeAddedLoadBalancing(before, after map[string]any) int {
	removed := 0
	groups := groupsOf(before)
	for i, group := range groupsOf(after) {
		if _, had := groups[i]["load_balancing"]; had {
			continue
		}
		if value, isObject := group["load_balancing"].(map[string]any); isObject && len(value) == 0 {
			delete(group, "load_balancing")
			removed++
		}
	}
	return removed
}

func groupsOf(spec map[string]any) []map[string]any {
	proxy, _ := spec["proxy"].(map[string]any)
	list, _ := proxy["groups"].([]any)
	groups := make([]map[string]any, len(list))
	for i := range list {
		groups[i], _ = list[i].(map[string]any)
	}
	return groups
}

func decodeAPIDefinition(t *testing.T, object *unstructured.Unstructured) *v1alpha1.ApiDefinition {
	t.Helper()
	typed, ok := decode(t, object).(*v1alpha1.ApiDefinition)
	if !ok {
		t.Fatalf("%s is no ApiDefinition", recorded.KeyOf(object))
	}
	return typed
}

// decode gives an object in the Go type of its kind.
func decode(t *testing.T, object *unstructured.Unstructured) runtime.Object {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	typed, err := scheme.New(object.GroupVersionKind())
	if err != nil {
		t.Fatal(err)
	}
	content, err := object.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, typed); err != nil {
		t.Fatalf("decoding %s: %v", recorded.KeyOf(object), err)
	}
	return typed
}
