// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics_test

import (
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/apisync/apisync/internal/metrics"
)

func TestRequestsAreCountedByOutcome(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	observe := metrics.New(registry).Requests("ns/ctx")
	observe(t.Context(), "GET", "observe", 200, nil, time.Millisecond)
	observe(t.Context(), "GET", "observe", 404, nil, time.Millisecond)
	observe(t.Context(), "PUT", "apply", 0, errors.New("refused"), time.Millisecond)
	for name, want := range map[string]int{
		"apisync_mapi_requests_total":                 3,
		"apisync_mapi_request_duration_seconds":       2,
		"apisync_mapi_last_success_timestamp_seconds": 1,
	} {
		if got, err := testutil.GatherAndCount(registry, name); err != nil || got != want {
			t.Errorf("%s has %d series, want %d (%v)", name, got, want, err)
		}
	}
}

func TestOnlyAnAnswerBelow400IsASuccess(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	observe := metrics.New(registry).Requests("ns/ctx")
	observe(t.Context(), "PUT", "apply", 503, nil, time.Millisecond)
	observe(t.Context(), "PUT", "apply", 0, errors.New("refused"), time.Millisecond)
	if got, _ := testutil.GatherAndCount(registry, "apisync_mapi_last_success_timestamp_seconds"); got != 0 {
		t.Errorf("a failure counts as the last success")
	}
}
