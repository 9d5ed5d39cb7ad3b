// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Simulator is one installation of the management API with its gateways; an [http.Handler]. Safe for concurrent use.
type Simulator struct {
	options Options
	mux     *http.ServeMux
	admin   *http.ServeMux
	faults  faultList
	pauses  pauseList
	log     requestLog

	mu       sync.Mutex // guards all below
	places   map[Place]*environment
	users    map[string]*account
	apis     map[string]*api
	crossIDs map[crossKey]*api
	paths    map[hostKey][]*api
	secret   []byte
	last     int64
	writes   int64
	tuning   tuning
	onPage   func(page int)
}

// tuning are the options that may be changed while the server runs.
type tuning struct {
	latency, passwordLatency time.Duration
	noLogin, noGroups        bool
}

// New makes an installation without APIs.
func New(options Options) *Simulator {
	options = options.withDefaults()
	s := &Simulator{
		options:  options,
		places:   map[Place]*environment{},
		users:    map[string]*account{},
		apis:     map[string]*api{},
		crossIDs: map[crossKey]*api{},
		paths:    map[hostKey][]*api{},
		secret:   make([]byte, 32),
		tuning:   tuning{options.Latency, options.PasswordLatency, options.NoLogin, options.NoGroups},
	}
	_, _ = rand.Read(s.secret) // documented to never fail
	s.log.limit = options.RequestLog
	for _, place := range options.Environments {
		s.places[place] = s.newEnvironment(place)
	}
	for _, user := range options.Users {
		s.users[user.Name] = &account{User: user, id: newID(), createdAt: s.tick()}
	}
	s.mux = s.routes()
	s.admin = s.adminRoutes()
	return s
}

// AddEnvironment makes an environment, and its organization if need be; a known one stays as it is.
func (s *Simulator) AddEnvironment(place Place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	place = place.withDefaults()
	if s.places[place] == nil {
		s.places[place] = s.newEnvironment(place)
	}
}

// Environments lists the environments in no order.
func (s *Simulator) Environments() []Place {
	s.mu.Lock()
	defer s.mu.Unlock()
	var places []Place
	for place := range s.places {
		places = append(places, place)
	}
	return places
}

// SetLatency changes what every request waits for.
func (s *Simulator) SetLatency(latency time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tuning.latency = latency
}

// SetLogin offers the login call, or takes it away (404).
func (s *Simulator) SetLogin(offered bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tuning.noLogin = !offered
}

func (s *Simulator) tuned() tuning {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tuning
}

// Server is a listener with a handler behind it.
type Server struct {
	// URL is the base URL without a slash at its end, such as http://127.0.0.1:34567.
	URL    string
	server *http.Server
	done   chan struct{}
	err    error
}

// Start serves the management API on a free loopback port until ctx ends or Close is called.
func (s *Simulator) Start(ctx context.Context) (*Server, error) {
	return s.StartOn(ctx, "127.0.0.1:0")
}

// StartOn is Start with an address; use port 0 for a free one.
func (s *Simulator) StartOn(ctx context.Context, address string) (*Server, error) {
	server, err := serve(ctx, address, s, s.release)
	if err != nil {
		return nil, fmt.Errorf("start simulator: %w", err)
	}
	return server, nil
}

// StartGateway serves the gateway of an environment like Start serves the management API.
func (s *Simulator) StartGateway(ctx context.Context, organization, environment, address string) (*Server, error) {
	if address == "" {
		address = "127.0.0.1:0"
	}
	server, err := serve(ctx, address, s.Gateway(organization, environment), func() {})
	if err != nil {
		return nil, fmt.Errorf("start gateway of %s/%s: %w", organization, environment, err)
	}
	return server, nil
}

// release lets everything go that holds requests, so that a server can end.
func (s *Simulator) release() {
	s.Clear()
	s.pauses.abandon()
}

func serve(ctx context.Context, address string, handler http.Handler, release func()) (*Server, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	server := &Server{
		URL:    "http://" + listener.Addr().String(),
		server: &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute},
		done:   make(chan struct{}),
	}
	stop := context.AfterFunc(ctx, func() {
		release()
		_ = server.server.Close()
	})
	server.server.RegisterOnShutdown(release)
	go func() {
		defer close(server.done)
		defer stop()
		if err := server.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			server.err = err
		}
	}()
	return server, nil
}

// Address is the host and port that is listened on.
func (s *Server) Address() string { return strings.TrimPrefix(s.URL, "http://") }

// Close cuts all connections and frees the port; state is kept, so that Start can be called again.
func (s *Server) Close() error {
	err := s.server.Close()
	<-s.done
	return errors.Join(err, s.err)
}

// Wait blocks until the server ended, and says why if it wasn't told to.
func (s *Server) Wait() error {
	<-s.done
	return s.err
}
