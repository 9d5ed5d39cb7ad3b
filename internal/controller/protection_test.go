// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/gather"
	"github.com/apisync/apisync/internal/mapi"
)

func namesConfigMap(namespace, name string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: named(namespace, "names"), Data: map[string]string{"name": name}}
}

// userOf names everything by the same word, and was published when it has an id.
func userOf(namespace, name, word, id string) *v1alpha1.ApiDefinition {
	api := apiOf(namespace, name, func(spec *v1alpha1.ApiDefinitionSpec) {
		spec.ContextRef, spec.Resources = new(to("shop", word)), []v1alpha1.ResourceOrRef{{Ref: new(to("shop", word))}}
		spec.GroupRefs, spec.NotificationsRefs = []v1alpha1.Reference{to("shop", word)}, []v1alpha1.Reference{to("shop", word)}
	})
	if api.Status.ID = id; id != "" {
		api.Status.OrganizationID = "DEFAULT"
	}
	return api
}

func TestWhatKeepsAnObjectFromBeingDeleted(t *testing.T) {
	const missing = `[[ configmap "nowhere/name" ]]`
	crews := func(word string) *v1alpha1.Notification {
		notification := &v1alpha1.Notification{ObjectMeta: named("shop", "console")}
		notification.Spec.Console.GroupRefs = []v1alpha1.Reference{to("", word)}
		return notification
	}
	cases := map[string]struct {
		why     string
		objects []client.Object
		object  client.Object
		want    []string
	}{
		"nobody":             {"it can go", []client.Object{userOf("shop", "a", "other", "")}, &v1alpha1.ApiResource{}, nil},
		"a written name":     {"it is meant", []client.Object{userOf("shop", "a", "it", "")}, &v1alpha1.ApiResource{}, []string{"shop/a"}},
		"a name by template": {"it comes to that", []client.Object{userOf("shop", "a", made, ""), namesConfigMap("shop", "it")}, &v1alpha1.ApiResource{}, []string{"shop/a"}},
		"of another namespace": {"the ConfigMap is that of who has the template", []client.Object{
			userOf("far", "a", made, ""), namesConfigMap("far", "it"), namesConfigMap("shop", "other"),
		}, &v1alpha1.ApiResource{}, []string{"far/a"}},
		"another by template":    {"it means something else", []client.Object{userOf("shop", "a", made, "id"), namesConfigMap("shop", "other")}, &v1alpha1.ApiResource{}, nil},
		"unknown, unpublished":   {"nothing can be lost", []client.Object{userOf("shop", "a", missing, "")}, &v1alpha1.ApiResource{}, nil},
		"unknown, but published": {"what is published must not lose it", []client.Object{userOf("shop", "a", missing, "id")}, &v1alpha1.ApiResource{}, []string{"shop/a (perhaps: its templates can't be rendered)"}},
		"several": {"each once, those that are certain first", []client.Object{
			userOf("shop", "c", missing, "id"), userOf("shop", "b", made, ""), userOf("shop", "a", "it", ""), namesConfigMap("shop", "it"),
		}, &v1alpha1.ApiResource{}, []string{"shop/a", "shop/b", "shop/c (perhaps: its templates can't be rendered)"}},
		"a Notification": {"by template", []client.Object{userOf("shop", "a", made, ""), namesConfigMap("shop", "it")}, &v1alpha1.Notification{}, []string{"shop/a"}},
		"a Group": {"of APIs and Notifications, by template", []client.Object{
			userOf("shop", "a", made, ""), crews(made), namesConfigMap("shop", "it"),
		}, &v1alpha1.Group{}, []string{"shop/a", "Notification shop/console"}},
		"a Group of a Notification that an API names by template": {"it needs it through that", []client.Object{
			crews("it"), apiOf("shop", "a", func(spec *v1alpha1.ApiDefinitionSpec) {
				spec.NotificationsRefs = []v1alpha1.Reference{to("", made)}
			}), namesConfigMap("shop", "console"),
		}, &v1alpha1.Group{}, []string{"shop/a", "Notification shop/console"}},
		"a Group of a Notification that can't be rendered": {"an API that names it may be published", []client.Object{
			crews(missing), apiOf("shop", "a", func(spec *v1alpha1.ApiDefinitionSpec) {
				spec.NotificationsRefs = []v1alpha1.Reference{to("", "console")}
			}),
		}, &v1alpha1.Group{}, []string{"Notification shop/console (perhaps: its templates can't be rendered)"}},
		"a Group of one that nobody names": {"nothing of it is published", []client.Object{crews(missing)}, &v1alpha1.Group{}, nil},
		"another reference is unknown": {"that says nothing of this one", []client.Object{func() client.Object {
			api := userOf("shop", "a", missing, "id")
			api.Spec.Resources[0].Ref.Name = "other"
			return api
		}()}, &v1alpha1.ApiResource{}, nil},
		"a context": {"nothing else asks for it here", []client.Object{userOf("shop", "a", "it", "")}, &v1alpha1.ManagementContext{}, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			reader := population(t, c.objects...)
			c.object.SetNamespace("shop")
			c.object.SetName("it")
			got, err := NeededBy(t.Context(), reader, gather.Sources{Reader: reader, Live: reader, Templating: true}, c.object)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.why, diff)
			}
		})
	}
}

