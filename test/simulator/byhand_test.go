// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package simulator_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/apisync/apisync/test/simulator"
)

// furnished is a definition that has a part of every kind.
func furnished(n string) map[string]any {
	return with(definition(n), map[string]any{
		"pages":    map[string]any{"home": map[string]any{"id": id("b", n), "crossId": id("f", n), "name": "Home", "type": "MARKDOWN", "content": "# Hi", "visibility": "PUBLIC", "published": true}},
		"metadata": []any{map[string]any{"key": "team", "name": "team", "format": "STRING", "value": "a"}},
		"members":  []any{map[string]any{"source": "memory", "sourceId": "api1", "role": "USER"}},
		"groups":   []any{"crew"}, "categories": []any{"cat"},
	})
}

func furnishedOptions() simulator.Options {
	return simulator.Options{Groups: map[string]string{"crew": "g-1", "guests": "g-2"}, Categories: []string{"cat", "dog"}}
}

func set(name string, value any) func(map[string]any) {
	return func(part map[string]any) { part[name] = value }
}

func second[T any](_ T, err error) error { return err }

func TestByHand(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		reason string
		change func(sim *simulator.Simulator, id string) error
		// path of what shows the change; empty means the API itself.
		path   string
		moves  bool
		served bool
	}{
		"definition": {"an edit of the definition moves updated_at", func(s *simulator.Simulator, id string) error {
			return s.EditAPI(id, set("description", "by hand"))
		}, "", true, true},
		"proxy": {"and gateways don't get it", func(s *simulator.Simulator, id string) error {
			return s.EditAPI(id, func(definition map[string]any) { definition["proxy"].(map[string]any)["preserve_host"] = true })
		}, "", true, false},
		"state":           {"stopping moves updated_at", func(s *simulator.Simulator, id string) error { return s.SetState(id, "STOPPED") }, "", true, true},
		"deploy":          {"a deployment moves updated_at", (*simulator.Simulator).Deploy, "", true, true},
		"plan edited":     {"an edit of a plan is recorded not to move it", func(s *simulator.Simulator, id string) error { return s.EditPlan(id, "open", set("description", "x")) }, "", false, false},
		"plan closed":     {"as is closing one", func(s *simulator.Simulator, id string) error { return s.ClosePlan(id, "open") }, "", false, false},
		"plan deprecated": {"chosen", func(s *simulator.Simulator, id string) error { return s.SetPlanStatus(id, "open", "DEPRECATED") }, "", false, false},
		"plan added": {"chosen", func(s *simulator.Simulator, id string) error {
			return second(s.AddPlan(id, map[string]any{"name": "mine"}))
		}, "", false, false},
		"plan removed": {"chosen", func(s *simulator.Simulator, id string) error { return s.RemovePlan(id, "open") }, "", false, false},
		"page edited":  {"chosen", func(s *simulator.Simulator, id string) error { return s.EditPage(id, "Home", set("content", "x")) }, "/pages", false, true},
		"page added": {"chosen", func(s *simulator.Simulator, id string) error {
			return second(s.AddPage(id, map[string]any{"name": "mine"}))
		}, "/pages", false, true},
		"page removed":    {"chosen", func(s *simulator.Simulator, id string) error { return s.RemovePage(id, "Home") }, "/pages", false, true},
		"metadata edited": {"chosen", func(s *simulator.Simulator, id string) error { return s.EditMetadata(id, "team", set("value", "b")) }, "/metadata", false, true},
		"metadata added": {"chosen", func(s *simulator.Simulator, id string) error {
			return s.AddMetadata(id, map[string]any{"key": "mine", "name": "mine"})
		}, "/metadata", false, true},
		"metadata removed": {"chosen", func(s *simulator.Simulator, id string) error { return s.RemoveMetadata(id, "team") }, "/metadata", false, true},
		"member added":     {"chosen", func(s *simulator.Simulator, id string) error { return s.SetMember(id, "user", "USER") }, "/members", false, true},
		"role of a member": {"chosen", func(s *simulator.Simulator, id string) error { return s.SetMember(id, "api1", "OWNER") }, "/members", false, true},
		"member removed":   {"chosen", func(s *simulator.Simulator, id string) error { return s.RemoveMember(id, "api1") }, "/members", false, true},
		"groups":           {"chosen", func(s *simulator.Simulator, id string) error { return s.SetGroups(id, "guests") }, "", false, true},
		"categories":       {"chosen", func(s *simulator.Simulator, id string) error { return s.SetCategories(id, "dog") }, "", false, true},
		"taken from us":    {"chosen", func(s *simulator.Simulator, id string) error { return s.SetManaged(id, false) }, "", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, furnishedOptions())
			api := r.must(t, 200, "PUT", put(""), furnished("x")).object(t)["id"].(string)
			before, _ := r.Content(api)
			marker, _ := r.API(api)
			seen := r.must(t, 200, "GET", e+"/apis/"+api+c.path, nil).body
			rows := r.must(t, 200, "POST", v2+"/apis/_search", map[string]any{}).body
			if err := c.change(r.Simulator, api); err != nil {
				t.Fatal(err)
			}
			after, _ := r.API(api)
			if moved := after.UpdatedAt != marker.UpdatedAt; moved != c.moves {
				t.Errorf("updated_at moved: %t; %s", moved, c.reason)
			}
			if cmp.Equal(seen, r.must(t, 200, "GET", e+"/apis/"+api+c.path, nil).body) {
				t.Error("a GET doesn't show it")
			}
			content, _ := r.Content(api)
			if name != "deploy" && cmp.Equal(before, content) {
				t.Error("the content doesn't show it")
			}
			if content.Served != c.served {
				t.Errorf("gateways have it: %t", content.Served)
			}
			if c.moves && cmp.Equal(rows, r.must(t, 200, "POST", v2+"/apis/_search", map[string]any{}).body) {
				t.Error("a search shows the old row")
			}
			r.must(t, 200, "PUT", put(""), furnished("x"))
		})
	}
}

