// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/apisync/apisync/api/v1alpha1"
)

// Released takes GKO's finalizers off Secrets and ConfigMaps, which Apisync never puts there: without GKO nobody else would, and they
// could never be deleted (shared/reference/gko-compatibility.md 5.4 and 5.9).
type Released struct {
	// Client patches metadata; Metadata reads it, which may be from a cache.
	Client   client.Client
	Metadata client.Reader
	// Kind is that of the objects: Secret or ConfigMap.
	Kind schema.GroupVersionKind
}

// referencesAnnotation is GKO's count of the users of a source.
const referencesAnnotation = "gravitee.io/references"

// Reconcile releases one object, if there is a reason to.
func (r *Released) Reconcile(ctx context.Context, request reconcile.Request) (ctrl.Result, error) {
	object := &metav1.PartialObjectMetadata{}
	object.SetGroupVersionKind(r.Kind)
	if err := r.Metadata.Get(ctx, request.NamespacedName, object); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	before := object.DeepCopy()
	if !release(object) {
		return ctrl.Result{}, nil
	}
	err := r.Client.Patch(ctx, object, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
	if apierrors.IsForbidden(err) {
		// Without the right to patch there is nothing more to be done; the log says what is missing.
		ctrl.LoggerFrom(ctx).Info("A finalizer of GKO stays, since the operator may not patch the object", "error", err.Error())
		return ctrl.Result{}, nil
	}
	if err != nil && !apierrors.IsNotFound(err) {
		return ctrl.Result{}, fmt.Errorf("releasing %s %s: %w", r.Kind.Kind, request.NamespacedName, err)
	}
	ctrl.LoggerFrom(ctx).Info("Took off a finalizer of GKO")
	return ctrl.Result{}, nil
}

// release takes the finalizers off in memory, with GKO's notes about users, and reports whether there was any to take. A source that kinds
// use which Apisync doesn't serve keeps them until its deletion is asked for: GKO may come back for those.
func release(object client.Object) bool {
	released := controllerutil.RemoveFinalizer(object, v1alpha1.ManagementContextSecretFinalizer)
	if !object.GetDeletionTimestamp().IsZero() || !usedByOthers(object) {
		if controllerutil.RemoveFinalizer(object, v1alpha1.TemplatingFinalizer) {
			released = true
			forgetUsers(object)
		}
	}
	return released
}

// servedKinds are the kinds whose users GKO notes on a source and that Apisync serves, in the words of GKO's annotations.
func servedKinds() []string {
	return []string{"apidefinitions", "managementcontexts", "apiresources", "groups"}
}

const annotationPrefix = "gravitee.io/"

func usedByOthers(object client.Object) bool {
	for name, value := range object.GetAnnotations() {
		kind, ours := strings.CutPrefix(name, annotationPrefix)
		if !ours || name == referencesAnnotation || slices.Contains(servedKinds(), kind) {
			continue
		}
		var users []string
		if json.Unmarshal([]byte(value), &users) == nil && len(users) > 0 {
			return true
		}
	}
	return false
}

func forgetUsers(object client.Object) {
	annotations := object.GetAnnotations()
	delete(annotations, referencesAnnotation)
	for _, kind := range servedKinds() {
		delete(annotations, annotationPrefix+kind)
	}
	object.SetAnnotations(annotations)
}

// SetupReleased adds the controller for one kind to the manager.
func SetupReleased(mgr manager.Manager, released *Released, object client.Object, options controller.Options) error {
	return builder.ControllerManagedBy(mgr).
		Named(strings.ToLower(released.Kind.Kind)+"-release").
		For(object, builder.OnlyMetadata, builder.WithPredicates(predicate.NewPredicateFuncs(func(object client.Object) bool {
			return controllerutil.ContainsFinalizer(object, v1alpha1.TemplatingFinalizer) ||
				controllerutil.ContainsFinalizer(object, v1alpha1.ManagementContextSecretFinalizer)
		}))).
		WithOptions(options).
		Complete(released)
}
