// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/apisync/apisync/api/v1alpha1"
)

func testLocal() local {
	return local{
		central:  access{url: "http://127.0.0.1:1", user: "central-user", password: "central-password", token: "central-token"},
		partner:  access{url: "http://127.0.0.1:2", user: "partner-user", password: "partner-password", token: "partner-token"},
		upstream: "http://127.0.0.1:3",
	}
}

// TestNothingLeavesThisMachine guards the promise that the demo speaks to the loopback interface only, whatever is
// added to samples/.
func TestNothingLeavesThisMachine(t *testing.T) {
	urls := regexp.MustCompile(`https?://[^"\s]+`)
	for _, manifest := range []string{"partner.yaml", "west.yaml"} {
		samples, own, err := load(testLocal(), manifest)
		if err != nil {
			t.Fatal(err)
		}
		if len(samples) == 0 || len(own) == 0 {
			t.Fatalf("loaded %d samples and %d objects of %s; both are needed", len(samples), len(own), manifest)
		}
		for _, object := range append(samples, own...) {
			content, err := json.Marshal(object.Object)
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range urls.FindAllString(string(content), -1) {
				address, err := url.Parse(found)
				if err != nil || address.Hostname() != "127.0.0.1" {
					t.Errorf("%s %s leads to %s", object.GetKind(), object.GetName(), found)
				}
			}
		}
	}
}

func TestLocalise(t *testing.T) {
	cases := map[string]struct {
		reason      string
		given, want map[string]any
	}{
		"ContextWithPassword": {
			reason: "what a sample has in clear is replaced",
			given: contextObject("apisync-samples", map[string]any{
				"credentials": map[string]any{"username": "admin", "password": "admin"},
			}, "http://gravitee.example:83"),
			want: contextObject("apisync-samples", map[string]any{
				"credentials": map[string]any{"username": "central-user", "password": "central-password"},
			}, "http://127.0.0.1:1"),
		},
		"ContextWithSecretRef": {
			reason: "no credentials are added where a Secret has them; the namespace tells the installation",
			given:  contextObject("apisync-partner", map[string]any{"secretRef": map[string]any{"name": "s"}}, "http://gravitee.example:83"),
			want:   contextObject("apisync-partner", map[string]any{"secretRef": map[string]any{"name": "s"}}, "http://127.0.0.1:2"),
		},
		"SecretWithToken": {
			reason: "only the keys that are there are replaced: a user name beside a token would be another kind of login",
			given:  secretObject("apisync-partner", map[string]any{"bearerToken": "x"}),
			want:   secretObject("apisync-partner", map[string]any{"bearerToken": "partner-token"}),
		},
		"SecretWithPassword": {
			reason: "samples/ keeps a user name and a password",
			given:  secretObject("apisync-samples", map[string]any{"username": "admin", "password": "admin"}),
			want:   secretObject("apisync-samples", map[string]any{"username": "central-user", "password": "central-password"}),
		},
		"Namespace": {
			reason: "anything else stays as it is",
			given:  map[string]any{"kind": "Namespace", "metadata": map[string]any{"name": "n"}},
			want:   map[string]any{"kind": "Namespace", "metadata": map[string]any{"name": "n"}},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			object := &unstructured.Unstructured{Object: c.given}
			if err := localise(object, testLocal()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, object.Object); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.reason, diff)
			}
		})
	}
}

func contextObject(namespace string, auth map[string]any, url string) map[string]any {
	return map[string]any{
		"kind":     "ManagementContext",
		"metadata": map[string]any{"namespace": namespace},
		"spec":     map[string]any{"baseUrl": url, "auth": auth},
	}
}

func secretObject(namespace string, data map[string]any) map[string]any {
	return map[string]any{"kind": "Secret", "metadata": map[string]any{"namespace": namespace}, "stringData": data}
}

