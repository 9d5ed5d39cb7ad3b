// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package template_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/apisync/apisync/internal/template"
)

func TestMentionsOf(t *testing.T) {
	secrets := func(names ...string) template.Mentions { return template.Mentions{Secrets: names} }
	dynamic := template.Mentions{Dynamic: true}
	cases := map[string]struct {
		reason string
		in     string
		want   template.Mentions
	}{
		"literal":               {"the usual case", "[[ secret `creds/token` ]]", secrets("creds")},
		"configmap":             {"as recorded in case 28", `note [[ configmap "conf/note" ]] [[ "[[" ]]`, template.Mentions{ConfigMaps: []string{"conf"}}},
		"both":                  {"a name may be that of both", "[[ secret `a/x` ]][[ configmap `a/x` ]]", template.Mentions{Secrets: []string{"a"}, ConfigMaps: []string{"a"}}},
		"several":               {"sorted, and each once", "[[ secret `b/x` ]][[ secret `a/x` ]][[ secret `b/y` ]]", secrets("a", "b")},
		"pipeline":              {"a literal may come through a pipeline", `[[ "a/b" | secret ]]`, secrets("a")},
		"parentheses":           {"and be in parentheses", `[[ secret ("a/b") ]][[ ("c/d") | secret ]]`, secrets("a", "c")},
		"in branches":           {"rendering may get there another time", "[[ if false ]][[ secret `a/x` ]][[ else if true ]][[ secret `b/x` ]][[ else ]][[ secret `c/x` ]][[ end ]]", secrets("a", "b", "c")},
		"in conditions":         {"they are looked up first", "[[ if secret `a/x` ]][[ end ]][[ with secret `b/x` ]][[ else with secret `c/x` ]][[ end ]]", secrets("a", "b", "c")},
		"in arguments":          {"wherever it stands", "[[ printf `%s` (secret `a/x` | print) (or (secret `b/x`) ``) ]]", secrets("a", "b")},
		"in declarations":       {"wherever it stands", "[[ $x := secret `a/x` ]][[ $x = secret `b/x` ]]", secrets("a", "b")},
		"before a field":        {"wherever it stands", "[[ (secret `a/x`).Foo ]]", secrets("a")},
		"variable":              {"it may hold any name", "[[ $x := `a/x` ]][[ secret $x ]]", dynamic},
		"dot":                   {"so may that", "[[ with `a/x` ]][[ secret . ]][[ end ]]", dynamic},
		"computed":              {"so may what a function gives", "[[ secret (print `a` `/x`) ]]", dynamic},
		"computed, in pipeline": {"so may what a function gives", "[[ `a/x` | print | secret ]]", dynamic},
		"computed by look-up":   {"what is known is told too", "[[ secret (configmap `a/x`) ]]", template.Mentions{ConfigMaps: []string{"a"}, Dynamic: true}},
		"two arguments":         {"such a call fails", "[[ secret `a/x` `b/x` ]][[ `a/x` | secret `b/x` ]]", template.Mentions{}},
		"no argument":           {"such a call fails", "[[ secret ]][[ print secret ]]", template.Mentions{}},
		"a bad name":            {"such a call fails", "[[ secret `a` ]][[ secret `a/b/c` ]][[ secret `/x` ]]", template.Mentions{}},
		"text":                  {"a call is one in an action only", "secret `a/x` [[ `secret a/x` ]][[/* secret `a/x` */]]", template.Mentions{}},
		"syntax error":          {"nothing is known of it", "[[ secret `a/x` ]][[ end ]]", template.Mentions{}},
		"refused":               {"what its tree shows", "[[ range 9 ]][[ secret `a/x` ]][[ end ]][[ block `b` (secret `b/x`) ]][[ secret `c/x` ]][[ end ]][[ define `d` ]][[ secret `d/x` ]][[ end ]]", secrets("a", "b", "c", "d")},
		"too many":              {"such a spec isn't rendered", strings.Repeat("[[ secret `a/x` ]]", 10_001), template.Mentions{}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, template.MentionsOf(spec{Description: c.in})); diff != "" {
				t.Errorf("%s: %s: want (-), got (+):\n%s", c.reason, c.in, diff)
			}
		})
	}
}

func TestMentionsOfSpecs(t *testing.T) {
	cases := map[string]struct {
		reason string
		in     any
		want   template.Mentions
	}{
		"nothing":        {"no object has no spec, but it must not fail", nil, template.Mentions{}},
		"nil pointer":    {"the same", (*spec)(nil), template.Mentions{}},
		"not JSON":       {"it can't be rendered", &spec{Description: "[[ secret `a/x` ]]", Configuration: json.RawMessage("{")}, template.Mentions{}},
		"everywhere":     {"all strings count", &spec{Headers: map[string]string{"a": "[[ secret `a/x` ]]"}, Plans: []plan{{Tags: []string{"[[ secret `b/x` ]]"}}}}, template.Mentions{Secrets: []string{"a", "b"}}},
		"keys":           {"they aren't rendered", &spec{Headers: map[string]string{"[[ secret `a/x` ]]": "a"}}, template.Mentions{}},
		"one is damaged": {"the others count", &spec{Description: "[[", Headers: map[string]string{"a": "[[ secret `a/x` ]]"}}, template.Mentions{Secrets: []string{"a"}}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, template.MentionsOf(c.in)); diff != "" {
				t.Errorf("%s: want (-), got (+):\n%s", c.reason, diff)
			}
		})
	}
}
