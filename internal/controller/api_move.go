// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/gather"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/translate"
)

// An API moves when its resource names another context, or when the environment of its context is edited.
// Ids are unique within an installation (shared/contract/cases/81-context-switches-environment), so there
// the API leaves its old place before it is written to the new one. Across installations it is written
// first, so that it is served somewhere at all times.

// leaveBefore deletes the API from its old place within the same installation.
func (a *APIDefinitions) leaveBefore(ctx context.Context, api *v1alpha1.ApiDefinition, lease mapi.Lease) ([]string, error) {
	old, moved := movedFrom(api, lease)
	if !moved || !old.SameInstallation(lease.Place) {
		return nil, nil
	}
	arrived, err := lease.Client.APIs().Observe(ctx, mapi.Ref{Key: translate.CrossID(api), ID: translate.RecordedID(api)})
	if err != nil {
		return nil, err
	}
	var warnings []string
	if !arrived.Exists || arrived.Ref.ID != translate.RecordedID(api) {
		// Otherwise the move was made before a crash, and its id must not be deleted any more.
		if warnings, err = a.leave(ctx, api, old); err != nil {
			return nil, err
		}
	}
	// What was written to the old place says nothing about the new one.
	api.Status.Sync.Digest, api.Status.Sync.Marker, api.Status.Sync.Unresolved = "", "", nil
	return warnings, nil
}

// leaveAfter deletes the API from its old place in another installation.
func (a *APIDefinitions) leaveAfter(ctx context.Context, api *v1alpha1.ApiDefinition, lease mapi.Lease) ([]string, error) {
	old, moved := movedFrom(api, lease)
	if !moved || old.SameInstallation(lease.Place) {
		return nil, nil
	}
	return a.leave(ctx, api, old)
}

func movedFrom(api *v1alpha1.ApiDefinition, lease mapi.Lease) (mapi.Place, bool) {
	if api.Status.Sync == nil || api.Status.Sync.Place == nil {
		return mapi.Place{}, false
	}
	old := gather.Place(*api.Status.Sync.Place)
	return old, old != lease.Place
}

// leave deletes the API at a place if it is still ours there. A place that can't be reached is named in a
// warning: the move must not wait for an environment that may be gone for good.
func (a *APIDefinitions) leave(ctx context.Context, api *v1alpha1.ApiDefinition, place mapi.Place) ([]string, error) {
	lease, err := a.reach(ctx, api, place)
	if err != nil {
		return []string{leftAt(api, place, err)}, nil
	}
	farewell, err := a.withdraw(ctx, api, lease, translate.RecordedID(api))
	switch {
	case err == nil && farewell == "":
		return nil, nil
	case err == nil:
		return []string{string(farewell)}, nil
	case fault.KindOf(err) == fault.Transient:
		return nil, fmt.Errorf("leaving %s (%s): %w", place.BaseURL, place.Scope, err)
	}
	return []string{leftAt(api, place, err)}, nil
}

// reach finds a client for a place that the API is to leave: one that leads there, otherwise the API's own
// context pointed there, but only within its installation: credentials aren't shown to another host.
func (a *APIDefinitions) reach(ctx context.Context, api *v1alpha1.ApiDefinition, place mapi.Place) (mapi.Lease, error) {
	if lease, ok := a.Pool.At(place); ok {
		return lease, nil
	}
	managed, err := gather.Context(ctx, a.Client, *api.Spec.ContextRef, api.Namespace)
	if err != nil {
		return mapi.Lease{}, err
	}
	current, ok := a.Pool.Retained(string(managed.UID))
	if !ok || !current.Place.SameInstallation(place) {
		return mapi.Lease{}, errNoClient
	}
	return a.Reach(ctx, managed, *api.Status.Sync.Place)
}

func leftAt(api *v1alpha1.ApiDefinition, place mapi.Place, err error) string {
	return fmt.Sprintf("API %s was left behind at %s (%s), from where it moved away: %v; delete it there by hand",
		translate.RecordedID(api), place.BaseURL, place.Scope, err)
}

func (a *APIDefinitions) recordPlace(api *v1alpha1.ApiDefinition, lease mapi.Lease) {
	syncOf(&api.Status).Place = gather.RecordPlace(lease)
}
