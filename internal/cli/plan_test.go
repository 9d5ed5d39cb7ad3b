// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/apisync/apisync/internal/plan"
	"github.com/apisync/apisync/test/simulator"
)

const password = "s3cr3t-passw0rd"

// startManagementAPI serves a management API with one user, whose password must never show.
func startManagementAPI(t *testing.T) (*simulator.Simulator, string) {
	t.Helper()
	sim := simulator.New(simulator.Options{Users: []simulator.User{{Name: "admin", Password: password, Role: simulator.RoleAdmin}}})
	server, err := sim.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return sim, server.URL
}

func managementContext(namespace, url string) string {
	return `apiVersion: gravitee.io/v1alpha1
kind: ManagementContext
metadata: {name: ctx, namespace: ` + namespace + `, uid: context-uid}
spec:
  baseUrl: ` + url + `
  organizationId: DEFAULT
  environmentId: DEFAULT
  auth: {credentials: {username: admin, password: ` + password + `}}
`
}

func TestPlanWithoutCluster(t *testing.T) {
	s := newStage(t)
	sim, url := startManagementAPI(t)
	s.input = managementContext("default", url) + "---\n" + api("echo", "")
	r := s.run("plan", "-f", "-", "--no-cluster")
	r.check(t, 2, []string{"ManagementContext default/ctx", "ApiDefinition default/echo will be created"}, nil)
	if strings.Contains(r.out, "\x1b[") {
		t.Error("there are colours although nobody looks")
	}
	s.run("plan", "-f", "-", "--no-cluster", "--color", "always").check(t, 2, []string{"\x1b["}, nil)

	r = s.run("plan", "-f", "-", "--no-cluster", "-o", "json")
	var report plan.Report
	if err := json.Unmarshal([]byte(r.out), &report); err != nil || report.Summary.Create != 1 || r.code != 2 {
		t.Errorf("%d, %v in\n%s", r.code, err, r.out)
	}
	r = s.run("plan", "-f", "-", "--no-cluster", "-o", "yaml", "--no-dry-run", "-v")
	r.check(t, 2, []string{"kind: Plan", "create: 1"}, nil)
	if strings.Contains(r.out+r.err, password) {
		t.Error("the password shows")
	}
	if found := sim.APIs(); len(found) != 0 {
		t.Errorf("a plan wrote %d APIs", len(found))
	}
}

// A plan shows neither what templates render nor, unless it is told to take specs as they are, the templates.
func TestPlanTemplates(t *testing.T) {
	s := newStage(t)
	_, url := startManagementAPI(t)
	const value = "uniquely-opal-4711"
	s.input = managementContext("default", url) + "---\napiVersion: v1\nkind: Secret\nmetadata: {name: creds}\nstringData: {entry: " + value + "}\n---\n" +
		strings.Replace(api("echo", ""), "description: d", "description: '[[ secret \"creds/entry\" ]]'", 1)
	for _, format := range []string{"text", "json", "yaml"} {
		r := s.run("plan", "-f", "-", "--no-cluster", "-o", format)
		r.check(t, 2, []string{"(hidden)"}, nil)
		if strings.Contains(r.out+r.err, value) || strings.Contains(r.out, "creds/entry") {
			t.Errorf("as %s:\n%s%s", format, r.out, r.err)
		}
	}
	s.run("plan", "-f", "-", "--no-cluster", "--templating=false").check(t, 2, []string{"creds/entry"}, nil)
}

func TestPlanWhatCannotBeDone(t *testing.T) {
	s := newStage(t)
	_, url := startManagementAPI(t)
	s.input = managementContext("default", url) + "---\n" + strings.Replace(api("echo", ""), "contextRef: {name: ctx}", "contextRef: {name: none}", 1)
	s.run("plan", "-f", "-", "--no-cluster").check(t, 1, []string{"default/none"}, nil)

	s.input = managementContext("default", url) + "---\n" + api("echo", "  state: ON\n")
	s.run("plan", "-f", "-", "--no-cluster").check(t, 1, nil, []string{"standard input:22", "spec.state"})
}

func TestPlanWithACluster(t *testing.T) {
	s := newStage(t)
	_, url := startManagementAPI(t)
	c := newCluster(t)
	kubeconfig := "--kubeconfig=" + c.kubeconfig(t)
	c.add(t, "managementcontexts", managementContext("team", url))
	cases := map[string]struct {
		reason  string
		prepare func()
		args    []string
		code    int
		out     []string
		err     []string
	}{
		"the cluster's context": {
			reason: "the files needn't have it; the namespace is the kubeconfig's",
			args:   []string{"-f", "-"}, code: 2, out: []string{"ManagementContext team/ctx", "ApiDefinition team/echo will be created"},
		},
		"nothing in the cluster": {reason: "and no files", args: []string{"--all"}, code: 0},
		"no right to read the key of digests": {
			reason: "people seldom have it", prepare: func() { c.forbidden["secrets"] = true },
			args: []string{"-f", "-"}, code: 2, out: []string{"will be created"},
		},
		"no right to list": {
			reason: "without it nothing can be told", prepare: func() { c.forbidden["apidefinitions"] = true },
			args: []string{"-f", "-"}, code: 1, err: []string{"apidefinitions", "ask for the right"},
		},
		"no right to list what APIs refer to": {
			reason: "without it nothing can be told", prepare: func() { c.forbidden["groups"] = true },
			args: []string{"-f", "-"}, code: 1, err: []string{"groups.gravitee.io", "ask for the right"},
		},
		"no right to list ConfigMaps": {
			reason: "it is only about what is left of local APIs", prepare: func() { c.forbidden["configmaps"] = true },
			args: []string{"-f", "-"}, code: 2, out: []string{"will be created"},
		},
	}
	for name, k := range cases {
		t.Run(name, func(t *testing.T) {
			c.forbidden = map[string]bool{}
			if k.prepare != nil {
				k.prepare()
			}
			s.input = api("echo", "")
			s.run(append([]string{"plan", kubeconfig}, k.args...)...).check(t, k.code, k.out, k.err)
		})
	}
}
