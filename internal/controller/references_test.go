// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/gateway"
	"github.com/apisync/apisync/internal/template"
)

// indexed gives the fake client the indexes that the cache has.
type indexed struct{ builder *fake.ClientBuilder }

func (i indexed) IndexField(_ context.Context, object client.Object, field string, values client.IndexerFunc) error {
	i.builder.WithIndex(object, field, values)
	return nil
}

func population(t *testing.T, objects ...client.Object) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	builder := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...)
	if err := Index(t.Context(), indexed{builder}); err != nil {
		t.Fatal(err)
	}
	return builder.Build()
}

func named(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name}
}

func to(namespace, name string) v1alpha1.Reference {
	return v1alpha1.Reference{Namespace: namespace, Name: name}
}

func apiOf(namespace, name string, change func(spec *v1alpha1.ApiDefinitionSpec)) *v1alpha1.ApiDefinition {
	api := &v1alpha1.ApiDefinition{ObjectMeta: named(namespace, name)}
	change(&api.Spec)
	return api
}

// made is a name that a template makes.
const made = `[[ configmap "names/name" ]]`

func deleted[T client.Object](object T) T {
	gone, _ := object.DeepCopyObject().(T)
	gone.SetDeletionTimestamp(new(metav1.Now()))
	gone.SetFinalizers([]string{"example.com/hold"})
	return gone
}

// Every reference of the index functions, on its own.
func TestWhatObjectsReferTo(t *testing.T) {
	api := apiOf("ns", "a", func(spec *v1alpha1.ApiDefinitionSpec) {
		spec.Resources = []v1alpha1.ResourceOrRef{{Ref: new(to("", "b"))}, {Name: "inline"}, {Ref: new(to("far", "a"))}, {Ref: new(to("ns", "b"))}}
		spec.NotificationsRefs = []v1alpha1.Reference{to("", "z"), to("", "c"), to("ns", "c")}
		spec.GroupRefs = []v1alpha1.Reference{to("", "g"), to("far", "g")}
		spec.ContextRef = new(to("", "ctx"))
	})
	moving := api.DeepCopy()
	moving.Status.Sync = &v1alpha1.SyncStatus{Place: &v1alpha1.Place{Context: "ns/old"}}
	settled := api.DeepCopy()
	settled.Status.Sync = &v1alpha1.SyncStatus{Place: &v1alpha1.Place{Context: "ns/ctx"}}
	notification := &v1alpha1.Notification{ObjectMeta: named("ns", "n")}
	notification.Spec.Console.GroupRefs = []v1alpha1.Reference{to("", "g"), to("", "g")}
	group := func(ref *v1alpha1.Reference, recorded string) *v1alpha1.Group {
		g := &v1alpha1.Group{ObjectMeta: named("ns", "g"), Spec: v1alpha1.GroupSpec{ContextRef: ref}}
		if recorded != "" {
			g.Status.Sync = &v1alpha1.SyncStatus{Place: &v1alpha1.Place{Context: recorded}}
		}
		return g
	}
	cases := map[string]struct {
		why    string
		values client.IndexerFunc
		object client.Object
		want   []string
	}{
		"ApiResources of an API":          {"namespaces are filled in, each comes once", resourcesOfAPI, api, []string{"far/a", "ns/b"}},
		"ApiResources of something else":  {"only APIs have any", resourcesOfAPI, notification, nil},
		"Notifications of an API":         {"sorted, since they are compared", notificationsOfAPI, api, []string{"ns/c", "ns/z"}},
		"Notifications of something else": {"only APIs have any", notificationsOfAPI, notification, nil},
		"Groups of an API":                {"of its own namespace unless it says so", groupsOf, api, []string{"far/g", "ns/g"}},
		"Groups of a Notification":        {"it names some, too", groupsOf, notification, []string{"ns/g"}},
		"Groups of something else":        {"nothing else has any", groupsOf, group(nil, ""), nil},
		"context of a Group":              {"of its own namespace unless it says so", contextOfGroup, group(new(to("", "ctx")), "ns/ctx"), []string{"ns/ctx"}},
		"context of a Group that moves":   {"it needs both until it has left", contextOfGroup, group(new(to("far", "ctx")), "ns/old"), []string{"far/ctx", "ns/old"}},
		"context of a Group without one":  {"it may have had one", contextOfGroup, group(nil, "ns/old"), []string{"ns/old"}},
		"context of something else":       {"only Groups", contextOfGroup, api, nil},
		"context of an API":               {"one, while it stays", contextOfAPI, settled, []string{"ns/ctx"}},
		"context of an API that moves":    {"both until it has left", contextOfAPI, moving, []string{"ns/ctx", "ns/old"}},
	}
	computed := api.DeepCopy()
	computed.Spec.ContextRef, computed.Spec.GroupRefs = new(to("", made)), []v1alpha1.Reference{to(made, "g"), to("far", made), to("", "g")}
	computed.Spec.CrossID = made
	published := computed.DeepCopy()
	published.Status.Sync, published.Status.CrossID = settled.Status.Sync, "known"
	keys := &v1alpha1.ManagementContext{ObjectMeta: named("ns", "ctx"), Spec: v1alpha1.ManagementContextSpec{Auth: &v1alpha1.Auth{SecretRef: new(to("", made))}}}
	maps.Copy(cases, map[string]struct {
		why    string
		values client.IndexerFunc
		object client.Object
		want   []string
	}{
		"context that a template names":            {"any of the namespace", contextOfAPI, computed, []string{"ns/"}},
		"the same, when it is known":               {"it is needed, and may be left", contextOfAPI, published, []string{"ns/", "ns/ctx"}},
		"Groups that templates name":               {"any of a namespace, or any at all", groupsOf, computed, []string{"/", "far/", "ns/g"}},
		"Secret that a template names":             {"any of the namespace", secretOfContext, keys, []string{"ns/"}},
		"crossId that a template makes":            {"it isn't known yet", crossIDOfAPI, computed, []string{computedCrossID}},
		"crossId that a template made":             {"the status tells it", crossIDOfAPI, published, []string{"known"}},
		"deletion that nobody asked for":           {"most objects", deleting, api, nil},
		"deletion that somebody asked for":         {"it may wait", deleting, deleted(api), []string{beingDeleted}},
		"context of a Group that a template names": {"any of the namespace", contextOfGroup, group(new(to("", made)), ""), []string{"ns/"}},
	})
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, c.values(c.object)); diff != "" {
				t.Errorf("values (-want +got): %s\n%s", c.why, diff)
			}
		})
	}
}

