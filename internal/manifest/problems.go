// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"fmt"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/apisync/apisync/internal/mask"
	"github.com/apisync/apisync/internal/model"
)

// fieldProblems notes what validation says.
func (l *loader) fieldProblems(at *place, name string, problems field.ErrorList) {
	for _, problem := range problems {
		path := strings.TrimPrefix(strings.TrimPrefix(problem.Field, "<nil>"), ".")
		l.problem(at.problem(name, path, "%s", fieldMessage(path, problem)))
	}
}

var (
	// How the validation of schemas begins its sentences; the field is told already.
	inBody = regexp.MustCompile(`^\S* in body `)
	// Names are explained by a sentence, an example and an expression; the sentence is enough.
	explained = regexp.MustCompile(` \(e\.g\. .*$`)
	wrongType = regexp.MustCompile(`^must be of type (\S+): "(\S+)"$`)
)

// fieldMessage says what is wrong with a field and what helps. A value that may be secret isn't told.
func fieldMessage(path string, problem *field.Error) string {
	detail := explained.ReplaceAllString(inBody.ReplaceAllString(problem.Detail, ""), "")
	switch problem.Type {
	case field.ErrorTypeRequired:
		if detail == "" {
			detail = "a value is needed"
		}
		return "is missing: " + detail + "; add it"
	case field.ErrorTypeNotSupported:
		return shown(path, problem.BadValue) + " isn't known; use one of the " + strings.TrimPrefix(detail, "supported ")
	case field.ErrorTypeDuplicate:
		return shown(path, problem.BadValue) + " is there twice; remove one of them"
	case field.ErrorTypeTypeInvalid:
		if match := wrongType.FindStringSubmatch(detail); match != nil {
			return typeMessage(match[1], match[2])
		}
		return "has the wrong type: " + detail
	case field.ErrorTypeInvalid:
		return shown(path, problem.BadValue) + " isn't allowed: " + detail
	}
	return strings.ToLower(problem.Type.String()) + ": " + detail
}

func typeMessage(want, have string) string {
	message := "must be of type " + want + ", and is of type " + have
	switch {
	case have == "null":
		return message + "; give it a value or leave it out"
	case want == "string" && (have == "integer" || have == "number" || have == "boolean"):
		return message + "; put the value into quotes"
	case have == "string" && (want == "integer" || want == "number" || want == "boolean"):
		return message + "; write the value without quotes"
	}
	return message + "; check its indentation"
}

const maxShown = 80

// shown is a value for a message: in quotes if it may be read, is a text and short.
func shown(path string, value any) string {
	masked := mask.Differences([]model.Difference{{Path: path, Want: value}})[0].Want
	text, ok := masked.(string)
	switch {
	case !ok || text == "":
		return "the value"
	case text != value:
		return "the value " + mask.Hidden
	case len(text) > maxShown:
		return fmt.Sprintf("the value %q", text[:maxShown]+"…")
	}
	return fmt.Sprintf("%q", text)
}

// numberLiteral is how decoders tell which number they can't take.
var numberLiteral = regexp.MustCompile(`\bnumber [^ ]+ into`)

// decodingError is the text of a decoder without the values that it quotes.
func decodingError(err error) string {
	text := strings.TrimPrefix(err.Error(), "json: ")
	text = numberLiteral.ReplaceAllString(text, "a number into")
	return yamlQuote.ReplaceAllString(text, "…") + "; check the types of its fields"
}
