// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/mapi"
)

// Sweeps looks at all remote APIs of a context in bulk, once a period, and wakes the resources whose remote API may have
// changed or gone. It decides nothing: whoever is woken reads its API in full. It implements
// reconcile.ObjectReconciler[*v1alpha1.ManagementContext].
type Sweeps struct {
	Client client.Reader
	Pool   *mapi.Pool
	Times  Times
	// Waiting are the APIs that wait for the first look.
	Waiting *Waiting
	// Wake must not block for long.
	Wake func(Wake)
	// Orphans counts the remote APIs that are marked as this cluster's and whose resource is gone; nil when that can't
	// be told.
	Orphans func(ctx context.Context, lease mapi.Lease, markers map[string]mapi.Marker) (int, error)
	Meter   Meter
	Now     func() time.Time
	// Jitter spreads the passes of contexts that started together; nil means none.
	Jitter func(time.Duration) time.Duration

	mu sync.Mutex
	// absent are, by the uid of their context, the APIs that the last listing lacked.
	absent map[string]map[types.UID]bool
}

// retrySweep is the longest delay after a listing that failed: sooner than most periods, since nothing is seen meanwhile.
const retrySweep = time.Minute

// Reconcile makes one pass.
func (s *Sweeps) Reconcile(ctx context.Context, managed *v1alpha1.ManagementContext) (ctrl.Result, error) {
	uid := string(managed.UID)
	lease, times, usable := s.terms(managed)
	if !usable {
		// Whoever waits for a look must not wait longer than for the context, whose own controller wakes the sweep when it is usable.
		s.release(uid)
		return ctrl.Result{}, nil
	}
	s.Meter.SweepPeriod(lease.Name, times.Period)
	begin := s.Now()
	counts, err := s.pass(ctx, managed, lease)
	s.Meter.Sweep(lease.Name, s.Now().Sub(begin), counts, err)
	s.release(uid)
	if err != nil {
		ctrl.LoggerFrom(ctx).Info("The bulk look failed; APIs are only read one by one until it succeeds", "error", err.Error())
		return ctrl.Result{RequeueAfter: max(fault.RetryAfter(err), s.spread(min(times.Period, retrySweep)))}, nil
	}
	return ctrl.Result{RequeueAfter: s.spread(times.Period)}, nil
}

// terms are what a pass needs; usable is false while the context isn't ready or its annotations are wrong, which its own
// controller tells.
func (s *Sweeps) terms(managed *v1alpha1.ManagementContext) (lease mapi.Lease, times Times, usable bool) {
	lease, known, unready := s.Pool.Get(string(managed.UID))
	times, wrong := s.Times.of(managed)
	return lease, times, known && unready == nil && wrong == nil
}

func (s *Sweeps) pass(ctx context.Context, managed *v1alpha1.ManagementContext, lease mapi.Lease) (map[string]int, error) {
	uid := string(managed.UID)
	markers, err := list(ctx, lease.Client)
	if err != nil {
		s.Pool.Record(uid, lease.Version, &mapi.Listing{Err: err})
		return nil, err
	}
	apis, err := s.apis(ctx, managed, lease)
	if err != nil {
		return nil, err
	}
	// Before anybody is woken: who looks at the listing of the last pass finds nothing to do.
	s.Pool.Record(uid, lease.Version, &mapi.Listing{Markers: ours(apis, markers)})
	counts := s.compare(managed, apis, markers, lease.Info.SeesAll())
	if s.Orphans != nil {
		orphans, err := s.Orphans(ctx, lease, markers)
		if err != nil {
			return counts, err
		}
		counts[SweepOrphans] = orphans
	}
	return counts, nil
}

// list reads the whole listing; an incomplete one is an error.
func list(ctx context.Context, from mapi.Client) (map[string]mapi.Marker, error) {
	markers := map[string]mapi.Marker{}
	for marker, err := range from.Markers(ctx) {
		if err != nil {
			return nil, err
		}
		markers[marker.Ref.ID] = marker
	}
	return markers, nil
}