func TestSourcesOf(t *testing.T) {
	raw := func(text string) *v1alpha1.FreeForm {
		content, err := json.Marshal(map[string]string{"a": text})
		if err != nil {
			t.Fatal(err)
		}
		return &v1alpha1.FreeForm{Raw: content}
	}
	cases := map[string]struct {
		why    string
		object client.Object
		want   []string
	}{
		"an API": {
			"of its own namespace, each once",
			apiOf("ns", "a", func(spec *v1alpha1.ApiDefinitionSpec) {
				spec.Description, spec.Name = `[[ secret "s/a" ]][[ secret "s/b" ]]`, `[[ configmap "c/a" ]]`
			}), []string{"secret:ns/s", "configmap:ns/c"},
		},
		"a computed name": {
			"any Secret or ConfigMap of the namespace may be meant",
			apiOf("ns", "a", func(spec *v1alpha1.ApiDefinitionSpec) {
				spec.Description = `[[ secret "s/a" ]][[ configmap (print "c" "/a") ]]`
			}),
			[]string{"secret:ns/s", "secret:ns/", "configmap:ns/"},
		},
		"a context": {
			"its credentials and everything else",
			&v1alpha1.ManagementContext{ObjectMeta: named("ns", "ctx"), Spec: v1alpha1.ManagementContextSpec{BaseUrl: `[[ configmap "c/a" ]]`, Auth: &v1alpha1.Auth{BearerToken: `[[ secret "s/a" ]]`}}},
			[]string{"secret:ns/s", "configmap:ns/c"},
		},
		"an ApiResource":   {"its configuration", &v1alpha1.ApiResource{ObjectMeta: named("ns", "r"), Spec: v1alpha1.ApiResourceSpec{Configuration: raw(`[[ secret "s/a" ]]`)}}, []string{"secret:ns/s"}},
		"a Group":          {"its name", &v1alpha1.Group{ObjectMeta: named("ns", "g"), Spec: v1alpha1.GroupSpec{Name: `[[ secret "s/a" ]]`}}, []string{"secret:ns/s"}},
		"a Notification":   {"its groups", &v1alpha1.Notification{ObjectMeta: named("ns", "n"), Spec: v1alpha1.NotificationSpec{Console: v1alpha1.ConsoleNotification{Groups: []string{`[[ configmap "c/a" ]]`}}}}, []string{"configmap:ns/c"}},
		"no template":      {"nothing", apiOf("ns", "a", func(spec *v1alpha1.ApiDefinitionSpec) { spec.Description = `secret "s/a"` }), nil},
		"a broken one":     {"it is rendered when it is corrected", apiOf("ns", "a", func(spec *v1alpha1.ApiDefinitionSpec) { spec.Description = `[[ secret "s/a" ` }), nil},
		"something else":   {"only our kinds have templates", &corev1.ConfigMap{ObjectMeta: named("ns", "c"), Data: map[string]string{"a": `[[ secret "s/a" ]]`}}, nil},
		"only in status":   {"only a spec is rendered", &v1alpha1.Group{ObjectMeta: named("ns", "g"), Status: v1alpha1.GroupStatus{ID: `[[ secret "s/a" ]]`}}, nil},
		"only in metadata": {"metadata isn't rendered", &v1alpha1.Group{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "g", Annotations: map[string]string{"a": `[[ secret "s/a" ]]`}}}, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, sourcesOf(c.object)); diff != "" {
				t.Errorf("sources (-want +got): %s\n%s", c.why, diff)
			}
		})
	}
}

