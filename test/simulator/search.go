// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// changed notes that an API was written. Rows of pages are rendered anew. A write that moves updated_at, and only such a
// one, also moves the API to the end of the search index, as an index does that deletes and adds on update: while somebody
// pages, everything behind its old place moves up. (Recorded is only that the order is neither that of names, nor of ids, nor of age.)
func (s *Simulator) changed(a *api) {
	a.rows = nil
	at := s.places[a.place]
	if a.indexedAt == a.updatedAt || at.lagging || s.apis[a.id] != a {
		return
	}
	if a.indexed == 0 {
		at.found.insert(a)
	}
	s.writes++
	a.indexed, a.indexedAt = s.writes, a.updatedAt
	at.found.sorted = false
}

func byIndex(x, y *api) int { return cmp.Compare(x.indexed, y.indexed) }

// LagSearch makes the search index of an environment stand still: from then on, APIs that come aren't found by a search and those that
// go still are, while GET by id tells the truth. What a row says about an API is always fresh, since rows are read from the
// database. With lag false the index catches up. An environment that doesn't exist has no index.
func (s *Simulator) LagSearch(place Place, lag bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.places[place.withDefaults()]
	if at == nil {
		return
	}
	at.lagging = lag
	if lag {
		return
	}
	at.found.apis = slices.DeleteFunc(at.found.apis, func(a *api) bool { return s.apis[a.id] != a })
	for _, a := range at.names.list(byName) {
		s.changed(a)
	}
}

// HideFromSearch takes an API out of the search index, until its updated_at moves; GET by id still finds it.
func (s *Simulator) HideFromSearch(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.apis[id]
	if a == nil {
		return fmt.Errorf("API %q: %w", id, ErrNotFound)
	}
	s.places[a.place].found.remove(a)
	a.indexed, a.indexedAt = 0, a.updatedAt
	return nil
}

// OnPage calls hook with the number of each page of a search before it is answered, so that APIs can change between two pages;
// nil ends that. It runs without locks, on the goroutine of the request.
func (s *Simulator) OnPage(hook func(page int)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onPage = hook
}

func (s *Simulator) turnPage(c *call) {
	if !strings.HasSuffix(c.r.URL.Path, "/apis/_search") {
		return
	}
	s.mu.Lock()
	hook := s.onPage
	s.mu.Unlock()
	if hook != nil {
		hook(positive(c.r.URL.Query().Get("page"), 1))
	}
}

// PageFault is a fault of one page of every search: ModeStatus with 503, ModeHang, ModeDrop and so on. With
// ModeStatusAfter, a Status of 200 and a Body of your own it makes the page garbage.
func PageFault(page int, mode Mode) Fault {
	return Fault{Method: http.MethodPost, Mode: mode, Path: fmt.Sprintf(`/apis/_search\?(.*&)?page=%d(&|$)`, page)}
}

// searchV2 answers POST V2/apis/_search: by ids, by origin, or by words; other query fields find nothing. Users who aren't
// administrators find what they own or are a member of, which may be nothing.
func (s *Simulator) searchV2(c *call) answer {
	criteria := object{}
	if len(strings.TrimSpace(string(c.body))) > 0 {
		decoded, err := decodeObject(c.body)
		if err != nil {
			return malformed()
		}
		criteria = decoded
	}
	fits := matcher(criteria)
	var found []*api
	for _, a := range visible(s.places[c.place].found.list(byIndex), c.user) {
		if fits(a) {
			found = append(found, a)
		}
	}
	return s.pageV2(c, found, expansion{deployment: strings.Contains(c.r.URL.Query().Get("expands"), "deploymentState"), owner: true})
}

// matcher reads the criteria of a search once for all APIs.
func matcher(criteria object) func(*api) bool {
	var wanted map[string]bool
	if ids, has := criteria["ids"]; has && ids != nil {
		wanted = map[string]bool{}
		for _, id := range texts(criteria, "ids") {
			wanted[id] = true
		}
	}
	version := text(criteria, "definitionVersion")
	fits := queried(text(criteria, "query"))
	return func(a *api) bool {
		return (wanted == nil || wanted[a.id]) && (version == "" || version == "V2") && fits(a)
	}
}

// queried tells whether an API is found by a query: "field:value" for the few fields that are indexed, or words.
func queried(query string) func(*api) bool {
	field, value, fielded := strings.Cut(query, ":")
	switch {
	case query == "":
		return func(*api) bool { return true }
	case fielded && field == "origin":
		kubernetes := strings.EqualFold(value, "kubernetes")
		return func(a *api) bool { return a.kubernetes == kubernetes }
	case fielded && field == "name":
		name := strings.Trim(value, "\"*")
		return func(a *api) bool { return strings.EqualFold(name, a.name()) }
	case fielded:
		return func(*api) bool { return false }
	default:
		word := strings.ToLower(strings.Trim(query, "*"))
		return func(a *api) bool {
			words := a.name() + " " + text(a.definition, "description") + " " + a.contextPath() + " " +
				strings.Join(texts(a.definition, "labels"), " ")
			return strings.Contains(strings.ToLower(words), word)
		}
	}
}

// expansion says which members a row has besides the usual ones.
type expansion struct{ deployment, owner bool }

// rowKey is what a rendered row depends on, besides the API.
type rowKey struct {
	base string
	expansion
}

// row renders an API for a page once, as long as it isn't changed.
func (c *call) row(a *api, expanded expansion) []byte {
	key := rowKey{c.base, expanded}
	if row, known := a.rows[key]; known {
		return row
	}
	item := a.viewV2(c)
	if !expanded.deployment {
		delete(item, "deploymentState")
	}
	if !expanded.owner {
		delete(item, "primaryOwner")
	}
	row := jsonAnswer(http.StatusOK, item).body
	if a.rows == nil {
		a.rows = map[rowKey][]byte{}
	}
	a.rows[key] = row
	return row
}

func (s *Simulator) pageV2(c *call, all []*api, expanded expansion) answer {
	query := c.r.URL.Query()
	page, size := positive(query.Get("page"), 1), min(positive(query.Get("perPage"), 10), s.options.MaxPageSize)
	here := slice(all, page, size)
	rows := make([][]byte, len(here))
	for i, a := range here {
		rows[i] = c.row(a, expanded)
	}
	rest, err := json.Marshal(object{"pagination": pagination(page, size, len(here), len(all)), "links": c.links(page, pages(len(all), size))})
	if err != nil {
		return empty(http.StatusInternalServerError)
	}
	body := slices.Concat([]byte(`{"data":[`), bytes.Join(rows, []byte(",")), []byte("],"), rest[1:])
	return answer{status: http.StatusOK, contentType: "application/json", body: body}
}
