// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

// Package gravitee is the back end for Gravitee's management API: definitions of version 2 through its
// import-crd call, read back through its first API version, and groups through its Automation API. What it knows of the wire comes from exchanges
// recorded with version 4.12.17 (shared/contract/README.md).
package gravitee

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-resty/resty/v2"

	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/model"
)

// Options are the same for all clients of one process. The zero value is usable.
type Options struct {
	// Timeout bounds one request, from its start (a wait for a free slot of the transport included) to the last byte of the
	// answer. Defaults to 5 seconds, as GKO's HTTP_CLIENT_TIMEOUT_SECONDS.
	Timeout time.Duration
	// Version is that of this program, for the User-Agent header.
	Version string
	// MaxBody bounds how many bytes of an answer are read. Defaults to 32 MiB.
	MaxBody int64
	// Now is the clock for sessions, caches and Retry-After dates. Defaults to time.Now.
	Now func() time.Time
}

// Scope members that the back end demands.
const (
	scopeOrganization = "organizationId"
	scopeEnvironment  = "environmentId"
)

func (o Options) withDefaults() Options {
	if o.Timeout <= 0 {
		o.Timeout = 5 * time.Second
	}
	if o.Version == "" {
		o.Version = "dev"
	}
	if o.MaxBody <= 0 {
		o.MaxBody = 32 << 20
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// New makes the back end.
func New(options Options) mapi.Backend {
	options = options.withDefaults()
	return mapi.Backend{
		Validate: validate,
		Dial: func(config mapi.Config, transport http.RoundTripper) (mapi.Client, error) {
			return dial(config, transport, options)
		},
		Render: render,
	}
}

func dial(config mapi.Config, transport http.RoundTripper, options Options) (mapi.Client, error) {
	config.Credentials = trimmed(config.Credentials)
	if err := refusals(validate(config)); err != nil {
		return nil, err
	}
	addresses, err := resolve(config)
	if err != nil {
		return nil, fault.Wrap(fault.Terminal, fault.ReasonIllegalState, err)
	}
	if transport == nil {
		transport = http.DefaultTransport
	}
	c := &client{
		addresses: addresses,
		options:   options,
		clean:     newCleaner(config.Credentials),
		http: resty.NewWithClient(&http.Client{
			Transport: transport,
			// A redirect would repeat a write elsewhere, or as a read: it is an answer, see classify.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}).SetLogger(silent{}).SetDoNotParseResponse(true),
	}
	c.http.SetHeader("User-Agent", "apisync/"+options.Version)
	c.http.SetHeader("Accept", "application/json")
	c.session = newSession(config.Credentials, c.login, options.Now)
	c.lookups = newLookups(c)
	c.rules = rules()
	return c, nil
}

// refusals joins what validate refused into one fault.
func refusals(findings []mapi.Finding) error {
	var messages []string
	for _, finding := range findings {
		if finding.Severity == mapi.Refused {
			messages = append(messages, fmt.Sprintf("%s: %s", finding.Path, finding.Message))
		}
	}
	if len(messages) == 0 {
		return nil
	}
	return fault.New(fault.Terminal, fault.ReasonIllegalState, "%s", strings.Join(messages, "; "))
}

// client is one environment under one credential.
type client struct {
	addresses addresses
	options   Options
	http      *resty.Client
	session   *session
	clean     cleaner
	lookups   *lookups
	rules     model.Rules
	// environment is the id that Probe learned; nil before. It can differ from the configured one, which may be
	// a human-readable id.
	environment atomic.Pointer[string]
}

// APIs implements mapi.Client.
func (c *client) APIs() mapi.Store[model.API] { return apis{client: c} }

// Groups implements mapi.Client.
func (c *client) Groups() mapi.Store[model.Group] { return groups{client: c} }

// silent keeps resty from writing to standard error: what went wrong is returned.
type silent struct{}

func (silent) Errorf(string, ...any) {}
func (silent) Warnf(string, ...any)  {}
func (silent) Debugf(string, ...any) {}
