// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package template_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/template"
)

// store is a namespace: texts by kind:name/key.
type store map[string]string

func (s store) lookup(_ context.Context, kind template.Kind, name, key string) (string, error) {
	if text, ok := s[fmt.Sprintf("%s:%s/%s", kind, name, key)]; ok {
		return text, nil
	}
	for known := range s {
		if strings.HasPrefix(known, fmt.Sprintf("%s:%s/", kind, name)) {
			return "", fault.New(fault.Terminal, fault.ReasonTemplate, "key %s of %s %s is missing; add it", key, kind, name)
		}
	}
	return "", fault.New(fault.Waiting, fault.ReasonReference, "%s %s doesn't exist; create it", kind, name)
}

// creds are what most tests look up.
func creds() store {
	return store{
		"secret:creds/token": "tok-one", "secret:creds/user": "jane", "configmap:conf/note": "hello",
		"configmap:conf/target": "http://127.0.0.1:19999/fromcm", "configmap:conf/source": "creds/token",
	}
}

type spec struct {
	Description   string            `json:"description,omitempty"`
	Headers       map[string]string `json:"headers,omitempty"`
	Configuration json.RawMessage   `json:"configuration,omitempty"`
	Plans         []plan            `json:"plans,omitempty"`
	Free          any               `json:"free,omitempty"`
}

type plan struct {
	Name  string   `json:"name"`
	Tags  []string `json:"tags,omitempty"`
	Limit *int     `json:"limit,omitempty"`
}

func TestRenderGrammar(t *testing.T) {
	cases := map[string]struct {
		reason   string
		in, want string
	}{
		"secret":            {"as recorded in case 28", "[[ secret `creds/token` ]]", "tok-one"},
		"configmap":         {"as recorded in case 28", "[[ configmap `conf/target` ]]", "http://127.0.0.1:19999/fromcm"},
		"escape":            {"as recorded in case 28: a string is the only way to write the bracket", `note [[ configmap "conf/note" ]] [[ "[[" ]]`, "note hello [["},
		"no spaces":         {"Go needs none at the brackets", "[[secret `creds/token`]]", "tok-one"},
		"quotes":            {"both kinds of Go strings", `[[ secret "creds/token" ]]`, "tok-one"},
		"pipeline":          {"the name may come through a pipeline", "[[ `creds/token` | secret | printf `%q` ]]", `"tok-one"`},
		"parentheses":       {"and be in parentheses", "[[ secret (`creds/token`) ]]", "tok-one"},
		"computed":          {"or be computed, even from what was looked up", "[[ secret (configmap `conf/source`) ]]", "tok-one"},
		"trim":              {"trim markers work as in Go", "a  [[- `b` -]]  c", "abc"},
		"comment":           {"comments vanish", "a[[/* [[ secret */]]b", "ab"},
		"if":                {"branches", "[[ if eq (configmap `conf/note`) `hello` ]]yes[[ else ]]no[[ end ]]", "yes"},
		"else if":           {"all of them", "[[ if false ]]a[[ else if true ]]b[[ else ]]c[[ end ]]", "b"},
		"with":              {"sets the dot", "[[ with secret `creds/user` ]]<[[ . ]]>[[ end ]]", "<jane>"},
		"with else":         {"for what is empty", "[[ with `` ]]a[[ else ]]b[[ end ]]", "b"},
		"variables":         {"declared and assigned", "[[ $x := `a` ]][[ if true ]][[ $x = secret `creds/user` ]][[ end ]][[ $x ]]", "jane"},
		"comparisons":       {"all six, and the logic", "[[ and (ne 1 2) (lt 1 2) (le 2 2) (gt 3 2) (ge 3 3) (not false) (or false true) (eq 1 1) ]]", "true"},
		"text functions":    {"Go's, as in Go", "[[ print 1 2 `a` ]] [[ printf `%05d` 7 ]] [[ println `x` ]] [[ html `<` ]] [[ js `'` ]] [[ urlquery `a b` ]]", "1 2a 00007 x\n &lt; \\' a+b"},
		"html of nothing":   {"as in Go", "[[ html nil ]][[ print nil ]]", "&lt;no value&gt;<nil>"},
		"index, slice, len": {"on strings", "[[ index `abc` 1 ]] [[ slice `abc` 1 2 ]] [[ len `abc` ]]", "98 b 3"},
		"no data":           {"there is no data, as in GKO; Go prints that", "[[ . ]] [[ .x.y ]] [[ $ ]]", "<no value> <no value> <no value>"},
		"numbers":           {"results are strings", "[[ 1 ]] [[ 1.5 ]] [[ 'a' ]] [[ true ]]", "1 1.5 97 true"},
		"not rendered":      {"what is rendered isn't rendered again", "[[ `[[ secret \"creds/token\" ]]` ]]", `[[ secret "creds/token" ]]`},
		"other brackets":    {"Go's own delimiters mean nothing", "{{ secret }} ]] [ [", "{{ secret }} ]] [ ["},
		"lines":             {"actions may have several, and texts", "a\n[[ print\n`b` ]]\nc", "a\nb\nc"},
		"branch not taken":  {"nothing is looked up there", "[[ if false ]][[ secret `nowhere/x` ]][[ end ]]ok", "ok"},
		"short circuit":     {"nor there", "[[ or `a` (secret `nowhere/x`) ]]", "a"},
		"empty value":       {"what a function makes may be empty", "[[ print `` ]]", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := template.Render(t.Context(), spec{Description: c.in}, creds().lookup)
			if err != nil {
				t.Fatalf("%s: %v", c.reason, err)
			}
			if got.Spec.Description != c.want {
				t.Errorf("%s: %q became %q, want %q", c.reason, c.in, got.Spec.Description, c.want)
			}
		})
	}
}

