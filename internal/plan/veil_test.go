// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package plan_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/plan"
)

// documents are all forms of a report, one after the other.
func documents(t *testing.T, report plan.Report) string {
	t.Helper()
	var out bytes.Buffer
	for _, write := range []func(io.Writer) error{
		report.JSON, report.YAML,
		func(to io.Writer) error { return report.Text(to, plan.TextOptions{Verbose: true, Width: 4000}) },
		func(to io.Writer) error { return report.Text(to, plan.TextOptions{}) },
	} {
		if err := write(&out); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

// Values that no name gives away, so that nothing but their origin hides them.
const (
	firstValue  = "uniquely-opal-4711"
	secondValue = "uniquely-jade-0815"
	mapValue    = "uniquely-onyx-2342"
)

const templatedYAML = `
apiVersion: v1
kind: Secret
metadata: {namespace: ns, name: creds}
stringData: {entry: ` + firstValue + `}
---
apiVersion: v1
kind: ConfigMap
metadata: {namespace: ns, name: conf}
data: {note: ` + mapValue + `}
---
apiVersion: gravitee.io/v1alpha1
kind: ApiDefinition
metadata: {namespace: ns, name: orders}
spec:
  contextRef: {name: ctx}
  name: Orders
  version: "1.0"
  description: "note [[ configmap ` + "`conf/note`" + ` ]]"
  proxy:
    virtual_hosts: [{path: /orders}]
    groups: [{name: main, endpoints: [{name: up, target: "http://orders.example/[[ secret ` + "`creds/entry`" + ` ]]"}]}]
  plans:
  - {name: open, description: No key, security: KEY_LESS, tags: []}
  - {name: closed, description: "[[ secret ` + "`creds/entry`" + ` ]]", security: API_KEY}
  flows:
  - name: all
    path-operator: {path: /, operator: STARTS_WITH}
    pre: [{name: h, policy: transform-headers, configuration: {scope: REQUEST, addHeaders: [{name: X-Up, value: "[[ secret ` + "`creds/entry`" + ` ]]"}]}}]
`

// What was rendered is told nowhere: not what is now, not what was before, and not what a management API repeats.
func TestRenderedValuesAreNeverTold(t *testing.T) {
	rotated := replaced(t, templatedYAML, firstValue, secondValue)
	withoutTemplates := replaced(t, templatedYAML, "value: \"[[ secret `creds/entry` ]]\"", "value: plain", "description: \"[[ secret `creds/entry` ]]\"", "description: plain",
		"[[ configmap `conf/note` ]]", "plain", "[[ secret `creds/entry` ]]", "plain")
	withoutPlan := replaced(t, templatedYAML, "  - {name: closed, description: \"[[ secret `creds/entry` ]]\", security: API_KEY}\n", "")
	shifted := replaced(t, rotated, "  flows:\n", "  flows:\n  - {name: first, path-operator: {path: /a, operator: STARTS_WITH}}\n")
	echo := func(s *scene) {
		s.refuse(func(sent map[string]any) string {
			return "can't take " + sent["description"].(string) + " and " + firstEndpoint(sent)
		})
	}
	cut := func(s *scene) {
		s.refuse(func(sent map[string]any) string {
			return strings.Repeat("no ", 96) + strings.TrimPrefix(firstEndpoint(sent), "http://orders.example/")
		})
	}
	cases := map[string]struct {
		why      string
		have     []string
		prepare  func(*scene)
		file     string
		verdict  plan.Verdict
		contains []string
	}{
		"created": {
			"all fields are told", []string{contextYAML}, nil, templatedYAML, plan.VerdictCreate,
			[]string{`"path":"description","after":"(hidden)"`, "X-Up"},
		},
		"a Secret that rotates": {
			"the old value is nowhere but in the management API", []string{contextYAML, templatedYAML}, nil, rotated, plan.VerdictUpdate,
			[]string{`"path":"flows[0].pre[0].configuration.addHeaders[0].value","before":"(hidden)","after":"(hidden, differs)"`},
		},
		"templates that go": {
			"the old value was rendered", []string{contextYAML, templatedYAML}, nil, withoutTemplates, plan.VerdictUpdate,
			[]string{`"path":"description","before":"(hidden)","after":"note plain"`},
		},
		"a Secret that goes with its templates": {
			"it can't be rendered any more", []string{contextYAML, templatedYAML}, func(s *scene) { s.remove("creds"); s.remove("conf") }, withoutTemplates, plan.VerdictUpdate, nil,
		},
		"an element that goes": {
			"it is told as a whole", []string{contextYAML, templatedYAML}, nil, withoutPlan, plan.VerdictUpdate, []string{`"path":"plans[closed]"`},
		},
		"an element that moves": {
			"its index is another one", []string{contextYAML, templatedYAML}, nil, shifted, plan.VerdictUpdate, nil,
		},
		"a person who copies": {
			"it may stand anywhere", []string{contextYAML, templatedYAML},
			func(s *scene) {
				s.edit(s.sim.APIs()[0], func(definition map[string]any) { definition["version"] = "v " + firstValue })
			}, templatedYAML, plan.VerdictUpdate, []string{`"path":"version","before":"v [redacted]"`},
		},
		"a refusal that repeats": {
			"the management API says what it was sent", []string{contextYAML}, echo, templatedYAML, plan.VerdictRefused, []string{"can't take [redacted] and [redacted]"},
		},
		"a refusal that is cut": {
			"a part of a value is one as well", []string{contextYAML}, cut, templatedYAML, plan.VerdictRefused, []string{"no no [redacted]…"},
		},
		"a refusal of a change": {
			"the same, for an API that is there", []string{contextYAML, templatedYAML}, echo, rotated, plan.VerdictRefused, []string{"can't take [redacted]"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.have(c.have...)
			if c.prepare != nil {
				c.prepare(s)
			}
			report := s.plans(s.options(c.file))
			o := object(t, report, "ns/orders")
			if o.Verdict != c.verdict {
				t.Errorf("%s, %+v: %s", o.Verdict, o.Fault, c.why)
			}
			text := documents(t, report)
			// All values begin with it.
			if at := strings.Index(text, "uniq"); at >= 0 {
				t.Errorf("a rendered value is told: %s\n…%s…", c.why, text[max(0, at-200):at+40])
			}
			compact, err := json.Marshal(report)
			if err != nil {
				t.Fatal(err)
			}
			for _, part := range c.contains {
				if !strings.Contains(string(compact), part) && !strings.Contains(text, part) {
					t.Errorf("%q is missing in:\n%s", part, compact)
				}
			}
		})
	}
}

// What the plan itself says of an API is cleaned as well.
func TestRenderedPathsAreNotTold(t *testing.T) {
	s := newScene(t)
	conf := "apiVersion: v1\nkind: ConfigMap\nmetadata: {namespace: ns, name: conf}\ndata: {path: " + mapValue + "}\n"
	pathed := replaced(t, ordersYAML, "{path: /orders}", "{path: \"/[[ configmap `conf/path` ]]\"}")
	report := s.plans(s.options(contextYAML, conf, pathed, replaced(t, pathed, "name: orders}", "name: twin}")))
	if o := object(t, report, "ns/twin"); o.Verdict != plan.VerdictRefused || o.Fault.Reason != plan.ReasonPathTwice {
		t.Fatalf("got %+v", o)
	}
	if text := documents(t, report); strings.Contains(text, mapValue) {
		t.Errorf("the path is told:\n%s", text)
	}
}

// refuse makes the management API refuse every dry run, with a message made of what was sent.
func (s *scene) refuse(message func(sent map[string]any) string) {
	simulated := s.wire.sim
	s.wire.sim = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.RequestURI(), "dryRun=true") {
			simulated.ServeHTTP(w, r)
			return
		}
		content, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]any{"http_status": http.StatusBadRequest, "message": message(decode(content))})
	})
}

