// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

// Package mapitest is the contract that every back end has to keep, as tests. A back end runs them on a simulator,
// and on a real management API when one is given.
package mapitest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/model"
)

// Subject is the back end under test.
type Subject struct {
	// Dial gives a client whose user may do everything. It is called once for each test.
	Dial func(t *testing.T) mapi.Client
	// Refused gives a client whose credentials are wrong; nil skips what needs it.
	Refused func(t *testing.T) mapi.Client
	// Sample makes a valid API. The same n gives the same API, other ones differ in key, id, name and path. It has at least one
	// child (plan), is started, and isn't in the management API before the tests, which delete what they make.
	Sample func(n int) model.API
	// Edit changes a copy of the definition so that Compare sees it.
	Edit func(model.API) model.API
	// PageSize is how many objects a page of the listing has at most, where that is few enough to make more of them; 0 skips what
	// needs several pages.
	PageSize int
	// Failures let the second page of every listing fail, each in another way, until the test ends.
	Failures map[string]func(t *testing.T)
	// Disown turns an object into one that a person manages; nil skips what needs it.
	Disown func(t *testing.T, id string)
	// Group makes a valid group, as Sample does an API: with at least one member that the management API knows. Nil says that the
	// back end doesn't keep groups.
	Group func(n int) model.Group
	// EditGroup changes the name and the members of a copy of the definition.
	EditGroup func(model.Group) model.Group
	// Misconfigure gives a copy with a policy whose configuration doesn't fit its schema because of the text Misfit, and the path of that
	// text. Nil skips what needs it.
	Misconfigure func(model.API) (misfit model.API, path string)
	// HideSchemas keeps the management API from telling schemas until the test ends; nil skips what needs it.
	HideSchemas func(t *testing.T)
}

// Misfit is the value that Misconfigure puts where something else is wanted. No message may hold it.
const Misfit = "m1sf1t-that-nobody-may-see"

// Run runs all checks as subtests. They run one after the other, since they may share one management API.
func Run(t *testing.T, subject Subject) {
	for _, check := range []struct {
		name string
		run  func(*testing.T, Subject)
	}{
		{"probe tells who and where", probe},
		{"wrong credentials are Unauthenticated everywhere", refused},
		{"an absent API is data", absent},
		{"what was applied is found by key and by id", found},
		{"applying again changes no id and leaves no difference", repeated},
		{"an edit is seen, applied and gone", edited},
		{"a dry run writes nothing", dryRun},
		{"a dry run of an update writes nothing", dryRunUpdate},
		{"a stale id falls back to the key", staleID},
		{"deleting twice is success, and ends it", deleted},
		{"an API that was deleted comes back with its id", recreated},
		{"deleting without an id is refused", deletedNothing},
		{"looking for nothing is refused", lookedForNothing},
		{"a context that ended is an error, and writes nothing", cancelled},
		{"two APIs don't touch each other", sideBySide},
		{"the mark of a cluster is read back", owned},
		{"the marks of all clusters that share an API are read back", shared},
		{"a configuration that doesn't fit is found, and its value isn't told", misconfigured},
		{"without schemas there is no verdict", unjudged},
		{"a group is made, read back, changed and gone", groupLife},
		{"a dry run of a group writes nothing", groupDryRun},
		{"deleting a group that isn't there is success, and one without an id is refused", groupDeleted},
		{"two groups don't touch each other", groupsSideBySide},
		{"groups under wrong credentials are Unauthenticated", groupRefused},
		{"a group as part of an API is seen at once", groupOfAnAPI},
		{"without groups every call is Unsupported", groupsUnsupported},
		{"what was applied is listed as it is observed", listed},
		{"an edit moves the marker in the listing, a dry run doesn't", listedEdits},
		{"what was deleted isn't listed", unlisted},
		{"what a person manages isn't listed", disowned},
		{"a listing of many pages is complete", manyPages},
		{"a listing can be left early", leftEarly},
		{"a listing whose context ended is an error", cancelledListing},
		{"a listing that fails in the middle is an error, and no end", failedListing},
	} {
		t.Run(check.name, func(t *testing.T) { check.run(t, subject) })
	}
}

// trial is one check's view: a store that is cleaned up after it.
type trial struct {
	*testing.T
	client mapi.Client
	store  mapi.Store[model.API]
}

