// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

// Package recorded reads the recorded cases in api/v1alpha1/testdata and does to objects what an API server
// does before it stores them. It is for tests.
package recorded

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/apisync/apisync/test/harness"
)

// Case is one folder of testdata/cases: what was applied step by step, what an API server then held
// under GKO, and what GKO sent to a real management API.
type Case struct {
	Name   string
	Inputs []Input
	Stored []Snapshot
	Puts   []Put
	// ConfigMaps are those of gateways after a step, by its index in Inputs; a step that isn't in it wasn't recorded, an empty list
	// means that there were none.
	ConfigMaps map[int][]corev1.ConfigMap
}

// Input is one file that was applied.
type Input struct {
	File    string
	Objects []*unstructured.Unstructured
}

// Snapshot is what an API server held after a step.
type Snapshot struct {
	Step    string           `json:"step"`
	Objects []map[string]any `json:"objects"`
}

// Put is a PUT of an API definition. Objects are the namespace/name of the ApiDefinitions that it can have
// come from: more than one where several share the id and the name that are sent.
type Put struct {
	After   string         `json:"after"`
	Objects []string       `json:"objects"`
	Path    string         `json:"path"`
	Request map[string]any `json:"request"`
	// Status and Response are the management API's answer.
	Status   int            `json:"status"`
	Response map[string]any `json:"response"`
}

// Cases reads all of them, in the order of their names.
func Cases(t *testing.T) []Case {
	t.Helper()
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	folders, err := filepath.Glob(filepath.Join(root, "api", "v1alpha1", "testdata", "cases", "*"))
	if err != nil || len(folders) == 0 {
		t.Fatalf("no recorded cases found: %v", err)
	}
	cases := make([]Case, 0, len(folders))
	for _, folder := range folders {
		cases = append(cases, Case{
			Name:   filepath.Base(folder),
			Inputs: readInputs(t, folder),
			Stored: readSnapshots(t, filepath.Join(folder, "stored.yaml")),
			Puts:   readPuts(t, filepath.Join(folder, "puts.json")),

			ConfigMaps: readConfigMaps(t, filepath.Join(folder, "configmaps.yaml")),
		})
	}
	return cases
}

func readInputs(t *testing.T, folder string) []Input {
	t.Helper()
	// input.yaml sorts behind input-2.yaml, but comes first.
	files, err := filepath.Glob(filepath.Join(folder, "input-*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	inputs := []Input{}
	for _, file := range append([]string{filepath.Join(folder, "input.yaml")}, files...) {
		inputs = append(inputs, Input{File: filepath.Base(file), Objects: ParseYAML(t, string(readFile(t, file)))})
	}
	return inputs
}

func readSnapshots(t *testing.T, file string) []Snapshot {
	t.Helper()
	var snapshots []Snapshot
	content, err := sigsyaml.YAMLToJSON(readFile(t, file))
	if err == nil {
		err = DecodeJSON(content, &snapshots)
	}
	if err != nil {
		t.Fatalf("reading %s: %v", file, err)
	}
	return snapshots
}

func readPuts(t *testing.T, file string) []Put {
	t.Helper()
	var puts []Put
	if err := DecodeJSON(readFile(t, file), &puts); err != nil {
		t.Fatalf("reading %s: %v", file, err)
	}
	return puts
}

// readConfigMaps reads what was recorded of the ConfigMaps of gateways, if the case has any.
func readConfigMaps(t *testing.T, file string) map[int][]corev1.ConfigMap {
	t.Helper()
	if _, err := os.Stat(file); os.IsNotExist(err) {
		return nil
	}
	var steps []struct {
		Step       int                `json:"step"`
		ConfigMaps []corev1.ConfigMap `json:"configMaps"`
	}
	if err := sigsyaml.UnmarshalStrict(readFile(t, file), &steps); err != nil {
		t.Fatalf("reading %s: %v", file, err)
	}
	found := map[int][]corev1.ConfigMap{}
	for _, step := range steps {
		found[step.Step] = step.ConfigMaps
	}
	return found
}

func readFile(t *testing.T, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// ParseYAML parses documents as a client does that sends them to an API server: numbers are int64 or float64.
func ParseYAML(t *testing.T, documents string) []*unstructured.Unstructured {
	t.Helper()
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewBufferString(documents), 4096)
	var objects []*unstructured.Unstructured
	for {
		var raw json.RawMessage
		err := decoder.Decode(&raw)
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatalf("parsing YAML: %v", err)
		}
		if len(raw) == 0 || string(raw) == "null" {
			continue
		}
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(raw); err != nil {
			t.Fatalf("parsing an object: %v", err)
		}
		objects = append(objects, object)
	}
}

// DecodeJSON keeps the notation of numbers apart from everything else, so that 1 and 1.0 differ and no digit
// is lost.
func DecodeJSON(content []byte, target any) error {
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber()
	return decoder.Decode(target)
}

// AsJSON turns a value into what DecodeJSON makes of its JSON.
func AsJSON(t *testing.T, value any) map[string]any {
	t.Helper()
	content, err := json.Marshal(value)
	if err != nil {
		t.Fatalf("encoding: %v", err)
	}
	var decoded map[string]any
	if err := DecodeJSON(content, &decoded); err != nil {
		t.Fatalf("decoding %s: %v", content, err)
	}
	return decoded
}

// SpecOf gives the spec of an object, nil if it has none.
func SpecOf(object *unstructured.Unstructured) map[string]any {
	spec, _ := object.Object["spec"].(map[string]any)
	return spec
}

// KeyOf is namespace/name.
func KeyOf(object *unstructured.Unstructured) string {
	return object.GetNamespace() + "/" + object.GetName()
}
