// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package model_test

import (
	"strings"
	"testing"

	"github.com/apisync/apisync/internal/model"
)

func digest(t *testing.T, api model.API, key string) string {
	t.Helper()
	value, err := api.Digest([]byte(key))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestDigest(t *testing.T) {
	plan := func(id, name string) []any { return []any{map[string]any{"id": id, "name": name}} }
	base := model.API{Name: "a/b", Definition: map[string]any{"name": "x", "plans": plan("1", "open")}}
	cases := []struct {
		why   string
		other model.API
		same  bool
	}{
		{"the same again", model.API{Name: "a/b", Definition: map[string]any{"plans": plan("1", "open"), "name": "x"}}, true},
		{"ids of plans are the management API's choice", model.API{Definition: map[string]any{"name": "x", "plans": plan("2", "open")}}, true},
		{"warnings aren't wanted state", model.API{Definition: map[string]any{"name": "x", "plans": plan("1", "open")}, Reported: []string{"w"}}, true},
		{"another value", model.API{Definition: map[string]any{"name": "y", "plans": plan("1", "open")}}, false},
		{"another plan", model.API{Definition: map[string]any{"name": "x", "plans": plan("1", "closed")}}, false},
		{"another owner", model.API{Cluster: "c", Definition: map[string]any{"name": "x", "plans": plan("1", "open")}}, false},
		{"marks of other clusters aren't wanted here", model.API{Sharers: []string{"east"}, Definition: map[string]any{"name": "x", "plans": plan("1", "open")}}, true},
		{"a group that got an id was made after the API", model.API{Linked: map[string]string{"crew": "1"}, Definition: map[string]any{"name": "x", "plans": plan("1", "open")}}, false},
		{"plans of another shape", model.API{Definition: map[string]any{"name": "x", "plans": "odd"}}, false},
	}
	for _, c := range cases {
		t.Run(c.why, func(t *testing.T) {
			if got := digest(t, base, "key") == digest(t, c.other, "key"); got != c.same {
				t.Errorf("equal: %t, want %t", got, c.same)
			}
		})
	}
	if base.Definition["plans"].([]any)[0].(map[string]any)["id"] != "1" {
		t.Error("the definition was changed")
	}
}

func TestDigestHidesWhatItCovers(t *testing.T) {
	api := model.API{Definition: map[string]any{"password": "s3cret"}}
	one, other := digest(t, api, "key"), digest(t, api, "other key")
	if one[strings.LastIndex(one, ":"):] == other[strings.LastIndex(other, ":"):] {
		t.Error("the hash doesn't depend on the key, so that secrets can be guessed")
	}
	if !model.Comparable(one, []byte("key")) || model.Comparable(one, []byte("other key")) {
		t.Error("digests of different keys are taken for comparable")
	}
	for _, odd := range []string{"", "v0:00000000:abc", one[:3]} {
		if model.Comparable(odd, []byte("key")) {
			t.Errorf("%q is taken for comparable", odd)
		}
	}
}

func TestDigestRefusesWhatJSONCannotHold(t *testing.T) {
	if _, err := (model.API{Name: "a/b", Definition: map[string]any{"x": func() {}}}).Digest(nil); err == nil {
		t.Error("no error")
	}
}

// A group that was made again under its name is another one, and the API has to be told of it.
func TestDigestCoversLinkedObjects(t *testing.T) {
	with := func(cluster string, linked map[string]string) string {
		return digest(t, model.API{Cluster: cluster, Linked: linked, Definition: map[string]any{"groups": []any{"crew", "guests"}}}, "key")
	}
	both := with("", map[string]string{"crew": "1", "guests": "2"})
	for range 20 {
		if with("", map[string]string{"guests": "2", "crew": "1"}) != both {
			t.Fatal("the order of a map changes the digest: every API would be published again and again")
		}
	}
	cases := map[string]struct {
		why     string
		cluster string
		linked  map[string]string
	}{
		"another id": {"the group was made again", "", map[string]string{"crew": "3", "guests": "2"}},
		"one less":   {"the group isn't published", "", map[string]string{"crew": "1"}},
		"exchanged":  {"each id belongs to its name", "", map[string]string{"crew": "2", "guests": "1"}},
		"none":       {"no group is published", "", nil},
		"an owner":   {"it isn't taken for a name", "crew", map[string]string{"guests": "2"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if with(c.cluster, c.linked) == both {
				t.Errorf("the digest is the same: %s", c.why)
			}
		})
	}
}

func TestDigestOfGroups(t *testing.T) {
	of := func(group model.Group, key string) string {
		t.Helper()
		sum, err := group.Digest([]byte(key))
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	crew := func(name string) map[string]any {
		return map[string]any{"name": name, "notifyMembers": true, "members": []any{map[string]any{"source": "memory", "sourceId": "api1"}}}
	}
	base := model.Group{Name: "ns/crew", Key: "ns-crew", Definition: crew("Crew")}
	cases := map[string]struct {
		why   string
		other model.Group
		same  bool
	}{
		"the same":    {"nothing asks for a write", model.Group{Name: "ns/crew", Key: "ns-crew", Definition: crew("Crew")}, true},
		"warnings":    {"they aren't wanted state", model.Group{Name: "ns/crew", Key: "ns-crew", Definition: crew("Crew"), Reported: []string{"w"}}, true},
		"renamed":     {"it has to be written", model.Group{Name: "ns/crew", Key: "ns-crew", Definition: crew("Guests")}, false},
		"another key": {"it is another remote group", model.Group{Name: "ns/crew", Key: "id-1", KeyIsID: true, Definition: crew("Crew")}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := of(base, "key") == of(c.other, "key"); got != c.same {
				t.Errorf("equal: %t, want %t: %s", got, c.same, c.why)
			}
		})
	}
	if !model.Comparable(of(base, "key"), []byte("key")) || model.Comparable(of(base, "key"), []byte("other key")) {
		t.Error("digests of groups are compared as those of APIs are")
	}
	if _, err := (model.Group{Name: "ns/crew", Definition: map[string]any{"x": func() {}}}).Digest(nil); err == nil || !strings.Contains(err.Error(), "ns/crew") {
		t.Errorf("error = %v, want one that names the group", err)
	}
}
