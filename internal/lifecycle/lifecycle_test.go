// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/lifecycle"
)

// scripted is a Kind whose answers are function fields.
type scripted struct {
	sync     func(context.Context, *v1alpha1.ApiDefinition) (lifecycle.Outcome, error)
	finalize func(context.Context, *v1alpha1.ApiDefinition) (lifecycle.Farewell, error)
}

func (s scripted) Sync(ctx context.Context, api *v1alpha1.ApiDefinition) (lifecycle.Outcome, error) {
	return s.sync(ctx, api)
}

func (s scripted) Finalize(ctx context.Context, api *v1alpha1.ApiDefinition) (lifecycle.Farewell, error) {
	return s.finalize(ctx, api)
}

// recorder keeps events as "type reason: note".
type recorder struct{ events []string }

func (r *recorder) Eventf(_, _ runtime.Object, kind, reason, _, note string, args ...any) {
	r.events = append(r.events, kind+" "+reason+": "+fmt.Sprintf(note, args...))
}

// bench is a reconciler on a fake API server that logs every write.
type bench struct {
	t          *testing.T
	client     client.WithWatch
	writes     []string
	recorder   recorder
	reconciler lifecycle.Reconciler[*v1alpha1.ApiDefinition]
}

const finalizer = v1alpha1.ApiDefinitionFinalizer

func newBench(t *testing.T, api *v1alpha1.ApiDefinition) *bench {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t}
	b.client = fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(api).WithObjects(api).
		WithInterceptorFuncs(interceptor.Funcs{
			Patch: func(ctx context.Context, c client.WithWatch, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
				b.writes = append(b.writes, "metadata")
				return c.Patch(ctx, obj, patch, opts...)
			},
			SubResourcePatch: func(ctx context.Context, c client.Client, sub string, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
				b.writes = append(b.writes, sub)
				return c.SubResource(sub).Patch(ctx, obj, patch, opts...)
			},
			Update: func(context.Context, client.WithWatch, client.Object, ...client.UpdateOption) error {
				return errors.New("a typed object must never be updated: that writes defaults into the user's spec")
			},
		}).Build()
	b.reconciler = lifecycle.Reconciler[*v1alpha1.ApiDefinition]{Client: b.client, Recorder: &b.recorder, Finalizer: finalizer}
	return b
}

func (b *bench) run(kind scripted) (ctrl.Result, error) {
	b.t.Helper()
	b.reconciler.Kind = kind
	return b.reconciler.Reconcile(b.t.Context(), b.stored())
}

func (b *bench) stored() *v1alpha1.ApiDefinition {
	b.t.Helper()
	var api v1alpha1.ApiDefinition
	if err := b.client.Get(b.t.Context(), client.ObjectKey{Namespace: "ns", Name: "orders"}, &api); err != nil {
		b.t.Fatal(err)
	}
	return &api
}

func (b *bench) kstatus() status.Status {
	b.t.Helper()
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(b.stored())
	if err != nil {
		b.t.Fatal(err)
	}
	object["apiVersion"], object["kind"] = v1alpha1.GroupVersion.String(), v1alpha1.ApiDefinitionKind
	result, err := status.Compute(&unstructured.Unstructured{Object: object})
	if err != nil {
		b.t.Fatal(err)
	}
	return result.Status
}

func orders() *v1alpha1.ApiDefinition {
	return &v1alpha1.ApiDefinition{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "orders", UID: "uid-1", Generation: 3},
		Status:     v1alpha1.ApiDefinitionStatus{ObservedGeneration: -1},
	}
}

