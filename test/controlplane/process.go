// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// process is a program that runs as a child. Its output goes to a log file.
type process struct {
	name    string
	logPath string
	child   *os.Process
	exited  chan struct{} // closed when it has ended and was reaped
	result  error         // of Wait; to be read after exited is closed
}

// startProcess starts a program. It fails only if the program can't be started; that a started one
// ends at once is seen on its exited channel.
func startProcess(name, path, logPath string, args []string) (*process, error) {
	logFile, err := os.OpenFile(logPath, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("making the log of %s: %w", name, err)
	}
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = logFile, logFile
	cmd.SysProcAttr = childAttributes()

	p := &process{name: name, logPath: logPath, exited: make(chan struct{})}
	started := make(chan error)
	go func() {
		// Linux sends the parent-death signal when the thread that forked ends, not the process.
		// This thread therefore stays until the child has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer logFile.Close()
		err := cmd.Start()
		p.child = cmd.Process
		started <- err
		if err == nil {
			p.result = cmd.Wait()
			close(p.exited)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	return p, nil
}

// stop asks the program to end and kills it if it hasn't within the grace period. It returns after
// the program has ended and is harmless when it had before.
func (p *process) stop(grace time.Duration) {
	_ = p.child.Signal(syscall.SIGTERM) // fails only when it has ended already
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.exited:
		return
	case <-timer.C:
	}
	_ = p.child.Kill()
	<-p.exited
}

// failure says that the program ended unasked and how its log ends. To be called after it ended.
func (p *process) failure() error {
	how := "without an error"
	if p.result != nil {
		how = p.result.Error()
	}
	return fmt.Errorf("%s ended (%s), its log %s ends with:\n%s", p.name, how, p.logPath, logTail(p.logPath))
}

// logTail is the last part of a log, from the start of a line. What can't be read is told in its place.
func logTail(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	if len(content) > tailLimit {
		content = content[len(content)-tailLimit:]
		if _, whole, found := bytes.Cut(content, []byte("\n")); found {
			content = whole
		}
	}
	return string(bytes.TrimSpace(content))
}
