// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gather

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/fault"
)

// API is an ApiDefinition with all that it refers to, except for its context.
type API struct {
	// Object is a copy of the resource. Its templates are rendered, spec.resources holds what was referred to, spec.groups
	// the names of the Groups that exist, and spec.consoleNotificationConfiguration what the Notifications say
	// (shared/reference/gko-compatibility.md 2.3).
	Object *v1alpha1.ApiDefinition
	// Linked are the remote ids of the Groups, as far as they are published, by their names.
	Linked map[string]string
	// MissingGroups are the Groups that don't exist, as namespace/name, in the order in which they are named. They stop nothing.
	MissingGroups []string
	// SecretContext is true when the name of the context was taken from a Secret, so that the status must not tell it.
	SecretContext bool
	// Redact takes rendered values out of a text; never nil.
	Redact func(string) string
	// Rendered is true when anything was rendered, so that Redact has something to do.
	Rendered bool
}

// API looks up what an ApiDefinition refers to. Everything that is missing is named in one Waiting fault with the reason
// fault.ReasonReference; a missing Group is none. What templates of the spec itself look up comes first, since they may make
// references. Templates that can't be rendered are Terminal faults. Beside an error, Redact and MissingGroups may be used.
func (s Sources) API(ctx context.Context, api *v1alpha1.ApiDefinition) (API, error) {
	g := &gathering{values: &values{sources: s}, found: API{Object: api.DeepCopy()}}
	err := g.api(ctx)
	g.found.Redact, g.found.Rendered = g.values.redactor(), len(g.values.rendered) > 0
	return g.found, fault.Redact(err, g.found.Redact)
}

// gathering is one run.
type gathering struct {
	values *values
	found  API
	// missing are sentences about what doesn't exist.
	missing []string
}

func (g *gathering) api(ctx context.Context) error {
	api := g.found.Object
	spec, fromSecrets, err := render(ctx, g.values, api.Spec, api.Namespace)
	if err != nil {
		return err
	}
	api.Spec, g.found.SecretContext = spec, isContextSecret(fromSecrets)
	if err := identitiesFrom(fromSecrets); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{g.resources, g.groups, g.notifications} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return g.lacking()
}

// lacking names all that is missing; nil when nothing is.
func (g *gathering) lacking() error {
	if len(g.missing) == 0 {
		return nil
	}
	return fault.New(fault.Waiting, fault.ReasonReference, "%s", strings.Join(g.missing, "; "))
}

