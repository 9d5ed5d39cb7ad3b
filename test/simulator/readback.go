// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// reading wraps a handler of one API: 404 if it isn't in the environment (not recorded for another one), 403 if the
// user may not see it.
func (s *Simulator) reading(handle func(*call, *api) answer) handler {
	return func(c *call) answer {
		id := c.r.PathValue("api")
		a := s.find(c.place, id)
		switch {
		case a == nil:
			return apiNotFound(id)
		case !a.visibleTo(c.user):
			return forbidden()
		default:
			return handle(c, a)
		}
	}
}

// marked adds the headers by which a change of an API can be noticed.
func (a *api) marked(given answer) answer {
	return given.with("ETag", fmt.Sprintf("\"%d\"", a.updatedAt)).
		with("Last-Modified", time.UnixMilli(a.updatedAt).UTC().Format(http.TimeFormat))
}

func (s *Simulator) getAPI(c *call, a *api) answer {
	view := a.viewWithLinks(c)
	view["entrypoints"] = a.entrypoints()
	return a.marked(ok(view))
}

func (a *api) viewWithLinks(c *call) object {
	view := a.viewV1()
	view["picture_url"] = a.pictureURL(c, "picture")
	view["background_url"] = a.pictureURL(c, "background")
	return view
}

func (a *api) pictureURL(c *call, kind string) string {
	return fmt.Sprintf("%s/management/organizations/%s/environments/%s/apis/%s/%s?hash=%d",
		c.base, a.place.Organization, a.place.Environment, a.id, kind, a.updatedAt)
}

// viewV1 is the API as writes answer it; a GET adds links and entrypoints.
func (a *api) viewV1() object {
	view := cloneObject(a.definition)
	maps.Copy(view, map[string]any{
		"id": a.id, "crossId": a.crossID, "environmentId": a.place.Environment, "state": a.state,
		"groups": listOf(a.groups), "categories": listOf(a.categories), "owner": a.owner.view(),
		"originContext": a.originContext(), "allowMultiJwtOauth2Subscriptions": false,
		"context_path": a.contextPath(), "plans": clone(listOf(a.plans)), "definition_context": a.definitionContext(),
		"created_at": a.createdAt, "updated_at": a.updatedAt,
	})
	if a.crossID == "" {
		delete(view, "crossId")
	}
	if a.deployedAt != 0 {
		view["deployed_at"] = a.deployedAt
	}
	return view
}

func (a *account) view() object {
	return object{"id": a.id, "displayName": a.Name, "type": "USER"}
}

func (a *api) originContext() object {
	if !a.kubernetes {
		return object{"origin": "MANAGEMENT"}
	}
	return object{"origin": "KUBERNETES", "mode": "FULLY_MANAGED", "syncFrom": "MANAGEMENT"}
}

func (a *api) definitionContext() object {
	origin := "management"
	if a.kubernetes {
		origin = "kubernetes"
	}
	return object{"origin": origin, "mode": "fully_managed", "syncFrom": "MANAGEMENT",
		"originManagement": !a.kubernetes, "originKubernetes": a.kubernetes,
		"syncFromKubernetes": false, "syncFromManagement": true}
}

// entrypoints are where the console shows an API: under the default entrypoint, or at the virtual host that overrides it.
func (a *api) entrypoints() []any {
	list := []any{}
	for _, host := range a.hosts() {
		base := "https://api.company.com"
		if flag(host, "override_entrypoint") {
			base = "https://" + text(host, "host")
		}
		entrypoint := object{"target": strings.TrimSuffix(base+text(host, "path"), "/")}
		if name := text(host, "host"); name != "" {
			entrypoint["host"] = name
		}
		list = append(list, entrypoint)
	}
	return list
}

// getPlans lists the published plans, or those with a status of the query; in their order.
func (s *Simulator) getPlans(c *call, a *api) answer {
	wanted := strings.Split(strings.ToUpper(c.r.URL.Query().Get("status")), ",")
	if wanted[0] == "" {
		wanted = []string{"PUBLISHED"}
	}
	return ok(a.plansIn(wanted))
}

func (a *api) plansIn(statuses []string) []object {
	found := []object{}
	for _, plan := range a.plans {
		if slices.Contains(statuses, text(plan, "status")) {
			found = append(found, cloneObject(plan))
		}
	}
	slices.SortStableFunc(found, func(x, y object) int { return int(number(x, "order") - number(y, "order")) })
	return found
}

func (s *Simulator) getPages(_ *call, a *api) answer { return ok(clone(listOf(a.pages))) }

func (s *Simulator) getMetadata(_ *call, a *api) answer { return ok(clone(listOf(a.metadata))) }

// everyone lists the owner and the members.
func (a *api) everyone() []member {
	return append([]member{{user: a.owner, role: "PRIMARY_OWNER"}}, a.members...)
}

func (s *Simulator) getMembers(_ *call, a *api) answer {
	list := []any{}
	for _, m := range a.everyone() {
		list = append(list, object{"id": m.user.id, "displayName": m.user.Name, "role": m.role})
	}
	return ok(list)
}

// getState always says yes: for APIs of kubernetes origin the real server does so whatever happened.
func (s *Simulator) getState(_ *call, a *api) answer {
	synchronized := a.kubernetes || a.deployedAt == a.updatedAt
	return ok(object{"api_id": a.id, "is_synchronized": synchronized})
}

// export is everything in one answer, without state, lifecycle and the lists of names that are empty.
func (s *Simulator) export(c *call, a *api) answer {
	view := cloneObject(a.definition)
	view["id"], view["plans"], view["primaryOwner"] = a.id, clone(listOf(a.plans)), a.owner.view()
	if a.crossID != "" {
		view["crossId"] = a.crossID
	}
	delete(view, "lifecycle_state")
	if len(sub(view, "services")) == 0 {
		delete(view, "services")
	}
	for _, key := range []string{"tags", "labels"} {
		if len(items(view, key)) == 0 {
			delete(view, key)
		}
	}
	excluded := strings.Split(c.r.URL.Query().Get("exclude"), ",")
	for key, value := range a.exported() {
		if !slices.Contains(excluded, key) {
			view[key] = value
		}
	}
	return ok(view)
}

// exported are the parts of an export that the query can leave out.
func (a *api) exported() object {
	pages := clone(listOf(a.pages)).([]any)
	for _, page := range pages {
		delete(page.(object), "generalConditions")
	}
	members := []any{}
	for _, m := range a.everyone() {
		members = append(members, object{"source": "memory", "sourceId": m.user.Name, "roles": []any{roleID(m.role)}})
	}
	parts := object{"pages": pages, "members": members, "metadata": clone(listOf(a.metadata))}
	if len(a.groups) > 0 {
		parts["groups"] = listOf(a.groups)
	}
	if len(a.categories) > 0 {
		parts["categories"] = listOf(a.categories)
	}
	return parts
}

// roleID makes the id of a role from its name, so that it is the same in every installation.
func roleID(name string) string {
	padded := fmt.Sprintf("%x", name) + strings.Repeat("0", 32)
	return padded[:8] + "-" + padded[8:12] + "-" + padded[12:16] + "-" + padded[16:20] + "-" + padded[20:32]
}
