// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package simulator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/apisync/apisync/test/simulator"
)

const (
	e  = "/management/organizations/DEFAULT/environments/DEFAULT"
	v2 = "/management/v2/organizations/DEFAULT/environments/DEFAULT"
)

// rig is a simulator with a listener.
type rig struct {
	*simulator.Simulator
	url string
}

func start(t *testing.T, options simulator.Options) *rig {
	t.Helper()
	sim := simulator.New(options)
	server, err := sim.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return &rig{sim, server.URL}
}

// credential writes itself into a request.
type credential func(*http.Request)

func basic(name, password string) credential {
	return func(r *http.Request) { r.SetBasicAuth(name, password) }
}

func bearer(token string) credential {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

// reply is an answer with its body decoded: an object, a list, a text, or nil.
type reply struct {
	status int
	header http.Header
	body   any
}

func (r reply) object(t *testing.T) map[string]any {
	t.Helper()
	o, isObject := r.body.(map[string]any)
	if !isObject {
		t.Fatalf("status %d with a body that is no object: %v", r.status, r.body)
	}
	return o
}

// try sends one request as admin, or with other credentials; errors are those of the connection.
func (r *rig) try(ctx context.Context, method, path string, body any, as ...credential) (reply, error) {
	var payload io.Reader
	switch body := body.(type) {
	case nil:
	case string:
		payload = bytes.NewReader([]byte(body))
	default:
		data, err := json.Marshal(body)
		if err != nil {
			return reply{}, err
		}
		payload = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, r.url+path, payload)
	if err != nil {
		return reply{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	if len(as) == 0 {
		as = []credential{basic("admin", "admin")}
	}
	as[0](request)
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return reply{}, err
	}
	answered := reply{status: response.StatusCode, header: response.Header}
	if len(data) > 0 && json.Unmarshal(data, &answered.body) != nil {
		answered.body = string(data)
	}
	return answered, nil
}

func (r *rig) do(t *testing.T, method, path string, body any, as ...credential) reply {
	t.Helper()
	answered, err := r.try(t.Context(), method, path, body, as...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return answered
}

func (r *rig) must(t *testing.T, status int, method, path string, body any, as ...credential) reply {
	t.Helper()
	answered := r.do(t, method, path, body, as...)
	if answered.status != status {
		t.Fatalf("%s %s: status %d, want %d; body %v", method, path, answered.status, status, answered.body)
	}
	return answered
}

// definition is an import body with one keyless plan; n makes ids, crossIds, name and path.
func definition(n string) map[string]any {
	return map[string]any{
		"id": id("a", n), "crossId": id("c", n), "name": "api " + n, "version": "1", "description": "about " + n,
		"definition_context": map[string]any{"origin": "kubernetes", "mode": "fully_managed", "syncFrom": "MANAGEMENT"},
		"gravitee":           "2.0.0", "state": "STARTED", "lifecycle_state": "CREATED", "visibility": "PRIVATE",
		"proxy": map[string]any{
			"virtual_hosts": []any{map[string]any{"path": "/" + n}},
			"groups": []any{map[string]any{"name": "main", "endpoints": []any{
				map[string]any{"name": "one", "target": "http://127.0.0.1:1/x"}}}},
		},
		"plans": []any{plan(n, "open", "KEY_LESS")},
	}
}

func plan(n, name, security string) map[string]any {
	return map[string]any{"id": id("d", n+name), "crossId": id("e", n+name), "name": name, "description": name,
		"security": security, "status": "PUBLISHED", "validation": "AUTO"}
}

// id makes a UUID out of a letter and up to six bytes.
func id(letter, n string) string {
	digits := []byte("000000000000")
	for i, b := range []byte(n) {
		if 2*i+1 < len(digits) {
			digits[2*i], digits[2*i+1] = "0123456789abcdef"[b>>4], "0123456789abcdef"[b&15]
		}
	}
	return letter + "0000000-0000-4000-8000-" + string(digits)
}

func put(path string) string { return e + "/apis/import-crd?dryRun=false" + path }

// clock is a clock that a test moves.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }
