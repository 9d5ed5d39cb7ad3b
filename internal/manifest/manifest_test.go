// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package manifest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/manifest"
	"github.com/apisync/apisync/test/recorded"
)

// api is a manifest without mistakes.
func api(name string) string {
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
    virtual_hosts: [{path: /x}]
    groups: [{endpoints: [{name: e, target: "https://host"}]}]
`
}

func secretOf(name, rest string) string {
	return "apiVersion: v1\nkind: Secret\nmetadata: {name: " + name + "}\n" + rest
}

func configMapOf(name, rest string) string {
	return strings.Replace(secretOf(name, rest), "kind: Secret", "kind: ConfigMap", 1)
}

// prepared makes the schemas once: under the race detector that takes a second.
var prepared = sync.OnceValues(manifest.NewSchemas)

// fromInput loads what standard input holds.
func fromInput(t *testing.T, content string, change ...func(*manifest.Options)) (manifest.Loaded, error) {
	t.Helper()
	schemas, err := prepared()
	if err != nil {
		t.Fatal(err)
	}
	options := manifest.Options{Paths: []string{"-"}, Input: strings.NewReader(content), Schemas: schemas}
	for _, c := range change {
		c(&options)
	}
	return manifest.Load(t.Context(), options)
}

// names are kind, namespace/name and place of what was loaded, and what was skipped.
func names(loaded manifest.Loaded) []string {
	var found []string
	for _, resource := range loaded.Resources {
		found = append(found, fmt.Sprintf("%s %s/%s at %s", kindOf(resource.Object), resource.Object.GetNamespace(), resource.Object.GetName(), shortened(resource.Source)))
	}
	for _, one := range loaded.Skipped {
		found = append(found, fmt.Sprintf("skipped %s %s/%s at %s", one.Kind, one.Namespace, one.Name, shortened(one.Source)))
	}
	return found
}

func shortened(source manifest.Source) string {
	source.File = filepath.Base(source.File)
	return strings.TrimPrefix(source.String(), "standard input:")
}

func TestDocuments(t *testing.T) {
	cases := map[string]struct {
		reason, content string
		want            []string
	}{
		"several": {
			reason:  "documents end at markers, and lines are counted from the begin of the file",
			content: "# first\n---\n" + secretOf("a", "") + "---\n# nothing\n---\n\n" + secretOf("b", "") + "--- # the last\n" + secretOf("c", ""),
			want:    []string{"Secret default/a at 3", "Secret default/b at 10", "Secret default/c at 14"},
		},
		"an end marker": {
			reason:  "a document may end by itself",
			content: secretOf("a", "") + "...\n" + secretOf("b", "") + "...\n",
			want:    []string{"Secret default/a at 1", "Secret default/b at 5"},
		},
		"a document behind its marker": {
			reason:  "YAML allows it, and a splitter that doesn't know it loses it",
			content: secretOf("a", "") + "--- {apiVersion: v1, kind: Secret, metadata: {name: b}}\n",
			want:    []string{"Secret default/a at 1", "Secret default/b at 4"},
		},
		"a directive": {
			reason:  "it belongs to the document behind it",
			content: "%YAML 1.1\n---\n" + secretOf("a", ""),
			want:    []string{"Secret default/a at 3"},
		},
		"line ends of Windows, and a byte order mark": {
			reason:  "editors write them",
			content: "\xef\xbb\xbf" + strings.ReplaceAll(secretOf("a", "")+"---\n"+secretOf("b", ""), "\n", "\r\n"),
			want:    []string{"Secret default/a at 1", "Secret default/b at 5"},
		},
		"a marker inside a text": {
			reason:  "only a marker at the begin of a line is one",
			content: secretOf("a", "stringData:\n  x: |\n    ---\n    y\n  z: '--- '\n"),
			want:    []string{"Secret default/a at 1"},
		},
		"JSON": {
			reason: "values follow each other without a marker, and tabs indent them",
			content: "{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"Secret\", \"metadata\": {\"name\": \"a\"}\n}\n" +
				`{"apiVersion":"v1","kind":"Secret","metadata":{"name":"b"}}`,
			want: []string{"Secret default/a at 1", "Secret default/b at 5"},
		},
		"braces that aren't JSON": {
			reason:  "YAML has them too",
			content: "{apiVersion: v1, kind: Secret, metadata: {name: a}}",
			want:    []string{"Secret default/a at 1"},
		},
		"lists": {
			reason:  "kubectl get -o yaml gives lists, and people put lists into lists",
			content: "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: a}}\n- apiVersion: v1\n  kind: SecretList\n  items:\n  - {apiVersion: v1, kind: Secret, metadata: {name: b}}\n",
			want:    []string{"Secret default/a at 4", "Secret default/b at 8"},
		},
		"other kinds": {
			reason: "a folder holds more than what is for us; kinds of our names in another group too",
			content: "apiVersion: v1\nkind: Service\nmetadata: {name: c, namespace: ns}\n---\napiVersion: example.org/v1\nkind: ApiDefinition\nmetadata: {name: x}\n" +
				"---\napiVersion: example.org/v1\nkind: ConfigMap\nmetadata: {name: other}\n---\napiVersion: notification.toolkit.fluxcd.io/v1\nkind: Notification\nmetadata: {name: z}\n",
			want: []string{"skipped Service ns/c at 1", "skipped ApiDefinition /x at 5", "skipped ConfigMap /other at 9", "skipped Notification /z at 13"},
		},
		"what APIs refer to": {
			reason: "references and templates need them",
			content: "apiVersion: gravitee.io/v1alpha1\nkind: ApiResource\nmetadata: {name: r}\nspec: {}\n---\n" +
				"apiVersion: gravitee.io/v1alpha1\nkind: Group\nmetadata: {name: g, namespace: ns}\nspec: {name: an, members: []}\n---\n" +
				"apiVersion: gravitee.io/v1alpha1\nkind: Notification\nmetadata: {name: hooks}\nspec: {}\n---\n" +
				"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: b}\n",
			want: []string{"ApiResource default/r at 1", "Group ns/g at 6", "Notification default/hooks at 11", "ConfigMap default/c at 16"},
		},
		"nothing": {reason: "an empty file is no mistake", content: "# only a comment\n---\n---\n"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			loaded, err := fromInput(t, c.content)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, names(loaded)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.reason, diff)
			}
		})
	}
}

func TestProblemsNamePlaceFieldAndRemedy(t *testing.T) {
	cases := map[string]struct {
		reason, content string
		want            []string
		// hidden must not show.
		hidden string
	}{
		"a value that isn't known": {
			reason: "the schema lists the known ones", content: api("a") + "  state: RUNNING\n",
			want: []string{`standard input:13 (document 1): ApiDefinition default/a: spec.state: "RUNNING" isn't known; use one of the values: "STARTED", "STOPPED"`},
		},
		"a number for a text": {
			reason: "YAML makes a number of 1.0", content: strings.Replace(api("a"), `"1"`, "1.5", 1),
			want: []string{"standard input:8 (document 1): ApiDefinition default/a: spec.version: must be of type string", "put the value into quotes"},
		},
		"a text for a number": {
			reason: "and a text of '80'", content: api("a") + "  plans:\n  - {name: p, description: d, security: KEY_LESS, order: \"1\"}\n",
			want: []string{":14 ", "spec.plans[0].order: must be of type integer", "without quotes"},
		},
		"a missing field": {
			reason: "the line is that of the nearest thing around it", content: api("a") + "  plans:\n  - name: p\n    security: KEY_LESS\n",
			want: []string{":14 ", "spec.plans[0].description: is missing", "add it"},
		},
		"a password": {
			reason: "what is in the wrong place or of the wrong type may be secret",
			content: "apiVersion: gravitee.io/v1alpha1\nkind: ManagementContext\nmetadata: {name: c}\nspec:\n  baseUrl: 'http://u:s3cr3t@h'\n" +
				"  organizationId: o\n  environmentId: e\n  auth: {credentials: {username: u, password: 53737}}\n",
			want: []string{"spec.auth.credentials.password: must be of type string"}, hidden: "53737",
		},
		"a Secret's data": {
			reason: "people write plain text there", content: secretOf("s", "data:\n  a: eA==\n  b: s3cr3t!\n"),
			want: []string{":6 ", "Secret default/s: data.b: isn't base64; write plain text into stringData"}, hidden: "s3cr3t",
		},
		"a Secret's number": {
			reason: "YAML makes a number of a password", content: secretOf("s", "stringData: {a: 53737}\n"),
			want: []string{"Secret default/s: can't be read", "check the types"}, hidden: "53737",
		},
		"a ConfigMap's binary data": {
			reason: "people mix both fields up", content: configMapOf("c", "binaryData:\n  a: eA==\n  b: pl@in\n"),
			want: []string{":6 ", "ConfigMap default/c: binaryData.b: isn't base64; write plain text into data"}, hidden: "pl@in",
		},
		"a ConfigMap's entry twice": {
			reason: "an API server refuses it", content: configMapOf("c", "data: {a: x}\nbinaryData: {a: eA==}\n"),
			want: []string{"ConfigMap default/c: binaryData.a: is in data too; remove one"},
		},
		"a ConfigMap's number": {
			reason: "YAML makes a number of a port", content: configMapOf("c", "data: {port: 53737}\n"),
			want: []string{"ConfigMap default/c: can't be read", "check the types"}, hidden: "53737",
		},
		"a group without members": {
			reason: "the schemas of the other kinds count too", content: "apiVersion: gravitee.io/v1alpha1\nkind: Group\nmetadata: {name: g}\nspec: {name: an}\n",
			want: []string{":4 ", "Group default/g: spec.members: is missing", "add it"},
		},
		"an unknown event": {
			reason: "a list of those that are known helps", content: "apiVersion: gravitee.io/v1alpha1\nkind: Notification\nmetadata: {name: hooks}\nspec:\n  console:\n    apiEvents: [API_BROKEN]\n",
			want: []string{":6 ", `spec.console.apiEvents[0]: "API_BROKEN" isn't known; use one of the values`, "API_STARTED"},
		},
		"no YAML": {
			reason: "the parser's line is one of the file", content: "# c\n---\n" + secretOf("a", "") + "---\na: b\n  c: d\n",
			want: []string{"standard input:8 (document 2): isn't YAML or JSON"},
		},
		"a member twice": {
			reason: "only the last would count", content: secretOf("a", "kind: Secret\n"),
			want: []string{`key "kind" already set`},
		},
		"a secret that is no YAML": {
			reason: "the parser quotes what it can't take", content: secretOf("a", "stringData: {a: !!int s3cr3t}\n"),
			want: []string{"standard input:"}, hidden: "s3cr3t",
		},
		"no object":       {reason: "a list isn't one", content: "- a\n- b\n", want: []string{"standard input:1 (document 1): isn't an object"}},
		"no kind":         {reason: "nothing can be said about it", content: "\napiVersion: v1\nmetadata: {}\n", want: []string{":2 (document 1): kind: is missing"}},
		"another version": {reason: "an API server doesn't serve it", content: strings.Replace(api("a"), "v1alpha1", "v1beta1", 1), want: []string{":1 ", "apiVersion: is no version", "gravitee.io/v1alpha1"}},
		"no name":         {reason: "generateName gives none that is known", content: strings.Replace(api("a"), "  name: a\nspec", "  generateName: a\nspec", 1), want: []string{"metadata.name: is missing"}},
		"a bad name": {
			reason: "an API server refuses it", content: strings.Replace(api("a"), "  name: a\nspec", "  name: My_API\nspec", 1),
			want: []string{":4 ", `metadata.name: "My_API" isn't allowed: a lowercase RFC 1123 subdomain`},
		},
		"a bad label": {
			reason: "an API server refuses it too", content: strings.Replace(api("a"), "metadata:\n", "metadata:\n  labels: {x: 'not allowed'}\n", 1),
			want: []string{"metadata.labels"},
		},
		"metadata of another type": {
			reason: "it can't be read at all", content: "apiVersion: gravitee.io/v1alpha1\nkind: ApiDefinition\nmetadata: [a]\n",
			want: []string{":3 ", "metadata: can't be read"},
		},
		"twice": {
			reason: "which one counts would depend on the order", content: api("a") + "---\n" + strings.Replace(api("a"), "metadata:\n", "metadata:\n  namespace: default\n", 1),
			want: []string{"standard input:14 (document 2): ApiDefinition default/a: is there twice, first at standard input:1; remove one of them"},
		},
		"lists without end": {
			reason: "nobody nests them", content: strings.Repeat(`{"apiVersion":"v1","kind":"List","items":[`, 12) + strings.Repeat("]}", 12),
			want: []string{"lists stand in lists"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			loaded, err := fromInput(t, c.content)
			if err == nil {
				t.Fatalf("%s, but there is no error; loaded %v", c.reason, names(loaded))
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%s: %q isn't in:\n%v", c.reason, part, err)
				}
			}
			if c.hidden != "" && strings.Contains(err.Error(), c.hidden) {
				t.Errorf("a value that may be secret shows in:\n%v", err)
			}
			if _, ok := errors.AsType[*manifest.Problem](err); !ok {
				t.Errorf("no *Problem in %T", err)
			}
		})
	}
}

