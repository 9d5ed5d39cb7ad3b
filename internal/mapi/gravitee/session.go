// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gravitee

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/apisync/apisync/internal/mapi"
)

const (
	// plainFor is how long plain credentials are used when the login call isn't offered, before it is asked for again.
	plainFor = 10 * time.Minute
	// plainBriefly is the same when the login call failed by itself: the requests will tell what is wrong.
	plainBriefly = 15 * time.Second
	// forbiddenPause is the least time between two renewals for a 403: a token carries the roles of its login, but mostly
	// a 403 is meant.
	forbiddenPause = 2 * time.Minute
	// defaultLifetime is that of a token that names none.
	defaultLifetime = time.Hour
	// maxMargin is how long before its end a token is renewed, at most; short-lived ones get a tenth of their life.
	maxMargin = 5 * time.Minute
)

// credential is the value of an Authorization header.
type credential struct {
	header string
	// session is true for a token that the login call gave.
	session bool
}

// session keeps the token that credentials were exchanged for, since checking a password or a personal token costs a management
// API a bcrypt hash in every request (shared/contract/README.md 5). The token stays in memory. Safe for concurrent use.
type session struct {
	plain credential
	login func(ctx context.Context, as credential) loginResult
	now   func() time.Time

	flights singleflight.Group

	mu         sync.Mutex
	token      credential
	expires    time.Time
	plainUntil time.Time
	// forbiddenAt is the time of the last renewal for a 403.
	forbiddenAt time.Time
}

// loginResult is a token, or why there is none: err when the request that needs it has to fail as well, otherwise how long to go on
// with plain credentials.
type loginResult struct {
	token string
	plain time.Duration
	err   error
}

func newSession(credentials mapi.Credentials, login func(context.Context, credential) loginResult, now func() time.Time) *session {
	return &session{plain: credential{header: plainHeader(credentials)}, login: login, now: now}
}

func plainHeader(credentials mapi.Credentials) string {
	if credentials.Token != "" {
		return "Bearer " + credentials.Token
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(credentials.Username+":"+credentials.Password))
}

// credential gives what a request is to be sent with, after a login if need be. The error is a fault.
func (s *session) credential(ctx context.Context) (credential, error) {
	if known, ok := s.current(); ok {
		return known, nil
	}
	// One login for all who wait; it must outlive the one who happened to be first.
	outcome := s.flights.DoChan("login", func() (any, error) {
		if known, ok := s.current(); ok {
			return known, nil
		}
		return s.exchange(context.WithoutCancel(ctx))
	})
	select {
	case result := <-outcome:
		got, _ := result.Val.(credential)
		return got, result.Err
	case <-ctx.Done():
		return credential{}, abandonedFault("waiting for a login", ctx.Err())
	}
}

// current gives what is known to be usable without a login.
func (s *session) current() (credential, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if s.token.header != "" && now.Before(s.expires) {
		return s.token, true
	}
	return s.plain, now.Before(s.plainUntil)
}

func (s *session) exchange(ctx context.Context) (credential, error) {
	result := s.login(mapi.WithOperation(ctx, mapi.OperationLogin), s.plain)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	switch {
	case result.err != nil:
		return credential{}, result.err
	case result.token == "":
		s.token = credential{}
		s.plainUntil = now.Add(result.plain)
		return s.plain, nil
	}
	s.token = credential{header: "Bearer " + result.token, session: true}
	s.expires = now.Add(usableFor(result.token, now))
	return s.token, nil
}

// refused says how to go on after a 401 or 403: again is true when the request may be repeated with next.
func (s *session) refused(ctx context.Context, used credential, status int) (next credential, again bool, err error) {
	if !used.session {
		return credential{}, false, nil
	}
	if !s.discard(used, status) {
		return credential{}, false, nil
	}
	next, err = s.credential(ctx)
	if err != nil && status == http.StatusForbidden {
		// The refusal is an answer; why the token couldn't be renewed says less.
		return credential{}, false, nil
	}
	return next, err == nil, err
}

// discard forgets a token that was refused, unless another request has done so already. False if it is to be kept.
func (s *session) discard(used credential, status int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token != used {
		return true
	}
	if status == http.StatusForbidden {
		if !s.forbiddenAt.IsZero() && s.now().Sub(s.forbiddenAt) < forbiddenPause {
			return false
		}
		s.forbiddenAt = s.now()
	}
	s.token = credential{}
	return true
}

// login exchanges credentials for a session token. Where the call isn't offered (another server version, another
// identity provider, a proxy that blocks it), or doesn't work by itself, plain credentials go on to be used and tell what is wrong.
func (c *client) login(ctx context.Context, as credential) loginResult {
	request := call{
		operation: mapi.OperationLogin, method: http.MethodPost, url: c.addresses.organization + "/user/login",
		what: "login",
	}
	got := c.send(ctx, request, as)
	switch {
	case got.err != nil, got.status == http.StatusTooManyRequests, got.status > http.StatusInternalServerError && got.status != http.StatusNotImplemented:
		return loginResult{err: c.classify(request, got)}
	case got.status == http.StatusInternalServerError:
		// So answers an unknown organization, too (shared/contract/probe/identity-health.jsonl).
		return loginResult{plain: plainBriefly}
	}
	var body struct {
		Token string `json:"token"`
	}
	if got.status != http.StatusOK || json.Unmarshal(got.body, &body) != nil || !isHeaderToken(body.Token) {
		return loginResult{plain: plainFor}
	}
	return loginResult{token: body.Token}
}

func isHeaderToken(token string) bool {
	return token != "" && !strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' })
}

// usableFor reads from a token, unverified, how long it may be used from now on, less a margin. The lifetime is taken from
// its own times where possible, so that clocks needn't agree.
func usableFor(token string, now time.Time) time.Duration {
	lifetime := defaultLifetime
	if claims, ok := readClaims(token); ok && claims.Expires > 0 {
		begin := float64(now.Unix())
		if claims.Issued > 0 && claims.Issued < claims.Expires {
			begin = claims.Issued
		}
		// A clock that is far ahead would have a fresh token expired: it gets a short life instead of none.
		seconds := min(max(claims.Expires-begin, 1), (365 * 24 * time.Hour).Seconds())
		lifetime = time.Duration(seconds * float64(time.Second))
	}
	return lifetime - min(lifetime/10, maxMargin)
}

type claims struct {
	Issued  float64 `json:"iat"`
	Expires float64 `json:"exp"`
}

func readClaims(token string) (claims, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return claims{}, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return claims{}, false
	}
	var read claims
	err = json.Unmarshal(payload, &read)
	return read, err == nil
}
