// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/gateway"
)

// server is an API server that counts requests, and that keeps the rules of a real one which the fake client doesn't know.
type server struct {
	client.Client

	requests []string
	// before is called once before a verb. It may change what is stored; its error is the answer.
	before map[string]func(stored client.Client) error
	// after is called once after a verb. Its error is the answer, though the write was made.
	after map[string]func() error
}

func serve(t *testing.T, objects ...client.Object) *server {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	s := &server{before: map[string]func(client.Client) error{}, after: map[string]func() error{}}
	s.Client = fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
			return s.request("get", c, func() error { return c.Get(ctx, key, object, options...) })
		},
		Create: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.CreateOption) error {
			return s.request("create", c, func() error { return c.Create(ctx, object, options...) })
		},
		Update: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.UpdateOption) error {
			return s.request("update", c, func() error {
				return errors.Join(mutable(ctx, c, object.(*corev1.ConfigMap)), c.Update(ctx, object, options...))
			})
		},
		Delete: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.DeleteOption) error {
			var applied client.DeleteOptions
			applied.ApplyOptions(options)
			if p := applied.Preconditions; p == nil || p.UID == nil || *p.UID != object.GetUID() || p.ResourceVersion == nil {
				t.Errorf("deleted with the preconditions %v", p)
			}
			return s.request("delete", c, func() error { return c.Delete(ctx, object, options...) })
		},
	}).Build()
	return s
}

func (s *server) request(verb string, stored client.Client, do func() error) error {
	s.requests = append(s.requests, verb)
	if before := s.before[verb]; before != nil {
		delete(s.before, verb)
		if err := before(stored); err != nil {
			return err
		}
	}
	err := do()
	if after := s.after[verb]; after != nil {
		delete(s.after, verb)
		return after()
	}
	return err
}

// mutable is the API server's rule for immutable ConfigMaps.
func mutable(ctx context.Context, c client.Client, next *corev1.ConfigMap) error {
	var stored corev1.ConfigMap
	if err := c.Get(ctx, client.ObjectKeyFromObject(next), &stored); err != nil {
		return err
	}
	if stored.Immutable != nil && *stored.Immutable && !cmp.Equal(stored.Data, next.Data) {
		return apierrors.NewInvalid(corev1.SchemeGroupVersion.WithKind("ConfigMap").GroupKind(), next.Name, nil)
	}
	return nil
}

// taken gives the requests so far and forgets them.
func (s *server) taken() string {
	requests := strings.Join(s.requests, " ")
	s.requests = nil
	return requests
}

func (s *server) stored(t *testing.T) *corev1.ConfigMap {
	t.Helper()
	var found corev1.ConfigMap
	if err := s.Get(t.Context(), types.NamespacedName{Namespace: "shop", Name: "orders"}, &found); err != nil {
		t.Fatal(err)
	}
	s.taken()
	return &found
}

func orders() *v1alpha1.ApiDefinition {
	return &v1alpha1.ApiDefinition{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "orders", UID: "uid-1"}}
}

func owner(kind, name, uid string) metav1.OwnerReference {
	return metav1.OwnerReference{APIVersion: "gravitee.io/v1alpha1", Kind: kind, Name: name, UID: types.UID(uid)}
}

// published is the ConfigMap of orders with the content of content.
func published(change func(c *corev1.ConfigMap)) *corev1.ConfigMap {
	configMap := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: "orders", UID: "uid-of-config-map",
			Labels:          map[string]string{"managed-by": "gravitee.io", "gio-type": "apidefinitions.gravitee.io"},
			OwnerReferences: []metav1.OwnerReference{owner("ApiDefinition", "orders", "uid-1")},
		},
		Data: map[string]string{"definition": `{"name":"Orders","id":"1"}`, "organizationId": "acme", "environmentId": "prod"},
	}
	if change != nil {
		change(configMap)
	}
	return configMap
}

func content() gateway.Content {
	return gateway.Content{Definition: map[string]any{"id": "1", "name": "Orders"}, OrganizationID: "acme", EnvironmentID: "prod"}
}

