// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gravitee_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/mapi/gravitee"
	"github.com/apisync/apisync/internal/model"
)

// success stands for no error at all.
const success = fault.Kind(-1)

// request makes the request of a kind, as recorded, through a transport.
func request(t *testing.T, kind, method string, transport http.RoundTripper) error {
	t.Helper()
	config := configFor("http://management.test")
	client, err := gravitee.New(gravitee.Options{Now: func() time.Time { return clock }}).Dial(config, withoutLogin(transport))
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	switch method + " " + kind {
	case "PUT import":
		_, err = client.APIs().Apply(ctx, sampleAPI(1), mapi.Commit)
	case "DELETE api":
		err = client.APIs().Delete(ctx, mapi.Ref{ID: "some-id"})
	case "GET api":
		var seen mapi.Observation
		seen, err = client.APIs().Observe(ctx, mapi.Ref{ID: "some-id"})
		if err == nil && seen.Exists {
			t.Error("an error body became an API")
		}
	case "GET collection":
		_, err = client.APIs().Observe(ctx, mapi.Ref{Key: "some-key"})
	case "GET environment", "GET user":
		_, err = client.Probe(ctx)
	default:
		t.Fatalf("unknown request %s %s", method, kind)
	}
	return err
}

// clock is the time of all tests of headers.
var clock = time.Date(2026, 11, 20, 18, 0, 0, 0, time.UTC)

// withoutLogin answers the login call as a server without it.
func withoutLogin(next http.RoundTripper) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "/user/login") {
			return reply(http.StatusNotFound, nil, ""), nil
		}
		return next.RoundTrip(r)
	})
}

func sampleAPI(n int) model.API {
	id := fmt.Sprintf("cccccccc-0000-4000-8000-%012d", n)
	return model.API{Name: fmt.Sprintf("test/sample-%d", n), Key: "key-" + id, ID: id, Definition: map[string]any{
		"id": id, "crossId": "key-" + id, "name": fmt.Sprintf("sample-%d", n), "version": "1", "description": "a sample", "gravitee": "2.0.0",
		"definition_context": map[string]any{"origin": "kubernetes", "mode": "fully_managed", "syncFrom": "MANAGEMENT"},
		"state":              "STARTED", "labels": []any{}, "flows": []any{}, "tags": nil,
		"proxy": map[string]any{
			"virtual_hosts": []any{map[string]any{"path": fmt.Sprintf("/sample/%d", n)}},
			"groups": []any{map[string]any{"name": "main", "endpoints": []any{
				map[string]any{"name": "up", "target": "http://127.0.0.1:19999/up"}}}},
		},
		"plans": []any{map[string]any{"id": "plan-" + id, "crossId": "plan-key-" + id, "name": "open", "description": "for all",
			"security": "KEY_LESS", "status": "PUBLISHED", "validation": "AUTO"}},
	}}
}

