// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"embed"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/apisync/apisync/test/harness"
)

// manifests hold what the demo has beside samples/.
//
//go:embed manifests
var manifests embed.FS

const (
	samplesNamespace = "apisync-samples"
	partnerNamespace = "apisync-partner"
	// sharedContext is the context of samples/ that both clusters have.
	sharedContext = "basic"
	// changed is the API of samples/ that is called, changed, edited by hand, and wanted by both clusters.
	changed = "echo"
)

// local are the addresses and credentials of this run.
type local struct {
	central, partner access
	// upstream is the base URL of what APIs lead to.
	upstream string
}

// access is how a management API is reached.
type access struct{ url, user, password, token string }

func (i *installation) access() access { return access{i.url, i.user, i.password, i.token} }

// load reads samples/ and a manifest of the demo, made for this run. Samples are written for real
// installations: only addresses and credentials are replaced.
func load(to local, manifest string) (samples, own []*unstructured.Unstructured, err error) {
	if samples, err = harness.Kustomize("samples"); err != nil {
		return nil, nil, err
	}
	content, err := manifests.ReadFile("manifests/" + manifest)
	if err != nil {
		return nil, nil, fmt.Errorf("reading a manifest of the demo: %w", err)
	}
	if own, err = harness.Parse(content); err != nil {
		return nil, nil, err
	}
	for _, object := range slices.Concat(samples, own) {
		if err := localise(object, to); err != nil {
			return nil, nil, fmt.Errorf("pointing %s %s to this run: %w", object.GetKind(), object.GetName(), err)
		}
	}
	return samples, own, nil
}

// localise replaces addresses and credentials by those of this run.
func localise(object *unstructured.Unstructured, to local) error {
	reached := to.central
	if object.GetNamespace() == partnerNamespace {
		reached = to.partner
	}
	switch object.GetKind() {
	case "ManagementContext":
		if err := unstructured.SetNestedField(object.Object, reached.url, "spec", "baseUrl"); err != nil {
			return err
		}
		return replace(object.Object, map[string]string{"username": reached.user, "password": reached.password}, "spec", "auth", "credentials")
	case "Secret":
		return replace(object.Object, map[string]string{
			"username": reached.user, "password": reached.password, "bearerToken": reached.token,
		}, "stringData")
	case "ApiDefinition":
		return retarget(object, to.upstream)
	}
	return nil
}

// replace changes the texts that are there.
func replace(content map[string]any, values map[string]string, path ...string) error {
	present, found, err := unstructured.NestedMap(content, path...)
	if err != nil || !found {
		return err
	}
	for name, value := range values {
		if _, ok := present[name]; ok {
			present[name] = value
		}
	}
	return unstructured.SetNestedMap(content, present, path...)
}

// retarget leads all endpoints of an API to an upstream.
func retarget(api *unstructured.Unstructured, upstream string) error {
	groups, _, err := unstructured.NestedSlice(api.Object, "spec", "proxy", "groups")
	if err != nil {
		return err
	}
	for _, item := range groups {
		group, _ := item.(map[string]any)
		endpoints, _ := group["endpoints"].([]any)
		for _, item := range endpoints {
			if endpoint, ok := item.(map[string]any); ok {
				endpoint["target"] = upstream
			}
		}
	}
	return unstructured.SetNestedSlice(api.Object, groups, "spec", "proxy", "groups")
}

// pick returns the objects of a kind and one of the names.
func pick(objects []*unstructured.Unstructured, kind string, names ...string) []*unstructured.Unstructured {
	var found []*unstructured.Unstructured
	for _, object := range objects {
		if object.GetKind() == kind && slices.Contains(names, object.GetName()) {
			found = append(found, object)
		}
	}
	return found
}

// apis counts the ApiDefinitions.
func apis(objects []*unstructured.Unstructured) int {
	count := 0
	for _, object := range objects {
		if object.GetKind() == "ApiDefinition" {
			count++
		}
	}
	return count
}
