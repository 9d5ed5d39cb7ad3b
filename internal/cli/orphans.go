// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"golang.org/x/term"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/apisync/apisync/internal/orphan"
)

// audit is a run of orphans.
type audit struct {
	program    Program
	connection *connection
	clusterID  func() (string, error)
	templating func() (bool, error)
	reach      func() (Reach, error)
	format     *string

	delete, yes, unproven bool
	concurrency           int
}

func newOrphans(p Program) *cobra.Command {
	command := &cobra.Command{
		Use:   "orphans [CONTEXT | NAMESPACE/CONTEXT]...",
		Short: "List APIs of this cluster whose resource is gone",
		Long: "Lists the APIs in management APIs that are marked as this cluster's and that no ApiDefinition owns any more. It looks where the " +
			"ManagementContexts of the cluster lead, or only where the named ones do. Nothing is changed, unless --delete asks for it: " +
			"then what would be deleted is shown first.\n\n" +
			"Exit codes: 0 there are no orphans (or, with --delete, none is left that could be deleted), 2 there are, 1 not everything could be read or deleted.",
	}
	command.ValidArgsFunction = cobra.NoFileCompletions
	run := &audit{program: p, connection: connect(p, command)}
	run.clusterID = p.ClusterID(command.Flags())
	run.templating = p.Templating(command.Flags())
	run.reach = p.Reach(command.Flags())
	run.format = formatFlag(command, formatText, formatJSON, formatYAML)
	set := command.Flags()
	set.BoolVar(&run.delete, "delete", false, "delete the orphans, after showing them and asking")
	set.BoolVarP(&run.yes, "yes", "y", false, "delete without asking; for pipelines")
	set.BoolVar(&run.unproven, "unproven", false, "delete although no API with this cluster's mark belongs to a resource of the cluster, as it would be with the wrong cluster or the wrong id")
	set.IntVar(&run.concurrency, "concurrency", 0, "management APIs that are read at once; 0 means 4")
	checkFirst(command, func() error {
		if (run.yes || run.unproven) && !run.delete {
			return errors.New("--yes and --unproven say how orphans are deleted; they need --delete")
		}
		return nil
	})
	command.RunE = func(command *cobra.Command, args []string) error {
		options, err := run.options(args)
		if err != nil {
			return err
		}
		return run.run(command.Context(), options)
	}
	return command
}

func (a *audit) options(names []string) (orphan.Options, error) {
	options := orphan.Options{Unproven: a.unproven, Concurrency: a.concurrency}
	var err error
	if options.ClusterID, err = a.clusterID(); err != nil {
		return options, err
	}
	if options.ClusterID == "" {
		return options, errors.New("without a cluster id no API is marked, and nobody can tell whose it is; name the operator's with --cluster-id (CLUSTER_ID)")
	}
	if options.Templating, err = a.templating(); err != nil {
		return options, err
	}
	if options.Contexts, err = a.contexts(names); err != nil {
		return options, err
	}
	reach, err := a.reach()
	if err != nil {
		return options, err
	}
	options.Registry, options.Transport = reach.Registry, reach.Transport
	options.Cluster, err = a.connection.client(a.program.Scheme())
	return options, err
}

// contexts are the ManagementContexts that were named; one without a namespace is in that of the connection.
func (a *audit) contexts(names []string) ([]types.NamespacedName, error) {
	fallback, _, err := a.connection.namespace()
	if err != nil {
		return nil, err
	}
	var found []types.NamespacedName
	for _, name := range names {
		key := types.NamespacedName{Namespace: fallback, Name: name}
		if namespace, rest, ok := strings.Cut(name, "/"); ok {
			key = types.NamespacedName{Namespace: namespace, Name: rest}
		}
		if key.Namespace == "" || key.Name == "" || strings.Contains(key.Name, "/") {
			return nil, fmt.Errorf("%q is no name of a ManagementContext; write NAME or NAMESPACE/NAME", name)
		}
		found = append(found, key)
	}
	return found, nil
}

func (a *audit) run(ctx context.Context, options orphan.Options) error {
	// What the operator's code logs is in the report.
	ctrl.SetLogger(logr.Discard())
	progress := newProgress(a.program.Err)
	defer progress.end()
	options.Progress = progress.line
	report, err := orphan.Audit(ctx, options)
	progress.end()
	if err != nil {
		return err
	}
	if !a.delete {
		return a.print(report, report.ExitCode())
	}
	return a.remove(ctx, options, report, progress)
}

// remove shows the report, asks, and deletes.
func (a *audit) remove(ctx context.Context, options orphan.Options, report orphan.Report, progress *progress) error {
	// The output is one document: that of the removal.
	if err := report.Text(a.program.Err); err != nil {
		return err
	}
	if report.Count() > 0 && !a.yes {
		if err := a.ask(report.Count()); err != nil {
			return err
		}
	}
	removal, err := orphan.Remove(ctx, options, report)
	progress.end()
	if err != nil {
		return fmt.Errorf("%w%s", err, hintUnproven(report))
	}
	code := removal.ExitCode()
	if report.ExitCode() == orphan.ExitError {
		code = ExitError
	}
	return a.print(removal, code)
}

func hintUnproven(report orphan.Report) string {
	if report.Proven > 0 {
		return ""
	}
	return "; --unproven deletes nevertheless"
}

// ask is an error unless a person is there and says yes.
func (a *audit) ask(count int) error {
	if file, ok := a.program.In.(*os.File); !ok || !term.IsTerminal(int(file.Fd())) {
		return errors.New("nothing was deleted: there is nobody to ask; --yes deletes without asking")
	}
	return confirm(a.program.In, a.program.Err, count)
}

func confirm(in io.Reader, out io.Writer, count int) error {
	fmt.Fprintf(out, "Delete these %d APIs for good? Only \"yes\" does: ", count)
	answer, err := bufio.NewReader(io.LimitReader(in, maxAnswer)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading the answer: %w", err)
	}
	if strings.TrimSpace(answer) != "yes" {
		return errors.New("nothing was deleted")
	}
	return nil
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 64

// printable is what a report can do.
type printable interface {
	Text(to io.Writer) error
	JSON(to io.Writer) error
	YAML(to io.Writer) error
}

// print writes a report in the format that was asked for, and ends with a code.
func (a *audit) print(report printable, code int) error {
	write := report.Text
	switch *a.format {
	case formatJSON:
		write = report.JSON
	case formatYAML:
		write = report.YAML
	}
	if err := write(a.program.Out); err != nil {
		return err
	}
	return exitWith(code)
}
