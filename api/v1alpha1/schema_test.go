// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/config/crd"
	"github.com/apisync/apisync/test/recorded"
)

// named is the least spec of an ApiDefinition.
const named = "{name: an, version: v, description: d}"

// TestValidation shows what an API server refuses, by field and kind of error.
func TestValidation(t *testing.T) {
	cases := map[string]struct {
		why  string
		kind string
		spec string
		want []string
	}{
		"Least": {
			why:  "name, version and description are all that GKO demands",
			spec: named,
		},
		"RequiredOfAPI": {
			why:  "each of the three is demanded",
			spec: "{}",
			want: []string{"spec.description: Required value", "spec.name: Required value", "spec.version: Required value"},
		},
		"RequiredInside": {
			why:  "required flags of nested objects hold as soon as the object is there",
			spec: `{name: an, version: v, description: d, plans: [{}], members: [{}], metadata: [{}], contextRef: {}, proxy: {cors: {}}, pages: {a: {source: {}, accessControls: [{}]}}, consoleNotificationConfiguration: {}}`,
			want: []string{
				"spec.consoleNotificationConfiguration.config_type: Required value",
				"spec.consoleNotificationConfiguration.groups: Required value",
				"spec.consoleNotificationConfiguration.hooks: Required value",
				"spec.consoleNotificationConfiguration.origin: Required value",
				"spec.contextRef.name: Required value",
				"spec.members[0].source: Required value", "spec.members[0].sourceId: Required value",
				"spec.metadata[0].format: Required value", "spec.metadata[0].key: Required value", "spec.metadata[0].name: Required value",
				"spec.pages.a.accessControls[0].referenceId: Required value", "spec.pages.a.accessControls[0].referenceType: Required value",
				"spec.pages.a.name: Required value",
				"spec.pages.a.source.configuration: Required value", "spec.pages.a.source.type: Required value",
				"spec.pages.a.type: Required value",
				"spec.plans[0].description: Required value", "spec.plans[0].name: Required value", "spec.plans[0].security: Required value",
				"spec.proxy.cors.allowCredentials: Required value", "spec.proxy.cors.enabled: Required value", "spec.proxy.cors.maxAge: Required value",
			},
		},
		"RequiredWithDefault": {
			why:  "a required field with a default is filled in, not demanded",
			spec: `{name: an, version: v, description: d, flows: [{pre: [{}]}], proxy: {groups: [{http: {}, ssl: {}}]}}`,
		},
		"Enums": {
			why: "values outside an enum are refused everywhere",
			spec: `{name: an, version: v, description: d, state: started, lifecycle_state: CLOSED, visibility: HIDDEN, flow_mode: FIRST, execution_mode: v4,
				plans: [{name: p, description: d, security: NONE_IS_KNOWN, status: CLOSED, type: X, validation: X, flows: [{methods: [get], path-operator: {operator: IN}}]}],
				metadata: [{key: k, name: an, format: TEXT}],
				pages: {a: {name: an, type: WIKI, visibility: HIDDEN, accessControls: [{referenceId: r, referenceType: USER}]}},
				services: {dynamic-property: {provider: CONSUL}},
				proxy: {logging: {mode: X, scope: X, content: X}, groups: [{http: {version: HTTP_3}, ssl: {trustStore: {type: X}, keyStore: {type: X}}}]}}`,
			want: []string{
				"spec.execution_mode: Unsupported value", "spec.flow_mode: Unsupported value", "spec.lifecycle_state: Unsupported value",
				"spec.metadata[0].format: Unsupported value",
				"spec.pages.a.accessControls[0].referenceType: Unsupported value", "spec.pages.a.type: Unsupported value", "spec.pages.a.visibility: Unsupported value",
				"spec.plans[0].flows[0].methods[0]: Unsupported value", "spec.plans[0].flows[0].path-operator.operator: Unsupported value",
				"spec.plans[0].status: Unsupported value", "spec.plans[0].type: Unsupported value", "spec.plans[0].validation: Unsupported value",
				"spec.proxy.groups[0].http.version: Unsupported value",
				"spec.proxy.groups[0].ssl.keyStore.type: Unsupported value", "spec.proxy.groups[0].ssl.trustStore.type: Unsupported value",
				"spec.proxy.logging.content: Unsupported value", "spec.proxy.logging.mode: Unsupported value", "spec.proxy.logging.scope: Unsupported value",
				"spec.services.dynamic-property.provider: Unsupported value",
				"spec.state: Unsupported value", "spec.visibility: Unsupported value",
			},
		},
		"FreeText": {
			why:  "what GKO leaves open stays open: security of plans, types of load balancing and endpoints, version of the definition",
			spec: `{name: an, version: v, description: d, gravitee: 9.9.9, plans: [{name: p, description: d, security: ANY}], proxy: {groups: [{load_balancing: {type: ANY}, endpoints: [{type: any}]}]}}`,
		},
		"Limits": {
			why:  "two numbers have a least value",
			spec: `{name: an, version: v, description: d, proxy: {groups: [{http: {maxConnectionLifetime: -1, maxWaitQueueSize: -2}}]}}`,
			want: []string{"spec.proxy.groups[0].http.maxConnectionLifetime: Invalid value", "spec.proxy.groups[0].http.maxWaitQueueSize: Invalid value"},
		},
		"FreeFormIsObject": {
			why:  "a free-form object may hold anything, but is an object",
			spec: `{name: an, version: v, description: d, resources: [{configuration: [1]}], flows: [{pre: [{configuration: "{}"}]}]}`,
			want: []string{"spec.flows[0].pre[0].configuration: Invalid value", "spec.resources[0].configuration: Invalid value"},
		},
		"ContextNeedsNothing": {
			why:  "GKO's schema demands nothing of a context, its webhook does",
			kind: v1alpha1.ManagementContextKind,
			spec: "{}",
		},
		"ContextCredentials": {
			why:  "user name and password come together",
			kind: v1alpha1.ManagementContextKind,
			spec: "{auth: {credentials: {}, secretRef: {}}, cloud: {secretRef: {}}}",
			want: []string{
				"spec.auth.credentials.password: Required value", "spec.auth.credentials.username: Required value",
				"spec.auth.secretRef.name: Required value", "spec.cloud.secretRef.name: Required value",
			},
		},
		"ContextTypeEmpty": {
			why:  "an empty type means Gravitee, so clients may send it",
			kind: v1alpha1.ManagementContextKind,
			spec: `{type: ""}`,
		},
		"ContextTypeMalformed": {
			why:  "a type is a lower-case name",
			kind: v1alpha1.ManagementContextKind,
			spec: `{type: Kong Admin}`,
			want: []string{"spec.type: Invalid value"},
		},
		"ApiResourceNeedsNothing": {
			why:  "GKO's schema demands nothing of a resource, and APIs that use it tell what it lacks",
			kind: v1alpha1.ApiResourceKind,
			spec: "{}",
		},
		"ApiResourceFreeForm": {
			why:  "its configuration is an object, whatever is inside",
			kind: v1alpha1.ApiResourceKind,
			spec: "{configuration: text}",
			want: []string{"spec.configuration: Invalid value"},
		},
		"RequiredOfGroup": {
			why:  "name and members are all that GKO demands",
			kind: v1alpha1.GroupKind,
			spec: "{}",
			want: []string{"spec.members: Required value", "spec.name: Required value"},
		},
		"RequiredInsideGroup": {
			why:  "a member is known by source and sourceId; roles and the context may be left out",
			kind: v1alpha1.GroupKind,
			spec: "{name: an, members: [{}], contextRef: {}}",
			want: []string{"spec.contextRef.name: Required value", "spec.members[0].source: Required value", "spec.members[0].sourceId: Required value"},
		},
		"GroupWithoutMembers": {
			why:  "a group may be empty, and its roles are free text",
			kind: v1alpha1.GroupKind,
			spec: "{name: an, members: []}",
		},
		"NotificationNeedsNothing": {
			why:  "what GKO demands of a notification has a default",
			kind: v1alpha1.NotificationKind,
			spec: "{}",
		},
		"NotificationEnums": {
			why:  "values outside an enum are refused",
			kind: v1alpha1.NotificationKind,
			spec: "{eventType: application, target: webhook, console: {apiEvents: [API_STARTED, API_BROKEN], groupRefs: [{}]}}",
			want: []string{
				"spec.console.apiEvents[1]: Unsupported value", "spec.console.groupRefs[0].name: Required value",
				"spec.eventType: Unsupported value", "spec.target: Unsupported value",
			},
		},
		"NotificationEvents": {
			why:  "all events of GKO's list are known",
			kind: v1alpha1.NotificationKind,
			spec: `{console: {apiEvents: [APIKEY_EXPIRED, APIKEY_RENEWED, APIKEY_REVOKED, SUBSCRIPTION_NEW, SUBSCRIPTION_ACCEPTED, SUBSCRIPTION_CLOSED,
				SUBSCRIPTION_PAUSED, SUBSCRIPTION_RESUMED, SUBSCRIPTION_REJECTED, SUBSCRIPTION_TRANSFERRED, SUBSCRIPTION_FAILED, NEW_SUPPORT_TICKET,
				API_STARTED, API_STOPPED, API_UPDATED, API_DEPLOYED, NEW_RATING, NEW_RATING_ANSWER, MESSAGE, ASK_FOR_REVIEW, REVIEW_OK,
				REQUEST_FOR_CHANGES, API_DEPRECATED, NEW_SPEC_GENERATED]}}`,
		},
	}
	apiServer := recorded.NewServer(t)
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, problems := apiServer.Admit(object(t, tc.kind, tc.spec))
			got := make([]string, len(problems))
			for i, problem := range problems {
				got[i] = problem.Field + ": " + problem.Type.String()
			}
			sorted := cmpopts.SortSlices(strings.Compare)
			if difference := cmp.Diff(tc.want, got, sorted, cmpopts.EquateEmpty()); difference != "" {
				t.Errorf("%s (-want +got):\n%s", tc.why, difference)
			}
		})
	}
}

