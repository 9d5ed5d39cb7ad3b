// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/model"
)

// atRest reports whether there is no need to read the API from the management API: what was published is still what is
// wanted, and the last bulk look shows the API as it was left. Then nothing is known that the status doesn't
// say, so it stays as it is. It is also met while the first bulk look at the context is waited for, which
// wakes the API.
func (a *APIDefinitions) atRest(api *v1alpha1.ApiDefinition, terms terms) bool {
	if a.Rotation == nil || !a.isSettled(api, terms) {
		return false
	}
	if terms.policy == v1alpha1.DriftPolicyOff {
		return true
	}
	if a.Rotation.Due(api.UID, terms.times.Rotation) {
		return false
	}
	listing := terms.Listing
	if listing == nil {
		a.Waiting.Add(terms.contextUID, client.ObjectKeyFromObject(api))
		// It may have come in between, and have woken all but this one.
		lease, _, err := a.Pool.Get(terms.contextUID)
		if err != nil || lease.Listing == nil {
			return true
		}
		listing = lease.Listing
	}
	return standsIn(listing, api)
}

// isSettled reports whether nothing on our side asks for a look: neither the resource, nor its place, nor the drift policy.
func (a *APIDefinitions) isSettled(api *v1alpha1.ApiDefinition, terms terms) bool {
	if _, moved := movedFrom(api, terms.Lease); moved || !isInStep(api) || !a.Always.Known(api.UID) || terms.isRequested(api) || wasHeld(api) {
		return false
	}
	sync := api.Status.Sync
	if sync == nil || sync.Marker == "" || sync.Place == nil || api.Status.ID == "" || !model.Comparable(sync.Digest, a.DigestKey) {
		return false
	}
	if !tells(driftedBefore(api), terms.policy) {
		return false
	}
	digest, err := a.wantedDigest(api, terms.linked)
	return err == nil && digest == sync.Digest
}

// wasHeld reports whether the API was paused until now.
func wasHeld(api *v1alpha1.ApiDefinition) bool {
	return meta.FindStatusCondition(api.Status.Conditions, v1alpha1.PausedCondition) != nil
}

// tells reports whether the condition Drifted can stand under the policy. Otherwise the policy has changed, or nobody has looked yet.
func tells(drifted *metav1.Condition, policy string) bool {
	if drifted == nil {
		return policy == v1alpha1.DriftPolicyOff
	}
	switch policy {
	case v1alpha1.DriftPolicyCorrect:
		return drifted.Status == metav1.ConditionFalse || drifted.Reason == v1alpha1.DriftNotCorrectableReason
	case v1alpha1.DriftPolicyReport:
		return true
	}
	return false
}

// standsIn reports whether a complete listing shows the API as it was seen last.
func standsIn(listing *mapi.Listing, api *v1alpha1.ApiDefinition) bool {
	if listing.Err != nil {
		return false
	}
	marker, listed := listing.Markers[api.Status.ID]
	return listed && marker.Marker == api.Status.Sync.Marker && marker.Ref.Key == api.Status.CrossID
}

// Waiting keeps, by the uid of the context, the APIs that wait for the first bulk look at it. Safe for concurrent use.
type Waiting struct {
	mu   sync.Mutex
	apis map[string][]types.NamespacedName
}

// Add lets an API wait.
func (w *Waiting) Add(contextUID string, api types.NamespacedName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.apis == nil {
		w.apis = map[string][]types.NamespacedName{}
	}
	w.apis[contextUID] = append(w.apis[contextUID], api)
}

// Take gives those that wait, each once, and forgets them.
func (w *Waiting) Take(contextUID string) []types.NamespacedName {
	w.mu.Lock()
	defer w.mu.Unlock()
	waiting := w.apis[contextUID]
	delete(w.apis, contextUID)
	slices.SortFunc(waiting, func(a, b types.NamespacedName) int {
		return slices.Compare([]string{a.Namespace, a.Name}, []string{b.Namespace, b.Name})
	})
	return slices.Compact(waiting)
}