// TestRenderEverywhere looks at what is rendered, what isn't, and what is told about it.
func TestRenderEverywhere(t *testing.T) {
	limit := 5
	in := spec{
		Description:   `note [[ configmap "conf/note" ]] [[ "[[" ]]`,
		Headers:       map[string]string{"[[ key ]]": "[[ secret `creds/token` ]]", "z.*/*": "a [[ secret `creds/user` ]] b"},
		Configuration: json.RawMessage(`{"n":9007199254740993,"f":1.0,"e":1E400,"deep":[[{"v":"<[[ secret \"creds/token\" ]]>"}]],"x":"\u005b\u005b 1 ]]","html":"<&>"}`),
		Plans:         []plan{{Name: "a"}, {Name: "[[ if secret `creds/user` ]]on[[ end ]]", Tags: []string{"x", "[[ print 1 ]]"}, Limit: &limit}},
	}
	before := asJSON(t, in)
	got, err := template.Render(t.Context(), in, creds().lookup)
	if err != nil {
		t.Fatal(err)
	}
	want := template.Rendered[spec]{
		Spec: spec{
			Description:   "note hello [[",
			Headers:       map[string]string{"[[ key ]]": "tok-one", "z.*/*": "a jane b"},
			Configuration: json.RawMessage(`{"deep":[[{"v":"<tok-one>"}]],"e":1E400,"f":1.0,"html":"<&>","n":9007199254740993,"x":"1"}`),
			Plans:         []plan{{Name: "a"}, {Name: "on", Tags: []string{"x", "1"}, Limit: &limit}},
		},
		// Neither "on", which stands in the template, nor "[[", nor "1", which has nothing to do with a look-up.
		Values:  []string{"note hello [[", "<tok-one>", "a jane b", "tok-one", "hello", "jane"},
		Sources: []template.Source{{Kind: template.ConfigMap, Name: "conf"}, {Kind: template.Secret, Name: "creds"}},
		Secret:  []string{"spec.configuration.deep[0][0].v", "spec.headers.[[ key ]]", "spec.headers.z.*/*", "spec.plans[1].name"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
	if after := asJSON(t, in); after != before {
		t.Errorf("the input was\n%s\nand is now\n%s", before, after)
	}
}

func TestRenderWithoutTemplates(t *testing.T) {
	cases := map[string]struct {
		reason string
		in     spec
	}{
		"plain":         {"nothing is decoded, so that even what JSON would change stays", spec{Description: "a", Configuration: json.RawMessage(`{"b": 1,"a":2}`), Plans: []plan{}}},
		"nested lists":  {"they have the bracket too, in JSON", spec{Configuration: json.RawMessage(`{"b": [[1]],"a":2}`), Plans: []plan{}}},
		"keys":          {"keys aren't rendered", spec{Headers: map[string]string{"[[ range ]]": "a"}, Plans: []plan{}}},
		"closing alone": {"it means nothing", spec{Description: "]]", Plans: []plan{}}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := template.Render(t.Context(), c.in, nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(template.Rendered[spec]{Spec: c.in}, got); diff != "" {
				t.Errorf("%s: want (-), got (+):\n%s", c.reason, diff)
			}
		})
	}
}

// TestNumbersInFreeForm: a field without a type keeps digits as well.
func TestNumbersInFreeForm(t *testing.T) {
	in := spec{Free: map[string]any{"n": json.Number("9007199254740993"), "s": "[[ 1 ]]"}}
	got, err := template.Render(t.Context(), in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if text := asJSON(t, got.Spec); text != `{"free":{"n":9007199254740993,"s":"1"}}` {
		t.Errorf("got %s", text)
	}
}

// TestValues: what must not be shown is more than what was looked up.
func TestValues(t *testing.T) {
	cases := map[string]struct {
		reason string
		in     string
		values []string
		secret bool
	}{
		"made of a value":   {"a piece tells the value in another form", "a [[ secret `creds/token` | printf `%x` ]] b", []string{"a 746f6b2d6f6e65 b", "746f6b2d6f6e65", "tok-one"}, true},
		"only decided by":   {"literal text stands in the spec", "[[ if secret `creds/token` ]]on[[ end ]]", []string{"tok-one"}, true},
		"a constant":        {"so does a constant", "[[ `abc` ]][[ if secret `creds/token` ]]on[[ end ]]", []string{"tok-one"}, true},
		"another piece":     {"a variable may have carried the value", "[[ $x := secret `creds/token` ]][[ slice $x 0 3 ]]", []string{"tok-one", "tok"}, true},
		"no look-up":        {"nothing is secret", "[[ print 1 2 ]]", nil, false},
		"a ConfigMap":       {"its values aren't shown either, but it is no Secret", "[[ configmap `conf/note` ]]", []string{"hello"}, false},
		"white space":       {"that is no value", "[[ printf `%.0s ` (secret `creds/user`) ]]", []string{"jane"}, true},
		"a value as a text": {"a value that also stands in the template is still a value", "[[ `tok-one` ]][[ secret `creds/token` ]]", []string{"tok-onetok-one", "tok-one"}, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := template.Render(t.Context(), spec{Description: c.in}, creds().lookup)
			if err != nil {
				t.Fatal(err)
			}
			var secret []string
			if c.secret {
				secret = []string{"spec.description"}
			}
			if diff := cmp.Diff(c.values, got.Values) + cmp.Diff(secret, got.Secret); diff != "" {
				t.Errorf("%s: want (-), got (+):\n%s", c.reason, diff)
			}
		})
	}
}

func TestLookupIsAskedOnce(t *testing.T) {
	asked := 0
	lookup := func(ctx context.Context, kind template.Kind, name, key string) (string, error) {
		asked++
		return creds().lookup(ctx, kind, name, key)
	}
	in := spec{Description: "[[ secret `creds/token` ]][[ secret `creds/token` ]]", Plans: []plan{{Name: "[[ secret `creds/token` ]]"}}}
	if _, err := template.Render(t.Context(), in, lookup); err != nil || asked != 1 {
		t.Errorf("asked %d times for one text, error %v; all fields have to agree", asked, err)
	}
}

func asJSON(t *testing.T, value any) string {
	t.Helper()
	content, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestRenderProblems(t *testing.T) {
	const syntax = ". Where [[ is meant as it is, write [[ \"[[\" ]]"
	const hidden = " (more isn't shown, since it may hold a value that was looked up)"
	const rangeRefused = "spec.description: the template uses range, which is refused: it can repeat for ever and hold a worker; write out what it would repeat"
	const refused = ", which is refused: templates that use each other can run for ever and hold a worker; write the text where it is used"
	cases := map[string]struct {
		reason string
		in     string
		want   string // the whole message
		kind   fault.Kind
		cause  string
	}{
		"range":               {"never ends over a huge number", "[[ range 1000000000 ]][[ end ]]", rangeRefused, fault.Terminal, fault.ReasonTemplate},
		"range in if":         {"wherever it stands", "[[ if false ]][[ range 9 ]][[ end ]][[ end ]]", rangeRefused, fault.Terminal, fault.ReasonTemplate},
		"range in with":       {"wherever it stands", "[[ with false ]][[ else ]][[ range 9 ]][[ end ]][[ end ]]", rangeRefused, fault.Terminal, fault.ReasonTemplate},
		"break":               {"it is part of a range", "[[ range 9 ]][[ if true ]][[ break ]][[ end ]][[ end ]]", rangeRefused, fault.Terminal, fault.ReasonTemplate},
		"continue":            {"it is part of a range", "[[ range 9 ]][[ continue ]][[ end ]]", rangeRefused, fault.Terminal, fault.ReasonTemplate},
		"template":            {"may call itself", "[[ template `x` ]]", "spec.description: the template uses template" + refused, fault.Terminal, fault.ReasonTemplate},
		"template in if":      {"wherever it stands", "[[ if false ]][[ template `x` . ]][[ end ]]", "spec.description: the template uses template" + refused, fault.Terminal, fault.ReasonTemplate},
		"block":               {"is define and template", "[[ block `x` . ]][[ end ]]", "spec.description: the template uses block" + refused, fault.Terminal, fault.ReasonTemplate},
		"block in with":       {"wherever it stands", "[[ with 1 ]][[- block `x` . ]][[ end ]][[ end ]]", "spec.description: the template uses block" + refused, fault.Terminal, fault.ReasonTemplate},
		"define":              {"is of no use without template", "a[[ define `x` ]][[ end ]]", "spec.description: the template uses define" + refused, fault.Terminal, fault.ReasonTemplate},
		"define of the main":  {"takes the place of the string", "[[ define `[[ ]]` ]]x[[ end ]] ", "spec.description: the template uses define" + refused, fault.Terminal, fault.ReasonTemplate},
		"recursion":           {"would end in the engine's limit of 100,000 calls", "[[ define `x` ]][[ template `x` ]][[ template `x` ]][[ end ]][[ template `x` ]]", "spec.description: the template uses template" + refused, fault.Terminal, fault.ReasonTemplate},
		"break alone":         {"Go's word, in these brackets", "[[ break ]]", "spec.description: the template can't be read: [[break]] outside [[range]]" + syntax, fault.Terminal, fault.ReasonTemplate},
		"syntax":              {"the engine's message, without its name for the template", "[[ if ]]", "spec.description: the template can't be read: missing value for if" + syntax, fault.Terminal, fault.ReasonTemplate},
		"no template":         {"such as a test in a shell script; the message tells the way out", "if [[ -f x ]]; then", "spec.description: the template can't be read: bad number syntax: \"-f\"" + syntax, fault.Terminal, fault.ReasonTemplate},
		"line":                {"where there are several", "a\n[[ foo ]]", "spec.description: the template can't be read: line 2: function \"foo\" not defined" + syntax, fault.Terminal, fault.ReasonTemplate},
		"line of the start":   {"which the engine also names the template for", "[[ `a`\n", "spec.description: the template can't be read: line 2: unclosed action started in line 1" + syntax, fault.Terminal, fault.ReasonTemplate},
		"sprig":               {"only Go's functions are there", "[[ upper `a` ]]", "spec.description: the template can't be read: function \"upper\" not defined" + syntax, fault.Terminal, fault.ReasonTemplate},
		"no slash":            {"form of the name", "[[ secret `creds` ]]", "spec.description: secret \"creds\" isn't of the form name/key, such as secret \"my-name/my-key\"", fault.Terminal, fault.ReasonTemplate},
		"two slashes":         {"there are no namespaces", "[[ configmap `ns/conf/note` ]]", "spec.description: configmap \"ns/conf/note\" isn't of the form name/key, such as configmap \"my-name/my-key\"", fault.Terminal, fault.ReasonTemplate},
		"no name":             {"an empty half", "[[ secret `/token` ]]", "spec.description: secret \"/token\" isn't of the form name/key, such as secret \"my-name/my-key\"", fault.Terminal, fault.ReasonTemplate},
		"no key":              {"an empty half", "[[ secret `creds/` ]]", "spec.description: secret \"creds/\" isn't of the form name/key, such as secret \"my-name/my-key\"", fault.Terminal, fault.ReasonTemplate},
		"computed":            {"a value isn't repeated", "[[ secret (secret `creds/token`) ]]", "spec.description: what the template computes for secret isn't of the form name/key", fault.Terminal, fault.ReasonTemplate},
		"missing":             {"the kind is the Lookup's", "[[ secret `late/key` ]]", "spec.description: secret late doesn't exist; create it", fault.Waiting, fault.ReasonReference},
		"missing key":         {"the kind is the Lookup's", "[[ secret `creds/other` ]]", "spec.description: key other of secret creds is missing; add it", fault.Terminal, fault.ReasonTemplate},
		"missing, of a value": {"a name that was made of a value isn't repeated", "[[ secret (printf `%s/x` (secret `creds/token`)) ]]", "spec.description: the name or key that the template computes for secret can't be looked up" + hidden, fault.Waiting, fault.ReasonReference},
		"missing, of text":    {"a name that was made of text is", "[[ secret (printf `%s/x` `late`) ]]", "spec.description: secret late doesn't exist; create it", fault.Waiting, fault.ReasonReference},
		"execution":           {"the engine's message, without its name for the template", "[[ index `abc` 5 ]]", "spec.description: the template fails at <index `abc` 5>: error calling index: index out of range: 5", fault.Terminal, fault.ReasonTemplate},
		"execution, hidden":   {"the number is part of a value", "[[ index `abc` (index (secret `creds/token`) 0) ]]", "spec.description: the template fails at <index `abc` (index (secret `creds/token`) 0)>: error calling index" + hidden, fault.Terminal, fault.ReasonTemplate},
		"call of a value":     {"call quotes what comes through the pipeline", "[[ secret `creds/token` | call ]]", "spec.description: the template fails at <call>: error calling call" + hidden, fault.Terminal, fault.ReasonTemplate},
		"field of a value":    {"what is wrong with types is told", "[[ (secret `creds/token`).Foo ]]", "spec.description: the template fails at <`creds/token`>: can't evaluate field Foo in type string", fault.Terminal, fault.ReasonTemplate},
		"arguments":           {"ours take one string", "[[ secret 1 ]]", "spec.description: the template fails at <1>: expected string; found 1", fault.Terminal, fault.ReasonTemplate},
		"no argument":         {"ours take one string", "[[ secret ]]", "spec.description: the template fails at <secret>: wrong number of args for secret: want 1 got 0", fault.Terminal, fault.ReasonTemplate},
		"half a letter":       {"JSON couldn't hold it", "[[ slice `é` 0 1 ]]", "spec.description: the template renders to bytes that aren't UTF-8 text; use values that are text", fault.Terminal, fault.ReasonTemplate},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := template.Render(t.Context(), spec{Description: c.in}, creds().lookup)
			if err == nil {
				t.Fatalf("%s: no error, got %q", c.reason, got.Spec.Description)
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Errorf("%s: want (-), got (+):\n%s", c.reason, diff)
			}
			if !errors.Is(err, c.kind) || fault.KindOf(err) != c.kind || fault.ReasonOf(err) != c.cause {
				t.Errorf("%s: %s, %s; want %s, %s", c.reason, fault.KindOf(err), fault.ReasonOf(err), c.kind, c.cause)
			}
			if diff := cmp.Diff(spec{}, got.Spec); diff != "" {
				t.Errorf("beside an error there is a spec:\n%s", diff)
			}
		})
	}
}

// TestLongMessages: a status isn't the place for a whole template; where it fails and why is enough.
func TestLongMessages(t *testing.T) {
	_, err := template.Render(t.Context(), spec{Description: "[[ index `" + strings.Repeat("x", 5000) + "` 9999 ]]"}, nil)
	if err == nil {
		t.Fatal("no error")
	}
	message := err.Error()
	if len(message) > 400 || !strings.HasPrefix(message, "spec.description: the template fails at <index `xxx") || !strings.HasSuffix(message, "index out of range: 9999") {
		t.Errorf("got %s", message)
	}
}

// TestSeveralProblems: a person wants to see all of them, and the worst decides.
func TestSeveralProblems(t *testing.T) {
	missing := func(name string) string { return "[[ secret `" + name + "/x` ]]" }
	cases := map[string]struct {
		reason string
		in     spec
		want   string
		kind   fault.Kind
	}{
		"the first decides": {
			"none is Terminal", spec{Description: missing("b"), Headers: map[string]string{"z": missing("z"), "a": "[[ configmap `slow/x` ]]"}},
			"spec.description: secret b doesn't exist; create it; spec.headers.a: slow down; spec.headers.z: secret z doesn't exist; create it", fault.Waiting,
		},
		"Terminal decides": {
			"waiting is of no use", spec{Description: missing("b"), Headers: map[string]string{"z": "[[ secret `creds` ]]"}},
			"spec.description: secret b doesn't exist; create it; spec.headers.z: secret \"creds\" isn't of the form name/key, such as secret \"my-name/my-key\"", fault.Terminal,
		},
		"many": {
			"five are enough to begin with",
			spec{Plans: []plan{{Name: missing("a")}, {Name: missing("b")}, {Name: missing("c")}, {Name: missing("d")}, {Name: missing("e")}, {Name: "[[ x ]]"}, {Name: missing("g")}}},
			"spec.plans[0].name: secret a doesn't exist; create it; spec.plans[1].name: secret b doesn't exist; create it; spec.plans[2].name: secret c doesn't exist; " +
				"create it; spec.plans[3].name: secret d doesn't exist; create it; spec.plans[4].name: secret e doesn't exist; create it; and 2 more", fault.Terminal,
		},
	}
	lookup := func(ctx context.Context, kind template.Kind, name, key string) (string, error) {
		if name == "slow" {
			return "", fault.New(fault.Transient, fault.ReasonThrottled, "slow down").After(time.Minute)
		}
		return creds().lookup(ctx, kind, name, key)
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := template.Render(t.Context(), c.in, lookup)
			if err == nil {
				t.Fatalf("no error, got %+v", got)
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Errorf("%s: want (-), got (+):\n%s", c.reason, diff)
			}
			if fault.KindOf(err) != c.kind || errors.Is(err, fault.Waiting) != (c.kind == fault.Waiting) {
				t.Errorf("%s: %s, want %s alone", c.reason, fault.KindOf(err), c.kind)
			}
		})
	}
}

