// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/manifest"
	"github.com/apisync/apisync/internal/mapi/gravitee"
	"github.com/apisync/apisync/internal/translate"
	"github.com/apisync/apisync/test/recorded"
)

func api(name, more string) string {
	return `apiVersion: gravitee.io/v1alpha1
kind: ApiDefinition
metadata:
  name: ` + name + `
spec:
  contextRef: {name: ctx}
  name: ` + name + `
  version: "1"
  description: d
  proxy:
    virtual_hosts: [{path: /` + name + `}]
    groups: [{endpoints: [{name: e, target: "https://host"}]}]
` + more
}

// output is what render prints.
type output struct {
	APIs []struct {
		Name, Source, Context string
		Requests              []struct {
			Method, Path string
			Body         map[string]any
		}
	}
}

func parse(t *testing.T, r result) output {
	t.Helper()
	var parsed output
	if err := recorded.DecodeJSON([]byte(r.out), &parsed); err != nil {
		t.Fatalf("%v in:\n%s\n%s", err, r.out, r.err)
	}
	return parsed
}

func TestRender(t *testing.T) {
	s := newStage(t)
	s.input = api("echo", "  plans: [{name: Free, description: d, security: KEY_LESS}]\n  pages: {home: {name: Home, type: MARKDOWN, content: hello}}\n")
	r := s.run("render", "-f", "-", "-o", "json", "--cluster-id", "east")
	r.check(t, 0, nil, nil)
	parsed := parse(t, r)
	if len(parsed.APIs) != 1 || parsed.APIs[0].Name != "default/echo" || parsed.APIs[0].Context != "default/ctx" || parsed.APIs[0].Source != "standard input:1" {
		t.Fatalf("rendered %+v", parsed)
	}
	sent := parsed.APIs[0].Requests[0]
	plan := sent.Body["plans"].([]any)[0].(map[string]any)
	page := sent.Body["pages"].(map[string]any)["home"].(map[string]any)
	got := map[string]any{
		"request": sent.Method + " " + sent.Path, "id": sent.Body["id"], "crossId": sent.Body["crossId"], "labels": sent.Body["labels"],
		"plan": []any{plan["id"], plan["crossId"], plan["name"]}, "page": []any{page["id"], page["api"], page["crossId"]},
	}
	want := map[string]any{
		"request": "PUT apis/import-crd?dryRun=false",
		// Only the cluster knows the uid, from which these follow.
		"id": "(known after apply)", "plan": []any{"(known after apply)", "(known after apply)", "Free"},
		"page":    []any{"(known after apply)", "(known after apply)", translate.Hash("default/echo/home")},
		"crossId": translate.Hash("default/echo"), "labels": []any{"apisync-cluster=east"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rendered (-want +got):\n%s", diff)
	}
}

func TestRenderNamespace(t *testing.T) {
	s := newStage(t)
	kubeconfig := newCluster(t).kubeconfig(t)
	s.input = api("echo", "")
	cases := map[string]struct {
		reason string
		args   []string
		want   string
	}{
		"none":              {"as kubectl", nil, "default/echo"},
		"of the kubeconfig": {"identities follow from it", []string{"--kubeconfig", kubeconfig}, "team/echo"},
		"of a context":      {"that was named", []string{"--kubeconfig", kubeconfig, "--context", "another"}, "elsewhere/echo"},
		"of a flag":         {"wins", []string{"--kubeconfig", kubeconfig, "-n", "mine"}, "mine/echo"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			parsed := parse(t, s.run(append([]string{"render", "-f", "-", "-o", "json"}, c.args...)...))
			if len(parsed.APIs) != 1 || parsed.APIs[0].Name != c.want {
				t.Errorf("%s: rendered %+v", c.reason, parsed.APIs)
			}
		})
	}
}

func TestRenderHidesSecrets(t *testing.T) {
	s := newStage(t)
	s.input = api("echo", `  properties: [{key: db, value: s3cr3t, encryptable: true}, {key: region, value: eu}]
  resources:
  - {name: oauth, type: oauth2, enabled: true, configuration: {clientId: me, clientSecret: s3cr3t, "introspectionEndpoint": "https://u:s3cr3t@idp"}}
  plans:
  - {name: JWT, description: d, security: JWT, securityDefinition: '{"signature":"HMAC_HS256","resolverParameter":"s3cr3t"}'}
`)
	for _, format := range []string{"yaml", "json"} {
		r := s.run("render", "-f", "-", "-o", format)
		r.check(t, 0, []string{"(hidden)", "region", "clientId"}, nil)
		if strings.Contains(r.out+r.err, "s3cr3t") {
			t.Errorf("a secret shows in\n%s%s", r.out, r.err)
		}
	}
}

