// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package plan_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/controller"
	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/gateway"
	"github.com/apisync/apisync/internal/gather"
	"github.com/apisync/apisync/internal/lifecycle"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/mapi/gravitee"
	"github.com/apisync/apisync/internal/plan"
	"github.com/apisync/apisync/internal/translate"
	"github.com/apisync/apisync/test/harness"
	"github.com/apisync/apisync/test/recorded"
	"github.com/apisync/apisync/test/simulator"
)

const digestKey = "0123456789abcdef0123456789abcdef"

// exceptions are the cases in which the management API refuses what was planned.
var exceptions = map[string]string{
	"15-metadata-bad":   "a dry run doesn't look at the values of metadata",
	"18-pages-root":     "a dry run doesn't fetch pages",
	"65-forbidden-user": "a user who may not import may not make a dry run; the plan says so as a finding, since it may run with other credentials than the operator",
}

// Each recorded case is played step by step on a cluster in memory and a simulator. Before each step the plan is made of the files
// of the step, then the step is applied and the operator runs. Verdicts and bodies on the wire must be the same. The same is
// done for what follows from edits and deletions in the management API, and for the deletion of everything.
func TestPlanIsWhatTheOperatorDoes(t *testing.T) {
	server := recorded.NewServer(t)
	met := map[string]bool{}
	for _, one := range recorded.Cases(t) {
		t.Run(one.Name, func(t *testing.T) {
			r := newReplay(t, one.Name, met)
			for _, input := range one.Inputs {
				objects := r.stored(server, input.Objects)
				r.phase(input.File, plan.Options{Objects: typed(t, objects)}, func() {
					for _, object := range objects {
						r.apply(object)
					}
				})
			}
			everything := plan.Options{All: true}
			r.phase("at rest", everything, func() {})
			r.byHand("edited", everything, func(api simulator.APIState) error {
				return r.sim.EditAPI(api.ID, func(definition map[string]any) { definition["description"] = "edited by hand" })
			})
			r.byHand("removed", everything, func(api simulator.APIState) error { return r.sim.RemoveAPI(api.ID) })
			r.servedByHand("what gateways read edited", everything, func(configMap *corev1.ConfigMap) error {
				configMap.Data["definition"] = `{"name": "edited by hand"}`
				return r.client.Update(t.Context(), configMap)
			})
			r.servedByHand("what gateways read removed", everything, func(configMap *corev1.ConfigMap) error {
				return r.client.Delete(t.Context(), configMap)
			})
			r.phase("deleted", plan.Options{Delete: true, Objects: r.objects()}, r.deleteAll)
		})
	}
	for name, why := range exceptions {
		if !met[name] {
			t.Errorf("%s is the same by now: take it out of the exceptions (%s)", name, why)
		}
	}
}

// replay is one case on its own cluster and simulator.
type replay struct {
	t    *testing.T
	name string
	met  map[string]bool

	sim      *simulator.Simulator
	wire     *wire
	client   client.WithWatch
	registry mapi.Registry

	contexts      *lifecycle.Reconciler[*v1alpha1.ManagementContext]
	resources     *lifecycle.Reconciler[*v1alpha1.ApiResource]
	notifications *lifecycle.Reconciler[*v1alpha1.Notification]
	groups        *lifecycle.Reconciler[*v1alpha1.Group]
	apis          *lifecycle.Reconciler[*v1alpha1.ApiDefinition]
	published     *controller.APIDefinitions
}

