// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package monitoring_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/template"
)

// never is the minute of what doesn't happen.
const never = -1

// alertCase is a story of some series, told up to minute `until`.
type alertCase struct {
	alert, reason, series string
	until                 int
	// fires is the first minute in which the alert fires, ends the first in which it doesn't any more; either may be never.
	fires, ends int
	// labels are some of those of the first firing.
	labels map[string]string
}

func alertCases() []alertCase {
	const ctx = `context="ns/ctx"`
	return []alertCase{
		{
			alert: "ApisyncDown", reason: "both replicas stop to answer in minute 11, and one comes back in minute 32",
			series: `
				up{instance="a"} 1x10 0x20 1x10
				up{instance="b"} 1x10 0x40`,
			until: 40, fires: 16, ends: 32,
		},
		{
			alert: "ApisyncDown", reason: "there is no target at all: nobody deployed it, or a selector is wrong",
			series: `up{job="another"} 1x20`, until: 20, fires: 5, ends: never,
		},
		{
			alert: "ApisyncDown", reason: "one replica is enough",
			series: `
				up{instance="a"} 1x30
				up{instance="b"} 0x30`,
			until: 30, fires: never,
		},
		{
			alert: "ApisyncDown", reason: "an update without a second replica",
			series: `up 1x10 0x3 1x20`, until: 30, fires: never,
		},

		{
			alert: "ApisyncNoLeader", reason: "the leader loses its lease in minute 11 and nobody takes it",
			series: `
				leader_election_master_status{instance="a",name="lease"} 1x10 0x20
				leader_election_master_status{instance="b",name="lease"} 0x30`,
			until: 30, fires: 14, ends: never, labels: map[string]string{"name": "lease"},
		},
		{
			alert: "ApisyncNoLeader", reason: "the other replica takes over two minutes later",
			series: `
				leader_election_master_status{instance="a",name="lease"} 1x10 0x30
				leader_election_master_status{instance="b",name="lease"} 0x12 1x30`,
			until: 30, fires: never,
		},

		{
			alert: "ApisyncRestarting", reason: "the third restart is in minute 18, and the first is more than half an hour ago in minute 35",
			series: `process_start_time_seconds 100x5 400x5 700x5 1000x40`,
			until:  50, fires: 18, ends: 35,
		},
		{
			alert: "ApisyncRestarting", reason: "an update makes other Pods",
			series: `
				process_start_time_seconds{instance="a"} 100x9 stale
				process_start_time_seconds{instance="b"} 100x9 stale
				process_start_time_seconds{instance="c"} _x10 600x20
				process_start_time_seconds{instance="d"} _x10 610x20`,
			until: 30, fires: never,
		},
		{
			alert: "ApisyncRestarting", reason: "other programs have their own alerts",
			series: `process_start_time_seconds{job="another"} 100x5 400x5 700x5 1000x40`,
			until:  40, fires: never,
		},

		{
			alert: "ApisyncContextUnreachable", reason: "the last answer came in minute 10, so that none is left in the window in minute 19",
			series: `
				apisync_mapi_requests_total{` + ctx + `,operation="list",kind="ApiDefinition",outcome="200"} 0+1x10 10x40
				apisync_mapi_requests_total{` + ctx + `,operation="list",kind="ApiDefinition",outcome="503"} 0x10 0+1x40`,
			until: 40, fires: 24, ends: never, labels: map[string]string{"context": "ns/ctx"},
		},
		{
			alert: "ApisyncContextUnreachable", reason: "it was never reached, and is tried as rarely as the back-off lets it be",
			series: `apisync_mapi_requests_total{` + ctx + `,operation="probe",kind="ManagementContext",outcome="error"} 0 1x5 2x5 3x5 4x5 5x5 6x5 7x5`,
			until:  40, fires: 6, ends: never,
		},
		{
			alert: "ApisyncContextUnreachable", reason: "another replica leads now and reaches it",
			series: `
				apisync_mapi_requests_total{instance="a",` + ctx + `,operation="list",kind="ApiDefinition",outcome="error"} 0+1x40
				apisync_mapi_requests_total{instance="b",` + ctx + `,operation="list",kind="ApiDefinition",outcome="200"} 0+1x40`,
			until: 40, fires: never,
		},
		{
			alert: "ApisyncContextUnreachable", reason: "an API that is absent is an answer",
			series: `
				apisync_mapi_requests_total{` + ctx + `,operation="observe",kind="ApiDefinition",outcome="404"} 0+1x40
				apisync_mapi_requests_total{` + ctx + `,operation="apply",kind="ApiDefinition",outcome="500"} 0+1x40`,
			until: 40, fires: never,
		},
		{
			alert: "ApisyncContextUnreachable", reason: "an outage of five minutes is somebody else's alert",
			series: `
				apisync_mapi_requests_total{` + ctx + `,operation="list",kind="ApiDefinition",outcome="200"} 0+1x10 10x5 11+1x40
				apisync_mapi_requests_total{` + ctx + `,operation="list",kind="ApiDefinition",outcome="503"} 0x10 0+1x5 5x40`,
			until: 40, fires: never,
		},

		{
			alert: "ApisyncContextStalled", reason: "the credentials are refused from minute 11 on",
			series: `apisync_objects{` + ctx + `,kind="ManagementContext",state="stalled"} 0x10 1x20 0x10`,
			until:  40, fires: 16, ends: 32, labels: map[string]string{"context": "ns/ctx"},
		},
		{
			alert: "ApisyncContextStalled", reason: "APIs have an alert of their own",
			series: `apisync_objects{` + ctx + `,kind="ApiDefinition",state="stalled"} 1x40`,
			until:  40, fires: never,
		},

		{
			alert: "ApisyncSweepStale", reason: "the last success is of minute 10, so that it is more than three periods old in minute 26",
			series: `
				apisync_sweep_period_seconds{` + ctx + `} 300x40
				apisync_sweep_last_success_timestamp_seconds{` + ctx + `} 0+60x10 600x30`,
			until: 40, fires: 31, ends: never, labels: map[string]string{"context": "ns/ctx"},
		},
		{
			alert: "ApisyncSweepStale", reason: "nothing succeeds after a change of the leader in minute 10",
			series: `
				apisync_sweep_period_seconds{instance="a",` + ctx + `} 300x9 stale
				apisync_sweep_last_success_timestamp_seconds{instance="a",` + ctx + `} 0+60x9 stale
				apisync_sweep_period_seconds{instance="b",` + ctx + `} _x10 300x40`,
			until: 30, fires: 15, ends: never,
		},
		{
			alert: "ApisyncSweepStale", reason: "two passes fail",
			series: `
				apisync_sweep_period_seconds{` + ctx + `} 300x40
				apisync_sweep_last_success_timestamp_seconds{` + ctx + `} 0x15 900x15 1860x10`,
			until: 40, fires: never,
		},
		{
			alert: "ApisyncSweepStale", reason: "its context is looked at once an hour",
			series: `
				apisync_sweep_period_seconds{` + ctx + `} 3600x60
				apisync_sweep_last_success_timestamp_seconds{` + ctx + `} 0x60`,
			until: 60, fires: never,
		},
		{
			alert: "ApisyncSweepStale", reason: "a context that isn't looked at has no period",
			series: `
				apisync_sweep_period_seconds{` + ctx + `} 300x9 stale
				apisync_sweep_last_success_timestamp_seconds{` + ctx + `} 0x9 stale`,
			until: 60, fires: never,
		},

		{
			alert: "ApisyncObjectsStalled", reason: "two APIs are stalled from minute 11 on, as both replicas tell",
			series: `
				apisync_objects{instance="a",` + ctx + `,kind="ApiDefinition",state="stalled"} 0x10 2x40
				apisync_objects{instance="b",` + ctx + `,kind="ApiDefinition",state="stalled"} 0x10 2x40`,
			until: 40, fires: 26, ends: never, labels: map[string]string{"context": "ns/ctx"},
		},
		{
			alert: "ApisyncObjectsStalled", reason: "an API that names no context has no label",
			series: `apisync_objects{kind="ApiDefinition",state="stalled"} 1x40`, until: 40, fires: 15, ends: never,
		},
		{
			alert: "ApisyncObjectsStalled", reason: "whoever edits mends it within ten minutes",
			series: `apisync_objects{` + ctx + `,kind="ApiDefinition",state="stalled"} 0x10 1x10 0x20`, until: 40, fires: never,
		},

		{
			alert: "ApisyncDriftNotCorrected", reason: "drift is left from minute 11 on and put right in minute 52",
			series: `apisync_objects{` + ctx + `,kind="ApiDefinition",state="drifted"} 0x10 1x40 0x10`,
			until:  60, fires: 41, ends: 52, labels: map[string]string{"context": "ns/ctx"},
		},
		{
			alert: "ApisyncDriftNotCorrected", reason: "somebody decides about it within a quarter of an hour",
			series: `apisync_objects{` + ctx + `,kind="ApiDefinition",state="drifted"} 0x10 1x15 0x30`, until: 50, fires: never,
		},

		{
			alert: "ApisyncDriftStorm", reason: "twenty APIs are edited in minute 11, and no window has the rise in it from minute 70 on",
			series: `apisync_drift_total{` + ctx + `,kind="ApiDefinition",event="edited"} 0x10 20x80`,
			until:  90, fires: 16, ends: 70, labels: map[string]string{"context": "ns/ctx"},
		},
		{
			alert: "ApisyncDriftStorm", reason: "one API is fought over, with an edit before each pass: the eleventh is in minute 55",
			series: `apisync_drift_total{` + ctx + `,kind="ApiDefinition",event="edited"} 0x4 1x4 2x4 3x4 4x4 5x4 6x4 7x4 8x4 9x4 10x4 11x4 12x4 13x4 14x4`,
			until:  70, fires: 60, ends: never,
		},
		{
			alert: "ApisyncDriftStorm", reason: "a few edits by people who didn't know",
			series: `
				apisync_drift_total{` + ctx + `,kind="ApiDefinition",event="edited"} 0x10 3x10 6x60
				apisync_drift_total{` + ctx + `,kind="ApiDefinition",event="deleted"} 0x30 1x60`,
			until: 90, fires: never,
		},
		{
			alert: "ApisyncDriftStorm", reason: "what is done about drift isn't drift",
			series: `apisync_drift_total{` + ctx + `,kind="ApiDefinition",event="corrected"} 0x10 20x80`, until: 60, fires: never,
		},

		{
			alert: "ApisyncPendingTooLong", reason: "a resource is pending from minute 10 on; the other replica began to count later",
			series: `
				apisync_oldest_pending_seconds{instance="a",` + ctx + `,kind="ApiDefinition"} 0x10 60+60x30
				apisync_oldest_pending_seconds{instance="b",` + ctx + `,kind="ApiDefinition"} 0x20 60+60x20`,
			until: 40, fires: 31, ends: never, labels: map[string]string{"context": "ns/ctx", "kind": "ApiDefinition"},
		},
		{
			alert: "ApisyncPendingTooLong", reason: "it is done after ten minutes",
			series: `apisync_oldest_pending_seconds{` + ctx + `,kind="ApiDefinition"} 0x10 60+60x9 0x20`, until: 40, fires: never,
		},

		{
			alert: "ApisyncQueueSlow", reason: "six of a hundred objects wait for more than 100 s",
			series: `
				workqueue_queue_duration_seconds_bucket{name="apidefinition",controller="apidefinition",le="10"} 0x40
				workqueue_queue_duration_seconds_bucket{name="apidefinition",controller="apidefinition",le="100"} 0+94x40
				workqueue_queue_duration_seconds_bucket{name="apidefinition",controller="apidefinition",le="1000"} 0+100x40
				workqueue_queue_duration_seconds_bucket{name="apidefinition",controller="apidefinition",le="+Inf"} 0+100x40`,
			until: 40, fires: 16, ends: never, labels: map[string]string{"name": "apidefinition"},
		},
		{
			alert: "ApisyncQueueSlow", reason: "four of a hundred do",
			series: `
				workqueue_queue_duration_seconds_bucket{name="apidefinition",controller="apidefinition",le="10"} 0x40
				workqueue_queue_duration_seconds_bucket{name="apidefinition",controller="apidefinition",le="100"} 0+96x40
				workqueue_queue_duration_seconds_bucket{name="apidefinition",controller="apidefinition",le="1000"} 0+100x40
				workqueue_queue_duration_seconds_bucket{name="apidefinition",controller="apidefinition",le="+Inf"} 0+100x40`,
			until: 40, fires: never,
		},
		{
			alert: "ApisyncQueueSlow", reason: "ten minutes of that, when all APIs of a large context are read again",
			series: `
				workqueue_queue_duration_seconds_bucket{name="apidefinition",controller="apidefinition",le="10"} 0x10 0+10x40
				workqueue_queue_duration_seconds_bucket{name="apidefinition",controller="apidefinition",le="100"} 0+1x10 10+10x40
				workqueue_queue_duration_seconds_bucket{name="apidefinition",controller="apidefinition",le="1000"} 0+10x10 100+10x40
				workqueue_queue_duration_seconds_bucket{name="apidefinition",controller="apidefinition",le="+Inf"} 0+10x10 100+10x40`,
			until: 40, fires: never,
		},

		{
			alert: "ApisyncWorkerStuck", reason: "a worker is busy from minute 10 on",
			series: `workqueue_longest_running_processor_seconds{name="apidefinition",controller="apidefinition"} 0x10 60+60x30`,
			until:  40, fires: 21, ends: never, labels: map[string]string{"name": "apidefinition"},
		},
		{
			alert: "ApisyncWorkerStuck", reason: "a bulk look takes four minutes each time",
			series: `workqueue_longest_running_processor_seconds{name="sweep",controller="sweep"} 0 60 120 180 240 0 60 120 180 240 0x30`,
			until:  40, fires: never,
		},

		{
			alert: "ApisyncErrorsHigh", reason: "one in four requests fails",
			series: `
				apisync_mapi_requests_total{` + ctx + `,operation="observe",kind="ApiDefinition",outcome="200"} 0+3x40
				apisync_mapi_requests_total{` + ctx + `,operation="observe",kind="ApiDefinition",outcome="error"} 0+1x40`,
			until: 40, fires: 11, ends: never, labels: map[string]string{"context": "ns/ctx"},
		},
		{
			alert: "ApisyncErrorsHigh", reason: "one in ten fails",
			series: `
				apisync_mapi_requests_total{` + ctx + `,operation="observe",kind="ApiDefinition",outcome="200"} 0+9x40
				apisync_mapi_requests_total{` + ctx + `,operation="observe",kind="ApiDefinition",outcome="503"} 0+1x40`,
			until: 40, fires: never,
		},
		{
			alert: "ApisyncErrorsHigh", reason: "when all fail, ApisyncContextUnreachable says so",
			series: `
				apisync_mapi_requests_total{` + ctx + `,operation="observe",kind="ApiDefinition",outcome="200"} 10x40
				apisync_mapi_requests_total{` + ctx + `,operation="observe",kind="ApiDefinition",outcome="error"} 0+1x40`,
			until: 40, fires: never,
		},
		{
			alert: "ApisyncErrorsHigh", reason: "a spec that is refused concerns one API",
			series: `
				apisync_mapi_requests_total{` + ctx + `,operation="apply",kind="ApiDefinition",outcome="400"} 0+3x40
				apisync_mapi_requests_total{` + ctx + `,operation="apply",kind="ApiDefinition",outcome="200"} 0+1x40`,
			until: 40, fires: never,
		},

		{
			alert: "ApisyncOrphans", reason: "two APIs lose their resource in minute 11, and are removed in minute 92",
			series: `apisync_orphans{` + ctx + `} 0x10 2x80 0x10`,
			until:  100, fires: 71, ends: 92, labels: map[string]string{"context": "ns/ctx"},
		},
		{
			alert: "ApisyncOrphans", reason: "somebody removes them within half an hour",
			series: `apisync_orphans{` + ctx + `} 0x10 2x30 0x60`, until: 100, fires: never,
		},

		{
			alert: "ApisyncManagementAPISlow", reason: "nine of ten requests take between 1.2 and 3 s",
			series: `
				apisync_mapi_request_duration_seconds_bucket{` + ctx + `,operation="apply",kind="ApiDefinition",le="1.220703125"} 0+1x40
				apisync_mapi_request_duration_seconds_bucket{` + ctx + `,operation="apply",kind="ApiDefinition",le="3.0517578125"} 0+10x40
				apisync_mapi_request_duration_seconds_bucket{` + ctx + `,operation="apply",kind="ApiDefinition",le="+Inf"} 0+10x40`,
			until: 40, fires: 16, ends: never, labels: map[string]string{"context": "ns/ctx"},
		},
		{
			alert: "ApisyncManagementAPISlow", reason: "listings may take as long as they do",
			series: `
				apisync_mapi_request_duration_seconds_bucket{` + ctx + `,operation="list",kind="ApiDefinition",le="1.220703125"} 0+1x40
				apisync_mapi_request_duration_seconds_bucket{` + ctx + `,operation="list",kind="ApiDefinition",le="3.0517578125"} 0+10x40
				apisync_mapi_request_duration_seconds_bucket{` + ctx + `,operation="list",kind="ApiDefinition",le="+Inf"} 0+10x40`,
			until: 40, fires: never,
		},
	}
}

