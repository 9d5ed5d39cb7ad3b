// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"fmt"
	"slices"
	"strings"
)

// partOf finds a part of an API by its id, crossId, key or name.
func partOf(parts []object, name string) int {
	for _, member := range []string{"id", "crossId", "key", "name"} {
		if at := slices.IndexFunc(parts, func(part object) bool { return text(part, member) == name }); at >= 0 {
			return at
		}
	}
	return -1
}

// part runs change on a part of an API that is found by its id, crossId, key or name.
func (s *Simulator) part(id, kind, name string, list func(*api) []object, change func(a *api, at int)) error {
	return s.meddle(id, func(a *api) error {
		at := partOf(list(a), name)
		if at < 0 {
			return fmt.Errorf("%s %q of API %q: %w", kind, name, id, ErrNotFound)
		}
		change(a, at)
		return nil
	})
}

func plansOf(a *api) []object    { return a.plans }
func pagesOf(a *api) []object    { return a.pages }
func metadataOf(a *api) []object { return a.metadata }

// EditPlan changes a plan by hand; gateways keep what they have. As recorded, the change marker of the API
// doesn't move, only that of the plan. What the server decides (id, times) should be left alone.
func (s *Simulator) EditPlan(id, plan string, edit func(plan map[string]any)) error {
	return s.part(id, "plan", plan, plansOf, func(a *api, at int) {
		edited := cloneObject(a.plans[at])
		edit(edited)
		a.plans[at] = normalisePlan(edited)
		a.plans[at]["updated_at"] = s.tick()
	})
}

// SetPlanStatus publishes, deprecates, closes or unpublishes a plan by hand, without a check whether the console would offer
// that. Closing moves the published plans behind it up. The change marker of the API doesn't move (recorded for closing; chosen
// for the others, as the harder case).
func (s *Simulator) SetPlanStatus(id, plan, status string) error {
	return s.part(id, "plan", plan, plansOf, func(a *api, at int) {
		now := s.tick()
		if status == "CLOSED" {
			a.closePlan(a.plans[at], now)
			return
		}
		a.plans[at]["status"], a.plans[at]["updated_at"] = status, now
		if status == "PUBLISHED" {
			setDefault(a.plans[at], "published_at", now)
		}
	})
}

// AddPlan makes a plan by hand, under an id of the server and without a crossId, and gives that id. Not recorded; the change marker of
// the API doesn't move, as the harder case.
func (s *Simulator) AddPlan(id string, plan map[string]any) (string, error) {
	planID := newID()
	return planID, s.meddle(id, func(a *api) error {
		added, now := normalisePlan(plan), s.tick()
		added["id"], added["api"], added["environmentId"] = planID, a.id, a.place.Environment
		added["created_at"], added["updated_at"] = now, now
		a.plans = append(a.plans, added)
		return nil
	})
}

// RemovePlan deletes a plan by hand. Not recorded; the change marker of the API doesn't move, as the harder case.
func (s *Simulator) RemovePlan(id, plan string) error {
	return s.part(id, "plan", plan, plansOf, func(a *api, at int) { a.plans = slices.Delete(a.plans, at, at+1) })
}

// EditPage changes a page by hand. Not recorded; the change marker of the API doesn't move, as the harder case.
func (s *Simulator) EditPage(id, page string, edit func(page map[string]any)) error {
	return s.part(id, "page", page, pagesOf, func(a *api, at int) {
		edited := cloneObject(a.pages[at])
		edit(edited)
		a.pages[at] = normalisePage(edited, a.id, s.tick())
	})
}

// AddPage makes a page by hand, under an id of the server and without a crossId, and gives that id. Not recorded; the change marker of
// the API doesn't move, as the harder case.
func (s *Simulator) AddPage(id string, page map[string]any) (string, error) {
	pageID := newID()
	return pageID, s.meddle(id, func(a *api) error {
		added := normalisePage(page, a.id, s.tick())
		added["id"] = pageID
		setDefault(added, "visibility", "PUBLIC")
		a.pages = append(a.pages, added)
		return nil
	})
}

// RemovePage deletes a page by hand. Not recorded; the change marker of the API doesn't move, as the harder case.
func (s *Simulator) RemovePage(id, page string) error {
	return s.part(id, "page", page, pagesOf, func(a *api, at int) { a.pages = slices.Delete(a.pages, at, at+1) })
}

