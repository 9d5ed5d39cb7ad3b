// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// FirstSight remembers which objects this process has seen. A nil one takes all for known.
type FirstSight struct{ seen sync.Map }

// First reports whether uid is asked for the first time.
func (f *FirstSight) First(uid types.UID) bool {
	if f == nil {
		return false
	}
	_, known := f.seen.LoadOrStore(uid, struct{}{})
	return !known
}

// Known reports whether uid was asked for before, and doesn't count as asking.
func (f *FirstSight) Known(uid types.UID) bool {
	if f == nil {
		return true
	}
	_, known := f.seen.Load(uid)
	return known
}
