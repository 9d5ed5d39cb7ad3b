// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
)

// served is an API as a gateway sees it.
type served struct {
	deployment *deployment
	host, path string
}

// Gateway is the gateway of one environment: it proxies APIs that are deployed and started, by virtual host (the
// longest path that fits, one with a host before one without). Only keyless plans without a selection rule let
// anybody in; an API that has other plans only answers 401. Policies aren't executed; an API that uses one which isn't installed,
// or has no plan, isn't served, as on a real gateway.
func (s *Simulator) Gateway(organization, environment string) http.Handler {
	place := Place{organization, environment}.withDefaults()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		found, known := s.lookup(place, r)
		switch {
		case !known:
			gatewayText(w, http.StatusNotFound, "No context-path matches the request URI.")
		case !slices.ContainsFunc(found.deployment.plans, lets):
			gatewayText(w, http.StatusUnauthorized, "Unauthorized")
		default:
			found.proxy(w, r, transport)
		}
	})
}

func gatewayText(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "text/plain")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, message)
}

// lets tells whether a plan lets requests without credentials pass.
func lets(plan object) bool {
	return live(plan) && text(plan, "security") == "KEY_LESS" && text(plan, "selection_rule") == "" && text(plan, "selectionRule") == ""
}

func live(plan object) bool {
	status := text(plan, "status")
	return status == "PUBLISHED" || status == "DEPRECATED"
}

func (s *Simulator) lookup(place Place, r *http.Request) (served, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	var best served
	for _, a := range s.apis {
		if a.place != place || a.state != "STARTED" || a.deployed == nil || !s.servable(a.deployed) {
			continue
		}
		for _, virtual := range objects(a.deployed.proxy, "virtual_hosts") {
			candidate := served{a.deployed, text(virtual, "host"), strings.TrimSuffix(text(virtual, "path"), "/")}
			if candidate.fits(host, r.URL.Path) && candidate.before(best) {
				best = candidate
			}
		}
	}
	return best, best.deployment != nil
}

func (v served) fits(host, path string) bool {
	if v.host != "" && !strings.EqualFold(v.host, host) {
		return false
	}
	return v.path == path || strings.HasPrefix(path, v.path+"/")
}

func (v served) before(best served) bool {
	if best.deployment == nil {
		return true
	}
	if (v.host != "") != (best.host != "") {
		return v.host != ""
	}
	return len(v.path) > len(best.path)
}

// servable tells whether a gateway would load an API at all.
func (s *Simulator) servable(d *deployment) bool {
	flows := slices.Clone(d.flows)
	plans := 0
	for _, plan := range d.plans {
		if live(plan) {
			plans++
			flows = append(flows, objects(plan, "flows")...)
		}
	}
	for _, flow := range flows {
		for _, step := range append(objects(flow, "pre"), objects(flow, "post")...) {
			if !slices.Contains(s.options.Policies, text(step, "policy")) {
				return false
			}
		}
	}
	return plans > 0
}

// targets are the endpoints in the order in which they are tried; those for emergencies come last.
func (v served) targets() []*url.URL {
	var usual, backup []*url.URL
	for _, group := range objects(v.deployment.proxy, "groups") {
		for _, endpoint := range objects(group, "endpoints") {
			target, err := url.Parse(text(endpoint, "target"))
			if err != nil || target.Host == "" {
				continue
			}
			if flag(endpoint, "backup") {
				backup = append(backup, target)
			} else {
				usual = append(usual, target)
			}
		}
	}
	return append(usual, backup...)
}

func (v served) proxy(w http.ResponseWriter, r *http.Request, transport http.RoundTripper) {
	rest := strings.TrimPrefix(r.URL.Path, v.path)
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL.Path, p.Out.URL.RawPath = rest, ""
			p.Out.Header.Set("X-Gravitee-Request-Id", newID())
			if !flag(v.deployment.proxy, "preserve_host") {
				p.Out.Host = ""
			}
		},
		Transport: firstHealthy{transport, v.targets()},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			gatewayText(w, http.StatusBadGateway, "Bad Gateway")
		},
	}
	proxy.ServeHTTP(w, r)
}

// firstHealthy sends a request to the first target that can be reached.
type firstHealthy struct {
	http.RoundTripper
	targets []*url.URL
}

var errNoEndpoint = errors.New("no endpoint")

func (f firstHealthy) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		read, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
		if err != nil {
			return nil, err
		}
		body = read
	}
	failed := errNoEndpoint
	for _, target := range f.targets {
		attempt := r.Clone(r.Context())
		attempt.URL.Scheme, attempt.URL.Host = target.Scheme, target.Host
		attempt.URL.Path = strings.TrimSuffix(target.Path, "/") + r.URL.Path
		if attempt.URL.Path == "" {
			attempt.URL.Path = "/"
		}
		attempt.Body = io.NopCloser(bytes.NewReader(body))
		response, err := f.RoundTripper.RoundTrip(attempt)
		if err == nil {
			return response, nil
		}
		failed = err
	}
	return nil, failed
}
