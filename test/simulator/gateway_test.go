// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package simulator_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/apisync/apisync/test/simulator"
)

// upstream answers with the path and the host that it was asked for.
func upstream(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "saw "+r.URL.RequestURI())
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func endpoints(targets ...string) map[string]any {
	var list []any
	for _, target := range targets {
		list = append(list, map[string]any{"name": target, "target": target})
	}
	return map[string]any{"name": "main", "endpoints": list}
}

func TestGateway(t *testing.T) {
	t.Parallel()
	up := upstream(t)
	proxy := func(group map[string]any, hosts ...any) map[string]any {
		return map[string]any{"virtual_hosts": hosts, "groups": []any{group}}
	}
	host := func(name, path string) map[string]any { return map[string]any{"host": name, "path": path} }
	const nothing = "No context-path matches the request URI."
	for name, c := range map[string]struct {
		reason  string
		changes map[string]any
		by      func(*testing.T, *rig)
		host    string
		path    string
		status  int
		body    string
	}{
		"keyless":    {reason: "target and rest of the path", path: "/one/x?q=1", status: 200, body: "saw /base/x?q=1"},
		"exactly":    {reason: "the context path alone", path: "/one", status: 200, body: "saw /base"},
		"border":     {reason: "a path ends at a slash", path: "/oneself", status: 404, body: nothing},
		"stopped":    {reason: "not served", changes: map[string]any{"state": "STOPPED"}, path: "/one", status: 404, body: nothing},
		"key":        {reason: "a key is needed", changes: map[string]any{"plans": []any{plan("one", "k", "API_KEY")}}, path: "/one", status: 401, body: "Unauthorized"},
		"no plan":    {reason: "accepted, never served (37)", changes: map[string]any{"plans": []any{}}, path: "/one", status: 404, body: nothing},
		"odd policy": {reason: "accepted, never served (38)", changes: map[string]any{"flows": []any{map[string]any{"name": "f", "pre": []any{map[string]any{"policy": "no-such-policy"}}}}}, path: "/one", status: 404, body: nothing},
		"dead first": {reason: "the first that can be reached", changes: map[string]any{"proxy": proxy(endpoints("http://127.0.0.1:1/dead", up+"/live"), host("", "/one"))}, path: "/one/x", status: 200, body: "saw /live/x"},
		"all dead":   {reason: "none can be reached", changes: map[string]any{"proxy": proxy(endpoints("http://127.0.0.1:1/dead"), host("", "/one"))}, path: "/one", status: 502, body: "Bad Gateway"},
		"host":       {reason: "the host fits", changes: map[string]any{"proxy": proxy(endpoints(up), host("img.example.test", "/img"))}, host: "img.example.test", path: "/img/z", status: 200, body: "saw /z"},
		"other host": {reason: "restricted to a host", changes: map[string]any{"proxy": proxy(endpoints(up), host("img.example.test", "/img"))}, path: "/img/z", status: 404, body: nothing},
		"by hand": {reason: "a change by hand isn't deployed", path: "/one/x", status: 200, body: "saw /base/x", by: func(t *testing.T, r *rig) {
			t.Helper()
			if err := r.EditAPI(id("a", "one"), func(d map[string]any) { d["proxy"] = path("/moved") }); err != nil {
				t.Fatal(err)
			}
		}},
		"stopped by hand": {reason: "gateways follow a stop at once", path: "/one", status: 404, body: nothing, by: func(t *testing.T, r *rig) {
			t.Helper()
			r.must(t, 204, "POST", e+"/apis/"+id("a", "one")+"?action=STOP", nil)
		}},
		"deleted": {reason: "gone", path: "/one", status: 404, body: nothing, by: func(t *testing.T, r *rig) {
			t.Helper()
			r.must(t, 204, "DELETE", e+"/apis/"+id("a", "one")+"?closePlans=true", nil)
		}},
		"longest": {reason: "the longest path wins", path: "/one/deeper/x", status: 200, body: "saw /deep/x", by: func(t *testing.T, r *rig) {
			t.Helper()
			r.must(t, 200, "PUT", put(""), with(definition("two"), map[string]any{"proxy": proxy(endpoints(up+"/deep"), host("", "/one/deeper"))}))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, simulator.Options{Environments: []simulator.Place{{}, {Environment: "TWO"}}})
			body := with(definition("one"), map[string]any{"proxy": proxy(endpoints(up+"/base"), host("", "/one"))})
			r.must(t, 200, "PUT", put(""), with(body, c.changes))
			if c.by != nil {
				c.by(t, r)
			}
			ask := func(environment string) (int, string) {
				request := httptest.NewRequestWithContext(t.Context(), "GET", c.path, nil)
				if c.host != "" {
					request.Host = c.host
				}
				recorder := httptest.NewRecorder()
				r.Gateway("", environment).ServeHTTP(recorder, request)
				return recorder.Code, recorder.Body.String()
			}
			if status, got := ask(""); status != c.status || got != c.body {
				t.Errorf("%s: %d %q, want %d %q", c.reason, status, got, c.status, c.body)
			}
			if status, _ := ask("TWO"); status != 404 {
				t.Errorf("another environment serves it as well: %d", status)
			}
		})
	}
}
