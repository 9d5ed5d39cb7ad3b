// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package template

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

const (
	left  = "[["
	right = "]]"
)

// In reports whether a template may be in text.
func In(text string) bool { return strings.Contains(text, left) }

// root is the member of a document that holds the spec, and with it the first step of every path.
const root = "spec"

// site is a string in which a template may be.
type site struct {
	text string
	at   *step
	// put replaces the string in its document.
	put func(text string)
}

func (s site) path() string { return s.at.String() }

// step is the last step of a path.
type step struct {
	before *step
	name   string
}

func (s *step) String() string {
	var names []string
	for ; s != nil; s = s.before {
		names = append(names, s.name)
	}
	slices.Reverse(names)
	return strings.Join(names, "")
}

// templated gives the JSON form of spec, as the member root of a document, and the strings in it in which a template may be, in the
// order of sorted names. Where none can be, nothing is decoded and there are none.
func templated(spec any) (document map[string]any, sites []site, err error) {
	content, err := encode(spec)
	if err != nil {
		return nil, nil, fmt.Errorf("it can't be written as JSON: %w", err)
	}
	// A part that was kept as the text it came as may spell a bracket by its number.
	if !bytes.Contains(content, []byte(left)) && !bytes.Contains(content, []byte(`\u005`)) {
		return nil, nil, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, nil, fmt.Errorf("its JSON form can't be read: %w", err)
	}
	document = map[string]any{root: value}
	collect(&sites, value, &step{name: root}, func(text string) { document[root] = text })
	return document, sites, nil
}

// collect adds the strings below value in which a template may be.
func collect(sites *[]site, value any, at *step, put func(string)) {
	switch value := value.(type) {
	case string:
		if strings.Contains(value, left) {
			*sites = append(*sites, site{text: value, at: at, put: put})
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(value)) {
			collect(sites, value[name], &step{before: at, name: "." + name}, func(text string) { value[name] = text })
		}
	case []any:
		for i, element := range value {
			collect(sites, element, &step{before: at, name: "[" + strconv.Itoa(i) + "]"}, func(text string) { value[i] = text })
		}
	}
}

// encode writes JSON in which characters that only HTML minds stay as they are.
func encode(value any) ([]byte, error) {
	var content bytes.Buffer
	encoder := json.NewEncoder(&content)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return content.Bytes(), err
}

// decode gives the spec of a document its type back. What went wrong isn't told: it may quote rendered text.
func decode[T any](document map[string]any) (T, error) {
	var spec T
	content, err := encode(document[root])
	if err == nil {
		decoder := json.NewDecoder(bytes.NewReader(content))
		decoder.UseNumber()
		err = decoder.Decode(&spec)
	}
	if err != nil {
		var none T
		return none, problem("%s: what its templates render to doesn't fit a field; use templates in fields of free text only", root)
	}
	return spec, nil
}
