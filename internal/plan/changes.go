// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/apisync/apisync/internal/mask"
	"github.com/apisync/apisync/internal/model"
	"github.com/apisync/apisync/internal/translate"
)

// changes are the fields that a write would give another value, masked.
func (p *planner) changes(one *planned, applied *write) []Change {
	if !applied.seen.seen.Exists {
		return p.additions(one, applied.want)
	}
	var unread []model.Difference
	if one.published != nil && p.wantsAnother(one.target) {
		if wanted, err := p.remembered(one.target); err == nil {
			unread = documentDifferences(wanted.Definition, one.published.Definition)
		}
	}
	return changesOf(applied.want.Definition, applied.seen.comparison.Differences, unread)
}

// wantsAnother reports whether the wanted state is known to be another than the one that was published last.
func (p *planner) wantsAnother(t *target) bool {
	wanted, err := p.remembered(t)
	if err != nil || !model.Comparable(t.digest, p.DigestKey) {
		return false
	}
	digest, err := wanted.Digest(p.DigestKey)
	return err == nil && digest != t.digest
}

// changesOf masks and joins differences from what the management API has, and those from what was wanted before that it doesn't tell.
func changesOf(want any, differences, unread []model.Difference) []Change {
	var changes []Change
	for _, d := range mask.DifferencesOf(want, differences) {
		changes = append(changes, Change{Path: d.Path, Before: d.Have, After: d.Want})
	}
	for _, d := range mask.DifferencesOf(want, unread) {
		if !slices.ContainsFunc(differences, func(read model.Difference) bool { return covers(read.Path, d.Path) }) {
			changes = append(changes, Change{Path: d.Path, Before: d.Have, After: d.Want, NotReadBack: true})
		}
	}
	slices.SortStableFunc(changes, func(a, b Change) int { return cmp.Compare(a.Path, b.Path) })
	return changes
}

// covers reports whether the paths name the same field, or one of them the whole of which the other is a part.
func covers(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	return strings.HasPrefix(b, a) && (len(a) == len(b) || a == "" || b[len(a)] == '.' || b[len(a)] == '[')
}

// documentRules name elements of lists as a comparison with the management API does.
func documentRules() model.Rules {
	return model.Rules{
		"plans":                    {Key: []string{"crossId", "name"}, Label: "name"},
		"properties":               {Key: []string{"key"}},
		"resources":                {Key: []string{"name"}},
		"metadata":                 {Key: []string{"key", "name"}},
		"proxy.groups":             {Key: []string{"name"}},
		"proxy.groups[].endpoints": {Key: []string{"name"}},
		// The management API may have chosen another.
		"plans[].id": {Ignore: true},
	}
}

// documentDifferences compares both ways: what isn't wanted any more is a difference as well.
func documentDifferences(want, before map[string]any) []model.Difference {
	found := model.Diff(want, before, documentRules())
	for _, d := range model.Diff(before, want, documentRules()) {
		if !slices.ContainsFunc(found, func(known model.Difference) bool { return covers(known.Path, d.Path) }) {
			found = append(found, model.Difference{Path: d.Path, Want: d.Have, Have: d.Want})
		}
	}
	return found
}

// additions are all fields of an API that doesn't exist yet.
func (p *planner) additions(one *planned, want model.API) []Change {
	document, _ := mask.Document(want.Definition).(map[string]any)
	if one.drawnUID && want.ID == string(one.api.UID) {
		other, err := translate.API(one.resource(), translate.Inputs{ID: want.ID + "-", Cluster: want.Cluster, Sharers: want.Sharers})
		if err == nil {
			document, _ = unknown(document, want.Definition, other.Definition).(map[string]any)
		}
	}
	var changes []Change
	leaves("", document, func(path string, value any) { changes = append(changes, Change{Path: path, After: value}) })
	return changes
}

// unknown puts KnownAfterApply into shown, a masked form of a, wherever a isn't the same as b.
func unknown(shown, a, b any) any {
	switch shown := shown.(type) {
	case map[string]any:
		a, okA := a.(map[string]any)
		b, okB := b.(map[string]any)
		if !okA || !okB {
			return shown
		}
		result := make(map[string]any, len(shown))
		for name, value := range shown {
			result[name] = unknown(value, a[name], b[name])
		}
		return result
	case []any:
		a, okA := a.([]any)
		b, okB := b.([]any)
		if !okA || !okB || len(a) != len(shown) || len(b) != len(shown) {
			return shown
		}
		result := make([]any, len(shown))
		for i, value := range shown {
			result[i] = unknown(value, a[i], b[i])
		}
		return result
	}
	if reflect.DeepEqual(a, b) {
		return shown
	}
	return KnownAfterApply
}

// leaves visits the values of a document that aren't empty, in the order of their paths.
func leaves(path string, value any, visit func(path string, value any)) {
	switch value := value.(type) {
	case nil:
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(value)) {
			leaves(strings.TrimPrefix(path+"."+name, "."), value[name], visit)
		}
	case []any:
		for i, element := range value {
			leaves(path+"["+elementName(element, i)+"]", element, visit)
		}
	default:
		if value != "" {
			visit(path, value)
		}
	}
}

// elementName is how an element of a list is named in paths.
func elementName(element any, i int) string {
	object, _ := element.(map[string]any)
	for _, member := range []string{"name", "key"} {
		if name, ok := object[member].(string); ok && name != "" {
			return name
		}
	}
	return strconv.Itoa(i)
}
