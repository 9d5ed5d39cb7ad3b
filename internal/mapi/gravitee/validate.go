// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gravitee

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/xeipuuv/gojsonschema"
)

// problem is a value that doesn't fit a schema. Its texts hold names and what the schema says, and never a value.
type problem struct {
	// path is that of the value in the configuration; empty for the whole.
	path string
	// text goes on after the path: "must be at least 1".
	text string
	// tolerated is true for what the server drops instead of refusing it.
	tolerated bool
}

// validate compares a configuration, as it is in a definition, with a schema; nil stands for an empty one. The order of the
// problems is always the same. ok is false if nothing can be said.
//
// What the server would accept is no problem: it drops null members, fills in defaults, and drops members that the schema doesn't allow.
// Where an expression stands, its value is only known later.
func (s *schema) validate(configuration any) (problems []problem, ok bool) {
	defer func() {
		if recover() != nil {
			problems, ok = nil, false
		}
	}()
	given := instance(configuration)
	if given == nil {
		given = document{}
	}
	filled := instance(given)
	fill(s.expanded, filled)
	result, err := s.rules.Validate(gojsonschema.NewRawLoader(filled))
	if err != nil {
		return nil, false
	}
	open := undecided(result.Errors())
	for _, failure := range result.Errors() {
		place, known := locate(given, trail(failure))
		if !known || isUndecided(failure, open) {
			continue
		}
		if found, told := describe(failure, place); told {
			problems = append(problems, found)
		}
	}
	slices.SortFunc(problems, func(a, b problem) int { return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.text, b.text)) })
	return slices.Compact(problems), true
}

// instance copies a value into what the library takes: numbers as they are written, and no null members.
func instance(value any) any {
	switch value := value.(type) {
	case document:
		copied := make(document, len(value))
		for name, member := range value {
			if member != nil {
				copied[name] = instance(member)
			}
		}
		return copied
	case []any:
		copied := make([]any, len(value))
		for i, element := range value {
			copied[i] = instance(element)
		}
		return copied
	case float64:
		if math.IsNaN(value) || math.IsInf(value, 0) {
			return nil
		}
		return json.Number(strconv.FormatFloat(value, 'f', -1, 64))
	case int64:
		return json.Number(strconv.FormatInt(value, 10))
	}
	return value
}

// separator joins steps of a path. A name that holds it leads nowhere.
const separator = "\x00"

// trail are the names and indices that lead to the value that failed.
func trail(failure gojsonschema.ResultError) []string {
	return strings.Split(failure.Context().String(separator), separator)[1:]
}

// locate gives the path of a value; false when it isn't in the configuration itself, as what was filled in.
func locate(value any, trail []string) (path string, known bool) {
	for _, step := range trail {
		switch at := value.(type) {
		case document:
			if value, known = at[step]; !known {
				return "", false
			}
			path = joined(path, step)
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(at) {
				return "", false
			}
			value = at[i]
			path = index(path, i)
		default:
			return "", false
		}
	}
	return path, true
}

// undecided are the places whose shape depends on an expression: which of several forms applies isn't known.
func undecided(failures []gojsonschema.ResultError) []string {
	var places []string
	for _, failure := range failures {
		switch failure.Type() {
		case "number_one_of", "number_any_of", "number_not", "condition_then", "condition_else", "contains", "enum", "const":
			if hasExpression(failure.Value()) {
				places = append(places, failure.Context().String(separator))
			}
		}
	}
	return places
}

func isUndecided(failure gojsonschema.ResultError, places []string) bool {
	value := failure.Value()
	if expression, isText := value.(string); value == nil || isText && isExpression(expression) {
		return true
	}
	at := failure.Context().String(separator)
	return slices.ContainsFunc(places, func(place string) bool { return at == place || strings.HasPrefix(at, place+separator) })
}

// isExpression reports a text that the gateway, or a property, gives another value.
func isExpression(text string) bool {
	return strings.Contains(text, "{#") || strings.Contains(text, "${")
}

func hasExpression(value any) bool {
	switch value := value.(type) {
	case string:
		return isExpression(value)
	case document:
		for _, member := range value {
			if hasExpression(member) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(value, hasExpression)
	}
	return false
}

// maxExpected is how many bytes of what a schema expects enter a message.
const maxExpected = 160

// describe says what is wrong and what is expected; told is false for what isn't worth a word, or is told by another failure.
func describe(failure gojsonschema.ResultError, path string) (found problem, told bool) {
	details := failure.Details()
	expected := func(name string) string { return cut(fmt.Sprint(details[name]), maxExpected) }
	member := fmt.Sprint(details["property"])
	switch failure.Type() {
	case "required":
		return problem{path: joined(path, member), text: "is required, and missing"}, true
	case "additional_property_not_allowed":
		return problem{path: joined(path, member), text: "isn't known to it", tolerated: true}, true
	case "invalid_property_name":
		return problem{path: joined(path, member), text: "has a name that isn't allowed"}, true
	case "invalid_type":
		return problem{path: path, text: "must be of the type " + expected("expected") + ", and is of the type " + expected("given")}, true
	case "missing_dependency":
		return problem{path: path, text: "needs the member " + expected("dependency") + " as well"}, true
	case "number_all_of", "condition_then", "condition_else", "internal":
		// The first three come with what is wrong.
		return problem{}, false
	}
	return problem{path: path, text: demand(failure.Type(), expected)}, true
}

// demand is what a schema says about a value itself.
func demand(kind string, expected func(name string) string) string {
	switch kind {
	case "enum":
		return "must be one of " + expected("allowed")
	case "const":
		return "must be " + expected("allowed")
	case "pattern":
		return "must match the pattern " + expected("pattern")
	case "string_gte":
		return "must have at least " + expected("min") + " characters"
	case "string_lte":
		return "must have at most " + expected("max") + " characters"
	case "number_gte":
		return "must be at least " + expected("min")
	case "number_gt":
		return "must be greater than " + expected("min")
	case "number_lte":
		return "must be at most " + expected("max")
	case "number_lt":
		return "must be less than " + expected("max")
	case "multiple_of":
		return "must be a multiple of " + expected("multiple")
	}
	return shape(kind, expected)
}

// shape is what a schema says about lists, objects and forms.
func shape(kind string, expected func(name string) string) string {
	switch kind {
	case "array_min_items":
		return "must have at least " + expected("min") + " elements"
	case "array_max_items":
		return "must have at most " + expected("max") + " elements"
	case "array_min_properties":
		return "must have at least " + expected("min") + " members"
	case "array_max_properties":
		return "must have at most " + expected("max") + " members"
	case "array_no_additional_items":
		return "has too many elements"
	case "unique":
		return "must not have an element twice"
	case "contains":
		return "lacks an element of a form that it must have"
	case "number_any_of":
		return "has none of the forms that are allowed"
	case "number_one_of":
		return "must have exactly one of the forms that are allowed"
	}
	return "has a form that isn't allowed"
}
