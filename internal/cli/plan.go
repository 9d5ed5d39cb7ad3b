// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/internal/install"
	"github.com/apisync/apisync/internal/plan"
)

// planFlags are those of plan alone.
type planFlags struct {
	noCluster, all, delete, prune bool
	selector                      string
	noDryRun, verbose             bool
	concurrency                   int
}

func (f *planFlags) declare(command *cobra.Command) {
	set := command.Flags()
	set.BoolVar(&f.noCluster, "no-cluster", false, "plan as if the cluster were empty: the files have everything that APIs refer to")
	set.BoolVar(&f.all, "all", false, "plan all ApiDefinitions of the cluster, and not only those that the files concern")
	set.BoolVar(&f.delete, "delete", false, "plan the deletion of what the files name")
	set.BoolVar(&f.prune, "prune", false, "plan the deletion of ApiDefinitions that match --selector and aren't in the files")
	set.StringVarP(&f.selector, "selector", "l", "", "labels of what --prune may delete, such as team=orders")
	set.BoolVar(&f.noDryRun, "no-dry-run", false, "don't ask management APIs to validate what would be sent")
	set.BoolVarP(&f.verbose, "verbose", "v", false, "show what is unchanged too, and all fields of what is created")
	set.IntVar(&f.concurrency, "concurrency", 0, "objects that are planned at once; 0 means 8")
	command.MarkFlagsRequiredTogether("prune", "selector")
	command.MarkFlagsMutuallyExclusive("prune", "delete")
	for _, flag := range []string{"all", "delete", "prune"} {
		command.MarkFlagsMutuallyExclusive("no-cluster", flag)
	}
}

// pruned is the selector of what may be deleted; nil when nothing may.
func (f *planFlags) pruned() (labels.Selector, error) {
	if !f.prune {
		return nil, nil //nolint:nilnil // nil is what plan takes for nothing
	}
	selector, err := labels.Parse(f.selector)
	if err != nil {
		return nil, fmt.Errorf("--selector %q: %w", f.selector, err)
	}
	if selector.Empty() {
		return nil, errors.New("--selector is empty, so --prune would delete everything; name labels, such as team=orders")
	}
	return selector, nil
}

// planning is a run of plan.
type planning struct {
	program    Program
	connection *connection
	input      *input
	clusterID  func() (string, error)
	templating func() (bool, error)
	reach      func() (Reach, error)
	scope      func() Scope
	flags      planFlags
}

func newPlan(p Program) *cobra.Command {
	command := &cobra.Command{
		Use:   "plan (-f FILE | -k FOLDER | --all)",
		Short: "Show what the operator would do, without doing it",
		Long: "Shows what applying the files would do in management APIs: what would be created, changed and in which fields, taken over, " +
			"moved, and deleted. It asks the operator's own code, and reads the cluster and the management APIs. Nothing is written. " +
			"Secret values, and what templates render, are hidden.\n\n" +
			"Exit codes: 0 there is nothing to do, 2 there is, 1 something is refused or couldn't be planned.",
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	run := &planning{program: p, connection: connect(p, command)}
	run.input = read(p, command, run.connection)
	run.clusterID = p.ClusterID(command.Flags())
	run.templating = p.Templating(command.Flags())
	run.reach = p.Reach(command.Flags())
	run.scope = p.Scope(command.Flags())
	run.flags.declare(command)
	format := formatFlag(command, formatText, formatJSON, formatYAML)
	color := colorFlag(p, command)
	command.RunE = func(command *cobra.Command, _ []string) error {
		report, err := run.run(command.Context())
		if err != nil {
			return err
		}
		if err := printPlan(p.Out, *format, report, plan.TextOptions{Color: color(), Width: width(p.Out), Verbose: run.flags.verbose}); err != nil {
			return err
		}
		return exitWith(report.ExitCode())
	}
	return command
}

func (r *planning) run(ctx context.Context) (plan.Report, error) {
	// What the operator's code logs is in the report.
	ctrl.SetLogger(logr.Discard())
	options, err := r.options(ctx)
	if err != nil {
		return plan.Report{}, err
	}
	progress := newProgress(r.program.Err)
	defer progress.end()
	options.Progress = progress.line
	return plan.Run(ctx, options)
}

func (r *planning) options(ctx context.Context) (plan.Options, error) {
	options := plan.Options{
		All: r.flags.all, Delete: r.flags.delete, NoDryRun: r.flags.noDryRun, Concurrency: r.flags.concurrency,
	}
	if !r.input.given() && !r.flags.all {
		return options, errors.New("nothing to plan: name files with -f or -k, or --all for what is in the cluster")
	}
	var err error
	if options.Prune, err = r.flags.pruned(); err != nil {
		return options, err
	}
	if options.ClusterID, err = r.clusterID(); err != nil {
		return options, err
	}
	if options.Templating, err = r.templating(); err != nil {
		return options, err
	}
	reach, err := r.reach()
	if err != nil {
		return options, err
	}
	scope := r.scope()
	options.Registry, options.Transport, options.Namespaces = reach.Registry, reach.Transport, scope.Namespaces
	if r.input.given() {
		loaded, err := r.input.load(ctx)
		if err != nil {
			return options, err
		}
		options.Objects = loaded.Objects()
	}
	if r.flags.noCluster {
		return options, nil
	}
	cluster, err := r.connection.client(r.program.Scheme())
	if err != nil {
		return options, fmt.Errorf("%w; --no-cluster plans without one", err)
	}
	options.Cluster = cluster
	options.DigestKey, err = digestKey(ctx, cluster, scope.OperatorNamespace)
	return options, err
}

// digestKey is nil where the operator never ran or the person may not read its Secret.
func digestKey(ctx context.Context, cluster client.Reader, namespace string) ([]byte, error) {
	key, err := install.ReadDigestKey(ctx, cluster, namespace)
	if err == nil || apierrors.IsNotFound(err) || apierrors.IsForbidden(err) {
		return key, nil
	}
	return nil, fmt.Errorf("reading the cluster: %w", err)
}

func printPlan(out io.Writer, format string, report plan.Report, text plan.TextOptions) error {
	switch format {
	case formatJSON:
		return report.JSON(out)
	case formatYAML:
		return report.YAML(out)
	}
	return report.Text(out, text)
}
