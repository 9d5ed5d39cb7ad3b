// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/test/simulator"
)

// with has a flow with one policy.
func with(policy, configuration string) func(api *v1alpha1.ApiDefinition) {
	return func(api *v1alpha1.ApiDefinition) {
		api.Spec.Flows = []v1alpha1.Flow{{Name: "f", Enabled: true, Pre: []v1alpha1.FlowStep{{
			Name: new("step"), Enabled: true, Policy: &policy, Configuration: &v1alpha1.FreeForm{Raw: json.RawMessage(configuration)},
		}}}}
	}
}

// fitting fits the schema, misspelled has a member that is accepted and has no effect, misfitting has a value that is refused.
func fitting() func(api *v1alpha1.ApiDefinition) {
	return with("transform-headers", `{"scope":"REQUEST","addHeaders":[{"name":"a","value":"b"}]}`)
}

func misspelled() func(api *v1alpha1.ApiDefinition) {
	return with("transform-headers", `{"scope":"REQUEST","addHeadrs":[{"name":"a","value":"hidden"}]}`)
}

func misfitting() func(api *v1alpha1.ApiDefinition) {
	return with("rate-limit", `{"rate":{"limit":"hidden","periodTime":1,"periodTimeUnit":"SECONDS"}}`)
}

func TestConfigured(t *testing.T) {
	const flow = "flows[0].pre[0].configuration"
	noSchemas := simulator.Fault{Path: "/schema$", Mode: simulator.ModeStatus, Status: http.StatusForbidden}
	refusal := simulator.Fault{Method: http.MethodPut, Mode: simulator.ModeStatus, Status: http.StatusBadRequest, Body: `{"message":"no","http_status":400}`}
	cases := map[string]struct {
		why     string
		change  func(api *v1alpha1.ApiDefinition)
		faults  []simulator.Fault
		want    string // empty: absent
		message string
		ready   bool
	}{
		"it fits":                    {"people see that somebody looked", fitting(), nil, "True/Valid", "fit the schemas", true},
		"it is misspelled":           {"the import was accepted, and it has no effect", misspelled(), nil, "False/InvalidConfiguration", flow + ".addHeadrs: ", true},
		"nothing to check":           {"nothing was checked, so nothing is said", func(*v1alpha1.ApiDefinition) {}, nil, "", "", true},
		"no schema":                  {"nobody knows", misspelled(), []simulator.Fault{noSchemas}, "", "", true},
		"it doesn't fit":             {"the import is refused because of it", misfitting(), nil, "False/InvalidConfiguration", flow + ".rate.limit: ", false},
		"misspelled, and refused":    {"it may well be why", misspelled(), []simulator.Fault{refusal}, "False/InvalidConfiguration", flow + ".addHeadrs: ", false},
		"it fits, and was refused":   {"then that isn't why", fitting(), []simulator.Fault{refusal}, "True/Valid", "fit the schemas", false},
		"no schema, and was refused": {"nobody knows", misfitting(), []simulator.Fault{noSchemas, refusal}, "", "", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, "", nil, shopAPI("orders", "", c.change))
			s.lookAtContext()
			for _, fault := range c.faults {
				s.sim.Inject(fault)
			}
			for range 2 {
				s.lookAtAPI("orders")
			}
			api := s.api("orders")
			text := messageOf(api, v1alpha1.ConfiguredCondition)
			if got := verdicts(api)[v1alpha1.ConfiguredCondition]; got != c.want || !strings.Contains(text, c.message) || strings.Contains(text, "hidden") {
				t.Errorf("Configured = %s %q, want %s with %q and without the value: %s", got, text, c.want, c.message, c.why)
			}
			if readyFor(api) != c.ready {
				t.Errorf("%v %s", verdicts(api), messageOf(api, v1alpha1.ReadyCondition))
			}
		})
	}
}

