// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/apisync/apisync/test/simulator"
)

// Operations that requests are counted by; they are named as in the operator's metrics, and "read" is a look at one
// API, whatever for, and "look-up" the search for one by its key.
const (
	opLogin  = "login"
	opProbe  = "probe"
	opList   = "list"
	opRead   = "read"
	opLookUp = "look-up"
	opWrite  = "write"
	opDryRun = "dry run"
	opOther  = "other"
)

func operation(r simulator.Request) string {
	switch {
	case strings.HasSuffix(r.Path, "/user/login"):
		return opLogin
	case strings.HasSuffix(r.Path, "/apis/_search"):
		return opList
	case r.IsWrite():
		return opWrite
	case r.Method == http.MethodPut:
		return opDryRun
	case r.Method == http.MethodGet && readID(r) != "":
		return opRead
	case r.Method == http.MethodGet && strings.HasSuffix(r.Path, "/apis"):
		return opLookUp
	case r.Method == http.MethodGet && (strings.HasSuffix(r.Path, "/user") || strings.HasSuffix(r.Path, "/environments/"+r.Environment)):
		return opProbe
	}
	return opOther
}

// readID is the id of the API that a request looks at, with its parts or without; empty when it looks at none.
func readID(r simulator.Request) string {
	_, rest, found := strings.Cut(r.Path, "/apis/")
	if !found || r.Method != http.MethodGet {
		return ""
	}
	id, _, _ := strings.Cut(rest, "/")
	return id
}

// page is the number of the page of a listing; 0 for other requests.
func page(r simulator.Request) int {
	if operation(r) != opList {
		return 0
	}
	query, err := url.ParseQuery(r.Query)
	if err != nil {
		return 0
	}
	number, err := strconv.Atoi(query.Get("page"))
	if err != nil {
		return 0
	}
	return number
}

// requests counts requests by operation.
type requests map[string]int

func (c requests) total() int {
	var total int
	for _, count := range c {
		total += count
	}
	return total
}

// between counts the operator's requests that arrived from one moment to before another.
func (s *site) between(from, to int) requests {
	counts := requests{}
	for _, r := range s.Requests() {
		if r.Sequence >= from && r.Sequence < to && r.Environment != floorEnvironment {
			counts[operation(r)]++
		}
	}
	return counts
}

// since counts the operator's requests that arrived after a mark.
func (s *site) since(mark int) requests { return s.between(mark+1, s.Mark()+1) }

// passBegins waits for the first page of a listing that arrived after a mark.
func (s *site) passBegins(ctx context.Context, mark int) (simulator.Request, error) {
	return s.WaitFor(ctx, func(r simulator.Request) bool { return r.Sequence > mark && page(r) == 1 })
}

// allRead waits until each of the APIs was read after a mark, and gives the last request that was needed for that.
func (s *site) allRead(ctx context.Context, mark int, ids []string) (simulator.Request, error) {
	left := make(map[string]bool, len(ids))
	for _, id := range ids {
		left[id] = true
	}
	return s.WaitFor(ctx, func(r simulator.Request) bool {
		if r.Sequence > mark && r.Environment == environment {
			delete(left, readID(r))
		}
		return len(left) == 0
	})
}

// operations are the names in a fixed order.
func operations(counts ...requests) []string {
	names := map[string]bool{}
	for _, count := range counts {
		for name := range count {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}
