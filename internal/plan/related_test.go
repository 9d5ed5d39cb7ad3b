// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/apisync/apisync/api/v1alpha1"
)

func TestRelated(t *testing.T) {
	api := func(name, crossID, id string) *target {
		found := &target{api: &v1alpha1.ApiDefinition{}}
		found.api.Name, found.api.UID = name, types.UID("uid of "+name)
		found.api.Spec.CrossID, found.api.Spec.ID = crossID, id
		return found
	}
	cases := map[string]struct {
		why     string
		targets []*target
		rows    [][]string
	}{
		"none":      {why: "nothing to do", rows: nil},
		"strangers": {why: "they are planned beside each other", targets: []*target{api("a", "1", ""), api("b", "2", "")}, rows: [][]string{{"a"}, {"b"}}},
		"a crossId": {why: "one of them is a Conflict", targets: []*target{api("a", "1", ""), api("b", "2", ""), api("c", "1", "")}, rows: [][]string{{"a", "c"}, {"b"}}},
		"an id":     {why: "only one of them can have it", targets: []*target{api("a", "1", "x"), api("b", "2", "x")}, rows: [][]string{{"a", "b"}}},
		"through a third": {
			why: "rows that turn out to be one keep the order of all", rows: [][]string{{"a", "b", "c"}, {"d"}},
			targets: []*target{api("a", "1", "x"), api("b", "2", "y"), api("c", "1", "y"), api("d", "3", "z")},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var rows [][]string
			for _, row := range related(c.targets) {
				names := []string{}
				for _, one := range row {
					names = append(names, one.api.Name)
				}
				rows = append(rows, names)
			}
			slices.SortFunc(rows, slices.Compare)
			if diff := cmp.Diff(c.rows, rows); diff != "" {
				t.Errorf("rows (-want +got): %s\n%s", c.why, diff)
			}
		})
	}
}

func TestAround(t *testing.T) {
	cases := map[string]struct {
		why, before, after string
		room               int
		wantBefore         string
		wantAfter          string
	}{
		"short":         {"it fits", "old", "new", 10, "old", "new"},
		"differs late":  {"the difference has to be seen", "aaaaaaaaaaaaaaaaaaaaaaold", "aaaaaaaaaaaaaaaaaaaaaanew", 12, "…aaaaold", "…aaaanew"},
		"differs early": {"the rest doesn't matter", "old bbbbbbbbbbbbbbbbbbb", "new bbbbbbbbbbbbbbbbbbb", 12, "old bbbbbbb…", "new bbbbbbb…"},
		"one is longer": {"what is added at the end is seen", "aaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaa and more", 12, "…aaaa", "…aaaa and m…"},
		"runes":         {"characters aren't cut apart", "éééééééééééééééé1", "éééééééééééééééé2", 6, "…éé1", "…éé2"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			before, after := around(c.before, c.after, c.room)
			if before != c.wantBefore || after != c.wantAfter {
				t.Errorf("%q -> %q, want %q -> %q: %s", before, after, c.wantBefore, c.wantAfter, c.why)
			}
		})
	}
}

func TestCovers(t *testing.T) {
	cases := []struct {
		a, b string
		want bool
	}{
		{"plans[open]", "plans[open].type", true},
		{"plans[open].type", "plans[open]", true},
		{"plans", "plans[open]", true},
		{"name", "name", true},
		{"", "name", true},
		{"name", "names", false},
		{"plans[a]", "plans[b]", false},
	}
	for _, c := range cases {
		if covers(c.a, c.b) != c.want {
			t.Errorf("covers(%q, %q) isn't %v", c.a, c.b, c.want)
		}
	}
}
