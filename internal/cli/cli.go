// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

// Package cli holds the commands for people and pipelines: what would be sent, what would change, what was left behind. They read a
// cluster, and write to it never.
package cli

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/apisync/apisync/internal/mapi"
)

// Names of the program, alone and as a plugin of kubectl.
const (
	programName = "apisync"
	pluginName  = "kubectl-apisync"
)

// Program is what the commands are made of. It comes from main, which alone knows the environment and what exists.
type Program struct {
	// Invoked is the path that the program was started by: its name decides whether it is a plugin of kubectl.
	Invoked string
	Version string

	In       io.Reader
	Out, Err io.Writer
	// Env reads an environment variable.
	Env func(name string) (string, bool)

	// Scheme knows the types of the cluster that are read.
	Scheme func() *runtime.Scheme
	// Registry has the back ends.
	Registry mapi.Registry
	// ClusterID declares the flag of the operator's cluster id. What it returns is called once the flags are parsed.
	ClusterID func(set *pflag.FlagSet) func() (string, error)
	// Templating declares the operator's flag of that name, which says whether templates are rendered.
	Templating func(set *pflag.FlagSet) func() (bool, error)
	// Reach declares the flags of how management APIs are reached, as the operator does.
	Reach func(set *pflag.FlagSet) func() (Reach, error)
	// Scope declares the flags of where the operator works.
	Scope func(set *pflag.FlagSet) func() Scope
}

// Reach is how management APIs are reached.
type Reach struct {
	Registry  mapi.Registry
	Transport func(contextName string) http.RoundTripper
}

// Scope is where the operator works.
type Scope struct {
	// OperatorNamespace is the operator's own, where the key of its digests is.
	OperatorNamespace string
	// Namespaces are those that it works in; empty means all.
	Namespaces []string
}

// IsPlugin tells whether the program was started as a plugin of kubectl. Then it isn't an operator: one must not start on the machine
// of a person who only wants to see what the plugin can do.
func (p Program) IsPlugin() bool {
	return strings.TrimSuffix(filepath.Base(p.Invoked), ".exe") == pluginName
}

// name is the first word of the command, and shown is how people type it.
func (p Program) name() (name, shown string) {
	if p.IsPlugin() {
		return pluginName, "kubectl " + programName
	}
	return programName, programName
}

// New makes the command with its sub-commands. By itself it shows its help; main gives it the operator to run. Errors are returned
// and not printed: see Exit.
func New(p Program) *cobra.Command {
	name, shown := p.name()
	root := &cobra.Command{
		Use:           name,
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: shown},
		Short:         "Publish APIs, described as resources, to management APIs",
		Long:          "Shows what Apisync would do with the APIs that are described as resources, and what it left behind.",
		Args:          cobra.NoArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		// Without this, an unknown sub-command would be shown the help, and be a success.
		RunE: func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	root.SetIn(p.In)
	root.SetOut(p.Out)
	root.SetErr(p.Err)
	root.SetFlagErrorFunc(func(command *cobra.Command, err error) error {
		return fmt.Errorf("%w; see %s --help", err, command.CommandPath())
	})
	root.AddCommand(newPlan(p), newOrphans(p), newRender(p), newVersion(p))
	return root
}
