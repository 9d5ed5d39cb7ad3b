// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package mask_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/apisync/apisync/internal/mask"
	"github.com/apisync/apisync/internal/model"
)

func TestDocument(t *testing.T) {
	cases := map[string]struct {
		reason   string
		in, want string
	}{
		"by name, in any spelling": {
			reason: "a secret is known by the name of its member",
			in:     `{"password":"a","API_KEY":"b","client-secret":"c","Access Token":"d","privateKey":"e","passPhrase":"f","cookie":"g","credentials":"h"}`,
			want: `{"password":"(hidden)","API_KEY":"(hidden)","client-secret":"(hidden)","Access Token":"(hidden)","privateKey":"(hidden)",` +
				`"passPhrase":"(hidden)","cookie":"(hidden)","credentials":"(hidden)"}`,
		},
		"numbers and lists": {
			reason: "a password may be a number, and there may be several tokens",
			in:     `{"password":1234,"tokens":["a",{"value":"b"}]}`,
			want:   `{"password":"(hidden)","tokens":["(hidden)",{"value":"(hidden)"}]}`,
		},
		"nothing to hide": {
			reason: "what is empty or a switch shows that a secret is missing, or how it is used",
			in:     `{"password":"","token":null,"propagateApiKey":true,"security":"API_KEY"}`,
			want:   `{"password":"","token":null,"propagateApiKey":true,"security":"API_KEY"}`,
		},
		"about a secret": {
			reason: "where a secret is found is what people look for",
			in:     `{"secretRef":{"name":"n","namespace":"ns"},"tokenUrl":"https://idp/token","secretKeyRef":{"name":"n","key":"k"},"tokenTtl":60,"cookieName":"c"}`,
			want:   `{"secretRef":{"name":"n","namespace":"ns"},"tokenUrl":"https://idp/token","secretKeyRef":{"name":"n","key":"k"},"tokenTtl":60,"cookieName":"c"}`,
		},
		"credentials": {
			reason: "the user and the reference may be read, the rest not",
			in:     `{"credentials":{"username":"admin","password":"p","secretRef":{"name":"n"},"other":"x"}}`,
			want:   `{"credentials":{"username":"admin","password":"(hidden)","secretRef":{"name":"n"},"other":"(hidden)"}}`,
		},
		"lists of headers": {
			reason: "the name of a header says whether its value is secret",
			in:     `{"headers":[{"name":"X-Gravitee-Api-Key","value":"k"},{"name":"Authorization","value":"x"},{"name":"Accept","value":"text/plain"}]}`,
			want:   `{"headers":[{"name":"X-Gravitee-Api-Key","value":"(hidden)"},{"name":"Authorization","value":"(hidden)"},{"name":"Accept","value":"text/plain"}]}`,
		},
		"headers as a map": {
			reason: "headers travel as a map too, with one value or several",
			in:     `{"headers":{"Proxy-Authorization":["x","y"],"Accept":["a"]}}`,
			want:   `{"headers":{"Proxy-Authorization":["(hidden)","(hidden)"],"Accept":["a"]}}`,
		},
		"properties": {
			reason: "who wants a property encrypted calls it a secret; so does its key",
			in: `{"properties":[{"key":"a","value":"1","encryptable":true},{"key":"b","value":"2","encrypted":true},` +
				`{"key":"db.password","value":"3"},{"key":"c","value":"4","encryptable":false}]}`,
			want: `{"properties":[{"key":"a","value":"(hidden)","encryptable":true},{"key":"b","value":"(hidden)","encrypted":true},` +
				`{"key":"db.password","value":"(hidden)"},{"key":"c","value":"4","encryptable":false}]}`,
		},
		"URLs": {
			reason: "credentials hide in the authority and in the query",
			in: `{"target":"https://user:pa@ss@host/x?a=b","token":"","other":"https://host:8443/p?api_key=k&a=b&sig=s#f","odd":"http://u:p#/?@host/",` +
				`"port":"http://host:80/users/@me"}`,
			want: `{"target":"https://(hidden)@host/x?a=b","token":"","other":"https://host:8443/p?api_key=(hidden)&a=b&sig=(hidden)#f","odd":"http://(hidden)@host/",` +
				`"port":"http://host:80/users/@me"}`,
		},
		"JSON in a string": {
			reason: "the configuration of a policy or a plan travels as a string",
			in:     `{"configuration":"{\"clientId\":\"c\",\"clientSecret\":\"s\",\"n\":9007199254740993}","plain":"{ \"a\":  1 }","list":"[{\"token\":\"t\"}]"}`,
			want:   `{"configuration":"{\"clientId\":\"c\",\"clientSecret\":\"(hidden)\",\"n\":9007199254740993}","plain":"{ \"a\":  1 }","list":"[{\"token\":\"(hidden)\"}]"}`,
		},
		"JSON with a member twice": {
			reason: "a decoder sees only the last, so the text isn't shown as it was written",
			in:     `{"configuration":"{\"password\":\"secret\",\"password\":\"\"}"}`,
			want:   `{"configuration":"{\"password\":\"\"}"}`,
		},
		"stores": {
			reason: "a key store holds a private key; where it lies is no secret",
			in:     `{"ssl":{"keyStore":{"type":"PEM","path":"/k","content":"x","keyContent":"y","certContent":"z"},"trustStore":{"content":"w"}},"content":"shown"}`,
			want: `{"ssl":{"keyStore":{"type":"PEM","path":"/k","content":"(hidden)","keyContent":"(hidden)","certContent":"(hidden)"},` +
				`"trustStore":{"content":"(hidden)"}},"content":"shown"}`,
		},
		"PEM": {
			reason: "a key is known by its lines, wherever it stands, also when it was cut off",
			in:     `{"a":"before -----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY----- after","b":"-----BEGIN PRIVATE KEY-----\nMII"}`,
			want:   `{"a":"before (hidden) after","b":"(hidden)"}`,
		},
		"schemes": {
			reason: "credentials of a header are known by their scheme, and sentences aren't hidden",
			in:     `{"x":"Bearer abc","y":["Basic dTpw"],"name":"Basic plan","description":"Bearer dG9rZW46eA and Basic authentication.","z":"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"}`,
			want:   `{"x":"Bearer (hidden)","y":["Basic (hidden)"],"name":"Basic plan","description":"Bearer (hidden) and Basic authentication.","z":"(hidden)"}`,
		},
		"a script": {
			reason: "scripts and texts hold assignments",
			in:     `{"script":"def password = 'x y'; def n = 1\nheaders: Authorization: Custom a b\nsecret=\"q\"; run()"}`,
			want:   `{"script":"def password = (hidden); def n = 1\nheaders: Authorization: (hidden)\nsecret=(hidden); run()"}`,
		},
		"a JWT plan": {
			reason: "its parameter is a shared key or the address of public ones",
			in:     `{"security":"JWT","securityDefinition":"{\"signature\":\"HMAC_HS256\",\"resolverParameter\":\"shared\"}","resolverParameter":"https://u:p@idp/keys"}`,
			want: `{"security":"JWT","securityDefinition":"{\"resolverParameter\":\"(hidden)\",\"signature\":\"HMAC_HS256\"}",` +
				`"resolverParameter":"https://(hidden)@idp/keys"}`,
		},
		"answers to missing keys": {
			reason: "the name of a response template is no secret's",
			in:     `{"response_templates":{"JWT_INVALID_TOKEN":{"*/*":{"status":401,"body":"no key"}}}}`,
			want:   `{"response_templates":{"JWT_INVALID_TOKEN":{"*/*":{"status":401,"body":"no key"}}}}`,
		},
		"a Secret": {
			reason: "the names of a Secret's members don't say that they are secret",
			in:     `{"kind":"Secret","metadata":{"name":"n"},"stringData":{"a":"x"},"data":{"b":"eA=="}}`,
			want:   `{"kind":"Secret","metadata":{"name":"n"},"stringData":{"a":"(hidden)"},"data":{"b":"(hidden)"}}`,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			in := decoded(t, c.in)
			got := mask.Document(in)
			if diff := cmp.Diff(decoded(t, c.want), got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.reason, diff)
			}
			if diff := cmp.Diff(decoded(t, c.in), in); diff != "" {
				t.Errorf("the document itself was changed:\n%s", diff)
			}
		})
	}
}

