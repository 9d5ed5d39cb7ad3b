// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package monitoring_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
	"sigs.k8s.io/kustomize/api/resource"
)

// TestRulesNameWhatExists follows the rules in their order: what one records, the next may ask for.
func TestRulesNameWhatExists(t *testing.T) {
	known := gather(t)
	for _, rule := range rules(t) {
		checked := checkExpression(t, known, rule.Record+rule.Alert, rule.Expr)
		if rule.Record == "" {
			continue
		}
		if !strings.HasPrefix(rule.Record, "apisync:") {
			t.Errorf("%s: recorded names begin with apisync: here", rule.Record)
		}
		known[rule.Record] = checked.values
	}
}

// TestMistakesAreFound is about the checks of this file.
func TestMistakesAreFound(t *testing.T) {
	known := gather(t)
	for expression, mistake := range map[string]string{
		`apisync_object`:                                                          "there is no metric apisync_object",
		`apisync_mapi_request_duration_seconds`:                                   "there is no metric apisync_mapi_request_duration_seconds",
		`apisync_objects{status="ready"}`:                                         "apisync_objects has no label status",
		`apisync_objects{state="stalling"}`:                                       `no apisync_objects has state="stalling"`,
		`apisync_objects{state=~"stall|drift"}`:                                   `no apisync_objects has state=~"stall|drift"`,
		`apisync_mapi_requests_total{operation!="listing"}`:                       `no apisync_mapi_requests_total has operation!="listing"`,
		`up{job="apisync-metrics"}`:                                               `no up has job="apisync-metrics"`,
		`sum by (contexts) (apisync_orphans)`:                                     "contexts is no label of apisync_orphans",
		`sum without (pods) (apisync_orphans)`:                                    "pods is no label of apisync_orphans",
		`sum by (state) (sum by (context) (apisync_objects))`:                     "state is no label of sum by (context) (apisync_objects)",
		`apisync_orphans / on (contexts) apisync_orphans`:                         "contexts is no label of apisync_orphans",
		`histogram_quantile(0.9, sum by (name) (rate(workqueue_depth[5m])))`:      "histogram_quantile needs the label le",
		`histogram_quantile(0.9, rate(workqueue_queue_duration_seconds_sum[5m]))`: "histogram_quantile needs the label le",
	} {
		parsed, err := newParser().ParseExpr(expression)
		if err != nil {
			t.Fatal(err)
		}
		c := &checking{known: known}
		c.check(parsed)
		if !slices.Contains(c.mistakes, mistake) {
			t.Errorf("%s: found %q, want %q", expression, c.mistakes, mistake)
		}
	}
}

// TestJob follows the label job from the Service through the ServiceMonitor.
func TestJob(t *testing.T) {
	monitor := one[struct {
		Spec struct {
			JobLabel string
			Selector struct{ MatchLabels map[string]string }
		}
	}](t, "ServiceMonitor", isAny)
	service := one[struct {
		Metadata struct{ Labels map[string]string }
	}](t, "Service", func(r *resource.Resource) bool { return strings.Contains(r.GetName(), "metrics") })
	for name, value := range monitor.Spec.Selector.MatchLabels {
		if service.Metadata.Labels[name] != value {
			t.Errorf("the ServiceMonitor looks for %s=%s, which the Service hasn't", name, value)
		}
	}
	if got := service.Metadata.Labels[monitor.Spec.JobLabel]; got != job {
		t.Errorf("the label job becomes %q, but rules and dashboard ask for %q", got, job)
	}
}

// checkExpression reports what an expression names that doesn't exist.
func checkExpression(t *testing.T, known catalogue, where, expression string) shape {
	t.Helper()
	parsed, err := newParser().ParseExpr(expression)
	if err != nil {
		t.Errorf("%s: %s: %v", where, expression, err)
		return shape{}
	}
	c := &checking{known: known}
	result := c.check(parsed)
	for _, mistake := range c.mistakes {
		t.Errorf("%s: %s: %s", where, expression, mistake)
	}
	return result
}

// shape are the labels that the series of an expression have besides those of the target, with their values where these are known.
type shape struct {
	values map[string][]string
	// bare is true when the labels of the target are gone as well.
	bare bool
}

func (s shape) has(label string) bool {
	_, own := s.values[label]
	return own || !s.bare && slices.Contains(targetLabels(), label)
}

// checking walks an expression from its leaves up.
type checking struct {
	known    catalogue
	mistakes []string
	metrics  []string
}

func (c *checking) mistake(format string, args ...any) {
	c.mistakes = append(c.mistakes, fmt.Sprintf(format, args...))
}

func (c *checking) check(node parser.Node) shape {
	switch node := node.(type) {
	case *parser.VectorSelector:
		return c.selector(node)
	case *parser.AggregateExpr:
		return c.aggregate(node)
	case *parser.BinaryExpr:
		return c.binary(node)
	case *parser.Call:
		return c.call(node)
	}
	var result shape
	for child := range parser.ChildrenIter(node) {
		result = c.check(child)
	}
	return result
}

func (c *checking) selector(node *parser.VectorSelector) shape {
	values, exists := c.known[node.Name]
	if !exists {
		c.mistake("there is no metric %s", node.Name)
		return shape{}
	}
	c.metrics = append(c.metrics, node.Name)
	for _, matcher := range node.LabelMatchers {
		switch {
		case matcher.Name == model.MetricNameLabel:
		case !c.known.has(node.Name, matcher.Name):
			c.mistake("%s has no label %s", node.Name, matcher.Name)
		case !c.known.may(node.Name, matcher):
			c.mistake("no %s has %s", node.Name, matcher)
		}
	}
	return shape{values: values}
}

func (c *checking) aggregate(node *parser.AggregateExpr) shape {
	inner := c.check(node.Expr)
	c.exist(inner, node.Expr, node.Grouping)
	kept := map[string][]string{}
	for label, values := range inner.values {
		if slices.Contains(node.Grouping, label) != node.Without {
			kept[label] = values
		}
	}
	for _, label := range node.Grouping {
		if !node.Without && slices.Contains(targetLabels(), label) {
			kept[label] = nil
		}
	}
	return shape{values: kept, bare: inner.bare || !node.Without}
}

func (c *checking) binary(node *parser.BinaryExpr) shape {
	left, right := c.check(node.LHS), c.check(node.RHS)
	if node.VectorMatching != nil {
		c.exist(left, node.LHS, node.VectorMatching.MatchingLabels)
		c.exist(right, node.RHS, node.VectorMatching.MatchingLabels)
	}
	if node.LHS.Type() == parser.ValueTypeScalar {
		return right
	}
	return left
}

func (c *checking) call(node *parser.Call) shape {
	var result shape
	for _, argument := range node.Args {
		if inner := c.check(argument); argument.Type() != parser.ValueTypeScalar {
			result = inner
		}
	}
	switch node.Func.Name {
	case "histogram_quantile":
		if !result.has("le") {
			c.mistake("histogram_quantile needs the label le")
		}
		result.values = maps.Clone(result.values) // it is the catalogue's own, without an aggregation
		delete(result.values, "le")
	case "absent", "vector", "time":
		return shape{bare: true}
	}
	return result
}

func (c *checking) exist(in shape, expression parser.Expr, names []string) {
	for _, name := range names {
		if !in.has(name) {
			c.mistake("%s is no label of %s", name, expression)
		}
	}
}
