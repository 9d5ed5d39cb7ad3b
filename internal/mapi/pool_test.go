// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package mapi_test

import (
	"context"
	"errors"
	"iter"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/model"
)

type named struct{ name string }

func (named) Probe(context.Context) (mapi.ServerInfo, error) { return mapi.ServerInfo{}, nil }
func (named) APIs() mapi.Store[model.API]                    { return nil }
func (named) Groups() mapi.Store[model.Group]                { return nil }
func (named) Markers(context.Context) iter.Seq2[mapi.Marker, error] {
	return func(func(mapi.Marker, error) bool) {}
}

func lease(name, version, environment string) mapi.Lease {
	config := mapi.Config{BaseURL: "http://mapi/", Scope: map[string]string{"environmentId": environment, "organizationId": "o"}}
	return mapi.Lease{Client: named{name}, Name: "ns/ctx", Version: version, Place: config.Place(), Scope: config.Scope}
}

func TestPoolTellsOfChanges(t *testing.T) {
	var woken []string
	pool := mapi.NewPool(func(name string) { woken = append(woken, name) })
	steps := []struct {
		why  string
		do   func()
		wake bool
	}{
		{"the first probe after a start", func() { pool.Put("uid", lease("a", "1", "dev")) }, true},
		{"a later probe of the same configuration learns nothing new", func() { pool.Put("uid", lease("a", "1", "dev")) }, false},
		{"new credentials or a new spec", func() { pool.Put("uid", lease("b", "2", "dev")) }, true},
		{"a failure: a deletion may have to go on without the context", func() { pool.Fail("uid", "ns/ctx", errors.New("down")) }, true},
		{"the same failure again", func() { pool.Fail("uid", "ns/ctx", errors.New("still down")) }, false},
		{"back again", func() { pool.Put("uid", lease("b", "2", "dev")) }, true},
	}
	for _, step := range steps {
		woken = nil
		step.do()
		if (len(woken) == 1) != step.wake {
			t.Errorf("%s: woke %v", step.why, woken)
		}
	}
}

func TestPoolLendsOnlyWhatIsReady(t *testing.T) {
	pool := mapi.NewPool(nil)
	if _, known, err := pool.Get("uid"); known || err != nil {
		t.Errorf("before the first probe: known %v, %v", known, err)
	}
	pool.Put("uid", lease("a", "1", "dev"))
	if got, known, err := pool.Get("uid"); !known || err != nil || got.Client != (named{"a"}) {
		t.Errorf("after a probe: %v, %v, %v", got, known, err)
	}
	pool.Fail("uid", "ns/ctx", fault.New(fault.Unauthenticated, fault.ReasonUnauthorized, "401"))
	_, known, err := pool.Get("uid")
	if !known || fault.KindOf(err) != fault.Waiting || fault.ReasonOf(err) != fault.ReasonContextNotReady {
		t.Errorf("after a failure: known %v, %v", known, err)
	}
	if trouble := pool.Trouble("uid"); fault.ReasonOf(trouble) != fault.ReasonUnauthorized {
		t.Errorf("trouble = %v", trouble)
	}
	if got, ok := pool.Retained("uid"); !ok || got.Client != (named{"a"}) {
		t.Errorf("a deletion must get through with the last client, got %v, %v", got, ok)
	}
	pool.Drop("uid")
	if _, ok := pool.Retained("uid"); ok {
		t.Error("a dropped context still has a client")
	}
}

func TestPoolFindsPlaces(t *testing.T) {
	pool := mapi.NewPool(nil)
	dev, prod := lease("a", "1", "dev"), lease("a2", "2", "prod")
	pool.Put("uid", dev)
	pool.Put("uid", prod)
	if got, ok := pool.At(prod.Place); !ok || got.Client != prod.Client {
		t.Errorf("the place of a context: %v, %v", got, ok)
	}
	if got, ok := pool.At(dev.Place); !ok || got.Client != dev.Client {
		t.Errorf("the place that a context left must still be reached, to move APIs away: %v, %v", got, ok)
	}
	if _, ok := pool.At(lease("x", "1", "none").Place); ok {
		t.Error("a place that nothing leads to was found")
	}
}

func TestPlaces(t *testing.T) {
	config := func(url, organization, environment string) mapi.Place {
		return mapi.Config{BaseURL: url, Scope: map[string]string{"organizationId": organization, "environmentId": environment}}.Place()
	}
	dev := config("http://mapi", "o", "dev")
	if dev != config("http://mapi/", "o", "dev") {
		t.Error("a slash at the end makes another place")
	}
	if !dev.SameInstallation(config("http://mapi", "o", "prod")) || dev.SameInstallation(config("http://other", "o", "dev")) {
		t.Error("installations are told apart by their address")
	}
}

func TestRegistryNamesTheKnownTypes(t *testing.T) {
	registry := mapi.Registry{"gravitee": {}, "kong": {}}
	for _, typ := range []string{"", "gravitee", "Gravitee"} {
		if _, err := registry.Backend(typ); err != nil {
			t.Errorf("type %q: %v", typ, err)
		}
	}
	_, err := registry.Backend("apigee")
	if want := `spec.type: "apigee" is no known type of management API; use one of: gravitee, kong`; err == nil || err.Error() != want || !errors.Is(err, fault.Terminal) {
		t.Errorf("error = %v (-want +got):\n%s", err, cmp.Diff(want, err.Error()))
	}
}

func TestPoolKeepsAListingForTheVersionThatItWasMadeUnder(t *testing.T) {
	pool := mapi.NewPool(nil)
	pool.Record("uid", "1", &mapi.Listing{})
	if _, known, _ := pool.Get("uid"); known {
		t.Error("a listing makes no context known")
	}
	pool.Put("uid", lease("a", "1", "e"))
	if got, _, _ := pool.Get("uid"); got.Listing != nil {
		t.Error("a listing from before the context was usable is told")
	}
	pool.Record("uid", "1", &mapi.Listing{})
	pool.Put("uid", lease("a", "1", "e"))
	if got, _, _ := pool.Get("uid"); got.Listing == nil {
		t.Error("a probe that changed nothing lost the listing")
	}
	pool.Record("uid", "0", &mapi.Listing{Err: errors.New("late")})
	if got, _, _ := pool.Get("uid"); got.Listing.Err != nil {
		t.Error("the listing of an older version replaced a newer one")
	}
	pool.Put("uid", lease("b", "2", "e"))
	if got, _, _ := pool.Get("uid"); got.Listing != nil {
		t.Error("what another user or address was shown says nothing about this one")
	}
}
