// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/controller"
	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/gather"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/model"
	"github.com/apisync/apisync/internal/translate"
	"github.com/apisync/apisync/test/harness"
)

// remote is a management API with at most one API in it.
type remote struct {
	api     mapi.Observation
	fault   error
	deleted []string
}

func (r *remote) Probe(context.Context) (mapi.ServerInfo, error) { return mapi.ServerInfo{}, r.fault }
func (r *remote) APIs() mapi.Store[model.API]                    { return r }
func (r *remote) Groups() mapi.Store[model.Group]                { return nil }

func (r *remote) Observe(_ context.Context, ref mapi.Ref) (mapi.Observation, error) {
	if r.fault != nil || ref.ID != r.api.Ref.ID {
		return mapi.Observation{}, r.fault
	}
	return r.api, nil
}

func (r *remote) Compare(context.Context, model.API, mapi.Observation) (mapi.Comparison, error) {
	return mapi.Comparison{}, errors.New("a deletion compares nothing")
}

func (r *remote) Review(context.Context, model.API) ([]mapi.Finding, error) {
	return nil, errors.New("a deletion reviews nothing")
}

func (r *remote) Markers(context.Context) iter.Seq2[mapi.Marker, error] {
	return func(func(mapi.Marker, error) bool) {}
}

func (r *remote) Apply(context.Context, model.API, mapi.Mode) (mapi.Receipt, error) {
	return mapi.Receipt{}, errors.New("a deletion applies nothing")
}

func (r *remote) Delete(_ context.Context, ref mapi.Ref) error {
	r.deleted = append(r.deleted, ref.ID)
	return nil
}

// deletion is one ApiDefinition that is being deleted, the context it names, and what the pool knows of it.
type deletion struct {
	api    *v1alpha1.ApiDefinition
	ctx    *v1alpha1.ManagementContext
	remote *remote
	pool   func(pool *mapi.Pool, lease mapi.Lease)
	others []client.Object
	now    time.Time
}

