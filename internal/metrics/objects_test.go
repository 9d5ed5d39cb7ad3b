// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/metrics"
)

// began is when the operator of these tests starts.
func began() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

func TestEachObjectHasOneState(t *testing.T) {
	deleted := metav1.NewTime(began())
	cases := []struct {
		reason, state string
		observed      int64
		conditions    []string
		deleted       *metav1.Time
	}{
		{"nobody has looked yet", "reconciling", -1, nil, nil},
		{"all is well", "ready", 2, []string{"Ready"}, nil},
		{"what was observed is an older spec", "reconciling", 1, []string{"Ready"}, nil},
		{"an edit may cure it", "reconciling", 1, []string{"Stalled"}, nil},
		{"it waits for its context", "reconciling", 2, []string{"Reconciling"}, nil},
		{"it is taken over with another operator's status", "reconciling", 2, []string{"Accepted"}, nil},
		{"somebody has to do something", "stalled", 2, []string{"Stalled"}, nil},
		{"drift is the smaller trouble of the two", "stalled", 2, []string{"Stalled", "Drifted"}, nil},
		{"drift that is left as it is", "drifted", 2, []string{"Ready", "Drifted"}, nil},
		{"drift that couldn't be put right yet", "reconciling", 2, []string{"Reconciling", "Drifted"}, nil},
		{"deletion comes before all", "deleting", 2, []string{"Ready"}, &deleted},
		{"a deletion raises the generation", "deleting", 1, []string{"Stalled"}, &deleted},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			api := newAPI("api", c.observed, c.conditions...)
			api.DeletionTimestamp = c.deleted
			got := read(t, register(listOf(api), began), "apisync_objects")
			for _, state := range []string{"ready", "reconciling", "stalled", "drifted", "deleting"} {
				series := fmt.Sprintf("apisync_objects{context=%q,kind=%q,state=%q}", here, "ApiDefinition", state)
				want := map[bool]float64{state == c.state: 1}[true]
				if value, told := got[series]; !told || value != want {
					t.Errorf("%s is %v (told: %t), want %v", series, value, told, want)
				}
			}
		})
	}
}

func TestObjectsAreCountedByContextAndKind(t *testing.T) {
	elsewhere, unbound := newAPI("elsewhere", 2, "Ready"), newAPI("unbound", 2, "Stalled")
	elsewhere.Spec.ContextRef = &v1alpha1.Reference{Namespace: "ns2", Name: "ctx"}
	unbound.Spec.ContextRef = nil
	managed := &v1alpha1.ManagementContext{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "here", UID: "c", Generation: 2}}
	managed.Status.ObservedGeneration, managed.Status.Conditions = 2, conditions("Ready")
	group := &v1alpha1.Group{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "crew", UID: "g", Generation: 1}}
	group.Spec.ContextRef, group.Status.ObservedGeneration, group.Status.Conditions = &v1alpha1.Reference{Name: "here"}, 1, conditions("Stalled")
	shared := &v1alpha1.ApiResource{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "cache", UID: "r"}, Status: v1alpha1.ApiResourceStatus{Conditions: conditions("Ready")}}
	notice := &v1alpha1.Notification{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "alerts", UID: "n"}, Status: v1alpha1.NotificationStatus{Conditions: conditions("Ready")}}
	byTemplate, unknown := newAPI("by-template", 2, "Ready"), newAPI("unknown", 2, "Stalled")
	byTemplate.Spec.ContextRef, unknown.Spec.ContextRef = &v1alpha1.Reference{Name: "[[ a ]]"}, &v1alpha1.Reference{Namespace: "[[ b ]]", Name: "ctx"}
	byTemplate.Status.Sync = &v1alpha1.SyncStatus{Place: &v1alpha1.Place{Context: "ns2/ctx"}}
	registry := register(listOf(newAPI("a", 2, "Ready"), newAPI("b", 2, "Ready"), byTemplate, unknown, elsewhere, unbound, managed, group, shared, notice), began)
	got := read(t, registry, "apisync_")
	for series, count := range got {
		if count == 0 {
			delete(got, series)
		}
	}
	compare(t, got, map[string]float64{
		`apisync_objects{context="ns/here",kind="ApiDefinition",state="ready"}`:     2,
		`apisync_objects{context="ns2/ctx",kind="ApiDefinition",state="ready"}`:     2,
		`apisync_objects{context="",kind="ApiDefinition",state="stalled"}`:          2,
		`apisync_objects{context="ns/here",kind="ManagementContext",state="ready"}`: 1,
		`apisync_objects{context="ns/here",kind="Group",state="stalled"}`:           1,
		`apisync_objects{context="",kind="ApiResource",state="ready"}`:              1,
		`apisync_objects{context="",kind="Notification",state="ready"}`:             1,
	})
}

