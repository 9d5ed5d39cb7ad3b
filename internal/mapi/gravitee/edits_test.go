// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gravitee_test

import (
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/mapi/gravitee"
	"github.com/apisync/apisync/internal/model"
)

func richDefinition(t *testing.T) map[string]any {
	t.Helper()
	content, err := os.ReadFile("testdata/rich.json")
	if err != nil {
		t.Fatal(err)
	}
	var definition map[string]any
	if err := json.Unmarshal(content, &definition); err != nil {
		t.Fatal(err)
	}
	return definition
}

// edit sets the member at a path such as proxy/groups/0/name (~ stands for /); the value is JSON, and an empty one deletes the member or element.
func edit(t *testing.T, document any, path, value string) any {
	t.Helper()
	name, rest, deeper := strings.Cut(path, "/")
	name = strings.ReplaceAll(name, "~", "/")
	var decoded any
	if value != "" {
		if err := json.Unmarshal([]byte(value), &decoded); err != nil {
			t.Fatal(err)
		}
	}
	switch parent := document.(type) {
	case map[string]any:
		switch {
		case deeper:
			parent[name] = edit(t, parent[name], rest, value)
		case value == "":
			delete(parent, name)
		default:
			parent[name] = decoded
		}
		return parent
	case []any:
		i, err := strconv.Atoi(name)
		switch {
		case err != nil:
			t.Fatalf("%s: no index", name)
		case deeper:
			parent[i] = edit(t, parent[i], rest, value)
		case value == "":
			return slices.Delete(parent, i, i+1)
		case i == len(parent):
			return append(parent, decoded)
		default:
			parent[i] = decoded
		}
		return parent
	}
	t.Fatalf("%s: there is nothing", path)
	return nil
}

