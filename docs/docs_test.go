// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

// Package docs_test keeps the documentation in step with the code that it speaks of.
package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/apisync/apisync/internal/cli"
)

const root = ".."

// TestConfigurationListsEverySetting reads the flags and variables from where the binary defines them. A setting
// that isn't documented is found here, and so is one that was documented and is gone.
func TestConfigurationListsEverySetting(t *testing.T) {
	source := read(t, filepath.Join(root, "options.go"))
	page := read(t, "configuration.md")
	table := page[:strings.Index(page, "## Metrics")]

	flags := matches(source, `Var\([^,]+, "([a-z-]+)"`)
	if len(flags) < 20 {
		t.Fatalf("found only %d flags in options.go; this test has to learn how they are defined now", len(flags))
	}
	flags = append(flags, "kubeconfig") // controller-runtime defines it
	slices.Sort(flags)
	if diff := cmp.Diff(flags, matches(table, "`--([a-z-]+)`")); diff != "" {
		t.Errorf("flags in options.go (-) and in docs/configuration.md (+):\n%s", diff)
	}

	variables := matches(source, `e\.(?:text|boolean|number|duration)\("([A-Z_]+)"`)
	if len(variables) < 25 {
		t.Fatalf("found only %d variables in options.go; this test has to learn how they are read now", len(variables))
	}
	documented := matches(table, "(?m)^\\|(?: `--[a-z-]+` \\|)? `([A-Z_]+)` \\|")
	variables = append(variables, "KUBECONFIG") // client-go reads it
	slices.Sort(variables)
	if diff := cmp.Diff(variables, documented); diff != "" {
		t.Errorf("variables in options.go (-) and in docs/configuration.md (+):\n%s", diff)
	}
}

// TestCommandLineListsEveryFlag makes the commands as main does: those of package cli, with the flags that options.go declares for
// them. Each flag has to be in the table with the commands that have it.
func TestCommandLineListsEveryFlag(t *testing.T) {
	source := read(t, filepath.Join(root, "options.go"))
	program := cli.Program{
		Invoked: "apisync",
		ClusterID: func(set *pflag.FlagSet) func() (string, error) {
			declare(t, set, source, "clusterIDFlag")
			return nil
		},
		Templating: func(set *pflag.FlagSet) func() (bool, error) {
			declare(t, set, source, "templatingFlag")
			return nil
		},
		Reach: func(set *pflag.FlagSet) func() (cli.Reach, error) {
			declare(t, set, source, "httpFlags")
			return nil
		},
		Scope: func(set *pflag.FlagSet) func() cli.Scope {
			declare(t, set, source, "namespacesFlag", "operatorNamespaceFlag")
			return nil
		},
	}
	page := read(t, "command-line.md")
	want := map[string][]string{}
	for _, command := range cli.New(program).Commands() {
		if !strings.Contains(page, "| `apisync "+command.Name()+"` |") {
			t.Errorf("docs/command-line.md doesn't list the command %s", command.Name())
		}
		command.Flags().VisitAll(func(flag *pflag.Flag) {
			name := "`--" + flag.Name + "`"
			if flag.Shorthand != "" {
				name = "`-" + flag.Shorthand + "`, " + name
			}
			want[name] = append(want[name], command.Name())
		})
	}
	if len(want) < 20 {
		t.Fatalf("found only %d flags; this test has to learn how commands are made now", len(want))
	}
	documented := map[string][]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| ((?:`-[a-zA-Z]`, )?`--[a-z-]+`) \\| [^|]+ \\| ([a-z, ]+) \\|").FindAllStringSubmatch(page, -1) {
		documented[row[1]] = strings.Split(row[2], ", ")
		slices.Sort(documented[row[1]])
	}
	if diff := cmp.Diff(want, documented); diff != "" {
		t.Errorf("flags of the commands (-) and in docs/command-line.md (+):\n%s", diff)
	}
}

