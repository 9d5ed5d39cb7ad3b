// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	clientgotesting "k8s.io/client-go/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/controller"
	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/gateway"
	"github.com/apisync/apisync/internal/gather"
	"github.com/apisync/apisync/internal/lifecycle"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/mapi/gravitee"
	"github.com/apisync/apisync/test/harness"
	"github.com/apisync/apisync/test/simulator"
)

// site is one cluster: an API server in memory, and every reconciler. Several sites can share a management API. Who looks, and
// when, is up to the test.
type site struct {
	t     *testing.T
	clock *stageClock
	sim   *simulator.Simulator
	told  *tellings
	// people are how the test writes; calls are what the operator asked the API server for, without what it has in its cache.
	people client.WithWatch
	calls  []string
	// patches are what was sent with patches.
	patches []string
	// prevented are errors that the API server answers with, by call.
	prevented map[string]error
	// after is called when the management API has carried out a request; nil is nothing.
	after func(request *http.Request)
	// reprobed are the contexts whose credentials were said to be refused.
	reprobed []string

	pool          *mapi.Pool
	contexts      *lifecycle.Reconciler[*v1alpha1.ManagementContext]
	resources     *lifecycle.Reconciler[*v1alpha1.ApiResource]
	notifications *lifecycle.Reconciler[*v1alpha1.Notification]
	groups        *lifecycle.Reconciler[*v1alpha1.Group]
	apis          *lifecycle.Reconciler[*v1alpha1.ApiDefinition]
	sweeps        *controller.Sweeps
}

// newSite makes a cluster with an id, which may be empty, and the context shop/ctx. Without a management API it gets one of its own.
func newSite(t *testing.T, cluster string, sim *simulator.Simulator, objects ...client.Object) *site {
	t.Helper()
	s := &site{
		t: t, sim: sim, told: &tellings{}, clock: newStageClock(), prevented: map[string]error{},
	}
	if s.sim == nil {
		s.sim = simulator.New(stageOptions(s.clock))
	}
	scheme, err := harness.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	// A tracker without managed fields: nobody here applies, and those cost more than everything else.
	tracker := clientgotesting.NewObjectTracker(scheme, serializer.NewCodecFactory(scheme).UniversalDecoder())
	builder := fake.NewClientBuilder().WithScheme(scheme).WithObjectTracker(tracker).WithObjects(append(objects, shopContext(cluster))...).WithStatusSubresource(
		&v1alpha1.ApiDefinition{}, &v1alpha1.ManagementContext{}, &v1alpha1.ApiResource{}, &v1alpha1.Group{}, &v1alpha1.Notification{})
	if err := controller.Index(t.Context(), indexer{builder}); err != nil {
		t.Fatal(err)
	}
	s.people = builder.Build()
	s.assemble(cluster)
	return s
}

func shopContext(cluster string) *v1alpha1.ManagementContext {
	return &v1alpha1.ManagementContext{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "ctx", UID: types.UID("context-uid-" + cluster), Generation: 1},
		Spec: v1alpha1.ManagementContextSpec{
			BaseUrl: "http://management.test", OrganizationID: "DEFAULT", EnvironmentID: "DEFAULT",
			Auth: &v1alpha1.Auth{Credentials: &v1alpha1.BasicAuth{Username: "admin", Password: "admin"}},
		},
	}
}

