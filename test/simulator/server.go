// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"context"
	"io"
	"maps"
	"net/http"
	"strings"
	"time"
)

// maxBody is what the server reads of one request.
const maxBody = 64 << 20

const (
	prefixV1 = "/management/organizations/{org}"
	prefixV2 = "/management/v2/organizations/{org}"
	inEnv    = "/environments/{env}"
	// prefixAutomation is the API for the desired state of single objects.
	prefixAutomation = "/automation/organizations/{org}/environments/{env}"
)

// call is one request on its way through the server.
type call struct {
	r     *http.Request
	body  []byte
	place Place
	user  *account
	entry Request
	// base is the part of the URL before /management, for links.
	base string
	// hosted tells that the request came under a prefix of the vendor's cloud.
	hosted bool
	answer answer
}

type callKey struct{}

type handler func(*call) answer

// ServeHTTP answers like the management API; below /_simulator are the controls of the simulator itself.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/_simulator") {
		s.admin.ServeHTTP(w, r)
		return
	}
	// Read at once: only then does net/http notice that a client leaves while we wait.
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	c := &call{body: body}
	c.r = s.strip(r, c)
	c.entry = s.log.arrive(c.r, body, s.options.Now())
	c.entry.Hosted = c.hosted
	if !s.process(c) {
		s.log.finish(c.entry)
		panic(http.ErrAbortHandler)
	}
	fault := c.entry.fault
	if fault != nil && !fault.after(r.Context(), &c.answer) {
		c.entry.Cut = true
		s.log.finish(c.entry)
		panic(http.ErrAbortHandler)
	}
	s.log.finish(c.entry)
	c.answer.write(w)
}

// strip takes the base path off, if there is one, and puts the usual prefixes in the place of those of the vendor's cloud.
func (s *Simulator) strip(r *http.Request, c *call) *http.Request {
	c.base = "http://" + r.Host
	base := strings.TrimSuffix(s.options.BasePath, "/")
	for _, prefix := range []struct{ from, to, base string }{
		{"/apim/rest", "/management", ""}, {"/apim/automation", "/automation", ""}, {base, "", base},
	} {
		rest, found := strings.CutPrefix(r.URL.Path, prefix.from+"/")
		if prefix.from == "" || !found {
			continue
		}
		c.base, c.hosted = c.base+prefix.base, prefix.to != ""
		stripped := r.Clone(r.Context())
		stripped.URL.Path = prefix.to + "/" + rest
		if raw, found := strings.CutPrefix(r.URL.RawPath, prefix.from+"/"); found {
			stripped.URL.RawPath = prefix.to + "/" + raw
		}
		return stripped
	}
	return r.WithContext(r.Context())
}

// process lets a request pass through faults, pauses and the handler; false means: cut the connection.
func (s *Simulator) process(c *call) bool {
	ctx := c.r.Context()
	if fault := s.faults.match(c.r); fault != nil {
		c.entry.fault, c.entry.Fault = fault, fault.label()
		answered, goOn := fault.before(ctx)
		if !goOn {
			c.entry.Cut = true
			return false
		}
		if answered != nil {
			c.answer = *answered
			c.entry.Status = answered.status
			return true
		}
	}
	if !wait(ctx, s.tuned().latency) {
		c.entry.Cut = true
		return false
	}
	if !s.pauses.hold(Before, c.entry) {
		c.entry.Cut = true
		return false
	}
	s.turnPage(c)
	s.handle(c)
	c.entry.Status = c.answer.status
	if !s.pauses.hold(After, c.entry) {
		c.entry.Cut = true
		return false
	}
	return true
}

// handle finds the answer: environment first, then credentials, then the route, as the real server does.
func (s *Simulator) handle(c *call) {
	if a, failed := s.enter(c); failed {
		c.answer = a
		return
	}
	r := c.r.WithContext(context.WithValue(c.r.Context(), callKey{}, c))
	if _, pattern := s.mux.Handler(r); pattern == "" {
		c.answer = s.unrouted(r)
	} else {
		s.mux.ServeHTTP(discard{}, r)
	}
	if c.user != nil {
		c.answer = c.answer.with("X-Xsrf-Token", "simulated").with("Set-Cookie", "XSRF-TOKEN=simulated; Path=/; HttpOnly")
	}
}

// enter checks what comes before every route: the environment, then the credentials.
func (s *Simulator) enter(c *call) (answer, bool) {
	segments := strings.Split(strings.Trim(strings.Replace(c.r.URL.Path, "/management/v2/", "/management/", 1), "/"), "/")
	if len(segments) < 3 || segments[0] != "management" && segments[0] != "automation" || segments[1] != "organizations" {
		return s.outside(segments), true
	}
	if !s.admits(c, segments) {
		// An unknown environment is told to everybody; an unknown organization alone is a 500 without a body.
		if len(segments) >= 5 && segments[3] == "environments" {
			return jsonAnswer(http.StatusBadRequest,
				object{"httpStatus": http.StatusBadRequest, "message": "Invalid organization or environment"}), true
		}
		return empty(http.StatusInternalServerError).with("Cache-Control", "must-revalidate,no-cache,no-store"), true
	}
	c.entry.Organization, c.entry.Environment = c.place.Organization, c.place.Environment
	return s.authenticate(c)
}

// admits resolves organization and environment of the path.
func (s *Simulator) admits(c *call, segments []string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.place.Organization = segments[2]
	if len(segments) >= 5 && segments[3] == "environments" {
		c.place.Environment = segments[4]
		return s.places[c.place] != nil
	}
	for place := range s.places {
		if place.Organization == segments[2] {
			return true
		}
	}
	return false
}

// outside answers paths that name no organization.
func (s *Simulator) outside(segments []string) answer {
	if segments[0] == "management" {
		return empty(http.StatusInternalServerError).with("Cache-Control", "must-revalidate,no-cache,no-store")
	}
	return empty(http.StatusNotFound)
}

// unrouted tells "no such path" from "no such method", in the shape of the version that was asked.
func (s *Simulator) unrouted(r *http.Request) answer {
	probe := &statusOnly{}
	s.mux.ServeHTTP(probe, r)
	status := http.StatusNotFound
	if probe.status == http.StatusMethodNotAllowed {
		status = http.StatusMethodNotAllowed
	}
	if strings.HasPrefix(r.URL.Path, "/automation/") {
		return unknownAutomation()
	}
	if isV2(r) {
		return failV2(status, statusText(status), "", nil)
	}
	return failV1(status, statusText(status), "", nil)
}

func isV2(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/management/v2/") }

func (a answer) write(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.header)
	if a.contentType != "" {
		w.Header().Set("Content-Type", a.contentType)
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // a client that left is no error of ours
}

// wait sleeps unless the client leaves before; false if it left.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// discard is the writer of handlers that hand their answer over in the call.
type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) WriteHeader(int)             {}

type statusOnly struct {
	discard
	status int
}

func (s *statusOnly) WriteHeader(status int) { s.status = status }

// route registers a handler; it runs under the lock of the state, so requests are served one after the other.
func (s *Simulator) route(mux *http.ServeMux, pattern string, handle handler) {
	mux.HandleFunc(pattern, func(_ http.ResponseWriter, r *http.Request) {
		c := r.Context().Value(callKey{}).(*call)
		c.r, c.entry.Route = r, r.Pattern
		s.mu.Lock()
		defer s.mu.Unlock()
		c.answer = handle(c)
	})
}
