// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// Difference is one place where a document isn't as wanted. Its string form is the path alone: values may be secrets.
type Difference struct {
	// Path is readable: members joined by dots, elements of lists by name or index, such as plans[open].security.
	Path string
	// Want and Have are the two sides; nil where the side has nothing.
	Want, Have any
}

// String is the path, so that no value gets into a log or a message by formatting a difference.
func (d Difference) String() string { return d.Path }

// GoString is the path, for the same reason.
func (d Difference) GoString() string { return d.Path }

// Paths gives the paths of differences in their order.
func Paths(differences []Difference) []string {
	paths := make([]string, len(differences))
	for i, d := range differences {
		paths[i] = d.Path
	}
	return paths
}

// Summary names at most limit differences for a message, such as "labels, plans[open].security and 3 more". No values.
func Summary(differences []Difference, limit int) string {
	paths := Paths(differences)
	if limit < 1 || len(paths) <= limit {
		return strings.Join(paths, ", ")
	}
	return strings.Join(paths[:limit], ", ") + " and " + strconv.Itoa(len(paths)-limit) + " more"
}

// Rules say how values are compared, by the pattern of their path: members joined by dots, every list element is [], such
// as plans[].flows[].id. Below a value with the rule Map each member is *, such as pages.*.name.
type Rules map[string]Rule

// Rule is how one value is compared. The zero value is the plain projection, see Diff.
type Rule struct {
	// Ignore skips the value.
	Ignore bool
	// Unseen takes an absent value for equal: the other side doesn't always show it.
	Unseen bool
	// Default is what an absent value of the other side means.
	Default any
	// FoldCase compares strings, also those of a Set, without regard to case.
	FoldCase bool
	// Set compares a list without regard to order and duplicates.
	Set bool
	// Key matches the objects of two lists by the first of these members that the wanted object sets, in any order.
	Key []string
	// Ordered demands that objects matched by Key come in the wanted order.
	Ordered bool
	// Label is the member that names an object in paths; empty is the member it was matched by.
	Label string
	// AllowExtra tells which elements of a keyed list may be there without being wanted; nil allows none.
	AllowExtra func(have map[string]any) bool
	// Closed demands that an object has no member with a value besides the wanted ones.
	Closed bool
	// Map says that the members of an object are data, and the patterns below use * for them.
	Map bool
	// Normalize is applied to both sides first. It gets any JSON value or nil, must not change it, and must not panic.
	Normalize func(any) any
}

// Diff compares two JSON documents as a projection: what want doesn't set (absent or null) isn't compared. Absent, null, []
// and {} are one form, and so are absent and a zero value (false, 0, "") that is wanted. Numbers are compared
// by value. Lists are compared by index and must be as long as wanted, unless a rule says otherwise; an empty wanted list demands
// an empty one, an empty wanted object demands nothing. Values are those of encoding/json, with or without
// UseNumber. The result is sorted by path, and nil if there is no difference. Nothing is changed; no shape panics.
func Diff(want, have any, rules Rules) []Difference {
	d := differ{rules: rules}
	d.value("", "", want, have)
	sort.SliceStable(d.found, func(i, j int) bool { return d.found[i].Path < d.found[j].Path })
	return d.found
}

type differ struct {
	rules Rules
	found []Difference
}

func (d *differ) report(path string, want, have any) {
	d.found = append(d.found, Difference{Path: path, Want: want, Have: have})
}

func (d *differ) value(path, pattern string, want, have any) {
	rule := d.rules[pattern]
	if rule.Ignore {
		return
	}
	if rule.Normalize != nil {
		want, have = rule.Normalize(want), rule.Normalize(have)
	}
	if isEmpty(have) {
		if rule.Unseen || want == nil {
			return
		}
		have = rule.Default
	}
	switch want := want.(type) {
	case nil:
	case map[string]any:
		d.object(path, pattern, rule, want, have)
	case []any:
		d.list(path, pattern, rule, want, have)
	default:
		if !sameScalar(want, have, rule.FoldCase) {
			d.report(path, want, have)
		}
	}
}

func (d *differ) object(path, pattern string, rule Rule, want map[string]any, have any) {
	members, ok := have.(map[string]any)
	if !ok && !isEmpty(have) {
		d.report(path, want, have)
		return
	}
	before := len(d.found)
	for _, name := range sortedKeys(want) {
		d.value(join(path, name), memberPattern(pattern, name, rule), want[name], members[name])
	}
	if members == nil && len(d.found) > before && path != "" {
		// One line for an object that is missing as a whole.
		d.found = d.found[:before]
		d.report(path, want, nil)
		return
	}
	if rule.Closed {
		d.extraMembers(path, pattern, rule, want, members)
	}
}

// extraMembers reports what a closed object has too much.
func (d *differ) extraMembers(path, pattern string, rule Rule, want, have map[string]any) {
	for _, name := range sortedKeys(have) {
		child := d.rules[memberPattern(pattern, name, rule)]
		if want[name] != nil || child.Ignore || !isMeaningful(have[name]) {
			continue
		}
		if child.Default != nil && sameScalar(child.Default, have[name], child.FoldCase) {
			continue
		}
		d.report(join(path, name), nil, have[name])
	}
}

