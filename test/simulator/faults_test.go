// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package simulator_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/apisync/apisync/test/simulator"
)

func TestFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		reason string
		fault  simulator.Fault
		// status 0 means that the connection is cut.
		status int
		stored bool
	}{
		"status": {"answered in place of the server", simulator.Fault{Mode: simulator.ModeStatus, Status: 503, RetryAfter: "7"}, 503, false},
		"drop":   {"the request is lost", simulator.Fault{Mode: simulator.ModeDrop}, 0, false},
		"cut":    {"the answer is lost (72)", simulator.Fault{Mode: simulator.ModeCutAfter}, 0, true},
		"other":  {"another answer, the work is done", simulator.Fault{Mode: simulator.ModeStatusAfter, Status: 200, Body: "{}"}, 200, true},
		"late":   {"a slow answer", simulator.Fault{Mode: simulator.ModeDelayAfter, Delay: time.Millisecond}, 200, true},
		"slow":   {"latency", simulator.Fault{Mode: simulator.ModeLatency, Delay: time.Millisecond}, 200, true},
		"miss":   {"the path doesn't fit", simulator.Fault{Mode: simulator.ModeDrop, Path: "dryRun=true"}, 200, true},
		"get":    {"the method doesn't fit", simulator.Fault{Mode: simulator.ModeDrop, Method: "GET"}, 200, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, simulator.Options{})
			c.fault.Count = 1
			r.Inject(c.fault)
			got, err := r.try(t.Context(), "PUT", put(""), definition("one"))
			if (err != nil) != (c.status == 0) || err == nil && got.status != c.status {
				t.Fatalf("%s: status %d, error %v, want status %d", c.reason, got.status, err, c.status)
			}
			if _, stored := r.API(id("a", "one")); stored != c.stored {
				t.Errorf("%s: stored %v, want %v", c.reason, stored, c.stored)
			}
			if retry := got.header.Get("Retry-After"); retry != c.fault.RetryAfter {
				t.Errorf("Retry-After %q, want %q", retry, c.fault.RetryAfter)
			}
			r.must(t, 200, "PUT", put(""), definition("one")) // a count of one is used up
		})
	}
}

func TestHangEndsWithTheClientOrTheFault(t *testing.T) {
	t.Parallel()
	r := start(t, simulator.Options{})
	hang := r.Inject(simulator.Fault{Method: "GET", Mode: simulator.ModeHang})
	ctx, leave := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	ask := func(ctx context.Context) {
		_, err := r.try(ctx, "GET", e, nil)
		ended <- err
	}
	go ask(ctx)
	if err := hang.WaitHits(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	leave()
	if err := <-ended; err == nil {
		t.Error("a client that left got an answer")
	}
	if _, err := r.WaitFor(t.Context(), func(q simulator.Request) bool { return q.Cut && q.Status == 0 }); err != nil {
		t.Errorf("the server noticed nothing: %v", err)
	}
	go ask(t.Context())
	if err := hang.WaitHits(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	r.Clear()
	if err := <-ended; err == nil {
		t.Error("a released request is cut, not answered")
	}
	r.must(t, 200, "GET", e, nil)
}

// TestLateAnswer: a client that gave up leaves work behind that is done all the same (71).
func TestLateAnswer(t *testing.T) {
	t.Parallel()
	r := start(t, simulator.Options{})
	late := r.Inject(simulator.Fault{Method: "PUT", Mode: simulator.ModeDelayAfter, Count: 1})
	ctx, leave := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := r.try(ctx, "PUT", put(""), definition("one"))
		ended <- err
	}()
	if err := late.WaitHits(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	leave()
	if err := <-ended; err == nil {
		t.Error("the client got an answer")
	}
	if _, err := r.WaitFor(t.Context(), func(q simulator.Request) bool { return q.Cut && q.Status == 200 }); err != nil {
		t.Fatal(err)
	}
	if _, stored := r.API(id("a", "one")); !stored {
		t.Error("the import wasn't done")
	}
}

func TestPause(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		reason      string
		stage       simulator.Stage
		end         func(*simulator.Pause)
		held, after bool
		answered    bool
	}{
		"before, released":  {"goes on as if nothing was", simulator.Before, (*simulator.Pause).Release, false, true, true},
		"before, abandoned": {"the server died first", simulator.Before, (*simulator.Pause).Abandon, false, false, false},
		"after, released":   {"the answer was only late", simulator.After, (*simulator.Pause).Release, true, true, true},
		"after, abandoned":  {"the answer is lost", simulator.After, (*simulator.Pause).Abandon, true, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, simulator.Options{})
			r.must(t, 200, "PUT", put(""), definition("zero"))
			pause := r.PauseAt(simulator.PausePoint{Stage: c.stage, Method: "PUT", Path: "import-crd", Skip: 1})
			r.must(t, 200, "PUT", put(""), definition("zero")) // skipped
			ended := make(chan error, 1)
			go func() {
				_, err := r.try(t.Context(), "PUT", put(""), definition("one"))
				ended <- err
			}()
			request, err := pause.Reached(t.Context())
			if err != nil || request.Method != "PUT" {
				t.Fatalf("held %v, error %v", request, err)
			}
			if _, stored := r.API(id("a", "one")); stored != c.held {
				t.Errorf("%s: stored while held: %v, want %v", c.reason, stored, c.held)
			}
			c.end(pause)
			if err := <-ended; (err == nil) != c.answered {
				t.Errorf("%s: error %v, want answered=%v", c.reason, err, c.answered)
			}
			if _, stored := r.API(id("a", "one")); stored != c.after {
				t.Errorf("%s: stored in the end: %v, want %v", c.reason, stored, c.after)
			}
		})
	}
}

