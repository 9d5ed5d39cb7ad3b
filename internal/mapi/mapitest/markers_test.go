// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package mapitest_test

import (
	"fmt"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/mapi/gravitee"
	"github.com/apisync/apisync/internal/mapi/mapitest"
	"github.com/apisync/apisync/internal/model"
	"github.com/apisync/apisync/test/simulator"
)

const pageSize = 2

// TestListingOnSimulator runs the contract where pages are small and fail.
func TestListingOnSimulator(t *testing.T) {
	sim := simulator.New(simulator.Options{MaxPageSize: pageSize})
	server, err := sim.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	mapitest.Run(t, mapitest.Subject{
		Dial:    func(t *testing.T) mapi.Client { return dial(t, server.URL, "admin") },
		Refused: func(t *testing.T) mapi.Client { return dial(t, server.URL, "wrong") },
		Sample:  sample,
		Edit: func(api model.API) model.API {
			api.Definition = maps.Clone(api.Definition)
			api.Definition["description"] = "edited"
			return api
		},
		PageSize: pageSize,
		Failures: failures(sim),
		Disown: func(t *testing.T, id string) {
			if err := sim.SetManaged(id, false); err != nil {
				t.Fatal(err)
			}
		},
		Group: func(n int) model.Group {
			return model.Group{Name: fmt.Sprintf("test/group-%d", n), Key: fmt.Sprintf("test-group-%d", n), Definition: map[string]any{
				"name": fmt.Sprintf("group %d", n), "notifyMembers": true,
				"members": []any{map[string]any{"source": "memory", "sourceId": "user", "roles": map[string]any{}}},
			}}
		},
		EditGroup: func(group model.Group) model.Group {
			group.Definition = maps.Clone(group.Definition)
			group.Definition["name"] = "edited"
			return group
		},
	})
}

func dial(t *testing.T, url, password string) mapi.Client {
	t.Helper()
	client, err := gravitee.New(gravitee.Options{Timeout: time.Second}).Dial(mapi.Config{
		Name: "test/context", BaseURL: url,
		Scope:       map[string]string{"organizationId": "DEFAULT", "environmentId": "DEFAULT"},
		Credentials: mapi.Credentials{Username: "admin", Password: password},
	}, http.DefaultTransport.(*http.Transport).Clone())
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// failures are all the ways in which the second page can fail.
func failures(sim *simulator.Simulator) map[string]func(*testing.T) {
	inject := func(fault simulator.Fault) func(*testing.T) {
		return func(t *testing.T) {
			t.Helper()
			injected := sim.Inject(fault)
			t.Cleanup(injected.Remove)
		}
	}
	answers := func(status int, body string) func(*testing.T) {
		fault := simulator.PageFault(2, simulator.ModeStatus)
		fault.Status, fault.Body = status, body
		return inject(fault)
	}
	row := func(id string) string {
		return `{"id":"` + id + `","crossId":"c","name":"n","updatedAt":"2026-11-20T17:55:15.78Z","environmentId":"DEFAULT","definitionVersion":"V2"}`
	}
	const pages = `"pagination":{"page":2,"perPage":2,"pageCount":4,"pageItemsCount":2,"totalCount":7}`
	return map[string]func(*testing.T){
		"a 500":                           answers(500, `{"message":"boom","http_status":500}`),
		"a 503":                           answers(503, ``),
		"a 403":                           answers(403, `{"message":"no","httpStatus":403}`),
		"a 404":                           answers(404, `{"message":"HTTP 404 Not Found","httpStatus":404,"details":[]}`),
		"a redirect":                      answers(302, ``),
		"nothing":                         answers(204, ``),
		"an empty body":                   answers(200, ``),
		"a page of a proxy":               answers(200, `<html>busy</html>`),
		"an empty object":                 answers(200, `{}`),
		"null":                            answers(200, `null`),
		"half an answer":                  answers(200, `{"data":[`+row("x")+`,`),
		"a list instead of an object":     answers(200, `[`+row("x")+`]`),
		"rows without ids":                answers(200, `{"data":[`+row("")+`],`+pages+`}`),
		"rows without a pagination":       answers(200, `{"data":[`+row("x")+`,`+row("y")+`]}`),
		"a pagination of nothing":         answers(200, `{"data":[`+row("x")+`],"pagination":{"page":2,"perPage":2,"pageCount":0,"totalCount":0}}`),
		"a cut connection":                inject(simulator.PageFault(2, simulator.ModeDrop)),
		"a cut connection after the work": inject(simulator.PageFault(2, simulator.ModeCutAfter)),
		"silence":                         inject(simulator.PageFault(2, simulator.ModeHang)),
	}
}

// TestEmptyPageIsNoEnd: rows of APIs that are gone are left out of a page, which may leave nothing of it. Then the listing
// goes on, or says that it is incomplete.
func TestEmptyPageIsNoEnd(t *testing.T) {
	sim := simulator.New(simulator.Options{MaxPageSize: pageSize})
	server, err := sim.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	client := dial(t, server.URL, "admin")
	for n := range 7 {
		if _, err := client.APIs().Apply(t.Context(), sample(n+1), mapi.Commit); err != nil {
			t.Fatal(err)
		}
	}
	fault := simulator.PageFault(2, simulator.ModeStatus)
	fault.Status, fault.Body = http.StatusOK, `{"data":[],"pagination":{"page":2,"perPage":2,"pageCount":4,"pageItemsCount":0,"totalCount":7}}`
	sim.Inject(fault)
	listed := 0
	for _, failed := range client.Markers(t.Context()) {
		if err = failed; err == nil {
			listed++
		}
	}
	if listed != 5 && err == nil {
		t.Errorf("listed %d and no error, want the 5 of the other pages, or an error", listed)
	}
}

func sample(n int) model.API {
	id := func(kind int) string { return fmt.Sprintf("%08x-0000-4000-8000-%012x", kind, n) }
	return model.API{Name: fmt.Sprintf("test/sample-%d", n), Key: id(1), ID: id(2), Definition: map[string]any{
		"id": id(2), "crossId": id(1), "name": fmt.Sprintf("sample %d", n), "version": "1", "description": "a sample",
		"definition_context": map[string]any{"origin": "kubernetes", "mode": "fully_managed", "syncFrom": "MANAGEMENT"},
		"gravitee":           "2.0.0", "state": "STARTED", "lifecycle_state": "CREATED", "visibility": "PRIVATE",
		"proxy": map[string]any{
			"virtual_hosts": []any{map[string]any{"path": fmt.Sprintf("/sample-%d", n)}},
			"groups": []any{map[string]any{"name": "main", "endpoints": []any{
				map[string]any{"name": "one", "target": "http://127.0.0.1:1/x"}}}},
		},
		"plans": []any{map[string]any{
			"id": id(3), "crossId": id(4), "name": "open", "description": "for all", "security": "KEY_LESS",
			"status": "PUBLISHED", "validation": "AUTO",
		}},
	}}
}
