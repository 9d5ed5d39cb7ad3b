// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// connection is the cluster that a command works with, by kubectl's own flags and rules.
type connection struct {
	program Program
	flags   *genericclioptions.ConfigFlags
}

// connect declares the flags of a connection.
func connect(p Program, command *cobra.Command) *connection {
	all := genericclioptions.NewConfigFlags(true)
	flags := &genericclioptions.ConfigFlags{
		KubeConfig: all.KubeConfig, Context: all.Context, Namespace: all.Namespace,
		// Only fields that are set become flags.
	}
	c := &connection{program: p, flags: flags}
	set := command.Flags()
	set.StringVar(flags.KubeConfig, "kubeconfig", "", "the kubeconfig file (KUBECONFIG)")
	set.StringVar(flags.Context, "context", "", "the context of the kubeconfig; empty means the current one")
	set.StringVarP(flags.Namespace, "namespace", "n", "", "namespace of objects that name none; others are refused. Empty means that of the kubeconfig's context")
	complete(command, "context", c.completeContexts)
	complete(command, "namespace", c.completeNamespaces)
	return c
}

// namespace is that of objects that name none, and whether the person named it.
func (c *connection) namespace() (name string, given bool, err error) {
	name, given, err = c.flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return "", false, fmt.Errorf("reading the kubeconfig (KUBECONFIG or --kubeconfig): %w", err)
	}
	return name, given, nil
}

// client reads and writes nothing by itself.
func (c *connection) client(scheme *runtime.Scheme) (client.Client, error) {
	config, err := c.flags.ToRESTConfig()
	if err == nil && c.isFallback(config) {
		err = errors.New("there is no kubeconfig, or it is empty")
	}
	if err != nil {
		return nil, fmt.Errorf("finding the cluster (KUBECONFIG or --kubeconfig): %w", err)
	}
	// The API server has its own priority and fairness; a second limit in the client only adds delay.
	config.QPS = -1
	config.UserAgent = programName + "/" + c.program.Version
	made, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("reaching the cluster: %w", err)
	}
	return made, nil
}

// isFallback tells the address that client-go assumes where nothing is configured. Nobody means it.
func (c *connection) isFallback(config *rest.Config) bool {
	raw, err := c.flags.ToRawKubeConfigLoader().RawConfig()
	return err == nil && len(raw.Clusters) == 0 && strings.HasSuffix(config.Host, "localhost:8080")
}

// completionPatience is how long the shell of a person who pressed tab may hang.
const completionPatience = 3 * time.Second

func (c *connection) completeContexts(context.Context) []string {
	config, err := c.flags.ToRawKubeConfigLoader().RawConfig()
	if err != nil {
		return nil
	}
	names := make([]string, 0, len(config.Contexts))
	for name := range config.Contexts {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (c *connection) completeNamespaces(ctx context.Context) []string {
	cluster, err := c.client(c.program.Scheme())
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, completionPatience)
	defer cancel()
	var found corev1.NamespaceList
	if cluster.List(ctx, &found) != nil {
		return nil
	}
	names := make([]string, 0, len(found.Items))
	for i := range found.Items {
		names = append(names, found.Items[i].Name)
	}
	return names
}

// complete lets the shell complete the value of a flag.
func complete(command *cobra.Command, flag string, values func(context.Context) []string) {
	// The only error is that there is no such flag, which a test of the completion finds.
	_ = command.RegisterFlagCompletionFunc(flag, func(command *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		return values(command.Context()), cobra.ShellCompDirectiveNoFileComp
	})
}

func oneOf(values ...string) func(context.Context) []string {
	return func(context.Context) []string { return values }
}
