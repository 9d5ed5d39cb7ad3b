// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package manifest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/apisync/apisync/internal/manifest"
)

func TestFilesAndFolders(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "b.yaml"), secretOf("b", ""))
	write(t, filepath.Join(root, "a.json"), `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a"}}`)
	write(t, filepath.Join(root, "c.yml"), secretOf("c", ""))
	write(t, filepath.Join(root, "README.md"), "no manifest: {")
	write(t, filepath.Join(root, "d", "d.yaml"), secretOf("d", ""))
	write(t, filepath.Join(root, "e", "f", "g.yaml"), secretOf("g", ""))
	write(t, filepath.Join(root, "plain"), secretOf("plain", ""))
	// A mounted ConfigMap is made of links, one of them to a folder.
	mounted := t.TempDir()
	write(t, filepath.Join(mounted, "..2026", "m.yaml"), secretOf("m", ""))
	link(t, "..2026", filepath.Join(mounted, "..data"))
	link(t, filepath.Join("..data", "m.yaml"), filepath.Join(mounted, "m.yaml"))

	cases := map[string]struct {
		reason    string
		paths     []string
		recursive bool
		want      []string
	}{
		"a folder": {
			reason: "its files by name, by their endings", paths: []string{root},
			want: []string{"Secret default/a at a.json:1", "Secret default/b at b.yaml:1", "Secret default/c at c.yml:1"},
		},
		"folders in it": {
			reason: "with -R", paths: []string{root}, recursive: true,
			want: []string{
				"Secret default/a at a.json:1", "Secret default/b at b.yaml:1", "Secret default/c at c.yml:1", "Secret default/d at d.yaml:1", "Secret default/g at g.yaml:1",
			},
		},
		"files in their order": {
			reason: "who names a file means it, whatever its ending", paths: []string{filepath.Join(root, "plain"), filepath.Join(root, "b.yaml")},
			want: []string{"Secret default/plain at plain:1", "Secret default/b at b.yaml:1"},
		},
		"links": {reason: "a file behind a link is read, a folder isn't", paths: []string{mounted}, want: []string{"Secret default/m at m.yaml:1"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			loaded, err := manifest.Load(t.Context(), manifest.Options{Paths: c.paths, Recursive: c.recursive})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, names(loaded)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.reason, diff)
			}
		})
	}
}

func link(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

func TestKustomization(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "base", "kustomization.yaml"), "resources: [api.yaml]\n")
	write(t, filepath.Join(root, "base", "api.yaml"), api("echo"))
	write(t, filepath.Join(root, "prod", "kustomization.yaml"), `resources: [../base]
namespace: prod
patches:
- patch: '[{"op": "replace", "path": "/spec/state", "value": "STOPPED"}]'
  target: {kind: ApiDefinition}
`)
	write(t, filepath.Join(root, "base", "api.yaml"), api("echo")+"  state: STARTED\n")
	loaded, err := manifest.Load(t.Context(), manifest.Options{Kustomization: filepath.Join(root, "prod")})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"ApiDefinition prod/echo at prod:1"}, names(loaded)); diff != "" {
		t.Errorf("built (-want +got):\n%s", diff)
	}
}