// TestRecorded compares with what GKO wrote.
func TestRecorded(t *testing.T) {
	cases := map[string]struct {
		file    string
		content gateway.Content
		count   int
	}{
		"without a context": {file: "25-local-no-context.yaml", count: 1},
		"with a context": {
			file: "26-local-with-context.yaml", content: gateway.Content{OrganizationID: "DEFAULT", EnvironmentID: "DEFAULT"}, count: 3,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			all := recorded(t, c.file)
			if len(all) != c.count {
				t.Fatalf("%d ConfigMaps", len(all))
			}
			for _, one := range all {
				content := c.content
				if err := utiljson.Unmarshal([]byte(one.Data["definition"]), &content.Definition); err != nil {
					t.Fatal(err)
				}
				equalsRecorded(t, one, content)
				leavesRecorded(t, one, content)
			}
		})
	}
}

func equalsRecorded(t *testing.T, recorded *corev1.ConfigMap, content gateway.Content) {
	t.Helper()
	s := serve(t)
	publisher := gateway.Publisher{Client: s}
	changed, err := publisher.Publish(t.Context(), apiOf(recorded), content)
	if err != nil || changed != "Published ConfigMap "+recorded.Namespace+"/"+recorded.Name+" for gateways" || s.taken() != "get create" {
		t.Fatalf("changed = %q, %v", changed, err)
	}
	var written corev1.ConfigMap
	if err := s.Get(t.Context(), client.ObjectKeyFromObject(recorded), &written); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(recorded, &written, given, asJSON); diff != "" {
		t.Errorf("GKO's (-) and ours (+):\n%s", diff)
	}
	s.taken()
	if changed, err := publisher.Publish(t.Context(), apiOf(recorded), content); err != nil || changed != "" || s.taken() != "get" {
		t.Errorf("the second run isn't silent: %q, %v", changed, err)
	}
}

func leavesRecorded(t *testing.T, recorded *corev1.ConfigMap, content gateway.Content) {
	t.Helper()
	s := serve(t, recorded.DeepCopy())
	changed, err := (&gateway.Publisher{Client: s}).Publish(t.Context(), apiOf(recorded), content)
	if requests := s.taken(); err != nil || changed != "" || requests != "get" {
		t.Errorf("what GKO wrote would be written again: %q, %v, %s", changed, err, requests)
	}
}

// apiOf is the resource that owns a ConfigMap.
func apiOf(configMap *corev1.ConfigMap) *v1alpha1.ApiDefinition {
	ref := configMap.OwnerReferences[0]
	return &v1alpha1.ApiDefinition{ObjectMeta: metav1.ObjectMeta{Namespace: configMap.Namespace, Name: ref.Name, UID: ref.UID}}
}

