// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package cloud_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/apisync/apisync/internal/cloud"
	"github.com/apisync/apisync/internal/fault"
)

const (
	organization = "8f0e2b1c-6c1f-4f0a-9a39-2f6b1f0e7a11"
	environment  = "0b7f3a52-52d5-4a6f-8d7e-6a0f9f4c2d22"
	other        = "c1d9d3a4-0a0d-4f57-b0a4-3d1d5b8c9e33"
)

func now() time.Time { return time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC) }

// signed is a token as Gravitee Cloud would issue it, with a key that nobody here knows.
func signed(t *testing.T, claims jwt.MapClaims) string {
	t.Helper()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte("somebody else's key"))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// with is a good token's content, changed.
func with(changes jwt.MapClaims) jwt.MapClaims {
	claims := jwt.MapClaims{"org": organization, "envs": []string{environment}, "cpg": "eu", "sub": "operator"}
	for name, value := range changes {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	return claims
}

func TestTokensFillInWhatAContextLeavesOut(t *testing.T) {
	const gate = "https://eu.cloudgate.gravitee.io"
	cases := map[string]struct {
		why    string
		claims jwt.MapClaims
		given  cloud.Target
		want   cloud.Target
	}{
		"nothing given": {
			why: "the token alone says where it is for", claims: with(nil),
			want: cloud.Target{BaseURL: gate, OrganizationID: organization, EnvironmentID: environment},
		},
		"another geography": {
			why: "each has a gate of its own", claims: with(jwt.MapClaims{"cpg": "us-2"}),
			want: cloud.Target{BaseURL: "https://us-2.cloudgate.gravitee.io", OrganizationID: organization, EnvironmentID: environment},
		},
		"a base URL": {
			why: "people may go through a gate of their own", claims: with(nil), given: cloud.Target{BaseURL: "https://gate.example"},
			want: cloud.Target{BaseURL: "https://gate.example", OrganizationID: organization, EnvironmentID: environment},
		},
		"another organization": {
			why: "a token opens its own organization only, and GKO takes that too", claims: with(nil), given: cloud.Target{OrganizationID: "DEFAULT"},
			want: cloud.Target{BaseURL: gate, OrganizationID: organization, EnvironmentID: environment},
		},
		"one of several environments": {
			why: "the context chooses", claims: with(jwt.MapClaims{"envs": []string{other, environment}}), given: cloud.Target{EnvironmentID: environment},
			want: cloud.Target{BaseURL: gate, OrganizationID: organization, EnvironmentID: environment},
		},
		"one environment twice": {
			why: "there is nothing to choose", claims: with(jwt.MapClaims{"envs": []string{environment, environment}}),
			want: cloud.Target{BaseURL: gate, OrganizationID: organization, EnvironmentID: environment},
		},
		"not expired": {
			why: "a second is left", claims: with(jwt.MapClaims{"exp": now().Add(time.Second).Unix()}),
			want: cloud.Target{BaseURL: gate, OrganizationID: organization, EnvironmentID: environment},
		},
		"readable ids": {
			why: "not all ids are UUIDs", claims: with(jwt.MapClaims{"org": "DEFAULT", "envs": []string{"prod_1.eu"}}),
			want: cloud.Target{BaseURL: gate, OrganizationID: "DEFAULT", EnvironmentID: "prod_1.eu"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := cloud.Resolve(signed(t, c.claims), c.given, now())
			if err != nil {
				t.Fatalf("%v: %s", err, c.why)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("target (-want +got): %s\n%s", c.why, diff)
			}
		})
	}
}

func TestUnsignedTokensAreRead(t *testing.T) {
	token, err := jwt.NewWithClaims(jwt.SigningMethodNone, with(nil)).SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cloud.Resolve(token, cloud.Target{}, now()); err != nil {
		t.Errorf("whether a token is genuine is for Gravitee Cloud to say: %v", err)
	}
}

func TestClaimsAreSorted(t *testing.T) {
	got, err := cloud.Read(signed(t, with(jwt.MapClaims{"envs": []string{"b", "a", "b"}})), now())
	if err != nil {
		t.Fatal(err)
	}
	want := cloud.Claims{Organization: organization, Environments: []string{"a", "b"}, Geography: "eu"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the order in a token means nothing, and messages have to be equal (-want +got):\n%s", diff)
	}
}

func TestProblemsNameFieldAndRemedy(t *testing.T) {
	const token, id = "spec.cloud.token, or the key cloudToken of the Secret in spec.cloud.secretRef: ", "spec.environmentId: "
	raw := func(header, claims string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2lnbmF0dXJl"
	}
	many := make([]string, 20)
	for i := range many {
		many[i] = fmt.Sprintf("env-%02d", i)
	}
	cases := map[string]struct {
		why   string
		token string
		given string
		want  []string
	}{
		"empty":               {"an empty key in a Secret", "", "", []string{token, "is empty"}},
		"a line break":        {"many editors add one, and no header may hold it", signed(t, with(nil)) + "\n", "", []string{token, "white space"}},
		"a scheme":            {"it was copied out of a request", "Bearer " + signed(t, with(nil)), "", []string{token, "white space"}},
		"another token":       {"a personal token is no cloud token", "0d3f2c7e-aaaa-bbbb-cccc-123456789abc", "", []string{token, "isn't a JSON Web Token"}},
		"two parts":           {"it was cut", strings.Join(strings.Split(signed(t, with(nil)), ".")[:2], "."), "", []string{token, "isn't a JSON Web Token"}},
		"not base64":          {"it was damaged", "e30.*.x", "", []string{token, "isn't a JSON Web Token"}},
		"not JSON":            {"it was damaged", raw(`{"alg":"none"}`, `secret`), "", []string{token, "isn't a JSON Web Token"}},
		"an array":            {"it is something else", raw(`{"alg":"none"}`, `[]`), "", []string{token, "isn't a JSON Web Token"}},
		"null":                {"it says nothing", raw(`{"alg":"none"}`, `null`), "", []string{token, "no claim org"}},
		"another type":        {"claims have types", raw(`{"alg":"none"}`, `{"org":["a"],"envs":["b"],"cpg":"eu"}`), "", []string{token, "isn't a JSON Web Token"}},
		"no organization":     {"a token of another product", signed(t, with(jwt.MapClaims{"org": nil})), "", []string{token, "claim org"}},
		"no environments":     {"a token for none", signed(t, with(jwt.MapClaims{"envs": []string{}})), "", []string{token, "claim envs"}},
		"no geography":        {"nobody knows which gate", signed(t, with(jwt.MapClaims{"cpg": ""})), "", []string{token, "claim cpg"}},
		"an empty id":         {"it would name no environment", signed(t, with(jwt.MapClaims{"envs": []string{""}})), "", []string{token, "claim envs", "isn't an id"}},
		"a path as an id":     {"it would lead out of its organization", signed(t, with(jwt.MapClaims{"envs": []string{"../x"}})), "", []string{token, "claim envs", "isn't an id"}},
		"the folder above":    {"addresses are cleaned of it", signed(t, with(jwt.MapClaims{"org": ".."})), "", []string{token, "claim org", "isn't an id"}},
		"expired":             {"nothing would be accepted", signed(t, with(jwt.MapClaims{"exp": now().Add(-time.Hour).Unix()})), "", []string{token, "expired at 2026-12-01T11:00:00Z", "still valid"}},
		"expired just now":    {"exp is the first moment at which it isn't valid (RFC 7519, 4.1.4)", signed(t, with(jwt.MapClaims{"exp": now().Unix()})), "", []string{token, "expired"}},
		"several":             {"the context has to choose", signed(t, with(jwt.MapClaims{"envs": []string{other, environment}})), "", []string{id, "2 environments", environment + " or " + other}},
		"too many":            {"a message is read by people", signed(t, with(jwt.MapClaims{"envs": many})), "", []string{id, "20 environments", "env-00, ", "env-07 or one of 12 more"}},
		"a foreign one":       {"the token doesn't open it", signed(t, with(nil)), other, []string{id, `"` + other + `"`, "use " + environment}},
		"a token as one":      {"it was put into the wrong field", signed(t, with(nil)), signed(t, with(nil)), []string{id, "its value isn't an environment", "use " + environment}},
		"in another spelling": {"ids are compared as they are", signed(t, with(nil)), strings.ToUpper(environment), []string{id, "isn't an environment"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := cloud.Resolve(c.token, cloud.Target{EnvironmentID: c.given}, now())
			if err == nil {
				t.Fatalf("accepted: %s", c.why)
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q isn't in %q: %s", part, err, c.why)
				}
			}
			judge(t, c.token, err)
		})
	}
}

