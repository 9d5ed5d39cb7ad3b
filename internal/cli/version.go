// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is what the program knows about itself.
type version struct {
	Version string `json:"version"`
	// Revision is the commit, where the build recorded it.
	Revision  string `json:"revision,omitempty"`
	GoVersion string `json:"goVersion"`
	Platform  string `json:"platform"`
}

func newVersion(p Program) *cobra.Command {
	command := &cobra.Command{
		Use:               "version",
		Short:             "Print the version",
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	format := formatFlag(command, formatText, formatJSON, formatYAML)
	command.RunE = func(*cobra.Command, []string) error {
		known := version{Version: p.Version, Revision: revision(), GoVersion: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
		if *format == formatText {
			fmt.Fprintf(p.Out, "%s %s (%s, %s)\n", programName, known.Version, known.GoVersion, known.Platform)
			return nil
		}
		return printAs(p.Out, *format, known)
	}
	return command
}

func revision() string {
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, setting := range build.Settings {
		if setting.Key == "vcs.revision" {
			return setting.Value
		}
	}
	return ""
}