// A context is needed by whoever names it, and by whatever was published through it.
func TestWhatKeepsAContext(t *testing.T) {
	published := userOf("shop", "published", `[[ configmap "nowhere/name" ]]`, "id")
	published.Status.Sync = &v1alpha1.SyncStatus{Place: &v1alpha1.Place{Context: "shop/it"}}
	crew := &v1alpha1.Group{ObjectMeta: named("shop", "crew"), Spec: v1alpha1.GroupSpec{ContextRef: new(to("", made))}}
	managed := &v1alpha1.ManagementContext{ObjectMeta: named("shop", "it")}
	elsewhere := userOf("tenant", "elsewhere", "x", "id")
	elsewhere.Spec.ContextRef = new(to(`[[ configmap "nowhere/name" ]]`, "it"))
	elsewhere.Status.Sync = &v1alpha1.SyncStatus{Place: &v1alpha1.Place{Context: "tenant/ctx"}}
	hidden := userOf("shop", "hidden", `[[ configmap "nowhere/name" ]]`, "id")
	hidden.Status.Sync = &v1alpha1.SyncStatus{Place: &v1alpha1.Place{Context: mapi.StandIn("shop/it")}}
	reader := population(t, published, crew, elsewhere, hidden, userOf("shop", "names", made, ""), userOf("shop", "other", "other", "id"), managed, namesConfigMap("shop", "it"))
	contexts := &Contexts{Client: reader, Sources: gather.Sources{Reader: reader, Live: reader, Templating: true}, Pool: mapi.NewPool(nil)}
	used, names, err := contexts.users(t.Context(), managed)
	if diff := cmp.Diff([]string{"shop/hidden", "shop/names", "shop/published", "Group shop/crew"}, names); diff != "" || err != nil || !used.computed {
		t.Errorf("%v, computed %t (-want +got):\n%s", err, used.computed, diff)
	}
}

// What templates make can change without an event, and a Secret that can't be read for a moment says nothing.
func TestDeletionsThatWaitForTemplates(t *testing.T) {
	resource := &v1alpha1.ApiResource{ObjectMeta: named("shop", "it")}
	finalize := func(reader client.Reader, c client.Client) error {
		resources := &Resources{Client: c, Sources: gather.Sources{Reader: c, Live: reader, Templating: true}}
		_, err := resources.Finalize(t.Context(), resource)
		return err
	}
	written := population(t, userOf("shop", "a", "it", ""))
	if err := finalize(written, written); !errors.Is(err, fault.Waiting) || fault.RetryAfter(err) != 0 {
		t.Errorf("%v, again after %s: an event tells when it changes", err, fault.RetryAfter(err))
	}
	computed := population(t, userOf("shop", "a", made, ""), namesConfigMap("shop", "it"))
	if err := finalize(computed, computed); !errors.Is(err, fault.Waiting) || fault.RetryAfter(err) != time.Minute {
		t.Errorf("%v, again after %s", err, fault.RetryAfter(err))
	}
	busy := fake.NewClientBuilder().WithInterceptorFuncs(interceptor.Funcs{
		Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return errors.New("the API server is busy")
		},
	}).Build()
	if err := finalize(busy, computed); fault.KindOf(err) != fault.Transient || !strings.Contains(err.Error(), "busy") {
		t.Errorf("%s %v: nothing may be deleted", fault.KindOf(err), err)
	}
}
