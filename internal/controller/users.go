// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/gather"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/model"
	"github.com/apisync/apisync/internal/template"
)

// UsersOf are the ApiDefinitions that have to be looked at again when an ApiResource, Group, Notification, Secret or ConfigMap
// changes, as the watches find them: through the indexes that reader has from Index. Sorted, each once; none for other kinds.
func UsersOf(ctx context.Context, reader client.Reader, object client.Object) []client.ObjectKey {
	find, key := users{reader}, client.ObjectKeyFromObject(object).String()
	switch object := object.(type) {
	case *v1alpha1.ApiResource:
		return keysOfRequests(requestsFor(find.ofResource(ctx, key)))
	case *v1alpha1.Group:
		return keysOfRequests(requestsFor(find.ofGroup(ctx, key)))
	case *v1alpha1.Notification:
		return keysOfRequests(requestsFor(find.ofNotification(ctx, key)))
	case *corev1.Secret:
		return keysOfRequests(find.apisOfSource(template.Secret)(ctx, object))
	case *corev1.ConfigMap:
		return keysOfRequests(slices.Concat(find.apisOfSource(template.ConfigMap)(ctx, object), localAPIOf(reader)(ctx, object)))
	}
	return nil
}

// ContextsOf are the ManagementContexts that have to be looked at again when a Secret or ConfigMap changes, as UsersOf finds APIs.
func ContextsOf(ctx context.Context, reader client.Reader, object client.Object) []client.ObjectKey {
	find, contexts := users{reader}, newList[v1alpha1.ManagementContextList]
	switch object := object.(type) {
	case *corev1.Secret:
		return keysOfRequests(slices.Concat(find.contextsOfSecret(ctx, object), find.objectsOfSource(contexts, template.Secret)(ctx, object)))
	case *corev1.ConfigMap:
		return keysOfRequests(find.objectsOfSource(contexts, template.ConfigMap)(ctx, object))
	}
	return nil
}

// MayNeedContext reports whether an API refers to the context called name, which is namespace/name, may do so by a template, or was
// published through it.
func MayNeedContext(api *v1alpha1.ApiDefinition, name string) bool {
	needed := contextOfAPI(api)
	return slices.ContainsFunc(possible(name), func(value string) bool { return slices.Contains(needed, value) })
}

// ConcernsUsers reports whether the annotations of a context say something else to the objects that are published through it.
func ConcernsUsers(before, after *v1alpha1.ManagementContext) bool {
	return slices.ContainsFunc(usersAnnotations(), func(name string) bool { return annotation(before, name) != annotation(after, name) })
}

// Remembered is the wanted state of a complete API under the identities that its status remembers. The digest in the status is that
// of what was published last.
func (a *APIDefinitions) Remembered(found gather.API) (model.API, error) {
	return a.wanted(found.Object, mapi.Observation{}, found.Linked)
}

func keysOfRequests(requests []reconcile.Request) []client.ObjectKey {
	keys := make([]client.ObjectKey, len(requests))
	for i, request := range requests {
		keys[i] = request.NamespacedName
	}
	slices.SortFunc(keys, func(a, b client.ObjectKey) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(keys)
}
