// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	clientgotesting "k8s.io/client-go/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/controller"
	"github.com/apisync/apisync/internal/gateway"
	"github.com/apisync/apisync/internal/gather"
	"github.com/apisync/apisync/internal/lifecycle"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/mapi/gravitee"
	"github.com/apisync/apisync/test/harness"
	"github.com/apisync/apisync/test/recorded"
	"github.com/apisync/apisync/test/simulator"
)

const (
	stagePeriod   = 5 * time.Minute
	stageRotation = time.Hour
)

// stage is a whole operator without its manager: every reconciler, a management API and an API server in memory, and one clock
// for all of them. Who is woken, and when, is up to the test.
type stage struct {
	t      *testing.T
	clock  *stageClock
	sim    *simulator.Simulator
	client client.WithWatch

	contexts *lifecycle.Reconciler[*v1alpha1.ManagementContext]
	apis     *lifecycle.Reconciler[*v1alpha1.ApiDefinition]
	sweeps   *controller.Sweeps
	// woken are the APIs that somebody asked to look at, changed the contexts whose pooled client changed.
	woken   []controller.Wake
	changed []string

	told  *tellings
	wire  *stageWire
	patch patches
}

// stageClock is simulated time. A back end also asks for it in the background.
type stageClock struct{ now atomic.Pointer[time.Time] }

func newStageClock() *stageClock {
	clock := &stageClock{}
	clock.set(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	return clock
}

func (c *stageClock) Now() time.Time { return *c.now.Load() }

func (c *stageClock) set(now time.Time) { c.now.Store(&now) }

// stageOptions are what the recorded installation had.
func stageOptions(clock *stageClock) simulator.Options {
	return simulator.Options{
		Now:          clock.Now,
		Environments: []simulator.Place{{}, {Environment: "REC2"}},
		Users: []simulator.User{
			{Name: "admin", Password: "admin", Role: simulator.RoleAdmin},
			{Name: "api1", Password: "api1", Role: simulator.RoleAPIPublisher},
			{Name: "application1", Password: "application1", Role: simulator.RoleUser},
			{Name: "user", Password: "password", Role: simulator.RoleUser},
			{Name: "guest", Password: "guest", Role: simulator.RoleUser},
		},
		Groups:     map[string]string{"crew-20": "5760f64f-1794-3a0f-aa47-1f9b491b43c8", "guests": "6760f64f-1794-3a0f-aa47-1f9b491b43c8"},
		Categories: []string{"rec-cat", "by-hand"},
	}
}

func newStage(t *testing.T, change ...func(*simulator.Options)) *stage {
	t.Helper()
	s := &stage{t: t, clock: newStageClock(), told: &tellings{}}
	options := stageOptions(s.clock)
	for _, c := range change {
		c(&options)
	}
	s.sim = simulator.New(options)
	s.wire = &stageWire{route: func(string) *simulator.Simulator { return s.sim }, bodies: map[string]map[string]any{}}
	scheme, err := harness.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	// A tracker without managed fields: nobody here applies, and those cost more than everything else.
	tracker := clientgotesting.NewObjectTracker(scheme, serializer.NewCodecFactory(scheme).UniversalDecoder())
	builder := fake.NewClientBuilder().WithScheme(scheme).WithObjectTracker(tracker).WithInterceptorFuncs(s.patch.intercept()).
		WithStatusSubresource(&v1alpha1.ApiDefinition{}, &v1alpha1.ManagementContext{})
	if err := controller.Index(t.Context(), indexer{builder}); err != nil {
		t.Fatal(err)
	}
	s.client = builder.Build()
	s.assemble()
	return s
}

// assemble makes the reconcilers anew, as a start of the process does.
func (s *stage) assemble() {
	pool := mapi.NewPool(func(name string) { s.changed = append(s.changed, name) })
	times := controller.Times{Period: stagePeriod, Rotation: stageRotation}
	waiting := &controller.Waiting{}
	sources := gather.Sources{Reader: s.client, Live: s.client, Templating: true}
	contexts := &controller.Contexts{
		Client: s.client, Sources: sources, Pool: pool, Resync: 10 * time.Minute, Times: times, Meter: s.told,
		Registry:  mapi.Registry{mapi.DefaultType: gravitee.New(gravitee.Options{Now: s.clock.Now})},
		Transport: func(string) http.RoundTripper { return s.wire },
	}
	s.contexts = &lifecycle.Reconciler[*v1alpha1.ManagementContext]{
		Client: s.client, Recorder: s.told, Kind: contexts, Finalizer: v1alpha1.ManagementContextFinalizer,
	}
	wake := func(w controller.Wake) { s.woken = append(s.woken, w) }
	s.apis = &lifecycle.Reconciler[*v1alpha1.ApiDefinition]{
		Client: s.client, Recorder: s.told, Finalizer: v1alpha1.ApiDefinitionFinalizer,
		Kind: &controller.APIDefinitions{
			Client: s.client, Sources: sources, Gateway: &gateway.Publisher{Client: s.client}, Pool: pool, Reach: contexts.Reach, Recheck: func(string) {}, Times: times,
			Rotation: controller.NewRotation(s.clock.Now), Waiting: waiting, Meter: s.told,
			DigestKey: []byte("0123456789abcdef0123456789abcdef"), Now: s.clock.Now,
		},
	}
	s.sweeps = &controller.Sweeps{
		Client: s.client, Pool: pool, Times: times, Waiting: waiting, Wake: wake, Meter: s.told, Now: s.clock.Now,
	}
}

// patches counts what the operator writes to the API server: it only ever patches, the test never does. Like the operator's cache, it
// remembers lists until something is written; what it hands out must not be changed.
type patches struct {
	objects []string
	lists   map[string]*v1alpha1.ApiDefinitionList
}

func (p *patches) intercept() interceptor.Funcs {
	return interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, object client.Object, patch client.Patch, options ...client.PatchOption) error {
			p.wrote("metadata", object)
			return c.Patch(ctx, object, patch, options...)
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, object client.Object, patch client.Patch, options ...client.SubResourcePatchOption) error {
			p.wrote(sub, object)
			return c.SubResource(sub).Patch(ctx, object, patch, options...)
		},
		SubResourceUpdate: func(ctx context.Context, c client.Client, sub string, object client.Object, options ...client.SubResourceUpdateOption) error {
			p.lists = nil
			return c.SubResource(sub).Update(ctx, object, options...)
		},
		Create: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.CreateOption) error {
			p.lists = nil
			return c.Create(ctx, object, options...)
		},
		Update: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.UpdateOption) error {
			p.lists = nil
			return c.Update(ctx, object, options...)
		},
		List: p.list,
	}
}

