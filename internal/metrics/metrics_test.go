// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics_test

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/metrics"
)

const (
	here  = "ns/here"
	there = "ns/there"
)

func TestRequests(t *testing.T) {
	registry, m := start()
	observe := m.Requests(here)
	observe(t.Context(), "POST", mapi.OperationLogin, 200, nil, time.Millisecond)
	observe(t.Context(), "GET", mapi.OperationProbe, 401, nil, time.Millisecond)
	observe(t.Context(), "GET", mapi.OperationObserve, 404, nil, time.Millisecond)
	observe(t.Context(), "POST", mapi.OperationList, 200, nil, time.Millisecond)
	observe(t.Context(), "PUT", mapi.OperationApply, 0, errors.New("reset"), time.Millisecond)
	compare(t, read(t, registry, "apisync_mapi_requests_total"), map[string]float64{
		`apisync_mapi_requests_total{context="ns/here",kind="ManagementContext",operation="login",outcome="200"}`: 1,
		`apisync_mapi_requests_total{context="ns/here",kind="ManagementContext",operation="probe",outcome="401"}`: 1,
		`apisync_mapi_requests_total{context="ns/here",kind="ApiDefinition",operation="observe",outcome="404"}`:   1,
		`apisync_mapi_requests_total{context="ns/here",kind="ApiDefinition",operation="list",outcome="200"}`:      1,
		`apisync_mapi_requests_total{context="ns/here",kind="ApiDefinition",operation="apply",outcome="error"}`:   1,
	})
	if got := len(read(t, registry, "apisync_mapi_request_duration_seconds")); got != 5 {
		t.Errorf("the durations have %d series, want one for each operation", got)
	}
}

func TestARequestThatWasNeverSentHasNoDuration(t *testing.T) {
	registry, m := start()
	refused := fmt.Errorf("get: %w", &mapi.CircuitOpenError{RetryAfter: time.Second})
	m.Requests(here)(t.Context(), "GET", mapi.OperationObserve, 0, refused, 0)
	compare(t, read(t, registry, "apisync_mapi_request"), map[string]float64{
		`apisync_mapi_requests_total{context="ns/here",kind="ApiDefinition",operation="observe",outcome="error"}`: 1,
	})
}

func TestOnlyAnAnswerBelow400IsASuccess(t *testing.T) {
	registry, m := start()
	observe := m.Requests(here)
	observe(t.Context(), "PUT", mapi.OperationApply, 503, nil, time.Millisecond)
	observe(t.Context(), "PUT", mapi.OperationApply, 0, errors.New("refused"), time.Millisecond)
	if got := read(t, registry, "apisync_mapi_last_success"); len(got) != 0 {
		t.Errorf("a failure counts as the last success: %v", got)
	}
	observe(t.Context(), "PUT", mapi.OperationApply, 200, nil, time.Millisecond)
	if got := read(t, registry, "apisync_mapi_last_success"); len(got) != 1 {
		t.Errorf("an answer doesn't count as the last success")
	}
}

// TestCountersStartAtZero is what lets the first event be seen: increase() knows no increase without a value before.
func TestCountersStartAtZero(t *testing.T) {
	registry, m := start()
	m.Requests(here)
	got := read(t, registry, "apisync_")
	compare(t, got, map[string]float64{
		`apisync_operations_total{context="ns/here",kind="ApiDefinition",operation="create",outcome="success"}`:  0,
		`apisync_operations_total{context="ns/here",kind="ApiDefinition",operation="update",outcome="success"}`:  0,
		`apisync_operations_total{context="ns/here",kind="ApiDefinition",operation="correct",outcome="success"}`: 0,
		`apisync_operations_total{context="ns/here",kind="ApiDefinition",operation="adopt",outcome="success"}`:   0,
		`apisync_operations_total{context="ns/here",kind="ApiDefinition",operation="delete",outcome="success"}`:  0,
		`apisync_drift_total{context="ns/here",event="edited",kind="ApiDefinition"}`:                             0,
		`apisync_drift_total{context="ns/here",event="deleted",kind="ApiDefinition"}`:                            0,
		`apisync_drift_total{context="ns/here",event="corrected",kind="ApiDefinition"}`:                          0,
		`apisync_drift_total{context="ns/here",event="reported",kind="ApiDefinition"}`:                           0,
		`apisync_drift_total{context="ns/here",event="uncorrectable",kind="ApiDefinition"}`:                      0,
		`apisync_sweeps_total{context="ns/here",outcome="success"}`:                                              0,
	})
}

func TestOperationsAndDrift(t *testing.T) {
	registry, m := start()
	m.Operation(here, "ApiDefinition", "create", nil)
	m.Operation(here, "ApiDefinition", "create", fmt.Errorf("create: %w", fault.New(fault.Conflict, fault.ReasonOwnedElsewhere, "owned")))
	m.Operation(here, "ApiDefinition", "create", errors.New("unclassified"))
	m.Drift(here, "ApiDefinition", "edited")
	m.Drift(here, "ApiDefinition", "edited")
	compare(t, read(t, registry, "apisync_"), map[string]float64{
		`apisync_operations_total{context="ns/here",kind="ApiDefinition",operation="create",outcome="success"}`:   1,
		`apisync_operations_total{context="ns/here",kind="ApiDefinition",operation="create",outcome="conflict"}`:  1,
		`apisync_operations_total{context="ns/here",kind="ApiDefinition",operation="create",outcome="transient"}`: 1,
		`apisync_drift_total{context="ns/here",event="edited",kind="ApiDefinition"}`:                              2,
	})
}

