// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package plan_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/yaml"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/plan"
	"github.com/apisync/apisync/test/recorded"
	"github.com/apisync/apisync/test/simulator"
)

const contextYAML = `
apiVersion: gravitee.io/v1alpha1
kind: ManagementContext
metadata: {namespace: ns, name: ctx}
spec: {baseUrl: "http://mapi:8083", organizationId: DEFAULT, environmentId: DEFAULT, auth: {credentials: {username: admin, password: admin}}}
`

const ordersYAML = `
apiVersion: gravitee.io/v1alpha1
kind: ApiDefinition
metadata: {namespace: ns, name: orders}
spec:
  contextRef: {name: ctx}
  name: Orders
  version: "1.0"
  description: Takes orders
  proxy:
    virtual_hosts: [{path: /orders}]
    groups: [{name: main, endpoints: [{name: up, target: "http://orders.example"}]}]
  plans: [{name: open, description: No key, security: KEY_LESS}]
`

// replaced is text with replacements, given as pairs. Each has to be met.
func replaced(t *testing.T, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("%q isn't in:\n%s", pairs[i], text)
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	return text
}

// scene is a cluster in memory in which an operator runs, and a simulator.
type scene struct {
	*replay
	server recorded.Server
}

func newScene(t *testing.T) *scene {
	t.Helper()
	return &scene{replay: newReplay(t, "", nil), server: recorded.NewServer(t)}
}

// have applies files and lets the operator work.
func (s *scene) have(files ...string) {
	s.t.Helper()
	for _, file := range files {
		for _, object := range s.stored(s.server, recorded.ParseYAML(s.t, file)) {
			s.apply(object)
		}
	}
	s.settle()
	s.wire.reset()
}

func (s *scene) files(files ...string) []client.Object {
	s.t.Helper()
	var objects []client.Object
	for _, file := range files {
		objects = append(objects, typed(s.t, s.stored(s.server, recorded.ParseYAML(s.t, file)))...)
	}
	return objects
}

// options against the scene's cluster.
func (s *scene) options(files ...string) plan.Options {
	s.t.Helper()
	return plan.Options{
		Objects: s.files(files...), Templating: true, Cluster: s.client, Registry: s.registry, DigestKey: []byte(digestKey),
		Transport: func(string) http.RoundTripper { return s.wire },
	}
}

// plans makes a plan, which must not write.
func (s *scene) plans(options plan.Options) plan.Report {
	s.t.Helper()
	s.wire.reset()
	report, err := plan.Run(s.t.Context(), options)
	if err != nil {
		s.t.Fatal(err)
	}
	if writes := s.wire.writes(); len(writes) > 0 {
		s.t.Fatalf("the plan wrote: %v", writes)
	}
	return report
}

// object gives the only one of that name.
func object(t *testing.T, report plan.Report, name string) plan.Object {
	t.Helper()
	for _, c := range report.Contexts {
		for _, o := range c.Objects {
			if o.Namespace+"/"+o.Name == name {
				return o
			}
		}
	}
	t.Fatalf("%s isn't in the plan:\n%s", name, textOf(t, report, plan.TextOptions{}))
	return plan.Object{}
}

func textOf(t *testing.T, report plan.Report, options plan.TextOptions) string {
	t.Helper()
	var out bytes.Buffer
	if err := report.Text(&out, options); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// lines are changes as short texts.
func lines(changes []plan.Change) []string {
	var found []string
	for _, c := range changes {
		line := fmt.Sprintf("%s: %v -> %v", c.Path, c.Before, c.After)
		if c.NotReadBack {
			line += " (not read back)"
		}
		found = append(found, line)
	}
	return found
}

func TestWithoutACluster(t *testing.T) {
	s := newScene(t)
	options := s.options(contextYAML, replaced(t, ordersYAML, "spec:\n", "spec:\n  properties: [{key: db.password, value: hunter2}, {key: region, value: eu}]\n"))
	options.Cluster, options.DigestKey = nil, nil
	report := s.plans(options)
	orders := object(t, report, "ns/orders")
	if orders.Verdict != plan.VerdictCreate || orders.ID != plan.KnownAfterApply || report.ExitCode() != plan.ExitChanges {
		t.Errorf("verdict %s, id %s, exit code %d", orders.Verdict, orders.ID, report.ExitCode())
	}
	if report.Contexts[0].Change != plan.ContextNew || report.Contexts[0].User != "admin" {
		t.Errorf("context %+v", report.Contexts[0])
	}
	got := lines(orders.Changes)
	for _, want := range []string{
		"id: <nil> -> (known after apply)", "plans[open].id: <nil> -> (known after apply)", "name: <nil> -> Orders",
		"properties[region].value: <nil> -> eu", "properties[db.password].value: <nil> -> (hidden)",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is missing in:\n%s", want, strings.Join(got, "\n"))
		}
	}
	var document bytes.Buffer
	if err := report.JSON(&document); err != nil || strings.Contains(document.String(), "hunter2") {
		t.Errorf("%v, and the secret in:\n%s", err, document.String())
	}
}

