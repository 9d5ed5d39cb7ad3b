// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"strings"
	"testing"
)

func TestColored(t *testing.T) {
	cases := map[string]struct {
		mode          string
		onTerminal    bool
		noColor, term string
		want          bool
	}{
		"on a terminal":             {colorAuto, true, "", "xterm", true},
		"in a pipe":                 {colorAuto, false, "", "xterm", false},
		"not wanted anywhere":       {colorAuto, true, "1", "xterm", false},
		"on a terminal without any": {colorAuto, true, "", "dumb", false},
		"asked for":                 {colorAlways, false, "1", "dumb", true},
		"refused":                   {colorNever, true, "", "xterm", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := colored(c.mode, c.onTerminal, c.noColor, c.term); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestOnlyYesDeletes(t *testing.T) {
	for answer, deletes := range map[string]bool{
		"yes\n": true, " yes \n": true, "yes": true, "y\n": false, "": false, "\n": false, "no\nyes\n": false, strings.Repeat(" ", maxAnswer) + "yes\n": false,
	} {
		var out bytes.Buffer
		err := confirm(strings.NewReader(answer), &out, 3)
		if (err == nil) != deletes || !strings.Contains(out.String(), "3 APIs") {
			t.Errorf("%q: %v after %q", answer, err, out.String())
		}
	}
}

func TestProgress(t *testing.T) {
	var out bytes.Buffer
	silent := newProgress(&out)
	silent.line("reading")
	silent.end()
	if out.Len() > 0 {
		t.Errorf("a log got %q", out.String())
	}
	looked := progress{out: &out}
	looked.line("reading")
	looked.end()
	if out.String() != clearLine+"reading"+clearLine {
		t.Errorf("a terminal got %q", out.String())
	}
}
