// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/controller"
	"github.com/apisync/apisync/internal/gather"
)

// layReferences lays the ApiResources, Groups and Notifications of the files over those of the cluster, and gives those that are new or
// another than before. When files are to be deleted they stay: the operator keeps them as long as something needs them.
func (p *planner) layReferences(ctx context.Context, given []client.Object) (changed []client.Object, err error) {
	for _, file := range given {
		indexer, err := p.world.indexerOf(file)
		if err != nil {
			return nil, err
		}
		live, exists := stored[client.Object](indexer, client.ObjectKeyFromObject(file))
		if p.Delete {
			p.endReference(ctx, file, exists)
			continue
		}
		object := p.laidReference(live, file, exists)
		if err := p.world.put(object); err != nil {
			return nil, err
		}
		if !exists || !sameJSON(specOf(live), specOf(file)) {
			changed = append(changed, object)
		}
	}
	p.noteGroups(changed)
	return changed, nil
}

// laidReference is the live object, or a new one, with the spec of the file.
func (p *planner) laidReference(live, file client.Object, exists bool) client.Object {
	meta := p.newborn(file)
	if exists {
		live, _ = live.DeepCopyObject().(client.Object)
	}
	switch file := file.(type) {
	case *v1alpha1.ApiResource:
		object := &v1alpha1.ApiResource{ObjectMeta: meta}
		if exists {
			object, _ = live.(*v1alpha1.ApiResource)
			layMetadata(&object.ObjectMeta, file)
		}
		object.Spec = *file.Spec.DeepCopy()
		return object
	case *v1alpha1.Notification:
		object := &v1alpha1.Notification{ObjectMeta: meta}
		if exists {
			object, _ = live.(*v1alpha1.Notification)
			layMetadata(&object.ObjectMeta, file)
		}
		object.Spec = *file.Spec.DeepCopy()
		return object
	case *v1alpha1.Group:
		object := &v1alpha1.Group{ObjectMeta: meta}
		if exists {
			object, _ = live.(*v1alpha1.Group)
			layMetadata(&object.ObjectMeta, file)
		}
		object.Spec = *file.Spec.DeepCopy()
		return object
	}
	return file
}

// specOf is the spec of what an API refers to.
func specOf(object client.Object) any {
	switch object := object.(type) {
	case *v1alpha1.ApiResource:
		return object.Spec
	case *v1alpha1.Group:
		return object.Spec
	case *v1alpha1.Notification:
		return object.Spec
	}
	return nil
}

// noteGroups says what the plan leaves out.
func (p *planner) noteGroups(changed []client.Object) {
	var names []string
	for _, object := range changed {
		if group, ok := object.(*v1alpha1.Group); ok && group.Spec.ContextRef != nil {
			verb := " changes"
			if group.Status.ID == "" {
				verb = " isn't published yet"
			}
			names = append(names, nameOf(group)+verb)
		}
	}
	if len(names) > 0 {
		p.notef("the operator publishes Groups too, and a plan doesn't tell with which changes: %s", strings.Join(names, ", "))
	}
}

// endReference says whether an object would wait with its deletion.
func (p *planner) endReference(ctx context.Context, file client.Object, exists bool) {
	used, err := controller.NeededBy(ctx, p.world, p.sources(), file)
	switch {
	case !exists:
		p.notef("%s isn't in the cluster", nameOf(file))
	case err != nil:
		p.notef("%s would be kept as long as something needs it, which can't be told: %v", nameOf(file), err)
	case len(used) > 0:
		p.notef("%s would not be gone at once: it is kept until the last object that needs it is gone (%s)", nameOf(file), strings.Join(used, ", "))
	case kindOf(file) == v1alpha1.GroupKind:
		p.notef("the operator deletes Groups too, and a plan doesn't look at them: %s", nameOf(file))
	}
}

// laySources lays the Secrets and ConfigMaps of the files over those of the cluster, and gives those that have another content than
// before. One that can't be read may have. What nothing in the cluster needs isn't read: files may hold many of other programs.
func (p *planner) laySources(ctx context.Context, given files) (changed []client.Object) {
	for _, file := range given.sources {
		key := client.ObjectKeyFromObject(file)
		object, same := file, true
		if p.needsSource(ctx, given, file) {
			object, same = p.laidSource(ctx, file)
		}
		p.world.sources.given[sourceKeyOf(file, key)] = object
		if !same && !p.Delete {
			changed = append(changed, object)
		}
	}
	return changed
}

// needsSource reports whether something in the cluster uses a Secret or ConfigMap, or gateways may read it as an API.
func (p *planner) needsSource(ctx context.Context, given files, source client.Object) bool {
	return len(controller.UsersOf(ctx, p.world, source)) > 0 || len(controller.ContextsOf(ctx, p.world, source)) > 0 ||
		slices.ContainsFunc(given.apis, func(api *v1alpha1.ApiDefinition) bool {
			return client.ObjectKeyFromObject(api) == client.ObjectKeyFromObject(source)
		})
}

// laidSource is the live object with the content of the file, or the file alone where there is none or none may be read.
func (p *planner) laidSource(ctx context.Context, file client.Object) (laid client.Object, same bool) {
	key := client.ObjectKeyFromObject(file)
	switch file := file.(type) {
	case *corev1.Secret:
		var live corev1.Secret
		if p.Cluster == nil || p.before.sources.live.get(ctx, key, &live) != nil {
			return file, false
		}
		same = maps.EqualFunc(live.Data, file.Data, bytes.Equal)
		layMetadata(&live.ObjectMeta, file)
		live.Data = file.Data
		return &live, same
	case *corev1.ConfigMap:
		var live corev1.ConfigMap
		if p.Cluster == nil || p.before.sources.live.get(ctx, key, &live) != nil {
			return file, false
		}
		same = maps.Equal(live.Data, file.Data) && maps.EqualFunc(live.BinaryData, file.BinaryData, bytes.Equal)
		layMetadata(&live.ObjectMeta, file)
		live.Data, live.BinaryData = file.Data, file.BinaryData
		return &live, same
	}
	return file, false
}

// changeContexts finds the contexts whose credentials, or whose templates' sources, change.
func (p *planner) changeContexts(ctx context.Context, changed []client.Object) {
	for _, object := range changed {
		for _, key := range controller.ContextsOf(ctx, p.world, object) {
			for _, c := range p.managed {
				if client.ObjectKeyFromObject(c.object) == key && c.change == ContextUnchanged {
					c.change = changeBy(c, object)
				}
			}
		}
	}
}

// changeBy tells credentials from what a context's templates refer to.
func changeBy(c *contextTarget, object client.Object) ContextChange {
	key, named := gather.SecretKey(c.object)
	if _, secret := object.(*corev1.Secret); secret && named && key == client.ObjectKeyFromObject(object) {
		return ContextCredentials
	}
	return ContextChanged
}