func TestWhatIsMissingWithoutACluster(t *testing.T) {
	s := newScene(t)
	withSecret := replaced(t, contextYAML, "credentials: {username: admin, password: admin}", "secretRef: {name: apim}")
	options := s.options(withSecret, ordersYAML, replaced(t, ordersYAML, "name: orders}", "name: lost}", "{name: ctx}", "{name: elsewhere}"))
	options.Cluster = nil
	report := s.plans(options)
	if f := report.Contexts[0].Fault; f == nil || !strings.Contains(f.Message, "Secret ns/apim") || !strings.Contains(f.Message, "add the Secret to the files") {
		t.Errorf("the fault should name the Secret and the remedy: %+v", f)
	}
	if o := object(t, report, "ns/orders"); o.Verdict != plan.VerdictUnknown || o.Fault == nil {
		t.Errorf("orders: %+v", o)
	}
	lost := object(t, report, "ns/lost")
	if lost.Verdict != plan.VerdictUnknown || !strings.Contains(lost.Fault.Message, "ManagementContext ns/elsewhere isn't in the files") {
		t.Errorf("lost: %+v", lost)
	}
	if report.ExitCode() != plan.ExitError {
		t.Errorf("exit code %d", report.ExitCode())
	}
	options.Objects = append(options.Objects, s.files(`
apiVersion: v1
kind: Secret
metadata: {namespace: ns, name: apim}
stringData: {username: admin, password: admin}
`)...)
	if o := object(t, s.plans(options), "ns/orders"); o.Verdict != plan.VerdictCreate {
		t.Errorf("with the Secret among the files: %+v", o)
	}
}

func TestNoDryRun(t *testing.T) {
	s := newScene(t)
	options := s.options(contextYAML, ordersYAML)
	options.NoDryRun = true
	report := s.plans(options)
	if bodies := s.wire.bodies(true); len(bodies) > 0 {
		t.Errorf("dry runs were sent: %v", bodies)
	}
	if o := object(t, report, "ns/orders"); o.Verdict != plan.VerdictCreate || o.Writes[0].Checked {
		t.Errorf("got %+v", o)
	}
}

func TestChangedFields(t *testing.T) {
	cases := map[string]struct {
		why     string
		file    []string // replacements
		remote  func(definition map[string]any)
		verdict plan.Verdict
		reason  string
		changes []string
	}{
		"nothing": {why: "an unchanged import costs as much as a change", verdict: plan.VerdictNone},
		"a field of the file": {
			why: "it is shown with both values", file: []string{"Takes orders", "Takes all orders"},
			verdict: plan.VerdictUpdate, reason: "the wanted state changes", changes: []string{"description: Takes orders -> Takes all orders"},
		},
		"a field that isn't read back": {
			why: "the digest tells that something changes, the resource what", file: []string{"security: KEY_LESS", "security: KEY_LESS, type: CATALOG"},
			verdict: plan.VerdictUpdate, reason: "the wanted state changes", changes: []string{"plans[open].type: API -> CATALOG (not read back)"},
		},
		"an edit by hand": {
			why: "it would be put right", remote: func(definition map[string]any) { definition["description"] = "by hand" },
			verdict: plan.VerdictUpdate, reason: "it was edited elsewhere", changes: []string{"description: by hand -> Takes orders"},
		},
		"both": {
			why: "what was read wins over what was wanted before", file: []string{"Takes orders", "Takes all orders"},
			remote:  func(definition map[string]any) { definition["description"], definition["version"] = "by hand", "2" },
			verdict: plan.VerdictUpdate, reason: "the wanted state changes",
			changes: []string{"description: by hand -> Takes all orders", "version: 2 -> 1.0"},
		},
		"an element that is added and one that goes": {
			why:     "both directions are changes",
			file:    []string{"[{name: open, description: No key, security: KEY_LESS}]", "[{name: closed, description: A key, security: API_KEY}]"},
			verdict: plan.VerdictUpdate, reason: "the wanted state changes",
		},
	}
	for name, c := range cases {
		for _, key := range [][]byte{[]byte(digestKey), nil} {
			t.Run(fmt.Sprintf("%s, with the key: %t", name, key != nil), func(t *testing.T) {
				s := newScene(t)
				s.have(contextYAML, ordersYAML)
				if c.remote != nil {
					if err := s.sim.EditAPI(s.sim.APIs()[0].ID, c.remote); err != nil {
						t.Fatal(err)
					}
				}
				options := s.options(replaced(t, ordersYAML, c.file...))
				options.DigestKey = key
				o := object(t, s.plans(options), "ns/orders")
				if o.Verdict != c.verdict || o.Reason != c.reason {
					t.Errorf("%s, since %q; want %s, since %q: %s", o.Verdict, o.Reason, c.verdict, c.reason, c.why)
				}
				if c.changes == nil && c.verdict != plan.VerdictNone {
					hasBoth := slices.ContainsFunc(o.Changes, func(c plan.Change) bool { return c.Before == nil && c.Path == "plans[closed]" }) &&
						slices.ContainsFunc(o.Changes, func(c plan.Change) bool { return c.After == nil && c.Path == "plans[open]" })
					if !hasBoth {
						t.Errorf("changes %v: %s", lines(o.Changes), c.why)
					}
					return
				}
				if diff := gocmp.Diff(c.changes, lines(o.Changes)); diff != "" {
					t.Errorf("changes (-want +got): %s\n%s", c.why, diff)
				}
			})
		}
	}
}