func TestRenderTellsWhatItCannot(t *testing.T) {
	s := newStage(t)
	s.input = api("good", "") + "---\n" + strings.Replace(api("bad", ""), "contextRef: {name: ctx}", "local: true", 1) + "---\n" +
		api("odd", "") + "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\n"
	r := s.run("render", "-f", "-", "-o", "json")
	r.check(t, 1, []string{`"default/good"`, `"default/odd"`}, []string{
		"standard input:14: ApiDefinition default/bad: ", "spec.local", "Skipped what isn't for Apisync: ConfigMap other",
	})
	if strings.Contains(r.out, "default/bad") {
		t.Error("what is refused is rendered")
	}
	s.input = api("unclear", "  unknown: 1\n") + "---\napiVersion: gravitee.io/v1alpha1\nkind: ManagementContext\nmetadata: {name: ctx}\nspec: {baseUrl: 'http://h', type: kong}\n"
	s.run("render", "-f", "-").check(t, 1, nil, []string{"Warning: standard input:13 (document 1): ApiDefinition default/unclear: spec.unknown", `"kong"`, "gravitee"})
}

// TestRenderRecorded: what render prints of the recorded manifests is what goes over the wire, but for what is hidden and what only
// the cluster knows.
func TestRenderRecorded(t *testing.T) {
	var paths, args []string
	for _, one := range recorded.Cases(t) {
		path := filepath.Join("..", "..", "api", "v1alpha1", "testdata", "cases", one.Name, "input.yaml")
		paths, args = append(paths, path), append(args, "-f", path)
	}
	loaded, err := manifest.Load(t.Context(), manifest.Options{Paths: paths})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{}
	for _, object := range loaded.Objects() {
		if definition, ok := object.(*v1alpha1.ApiDefinition); ok && translate.Check(definition) == nil {
			want[translate.FullName(definition)] = wire(t, definition)
		}
	}
	if len(want) < 40 {
		t.Errorf("only %d recorded definitions are offered", len(want))
	}
	s := newStage(t)
	asJSON := s.run(append([]string{"render", "-o", "json"}, args...)...)
	asYAML := s.run(append([]string{"render"}, args...)...)
	if diff := cmp.Diff(decoded(t, asJSON.out), decoded(t, fromYAML(t, asYAML.out))); diff != "" {
		t.Errorf("as JSON (-) and as YAML (+):\n%s", diff)
	}
	for _, rendered := range parse(t, asJSON).APIs {
		if diff := cmp.Diff(want[rendered.Name], any(rendered.Requests[0].Body), cmp.FilterValues(isPlaceholder, cmp.Ignore())); diff != "" {
			t.Errorf("%s: sent (-) and rendered (+):\n%s", rendered.Name, diff)
		}
		delete(want, rendered.Name)
	}
	for name := range want {
		t.Errorf("%s isn't rendered", name)
	}
}

func decoded(t *testing.T, text string) (value any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	return value
}

func fromYAML(t *testing.T, text string) string {
	t.Helper()
	content, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return string(content)
}

// isPlaceholder is met by a value one side of which is hidden or not known; a JSON document in a string counts as one value.
func isPlaceholder(a, b any) bool {
	for _, side := range []any{a, b} {
		if text, _ := side.(string); text == "(known after apply)" || strings.Contains(text, "(hidden)") {
			return true
		}
	}
	return false
}

func wire(t *testing.T, definition *v1alpha1.ApiDefinition) any {
	t.Helper()
	id := translate.FirstID(definition)
	if id == "" {
		id = "some-id"
	}
	model, err := translate.API(definition, translate.Inputs{ID: id})
	if err != nil {
		t.Fatal(err)
	}
	payloads, err := gravitee.New(gravitee.Options{}).Render(model)
	if err != nil {
		t.Fatal(err)
	}
	content, err := json.Marshal(payloads[0].Body)
	if err != nil {
		t.Fatal(err)
	}
	var decoded any
	if err := recorded.DecodeJSON(content, &decoded); err != nil {
		t.Fatal(err)
	}
	return decoded
}
