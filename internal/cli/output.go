// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/apisync/apisync/internal/document"
)

// Formats of what a command prints.
const (
	formatText = "text"
	formatJSON = "json"
	formatYAML = "yaml"
)

// formatFlag declares -o; the first format is the default.
func formatFlag(command *cobra.Command, formats ...string) *string {
	format := command.Flags().StringP("output", "o", formats[0], "format of the output: "+strings.Join(formats, ", "))
	complete(command, "output", oneOf(formats...))
	checkFirst(command, func() error {
		if !slices.Contains(formats, *format) {
			return fmt.Errorf("--output %q isn't known; use %s", *format, strings.Join(formats, " or "))
		}
		return nil
	})
	return format
}

// checkFirst adds a check of flags that is made before the command runs.
func checkFirst(command *cobra.Command, check func() error) {
	before := command.PreRunE
	command.PreRunE = func(command *cobra.Command, args []string) error {
		if before != nil {
			if err := before(command, args); err != nil {
				return err
			}
		}
		return check()
	}
}

// printAs writes a value whose JSON form is its form.
func printAs(out io.Writer, format string, value any) error {
	if format == formatYAML {
		return document.YAML(out, value)
	}
	return document.JSON(out, value)
}