func (s Subject) trial(t *testing.T, samples ...model.API) trial {
	t.Helper()
	client := s.Dial(t)
	store := client.APIs()
	t.Cleanup(func() {
		// The test's own context has ended.
		ctx := context.WithoutCancel(t.Context())
		for _, sample := range samples {
			seen, err := store.Observe(ctx, mapi.Ref{Key: sample.Key})
			if err == nil && seen.Exists {
				err = store.Delete(ctx, seen.Ref)
			}
			if err != nil {
				t.Errorf("cleaning up %s: %v", sample.Name, err)
			}
		}
	})
	return trial{T: t, client: client, store: store}
}

func (t trial) apply(want model.API) mapi.Receipt {
	t.Helper()
	receipt, err := t.store.Apply(t.Context(), want, mapi.Commit)
	if err != nil {
		t.Fatalf("apply %s: %v", want.Name, err)
	}
	if receipt.Ref.ID == "" {
		t.Fatalf("apply %s: a receipt without an id", want.Name)
	}
	return receipt
}

func (t trial) observe(ref mapi.Ref) mapi.Observation {
	t.Helper()
	seen, err := t.store.Observe(t.Context(), ref)
	if err != nil {
		t.Fatalf("observe %v: %v", ref, err)
	}
	return seen
}

func (t trial) mustExist(ref mapi.Ref) mapi.Observation {
	t.Helper()
	seen := t.observe(ref)
	if !seen.Exists {
		t.Fatalf("observe %v: absent", ref)
	}
	return seen
}

func (t trial) mustBeAbsent(ref mapi.Ref) {
	t.Helper()
	seen := t.observe(ref)
	if seen.Exists {
		t.Fatalf("observe %v: it exists", ref)
	}
	if seen.Ref.ID != "" || len(seen.Ref.Parts) > 0 {
		t.Errorf("an absent API has the identity %v", seen.Ref)
	}
}

func (t trial) compare(want model.API, seen mapi.Observation) []string {
	t.Helper()
	got, err := t.store.Compare(t.Context(), want, seen)
	if err != nil {
		t.Fatalf("compare %s: %v", want.Name, err)
	}
	paths := model.Paths(got.Differences)
	if !slices.IsSorted(paths) {
		t.Errorf("differences aren't sorted: %v", paths)
	}
	return paths
}

func probe(t *testing.T, s Subject) {
	info, err := s.Dial(t).Probe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if info.User == "" {
		t.Error("no user")
	}
	if !slices.IsSorted(info.Capabilities) {
		t.Errorf("capabilities aren't sorted: %v", info.Capabilities)
	}
}

func refused(t *testing.T, s Subject) {
	if s.Refused == nil {
		t.Skip("no client with wrong credentials")
	}
	client, sample := s.Refused(t), s.Sample(1)
	calls := map[string]func() error{
		"probe":   func() error { _, err := client.Probe(t.Context()); return err },
		"observe": func() error { _, err := client.APIs().Observe(t.Context(), mapi.Ref{Key: sample.Key}); return err },
		"apply":   func() error { _, err := client.APIs().Apply(t.Context(), sample, mapi.Commit); return err },
		"dry run": func() error { _, err := client.APIs().Apply(t.Context(), sample, mapi.DryRun); return err },
		"delete":  func() error { return client.APIs().Delete(t.Context(), mapi.Ref{ID: sample.ID}) },
		"list":    func() error { _, err := list(t.Context(), client); return err },
	}
	for _, name := range slices.Sorted(maps.Keys(calls)) {
		if err := calls[name](); !errors.Is(err, fault.Unauthenticated) {
			t.Errorf("%s: %v, want unauthenticated", name, err)
		}
	}
}

func absent(t *testing.T, s Subject) {
	sample := s.Sample(1)
	on := s.trial(t, sample)
	on.mustBeAbsent(mapi.Ref{Key: sample.Key})
	on.mustBeAbsent(mapi.Ref{ID: sample.ID})
	on.mustBeAbsent(mapi.Ref{Key: sample.Key, ID: sample.ID})
}

