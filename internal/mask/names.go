// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package mask

import (
	"slices"
	"strings"
	"unicode"
)

// plain is a name without its spelling: apiKey, API_KEY, api-key and "Api Key" are one name.
func plain(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
}

// isSecretName tells names of members, headers and properties whose value nobody should read.
func isSecretName(name string) bool {
	name = plain(name)
	return slices.ContainsFunc(secretWords(), func(word string) bool { return strings.Contains(name, word) }) && !hasHarmlessEnd(name)
}

// secretWords are what a plain name contains whose value is a secret.
func secretWords() []string {
	return []string{
		"password", "passwd", "passphrase", "passcode", "pwd", "secret", "token", "credential", "authorization", "authorisation",
		"apikey", "accesskey", "privatekey", "sharedkey", "signingkey", "encryptionkey", "masterkey", "accountkey", "keycontent",
		"cookie", "bearer", "sessionid", "clientassertion", "connectionstring", verifier,
	}
}

// verifier is what a JWT plan verifies signatures with: a shared key, a public key, or the address of public keys.
const verifier = "resolverparameter"

// isSecretOrAddress tells members whose value is a secret unless it is an address.
func isSecretOrAddress(name string) bool { return plain(name) == verifier }

func isAddress(value string) bool {
	return strings.HasPrefix(value, "https://") || strings.HasPrefix(value, "http://")
}

// hasHarmlessEnd tells names that speak about a secret: a reference to it, the address that hands it out, its life time.
func hasHarmlessEnd(name string) bool {
	for _, end := range []string{
		"ref", "refs", "name", "names", "namespace", "url", "urls", "uri", "uris", "endpoint", "type", "types", "ttl", "count", "limit",
		"period", "timeout", "duration", "seconds", "millis", "path", "file", "location", "version", "enabled", "required", "supported",
		"provider", "mode", "format", "algorithm", "missing", "invalid", "expired", "revoked",
	} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}

// isHarmlessName tells members that may be read although they stand beside a secret.
func isHarmlessName(name string) bool {
	name = plain(name)
	return hasHarmlessEnd(name) || slices.Contains([]string{"kind", "apiversion", "user", "description"}, name)
}

// isEntryName tells the member that names a pair of a name and a value, by its plain name.
func isEntryName(name string) bool {
	return slices.Contains([]string{"name", "key", "header", "field", "parameter"}, name)
}

// isValueName tells the member that holds the value in a pair of a name and a value.
func isValueName(name string) bool {
	return slices.Contains([]string{"value", "values", "default", "defaultvalue", "content", "expression", "data"}, plain(name))
}

func isStoreName(name string) bool {
	name = plain(name)
	return strings.Contains(name, "keystore") || strings.Contains(name, "truststore")
}

// isStoreContent tells the members of a key store or trust store that hold it, and not where it is found.
func isStoreContent(name string) bool { return strings.HasSuffix(plain(name), "content") }

// isProseName tells members in which words like "Basic plan" are no credentials.
func isProseName(name string) bool {
	return slices.Contains([]string{
		"name", "description", "version", "title", "displayname", "summary", "message", "labels", "tags", "categories", "reason", "comment",
		"generalconditions", "commentmessage", "characteristics", "key",
	}, plain(name))
}