func (d *differ) list(path, pattern string, rule Rule, want []any, have any) {
	elements, ok := have.([]any)
	if !ok && !isEmpty(have) {
		d.report(path, want, have)
		return
	}
	switch {
	case rule.Set:
		if !slices.Equal(canonicalSet(want, rule.FoldCase), canonicalSet(elements, rule.FoldCase)) {
			d.report(path, want, have)
		}
	case len(rule.Key) > 0:
		d.keyed(path, pattern, rule, want, elements)
	default:
		d.indexed(path, pattern, want, elements)
	}
}

func (d *differ) indexed(path, pattern string, want, have []any) {
	for i := range max(len(want), len(have)) {
		at := path + "[" + strconv.Itoa(i) + "]"
		switch {
		case i >= len(have):
			d.report(at, want[i], nil)
		case i >= len(want):
			d.report(at, nil, have[i])
		default:
			d.value(at, pattern+"[]", want[i], have[i])
		}
	}
}

func (d *differ) keyed(path, pattern string, rule Rule, want, have []any) {
	used := make([]bool, len(have))
	last, ordered := -1, true
	for i, element := range want {
		at := path + "[" + label(rule, element, i) + "]"
		match := findMatch(rule.Key, element, have, used)
		if match < 0 {
			d.report(at, element, nil)
			continue
		}
		used[match] = true
		ordered = ordered && match > last
		last = match
		d.value(at, pattern+"[]", element, have[match])
	}
	for i, element := range have {
		if object, _ := element.(map[string]any); !used[i] && (rule.AllowExtra == nil || !rule.AllowExtra(object)) {
			d.report(path+"["+label(rule, element, i)+"]", nil, element)
		}
	}
	if rule.Ordered && !ordered {
		d.report(path, want, have)
	}
}

// findMatch gives the index of the first unused element that has want's key, or -1.
func findMatch(keys []string, want any, have []any, used []bool) int {
	object, _ := want.(map[string]any)
	for _, key := range keys {
		if !isMeaningful(object[key]) {
			continue
		}
		for i, element := range have {
			other, _ := element.(map[string]any)
			if !used[i] && other[key] != nil && sameScalar(object[key], other[key], false) {
				return i
			}
		}
		return -1
	}
	return -1
}

func label(rule Rule, element any, index int) string {
	object, _ := element.(map[string]any)
	for _, member := range append([]string{rule.Label}, rule.Key...) {
		if text, ok := object[member].(string); ok && text != "" {
			return text
		}
	}
	return strconv.Itoa(index)
}

func memberPattern(pattern, name string, rule Rule) string {
	if rule.Map {
		name = "*"
	}
	return join(pattern, name)
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func sortedKeys(object map[string]any) []string {
	keys := make([]string, 0, len(object))
	for key := range object {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

func isEmpty(value any) bool {
	switch value := value.(type) {
	case nil:
		return true
	case []any:
		return len(value) == 0
	case map[string]any:
		return len(value) == 0
	}
	return false
}

// isMeaningful tells values apart from those that mean the same as an absent one, all the way down.
func isMeaningful(value any) bool {
	switch value := value.(type) {
	case []any:
		return len(value) > 0
	case map[string]any:
		for _, member := range value {
			if isMeaningful(member) {
				return true
			}
		}
		return false
	}
	return !isEmpty(value) && !isZero(value)
}

func isZero(value any) bool {
	switch value := value.(type) {
	case bool:
		return !value
	case string:
		return value == ""
	}
	number, ok := toNumber(value)
	return ok && number.equal(numeric{exact: true})
}

// sameScalar compares a wanted scalar with any value; a wanted zero value equals an absent one.
func sameScalar(want, have any, foldCase bool) bool {
	if isEmpty(have) {
		return isEmpty(want) || isZero(want)
	}
	if a, ok := toNumber(want); ok {
		b, ok := toNumber(have)
		return ok && a.equal(b)
	}
	if a, ok := want.(string); ok && foldCase {
		b, ok := have.(string)
		return ok && strings.EqualFold(a, b)
	}
	return reflect.DeepEqual(want, have)
}

// numeric keeps integers exact: ids and times don't fit in a float64 for ever.
type numeric struct {
	exact bool
	whole int64
	float float64
}

func (n numeric) equal(other numeric) bool {
	if n.exact && other.exact {
		return n.whole == other.whole
	}
	return n.value() == other.value()
}

func (n numeric) value() float64 {
	if n.exact {
		return float64(n.whole)
	}
	return n.float
}

func toNumber(value any) (numeric, bool) {
	switch value := value.(type) {
	case json.Number:
		if whole, err := value.Int64(); err == nil {
			return numeric{exact: true, whole: whole}, true
		}
		float, err := value.Float64()
		return numeric{float: float}, err == nil
	case float64:
		if value == math.Trunc(value) && math.Abs(value) < 1<<53 {
			return numeric{exact: true, whole: int64(value)}, true
		}
		return numeric{float: value}, true
	case int64:
		return numeric{exact: true, whole: value}, true
	case int:
		return numeric{exact: true, whole: int64(value)}, true
	}
	return numeric{}, false
}

// canonicalSet gives the elements as sorted, distinct texts.
func canonicalSet(elements []any, foldCase bool) []string {
	texts := make([]string, 0, len(elements))
	for _, element := range elements {
		text := canonicalText(element)
		if foldCase {
			text = strings.ToLower(text)
		}
		texts = append(texts, text)
	}
	slices.Sort(texts)
	return slices.Compact(texts)
}

func canonicalText(value any) string {
	encoded, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprintf("%#v", value)
	}
	return string(encoded)
}
