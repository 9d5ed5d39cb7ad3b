// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/test/controlplane"
)

// Where config/ puts the operator.
const (
	OperatorNamespace = "apisync-system"
	ServiceAccount    = "apisync-controller-manager"
)

// Cluster is a control plane with everything installed but the operator, which runs as a process under the
// ServiceAccount that config/ ships, with exactly its rights.
type Cluster struct {
	Plane *controlplane.ControlPlane
	// Client is an administrator's.
	Client client.WithWatch

	program string
	folder  string

	mu        sync.Mutex
	operators []*Operator
}

// Scheme knows all kinds that the harness works with.
func Scheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	return scheme, errors.Join(
		clientgoscheme.AddToScheme(scheme), apiextensionsv1.AddToScheme(scheme), v1alpha1.AddToScheme(scheme))
}

// StartCluster starts a control plane and installs config/overlays/no-deployment. program is the operator's,
// see BuildOperator.
func StartCluster(ctx context.Context, name, program string, log func(string)) (*Cluster, error) {
	cluster, err := StartEmptyCluster(ctx, name, program, log)
	if err != nil {
		return nil, err
	}
	if _, err := cluster.Install(ctx, filepath.Join("config", "overlays", "no-deployment")); err != nil {
		return nil, errors.Join(err, cluster.Stop())
	}
	return cluster, nil
}

// StartEmptyCluster is StartCluster with nothing installed, see Install.
func StartEmptyCluster(ctx context.Context, name, program string, log func(string)) (*Cluster, error) {
	plane, err := controlplane.Start(ctx, controlplane.Options{Name: name, Log: log})
	if err != nil {
		return nil, err
	}
	cluster := &Cluster{Plane: plane, program: program}
	if err := cluster.prepare(); err != nil {
		return nil, errors.Join(err, cluster.Stop())
	}
	return cluster, nil
}

func (c *Cluster) prepare() error {
	scheme, err := Scheme()
	if err != nil {
		return err
	}
	if c.Client, err = client.NewWithWatch(c.Plane.AdminConfig(), client.Options{Scheme: scheme}); err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	if c.folder, err = os.MkdirTemp("", "apisync-cluster-"); err != nil {
		return fmt.Errorf("making a folder for the cluster: %w", err)
	}
	return nil
}

// StartOperator runs one more operator in the cluster, with the names that config/ gives it, and waits until it is ready.
func (c *Cluster) StartOperator(ctx context.Context, args ...string) (*Operator, error) {
	return c.StartOperatorAs(ctx, Installation{Namespace: OperatorNamespace, ServiceAccount: ServiceAccount}, args...)
}

// StartOperatorAs runs the operator of an installation: with a token of its ServiceAccount, and with the settings of its Deployment.
// args win over those.
func (c *Cluster) StartOperatorAs(ctx context.Context, installed Installation, args ...string) (*Operator, error) {
	kubeconfig, err := c.Plane.ServiceAccountKubeconfig(ctx, installed.Namespace, installed.ServiceAccount)
	if err != nil {
		return nil, fmt.Errorf("making a token for the operator: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	folder := filepath.Join(c.folder, "operator-"+strconv.Itoa(len(c.operators)))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("making a folder for the operator: %w", err)
	}
	operator, err := StartOperator(ctx, OperatorOptions{
		Program: c.program, Kubeconfig: kubeconfig, Folder: folder, Environment: installed.Environment,
		Args: append([]string{"--operator-namespace=" + installed.Namespace}, args...),
	})
	if err != nil {
		return nil, err
	}
	c.operators = append(c.operators, operator)
	return operator, nil
}

// Stop ends the operators and the control plane.
func (c *Cluster) Stop() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, operator := range c.operators {
		_ = operator.Kill()
	}
	err := c.Plane.Stop()
	if c.folder != "" {
		err = errors.Join(err, os.RemoveAll(c.folder))
	}
	return err
}
