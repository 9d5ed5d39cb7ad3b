// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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
	"github.com/apisync/apisync/internal/gateway"
	"github.com/apisync/apisync/internal/gather"
	"github.com/apisync/apisync/internal/lifecycle"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/mapi/gravitee"
	"github.com/apisync/apisync/test/harness"
	"github.com/apisync/apisync/test/recorded"
	"github.com/apisync/apisync/test/simulator"
)

// differs lists what is meant to be another than with GKO, by case, with the reason.
var differs = map[string]string{
	"20-groups-grouprefs":          "the first import, which GKO made before the recording began, and one more when the Group has got its id: GKO left the group out until the API was edited",
	"29-template-missing":          "a key that is added later is seen, and the API published: with GKO it failed for ever",
	"40-path-normalisation":        "two APIs of one path were both accepted in a race; one after the other, the second is refused",
	"45-resource-ref-no-namespace": "a reference without a namespace is looked for in that of the API; GKO found nothing",
	"79-same-ids":                  "a second resource with the same crossId is a Conflict, and nothing is sent for it",
	"86-recreate-after-loss":       "the lost API is found by its crossId and taken over under its own id",
	"87-recreate-other-path":       "the same, with another path",
}

// Each recorded case runs through the controllers, the translation and the Gravitee back end against the
// simulator, with the uid that the resource had under GKO. Every import that the real management API
// accepted from GKO must be sent with the same body, and none besides.
func TestRecordedImports(t *testing.T) {
	server := recorded.NewServer(t)
	for _, one := range recorded.Cases(t) {
		t.Run(one.Name, func(t *testing.T) {
			r := newReplay(t, one)
			for step, input := range one.Inputs {
				r.apply(server, step, input)
				r.settle()
				r.compareConfigMaps(step)
			}
			r.compare(differs[one.Name] != "")
		})
	}
}

type replay struct {
	t    *testing.T
	one  recorded.Case
	wire *wire

	client        client.WithWatch
	contexts      *lifecycle.Reconciler[*v1alpha1.ManagementContext]
	resources     *lifecycle.Reconciler[*v1alpha1.ApiResource]
	notifications *lifecycle.Reconciler[*v1alpha1.Notification]
	groups        *lifecycle.Reconciler[*v1alpha1.Group]
	apis          *lifecycle.Reconciler[*v1alpha1.ApiDefinition]
}

func newReplay(t *testing.T, one recorded.Case) *replay {
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
	r := &replay{t: t, one: one, client: builder.Build(), wire: newWire(one)}
	pool, key := mapi.NewPool(nil), []byte("0123456789abcdef0123456789abcdef")
	sources := gather.Sources{Reader: r.client, Live: r.client, Templating: true}
	contexts := &controller.Contexts{
		Client: r.client, Sources: sources, Pool: pool, Resync: time.Hour,
		Registry:  mapi.Registry{mapi.DefaultType: gravitee.New(gravitee.Options{})},
		Transport: func(string) http.RoundTripper { return r.wire },
	}
	r.contexts = &lifecycle.Reconciler[*v1alpha1.ManagementContext]{
		Client: r.client, Recorder: silent{}, Kind: contexts, Finalizer: v1alpha1.ManagementContextFinalizer,
	}
	r.resources = &lifecycle.Reconciler[*v1alpha1.ApiResource]{
		Client: r.client, Recorder: silent{}, Kind: &controller.Resources{Client: r.client, Sources: sources}, Finalizer: v1alpha1.ApiResourceFinalizer,
	}
	r.notifications = &lifecycle.Reconciler[*v1alpha1.Notification]{
		Client: r.client, Recorder: silent{}, Kind: &controller.Notifications{Client: r.client, Sources: sources}, Finalizer: v1alpha1.NotificationFinalizer,
	}
	r.groups = &lifecycle.Reconciler[*v1alpha1.Group]{
		Client: r.client, Recorder: silent{}, Finalizer: v1alpha1.GroupFinalizer,
		Kind: &controller.Groups{Client: r.client, Sources: sources, Pool: pool, Recheck: func(string) {}, DigestKey: key, Now: time.Now},
	}
	r.apis = &lifecycle.Reconciler[*v1alpha1.ApiDefinition]{
		Client: r.client, Recorder: silent{}, Finalizer: v1alpha1.ApiDefinitionFinalizer,
		Kind: &controller.APIDefinitions{
			Client: r.client, Sources: sources, Gateway: &gateway.Publisher{Client: r.client}, Pool: pool, Reach: contexts.Reach, Recheck: func(string) {}, Times: controller.Times{Period: time.Minute, Rotation: time.Hour},
			DigestKey: key, Now: time.Now,
		},
	}
	return r
}

