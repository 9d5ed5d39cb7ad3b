// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"io"
)

// Exit codes, for pipelines.
const (
	// ExitNothing: it is done, and there is nothing to do.
	ExitNothing = 0
	// ExitError: it can't be done, or not all of it.
	ExitError = 1
	// ExitChanges: it is done, and there is something to do.
	ExitChanges = 2
)

// ExitCode is the error of a command that ends with a code after it has said all that there is to say.
type ExitCode int

// Error implements error.
func (c ExitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

// exitWith is the error for a code; nil for ExitNothing.
func exitWith(code int) error {
	if code == ExitNothing {
		return nil
	}
	return ExitCode(code)
}

// Exit tells what a command's error means for the process, after it wrote the error to out for people.
func Exit(err error, out io.Writer) int {
	var code ExitCode
	switch {
	case err == nil:
		return ExitNothing
	case errors.As(err, &code):
		return int(code)
	}
	fmt.Fprintln(out, "apisync:", err)
	return ExitError
}
