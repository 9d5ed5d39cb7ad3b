// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/gather"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/template"
	"github.com/apisync/apisync/internal/translate"
)

// Field indexes. Their values are functions of the object alone.
const (
	indexContext = "apisync.contextRef"
	indexCrossID = "apisync.crossId"
	indexSecret  = "apisync.secretRef" //nolint:gosec // a name

	// computedCrossID stands for the crossIds that templates will make; no crossId is written so.
	computedCrossID = "[["
)

type index struct {
	object client.Object
	field  string
	values client.IndexerFunc
}

// templated are the kinds whose specs may hold templates.
func templated() []client.Object {
	return []client.Object{
		&v1alpha1.ApiDefinition{}, &v1alpha1.ManagementContext{}, &v1alpha1.ApiResource{}, &v1alpha1.Group{}, &v1alpha1.Notification{},
	}
}

// Index registers the field indexes that the controllers and their watches use.
func Index(ctx context.Context, indexer client.FieldIndexer) error {
	indexes := []index{
		{&v1alpha1.ApiDefinition{}, indexContext, contextOfAPI},
		{&v1alpha1.ApiDefinition{}, indexCrossID, crossIDOfAPI},
		{&v1alpha1.ApiDefinition{}, indexResource, resourcesOfAPI},
		{&v1alpha1.ApiDefinition{}, indexGroup, groupsOf},
		{&v1alpha1.ApiDefinition{}, indexNotification, notificationsOfAPI},
		{&v1alpha1.Notification{}, indexGroup, groupsOf},
		{&v1alpha1.Group{}, indexContext, contextOfGroup},
		{&v1alpha1.ManagementContext{}, indexSecret, secretOfContext},
	}
	for _, object := range templated() {
		indexes = append(indexes, index{object, indexSource, sourcesOf}, index{object, indexDeleting, deleting})
	}
	for _, index := range indexes {
		if err := indexer.IndexField(ctx, index.object, index.field, index.values); err != nil {
			return fmt.Errorf("index %s: %w", index.field, err)
		}
	}
	return nil
}

func contextOfAPI(object client.Object) []string {
	api, ok := object.(*v1alpha1.ApiDefinition)
	if !ok {
		return nil
	}
	// Until the API has moved away, the context that it was published through is needed as well.
	keys := []string{specContext(api), recordedContext(api)}
	return slices.Compact(slices.DeleteFunc(keys, func(key string) bool { return key == "" }))
}

func specContext(api *v1alpha1.ApiDefinition) string {
	if api.Spec.ContextRef == nil {
		return ""
	}
	return referenceValue(*api.Spec.ContextRef, api.Namespace)
}

func recordedContext(api *v1alpha1.ApiDefinition) string {
	if api.Status.Sync == nil || api.Status.Sync.Place == nil {
		return ""
	}
	return api.Status.Sync.Place.Context
}

func crossIDOfAPI(object client.Object) []string {
	api, ok := object.(*v1alpha1.ApiDefinition)
	if !ok {
		return nil
	}
	return []string{crossIDValue(api)}
}

// crossIDValue is the crossId, or computedCrossID where a template makes one that isn't known yet.
func crossIDValue(api *v1alpha1.ApiDefinition) string {
	if crossID := translate.CrossID(api); !template.In(crossID) {
		return crossID
	}
	return computedCrossID
}

func secretOfContext(object client.Object) []string {
	managed, ok := object.(*v1alpha1.ManagementContext)
	if !ok {
		return nil
	}
	ref := gather.SecretRef(managed)
	if ref == nil {
		return nil
	}
	return []string{referenceValue(*ref, managed.Namespace)}
}

// relevant passes what can change an outcome: a new spec, a deletion, our own annotations. Status writes,
// labels and other people's annotations don't wake anything.
func relevant() predicate.Predicate {
	return predicate.Or(predicate.GenerationChangedPredicate{}, predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return true },
		GenericFunc: func(event.GenericEvent) bool { return true },
		UpdateFunc: func(e event.UpdateEvent) bool {
			return e.ObjectOld.GetDeletionTimestamp().IsZero() != e.ObjectNew.GetDeletionTimestamp().IsZero() ||
				slices.ContainsFunc(ourAnnotations(), func(name string) bool { return annotation(e.ObjectOld, name) != annotation(e.ObjectNew, name) })
		},
	})
}