// TestEdits changes one thing of a definition that is in step and expects that it is named.
func TestEdits(t *testing.T) {
	cases := []struct {
		why, path, value string
		// want are the paths of the differences.
		want []string
	}{
		{"a plain text", "description", `"changed"`, []string{"description"}},
		{"the state", "state", `"STOPPED"`, []string{"state"}},
		{"the visibility", "visibility", `"PUBLIC"`, []string{"visibility"}},
		{"the portal's state", "lifecycle_state", `"PUBLISHED"`, []string{"lifecycle_state"}},
		{"notifications of members, which come back negated", "notifyMembers", `false`, []string{"notifyMembers"}},
		{"who manages it", "definition_context/origin", `"management"`, []string{"definition_context.origin"}},
		{"a label more", "labels/3", `"new"`, []string{"labels"}},
		{"labels in another order and once less are the same", "labels", `["Beta","geo"]`, nil},
		{"no label any more", "labels", `[]`, []string{"labels"}},
		{"labels that aren't set are nobody's", "labels", `null`, nil},
		{"a path mapping less", "path_mappings/0", ``, []string{"path_mappings"}},
		{"a sharding tag", "tags", `["eu"]`, []string{"tags"}},
		{"the unknown category isn't expected, a removed known one is a difference", "categories", `["rec-missing"]`, []string{"categories"}},
		{"the unknown group isn't expected, a removed known one is a difference", "groups", `["nosuchgroup"]`, []string{"groups"}},
		{"a group by its id instead of its name", "groups", `["5760f64f-1794-3a0f-aa47-1f9b491b43c8"]`, nil},
		{"another path", "proxy/virtual_hosts/0/path", `"/rich/y"`, []string{"proxy.virtual_hosts[0].path"}},
		{"the same path in the server's spelling", "proxy/virtual_hosts/0/path", `"/rich/x"`, nil},
		{"another host", "proxy/virtual_hosts/0/host", `"b.example.test"`, []string{"proxy.virtual_hosts[0].host"}},
		{"a host less", "proxy/virtual_hosts/1", ``, []string{"proxy.virtual_hosts[1]"}},
		{"a flag that was on", "proxy/strip_context_path", `false`, []string{"proxy.strip_context_path"}},
		{"a flag that is off anyhow", "proxy/preserve_host", `false`, nil},
		{"names of headers in another case and order", "proxy/cors/allowHeaders", `["x-other","x-TRACE"]`, nil},
		{"a header less", "proxy/cors/allowHeaders", `["x-other"]`, []string{"proxy.cors.allowHeaders"}},
		{"a method more", "proxy/cors/allowMethods/2", `"PUT"`, []string{"proxy.cors.allowMethods"}},
		{"a number", "proxy/cors/maxAge", `601`, []string{"proxy.cors.maxAge"}},
		{"the level of logs", "proxy/logging/content", `"NONE"`, []string{"proxy.logging.content"}},
		{"failover", "proxy/failover/maxAttempts", `4`, []string{"proxy.failover.maxAttempts"}},
		{"an endpoint's target", "proxy/groups/0/endpoints/1/target", `"http://elsewhere"`, []string{"proxy.groups[pool].endpoints[s2].target"}},
		{"an endpoint's weight", "proxy/groups/0/endpoints/0/weight", `4`, []string{"proxy.groups[pool].endpoints[s1].weight"}},
		{"the weight that is meant when there is none", "proxy/groups/0/endpoints/1/weight", `1`, nil},
		{"an endpoint renamed is one more and one less", "proxy/groups/0/endpoints/1/name", `"s3"`,
			[]string{"proxy.groups[pool].endpoints[s2]", "proxy.groups[pool].endpoints[s3]"}},
		{"an endpoint's header", "proxy/groups/0/endpoints/1/headers/0/value", `"s9"`, []string{"proxy.groups[pool].endpoints[s2].headers.X-End"}},
		{"an endpoint's tenants in another order", "proxy/groups/0/endpoints/1/tenants", `["us","eu"]`, nil},
		{"a health check of an endpoint", "proxy/groups/0/endpoints/1/healthcheck/schedule", `"0 * * * * *"`,
			[]string{"proxy.groups[pool].endpoints[s2].healthcheck.schedule"}},
		{"a header of a group, which comes back in another form", "proxy/groups/0/headers/X-Pool", `"red"`, []string{"proxy.groups[pool].headers.X-Pool"}},
		{"a header of a group taken out", "proxy/groups/0/headers", `{}`, []string{"proxy.groups[pool].headers.X-Pool"}},
		{"a time-out", "proxy/groups/0/http/readTimeout", `9000`, []string{"proxy.groups[pool].http.readTimeout"}},
		{"another protocol than the one that isn't shown", "proxy/groups/0/http/version", `"HTTP_2"`, []string{"proxy.groups[pool].http.version"}},
		{"trust", "proxy/groups/0/ssl/trustAll", `false`, []string{"proxy.groups[pool].ssl.trustAll"}},
		{"load balancing", "proxy/groups/0/load_balancing/type", `"RANDOM"`, []string{"proxy.groups[pool].load_balancing.type"}},
		{"the default of load balancing", "proxy/groups/1/load_balancing/type", `"ROUND_ROBIN"`, nil},
		{"a group less", "proxy/groups/1", ``, []string{"proxy.groups[spare]"}},
		{"a policy's setting deep inside", "flows/0/pre/0/configuration/rate/limit", `101`, []string{"flows[0].pre[0].configuration.rate.limit"}},
		{"a step switched off", "flows/0/pre/1/enabled", `false`, []string{"flows[0].pre[1].enabled"}},
		{"a step less", "flows/0/pre/1", ``, []string{"flows[0].pre[1]"}},
		{"a flow's methods in another order", "flows/0/methods", `["POST","GET"]`, nil},
		{"a flow's path", "flows/0/path-operator/path", `"/v1"`, []string{"flows[0].path-operator.path"}},
		{"a flow less", "flows/0", ``, []string{"flows[0]"}},
		{"a plan's text", "plans/0/description", `"for some"`, []string{"plans[open].description"}},
		{"a plan's status", "plans/0/status", `"STAGING"`, []string{"plans[open].status"}},
		{"a plan's type isn't shown", "plans/0/type", `"CATALOG"`, nil},
		{"a plan's id is the server's", "plans/0/id", `"bbbbbbbb-0000-4000-8000-0000000000d1"`, nil},
		{"plans swapped", "plans/0/order", `3`, []string{"plans[open].order"}},
		{"another distance between plans", "plans/1/order", `7`, nil},
		{"a plan's rule", "plans/0/selection_rule", `"{true}"`, []string{"plans[open].selection_rule"}},
		{"a plan's flow", "plans/0/flows/0/path-operator/operator", `"STARTS_WITH"`, []string{"plans[open].flows[0].path-operator.operator"}},
		{"security as JSON with other spaces", "plans/1/securityDefinition", `"{ \"requiredScopes\": [\"a\"],  \"oauthResource\":\"idp\"}"`, nil},
		{"security", "plans/1/securityDefinition", `"{\"requiredScopes\": [\"b\"]}"`, []string{"plans[scoped].securityDefinition.requiredScopes[0]"}},
		{"characteristics", "plans/1/characteristics", `["two"]`, []string{"plans[scoped].characteristics"}},
		{"groups that a plan excludes", "plans/0/excluded_groups", `["crew-20"]`, []string{"plans[open].excluded_groups"}},
		{"a plan renamed keeps its crossId", "plans/0/name", `"free"`, []string{"plans[free].name"}},
		{"a plan less", "plans/1", ``, []string{"plans[scoped]"}},
		{"a plan more", "plans/2", `{"name":"new","crossId":"x"}`, []string{"plans[new]"}},
		{"a property", "properties/0/value", `"us"`, []string{"properties[zone].value"}},
		{"a dynamic property moves by itself", "properties/1/value", `"other"`, nil},
		{"a dynamic property that isn't wanted any more", "properties/1", ``, nil},
		{"a property less", "properties/0", ``, []string{"properties[zone]"}},
		{"a resource", "resources/0/configuration/maxEntriesLocalHeap", `501`, []string{"resources[page-cache].configuration.maxEntriesLocalHeap"}},
		{"a response", "response_templates/DEFAULT/text~plain/status", `502`, []string{"response_templates.DEFAULT.text/plain.status"}},
		{"a response's header", "response_templates/DEFAULT/text~plain/headers", `{}`, []string{"response_templates.DEFAULT.text/plain.headers.X-Err"}},
		{"a response less", "response_templates", `{}`, []string{"response_templates.DEFAULT"}},
		{"a service", "services/health-check/schedule", `"0 * * * * *"`, []string{"services.health-check.schedule"}},
		{"metadata", "metadata/0/value", `"team-b"`, []string{"metadata[owner].value"}},
		{"the default of metadata isn't shown", "metadata/0/defaultValue", `"x"`, nil},
		{"metadata more", "metadata/1", `{"key":"tier","name":"tier","format":"STRING","value":"1"}`, []string{"metadata[tier]"}},
		{"a member's role", "members/0/role", `"OWNER"`, []string{"members[api1].role"}},
		{"a member less", "members/0", ``, []string{"members[api1]"}},
		{"a member more", "members/2", `{"source":"memory","sourceId":"user","role":"USER"}`, []string{"members[user]"}},
		{"members that aren't set are nobody's", "members", `null`, nil},
		{"a page's text", "pages/home/content", `"# Poor"`, []string{"pages.home.content"}},
		{"a page's name", "pages/home/name", `"Start"`, []string{"pages.home.name"}},
		{"a page's state", "pages/home/published", `false`, []string{"pages.home.published"}},
		{"a page's viewer", "pages/spec/configuration/viewer", `"Redoc"`, []string{"pages.spec.configuration.viewer"}},
		{"who may see a page", "pages/home/accessControls", `[]`, []string{"pages.home.accessControls"}},
		{"a page less", "pages/spec", ``, []string{"pages[Contract]"}},
		{"a page under another key is the same by its crossId", "pages/home/id", `"bbbbbbbb-0000-4000-8000-0000000000f1"`, nil},
		{"pages that aren't set are nobody's", "pages", `null`, nil},
	}
	_, url := startSimulator(t, recordedWorld())
	store := dial(t, configFor(url), gravitee.Options{}).APIs()
	definition := richDefinition(t)
	want := model.API{Name: "test/rich", Key: asText(t, definition["crossId"]), Definition: definition}
	receipt, err := store.Apply(t.Context(), want, mapi.Commit)
	if err != nil {
		t.Fatal(err)
	}
	want.Reported = receipt.Warnings
	seen, err := store.Observe(t.Context(), receipt.Ref)
	if err != nil {
		t.Fatal(err)
	}
	inStep, err := store.Compare(t.Context(), want, seen)
	if err != nil || len(inStep.Differences) > 0 {
		t.Fatalf("before any edit: %v %v", err, values(inStep.Differences))
	}
	for _, c := range cases {
		t.Run(c.why, func(t *testing.T) {
			edited := richDefinition(t)
			edit(t, edited, c.path, c.value)
			want := want
			want.Definition = edited
			got, err := store.Compare(t.Context(), want, seen)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(orEmpty(c.want), model.Paths(got.Differences)); diff != "" {
				t.Errorf("%s = %s (-want +got):\n%s", c.path, c.value, diff)
			}
		})
	}
}
