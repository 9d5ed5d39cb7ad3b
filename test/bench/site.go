// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/apisync/apisync/test/simulator"
)

// Environments of a site: a floor that writes while an operator works has one of its own, since what it makes would
// otherwise be in the operator's listing.
const (
	environment      = "DEFAULT"
	floorEnvironment = "FLOOR"
)

// requestLog holds the requests of the longest measurement, preparation included.
const requestLog = 1_000_000

// site is a management API with a plain client for it.
type site struct {
	*simulator.Simulator

	server *simulator.Server
	http   *http.Client
	token  string
}

func (b *bench) newSite(ctx context.Context) (*site, error) {
	sim := simulator.New(simulator.Options{
		Latency: b.latency, RequestLog: requestLog,
		Environments: []simulator.Place{{Environment: environment}, {Environment: floorEnvironment}},
	})
	server, err := sim.Start(ctx)
	if err != nil {
		return nil, err
	}
	// Connections are kept, as the operator keeps them.
	transport := &http.Transport{MaxIdleConnsPerHost: b.inFlight}
	s := &site{Simulator: sim, server: server, http: &http.Client{Transport: transport}}
	if s.token, err = s.login(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *site) close() error {
	s.http.CloseIdleConnections()
	return s.server.Close()
}

func (s *site) login(ctx context.Context) (string, error) {
	answer, err := s.request(ctx, http.MethodPost, "/management/organizations/DEFAULT/user/login", nil,
		func(r *http.Request) { r.SetBasicAuth("admin", "admin") })
	if err != nil {
		return "", err
	}
	var session struct {
		Token string `json:"token"`
	}
	return session.Token, json.Unmarshal(answer, &session)
}

func apisOf(environment string) string {
	return "/management/organizations/DEFAULT/environments/" + environment + "/apis"
}

// put imports a definition.
func (s *site) put(ctx context.Context, environment string, definition map[string]any) error {
	content, err := json.Marshal(definition)
	if err != nil {
		return err
	}
	_, err = s.request(ctx, http.MethodPut, apisOf(environment)+"/import-crd?dryRun=false", content, s.authenticate)
	return err
}

// get reads one API in full.
func (s *site) get(ctx context.Context, environment, id string) error {
	_, err := s.request(ctx, http.MethodGet, apisOf(environment)+"/"+id, nil, s.authenticate)
	return err
}

func (s *site) authenticate(r *http.Request) { r.Header.Set("Authorization", "Bearer "+s.token) }

func (s *site) request(ctx context.Context, method, path string, body []byte, authenticate func(*http.Request)) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, s.server.URL+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	authenticate(request)
	response, err := s.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s: %s", method, path, response.Status, answer)
	}
	return answer, err
}
