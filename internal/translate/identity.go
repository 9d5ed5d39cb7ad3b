// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/apisync/apisync/api/v1alpha1"
)

// Hash is H of shared/reference/gko-compatibility.md part 4: the 128-bit XXH3 hash of the concatenated
// parts, big-endian, in the form of a UUID without version and variant bits.
func Hash(parts ...string) string {
	sum := xxh3.HashString128(strings.Join(parts, "")).Bytes()
	text := hex.EncodeToString(sum[:])
	return strings.Join([]string{text[:8], text[8:12], text[12:16], text[16:20], text[20:]}, "-")
}

// CrossID is the key under which the API is looked up: status, then spec, then derived from namespace/name.
func CrossID(api *v1alpha1.ApiDefinition) string {
	return firstOf(api.Status.CrossID, api.Spec.CrossID, Hash(api.Namespace, "/", api.Name))
}

// FirstID is the id of an API that doesn't exist yet: what was claimed before a crash, then spec.id, then the uid.
func FirstID(api *v1alpha1.ApiDefinition) string {
	return firstOf(ClaimedID(api), api.Spec.ID, string(api.UID))
}

// PublishedID is the id in the status of an API that a management API knows; empty for one that only the gateways of this cluster know,
// whose id says nothing about what is elsewhere (shared/contract/cases/25-local-no-context).
func PublishedID(api *v1alpha1.ApiDefinition) string {
	status := &api.Status
	if status.CrossID == "" && status.OrganizationID == "" && (status.Sync == nil || status.Sync.Place == nil) {
		return ""
	}
	return status.ID
}

// RecordedID is the id that this resource is known to have used or to be about to use in a management API; empty when there is
// none. Only such an id may be deleted remotely.
func RecordedID(api *v1alpha1.ApiDefinition) string {
	return firstOf(PublishedID(api), ClaimedID(api))
}

// Claim is the content of the identity annotation: what a resource is about to write.
type Claim struct {
	ID string `json:"id"`
	// For is namespace/name of the resource that the claim was made by: people copy manifests, and a copy
	// must not inherit the identity of the original.
	For string `json:"for"`
	// Found is true when the object was there before this resource had written anything: it belongs to somebody else until a write
	// is confirmed.
	Found bool `json:"found,omitempty"`
	// At tells the place that the object is moving to; empty when it doesn't move.
	At string `json:"at,omitempty"`
}

// Text is the value of the annotation.
func (c Claim) Text() string {
	// Strings and a switch always encode.
	value, _ := json.Marshal(c)
	return string(value)
}

// ClaimOf is what stands in the annotations of a resource, given by its namespace/name; the zero value when nothing does, it is
// damaged, or it was made for another resource.
func ClaimOf(fullName string, annotations map[string]string) Claim {
	var c Claim
	if err := json.Unmarshal([]byte(annotations[v1alpha1.IdentityAnnotation]), &c); err != nil || c.For != fullName {
		return Claim{}
	}
	return c
}

// ClaimedID is the id in the identity annotation of an API, or empty.
func ClaimedID(api *v1alpha1.ApiDefinition) string {
	return ClaimOf(FullName(api), api.Annotations).ID
}

// FullName is namespace/name.
func FullName(api *v1alpha1.ApiDefinition) string { return api.Namespace + "/" + api.Name }

func planCrossID(given, apiID, name string) string { return firstOf(given, Hash(apiID, "/", name)) }

func firstOf(values ...string) string {
	for _, value := range values {
		if value != "" {
			return value
		}
	}
	return ""
}
