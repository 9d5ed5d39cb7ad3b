// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/apisync/apisync/internal/fault"
)

// failed classifies what the API server said to a verb on a ConfigMap.
func failed(verb string, key types.NamespacedName, err error) error {
	switch {
	case apierrors.IsAlreadyExists(err), apierrors.IsNotFound(err):
		// Somebody else was faster: the next look shows what there is. Nothing may take this for the absence of the resource.
		return fmt.Errorf("%s ConfigMap %s: %w", verb, key, apierrors.NewConflict(corev1.Resource("configmaps"), key.Name, err))
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return fault.New(fault.Waiting, fault.ReasonFailed,
			"ConfigMap %s can't be created, since its namespace is being deleted, and the API with it: %w", key, err)
	case apierrors.IsForbidden(err):
		return fault.New(fault.Forbidden, fault.ReasonForbidden,
			"the operator may not %s ConfigMap %s: %w; grant its role the verb %s on configmaps, or change the quota or policy that is named",
			verb, key, err, verb)
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err), apierrors.IsRequestEntityTooLargeError(err):
		return fault.New(fault.Terminal, fault.ReasonIllegalState,
			"Kubernetes refuses to %s ConfigMap %s: %w; change spec or the policy that refuses it", verb, key, err)
	}
	return fmt.Errorf("%s ConfigMap %s: %w", verb, key, err)
}

// beingDeleted is met when a finalizer holds a ConfigMap that was deleted: an update wouldn't keep it, and no other one can be made
// meanwhile.
func beingDeleted(have *corev1.ConfigMap) error {
	return fault.New(fault.Waiting, fault.ReasonFailed,
		"ConfigMap %s/%s is being deleted and isn't gone yet, since it has the finalizers %v; it is made again when it is gone",
		have.Namespace, have.Name, have.Finalizers)
}
