// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/test/harness"
)

// fleet is a number of objects in step with a management API of their own. It is prepared once; each measurement
// leaves it in step.
type fleet struct {
	*bench

	size      int
	namespace string
	site      *site
	// ids of the remote APIs, by the number of the object.
	ids []string
	// order is in which the objects are edited, next the place in it.
	order []int
	next  int
	// floor edits an object of its own, outside of what the operator sees.
	floor floor
	own   *unstructured.Unstructured
	// edited numbers the edits, so that each is known by its text.
	edited int
}

// fleetRound is what one round measured on a fleet.
type fleetRound struct {
	// floorReads is the plain alternative to a pass: one request for each API.
	floorReads struct {
		requests requests
		took     time.Duration
	}
	restart restarted
	pass    pass
	// atRest is the memory after the start and some passes, after that at the end of the round.
	atRest, after memory
	person, hand  situations
	flood         flood
	// rotation is missing where it isn't measured.
	rotation *rotation
}

// pass is one bulk look over a fleet at rest.
type pass struct {
	requests requests
	stored   int
	took     time.Duration
}

// rotation are the deep reads of one period.
type rotation struct {
	requests requests
	period   time.Duration
}

// measureFleets measures all sizes in each round.
func (b *bench) measureFleets(ctx context.Context, results *results) error {
	var fleets []*fleet
	for _, size := range b.sizes {
		prepared, err := b.prepare(ctx, size)
		if err != nil {
			return fmt.Errorf("preparing %d objects: %w", size, err)
		}
		defer func() { _ = prepared.site.close() }()
		fleets = append(fleets, prepared)
		results.fleets = append(results.fleets, fleetResults{size: size})
	}
	for i := range b.rounds {
		for k, measured := range fleets {
			progress("%d in step, round %d of %d", measured.size, i+1, b.rounds)
			round, err := measured.measure(ctx, measured.size == slices.Min(b.sizes))
			if err != nil {
				return fmt.Errorf("%d in step, round %d: %w", measured.size, i+1, err)
			}
			results.fleets[k].rounds = append(results.fleets[k].rounds, round)
		}
	}
	return nil
}

// prepare lets an operator publish the objects, without latency.
func (b *bench) prepare(ctx context.Context, size int) (*fleet, error) {
	site, err := b.newSite(ctx)
	if err != nil {
		return nil, err
	}
	site.SetLatency(0)
	f := &fleet{
		bench: b, size: size, site: site, namespace: fmt.Sprintf("fleet-%d", size),
		order: rand.New(rand.NewPCG(1, uint64(size))).Perm(size),
		floor: floor{b, site, floorEnvironment},
	}
	if err := b.makeNamespace(ctx, f.namespace); err != nil {
		return nil, err
	}
	if err := harness.Apply(ctx, b.cluster.Client, managementContext(f.namespace, site.server.URL)); err != nil {
		return nil, err
	}
	worker, err := b.start(ctx, f.namespace, never, never)
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	err = b.create(ctx, f.namespace, size)
	if err == nil {
		err = f.published(ctx, worker)
	}
	if err := worker.end(err); err != nil {
		return nil, err
	}
	progress("%d in step: prepared in %.0f s", size, time.Since(begin).Seconds())
	site.SetLatency(b.latency)
	return f, errors.Join(f.learn(ctx), f.publishOwn(ctx))
}

// published waits until the operator has all objects in step.
func (f *fleet) published(ctx context.Context, worker *operator) error {
	told := 0
	return worker.wait(ctx, fmt.Sprintf("that has published %d objects", f.size), time.Second, func(m metrics) bool {
		ready := int(m.value("apisync_objects", "kind", v1alpha1.ApiDefinitionKind, "state", "ready"))
		if ready-told >= 1000 {
			told = ready
			progress("%d in step: %d published", f.size, ready)
		}
		return ready == f.size
	})
}

// learn reads the ids of the remote APIs.
func (f *fleet) learn(ctx context.Context) error {
	var apis v1alpha1.ApiDefinitionList
	if err := f.cluster.Client.List(ctx, &apis, client.InNamespace(f.namespace)); err != nil {
		return fmt.Errorf("listing the objects: %w", err)
	}
	ids := map[string]string{}
	for i := range apis.Items {
		ids[apis.Items[i].Name] = apis.Items[i].Status.ID
	}
	for i := range f.size {
		f.ids = append(f.ids, ids[objectName(i)])
	}
	return nil
}

