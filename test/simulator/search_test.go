// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package simulator_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/apisync/apisync/test/simulator"
)

const managed = `{"query":"origin:kubernetes"}`

// listed pages through the search for managed APIs and gives their names in order.
func (r *rig) listed(t *testing.T, size int, as ...credential) []string {
	t.Helper()
	names := []string{}
	for page, count := 1, 1; page <= count; page++ {
		got := r.must(t, 200, "POST", fmt.Sprintf("%s/apis/_search?page=%d&perPage=%d", v2, page, size), managed, as...).object(t)
		count = int(got["pagination"].(map[string]any)["pageCount"].(float64))
		for _, row := range got["data"].([]any) {
			names = append(names, strings.TrimPrefix(row.(map[string]any)["name"].(string), "api "))
		}
	}
	return names
}

func (r *rig) published(t *testing.T, names ...string) map[string]string {
	t.Helper()
	ids := map[string]string{}
	for _, name := range names {
		ids[name] = r.must(t, 200, "PUT", put(""), definition(name)).object(t)["id"].(string)
	}
	return ids
}

func (r *rig) expectListed(t *testing.T, why string, want []string, as ...credential) {
	t.Helper()
	if diff := cmp.Diff(want, r.listed(t, 2, as...)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", why, diff)
	}
}

func TestSearchOrder(t *testing.T) {
	t.Parallel()
	r := start(t, simulator.Options{})
	ids := r.published(t, "c", "a", "b", "d")
	r.expectListed(t, "neither names nor ids count", []string{"c", "a", "b", "d"})
	r.must(t, 200, "PUT", put(""), definition("a"))
	r.expectListed(t, "what is written goes to the end", []string{"c", "b", "d", "a"})
	if err := r.ClosePlan(ids["c"], "open"); err != nil {
		t.Fatal(err)
	}
	r.expectListed(t, "what doesn't move updated_at stays", []string{"c", "b", "d", "a"})
	r.must(t, 204, "DELETE", e+"/apis/"+ids["b"]+"?closePlans=true", nil)
	r.expectListed(t, "what is deleted is gone", []string{"c", "d", "a"})
	if err := r.SetManaged(ids["d"], false); err != nil {
		t.Fatal(err)
	}
	r.expectListed(t, "what people manage isn't found", []string{"c", "a"})
	r.expectListed(t, "who isn't an administrator sees nothing of it", []string{}, basic("api1", "api1"))
	r.must(t, 200, "PUT", put(""), definition("mine"), basic("api1", "api1"))
	r.expectListed(t, "but what is theirs", []string{"mine"}, basic("api1", "api1"))
	r.Reset()
	r.expectListed(t, "nothing is left", []string{})
	r.published(t, "z")
	r.expectListed(t, "and it goes on", []string{"z"})
}

func TestPagesShift(t *testing.T) {
	t.Parallel()
	r := start(t, simulator.Options{})
	ids := r.published(t, "a", "b", "c", "d", "e")
	var pages []int
	r.OnPage(func(page int) {
		pages = append(pages, page)
		if page == 2 {
			_ = r.EditAPI(ids["a"], set("description", "by hand"))
		}
	})
	r.expectListed(t, "c moved to the first page unseen, and a is there twice", []string{"a", "b", "d", "e", "a"})
	if !slices.Equal(pages, []int{1, 2, 3}) {
		t.Errorf("told of pages %v", pages)
	}
	r.OnPage(nil)
	r.expectListed(t, "now nothing moves", []string{"b", "c", "d", "e", "a"})
}

func TestSearchLags(t *testing.T) {
	t.Parallel()
	r := start(t, simulator.Options{})
	ids := r.published(t, "a", "b", "c")
	r.LagSearch(simulator.Place{}, true)
	r.published(t, "new")
	r.must(t, 204, "DELETE", e+"/apis/"+ids["a"]+"?closePlans=true", nil)
	if err := r.EditAPI(ids["b"], set("name", "api renamed")); err != nil {
		t.Fatal(err)
	}
	r.expectListed(t, "the gone one is there, the new one isn't, and rows are fresh", []string{"a", "renamed", "c"})
	r.must(t, 404, "GET", e+"/apis/"+ids["a"], nil)
	r.LagSearch(simulator.Place{}, false)
	got := r.listed(t, 2)
	slices.Sort(got)
	if diff := cmp.Diff([]string{"c", "new", "renamed"}, got); diff != "" {
		t.Errorf("caught up (-want +got):\n%s", diff)
	}
	if err := r.HideFromSearch(ids["c"]); err != nil {
		t.Fatal(err)
	}
	r.must(t, 200, "GET", e+"/apis/"+ids["c"], nil)
	if slices.Contains(r.listed(t, 2), "c") {
		t.Error("it isn't hidden")
	}
	r.published(t, "c")
	if !slices.Contains(r.listed(t, 2), "c") {
		t.Error("a write doesn't bring it back")
	}
}