func TestAlerts(t *testing.T) {
	all, known := rules(t), alerts(t)
	catalogue := gather(t)
	shown := map[string]bool{}
	for _, c := range alertCases() {
		t.Run(c.alert+"/"+c.reason, func(t *testing.T) {
			rule, exists := known[c.alert]
			if !exists {
				t.Fatalf("there is no alert %s", c.alert)
			}
			p := load(t, c.series)
			p.checkSeries(catalogue)
			fires := p.run(only(all, c.alert), c.until)
			checkTimes(t, c, fires)
			if len(fires) == 0 {
				return
			}
			shown[c.alert] = true
			for name, want := range c.labels {
				if got := fires[0].labels.Get(name); got != want {
					t.Errorf("the label %s is %q, want %q", name, got, want)
				}
			}
			for _, label := range []string{"instance", "pod"} {
				if fires[0].labels.Has(label) {
					t.Errorf("the alert has the label %s: each replica would call somebody", label)
				}
			}
			checkTexts(t, rule, fires[0])
		})
	}
	for name := range known {
		if !shown[name] {
			t.Errorf("no test shows that %s fires", name)
		}
	}
}

// only leaves one alert, and what is recorded.
func only(all []rulefmt.Rule, alert string) []rulefmt.Rule {
	var kept []rulefmt.Rule
	for _, rule := range all {
		if rule.Alert == "" || rule.Alert == alert {
			kept = append(kept, rule)
		}
	}
	return kept
}

