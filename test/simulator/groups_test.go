// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package simulator_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/apisync/apisync/test/simulator"
)

const automation = "/automation/organizations/DEFAULT/environments/DEFAULT"

func crew(members ...any) map[string]any {
	return map[string]any{"hrid": "ns-crew", "name": "crew", "notifyMembers": false, "members": append([]any{}, members...)}
}

func memberOf(name string, roles map[string]any) map[string]any {
	return map[string]any{"source": "memory", "sourceId": name, "roles": roles}
}

func TestGroupLife(t *testing.T) {
	t.Parallel()
	r := start(t, simulator.Options{})
	put, one := automation+"/groups?dryRun=false", automation+"/groups/ns-crew"
	tried := r.must(t, 200, "PUT", automation+"/groups?dryRun=true", crew()).object(t)
	r.must(t, 404, "GET", one, nil)
	made := r.must(t, 200, "PUT", put, crew(memberOf("api1", map[string]any{"API": "OWNER"}))).object(t)
	if made["id"] != tried["id"] || made["memberCount"] != 1.0 || made["environmentId"] != "DEFAULT" {
		t.Errorf("answer %v, after a dry run %v", made, tried)
	}
	want := map[string]any{"id": made["id"], "hrid": "ns-crew", "name": "crew", "notifyMembers": false, "memberCount": 1.0,
		"organizationId": "DEFAULT", "environmentId": "DEFAULT", "members": []any{memberOf("api1",
			map[string]any{"API": "OWNER", "APPLICATION": "USER", "INTEGRATION": "USER"})}}
	for _, path := range []string{one, automation + "/groups/" + made["id"].(string) + "?hridContainsUUID=true"} {
		if diff := cmp.Diff(want, r.must(t, 200, "GET", path, nil).body); diff != "" {
			t.Errorf("GET %s (-want +got):\n%s", path, diff)
		}
	}
	if again := r.must(t, 200, "PUT", put, crew()).object(t); again["id"] != made["id"] || again["memberCount"] != 0.0 {
		t.Errorf("changed: %v", again)
	}
	r.must(t, 204, "DELETE", one+"?hridContainsUUID=false", nil)
	gone := r.must(t, 404, "DELETE", one+"?hridContainsUUID=false", nil)
	// As recorded for APIs of the same interface (probe/readback-v2).
	if diff := cmp.Diff(map[string]any{"httpStatus": 404.0, "message": "HRID [ns-crew] cannot be found.", "technicalCode": "hrid.notFound",
		"parameters": map[string]any{}, "details": []any{}}, gone.body); diff != "" {
		t.Errorf("absent (-want +got):\n%s", diff)
	}
	if again := r.must(t, 200, "PUT", put, crew()).object(t); again["id"] != made["id"] {
		t.Errorf("made again as %v, was %v", again["id"], made["id"])
	}
}

func TestGroupAnswers(t *testing.T) {
	t.Parallel()
	const id = "dddddddd-0000-4000-8000-000000000001"
	for _, c := range []struct {
		why, query string
		body       any
		as         credential
		options    simulator.Options
		status     int
		errors     any
	}{
		{"unknown members are left out", "dryRun=false", crew(memberOf("nobody", nil)), nil, simulator.Options{}, 200, map[string]any{
			"severe": []any{}, "warning": []any{"member [nobody] of source [memory] could not be found in organization [DEFAULT]"}}},
		{"so are unknown roles", "dryRun=false", crew(memberOf("api1", map[string]any{"API": "KING"})), nil, simulator.Options{}, 200, map[string]any{
			"severe": []any{}, "warning": []any{"member role [KING] doesn't exist"}}},
		{"a dry run tells what an import refuses", "dryRun=true", crew(memberOf("api1", map[string]any{"API": "PRIMARY_OWNER"})), nil, simulator.Options{},
			200, map[string]any{"severe": []any{"setting a member with the primary owner role is not allowed"}, "warning": []any{}}},
		{"nobody becomes a primary owner", "dryRun=false", crew(memberOf("api1", map[string]any{"API": "PRIMARY_OWNER"})), nil, simulator.Options{}, 500, nil},
		{"an id of an older release", "dryRun=false&hridContainsUUID=true", with(crew(), map[string]any{"hrid": id, "id": id}), nil, simulator.Options{},
			200, map[string]any{"severe": []any{}, "warning": []any{}}},
		{"a group needs a name", "dryRun=false", with(crew(), map[string]any{"name": ""}), nil, simulator.Options{}, 400, nil},
		{"only administrators write groups", "dryRun=false", crew(), basic("api1", "api1"), simulator.Options{}, 403, nil},
		{"credentials come first", "dryRun=false", crew(), basic("admin", "wrong"), simulator.Options{}, 401, nil},
		{"an old release has an empty answer", "dryRun=false", crew(), nil, simulator.Options{NoGroups: true}, 404, nil},
	} {
		t.Run(c.why, func(t *testing.T) {
			t.Parallel()
			r := start(t, c.options)
			if c.as == nil {
				c.as = basic("admin", "admin")
			}
			got := r.must(t, c.status, "PUT", automation+"/groups?"+c.query, c.body, c.as)
			if c.options.NoGroups && got.body != nil {
				t.Errorf("body %v", got.body)
			}
			if c.errors != nil {
				if diff := cmp.Diff(c.errors, got.object(t)["errors"]); diff != "" {
					t.Errorf("errors (-want +got):\n%s", diff)
				}
			}
		})
	}
}

