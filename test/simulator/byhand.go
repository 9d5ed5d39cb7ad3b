// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// editing wraps a write on one API as the console does it.
func (s *Simulator) editing(handle func(*call, *api) answer) handler {
	return s.reading(func(c *call, a *api) answer {
		if !a.editableBy(c.user) {
			return forbidden()
		}
		defer s.changed(a)
		return handle(c, a)
	})
}

// updateAPI stores a definition without deploying it; PUT E/apis/{id}.
func (s *Simulator) updateAPI(c *call, a *api) answer {
	sent, err := decodeObject(c.body)
	if err != nil {
		return malformed()
	}
	if failed, invalid := validateBean(sent); invalid {
		return failed
	}
	definition := normaliseDefinition(sent)
	if path, taken := s.pathOwner(c.place, a.id, objects(sub(definition, "proxy"), "virtual_hosts")); taken {
		return failV1(http.StatusBadRequest, "API paths are invalid (Path ["+path+"] already exists)", "path.invalid", object{})
	}
	s.define(a, definition)
	renewFlows(objects(definition, "flows"))
	a.updatedAt = s.tick()
	return a.marked(ok(a.viewWithLinks(c)))
}

// act starts or stops; POST E/apis/{id}?action=. Gateways follow at once, with what they have.
func (s *Simulator) act(c *call, a *api) answer {
	switch strings.ToUpper(c.r.URL.Query().Get("action")) {
	case "START":
		a.state = "STARTED"
		if a.deployed == nil {
			a.deploy(s.tick())
		}
	case "STOP":
		a.state = "STOPPED"
	default:
		return failV1(http.StatusBadRequest, "Unknown action", "", nil) // not recorded
	}
	a.updatedAt = s.tick()
	return a.marked(empty(http.StatusNoContent))
}

func (s *Simulator) deployAPI(_ *call, a *api) answer {
	a.updatedAt = s.tick()
	a.deploy(a.updatedAt)
	return a.marked(ok(a.viewV1()))
}

// closePlan closes a plan for good (closing it twice and closing an unknown one aren't recorded); the API's own change marker stays. Published plans behind it move up by one.
func (s *Simulator) closePlan(c *call, a *api) answer {
	id := c.r.PathValue("plan")
	plan := a.plan(id)
	if plan == nil {
		return failV1(http.StatusNotFound, "Plan ["+id+"] cannot be found.", "plan.notFound", object{"plan": id})
	}
	if text(plan, "status") == "CLOSED" {
		return failV1(http.StatusBadRequest, "Plan "+text(plan, "name")+" is already closed !", "plan.closed", nil)
	}
	a.closePlan(plan, s.tick())
	return ok(cloneObject(plan))
}

func (a *api) closePlan(plan object, now int64) {
	wasPublished := text(plan, "status") == "PUBLISHED"
	plan["status"], plan["closed_at"], plan["updated_at"] = "CLOSED", now, now
	for _, other := range a.plans {
		if wasPublished && text(other, "status") == "PUBLISHED" && number(other, "order") > number(plan, "order") {
			other["order"] = number(other, "order") - 1
		}
	}
}

// deleteAPI answers DELETE E/apis/{id}. As recorded (case 81), it finds the API of an id whatever its environment is.
func (s *Simulator) deleteAPI(c *call) answer {
	id := c.r.PathValue("api")
	a := s.apis[id]
	if a == nil || a.place.Organization != c.place.Organization {
		return apiNotFound(id)
	}
	if !a.editableBy(c.user) {
		return forbidden()
	}
	// Not recorded: every recorded deletion closes the plans.
	if c.r.URL.Query().Get("closePlans") != "true" {
		for _, plan := range a.plans {
			if text(plan, "status") == "PUBLISHED" {
				return failV1(http.StatusBadRequest, "Plan(s) ["+text(plan, "name")+
					"] must be closed before being able to delete the API !", "api.notDeletable", nil)
			}
		}
	}
	s.remove(a)
	return empty(http.StatusNoContent)
}

// importByHand answers POST E/apis/import as the console does it: origin management, stopped, with ids of the server.
func (s *Simulator) importByHand(c *call) answer {
	if c.user.Role == RoleUser {
		return forbidden()
	}
	sent, err := decodeObject(c.body)
	if err != nil {
		return malformed()
	}
	if failed, invalid := validateBean(sent); invalid {
		return failed
	}
	definition := normaliseDefinition(sent)
	if path, taken := s.pathOwner(c.place, "", objects(sub(definition, "proxy"), "virtual_hosts")); taken {
		return failV1(http.StatusBadRequest, "API paths are invalid (Path ["+path+"] already exists)", "path.invalid", object{})
	}
	now := s.tick()
	a := &api{id: newID(), crossID: text(sent, "crossId"), place: c.place, owner: c.user, createdAt: now, updatedAt: now,
		state: "STOPPED"}
	a.mergePlans(objects(sent, "plans"), false, now)
	if !a.mergeMetadata(objects(sent, "metadata")) {
		return failV1(http.StatusInternalServerError, "An error occurs while creating API Metadata", "unexpected", nil)
	}
	aside := object{"name": "Aside", "type": "SYSTEM_FOLDER", "published": true, "visibility": "PUBLIC"}
	for _, page := range append([]object{aside}, objects(sent, "pages")...) {
		stored := normalisePage(page, a.id, now)
		setDefault(stored, "id", newID())
		setDefault(stored, "visibility", "PUBLIC")
		a.pages = append(a.pages, stored)
	}
	s.define(a, definition)
	s.add(a)
	view := a.viewV1()
	view["plans"] = a.plansAsImported(objects(sent, "plans"))
	return ok(view)
}

