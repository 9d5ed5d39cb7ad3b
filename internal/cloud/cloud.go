// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

// Package cloud reads tokens of Gravitee Cloud. A token says where it is meant for, so that a context with one can leave that out
// (shared/reference/gko-compatibility.md 1.3 and 6.2).
//
// The signature isn't verified: the operator has no key to do it with, as GKO hasn't. It needn't, since nothing is granted here. Whoever
// can put a token into a context can as well write an address there, and Gravitee Cloud verifies the token with each request. What a
// forged token could do is lead requests elsewhere; so nothing of it enters an address that isn't one DNS label or a plain id.
package cloud

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/golang-jwt/jwt/v5"

	"github.com/apisync/apisync/internal/fault"
)

// Claims are what a token says of its place. Nobody vouches for them: see the package.
type Claims struct {
	// Organization is the organization's id, the claim org.
	Organization string
	// Environments are the ids of the environments that the token is for, the claim envs: at least one, sorted, each once.
	Environments []string
	// Geography is where the control plane stands, the claim cpg: one DNS label, such as eu or us.
	Geography string
}

// Target is the place that a context publishes to.
type Target struct {
	// BaseURL is the address of the management API without its path.
	BaseURL string
	// OrganizationID and EnvironmentID name the environment.
	OrganizationID, EnvironmentID string
}

// Resolve fills in what a context with a cloud token leaves out. A base URL that is given is kept, and otherwise leads to the cloud gate
// of the token's geography. The organization is always the token's, whatever is given. The environment has to be one of the token's,
// and is its only one when none is given. Errors are Terminal faults that name the field of the context and hold nothing of the token
// but ids of environments.
func Resolve(token string, given Target, now time.Time) (Target, error) {
	claims, err := Read(token, now)
	if err != nil {
		return Target{}, err
	}
	environment, err := claims.environment(given.EnvironmentID)
	if err != nil {
		return Target{}, err
	}
	target := Target{BaseURL: given.BaseURL, OrganizationID: claims.Organization, EnvironmentID: environment}
	if target.BaseURL == "" {
		target.BaseURL = "https://" + claims.Geography + ".cloudgate.gravitee.io"
	}
	return target, nil
}

// payload is a token's content on the wire.
type payload struct {
	jwt.RegisteredClaims

	Organization string   `json:"org"`
	Environments []string `json:"envs"`
	Geography    string   `json:"cpg"`
}

// Read gives the claims of a token that hasn't expired by now. Errors are those of Resolve.
func Read(token string, now time.Time) (Claims, error) {
	switch {
	case token == "":
		return Claims{}, refused("the token is empty")
	case strings.ContainsFunc(token, unicode.IsSpace):
		return Claims{}, refused("the token holds white space, often a line break at its end; store it without, otherwise")
	}
	var content payload
	// The library's errors quote what they stumbled on, so they stay here.
	if _, _, err := jwt.NewParser().ParseUnverified(token, &content); err != nil {
		return Claims{}, refused("the token isn't a JSON Web Token with the claims of Gravitee Cloud")
	}
	if expiry := content.ExpiresAt; expiry != nil && !now.Before(expiry.Time) {
		return Claims{}, refused("the token expired at " + expiry.UTC().Format(time.RFC3339))
	}
	if problem := content.problem(); problem != "" {
		return Claims{}, refused(problem)
	}
	slices.Sort(content.Environments)
	return Claims{
		Organization: content.Organization,
		Environments: slices.Compact(content.Environments),
		Geography:    content.Geography,
	}, nil
}

// labels are DNS labels (RFC 1123, 2.1). Anything else, such as "evil.example/", would make another host of the address.
var labels = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// ids are those of organizations and environments. They become segments of a path, so neither ".." nor "/" may be one, and stand in
// messages, so they are short.
var ids = regexp.MustCompile(`^[A-Za-z0-9][-A-Za-z0-9._]{0,63}$`)

// problem tells the first thing that is wrong, or nothing.
func (p payload) problem() string {
	switch {
	case p.Organization == "":
		return "the token has no claim org, which names the organization"
	case len(p.Environments) == 0:
		return "the token has no claim envs, which lists the environments"
	case p.Geography == "":
		return "the token has no claim cpg, which tells where the control plane is"
	case !ids.MatchString(p.Organization):
		return "the token's claim org isn't an id"
	case slices.ContainsFunc(p.Environments, func(id string) bool { return !ids.MatchString(id) }):
		return "the token's claim envs holds something that isn't an id"
	case !labels.MatchString(p.Geography):
		return "the token's claim cpg isn't a single DNS label such as eu, so it would lead to another host"
	}
	return ""
}

func refused(problem string) error {
	return fault.New(fault.Terminal, fault.ReasonIllegalState,
		"spec.cloud.token, or the key cloudToken of the Secret in spec.cloud.secretRef: %s; put a token there that Gravitee Cloud issued "+
			"and that is still valid", problem)
}

// environment is the one that is meant by what the context says.
func (c Claims) environment(given string) (string, error) {
	switch {
	case given == "" && len(c.Environments) == 1:
		return c.Environments[0], nil
	case given == "":
		return "", fault.New(fault.Terminal, fault.ReasonIllegalState,
			"spec.environmentId: it isn't set, and the token of spec.cloud is for %d environments; set it to %s",
			len(c.Environments), choice(c.Environments))
	case slices.Contains(c.Environments, given):
		return given, nil
	}
	return "", fault.New(fault.Terminal, fault.ReasonIllegalState,
		"spec.environmentId: %s isn't an environment of the token of spec.cloud; use %s, or a token for that environment",
		shown(given), choice(c.Environments))
}

// shown quotes an id. Something else may be a token that ended in the wrong field.
func shown(given string) string {
	if !ids.MatchString(given) {
		return "its value"
	}
	return fmt.Sprintf("%q", given)
}

// choices are how many ids fit into a message.
const choices = 8

func choice(environments []string) string {
	if more := len(environments) - choices; more > 0 {
		return fmt.Sprintf("%s or one of %d more", strings.Join(environments[:choices], ", "), more)
	}
	return strings.Join(environments, " or ")
}
