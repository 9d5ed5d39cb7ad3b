// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

// Package lifecycle holds what is the same for every kind: the order of writes, deletion, status, events
// and retries. A kind only says how the world is brought to its spec (Sync) and how that is undone
// (Finalize).
package lifecycle

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/apisync/apisync/internal/fault"
)

// Object is a resource with the status that every kind of Apisync has.
type Object interface {
	client.Object
	GetConditions() []metav1.Condition
	SetConditions([]metav1.Condition)
	GetObservedGeneration() int64
	SetObservedGeneration(int64)
}

// Kind is what differs between kinds.
type Kind[T Object] interface {
	// Sync brings the world to obj's spec. It may change obj's status in memory; the lifecycle stores it.
	// Before the first write outside the cluster it calls Claim. Errors are faults; unclassified ones are Transient.
	Sync(ctx context.Context, obj T) (Outcome, error)
	// Finalize undoes what Sync did. It is called until it returns no error; then the finalizer goes. The
	// Farewell is a message for a person when something had to be left behind, otherwise empty.
	Finalize(ctx context.Context, obj T) (Farewell, error)
}

// Farewell is the last message about an object: empty when everything was undone, otherwise a Warning.
type Farewell string

// ErrDeferred is what Finalize returns when nothing could be tried yet and nothing is to be said about it;
// the object is woken again by the kind, or after a while.
var ErrDeferred = errors.New("deferred")

// Outcome is what Sync did and found. The zero value means: in step, nothing done.
type Outcome struct {
	// Deferred means that nothing was learned, and nothing is to be said: the status stays as it is, and a
	// watch, Requeue, or with an error the queue's back-off wakes the object again.
	Deferred bool
	// Held means that nothing was looked at, on purpose: the verdict stays as it is, and only Conditions are stored.
	Held bool
	// Done says what was written outside the cluster and why, as one sentence; empty when nothing was.
	Done string
	// Message is the text of Ready when all is well.
	Message string
	// Conditions of the kind itself, such as Served. A status of Unknown removes the condition.
	Conditions []metav1.Condition
	// Warnings are sentences for people that don't change the verdict; each becomes an event.
	Warnings []string
	// Events are told besides; the lifecycle adds its own.
	Events []Event
	// DoneReason is the reason of the event that tells Done; empty means UpdateSucceeded.
	DoneReason string
	// Requeue is when to look again although nothing changed; zero means never. Periodic work gives way to what
	// people change.
	Requeue time.Duration
	// Release is called when the outcome has been stored: whoever is bounded in how much is worked on at once keeps its
	// place until then. Nil is nothing.
	Release func()
	// Exact says that Requeue is meant as it is: the kind has spread it already.
	Exact bool
}

// Redacted is the outcome with every text taken through clean.
func (o Outcome) Redacted(clean func(string) string) Outcome {
	o.Done, o.Message = clean(o.Done), clean(o.Message)
	for i := range o.Conditions {
		o.Conditions[i].Message = clean(o.Conditions[i].Message)
	}
	for i := range o.Warnings {
		o.Warnings[i] = clean(o.Warnings[i])
	}
	for i := range o.Events {
		o.Events[i].Note = clean(o.Events[i].Note)
	}
	return o
}

// Event is something that a kind tells about an object.
type Event struct {
	// Type is Normal or Warning.
	Type string
	// Reason and Action are CamelCase; Note is a sentence without secrets.
	Reason, Action, Note string
}

// Recorder emits events (events.k8s.io). It is the part of controller-runtime's recorder that is needed.
type Recorder interface {
	Eventf(regarding, related runtime.Object, eventtype, reason, action, note string, args ...any)
}

// Reconciler runs a Kind. It implements reconcile.ObjectReconciler[T].
type Reconciler[T Object] struct {
	Client   client.Client
	Recorder Recorder
	Kind     Kind[T]
	// Finalizer is the name that Claim stores and that is removed at the end.
	Finalizer string
	// Inherited are finalizers that another operator put on such objects and that go together with Finalizer.
	Inherited []string
	// Timeout bounds one reconciliation; zero means it has no bound. It should be what a shutdown waits for.
	Timeout time.Duration
	// Jitter spreads a delay, so that objects that failed together don't come back together. Nil means none.
	Jitter func(time.Duration) time.Duration

	stored stored
}

