// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gather

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/cloud"
	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/template"
)

// Keys of a Secret with credentials (shared/reference/gko-compatibility.md 1.3).
const (
	keyBearerToken = "bearerToken"
	keyUsername    = "username"
	keyPassword    = "password"
	keyCloudToken  = "cloudToken"
)

// ReasonCredentialsMissing is the reason of a fault about a Secret that doesn't exist.
const ReasonCredentialsMissing = "CredentialsMissing"

// Connection is what a context says, with all that it refers to.
type Connection struct {
	Config mapi.Config
	// Version changes with the credentials and with the sources of templates.
	Version string
	// Redact takes rendered values out of a text; never nil. Rendered is true when there are any.
	Redact   func(string) string
	Rendered bool
}

// SecretRef is the reference to the Secret that a context takes its credentials from; nil when it takes none from any. Its name may be a
// template.
func SecretRef(managed *v1alpha1.ManagementContext) *v1alpha1.Reference {
	ref, _ := secretRef(&managed.Spec)
	return ref
}

// SecretKey is the Secret that a context takes its credentials from, and false when it takes none.
func SecretKey(managed *v1alpha1.ManagementContext) (types.NamespacedName, bool) {
	ref, _ := secretRef(&managed.Spec)
	if ref == nil {
		return types.NamespacedName{}, false
	}
	return RefKey(*ref, managed.Namespace), true
}

// secretRef is the reference that counts, with the path of its field. That of auth goes before that of cloud.
func secretRef(spec *v1alpha1.ManagementContextSpec) (*v1alpha1.Reference, string) {
	switch {
	case spec.Auth != nil && spec.Auth.SecretRef != nil:
		return spec.Auth.SecretRef, "spec.auth.secretRef"
	case spec.Cloud != nil && spec.Cloud.SecretRef != nil:
		return spec.Cloud.SecretRef, "spec.cloud.secretRef"
	}
	return nil, ""
}

// isCloud reports whether the context is for an environment of the vendor's cloud: an empty spec.cloud isn't enough.
func isCloud(spec *v1alpha1.ManagementContextSpec) bool {
	return spec.Cloud != nil && (spec.Cloud.Token != "" || spec.Cloud.SecretRef != nil)
}

// Connection resolves a context to what a back end needs. A Secret that is missing, or lacks a key, is a Waiting fault with the
// reason ReasonCredentialsMissing. No error holds a credential or a rendered value.
func (s Sources) Connection(ctx context.Context, managed *v1alpha1.ManagementContext) (Connection, error) {
	values := &values{sources: s}
	spec, secrets, err := render(ctx, values, managed.Spec, managed.Namespace)
	found := Connection{Redact: values.redactor(), Rendered: len(values.rendered) > 0}
	if err != nil {
		return found, err
	}
	found.Config = address(managed, &spec)
	found.Config.Hidden = hiddenIn(&spec, secrets)
	credentials, version, err := s.credentials(ctx, managed, &spec)
	found.Config.Credentials = credentials
	if err == nil && isCloud(&spec) {
		err = atCloud(&found.Config, s.now())
	}
	found.Version = strings.Join(slices.Concat([]string{version}, values.versions()), ",")
	return found, fault.Redact(err, found.Redact)
}

// hiddenIn are the parts of a place that were taken from Secrets: what is published there has to remember the place in its status,
// which is no place for secrets.
func hiddenIn(spec *v1alpha1.ManagementContextSpec, secrets []string) mapi.Hidden {
	var texts []string
	host := strings.TrimRight(spec.BaseUrl, "/")
	for path, text := range map[string]string{
		// A path belongs to the address, which is hidden as a whole.
		"spec.baseUrl": host, "spec.path": host, "spec.organizationId": spec.OrganizationID, "spec.environmentId": spec.EnvironmentID,
	} {
		if slices.Contains(secrets, path) {
			texts = append(texts, text)
		}
	}
	return mapi.Hide(texts...)
}

// address is a context's configuration without its credentials.
func address(managed *v1alpha1.ManagementContext, spec *v1alpha1.ManagementContextSpec) mapi.Config {
	return mapi.Config{
		Name:    managed.Namespace + "/" + managed.Name,
		Type:    spec.Type,
		BaseURL: spec.BaseUrl,
		Path:    spec.Path,
		Hosted:  isCloud(spec),
		Scope:   scope(spec.OrganizationID, spec.EnvironmentID),
	}
}

