// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Finalizers that the Gravitee Kubernetes Operator puts on objects and that objects taken over from it carry
// (shared/reference/gko-compatibility.md part 5.4).
const (
	// ApiDefinitionFinalizer holds an ApiDefinition until its remote API is deleted.
	ApiDefinitionFinalizer = "finalizers.gravitee.io/apidefinitiondeletion"
	// ApiDefinitionTemplateFinalizer holds an ApiDefinition that serves as an ingress template.
	ApiDefinitionTemplateFinalizer = "finalizers.gravitee.io/apidefinitiontemplate"
	// ManagementContextFinalizer holds a ManagementContext while anything refers to it.
	ManagementContextFinalizer = "finalizers.gravitee.io/managementcontextdeletion"
	// ApiResourceFinalizer holds an ApiResource while an API refers to it.
	ApiResourceFinalizer = "finalizers.gravitee.io/apiresource"
	// GroupFinalizer holds a Group while something refers to it, and until its remote group is deleted.
	GroupFinalizer = "finalizers.gravitee.io/groups"
	// NotificationFinalizer holds a Notification while an API refers to it.
	NotificationFinalizer = "finalizers.gravitee.io/notification"
	// ManagementContextSecretFinalizer is found on a Secret to which a context refers. It is only ever removed.
	ManagementContextSecretFinalizer = "finalizers.gravitee.io/managementcontextSecret" // #nosec G101 -- a name
	// TemplatingFinalizer is found on a Secret or ConfigMap that a template mentions. It is only ever removed.
	TemplatingFinalizer = "finalizers.gravitee.io/templating"
)

// Annotations that the Gravitee Kubernetes Operator puts on objects. They are read where they tell something
// and never kept up to date.
const (
	// LastSpecHashAnnotation is the hash of the spec that was reconciled last.
	LastSpecHashAnnotation = "gravitee.io/last-spec-hash"
	// LastSecretRefAnnotation is the namespace/name of the Secret that a context used last.
	LastSecretRefAnnotation = "gravitee.io/last-secret-ref" // #nosec G101 -- a name
	// DriftDetectionAnnotation is "true" or "false" and overrides the operator's setting for one object.
	DriftDetectionAnnotation = "gravitee.io/drift-detection"
	// TemplateAnnotation is "true" on an ApiDefinition that only serves as an ingress template.
	TemplateAnnotation = "gravitee.io/template"
)

// Annotations of Apisync.
const (
	// IdentityAnnotation keeps the remote id of an object, and the namespace/name it was given to, from before
	// the first remote write on.
	IdentityAnnotation = "apisync.github.io/identity"
	// DeletionPolicyAnnotation says what happens to the remote object when the resource is deleted. The one
	// value is DeletionPolicyOrphan; anything else means that it is deleted too.
	DeletionPolicyAnnotation = "apisync.github.io/deletion-policy"
	// DeletionPolicyOrphan leaves the remote object where it is.
	DeletionPolicyOrphan = "orphan"
	// AdoptionPolicyAnnotation says when a remote object that was there before is taken over. The one value is
	// AdoptionPolicyIfEqual; without the annotation it is taken over and made as the spec says.
	AdoptionPolicyAnnotation = "apisync.github.io/adoption-policy"
	// AdoptionPolicyIfEqual takes over only what is as the spec says already.
	AdoptionPolicyIfEqual = "if-equal"
	// PausedAnnotation with the value "true" stops all work on the object, also its deletion. On a ManagementContext it
	// stops the work on everything that is published through it.
	PausedAnnotation = "apisync.github.io/paused"
	// ReconcileAtAnnotation asks for a reconciliation now that reads the remote object in full. Each new value is one
	// request; a time is usual.
	ReconcileAtAnnotation = "apisync.github.io/reconcile-at"
	// DriftPolicyAnnotation says what happens when the remote object was edited or deleted elsewhere: one of the
	// DriftPolicy values. On a ManagementContext it is the default of the objects that are published through it.
	DriftPolicyAnnotation = "apisync.github.io/drift-policy"
	// DriftPeriodAnnotation on a ManagementContext is the time between two bulk looks at its remote objects, as a
	// duration such as 5m.
	DriftPeriodAnnotation = "apisync.github.io/drift-period"
	// DriftRotationAnnotation on a ManagementContext is the time within which each remote object is read in full.
	DriftRotationAnnotation = "apisync.github.io/drift-rotation"
)

// Values of DriftPolicyAnnotation.
const (
	// DriftPolicyCorrect puts the wanted state back. It is the default.
	DriftPolicyCorrect = "correct"
	// DriftPolicyReport tells about it and leaves it.
	DriftPolicyReport = "report"
	// DriftPolicyOff doesn't look.
	DriftPolicyOff = "off"
)
