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
