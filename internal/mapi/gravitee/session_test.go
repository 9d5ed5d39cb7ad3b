// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gravitee_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/mapi/gravitee"
	"github.com/apisync/apisync/test/simulator"
)

// server is a management API of which only the authentication matters; every read finds nothing.
type server struct {
	mu sync.Mutex
	// login answers the nth login; nil hands out tokens t1, t2 and so on.
	login func(n int) (*http.Response, error)
	// accepts decides about other requests: the status for their Authorization header. Nil accepts all.
	accepts func(authorization string) int
	logins  int
	// seen are the Authorization headers of other requests.
	seen []string
}

func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if strings.HasSuffix(r.URL.Path, "/user/login") {
		s.logins++
		if s.login != nil {
			return s.login(s.logins)
		}
		return reply(200, nil, fmt.Sprintf(`{"type":"BEARER","token":"t%d"}`, s.logins)), nil
	}
	header := r.Header.Get("Authorization")
	s.seen = append(s.seen, header)
	if s.accepts != nil {
		if status := s.accepts(header); status != 200 {
			return reply(status, nil, `{"message":"no"}`), nil
		}
	}
	return reply(200, nil, "[]"), nil
}

const basic = "Basic YWRtaW46YWRtaW4=" // admin:admin

// jwt makes an unsigned token with these claims.
func jwt(claims string) string {
	return "h." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".s"
}

// watch is a clock that tests move.
type watch struct{ now time.Time }

func (w *watch) Now() time.Time { return w.now }

