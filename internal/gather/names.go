// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gather

import (
	"context"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/fault"
)

// Names renders the names by which objects refer to others, and crossIds, without the rest of their specs. What it reads is read once
// for all objects that it is asked about, so it is made for one look. Not safe for concurrent use.
type Names struct{ values *values }

// Names makes one.
func (s Sources) Names() *Names { return &Names{values: &values{sources: s}} }

// Of is a copy of an ApiDefinition, Group or Notification in which references and spec.crossId are rendered, and nothing else; other
// objects are given back as they are. What can't be rendered stays as it is, and the error says why, without any rendered value; a Transient
// one goes first. A crossId from a Secret is refused, as in Sources.API. The copy shares everything else with the object.
func (n *Names) Of(ctx context.Context, object client.Object) (client.Object, error) {
	var errs []error
	switch object := object.(type) {
	case *v1alpha1.ApiDefinition:
		named := *object
		errs = n.api(ctx, &named)
		return &named, n.first(errs)
	case *v1alpha1.Group:
		named := *object
		errs = n.group(ctx, &named)
		return &named, n.first(errs)
	case *v1alpha1.Notification:
		named := *object
		errs = n.notification(ctx, &named)
		return &named, n.first(errs)
	}
	return object, nil
}

func (n *Names) first(errs []error) error {
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if len(errs) == 0 {
		return nil
	}
	err := errs[0]
	if i := slices.IndexFunc(errs, func(err error) bool { return fault.KindOf(err) == fault.Transient }); i >= 0 {
		err = errs[i]
	}
	return fault.Redact(err, n.values.redactor())
}

// Redact takes out of a text what was rendered so far.
func (n *Names) Redact(text string) string { return n.values.redactor()(text) }

// The parts of specs below keep the names of their fields, so that errors tell the right ones.
type (
	contextPart struct {
		ContextRef *v1alpha1.Reference `json:"contextRef,omitempty"`
	}
	crossIDPart struct {
		CrossID string `json:"crossId,omitempty"`
	}
	groupsPart struct {
		GroupRefs []v1alpha1.Reference `json:"groupRefs,omitempty"`
	}
	notificationsPart struct {
		NotificationsRefs []v1alpha1.Reference `json:"notificationsRefs,omitempty"`
	}
	resourcesPart struct {
		Resources []resourcePart `json:"resources,omitempty"`
	}
	resourcePart struct {
		Ref *v1alpha1.Reference `json:"ref,omitempty"`
	}
	consolePart struct {
		Console groupsPart `json:"console"`
	}
)

func (n *Names) api(ctx context.Context, api *v1alpha1.ApiDefinition) []error {
	spec := &api.Spec
	return []error{
		n.context(ctx, &spec.ContextRef, api.Namespace), n.crossID(ctx, api), n.resources(ctx, api),
		part(ctx, n, groupsPart{spec.GroupRefs}, api.Namespace, func(p groupsPart) { spec.GroupRefs = p.GroupRefs }),
		part(ctx, n, notificationsPart{spec.NotificationsRefs}, api.Namespace, func(p notificationsPart) { spec.NotificationsRefs = p.NotificationsRefs }),
	}
}

// part renders one part of a spec, and puts it to its place when that could be done.
func part[P any](ctx context.Context, n *Names, given P, namespace string, put func(P)) error {
	rendered, _, err := render(ctx, n.values, given, namespace)
	if err == nil {
		put(rendered)
	}
	return err
}

func (n *Names) context(ctx context.Context, ref **v1alpha1.Reference, namespace string) error {
	return part(ctx, n, contextPart{*ref}, namespace, func(p contextPart) { *ref = p.ContextRef })
}

func (n *Names) crossID(ctx context.Context, api *v1alpha1.ApiDefinition) error {
	rendered, secrets, err := render(ctx, n.values, crossIDPart{api.Spec.CrossID}, api.Namespace)
	if err == nil {
		err = identitiesFrom(secrets)
	}
	if err == nil {
		api.Spec.CrossID = rendered.CrossID
	}
	return err
}

func (n *Names) resources(ctx context.Context, api *v1alpha1.ApiDefinition) error {
	var given resourcesPart
	for _, resource := range api.Spec.Resources {
		given.Resources = append(given.Resources, resourcePart{resource.Ref})
	}
	return part(ctx, n, given, api.Namespace, func(p resourcesPart) {
		api.Spec.Resources = slices.Clone(api.Spec.Resources) // it is shared with the object
		for i := range p.Resources {
			api.Spec.Resources[i].Ref = p.Resources[i].Ref
		}
	})
}

func (n *Names) group(ctx context.Context, group *v1alpha1.Group) []error {
	return []error{n.context(ctx, &group.Spec.ContextRef, group.Namespace)}
}

func (n *Names) notification(ctx context.Context, notification *v1alpha1.Notification) []error {
	console := &notification.Spec.Console
	return []error{part(ctx, n, consolePart{groupsPart{console.GroupRefs}}, notification.Namespace, func(p consolePart) {
		console.GroupRefs = p.Console.GroupRefs
	})}
}
