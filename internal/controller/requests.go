// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/mapi"
)

// ReasonPaused is the reason of the condition Paused, and of what waits because of it.
const ReasonPaused = "Paused"

// heldBack gives the conditions of an object that is paused, by itself or by its context; nil when it isn't. A value that isn't
// known is an error that names it.
func heldBack(objects ...client.Object) ([]metav1.Condition, error) {
	for _, object := range objects {
		switch value := object.GetAnnotations()[v1alpha1.PausedAnnotation]; value {
		case "", "false":
		case "true":
			return []metav1.Condition{
				{
					Type: v1alpha1.PausedCondition, Status: metav1.ConditionTrue, Reason: ReasonPaused,
					Message: "Nothing is done, as the annotation " + v1alpha1.PausedAnnotation + " of " + object.GetNamespace() + "/" + object.GetName() + " asks",
				},
				// Nobody looks, and a report from before would soon be wrong.
				{Type: v1alpha1.DriftedCondition, Status: metav1.ConditionUnknown},
			}, nil
		default:
			return nil, fault.New(fault.Terminal, fault.ReasonIllegalState, "metadata.annotations[%s]: %q isn't known; use true or false",
				v1alpha1.PausedAnnotation, value)
		}
	}
	return nil, nil
}

// errPaused is why a paused object can't be deleted.
func errPaused() error {
	return fault.New(fault.Waiting, ReasonPaused, "it is paused by the annotation %s; take the annotation away, or set %s=%s, which leaves the remote object in place",
		v1alpha1.PausedAnnotation, v1alpha1.DeletionPolicyAnnotation, v1alpha1.DeletionPolicyOrphan)
}

// requested is what people ask for by the annotation for a reconciliation now, on the object and on its context.
func requested(objects ...client.Object) string {
	var values []string
	for _, object := range objects {
		if value := object.GetAnnotations()[v1alpha1.ReconcileAtAnnotation]; value != "" {
			values = append(values, value)
		}
	}
	return strings.Join(values, " ")
}

// adoptsOnlyEqual reports whether an existing remote object may only be taken over when it is as wanted already.
func adoptsOnlyEqual(object client.Object) (bool, error) {
	switch value := object.GetAnnotations()[v1alpha1.AdoptionPolicyAnnotation]; value {
	case "":
		return false, nil
	case v1alpha1.AdoptionPolicyIfEqual:
		return true, nil
	default:
		return false, fault.New(fault.Terminal, fault.ReasonIllegalState, "metadata.annotations[%s]: %q isn't known; use %s, or leave it out",
			v1alpha1.AdoptionPolicyAnnotation, value, v1alpha1.AdoptionPolicyIfEqual)
	}
}

// redactedBy wraps a client for an object whose templates were rendered.
func redactedBy(client mapi.Client, rendered bool, redact func(string) string) mapi.Client {
	if !rendered {
		return client
	}
	return mapi.Redacted(client, redact)
}
