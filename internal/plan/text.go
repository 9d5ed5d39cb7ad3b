// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// TextOptions are how a plan is shown to people.
type TextOptions struct {
	// Color says whether the output may have colours.
	Color bool
	// Width is how many characters a line should have at most; values are cut to fit. Zero means 120.
	Width int
	// Verbose shows what is unchanged, and all fields of what is created.
	Verbose bool
}

const (
	defaultWidth = 120
	narrowest    = 40
	// shownAdditions is how many fields of an API are shown that is created.
	shownAdditions = 12
)

// color is a terminal's code for one.
type color string

const (
	plain  color = ""
	red    color = "31"
	green  color = "32"
	yellow color = "33"
	blue   color = "36"
	faint  color = "2"
	bold   color = "1"
)

// Text writes the report for people.
func (r Report) Text(to io.Writer, options TextOptions) error {
	if options.Width == 0 {
		options.Width = defaultWidth
	}
	options.Width = max(options.Width, narrowest)
	w := &textWriter{TextOptions: options}
	for i := range r.Contexts {
		w.context(&r.Contexts[i])
	}
	for _, note := range r.Notes {
		w.line(0, faint, "note: "+note)
	}
	w.line(0, bold, "Plan: "+r.Summary.text()+".")
	if _, err := to.Write(w.out.Bytes()); err != nil {
		return fmt.Errorf("writing the plan: %w", err)
	}
	return nil
}

// text is the summary in one line. What there is nothing of is left out.
func (s Summary) text() string {
	var parts []string
	for _, part := range []struct {
		n    int
		text string
	}{
		{s.Create, "to create"}, {s.Update, "to update"}, {s.TakeOver, "to take over"}, {s.Move, "to move"}, {s.Delete, "to delete"},
		{s.Unchanged, "unchanged"}, {s.Drift, "drifted and left so"}, {s.Waiting, "waiting"}, {s.Refused, "refused"}, {s.Unknown, "unknown"},
	} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.text))
		}
	}
	if s.UnusableContexts > 0 {
		parts = append(parts, fmt.Sprintf("%d of the contexts can't be used", s.UnusableContexts))
	}
	if len(parts) == 0 {
		return "nothing to do"
	}
	return strings.Join(parts, ", ")
}

type textWriter struct {
	TextOptions

	out bytes.Buffer
}

// line writes one line, indented by steps of two.
func (w *textWriter) line(indent int, c color, text string) {
	w.out.WriteString(strings.Repeat("  ", indent))
	w.out.WriteString(w.colored(c, text))
	w.out.WriteByte('\n')
}

