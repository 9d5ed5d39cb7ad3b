// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/controller"
)

// snapshot is the cluster as it would be once the files were applied, in memory. It is the client of the
// controllers while they plan: what they patch is changed here alone. Safe for concurrent use.
type snapshot struct {
	refusing

	apis, contexts, resources, groups, notifications toolscache.Indexer
	// sources are the Secrets and ConfigMaps.
	sources *sources
	// namespaces are those that were read; empty means all.
	namespaces []string
}

func newSnapshot(ctx context.Context, live *live, namespaces []string) (*snapshot, error) {
	s := &snapshot{
		apis: newIndexer(), contexts: newIndexer(), resources: newIndexer(), groups: newIndexer(), notifications: newIndexer(),
		sources: &sources{given: map[sourceKey]client.Object{}, live: live}, namespaces: namespaces,
	}
	return s, controller.Index(ctx, s)
}

func newIndexer() toolscache.Indexer {
	return toolscache.NewIndexer(toolscache.MetaNamespaceKeyFunc, toolscache.Indexers{})
}

// IndexField implements client.FieldIndexer, so that the snapshot has the indexes of the operator's cache.
func (s *snapshot) IndexField(_ context.Context, object client.Object, field string, values client.IndexerFunc) error {
	indexer, err := s.indexerOf(object)
	if err != nil {
		return err
	}
	return indexer.AddIndexers(toolscache.Indexers{field: func(stored any) ([]string, error) {
		return values(stored.(client.Object)), nil //nolint:forcetypeassert // only such objects are put in
	}})
}

func (s *snapshot) indexerOf(object runtime.Object) (toolscache.Indexer, error) {
	switch object.(type) {
	case *v1alpha1.ApiDefinition, *v1alpha1.ApiDefinitionList:
		return s.apis, nil
	case *v1alpha1.ManagementContext, *v1alpha1.ManagementContextList:
		return s.contexts, nil
	case *v1alpha1.ApiResource, *v1alpha1.ApiResourceList:
		return s.resources, nil
	case *v1alpha1.Group, *v1alpha1.GroupList:
		return s.groups, nil
	case *v1alpha1.Notification, *v1alpha1.NotificationList:
		return s.notifications, nil
	}
	return nil, fmt.Errorf("a plan doesn't look at objects of type %T", object)
}

// put stores a copy.
func (s *snapshot) put(object client.Object) error {
	indexer, err := s.indexerOf(object)
	if err != nil {
		return err
	}
	return indexer.Update(object.DeepCopyObject())
}

func (s *snapshot) remove(object client.Object) error {
	indexer, err := s.indexerOf(object)
	if err != nil {
		return err
	}
	return indexer.Delete(object)
}

// stored gives a copy of the object of that key, nil if there is none.
func stored[T client.Object](indexer toolscache.Indexer, key client.ObjectKey) (object T, found bool) {
	item, exists, err := indexer.GetByKey(key.String())
	if err != nil || !exists {
		return object, false
	}
	object, found = item.(runtime.Object).DeepCopyObject().(T)
	return object, found
}

// all gives copies of what an indexer holds, by namespace and name.
func all[T client.Object](indexer toolscache.Indexer) []T {
	var objects []T
	keys := indexer.ListKeys()
	slices.Sort(keys)
	for _, key := range keys {
		namespace, name := controller.SplitName(key)
		if object, found := stored[T](indexer, client.ObjectKey{Namespace: namespace, Name: name}); found {
			objects = append(objects, object)
		}
	}
	return objects
}

// Get implements client.Reader.
func (s *snapshot) Get(ctx context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	switch into.(type) {
	case *corev1.Secret, *corev1.ConfigMap:
		return s.sources.get(ctx, key, into)
	}
	indexer, err := s.indexerOf(into)
	if err != nil {
		return err
	}
	found, exists := stored[client.Object](indexer, key)
	if !exists {
		return s.missing(key, into)
	}
	assign(into, found)
	return nil
}

// missing tells an object that doesn't exist from one that wasn't looked for.
func (s *snapshot) missing(key client.ObjectKey, object client.Object) error {
	kind := kindOf(object)
	switch {
	case s.sources.cluster == nil:
		return fmt.Errorf("%s %s isn't in the files, and no cluster is asked; add it to the files, or name a cluster", kind, key)
	case len(s.namespaces) > 0 && !slices.Contains(s.namespaces, key.Namespace):
		return fmt.Errorf("%s %s is in a namespace that wasn't read; name it, beside %s, or add the object to the files",
			kind, key, strings.Join(s.namespaces, ", "))
	}
	return apierrors.NewNotFound(v1alpha1.GroupVersion.WithResource(strings.ToLower(kind)+"s").GroupResource(), key.Name)
}

