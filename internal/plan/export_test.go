// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// WithUIDs foresees the uids that the API server will choose, so that a plan can be compared with what comes of it.
func (o Options) WithUIDs(uid func(client.Object) types.UID) Options {
	o.newUID = uid
	return o
}
