// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package monitoring_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/api/resource"
)

// dashboard is the part of Grafana's format that is checked here.
type dashboard struct {
	Title, UID string
	Panels     []panel
	Templating struct{ List []variable }
}

type variable struct {
	Name, Type, Definition string
	Datasource             *datasource
	Query                  json.RawMessage
	IncludeAll             bool
	AllValue               string
}

type datasource struct{ Type, UID string }

type panel struct {
	ID                       int
	Type, Title, Description string
	Datasource               *datasource
	GridPos                  struct{ X, Y, W, H int }
	Targets                  []target
	Panels                   []panel
	FieldConfig              struct {
		Defaults struct{ Unit string }
	}
}

type target struct {
	RefID, Expr, LegendFormat string
	Datasource                *datasource
}

// installedDashboard is the one in the ConfigMap that Grafana's sidecar finds.
func installedDashboard(t *testing.T) dashboard {
	t.Helper()
	configMap := one[struct {
		Metadata struct{ Labels map[string]string }
		Data     map[string]string
	}](t, "ConfigMap", func(r *resource.Resource) bool { return strings.Contains(r.GetName(), "grafana") })
	if configMap.Metadata.Labels["grafana_dashboard"] == "" {
		t.Error("the ConfigMap of the dashboard lacks the label that the sidecar looks for")
	}
	var read dashboard
	if err := json.Unmarshal([]byte(configMap.Data["apisync.json"]), &read); err != nil {
		t.Fatalf("reading the dashboard: %v", err)
	}
	if len(read.Panels) < 20 {
		t.Fatalf("found only %d panels", len(read.Panels))
	}
	return read
}

func TestDashboardAsksForWhatExists(t *testing.T) {
	board, known := installedDashboard(t), gather(t)
	asked := map[string]bool{}
	for _, panel := range board.Panels {
		for _, target := range panel.Targets {
			expression := substituted(target.Expr)
			if strings.Contains(expression, "$") {
				t.Errorf("%s: %s has a variable that isn't known here", panel.Title, target.Expr)
			}
			result := checkExpression(t, known, panel.Title, expression)
			for _, selector := range selectors(t, expression) {
				asked[selector.Name] = true
			}
			for _, label := range matchesOf(target.LegendFormat, `\{\{(\w+)\}\}`) {
				if !result.has(label) {
					t.Errorf("%s: the legend %q names the label %s, which the series haven't", panel.Title, target.LegendFormat, label)
				}
			}
		}
	}
	for _, rule := range rules(t) {
		for _, selector := range selectors(t, rule.Expr) {
			asked[selector.Name] = true
		}
	}
	for name := range known {
		bare := strings.TrimSuffix(strings.TrimSuffix(name, "_count"), "_sum")
		if strings.HasPrefix(name, "apisync_") && !asked[name] && !asked[bare+"_bucket"] {
			t.Errorf("neither the dashboard nor a rule shows %s", name)
		}
	}
}

// substituted is the expression with values for Grafana's variables.
func substituted(expression string) string {
	return strings.NewReplacer("$__rate_interval", "5m", "$context", ".*").Replace(expression)
}

func TestDashboardVariables(t *testing.T) {
	board, known := installedDashboard(t), gather(t)
	var names []string
	for _, variable := range board.Templating.List {
		names = append(names, variable.Name)
		if variable.Type != "query" {
			continue
		}
		parts := regexp.MustCompile(`^label_values\((.+), (\w+)\)$`).FindStringSubmatch(variable.Definition)
		if parts == nil {
			t.Fatalf("the variable %s asks for %q, which this test can't read", variable.Name, variable.Definition)
		}
		if result := checkExpression(t, known, variable.Name, parts[1]); !result.has(parts[2]) {
			t.Errorf("the variable %s takes values of the label %s, which the series haven't", variable.Name, parts[2])
		}
		if !strings.Contains(string(variable.Query), mustQuote(t, variable.Definition)) {
			t.Errorf("the variable %s is defined as %s, but asks for %s", variable.Name, variable.Definition, variable.Query)
		}
		if variable.IncludeAll && variable.AllValue != ".*" {
			t.Errorf("all values of %s have to be .*, or what has none is left out", variable.Name)
		}
	}
	if want := []string{"datasource", "context"}; !slices.Equal(names, want) {
		t.Errorf("the dashboard has the variables %v, want %v", names, want)
	}
}