func TestDocumentOfOtherTypes(t *testing.T) {
	type config struct {
		Name     string `json:"name"`
		Password string `json:"password"`
	}
	in := map[string]any{"typed": config{Name: "n", Password: "p"}, "raw": json.RawMessage(`{"token":"t"}`), "map": map[string]string{"secret": "s"}, "no": func() {}}
	want := map[string]any{
		"typed": map[string]any{"name": "n", "password": mask.Hidden}, "raw": map[string]any{"token": mask.Hidden},
		"map": map[string]any{"secret": mask.Hidden}, "no": mask.Hidden,
	}
	if diff := cmp.Diff(want, mask.Document(in)); diff != "" {
		t.Errorf("what isn't made by encoding/json has secrets too (-want +got):\n%s", diff)
	}
}

func TestDifferences(t *testing.T) {
	cases := map[string]struct {
		reason     string
		path       string
		want, have string
		shownWant  string
		shownHave  string
	}{
		"plain":             {"what isn't secret is shown", "plans[open].name", `"a"`, `"b"`, `"a"`, `"b"`},
		"two secrets":       {"people see that they differ", "flows[0].pre[0].configuration.password", `"a"`, `"b"`, `"(hidden, differs)"`, `"(hidden)"`},
		"a new secret":      {"one side has nothing", "flows[0].pre[0].configuration.password", `"a"`, `null`, `"(hidden)"`, `null`},
		"a secret ancestor": {"what is inside a secret is secret", "resources[x].configuration.credentials.other", `"a"`, `"b"`, `"(hidden, differs)"`, `"(hidden)"`},
		"a user":            {"the user beside a password isn't", "resources[x].configuration.credentials.username", `"a"`, `"b"`, `"a"`, `"b"`},
		"a header": {
			"headers are compared as a map", "proxy.groups[default].endpoints[e.1].headers.Authorization", `"a"`, `"b"`, `"(hidden, differs)"`, `"(hidden)"`,
		},
		"a property":            {"the path doesn't say whether it is to be encrypted", "properties[a.b].value", `"a"`, `"b"`, `"(hidden, differs)"`, `"(hidden)"`},
		"a header by its index": {"the path doesn't say which header it is", "flows[0].pre[0].configuration.addHeaders[0].value", `"a"`, `"b"`, `"(hidden, differs)"`, `"(hidden)"`},
		"a key store":           {"its content is known by where it stands", "proxy.groups[a].endpoints[b].ssl.keyStore.content", `"a"`, `"b"`, `"(hidden, differs)"`, `"(hidden)"`},
		"a whole property": {
			"inside a value, the value tells", "properties[a]", `{"key":"a","value":"1","encryptable":true}`, `{"key":"a","value":"2","encryptable":true}`,
			`{"key":"a","value":"(hidden, differs)","encryptable":true}`, `{"key":"a","value":"(hidden)","encryptable":true}`,
		},
		"the same secret": {
			"only what differs is marked", "x", `{"password":"same","name":"a"}`, `{"password":"same","name":"b"}`,
			`{"password":"(hidden)","name":"a"}`, `{"password":"(hidden)","name":"b"}`,
		},
		"a list": {"elements are compared by place", "x", `[{"token":"a"},{"token":"b"}]`, `[{"token":"a"},{"token":"c"}]`,
			`[{"token":"(hidden)"},{"token":"(hidden, differs)"}]`, `[{"token":"(hidden)"},{"token":"(hidden)"}]`},
		"JSON in a string": {
			"strings are looked into", "plans[p].securityDefinition", `"{\"token\":\"a\",\"n\":1}"`, `"{\"token\":\"b\",\"n\":2}"`,
			`"{\"n\":1,\"token\":\"(hidden, differs)\"}"`, `"{\"n\":2,\"token\":\"(hidden)\"}"`,
		},
		"a URL":       {"parts of a string too", "target", `"https://u:a@h"`, `"https://u:b@h"`, `"https://(hidden, differs)@h"`, `"https://(hidden)@h"`},
		"an odd path": {"a name in brackets may hold anything", "properties[a].b].password[x]].value", `"a"`, `"b"`, `"(hidden, differs)"`, `"(hidden)"`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			given := []model.Difference{{Path: c.path, Want: decoded(t, c.want), Have: decoded(t, c.have)}}
			got := mask.Differences(given)
			if len(got) != 1 || got[0].Path != c.path {
				t.Fatalf("got %v", got)
			}
			shown := []any{got[0].Want, got[0].Have}
			if diff := cmp.Diff([]any{decoded(t, c.shownWant), decoded(t, c.shownHave)}, shown); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.reason, diff)
			}
			if diff := cmp.Diff([]any{decoded(t, c.want), decoded(t, c.have)}, []any{given[0].Want, given[0].Have}); diff != "" {
				t.Errorf("the differences themselves were changed:\n%s", diff)
			}
		})
	}
}