// TestStoredForm shows what is stored of fields that no recording has.
func TestStoredForm(t *testing.T) {
	cases := map[string]struct {
		why  string
		kind string
		spec string
		want string
	}{
		"Least": {
			why:  "these are all defaults of GKO; local is false since its version 4.5",
			spec: named,
			want: `{name: an, version: v, description: d, local: false, state: STARTED, lifecycle_state: CREATED, visibility: PRIVATE,
				gravitee: 2.0.0, execution_mode: v4-emulation-engine, flow_mode: DEFAULT, notifyMembers: true,
				categories: [], flows: [], groupRefs: [], groups: [], labels: [], metadata: [], notificationsRefs: [], plans: [], properties: [], resources: []}`,
		},
		"Unknown": {
			why:  "unknown fields are dropped without an error, also inside; null is the same as absent",
			kind: v1alpha1.ManagementContextKind,
			spec: `{baseUrl: "http://x", nonsense: 1, auth: {more: {}, bearerToken: t}, path: "", cloud: null}`,
			want: `{baseUrl: "http://x", auth: {bearerToken: t}, path: ""}`,
		},
		"ContextHasNoDefaults": {
			why:  "a stored context must look as under GKO, so type has no default",
			kind: v1alpha1.ManagementContextKind,
			spec: `{}`,
			want: `{}`,
		},
		"LeastApiResource": {
			why:  "a resource is switched on unless it says otherwise; nothing else has a default",
			kind: v1alpha1.ApiResourceKind,
			spec: `{}`,
			want: `{enabled: true}`,
		},
		"ApiResource": {
			why:  "what is inside its configuration is kept as it is",
			kind: v1alpha1.ApiResourceKind,
			spec: `{name: c, type: cache, enabled: false, configuration: {big: 9007199254740993, deep: [{a: null}]}, nonsense: 1}`,
			want: `{name: c, type: cache, enabled: false, configuration: {big: 9007199254740993, deep: [{a: null}]}}`,
		},
		"LeastGroup": {
			why:  "members are told by mail unless the group says otherwise",
			kind: v1alpha1.GroupKind,
			spec: `{name: an, members: []}`,
			want: `{name: an, members: [], notifyMembers: true}`,
		},
		"Group": {
			why:  "fields that look internal are accepted too; a member without roles has none of them, not an unknown number",
			kind: v1alpha1.GroupKind,
			spec: `{name: an, id: i, hrid: h, notifyMembers: false, members: [{source: memory, sourceId: u}, {source: memory, sourceId: v, roles: {API: OWNER}, displayName: gone}]}`,
			want: `{name: an, id: i, hrid: h, notifyMembers: false, members: [{source: memory, sourceId: u, roles: {}}, {source: memory, sourceId: v, roles: {API: OWNER}}]}`,
		},
		"LeastNotification": {
			why:  "there is one target and one type of events",
			kind: v1alpha1.NotificationKind,
			spec: `{}`,
			want: `{eventType: api, target: console, console: {}}`,
		},
		"Notification": {
			why:  "lists inside of console have no default",
			kind: v1alpha1.NotificationKind,
			spec: `{console: {apiEvents: [], groupRefs: [{name: g, namespace: other, kind: groups}]}}`,
			want: `{eventType: api, target: console, console: {apiEvents: [], groupRefs: [{name: g, namespace: other, kind: groups}]}}`,
		},
	}
	apiServer := recorded.NewServer(t)
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			stored, problems := apiServer.Admit(object(t, tc.kind, tc.spec))
			if len(problems) > 0 {
				t.Fatalf("%s: refused: %v", tc.why, problems)
			}
			if difference := cmp.Diff(parseSpec(t, tc.want), recorded.AsJSON(t, recorded.SpecOf(stored))); difference != "" {
				t.Errorf("%s (-want +stored):\n%s", tc.why, difference)
			}
		})
	}
}

