// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package monitoring_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
)

// prometheus is the part of a Prometheus that rules need: made-up series with a sample a minute, the query engine, and the rules of
// when an alert fires.
type prometheus struct {
	t      *testing.T
	engine *promql.Engine
	series map[string]*promql.Series
	// active are, by alert and labels, the minutes since when its expression holds.
	active map[string]map[string]int
	// recorded are, by rule, the series that the last evaluation gave.
	recorded map[string]map[string]bool
}

// firing is an alert that fires in a minute, for one set of labels.
type firing struct {
	alert  string
	minute int
	labels labels.Labels
	value  float64
}

// load makes a prometheus that knows the series of the text. A line is a metric with labels and its samples in the
// notation of promtool: one a minute from minute 0 on. What each target has besides is added: see complete.
func load(t *testing.T, text string) *prometheus {
	t.Helper()
	p := &prometheus{
		t: t, series: map[string]*promql.Series{}, active: map[string]map[string]int{}, recorded: map[string]map[string]bool{},
		engine: promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute, Parser: newParser()}),
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		metric, values, err := newParser().ParseSeriesDesc(line)
		if err != nil {
			t.Fatalf("series %q: %v", line, err)
		}
		metric = complete(metric)
		if p.series[metric.String()] != nil {
			t.Fatalf("two series are called %s", metric)
		}
		for minute, sample := range values {
			if !sample.Omitted {
				p.append(metric, minute, sample.Value)
			}
		}
	}
	return p
}

// complete adds the labels of a target. One without an instance is replica a.
func complete(metric labels.Labels) labels.Labels {
	full := labels.NewBuilder(metric)
	instance := metric.Get("instance")
	if instance == "" {
		instance = "a"
	}
	for name, fallback := range map[string]string{
		"job": job, "instance": instance, "pod": "pod-" + instance, "namespace": "apisync-system",
		"service": "metrics", "container": "manager", "endpoint": "https",
	} {
		if metric.Get(name) == "" {
			full.Set(name, fallback)
		}
	}
	return full.Labels()
}

func (p *prometheus) append(metric labels.Labels, minute int, sample float64) {
	key := metric.String()
	if p.series[key] == nil {
		p.series[key] = &promql.Series{Metric: metric}
	}
	p.series[key].Floats = append(p.series[key].Floats, promql.FPoint{T: at(minute).UnixMilli(), F: sample})
}

// at is the time of a minute; series begin with the epoch.
func at(minute int) time.Time { return time.Unix(0, 0).Add(time.Duration(minute) * time.Minute) }

// run evaluates the rules once a minute, as Prometheus does, and gives all that fires.
func (p *prometheus) run(rules []rulefmt.Rule, until int) []firing {
	p.t.Helper()
	var all []firing
	for minute := range until + 1 {
		for i := range rules {
			if rules[i].Alert == "" {
				p.record(&rules[i], minute)
				continue
			}
			all = append(all, p.alert(&rules[i], minute)...)
		}
	}
	return all
}

func (p *prometheus) record(rule *rulefmt.Rule, minute int) {
	given := map[string]bool{}
	for _, sample := range p.query(rule.Expr, minute) {
		metric := labels.NewBuilder(sample.Metric).Set(model.MetricNameLabel, rule.Record).Labels()
		given[metric.String()] = true
		p.append(metric, minute, sample.F)
	}
	for key := range p.recorded[rule.Record] {
		if !given[key] {
			p.append(p.series[key].Metric, minute, math.Float64frombits(value.StaleNaN))
		}
	}
	p.recorded[rule.Record] = given
}

func (p *prometheus) alert(rule *rulefmt.Rule, minute int) []firing {
	before, now := p.active[rule.Alert], map[string]int{}
	var fires []firing
	for _, sample := range p.query(rule.Expr, minute) {
		key := sample.Metric.String()
		since, known := before[key]
		if !known {
			since = minute
		}
		now[key] = since
		if at(minute).Sub(at(since)) >= time.Duration(rule.For) {
			bare := labels.NewBuilder(sample.Metric).Del(model.MetricNameLabel).Labels()
			fires = append(fires, firing{rule.Alert, minute, bare, sample.F})
		}
	}
	p.active[rule.Alert] = now
	return fires
}

func (p *prometheus) query(expression string, minute int) promql.Vector {
	p.t.Helper()
	query, err := p.engine.NewInstantQuery(p.t.Context(), p, nil, expression, at(minute))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	defer query.Close()
	result := query.Exec(p.t.Context())
	vector, err := result.Vector()
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return append(promql.Vector(nil), vector...)
}

// Querier implements storage.Queryable.
func (p *prometheus) Querier(int64, int64) (storage.Querier, error) {
	return &storage.MockQuerier{SelectMockFunction: func(_ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
		found := &seriesSet{}
		for _, series := range p.series {
			if matches(series.Metric, matchers) {
				found.left = append(found.left, promql.NewStorageSeries(*series))
			}
		}
		return found
	}}, nil
}

func matches(metric labels.Labels, matchers []*labels.Matcher) bool {
	for _, matcher := range matchers {
		if !matcher.Matches(metric.Get(matcher.Name)) {
			return false
		}
	}
	return true
}

// seriesSet implements storage.SeriesSet.
type seriesSet struct {
	current storage.Series
	left    []storage.Series
}

// Next implements storage.SeriesSet.
func (s *seriesSet) Next() bool {
	if len(s.left) == 0 {
		return false
	}
	s.current, s.left = s.left[0], s.left[1:]
	return true
}

// At implements storage.SeriesSet.
func (s *seriesSet) At() storage.Series { return s.current }

// Err implements storage.SeriesSet.
func (*seriesSet) Err() error { return nil }

// Warnings implements storage.SeriesSet.
func (*seriesSet) Warnings() annotations.Annotations { return nil }
