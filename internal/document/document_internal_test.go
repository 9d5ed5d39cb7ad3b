// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package document

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// FuzzToYAML: a reader of YAML, also one of its old version as kubectl is, gets what a reader of the JSON gets.
func FuzzToYAML(f *testing.F) {
	for _, text := range []string{"yes", "a\nb\n", "a \n\tb", "12:30", "0x1", "~", "<<", "=", "é: x", "- a", "#", "\u2028", "(known after apply)", "1_000", "a\r\nb", " \n x", "\x7f\u0085\ufeff"} {
		f.Add(text, "name")
	}
	f.Add("x", strings.Repeat("long", 500))
	f.Fuzz(func(t *testing.T, text, name string) {
		content, err := json.Marshal(map[string]any{name: text, "list": []any{text, 1, nil, true, map[string]any{}}})
		if err != nil {
			return
		}
		var want, got any
		if err := json.Unmarshal(content, &want); err != nil {
			t.Fatal(err)
		}
		written, err := toYAML(content)
		if err != nil {
			t.Fatalf("%v: %s", err, content)
		}
		if err := yaml.Unmarshal(written, &got); err != nil {
			t.Fatalf("%v:\n%s\n%s", err, content, written)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("JSON (-) and YAML (+):\n%s\n%s", diff, written)
		}
	})
}