func found(t *testing.T, s Subject) {
	sample := s.Sample(1)
	on := s.trial(t, sample)
	receipt := on.apply(sample)
	byKey, byID := on.mustExist(mapi.Ref{Key: sample.Key}), on.mustExist(mapi.Ref{ID: receipt.Ref.ID})
	both := on.mustExist(mapi.Ref{Key: sample.Key, ID: receipt.Ref.ID})
	for _, seen := range []mapi.Observation{byKey, byID, both} {
		if seen.Ref.Key != sample.Key || seen.Ref.ID != receipt.Ref.ID {
			t.Errorf("found %v, applied %v", seen.Ref, receipt.Ref)
		}
		if len(seen.Ref.Parts) == 0 || !maps.Equal(seen.Ref.Parts, receipt.Ref.Parts) {
			t.Errorf("parts %v, applied %v", seen.Ref.Parts, receipt.Ref.Parts)
		}
		if !seen.Managed || seen.Owner != "" || len(seen.Owners) > 0 || seen.Name == "" {
			t.Errorf("managed %t, owner %q of %v, name %q", seen.Managed, seen.Owner, seen.Owners, seen.Name)
		}
	}
	if !byKey.FoundByKey || byID.FoundByKey || both.FoundByKey {
		t.Errorf("found by key: %t by key, %t by id, %t by both", byKey.FoundByKey, byID.FoundByKey, both.FoundByKey)
	}
	if receipt.State != "STARTED" {
		t.Errorf("state %q", receipt.State)
	}
}

func repeated(t *testing.T, s Subject) {
	sample := s.Sample(1)
	on := s.trial(t, sample)
	first := on.apply(sample)
	second := on.apply(sample)
	if first.Ref.ID != second.Ref.ID || !maps.Equal(first.Ref.Parts, second.Ref.Parts) {
		t.Errorf("identity moved from %v to %v", first.Ref, second.Ref)
	}
	if paths := on.compare(sample, on.mustExist(first.Ref)); len(paths) > 0 {
		t.Errorf("differences: %v", paths)
	}
}

func edited(t *testing.T, s Subject) {
	sample := s.Sample(1)
	changed := s.Edit(s.Sample(1))
	on := s.trial(t, sample)
	receipt := on.apply(sample)
	before := on.mustExist(receipt.Ref)
	if paths := on.compare(changed, before); len(paths) == 0 {
		t.Fatal("the edit isn't seen")
	}
	on.apply(changed)
	after := on.mustExist(receipt.Ref)
	if paths := on.compare(changed, after); len(paths) > 0 {
		t.Errorf("differences after the edit was applied: %v", paths)
	}
	if paths := on.compare(sample, after); len(paths) == 0 {
		t.Error("the state before isn't told from the state after")
	}
	if before.Marker != "" && before.Marker == after.Marker {
		t.Error("the marker didn't move with a write")
	}
}

func dryRun(t *testing.T, s Subject) {
	sample := s.Sample(1)
	on := s.trial(t, sample)
	if _, err := on.store.Apply(t.Context(), sample, mapi.DryRun); err != nil {
		t.Fatal(err)
	}
	on.mustBeAbsent(mapi.Ref{Key: sample.Key, ID: sample.ID})
}

func dryRunUpdate(t *testing.T, s Subject) {
	sample := s.Sample(1)
	on := s.trial(t, sample)
	receipt := on.apply(sample)
	before := on.mustExist(receipt.Ref)
	if _, err := on.store.Apply(t.Context(), s.Edit(s.Sample(1)), mapi.DryRun); err != nil {
		t.Fatal(err)
	}
	after := on.mustExist(receipt.Ref)
	if before.Marker != after.Marker {
		t.Error("the marker moved")
	}
	if paths := on.compare(sample, after); len(paths) > 0 {
		t.Errorf("differences: %v", paths)
	}
}

func staleID(t *testing.T, s Subject) {
	sample, never := s.Sample(1), s.Sample(2)
	on := s.trial(t, sample)
	receipt := on.apply(sample)
	seen := on.mustExist(mapi.Ref{Key: sample.Key, ID: never.ID})
	if seen.Ref.ID != receipt.Ref.ID || !seen.FoundByKey {
		t.Errorf("found %v, by key %t", seen.Ref, seen.FoundByKey)
	}
	on.mustBeAbsent(mapi.Ref{ID: never.ID})
}

func deleted(t *testing.T, s Subject) {
	sample := s.Sample(1)
	on := s.trial(t, sample)
	receipt := on.apply(sample)
	for range 2 {
		if err := on.store.Delete(t.Context(), receipt.Ref); err != nil {
			t.Fatal(err)
		}
		on.mustBeAbsent(mapi.Ref{Key: sample.Key, ID: receipt.Ref.ID})
	}
}

