// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/controller"
	"github.com/apisync/apisync/internal/gather"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/model"
)

// target is one ApiDefinition that is planned.
type target struct {
	// api is the resource as it will be, before the operator sees it.
	api *v1alpha1.ApiDefinition
	// live is the resource as it is in the cluster; nil when it is new.
	live *v1alpha1.ApiDefinition
	// inFiles is false for resources that are planned because of something else in the files.
	inFiles bool
	// drawnUID is true when the uid, and what is derived from it, will be another.
	drawnUID bool

	// complete is api with all that it refers to, incomplete why that can't be had.
	complete   gather.API
	incomplete error
	// unpublished are the Groups that the management API doesn't have yet, and that the operator would give it.
	unpublished []string
	// published is the wanted state that was published last, as far as the cluster tells, and addresses are the paths of the live resource.
	published *model.API
	addresses []string
	// digest is that of the wanted state that was published last; empty when it isn't known.
	digest string
	// blind is true when there is a recorded digest that the plan has no key for, and nothing in its place.
	blind bool
	// veil hides what was rendered.
	veil veil
}

// resource is api as far as it is complete.
func (t *target) resource() *v1alpha1.ApiDefinition {
	if t.complete.Object != nil {
		return t.complete.Object
	}
	return t.api
}

// goes reports whether the resource is being deleted, or will be.
func (t *target) goes() bool { return !t.api.DeletionTimestamp.IsZero() }

// contextTarget is one ManagementContext.
type contextTarget struct {
	object *v1alpha1.ManagementContext
	change ContextChange
	// needed is true when something is planned through it, or it is in the files; touched when the objects that it publishes are looked
	// at again although nothing else of it changes.
	needed, inFiles, touched bool

	// info is what the probe told, err why the context can't be used.
	info mapi.ServerInfo
	err  error
	// place is where it leads; the zero value when that can't be told.
	place mapi.Place
	// redact takes what was rendered for the context out of a text.
	redact func(string) string
}

// files are the objects of the files by kind, in their order.
type files struct {
	apis     []*v1alpha1.ApiDefinition
	contexts []*v1alpha1.ManagementContext
	// references are ApiResources, Groups and Notifications, sources Secrets and ConfigMaps.
	references, sources []client.Object
}

func sortFiles(objects []client.Object) (files, error) {
	var sorted files
	seen := map[string]bool{}
	for _, object := range objects {
		switch object := object.(type) {
		case *v1alpha1.ApiDefinition:
			sorted.apis = append(sorted.apis, object)
		case *v1alpha1.ManagementContext:
			sorted.contexts = append(sorted.contexts, object)
		case *v1alpha1.ApiResource, *v1alpha1.Group, *v1alpha1.Notification:
			sorted.references = append(sorted.references, object)
		case *corev1.Secret, *corev1.ConfigMap:
			sorted.sources = append(sorted.sources, object)
		default:
			return files{}, fmt.Errorf("a plan has no use for objects of type %T", object)
		}
		name := nameOf(object)
		if seen[name] {
			return files{}, fmt.Errorf("%s is twice in the files: which one is meant can't be told", name)
		}
		seen[name] = true
	}
	return sorted, nil
}

// nameOf is kind and namespace/name of an object.
func nameOf(object client.Object) string {
	return kindOf(object) + " " + client.ObjectKeyFromObject(object).String()
}

// gather fills the snapshot and says what is planned.
func (p *planner) gather(ctx context.Context) error {
	given, err := sortFiles(p.Objects)
	if err != nil {
		return err
	}
	if err := p.read(ctx); err != nil {
		return err
	}
	changed, err := p.layReferences(ctx, given.references)
	if err != nil {
		return err
	}
	if err := p.layContexts(given.contexts); err != nil {
		return err
	}
	changed = append(changed, p.laySources(ctx, given)...)
	p.changeContexts(ctx, changed)
	if err := p.layAPIs(ctx, given, changed); err != nil {
		return err
	}
	p.atOnce(len(p.targets), func(i int) { p.complete(ctx, p.targets[i]) })
	p.markNeeded()
	for _, t := range p.targets {
		if err := p.world.put(t.api); err != nil {
			return err
		}
	}
	return nil
}

