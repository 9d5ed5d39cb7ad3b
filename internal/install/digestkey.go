// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// DigestKeySecret is the Secret in the operator's namespace that holds the key of its digests. Losing it is
// harmless: APIs are then compared field by field instead of by digest.
const DigestKeySecret = "apisync-digest-key" //nolint:gosec // a name

const (
	digestKeyEntry = "key"
	digestKeySize  = 32
)

// DigestKey reads the key, and makes it when there is none yet. Replicas that start together agree on one.
func DigestKey(ctx context.Context, c client.Client, namespace string) ([]byte, error) {
	name := client.ObjectKey{Namespace: namespace, Name: DigestKeySecret}
	key, err := readKey(ctx, c, name)
	if !apierrors.IsNotFound(err) {
		return key, err
	}
	fresh := make([]byte, digestKeySize)
	if _, err := rand.Read(fresh); err != nil {
		return nil, fmt.Errorf("making a digest key: %w", err)
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: DigestKeySecret, Labels: map[string]string{"app.kubernetes.io/managed-by": "apisync"},
		},
		Data: map[string][]byte{digestKeyEntry: fresh},
	}
	err = c.Create(ctx, secret)
	if apierrors.IsAlreadyExists(err) {
		return readKey(ctx, c, name)
	}
	if err != nil {
		return nil, fmt.Errorf("storing the digest key in Secret %s: %w", name, err)
	}
	return fresh, nil
}

// ReadDigestKey reads the key and makes none. One that isn't there, or may not be read, is an error as the API server gives it.
func ReadDigestKey(ctx context.Context, c client.Reader, namespace string) ([]byte, error) {
	return readKey(ctx, c, client.ObjectKey{Namespace: namespace, Name: DigestKeySecret})
}

func readKey(ctx context.Context, c client.Reader, name client.ObjectKey) ([]byte, error) {
	var secret corev1.Secret
	if err := c.Get(ctx, name, &secret); err != nil {
		return nil, fmt.Errorf("reading Secret %s: %w", name, err)
	}
	key := secret.Data[digestKeyEntry]
	if len(key) < digestKeySize {
		return nil, fmt.Errorf("the Secret %s: data.%s is shorter than %d bytes; delete the Secret and a new key is made", name, digestKeyEntry, digestKeySize)
	}
	return key, nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
