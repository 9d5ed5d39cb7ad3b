// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
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

// departure borrows clients for deletions.
type departure struct {
	pool *mapi.Pool
	now  func() time.Time
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
	if fault.ReasonOf(d.pool.Trouble(uid)) != gather.ReasonCredentialsMissing {
		return mapi.Lease{}, "", err
	}
	// A Secret that is only replaced at this moment gets some time to come back.
	waited := d.now().Sub(deleted.Time)
	if !managed.DeletionTimestamp.IsZero() || waited >= goneForGood {
		return mapi.Lease{}, "since the credentials of its ManagementContext are gone", nil
	}
	return mapi.Lease{}, "", fault.New(fault.Waiting, fault.ReasonContextNotReady, "%w", err).After(goneForGood - waited)
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
