// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/apisync/apisync/internal/manifest"
)

// input is what a command reads manifests from.
type input struct {
	program       Program
	connection    *connection
	paths         []string
	kustomization string
	recursive     bool
}

// read declares the flags of an input.
func read(p Program, command *cobra.Command, c *connection) *input {
	in := &input{program: p, connection: c}
	set := command.Flags()
	set.StringSliceVarP(&in.paths, "filename", "f", nil, "file or folder with manifests, or - for standard input; may be repeated")
	set.StringVarP(&in.kustomization, "kustomize", "k", "", "folder with a kustomization to be built")
	set.BoolVarP(&in.recursive, "recursive", "R", false, "read the folders inside of folders too")
	// The only error is that there is no such flag.
	_ = command.MarkFlagFilename("filename", "yaml", "yml", "json")
	_ = command.MarkFlagDirname("kustomize")
	return in
}

// given tells whether anything is to be read.
func (in *input) given() bool { return len(in.paths) > 0 || in.kustomization != "" }

// load reads everything. What isn't read, and why, is told on standard error.
func (in *input) load(ctx context.Context) (manifest.Loaded, error) {
	namespace, given, err := in.connection.namespace()
	if err != nil {
		return manifest.Loaded{}, err
	}
	loaded, err := manifest.Load(ctx, manifest.Options{
		Paths: in.paths, Recursive: in.recursive, Kustomization: in.kustomization, Input: in.program.In,
		Namespace: namespace, OnlyNamespace: given,
	})
	for _, warning := range loaded.Warnings {
		fmt.Fprintln(in.program.Err, "Warning:", warning)
	}
	tellSkipped(in.program.Err, loaded.Skipped)
	if err != nil {
		return manifest.Loaded{}, err
	}
	return loaded, nil
}

// maxNamed bounds how many objects a line names.
const maxNamed = 5

func tellSkipped(out io.Writer, skipped []manifest.Skipped) {
	if len(skipped) == 0 {
		return
	}
	names := make([]string, 0, maxNamed)
	for _, one := range skipped[:min(len(skipped), maxNamed)] {
		names = append(names, strings.TrimSpace(one.Kind+" "+one.Name))
	}
	more := ""
	if len(skipped) > maxNamed {
		more = fmt.Sprintf(" and %d more", len(skipped)-maxNamed)
	}
	fmt.Fprintf(out, "Skipped what isn't for Apisync: %s%s\n", strings.Join(names, ", "), more)
}
