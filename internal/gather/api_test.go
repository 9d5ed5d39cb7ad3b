// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gather_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/gather"
)

func named(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name}
}

func to(namespace, name string) v1alpha1.Reference {
	return v1alpha1.Reference{Namespace: namespace, Name: name}
}

func orders(change func(spec *v1alpha1.ApiDefinitionSpec)) *v1alpha1.ApiDefinition {
	api := &v1alpha1.ApiDefinition{ObjectMeta: named("ns", "orders"), Spec: v1alpha1.ApiDefinitionSpec{Name: "orders"}}
	change(&api.Spec)
	return api
}

func cache(namespace, name, configuration string) *v1alpha1.ApiResource {
	return &v1alpha1.ApiResource{ObjectMeta: named(namespace, name), Spec: v1alpha1.ApiResourceSpec{
		Name: name + " of " + namespace, Type: "cache", Enabled: new(true), Configuration: &v1alpha1.FreeForm{Raw: json.RawMessage(configuration)},
	}}
}

func group(namespace, name, shown, id string) *v1alpha1.Group {
	return &v1alpha1.Group{ObjectMeta: named(namespace, name), Spec: v1alpha1.GroupSpec{Name: shown}, Status: v1alpha1.GroupStatus{ID: id}}
}

func notification(namespace, name string, change func(spec *v1alpha1.NotificationSpec)) *v1alpha1.Notification {
	n := &v1alpha1.Notification{ObjectMeta: named(namespace, name), Spec: v1alpha1.NotificationSpec{
		Target: v1alpha1.NotificationTargetConsole, EventType: v1alpha1.NotificationEventTypeAPI,
	}}
	change(&n.Spec)
	return n
}

func secretOf(namespace, name string, data map[string]string) client.Object {
	s := secret(namespace, data)
	s.Name = name
	return s
}

func configMapOf(namespace, name string, data map[string]string) client.Object {
	return &corev1.ConfigMap{ObjectMeta: named(namespace, name), Data: data}
}

// refused is a reader that answers for some names as an API server does that won't. It counts what it is asked for.
type refused struct {
	client.Reader

	errs  map[string]error
	asked []string
}

func (r *refused) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	name := strings.TrimPrefix(reflect.TypeOf(object).String(), "*v1alpha1.") + " " + key.String()
	name = strings.TrimPrefix(name, "*v1.")
	r.asked = append(r.asked, name)
	if err := r.errs[name]; err != nil {
		return err
	}
	return r.Reader.Get(ctx, key, object, options...)
}

func TestResourcesAreReplaced(t *testing.T) {
	api := orders(func(spec *v1alpha1.ApiDefinitionSpec) {
		spec.Resources = []v1alpha1.ResourceOrRef{
			{Ref: new(to("", "cache"))}, {Name: "inline", Type: "oauth2"}, {Ref: new(to("shared", "cache")), Name: "doesn't count"}, {Ref: new(to("", "bare"))},
		}
	})
	bare := &v1alpha1.ApiResource{ObjectMeta: named("ns", "bare"), Spec: v1alpha1.ApiResourceSpec{Name: "bare", Type: "cache"}}
	found, err := sources(reader(t, cache("ns", "cache", `{"max":9007199254740993}`), cache("shared", "cache", `{}`), bare)).API(t.Context(), api)
	if err != nil {
		t.Fatal(err)
	}
	want := []v1alpha1.ResourceOrRef{
		{Name: "cache of ns", Type: "cache", Enabled: new(true), Configuration: &v1alpha1.FreeForm{Raw: json.RawMessage(`{"max":9007199254740993}`)}},
		{Name: "inline", Type: "oauth2"},
		{Name: "cache of shared", Type: "cache", Enabled: new(true), Configuration: &v1alpha1.FreeForm{Raw: json.RawMessage(`{}`)}},
		{Name: "bare", Type: "cache"},
	}
	if diff := cmp.Diff(want, found.Object.Spec.Resources); diff != "" {
		t.Errorf("a namespace that isn't written is that of the API; order and notation stay (-want +got):\n%s", diff)
	}
	if found.Rendered || found.Redact("cache") != "cache" {
		t.Error("nothing was rendered, so nothing is to be hidden")
	}
}