// TestClassifyRecorded holds an expectation for every kind of answer that was recorded.
func TestClassifyRecorded(t *testing.T) {
	rows := []struct {
		method, kind string
		status       int
		part         string
		want         fault.Kind
		reason       string
		why          string
	}{
		{"PUT", "import", 200, "something is badly wrong", success, "", "severe remarks in a success are for the status (case 77)"},
		{"PUT", "import", 200, "<html>", fault.Transient, fault.ReasonUnreachable, "a proxy's page is no receipt"},
		{"PUT", "import", 200, `{"id":"x","plans":[]}`, fault.Transient, fault.ReasonUnreachable, "another shape is no receipt"},
		{"PUT", "import", 200, "{}", fault.Transient, fault.ReasonUnreachable, "a receipt without id would erase ids"},
		{"PUT", "import", 200, "", fault.Transient, fault.ReasonUnreachable, "an empty answer is no receipt"},
		{"PUT", "import", 204, "", fault.Transient, fault.ReasonUnreachable, "an empty answer is no receipt"},
		{"PUT", "import", 302, "", fault.Transient, fault.ReasonUnreachable, "a redirect isn't followed with a write"},
		{"PUT", "import", 400, "Invalid organization", fault.Terminal, gravitee.ReasonUnknownEnvironment, "the context is wrong"},
		{"PUT", "import", 400, "api.exists", fault.Terminal, gravitee.ReasonIDExists, "somebody else has the id"},
		{"PUT", "import", 400, "already exists", fault.Terminal, gravitee.ReasonPathExists, "somebody else has the path"},
		{"PUT", "import", 400, "", fault.Terminal, fault.ReasonControlPlane, "the definition is wrong"},
		{"PUT", "import", 401, "", fault.Unauthenticated, fault.ReasonUnauthorized, "the credentials are wrong"},
		{"PUT", "import", 402, "", fault.Forbidden, fault.ReasonForbidden, "a licence is missing, which a person has to get"},
		{"PUT", "import", 403, "", fault.Forbidden, fault.ReasonForbidden, "rights are missing"},
		{"PUT", "import", 404, "tag.notFound", fault.Terminal, fault.ReasonControlPlane, "a dependency is missing and can't wake us"},
		{"PUT", "import", 404, "injected", fault.Terminal, fault.ReasonControlPlane, "something is missing and can't wake us"},
		{"PUT", "import", 405, "", fault.Terminal, fault.ReasonControlPlane, "the server doesn't offer the call"},
		{"PUT", "import", 408, "", fault.Transient, fault.ReasonUnreachable, "slow network"},
		{"PUT", "import", 409, "", fault.Transient, fault.ReasonControlPlane, "a concurrent write"},
		{"PUT", "import", 410, "", fault.Terminal, fault.ReasonControlPlane, "the server means never"},
		{"PUT", "import", 412, "", fault.Transient, fault.ReasonControlPlane, "a concurrent write"},
		{"PUT", "import", 413, "", fault.Terminal, fault.ReasonControlPlane, "the same body stays too large"},
		{"PUT", "import", 415, "", fault.Terminal, fault.ReasonControlPlane, "the same body stays unsupported"},
		{"PUT", "import", 422, "", fault.Terminal, fault.ReasonControlPlane, "the definition is wrong"},
		{"PUT", "import", 423, "", fault.Transient, fault.ReasonControlPlane, "a concurrent write"},
		{"PUT", "import", 425, "", fault.Transient, fault.ReasonUnreachable, "the server asks for a repetition"},
		{"PUT", "import", 429, "", fault.Transient, fault.ReasonThrottled, "too many requests"},
		{"PUT", "import", 500, "creating API Metadata", fault.Terminal, fault.ReasonControlPlane, "the user's mistake (case 15)"},
		{"PUT", "import", 500, "import a directory", fault.Terminal, fault.ReasonControlPlane, "the user's mistake (case 18)"},
		{"PUT", "import", 500, "Duplicate key", fault.Terminal, fault.ReasonControlPlane, "the user's mistake (case 61)"},
		{"PUT", "import", 500, "finding API by environment", fault.Conflict, gravitee.ReasonDuplicateKey, "doesn't heal by itself"},
		{"PUT", "import", 500, "", fault.Transient, fault.ReasonControlPlane, "a mishap of the server"},
		{"PUT", "import", 501, "", fault.Terminal, fault.ReasonControlPlane, "the server doesn't offer the call"},
		{"PUT", "import", 502, "", fault.Transient, fault.ReasonUnreachable, "nothing behind the proxy"},
		{"PUT", "import", 503, "busy", fault.Transient, fault.ReasonThrottled, "the server asks for a pause"},
		{"PUT", "import", 503, "", fault.Transient, fault.ReasonUnreachable, "nothing behind the proxy"},
		{"PUT", "import", 504, "", fault.Transient, fault.ReasonUnreachable, "nothing behind the proxy"},
		{"DELETE", "api", 204, "", success, "", "deleted"},
		{"DELETE", "api", 400, "", fault.Terminal, fault.ReasonControlPlane, "the server doesn't want to"},
		{"DELETE", "api", 401, "", fault.Unauthenticated, fault.ReasonUnauthorized, "the credentials are wrong"},
		{"DELETE", "api", 403, "", fault.Forbidden, fault.ReasonForbidden, "rights are missing"},
		{"DELETE", "api", 404, "injected", success, "", "gone, as GKO takes it (case 76)"},
		{"DELETE", "api", 500, "", fault.Transient, fault.ReasonControlPlane, "a mishap of the server"},
		{"GET", "api", 404, "api.notFound", success, "", "absence is data"},
		{"GET", "collection", 401, "", fault.Unauthenticated, fault.ReasonUnauthorized, "the credentials are wrong"},
		{"GET", "environment", 400, "", fault.Terminal, gravitee.ReasonUnknownEnvironment, "the context is wrong"},
		{"GET", "environment", 401, "", fault.Unauthenticated, fault.ReasonUnauthorized, "the credentials are wrong"},
		{"GET", "user", 401, "", fault.Unauthenticated, fault.ReasonUnauthorized, "the credentials are wrong"},
		{"GET", "user", 404, "", fault.Terminal, fault.ReasonControlPlane, "a route that isn't there"},
	}
	used := make([]bool, len(rows))
	for _, answer := range readRecorded[recordedAnswer](t, "answers.jsonl") {
		if answer.Method == "DELETE" && answer.Kind == "collection" {
			continue // GKO's mistake of case 73, which this back end can't make: see TestDeleteNeedsID
		}
		row := -1
		for i, candidate := range rows {
			if candidate.method == answer.Method && candidate.kind == answer.Kind && candidate.status == answer.Status &&
				strings.Contains(answer.Body, candidate.part) {
				row = i
				break
			}
		}
		name := fmt.Sprintf("%s %s %s %d %.40s", answer.Source, answer.Method, answer.Kind, answer.Status, answer.Body)
		t.Run(name, func(t *testing.T) {
			if row < 0 {
				t.Fatal("no expectation")
			}
			used[row] = true
			err := request(t, answer.Kind, answer.Method, roundTrip(func(*http.Request) (*http.Response, error) {
				return reply(answer.Status, answer.Header, answer.Body), nil
			}))
			checkFault(t, err, rows[row].want, rows[row].reason)
			if after := answer.Header["Retry-After"]; after != "" && fault.RetryAfter(err).String() != after+"s" {
				t.Errorf("retry after %s, want %ss", fault.RetryAfter(err), after)
			}
		})
	}
	for i, row := range rows {
		if !used[i] {
			t.Errorf("no recorded answer is %s %s %d %q", row.method, row.kind, row.status, row.part)
		}
	}
}