// TestNestedFields shows, for parts of a spec that no recording has, what is stored and what a decoded spec
// gives back as JSON. The latter is what GKO sends (gko-compatibility.md part 1.1).
func TestNestedFields(t *testing.T) {
	cases := map[string]struct {
		why, field, value  string
		stored, serialized string
	}{
		"FreeForm": {
			why:        "numbers keep their value, whatever is inside is kept, null too",
			field:      "resources",
			value:      `[{name: c, type: cache, configuration: {big: 9007199254740993, fraction: 0.1, deep: {list: [1, {a: null}], "": ""}}}]`,
			stored:     `[{name: c, type: cache, enabled: true, configuration: {big: 9007199254740993, fraction: 0.1, deep: {list: [1, {a: null}], "": ""}}}]`,
			serialized: `[{name: c, type: cache, enabled: true, configuration: {big: 9007199254740993, fraction: 0.1, deep: {list: [1, {a: null}], "": ""}}}]`,
		},
		"EveryFreeForm": {
			why:        "the other free-form objects are kept as well",
			field:      "services",
			value:      `{discovery: {configuration: {a: [1]}}, dynamic-property: {provider: HTTP, configuration: {a: {b: 1}}}}`,
			stored:     `{discovery: {configuration: {a: [1]}, enabled: false, tenants: []}, dynamic-property: {provider: HTTP, configuration: {a: {b: 1}}, enabled: false}}`,
			serialized: `{discovery: {configuration: {a: [1]}, enabled: false, tenants: []}, dynamic-property: {provider: HTTP, configuration: {a: {b: 1}}, enabled: false}}`,
		},
		"FalseAndZero": {
			why:        "removing a value and setting it to false or zero are different wishes",
			field:      "proxy",
			value:      `{strip_context_path: false, preserve_host: false, failover: {maxAttempts: 0, retryTimeout: 0}, groups: [{name: g, endpoints: [{name: e, weight: 0, backup: false, inherit: false}], http: {keepAlive: false, clearTextUpgrade: false, keepAliveTimeout: 0, readTimeout: 0, maxConnectionLifetime: 0}}]}`,
			stored:     `{strip_context_path: false, preserve_host: false, failover: {maxAttempts: 0, retryTimeout: 0}, groups: [{name: g, endpoints: [{name: e, weight: 0, backup: false, inherit: false, headers: [], tenants: []}], http: {keepAlive: false, clearTextUpgrade: false, keepAliveTimeout: 0, readTimeout: 0, maxConnectionLifetime: 0, followRedirects: false, pipelining: false, propagateClientAcceptEncoding: false, useCompression: false, version: HTTP_1_1}}]}`,
			serialized: `{virtual_hosts: null, strip_context_path: false, preserve_host: false, failover: {maxAttempts: 0, retryTimeout: 0}, groups: [{name: g, load_balancing: {}, endpoints: [{name: e, weight: 0, backup: false, inherit: false, headers: [], tenants: []}], http: {keepAlive: false, clearTextUpgrade: false, keepAliveTimeout: 0, readTimeout: 0, maxConnectionLifetime: 0, followRedirects: false, pipelining: false, propagateClientAcceptEncoding: false, useCompression: false, version: HTTP_1_1}}]}`,
		},
		"EmptyProxy": {
			why:        "virtual_hosts is null and groups empty when both are unset",
			field:      "proxy",
			value:      `{}`,
			stored:     `{groups: []}`,
			serialized: `{virtual_hosts: null, groups: []}`,
		},
		"Connection": {
			why:        "TLS, proxy and health check of an endpoint have their own defaults",
			field:      "proxy",
			value:      `{groups: [{ssl: {}, proxy: {}, endpoints: [{healthcheck: {steps: [{request: {fromRoot: true}, response: {}}]}, ssl: {keyStore: {type: PEM, certContent: c}, hostnameVerifier: false}}]}]}`,
			stored:     `{groups: [{ssl: {trustAll: false, hostnameVerifier: true}, proxy: {enabled: false, useSystemProxy: false}, endpoints: [{headers: [], tenants: [], healthcheck: {enabled: false, inherit: false, steps: [{request: {fromRoot: true, headers: []}, response: {}}]}, ssl: {keyStore: {type: PEM, certContent: c}, hostnameVerifier: false, trustAll: false}}]}]}`,
			serialized: `{virtual_hosts: null, groups: [{load_balancing: {}, ssl: {trustAll: false, hostnameVerifier: true}, proxy: {enabled: false, useSystemProxy: false}, endpoints: [{headers: [], tenants: [], healthcheck: {enabled: false, inherit: false, steps: [{request: {fromRoot: true, headers: []}, response: {assertions: null}}]}, ssl: {keyStore: {type: PEM, certContent: c}, hostnameVerifier: false, trustAll: false}}]}]}`,
		},
		"Plan": {
			why:        "of a plan only characteristics is sent as null; order 0 and comment_required false are kept",
			field:      "plans",
			value:      `[{name: p, description: d, security: JWT, order: 0, comment_required: false, paths: {/: [{methods: [GET], enabled: false, policy: {name: mock, configuration: {a: 1}}}]}}]`,
			stored:     `[{name: p, description: d, security: JWT, order: 0, comment_required: false, paths: {/: [{methods: [GET], enabled: false, policy: {name: mock, configuration: {a: 1}}}]}, excluded_groups: [], flows: [], tags: [], status: PUBLISHED, type: API, validation: AUTO}]`,
			serialized: `[{name: p, description: d, security: JWT, order: 0, comment_required: false, paths: {/: [{methods: [GET], enabled: false, policy: {name: mock, configuration: {a: 1}}}]}, excluded_groups: [], flows: [], tags: [], status: PUBLISHED, type: API, validation: AUTO, characteristics: null}]`,
		},
		"Templates": {
			why:        "a response template is sent as written: the management API adds propagateErrorKeyToLogs by itself",
			field:      "response_templates",
			value:      `{DEFAULT: {"*/*": {status: 400, body: "", headers: {a: b}}, text/plain: {propagateErrorKeyToLogs: false}}}`,
			stored:     `{DEFAULT: {"*/*": {status: 400, body: "", headers: {a: b}}, text/plain: {propagateErrorKeyToLogs: false}}}`,
			serialized: `{DEFAULT: {"*/*": {status: 400, body: "", headers: {a: b}}, text/plain: {propagateErrorKeyToLogs: false}}}`,
		},
		"EmptyLists": {
			why:        "a list that was emptied reaches the management API as empty, not as null",
			field:      "tags",
			value:      `[]`,
			stored:     `[]`,
			serialized: `[]`,
		},
		"EmptyPages": {
			why:        "as do pages",
			field:      "pages",
			value:      `{}`,
			stored:     `{}`,
			serialized: `{}`,
		},
		"Pages": {
			why:        "the fields that a control plane computes are accepted from users too",
			field:      "pages",
			value:      `{a: {name: an, type: MARKDOWN, hrid: h, parentHrid: ph, parent: p, parentId: pi, api: x, id: i, crossId: c, content: "", excludedAccessControls: false, source: {type: http-fetcher, configuration: {url: u}}}}`,
			stored:     `{a: {name: an, type: MARKDOWN, hrid: h, parentHrid: ph, parent: p, parentId: pi, api: x, id: i, crossId: c, content: "", excludedAccessControls: false, source: {type: http-fetcher, configuration: {url: u}}, accessControls: [], homepage: false, published: false, visibility: PUBLIC}}`,
			serialized: `{a: {name: an, type: MARKDOWN, hrid: h, parentHrid: ph, parent: p, parentId: pi, api: x, id: i, crossId: c, content: "", excludedAccessControls: false, source: {type: http-fetcher, configuration: {url: u}}, accessControls: [], homepage: false, published: false, visibility: PUBLIC}}`,
		},
		"DefinitionContext": {
			why:        "a user may write it, and gets GKO's defaults",
			field:      "definition_context",
			value:      `{}`,
			stored:     `{mode: fully_managed, origin: kubernetes, syncFrom: kubernetes}`,
			serialized: `{mode: fully_managed, origin: kubernetes, syncFrom: kubernetes}`,
		},
		"ConsoleNotification": {
			why:        "it is in the schema, though meant for the wire",
			field:      "consoleNotificationConfiguration",
			value:      `{config_type: PORTAL, groups: [], hooks: [API_STARTED], origin: KUBERNETES, user: u, referenceId: r, referenceType: API}`,
			stored:     `{config_type: PORTAL, groups: [], hooks: [API_STARTED], origin: KUBERNETES, user: u, referenceId: r, referenceType: API}`,
			serialized: `{config_type: PORTAL, groups: [], hooks: [API_STARTED], origin: KUBERNETES, user: u, referenceId: r, referenceType: API}`,
		},
		"Member": {
			why:        "role has a default, unknown fields go",
			field:      "members",
			value:      `[{source: memory, sourceId: u, displayName: gone}]`,
			stored:     `[{source: memory, sourceId: u, role: USER}]`,
			serialized: `[{source: memory, sourceId: u, role: USER}]`,
		},
		"DeployedAt": {
			why:        "milliseconds don't fit 32 bits",
			field:      "deployedAt",
			value:      `1700000000000`,
			stored:     `1700000000000`,
			serialized: `1700000000000`,
		},
	}
	apiServer := recorded.NewServer(t)
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			manifest := object(t, "", named)
			recorded.SpecOf(manifest)[tc.field] = parseValue(t, tc.value)
			stored, problems := apiServer.Admit(manifest)
			if len(problems) > 0 {
				t.Fatalf("%s: refused: %v", tc.why, problems)
			}
			if difference := cmp.Diff(asNumbers(t, tc.stored), recorded.AsJSON(t, recorded.SpecOf(stored))[tc.field]); difference != "" {
				t.Errorf("%s (-want +stored):\n%s", tc.why, difference)
			}
			serialized := recorded.AsJSON(t, decodeAPIDefinition(t, stored).Spec)[tc.field]
			if difference := cmp.Diff(asNumbers(t, tc.serialized), serialized); difference != "" {
				t.Errorf("%s (-want +serialized):\n%s", tc.why, difference)
			}
		})
	}
}