func TestSweeps(t *testing.T) {
	const (
		failed    = `apisync_sweeps_total{context="ns/here",outcome="unauthenticated"}`
		succeeded = `apisync_sweeps_total{context="ns/here",outcome="success"}`
		duration  = `apisync_sweep_duration_seconds{context="ns/here"}`
		unchanged = `apisync_sweep_objects{context="ns/here",verdict="unchanged"}`
		changed   = `apisync_sweep_objects{context="ns/here",verdict="changed"}`
		missing   = `apisync_sweep_objects{context="ns/here",verdict="missing"}`
		orphans   = `apisync_orphans{context="ns/here"}`
		last      = `apisync_sweep_last_success_timestamp_seconds{context="ns/here"}`
		period    = `apisync_sweep_period_seconds{context="ns/here"}`
	)
	registry, m := start()
	wantState := map[string]float64{}
	step := func(reason string, changes map[string]float64, gone ...string) {
		t.Helper()
		maps.Copy(wantState, changes)
		for _, series := range gone {
			delete(wantState, series)
		}
		got := read(t, registry, "apisync_sweep", "apisync_orphans")
		if got[last] > 0 {
			got[last] = 1 // some time
		}
		if diff := cmp.Diff(wantState, got); diff != "" {
			t.Fatalf("%s: want (-), got (+):\n%s", reason, diff)
		}
	}

	m.SweepPeriod(here, 5*time.Minute)
	step("the period is told before the first pass", map[string]float64{period: 300})
	m.Sweep(here, time.Second, nil, fault.New(fault.Unauthenticated, fault.ReasonUnauthorized, "no"))
	step("a pass that fails tells nothing about objects, and its length says nothing", map[string]float64{failed: 1})
	m.Sweep(here, time.Second, map[string]int{"unchanged": 7, "changed": 2, "orphans": 0}, nil)
	step("a verdict without objects is 0, and so are orphans that were looked for",
		map[string]float64{succeeded: 1, duration: 1, last: 1, unchanged: 7, changed: 2, missing: 0, orphans: 0})
	m.Sweep(here, time.Second, nil, errors.New("reset"))
	step("a failure leaves what the last success found", map[string]float64{`apisync_sweeps_total{context="ns/here",outcome="transient"}`: 1})
	m.Sweep(here, time.Second, map[string]int{"unchanged": 9}, nil)
	step("orphans that can't be told are absent", map[string]float64{succeeded: 2, duration: 2, unchanged: 9, changed: 0}, orphans)
	m.SweepPeriod(here, 0)
	step("what isn't swept any more must not look stale", nil, period, last, unchanged, changed, missing)
}

// TestForgottenContextsLeaveNothing: whatever is told of a context that is gone, also by what was in flight, ends.
func TestForgottenContextsLeaveNothing(t *testing.T) {
	registry, m := start()
	touch := func(contextName string, observe mapi.Observer) {
		observe(t.Context(), "GET", mapi.OperationObserve, 200, nil, time.Millisecond)
		m.Operation(contextName, "ApiDefinition", "create", nil)
		m.Drift(contextName, "ApiDefinition", "edited")
		m.SweepPeriod(contextName, time.Minute)
		m.Sweep(contextName, time.Second, map[string]int{"orphans": 1}, nil)
		m.Sweep(contextName, time.Second, nil, errors.New("reset"))
	}
	observeHere, observeThere := m.Requests(here), m.Requests(there)
	touch(here, observeHere)
	touch(there, observeThere)
	both := len(read(t, registry, "apisync_"))

	m.Forget(here)
	left := read(t, registry, "apisync_")
	for series := range left {
		if strings.Contains(series, here) {
			t.Errorf("%s is left of a context that is gone", series)
		}
	}
	if 2*len(left) != both {
		t.Errorf("%d series are left of %d for two contexts alike, want half", len(left), both)
	}
	touch(here, observeHere)
	if got := len(read(t, registry, "apisync_")); got != len(left) {
		t.Errorf("what was in flight brought %d series of a context back that is gone", got-len(left))
	}
	touch(here, m.Requests(here))
	if got := len(read(t, registry, "apisync_")); got != both {
		t.Errorf("a context that is back has %d series, want %d", got-len(left), len(left))
	}
}

// TestConcurrentUse is for the race detector.
func TestConcurrentUse(t *testing.T) {
	registry, m := start()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			observe := m.Requests(here)
			for range 100 {
				observe(t.Context(), "GET", mapi.OperationObserve, 200, nil, time.Millisecond)
				m.Sweep(here, time.Second, map[string]int{"changed": 1}, nil)
				m.Forget(here)
			}
		})
	}
	all.Wait()
	if got := read(t, registry, "apisync_"); len(got) != 0 {
		t.Errorf("series of a context that everyone forgot: %v", got)
	}
}

func start() (*prometheus.Registry, *metrics.Metrics) {
	registry := prometheus.NewPedanticRegistry()
	return registry, metrics.New(registry)
}

// read gives the series whose names begin with one of the prefixes, as text, and their values; for a histogram the number of observations.
func read(t *testing.T, registry prometheus.Gatherer, prefixes ...string) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	series := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			var labels []string
			for _, label := range metric.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", label.GetName(), label.GetValue()))
			}
			name := family.GetName() + "{" + strings.Join(labels, ",") + "}"
			for _, prefix := range prefixes {
				if strings.HasPrefix(name, prefix) {
					series[name] = metric.GetCounter().GetValue() + metric.GetGauge().GetValue() + float64(metric.GetHistogram().GetSampleCount())
				}
			}
		}
	}
	return series
}

func compare(t *testing.T, got, want map[string]float64) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}