// Reconcile is called with a fresh copy of the object, which it owns. When ctx ends while it works, it
// finishes: a write that was begun is recorded. It begins nothing after that.
func (r *Reconciler[T]) Reconcile(ctx context.Context, obj T) (ctrl.Result, error) {
	if ctx.Err() != nil {
		// The queue hands out what is left in it while the manager shuts down.
		return ctrl.Result{}, nil
	}
	if r.stored.isStale(obj) {
		return ctrl.Result{RequeueAfter: conflictDelay}, nil
	}
	ctx = context.WithoutCancel(ctx)
	if r.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.Timeout)
		defer cancel()
	}
	if obj.GetDeletionTimestamp().IsZero() {
		return r.sync(ctx, obj)
	}
	return r.finalize(ctx, obj)
}

func (r *Reconciler[T]) sync(ctx context.Context, obj T) (ctrl.Result, error) {
	before := obj.DeepCopyObject().(T)
	outcome, err := r.Kind.Sync(ctx, obj)
	if outcome.Release != nil {
		defer outcome.Release()
	}
	if obj.GetResourceVersion() != before.GetResourceVersion() {
		r.stored.remember(obj)
	}
	if gone(err) {
		return ctrl.Result{}, nil
	}
	if apierrors.IsConflict(err) {
		return ctrl.Result{RequeueAfter: r.spread(conflictDelay)}, nil
	}
	if outcome.Held && err == nil {
		setOwn(obj, outcome.Conditions)
		return ctrl.Result{}, client.IgnoreNotFound(r.storeStatus(ctx, before, obj))
	}
	if outcome.Deferred && err != nil {
		return r.next(ctx, Judge(err), outcome, err)
	}
	if outcome.Deferred {
		return r.later(outcome, cmp.Or(outcome.Requeue, deferredDelay)), nil
	}
	verdict := Judge(err)
	verdict.stamp(obj, outcome)
	r.announce(before, obj, outcome, err)
	if err := r.storeStatus(ctx, before, obj); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if outcome.Done != "" {
		ctrl.LoggerFrom(ctx).Info("Synchronised", "done", outcome.Done)
	}
	return r.next(ctx, verdict, outcome, err)
}

func (r *Reconciler[T]) finalize(ctx context.Context, obj T) (ctrl.Result, error) {
	if !slices.ContainsFunc(r.finalizers(), func(name string) bool { return controllerutil.ContainsFinalizer(obj, name) }) {
		return ctrl.Result{}, nil
	}
	before := obj.DeepCopyObject().(T)
	farewell, err := r.Kind.Finalize(ctx, obj)
	if errors.Is(err, ErrDeferred) {
		return ctrl.Result{RequeueAfter: r.spread(deferredDelay)}, nil
	}
	if err != nil {
		return r.holdBack(ctx, before, obj, err)
	}
	if farewell != "" {
		r.Recorder.Eventf(obj, nil, corev1.EventTypeWarning, "LeftBehind", "Delete", "%s", cut(string(farewell)))
		ctrl.LoggerFrom(ctx).Info("Deleted, but something was left behind", "reason", string(farewell))
	}
	if err := r.release(ctx, obj); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	r.Recorder.Eventf(obj, nil, corev1.EventTypeNormal, "DeleteSucceeded", "Delete", "Delete succeeded")
	return ctrl.Result{}, nil
}

func (r *Reconciler[T]) finalizers() []string { return append([]string{r.Finalizer}, r.Inherited...) }

// holdBack tells why a deletion can't end yet. Only the Deletable condition moves: a context that waits for
// its APIs must stay ready for them, and kstatus calls everything with a deletion timestamp Terminating.
func (r *Reconciler[T]) holdBack(ctx context.Context, before, obj T, err error) (ctrl.Result, error) {
	if apierrors.IsConflict(err) {
		return ctrl.Result{RequeueAfter: conflictDelay}, nil
	}
	verdict := Judge(err)
	if setCondition(obj, deletableCondition(err, obj.GetGeneration())) {
		r.Recorder.Eventf(obj, nil, corev1.EventTypeWarning, "DeleteFailed", "Delete", "%s", cut(err.Error()))
	}
	if err := r.storeStatus(ctx, before, obj); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	return r.next(ctx, verdict, Outcome{}, err)
}

// storeStatus patches what this run changed and nothing else.
func (r *Reconciler[T]) storeStatus(ctx context.Context, before, obj T) error {
	base := before.DeepCopyObject().(T)
	// Claim may have stored newer metadata since; only the status is to be patched.
	copyMetadata(obj, base)
	if equality.Semantic.DeepEqual(base, obj) {
		return nil
	}
	if err := r.Client.Status().Patch(ctx, obj, client.MergeFrom(base)); err != nil {
		return err
	}
	r.stored.remember(obj)
	return nil
}

