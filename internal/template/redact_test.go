// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package template_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/apisync/apisync/internal/template"
)

func TestRedact(t *testing.T) {
	cases := map[string]struct {
		reason string
		values []string
		in     string
		want   string
	}{
		"as it is":             {"wherever it stands, also within words", []string{"tok-one"}, "refused: tok-one, xtok-oney", "refused: [redacted], x[redacted]y"},
		"letter case":          {"headers and hosts are often changed to lower case", []string{"Tok-Öne"}, "TOK-ÖNE tok-öne", "[redacted] [redacted]"},
		"other letters":        {"letters of one kind may take a different number of bytes", []string{"kelvin"}, "\u212aELVIN.", "[redacted]."},
		"longest first":        {"no tail of the longer one is left", []string{"tok", "tok-one"}, "tok-one tok", "[redacted] [redacted]"},
		"overlap":              {"no part of either is left", []string{"abcd", "cdef"}, "xabcdefx", "x[redacted]x"},
		"one within another":   {"the longer one goes as a whole", []string{"bcd", "abcde"}, "abcde", "[redacted]"},
		"with itself":          {"no part is left", []string{"abab"}, "xabababx", "x[redacted]x"},
		"beside each other":    {"one mark is enough", []string{"abc", "def"}, "abcdef", "[redacted]"},
		"short":                {"what has one or two bytes is only replaced as a word", []string{"on"}, "one on, person on_ on", "one [redacted], person [redacted]_ [redacted]"},
		"short, other letters": {"letters and digits of any script are part of words", []string{"é"}, "é née é1 (é)", "[redacted] née é1 ([redacted])"},
		"short, in base64":     {"a form of what is short isn't looked for in words either", []string{"ab"}, "YWI= YWIx", "[redacted] YWIx"},
		"three bytes":          {"they are replaced within words too", []string{"abc"}, "xabcx", "x[redacted]x"},
		"blank":                {"white space isn't a value", []string{" ", "\n", ""}, "a b\nc", "a b\nc"},
		"without space around": {"files often end with a line feed", []string{" tok-one\n"}, "<tok-one>", "<[redacted]>"},
		"lines":                {"a part of a certificate may be quoted", []string{"-----BEGIN-----\r\n  MIIabcdef  \nshort\n"}, "a MIIabcdef b short -----begin-----", "a [redacted] b short [redacted]"},
		"marks":                {"they stay as they are", []string{"redacted", "red", "]"}, "[redacted] redacted red x]", "[redacted] [redacted] [redacted] x]"},
		"partly in a mark":     {"no part of the mark is left", []string{"d]x"}, "[redacted]xy", "[redacted]y"},
		"no UTF-8":             {"bytes that are no letters show as they are, or as the sign for those", []string{"a\xffb\xc3"}, "xa\xffb\xc3y xa\ufffdb\ufffdy", "x[redacted]y x[redacted]y"},
		"part of a letter":     {"the letter goes as a whole", []string{"\xa9abc\xc3"}, "éabcéx", "[redacted]x"},
		"nothing":              {"no text", []string{"abc"}, "", ""},
		"no values":            {"nothing to do", nil, "abc", "abc"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			clean := template.NewRedactor(c.values)
			got := clean(c.in)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s: want (-), got (+):\n%s", c.reason, diff)
			}
			if again := clean(got); again != got {
				t.Errorf("cleaned once more, %q became %q", got, again)
			}
		})
	}
}

