// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// Gate bounds how many objects of one context are worked on at once, so that a management API that hangs
// can't take every worker from the others. Who finds it full isn't kept waiting: the object is parked, its
// worker goes on with another one, and the next that leaves wakes it. Safe for concurrent use.
type Gate struct {
	limit int
	wake  func(types.NamespacedName)

	mu    sync.Mutex
	rooms map[string]*room
}

type room struct {
	busy   int
	parked []types.NamespacedName
}

// NewGate lets limit objects of each context in. wake is called without locks, once for each parked object
// that may try again.
func NewGate(limit int, wake func(types.NamespacedName)) *Gate {
	return &Gate{limit: limit, wake: wake, rooms: map[string]*room{}}
}

// Enter reports whether the object may be worked on now. If so, leave must be called when that is done;
// otherwise the object is parked. A nil gate lets everybody in.
func (g *Gate) Enter(contextName string, object types.NamespacedName) (leave func(), entered bool) {
	if g == nil {
		return func() {}, true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	r := g.rooms[contextName]
	if r == nil {
		r = &room{}
		g.rooms[contextName] = r
	}
	if r.busy >= g.limit {
		if !slices.Contains(r.parked, object) {
			r.parked = append(r.parked, object)
		}
		return nil, false
	}
	r.busy++
	return func() { g.leave(contextName) }, true
}

func (g *Gate) leave(contextName string) {
	g.mu.Lock()
	r := g.rooms[contextName]
	r.busy--
	// As many as find room: one that was woken before may be gone, and would leave its place empty.
	free := min(g.limit-r.busy, len(r.parked))
	next := slices.Clone(r.parked[:free])
	r.parked = slices.Delete(r.parked, 0, free)
	if r.busy == 0 && len(r.parked) == 0 {
		delete(g.rooms, contextName)
	}
	g.mu.Unlock()
	for _, object := range next {
		g.wake(object)
	}
}
