// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gravitee

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/mapi"
)

const (
	// schemasFor is how long a schema is kept, and that there is none: it changes with a restart of the server.
	schemasFor = policiesFor
	// failedFor is how long a schema that couldn't be fetched isn't asked for again.
	failedFor = time.Minute
	// schemaPatience is how long somebody waits for schemas, in all.
	schemaPatience = time.Second
	// schemaLimit is how long fetching one may take. It ends as if the asker had gone, so that a server that is slow to tell
	// schemas isn't taken for one that is down.
	schemaLimit = 3 * time.Second
	// maxFetches is how many schemas are fetched at the same time.
	maxFetches = 4
	// maxSchema is the size of a schema beyond which it isn't looked at.
	maxSchema = 1 << 20
	// maxSchemas is how many are kept.
	maxSchemas = 1024
)

// schemaKind is what a schema is for.
type schemaKind int

const (
	policyPlugin schemaKind = iota
	resourcePlugin
)

// schemaKey names a schema by its plugin.
type schemaKey struct {
	kind schemaKind
	id   string
}

// schemas are those that the management API publishes, each fetched once for all who ask and kept for a while. Safe for concurrent use.
type schemas struct {
	client *client
	slots  chan struct{}

	mu    sync.Mutex
	known map[schemaKey]*schemaEntry
	// pausedUntil is set when the server was slow and told nothing: then the others aren't asked for either.
	pausedUntil time.Time
}

// schemaEntry is a schema that is known, or on its way.
type schemaEntry struct {
	began time.Time
	// before is what was known when this one was asked for; nil if nothing was. It holds until there is an answer, so that a verdict
	// doesn't come and go with the server.
	before *schema
	// ready is closed when the members below are set.
	ready chan struct{}
	// schema is nil when nothing can be said.
	schema *schema
	until  time.Time
}

func newSchemas(c *client) *schemas {
	return &schemas{client: c, slots: make(chan struct{}, maxFetches), known: map[schemaKey]*schemaEntry{}}
}

// get gives the schemas that can be had within a moment; others go on to be fetched.
func (s *schemas) get(ctx context.Context, keys []schemaKey) map[schemaKey]*schema {
	entries := map[schemaKey]*schemaEntry{}
	for _, key := range keys {
		if entry := s.entry(ctx, key); entry != nil {
			entries[key] = entry
		}
	}
	patient, cancel := context.WithTimeout(ctx, schemaPatience)
	defer cancel()
	found := map[schemaKey]*schema{}
	for key, entry := range entries {
		if schema := entry.wait(patient); schema != nil {
			found[key] = schema
		}
	}
	return found
}

// entry gives what is known or on its way, or begins to fetch; nil when nothing is known and that isn't worth a try.
func (s *schemas) entry(ctx context.Context, key schemaKey) *schemaEntry {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.client.options.Now()
	old := s.known[key]
	if old != nil && (!old.isReady() || now.Before(old.until)) {
		return old
	}
	if now.Before(s.pausedUntil) || checkSegment(key.id) != nil {
		return old
	}
	if len(s.known) >= maxSchemas {
		clear(s.known)
	}
	entry := &schemaEntry{began: time.Now(), ready: make(chan struct{})}
	if old != nil {
		entry.before = old.schema
	}
	s.known[key] = entry
	go s.fetch(context.WithoutCancel(ctx), key, entry)
	return entry
}

func (e *schemaEntry) isReady() bool {
	select {
	case <-e.ready:
		return true
	default:
		return false
	}
}

// wait gives the schema, or nil. It blocks only when nothing was known before, and until the fetch has taken as long as anybody waits.
func (e *schemaEntry) wait(patient context.Context) *schema {
	switch {
	case e.isReady():
		return e.schema
	case e.before != nil, time.Since(e.began) >= schemaPatience:
		return e.before
	}
	select {
	case <-e.ready:
		return e.schema
	case <-patient.Done():
		return nil
	}
}

func (s *schemas) fetch(ctx context.Context, key schemaKey, entry *schemaEntry) {
	s.slots <- struct{}{}
	defer func() { <-s.slots }()
	begin := time.Now()
	found, told := entry.before, false
	if !s.isPaused() {
		if read, err := s.read(ctx, key); isTold(err) {
			found, told = read, true
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.client.options.Now()
	entry.schema, entry.until = found, now.Add(failedFor)
	switch {
	case told:
		entry.until = now.Add(schemasFor)
	case time.Since(begin) >= schemaPatience:
		s.pausedUntil = entry.until
	}
	close(entry.ready)
}

// isTold reports an answer that counts, also that there is no schema, or none for this user.
func isTold(err error) bool {
	return err == nil || errors.Is(err, fault.Terminal) || errors.Is(err, fault.Forbidden) || errors.Is(err, errAbsent)
}

func (s *schemas) isPaused() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.client.options.Now().Before(s.pausedUntil)
}

// read asks for a schema. One that can't be used is nil without an error, as is one that the plugin doesn't have.
func (s *schemas) read(ctx context.Context, key schemaKey) (found *schema, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer time.AfterFunc(min(schemaLimit, s.client.options.Timeout/2), cancel).Stop()
	request := call{
		operation: mapi.OperationCompare, method: http.MethodGet, mayBeEmpty: true,
		url: s.client.addresses.plugins + "/policies/" + url.PathEscape(key.id) + "/schema", what: "schema of policy " + key.id,
		accept: func(body []byte) error {
			if !json.Valid(body) {
				return errors.New("it isn't JSON")
			}
			if len(body) <= maxSchema {
				found = compileSchema(body)
			}
			return nil
		},
	}
	if key.kind == resourcePlugin {
		request.url = s.client.addresses.environment + "/resources/" + url.PathEscape(key.id) + "/schema"
		request.what = "schema of resource " + key.id
	}
	err = s.client.do(ctx, request)
	return found, err
}