// inhabitants are objects that refer to one another in every way.
func inhabitants() []client.Object {
	resource := func(namespace, name, text string) *v1alpha1.ApiResource {
		return &v1alpha1.ApiResource{ObjectMeta: named(namespace, name), Spec: v1alpha1.ApiResourceSpec{Type: text}}
	}
	group := func(namespace, name, shown string, contextRef *v1alpha1.Reference) *v1alpha1.Group {
		return &v1alpha1.Group{ObjectMeta: named(namespace, name), Spec: v1alpha1.GroupSpec{Name: shown, ContextRef: contextRef}}
	}
	notification := func(namespace, name string, console v1alpha1.ConsoleNotification) *v1alpha1.Notification {
		return &v1alpha1.Notification{ObjectMeta: named(namespace, name), Spec: v1alpha1.NotificationSpec{Console: console}}
	}
	managed := func(namespace, name string, spec v1alpha1.ManagementContextSpec) *v1alpha1.ManagementContext {
		return &v1alpha1.ManagementContext{ObjectMeta: named(namespace, name), Spec: spec}
	}
	return []client.Object{
		apiOf("shop", "mentions", func(spec *v1alpha1.ApiDefinitionSpec) { spec.Description = `[[ secret "text/a" ]]` }),
		apiOf("shop", "caches", func(spec *v1alpha1.ApiDefinitionSpec) {
			spec.Resources = []v1alpha1.ResourceOrRef{{Ref: new(to("", "cache"))}}
		}),
		apiOf("shop", "caches-far", func(spec *v1alpha1.ApiDefinitionSpec) {
			spec.Resources = []v1alpha1.ResourceOrRef{{Ref: new(to("far", "cache"))}}
		}),
		apiOf("far", "caches", func(spec *v1alpha1.ApiDefinitionSpec) {
			spec.Resources = []v1alpha1.ResourceOrRef{{Ref: new(to("", "cache"))}}
		}),
		apiOf("shop", "crewed", func(spec *v1alpha1.ApiDefinitionSpec) { spec.GroupRefs = []v1alpha1.Reference{to("", "crew")} }),
		apiOf("far", "tells", func(spec *v1alpha1.ApiDefinitionSpec) {
			spec.NotificationsRefs = []v1alpha1.Reference{to("shop", "console")}
		}),
		apiOf("shop", "all", func(spec *v1alpha1.ApiDefinitionSpec) {
			spec.GroupRefs, spec.NotificationsRefs = []v1alpha1.Reference{to("", "crew")}, []v1alpha1.Reference{to("", "console")}
			spec.Resources, spec.Description = []v1alpha1.ResourceOrRef{{Ref: new(to("", "cache"))}}, `[[ secret "redis/url" ]]`
		}),
		apiOf("shop", "alone", func(*v1alpha1.ApiDefinitionSpec) {}),
		apiOf("lab", "computes", func(spec *v1alpha1.ApiDefinitionSpec) { spec.Description = `[[ secret (print "x" "/y") ]]` }),
		apiOf("lab", "runs", func(spec *v1alpha1.ApiDefinitionSpec) { spec.Local = true }),
		resource("shop", "cache", `[[ secret "redis/url" ]]`), resource("far", "cache", `[[ configmap "conf/url" ]]`), resource("lab", "unused", ""),
		group("shop", "crew", `[[ configmap "names/crew" ]]`, new(to("", "ctx"))), group("far", "crew", "crew", new(to("shop", "ctx"))), group("lab", "crew", "crew", nil),
		notification("shop", "console", v1alpha1.ConsoleNotification{GroupRefs: []v1alpha1.Reference{to("", "crew")}, Groups: []string{`[[ secret "people/a" ]]`}}),
		notification("far", "console", v1alpha1.ConsoleNotification{GroupRefs: []v1alpha1.Reference{to("", "crew")}}),
		managed("shop", "ctx", v1alpha1.ManagementContextSpec{Auth: &v1alpha1.Auth{SecretRef: new(to("", "credentials"))}}),
		managed("far", "ctx", v1alpha1.ManagementContextSpec{Auth: &v1alpha1.Auth{SecretRef: new(to("shop", "credentials"))}}),
		managed("shop", "by-template", v1alpha1.ManagementContextSpec{BaseUrl: `[[ configmap "conf/url" ]]`, Auth: &v1alpha1.Auth{BearerToken: `[[ secret "credentials/token" ]]`}}),
		managed("lab", "computes", v1alpha1.ManagementContextSpec{BaseUrl: `[[ configmap (print "x" "/y") ]]`}),
	}
}