func TestGroupsOfReferences(t *testing.T) {
	api := orders(func(spec *v1alpha1.ApiDefinitionSpec) {
		spec.Groups = []string{"crew", "written"}
		spec.GroupRefs = []v1alpha1.Reference{
			to("", "crew"), to("", "gone"), to("other", "crew"), to("other", "guests"), to("", "crew-too"), to("ns", "gone"), to("away", "gone"),
		}
	})
	found, err := sources(reader(t,
		group("ns", "crew", "crew", "id-1"), group("other", "crew", "staff", "id-2"), group("other", "guests", "guests", ""), group("ns", "crew-too", "crew", ""),
	)).API(t.Context(), api)
	if err != nil {
		t.Fatalf("a missing Group stops nothing: %v", err)
	}
	if diff := cmp.Diff([]string{"crew", "written", "crew", "staff", "guests"}, found.Object.Spec.Groups); diff != "" {
		t.Errorf("names of references come once among themselves, and beside what is written, as with GKO (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"crew": "id-1", "staff": "id-2"}, found.Linked); diff != "" {
		t.Errorf("only published Groups have an id (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"ns/gone", "away/gone"}, found.MissingGroups); diff != "" {
		t.Errorf("missing Groups are named in their order, each once (-want +got):\n%s", diff)
	}
}

// A person who has to make objects wants to know all of them.
func TestAllThatIsMissingIsNamedAtOnce(t *testing.T) {
	api := orders(func(spec *v1alpha1.ApiDefinitionSpec) {
		spec.Resources = []v1alpha1.ResourceOrRef{{Ref: new(to("", "one"))}, {Name: "inline"}, {Ref: new(to("shared", "two"))}, {Ref: new(to("", "there"))}}
		spec.NotificationsRefs = []v1alpha1.Reference{to("", "first"), to("far", "second"), to("", "third")}
		spec.GroupRefs = []v1alpha1.Reference{to("", "crew"), to("", "guests")}
	})
	secretive := group("ns", "guests", `[[ secret "names/guests" ]]`, "")
	notified := notification("ns", "third", func(spec *v1alpha1.NotificationSpec) { spec.Console.Groups = []string{`[[ configmap "notes/who" ]]`} })
	found, err := sources(reader(t, cache("ns", "there", `{"url":"[[ secret \"redis/url\" ]]"}`), secretive, notified)).API(t.Context(), api)
	if !errors.Is(err, fault.Waiting) || fault.ReasonOf(err) != fault.ReasonReference {
		t.Fatalf("error = %v %s %s", err, fault.KindOf(err), fault.ReasonOf(err))
	}
	for _, part := range []string{
		"spec.resources[0].ref: ApiResource ns/one doesn't exist", "spec.resources[2].ref: ApiResource shared/two doesn't exist",
		"spec.resources[3].ref: ApiResource ns/there: spec.configuration.url: Secret ns/redis doesn't exist",
		"spec.groupRefs[1]: Group ns/guests: spec.name: Secret ns/names doesn't exist",
		"spec.notificationsRefs[0]: Notification ns/first doesn't exist", "spec.notificationsRefs[1]: Notification far/second doesn't exist",
		"spec.notificationsRefs[2]: Notification ns/third: spec.console.groups[0]: ConfigMap ns/notes doesn't exist",
		"create it or correct the reference",
	} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q isn't in: %v", part, err)
		}
	}
	if diff := cmp.Diff([]string{"ns/crew"}, found.MissingGroups); diff != "" || strings.Contains(err.Error(), "crew") {
		t.Errorf("missing Groups are told apart, also beside an error (-want +got):\n%s\nerror: %v", diff, err)
	}
}

