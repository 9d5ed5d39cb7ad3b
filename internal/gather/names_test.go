// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gather_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/gather"
	"github.com/apisync/apisync/internal/mapi"
)

const madeName, madeNamespace = `[[ configmap "names/name" ]]`, `[[ configmap "names/namespace" ]]`

// Only names are rendered: a deletion must not wait for a Secret that some other field mentions.
func TestNames(t *testing.T) {
	const other = `[[ secret "nowhere/text" ]]`
	api := orders(func(spec *v1alpha1.ApiDefinitionSpec) {
		spec.Description, spec.CrossID, spec.ContextRef = other, "id-"+madeName, new(to("", madeName))
		spec.GroupRefs, spec.NotificationsRefs = []v1alpha1.Reference{to("", madeName)}, []v1alpha1.Reference{to(madeNamespace, "n")}
		spec.Resources = []v1alpha1.ResourceOrRef{{Name: other}, {Ref: new(to(madeNamespace, madeName))}}
	})
	wanted := api.DeepCopy()
	wanted.Spec.CrossID, wanted.Spec.ContextRef, wanted.Spec.GroupRefs = "id-found", new(to("", "found")), []v1alpha1.Reference{to("", "found")}
	wanted.Spec.NotificationsRefs, wanted.Spec.Resources[1].Ref = []v1alpha1.Reference{to("far", "n")}, new(to("far", "found"))

	crew := group("ns", "crew", other, "")
	crew.Spec.ContextRef = new(to(madeNamespace, madeName))
	wantedCrew := crew.DeepCopy()
	wantedCrew.Spec.ContextRef = new(to("far", "found"))

	console := notification("ns", "console", func(spec *v1alpha1.NotificationSpec) {
		spec.Console.GroupRefs, spec.Console.Groups = []v1alpha1.Reference{to("", madeName)}, []string{other}
	})
	wantedConsole := console.DeepCopy()
	wantedConsole.Spec.Console.GroupRefs = []v1alpha1.Reference{to("", "found")}

	store := cache("ns", madeName, `{}`)
	r := &refused{Reader: reader(t, configMapOf("ns", "names", map[string]string{"name": "found", "namespace": "far"}))}
	names := sources(r).Names()
	for _, c := range []struct {
		given, want client.Object
	}{{api, wanted}, {crew, wantedCrew}, {console, wantedConsole}, {store, store}} {
		before := c.given.DeepCopyObject()
		got, err := names.Of(t.Context(), c.given)
		if err != nil {
			t.Errorf("%T: %v", c.given, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%T (-want +got):\n%s", c.given, diff)
		}
		if diff := cmp.Diff(before, c.given.DeepCopyObject()); diff != "" {
			t.Errorf("%T: the object itself was changed, which may belong to a cache:\n%s", c.given, diff)
		}
	}
	if diff := cmp.Diff([]string{"ConfigMap ns/names"}, r.asked); diff != "" {
		t.Errorf("a source is read once for all objects (-want +got):\n%s", diff)
	}
	if text := names.Redact("found in far"); strings.Contains(text, "found") || strings.Contains(text, "far") {
		t.Errorf("%q tells what was rendered", text)
	}
}

func TestNamesThatCannotBeRendered(t *testing.T) {
	api := orders(func(spec *v1alpha1.ApiDefinitionSpec) { spec.ContextRef = new(to("", `[[ secret "names/name" ]]`)) })
	api.Spec.GroupRefs = []v1alpha1.Reference{to("", madeName)}
	got, err := sources(reader(t, configMapOf("ns", "names", map[string]string{"name": "found"}))).Names().Of(t.Context(), api)
	if rendered, ok := got.(*v1alpha1.ApiDefinition); !ok || rendered.Spec.GroupRefs[0].Name != "found" || rendered.Spec.ContextRef.Name != api.Spec.ContextRef.Name {
		t.Errorf("%v: each name is rendered that can be", got)
	}
	if !errors.Is(err, fault.Waiting) || !strings.Contains(err.Error(), "spec.contextRef.name: ") {
		t.Errorf("%v: the field is named as it is in the resource", err)
	}
	broken := &refused{Reader: reader(t), errs: map[string]error{"Secret ns/names": errors.New("busy")}}
	if _, err := sources(broken).Names().Of(t.Context(), api); fault.KindOf(err) != fault.Transient {
		t.Errorf("%s %v: time cures it", fault.KindOf(err), err)
	}
	secret := orders(func(spec *v1alpha1.ApiDefinitionSpec) { spec.CrossID = `[[ secret "names/name" ]]` })
	got, err = sources(reader(t, secretOf("ns", "names", map[string]string{"name": "s3cret"}))).Names().Of(t.Context(), secret)
	if !errors.Is(err, fault.Terminal) || !cmp.Equal(got, client.Object(secret)) {
		t.Errorf("%v, %v: an identity from a Secret is never published", got, err)
	}
	off := sources(reader(t))
	off.Templating = false
	if got, err := off.Names().Of(t.Context(), api); err != nil || !cmp.Equal(got, client.Object(api)) {
		t.Errorf("%v, %v: [[ means nothing", got, err)
	}
}

func TestContextNamedBySecret(t *testing.T) {
	r := reader(t, secretOf("ns", "names", map[string]string{"name": "ctx"}), configMapOf("ns", "names", map[string]string{"name": "ctx"}))
	for text, secret := range map[string]bool{"ctx": false, `[[ configmap "names/name" ]]`: false, `[[ secret "names/name" ]]`: true} {
		api, err := sources(r).API(t.Context(), orders(func(spec *v1alpha1.ApiDefinitionSpec) {
			spec.ContextRef, spec.Description = new(to("", text)), `[[ secret "names/name" ]]`
		}))
		crew := group("ns", "crew", "Crew", "")
		crew.Spec.ContextRef = new(to("", text))
		found, groupErr := sources(r).Group(t.Context(), crew)
		if err != nil || groupErr != nil || api.SecretContext != secret || found.SecretContext != secret {
			t.Errorf("%s: %v, %v; secret of an API %t, of a Group %t", text, err, groupErr, api.SecretContext, found.SecretContext)
		}
	}
}

// What a status remembers of a place leads back there, as long as the Secret says the same.
func TestHiddenPlaces(t *testing.T) {
	values := map[string]string{"organization": "acme", "environment": "tangerine", "next": "plum"}
	connect := func(environment string) gather.Connection {
		context := managed(nil)
		context.Spec.OrganizationID, context.Spec.EnvironmentID = `[[ secret "values/organization" ]]`, environment
		found, err := sources(reader(t, secretOf("ns", "values", values))).Connection(t.Context(), context)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	hidden := connect(`[[ secret "values/environment" ]]`).Config
	if place := hidden.Place(); strings.Contains(place.Scope, "acme") || strings.Contains(place.Scope, "tangerine") || hidden.Scope["environmentId"] != "tangerine" {
		t.Errorf("place %+v, scope %v", place, hidden.Scope)
	}
	recorded := gather.RecordPlace(leaseFor(hidden), true)
	if recorded.Context != mapi.StandIn("ns/ctx") || slices.Contains([]string{recorded.EnvironmentID, recorded.OrganizationID}, "tangerine") || gather.Place(*recorded) != hidden.Place() {
		t.Errorf("%+v is remembered", recorded)
	}
	// The organization is the same, and the environment is written down now.
	config := connect("other").Config
	moved := *recorded
	moved.EnvironmentID = "plain"
	there, err := gather.Elsewhere(config, moved)
	if err != nil || there.Scope["organizationId"] != "acme" || there.Scope["environmentId"] != "plain" || there.Place() != gather.Place(moved) {
		t.Errorf("%v %v, %v: %v leads there", there.Scope, there.Place(), gather.Place(moved), err)
	}
	if _, err := gather.Elsewhere(config, *recorded); !errors.Is(err, fault.Terminal) || !strings.Contains(err.Error(), "Secret") {
		t.Errorf("%v: nobody knows where it was", err)
	}
}