func TestWhatCannotBeRead(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "inside", "a.yaml"), secretOf("a", ""))
	write(t, filepath.Join(root, "broken", "kustomization.yaml"), "resources: [none.yaml]\n")
	cases := map[string]struct {
		options manifest.Options
		want    []string
	}{
		"nothing":                {manifest.Options{}, []string{"-f", "-k"}},
		"no such file":           {manifest.Options{Paths: []string{filepath.Join(root, "none")}}, []string{"-f", "none: no such file"}},
		"an empty folder":        {manifest.Options{Paths: []string{root}}, []string{".yaml", "-R looks into"}},
		"an address":             {manifest.Options{Paths: []string{"https://u:s3cr3t@host/x?token=s3cr3t"}}, []string{"-f …@host/x", "download"}},
		"standard input twice":   {manifest.Options{Paths: []string{"-", "-"}, Input: strings.NewReader("")}, []string{"name it once"}},
		"no kustomization":       {manifest.Options{Kustomization: filepath.Join(root, "inside")}, []string{"-k", "building the kustomization"}},
		"a file, no folder":      {manifest.Options{Kustomization: filepath.Join(root, "inside", "a.yaml")}, []string{"no folder", "-f"}},
		"a broken kustomization": {manifest.Options{Kustomization: filepath.Join(root, "broken")}, []string{"-k", "none.yaml"}},
		"too many bytes": {
			manifest.Options{Paths: []string{filepath.Join(root, "inside")}, Limits: manifest.Limits{Bytes: 10, Document: 10, Files: 1, Objects: 1}},
			[]string{"more than 10 bytes", "fewer"},
		},
		"a large document": {
			manifest.Options{Paths: []string{filepath.Join(root, "inside")}, Limits: manifest.Limits{Bytes: 1000, Document: 10, Files: 1, Objects: 1}},
			[]string{"a.yaml:1", "an API server takes 10 at most", "split"},
		},
		"anchors that grow": {
			manifest.Options{
				Paths: []string{"-"}, Input: strings.NewReader("apiVersion: v1\nkind: Secret\na: &a [" + strings.Repeat("x,", 50) + "]\nb: [*a,*a,*a,*a,*a,*a,*a,*a]\n"),
				Limits: manifest.Limits{Bytes: 1000, Document: 1000, Files: 1, Objects: 1},
			},
			[]string{"with its anchors resolved"},
		},
		"too many files": {
			manifest.Options{Paths: []string{filepath.Join(root, "inside"), "-"}, Input: strings.NewReader(""), Limits: manifest.Limits{Bytes: 1000, Document: 1000, Files: 1, Objects: 1}},
			[]string{"more than 1 files"},
		},
		"too many objects": {
			manifest.Options{
				Paths: []string{"-"}, Input: strings.NewReader(secretOf("a", "") + "---\n" + secretOf("b", "")),
				Limits: manifest.Limits{Bytes: 1000, Document: 1000, Files: 1, Objects: 1},
			},
			[]string{"more than 1 objects"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := manifest.Load(t.Context(), c.options)
			if err == nil {
				t.Fatal("no error")
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q isn't in %v", part, err)
				}
			}
			if strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("a secret shows in %v", err)
			}
		})
	}
}

// FuzzLoad: whatever a file holds, it is read or refused, and what is loaded has a name, a place, and no double.
func FuzzLoad(f *testing.F) {
	f.Add(api("a") + "---\n" + secretOf("s", "stringData: {a: b}\n"))
	f.Add(api("a") + "  state: X\n  unknown: {a: [1]}\n")
	f.Add("{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[{}]}\n{\"a\":1}")
	f.Add("%YAML 1.1\n--- &a\n? [x]\n: *a\n...\n--- |\n")
	f.Add("apiVersion: gravitee.io/v1alpha1\nkind: ManagementContext\nmetadata: {name: c, labels: {a: 1}}\nspec: {auth: {credentials: x}}\n")
	f.Add("apiVersion: gravitee.io/v1alpha1\nkind: Group\nmetadata: {name: g}\nspec: {name: an, members: [{source: s, sourceId: i, roles: {API: x}}]}\n")
	f.Add("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: 1}\nbinaryData: {a: eA==, b: '!'}\n")
	schemas, err := manifest.NewSchemas()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, content string) {
		loaded, err := manifest.Load(t.Context(), manifest.Options{Paths: []string{"-"}, Input: strings.NewReader(content), Schemas: schemas})
		seen := map[string]bool{}
		for i, object := range loaded.Objects() {
			name := names(manifest.Loaded{Resources: loaded.Resources[i : i+1]})[0]
			name, _, _ = strings.Cut(name, " at ")
			if object.GetName() == "" || object.GetNamespace() == "" || seen[name] {
				t.Errorf("%s is loaded twice or has no name", name)
			}
			seen[name] = true
			if line := loaded.Resources[i].Source.Line; line < 1 || line > strings.Count(content, "\n")+1 {
				t.Errorf("%s is at line %d of %d", name, line, strings.Count(content, "\n")+1)
			}
		}
		if err != nil && err.Error() == "" {
			t.Error("an error without a word")
		}
	})
}