func TestConsoleNotification(t *testing.T) {
	given := &v1alpha1.ConsoleNotificationConfiguration{ConfigType: "PORTAL", Origin: "KUBERNETES", Hooks: []string{"MINE"}, Groups: []string{"mine"}, User: "me"}
	console := func(spec *v1alpha1.NotificationSpec) {
		spec.Console = v1alpha1.ConsoleNotification{
			APIEvents: []v1alpha1.APIEvent{"API_STARTED", "API_STOPPED"}, Groups: []string{"written", "crew"}, GroupRefs: []v1alpha1.Reference{to("", "crew"), to("far", "guests"), to("", "gone")},
		}
	}
	objects := []client.Object{
		group("ns", "crew", "crew", "id-1"), group("far", "guests", "guests", ""), group("far", "crew", "crew of far", ""),
		notification("ns", "console", console), notification("far", "console", console),
		notification("ns", "empty", func(*v1alpha1.NotificationSpec) {}),
		notification("ns", "mail", func(spec *v1alpha1.NotificationSpec) { console(spec); spec.Target = "mail" }),
		notification("ns", "application", func(spec *v1alpha1.NotificationSpec) { console(spec); spec.EventType = "application" }),
	}
	full := func(groups ...string) *v1alpha1.ConsoleNotificationConfiguration {
		return &v1alpha1.ConsoleNotificationConfiguration{ConfigType: "PORTAL", Origin: "KUBERNETES", Hooks: []string{"API_STARTED", "API_STOPPED"}, Groups: groups}
	}
	cases := map[string]struct {
		why     string
		refs    []v1alpha1.Reference
		want    *v1alpha1.ConsoleNotificationConfiguration
		missing []string
	}{
		"no reference":      {"what stands in the spec is the operator's to fill in, and there is nothing to fill in", nil, nil, nil},
		"none qualifies":    {"what stands in the spec stays", []v1alpha1.Reference{to("", "mail"), to("", "application")}, given, nil},
		"one":               {"groups and groupRefs together; names come once among the references", []v1alpha1.Reference{to("", "console")}, full("written", "crew", "crew", "guests"), []string{"ns/gone"}},
		"the first counts":  {"in the order of the references", []v1alpha1.Reference{to("", "empty"), to("", "console")}, &v1alpha1.ConsoleNotificationConfiguration{ConfigType: "PORTAL", Origin: "KUBERNETES"}, nil},
		"the first that is": {"others are passed over", []v1alpha1.Reference{to("", "mail"), to("", "console"), to("", "empty")}, full("written", "crew", "crew", "guests"), []string{"ns/gone"}},
		"from afar":         {"its references are those of its own namespace", []v1alpha1.Reference{to("far", "console")}, full("written", "crew", "crew of far", "guests"), []string{"far/gone"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			api := orders(func(spec *v1alpha1.ApiDefinitionSpec) {
				spec.NotificationsRefs, spec.ConsoleNotificationConfiguration = c.refs, given.DeepCopy()
			})
			found, err := sources(reader(t, objects...)).API(t.Context(), api)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, found.Object.Spec.ConsoleNotificationConfiguration); diff != "" {
				t.Errorf("configuration (-want +got): %s\n%s", c.why, diff)
			}
			if diff := cmp.Diff(c.missing, found.MissingGroups); diff != "" {
				t.Errorf("missing Groups (-want +got): %s\n%s", c.why, diff)
			}
		})
	}
}

