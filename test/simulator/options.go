// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"slices"
	"time"
)

// Role is what a user may do in every environment of an organization that knows the user.
type Role string

// The roles that the recordings contain.
const (
	// RoleAdmin may do everything and sees every API.
	RoleAdmin Role = "ADMIN"
	// RoleAPIPublisher may create APIs and import over existing ones; sees the APIs it owns or is a member of.
	RoleAPIPublisher Role = "API_PUBLISHER"
	// RoleUser may read the environment, and the APIs it is a member of.
	RoleUser Role = "USER"
)

// Place is an environment of an organization; empty parts mean DEFAULT.
type Place struct {
	Organization string `json:"organization"`
	Environment  string `json:"environment"`
}

// User is an account of the memory provider.
type User struct {
	Name     string
	Password string
	Role     Role
	// Organizations that know the user; nil means all.
	Organizations []string
	// Tokens are personal tokens, each valid as a Bearer credential.
	Tokens []string
}

// Options describe an installation. The zero value is a usable one: organization and environment
// DEFAULT with the users admin/admin, api1/api1 and user/password.
type Options struct {
	// Environments that exist; nil means DEFAULT/DEFAULT.
	Environments []Place
	// Users; nil means the three defaults.
	Users []User
	// Policies that are installed, by plugin id; nil means those of the open-source distribution. An API that
	// uses another one is accepted and never served.
	Policies []string
	// Resources that can be used, by plugin id; nil means those of the open-source distribution. An API may name others.
	Resources []string
	// Groups known in each environment from the begin: name to id. More may be made through the Automation API.
	Groups map[string]string
	// NoGroups takes the calls for groups away, as before release 4.12: they answer 404 without a body.
	NoGroups bool
	// Categories known in each environment, by key.
	Categories []string
	// Tags are the sharding tags known in each organization.
	Tags []string
	// MemberRoles are the roles of scope API; nil means OWNER, PRIMARY_OWNER, REVIEWER, USER.
	MemberRoles []string
	// BasePath is a prefix under which everything is served as well, such as "/apim". The prefixes of the vendor's cloud, /apim/rest
	// and /apim/automation, are always served as well.
	BasePath string
	// Latency is added to every request.
	Latency time.Duration
	// PasswordLatency is added to every request that carries a password or a personal token, which a
	// real server checks with bcrypt (about 57 ms).
	PasswordLatency time.Duration
	// NoLogin takes the login call away: it answers 404.
	NoLogin bool
	// SessionLifetime of the tokens that the login call hands out; 0 means 7 days.
	SessionLifetime time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// MaxPageSize is how many APIs a page has at most, whatever is asked for; 0 means 1,000: the recorded server honoured that, and more
	// wasn't asked for, so a client that relies on more is shown that it can't.
	MaxPageSize int
	// RequestLog is how many requests are remembered; 0 means 100,000. The oldest are forgotten first.
	RequestLog int
}

func (o Options) withDefaults() Options {
	if len(o.Environments) == 0 {
		o.Environments = []Place{{}}
	}
	o.Environments = slices.Clone(o.Environments)
	for i := range o.Environments {
		o.Environments[i] = o.Environments[i].withDefaults()
	}
	if o.Users == nil {
		o.Users = []User{
			{Name: "admin", Password: "admin", Role: RoleAdmin},
			{Name: "api1", Password: "api1", Role: RoleAPIPublisher},
			{Name: "user", Password: "password", Role: RoleUser},
		}
	}
	if o.Policies == nil {
		o.Policies = defaultPolicies()
	}
	if o.Resources == nil {
		o.Resources = []string{"auth-provider-inline-resource", "auth-provider-ldap-resource", "cache", "cache-redis",
			"content-provider-inline-resource", "oauth2", "oauth2-am-resource", "oauth2-keycloak-resource"}
	}
	if o.MemberRoles == nil {
		o.MemberRoles = []string{"OWNER", "PRIMARY_OWNER", "REVIEWER", "USER"}
	}
	if o.SessionLifetime == 0 {
		o.SessionLifetime = 7 * 24 * time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxPageSize == 0 {
		o.MaxPageSize = 1000
	}
	if o.RequestLog == 0 {
		o.RequestLog = 100_000
	}
	return o
}

func (p Place) withDefaults() Place {
	if p.Organization == "" {
		p.Organization = "DEFAULT"
	}
	if p.Environment == "" {
		p.Environment = "DEFAULT"
	}
	return p
}

// defaultPolicies are the policy plugins of the open-source distribution that definitions of version 2 use.
func defaultPolicies() []string {
	return []string{
		"api-key", "cache", "callout-http", "cloud-events", "data-logging-masking", "dynamic-routing",
		"generate-http-signature", "generate-jwt", "groovy", "html-json", "http-signature", "interrupt",
		"ip-filtering", "javascript", "json-threat-protection", "json-to-json", "json-validation",
		"json-xml", "jws", "jwt", "key-less", "latency", "metrics-reporter", "mock", "mtls", "oauth2",
		"openid-connect-userinfo", "policy-assign-attributes", "policy-assign-content", "policy-basic-authentication",
		"policy-override-request-method", "policy-request-validation", "policy-retry", "policy-circuit-breaker",
		"quota", "rate-limit", "rbac", "regex-threat-protection", "request-content-limit", "resource-filtering",
		"rest-to-soap", "shared-policy-group-policy", "spike-arrest", "ssl-enforcement", "traffic-shadowing",
		"transform-headers", "transformqueryparams", "url-rewriting", "wssecurity-authentication", "xml-json",
		"xml-threat-protection", "xml-validation", "xslt",
	}
}
