// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/cli"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/mapi/gravitee"
)

// result is what a command said and how it ended.
type result struct {
	out, err string
	code     int
}

// stage is where commands run in a test: without the kubeconfig of the person who runs it.
type stage struct {
	t       *testing.T
	invoked string
	input   string
	env     map[string]string
}

func newStage(t *testing.T) *stage {
	t.Helper()
	t.Setenv("HOME", t.TempDir())
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	return &stage{t: t, invoked: "/usr/bin/apisync", env: map[string]string{}}
}

func (s *stage) run(args ...string) result {
	s.t.Helper()
	var out, errs bytes.Buffer
	registry := mapi.Registry{mapi.DefaultType: gravitee.New(gravitee.Options{})}
	command := cli.New(cli.Program{
		Invoked: s.invoked, Version: "v1.2.3", In: strings.NewReader(s.input), Out: &out, Err: &errs,
		Env: func(name string) (string, bool) {
			value, ok := s.env[name]
			return value, ok
		},
		Scheme: scheme, Registry: registry,
		ClusterID: func(set *pflag.FlagSet) func() (string, error) {
			id := set.String("cluster-id", "", "")
			return func() (string, error) { return *id, nil }
		},
		Templating: func(set *pflag.FlagSet) func() (bool, error) {
			on := set.Bool("templating", true, "")
			return func() (bool, error) { return *on, nil }
		},
		Reach: func(*pflag.FlagSet) func() (cli.Reach, error) {
			return func() (cli.Reach, error) {
				return cli.Reach{Registry: registry, Transport: func(string) http.RoundTripper { return http.DefaultTransport }}, nil
			}
		},
		Scope: func(*pflag.FlagSet) func() cli.Scope {
			return func() cli.Scope { return cli.Scope{OperatorNamespace: "operators"} }
		},
	})
	command.SetArgs(args)
	err := command.ExecuteContext(s.t.Context())
	return result{code: cli.Exit(err, &errs), out: out.String(), err: errs.String()}
}

func scheme() *runtime.Scheme {
	s := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(s))
	utilruntime.Must(v1alpha1.AddToScheme(s))
	return s
}

func (r result) check(t *testing.T, code int, out, err []string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d", r.code, code)
	}
	for _, part := range out {
		if !strings.Contains(r.out, part) {
			t.Errorf("%q isn't in the output", part)
		}
	}
	for _, part := range err {
		if !strings.Contains(r.err, part) {
			t.Errorf("%q isn't on standard error", part)
		}
	}
	if t.Failed() {
		t.Logf("output:\n%s\nstandard error:\n%s", r.out, r.err)
	}
}

func TestExitCodes(t *testing.T) {
	cases := map[string]struct {
		err  error
		code int
		said string
	}{
		"done":             {nil, 0, ""},
		"changes":          {cli.ExitCode(2), 2, ""},
		"changes, wrapped": {fmt.Errorf("x: %w", cli.ExitCode(2)), 2, ""},
		"an error":         {errors.New("no such thing"), 1, "apisync: no such thing\n"},
		"an error as well": {errors.Join(cli.ExitCode(1), errors.New("y")), 1, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if got := cli.Exit(c.err, &out); got != c.code || out.String() != c.said {
				t.Errorf("got %d and %q, want %d and %q", got, out.String(), c.code, c.said)
			}
		})
	}
}

func TestVersion(t *testing.T) {
	s := newStage(t)
	s.run("version").check(t, 0, []string{"apisync v1.2.3 (go"}, nil)
	var got map[string]string
	r := s.run("version", "-o", "json")
	if err := json.Unmarshal([]byte(r.out), &got); err != nil || got["version"] != "v1.2.3" || got["platform"] == "" {
		t.Errorf("%v in %s", err, r.out)
	}
	s.run("version", "-o", "xml").check(t, 1, nil, []string{"--output", `"xml"`, "text or json or yaml"})
}

