// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gravitee

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/mapi"
)

const (
	// pageSize is how many APIs one page of the listing has. The server honours up to 1,000, but each row holds
	// the whole definition.
	pageSize = 200
	// smallestPage is tried when even fewer APIs are too much for one answer.
	smallestPage = 5
	// maxPages ends a listing that doesn't end: a server that repeats its last page.
	maxPages = 5000
)

// managedQuery finds the APIs of origin kubernetes (shared/contract/README.md 4). The listing GET V2/apis would also hold
// what people made in the console.
const managedQuery = `{"query":"origin:kubernetes"}`

// row is the part of an API in the shape of the second version that a marker is made from.
type row struct {
	ID                string    `json:"id"`
	CrossID           string    `json:"crossId"`
	Name              string    `json:"name"`
	EnvironmentID     string    `json:"environmentId"`
	DefinitionVersion string    `json:"definitionVersion"`
	UpdatedAt         time.Time `json:"updatedAt"`
	Labels            []string  `json:"labels"`
}

type listing struct {
	Data       []row `json:"data"`
	Pagination *struct {
		PageCount  int `json:"pageCount"`
		TotalCount int `json:"totalCount"`
	} `json:"pagination"`
}

// check refuses a page that a damaged or foreign answer would make the end of the list: what is missing in it would be
// taken for gone.
func (l listing) check(page int) error {
	switch {
	case l.Data == nil:
		return errors.New("it has no data")
	case l.Pagination == nil:
		return errors.New("it has no pagination")
	case len(l.Data) > 0 && l.Pagination.PageCount < page:
		return errors.New("its pagination contradicts its data")
	}
	for _, found := range l.Data {
		if err := require("data[].id", found.ID); err != nil {
			return err
		}
	}
	return nil
}

// Markers implements mapi.Client. What the search tells comes from an index that may lag behind: rows are up to date, but
// one may be missing, or stand for an API that is gone.
func (c *client) Markers(ctx context.Context) iter.Seq2[mapi.Marker, error] {
	return func(yield func(mapi.Marker, error) bool) {
		size := pageSize
		for page := 1; page <= maxPages; page++ {
			got, err := c.page(ctx, page, size)
			if errors.Is(err, errTooLarge) && size > smallestPage {
				// The same position in smaller steps: what was told already may be told again.
				page, size = (page-1)*2, size/2
				continue
			}
			if err != nil {
				yield(mapi.Marker{}, err)
				return
			}
			for _, found := range got.Data {
				if c.isElsewhere(found.EnvironmentID) || !isSecondVersion(found) {
					continue
				}
				if !yield(found.marker(), nil) {
					return
				}
			}
			// An empty page needn't be the last one: rows are left out whose APIs are gone from the database.
			if page >= got.Pagination.PageCount {
				return
			}
		}
		yield(mapi.Marker{}, fault.New(fault.Transient, fault.ReasonUnreachable,
			"POST list of APIs: unexpected answer: it has more than %d pages", maxPages))
	}
}

// isSecondVersion leaves out v4 APIs, which other resources stand for.
func isSecondVersion(found row) bool {
	return found.DefinitionVersion == "" || strings.EqualFold(found.DefinitionVersion, "V2")
}

func (c *client) page(ctx context.Context, page, size int) (listing, error) {
	var got listing
	err := c.do(ctx, call{
		operation: mapi.OperationList, method: http.MethodPost, what: "list of APIs", body: []byte(managedQuery),
		url: c.addresses.environmentV2 + "/apis/_search?page=" + strconv.Itoa(page) + "&perPage=" + strconv.Itoa(size),
		accept: func(body []byte) error {
			if err := json.Unmarshal(body, &got); err != nil {
				return notJSON(err)
			}
			return got.check(page)
		},
	})
	return got, err
}

func (r row) marker() mapi.Marker {
	clusters := owners(r.Labels)
	marker := mapi.Marker{Ref: mapi.Ref{Key: r.CrossID, ID: r.ID}, Name: r.Name, Owner: first(clusters), Owners: clusters}
	if !r.UpdatedAt.IsZero() {
		marker.Marker = strconv.FormatInt(r.UpdatedAt.UnixMilli(), 10)
	}
	return marker
}