// indexer gives the fake client the indexes that the cache has.
type indexer struct{ builder *fake.ClientBuilder }

func (i indexer) IndexField(_ context.Context, object client.Object, field string, values client.IndexerFunc) error {
	i.builder.WithIndex(object, field, values)
	return nil
}

type silent struct{}

func (silent) Eventf(runtime.Object, runtime.Object, string, string, string, string, ...any) {}

// apply stores the objects of one input as an API server would, under the uids of the recording.
func (r *replay) apply(server recorded.Server, step int, input recorded.Input) {
	r.t.Helper()
	for _, object := range input.Objects {
		stored := object.DeepCopy()
		if _, ours := server[object.GetKind()]; ours {
			stored, _ = server.Admit(object)
			stored.SetUID(r.uid(step, stored))
		} else if object.GetKind() != "Secret" && object.GetKind() != "ConfigMap" {
			continue
		}
		encodeSecret(stored)
		r.upsert(stored)
	}
}

// encodeSecret does what an API server does with a Secret's stringData.
func encodeSecret(object *unstructured.Unstructured) {
	texts, _, _ := unstructured.NestedStringMap(object.Object, "stringData")
	for key, text := range texts {
		_ = unstructured.SetNestedField(object.Object, base64.StdEncoding.EncodeToString([]byte(text)), "data", key)
	}
	unstructured.RemoveNestedField(object.Object, "stringData")
}