func recorded(t *testing.T, file string) []*corev1.ConfigMap {
	t.Helper()
	content, err := os.Open("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	var found []*corev1.ConfigMap
	for decoder := utilyaml.NewYAMLOrJSONDecoder(content, 4096); ; {
		one := &corev1.ConfigMap{}
		err := decoder.Decode(one)
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		if one.Name != "" { // a comment is a document as well
			found = append(found, one)
		}
	}
}

// given leaves out what the API server fills in.
var given = cmp.Options{
	cmpopts.IgnoreFields(metav1.ObjectMeta{}, "UID", "ResourceVersion", "CreationTimestamp"),
	cmpopts.IgnoreTypes(metav1.TypeMeta{}),
}

// asJSON compares texts of data by what they mean.
var asJSON = cmp.Transformer("asJSON", func(data map[string]string) map[string]any {
	values := map[string]any{}
	for key, text := range data {
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		var value any
		if decoder.Decode(&value) != nil {
			value = text
		}
		values[key] = value
	}
	return values
})

func TestPublish(t *testing.T) {
	const restored = "Restored ConfigMap shop/orders, which was edited elsewhere (%)"
	const updated = "Updated ConfigMap shop/orders for gateways (%)"
	immutable := func(c *corev1.ConfigMap) { c.Immutable = new(true) }
	cases := map[string]struct {
		why      string
		have     *corev1.ConfigMap
		changed  string
		requests string
		// want changes the ConfigMap that is expected: ours, and what others may add.
		want func(c *corev1.ConfigMap)
	}{
		"absent": {
			why: "gateways shall serve it", changed: "Published ConfigMap shop/orders for gateways", requests: "get create",
		},
		"in step": {
			why: "each write redeploys it", have: published(nil), requests: "get",
		},
		"another order of members": {
			why:  "it is the same value",
			have: published(func(c *corev1.ConfigMap) { c.Data["definition"] = ` {"id": "1", "name": "Orders"}` }), requests: "get",
		},
		"additions of others": {
			why: "gateways don't see them, and a write redeploys it", have: published(additions), requests: "get", want: additions,
		},
		"another version of our group": {
			why:      "a group is what stays",
			have:     published(func(c *corev1.ConfigMap) { c.OwnerReferences[0].APIVersion = "gravitee.io/v1beta1" }),
			requests: "get", want: func(c *corev1.ConfigMap) { c.OwnerReferences[0].APIVersion = "gravitee.io/v1beta1" },
		},
		"another definition": {
			why:  "the resource changed, or somebody edited it; additions of others stay",
			have: published(func(c *corev1.ConfigMap) { additions(c); c.Data["definition"] = `{"id":"1","name":"Order"}` }),
			want: additions, changed: with(updated, "data.definition"), requests: "get update",
		},
		"no JSON": {
			why:  "no gateway can read it",
			have: published(func(c *corev1.ConfigMap) { c.Data["definition"] = `{"id":` }), changed: with(updated, "data.definition"), requests: "get update",
		},
		"another environment": {
			why:  "the context changed",
			have: published(func(c *corev1.ConfigMap) { c.Data["environmentId"], c.Data["organizationId"] = "dev", "" }), requests: "get update",
			changed: with(updated, "data.environmentId, data.organizationId"),
		},
		"no data at all": {
			why: "somebody emptied it", have: published(func(c *corev1.ConfigMap) { c.Data = nil }), requests: "get update",
			changed: with(restored, "data.definition was missing, data.environmentId was missing, data.organizationId was missing"),
		},
		"another key": {
			why:  "a gateway would take it for an API of that version",
			have: published(func(c *corev1.ConfigMap) { c.Data["apiDefinitionVersion"] = "4.0.0" }), requests: "get update",
			changed: with(restored, "data.apiDefinitionVersion was added"),
		},
		"binary data": {
			why:  "the whole data are ours",
			have: published(func(c *corev1.ConfigMap) { c.BinaryData = map[string][]byte{"x": {0xff}} }), requests: "get update",
			changed: with(restored, "binaryData.x was added"),
		},
		"a label is gone": {
			why: "gateways don't find it", have: published(func(c *corev1.ConfigMap) { delete(c.Labels, "gio-type") }), requests: "get update",
			changed: with(restored, "label gio-type"),
		},
		"no label": {
			why: "gateways don't find it", have: published(func(c *corev1.ConfigMap) { c.Labels = nil }), requests: "get update",
			changed: with(restored, "label gio-type, label managed-by"),
		},
		"another label and another definition": {
			why:  "one write is enough",
			have: published(func(c *corev1.ConfigMap) { c.Labels["managed-by"], c.Data["definition"] = "me", "{}" }), requests: "get update",
			changed: with(updated, "data.definition, label managed-by"),
		},
		"immutable, in step": {
			why: "nothing has to be written", have: published(immutable), requests: "get", want: immutable,
		},
		"immutable, a label is gone": {
			why:  "labels may be written",
			have: published(func(c *corev1.ConfigMap) { immutable(c); c.Labels = nil }), requests: "get update", want: immutable,
			changed: with(restored, "label gio-type, label managed-by"),
		},
		"immutable, another definition": {
			why:  "it can't be updated; what others added is kept, but the next change shall be an update",
			have: published(func(c *corev1.ConfigMap) { immutable(c); additions(c); c.Data["definition"] = "{}" }), want: additions,
			requests: "get delete create", changed: with(updated, "data.definition"),
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := serve(t, present(c.have)...)
			publisher := gateway.Publisher{Client: s}
			changed, err := publisher.Publish(t.Context(), orders(), content())
			if requests := s.taken(); err != nil || changed != c.changed || requests != c.requests {
				t.Fatalf("%s: changed = %q, %v after %s", c.why, changed, err, requests)
			}
			if diff := cmp.Diff(published(c.want), s.stored(t), given, asJSON); diff != "" {
				t.Errorf("%s; wanted (-) and stored (+):\n%s", c.why, diff)
			}
			if changed, err := publisher.Publish(t.Context(), orders(), content()); err != nil || changed != "" || s.taken() != "get" {
				t.Errorf("the second run isn't silent: %q, %v", changed, err)
			}
		})
	}
}