// TestBesideAnError: what was looked up before has to be known, so that nothing of it is shown.
func TestBesideAnError(t *testing.T) {
	in := spec{Description: "[[ secret `creds/token` ]][[ secret `late/x` ]]"}
	got, err := template.Render(t.Context(), in, creds().lookup)
	want := template.Rendered[spec]{
		Values:  []string{"tok-one"},
		Sources: []template.Source{{Kind: template.Secret, Name: "creds"}, {Kind: template.Secret, Name: "late"}},
		Secret:  []string{"spec.description"},
	}
	if diff := cmp.Diff(want, got); err == nil || diff != "" {
		t.Errorf("error %v; want (-), got (+):\n%s", err, diff)
	}
}

func TestRetryAfterPassesThrough(t *testing.T) {
	lookup := func(context.Context, template.Kind, string, string) (string, error) {
		return "", fault.New(fault.Transient, fault.ReasonThrottled, "slow down").After(time.Minute)
	}
	_, err := template.Render(t.Context(), spec{Description: "[[ secret `a/b` ]]"}, lookup)
	if fault.RetryAfter(err) != time.Minute || fault.KindOf(err) != fault.Transient {
		t.Errorf("%v: retried after %s", err, fault.RetryAfter(err))
	}
}

func TestCancel(t *testing.T) {
	cases := map[string]struct {
		reason string
		err    error
	}{
		"the look-up fails":    {"why it fails doesn't matter", fault.Wrap(fault.Terminal, fault.ReasonReference, context.Canceled)},
		"the look-up succeeds": {"it may not have noticed", nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			asked := 0
			lookup := func(context.Context, template.Kind, string, string) (string, error) {
				asked++
				cancel()
				return "value", c.err
			}
			in := spec{Description: "[[ secret `a/b` ]]", Plans: []plan{{Name: "[[ secret `a/c` ]]"}}}
			_, err := template.Render(ctx, in, lookup)
			if !errors.Is(err, context.Canceled) || fault.KindOf(err) != fault.Transient || asked != 1 {
				t.Errorf("%s: asked %d times, error %v of kind %s; want the end at once, by the context", c.reason, asked, err, fault.KindOf(err))
			}
		})
	}
}