// EditMetadata changes an entry by hand. Not recorded; the change marker of the API doesn't move, as the harder case.
func (s *Simulator) EditMetadata(id, entry string, edit func(entry map[string]any)) error {
	return s.part(id, "metadata", entry, metadataOf, func(a *api, at int) {
		edited := cloneObject(a.metadata[at])
		edit(edited)
		a.metadata[at] = edited
	})
}

// AddMetadata makes an entry by hand, with the members key, name, format and value. Not recorded; the change marker of
// the API doesn't move, as the harder case.
func (s *Simulator) AddMetadata(id string, entry map[string]any) error {
	return s.meddle(id, func(a *api) error {
		added := cloneObject(entry)
		added["apiId"] = a.id
		a.metadata = append(a.metadata, added)
		return nil
	})
}

// RemoveMetadata deletes an entry by hand. Not recorded; the change marker of the API doesn't move, as the harder case.
func (s *Simulator) RemoveMetadata(id, entry string) error {
	return s.part(id, "metadata", entry, metadataOf, func(a *api, at int) { a.metadata = slices.Delete(a.metadata, at, at+1) })
}

// SetMember adds a user to the members of an API by hand, or gives a member another role. Not recorded; the change marker of the API
// doesn't move, as the harder case.
func (s *Simulator) SetMember(id, user, role string) error {
	return s.meddle(id, func(a *api) error {
		known := s.users[user]
		if known == nil {
			return fmt.Errorf("user %q: %w", user, ErrNotFound)
		}
		a.members = slices.DeleteFunc(slices.Clone(a.members), func(m member) bool { return m.user == known })
		a.members = append(a.members, member{user: known, role: role})
		return nil
	})
}

// RemoveMember takes a member away by hand. Not recorded; the change marker of the API doesn't move, as the harder case.
func (s *Simulator) RemoveMember(id, user string) error {
	return s.meddle(id, func(a *api) error {
		before := len(a.members)
		a.members = slices.DeleteFunc(slices.Clone(a.members), func(m member) bool { return m.user.Name == user })
		if len(a.members) == before {
			return fmt.Errorf("member %q of API %q: %w", user, id, ErrNotFound)
		}
		return nil
	})
}

// SetGroups replaces the groups of an API by hand, by name or id. Not recorded; the change marker of the API doesn't move, as the harder case.
func (s *Simulator) SetGroups(id string, groups ...string) error {
	return s.meddle(id, func(a *api) error {
		var ids []string
		for _, group := range groups {
			known, found := s.groupIn(a.place, group)
			if !found {
				return fmt.Errorf("group %q: %w", group, ErrNotFound)
			}
			ids = append(ids, known)
		}
		a.groups = ids
		return nil
	})
}

// SetCategories replaces the categories of an API by hand. Not recorded; the change marker of the API doesn't move, as the harder case.
func (s *Simulator) SetCategories(id string, categories ...string) error {
	return s.meddle(id, func(a *api) error {
		a.categories = slices.Clone(categories)
		return nil
	})
}

// SetPicture uploads a picture by hand. Nothing that is read back holds it. Not recorded; the change marker of the API doesn't move.
func (s *Simulator) SetPicture(id string, picture []byte) error {
	return s.meddle(id, func(a *api) error {
		a.picture = slices.Clone(picture)
		return nil
	})
}

// SetManaged says whether an operator manages the API (origin kubernetes) or people do (origin management): the latter takes
// it out of what a search for the origin finds. Not recorded; the change marker of the API doesn't move, as the harder case.
func (s *Simulator) SetManaged(id string, managed bool) error {
	return s.meddle(id, func(a *api) error {
		a.kubernetes = managed
		return nil
	})
}

// Deploy sends what is stored to the gateways by hand; as recorded, that moves the change marker.
func (s *Simulator) Deploy(id string) error {
	return s.meddle(id, func(a *api) error {
		a.updatedAt = s.tick()
		a.deploy(a.updatedAt)
		return nil
	})
}