// TestDifferencesOf: with the wanted document at hand, values of pairs are shown that are known to be no secret.
func TestDifferencesOf(t *testing.T) {
	want := decoded(t, `{
		"properties":[{"key":"region","value":"eu"},{"key":"db","value":"x","encryptable":true},{"key":"0","value":"y"},{"key":"twice","value":"1"},{"key":"twice","value":"2"}],
		"flows":[{"pre":[{"configuration":{"addHeaders":[{"name":"Accept","value":"a"},{"name":"Authorization","value":"b"},{"value":"c"}]}}]}],
		"plans":[{"name":"p","securityDefinition":"{\"list\":[{\"name\":\"n\",\"value\":\"v\"}]}"}]}`)
	headers := "flows[0].pre[0].configuration.addHeaders"
	cases := map[string]struct {
		reason string
		path   string
		also   string
		hidden bool
	}{
		"a property":                {"nobody asks for encryption", "properties[region].value", "", false},
		"a property to be hidden":   {"somebody does", "properties[db].value", "", true},
		"a property named 0":        {"its name goes before its place", "properties[0].value", "", false},
		"a property by its place":   {"nothing is called 3", "properties[3].value", "", false},
		"a property that is twice":  {"which one is meant isn't known", "properties[twice].value", "", true},
		"a property that is gone":   {"only the other side has it", "properties[gone].value", "", true},
		"a header":                  {"it is the same on both sides", headers + "[0].value", "", false},
		"another header there":      {"its name differs as well, so the other side's may be any", headers + "[0].value", headers + "[0].name", true},
		"a secret header":           {"its name says so", headers + "[1].value", "", true},
		"a header without a name":   {"so nobody knows", headers + "[2].value", "", true},
		"JSON that is a string":     {"it is looked into", "plans[p].securityDefinition.list[n].value", "", false},
		"a path that leads nowhere": {"documents change", "flows[7].pre[x].list[0].value", "", true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			given := []model.Difference{{Path: c.path, Want: "one", Have: "two"}}
			if c.also != "" {
				given = append(given, model.Difference{Path: c.also, Want: "a", Have: "b"})
			}
			got := mask.DifferencesOf(want, given)[0]
			if hidden := got.Want != "one" || got.Have != "two"; hidden != c.hidden {
				t.Errorf("%s: shown as %v and %v", c.reason, got.Want, got.Have)
			}
		})
	}
}

