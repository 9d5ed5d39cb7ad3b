// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/apisync/apisync/test/controlplane"
	"github.com/apisync/apisync/test/harness"
	"github.com/apisync/apisync/test/simulator"
)

const organization = "DEFAULT"

// installation is one management API with a gateway for each environment.
type installation struct {
	name string
	sim  *simulator.Simulator
	// url of the management API.
	url string
	// user and password of an administrator, and a personal token of the same.
	user, password, token string
	environments          []string
	// gateways are URLs by environment.
	gateways map[string]string
}

// startInstallation serves an installation until ctx ends.
func startInstallation(ctx context.Context, name string, environments ...string) (*installation, error) {
	i := &installation{
		name: name, user: "apisync", password: rand.Text(), token: rand.Text(),
		environments: environments, gateways: map[string]string{},
	}
	options := simulator.Options{Users: []simulator.User{
		{Name: i.user, Password: i.password, Role: simulator.RoleAdmin, Tokens: []string{i.token}},
	}}
	for _, environment := range environments {
		options.Environments = append(options.Environments, simulator.Place{Organization: organization, Environment: environment})
	}
	i.sim = simulator.New(options)
	server, err := i.sim.Start(ctx)
	if err != nil {
		return nil, err
	}
	i.url = server.URL
	for _, environment := range environments {
		gateway, err := i.sim.StartGateway(ctx, organization, environment, "")
		if err != nil {
			return nil, err
		}
		i.gateways[environment] = gateway.URL
	}
	return i, nil
}

// startUpstream serves what gateways call, until ctx ends: it answers with its own name and what it was sent.
func startUpstream(ctx context.Context, name string) (url string, err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("starting upstream %s: %w", name, err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(echo{
			ServedBy: name, Method: r.Method, Path: r.URL.Path, GatewayRequest: r.Header.Get("X-Gravitee-Request-Id"),
		})
	})}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	go func() { _ = server.Serve(listener) }()
	return "http://" + listener.Addr().String(), nil
}

// echo is what an upstream answers.
type echo struct {
	ServedBy       string `json:"servedBy"`
	Method         string `json:"method"`
	Path           string `json:"path"`
	GatewayRequest string `json:"gatewayRequest"`
}

// cluster is a control plane with its operator.
type cluster struct {
	*harness.Cluster
	name       string
	kubeconfig string
	operator   *harness.Operator
}

// build makes the programs that are missing.
func (d *demo) build(ctx context.Context) error {
	err := d.screen.during("Kubernetes (4 to 6 minutes the first time)", func(tell func(string)) (err error) {
		d.programs, err = controlplane.EnsurePrograms(ctx, tell)
		return err
	})
	if err != nil {
		return err
	}
	d.screen.note("%s", d.screen.paint(faint, "  kept in "+filepath.Dir(d.programs.KubeControllerManager)))
	return d.screen.during("Apisync", func(func(string)) error {
		program, err := harness.BuildOperator(ctx, d.folder)
		if err != nil {
			return err
		}
		d.program, err = guarded(program)
		return err
	})
}

// serve starts what is outside of the clusters. It ends with ctx.
func (d *demo) serve(ctx context.Context) (err error) {
	if d.central, err = startInstallation(ctx, "central", "DEFAULT", "DEV", "STAGING", "PROD"); err != nil {
		return err
	}
	if d.partner, err = startInstallation(ctx, "partner", "DEFAULT"); err != nil {
		return err
	}
	for name, url := range map[string]*string{"blue": &d.blue, "green": &d.green} {
		if *url, err = startUpstream(ctx, name); err != nil {
			return err
		}
	}
	rows := [][]string{{"INSTALLATION", "ENVIRONMENT", "GATEWAY", "MANAGEMENT API"}}
	for _, i := range d.installations() {
		for _, environment := range i.environments {
			rows = append(rows, []string{i.name, environment, i.gateways[environment], i.url})
		}
	}
	d.screen.note("%s", table(d.screen, rows))
	d.screen.note("Upstreams, which answer with what they are sent: blue %s, green %s", d.blue, d.green)
	return nil
}

// startClusters starts both at a time: much of it is waiting.
func (d *demo) startClusters(ctx context.Context) error {
	err := d.screen.during("etcd, kube-apiserver, kube-controller-manager, and config/overlays/no-deployment", func(tell func(string)) error {
		group, ctx := errgroup.WithContext(ctx)
		group.Go(func() error { return d.startCluster(ctx, "east", &d.east, tell) })
		group.Go(func() error { return d.startCluster(ctx, "west", &d.west, tell) })
		return group.Wait()
	})
	if err != nil {
		return err
	}
	for _, c := range []*cluster{d.east, d.west} {
		d.screen.note("%s  %s  %s", d.screen.paint(accent, c.name), c.Plane.AdminConfig().Host, c.kubeconfig)
	}
	return nil
}

func (d *demo) startCluster(ctx context.Context, name string, into **cluster, tell func(string)) error {
	started, err := harness.StartCluster(ctx, name, d.program, tell)
	if err != nil {
		return fmt.Errorf("cluster %s: %w", name, err)
	}
	c := &cluster{Cluster: started, name: name, kubeconfig: filepath.Join(d.folder, name+".kubeconfig")}
	*into = c
	d.watch(c.Plane.Failed(), c.Plane.Err)
	return c.Plane.WriteKubeconfig(c.kubeconfig)
}

// driftPeriod is short here, so that an edit by hand is seen soon. The default is 5 minutes.
const driftPeriod = 3 * time.Second

func (d *demo) startOperators(ctx context.Context) error {
	for _, c := range []*cluster{d.east, d.west} {
		err := d.screen.during("apisync --cluster-id="+c.name+" --drift-period="+driftPeriod.String(), func(func(string)) (err error) {
			c.operator, err = c.StartOperator(ctx, "--cluster-id="+c.name, "--drift-period="+driftPeriod.String())
			return err
		})
		if err != nil {
			return fmt.Errorf("cluster %s: %w", c.name, err)
		}
		d.watch(c.operator.Exited(), func() error {
			return fmt.Errorf("the operator in %s ended unasked", c.name)
		})
	}
	d.screen.note("As processes, with a token of %s/%s and so with exactly the rights of config/rbac.", harness.OperatorNamespace, harness.ServiceAccount)
	return nil
}

// watch ends the demo when something ends before it.
func (d *demo) watch(ended <-chan struct{}, why func() error) {
	go func() {
		select {
		case <-ended:
			d.fail(why())
		case <-d.alive.Done():
		}
	}()
}

// stop ends the clusters. What serves on its own ends with the demo's context.
func (d *demo) stop() error {
	var group errgroup.Group
	for _, c := range []*cluster{d.east, d.west} {
		if c == nil {
			continue
		}
		group.Go(func() error {
			if c.operator != nil {
				// How it ended is of no interest any more.
				_ = c.operator.Stop()
			}
			return c.Stop()
		})
	}
	return group.Wait()
}
