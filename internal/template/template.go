// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

// Package template renders the [[ ]] templates in the strings of a spec, tells which Secrets and ConfigMaps they mention, and cleans
// texts of what was rendered. The language is that of text/template with two functions, secret and configmap, and without the
// constructs that can run for ever (shared/reference/gko-compatibility.md 5.9 and docs/adr/0013-template-limits.md).
package template

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/apisync/apisync/internal/fault"
)

// Kind is what a value is looked up in; it is also the name of the function that does it.
type Kind string

const (
	// Secret is a Secret of the object's namespace.
	Secret Kind = "secret"
	// ConfigMap is a ConfigMap of the object's namespace.
	ConfigMap Kind = "configmap"
)

// Lookup gives the text under a key of a Secret or ConfigMap called name in the object's namespace. Its errors are faults and pass
// through, with the path of the field before their text. A missing or empty key is the Lookup's to report. It is asked once per
// Render for the same text.
type Lookup func(ctx context.Context, kind Kind, name, key string) (string, error)

// Rendered is a spec without templates, and what has to be known about where its texts came from.
type Rendered[T any] struct {
	// Spec is a copy with every template rendered; the input when there was none. Beside an error it is the zero value.
	Spec T
	// Values are all texts that must not be shown: the values that were looked up, and what actions put out in strings in which
	// something was looked up, piece by piece and as a whole. What stands in the template as it is, as text or in an action that
	// is nothing but a string, isn't among them. Without repetitions, longest first, none is blank. Beside an error they are those
	// that were looked up before it.
	Values []string
	// Sources are what was looked up, whether it was found or not. Sorted by kind and name, without repetitions. Names may be
	// computed by templates.
	Sources []Source
	// Secret are the paths of fields whose rendering looked up a Secret, such as
	// "spec.flows[0].pre[0].configuration.addHeaders[0].value". Sorted.
	Secret []string
}

// Source is a Secret or ConfigMap of the object's namespace.
type Source struct {
	Kind Kind
	Name string
}

// Render renders the templates in every string value of spec, in its JSON form, in which numbers keep their digits. spec isn't
// changed. Problems are faults with the reason fault.ReasonTemplate, or those of lookup: several are told together, with the kind and
// reason of the first that is Terminal, or else of the first. No error holds a value that was looked up. An error without a fault
// means that ctx ended.
func Render[T any](ctx context.Context, spec T, lookup Lookup) (Rendered[T], error) {
	document, sites, err := templated(spec)
	if err != nil {
		return Rendered[T]{}, fault.New(fault.Terminal, fault.ReasonIllegalState, "spec: %w", err)
	}
	if len(sites) == 0 {
		return Rendered[T]{Spec: spec}, nil
	}
	r := renderer{lookup: lookup, known: map[question]answer{}, values: map[string]struct{}{}, sources: map[Source]struct{}{}}
	err = r.all(ctx, sites)
	rendered := Rendered[T]{Values: r.sortedValues(), Sources: r.sortedSources(), Secret: slices.Sorted(slices.Values(r.secret))}
	if err != nil {
		return rendered, err
	}
	rendered.Spec, err = decode[T](document)
	return rendered, err
}

func (r *renderer) sortedValues() []string {
	return slices.SortedFunc(maps.Keys(r.values), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b))
	})
}

func (r *renderer) sortedSources() []Source {
	return slices.SortedFunc(maps.Keys(r.sources), func(a, b Source) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
}
