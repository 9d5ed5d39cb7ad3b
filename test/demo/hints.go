// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// hint is a kubectl command worth trying, and what for.
type hint struct {
	cluster *cluster
	args    []string
	why     string
}

// looking are the commands that change nothing.
func (d *demo) looking() []hint {
	return []hint{
		{d.east, []string{"get", "apidefinitions,managementcontexts", "-A"}, "what is there"},
		{d.east, []string{"describe", "apidefinition", changed, "-n", samplesNamespace}, "conditions and events of one"},
		{d.east, []string{"explain", "apidefinition.spec.plans"}, "what can be said"},
		{d.west, []string{"get", "apidefinition", changed, "-n", samplesNamespace, "-o", "yaml"}, "the conflict, in west"},
	}
}

// changing are those that change something.
func (d *demo) changing() []hint {
	stop := []string{"patch", "apidefinition", "catalog-dev", "-n", samplesNamespace, "--type=merge", "-p", `{"spec":{"state":"STOPPED"}}`}
	return []hint{
		{d.east, []string{"edit", "apidefinition", changed, "-n", samplesNamespace}, "change it, then call it"},
		{d.east, stop, "stop one: its gateway answers 404"},
		{d.east, []string{"delete", "apidefinition", "catalog-dev", "-n", samplesNamespace}, "its API goes with it"},
		{d.west, []string{"delete", "apidefinition", changed, "-n", samplesNamespace}, "nothing goes with this one: the API is east's"},
	}
}

// tryHints shows that the commands that are told work.
func (d *demo) tryHints(ctx context.Context) error {
	for _, h := range d.looking() {
		said, err := h.cluster.Plane.Kubectl(ctx, h.args...)
		if err != nil {
			return err
		}
		lines := strings.Count(said, "\n")
		if lines == 0 {
			return fmt.Errorf("kubectl %s says nothing", quote(h.args))
		}
		d.screen.note("%s %s", d.screen.paint(accent, "$ kubectl "+quote(h.args)), d.screen.paint(faint, fmt.Sprintf("(in %s, %d lines)", h.cluster.name, lines)))
	}
	return nil
}

// hints tells what can be done while the demo stays up.
func (d *demo) hints() {
	s := d.screen
	s.line("\n%s", s.paint(bold, "Everything stays up until Ctrl-C. In another terminal:"))
	s.line("")
	s.note("export KUBECONFIG=%s", d.east.kubeconfig)
	if _, err := exec.LookPath("kubectl"); err != nil {
		s.note("alias kubectl=%s", d.programs.Kubectl)
	}
	s.line("")
	for _, h := range append(d.looking(), d.changing()...) {
		command := "kubectl " + quote(h.args)
		if h.cluster == d.west {
			command = "KUBECONFIG=" + d.west.kubeconfig + " " + command
		}
		s.note("%s\n%s", s.paint(faint, "# "+h.why), command)
	}
	d.more()
}

// more tells addresses, the way to edit by hand, and logs.
func (d *demo) more() {
	s := d.screen
	edit := fmt.Sprintf("curl -X PATCH %s/_simulator/apis/ID -d '{\"description\": \"by hand\"}'", d.central.url)
	s.note("%s\n%s", s.paint(faint, "# edit an API by hand, ID as in status.id; it is corrected within "+driftPeriod.String()), edit)
	s.note("%s\n%s", s.paint(faint, "# what the operators asked of the management API"), "curl "+d.central.url+"/_simulator/requests")
	s.line("")
	for _, c := range []*cluster{d.east, d.west} {
		s.note("Log of the operator in %s: %s", c.name, c.operator.LogPath)
	}
	for _, i := range d.installations() {
		s.note("Management API %s: %s, user %s, password %s", i.name, i.url, i.user, i.password)
	}
}
