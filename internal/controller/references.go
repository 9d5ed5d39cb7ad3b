// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/gateway"
	"github.com/apisync/apisync/internal/gather"
	"github.com/apisync/apisync/internal/lifecycle"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/template"
)

// Field indexes of references. Their values are those of referenceValue, except for indexSource, see sourceValue.
const (
	indexResource     = "apisync.resourceRef"
	indexGroup        = "apisync.groupRef"
	indexNotification = "apisync.notificationRef"
	indexSource       = "apisync.source"
	// indexDeleting knows the objects that wait for their deletion, under the value beingDeleted.
	indexDeleting = "apisync.deleting"
	beingDeleted  = "true"
)

// referenceValue is the value under which indexes know a reference: namespace/name. Where a template makes the name it is namespace/,
// and where one makes the namespace it is a mere slash: the object that is meant can be any then, see possible.
func referenceValue(ref v1alpha1.Reference, namespace string) string {
	key := gather.RefKey(ref, namespace)
	switch {
	case template.In(key.Namespace):
		return "/"
	case template.In(key.Name):
		return key.Namespace + "/"
	}
	return key.String()
}

// certain are the values under which an index knows references that mean key: the name itself, and what stands for it in a status that must
// not tell it.
func certain(key string) []string { return []string{key, mapi.StandIn(key)} }

// uncertain are the values under which an index knows references that may mean key, since templates make them.
func uncertain(key string) []string {
	namespace, _ := SplitName(key)
	return []string{namespace + "/", "/"}
}

func possible(key string) []string { return append(certain(key), uncertain(key)...) }

// isUncertain reports whether a value doesn't tell which object is meant.
func isUncertain(value string) bool { return isComputed(value) || mapi.IsStandIn(value) }

// isComputed reports whether a value may mean several objects.
func isComputed(value string) bool { return strings.HasSuffix(value, "/") }

func deleting(object client.Object) []string {
	if object.GetDeletionTimestamp().IsZero() {
		return nil
	}
	return []string{beingDeleted}
}

func resourcesOfAPI(object client.Object) []string {
	api, ok := object.(*v1alpha1.ApiDefinition)
	if !ok {
		return nil
	}
	var refs []v1alpha1.Reference
	for _, resource := range api.Spec.Resources {
		if resource.Ref != nil {
			refs = append(refs, *resource.Ref)
		}
	}
	return keysOf(refs, api.Namespace)
}

func notificationsOfAPI(object client.Object) []string {
	api, ok := object.(*v1alpha1.ApiDefinition)
	if !ok {
		return nil
	}
	return keysOf(api.Spec.NotificationsRefs, api.Namespace)
}

// groupsOf are the Groups that an ApiDefinition or a Notification names.
func groupsOf(object client.Object) []string {
	switch object := object.(type) {
	case *v1alpha1.ApiDefinition:
		return keysOf(object.Spec.GroupRefs, object.Namespace)
	case *v1alpha1.Notification:
		return keysOf(object.Spec.Console.GroupRefs, object.Namespace)
	}
	return nil
}

func contextOfGroup(object client.Object) []string {
	group, ok := object.(*v1alpha1.Group)
	if !ok {
		return nil
	}
	var keys []string
	if group.Spec.ContextRef != nil {
		keys = append(keys, referenceValue(*group.Spec.ContextRef, group.Namespace))
	}
	if sync := group.Status.Sync; sync != nil && sync.Place != nil && sync.Place.Context != "" {
		keys = append(keys, sync.Place.Context)
	}
	return slices.Compact(keys)
}

