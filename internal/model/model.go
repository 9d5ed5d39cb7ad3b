// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

// Package model holds what a management API is asked to serve, as plain data: no Kubernetes types, no
// wire format of one product. The vocabulary of a definition is that of the ApiDefinition resource
// (shared/reference/gko-compatibility.md part 1.2), as a JSON document: see docs/adr/0003.
package model

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// API is the wanted state of one API.
type API struct {
	// Name is namespace/name of the resource, for messages.
	Name string
	// Key is the crossId: the identity across environments, and the key under which the API is looked up.
	Key string
	// ID is the id inside the installation.
	ID string
	// Cluster is the id of the cluster that owns the API; empty when none is configured.
	Cluster string
	// Sharers are the ids of other clusters that publish the same API and whose marks are kept. Sorted.
	Sharers []string
	// Linked are the ids of remote objects that Definition names by other words, by these words. They are part of the digest: an
	// object that was made again under its name is another one.
	Linked map[string]string
	// Definition is the whole wanted document with its identities filled in. Its values are those of
	// encoding/json: nil, bool, string, float64 or int64, []any, map[string]any. A nil member differs from
	// an absent one only on the wire.
	Definition map[string]any
	// Reported holds the warnings that the management API gave when the API was applied last. They name what
	// it dropped, so that a comparison doesn't expect it.
	Reported []string
}

// digestFormat changes whenever the same resource would give another document than before: then digests
// stored by an older version are unknown, instead of different, and an upgrade re-imports nothing.
const digestFormat = "v1"

// Digest identifies the wanted state without revealing it: format, key id and a keyed hash (HMAC-SHA-256),
// since a definition may hold secrets that could be guessed from a plain hash. Plan ids are left out: the
// management API may choose them after the first apply.
func (a API) Digest(key []byte) (string, error) {
	content, err := json.Marshal(withoutPlanIDs(a.Definition))
	if err != nil {
		return "", fmt.Errorf("encoding the definition of %s: %w", a.Name, err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(content)
	mac.Write([]byte("\x00" + a.Cluster))
	for _, name := range slices.Sorted(maps.Keys(a.Linked)) {
		mac.Write([]byte("\x00" + name + "\x00" + a.Linked[name]))
	}
	return digestPrefix(key) + hex.EncodeToString(mac.Sum(nil)), nil
}

// Comparable reports whether a stored digest was made by this format and key. Otherwise its difference
// from a new one means nothing.
func Comparable(digest string, key []byte) bool {
	prefix := digestPrefix(key)
	return len(digest) > len(prefix) && digest[:len(prefix)] == prefix
}

func digestPrefix(key []byte) string {
	id := sha256.Sum256(append([]byte("apisync digest key id\x00"), key...))
	return digestFormat + ":" + hex.EncodeToString(id[:4]) + ":"
}

func withoutPlanIDs(definition map[string]any) map[string]any {
	plans, ok := definition["plans"].([]any)
	if !ok {
		return definition
	}
	copied := make(map[string]any, len(definition))
	maps.Copy(copied, definition)
	stripped := make([]any, len(plans))
	for i, plan := range plans {
		stripped[i] = without(plan, "id")
	}
	copied["plans"] = stripped
	return copied
}

func without(value any, member string) any {
	object, ok := value.(map[string]any)
	if !ok {
		return value
	}
	copied := make(map[string]any, len(object))
	for name, v := range object {
		if name != member {
			copied[name] = v
		}
	}
	return copied
}

// Group is the wanted state of a group of people.
type Group struct {
	// Name is namespace/name of the resource, for messages.
	Name string
	// Key is what the management API knows the group by: a human-readable id, or an id of an older release.
	Key string
	// KeyIsID says that Key is an id, and not a human-readable one.
	KeyIsID bool
	// Definition is the whole wanted document without identities: name, notifyMembers and members, in the vocabulary of the
	// Group resource (shared/reference/gko-compatibility.md 2.5), with values as in API.Definition.
	Definition map[string]any
	// Reported holds the warnings that the management API gave when the group was applied last, as API.Reported does.
	Reported []string
}

// Digest identifies the wanted state as API.Digest does.
func (g Group) Digest(key []byte) (string, error) {
	return API{Name: g.Name, Definition: g.Definition, Linked: map[string]string{"key": g.Key}}.Digest(key)
}