// Of a resource that the operator hasn't published as it is, nobody without the key knows what was published.
func TestBlindWithoutTheKey(t *testing.T) {
	s := newScene(t)
	s.have(contextYAML, ordersYAML)
	for _, changed := range s.stored(s.server, recorded.ParseYAML(t, replaced(t, ordersYAML, "security: KEY_LESS", "security: KEY_LESS, type: CATALOG"))) {
		s.apply(changed)
	}
	options := s.options()
	options.All = true
	if o := object(t, s.plans(options), "ns/orders"); o.Verdict != plan.VerdictUpdate {
		t.Errorf("with the key: %+v", o)
	}
	options.DigestKey = nil
	o := object(t, s.plans(options), "ns/orders")
	if o.Verdict != plan.VerdictNone || len(o.Warnings) != 1 || !strings.Contains(o.Warnings[0], "key of digests") {
		t.Errorf("without the key it should say what it can't tell: %+v", o)
	}
}

func TestDriftPolicies(t *testing.T) {
	withPolicy := func(t *testing.T, policy string) string {
		return replaced(t, ordersYAML, "name: orders}", "name: orders, annotations: {"+v1alpha1.DriftPolicyAnnotation+": \""+policy+"\"}}")
	}
	cases := map[string]struct {
		why, policy string
		removed     bool
		verdict     plan.Verdict
		changes     []string
	}{
		"correct":           {why: "the default", policy: "correct", verdict: plan.VerdictUpdate, changes: []string{"description: by hand -> Takes orders"}},
		"report":            {why: "it is told and left", policy: "report", verdict: plan.VerdictDrift, changes: []string{"description: by hand -> Takes orders"}},
		"off":               {why: "nobody looks", policy: "off", verdict: plan.VerdictNone},
		"removed, report":   {why: "it isn't created again", policy: "report", removed: true, verdict: plan.VerdictDrift},
		"removed, corrects": {why: "it is created again", policy: "correct", removed: true, verdict: plan.VerdictCreate},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.have(contextYAML, withPolicy(t, c.policy))
			id := s.sim.APIs()[0].ID
			err := s.sim.EditAPI(id, func(definition map[string]any) { definition["description"] = "by hand" })
			if c.removed {
				err = s.sim.RemoveAPI(id)
			}
			if err != nil {
				t.Fatal(err)
			}
			report := s.plans(s.options(withPolicy(t, c.policy)))
			o := object(t, report, "ns/orders")
			if o.Verdict != c.verdict {
				t.Errorf("%s (%s), want %s: %s", o.Verdict, o.Reason, c.verdict, c.why)
			}
			if diff := gocmp.Diff(c.changes, lines(o.Changes)); diff != "" && c.verdict != plan.VerdictCreate {
				t.Errorf("changes (-want +got): %s\n%s", c.why, diff)
			}
			changes := c.verdict == plan.VerdictCreate || c.verdict == plan.VerdictUpdate
			if want := map[bool]int{true: plan.ExitChanges, false: plan.ExitNothing}[changes]; report.ExitCode() != want {
				t.Errorf("exit code %d, want %d", report.ExitCode(), want)
			}
		})
	}
}