// What an object of another namespace mentions lies in its namespace: otherwise whoever may write APIs could read Secrets through it.
func TestReferencedObjectsAreRenderedInTheirNamespace(t *testing.T) {
	api := orders(func(spec *v1alpha1.ApiDefinitionSpec) {
		spec.Description = `[[ secret "values/text" ]]`
		spec.Resources = []v1alpha1.ResourceOrRef{{Ref: new(to("shared", "cache"))}}
		spec.GroupRefs = []v1alpha1.Reference{to("shared", "crew")}
		spec.NotificationsRefs = []v1alpha1.Reference{to("shared", "console")}
	})
	r := &refused{Reader: reader(t,
		secretOf("ns", "values", map[string]string{"text": "text of ns"}), secretOf("shared", "values", map[string]string{"text": "text of shared"}),
		cache("shared", "cache", `{"password":"[[ secret \"values/text\" ]]"}`),
		group("shared", "crew", `crew [[ secret "values/text" ]]`, "id-1"),
		notification("shared", "console", func(spec *v1alpha1.NotificationSpec) { spec.Console.Groups = []string{`[[ secret "values/text" ]]`} }),
	)}
	found, err := sources(r).API(t.Context(), api)
	if err != nil {
		t.Fatal(err)
	}
	spec := found.Object.Spec
	got := []string{spec.Description, string(spec.Resources[0].Configuration.Raw), spec.Groups[0], spec.ConsoleNotificationConfiguration.Groups[0]}
	if diff := cmp.Diff([]string{"text of ns", `{"password":"text of shared"}`, "crew text of shared", "text of shared"}, got); diff != "" {
		t.Errorf("rendered (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"crew text of shared": "id-1"}, found.Linked); diff != "" {
		t.Errorf("a Group is linked under the name that is sent (-want +got):\n%s", diff)
	}
	if !found.Rendered || found.Redact("a text of ns, a text of shared, a text") != "a [redacted], a [redacted], a text" {
		t.Errorf("redacted it is %q", found.Redact("a text of ns, a text of shared, a text"))
	}
	secrets := slices.DeleteFunc(r.asked, func(name string) bool { return !strings.HasPrefix(name, "Secret ") })
	if diff := cmp.Diff([]string{"Secret ns/values", "Secret shared/values"}, secrets); diff != "" {
		t.Errorf("each Secret is read once for an API (-want +got):\n%s", diff)
	}
}

// Secrets and ConfigMaps aren't in the cache with their content, and everything else needn't be asked for live.
func TestSecretsAreReadLive(t *testing.T) {
	api := orders(func(spec *v1alpha1.ApiDefinitionSpec) {
		spec.Description = `[[ secret "values/text" ]] [[ configmap "notes/text" ]]`
		spec.GroupRefs = []v1alpha1.Reference{to("", "crew")}
	})
	cached := &refused{Reader: reader(t, group("ns", "crew", "crew", ""))}
	live := &refused{Reader: reader(t, secretOf("ns", "values", map[string]string{"text": "a"}), configMapOf("ns", "notes", map[string]string{"text": "b"}))}
	found, err := gather.Sources{Reader: cached, Live: live, Templating: true}.API(t.Context(), api)
	if err != nil || found.Object.Spec.Description != "a b" {
		t.Fatalf("%v, description %q", err, found.Object.Spec.Description)
	}
	if diff := cmp.Diff([][]string{{"Group ns/crew"}, {"Secret ns/values", "ConfigMap ns/notes"}}, [][]string{cached.asked, live.asked}); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

func TestRedactKnowsAllThatWasRenderedBesideAnError(t *testing.T) {
	api := orders(func(spec *v1alpha1.ApiDefinitionSpec) {
		spec.Description = `[[ secret "values/own" ]]`
		spec.Resources = []v1alpha1.ResourceOrRef{{Ref: new(to("", "cache"))}, {Ref: new(to("", "gone-hidden-one"))}}
	})
	found, err := sources(reader(t, secretOf("ns", "values", map[string]string{"own": "hidden-one", "theirs": "hidden-two"}),
		cache("ns", "cache", `{"password":"[[ secret \"values/theirs\" ]]"}`))).API(t.Context(), api)
	if err == nil || strings.Contains(err.Error(), "hidden-one") || !strings.Contains(err.Error(), "ApiResource ns/gone-[redacted] doesn't exist") {
		t.Errorf("error = %v: a name may hold a value by chance, and isn't told then", err)
	}
	if got := found.Redact("hidden-one and hidden-two"); !found.Rendered || got != "[redacted] and [redacted]" {
		t.Errorf("redacted it is %q: what is told of the API later must not hold values", got)
	}
}

func TestIdentitiesFromSecretsAreRefused(t *testing.T) {
	values := map[string]string{"id": "11111111-2222-3333-4444-555555555555"}
	cases := map[string]struct {
		why     string
		change  func(spec *v1alpha1.ApiDefinitionSpec, value string)
		refused string
	}{
		"id":      {"the status has to remember it", func(spec *v1alpha1.ApiDefinitionSpec, value string) { spec.ID = value }, "spec.id"},
		"crossId": {"the same", func(spec *v1alpha1.ApiDefinitionSpec, value string) { spec.CrossID = value }, "spec.crossId"},
		"part of one": {
			"a part is a secret, too", func(spec *v1alpha1.ApiDefinitionSpec, value string) { spec.CrossID = "orders-" + value }, "spec.crossId",
		},
		"crossIds of plans": {
			"status.plans has them as keys; all are named",
			func(spec *v1alpha1.ApiDefinitionSpec, value string) {
				spec.ID, spec.Plans = value, []v1alpha1.Plan{{Name: "a"}, {Name: "b", CrossID: value}, {Name: "c", CrossID: value}}
			},
			"spec.id, spec.plans[1].crossId, spec.plans[2].crossId",
		},
		"ids of plans": {"they are overwritten", func(spec *v1alpha1.ApiDefinitionSpec, value string) {
			spec.Plans = []v1alpha1.Plan{{Name: "a", ID: value}}
		}, ""},
		"in a configuration": {
			"it is no identity, whatever it is called",
			func(spec *v1alpha1.ApiDefinitionSpec, value string) {
				configuration := v1alpha1.FreeForm{Raw: json.RawMessage(`{"list":[{"crossId":` + strconv.Quote(value) + `}]}`)}
				spec.Plans = []v1alpha1.Plan{{Name: "a", Flows: []v1alpha1.Flow{{Pre: []v1alpha1.FlowStep{{Configuration: &configuration}}}}}}
			}, "",
		},
		"ids of pages": {"no status has them", func(spec *v1alpha1.ApiDefinitionSpec, value string) {
			spec.Pages = map[string]v1alpha1.Page{"a": {CrossID: value}}
		}, ""},
		"everything else": {"that is what Secrets are for", func(spec *v1alpha1.ApiDefinitionSpec, value string) { spec.Description = value }, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			objects := reader(t, secretOf("ns", "ids", values), configMapOf("ns", "ids", values))
			_, err := sources(objects).API(t.Context(), orders(func(spec *v1alpha1.ApiDefinitionSpec) { c.change(spec, `[[ secret "ids/id" ]]`) }))
			if (err != nil) != (c.refused != "") {
				t.Fatalf("error = %v: %s", err, c.why)
			}
			if err != nil && (!errors.Is(err, fault.Terminal) || fault.ReasonOf(err) != fault.ReasonTemplate ||
				!strings.HasPrefix(err.Error(), c.refused+": ") || strings.Contains(err.Error(), values["id"])) {
				t.Errorf("%s %s: %v", fault.KindOf(err), fault.ReasonOf(err), err)
			}
			if _, err := sources(objects).API(t.Context(), orders(func(spec *v1alpha1.ApiDefinitionSpec) { c.change(spec, `[[ configmap "ids/id" ]]`) })); err != nil {
				t.Errorf("from a ConfigMap: %v: nothing in it is secret", err)
			}
		})
	}
}

func TestInputIsNeverChanged(t *testing.T) {
	api := orders(func(spec *v1alpha1.ApiDefinitionSpec) {
		spec.Description = `[[ secret "values/text" ]]`
		spec.Flows = []v1alpha1.Flow{{Name: `[[ secret "values/text" ]]`}}
		spec.Resources = []v1alpha1.ResourceOrRef{{Ref: new(to("", "cache"))}}
		spec.Groups = append(make([]string, 0, 4), "written") // with room behind it
		spec.GroupRefs = []v1alpha1.Reference{to("", "crew")}
		spec.NotificationsRefs = []v1alpha1.Reference{to("", "console")}
		spec.ConsoleNotificationConfiguration = &v1alpha1.ConsoleNotificationConfiguration{User: "me"}
	})
	for _, templating := range []bool{true, false} {
		s := sources(reader(t, secretOf("ns", "values", map[string]string{"text": "hidden"}), cache("ns", "cache", `{}`), group("ns", "crew", "crew", ""),
			notification("ns", "console", func(*v1alpha1.NotificationSpec) {})))
		s.Templating = templating
		before := api.DeepCopy()
		found, err := s.API(t.Context(), api)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, api); diff != "" || api.Spec.Groups[:2][1] != "" {
			t.Errorf("the resource was changed, groups behind its end are %v:\n%s", api.Spec.Groups[:2], diff)
		}
		found.Object.Spec.Flows[0].Name, found.Object.Annotations = "changed", map[string]string{"a": "b"}
		if diff := cmp.Diff(before, api); diff != "" {
			t.Errorf("what was found shares memory with the resource:\n%s", diff)
		}
	}
}

