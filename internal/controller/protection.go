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
	values := possible(key)
	found := uses{keys: p.by(ctx, by.list(), by.index, values[0])}
	for _, computed := range values[1:] {
		list := by.list()
		if err := p.reader.List(ctx, list, client.MatchingFields{by.index: computed}, client.UnsafeDisableDeepCopy); err != nil {
			return uses{}, err //nolint:wrapcheck // The cache answers from memory; it only fails while it shuts down.
		}
		err := meta.EachListItem(list, func(item runtime.Object) error {
			object, _ := item.(client.Object)
			if object == nil || slices.Contains(found.keys, client.ObjectKeyFromObject(object)) {
				return nil
			}
			found.computed = true
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
	switch {
	case fault.KindOf(err) == fault.Transient && err != nil:
		return err
	case err == nil && slices.Contains(by.values(named), key):
		found.keys = append(found.keys, client.ObjectKeyFromObject(object))
	case err != nil && isPublished(object):
		found.doubtful = append(found.doubtful, client.ObjectKeyFromObject(object))
	}
	return nil
}

// isPublished reports whether something outside the cluster may come from an object.
func isPublished(object client.Object) bool {
	switch object := object.(type) {
	case *v1alpha1.ApiDefinition:
		return translate.RecordedID(object) != ""
	case *v1alpha1.Group:
		return object.Status.ID != "" || claimedKey(object) != ""
	}
	return true // a Notification: the APIs that name it are what is published
}

// ofGroup are the APIs that need a Group, themselves or through a Notification, and the Notifications that name it.
func (p protection) ofGroup(ctx context.Context, key string) (apis, notifications uses, err error) {
	if apis, err = p.of(ctx, groupsOfAPIs(), key); err != nil {
		return uses{}, uses{}, err
	}
	if notifications, err = p.of(ctx, groupsOfNotifications(), key); err != nil {
		return uses{}, uses{}, err
	}
	for _, notification := range slices.Concat(notifications.keys, notifications.doubtful) {
		through, err := p.of(ctx, notificationsOfAPIs(), notification.String())
		if err != nil {
			return uses{}, uses{}, err
		}
		apis.add(through)
	}
	return apis, notifications, nil
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