// Of an API that another operator published there is no digest: only the generation tells that its resource changes.
func TestChangeUnderAReportingPolicy(t *testing.T) {
	s := newScene(t)
	reporting := replaced(t, ordersYAML, "name: orders}", "name: orders, annotations: {apisync.github.io/drift-policy: report}}")
	s.have(contextYAML, reporting)
	var api v1alpha1.ApiDefinition
	if err := s.client.Get(t.Context(), client.ObjectKey{Namespace: "ns", Name: "orders"}, &api); err != nil {
		t.Fatal(err)
	}
	api.Status.Sync.Digest = ""
	if err := s.client.Status().Update(t.Context(), &api); err != nil {
		t.Fatal(err)
	}
	o := object(t, s.plans(s.options(replaced(t, reporting, "Takes orders", "Takes all orders"))), "ns/orders")
	if o.Verdict != plan.VerdictUpdate {
		t.Errorf("what a person changes in the cluster is published under every policy: %+v", o)
	}
}

func TestTakeOver(t *testing.T) {
	withKey := replaced(t, ordersYAML, "spec:\n", "spec:\n  crossId: shared-key\n")
	for name, c := range map[string]struct {
		edit   func(definition map[string]any)
		writes int
	}{
		"as wanted":           {func(map[string]any) {}, 0},
		"with another value":  {func(definition map[string]any) { definition["description"] = "theirs" }, 1},
		"of another resource": {nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.have(contextYAML, replaced(t, withKey, "name: orders}", "name: theirs}"))
			id := s.sim.APIs()[0].ID
			if c.edit == nil {
				o := object(t, s.plans(s.options(withKey)), "ns/orders")
				if o.Verdict != plan.VerdictRefused || o.Fault.Kind != "conflict" {
					t.Errorf("the other resource publishes it: %+v", o)
				}
				return
			}
			if err := s.sim.EditAPI(id, c.edit); err != nil {
				t.Fatal(err)
			}
			// Its resource is gone without a trace, as with a lost cluster.
			other := newScene(t)
			other.wire.sim = s.sim
			report := other.plans(other.options(contextYAML, withKey))
			o := object(t, report, "ns/orders")
			if o.Verdict != plan.VerdictTakeOver || o.ID != id || len(o.Writes) != c.writes || report.Summary.TakeOver != 1 {
				t.Errorf("got %+v", o)
			}
			if strings.Contains(strings.Join(o.Warnings, ""), "took over") {
				t.Errorf("nothing was taken over yet: %v", o.Warnings)
			}
		})
	}
}

func TestForeignCluster(t *testing.T) {
	s := newScene(t)
	west := newScene(t)
	options := west.options(contextYAML, ordersYAML)
	s.have(contextYAML, ordersYAML)
	mark := func(definition map[string]any) { definition["labels"] = []any{"apisync-cluster=east"} }
	if err := s.sim.EditAPI(s.sim.APIs()[0].ID, mark); err != nil {
		t.Fatal(err)
	}
	west.wire.sim, options.ClusterID = s.sim, "west"
	report := west.plans(options)
	if o := object(t, report, "ns/orders"); o.Verdict != plan.VerdictRefused || !strings.Contains(o.Fault.Message, `cluster "east"`) {
		t.Errorf("got %+v", o)
	}
	if report.ExitCode() != plan.ExitError {
		t.Errorf("exit code %d", report.ExitCode())
	}
}

func TestMoves(t *testing.T) {
	cases := map[string]struct {
		why    string
		target string
		order  []string
	}{
		"within an installation": {
			why: "ids are unique there, so the old one goes first", target: replaced(t, contextYAML, "environmentId: DEFAULT", "environmentId: REC2"),
			order: []string{"delete", "create"},
		},
		"to another installation": {
			why: "it is served somewhere at all times", target: replaced(t, contextYAML, "mapi:8083", "other:8083"),
			order: []string{"create", "delete"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.wire.others = map[string]http.Handler{"other:8083": simulator.New(simulator.Options{})}
			s.have(contextYAML, ordersYAML)
			target := replaced(t, c.target, "name: ctx}", "name: target}")
			report := s.plans(s.options(target, replaced(t, ordersYAML, "{name: ctx}", "{name: target}")))
			o := object(t, report, "ns/orders")
			var order []string
			for _, write := range o.Writes {
				order = append(order, write.Operation)
			}
			if diff := gocmp.Diff(c.order, order); o.Verdict != plan.VerdictMove || diff != "" {
				t.Errorf("%s, writes (-want +got): %s\n%s", o.Verdict, c.why, diff)
			}
			if text := textOf(t, report, plan.TextOptions{}); !strings.Contains(text, "delete API "+s.sim.APIs()[0].ID+" in ns/ctx") {
				t.Errorf("it isn't said what is deleted where:\n%s", text)
			}
		})
	}
}

