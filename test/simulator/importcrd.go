// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// imported is one import on its way: what was sent, what it became, and what there was before.
type imported struct {
	call       *call
	sent       object
	definition object
	existing   *api
	warnings   []any
	groups     []string
	categories []string
	members    []member
}

// importCRD creates or updates an API: PUT E/apis/import-crd. Order of the checks: rights, JSON, bean validation,
// what the dry run finds too (severe errors and warnings), and last what only shows while storing.
func (s *Simulator) importCRD(c *call) answer {
	if c.user.Role == RoleUser {
		return forbidden()
	}
	sent, err := decodeObject(c.body)
	if err != nil {
		return malformed()
	}
	if a, invalid := validateBean(sent); invalid {
		return a
	}
	in := &imported{call: c, sent: sent, definition: normaliseDefinition(sent)}
	in.existing = s.findCrossID(c.place, text(sent, "crossId"))
	if severe := s.severe(in); len(severe) > 0 {
		return jsonAnswer(http.StatusBadRequest, object{"severe": severe, "warning": []any{}})
	}
	s.resolveNames(in)
	if c.r.URL.Query().Get("dryRun") == "true" {
		return ok(in.receipt(in.idBefore(), object{}))
	}
	if a, refused := s.refuse(in); refused {
		return a
	}
	return s.store(in)
}

// validateBean: the shape of the answer is recorded in words only; the exact message and path aren't.
func validateBean(sent object) (answer, bool) {
	for _, field := range []string{"name", "version", "proxy"} {
		if value := sent[field]; value == nil || value == "" {
			return jsonAnswer(http.StatusBadRequest, object{"message": "Validation error", "path": "import-crd",
				"details": []any{object{"message": "must not be null", "location": field}}}), true
		}
	}
	return answer{}, false
}

// severe lists what ends an import before anything is stored, the path conflict above all. The path is compared
// with APIs of other ids than the one that was *sent*, although the update goes to the API of the crossId.
func (s *Simulator) severe(in *imported) []any {
	severe := []any{}
	if path, taken := s.pathOwner(in.call.place, text(in.sent, "id"), objects(sub(in.definition, "proxy"), "virtual_hosts")); taken {
		severe = append(severe, "Path ["+path+"] already exists")
	}
	pages := sub(in.sent, "pages")
	for key := range pages {
		page, _ := pages[key].(object)
		if page["visibility"] == nil {
			severe = append(severe, "invalid documentation page ["+key+"]. Error: Cannot invoke "+
				"\"io.gravitee.apim.core.api.model.crd.PageCRD$Visibility.name()\" because the return value of "+
				"\"io.gravitee.apim.core.api.model.crd.PageCRD.getVisibility()\" is null")
		}
	}
	return severe
}

// resolveNames turns names into what they stand for, and unknown ones into warnings.
func (s *Simulator) resolveNames(in *imported) {
	place := in.call.place
	for _, category := range texts(in.sent, "categories") {
		if slices.Contains(s.options.Categories, category) {
			in.categories = append(in.categories, category)
			continue
		}
		in.warn("category [%s] is not defined in environment [%s]", category, place.Environment)
	}
	for _, sent := range objects(in.sent, "members") {
		s.resolveMember(in, sent)
	}
	for _, name := range texts(in.sent, "groups") {
		if id, known := s.groupIn(place, name); known {
			in.groups = append(in.groups, id)
			continue
		}
		in.warn("Group [%s] could not be found in environment [%s]", name, place.Environment)
	}
	for _, name := range texts(sub(in.sent, "consoleNotificationConfiguration"), "groups") {
		if _, known := s.groupIn(place, name); !known {
			in.warn("Group [%s] could not be found in environment [%s]", name, place.Environment)
		}
	}
}

func (s *Simulator) resolveMember(in *imported, sent object) {
	name, role := text(sent, "sourceId"), text(sent, "role")
	user := s.users[name]
	switch {
	case user == nil || text(sent, "source") != "memory":
		in.warn("member [%s] of source [%s] could not be found in organization [%s]",
			name, text(sent, "source"), in.call.place.Organization)
	case !slices.Contains(s.options.MemberRoles, role):
		in.warn("member role [%s] doesn't exist", role)
	default:
		in.members = append(in.members, member{user: user, role: role})
	}
}

func (in *imported) warn(format string, arguments ...any) {
	in.warnings = append(in.warnings, fmt.Sprintf(format, arguments...))
}

func (in *imported) idBefore() string {
	if in.existing != nil {
		return in.existing.id
	}
	return text(in.sent, "id")
}

func (in *imported) state() string {
	if state := text(in.sent, "state"); state != "" {
		return state
	}
	return "STARTED"
}

func (in *imported) receipt(id string, plans object) object {
	warnings := in.warnings
	if warnings == nil {
		warnings = []any{}
	}
	return object{
		"organizationId": in.call.place.Organization, "environmentId": in.call.place.Environment,
		"id": id, "crossId": text(in.sent, "crossId"), "state": in.state(), "plans": plans,
		"errors": object{"severe": []any{}, "warning": warnings},
	}
}