// identitiesFrom refuses secret identities: the status has to remember them, and is no place for secrets.
func identitiesFrom(secrets []string) error {
	var wrong []string
	for _, path := range secrets {
		isPlan := strings.HasPrefix(path, "spec.plans[") && strings.HasSuffix(path, "].crossId")
		if path == "spec.id" || path == "spec.crossId" || isPlan && strings.Count(path, ".") == 2 {
			wrong = append(wrong, path)
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return fault.New(fault.Terminal, fault.ReasonTemplate,
		"%s: an identity can't come from a Secret, since it stands in the status; take it from a ConfigMap, or write it down", strings.Join(wrong, ", "))
}

// isContextSecret reports whether the name of a context is among the fields that were rendered from a Secret.
func isContextSecret(secrets []string) bool {
	return slices.ContainsFunc(secrets, func(path string) bool { return strings.HasPrefix(path, "spec.contextRef.") })
}

// resources replaces references by what they lead to.
func (g *gathering) resources(ctx context.Context) error {
	resources := g.found.Object.Spec.Resources
	for i := range resources {
		if resources[i].Ref == nil {
			continue
		}
		if err := g.resource(ctx, fmt.Sprintf("spec.resources[%d].ref", i), &resources[i]); err != nil {
			return err
		}
	}
	return nil
}

func (g *gathering) resource(ctx context.Context, field string, into *v1alpha1.ResourceOrRef) error {
	var resource v1alpha1.ApiResource
	if found, err := g.get(ctx, field, *into.Ref, g.found.Object.Namespace, &resource); err != nil || !found {
		return err
	}
	spec, _, err := render(ctx, g.values, resource.Spec, resource.Namespace)
	if err != nil {
		return g.absent(fmt.Errorf("%s: ApiResource %s/%s: %w", field, resource.Namespace, resource.Name, err))
	}
	*into = v1alpha1.ResourceOrRef{Name: spec.Name, Type: spec.Type, Enabled: spec.Enabled, Configuration: spec.Configuration}
	return nil
}

// groups adds the names of Groups.
func (g *gathering) groups(ctx context.Context) error {
	spec := &g.found.Object.Spec
	names, err := g.namesOf(ctx, "spec.groupRefs", spec.GroupRefs, g.found.Object.Namespace)
	spec.Groups = append(slices.Clip(spec.Groups), names...)
	return err
}

// namesOf are the names of the Groups that exist, each once. Those that don't are noted.
func (g *gathering) namesOf(ctx context.Context, field string, refs []v1alpha1.Reference, namespace string) ([]string, error) {
	var names []string
	for i, ref := range refs {
		name, err := g.nameOf(ctx, fmt.Sprintf("%s[%d]", field, i), RefKey(ref, namespace))
		if err != nil {
			return names, err
		}
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// nameOf is the name of a Group; empty when it isn't known.
func (g *gathering) nameOf(ctx context.Context, field string, key types.NamespacedName) (string, error) {
	var group v1alpha1.Group
	err := g.values.sources.Reader.Get(ctx, key, &group)
	switch {
	case apierrors.IsNotFound(err):
		g.missGroup(key)
		return "", nil
	case err != nil:
		return "", unreadable(field, "Group", key, err)
	}
	spec, _, err := render(ctx, g.values, group.Spec, group.Namespace)
	if err != nil {
		return "", g.absent(fmt.Errorf("%s: Group %s: %w", field, key, err))
	}
	g.link(spec.Name, &group)
	return spec.Name, nil
}

func (g *gathering) missGroup(key types.NamespacedName) {
	if !slices.Contains(g.found.MissingGroups, key.String()) {
		g.found.MissingGroups = append(g.found.MissingGroups, key.String())
	}
}

// link remembers the remote group: an API that was published before it has to be published again.
func (g *gathering) link(name string, group *v1alpha1.Group) {
	if group.Status.ID == "" {
		return
	}
	if g.found.Linked == nil {
		g.found.Linked = map[string]string{}
	}
	g.found.Linked[name] = group.Status.ID
}

// notifications fills in what the first Notification for the console says. Without any reference there is none; when none of
// them is for the console, what stands in the spec stays.
func (g *gathering) notifications(ctx context.Context) error {
	api := g.found.Object
	if len(api.Spec.NotificationsRefs) == 0 {
		api.Spec.ConsoleNotificationConfiguration = nil
		return nil
	}
	done := false
	for i, ref := range api.Spec.NotificationsRefs {
		field := fmt.Sprintf("spec.notificationsRefs[%d]", i)
		var notification v1alpha1.Notification
		found, err := g.get(ctx, field, ref, api.Namespace, &notification)
		if err != nil {
			return err
		}
		if !found || done || notification.Spec.Target != v1alpha1.NotificationTargetConsole || notification.Spec.EventType != v1alpha1.NotificationEventTypeAPI {
			continue
		}
		done = true
		if err := g.console(ctx, field, &notification); err != nil {
			return err
		}
	}
	return nil
}

func (g *gathering) console(ctx context.Context, field string, notification *v1alpha1.Notification) error {
	spec, _, err := render(ctx, g.values, notification.Spec, notification.Namespace)
	if err != nil {
		return g.absent(fmt.Errorf("%s: Notification %s/%s: %w", field, notification.Namespace, notification.Name, err))
	}
	names, err := g.namesOf(ctx, field+".console.groupRefs", spec.Console.GroupRefs, notification.Namespace)
	if err != nil {
		return err
	}
	var hooks []string
	for _, event := range spec.Console.APIEvents {
		hooks = append(hooks, string(event))
	}
	g.found.Object.Spec.ConsoleNotificationConfiguration = &v1alpha1.ConsoleNotificationConfiguration{
		ConfigType: "PORTAL", Origin: "KUBERNETES", Hooks: hooks,
		Groups: append(slices.Clip(spec.Console.Groups), names...),
	}
	return nil
}

// absent notes what a template of an object that is referred to looks up in vain. Other errors are given back.
func (g *gathering) absent(err error) error {
	if fault.KindOf(err) != fault.Waiting {
		return err
	}
	g.missing = append(g.missing, err.Error())
	return nil
}

// get reads an object that a field names. found is false, and a sentence is noted, when it doesn't exist.
func (g *gathering) get(ctx context.Context, field string, ref v1alpha1.Reference, namespace string, into client.Object) (found bool, err error) {
	key, kind := RefKey(ref, namespace), kindOf(into)
	err = g.values.sources.Reader.Get(ctx, key, into)
	if apierrors.IsNotFound(err) {
		g.missing = append(g.missing, fmt.Sprintf("%s: %s %s doesn't exist; create it or correct the reference", field, kind, key))
		return false, nil
	}
	if err != nil {
		return false, unreadable(field, kind, key, err)
	}
	return true, nil
}

// unreadable says why an object can't be read, and what cures it.
func unreadable(field, kind string, key types.NamespacedName, err error) error {
	switch {
	case apierrors.IsForbidden(err):
		return fault.New(fault.Forbidden, fault.ReasonReference, "%s: the operator may not read %s %s; give it the right to", field, kind, key)
	case isOutOfScope(err):
		return fault.New(fault.Forbidden, fault.ReasonReference,
			"%s: %s %s is in a namespace that the operator doesn't work in; add the namespace to those of the operator (NAMESPACE), or refer to an object of another",
			field, kind, key)
	}
	return fault.New(fault.Transient, fault.ReasonReference, "%s: reading %s %s: %w", field, kind, key, err)
}

// isOutOfScope recognises the error of a cache that was made for some namespaces only; it has no type.
func isOutOfScope(err error) bool {
	return strings.Contains(err.Error(), "unknown namespace for the cache")
}

func kindOf(object client.Object) string {
	switch object.(type) {
	case *v1alpha1.ApiResource:
		return v1alpha1.ApiResourceKind
	case *v1alpha1.Notification:
		return v1alpha1.NotificationKind
	}
	return v1alpha1.GroupKind
}

// Referenced is an ApiResource, Group or Notification with its templates rendered.
type Referenced[S any] struct {
	Spec S
	// MissingGroups and SecretContext are as in API.
	MissingGroups []string
	SecretContext bool
	// Redact and Rendered are as in API.
	Redact   func(string) string
	Rendered bool
}

// Resource renders an ApiResource.
func (s Sources) Resource(ctx context.Context, resource *v1alpha1.ApiResource) (Referenced[v1alpha1.ApiResourceSpec], error) {
	return renderAlone(ctx, s, resource.Spec, resource.Namespace)
}

// Group renders a Group.
func (s Sources) Group(ctx context.Context, group *v1alpha1.Group) (Referenced[v1alpha1.GroupSpec], error) {
	return renderAlone(ctx, s, group.Spec, group.Namespace)
}

// Notification renders a Notification, and looks for the Groups that it names.
func (s Sources) Notification(ctx context.Context, notification *v1alpha1.Notification) (Referenced[v1alpha1.NotificationSpec], error) {
	found, err := renderAlone(ctx, s, notification.Spec, notification.Namespace)
	if err != nil {
		return found, err
	}
	g := &gathering{values: &values{sources: s}}
	if _, err = g.namesOf(ctx, "spec.console.groupRefs", found.Spec.Console.GroupRefs, notification.Namespace); err == nil {
		err = g.lacking()
	}
	found.MissingGroups = g.found.MissingGroups
	return found, fault.Redact(err, g.values.redactor())
}

func renderAlone[S any](ctx context.Context, s Sources, spec S, namespace string) (Referenced[S], error) {
	values := &values{sources: s}
	rendered, secrets, err := render(ctx, values, spec, namespace)
	if err == nil {
		err = identitiesFrom(secrets)
	}
	return Referenced[S]{Spec: rendered, SecretContext: isContextSecret(secrets), Redact: values.redactor(), Rendered: len(values.rendered) > 0}, err
}
