// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package plan_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/apisync/apisync/internal/plan"
)

// specimen has every verdict, with everything that an object can have.
func specimen() plan.Report {
	long := strings.Repeat("All orders of the shop go through here. ", 6)
	object := func(name string, verdict plan.Verdict, reason string) plan.Object {
		return plan.Object{Kind: "ApiDefinition", Namespace: "shop", Name: name, InFiles: true, Verdict: verdict, Reason: reason}
	}
	created := object("created", plan.VerdictCreate, "it doesn't exist yet")
	created.Changes = []plan.Change{
		{Path: "crossId", After: "(known after apply)"}, {Path: "id", After: "(known after apply)"}, {Path: "name", After: "Created"},
		{Path: "plans[open].flows[0].name", After: "limits"}, {Path: "plans[open].security", After: "KEY_LESS"},
	}
	created.Findings = []plan.Finding{{Path: "plans[open].flows[0].pre[0].policy", Severity: "not served", Reason: "UnknownPolicy", Message: "The policy x isn't installed."}}
	updated := object("updated", plan.VerdictUpdate, "the wanted state changes")
	updated.Changes = []plan.Change{
		{Path: "description", Before: long + "Old", After: long + "New"},
		{Path: "labels[1]", After: "new"},
		{Path: "plans[open].type", Before: "API", After: "CATALOG", NotReadBack: true},
		{Path: "properties[db].value", Before: "(hidden)", After: "(hidden, differs)"},
		{Path: "proxy.groups[main]", Before: map[string]any{"name": "main", "endpoints": []any{strings.Repeat("x", 200)}}},
	}
	moved := object("moved", plan.VerdictMove, "it was published elsewhere before")
	moved.Writes = []plan.Write{
		{Operation: "delete", Context: "shop/old", BaseURL: "https://old.example", Scope: "environmentId=DEFAULT,organizationId=DEFAULT", ID: "1234"},
		{Operation: "create", Context: "shop/dev", BaseURL: "https://apim.example", Scope: "environmentId=DEV,organizationId=DEFAULT", ID: "1234"},
	}
	moved.Warnings = []string{"something\nis left   behind"}
	refused := object("refused", plan.VerdictRefused, "")
	refused.Fault = &plan.Fault{Kind: "terminal", Reason: "PathExists", Message: "the path /x is taken"}
	taken := object("taken", plan.VerdictTakeOver, `API "Taken" (77) is there already, with the same crossId c`)
	deleted := object("deleted", plan.VerdictDelete, "the resource isn't in the files any more")
	deleted.Writes = []plan.Write{{Operation: "delete", Context: "shop/dev", BaseURL: "https://apim.example", Scope: "environmentId=DEV,organizationId=DEFAULT", ID: "99"}}
	return plan.Report{
		Summary: plan.Summary{Create: 1, Update: 1, TakeOver: 1, Move: 1, Delete: 1, Unchanged: 1, Drift: 1, Waiting: 1, Refused: 1, Unknown: 1, UnusableContexts: 1},
		Contexts: []plan.Context{
			{Objects: []plan.Object{object("waiting", plan.VerdictWaiting, "")}},
			{
				Name: "shop/dev", Change: plan.ContextNew, BaseURL: "https://apim.example", Organization: "DEFAULT", Environment: "DEV", User: "bot",
				Objects: []plan.Object{
					created, deleted, object("drifted", plan.VerdictDrift, "it was edited elsewhere, and its drift policy leaves it so"),
					moved, refused, taken, object("unchanged", plan.VerdictNone, ""), updated,
				},
			},
			{
				Name: "shop/down", Change: plan.ContextChanged, BaseURL: "https://down.example", Organization: "DEFAULT", Environment: "DEV",
				Fault:   &plan.Fault{Kind: "transient", Reason: "Unreachable", Message: "connection refused"},
				Objects: []plan.Object{object("unknown", plan.VerdictUnknown, "its context shop/down can't be used")},
			},
		},
		Notes: []string{"ApiDefinition shop/gone isn't in the cluster"},
	}
}

// The files are what people see; a change of them is meant to be looked at. UPDATE_GOLDEN=1 writes them anew.
func TestText(t *testing.T) {
	cases := map[string]plan.TextOptions{
		"plain.txt":   {},
		"narrow.txt":  {Width: 60},
		"verbose.txt": {Verbose: true},
		"color.txt":   {Color: true},
	}
	for name, options := range cases {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := specimen().Text(&out, options); err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name)
			if os.Getenv("UPDATE_GOLDEN") != "" {
				if err := os.WriteFile(golden, out.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(string(want), out.String()); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEmptyPlan(t *testing.T) {
	var out bytes.Buffer
	if err := (plan.Report{}).Text(&out, plan.TextOptions{}); err != nil || out.String() != "Plan: nothing to do.\n" {
		t.Errorf("%v, %q", err, out.String())
	}
	if (plan.Report{}).ExitCode() != plan.ExitNothing {
		t.Error("nothing to do is no change")
	}
}

func TestExitCodes(t *testing.T) {
	cases := map[string]struct {
		summary plan.Summary
		want    int
	}{
		"unchanged":               {plan.Summary{Unchanged: 3}, plan.ExitNothing},
		"drift that is left":      {plan.Summary{Drift: 1}, plan.ExitNothing},
		"create":                  {plan.Summary{Create: 1, Unchanged: 1}, plan.ExitChanges},
		"update":                  {plan.Summary{Update: 1}, plan.ExitChanges},
		"take over":               {plan.Summary{TakeOver: 1}, plan.ExitChanges},
		"move":                    {plan.Summary{Move: 1}, plan.ExitChanges},
		"delete":                  {plan.Summary{Delete: 1}, plan.ExitChanges},
		"an error beside":         {plan.Summary{Create: 1, Refused: 1}, plan.ExitError},
		"waiting":                 {plan.Summary{Waiting: 1}, plan.ExitError},
		"unknown":                 {plan.Summary{Unknown: 1}, plan.ExitError},
		"a context can't be used": {plan.Summary{UnusableContexts: 1}, plan.ExitError},
	}
	for name, c := range cases {
		if got := (plan.Report{Summary: c.summary}).ExitCode(); got != c.want {
			t.Errorf("%s: exit code %d, want %d", name, got, c.want)
		}
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

// A plan that couldn't be written must not pass for one that was read.
func TestOutputThatCantBeWritten(t *testing.T) {
	report := specimen()
	for name, err := range map[string]error{
		"text": report.Text(brokenPipe{}, plan.TextOptions{}), "JSON": report.JSON(brokenPipe{}), "YAML": report.YAML(brokenPipe{}),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
