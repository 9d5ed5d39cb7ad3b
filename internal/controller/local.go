// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"cmp"
	"context"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/gateway"
	"github.com/apisync/apisync/internal/lifecycle"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/translate"
)

// serveLocally lets the gateways of this cluster read what was published, or not any more. hidden tells what stands in the status for
// something else, which gateways have to know.
func (a *APIDefinitions) serveLocally(ctx context.Context, api *v1alpha1.ApiDefinition, hidden mapi.Hidden, outcome lifecycle.Outcome) (lifecycle.Outcome, error) {
	organization, knowsOrganization := hidden.Reveal(api.Status.OrganizationID)
	environment, knowsEnvironment := hidden.Reveal(api.Status.EnvironmentID)
	content := gateway.Content{OrganizationID: organization, EnvironmentID: environment}
	if isServedLocally(api) {
		if !knowsOrganization || !knowsEnvironment {
			return outcome, nil // They are known once the context is.
		}
		// Most APIs aren't, and many are looked at.
		want, err := a.wanted(api, mapi.Observation{}, nil)
		if err != nil {
			return outcome, err
		}
		content.Definition = translate.Local(api, want, api.Status.Plans)
	}
	changed, err := a.keepConfigMap(ctx, api, content)
	outcome.Done = joined(outcome.Done, changed)
	return outcome, err
}

// isServedLocally reports whether gateways of this cluster are to read the API from a ConfigMap.
func isServedLocally(api *v1alpha1.ApiDefinition) bool {
	return api.Spec.Local && api.Spec.State != v1alpha1.StateStopped
}

func joined(sentences ...string) string {
	var given []string
	for _, sentence := range sentences {
		if sentence != "" {
			given = append(given, sentence)
		}
	}
	return strings.Join(given, "; ")
}

// keepConfigMap publishes the ConfigMap of an API that runs locally, and withdraws that of any other. Also of one that has never
// been local: GKO leaves it behind when its webhook is off (shared/contract/cases/26-local-with-context).
func (a *APIDefinitions) keepConfigMap(ctx context.Context, api *v1alpha1.ApiDefinition, content gateway.Content) (changed string, err error) {
	if a.Gateway == nil {
		return "", nil
	}
	if isServedLocally(api) {
		return a.Gateway.Publish(ctx, api, content)
	}
	return a.Gateway.Withdraw(ctx, api)
}

// rest is met when the management API needn't be read.
func (a *APIDefinitions) rest(ctx context.Context, api *v1alpha1.ApiDefinition, terms terms) (lifecycle.Outcome, error) {
	outcome, err := a.restLocally(ctx, api, terms.Hidden)
	return a.untilDue(outcome, api, terms), err
}

// restLocally looks at the ConfigMap of an API about which nothing else is to be learned: it lies in this cluster.
func (a *APIDefinitions) restLocally(ctx context.Context, api *v1alpha1.ApiDefinition, hidden mapi.Hidden) (lifecycle.Outcome, error) {
	outcome, err := a.serveLocally(ctx, api, hidden, lifecycle.Outcome{Message: readyMessage(api)})
	if err == nil && outcome.Done == "" {
		return lifecycle.Outcome{Deferred: true}, nil
	}
	return outcome, err
}

func readyMessage(api *v1alpha1.ApiDefinition) string {
	if ready := meta.FindStatusCondition(api.Status.Conditions, v1alpha1.ReadyCondition); ready != nil {
		return ready.Message
	}
	return ""
}

// syncLocally publishes an API that no management API knows. Its status is GKO's: an id and a state, and no place
// (shared/contract/cases/25-local-no-context).
func (a *APIDefinitions) syncLocally(ctx context.Context, api *v1alpha1.ApiDefinition) (lifecycle.Outcome, error) {
	if err := lifecycle.Claim(ctx, a.Client, api, v1alpha1.ApiDefinitionFinalizer, nil); err != nil {
		return lifecycle.Outcome{}, err
	}
	id := cmp.Or(api.Status.ID, translate.FirstID(api))
	want, err := translate.API(api, translate.Inputs{ID: id, PlanIDs: api.Status.Plans})
	if err != nil {
		return lifecycle.Outcome{}, err
	}
	changed, err := a.keepConfigMap(ctx, api, gateway.Content{Definition: translate.Local(api, want, nil)})
	if err != nil {
		return lifecycle.Outcome{}, err
	}
	api.Status.ID, api.Status.State = id, api.Spec.State
	outcome := lifecycle.Outcome{
		Done: changed, Message: "The gateways of this cluster read it from ConfigMap " + translate.FullName(api),
		Conditions: []metav1.Condition{served(api, mapi.Comparison{}), gone(v1alpha1.DriftedCondition), gone(v1alpha1.ConfiguredCondition)},
	}
	if api.Spec.State == v1alpha1.StateStopped {
		outcome.Message = "It is stopped, so that no gateway reads it"
	}
	if old, published := recordedOrigin(api); published {
		outcome.Message += "; API " + old.id + " stays in the management API at " + old.place.BaseURL + ", where it was published before"
	}
	return outcome, nil
}

// gone takes a condition away.
func gone(kind string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: metav1.ConditionUnknown}
}

// isOnlyLocal reports whether no management API has ever been told of the API.
func isOnlyLocal(api *v1alpha1.ApiDefinition) bool {
	_, recorded := recordedOrigin(api)
	return api.Spec.ContextRef == nil && !recorded && api.Status.OrganizationID == ""
}