func clientOf(t *testing.T, transport http.RoundTripper, now func() time.Time, credentials mapi.Credentials) mapi.Client {
	t.Helper()
	config := configFor("http://management.test")
	if credentials != (mapi.Credentials{}) {
		config.Credentials = credentials
	}
	client, err := gravitee.New(gravitee.Options{Now: now}).Dial(config, transport)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func read(ctx context.Context, client mapi.Client) error {
	_, err := client.APIs().Observe(ctx, mapi.Ref{Key: "k"})
	return err
}

func TestSessionIsUsed(t *testing.T) {
	for name, credentials := range map[string]mapi.Credentials{
		"password":       {Username: "admin", Password: "admin"},
		"personal token": {Token: "personal"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &server{}
			client := clientOf(t, s, nil, credentials)
			for range 3 {
				if err := read(t.Context(), client); err != nil {
					t.Fatal(err)
				}
			}
			if s.logins != 1 {
				t.Errorf("%d logins, want 1", s.logins)
			}
			if diff := cmp.Diff([]string{"Bearer t1", "Bearer t1", "Bearer t1"}, s.seen); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSessionEnds(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	claims := func(issued, expires time.Time) string {
		return jwt(fmt.Sprintf(`{"iat":%d,"exp":%d}`, issued.Unix(), expires.Unix()))
	}
	cases := []struct {
		why, token  string
		valid, ends time.Duration
	}{
		{"seven days, less the margin", claims(now, now.Add(168*time.Hour)), 167 * time.Hour, 168*time.Hour - 4*time.Minute},
		{"a short life has a short margin", claims(now, now.Add(100*time.Second)), 80 * time.Second, 95 * time.Second},
		{"the server's clock is two hours ahead", claims(now.Add(2*time.Hour), now.Add(3*time.Hour)), 50 * time.Minute, time.Hour},
		{"the server's clock is two hours behind", claims(now.Add(-2*time.Hour), now.Add(-time.Hour)), 50 * time.Minute, time.Hour},
		{"without the time of issue", jwt(fmt.Sprintf(`{"exp":%d}`, now.Add(time.Hour).Unix())), 50 * time.Minute, time.Hour},
		{"an opaque token lives an hour", "opaque", 50 * time.Minute, time.Hour},
		{"so does one that can't be read", "a.!!!.c", 50 * time.Minute, time.Hour},
	}
	for _, c := range cases {
		t.Run(c.why, func(t *testing.T) {
			s := &server{login: func(int) (*http.Response, error) { return reply(200, nil, `{"token":"`+c.token+`"}`), nil }}
			clock := &watch{now: now}
			client := clientOf(t, s, clock.Now, mapi.Credentials{})
			for _, step := range []struct {
				at     time.Duration
				logins int
			}{{0, 1}, {c.valid, 1}, {c.ends, 2}} {
				clock.now = now.Add(step.at)
				if err := read(t.Context(), client); err != nil {
					t.Fatal(err)
				}
				if s.logins != step.logins {
					t.Errorf("after %s: %d logins, want %d", step.at, s.logins, step.logins)
				}
			}
		})
	}
}

func TestSessionIsRenewed(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	t.Run("on a 401, and the request is repeated", func(t *testing.T) {
		s := &server{accepts: func(header string) int {
			if header == "Bearer t1" {
				return 401
			}
			return 200
		}}
		if err := read(t.Context(), clientOf(t, s, nil, mapi.Credentials{})); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"Bearer t1", "Bearer t2"}, s.seen); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("but only once", func(t *testing.T) {
		s := &server{accepts: func(string) int { return 401 }}
		if err := read(t.Context(), clientOf(t, s, nil, mapi.Credentials{})); !errors.Is(err, fault.Unauthenticated) {
			t.Fatal(err)
		}
		if s.logins != 2 || len(s.seen) != 2 {
			t.Errorf("%d logins, %d requests", s.logins, len(s.seen))
		}
	})
	t.Run("on a 403, since a token carries the roles of its login, but not at every one", func(t *testing.T) {
		s := &server{accepts: func(string) int { return 403 }}
		clock := &watch{now: now}
		client := clientOf(t, s, clock.Now, mapi.Credentials{})
		for _, step := range []struct {
			at     time.Duration
			logins int
		}{{0, 2}, {time.Second, 2}, {time.Minute, 2}, {3 * time.Minute, 3}} {
			clock.now = now.Add(step.at)
			if err := read(t.Context(), client); !errors.Is(err, fault.Forbidden) {
				t.Fatal(err)
			}
			if s.logins != step.logins {
				t.Errorf("after %s: %d logins, want %d", step.at, s.logins, step.logins)
			}
		}
	})
	t.Run("a failing renewal doesn't hide a 403", func(t *testing.T) {
		s := &server{accepts: func(string) int { return 403 }}
		s.login = func(n int) (*http.Response, error) {
			if n > 1 {
				return nil, errors.New("cut")
			}
			return reply(200, nil, `{"token":"t1"}`), nil
		}
		if err := read(t.Context(), clientOf(t, s, nil, mapi.Credentials{})); !errors.Is(err, fault.Forbidden) {
			t.Fatal(err)
		}
	})
}

func TestLoginIsNotOffered(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for why, answer := range map[string]*http.Response{
		"no such call":                           reply(404, nil, ""),
		"no such method":                         reply(405, nil, ""),
		"forbidden by a proxy":                   reply(403, nil, "<html>"),
		"not built":                              reply(501, nil, ""),
		"a page":                                 reply(200, nil, "<html>"),
		"no token":                               reply(200, nil, "{}"),
		"a token that's no one":                  reply(200, nil, `{"token":"a b"}`),
		"a redirect":                             reply(302, nil, ""),
		"not with a token":                       reply(401, nil, ""),
		"an unknown organization is a 500 there": reply(500, nil, ""),
	} {
		t.Run(why, func(t *testing.T) {
			s := &server{login: func(int) (*http.Response, error) { return answer, nil }}
			clock := &watch{now: now}
			client := clientOf(t, s, clock.Now, mapi.Credentials{})
			for range 3 {
				if err := read(t.Context(), client); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff([]string{basic, basic, basic}, s.seen); diff != "" {
				t.Error(diff)
			}
			if s.logins != 1 {
				t.Errorf("%d logins, want 1: the answer is to be remembered", s.logins)
			}
			clock.now = now.Add(time.Hour)
			if err := read(t.Context(), client); err != nil || s.logins != 2 {
				t.Errorf("%v, %d logins: it is to be asked again after a while", err, s.logins)
			}
		})
	}
}

func TestLoginFails(t *testing.T) {
	cases := []struct {
		why    string
		login  func(int) (*http.Response, error)
		reason string
		after  time.Duration
	}{
		{"network", func(int) (*http.Response, error) { return nil, errors.New("cut") }, fault.ReasonUnreachable, 0},
		{"nothing behind the proxy", func(int) (*http.Response, error) { return reply(502, nil, ""), nil }, fault.ReasonUnreachable, 0},
		{"too many", func(int) (*http.Response, error) { return reply(429, map[string]string{"Retry-After": "9"}, ""), nil },
			fault.ReasonThrottled, 9 * time.Second},
	}
	for _, c := range cases {
		t.Run(c.why, func(t *testing.T) {
			s := &server{login: c.login}
			err := read(t.Context(), clientOf(t, s, nil, mapi.Credentials{}))
			checkFault(t, err, fault.Transient, c.reason)
			if fault.RetryAfter(err) != c.after {
				t.Errorf("retry after %s", fault.RetryAfter(err))
			}
			if len(s.seen) > 0 {
				t.Errorf("requests were sent: %v", s.seen)
			}
		})
	}
}

// TestLoginIsShared lets many callers need a session at once, of which one leaves.
func TestLoginIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		proceed := make(chan struct{})
		s := &server{}
		blocked := roundTrip(func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/user/login") {
				select {
				case <-proceed:
				case <-r.Context().Done():
					return nil, r.Context().Err()
				}
			}
			return s.RoundTrip(r)
		})
		client := clientOf(t, blocked, nil, mapi.Credentials{})
		leaving, leave := context.WithCancel(context.Background())
		left := make(chan error, 1)
		go func() { left <- read(leaving, client) }()
		synctest.Wait() // the one who leaves has begun the login
		done := make(chan error, 8)
		for range 8 {
			go func() { done <- read(context.Background(), client) }()
		}
		synctest.Wait()
		leave()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("who left got %v", err)
		}
		close(proceed)
		for range 8 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if s.logins != 1 {
			t.Errorf("%d logins, want 1", s.logins)
		}
	})
}

func TestSessionsOnSimulator(t *testing.T) {
	sim, url := startSimulator(t, simulator.Options{})
	client := dial(t, configFor(url), gravitee.Options{})
	schemes := func() string {
		var all []string
		for _, r := range sim.Requests() {
			all = append(all, r.Scheme)
		}
		return strings.Join(all, " ")
	}
	if err := read(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	sim.RevokeSessions()
	if err := read(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	if got, want := schemes(), "Basic Session Session Basic Session"; got != want {
		t.Errorf("schemes %q, want %q", got, want)
	}
}
