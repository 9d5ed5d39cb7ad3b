// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"cmp"
	"slices"
	"time"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/fault"
)

// Delays after which an object is looked at again although nothing woke it.
const (
	conflictDelay  = 250 * time.Millisecond
	deferredDelay  = time.Minute
	waitingDelay   = 10 * time.Minute
	terminalDelay  = 10 * time.Minute
	conflictedWait = 10 * time.Minute
	forbiddenDelay = 5 * time.Minute
)

const maxMessage = 1024

// Verdict is what an error, or its absence, means for the conditions and the queue. It is the one table
// from fault kinds to conditions (shared/design.md 5 and 6).
type Verdict struct {
	ready, accepted, resolved condition
	progress                  string // Reconciling, Stalled or empty
	processing                string
	delay                     time.Duration // zero leaves the delay to the queue's back-off
}

type condition struct {
	status          metav1.ConditionStatus
	reason, message string
}

// Texts of the conditions that GKO writes when all is well (shared/contract/cases/01-keyless-minimal).
const (
	acceptedMessage = "Successfully reconciled"
	resolvedMessage = "All References successfully resolved"
)

// Judge makes the verdict on err; nil is success.
func Judge(err error) Verdict {
	if err == nil {
		return Verdict{
			ready:      condition{metav1.ConditionTrue, "Synchronized", ""},
			accepted:   condition{metav1.ConditionTrue, v1alpha1.AcceptedReason, acceptedMessage},
			resolved:   condition{metav1.ConditionTrue, v1alpha1.ResolvedRefsReason, resolvedMessage},
			processing: v1alpha1.ProcessingCompleted,
		}
	}
	verdict := Verdict{
		ready:      condition{metav1.ConditionFalse, fault.ReasonOf(err), err.Error()},
		accepted:   condition{metav1.ConditionFalse, acceptedReason(err), err.Error()},
		resolved:   condition{metav1.ConditionTrue, v1alpha1.ResolvedRefsReason, resolvedMessage},
		processing: v1alpha1.ProcessingFailed,
	}
	verdict.progress, verdict.delay = progress(fault.KindOf(err))
	if fault.ReasonOf(err) == fault.ReasonReference {
		verdict.accepted.message = v1alpha1.ReconcileFailedReason
		verdict.resolved = condition{metav1.ConditionFalse, v1alpha1.ResolvedRefsReason, err.Error()}
	}
	return verdict
}

func progress(kind fault.Kind) (string, time.Duration) {
	switch kind {
	case fault.Waiting:
		return v1alpha1.ReconcilingCondition, waitingDelay
	case fault.Terminal:
		return v1alpha1.StalledCondition, terminalDelay
	case fault.Conflict:
		return v1alpha1.StalledCondition, conflictedWait
	case fault.Forbidden:
		return v1alpha1.StalledCondition, forbiddenDelay
	case fault.Unauthenticated:
		return v1alpha1.StalledCondition, 0
	case fault.Transient:
	}
	return v1alpha1.ReconcilingCondition, 0
}

// acceptedReason keeps to the words that GKO writes into Accepted (gko-compatibility.md 5.7).
func acceptedReason(err error) string {
	switch reason := fault.ReasonOf(err); {
	case reason == fault.ReasonTemplate, reason == fault.ReasonIllegalState:
		return reason
	case reason == fault.ReasonUnsupported:
		return v1alpha1.IllegalStateErrorReason
	case fault.KindOf(err) == fault.Terminal, fault.KindOf(err) == fault.Unauthenticated:
		return v1alpha1.ControlPlaneErrorReason
	}
	return v1alpha1.ReconcileFailedReason
}

// stamp writes the verdict and the outcome's own conditions, all for the current generation.
func (v Verdict) stamp(obj Object, outcome Outcome) {
	obj.SetObservedGeneration(obj.GetGeneration())
	if v.ready.status == metav1.ConditionTrue && outcome.Message != "" {
		v.ready.message = outcome.Message
	}
	v.set(obj, v1alpha1.ReadyCondition, v.ready)
	v.set(obj, v1alpha1.AcceptedCondition, v.accepted)
	own := outcome.Conditions
	if !isTold(own, v1alpha1.ResolvedRefsCondition) || v.resolved.status != metav1.ConditionTrue {
		// Otherwise the kind knows better. Writing both in turns would move the transition time for ever.
		v.set(obj, v1alpha1.ResolvedRefsCondition, v.resolved)
		own = without(own, v1alpha1.ResolvedRefsCondition)
	}
	for _, kind := range []string{v1alpha1.ReconcilingCondition, v1alpha1.StalledCondition} {
		if kind == v.progress {
			v.set(obj, kind, condition{metav1.ConditionTrue, v.ready.reason, v.ready.message})
		} else {
			removeCondition(obj, kind)
		}
	}
	removeCondition(obj, v1alpha1.PausedCondition)
	setOwn(obj, own)
	if marked, ok := obj.(interface{ SetProcessingStatus(string) }); ok {
		marked.SetProcessingStatus(v.processing)
	}
}

