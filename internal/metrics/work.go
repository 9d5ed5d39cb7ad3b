// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import "github.com/prometheus/client_golang/prometheus"

// work counts what is done to remote objects, and by others.
type work struct {
	operations *prometheus.CounterVec
	drift      *prometheus.CounterVec
}

func newWork() work {
	return work{
		operations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "apisync_operations_total",
			Help: "Operations on remote objects, by context (namespace/name), kind, operation (create, update, correct, adopt, delete) and outcome (success, or the kind of fault).",
		}, []string{labelContext, labelKind, labelOperation, labelOutcome}),
		drift: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "apisync_drift_total",
			Help: "Remote objects that others edited or deleted and what came of it, by context (namespace/name), kind and event (edited, deleted, corrected, reported, uncorrectable).",
		}, []string{labelContext, labelKind, labelEvent}),
	}
}

func (w work) register(registry prometheus.Registerer) { registry.MustRegister(w.operations, w.drift) }

// begin starts the counters of a context at 0. increase() needs a value before the first event: a counter that appears as 1
// never increased, and the first drift of a context would go unnoticed.
func (w work) begin(contextName string) {
	for _, operation := range []string{"create", "update", "correct", "adopt", "delete"} {
		w.operations.WithLabelValues(contextName, kindAPI, operation, outcomeSuccess)
	}
	for _, event := range []string{"edited", "deleted", "corrected", "reported", "uncorrectable"} {
		w.drift.WithLabelValues(contextName, kindAPI, event)
	}
}

func (w work) forget(series prometheus.Labels) {
	w.operations.DeletePartialMatch(series)
	w.drift.DeletePartialMatch(series)
}
