// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/test/recorded"
)

// TestSpecIsTheWire shows that the JSON of a decoded spec is what GKO sent for the same manifest: the same
// fields absent, null, empty, false and zero. Only what the controller computes is left out.
func TestSpecIsTheWire(t *testing.T) {
	apiServer := recorded.NewServer(t)
	compared := 0
	for _, one := range recorded.Cases(t) {
		t.Run(one.Name, func(t *testing.T) {
			computed := computedFields[one.Name]
			compared += len(one.Puts)
			for i, sent := range one.Puts {
				want := withoutIdentities(sent.Request)
				remove(want, computed.fields...)
				difference := "none of its objects was applied before it"
				for _, spec := range specsBefore(t, apiServer, one, sent) {
					got := withoutIdentities(recorded.AsJSON(t, spec))
					remove(got, "contextRef", "local")
					remove(got, computed.fields...)
					difference = cmp.Diff(want, got)
					if difference == "" {
						break
					}
				}
				if difference != "" {
					t.Errorf("PUT %d of %v after %s (-sent by GKO +ours); computed here are %v: %s\n%s",
						i, sent.Objects, sent.After, computed.fields, computed.why, difference)
				}
			}
		})
	}
	if compared == 0 {
		t.Error("no request was compared")
	}
}

// computedFields are the fields, by case, whose sent value follows from other objects or from a template.
var computedFields = map[string]struct {
	why    string
	fields []string
}{
	"04-oauth2-resources": {why: "a reference to an ApiResource is replaced by the resource", fields: []string{"resources"}},
	"20-groups-grouprefs": {why: "the names of referenced Groups are added", fields: []string{"groups"}},
	"28-templating": {why: "templates are rendered", fields: []string{
		"description", "flows[].pre[].configuration", "proxy.groups[].endpoints[].target",
	}},
	"33-notification": {why: "it is made of the referenced Notification", fields: []string{"consoleNotificationConfiguration"}},
	"75-missing-refs": {why: "it is made of the referenced Notification", fields: []string{"consoleNotificationConfiguration"}},
}

// specsBefore returns the specs, decoded from their stored form, of the objects from which a request can have
// come: of each the manifest that was applied last before it.
func specsBefore(t *testing.T, apiServer recorded.Server, one recorded.Case, sent recorded.Put) []v1alpha1.ApiDefinitionSpec {
	t.Helper()
	latest := map[string]v1alpha1.ApiDefinitionSpec{}
	for _, in := range one.Inputs {
		for _, object := range in.Objects {
			if object.GetKind() == v1alpha1.ApiDefinitionKind && slices.Contains(sent.Objects, recorded.KeyOf(object)) {
				stored, _ := apiServer.Admit(object)
				latest[recorded.KeyOf(object)] = decodeAPIDefinition(t, stored).Spec
			}
		}
		if in.File == sent.After {
			break
		}
	}
	specs := make([]v1alpha1.ApiDefinitionSpec, 0, len(latest))
	for _, spec := range latest {
		specs = append(specs, spec)
	}
	return specs
}

// withoutIdentities removes what the controller computes for every API.
func withoutIdentities(definition map[string]any) map[string]any {
	remove(definition, "id", "crossId", "definition_context",
		"plans[].id", "plans[].crossId",
		"pages.*.id", "pages.*.crossId", "pages.*.api", "pages.*.parentId")
	return definition
}

// remove deletes the named fields; a segment with [] goes into every item, * into every value.
func remove(value any, paths ...string) {
	for _, path := range paths {
		removePath(value, strings.Split(path, "."))
	}
}

func removePath(value any, path []string) {
	object, ok := value.(map[string]any)
	if !ok {
		return
	}
	if len(path) == 1 {
		delete(object, path[0])
		return
	}
	if path[0] == "*" {
		for _, child := range object {
			removePath(child, path[1:])
		}
		return
	}
	name, isList := strings.CutSuffix(path[0], "[]")
	if !isList {
		removePath(object[name], path[1:])
		return
	}
	items, _ := object[name].([]any)
	for _, item := range items {
		removePath(item, path[1:])
	}
}