func (p *patches) list(ctx context.Context, c client.WithWatch, into client.ObjectList, options ...client.ListOption) error {
	wanted, isAPIs := into.(*v1alpha1.ApiDefinitionList)
	if !isAPIs {
		return c.List(ctx, into, options...)
	}
	asked := client.ListOptions{}
	asked.ApplyOptions(options)
	key := fmt.Sprint(asked.FieldSelector, asked.LabelSelector, asked.Namespace)
	if p.lists[key] == nil {
		if err := c.List(ctx, into, options...); err != nil {
			return err
		}
		if p.lists == nil {
			p.lists = map[string]*v1alpha1.ApiDefinitionList{}
		}
		p.lists[key] = &v1alpha1.ApiDefinitionList{Items: wanted.Items}
	}
	wanted.Items = slices.Clone(p.lists[key].Items)
	return nil
}

func (p *patches) wrote(what string, object client.Object) {
	p.objects = append(p.objects, what+" of "+client.ObjectKeyFromObject(object).String())
	p.lists = nil
}

// tellings collects events and metrics. It is a lifecycle.Recorder and a controller.Meter.
type tellings struct {
	events     []string
	drift      []string
	operations []string
	sweeps     []error
}

func (s *tellings) Eventf(regarding, _ runtime.Object, _, reason, _, note string, arguments ...any) {
	name := ""
	if object, ok := regarding.(client.Object); ok {
		name = client.ObjectKeyFromObject(object).String()
	}
	s.events = append(s.events, name+" "+reason+" "+fmt.Sprintf(note, arguments...))
}

func (s *tellings) Operation(_, _, operation string, err error) {
	s.operations = append(s.operations, fmt.Sprint(operation, " ", err))
}
func (s *tellings) Drift(_, _, event string) { s.drift = append(s.drift, event) }
func (s *tellings) Sweep(_ string, _ time.Duration, _ map[string]int, err error) {
	s.sweeps = append(s.sweeps, err)
}
func (s *tellings) SweepPeriod(string, time.Duration) {}
func (s *tellings) Forget(string)                     {}

