// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// verdictOrphans is what a pass calls remote objects whose resource is gone. It has a gauge of its own, since it can be unknown.
const verdictOrphans = "orphans"

// sweeping measures the bulk passes over contexts.
type sweeping struct {
	sweeps   *prometheus.CounterVec
	duration *prometheus.HistogramVec
	last     *prometheus.GaugeVec
	period   *prometheus.GaugeVec
	objects  *prometheus.GaugeVec
	orphans  *prometheus.GaugeVec
}

func newSweeping() sweeping {
	return sweeping{
		sweeps: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "apisync_sweeps_total",
			Help: "Bulk passes over contexts, by context (namespace/name) and outcome (success, or the kind of fault).",
		}, []string{labelContext, labelOutcome}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "apisync_sweep_duration_seconds",
			Help:    "Seconds that a bulk pass took, by context (namespace/name). Without passes that failed.",
			Buckets: prometheus.ExponentialBuckets(0.05, 2.5, 10),
		}, []string{labelContext}),
		last: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "apisync_sweep_last_success_timestamp_seconds",
			Help: "When a bulk pass over the context last succeeded, in seconds since 1970, by context (namespace/name).",
		}, []string{labelContext}),
		period: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "apisync_sweep_period_seconds",
			Help: "Seconds from one bulk pass to the next, by context (namespace/name). Absent when the context isn't swept.",
		}, []string{labelContext}),
		objects: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "apisync_sweep_objects",
			Help: "Resources in the last bulk pass that succeeded, by context (namespace/name) and verdict (unchanged, changed, missing).",
		}, []string{labelContext, labelVerdict}),
		orphans: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "apisync_orphans",
			Help: "Remote APIs marked as this cluster's whose resource is gone, in the last bulk pass that succeeded, by context (namespace/name). Absent when it can't be told.",
		}, []string{labelContext}),
	}
}

func (s sweeping) register(registry prometheus.Registerer) {
	registry.MustRegister(s.sweeps, s.duration, s.last, s.period, s.objects, s.orphans)
}

// begin starts the counter of a context at 0, for the reason that work.begin gives.
func (s sweeping) begin(contextName string) { s.sweeps.WithLabelValues(contextName, outcomeSuccess) }

func (s sweeping) pass(contextName string, took time.Duration, counts map[string]int, err error) {
	s.sweeps.WithLabelValues(contextName, outcomeOf(err)).Inc()
	if err != nil {
		return
	}
	s.duration.WithLabelValues(contextName).Observe(took.Seconds())
	s.last.WithLabelValues(contextName).SetToCurrentTime()
	for _, verdict := range []string{"unchanged", "changed", "missing"} {
		s.objects.WithLabelValues(contextName, verdict).Set(float64(counts[verdict]))
	}
	orphans, known := counts[verdictOrphans]
	if !known {
		s.orphans.DeleteLabelValues(contextName)
		return
	}
	s.orphans.WithLabelValues(contextName).Set(float64(orphans))
}

func (s sweeping) setPeriod(contextName string, period time.Duration) {
	if period > 0 {
		s.period.WithLabelValues(contextName).Set(period.Seconds())
		return
	}
	// A time of the last success that nobody moves on looks like passes that fail.
	s.forgetGauges(prometheus.Labels{labelContext: contextName})
}

func (s sweeping) forget(series prometheus.Labels) {
	s.sweeps.DeletePartialMatch(series)
	s.duration.DeletePartialMatch(series)
	s.forgetGauges(series)
}

func (s sweeping) forgetGauges(series prometheus.Labels) {
	for _, gauge := range []*prometheus.GaugeVec{s.last, s.period, s.objects, s.orphans} {
		gauge.DeletePartialMatch(series)
	}
}