// refuse lists what a dry run doesn't find. That is recorded for tags; for the others it is assumed.
func (s *Simulator) refuse(in *imported) (answer, bool) {
	if duplicate, found := duplicateProperty(in.sent); found {
		return duplicate, true
	}
	var unknown []string
	for _, tag := range texts(in.sent, "tags") {
		if !slices.Contains(s.options.Tags, tag) {
			unknown = append(unknown, tag)
		}
	}
	if len(unknown) > 0 {
		list := "[" + strings.Join(unknown, ", ") + "]"
		return failV1(http.StatusNotFound, "Tag(s) "+list+" cannot be found.", "tag.notFound", object{"tag": list}), true
	}
	if brokenRateLimit(in.sent) {
		return failV1(http.StatusBadRequest, "#/rate/limit: expected type: Integer, found: String", "data.invalid", nil), true
	}
	if id := text(in.sent, "id"); in.existing == nil && s.apis[id] != nil {
		return failV1(http.StatusBadRequest, "An api ["+id+"] already exists.", "api.exists", object{"api": id}), true
	}
	// The code is recorded, the message isn't.
	if in.existing != nil && text(in.existing.definition, "lifecycle_state") == "DEPRECATED" &&
		text(in.definition, "lifecycle_state") != "DEPRECATED" {
		state := text(in.definition, "lifecycle_state")
		return failV1(http.StatusBadRequest, "The API lifecycle state cannot be changed to "+state+".",
			"api.lifecycleState.invalid", object{"lifecycleState": state}), true
	}
	for _, page := range sub(in.sent, "pages") {
		if page, isPage := page.(object); isPage && text(page, "type") == "ROOT" && page["source"] != nil {
			return failV1(http.StatusInternalServerError, "The plugin does not support to import a directory.", "", nil), true
		}
	}
	return answer{}, false
}

func duplicateProperty(sent object) (answer, bool) {
	values := map[string]any{}
	for _, property := range objects(sent, "properties") {
		key := text(property, "key")
		if first, seen := values[key]; seen {
			message := fmt.Sprintf("Duplicate key for values %s and %s", javaString(first), javaString(property["value"]))
			return failV1(http.StatusInternalServerError, message, "", nil), true
		}
		values[key] = property["value"]
	}
	return answer{}, false
}

func javaString(v any) string {
	if v == nil {
		return "null"
	}
	return fmt.Sprint(v)
}

// brokenRateLimit is the one check of a policy's schema that is modelled: the limit of a rate limit is an integer.
func brokenRateLimit(sent object) bool {
	flows := objects(sent, "flows")
	for _, plan := range objects(sent, "plans") {
		flows = append(flows, objects(plan, "flows")...)
	}
	for _, flow := range flows {
		for _, step := range append(objects(flow, "pre"), objects(flow, "post")...) {
			limit := sub(sub(step, "configuration"), "rate")["limit"]
			if _, isNumber := limit.(json.Number); text(step, "policy") == "rate-limit" && limit != nil && !isNumber {
				return true
			}
		}
	}
	return false
}

// store writes an import. Metadata come last and can fail: what was stored by then stays, undeployed.
func (s *Simulator) store(in *imported) answer {
	now := s.tick()
	a := in.existing
	if a == nil {
		id := text(in.sent, "id")
		if id == "" {
			id = newID()
		}
		a = &api{id: id, crossID: text(in.sent, "crossId"), place: in.call.place, owner: in.call.user, createdAt: now}
		s.add(a)
	}
	defer s.changed(a)
	wasRunning := a.state
	s.define(a, in.definition)
	a.updatedAt, a.kubernetes = now, true
	a.groups, a.categories, a.members, a.state = in.groups, in.categories, in.members, in.state()
	renewFlows(objects(a.definition, "flows"))
	if notification := sub(in.sent, "consoleNotificationConfiguration"); notification != nil {
		a.notification = cloneObject(notification)
	}
	plans := a.mergePlans(objects(in.sent, "plans"), in.existing == nil, now)
	a.replacePages(sub(in.sent, "pages"), now)
	if !a.mergeMetadata(objects(in.sent, "metadata")) {
		return failV1(http.StatusInternalServerError, "An error occurs while creating API Metadata", "unexpected", nil)
	}
	if a.state == "STARTED" || wasRunning == "STARTED" || a.deployed != nil {
		a.deploy(now)
	}
	return ok(in.receipt(a.id, plans))
}

// mergePlans makes the plans those that were sent; the answer maps crossIds to ids. Plans are recognised by crossId, or by
// id when they have none; a second plan of the same crossId (two of one name) overwrites the first.
func (a *api) mergePlans(sent []object, created bool, now int64) object {
	before := a.plans
	a.plans = nil
	answered := object{}
	published := 0
	for _, plan := range sent {
		if text(plan, "status") == "PUBLISHED" && !closedBefore(before, plan) {
			published++
		}
	}
	for _, plan := range sent {
		merged := a.mergePlan(before, plan, created, published, now)
		if crossID := text(merged, "crossId"); crossID != "" {
			answered[crossID] = text(merged, "id")
		}
	}
	slices.SortFunc(a.plans, func(x, y object) int { return strings.Compare(text(x, "id"), text(y, "id")) })
	return answered
}

