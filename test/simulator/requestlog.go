// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Request is one logged request.
type Request struct {
	// Sequence numbers arrivals from 1.
	Sequence int `json:"sequence"`
	// At is when it arrived, by Options.Now.
	At     time.Time `json:"at"`
	Method string    `json:"method"`
	// Path is without the base path, Query is raw.
	Path  string `json:"path"`
	Query string `json:"query,omitempty"`
	// Route is the pattern that matched, such as "DELETE /management/organizations/{org}/environments/{env}/apis/{api}".
	Route        string `json:"route,omitempty"`
	Organization string `json:"organization,omitempty"`
	Environment  string `json:"environment,omitempty"`
	// User is empty if nobody was recognised; Scheme is Basic, Token, Session, or as sent.
	User   string `json:"user,omitempty"`
	Scheme string `json:"scheme,omitempty"`
	// Status that the handler or a fault decided; 0 if the request wasn't answered at all.
	Status int `json:"status"`
	// Cut means that the connection was closed instead of answering; with a Status the work was done before.
	Cut bool `json:"cut,omitempty"`
	// Fault is the label of the fault that hit the request.
	Fault string `json:"fault,omitempty"`
	// Hosted means that the prefix was that of the vendor's cloud; Path has the usual one instead.
	Hosted bool `json:"hosted,omitempty"`
	// UserAgent as sent.
	UserAgent string `json:"userAgent,omitempty"`
	// Body of a request that isn't a GET or HEAD, except of logins.
	Body []byte `json:"-"`

	fault *Injected
}

// IsWrite tells whether a request asked to change APIs or groups; a dry run, a search or a login doesn't.
func (r Request) IsWrite() bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return false
	}
	for _, read := range []string{"/user/login", "/user/logout", "/apis/_search", "/apis/verify"} {
		if strings.HasSuffix(r.Path, read) {
			return false
		}
	}
	return !strings.Contains(r.Query, "dryRun=true")
}

type requestLog struct {
	mu       sync.Mutex
	limit    int
	sequence int
	entries  []Request
	// dropped is how many entries were forgotten from the front.
	dropped int
	counts  map[string]int
	changed chan struct{}
}

func (l *requestLog) arrive(r *http.Request, body []byte, now time.Time) Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sequence++
	entry := Request{Sequence: l.sequence, At: now, Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery,
		UserAgent: r.UserAgent()}
	if r.Method != http.MethodGet && r.Method != http.MethodHead && !strings.HasSuffix(r.URL.Path, "/login") {
		entry.Body = body
	}
	return entry
}

func (l *requestLog) finish(entry Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.entries) >= l.limit {
		n := max(1, l.limit/10)
		l.entries = slices.Delete(l.entries, 0, n)
		l.dropped += n
	}
	l.entries = append(l.entries, entry)
	if l.counts == nil {
		l.counts = map[string]int{}
	}
	name := entry.Route
	if name == "" {
		name = entry.Method
	}
	l.counts[name]++
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

// news gives the entries from the given place on, the place behind them, and a channel that is closed when there are more.
func (l *requestLog) news(from int) ([]Request, int, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	skip := min(max(from-l.dropped, 0), len(l.entries))
	return slices.Clone(l.entries[skip:]), l.dropped + len(l.entries), l.changed
}

// Requests lists the finished requests in the order in which they were finished. A request is finished
// when its answer is decided, so its effect can be relied on.
func (s *Simulator) Requests() []Request {
	entries, _, _ := s.log.news(0)
	return entries
}

// Writes lists the finished requests that asked to change APIs or groups, also refused ones.
func (s *Simulator) Writes() []Request {
	entries, _, _ := s.log.news(0)
	return slices.DeleteFunc(entries, func(r Request) bool { return !r.IsWrite() })
}

// Counts tells how often each route was used; requests that no route or handler saw are counted under their method.
func (s *Simulator) Counts() map[string]int {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	counts := map[string]int{}
	maps.Copy(counts, s.log.counts)
	return counts
}

// Mark is the sequence number of the newest request that arrived; later ones have greater ones.
func (s *Simulator) Mark() int {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return s.log.sequence
}

// ForgetRequests empties the log and the counters; sequence numbers go on.
func (s *Simulator) ForgetRequests() {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	s.log.dropped += len(s.log.entries)
	s.log.entries, s.log.counts = nil, nil
}

// WaitFor returns the first logged request that fits, at once if there is one, or the error of ctx.
func (s *Simulator) WaitFor(ctx context.Context, fits func(Request) bool) (Request, error) {
	from := 0
	for {
		entries, next, changed := s.log.news(from)
		from = next
		if at := slices.IndexFunc(entries, fits); at >= 0 {
			return entries[at], nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Request{}, context.Cause(ctx)
		}
	}
}
