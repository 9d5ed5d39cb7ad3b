// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// TestParentIsKilled shows that a parent without a chance to clean up leaves no process behind.
func TestParentIsKilled(t *testing.T) {
	parent := exec.CommandContext(testContext(t), os.Args[0])
	parent.Env = append(os.Environ(), helperEnv+"=1")
	parent.Stderr = os.Stderr
	stdout, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatalf("starting the parent: %v", err)
	}
	children, dir := readHelper(t, stdout)
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("removing what the parent left: %v", err)
		}
	})
	if err := parent.Process.Kill(); err != nil {
		t.Fatalf("killing the parent: %v", err)
	}
	if err := parent.Wait(); err == nil || err.Error() != "signal: killed" {
		t.Fatalf("waiting for the parent: got %v, want killed", err)
	}
	for _, child := range children {
		awaitEnd(t, child)
	}
}

// readHelper reads what the helper prints, and takes hold of its children while they run.
func readHelper(t *testing.T, stdout io.Reader) (children []int, dir string) {
	t.Helper()
	lines := bufio.NewScanner(stdout)
	for range 3 {
		lines.Scan()
		pid, err := strconv.Atoi(lines.Text())
		if err != nil {
			t.Fatalf("reading a child's process id: %v", err)
		}
		child, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			t.Fatalf("taking hold of process %d: %v", pid, err)
		}
		t.Cleanup(func() { _ = unix.Close(child) })
		children = append(children, child)
	}
	if !lines.Scan() {
		t.Fatalf("reading the control plane's folder: %v", lines.Err())
	}
	return children, lines.Text()
}

// awaitEnd waits until the process has ended: its descriptor then becomes readable.
func awaitEnd(t *testing.T, child int) {
	t.Helper()
	const limit = 30_000 // milliseconds
	ready, err := unix.Poll([]unix.PollFd{{Fd: int32(child), Events: unix.POLLIN}}, limit)
	for err == unix.EINTR {
		ready, err = unix.Poll([]unix.PollFd{{Fd: int32(child), Events: unix.POLLIN}}, limit)
	}
	if err != nil || ready != 1 {
		t.Errorf("a child outlives its killed parent (%d, %v)", ready, err)
	}
}
