// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const (
	startLimit   = 3 * time.Minute  // for Start, where its context has no deadline
	stopGrace    = 10 * time.Second // for each program to end when asked to
	portAttempts = 5
)

// Options of Start. The zero value is good for most uses.
type Options struct {
	// Name is the name of the cluster, the user and the context in kubeconfigs. Default: apisync.
	Name string
	// Programs to run. Default: those that EnsurePrograms returns.
	Programs Programs
	// Log receives lines about the progress. Default: discarded.
	Log func(string)
}

// ControlPlane is a running Kubernetes control plane. Its methods may be used concurrently. Several
// may run at once in one process; they share nothing.
type ControlPlane struct {
	name     string
	dir      string
	programs Programs
	log      func(string)
	ca       *authority
	admin    *rest.Config
	client   kubernetes.Interface

	mu        sync.Mutex
	processes []*process // in the order of starting
	stopping  bool
	failure   error
	failed    chan struct{} // closed with the first failure
}

// Start runs a control plane on 127.0.0.1 with ports that are free, and returns when it can be
// worked with: the API server is ready and the namespace default has its ServiceAccount and root CA.
//
// The context bounds the start only, three minutes if it has no deadline; Stop ends the control
// plane. An error of a program that ended names its log and holds the log's end; the folder of a
// control plane whose program ended unasked is kept.
func Start(ctx context.Context, options Options) (*ControlPlane, error) {
	if options.Log == nil {
		options.Log = func(string) {}
	}
	if options.Name == "" {
		options.Name = "apisync"
	}
	if options.Programs == (Programs{}) {
		programs, err := EnsurePrograms(ctx, options.Log)
		if err != nil {
			return nil, err
		}
		options.Programs = programs
	}
	if _, limited := ctx.Deadline(); !limited {
		limit, cancel := context.WithTimeout(ctx, startLimit)
		defer cancel()
		ctx = limit
	}
	// The path is kept short: it is the base of socket paths, which have about 100 characters.
	dir, err := os.MkdirTemp("", "apisync-cp-")
	if err != nil {
		return nil, fmt.Errorf("making the folder of a control plane: %w", err)
	}
	c := &ControlPlane{
		name: options.Name, dir: dir, programs: options.Programs, log: options.Log, failed: make(chan struct{}),
	}
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

// start runs the programs one after another: each needs the one before, and on few cores those that
// wait would only take time from the one that works.
func (c *ControlPlane) start(ctx context.Context) error {
	begin := time.Now()
	if err := c.writeCredentials(); err != nil {
		return err
	}
	if err := c.startEtcd(ctx); err != nil {
		return err
	}
	if err := c.startAPIServer(ctx); err != nil {
		return err
	}
	c.log(fmt.Sprintf("%s: kube-apiserver is ready at %s after %.1fs.", c.name, c.admin.Host, time.Since(begin).Seconds()))
	if err := c.startControllerManager(ctx); err != nil {
		return err
	}
	c.log(fmt.Sprintf("%s: the control plane works after %.1fs.", c.name, time.Since(begin).Seconds()))
	return nil
}

// Stop ends the programs, by force if they don't follow, and removes the control plane's folder. It
// returns when they have ended. Further calls do nothing. The folder is kept, for its logs, if a
// program had ended unasked before.
func (c *ControlPlane) Stop() error {
	c.mu.Lock()
	first := !c.stopping
	c.stopping = true
	processes, failure := c.processes, c.failure
	c.mu.Unlock()
	if !first {
		return nil
	}
	grace := stopGrace
	if failure != nil {
		grace = 0 // the others would wait for the one that is gone
	}
	for _, p := range slices.Backward(processes) { // in reverse, so that none looks for what is gone
		p.stop(grace)
	}
	if failure != nil {
		return nil //nolint:nilerr // Err tells the failure; the folder stays for its logs
	}
	if err := os.RemoveAll(c.dir); err != nil {
		return fmt.Errorf("removing the folder of a control plane: %w", err)
	}
	return nil
}

// Failed is closed when a program ends without having been asked to. Err says which.
func (c *ControlPlane) Failed() <-chan struct{} { return c.failed }

// Err is nil until a program ends without having been asked to. Then it names the program, its log
// and how the log ends.
func (c *ControlPlane) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failure
}