func TestAllProblemsAreToldAtOnce(t *testing.T) {
	loaded, err := fromInput(t, api("good")+"---\n"+api("bad")+"  state: X\n  visibility: Y\n---\na: b: c\n---\n"+api("fine"))
	for _, part := range []string{"spec.state", "spec.visibility", "document 3"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s isn't told: %v", part, err)
		}
	}
	if diff := cmp.Diff([]string{"ApiDefinition default/good at 1", "ApiDefinition default/fine at 31"}, names(loaded)); diff != "" {
		t.Errorf("what is in order is loaded (-want +got):\n%s", diff)
	}
}

func TestUnknownFieldsAreWarnedOf(t *testing.T) {
	content := strings.Replace(api("a"), "metadata:\n", "metadata:\n  lables: {a: b}\n", 1) +
		"  notADescription: s3cr3t\n  plans:\n  - {name: p, description: d, security: KEY_LESS, x.y: 1}\nstatus: {any: thing}\n---\n" + secretOf("s", "stringdata: {a: b}\n")
	loaded, err := fromInput(t, content)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, warning := range loaded.Warnings {
		got = append(got, fmt.Sprintf("%d %s %s", warning.Source.Line, warning.Object, warning.Field))
		if !strings.Contains(warning.String(), "spelling") || strings.Contains(warning.String(), "s3cr3t") {
			t.Errorf("warning = %s", warning)
		}
	}
	want := []string{
		"4 ApiDefinition default/a metadata.lables", "14 ApiDefinition default/a spec.notADescription", "16 ApiDefinition default/a spec.plans[0].x.y",
		"22 Secret default/s stringdata",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

func TestWhatAnAPIServerWouldStore(t *testing.T) {
	content := strings.Replace(api("a"), "metadata:\n", `metadata:
  uid: u
  resourceVersion: "7"
  generation: 3
  deletionTimestamp: "2026-01-01T00:00:00Z"
  managedFields: [{manager: kubectl}]
  labels: {l: v}
  finalizers: [f/f]
  annotations:
    kept: "yes"
    kubectl.kubernetes.io/last-applied-configuration: '{"spec":{}}'
`, 1) + "status: {id: x}\n"
	loaded, err := fromInput(t, content, func(o *manifest.Options) { o.Namespace = "team" })
	if err != nil {
		t.Fatal(err)
	}
	got := loaded.Objects()[0].(*v1alpha1.ApiDefinition)
	if got.Spec.ExecutionMode == "" {
		t.Errorf("the schema's defaults are missing: %+v", got.Spec)
	}
	meta, err := json.Marshal(got.ObjectMeta)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"name":"a","namespace":"team","labels":{"l":"v"},"annotations":{"kept":"yes"},"finalizers":["f/f"]}`
	if string(meta) != want || got.Status.ID != "" {
		t.Errorf("metadata = %s\n want %s; status.id = %q", meta, want, got.Status.ID)
	}
}

func TestSecretsAreFolded(t *testing.T) {
	loaded, err := fromInput(t, secretOf("s", "data: {a: eA==, b: eQ==}\nstringData: {b: z, c: w}\n"))
	if err != nil {
		t.Fatal(err)
	}
	got := loaded.Objects()[0].(*corev1.Secret)
	if diff := cmp.Diff(map[string][]byte{"a": []byte("x"), "b": []byte("z"), "c": []byte("w")}, got.Data); diff != "" || got.StringData != nil {
		t.Errorf("stringData wins, as on an API server (-want +got):\n%s", diff)
	}
}

func TestConfigMapsAreRead(t *testing.T) {
	loaded, err := fromInput(t, configMapOf("c", "data: {a: x, b: ''}\nbinaryData: {c: eQ==}\nimmutable: true\nstringData: {d: z}\n"))
	if err != nil {
		t.Fatal(err)
	}
	got := loaded.Objects()[0].(*corev1.ConfigMap)
	if diff := cmp.Diff(map[string]string{"a": "x", "b": ""}, got.Data); diff != "" || string(got.BinaryData["c"]) != "y" {
		t.Errorf("data (-want +got):\n%s\nbinaryData: %v", diff, got.BinaryData)
	}
	if len(loaded.Warnings) != 1 || loaded.Warnings[0].Field != "stringData" {
		t.Errorf("a field of Secrets has no effect here, which has to be told; warnings: %v", loaded.Warnings)
	}
}

func TestNamespaces(t *testing.T) {
	elsewhere := strings.Replace(api("a"), "metadata:\n", "metadata:\n  namespace: elsewhere\n", 1)
	cases := map[string]struct {
		reason, content string
		only            bool
		want, problem   string
	}{
		"given":            {reason: "objects that name none get it", content: api("a"), only: true, want: "ApiDefinition team/a at 1"},
		"another":          {reason: "a namespace of kubeconfig is only a default", content: elsewhere, want: "ApiDefinition elsewhere/a at 1"},
		"another, refused": {reason: "one on the command line is more than a default", content: elsewhere, only: true, problem: "metadata.namespace: isn't team"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			loaded, err := fromInput(t, c.content, func(o *manifest.Options) { o.Namespace, o.OnlyNamespace = "team", c.only })
			if (err != nil) != (c.problem != "") || err != nil && !strings.Contains(err.Error(), c.problem) {
				t.Fatalf("%s: %v", c.reason, err)
			}
			if got := strings.Join(names(loaded), ", "); got != c.want {
				t.Errorf("%s: got %q, want %q", c.reason, got, c.want)
			}
		})
	}
}

// TestRecordedManifests: every manifest that was recorded is read to the object that the schemas make of it, in its Go type.
func TestRecordedManifests(t *testing.T) {
	server := recorded.NewServer(t)
	read := map[string]int{}
	for _, one := range recorded.Cases(t) {
		for _, in := range one.Inputs {
			t.Run(one.Name+"/"+in.File, func(t *testing.T) {
				want := map[string]any{}
				for _, object := range in.Objects {
					if _, ours := server[object.GetKind()]; ours {
						stored, problems := server.Admit(object)
						if len(problems) > 0 {
							t.Fatal(problems)
						}
						want[object.GetKind()+" "+recorded.KeyOf(stored)] = specOf(t, typedOf(t, stored))
					}
				}
				path := filepath.Join("..", "..", "api", "v1alpha1", "testdata", "cases", one.Name, in.File)
				loaded, err := manifest.Load(t.Context(), manifest.Options{Paths: []string{path}, Schemas: manifest.Schemas(server)})
				if err != nil {
					t.Fatal(err)
				}
				got := map[string]any{}
				for _, object := range loaded.Objects() {
					kind := kindOf(object)
					read[kind]++
					if _, ours := server[kind]; ours {
						got[kind+" "+object.GetNamespace()+"/"+object.GetName()] = specOf(t, object)
					}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("stored (-) and loaded (+):\n%s", diff)
				}
			})
		}
	}
	for _, kind := range []string{"ApiDefinition", "ManagementContext", "ApiResource", "Group", "Notification", "Secret", "ConfigMap"} {
		if read[kind] == 0 {
			t.Errorf("no recorded manifest holds a %s any more", kind)
		}
	}
}

// kindOf is the name of an object's Go type.
func kindOf(object any) string {
	_, kind, _ := strings.Cut(fmt.Sprintf("%T", object), ".")
	return kind
}

// specOf is the spec of an object in its Go type.
func specOf(t *testing.T, object any) any {
	t.Helper()
	return recorded.AsJSON(t, object)["spec"]
}

// typedOf is a stored object in its Go type.
func typedOf(t *testing.T, stored *unstructured.Unstructured) runtime.Object {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	typed, err := scheme.New(stored.GroupVersionKind())
	if err == nil {
		err = runtime.DefaultUnstructuredConverter.FromUnstructured(stored.Object, typed)
	}
	if err != nil {
		t.Fatal(err)
	}
	return typed
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
