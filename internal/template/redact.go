// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package template

import (
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// mark stands where a value was.
const mark = "[redacted]"

// NewRedactor gives a function that replaces values in a text by [redacted], in any letter case, as they are and in the forms
// that they take in URLs, JSON, HTML, Go and base64, without the white space around them, and line by line. Values of less than
// 3 bytes are only replaced where they stand as words, and blank ones never. Without values the function gives the text back. It
// is safe for concurrent use, never fails, and is cheap until it is called first.
//
// A part of a value isn't found, except for the begin of one that was cut off before an ellipsis.
func NewRedactor(values []string) func(text string) string {
	values = slices.DeleteFunc(slices.Clone(values), func(value string) bool { return strings.TrimSpace(value) == "" })
	if len(values) == 0 {
		return func(text string) string { return text }
	}
	prepared := sync.OnceValue(func() matcher { return newMatcher(values) })
	return func(text string) string {
		if text == "" {
			return ""
		}
		return prepared().redact(text)
	}
}

// matcher finds forms of values in a text.
type matcher struct {
	// byStart holds forms by their first letters.
	byStart map[start][]form
	// exact are those that aren't valid UTF-8, which may begin and end within a letter of the text.
	exact []form
	// longestForm is the length in bytes of the longest form.
	longestForm int
}

// start are the first letters of a form or of a text, folded; none for those that it doesn't have.
type start [3]rune

const none = -1

// form is how a value may stand in a text.
type form struct {
	text string
	// word is true when it is so short that it is only looked for as a word.
	word bool
}

// span is a part of a text.
type span struct{ from, to int }

func newMatcher(values []string) matcher {
	m := matcher{byStart: map[start][]form{}}
	seen := map[form]struct{}{}
	for _, value := range values {
		for _, f := range formsOf(value) {
			if _, known := seen[f]; known {
				continue
			}
			seen[f] = struct{}{}
			m.longestForm = max(m.longestForm, len(f.text))
			at, _ := startOf(f.text)
			m.byStart[at] = append(m.byStart[at], f)
			if !utf8.ValidString(f.text) {
				m.exact = append(m.exact, f)
			}
		}
	}
	return m
}

// startOf gives the first letters of a text, and how many there are.
func startOf(text string) (start, int) {
	found := start{none, none, none}
	for i := range found {
		if text == "" {
			return found, i
		}
		letter, size := utf8.DecodeRuneInString(text)
		found[i] = fold(letter)
		text = text[size:]
	}
	return found, len(found)
}

// redact replaces all that is found. Finds that overlap or touch become one mark, so that no part of them is left.
func (m matcher) redact(text string) string {
	found := beyondMarks(text, append(m.find(text), m.cutOff(text)...))
	if len(found) == 0 {
		return text
	}
	slices.SortFunc(found, func(a, b span) int { return a.from - b.from })
	var clean strings.Builder
	done := 0
	for i, s := range found {
		if i == 0 || s.from > done {
			clean.WriteString(text[done:s.from])
			clean.WriteString(mark)
		}
		done = max(done, s.to)
	}
	clean.WriteString(text[done:])
	return clean.String()
}

// beyondMarks leaves out finds within marks that the text has already: a value such as "red" must not make marks within marks. Finds
// that are partly in a mark take in all of it.
func beyondMarks(text string, found []span) []span {
	marks := marksIn(text)
	if len(marks) == 0 {
		return found
	}
	var beyond []span
	for _, s := range found {
		within := false
		for _, m := range marks {
			within = within || m.from <= s.from && s.to <= m.to
			if s.from < m.to && m.from < s.to {
				s = span{min(s.from, m.from), max(s.to, m.to)}
			}
		}
		if !within {
			beyond = append(beyond, s)
		}
	}
	return beyond
}

func marksIn(text string) []span {
	var marks []span
	for from := 0; ; from += len(mark) {
		i := strings.Index(text[from:], mark)
		if i < 0 {
			return marks
		}
		from += i
		marks = append(marks, span{from, from + len(mark)})
	}
}

// find gives the longest find at each letter, and all that are exact.
func (m matcher) find(text string) []span {
	var found []span
	for from := 0; from < len(text); {
		if to := m.longest(text, from); to > from {
			found = append(found, span{from, to})
		}
		_, size := utf8.DecodeRuneInString(text[from:])
		from += size
	}
	for _, f := range m.exact {
		for from := 0; ; from++ {
			i := strings.Index(text[from:], f.text)
			if i < 0 {
				break
			}
			from += i
			if to := from + len(f.text); !f.word || isWord(text, from, to) {
				found = append(found, widened(text, span{from, to}))
			}
		}
	}
	return found
}

// shortestCut is the length in bytes from which the begin of a value counts as one that was cut off.
const shortestCut = 4

// cutOff finds the begins of values right before an ellipsis: whoever shortened the text didn't know of them.
func (m matcher) cutOff(text string) []span {
	var found []span
	for _, ellipsis := range []string{"…", "..."} {
		for end := 0; ; end += len(ellipsis) {
			i := strings.Index(text[end:], ellipsis)
			if i < 0 {
				break
			}
			end += i
			if from := m.beganAt(text[:end]); from < end {
				found = append(found, span{from, end})
			}
		}
	}
	return found
}

// beganAt gives where the longest begin of a value starts with which the text ends, or its end.
func (m matcher) beganAt(text string) int {
	for from := max(0, len(text)-m.longestForm); from <= len(text)-shortestCut; from++ {
		if from > 0 && !utf8.RuneStart(text[from]) {
			continue
		}
		first, letters := startOf(text[from:])
		if letters < len(first) {
			break
		}
		for _, f := range m.byStart[first] {
			if !f.word && beginsWith(f.text, text[from:]) {
				return from
			}
		}
	}
	return len(text)
}

// beginsWith tells whether a value begins with a text in any letter case.
func beginsWith(value, text string) bool {
	_, ok := prefix(value, text)
	return ok
}

// widened takes letters of the text as a whole that a span begins or ends within.
func widened(text string, s span) span {
	from, _ := around(text, s.from)
	_, to := around(text, s.to)
	return span{from, to}
}

// around gives begin and end of the letter that at is within, or at.
func around(text string, at int) (begin, end int) {
	for begin := max(at-utf8.UTFMax+1, 0); begin < at; begin++ {
		if _, size := utf8.DecodeRuneInString(text[begin:]); begin+size > at {
			return begin, begin + size
		}
	}
	return at, at
}

// longest gives the end of the longest form that begins at from, or 0.
func (m matcher) longest(text string, from int) int {
	end := 0
	first, letters := startOf(text[from:])
	for ; letters > 0; letters-- {
		for _, f := range m.byStart[first] {
			length, ok := prefix(text[from:], f.text)
			if ok && (!f.word || isWord(text, from, from+length)) {
				end = max(end, from+length)
			}
		}
		first[letters-1] = none
	}
	return end
}

// prefix tells whether text begins with wanted in any letter case, and the length of what is there instead: letters of different
// case may take a different number of bytes.
func prefix(text, wanted string) (length int, ok bool) {
	for wanted != "" {
		if length == len(text) {
			return 0, false
		}
		letter, size := utf8.DecodeRuneInString(text[length:])
		other, otherSize := utf8.DecodeRuneInString(wanted)
		if letter != other && fold(letter) != fold(other) {
			return 0, false
		}
		length, wanted = length+size, wanted[otherSize:]
	}
	return length, true
}

// fold gives the same for a letter in each case.
func fold(letter rune) rune {
	if letter < utf8.RuneSelf {
		if 'a' <= letter && letter <= 'z' {
			return letter - 'a' + 'A'
		}
		return letter
	}
	least := letter
	for other := unicode.SimpleFold(letter); other != letter; other = unicode.SimpleFold(other) {
		least = min(least, other)
	}
	return least
}

// isWord tells whether a part of a text has neither a letter nor a digit beside it.
func isWord(text string, from, to int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:from])
	after, _ := utf8.DecodeRuneInString(text[to:])
	return !isAlphanumeric(before) && !isAlphanumeric(after)
}

func isAlphanumeric(letter rune) bool { return unicode.IsLetter(letter) || unicode.IsDigit(letter) }
