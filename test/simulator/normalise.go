// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"cmp"
	"maps"
	"net/mail"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// definitionFields are what of a sent body is stored as it is and comes back.
func definitionFields() []string {
	return []string{"name", "version", "description", "visibility", "proxy", "flows", "flow_mode", "execution_mode",
		"properties", "services", "resources", "path_mappings", "response_templates", "lifecycle_state", "tags", "labels",
		"gravitee", "disable_membership_notifications"}
}

// normaliseDefinition gives a body the form in which it is read back: defaults added, lists sorted, paths and header names
// unified. Everything that isn't stored is gone.
func normaliseDefinition(sent object) object {
	definition := object{}
	for _, key := range definitionFields() {
		if sent[key] != nil {
			definition[key] = compact(sent[key])
		}
	}
	if notify, told := sent["notifyMembers"].(bool); told {
		definition["disable_membership_notifications"] = !notify
	}
	for key, value := range map[string]any{
		"visibility": "PRIVATE", "flow_mode": "DEFAULT", "execution_mode": "v4-emulation-engine",
		"lifecycle_state": "CREATED", "gravitee": "2.0.0", "disable_membership_notifications": false,
	} {
		setDefault(definition, key, value)
	}
	for _, key := range []string{"flows", "properties", "resources", "path_mappings", "tags", "labels"} {
		setDefault(definition, key, []any{})
	}
	for _, key := range []string{"services", "response_templates", "proxy"} {
		setDefault(definition, key, object{})
	}
	definition["labels"] = sortedSet(texts(definition, "labels"))
	definition["path_mappings"] = sortedSet(texts(definition, "path_mappings"))
	normaliseProxy(sub(definition, "proxy"))
	normaliseServices(sub(definition, "services"))
	for _, property := range objects(definition, "properties") {
		setDefault(property, "encrypted", false)
		delete(property, "encryptable")
		if !flag(property, "dynamic") {
			delete(property, "dynamic")
		}
	}
	for _, resource := range objects(definition, "resources") {
		if configuration := sub(resource, "configuration"); configuration != nil && text(resource, "type") == "oauth2" {
			setDefault(configuration, "authorizationServerMetadataEndpoint", "/.well-known/oauth-authorization-server")
		}
	}
	for _, byType := range sub(definition, "response_templates") {
		byType, _ := byType.(object)
		for _, template := range byType {
			if template, isTemplate := template.(object); isTemplate {
				setDefault(template, "propagateErrorKeyToLogs", false)
			}
		}
	}
	return definition
}

func sortedSet(values []string) []any {
	slices.Sort(values)
	return listOf(slices.Compact(values))
}

func normaliseProxy(proxy object) {
	for _, host := range objects(proxy, "virtual_hosts") {
		host["path"] = normalisePath(text(host, "path"))
		if !flag(host, "override_entrypoint") {
			delete(host, "override_entrypoint")
		}
	}
	setDefault(proxy, "strip_context_path", false)
	setDefault(proxy, "preserve_host", false)
	if cors := sub(proxy, "cors"); cors != nil {
		for _, key := range []string{"allowHeaders", "exposeHeaders"} {
			names := texts(cors, key)
			for i := range names {
				names[i] = strings.ToLower(names[i])
			}
			cors[key] = listOf(names)
		}
	}
	for _, group := range objects(proxy, "groups") {
		normaliseGroup(group)
	}
}

// normalisePath makes "rec//x/" "/rec/x".
func normalisePath(p string) string { return path.Clean("/" + p) }

func normaliseGroup(group object) {
	for _, endpoint := range objects(group, "endpoints") {
		setDefault(endpoint, "weight", 1)
		setDefault(endpoint, "backup", false)
		setDefault(endpoint, "type", "http")
		headersAsList(endpoint)
	}
	headersAsList(group)
	setDefault(group, "load_balancing", object{})
	setDefault(sub(group, "load_balancing"), "type", "ROUND_ROBIN")
	group["http"] = normaliseHTTP(sub(group, "http"))
	if proxy := sub(group, "proxy"); proxy != nil {
		setDefault(proxy, "useSystemProxy", false)
	}
	if discovery := sub(sub(group, "services"), "discovery"); discovery != nil && len(items(discovery, "tenants")) == 0 {
		delete(discovery, "tenants")
	}
}