// Configured follows the spec, and goes when there is nothing to say any more.
func TestConfiguredMovesWithTheSpec(t *testing.T) {
	s := newSite(t, "", nil, shopAPI("orders", "", misspelled()))
	s.settle("orders")
	for _, step := range []struct {
		why    string
		change func(api *v1alpha1.ApiDefinition)
		want   string
	}{
		{"it was wrong from the begin", func(*v1alpha1.ApiDefinition) {}, "False/InvalidConfiguration"},
		{"it was put right", fitting(), "True/Valid"},
		{"there is nothing to check any more", func(api *v1alpha1.ApiDefinition) { api.Spec.Flows = nil }, ""},
		{"it is refused because of it", misfitting(), "False/InvalidConfiguration"},
	} {
		s.editAPI("orders", step.change)
		s.lookAtAPI("orders")
		if got := verdicts(s.api("orders"))[v1alpha1.ConfiguredCondition]; got != step.want {
			t.Errorf("%s: Configured = %q, want %q", step.why, got, step.want)
		}
	}
	s.editAPI("orders", func(api *v1alpha1.ApiDefinition) { api.Spec.ContextRef, api.Spec.Local = nil, true })
	s.lookAtAPI("orders")
	if got := verdicts(s.api("orders")); got[v1alpha1.ConfiguredCondition] != "" || got[v1alpha1.DriftedCondition] != "" {
		t.Errorf("no management API looks at it any more: %v", got)
	}
}

func crew(name, shown string, change ...func(group *v1alpha1.Group)) *v1alpha1.Group {
	group := &v1alpha1.Group{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("uid-of-" + name), Generation: 1},
		Spec:       v1alpha1.GroupSpec{Name: shown, NotifyMembers: true},
		Status:     v1alpha1.GroupStatus{ObservedGeneration: -1},
	}
	for _, c := range change {
		c(group)
	}
	return group
}