// TestRedactForms: values are seen in the forms that other programs write them in.
func TestRedactForms(t *testing.T) {
	const value = "a\"b'c/d+e&f<g>h i\\j\tké?=:@"
	asJSON, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	requested := &url.URL{Scheme: "http", Host: "h", Path: "/" + value, RawQuery: url.Values{"q": {value}}.Encode(), User: url.User(value)}
	cases := map[string]string{
		"JSON":                  strings.Trim(string(asJSON), `"`),
		"JSON, not for HTML":    strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(strings.Trim(string(asJSON), `"`)),
		"URL, query":            url.QueryEscape(value),
		"URL, path":             url.PathEscape(value),
		"URL, lower case":       strings.ToLower(url.PathEscape(value)),
		"HTML":                  html.EscapeString(value),
		"HTML, by names":        strings.NewReplacer("&#34;", "&quot;", "&#39;", "&apos;").Replace(html.EscapeString(value)),
		"Go":                    strings.TrimSuffix(strings.TrimPrefix(strconv.Quote(value), `"`), `"`),
		"Go, ASCII":             strings.TrimSuffix(strings.TrimPrefix(strconv.QuoteToASCII(value), `"`), `"`),
		"base64":                base64.StdEncoding.EncodeToString([]byte(value)),
		"base64, no padding":    base64.RawStdEncoding.EncodeToString([]byte(value)),
		"base64 of URLs":        base64.URLEncoding.EncodeToString([]byte(value)),
		"base64 of URLs, short": base64.RawURLEncoding.EncodeToString([]byte(value)),
	}
	clean := template.NewRedactor([]string{value})
	for name, form := range cases {
		if got := clean("x" + form + "y"); got != "x[redacted]y" {
			t.Errorf("%s: %s became %s", name, form, got)
		}
	}
	if got, want := clean(fmt.Sprintf("Get %q: refused", requested)), `Get "http://[redacted]@h/[redacted]?q=[redacted]": refused`; got != want {
		t.Errorf("an error of Go's client became %s, want %s", got, want)
	}
}

// TestRedactConcurrently: the redactor of an object serves the requests of several workers.
func TestRedactConcurrently(t *testing.T) {
	clean := template.NewRedactor([]string{"tok-one"})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if got := clean("tok-one"); got != "[redacted]" {
				t.Errorf("got %q", got)
			}
		})
	}
	all.Wait()
}

// TestRedactKeepsItsValues: the caller may go on with its slice.
func TestRedactKeepsItsValues(t *testing.T) {
	values := []string{"tok-one"}
	clean := template.NewRedactor(values)
	values[0] = "other"
	if got := clean("tok-one other"); got != "[redacted] other" {
		t.Errorf("got %q", got)
	}
}

func BenchmarkRedact(b *testing.B) {
	values := make([]string, 300)
	for i := range values {
		values[i] = fmt.Sprintf("value-%d-%s", i, strings.Repeat("x", i))
	}
	text := strings.Repeat("The management API refused value-299-x and val: 400 ", 80)
	b.Run("prepare", func(b *testing.B) {
		for b.Loop() {
			template.NewRedactor(values)("x")
		}
	})
	b.Run("4 KiB", func(b *testing.B) {
		clean := template.NewRedactor(values)
		for b.Loop() {
			clean(text)
		}
	})
}

// A management API, or the back end that reads from it, shortens long texts without knowing of values.
func TestValuesThatWereCutOffAreRedacted(t *testing.T) {
	redact := template.NewRedactor([]string{"correct-horse-battery", "xy"})
	cases := map[string]struct{ why, text, want string }{
		"cut off":         {"half of a secret is a secret", "path /correct-hor… exists", "path /[redacted]… exists"},
		"in another case": {"servers change it", "header CORRECT-HORSE-BATT...", "header [redacted]..."},
		"hardly anything": {"a few letters reveal nothing, and would shred messages", "the cor…", "the cor…"},
		"not the begin":   {"only the end of a text is cut off", "battery…", "battery…"},
		"no ellipsis":     {"nothing was cut off", "correct-ho exists", "correct-ho exists"},
		"whole":           {"it is found anyway", "correct-horse-battery…", "[redacted]…"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := redact(c.text); got != c.want {
				t.Errorf("got %q, want %q: %s", got, c.want, c.why)
			}
		})
	}
}