func keysOf(refs []v1alpha1.Reference, namespace string) []string {
	var keys []string
	for _, ref := range refs {
		keys = append(keys, referenceValue(ref, namespace))
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// sourceValue is the value under which a Secret or ConfigMap is found in indexSource. An empty name stands for any of the
// namespace: a template may compute the name.
func sourceValue(kind template.Kind, namespace, name string) string {
	return string(kind) + ":" + namespace + "/" + name
}

// sourcesOf are the Secrets and ConfigMaps that the templates of a spec mention.
func sourcesOf(object client.Object) []string {
	spec := specOf(object)
	if spec == nil {
		return nil
	}
	mentions := template.MentionsOf(spec)
	var values []string
	for _, name := range mentions.Secrets {
		values = append(values, sourceValue(template.Secret, object.GetNamespace(), name))
	}
	for _, name := range mentions.ConfigMaps {
		values = append(values, sourceValue(template.ConfigMap, object.GetNamespace(), name))
	}
	if mentions.Dynamic {
		values = append(values, sourceValue(template.Secret, object.GetNamespace(), ""), sourceValue(template.ConfigMap, object.GetNamespace(), ""))
	}
	return values
}

func specOf(object client.Object) any {
	switch object := object.(type) {
	case *v1alpha1.ApiDefinition:
		return &object.Spec
	case *v1alpha1.ManagementContext:
		return &object.Spec
	case *v1alpha1.ApiResource:
		return &object.Spec
	case *v1alpha1.Group:
		return &object.Spec
	case *v1alpha1.Notification:
		return &object.Spec
	}
	return nil
}

// users finds objects through the indexes.
type users struct{ reader client.Reader }

// referring gives the objects of list's kind that refer to key, or may, each once.
func (u users) referring(ctx context.Context, list client.ObjectList, index, key string) []client.ObjectKey {
	var found []client.ObjectKey
	known := map[client.ObjectKey]bool{}
	for _, value := range possible(key) {
		for _, user := range u.by(ctx, list, index, value) {
			if !known[user] {
				known[user] = true
				found = append(found, user)
			}
		}
	}
	return found
}

// by gives the objects of list's kind that an index knows under a value.
func (u users) by(ctx context.Context, list client.ObjectList, index, value string) []client.ObjectKey {
	if err := u.reader.List(ctx, list, client.MatchingFields{index: value}, client.UnsafeDisableDeepCopy); err != nil {
		return nil // The cache answers from memory; it only fails while it shuts down.
	}
	var keys []client.ObjectKey
	switch list := list.(type) {
	case *v1alpha1.ApiDefinitionList:
		keys = keysIn(list.Items)
	case *v1alpha1.ApiResourceList:
		keys = keysIn(list.Items)
	case *v1alpha1.GroupList:
		keys = keysIn(list.Items)
	case *v1alpha1.NotificationList:
		keys = keysIn(list.Items)
	case *v1alpha1.ManagementContextList:
		keys = keysIn(list.Items)
	}
	return keys
}

func keysIn[T any, P interface {
	*T
	client.Object
}](items []T) []client.ObjectKey {
	keys := make([]client.ObjectKey, len(items))
	for i := range items {
		keys[i] = client.ObjectKeyFromObject(P(&items[i]))
	}
	return keys
}

// ofResource, ofGroup and ofNotification are the APIs that have to look again when such an object changes.
func (u users) ofResource(ctx context.Context, key string) []client.ObjectKey {
	return u.referring(ctx, &v1alpha1.ApiDefinitionList{}, indexResource, key)
}

func (u users) ofNotification(ctx context.Context, key string) []client.ObjectKey {
	return u.referring(ctx, &v1alpha1.ApiDefinitionList{}, indexNotification, key)
}

func (u users) ofGroup(ctx context.Context, key string) []client.ObjectKey {
	found := u.referring(ctx, &v1alpha1.ApiDefinitionList{}, indexGroup, key)
	for _, notification := range u.referring(ctx, &v1alpha1.NotificationList{}, indexGroup, key) {
		found = append(found, u.ofNotification(ctx, notification.String())...)
	}
	return found
}

// ofSource are the objects of list's kind whose templates mention a Secret or ConfigMap, or compute what they mention.
func (u users) ofSource(ctx context.Context, newList func() client.ObjectList, kind template.Kind, source client.Object) []client.ObjectKey {
	found := u.by(ctx, newList(), indexSource, sourceValue(kind, source.GetNamespace(), source.GetName()))
	return append(found, u.by(ctx, newList(), indexSource, sourceValue(kind, source.GetNamespace(), ""))...)
}

// apisOfSource follows references too: an API also depends on what the objects that it names mention.
func (u users) apisOfSource(kind template.Kind) handler.MapFunc {
	return func(ctx context.Context, source client.Object) []reconcile.Request {
		found := u.ofSource(ctx, newList[v1alpha1.ApiDefinitionList], kind, source)
		for _, key := range u.ofSource(ctx, newList[v1alpha1.ApiResourceList], kind, source) {
			found = append(found, u.ofResource(ctx, key.String())...)
		}
		for _, key := range u.ofSource(ctx, newList[v1alpha1.NotificationList], kind, source) {
			found = append(found, u.ofNotification(ctx, key.String())...)
		}
		for _, key := range u.ofSource(ctx, newList[v1alpha1.GroupList], kind, source) {
			found = append(found, u.ofGroup(ctx, key.String())...)
		}
		return requestsFor(found)
	}
}

// objectsOfSource maps to the objects of one kind themselves.
func (u users) objectsOfSource(newList func() client.ObjectList, kind template.Kind) handler.MapFunc {
	return func(ctx context.Context, source client.Object) []reconcile.Request {
		return requestsFor(u.ofSource(ctx, newList, kind, source))
	}
}

func newList[L any, P interface {
	*L
	client.ObjectList
}]() client.ObjectList {
	return P(new(L))
}

// mapped turns a look-up by namespace/name into a map function.
func mapped(find func(ctx context.Context, key string) []client.ObjectKey) handler.MapFunc {
	return func(ctx context.Context, object client.Object) []reconcile.Request {
		return requestsFor(find(ctx, client.ObjectKeyFromObject(object).String()))
	}
}

func requestsFor(keys []client.ObjectKey) []reconcile.Request {
	slices.SortFunc(keys, func(a, b client.ObjectKey) int { return strings.Compare(a.String(), b.String()) })
	keys = slices.Compact(keys)
	requests := make([]reconcile.Request, len(keys))
	for i, key := range keys {
		requests[i].NamespacedName = key
	}
	return requests
}

// concernsAPIs passes changes of an ApiResource, Group or Notification that can change what an API is to be: its spec, its
// existence, and the id that a Group got.
func concernsAPIs() predicate.Predicate {
	return predicate.Or(predicate.GenerationChangedPredicate{}, predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return true },
		GenericFunc: func(event.GenericEvent) bool { return true },
		UpdateFunc: func(e event.UpdateEvent) bool {
			old, isGroup := e.ObjectOld.(*v1alpha1.Group)
			now, _ := e.ObjectNew.(*v1alpha1.Group)
			return isGroup && now != nil && old.Status.ID != now.Status.ID
		},
	})
}