// TestStatusDefault shows that an object that nobody looked at doesn't pass for a finished one, and that the
// default touches no status that is there already, such as one that GKO left.
func TestStatusDefault(t *testing.T) {
	const untouched = "{observedGeneration: -1, conditions: []}"
	cases := map[string]struct{ why, kind, status, want string }{
		"ApiDefinition": {
			why:  "kstatus must see that the generation wasn't observed",
			kind: v1alpha1.ApiDefinitionKind, want: untouched,
		},
		"ManagementContext": {
			why:  "as for every kind",
			kind: v1alpha1.ManagementContextKind, want: untouched,
		},
		"ApiResource": {
			why:  "GKO gives it no status, so that each one that is taken over looks like a new one",
			kind: v1alpha1.ApiResourceKind, want: untouched,
		},
		"Notification": {
			why:  "GKO's schema demands conditions of it, which are there",
			kind: v1alpha1.NotificationKind, want: untouched,
		},
		"Group": {
			why:  "GKO's schema demands members of it, so that there is a number from the beginning",
			kind: v1alpha1.GroupKind, want: "{observedGeneration: -1, conditions: [], members: 0}",
		},
		"ApiDefinitionLeftByGKO": {
			why:  "a status of GKO is read as it is",
			kind: v1alpha1.ApiDefinitionKind, status: "{id: i, conditions: [], plans: {a: b}, errors: {}}",
			want: "{id: i, conditions: [], plans: {a: b}, errors: {}}",
		},
		"ManagementContextLeftByGKO": {
			why:  "and what GKO doesn't write into that of a context isn't kept",
			kind: v1alpha1.ManagementContextKind, status: "{id: i}", want: "{conditions: []}",
		},
		"GroupLeftByGKO": {
			why:  "a number of members is kept",
			kind: v1alpha1.GroupKind, status: "{id: i, members: 3}", want: "{id: i, members: 3, conditions: []}",
		},
	}
	apiServer := recorded.NewServer(t)
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			read := object(t, tc.kind, named)
			if tc.status != "" {
				read.Object["status"] = parseSpec(t, tc.status)
			}
			apiServer.Normalize(read)
			if difference := cmp.Diff(parseSpec(t, tc.want), recorded.AsJSON(t, read.Object["status"])); difference != "" {
				t.Errorf("%s (-want +read):\n%s", tc.why, difference)
			}
		})
	}
}

