// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"cmp"
	"slices"
	"strings"
)

// environment holds what belongs to one environment.
type environment struct {
	place Place
	// names holds the environment's APIs by name and then by id, found those of the search index in its order. Both are
	// sorted when they are asked for after a change, see ordered.
	names, found ordered
	// lagging keeps the search index as it is, whatever happens to APIs.
	lagging bool
	// groups are by id.
	groups map[string]*group
}

// account is a user as the installation knows it.
type account struct {
	User
	id string
	// createdAt is in milliseconds.
	createdAt int64
}

// api is one API: its definition in the shape of the first version, and what the server adds.
type api struct {
	id, crossID string
	place       Place
	// definition has the client's fields after normalisation, see normaliseDefinition.
	definition object
	plans      []object
	pages      []object
	metadata   []object
	members    []member
	groups     []string
	categories []string
	// notification is what the console is to tell people about; nil if nothing was said.
	notification object
	state        string
	kubernetes   bool
	owner        *account
	createdAt    int64
	updatedAt    int64
	// deployedAt is 0 until the first deployment.
	deployedAt int64
	// deployed is what gateways have; nil until the first deployment.
	deployed *deployment
	// picture is where one was uploaded.
	picture []byte

	// sortName is what lists are sorted by.
	sortName string
	// indexed is the place in the search index, 0 outside of it: later writes have a greater one. indexedAt is updatedAt
	// at that time.
	indexed, indexedAt int64
	// rows are rendered views for pages, until the API changes.
	rows map[rowKey][]byte
}

type member struct {
	user *account
	role string
}

// deployment is the copy of an API that was sent to gateways.
type deployment struct {
	proxy object
	flows []object
	plans []object
}

func (a *api) name() string { return text(a.definition, "name") }

func (a *api) hosts() []object { return objects(sub(a.definition, "proxy"), "virtual_hosts") }

func (a *api) contextPath() string {
	hosts := a.hosts()
	if len(hosts) == 0 {
		return ""
	}
	return text(hosts[0], "path")
}

func (a *api) plan(id string) object {
	for _, plan := range a.plans {
		if text(plan, "id") == id {
			return plan
		}
	}
	return nil
}

func (a *api) planNamed(name string) object {
	for _, plan := range a.plans {
		if text(plan, "name") == name {
			return plan
		}
	}
	return nil
}

// deploy sends what is stored to the gateways.
func (a *api) deploy(at int64) {
	d := &deployment{proxy: cloneObject(sub(a.definition, "proxy"))}
	for _, flow := range objects(a.definition, "flows") {
		d.flows = append(d.flows, cloneObject(flow))
	}
	for _, plan := range a.plans {
		d.plans = append(d.plans, cloneObject(plan))
	}
	a.deployed, a.deployedAt = d, at
}

// tick is the time in milliseconds, later than at every call before; the caller holds the lock.
func (s *Simulator) tick() int64 {
	s.last = max(s.options.Now().UnixMilli(), s.last+1)
	return s.last
}

func (s *Simulator) find(place Place, id string) *api {
	if a := s.apis[id]; a != nil && a.place == place {
		return a
	}
	return nil
}

func (s *Simulator) findCrossID(place Place, crossID string) *api {
	if crossID == "" {
		return nil
	}
	return s.crossIDs[crossKey{place, crossID}]
}

// crossKey is where a crossId is looked up: it is unique in its environment only.
type crossKey struct {
	place   Place
	crossID string
}

func (s *Simulator) add(a *api) {
	s.apis[a.id] = a
	if a.crossID != "" {
		s.crossIDs[crossKey{a.place, a.crossID}] = a
	}
	at := s.places[a.place]
	at.names.insert(a)
	s.changed(a)
}

func (s *Simulator) remove(a *api) {
	s.forgetPaths(a)
	delete(s.apis, a.id)
	if key := (crossKey{a.place, a.crossID}); s.crossIDs[key] == a {
		delete(s.crossIDs, key)
	}
	at := s.places[a.place]
	at.names.remove(a)
	if !at.lagging {
		at.found.remove(a)
	}
}

// in lists the APIs of an environment that a user may see, by name and then by id. The list must not be changed.
func (s *Simulator) in(place Place, user *account) []*api {
	return visible(s.places[place].names.list(byName), user)
}

func byName(x, y *api) int {
	return cmp.Or(strings.Compare(x.sortName, y.sortName), strings.Compare(x.id, y.id))
}

func visible(all []*api, user *account) []*api {
	if user == nil || user.Role == RoleAdmin {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(a *api) bool { return !a.visibleTo(user) })
}

// hostKey is a virtual host of an environment.
type hostKey struct {
	place      Place
	host, path string
}

func keyOf(place Place, host object) hostKey {
	return hostKey{place, text(host, "host"), text(host, "path")}
}

// define replaces the definition of an API and keeps the index of paths right.
func (s *Simulator) define(a *api, definition object) {
	s.forgetPaths(a)
	a.definition = definition
	if name := strings.ToLower(a.name()); name != a.sortName {
		a.sortName = name
		s.places[a.place].names.sorted = false
	}
	for _, host := range a.hosts() {
		key := keyOf(a.place, host)
		s.paths[key] = append(s.paths[key], a)
	}
}

func (s *Simulator) forgetPaths(a *api) {
	for _, host := range a.hosts() {
		key := keyOf(a.place, host)
		s.paths[key] = slices.DeleteFunc(s.paths[key], func(other *api) bool { return other == a })
		if len(s.paths[key]) == 0 {
			delete(s.paths, key)
		}
	}
}

// pathOwner finds a path that an API with another id has; it gives that path with a slash at its end.
func (s *Simulator) pathOwner(place Place, id string, hosts []object) (string, bool) {
	for _, host := range hosts {
		for _, other := range s.paths[keyOf(place, host)] {
			if other.id != id {
				return strings.TrimSuffix(text(host, "path"), "/") + "/", true
			}
		}
	}
	return "", false
}

func (a *api) visibleTo(user *account) bool {
	if user == nil || user.Role == RoleAdmin || a.owner == user {
		return true
	}
	return slices.ContainsFunc(a.members, func(m member) bool { return m.user == user })
}

func (a *api) editableBy(user *account) bool {
	if user.Role == RoleAdmin || a.owner == user {
		return true
	}
	return slices.ContainsFunc(a.members, func(m member) bool {
		return m.user == user && strings.HasSuffix(m.role, "OWNER")
	})
}