// The verdict on every kind of fault, as kstatus, GKO's users and a person see it.
func TestVerdicts(t *testing.T) {
	cases := map[string]struct {
		reason     string
		err        error
		kstatus    status.Status
		conditions map[string]string
		processing string
		retried    bool // by the queue's back-off
	}{
		"success": {
			reason: "a synchronised object is current", kstatus: status.CurrentStatus,
			conditions: map[string]string{"Ready": "True/Synchronized", "Accepted": "True/Accepted", "ResolvedRefs": "True/ResolvedRefs"},
			processing: "Completed",
		},
		"transient": {
			reason: "time cures it, with a back-off per object", err: errors.New("boom"), kstatus: status.InProgressStatus, retried: true,
			conditions: map[string]string{"Ready": "False/ReconcileFailed", "Reconciling": "True/ReconcileFailed", "Accepted": "False/ReconcileFailed", "ResolvedRefs": "True/ResolvedRefs"},
			processing: "Failed",
		},
		"throttled": {
			reason: "the server's delay is returned without an error: beside one it would be dropped",
			err:    fault.New(fault.Transient, fault.ReasonThrottled, "busy").After(7 * time.Second), kstatus: status.InProgressStatus,
			conditions: map[string]string{"Ready": "False/Throttled", "Reconciling": "True/Throttled", "Accepted": "False/ReconcileFailed", "ResolvedRefs": "True/ResolvedRefs"},
			processing: "Failed",
		},
		"missing reference": {
			reason: "GKO's words: Accepted says only that it failed, ResolvedRefs says why",
			err:    fault.New(fault.Waiting, fault.ReasonReference, "no context"), kstatus: status.InProgressStatus,
			conditions: map[string]string{"Ready": "False/ReferenceNotResolved", "Reconciling": "True/ReferenceNotResolved", "Accepted": "False/ReconcileFailed", "ResolvedRefs": "False/ResolvedRefs"},
			processing: "Failed",
		},
		"refused by the management API": {
			reason: "a person has to edit it", err: fault.New(fault.Terminal, fault.ReasonControlPlane, "400"), kstatus: status.FailedStatus,
			conditions: map[string]string{"Ready": "False/ControlPlaneError", "Stalled": "True/ControlPlaneError", "Accepted": "False/ControlPlaneError", "ResolvedRefs": "True/ResolvedRefs"},
			processing: "Failed",
		},
		"path taken": {
			reason: "Ready is precise, Accepted keeps to GKO's word for a 400", err: fault.New(fault.Terminal, "PathExists", "taken"), kstatus: status.FailedStatus,
			conditions: map[string]string{"Ready": "False/PathExists", "Stalled": "True/PathExists", "Accepted": "False/ControlPlaneError", "ResolvedRefs": "True/ResolvedRefs"},
			processing: "Failed",
		},
		"contradictory": {
			reason: "GKO's reason is kept", err: fault.New(fault.Terminal, fault.ReasonIllegalState, "no context"), kstatus: status.FailedStatus,
			conditions: map[string]string{"Ready": "False/IllegalStateError", "Stalled": "True/IllegalStateError", "Accepted": "False/IllegalStateError", "ResolvedRefs": "True/ResolvedRefs"},
			processing: "Failed",
		},
		"owned elsewhere": {
			reason: "a person has to decide", err: fault.New(fault.Conflict, fault.ReasonOwnedElsewhere, "east"), kstatus: status.FailedStatus,
			conditions: map[string]string{"Ready": "False/OwnedElsewhere", "Stalled": "True/OwnedElsewhere", "Accepted": "False/ReconcileFailed", "ResolvedRefs": "True/ResolvedRefs"},
			processing: "Failed",
		},
		"forbidden": {
			reason: "rights may be granted later", err: fault.New(fault.Forbidden, fault.ReasonForbidden, "403"), kstatus: status.FailedStatus,
			conditions: map[string]string{"Ready": "False/Forbidden", "Stalled": "True/Forbidden", "Accepted": "False/ReconcileFailed", "ResolvedRefs": "True/ResolvedRefs"},
			processing: "Failed",
		},
		"unauthenticated": {
			reason: "GKO called a 401 a ControlPlaneError", err: fault.New(fault.Unauthenticated, fault.ReasonUnauthorized, "401"), kstatus: status.FailedStatus, retried: true,
			conditions: map[string]string{"Ready": "False/Unauthorized", "Stalled": "True/Unauthorized", "Accepted": "False/ControlPlaneError", "ResolvedRefs": "True/ResolvedRefs"},
			processing: "Failed",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, orders())
			kind := scripted{sync: func(context.Context, *v1alpha1.ApiDefinition) (lifecycle.Outcome, error) {
				return lifecycle.Outcome{}, c.err
			}}
			result, err := b.run(kind)
			if (err != nil) != c.retried {
				t.Errorf("returned error %v, want one: %v", err, c.retried)
			}
			if err == nil && c.err != nil && result.RequeueAfter == 0 {
				t.Error("nothing will ever wake the object again")
			}
			if err != nil && result.RequeueAfter != 0 {
				t.Error("controller-runtime drops a delay beside an error")
			}
			api := b.stored()
			if diff := cmp.Diff(c.conditions, summary(api)); diff != "" {
				t.Errorf("conditions (-want +got): %s\n%s", c.reason, diff)
			}
			if api.Status.ProcessingStatus != c.processing || api.Status.ObservedGeneration != 3 {
				t.Errorf("processingStatus %q, observedGeneration %d", api.Status.ProcessingStatus, api.Status.ObservedGeneration)
			}
			if got := b.kstatus(); got != c.kstatus {
				t.Errorf("kstatus says %s, want %s: %s", got, c.kstatus, c.reason)
			}
			b.writes, b.recorder.events = nil, nil
			_, _ = b.run(kind)
			if len(b.writes) > 0 || len(b.recorder.events) > 0 {
				t.Errorf("the second run wasn't silent: wrote %v, events %v", b.writes, b.recorder.events)
			}
		})
	}
}