// Before a move the operator asks by a dry run of its own. With credentials that may not, that is a finding too.
func TestMoveThatCantBeChecked(t *testing.T) {
	s := newScene(t)
	s.have(contextYAML, ordersYAML)
	target := replaced(t, contextYAML, "name: ctx}", "name: target}", "environmentId: DEFAULT", "environmentId: REC2",
		"username: admin, password: admin", "username: user, password: password")
	o := object(t, s.plans(s.options(target, replaced(t, ordersYAML, "{name: ctx}", "{name: target}"))), "ns/orders")
	if o.Verdict != plan.VerdictMove || !slices.ContainsFunc(o.Findings, func(f plan.Finding) bool { return f.Reason == plan.ReasonNotChecked }) {
		t.Errorf("got %+v", o)
	}
}

// In the cluster, what moves away wakes those that waited for its place.
func TestAMoveMakesRoom(t *testing.T) {
	s := newScene(t)
	shared := replaced(t, ordersYAML, "spec:\n", "spec:\n  crossId: shared\n")
	s.have(contextYAML, shared)
	target := replaced(t, contextYAML, "name: ctx}", "name: target}", "environmentId: DEFAULT", "environmentId: REC2")
	report := s.plans(s.options(target, replaced(t, shared, "name: orders}", "name: heir}"), replaced(t, shared, "{name: ctx}", "{name: target}")))
	if o := object(t, report, "ns/orders"); o.Verdict != plan.VerdictMove {
		t.Errorf("orders: %+v", o)
	}
	if o := object(t, report, "ns/heir"); o.Verdict != plan.VerdictCreate {
		t.Errorf("heir: %+v", o)
	}
}

func TestAPIsOfAChangedContext(t *testing.T) {
	s := newScene(t)
	s.have(contextYAML, ordersYAML)
	if report := s.plans(s.options(contextYAML)); len(report.Contexts[0].Objects) > 0 || report.ExitCode() != plan.ExitNothing {
		t.Errorf("an unchanged context concerns nobody: %+v", report.Contexts)
	}
	report := s.plans(s.options(replaced(t, contextYAML, "environmentId: DEFAULT", "environmentId: REC2")))
	if o := object(t, report, "ns/orders"); o.Verdict != plan.VerdictMove || o.InFiles {
		t.Errorf("an API that isn't in the files moves with its context: %+v", o)
	}
	if report.Contexts[0].Change != plan.ContextChanged {
		t.Errorf("context %+v", report.Contexts[0])
	}
}

func TestDeletions(t *testing.T) {
	payments := replaced(t, ordersYAML, "name: orders}", "name: payments, labels: {team: a}}", "/orders", "/payments")
	elsewhere := replaced(t, ordersYAML, "namespace: ns, name: orders}", "namespace: other, name: elsewhere, labels: {team: a}}",
		"/orders", "/elsewhere", "{name: ctx}", "{name: ctx, namespace: ns}")
	unpublished := replaced(t, ordersYAML, "name: orders}", "name: broken, labels: {team: a}}", "{name: ctx}", "{name: missing}")
	begin := func(t *testing.T) *scene {
		t.Helper()
		s := newScene(t)
		s.have(contextYAML, ordersYAML, payments, elsewhere, unpublished)
		return s
	}
	t.Run("pruned", func(t *testing.T) {
		s := begin(t)
		options := s.options(ordersYAML)
		options.Prune = labels.SelectorFromSet(labels.Set{"team": "a"})
		report := s.plans(options)
		want := plan.Summary{Delete: 1, Unchanged: 2}
		if diff := gocmp.Diff(want, report.Summary); diff != "" {
			t.Errorf("other namespaces may belong to other files (-want +got):\n%s", diff)
		}
		if o := object(t, report, "ns/payments"); o.Verdict != plan.VerdictDelete || o.Reason != "the resource isn't in the files any more" {
			t.Errorf("payments: %+v", o)
		}
		if o := object(t, report, "ns/broken"); o.Verdict != plan.VerdictNone || o.Reason != "it was never published" {
			t.Errorf("broken: %+v", o)
		}
	})
	t.Run("deleted", func(t *testing.T) {
		s := begin(t)
		options := s.options(contextYAML, ordersYAML, replaced(t, ordersYAML, "name: orders}", "name: unknown}"))
		options.Delete = true
		report := s.plans(options)
		if o := object(t, report, "ns/orders"); o.Verdict != plan.VerdictDelete || report.ExitCode() != plan.ExitChanges {
			t.Errorf("orders: %+v, exit code %d", o, report.ExitCode())
		}
		notes := strings.Join(report.Notes, "\n")
		for _, want := range []string{"ApiDefinition ns/unknown isn't in the cluster", "ManagementContext ns/ctx would not be gone at once: the context is used by ns/payments, other/elsewhere"} {
			if !strings.Contains(notes, want) {
				t.Errorf("%q isn't among the notes:\n%s", want, notes)
			}
		}
	})
	t.Run("left behind", func(t *testing.T) {
		s := begin(t)
		s.have(replaced(t, payments, "labels: {team: a}", "labels: {team: a}, annotations: {apisync.github.io/deletion-policy: orphan}"))
		var api v1alpha1.ApiDefinition
		if err := s.client.Get(t.Context(), client.ObjectKey{Namespace: "ns", Name: "payments"}, &api); err != nil {
			t.Fatal(err)
		}
		api.Annotations = map[string]string{v1alpha1.DeletionPolicyAnnotation: v1alpha1.DeletionPolicyOrphan}
		if err := s.client.Update(t.Context(), &api); err != nil {
			t.Fatal(err)
		}
		options := s.options(payments)
		options.Delete = true
		if o := object(t, s.plans(options), "ns/payments"); o.Verdict != plan.VerdictNone || len(o.Warnings) != 1 {
			t.Errorf("payments: %+v", o)
		}
	})
	t.Run("no cluster", func(t *testing.T) {
		options := newScene(t).options(ordersYAML)
		options.Delete, options.Cluster = true, nil
		if _, err := plan.Run(t.Context(), options); err == nil || !strings.Contains(err.Error(), "name one") {
			t.Errorf("error = %v", err)
		}
	})
}

