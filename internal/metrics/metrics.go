// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

// Package metrics measures what Apisync asks of management APIs and does there, and how the resources stand.
package metrics

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/mapi"
)

// Names of labels, and of the kinds that one of them names.
const (
	labelContext   = "context"
	labelKind      = "kind"
	labelOperation = "operation"
	labelOutcome   = "outcome"
	labelEvent     = "event"
	labelVerdict   = "verdict"
	labelState     = "state"

	kindAPI     = "ApiDefinition"
	kindContext = "ManagementContext"

	kindGroup        = "Group"
	kindResource     = "ApiResource"
	kindNotification = "Notification"

	outcomeSuccess = "success"
)

// Metrics are the instruments. Labels never hold more than names of contexts, kinds, operations and outcomes. All methods
// may be called concurrently, and none blocks.
type Metrics struct {
	requests    *prometheus.CounterVec
	duration    *prometheus.HistogramVec
	lastSuccess *prometheus.GaugeVec

	work   work
	sweeps sweeping

	mu sync.RWMutex
	// gone are the contexts that were forgotten.
	gone map[string]struct{}
}

// New registers the instruments; registering twice with one registry panics, as Prometheus does.
func New(registry prometheus.Registerer) *Metrics {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "apisync_mapi_requests_total",
			Help: "Requests to management APIs, by context (namespace/name), operation, kind of resource that they are for, and outcome (an HTTP status, or error).",
		}, []string{labelContext, labelOperation, labelKind, labelOutcome}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "apisync_mapi_request_duration_seconds",
			Help:    "Seconds from the call to the head of the answer, with the wait for a free slot, by context (namespace/name), operation and kind. Without requests that were never sent.",
			Buckets: prometheus.ExponentialBuckets(0.002, 2.5, 10),
		}, []string{labelContext, labelOperation, labelKind}),
		lastSuccess: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "apisync_mapi_last_success_timestamp_seconds",
			Help: "When a management API last gave an answer below 400, in seconds since 1970, by context (namespace/name).",
		}, []string{labelContext}),
		work:   newWork(),
		sweeps: newSweeping(),
		gone:   map[string]struct{}{},
	}
	registry.MustRegister(m.requests, m.duration, m.lastSuccess)
	m.work.register(registry)
	m.sweeps.register(registry)
	return m
}

// Requests observes the requests of one context, and ends what Forget did to it.
func (m *Metrics) Requests(contextName string) mapi.Observer {
	m.begin(contextName)
	return func(ctx context.Context, _, operation string, status int, err error, duration time.Duration) {
		m.tell(contextName, func() { m.request(ctx, contextName, operation, status, err, duration) })
	}
}

func (m *Metrics) request(ctx context.Context, contextName, operation string, status int, err error, duration time.Duration) {
	outcome := "error"
	if err == nil {
		outcome = strconv.Itoa(status)
	}
	kind := kindOf(ctx, operation)
	m.requests.WithLabelValues(contextName, operation, kind, outcome).Inc()
	if _, refused := errors.AsType[*mapi.CircuitOpenError](err); !refused {
		// A refusal takes no time: it would make a management API that is down look like a fast one.
		m.duration.WithLabelValues(contextName, operation, kind).Observe(duration.Seconds())
	}
	if err == nil && status < 400 {
		m.lastSuccess.WithLabelValues(contextName).SetToCurrentTime()
	}
}

// kindOf is the kind of resource that a request is made for.
func kindOf(ctx context.Context, operation string) string {
	switch operation {
	case mapi.OperationLogin, mapi.OperationProbe:
		return kindContext
	}
	return cmp.Or(mapi.KindOf(ctx), kindAPI)
}

// Operation counts one operation on a remote object; err is why it failed, nil when it succeeded.
func (m *Metrics) Operation(contextName, kind, operation string, err error) {
	m.tell(contextName, func() { m.work.operations.WithLabelValues(contextName, kind, operation, outcomeOf(err)).Inc() })
}

// Drift counts one event of drift.
func (m *Metrics) Drift(contextName, kind, event string) {
	m.tell(contextName, func() { m.work.drift.WithLabelValues(contextName, kind, event).Inc() })
}

// Sweep tells how a pass over a context ended, and how long it took. counts is by verdict; verdicts that are missing are 0,
// but a missing "orphans" means that their number isn't known. counts isn't read beside an error.
func (m *Metrics) Sweep(contextName string, took time.Duration, counts map[string]int, err error) {
	m.tell(contextName, func() { m.sweeps.pass(contextName, took, counts, err) })
}

// SweepPeriod tells how often a context is swept from now on. Zero: it isn't, and what was told of its sweeps is withdrawn.
func (m *Metrics) SweepPeriod(contextName string, period time.Duration) {
	m.tell(contextName, func() { m.sweeps.setPeriod(contextName, period) })
}

// Forget ends all that is told about a context that is gone, until Requests is called for it again.
func (m *Metrics) Forget(contextName string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gone[contextName] = struct{}{}
	series := prometheus.Labels{labelContext: contextName}
	m.requests.DeletePartialMatch(series)
	m.duration.DeletePartialMatch(series)
	m.lastSuccess.DeletePartialMatch(series)
	m.work.forget(series)
	m.sweeps.forget(series)
}

func (m *Metrics) begin(contextName string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.gone, contextName)
	m.work.begin(contextName)
	m.sweeps.begin(contextName)
}

// tell records something unless the context is gone: a request that was in flight would bring its series back for ever.
func (m *Metrics) tell(contextName string, record func()) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if _, gone := m.gone[contextName]; !gone {
		record()
	}
}

// outcomeOf is success, or what cures the error.
func outcomeOf(err error) string {
	if err == nil {
		return outcomeSuccess
	}
	return fault.KindOf(err).String()
}