func TestByHandOnNothing(t *testing.T) {
	t.Parallel()
	r := start(t, furnishedOptions())
	api := r.must(t, 200, "PUT", put(""), definition("x")).object(t)["id"].(string)
	for name, err := range map[string]error{
		"API":      r.EditAPI("nope", func(map[string]any) {}),
		"plan":     r.EditPlan(api, "nope", func(map[string]any) {}),
		"page":     r.RemovePage(api, "nope"),
		"metadata": r.RemoveMetadata(api, "nope"),
		"user":     r.SetMember(api, "nope", "USER"),
		"member":   r.RemoveMember(api, "api1"),
		"group":    r.SetGroups(api, "nope"),
		"row":      r.HideFromSearch("nope"),
		"again":    second(r.Recreate("nope", true)),
	} {
		if !errors.Is(err, simulator.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRecreate(t *testing.T) {
	t.Parallel()
	r := start(t, furnishedOptions())
	old := r.must(t, 200, "PUT", put(""), furnished("x")).object(t)["id"].(string)
	before, _ := r.Content(old)
	api, err := r.Recreate(old, false)
	if err != nil || api == old {
		t.Fatal(api, err)
	}
	r.must(t, 404, "GET", e+"/apis/"+old, nil)
	got := r.must(t, 200, "GET", e+"/apis?crossId="+before.CrossID, nil).body.([]any)
	if len(got) != 1 || got[0].(map[string]any)["id"] != api {
		t.Errorf("found by crossId: %v", got)
	}
	after, _ := r.Content(api)
	if after.Managed || after.Plans["open"]["id"] == before.Plans["open"]["id"] || after.Plans["open"]["crossId"] != before.Plans["open"]["crossId"] {
		t.Errorf("recreated as %+v", after)
	}
	r.must(t, 200, "PUT", put(""), with(furnished("x"), map[string]any{"id": api}))
	if again, _ := r.Content(api); !again.Managed {
		t.Error("an import doesn't take it over")
	}
}

func TestBackup(t *testing.T) {
	t.Parallel()
	r := start(t, furnishedOptions())
	api := r.must(t, 200, "PUT", put(""), furnished("x")).object(t)["id"].(string)
	before, _ := r.Content(api)
	marker, _ := r.API(api)
	restore, err := r.Backup(api)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func() error{
		"edited":    func() error { return r.EditAPI(api, set("name", "other")) },
		"a plan":    func() error { return r.EditPlan(api, "open", set("description", "x")) },
		"removed":   func() error { return r.RemoveAPI(api) },
		"recreated": func() error { return second(r.Recreate(api, true)) },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		restore()
		if after, _ := r.Content(api); !cmp.Equal(before, after) || len(r.APIs()) != 1 {
			t.Errorf("%s: %s", name, cmp.Diff(before, after))
		}
		if again, _ := r.API(api); again.UpdatedAt != marker.UpdatedAt {
			t.Errorf("%s: the change marker moved", name)
		}
		if listed := r.listed(t, 2); !cmp.Equal(listed, []string{"x"}) {
			t.Errorf("%s: listed %v", name, listed)
		}
	}
	if _, err := r.Backup("nope"); !errors.Is(err, simulator.ErrNotFound) {
		t.Error(err)
	}
}

// TestByHandFromOutside does the same from another process.
func TestByHandFromOutside(t *testing.T) {
	t.Parallel()
	r := start(t, furnishedOptions())
	api := r.must(t, 200, "PUT", put(""), furnished("x")).object(t)["id"].(string)
	at := "/_simulator/apis/" + api
	for _, step := range []struct {
		status       int
		method, path string
		body         any
	}{
		{204, "PATCH", "/plans/open", map[string]any{"description": "by hand"}},
		{201, "POST", "/plans", map[string]any{"name": "mine", "status": "PUBLISHED"}},
		{204, "PUT", "/plans/mine/status", map[string]any{"status": "DEPRECATED"}},
		{204, "PATCH", "/pages/Home", map[string]any{"content": "by hand"}},
		{201, "POST", "/pages", map[string]any{"name": "Mine"}},
		{204, "DELETE", "/pages/Mine", nil},
		{204, "PATCH", "/metadata/team", map[string]any{"value": "b"}},
		{204, "POST", "/metadata", map[string]any{"key": "mine", "name": "mine"}},
		{204, "DELETE", "/metadata/mine", nil},
		{204, "PUT", "/members/user", map[string]any{"role": "OWNER"}},
		{204, "DELETE", "/members/api1", nil},
		{204, "PUT", "/groups", []string{"guests"}},
		{204, "PUT", "/categories", []string{}},
		{204, "PUT", "/managed", map[string]any{"managed": false}},
		{204, "POST", "/_deploy", nil},
		{204, "POST", "/_hide", nil},
		{404, "POST", "/plans/nope/_remove", nil},
		{400, "PATCH", "/plans/open", "no JSON"},
	} {
		r.must(t, step.status, step.method, at+step.path, step.body)
	}
	got, _ := r.Content(api)
	if got.Plans["open"]["description"] != "by hand" || got.Plans["mine"]["status"] != "DEPRECATED" || len(got.Pages) != 1 ||
		got.Metadata["team"]["value"] != "b" || got.Managed || !cmp.Equal(got.Members, map[string]string{"user": "OWNER"}) ||
		!cmp.Equal(got.Groups, []string{"g-2"}) || len(got.Categories) != 0 {
		t.Errorf("got %+v", got)
	}
	r.must(t, 204, "PUT", "/_simulator/search/DEFAULT/DEFAULT/lag", map[string]any{"lag": true})
	made := r.must(t, 201, "POST", at+"/_recreate", map[string]any{"managed": true}).object(t)["id"].(string)
	r.must(t, 204, "PUT", "/_simulator/search/DEFAULT/DEFAULT/lag", map[string]any{"lag": false})
	if _, exists := r.API(made); !exists {
		t.Error("it wasn't made again")
	}
}