// Whoever is missing here is never woken; whoever is too many is looked at for nothing.
func TestAChangeWakesExactlyThese(t *testing.T) {
	c := population(t, inhabitants()...)
	secret := func(namespace, name string) client.Object { return &corev1.Secret{ObjectMeta: named(namespace, name)} }
	configMap := func(namespace, name string) client.Object {
		return &corev1.ConfigMap{ObjectMeta: named(namespace, name)}
	}
	cases := map[string]struct {
		changed  client.Object
		apis     []string
		contexts []string
	}{
		"an ApiResource":                     {&v1alpha1.ApiResource{ObjectMeta: named("shop", "cache")}, []string{"shop/all", "shop/caches"}, nil},
		"an ApiResource that is used afar":   {&v1alpha1.ApiResource{ObjectMeta: named("far", "cache")}, []string{"far/caches", "shop/caches-far"}, nil},
		"an ApiResource that nobody uses":    {&v1alpha1.ApiResource{ObjectMeta: named("lab", "unused")}, nil, nil},
		"a Notification":                     {&v1alpha1.Notification{ObjectMeta: named("shop", "console")}, []string{"far/tells", "shop/all"}, nil},
		"a Notification that nobody uses":    {&v1alpha1.Notification{ObjectMeta: named("far", "console")}, nil, nil},
		"a Group":                            {&v1alpha1.Group{ObjectMeta: named("shop", "crew")}, []string{"far/tells", "shop/all", "shop/crewed"}, nil},
		"a Group whose users nobody uses":    {&v1alpha1.Group{ObjectMeta: named("far", "crew")}, nil, nil},
		"a Secret of an API":                 {secret("shop", "text"), []string{"shop/mentions"}, nil},
		"a Secret of an ApiResource":         {secret("shop", "redis"), []string{"shop/all", "shop/caches"}, nil},
		"a Secret of a Notification":         {secret("shop", "people"), []string{"far/tells", "shop/all"}, nil},
		"a Secret of its name elsewhere":     {secret("far", "text"), nil, nil},
		"a ConfigMap of a Secret's name":     {configMap("shop", "text"), nil, nil},
		"a ConfigMap of a Group":             {configMap("shop", "names"), []string{"far/tells", "shop/all", "shop/crewed"}, nil},
		"a ConfigMap of an ApiResource":      {configMap("far", "conf"), []string{"far/caches", "shop/caches-far"}, nil},
		"any Secret where one is computed":   {secret("lab", "any"), []string{"lab/computes"}, []string{"lab/computes"}},
		"any ConfigMap where one is":         {configMap("lab", "any"), []string{"lab/computes"}, []string{"lab/computes"}},
		"the ConfigMap of a local API":       {configMap("lab", "runs"), []string{"lab/computes", "lab/runs"}, []string{"lab/computes"}},
		"credentials, named and by template": {secret("shop", "credentials"), nil, []string{"far/ctx", "shop/by-template", "shop/ctx"}},
		"a ConfigMap of a context":           {configMap("shop", "conf"), nil, []string{"shop/by-template"}},
		"something else":                     {&corev1.Service{ObjectMeta: named("shop", "text")}, nil, nil},
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(change.apis, texts(UsersOf(t.Context(), c, change.changed))); diff != "" {
				t.Errorf("APIs (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(change.contexts, texts(ContextsOf(t.Context(), c, change.changed))); diff != "" {
				t.Errorf("contexts (-want +got):\n%s", diff)
			}
		})
	}
}