// TestBracketsByNumber: a part of a spec that is kept as text may spell the brackets in another way.
func TestBracketsByNumber(t *testing.T) {
	in := spec{Configuration: json.RawMessage(`{"a":"\u005B\u005b secret ` + "`creds/token`" + ` ]]"}`)}
	got, err := template.Render(t.Context(), in, creds().lookup)
	if err != nil || string(got.Spec.Configuration) != `{"a":"tok-one"}` {
		t.Errorf("got %s, error %v", got.Spec.Configuration, err)
	}
	if diff := cmp.Diff(template.Mentions{Secrets: []string{"creds"}}, template.MentionsOf(in)); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}

func TestThatJSONFails(t *testing.T) {
	_, err := template.Render(t.Context(), spec{Configuration: json.RawMessage("{")}, nil)
	if fault.KindOf(err) != fault.Terminal || fault.ReasonOf(err) != fault.ReasonIllegalState {
		t.Errorf("got %v", err)
	}
	// A field that takes no free text: its error would quote what was rendered.
	type picky struct {
		At moment `json:"at"`
	}
	_, err = template.Render(t.Context(), picky{At: "[[ secret `creds/token` ]]"}, creds().lookup)
	if fault.KindOf(err) != fault.Terminal || fault.ReasonOf(err) != fault.ReasonTemplate || strings.Contains(err.Error(), "tok-one") {
		t.Errorf("got %v", err)
	}
}

