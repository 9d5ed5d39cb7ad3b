// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package template

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// TestMostPrinted: what is refused before it is made must never be less than what is made.
func TestMostPrinted(t *testing.T) {
	formats := []string{
		"", "plain", "%", "%%", "%d", "%s", "%v", "%+v", "%#v", "%T", "%q", "%+q", "%#q", "%x", "%X", "% x", "%# x", "%#X", "%c", "%U", "%#U", "%b", "%o", "%O", "%t", "%p",
		"%e", "%g", "%f", "%9999d", "%-9999d", "%09999d", "%.9999d", "%9999.9999d", "%.9999f", "%9999.9999f", "%1000000d", "%1000001d", "%9999999d", "%99999999d", "%.1000000e", "%9999x", "%9999q", "%9999z",
		"%*d", "%.*d", "%*.*f", "%[2]*[1]d", "%[3]*.[2]*[1]f", "%[1]d%[1]d%[1]d", "%[1]s%[1]q% #[1]x", "%[9]d", "%[x]9999d", "%[", "%[1", "%[1]", "%+#-0 9999.9999d", "%9999", "%.",
		"%s%s%s%s", "%é", "%!", "%9999\xff", "%d %[1]*d",
	}
	arguments := [][]any{
		nil, {1}, {"text"}, {strings.Repeat("\x00", 999)}, {strings.Repeat("\U0010ffff", 999), 7}, {1e308}, {math.Inf(-1)}, {complex(1e308, -1e308)}, {true}, {nil}, {uint8(7)},
		{9999, 1}, {-9999, 1}, {9999, 9999, 1.5}, {1.5, 9999, 9999}, {math.MinInt64, 1}, {uint64(math.MaxUint64), 1}, {1_000_000, 1}, {1_000_001, 1}, {"a", "b", "c", "d", "e"}, {'x', "y"},
	}
	for _, format := range formats {
		for _, args := range arguments {
			if made, most := len(fmt.Sprintf(format, args...)), mostPrinted(format, args); made > most {
				t.Errorf("printf %q of %.40v makes %d bytes, more than %d", format, args, made, most)
			}
		}
	}
}

func FuzzMostPrinted(f *testing.F) {
	f.Add("%[3]*.[2]*[1]f %s", "text", 9999, 1.5)
	f.Add("%# x%9999q%!", "\x00\U0010ffff", -1, 1e308)
	f.Fuzz(func(t *testing.T, format, text string, whole int, broken float64) {
		args := []any{text, whole, broken, nil, complex(broken, broken)}
		most := mostPrinted(format, args)
		if most > maxText {
			return // The table has such, and they take long.
		}
		if made := len(fmt.Sprintf(format, args...)); made > most {
			t.Errorf("printf %q makes %d bytes, more than %d", format, made, most)
		}
	})
}

// TestVariables: the count must not miss any, or the parser may be kept busy.
func TestVariables(t *testing.T) {
	cases := map[string]struct {
		reason string
		text   string
		want   int
	}{
		"in actions":  {"there they are variables", "[[ $x := 1 ]][[ print $x $ ]]", 3},
		"in text":     {"there they aren't", "$a [[ 1 ]] $b [[ $c ]] $d", 1},
		"in strings":  {"nor there", "[[ print \"$ \\\" $ ]] $\" `$ ]] $` '$' ]] $", 0},
		"in comments": {"nor there", "[[/* $ ]] */]][[- /* $ */ -]][[ $x ]]", 1},
		"not closed":  {"the parser stops there", "[[ $x `$", 1},
		"character":   {"a quote may be a character", `[[ '"' $x '\'' $y "\\" $z ]]`, 3},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := variables(c.text); got != c.want {
				t.Errorf("%s: %d in %s, want %d", c.reason, got, c.text, c.want)
			}
		})
	}
}
