// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package controlplane

import "syscall"

// childAttributes gives the child a process group of its own, so that Ctrl-C in a terminal reaches
// the parent alone, which then stops it in order. A parent that is killed leaves it running: only
// Linux has a signal for that.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
