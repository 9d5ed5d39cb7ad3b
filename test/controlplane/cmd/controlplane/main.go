// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

// Command controlplane builds the programs of a Kubernetes control plane and runs one on this
// machine. "controlplane help" says how.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/apisync/apisync/test/controlplane"
)

const usage = `Usage: controlplane COMMAND

  build                    build the programs that are not in the cache yet
  run [-kubeconfig FILE]   run a control plane until Ctrl-C; FILE gets its kubeconfig
  help                     print this

The programs are kept in ` + "$" + controlplane.CacheEnv + ` (default: apisync in the user's cache folder).
With $` + controlplane.AssetsEnv + ` set, its etcd, kube-apiserver and kubectl are used instead.
`

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, progress(os.Stderr))
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, "controlplane:", err)
		os.Exit(1)
	}
}

// progress writes lines with the time since the start in front.
func progress(w io.Writer) func(string) {
	begin := time.Now()
	return func(line string) {
		fmt.Fprintf(w, "%4.0fs  %s\n", time.Since(begin).Seconds(), line)
	}
}

func run(ctx context.Context, args []string, out io.Writer, log func(string)) error {
	command := "help"
	if len(args) > 0 {
		command = args[0]
	}
	switch command {
	case "build":
		return build(ctx, out, log)
	case "run":
		return serve(ctx, args[1:], out, log)
	case "help", "-h", "-help", "--help":
		_, err := io.WriteString(out, usage)
		return err
	}
	return fmt.Errorf("unknown command %q; see controlplane help", command)
}

func build(ctx context.Context, out io.Writer, log func(string)) error {
	programs, err := controlplane.EnsurePrograms(ctx, log)
	if err != nil {
		return err
	}
	for _, path := range []string{programs.Etcd, programs.KubeAPIServer, programs.KubeControllerManager, programs.Kubectl} {
		fmt.Fprintln(out, path)
	}
	return nil
}

func serve(ctx context.Context, args []string, out io.Writer, log func(string)) (err error) {
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	kubeconfig := flags.String("kubeconfig", "", "`file` to write the kubeconfig to (default: in the control plane's folder)")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return err
	}
	programs, err := controlplane.EnsurePrograms(ctx, log)
	if err != nil {
		return err
	}
	plane, err := controlplane.Start(ctx, controlplane.Options{Programs: programs, Log: log})
	if err != nil {
		return err
	}
	defer func() {
		log("Stopping.")
		err = errors.Join(err, plane.Stop())
	}()
	path := *kubeconfig
	if path == "" {
		path = filepath.Join(plane.Dir(), "kubeconfig")
	}
	if err := plane.WriteKubeconfig(path); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nA Kubernetes control plane runs. In another terminal:\n\n"+
		"  export KUBECONFIG=%s\n  %s get namespaces\n\nLogs are in %s. Ctrl-C ends it.\n\n", path, programs.Kubectl, plane.Dir())
	select {
	case <-ctx.Done():
		return nil
	case <-plane.Failed():
		return plane.Err()
	}
}
