// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package simulator_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/apisync/apisync/test/simulator"
)

func with(body map[string]any, changes map[string]any) map[string]any {
	maps.Copy(body, changes)
	return body
}

func path(p string) map[string]any {
	return map[string]any{"virtual_hosts": []any{map[string]any{"path": p}}}
}

// TestIdentity follows the rules of contract part 3 with one API that is there before.
func TestIdentity(t *testing.T) {
	t.Parallel()
	options := simulator.Options{Environments: []simulator.Place{{}, {Environment: "TWO"}}}
	two := strings.Replace(put(""), "environments/DEFAULT", "environments/TWO", 1)
	for name, c := range map[string]struct {
		reason string
		target string
		body   map[string]any
		status int
		want   any
	}{
		"same crossId, other id, same path": {
			reason: "the path check uses the sent id, so the own path counts as taken (86)",
			body:   with(definition("one"), map[string]any{"id": id("b", "x")}),
			status: 400, want: map[string]any{"severe": []any{"Path [/one/] already exists"}, "warning": []any{}},
		},
		"same crossId, other id, other path": {
			reason: "the crossId finds the API, whose id is answered (87)",
			body:   with(definition("one"), map[string]any{"id": id("b", "x"), "proxy": path("/elsewhere")}),
			status: 200, want: id("a", "one"),
		},
		"other crossId, known id": {
			reason: "ids belong to one crossId (79)",
			body:   with(definition("two"), map[string]any{"id": id("a", "one")}),
			status: 400, want: map[string]any{"message": "An api [" + id("a", "one") + "] already exists.", "http_status": 400.0,
				"technicalCode": "api.exists", "parameters": map[string]any{"api": id("a", "one")}},
		},
		"same everything in another environment": {
			reason: "ids are unique in the installation, crossIds aren't (81)", target: two,
			body: definition("one"), status: 400, want: map[string]any{"message": "An api [" + id("a", "one") + "] already exists.",
				"http_status": 400.0, "technicalCode": "api.exists", "parameters": map[string]any{"api": id("a", "one")}},
		},
		"other id, same crossId and path in another environment": {
			reason: "paths and crossIds belong to an environment", target: two,
			body: with(definition("one"), map[string]any{"id": id("b", "x")}), status: 200, want: id("b", "x"),
		},
		"path in another spelling": {
			reason: "paths are compared after normalisation",
			body:   with(definition("two"), map[string]any{"proxy": path("one//")}),
			status: 400, want: map[string]any{"severe": []any{"Path [/one/] already exists"}, "warning": []any{}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, options)
			r.must(t, 200, "PUT", put(""), definition("one"))
			if c.target == "" {
				c.target = put("")
			}
			got := r.must(t, c.status, "PUT", c.target, c.body)
			have := got.body
			if c.status == 200 {
				have = got.object(t)["id"]
			}
			if diff := cmp.Diff(c.want, have); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.reason, diff)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		reason  string
		body    any
		status  int
		message string
	}{
		"no name":   {"bean validation", with(definition("n"), map[string]any{"name": nil}), 400, "Validation error"},
		"no JSON":   {"the body isn't JSON, so the answer isn't either", "{", 400, ""},
		"tag":       {"unknown sharding tag", with(definition("n"), map[string]any{"tags": []any{"nope"}}), 404, "Tag(s) [nope] cannot be found."},
		"duplicate": {"property twice", with(definition("n"), map[string]any{"properties": []any{map[string]any{"key": "k", "value": "a"}, map[string]any{"key": "k", "value": "v"}}}), 500, "Duplicate key for values a and v"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, simulator.Options{})
			got := r.must(t, c.status, "PUT", put(""), c.body)
			if object, isObject := got.body.(map[string]any); isObject != (c.message != "") || isObject && object["message"] != c.message {
				t.Errorf("%s: body %v, want message %q", c.reason, got.body, c.message)
			}
			if stored := r.APIs(); len(stored) != 0 {
				t.Errorf("a refused import left %v", stored)
			}
		})
	}
}

func TestDryRunWritesNothing(t *testing.T) {
	t.Parallel()
	r := start(t, simulator.Options{})
	dry := e + "/apis/import-crd?dryRun=true"
	got := r.must(t, 200, "PUT", dry, with(definition("one"), map[string]any{"tags": []any{"nope"}, "groups": []any{"g"}}))
	want := map[string]any{"severe": []any{}, "warning": []any{"Group [g] could not be found in environment [DEFAULT]"}}
	if diff := cmp.Diff(want, got.object(t)["errors"]); diff != "" {
		t.Errorf("a dry run finds groups but not tags (-want +got):\n%s", diff)
	}
	if len(r.APIs()) != 0 || len(r.Writes()) != 0 {
		t.Errorf("stored %v, counted as write %v", r.APIs(), r.Writes())
	}
}

func statuses(t *testing.T, r *rig, api string) map[string]string {
	t.Helper()
	state, found := r.API(api)
	if !found {
		t.Fatalf("no API %s", api)
	}
	return state.Plans
}

