// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gravitee

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/mapi"
)

const (
	// directoryFor is how long lists that people change are kept.
	directoryFor = time.Minute
	// policiesFor is how long the list of installed plugins is kept: it changes with a restart of the server.
	policiesFor = 10 * time.Minute
)

// lookups are the lists of the environment that names are resolved with.
type lookups struct {
	groups, categories, roles, policies *lookup
	// pages remembers verdicts on OpenAPI documents.
	pages *verdicts
	// schemas are those of configurations.
	schemas *schemas
}

func newLookups(c *client) *lookups {
	list := func(url, what string, lifetime time.Duration) *lookup {
		return &lookup{client: c, url: url, what: what, lifetime: lifetime}
	}
	return &lookups{
		groups:     list(c.addresses.environment+"/configuration/groups", "groups", directoryFor),
		categories: list(c.addresses.environment+"/configuration/categories", "categories", directoryFor),
		roles:      list(c.addresses.organization+"/configuration/rolescopes/API/roles", "roles", directoryFor),
		policies:   list(c.addresses.environment+"/policies", "policies", policiesFor),
		pages:      newVerdicts(),
		schemas:    newSchemas(c),
	}
}

// directory maps ids, keys and names, in lower case, to ids (keys, where the kind has keys).
type directory struct {
	ids map[string]string
	// complete is true when the list was read, also when it is empty.
	complete bool
}

// resolveAll turns names into ids. Unknown ones are left out when the list was read: what doesn't exist has no effect.
func (d directory) resolveAll(names []string) []string {
	var resolved []string
	for _, name := range names {
		if id, ok := d.ids[strings.ToLower(name)]; ok {
			resolved = append(resolved, id)
		} else if !d.complete {
			resolved = append(resolved, name)
		}
	}
	return resolved
}

// lookup is one list, kept for a while and read once for all who ask. Safe for concurrent use.
type lookup struct {
	client    *client
	url, what string
	lifetime  time.Duration
	flights   singleflight.Group

	mu    sync.Mutex
	known directory
	until time.Time
	// forgotten counts the calls of forget.
	forgotten int
}

// get gives the list; ok is false when the user may not read it, or the server doesn't have it. Any other failure is an error.
func (l *lookup) get(ctx context.Context) (list directory, ok bool, err error) {
	if known, fresh := l.current(); fresh {
		return known, known.complete, nil
	}
	outcome := l.flights.DoChan(l.url, func() (any, error) {
		if known, fresh := l.current(); fresh {
			return known, nil
		}
		return l.read(context.WithoutCancel(ctx))
	})
	select {
	case result := <-outcome:
		known, _ := result.Val.(directory)
		return known, known.complete, result.Err
	case <-ctx.Done():
		return directory{}, false, abandonedFault("GET "+l.what, ctx.Err())
	}
}

func (l *lookup) current() (directory, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.known, l.client.options.Now().Before(l.until)
}

// forget lets the next one who asks read the list anew: what was read, or asked for, before this call is out of date.
func (l *lookup) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until = time.Time{}
	l.forgotten++
	l.flights.Forget(l.url)
}

func (l *lookup) generation() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.forgotten
}

func (l *lookup) read(ctx context.Context) (directory, error) {
	known, generation := directory{}, l.generation()
	err := l.client.do(ctx, call{
		operation: mapi.OperationCompare, method: http.MethodGet, url: l.url, what: l.what,
		accept: func(body []byte) error {
			var rows []struct {
				ID, Key, Name string
			}
			if err := json.Unmarshal(body, &rows); err != nil {
				return notJSON(err)
			}
			if rows == nil {
				return errors.New("it isn't a list")
			}
			known = directory{ids: map[string]string{}, complete: true}
			for _, row := range rows {
				canonical := row.ID
				if row.Key != "" {
					canonical = row.Key
				}
				for _, name := range []string{row.Name, row.Key, row.ID} {
					if name != "" {
						known.ids[strings.ToLower(name)] = canonical
					}
				}
			}
			return nil
		},
	})
	if err != nil && !errors.Is(err, fault.Forbidden) && !errors.Is(err, fault.Terminal) && !errors.Is(err, errAbsent) {
		return directory{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.forgotten == generation {
		l.known, l.until = known, l.client.options.Now().Add(l.lifetime)
	}
	return known, nil
}

// export reads everything about an API that can be taken elsewhere.
func (c *client) export(ctx context.Context, id string) (document, error) {
	var read document
	err := c.do(ctx, call{
		operation: mapi.OperationCompare, method: http.MethodGet, url: c.addresses.api(id) + "/export", what: "export of API " + id,
		accept: func(body []byte) error {
			if err := decode(body, &read); err != nil {
				return err
			}
			return require("name", text(read, "name"))
		},
	})
	if errors.Is(err, errAbsent) {
		return nil, fault.New(fault.Transient, fault.ReasonControlPlane, "GET export of API %s: it was deleted in the meantime", id)
	}
	return read, err
}
