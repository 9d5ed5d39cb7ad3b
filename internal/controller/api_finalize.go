// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/gather"
	"github.com/apisync/apisync/internal/lifecycle"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/translate"
)

type farewell = lifecycle.Farewell

// Finalize deletes the API remotely, if this resource has recorded an id. The crossId finds, it never
// deletes: what was found by it may be somebody else's.
func (a *APIDefinitions) Finalize(ctx context.Context, api *v1alpha1.ApiDefinition) (farewell, error) {
	names := a.Sources.Names()
	found, err := a.Sources.API(ctx, api)
	if err == nil {
		api = found.Object
	} else {
		// What can't be looked up any more isn't needed for a deletion, except for the way there.
		if api, err = withNames(ctx, names, api); err != nil {
			return "", err
		}
	}
	clean := func(text string) string { return names.Redact(found.Redact(text)) }
	parting, err := a.finalize(ctx, api)
	return farewell(clean(string(parting))), fault.Redact(err, clean)
}

func (a *APIDefinitions) finalize(ctx context.Context, api *v1alpha1.ApiDefinition) (farewell, error) {
	orphan := api.Annotations[v1alpha1.DeletionPolicyAnnotation] == v1alpha1.DeletionPolicyOrphan
	if held, err := heldBack(api); (held != nil || err != nil) && !orphan {
		return "", cmp.Or(err, errPaused())
	}
	if err := a.withdrawConfigMap(ctx, api); err != nil {
		return "", err
	}
	id := translate.RecordedID(api)
	if id == "" || isOnlyLocal(api) {
		return "", nil
	}
	if orphan {
		return left(id, "as its annotation "+v1alpha1.DeletionPolicyAnnotation+" asks"), nil
	}
	if managed, named := a.contextOf(ctx, api); named {
		if held, err := heldBack(managed); held != nil || err != nil {
			return "", cmp.Or(err, errPaused())
		}
	}
	leave, entered := a.Gate.Enter(cmp.Or(recordedContext(api), specContext(api)), Wake{Name: client.ObjectKeyFromObject(api), Urgent: true})
	if !entered {
		return "", lifecycle.ErrDeferred
	}
	defer leave()
	parting, err := a.withdrawAll(ctx, api, id)
	if err == nil && a.Rotation != nil {
		a.Rotation.Forget(api.UID)
	}
	if err != nil {
		err = fmt.Errorf("%w; the deletion is tried again, and the annotation %s=%s ends it without deleting API %s",
			err, v1alpha1.DeletionPolicyAnnotation, v1alpha1.DeletionPolicyOrphan, id)
	}
	return parting, err
}

// withdrawAll deletes the API where it was published last. In the middle of a move, that isn't where its
// context leads, and the API may be at either place, or at both.
func (a *APIDefinitions) withdrawAll(ctx context.Context, api *v1alpha1.ApiDefinition, id string) (farewell, error) {
	managed, here := a.contextOf(ctx, api)
	old, recorded := recordedOrigin(api)
	if !recorded || here && a.departure().leadsTo(ctx, managed, old.recorded) {
		return a.withdrawHere(ctx, api, id)
	}
	var parting farewell
	if here {
		var err error
		if parting, err = a.withdrawArrived(ctx, api, managed, id); err != nil {
			return "", err
		}
	}
	there, err := a.withdrawFrom(ctx, api, old)
	if parting != "" && there != "" {
		parting += "; "
	}
	return parting + there, err
}

// withdrawArrived deletes the API where it was moving to, in case it got there. A place that can't be used
// is left out: what was never confirmed there may never have been written.
func (a *APIDefinitions) withdrawArrived(ctx context.Context, api *v1alpha1.ApiDefinition, managed *v1alpha1.ManagementContext, id string) (farewell, error) {
	uid := string(managed.UID)
	lease, ok := a.Pool.Retained(uid)
	if ok {
		parting, err := a.withdraw(ctx, api, lease, id, false)
		return parting, a.blame(lease, err)
	}
	if _, known, _ := a.Pool.Get(uid); !known {
		return "", a.departure().whyNot(managed)
	}
	return "", nil
}

// contextOf is the context that the spec names, if it is there.
func (a *APIDefinitions) contextOf(ctx context.Context, api *v1alpha1.ApiDefinition) (*v1alpha1.ManagementContext, bool) {
	if api.Spec.ContextRef == nil {
		return nil, false
	}
	managed, err := gather.Context(ctx, a.Client, *api.Spec.ContextRef, api.Namespace)
	if err != nil {
		return nil, false
	}
	return managed, true
}

// withdrawHere deletes the API where its context leads.
func (a *APIDefinitions) withdrawHere(ctx context.Context, api *v1alpha1.ApiDefinition, id string) (farewell, error) {
	if api.Spec.ContextRef == nil {
		return left(id, "since it names no ManagementContext any more"), nil
	}
	lease, parting, err := a.leaseForDeletion(ctx, api, id)
	if err != nil || parting != "" {
		return parting, err
	}
	if old, moved := movedFrom(api, lease); moved && recordedContext(api) == "" {
		return a.withdrawFrom(ctx, api, old)
	}
	parting, err = a.withdraw(ctx, api, lease, id, translate.PublishedID(api) != "")
	return parting, a.blame(lease, err)
}

