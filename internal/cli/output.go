// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
)

// Formats of what a command prints.
const (
	formatText = "text"
	formatJSON = "json"
	formatYAML = "yaml"
)

// formatFlag declares -o; the first format is the default.
func formatFlag(command *cobra.Command, formats ...string) *string {
	format := command.Flags().StringP("output", "o", formats[0], "format of the output: "+strings.Join(formats, ", "))
	complete(command, "output", oneOf(formats...))
	checkFirst(command, func() error {
		if !slices.Contains(formats, *format) {
			return fmt.Errorf("--output %q isn't known; use %s", *format, strings.Join(formats, " or "))
		}
		return nil
	})
	return format
}

// checkFirst adds a check of flags that is made before the command runs.
func checkFirst(command *cobra.Command, check func() error) {
	before := command.PreRunE
	command.PreRunE = func(command *cobra.Command, args []string) error {
		if before != nil {
			if err := before(command, args); err != nil {
				return err
			}
		}
		return check()
	}
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

// printAs writes a value whose JSON form is its form.
func printAs(out io.Writer, format string, value any) error {
	content, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the output: %w", err)
	}
	content = append(content, '\n')
	if format == formatYAML {
		if content, err = toYAML(content); err != nil {
			return fmt.Errorf("encoding the output: %w", err)
		}
	}
	if _, err := out.Write(content); err != nil {
		return fmt.Errorf("writing the output: %w", err)
	}
	return nil
}