func isTold(conditions []metav1.Condition, kind string) bool {
	return slices.ContainsFunc(conditions, func(c metav1.Condition) bool { return c.Type == kind })
}

func without(conditions []metav1.Condition, kind string) []metav1.Condition {
	return slices.DeleteFunc(slices.Clone(conditions), func(c metav1.Condition) bool { return c.Type == kind })
}

// setOwn writes conditions of the kind itself; a status of Unknown removes one.
func setOwn(obj Object, conditions []metav1.Condition) {
	for _, own := range conditions {
		if own.Status == metav1.ConditionUnknown {
			removeCondition(obj, own.Type)
			continue
		}
		own.ObservedGeneration = obj.GetGeneration()
		setCondition(obj, own)
	}
}

func (v Verdict) set(obj Object, kind string, c condition) {
	setCondition(obj, metav1.Condition{
		Type: kind, Status: c.status, Reason: c.reason, Message: c.message, ObservedGeneration: obj.GetGeneration(),
	})
}

func deletableCondition(err error, generation int64) metav1.Condition {
	return metav1.Condition{
		Type: v1alpha1.DeletableCondition, Status: metav1.ConditionFalse, Reason: fault.ReasonOf(err),
		Message: err.Error(), ObservedGeneration: generation,
	}
}

// setCondition replaces the condition of that type and reports whether its status, reason or message moved.
// The transition time moves only with the status.
func setCondition(obj Object, wanted metav1.Condition) bool {
	wanted.Message = cut(wanted.Message)
	conditions := slices.Clone(obj.GetConditions())
	i := slices.IndexFunc(conditions, func(c metav1.Condition) bool { return c.Type == wanted.Type })
	changed := true
	if i < 0 {
		wanted.LastTransitionTime = now()
		conditions = append(conditions, wanted)
	} else {
		have := conditions[i]
		changed = have.Status != wanted.Status || have.Reason != wanted.Reason || have.Message != wanted.Message
		wanted.LastTransitionTime = have.LastTransitionTime
		if have.Status != wanted.Status {
			wanted.LastTransitionTime = now()
		}
		conditions[i] = wanted
	}
	slices.SortStableFunc(conditions, func(a, b metav1.Condition) int {
		return cmp.Or(cmp.Compare(rank(a.Type), rank(b.Type)), cmp.Compare(a.Type, b.Type))
	})
	obj.SetConditions(conditions)
	return changed
}

// now has whole seconds, as the API server stores times: otherwise an unchanged status would differ from
// the one read back.
func now() metav1.Time { return metav1.Now().Rfc3339Copy() }

// rank fixes where the well-known conditions stand, so that a status doesn't change by order alone; others
// follow by name.
func rank(kind string) int {
	order := [...]string{
		v1alpha1.ReadyCondition, v1alpha1.ReconcilingCondition, v1alpha1.StalledCondition,
		v1alpha1.AcceptedCondition, v1alpha1.ResolvedRefsCondition,
	}
	if i := slices.Index(order[:], kind); i >= 0 {
		return i
	}
	return len(order)
}

func removeCondition(obj Object, kind string) {
	conditions := obj.GetConditions()
	if !slices.ContainsFunc(conditions, func(c metav1.Condition) bool { return c.Type == kind }) {
		return
	}
	obj.SetConditions(slices.DeleteFunc(slices.Clone(conditions), func(c metav1.Condition) bool { return c.Type == kind }))
}

func find(obj Object, kind string) *metav1.Condition {
	conditions := obj.GetConditions()
	if i := slices.IndexFunc(conditions, func(c metav1.Condition) bool { return c.Type == kind }); i >= 0 {
		return &conditions[i]
	}
	return nil
}

func readyMessage(obj Object) string {
	if ready := find(obj, v1alpha1.ReadyCondition); ready != nil && ready.Message != "" {
		return ready.Message
	}
	return "Update succeeded"
}

// verdictChanged ignores messages: a text that counts attempts or names a moment must not make an event each time.
func verdictChanged(before, after Object) bool {
	was, is := find(before, v1alpha1.ReadyCondition), find(after, v1alpha1.ReadyCondition)
	if was == nil || is == nil {
		return was != is
	}
	return was.Status != is.Status || was.Reason != is.Reason || before.GetObservedGeneration() != after.GetObservedGeneration() && is.Status != metav1.ConditionTrue
}

// cut keeps a message within what conditions and events may hold, on a rune boundary.
func cut(message string) string {
	if len(message) <= maxMessage {
		return message
	}
	const ellipsis = "…"
	end := maxMessage - len(ellipsis)
	for end > 0 && !utf8.RuneStart(message[end]) {
		end--
	}
	return message[:end] + ellipsis
}