// TestStatusIsStored shows that nothing of our status is pruned: then it would be patched for ever.
func TestStatusIsStored(t *testing.T) {
	api := &v1alpha1.ApiDefinition{Status: v1alpha1.ApiDefinitionStatus{
		ObservedGeneration: 3, ID: "i", CrossID: "c", OrganizationID: "o", EnvironmentID: "e", State: v1alpha1.StateStopped,
		Plans: map[string]string{"a": "b"}, Subscriptions: 2, ProcessingStatus: v1alpha1.ProcessingFailed,
		Errors: v1alpha1.Errors{Severe: []string{"s"}, Warning: []string{"w"}},
		Sync: &v1alpha1.SyncStatus{
			Digest: "d", Marker: "m", Unresolved: []string{"plans[0]"},
			Place: &v1alpha1.Place{Type: "gravitee", BaseURL: "http://x", OrganizationID: "o", EnvironmentID: "e", Context: "n/c"},
		},
	}}
	api.Kind = v1alpha1.ApiDefinitionKind
	context := &v1alpha1.ManagementContext{Status: v1alpha1.ManagementContextStatus{
		ObservedGeneration: 3,
		Server: &v1alpha1.ServerStatus{
			User: "u", Version: "v", OrganizationID: "o", EnvironmentID: "e", EnvironmentName: "n", Capabilities: []string{"a", "b"},
		},
	}}
	context.Kind = v1alpha1.ManagementContextKind
	resource := &v1alpha1.ApiResource{Status: v1alpha1.ApiResourceStatus{ObservedGeneration: 3}}
	resource.Kind = v1alpha1.ApiResourceKind
	notification := &v1alpha1.Notification{Status: v1alpha1.NotificationStatus{ObservedGeneration: 3}}
	notification.Kind = v1alpha1.NotificationKind
	group := &v1alpha1.Group{Status: v1alpha1.GroupStatus{
		ObservedGeneration: 3, ID: "i", OrganizationID: "o", EnvironmentID: "e", Members: 2, ProcessingStatus: v1alpha1.ProcessingCompleted,
		Errors: api.Status.Errors, Sync: api.Status.Sync,
	}}
	group.Kind = v1alpha1.GroupKind
	apiServer := recorded.NewServer(t)
	for _, typed := range []any{api, context, resource, notification, group} {
		content, err := json.Marshal(typed)
		if err != nil {
			t.Fatal(err)
		}
		written := &unstructured.Unstructured{}
		if err := json.Unmarshal(content, &written.Object); err != nil {
			t.Fatal(err)
		}
		want := recorded.AsJSON(t, written.Object["status"])
		want["conditions"] = []any{}
		apiServer.Normalize(written)
		if difference := cmp.Diff(want, recorded.AsJSON(t, written.Object["status"])); difference != "" {
			t.Errorf("status of %s (-written +stored):\n%s", written.GetKind(), difference)
		}
	}
}