func TestFinalize(t *testing.T) {
	begun := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	usable := func(pool *mapi.Pool, lease mapi.Lease) { pool.Put("ctx-uid", lease) }
	unusable := func(reason string, kind fault.Kind) func(*mapi.Pool, mapi.Lease) {
		return func(pool *mapi.Pool, _ mapi.Lease) { pool.Fail("ctx-uid", "ns/ctx", fault.New(kind, reason, "no")) }
	}
	cases := map[string]struct {
		why      string
		change   func(d *deletion)
		deleted  []string
		farewell string // a part of it
		fault    string // its reason
	}{
		"published": {
			why: "what was recorded is deleted", change: func(*deletion) {}, deleted: []string{"id-1"},
		},
		"nothing recorded": {
			why:    "the crossId finds, it never deletes: what bears it may be somebody else's",
			change: func(d *deletion) { d.api.Status.ID = "" },
		},
		"gone already": {
			why: "absent is success", change: func(d *deletion) { d.remote.api = mapi.Observation{} },
		},
		"orphan annotation": {
			why:      "it ends a deletion that can't succeed",
			change:   func(d *deletion) { d.api.Annotations = map[string]string{v1alpha1.DeletionPolicyAnnotation: "orphan"} },
			farewell: "id-1 was left in the management API, as its annotation",
		},
		"another cluster's": {
			why: "it was taken meanwhile", change: func(d *deletion) { d.remote.api.Owners = []string{"east"} }, farewell: `belongs to cluster "east"`,
		},
		"published by another resource too": {
			why: "GKO let two resources share one remote API",
			change: func(d *deletion) {
				other := d.api.DeepCopy()
				other.Name, other.UID, other.DeletionTimestamp, other.Finalizers = "twin", "other-uid", nil, nil
				other.Status.CrossID = translate.CrossID(d.api)
				d.others = append(d.others, other)
			},
			farewell: "since ApiDefinition ns/twin publishes it too",
		},
		"claimed, never confirmed, somebody's": {
			why: "the crash came between claim and write, and a person made the API",
			change: func(d *deletion) {
				d.api.Annotations = map[string]string{v1alpha1.IdentityAnnotation: translate.Claim{ID: "id-1", For: translate.FullName(d.api)}.Text()}
				d.api.Status.ID, d.remote.api.Managed = "", false
			},
			farewell: "never written by this resource",
		},
		"claimed, never confirmed, found": {
			why: "it was another operator's before, and nobody knows whether it was taken over",
			change: func(d *deletion) {
				d.api.Annotations = map[string]string{v1alpha1.IdentityAnnotation: translate.Claim{ID: "id-1", For: translate.FullName(d.api), Found: true}.Text()}
				d.api.Status.ID = ""
			},
			farewell: "never written by this resource",
		},
		"known to gateways of this cluster only": {
			why:    "such an id says nothing about what is elsewhere",
			change: func(d *deletion) { d.api.Status.OrganizationID = "" },
		},
		"claimed, never confirmed, ours": {
			why: "the crash came between write and status",
			change: func(d *deletion) {
				d.api.Annotations = map[string]string{v1alpha1.IdentityAnnotation: translate.Claim{ID: "id-1", For: translate.FullName(d.api)}.Text()}
				d.api.Status.ID = ""
			},
			deleted: []string{"id-1"},
		},
		"context gone": {
			why: "nothing leads there any more", change: func(d *deletion) { d.ctx = nil }, farewell: "ManagementContext is gone",
		},
		"no context named": {
			why: "the same, and a person is told", farewell: "names no ManagementContext",
			change: func(d *deletion) { d.api.Spec.ContextRef, d.api.Status.OrganizationID = nil, "DEFAULT" },
		},
		"only local": {
			why: "no management API was ever told of it",
			change: func(d *deletion) {
				d.api.Spec.ContextRef, d.api.Spec.Local, d.api.Status.OrganizationID = nil, true, ""
			},
		},
		"paused": {
			why: "nothing is written, not even a deletion", fault: controller.ReasonPaused,
			change: func(d *deletion) { d.api.Annotations = map[string]string{v1alpha1.PausedAnnotation: "true"} },
		},
		"its context is paused": {
			why: "nothing is written through it", fault: controller.ReasonPaused,
			change: func(d *deletion) { d.ctx.Annotations = map[string]string{v1alpha1.PausedAnnotation: "true"} },
		},
		"paused, and to be left": {
			why: "then nothing would be written anyway, and a deletion ends", farewell: "as its annotation",
			change: func(d *deletion) {
				d.api.Annotations = map[string]string{v1alpha1.PausedAnnotation: "true", v1alpha1.DeletionPolicyAnnotation: v1alpha1.DeletionPolicyOrphan}
			},
		},
		"context not probed since the start": {
			why: "its reconciler makes a client and wakes the API", change: func(d *deletion) { d.pool = func(*mapi.Pool, mapi.Lease) {} }, fault: fault.ReasonContextNotReady,
		},
		"context failed after it was usable": {
			why: "a deletion gets through with the last client, as when its Secret went first",
			change: func(d *deletion) {
				d.pool = func(pool *mapi.Pool, lease mapi.Lease) {
					usable(pool, lease)
					unusable(gather.ReasonCredentialsMissing, fault.Waiting)(pool, lease)
				}
			},
			deleted: []string{"id-1"},
		},
		"credentials gone for a moment": {
			why:    "the Secret may be replaced just now",
			change: func(d *deletion) { d.pool = unusable(gather.ReasonCredentialsMissing, fault.Waiting) }, fault: fault.ReasonContextNotReady,
		},
		"credentials gone for good": {
			why: "deletes always end",
			change: func(d *deletion) {
				d.pool, d.now = unusable(gather.ReasonCredentialsMissing, fault.Waiting), begun.Add(2*time.Minute)
			},
			farewell: "credentials of its ManagementContext are gone",
		},
		"credentials gone with the context": {
			why: "a namespace is deleted: nobody brings them back",
			change: func(d *deletion) {
				d.pool = unusable(gather.ReasonCredentialsMissing, fault.Waiting)
				at := metav1.NewTime(begun)
				d.ctx.DeletionTimestamp, d.ctx.Finalizers = &at, []string{v1alpha1.ManagementContextFinalizer}
			},
			farewell: "credentials of its ManagementContext are gone",
		},
		"out of reach": {
			why:    "merely out of reach isn't gone: it is tried again",
			change: func(d *deletion) { d.remote.fault = fault.New(fault.Transient, fault.ReasonUnreachable, "refused") }, fault: fault.ReasonUnreachable,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			at := metav1.NewTime(begun)
			d := &deletion{
				api: &v1alpha1.ApiDefinition{
					ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "orders", UID: "uid-1", DeletionTimestamp: &at, Finalizers: []string{v1alpha1.ApiDefinitionFinalizer}},
					Spec:       v1alpha1.ApiDefinitionSpec{ContextRef: &v1alpha1.Reference{Name: "ctx"}},
					Status:     v1alpha1.ApiDefinitionStatus{ID: "id-1", OrganizationID: "DEFAULT"},
				},
				ctx:  &v1alpha1.ManagementContext{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "ctx", UID: "ctx-uid"}},
				pool: usable, now: begun.Add(time.Second),
			}
			d.remote = &remote{api: mapi.Observation{Exists: true, Managed: true, Ref: mapi.Ref{ID: "id-1", Key: translate.CrossID(d.api)}}}
			c.change(d)
			farewell, err := d.finalize(t)
			if fault.ReasonOf(err) != c.fault && (err != nil || c.fault != "") {
				t.Errorf("error = %v, want reason %q: %s", err, c.fault, c.why)
			}
			if !strings.Contains(farewell, c.farewell) || (farewell == "") != (c.farewell == "") {
				t.Errorf("farewell = %q, want %q in it: %s", farewell, c.farewell, c.why)
			}
			if diff := cmp.Diff(c.deleted, d.remote.deleted); diff != "" {
				t.Errorf("deleted (-want +got): %s\n%s", c.why, diff)
			}
		})
	}
}