func TestRequestLog(t *testing.T) {
	t.Parallel()
	r := start(t, simulator.Options{})
	r.must(t, 200, "GET", e, nil)
	mark := r.Mark()
	r.must(t, 200, "PUT", put(""), definition("one"))
	r.must(t, 200, "POST", v2+"/apis/_search", map[string]any{})
	r.must(t, 200, "POST", loginPath, nil)
	r.must(t, 204, "DELETE", e+"/apis/"+id("a", "one")+"?closePlans=true", nil)
	gone, err := r.WaitFor(t.Context(), func(q simulator.Request) bool { return q.Sequence > mark && q.Status == 204 })
	if err != nil {
		t.Fatal(err)
	}
	if gone.User != "admin" || gone.Scheme != "Basic" || gone.Environment != "DEFAULT" || gone.Query != "closePlans=true" {
		t.Errorf("logged %+v", gone)
	}
	var writes []string
	for _, write := range r.Writes() {
		writes = append(writes, write.Method)
	}
	if diff := cmp.Diff([]string{"PUT", "DELETE"}, writes); diff != "" {
		t.Errorf("searches and logins are no writes (-want +got):\n%s", diff)
	}
	r.ForgetRequests()
	if len(r.Requests())+len(r.Counts()) != 0 {
		t.Error("the log isn't empty")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.WaitFor(ctx, func(simulator.Request) bool { return true }); err == nil {
		t.Error("waiting in an empty log ended without an error")
	}
}

// TestControlsOverHTTP is what other processes use.
func TestControlsOverHTTP(t *testing.T) {
	t.Parallel()
	r := start(t, simulator.Options{})
	api := id("a", "one")
	r.must(t, 200, "PUT", put(""), definition("one"))
	r.must(t, 400, "POST", "/_simulator/faults", map[string]any{"mode": "nonsense"})
	r.must(t, 201, "POST", "/_simulator/faults", map[string]any{"method": "GET", "mode": "status", "status": 418, "delay": "1ms"})
	r.must(t, 418, "GET", e, nil)
	r.must(t, 204, "DELETE", "/_simulator/faults/1", nil)
	r.must(t, 200, "GET", e, nil)
	r.must(t, 204, "PATCH", "/_simulator/apis/"+api, map[string]any{"description": "by hand", "proxy": map[string]any{"preserve_host": true}})
	got := r.must(t, 200, "GET", e+"/apis/"+api, nil).object(t)
	proxy := got["proxy"].(map[string]any)
	if got["description"] != "by hand" || proxy["preserve_host"] != true || proxy["virtual_hosts"] == nil {
		t.Errorf("the edit is merged into what is stored: %v", got)
	}
	r.must(t, 204, "DELETE", "/_simulator/apis/"+api+"/plans/open", nil)
	r.must(t, 204, "PUT", "/_simulator/apis/"+api+"/state", map[string]any{"state": "STOPPED"})
	state := r.must(t, 200, "GET", "/_simulator/state", nil).body.([]any)[0].(map[string]any)
	if state["state"] != "STOPPED" || !cmp.Equal(state["plans"], map[string]any{"open": "CLOSED"}) {
		t.Errorf("state %v", state)
	}
	r.must(t, 204, "DELETE", "/_simulator/apis/"+api, nil)
	r.must(t, 404, "DELETE", "/_simulator/apis/"+api, nil)
	r.must(t, 204, "PUT", "/_simulator/users/new", map[string]any{"password": "p", "role": "USER"})
	r.must(t, 200, "GET", e, nil, basic("new", "p"))
	logged := r.must(t, 200, "GET", "/_simulator/requests?since=1", nil).body.([]any)
	if len(logged) != 4 {
		t.Errorf("%d requests after the first, want 4; controls aren't logged", len(logged))
	}
}