// FuzzDifferences: no path panics, and whatever the path, a secret inside of a value stays hidden.
func FuzzDifferences(f *testing.F) {
	f.Add("plans[open].flows[0].name", "a")
	f.Add("properties[a].b].value", "value")
	f.Add("[[]].].[", "")
	f.Fuzz(func(t *testing.T, path, name string) {
		const secret = "s3cr3t~v4lue"
		if strings.Contains(path+name, secret) {
			return
		}
		value := map[string]any{name: map[string]any{"password": secret}}
		document := map[string]any{name: []any{map[string]any{"name": name, "value": name}}}
		for _, d := range mask.DifferencesOf(document, []model.Difference{{Path: path, Want: value, Have: secret + "?"}, {Path: "password." + path + ".password", Have: secret}}) {
			want := encoded(t, d.Want)
			if strings.Contains(want, secret) || d.Path != path && strings.Contains(encoded(t, d.Have), secret) {
				t.Errorf("a secret shows in %s at %s", want, d.Path)
			}
		}
	})
}

// FuzzDocument: no document panics, what is masked stays as it is, and a secret never shows, whatever stands around it and however its
// name is spelled.
func FuzzDocument(f *testing.F) {
	f.Add(`{"a":[1,"{\"password\":\"x\"}","https://u:p@h?token=t"]}`, "a", "Aa-_")
	f.Add(`[[["Bearer x"]]]`, "response_templates", "")
	f.Add(`"-----BEGIN X-----"`, "description", "...")
	f.Fuzz(func(t *testing.T, document, around, noise string) {
		var in any
		if json.Unmarshal([]byte(document), &in) != nil {
			return
		}
		once := mask.Document(in)
		if diff := cmp.Diff(once, mask.Document(once)); diff != "" {
			t.Errorf("masked twice, got another document:\n%s", diff)
		}
		const secret = "s3cr3t~v4lue"
		if strings.Contains(around+document, secret) {
			return
		}
		pair := map[string]any{"name": spelled("Authorization", noise), "value": secret}
		text := encoded(t, mask.Document(map[string]any{
			around: map[string]any{"in": in, "deep": []any{map[string]any{spelled("password", noise): secret}, pair}},
			"json": encoded(t, map[string]any{around: in, spelled("apiKey", noise): secret}),
		}))
		if strings.Contains(text, secret) {
			t.Errorf("a secret shows in %s", text)
		}
	})
}

// spelled writes a name in another case and with signs between its letters.
func spelled(name, noise string) string {
	var out strings.Builder
	for i, r := range strings.ToLower(name) {
		if i < len(noise) && noise[i]%2 == 1 {
			r = unicode.ToUpper(r)
		}
		out.WriteRune(r)
		if i < len(noise) && strings.ContainsRune("-_. ", rune(noise[i])) {
			out.WriteByte(noise[i])
		}
	}
	return out.String()
}

func encoded(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func decoded(t *testing.T, document string) any {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(document))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("decoding %s: %v", document, err)
	}
	return value
}