// leaseForDeletion borrows a client, also one whose context isn't ready any more. A farewell ends the
// deletion when the way to the management API is gone for good.
func (a *APIDefinitions) leaseForDeletion(ctx context.Context, api *v1alpha1.ApiDefinition, id string) (mapi.Lease, farewell, error) {
	managed, err := gather.Context(ctx, a.Client, *api.Spec.ContextRef, api.Namespace)
	if errors.Is(err, fault.Waiting) {
		return mapi.Lease{}, left(id, "since its ManagementContext is gone"), nil
	}
	if err != nil {
		return mapi.Lease{}, "", err
	}
	if old, recorded := recordedOrigin(api); recorded {
		// Own credentials go before those of others.
		if lease, ok := a.departure().at(managed, old.place); ok {
			return lease, "", nil
		}
		if lease, ok := a.Pool.At(old.place); ok {
			return lease, "", nil
		}
	}
	lease, why, err := a.departure().leaseOf(managed, api.DeletionTimestamp)
	switch {
	case why != "":
		return mapi.Lease{}, left(id, "since "+why), nil
	case errors.Is(err, lifecycle.ErrDeferred):
		return mapi.Lease{}, "", a.departure().whyNot(managed)
	}
	return lease, "", err
}

func (a *APIDefinitions) departure() departure {
	return departure{client: a.Client, sources: a.Sources, pool: a.Pool, elsewhere: a.Reach, now: a.Now}
}

func left(id, why string) farewell {
	return farewell(fmt.Sprintf("API %s was left in the management API, %s", id, why))
}

// withdraw deletes the API with that id through lease, unless it turns out to be somebody else's. confirmed
// means that the management API has confirmed a write of this resource there.
func (a *APIDefinitions) withdraw(ctx context.Context, api *v1alpha1.ApiDefinition, lease mapi.Lease, id string, confirmed bool) (farewell, error) {
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
	if belongsToOther(seen, a.Cluster) {
		return left(id, "since it belongs to cluster "+quoted(seen.Owners)), nil
	}
	if others := a.others(seen.Owners); len(others) > 0 {
		return a.unshare(ctx, api, lease, seen, others)
	}
	if !confirmed && !(mayBeOurs(api, lease) && seen.Managed && seen.Ref.Key == translate.CrossID(api)) {
		// The claim was stored, but no write was ever confirmed: without our marks on it, it is still its author's.
		return left(id, "since it was never written by this resource"), nil
	}
	err = store.Delete(ctx, mapi.Ref{ID: id})
	a.meter().Operation(lease.Name, kindAPIDefinition, OperationDelete, err)
	return "", err
}

// mayBeOurs reports whether an API that bears the claimed id may come from a write that was never confirmed: nothing was there before, and the
// API was on its way to that very place, if it had been published anywhere.
func mayBeOurs(api *v1alpha1.ApiDefinition, lease mapi.Lease) bool {
	claim := translate.ClaimOf(translate.FullName(api), api.Annotations)
	_, moves := movedFrom(api, lease)
	return !claim.Found && (!moves || claim.At == lease.Place.Key())
}

// withdrawConfigMap ends the serving by the gateways of this cluster, before anything else.
func (a *APIDefinitions) withdrawConfigMap(ctx context.Context, api *v1alpha1.ApiDefinition) error {
	if a.Gateway == nil {
		return nil
	}
	_, err := a.Gateway.Withdraw(ctx, api)
	if errors.Is(err, fault.Forbidden) {
		return nil // Kubernetes collects it with its owner; a missing right must not keep that.
	}
	return err
}

// unshare takes this cluster's mark off an API that other clusters publish too; the last of them deletes it. The mark can only be
// changed together with the whole definition, so it stays when that isn't what the others publish.
func (a *APIDefinitions) unshare(ctx context.Context, api *v1alpha1.ApiDefinition, lease mapi.Lease, seen mapi.Observation, others []string) (farewell, error) {
	parting := left(seen.Ref.ID, "since cluster "+quoted(others)+" publishes it too")
	store := lease.Client.APIs()
	want, err := a.wanted(api, seen, nil)
	if err != nil {
		return parting + "; its mark of this cluster stays", nil //nolint:nilerr // what can't be translated can't be sent, and the rest is done
	}
	comparison, err := store.Compare(ctx, want, seen)
	switch {
	case err != nil:
		return "", err
	case len(comparison.Differences) > 0:
		return parting + "; its mark of this cluster stays, since the resources differ in " + farewell(paths(comparison.Differences)), nil
	}
	want.Cluster = ""
	_, err = store.Apply(ctx, want, mapi.Commit)
	a.meter().Operation(lease.Name, kindAPIDefinition, OperationUpdate, err)
	return parting, err
}

// others are the owners that aren't this cluster.
func (a *APIDefinitions) others(owners []string) []string {
	return slices.DeleteFunc(slices.Clone(owners), func(owner string) bool { return owner == a.Cluster })
}

// sharer is another resource with the same remote API, which GKO allowed (shared/contract/cases/79-same-ids).
func (a *APIDefinitions) sharer(ctx context.Context, api *v1alpha1.ApiDefinition, lease mapi.Lease, id string) (string, error) {
	twins, err := a.twins(ctx, api, lease)
	if err != nil {
		return "", err
	}
	for i := range twins {
		if twins[i].DeletionTimestamp.IsZero() && twins[i].Status.ID == id {
			return translate.FullName(&twins[i]), nil
		}
	}
	return "", nil
}
