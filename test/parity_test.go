// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package test_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// points is how many there are in the list of what must not break for users of GKO (shared/reference/gko-compatibility.md part 10).
const points = 30

// TestEveryPointIsShownOrExplained: each number is in the name of an integration spec, or in the table of what is deliberately otherwise.
func TestEveryPointIsShownOrExplained(t *testing.T) {
	found := map[int]string{}
	files, err := filepath.Glob(filepath.Join("integration", "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		for _, match := range regexp.MustCompile(`It\("point (\d\d): `).FindAllStringSubmatch(content(t, file), -1) {
			found[number(t, match[1])] = file
		}
	}
	if len(found) == 0 {
		t.Fatal("no spec has a number; this test has to learn how they are named now")
	}
	page := content(t, filepath.Join("..", "docs", "differences-from-gko.md"))
	_, table, ok := strings.Cut(page, "| point | here |")
	if !ok {
		t.Fatal("docs/differences-from-gko.md has no table of points")
	}
	for _, match := range regexp.MustCompile(`(?m)^\| (\d+) \| .{10,} \|$`).FindAllStringSubmatch(table, -1) {
		found[number(t, match[1])] = "the table"
	}
	for i := 1; i <= points; i++ {
		if found[i] == "" {
			t.Errorf("point %d is shown by no spec and explained by no row", i)
		}
	}
}

func content(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
