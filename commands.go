// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/apisync/apisync/internal/cli"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/mapi/gravitee"
)

// newCommand makes the program: without a sub-command it is the operator.
func newCommand(invoked string, env lookup) *cobra.Command {
	program := cli.Program{
		Invoked: invoked, Version: version, In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Env: env,
		Scheme: newScheme, Registry: newRegistry(httpOptions{}),
		ClusterID: func(set *pflag.FlagSet) func() (string, error) { return clusterIDOption(set, env) },
		Reach:     func(set *pflag.FlagSet) func() (cli.Reach, error) { return reachOptions(set, env) },
		Scope:     func(set *pflag.FlagSet) func() cli.Scope { return scopeOptions(set, env) },

		Templating: func(set *pflag.FlagSet) func() (bool, error) { return templatingOption(set, env) },
	}
	root := cli.New(program)
	if program.IsPlugin() {
		return root
	}
	root.Long = "Apisync is a Kubernetes operator that publishes APIs, described as resources, to management APIs and keeps them in step.\n\n" +
		"Without a sub-command it runs the operator, with the flags below. The sub-commands show what it would do, and what it left behind."
	operator := operatorFlags(root.Flags(), env)
	// controller-runtime defines it, and finds the cluster by it.
	root.Flags().AddGoFlag(flag.Lookup("kubeconfig"))
	root.RunE = func(command *cobra.Command, _ []string) error { return start(command.Context(), operator) }
	return root
}

// start runs the operator until ctx ends.
func start(ctx context.Context, read func() (options, error)) error {
	o, err := read()
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

func newRegistry(o httpOptions) mapi.Registry {
	return mapi.Registry{mapi.DefaultType: gravitee.New(gravitee.Options{Timeout: o.timeout, Version: version})}
}

// clusterIDOption is that of the operator, for a sub-command.
func clusterIDOption(set *pflag.FlagSet, env lookup) func() (string, error) {
	var id string
	clusterIDFlag(set, &id, &environment{lookup: env})
	return func() (string, error) { return id, errors.Join(clusterIDProblems(id)...) }
}

// templatingOption is that of the operator, for a sub-command.
func templatingOption(set *pflag.FlagSet, env lookup) func() (bool, error) {
	e := &environment{lookup: env}
	var on bool
	templatingFlag(set, &on, e)
	return func() (bool, error) { return on, errors.Join(e.problems...) }
}

// reachOptions are those of the operator that say how management APIs are reached, for a sub-command.
func reachOptions(set *pflag.FlagSet, env lookup) func() (cli.Reach, error) {
	e := &environment{lookup: env}
	var o httpOptions
	httpFlags(set, &o, e)
	return func() (cli.Reach, error) {
		if err := errors.Join(append(e.problems, o.problems()...)...); err != nil {
			return cli.Reach{}, err
		}
		transport, err := newTransport(o)
		if err != nil {
			return cli.Reach{}, err
		}
		return cli.Reach{Registry: newRegistry(o), Transport: contextTransport(transport, o)}, nil
	}
}

// scopeOptions are those of the operator that say where it works, for a sub-command.
func scopeOptions(set *pflag.FlagSet, env lookup) func() cli.Scope {
	e := &environment{lookup: env}
	var scope cli.Scope
	var namespaces string
	namespacesFlag(set, &namespaces, e)
	operatorNamespaceFlag(set, &scope.OperatorNamespace, e)
	return func() cli.Scope {
		scope.Namespaces = split(namespaces)
		return scope
	}
}

// contextTransport bounds the requests of each context as the operator does.
func contextTransport(shared http.RoundTripper, o httpOptions) func(string) http.RoundTripper {
	return func(string) http.RoundTripper {
		return mapi.NewTransport(shared, mapi.TransportOptions{Concurrency: o.inFlight, FailureThreshold: breakerThreshold})
	}
}
