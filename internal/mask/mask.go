// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

// Package mask hides secret values in what people are shown. It errs on the side of hiding: a value that is hidden without need
// costs a look elsewhere, one that is shown without need can't be taken back.
package mask

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"strings"
)

// Hidden stands for a secret value.
const Hidden = "(hidden)"

// Differs stands for a secret value that isn't the one on the other side of a difference.
const Differs = "(hidden, differs)"

// maxDepth bounds how deep documents nest, those that travel as strings included; what is deeper is hidden.
const maxDepth = 200

// Document returns a copy of a JSON-like document with its secrets hidden. Values that aren't those of encoding/json are taken for
// what encoding/json makes of them; what it can't encode is hidden. Nothing is changed; no shape panics.
func Document(document any) any {
	return value(document, place{})
}

// place is what is known about a value from where it stands.
type place struct {
	// secret hides every scalar, except those of members that only name or describe.
	secret bool
	// address shows a value nevertheless that is the address of something.
	address bool
	// store is set inside a key store or trust store.
	store bool
	// prose is set for members that people write sentences into.
	prose bool
	// codes is set where the names of members are those of answers, such as JWT_INVALID_TOKEN.
	codes bool
	depth int
}

func value(v any, at place) any {
	if at.depth++; at.depth > maxDepth {
		return Hidden
	}
	switch v := v.(type) {
	case nil, bool:
		return v
	case string:
		return text(v, at)
	case float64, json.Number, int64, int:
		if at.secret {
			return Hidden
		}
		return v
	case map[string]any:
		return object(v, at)
	case []any:
		return list(v, at)
	}
	return foreign(v, at)
}

// foreign masks what isn't made of the types of encoding/json.
func foreign(v any, at place) any {
	content, err := json.Marshal(v)
	if err != nil {
		return Hidden
	}
	decoded, ok := decode(string(content))
	if !ok {
		return Hidden
	}
	return value(decoded, at)
}

func list(elements []any, at place) any {
	masked := make([]any, len(elements))
	for i, element := range elements {
		masked[i] = value(element, at)
	}
	return masked
}

func object(members map[string]any, at place) any {
	masked := make(map[string]any, len(members))
	hidesValue := isSecretEntry(members)
	for name, member := range members {
		inside := at.member(name)
		switch {
		case hidesValue && isValueName(name), isSecretObject(members) && isSecretData(name):
			inside.secret = true
		case inside.secret && !isSecretName(name) && isHarmlessName(name):
			inside.secret = false
		}
		masked[name] = value(member, inside)
	}
	return masked
}

// member is the place of a member of an object that stands at p.
func (p place) member(name string) place {
	if p.codes {
		return place{secret: p.secret, depth: p.depth}
	}
	inside := place{secret: p.secret, store: p.store || isStoreName(name), prose: isProseName(name), codes: plain(name) == "responsetemplates", depth: p.depth}
	if isSecretName(name) || p.store && isStoreContent(name) {
		inside.secret = true
		inside.address = !p.secret && isSecretOrAddress(name)
	}
	return inside
}

// isSecretEntry tells pairs of a name and a value whose value is secret: a header, a property, a metadata entry.
func isSecretEntry(members map[string]any) bool {
	for name, member := range members {
		switch spelled := plain(name); {
		case (spelled == "encrypted" || spelled == "encryptable") && member == true:
			return true
		case isEntryName(spelled):
			if given, ok := member.(string); ok && isSecretName(given) {
				return true
			}
		}
	}
	return false
}

// isSecretObject recognises a Kubernetes Secret.
func isSecretObject(members map[string]any) bool { return members["kind"] == "Secret" }

func isSecretData(name string) bool { return name == "data" || name == "stringData" }

// text masks a string: as a whole, as a JSON document, or those parts of it that look like secrets.
func text(content string, at place) any {
	if content == "" {
		return content
	}
	if at.secret && (!at.address || !isAddress(content)) {
		return Hidden
	}
	if decoded, ok := decodeContainer(content); ok {
		masked := value(decoded, place{store: at.store, depth: at.depth})
		if !mentionsSecrets(decoded, 0) && reflect.DeepEqual(decoded, masked) {
			return content
		}
		return encode(masked)
	}
	return hideParts(content, at.prose)
}

// mentionsSecrets tells whether a decoded document has a member with the name of a secret. Such a document is never shown as it was
// written: where a member stands twice, decoding shows only one of them.
func mentionsSecrets(v any, depth int) bool {
	if depth > maxDepth {
		return true
	}
	switch v := v.(type) {
	case map[string]any:
		if isSecretEntry(v) || isSecretObject(v) {
			return true
		}
		for name, member := range v {
			if isSecretName(name) || isStoreName(name) || mentionsSecrets(member, depth+1) {
				return true
			}
		}
	case []any:
		for _, element := range v {
			if mentionsSecrets(element, depth+1) {
				return true
			}
		}
	}
	return false
}

// decodeContainer decodes a JSON object or list that travels as a string.
func decodeContainer(content string) (any, bool) {
	trimmed := strings.TrimSpace(content)
	if trimmed == "" || trimmed[0] != '{' && trimmed[0] != '[' {
		return nil, false
	}
	return decode(trimmed)
}

func decode(content string) (any, bool) {
	decoder := json.NewDecoder(strings.NewReader(content))
	decoder.UseNumber()
	var decoded any
	if decoder.Decode(&decoded) != nil {
		return nil, false
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, false
	}
	return decoded, true
}

func encode(document any) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(document) != nil {
		return Hidden
	}
	return strings.TrimSuffix(out.String(), "\n")
}
