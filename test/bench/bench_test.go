// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/apisync/apisync/test/simulator"
)

func TestOperation(t *testing.T) {
	const apis = "/management/organizations/DEFAULT/environments/DEFAULT/apis"
	for _, c := range []struct {
		method, path, query, want, id string
		page                          int
		why                           string
	}{
		{"POST", "/management/organizations/DEFAULT/user/login", "", opLogin, "", 0, "a login is a POST, and no write"},
		{"GET", "/management/organizations/DEFAULT/user", "", opProbe, "", 0, "a probe asks who it is"},
		{"GET", "/management/v2/organizations/DEFAULT/environments/DEFAULT", "", opProbe, "", 0, "a probe asks where it is"},
		{"POST", "/management/v2/organizations/DEFAULT/environments/DEFAULT/apis/_search", "page=12&perPage=200", opList, "", 12, "a page of a listing is a POST, and no write"},
		{"GET", apis + "/some-id", "", opRead, "some-id", 0, "a deep read"},
		{"GET", apis + "/some-id/export", "", opRead, "some-id", 0, "a part of one API belongs to its deep read"},
		{"GET", apis, "crossId=x", opLookUp, "", 0, "a look-up by key is no look at an API"},
		{"GET", "/management/v2/organizations/DEFAULT/environments/DEFAULT/groups", "", opOther, "", 0, "what isn't expected is seen too"},
		{"PUT", apis + "/import-crd", "dryRun=false", opWrite, "", 0, "an import"},
		{"PUT", apis + "/import-crd", "dryRun=true", opDryRun, "", 0, "a dry run writes nothing"},
		{"DELETE", apis + "/some-id", "", opWrite, "", 0, "a deletion is a write, and no look at the API"},
	} {
		r := simulator.Request{Method: c.method, Path: c.path, Query: c.query}
		if strings.Contains(c.path, "/environments/") {
			r.Environment = environment
		}
		if got := operation(r); got != c.want {
			t.Errorf("%s: %s %s is %q, want %q", c.why, c.method, c.path, got, c.want)
		}
		if got := readID(r); got != c.id {
			t.Errorf("%s: it looks at %q, want %q", c.why, got, c.id)
		}
		if got := page(r); got != c.page {
			t.Errorf("%s: it is page %d, want %d", c.why, got, c.page)
		}
	}
}

func TestVerdict(t *testing.T) {
	good := func() results {
		rounds := []fleetRound{{pass: pass{requests: requests{opList: 2}}, restart: restarted{requests: requests{opList: 2, opLogin: 1}}}}
		return results{burstSize: 10, bursts: []burstRound{{}}, fleets: []fleetResults{{size: 100, rounds: rounds}}}
	}
	for _, c := range []struct {
		why    string
		change func(*results)
		want   string
	}{
		{"one request per 50 objects is allowed, and a restart may log in", func(*results) {}, ""},
		{"a pass may not ask more", func(r *results) { r.fleets[0].rounds[0].pass.requests[opProbe] = 1 }, "a pass took 3 requests"},
		{"nothing is written to the management API at rest", func(r *results) { r.fleets[0].rounds[0].pass.requests = requests{opWrite: 1} }, "at rest, 1 writes"},
		{"nothing is written in Kubernetes at rest", func(r *results) { r.fleets[0].rounds[0].pass.stored = 2 }, "2 objects changed"},
		{"a restart writes nothing", func(r *results) { r.fleets[0].rounds[0].restart.requests[opWrite] = 1 }, "a restart wrote 1 times"},
		{"nor does one after a burst", func(r *results) { r.bursts[0].operator.again.stored = 1 }, "10 in step, round 1: a restart"},
	} {
		measured := good()
		c.change(&measured)
		err := measured.verdict()
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s, but: %v", c.why, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: got %v, want %q", c.why, err, c.want)
		}
	}
}

func TestMiddle(t *testing.T) {
	for _, c := range []struct {
		values []time.Duration
		want   time.Duration
	}{{nil, 0}, {[]time.Duration{7}, 7}, {[]time.Duration{9, 1, 2}, 2}, {[]time.Duration{9, 1, 2, 4}, 3}} {
		if got := middle(c.values); got != c.want {
			t.Errorf("the median of %v is %v, want %v", c.values, got, c.want)
		}
	}
}

func TestWritten(t *testing.T) {
	before := map[types.UID]string{"same": "1", "changed": "2", "gone": "3"}
	after := map[types.UID]string{"same": "1", "changed": "4", "new": "5"}
	if got := written(before, after); got != 2 {
		t.Errorf("%d objects were written, want the one that changed and the one that is new", got)
	}
}

func TestNumber(t *testing.T) {
	for value, want := range map[float64]string{0: "0", 999: "999", 1000: "1,000", 1234567.4: "1,234,567", -1000: "-1,000", -100: "-100"} {
		if got := number(value); got != want {
			t.Errorf("%v is written %q, want %q", value, got, want)
		}
	}
}

func someTable() *table {
	made := &table{caption: "How it was measured.", sizes: []int{50, 1000}}
	made.section("A section with a title that is longer than all labels")
	made.row("label", func(size int) string {
		if size == 50 {
			return ""
		}
		return "1.5 s"
	})
	return made
}

func TestTableOnTerminal(t *testing.T) {
	var printed strings.Builder
	if err := someTable().print(&printed); err != nil {
		t.Fatal(err)
	}
	want := `
How it was measured.

         50 objects  1,000 objects

A section with a title that is longer than all labels
  label  –           1.5 s
`
	if diff := cmp.Diff(want, printed.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

const tableAsMarkdown = `How it was measured.

| | 50 objects | 1,000 objects |
|---|--:|--:|
| **A section with a title that is longer than all labels** | | |
| label | – | 1.5 s |
`

func TestTableInPage(t *testing.T) {
	begin, end := "Before\n"+beginMark+"\n", endMark+"\nAfter\n"
	for name, c := range map[string]struct{ before, want string }{
		"a new page is the table":                  {"", tableAsMarkdown},
		"a table is replaced, and nothing else is": {begin + "\nan old table\n" + end, begin + "\n" + tableAsMarkdown + end},
		"so is one that was never made":            {begin + end, begin + "\n" + tableAsMarkdown + end},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "page.md")
			if c.before != "" {
				if err := os.WriteFile(path, []byte(c.before), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := checkOutput(path); err != nil {
				t.Fatal(err)
			}
			if err := someTable().write(path); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, string(got)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestPageWithoutMarks: otherwise somebody's page would be lost to a table, or the measurement to a typing mistake.
func TestPageWithoutMarks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page.md")
	for _, content := range []string{"text\n", "text\n" + beginMark + "\n", endMark + "\n" + beginMark + "\n"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := checkOutput(path); err == nil || !strings.Contains(err.Error(), beginMark) {
			t.Errorf("%q: got %v, want an error that names the marks", content, err)
		}
	}
}

// TestPerformancePageTakesTheTable keeps the command in the page working.
func TestPerformancePageTakesTheTable(t *testing.T) {
	if err := checkOutput(filepath.Join("..", "..", "docs", "performance.md")); err != nil {
		t.Error(err)
	}
}
