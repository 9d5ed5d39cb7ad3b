// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gravitee

import (
	"context"

	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/model"
)

// groups is the store of groups.
type groups struct {
	*client
}

func errNoGroups() error {
	return fault.New(fault.Terminal, fault.ReasonUnsupported, "this management API doesn't keep groups")
}

func (groups) Observe(context.Context, mapi.Ref) (mapi.Observation, error) {
	return mapi.Observation{}, errNoGroups()
}

func (groups) Compare(context.Context, model.Group, mapi.Observation) (mapi.Comparison, error) {
	return mapi.Comparison{}, errNoGroups()
}

func (groups) Review(context.Context, model.Group) ([]mapi.Finding, error) { return nil, errNoGroups() }

func (groups) Apply(context.Context, model.Group, mapi.Mode) (mapi.Receipt, error) {
	return mapi.Receipt{}, errNoGroups()
}

func (groups) Delete(context.Context, mapi.Ref) error { return errNoGroups() }
