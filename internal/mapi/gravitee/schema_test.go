// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gravitee

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// asDefinition decodes a configuration as the definition of an API is decoded.
func asDefinition(t *testing.T, text string) any {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	return value
}

// noFetching fails the test when anything goes over the default transport, as the library's own loaders do.
func noFetching(tb testing.TB) {
	tb.Helper()
	before := http.DefaultTransport
	http.DefaultTransport = refusingTransport{tb}
	tb.Cleanup(func() { http.DefaultTransport = before })
}

type refusingTransport struct{ t testing.TB }

func (r refusingTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	r.t.Errorf("something fetches %s", request.URL)
	return nil, errors.New("no")
}

// TestUnusableSchemas: about these nothing can be said, and nothing is fetched for them.
func TestUnusableSchemas(t *testing.T) {
	noFetching(t)
	deep := strings.Repeat(`{"allOf":[`, 3000) + `{}` + strings.Repeat(`]}`, 3000)
	doubling := `{"definitions":{"d0":{"type":"string"}`
	for i := range 20 {
		doubling += fmt.Sprintf(`,"d%d":{"anyOf":[{"$ref":"#/definitions/d%d"},{"$ref":"#/definitions/d%d"}]}`, i+1, i, i)
	}
	doubling += `},"$ref":"#/definitions/d20"}`
	for _, c := range []struct {
		why, schema string
		usable      bool
	}{
		{"no JSON", `<html>`, false},
		{"nothing", ``, false},
		{"null", `null`, false},
		{"a number", `3`, false},
		{"a list", `[]`, false},
		{"an unknown type", `{"type":"thing"}`, false},
		{"members of wrong types", `{"properties":3}`, false},
		{"an unknown form of required", `{"properties":{"a":{"required":true}}}`, false},
		{"a pattern of Java's that Go doesn't have", `{"properties":{"a":{"pattern":"^(?=x).*(?<!y)$"}}}`, false},
		{"a reference to a server", `{"$ref":"http://127.0.0.1:1/x.json"}`, false},
		{"a reference to a file", `{"properties":{"a":{"$ref":"file:///etc/hostname"}}}`, false},
		{"a relative reference, which an identifier makes one to a server", `{"$id":"http://127.0.0.1:1/","allOf":[{"$ref":"x.json"}]}`, false},
		{"a reference to nothing", `{"$ref":"#/definitions/none"}`, false},
		{"a reference by an anchor", `{"definitions":{"a":{"$id":"#a"}},"$ref":"#a"}`, false},
		{"a reference of another type", `{"$ref":3}`, false},
		{"a reference with escapes", `{"definitions":{"a":{}},"$ref":"#/definitions/%61"}`, false},
		{"a schema that contains itself", `{"properties":{"child":{"$ref":"#"}}}`, false},
		{"one that is itself", `{"$ref":"#"}`, false},
		{"references that double and double", doubling, false},
		{"numbers beyond all measure", `{"minimum":1e999999999}`, false},
		{"a deep one", deep, true},
		{"anything goes", `true`, true},
		{"nothing is demanded", `{}`, true},
		{"draft 4", `{"$schema":"http://json-schema.org/draft-04/schema#","minimum":1,"exclusiveMinimum":true}`, true},
		{"draft 6", `{"$schema":"http://json-schema.org/draft-06/schema#","const":1}`, true},
		{"draft 7", `{"$schema":"http://json-schema.org/draft-07/schema#","if":{},"then":{}}`, true},
		{"a draft that nobody knows", `{"$schema":"https://example.test/schema"}`, true},
		{"identifiers twice, as generated schemas have them", `{"id":"urn:x","properties":{"a":{"id":"urn:x","type":"string"}}}`, true},
		{"a reference that stays inside, in a container of any name", `{"gioExternalDefinitions":{"a":{"type":"string"}},"properties":{"a":{"$ref":"#/gioExternalDefinitions/a"}}}`, true},
		{"a property called like a reference", `{"properties":{"$ref":{"type":"string"},"id":{"type":"string"}}}`, true},
	} {
		t.Run(c.why, func(t *testing.T) {
			if usable := compileSchema([]byte(c.schema)) != nil; usable != c.usable {
				t.Errorf("usable %t, want %t", usable, c.usable)
			}
		})
	}
}

