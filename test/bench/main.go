// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

// Command bench compares the operator with a floor: a plain client that, per object, creates it, patches a
// finalizer, puts the payload and patches the status, on the same control plane and management API, with the
// same number in flight. Both run in turns in one process tree; ratios of medians are what counts, seconds
// depend on the machine.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/apisync/apisync/test/harness"
	"github.com/apisync/apisync/test/simulator"
)

type settings struct {
	objects, rounds, inFlight int
	latency                   time.Duration
}

func main() {
	var s settings
	flag.IntVar(&s.objects, "objects", 1000, "ApiDefinitions in a burst")
	flag.IntVar(&s.rounds, "rounds", 3, "interleaved rounds; medians are compared")
	flag.IntVar(&s.inFlight, "in-flight", 16, "objects worked on at once, by both")
	flag.DurationVar(&s.latency, "latency", 20*time.Millisecond, "added to every answer of the management API")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, s)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings) error {
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
	cluster, err := harness.StartCluster(ctx, "bench", program, progress)
	if err != nil {
		return err
	}
	defer func() { _ = cluster.Stop() }()
	sim := simulator.New(simulator.Options{Latency: s.latency})
	server, err := sim.Start(ctx)
	if err != nil {
		return err
	}
	b := &bench{settings: s, cluster: cluster, sim: sim, url: server.URL}
	return b.all(ctx)
}

func progress(line string) {
	fmt.Fprintf(os.Stderr, "%s  %s\n", time.Now().Format(time.TimeOnly), line)
}

// measurement is one burst.
type measurement struct {
	elapsed   time.Duration
	writes    int
	reads     int
	peakBytes int64
}

func (b *bench) all(ctx context.Context) error {
	var floors, bursts []measurement
	var restarted restart
	// The first requests to a new API server are slower; nobody's round is to pay for that.
	warm := *b
	warm.objects = min(b.objects, 100)
	if _, err := warm.floor(ctx, -1); err != nil {
		return fmt.Errorf("warming up: %w", err)
	}
	for round := range b.rounds {
		floor, err := b.floor(ctx, round)
		if err != nil {
			return fmt.Errorf("floor, round %d: %w", round+1, err)
		}
		floors = append(floors, floor)
		progress(fmt.Sprintf("round %d of %d: floor    %6.2f s", round+1, b.rounds, floor.elapsed.Seconds()))
		burst, again, err := b.burst(ctx, round)
		if err != nil {
			return fmt.Errorf("operator, round %d: %w", round+1, err)
		}
		bursts = append(bursts, burst)
		restarted = again
		progress(fmt.Sprintf("round %d of %d: operator %6.2f s, ratio %.2f", round+1, b.rounds, burst.elapsed.Seconds(),
			burst.elapsed.Seconds()/floor.elapsed.Seconds()))
	}
	b.print(floors, bursts, restarted)
	if restarted.remoteWrites != 0 || restarted.storedWrites != 0 {
		return fmt.Errorf("a restart with everything in step wrote %d times to the management API and changed %d objects",
			restarted.remoteWrites, restarted.storedWrites)
	}
	return nil
}

func (b *bench) print(floors, bursts []measurement, again restart) {
	floor, burst := median(floors), median(bursts)
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "\n%d new ApiDefinitions, %d in flight, %s latency, median of %d interleaved rounds\t\n", b.objects, b.inFlight, b.latency, b.rounds)
	fmt.Fprintf(table, "floor\t%.2f s\t%d imports\n", floor.elapsed.Seconds(), floor.writes)
	fmt.Fprintf(table, "operator\t%.2f s\t%d imports, %d other requests\n", burst.elapsed.Seconds(), burst.writes, burst.reads)
	fmt.Fprintf(table, "operator ÷ floor\t%.2f\t\n", burst.elapsed.Seconds()/floor.elapsed.Seconds())
	fmt.Fprintf(table, "peak memory of the operator\t%.0f MiB\t\n", float64(burst.peakBytes)/(1<<20))
	fmt.Fprintf(table, "restart with all in step\t%d imports or deletes\t%d objects written, %d other requests\n",
		again.remoteWrites, again.storedWrites, again.reads)
	_ = table.Flush()
}

func median(all []measurement) measurement {
	sorted := slices.Clone(all)
	slices.SortFunc(sorted, func(a, b measurement) int { return int(a.elapsed - b.elapsed) })
	return sorted[len(sorted)/2]
}