func TestPageFaults(t *testing.T) {
	t.Parallel()
	r := start(t, simulator.Options{})
	r.published(t, "a", "b", "c")
	garbage := simulator.PageFault(2, simulator.ModeStatusAfter)
	garbage.Status, garbage.Body, garbage.ContentType = 200, "<html>", "text/html"
	fault := r.Inject(garbage)
	page := func(n, size int) reply {
		return r.do(t, "POST", fmt.Sprintf("%s/apis/_search?page=%d&perPage=%d", v2, n, size), managed)
	}
	for n, hit := range map[int]bool{1: false, 2: true, 12: false, 20: false} {
		if got := page(n, 2); (got.body == "<html>") != hit {
			t.Errorf("page %d: %v", n, got.body)
		}
	}
	if got := r.do(t, "POST", v2+"/apis/_search?perPage=2&page=2", managed); got.body != "<html>" {
		t.Error("the order of parameters counts")
	}
	fault.Remove()
	if got := page(1, 5000).object(t)["pagination"].(map[string]any)["perPage"]; got != 1000.0 {
		t.Errorf("a page may have %v rows", got)
	}
}

// TestRecordedSearch compares rows with those that the real server gave for the same APIs; how many there are differs.
func TestRecordedSearch(t *testing.T) {
	t.Parallel()
	_, cases := byCase(lines[exchange](t, "cases.jsonl"))
	for _, x := range lines[exchange](t, "search.jsonl") {
		recorded := x.Response.(map[string]any)
		r, learned := start(t, recordedOptions()), newLearner()
		for _, row := range recorded["data"].([]any) {
			name := row.(map[string]any)["name"].(string)
			r.importCaseOf(t, cases, name)
		}
		got := r.must(t, x.Status, x.Method, x.target(), x.Request).object(t)
		want, have := learned.settle(recorded["data"], got["data"])
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("rows differ (-recorded +simulated):\n%s", diff)
		}
		for member := range recorded["pagination"].(map[string]any) {
			if _, has := got["pagination"].(map[string]any)[member]; !has {
				t.Errorf("pagination.%s is missing", member)
			}
		}
	}
}

// importCaseOf sends the recorded imports of the API with a name.
func (r *rig) importCaseOf(t *testing.T, cases map[string][]exchange, name string) {
	t.Helper()
	found := false
	for _, exchanges := range cases {
		for _, x := range exchanges {
			body, _ := x.Request.(map[string]any)
			if x.Method == http.MethodPut && body["name"] == name {
				r.must(t, x.Status, x.Method, x.target(), x.Request)
				found = true
			}
		}
	}
	if !found {
		t.Fatalf("no recorded import of %s", name)
	}
}

func TestClockOfTheLog(t *testing.T) {
	t.Parallel()
	time1 := &clock{now: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)}
	r := start(t, simulator.Options{Now: time1.Now})
	r.published(t, "a")
	if got := r.Requests()[0].At; !got.Equal(time1.now) {
		t.Errorf("logged at %v", got)
	}
	state := r.APIs()[0]
	if state.UpdatedAt/1000 != time1.now.Unix() {
		t.Errorf("written at %d", state.UpdatedAt)
	}
}

// BenchmarkSearch reads pages of 200 out of 10,000 APIs, one of which is written before each page.
func BenchmarkSearch(b *testing.B) {
	sim := simulator.New(simulator.Options{})
	send := func(method, target string, body any) {
		content, err := json.Marshal(body)
		if err != nil {
			b.Fatal(err)
		}
		request := httptest.NewRequestWithContext(b.Context(), method, target, bytes.NewReader(content))
		request.SetBasicAuth("admin", "admin")
		recorder := httptest.NewRecorder()
		sim.ServeHTTP(recorder, request)
		if recorder.Code != http.StatusOK {
			b.Fatal(recorder.Body.String())
		}
	}
	for n := range 10_000 {
		send("PUT", put(""), definition(fmt.Sprintf("%06d", n)))
	}
	id := sim.APIs()[0].ID
	page := 0
	for b.Loop() {
		if err := sim.SetState(id, "STARTED"); err != nil {
			b.Fatal(err)
		}
		send("POST", fmt.Sprintf("%s/apis/_search?page=%d&perPage=200", v2, page%50+1), map[string]any{"query": "origin:kubernetes"})
		page++
	}
}