// headersAsList turns a map of headers into the list in which they come back.
func headersAsList(o object) {
	headers := sub(o, "headers")
	if headers == nil {
		return
	}
	list := []any{}
	for name, value := range headers {
		list = append(list, object{"name": name, "value": value})
	}
	slices.SortFunc(list, func(x, y any) int { return cmp.Compare(text(x.(object), "name"), text(y.(object), "name")) })
	o["headers"] = list
}

// normaliseHTTP fills the client options of a group; what only makes sense for HTTP/2 or without compression comes
// back only then.
func normaliseHTTP(sent object) object {
	options := object{"connectTimeout": 5000, "idleTimeout": 60000, "keepAliveTimeout": 30000, "keepAlive": true,
		"readTimeout": 10000, "pipelining": false, "maxConcurrentConnections": 100, "useCompression": true,
		"followRedirects": false, "maxHeaderSize": 8192, "maxChunkSize": 8192}
	maps.Copy(options, sent)
	if text(options, "version") != "HTTP_2" {
		delete(options, "version")
		delete(options, "clearTextUpgrade")
	}
	if !flag(options, "propagateClientAcceptEncoding") {
		delete(options, "propagateClientAcceptEncoding")
	}
	return options
}

func normaliseServices(services object) {
	if configuration := sub(sub(services, "dynamic-property"), "configuration"); configuration != nil {
		setDefault(configuration, "useSystemProxy", false)
	}
	for _, step := range objects(sub(services, "health-check"), "steps") {
		if request := sub(step, "request"); request != nil && len(items(request, "headers")) == 0 {
			delete(request, "headers")
		}
	}
}

// renewFlows gives flows new ids, as every import does.
func renewFlows(flows []object) {
	for _, flow := range flows {
		flow["id"] = newID()
	}
}

// normalisePlan gives a plan the form in which it is read back, without what the server adds to it.
func normalisePlan(sent object) object {
	plan, _ := compact(sent).(object)
	delete(plan, "type")
	plan["definitionVersion"] = "2.0.0"
	setDefault(plan, "order", 0)
	setDefault(plan, "comment_required", false)
	for _, key := range []string{"characteristics", "tags", "excluded_groups", "flows"} {
		setDefault(plan, key, []any{})
	}
	for key, value := range map[string]string{"validation": "AUTO", "security": "KEY_LESS", "status": "STAGING"} {
		setDefault(plan, key, value)
	}
	renewFlows(objects(plan, "flows"))
	return plan
}

func normalisePage(sent object, apiID string, now int64) object {
	page, _ := compact(sent).(object)
	for key, value := range map[string]any{
		"order": 0, "published": false, "homepage": false, "parentPath": "", "excludedAccessControls": false,
		"accessControls": []any{}, "configuration": object{}, "metadata": object{}, "attached_media": []any{},
		"generalConditions": false, "contentType": "text/yaml",
	} {
		setDefault(page, key, value)
	}
	page["api"], page["lastModificationDate"] = apiID, now
	return page
}

// fitsFormat checks a metadata value; an empty one and an expression fit every format.
func fitsFormat(format, value string) bool {
	if value == "" || strings.HasPrefix(value, "${") {
		return true
	}
	var err error
	switch format {
	case "NUMERIC":
		_, err = strconv.ParseFloat(value, 64)
	case "BOOLEAN":
		_, err = strconv.ParseBool(value)
	case "DATE":
		_, err = time.Parse(time.DateOnly, value)
	case "MAIL":
		_, err = mail.ParseAddress(value)
	case "URL":
		_, err = url.ParseRequestURI(value)
	}
	return err == nil
}
