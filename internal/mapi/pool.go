// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package mapi

import (
	"sync"

	"github.com/apisync/apisync/internal/fault"
)

// Pool holds one client per context, so that connections, sessions, limits and the circuit breaker are
// shared by everything that goes through the context, and by nothing else. The context's reconciler puts
// clients in after it has probed them; everybody else only borrows. Safe for concurrent use.
type Pool struct {
	// onChange is told the name of each context that became usable or unusable, or whose client changed.
	onChange func(name string)

	mu      sync.RWMutex
	entries map[string]*entry
	// past holds the last client of each place that a context led to before it was edited, so that APIs can
	// be moved away from there.
	past map[Place]Lease
}

type entry struct {
	// listing belongs to lease.Version; nil before the first bulk look.
	listing *Listing
	lease   Lease
	// fault is why the client must not be used now; nil when it may.
	fault error
	known bool
}

// Lease is a client that may be used, and what is known about the other side.
type Lease struct {
	Client Client
	Info   ServerInfo
	Place  Place
	// Name is namespace/name of the context.
	Name string
	// Scope and Hidden are those of the configuration.
	Scope  map[string]string
	Hidden Hidden
	// Revision is the generation of the context's spec that the client was made from.
	Revision int64
	// Version tells configurations of one context apart: it changes with its spec and its credentials.
	Version string
	// Listing is the last bulk look at the place under this very version; nil before the first one has ended.
	Listing *Listing
}

// Listing is the result of a bulk look at a place.
type Listing struct {
	// Err is why it is incomplete; nothing can be told from such a listing.
	Err error
	// Markers are by Ref.ID.
	Markers map[string]Marker
}

// NewPool makes an empty pool. onChange is told the name of each context whose APIs should look again: it
// became usable or unusable, or its client changed. It may be nil; it is called without locks and may block.
func NewPool(onChange func(name string)) *Pool {
	return &Pool{onChange: onChange, entries: map[string]*entry{}, past: map[Place]Lease{}}
}

// Put stores a probed client as usable, under the context's uid.
func (p *Pool) Put(uid string, lease Lease) {
	p.mu.Lock()
	old := p.entries[uid]
	fresh := old == nil || !old.known || old.fault != nil || old.lease.Version != lease.Version
	if old != nil && old.lease.Client != nil && !old.lease.Place.Is(lease.Place) {
		p.past[old.lease.Place] = old.lease
	}
	fresher := &entry{lease: lease, known: true}
	if old != nil && old.lease.Version == lease.Version {
		fresher.listing = old.listing
	}
	p.entries[uid] = fresher
	p.mu.Unlock()
	if fresh {
		p.changed(lease.Name)
	}
}

// Fail marks the context called name as unusable because of err. A client from before is kept for Retained.
func (p *Pool) Fail(uid, name string, err error) {
	p.mu.Lock()
	if p.entries[uid] == nil {
		p.entries[uid] = &entry{}
	}
	e := p.entries[uid]
	fresh := !e.known || e.fault == nil || fault.ReasonOf(e.fault) != fault.ReasonOf(err)
	e.fault, e.known = err, true
	p.mu.Unlock()
	if fresh {
		p.changed(name)
	}
}

func (p *Pool) changed(name string) {
	if p.onChange != nil {
		p.onChange(name)
	}
}

// Trouble is why the context can't be used; nil when it can, or when it hasn't been probed.
func (p *Pool) Trouble(uid string) error {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if e := p.entries[uid]; e != nil {
		return e.fault
	}
	return nil
}

// Drop forgets the context.
func (p *Pool) Drop(uid string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.entries, uid)
}

// Get lends the client of a usable context. known is false while the context hasn't been probed since the
// start of the process: then nothing can be said about it yet. The error is a Waiting fault.
func (p *Pool) Get(uid string) (lease Lease, known bool, err error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	e := p.entries[uid]
	if e == nil || !e.known {
		return Lease{}, false, nil
	}
	if e.fault != nil {
		return Lease{}, true, fault.New(fault.Waiting, fault.ReasonContextNotReady, "the management context isn't ready: %w", e.fault)
	}
	lease = e.lease
	lease.Listing = e.listing
	return lease, true, nil
}

// Record keeps the listing that was made under a version of a context, for Get. It is dropped when the context has
// changed meanwhile.
func (p *Pool) Record(uid, version string, listing *Listing) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e := p.entries[uid]; e != nil && e.lease.Version == version {
		e.listing = listing
	}
}

// Retained lends the last client that was usable, even if its context isn't any more: a deletion has to
// get through although, say, the Secret with the credentials has gone first.
func (p *Pool) Retained(uid string) (Lease, bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	e := p.entries[uid]
	if e == nil || e.lease.Client == nil {
		return Lease{}, false
	}
	return e.lease, true
}

// At lends a usable client for a place, through whichever context it is or was reached.
func (p *Pool) At(place Place) (Lease, bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, e := range p.entries {
		if e.fault == nil && e.known && e.lease.Place.Is(place) {
			return e.lease, true
		}
	}
	for past, lease := range p.past {
		if past.Is(place) {
			return lease, true
		}
	}
	return Lease{}, false
}
