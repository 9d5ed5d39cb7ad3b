// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/lifecycle"
	"github.com/apisync/apisync/internal/model"
)

// ReasonDeletedElsewhere is the reason of Ready=False when the remote object is gone and the policy is to leave it so.
const ReasonDeletedElsewhere = "DeletedElsewhere"

// Times says how often remote objects are looked at; a context's annotations override them.
type Times struct {
	// Period is the time between two bulk looks.
	Period time.Duration
	// Rotation is the time within which each object is read in full.
	Rotation time.Duration
}

// shortestPeriod keeps a slip of the pen from becoming a denial of service.
const shortestPeriod = time.Second

// of gives the times of one context. Annotations that can't be read are errors that name them; the defaults are given then.
func (t Times) of(managed *v1alpha1.ManagementContext) (Times, error) {
	given := t
	var problems []string
	for _, annotated := range []struct {
		name  string
		value *time.Duration
	}{{v1alpha1.DriftPeriodAnnotation, &given.Period}, {v1alpha1.DriftRotationAnnotation, &given.Rotation}} {
		text, set := managed.Annotations[annotated.name]
		if !set {
			continue
		}
		duration, err := time.ParseDuration(text)
		if err != nil || duration < shortestPeriod {
			problems = append(problems, fmt.Sprintf("metadata.annotations[%s]: %q isn't a duration of %s or more, such as 5m", annotated.name, text, shortestPeriod))
			continue
		}
		*annotated.value = duration
	}
	if len(problems) > 0 {
		return t, fault.New(fault.Terminal, fault.ReasonIllegalState, "%s", strings.Join(problems, "; "))
	}
	return given, nil
}

// driftPolicy is that of the object, then that of its context, then correct.
func driftPolicy(objects ...client.Object) (string, error) {
	for _, object := range objects {
		policy, set := object.GetAnnotations()[v1alpha1.DriftPolicyAnnotation]
		if !set {
			continue
		}
		switch policy {
		case v1alpha1.DriftPolicyCorrect, v1alpha1.DriftPolicyReport, v1alpha1.DriftPolicyOff:
			return policy, nil
		}
		return "", fault.New(fault.Terminal, fault.ReasonIllegalState, "metadata.annotations[%s]: %q isn't known; use %s, %s or %s",
			v1alpha1.DriftPolicyAnnotation, policy, v1alpha1.DriftPolicyCorrect, v1alpha1.DriftPolicyReport, v1alpha1.DriftPolicyOff)
	}
	return v1alpha1.DriftPolicyCorrect, nil
}

// drift is what others did to a remote object.
type drift struct {
	// deleted is true when the object is gone.
	deleted bool
	// fields are the differences of one that is there.
	fields []model.Difference
}

func (d drift) found() bool { return d.deleted || len(d.fields) > 0 }

func (d drift) reason() string {
	if d.deleted {
		return v1alpha1.DriftDeletedReason
	}
	return v1alpha1.DriftEditedReason
}

func (d drift) event() string {
	if d.deleted {
		return DriftDeleted
	}
	return DriftEdited
}

// text says what happened, without values.
func (d drift) text() string {
	if d.deleted {
		return "it was deleted elsewhere"
	}
	return "it was edited elsewhere: " + paths(d.fields)
}

// left says what becomes of drift that isn't put right.
func (d drift) left() string {
	return d.text() + "; it is left so (drift policy " + v1alpha1.DriftPolicyReport + ")"
}

// driftedTrue and driftedFalse make the condition; the lifecycle fills in generation and time.
func driftedTrue(reason, message string) metav1.Condition {
	return metav1.Condition{Type: v1alpha1.DriftedCondition, Status: metav1.ConditionTrue, Reason: reason, Message: message}
}

func driftedFalse(reason, message string) metav1.Condition {
	return metav1.Condition{Type: v1alpha1.DriftedCondition, Status: metav1.ConditionFalse, Reason: reason, Message: message}
}

// drifted is the condition after a reconciliation that went well.
func (r result) drifted(object lifecycle.Object) metav1.Condition {
	switch {
	case r.policy == v1alpha1.DriftPolicyOff:
		return metav1.Condition{Type: v1alpha1.DriftedCondition, Status: metav1.ConditionUnknown}
	case r.drift.found() && !r.wrote:
		return driftedTrue(r.drift.reason(), r.drift.left())
	case r.drift.found() && len(r.uncorrected()) > 0:
		return driftedTrue(v1alpha1.DriftNotCorrectableReason, "writing doesn't change it: "+paths(r.uncorrected()))
	case r.drift.found():
		return driftedFalse(v1alpha1.DriftCorrectedReason, "put right: "+r.drift.text())
	}
	// At rest the last report stays, until the wanted state changes or what couldn't be corrected is gone.
	if before := driftedBefore(object); before != nil && !r.wrote &&
		(before.Reason == v1alpha1.DriftCorrectedReason || before.Reason == v1alpha1.DriftNotCorrectableReason && len(r.comparison.Differences) > 0) {
		return *before
	}
	return driftedFalse(v1alpha1.DriftInStepReason, "nothing differs because of others")
}

// uncorrected are the fields of the drift that still differ after the write.
func (r result) uncorrected() []model.Difference {
	return slices.DeleteFunc(slices.Clone(r.comparison.Differences), func(still model.Difference) bool {
		return !slices.ContainsFunc(r.drift.fields, func(d model.Difference) bool { return d.Path == still.Path })
	})
}

func driftedBefore(object lifecycle.Object) *metav1.Condition {
	return meta.FindStatusCondition(object.GetConditions(), v1alpha1.DriftedCondition)
}

// isNews reports whether the condition on the object doesn't tell this drift yet: then there are an event and a count. A correction that
// fails is tried again and again, but was noticed once.
func isNews(object lifecycle.Object, told metav1.Condition) bool {
	before := driftedBefore(object)
	return before == nil || before.Status != metav1.ConditionTrue || before.Reason != told.Reason || before.Message != told.Message
}

// notice tells about drift before anything is done about it; count is told each event of it.
func (r *result) notice(object lifecycle.Object, remote string, count func(event string)) {
	if !r.drift.found() {
		return
	}
	r.pending = driftedTrue(r.drift.reason(), r.drift.text())
	if !r.corrects {
		r.pending.Message = r.drift.left()
	}
	if !isNews(object, r.pending) {
		return
	}
	count(r.drift.event())
	if !r.corrects {
		count(DriftReported)
	}
	r.events = append(r.events, lifecycle.Event{
		Type: corev1.EventTypeWarning, Reason: "DriftDetected", Action: "Compare", Note: remote + ": " + r.pending.Message,
	})
}

// corrected tells that drift was put right, or can't be.
func (r *result) corrected(count func(event string)) {
	if !r.drift.found() {
		return
	}
	r.doneReason = "DriftCorrected"
	event := DriftCorrected
	if len(r.uncorrected()) > 0 {
		event = DriftUncorrectable
	}
	count(event)
}

// drifts counts events of drift of one kind, in one context.
func drifts(meter Meter, contextName, kind string) func(event string) {
	return func(event string) { meter.Drift(contextName, kind, event) }
}