func summary(api *v1alpha1.ApiDefinition) map[string]string {
	result := map[string]string{}
	for _, c := range api.Status.Conditions {
		result[c.Type] = string(c.Status) + "/" + c.Reason
	}
	return result
}

func TestClaimIsStoredBeforeAnythingElse(t *testing.T) {
	b := newBench(t, orders())
	_, err := b.run(scripted{sync: func(ctx context.Context, api *v1alpha1.ApiDefinition) (lifecycle.Outcome, error) {
		api.Status.CrossID = "kept"
		annotations := map[string]string{"example": "id"}
		if err := lifecycle.Claim(ctx, b.client, api, finalizer, annotations); err != nil {
			return lifecycle.Outcome{}, err
		}
		if got := b.stored(); !slices.Contains(got.Finalizers, finalizer) || got.Annotations["example"] != "id" {
			t.Error("Claim returned before the finalizer and the annotation were stored")
		}
		if api.Status.CrossID != "kept" {
			t.Error("Claim lost the status in memory")
		}
		b.writes = append(b.writes, "remote")
		return lifecycle.Outcome{Done: "created"}, lifecycle.Claim(ctx, b.client, api, finalizer, annotations)
	}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"metadata", "remote", "status"}, b.writes); diff != "" {
		t.Errorf("order of writes (-want +got):\n%s", diff)
	}
	if got := b.stored().Status.CrossID; got != "kept" {
		t.Errorf("status.crossId = %q", got)
	}
}

func TestClaimOfAStaleObjectIsAConflict(t *testing.T) {
	b := newBench(t, orders())
	stale := b.stored()
	if err := lifecycle.Claim(t.Context(), b.client, b.stored(), "example.com/other", nil); err != nil {
		t.Fatal(err)
	}
	err := lifecycle.Claim(t.Context(), b.client, stale, finalizer, nil)
	if err == nil {
		t.Fatal("a stale object overwrote the list of finalizers")
	}
	result, err := b.run(scripted{sync: func(context.Context, *v1alpha1.ApiDefinition) (lifecycle.Outcome, error) {
		return lifecycle.Outcome{}, err
	}})
	if err != nil || result.RequeueAfter == 0 || len(b.stored().Status.Conditions) > 0 {
		t.Errorf("a conflict should be tried again quietly, got %v, %v, %v", result, err, b.stored().Status.Conditions)
	}
}

func TestDeferredSaysNothing(t *testing.T) {
	b := newBench(t, orders())
	result, err := b.run(scripted{sync: func(context.Context, *v1alpha1.ApiDefinition) (lifecycle.Outcome, error) {
		return lifecycle.Outcome{Deferred: true}, nil
	}})
	if err != nil || result.RequeueAfter == 0 || len(b.writes) > 0 {
		t.Errorf("got %v, %v, writes %v: nothing was learned, so nothing may be written, but it must wake again", result, err, b.writes)
	}
}

