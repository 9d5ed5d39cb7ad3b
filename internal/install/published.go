// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/openapi"
)

const (
	// publishTimeout bounds how long CRDs that were applied a moment ago are waited for.
	publishTimeout  = 10 * time.Second
	publishInterval = 500 * time.Millisecond
)

// errNotPublished is wrapped where an API server shows nothing of the group of our CRDs.
var errNotPublished = errors.New("the API server publishes no schema of the group")

// readPublished reads what an API server tells everybody about the kinds of our CRDs, in the OpenAPI document of their group. It
// waits a moment for kinds that are missing, since the document follows the CRDs; those that are missing then are missing in
// the result.
func readPublished(ctx context.Context, published openapi.ClientWithContext, crds []apiextensionsv1.CustomResourceDefinition) (statuses, error) {
	if published == nil {
		return nil, errNotPublished
	}
	var found statuses
	var last error
	err := wait.PollUntilContextTimeout(ctx, publishInterval, publishTimeout, true, func(ctx context.Context) (bool, error) {
		found, last = readDocument(ctx, published, &crds[0])
		unreadable := last != nil && !errors.Is(last, errNotPublished)
		return unreadable || holdsAll(found, crds), nil
	})
	if err != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("waiting for the published schemas: %w", err)
	}
	return found, last
}

func holdsAll(found statuses, crds []apiextensionsv1.CustomResourceDefinition) bool {
	for i := range crds {
		if _, ok := found[crds[i].Spec.Names.Kind]; !ok {
			return false
		}
	}
	return true
}

// readDocument reads the document of the group and version of a CRD.
func readDocument(ctx context.Context, published openapi.ClientWithContext, crd *apiextensionsv1.CustomResourceDefinition) (statuses, error) {
	paths, err := published.PathsWithContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing the published schemas: %w", err)
	}
	path := "apis/" + crd.Spec.Group + "/" + crd.Spec.Versions[0].Name
	document, ok := paths[path]
	if !ok {
		return nil, fmt.Errorf("%w: there is no %s", errNotPublished, path)
	}
	content, err := document.SchemaWithContext(ctx, runtime.ContentTypeJSON)
	if err != nil {
		return nil, fmt.Errorf("reading the published schemas of %s: %w", path, err)
	}
	return parseDocument(path, content, crd.Spec.Group)
}

// publishedDocument is what is needed of an OpenAPI document.
type publishedDocument struct {
	Components struct {
		Schemas map[string]publishedSchema `json:"schemas"`
	} `json:"components"`
}

type publishedSchema struct {
	Kinds      []metav1.GroupVersionKind `json:"x-kubernetes-group-version-kind"`
	Properties struct {
		Status *apiextensionsv1.JSONSchemaProps `json:"status"`
	} `json:"properties"`
}

func parseDocument(path string, content []byte, group string) (statuses, error) {
	var document publishedDocument
	if err := json.Unmarshal(content, &document); err != nil {
		return nil, fmt.Errorf("parsing the published schemas of %s: %w", path, err)
	}
	found := statuses{}
	for _, schema := range document.Components.Schemas {
		for _, kind := range schema.Kinds {
			if kind.Group == group {
				found[kind.Kind] = schema.Properties.Status
			}
		}
	}
	return found, nil
}
