// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package model_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/apisync/apisync/internal/model"
)

// decoded reads JSON; exact keeps numbers as they are written.
func decoded(t *testing.T, text string, exact bool) any {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	if exact {
		decoder.UseNumber()
	}
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return value
}

func TestDiff(t *testing.T) {
	named := model.Rules{"l": {Key: []string{"id", "name"}}}
	cases := []struct {
		why, want, have string
		rules           model.Rules
		paths           []string
	}{
		{"what isn't set isn't compared", `{"a":1}`, `{"a":1,"b":2}`, nil, nil},
		{"null is not set", `{"a":null}`, `{"a":1}`, nil, nil},
		{"a value", `{"a":1}`, `{"a":2}`, nil, []string{"a"}},
		{"a type", `{"a":"1"}`, `{"a":1}`, nil, []string{"a"}},
		{"an absent value", `{"a":1}`, `{}`, nil, []string{"a"}},
		{"false, zero and the empty text are as good as absent", `{"a":false,"b":0,"c":""}`, `{}`, nil, nil},
		{"and as good as null or an empty list", `{"a":false,"b":0}`, `{"a":null,"b":[]}`, nil, nil},
		{"but differ from another value", `{"a":false,"b":0,"c":""}`, `{"a":true,"b":1,"c":"x"}`, nil, []string{"a", "b", "c"}},
		{"numbers are values", `{"a":1.0,"b":1e2,"c":-0}`, `{"a":1,"b":100,"c":0}`, nil, nil},
		{"empty forms are one", `{"a":[],"b":{},"c":[]}`, `{"a":null,"b":[],"c":{}}`, nil, nil},
		{"an empty list demands an empty one", `{"a":[]}`, `{"a":[1]}`, nil, []string{"a[0]"}},
		{"an empty object demands nothing", `{"a":{}}`, `{"a":{"b":1}}`, nil, nil},
		{"unless it is closed", `{"a":{}}`, `{"a":{"b":1,"c":false}}`, model.Rules{"a": {Closed: true}}, []string{"a.b"}},
		{"a closed object may have ignored members and defaults", `{"a":{}}`, `{"a":{"b":1,"c":2}}`,
			model.Rules{"a": {Closed: true}, "a.b": {Ignore: true}, "a.c": {Default: 2}}, nil},
		{"lists are compared by index", `{"a":[1,2]}`, `{"a":[2,1]}`, nil, []string{"a[0]", "a[1]"}},
		{"and by length", `{"a":[1,2]}`, `{"a":[1]}`, nil, []string{"a[1]"}},
		{"elements are projections too", `{"a":[{"b":1}]}`, `{"a":[{"b":1,"c":2}]}`, nil, nil},
		{"deep paths", `{"a":{"b":[{"c":1}]}}`, `{"a":{"b":[{"c":2}]}}`, nil, []string{"a.b[0].c"}},
		{"an object that is missing is one difference", `{"a":{"b":1,"c":2}}`, `{}`, nil, []string{"a"}},
		{"an object of zero values may be missing", `{"a":{"b":false,"c":[]}}`, `{}`, nil, nil},
		{"an object in place of a list", `{"a":[1]}`, `{"a":{"b":1}}`, nil, []string{"a"}},
		{"a scalar in place of an object", `{"a":{"b":1}}`, `{"a":"x"}`, nil, []string{"a"}},
		{"the whole document", `{"a":1}`, `3`, nil, []string{""}},
		{"ignored", `{"a":1}`, `{"a":2}`, model.Rules{"a": {Ignore: true}}, nil},
		{"ignored in every element", `{"l":[{"a":1}]}`, `{"l":[{"a":2}]}`, model.Rules{"l[].a": {Ignore: true}}, nil},
		{"not always shown", `{"a":1}`, `{}`, model.Rules{"a": {Unseen: true}}, nil},
		{"but compared when shown", `{"a":1}`, `{"a":2}`, model.Rules{"a": {Unseen: true}}, []string{"a"}},
		{"a default stands for an absent value", `{"a":true}`, `{}`, model.Rules{"a": {Default: true}}, nil},
		{"and differs like one", `{"a":false}`, `{}`, model.Rules{"a": {Default: true}}, []string{"a"}},
		{"case", `{"a":"X"}`, `{"a":"x"}`, model.Rules{"a": {FoldCase: true}}, nil},
		{"a set", `{"a":["x","y","x"]}`, `{"a":["y","x"]}`, model.Rules{"a": {Set: true}}, nil},
		{"a set without case", `{"a":["X"]}`, `{"a":["x"]}`, model.Rules{"a": {Set: true, FoldCase: true}}, nil},
		{"another set is one difference", `{"a":["x","z"]}`, `{"a":["x","y"]}`, model.Rules{"a": {Set: true}}, []string{"a"}},
		{"an empty set", `{"a":[]}`, `{"a":["y"]}`, model.Rules{"a": {Set: true}}, []string{"a"}},
		{"elements by key", `{"l":[{"id":"1","v":1},{"id":"2","v":2}]}`, `{"l":[{"id":"2","v":2},{"id":"1","v":3}]}`, named, []string{"l[1].v"}},
		{"by the first key that is set", `{"l":[{"name":"n","v":1}]}`, `{"l":[{"id":"9","name":"n","v":1}]}`, named, nil},
		{"and not by a later one", `{"l":[{"id":"1","name":"n"}]}`, `{"l":[{"id":"2","name":"n"}]}`, named, []string{"l[1]", "l[2]"}},
		{"one more, one less", `{"l":[{"id":"1"}]}`, `{"l":[{"id":"2"}]}`, named, []string{"l[1]", "l[2]"}},
		{"an element without a key", `{"l":[{"v":1}]}`, `{"l":[{"v":1}]}`, named, []string{"l[0]", "l[0]"}},
		{"one key twice", `{"l":[{"id":"1"},{"id":"1"}]}`, `{"l":[{"id":"1"}]}`, named, []string{"l[1]"}},
		{"extra elements that are allowed", `{"l":[{"id":"1"}]}`, `{"l":[{"id":"1"},{"id":"2","x":true},{"id":"3"}]}`,
			model.Rules{"l": {Key: []string{"id"}, AllowExtra: func(e map[string]any) bool { return e["x"] == true }}}, []string{"l[3]"}},
		{"a label of its own", `{"l":[{"id":"1","name":"one","v":1}]}`, `{"l":[{"id":"1","name":"one","v":2}]}`,
			model.Rules{"l": {Key: []string{"id"}, Label: "name"}}, []string{"l[one].v"}},
		{"order of keyed elements", `{"l":[{"id":"1"},{"id":"2"}]}`, `{"l":[{"id":"2"},{"id":"1"}]}`,
			model.Rules{"l": {Key: []string{"id"}, Ordered: true}}, []string{"l"}},
		{"members that are data", `{"m":{"a.b":{"v":1}}}`, `{"m":{"a.b":{"v":2}}}`,
			model.Rules{"m": {Map: true}, "m.*.v": {Ignore: true}}, nil},
		{"normalised on both sides", `{"a":"X "}`, `{"a":" X"}`,
			model.Rules{"a": {Normalize: func(v any) any { return strings.TrimSpace(fmt.Sprint(v)) }}}, nil},
		{"sorted", `{"b":1,"a":1,"c":{"z":1,"y":1}}`, `{"c":{"z":2,"y":2}}`, nil, []string{"a", "b", "c.y", "c.z"}},
	}
	for _, c := range cases {
		t.Run(c.why, func(t *testing.T) {
			for _, exact := range []bool{false, true} {
				got := model.Diff(decoded(t, c.want, false), decoded(t, c.have, exact), c.rules)
				want := append([]string{}, c.paths...)
				if diff := cmp.Diff(want, model.Paths(got)); diff != "" {
					t.Errorf("numbers as written: %t (-want +got):\n%s", exact, diff)
				}
			}
		})
	}
}

