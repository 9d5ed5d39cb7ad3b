// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"hash/fnv"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// Rotation spreads the deep reads of objects that nothing seems to have touched. Each object has a fixed phase
// within the period, made from its uid: the load is even, also after a restart, and nothing has to be stored. Safe
// for concurrent use.
type Rotation struct {
	now func() time.Time

	mu  sync.Mutex
	due map[types.UID]time.Time
}

// NewRotation makes a rotation that goes by the given clock.
func NewRotation(now func() time.Time) *Rotation {
	return &Rotation{now: now, due: map[types.UID]time.Time{}}
}

// Due reports whether the object should be read in full now. The first time it is asked about an object, the answer is no,
// and the object is due within one period.
func (r *Rotation) Due(uid types.UID, period time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := r.at(uid, period)
	return !r.now().Before(at)
}

// Wait is the time until the object is due; at least a moment, since zero would mean never.
func (r *Rotation) Wait(uid types.UID, period time.Duration) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return max(r.at(uid, period).Sub(r.now()), time.Millisecond)
}

// at gives the time at which the object is due. One that lies further away than a period is of a longer period before.
func (r *Rotation) at(uid types.UID, period time.Duration) time.Time {
	at, known := r.due[uid]
	if !known || at.Sub(r.now()) > period {
		at = r.next(uid, period)
		r.due[uid] = at
	}
	return at
}

// Done is called after the object was read in full.
func (r *Rotation) Done(uid types.UID, period time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.due[uid] = r.next(uid, period)
}

// Forget is called when the object is gone.
func (r *Rotation) Forget(uid types.UID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.due, uid)
}

// next is the first moment after now that is the object's phase away from a multiple of the period.
func (r *Rotation) next(uid types.UID, period time.Duration) time.Time {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(uid)) // never fails
	phase := time.Duration(hash.Sum64()>>1) % period
	now := r.now()
	elapsed := time.Duration(now.UnixNano() % int64(period))
	wait := phase - elapsed
	if wait <= 0 {
		wait += period
	}
	return now.Add(wait)
}
