// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const canGuard = true

// become turns this process into the program: one that is killed when its parent ends, and that leaves Ctrl-C to
// its parent. It returns only if it fails.
func become(program string, args []string) error {
	runtime.LockOSThread() // the signal is a property of the thread, and goes over to the program
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("asking to end with the parent: %w", err)
	}
	if err := syscall.Setpgid(0, 0); err != nil {
		return fmt.Errorf("leaving the parent's process group: %w", err)
	}
	return fmt.Errorf("becoming %s: %w", program, syscall.Exec(program, append([]string{program}, args...), os.Environ()))
}

// endWithGoRun lets the demo end in order when "go run" is ended by a signal that it doesn't pass on.
func endWithGoRun() {
	name, err := os.ReadFile("/proc/" + strconv.Itoa(os.Getppid()) + "/comm")
	if err != nil || strings.TrimSpace(string(name)) != "go" {
		return
	}
	// Without it the demo still ends by Ctrl-C.
	_ = unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGTERM), 0, 0, 0)
}
