// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// BuildOperator builds the operator into folder and returns the path of the program.
func BuildOperator(ctx context.Context, folder string, flags ...string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	program := filepath.Join(folder, "apisync")
	command := exec.CommandContext(ctx, "go", append(append([]string{"build", "-o", program}, flags...), ".")...)
	command.Dir = root
	if output, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the operator: %w\n%s", err, output)
	}
	return program, nil
}

// OperatorOptions say how an operator runs.
type OperatorOptions struct {
	// Program is what BuildOperator returned.
	Program string
	// Kubeconfig holds the credentials of its ServiceAccount.
	Kubeconfig []byte
	// Args are added to those that every test needs.
	Args []string
	// Environment are variables as NAME=value, beside those of this process.
	Environment []string
	// Folder takes the kubeconfig and the log; it must exist.
	Folder string
}

// Operator is a running operator process.
type Operator struct {
	// LogPath is the file with its log.
	LogPath string
	// MetricsURL and ReadyURL are its addresses.
	MetricsURL, ReadyURL string

	command *exec.Cmd
	exited  chan struct{}
	result  error
}

// StartOperator starts the operator and waits until it is ready. It ends with Stop or Kill, not with ctx.
func StartOperator(ctx context.Context, options OperatorOptions) (*Operator, error) {
	kubeconfig := filepath.Join(options.Folder, "kubeconfig")
	if err := os.WriteFile(kubeconfig, options.Kubeconfig, 0o600); err != nil {
		return nil, fmt.Errorf("writing the operator's kubeconfig: %w", err)
	}
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	probes, metrics := "127.0.0.1:"+strconv.Itoa(ports[0]), "127.0.0.1:"+strconv.Itoa(ports[1])
	logFile, err := os.OpenFile(filepath.Join(options.Folder, "operator.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the operator's log: %w", err)
	}
	defer logFile.Close()
	args := append([]string{
		"--kubeconfig=" + kubeconfig, "--health-probe-bind-address=" + probes,
		"--metrics", "--metrics-bind-address=" + metrics,
	}, options.Args...)
	command := exec.Command(options.Program, args...)
	command.Stdout, command.Stderr = logFile, logFile
	command.Env = append(os.Environ(), options.Environment...)
	operator := &Operator{
		LogPath: logFile.Name(), ReadyURL: "http://" + probes + "/readyz", MetricsURL: "http://" + metrics + "/metrics",
		command: command, exited: make(chan struct{}),
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("starting the operator: %w", err)
	}
	go func() {
		operator.result = command.Wait()
		close(operator.exited)
	}()
	if err := operator.waitReady(ctx); err != nil {
		_ = operator.Kill()
		return nil, err
	}
	return operator, nil
}

// PID is the id of the process.
func (o *Operator) PID() int { return o.command.Process.Pid }

// Exited is closed when the process has ended.
func (o *Operator) Exited() <-chan struct{} { return o.exited }

// Stop asks the operator to end, as Kubernetes does, and waits until it has.
func (o *Operator) Stop() error {
	_ = o.command.Process.Signal(syscall.SIGTERM)
	<-o.exited
	return o.result
}

// Kill ends the operator at once, in the middle of whatever it does.
func (o *Operator) Kill() error {
	err := o.command.Process.Kill()
	<-o.exited
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

const pollInterval = 50 * time.Millisecond

func (o *Operator) waitReady(ctx context.Context) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("the operator isn't ready: %w\n%s", ctx.Err(), o.LogTail())
		case <-o.exited:
			return fmt.Errorf("the operator ended: %v\n%s", o.result, o.LogTail()) //nolint:errorlint // nil is possible
		case <-ticker.C:
			if answers(ctx, o.ReadyURL) {
				return nil
			}
		}
	}
}

func answers(ctx context.Context, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}

const tailLines = 20

// LogTail is the end of the operator's log.
func (o *Operator) LogTail() string {
	content, err := os.ReadFile(o.LogPath)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(content), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-tailLines):], "\n")
}

// freePorts are free at this moment: all are held until the last one is found, so that they differ.
func freePorts(n int) ([]int, error) {
	ports := make([]int, 0, n)
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("finding a free port: %w", err)
		}
		defer listener.Close()
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
