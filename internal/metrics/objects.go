// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/template"
)

// listPatience bounds how long a scrape waits for caches that aren't filled yet.
const listPatience = time.Second

// state is what apisync_objects says of an object: each has exactly one.
type state int

const (
	// ready: the world is as the spec says.
	ready state = iota
	// reconciling: something is being done or waited for, or the last edit hasn't been looked at yet.
	reconciling
	// stalled: nothing will get better by itself.
	stalled
	// drifted: ready, but others changed the remote object and it stays so.
	drifted
	// deleting: deletion was asked for and isn't finished.
	deleting

	states = iota
)

func (s state) String() string {
	return [states]string{"ready", "reconciling", "stalled", "drifted", "deleting"}[s]
}

// Objects tells at each scrape how the resources in the cache stand. It is a prometheus.Collector.
type Objects struct {
	reader         client.Reader
	now            func() time.Time
	objects        *prometheus.Desc
	oldest         *prometheus.Desc
	mu             sync.Mutex
	pendingObjects map[types.UID]sighting
}

// sighting is when an object was first seen pending, and with which generation.
type sighting struct {
	since      time.Time
	generation int64
}

// NewObjects makes a collector that lists through reader, which has to answer from memory: it is asked at every scrape,
// for objects that aren't copied. While it can't answer, nothing is told.
func NewObjects(reader client.Reader, now func() time.Time) *Objects {
	return &Objects{
		reader: reader, now: now, pendingObjects: map[types.UID]sighting{},
		objects: prometheus.NewDesc("apisync_objects",
			"Resources in the cluster, by context (namespace/name; empty for what names none), kind and state (ready, reconciling, stalled, drifted, deleting). Each has one state.",
			[]string{labelContext, labelKind, labelState}, nil),
		oldest: prometheus.NewDesc("apisync_oldest_pending_seconds",
			"Seconds for which the resource that waits longest is known to be pending (reconciling or deleting), by context (namespace/name) and kind. 0 when none is.",
			[]string{labelContext, labelKind}, nil),
	}
}

// Describe implements prometheus.Collector.
func (o *Objects) Describe(descriptions chan<- *prometheus.Desc) {
	descriptions <- o.objects
	descriptions <- o.oldest
}

// Collect implements prometheus.Collector.
func (o *Objects) Collect(metrics chan<- prometheus.Metric) {
	tallies, err := o.tally()
	if err != nil {
		return // An error would take all other metrics away too, just when the operator starts.
	}
	for of, t := range tallies {
		for s, count := range t.states {
			metrics <- prometheus.MustNewConstMetric(o.objects, prometheus.GaugeValue, float64(count), of.context(), of.kind, state(s).String())
		}
		metrics <- prometheus.MustNewConstMetric(o.oldest, prometheus.GaugeValue, t.oldest.Seconds(), of.context(), of.kind)
	}
}

// group is what objects are counted by.
type group struct{ namespace, name, kind string }

func (g group) context() string {
	if g.name == "" {
		return ""
	}
	return types.NamespacedName{Namespace: g.namespace, Name: g.name}.String()
}

type tally struct {
	states [states]int
	oldest time.Duration
}

