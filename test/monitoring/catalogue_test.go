// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package monitoring_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	client_golang "github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	clientmetrics "k8s.io/client-go/tools/metrics"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/apisync/apisync/api/v1alpha1"
	ours "github.com/apisync/apisync/internal/controller"
	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/metrics"
)

var _ ours.Meter = (*metrics.Metrics)(nil)

// catalogue is what the operator really tells: metrics, their labels, and the values that these have.
type catalogue map[string]map[string][]string

// job is the value of the label job that rules and dashboard count on; TestJob checks it.
const job = "apisync"

// targetLabels are on every series: Prometheus and its operator add them.
func targetLabels() []string {
	return []string{"job", "instance", "pod", "namespace", "service", "container", "endpoint"}
}

// gather touches each instrument in all the ways that the code has and reads the registries back.
func gather(t *testing.T) catalogue {
	t.Helper()
	registry := client_golang.NewPedanticRegistry()
	touchRequests(t, metrics.New(registry))
	registry.MustRegister(metrics.NewObjects(storedObjects(t), time.Now))
	touchControllerRuntime(t)
	families, err := client_golang.Gatherers{registry, ctrlmetrics.Registry}.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := catalogue{
		// Prometheus itself tells these.
		"up":     {},
		"ALERTS": {"alertname": nil, "alertstate": {"pending", "firing"}, "severity": nil},
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			for _, suffix := range suffixes(family.GetType()) {
				found.add(family.GetName()+suffix, suffix, metric)
			}
		}
	}
	return found
}

func suffixes(kind dto.MetricType) []string {
	switch kind {
	case dto.MetricType_HISTOGRAM:
		return []string{"_bucket", "_sum", "_count"}
	case dto.MetricType_SUMMARY:
		return []string{"", "_sum", "_count"}
	}
	return []string{""}
}

func (c catalogue) add(name, suffix string, metric *dto.Metric) {
	if c[name] == nil {
		c[name] = map[string][]string{}
	}
	for _, label := range metric.GetLabel() {
		if !slices.Contains(c[name][label.GetName()], label.GetValue()) {
			c[name][label.GetName()] = append(c[name][label.GetName()], label.GetValue())
		}
	}
	if suffix == "_bucket" {
		c[name]["le"] = nil // any
	}
	if metric.GetSummary() != nil {
		c[name]["quantile"] = nil
	}
}

func touchRequests(t *testing.T, m *metrics.Metrics) {
	t.Helper()
	const name = "ns/ctx"
	observe := m.Requests(name)
	for _, operation := range []string{
		mapi.OperationLogin, mapi.OperationProbe, mapi.OperationObserve, mapi.OperationList,
		mapi.OperationCompare, mapi.OperationApply, mapi.OperationDryRun, mapi.OperationDelete,
	} {
		for _, status := range []int{200, 404, 429, 503} {
			observe(t.Context(), "GET", operation, status, nil, time.Millisecond)
		}
		observe(t.Context(), "GET", operation, 0, errors.New("reset"), time.Millisecond)
	}
	for _, operation := range []string{ours.OperationCreate, ours.OperationUpdate, ours.OperationCorrect, ours.OperationAdopt, ours.OperationDelete} {
		m.Operation(name, "ApiDefinition", operation, nil)
		m.Operation(name, "ApiDefinition", operation, fault.New(fault.Terminal, fault.ReasonControlPlane, "refused"))
	}
	for _, event := range []string{ours.DriftEdited, ours.DriftDeleted, ours.DriftCorrected, ours.DriftReported, ours.DriftUncorrectable} {
		m.Drift(name, "ApiDefinition", event)
	}
	m.SweepPeriod(name, time.Minute)
	m.Sweep(name, time.Second, map[string]int{ours.SweepUnchanged: 1, ours.SweepChanged: 1, ours.SweepMissing: 1, ours.SweepOrphans: 1}, nil)
	m.Sweep(name, time.Second, nil, errors.New("reset"))
}

