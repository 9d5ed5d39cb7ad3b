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

// RecordedID is the id that this resource is known to have used or to be about to use; empty when there is
// none. Only such an id may be deleted remotely.
func RecordedID(api *v1alpha1.ApiDefinition) string {
	return firstOf(api.Status.ID, ClaimedID(api))
}

// claim is the content of the identity annotation.
type claim struct {
	ID string `json:"id"`
	// For is namespace/name of the resource that the claim was made by: people copy manifests, and a copy
	// must not inherit the identity of the original.
	For string `json:"for"`
}

// Claim is the value of the identity annotation for an id.
func Claim(api *v1alpha1.ApiDefinition, id string) string { return ClaimFor(FullName(api), id) }

// ClaimFor is the value of the identity annotation of a resource, given by its namespace/name, for an id.
func ClaimFor(fullName, id string) string {
	// A struct of two strings always encodes.
	value, _ := json.Marshal(claim{ID: id, For: fullName})
	return string(value)
}

// ClaimedID is the id in the identity annotation, or empty when there is none, it is damaged, or it was
// made for another resource.
func ClaimedID(api *v1alpha1.ApiDefinition) string { return Claimed(FullName(api), api.Annotations) }

// Claimed is ClaimedID of a resource, given by its namespace/name and its annotations.
func Claimed(fullName string, annotations map[string]string) string {
	var c claim
	if err := json.Unmarshal([]byte(annotations[v1alpha1.IdentityAnnotation]), &c); err != nil || c.For != fullName {
		return ""
	}
	return c.ID
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