func (w *textWriter) colored(c color, text string) string {
	if !w.Color || c == plain {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

func (w *textWriter) context(c *Context) {
	w.line(0, bold, c.title())
	switch c.Change {
	case ContextNew:
		w.line(1, green, "+ the context is new")
	case ContextChanged:
		w.line(1, yellow, "~ the context changes")
	case ContextDeleted:
		w.line(1, red, "- the context is to be deleted")
	case ContextCredentials:
		w.line(1, yellow, "~ the credentials of the context change")
	case ContextUnchanged:
	}
	if c.Fault != nil {
		w.fault(1, "the context can't be used", c.Fault)
	}
	unchanged := 0
	for i := range c.Objects {
		if c.Objects[i].isDull() && !w.Verbose {
			unchanged++
			continue
		}
		w.object(&c.Objects[i])
	}
	if unchanged > 0 {
		w.line(1, faint, fmt.Sprintf("= %d unchanged", unchanged))
	}
	w.out.WriteByte('\n')
}

func (c *Context) title() string {
	if c.Name == "" {
		return "Without a ManagementContext"
	}
	title := "ManagementContext " + c.Name
	if c.BaseURL != "" {
		title += fmt.Sprintf(" (%s, %s/%s)", c.BaseURL, c.Organization, c.Environment)
	}
	if c.User != "" {
		title += " as " + c.User
	}
	return title
}

// isDull is met by what nobody needs to look at.
func (o *Object) isDull() bool {
	return o.Verdict == VerdictNone && !o.held && len(o.Warnings)+len(o.Findings) == 0
}

func (w *textWriter) object(o *Object) {
	style := styleOf(o.Verdict)
	title := fmt.Sprintf("%s %s %s/%s %s", style.sign, o.Kind, o.Namespace, o.Name, style.text)
	if o.Reason != "" {
		title += ": " + o.Reason
	}
	w.line(1, style.color, title)
	if o.Fault != nil {
		w.fault(3, "", o.Fault)
	}
	w.changes(o)
	w.writes(o)
	for _, f := range o.Findings {
		w.line(3, yellow, "! "+f.text())
	}
	for _, warning := range o.Warnings {
		w.line(3, yellow, "! "+oneLine(warning))
	}
}

// style is how a verdict is shown.
type style struct {
	sign, text string
	color      color
}

func styleOf(verdict Verdict) style {
	switch verdict {
	case VerdictCreate:
		return style{"+", "will be created", green}
	case VerdictUpdate:
		return style{"~", "will be updated", yellow}
	case VerdictTakeOver:
		return style{"&", "will take over an API", yellow}
	case VerdictMove:
		return style{">", "will move", yellow}
	case VerdictDelete:
		return style{"-", "will be deleted", red}
	case VerdictNone:
		return style{"=", "stays as it is", faint}
	case VerdictDrift:
		return style{"≠", "drifted", blue}
	case VerdictWaiting:
		return style{"?", "will wait", red}
	case VerdictRefused:
		return style{"x", "will be refused", red}
	case VerdictUnknown:
	}
	return style{"?", "can't be told", red}
}

func (f Finding) text() string {
	text := oneLine(f.Message)
	if f.Path != "" {
		text = f.Path + ": " + text
	}
	return text
}

func (w *textWriter) fault(indent int, prefix string, f *Fault) {
	text := fmt.Sprintf("%s (%s)", oneLine(f.Message), f.Reason)
	if prefix != "" {
		text = prefix + ": " + text
	}
	w.line(indent, red, "x "+text)
}

// writes tells of ConfigMaps, and of APIs where the verdict doesn't tell all.
func (w *textWriter) writes(o *Object) {
	for _, one := range o.Writes {
		switch {
		case one.ConfigMap != "":
			w.line(3, plain, fmt.Sprintf("%s ConfigMap %s of the gateways of this cluster", one.Operation, one.ConfigMap))
		case o.Verdict == VerdictMove, o.Verdict == VerdictDelete:
			w.line(3, plain, fmt.Sprintf("%s API %s in %s (%s, %s)", one.Operation, one.ID, one.Context, one.BaseURL, one.Scope))
		}
	}
}

func (w *textWriter) changes(o *Object) {
	shown := o.Changes
	adding := o.Verdict == VerdictCreate || (len(shown) > 0 && len(o.Writes) > 0 && o.Writes[0].Operation == "create")
	if adding && !w.Verbose {
		shown = telling(shown)
	}
	widest := 0
	for _, c := range shown {
		widest = max(widest, utf8.RuneCountInString(c.Path))
	}
	widest = min(widest, w.Width/2)
	for _, c := range shown {
		w.change(c, widest)
	}
	if hidden := len(o.Changes) - len(shown); hidden > 0 {
		w.line(3, faint, fmt.Sprintf("… and %d more fields", hidden))
	}
}

// telling are the fields by which a person recognises an API.
func telling(changes []Change) []Change {
	var chosen []Change
	for _, c := range changes {
		if isTelling(c.Path) && len(chosen) < shownAdditions {
			chosen = append(chosen, c)
		}
	}
	return chosen
}

func isTelling(path string) bool {
	switch path {
	case "id", "name", "version", "description", "state":
		return true
	}
	return strings.HasPrefix(path, "proxy.virtual_hosts[") ||
		strings.HasPrefix(path, "proxy.groups[") && strings.HasSuffix(path, ".target") ||
		strings.HasPrefix(path, "plans[") && strings.HasSuffix(path, "].security")
}

func (w *textWriter) change(c Change, widest int) {
	path := fmt.Sprintf("%-*s", widest, c.Path)
	room := max(w.Width-utf8.RuneCountInString(path)-10, narrowest/2)
	suffix := ""
	if c.NotReadBack {
		suffix = "  (not read back)"
	}
	switch {
	case c.Before == nil:
		w.line(3, green, fmt.Sprintf("+ %s  %s%s", path, cut(valueText(c.After), room), suffix))
	case c.After == nil:
		w.line(3, red, fmt.Sprintf("- %s  %s%s", path, cut(valueText(c.Before), room), suffix))
	default:
		before, after := around(valueText(c.Before), valueText(c.After), (room-4)/2)
		w.line(3, yellow, fmt.Sprintf("~ %s  %s -> %s%s", path, before, after, suffix))
	}
}

// valueText is a value on one line.
func valueText(value any) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return "(can't be shown)"
	}
	text := strings.TrimSuffix(out.String(), "\n")
	if inner := strings.Trim(text, `"`); strings.HasPrefix(inner, "(") && strings.HasSuffix(inner, ")") && value == inner {
		return inner // a word of ours, such as KnownAfterApply
	}
	return text
}

// cut shortens a text to a number of characters.
func cut(text string, room int) string {
	runes := []rune(text)
	if len(runes) <= room {
		return text
	}
	return string(runes[:max(room-1, 0)]) + "…"
}

// around cuts both sides so that the first place where they differ is seen.
func around(before, after string, room int) (string, string) {
	lead := room / 3
	a, b := []rune(before), []rune(after)
	if len(a) <= room && len(b) <= room {
		return before, after
	}
	same := 0
	for same < len(a) && same < len(b) && a[same] == b[same] {
		same++
	}
	if from := same - lead; same >= room-lead && from > 0 {
		return "…" + cut(string(a[from:]), room-1), "…" + cut(string(b[from:]), room-1)
	}
	return cut(before, room), cut(after, room)
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