// TestGeographiesLeadToTheCloudGateOnly tries to make another host of the address.
func TestGeographiesLeadToTheCloudGateOnly(t *testing.T) {
	for _, geography := range []string{
		"evil.example/", "evil.example", "evil.example#", "evil.example?", "user@evil.example", "eu:8443/", "-eu", "eu-", "EU", "eu\n", "e\u0301u", "..",
		" ", "%2e", strings.Repeat("a", 64),
	} {
		t.Run(geography, func(t *testing.T) {
			token := signed(t, with(jwt.MapClaims{"cpg": geography}))
			got, err := cloud.Resolve(token, cloud.Target{}, now())
			if err == nil {
				t.Fatalf("leads to %s", got.BaseURL)
			}
			if !strings.Contains(err.Error(), "claim cpg") || strings.Contains(err.Error(), "evil") {
				t.Errorf("error = %v", err)
			}
			judge(t, token, err)
		})
	}
}

// judge checks what all errors have in common.
func judge(t *testing.T, token string, err error) {
	t.Helper()
	if !errors.Is(err, fault.Terminal) || fault.ReasonOf(err) != fault.ReasonIllegalState {
		t.Errorf("%s %s: only an edit cures it: %v", fault.KindOf(err), fault.ReasonOf(err), err)
	}
	if token = strings.TrimSpace(token); len(token) >= 8 && strings.Contains(err.Error(), token) {
		t.Errorf("the token is in %q", err)
	}
	for part := range strings.FieldsFuncSeq(token, func(r rune) bool { return r == '.' || r == ' ' }) {
		if len(part) >= 8 && strings.Contains(err.Error(), part) {
			t.Errorf("a part of the token is in %q", err)
		}
	}
}