func checkFault(t *testing.T, err error, kind fault.Kind, reason string) {
	t.Helper()
	if kind == success {
		if err != nil {
			t.Errorf("got %v, want success", err)
		}
		return
	}
	if err == nil {
		t.Fatalf("got success, want %s", kind)
	}
	if !errors.Is(err, kind) || fault.ReasonOf(err) != reason {
		t.Errorf("got %s %s, want %s %s: %v", fault.KindOf(err), fault.ReasonOf(err), kind, reason, err)
	}
	if message := err.Error(); len(message) > 600 || strings.ContainsAny(message, "\n\r\t\x00") {
		t.Errorf("unfit message %q", message)
	}
}

// TestClassifyMore holds what wasn't recorded.
func TestClassifyMore(t *testing.T) {
	rows := []struct {
		why          string
		kind, method string
		status       int
		header       map[string]string
		body         string
		want         fault.Kind
		reason       string
		retryAfter   time.Duration
	}{
		{why: "an empty 404 on a deletion comes from elsewhere: the API may live", kind: "api", method: "DELETE", status: 404,
			want: fault.Terminal, reason: fault.ReasonControlPlane},
		{why: "so does a page", kind: "api", method: "DELETE", status: 404, body: "<html>not here</html>",
			want: fault.Terminal, reason: fault.ReasonControlPlane},
		{why: "and the JSON of an unknown route", kind: "api", method: "DELETE", status: 404,
			body: `{"message":"HTTP 404 Not Found","http_status":404}`, want: fault.Terminal, reason: fault.ReasonControlPlane},
		{why: "an unknown route doesn't look like an absent API", kind: "api", method: "GET", status: 404,
			want: fault.Terminal, reason: fault.ReasonControlPlane},
		{why: "null is no API", kind: "api", method: "GET", status: 200, body: "null", want: fault.Transient, reason: fault.ReasonUnreachable},
		{why: "null is no list", kind: "collection", method: "GET", status: 200, body: "null", want: fault.Transient, reason: fault.ReasonUnreachable},
		{why: "an object is no list: it must not look like absence", kind: "collection", method: "GET", status: 200, body: "{}",
			want: fault.Transient, reason: fault.ReasonUnreachable},
		{why: "a row without an id", kind: "collection", method: "GET", status: 200, body: `[{"name":"x"}]`,
			want: fault.Transient, reason: fault.ReasonUnreachable},
		{why: "an empty list is absence", kind: "collection", method: "GET", status: 200, body: "[]", want: success},
		{why: "a search that is forbidden isn't absence", kind: "collection", method: "GET", status: 403, body: `{"message":"no"}`,
			want: fault.Forbidden, reason: fault.ReasonForbidden},
		{why: "403 on the probe means the context", kind: "environment", method: "GET", status: 403, body: `{"message":"no"}`,
			want: fault.Unauthenticated, reason: fault.ReasonForbidden},
		{why: "an answer with null as its receipt", kind: "import", method: "PUT", status: 200, body: "null",
			want: fault.Transient, reason: fault.ReasonUnreachable},
		{why: "an id that is a blank", kind: "import", method: "PUT", status: 200, body: `{"id":" "}`,
			want: fault.Transient, reason: fault.ReasonUnreachable},
		{why: "a date as pause", kind: "import", method: "PUT", status: 503, header: map[string]string{"Retry-After": clock.Add(42 * time.Second).Format(http.TimeFormat)},
			want: fault.Transient, reason: fault.ReasonThrottled, retryAfter: 42 * time.Second},
		{why: "a date of the past", kind: "import", method: "PUT", status: 429, header: map[string]string{"Retry-After": clock.Add(-time.Hour).Format(http.TimeFormat)},
			want: fault.Transient, reason: fault.ReasonThrottled},
		{why: "nobody is left alone for a day", kind: "import", method: "PUT", status: 429, header: map[string]string{"Retry-After": "86400"},
			want: fault.Transient, reason: fault.ReasonThrottled, retryAfter: 10 * time.Minute},
		{why: "a number that overflows", kind: "import", method: "PUT", status: 429, header: map[string]string{"Retry-After": "9223372036854775807"},
			want: fault.Transient, reason: fault.ReasonThrottled, retryAfter: 10 * time.Minute},
		{why: "nonsense as pause", kind: "import", method: "PUT", status: 429, header: map[string]string{"Retry-After": "soon"},
			want: fault.Transient, reason: fault.ReasonThrottled},
		{why: "a missing plugin (case 114)", kind: "import", method: "PUT", status: 500,
			body: `{"message":"io.gravitee.rest.api.service.exceptions.PluginNotFoundException: Plugin [nope] cannot be found."}`,
			want: fault.Terminal, reason: fault.ReasonControlPlane},
		{why: "concurrent imports heal by themselves", kind: "import", method: "PUT", status: 500,
			body: `{"message":"An error occurs while trying create io.gravitee.rest.api.model.api.UpdateApiEntity@5da3332f for user 990b","technicalCode":"unexpected"}`,
			want: fault.Transient, reason: fault.ReasonControlPlane},
	}
	for _, row := range rows {
		t.Run(row.why, func(t *testing.T) {
			err := request(t, row.kind, row.method, roundTrip(func(*http.Request) (*http.Response, error) {
				return reply(row.status, row.header, row.body), nil
			}))
			checkFault(t, err, row.want, row.reason)
			if got := fault.RetryAfter(err); got != row.retryAfter {
				t.Errorf("retry after %s, want %s", got, row.retryAfter)
			}
		})
	}
}