func (d *deletion) finalize(t *testing.T) (string, error) {
	t.Helper()
	scheme, err := harness.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	objects := append([]client.Object{d.api}, d.others...)
	if d.ctx != nil {
		objects = append(objects, d.ctx)
	}
	builder := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...)
	if err := controller.Index(t.Context(), indexer{builder}); err != nil {
		t.Fatal(err)
	}
	pool := mapi.NewPool(nil)
	place, _ := gather.PlaceOf(&v1alpha1.ManagementContext{})
	d.pool(pool, mapi.Lease{Client: d.remote, Name: "ns/ctx", Place: place})
	apis := &controller.APIDefinitions{Client: builder.Build(), Pool: pool, Recheck: func(string) {}, Now: func() time.Time { return d.now }}
	farewell, err := apis.Finalize(t.Context(), d.api)
	return string(farewell), err
}

func TestContextWaitsForItsUsers(t *testing.T) {
	scheme, err := harness.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	user := func(name string, change func(*v1alpha1.ApiDefinition)) *v1alpha1.ApiDefinition {
		api := &v1alpha1.ApiDefinition{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name}}
		api.Spec.ContextRef = &v1alpha1.Reference{Name: "ctx"}
		change(api)
		return api
	}
	var objects []client.Object
	for _, name := range []string{"f", "e", "d", "c", "b"} {
		objects = append(objects, user(name, func(*v1alpha1.ApiDefinition) {}))
	}
	objects = append(objects,
		user("a", func(api *v1alpha1.ApiDefinition) {
			api.Spec.ContextRef.Name = "new"
			api.Status.Sync = &v1alpha1.SyncStatus{Place: &v1alpha1.Place{Context: "ns/ctx"}}
		}),
		user("x", func(api *v1alpha1.ApiDefinition) { api.Spec.ContextRef.Namespace = "other" }))
	builder := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...)
	if err := controller.Index(t.Context(), indexer{builder}); err != nil {
		t.Fatal(err)
	}
	pool := mapi.NewPool(nil)
	managed := &v1alpha1.ManagementContext{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "ctx", UID: "ctx-uid"}}
	pool.Put("ctx-uid", mapi.Lease{Client: &remote{}, Name: "ns/ctx"})
	c := builder.Build()
	contexts := &controller.Contexts{Client: c, Pool: pool}
	_, err = contexts.Finalize(t.Context(), managed)
	if want := "the context is used by ns/a, ns/b, ns/c, ns/d, ns/e and 1 more"; !errors.Is(err, fault.Waiting) || !strings.Contains(err.Error(), want) {
		t.Errorf("error = %v, want %q in it: also an API that has yet to move away is a user", err, want)
	}
	if _, live := pool.Retained("ctx-uid"); !live {
		t.Error("the client was dropped while APIs need it to be deleted")
	}
	for i, object := range objects[:6] {
		if _, err := contexts.Finalize(t.Context(), managed); !errors.Is(err, fault.Waiting) {
			t.Errorf("with %d users left: %v", 6-i, err)
		}
		if err := c.Delete(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	if farewell, err := contexts.Finalize(t.Context(), managed); farewell != "" || err != nil {
		t.Errorf("without users: %q, %v", farewell, err)
	}
}
