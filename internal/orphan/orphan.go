// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

// Package orphan finds remote APIs that bear the mark of this cluster although their resource is gone, and removes them when it
// is told to. Nothing else may be taken for an orphan: what isn't marked, what is marked by another cluster, and what may
// still belong to any resource.
package orphan

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/translate"
)

// Orphan is a remote API whose resource is gone.
type Orphan struct {
	ID      string `json:"id"`
	CrossID string `json:"crossId"`
	// Name is the API's display name.
	Name string `json:"name"`
}

// Known are the identities that the resources of a cluster have, had, or may be about to use.
type Known struct {
	// ids and keys lead to namespace/name of a resource.
	ids, keys map[string]string
}

// KnownOf collects the identities of resources. It is only good for Find when it is given all ApiDefinitions of the cluster.
func KnownOf(apis []v1alpha1.ApiDefinition) Known {
	known := Known{ids: map[string]string{}, keys: map[string]string{}}
	for i := range apis {
		known.add(&apis[i])
	}
	return known
}

// add takes every identity, also those that lost their meaning: a change of spec.crossId or an interrupted move leaves an
// API under an old one, which the operator still has to deal with.
func (k Known) add(api *v1alpha1.ApiDefinition) {
	name := translate.FullName(api)
	ids := []string{api.Status.ID, translate.ClaimedID(api), api.Spec.ID, string(api.UID)}
	if sync := api.Status.Sync; sync != nil && sync.Place != nil {
		ids = append(ids, sync.Place.ID)
	}
	for _, id := range ids {
		if id != "" {
			k.ids[id] = name
		}
	}
	for _, key := range []string{api.Status.CrossID, api.Spec.CrossID, translate.Hash(api.Namespace, "/", api.Name)} {
		if key != "" {
			k.keys[key] = name
		}
	}
}

// Owner is namespace/name of a resource to which a remote API may belong; empty if there is none.
func (k Known) Owner(ref mapi.Ref) string { return cmp.Or(k.ids[ref.ID], k.keys[ref.Key]) }

// Find picks the orphans of a cluster from a listing, sorted by name and id. Without a cluster id there are none: an API without a
// mark may be anybody's.
func Find(cluster string, markers iter.Seq[mapi.Marker], known Known) []Orphan {
	if cluster == "" {
		return nil
	}
	found := map[string]Orphan{}
	for marker := range markers {
		if slices.Contains(marker.Owners, cluster) && marker.Ref.ID != "" && known.Owner(marker.Ref) == "" {
			found[marker.Ref.ID] = Orphan{ID: marker.Ref.ID, CrossID: marker.Ref.Key, Name: marker.Name}
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b Orphan) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
}

// Counter counts orphans in listings. reader has to see the ApiDefinitions of all namespaces.
func Counter(reader client.Reader, cluster string) func(context.Context, mapi.Lease, map[string]mapi.Marker) (int, error) {
	return func(ctx context.Context, _ mapi.Lease, markers map[string]mapi.Marker) (int, error) {
		var apis v1alpha1.ApiDefinitionList
		// They are only read, and there may be thousands.
		if err := reader.List(ctx, &apis, client.UnsafeDisableDeepCopy); err != nil {
			return 0, fmt.Errorf("listing all ApiDefinitions: %w", err)
		}
		return len(Find(cluster, maps.Values(markers), KnownOf(apis.Items))), nil
	}
}