// TestDashboardPanels is about what makes Grafana show something else than was meant.
func TestDashboardPanels(t *testing.T) {
	board := installedDashboard(t)
	ids, titles := map[int]bool{}, map[string]bool{}
	var taken [][24]string
	for _, panel := range board.Panels {
		if panel.ID == 0 || ids[panel.ID] {
			t.Errorf("%s: the id %d is missing or taken", panel.Title, panel.ID)
		}
		if panel.Title == "" || titles[panel.Title] {
			t.Errorf("panel %d: the title %q is missing or taken", panel.ID, panel.Title)
		}
		ids[panel.ID], titles[panel.Title] = true, true
		if len(panel.Panels) > 0 {
			t.Errorf("%s: panels within a row aren't looked at by these tests", panel.Title)
		}
		taken = place(t, taken, panel)
		if panel.Type == "row" {
			continue
		}
		if len(panel.Description) < 20 || !strings.HasSuffix(panel.Description, ".") {
			t.Errorf("%s: the description %q says too little", panel.Title, panel.Description)
		}
		if len(panel.Targets) == 0 {
			t.Errorf("%s asks for nothing", panel.Title)
		}
		refs := map[string]bool{}
		for _, target := range panel.Targets {
			if target.RefID == "" || refs[target.RefID] {
				t.Errorf("%s: the reference %q of a query is missing or taken", panel.Title, target.RefID)
			}
			refs[target.RefID] = true
		}
	}
	for y, line := range taken {
		if strings.Join(line[:], "") == "" {
			t.Errorf("line %d of the grid is empty", y)
		}
	}
}

// place marks the cells of a panel on the grid of 24 columns.
func place(t *testing.T, taken [][24]string, panel panel) [][24]string {
	t.Helper()
	pos := panel.GridPos
	if pos.X < 0 || pos.Y < 0 || pos.W < 1 || pos.H < 1 || pos.X+pos.W > 24 {
		t.Errorf("%s lies outside of the grid: %+v", panel.Title, pos)
		return taken
	}
	for len(taken) < pos.Y+pos.H {
		taken = append(taken, [24]string{})
	}
	for y := pos.Y; y < pos.Y+pos.H; y++ {
		for x := pos.X; x < pos.X+pos.W; x++ {
			if taken[y][x] != "" {
				t.Errorf("%s lies on %s", panel.Title, taken[y][x])
				return taken
			}
			taken[y][x] = panel.Title
		}
	}
	return taken
}

// TestDashboardNamesNoDataSource: whoever imports it has others.
func TestDashboardNamesNoDataSource(t *testing.T) {
	board := installedDashboard(t)
	check := func(where string, source *datasource) {
		if source == nil || source.Type != "prometheus" || source.UID != "${datasource}" {
			t.Errorf("%s: the data source is %+v, want the variable", where, source)
		}
	}
	for _, variable := range board.Templating.List {
		if variable.Type != "datasource" {
			check(variable.Name, variable.Datasource)
		}
	}
	for _, panel := range board.Panels {
		if panel.Type == "row" {
			continue
		}
		check(panel.Title, panel.Datasource)
		for _, target := range panel.Targets {
			check(panel.Title+" "+target.RefID, target.Datasource)
		}
	}
}

func mustQuote(t *testing.T, text string) string {
	t.Helper()
	quoted, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(quoted)
}

// matchesOf are the first groups of all matches.
func matchesOf(text, expression string) []string {
	var found []string
	for _, match := range regexp.MustCompile(expression).FindAllStringSubmatch(text, -1) {
		found = append(found, match[1])
	}
	return found
}
