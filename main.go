// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

// Apisync is a Kubernetes operator that publishes APIs, described as resources, to a management API and
// keeps them in step. Its sub-commands show people what it would do: see package cli.
package main

import (
	"os"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/apisync/apisync/internal/cli"
)

// version is stamped by the build (-ldflags "-X main.version=…").
var version = "dev"

func main() {
	ctx := ctrl.SetupSignalHandler()
	os.Exit(cli.Exit(newCommand(os.Args[0], os.LookupEnv).ExecuteContext(ctx), os.Stderr))
}