// tally looks at each object once. Scrapes take turns: two at once would each hold a list of all objects.
func (o *Objects) tally() (map[group]*tally, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), listPatience) //nolint:forbidigo // Collect is given no context
	defer cancel()
	var apis v1alpha1.ApiDefinitionList
	if err := o.reader.List(ctx, &apis, client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	var contexts v1alpha1.ManagementContextList
	if err := o.reader.List(ctx, &contexts, client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	var groups v1alpha1.GroupList
	if err := o.reader.List(ctx, &groups, client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	var shared v1alpha1.ApiResourceList
	if err := o.reader.List(ctx, &shared, client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	var notifications v1alpha1.NotificationList
	if err := o.reader.List(ctx, &notifications, client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	count := counting{now: o.now(), before: o.pendingObjects, pending: map[types.UID]sighting{}, tallies: map[group]*tally{}}
	for i := range apis.Items {
		api := &apis.Items[i]
		count.add(published(api.Spec.ContextRef, api.Namespace, api.Status.Sync, kindAPI), api)
	}
	for i := range groups.Items {
		of := &groups.Items[i]
		count.add(published(of.Spec.ContextRef, of.Namespace, of.Status.Sync, kindGroup), of)
	}
	for i := range shared.Items {
		count.add(group{kind: kindResource}, &shared.Items[i])
	}
	for i := range notifications.Items {
		count.add(group{kind: kindNotification}, &notifications.Items[i])
	}
	for i := range contexts.Items {
		managed := &contexts.Items[i]
		count.add(group{managed.Namespace, managed.Name, kindContext}, managed)
	}
	o.pendingObjects = count.pending
	return count.tallies, nil
}

// published is the group of an object that names a context, or none. Where a template makes the name, it is the context that the object
// was published through.
func published(ref *v1alpha1.Reference, namespace string, sync *v1alpha1.SyncStatus, kind string) group {
	switch {
	case ref == nil:
		return group{kind: kind}
	case template.In(ref.Name) || template.In(ref.Namespace):
		if sync == nil || sync.Place == nil || mapi.IsStandIn(sync.Place.Context) {
			return group{kind: kind}
		}
		namespace, name, _ := strings.Cut(sync.Place.Context, string(types.Separator))
		return group{namespace, name, kind}
	case ref.Namespace == "":
		return group{namespace, ref.Name, kind}
	}
	return group{ref.Namespace, ref.Name, kind}
}

// resource is what is read of an object. It belongs to the cache and must not be changed.
type resource interface {
	metav1.Object
	GetConditions() []metav1.Condition
	GetObservedGeneration() int64
}

// counting is one look at all objects.
type counting struct {
	now             time.Time
	before, pending map[types.UID]sighting
	tallies         map[group]*tally
}

func (c counting) add(of group, object resource) {
	t := c.tallies[of]
	if t == nil {
		t = &tally{}
		c.tallies[of] = t
	}
	s := stateOf(object)
	t.states[s]++
	if s == reconciling || s == deleting {
		t.oldest = max(t.oldest, c.now.Sub(c.pendingSince(object)))
	}
}

// pendingSince is the earliest time from which on the object is known to be pending: this process saw it, or the object
// itself says so. An edit leaves no time in the object, so that after a restart it counts from the first scrape: the age is never more
// than the truth.
func (c counting) pendingSince(object resource) time.Time {
	seen, known := c.before[object.GetUID()]
	if !known || seen.isOver(object) {
		seen.since = c.now
	}
	seen.generation = object.GetGeneration()
	c.pending[object.GetUID()] = seen
	if recorded := recordedSince(object); !recorded.IsZero() && recorded.Before(seen.since) {
		return recorded
	}
	return seen.since
}

// isOver reports whether what was pending then was done since, and another edit is what is pending now.
func (s sighting) isOver(object resource) bool {
	return s.generation != object.GetGeneration() && object.GetObservedGeneration() >= s.generation &&
		!isTrue(condition(object, v1alpha1.ReconcilingCondition))
}

func recordedSince(object resource) time.Time {
	if deletion := object.GetDeletionTimestamp(); deletion != nil {
		return deletion.Time
	}
	if working := condition(object, v1alpha1.ReconcilingCondition); isTrue(working) {
		return working.LastTransitionTime.Time
	}
	return time.Time{}
}

func stateOf(object resource) state {
	switch {
	case object.GetDeletionTimestamp() != nil:
		return deleting
	case !isObserved(object):
		return reconciling
	case isTrue(condition(object, v1alpha1.StalledCondition)):
		return stalled
	case !isTrue(condition(object, v1alpha1.ReadyCondition)):
		return reconciling
	case isTrue(condition(object, v1alpha1.DriftedCondition)):
		return drifted
	}
	return ready
}

func isObserved(object resource) bool {
	return object.GetObservedGeneration() == object.GetGeneration()
}

func isTrue(c *metav1.Condition) bool { return c != nil && c.Status == metav1.ConditionTrue }

func condition(object resource, kind string) *metav1.Condition {
	conditions := object.GetConditions()
	for i := range conditions {
		if conditions[i].Type == kind {
			return &conditions[i]
		}
	}
	return nil
}
