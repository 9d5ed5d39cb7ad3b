// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package translate_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/translate"
)

// The vectors stand in shared/reference/gko-compatibility.md part 4: they were computed independently.
func TestHashVectors(t *testing.T) {
	vectors := map[string]struct {
		parts []string
		want  string
	}{
		"crossId of an API":    {[]string{"default/basic-api-example"}, "67aaa5c4-36f6-2dfe-162e-ea9246b9a846"},
		"hrid":                 {[]string{"default-basic-api-example"}, "5f66c23c-1fd2-b06f-c758-72507f0d4a73"},
		"plan by key":          {[]string{"5f66c23c-1fd2-b06f-c758-72507f0d4a73", "KeyLess"}, "31bce816-679f-850e-8e16-842843efc9cb"},
		"org and env":          {[]string{"67aaa5c4-36f6-2dfe-162e-ea9246b9a846", "DEFAULT", "DEFAULT"}, "b88bf1bc-39be-72bc-f0a3-1edb5a2b5db7"},
		"plan crossId":         {[]string{"11111111-2222-3333-4444-555555555555", "/", "Free plan"}, "1ac6def2-8747-656c-ad21-aabacd6ac638"},
		"plan id from crossId": {[]string{"1ac6def2-8747-656c-ad21-aabacd6ac638", "/", "Free plan"}, "d768b2fc-efdb-1f7b-d6f9-a019dcbf4265"},
		"page crossId":         {[]string{"default/basic-api-example", "/", "homepage"}, "d8a42360-080f-5c04-f503-439011c88f1e"},
		"page id":              {[]string{"11111111-2222-3333-4444-555555555555", "/", "homepage"}, "a8693822-a6a5-cca0-24ff-b1595cada321"},
	}
	for name, v := range vectors {
		t.Run(name, func(t *testing.T) {
			if got := translate.Hash(v.parts...); got != v.want {
				t.Errorf("Hash(%q) = %s, want %s: another hash would give every API a new identity", v.parts, got, v.want)
			}
		})
	}
}

func TestIdentityPrecedence(t *testing.T) {
	api := func(change func(*v1alpha1.ApiDefinition)) *v1alpha1.ApiDefinition {
		a := &v1alpha1.ApiDefinition{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "orders", UID: "uid-1"}}
		change(a)
		return a
	}
	claimed := func(id, namespacedName string) map[string]string {
		return map[string]string{v1alpha1.IdentityAnnotation: `{"id":"` + id + `","for":"` + namespacedName + `"}`}
	}
	cases := map[string]struct {
		reason                   string
		api                      *v1alpha1.ApiDefinition
		first, recorded, crossID string
	}{
		"new": {
			reason: "the first id of an API is its uid", api: api(func(*v1alpha1.ApiDefinition) {}),
			first: "uid-1", crossID: translate.Hash("ns/orders"),
		},
		"ids in the spec": {
			reason: "spec.id is chosen for a new API, but nothing is recorded until it is claimed",
			api:    api(func(a *v1alpha1.ApiDefinition) { a.Spec.ID, a.Spec.CrossID = "spec-id", "spec-cross" }),
			first:  "spec-id", crossID: "spec-cross",
		},
		"claimed before a crash": {
			reason: "the claim says which id a lost write may have used",
			api: api(func(a *v1alpha1.ApiDefinition) {
				a.Spec.ID, a.Annotations = "spec-id", claimed("claimed-id", "ns/orders")
			}),
			first: "claimed-id", recorded: "claimed-id", crossID: translate.Hash("ns/orders"),
		},
		"copied manifest": {
			reason: "a copy under another name must not inherit the identity of the original",
			api: api(func(a *v1alpha1.ApiDefinition) {
				a.Annotations = claimed("claimed-id", "ns/original")
			}),
			first: "uid-1", crossID: translate.Hash("ns/orders"),
		},
		"damaged claim": {
			reason: "an annotation that somebody broke counts for nothing",
			api: api(func(a *v1alpha1.ApiDefinition) {
				a.Annotations = map[string]string{v1alpha1.IdentityAnnotation: "{"}
			}),
			first: "uid-1", crossID: translate.Hash("ns/orders"),
		},
		"published": {
			reason: "ids in the status win over everything (must-not-break list, 3)",
			api: api(func(a *v1alpha1.ApiDefinition) {
				a.Status.ID, a.Status.CrossID, a.Spec.CrossID = "status-id", "status-cross", "spec-cross"
				a.Annotations = claimed("claimed-id", "ns/orders")
			}),
			first: "claimed-id", recorded: "status-id", crossID: "status-cross",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := translate.FirstID(c.api); got != c.first {
				t.Errorf("FirstID = %q, want %q: %s", got, c.first, c.reason)
			}
			if got := translate.RecordedID(c.api); got != c.recorded {
				t.Errorf("RecordedID = %q, want %q: %s", got, c.recorded, c.reason)
			}
			if got := translate.CrossID(c.api); got != c.crossID {
				t.Errorf("CrossID = %q, want %q: %s", got, c.crossID, c.reason)
			}
		})
	}
}

func TestClaimIsReadBack(t *testing.T) {
	api := &v1alpha1.ApiDefinition{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "orders"}}
	api.Annotations = map[string]string{v1alpha1.IdentityAnnotation: translate.Claim{ID: "an id with \"quotes\"", For: translate.FullName(api)}.Text()}
	if got := translate.ClaimedID(api); got != "an id with \"quotes\"" {
		t.Errorf("ClaimedID = %q", got)
	}
}

// Groups keep their identity in the same annotation, by the same rules.
func TestClaimOfAnyResource(t *testing.T) {
	cases := map[string]struct {
		why        string
		annotation string
		want       string
	}{
		"its own":        {"it is how a resource remembers what it may have made", translate.Claim{ID: "ns-crew", For: "ns/crew"}.Text(), "ns-crew"},
		"any text":       {"an id may hold what JSON quotes", translate.Claim{ID: "a \"b\"\\c", For: "ns/crew"}.Text(), "a \"b\"\\c"},
		"another's":      {"people copy manifests", translate.Claim{ID: "ns-guests", For: "ns/guests"}.Text(), ""},
		"of other names": {"the namespace is part of the name", translate.Claim{ID: "other-crew", For: "other/crew"}.Text(), ""},
		"no annotation":  {"nothing was claimed", "", ""},
		"another shape":  {"an annotation that somebody broke counts for nothing", `["ns/crew"]`, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := translate.ClaimOf("ns/crew", map[string]string{v1alpha1.IdentityAnnotation: c.annotation}).ID; got != c.want {
				t.Errorf("claimed %q, want %q: %s", got, c.want, c.why)
			}
		})
	}
	if got := translate.ClaimOf("ns/crew", nil); got != (translate.Claim{}) {
		t.Errorf("without annotations it has claimed %+v", got)
	}
}
