// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"maps"
	"slices"
	"strings"
)

// displayName is how the real server calls its own environment: "DEFAULT" is the Default environment.
func displayName(id, kind string) string {
	return strings.ToUpper(id[:1]) + strings.ToLower(id[1:]) + " " + kind
}

func (s *Simulator) organization(c *call) answer {
	name := displayName(c.place.Organization, "organization")
	return ok(object{"id": c.place.Organization, "hrids": []any{}, "name": name, "description": name,
		"flowMode": "DEFAULT", "flows": []any{}})
}

func environmentView(place Place) object {
	name := displayName(place.Environment, "environment")
	return object{"id": place.Environment, "hrids": []any{strings.ToLower(place.Environment)}, "name": name,
		"description": name, "organizationId": place.Organization}
}

func environmentViewV2(place Place) object {
	name := displayName(place.Environment, "environment")
	return object{"id": place.Environment, "name": name, "description": name}
}

func (s *Simulator) environment(c *call) answer   { return ok(environmentView(c.place)) }
func (s *Simulator) environmentV2(c *call) answer { return ok(environmentViewV2(c.place)) }

func (s *Simulator) environments(c *call) answer   { return ok(s.placesOf(c, environmentView)) }
func (s *Simulator) environmentsV2(c *call) answer { return ok(s.placesOf(c, environmentViewV2)) }

func (s *Simulator) placesOf(c *call, view func(Place) object) []object {
	found := []object{}
	for place := range s.places {
		if place.Organization == c.place.Organization {
			found = append(found, view(place))
		}
	}
	slices.SortFunc(found, func(x, y object) int { return strings.Compare(text(x, "id"), text(y, "id")) })
	return found
}

func (s *Simulator) license(*call) answer {
	return ok(object{"tier": "oss", "packs": []any{}, "features": []any{}, "isExpired": false, "scope": "PLATFORM"})
}

// grant is a permission as letters: "CRUD" becomes C, R, U, D.
func grant(letters string) []any {
	list := []any{}
	for _, letter := range letters {
		list = append(list, string(letter))
	}
	return list
}

func granted(permissions map[string]string) object {
	view := object{}
	for name, letters := range permissions {
		view[name] = grant(letters)
	}
	return view
}

func userPermissions() map[string]string {
	return map[string]string{"GROUP": "R", "DOCUMENTATION": "R", "INTEGRATION": "R", "SHARED_POLICY_GROUP": "R",
		"APPLICATION": "CRUD", "API": "R", "API_PRODUCT": "R"}
}

// all grants everything on each of the names.
func all(names string) map[string]string {
	permissions := map[string]string{}
	for name := range strings.FieldsSeq(names) {
		permissions[name] = "CRUD"
	}
	return permissions
}

func organizationAdmin() string {
	return "AUDIT CUSTOM_USER_FIELDS USER_TOKEN ENVIRONMENT SETTINGS USER ENTRYPOINT TENANT POLICIES ROLE " +
		"NOTIFICATION_TEMPLATES INSTALLATION TAG IDENTITY_PROVIDER IDENTITY_PROVIDER_ACTIVATION LICENSE_MANAGEMENT"
}

// environmentPermissions of a role alone, as recorded for the three users.
func environmentPermissions(role Role) map[string]string {
	switch role {
	case RoleAdmin:
		return all("AUDIT QUALITY_RULE DOCUMENTATION AI_CATALOG API_HEADER AM_CONFIGURATION " +
			"APPLICATION ALERT SETTINGS PLATFORM GROUP MESSAGE AUTHZ_ENTITIES DASHBOARD CATEGORY DICTIONARY " +
			"AGENT_IDENTITY CLUSTER EDGE_CONFIGURATION IDENTITY_PROVIDER_ACTIVATION AUTHZ_POLICIES AUTHZ_PDP THEME " +
			"INSTANCE ENTRYPOINT TENANT TOP_APIS CLIENT_REGISTRATION_PROVIDER PORTAL NOTIFICATION INTEGRATION " +
			"SHARED_POLICY_GROUP API TAG API_PRODUCT METADATA AUTHORIZATION AUTHZ_SCHEMA")
	case RoleAPIPublisher:
		return map[string]string{"PLATFORM": "R", "GROUP": "R", "INTEGRATION": "CRUD", "SHARED_POLICY_GROUP": "CRUD",
			"APPLICATION": "CRUD", "API": "CRUD", "TAG": "R", "API_PRODUCT": "R", "CLUSTER": "R", "TENANT": "R"}
	default:
		return userPermissions()
	}
}

// permissions is the union of the roles; it was recorded for the administrator only.
func (s *Simulator) permissions(c *call) answer {
	union := userPermissions()
	maps.Copy(union, environmentPermissions(c.user.Role))
	return ok(granted(union))
}

func (s *Simulator) currentUser(c *call) answer {
	organizationRole := "USER"
	if c.user.Role == RoleAdmin {
		organizationRole = "ADMIN"
	}
	roles := []any{}
	if c.user.Role == RoleAdmin {
		roles = append(roles, object{"scope": "ORGANIZATION", "name": "ADMIN",
			"permissions": granted(all(organizationAdmin()))})
	}
	roles = append(roles, object{"scope": "ORGANIZATION", "name": "USER", "permissions": granted(map[string]string{
		"ROLE": "R", "USER_TOKEN": "", "ENVIRONMENT": "R", "TAG": "R", "ENTRYPOINT": "R", "TENANT": "R"})})
	if c.user.Role != RoleUser {
		roles = append(roles, object{"scope": "ENVIRONMENT", "name": string(c.user.Role),
			"permissions": granted(environmentPermissions(c.user.Role))})
	}
	roles = append(roles, object{"scope": "ENVIRONMENT", "name": "USER", "permissions": granted(userPermissions())})
	return ok(object{
		"authorities": []any{
			object{"authority": "ENVIRONMENT:" + string(c.user.Role)},
			object{"authority": "ORGANIZATION:" + organizationRole},
		},
		"enabled": true, "id": c.user.id, "source": "memory", "sourceId": c.user.Name, "roles": roles,
		"firstLogin": false, "displayNewsletterSubscription": false, "organizationId": c.place.Organization,
		"displayName": c.user.Name, "system": false, "primaryOwner": true,
		"created_at": c.user.createdAt, "updated_at": c.user.createdAt, "last_connection_at": s.options.Now().UnixMilli(),
	})
}

func (s *Simulator) categories(*call) answer {
	found := []object{}
	for _, key := range s.options.Categories {
		found = append(found, object{"id": key, "key": key, "name": key, "hidden": false, "order": len(found)})
	}
	return ok(found)
}

func (s *Simulator) tags(*call) answer {
	found := []object{}
	for _, key := range s.options.Tags {
		found = append(found, object{"id": key, "key": key, "name": key, "restricted_groups": []any{}})
	}
	return ok(found)
}

func (s *Simulator) roles(*call) answer {
	found := []object{}
	for _, name := range s.options.MemberRoles {
		found = append(found, object{"id": roleID(name), "name": name, "scope": "API", "default": name == "USER", "system": false})
	}
	return ok(found)
}
