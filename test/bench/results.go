// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// results are all that was measured.
type results struct {
	burstSize int
	bursts    []burstRound
	fleets    []fleetResults
}

type fleetResults struct {
	size   int
	rounds []fleetRound
}

// objectsPerRequest is how many objects in step one request of a pass has to do for, at least.
const objectsPerRequest = 50

// verdict is an error for each thing that must not happen on any machine.
func (r *results) verdict() error {
	var problems []error
	for i, round := range r.bursts {
		problems = append(problems, round.operator.again.verdict(r.burstSize, i))
	}
	for _, fleet := range r.fleets {
		for i, round := range fleet.rounds {
			problems = append(problems, round.restart.verdict(fleet.size, i), round.pass.verdict(fleet.size, i))
		}
	}
	return errors.Join(problems...)
}

func (r restarted) verdict(size, round int) error {
	if r.requests[opWrite] == 0 && r.stored == 0 {
		return nil
	}
	return fmt.Errorf("%d in step, round %d: a restart wrote %d times to the management API and changed %d objects; it must write nothing",
		size, round+1, r.requests[opWrite], r.stored)
}

func (p pass) verdict(size, round int) error {
	var problems []error
	if p.requests[opWrite] != 0 || p.stored != 0 {
		problems = append(problems, fmt.Errorf("%d in step, round %d: at rest, %d writes went to the management API and %d objects changed; there must be none",
			size, round+1, p.requests[opWrite], p.stored))
	}
	if p.requests.total()*objectsPerRequest > size {
		problems = append(problems, fmt.Errorf("%d in step, round %d: a pass took %d requests; at most one per %d objects is allowed",
			size, round+1, p.requests.total(), objectsPerRequest))
	}
	return errors.Join(problems...)
}

// median of a figure over the rounds; 0 without any.
func median[R any](rounds []R, figure func(R) float64) float64 {
	values := make([]float64, len(rounds))
	for i, round := range rounds {
		values[i] = figure(round)
	}
	return middle(values)
}

// middle is the median of values in any order; of an even number of values it is the mean of the two in the middle.
func middle[V float64 | time.Duration](values []V) V {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	upper := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[upper]
	}
	return (sorted[upper-1] + sorted[upper]) / 2
}

// all puts the edits of all rounds together.
func all(rounds []fleetRound, edits func(fleetRound) []time.Duration) []time.Duration {
	var values []time.Duration
	for _, round := range rounds {
		values = append(values, edits(round)...)
	}
	return values
}
