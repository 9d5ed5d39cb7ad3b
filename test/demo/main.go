// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

// Demo runs everything on this machine and shows it: two clusters, an operator in each, two installations of
// a simulated management API with their gateways, and samples/ published there. It needs Go, make and git.
//
//	go run ./test/demo          stays up until Ctrl-C
//	go run ./test/demo --once   ends after the last step
//
// Every step checks itself; the exit code is 1 if anything isn't as it is told. Everything listens on the
// loopback interface, on free ports. What was started is stopped at the end, and temporary files are removed;
// what was built stays in the cache (package controlplane).
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
)

func main() {
	if program, yes := guards(os.Args[0]); yes {
		fmt.Fprintln(os.Stderr, "demo:", become(program, os.Args[1:]))
		os.Exit(1)
	}
	once := flag.Bool("once", false, "end after the last step instead of staying up")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "demo: %q isn't understood\n", flag.Arg(0))
		flag.Usage()
		os.Exit(2)
	}
	runtime.LockOSThread() // endWithGoRun speaks of this thread
	endWithGoRun()
	// The demo says itself what happened.
	ctrl.SetLogger(logr.Discard())
	rest.SetDefaultWarningHandler(rest.NoWarnings{})

	// SIGPIPE: whoever read the output is gone.
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	// A second Ctrl-C ends the demo at once. Other signals may come twice: the end of a parent does, once for
	// each of its threads.
	context.AfterFunc(ctx, func() { signal.Reset(os.Interrupt) })
	os.Exit(report(ctx, *once))
}

// exitInterrupted is what shells use for a program that Ctrl-C ended.
const exitInterrupted = 130

// report runs the demo, tells how it ended, and returns the exit code.
func report(ctx context.Context, once bool) int {
	screen := newScreen(os.Stdout, os.LookupEnv)
	err := run(ctx, screen, once)
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil:
		screen.line("Interrupted.")
		return exitInterrupted
	default:
		fmt.Fprintln(os.Stderr, screen.paint(bad, "\nThe demo failed: ")+err.Error())
		return 1
	}
}