func (r *replay) upsert(object *unstructured.Unstructured) {
	r.t.Helper()
	old := &unstructured.Unstructured{}
	old.SetGroupVersionKind(object.GroupVersionKind())
	err := r.client.Get(r.t.Context(), client.ObjectKeyFromObject(object), old)
	if err == nil && old.GetUID() != object.GetUID() {
		// The resource was lost, without any trace of its deletion in the management API, and made again.
		old.SetFinalizers(nil)
		if err := r.client.Update(r.t.Context(), old); err != nil {
			r.t.Fatal(err)
		}
		if err := r.client.Delete(r.t.Context(), old); err != nil {
			r.t.Fatal(err)
		}
		err = apierrors.NewNotFound(v1alpha1.GroupVersion.WithResource("").GroupResource(), object.GetName())
	}
	switch {
	case apierrors.IsNotFound(err):
		object.SetGeneration(1)
		err = r.client.Create(r.t.Context(), object)
	case err == nil:
		for _, part := range []string{"spec", "data"} {
			if content, ok := object.Object[part]; ok {
				old.Object[part] = content
			}
		}
		old.SetGeneration(old.GetGeneration() + 1)
		err = r.client.Update(r.t.Context(), old)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// uid is the one that the resource had under GKO after the step, or last before.
func (r *replay) uid(step int, object *unstructured.Unstructured) types.UID {
	uid := types.UID("uid-of-" + object.GetName())
	for i, snapshot := range r.one.Stored {
		for _, content := range snapshot.Objects {
			seen := &unstructured.Unstructured{Object: content}
			same := seen.GetKind() == object.GetKind() && recorded.KeyOf(seen) == recorded.KeyOf(object)
			if same && (i <= step || uid == types.UID("uid-of-"+object.GetName())) {
				uid = seen.GetUID()
			}
		}
	}
	return uid
}

// settle runs every reconciler until nothing moves.
func (r *replay) settle() {
	r.t.Helper()
	for range 3 {
		each(r, &v1alpha1.ManagementContextList{}, r.contexts)
		each(r, &v1alpha1.ApiResourceList{}, r.resources)
		each(r, &v1alpha1.NotificationList{}, r.notifications)
		// APIs come before Groups, as they may in a cluster.
		each(r, &v1alpha1.ApiDefinitionList{}, r.apis)
		each(r, &v1alpha1.GroupList{}, r.groups)
	}
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

// compareConfigMaps compares what gateways read with what they read under GKO after the same step.
func (r *replay) compareConfigMaps(step int) {
	r.t.Helper()
	want, recorded := r.one.ConfigMaps[step]
	if !recorded {
		return
	}
	var stored corev1.ConfigMapList
	if err := r.client.List(r.t.Context(), &stored, client.MatchingLabels{gateway.ManagedByLabel: gateway.ManagedByValue}); err != nil {
		r.t.Fatal(err)
	}
	got := map[string]any{}
	for _, configMap := range stored.Items {
		got[configMap.Name] = map[string]any{
			"definition": decode([]byte(configMap.Data["definition"])), "organization": configMap.Data["organizationId"], "environment": configMap.Data["environmentId"],
		}
	}
	expected := map[string]any{}
	for _, configMap := range want {
		expected[configMap.Name] = map[string]any{
			"definition": decode([]byte(configMap.Data["definition"])), "organization": configMap.Data["organizationId"], "environment": configMap.Data["environmentId"],
		}
	}
	if diff := cmp.Diff(expected, got); diff != "" {
		r.t.Errorf("step %d: ConfigMaps of gateways (-recorded +ours):\n%s", step+1, diff)
	}
}

func (r *replay) compare(mayDiffer bool) {
	r.t.Helper()
	var unknown []string
	sent := map[string]bool{}
	for _, body := range r.wire.sent {
		sent[canonical(body)] = true
		if !r.wire.known[canonical(body)] {
			unknown = append(unknown, nearest(body, r.one.Puts))
		}
	}
	for _, put := range r.one.Puts {
		if put.Status == http.StatusOK && !sent[canonical(put.Request)] && !mayDiffer {
			r.t.Errorf("after %s: a recorded import wasn't sent: %v", put.After, put.Request["id"])
		}
	}
	if len(unknown) > 0 && !mayDiffer {
		r.t.Errorf("%d imports were sent that GKO didn't send; the first differs from the nearest one (-recorded +ours):\n%s", len(unknown), unknown[0])
	}
	if mayDiffer && len(unknown) == 0 && len(sent) == len(r.wire.known) && r.wire.refused == 0 {
		r.t.Error("nothing differs any more: take the case out of the list")
	}
}

func nearest(body map[string]any, puts []recorded.Put) string {
	best := ""
	for _, put := range puts {
		if difference := cmp.Diff(numbers(put.Request), body); best == "" || len(difference) < len(best) {
			best = difference
		}
	}
	return best
}

// wire carries requests to a simulator, as an administrator whoever asks, and renames the plan ids that the
// simulator draws by lot to those that the real management API drew.
type wire struct {
	sim    http.Handler
	known  map[string]bool
	drawn  map[string]string // plan crossId to recorded id
	rename map[string]string // simulator's id to recorded id
	sent   []map[string]any
	// refused counts imports that weren't accepted.
	refused int
}

func newWire(one recorded.Case) *wire {
	w := &wire{known: map[string]bool{}, drawn: map[string]string{}, rename: map[string]string{}}
	w.sim = simulator.New(simulator.Options{
		Environments: []simulator.Place{{Organization: "DEFAULT", Environment: "DEFAULT"}, {Organization: "DEFAULT", Environment: "REC2"}},
	})
	for _, put := range one.Puts {
		w.known[canonical(put.Request)] = true
		plans, _ := put.Response["plans"].(map[string]any)
		for crossID, id := range plans {
			w.drawn[crossID], _ = id.(string)
		}
	}
	return w
}

func (w *wire) RoundTrip(request *http.Request) (*http.Response, error) {
	var body []byte
	if request.Body != nil {
		body, _ = io.ReadAll(request.Body)
		_ = request.Body.Close()
	}
	committed := request.Method == http.MethodPut && request.URL.Query().Get("dryRun") == "false"
	if committed {
		w.sent = append(w.sent, decode(body))
	}
	for theirs, ours := range w.rename {
		body = bytes.ReplaceAll(body, []byte(ours), []byte(theirs))
	}
	forwarded := httptest.NewRequestWithContext(request.Context(), request.Method, request.URL.RequestURI(), bytes.NewReader(body))
	forwarded.Header = request.Header.Clone()
	forwarded.Header.Del("Accept-Encoding")
	forwarded.SetBasicAuth("admin", "admin")
	answer := httptest.NewRecorder()
	w.sim.ServeHTTP(answer, forwarded)
	content := answer.Body.Bytes()
	if committed {
		if answer.Code == http.StatusOK {
			w.learn(content)
		} else {
			w.refused++
		}
	}
	for theirs, ours := range w.rename {
		content = bytes.ReplaceAll(content, []byte(theirs), []byte(ours))
	}
	response := answer.Result()
	response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(content)), int64(len(content))
	response.Request = request
	return response, nil
}

func (w *wire) learn(answer []byte) {
	plans, _ := decode(answer)["plans"].(map[string]any)
	for crossID, id := range plans {
		if text, _ := id.(string); w.drawn[crossID] != "" && text != w.drawn[crossID] {
			w.rename[text] = w.drawn[crossID]
		}
	}
}

func decode(content []byte) map[string]any {
	var value map[string]any
	_ = json.Unmarshal(content, &value)
	return value
}

func numbers(value map[string]any) map[string]any {
	content, _ := json.Marshal(value)
	return decode(content)
}

func canonical(value map[string]any) string {
	content, err := json.Marshal(numbers(value))
	if err != nil {
		return fmt.Sprint(err)
	}
	return string(content)
}