// releases maps an object to those that it doesn't refer to any more, by what refs says: they may wait for their deletion. newList is
// that of their kind. Where templates make a reference, they are all that wait.
func releases(refs client.IndexerFunc, reader client.Reader, newList func() client.ObjectList) handler.Funcs {
	find := users{reader}
	wake := func(ctx context.Context, values []string, queue queue) {
		for _, value := range values {
			if !isUncertain(value) {
				enqueue(queue, requestFor(value), true)
				continue
			}
			for _, waiting := range find.inUse(ctx, newList(), value) {
				enqueue(queue, reconcile.Request{NamespacedName: waiting}, true)
			}
		}
	}
	return handler.Funcs{
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, queue queue) {
			now := refs(e.ObjectNew)
			wake(ctx, slices.DeleteFunc(slices.Clone(refs(e.ObjectOld)), func(value string) bool {
				return slices.Contains(now, value) && !isUncertain(value)
			}), queue)
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, queue queue) { wake(ctx, refs(e.Object), queue) },
	}
}

// inUse are the objects that wait for their users to let them go, as far as an uncertain value may mean them. Who waits for something else
// keeps to its back-off.
func (u users) inUse(ctx context.Context, list client.ObjectList, value string) []client.ObjectKey {
	options := []client.ListOption{client.MatchingFields{indexDeleting: beingDeleted}, client.UnsafeDisableDeepCopy}
	if namespace, _ := SplitName(value); isComputed(value) && namespace != "" {
		options = append(options, client.InNamespace(namespace))
	}
	if err := u.reader.List(ctx, list, options...); err != nil {
		return nil // As in by.
	}
	var found []client.ObjectKey
	_ = meta.EachListItem(list, func(item runtime.Object) error {
		object, ok := item.(lifecycle.Object)
		if !ok {
			return nil
		}
		if told := meta.FindStatusCondition(object.GetConditions(), v1alpha1.DeletableCondition); told != nil && told.Reason == fault.ReasonInUse {
			found = append(found, client.ObjectKeyFromObject(object))
		}
		return nil
	})
	return found
}

// localAPIOf maps a ConfigMap to the local API of its name: it may be that API's own, or stand in its way.
func localAPIOf(reader client.Reader) handler.MapFunc {
	return func(ctx context.Context, configMap client.Object) []reconcile.Request {
		var api v1alpha1.ApiDefinition
		key := client.ObjectKeyFromObject(configMap)
		if reader.Get(ctx, key, &api) != nil || !api.Spec.Local && configMap.GetLabels()[gateway.TypeLabel] == "" {
			return nil
		}
		return []reconcile.Request{{NamespacedName: key}}
	}
}

// secretType and configMapType are watched as metadata.
func secretType() client.Object    { return &corev1.Secret{} }
func configMapType() client.Object { return &corev1.ConfigMap{} }

func namesOf(keys []types.NamespacedName) []string {
	names := make([]string, len(keys))
	for i, key := range keys {
		names[i] = key.String()
	}
	slices.Sort(names)
	return names
}