func samePlan(x, y object) bool {
	if crossID := text(x, "crossId"); crossID != "" {
		return crossID == text(y, "crossId")
	}
	return text(x, "id") == text(y, "id")
}

func knownPlan(plans []object, plan object) object {
	for _, known := range plans {
		if samePlan(known, plan) {
			return known
		}
	}
	return nil
}

func closedBefore(before []object, plan object) bool {
	known := knownPlan(before, plan)
	return known != nil && text(known, "status") == "CLOSED"
}

func (a *api) mergePlan(before []object, sent object, created bool, published int, now int64) object {
	known := knownPlan(before, sent)
	plan := normalisePlan(sent)
	plan["api"], plan["environmentId"], plan["updated_at"], plan["created_at"] = a.id, a.place.Environment, now, now
	switch {
	case known != nil:
		keepPlan(plan, known, published)
	case !created || text(plan, "id") == "":
		plan["id"] = newID() // an update doesn't honour the id of a plan that it adds
	}
	if text(plan, "status") == "PUBLISHED" {
		setDefault(plan, "published_at", now)
	}
	if same := slices.IndexFunc(a.plans, func(p object) bool { return samePlan(p, plan) }); same >= 0 {
		plan["id"] = a.plans[same]["id"]
		a.plans[same] = plan
		return plan
	}
	a.plans = append(a.plans, plan)
	return plan
}

// keepPlan carries over what an import can't change: the id, and a status that only goes forward.
func keepPlan(plan, known object, published int) {
	for _, key := range []string{"id", "created_at", "published_at", "closed_at"} {
		if known[key] != nil {
			plan[key] = known[key]
		}
	}
	switch text(known, "status") {
	case "CLOSED":
		plan["status"], plan["order"] = "CLOSED", known["order"]
	case "DEPRECATED":
		plan["status"] = "DEPRECATED"
	case "PUBLISHED":
		if text(plan, "status") == "STAGING" {
			plan["status"] = "PUBLISHED"
		}
	}
	// The order of published plans has no gaps: after one was closed by hand the others moved up.
	if text(plan, "status") == "PUBLISHED" && number(plan, "order") > int64(published) {
		plan["order"] = int64(published)
	}
}

// replacePages makes the pages those of the map; a page is recognised by its crossId or its id.
func (a *api) replacePages(sent object, now int64) {
	before := a.pages
	a.pages = nil
	for key := range sent {
		page, isPage := sent[key].(object)
		if !isPage || a.lostParent(sent, page) {
			continue
		}
		stored := normalisePage(page, a.id, now)
		for _, known := range before {
			if text(known, "crossId") != "" && text(known, "crossId") == text(stored, "crossId") {
				stored["id"] = known["id"]
			}
		}
		setDefault(stored, "id", newID())
		a.pages = append(a.pages, stored)
	}
	slices.SortFunc(a.pages, func(x, y object) int { return strings.Compare(text(x, "name"), text(y, "name")) })
}

// lostParent tells a page whose parent isn't in the map: it is dropped without a word.
func (a *api) lostParent(sent, page object) bool {
	parent := text(page, "parentId")
	if parent == "" {
		return false
	}
	for _, other := range sent {
		if other, isPage := other.(object); isPage && text(other, "id") == parent {
			return false
		}
	}
	return true
}

// mergeMetadata adds and changes, and never removes; false means a value that doesn't fit its format.
func (a *api) mergeMetadata(sent []object) bool {
	for _, entry := range sent {
		if !fitsFormat(text(entry, "format"), text(entry, "value")) {
			return false
		}
		stored := object{"key": text(entry, "key"), "name": text(entry, "name"), "format": text(entry, "format"),
			"value": text(entry, "value"), "apiId": a.id}
		if text(stored, "key") == "" {
			stored["key"] = strings.ToLower(strings.ReplaceAll(text(entry, "name"), " ", "-"))
		}
		at := slices.IndexFunc(a.metadata, func(m object) bool { return text(m, "key") == text(stored, "key") })
		if at < 0 {
			a.metadata = append(a.metadata, stored)
			continue
		}
		if a.metadata[at]["defaultValue"] != nil {
			stored["defaultValue"] = a.metadata[at]["defaultValue"]
		}
		a.metadata[at] = stored
	}
	if !slices.ContainsFunc(a.metadata, func(m object) bool { return text(m, "key") == "email-support" }) {
		a.metadata = append(a.metadata, object{"key": "email-support", "name": "email-support", "format": "MAIL",
			"value": "${(api.primaryOwner.email)!''}", "defaultValue": "support@change.me", "apiId": a.id})
	}
	return true
}