func TestPlanRules(t *testing.T) {
	t.Parallel()
	r := start(t, simulator.Options{})
	open, api := plan("one", "open", "KEY_LESS"), id("a", "one")
	key, old := plan("one", "key", "API_KEY"), plan("one", "old", "API_KEY")
	imported := func(plans ...any) map[string]any {
		t.Helper()
		got := r.must(t, 200, "PUT", put(""), with(definition("one"), map[string]any{"plans": plans}))
		return got.object(t)["plans"].(map[string]any)
	}

	answered := imported(open)
	if answered[open["crossId"].(string)] != open["id"] {
		t.Errorf("a create honours the id of a plan: sent %v, answered %v", open["id"], answered)
	}
	answered = imported(open, key, old)
	learned := answered[key["crossId"].(string)]
	if learned == key["id"] || answered[open["crossId"].(string)] != open["id"] {
		t.Errorf("an update gives plans that it adds ids of its own and keeps the others: %v", answered)
	}
	if err := r.ClosePlan(api, "open"); err != nil {
		t.Fatal(err)
	}
	imported(open, key, with(old, map[string]any{"status": "DEPRECATED"}))
	imported(open, key, with(old, map[string]any{"status": "PUBLISHED"}))
	want := map[string]string{"open": "CLOSED", "key": "PUBLISHED", "old": "DEPRECATED"}
	if diff := cmp.Diff(want, statuses(t, r, api)); diff != "" {
		t.Errorf("closed and deprecated are for ever (-want +got):\n%s", diff)
	}
	if answered := imported(key); answered[key["crossId"].(string)] != learned {
		t.Errorf("the id of a plan stays: %v, want %v", answered, learned)
	}
	if diff := cmp.Diff(map[string]string{"key": "PUBLISHED"}, statuses(t, r, api)); diff != "" {
		t.Errorf("plans that aren't sent are deleted, closed ones too (-want +got):\n%s", diff)
	}
	twin := with(plan("one", "key", "API_KEY"), map[string]any{"description": "twin"})
	if answered := imported(key, twin); len(answered) != 1 || len(statuses(t, r, api)) != 1 {
		t.Errorf("plans of one name, so of one crossId, collapse: %v", answered)
	}
}

func TestMarkerMovesWithEveryImport(t *testing.T) {
	t.Parallel()
	r := start(t, simulator.Options{})
	target := e + "/apis/" + id("a", "one")
	marker := func() string {
		t.Helper()
		head := r.must(t, 200, "HEAD", target, nil)
		return head.header.Get("ETag")
	}
	r.must(t, 200, "PUT", put(""), definition("one"))
	first := marker()
	r.must(t, 200, "PUT", put(""), definition("one"))
	second := marker()
	if err := r.ClosePlan(id("a", "one"), "open"); err != nil {
		t.Fatal(err)
	}
	if first == second || second != marker() || first == "" {
		t.Errorf("the ETag moves with an unchanged import (%s, %s) and not with a closed plan (%s)", first, second, marker())
	}
}

func TestFailedMetadataLeaveTheAPIBehind(t *testing.T) {
	t.Parallel()
	r := start(t, simulator.Options{})
	bad := []any{map[string]any{"key": "tier", "name": "tier", "format": "NUMERIC", "value": "many"}}
	r.must(t, 500, "PUT", put(""), with(definition("one"), map[string]any{"metadata": bad}))
	state, found := r.API(id("a", "one"))
	if !found || state.State != "STARTED" || state.Deployed {
		t.Errorf("stored, started, undeployed (15); got %v %+v", found, state)
	}
}

// TestLargeSpec stands for case 88: some 700 kB in one body.
func TestLargeSpec(t *testing.T) {
	t.Parallel()
	r := start(t, simulator.Options{})
	var flows []any
	for i := range 400 {
		flows = append(flows, map[string]any{"name": fmt.Sprint("flow ", i), "description": strings.Repeat("x", 1500), "pre": []any{}, "post": []any{}})
	}
	r.must(t, 200, "PUT", put(""), with(definition("big"), map[string]any{"flows": flows}))
	got := r.must(t, 200, "GET", e+"/apis/"+id("a", "big"), nil)
	if n := len(got.object(t)["flows"].([]any)); n != 400 {
		t.Errorf("%d flows came back, want 400", n)
	}
}

func TestRightsAndVisibility(t *testing.T) {
	t.Parallel()
	r := start(t, simulator.Options{})
	user, publisher := basic("user", "password"), basic("api1", "api1")
	r.must(t, 200, "PUT", put(""), definition("one"))
	r.must(t, 200, "PUT", put(""), definition("two"), publisher)
	r.must(t, 200, "PUT", put(""), with(definition("three"), map[string]any{
		"members": []any{map[string]any{"source": "memory", "sourceId": "user", "role": "USER"}}}))
	names := func(as credential) []string {
		t.Helper()
		found := []string{}
		for _, item := range r.must(t, 200, "GET", e+"/apis", nil, as).body.([]any) {
			found = append(found, item.(map[string]any)["name"].(string))
		}
		return found
	}
	for _, c := range []struct {
		as   credential
		want []string
	}{
		{basic("admin", "admin"), []string{"api one", "api three", "api two"}},
		{publisher, []string{"api two"}},
		{user, []string{"api three"}},
	} {
		if diff := cmp.Diff(c.want, names(c.as)); diff != "" {
			t.Errorf("a user sees the own APIs and those it is a member of (-want +got):\n%s", diff)
		}
	}
	r.must(t, 403, "PUT", put(""), definition("four"), user)
	r.must(t, 403, "DELETE", e+"/apis/"+id("a", "three")+"?closePlans=true", nil, user)
	r.must(t, 403, "GET", e+"/apis/"+id("a", "one"), nil, user)
	r.must(t, 400, "DELETE", e+"/apis/"+id("a", "two"), nil, publisher)
	r.must(t, 204, "DELETE", e+"/apis/"+id("a", "two")+"?closePlans=true", nil, publisher)
}

func TestCollectionIsNeverDeleted(t *testing.T) {
	t.Parallel()
	r := start(t, simulator.Options{})
	r.must(t, 200, "PUT", put(""), definition("one"))
	r.must(t, 405, "DELETE", e+"/apis?closePlans=true", nil)
	if n := r.Counts()["DELETE /management/organizations/{org}/environments/{env}/apis"]; n != 1 || len(r.APIs()) != 1 {
		t.Errorf("counted %d times, %d APIs left", n, len(r.APIs()))
	}
}
