// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// group is a group of people of one environment.
type group struct {
	id, hrid, name string
	notify         bool
	// members maps the users to their roles by scope.
	members map[*account]map[string]string
}

// groupScopes are the scopes in which every member of a group has a role.
func groupScopes() []string { return []string{"API", "APPLICATION", "INTEGRATION"} }

// newEnvironment makes an environment with the groups of the options.
func (s *Simulator) newEnvironment(place Place) *environment {
	at := &environment{place: place, groups: map[string]*group{}}
	for name, id := range s.options.Groups {
		at.groups[id] = &group{id: id, name: name, notify: true}
	}
	return at
}

// groupIn finds a group of an environment by its name or its id.
func (s *Simulator) groupIn(place Place, name string) (string, bool) {
	at := s.places[place]
	if at == nil {
		return "", false
	}
	if known := at.groups[name]; known != nil {
		return known.id, true
	}
	for _, known := range at.sortedGroups() {
		if known.name == name {
			return known.id, true
		}
	}
	return "", false
}

func (e *environment) sortedGroups() []*group {
	return slices.SortedFunc(maps.Values(e.groups), func(x, y *group) int {
		return cmp.Or(strings.Compare(x.name, y.name), strings.Compare(x.id, y.id))
	})
}

// groups answers GET E/configuration/groups.
func (s *Simulator) groups(c *call) answer {
	found := []object{}
	for _, known := range s.places[c.place].sortedGroups() {
		found = append(found, object{"id": known.id, "name": known.name, "manageable": true, "roles": object{}})
	}
	return ok(found)
}

