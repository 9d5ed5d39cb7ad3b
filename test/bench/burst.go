// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/test/harness"
)

// burst is many new objects at once.
type burst struct {
	took     time.Duration
	requests requests
	// memory and again are the operator's: at the end, and of a restart after it.
	memory memory
	again  restarted
}

// burstRound is a burst by the floor, and one by the operator.
type burstRound struct{ floor, operator burst }

func (b *bench) compareBursts(ctx context.Context, results *results) error {
	results.burstSize = b.objects
	// The first requests to a new API server are slower; nobody's round is to pay for that.
	if _, err := b.floorBurst(ctx, "warm-up", min(b.objects, 100)); err != nil {
		return fmt.Errorf("warming up: %w", err)
	}
	for i := range b.rounds {
		var round burstRound
		var err error
		if round.floor, err = b.floorBurst(ctx, fmt.Sprintf("floor-%d", i+1), b.objects); err != nil {
			return fmt.Errorf("burst of the floor, round %d: %w", i+1, err)
		}
		progress("burst of %d, round %d of %d: floor    %6.2f s", b.objects, i+1, b.rounds, round.floor.took.Seconds())
		if round.operator, err = b.operatorBurst(ctx, fmt.Sprintf("burst-%d", i+1)); err != nil {
			return fmt.Errorf("burst of the operator, round %d: %w", i+1, err)
		}
		progress("burst of %d, round %d of %d: operator %6.2f s, ratio %.2f", b.objects, i+1, b.rounds, round.operator.took.Seconds(),
			round.operator.took.Seconds()/round.floor.took.Seconds())
		results.bursts = append(results.bursts, round)
	}
	return nil
}

func (b *bench) floorBurst(ctx context.Context, namespace string, objects int) (burst, error) {
	site, err := b.newSite(ctx)
	if err != nil {
		return burst{}, err
	}
	if err = b.makeNamespace(ctx, namespace); err != nil {
		return burst{}, errors.Join(err, site.close())
	}
	mark := site.Mark()
	took, err := floor{b, site, environment}.burst(ctx, namespace, objects)
	return burst{took: took, requests: site.since(mark)}, errors.Join(err, site.close())
}

func (b *bench) operatorBurst(ctx context.Context, namespace string) (burst, error) {
	site, err := b.newSite(ctx)
	if err != nil {
		return burst{}, err
	}
	measured, err := b.burst(ctx, site, namespace)
	return measured, errors.Join(err, site.close())
}

func (b *bench) burst(ctx context.Context, site *site, namespace string) (burst, error) {
	if err := b.makeNamespace(ctx, namespace); err != nil {
		return burst{}, err
	}
	if err := harness.Apply(ctx, b.cluster.Client, managementContext(namespace, site.server.URL)); err != nil {
		return burst{}, err
	}
	worker, err := b.start(ctx, namespace, never, never)
	if err != nil {
		return burst{}, err
	}
	mark := site.Mark()
	measured := burst{}
	measured.took, err = b.publish(ctx, namespace)
	measured.requests, measured.memory = site.since(mark), memoryOf(worker.PID())
	if err := worker.end(err); err != nil {
		return burst{}, err
	}
	worker, measured.again, err = b.restart(ctx, site, namespace, b.objects, never)
	if err != nil {
		return burst{}, err
	}
	return measured, worker.end(nil)
}

// publish creates the objects of a burst and waits until the operator has all in step.
func (b *bench) publish(ctx context.Context, namespace string) (time.Duration, error) {
	ready, err := b.watchReady(ctx, namespace)
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	if err := b.create(ctx, namespace, b.objects); err != nil {
		return 0, err
	}
	err = <-ready
	return time.Since(begin), err
}

func (b *bench) create(ctx context.Context, namespace string, objects int) error {
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(b.inFlight)
	for i := range objects {
		work.Go(func() error { return b.cluster.Client.Create(ctx, definition(namespace, i)) })
	}
	return work.Wait()
}

// watchReady tells when every object of the burst was seen ready.
func (b *bench) watchReady(ctx context.Context, namespace string) (<-chan error, error) {
	watcher, err := b.cluster.Client.Watch(ctx, &v1alpha1.ApiDefinitionList{}, client.InNamespace(namespace))
	if err != nil {
		return nil, err
	}
	result := make(chan error, 1)
	go func() {
		defer watcher.Stop()
		done := map[string]bool{}
		for event := range watcher.ResultChan() {
			api, ok := event.Object.(*v1alpha1.ApiDefinition)
			if ok && event.Type != watch.Deleted && meta.IsStatusConditionTrue(api.Status.Conditions, v1alpha1.ReadyCondition) {
				done[api.Name] = true
			}
			if len(done) == b.objects {
				result <- nil
				return
			}
		}
		result <- fmt.Errorf("the watch ended with %d of %d objects ready", len(done), b.objects)
	}()
	return result, nil
}

// restarted is what an operator did that was started with everything in step.
type restarted struct {
	requests requests
	// stored is how many objects it wrote in Kubernetes.
	stored int
	took   time.Duration
}

// restart starts an operator with everything in step and waits until it has verified each object. The operator goes on.
func (b *bench) restart(ctx context.Context, site *site, namespace string, objects int, period time.Duration) (*operator, restarted, error) {
	before, err := b.stored(ctx, namespace)
	if err != nil {
		return nil, restarted{}, err
	}
	site.ForgetRequests()
	mark := site.Mark()
	begin := time.Now()
	worker, err := b.start(ctx, namespace, period, never)
	if err != nil {
		return nil, restarted{}, err
	}
	verified, err := worker.inStep(ctx, objects)
	if err != nil {
		return nil, restarted{}, worker.end(err)
	}
	result := restarted{took: verified.Sub(begin), requests: site.since(mark)}
	after, err := b.stored(ctx, namespace)
	if err != nil {
		return nil, restarted{}, worker.end(err)
	}
	result.stored = written(before, after)
	return worker, result, nil
}