func TestValidate(t *testing.T) {
	noFetching(t)
	const limit = `{"type":"object","properties":{"rate":{"type":"object","properties":{"limit":{"type":"integer","minimum":1},
		"unit":{"enum":["SECONDS","MINUTES"]},"key":{"type":"string"}},"required":["limit"]}},"required":["rate"]}`
	const either = `{"type":"object","properties":{"name":{"type":"string"}},"oneOf":[
		{"properties":{"kind":{"const":"file"},"path":{"type":"string"}},"required":["kind","path"]},
		{"properties":{"kind":{"const":"url"},"url":{"type":"string"}},"required":["kind","url"]}]}`
	for _, c := range []struct {
		why, schema, value string
		want               []string
	}{
		{"what fits", limit, `{"rate":{"limit":1,"unit":"SECONDS"}}`, nil},
		{"a whole number may have a fraction of nothing", limit, `{"rate":{"limit":5.0}}`, nil},
		{"a text instead of a number", limit, `{"rate":{"limit":"m1sf1t"}}`, []string{"rate.limit must be of the type integer, and is of the type string"}},
		{"a number that is too small", limit, `{"rate":{"limit":0}}`, []string{"rate.limit must be at least 1"}},
		{"another word than those that are known", limit, `{"rate":{"limit":1,"unit":"m1sf1t"}}`, []string{`rate.unit must be one of "SECONDS", "MINUTES"`}},
		{"several at once, always in the same order", limit, `{"rate":{"unit":"m1sf1t","key":1}}`, []string{
			"rate.key must be of the type string, and is of the type integer", "rate.limit is required, and missing", `rate.unit must be one of "SECONDS", "MINUTES"`}},
		{"nothing is an empty configuration", limit, `null`, []string{"rate is required, and missing"}},
		{"an empty one fits a schema that demands nothing", `{"type":"object","properties":{"a":{"type":"string"}}}`, `null`, nil},
		{"a text instead of a configuration", limit, `"m1sf1t"`, []string{" must be of the type object, and is of the type string"}},
		{"null members are dropped", limit, `{"rate":{"limit":1,"key":null}}`, nil},
		{"what is null is missing", limit, `{"rate":{"limit":null}}`, []string{"rate.limit is required, and missing"}},

		{"an expression stands for any number", limit, `{"rate":{"limit":"{#request.params['n']}"}}`, nil},
		{"so does a property", limit, `{"rate":{"limit":"${limit}"}}`, nil},
		{"what is missing is missing beside an expression", limit, `{"rate":{"key":"{#x}"}}`, []string{"rate.limit is required, and missing"}},
		{"an expression stands for a word", limit, `{"rate":{"limit":1,"unit":"{#x}"}}`, nil},
		{"an expression fits no pattern, and need not", `{"properties":{"a":{"pattern":"^[0-9]+$"}}}`, `{"a":"{#x}"}`, nil},
		{"which form applies depends on an expression", either, `{"kind":"{#x}"}`, nil},

		{"one of several forms", either, `{"kind":"url","url":"http://x"}`, nil},
		{"no form", either, `{"kind":"url"}`, []string{" must have exactly one of the forms that are allowed", "url is required, and missing"}},
		{"a condition", `{"if":{"properties":{"on":{"const":true}},"required":["on"]},"then":{"required":["name"]}}`, `{"on":true}`, []string{"name is required, and missing"}},
		{"a condition that isn't met", `{"if":{"properties":{"on":{"const":true}},"required":["on"]},"then":{"required":["name"]}}`, `{"on":false}`, nil},
		{"a condition that depends on an expression", `{"if":{"properties":{"on":{"const":true}},"required":["on"]},"else":{"required":["name"]}}`, `{"on":"{#x}"}`, nil},
		{"all of several, each told once", `{"allOf":[{"required":["a"]},{"required":["a"]}]}`, `{}`, []string{"a is required, and missing"}},

		{"the server fills a default in", `{"properties":{"a":{"type":"string","default":"x"}},"required":["a"]}`, `{}`, nil},
		{"also one that a form asks for", `{"properties":{"kind":{"default":"a"}},"oneOf":[{"properties":{"kind":{"const":"a"}},"required":["kind"]},
			{"properties":{"kind":{"const":"b"}},"required":["kind"]}]}`, `{}`, nil},
		{"also one of a form itself", `{"oneOf":[{"properties":{"kind":{"const":"a"},"n":{"default":1}},"required":["kind","n"]},
			{"properties":{"kind":{"const":"b"}}}]}`, `{"kind":"a"}`, nil},
		{"also below, in lists and behind references", `{"definitions":{"port":{"type":"integer"}},"properties":{"hosts":{"type":"array","items":{"type":"object",
			"properties":{"port":{"$ref":"#/definitions/port","default":80}},"required":["port"]}}}}`, `{"hosts":[{}]}`, nil},
		{"nobody wrote a default that doesn't fit", `{"properties":{"a":{"minLength":1,"default":""}}}`, `{}`, nil},
		{"what was written instead of a default counts", `{"properties":{"a":{"minLength":1,"default":""}}}`, `{"a":""}`, []string{"a must have at least 1 characters"}},
		{"the server drops what it doesn't know", `{"properties":{"limit":{}},"additionalProperties":false}`, `{"limitt":"m1sf1t"}`, []string{"(tolerated) limitt isn't known to it"}},
		{"formats are the server's affair", `{"properties":{"a":{"format":"ipv4"}}}`, `{"a":"m1sf1t"}`, nil},

		{"a place in a list", `{"properties":{"list":{"items":{"properties":{"n":{"type":"boolean"}}}}}}`, `{"list":[{},{"n":"m1sf1t"}]}`,
			[]string{"list[1].n must be of the type boolean, and is of the type string"}},
		{"a pattern", `{"properties":{"a":{"pattern":"^[a-z]+$"}}}`, `{"a":"m1sf1t"}`, []string{"a must match the pattern ^[a-z]+$"}},
		{"lengths", `{"properties":{"a":{"maxLength":2},"b":{"minItems":1},"c":{"maxItems":1},"d":{"minProperties":1},"e":{"maxProperties":0}}}`,
			`{"a":"m1sf1t","b":[],"c":[1,2],"d":{},"e":{"x":1}}`, []string{"a must have at most 2 characters", "b must have at least 1 elements",
				"c must have at most 1 elements", "d must have at least 1 members", "e must have at most 0 members"}},
		{"bounds", `{"properties":{"a":{"maximum":1},"b":{"exclusiveMaximum":1},"c":{"exclusiveMinimum":1},"d":{"multipleOf":0.1}}}`, `{"a":2,"b":1,"c":1,"d":0.25}`,
			[]string{"a must be at most 1", "b must be less than 1", "c must be greater than 1", "d must be a multiple of 0.1"}},
		{"lists", `{"properties":{"a":{"uniqueItems":true},"b":{"contains":{"const":1}},"c":{"items":[{}],"additionalItems":false}}}`, `{"a":[1,1],"b":[2],"c":[1,2]}`,
			[]string{"a must not have an element twice", "b lacks an element of a form that it must have", "b[0] must be 1", "c has too many elements"}},
		{"what isn't allowed", `{"properties":{"a":{"not":{"type":"string"}},"b":false},"propertyNames":{"maxLength":1},"dependencies":{"a":["z"]}}`, `{"a":"m1sf1t","b":1,"cc":1}`,
			[]string{" must have at most 1 characters", " needs the member z as well", "a has a form that isn't allowed", "b has a form that isn't allowed", "cc has a name that isn't allowed"}},
		{"large numbers", `{"properties":{"a":{"maximum":9007199254740991}}}`, `{"a":9007199254740991}`, nil},
	} {
		t.Run(c.why, func(t *testing.T) {
			schema := compileSchema([]byte(c.schema))
			if schema == nil {
				t.Fatal("no schema")
			}
			for range 5 {
				problems, ok := schema.validate(asDefinition(t, c.value))
				if !ok {
					t.Fatal("no verdict")
				}
				var got []string
				for _, problem := range problems {
					line := problem.path + " " + problem.text
					if problem.tolerated {
						line = "(tolerated) " + line
					}
					if strings.Contains(line, "m1sf1t") {
						t.Errorf("the value is told: %s", line)
					}
					got = append(got, line)
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Fatalf("(-want +got):\n%s", diff)
				}
			}
		})
	}
}

