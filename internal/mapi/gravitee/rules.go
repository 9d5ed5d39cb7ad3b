// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gravitee

import (
	"bytes"
	"encoding/json"
	"maps"
	"strings"

	"github.com/apisync/apisync/internal/model"
)

// rules say how a definition is compared with GET apis/{id}. They follow shared/contract/README.md 3 and the recorded
// read-backs (shared/contract/probe/readback-diff.md). What isn't named is compared as it is. Pages, members, metadata,
// groups and categories have comparisons of their own.
func rules() model.Rules {
	all := model.Rules{
		// The server's own id wins over the one that was sent (README 3).
		"id":                               {Ignore: true},
		"deployedAt":                       {Ignore: true},
		"groupRefs":                        {Ignore: true},
		"notificationsRefs":                {Ignore: true},
		"consoleNotificationConfiguration": {Ignore: true},
		"definition_context.origin":        {FoldCase: true},
		"definition_context.mode":          {FoldCase: true},
		// Whether the server keeps what was asked for isn't known: of another kind of API it doesn't (README 6, 26).
		"definition_context.syncFrom":    {Ignore: true},
		"labels":                         {Set: true},
		"tags":                           {Set: true},
		"path_mappings":                  {Set: true},
		"properties":                     {Key: []string{"key"}, AllowExtra: isDynamic},
		"properties[].encryptable":       {Ignore: true},
		"resources":                      {Key: []string{"name"}},
		"response_templates":             {Closed: true, Map: true},
		"response_templates.*":           {Closed: true, Map: true},
		"response_templates.*.*.headers": {Closed: true, Map: true},
	}
	maps.Copy(all, proxyRules())
	maps.Copy(all, planRules())
	maps.Copy(all, flowRules("flows"))
	return all
}

func proxyRules() model.Rules {
	headers := model.Rule{Normalize: headerMap, Closed: true, Map: true}
	all := model.Rules{
		"proxy.virtual_hosts[].path": {Normalize: contextPath},
		"proxy.cors.allowHeaders":    {Set: true, FoldCase: true},
		"proxy.cors.exposeHeaders":   {Set: true, FoldCase: true},
		"proxy.cors.allowMethods":    {Set: true},
		"proxy.cors.allowOrigin":     {Set: true},
		"proxy.failover.cases":       {Set: true},
		"proxy.logging.mode":         {Default: "NONE"},
		"proxy.logging.content":      {Default: "NONE"},
		"proxy.logging.scope":        {Default: "NONE"},
		// The first group is the default one, so order matters there.
		"proxy.groups":                              {Key: []string{"name"}, Ordered: true},
		"proxy.groups[].headers":                    headers,
		"proxy.groups[].load_balancing.type":        {Default: "ROUND_ROBIN"},
		"proxy.groups[].services.discovery.tenants": {Set: true},
		"proxy.groups[].endpoints":                  {Key: []string{"name"}},
		"proxy.groups[].endpoints[].headers":        headers,
		"proxy.groups[].endpoints[].tenants":        {Set: true},
		"proxy.groups[].endpoints[].weight":         {Default: json.Number("1")},
		"proxy.groups[].endpoints[].type":           {Default: "http"},
	}
	for _, http := range []string{"proxy.groups[].http", "proxy.groups[].endpoints[].http"} {
		all[http+".version"] = model.Rule{Default: "HTTP_1_1"}
		// Each is only shown together with another setting (HTTP_2, no compression) that gives it a meaning (case 08).
		all[http+".clearTextUpgrade"] = model.Rule{Unseen: true}
		all[http+".propagateClientAcceptEncoding"] = model.Rule{Unseen: true}
	}
	return all
}

func planRules() model.Rules {
	all := model.Rules{
		// A plan that isn't wanted any more but was closed by a person stays in the list for ever.
		"plans":                      {Key: []string{"crossId", "name"}, Label: "name", AllowExtra: isClosed},
		"plans[].id":                 {Ignore: true},
		"plans[].api":                {Ignore: true},
		"plans[].type":               {Ignore: true},
		"plans[].order":              {Ignore: true}, // see planOrder
		"plans[].excluded_groups":    {Ignore: true}, // see compareGroups
		"plans[].paths":              {Unseen: true},
		"plans[].tags":               {Set: true},
		"plans[].characteristics":    {Set: true},
		"plans[].securityDefinition": {Normalize: jsonText},
	}
	maps.Copy(all, flowRules("plans[].flows"))
	return all
}

func flowRules(flows string) model.Rules {
	return model.Rules{
		flows + "[].id":      {Ignore: true}, // a new one at every import
		flows + "[].methods": {Set: true},
	}
}

func isDynamic(property document) bool { return property["dynamic"] == true }

// headerMap turns a list of {name, value} into a map, the other form in which headers travel.
func headerMap(value any) any {
	list, ok := value.([]any)
	if !ok {
		return value
	}
	headers := document{}
	for _, header := range objects(list) {
		headers[text(header, "name")] = header["value"]
	}
	return headers
}

// contextPath is a path as the server stores it: rec//x/ becomes /rec/x (case 40).
func contextPath(value any) any {
	path, ok := value.(string)
	if !ok {
		return value
	}
	segments := strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
	return "/" + strings.Join(segments, "/")
}

// jsonText decodes a JSON document that travels as a string, so that its spelling doesn't count.
func jsonText(value any) any {
	encoded, ok := value.(string)
	if !ok {
		return value
	}
	decoder := json.NewDecoder(bytes.NewReader([]byte(encoded)))
	decoder.UseNumber()
	var decoded any
	if decoder.Decode(&decoded) != nil {
		return value
	}
	if _, isObject := decoded.(document); !isObject {
		return value
	}
	return decoded
}