// assemble makes the reconcilers, as a start of the process does.
func (s *site) assemble(cluster string) {
	c := interceptor.NewClient(s.people, s.counting())
	key, times := []byte("0123456789abcdef0123456789abcdef"), controller.Times{Period: stagePeriod, Rotation: stageRotation}
	wire := &stageWire{route: func(string) *simulator.Simulator { return s.sim }, bodies: map[string]map[string]any{}, after: func(request *http.Request) {
		if s.after != nil {
			s.after(request)
		}
	}}
	sources, waiting := gather.Sources{Reader: c, Live: c, Templating: true}, &controller.Waiting{}
	s.pool = mapi.NewPool(nil)
	contexts := &controller.Contexts{
		Client: c, Sources: sources, Pool: s.pool, Resync: 10 * time.Minute, Times: times, Meter: s.told,
		Registry:  mapi.Registry{mapi.DefaultType: gravitee.New(gravitee.Options{Now: s.clock.Now})},
		Transport: func(string) http.RoundTripper { return wire },
	}
	recheck := func(name string) { s.reprobed = append(s.reprobed, name) }
	s.contexts = reconcilerOf(s, c, v1alpha1.ManagementContextFinalizer, contexts)
	s.resources = reconcilerOf(s, c, v1alpha1.ApiResourceFinalizer, &controller.Resources{Client: c, Sources: sources})
	s.notifications = reconcilerOf(s, c, v1alpha1.NotificationFinalizer, &controller.Notifications{Client: c, Sources: sources})
	s.groups = reconcilerOf(s, c, v1alpha1.GroupFinalizer, &controller.Groups{
		Client: c, Sources: sources, Pool: s.pool, Reach: contexts.Reach, Recheck: recheck, DigestKey: key, Times: times, Meter: s.told, Now: s.clock.Now,
	})
	s.apis = reconcilerOf(s, c, v1alpha1.ApiDefinitionFinalizer, &controller.APIDefinitions{
		Client: c, Sources: sources, Gateway: &gateway.Publisher{Client: c, Metadata: s.people}, Pool: s.pool, Reach: contexts.Reach, Recheck: recheck, Times: times,
		Rotation: controller.NewRotation(s.clock.Now), Waiting: waiting, Meter: s.told, DigestKey: key, Cluster: cluster, Now: s.clock.Now,
	})
	s.sweeps = &controller.Sweeps{Client: c, Pool: s.pool, Times: times, Waiting: waiting, Wake: func(controller.Wake) {}, Meter: s.told, Now: s.clock.Now}
}

func reconcilerOf[T lifecycle.Object](s *site, c client.Client, finalizer string, kind lifecycle.Kind[T]) *lifecycle.Reconciler[T] {
	return &lifecycle.Reconciler[T]{Client: c, Recorder: s.told, Kind: kind, Finalizer: finalizer}
}

// counting notes what the operator asks the API server for.
func (s *site) counting() interceptor.Funcs {
	return interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
			if _, ours := object.(lifecycle.Object); ours {
				return c.Get(ctx, key, object, options...)
			}
			return s.call("get", object, key, func() error { return c.Get(ctx, key, object, options...) })
		},
		Create: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.CreateOption) error {
			return s.call("create", object, client.ObjectKeyFromObject(object), func() error { return c.Create(ctx, object, options...) })
		},
		Update: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.UpdateOption) error {
			return s.call("update", object, client.ObjectKeyFromObject(object), func() error { return c.Update(ctx, object, options...) })
		},
		Delete: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.DeleteOption) error {
			return s.call("delete", object, client.ObjectKeyFromObject(object), func() error { return c.Delete(ctx, object, options...) })
		},
		Patch: func(ctx context.Context, c client.WithWatch, object client.Object, patch client.Patch, options ...client.PatchOption) error {
			s.keep(patch, object)
			return s.call("patch", object, client.ObjectKeyFromObject(object), func() error { return c.Patch(ctx, object, patch, options...) })
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, object client.Object, patch client.Patch, options ...client.SubResourcePatchOption) error {
			s.keep(patch, object)
			return s.call("patch "+sub+" of", object, client.ObjectKeyFromObject(object), func() error { return c.SubResource(sub).Patch(ctx, object, patch, options...) })
		},
	}
}

func (s *site) keep(patch client.Patch, object client.Object) {
	content, err := patch.Data(object)
	if err != nil {
		s.t.Error(err)
	}
	s.patches = append(s.patches, string(content))
}

