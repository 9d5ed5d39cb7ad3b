// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package monitoring_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestEachAlertHasARunbook also finds runbooks of alerts that are gone.
func TestEachAlertHasARunbook(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "docs/runbooks/*.md"))
	if err != nil {
		t.Fatal(err)
	}
	known := alerts(t)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".md")
		if _, exists := known[name]; !exists {
			t.Errorf("%s: there is no such alert", file)
		}
	}
	for name := range known {
		if !slices.Contains(files, filepath.Join(root, known[name].Annotations["runbook"])) {
			t.Errorf("%s has no runbook", name)
		}
	}
}

func TestRunbooks(t *testing.T) {
	known := gather(t)
	for name := range alerts(t) {
		page := document(t, "docs/runbooks/"+name+".md")
		if !strings.HasPrefix(page, "# "+name+"\n") {
			t.Errorf("%s: the title isn't the name of the alert", name)
		}
		if got, want := matchesOf(page, `(?m)^## (.*)$`), []string{"Meaning", "Impact", "Diagnosis", "Mitigation"}; !slices.Equal(got, want) {
			t.Errorf("%s: the headings are %v, want %v", name, got, want)
		}
		for _, section := range strings.Split(page, "\n## ")[1:] {
			heading, text, _ := strings.Cut(section, "\n")
			if len(strings.TrimSpace(text)) < 40 {
				t.Errorf("%s: there is nothing below %s", name, heading)
			}
		}
		diagnosis := page[strings.Index(page, "## Diagnosis"):strings.Index(page, "## Mitigation")]
		if !strings.Contains(diagnosis, "$ kubectl ") && !strings.Contains(diagnosis, "```promql") {
			t.Errorf("%s: the diagnosis names no command", name)
		}
		for _, expression := range matchesOf(page, "(?s)```promql\n(.*?)```") {
			checkExpression(t, known, name, strings.ReplaceAll(expression, "<namespace>/<name>", "ns/ctx"))
		}
	}
}

// TestAlertsAreListed compares the table of the page with the rules.
func TestAlertsAreListed(t *testing.T) {
	want := map[string]string{}
	for name, alert := range alerts(t) {
		want[name] = fmt.Sprintf("%s after %s", alert.Labels["severity"], spoken(time.Duration(alert.For)))
	}
	got := map[string]string{}
	for _, row := range regexp.MustCompile(`(?m)^\| \[(\w+)\]\(runbooks/(\w+)\.md\) \| (\w+) \| .* \| ([^|]*) \|$`).FindAllStringSubmatch(document(t, "docs/monitoring.md"), -1) {
		if row[1] != row[2] {
			t.Errorf("%s leads to the runbook of %s", row[1], row[2])
		}
		got[row[1]] = row[3] + " after " + row[4]
	}
	if !maps.Equal(got, want) {
		t.Errorf("docs/monitoring.md lists the alerts\n%v\nwant\n%v", got, want)
	}
}

func spoken(duration time.Duration) string {
	switch {
	case duration == 0:
		return "at once"
	case duration%time.Hour == 0:
		return fmt.Sprintf("%d h", duration/time.Hour)
	}
	return fmt.Sprintf("%d min", duration/time.Minute)
}

// TestMetricsAreListed compares the table of the page with what is really told: names, types, labels and values.
func TestMetricsAreListed(t *testing.T) {
	page, known := document(t, "docs/monitoring.md"), gather(t)
	rows := map[string][]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(apisync_[a-z_]+)` \\| (\\w+) \\| ([^|]*) \\| (.*) \\|$").FindAllStringSubmatch(page, -1) {
		rows[row[1]] = row[2:]
	}
	for name, labels := range known {
		bare := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_count"), "_sum")
		if !strings.HasPrefix(name, "apisync_") {
			continue
		}
		row, listed := rows[bare]
		if !listed {
			t.Errorf("docs/monitoring.md doesn't list %s", bare)
			continue
		}
		delete(labels, "le")
		got, want := slices.Sorted(slices.Values(strings.Split(row[1], ", "))), slices.Sorted(maps.Keys(labels))
		if !slices.Equal(got, want) {
			t.Errorf("docs/monitoring.md gives %s the labels %v, want %v", bare, got, want)
		}
		for _, label := range []string{"operation", "event", "verdict", "kind", "state"} {
			for _, value := range labels[label] {
				if !strings.Contains(page, "`"+value+"`") {
					t.Errorf("docs/monitoring.md doesn't explain %s=%s of %s", label, value, bare)
				}
			}
		}
	}
	for name, row := range rows {
		if wantType := typeOf(known, name); row[0] != wantType {
			t.Errorf("docs/monitoring.md calls %s a %s; it is a %s", name, row[0], wantType)
		}
	}
}

func typeOf(known catalogue, name string) string {
	_, histogram := known[name+"_bucket"]
	_, exists := known[name]
	switch {
	case histogram:
		return "histogram"
	case !exists:
		return "metric that doesn't exist"
	case strings.HasSuffix(name, "_total"):
		return "counter"
	}
	return "gauge"
}

// TestAnchorsExist follows links to headings; docs/docs_test.go follows those to files.
func TestAnchorsExist(t *testing.T) {
	pages := []string{"docs/monitoring.md"}
	for name := range alerts(t) {
		pages = append(pages, "docs/runbooks/"+name+".md")
	}
	for _, page := range pages {
		for _, link := range matchesOf(document(t, page), `\]\(([^)]*#[^)]*)\)`) {
			file, anchor, _ := strings.Cut(link, "#")
			target := page
			if file != "" {
				target = filepath.Join(filepath.Dir(page), file)
			}
			var anchors []string
			for _, heading := range matchesOf(document(t, target), `(?m)^#+ (.*)$`) {
				anchors = append(anchors, anchorOf(heading))
			}
			if !slices.Contains(anchors, anchor) {
				t.Errorf("%s links to %s, but the headings there are %v", page, link, anchors)
			}
		}
	}
}

// anchorOf is what the viewers of Markdown make of a heading.
func anchorOf(heading string) string {
	kept := regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(heading), "")
	return strings.ReplaceAll(kept, " ", "-")
}

func document(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