func texts(keys []client.ObjectKey) []string {
	var found []string
	for _, key := range keys {
		found = append(found, key.String())
	}
	return found
}

// Objects that are referred to are looked at themselves when what they mention changes, and when what they refer to does.
func TestAChangeWakesReferencedObjects(t *testing.T) {
	find := users{population(t, inhabitants()...)}
	sources := func(newList func() client.ObjectList) func(kind, namespace, name string) []string {
		return func(kind, namespace, name string) []string {
			object := client.Object(&corev1.Secret{ObjectMeta: named(namespace, name)})
			source := template.Secret
			if kind == "ConfigMap" {
				object, source = &corev1.ConfigMap{ObjectMeta: named(namespace, name)}, template.ConfigMap
			}
			return texts(keysOfRequests(find.objectsOfSource(newList, source)(t.Context(), object)))
		}
	}
	resources, groups, notifications := sources(newList[v1alpha1.ApiResourceList]), sources(newList[v1alpha1.GroupList]), sources(newList[v1alpha1.NotificationList])
	for name, c := range map[string]struct{ got, want []string }{
		"ApiResources of a Secret":      {resources("Secret", "shop", "redis"), []string{"shop/cache"}},
		"ApiResources of a ConfigMap":   {resources("ConfigMap", "far", "conf"), []string{"far/cache"}},
		"ApiResources of no source":     {resources("ConfigMap", "shop", "redis"), nil},
		"Groups of a ConfigMap":         {groups("ConfigMap", "shop", "names"), []string{"shop/crew"}},
		"Groups of no source":           {groups("Secret", "shop", "names"), nil},
		"Notifications of a Secret":     {notifications("Secret", "shop", "people"), []string{"shop/console"}},
		"Notifications of a Group":      {texts(find.by(t.Context(), &v1alpha1.NotificationList{}, indexGroup, "shop/crew")), []string{"shop/console"}},
		"Groups of a context":           {texts(find.by(t.Context(), &v1alpha1.GroupList{}, indexContext, "shop/ctx")), []string{"far/crew", "shop/crew"}},
		"Groups of another context":     {texts(find.by(t.Context(), &v1alpha1.GroupList{}, indexContext, "far/ctx")), nil},
		"APIs that name a notification": {texts(find.ofNotification(t.Context(), "shop/console")), []string{"far/tells", "shop/all"}},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Who waits for its deletion is woken by those that let it go, and by nobody else.
func TestReleases(t *testing.T) {
	api := func(names ...string) *v1alpha1.ApiDefinition {
		return apiOf("ns", "a", func(spec *v1alpha1.ApiDefinitionSpec) {
			for _, name := range names {
				spec.GroupRefs = append(spec.GroupRefs, to("", name))
			}
		})
	}
	funcs, passes := releases(groupsOf, population(t), newList[v1alpha1.GroupList]), leaves(groupsOf)
	cases := map[string]struct {
		why    string
		before *v1alpha1.ApiDefinition
		after  *v1alpha1.ApiDefinition // nil: deleted
		want   []string
	}{
		"one less":       {"it may be the one that waits", api("x", "y"), api("y"), []string{"ns/x"}},
		"all others":     {"each that isn't named any more", api("x", "y"), api("z"), []string{"ns/x", "ns/y"}},
		"one more":       {"nobody was let go", api("x"), api("x", "y"), nil},
		"another order":  {"nobody was let go", api("x", "y"), api("y", "x"), nil},
		"the same":       {"nobody was let go", api("x"), api("x"), nil},
		"deleted":        {"everything it named", api("x", "y"), nil, []string{"ns/x", "ns/y"}},
		"deleted, empty": {"it named nothing", api(), nil, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
			defer queue.ShutDown()
			if c.after == nil {
				if passes.Delete(event.DeleteEvent{Object: c.before}) {
					funcs.Delete(t.Context(), event.DeleteEvent{Object: c.before}, queue)
				}
			} else if e := (event.UpdateEvent{ObjectOld: c.before, ObjectNew: c.after}); passes.Update(e) {
				funcs.Update(t.Context(), e, queue)
			}
			if diff := cmp.Diff(c.want, drained(queue)); diff != "" {
				t.Errorf("woken (-want +got): %s\n%s", c.why, diff)
			}
		})
	}
	t.Run("where a template makes the name", func(t *testing.T) {
		waits := func(namespace, reason string) *v1alpha1.Group {
			group := deleted(&v1alpha1.Group{ObjectMeta: named(namespace, "waits-"+reason)})
			group.Status.Conditions = []metav1.Condition{{Type: v1alpha1.DeletableCondition, Status: metav1.ConditionFalse, Reason: reason}}
			return group
		}
		funcs := releases(groupsOf, population(t, waits("ns", "InUse"), waits("far", "InUse"), waits("ns", "Throttled"),
			deleted(&v1alpha1.Group{ObjectMeta: named("ns", "new")}), &v1alpha1.Group{ObjectMeta: named("ns", "lives")}), newList[v1alpha1.GroupList])
		queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
		defer queue.ShutDown()
		before, after := api(made, "x"), api(made)
		after.Status.ID = "another thing about it"
		if e := (event.UpdateEvent{ObjectOld: before, ObjectNew: after}); passes.Update(e) {
			funcs.Update(t.Context(), e, queue)
		}
		if diff := cmp.Diff([]string{"ns/waits-InUse", "ns/x"}, drained(queue)); diff != "" {
			t.Errorf("whoever waits may be let go (-want +got):\n%s", diff)
		}
		funcs.Delete(t.Context(), event.DeleteEvent{Object: after}, queue)
		if diff := cmp.Diff([]string{"ns/waits-InUse"}, drained(queue)); diff != "" {
			t.Errorf("deleted (-want +got):\n%s", diff)
		}
	})
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	defer queue.ShutDown()
	funcs.Create(t.Context(), event.CreateEvent{Object: api("x")}, queue)
	if woken := drained(queue); len(woken) > 0 || passes.Create(event.CreateEvent{Object: api("x")}) {
		t.Errorf("a new one lets nobody go, but woke %v", woken)
	}
}

func drained(queue workqueue.TypedRateLimitingInterface[reconcile.Request]) []string {
	var keys []string
	for queue.Len() > 0 {
		request, _ := queue.Get()
		keys = append(keys, request.String())
		queue.Done(request)
	}
	slices.Sort(keys)
	return keys
}

func TestConcernsAPIs(t *testing.T) {
	group := func(change func(g *v1alpha1.Group)) *v1alpha1.Group {
		g := &v1alpha1.Group{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "g", Generation: 1}}
		change(g)
		return g
	}
	resource := func(change func(r *v1alpha1.ApiResource)) *v1alpha1.ApiResource {
		r := &v1alpha1.ApiResource{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "r", Generation: 1}}
		change(r)
		return r
	}
	same := func(*v1alpha1.Group) {}
	cases := map[string]struct {
		why         string
		before, now client.Object
		want        bool
	}{
		"a spec":   {"APIs carry a copy", resource(func(*v1alpha1.ApiResource) {}), resource(func(r *v1alpha1.ApiResource) { r.Generation = 2 }), true},
		"a status": {"it says nothing about an API", resource(func(*v1alpha1.ApiResource) {}), resource(func(r *v1alpha1.ApiResource) { r.Status.ObservedGeneration = 1 }), false},
		"metadata": {"it says nothing about an API", resource(func(*v1alpha1.ApiResource) {}), resource(func(r *v1alpha1.ApiResource) {
			r.Annotations, r.Finalizers = map[string]string{"a": "b"}, []string{"x"}
		}), false},
		"a Group that was published": {"an API that was before it was published without it", group(same), group(func(g *v1alpha1.Group) { g.Status.ID = "1" }), true},
		"a Group made again":         {"the API is in another group now", group(func(g *v1alpha1.Group) { g.Status.ID = "1" }), group(func(g *v1alpha1.Group) { g.Status.ID = "2" }), true},
		"a Group that is looked at":  {"APIs have nothing to do with its members", group(same), group(func(g *v1alpha1.Group) { g.Status.Members = 3 }), false},
		"a deletion":                 {"it raises the generation", group(same), group(func(g *v1alpha1.Group) { g.Generation, g.DeletionTimestamp = 2, new(metav1.Now()) }), true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := concernsAPIs().Update(event.UpdateEvent{ObjectOld: c.before, ObjectNew: c.now}); got != c.want {
				t.Errorf("passes: %t: %s", got, c.why)
			}
		})
	}
	for name, passes := range map[string]bool{
		"created": concernsAPIs().Create(event.CreateEvent{Object: group(same)}),
		"deleted": concernsAPIs().Delete(event.DeleteEvent{Object: group(same)}),
		"asked":   concernsAPIs().Generic(event.GenericEvent{Object: group(same)}),
	} {
		if !passes {
			t.Errorf("%s: APIs may wait for it", name)
		}
	}
}

