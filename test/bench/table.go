// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"text/tabwriter"
)

// Between these lines a file's table is replaced.
const (
	beginMark = "<!-- bench -->"
	endMark   = "<!-- /bench -->"
)

// nothing stands in a cell for which nothing was measured.
const nothing = "–"

// table has a column for each number of objects.
type table struct {
	caption string
	sizes   []int
	rows    []row
}

// row has a cell for each column, or none if it begins a section.
type row struct {
	label string
	cells []string
}

func (t *table) section(title string) { t.rows = append(t.rows, row{label: title}) }

func (t *table) row(label string, cell func(size int) string) {
	r := row{label: label}
	for _, size := range t.sizes {
		text := cell(size)
		if text == "" {
			text = nothing
		}
		r.cells = append(r.cells, text)
	}
	t.rows = append(t.rows, r)
}

func (t *table) header() []string {
	var header []string
	for _, size := range t.sizes {
		header = append(header, number(float64(size))+" objects")
	}
	return header
}

// print writes the table for a terminal.
func (t *table) print(to io.Writer) error {
	var aligned strings.Builder
	columns := tabwriter.NewWriter(&aligned, 0, 0, 2, ' ', 0)
	fmt.Fprintf(columns, "\t%s\n", strings.Join(t.header(), "\t"))
	for _, r := range t.rows {
		if r.cells != nil {
			fmt.Fprintf(columns, "  %s\t%s\n", r.label, strings.Join(r.cells, "\t"))
		}
	}
	if err := columns.Flush(); err != nil {
		return err
	}
	lines := strings.Split(aligned.String(), "\n")
	fmt.Fprintf(to, "\n%s\n\n%s\n", t.caption, lines[0])
	lines = lines[1:]
	// Titles of sections are long; among the columns they would make the first one as wide.
	for _, r := range t.rows {
		if r.cells == nil {
			fmt.Fprintf(to, "\n%s\n", r.label)
			continue
		}
		fmt.Fprintln(to, lines[0])
		lines = lines[1:]
	}
	return nil
}

// markdown is the table for a page.
func (t *table) markdown() string {
	var page strings.Builder
	fmt.Fprintf(&page, "%s\n\n| | %s |\n|---|%s\n", t.caption, strings.Join(t.header(), " | "), strings.Repeat("--:|", len(t.sizes)))
	for _, r := range t.rows {
		if r.cells == nil {
			fmt.Fprintf(&page, "| **%s** |%s\n", r.label, strings.Repeat(" |", len(t.sizes)))
			continue
		}
		fmt.Fprintf(&page, "| %s | %s |\n", r.label, strings.Join(r.cells, " | "))
	}
	return page.String()
}

// write puts the table into a file: between the marks if it has them, otherwise the file is new.
func (t *table) write(path string) error {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return os.WriteFile(path, []byte(t.markdown()), 0o644)
	}
	if err != nil {
		return err
	}
	before, after, err := around(path, string(content))
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(before+"\n"+t.markdown()+after), 0o644)
}

// checkOutput finds out before the measurement whether the table can be written.
func checkOutput(path string) error {
	if path == "" {
		return nil
	}
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		_, _, err = around(path, string(content))
	}
	return err
}

// around are the parts of a page before and behind its table, with the marks.
func around(path, content string) (before, after string, err error) {
	before, rest, begins := strings.Cut(content, beginMark+"\n")
	_, after, ends := strings.Cut(rest, endMark)
	if !begins || !ends {
		return "", "", fmt.Errorf("%s: it has no lines %s and %s, between which the table would be written; add them, or name a new file",
			path, beginMark, endMark)
	}
	return before + beginMark + "\n", endMark + after, nil
}
