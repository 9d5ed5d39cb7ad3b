// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

// Package metrics measures what Apisync asks of management APIs.
package metrics

import (
	"context"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/apisync/apisync/internal/mapi"
)

// Metrics are the instruments. Labels never hold more than names of contexts, operations and outcomes.
type Metrics struct {
	requests    *prometheus.CounterVec
	duration    *prometheus.HistogramVec
	lastSuccess *prometheus.GaugeVec
}

// New registers the instruments; registering twice with one registry panics, as Prometheus does.
func New(registry prometheus.Registerer) *Metrics {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "apisync_mapi_requests_total",
			Help: "Requests to management APIs, by context, operation and outcome (an HTTP status, or error).",
		}, []string{"context", "operation", "outcome"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "apisync_mapi_request_duration_seconds",
			Help:    "Time from the call to the head of the answer, with the wait for a free slot.",
			Buckets: prometheus.ExponentialBuckets(0.002, 2.5, 10),
		}, []string{"context", "operation"}),
		lastSuccess: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "apisync_mapi_last_success_timestamp_seconds",
			Help: "When a management API last gave an answer below 400, by context.",
		}, []string{"context"}),
	}
	registry.MustRegister(m.requests, m.duration, m.lastSuccess)
	return m
}

// Requests observes the requests of one context.
func (m *Metrics) Requests(contextName string) mapi.Observer {
	return func(_ context.Context, _, operation string, status int, err error, duration time.Duration) {
		outcome := "error"
		if err == nil {
			outcome = strconv.Itoa(status)
		}
		m.requests.WithLabelValues(contextName, operation, outcome).Inc()
		m.duration.WithLabelValues(contextName, operation).Observe(duration.Seconds())
		if err == nil && status < 400 {
			m.lastSuccess.WithLabelValues(contextName).SetToCurrentTime()
		}
	}
}