func newReplay(t *testing.T, name string, met map[string]bool) *replay {
	t.Helper()
	scheme, err := harness.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	builder := fake.NewClientBuilder().WithScheme(scheme).
		WithStatusSubresource(&v1alpha1.ApiDefinition{}, &v1alpha1.ManagementContext{}, &v1alpha1.ApiResource{}, &v1alpha1.Group{}, &v1alpha1.Notification{})
	if err := controller.Index(t.Context(), indexer{builder}); err != nil {
		t.Fatal(err)
	}
	sim := simulator.New(simulator.Options{
		Environments: []simulator.Place{{}, {Environment: "REC2"}},
		Users: []simulator.User{
			{Name: "admin", Password: "admin", Role: simulator.RoleAdmin, Tokens: []string{"<personal-token>"}},
			{Name: "user", Password: "password", Role: simulator.RoleUser},
		},
	})
	r := &replay{t: t, name: name, met: met, sim: sim, wire: &wire{sim: sim}, client: builder.Build()}
	r.registry = mapi.Registry{mapi.DefaultType: gravitee.New(gravitee.Options{})}
	pool, sources := mapi.NewPool(nil), gather.Sources{Reader: r.client, Live: r.client, Templating: true}
	contexts := &controller.Contexts{
		Client: r.client, Sources: sources, Pool: pool, Resync: time.Hour, Registry: r.registry,
		Transport: func(string) http.RoundTripper { return r.wire },
	}
	r.contexts = reconciler(r, contexts, v1alpha1.ManagementContextFinalizer)
	r.resources = reconciler(r, &controller.Resources{Client: r.client, Sources: sources}, v1alpha1.ApiResourceFinalizer)
	r.notifications = reconciler(r, &controller.Notifications{Client: r.client, Sources: sources}, v1alpha1.NotificationFinalizer)
	r.groups = reconciler(r, &controller.Groups{
		Client: r.client, Sources: sources, Pool: pool, Recheck: func(string) {}, DigestKey: []byte(digestKey), Now: time.Now,
	}, v1alpha1.GroupFinalizer)
	r.published = &controller.APIDefinitions{
		Client: r.client, Sources: sources, Gateway: &gateway.Publisher{Client: r.client}, Pool: pool, Reach: contexts.Reach, Recheck: func(string) {},
		DigestKey: []byte(digestKey), Now: time.Now,
	}
	r.apis = reconciler(r, r.published, v1alpha1.ApiDefinitionFinalizer)
	return r
}

func reconciler[T lifecycle.Object](r *replay, kind lifecycle.Kind[T], finalizer string) *lifecycle.Reconciler[T] {
	return &lifecycle.Reconciler[T]{Client: r.client, Recorder: silent{}, Kind: kind, Finalizer: finalizer}
}

// indexer gives the fake client the indexes that the cache has.
type indexer struct{ builder *fake.ClientBuilder }

func (i indexer) IndexField(_ context.Context, object client.Object, field string, values client.IndexerFunc) error {
	i.builder.WithIndex(object, field, values)
	return nil
}

type silent struct{}

func (silent) Eventf(runtime.Object, runtime.Object, string, string, string, string, ...any) {}

// stored is what an API server makes of objects before it stores them; kinds that aren't ours are left out.
func (r *replay) stored(server recorded.Server, objects []*unstructured.Unstructured) []*unstructured.Unstructured {
	var kept []*unstructured.Unstructured
	for _, object := range objects {
		switch object.GetKind() {
		case "ApiDefinition", "ManagementContext", "ApiResource", "Group", "Notification":
			object, _ = server.Admit(object)
		case "Secret", "ConfigMap":
			object = object.DeepCopy()
			encodeSecret(object)
		default:
			continue
		}
		kept = append(kept, object)
	}
	return kept
}

// encodeSecret does what an API server does with a Secret's stringData.
func encodeSecret(object *unstructured.Unstructured) {
	texts, _, _ := unstructured.NestedStringMap(object.Object, "stringData")
	for key, text := range texts {
		_ = unstructured.SetNestedField(object.Object, base64.StdEncoding.EncodeToString([]byte(text)), "data", key)
	}
	unstructured.RemoveNestedField(object.Object, "stringData")
}

// typed are the objects as a plan gets them.
func typed(t *testing.T, objects []*unstructured.Unstructured) []client.Object {
	t.Helper()
	var converted []client.Object
	for _, object := range objects {
		into, known := map[string]client.Object{
			"ApiDefinition": &v1alpha1.ApiDefinition{}, "ManagementContext": &v1alpha1.ManagementContext{}, "ApiResource": &v1alpha1.ApiResource{},
			"Group": &v1alpha1.Group{}, "Notification": &v1alpha1.Notification{}, "Secret": &corev1.Secret{}, "ConfigMap": &corev1.ConfigMap{},
		}[object.GetKind()]
		if !known {
			t.Fatalf("a plan isn't given objects of kind %s", object.GetKind())
		}
		content, err := object.MarshalJSON()
		if err == nil {
			err = json.Unmarshal(content, into)
		}
		if err != nil {
			t.Fatal(err)
		}
		converted = append(converted, into)
	}
	return converted
}

