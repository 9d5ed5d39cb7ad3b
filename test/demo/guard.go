// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"strings"
)

// guardSuffix ends the names under which this program becomes another one: the one of the name before it.
const guardSuffix = ".ends-with-the-demo"

// guarded gives the operator's program a second name, under which it ends with the demo, however that ends.
// Where the system has no means for that, it is the same name, and only an orderly end reaches the operator.
func guarded(program string) (string, error) {
	if !canGuard {
		return program, nil
	}
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("finding the demo's own program: %w", err)
	}
	link := program + guardSuffix
	if err := os.Symlink(self, link); err != nil {
		return "", fmt.Errorf("linking the operator's guard: %w", err)
	}
	return link, nil
}

// guards tells whether this process was started to become another program, and which.
func guards(called string) (program string, yes bool) {
	return strings.CutSuffix(called, guardSuffix)
}
