// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

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

// groupTrial is one check's view on groups: a store that is cleaned up after it.
type groupTrial struct {
	*testing.T
	client mapi.Client
	store  mapi.Store[model.Group]
}

func (s Subject) groupTrial(t *testing.T, samples ...model.Group) groupTrial {
	t.Helper()
	if s.Group == nil {
		t.Skip("the back end doesn't keep groups")
	}
	client := s.Dial(t)
	on := groupTrial{T: t, client: client, store: client.Groups()}
	t.Cleanup(func() {
		// The test's own context has ended.
		ctx := context.WithoutCancel(t.Context())
		for _, sample := range samples {
			seen, err := on.store.Observe(ctx, mapi.Ref{Key: sample.Key})
			if err == nil && seen.Exists {
				err = on.store.Delete(ctx, seen.Ref)
			}
			if err != nil {
				t.Errorf("cleaning up %s: %v", sample.Name, err)
			}
		}
	})
	return on
}

func (t groupTrial) apply(want model.Group) mapi.Receipt {
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

func (t groupTrial) observe(ref mapi.Ref) mapi.Observation {
	t.Helper()
	seen, err := t.store.Observe(t.Context(), ref)
	if err != nil {
		t.Fatalf("observe %v: %v", ref, err)
	}
	return seen
}

func (t groupTrial) compare(want model.Group, seen mapi.Observation) []string {
	t.Helper()
	got, err := t.store.Compare(t.Context(), want, seen)
	if err != nil {
		t.Fatalf("compare %s: %v", want.Name, err)
	}
	return model.Paths(got.Differences)
}

// found checks that a group is found under a reference, equals what was applied, and differs from an edit of it.
func (t groupTrial) found(ref mapi.Ref, id string, applied, edited model.Group) {
	t.Helper()
	seen := t.observe(ref)
	if !seen.Exists || seen.Ref.ID != id || seen.Name != applied.Definition["name"] {
		t.Fatalf("observe %v: %+v", ref, seen)
	}
	if seen.FoundByKey != (ref.ID == "") {
		t.Errorf("observe %v: found by key %t", ref, seen.FoundByKey)
	}
	if paths := t.compare(applied, seen); len(paths) > 0 {
		t.Errorf("differences: %v", paths)
	}
	if paths := t.compare(edited, seen); len(paths) == 0 {
		t.Error("the edit isn't seen")
	}
}

func groupLife(t *testing.T, s Subject) {
	if s.Group == nil {
		t.Skip("the back end doesn't keep groups")
	}
	sample, changed := s.Group(1), s.EditGroup(s.Group(1))
	on := s.groupTrial(t, sample)
	if seen := on.observe(mapi.Ref{Key: sample.Key}); seen.Exists {
		t.Fatal("it exists before")
	}
	receipt := on.apply(sample)
	members, _ := sample.Definition["members"].([]any)
	if receipt.Ref.Key != sample.Key || receipt.Members != len(members) || len(receipt.Warnings)+len(receipt.Severe) > 0 {
		t.Errorf("receipt %+v", receipt)
	}
	for _, ref := range []mapi.Ref{{Key: sample.Key}, {ID: receipt.Ref.ID}, receipt.Ref} {
		on.found(ref, receipt.Ref.ID, sample, changed)
	}
	if again := on.apply(changed); again.Ref.ID != receipt.Ref.ID {
		t.Errorf("the id moved from %s to %s", receipt.Ref.ID, again.Ref.ID)
	}
	if paths := on.compare(changed, on.observe(receipt.Ref)); len(paths) > 0 {
		t.Errorf("differences after the edit was applied: %v", paths)
	}
	if err := on.store.Delete(t.Context(), receipt.Ref); err != nil {
		t.Fatal(err)
	}
	if seen := on.observe(receipt.Ref); seen.Exists || seen.Ref.ID != "" {
		t.Errorf("after the deletion: %+v", seen)
	}
	if again := on.apply(sample); again.Ref.ID != receipt.Ref.ID {
		t.Errorf("came back as %s, was %s", again.Ref.ID, receipt.Ref.ID)
	}
}

func groupDryRun(t *testing.T, s Subject) {
	on := s.groupTrial(t)
	sample := s.Group(1)
	if _, err := on.store.Apply(t.Context(), sample, mapi.DryRun); err != nil {
		t.Fatal(err)
	}
	if seen := on.observe(mapi.Ref{Key: sample.Key}); seen.Exists {
		t.Error("it exists")
	}
}

func groupDeleted(t *testing.T, s Subject) {
	if s.Group == nil {
		t.Skip("the back end doesn't keep groups")
	}
	sample := s.Group(1)
	on := s.groupTrial(t, sample)
	receipt := on.apply(sample)
	if err := on.store.Delete(t.Context(), mapi.Ref{}); !errors.Is(err, fault.Terminal) {
		t.Errorf("without a key and an id: %v, want a terminal fault", err)
	}
	if _, err := on.store.Observe(t.Context(), mapi.Ref{}); !errors.Is(err, fault.Terminal) {
		t.Errorf("looking for nothing: %v, want a terminal fault", err)
	}
	for range 2 {
		if err := on.store.Delete(t.Context(), receipt.Ref); err != nil {
			t.Fatal(err)
		}
	}
}

func groupsSideBySide(t *testing.T, s Subject) {
	if s.Group == nil {
		t.Skip("the back end doesn't keep groups")
	}
	one, two := s.Group(1), s.Group(2)
	on := s.groupTrial(t, one, two)
	first, second := on.apply(one), on.apply(two)
	if first.Ref.ID == second.Ref.ID {
		t.Fatal("both have one id")
	}
	if err := on.store.Delete(t.Context(), first.Ref); err != nil {
		t.Fatal(err)
	}
	if paths := on.compare(two, on.observe(second.Ref)); len(paths) > 0 {
		t.Errorf("differences of the other: %v", paths)
	}
}

func groupRefused(t *testing.T, s Subject) {
	if s.Refused == nil || s.Group == nil {
		t.Skip("no client with wrong credentials, or no groups")
	}
	store, sample := s.Refused(t).Groups(), s.Group(1)
	calls := map[string]func() error{
		"observe": func() error { _, err := store.Observe(t.Context(), mapi.Ref{Key: sample.Key}); return err },
		"apply":   func() error { _, err := store.Apply(t.Context(), sample, mapi.Commit); return err },
		"dry run": func() error { _, err := store.Apply(t.Context(), sample, mapi.DryRun); return err },
		"delete":  func() error { return store.Delete(t.Context(), mapi.Ref{ID: "any"}) },
	}
	for _, name := range slices.Sorted(maps.Keys(calls)) {
		if err := calls[name](); !errors.Is(err, fault.Unauthenticated) {
			t.Errorf("%s: %v, want unauthenticated", name, err)
		}
	}
}

// groupOfAnAPI: an API that names a group before it exists, while it does, and after it is gone.
func groupOfAnAPI(t *testing.T, s Subject) {
	if s.Group == nil {
		t.Skip("the back end doesn't keep groups")
	}
	sample, api := s.Group(1), s.Sample(1)
	api.Definition = maps.Clone(api.Definition)
	api.Definition["groups"] = []any{sample.Definition["name"]}
	people := s.groupTrial(t, sample)
	on := s.trial(t, api)
	// One client for both, whose caches have to follow.
	on.client, on.store = people.client, people.client.APIs()
	unknown := func() bool {
		t.Helper()
		receipt := on.apply(api)
		want := api
		want.Reported = receipt.Warnings
		got, err := on.store.Compare(t.Context(), want, on.mustExist(receipt.Ref))
		if err != nil {
			t.Fatal(err)
		}
		if paths := model.Paths(got.Differences); len(paths) > 0 {
			t.Errorf("differences: %v", paths)
		}
		return slices.ContainsFunc(got.Findings, func(f mapi.Finding) bool { return f.Severity == mapi.Warning })
	}
	if !unknown() {
		t.Error("a group that doesn't exist isn't found")
	}
	receipt := people.apply(sample)
	if unknown() {
		t.Error("a group that was made isn't seen")
	}
	if err := people.store.Delete(t.Context(), receipt.Ref); err != nil {
		t.Fatal(err)
	}
	if !unknown() {
		t.Error("a group that is gone isn't missed")
	}
}

func groupsUnsupported(t *testing.T, s Subject) {
	if s.Group != nil {
		t.Skip("the back end keeps groups")
	}
	store, group := s.Dial(t).Groups(), model.Group{Name: "test/group", Key: "test-group"}
	calls := map[string]func() error{
		"observe": func() error { _, err := store.Observe(t.Context(), mapi.Ref{Key: group.Key}); return err },
		"apply":   func() error { _, err := store.Apply(t.Context(), group, mapi.Commit); return err },
		"delete":  func() error { return store.Delete(t.Context(), mapi.Ref{ID: "any"}) },
	}
	for _, name := range slices.Sorted(maps.Keys(calls)) {
		if err := calls[name](); !errors.Is(err, fault.Terminal) || fault.ReasonOf(err) != fault.ReasonUnsupported {
			t.Errorf("%s: %v, want unsupported", name, err)
		}
	}
}