// plansAsImported is how the import by hand answers plans: as they were sent, with less than a later GET has.
func (a *api) plansAsImported(sent []object) []any {
	list := []any{}
	for _, plan := range sent {
		view := cloneObject(plan)
		stored := knownPlan(a.plans, plan)
		if stored == nil {
			stored = a.planNamed(text(plan, "name"))
		}
		for _, key := range []string{"id", "api", "definitionVersion", "order", "comment_required", "flows", "status"} {
			view[key] = clone(stored[key])
		}
		setDefault(view, "type", "API")
		list = append(list, view)
	}
	return list
}

// ErrNotFound says that there is no such API, or no such part of it.
var ErrNotFound = errors.New("not found")

// APIState is an API as a test wants to see it.
type APIState struct {
	ID           string            `json:"id"`
	CrossID      string            `json:"crossId"`
	Organization string            `json:"organization"`
	Environment  string            `json:"environment"`
	Name         string            `json:"name"`
	Paths        []string          `json:"paths"`
	State        string            `json:"state"`
	Kubernetes   bool              `json:"kubernetes"`
	Deployed     bool              `json:"deployed"`
	UpdatedAt    int64             `json:"updatedAt"`
	Labels       []string          `json:"labels"`
	Plans        map[string]string `json:"plans"`
	Pages        []string          `json:"pages"`
	// Groups are the ids of groups.
	Groups []string `json:"groups"`
	// Notification is the consoleNotificationConfiguration of the last import that had one; nil before. No read shows it.
	Notification map[string]any `json:"notification,omitempty"`
	// Definition is the definition as it is read back, without what the server adds.
	Definition map[string]any `json:"definition"`
}

// APIs lists what is stored in the whole installation, by environment, name and id.
func (s *Simulator) APIs() []APIState {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []APIState{}
	for _, a := range s.apis {
		found = append(found, a.snapshot())
	}
	slices.SortFunc(found, func(x, y APIState) int {
		return strings.Compare(x.Organization+"/"+x.Environment+"/"+x.Name+"/"+x.ID, y.Organization+"/"+y.Environment+"/"+y.Name+"/"+y.ID)
	})
	return found
}

func (a *api) snapshot() APIState {
	state := APIState{ID: a.id, CrossID: a.crossID, Organization: a.place.Organization, Environment: a.place.Environment,
		Name: a.name(), State: a.state, Kubernetes: a.kubernetes, Deployed: a.deployed != nil, UpdatedAt: a.updatedAt,
		Labels: texts(a.definition, "labels"), Plans: map[string]string{}, Definition: cloneObject(a.definition)}
	state.Groups = slices.Clone(a.groups)
	if a.notification != nil {
		state.Notification = cloneObject(a.notification)
	}
	for _, host := range a.hosts() {
		state.Paths = append(state.Paths, text(host, "host")+text(host, "path"))
	}
	for _, plan := range a.plans {
		state.Plans[text(plan, "name")] = text(plan, "status")
	}
	for _, page := range a.pages {
		state.Pages = append(state.Pages, text(page, "name"))
	}
	return state
}

// API finds one API of the installation.
func (s *Simulator) API(id string) (APIState, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.apis[id]; a != nil {
		return a.snapshot(), true
	}
	return APIState{}, false
}

// EditAPI changes a stored definition behind everybody's back, as a person in the console does: the change marker
// moves, gateways keep what they have. The definition has the snake_case shape of an import.
func (s *Simulator) EditAPI(id string, edit func(definition map[string]any)) error {
	return s.meddle(id, func(a *api) error {
		definition := cloneObject(a.definition)
		edit(definition)
		s.define(a, normaliseDefinition(definition))
		a.updatedAt = s.tick()
		return nil
	})
}

// SetState starts or stops an API by hand; state is STARTED or STOPPED.
func (s *Simulator) SetState(id, state string) error {
	return s.meddle(id, func(a *api) error {
		a.state, a.updatedAt = state, s.tick()
		return nil
	})
}

// ClosePlan closes a plan, found by name or id, by hand. The change marker of the API doesn't move.
func (s *Simulator) ClosePlan(id, plan string) error { return s.SetPlanStatus(id, plan, "CLOSED") }

// RemoveAPI makes an API disappear, as after a restored backup.
func (s *Simulator) RemoveAPI(id string) error {
	return s.meddle(id, func(a *api) error {
		s.remove(a)
		return nil
	})
}

// Reset forgets all APIs and groups but those of the options.
func (s *Simulator) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.apis)
	clear(s.crossIDs)
	clear(s.paths)
	for place, at := range s.places {
		at.names, at.found, at.groups = ordered{}, ordered{}, s.newEnvironment(place).groups
	}
}

func (s *Simulator) meddle(id string, change func(*api) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.apis[id]
	if a == nil {
		return fmt.Errorf("API %q: %w", id, ErrNotFound)
	}
	defer s.changed(a)
	return change(a)
}