func TestLocalAPIOf(t *testing.T) {
	labelled := map[string]string{gateway.TypeLabel: gateway.TypeValue}
	find := localAPIOf(population(t,
		apiOf("ns", "local", func(spec *v1alpha1.ApiDefinitionSpec) { spec.Local = true }),
		apiOf("ns", "published", func(*v1alpha1.ApiDefinitionSpec) {})))
	cases := map[string]struct {
		why    string
		object metav1.ObjectMeta
		want   []string
	}{
		"of a local API":               {"it is the API's own", metav1.ObjectMeta{Namespace: "ns", Name: "local", Labels: labelled}, []string{"ns/local"}},
		"of a local API's name":        {"it stands in its way, or has lost its labels", metav1.ObjectMeta{Namespace: "ns", Name: "local"}, []string{"ns/local"}},
		"of an API that was local":     {"it has to go", metav1.ObjectMeta{Namespace: "ns", Name: "published", Labels: labelled}, []string{"ns/published"}},
		"of the name of another API":   {"it is no business of the API", metav1.ObjectMeta{Namespace: "ns", Name: "published"}, nil},
		"of nobody's name":             {"there is no API", metav1.ObjectMeta{Namespace: "ns", Name: "other", Labels: labelled}, nil},
		"of its name in another place": {"an API has its own in its namespace", metav1.ObjectMeta{Namespace: "far", Name: "local", Labels: labelled}, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			// Metadata are all that is watched.
			object := &metav1.PartialObjectMetadata{ObjectMeta: c.object}
			if diff := cmp.Diff(c.want, texts(keysOfRequests(find(t.Context(), object)))); diff != "" {
				t.Errorf("woken (-want +got): %s\n%s", c.why, diff)
			}
		})
	}
}

