// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"slices"
	"testing"

	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/model"
)

// remote is a management API with two APIs, which counts what it is asked for.
type remote struct {
	dryRuns, writes int
}

func (r *remote) Probe(context.Context) (mapi.ServerInfo, error) { return mapi.ServerInfo{}, nil }
func (r *remote) APIs() mapi.Store[model.API]                    { return r }
func (r *remote) Groups() mapi.Store[model.Group]                { return nil }
func (r *remote) Markers(context.Context) iter.Seq2[mapi.Marker, error] {
	return func(func(mapi.Marker, error) bool) {}
}

// Observe keeps to the contract of mapi.Store: by id, then by key, and an id with another key is a Conflict.
func (r *remote) Observe(_ context.Context, ref mapi.Ref) (mapi.Observation, error) {
	apis := map[string]string{"id-1": "key-1", "id-2": "key-2"}
	for id, key := range apis {
		switch {
		case id == ref.ID && ref.Key != "" && key != ref.Key:
			return mapi.Observation{}, fault.New(fault.Conflict, "IDExists", "another crossId")
		case id == ref.ID, apis[ref.ID] == "" && key == ref.Key:
			return mapi.Observation{Exists: true, Ref: mapi.Ref{ID: id, Key: key}}, nil
		}
	}
	return mapi.Observation{}, nil
}

func (r *remote) Compare(context.Context, model.API, mapi.Observation) (mapi.Comparison, error) {
	return mapi.Comparison{Differences: []model.Difference{{Path: "name"}}}, nil
}

func (r *remote) Review(context.Context, model.API) ([]mapi.Finding, error) { return nil, nil }

func (r *remote) Apply(_ context.Context, _ model.API, mode mapi.Mode) (mapi.Receipt, error) {
	if mode == mapi.Commit {
		r.writes++
	} else {
		r.dryRuns++
	}
	return mapi.Receipt{Warnings: []string{"remark"}}, nil
}

func (r *remote) Delete(context.Context, mapi.Ref) error {
	r.writes++
	return nil
}

// clients gives recorders that lead to two environments of one installation.
func clients(t *testing.T, real *remote) (here, there mapi.Store[model.API]) {
	t.Helper()
	registry := newRecords(true).registry(mapi.Registry{"x": {Dial: func(mapi.Config, http.RoundTripper) (mapi.Client, error) { return real, nil }}})
	dial := func(environment string) mapi.Store[model.API] {
		dialled, err := registry["x"].Dial(mapi.Config{BaseURL: "http://mapi", Scope: map[string]string{"environment": environment}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return dialled.APIs()
	}
	return dial("here"), dial("there")
}

func wanted(id, key string) model.API {
	return model.API{Name: "ns/" + id, ID: id, Key: key, Definition: map[string]any{"id": id, "state": "STARTED"}}
}

// What was recorded is what is seen from then on, and the rest is what is there.
func TestRecordsAnswer(t *testing.T) {
	ctx, real := t.Context(), &remote{}
	here, there := clients(t, real)
	observe := func(store mapi.Store[model.API], ref mapi.Ref) mapi.Observation {
		t.Helper()
		seen, err := store.Observe(ctx, ref)
		if err != nil {
			t.Fatal(err)
		}
		return seen
	}
	if !observe(here, mapi.Ref{ID: "id-1"}).Exists {
		t.Error("nothing was recorded yet, so what is there is seen")
	}
	if err := here.Delete(ctx, mapi.Ref{ID: "id-1"}); err != nil {
		t.Fatal(err)
	}
	for _, ref := range []mapi.Ref{{ID: "id-1"}, {Key: "key-1"}, {ID: "id-1", Key: "key-1"}} {
		if observe(here, ref).Exists {
			t.Errorf("%+v was deleted", ref)
		}
	}
	if seen := observe(here, mapi.Ref{ID: "id-1", Key: "key-2"}); seen.Ref.ID != "id-2" {
		t.Errorf("an id that is gone hides nothing that the key finds: %+v", seen)
	}
	receipt, err := there.Apply(ctx, wanted("id-1", "key-1"), mapi.Commit)
	if err != nil || receipt.Ref.ID != "id-1" || receipt.State != "STARTED" {
		t.Errorf("receipt %+v, %v", receipt, err)
	}
	if real.dryRuns != 0 {
		t.Error("a dry run under an id whose deletion is only recorded would be refused")
	}
	for _, ref := range []mapi.Ref{{ID: "id-1"}, {Key: "key-1"}} {
		if !observe(there, ref).Exists {
			t.Errorf("%+v was created there", ref)
		}
		if observe(here, ref).Exists {
			t.Errorf("%+v is still deleted here", ref)
		}
	}
	shared := wanted("id-7", "key-7")
	shared.Cluster, shared.Sharers = "west", []string{"east"}
	if _, err := there.Apply(ctx, shared, mapi.Commit); err != nil {
		t.Fatal(err)
	}
	if seen := observe(there, mapi.Ref{ID: "id-7"}); !slices.Equal(seen.Owners, []string{"east", "west"}) || seen.Owner != "east" {
		t.Errorf("it bears the marks of all clusters: %+v", seen)
	}
	comparison, err := there.Compare(ctx, wanted("id-1", "key-1"), observe(there, mapi.Ref{ID: "id-1"}))
	if err != nil || len(comparison.Differences) > 0 {
		t.Errorf("what was applied is as wanted: %v, %v", comparison.Differences, err)
	}
	if _, err := there.Observe(ctx, mapi.Ref{ID: "id-1", Key: "key-9"}); !errors.Is(err, fault.Conflict) {
		t.Errorf("error = %v: an id with another crossId is a Conflict, as in the back end", err)
	}
	if err := there.Delete(ctx, mapi.Ref{ID: "id-1"}); err != nil || observe(there, mapi.Ref{ID: "id-1"}).Exists {
		t.Errorf("what was recorded can be deleted again: %v", err)
	}
	if err := here.Delete(ctx, mapi.Ref{}); !errors.Is(err, fault.Terminal) {
		t.Errorf("error = %v: without an id it would be the whole collection", err)
	}
	if real.writes != 0 {
		t.Errorf("%d writes came through", real.writes)
	}
}

func TestApplyIsChecked(t *testing.T) {
	real := &remote{}
	here, _ := clients(t, real)
	receipt, err := here.Apply(t.Context(), wanted("id-3", "key-3"), mapi.Commit)
	if err != nil || real.dryRuns != 1 || len(receipt.Warnings) != 1 {
		t.Errorf("%d dry runs, receipt %+v, %v", real.dryRuns, receipt, err)
	}
	if _, err := here.Apply(t.Context(), wanted("id-1", "key-9"), mapi.Commit); !errors.Is(err, fault.Conflict) {
		t.Errorf("error = %v: a dry run doesn't find that the id is another API's", err)
	}
	if real.writes != 0 {
		t.Errorf("%d writes came through", real.writes)
	}
}
