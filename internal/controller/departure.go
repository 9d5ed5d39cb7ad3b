// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/gather"
	"github.com/apisync/apisync/internal/lifecycle"
	"github.com/apisync/apisync/internal/mapi"
)

// goneForGood is how long a deletion waits for credentials that don't exist any more.
const goneForGood = time.Minute

// departure borrows clients for what an object leaves: a place that it moves away from, or all of them.
type departure struct {
	client  client.Reader
	sources gather.Sources
	pool    *mapi.Pool
	// elsewhere makes a client for another place of the installation that a context leads to; nil when that isn't possible.
	elsewhere func(ctx context.Context, managed *v1alpha1.ManagementContext, place v1alpha1.Place) (mapi.Lease, error)
	now       func() time.Time
}

// placeOf is where a context leads to. An error means that it can't be told.
func (d departure) placeOf(ctx context.Context, managed *v1alpha1.ManagementContext) (mapi.Place, error) {
	if lease, ok := d.pool.Retained(string(managed.UID)); ok && lease.Revision == managed.Generation {
		return lease.Place, nil
	}
	return d.sources.PlaceOf(ctx, managed)
}

// leadsTo reports whether a context leads to a recorded place. While that can't be told, the one that the object was published through is
// taken to: what it refers to may come back.
func (d departure) leadsTo(ctx context.Context, managed *v1alpha1.ManagementContext, recorded v1alpha1.Place) bool {
	place, err := d.placeOf(ctx, managed)
	if err != nil {
		return slices.Contains(certain(client.ObjectKeyFromObject(managed).String()), recorded.Context)
	}
	return place.Is(gather.Place(recorded))
}

// at is the usable client of a context, if it leads to a place.
func (d departure) at(managed *v1alpha1.ManagementContext, place mapi.Place) (mapi.Lease, bool) {
	if managed == nil {
		return mapi.Lease{}, false
	}
	lease, known, err := d.pool.Get(string(managed.UID))
	return lease, known && err == nil && lease.Place.Is(place)
}

// reach finds a client for a place where an object was published. own is the context that the object names, or nil; deleted is when the
// object's deletion was asked for, or nil. Own credentials go before those of others, and aren't shown to another host. A Terminal fault says
// that no way leads there any more.
func (d departure) reach(ctx context.Context, own *v1alpha1.ManagementContext, recorded v1alpha1.Place, deleted *metav1.Time) (mapi.Lease, error) {
	place, through := gather.Place(recorded), d.through(ctx, recorded)
	for _, managed := range []*v1alpha1.ManagementContext{own, through} {
		if lease, ok := d.at(managed, place); ok {
			return lease, nil
		}
	}
	if lease, ok := d.pool.At(place); ok {
		return lease, nil
	}
	if through != nil {
		return d.failing(through, place, deleted)
	}
	if own == nil {
		return mapi.Lease{}, errNoWay()
	}
	if _, known, _ := d.pool.Get(string(own.UID)); !known {
		return mapi.Lease{}, d.whyNot(own)
	}
	current, ok := d.pool.Retained(string(own.UID))
	if !ok || !current.Place.SameInstallation(place) || d.elsewhere == nil {
		return mapi.Lease{}, errNoWay()
	}
	return d.elsewhere(ctx, own, recorded)
}

// through is the context that an object was published through, if it still leads to that place; otherwise nil.
func (d departure) through(ctx context.Context, recorded v1alpha1.Place) *v1alpha1.ManagementContext {
	if recorded.Context == "" {
		return nil
	}
	managed, err := contextNamed(ctx, d.client, recorded.Context)
	if err != nil || !d.leadsTo(ctx, managed, recorded) {
		return nil
	}
	return managed
}

// failing borrows what is left of a context that isn't ready. A move waits for it, and a deletion only as long as that makes sense.
func (d departure) failing(managed *v1alpha1.ManagementContext, place mapi.Place, deleted *metav1.Time) (mapi.Lease, error) {
	if deleted.IsZero() {
		return mapi.Lease{}, d.whyNot(managed)
	}
	if lease, ok := d.pool.Retained(string(managed.UID)); ok && !lease.Place.Is(place) {
		return mapi.Lease{}, d.whyNot(managed)
	}
	lease, why, err := d.leaseOf(managed, deleted)
	switch {
	case why != "":
		return mapi.Lease{}, fault.New(fault.Terminal, fault.ReasonReference, "%s", why)
	case errors.Is(err, lifecycle.ErrDeferred):
		return mapi.Lease{}, d.whyNot(managed)
	}
	return lease, err
}

