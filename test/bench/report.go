// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// table makes one table of all medians: a column for each number of objects.
func (b *bench) table(r *results) *table {
	t := &table{caption: fmt.Sprintf("Medians of %d interleaved rounds; %d in flight, %s latency, a pass every %s; %d cores, %s/%s, %s.",
		b.rounds, b.inFlight, b.latency, b.period, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())}
	sizes := slices.Clone(b.sizes)
	if b.objects > 0 {
		sizes = append(sizes, b.objects)
	}
	slices.Sort(sizes)
	t.sizes = slices.Compact(sizes)
	if b.objects > 0 {
		t.burstRows(r)
	}
	for _, rows := range []func(*results){t.passRows, t.rotationRows, t.restartRows, t.memoryRows, t.personRows, t.handRows, t.floodRows} {
		if len(b.sizes) > 0 {
			rows(r)
		}
	}
	return t
}

// burst adds a row about bursts.
func (t *table) burst(label string, r *results, cell func(rounds []burstRound) string) {
	t.row(label, func(size int) string {
		if size != r.burstSize {
			return ""
		}
		return cell(r.bursts)
	})
}

// fleet adds a row about objects in step.
func (t *table) fleet(label string, r *results, cell func(size int, rounds []fleetRound) string) {
	t.row(label, func(size int) string {
		for _, fleet := range r.fleets {
			if fleet.size == size {
				return cell(size, fleet.rounds)
			}
		}
		return ""
	})
}

func (t *table) burstRows(r *results) {
	floorTook := func(r burstRound) float64 { return r.floor.took.Seconds() }
	operatorTook := func(r burstRound) float64 { return r.operator.took.Seconds() }
	t.section("New ApiDefinitions at once")
	t.burst("floor", r, func(rounds []burstRound) string {
		return seconds(median(rounds, floorTook)) + "; " + counted(rounds, func(r burstRound) requests { return r.floor.requests })
	})
	t.burst("operator", r, func(rounds []burstRound) string {
		return seconds(median(rounds, operatorTook)) + "; " + counted(rounds, func(r burstRound) requests { return r.operator.requests })
	})
	t.burst("operator ÷ floor", r, func(rounds []burstRound) string {
		return fmt.Sprintf("%.2f", median(rounds, operatorTook)/median(rounds, floorTook))
	})
	t.burst("peak memory of the operator", r, func(rounds []burstRound) string {
		return mebibytes(median(rounds, func(r burstRound) float64 { return r.operator.memory.peak }))
	})
	t.burst("restart with all in step", r, func(rounds []burstRound) string {
		return counted(rounds, func(r burstRound) requests { return r.operator.again.requests }) + "; objects written: " +
			number(median(rounds, func(r burstRound) float64 { return float64(r.operator.again.stored) }))
	})
}

func (t *table) passRows(r *results) {
	passRequests := func(r fleetRound) float64 { return float64(r.pass.requests.total()) }
	passTook := func(r fleetRound) float64 { return r.pass.took.Seconds() }
	floorRequests := func(r fleetRound) float64 { return float64(r.floorReads.requests.total()) }
	floorTook := func(r fleetRound) float64 { return r.floorReads.took.Seconds() }
	t.section("A pass at rest")
	t.fleet("requests", r, func(_ int, rounds []fleetRound) string {
		return counted(rounds, func(r fleetRound) requests { return r.pass.requests })
	})
	t.fleet("requests per object", r, func(size int, rounds []fleetRound) string {
		return short(median(rounds, passRequests) / float64(size))
	})
	t.fleet("writes to the management API", r, func(_ int, rounds []fleetRound) string {
		return number(median(rounds, func(r fleetRound) float64 { return float64(r.pass.requests[opWrite]) }))
	})
	t.fleet("objects written in Kubernetes", r, func(_ int, rounds []fleetRound) string {
		return number(median(rounds, func(r fleetRound) float64 { return float64(r.pass.stored) }))
	})
	t.fleet("time", r, func(_ int, rounds []fleetRound) string { return seconds(median(rounds, passTook)) })
	t.fleet("floor: one GET per API", r, func(_ int, rounds []fleetRound) string {
		return seconds(median(rounds, floorTook)) + "; " + counted(rounds, func(r fleetRound) requests { return r.floorReads.requests })
	})
	t.fleet("pass ÷ floor, requests", r, func(_ int, rounds []fleetRound) string {
		return short(median(rounds, passRequests) / median(rounds, floorRequests))
	})
	t.fleet("pass ÷ floor, time", r, func(_ int, rounds []fleetRound) string {
		return short(median(rounds, passTook) / median(rounds, floorTook))
	})
}

func (t *table) rotationRows(r *results) {
	t.section("Deep reads of a rotation at rest, without passes")
	t.fleet("requests per API and rotation", r, func(size int, rounds []fleetRound) string {
		if len(rounds) == 0 || rounds[0].rotation == nil {
			return ""
		}
		each := median(rounds, func(r fleetRound) float64 { return float64(r.rotation.requests.total()) }) / float64(size)
		return fmt.Sprintf("%.2f (rotation of %s)", each, rounds[0].rotation.period)
	})
}