// What people write into annotations has to wake, and what operators write must not.
func TestAnnotationsThatWake(t *testing.T) {
	annotated := func(name string) *v1alpha1.ManagementContext {
		return &v1alpha1.ManagementContext{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{name: "x"}}}
	}
	cases := map[string]struct{ itself, users bool }{
		v1alpha1.PausedAnnotation:         {true, true},
		v1alpha1.ReconcileAtAnnotation:    {true, true},
		v1alpha1.DriftPolicyAnnotation:    {true, true},
		v1alpha1.DriftRotationAnnotation:  {true, true},
		v1alpha1.DriftPeriodAnnotation:    {true, false},
		v1alpha1.AdoptionPolicyAnnotation: {true, false},
		v1alpha1.DeletionPolicyAnnotation: {true, false},
		v1alpha1.IdentityAnnotation:       {false, false},
		v1alpha1.LastSpecHashAnnotation:   {false, false},
		"example.com/note":                {false, false},
	}
	for name, c := range cases {
		for what, change := range map[string][2]*v1alpha1.ManagementContext{
			"added": {{}, annotated(name)}, "removed": {annotated(name), {}},
		} {
			e := event.UpdateEvent{ObjectOld: change[0], ObjectNew: change[1]}
			if got := relevant().Update(e); got != c.itself {
				t.Errorf("%s %s: wakes the object: %t", name, what, got)
			}
			if got := concernsUsers().Update(e); got != c.users || ConcernsUsers(change[0], change[1]) != c.users {
				t.Errorf("%s %s: wakes the users of a context: %t, and as a plan sees it %t", name, what, got, ConcernsUsers(change[0], change[1]))
			}
		}
		if e := (event.UpdateEvent{ObjectOld: annotated(name), ObjectNew: annotated(name)}); relevant().Update(e) || concernsUsers().Update(e) {
			t.Errorf("%s that stays wakes", name)
		}
	}
}

func TestWhatATemplateMayBecome(t *testing.T) {
	cases := map[string]struct {
		text, other string
		want        bool
	}{
		"itself":                        {"orders", "orders", true},
		"another text":                  {"orders", "cart", false},
		"anything":                      {`[[ configmap "a/b" ]]`, "orders", true},
		"what begins so":                {`team-[[ configmap "a/b" ]]`, "team-orders", true},
		"what begins otherwise":         {`team-[[ configmap "a/b" ]]`, "orders", false},
		"what ends so":                  {`[[ configmap "a/b" ]]-eu`, "orders-eu", true},
		"what ends otherwise":           {`[[ configmap "a/b" ]]-eu`, "orders-us", false},
		"white space that is cut off":   {"team- [[- configmap \"a/b\" -]] -eu", "team-orders-eu", true},
		"a template that can't be read": {"team-[[", "team-orders", false},
	}
	for name, c := range cases {
		if got := mayBecome(c.text, c.other); got != c.want {
			t.Errorf("%s: %q may become %q: %t", name, c.text, c.other, got)
		}
	}
}
