// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/yaml"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/gather"
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
		ConfigMap *struct {
			Name       string
			Definition map[string]any
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

// What was rendered shows nowhere, whether its name gives it away or not.
func TestRenderTemplates(t *testing.T) {
	const secretValue, mapValue = "uniquely-opal-4711", "uniquely-onyx-2342"
	secret := "---\napiVersion: v1\nkind: Secret\nmetadata: {name: creds}\nstringData: {entry: " + secretValue + "}\n"
	configMap := "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: conf}\ndata: {note: " + mapValue + "}\n"
	resource := `---
apiVersion: gravitee.io/v1alpha1
kind: ApiResource
metadata: {name: store}
spec: {name: store, type: cache, enabled: true, configuration: {size: "[[ configmap ` + "`conf/note`" + ` ]]", name: store}}
`
	templated := strings.Replace(api("echo", `  resources: [{ref: {name: store}}]
  groupRefs: [{name: crew}]
  plans: [{name: Free, description: "free [[ configmap `+"`conf/note`"+` ]]", security: KEY_LESS}]
`), `"https://host"`, `"https://host/[[ secret `+"`creds/entry`"+` ]]"`, 1)
	group := "---\napiVersion: gravitee.io/v1alpha1\nkind: Group\nmetadata: {name: crew}\nspec: {name: The Crew, members: []}\n"
	s := newStage(t)
	for _, format := range []string{"yaml", "json"} {
		s.input = templated + secret + configMap + resource + group
		r := s.run("render", "-f", "-", "-o", format)
		r.check(t, 0, []string{"(hidden)", "The Crew", "store"}, nil)
		if out := r.out + r.err; strings.Contains(out, secretValue) || strings.Contains(out, mapValue) || strings.Contains(out, "[[") {
			t.Errorf("what was rendered, or its template, shows:\n%s", out)
		}
	}
	body := parse(t, s.run("render", "-f", "-", "-o", "json")).APIs[0].Requests[0].Body
	resources := body["resources"].([]any)[0].(map[string]any)["configuration"]
	if diff := cmp.Diff(map[string]any{"size": "(hidden)", "name": "store"}, resources); diff != "" {
		t.Errorf("only what is rendered is hidden (-want +got):\n%s", diff)
	}

	for missing, input := range map[string]string{
		"Secret default/creds":      templated + configMap + resource + group,
		"ConfigMap default/conf":    templated + secret + resource + group,
		"ApiResource default/store": templated + secret + configMap + group,
		"Group default/crew":        templated + secret + configMap + resource,
	} {
		s.input = input
		s.run("render", "-f", "-").check(t, 1, []string{"apis: []"}, []string{missing, "it isn't in the files; add the file that has it"})
	}
	s.input = templated + resource + group
	s.run("render", "-f", "-", "--templating=false").check(t, 0, []string{"https://host/[[ secret `creds/entry` ]]"}, nil)
}

func TestRenderLocalAPIs(t *testing.T) {
	s := newStage(t)
	s.input = strings.Replace(api("alone", ""), "contextRef: {name: ctx}", "local: true", 1) + "---\n" + api("both", "  local: true\n") + "---\n" +
		api("stopped", "  local: true\n  state: STOPPED\n") + "---\n" + api("remote", "")
	r := s.run("render", "-f", "-", "-o", "json")
	r.check(t, 0, nil, nil)
	type shape struct {
		Context   string
		Requests  int
		ConfigMap string
	}
	got := map[string]shape{}
	for _, one := range parse(t, r).APIs {
		found := shape{Context: one.Context, Requests: len(one.Requests)}
		if one.ConfigMap != nil {
			found.ConfigMap = one.ConfigMap.Name
			if one.ConfigMap.Definition["id"] != "(known after apply)" || one.ConfigMap.Definition["local"] != true {
				t.Errorf("%s: gateways would read %v", one.Name, one.ConfigMap.Definition)
			}
		}
		got[one.Name] = found
	}
	want := map[string]shape{
		"default/alone":   {"", 0, "default/alone"},
		"default/both":    {"default/ctx", 1, "default/both"},
		"default/stopped": {"default/ctx", 1, ""},
		"default/remote":  {"default/ctx", 1, ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRenderTellsWhatItCannot(t *testing.T) {
	s := newStage(t)
	s.input = api("good", "") + "---\n" + strings.Replace(api("bad", ""), "contextRef: {name: ctx}", "local: false", 1) + "---\n" +
		api("odd", "") + "---\napiVersion: v1\nkind: Service\nmetadata: {name: other}\n"
	r := s.run("render", "-f", "-", "-o", "json")
	r.check(t, 1, []string{`"default/good"`, `"default/odd"`}, []string{
		"standard input:14: ApiDefinition default/bad: ", "spec.contextRef is missing", "Skipped what isn't for Apisync: Service other",
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
	cluster := fake.NewClientBuilder().WithScheme(scheme()).WithObjects(loaded.Objects()...).Build()
	sources := gather.Sources{Reader: cluster, Live: cluster, Templating: true}
	want := map[string]any{}
	for _, object := range loaded.Objects() {
		definition, ok := object.(*v1alpha1.ApiDefinition)
		if !ok || translate.Check(definition) != nil || definition.Spec.ContextRef == nil {
			continue
		}
		if found, err := sources.API(t.Context(), definition); err == nil && len(found.MissingGroups) == 0 {
			want[translate.FullName(definition)] = wire(t, found.Object)
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
		if rendered.Context == "" {
			if len(rendered.Requests) > 0 || rendered.ConfigMap == nil {
				t.Errorf("%s is only for the gateways of the cluster: %+v", rendered.Name, rendered)
			}
			continue
		}
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
