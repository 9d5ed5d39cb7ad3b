// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// claims are the parts of a session token that matter here; the real one has the same names.
type claims struct {
	Issuer      string   `json:"iss"`
	IssuedAt    int64    `json:"iat"`
	ExpiresAt   int64    `json:"exp"`
	Subject     string   `json:"sub"`
	Permissions []object `json:"permissions"`
	Org         string   `json:"org"`
	ID          string   `json:"jti"`
}

// authenticate resolves the credentials of a call; the answer counts only if it failed.
func (s *Simulator) authenticate(c *call) (answer, bool) {
	scheme, credential, _ := strings.Cut(c.r.Header.Get("Authorization"), " ")
	c.entry.Scheme = scheme
	user, slow := s.accountOf(c, strings.ToLower(scheme), strings.TrimSpace(credential))
	if slow {
		wait(c.r.Context(), s.tuned().passwordLatency)
	}
	if user == nil {
		return empty(http.StatusUnauthorized).
			with("WWW-Authenticate", `Basic realm="Gravitee.io Management API"`).
			with("Cache-Control", "must-revalidate,no-cache,no-store"), true
	}
	c.user, c.entry.User = user, user.Name
	return answer{}, false
}

// accountOf finds the user; slow tells that a real server would have had to check a hash.
func (s *Simulator) accountOf(c *call, scheme, credential string) (user *account, slow bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch scheme {
	case "basic":
		name, password, _ := c.r.BasicAuth()
		user := s.users[name]
		if user == nil || user.Password != password || !user.in(c.place.Organization) {
			return nil, true
		}
		return user, true
	case "bearer":
		for _, user := range s.users {
			if user.in(c.place.Organization) && slices.Contains(user.Tokens, credential) {
				c.entry.Scheme = "Token"
				return user, true
			}
		}
		if strings.Count(credential, ".") == 2 {
			return s.session(c, credential), false
		}
	}
	return nil, true
}

func (a *account) in(organization string) bool {
	return a.Organizations == nil || slices.Contains(a.Organizations, organization)
}

// session checks a token that login handed out; nil if it is wrong, expired or revoked.
func (s *Simulator) session(c *call, token string) *account {
	c.entry.Scheme = "Session"
	cut := strings.LastIndexByte(token, '.')
	if !hmac.Equal([]byte(s.sign(token[:cut])), []byte(token[cut+1:])) {
		return nil
	}
	_, payload, _ := strings.Cut(token[:cut], ".")
	data, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return nil
	}
	var claimed claims
	if err := json.Unmarshal(data, &claimed); err != nil {
		return nil
	}
	expired := !s.options.Now().Before(time.Unix(claimed.ExpiresAt, 0))
	if expired || claimed.Org != c.place.Organization {
		return nil
	}
	for _, user := range s.users {
		if user.id == claimed.Subject {
			return user
		}
	}
	return nil
}

func (s *Simulator) sign(signed string) string {
	mac := hmac.New(sha256.New, s.secret)
	mac.Write([]byte(signed))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// login exchanges a password, a personal token or a session for a session token. How a server without local login answers
// isn't recorded.
func (s *Simulator) login(c *call) answer {
	if s.tuning.noLogin {
		return failV1(http.StatusNotFound, statusText(http.StatusNotFound), "", nil)
	}
	now := s.options.Now()
	payload, err := json.Marshal(claims{
		Issuer: "gravitee-management-auth", IssuedAt: now.Unix(), ExpiresAt: now.Add(s.options.SessionLifetime).Unix(),
		Subject: c.user.id, Org: c.place.Organization, ID: newID(),
		Permissions: []object{{"authority": "ENVIRONMENT:" + string(c.user.Role)}},
	})
	if err != nil {
		return empty(http.StatusInternalServerError)
	}
	signed := base64.RawURLEncoding.EncodeToString([]byte(`{"typ":"JWT","alg":"HS256"}`)) + "." +
		base64.RawURLEncoding.EncodeToString(payload)
	return ok(object{"type": "BEARER", "token": signed + "." + s.sign(signed)})
}

// logout wasn't recorded; it ends nothing, as tokens are self-contained.
func (s *Simulator) logout(*call) answer { return empty(http.StatusOK) }

// RevokeSessions makes every session token handed out so far invalid.
func (s *Simulator) RevokeSessions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secret = []byte(newID() + newID())
}

// SetUser adds or replaces a user; the id of a known name stays, so its sessions and APIs stay its own.
func (s *Simulator) SetUser(user User) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.users[user.Name]; known != nil {
		known.User = user
		return
	}
	s.users[user.Name] = &account{User: user, id: newID(), createdAt: s.tick()}
}

// RemoveUser ends an account, its tokens and its sessions.
func (s *Simulator) RemoveUser(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.users, name)
}