func TestDeletion(t *testing.T) {
	deleting := func() *v1alpha1.ApiDefinition {
		api := orders()
		now := metav1.Now()
		api.DeletionTimestamp, api.Finalizers = &now, []string{finalizer, "example.com/other"}
		api.Status.ObservedGeneration = 3
		api.Status.Conditions = []metav1.Condition{{Type: "Ready", Status: "True", Reason: "Synchronized", LastTransitionTime: now}}
		return api
	}
	cases := map[string]struct {
		reason     string
		farewell   lifecycle.Farewell
		err        error
		finalizers []string
		events     []string
		ready      string
	}{
		"done": {
			reason: "only our finalizer goes", finalizers: []string{"example.com/other"},
			events: []string{"Normal DeleteSucceeded: Delete succeeded"}, ready: "True/Synchronized",
		},
		"something left": {
			reason: "a person is told which id stays", farewell: "API x was left", finalizers: []string{"example.com/other"},
			events: []string{"Warning LeftBehind: API x was left", "Normal DeleteSucceeded: Delete succeeded"}, ready: "True/Synchronized",
		},
		"in use": {
			reason: "a context that waits for its deletion must stay ready: its APIs need it to be deleted themselves",
			err:    fault.New(fault.Waiting, fault.ReasonInUse, "used by a"), finalizers: []string{finalizer, "example.com/other"},
			events: []string{"Warning DeleteFailed: used by a"}, ready: "True/Synchronized",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, deleting())
			kind := scripted{finalize: func(context.Context, *v1alpha1.ApiDefinition) (lifecycle.Farewell, error) { return c.farewell, c.err }}
			if _, err := b.run(kind); err != nil {
				t.Fatal(err)
			}
			api := b.stored()
			if diff := cmp.Diff(c.finalizers, api.Finalizers); diff != "" {
				t.Errorf("finalizers (-want +got): %s\n%s", c.reason, diff)
			}
			if diff := cmp.Diff(c.events, b.recorder.events); diff != "" {
				t.Errorf("events (-want +got): %s\n%s", c.reason, diff)
			}
			if got := summary(api)["Ready"]; got != c.ready {
				t.Errorf("Ready = %s, want %s: %s", got, c.ready, c.reason)
			}
			if got := b.kstatus(); got != status.TerminatingStatus {
				t.Errorf("kstatus says %s", got)
			}
			b.writes, b.recorder.events = nil, nil
			if _, err := b.run(kind); err != nil || len(b.writes) > 0 || len(b.recorder.events) > 0 {
				t.Errorf("the second run wasn't silent: %v, wrote %v, events %v", err, b.writes, b.recorder.events)
			}
		})
	}
}

func TestShutdownFinishesWhatWasBegun(t *testing.T) {
	b := newBench(t, orders())
	ctx, shutDown := context.WithCancel(t.Context())
	b.reconciler.Kind = scripted{sync: func(ctx context.Context, _ *v1alpha1.ApiDefinition) (lifecycle.Outcome, error) {
		shutDown()
		return lifecycle.Outcome{Done: "imported"}, ctx.Err()
	}}
	if _, err := b.reconciler.Reconcile(ctx, b.stored()); err != nil || summary(b.stored())["Ready"] != "True/Synchronized" {
		t.Errorf("%v, conditions %v: a write that was begun wasn't recorded", err, summary(b.stored()))
	}
	b.writes = nil
	if _, err := b.reconciler.Reconcile(ctx, b.stored()); err != nil || len(b.writes) > 0 {
		t.Errorf("%v, wrote %v: something was begun after the end", err, b.writes)
	}
}

func TestTransitionTimesMoveOnlyWithTheStatus(t *testing.T) {
	api := orders()
	long := metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	api.Status.Conditions = []metav1.Condition{{Type: "Ready", Status: "False", Reason: "Old", LastTransitionTime: long}}
	b := newBench(t, api)
	_, _ = b.run(scripted{sync: func(context.Context, *v1alpha1.ApiDefinition) (lifecycle.Outcome, error) {
		return lifecycle.Outcome{}, fault.New(fault.Waiting, "New", "%s", strings.Repeat("é", 2000))
	}})
	ready := b.stored().Status.Conditions[0]
	if ready.Type != "Ready" || !ready.LastTransitionTime.Equal(&long) || ready.Reason != "New" {
		t.Errorf("Ready = %v %v %v", ready.Type, ready.LastTransitionTime, ready.Reason)
	}
	if len(ready.Message) > 1024 || !strings.HasSuffix(ready.Message, "é…") {
		t.Errorf("the message has %d bytes and ends in %q", len(ready.Message), ready.Message[len(ready.Message)-6:])
	}
}

func TestForeignConditionsAreKept(t *testing.T) {
	api := orders()
	api.Status.Conditions = []metav1.Condition{{Type: "AutomationAPIManaged", Status: "True", Reason: "AutomationAPIManaged", LastTransitionTime: metav1.Now()}}
	b := newBench(t, api)
	_, _ = b.run(scripted{sync: func(context.Context, *v1alpha1.ApiDefinition) (lifecycle.Outcome, error) {
		return lifecycle.Outcome{Conditions: []metav1.Condition{{Type: "Served", Status: "True", Reason: "Served"}}}, nil
	}})
	var order []string
	for _, c := range b.stored().Status.Conditions {
		order = append(order, c.Type)
	}
	if diff := cmp.Diff([]string{"Ready", "Accepted", "ResolvedRefs", "AutomationAPIManaged", "Served"}, order); diff != "" {
		t.Errorf("conditions (-want +got):\n%s", diff)
	}
}