func errNoWay() error {
	return fault.New(fault.Terminal, fault.ReasonReference, "no ManagementContext leads there any more")
}

// contextNamed is the ManagementContext that a status remembers: by namespace/name, or by what stands for that. Errors are those of
// gather.Context.
func contextNamed(ctx context.Context, reader client.Reader, recorded string) (*v1alpha1.ManagementContext, error) {
	if !mapi.IsStandIn(recorded) {
		namespace, name := SplitName(recorded)
		return gather.Context(ctx, reader, v1alpha1.Reference{Namespace: namespace, Name: name}, namespace)
	}
	var contexts v1alpha1.ManagementContextList
	if err := reader.List(ctx, &contexts); err != nil {
		return nil, fmt.Errorf("listing ManagementContexts: %w", err)
	}
	for i := range contexts.Items {
		if mapi.StandIn(client.ObjectKeyFromObject(&contexts.Items[i]).String()) == recorded {
			return &contexts.Items[i], nil
		}
	}
	return nil, fault.New(fault.Waiting, fault.ReasonReference, "the ManagementContext that it was published through doesn't exist any more")
}

// leaseOf borrows the client of a context, also when the context isn't ready any more. why is the reason when the way to the management
// API is gone for good, which ends the deletion.
func (d departure) leaseOf(managed *v1alpha1.ManagementContext, deleted *metav1.Time) (lease mapi.Lease, why string, err error) {
	uid := string(managed.UID)
	if lease, ok := d.pool.Retained(uid); ok {
		return lease, "", nil
	}
	_, known, err := d.pool.Get(uid)
	if !known {
		// It is probed soon, which wakes the object.
		return mapi.Lease{}, "", lifecycle.ErrDeferred
	}
	trouble := d.pool.Trouble(uid)
	if !lacksSources(managed, trouble) {
		return mapi.Lease{}, "", err
	}
	// A Secret that is only replaced at this moment gets some time to come back.
	waited := d.now().Sub(deleted.Time)
	if !managed.DeletionTimestamp.IsZero() || waited >= goneForGood {
		if fault.ReasonOf(trouble) == gather.ReasonCredentialsMissing {
			return mapi.Lease{}, "the credentials of its ManagementContext are gone", nil
		}
		return mapi.Lease{}, "what the templates of its ManagementContext look up is gone", nil
	}
	return mapi.Lease{}, "", fault.New(fault.Waiting, fault.ReasonContextNotReady, "%w", err).After(goneForGood - waited)
}

// lacksSources reports whether what a context refers to isn't there: a Secret with credentials, or what a template looks up. A template that
// can't be rendered may be a slip of the pen, unless the context goes anyway.
func lacksSources(managed *v1alpha1.ManagementContext, trouble error) bool {
	switch fault.ReasonOf(trouble) {
	case gather.ReasonCredentialsMissing:
		return true
	case fault.ReasonReference:
		return fault.KindOf(trouble) == fault.Waiting
	case fault.ReasonTemplate:
		return !managed.DeletionTimestamp.IsZero()
	}
	return false
}

// whyNot is why a context that leads to the right place has no usable client.
func (d departure) whyNot(managed *v1alpha1.ManagementContext) error {
	name := managed.Namespace + "/" + managed.Name
	trouble := d.pool.Trouble(string(managed.UID))
	switch {
	case trouble != nil && !managed.DeletionTimestamp.IsZero():
		// It is going, and so is the way.
		return fault.New(fault.Terminal, fault.ReasonReference, "ManagementContext %s, which is being deleted: %w", name, trouble)
	case trouble != nil:
		return fmt.Errorf("ManagementContext %s: %w", name, trouble)
	}
	return fault.New(fault.Waiting, fault.ReasonContextNotReady, "ManagementContext %s hasn't been probed yet", name)
}