// PlaceOf is where a context leads to, and false when that can't be told without looking up what it refers to.
func PlaceOf(managed *v1alpha1.ManagementContext) (mapi.Place, bool) {
	spec := &managed.Spec
	texts := []string{spec.BaseUrl, spec.OrganizationID, spec.EnvironmentID}
	if spec.Path != nil {
		texts = append(texts, *spec.Path)
	}
	if slices.ContainsFunc(texts, template.In) {
		return mapi.Place{}, false
	}
	return address(managed, spec).Place(), !isCloud(spec)
}

// PlaceOf is where a context leads to, looked up where that is needed.
func (s Sources) PlaceOf(ctx context.Context, managed *v1alpha1.ManagementContext) (mapi.Place, error) {
	if place, plain := PlaceOf(managed); plain {
		return place, nil
	}
	found, err := s.Connection(ctx, managed)
	return found.Config.Place(), err
}

// credentials are those of the Secret, if one is named, otherwise those in the spec. version is that of the Secret.
func (s Sources) credentials(ctx context.Context, managed *v1alpha1.ManagementContext, spec *v1alpha1.ManagementContextSpec) (found mapi.Credentials, version string, err error) {
	ref, field := secretRef(spec)
	if ref == nil {
		return inlineCredentials(spec), "", nil
	}
	key := RefKey(*ref, managed.Namespace)
	var secret corev1.Secret
	if err := s.Live.Get(ctx, key, &secret); err != nil {
		if apierrors.IsNotFound(err) {
			return found, "", fault.New(fault.Waiting, ReasonCredentialsMissing, "%s: Secret %s doesn't exist; create it with %s", field, key, keysOf(spec))
		}
		return found, "", unreadable(field, "Secret", key, err)
	}
	found = credentialsFrom(&secret, spec)
	if found.Token == "" && (found.Username == "" || found.Password == "") {
		err = fault.New(fault.Waiting, ReasonCredentialsMissing, "%s: Secret %s lacks %s; add what is missing", field, key, keysOf(spec))
	}
	return found, string(secret.UID) + "/" + secret.ResourceVersion, err
}

func keysOf(spec *v1alpha1.ManagementContextSpec) string {
	if isCloud(spec) {
		return "the key " + keyCloudToken
	}
	return fmt.Sprintf("the key %s, or the keys %s and %s", keyBearerToken, keyUsername, keyPassword)
}

func inlineCredentials(spec *v1alpha1.ManagementContextSpec) mapi.Credentials {
	if isCloud(spec) {
		return mapi.Credentials{Token: spec.Cloud.Token}
	}
	auth := spec.Auth
	if auth == nil {
		return mapi.Credentials{}
	}
	credentials := mapi.Credentials{Token: auth.BearerToken}
	if auth.Credentials != nil {
		credentials.Username, credentials.Password = auth.Credentials.Username, auth.Credentials.Password
	}
	return credentials
}

// credentialsFrom reads the keys that GKO reads: with a cloud, the token has a key of its own.
func credentialsFrom(secret *corev1.Secret, spec *v1alpha1.ManagementContextSpec) mapi.Credentials {
	if isCloud(spec) {
		return mapi.Credentials{Token: string(secret.Data[keyCloudToken])}
	}
	return mapi.Credentials{
		Token:    string(secret.Data[keyBearerToken]),
		Username: string(secret.Data[keyUsername]),
		Password: string(secret.Data[keyPassword]),
	}
}

// atCloud fills in what a cloud token tells.
func atCloud(config *mapi.Config, now time.Time) error {
	target, err := cloud.Resolve(config.Credentials.Token, cloud.Target{
		BaseURL: config.BaseURL, OrganizationID: config.Scope[scopeOrganization], EnvironmentID: config.Scope[scopeEnvironment],
	}, now)
	if err != nil {
		return err
	}
	config.BaseURL, config.Scope = target.BaseURL, scope(target.OrganizationID, target.EnvironmentID)
	return nil
}
