// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gravitee

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/apisync/apisync/internal/mapi"
)

// Capabilities that Probe finds out.
const (
	// CapabilitySession: the login call is offered, so that requests are cheap.
	CapabilitySession = "session"
	// capabilityPrefix is followed by create, read, update or delete.
	capabilityPrefix = "apis:"
)

// Probe implements mapi.Client. A user without rights on APIs passes, with capabilities missing: each object tells.
// The version isn't told on the public port (shared/contract/README.md 4).
func (c *client) Probe(ctx context.Context) (mapi.ServerInfo, error) {
	var environment struct {
		ID, Name string
	}
	err := c.do(ctx, call{
		operation: mapi.OperationProbe, method: http.MethodGet, url: c.addresses.environmentV2, what: "environment",
		accept: func(body []byte) error {
			if err := json.Unmarshal(body, &environment); err != nil {
				return notJSON(err)
			}
			return require("id", environment.ID)
		},
	})
	if err != nil {
		return mapi.ServerInfo{}, err
	}
	c.environment.Store(&environment.ID)
	user, err := c.user(ctx)
	if err != nil {
		return mapi.ServerInfo{}, err
	}
	return mapi.ServerInfo{
		User: user.name(), OrganizationID: user.OrganizationID,
		EnvironmentID: environment.ID, EnvironmentName: environment.Name,
		Capabilities: c.capabilities(user),
	}, nil
}

// user is the answer of GET {organization}/user (shared/contract/probe/identity-health.jsonl).
type user struct {
	ID             string `json:"id"`
	DisplayName    string `json:"displayName"`
	SourceID       string `json:"sourceId"`
	OrganizationID string `json:"organizationId"`
	Authorities    []struct {
		Authority string `json:"authority"`
	} `json:"authorities"`
	Roles []struct {
		Scope       string              `json:"scope"`
		Permissions map[string][]string `json:"permissions"`
	} `json:"roles"`
}

func (u user) name() string {
	for _, name := range []string{u.DisplayName, u.SourceID} {
		if name != "" {
			return name
		}
	}
	return u.ID
}

func (c *client) user(ctx context.Context) (user, error) {
	var read user
	err := c.do(ctx, call{
		operation: mapi.OperationProbe, method: http.MethodGet, url: c.addresses.organization + "/user", what: "user",
		accept: func(body []byte) error {
			if err := json.Unmarshal(body, &read); err != nil {
				return notJSON(err)
			}
			return require("id", read.ID+read.SourceID+read.DisplayName)
		},
	})
	return read, err
}

func (c *client) capabilities(u user) []string {
	var found []string
	for _, role := range u.Roles {
		if role.Scope != "ENVIRONMENT" {
			continue
		}
		for _, right := range role.Permissions["API"] {
			if name, ok := map[string]string{"C": "create", "R": "read", "U": "update", "D": "delete"}[right]; ok {
				found = append(found, capabilityPrefix+name)
			}
		}
	}
	for _, authority := range u.Authorities {
		if authority.Authority == "ENVIRONMENT:ADMIN" {
			found = append(found, mapi.CapabilityAllAPIs)
		}
	}
	if c.session.works() {
		found = append(found, CapabilitySession)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// works reports whether a session token is in use.
func (s *session) works() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.token.header != ""
}

// notJSON hides the decoder's text, which repeats parts of the body.
func notJSON(err error) error {
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) && wrongType.Field != "" {
		return fmt.Errorf("the member %s has a wrong type", wrongType.Field)
	}
	return errors.New("it isn't the JSON that was asked for")
}

func require(member, value string) error {
	if value == "" {
		return fmt.Errorf("it has no %s", member)
	}
	return nil
}