func recreated(t *testing.T, s Subject) {
	sample := s.Sample(1)
	on := s.trial(t, sample)
	first := on.apply(sample)
	if err := on.store.Delete(t.Context(), first.Ref); err != nil {
		t.Fatal(err)
	}
	if second := on.apply(sample); second.Ref.ID != first.Ref.ID {
		t.Errorf("came back as %s, was %s", second.Ref.ID, first.Ref.ID)
	}
}

func deletedNothing(t *testing.T, s Subject) {
	sample := s.Sample(1)
	on := s.trial(t, sample)
	receipt := on.apply(sample)
	if err := on.store.Delete(t.Context(), mapi.Ref{Key: sample.Key}); !errors.Is(err, fault.Terminal) {
		t.Errorf("got %v, want a terminal fault", err)
	}
	on.mustExist(receipt.Ref)
}

func lookedForNothing(t *testing.T, s Subject) {
	if _, err := s.trial(t).store.Observe(t.Context(), mapi.Ref{}); !errors.Is(err, fault.Terminal) {
		t.Errorf("got %v, want a terminal fault", err)
	}
}

func cancelled(t *testing.T, s Subject) {
	sample := s.Sample(1)
	on := s.trial(t, sample)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := on.store.Apply(ctx, sample, mapi.Commit); !errors.Is(err, context.Canceled) {
		t.Errorf("apply: %v, want the context's error", err)
	}
	if _, err := on.store.Observe(ctx, mapi.Ref{Key: sample.Key}); !errors.Is(err, context.Canceled) {
		t.Errorf("observe: %v, want the context's error", err)
	}
	on.mustBeAbsent(mapi.Ref{Key: sample.Key})
}

func sideBySide(t *testing.T, s Subject) {
	one, two := s.Sample(1), s.Sample(2)
	on := s.trial(t, one, two)
	first, second := on.apply(one), on.apply(two)
	if first.Ref.ID == second.Ref.ID {
		t.Fatal("both have one id")
	}
	if err := on.store.Delete(t.Context(), first.Ref); err != nil {
		t.Fatal(err)
	}
	if paths := on.compare(two, on.mustExist(second.Ref)); len(paths) > 0 {
		t.Errorf("differences of the other: %v", paths)
	}
}

func shared(t *testing.T, s Subject) {
	sample := s.Sample(1)
	sample.Cluster, sample.Sharers = "middle", []string{"east", "west"}
	on := s.trial(t, sample)
	receipt := on.apply(sample)
	seen := on.mustExist(receipt.Ref)
	if want := []string{"east", "middle", "west"}; !slices.Equal(seen.Owners, want) || seen.Owner != "east" {
		t.Errorf("owners %v, first %q, want %v", seen.Owners, seen.Owner, want)
	}
	if paths := on.compare(sample, seen); len(paths) > 0 {
		t.Errorf("differences: %v", paths)
	}
	on.settled("an API that is shared", with(marker(seen)))
	fewer := sample
	fewer.Cluster = ""
	if paths := on.compare(fewer, seen); len(paths) == 0 {
		t.Error("a mark less is no difference")
	}
	on.apply(fewer)
	after := on.mustExist(receipt.Ref)
	if !slices.Equal(after.Owners, fewer.Sharers) {
		t.Errorf("owners %v, want %v", after.Owners, fewer.Sharers)
	}
	if paths := on.compare(fewer, after); len(paths) > 0 {
		t.Errorf("differences with the marks of others alone: %v", paths)
	}
}

func owned(t *testing.T, s Subject) {
	sample := s.Sample(1)
	sample.Cluster = "east"
	on := s.trial(t, sample)
	receipt := on.apply(sample)
	seen := on.mustExist(receipt.Ref)
	if seen.Owner != "east" || !slices.Equal(seen.Owners, []string{"east"}) {
		t.Errorf("owner %q of %v, want east", seen.Owner, seen.Owners)
	}
	if paths := on.compare(sample, seen); len(paths) > 0 {
		t.Errorf("differences: %v", paths)
	}
	other := sample
	other.Cluster = "west"
	if paths := on.compare(other, seen); len(paths) == 0 {
		t.Error("another owner is no difference")
	}
}
