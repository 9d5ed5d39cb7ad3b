// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package simulator_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/apisync/apisync/test/simulator"
)

func TestPaging(t *testing.T) {
	t.Parallel()
	r := start(t, simulator.Options{})
	for i := range 7 {
		r.must(t, 200, "PUT", put(""), definition(fmt.Sprint("p", 6-i)))
	}
	r.must(t, 200, "POST", e+"/apis/import?definitionVersion=2.0.0", with(definition("hand"), map[string]any{"id": nil}))
	search := v2 + "/apis/_search"
	for name, c := range map[string]struct {
		reason, method, target string
		body                   any
		want                   []string
		total                  float64
	}{
		"list":     {"lists go by name", "GET", v2 + "/apis?page=2&perPage=3", nil, []string{"api p2", "api p3", "api p4"}, 8},
		"last":     {"the last page is shorter", "GET", v2 + "/apis?page=3&perPage=3", nil, []string{"api p5", "api p6"}, 8},
		"beyond":   {"behind the end there is nothing", "GET", v2 + "/apis?page=9&perPage=3", nil, []string{}, 8},
		"ignored":  {"the list ignores filters", "GET", v2 + "/apis?perPage=1&crossId=x&ids=y", nil, []string{"api hand"}, 8},
		"ids":      {"search by ids", "POST", search + "?perPage=1000", map[string]any{"ids": []string{id("a", "p1"), id("a", "p3"), "nope"}}, []string{"api p3", "api p1"}, 2},
		"no ids":   {"no id finds nothing", "POST", search, map[string]any{"ids": []string{}}, []string{}, 0},
		"origin":   {"only what an operator made", "POST", search + "?perPage=2", map[string]any{"query": "origin:kubernetes"}, []string{"api p6", "api p5"}, 7},
		"crossId":  {"search doesn't know crossIds", "POST", search, map[string]any{"query": "crossId:" + id("c", "p1")}, []string{}, 0},
		"words":    {"search by words", "POST", search, map[string]any{"query": "about p4"}, []string{"api p4"}, 1},
		"no query": {"everything, ten at a time", "POST", search + "?perPage=1&page=8", map[string]any{}, []string{"api hand"}, 8},
	} {
		t.Run(name, func(t *testing.T) {
			got := r.must(t, 200, c.method, c.target, c.body).object(t)
			found := []string{}
			for _, item := range got["data"].([]any) {
				found = append(found, item.(map[string]any)["name"].(string))
			}
			if diff := cmp.Diff(c.want, found); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.reason, diff)
			}
			if total := got["pagination"].(map[string]any)["totalCount"]; total != c.total {
				t.Errorf("total %v, want %v", total, c.total)
			}
		})
	}
	links := r.must(t, 200, "GET", v2+"/apis?page=2&perPage=3", nil).object(t)["links"]
	base := r.url + v2 + "/apis?page="
	want := map[string]any{"self": base + "2&perPage=3", "first": base + "1&perPage=3", "last": base + "3&perPage=3",
		"previous": base + "1&perPage=3", "next": base + "3&perPage=3"}
	if diff := cmp.Diff(want, links); diff != "" {
		t.Errorf("links (-want +got):\n%s", diff)
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	r := start(t, simulator.Options{})
	for _, name := range []string{"one", "two"} {
		r.must(t, 200, "PUT", put(""), definition(name))
	}
	for query, want := range map[string]int{
		"": 2, "?crossId=" + id("c", "one"): 1, "?crossId=absent": 0, "?name=api%20two": 1, "?context-path=/one": 1,
	} {
		if got := len(r.must(t, 200, "GET", e+"/apis"+query, nil).body.([]any)); got != want {
			t.Errorf("%q finds %d, want %d", query, got, want)
		}
	}
	page := r.must(t, 200, "GET", e+"/apis/_paged?page=1&size=1", nil).object(t)["page"]
	want := map[string]any{"current": 0.0, "size": 1.0, "per_page": 1.0, "total_pages": 2.0, "total_elements": 2.0}
	if diff := cmp.Diff(want, page); diff != "" {
		t.Errorf("page (-want +got):\n%s", diff)
	}
	r.must(t, 400, "POST", e+"/apis/verify", map[string]any{"context_path": "/one"})
	r.must(t, 200, "POST", e+"/apis/verify", map[string]any{"context_path": "/free"})
	r.must(t, 404, "GET", "/management/v2/organizations/DEFAULT/plugins/policies/nope/schema", nil)
	r.must(t, 200, "GET", "/management/v2/organizations/DEFAULT/plugins/policies/rate-limit/schema", nil)
}
