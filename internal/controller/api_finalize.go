// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/gather"
	"github.com/apisync/apisync/internal/lifecycle"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/translate"
)

// goneForGood is how long a deletion waits for credentials that don't exist any more.
const goneForGood = time.Minute

// Finalize deletes the API remotely, if this resource has recorded an id. The crossId finds, it never
// deletes: what was found by it may be somebody else's.
func (a *APIDefinitions) Finalize(ctx context.Context, api *v1alpha1.ApiDefinition) (lifecycle.Farewell, error) {
	id := translate.RecordedID(api)
	if id == "" || api.Spec.ContextRef == nil {
		return "", nil
	}
	if api.Annotations[v1alpha1.DeletionPolicyAnnotation] == v1alpha1.DeletionPolicyOrphan {
		return left(id, "as its annotation "+v1alpha1.DeletionPolicyAnnotation+" asks"), nil
	}
	lease, farewell, err := a.leaseForDeletion(ctx, api, id)
	if err != nil || farewell != "" {
		return farewell, err
	}
	if old, moved := movedFrom(api, lease); moved {
		if lease, err = a.reach(ctx, api, old); err != nil {
			return left(id, fmt.Sprintf("since %s (%s), where it was published last, can't be reached: %v", old.BaseURL, old.Scope, err)), nil
		}
	}
	farewell, err = a.withdraw(ctx, api, lease, id)
	if err = a.blame(lease, err); err != nil {
		err = fmt.Errorf("%w; the deletion is tried again, and the annotation %s=%s ends it without deleting API %s",
			err, v1alpha1.DeletionPolicyAnnotation, v1alpha1.DeletionPolicyOrphan, id)
	}
	return farewell, err
}

// leaseForDeletion borrows a client, also one whose context isn't ready any more. A farewell ends the
// deletion when the way to the management API is gone for good.
func (a *APIDefinitions) leaseForDeletion(ctx context.Context, api *v1alpha1.ApiDefinition, id string) (mapi.Lease, lifecycle.Farewell, error) {
	managed, err := gather.Context(ctx, a.Client, *api.Spec.ContextRef, api.Namespace)
	if errors.Is(err, fault.Waiting) {
		return mapi.Lease{}, left(id, "since its ManagementContext is gone"), nil
	}
	if err != nil {
		return mapi.Lease{}, "", err
	}
	if lease, ok := a.Pool.Retained(string(managed.UID)); ok {
		return lease, "", nil
	}
	_, known, err := a.Pool.Get(string(managed.UID))
	if !known {
		return mapi.Lease{}, "", fault.New(fault.Waiting, fault.ReasonContextNotReady, "the management context hasn't been probed yet")
	}
	if fault.ReasonOf(a.Pool.Trouble(string(managed.UID))) == gather.ReasonCredentialsMissing {
		return a.withoutCredentials(api, managed, id, err)
	}
	return mapi.Lease{}, "", err
}

// withoutCredentials gives a Secret that may only be replaced at this moment some time to come back.
func (a *APIDefinitions) withoutCredentials(api *v1alpha1.ApiDefinition, managed *v1alpha1.ManagementContext, id string, err error) (mapi.Lease, lifecycle.Farewell, error) {
	waited := a.Now().Sub(api.DeletionTimestamp.Time)
	if !managed.DeletionTimestamp.IsZero() || waited >= goneForGood {
		return mapi.Lease{}, left(id, "since the credentials of its ManagementContext are gone"), nil
	}
	return mapi.Lease{}, "", fault.New(fault.Waiting, fault.ReasonContextNotReady, "%w", err).After(goneForGood - waited)
}

func left(id, why string) lifecycle.Farewell {
	return lifecycle.Farewell(fmt.Sprintf("API %s was left in the management API, %s", id, why))
}

// withdraw deletes the API with that id through lease, unless it turns out to be somebody else's.
func (a *APIDefinitions) withdraw(ctx context.Context, api *v1alpha1.ApiDefinition, lease mapi.Lease, id string) (lifecycle.Farewell, error) {
	other, err := a.sharer(ctx, api, lease, id)
	if err != nil {
		return "", err
	}
	if other != "" {
		return left(id, "since ApiDefinition "+other+" publishes it too"), nil
	}
	store := lease.Client.APIs()
	seen, err := store.Observe(ctx, mapi.Ref{ID: id})
	if err != nil {
		return "", err
	}
	if !seen.Exists {
		return "", nil
	}
	if seen.Owner != "" && seen.Owner != a.Cluster {
		return left(id, fmt.Sprintf("since it belongs to cluster %q", seen.Owner)), nil
	}
	if api.Status.ID == "" && !(seen.Managed && seen.Ref.Key == translate.CrossID(api)) {
		// The claim was stored, but no write was ever confirmed: without our marks on it, it is still its author's.
		return left(id, "since it was never written by this resource"), nil
	}
	return "", store.Delete(ctx, mapi.Ref{ID: id})
}

// sharer is another resource with the same remote API, which GKO allowed (shared/contract/cases/79-same-ids).
func (a *APIDefinitions) sharer(ctx context.Context, api *v1alpha1.ApiDefinition, lease mapi.Lease, id string) (string, error) {
	var same v1alpha1.ApiDefinitionList
	if err := a.Client.List(ctx, &same, client.MatchingFields{indexCrossID: translate.CrossID(api)}); err != nil {
		return "", fmt.Errorf("listing APIs with crossId %s: %w", translate.CrossID(api), err)
	}
	for i := range same.Items {
		other := &same.Items[i]
		if other.UID != api.UID && other.DeletionTimestamp.IsZero() && other.Status.ID == id &&
			other.Spec.ContextRef != nil && a.samePlace(ctx, other, lease) {
			return translate.FullName(other), nil
		}
	}
	return "", nil
}
