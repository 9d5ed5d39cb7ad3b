// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/gather"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/model"
	"github.com/apisync/apisync/internal/translate"
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
	// published is the wanted state that was published last, as far as the cluster tells.
	published *model.API
	// digest is that of the wanted state that was published last; empty when it isn't known.
	digest string
	// blind is true when there is a recorded digest that the plan has no key for, and nothing in its place.
	blind bool
}

// goes reports whether the resource is being deleted, or will be.
func (t *target) goes() bool { return !t.api.DeletionTimestamp.IsZero() }

// contextTarget is one ManagementContext.
type contextTarget struct {
	object *v1alpha1.ManagementContext
	change ContextChange
	// needed is true when something is planned through it, or it is in the files.
	needed, inFiles bool

	// info is what the probe told, err why the context can't be used.
	info mapi.ServerInfo
	err  error
}

// files are the objects of the files by kind, in their order.
type files struct {
	apis     []*v1alpha1.ApiDefinition
	contexts []*v1alpha1.ManagementContext
	secrets  []*corev1.Secret
}

func sortFiles(objects []client.Object) (files, error) {
	var sorted files
	seen := map[string]bool{}
	for _, object := range objects {
		var kind string
		switch object := object.(type) {
		case *v1alpha1.ApiDefinition:
			kind, sorted.apis = "ApiDefinition", append(sorted.apis, object)
		case *v1alpha1.ManagementContext:
			kind, sorted.contexts = "ManagementContext", append(sorted.contexts, object)
		case *corev1.Secret:
			kind, sorted.secrets = "Secret", append(sorted.secrets, object)
		default:
			return files{}, fmt.Errorf("a plan has no use for objects of type %T", object)
		}
		name := kind + " " + client.ObjectKeyFromObject(object).String()
		if seen[name] {
			return files{}, fmt.Errorf("%s is twice in the files: which one is meant can't be told", name)
		}
		seen[name] = true
	}
	return sorted, nil
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
	for _, secret := range given.secrets {
		p.world.secrets[client.ObjectKeyFromObject(secret)] = secret
	}
	if err := p.layContexts(given.contexts); err != nil {
		return err
	}
	p.laySecrets(ctx, given.secrets)
	if err := p.layAPIs(given); err != nil {
		return err
	}
	p.markNeeded()
	return nil
}

// read lists what the operator's cache would hold.
func (p *planner) read(ctx context.Context) error {
	if p.Cluster == nil {
		return nil
	}
	p.tell.linef("Reading the cluster")
	namespaces := p.Namespaces
	if len(namespaces) == 0 {
		namespaces = []string{metav1.NamespaceAll}
	}
	for _, namespace := range namespaces {
		for _, list := range []client.ObjectList{&v1alpha1.ManagementContextList{}, &v1alpha1.ApiDefinitionList{}} {
			if err := p.readList(ctx, list, namespace); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *planner) readList(ctx context.Context, list client.ObjectList, namespace string) error {
	if err := p.Cluster.List(ctx, list, client.InNamespace(namespace)); err != nil {
		return unreadable(err, list, namespace)
	}
	items, err := meta.ExtractList(list)
	if err != nil {
		return fmt.Errorf("reading a list of the cluster: %w", err)
	}
	for _, item := range items {
		if err := p.world.put(item.(client.Object)); err != nil { //nolint:forcetypeassert // both kinds are objects
			return err
		}
	}
	return nil
}

// unreadable says what can be done about a list that can't be had.
func unreadable(err error, list client.ObjectList, namespace string) error {
	kind := "apidefinitions.gravitee.io"
	if _, contexts := list.(*v1alpha1.ManagementContextList); contexts {
		kind = "managementcontexts.gravitee.io"
	}
	where := "in namespace " + namespace
	if namespace == metav1.NamespaceAll {
		where = "in all namespaces"
	}
	switch {
	case apierrors.IsForbidden(err):
		return fmt.Errorf("listing %s %s: %w; ask for the right to list them, or name the namespaces that you may read", kind, where, err)
	case meta.IsNoMatchError(err), apierrors.IsNotFound(err):
		return fmt.Errorf("listing %s: %w; install the CRDs in this cluster first, or plan without a cluster", kind, err)
	}
	return fmt.Errorf("listing %s %s: %w", kind, where, err)
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
	layMetadata(&c.object.ObjectMeta, file)
	if sameJSON(c.object.Spec, file.Spec) {
		return
	}
	c.change = ContextChanged
	c.object.Spec = file.Spec
}

// laySecrets finds the contexts whose credentials change with a Secret of the files.
func (p *planner) laySecrets(ctx context.Context, given []*corev1.Secret) {
	if p.Delete {
		return
	}
	changed := map[client.ObjectKey]bool{}
	for _, secret := range given {
		key := client.ObjectKeyFromObject(secret)
		var live corev1.Secret
		// One that can't be read may be another: then its contexts are looked at too.
		same := p.Cluster != nil && p.Cluster.Get(ctx, key, &live) == nil && maps.EqualFunc(live.Data, secret.Data, bytes.Equal)
		changed[key] = !same
	}
	for _, c := range p.managed {
		if key, used := gather.SecretKey(c.object); used && changed[key] && c.change == ContextUnchanged {
			c.change = ContextCredentials
		}
	}
}

// newborn is the metadata that an API server gives to a new object.
func (p *planner) newborn(file client.Object) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: file.GetNamespace(), Name: file.GetName(), UID: p.newUID(file), Generation: 1,
		Labels: file.GetLabels(), Annotations: file.GetAnnotations(), CreationTimestamp: metav1.Time{Time: p.now},
	}
}

