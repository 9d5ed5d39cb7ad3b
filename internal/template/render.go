// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package template

import (
	"context"
	"errors"
	"fmt"
	"strings"
	gotemplate "text/template"
	"unicode/utf8"

	"github.com/apisync/apisync/internal/fault"
)

// renderer renders the strings of one object and keeps what is to be known about them.
type renderer struct {
	lookup Lookup
	known  map[question]answer
	// nodes and work count what was spent, see maxNodes and maxWork.
	nodes, work int

	values  map[string]struct{}
	sources map[Source]struct{}
	secret  []string
}

type question struct {
	kind      Kind
	name, key string
}

type answer struct {
	text string
	err  error
}

// all renders every site in its document.
func (r *renderer) all(ctx context.Context, sites []site) error {
	if tooMany(sites) {
		return problem("%s: its strings have more than %d templates; use fewer", root, maxActions)
	}
	var found []finding
	for _, s := range sites {
		text, err := r.one(ctx, s)
		if ctx.Err() != nil {
			return fmt.Errorf("rendering templates: %w", ctx.Err())
		}
		if err != nil {
			found = append(found, finding{path: s.path(), err: err})
			continue
		}
		s.put(text)
	}
	return together(found)
}

// tooMany tells of sites that aren't even parsed.
func tooMany(sites []site) bool {
	actions := 0
	for _, s := range sites {
		actions += strings.Count(s.text, left)
	}
	return actions > maxActions
}

// one renders a string.
func (r *renderer) one(ctx context.Context, s site) (string, error) {
	t, err := parsed(s.text)
	if err != nil {
		return "", err
	}
	if err := t.refusal(s.text); err != nil {
		return "", err
	}
	if r.nodes += t.nodes; r.nodes > maxNodes {
		return "", problem("the templates of the object have more than %d parts; use fewer", maxNodes)
	}
	x := run{renderer: r, tree: t}
	err = x.execute(ctx, s.text)
	x.remember()
	if x.secret {
		r.secret = append(r.secret, s.path())
	}
	if err == nil && !utf8.ValidString(x.out.String()) {
		err = problem("the template renders to bytes that aren't UTF-8 text; use values that are text")
	}
	return x.out.String(), err
}

// spend counts text that was made or looked up.
func (r *renderer) spend(text string) error {
	if len(text) > maxText {
		return passed{problem("the template makes a text of more than %d bytes; make it shorter", maxText)}
	}
	if r.work += len(text); r.work > maxWork {
		return passed{problem("the templates of the object make more than %d bytes of text; make it less", maxWork)}
	}
	return nil
}

// notShown ends a message that would be longer if it were safe.
const notShown = " (more isn't shown, since it may hold a value that was looked up)"

// passed marks an error that comes through the engine and has nothing to do with it.
type passed struct{ error }

func (p passed) Unwrap() error { return p.error }

// run is the rendering of one string.
type run struct {
	*renderer

	tree tree
	out  strings.Builder
	// pieces are what actions wrote.
	pieces []string
	// lookedUp and secret tell whether anything was looked up, and whether that was in a Secret.
	lookedUp, secret bool
}

// execute writes what the template renders to. The error is a fault, or the Lookup's.
func (x *run) execute(ctx context.Context, text string) (err error) {
	// The engine panics on mistakes of its own; they are no reason to end a worker.
	defer func() {
		if recover() != nil {
			err = problem("the template engine fails; write the template in another way")
		}
	}()
	engine, err := gotemplate.New(treeName).Funcs(x.functions(ctx)).AddParseTree(treeName, x.tree.main)
	if err == nil {
		err = engine.Execute(x, nil)
	}
	if err == nil {
		return nil
	}
	if through, ok := errors.AsType[passed](err); ok {
		return through.error
	}
	return problem("the template fails %s", withoutNoise(x.message(err), text))
}

// message is what the engine says. Where something was looked up, it isn't told what a function complains about: some quote
// their arguments.
func (x *run) message(err error) string {
	failed, ok := errors.AsType[gotemplate.ExecError](err)
	if !ok {
		return "at its end"
	}
	cause := errors.Unwrap(failed.Err)
	if cause == nil || !x.lookedUp {
		return err.Error()
	}
	before, ok := strings.CutSuffix(err.Error(), ": "+cause.Error())
	if !ok {
		before = "in a function"
	}
	return before + notShown
}