// publishOwn makes the object that the floor edits.
func (f *fleet) publishOwn(ctx context.Context) error {
	namespace := f.namespace + "-floor"
	if err := f.makeNamespace(ctx, namespace); err != nil {
		return err
	}
	f.own = definition(namespace, 0)
	return f.floor.publish(ctx, f.own)
}

// pick gives the number of an object that wasn't edited lately.
func (f *fleet) pick() int {
	f.next++
	return f.order[(f.next-1)%len(f.order)]
}

// text is new with each edit.
func (f *fleet) text() string {
	f.edited++
	return fmt.Sprintf("edit %d of %s", f.edited, f.namespace)
}

// measure is one round. All but the rotation is done by one operator.
func (f *fleet) measure(ctx context.Context, withRotation bool) (fleetRound, error) {
	var round fleetRound
	var err error
	if err = f.readByFloor(ctx, &round); err != nil {
		return round, err
	}
	var worker *operator
	if worker, round.restart, err = f.restart(ctx, f.site, f.namespace, f.size, f.period); err != nil {
		return round, err
	}
	progress("  verified after a start in %.2f s", round.restart.took.Seconds())
	if err = worker.end(f.operate(ctx, worker, &round)); err != nil {
		return round, err
	}
	if withRotation {
		round.rotation, err = f.rotate(ctx)
	}
	return round, err
}

func (f *fleet) readByFloor(ctx context.Context, round *fleetRound) error {
	f.site.ForgetRequests()
	mark := f.site.Mark()
	took, err := f.floor.readAll(ctx, environment, f.ids)
	round.floorReads.requests, round.floorReads.took = f.site.since(mark), took
	progress("  floor: each API read once in %.2f s", took.Seconds())
	return err
}

// operate measures an operator that has just verified everything.
func (f *fleet) operate(ctx context.Context, worker *operator, round *fleetRound) error {
	for _, step := range []func(context.Context, *operator, *fleetRound) error{
		f.rest, f.handAtRest, f.pause, f.personAtRest, f.floodAll,
	} {
		if err := step(ctx, worker, round); err != nil {
			return err
		}
	}
	round.after = memoryOf(worker.PID())
	return nil
}

// rest counts what happens from the begin of one pass to the begin of the next.
func (f *fleet) rest(ctx context.Context, worker *operator, round *fleetRound) error {
	before, err := f.stored(ctx, f.namespace)
	if err != nil {
		return err
	}
	start, err := worker.metrics(ctx)
	if err != nil {
		return err
	}
	first, err := f.site.passBegins(ctx, f.site.Mark())
	if err != nil {
		return err
	}
	second, err := f.site.passBegins(ctx, first.Sequence)
	if err != nil {
		return err
	}
	end, err := worker.metrics(ctx)
	if err != nil {
		return err
	}
	round.atRest = memoryOf(worker.PID())
	after, err := f.stored(ctx, f.namespace)
	if err != nil {
		return err
	}
	startCount, startSeconds := start.passes()
	endCount, endSeconds := end.passes()
	round.pass = pass{
		requests: f.site.between(first.Sequence, second.Sequence), stored: written(before, after),
		took: time.Duration((endSeconds - startSeconds) / (endCount - startCount) * float64(time.Second)),
	}
	progress("  a pass: %d requests, %.2f s", round.pass.requests.total(), round.pass.took.Seconds())
	return nil
}

// Rotations are so slow that the reads don't wait for each other.
const (
	shortestRotation = 10 * time.Second
	rotationPerAPI   = 10 * time.Millisecond
)

// rotate counts the deep reads of one rotation, without passes.
func (f *fleet) rotate(ctx context.Context) (*rotation, error) {
	period := max(shortestRotation, time.Duration(f.size)*rotationPerAPI)
	worker, err := f.start(ctx, f.namespace, never, period)
	if err != nil {
		return nil, err
	}
	measured, err := f.turn(ctx, worker, period)
	return measured, worker.end(err)
}

func (f *fleet) turn(ctx context.Context, worker *operator, period time.Duration) (*rotation, error) {
	err := worker.wait(ctx, "that has made a pass", lookInterval, func(m metrics) bool { return m.unchanged() == f.size })
	if err != nil {
		return nil, err
	}
	mark, begin := f.site.Mark(), time.Now()
	end, err := f.site.WaitFor(ctx, isReadAfter(begin.Add(period)))
	if err != nil {
		return nil, err
	}
	measured := &rotation{period: period, requests: f.site.between(mark+1, end.Sequence)}
	progress("  a rotation of %s: %d requests", period, measured.requests.total())
	return measured, nil
}
