// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"fmt"
	"net/http"
	"strings"
)

// readingV2 is reading in the shape of the second version; its refusals aren't recorded.
func (s *Simulator) readingV2(handle func(*call, *api) answer) handler {
	return func(c *call) answer {
		id := c.r.PathValue("api")
		a := s.find(c.place, id)
		switch {
		case a == nil:
			return apiNotFoundV2(id)
		case !a.visibleTo(c.user):
			return failV2(http.StatusForbidden, "You do not have sufficient rights to access this resource", "forbidden", nil)
		default:
			return handle(c, a)
		}
	}
}

func (s *Simulator) getAPIV2(c *call, a *api) answer { return a.marked(ok(a.viewV2(c))) }

// viewV2 is an API in the shape of the second version.
func (a *api) viewV2(c *call) object {
	definition := cloneObject(a.definition)
	view := object{
		"definitionVersion": "V2", "environmentId": a.place.Environment, "contextPath": a.contextPath(),
		"executionMode": strings.ToUpper(strings.ReplaceAll(text(definition, "execution_mode"), "-", "_")),
		"proxy":         proxyV2(sub(definition, "proxy")), "flowMode": definition["flow_mode"],
		"flows": flowsV2(objects(definition, "flows")), "services": servicesV2(sub(definition, "services")),
		"pathMappings": definition["path_mappings"], "id": a.id, "name": a.name(), "apiVersion": definition["version"],
		"createdAt": instant(a.createdAt), "updatedAt": instant(a.updatedAt),
		"disableMembershipNotifications": definition["disable_membership_notifications"], "groups": listOf(a.groups),
		"state": a.state, "deploymentState": a.deploymentState(), "visibility": definition["visibility"],
		"labels": definition["labels"], "lifecycleState": definition["lifecycle_state"], "tags": definition["tags"],
		"primaryOwner": a.owner.view(), "categories": listOf(a.categories), "originContext": a.originContext(),
		"definitionContext": object{"origin": text(a.originContext(), "origin"), "mode": "FULLY_MANAGED", "syncFrom": "KUBERNETES"},
		"responseTemplates": definition["response_templates"], "resources": definition["resources"],
		"properties": propertiesV2(objects(definition, "properties")), "_links": a.linksV2(c),
	}
	if a.deployedAt != 0 {
		view["deployedAt"] = instant(a.deployedAt)
	}
	if a.crossID != "" {
		view["crossId"] = a.crossID
	}
	if description, has := definition["description"]; has {
		view["description"] = description
	}
	return view
}

// deploymentState is always positive for APIs of kubernetes origin, also after a change by hand.
func (a *api) deploymentState() string {
	if a.kubernetes || a.deployedAt >= a.updatedAt {
		return "DEPLOYED"
	}
	return "NEED_REDEPLOY"
}

func (a *api) linksV2(c *call) object {
	at := func(kind string) string {
		return fmt.Sprintf("%s/management/v2/environments/%s/apis/%s/%s?hash=%d", c.base, a.place.Environment, a.id, kind, a.updatedAt)
	}
	return object{"pictureUrl": at("picture"), "backgroundUrl": at("background")}
}

// rename moves members to their names of the second version.
func rename(o object, names ...string) {
	for i := 0; i < len(names); i += 2 {
		if value, has := o[names[i]]; has {
			delete(o, names[i])
			o[names[i+1]] = value
		}
	}
}

func proxyV2(proxy object) object {
	rename(proxy, "virtual_hosts", "virtualHosts", "strip_context_path", "stripContextPath", "preserve_host", "preserveHost")
	for _, host := range objects(proxy, "virtualHosts") {
		rename(host, "override_entrypoint", "overrideEntrypoint")
		setDefault(host, "overrideEntrypoint", false)
	}
	setDefault(proxy, "servers", []any{})
	if cors := sub(proxy, "cors"); cors != nil {
		setDefault(cors, "allowPrivateNetwork", false)
	}
	for _, group := range objects(proxy, "groups") {
		rename(group, "load_balancing", "loadBalancer", "http", "httpClientOptions", "ssl", "httpClientSslOptions", "proxy", "httpProxy")
		setDefault(group, "services", object{})
		httpOptionsV2(sub(group, "httpClientOptions"))
		for _, endpoint := range objects(group, "endpoints") {
			rename(endpoint, "http", "httpClientOptions", "healthcheck", "healthCheck", "ssl", "httpClientSslOptions")
			setDefault(endpoint, "status", "UP")
			httpOptionsV2(sub(endpoint, "httpClientOptions"))
		}
	}
	return proxy
}

func httpOptionsV2(options object) {
	if options == nil {
		return
	}
	for key, value := range map[string]any{"propagateClientAcceptEncoding": false, "clearTextUpgrade": false,
		"version": "HTTP_1_1", "maxHeaderSize": 8192, "maxChunkSize": 8192} {
		setDefault(options, key, value)
	}
}

func flowsV2(flows []object) []any {
	for _, flow := range flows {
		rename(flow, "path-operator", "pathOperator")
	}
	return listOf(flows)
}

func servicesV2(services object) object {
	rename(services, "health-check", "healthCheck", "dynamic-property", "dynamicProperty")
	if configuration := sub(sub(services, "dynamicProperty"), "configuration"); configuration != nil {
		configuration["provider"] = nil
	}
	return services
}

func propertiesV2(properties []object) []any {
	for _, property := range properties {
		setDefault(property, "dynamic", false)
	}
	return listOf(properties)
}

// getPlansV2 lists plans with the statuses of the query; all of them when none is named.
func (s *Simulator) getPlansV2(c *call, a *api) answer {
	wanted := []string{"STAGING", "PUBLISHED", "DEPRECATED", "CLOSED"}
	if statuses := c.r.URL.Query().Get("statuses"); statuses != "" {
		wanted = strings.Split(statuses, ",")
	}
	all := a.plansIn(wanted)
	page, size := positive(c.r.URL.Query().Get("page"), 1), positive(c.r.URL.Query().Get("perPage"), 10)
	data := []any{}
	for _, plan := range slice(all, page, size) {
		data = append(data, planV2(plan))
	}
	return ok(object{"data": data, "pagination": pagination(page, size, len(data), len(all)),
		"links": c.links(page, pages(len(all), size))})
}

func planV2(plan object) object {
	plan["definitionVersion"] = "V2"
	plan["security"] = object{"type": plan["security"]}
	if definition, has := plan["securityDefinition"]; has {
		sub(plan, "security")["configuration"] = definition
	}
	delete(plan, "securityDefinition")
	delete(plan, "environmentId")
	rename(plan, "api", "apiId", "comment_required", "commentRequired", "excluded_groups", "excludedGroups",
		"selection_rule", "selectionRule")
	for from, to := range map[string]string{"created_at": "createdAt", "updated_at": "updatedAt",
		"published_at": "publishedAt", "closed_at": "closedAt"} {
		if plan[from] != nil {
			plan[to] = instant(number(plan, from))
		}
		delete(plan, from)
	}
	plan["flows"] = flowsV2(objects(plan, "flows"))
	return plan
}