// List implements client.Reader for the options that the controllers use: a namespace, and one indexed field.
func (s *snapshot) List(_ context.Context, into client.ObjectList, options ...client.ListOption) error {
	indexer, err := s.indexerOf(into)
	if err != nil {
		return err
	}
	var wanted client.ListOptions
	wanted.ApplyOptions(options)
	items, err := s.matching(indexer, wanted)
	if err != nil {
		return err
	}
	found := make([]runtime.Object, 0, len(items))
	for _, item := range items {
		object := item.(client.Object) //nolint:forcetypeassert // only such objects are put in
		if wanted.Namespace == "" || wanted.Namespace == object.GetNamespace() {
			found = append(found, object.DeepCopyObject())
		}
	}
	return meta.SetList(into, found)
}

func (s *snapshot) matching(indexer toolscache.Indexer, wanted client.ListOptions) ([]any, error) {
	if wanted.LabelSelector != nil {
		return nil, errors.New("a snapshot isn't listed by labels")
	}
	if wanted.FieldSelector == nil {
		return indexer.List(), nil
	}
	requirements := wanted.FieldSelector.Requirements()
	if len(requirements) != 1 {
		return nil, fmt.Errorf("a snapshot is listed by one field, and not by %q", wanted.FieldSelector)
	}
	return indexer.ByIndex(requirements[0].Field, requirements[0].Value)
}

// Patch implements client.Writer in memory, for metadata. The spec stays as it is stored: the controllers work on copies whose templates
// are rendered, and nobody may take what was rendered for the template. The patch itself isn't needed, since nobody else changes
// the snapshot's objects meanwhile.
func (s *snapshot) Patch(_ context.Context, object client.Object, _ client.Patch, _ ...client.PatchOption) error {
	indexer, err := s.indexerOf(object)
	if err != nil {
		return err
	}
	kept, exists := stored[client.Object](indexer, client.ObjectKeyFromObject(object))
	if !exists {
		return s.missing(client.ObjectKeyFromObject(object), object)
	}
	kept.SetLabels(object.GetLabels())
	kept.SetAnnotations(object.GetAnnotations())
	kept.SetFinalizers(object.GetFinalizers())
	return s.put(kept)
}

// refusing is a client that changes nothing. It makes a write that plan doesn't expect an error instead of a surprise.
type refusing struct{}

var errWrites = errors.New("a plan writes nothing")

func (refusing) Apply(context.Context, runtime.ApplyConfiguration, ...client.ApplyOption) error {
	return errWrites
}

func (refusing) Create(context.Context, client.Object, ...client.CreateOption) error {
	return errWrites
}

func (refusing) Delete(context.Context, client.Object, ...client.DeleteOption) error {
	return errWrites
}

func (refusing) Update(context.Context, client.Object, ...client.UpdateOption) error {
	return errWrites
}

func (refusing) DeleteAllOf(context.Context, client.Object, ...client.DeleteAllOfOption) error {
	return errWrites
}

func (refusing) Status() client.SubResourceWriter { return refusingStatus{} }

func (refusing) SubResource(string) client.SubResourceClient { return refusingStatus{} }

func (refusing) Scheme() *runtime.Scheme { return nil }

func (refusing) RESTMapper() meta.RESTMapper { return nil }

func (refusing) GroupVersionKindFor(runtime.Object) (schema.GroupVersionKind, error) {
	return schema.GroupVersionKind{}, errWrites
}

func (refusing) IsObjectNamespaced(runtime.Object) (bool, error) { return true, nil }

type refusingStatus struct{}

func (refusingStatus) Get(context.Context, client.Object, client.Object, ...client.SubResourceGetOption) error {
	return errWrites
}

func (refusingStatus) Create(context.Context, client.Object, client.Object, ...client.SubResourceCreateOption) error {
	return errWrites
}

func (refusingStatus) Update(context.Context, client.Object, ...client.SubResourceUpdateOption) error {
	return errWrites
}

func (refusingStatus) Patch(context.Context, client.Object, client.Patch, ...client.SubResourcePatchOption) error {
	return errWrites
}

func (refusingStatus) Apply(context.Context, runtime.ApplyConfiguration, ...client.SubResourceApplyOption) error {
	return errWrites
}