// A resource that is renamed is another one: the old one goes, and has the path until then.
func TestPathOfAnAPIThatGoes(t *testing.T) {
	s := newScene(t)
	other := replaced(t, ordersYAML, "name: orders}", "name: other}", "path: /orders", "path: /other")
	s.have(contextYAML, ordersYAML, other)
	options := s.options(other, replaced(t, ordersYAML, "name: orders}", "name: renamed}"),
		replaced(t, ordersYAML, "name: orders}", "name: blocked}", "path: /orders", "path: /other"))
	options.Prune = labels.Everything()
	report := s.plans(options)
	renamed, blocked := object(t, report, "ns/renamed"), object(t, report, "ns/blocked")
	if renamed.Verdict != plan.VerdictCreate || len(renamed.Findings) != 1 || !strings.Contains(renamed.Findings[0].Message, "still has the path /orders") {
		t.Errorf("the operator gets it accepted once the other is gone: %+v", renamed)
	}
	if blocked.Verdict != plan.VerdictRefused || blocked.Fault.Reason != "PathExists" {
		t.Errorf("the path of an API that stays is refused: %+v", blocked)
	}
}

func TestOnePathTwice(t *testing.T) {
	s := newScene(t)
	report := s.plans(s.options(contextYAML, ordersYAML, replaced(t, ordersYAML, "name: orders}", "name: copy}", "path: /orders}", "path: //orders/}")))
	first, second := object(t, report, "ns/orders"), object(t, report, "ns/copy")
	if first.Verdict != plan.VerdictCreate || second.Verdict != plan.VerdictRefused || second.Fault.Reason != plan.ReasonPathTwice {
		t.Errorf("each passes its dry run, but the operator gets only the first accepted: %s, %s", first.Verdict, second.Verdict)
	}
	if len(second.Writes) > 0 {
		t.Errorf("a refused one writes nothing: %v", second.Writes)
	}
}

func TestOneContextIsDown(t *testing.T) {
	s := newScene(t)
	down := replaced(t, contextYAML, "name: ctx}", "name: down}", "mapi:8083", "mapi:18099")
	report := s.plans(s.options(contextYAML, down, ordersYAML, replaced(t, ordersYAML, "name: orders}", "name: cut-off}", "{name: ctx}", "{name: down}", "/orders", "/cut-off")))
	if o := object(t, report, "ns/orders"); o.Verdict != plan.VerdictCreate {
		t.Errorf("the other context works: %+v", o)
	}
	if o := object(t, report, "ns/cut-off"); o.Verdict != plan.VerdictUnknown || !strings.Contains(o.Reason, "ns/down can't be used") {
		t.Errorf("cut-off: %+v", o)
	}
	if report.ExitCode() != plan.ExitError || report.Summary.UnusableContexts != 1 {
		t.Errorf("exit code %d, %+v", report.ExitCode(), report.Summary)
	}
}

