// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gravitee

import (
	"context"
	"maps"
	"sort"
	"strings"

	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/model"
)

// pageRules say how a page is compared with its entry in the export (cases 16 and 17).
func pageRules() model.Rules {
	return model.Rules{
		"id": {Ignore: true}, "api": {Ignore: true}, "hrid": {Ignore: true}, "parent": {Ignore: true}, "parentHrid": {Ignore: true},
		"parentId": {Unseen: true},
		// See pageAccess.
		"accessControls": {Ignore: true},
		"source":         {Unseen: true},
		// Fetchers' configurations hold secrets, which come back masked.
		"source.configuration": {Ignore: true},
		"configuration":        {Map: true},
	}
}

// pages compares by crossId. Pages that aren't wanted are removed by an import, except folders of the system.
func (c *comparison) pages(ctx context.Context, export document) error {
	wanted, ok := c.want["pages"].(document)
	if !ok {
		return nil
	}
	remote := map[string]document{}
	for _, page := range objects(export["pages"]) {
		remote[pageKey(page)] = page
	}
	matched := map[string]bool{}
	for _, key := range sortedNames(wanted) {
		page := object(wanted[key])
		if page == nil {
			continue
		}
		matched[pageKey(page)] = true
		if err := c.page(ctx, "pages."+key, page, remote[pageKey(page)]); err != nil {
			return err
		}
	}
	for _, page := range objects(export["pages"]) {
		if !matched[pageKey(page)] && text(page, "type") != "SYSTEM_FOLDER" {
			c.differ("pages["+text(page, "name")+"]", nil, page)
		}
	}
	return nil
}

func pageKey(page document) string {
	if key := text(page, "crossId"); key != "" {
		return key
	}
	return text(page, "id")
}

func (c *comparison) page(ctx context.Context, path string, want, have document) error {
	orphan := c.isOrphan(want)
	if orphan {
		c.find(path+".parent", mapi.Warning, "UnknownParentPage",
			"The parent isn't one of the definition's pages, so the management API drops the page; add the parent, or take the reference out.")
	}
	if have == nil {
		if !orphan {
			c.differ(path, want, nil)
		}
		return nil
	}
	compared := maps.Clone(want)
	if compared["source"] != nil || text(compared, "content") == "" {
		delete(compared, "content") // fetched by the server
	}
	if orphan {
		delete(compared, "parentId")
	}
	c.under(path, model.Diff(compared, have, pageRules()))
	return c.pageAccess(ctx, path, want, have)
}

// isOrphan reports a parent that isn't among the wanted pages: then the server drops the page without a word (case 17).
func (c *comparison) isOrphan(page document) bool {
	parent := text(page, "parentId")
	if parent == "" {
		return false
	}
	pages := object(c.want["pages"])
	for _, other := range pages {
		if text(object(other), "id") == parent {
			return false
		}
	}
	return true
}

// pageAccess compares the groups that may, or may not, see a page; unknown ones are dropped without a word (case 17).
func (c *comparison) pageAccess(ctx context.Context, path string, want, have document) error {
	if want["accessControls"] == nil {
		return nil
	}
	return c.groupList(ctx, path+".accessControls", references(want["accessControls"]), references(have["accessControls"]))
}

// references are the groups of access controls.
func references(controls any) any {
	names := []any{}
	for _, control := range objects(controls) {
		if strings.EqualFold(text(control, "referenceType"), "GROUP") {
			names = append(names, text(control, "referenceId"))
		}
	}
	return names
}

func sortedNames(of document) []string {
	names := make([]string, 0, len(of))
	for name := range of {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
