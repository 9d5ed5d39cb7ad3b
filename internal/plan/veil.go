// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/gather"
	"github.com/apisync/apisync/internal/mask"
	"github.com/apisync/apisync/internal/translate"
)

// veil hides what was rendered for one object, from Secrets and from ConfigMaps. What is known by its value is hidden wherever it stands.
// A field that has a template is hidden as a whole, and on both sides of a change: what was rendered in it before may be nowhere else any
// more. The zero value hides nothing.
type veil struct {
	clean []func(string) string
	// templates is true when there may be any.
	templates bool
	// now matches the paths of fields that have templates, and of what is below them, ever also those that had some before. Nil
	// where there are none.
	now, ever *regexp.Regexp
}

// see hides the values that were rendered into found, of which err is the rest.
func (v *veil) see(found gather.API, err error) {
	v.templates = v.templates || found.Rendered || err != nil
	if found.Rendered {
		v.clean = append(v.clean, found.Redact)
	}
}

// opening begins a template.
const opening = "[["

// drape hides the fields of a resource that have a template, by its file and by the cluster.
func (p *planner) drape(ctx context.Context, t *target) {
	if !p.Templating || !t.veil.templates {
		return
	}
	now, before := p.sources(), p.sourcesBefore()
	now.Templating, before.Templating = false, false
	patterns := templatedFields(ctx, now, t.api)
	t.veil.now = anyOf(patterns)
	if t.live != nil {
		patterns = append(patterns, templatedFields(ctx, before, t.live)...)
	}
	t.veil.ever = anyOf(patterns)
}

// templatedFields are patterns of the fields of the wanted state that have a template, also where an object that is referred to has it.
func templatedFields(ctx context.Context, sources gather.Sources, api *v1alpha1.ApiDefinition) []string {
	// Where a reference leads nowhere, the resource alone has to do.
	if found, err := sources.API(ctx, api); err == nil {
		api = found.Object
	}
	want, err := translate.API(api, translate.Inputs{ID: string(api.UID)})
	if err != nil {
		return nil // then there are no changes to be told either
	}
	var patterns []string
	templated("", want.Definition, func(pattern string) { patterns = append(patterns, pattern) })
	return patterns
}

func anyOf(patterns []string) *regexp.Regexp {
	if len(patterns) == 0 {
		return nil
	}
	patterns = slices.Compact(slices.Sorted(slices.Values(patterns)))
	return regexp.MustCompile("(?s)^(?:" + strings.Join(patterns, "|") + ")(?:[.[].*)?$")
}

// templated visits patterns of the paths of strings that have templates.
func templated(pattern string, value any, visit func(pattern string)) {
	switch value := value.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(value)) {
			separator := `\.`
			if pattern == "" {
				separator = ""
			}
			templated(pattern+separator+regexp.QuoteMeta(name), value[name], visit)
		}
	case []any:
		for _, element := range value {
			templated(pattern+elementPattern(element), element, visit)
		}
	case string:
		if strings.Contains(value, opening) {
			visit(pattern)
		}
	}
}

// elementPattern matches how an element of a list may be named in a path. Its index may be another on the other side of a change.
func elementPattern(element any) string {
	names := []string{`\d+`}
	object, _ := element.(map[string]any)
	for _, member := range []string{"name", "key", "crossId"} {
		name, _ := object[member].(string)
		if strings.Contains(name, opening) {
			return `\[.*?\]`
		}
		if name != "" {
			names = append(names, regexp.QuoteMeta(name))
		}
	}
	return `\[(?:` + strings.Join(names, "|") + `)\]`
}

// text takes rendered values out of a text.
func (v *veil) text(text string) string {
	for _, clean := range v.clean {
		text = clean(text)
	}
	return text
}

// change hides both sides. What is there may come from a template that was there before.
func (v *veil) change(c Change) Change {
	if v.ever == nil && len(v.clean) == 0 {
		return c
	}
	c.Before, c.After = v.value(v.ever, c.Path, c.Before), v.value(v.now, c.Path, c.After)
	if c.Before == mask.Hidden && c.After == mask.Hidden {
		c.After = mask.Differs
	}
	c.Path = v.text(c.Path)
	return c
}

// value hides what is rendered in a value that stands at path.
func (v *veil) value(fields *regexp.Regexp, path string, value any) any {
	switch value := value.(type) {
	case nil:
		return nil
	case map[string]any:
		result := make(map[string]any, len(value))
		for name, member := range value {
			result[v.text(name)] = v.value(fields, strings.TrimPrefix(path+"."+name, "."), member)
		}
		return result
	case []any:
		result := make([]any, len(value))
		for i, element := range value {
			// By its name or by its index, it may be the one that has a template.
			byName := v.value(fields, path+"["+elementName(element, i)+"]", element)
			result[i] = v.value(fields, path+"["+strconv.Itoa(i)+"]", byName)
		}
		return result
	}
	if value == KnownAfterApply {
		return value
	}
	if fields != nil && fields.MatchString(path) {
		return mask.Hidden
	}
	if text, ok := value.(string); ok {
		return v.text(text)
	}
	return value
}

// veiled hides what was rendered for the object and for contexts. Names of resources stay as they are: they are no values.
func (p *planner) veiled(one *planned, object Object) Object {
	text := func(text string) string { return p.veilContexts(one.veil.text(text)) }
	object.ID, object.Reason = text(object.ID), text(object.Reason)
	for i := range object.Writes {
		w := &object.Writes[i]
		w.ID, w.BaseURL, w.Scope = text(w.ID), p.veilContexts(w.BaseURL), p.veilContexts(w.Scope)
	}
	for i := range object.Changes {
		object.Changes[i] = one.veil.change(object.Changes[i])
	}
	for i := range object.Findings {
		object.Findings[i].Path, object.Findings[i].Message = text(object.Findings[i].Path), text(object.Findings[i].Message)
	}
	for i := range object.Warnings {
		object.Warnings[i] = text(object.Warnings[i])
	}
	if object.Fault != nil {
		object.Fault.Message = text(object.Fault.Message)
	}
	return object
}

// veilContexts takes out of a text what was rendered for contexts.
func (p *planner) veilContexts(text string) string {
	for _, c := range p.managed {
		if c.redact != nil {
			text = c.redact(text)
		}
	}
	return text
}