// ourAnnotations are those with which people tell what they want.
func ourAnnotations() []string {
	return []string{
		v1alpha1.DeletionPolicyAnnotation, v1alpha1.DriftPolicyAnnotation,
		v1alpha1.DriftPeriodAnnotation, v1alpha1.DriftRotationAnnotation,
		v1alpha1.AdoptionPolicyAnnotation, v1alpha1.PausedAnnotation, v1alpha1.ReconcileAtAnnotation,
		v1alpha1.TemplateAnnotation,
	}
}

func annotation(object client.Object, name string) string { return object.GetAnnotations()[name] }

// SetupContexts adds the controller of ManagementContexts to the manager.
func SetupContexts(mgr manager.Manager, reconciler reconcile.ObjectReconciler[*v1alpha1.ManagementContext], wake <-chan event.GenericEvent, options controller.Options) error {
	find := users{mgr.GetClient()}
	contexts := newList[v1alpha1.ManagementContextList]
	return builder.ControllerManagedBy(mgr).
		Named("managementcontext").
		For(&v1alpha1.ManagementContext{}, builder.WithPredicates(relevant())).
		WatchesMetadata(secretType(), handler.EnqueueRequestsFromMapFunc(find.contextsOfSecret)).
		WatchesMetadata(secretType(), handler.EnqueueRequestsFromMapFunc(find.objectsOfSource(contexts, template.Secret))).
		WatchesMetadata(configMapType(), handler.EnqueueRequestsFromMapFunc(find.objectsOfSource(contexts, template.ConfigMap))).
		Watches(&v1alpha1.ApiDefinition{}, releases(contextOfAPI, mgr.GetClient(), contexts), builder.WithPredicates(leaves(contextOfAPI))).
		Watches(&v1alpha1.Group{}, releases(contextOfGroup, mgr.GetClient(), contexts), builder.WithPredicates(leaves(contextOfGroup))).
		WatchesRawSource(source.Channel(wake, &handler.EnqueueRequestForObject{})).
		WithOptions(options).
		Complete(reconcile.AsReconciler(mgr.GetClient(), reconciler))
}

// leaves passes what can free an object that waits for its deletion: refs gives the objects that are referred to.
func leaves(refs client.IndexerFunc) predicate.Predicate {
	return predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			before := refs(e.ObjectOld)
			// What templates make of a reference can be another than before whenever anything about the object is.
			return slices.ContainsFunc(before, isUncertain) || !slices.Equal(before, refs(e.ObjectNew))
		},
	}
}

func requestFor(key string) reconcile.Request {
	namespace, name := SplitName(key)
	return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}}
}

// contextsOfSecret are the contexts that take, or may take, their credentials from a Secret.
func (u users) contextsOfSecret(ctx context.Context, secret client.Object) []reconcile.Request {
	return requestsFor(u.referring(ctx, &v1alpha1.ManagementContextList{}, indexSecret, client.ObjectKeyFromObject(secret).String()))
}

// SetupAPIDefinitions adds the controller of ApiDefinitions to the manager. ready carries the contexts that
// changed, woken the APIs that have to be looked at for another reason than an event.
func SetupAPIDefinitions(mgr manager.Manager, reconciler reconcile.ObjectReconciler[*v1alpha1.ApiDefinition], ready <-chan event.GenericEvent, woken <-chan event.TypedGenericEvent[Wake], options controller.Options) error {
	reader := mgr.GetClient()
	find := users{reader}
	return builder.ControllerManagedBy(mgr).
		Named("apidefinition").
		For(&v1alpha1.ApiDefinition{}, builder.WithPredicates(relevant())).
		Watches(&v1alpha1.ApiResource{}, handler.EnqueueRequestsFromMapFunc(mapped(find.ofResource)), builder.WithPredicates(concernsAPIs())).
		Watches(&v1alpha1.Notification{}, handler.EnqueueRequestsFromMapFunc(mapped(find.ofNotification)), builder.WithPredicates(concernsAPIs())).
		Watches(&v1alpha1.Group{}, handler.EnqueueRequestsFromMapFunc(mapped(find.ofGroup)), builder.WithPredicates(concernsAPIs())).
		WatchesMetadata(secretType(), handler.EnqueueRequestsFromMapFunc(find.apisOfSource(template.Secret))).
		WatchesMetadata(configMapType(), handler.EnqueueRequestsFromMapFunc(find.apisOfSource(template.ConfigMap))).
		WatchesMetadata(configMapType(), handler.EnqueueRequestsFromMapFunc(localAPIOf(reader))).
		Watches(&v1alpha1.ManagementContext{}, usersOfContext(reader), builder.WithPredicates(concernsUsers())).
		Watches(&v1alpha1.ApiDefinition{}, handler.EnqueueRequestsFromMapFunc(apisOfSameCrossID(reader)),
			builder.WithPredicates(makesRoom())).
		WatchesRawSource(source.Channel(ready, usersOfContext(reader))).
		WatchesRawSource(source.TypedChannel(woken, wakes())).
		WithOptions(options).
		Complete(reconcile.AsReconciler(mgr.GetClient(), reconciler))
}

