// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package mask

import (
	"encoding/base64"
	"regexp"
	"strings"
	"unicode"
)

var (
	pemBlocks = regexp.MustCompile(`-----BEGIN [^\n-]*-----(?s:.*?)(?:-----END [^\n-]*-----|$)`)
	// A password with one of the characters that end the authority of a URL is met as well, if it doesn't begin like a port.
	userInfo    = regexp.MustCompile(`(://)(?:[^/\s?#"'<>]*|[^/\s:@"'<>]*:[^0-9/\s@"'<>][^\s"'<>]*|[^/\s:@"'<>]*:[0-9]+[^0-9/\s@"'<>?#][^\s"'<>]*)@`)
	queryValues = regexp.MustCompile(`(?i)([?&](?:key|sig|signature|code|auth|pass|jwt|assertion)=)[^&\s"'<>#]+`)
	webTokens   = regexp.MustCompile(`\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*`)
	schemes     = regexp.MustCompile(`(?i)\b(bearer|basic)([ \t]+)([^\s"',;<>]+)`)
	// Headers whose value has several words.
	headerLines = regexp.MustCompile(`(?i)((?:authorization|cookie)["']?[ \t]*[:=][ \t]*)[^\r\n]+`)
	assignments = regexp.MustCompile(
		`(?i)([a-z0-9_.-]*(?:passw|passphrase|passcode|pwd|secret|token|credential|api[_-]?key|access[_-]?key|private[_-]?key|shared[_-]?key|account[_-]?key)[a-z0-9_.-]*)` +
			`(\\?["']?\s*[:=]\s*)(\\?"[^"]*"?|'[^']*'?|[^\s,;&"'<>}\]]+)`)
)

// hideParts hides what looks like a secret wherever it stands. In prose, "Basic plan" isn't a credential.
func hideParts(content string, prose bool) string {
	content = pemBlocks.ReplaceAllString(content, Hidden)
	content = userInfo.ReplaceAllString(content, "${1}"+Hidden+"@")
	content = queryValues.ReplaceAllString(content, "${1}"+Hidden)
	content = webTokens.ReplaceAllString(content, Hidden)
	content = replaceGroups(schemes, content, func(groups []string) string {
		if prose && !looksEncoded(groups[3]) {
			return groups[0]
		}
		return groups[1] + groups[2] + Hidden
	})
	content = headerLines.ReplaceAllString(content, "${1}"+Hidden)
	return replaceGroups(assignments, content, func(groups []string) string {
		if !isSecretName(groups[1]) {
			return groups[0]
		}
		return groups[1] + groups[2] + Hidden
	})
}

func replaceGroups(expression *regexp.Regexp, content string, replace func(groups []string) string) string {
	return expression.ReplaceAllStringFunc(content, func(match string) string {
		return replace(expression.FindStringSubmatch(match))
	})
}

// looksEncoded tells a credential from the next word of a sentence: base64 mixes cases, has digits or signs, or decodes to user:password.
func looksEncoded(word string) bool {
	word = strings.TrimRight(word, ".!?:")
	for i, r := range word {
		if !unicode.IsLetter(r) && r != '-' || i > 0 && unicode.IsUpper(r) && strings.ToUpper(word) != word {
			return true
		}
	}
	decoded, err := base64.RawStdEncoding.DecodeString(word)
	return err == nil && strings.Contains(string(decoded), ":")
}
