// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// stored remembers the resource versions that this process has stored last, until the cache shows them. An object that is woken
// right after its status was stored may still come out of the cache without it, and what was done would be done again.
// Resource versions of one resource can be compared (KEP-5504). The zero value is ready.
type stored struct {
	mu       sync.Mutex
	versions map[types.UID]string
}

// remember is called when obj was stored.
func (s *stored) remember(obj client.Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.versions == nil {
		s.versions = map[types.UID]string{}
	}
	s.versions[obj.GetUID()] = obj.GetResourceVersion()
}

func (s *stored) forget(uid types.UID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.versions, uid)
}

// isStale reports whether obj is older than what was stored last. Versions that can't be compared say nothing.
func (s *stored) isStale(obj client.Object) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	last, known := s.versions[obj.GetUID()]
	if !known {
		return false
	}
	order, err := resourceversion.CompareResourceVersion(obj.GetResourceVersion(), last)
	if err == nil && order < 0 {
		return true
	}
	delete(s.versions, obj.GetUID())
	return false
}