// Write takes literal text and the output of actions, one write for each. The engine writes literal text from the tree itself, and
// that is how it is known: if it ever wrote copies, too much would be kept from being shown, and not too little.
func (x *run) Write(text []byte) (int, error) {
	if len(text) == 0 {
		return 0, nil
	}
	if x.out.Len()+len(text) > maxText {
		return 0, passed{problem("the template renders to more than %d bytes; make it shorter", maxText)}
	}
	piece := string(text)
	if err := x.spend(piece); err != nil {
		return 0, err
	}
	if _, isText := x.tree.texts[&text[0]]; !isText {
		x.pieces = append(x.pieces, piece)
	}
	return x.out.WriteString(piece)
}

// remember keeps what must not be shown: pieces and the whole, unless nothing was looked up or the whole is nothing but what stands
// in the template.
func (x *run) remember() {
	if !x.lookedUp {
		return
	}
	made := false
	for _, piece := range x.pieces {
		_, isConstant := x.tree.constants[piece]
		if _, isValue := x.values[piece]; isConstant && !isValue {
			continue
		}
		made = true
		x.keep(piece)
	}
	if made {
		x.keep(x.out.String())
	}
}

func (r *renderer) keep(value string) {
	if strings.TrimSpace(value) != "" {
		r.values[value] = struct{}{}
	}
}

// find is what the functions secret and configmap do.
func (x *run) find(ctx context.Context, kind Kind, argument string) (string, error) {
	_, isLiteral := x.tree.literals[argument]
	name, key, ok := cutArgument(argument)
	if !ok {
		return "", passed{badArgument(kind, argument, isLiteral)}
	}
	// A name that isn't literal may be made of a value, if one is known already.
	tell := isLiteral || !x.lookedUp
	x.lookedUp = true
	x.secret = x.secret || kind == Secret
	x.sources[Source{Kind: kind, Name: name}] = struct{}{}
	found := x.ask(ctx, question{kind: kind, name: name, key: key})
	switch {
	case found.err == nil:
		x.keep(found.text)
		return found.text, nil
	case tell:
		return "", passed{found.err}
	}
	return "", passed{fault.Redact(found.err, func(string) string {
		return fmt.Sprintf("the name or key that the template computes for %s can't be looked up%s", kind, notShown)
	})}
}

// ask looks up each text once, so that all fields agree.
func (r *renderer) ask(ctx context.Context, q question) answer {
	found, known := r.known[q]
	if known {
		return found
	}
	if found.err = ctx.Err(); found.err == nil {
		found.text, found.err = r.lookup(ctx, q.kind, q.name, q.key)
	}
	if found.err == nil {
		found.err = r.spend(found.text)
	}
	r.known[q] = found
	return found
}

// cutArgument splits name/key.
func cutArgument(argument string) (name, key string, ok bool) {
	name, key, ok = strings.Cut(argument, "/")
	return name, key, ok && name != "" && key != "" && !strings.Contains(key, "/")
}

func badArgument(kind Kind, argument string, isLiteral bool) error {
	if !isLiteral {
		return problem("what the template computes for %s isn't of the form name/key", kind)
	}
	shown := abbreviated(fmt.Sprintf("%q", argument))
	return problem("%s %s isn't of the form name/key, such as %s \"my-name/my-key\"", kind, shown, kind)
}

// finding is what is wrong with the string at a path.
type finding struct {
	path string
	err  error
}

// together makes one error of what was found. It is the first that is Terminal, or else the first, with the text of all.
func together(found []finding) error {
	if len(found) == 0 {
		return nil
	}
	const told = 5
	decisive := found[0].err
	var texts []string
	for i, f := range found {
		if i < told {
			texts = append(texts, f.path+": "+f.err.Error())
		}
		if fault.KindOf(decisive) != fault.Terminal && fault.KindOf(f.err) == fault.Terminal {
			decisive = f.err
		}
	}
	if more := len(found) - told; more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return fault.Redact(decisive, func(string) string { return strings.Join(texts, "; ") })
}