func (s *site) call(verb string, object client.Object, key client.ObjectKey, do func() error) error {
	kind := reflect.TypeOf(object).Elem().Name()
	if partial, ok := object.(*metav1.PartialObjectMetadata); ok {
		kind = "metadata of " + partial.Kind
	}
	what := verb + " " + kind + " " + key.String()
	s.calls = append(s.calls, what)
	if err := s.prevented[what]; err != nil {
		return err
	}
	return do()
}

func (s *site) context() context.Context { return ctrl.LoggerInto(s.t.Context(), logr.Discard()) }

// look lets a reconciler look at one object, if it is there.
func look[T lifecycle.Object](s *site, r *lifecycle.Reconciler[T], object T, name string) outcome {
	s.t.Helper()
	err := s.people.Get(s.t.Context(), types.NamespacedName{Namespace: "shop", Name: name}, object)
	if client.IgnoreNotFound(err) != nil {
		s.t.Fatal(err)
	}
	if err != nil {
		return outcome{}
	}
	result, err := r.Reconcile(s.context(), object)
	return outcome{result, err != nil}
}

func (s *site) lookAtContext() outcome {
	s.t.Helper()
	return look(s, s.contexts, &v1alpha1.ManagementContext{}, "ctx")
}

func (s *site) lookAtAPI(name string) outcome {
	s.t.Helper()
	return look(s, s.apis, &v1alpha1.ApiDefinition{}, name)
}

func (s *site) lookAtGroup(name string) outcome {
	s.t.Helper()
	return look(s, s.groups, &v1alpha1.Group{}, name)
}

func (s *site) lookAtResource(name string) outcome {
	s.t.Helper()
	return look(s, s.resources, &v1alpha1.ApiResource{}, name)
}

func (s *site) lookAtNotification(name string) outcome {
	s.t.Helper()
	return look(s, s.notifications, &v1alpha1.Notification{}, name)
}

// sweep makes the bulk look, without which nothing is at rest.
func (s *site) sweep() {
	s.t.Helper()
	managed := &v1alpha1.ManagementContext{}
	s.get("ctx", managed)
	if _, err := s.sweeps.Reconcile(s.context(), managed); err != nil {
		s.t.Fatal(err)
	}
}

// settle lets the context, and then APIs, be looked at until they are at rest, and forgets what was told and asked.
func (s *site) settle(apis ...string) {
	s.t.Helper()
	s.lookAtContext()
	for range 2 {
		for _, name := range apis {
			s.lookAtAPI(name)
		}
		s.sweep()
	}
	s.forget()
}

func (s *site) forget() {
	s.told.clear()
	s.calls, s.patches = nil, nil
	s.sim.ForgetRequests()
}

// writes are the changes that were asked of the management API.
func (s *site) writes() []string {
	var found []string
	for _, request := range s.sim.Writes() {
		found = append(found, request.Method+" "+request.Path[strings.LastIndex(request.Path, "/environments/"):])
	}
	return found
}

func (s *site) get(name string, into client.Object) {
	s.t.Helper()
	if err := s.people.Get(s.t.Context(), types.NamespacedName{Namespace: "shop", Name: name}, into); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) api(name string) *v1alpha1.ApiDefinition {
	s.t.Helper()
	api := &v1alpha1.ApiDefinition{}
	s.get(name, api)
	return api
}

func (s *site) group(name string) *v1alpha1.Group {
	s.t.Helper()
	group := &v1alpha1.Group{}
	s.get(name, group)
	return group
}

// add stores objects, as people do.
func (s *site) add(objects ...client.Object) {
	s.t.Helper()
	for _, object := range objects {
		object.SetGeneration(1)
		if err := s.people.Create(s.t.Context(), object); err != nil {
			s.t.Fatal(err)
		}
	}
}

// remove asks for a deletion.
func (s *site) remove(object client.Object) {
	s.t.Helper()
	if err := s.people.Delete(s.t.Context(), object); err != nil {
		s.t.Fatal(err)
	}
}