func TestFindings(t *testing.T) {
	s := newScene(t)
	unserved := replaced(t, ordersYAML, "plans: [{name: open, description: No key, security: KEY_LESS}]", "plans: []")
	forbidden := replaced(t, contextYAML, "name: ctx}", "name: weak}", "username: admin, password: admin", "username: user, password: password")
	report := s.plans(s.options(contextYAML, unserved, forbidden,
		replaced(t, ordersYAML, "name: orders}", "name: unchecked}", "{name: ctx}", "{name: weak}", "/orders", "/unchecked")))
	orders := object(t, report, "ns/orders")
	if len(orders.Findings) != 1 || orders.Findings[0].Reason != "NoPlan" {
		t.Errorf("that nothing will be served is found before it is created: %+v", orders.Findings)
	}
	unchecked := object(t, report, "ns/unchecked")
	if unchecked.Verdict != plan.VerdictCreate || !slices.ContainsFunc(unchecked.Findings, func(f plan.Finding) bool { return f.Reason == plan.ReasonNotChecked }) {
		t.Errorf("a dry run that isn't allowed is a finding: %+v", unchecked)
	}
}

func TestRights(t *testing.T) {
	forbid := func(s *scene, refuse func(object any, namespace string) bool) client.Reader {
		denied := func() error {
			return apierrors.NewForbidden(schema.GroupResource{Resource: "things"}, "", nil)
		}
		return interceptor.NewClient(s.client, interceptor.Funcs{
			List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
				var wanted client.ListOptions
				wanted.ApplyOptions(options)
				if refuse(list, wanted.Namespace) {
					return denied()
				}
				return c.List(ctx, list, options...)
			},
			Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
				if refuse(object, key.Namespace) {
					return denied()
				}
				return c.Get(ctx, key, object, options...)
			},
		})
	}
	t.Run("lists of all namespaces", func(t *testing.T) {
		s := newScene(t)
		s.have(contextYAML, ordersYAML)
		options := s.options(ordersYAML)
		options.Cluster = forbid(s, func(_ any, namespace string) bool { return namespace == "" })
		if _, err := plan.Run(t.Context(), options); err == nil || !strings.Contains(err.Error(), "managementcontexts.gravitee.io in all namespaces") ||
			!strings.Contains(err.Error(), "name the namespaces") {
			t.Errorf("error = %v", err)
		}
		options.Namespaces = []string{"ns"}
		if o := object(t, s.plans(options), "ns/orders"); o.Verdict != plan.VerdictNone {
			t.Errorf("got %+v", o)
		}
		options.Objects = s.files(replaced(t, ordersYAML, "{name: ctx}", "{name: ctx, namespace: unread}"))
		if o := object(t, s.plans(options), "ns/orders"); o.Verdict != plan.VerdictUnknown || !strings.Contains(o.Fault.Message, "a namespace that wasn't read") {
			t.Errorf("got %+v", o)
		}
	})
	t.Run("a Secret", func(t *testing.T) {
		s := newScene(t)
		options := s.options(replaced(t, contextYAML, "credentials: {username: admin, password: admin}", "secretRef: {name: apim}"), ordersYAML)
		options.Cluster = forbid(s, func(object any, _ string) bool { _, secret := object.(*corev1.Secret); return secret })
		f := s.plans(options).Contexts[0].Fault
		if f == nil || !strings.Contains(f.Message, "Secret ns/apim") || !strings.Contains(f.Message, "ask for the right to get secrets in namespace ns") {
			t.Errorf("fault %+v", f)
		}
	})
	t.Run("no CRDs", func(t *testing.T) {
		s := newScene(t)
		options := s.options(contextYAML)
		options.Cluster = interceptor.NewClient(s.client, interceptor.Funcs{
			List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
				return &meta.NoKindMatchError{GroupKind: schema.GroupKind{Kind: "ManagementContext"}}
			},
		})
		if _, err := plan.Run(t.Context(), options); err == nil || !strings.Contains(err.Error(), "install the CRDs") {
			t.Errorf("error = %v", err)
		}
	})
}

func TestChangedCredentials(t *testing.T) {
	s := newScene(t)
	secret := `
apiVersion: v1
kind: Secret
metadata: {namespace: ns, name: apim}
stringData: {username: admin, password: wrong}
`
	withSecret := replaced(t, contextYAML, "credentials: {username: admin, password: admin}", "secretRef: {name: apim}")
	s.have(secret, withSecret, ordersYAML)
	report := s.plans(s.options(replaced(t, secret, "wrong", "admin")))
	if o := object(t, report, "ns/orders"); o.Verdict != plan.VerdictCreate || report.Contexts[0].Change != plan.ContextCredentials {
		t.Errorf("with the right password what waited would be published: %+v", o)
	}
	if report := s.plans(s.options(secret)); len(report.Contexts) > 0 {
		t.Errorf("a Secret that is the same concerns nobody: %+v", report.Contexts)
	}
}

