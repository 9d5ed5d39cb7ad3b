// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

// Package harness puts the parts of a whole installation together, for tests, the demo and benchmarks: it
// builds and runs the operator as a process and installs kustomize overlays on a real API server.
package harness

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const modulePath = "github.com/apisync/apisync"

// Root is the folder of the source tree that the working directory is in. Paths are looked for there and
// not where the program was compiled, since builds are trimmed of paths.
func Root() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding the working directory: %w", err)
	}
	for {
		content, err := os.ReadFile(filepath.Join(folder, "go.mod"))
		if err == nil && strings.HasPrefix(string(content), "module "+modulePath+"\n") {
			return folder, nil
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return "", errors.New("this must be run inside the source tree of " + modulePath)
		}
		folder = parent
	}
}
