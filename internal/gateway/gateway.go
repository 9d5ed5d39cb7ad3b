// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

// Package gateway publishes local APIs to the gateways of this cluster, which read them from ConfigMaps
// (shared/reference/gko-compatibility.md part 3). It writes ConfigMaps and nothing else, and only those that an
// ApiDefinition owns.
package gateway

import (
	"context"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
)

// Publisher keeps the ConfigMaps from which the gateways of this cluster read local APIs. It is safe for concurrent use.
//
// Errors are faults, but for two sorts: what the API server didn't answer properly is Transient as it is, and when somebody else
// wrote in the meantime, apierrors.IsConflict is true. No error is a not-found: that would mean that the resource is gone.
type Publisher struct {
	// Client reads and writes ConfigMaps. Its reads of ConfigMaps are live, not cached.
	Client client.Client
	// Metadata has the metadata of ConfigMaps (metav1.PartialObjectMetadata) in a cache. Nil means that Client is asked instead.
	Metadata client.Reader
}

// Content is what a gateway reads.
type Content struct {
	// Definition is the whole API. Its values are those of encoding/json; see package model.
	Definition map[string]any
	// OrganizationID and EnvironmentID say where the API was published. Both are DEFAULT for gateways when OrganizationID is
	// empty, as it is without a context.
	OrganizationID, EnvironmentID string
}

// Publish makes the ConfigMap of api hold content. The sentence says what was written; it is empty when the ConfigMap was as it
// should be, whoever wrote it. Labels and annotations that others added stay; their keys in data don't.
//
// A ConfigMap of that name that api doesn't own is never touched; it is a Conflict that names its owner. A content that no
// ConfigMap can hold is Terminal, and what gateways have so far stays. An immutable ConfigMap is replaced, which gateways notice as a
// deletion and a creation.
func (p *Publisher) Publish(ctx context.Context, api *v1alpha1.ApiDefinition, content Content) (changed string, err error) {
	wanted, err := configMapOf(api, content)
	if err != nil {
		return "", err
	}
	var have corev1.ConfigMap
	found, err := p.read(ctx, client.ObjectKeyFromObject(wanted), &have)
	switch {
	case err != nil:
		return "", err
	case !found:
		return p.create(ctx, wanted)
	case !owned(&have, api):
		return "", foreign(&have, api)
	case have.DeletionTimestamp != nil:
		return "", beingDeleted(&have)
	}
	return p.adjust(ctx, &have, wanted)
}

// adjust makes a ConfigMap of ours what it should be.
func (p *Publisher) adjust(ctx context.Context, have, wanted *corev1.ConfigMap) (string, error) {
	differs := compare(have, wanted)
	if !differs.any() {
		return "", nil
	}
	next := have.DeepCopy()
	next.Labels = merge(have.Labels, wanted.Labels)
	write := p.update
	if differs.data {
		// Otherwise the text stays as it is, also where ours would be another one of the same meaning.
		next.Data, next.BinaryData = wanted.Data, nil
		if have.Immutable != nil && *have.Immutable {
			write = p.replace
		}
	}
	if err := write(ctx, have, next); err != nil {
		return "", err
	}
	return differs.sentence(have), nil
}

// Withdraw deletes the ConfigMap of api. The sentence says so; it is empty when there is none, when api doesn't own it, or when it
// is being deleted already: then nothing is written. While Metadata doesn't know of a ConfigMap, no request is made at all, so
// what wakes the owner of a ConfigMap (see OwnerOf) has to lead to Withdraw once more.
func (p *Publisher) Withdraw(ctx context.Context, api *v1alpha1.ApiDefinition) (changed string, err error) {
	key := client.ObjectKeyFromObject(api)
	if known, err := p.knows(ctx, key, api); err != nil || !known {
		return "", err
	}
	var have corev1.ConfigMap
	found, err := p.read(ctx, key, &have)
	if err != nil || !found || !owned(&have, api) || have.DeletionTimestamp != nil {
		return "", err
	}
	deleted, err := p.delete(ctx, &have)
	if err != nil || !deleted {
		return "", err
	}
	return fmt.Sprintf("Withdrew ConfigMap %s from gateways", key), nil
}

// knows tells from the cache, if there is one, whether there may be a ConfigMap to withdraw.
func (p *Publisher) knows(ctx context.Context, key types.NamespacedName, api *v1alpha1.ApiDefinition) (bool, error) {
	if p.Metadata == nil {
		return true, nil
	}
	var metadata metav1.PartialObjectMetadata
	metadata.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("ConfigMap"))
	err := p.Metadata.Get(ctx, key, &metadata)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, failed("get", key, err)
	}
	return owned(&metadata, api), nil
}

// read reports false when there is no such ConfigMap.
func (p *Publisher) read(ctx context.Context, key types.NamespacedName, into *corev1.ConfigMap) (bool, error) {
	err := p.Client.Get(ctx, key, into)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, failed("get", key, err)
	}
	return true, nil
}

func (p *Publisher) create(ctx context.Context, wanted *corev1.ConfigMap) (string, error) {
	key := client.ObjectKeyFromObject(wanted)
	if err := p.Client.Create(ctx, wanted); err != nil {
		return "", failed("create", key, err)
	}
	return fmt.Sprintf("Published ConfigMap %s for gateways", key), nil
}

// update fails when somebody wrote after have was read: next has its resourceVersion.
func (p *Publisher) update(ctx context.Context, have, next *corev1.ConfigMap) error {
	if err := p.Client.Update(ctx, next); err != nil {
		return failed("update", client.ObjectKeyFromObject(have), err)
	}
	return nil
}

// replace is what is left where the API server refuses an update. When it ends in the middle, the next Publish creates what is
// missing; what others added is lost then.
func (p *Publisher) replace(ctx context.Context, have, next *corev1.ConfigMap) error {
	if _, err := p.delete(ctx, have); err != nil {
		return err
	}
	_, err := p.create(ctx, &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: next.Namespace, Name: next.Name,
			Labels: next.Labels, Annotations: next.Annotations, OwnerReferences: next.OwnerReferences,
		},
		Data: next.Data,
	})
	return err
}

// delete deletes exactly what was read, and reports false when it was gone already.
func (p *Publisher) delete(ctx context.Context, have *corev1.ConfigMap) (bool, error) {
	err := p.Client.Delete(ctx, have, client.Preconditions{UID: &have.UID, ResourceVersion: &have.ResourceVersion})
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, failed("delete", client.ObjectKeyFromObject(have), err)
	}
	return true, nil
}

func merge(base, over map[string]string) map[string]string {
	merged := make(map[string]string, len(base)+len(over))
	maps.Copy(merged, base)
	maps.Copy(merged, over)
	return merged
}