// concernsUsers passes contexts that an API may have waited for: a created one (its users say why they go
// on waiting until it is probed), one that starts to be deleted, and one that is gone; and those whose annotations say
// something else about drift.
func concernsUsers() predicate.Predicate {
	return predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool {
			return e.ObjectOld.GetDeletionTimestamp().IsZero() != e.ObjectNew.GetDeletionTimestamp().IsZero() ||
				slices.ContainsFunc(usersAnnotations(), func(name string) bool { return annotation(e.ObjectOld, name) != annotation(e.ObjectNew, name) })
		},
	}
}

// usersAnnotations are those of a context that speak of what is published through it.
func usersAnnotations() []string {
	return []string{
		v1alpha1.DriftPolicyAnnotation, v1alpha1.DriftRotationAnnotation, v1alpha1.PausedAnnotation, v1alpha1.ReconcileAtAnnotation,
	}
}

// makesRoom passes what ends the claim of an API on a place: it is gone, has moved away, or has another crossId.
func makesRoom() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			old := recordedPlace(e.ObjectOld)
			isGone := old != (mapi.Place{}) && !old.Is(recordedPlace(e.ObjectNew))
			before, after := crossIDOfAPI(e.ObjectOld), crossIDOfAPI(e.ObjectNew)
			isKnownNow := slices.Contains(before, computedCrossID) && !slices.Contains(after, computedCrossID)
			return isGone || !slices.Equal(before, after) && !isKnownNow
		},
	}
}

func recordedPlace(object client.Object) mapi.Place {
	api, ok := object.(*v1alpha1.ApiDefinition)
	if !ok || api.Status.Sync == nil || api.Status.Sync.Place == nil {
		return mapi.Place{}
	}
	return gather.Place(*api.Status.Sync.Place)
}

func apisOfSameCrossID(reader client.Reader) handler.MapFunc {
	return func(ctx context.Context, object client.Object) []reconcile.Request {
		values := crossIDOfAPI(object)
		if slices.Contains(values, computedCrossID) {
			return apisInConflict(ctx, reader)
		}
		apis, err := apisBy(ctx, reader, indexCrossID, append(values, computedCrossID)...)
		if err != nil {
			return nil // The cache answers from memory; it only fails while it shuts down.
		}
		own := client.ObjectKeyFromObject(object)
		return requestsFor(slices.DeleteFunc(keysIn(apis), func(key client.ObjectKey) bool { return key == own }))
	}
}

// apisInConflict are all that wait for another to make room. They are looked at when it isn't known which crossId is free now.
func apisInConflict(ctx context.Context, reader client.Reader) []reconcile.Request {
	var apis v1alpha1.ApiDefinitionList
	if err := reader.List(ctx, &apis, client.UnsafeDisableDeepCopy); err != nil {
		return nil // The cache answers from memory; it only fails while it shuts down.
	}
	return requestsFor(keysIn(slices.DeleteFunc(apis.Items, func(api v1alpha1.ApiDefinition) bool {
		ready := meta.FindStatusCondition(api.Status.Conditions, v1alpha1.ReadyCondition)
		return ready == nil || ready.Reason != fault.ReasonOwnedElsewhere
	})))
}

// apisBy gives the APIs that an index knows under any of the values, each once. They belong to the cache and must not be changed: there
// may be thousands.
func apisBy(ctx context.Context, reader client.Reader, index string, values ...string) ([]v1alpha1.ApiDefinition, error) {
	var found []v1alpha1.ApiDefinition
	known := map[client.ObjectKey]bool{}
	for _, value := range values {
		var apis v1alpha1.ApiDefinitionList
		if err := reader.List(ctx, &apis, client.MatchingFields{index: value}, client.UnsafeDisableDeepCopy); err != nil {
			return nil, err //nolint:wrapcheck // the caller knows for what
		}
		for i := range apis.Items {
			if key := client.ObjectKeyFromObject(&apis.Items[i]); !known[key] {
				known[key] = true
				found = append(found, apis.Items[i])
			}
		}
	}
	return found, nil
}