// FuzzResolve: whatever stands in a token, nothing panics, no error shows the token, and the address is one of the cloud gate's.
func FuzzResolve(f *testing.F) {
	f.Add(`{"alg":"none"}`, `{"org":"o","envs":["e"],"cpg":"eu","exp":1e300}`, "signature", "")
	f.Add(`{"alg":"HS256"}`, `{"org":"o","envs":["e","f"],"cpg":"evil.example/","exp":-1,"aud":["a"]}`, "", "f")
	f.Add(`{"alg":1}`, `{"org":"..","envs":null,"cpg":null,"exp":"soon"}`, "a.b", "g")
	f.Add(``, ``, "\n", "..")
	f.Fuzz(func(t *testing.T, header, claims, signature, given string) {
		encode := base64.RawURLEncoding.EncodeToString
		for _, token := range []string{
			encode([]byte(header)) + "." + encode([]byte(claims)) + "." + encode([]byte(signature)),
			header + "." + claims + "." + signature,
		} {
			target, err := cloud.Resolve(token, cloud.Target{EnvironmentID: given}, now())
			if err != nil {
				if len(token) > len("..")+64 && strings.Contains(err.Error(), token) {
					t.Errorf("the token is in %q", err)
				}
				continue
			}
			host, found := strings.CutSuffix(target.BaseURL, ".cloudgate.gravitee.io")
			if !found || strings.ContainsAny(strings.TrimPrefix(host, "https://"), "./:@?#%") {
				t.Errorf("leads to %q", target.BaseURL)
			}
			var sent struct {
				Envs []string `json:"envs"`
			}
			if json.Unmarshal([]byte(claims), &sent) != nil || !strings.Contains(strings.Join(sent.Envs, "\n"), target.EnvironmentID) {
				t.Errorf("environment %q isn't one of %q", target.EnvironmentID, sent.Envs)
			}
		}
	})
}