// TestDefinitions shows that an API server accepts the definitions and that they fit into the annotation that
// kubectl apply keeps (256 KiB for all annotations).
func TestDefinitions(t *testing.T) {
	for kind, s := range recorded.NewServer(t) {
		problems := validation.ValidateCustomResourceDefinition(t.Context(), &s.Definition)
		if len(problems) > 0 {
			t.Errorf("the definition of %s is refused: %v", kind, problems)
		}
	}
	objects, err := crd.Objects()
	if err != nil {
		t.Fatal(err)
	}
	for _, definition := range objects {
		content, err := definition.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if len(content) > 250<<10 {
			t.Errorf("%s has %d bytes, which kubectl apply can't handle", definition.GetName(), len(content))
		}
	}
}

// TestNames pins what users type and see.
func TestNames(t *testing.T) {
	type column struct {
		Name, Path string
		Wide       bool
	}
	type names struct {
		Name, Kind, List, Plural, Singular string
		ShortNames, Categories             []string
		Scope, Version                     string
		Status                             bool
		Columns                            []column
	}
	const ready = `.status.conditions[?(@.type=="Ready")].`
	want := []names{
		{
			Name: "apidefinitions.gravitee.io", Kind: "ApiDefinition", List: "ApiDefinitionList",
			Plural: "apidefinitions", Singular: "apidefinition", ShortNames: []string{"graviteeapis"},
			Categories: []string{"gravitee", "apisync"}, Scope: "Namespaced", Version: "v1alpha1", Status: true,
			Columns: []column{
				{Name: "Ready", Path: ready + "status"}, {Name: "Reason", Path: ready + "reason"},
				{Name: "Context", Path: ".spec.contextRef.name"}, {Name: "Age", Path: ".metadata.creationTimestamp"},
				{Name: "Drifted", Path: `.status.conditions[?(@.type=="Drifted")].status`, Wide: true},
				{Name: "Entrypoint", Path: ".spec.proxy.virtual_hosts[*].path", Wide: true},
				{Name: "Endpoint", Path: ".spec.proxy.groups[*].endpoints[*].target", Wide: true},
				{Name: "Version", Path: ".spec.version", Wide: true},
			},
		},
		{
			Name: "apiresources.gravitee.io", Kind: "ApiResource", List: "ApiResourceList",
			Plural: "apiresources", Singular: "apiresource",
			Categories: []string{"gravitee", "apisync"}, Scope: "Namespaced", Version: "v1alpha1", Status: true,
			Columns: []column{
				{Name: "Ready", Path: ready + "status"}, {Name: "Reason", Path: ready + "reason"},
				{Name: "Type", Path: ".spec.type"}, {Name: "Age", Path: ".metadata.creationTimestamp"},
			},
		},
		{
			Name: "groups.gravitee.io", Kind: "Group", List: "GroupList",
			Plural: "groups", Singular: "group", ShortNames: []string{"graviteegroups"},
			Categories: []string{"gravitee", "apisync"}, Scope: "Namespaced", Version: "v1alpha1", Status: true,
			Columns: []column{
				{Name: "Ready", Path: ready + "status"}, {Name: "Reason", Path: ready + "reason"},
				{Name: "Members", Path: ".status.members"}, {Name: "Context", Path: ".spec.contextRef.name"},
				{Name: "Age", Path: ".metadata.creationTimestamp"},
				{Name: "Drifted", Path: `.status.conditions[?(@.type=="Drifted")].status`, Wide: true},
			},
		},
		{
			Name: "managementcontexts.gravitee.io", Kind: "ManagementContext", List: "ManagementContextList",
			Plural: "managementcontexts", Singular: "managementcontext", ShortNames: []string{"graviteecontexts"},
			Categories: []string{"gravitee", "apisync"}, Scope: "Namespaced", Version: "v1alpha1", Status: true,
			Columns: []column{
				{Name: "Ready", Path: ready + "status"}, {Name: "Reason", Path: ready + "reason"},
				{Name: "BaseUrl", Path: ".spec.baseUrl"}, {Name: "Environment", Path: ".spec.environmentId"},
				{Name: "User", Path: ".status.server.user"}, {Name: "Age", Path: ".metadata.creationTimestamp"},
			},
		},
		{
			Name: "notifications.gravitee.io", Kind: "Notification", List: "NotificationList",
			Plural: "notifications", Singular: "notification", ShortNames: []string{"graviteenotif"},
			Categories: []string{"gravitee", "apisync"}, Scope: "Namespaced", Version: "v1alpha1", Status: true,
			Columns: []column{
				{Name: "Ready", Path: ready + "status"}, {Name: "Reason", Path: ready + "reason"},
				{Name: "Target", Path: ".spec.target"}, {Name: "Event type", Path: ".spec.eventType"},
				{Name: "Age", Path: ".metadata.creationTimestamp"},
			},
		},
	}
	definitions, err := crd.Definitions()
	if err != nil {
		t.Fatal(err)
	}
	var got []names
	for _, definition := range definitions {
		spec := definition.Spec
		if len(spec.Versions) != 1 || !spec.Versions[0].Served || !spec.Versions[0].Storage {
			t.Fatalf("%s: one version is served and stored, got %+v", definition.Name, spec.Versions)
		}
		version := spec.Versions[0]
		found := names{
			Name: definition.Name, Kind: spec.Names.Kind, List: spec.Names.ListKind, Plural: spec.Names.Plural,
			Singular: spec.Names.Singular, ShortNames: spec.Names.ShortNames, Categories: spec.Names.Categories,
			Scope: string(spec.Scope), Version: version.Name, Status: version.Subresources != nil && version.Subresources.Status != nil,
		}
		for _, c := range version.AdditionalPrinterColumns {
			found.Columns = append(found.Columns, column{Name: c.Name, Path: c.JSONPath, Wide: c.Priority == 1})
		}
		got = append(got, found)
		if definition.Annotations["gravitee.io/operator.version"] == "" {
			t.Errorf("%s: the annotation by which GKO's definitions are known is missing", definition.Name)
		}
	}
	if difference := cmp.Diff(want, got); difference != "" {
		t.Errorf("(-want +got):\n%s", difference)
	}
}

