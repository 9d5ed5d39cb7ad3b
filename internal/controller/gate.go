// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// Gate bounds how many objects of one context are worked on at once, so that a management API that hangs
// can't take every worker from the others. Who finds it full isn't kept waiting: the object is parked, its
// worker goes on with another one, and the next that leaves wakes it: first what is urgent, then in the order of
// arrival. A quarter of the places is kept for the urgent. Safe for concurrent use.
type Gate struct {
	limit, reserved int
	wake            func(Wake)

	mu    sync.Mutex
	rooms map[string]*room
}

type room struct {
	busy   int
	parked parking
	// called are those that were woken and haven't come back yet.
	called map[types.NamespacedName]bool
}

// NewGate lets limit objects of each context in. wake is called without locks, once for each parked object
// that may try again.
func NewGate(limit int, wake func(Wake)) *Gate {
	return &Gate{limit: limit, reserved: limit / 4, wake: wake, rooms: map[string]*room{}}
}

// Enter reports whether the object may be worked on now. If so, leave must be called when that is done;
// otherwise the object is parked. A nil gate lets everybody in.
func (g *Gate) Enter(contextName string, object Wake) (leave func(), entered bool) {
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
	delete(r.called, object.Name)
	if r.busy >= g.places(object.Urgent) {
		r.parked.add(object)
		return nil, false
	}
	r.busy++
	return func() { g.leave(contextName) }, true
}

// places is how many objects may be worked on when one more comes.
func (g *Gate) places(urgent bool) int {
	if urgent {
		return g.limit
	}
	return g.limit - g.reserved
}

func (g *Gate) leave(contextName string) {
	g.mu.Lock()
	r := g.rooms[contextName]
	r.busy--
	if r.busy == 0 {
		// Those who were called and never came are gone; their places must not stay empty.
		r.called = nil
	}
	next := r.parked.take(g.limit-r.busy-len(r.called), g.places(false)-r.busy-len(r.called))
	for _, object := range next {
		if r.called == nil {
			r.called = map[types.NamespacedName]bool{}
		}
		r.called[object.Name] = true
	}
	if r.busy == 0 && r.parked.empty() {
		delete(g.rooms, contextName)
	}
	g.mu.Unlock()
	for _, object := range next {
		g.wake(object)
	}
}

// parking is two queues without duplicates. What is parked twice stays in its place, unless it has become urgent.
type parking struct {
	urgent, others []types.NamespacedName
	waiting        map[types.NamespacedName]bool // true: urgent
}

func (p *parking) add(object Wake) {
	urgent, known := p.waiting[object.Name]
	switch {
	case known && (urgent || !object.Urgent):
		return
	case object.Urgent:
		p.urgent = append(p.urgent, object.Name)
	default:
		p.others = append(p.others, object.Name)
	}
	if p.waiting == nil {
		p.waiting = map[types.NamespacedName]bool{}
	}
	p.waiting[object.Name] = object.Urgent
}

// take removes as many as find room: the urgent ones first, then others as long as no more than places are taken in all.
func (p *parking) take(urgentPlaces, places int) []Wake {
	var taken []Wake
	for ; len(taken) < urgentPlaces && len(p.urgent) > 0; p.urgent = p.urgent[1:] {
		taken = append(taken, Wake{Name: p.urgent[0], Urgent: true})
		delete(p.waiting, p.urgent[0])
	}
	for ; len(taken) < places && len(p.others) > 0; p.others = p.others[1:] {
		// One that became urgent meanwhile has been taken, or still waits, among those.
		if urgent, waits := p.waiting[p.others[0]]; waits && !urgent {
			taken = append(taken, Wake{Name: p.others[0]})
			delete(p.waiting, p.others[0])
		}
	}
	return taken
}

func (p *parking) empty() bool { return len(p.waiting) == 0 }