// declare adds the flags that functions of options.go declare.
func declare(t *testing.T, set *pflag.FlagSet, source string, functions ...string) {
	t.Helper()
	for _, name := range functions {
		body := regexp.MustCompile(`(?s)\nfunc ` + name + `\(.*?\n}\n`).FindString(source)
		flags := matches(body, `Var\([^,]+, "([a-z-]+)"`)
		if len(flags) == 0 {
			t.Fatalf("found no flag in %s of options.go; this test has to learn how they are defined now", name)
		}
		for _, flag := range flags {
			set.String(flag, "", "")
		}
	}
}

// TestStatusListsEveryReason reads the reasons from the constants that conditions are made of.
func TestStatusListsEveryReason(t *testing.T) {
	page := read(t, "status.md")
	sources := []string{
		"internal/fault/fault.go", "internal/gather/context.go", "internal/mapi/gravitee/classify.go", "internal/controller/requests.go", "internal/mapi/mapi.go",
	}
	// It is for programs, and no condition has it.
	exceptions := []string{"ConfigurationChecked"}
	var found int
	for _, source := range sources {
		for _, reason := range matches(read(t, filepath.Join(root, source)), `(?m)^(?:const|\t)\s*Reason[A-Za-z]+\s*= "([A-Za-z]+)"`) {
			found++
			if !slices.Contains(exceptions, reason) && !strings.Contains(page, "| `"+reason+"` |") {
				t.Errorf("%s has the reason %s, which docs/status.md doesn't explain", source, reason)
			}
		}
	}
	if found < 15 {
		t.Errorf("found only %d reasons; this test has to learn where they are defined now", found)
	}
}

// TestMetricsAreDocumented finds what isn't listed at all; test/monitoring compares labels and types with what is really told.
func TestMetricsAreDocumented(t *testing.T) {
	page := read(t, "monitoring.md")
	files, err := filepath.Glob(filepath.Join(root, "internal/metrics/*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var found int
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, name := range matches(read(t, file), `"(apisync_[a-z_]+)"`) {
			found++
			if !strings.Contains(page, "| `"+name+"` |") {
				t.Errorf("docs/monitoring.md doesn't list the metric %s", name)
			}
		}
	}
	if found < 10 {
		t.Errorf("found only %d metrics in internal/metrics; this test has to learn how they are defined now", found)
	}
}

// TestLinksLeadSomewhere follows the links between the pages and into the tree.
func TestLinksLeadSomewhere(t *testing.T) {
	links := regexp.MustCompile(`\]\(([^)#][^)]*)\)`)
	for _, page := range pages(t) {
		for _, match := range links.FindAllStringSubmatch(read(t, page), -1) {
			target, _, _ := strings.Cut(match[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), filepath.FromSlash(target))); err != nil {
				t.Errorf("%s links to %s: %v", page, match[1], err)
			}
		}
	}
}

// TestMakeTargetsExist checks that what people are told to type works.
func TestMakeTargetsExist(t *testing.T) {
	makefile := read(t, filepath.Join(root, "Makefile"))
	targets := matches(makefile, `(?m)^([a-z-]+):.*## `)
	for _, page := range pages(t) {
		for _, named := range matches(read(t, page), "(?m)(?:`|^\\$ )make ([a-z-]+)") {
			if !slices.Contains(targets, named) {
				t.Errorf("%s tells to run make %s, which the Makefile doesn't have", page, named)
			}
		}
	}
}

func pages(t *testing.T) []string {
	t.Helper()
	found := []string{filepath.Join(root, "README.md"), filepath.Join(root, "CONTRIBUTING.md"), filepath.Join(root, "CHANGELOG.md")}
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".md" && !strings.HasPrefix(path, "reference") { // that is generated
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatalf("looking for pages: %v", err)
	}
	return found
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// matches are the first groups of all matches, sorted and without repetitions.
func matches(text, expression string) []string {
	var found []string
	for _, match := range regexp.MustCompile(expression).FindAllStringSubmatch(text, -1) {
		found = append(found, match[1])
	}
	slices.Sort(found)
	return slices.Compact(found)
}
