// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"cmp"
	"context"
	"fmt"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/gather"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/translate"
)

// origin is the place that an API moves away from. An API moves when its resource names another context, or
// when the environment of its context is edited. Ids are unique within an installation
// (shared/contract/cases/81-context-switches-environment), so there the API leaves its old place before it is
// written to the new one. Across installations it is written first, so that it is served somewhere at all
// times.
type origin struct {
	place    mapi.Place
	recorded v1alpha1.Place
	// id is the one that the API has there; it may get another one at its new place.
	id string
	// arrived leads to where the API was written to since; nil while it wasn't.
	arrived *mapi.Lease
}

// movedFrom tells where the API was published last, if that is elsewhere than lease leads to.
func movedFrom(api *v1alpha1.ApiDefinition, lease mapi.Lease) (origin, bool) {
	if old, recorded := recordedOrigin(api); recorded {
		return old, !old.place.Is(lease.Place)
	}
	return inheritedOrigin(api, lease)
}

// inheritedOrigin tells where GKO published the API last, if that is another environment than lease leads to: GKO remembers the environment and
// not the address, so that the installation is taken to be the same.
func inheritedOrigin(api *v1alpha1.ApiDefinition, lease mapi.Lease) (origin, bool) {
	status, here := &api.Status, lease.Info
	known := translate.PublishedID(api) != "" && status.OrganizationID != "" && status.EnvironmentID != "" && here.OrganizationID != "" && here.EnvironmentID != ""
	if !known || status.OrganizationID == here.OrganizationID && status.EnvironmentID == here.EnvironmentID {
		return origin{}, false
	}
	recorded := v1alpha1.Place{
		Type: lease.Place.Type, BaseURL: lease.Place.BaseURL, OrganizationID: status.OrganizationID, EnvironmentID: status.EnvironmentID, ID: status.ID,
	}
	return origin{place: gather.Place(recorded), recorded: recorded, id: status.ID}, true
}

// recordedOrigin tells where the API was published last.
func recordedOrigin(api *v1alpha1.ApiDefinition) (origin, bool) {
	if api.Status.Sync == nil || api.Status.Sync.Place == nil {
		return origin{}, false
	}
	recorded := *api.Status.Sync.Place
	recorded.ID = cmp.Or(recorded.ID, translate.RecordedID(api))
	return origin{place: gather.Place(recorded), recorded: recorded, id: recorded.ID}, true
}

// leaveBefore deletes the API from its old place within the same installation.
func (a *APIDefinitions) leaveBefore(ctx context.Context, api *v1alpha1.ApiDefinition, terms terms, old origin) ([]string, error) {
	lease := terms.Lease
	if !old.place.SameInstallation(lease.Place) {
		return nil, nil
	}
	arrived, err := lease.Client.APIs().Observe(ctx, mapi.Ref{Key: translate.CrossID(api), ID: old.id})
	if err != nil {
		return nil, err
	}
	if arrived.Exists && arrived.Ref.ID == old.id {
		// The move was made before a crash, and its id must not be deleted any more.
		return nil, nil
	}
	if arrived.Exists {
		if err := a.wouldArrive(ctx, api, terms, arrived); err != nil {
			return nil, err
		}
	}
	if err := a.wouldBeAccepted(ctx, api, lease, arrived); err != nil {
		return nil, err
	}
	return a.leave(ctx, api, old)
}

// wouldArrive is why an API that is at the new place already may not be written, if that is so: then the old one stays.
func (a *APIDefinitions) wouldArrive(ctx context.Context, api *v1alpha1.ApiDefinition, terms terms, arrived mapi.Observation) error {
	store := terms.Client.APIs()
	want, err := a.wanted(api, arrived, terms.linked)
	if err != nil {
		return err
	}
	comparison, err := store.Compare(ctx, want, arrived)
	if err != nil {
		return unseen{err}
	}
	_, _, err = a.decided(ctx, api, terms, want, arrived, comparison)
	return err
}

// wouldBeAccepted asks the new place before the old one is left: a move that is refused must not take the API
// down. The API's own id is still taken, by itself, so another one is asked for.
func (a *APIDefinitions) wouldBeAccepted(ctx context.Context, api *v1alpha1.ApiDefinition, lease mapi.Lease, arrived mapi.Observation) error {
	id := translate.Hash(translate.RecordedID(api), "/dry-run")
	if arrived.Exists {
		id = arrived.Ref.ID
	}
	want, err := translate.API(api, translate.Inputs{ID: id, PlanIDs: arrived.Ref.Parts, Cluster: a.Cluster})
	if err != nil {
		return err
	}
	_, err = lease.Client.APIs().Apply(ctx, want, mapi.DryRun)
	return err
}

