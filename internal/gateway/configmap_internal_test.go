// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
)

func TestSameDefinition(t *testing.T) {
	cases := map[string]struct {
		why  string
		a, b string
		same bool
	}{
		"order and space":       {"GKO writes members in another order", `{"a":1,"b":[true,null]}`, "{\n \"b\": [true, null], \"a\": 1 }", true},
		"escapes":               {"GKO escapes what HTML minds", `{"a":"\u003cx\u003e"}`, `{"a":"<x>"}`, true},
		"null and absent":       {"a gateway may take its default only for what is absent", `{"a":null}`, `{}`, false},
		"empty and null":        {"they are different values", `{"a":[]}`, `{"a":null}`, false},
		"order of a list":       {"the first flow that matches wins", `[1,2]`, `[2,1]`, false},
		"numbers beyond floats": {"they would be one number as floats", `{"a":9007199254740993}`, `{"a":9007199254740992}`, false},
		"number and text":       {"they are different values", `{"a":1}`, `{"a":"1"}`, false},
		"something behind it":   {"a gateway may stumble over it", `{"a":1}`, `{"a":1} x`, false},
		"second value":          {"a gateway may stumble over it", `{"a":1}`, `{"a":1}{}`, false},
		"no JSON":               {"nobody can tell what it means", `{"a":1}`, `{"a":`, false},
		"empty":                 {"somebody emptied it", `{"a":1}`, ``, false},
		"the same garbage":      {"equal texts are the same", `{"a":`, `{"a":`, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if sameDefinition(c.a, c.b) != c.same || sameDefinition(c.b, c.a) != c.same {
				t.Errorf("same = %v: %s", !c.same, c.why)
			}
		})
	}
}

// FuzzSameDefinition compares any two texts, and each that is an object with what would be written for it.
func FuzzSameDefinition(f *testing.F) {
	for _, file := range []string{"testdata/25-local-no-context.yaml", "testdata/26-local-with-context.yaml"} {
		recorded, err := os.Open(file)
		if err != nil {
			f.Fatal(err)
		}
		var configMap corev1.ConfigMap
		if err := utilyaml.NewYAMLOrJSONDecoder(recorded, 4096).Decode(&configMap); err != nil {
			f.Fatal(err)
		}
		recorded.Close()
		definition := configMap.Data[definitionKey]
		f.Add(definition, strings.Replace(definition, "STARTED", "STOPPED", 1))
	}
	f.Add(`{"a":1.0}`, `{"a":1}`)
	f.Add(`{"a":{"b":[1e400,-0]}}`, "{\"a\":\"\xff\u2028<&>\"}")
	f.Add(`{"a":1,"a":2}`, `{"a":2} {}`)
	f.Fuzz(func(t *testing.T, a, b string) {
		if !sameDefinition(a, a) || !sameDefinition(b, b) {
			t.Error("a text isn't the same as itself")
		}
		same := sameDefinition(a, b)
		if same != sameDefinition(b, a) {
			t.Errorf("the order of the arguments matters for %q and %q", a, b)
		}
		if a == b && !same {
			t.Errorf("equal texts differ: %q", a)
		}
		rewritten, ok := ours(t, a)
		if !ok {
			return
		}
		if !sameDefinition(a, rewritten) {
			t.Errorf("%q would be written again as %q, each time", a, rewritten)
		}
		if sameDefinition(rewritten, b) != same {
			t.Errorf("%q and %q compare in another way than %q", rewritten, b, a)
		}
	})
}

// ours is the text that would be written for a text that is an object.
func ours(t *testing.T, text string) (string, bool) {
	t.Helper()
	value, err := decode(text)
	definition, ok := value.(map[string]any)
	if err != nil || !ok {
		return "", false
	}
	rewritten, err := encode(definition)
	if err != nil {
		t.Fatalf("%q can be read and not written: %v", text, err)
	}
	if again, err := encode(definition); err != nil || again != rewritten || !json.Valid([]byte(again)) {
		t.Errorf("the second text is %q, %v, after %q", again, err, rewritten)
	}
	return rewritten, true
}