// edit changes an object as people do; a changed spec raises the generation.
func edit[T client.Object](s *site, object T, name string, change func(T)) {
	s.t.Helper()
	s.get(name, object)
	before := reflect.ValueOf(object.DeepCopyObject()).Elem().FieldByName("Spec")
	change(object)
	if after := reflect.ValueOf(object).Elem().FieldByName("Spec"); before.IsValid() && !reflect.DeepEqual(before.Interface(), after.Interface()) {
		object.SetGeneration(object.GetGeneration() + 1)
	}
	if err := s.people.Update(s.t.Context(), object); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) editAPI(name string, change func(api *v1alpha1.ApiDefinition)) {
	s.t.Helper()
	edit(s, &v1alpha1.ApiDefinition{}, name, change)
}

// annotate sets an annotation; an empty value takes it away.
func (s *site) annotate(object client.Object, name, annotation, value string) {
	s.t.Helper()
	edit(s, object, name, func(object client.Object) {
		annotations := object.GetAnnotations()
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[annotation] = value
		if value == "" {
			delete(annotations, annotation)
		}
		object.SetAnnotations(annotations)
	})
}

// shopAPI is a complete API. Its uid follows from its name and the cluster, and has the form of a UUID, since it becomes the id.
func shopAPI(name, cluster string, change ...func(api *v1alpha1.ApiDefinition)) *v1alpha1.ApiDefinition {
	hash := (fmt.Sprintf("%x", cluster+name) + strings.Repeat("0", 12))[:12]
	api := &v1alpha1.ApiDefinition{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("0a000000-0000-4000-8000-" + hash), Generation: 1},
		Spec: v1alpha1.ApiDefinitionSpec{
			Name: name, Version: "1.0", Description: name + " service", State: v1alpha1.StateStarted, LifecycleState: "CREATED",
			ContextRef: &v1alpha1.Reference{Name: "ctx"},
			Plans:      []v1alpha1.Plan{{Name: "open", Description: "no key needed", Security: "KEY_LESS", Status: "PUBLISHED", CrossID: "plan-of-" + name}},
			Proxy:      &v1alpha1.Proxy{VirtualHosts: []v1alpha1.VirtualHost{{Path: "/" + name}}},
		},
		Status: v1alpha1.ApiDefinitionStatus{ObservedGeneration: -1},
	}
	for _, c := range change {
		c(api)
	}
	return api
}

func local(api *v1alpha1.ApiDefinition) { api.Spec.Local = true }

// verdicts are the conditions of an object, as type to status/reason.
func verdicts(object lifecycle.Object) map[string]string {
	found := map[string]string{}
	for _, c := range object.GetConditions() {
		found[c.Type] = string(c.Status) + "/" + c.Reason
	}
	return found
}

func messageOf(object lifecycle.Object, kind string) string {
	if found := meta.FindStatusCondition(object.GetConditions(), kind); found != nil {
		return found.Message
	}
	return ""
}

// isTold reports whether some event, or other text, has all parts.
func isTold(texts []string, parts ...string) bool {
	return slices.ContainsFunc(texts, func(text string) bool {
		return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(text, part) })
	})
}

// failing reports whether an object can't be published for a reason.
func failing(object lifecycle.Object, reason string) bool {
	return verdicts(object)[v1alpha1.ReadyCondition] == "False/"+reason
}

// unavailable makes the API server refuse one call of the operator, as it does without the right to.
func (s *site) unavailable(call string, err error) { s.prevented[call] = err }

// readyFor reports whether an object is as its spec says.
func readyFor(object lifecycle.Object) bool {
	return meta.IsStatusConditionTrue(object.GetConditions(), v1alpha1.ReadyCondition)
}

const ownedElsewhere, illegalState = fault.ReasonOwnedElsewhere, fault.ReasonIllegalState
