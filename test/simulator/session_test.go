// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package simulator_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/apisync/apisync/test/simulator"
)

const loginPath = "/management/organizations/DEFAULT/user/login"

func login(t *testing.T, r *rig, as credential) string {
	t.Helper()
	token, _ := r.must(t, 200, "POST", loginPath, nil, as).object(t)["token"].(string)
	if token == "" {
		t.Fatal("no token in the answer")
	}
	return token
}

func TestSession(t *testing.T) {
	t.Parallel()
	now := &clock{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	r := start(t, simulator.Options{Now: now.Now, SessionLifetime: time.Hour,
		Users: []simulator.User{{Name: "admin", Password: "admin", Role: simulator.RoleAdmin, Tokens: []string{"personal"}}}})
	fromPassword, fromToken := login(t, r, basic("admin", "admin")), login(t, r, bearer("personal"))
	for _, token := range []string{fromPassword, fromToken, "personal"} {
		r.must(t, 200, "GET", e, nil, bearer(token))
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(fromPassword, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	if claims["exp"] != float64(now.now.Add(time.Hour).Unix()) {
		t.Errorf("exp %v, want an hour after %v", claims["exp"], now.now)
	}
	forged := fromPassword[:len(fromPassword)-4] + "AAAA"
	refused := r.must(t, 401, "GET", e, nil, bearer(forged))
	if refused.body != nil || !strings.HasPrefix(refused.header.Get("WWW-Authenticate"), "Basic realm=") {
		t.Errorf("401 has no body and names a realm: %v %v", refused.body, refused.header)
	}
	now.now = now.now.Add(time.Hour)
	r.must(t, 401, "GET", e, nil, bearer(fromPassword))
	fresh := login(t, r, basic("admin", "admin"))
	r.must(t, 200, "GET", e, nil, bearer(fresh))
	r.RevokeSessions()
	r.must(t, 401, "GET", e, nil, bearer(fresh))
	r.must(t, 401, "POST", loginPath, nil, basic("admin", "wrong"))
}

func TestLoginNotOffered(t *testing.T) {
	t.Parallel()
	r := start(t, simulator.Options{NoLogin: true})
	r.must(t, 404, "POST", loginPath, nil)
	r.SetLogin(true)
	r.must(t, 200, "POST", loginPath, nil)
}

func TestUsersChange(t *testing.T) {
	t.Parallel()
	r := start(t, simulator.Options{})
	session := login(t, r, basic("user", "password"))
	r.SetUser(simulator.User{Name: "user", Password: "new", Role: simulator.RoleAdmin})
	r.must(t, 401, "GET", e, nil, basic("user", "password"))
	r.must(t, 200, "GET", e, nil, basic("user", "new"))
	r.must(t, 200, "GET", e, nil, bearer(session))
	r.RemoveUser("user")
	r.must(t, 401, "GET", e, nil, bearer(session))
}

// TestOrderOfChecks: the environment comes before the credentials, and those before the route (62, 63, 64).
func TestOrderOfChecks(t *testing.T) {
	t.Parallel()
	r := start(t, simulator.Options{BasePath: "/apim"})
	wrong := basic("nobody", "x")
	for target, status := range map[string]int{
		strings.Replace(put(""), "environments/DEFAULT", "environments/NOPE", 1):   400,
		strings.Replace(put(""), "organizations/DEFAULT", "organizations/NOPE", 1): 400,
		e + "/no/such/route":             401,
		"/management/organizations/NOPE": 500,
		"/elsewhere":                     404,
	} {
		r.must(t, status, "PUT", target, definition("one"), wrong)
	}
	for target, status := range map[string]int{e + "/no/such/route": 404, v2 + "/no/such/route": 404, "/apim" + e: 200} {
		r.must(t, status, "GET", target, nil)
	}
	r.must(t, 405, "PATCH", e+"/apis", nil)
}
