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
// objects are given back as they are. Errors are those of rendering, without any rendered value.
func (n *Names) Of(ctx context.Context, object client.Object) (client.Object, error) {
	var err error
	switch object := object.(type) {
	case *v1alpha1.ApiDefinition:
		named := object.DeepCopy()
		err = n.api(ctx, named)
		return named, fault.Redact(err, n.values.redactor())
	case *v1alpha1.Group:
		named := object.DeepCopy()
		err = n.group(ctx, named)
		return named, fault.Redact(err, n.values.redactor())
	case *v1alpha1.Notification:
		named := object.DeepCopy()
		err = n.notification(ctx, named)
		return named, fault.Redact(err, n.values.redactor())
	}
	return object, nil
}

// Redact takes out of a text what was rendered so far.
func (n *Names) Redact(text string) string { return n.values.redactor()(text) }

// The parts of specs below keep the names of their fields, so that errors tell the right ones.
type apiNames struct {
	ContextRef        *v1alpha1.Reference  `json:"contextRef,omitempty"`
	CrossID           string               `json:"crossId,omitempty"`
	GroupRefs         []v1alpha1.Reference `json:"groupRefs,omitempty"`
	NotificationsRefs []v1alpha1.Reference `json:"notificationsRefs,omitempty"`
	Resources         []resourceName       `json:"resources,omitempty"`
}

type resourceName struct {
	Ref *v1alpha1.Reference `json:"ref,omitempty"`
}

func (n *Names) api(ctx context.Context, api *v1alpha1.ApiDefinition) error {
	spec := &api.Spec
	part := apiNames{ContextRef: spec.ContextRef, CrossID: spec.CrossID, GroupRefs: spec.GroupRefs, NotificationsRefs: spec.NotificationsRefs}
	for _, resource := range spec.Resources {
		part.Resources = append(part.Resources, resourceName{Ref: resource.Ref})
	}
	part, _, err := render(ctx, n.values, part, api.Namespace)
	if err != nil {
		return err
	}
	spec.ContextRef, spec.CrossID, spec.GroupRefs, spec.NotificationsRefs = part.ContextRef, part.CrossID, part.GroupRefs, part.NotificationsRefs
	for i := range part.Resources {
		spec.Resources[i].Ref = part.Resources[i].Ref
	}
	return nil
}

type groupNames struct {
	ContextRef *v1alpha1.Reference `json:"contextRef,omitempty"`
}

func (n *Names) group(ctx context.Context, group *v1alpha1.Group) error {
	part, _, err := render(ctx, n.values, groupNames{ContextRef: group.Spec.ContextRef}, group.Namespace)
	if err != nil {
		return err
	}
	group.Spec.ContextRef = part.ContextRef
	return nil
}

type notificationNames struct {
	Console struct {
		GroupRefs []v1alpha1.Reference `json:"groupRefs,omitempty"`
	} `json:"console"`
}

func (n *Names) notification(ctx context.Context, notification *v1alpha1.Notification) error {
	var part notificationNames
	part.Console.GroupRefs = slices.Clone(notification.Spec.Console.GroupRefs)
	part, _, err := render(ctx, n.values, part, notification.Namespace)
	if err != nil {
		return err
	}
	notification.Spec.Console.GroupRefs = part.Console.GroupRefs
	return nil
}