func TestMistakesOnTheCommandLine(t *testing.T) {
	cases := map[string]struct {
		args []string
		want []string
	}{
		"an unknown command":  {[]string{"plna"}, []string{`unknown command "plna"`}},
		"an unknown flag":     {[]string{"plan", "--nope"}, []string{"unknown flag: --nope", "apisync plan --help"}},
		"an argument":         {[]string{"render", "x.yaml"}, []string{"x.yaml"}},
		"nothing to render":   {[]string{"render"}, []string{"-f", "-k"}},
		"nothing to plan":     {[]string{"plan"}, []string{"nothing to plan", "-f or -k", "--all"}},
		"a colour":            {[]string{"plan", "--color=blue", "--all"}, []string{"--color", "blue", "auto, always or never"}},
		"pruning all":         {[]string{"plan", "--prune", "-l", " ", "-f", "x"}, []string{"--selector is empty"}},
		"pruning without":     {[]string{"plan", "--prune", "-f", "x"}, []string{"selector"}},
		"a bad selector":      {[]string{"plan", "--prune", "-l", "a=b=c", "-f", "x"}, []string{"--selector", "a=b=c"}},
		"prune and delete":    {[]string{"plan", "--prune", "-l", "a=b", "--delete", "-f", "x"}, []string{"delete", "prune"}},
		"delete from nothing": {[]string{"plan", "--delete", "--no-cluster", "-f", "x"}, []string{"no-cluster", "delete"}},
		"no such file":        {[]string{"render", "-f", "/no/where"}, []string{"-f /no/where", "no such file"}},
		"no cluster":          {[]string{"plan", "--all"}, []string{"KUBECONFIG", "--no-cluster"}},
		"no such kubeconfig":  {[]string{"plan", "--all", "--kubeconfig=/no/where"}, []string{"/no/where"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			newStage(t).run(c.args...).check(t, 1, nil, c.want)
		})
	}
}

func TestPlugin(t *testing.T) {
	s := newStage(t)
	for _, invoked := range []string{"/usr/local/bin/kubectl-apisync", "kubectl-apisync.exe"} {
		s.invoked = invoked
		s.run("plan", "--help").check(t, 0, []string{"kubectl apisync plan (-f FILE"}, nil)
		s.run("plan", "--nope").check(t, 1, nil, []string{"see kubectl apisync plan --help"})
		s.run().check(t, 0, []string{"kubectl apisync [command]"}, nil)
	}
	s.invoked = "./apisync"
	s.run("plan", "--help").check(t, 0, []string{"  apisync plan (-f FILE"}, nil)
}

func TestCompletion(t *testing.T) {
	s := newStage(t)
	for shell, part := range map[string]string{"bash": "__start_apisync", "zsh": "#compdef apisync", "fish": "complete -c apisync", "powershell": "Register-ArgumentCompleter"} {
		s.run("completion", shell).check(t, 0, []string{part}, nil)
	}
	server := newCluster(t)
	kubeconfig := server.kubeconfig(t)
	cases := map[string]struct{ args, want []string }{
		"commands":   {[]string{""}, []string{"orphans", "plan", "render", "version"}},
		"formats":    {[]string{"plan", "-o", ""}, []string{"text", "json", "yaml"}},
		"colours":    {[]string{"plan", "--color", ""}, []string{"auto", "always", "never"}},
		"contexts":   {[]string{"plan", "--kubeconfig", kubeconfig, "--context", ""}, []string{"another", "test"}},
		"namespaces": {[]string{"plan", "--kubeconfig", kubeconfig, "-n", ""}, []string{"orders", "payments"}},
		"manifests":  {[]string{"plan", "-f", ""}, []string{"yaml", "yml", "json"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := s.run(append([]string{"__complete"}, c.args...)...)
			var offered []string
			for line := range strings.Lines(r.out) {
				if word, _, _ := strings.Cut(strings.TrimSpace(line), "\t"); word != "help" && word != "completion" && !strings.HasPrefix(word, ":") {
					offered = append(offered, word)
				}
			}
			if diff := cmp.Diff(c.want, offered); diff != "" {
				t.Errorf("offered (-want +got):\n%s\n%s", diff, r.err)
			}
		})
	}
}
