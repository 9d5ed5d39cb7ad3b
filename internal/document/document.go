// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

// Package document writes values for programs, as JSON and as YAML.
package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// JSON writes a value as indented JSON, with a line feed at its end. Characters that only HTML minds stay as they are.
func JSON(to io.Writer, value any) error {
	encoder := json.NewEncoder(to)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return fmt.Errorf("writing as JSON: %w", err)
	}
	return nil
}

// YAML writes a value as YAML: its JSON form, with the members in that order.
func YAML(to io.Writer, value any) error {
	var content bytes.Buffer
	if err := JSON(&content, value); err != nil {
		return err
	}
	converted, err := toYAML(content.Bytes())
	if err == nil {
		_, err = to.Write(converted)
	}
	if err != nil {
		return fmt.Errorf("writing as YAML: %w", err)
	}
	return nil
}

// toYAML writes JSON as YAML, with its members in their order.
func toYAML(content []byte) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber()
	document, err := nextNode(decoder)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := errors.Join(encoder.Encode(document), encoder.Close()); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// nextNode reads one value. A YAML parser can't do that: it refuses some of what JSON allows, such as long names and control characters.
func nextNode(decoder *json.Decoder) (*yaml.Node, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	switch token := token.(type) {
	case json.Delim:
		return nextContainer(decoder, token)
	case string:
		node := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: token}
		if !isPlainText(token) && !strings.Contains(token, "\n") {
			node.Style = yaml.DoubleQuotedStyle
		}
		return node, nil
	case json.Number:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: token.String()}, nil
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(token)}, nil
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}, nil
}

// nextContainer reads what is inside of an object, names and values in turns, or of a list.
func nextContainer(decoder *json.Decoder, start json.Delim) (*yaml.Node, error) {
	container := &yaml.Node{Kind: yaml.SequenceNode}
	if start == '{' {
		container.Kind = yaml.MappingNode
	}
	for decoder.More() {
		inside, err := nextNode(decoder)
		if err != nil {
			return nil, err
		}
		container.Content = append(container.Content, inside)
	}
	_, err := decoder.Token() // the end
	return container, err
}

// isPlainText tells texts that no version of YAML takes for anything else. The encoder takes care of the rest.
func isPlainText(text string) bool {
	switch strings.ToLower(text) {
	case "", "y", "n", "yes", "no", "on", "off", "true", "false", "null":
		return false
	}
	return unicode.IsLetter(rune(text[0])) || text[0] == '(' || text[0] == '/'
}