// groupID makes the id of a group from its human-readable id and its place, as the real server does by another rule.
func groupID(place Place, hrid string) string {
	sum := sha256.Sum256([]byte(place.Organization + "\x00" + place.Environment + "\x00" + hrid))
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// automation wraps a call on groups. What follows from the rights of other users than administrators wasn't recorded.
func (s *Simulator) automation(handle handler) handler {
	return func(c *call) answer {
		switch {
		case s.tuning.noGroups:
			return unknownAutomation()
		case c.r.Method != http.MethodGet && c.user.Role != RoleAdmin:
			return failV2(http.StatusForbidden, "You do not have sufficient rights to access this resource", "forbidden", nil)
		}
		return handle(c)
	}
}

// unknownAutomation is the answer to all that the Automation API doesn't offer.
func unknownAutomation() answer {
	return empty(http.StatusNotFound).with("Cache-Control", "must-revalidate,no-cache,no-store")
}

func hridNotFound(hrid string) answer {
	return failV2(http.StatusNotFound, "HRID ["+hrid+"] cannot be found.", "hrid.notFound", nil)
}

// namedGroup finds the group that a path names.
func (s *Simulator) namedGroup(c *call) *group {
	id := c.r.PathValue("hrid")
	if c.r.URL.Query().Get("hridContainsUUID") != "true" {
		id = groupID(c.place, id)
	}
	return s.places[c.place].groups[id]
}

func (s *Simulator) getGroup(c *call) answer {
	found := s.namedGroup(c)
	if found == nil {
		return hridNotFound(c.r.PathValue("hrid"))
	}
	return ok(found.view(c.place))
}

// view is a group as it is read back: every member has a role in each scope.
func (g *group) view(place Place) object {
	view := object{"id": g.id, "name": g.name, "notifyMembers": g.notify, "members": listOf(g.memberViews()), "memberCount": len(g.members),
		"organizationId": place.Organization, "environmentId": place.Environment}
	if g.hrid != "" {
		view["hrid"] = g.hrid
	}
	return view
}

func (g *group) memberViews() []object {
	views := []object{}
	for user, roles := range g.members {
		given := object{}
		for scope, role := range roles {
			given[scope] = role
		}
		views = append(views, object{"source": "memory", "sourceId": user.Name, "roles": given})
	}
	slices.SortFunc(views, func(x, y object) int { return strings.Compare(text(x, "sourceId"), text(y, "sourceId")) })
	return views
}

// deleteGroup takes the group out of every API of the environment; that their change markers stay is the harder case, not a recorded one.
func (s *Simulator) deleteGroup(c *call) answer {
	found := s.namedGroup(c)
	if found == nil {
		return hridNotFound(c.r.PathValue("hrid"))
	}
	s.removeGroup(c.place, found)
	return empty(http.StatusNoContent)
}

func (s *Simulator) removeGroup(place Place, gone *group) {
	delete(s.places[place].groups, gone.id)
	for _, a := range s.places[place].names.apis {
		if slices.Contains(a.groups, gone.id) {
			a.groups = slices.DeleteFunc(slices.Clone(a.groups), func(id string) bool { return id == gone.id })
			s.changed(a)
		}
	}
}

// putGroup creates or updates a group: PUT A/groups. The answer repeats what was sent. Which status an import with a severe error has
// isn't recorded; a dry run tells it in a success.
func (s *Simulator) putGroup(c *call) answer {
	sent, err := decodeObject(c.body)
	if err != nil {
		return malformed()
	}
	hrid := text(sent, "hrid")
	if hrid == "" || text(sent, "name") == "" {
		return failV2(http.StatusBadRequest, "Validation error", "", nil).detailed("hrid and name must not be null")
	}
	changed := &group{id: groupID(c.place, hrid), hrid: hrid, name: text(sent, "name"), notify: true}
	if c.r.URL.Query().Get("hridContainsUUID") == "true" {
		changed.id, changed.hrid = hrid, ""
	}
	if notify, told := sent["notifyMembers"].(bool); told {
		changed.notify = notify
	}
	severe, warnings := s.resolveGroupMembers(c, changed, objects(sent, "members"))
	dryRun := c.r.URL.Query().Get("dryRun") == "true"
	if len(severe) > 0 && !dryRun {
		return failV2(http.StatusInternalServerError, severe[0].(string), "unexpected", nil)
	}
	if !dryRun {
		s.places[c.place].groups[changed.id] = changed
	}
	view := cloneObject(sent)
	maps.Copy(view, object{"id": changed.id, "memberCount": len(changed.members), "organizationId": c.place.Organization,
		"environmentId": c.place.Environment, "errors": object{"severe": severe, "warning": warnings}})
	return ok(view)
}

// detailed adds a detail to an error of the second version.
func (a answer) detailed(message string) answer {
	body, err := decodeObject(a.body)
	if err != nil {
		return a
	}
	body["details"] = []any{object{"message": message}}
	return jsonAnswer(a.status, body)
}

// resolveGroupMembers turns names into users with roles; what is unknown is warned of and left out.
func (s *Simulator) resolveGroupMembers(c *call, into *group, sent []object) (severe, warnings []any) {
	severe, warnings = []any{}, []any{}
	into.members = map[*account]map[string]string{}
	for _, member := range sent {
		name := text(member, "sourceId")
		user := s.users[name]
		if user == nil || text(member, "source") != "memory" {
			warnings = append(warnings, fmt.Sprintf("member [%s] of source [%s] could not be found in organization [%s]",
				name, text(member, "source"), c.place.Organization))
			continue
		}
		roles := map[string]string{}
		for _, scope := range groupScopes() {
			role := text(sub(member, "roles"), scope)
			switch {
			case role == "PRIMARY_OWNER":
				severe = append(severe, "setting a member with the primary owner role is not allowed")
			case role != "" && !slices.Contains(s.options.MemberRoles, role):
				warnings = append(warnings, fmt.Sprintf("member role [%s] doesn't exist", role))
				role = ""
			}
			roles[scope] = cmp.Or(role, "USER")
		}
		into.members[user] = roles
	}
	return severe, warnings
}

// GroupState is a group as a test wants to see it.
type GroupState struct {
	Organization  string `json:"organization"`
	Environment   string `json:"environment"`
	ID            string `json:"id"`
	HRID          string `json:"hrid,omitempty"`
	Name          string `json:"name"`
	NotifyMembers bool   `json:"notifyMembers"`
	// Members maps names of users to their roles by scope.
	Members map[string]map[string]string `json:"members"`
}

// Groups lists the groups of the whole installation, by environment, name and id. Those of the options are in each environment.
func (s *Simulator) Groups() []GroupState {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []GroupState{}
	for place, at := range s.places {
		for _, known := range at.groups {
			found = append(found, known.state(place))
		}
	}
	slices.SortFunc(found, func(x, y GroupState) int {
		return cmp.Or(strings.Compare(x.Organization, y.Organization), strings.Compare(x.Environment, y.Environment),
			strings.Compare(x.Name, y.Name), strings.Compare(x.ID, y.ID))
	})
	return found
}

func (g *group) state(place Place) GroupState {
	state := GroupState{Organization: place.Organization, Environment: place.Environment, ID: g.id, HRID: g.hrid, Name: g.name,
		NotifyMembers: g.notify, Members: map[string]map[string]string{}}
	for user, roles := range g.members {
		state.Members[user.Name] = maps.Clone(roles)
	}
	return state
}

// EditGroup changes the name, the notification and the members of a group by hand; the id tells it in all environments where it is.
func (s *Simulator) EditGroup(id string, edit func(*GroupState)) error {
	return s.eachGroup(id, func(place Place, known *group) error {
		state := known.state(place)
		edit(&state)
		known.name, known.notify = state.Name, state.NotifyMembers
		known.members = map[*account]map[string]string{}
		for name, roles := range state.Members {
			if s.users[name] == nil {
				return fmt.Errorf("user %q: %w", name, ErrNotFound)
			}
			known.members[s.users[name]] = maps.Clone(roles)
		}
		return nil
	})
}

// RemoveGroup deletes a group by hand.
func (s *Simulator) RemoveGroup(id string) error {
	return s.eachGroup(id, func(place Place, known *group) error {
		s.removeGroup(place, known)
		return nil
	})
}

func (s *Simulator) eachGroup(id string, change func(Place, *group) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := false
	for place, at := range s.places {
		known := at.groups[id]
		if known == nil {
			continue
		}
		found = true
		if err := change(place, known); err != nil {
			return err
		}
	}
	if !found {
		return fmt.Errorf("group %q: %w", id, ErrNotFound)
	}
	return nil
}

// SetGroupsOffered offers the calls for groups, or takes them away as before release 4.12 (404 without a body).
func (s *Simulator) SetGroupsOffered(offered bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tuning.noGroups = !offered
}