func TestDiffLargeNumbers(t *testing.T) {
	want := map[string]any{"a": int64(9007199254740993)}
	if got := model.Diff(want, decoded(t, `{"a":9007199254740993}`, true), nil); len(got) != 0 {
		t.Errorf("equal integers beyond float64 differ: %v", got)
	}
	if got := model.Diff(want, decoded(t, `{"a":9007199254740992}`, true), nil); len(got) != 1 {
		t.Error("integers beyond float64 that differ by one are taken for equal")
	}
	if got := model.Diff(want, decoded(t, `{"a":1e999999999}`, true), nil); len(got) != 1 {
		t.Error("a number beyond all bounds is taken for equal")
	}
}

func TestDifferencesHideValues(t *testing.T) {
	differences := model.Diff(map[string]any{"a": "s3cret", "b": "s3cret", "c": "s3cret"}, map[string]any{"a": "0ther"}, nil)
	for _, text := range []string{
		fmt.Sprint(differences), fmt.Sprintf("%v %+v %#v", differences, differences, differences), model.Summary(differences, 2),
	} {
		if strings.Contains(text, "s3cret") || strings.Contains(text, "0ther") {
			t.Errorf("a value in %q", text)
		}
	}
	if got, want := model.Summary(differences, 2), "a, b and 1 more"; got != want {
		t.Errorf("summary %q, want %q", got, want)
	}
	if got, want := model.Summary(differences, 3), "a, b, c"; got != want {
		t.Errorf("summary %q, want %q", got, want)
	}
}

// FuzzDiff looks for shapes that panic, for a document that differs from itself, and for results that depend on chance.
func FuzzDiff(f *testing.F) {
	for _, seed := range [][2]string{
		{`{"l":[{"id":1},{"id":null},3],"s":[{}, [], "x"],"m":{"x":{"v":[1]}}}`, `{"l":{"id":1},"s":"x","m":[{"x":1}]}`},
		{`[1,{"a":[]}]`, `{"a":1}`}, {`null`, `{}`}, {`"x"`, `1e400`},
	} {
		f.Add(seed[0], seed[1])
	}
	rules := model.Rules{
		"": {Closed: true}, "l": {Key: []string{"id", "name"}, Ordered: true}, "s": {Set: true, FoldCase: true},
		"m": {Map: true, Closed: true}, "m.*": {Closed: true}, "d": {Default: []any{1.0}},
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		var want, have any
		if json.Unmarshal([]byte(a), &want) != nil || json.Unmarshal([]byte(b), &have) != nil {
			t.Skip()
		}
		first, second := model.Diff(want, have, rules), model.Diff(want, have, rules)
		if diff := cmp.Diff(model.Paths(first), model.Paths(second)); diff != "" {
			t.Errorf("two runs differ: %s", diff)
		}
		if same := model.Diff(want, want, model.Rules{"s": {Set: true}}); len(same) != 0 {
			t.Errorf("differs from itself: %v", same)
		}
	})
}
