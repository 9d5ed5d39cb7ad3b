// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"context"
	"regexp"
	"slices"
	"sync"
)

// Stage is where a write can be held.
type Stage string

const (
	// Before is when a write arrived and nothing happened yet.
	Before Stage = "before"
	// After is when a write is done and its answer wasn't sent yet.
	After Stage = "after"
)

// PausePoint says which write to hold.
type PausePoint struct {
	Stage Stage
	// Method and Path (a regular expression on path and query) as in a fault; empty means all writes.
	Method, Path string
	// Skip is how many fitting writes pass before.
	Skip int
}

// Pause holds one write, so that a test can kill the client at that very moment.
type Pause struct {
	point   PausePoint
	pattern *regexp.Regexp
	skipped int
	request Request
	reached chan struct{}
	goOn    chan bool
	once    sync.Once
}

type pauseList struct {
	mu    sync.Mutex
	armed []*Pause
	held  []*Pause
}

// PauseAt arms a pause for one write. It panics if Path is no regular expression.
func (s *Simulator) PauseAt(point PausePoint) *Pause {
	p := &Pause{point: point, pattern: regexp.MustCompile(point.Path), reached: make(chan struct{}), goOn: make(chan bool, 1)}
	s.pauses.mu.Lock()
	defer s.pauses.mu.Unlock()
	s.pauses.armed = append(s.pauses.armed, p)
	return p
}

// Reached blocks until a write is held and returns it (its Status is known in stage After only), or the error of ctx.
func (p *Pause) Reached(ctx context.Context) (Request, error) {
	select {
	case <-p.reached:
		return p.request, nil
	case <-ctx.Done():
		return Request{}, context.Cause(ctx)
	}
}

// Release lets the write go on, whether its client is still there or not; a pause that holds nothing yet holds nothing any more.
func (p *Pause) Release() { p.once.Do(func() { p.goOn <- true }) }

// Abandon cuts the connection; in stage Before the write never happens.
func (p *Pause) Abandon() { p.once.Do(func() { p.goOn <- false }) }

func (l *pauseList) abandon() {
	l.mu.Lock()
	pauses := slices.Concat(l.armed, l.held)
	l.armed, l.held = nil, nil
	l.mu.Unlock()
	for _, p := range pauses {
		p.Abandon()
	}
}

// hold waits if a pause is armed for the request; false means: cut the connection.
func (l *pauseList) hold(stage Stage, entry Request) bool {
	if !entry.IsWrite() {
		return true
	}
	p := l.take(stage, entry)
	if p == nil {
		return true
	}
	p.request = entry
	close(p.reached)
	return <-p.goOn
}

func (l *pauseList) take(stage Stage, entry Request) *Pause {
	l.mu.Lock()
	defer l.mu.Unlock()
	target := entry.Path
	if entry.Query != "" {
		target += "?" + entry.Query
	}
	for at, p := range l.armed {
		if p.point.Stage != stage || p.point.Method != "" && p.point.Method != entry.Method || !p.pattern.MatchString(target) {
			continue
		}
		if p.skipped < p.point.Skip {
			p.skipped++
			continue
		}
		l.armed = slices.Delete(l.armed, at, at+1)
		l.held = append(l.held, p)
		return p
	}
	return nil
}
