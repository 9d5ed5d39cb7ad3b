// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// document is one document of a file.
type document struct {
	text []byte
	// line is that of the file on which text begins, and number counts the documents that hold something.
	line, number int
}

// chunks splits a file where YAML's markers do: before each line that begins with "---", and after each that begins with "...". So no
// part holds two documents, of which a parser would drop the second without a word.
func chunks(content []byte) []document {
	content = bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))
	var found []document
	start, startLine, line, marked := 0, 1, 0, false
	cut := func(end, next int) {
		if text := content[start:end]; hasContent(text) {
			found = append(found, document{text: text, line: startLine})
		}
		start, startLine, marked = end, next, false
	}
	for at := 0; at < len(content); {
		line++
		end := len(content)
		if length := bytes.IndexByte(content[at:], '\n'); length >= 0 {
			end = at + length + 1
		}
		switch text := content[at:end]; {
		case isMarker(text, "---"):
			// Directives and comments before a document's marker belong to it.
			if marked || hasContent(content[start:at]) {
				cut(at, line)
			}
			marked = true
		case isMarker(text, "..."):
			cut(end, line+1)
		}
		at = end
	}
	cut(len(content), 0)
	return found
}

func isMarker(line []byte, marker string) bool {
	rest, ok := bytes.CutPrefix(line, []byte(marker))
	return ok && (len(rest) == 0 || bytes.IndexByte([]byte(" \t\r\n"), rest[0]) >= 0)
}

// hasContent tells documents from what is made of comments, directives and markers only.
func hasContent(text []byte) bool {
	for line := range bytes.Lines(text) {
		if isMarker(line, "---") || isMarker(line, "...") {
			line = line[3:]
		}
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' && line[0] != '%' {
			return true
		}
	}
	return false
}

// firstLine is how many lines of text come before its content.
func firstLine(text []byte) int {
	lines := 0
	for line := range bytes.Lines(text) {
		if hasContent(line) {
			return lines
		}
		lines++
	}
	return 0
}

// split takes a part of a file apart: JSON values may follow each other without a marker.
func split(part document) []document {
	trimmed := bytes.TrimLeft(part.text, " \t\r\n")
	if len(trimmed) == 0 || trimmed[0] != '{' {
		return []document{part}
	}
	decoder := json.NewDecoder(bytes.NewReader(part.text))
	var values []document
	for {
		var value json.RawMessage
		err := decoder.Decode(&value)
		if errors.Is(err, io.EOF) {
			return values
		}
		if err != nil {
			// It may be YAML, which writes objects with braces too; if it isn't, the YAML parser tells why.
			return []document{part}
		}
		end := decoder.InputOffset()
		values = append(values, document{text: value, line: part.line + bytes.Count(part.text[:end-int64(len(value))], []byte("\n"))})
	}
}

// decode gives the value of a document as an API server's client sees it. The error says where and why, without values.
func (d document) decode(limit int64) (any, error) {
	if int64(len(d.text)) > limit {
		return nil, d.problem(0, "the document has %d bytes, and an API server takes %d at most; split it", len(d.text), limit)
	}
	content, err := yaml.YAMLToJSONStrict(d.text)
	if err != nil {
		line, text := yamlError(err)
		return nil, d.problem(line, "%s", text)
	}
	if int64(len(content)) > limit {
		return nil, d.problem(0, "with its anchors resolved the document has %d bytes, and an API server takes %d at most; split it", len(content), limit)
	}
	var value any
	if err := kjson.UnmarshalCaseSensitivePreserveInts(content, &value); err != nil {
		return nil, d.problem(0, "isn't YAML or JSON: %v", err)
	}
	return value, nil
}

// problem is an error at a line of the document, counted from 1; 0 means where its content begins.
func (d document) problem(line int, format string, args ...any) error {
	if line == 0 {
		line = firstLine(d.text) + 1
	}
	return &Problem{Source: Source{Line: d.line + line - 1, Document: d.number}, Message: fmt.Sprintf(format, args...)}
}

var (
	yamlLine = regexp.MustCompile(`line (\d+): `)
	// A parser quotes what it can't take, which may be a secret.
	yamlQuote = regexp.MustCompile("`[^`]*`|\"(?:[^\"\\\\]|\\\\.)*\"")
)

// yamlError takes the parser's error apart: the line of the document, and the reason in words.
func yamlError(err error) (line int, text string) {
	text = err.Error()
	if match := yamlLine.FindStringSubmatch(text); match != nil {
		line, _ = strconv.Atoi(match[1])
	}
	for _, noise := range []string{"error converting YAML to JSON: ", "yaml: ", "unmarshal errors:\n  "} {
		text = strings.TrimPrefix(text, noise)
	}
	text = yamlLine.ReplaceAllString(text, "")
	if !strings.Contains(text, "already set in map") {
		text = yamlQuote.ReplaceAllString(text, "…")
	}
	return line, "isn't YAML or JSON: " + strings.Join(strings.Fields(text), " ") + "; check quotes and indentation"
}