// TestValidateKeepsTheDefinition: what is compared goes over the wire afterwards.
func TestValidateKeepsTheDefinition(t *testing.T) {
	schema := compileSchema([]byte(`{"properties":{"a":{"default":{"b":1}},"c":{"properties":{"d":{"default":2}}}}}`))
	value := asDefinition(t, `{"c":{"n":null}}`)
	if _, ok := schema.validate(value); !ok {
		t.Fatal("no verdict")
	}
	if diff := cmp.Diff(asDefinition(t, `{"c":{"n":null}}`), value); diff != "" {
		t.Errorf("the definition was changed:\n%s", diff)
	}
}

// FuzzConfiguration: whatever a server publishes as a schema and whatever somebody configures, nothing panics, nothing is fetched, the
// verdict is always the same, and no value of the configuration is told.
func FuzzConfiguration(f *testing.F) {
	noFetching(f)
	f.Add(`{"type":"object","properties":{"rate":{"type":"integer","minimum":1}},"required":["rate"]}`, `{"rate":"many-secret-words"}`)
	f.Add(`{"oneOf":[{"properties":{"a":{"const":"x"}}},{"$ref":"#/definitions/d"}],"definitions":{"d":{"enum":[1,"two"]}}}`, `{"a":"a-secret-value","b":[1,null,{"c":"{#x}"}]}`)
	f.Add(`{"patternProperties":{"^x":{"pattern":"^[a-z]+$"}},"additionalProperties":false,"propertyNames":{"maxLength":3}}`, `{"xyz":"12345678901","other":1e300}`)
	f.Add(`{"if":{"required":["a"]},"then":{"dependencies":{"a":["b"]}},"else":{"contains":{"type":"null"}},"$schema":"http://json-schema.org/draft-04/schema#"}`, `{"a":{}}`)
	f.Add(`{"$ref":"http://127.0.0.1:1/x","items":[{"$ref":"#/items/1"},{"$ref":"#/items/0"}]}`, `[[["x"]]]`)
	f.Add(`{"properties":{"":{"default":{"":1}},"\u0000":{"items":{"default":[]}}},"allOf":[{"properties":{"":{"type":"string"}}}]}`, `{"":{"":null},"\u0000":[1]}`)
	f.Fuzz(func(t *testing.T, schemaText, configuration string) {
		var value any
		if json.Unmarshal([]byte(configuration), &value) != nil {
			return
		}
		schema := compileSchema([]byte(schemaText))
		if schema == nil {
			return
		}
		first, ok := schema.validate(value)
		second, again := compileSchema([]byte(schemaText)).validate(value)
		if diff := cmp.Diff(first, second, cmp.AllowUnexported(problem{})); diff != "" || ok != again {
			t.Errorf("another verdict for the same: %s", diff)
		}
		names := map[string]bool{}
		var secrets []string
		collect(value, names, &secrets)
		for _, problem := range first {
			for _, secret := range secrets {
				// Names, and what the schema itself says, may be told.
				if strings.Contains(problem.text, secret) && !names[secret] && !strings.Contains(schemaText, secret) && !strings.Contains(wording(), secret) {
					t.Errorf("the value %q is told: %s", secret, problem.text)
				}
			}
		}
	})
}

// wording is what is said about any value of another kind.
func wording() string {
	var all strings.Builder
	for _, kind := range []string{"enum", "const", "pattern", "string_gte", "string_lte", "number_gte", "number_gt", "number_lte", "number_lt", "multiple_of",
		"array_min_items", "array_max_items", "array_min_properties", "array_max_properties", "array_no_additional_items", "unique", "contains",
		"number_any_of", "number_one_of", "other"} {
		all.WriteString(demand(kind, func(string) string { return "" }))
	}
	all.WriteString("must be of the type , and is of the type array boolean integer null number object string/array is required, and missing isn't known to it needs the member as well")
	return all.String()
}

// collect gathers the names, and the texts that are long enough to be recognised.
func collect(value any, names map[string]bool, texts *[]string) {
	switch value := value.(type) {
	case map[string]any:
		for name, member := range value {
			names[name] = true
			collect(member, names, texts)
		}
	case []any:
		for _, element := range value {
			collect(element, names, texts)
		}
	case string:
		if len(value) > 5 {
			*texts = append(*texts, value)
		}
	}
}
