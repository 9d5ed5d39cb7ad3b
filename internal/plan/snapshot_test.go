// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/apisync/apisync/api/v1alpha1"
)

func resource(namespace, name, crossID string) *v1alpha1.ApiDefinition {
	api := &v1alpha1.ApiDefinition{}
	api.Namespace, api.Name, api.Spec.CrossID = namespace, name, crossID
	return api
}

func newTestSnapshot(t *testing.T, cluster client.Reader, apis ...*v1alpha1.ApiDefinition) *snapshot {
	t.Helper()
	s, err := newSnapshot(t.Context(), newLive(cluster), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, api := range apis {
		if err := s.put(api); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestSnapshotLists(t *testing.T) {
	s := newTestSnapshot(t, nil, resource("a", "one", "x"), resource("a", "two", "y"), resource("b", "three", "x"))
	byCrossID := client.MatchingFields{"apisync.crossId": "x"}
	cases := map[string]struct {
		options []client.ListOption
		want    map[string]bool
		fails   bool
	}{
		"all":            {want: map[string]bool{"a/one": true, "a/two": true, "b/three": true}},
		"of a namespace": {options: []client.ListOption{client.InNamespace("a")}, want: map[string]bool{"a/one": true, "a/two": true}},
		"by an index":    {options: []client.ListOption{byCrossID}, want: map[string]bool{"a/one": true, "b/three": true}},
		"by both":        {options: []client.ListOption{byCrossID, client.InNamespace("b")}, want: map[string]bool{"b/three": true}},
		"by an unknown index": {
			options: []client.ListOption{client.MatchingFields{"unknown": "x"}}, fails: true,
		},
		"by two fields": {options: []client.ListOption{client.MatchingFields{"apisync.crossId": "x", "apisync.contextRef": "y"}}, fails: true},
		"by labels":     {options: []client.ListOption{client.MatchingLabels{"a": "b"}}, fails: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var list v1alpha1.ApiDefinitionList
			if err := s.List(t.Context(), &list, c.options...); (err != nil) != c.fails {
				t.Fatalf("error = %v: what isn't understood must not be answered with something else", err)
			}
			var got map[string]bool
			for i := range list.Items {
				if got == nil {
					got = map[string]bool{}
				}
				got[list.Items[i].Namespace+"/"+list.Items[i].Name] = true
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSnapshotKeepsItsObjectsToItself(t *testing.T) {
	given := resource("a", "one", "x")
	s := newTestSnapshot(t, nil, given)
	given.Spec.CrossID = "changed"
	var read v1alpha1.ApiDefinition
	if err := s.Get(t.Context(), client.ObjectKey{Namespace: "a", Name: "one"}, &read); err != nil || read.Spec.CrossID != "x" {
		t.Errorf("%v, crossId %q: what was put in belongs to its caller", err, read.Spec.CrossID)
	}
}

// What a controller patches is a copy whose templates are rendered.
func TestSnapshotPatchesMetadataOnly(t *testing.T) {
	s := newTestSnapshot(t, nil, resource("a", "one", "x"))
	patched := resource("a", "one", "rendered")
	patched.Annotations, patched.Finalizers, patched.Status.ID = map[string]string{"claim": "1"}, []string{"f"}, "unwritten"
	if err := s.Patch(t.Context(), patched, nil); err != nil {
		t.Fatal(err)
	}
	var list v1alpha1.ApiDefinitionList
	if err := s.List(t.Context(), &list, client.MatchingFields{"apisync.crossId": "x"}); err != nil || len(list.Items) != 1 {
		t.Fatalf("%v, %d found: the spec must stay as it was stored", err, len(list.Items))
	}
	got := list.Items[0]
	if got.Annotations["claim"] != "1" || len(got.Finalizers) != 1 || got.Spec.CrossID != "x" || got.Status.ID != "" {
		t.Errorf("annotations %v, finalizers %v, crossId %q, id %q", got.Annotations, got.Finalizers, got.Spec.CrossID, got.Status.ID)
	}
	if err := s.Patch(t.Context(), resource("a", "missing", ""), nil); err == nil {
		t.Error("what isn't there can't be patched")
	}
}

func TestSnapshotRefusesWrites(t *testing.T) {
	ctx, api := t.Context(), resource("a", "one", "x")
	s := newTestSnapshot(t, nil, api)
	for name, err := range map[string]error{
		"create": s.Create(ctx, api), "update": s.Update(ctx, api), "delete": s.Delete(ctx, api), "delete all": s.DeleteAllOf(ctx, api),
		"apply": s.Apply(ctx, nil), "patch of a status": s.Status().Patch(ctx, api, nil), "update of a status": s.Status().Update(ctx, api),
		"another kind": s.Patch(ctx, &corev1.ConfigMap{}, nil),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestSnapshotTellsWhatDoesNotExist(t *testing.T) {
	s := newTestSnapshot(t, fake.NewClientBuilder().Build())
	err := s.Get(t.Context(), client.ObjectKey{Namespace: "a", Name: "missing"}, &v1alpha1.ManagementContext{})
	if !apierrors.IsNotFound(err) {
		t.Errorf("error = %v: the controllers ask by it", err)
	}
}