func (s *tellings) clear() { *s = tellings{} }

// stageWire carries requests to the simulator, as an administrator whoever asks: cases with wrong credentials have fields, too.
type stageWire struct {
	// route finds the installation behind an address.
	route func(host string) *simulator.Simulator
	// bodies are the last accepted imports, by the id of the API.
	bodies map[string]map[string]any
	// after is called when a request was carried out, before its answer arrives.
	after func(*http.Request)
}

func (w *stageWire) RoundTrip(request *http.Request) (*http.Response, error) {
	var body []byte
	if request.Body != nil {
		body, _ = io.ReadAll(request.Body)
		_ = request.Body.Close()
	}
	forwarded := httptest.NewRequestWithContext(request.Context(), request.Method, request.URL.RequestURI(), bytes.NewReader(body))
	forwarded.Header = request.Header.Clone()
	forwarded.Header.Del("Accept-Encoding")
	forwarded.SetBasicAuth("admin", "admin")
	answer := httptest.NewRecorder()
	w.route(request.URL.Host).ServeHTTP(answer, forwarded)
	response := answer.Result()
	if request.Method == http.MethodPut && request.URL.Query().Get("dryRun") == "false" && answer.Code == http.StatusOK {
		id, _ := decode(answer.Body.Bytes())["id"].(string)
		w.bodies[id] = decode(body)
	}
	response.Request = request
	if w.after != nil {
		w.after(request)
	}
	return response, nil
}

// offered leaves out of an object what isn't offered yet, so that the rest of its fields can be published. Resources that are referred
// to are written out.
func offered(object *unstructured.Unstructured, others []*unstructured.Unstructured) {
	if object.GetKind() != "ApiDefinition" {
		return
	}
	for _, field := range []string{"local", "groupRefs", "notificationsRefs"} {
		unstructured.RemoveNestedField(object.Object, "spec", field)
	}
	if resources, found, _ := unstructured.NestedSlice(object.Object, "spec", "resources"); found {
		for i, resource := range resources {
			if ref, isRef := resource.(map[string]any)["ref"].(map[string]any); isRef {
				resources[i] = written(ref["name"], others)
			}
		}
		resources = slices.DeleteFunc(resources, func(resource any) bool { return resource == nil })
		_ = unstructured.SetNestedSlice(object.Object, resources, "spec", "resources")
	}
	object.Object["spec"] = untemplated(object.Object["spec"])
}

// written is the resource with a name; nil if there is none.
func written(name any, others []*unstructured.Unstructured) any {
	for _, other := range others {
		if other.GetKind() == "ApiResource" && other.GetName() == name {
			return other.DeepCopy().Object["spec"]
		}
	}
	return nil
}

func untemplated(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for name, member := range value {
			value[name] = untemplated(member)
		}
	case []any:
		for i, element := range value {
			value[i] = untemplated(element)
		}
	case string:
		return strings.NewReplacer("[[", "((", "]]", "))").Replace(value)
	}
	return value
}

// admission does what an API server does to an object; it is shared by parallel tests.
type admission struct {
	mu     sync.Mutex
	server recorded.Server
}

func (a *admission) admit(object *unstructured.Unstructured) *unstructured.Unstructured {
	a.mu.Lock()
	defer a.mu.Unlock()
	stored := object.DeepCopy()
	if _, ours := a.server[object.GetKind()]; ours {
		stored, _ = a.server.Admit(object)
	}
	return stored
}

// apply stores the objects of one input. prefix keeps the namespaces of cases apart.
func (s *stage) apply(admission *admission, prefix string, input recorded.Input) {
	s.t.Helper()
	for _, object := range input.Objects {
		if kind := object.GetKind(); kind != "ApiDefinition" && kind != "ManagementContext" && kind != "Secret" {
			continue
		}
		stored := object.DeepCopy()
		offered(stored, input.Objects)
		stored = admission.admit(stored)
		stored.SetNamespace(prefix + stored.GetNamespace())
		relocate(stored, prefix)
		encodeSecret(stored)
		s.upsert(stored)
	}
}

// relocate lets references to a namespace follow the prefix.
func relocate(object *unstructured.Unstructured, prefix string) {
	if prefix == "" {
		return
	}
	for _, path := range [][]string{{"spec", "contextRef", "namespace"}, {"spec", "auth", "secretRef", "namespace"}} {
		if namespace, found, _ := unstructured.NestedString(object.Object, path...); found && namespace != "" {
			_ = unstructured.SetNestedField(object.Object, prefix+namespace, path...)
		}
	}
}