// uidOf is the uid that the cluster in memory gives to a new object.
func uidOf(object client.Object) types.UID {
	return types.UID(translate.Hash("uid of ", object.GetNamespace(), "/", object.GetName()))
}

func (r *replay) apply(object *unstructured.Unstructured) {
	r.t.Helper()
	object = object.DeepCopy()
	old := &unstructured.Unstructured{}
	old.SetGroupVersionKind(object.GroupVersionKind())
	err := r.client.Get(r.t.Context(), client.ObjectKeyFromObject(object), old)
	switch {
	case apierrors.IsNotFound(err):
		object.SetUID(uidOf(object))
		object.SetGeneration(1)
		err = r.client.Create(r.t.Context(), object)
	case err == nil:
		before := old.DeepCopy()
		for _, part := range []string{"spec", "data"} {
			if content, ok := object.Object[part]; ok {
				old.Object[part] = content
			}
		}
		if !gocmp.Equal(before.Object["spec"], old.Object["spec"]) {
			old.SetGeneration(old.GetGeneration() + 1)
		}
		err = r.client.Update(r.t.Context(), old)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// objects are the ApiDefinitions of the cluster as if they were files.
func (r *replay) objects() []client.Object {
	var objects []client.Object
	for _, api := range r.list() {
		objects = append(objects, &api)
	}
	return objects
}

func (r *replay) deleteAll() {
	r.t.Helper()
	for _, api := range r.list() {
		if err := r.client.Delete(r.t.Context(), &api); err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *replay) list() []v1alpha1.ApiDefinition {
	r.t.Helper()
	var list v1alpha1.ApiDefinitionList
	if err := r.client.List(r.t.Context(), &list); err != nil {
		r.t.Fatal(err)
	}
	return list.Items
}

// byHand does something to every API behind the operator's back.
func (r *replay) byHand(what string, options plan.Options, do func(simulator.APIState) error) {
	r.t.Helper()
	for _, api := range r.sim.APIs() {
		if err := do(api); err != nil {
			r.t.Fatal(err)
		}
	}
	r.phase(what, options, func() {})
}

// servedByHand does something to every ConfigMap of gateways behind the operator's back.
func (r *replay) servedByHand(what string, options plan.Options, do func(*corev1.ConfigMap) error) {
	r.t.Helper()
	configMaps := r.listConfigMaps()
	if len(configMaps) == 0 {
		return
	}
	for i := range configMaps {
		if err := do(&configMaps[i]); err != nil {
			r.t.Fatal(err)
		}
	}
	r.phase(what, options, func() {})
}

// phase plans, with the operator's key of digests and without, lets it happen, and compares.
func (r *replay) phase(name string, options plan.Options, happen func()) {
	r.t.Helper()
	options.Cluster, options.Registry, options.Templating = r.client, r.registry, true
	options.Transport = func(string) http.RoundTripper { return r.wire }
	options = options.WithUIDs(uidOf)
	options.DigestKey = []byte(digestKey)
	withKey := r.plan(options)
	options.DigestKey = nil
	withoutKey := r.plan(options)

	before := r.look()
	r.wire.reset()
	happen()
	left := r.settle()
	served := before.served(r.configMaps())
	done := r.verdicts(left, before, served)

	for title, planned := range map[string]made{"with the key": withKey, "without the key": withoutKey} {
		for object, verdict := range planned.verdicts {
			if exceptions[r.name] != "" && done[object] == plan.VerdictRefused && verdict != done[object] {
				r.met[r.name] = true
				continue
			}
			if verdict != cmp.Or(done[object], plan.VerdictNone) {
				r.t.Errorf("%s, %s: %s: planned %q, but the operator did %q\n%s", name, title, object, verdict, done[object], planned.text)
			}
		}
		r.compareWire(name+", "+title, planned)
		if diff := gocmp.Diff(planned.served, served); diff != "" {
			r.t.Errorf("%s, %s: ConfigMaps of gateways (-planned +done):\n%s", name, title, diff)
		}
	}
}

// seen is what there was before the operator worked.
type seen struct {
	apis []simulator.APIState
	// recorded are the ids of resources by their namespace/name.
	recorded   map[string]string
	configMaps map[string]string
}

func (r *replay) look() seen {
	r.t.Helper()
	s := seen{apis: r.sim.APIs(), recorded: map[string]string{}, configMaps: r.configMaps()}
	for _, api := range r.list() {
		s.recorded[translate.FullName(&api)] = translate.RecordedID(&api)
	}
	return s
}

// configMaps are those that gateways read, by namespace/name, with what they read.
func (r *replay) configMaps() map[string]string {
	r.t.Helper()
	found := map[string]string{}
	for _, configMap := range r.listConfigMaps() {
		content, err := json.Marshal(configMap.Data)
		if err != nil {
			r.t.Fatal(err)
		}
		found[configMap.Namespace+"/"+configMap.Name] = string(content)
	}
	return found
}

func (r *replay) listConfigMaps() []corev1.ConfigMap {
	r.t.Helper()
	var list corev1.ConfigMapList
	if err := r.client.List(r.t.Context(), &list, client.MatchingLabels{gateway.ManagedByLabel: gateway.ManagedByValue}); err != nil {
		r.t.Fatal(err)
	}
	return list.Items
}

// served tells what became of the ConfigMaps of gateways.
func (s seen) served(after map[string]string) map[string]string {
	done := map[string]string{}
	for name, content := range after {
		before, existed := s.configMaps[name]
		switch {
		case !existed:
			done[name] = "create"
		case before != content:
			done[name] = "update"
		}
	}
	for name := range s.configMaps {
		if _, there := after[name]; !there {
			done[name] = "delete"
		}
	}
	return done
}

type made struct {
	verdicts map[string]plan.Verdict
	bodies   map[string]bool
	deleted  []string
	// served are the operations on ConfigMaps of gateways by their namespace/name.
	served map[string]string
	text   string
}

func (r *replay) plan(options plan.Options) made {
	r.t.Helper()
	r.wire.reset()
	before := r.sim.APIs()
	report, err := plan.Run(r.t.Context(), options)
	if err != nil {
		r.t.Fatal(err)
	}
	if writes := r.wire.writes(); len(writes) > 0 {
		r.t.Fatalf("the plan wrote: %v", writes)
	}
	if diff := gocmp.Diff(before, r.sim.APIs()); diff != "" {
		r.t.Fatalf("the plan changed APIs (-before +after):\n%s", diff)
	}
	result := made{verdicts: map[string]plan.Verdict{}, bodies: r.wire.bodies(true), served: map[string]string{}}
	var text bytes.Buffer
	if err := report.Text(&text, plan.TextOptions{}); err != nil {
		r.t.Fatal(err)
	}
	result.text = text.String()
	for _, c := range report.Contexts {
		for _, object := range c.Objects {
			result.verdicts[object.Namespace+"/"+object.Name] = object.Verdict
			for _, write := range object.Writes {
				switch {
				case write.ConfigMap != "":
					result.served[write.ConfigMap] = write.Operation
				case write.Operation == "delete":
					result.deleted = append(result.deleted, write.ID)
				}
			}
		}
	}
	slices.Sort(result.deleted)
	return result
}

// compareWire compares what the plan checked by dry runs with what the operator sent.
func (r *replay) compareWire(what string, planned made) {
	r.t.Helper()
	sent := r.wire.bodies(false)
	for body := range sent {
		if !planned.bodies[body] && !r.unchecked(body, planned) {
			r.t.Errorf("%s: the operator sent what wasn't planned:\n%s\nplanned: %v", what, body, planned.bodies)
		}
	}
	for body := range planned.bodies {
		if !sent[body] && !r.isProbe(body, planned) {
			r.t.Errorf("%s: the plan has what the operator doesn't send:\n%s", what, body)
		}
	}
	if diff := gocmp.Diff(planned.deleted, r.wire.deletions()); diff != "" {
		r.t.Errorf("%s: deletions (-planned +done):\n%s", what, diff)
	}
}

// unchecked is met by a move within an installation: its id is still taken, so no dry run can be made under it.
func (r *replay) unchecked(body string, planned made) bool {
	id, _ := decode([]byte(body))["id"].(string)
	return slices.Contains(planned.deleted, id)
}

// isProbe is met by the dry run that the operator itself makes before a move, under another id.
func (r *replay) isProbe(body string, planned made) bool {
	id, _ := decode([]byte(body))["id"].(string)
	return slices.ContainsFunc(planned.deleted, func(deleted string) bool { return id == translate.Hash(deleted, "/dry-run") })
}

// settle runs every reconciler until nothing moves. It returns the objects as they were last.
func (r *replay) settle() map[string]v1alpha1.ApiDefinition {
	r.t.Helper()
	left := map[string]v1alpha1.ApiDefinition{}
	for range 3 {
		each(r, &v1alpha1.ManagementContextList{}, r.contexts)
		each(r, &v1alpha1.ApiResourceList{}, r.resources)
		each(r, &v1alpha1.NotificationList{}, r.notifications)
		for _, api := range r.list() {
			_, _ = r.apis.Reconcile(r.t.Context(), &api)
			left[translate.FullName(&api)] = api
		}
		each(r, &v1alpha1.GroupList{}, r.groups)
	}
	for _, api := range r.list() {
		left[translate.FullName(&api)] = api
	}
	return left
}

func each[T lifecycle.Object](r *replay, list client.ObjectList, reconciler *lifecycle.Reconciler[T]) {
	r.t.Helper()
	if err := r.client.List(r.t.Context(), list); err != nil {
		r.t.Fatal(err)
	}
	err := meta.EachListItem(list, func(item runtime.Object) error {
		_, _ = reconciler.Reconcile(r.t.Context(), item.(T).DeepCopyObject().(T))
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// verdicts tell what the operator did, from what it sent, the ConfigMaps that it wrote and the conditions.
func (r *replay) verdicts(left map[string]v1alpha1.ApiDefinition, before seen, served map[string]string) map[string]plan.Verdict {
	verdicts := map[string]plan.Verdict{}
	for name, api := range left {
		verdict := r.verdict(&api, before.apis, before.recorded[name])
		if verdict == plan.VerdictNone && served[name] != "" {
			verdict = servedVerdict(&api, served[name])
		}
		verdicts[name] = verdict
	}
	return verdicts
}

// servedVerdict is that of an API of which nothing was done but in its ConfigMap.
func servedVerdict(api *v1alpha1.ApiDefinition, operation string) plan.Verdict {
	switch {
	case !api.DeletionTimestamp.IsZero():
		return plan.VerdictDelete
	case operation == "create" && api.Spec.ContextRef == nil:
		return plan.VerdictCreate
	}
	return plan.VerdictUpdate
}

func (r *replay) verdict(api *v1alpha1.ApiDefinition, before []simulator.APIState, recordedBefore string) plan.Verdict {
	if !api.DeletionTimestamp.IsZero() {
		own := slices.ContainsFunc(before, func(state simulator.APIState) bool {
			return state.ID == recordedBefore && state.CrossID == translate.CrossID(api)
		})
		if own && slices.Contains(r.wire.deletions(), recordedBefore) {
			return plan.VerdictDelete
		}
		return r.unfinished(api, v1alpha1.DeletableCondition, plan.VerdictNone)
	}
	ready := meta.FindStatusCondition(api.Status.Conditions, v1alpha1.ReadyCondition)
	if ready == nil || ready.Status != "True" {
		return r.unfinished(api, v1alpha1.ReadyCondition, plan.VerdictUnknown)
	}
	wrote := slices.ContainsFunc(r.wire.puts(), func(body map[string]any) bool { return body["crossId"] == translate.CrossID(api) })
	existed := slices.ContainsFunc(before, func(state simulator.APIState) bool { return state.ID == api.Status.ID })
	switch {
	case wrote && slices.Contains(r.wire.deletions(), recordedBefore):
		return plan.VerdictMove
	case wrote && !existed:
		return plan.VerdictCreate
	case existed && recordedBefore != api.Status.ID:
		return plan.VerdictTakeOver
	case wrote:
		return plan.VerdictUpdate
	}
	return plan.VerdictNone
}

// unfinished reads a condition that isn't well.
func (r *replay) unfinished(api *v1alpha1.ApiDefinition, kind string, otherwise plan.Verdict) plan.Verdict {
	condition := meta.FindStatusCondition(api.Status.Conditions, kind)
	switch {
	case condition == nil || condition.Status == "True":
		return otherwise
	case condition.Reason == fault.ReasonContextNotReady:
		return plan.VerdictUnknown
	case meta.IsStatusConditionTrue(api.Status.Conditions, v1alpha1.StalledCondition):
		return plan.VerdictRefused
	case condition.Reason == fault.ReasonReference:
		return plan.VerdictWaiting
	}
	return plan.VerdictUnknown
}

// wire carries requests to a simulator and remembers those that write or would.
type wire struct {
	sim http.Handler
	// others are further installations, by host and port.
	others map[string]http.Handler

	mu   sync.Mutex
	seen []exchange
}

type exchange struct {
	method, uri string
	body        []byte
}

// errRefused stands for a port that nobody listens on, as in case 66.
var errRefused = errors.New("connection refused")

func (w *wire) RoundTrip(request *http.Request) (*http.Response, error) {
	var body []byte
	if request.Body != nil {
		body, _ = io.ReadAll(request.Body)
		_ = request.Body.Close()
	}
	if request.URL.Port() == "18099" {
		return nil, errRefused
	}
	if request.Method != http.MethodGet {
		w.mu.Lock()
		w.seen = append(w.seen, exchange{method: request.Method, uri: request.URL.RequestURI(), body: body})
		w.mu.Unlock()
	}
	forwarded := httptest.NewRequestWithContext(request.Context(), request.Method, request.URL.RequestURI(), bytes.NewReader(body))
	forwarded.Header = request.Header.Clone()
	forwarded.Header.Del("Accept-Encoding")
	answer := httptest.NewRecorder()
	if other := w.others[request.URL.Host]; other != nil {
		other.ServeHTTP(answer, forwarded)
	} else {
		w.sim.ServeHTTP(answer, forwarded)
	}
	response := answer.Result()
	response.Request = request
	return response, nil
}

func (w *wire) reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = nil
}

func (w *wire) exchanges(want func(exchange) bool) []exchange {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(w.seen), func(e exchange) bool { return !want(e) })
}

// writes are the requests that may change something: all but logins and dry runs.
func (w *wire) writes() []string {
	var found []string
	for _, e := range w.exchanges(func(e exchange) bool {
		return !strings.HasSuffix(e.uri, "/login") && !strings.Contains(e.uri, "dryRun=true") && !strings.Contains(e.uri, "_search")
	}) {
		found = append(found, e.method+" "+e.uri)
	}
	return found
}

// bodies are the APIs that were sent: Groups aren't planned.
func (w *wire) bodies(dryRun bool) map[string]bool {
	found := map[string]bool{}
	for _, e := range w.exchanges(func(e exchange) bool { return strings.HasSuffix(e.uri, fmt.Sprintf("/import-crd?dryRun=%t", dryRun)) }) {
		canonical, _ := json.Marshal(decode(e.body))
		found[string(canonical)] = true
	}
	return found
}

func (w *wire) puts() []map[string]any {
	var found []map[string]any
	for body := range w.bodies(false) {
		found = append(found, decode([]byte(body)))
	}
	return found
}

func (w *wire) deletions() []string {
	var found []string
	for _, e := range w.exchanges(func(e exchange) bool { return e.method == http.MethodDelete }) {
		path, _, _ := strings.Cut(e.uri, "?")
		found = append(found, path[strings.LastIndex(path, "/")+1:])
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func decode(content []byte) map[string]any {
	var value map[string]any
	_ = json.Unmarshal(content, &value)
	return value
}