// storedObjects is an API of a context, and the context.
func storedObjects(t *testing.T) client.Reader {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	api := &v1alpha1.ApiDefinition{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "api"}}
	api.Spec.ContextRef = &v1alpha1.Reference{Name: "ctx"}
	managed := &v1alpha1.ManagementContext{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "ctx"}}
	return fake.NewClientBuilder().WithScheme(scheme).WithObjects(api, managed).Build()
}

// touchControllerRuntime runs a controller for one object, asks for a lease, and reports a request to an API server.
func touchControllerRuntime(t *testing.T) {
	t.Helper()
	done := make(chan struct{})
	running, err := controller.NewTypedUnmanaged("apidefinition", controller.Options{
		SkipNameValidation: new(true), // the name is registered in the process, and several tests gather
		Reconciler: reconcile.Func(func(context.Context, reconcile.Request) (reconcile.Result, error) {
			close(done)
			return reconcile.Result{}, nil
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	feed := source.Func(func(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		queue.Add(reconcile.Request{})
		return nil
	})
	if err := running.Watch(feed); err != nil {
		t.Fatal(err)
	}
	stopped := make(chan error, 1)
	ctx, stop := context.WithCancel(t.Context())
	go func() { stopped <- running.Start(ctx) }()
	<-done
	stop()
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}

	_, err = leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Name: "lease", Lock: &lock{}, LeaseDuration: 3 * time.Second, RenewDeadline: 2 * time.Second, RetryPeriod: time.Second,
		Callbacks: leaderelection.LeaderCallbacks{OnStartedLeading: func(context.Context) {}, OnStoppedLeading: func() {}},
	})
	if err != nil {
		t.Fatal(err)
	}
	clientmetrics.RequestResult.Increment(t.Context(), "200", "GET", "api-server")
}

// lock is a lease that nobody asks for.
type lock struct{ resourcelock.Interface }

// Identity implements resourcelock.Interface.
func (*lock) Identity() string { return "a" }

// has reports whether a metric has a label.
func (c catalogue) has(metric, label string) bool {
	_, known := c[metric][label]
	return known || slices.Contains(targetLabels(), label)
}

// may reports whether a label of a metric can have a value that the matcher accepts; what is negated must be there to be left out.
func (c catalogue) may(metric string, matcher *labels.Matcher) bool {
	values := c[metric][matcher.Name]
	if matcher.Name == "job" {
		values = []string{job}
	}
	if len(values) == 0 {
		return true
	}
	positive := map[labels.MatchType]labels.MatchType{labels.MatchNotEqual: labels.MatchEqual, labels.MatchNotRegexp: labels.MatchRegexp}
	wanted := matcher
	if opposite, negated := positive[matcher.Type]; negated {
		wanted = labels.MustNewMatcher(opposite, matcher.Name, matcher.Value)
	}
	return slices.ContainsFunc(values, wanted.Matches)
}

// checkSeries makes sure that made-up series are such as the operator tells.
func (p *prometheus) checkSeries(known catalogue) {
	p.t.Helper()
	for _, series := range p.series {
		name := series.Metric.Get(model.MetricNameLabel)
		told, exists := known[name]
		if !exists {
			p.t.Errorf("%s: there is no such metric", series.Metric)
			continue
		}
		series.Metric.Range(func(label labels.Label) {
			if label.Name != model.MetricNameLabel && !known.has(name, label.Name) {
				p.t.Errorf("%s: the metric has no label %s", series.Metric, label.Name)
			}
			if values := told[label.Name]; strings.HasPrefix(name, "apisync_") && len(values) > 0 && label.Name != "context" && label.Name != "outcome" && !slices.Contains(values, label.Value) {
				p.t.Errorf("%s: the label %s is never %s, only one of %v", series.Metric, label.Name, label.Value, values)
			}
		})
		for label := range told {
			if series.Metric.Get(label) == "" && label != "context" {
				p.t.Errorf("%s lacks the label %s", series.Metric, label)
			}
		}
	}
}
