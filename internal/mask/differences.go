// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package mask

import (
	"reflect"
	"strconv"
	"strings"

	"github.com/apisync/apisync/internal/model"
)

// Differences returns a copy of differences whose secret values are hidden. Where two secrets differ, the wanted side says so. The
// value of a pair of a name and a value is hidden as well when its name isn't part of the path: it may be the name of a secret.
func Differences(differences []model.Difference) []model.Difference {
	return DifferencesOf(nil, differences)
}

// DifferencesOf does the same and knows the wanted document. So the value of a pair is shown if the document has the pair, it isn't
// secret, and nothing but its value differs: otherwise the other side may be another pair.
func DifferencesOf(want any, differences []model.Difference) []model.Difference {
	pairs := pairs{want: want, differing: map[string]bool{}}
	for _, d := range differences {
		pairs.differing[d.Path] = true
	}
	masked := make([]model.Difference, len(differences))
	for i, d := range differences {
		at := placeOf(d.Path, pairs.isPlain)
		want, have := value(d.Want, at), value(d.Have, at)
		masked[i] = model.Difference{Path: d.Path, Want: marked(want, have, d.Want, d.Have), Have: have}
	}
	return masked
}

// marked is the masked side want, in which every secret is marked that isn't the same on the other side. The originals tell.
func marked(want, have, originalWant, originalHave any) any {
	switch masked := want.(type) {
	case map[string]any:
		other, _ := have.(map[string]any)
		original, _ := originalWant.(map[string]any)
		otherOriginal, _ := originalHave.(map[string]any)
		for name := range masked {
			masked[name] = marked(masked[name], other[name], original[name], otherOriginal[name])
		}
	case []any:
		other, _ := have.([]any)
		original, _ := originalWant.([]any)
		otherOriginal, _ := originalHave.([]any)
		for i := range min(len(masked), len(other), len(original), len(otherOriginal)) {
			masked[i] = marked(masked[i], other[i], original[i], otherOriginal[i])
		}
	case string:
		return markedText(masked, have, originalWant, originalHave)
	}
	return want
}

func markedText(want string, have, originalWant, originalHave any) any {
	other, ok := have.(string)
	if !ok || !strings.Contains(want, Hidden) || !strings.Contains(other, Hidden) || reflect.DeepEqual(originalWant, originalHave) {
		return want
	}
	if want == other {
		return strings.ReplaceAll(want, Hidden, Differs)
	}
	return markedJSON(want, other, originalWant, originalHave)
}

// markedJSON marks secrets in documents that travel as strings.
func markedJSON(want, have string, originalWant, originalHave any) any {
	maskedWant, ok := decodeContainer(want)
	maskedHave, okHave := decodeContainer(have)
	if !ok || !okHave {
		return want
	}
	decodedWant, _ := decodeContainer(textOf(originalWant))
	decodedHave, _ := decodeContainer(textOf(originalHave))
	return encode(marked(maskedWant, maskedHave, decodedWant, decodedHave))
}

func textOf(v any) string {
	s, _ := v.(string)
	return s
}

// placeOf is what the path of a difference tells about its value. isPlain tells whether the pair that ends at a step of the path
// is known to be no secret.
func placeOf(path string, isPlain func(pair string, inside []step) bool) place {
	var at place
	var element string
	taken := steps(path)
	for i, step := range taken {
		if step.element {
			element = step.name
			if isSecretName(element) {
				at.secret = true
			}
			continue
		}
		within := at.secret
		at = at.member(step.name)
		if within && !isSecretName(step.name) && isHarmlessName(step.name) {
			at.secret = false
		}
		if isValueName(step.name) && element != "" && !isPlain(path[:step.start], taken[:i]) {
			// The path doesn't tell whether the property is to be encrypted, or which header it is.
			at.secret = true
		}
		element = ""
	}
	return at
}

// pairs knows the pairs of a name and a value of the wanted document.
type pairs struct {
	want      any
	differing map[string]bool
}

// isPlain tells whether the path of steps leads to a pair that isn't secret, and that is the same pair on both sides.
func (p pairs) isPlain(pair string, path []step) bool {
	found, ok := descend(p.want, path).(map[string]any)
	if !ok || isSecretEntry(found) {
		return false
	}
	named := false
	for name, member := range found {
		if isEntryName(plain(name)) {
			text, _ := member.(string)
			named = named || text != ""
			if p.differing[strings.TrimSuffix(pair, ".")+"."+name] {
				return false
			}
		}
	}
	return named
}

// descend follows steps into a document; nil where they don't lead to one value.
func descend(document any, path []step) any {
	for _, step := range path {
		if text, ok := document.(string); ok {
			document, _ = decodeContainer(text)
		}
		switch inside := document.(type) {
		case map[string]any:
			document = inside[step.name]
		case []any:
			document = elementOf(inside, step.name)
		default:
			return nil
		}
	}
	return document
}

// elementOf finds the one element that a path names: by what it is called or, if none is called so, by its index.
func elementOf(elements []any, name string) any {
	var found []any
	for _, element := range elements {
		members, _ := element.(map[string]any)
		for _, member := range []string{"name", "key", "crossId"} {
			if members[member] == name {
				found = append(found, element)
				break
			}
		}
	}
	index, err := strconv.Atoi(name)
	switch {
	case len(found) == 1:
		return found[0]
	case len(found) == 0 && err == nil && index >= 0 && index < len(elements):
		return elements[index]
	}
	return nil
}

// step is a member of an object or an element of a list, and where it starts in the path.
type step struct {
	name    string
	element bool
	start   int
}

// steps takes a path such as plans[open].flows[0].name apart. The name of an element may hold any character.
func steps(path string) []step {
	var found []step
	for at := 0; at < len(path); {
		end := strings.IndexAny(path[at:], ".[")
		if end < 0 {
			return append(found, step{name: path[at:], start: at})
		}
		end += at
		if end > at {
			found = append(found, step{name: path[at:end], start: at})
		}
		at = end + 1
		if path[end] == '[' {
			name, rest := cutElement(path[at:])
			found = append(found, step{name: name, element: true, start: at})
			at = len(path) - len(rest)
		}
	}
	return found
}

// cutElement splits behind the bracket that ends an element: the first that is followed by another step or by nothing.
func cutElement(path string) (name, rest string) {
	for i := range len(path) {
		if path[i] != ']' {
			continue
		}
		if i+1 == len(path) || path[i+1] == '[' {
			return path[:i], path[i+1:]
		}
		if path[i+1] == '.' {
			return path[:i], path[i+2:]
		}
	}
	return path, ""
}
