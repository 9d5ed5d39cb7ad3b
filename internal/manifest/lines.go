// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// lines finds the lines of fields in a document. It reads the document only when it is asked.
type lines struct {
	document document
	root     *yaml.Node
	read     bool
}

// of gives the line of a field in its file, or that of the nearest thing around it. A field's path is as in errors of an API server,
// such as items[2].spec.plans[0].security.
func (l *lines) of(path string) int {
	if !l.read {
		l.read = true
		var root yaml.Node
		if yaml.Unmarshal(l.document.text, &root) == nil && len(root.Content) > 0 {
			l.root = root.Content[0]
		}
	}
	line := firstLine(l.document.text) + 1
	if l.root != nil {
		line = descend(l.root, path, l.root.Line)
	}
	return l.document.line + line - 1
}

// descend follows path as far as it leads. line is that of the name by which node was reached.
func descend(node *yaml.Node, path string, line int) int {
	for node.Kind == yaml.AliasNode && node.Alias != nil {
		// What an anchor stands for is written elsewhere, and a person has to look here first.
		node = node.Alias
	}
	path = strings.TrimPrefix(path, ".")
	switch {
	case path == "":
	case node.Kind == yaml.MappingNode:
		if key, value, rest := longestKey(node, path); value != nil {
			return descend(value, rest, key.Line)
		}
	case node.Kind == yaml.SequenceNode:
		if element, rest := element(node, path); element != nil {
			return descend(element, rest, element.Line)
		}
	}
	return line
}

// longestKey finds the member that path begins with. Names may hold dots, so the longest one is meant.
func longestKey(node *yaml.Node, path string) (key, value *yaml.Node, rest string) {
	for i := 0; i+1 < len(node.Content); i += 2 {
		name := node.Content[i]
		after, ok := cutName(path, name.Value)
		if ok && (key == nil || len(name.Value) > len(key.Value)) {
			key, value, rest = name, node.Content[i+1], after
		}
	}
	return key, value, rest
}

func cutName(path, name string) (rest string, ok bool) {
	if rest, ok = strings.CutPrefix(path, "["+name+"]"); ok {
		return rest, true
	}
	rest, ok = strings.CutPrefix(path, name)
	return rest, ok && name != "" && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

func element(node *yaml.Node, path string) (found *yaml.Node, rest string) {
	inside, rest, ok := strings.Cut(strings.TrimPrefix(path, "["), "]")
	index, err := strconv.Atoi(inside)
	if !ok || err != nil || path[0] != '[' || index < 0 || index >= len(node.Content) {
		return nil, ""
	}
	return node.Content[index], rest
}