func TestWithoutTemplatingStringsAreAsTheyAre(t *testing.T) {
	const text = `[[ secret "nowhere/text" ]] and [[ end`
	s := sources(reader(t, cache("ns", "cache", `{"a":"[[ secret \"nowhere/text\" ]]"}`), group("ns", "crew", text, ""),
		notification("ns", "console", func(spec *v1alpha1.NotificationSpec) { spec.Console.Groups = []string{text} })))
	s.Templating = false
	found, err := s.API(t.Context(), orders(func(spec *v1alpha1.ApiDefinitionSpec) {
		spec.ID, spec.Description = `[[ secret "a/b" ]]`, text
		spec.Resources = []v1alpha1.ResourceOrRef{{Ref: new(to("", "cache"))}}
		spec.GroupRefs, spec.NotificationsRefs = []v1alpha1.Reference{to("", "crew")}, []v1alpha1.Reference{to("", "console")}
	}))
	if err != nil {
		t.Fatal(err)
	}
	spec := found.Object.Spec
	got := []string{spec.ID, spec.Description, string(spec.Resources[0].Configuration.Raw), spec.Groups[0], spec.ConsoleNotificationConfiguration.Groups[0]}
	if diff := cmp.Diff([]string{`[[ secret "a/b" ]]`, text, `{"a":"[[ secret \"nowhere/text\" ]]"}`, text, text}, got); diff != "" {
		t.Errorf("strings (-want +got):\n%s", diff)
	}
	if found.Rendered || found.Redact(text) != text {
		t.Error("nothing was rendered")
	}
}