// A missing Group stops nothing, and says so once: a status that is written anew at every look, or whose times move, would wake
// whoever watches it for ever.
func TestMissingGroups(t *testing.T) {
	s := newSite(t, "", nil, shopAPI("orders", "", func(api *v1alpha1.ApiDefinition) {
		api.Spec.GroupRefs = []v1alpha1.Reference{{Name: "crew"}, {Name: "guests", Namespace: "far"}}
	}))
	s.lookAtContext()
	s.lookAtAPI("orders")
	first := s.api("orders")
	want := map[string]string{
		"Ready": "True/Synchronized", "Accepted": "True/Accepted", "ResolvedRefs": "False/GroupNotFound", "Served": "True/Served", "Drifted": "False/InStep",
	}
	if diff := cmp.Diff(want, verdicts(first)); diff != "" {
		t.Errorf("conditions in GKO's words (-want +got):\n%s", diff)
	}
	if got := messageOf(first, v1alpha1.ResolvedRefsCondition); got != "Group shop/crew could not be found; Group far/guests could not be found" {
		t.Errorf("message = %q", got)
	}
	// Times have whole seconds, so one that moves shows only when it was long ago.
	long := metav1.NewTime(first.Status.Conditions[0].LastTransitionTime.AddDate(-1, 0, 0))
	for i := range first.Status.Conditions {
		first.Status.Conditions[i].LastTransitionTime = long
	}
	if err := s.people.Status().Update(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	for _, again := range []struct {
		when string
		do   func()
	}{
		{"it is at rest", func() { s.sweep() }},
		{"it is read in full", func() { s.clock.set(s.clock.Now().Add(stageRotation)) }},
		{"the management API is out of reach", func() {
			s.clock.set(s.clock.Now().Add(stageRotation))
			s.sim.Inject(simulator.Fault{Mode: simulator.ModeStatus, Status: http.StatusBadGateway})
		}},
		{"the operator starts", func() { s.sim.Clear(); s.assemble(""); s.lookAtContext() }},
	} {
		s.forget()
		again.do()
		s.lookAtAPI("orders")
		second := s.api("orders")
		second.ResourceVersion, first.ResourceVersion = "", ""
		if diff := cmp.Diff(first, second); diff != "" || slices.Contains(s.calls, "patch status of ApiDefinition shop/orders") || len(s.told.events) > 0 {
			t.Errorf("when %s: calls %v, events %v, changes:\n%s", again.when, s.calls, s.told.events, diff)
		}
	}
	// With an edit, all else is written anew, but the refusal goes on from when it began.
	s.editAPI("orders", edited)
	s.lookAtAPI("orders")
	for _, condition := range s.api("orders").Status.Conditions {
		if !condition.LastTransitionTime.Equal(&long) || condition.ObservedGeneration != 2 {
			t.Errorf("%s of generation %d moved at %v, though its status is the same", condition.Type, condition.ObservedGeneration, condition.LastTransitionTime)
		}
	}
	s.add(crew("crew", "crew-20"))
	s.forget()
	s.lookAtAPI("orders")
	if got := messageOf(s.api("orders"), v1alpha1.ResolvedRefsCondition); got != "Group far/guests could not be found" || len(s.writes()) != 1 {
		t.Errorf("one has come: %q, writes %v", got, s.writes())
	}
	s.editAPI("orders", func(api *v1alpha1.ApiDefinition) { api.Spec.GroupRefs = api.Spec.GroupRefs[:1] })
	s.lookAtAPI("orders")
	if got := verdicts(s.api("orders"))[v1alpha1.ResolvedRefsCondition]; got != "True/ResolvedRefs" {
		t.Errorf("nothing is missing any more: %s", got)
	}
}

func TestMissingGroupBesideAnotherTrouble(t *testing.T) {
	withGroup := func(api *v1alpha1.ApiDefinition) { api.Spec.GroupRefs = []v1alpha1.Reference{{Name: "crew"}} }
	cases := map[string]struct {
		why    string
		change func(api *v1alpha1.ApiDefinition)
		want   map[string]string
	}{
		"the import is refused": {
			"both are told, each in its condition", func(api *v1alpha1.ApiDefinition) { api.Spec.Version = "" },
			map[string]string{"Ready": "False/ControlPlaneError", "Stalled": "True/ControlPlaneError", "Accepted": "False/ControlPlaneError", "ResolvedRefs": "False/GroupNotFound"},
		},
		"the context is missing": {
			"what stops everything goes first", func(api *v1alpha1.ApiDefinition) { api.Spec.ContextRef.Name = "gone" },
			map[string]string{"Ready": "False/ReferenceNotResolved", "Reconciling": "True/ReferenceNotResolved", "Accepted": "False/ReconcileFailed", "ResolvedRefs": "False/ResolvedRefs"},
		},
		"an ApiResource is missing": {
			"the same", func(api *v1alpha1.ApiDefinition) {
				api.Spec.Resources = []v1alpha1.ResourceOrRef{{Ref: &v1alpha1.Reference{Name: "gone"}}}
			},
			map[string]string{"Ready": "False/ReferenceNotResolved", "Reconciling": "True/ReferenceNotResolved", "Accepted": "False/ReconcileFailed", "ResolvedRefs": "False/ResolvedRefs"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, "", nil, shopAPI("orders", "", withGroup, c.change))
			s.lookAtContext()
			s.lookAtAPI("orders")
			first := s.api("orders")
			if diff := cmp.Diff(c.want, verdicts(first)); diff != "" {
				t.Errorf("conditions (-want +got): %s\n%s", c.why, diff)
			}
			s.forget()
			s.lookAtAPI("orders")
			if diff := cmp.Diff(first, s.api("orders")); diff != "" || slices.Contains(s.calls, "patch status of ApiDefinition shop/orders") {
				t.Errorf("the second look changed:\n%s", diff)
			}
		})
	}
}

// conditionTypes are the types of conditions that the API knows, from its source.
func conditionTypes(t *testing.T) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), "../../api/v1alpha1/conditions.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	ast.Inspect(parsed, func(node ast.Node) bool {
		if spec, ok := node.(*ast.ValueSpec); ok && strings.HasSuffix(spec.Names[0].Name, "Condition") {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			types = append(types, text)
		}
		return true
	})
	return types
}

