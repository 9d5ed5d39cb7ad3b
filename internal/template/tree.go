// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package template

import (
	"errors"
	"regexp"
	"strings"
	"text/template/parse"

	"github.com/apisync/apisync/internal/fault"
)

// What one object may ask for. A template that needs more isn't one that a person wrote.
const (
	// maxText is the length in bytes of one string, before and after it is rendered, and of what a function may give.
	maxText = 1 << 20
	// maxWork is the length in bytes of all that the templates of one object make and look up.
	maxWork = 4 << 20
	// maxActions is the number of opening brackets in the strings of one object, counted before anything is parsed.
	maxActions = 10_000
	// maxNodes is the number of things that the templates of one object evaluate. Without loops each is evaluated at most once, so
	// it also bounds the number of look-ups.
	maxNodes = 10_000
)

// treeName stands for the template in the engine's messages, from which it is taken out again. Nobody writes it by chance.
const treeName = "[[ ]]"

// tree is a parsed template.
type tree struct {
	main *parse.Tree
	// all holds the main tree, and what define and block made of their own.
	all map[string]*parse.Tree
	// nodes counts what would be evaluated.
	nodes int
	// texts holds the first byte of each literal text: what is written from there is no output of an action.
	texts map[*byte]struct{}
	// literals are the strings that stand in actions.
	literals map[string]struct{}
	// constants are the strings that make up an action alone, such as "[[".
	constants map[string]struct{}
}

// parsed parses a template and counts what is in it. The error is a fault.
func parsed(text string) (tree, error) {
	if len(text) > maxText {
		return tree{}, problem("it is longer than %d bytes; make it shorter", maxText)
	}
	if variables(text) > maxNodes {
		return tree{}, problem("the template uses more than %d variables; use fewer", maxNodes)
	}
	t := tree{
		all: map[string]*parse.Tree{}, texts: map[*byte]struct{}{}, literals: map[string]struct{}{}, constants: map[string]struct{}{},
	}
	if err := t.parse(text); err != nil {
		message := withoutNoise(err.Error(), text)
		return tree{}, problem("the template can't be read: %s. Where [[ is meant as it is, write [[ \"[[\" ]]", message)
	}
	for _, each := range t.all {
		inspect(each.Root, t.note)
	}
	return t, nil
}

func (t *tree) parse(text string) (err error) {
	// The engine panics on mistakes of its own. Trees are parsed where a cache keeps its indexes, and one template must not end
	// the work for all objects.
	defer func() {
		if recover() != nil {
			err = errors.New("the parser fails")
		}
	}()
	t.main = parse.New(treeName)
	t.main, err = t.main.Parse(text, left, right, t.all, functionNames())
	return err
}

// variables counts the variables in a template. The parser compares each with all that are declared, so it must not be given too
// many.
func variables(text string) int {
	count := 0
	for {
		_, action, ok := strings.Cut(text, left)
		if !ok {
			return count
		}
		for action != "" && !strings.HasPrefix(action, right) {
			if action[0] == '$' {
				count++
			}
			action = action[tokenLength(action):]
		}
		text = action
	}
}

// tokenLength is the length of the string, character or comment that an action begins with, or 1. What isn't closed reaches to
// the end.
func tokenLength(action string) int {
	switch quote := action[0]; {
	case strings.HasPrefix(action, "/*"):
		if end := strings.Index(action[2:], "*/"); end >= 0 {
			return end + 4
		}
		return len(action)
	case quote == '`':
		if end := strings.IndexByte(action[1:], quote); end >= 0 {
			return end + 2
		}
		return len(action)
	case quote == '"' || quote == '\'':
		for i := 1; i < len(action); i++ {
			switch action[i] {
			case '\\':
				i++
			case quote:
				return i + 1
			}
		}
		return len(action)
	}
	return 1
}

func (t *tree) note(node parse.Node) {
	switch node := node.(type) {
	case *parse.ListNode:
	case *parse.TextNode:
		if len(node.Text) > 0 {
			t.texts[&node.Text[0]] = struct{}{}
		}
	case *parse.StringNode:
		t.nodes++
		t.literals[node.Text] = struct{}{}
	case *parse.ActionNode:
		t.nodes++
		if text, ok := literal(node.Pipe); ok {
			t.constants[text] = struct{}{}
		}
	default:
		t.nodes++
	}
}

// functionNames are the functions that templates may call: Go's and ours. The parser only looks whether there is a value.
func functionNames() map[string]any {
	names := map[string]any{}
	for _, name := range []string{
		"and", "call", "html", "index", "slice", "js", "len", "not", "or", "print", "printf", "println", "urlquery",
		"eq", "ge", "gt", "le", "lt", "ne", string(Secret), string(ConfigMap),
	} {
		names[name] = true
	}
	return names
}

