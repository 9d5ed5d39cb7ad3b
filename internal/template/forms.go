// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package template

import (
	"encoding/base64"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	// shortest is the length in bytes from which a value is replaced within words too.
	shortest = 3
	// shortestLine is the length in bytes from which a line of a value is a value of its own.
	shortestLine = 8
)

// formsOf are the forms that a value and its parts may take.
func formsOf(value string) []form {
	var forms []form
	for _, part := range partsOf(value) {
		for _, text := range spellings(part) {
			if strings.TrimSpace(text) != "" {
				forms = append(forms, form{text: text, word: len(part) < shortest})
			}
		}
	}
	return forms
}

// partsOf are the value, the same without white space around it, and its lines.
func partsOf(value string) []string {
	parts := []string{value}
	if trimmed := strings.TrimSpace(value); trimmed != value {
		parts = append(parts, trimmed)
	}
	if !strings.Contains(value, "\n") {
		return parts
	}
	for line := range strings.SplitSeq(value, "\n") {
		if line = strings.TrimSpace(line); len(line) >= shortestLine {
			parts = append(parts, line)
		}
	}
	return parts
}

// spellings are how a text is written in other places, without repetitions.
func spellings(text string) []string {
	raw := []byte(text)
	escaped := html.EscapeString(text)
	spelled := []string{
		text,
		jsonText(text),
		quoted(strconv.Quote(text)),
		quoted(strconv.QuoteToASCII(text)),
		url.QueryEscape(text),
		url.PathEscape(text),
		(&url.URL{Path: text}).EscapedPath(),
		url.User(text).String(),
		escaped,
		strings.ReplaceAll(strings.ReplaceAll(escaped, "&#34;", "&quot;"), "&#39;", "&apos;"),
		base64.StdEncoding.EncodeToString(raw),
		base64.RawStdEncoding.EncodeToString(raw),
		base64.URLEncoding.EncodeToString(raw),
		base64.RawURLEncoding.EncodeToString(raw),
	}
	spelled = append(spelled, jsonForHTML(spelled[1]))
	slices.Sort(spelled)
	return slices.Compact(spelled)
}

// jsonText is a text as it stands in JSON.
func jsonText(text string) string {
	content, err := encode(text)
	if err != nil {
		return text
	}
	return quoted(strings.TrimSpace(string(content)))
}

// jsonForHTML spells characters by number that have a meaning in HTML, as Go does in JSON.
func jsonForHTML(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(text, "<", `\u003c`), ">", `\u003e`), "&", `\u0026`)
}

// quoted takes the quotes off.
func quoted(text string) string { return text[1 : len(text)-1] }