type moment string

func (m *moment) UnmarshalText(text []byte) error { return fmt.Errorf("%s isn't a time", text) }

// TestLimits: no template may take a worker's memory or time.
func TestLimits(t *testing.T) {
	doubled := "[[ $x := `0123456789abcdef` ]]" + strings.Repeat("[[ $x = print $x $x ]]", 40)
	many := func(n int, text string) []plan {
		plans := make([]plan, n)
		for i := range plans {
			plans[i].Name = text
		}
		return plans
	}
	cases := map[string]struct {
		reason string
		in     spec
		want   string
	}{
		"doubling":          {"a string doubles with each assignment", spec{Description: doubled}, "the template makes a text of more than 1048576 bytes"},
		"doubling, printf":  {"the same by format", spec{Description: strings.ReplaceAll(doubled, "print $x $x", "printf `%s%s` $x $x")}, "bytes"},
		"doubling, escaped": {"escapes double as well", spec{Description: "[[ $x := `\\\\\\\\` ]]" + strings.Repeat("[[ $x = js $x ]]", 40)}, "the template makes a text of more than 1048576 bytes"},
		"width":             {"fmt takes a million", spec{Description: "[[ printf `" + strings.Repeat("%999999d", 9) + "` 1 ]]"}, "printf may make a text of more than 4194304 bytes"},
		"width, one by one": {"each is within the limit of a text", spec{Description: strings.Repeat("[[ $x := printf `%999999d` 1 ]]", 100)}, "the templates of the object make more than 4194304 bytes of text"},
		"width, by star":    {"an argument may have the width", spec{Description: "[[ printf `" + strings.Repeat("%[1]*[2]d", 9) + "` 999999 1 ]]"}, "printf may make a text of more than 4194304 bytes"},
		"output":            {"it adds up", spec{Description: "[[ $x := printf `%600000d` 1 ]][[ $x ]][[ $x ]]"}, "the template renders to more than 1048576 bytes"},
		"output of all":     {"over all strings", spec{Plans: many(9, "[[ printf `%900000d` 1 ]]")}, "the templates of the object make more than 4194304 bytes of text"},
		"a long string":     {"what is longer isn't rendered", spec{Description: "[[ 1 ]]" + strings.Repeat("x", 1<<20)}, "it is longer than 1048576 bytes"},
		"actions":           {"they aren't even parsed", spec{Description: strings.Repeat("[[ 1 ]]", 10_001)}, "more than 10000 templates"},
		"actions of all":    {"in all strings", spec{Plans: many(5001, "[[ 1 ]][[ 1 ]]")}, "more than 10000 templates"},
		"parts":             {"each is evaluated once", spec{Description: "[[ print " + strings.Repeat("1 ", 10_000) + "]]"}, "more than 10000 parts"},
		"parts of all":      {"in all strings", spec{Plans: many(3000, "[[ 1 ]]")}, "more than 10000 parts"},
		"variables":         {"the parser compares each use with each declaration", spec{Description: "[[ print " + strings.Repeat("($a:=1)", 20_000) + strings.Repeat(" $a", 20_000) + "]]"}, "more than 10000 variables"},
		"deep":              {"neither parentheses", spec{Description: "[[ " + strings.Repeat("(", 10_001) + "1" + strings.Repeat(")", 10_001) + " ]]"}, "max expression depth exceeded"},
		"deep, branches":    {"nor branches may overflow the stack", spec{Description: strings.Repeat("[[ if 1 ]]", 4_000) + strings.Repeat("[[ end ]]", 4_000)}, "more than 10000 parts"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := template.Render(t.Context(), c.in, creds().lookup)
			if err == nil {
				t.Fatalf("%s: no error", c.reason)
			}
			if !strings.Contains(err.Error(), c.want) || fault.KindOf(err) != fault.Terminal || fault.ReasonOf(err) != fault.ReasonTemplate {
				t.Errorf("%s: want a Terminal fault with %q, got %s with %v", c.reason, c.want, fault.KindOf(err), err)
			}
		})
	}
}

// TestWithinLimits: what a person may write stays possible.
func TestWithinLimits(t *testing.T) {
	page := strings.Repeat("| a = b | $c |\n", 60_000)
	plans := make([]plan, 1000)
	for i := range plans {
		plans[i].Name = "[[ secret `creds/token` ]]"
	}
	got, err := template.Render(t.Context(), spec{Description: "[[ secret `creds/token` ]]" + page[:900_000], Plans: plans}, creds().lookup)
	if err != nil || !strings.HasPrefix(got.Spec.Description, "tok-one| a") || got.Spec.Plans[999].Name != "tok-one" {
		t.Errorf("a long page and a thousand templates aren't rendered: %v", err)
	}
	nested := strings.Repeat("[[ if 1 ]]", 1_500) + "x" + strings.Repeat("[[ end ]]", 1_500)
	if got, err := template.Render(t.Context(), spec{Description: nested}, nil); err != nil || got.Spec.Description != "x" {
		t.Errorf("nested branches aren't rendered: %v", err)
	}
}