// refusal is the fault of a template that uses what could run for ever; nil when it doesn't.
func (t tree) refusal(text string) error {
	construct := ""
	inspect(t.main.Root, func(node parse.Node) {
		if construct == "" {
			construct = refused(node, text)
		}
	})
	if construct == "" && (len(t.all) > 1 || t.all[treeName] != t.main) {
		construct = "define"
	}
	switch construct {
	case "":
		return nil
	case "range":
		return problem("the template uses range, which is refused: it can repeat for ever and hold a worker; " +
			"write out what it would repeat")
	}
	return problem("the template uses %s, which is refused: templates that use each other can run for ever and hold a worker; "+
		"write the text where it is used", construct)
}

// refused is the construct that a node stands for if that is refused, otherwise empty.
func refused(node parse.Node, text string) string {
	switch node := node.(type) {
	case *parse.RangeNode, *parse.BreakNode, *parse.ContinueNode: // the last two exist inside of the first only
		return "range"
	case *parse.TemplateNode:
		if before := min(int(node.Pos), len(text)); strings.HasSuffix(strings.TrimSpace(text[:before]), "block") {
			return "block"
		}
		return "template"
	}
	return ""
}

// inspect visits a node and all that is inside of it, in the order of the text.
func inspect(node parse.Node, visit func(parse.Node)) {
	switch node := node.(type) {
	case *parse.ListNode:
		inspectAll(node, visit)
		return
	case *parse.PipeNode:
		inspectPipe(node, visit)
		return
	}
	visit(node)
	switch node := node.(type) {
	case *parse.ActionNode:
		inspectPipe(node.Pipe, visit)
	case *parse.TemplateNode:
		inspectPipe(node.Pipe, visit)
	case *parse.CommandNode:
		for _, argument := range node.Args {
			inspect(argument, visit)
		}
	case *parse.ChainNode:
		inspect(node.Node, visit)
	case *parse.IfNode:
		inspectBranch(&node.BranchNode, visit)
	case *parse.WithNode:
		inspectBranch(&node.BranchNode, visit)
	case *parse.RangeNode:
		inspectBranch(&node.BranchNode, visit)
	}
}

func inspectAll(list *parse.ListNode, visit func(parse.Node)) {
	if list == nil {
		return
	}
	visit(list)
	for _, node := range list.Nodes {
		inspect(node, visit)
	}
}

func inspectPipe(pipe *parse.PipeNode, visit func(parse.Node)) {
	if pipe == nil {
		return
	}
	visit(pipe)
	for _, variable := range pipe.Decl {
		visit(variable)
	}
	for _, command := range pipe.Cmds {
		inspect(command, visit)
	}
}

func inspectBranch(branch *parse.BranchNode, visit func(parse.Node)) {
	inspectPipe(branch.Pipe, visit)
	inspectAll(branch.List, visit)
	inspectAll(branch.ElseList, visit)
}

// literal is the string that a node is, in parentheses or not.
func literal(node parse.Node) (string, bool) {
	switch node := node.(type) {
	case *parse.StringNode:
		return node.Text, true
	case *parse.CommandNode:
		if len(node.Args) == 1 {
			return literal(node.Args[0])
		}
	case *parse.PipeNode:
		if len(node.Cmds) == 1 {
			return literal(node.Cmds[0])
		}
	}
	return "", false
}

// The engine's messages begin with the name of the template, a line and sometimes a column, and may name a line once more.
var (
	noise    = regexp.MustCompile(`^template: \[\[ \]\]:(\d+)(?::\d+)?: (?:executing "\[\[ \]\]" )?`)
	nameLine = regexp.MustCompile(`at \[\[ \]\]:(\d+)`)
	keyword  = regexp.MustCompile(`\{\{(break|continue|range)\}\}`)
)

// withoutNoise is a message of the engine about a template, with the line only where there are several, in one line.
func withoutNoise(message, text string) string {
	line := ""
	if strings.Contains(text, "\n") {
		line = "line $1: "
	}
	message = noise.ReplaceAllString(message, line)
	message = nameLine.ReplaceAllString(message, "in line $1")
	message = keyword.ReplaceAllString(message, left+"$1"+right)
	return abbreviated(strings.Join(strings.Fields(message), " "))
}

// abbreviated takes out the middle of a long message: it begins with where something is and ends with what is wrong there.
func abbreviated(message string) string {
	const head, tail = 120, 180
	runes := []rune(message)
	if len(runes) <= head+tail {
		return message
	}
	return string(runes[:head]) + " … " + string(runes[len(runes)-tail:])
}

// problem is the fault of a template.
func problem(format string, args ...any) error {
	return fault.New(fault.Terminal, fault.ReasonTemplate, format, args...)
}
