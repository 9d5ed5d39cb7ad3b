// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func command(t *testing.T, invoked string, env map[string]string, path ...string) *cobra.Command {
	t.Helper()
	root := newCommand(invoked, func(name string) (string, bool) {
		value, ok := env[name]
		return value, ok
	})
	found, rest, err := root.Find(path)
	if err != nil || len(rest) > 0 {
		t.Fatalf("%v: %v, %v", path, rest, err)
	}
	return found
}

func flagsOf(command *cobra.Command) []string {
	var names []string
	command.LocalFlags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return names
}

// TestEachCommandHasItsOwnFlags: a flag that has no effect where it is offered misleads.
func TestEachCommandHasItsOwnFlags(t *testing.T) {
	http := []string{"http-insecure-skip-verify", "http-max-in-flight", "http-timeout", "http-trust-store"}
	cases := map[string]struct {
		path []string
		want []string
	}{
		"version": {[]string{"version"}, []string{"output"}},
		"render":  {[]string{"render"}, []string{"cluster-id", "context", "filename", "kubeconfig", "kustomize", "namespace", "output", "recursive", "templating"}},
		"plan": {[]string{"plan"}, append(http,
			"all", "cluster-id", "color", "concurrency", "context", "delete", "filename", "kubeconfig", "kustomize", "namespace", "namespaces", "no-cluster", "no-dry-run",
			"operator-namespace", "output", "prune", "recursive", "selector", "templating", "verbose")},
		"orphans": {[]string{"orphans"}, append(http,
			"cluster-id", "concurrency", "context", "delete", "kubeconfig", "namespace", "output", "templating", "unproven", "yes")},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			slices.Sort(c.want)
			if diff := cmp.Diff(c.want, flagsOf(command(t, "apisync", nil, c.path...))); diff != "" {
				t.Errorf("flags (-want +got):\n%s", diff)
			}
		})
	}
	operator := flagsOf(command(t, "apisync", nil))
	for _, flag := range []string{"kubeconfig", "drift-period", "leader-elect", "metrics", "namespaces"} {
		if !slices.Contains(operator, flag) {
			t.Errorf("the operator lost --%s", flag)
		}
	}
	for _, flag := range []string{"filename", "context", "output", "namespace"} {
		if slices.Contains(operator, flag) {
			t.Errorf("the operator has --%s", flag)
		}
	}
}

// TestThePluginIsNoOperator: somebody who types "kubectl apisync" to see what it can do must not start one.
func TestThePluginIsNoOperator(t *testing.T) {
	if flags := flagsOf(command(t, "/bin/kubectl-apisync", nil)); len(flags) > 0 {
		t.Errorf("it has the flags %v", flags)
	}
}

func TestVariablesAreDefaultsOfSubCommandsToo(t *testing.T) {
	plan := command(t, "apisync", map[string]string{
		"CLUSTER_ID": "east", "HTTP_CLIENT_TIMEOUT_SECONDS": "9", "HTTP_CLIENT_INSECURE_SKIP_CERT_VERIFY": "true", "NAMESPACE": "a,b", "POD_NAMESPACE": "ops",
	}, "plan")
	got := map[string]string{}
	for _, name := range []string{"cluster-id", "http-timeout", "http-insecure-skip-verify", "namespaces", "operator-namespace"} {
		got[name] = plan.Flag(name).DefValue
	}
	want := map[string]string{"cluster-id": "east", "http-timeout": "9s", "http-insecure-skip-verify": "true", "namespaces": "a,b", "operator-namespace": "ops"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
}

func TestProblemsOfSharedSettings(t *testing.T) {
	env := func(values map[string]string) lookup {
		return func(name string) (string, bool) {
			value, ok := values[name]
			return value, ok
		}
	}
	set := pflag.NewFlagSet("x", pflag.ContinueOnError)
	if _, err := clusterIDOption(set, env(map[string]string{"CLUSTER_ID": "East Coast"}))(); err == nil {
		t.Error("a cluster id that the operator refuses is accepted")
	}
	for name, value := range map[string]string{
		"HTTP_CLIENT_TIMEOUT_SECONDS": "soon", "HTTP_CLIENT_PROXY_ENABLED": "true", "HTTP_CLIENT_TRUSTSTORE_PATH": "/no/where",
	} {
		if _, err := reachOptions(pflag.NewFlagSet("x", pflag.ContinueOnError), env(map[string]string{name: value}))(); err == nil {
			t.Errorf("%s=%s is accepted", name, value)
		}
	}
	reach, err := reachOptions(pflag.NewFlagSet("x", pflag.ContinueOnError), env(nil))()
	if err != nil || reach.Transport("ctx") == nil || len(reach.Registry) == 0 {
		t.Errorf("by default: %+v, %v", reach, err)
	}
	if scope := scopeOptions(pflag.NewFlagSet("x", pflag.ContinueOnError), env(map[string]string{"NAMESPACE": "a, b"}))(); !slices.Equal(scope.Namespaces, []string{"a", "b"}) {
		t.Errorf("scope = %+v", scope)
	}
}
