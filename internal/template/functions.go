// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package template

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	gotemplate "text/template"
)

// functions are ours, and those of Go that make text, which do the same within limits.
func (x *run) functions(ctx context.Context) gotemplate.FuncMap {
	return gotemplate.FuncMap{
		string(Secret):    func(argument string) (string, error) { return x.find(ctx, Secret, argument) },
		string(ConfigMap): func(argument string) (string, error) { return x.find(ctx, ConfigMap, argument) },
		"print":           func(args ...any) (string, error) { return x.limited(fmt.Sprint, args) },
		"println":         func(args ...any) (string, error) { return x.limited(fmt.Sprintln, args) },
		"html":            func(args ...any) (string, error) { return x.limited(gotemplate.HTMLEscaper, args) },
		"js":              func(args ...any) (string, error) { return x.limited(gotemplate.JSEscaper, args) },
		"urlquery":        func(args ...any) (string, error) { return x.limited(gotemplate.URLQueryEscaper, args) },
		"printf":          x.printf,
	}
}

// limited calls a function whose result is no shorter than its arguments together.
func (x *run) limited(function func(...any) string, args []any) (string, error) {
	if _, all := lengths(args); all > maxText {
		return "", passed{problem("the template makes a text of more than %d bytes; make it shorter", maxText)}
	}
	text := function(args...)
	return text, x.spend(text)
}

// printf also refuses what might take much more memory than its result may have.
func (x *run) printf(format string, args ...any) (string, error) {
	if mostPrinted(format, args) > maxWork {
		return "", passed{problem("printf may make a text of more than %d bytes here; make it shorter", maxWork)}
	}
	text := fmt.Sprintf(format, args...)
	return text, x.spend(text)
}

// lengths are that of the longest text among args, and of all together.
func lengths(args []any) (longest, all int) {
	for _, arg := range args {
		if text, ok := arg.(string); ok {
			longest = max(longest, len(text))
			all += len(text)
		}
	}
	return longest, all
}

const (
	// maxWidth is the largest width and precision that package fmt takes: it stops reading digits beyond a million, which leaves
	// room for one more.
	maxWidth = 10_000_009
	// mostAround is more than what package fmt prints for a number without width, or around a text that it complains about.
	mostAround = 512
)

// mostPrinted is no less than the length of what printf makes of its arguments. Whatever argument a verb refers to, it may be the
// longest.
func mostPrinted(format string, args []any) int {
	longest, all := lengths(args)
	star := widest(args)
	// Arguments that no verb takes are printed at the end.
	most := len(format) + all + len(args)*mostAround
	for rest := format; ; {
		_, after, ok := strings.Cut(rest, "%")
		if !ok {
			return most
		}
		var v verb
		v, rest = nextVerb(after)
		// A complex number is two numbers of that width.
		most += 2*(v.width+v.stars*star) + longest*v.growth + mostAround
	}
}

// verb is what a verb of a format may need.
type verb struct {
	// width is that of width and precision together, as far as the format has them, and stars counts those that arguments have.
	width, stars int
	// growth is how much longer a text may become.
	growth int
}

// nextVerb reads behind the percent sign: flags, numbers, stars and the indexes of arguments in any order, which is more than what
// package fmt takes.
func nextVerb(format string) (verb, string) {
	v := verb{growth: 5} // one byte as 0x12 and a space
	number := 0
	for i := 0; i < len(format); i++ {
		c := format[i]
		if '0' <= c && c <= '9' {
			number = min(number*10+int(c-'0'), maxWidth)
			continue
		}
		v.width, number = v.width+number, 0
		switch c {
		case '*':
			v.stars++
		case '+', '-', '#', ' ', '.':
		case '[':
			end := strings.IndexByte(format[i:], ']')
			if end < 0 {
				return v, format[i:]
			}
			i += end
		case 's':
			v.growth = 1
			return v, format[i+1:]
		default:
			return v, format[i:] // which may be a percent sign
		}
	}
	v.width += number
	return v, ""
}

// widest is the largest width that an argument can be taken for.
func widest(args []any) int {
	most := 0
	for _, arg := range args {
		switch value := arg.(type) {
		case int:
			most = max(most, min(max(value, -value), maxWidth))
		case byte: // of a string's index
			most = max(most, int(value))
		default:
			if v := reflect.ValueOf(arg); v.CanInt() || v.CanUint() {
				most = maxWidth // Templates have no other whole numbers.
			}
		}
	}
	return most
}