// SetupResources adds the controller of ApiResources to the manager.
func SetupResources(mgr manager.Manager, reconciler reconcile.ObjectReconciler[*v1alpha1.ApiResource], options controller.Options) error {
	find, resources := users{mgr.GetClient()}, newList[v1alpha1.ApiResourceList]
	return builder.ControllerManagedBy(mgr).
		Named("apiresource").
		For(&v1alpha1.ApiResource{}, builder.WithPredicates(relevant())).
		WatchesMetadata(secretType(), handler.EnqueueRequestsFromMapFunc(find.objectsOfSource(resources, template.Secret))).
		WatchesMetadata(configMapType(), handler.EnqueueRequestsFromMapFunc(find.objectsOfSource(resources, template.ConfigMap))).
		Watches(&v1alpha1.ApiDefinition{}, releases(resourcesOfAPI, mgr.GetClient(), resources), builder.WithPredicates(leaves(resourcesOfAPI))).
		WithOptions(options).
		Complete(reconcile.AsReconciler(mgr.GetClient(), reconciler))
}

// SetupNotifications adds the controller of Notifications to the manager.
func SetupNotifications(mgr manager.Manager, reconciler reconcile.ObjectReconciler[*v1alpha1.Notification], options controller.Options) error {
	find, notifications := users{mgr.GetClient()}, newList[v1alpha1.NotificationList]
	return builder.ControllerManagedBy(mgr).
		Named("notification").
		For(&v1alpha1.Notification{}, builder.WithPredicates(relevant())).
		WatchesMetadata(secretType(), handler.EnqueueRequestsFromMapFunc(find.objectsOfSource(notifications, template.Secret))).
		WatchesMetadata(configMapType(), handler.EnqueueRequestsFromMapFunc(find.objectsOfSource(notifications, template.ConfigMap))).
		Watches(&v1alpha1.Group{}, handler.EnqueueRequestsFromMapFunc(mapped(func(ctx context.Context, key string) []client.ObjectKey {
			return find.referring(ctx, notifications(), indexGroup, key)
		})), builder.WithPredicates(concernsAPIs())).
		Watches(&v1alpha1.ApiDefinition{}, releases(notificationsOfAPI, mgr.GetClient(), notifications), builder.WithPredicates(leaves(notificationsOfAPI))).
		WithOptions(options).
		Complete(reconcile.AsReconciler(mgr.GetClient(), reconciler))
}

// SetupGroups adds the controller of Groups to the manager. ready carries the contexts that changed.
func SetupGroups(mgr manager.Manager, reconciler reconcile.ObjectReconciler[*v1alpha1.Group], ready <-chan event.GenericEvent, options controller.Options) error {
	find, groups := users{mgr.GetClient()}, newList[v1alpha1.GroupList]
	ofContext := handler.EnqueueRequestsFromMapFunc(mapped(func(ctx context.Context, key string) []client.ObjectKey {
		return find.referring(ctx, groups(), indexContext, key)
	}))
	return builder.ControllerManagedBy(mgr).
		Named("group").
		For(&v1alpha1.Group{}, builder.WithPredicates(relevant())).
		Watches(&v1alpha1.ManagementContext{}, ofContext, builder.WithPredicates(concernsUsers())).
		WatchesMetadata(secretType(), handler.EnqueueRequestsFromMapFunc(find.objectsOfSource(groups, template.Secret))).
		WatchesMetadata(configMapType(), handler.EnqueueRequestsFromMapFunc(find.objectsOfSource(groups, template.ConfigMap))).
		Watches(&v1alpha1.ApiDefinition{}, releases(groupsOf, mgr.GetClient(), groups), builder.WithPredicates(leaves(groupsOf))).
		Watches(&v1alpha1.Notification{}, releases(groupsOf, mgr.GetClient(), groups), builder.WithPredicates(leaves(groupsOf))).
		WatchesRawSource(source.Channel(ready, ofContext)).
		WithOptions(options).
		Complete(reconcile.AsReconciler(mgr.GetClient(), reconciler))
}

// SplitName takes namespace/name apart; without a separator all of it is the name.
func SplitName(fullName string) (namespace, name string) {
	namespace, name, found := strings.Cut(fullName, string(types.Separator))
	if !found {
		return "", fullName
	}
	return namespace, name
}