func firstEndpoint(definition map[string]any) string {
	group := definition["proxy"].(map[string]any)["groups"].([]any)[0].(map[string]any)
	return group["endpoints"].([]any)[0].(map[string]any)["target"].(string)
}

// remove deletes a Secret or ConfigMap of that name without anybody noticing.
func (s *scene) remove(name string) {
	s.t.Helper()
	for _, object := range s.files(templatedYAML) {
		if object.GetName() == name {
			if err := s.client.Delete(s.t.Context(), object); err != nil {
				s.t.Fatal(err)
			}
		}
	}
}

// What a controller patches while it plans is rendered, and nobody may take it for the template.
func TestTemplatesStayTemplates(t *testing.T) {
	s := newScene(t)
	s.have(contextYAML, templatedYAML)
	var api v1alpha1.ApiDefinition
	if err := s.client.Get(t.Context(), client.ObjectKey{Namespace: "ns", Name: "orders"}, &api); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(api.Spec.Description, "[[") {
		t.Fatalf("the operator stored %q", api.Spec.Description)
	}
	if o := object(t, s.plans(s.options(templatedYAML)), "ns/orders"); o.Verdict != plan.VerdictNone {
		t.Errorf("at rest: %+v", o)
	}
}

// What a finding is for decides whether it is shown.
func TestFindingsOfConfigurations(t *testing.T) {
	s := newScene(t)
	limited := func(limit string) string {
		return replaced(t, ordersYAML, "spec:\n", `spec:
  flows:
  - name: all
    path-operator: {path: /, operator: STARTS_WITH}
    pre: [{name: l, policy: rate-limit, configuration: {rate: {limit: `+limit+`, periodTime: 1, periodTimeUnit: SECONDS}}}]
`)
	}
	fits := object(t, s.plans(s.options(contextYAML, limited("10"))), "ns/orders")
	if len(fits.Findings) > 0 {
		t.Errorf("that a configuration was looked at is for programs: %+v", fits.Findings)
	}
	wrong := object(t, s.plans(s.options(contextYAML, limited(`"many"`))), "ns/orders")
	if !slices.ContainsFunc(wrong.Findings, func(f plan.Finding) bool {
		return f.Reason == mapi.ReasonInvalidConfiguration && f.Severity == mapi.Refused.String()
	}) {
		t.Errorf("a configuration that doesn't fit is told: %+v", wrong)
	}
}
