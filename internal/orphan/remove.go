// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package orphan

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/apisync/apisync/internal/mapi"
)

// Remove deletes the orphans of a report, which has to come from Audit. Each is looked at again directly before: it has to be there still with our mark, and
// there must be no resource that it may belong to. An error means that nothing was deleted.
func Remove(ctx context.Context, options Options, report Report) (Removal, error) {
	removal := Removal{APIVersion: APIVersion, Kind: KindRemoval, ClusterID: report.ClusterID, Items: []Item{}}
	if report.Count() == 0 {
		return removal, nil
	}
	if options.ClusterID == "" || options.ClusterID != report.ClusterID {
		return Removal{}, fmt.Errorf("the report is about cluster %q, and not about cluster %q", report.ClusterID, options.ClusterID)
	}
	if report.Proven == 0 && !options.Unproven {
		return Removal{}, fmt.Errorf("no API that is marked as cluster %q's belongs to a resource of this cluster: "+
			"either all of its resources are gone, or this is another cluster; nothing was deleted", report.ClusterID)
	}
	a := &auditor{Options: options}
	for _, place := range report.Places {
		if len(place.Orphans) > 0 {
			removal.Items = append(removal.Items, a.removeFrom(ctx, place)...)
		}
	}
	return removal, nil
}

// removeFrom deletes the orphans of one place.
func (a *auditor) removeFrom(ctx context.Context, place Place) []Item {
	store, err := a.store(ctx, place)
	var items []Item
	for i, orphan := range place.Orphans {
		item := Item{Context: place.Context, Orphan: orphan}
		if err != nil {
			item.Result, item.Reason = ResultFailed, err.Error()
		} else {
			item.Result, item.Reason = a.remove(ctx, store, orphan)
		}
		items = append(items, item)
		a.tellf("%d of %d in %s", i+1, len(place.Orphans), place.Context)
	}
	return items
}

// store leads to the place of the report, if its context still does.
func (a *auditor) store(ctx context.Context, place Place) (remover, error) {
	managed, err := a.context(ctx, place.key)
	if err != nil {
		return nil, err
	}
	if place.at != a.placeOf(ctx, managed) {
		return nil, fmt.Errorf("ManagementContext %s leads elsewhere by now", place.Context)
	}
	dialled, _, err := a.dial(ctx, managed)
	if err != nil {
		return nil, err
	}
	return dialled.APIs(), nil
}

// remover is the part of a store that is needed.
type remover interface {
	Observe(ctx context.Context, ref mapi.Ref) (mapi.Observation, error)
	Delete(ctx context.Context, ref mapi.Ref) error
}

func (a *auditor) remove(ctx context.Context, store remover, orphan Orphan) (Result, string) {
	seen, err := store.Observe(ctx, mapi.Ref{ID: orphan.ID})
	switch {
	case err != nil:
		return ResultFailed, err.Error()
	case !seen.Exists:
		return ResultGone, ""
	case !slices.Contains(seen.Owners, a.ClusterID):
		return ResultKept, fmt.Sprintf("it doesn't bear the mark of cluster %q any more", a.ClusterID)
	case len(seen.Owners) > 1:
		return ResultKept, fmt.Sprintf("clusters share it, and the last of them deletes it; its marks are %s", strings.Join(seen.Owners, ", "))
	case !seen.Managed:
		return ResultKept, "it isn't managed by an operator any more"
	}
	// Last, so that a resource that appears meanwhile is seen if at all possible.
	known, err := a.known(ctx)
	if err != nil {
		return ResultFailed, err.Error()
	}
	if owner := known.Owner(seen.Ref); owner != "" {
		return ResultKept, fmt.Sprintf("ApiDefinition %s may publish it", owner)
	}
	if err := store.Delete(ctx, mapi.Ref{ID: orphan.ID}); err != nil {
		return ResultFailed, err.Error()
	}
	return ResultDeleted, ""
}
