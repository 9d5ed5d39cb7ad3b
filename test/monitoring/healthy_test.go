// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package monitoring_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
)

// replica writes the series of one process. It runs from one minute to another, and leads for all of that time or not at all.
type replica struct {
	name     string
	from, to int
	leads    bool
}

// values writes samples for the minutes in which the replica runs, and an end.
func (r replica) values(of func(minute int) string) string {
	var text strings.Builder
	if r.from > 0 {
		fmt.Fprintf(&text, "_x%d ", r.from)
	}
	for minute := r.from; minute <= r.to; minute++ {
		text.WriteString(of(minute - r.from))
		text.WriteString(" ")
	}
	text.WriteString("stale")
	return text.String()
}

func (r replica) constant(value float64) string {
	return r.values(func(int) string { return fmt.Sprint(value) })
}

// steps is a counter that rises by `by` once in `every` minutes.
func (r replica) steps(by float64, every int) string {
	return r.values(func(age int) string { return fmt.Sprint(by * float64(age/every)) })
}

// clock is the time of the last event of something that happens once in `every` minutes.
func (r replica) clock(every int) string {
	return r.values(func(age int) string { return fmt.Sprint(60 * (r.from + age/every*every)) })
}

// series of a process with two contexts, at rest.
func (r replica) series() string {
	var text strings.Builder
	add := func(metric, more, values string) {
		fmt.Fprintf(&text, "%s{instance=%q%s} %s\n", metric, r.name, more, values)
	}
	add("up", "", r.constant(1))
	add("process_start_time_seconds", "", r.constant(float64(60*r.from)))
	lead := map[bool]float64{true: 1}[r.leads]
	add("leader_election_master_status", `,name="lease"`, r.constant(lead))
	for _, name := range []string{"ns/one", "ns/two"} {
		r.objects(add, name)
		if r.leads {
			r.work(add, name)
		}
	}
	if r.leads {
		r.queue(add, "apidefinition")
	}
	return text.String()
}

func (r replica) objects(add func(metric, more, values string), name string) {
	context := fmt.Sprintf(",context=%q", name)
	for _, state := range []string{"ready", "reconciling", "stalled", "drifted", "deleting"} {
		count := map[bool]float64{true: 100}[state == "ready"]
		add("apisync_objects", context+fmt.Sprintf(`,kind="ApiDefinition",state=%q`, state), r.constant(count))
		add("apisync_objects", context+fmt.Sprintf(`,kind="ManagementContext",state=%q`, state), r.constant(count/100))
	}
	add("apisync_oldest_pending_seconds", context+`,kind="ApiDefinition"`, r.constant(0))
}

func (r replica) work(add func(metric, more, values string), name string) {
	context := fmt.Sprintf(",context=%q", name)
	add("apisync_mapi_requests_total", context+`,operation="list",kind="ApiDefinition",outcome="200"`, r.steps(1, 5))
	add("apisync_mapi_requests_total", context+`,operation="probe",kind="ManagementContext",outcome="200"`, r.steps(1, 10))
	for _, bucket := range []string{"0.078125", "+Inf"} {
		add("apisync_mapi_request_duration_seconds_bucket", context+fmt.Sprintf(`,operation="probe",kind="ManagementContext",le=%q`, bucket), r.steps(1, 10))
	}
	for _, event := range []string{"edited", "deleted", "corrected"} {
		add("apisync_drift_total", context+fmt.Sprintf(`,kind="ApiDefinition",event=%q`, event), r.constant(0))
	}
	add("apisync_sweep_period_seconds", context, r.constant(300))
	add("apisync_sweep_last_success_timestamp_seconds", context, r.clock(5))
	add("apisync_orphans", context, r.constant(0))
}

func (r replica) queue(add func(metric, more, values string), name string) {
	queue := fmt.Sprintf(",name=%q,controller=%q", name, name)
	for _, bucket := range []string{"0.01", "100", "1000", "+Inf"} {
		add("workqueue_queue_duration_seconds_bucket", queue+fmt.Sprintf(",le=%q", bucket), r.steps(2, 1))
	}
	add("workqueue_longest_running_processor_seconds", queue, r.constant(0))
}

func series(replicas ...replica) string {
	var text strings.Builder
	for _, r := range replicas {
		text.WriteString(r.series())
	}
	return text.String()
}