func checkTimes(t *testing.T, c alertCase, fires []firing) {
	t.Helper()
	first, end := never, never
	for _, f := range fires {
		if first == never {
			first = f.minute
		}
		if f.minute < c.until {
			end = f.minute + 1
		} else {
			end = never
		}
	}
	if first != c.fires {
		t.Fatalf("it fires first in minute %d, want %d", first, c.fires)
	}
	if first != never && end != c.ends {
		t.Errorf("it ends in minute %d, want %d", end, c.ends)
	}
}

// checkTexts expands the annotations as Prometheus does; a label that the alert doesn't have is an error.
func checkTexts(t *testing.T, rule rulefmt.Rule, f firing) {
	t.Helper()
	given := f.labels.Map()
	if _, named := given["context"]; !named {
		given["context"] = "" // Prometheus takes an empty label for none, which templates have to live with.
	}
	data := template.AlertTemplateData(given, nil, "", promql.Sample{Metric: f.labels, F: f.value})
	for name, text := range rule.Annotations {
		expander := template.NewTemplateExpander(t.Context(), "{{$labels := .Labels}}{{$value := .Value}}"+text, name, data,
			model.TimeFromUnix(at(f.minute).Unix()), nil, &url.URL{}, []string{"missingkey=error"})
		expanded, err := expander.Expand()
		if err != nil {
			t.Errorf("annotation %s: %v", name, err)
		}
		for _, bad := range []string{"<no value>", "context  ", "%!", "NaN"} {
			if strings.Contains(expanded, bad) {
				t.Errorf("annotation %s has %q in it: %s", name, bad, expanded)
			}
		}
		t.Log(name+":", expanded)
	}
}

// TestAlertsAreComplete is about what whoever is paged needs.
func TestAlertsAreComplete(t *testing.T) {
	for name, alert := range alerts(t) {
		switch alert.Labels["severity"] {
		case "critical", "warning", "info":
		default:
			t.Errorf("%s has the severity %q, want critical, warning or info", name, alert.Labels["severity"])
		}
		for _, annotation := range []string{"summary", "description"} {
			if alert.Annotations[annotation] == "" {
				t.Errorf("%s has no annotation %s", name, annotation)
			}
		}
		if got, want := alert.Annotations["runbook"], "docs/runbooks/"+name+".md"; got != want {
			t.Errorf("%s names the runbook %q, want %q", name, got, want)
		}
		if strings.Contains(alert.Expr+alert.Annotations["summary"]+alert.Annotations["description"], "://") {
			t.Errorf("%s names a host", name)
		}
	}
}
