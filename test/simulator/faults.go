// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Mode is what a fault does.
type Mode string

const (
	// ModeStatus answers Status and Body; the request isn't handled.
	ModeStatus Mode = "status"
	// ModeDrop closes the connection; the request isn't handled. Go's client repeats a GET by itself when that
	// happens on a connection it used before, so a Count of 1 may go unnoticed.
	ModeDrop Mode = "drop"
	// ModeHang does nothing until the client leaves or the fault is released; then the request isn't handled.
	ModeHang Mode = "hang"
	// ModeLatency waits for Delay, then goes on as usual.
	ModeLatency Mode = "latency"
	// ModeCutAfter handles the request and closes the connection instead of answering.
	ModeCutAfter Mode = "after-cut"
	// ModeDelayAfter handles the request and answers after Delay; with a Delay of 0, when the fault is released.
	ModeDelayAfter Mode = "after-delay"
	// ModeStatusAfter handles the request and answers Status and Body instead.
	ModeStatusAfter Mode = "after-status"
)

// Fault is a rule; the first one in the list that fits a request and isn't used up is applied.
type Fault struct {
	// Method to hit; empty means all.
	Method string `json:"method,omitempty"`
	// Path is a regular expression on path and query ("/a/b?c=d"); empty means all.
	Path string `json:"path,omitempty"`
	// Count is how many requests are hit; 0 means all until the rule is removed.
	Count int  `json:"count,omitempty"`
	Mode  Mode `json:"mode"`
	// Status, Body, ContentType and RetryAfter of the answer; a Status of 0 means 500, an empty ContentType
	// means application/json if there is a body. RetryAfter is sent as it is: seconds or a date.
	Status      int           `json:"status,omitempty"`
	Body        string        `json:"body,omitempty"`
	ContentType string        `json:"contentType,omitempty"`
	RetryAfter  string        `json:"retryAfter,omitempty"`
	Delay       time.Duration `json:"delay,omitempty"`
}

// Injected is a fault in its place.
type Injected struct {
	Fault
	id       int
	pattern  *regexp.Regexp
	released chan struct{}
	once     sync.Once
	list     *faultList
	hits     int
	changed  chan struct{}
}

type faultList struct {
	mu    sync.Mutex
	next  int
	rules []*Injected
}

// Inject adds a fault at the end of the list. It panics if Path is no regular expression or Mode is unknown.
func (s *Simulator) Inject(f Fault) *Injected {
	injected, err := s.inject(f)
	if err != nil {
		panic(err)
	}
	return injected
}

func (s *Simulator) inject(f Fault) (*Injected, error) {
	pattern, err := regexp.Compile(f.Path)
	if err != nil {
		return nil, fmt.Errorf("path of fault: %w", err)
	}
	known := []Mode{ModeStatus, ModeDrop, ModeHang, ModeLatency, ModeCutAfter, ModeDelayAfter, ModeStatusAfter}
	if !slices.Contains(known, f.Mode) {
		return nil, fmt.Errorf("mode %q of fault: not one of %v", f.Mode, known)
	}
	if f.Status == 0 {
		f.Status = http.StatusInternalServerError
	}
	if f.ContentType == "" && f.Body != "" {
		f.ContentType = "application/json"
	}
	l := &s.faults
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	injected := &Injected{Fault: f, id: l.next, pattern: pattern, released: make(chan struct{}), list: l,
		changed: make(chan struct{})}
	l.rules = append(l.rules, injected)
	return injected, nil
}

// Clear removes all faults and releases what they hold.
func (s *Simulator) Clear() {
	s.faults.mu.Lock()
	rules := s.faults.rules
	s.faults.rules = nil
	s.faults.mu.Unlock()
	for _, rule := range rules {
		rule.Release()
	}
}

func (l *faultList) match(r *http.Request) *Injected {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, rule := range l.rules {
		used := rule.Count > 0 && rule.hits >= rule.Count
		if used || rule.Method != "" && rule.Method != r.Method || !rule.pattern.MatchString(r.URL.RequestURI()) {
			continue
		}
		rule.hits++
		close(rule.changed)
		rule.changed = make(chan struct{})
		return rule
	}
	return nil
}

// Remove takes the fault away and releases what it holds.
func (i *Injected) Remove() {
	i.list.mu.Lock()
	i.list.rules = slices.DeleteFunc(i.list.rules, func(rule *Injected) bool { return rule == i })
	i.list.mu.Unlock()
	i.Release()
}

// Release lets go of requests that the fault holds, those it will hit included.
func (i *Injected) Release() { i.once.Do(func() { close(i.released) }) }

// Hits is how many requests were hit so far.
func (i *Injected) Hits() int {
	i.list.mu.Lock()
	defer i.list.mu.Unlock()
	return i.hits
}

// WaitHits blocks until n requests were hit, or returns the error of ctx.
func (i *Injected) WaitHits(ctx context.Context, n int) error {
	for {
		i.list.mu.Lock()
		hits, changed := i.hits, i.changed
		i.list.mu.Unlock()
		if hits >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (i *Injected) label() string { return string(i.Mode) + "#" + strconv.Itoa(i.id) }

// before acts on a request that wasn't handled yet: an answer ends it, goOn=false cuts the connection.
func (i *Injected) before(ctx context.Context) (answered *answer, goOn bool) {
	switch i.Mode {
	case ModeStatus:
		a := i.answer()
		return &a, true
	case ModeDrop:
		return nil, false
	case ModeHang:
		select {
		case <-ctx.Done():
		case <-i.released:
		}
		return nil, false
	case ModeLatency:
		return nil, wait(ctx, i.Delay)
	default:
		return nil, true
	}
}

// after acts on a request that was handled; false cuts the connection.
func (i *Injected) after(ctx context.Context, given *answer) bool {
	switch i.Mode {
	case ModeCutAfter:
		return false
	case ModeDelayAfter:
		if i.Delay > 0 {
			return wait(ctx, i.Delay)
		}
		select {
		case <-ctx.Done():
			return false
		case <-i.released:
			return true
		}
	case ModeStatusAfter:
		*given = i.answer()
	}
	return true
}

func (i *Injected) answer() answer {
	a := answer{status: i.Status, contentType: i.ContentType, body: []byte(i.Body)}
	if i.RetryAfter != "" {
		a = a.with("Retry-After", i.RetryAfter)
	}
	return a
}
