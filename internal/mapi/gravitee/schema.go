// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gravitee

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/xeipuuv/gojsonschema"
)

// maxSchemaNodes is how large a schema may be with its references put in place. One that refers to itself has no end.
const maxSchemaNodes = 20_000

// schema is a compiled JSON schema of draft 4, 6 or 7. It is safe for concurrent use.
type schema struct {
	rules *gojsonschema.Schema
	// expanded is the document that the rules were made from, for its defaults.
	expanded any
}

// compileSchema gives nil for what is no schema, for one that refers to elsewhere or to itself, and for one with a pattern that
// Go's regular expressions can't express: then nothing can be said about a configuration. Nothing is ever loaded.
func compileSchema(content []byte) (compiled *schema) {
	defer func() {
		// The library takes the form of some members for granted.
		if recover() != nil {
			compiled = nil
		}
	}()
	var root any
	if json.Unmarshal(content, &root) != nil {
		return nil
	}
	expander := &expander{root: root, left: maxSchemaNodes}
	expanded, err := expander.expand(root)
	if err != nil {
		return nil
	}
	if draft := text(object(root), "$schema"); draft != "" {
		object(expanded)["$schema"] = draft
	}
	plain, err := json.Marshal(expanded)
	if err != nil {
		return nil
	}
	rules, err := gojsonschema.NewSchema(sealed{gojsonschema.NewBytesLoader(plain)})
	if err != nil {
		return nil
	}
	return &schema{rules: rules, expanded: expanded}
}

// sealed is a document from which nothing else is reached.
type sealed struct{ gojsonschema.JSONLoader }

// LoaderFactory makes loaders that fail; those of the library read files and fetch URLs.
func (s sealed) LoaderFactory() gojsonschema.JSONLoaderFactory { return refusing{} }

type refusing struct{}

func (refusing) New(string) gojsonschema.JSONLoader {
	return unloadable{gojsonschema.NewBytesLoader(nil)}
}

type unloadable struct{ gojsonschema.JSONLoader }

func (unloadable) LoadJSON() (any, error) { return nil, errors.New("nothing is loaded from elsewhere") }

// expander makes a schema that has only the members that decide, with every reference replaced by what it refers to. Identifiers are
// left out with the references that they are for, and formats, which mean more, or less, to the server.
type expander struct {
	root any
	left int
}

var errNoSchema = errors.New("the schema can't be used")

func (e *expander) expand(value any) (any, error) {
	e.left--
	if e.left < 0 {
		return nil, errNoSchema
	}
	switch value := value.(type) {
	case document:
		return e.object(value)
	case []any:
		list := make([]any, len(value))
		for i, element := range value {
			var err error
			if list[i], err = e.expand(element); err != nil {
				return nil, err
			}
		}
		return list, nil
	}
	return value, nil
}

func (e *expander) object(from document) (any, error) {
	if reference, isReference := from["$ref"]; isReference {
		return e.reference(reference, from["default"])
	}
	expanded := document{}
	for name, value := range from {
		var err error
		switch name {
		case "type", "enum", "const", "required", "default", "pattern", "minLength", "maxLength", "multipleOf", "minimum", "maximum",
			"exclusiveMinimum", "exclusiveMaximum", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties":
			expanded[name] = value
		case "properties", "patternProperties", "dependencies":
			expanded[name], err = e.each(value)
		case "additionalProperties", "propertyNames", "items", "additionalItems", "contains", "allOf", "anyOf", "oneOf", "not", "if", "then", "else":
			expanded[name], err = e.expand(value)
		}
		if err != nil {
			return nil, err
		}
	}
	withoutDefaulted(expanded)
	return expanded, nil
}

// each expands the members of an object that is no schema itself.
func (e *expander) each(value any) (any, error) {
	members, ok := value.(document)
	if !ok {
		return nil, errNoSchema
	}
	expanded := make(document, len(members))
	for name, member := range members {
		var err error
		if expanded[name], err = e.expand(member); err != nil {
			return nil, err
		}
	}
	return expanded, nil
}

// reference resolves what stays in the document, by names only. Members beside a reference don't count in these drafts, but the server
// fills in a default that stands there.
func (e *expander) reference(reference, preset any) (any, error) {
	path, ok := reference.(string)
	if !ok || path != "#" && !strings.HasPrefix(path, "#/") || strings.ContainsAny(path, "~%") {
		return nil, errNoSchema
	}
	target := e.root
	for _, name := range strings.Split(path, "/")[1:] {
		if target, ok = object(target)[name]; !ok {
			return nil, errNoSchema
		}
	}
	expanded, err := e.expand(target)
	if referred := object(expanded); err == nil && referred != nil && preset != nil {
		referred["default"] = preset
	}
	return expanded, err
}

// withoutDefaulted demands nothing that the server fills in.
func withoutDefaulted(schema document) {
	required, ok := schema["required"].([]any)
	if !ok {
		return
	}
	properties := object(schema["properties"])
	kept := []any{}
	for _, name := range required {
		known, _ := name.(string)
		if _, filled := object(properties[known])["default"]; !filled {
			kept = append(kept, name)
		}
	}
	schema["required"] = kept
}

// fill puts defaults where a configuration has nothing, as the server does before it judges.
func fill(schema, value any) {
	rules := object(schema)
	switch value := value.(type) {
	case document:
		for name, property := range object(rules["properties"]) {
			preset, has := object(property)["default"]
			if _, given := value[name]; !given && has {
				value[name] = instance(preset)
			}
			if given, ok := value[name]; ok {
				fill(property, given)
			}
		}
	case []any:
		for _, element := range value {
			fill(rules["items"], element)
		}
	}
	for _, part := range objects(rules["allOf"]) {
		fill(part, value)
	}
}
