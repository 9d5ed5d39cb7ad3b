// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle_test

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/lifecycle"
)

// past is when everything happened that is stored before a test.
func past() metav1.Time { return metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) }

func standing(kind string, status metav1.ConditionStatus, reason string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: "from before", LastTransitionTime: past(), ObservedGeneration: 2}
}

// published is an API whose generation 2 went well; generation 3 wasn't looked at yet.
func published() *v1alpha1.ApiDefinition {
	api := orders()
	api.Status.ObservedGeneration, api.Status.ProcessingStatus = 2, v1alpha1.ProcessingCompleted
	api.Status.Conditions = []metav1.Condition{
		standing(v1alpha1.ReadyCondition, metav1.ConditionTrue, "Synchronized"),
		standing(v1alpha1.AcceptedCondition, metav1.ConditionTrue, v1alpha1.AcceptedReason),
		standing(v1alpha1.ResolvedRefsCondition, metav1.ConditionTrue, v1alpha1.ResolvedRefsReason),
		standing(v1alpha1.DriftedCondition, metav1.ConditionFalse, v1alpha1.DriftInStepReason),
	}
	return api
}

func giving(outcome lifecycle.Outcome, err error) scripted {
	return scripted{sync: func(context.Context, *v1alpha1.ApiDefinition) (lifecycle.Outcome, error) { return outcome, err }}
}

func held() lifecycle.Outcome {
	return lifecycle.Outcome{Held: true, Conditions: []metav1.Condition{
		{Type: v1alpha1.PausedCondition, Status: metav1.ConditionTrue, Reason: "Paused", Message: "an annotation asks"},
		{Type: v1alpha1.DriftedCondition, Status: metav1.ConditionUnknown},
	}}
}

// A held object says no more than that it is held: nobody looked, so nothing else is known.
func TestHeldStoresOnlyItsConditions(t *testing.T) {
	b := newBench(t, published())
	result, err := b.run(giving(held(), nil))
	if err != nil || result.RequeueAfter != 0 {
		t.Errorf("got %v, %v: the annotation's change wakes the object, and nothing else needs to", result, err)
	}
	api := b.stored()
	want := map[string]string{
		"Ready": "True/Synchronized", "Accepted": "True/Accepted", "ResolvedRefs": "True/ResolvedRefs", "Paused": "True/Paused",
	}
	if diff := cmp.Diff(want, summary(api)); diff != "" {
		t.Errorf("conditions (-want +got):\n%s", diff)
	}
	if api.Status.ObservedGeneration != 2 || api.Status.ProcessingStatus != v1alpha1.ProcessingCompleted {
		t.Errorf("observedGeneration %d, %s: the verdict is about the generation that was looked at", api.Status.ObservedGeneration, api.Status.ProcessingStatus)
	}
	for _, c := range api.Status.Conditions {
		moved := !c.LastTransitionTime.Equal(new(past())) || c.ObservedGeneration != 2
		if moved != (c.Type == v1alpha1.PausedCondition) {
			t.Errorf("%s moved: %t, at %v for generation %d", c.Type, moved, c.LastTransitionTime, c.ObservedGeneration)
		}
	}
	if diff := cmp.Diff([]string{"status"}, b.writes); diff != "" || len(b.recorder.events) > 0 {
		t.Errorf("events %v, writes (-want +got):\n%s", b.recorder.events, diff)
	}
	b.writes = nil
	if _, err := b.run(giving(held(), nil)); err != nil || len(b.writes) > 0 || len(b.recorder.events) > 0 {
		t.Errorf("the second run wasn't silent: %v, wrote %v, events %v", err, b.writes, b.recorder.events)
	}
}

