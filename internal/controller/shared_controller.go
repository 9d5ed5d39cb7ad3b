// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/gather"
	"github.com/apisync/apisync/internal/lifecycle"
)

// Resources tells whether ApiResources can be used, and keeps those that are used. It implements
// lifecycle.Kind[*v1alpha1.ApiResource].
type Resources struct {
	Client  client.Client
	Sources gather.Sources
}

// Sync checks the resource. Nothing is written outside the cluster: each API carries a copy.
func (r *Resources) Sync(ctx context.Context, resource *v1alpha1.ApiResource) (lifecycle.Outcome, error) {
	if err := lifecycle.Claim(ctx, r.Client, resource, v1alpha1.ApiResourceFinalizer, nil); err != nil {
		return lifecycle.Outcome{}, err
	}
	found, err := r.Sources.Resource(ctx, resource)
	if err != nil {
		return lifecycle.Outcome{}, err
	}
	return lifecycle.Outcome{Message: "APIs can use it"}, completeResource(&found.Spec)
}

// completeResource names all that is missing. GKO refuses such a resource at admission.
func completeResource(spec *v1alpha1.ApiResourceSpec) error {
	var missing []string
	for _, field := range []struct {
		path  string
		given bool
	}{
		{"spec.name", spec.Name != ""},
		{"spec.type", spec.Type != ""},
		{"spec.configuration", spec.Configuration != nil && len(spec.Configuration.Raw) > 0},
	} {
		if !field.given {
			missing = append(missing, field.path)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return fault.New(fault.Terminal, fault.ReasonIllegalState, "%s: must be set, or management APIs refuse the APIs that name the resource", strings.Join(missing, ", "))
}

// Finalize waits until no API names the resource.
func (r *Resources) Finalize(ctx context.Context, resource *v1alpha1.ApiResource) (lifecycle.Farewell, error) {
	used, err := protecting(r.Client, r.Sources).of(ctx, resourcesOfAPIs(), client.ObjectKeyFromObject(resource).String())
	return "", cmp.Or(err, inUse("ApiResource", "APIs", used))
}

// Notifications tells whether Notifications can be used, and keeps those that are used. It implements
// lifecycle.Kind[*v1alpha1.Notification].
type Notifications struct {
	Client  client.Client
	Sources gather.Sources
}

// Sync checks the notification.
func (n *Notifications) Sync(ctx context.Context, notification *v1alpha1.Notification) (lifecycle.Outcome, error) {
	if err := lifecycle.Claim(ctx, n.Client, notification, v1alpha1.NotificationFinalizer, nil); err != nil {
		return lifecycle.Outcome{}, err
	}
	found, err := n.Sources.Notification(ctx, notification)
	if err != nil {
		return lifecycle.Outcome{}, err
	}
	outcome := lifecycle.Outcome{Message: "APIs can use it", Conditions: missingGroups(found.MissingGroups)}
	if len(found.Spec.Console.APIEvents) == 0 {
		outcome.Message += "; spec.console.apiEvents is empty, so that it tells nobody anything"
	}
	return outcome, nil
}

// Finalize waits until no API names the notification.
func (n *Notifications) Finalize(ctx context.Context, notification *v1alpha1.Notification) (lifecycle.Farewell, error) {
	used, err := protecting(n.Client, n.Sources).of(ctx, notificationsOfAPIs(), client.ObjectKeyFromObject(notification).String())
	return "", cmp.Or(err, inUse("Notification", "APIs", used))
}

// inUse is why an object can't be deleted yet; nil when nobody uses it.
func inUse(kind, by string, used uses) error {
	names := used.names()
	if len(names) == 0 {
		return nil
	}
	return used.waiting("the %s is used by the %s %s; delete them, or take the reference out of them", kind, by, naming(names))
}

// missingGroups is the condition about Groups that don't exist, in GKO's words (shared/contract/cases/20-groups-grouprefs); nothing
// when all do.
func missingGroups(missing []string) []metav1.Condition {
	if len(missing) == 0 {
		return nil
	}
	sentences := make([]string, len(missing))
	for i, name := range missing {
		sentences[i] = fmt.Sprintf("Group %s could not be found", name)
	}
	return []metav1.Condition{{
		Type: v1alpha1.ResolvedRefsCondition, Status: metav1.ConditionFalse, Reason: v1alpha1.GroupNotFoundReason,
		Message: strings.Join(sentences, "; "),
	}}
}