func (r *Reconciler[T]) release(ctx context.Context, obj T) error {
	base := obj.DeepCopyObject().(T)
	for _, name := range r.finalizers() {
		controllerutil.RemoveFinalizer(obj, name)
	}
	r.stored.forget(obj.GetUID())
	return r.Client.Patch(ctx, obj, client.MergeFromWithOptions(base, client.MergeFromWithOptimisticLock{}))
}

func (r *Reconciler[T]) announce(before, obj T, outcome Outcome, err error) {
	for _, warning := range outcome.Warnings {
		r.Recorder.Eventf(obj, nil, corev1.EventTypeWarning, "UpdateWarning", "Update", "%s", cut(warning))
	}
	for _, event := range outcome.Events {
		r.Recorder.Eventf(obj, nil, event.Type, event.Reason, event.Action, "%s", cut(event.Note))
	}
	switch {
	case err != nil:
		if verdictChanged(before, obj) {
			r.Recorder.Eventf(obj, nil, corev1.EventTypeWarning, "UpdateFailed", "Update", "%s", cut(err.Error()))
		}
	case outcome.Done != "":
		r.Recorder.Eventf(obj, nil, corev1.EventTypeNormal, cmp.Or(outcome.DoneReason, "UpdateSucceeded"), "Update", "%s", cut(outcome.Done))
	case verdictChanged(before, obj):
		r.Recorder.Eventf(obj, nil, corev1.EventTypeNormal, "UpdateSucceeded", "Update", "%s", cut(readyMessage(obj)))
	}
}

// next turns the verdict into a queue decision. controller-runtime drops a delay beside an error, so there
// is only ever one of them.
func (r *Reconciler[T]) next(ctx context.Context, verdict Verdict, outcome Outcome, err error) (ctrl.Result, error) {
	if err == nil {
		return r.later(outcome, outcome.Requeue), nil
	}
	delay := r.spread(verdict.delay)
	if asked := fault.RetryAfter(err); asked > 0 {
		// Spread to one side only: whoever asked for a pause gets all of it.
		delay = max(asked, r.spread(asked+asked/4))
	}
	if delay == 0 {
		return ctrl.Result{}, err
	}
	ctrl.LoggerFrom(ctx).Info("Not done, will look again", "reason", fault.ReasonOf(err), "kind", fault.KindOf(err).String(),
		"error", err.Error(), "after", delay.String())
	return ctrl.Result{RequeueAfter: delay}, nil
}

// later is the result of an object that is well: it comes back behind everything that isn't.
func (r *Reconciler[T]) later(outcome Outcome, delay time.Duration) ctrl.Result {
	if !outcome.Exact {
		delay = r.spread(delay)
	}
	return ctrl.Result{RequeueAfter: delay, Priority: new(handler.LowPriority)}
}

func (r *Reconciler[T]) spread(delay time.Duration) time.Duration {
	if r.Jitter == nil || delay == 0 {
		return delay
	}
	return r.Jitter(delay)
}

// Claim stores the finalizer and annotations in one patch, unless they are there already. It must be called
// before the first write outside the cluster: after a crash, they are how the object remembers what it may
// have created. It fails with a conflict when obj is stale, and with not-found when it is gone.
func Claim[T Object](ctx context.Context, c client.Client, obj T, finalizer string, annotations map[string]string) error {
	base := obj.DeepCopyObject().(T)
	changed := controllerutil.AddFinalizer(obj, finalizer)
	for name, value := range annotations {
		if obj.GetAnnotations()[name] != value {
			setAnnotation(obj, name, value)
			changed = true
		}
	}
	if !changed {
		return nil
	}
	stored := obj.DeepCopyObject().(T)
	if err := c.Patch(ctx, stored, client.MergeFromWithOptions(base, client.MergeFromWithOptimisticLock{})); err != nil {
		return err
	}
	// The answer also holds the stored status; the one in memory must survive.
	copyMetadata(stored, obj)
	return nil
}

func copyMetadata(from, to client.Object) {
	to.SetResourceVersion(from.GetResourceVersion())
	to.SetFinalizers(from.GetFinalizers())
	to.SetAnnotations(from.GetAnnotations())
	to.SetManagedFields(from.GetManagedFields())
}

func setAnnotation(obj client.Object, name, value string) {
	annotations := obj.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[name] = value
	obj.SetAnnotations(annotations)
}

// gone is met when the object was deleted while it was worked on; nothing is left to be told.
func gone(err error) bool {
	return apierrors.IsNotFound(err)
}
