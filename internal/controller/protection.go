// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/gather"
	"github.com/apisync/apisync/internal/translate"
)

// computedDelay is when a deletion looks again that waits for an object whose templates make the reference: what they make can change
// without any event about that object.
const computedDelay = time.Minute

// uses are the objects that need another one.
type uses struct {
	// keys are theirs; doubtful are those of which it can't be told, since their templates can't be rendered.
	keys, doubtful []client.ObjectKey
	// computed is true when templates make some of the references.
	computed bool
}

func (u *uses) add(more uses) {
	u.keys, u.doubtful = append(u.keys, more.keys...), append(u.doubtful, more.doubtful...)
	u.computed = u.computed || more.computed
}

// names are namespace/name of all of them, sorted, each once.
func (u *uses) names() []string {
	names := namesOf(u.keys)
	for _, doubtful := range namesOf(u.doubtful) {
		names = append(names, doubtful+" (perhaps: its templates can't be rendered)")
	}
	return slices.Compact(names)
}

// waiting is why a deletion has to wait.
func (u *uses) waiting(format string, args ...any) error {
	err := fault.New(fault.Waiting, fault.ReasonInUse, format, args...)
	if u.computed {
		return err.After(computedDelay)
	}
	return err
}

// protection finds what needs an object that is to be deleted. It is made for one look.
type protection struct {
	users

	names *gather.Names
}

func protecting(reader client.Reader, sources gather.Sources) protection {
	return protection{users: users{reader}, names: sources.Names()}
}

// reference is one way in which objects refer to others.
type reference struct {
	list  func() client.ObjectList
	index string
	// values are those of the index.
	values client.IndexerFunc
}

func contextsOfAPIs() reference {
	return reference{newList[v1alpha1.ApiDefinitionList], indexContext, contextOfAPI}
}

func contextsOfGroups() reference {
	return reference{newList[v1alpha1.GroupList], indexContext, contextOfGroup}
}

func resourcesOfAPIs() reference {
	return reference{newList[v1alpha1.ApiDefinitionList], indexResource, resourcesOfAPI}
}

func notificationsOfAPIs() reference {
	return reference{newList[v1alpha1.ApiDefinitionList], indexNotification, notificationsOfAPI}
}

func groupsOfAPIs() reference {
	return reference{newList[v1alpha1.ApiDefinitionList], indexGroup, groupsOf}
}

func groupsOfNotifications() reference {
	return reference{newList[v1alpha1.NotificationList], indexGroup, groupsOf}
}

// of are the objects that refer to key: those whose references are written down, and those whose templates make them, if they come to
// key. An error means that another try may tell.
func (p protection) of(ctx context.Context, by reference, key string) (uses, error) {
	var found uses
	known := map[client.ObjectKey]bool{}
	for _, value := range certain(key) {
		for _, user := range p.by(ctx, by.list(), by.index, value) {
			known[user] = true
			found.keys = append(found.keys, user)
		}
	}
	for _, computed := range uncertain(key) {
		list := by.list()
		if err := p.reader.List(ctx, list, client.MatchingFields{by.index: computed}, client.UnsafeDisableDeepCopy); err != nil {
			return uses{}, err //nolint:wrapcheck // The cache answers from memory; it only fails while it shuts down.
		}
		err := meta.EachListItem(list, func(item runtime.Object) error {
			object, _ := item.(client.Object)
			if object == nil || known[client.ObjectKeyFromObject(object)] {
				return nil
			}
			known[client.ObjectKeyFromObject(object)], found.computed = true, true
			return p.judge(ctx, &found, by, object, key)
		})
		if err != nil {
			return uses{}, err
		}
	}
	return found, nil
}

// judge tells whether an object comes to refer to key. Of one that can't be rendered it can't be told, so that it counts if anything of
// it was published: that must not lose what it needs.
func (p protection) judge(ctx context.Context, found *uses, by reference, object client.Object, key string) error {
	named, err := p.names.Of(ctx, object)
	values := by.values(named)
	may := func(value string) bool { return slices.Contains(uncertain(key), value) }
	switch {
	case slices.Contains(values, key):
		found.keys = append(found.keys, client.ObjectKeyFromObject(object))
	case !slices.ContainsFunc(values, may):
		// What couldn't be rendered, if anything, is another reference.
	case err != nil && fault.KindOf(err) == fault.Transient:
		return err
	case isPublished(object) && !isKnown(by, object):
		found.doubtful = append(found.doubtful, client.ObjectKeyFromObject(object))
	}
	return nil
}

// isKnown is met when a status remembers what is needed: the context that an object was published through.
func isKnown(by reference, object client.Object) bool {
	return by.index == indexContext && slices.ContainsFunc(by.values(object), func(value string) bool { return !isComputed(value) })
}

// isPublished reports whether something outside the cluster may come from an object.
func isPublished(object client.Object) bool {
	switch object := object.(type) {
	case *v1alpha1.ApiDefinition:
		return translate.RecordedID(object) != ""
	case *v1alpha1.Group:
		return object.Status.ID != "" || claimedKey(object) != ""
	}
	return true // a Notification: what is published are the APIs that name it, see named
}

// ofGroup are the APIs that need a Group, themselves or through a Notification, and the Notifications that name it.
func (p protection) ofGroup(ctx context.Context, key string) (apis, notifications uses, err error) {
	if apis, err = p.of(ctx, groupsOfAPIs(), key); err != nil {
		return uses{}, uses{}, err
	}
	if notifications, err = p.of(ctx, groupsOfNotifications(), key); err != nil {
		return uses{}, uses{}, err
	}
	apis.computed = apis.computed || notifications.computed
	for _, notification := range notifications.keys {
		through, err := p.of(ctx, notificationsOfAPIs(), notification.String())
		if err != nil {
			return uses{}, uses{}, err
		}
		apis.add(through)
	}
	notifications.doubtful, err = p.named(ctx, notifications.doubtful)
	return apis, notifications, err
}

// named are those of the Notifications that any API names: without one nothing of them is published.
func (p protection) named(ctx context.Context, notifications []client.ObjectKey) ([]client.ObjectKey, error) {
	var found []client.ObjectKey
	for _, notification := range notifications {
		through, err := p.of(ctx, notificationsOfAPIs(), notification.String())
		if err != nil {
			return nil, err
		}
		if len(through.keys)+len(through.doubtful) > 0 {
			found = append(found, notification)
		}
	}
	return found, nil
}

// NeededBy names the objects that keep an ApiResource, Group or Notification from being deleted; Notifications with their kind.
func NeededBy(ctx context.Context, reader client.Reader, sources gather.Sources, object client.Object) ([]string, error) {
	find, key := protecting(reader, sources), client.ObjectKeyFromObject(object).String()
	var apis, notifications uses
	var err error
	switch object.(type) {
	case *v1alpha1.ApiResource:
		apis, err = find.of(ctx, resourcesOfAPIs(), key)
	case *v1alpha1.Notification:
		apis, err = find.of(ctx, notificationsOfAPIs(), key)
	case *v1alpha1.Group:
		apis, notifications, err = find.ofGroup(ctx, key)
	}
	names := apis.names()
	for _, name := range notifications.names() {
		names = append(names, v1alpha1.NotificationKind+" "+name)
	}
	return names, err
}
