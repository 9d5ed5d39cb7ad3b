// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controlplane

import "syscall"

// childAttributes lets the child end with its parent, however that ends. It gets a process group of
// its own, so that Ctrl-C in a terminal reaches the parent alone, which then stops it in order.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