func TestObjectsThatCantBePlanned(t *testing.T) {
	s := newScene(t)
	twice := append(s.files(ordersYAML), s.files(ordersYAML)...)
	for want, objects := range map[string][]client.Object{
		"ApiDefinition ns/orders is twice in the files": twice,
		"a plan has no use for objects of type *v1.Pod": {&corev1.Pod{}},
	} {
		if _, err := plan.Run(t.Context(), plan.Options{Objects: objects}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error = %v, want %q in it", err, want)
		}
	}
}

func TestInterrupted(t *testing.T) {
	s := newScene(t)
	ctx, cancel := context.WithCancel(t.Context())
	options := s.options(contextYAML, ordersYAML)
	options.Progress = func(line string) {
		if strings.HasPrefix(line, "Reaching") {
			cancel()
		}
	}
	if _, err := plan.Run(ctx, options); err == nil || !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("error = %v: half a plan is none", err)
	}
}

func TestProgress(t *testing.T) {
	s := newScene(t)
	files := []string{contextYAML}
	for i := range 20 {
		files = append(files, replaced(t, ordersYAML, "name: orders}", fmt.Sprintf("name: orders-%d}", i), "/orders", fmt.Sprintf("/orders-%d", i)))
	}
	var told []string
	options := s.options(files...)
	options.Progress = func(line string) { told = append(told, line) }
	s.plans(options)
	for _, want := range []string{"Reading the cluster", "Reaching 1 management contexts", "Planning 20 objects", "Planned 20 of 20 objects"} {
		if !slices.Contains(told, want) {
			t.Errorf("%q wasn't told: %v", want, told)
		}
	}
}

// A template is no API; an API without a context is refused, and told although no context leads to it.
func TestWithoutAContext(t *testing.T) {
	s := newScene(t)
	template := replaced(t, ordersYAML, "name: orders}", "name: template, annotations: {gravitee.io/template: \"true\"}}")
	alone := replaced(t, ordersYAML, "name: orders}", "name: alone}", "  contextRef: {name: ctx}\n", "")
	report := s.plans(s.options(contextYAML, template, alone))
	if o := object(t, report, "ns/template"); o.Verdict != plan.VerdictNone || !strings.Contains(o.Reason, "template") {
		t.Errorf("template: %+v", o)
	}
	if o := object(t, report, "ns/alone"); o.Verdict != plan.VerdictRefused || report.Contexts[0].Name != "" {
		t.Errorf("alone: %+v", o)
	}
}

func TestAnnotationsAreMergedAsKubectlDoes(t *testing.T) {
	s := newScene(t)
	annotated := replaced(t, ordersYAML, "name: orders}", "name: orders, annotations: {apisync.github.io/drift-policy: report}}")
	s.have(contextYAML, annotated)
	if err := s.sim.EditAPI(s.sim.APIs()[0].ID, func(definition map[string]any) { definition["description"] = "by hand" }); err != nil {
		t.Fatal(err)
	}
	if o := object(t, s.plans(s.options(ordersYAML)), "ns/orders"); o.Verdict != plan.VerdictDrift {
		t.Errorf("what others have set stays: %+v", o)
	}
	var api v1alpha1.ApiDefinition
	if err := s.client.Get(t.Context(), client.ObjectKey{Namespace: "ns", Name: "orders"}, &api); err != nil {
		t.Fatal(err)
	}
	api.Annotations[corev1.LastAppliedConfigAnnotation] = `{"metadata":{"annotations":{"apisync.github.io/drift-policy":"report"}}}`
	if err := s.client.Update(t.Context(), &api); err != nil {
		t.Fatal(err)
	}
	if o := object(t, s.plans(s.options(ordersYAML)), "ns/orders"); o.Verdict != plan.VerdictUpdate {
		t.Errorf("what was in the file before and isn't any more is removed: %+v", o)
	}
}

func TestDocuments(t *testing.T) {
	s := newScene(t)
	report := s.plans(s.options(contextYAML, ordersYAML))
	var asJSON, asYAML bytes.Buffer
	if err := report.JSON(&asJSON); err != nil {
		t.Fatal(err)
	}
	if err := report.YAML(&asYAML); err != nil {
		t.Fatal(err)
	}
	var fromJSON, fromYAML map[string]any
	if err := json.Unmarshal(asJSON.Bytes(), &fromJSON); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(asYAML.Bytes(), &fromYAML); err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(fromJSON, fromYAML); diff != "" {
		t.Errorf("JSON and YAML differ:\n%s", diff)
	}
	if fromJSON["apiVersion"] != plan.APIVersion || fromJSON["kind"] != plan.Kind {
		t.Errorf("the form isn't named: %v %v", fromJSON["apiVersion"], fromJSON["kind"])
	}
}
