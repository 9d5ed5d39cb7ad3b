// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/apisync/apisync/test/harness"
)

// patience is how long something is waited for that certainly comes; without it a mistake would hang the benchmark.
const patience = 10 * time.Minute

// never is a period in which nothing periodic happens.
const never = 1_000_000 * time.Hour

// lookInterval is how often the operator's metrics are read while they are waited for: each look costs the operator a walk through
// all objects.
const lookInterval = 100 * time.Millisecond

// operator is a running operator that works in one namespace.
type operator struct {
	*harness.Operator

	namespace string
}

func (b *bench) start(ctx context.Context, namespace string, period, rotation time.Duration) (*operator, error) {
	started, err := b.cluster.StartOperator(ctx, "--namespaces="+namespace, "--http-max-in-flight="+strconv.Itoa(b.inFlight),
		"--drift-period="+period.String(), "--drift-rotation="+rotation.String())
	if err != nil {
		return nil, err
	}
	return &operator{Operator: started, namespace: namespace}, nil
}

// end stops the operator after all its work, or after an error with what it said last.
func (o *operator) end(err error) error {
	if err != nil {
		return errors.Join(err, errors.New(o.LogTail()), o.Kill())
	}
	if err := o.Stop(); err != nil {
		return fmt.Errorf("stopping the operator: %w", err)
	}
	return nil
}

// metrics are what an operator told at one moment.
type metrics map[string]*dto.MetricFamily

func (o *operator) metrics(ctx context.Context) (metrics, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, o.MetricsURL, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("reading the operator's metrics: %w", err)
	}
	defer response.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(response.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the operator's metrics: %w", err)
	}
	return families, nil
}

// value sums the series of a family that have the given labels, as name, value, name, value ….
func (m metrics) value(name string, labels ...string) float64 {
	var sum float64
	for _, series := range m[name].GetMetric() {
		if has(series, labels) {
			sum += series.GetGauge().GetValue() + series.GetCounter().GetValue() + series.GetHistogram().GetSampleSum()
		}
	}
	return sum
}

func has(series *dto.Metric, labels []string) bool {
	values := map[string]string{}
	for _, label := range series.GetLabel() {
		values[label.GetName()] = label.GetValue()
	}
	for i := 0; i+1 < len(labels); i += 2 {
		if values[labels[i]] != labels[i+1] {
			return false
		}
	}
	return true
}

// wait reads the metrics until they fit.
func (o *operator) wait(ctx context.Context, what string, interval time.Duration, fits func(metrics) bool) error {
	var told error
	err := wait.PollUntilContextTimeout(ctx, interval, patience, true, func(ctx context.Context) (bool, error) {
		var now metrics
		if now, told = o.metrics(ctx); told != nil {
			return false, nil //nolint:nilerr // it may only just have started; the last error is told in the end
		}
		return fits(now), nil
	})
	if err != nil {
		return errors.Join(fmt.Errorf("waiting for an operator %s: %w", what, err), told)
	}
	return nil
}

// inStep waits until the last bulk look shows all objects unchanged and the operator is idle. It gives the moment at which
// that was so first.
func (o *operator) inStep(ctx context.Context, objects int) (time.Time, error) {
	return o.idle(ctx, fmt.Sprintf("that has verified %d objects", objects), func(m metrics) bool { return m.unchanged() == objects })
}

// idle waits until no object is in the queue, is being worked on, or comes, and the metrics fit. It gives the moment at
// which that was so first.
func (o *operator) idle(ctx context.Context, what string, fits func(metrics) bool) (time.Time, error) {
	var since time.Time
	quiet := -1.0
	err := o.wait(ctx, what, lookInterval, func(m metrics) bool {
		added := m.value("workqueue_adds_total", "name", "apidefinition")
		if !fits(m) || !m.isIdle() || added != quiet {
			// A queue that is empty may be so between two wake-ups; the next look tells.
			since, quiet = time.Now(), added
			return false
		}
		return true
	})
	return since, err
}

func (m metrics) isIdle() bool {
	return m.value("workqueue_depth", "name", "apidefinition") == 0 &&
		m.value("controller_runtime_active_workers", "controller", "apidefinition") == 0
}

// isBetweenPasses reports whether no bulk look is being made or about to be.
func (m metrics) isBetweenPasses() bool {
	return m.value("workqueue_depth", "name", "sweep") == 0 && m.value("controller_runtime_active_workers", "controller", "sweep") == 0
}

// unchanged is how many objects the last bulk look showed as they were left.
func (m metrics) unchanged() int {
	return int(m.value("apisync_sweep_objects", "verdict", "unchanged"))
}

// passes are the bulk looks so far that succeeded, and the seconds that they took together.
func (m metrics) passes() (count, seconds float64) {
	return m.value("apisync_sweeps_total", "outcome", "success"), m.value("apisync_sweep_duration_seconds")
}

// memory is the resident size of a process in bytes; zeros where /proc doesn't tell.
type memory struct{ now, peak float64 }

func memoryOf(pid int) memory {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return memory{}
	}
	return memory{now: bytesIn(string(content), "VmRSS:"), peak: bytesIn(string(content), "VmHWM:")}
}

func bytesIn(status, name string) float64 {
	for line := range strings.SplitSeq(status, "\n") {
		value, ok := strings.CutPrefix(line, name)
		if !ok {
			continue
		}
		kilobytes, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
		if err == nil {
			return float64(kilobytes << 10)
		}
	}
	return 0
}
