// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package orphan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/orphan"
	"github.com/apisync/apisync/internal/translate"
)

func TestFind(t *testing.T) {
	const id, key = "id-1", "cross-1"
	cases := map[string]struct {
		why     string
		cluster string
		owner   string
		change  func(api *v1alpha1.ApiDefinition)
		orphan  bool
	}{
		"marked, and no resource has anything to do with it": {
			why: "its resource is gone", cluster: "east", owner: "east", orphan: true,
		},
		"no cluster id": {
			why: "without a mark nothing tells whose an API is", owner: "",
		},
		"no cluster id, but a mark": {
			why: "it is some cluster's, and this one's id isn't known", owner: "east",
		},
		"unmarked":                {why: "it may be anybody's", cluster: "east"},
		"shared":                  {why: "the mark of this cluster was left on it", cluster: "east", owner: "east west", orphan: true},
		"shared, and published":   {why: "other clusters publish it as well", cluster: "east", owner: "east west", change: func(a *v1alpha1.ApiDefinition) { a.Status.ID = id }},
		"another cluster's":       {why: "that cluster looks after it", cluster: "east", owner: "west"},
		"id in the status":        {why: "published", cluster: "east", owner: "east", change: func(a *v1alpha1.ApiDefinition) { a.Status.ID = id }},
		"id in spec":              {why: "about to be created, or taken over", cluster: "east", owner: "east", change: func(a *v1alpha1.ApiDefinition) { a.Spec.ID = id }},
		"id is the uid":           {why: "created, and the status was lost", cluster: "east", owner: "east", change: func(a *v1alpha1.ApiDefinition) { a.UID = id }},
		"crossId in the status":   {why: "it is found by it", cluster: "east", owner: "east", change: func(a *v1alpha1.ApiDefinition) { a.Status.CrossID = key }},
		"crossId in spec":         {why: "it is found by it", cluster: "east", owner: "east", change: func(a *v1alpha1.ApiDefinition) { a.Spec.CrossID = key }},
		"being deleted":           {why: "the operator deletes it itself", cluster: "east", owner: "east", change: func(a *v1alpha1.ApiDefinition) { a.Status.ID, a.DeletionTimestamp = id, &metav1.Time{} }},
		"a resource that differs": {why: "it has other identities", cluster: "east", owner: "east", change: func(a *v1alpha1.ApiDefinition) { a.Status.ID = "id-2" }, orphan: true},
		"id in the annotation": {
			why: "a crash came between the write and the status", cluster: "east", owner: "east",
			change: func(a *v1alpha1.ApiDefinition) {
				a.Annotations = map[string]string{v1alpha1.IdentityAnnotation: translate.Claim{ID: id, For: translate.FullName(a)}.Text()}
			},
		},
		"id at its old place": {
			why: "it is moving", cluster: "east", owner: "east",
			change: func(a *v1alpha1.ApiDefinition) {
				a.Status.ID, a.Status.Sync = "id-2", &v1alpha1.SyncStatus{Place: &v1alpha1.Place{ID: id}}
			},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var apis []v1alpha1.ApiDefinition
			if c.change != nil {
				apis = make([]v1alpha1.ApiDefinition, 1)
				apis[0].Namespace, apis[0].Name = "ns", "orders"
				c.change(&apis[0])
			}
			markers := []mapi.Marker{{Ref: mapi.Ref{ID: id, Key: key}, Name: "Orders", Owners: strings.Fields(c.owner)}}
			found := orphan.Find(c.cluster, slices.Values(markers), orphan.KnownOf(apis))
			if (len(found) == 1) != c.orphan {
				t.Errorf("found %v: %s", found, c.why)
			}
		})
	}
}

func TestFindKnowsTheDerivedCrossID(t *testing.T) {
	api := v1alpha1.ApiDefinition{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "orders"}}
	api.Spec.CrossID = "chosen"
	marker := mapi.Marker{Ref: mapi.Ref{ID: "id-1", Key: translate.Hash("ns", "/", "orders")}, Owners: []string{"east"}}
	if found := orphan.Find("east", slices.Values([]mapi.Marker{marker}), orphan.KnownOf([]v1alpha1.ApiDefinition{api})); len(found) > 0 {
		t.Errorf("found %v: before spec.crossId was chosen, the API had the one that follows from the name", found)
	}
}

func TestFindIsSortedAndTellsEachOnce(t *testing.T) {
	marker := func(id, name string) mapi.Marker {
		return mapi.Marker{Ref: mapi.Ref{ID: id, Key: "key of " + id}, Name: name, Owners: []string{"east"}}
	}
	// A listing in pages may tell an API twice, when others come or go meanwhile.
	markers := []mapi.Marker{marker("3", "b"), marker("2", "a"), marker("1", "b"), marker("2", "a")}
	want := []orphan.Orphan{{ID: "2", CrossID: "key of 2", Name: "a"}, {ID: "1", CrossID: "key of 1", Name: "b"}, {ID: "3", CrossID: "key of 3", Name: "b"}}
	if diff := cmp.Diff(want, orphan.Find("east", slices.Values(markers), orphan.KnownOf(nil))); diff != "" {
		t.Errorf("orphans (-want +got):\n%s", diff)
	}
}
