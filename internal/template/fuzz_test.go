// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package template_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/template"
)

// seeds are texts from which fuzzing starts.
func seeds() []string {
	return []string{
		"plain", "[[", "]]", "[[ secret `creds/token` ]]", "[[ configmap \"conf/note\" ]] [[ \"[[\" ]]", "[[ `creds/token` | secret | printf `%x` ]]",
		"[[ if eq (secret `creds/token`) `x` ]]a[[ else with `b` ]][[ . ]][[ end ]]", "[[- $x := secret `creds/user` -]] [[ $x = print $x $x ]][[ slice $x 1 3 ]]",
		"[[ range 9 ]][[ break ]][[ end ]]", "[[ define `x` ]][[ template `x` ]][[ end ]][[ template `x` ]]", "[[ block `[[ ]]` . ]][[ end ]]", "[[/* c */]]",
		"[[ secret `creds/token` | call ]]", "[[ index (secret `creds/token`) 99 ]]", "[[ printf `%999999d%*[1]d` 1 ]]", "[[ with `late/x` ]][[ secret . ]][[ end ]]",
		"[[ and ]][[ or nil ]][[ nil ]][[ len nil ]][[ index nil 1 ]]", "[[ (secret `creds/token`).x.y ]]", "[[ print secret ]][[ secret.x ]]", "[[ 1i ]][[ 0x1p-2 ]][[ '\\'' ]]",
	}
}

// FuzzRender: whatever stands in a string, rendering ends, without a panic, within limits and with the same result each time. What is
// refused isn't rendered, the input stays as it is, and errors hold no value.
func FuzzRender(f *testing.F) {
	for _, seed := range seeds() {
		f.Add(seed, "s3cr3t~v4lue")
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		if value == "" || !utf8.ValidString(text) {
			return
		}
		in := spec{Description: text, Plans: []plan{{Name: text + "[[ secret `creds/token` ]]"}}}
		before := asJSON(t, in)
		known := store{"secret:creds/token": value, "secret:creds/user": "jane", "configmap:conf/note": value}
		got, err := template.Render(t.Context(), in, known.lookup)
		again, errAgain := template.Render(t.Context(), in, known.lookup)
		if diff := cmp.Diff(got, again) + cmp.Diff(messageOf(err), messageOf(errAgain)); diff != "" {
			t.Errorf("rendered twice, got another result:\n%s", diff)
		}
		if after := asJSON(t, in); after != before {
			t.Errorf("the input was %s and is %s", before, after)
		}
		checkRendered(t, got, err)
		if err == nil && !strings.Contains(text, "[[") && got.Spec.Description != text {
			t.Errorf("%q became %q", text, got.Spec.Description)
		}
		if err != nil && len(value) > 8 && strings.Contains(err.Error(), value) && !strings.Contains(text, value) {
			t.Errorf("the error holds a value: %v", err)
		}
	})
}

func checkRendered(t *testing.T, got template.Rendered[spec], err error) {
	t.Helper()
	if err != nil && fault.ReasonOf(err) == fault.ReasonFailed {
		t.Errorf("the error isn't a fault: %v", err)
	}
	if err != nil && strings.Contains(err.Error(), "engine fails") {
		t.Errorf("the engine panics: %v", err)
	}
	if size := len(got.Spec.Description); size > 1<<20 {
		t.Errorf("rendered to %d bytes", size)
	}
	if len(got.Values) > 0 && len(got.Sources) == 0 {
		t.Errorf("values %q without a source", got.Values)
	}
	if slices.ContainsFunc(got.Values, func(value string) bool { return strings.TrimSpace(value) == "" }) {
		t.Errorf("blank among %q", got.Values)
	}
}

func messageOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// FuzzMentions: what rendering looks up was mentioned, or may be anything.
func FuzzMentions(f *testing.F) {
	for _, seed := range seeds() {
		f.Add(seed, `{"a":["x"]}`)
	}
	f.Add("[[ if true ]]", `{"a":[["[[ secret `+"`b/c`"+` ]]"]]}`)
	f.Fuzz(func(t *testing.T, text, configuration string) {
		in := spec{Description: text}
		if json.Valid([]byte(configuration)) {
			in.Configuration = json.RawMessage(configuration)
		}
		got := template.MentionsOf(&in)
		lookup := func(_ context.Context, kind template.Kind, name, _ string) (string, error) {
			names := got.Secrets
			if kind == template.ConfigMap {
				names = got.ConfigMaps
			}
			if !got.Dynamic && !slices.Contains(names, name) {
				t.Errorf("%s %q is looked up, but only %+v is mentioned", kind, name, got)
			}
			return "creds/token", nil
		}
		if rendered, err := template.Render(t.Context(), in, lookup); err != nil {
			if diff := cmp.Diff(spec{}, rendered.Spec); diff != "" {
				t.Errorf("beside an error there is a spec:\n%s", diff)
			}
		}
	})
}

// FuzzRedact: no value of three bytes or more is left of a text, whatever they are and in whatever case.
func FuzzRedact(f *testing.F) {
	f.Add("tok-one", "tok", "", "refused: tok-one TOK-ONE")
	f.Add("abcd", "cdef", "on", "xabcdefx on one")
	f.Add("red", "[redacted]", "d]x", "[redacted]x redacted")
	f.Add("a\xffb\xc3", "\xa9abc", "\ufffdabc", "éabcé a\xffb\xc3")
	f.Add(" line one is long\nline two is long\n", "\u212aelvin", "ß", "Kelvin LINE TWO IS LONG")
	f.Fuzz(func(t *testing.T, one, two, three, text string) {
		values := []string{one, two, three}
		clean := template.NewRedactor(values)
		for part := range strings.SplitSeq(clean(text), "[redacted]") {
			for _, value := range values {
				if len(value) >= 3 && strings.TrimSpace(value) != "" && holds(part, value) {
					t.Errorf("%q is left in %q of %q", value, part, text)
				}
			}
		}
	})
}

// holds tells whether a text has a value in any letter case.
func holds(text, value string) bool {
	if strings.Contains(text, value) {
		return true
	}
	letters := utf8.RuneCountInString(value)
	for from := range text {
		end, rest := from, letters
		for ; rest > 0 && end < len(text); rest-- {
			_, size := utf8.DecodeRuneInString(text[end:])
			end += size
		}
		if rest == 0 && strings.EqualFold(text[from:end], value) {
			return true
		}
	}
	return false
}
