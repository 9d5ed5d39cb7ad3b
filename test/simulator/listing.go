// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// itemV1 is an API in a list of the first version.
func (a *api) itemV1(c *call) object {
	item := object{
		"id": a.id, "name": a.name(), "version": text(a.definition, "version"), "visibility": text(a.definition, "visibility"),
		"state": a.state, "categories": listOf(a.categories), "labels": clone(a.definition["labels"]), "numberOfRatings": 0,
		"tags": clone(a.definition["tags"]), "created_at": a.createdAt, "updated_at": a.updatedAt, "owner": a.owner.view(),
		"picture_url": a.pictureURL(c, "picture"), "virtual_hosts": clone(listOf(a.hosts())),
		"lifecycle_state": text(a.definition, "lifecycle_state"), "context_path": a.contextPath(),
		"healthcheck_enabled": flag(sub(sub(a.definition, "services"), "health-check"), "enabled"),
		"definition_context":  a.definitionContext(), "gravitee": "2.0.0",
	}
	if description, has := a.definition["description"]; has {
		item["description"] = description
	}
	return item
}

// list answers GET E/apis: all, or those that fit every filter of the query.
func (s *Simulator) list(c *call) answer {
	query := c.r.URL.Query()
	found := []object{}
	for _, a := range s.candidates(c, query) {
		if a.matches(query) {
			found = append(found, a.itemV1(c))
		}
	}
	return ok(found)
}

// candidates are the APIs that can fit a query. A look-up by crossId uses an index, as the real server does:
// it must not get slower with the number of APIs.
func (s *Simulator) candidates(c *call, query url.Values) []*api {
	if !query.Has("crossId") {
		return s.in(c.place, c.user)
	}
	if a := s.findCrossID(c.place, query.Get("crossId")); a != nil && a.visibleTo(c.user) {
		return []*api{a}
	}
	return nil
}

func (a *api) matches(query url.Values) bool {
	for key, have := range map[string]string{
		"crossId": a.crossID, "name": a.name(), "context-path": a.contextPath(),
		"state": a.state, "version": text(a.definition, "version"),
	} {
		if query.Has(key) && query.Get(key) != have {
			return false
		}
	}
	return true
}

// listPaged answers GET E/apis/_paged; as recorded, the first page is page 1 and calls itself 0.
func (s *Simulator) listPaged(c *call) answer {
	all := s.in(c.place, c.user)
	page := positive(c.r.URL.Query().Get("page"), 1)
	size := positive(c.r.URL.Query().Get("size"), 20)
	data := []object{}
	for _, a := range slice(all, page, size) {
		data = append(data, a.itemV1(c))
	}
	return ok(object{"data": data, "page": object{"current": page - 1, "size": len(data), "per_page": size,
		"total_pages": pages(len(all), size), "total_elements": len(all)}})
}

func slice[T any](all []T, page, size int) []T {
	from := min((page-1)*size, len(all))
	return all[from:min(from+size, len(all))]
}

func pages(total, size int) int { return (total + size - 1) / size }

// listV2 answers GET V2/apis. Filters in the query are ignored, as the real server does.
func (s *Simulator) listV2(c *call) answer {
	wanted := c.r.URL.Query().Get("expands")
	return s.pageV2(c, s.in(c.place, c.user), expansion{
		deployment: strings.Contains(wanted, "deploymentState"), owner: strings.Contains(wanted, "primaryOwner"),
	})
}

func pagination(page, size, here, total int) object {
	return object{"page": page, "perPage": size, "pageCount": pages(total, size), "pageItemsCount": here, "totalCount": total}
}

// links of a page; a single page has only the link to itself.
func (c *call) links(page, count int) object {
	links := object{"self": c.link(0)}
	if count < 2 {
		return links
	}
	links["first"], links["last"] = c.link(1), c.link(count)
	if page > 1 {
		links["previous"] = c.link(page - 1)
	}
	if page < count {
		links["next"] = c.link(page + 1)
	}
	return links
}

// link is the URL of this call with another page, or as it is with page 0. The order of the parameters stays.
func (c *call) link(page int) string {
	var parameters []string
	placed := page == 0
	for part := range strings.SplitSeq(c.r.URL.RawQuery, "&") {
		key, value, _ := strings.Cut(part, "=")
		if key == "" {
			continue
		}
		if key == "page" && page > 0 {
			value, placed = strconv.Itoa(page), true
		}
		if plainText, err := url.QueryUnescape(value); err == nil {
			value = url.QueryEscape(plainText)
		}
		parameters = append(parameters, key+"="+value)
	}
	if !placed {
		parameters = append(parameters, "page="+strconv.Itoa(page))
	}
	link := c.base + c.r.URL.Path
	if len(parameters) > 0 {
		link += "?" + strings.Join(parameters, "&")
	}
	return link
}

// verifyPath answers POST E/apis/verify: is a context path free?
func (s *Simulator) verifyPath(c *call) answer {
	sent, err := decodeObject(c.body)
	if err != nil {
		return malformed()
	}
	wanted := text(sent, "context_path")
	host := object{"path": normalisePath(wanted)}
	if _, taken := s.pathOwner(c.place, text(sent, "apiId"), []object{host}); taken {
		return empty(http.StatusBadRequest).with("Cache-Control", "must-revalidate,no-cache,no-store")
	}
	return plain(http.StatusOK, "API context ["+wanted+"] is available")
}
