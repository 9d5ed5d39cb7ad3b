// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

// Command bench measures the operator on a real control plane and a simulated management API, beside a floor: a plain
// client that does what can't be left out and nothing else, with the same number in flight. Both run in turns in one
// process tree; ratios of medians are what counts, seconds depend on the machine. docs/performance.md explains the
// figures. It fails when the operator writes at rest, or asks more than one request per 50 objects in a pass.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/apisync/apisync/test/harness"
)

type settings struct {
	objects, rounds, inFlight, edits int
	sizes                            sizes
	latency, period                  time.Duration
	output                           string
}

// sizes are numbers of objects, as a flag.
type sizes []int

func (s sizes) String() string {
	words := make([]string, len(s))
	for i, size := range s {
		words[i] = strconv.Itoa(size)
	}
	return strings.Join(words, ",")
}

// Set implements flag.Value. An empty list is one.
func (s *sizes) Set(list string) error {
	*s = nil
	for word := range strings.SplitSeq(list, ",") {
		if word = strings.TrimSpace(word); word == "" {
			continue
		}
		size, err := strconv.Atoi(word)
		if err != nil || size < smallestSize {
			return fmt.Errorf("%q isn't a number of %d or more", word, smallestSize)
		}
		*s = append(*s, size)
	}
	return nil
}

// smallestSize leaves each edit of a round an API of its own, and a pass one request.
const smallestSize = 50

func main() {
	s := settings{sizes: sizes{1000, 10_000}}
	flag.IntVar(&s.objects, "objects", 1000, "ApiDefinitions in a burst; 0 leaves the bursts out")
	flag.Var(&s.sizes, "sizes", "numbers of ApiDefinitions in step, separated by commas; empty leaves out what is measured on them")
	flag.IntVar(&s.rounds, "rounds", 3, "interleaved rounds; medians are compared")
	flag.IntVar(&s.inFlight, "in-flight", 16, "objects worked on at once, by both")
	flag.IntVar(&s.edits, "edits", 10, "edits of resources that are timed, in each round and situation; 1 to 15")
	flag.DurationVar(&s.latency, "latency", 20*time.Millisecond, "added to every answer of the management API")
	flag.DurationVar(&s.period, "period", 5*time.Second, "the operator's --drift-period")
	flag.StringVar(&s.output, "o", "", "file that the table is written to as Markdown; between the lines "+beginMark+" and "+endMark+" if it has them")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, s)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (s settings) check() error {
	for name, bad := range map[string]bool{
		"objects": s.objects < 0, "rounds": s.rounds < 1, "in-flight": s.inFlight < 1, "edits": s.edits < 1 || s.edits > 15, "period": s.period < time.Second,
	} {
		if bad {
			return fmt.Errorf("-%s is out of range; see -help", name)
		}
	}
	return nil
}

func run(ctx context.Context, s settings) error {
	if err := s.check(); err != nil {
		return err
	}
	// Found out before everything is measured for nothing.
	if err := checkOutput(s.output); err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "apisync-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	progress("building the operator")
	program, err := harness.BuildOperator(ctx, folder)
	if err != nil {
		return err
	}
	cluster, err := harness.StartCluster(ctx, "bench", program, func(line string) { progress("%s", line) })
	if err != nil {
		return err
	}
	defer func() { _ = cluster.Stop() }()
	b := &bench{settings: s, cluster: cluster}
	return b.all(ctx)
}

func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s  %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}

type bench struct {
	settings

	cluster *harness.Cluster
}

// all measures everything, prints it, and then says what must not have happened.
func (b *bench) all(ctx context.Context) error {
	var results results
	if b.objects > 0 {
		if err := b.compareBursts(ctx, &results); err != nil {
			return err
		}
	}
	if err := b.measureFleets(ctx, &results); err != nil {
		return err
	}
	table := b.table(&results)
	if err := table.print(os.Stdout); err != nil {
		return err
	}
	if b.output != "" {
		if err := table.write(b.output); err != nil {
			return err
		}
	}
	return results.verdict()
}
