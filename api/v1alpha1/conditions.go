// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Types of status conditions. Ready is always present; Reconciling and Stalled never stand together, and
// neither stands beside Ready=True.
const (
	// ReadyCondition is True when the world is as the spec says.
	ReadyCondition = "Ready"
	// ReconcilingCondition is True while work is going on or waited for.
	ReconcilingCondition = "Reconciling"
	// StalledCondition is True when nothing will get better by itself.
	StalledCondition = "Stalled"
	// AcceptedCondition is the Gravitee Kubernetes Operator's verdict on the last reconciliation.
	AcceptedCondition = "Accepted"
	// ResolvedRefsCondition says whether everything that the spec refers to was found.
	ResolvedRefsCondition = "ResolvedRefs"
	// ServedCondition is False when the management API accepts an API that no gateway will serve.
	ServedCondition = "Served"
	// DriftedCondition is True while the remote object isn't as it was written last, because of others. It is absent
	// where nobody looks (DriftPolicyOff).
	DriftedCondition = "Drifted"
	// ConfiguredCondition says whether the configurations of policies and resources fit the schemas that the management API
	// publishes for them. It is absent where no schema could be had.
	ConfiguredCondition = "Configured"
	// PausedCondition is True while an annotation stops all work on the object; otherwise it is absent.
	PausedCondition = "Paused"
	// AutomationAPIManagedCondition is True on an object that the management API knows by its namespace and name
	// (shared/reference/gko-compatibility.md part 4).
	AutomationAPIManagedCondition = "AutomationAPIManaged"
	// DeletableCondition is False on an object whose deletion is asked for while others still use it.
	DeletableCondition = "Deletable"
)

// Reasons of the conditions Accepted and ResolvedRefs in the Gravitee Kubernetes Operator's words
// (shared/reference/gko-compatibility.md part 5.7).
const (
	// AcceptedReason goes with Accepted=True.
	AcceptedReason = "Accepted"
	// ReconcileFailedReason goes with Accepted=False when no other reason fits.
	ReconcileFailedReason = "ReconcileFailed"
	// CompileTemplateErrorReason goes with Accepted=False when a template in the spec can't be rendered.
	CompileTemplateErrorReason = "CompileTemplateError"
	// ControlPlaneErrorReason goes with Accepted=False when the management API refused.
	ControlPlaneErrorReason = "ControlPlaneError"
	// IllegalStateErrorReason goes with Accepted=False when the spec contradicts itself.
	IllegalStateErrorReason = "IllegalStateError"
	// ResolvedRefsReason goes with ResolvedRefs, True and False alike.
	ResolvedRefsReason = "ResolvedRefs"
	// GroupNotFoundReason goes with ResolvedRefs=False when only a Group is missing, which stops nothing.
	GroupNotFoundReason = "GroupNotFound"
)

// Reasons of the condition Drifted.
const (
	// DriftInStepReason goes with Drifted=False: nothing differs.
	DriftInStepReason = "InStep"
	// DriftCorrectedReason goes with Drifted=False: something differed, and was put right.
	DriftCorrectedReason = "Corrected"
	// DriftEditedReason goes with Drifted=True: the message names the fields.
	DriftEditedReason = "Edited"
	// DriftDeletedReason goes with Drifted=True: the remote object is gone.
	DriftDeletedReason = "Deleted"
	// DriftNotCorrectableReason goes with Drifted=True: writing doesn't change the fields that the message names.
	DriftNotCorrectableReason = "NotCorrectable"
)

// Values of status.processingStatus.
const (
	// ProcessingCompleted says that the last reconciliation succeeded.
	ProcessingCompleted = "Completed"
	// ProcessingFailed says that the last reconciliation failed.
	ProcessingFailed = "Failed"
)