func TestExpected(t *testing.T) {
	keyless, key := v1alpha1.Plan{Security: "KEY_LESS"}, v1alpha1.Plan{Security: "API_KEY"}
	cases := map[string]struct {
		why  string
		spec v1alpha1.ApiDefinitionSpec
		want int
	}{
		"Open":    {"one plan without a key lets everybody in", v1alpha1.ApiDefinitionSpec{Plans: []v1alpha1.Plan{key, keyless}}, 200},
		"Closed":  {"without one nobody gets in who has no key", v1alpha1.ApiDefinitionSpec{Plans: []v1alpha1.Plan{key}}, 401},
		"Stopped": {"a stopped API isn't known to a gateway, whatever its plans are", v1alpha1.ApiDefinitionSpec{State: v1alpha1.StateStopped, Plans: []v1alpha1.Plan{keyless}}, 404},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, _ := published{api: v1alpha1.ApiDefinition{Spec: c.spec}}.expected()
			if got != c.want {
				t.Errorf("got %d, want %d: %s", got, c.want, c.why)
			}
		})
	}
}

// TestScreenElsewhere is about output that goes to a file or a pipe.
func TestScreenElsewhere(t *testing.T) {
	var out strings.Builder
	s := newScreen(&out, func(name string) (string, bool) { return map[string]string{"TERM": "xterm"}[name], true })
	s.steps = 2
	s.heading("First")
	refused := errors.New("refused")
	if err := s.during("quick", func(tell func(string)) error { tell("detail"); return nil }); err != nil {
		t.Errorf("during returned %v, the work had no error", err)
	}
	if err := s.during("failing", func(func(string)) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("during returned %v, want the error of the work", err)
	}
	s.note("two\nlines")
	got := regexp.MustCompile(`\([\d.]+s\)`).ReplaceAllString(out.String(), "(T)")
	want := "\n 1/2 First\n     ✓ quick (T)\n     ✗ failing (T)\n     two\n     lines\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what isn't a terminal gets no colours, no moving lines, and nothing about work that was quick (-want +got):\n%s", diff)
	}
}

func TestTable(t *testing.T) {
	s := newScreen(&strings.Builder{}, func(string) (string, bool) { return "", false })
	got := table(s, [][]string{{"A", "B"}, {"long one", "x"}, {"", "y"}})
	want := "A         B\nlong one  x\n          y\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("columns are aligned (-want +got):\n%s", diff)
	}
	s.width = len(indent) + len("long one  x")
	if !s.fits(got) {
		t.Error("a table as wide as the terminal fits")
	}
	s.width--
	if s.fits(got) {
		t.Error("a table that is wider than the terminal doesn't fit")
	}
}

func TestQuote(t *testing.T) {
	got := quote([]string{"get", "x", "-p", `{"a": 1}`})
	if want := `get x -p '{"a": 1}'`; got != want {
		t.Errorf("got %s, want %s: the command is to be copied into a shell", got, want)
	}
}

func TestAwait(t *testing.T) {
	refused := errors.New("refused")
	cases := map[string]struct {
		reason      string
		interrupted bool
		answers     []string
		failing     error
		want        error
		asked       int
	}{
		"There":       {"nothing missing is success at once", false, []string{""}, nil, nil, 1},
		"Later":       {"it is asked until nothing is missing", false, []string{"a", "b", ""}, nil, nil, 3},
		"Error":       {"an error can't get better by waiting", false, []string{"a"}, refused, refused, 1},
		"Interrupted": {"Ctrl-C ends the waiting, and isn't told as a failure of the step", true, []string{"a"}, nil, context.Canceled, 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			d := &demo{screen: newScreen(&strings.Builder{}, func(string) (string, bool) { return "", false })}
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			if c.interrupted {
				interrupt()
			}
			asked := 0
			err := d.await(ctx, name, func(context.Context) (string, error) {
				asked++
				return c.answers[min(asked, len(c.answers))-1], c.failing
			})
			if !errors.Is(err, c.want) || asked != c.asked {
				t.Errorf("got %v after %d questions, want %v after %d: %s", err, asked, c.want, c.asked, c.reason)
			}
		})
	}
}
