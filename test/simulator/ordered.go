// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import "slices"

// ordered is a list of APIs that is sorted when it is asked for, if it changed since. Tens of thousands of APIs can be paged
// through, also while some of them are written: sorting a list that is nearly sorted is cheap.
type ordered struct {
	apis   []*api
	sorted bool
}

func (o *ordered) insert(a *api) {
	o.apis = append(o.apis, a)
	o.sorted = false
}

func (o *ordered) remove(a *api) {
	o.apis = slices.DeleteFunc(o.apis, func(other *api) bool { return other == a })
}

// list gives the APIs in their order. The slice is valid while the lock of the state is held, and must not be changed.
func (o *ordered) list(compare func(x, y *api) int) []*api {
	if !o.sorted {
		slices.SortFunc(o.apis, compare)
		o.sorted = true
	}
	return o.apis
}