// additions are what others may add to a ConfigMap of ours.
func additions(c *corev1.ConfigMap) {
	c.Labels["team"] = "orders"
	c.Annotations = map[string]string{"note": "hands off"}
	c.OwnerReferences = append(c.OwnerReferences, metav1.OwnerReference{APIVersion: "v1", Kind: "Secret", Name: "s", UID: "uid-9"})
}

func with(sentence, what string) string { return strings.Replace(sentence, "%", what, 1) }

func present(configMap *corev1.ConfigMap) []client.Object {
	if configMap == nil {
		return nil
	}
	return []client.Object{configMap}
}

func TestPublishSaysDefaultWithoutOrganization(t *testing.T) {
	s := serve(t)
	_, err := (&gateway.Publisher{Client: s}).Publish(t.Context(), orders(), gateway.Content{EnvironmentID: "prod"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"definition": "null", "organizationId": "DEFAULT", "environmentId": "DEFAULT"}
	if diff := cmp.Diff(want, s.stored(t).Data); diff != "" {
		t.Error(diff)
	}
}

func TestTextIsReadableAndAlwaysTheSame(t *testing.T) {
	definition := map[string]any{
		"z": "a && b < c", "a": map[string]any{"d": int64(9007199254740993), "c": json.Number("1.50"), "b": nil}, "m": []any{true, 1.5},
	}
	const want = `{"a":{"b":null,"c":1.50,"d":9007199254740993},"m":[true,1.5],"z":"a && b < c"}`
	for range 3 {
		s := serve(t)
		if _, err := (&gateway.Publisher{Client: s}).Publish(t.Context(), orders(), gateway.Content{Definition: definition}); err != nil {
			t.Fatal(err)
		}
		if got := s.stored(t).Data["definition"]; got != want {
			t.Errorf("got %s", got)
		}
	}
}

// TestForeignConfigMapsAreLeftAlone: nothing is written, and Withdraw doesn't touch them either.
func TestForeignConfigMapsAreLeftAlone(t *testing.T) {
	cases := map[string]struct {
		why    string
		uid    string // of the resource; empty means uid-1
		change func(c *corev1.ConfigMap)
		says   []string
	}{
		"a person's": {
			why: "it is somebody's data", change: func(c *corev1.ConfigMap) { c.Labels, c.OwnerReferences = nil, nil },
			says: []string{"wasn't made by an operator", "another name"},
		},
		"labels alone": {
			why: "they prove nothing", change: func(c *corev1.ConfigMap) { c.OwnerReferences = nil },
			says: []string{"bears an operator's label", "kubectl delete configmap orders -n shop"},
		},
		"a v4 API's": {
			why:    "one ConfigMap can't hold two APIs",
			change: func(c *corev1.ConfigMap) { c.OwnerReferences[0] = owner("ApiV4Definition", "orders", "uid-1") },
			says:   []string{"is owned by ApiV4Definition orders", "another"},
		},
		"another group's": {
			why:    "a kind alone proves nothing",
			change: func(c *corev1.ConfigMap) { c.OwnerReferences[0].APIVersion = "example.com/v1alpha1" },
			says:   []string{"is owned by ApiDefinition orders"},
		},
		"an owner without a proper group": {
			why: "it proves nothing", change: func(c *corev1.ConfigMap) { c.OwnerReferences[0].APIVersion = "a/b/c" }, says: []string{"is owned by"},
		},
		"an earlier resource's": {
			why:    "Kubernetes is about to delete it",
			change: func(c *corev1.ConfigMap) { c.OwnerReferences[0].UID = "uid-0" },
			says:   []string{"belongs to an earlier ApiDefinition of that name", "Kubernetes will remove it soon"},
		},
		"another ApiDefinition's": {
			why:    "somebody made it by hand",
			change: func(c *corev1.ConfigMap) { c.OwnerReferences[0] = owner("ApiDefinition", "basket", "uid-2") },
			says:   []string{"is owned by ApiDefinition basket"},
		},
		"with several owners": {
			why: "the controller is the one to ask",
			change: func(c *corev1.ConfigMap) {
				c.OwnerReferences = []metav1.OwnerReference{{Kind: "Secret", Name: "s", UID: "2"}, {Kind: "Chart", Name: "c", UID: "3", Controller: new(true)}}
			},
			says: []string{"is owned by Chart c"},
		},
		"no uid on either side": {
			why: "absence proves nothing", uid: "-", change: func(c *corev1.ConfigMap) { c.OwnerReferences[0].UID = "" }, says: []string{"earlier"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			api := orders()
			if c.uid == "-" {
				api.UID = ""
			}
			s := serve(t, published(c.change))
			before := s.stored(t)
			_, err := (&gateway.Publisher{Client: s}).Publish(t.Context(), api, content())
			if !errors.Is(err, fault.Conflict) || fault.ReasonOf(err) != fault.ReasonOwnedElsewhere || apierrors.IsConflict(err) {
				t.Fatalf("%s: %v", c.why, err)
			}
			for _, part := range append(c.says, "ConfigMap shop/orders") {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%v doesn't say %q", err, part)
				}
			}
			for _, publisher := range []gateway.Publisher{{Client: s}, {Client: s, Metadata: s}} {
				if changed, err := publisher.Withdraw(t.Context(), api); err != nil || changed != "" {
					t.Errorf("withdrawn: %q, %v", changed, err)
				}
			}
			if requests := s.taken(); requests != "get get get" {
				t.Errorf("%s: %s", c.why, requests)
			}
			if diff := cmp.Diff(before, s.stored(t)); diff != "" {
				t.Errorf("%s: %s", c.why, diff)
			}
		})
	}
}