func TestWhatCannotBeRead(t *testing.T) {
	api := orders(func(spec *v1alpha1.ApiDefinitionSpec) {
		spec.Description = `[[ secret "values/text" ]][[ configmap "notes/text" ]]`
		spec.Resources = []v1alpha1.ResourceOrRef{{Ref: new(to("", "cache"))}}
		spec.GroupRefs, spec.NotificationsRefs = []v1alpha1.Reference{to("", "crew")}, []v1alpha1.Reference{to("", "console")}
	})
	objects := []client.Object{
		secretOf("ns", "values", map[string]string{"text": "hidden"}), configMapOf("ns", "notes", map[string]string{"text": "b"}),
		cache("ns", "cache", `{}`), group("ns", "crew", "crew", ""), group("ns", "guests", "guests", ""),
		notification("ns", "console", func(spec *v1alpha1.NotificationSpec) { spec.Console.GroupRefs = []v1alpha1.Reference{to("", "guests")} }),
	}
	forbidden := apierrors.NewForbidden(schema.GroupResource{}, "x", errors.New("no right"))
	cases := map[string]string{
		"Secret ns/values":        "spec.description: ",
		"ConfigMap ns/notes":      "spec.description: ",
		"ApiResource ns/cache":    "spec.resources[0].ref: ",
		"Group ns/crew":           "spec.groupRefs[0]: ",
		"Notification ns/console": "spec.notificationsRefs[0]: ",
		"Group ns/guests":         "spec.notificationsRefs[0].console.groupRefs[0]: ",
	}
	for name, field := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := sources(&refused{Reader: reader(t, objects...), errs: map[string]error{name: forbidden}}).API(t.Context(), api)
			if !errors.Is(err, fault.Forbidden) || fault.ReasonOf(err) != fault.ReasonReference || err.Error() != field+"the operator may not read "+name+"; give it the right to" {
				t.Errorf("without the right: %s %s: %v", fault.KindOf(err), fault.ReasonOf(err), err)
			}
			trouble := errors.New("the API server is busy")
			_, err = sources(&refused{Reader: reader(t, objects...), errs: map[string]error{name: trouble}}).API(t.Context(), api)
			if fault.KindOf(err) != fault.Transient || !errors.Is(err, trouble) || !strings.HasPrefix(err.Error(), field+"reading "+name+": ") {
				t.Errorf("for the moment: %s: %v: time cures it", fault.KindOf(err), err)
			}
			var without []client.Object
			for _, object := range objects {
				if !strings.HasSuffix(name, " "+object.GetNamespace()+"/"+object.GetName()) {
					without = append(without, object)
				}
			}
			_, err = sources(reader(t, without...)).API(t.Context(), api)
			if errors.Is(err, fault.Waiting) == strings.HasPrefix(name, "Group") {
				t.Errorf("missing: %v: what may come later is waited for, but for a Group", err)
			}
		})
	}
}

