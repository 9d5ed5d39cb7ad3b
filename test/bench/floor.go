// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/translate"
)

// floor does what can't be left out, and nothing else: no observing, no verifying, no watching.
type floor struct {
	*bench

	site *site
	// environment is where it imports.
	environment string
}

// burst creates and publishes objects.
func (f floor) burst(ctx context.Context, namespace string, objects int) (time.Duration, error) {
	begin := time.Now()
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(f.inFlight)
	for i := range objects {
		work.Go(func() error { return f.publish(ctx, definition(namespace, i)) })
	}
	err := work.Wait()
	return time.Since(begin), err
}

// publish takes one new object through its life.
func (f floor) publish(ctx context.Context, object *unstructured.Unstructured) error {
	if err := f.cluster.Client.Create(ctx, object); err != nil {
		return err
	}
	finalizer := []byte(`{"metadata":{"finalizers":["example.com/floor"]}}`)
	if err := f.cluster.Client.Patch(ctx, object, client.RawPatch("application/merge-patch+json", finalizer)); err != nil {
		return err
	}
	if err := f.put(ctx, object); err != nil {
		return err
	}
	status := fmt.Sprintf(`{"status":{"id":%q,"processingStatus":"Completed","observedGeneration":1}}`, object.GetUID())
	return f.cluster.Client.Status().Patch(ctx, object, client.RawPatch("application/merge-patch+json", []byte(status)))
}

func (f floor) put(ctx context.Context, object *unstructured.Unstructured) error {
	content, err := json.Marshal(object)
	if err != nil {
		return err
	}
	var api v1alpha1.ApiDefinition
	if err := json.Unmarshal(content, &api); err != nil {
		return err
	}
	want, err := translate.API(&api, translate.Inputs{ID: string(api.UID)})
	if err != nil {
		return err
	}
	return f.site.put(ctx, f.environment, want.Definition)
}

// edit changes an object that is published, and publishes it.
func (f floor) edit(ctx context.Context, object *unstructured.Unstructured, text string) (time.Duration, error) {
	begin := time.Now()
	if err := f.cluster.Client.Patch(ctx, object, describe(text)); err != nil {
		return 0, err
	}
	err := f.put(ctx, object)
	return time.Since(begin), err
}

// describe is the patch of an edit.
func describe(text string) client.Patch {
	return client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"spec":{"description":%q}}`, text))
}

// readAll reads each API once.
func (f floor) readAll(ctx context.Context, environment string, ids []string) (time.Duration, error) {
	begin := time.Now()
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(f.inFlight)
	for _, id := range ids {
		work.Go(func() error { return f.site.get(ctx, environment, id) })
	}
	err := work.Wait()
	return time.Since(begin), err
}
