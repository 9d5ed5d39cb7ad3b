// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"context"
	"fmt"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/gateway"
)

// Operations of writes.
const (
	operationCreate = "create"
	operationUpdate = "update"
	operationDelete = "delete"
)

// configMapWrite is a recorded write of the ConfigMap that gateways of this cluster read an API from.
type configMapWrite struct {
	// operation is create, update or delete.
	operation string
	key       client.ObjectKey
	// before and after are what gateways read; nil where there is nothing.
	before, after *corev1.ConfigMap
}

// definitionKey is where gateways find the API in their ConfigMap (shared/reference/gko-compatibility.md part 3).
const definitionKey = "definition"

// changes are the fields of the API that gateways would read another value of.
func (w *configMapWrite) changes() []Change {
	if w.before == nil || w.after == nil {
		return nil
	}
	var before, after map[string]any
	// What isn't JSON is replaced as a whole.
	_ = utiljson.Unmarshal([]byte(w.before.Data[definitionKey]), &before)
	if utiljson.Unmarshal([]byte(w.after.Data[definitionKey]), &after) != nil {
		return nil
	}
	return changesOf(after, documentDifferences(after, before), nil)
}

// judgeServing is met when the management API has what is wanted, or isn't asked, and the gateways of this cluster read something else.
func (p *planner) judgeServing(one *planned, object *Object) {
	served := one.trace.configMap
	if served == nil || object.Verdict != VerdictNone && object.Verdict != VerdictDrift {
		return
	}
	if object.Verdict == VerdictDrift {
		object.Warnings = append(object.Warnings, object.Reason)
	}
	object.Verdict = VerdictUpdate
	switch served.operation {
	case operationCreate:
		object.Reason = "its ConfigMap doesn't exist yet"
		if one.settled() {
			object.Reason = "its ConfigMap was deleted elsewhere"
		}
		if wanted, err := p.remembered(one.target); err == nil && one.api.Spec.ContextRef == nil {
			object.Verdict, object.Changes = VerdictCreate, p.additions(one, wanted)
		}
	case operationUpdate:
		object.Reason = "the wanted state changes"
		if one.settled() {
			object.Reason = "its ConfigMap isn't as wanted"
		}
		object.Changes = served.changes()
	case operationDelete:
		object.Reason = "no gateway of this cluster is to read it any more"
	}
}

// serving is the client of the operator's publisher: it reads the cluster, and what it is told to write goes to the trace.
type serving struct {
	refusing

	sources *sources
}

// Get implements client.Reader. Without a cluster everything is new.
func (s serving) Get(ctx context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	configMap, ok := into.(*corev1.ConfigMap)
	if !ok {
		return fmt.Errorf("a plan publishes no objects of type %T", into)
	}
	if _, given := s.sources.given[sourceKeyOf(into, key)]; !given && s.sources.cluster == nil {
		return apierrors.NewNotFound(corev1.Resource("configmaps"), key.Name)
	}
	err := s.sources.get(ctx, key, into)
	if err == nil {
		traceOf(ctx).served = configMap.DeepCopy()
	}
	return err
}

// List implements client.Reader. The publisher doesn't list.
func (serving) List(context.Context, client.ObjectList, ...client.ListOption) error { return errWrites }

// Patch implements client.Writer. The publisher doesn't patch.
func (serving) Patch(context.Context, client.Object, client.Patch, ...client.PatchOption) error {
	return errWrites
}

// Create implements client.Writer.
func (serving) Create(ctx context.Context, object client.Object, _ ...client.CreateOption) error {
	return record(ctx, operationCreate, object)
}

// Update implements client.Writer.
func (serving) Update(ctx context.Context, object client.Object, _ ...client.UpdateOption) error {
	return record(ctx, operationUpdate, object)
}

// Delete implements client.Writer.
func (serving) Delete(ctx context.Context, object client.Object, _ ...client.DeleteOption) error {
	return record(ctx, operationDelete, object)
}

func record(ctx context.Context, operation string, object client.Object) error {
	configMap, ok := object.(*corev1.ConfigMap)
	if !ok {
		return errWrites
	}
	trace := traceOf(ctx)
	one := &configMapWrite{operation: operation, key: client.ObjectKeyFromObject(object), before: trace.served, after: configMap.DeepCopy()}
	switch {
	case operation == operationDelete:
		one.after = nil
	case trace.configMap != nil:
		one.operation = operationUpdate // an immutable one is deleted and made again
	case operation == operationCreate:
		one.before = nil
	}
	trace.configMap = one
	return nil
}

// listing tells which ConfigMaps the operator's cache has that gateways may read, by one request a namespace. It is made when it is asked for.
type listing struct {
	cluster    client.Reader
	namespaces []string

	once  sync.Once
	found map[client.ObjectKey]metav1.PartialObjectMetadata
	// err is why it isn't known.
	err error
}

func (l *listing) read(ctx context.Context) {
	l.found = map[client.ObjectKey]metav1.PartialObjectMetadata{}
	if l.cluster == nil {
		return
	}
	for _, namespace := range l.namespaces {
		var list metav1.PartialObjectMetadataList
		list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("ConfigMapList"))
		err := l.cluster.List(ctx, &list, client.InNamespace(namespace), client.MatchingLabels{gateway.ManagedByLabel: gateway.ManagedByValue})
		if err != nil {
			l.err = fmt.Errorf("listing configmaps %s: %w", where(namespace), err)
			return
		}
		for _, item := range list.Items {
			l.found[client.ObjectKeyFromObject(&item)] = item
		}
	}
}

// noteConfigMaps says what isn't known, where there are local APIs at all.
func (p *planner) noteConfigMaps() {
	isLocal := func(api *v1alpha1.ApiDefinition) bool { return api != nil && api.Spec.Local }
	local := slices.ContainsFunc(all[*v1alpha1.ApiDefinition](p.world.apis), isLocal) ||
		slices.ContainsFunc(p.targets, func(t *target) bool { return isLocal(t.live) })
	if p.served.err != nil && local {
		p.notef("ConfigMaps that are left of APIs which aren't local aren't seen: %v; ask for the right to list them", p.served.err)
	}
}

// known is what the publisher asks before it reads a ConfigMap that it may have to withdraw: for most APIs there is none. Where nothing
// may be listed, only APIs that are or were local are worth a request.
type known struct {
	*listing

	sources *sources
	local   bool
}

// Get implements client.Reader for metadata.
func (k known) Get(ctx context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	metadata, ok := into.(*metav1.PartialObjectMetadata)
	if !ok {
		return fmt.Errorf("a plan knows no metadata in objects of type %T", into)
	}
	if given, ok := k.sources.given[sourceKeyOf(&corev1.ConfigMap{}, key)]; ok {
		metadata.SetOwnerReferences(given.GetOwnerReferences())
		return nil
	}
	k.once.Do(func() { k.read(ctx) })
	if k.err != nil && k.local {
		var configMap corev1.ConfigMap
		if err := (serving{sources: k.sources}).Get(ctx, key, &configMap); err != nil {
			return err
		}
		metadata.ObjectMeta = configMap.ObjectMeta
		return nil
	}
	found, exists := k.found[key]
	if !exists {
		return apierrors.NewNotFound(corev1.Resource("configmaps"), key.Name)
	}
	*metadata = found
	return nil
}

// List implements client.Reader. The publisher doesn't list.
func (known) List(context.Context, client.ObjectList, ...client.ListOption) error { return errWrites }