func TestContextsWithoutObjectsDisappear(t *testing.T) {
	objects := listOf(newAPI("a", 2, "Ready"))
	registry := register(objects, began)
	if got := read(t, registry, "apisync_"); len(got) != 6 {
		t.Errorf("one context has %d series, want five states and one age: %v", len(got), got)
	}
	objects.apis = nil
	if got := read(t, registry, "apisync_"); len(got) != 0 {
		t.Errorf("series are left although nothing is: %v", got)
	}
}

// TestPendingAge walks one object through its life, with a scrape each minute.
func TestPendingAge(t *testing.T) {
	const age = `apisync_oldest_pending_seconds{context="ns/here",kind="ApiDefinition"}`
	at := func(minutes int) time.Time { return began().Add(time.Duration(minutes) * time.Minute) }
	minute := 0
	api := newAPI("a", -1)
	objects := listOf(api)
	now := func() time.Time { return at(minute) }
	registry := register(objects, now)

	steps := []struct {
		reason string
		change func()
		want   time.Duration
	}{
		{"when the edit was made isn't known, so nothing is made up", func() {}, 0},
		{"nobody has looked at it since", func() {}, time.Minute},
		{"it was looked at and waits: pending all the time", func() {
			api.Status.ObservedGeneration, api.Status.Conditions = 2, conditionsAt(at(2), "Reconciling")
		}, 2 * time.Minute},
		{"another edit while it waits: still pending", func() { api.Generation = 3 }, 3 * time.Minute},
		{"done", func() { api.Status.ObservedGeneration, api.Status.Conditions = 3, conditions("Ready") }, 0},
		{"edited again", func() { api.Generation = 4 }, 0},
		{"and waited for", func() {}, time.Minute},
		{"done and edited between two scrapes", func() { api.Status.ObservedGeneration, api.Generation = 4, 5 }, 0},
		{"what is stalled waits for nobody", func() {
			api.Status.ObservedGeneration, api.Status.Conditions = 5, conditions("Stalled")
		}, 0},
		{"it waits again, since a minute ago as it says itself", func() { api.Status.Conditions = conditionsAt(at(8), "Reconciling") }, time.Minute},
		{"a restart forgets nothing that the object knows", func() { registry = register(objects, now) }, 2 * time.Minute},
		{"a clock that is ahead elsewhere makes no negative age", func() { api.Status.Conditions = conditionsAt(at(60), "Reconciling") }, time.Minute},
		{"a deletion says itself since when it waits", func() { deleted := metav1.NewTime(at(5)); api.DeletionTimestamp = &deleted }, 7 * time.Minute},
	}
	for _, step := range steps {
		step.change()
		if got := read(t, registry, "apisync_oldest")[age]; got != step.want.Seconds() {
			t.Fatalf("minute %d (%s): the age is %v s, want %v", minute, step.reason, got, step.want.Seconds())
		}
		minute++
	}
}

func TestTheOldestCounts(t *testing.T) {
	minute := 0
	objects := listOf(newAPI("first", 1))
	registry := register(objects, func() time.Time { return began().Add(time.Duration(minute) * time.Minute) })
	read(t, registry)
	minute = 1
	objects.apis = append(objects.apis, *newAPI("second", 1))
	read(t, registry)
	minute = 2
	got := read(t, registry, "apisync_oldest")
	compare(t, got, map[string]float64{`apisync_oldest_pending_seconds{context="ns/here",kind="ApiDefinition"}`: 120})
}