// ours leaves out what other clusters and operators keep there.
func ours(apis []v1alpha1.ApiDefinition, markers map[string]mapi.Marker) map[string]mapi.Marker {
	kept := make(map[string]mapi.Marker, len(apis))
	for i := range apis {
		if marker, listed := markers[apis[i].Status.ID]; listed {
			kept[marker.Ref.ID] = marker
		}
	}
	return kept
}

// apis are the resources that are published at the place of the context.
func (s *Sweeps) apis(ctx context.Context, managed *v1alpha1.ManagementContext, lease mapi.Lease) ([]v1alpha1.ApiDefinition, error) {
	key := client.ObjectKeyFromObject(managed).String()
	apis, err := apisBy(ctx, s.Client, indexContext, possible(key)...)
	if err != nil {
		return nil, fmt.Errorf("listing the APIs of context %s: %w", key, err)
	}
	named := possible(key)
	return slices.DeleteFunc(apis, func(api v1alpha1.ApiDefinition) bool {
		place := recordedPlace(&api)
		return !slices.Contains(named, specContext(&api)) || place == (mapi.Place{}) || !place.Is(lease.Place)
	}), nil
}

// compare wakes the APIs that the listing shows as changed, or not at all. Who isn't in step is looked at anyway.
func (s *Sweeps) compare(managed *v1alpha1.ManagementContext, apis []v1alpha1.ApiDefinition, markers map[string]mapi.Marker, complete bool) map[string]int {
	counts := map[string]int{SweepUnchanged: 0, SweepChanged: 0, SweepMissing: 0}
	absent := map[types.UID]bool{}
	before := s.absentBefore(string(managed.UID))
	for i := range apis {
		api := &apis[i]
		policy, err := driftPolicy(api, managed)
		if err != nil || policy == v1alpha1.DriftPolicyOff || !isInStep(api) || !api.DeletionTimestamp.IsZero() {
			continue
		}
		marker, listed := markers[api.Status.ID]
		switch {
		case !listed:
			counts[SweepMissing]++
			absent[api.UID] = true
			// What a user who doesn't see all can't see was confirmed by its id once, and is read in its rotation.
			if complete || !before[api.UID] {
				s.Wake(Wake{Name: client.ObjectKeyFromObject(api)})
			}
		case marker.Marker != api.Status.Sync.Marker:
			counts[SweepChanged]++
			s.Wake(Wake{Name: client.ObjectKeyFromObject(api)})
		default:
			counts[SweepUnchanged]++
		}
	}
	s.remember(string(managed.UID), absent)
	return counts
}

func (s *Sweeps) absentBefore(contextUID string) map[types.UID]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.absent[contextUID])
}

func (s *Sweeps) remember(contextUID string, absent map[types.UID]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.absent == nil {
		s.absent = map[string]map[types.UID]bool{}
	}
	s.absent[contextUID] = absent
}

// release wakes those that waited for the pass, whatever came of it.
func (s *Sweeps) release(contextUID string) {
	for _, name := range s.Waiting.Take(contextUID) {
		s.Wake(Wake{Name: name})
	}
}

func (s *Sweeps) spread(delay time.Duration) time.Duration {
	if s.Jitter == nil {
		return delay
	}
	return s.Jitter(delay)
}

// SetupSweeps adds the controller of the bulk looks to the manager. ready carries the contexts that became usable or
// unusable, or whose client changed.
func SetupSweeps(mgr manager.Manager, sweeps *Sweeps, ready <-chan event.GenericEvent, options controller.Options) error {
	return builder.ControllerManagedBy(mgr).
		Named("sweep").
		For(&v1alpha1.ManagementContext{}, builder.WithPredicates(timesChanged())).
		WatchesRawSource(source.Channel(ready, &handler.EnqueueRequestForObject{})).
		WithOptions(options).
		Complete(reconcile.AsReconciler(mgr.GetClient(), sweeps))
}

// timesChanged passes a context whose period was edited; all else reaches the sweep when the context's own controller is done with it.
func timesChanged() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		DeleteFunc: func(event.DeleteEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			return annotation(e.ObjectOld, v1alpha1.DriftPeriodAnnotation) != annotation(e.ObjectNew, v1alpha1.DriftPeriodAnnotation)
		},
	}
}
