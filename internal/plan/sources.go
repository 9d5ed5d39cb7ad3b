// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// sources are Secrets and ConfigMaps. Those of the files go first: a person who plans needn't have the right to read them in the cluster.
type sources struct {
	given map[sourceKey]client.Object
	*live
}

// live reads Secrets and ConfigMaps of the cluster when they are asked for, and each once, so that all objects of a plan see the same.
// Safe for concurrent use.
type live struct {
	// cluster is nil when there is none.
	cluster client.Reader

	mu   sync.Mutex
	read map[sourceKey]*reading
}

type sourceKey struct {
	kind string
	name client.ObjectKey
}

// reading is what came of a request; done is closed when it is there.
type reading struct {
	done   chan struct{}
	object client.Object
	err    error
}

func newLive(cluster client.Reader) *live {
	return &live{cluster: cluster, read: map[sourceKey]*reading{}}
}

func sourceKeyOf(object client.Object, name client.ObjectKey) sourceKey {
	return sourceKey{kind: kindOf(object), name: name}
}

// kindOf is the kind of a typed object.
func kindOf(object client.Object) string { return reflect.TypeOf(object).Elem().Name() }

// errNotInFiles is met without a cluster.
var errNotInFiles = errors.New("it isn't in the files, and no cluster is asked")

// get gives the Secret or ConfigMap of the files, otherwise that of the cluster.
func (s *sources) get(ctx context.Context, name client.ObjectKey, into client.Object) error {
	key := sourceKeyOf(into, name)
	if given, ok := s.given[key]; ok {
		assign(into, given)
		return nil
	}
	if s.cluster == nil {
		return fmt.Errorf("%w; add the %s to the files, or name a cluster", errNotInFiles, key.kind)
	}
	err := s.live.get(ctx, name, into)
	if apierrors.IsForbidden(err) {
		// The error isn't wrapped: it is this person who lacks the right, and not the operator.
		return fmt.Errorf("it may not be read (%s); ask for the right to get %ss in namespace %s, or add the %s to the files",
			err.Error(), strings.ToLower(key.kind), name.Namespace, key.kind)
	}
	return err
}

func (l *live) get(ctx context.Context, name client.ObjectKey, into client.Object) error {
	key := sourceKeyOf(into, name)
	l.mu.Lock()
	found, asked := l.read[key]
	if !asked {
		found = &reading{done: make(chan struct{})}
		l.read[key] = found
	}
	l.mu.Unlock()
	if !asked {
		found.object, _ = into.DeepCopyObject().(client.Object)
		found.err = l.cluster.Get(ctx, name, found.object)
		close(found.done)
	}
	select {
	case <-found.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	if found.err == nil {
		assign(into, found.object)
	}
	return found.err
}

// assign makes into a copy of an object of the same type.
func assign(into, from runtime.Object) {
	reflect.ValueOf(into).Elem().Set(reflect.ValueOf(from.DeepCopyObject()).Elem())
}