// layAPIs lays the ApiDefinitions of the files over those of the cluster, and says which are planned.
func (p *planner) layAPIs(given files) error {
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
			p.add(p.doomed(live, true))
		case exists:
			p.add(&target{api: laid(live, file), live: live, inFiles: true})
		default:
			p.add(&target{api: p.fresh(file), inFiles: true, drawnUID: true})
		}
	}
	changed := p.changedContexts()
	for _, live := range all[*v1alpha1.ApiDefinition](p.world.apis) {
		switch {
		case fromFiles[client.ObjectKeyFromObject(live)]:
		case p.prunes(live, given):
			p.add(p.doomed(live, false))
		case p.All || (!p.Delete && isUser(live, changed)):
			p.add(&target{api: live.DeepCopy(), live: live})
		}
	}
	for _, t := range p.targets {
		if err := p.world.put(t.api); err != nil {
			return err
		}
	}
	return nil
}

func (p *planner) add(t *target) {
	p.rekey(t)
	p.targets = append(p.targets, t)
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
	return names
}

// changedContexts are those whose APIs the operator would look at again.
func (p *planner) changedContexts() []string {
	var names []string
	for _, c := range p.managed {
		if c.change != ContextUnchanged && c.change != ContextDeleted {
			names = append(names, client.ObjectKeyFromObject(c.object).String())
		}
	}
	return names
}

func isUser(api *v1alpha1.ApiDefinition, contexts []string) bool {
	return slices.ContainsFunc(contextsOf(api), func(name string) bool { return slices.Contains(contexts, name) })
}

// contextsOf are the contexts that an API needs: the one that it names, and the one that it was published through.
func contextsOf(api *v1alpha1.ApiDefinition) []string {
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
		for _, name := range contextsOf(t.api) {
			needed[name] = true
		}
	}
	for _, c := range p.managed {
		inFiles := c.inFiles && c.change != ContextDeleted
		c.needed = inFiles || c.change == ContextCredentials || needed[client.ObjectKeyFromObject(c.object).String()]
	}
}

// rekey makes the digest of what was published last comparable. With a key of its own a plan can't judge the
// recorded one: but of an API that is in step the resource itself tells what was published.
func (p *planner) rekey(t *target) {
	sync := t.api.Status.Sync
	if t.live == nil || sync == nil || sync.Digest == "" {
		return
	}
	t.digest, t.blind = sync.Digest, p.drawnKey
	if !isInStep(t.live) {
		return
	}
	published, err := p.remembered(t.live)
	if err != nil {
		return // the operator would find the same, and says so
	}
	t.published = &published
	if !p.drawnKey {
		return
	}
	if digest, err := published.Digest(p.DigestKey); err == nil {
		sync.Digest, t.digest, t.blind = digest, digest, false
	}
}

// remembered is the wanted state under the identities that the status remembers. Digests are made of it.
func (p *planner) remembered(api *v1alpha1.ApiDefinition) (model.API, error) {
	return translate.API(api, translate.Inputs{
		ID: cmp.Or(api.Status.ID, translate.FirstID(api)), PlanIDs: api.Status.Plans, Cluster: p.ClusterID,
	})
}

// isInStep reports whether the present spec was published.
func isInStep(api *v1alpha1.ApiDefinition) bool {
	return api.Status.ObservedGeneration == api.Generation && meta.IsStatusConditionTrue(api.Status.Conditions, v1alpha1.ReadyCondition)
}

func (p *planner) notef(format string, args ...any) {
	p.notes = append(p.notes, strings.TrimSpace(fmt.Sprintf(format, args...)))
}