func TestACacheThatCannotAnswerTakesNoOtherMetricAway(t *testing.T) {
	for _, kind := range []string{"ApiDefinitionList", "ManagementContextList"} {
		objects := listOf(newAPI("a", 2, "Ready"))
		objects.failing = kind
		registry := register(objects, began)
		registry.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "other"}))
		if got := read(t, registry, ""); len(got) != 1 {
			t.Errorf("%s can't be listed: got %v, want the other metric only", kind, got)
		}
	}
}

// TestObjectsAreNotCopied guards the memory at 10,000 APIs: their deep copies are tens of megabytes for each scrape.
func TestObjectsAreNotCopied(t *testing.T) {
	const count = 10_000
	reader := filledCache(t, count)
	collector := metrics.NewObjects(reader, began)
	scrape := func() (series int) {
		collected := make(chan prometheus.Metric, 100)
		collector.Collect(collected)
		return len(collected)
	}
	if got := scrape(); got != 12 {
		t.Fatalf("got %d series of %d APIs and a context, want 12", got, count)
	}
	// One allocation for each object would be one for each copy at the least.
	if got := testing.AllocsPerRun(3, func() { scrape() }); got > count/10 {
		t.Errorf("a scrape of %d objects allocates %v times", count, got)
	}
}

func BenchmarkScrape(b *testing.B) {
	collector := metrics.NewObjects(filledCache(b, 10_000), began)
	b.ReportAllocs()
	for b.Loop() {
		collector.Collect(make(chan prometheus.Metric, 100))
	}
}

func newAPI(name string, observed int64, held ...string) *v1alpha1.ApiDefinition {
	api := &v1alpha1.ApiDefinition{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID(name), Generation: 2}}
	api.Spec.ContextRef = &v1alpha1.Reference{Name: "here"}
	api.Status.ObservedGeneration, api.Status.Conditions = observed, conditions(held...)
	return api
}

func conditions(kinds ...string) []metav1.Condition { return conditionsAt(began(), kinds...) }

// conditionsAt are True since a time.
func conditionsAt(since time.Time, kinds ...string) []metav1.Condition {
	var all []metav1.Condition
	for _, kind := range kinds {
		all = append(all, metav1.Condition{Type: kind, Status: metav1.ConditionTrue, LastTransitionTime: metav1.NewTime(since)})
	}
	return append(all, metav1.Condition{Type: "Served", Status: metav1.ConditionFalse})
}

func register(reader client.Reader, now func() time.Time) *prometheus.Registry {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(metrics.NewObjects(reader, now))
	return registry
}

// objects is a reader that answers from memory without copying, as the cache does when it is told to.
type objects struct {
	client.Reader

	apis     []v1alpha1.ApiDefinition
	contexts []v1alpha1.ManagementContext
	groups   []v1alpha1.Group
	shared   []v1alpha1.ApiResource
	notices  []v1alpha1.Notification
	watched  *v1alpha1.ApiDefinition
	failing  string
}

// listOf makes a reader; changes of the first API are seen by it.
func listOf(all ...runtime.Object) *objects {
	o := &objects{}
	for _, object := range all {
		switch object := object.(type) {
		case *v1alpha1.ApiDefinition:
			if o.watched == nil {
				o.watched = object
			}
			o.apis = append(o.apis, *object)
		case *v1alpha1.ManagementContext:
			o.contexts = append(o.contexts, *object)
		case *v1alpha1.Group:
			o.groups = append(o.groups, *object)
		case *v1alpha1.ApiResource:
			o.shared = append(o.shared, *object)
		case *v1alpha1.Notification:
			o.notices = append(o.notices, *object)
		}
	}
	return o
}

// List implements client.Reader.
func (o *objects) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	switch list := list.(type) {
	case *v1alpha1.ApiDefinitionList:
		if o.failing == "ApiDefinitionList" {
			return errors.New("not started")
		}
		if len(o.apis) > 0 {
			o.apis[0] = *o.watched
		}
		list.Items = o.apis
	case *v1alpha1.ManagementContextList:
		if o.failing == "ManagementContextList" {
			return errors.New("not started")
		}
		list.Items = o.contexts
	case *v1alpha1.GroupList:
		list.Items = o.groups
	case *v1alpha1.ApiResourceList:
		list.Items = o.shared
	case *v1alpha1.NotificationList:
		list.Items = o.notices
	}
	return nil
}