// leaveAfter deletes the API from its old place in another installation.
func (a *APIDefinitions) leaveAfter(ctx context.Context, api *v1alpha1.ApiDefinition, lease mapi.Lease, old origin) ([]string, error) {
	if old.place.SameInstallation(lease.Place) {
		return nil, nil
	}
	old.arrived = &lease
	warnings, err := a.leave(ctx, api, old)
	if err != nil {
		// The status may name the new id already; the next try needs the old one.
		syncOf(&api.Status.Sync).Place = &old.recorded
	}
	return warnings, err
}

// leave deletes the API at its old place if it is still ours there. A place that can't be reached for good is
// named in a warning: the move must not wait for an environment that is gone.
func (a *APIDefinitions) leave(ctx context.Context, api *v1alpha1.ApiDefinition, old origin) ([]string, error) {
	farewell, err := a.withdrawFrom(ctx, api, old)
	switch {
	case err == nil && farewell == "":
		return nil, nil
	case err == nil:
		return []string{string(farewell)}, nil
	}
	return nil, fmt.Errorf("leaving %s (%s): %w", old.place.BaseURL, old.place.Scope, err)
}

// withdrawFrom deletes the API at a place that it left or is leaving. An error means that another try may
// succeed; otherwise a farewell tells what stays there.
func (a *APIDefinitions) withdrawFrom(ctx context.Context, api *v1alpha1.ApiDefinition, old origin) (farewell, error) {
	lease, err := a.reach(ctx, api, old)
	if err == nil {
		var left farewell
		if left, err = a.withdrawLeft(ctx, api, lease, old); err == nil {
			return left, nil
		}
	}
	if kind := fault.KindOf(err); kind == fault.Transient || kind == fault.Waiting {
		return "", err
	}
	return farewell(fmt.Sprintf("API %s was left behind at %s (%s), where it was published before: %v; "+
		"delete it there by hand, unless it is the same installation under another address", old.id, old.place.BaseURL, old.place.Scope, err)), nil
}

// withdrawLeft deletes the API at its old place, unless it is the one that was written to the new place.
func (a *APIDefinitions) withdrawLeft(ctx context.Context, api *v1alpha1.ApiDefinition, lease mapi.Lease, old origin) (farewell, error) {
	one, err := a.isOne(ctx, api, lease, old)
	if err != nil {
		return "", err
	}
	if one {
		return farewell(fmt.Sprintf("API %s wasn't deleted at %s (%s), where it was published before: it is the one that is published now, "+
			"under another address of the same installation, or in a copy of it", old.id, old.place.BaseURL, old.place.Scope)), nil
	}
	return a.withdraw(ctx, api, lease, old.id, true)
}

// isOne reports whether both places hold one and the same API: an installation that got another address looks like another one, and what
// was just written there must not be deleted under its old address. Ids don't tell, since a moved API keeps its id.
func (a *APIDefinitions) isOne(ctx context.Context, api *v1alpha1.ApiDefinition, lease mapi.Lease, old origin) (bool, error) {
	if old.arrived == nil || api.Status.ID != old.id {
		return false, nil
	}
	look := func(at mapi.Lease) (mapi.Observation, error) {
		return at.Client.APIs().Observe(ctx, mapi.Ref{ID: old.id})
	}
	there, err := look(lease)
	if err != nil || !there.Exists {
		return false, err
	}
	here, err := look(*old.arrived)
	if err != nil {
		return false, fault.New(fault.Transient, fault.ReasonOf(err), "reading back: %w", err)
	}
	if here.Marker == there.Marker {
		return here.Exists, nil
	}
	// Somebody may have written between both looks.
	again, err := look(lease)
	if err == nil && again.Marker != there.Marker {
		err = fault.New(fault.Transient, fault.ReasonUnreachable, "it was written to meanwhile")
	}
	return false, err
}

// reach finds a client for a place that the API leaves.
func (a *APIDefinitions) reach(ctx context.Context, api *v1alpha1.ApiDefinition, old origin) (mapi.Lease, error) {
	own, _ := a.contextOf(ctx, api)
	return a.departure().reach(ctx, own, old.recorded, api.DeletionTimestamp)
}

func (a *APIDefinitions) recordPlace(api *v1alpha1.ApiDefinition, terms terms) {
	place := gather.RecordPlace(terms.Lease, terms.secretContext)
	place.ID = api.Status.ID
	syncOf(&api.Status.Sync).Place = place
}
