// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// When colours are used.
const (
	colorAuto   = "auto"
	colorAlways = "always"
	colorNever  = "never"
)

// colorFlag declares --color. What it returns decides, once the flags are parsed.
func colorFlag(p Program, command *cobra.Command) func() bool {
	modes := []string{colorAuto, colorAlways, colorNever}
	mode := command.Flags().String("color", colorAuto, "colours in the text: auto (on a terminal, unless NO_COLOR is set), always or never")
	complete(command, "color", oneOf(modes...))
	checkFirst(command, func() error {
		if !slices.Contains(modes, *mode) {
			return fmt.Errorf("--color %q isn't known; use auto, always or never", *mode)
		}
		return nil
	})
	return func() bool {
		_, onTerminal := terminal(p.Out)
		return colored(*mode, onTerminal, p.variable("NO_COLOR"), p.variable("TERM"))
	}
}

// colored decides whether there are colours. NO_COLOR counts when it isn't empty, see no-color.org.
func colored(mode string, onTerminal bool, noColor, term string) bool {
	if mode != colorAuto {
		return mode == colorAlways
	}
	return onTerminal && noColor == "" && term != "dumb"
}

func (p Program) variable(name string) string {
	value, _ := p.Env(name)
	return value
}

// terminal tells whether people read what is written to out.
func terminal(out io.Writer) (descriptor int, is bool) {
	file, ok := out.(*os.File)
	if !ok {
		return 0, false
	}
	descriptor = int(file.Fd())
	return descriptor, term.IsTerminal(descriptor)
}

// width is how many characters a line of a terminal has; zero where that isn't known.
func width(out io.Writer) int {
	descriptor, is := terminal(out)
	if !is {
		return 0
	}
	columns, _, err := term.GetSize(descriptor)
	if err != nil {
		return 0
	}
	return columns
}

// progress tells people what goes on, in one line that is written over again. Where nobody looks, it is silent.
type progress struct {
	out    io.Writer
	silent bool
}

func newProgress(out io.Writer) *progress {
	_, looks := terminal(out)
	return &progress{out: out, silent: !looks}
}

// clearLine goes to the begin of the line and empties it.
const clearLine = "\r\x1b[K"

func (p *progress) line(text string) {
	if !p.silent {
		fmt.Fprint(p.out, clearLine+text)
	}
}

// end removes the line before something else is written.
func (p *progress) end() { p.line("") }
