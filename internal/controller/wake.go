// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Wake asks that an object is looked at.
type Wake struct {
	Name types.NamespacedName
	// Urgent is true for what a person waits for; everything else gives way to it.
	Urgent bool
}

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// enqueue puts a request into the queue of a controller.
func enqueue(queue queue, request reconcile.Request, urgent bool) {
	ordered, ok := queue.(priorityqueue.PriorityQueue[reconcile.Request])
	if !ok {
		queue.Add(request) // a queue without priorities: in a test
		return
	}
	options := priorityqueue.AddOpts{}
	if !urgent {
		options.Priority = new(handler.LowPriority)
	}
	ordered.AddWithOpts(options, request)
}

// wakes enqueues what a Wake names.
func wakes() handler.TypedFuncs[Wake, reconcile.Request] {
	return handler.TypedFuncs[Wake, reconcile.Request]{
		GenericFunc: func(_ context.Context, e event.TypedGenericEvent[Wake], queue queue) {
			enqueue(queue, reconcile.Request{NamespacedName: e.Object.Name}, e.Object.Urgent)
		},
	}
}

// usersOfContext enqueues the APIs of a context that changed: first those that somebody waits for.
func usersOfContext(reader client.Reader) handler.Funcs {
	users := func(ctx context.Context, managed client.Object, queue queue) {
		apis, err := apisBy(ctx, reader, indexContext, possible(client.ObjectKeyFromObject(managed).String())...)
		if err != nil {
			return // The cache answers from memory; it only fails while it shuts down.
		}
		for i := range apis {
			enqueue(queue, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&apis[i])}, !isInStep(&apis[i]))
		}
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, queue queue) { users(ctx, e.Object, queue) },
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, queue queue) { users(ctx, e.ObjectNew, queue) },
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, queue queue) { users(ctx, e.Object, queue) },
		GenericFunc: func(ctx context.Context, e event.GenericEvent, queue queue) {
			users(ctx, e.Object, queue)
		},
	}
}
