// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

// Package gather looks up what an object refers to. It only reads.
package gather

import (
	"context"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/mapi"
)

// Keys of a Secret with credentials (shared/reference/gko-compatibility.md 1.3).
const (
	keyBearerToken = "bearerToken"
	keyUsername    = "username"
	keyPassword    = "password"
)

// ReasonCredentialsMissing is the reason of a fault about a Secret that doesn't exist.
const ReasonCredentialsMissing = "CredentialsMissing"

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
		return nil, fault.New(fault.Transient, fault.ReasonReference, "spec.contextRef: reading ManagementContext %s: %w", key, err)
	}
	return &found, nil
}

// SecretKey is the Secret that a context takes its credentials from, and false when it takes none.
func SecretKey(managed *v1alpha1.ManagementContext) (types.NamespacedName, bool) {
	if managed.Spec.Auth == nil || managed.Spec.Auth.SecretRef == nil {
		return types.NamespacedName{}, false
	}
	return RefKey(*managed.Spec.Auth.SecretRef, managed.Namespace), true
}

// Config resolves a context to what a back end needs, and a version that changes with the credentials. The
// Secret is read through secrets, which must not be a cache: Secrets are watched as metadata only.
func Config(ctx context.Context, secrets client.Reader, managed *v1alpha1.ManagementContext) (mapi.Config, string, error) {
	if err := supported(managed); err != nil {
		return mapi.Config{}, "", err
	}
	config := address(managed)
	key, fromSecret := SecretKey(managed)
	if !fromSecret {
		config.Credentials = inlineCredentials(managed.Spec.Auth)
		return config, "", nil
	}
	var secret corev1.Secret
	if err := secrets.Get(ctx, key, &secret); err != nil {
		if apierrors.IsNotFound(err) {
			return config, "", fault.New(fault.Waiting, ReasonCredentialsMissing,
				"spec.auth.secretRef: Secret %s doesn't exist; create it with the key %s, or with %s and %s",
				key, keyBearerToken, keyUsername, keyPassword)
		}
		return config, "", fault.New(fault.Transient, fault.ReasonReference, "spec.auth.secretRef: reading Secret %s: %w", key, err)
	}
	credentials, err := credentialsFrom(&secret)
	config.Credentials = credentials
	return config, string(secret.UID) + "/" + secret.ResourceVersion, err
}

// address is a context's configuration without its credentials.
func address(managed *v1alpha1.ManagementContext) mapi.Config {
	return mapi.Config{
		Name:    managed.Namespace + "/" + managed.Name,
		Type:    managed.Spec.Type,
		BaseURL: managed.Spec.BaseUrl,
		Path:    managed.Spec.Path,
		Scope:   scope(managed.Spec.OrganizationID, managed.Spec.EnvironmentID),
	}
}

// PlaceOf is where a context leads to.
func PlaceOf(managed *v1alpha1.ManagementContext) mapi.Place { return address(managed).Place() }

func inlineCredentials(auth *v1alpha1.Auth) mapi.Credentials {
	if auth == nil {
		return mapi.Credentials{}
	}
	credentials := mapi.Credentials{Token: auth.BearerToken}
	if auth.Credentials != nil {
		credentials.Username, credentials.Password = auth.Credentials.Username, auth.Credentials.Password
	}
	return credentials
}

func credentialsFrom(secret *corev1.Secret) (mapi.Credentials, error) {
	credentials := mapi.Credentials{
		Token:    string(secret.Data[keyBearerToken]),
		Username: string(secret.Data[keyUsername]),
		Password: string(secret.Data[keyPassword]),
	}
	if credentials.Token == "" && (credentials.Username == "" || credentials.Password == "") {
		return mapi.Credentials{}, fault.New(fault.Waiting, ReasonCredentialsMissing,
			"spec.auth.secretRef: Secret %s/%s has neither the key %s nor both %s and %s; add them",
			secret.Namespace, secret.Name, keyBearerToken, keyUsername, keyPassword)
	}
	return credentials, nil
}

func supported(managed *v1alpha1.ManagementContext) error {
	if managed.Spec.Cloud != nil {
		return fault.New(fault.Terminal, fault.ReasonUnsupported,
			"spec.cloud: contexts with a cloud token aren't offered by this version of Apisync; use spec.baseUrl and spec.auth")
	}
	for _, field := range templateFields(managed) {
		if strings.Contains(field.value, "[[") {
			return fault.New(fault.Terminal, fault.ReasonUnsupported,
				"%s: [[ ]] templates aren't offered by this version of Apisync; use spec.auth.secretRef for credentials", field.path)
		}
	}
	return nil
}

type field struct{ path, value string }

func templateFields(managed *v1alpha1.ManagementContext) []field {
	fields := []field{
		{"spec.baseUrl", managed.Spec.BaseUrl},
		{"spec.organizationId", managed.Spec.OrganizationID},
		{"spec.environmentId", managed.Spec.EnvironmentID},
	}
	if auth := managed.Spec.Auth; auth != nil {
		fields = append(fields, field{"spec.auth.bearerToken", auth.BearerToken})
		if auth.Credentials != nil {
			fields = append(fields, field{"spec.auth.credentials.username", auth.Credentials.Username},
				field{"spec.auth.credentials.password", auth.Credentials.Password})
		}
	}
	return fields
}

// Place is where a status says that an API was written to.
func Place(recorded v1alpha1.Place) mapi.Place {
	return mapi.Config{
		Type: recorded.Type, BaseURL: recorded.BaseURL,
		Scope: scope(recorded.OrganizationID, recorded.EnvironmentID),
	}.Place()
}

// RecordPlace is the form in which a status remembers where an API was written to.
func RecordPlace(lease mapi.Lease) *v1alpha1.Place {
	return &v1alpha1.Place{
		Type: lease.Place.Type, BaseURL: lease.Place.BaseURL, Context: lease.Name,
		OrganizationID: lease.Scope[scopeOrganization], EnvironmentID: lease.Scope[scopeEnvironment],
	}
}

// Elsewhere is config pointed at another place of the same installation.
func Elsewhere(config mapi.Config, place v1alpha1.Place) mapi.Config {
	config.Scope = scope(place.OrganizationID, place.EnvironmentID)
	return config
}

const (
	scopeOrganization = "organizationId"
	scopeEnvironment  = "environmentId"
)

func scope(organization, environment string) map[string]string {
	return map[string]string{scopeOrganization: organization, scopeEnvironment: environment}
}
