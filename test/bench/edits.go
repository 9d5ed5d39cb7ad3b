// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/test/simulator"
)

// situations are the times of edits at rest and while all APIs are read in full, and those of the floor beside them.
type situations struct {
	rest, flooded           []time.Duration
	floorRest, floorFlooded []time.Duration
}

// flood is what follows when all APIs were touched elsewhere at once.
type flood struct {
	requests requests
	// took is the time from the first deep read to the last.
	took time.Duration
	// needless are writes besides those that publish or put right an edit.
	needless int
}

// handEdits are the edits in the management API, in each round and situation.
const handEdits = 3

// isReadAfter fits a look at one API that arrived at a time or later.
func isReadAfter(at time.Time) func(simulator.Request) bool {
	return func(r simulator.Request) bool { return operation(r) == opRead && !r.At.Before(at) }
}

// isWriteOf fits an import after a mark whose body has a text.
func isWriteOf(mark int, text string) func(simulator.Request) bool {
	return func(r simulator.Request) bool {
		return r.Sequence > mark && operation(r) == opWrite && r.Environment == environment && bytes.Contains(r.Body, []byte(text))
	}
}

// editByPerson changes a resource, as kubectl does, and waits until the change is published.
func (f *fleet) editByPerson(ctx context.Context) (time.Duration, error) {
	object := definition(f.namespace, f.pick())
	text, mark, begin := f.text(), f.site.Mark(), time.Now()
	if err := f.cluster.Client.Patch(ctx, object, describe(text)); err != nil {
		return 0, err
	}
	_, err := f.site.WaitFor(ctx, isWriteOf(mark, text))
	return time.Since(begin), err
}

// editInTurns lets the floor and a person make one edit each.
func (f *fleet) editInTurns(ctx context.Context, byFloor, byPerson *[]time.Duration) error {
	took, err := f.floor.edit(ctx, f.own, f.text())
	if err != nil {
		return err
	}
	*byFloor = append(*byFloor, took)
	if took, err = f.editByPerson(ctx); err != nil {
		return err
	}
	*byPerson = append(*byPerson, took)
	return nil
}

// personAtRest needs an operator that makes no passes.
func (f *fleet) personAtRest(ctx context.Context, _ *operator, round *fleetRound) error {
	for range f.edits {
		if err := f.editInTurns(ctx, &round.person.floorRest, &round.person.rest); err != nil {
			return err
		}
	}
	progress("  edits at rest: published in %s, by the floor in %s", duration(middle(round.person.rest)), duration(middle(round.person.floorRest)))
	return nil
}

// editByHand changes an API in the management API.
func (f *fleet) editByHand() (id string, err error) {
	id = f.ids[f.pick()]
	text := f.text()
	return id, f.site.EditAPI(id, func(definition map[string]any) { definition["description"] = text })
}

// handAtRest measures from the begin of the first pass after an edit to its correction: when that pass comes is configuration.
func (f *fleet) handAtRest(ctx context.Context, worker *operator, round *fleetRound) error {
	for len(round.hand.rest) < handEdits {
		// An edit in the middle of a pass may be noticed by it or by the next one.
		if err := worker.wait(ctx, "between two passes", lookInterval, metrics.isBetweenPasses); err != nil {
			return err
		}
		mark := f.site.Mark()
		id, err := f.editByHand()
		if err != nil {
			return err
		}
		noticed, err := f.site.passBegins(ctx, mark)
		if err != nil {
			return err
		}
		write, err := f.site.WaitFor(ctx, isWriteOf(mark, id))
		if err != nil {
			return err
		}
		if write.Sequence > noticed.Sequence { // otherwise a pass had begun just before the edit
			round.hand.rest = append(round.hand.rest, time.Since(noticed.At))
		}
	}
	progress("  edits by hand: corrected %s after the pass began", duration(middle(round.hand.rest)))
	return nil
}

// pausedPeriod is between two passes of a paused operator.
const pausedPeriod = 100 * time.Hour