// TestEveryOwnerCounts: ours may come behind another.
func TestEveryOwnerCounts(t *testing.T) {
	s := serve(t, published(func(c *corev1.ConfigMap) {
		c.OwnerReferences = append([]metav1.OwnerReference{owner("ApiDefinition", "orders", "uid-0")}, c.OwnerReferences...)
	}))
	if changed, err := (&gateway.Publisher{Client: s}).Publish(t.Context(), orders(), content()); err != nil || changed != "" {
		t.Errorf("changed = %q, %v", changed, err)
	}
}

func TestSizeLimit(t *testing.T) {
	// The rest: quotes and names around the text, and the two ids.
	const rest = len(`{"x":""}`) + len("DEFAULT") + len("DEFAULT")
	for over, fits := range map[int]bool{0: true, 1: false} {
		s := serve(t)
		definition := map[string]any{"x": strings.Repeat("s", 1<<20-rest+over)}
		_, err := (&gateway.Publisher{Client: s}).Publish(t.Context(), orders(), gateway.Content{Definition: definition})
		if fits {
			if err != nil {
				t.Errorf("1,048,576 bytes are allowed: %v", err)
			}
			continue
		}
		if !errors.Is(err, fault.Terminal) || fault.ReasonOf(err) != fault.ReasonIllegalState || s.taken() != "" {
			t.Fatalf("Kubernetes would refuse it: %v", err)
		}
		for _, part := range []string{"shop/orders", "1048577 bytes", "may hold 1048576", "spec.local to false"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%v doesn't say %q", err, part)
			}
		}
	}
}

func TestContentThatIsNoJSON(t *testing.T) {
	s := serve(t)
	_, err := (&gateway.Publisher{Client: s}).Publish(t.Context(), orders(), gateway.Content{Definition: map[string]any{"x": func() {}}})
	if !errors.Is(err, fault.Terminal) || fault.ReasonOf(err) != fault.ReasonIllegalState || s.taken() != "" {
		t.Errorf("error = %v", err)
	}
}