// TestGroupOfAnAPI: imports and the list of names know a group as soon as it is made, and no API has one that is gone.
func TestGroupOfAnAPI(t *testing.T) {
	t.Parallel()
	r := start(t, simulator.Options{Environments: []simulator.Place{{}, {Environment: "TWO"}}})
	body := with(definition("one"), map[string]any{"groups": []any{"crew"}, "consoleNotificationConfiguration": map[string]any{
		"groups": []any{"crew"}, "hooks": []any{"API_STARTED"}}})
	warnings := func() any {
		return r.must(t, 200, "PUT", put(""), body).object(t)["errors"].(map[string]any)["warning"]
	}
	const unknown = "Group [crew] could not be found in environment [DEFAULT]"
	if diff := cmp.Diff([]any{unknown, unknown}, warnings()); diff != "" {
		t.Errorf("before (-want +got):\n%s", diff)
	}
	id := r.must(t, 200, "PUT", automation+"/groups?dryRun=false", crew()).object(t)["id"].(string)
	if diff := cmp.Diff([]any{}, warnings()); diff != "" {
		t.Errorf("after (-want +got):\n%s", diff)
	}
	names := r.must(t, 200, "GET", e+"/configuration/groups", nil).body.([]any)
	if len(names) != 1 || names[0].(map[string]any)["id"] != id {
		t.Errorf("names %v", names)
	}
	if others := r.must(t, 200, "GET", strings.Replace(e, "environments/DEFAULT", "environments/TWO", 1)+"/configuration/groups", nil).body.([]any); len(others) > 0 {
		t.Errorf("another environment has %v", others)
	}
	state := r.APIs()[0]
	if diff := cmp.Diff([]string{id}, state.Groups); diff != "" || state.Notification["hooks"] == nil {
		t.Errorf("API: %s, notification %v", diff, state.Notification)
	}
	r.must(t, 204, "DELETE", automation+"/groups/ns-crew?hridContainsUUID=false", nil)
	if state := r.APIs()[0]; len(state.Groups) > 0 {
		t.Errorf("after the deletion: %v", state.Groups)
	}
}

func TestGroupsByHand(t *testing.T) {
	t.Parallel()
	r := start(t, simulator.Options{Groups: map[string]string{"old": "dddddddd-0000-4000-8000-000000000002"}})
	id := r.must(t, 200, "PUT", automation+"/groups?dryRun=false", crew()).object(t)["id"].(string)
	if err := r.EditGroup(id, func(g *simulator.GroupState) {
		g.Name, g.Members = "renamed", map[string]map[string]string{"api1": {"API": "USER"}}
	}); err != nil {
		t.Fatal(err)
	}
	got := r.must(t, 200, "GET", automation+"/groups/ns-crew", nil).object(t)
	if got["name"] != "renamed" || got["memberCount"] != 1.0 {
		t.Errorf("edited: %v", got)
	}
	if err := r.RemoveGroup(id); err != nil {
		t.Fatal(err)
	}
	if groups := r.Groups(); len(groups) != 1 || groups[0].Name != "old" {
		t.Errorf("left: %v", groups)
	}
	if r.RemoveGroup(id) == nil || r.EditGroup(id, func(*simulator.GroupState) {}) == nil {
		t.Error("a group that is gone was found")
	}
	r.SetGroupsOffered(false)
	r.must(t, 404, "GET", automation+"/groups/ns-crew", nil)
}

// TestCloudPrefixes: the vendor's cloud has the same behind other prefixes.
func TestCloudPrefixes(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"", "/apim"} {
		r := start(t, simulator.Options{BasePath: base})
		r.must(t, 200, "PUT", "/apim"+automation+"/groups?dryRun=false", crew())
		r.must(t, 200, "GET", strings.Replace(e, "/management", "/apim/rest", 1)+"/apis", nil)
		r.must(t, 200, "GET", strings.Replace(v2, "/management", "/apim/rest", 1), nil)
		for _, request := range r.Requests() {
			if !request.Hosted || !strings.HasPrefix(request.Path, "/management") && !strings.HasPrefix(request.Path, "/automation") {
				t.Errorf("base %q: logged %+v", base, request)
			}
		}
	}
}
