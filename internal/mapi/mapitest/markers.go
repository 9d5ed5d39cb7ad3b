// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package mapitest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/model"
)

// list reads a listing to its end; what it told before an error is given as well.
func list(ctx context.Context, client mapi.Client) ([]mapi.Marker, error) {
	var markers []mapi.Marker
	for marker, err := range client.Markers(ctx) {
		if err != nil {
			return markers, err
		}
		markers = append(markers, marker)
	}
	return markers, nil
}

// settled reads listings until one fits, since the index behind them may lag.
func (t trial) settled(what string, fits func([]mapi.Marker) bool) {
	t.Helper()
	limit := time.NewTimer(10 * time.Second)
	defer limit.Stop()
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		markers, err := list(t.Context(), t.client)
		if err != nil {
			t.Fatalf("list: %v", err)
		}
		if fits(markers) {
			return
		}
		select {
		case <-again.C:
		case <-limit.C:
			t.Fatalf("%s isn't what the listing shows: %+v", what, markers)
		}
	}
}

func with(wanted mapi.Marker) func([]mapi.Marker) bool {
	return func(markers []mapi.Marker) bool {
		return slices.ContainsFunc(markers, func(m mapi.Marker) bool { return sameMarker(m, wanted) })
	}
}

func sameMarker(a, b mapi.Marker) bool {
	return a.Ref.ID == b.Ref.ID && a.Ref.Key == b.Ref.Key && a.Name == b.Name && a.Owner == b.Owner && a.Marker == b.Marker &&
		slices.Equal(a.Owners, b.Owners)
}

func withoutID(id string) func([]mapi.Marker) bool {
	return func(markers []mapi.Marker) bool {
		return !slices.ContainsFunc(markers, func(m mapi.Marker) bool { return m.Ref.ID == id })
	}
}

// marker is the line that the listing should have for what is observed.
func marker(seen mapi.Observation) mapi.Marker {
	return mapi.Marker{
		Ref: mapi.Ref{Key: seen.Ref.Key, ID: seen.Ref.ID}, Name: seen.Name, Owner: seen.Owner, Owners: seen.Owners, Marker: seen.Marker,
	}
}

func listed(t *testing.T, s Subject) {
	unmarked, owned := s.Sample(1), s.Sample(2)
	owned.Cluster = "east"
	on := s.trial(t, unmarked, owned)
	for _, sample := range []model.API{unmarked, owned} {
		seen := on.mustExist(on.apply(sample).Ref)
		if seen.Marker == "" {
			t.Skip("the back end shows no markers")
		}
		if seen.Owner != sample.Cluster {
			t.Errorf("owner %q, want %q", seen.Owner, sample.Cluster)
		}
		on.settled("an API that was applied", with(marker(seen)))
	}
}

func listedEdits(t *testing.T, s Subject) {
	sample := s.Sample(1)
	on := s.trial(t, sample)
	receipt := on.apply(sample)
	before := on.mustExist(receipt.Ref)
	on.settled("an API that was applied", with(marker(before)))
	if _, err := on.store.Apply(t.Context(), s.Edit(s.Sample(1)), mapi.DryRun); err != nil {
		t.Fatal(err)
	}
	on.settled("an API after a dry run", with(marker(before)))
	on.apply(s.Edit(s.Sample(1)))
	after := on.mustExist(receipt.Ref)
	if before.Marker == after.Marker {
		t.Error("the marker didn't move with a write")
	}
	on.settled("an API that was edited", with(marker(after)))
}

func unlisted(t *testing.T, s Subject) {
	gone, stays := s.Sample(1), s.Sample(2)
	on := s.trial(t, gone, stays)
	first, second := on.apply(gone), on.apply(stays)
	if err := on.store.Delete(t.Context(), first.Ref); err != nil {
		t.Fatal(err)
	}
	on.settled("an API that was deleted", withoutID(first.Ref.ID))
	on.settled("an API that stayed", with(marker(on.mustExist(second.Ref))))
}

func disowned(t *testing.T, s Subject) {
	if s.Disown == nil {
		t.Skip("objects can't be given to people")
	}
	sample := s.Sample(1)
	on := s.trial(t, sample)
	receipt := on.apply(sample)
	s.Disown(t, receipt.Ref.ID)
	on.settled("an API that a person manages", withoutID(receipt.Ref.ID))
}

// several makes objects for more than three pages, and gives their ids.
func (s Subject) several(t *testing.T) (trial, map[string]bool) {
	t.Helper()
	if s.PageSize == 0 {
		t.Skip("pages are too large")
	}
	var samples []model.API
	for n := range 3*s.PageSize + 1 {
		samples = append(samples, s.Sample(n+1))
	}
	on, ids := s.trial(t, samples...), map[string]bool{}
	for _, sample := range samples {
		ids[on.apply(sample).Ref.ID] = true
	}
	return on, ids
}

func manyPages(t *testing.T, s Subject) {
	on, ids := s.several(t)
	on.settled("each API, once,", func(markers []mapi.Marker) bool {
		times := map[string]int{}
		for _, m := range markers {
			times[m.Ref.ID]++
		}
		for id := range ids {
			if times[id] != 1 {
				return false
			}
		}
		return true
	})
}

func leftEarly(t *testing.T, s Subject) {
	on, _ := s.several(t)
	for range 2 {
		told := 0
		for _, err := range on.client.Markers(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			told++
			if told > s.PageSize {
				break
			}
		}
		if told != s.PageSize+1 {
			t.Errorf("told of %d", told)
		}
	}
}

func cancelledListing(t *testing.T, s Subject) {
	sample := s.Sample(1)
	on := s.trial(t, sample)
	on.apply(sample)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if markers, err := list(ctx, on.client); !errors.Is(err, context.Canceled) {
		t.Errorf("%d markers and %v, want the context's error", len(markers), err)
	}
	t.Run("in the middle", func(t *testing.T) {
		on, ids := s.several(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		told := map[string]bool{}
		var failure error
		for marker, err := range on.client.Markers(ctx) {
			cancel()
			if failure = err; err == nil {
				told[marker.Ref.ID] = true
			}
		}
		if !errors.Is(failure, context.Canceled) || len(told) >= len(ids) {
			t.Errorf("%d markers and %v, want the context's error", len(told), failure)
		}
	})
}

func failedListing(t *testing.T, s Subject) {
	for _, name := range slices.Sorted(maps.Keys(s.Failures)) {
		t.Run(name, func(t *testing.T) {
			on, ids := s.several(t)
			s.Failures[name](t)
			markers, err := list(t.Context(), on.client)
			if err == nil {
				t.Errorf("%d of %d markers and no error", len(markers), len(ids))
			}
		})
	}
}
