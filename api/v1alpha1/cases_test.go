// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	sigsyaml "sigs.k8s.io/yaml"
)

// recordedCase is one folder of testdata/cases: what was applied step by step, what an API server then held
// under GKO, and what GKO sent to a real management API.
type recordedCase struct {
	name   string
	inputs []input
	stored []snapshot
	puts   []put
}

type input struct {
	file    string
	objects []*unstructured.Unstructured
}

type snapshot struct {
	Step    string           `json:"step"`
	Objects []map[string]any `json:"objects"`
}

// put is a PUT of an API definition. Objects are the namespace/name of the ApiDefinitions that it can have
// come from: more than one where several share the id and the name that are sent.
type put struct {
	After   string         `json:"after"`
	Objects []string       `json:"objects"`
	Request map[string]any `json:"request"`
}

func recordedCases(t *testing.T) []recordedCase {
	t.Helper()
	folders, err := filepath.Glob(filepath.Join("testdata", "cases", "*"))
	if err != nil || len(folders) == 0 {
		t.Fatalf("no recorded cases found: %v", err)
	}
	cases := make([]recordedCase, 0, len(folders))
	for _, folder := range folders {
		cases = append(cases, recordedCase{
			name:   filepath.Base(folder),
			inputs: readInputs(t, folder),
			stored: readSnapshots(t, filepath.Join(folder, "stored.yaml")),
			puts:   readPuts(t, filepath.Join(folder, "puts.json")),
		})
	}
	return cases
}

func readInputs(t *testing.T, folder string) []input {
	t.Helper()
	// input.yaml sorts behind input-2.yaml, but comes first.
	files, err := filepath.Glob(filepath.Join(folder, "input-*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	inputs := []input{}
	for _, file := range append([]string{filepath.Join(folder, "input.yaml")}, files...) {
		inputs = append(inputs, input{file: filepath.Base(file), objects: parseYAML(t, string(readFile(t, file)))})
	}
	return inputs
}

func readSnapshots(t *testing.T, file string) []snapshot {
	t.Helper()
	var snapshots []snapshot
	content, err := sigsyaml.YAMLToJSON(readFile(t, file))
	if err == nil {
		err = decodeJSON(content, &snapshots)
	}
	if err != nil {
		t.Fatalf("reading %s: %v", file, err)
	}
	return snapshots
}

func readPuts(t *testing.T, file string) []put {
	t.Helper()
	var puts []put
	if err := decodeJSON(readFile(t, file), &puts); err != nil {
		t.Fatalf("reading %s: %v", file, err)
	}
	return puts
}

func readFile(t *testing.T, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// parseYAML parses documents as a client does that sends them to an API server: numbers are int64 or float64.
func parseYAML(t *testing.T, documents string) []*unstructured.Unstructured {
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

// decodeJSON keeps the notation of numbers apart from everything else, so that 1 and 1.0 differ and no digit
// is lost.
func decodeJSON(content []byte, target any) error {
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber()
	return decoder.Decode(target)
}

// asJSON turns a value into what decodeJSON makes of its JSON.
func asJSON(t *testing.T, value any) map[string]any {
	t.Helper()
	content, err := json.Marshal(value)
	if err != nil {
		t.Fatalf("encoding: %v", err)
	}
	var decoded map[string]any
	if err := decodeJSON(content, &decoded); err != nil {
		t.Fatalf("decoding %s: %v", content, err)
	}
	return decoded
}

func specOf(object *unstructured.Unstructured) map[string]any {
	spec, _ := object.Object["spec"].(map[string]any)
	return spec
}

func keyOf(object *unstructured.Unstructured) string {
	return object.GetNamespace() + "/" + object.GetName()
}