// TestHealthyInstallationsAreSilent runs all alerts at once over three hours.
func TestHealthyInstallationsAreSilent(t *testing.T) {
	const end = 180
	alone := replica{name: "a", to: end, leads: true}
	cases := []struct{ reason, series string }{
		{"two replicas at rest", series(alone, replica{name: "b", to: end})},
		{"an update in the first hour, another leader", series(
			replica{name: "a", to: 60, leads: true}, replica{name: "b", to: 61},
			replica{name: "c", from: 59, to: end}, replica{name: "d", from: 61, to: end, leads: true})},
		{"one replica without leader election", withoutLines(series(alone), "leader_election")},
		{"just installed, without contexts", withoutLines(series(alone), "context=")},
		{"an ordinary day: edits, a restart of the management API, a mistake in a spec", ordinaryDay()},
	}
	all, catalogue := rules(t), gather(t)
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			p := load(t, c.series)
			p.checkSeries(catalogue)
			told := map[string]bool{}
			for _, f := range p.run(all, end) {
				if !told[f.alert] {
					t.Errorf("%s fires in minute %d: %s = %v", f.alert, f.minute, f.labels, f.value)
				}
				told[f.alert] = true
			}
		})
	}
}

// TestHealthySeriesReachAllAlerts keeps silence from meaning that an alert saw nothing.
func TestHealthySeriesReachAllAlerts(t *testing.T) {
	p := load(t, series(replica{name: "a", to: 10, leads: true}))
	for _, rule := range rules(t) {
		for _, selector := range selectors(t, rule.Expr) {
			if strings.HasPrefix(selector.Name, "apisync:") {
				continue
			}
			var seen bool
			for _, known := range p.series {
				seen = seen || known.Metric.Get(model.MetricNameLabel) == selector.Name && known.Metric.Get("job") == job
			}
			if !seen {
				t.Errorf("%s%s asks for %s, which the healthy series lack", rule.Alert, rule.Record, selector.Name)
			}
		}
	}
}

func selectors(t *testing.T, expression string) []*parser.VectorSelector {
	t.Helper()
	parsed, err := newParser().ParseExpr(expression)
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	var found []*parser.VectorSelector
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		if selector, ok := node.(*parser.VectorSelector); ok {
			found = append(found, selector)
		}
		return nil
	})
	return found
}

func withoutLines(text, part string) string {
	var kept strings.Builder
	for line := range strings.Lines(text) {
		if !strings.Contains(line, part) {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// ordinaryDay is one replica to which the things happen that nobody should be paged for.
func ordinaryDay() string {
	const ctx = `instance="a",context="ns/busy"`
	return series(replica{name: "a", to: 180, leads: true}) + `
		apisync_objects{` + ctx + `,kind="ApiDefinition",state="stalled"} 0x20 1x8 0x30 2x5 0x200
		apisync_objects{` + ctx + `,kind="ApiDefinition",state="drifted"} 0x40 3x20 0x200
		apisync_objects{` + ctx + `,kind="ManagementContext",state="stalled"} 0x60 1x3 0x200
		apisync_oldest_pending_seconds{` + ctx + `,kind="ApiDefinition"} 0x20 60+60x6 0x30 60+60x12 0x200
		apisync_drift_total{` + ctx + `,kind="ApiDefinition",event="edited"} 0x40 3x50 5x200
		apisync_drift_total{` + ctx + `,kind="ApiDefinition",event="corrected"} 0x40 3x50 5x200
		apisync_mapi_requests_total{` + ctx + `,operation="observe",kind="ApiDefinition",outcome="200"} 0+3x60 183x3 183+3x200
		apisync_mapi_requests_total{` + ctx + `,operation="observe",kind="ApiDefinition",outcome="404"} 0+1x200
		apisync_mapi_requests_total{` + ctx + `,operation="apply",kind="ApiDefinition",outcome="400"} 0x20 1x200
		apisync_mapi_requests_total{` + ctx + `,operation="observe",kind="ApiDefinition",outcome="503"} 0x60 0+2x3 6x200
		apisync_sweep_period_seconds{` + ctx + `} 300x200
		apisync_sweep_last_success_timestamp_seconds{` + ctx + `} 0+60x60 3600x12 4380+60x200
		apisync_orphans{` + ctx + `} 0x30 1x40 0x200
		workqueue_longest_running_processor_seconds{instance="a",name="sweep",controller="sweep"} 0x30 60 120 0x200
	`
}