func TestVerdictAfterHeld(t *testing.T) {
	cases := map[string]struct {
		why     string
		outcome lifecycle.Outcome
		err     error
		paused  bool
	}{
		"success":  {"somebody works on it again", lifecycle.Outcome{}, nil, false},
		"failure":  {"the same, though it fails", lifecycle.Outcome{}, fault.New(fault.Terminal, fault.ReasonControlPlane, "400"), false},
		"deferred": {"nothing was learned, so nothing changes", lifecycle.Outcome{Deferred: true}, nil, true},
		"mistaken": {
			"an annotation that can't be read holds nothing back; its mistake is told",
			lifecycle.Outcome{Held: true}, fault.New(fault.Terminal, fault.ReasonIllegalState, "metadata.annotations[paused]"), false,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, published())
			if _, err := b.run(giving(held(), nil)); err != nil {
				t.Fatal(err)
			}
			if _, err := b.run(giving(c.outcome, c.err)); err != nil {
				t.Fatal(err)
			}
			conditions := summary(b.stored())
			if _, paused := conditions[v1alpha1.PausedCondition]; paused != c.paused {
				t.Errorf("conditions %v, want Paused: %t: %s", conditions, c.paused, c.why)
			}
			if ready := conditions[v1alpha1.ReadyCondition]; strings.HasPrefix(ready, "False") != (c.err != nil) {
				t.Errorf("Ready = %s after %v: %s", ready, c.err, c.why)
			}
		})
	}
}

func TestHeldBeforeTheFirstLook(t *testing.T) {
	b := newBench(t, orders())
	if _, err := b.run(giving(held(), nil)); err != nil {
		t.Fatal(err)
	}
	api := b.stored()
	if diff := cmp.Diff(map[string]string{"Paused": "True/Paused"}, summary(api)); diff != "" || api.Status.ObservedGeneration != -1 {
		t.Errorf("generation %d was observed by nobody; conditions (-want +got):\n%s", api.Status.ObservedGeneration, diff)
	}
	if got := b.kstatus(); got.String() != "InProgress" {
		t.Errorf("kstatus says %s of what nobody has looked at", got)
	}
}

// A place in a gate is kept until the outcome is stored, and no longer.
func TestReleaseComesLast(t *testing.T) {
	cases := map[string]struct {
		outcome lifecycle.Outcome
		err     error
	}{
		"done":     {outcome: lifecycle.Outcome{Done: "published"}},
		"held":     {outcome: held()},
		"deferred": {outcome: lifecycle.Outcome{Deferred: true}},
		"failed":   {err: fault.New(fault.Waiting, fault.ReasonReference, "missing")},
		"gone":     {err: apierrors.NewNotFound(schema.GroupResource{}, "orders")},
		"conflict": {err: apierrors.NewConflict(schema.GroupResource{}, "orders", nil)},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, published())
			c.outcome.Release = func() { b.writes = append(b.writes, "release") }
			_, _ = b.run(giving(c.outcome, c.err))
			if got := strings.Join(b.writes, " "); !strings.HasSuffix(got, "release") || strings.Count(got, "release") != 1 {
				t.Errorf("it was released once, at the end? %q", got)
			}
		})
	}
}

func TestRedactedOutcome(t *testing.T) {
	const secret = "s3cret"
	given := lifecycle.Outcome{
		Done: "Published " + secret, Message: "In step with " + secret, DoneReason: "DriftCorrected", Requeue: time.Hour, Exact: true,
		Conditions: []metav1.Condition{{Type: "Served", Status: "True", Reason: "Served", Message: "path /" + secret}, {Type: "Drifted", Status: "Unknown"}},
		Warnings:   []string{"dropped " + secret, "nothing"},
		Events:     []lifecycle.Event{{Type: "Warning", Reason: "DriftDetected", Action: "Compare", Note: secret + " was edited"}},
	}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[lifecycle.Outcome]()) {
		if field.Name != "Release" && field.Name != "Deferred" && field.Name != "Held" && reflect.ValueOf(given).FieldByIndex(field.Index).IsZero() {
			t.Errorf("the test doesn't know the field %s: may it hold a text that people read?", field.Name)
		}
	}
	want := lifecycle.Outcome{
		Done: "Published ***", Message: "In step with ***", DoneReason: "DriftCorrected", Requeue: time.Hour, Exact: true,
		Conditions: []metav1.Condition{{Type: "Served", Status: "True", Reason: "Served", Message: "path /***"}, {Type: "Drifted", Status: "Unknown"}},
		Warnings:   []string{"dropped ***", "nothing"},
		Events:     []lifecycle.Event{{Type: "Warning", Reason: "DriftDetected", Action: "Compare", Note: "*** was edited"}},
	}
	got := given.Redacted(func(text string) string { return strings.ReplaceAll(text, secret, "***") })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(lifecycle.Outcome{}, lifecycle.Outcome{}.Redacted(strings.ToUpper)); diff != "" {
		t.Errorf("nothing became something:\n%s", diff)
	}
}