func (s *stage) upsert(object *unstructured.Unstructured) {
	s.t.Helper()
	old := &unstructured.Unstructured{}
	old.SetGroupVersionKind(object.GroupVersionKind())
	if err := s.client.Get(s.t.Context(), client.ObjectKeyFromObject(object), old); err != nil {
		object.SetGeneration(1)
		object.SetUID(stageUID(object))
		if err := s.client.Create(s.t.Context(), object); err != nil {
			s.t.Fatal(err)
		}
		return
	}
	for _, part := range []string{"spec", "data"} {
		if content, ok := object.Object[part]; ok {
			old.Object[part] = content
		}
	}
	old.SetGeneration(old.GetGeneration() + 1)
	if err := s.client.Update(s.t.Context(), old); err != nil {
		s.t.Fatal(err)
	}
}

// stageUID is the same for the same object, and has the form of a UUID, since it becomes the id of an API.
func stageUID(object *unstructured.Unstructured) types.UID {
	hash := fmt.Sprintf("%x", []byte(object.GetKind()[:1]+object.GetName()+"."+object.GetNamespace()))
	hash = (hash + strings.Repeat("0", 32))[:24] + fmt.Sprintf("%08x", len(hash))
	return types.UID(hash[:8] + "-" + hash[8:12] + "-4" + hash[13:16] + "-8" + hash[17:20] + "-" + hash[20:32])
}

// settle lets everybody look until nothing moves.
func (s *stage) settle() {
	s.t.Helper()
	for range 3 {
		for _, managed := range s.allContexts() {
			s.reconcileContext(client.ObjectKeyFromObject(&managed))
			s.sweep(client.ObjectKeyFromObject(&managed))
		}
		for _, api := range s.allAPIs() {
			s.reconcile(client.ObjectKeyFromObject(&api))
		}
	}
	s.woken, s.changed = nil, nil
}

func (s *stage) allContexts() []v1alpha1.ManagementContext {
	s.t.Helper()
	var list v1alpha1.ManagementContextList
	if err := s.client.List(s.t.Context(), &list); err != nil {
		s.t.Fatal(err)
	}
	return list.Items
}

func (s *stage) allAPIs() []v1alpha1.ApiDefinition {
	s.t.Helper()
	var list v1alpha1.ApiDefinitionList
	if err := s.client.List(s.t.Context(), &list); err != nil {
		s.t.Fatal(err)
	}
	return list.Items
}

// context is that of the test, with a logger that is silent.
func (s *stage) context() context.Context { return ctrl.LoggerInto(s.t.Context(), logr.Discard()) }

// outcome is what a controller would do next.
type outcome struct {
	ctrl.Result
	failed bool
}

func (s *stage) reconcileContext(key types.NamespacedName) outcome {
	s.t.Helper()
	managed := &v1alpha1.ManagementContext{}
	s.get(key, managed)
	result, err := s.contexts.Reconcile(s.context(), managed)
	return outcome{result, err != nil}
}

func (s *stage) sweep(key types.NamespacedName) outcome {
	s.t.Helper()
	managed := &v1alpha1.ManagementContext{}
	s.get(key, managed)
	result, err := s.sweeps.Reconcile(s.context(), managed)
	return outcome{result, err != nil}
}

func (s *stage) reconcile(key types.NamespacedName) outcome {
	s.t.Helper()
	api := &v1alpha1.ApiDefinition{}
	s.get(key, api)
	result, err := s.apis.Reconcile(s.context(), api)
	return outcome{result, err != nil}
}

func (s *stage) get(key types.NamespacedName, into client.Object) {
	s.t.Helper()
	if err := s.client.Get(s.t.Context(), key, into); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) api(key types.NamespacedName) *v1alpha1.ApiDefinition {
	s.t.Helper()
	api := &v1alpha1.ApiDefinition{}
	s.get(key, api)
	return api
}

func driftedOn(api *v1alpha1.ApiDefinition) metav1.Condition {
	if found := meta.FindStatusCondition(api.Status.Conditions, v1alpha1.DriftedCondition); found != nil {
		return *found
	}
	return metav1.Condition{}
}

func isReady(api *v1alpha1.ApiDefinition) bool {
	return meta.IsStatusConditionTrue(api.Status.Conditions, v1alpha1.ReadyCondition)
}