func (t *table) restartRows(r *results) {
	t.section("Restart with all in step")
	t.fleet("requests", r, func(_ int, rounds []fleetRound) string {
		return counted(rounds, func(r fleetRound) requests { return r.restart.requests })
	})
	t.fleet("writes to the management API", r, func(_ int, rounds []fleetRound) string {
		return number(median(rounds, func(r fleetRound) float64 { return float64(r.restart.requests[opWrite]) }))
	})
	t.fleet("objects written in Kubernetes", r, func(_ int, rounds []fleetRound) string {
		return number(median(rounds, func(r fleetRound) float64 { return float64(r.restart.stored) }))
	})
	t.fleet("from the start of the process until every object is verified", r, func(_ int, rounds []fleetRound) string {
		return seconds(median(rounds, func(r fleetRound) float64 { return r.restart.took.Seconds() }))
	})
}

func (t *table) memoryRows(r *results) {
	t.section("Memory of the operator")
	for _, figure := range []struct {
		label string
		of    func(fleetRound) float64
	}{
		{"at rest, after some passes (VmRSS)", func(r fleetRound) float64 { return r.atRest.now }},
		{"peak until then (VmHWM)", func(r fleetRound) float64 { return r.atRest.peak }},
		{"peak after all APIs were read in full (VmHWM)", func(r fleetRound) float64 { return r.after.peak }},
	} {
		t.fleet(figure.label, r, func(_ int, rounds []fleetRound) string { return mebibytes(median(rounds, figure.of)) })
	}
}

func (t *table) personRows(r *results) {
	rest := func(r fleetRound) []time.Duration { return r.person.rest }
	flooded := func(r fleetRound) []time.Duration { return r.person.flooded }
	floorRest := func(r fleetRound) []time.Duration { return r.person.floorRest }
	floorFlooded := func(r fleetRound) []time.Duration { return r.person.floorFlooded }
	t.section("From the edit of a resource to its publication: median (longest)")
	t.edits("at rest", r, rest)
	t.edits("while all APIs are read in full", r, flooded)
	t.ratio("all read ÷ at rest", r, flooded, rest)
	t.edits("floor at rest", r, floorRest)
	t.edits("floor while the operator reads all APIs", r, floorFlooded)
	t.ratio("operator ÷ floor, at rest", r, rest, floorRest)
	t.ratio("operator ÷ floor, while all APIs are read in full", r, flooded, floorFlooded)
}

func (t *table) handRows(r *results) {
	t.section("From the begin of the pass that notices an edit in the management API to its correction: median (longest)")
	t.edits("at rest", r, func(r fleetRound) []time.Duration { return r.hand.rest })
	t.edits("among all APIs, when all were touched at once", r, func(r fleetRound) []time.Duration { return r.hand.flooded })
}

func (t *table) floodRows(r *results) {
	t.section("All APIs touched elsewhere at once: each is read in full")
	t.fleet("time from the first to the last", r, func(_ int, rounds []fleetRound) string {
		return seconds(median(rounds, func(r fleetRound) float64 { return r.flood.took.Seconds() }))
	})
	t.fleet("requests meanwhile", r, func(_ int, rounds []fleetRound) string {
		return counted(rounds, func(r fleetRound) requests { return r.flood.requests })
	})
	t.fleet("writes besides those of edits", r, func(_ int, rounds []fleetRound) string {
		return number(median(rounds, func(r fleetRound) float64 { return float64(r.flood.needless) }))
	})
}

// edits adds a row of times.
func (t *table) edits(label string, r *results, edits func(fleetRound) []time.Duration) {
	t.fleet(label, r, func(_ int, rounds []fleetRound) string {
		values := all(rounds, edits)
		if len(values) == 0 {
			return ""
		}
		return fmt.Sprintf("%s (%s)", duration(middle(values)), duration(slices.Max(values)))
	})
}

// ratio adds a row with the ratio of two medians of times.
func (t *table) ratio(label string, r *results, above, below func(fleetRound) []time.Duration) {
	t.fleet(label, r, func(_ int, rounds []fleetRound) string {
		return fmt.Sprintf("%.2f", middle(all(rounds, above)).Seconds()/middle(all(rounds, below)).Seconds())
	})
}

// counted tells the medians of requests: the sum, and each operation.
func counted[R any](rounds []R, of func(R) requests) string {
	var each []requests
	for _, round := range rounds {
		each = append(each, of(round))
	}
	var parts []string
	for _, name := range operations(each...) {
		parts = append(parts, name+" "+number(median(each, func(r requests) float64 { return float64(r[name]) })))
	}
	total := number(median(each, func(r requests) float64 { return float64(r.total()) }))
	if len(parts) == 0 {
		return total
	}
	return fmt.Sprintf("%s (%s)", total, strings.Join(parts, ", "))
}

func duration(d time.Duration) string { return seconds(d.Seconds()) }

// seconds are told to the thousandth below one, and to the hundredth above.
func seconds(value float64) string {
	if value < 1 {
		return fmt.Sprintf("%.0f ms", value*1000)
	}
	return fmt.Sprintf("%.2f s", value)
}

func mebibytes(bytes float64) string {
	if bytes == 0 {
		return ""
	}
	return fmt.Sprintf("%.0f MiB", bytes/(1<<20))
}

// short is a ratio in two digits that count.
func short(ratio float64) string { return fmt.Sprintf("%.2g", ratio) }

// number groups digits by thousands. Medians of even numbers of rounds are rounded.
func number(value float64) string {
	digits := strconv.FormatInt(int64(math.Round(value)), 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
