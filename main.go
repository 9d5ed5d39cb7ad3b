// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

// Apisync is a Kubernetes operator that publishes APIs, described as resources, to a management API and
// keeps them in step.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"

	ctrl "sigs.k8s.io/controller-runtime"
)

// version is stamped by the build (-ldflags "-X main.version=…").
var version = "dev"

func main() {
	ctx := ctrl.SetupSignalHandler()
	if err := start(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "apisync:", err)
		os.Exit(1)
	}
}

func start(ctx context.Context, args []string) error {
	o, err := parseOptions(flag.CommandLine, args, os.LookupEnv)
	if err != nil {
		return err
	}
	log, err := newLogger(o.log, os.Stderr)
	if err != nil {
		return err
	}
	ctrl.SetLogger(log)
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("finding the cluster (KUBECONFIG or --kubeconfig): %w", err)
	}
	return run(ctx, config, o)
}
