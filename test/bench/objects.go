// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
)

// contextName is that of the ManagementContext in each namespace.
const contextName = "management"

func (b *bench) makeNamespace(ctx context.Context, name string) error {
	return b.cluster.Client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
}

func managementContext(namespace, url string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": v1alpha1.ManagementContextKind,
		"metadata": map[string]any{"namespace": namespace, "name": contextName},
		"spec": map[string]any{
			"baseUrl": url, "organizationId": "DEFAULT", "environmentId": environment,
			"auth": map[string]any{"credentials": map[string]any{"username": "admin", "password": "admin"}},
		},
	}}
}

func objectName(number int) string { return fmt.Sprintf("api-%05d", number) }

func definition(namespace string, number int) *unstructured.Unstructured {
	name := objectName(number)
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": v1alpha1.ApiDefinitionKind,
		"metadata": map[string]any{"namespace": namespace, "name": name},
		"spec": map[string]any{
			"name": name, "version": "1.0", "description": "number " + strconv.Itoa(number),
			"contextRef": map[string]any{"name": contextName},
			"plans":      []any{map[string]any{"name": "open", "description": "no key needed", "security": "KEY_LESS"}},
			"proxy": map[string]any{
				"virtual_hosts": []any{map[string]any{"path": "/" + namespace + "/" + name}},
				"groups": []any{map[string]any{
					"name": "main", "endpoints": []any{map[string]any{"name": "up", "target": "http://127.0.0.1:9/" + name}},
				}},
			},
		},
	}}
}

// stored maps what an operator could write in a namespace to resourceVersions, events included.
func (b *bench) stored(ctx context.Context, namespace string) (map[types.UID]string, error) {
	versions := map[types.UID]string{}
	for _, kind := range []schema.GroupVersionKind{
		v1alpha1.GroupVersion.WithKind(v1alpha1.ApiDefinitionKind), v1alpha1.GroupVersion.WithKind(v1alpha1.ManagementContextKind),
		{Group: "events.k8s.io", Version: "v1", Kind: "Event"},
	} {
		var list metav1.PartialObjectMetadataList
		list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
		if err := b.cluster.Client.List(ctx, &list, client.InNamespace(namespace)); err != nil {
			return nil, fmt.Errorf("listing %s: %w", kind.Kind, err)
		}
		for i := range list.Items {
			versions[list.Items[i].UID] = list.Items[i].ResourceVersion
		}
	}
	return versions, nil
}

// written counts the objects that are new or have changed.
func written(before, after map[types.UID]string) int {
	var count int
	for uid, version := range after {
		if before[uid] != version {
			count++
		}
	}
	return count
}