// pause lets the operator make no passes, until resume.
func (f *fleet) pause(ctx context.Context, worker *operator, _ *fleetRound) error {
	if err := f.annotate(ctx, fmt.Sprintf("%q", pausedPeriod)); err != nil {
		return err
	}
	_, err := worker.idle(ctx, "that makes no passes", func(m metrics) bool {
		return m.value("apisync_sweep_period_seconds") == pausedPeriod.Seconds() && m.isBetweenPasses()
	})
	return err
}

// resume lets the operator make a pass at once, and then in its period.
func (f *fleet) resume(ctx context.Context) error { return f.annotate(ctx, "null") }

// annotate gives the context a drift period, in JSON.
func (f *fleet) annotate(ctx context.Context, value string) error {
	managed := &unstructured.Unstructured{}
	managed.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(v1alpha1.ManagementContextKind))
	managed.SetNamespace(f.namespace)
	managed.SetName(contextName)
	return f.cluster.Client.Patch(ctx, managed, client.RawPatch("application/merge-patch+json",
		fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%s}}}`, v1alpha1.DriftPeriodAnnotation, value)))
}

// floodAll touches all APIs at once, as a deployment of everything or a restored backup does: their markers move, and nothing else. A
// few are edited besides. The next pass makes the operator read each in full, and meanwhile people edit resources.
func (f *fleet) floodAll(ctx context.Context, worker *operator, round *fleetRound) error {
	// A look that began before an API is touched and ends after it would count as the one that noticed.
	if _, err := worker.idle(ctx, "that is done with the edits", metrics.isBetweenPasses); err != nil {
		return err
	}
	f.site.ForgetRequests()
	mark := f.site.Mark()
	edited, err := f.touchAll()
	if err != nil {
		return err
	}
	if err := f.resume(ctx); err != nil {
		return err
	}
	noticed, err := f.site.passBegins(ctx, mark)
	if err != nil {
		return err
	}
	begin, err := f.site.WaitFor(ctx, isReadAfter(noticed.At))
	if err != nil {
		return err
	}
	work, workCtx := errgroup.WithContext(ctx)
	over := make(chan struct{})
	var end time.Time
	work.Go(func() error {
		defer close(over)
		last, err := f.site.allRead(workCtx, mark, f.ids)
		end = last.At
		round.flood.requests = f.site.between(begin.Sequence, last.Sequence+1)
		return err
	})
	round.hand.flooded = make([]time.Duration, len(edited))
	for i, id := range edited {
		work.Go(func() error {
			_, err := f.site.WaitFor(workCtx, isWriteOf(mark, id))
			round.hand.flooded[i] = time.Since(noticed.At)
			return err
		})
	}
	err = f.editUntil(workCtx, over, round)
	if err = errors.Join(err, work.Wait()); err != nil {
		return err
	}
	round.flood.took = end.Sub(begin.At)
	if _, err = worker.inStep(ctx, f.size); err != nil {
		return err
	}
	round.flood.needless = f.site.since(mark)[opWrite] - len(edited) - len(round.person.flooded)
	progress("  all touched: read in full in %.2f s; edits meanwhile published in %s, by the floor in %s", round.flood.took.Seconds(),
		duration(middle(round.person.flooded)), duration(middle(round.person.floorFlooded)))
	return nil
}

// touchAll moves the markers of all APIs, and gives the ids of those that it edited.
func (f *fleet) touchAll() ([]string, error) {
	for _, id := range f.ids {
		if err := f.site.Deploy(id); err != nil {
			return nil, err
		}
	}
	var edited []string
	for range handEdits {
		id, err := f.editByHand()
		if err != nil {
			return nil, err
		}
		edited = append(edited, id)
	}
	return edited, nil
}

// editUntil edits resources as long as APIs are read in full, as often as asked for.
func (f *fleet) editUntil(ctx context.Context, over <-chan struct{}, round *fleetRound) error {
	for range f.edits {
		select {
		case <-over:
			return nil
		default:
		}
		if err := f.editInTurns(ctx, &round.person.floorFlooded, &round.person.flooded); err != nil {
			return err
		}
	}
	return nil
}