// mostConditions is what GKO's schema lets stand together. Under it a status with more is refused as a whole.
const mostConditions = 8

// happenings are what can happen to orders.
func happenings() map[string]func(s *site) {
	edits := 0
	edit := func(s *site) {
		edits++
		s.editAPI("orders", func(api *v1alpha1.ApiDefinition) { api.Spec.Description = "edit " + strconv.Itoa(edits) })
	}
	refused := func(status int) func(s *site) {
		return func(s *site) {
			s.sim.Clear()
			s.sim.Inject(simulator.Fault{Method: http.MethodPut, Count: 1, Mode: simulator.ModeStatus, Status: status, Body: `{"message":"no"}`})
			edit(s)
		}
	}
	pause := func(object client.Object, name, value string) func(s *site) {
		return func(s *site) { s.annotate(object, name, v1alpha1.PausedAnnotation, value) }
	}
	return map[string]func(s *site){
		"nothing": func(*site) {}, "edit": edit, "trouble": refused(http.StatusBadRequest), "outage": refused(http.StatusServiceUnavailable),
		"drift": func(s *site) {
			_ = s.sim.EditAPI(string(s.api("orders").UID), func(definition map[string]any) { definition["description"] = "by hand" })
			s.clock.set(s.clock.Now().Add(stageRotation))
		},
		"pause": pause(&v1alpha1.ApiDefinition{}, "orders", "true"), "resume": pause(&v1alpha1.ApiDefinition{}, "orders", ""),
		"pause context": pause(&v1alpha1.ManagementContext{}, "ctx", "true"), "resume context": pause(&v1alpha1.ManagementContext{}, "ctx", ""),
	}
}

// Everything that can happen to an API is done to it in every order, and its conditions are counted.
func TestAtMostEightConditionsStandTogether(t *testing.T) {
	begin := func() *site {
		s := newSite(t, "", nil, shopAPI("orders", "", misspelled(), func(api *v1alpha1.ApiDefinition) {
			api.Annotations = map[string]string{v1alpha1.DriftPolicyAnnotation: v1alpha1.DriftPolicyReport}
			api.Spec.GroupRefs = []v1alpha1.Reference{{Name: "gone"}}
		}))
		s.settle("orders")
		return s
	}
	happen := happenings()
	names := slices.Sorted(maps.Keys(happen))
	seen, most := map[string]bool{}, 0
	count := func(s *site, limit int, history ...string) {
		s.lookAtAPI("orders")
		conditions := s.api("orders").Status.Conditions
		most = max(most, len(conditions))
		if len(conditions) > limit {
			t.Errorf("%d after %v: %v", len(conditions), history, verdicts(s.api("orders")))
		}
		for _, condition := range conditions {
			seen[condition.Type] = true
		}
	}
	walk := begin()
	for _, first := range names {
		for _, second := range names {
			for _, name := range []string{first, second} {
				happen[name](walk)
				// A deletion adds one to whatever stands then.
				count(walk, mostConditions-1, first, second)
			}
		}
	}
	for _, last := range names {
		s := begin()
		happen[last](s)
		count(s, mostConditions-1, last)
		s.remove(&v1alpha1.ApiDefinition{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "orders"}})
		s.sim.Inject(simulator.Fault{Method: http.MethodDelete, Mode: simulator.ModeStatus, Status: http.StatusServiceUnavailable})
		count(s, mostConditions, last, "deleted")
	}
	// Which ones an API never has, and why.
	never := map[string]string{v1alpha1.AutomationAPIManagedCondition: "only what the Automation API keeps has it"}
	for _, kind := range conditionTypes(t) {
		if _, known := never[kind]; seen[kind] == known {
			t.Errorf("%s was seen: %t: let this test bring it about, or say why an API never has it", kind, seen[kind])
		}
	}
	if most != mostConditions {
		t.Errorf("at most %d stood together, want to have seen %d", most, mostConditions)
	}
}
