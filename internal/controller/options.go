// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

// Package controller brings the kinds to life: what Sync and Finalize do for each, which events wake which
// object, and the pure decision whether there is a reason to write.
package controller

import (
	"time"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Back-off of an object whose work failed for a passing reason.
const (
	firstRetry = 500 * time.Millisecond
	lastRetry  = 5 * time.Minute
)

// Options are the same for every controller: workers at once, and a back-off per object that jitter spreads.
func Options(workers int, jitter func(time.Duration) time.Duration) controller.Options {
	return controller.Options{
		MaxConcurrentReconciles: workers,
		RateLimiter: jittered{
			TypedRateLimiter: workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstRetry, lastRetry),
			jitter:           jitter,
		},
	}
}

type jittered struct {
	workqueue.TypedRateLimiter[reconcile.Request]

	jitter func(time.Duration) time.Duration
}

// When is the delay before the next try of an object.
func (j jittered) When(request reconcile.Request) time.Duration {
	return j.jitter(j.TypedRateLimiter.When(request))
}