// Dir is the folder with the control plane's logs, <program>.log, its certificates and data.
func (c *ControlPlane) Dir() string { return c.dir }

// launch starts a program and leaves it to the caller to watch it.
func (c *ControlPlane) launch(name, path string, args []string) (*process, error) {
	return startProcess(name, path, filepath.Join(c.dir, name+".log"), args)
}

// adopt makes the process part of the control plane: its end is a failure, and Stop ends it. That it
// has ended already is noted before adopt returns, so that a Stop right after keeps its log.
func (c *ControlPlane) adopt(p *process) {
	c.mu.Lock()
	c.processes = append(c.processes, p)
	c.mu.Unlock()
	select {
	case <-p.exited:
		c.fail(p)
	default:
		go func() {
			<-p.exited
			c.fail(p)
		}()
	}
}

func (c *ControlPlane) fail(p *process) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopping || c.failure != nil {
		return
	}
	c.failure = p.failure()
	close(c.failed)
}

// poll calls ready until it returns nil. It gives up when the context ends, with the last error of
// ready, or when the process ends, with how that came.
func poll(ctx context.Context, p *process, ready func(context.Context) error) error {
	for {
		last := ready(ctx)
		if last == nil {
			return nil
		}
		select {
		case <-p.exited:
			return p.failure()
		default:
		}
		if err := pause(ctx, 25*time.Millisecond); err != nil {
			return fmt.Errorf("waiting for %s, which logs to %s: %w: %w", p.name, p.logPath, err, last)
		}
	}
}

func (c *ControlPlane) startEtcd(ctx context.Context) error {
	p, err := c.launch("etcd", c.programs.Etcd, c.etcdArgs())
	if err != nil {
		return err
	}
	err = poll(ctx, p, func(ctx context.Context) error {
		conn, err := new(net.Dialer).DialContext(ctx, "unix", c.etcdSocket())
		if err != nil {
			return fmt.Errorf("connecting to etcd: %w", err)
		}
		return conn.Close()
	})
	c.adopt(p)
	return err
}

// startAPIServer tries further ports when another program takes the chosen one before the API
// server does: kube-apiserver can't choose one itself and say which.
func (c *ControlPlane) startAPIServer(ctx context.Context) error {
	for attempt := 1; ; attempt++ {
		port, err := freePort()
		if err != nil {
			return err
		}
		if err := c.setEndpoint(port); err != nil {
			return err
		}
		p, err := c.launch("kube-apiserver", c.programs.KubeAPIServer, c.apiServerArgs(port))
		if err != nil {
			return err
		}
		err = poll(ctx, p, c.apiServerReady)
		if err != nil && strings.Contains(err.Error(), "address already in use") && attempt < portAttempts {
			p.stop(stopGrace)
			continue
		}
		c.adopt(p)
		return err
	}
}

func (c *ControlPlane) apiServerReady(ctx context.Context) error {
	err := c.client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	if err != nil {
		return fmt.Errorf("asking the API server whether it is ready: %w", err)
	}
	return nil
}

func (c *ControlPlane) startControllerManager(ctx context.Context) error {
	p, err := c.launch("kube-controller-manager", c.programs.KubeControllerManager, c.controllerManagerArgs())
	if err != nil {
		return err
	}
	c.adopt(p)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-c.failed:
			cancel(c.Err())
		case <-ctx.Done():
		}
	}()
	if err := c.awaitNamespace(ctx, "default"); err != nil {
		// The cause of a program's end is more than that the context was cancelled.
		return fmt.Errorf("waiting for kube-controller-manager, which logs to %s: %w", p.logPath, errors.Join(context.Cause(ctx), err))
	}
	return nil
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("looking for a free port: %w", err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if err := listener.Close(); err != nil {
		return 0, fmt.Errorf("giving a free port back: %w", err)
	}
	return port, nil
}