// Recreate deletes an API and makes it again under another id with the same crossId, as by an import in the console (origin management)
// or by another operator (managed), and gives the new id. Plans and pages have new ids and the same crossIds. That a search
// shows the old id no more and the new one instead is assumed.
func (s *Simulator) Recreate(id string, managed bool) (string, error) {
	created := newID()
	return created, s.meddle(id, func(a *api) error {
		s.remove(a)
		now := s.tick()
		again := &api{id: created, crossID: a.crossID, place: a.place, members: a.members, groups: a.groups,
			categories: a.categories, metadata: a.metadata, notification: a.notification, state: a.state, kubernetes: managed, owner: a.owner,
			plans: copies(a.plans), pages: copies(a.pages), createdAt: now, updatedAt: now}
		for _, plan := range again.plans {
			plan["id"], plan["api"], plan["created_at"], plan["updated_at"] = newID(), created, now, now
		}
		for _, page := range again.pages {
			page["id"], page["api"] = newID(), created
		}
		s.define(again, cloneObject(a.definition))
		again.deploy(now)
		s.add(again)
		return nil
	})
}

// Backup remembers an API as it is now, and gives what puts it back under its id, with its change marker, as a restored database does:
// instead of what has that id or crossId by then.
func (s *Simulator) Backup(id string) (restore func(), err error) {
	var kept *api
	err = s.meddle(id, func(a *api) error {
		kept = a.copied()
		return nil
	})
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		again := kept.copied()
		for _, other := range []*api{s.apis[again.id], s.findCrossID(again.place, again.crossID)} {
			if other != nil && s.apis[other.id] == other {
				s.remove(other)
			}
		}
		definition := again.definition
		again.definition, again.sortName = nil, ""
		s.define(again, definition)
		s.add(again)
	}, err
}

// copied shares nothing that is ever changed, and is in no index.
func (a *api) copied() *api {
	c := *a
	c.definition = cloneObject(a.definition)
	c.plans, c.pages, c.metadata = copies(a.plans), copies(a.pages), copies(a.metadata)
	c.members, c.groups, c.categories = slices.Clone(a.members), slices.Clone(a.groups), slices.Clone(a.categories)
	c.indexed, c.indexedAt, c.rows = 0, 0, nil
	return &c
}

func copies(parts []object) []object {
	list := make([]object, len(parts))
	for i, part := range parts {
		list[i] = cloneObject(part)
	}
	return list
}

// Content is all that people and clients decide about an API, with the ids of its parts and without times: two of them are equal
// when nothing changed but the moment of a write.
type Content struct {
	CrossID    string
	State      string
	Managed    bool
	Definition map[string]any
	// Plans and Metadata are by name, Pages by crossId or name.
	Plans, Pages, Metadata map[string]map[string]any
	// Members maps names of users to roles.
	Members            map[string]string
	Groups, Categories []string
	// Served tells whether gateways have what is stored.
	Served bool
}

// Content gives a copy of the content of an API; false if there is none.
func (s *Simulator) Content(id string) (Content, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.apis[id]
	if a == nil {
		return Content{}, false
	}
	content := Content{CrossID: a.crossID, State: a.state, Managed: a.kubernetes, Definition: timeless(a.definition),
		Plans: named(a.plans, "name"), Pages: named(a.pages, "crossId", "name"), Metadata: named(a.metadata, "name"),
		Members: map[string]string{}, Groups: sortedTexts(a.groups), Categories: sortedTexts(a.categories), Served: a.isServed()}
	for _, m := range a.members {
		content.Members[m.user.Name] = m.role
	}
	return content, true
}

func sortedTexts(list []string) []string {
	list = append([]string{}, list...)
	slices.Sort(list)
	return list
}

func named(parts []object, members ...string) map[string]map[string]any {
	all := map[string]map[string]any{}
	for _, part := range parts {
		name := ""
		for _, member := range members {
			if name == "" {
				name = text(part, member)
			}
		}
		all[name] = timeless(part)
	}
	return all
}

// timeless copies an object without times and without the ids of flows, which are new with every import.
func timeless(o object) object {
	copied := cloneObject(o)
	for key := range copied {
		if strings.HasSuffix(key, "_at") || key == "lastModificationDate" {
			delete(copied, key)
		}
	}
	for _, flow := range objects(copied, "flows") {
		delete(flow, "id")
	}
	return copied
}

// isServed tells whether gateways have what is stored.
func (a *api) isServed() bool {
	if a.deployed == nil {
		return false
	}
	stored := &api{definition: a.definition, plans: a.plans}
	stored.deploy(0)
	return sameJSON(stored.deployed.view(), a.deployed.view())
}

func (d *deployment) view() object {
	view := object{"proxy": d.proxy, "flows": listOf(d.flows)}
	var plans []object
	for _, plan := range d.plans {
		plans = append(plans, timeless(plan))
	}
	view["plans"] = plans
	return view
}