func TestClassifyNetwork(t *testing.T) {
	from := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 54321}
	to := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8083}
	rows := []struct {
		why  string
		err  error
		text string
	}{
		{"refused", &net.OpError{Op: "dial", Net: "tcp", Addr: to, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, "connection refused"},
		{"reset, where the text holds the local port (case 67)",
			&net.OpError{Op: "read", Net: "tcp", Source: from, Addr: to, Err: os.NewSyscallError("read", syscall.ECONNRESET)}, "the connection was cut"},
		{"cut", io.EOF, "the connection was cut"},
		{"name", &net.DNSError{Err: "no such host", Name: "management.test", Server: "10.0.0.1:53"}, "the host management.test can't be resolved"},
		{"time-out", context.DeadlineExceeded, "no answer within 5s"},
		{"time-out of a dialer", &net.OpError{Op: "dial", Net: "tcp", Addr: to, Err: os.ErrDeadlineExceeded}, "no answer within 5s"},
		{"unknown", &net.OpError{Op: "read", Net: "tcp", Source: from, Addr: to, Err: errors.New("odd")}, "odd"},
	}
	for _, row := range rows {
		t.Run(row.why, func(t *testing.T) {
			err := request(t, "import", "PUT", roundTrip(func(*http.Request) (*http.Response, error) {
				return nil, row.err
			}))
			checkFault(t, err, fault.Transient, fault.ReasonUnreachable)
			if !strings.Contains(err.Error(), row.text) || strings.Contains(err.Error(), "54321") {
				t.Errorf("message: %v", err)
			}
		})
	}
	t.Run("an open circuit breaker tells when to come back", func(t *testing.T) {
		err := request(t, "import", "PUT", roundTrip(func(*http.Request) (*http.Response, error) {
			return nil, &url.Error{Op: "Put", URL: "http://x", Err: &mapi.CircuitOpenError{RetryAfter: 7 * time.Second}}
		}))
		checkFault(t, err, fault.Transient, fault.ReasonUnreachable)
		if fault.RetryAfter(err) != 7*time.Second {
			t.Errorf("retry after %s", fault.RetryAfter(err))
		}
	})
}

