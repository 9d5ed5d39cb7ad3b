// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

// Package gather looks up what an object refers to, and renders its templates into a copy. It only reads.
package gather

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/mapi"
)

// Sources are where it is looked up.
type Sources struct {
	// Reader reads our own kinds; a cache is fine.
	Reader client.Reader
	// Live reads Secrets and ConfigMaps. It must not be a cache: those are watched as metadata only.
	Live client.Reader
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Templating is false when specs are taken as they are (ENABLE_TEMPLATING=false).
	Templating bool
}

func (s Sources) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

// RefKey resolves a reference: an empty namespace means that of the referring object.
func RefKey(ref v1alpha1.Reference, namespace string) types.NamespacedName {
	if ref.Namespace != "" {
		namespace = ref.Namespace
	}
	return types.NamespacedName{Namespace: namespace, Name: ref.Name}
}

// Context reads the ManagementContext that an object in namespace refers to. A missing one is a Waiting
// fault with reason fault.ReasonReference.
func Context(ctx context.Context, reader client.Reader, ref v1alpha1.Reference, namespace string) (*v1alpha1.ManagementContext, error) {
	key := RefKey(ref, namespace)
	var found v1alpha1.ManagementContext
	if err := reader.Get(ctx, key, &found); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, fault.New(fault.Waiting, fault.ReasonReference,
				"spec.contextRef: ManagementContext %s doesn't exist; create it or correct the reference", key)
		}
		return nil, unreadable("spec.contextRef", v1alpha1.ManagementContextKind, key, err)
	}
	return &found, nil
}

// Place is where a status says that an API was written to.
func Place(recorded v1alpha1.Place) mapi.Place {
	return mapi.Config{
		Type: recorded.Type, BaseURL: recorded.BaseURL,
		Scope: scope(recorded.OrganizationID, recorded.EnvironmentID),
	}.Place()
}

// RecordPlace is the form in which a status remembers where an object was written to. For the name of its context there is a stand-in when it
// was taken from a Secret.
func RecordPlace(lease mapi.Lease, secretContext bool) *v1alpha1.Place {
	place := &v1alpha1.Place{
		Type: lease.Place.Type, BaseURL: lease.Place.BaseURL, Context: lease.Name,
		OrganizationID: lease.Hidden.Show(lease.Scope[scopeOrganization]), EnvironmentID: lease.Hidden.Show(lease.Scope[scopeEnvironment]),
	}
	if secretContext {
		place.Context = mapi.StandIn(lease.Name)
	}
	return place
}

// Elsewhere is config pointed at another place of the same installation. A place that was taken from a Secret which says something
// else by now can't be found again: a Terminal fault.
func Elsewhere(config mapi.Config, place v1alpha1.Place) (mapi.Config, error) {
	organization, knowsOrganization := config.Hidden.Reveal(place.OrganizationID)
	environment, knowsEnvironment := config.Hidden.Reveal(place.EnvironmentID)
	if !knowsOrganization || !knowsEnvironment {
		return mapi.Config{}, fault.New(fault.Terminal, fault.ReasonReference,
			"the organization or environment was taken from a Secret that says something else by now; a ManagementContext that leads there would show the way")
	}
	config.Scope = scope(organization, environment)
	return config, nil
}

const (
	scopeOrganization = "organizationId"
	scopeEnvironment  = "environmentId"
)

func scope(organization, environment string) map[string]string {
	return map[string]string{scopeOrganization: organization, scopeEnvironment: environment}
}
