// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"text/tabwriter"
)

// table aligns rows; the first one is their heading.
func table(s *screen, rows [][]string) string {
	var text strings.Builder
	const gap = 2
	writer := tabwriter.NewWriter(&text, 0, 0, gap, ' ', 0)
	for _, row := range rows {
		_, _ = writer.Write([]byte(strings.Join(row, "\t") + "\n")) // a strings.Builder never fails
	}
	_ = writer.Flush()
	heading, body, _ := strings.Cut(text.String(), "\n")
	// Painted afterwards: tabwriter would count the colours as characters.
	return s.paint(faint, strings.TrimRight(heading, " ")) + "\n" + body
}

// fits tells whether a table has room on the screen; what isn't a terminal has no width.
func (s *screen) fits(table string) bool {
	for line := range strings.Lines(table) {
		if s.width > 0 && len(indent)+len([]rune(line)) > s.width+1 {
			return false
		}
	}
	return true
}
