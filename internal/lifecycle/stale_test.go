// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/apisync/apisync/api/v1alpha1"
)

func TestStale(t *testing.T) {
	at := func(uid, version string) *v1alpha1.ApiDefinition {
		api := &v1alpha1.ApiDefinition{}
		api.UID, api.ResourceVersion = types.UID(uid), version
		return api
	}
	var s stored
	if s.isStale(at("a", "9")) {
		t.Error("nothing was stored yet")
	}
	s.remember(at("a", "10"))
	for _, c := range []struct {
		uid, version, why string
		want              bool
	}{
		{"b", "9", "another object", false},
		{"a", "9", "the cache hasn't caught up; 9 is before 10 although it sorts after it", true},
		{"a", "9", "it stays so", true},
		{"a", "10", "what was stored is there", false},
		{"a", "9", "and is forgotten then", false},
	} {
		if got := s.isStale(at(c.uid, c.version)); got != c.want {
			t.Errorf("%s at %s: stale = %v: %s", c.uid, c.version, got, c.why)
		}
	}
	s.remember(at("a", "10"))
	if s.isStale(at("a", "not-a-number")) {
		t.Error("a version that can't be compared must not stop an object for ever")
	}
	s.remember(at("a", "10"))
	s.forget("a")
	if s.isStale(at("a", "9")) {
		t.Error("a forgotten object is remembered")
	}
}
