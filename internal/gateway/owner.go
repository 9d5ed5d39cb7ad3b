// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/fault"
)

// OwnerOf is the uid and the name of the ApiDefinition that owns object, which is in the same namespace; false when none does.
// Metadata are enough. Of several owners it is the first one. A resource of that name with another uid is another resource, which
// waits until object is gone.
func OwnerOf(object client.Object) (types.UID, string, bool) {
	for _, ref := range object.GetOwnerReferences() {
		if isAPI(ref) {
			return ref.UID, ref.Name, true
		}
	}
	return "", "", false
}

// owned tells what may be written: what names this very resource as an owner. A name alone proves nothing, since people may have a
// ConfigMap of that name, and a resource may be deleted and made again.
func owned(object metav1.Object, api *v1alpha1.ApiDefinition) bool {
	for _, ref := range object.GetOwnerReferences() {
		if isAPI(ref) && ref.UID == api.UID && ref.UID != "" {
			return true
		}
	}
	return false
}

func isAPI(ref metav1.OwnerReference) bool {
	version, err := schema.ParseGroupVersion(ref.APIVersion)
	return err == nil && version.Group == v1alpha1.GroupVersion.Group && ref.Kind == v1alpha1.ApiDefinitionKind
}

// foreign says whose have is, and what to do.
func foreign(have *corev1.ConfigMap, api *v1alpha1.ApiDefinition) error {
	what, remedy := describe(have, api)
	return fault.New(fault.Conflict, fault.ReasonOwnedElsewhere,
		"ConfigMap %s/%s, which gateways would read this API from, %s; it was left alone: %s", have.Namespace, have.Name, what, remedy)
}

func describe(have *corev1.ConfigMap, api *v1alpha1.ApiDefinition) (what, remedy string) {
	const oneName = "only one of them can have this name, so give the other one another"
	owner, hasOwner := ownerReference(have)
	switch {
	case !hasOwner && have.Labels[ManagedByLabel] == ManagedByValue:
		return "bears an operator's label, but no resource owns it", fmt.Sprintf(
			"if nobody needs it, delete it with kubectl delete configmap %s -n %s; otherwise give this ApiDefinition another name",
			have.Name, have.Namespace)
	case !hasOwner:
		return "wasn't made by an operator", "delete or rename it, or give this ApiDefinition another name"
	case isAPI(owner) && owner.Name == api.Name:
		return "belongs to an earlier ApiDefinition of that name", fmt.Sprintf(
			"Kubernetes will remove it soon; if it doesn't, run kubectl delete configmap %s -n %s", have.Name, have.Namespace)
	}
	return fmt.Sprintf("is owned by %s %s", owner.Kind, owner.Name), oneName
}

// ownerReference is the owner that is worth naming: an ApiDefinition, otherwise a controller, otherwise the first one.
func ownerReference(object metav1.Object) (metav1.OwnerReference, bool) {
	refs := object.GetOwnerReferences()
	for _, ref := range refs {
		if isAPI(ref) {
			return ref, true
		}
	}
	if controller := metav1.GetControllerOf(object); controller != nil {
		return *controller, true
	}
	if len(refs) > 0 {
		return refs[0], true
	}
	return metav1.OwnerReference{}, false
}