// read lists what the operator's cache would hold.
func (p *planner) read(ctx context.Context) error {
	if p.Cluster == nil {
		return nil
	}
	p.tell.linef("Reading the cluster")
	for _, namespace := range p.readNamespaces() {
		for _, list := range []client.ObjectList{&v1alpha1.ManagementContextList{}, &v1alpha1.ApiDefinitionList{}} {
			if err := p.readList(ctx, list, namespace, p.world); err != nil {
				return err
			}
		}
		for _, list := range []client.ObjectList{&v1alpha1.ApiResourceList{}, &v1alpha1.GroupList{}, &v1alpha1.NotificationList{}} {
			err := p.readList(ctx, list, namespace, p.world, p.before)
			if isUnknownKind(err) {
				continue // CRDs of an older version
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// readNamespaces are those of lists.
func (p *planner) readNamespaces() []string {
	if len(p.Namespaces) == 0 {
		return []string{metav1.NamespaceAll}
	}
	return p.Namespaces
}

func (p *planner) readList(ctx context.Context, list client.ObjectList, namespace string, into ...*snapshot) error {
	if err := p.Cluster.List(ctx, list, client.InNamespace(namespace)); err != nil {
		return unreadable(err, list, namespace)
	}
	items, err := meta.ExtractList(list)
	if err != nil {
		return fmt.Errorf("reading a list of the cluster: %w", err)
	}
	for _, item := range items {
		for _, world := range into {
			if err := world.put(item.(client.Object)); err != nil { //nolint:forcetypeassert // all kinds are objects
				return err
			}
		}
	}
	return nil
}

// unreadable says what can be done about a list that can't be had.
func unreadable(err error, list client.ObjectList, namespace string) error {
	kind := strings.ToLower(strings.TrimSuffix(reflect.TypeOf(list).Elem().Name(), "List")) + "s.gravitee.io"
	switch {
	case apierrors.IsForbidden(err):
		return fmt.Errorf("listing %s %s: %w; ask for the right to list them, or name the namespaces that you may read", kind, where(namespace), err)
	case isUnknownKind(err):
		return fmt.Errorf("listing %s: %w; install the CRDs in this cluster first, or plan without a cluster", kind, err)
	}
	return fmt.Errorf("listing %s %s: %w", kind, where(namespace), err)
}

// isUnknownKind is met when the API server doesn't know a kind.
func isUnknownKind(err error) bool { return meta.IsNoMatchError(err) || apierrors.IsNotFound(err) }

func where(namespace string) string {
	if namespace == metav1.NamespaceAll {
		return "in all namespaces"
	}
	return "in namespace " + namespace
}

// layContexts lays the contexts of the files over those of the cluster.
func (p *planner) layContexts(given []*v1alpha1.ManagementContext) error {
	for _, object := range all[*v1alpha1.ManagementContext](p.world.contexts) {
		p.managed = append(p.managed, &contextTarget{object: object, change: ContextUnchanged})
	}
	for _, file := range given {
		i := slices.IndexFunc(p.managed, func(c *contextTarget) bool {
			return client.ObjectKeyFromObject(c.object) == client.ObjectKeyFromObject(file)
		})
		if i < 0 {
			if p.Delete {
				p.notef("ManagementContext %s isn't in the cluster", client.ObjectKeyFromObject(file))
				continue
			}
			i = len(p.managed)
			p.managed = append(p.managed, &contextTarget{change: ContextNew, object: &v1alpha1.ManagementContext{ObjectMeta: p.newborn(file)}})
			p.managed[i].object.Spec = file.Spec
		}
		c := p.managed[i]
		c.inFiles = true
		switch {
		case p.Delete:
			c.change = ContextDeleted
			c.object.DeletionTimestamp = &metav1.Time{Time: p.now}
		case c.change != ContextNew:
			c.lay(file)
		}
		if err := p.world.put(c.object); err != nil {
			return err
		}
	}
	return nil
}

func (c *contextTarget) lay(file *v1alpha1.ManagementContext) {
	before := c.object.DeepCopy()
	layMetadata(&c.object.ObjectMeta, file)
	c.touched = controller.ConcernsUsers(before, c.object)
	if sameJSON(c.object.Spec, file.Spec) {
		return
	}
	c.change = ContextChanged
	c.object.Spec = file.Spec
}

// newborn is the metadata that an API server gives to a new object.
func (p *planner) newborn(file client.Object) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: file.GetNamespace(), Name: file.GetName(), UID: p.newUID(file), Generation: 1,
		Labels: file.GetLabels(), Annotations: file.GetAnnotations(), CreationTimestamp: metav1.Time{Time: p.now},
	}
}

// layAPIs lays the ApiDefinitions of the files over those of the cluster, and says which are planned.
func (p *planner) layAPIs(ctx context.Context, given files, changed []client.Object) error {
	fromFiles := map[client.ObjectKey]bool{}
	for _, file := range given.apis {
		key := client.ObjectKeyFromObject(file)
		fromFiles[key] = true
		live, exists := stored[*v1alpha1.ApiDefinition](p.world.apis, key)
		switch {
		case p.Delete && !exists:
			p.notef("ApiDefinition %s isn't in the cluster", key)
			continue
		case p.Delete:
			p.targets = append(p.targets, p.doomed(live, true))
		case exists:
			p.targets = append(p.targets, &target{api: laid(live, file), live: live, inFiles: true})
		default:
			p.targets = append(p.targets, &target{api: p.fresh(file), inFiles: true, drawnUID: true})
		}
	}
	concerned := p.concerned(ctx, changed)
	for _, live := range all[*v1alpha1.ApiDefinition](p.world.apis) {
		switch {
		case fromFiles[client.ObjectKeyFromObject(live)]:
		case p.prunes(live, given):
			p.targets = append(p.targets, p.doomed(live, false))
		case p.All || concerned(live):
			p.targets = append(p.targets, &target{api: live.DeepCopy(), live: live})
		}
	}
	return nil
}

func (p *planner) fresh(file *v1alpha1.ApiDefinition) *v1alpha1.ApiDefinition {
	api := &v1alpha1.ApiDefinition{ObjectMeta: p.newborn(file), Spec: *file.Spec.DeepCopy()}
	api.Status.ObservedGeneration = -1
	return api
}

// doomed is a resource whose deletion is asked for.
func (p *planner) doomed(live *v1alpha1.ApiDefinition, inFiles bool) *target {
	api := live.DeepCopy()
	if api.DeletionTimestamp.IsZero() {
		api.DeletionTimestamp = &metav1.Time{Time: p.now}
	}
	return &target{api: api, live: live, inFiles: inFiles}
}

// prunes keeps to the namespaces of the files, as kubectl does: others may belong to somebody else's files.
func (p *planner) prunes(live *v1alpha1.ApiDefinition, given files) bool {
	if p.Prune == nil || !p.Prune.Matches(labels.Set(live.Labels)) {
		return false
	}
	inNamespace := func(namespace string) bool { return namespace == live.Namespace }
	return slices.ContainsFunc(given.namespaces(), inNamespace)
}

func (f files) namespaces() []string {
	var names []string
	for _, api := range f.apis {
		names = append(names, api.Namespace)
	}
	for _, managed := range f.contexts {
		names = append(names, managed.Namespace)
	}
	for _, reference := range f.references {
		names = append(names, reference.GetNamespace())
	}
	return names
}

// concerned tells the APIs that the operator would look at again, since something that they refer to changes.
func (p *planner) concerned(ctx context.Context, changed []client.Object) func(*v1alpha1.ApiDefinition) bool {
	contexts, apis := map[string]bool{}, map[client.ObjectKey]bool{}
	for _, c := range p.managed {
		if c.touched || c.change != ContextUnchanged && c.change != ContextDeleted {
			contexts[client.ObjectKeyFromObject(c.object).String()] = true
		}
	}
	for _, object := range changed {
		for _, key := range controller.UsersOf(ctx, p.world, object) {
			apis[key] = true
		}
	}
	return func(api *v1alpha1.ApiDefinition) bool {
		if apis[client.ObjectKeyFromObject(api)] {
			return true
		}
		for name := range contexts {
			if controller.MayNeedContext(api, name) {
				return true
			}
		}
		return false
	}
}

// contexts are those that an API needs: the one that it names, as far as that can be rendered, and the one that it was published through.
func (t *target) contexts() []string {
	api := t.api
	if t.complete.Object != nil {
		api = t.complete.Object
	}
	var names []string
	if api.Spec.ContextRef != nil {
		names = append(names, gather.RefKey(*api.Spec.ContextRef, api.Namespace).String())
	}
	if api.Status.Sync != nil && api.Status.Sync.Place != nil && api.Status.Sync.Place.Context != "" {
		names = append(names, api.Status.Sync.Place.Context)
	}
	return names
}

func (p *planner) markNeeded() {
	needed := map[string]bool{}
	for _, t := range p.targets {
		for _, name := range t.contexts() {
			needed[name] = true
		}
	}
	for _, c := range p.managed {
		inFiles := c.inFiles && c.change != ContextDeleted
		c.needed = inFiles || c.change == ContextCredentials || needed[client.ObjectKeyFromObject(c.object).String()]
	}
}

// complete looks up what a resource refers to, and what was published of it last.
func (p *planner) complete(ctx context.Context, t *target) {
	t.complete, t.incomplete = p.sources().API(ctx, t.api)
	t.veil.see(t.complete, t.incomplete)
	t.unpublished = p.unpublishedGroups(t)
	if t.live != nil {
		p.look(ctx, t)
	}
	p.drape(ctx, t)
}

func (p *planner) unpublishedGroups(t *target) []string {
	var names []string
	for _, ref := range t.complete.Object.Spec.GroupRefs {
		key := gather.RefKey(ref, t.api.Namespace)
		group, exists := stored[*v1alpha1.Group](p.world.groups, key)
		if exists && group.Spec.ContextRef != nil && group.Status.ID == "" && !t.goes() {
			names = append(names, key.String())
		}
	}
	return names
}

// look finds out what was published of a resource last. What can't be looked up, the operator would find as well.
func (p *planner) look(ctx context.Context, t *target) {
	found, err := p.sourcesBefore().API(ctx, t.live)
	t.veil.see(found, err)
	var last model.API
	if err == nil {
		last, err = p.reconciler(t).Remembered(found)
	}
	if err == nil {
		t.addresses = paths(last)
		if isInStep(t.live) {
			t.published = &last
		}
	}
	p.rekey(t)
}

// rekey makes the digest of what was published last comparable. With a key of its own a plan can't judge the
// recorded one: but of an API that is in step the resource itself, with what it refers to in the cluster, tells what was published.
func (p *planner) rekey(t *target) {
	sync := t.api.Status.Sync
	if sync == nil || sync.Digest == "" {
		t.published = nil
		return
	}
	t.digest, t.blind = sync.Digest, p.drawnKey
	if !p.drawnKey || t.published == nil {
		return
	}
	if digest, err := t.published.Digest(p.DigestKey); err == nil {
		sync.Digest, t.digest, t.blind = digest, digest, false
	}
}

// remembered is the wanted state under the identities that the status remembers. Digests are made of it.
func (p *planner) remembered(t *target) (model.API, error) {
	if t.incomplete != nil {
		return model.API{}, t.incomplete
	}
	return p.reconciler(t).Remembered(t.complete)
}

// isInStep reports whether the present spec was published.
func isInStep(api *v1alpha1.ApiDefinition) bool {
	return api.Status.ObservedGeneration == api.Generation && meta.IsStatusConditionTrue(api.Status.Conditions, v1alpha1.ReadyCondition)
}

func (p *planner) notef(format string, args ...any) {
	p.notes = append(p.notes, strings.TrimSpace(fmt.Sprintf(format, args...)))
}
