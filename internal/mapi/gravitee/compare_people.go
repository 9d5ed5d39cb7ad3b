// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gravitee

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/model"
)

// The warnings in which an import names what it dropped (cases 19, 20, 21).
var (
	groupWarning    = regexp.MustCompile(`(?i)^group \[(.*?)\] could not be found`)
	categoryWarning = regexp.MustCompile(`(?i)^category \[(.*?)\] is not defined`)
	memberWarning   = regexp.MustCompile(`(?i)^member \[(.*?)\] of source \[(.*?)\] could not be found`)
	roleWarning     = regexp.MustCompile(`(?i)^member role \[(.*?)\] doesn't exist`)
)

// dropped holds the names that the last import reported as unknown, in lower case.
type dropped struct {
	groups, categories, members, roles map[string]bool
}

func readDropped(reported []string) dropped {
	all := dropped{groups: map[string]bool{}, categories: map[string]bool{}, members: map[string]bool{}, roles: map[string]bool{}}
	for _, warning := range reported {
		warning = strings.TrimSpace(warning)
		if match := groupWarning.FindStringSubmatch(warning); match != nil {
			all.groups[strings.ToLower(match[1])] = true
		} else if match := categoryWarning.FindStringSubmatch(warning); match != nil {
			all.categories[strings.ToLower(match[1])] = true
		} else if match := memberWarning.FindStringSubmatch(warning); match != nil {
			all.members[memberKey(match[2], match[1])] = true
		} else if match := roleWarning.FindStringSubmatch(warning); match != nil {
			all.roles[strings.ToLower(match[1])] = true
		}
	}
	return all
}

// groups compares the groups of the API and those that its plans exclude, all by id.
func (c *comparison) groups(ctx context.Context) error {
	if err := c.groupList(ctx, "groups", c.want["groups"], c.have["groups"]); err != nil {
		return err
	}
	for _, plan := range objects(firstOfEach(c.want["plans"], "crossId")) {
		remote := findPlan(plan, c.have)
		if remote == nil {
			continue // told as a missing plan
		}
		if err := c.groupList(ctx, "plans["+text(plan, "name")+"].excluded_groups", plan["excluded_groups"], remote["excluded_groups"]); err != nil {
			return err
		}
	}
	return nil
}

func (c *comparison) groupList(ctx context.Context, path string, want, have any) error {
	if want == nil || len(texts(want)) == 0 && len(texts(have)) == 0 {
		return nil
	}
	known, ok, err := c.lookups.groups.get(ctx)
	if err != nil {
		return err
	}
	if !ok && len(texts(want)) > 0 {
		// Names and ids can't be told apart without the list.
		return nil
	}
	expected := c.resolve(path, texts(want), known, c.dropped.groups, "UnknownGroup", "group")
	c.under(path, model.Diff(expected, listOf(known.resolveAll(texts(have))), setRules()))
	return nil
}

// resolve turns names into ids. An unknown name isn't expected to come back: the server drops it, and says so.
func (c *comparison) resolve(path string, names []string, known directory, reported map[string]bool, reason, kind string) []any {
	expected := []any{}
	for _, name := range names {
		id, found := known.ids[strings.ToLower(name)]
		if found {
			expected = append(expected, id)
			continue
		}
		if known.complete || reported[strings.ToLower(name)] {
			c.find(path, mapi.Warning, reason,
				"The "+kind+" "+name+" doesn't exist in the environment and is left out; create it, or take it out of the definition.")
			continue
		}
		expected = append(expected, name)
	}
	return expected
}

// categories compares by key; the list of the environment is only read when the plain comparison fails.
func (c *comparison) categories(ctx context.Context) error {
	want, have := c.want["categories"], c.have["categories"]
	if want == nil || len(model.Diff(want, nonNil(have), setRules())) == 0 {
		return nil
	}
	known, _, err := c.lookups.categories.get(ctx)
	if err != nil {
		return err
	}
	expected := c.resolve("categories", texts(want), known, c.dropped.categories, "UnknownCategory", "category")
	c.under("categories", model.Diff(expected, listOf(known.resolveAll(texts(have))), setRules()))
	return nil
}

const unknownMember = "The user isn't known to the management API and is left out; users of some sources exist only after their first login."

// memberKey identifies a member in lower case.
func memberKey(source, id string) string { return strings.ToLower(source + "/" + id) }

// members compares who is a member, and with which role where the roles can be read. The primary owner is nobody's to remove.
func (c *comparison) members(ctx context.Context, export document) error {
	if c.want["members"] == nil {
		return nil
	}
	roles, resolved, err := c.lookups.roles.get(ctx)
	if err != nil {
		return err
	}
	remote := map[string]document{}
	for _, member := range objects(export["members"]) {
		remote[memberKey(text(member, "source"), text(member, "sourceId"))] = member
	}
	wanted := map[string]bool{}
	for _, member := range objects(c.want["members"]) {
		key := memberKey(text(member, "source"), text(member, "sourceId"))
		wanted[key] = true
		c.member(member, remote[key], key, roles, resolved)
	}
	if !resolved {
		return nil // which one is the primary owner isn't known
	}
	for _, member := range objects(export["members"]) {
		key := memberKey(text(member, "source"), text(member, "sourceId"))
		if !wanted[key] && !hasRole(member, roles, "PRIMARY_OWNER") {
			c.differ("members["+text(member, "sourceId")+"]", nil, member)
		}
	}
	return nil
}

func (c *comparison) member(want, have document, key string, roles directory, resolved bool) {
	path := "members[" + text(want, "sourceId") + "]"
	role := text(want, "role")
	if role == "" {
		role = "USER" // the schema's default
	}
	_, roleKnown := roles.ids[strings.ToLower(role)]
	switch {
	case c.dropped.members[key] && have == nil:
		c.find(path, mapi.Warning, "UnknownMember", unknownMember)
	case c.dropped.roles[strings.ToLower(role)] || resolved && !roleKnown:
		c.find(path+".role", mapi.Warning, "UnknownRole", "The role "+role+" doesn't exist for APIs; use the name of an existing one.")
	case have == nil:
		c.differ(path, want, nil)
	case resolved && !hasRole(have, roles, role) && !hasRole(have, roles, "PRIMARY_OWNER"):
		c.differ(path+".role", role, have["roles"])
	}
}

func hasRole(member document, roles directory, name string) bool {
	id, known := roles.ids[strings.ToLower(name)]
	return known && slices.Contains(texts(member["roles"]), id)
}

func setRules() model.Rules { return model.Rules{"": {Set: true}} }

func nonNil(value any) any {
	if value == nil {
		return []any{}
	}
	return value
}

func texts(value any) []string {
	elements, _ := value.([]any)
	var found []string
	for _, element := range elements {
		if name, ok := element.(string); ok {
			found = append(found, name)
		}
	}
	return found
}

func listOf(names []string) []any {
	list := make([]any, len(names))
	for i, name := range names {
		list[i] = name
	}
	return list
}