// object makes an object of a spec in YAML; an empty kind means ApiDefinition.
func object(t *testing.T, kind, spec string) *unstructured.Unstructured {
	t.Helper()
	if kind == "" {
		kind = v1alpha1.ApiDefinitionKind
	}
	made := &unstructured.Unstructured{Object: map[string]any{"spec": parseValue(t, spec)}}
	made.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
	made.SetName("o")
	return made
}

// parseValue parses YAML as an API server does: numbers are int64 or float64.
func parseValue(t *testing.T, text string) any {
	t.Helper()
	wrapped := &unstructured.Unstructured{}
	content, err := yaml.YAMLToJSON([]byte("{apiVersion: v1, kind: Wrapped, value: " + text + "}"))
	if err == nil {
		err = wrapped.UnmarshalJSON(content)
	}
	if err != nil {
		t.Fatalf("parsing %s: %v", text, err)
	}
	return wrapped.Object["value"]
}

func parseSpec(t *testing.T, text string) map[string]any {
	t.Helper()
	return recorded.AsJSON(t, parseValue(t, text))
}

// asNumbers parses YAML into the values that recorded.AsJSON gives.
func asNumbers(t *testing.T, text string) any {
	t.Helper()
	return recorded.AsJSON(t, map[string]any{"value": parseValue(t, text)})["value"]
}