func TestKeysOfSources(t *testing.T) {
	cases := map[string]struct {
		why  string
		data map[string]string
		want string
	}{
		"missing": {"somebody has to add it; a watch tells", map[string]string{"other": "x"}, "key text of Secret ns/values is missing or empty; add it"},
		"empty":   {"as with GKO, an empty text is none", map[string]string{"text": ""}, "key text of Secret ns/values is missing or empty; add it"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := sources(reader(t, secretOf("ns", "values", c.data))).API(t.Context(), orders(func(spec *v1alpha1.ApiDefinitionSpec) {
				spec.Description = `[[ secret "values/text" ]]`
			}))
			if !errors.Is(err, fault.Terminal) || fault.ReasonOf(err) != fault.ReasonTemplate || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "spec.description") {
				t.Errorf("%s %s: %v: %s", fault.KindOf(err), fault.ReasonOf(err), err, c.why)
			}
		})
	}
}

// Objects that APIs refer to are looked at by themselves, too.
func TestReferencedAlone(t *testing.T) {
	s := sources(reader(t, secretOf("ns", "values", map[string]string{"text": "hidden"}), group("ns", "crew", "crew", "")))
	resource, err := s.Resource(t.Context(), cache("ns", "cache", `{"password":"[[ secret \"values/text\" ]]"}`))
	if err != nil || string(resource.Spec.Configuration.Raw) != `{"password":"hidden"}` || !resource.Rendered || resource.Redact("hidden") != "[redacted]" {
		t.Errorf("ApiResource: %v, %s, %q", err, resource.Spec.Configuration.Raw, resource.Redact("hidden"))
	}
	crew, err := s.Group(t.Context(), group("ns", "crew", `[[ secret "values/text" ]]`, ""))
	if err != nil || crew.Spec.Name != "hidden" || !crew.Rendered || crew.Redact("hidden") != "[redacted]" {
		t.Errorf("Group: %v, %q", err, crew.Spec.Name)
	}
	console, err := s.Notification(t.Context(), notification("ns", "console", func(spec *v1alpha1.NotificationSpec) {
		spec.Console.Groups = []string{`[[ secret "values/text" ]]`}
		spec.Console.GroupRefs = []v1alpha1.Reference{to("", "crew"), to("", "gone"), to("far", "crew")}
	}))
	if err != nil || console.Spec.Console.Groups[0] != "hidden" || !cmp.Equal(console.MissingGroups, []string{"ns/gone", "far/crew"}) {
		t.Errorf("Notification: %v, groups %v, missing %v", err, console.Spec.Console.Groups, console.MissingGroups)
	}
	plain, err := s.Group(t.Context(), group("ns", "crew", "crew", ""))
	if err != nil || plain.Rendered || plain.Redact("crew") != "crew" {
		t.Errorf("without templates: %v, rendered %t", err, plain.Rendered)
	}
}

func TestReferencedAloneInTrouble(t *testing.T) {
	forbidden := apierrors.NewForbidden(schema.GroupResource{}, "x", errors.New("no right"))
	s := sources(&refused{Reader: reader(t, group("ns", "secretive", `[[ secret "nowhere/name" ]]`, "")), errs: map[string]error{"Group ns/crew": forbidden}})
	if _, err := s.Resource(t.Context(), cache("ns", "cache", `{"a":"[[ secret \"nowhere/text\" ]]"}`)); !errors.Is(err, fault.Waiting) || fault.ReasonOf(err) != fault.ReasonReference {
		t.Errorf("ApiResource: %v", err)
	}
	if _, err := s.Group(t.Context(), group("ns", "crew", `[[ what "a/b" ]]`, "")); !errors.Is(err, fault.Terminal) || fault.ReasonOf(err) != fault.ReasonTemplate {
		t.Errorf("Group: %v", err)
	}
	cases := map[string]struct {
		group string
		kind  fault.Kind
		want  string
	}{
		"a Group that may not be read":     {"crew", fault.Forbidden, "spec.console.groupRefs[0]: the operator may not read Group ns/crew"},
		"a Group that can't be called yet": {"secretive", fault.Waiting, "spec.console.groupRefs[0]: Group ns/secretive: spec.name: Secret ns/nowhere doesn't exist"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := s.Notification(t.Context(), notification("ns", "console", func(spec *v1alpha1.NotificationSpec) {
				spec.Console.GroupRefs = []v1alpha1.Reference{to("", c.group)}
			}))
			if !errors.Is(err, c.kind) || fault.ReasonOf(err) != fault.ReasonReference || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s %s: %v", fault.KindOf(err), fault.ReasonOf(err), err)
			}
		})
	}
}