func TestBodies(t *testing.T) {
	packed := func(text string) string {
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	const receipt = `{"id":"i","crossId":"k","plans":{"a":"b"}}`
	rows := []struct {
		why    string
		header map[string]string
		body   string
		want   fault.Kind
	}{
		{"packed bodies are unpacked", map[string]string{"Content-Encoding": "gzip"}, packed(receipt), success},
		{"the limit is for the unpacked size", map[string]string{"Content-Encoding": "gzip"}, packed(receipt + strings.Repeat(" ", 2048)), fault.Transient},
		{"an oversized body isn't read", nil, receipt + strings.Repeat(" ", 2048), fault.Transient},
		{"a body that claims to be packed", map[string]string{"Content-Encoding": "gzip"}, receipt, fault.Transient},
	}
	for _, row := range rows {
		t.Run(row.why, func(t *testing.T) {
			client, err := gravitee.New(gravitee.Options{MaxBody: 1024}).Dial(configFor("http://management.test"), withoutLogin(
				roundTrip(func(*http.Request) (*http.Response, error) { return reply(200, row.header, row.body), nil })))
			if err != nil {
				t.Fatal(err)
			}
			_, err = client.APIs().Apply(t.Context(), sampleAPI(1), mapi.Commit)
			checkFault(t, err, row.want, fault.ReasonUnreachable)
		})
	}
}

// TestMessages demands one short line without secrets, whatever a server says.
func TestMessages(t *testing.T) {
	config := configFor("http://management.test")
	config.Credentials = mapi.Credentials{Username: "bob", Password: "pa55word!", Token: "tok-0123456789"}
	rows := []struct{ why, body, want string }{
		{"credentials are cut out", `{"message":"user bob with pa55word! and tok-0123456789 (bobby stays)"}`,
			"PUT import of API test/sample-1: 400: user *** with *** and *** (bobby stays)"},
		{"session tokens are cut out", `{"message":"token eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl expired"}`,
			"PUT import of API test/sample-1: 400: token *** expired"},
		{"lines and controls become spaces", `{"message":"a\n\tb\u0000c\u001b[31m"}`, "PUT import of API test/sample-1: 400: a b c [31m"},
		{"whole definitions are cut out", `{"message":"trying create io.gravitee.rest.api.model.api.UpdateApiEntity{id='x', secret='s3cret'} for user u"}`,
			"PUT import of API test/sample-1: 400: trying create the API"},
		{"long texts are cut without breaking characters", `{"message":"` + strings.Repeat("ä", 400) + `"}`,
			"PUT import of API test/sample-1: 400: " + strings.Repeat("ä", 150) + "…"},
		{"details of a validation", `{"message":"Validation error","details":[{"message":"must not be null","location":"name"}]}`,
			"PUT import of API test/sample-1: 400: Validation error; name: must not be null"},
		{"pages aren't shown", "<html>oops</html>", "PUT import of API test/sample-1: 400: Bad Request"},
	}
	for _, row := range rows {
		t.Run(row.why, func(t *testing.T) {
			client, err := gravitee.New(gravitee.Options{}).Dial(config, withoutLogin(
				roundTrip(func(*http.Request) (*http.Response, error) { return reply(400, nil, row.body), nil })))
			if err != nil {
				t.Fatal(err)
			}
			_, err = client.APIs().Apply(t.Context(), sampleAPI(1), mapi.Commit)
			if err == nil || err.Error() != row.want {
				t.Errorf("got  %v\nwant %s", err, row.want)
			}
		})
	}
}