// A kind may know about its references what the verdict doesn't: that something is missing that stops nothing.
func TestResolvedRefsOfTheKind(t *testing.T) {
	own := func(status metav1.ConditionStatus) []metav1.Condition {
		return []metav1.Condition{{Type: v1alpha1.ResolvedRefsCondition, Status: status, Reason: v1alpha1.GroupNotFoundReason, Message: "Group ns/crew could not be found"}}
	}
	cases := map[string]struct {
		why     string
		outcome lifecycle.Outcome
		err     error
		refs    string
		message string
	}{
		"all is well": {
			why: "the kind says nothing, so that the verdict counts", refs: "True/ResolvedRefs", message: "All References successfully resolved",
		},
		"a Group is missing": {
			why: "it stops nothing", outcome: lifecycle.Outcome{Conditions: own("False")}, refs: "False/GroupNotFound", message: "Group ns/crew could not be found",
		},
		"a Group is missing, and the import fails": {
			why: "the failure is another matter", outcome: lifecycle.Outcome{Conditions: own("False")}, err: fault.New(fault.Terminal, fault.ReasonControlPlane, "400"),
			refs: "False/GroupNotFound", message: "Group ns/crew could not be found",
		},
		"something else is missing too": {
			why: "what stops everything goes first", outcome: lifecycle.Outcome{Conditions: own("False")}, err: fault.New(fault.Waiting, fault.ReasonReference, "no context"),
			refs: "False/ResolvedRefs", message: "no context",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			api := published()
			before := standing(v1alpha1.ResolvedRefsCondition, metav1.ConditionStatus(strings.Split(c.refs, "/")[0]), "Before")
			api.Status.Conditions[2] = before
			b := newBench(t, api)
			if _, err := b.run(giving(c.outcome, c.err)); err != nil {
				t.Fatal(err)
			}
			first := b.stored()
			if got := summary(first)[v1alpha1.ResolvedRefsCondition]; got != c.refs {
				t.Errorf("ResolvedRefs = %s, want %s: %s", got, c.refs, c.why)
			}
			for _, condition := range first.Status.Conditions {
				if condition.Type == v1alpha1.ResolvedRefsCondition && (condition.Message != c.message || !condition.LastTransitionTime.Equal(new(past()))) {
					t.Errorf("message %q, transition at %v: the status is what it was, so the time may not move", condition.Message, condition.LastTransitionTime)
				}
			}
			b.writes = nil
			if _, err := b.run(giving(c.outcome, c.err)); err != nil || len(b.writes) > 0 {
				t.Errorf("the second run wrote %v, %v", b.writes, err)
			}
			if diff := cmp.Diff(first, b.stored()); diff != "" {
				t.Errorf("the second run changed:\n%s", diff)
			}
		})
	}
}

// Conditions of a kind stay as they are while it says nothing about them, and go when it says Unknown.
func TestUnknownRemovesAConditionOfTheKind(t *testing.T) {
	b := newBench(t, published())
	if _, err := b.run(giving(lifecycle.Outcome{Conditions: []metav1.Condition{{Type: v1alpha1.ConfiguredCondition, Status: metav1.ConditionUnknown}}}, nil)); err != nil {
		t.Fatal(err)
	}
	if got := summary(b.stored()); got[v1alpha1.DriftedCondition] == "" || got[v1alpha1.ConfiguredCondition] != "" {
		t.Errorf("conditions %v: nothing was said about Drifted, and Configured was never there", got)
	}
	unknown := []metav1.Condition{{Type: v1alpha1.DriftedCondition, Status: metav1.ConditionUnknown}}
	if _, err := b.run(giving(lifecycle.Outcome{Conditions: unknown}, fault.New(fault.Terminal, fault.ReasonControlPlane, "400"))); err != nil {
		t.Fatal(err)
	}
	if got := summary(b.stored()); got[v1alpha1.DriftedCondition] != "" {
		t.Errorf("conditions %v: Drifted isn't known any more", got)
	}
}
