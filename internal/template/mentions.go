// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package template

import (
	"maps"
	"slices"
	"text/template/parse"
)

// Mentions are the Secrets and ConfigMaps of an object's namespace that its templates can look up.
type Mentions struct {
	// Secrets and ConfigMaps are names. Sorted, without repetitions.
	Secrets, ConfigMaps []string
	// Dynamic is true when some name is computed while rendering, so that any Secret or ConfigMap of the namespace may be meant.
	Dynamic bool
}

// MentionsOf tells what the templates in the strings of spec mention, whether or not rendering gets there. Strings that can't be
// parsed mention nothing. Only the templates are looked at, and nothing of them is evaluated.
func MentionsOf(spec any) Mentions {
	_, sites, err := templated(spec)
	if err != nil || tooMany(sites) {
		return Mentions{} // It isn't rendered either.
	}
	m := mentioned{names: map[Source]struct{}{}}
	for _, s := range sites {
		// What can't be parsed has no trees.
		t, _ := parsed(s.text)
		for _, each := range t.all {
			inspect(each.Root, m.note)
		}
	}
	return Mentions{Secrets: m.of(Secret), ConfigMaps: m.of(ConfigMap), Dynamic: m.dynamic}
}

type mentioned struct {
	names   map[Source]struct{}
	dynamic bool
}

func (m *mentioned) of(kind Kind) []string {
	var names []string
	for source := range maps.Keys(m.names) {
		if source.Kind == kind {
			names = append(names, source.Name)
		}
	}
	slices.Sort(names)
	return names
}

// note looks at the calls in a pipeline. A function that stands as an argument is called without one, which fails before anything is
// looked up.
func (m *mentioned) note(node parse.Node) {
	pipe, ok := node.(*parse.PipeNode)
	if !ok {
		return
	}
	for i, command := range pipe.Cmds {
		function, ok := command.Args[0].(*parse.IdentifierNode)
		if !ok || function.Ident != string(Secret) && function.Ident != string(ConfigMap) {
			continue
		}
		arguments := slices.Clone(command.Args[1:])
		if i > 0 {
			// What comes through the pipeline is what the command before gives, which is literal only if that is all there is.
			arguments = append(arguments, &parse.PipeNode{Cmds: pipe.Cmds[:i]})
		}
		m.call(Kind(function.Ident), arguments)
	}
}

func (m *mentioned) call(kind Kind, arguments []parse.Node) {
	if len(arguments) != 1 {
		return // Such a call fails.
	}
	argument, ok := literal(arguments[0])
	if !ok {
		m.dynamic = true
		return
	}
	if name, _, ok := cutArgument(argument); ok {
		m.names[Source{Kind: kind, Name: name}] = struct{}{}
	}
}
