// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"embed"
	"net/http"
	"slices"
)

// schemaFiles are schemas of plugins. They are our own: alike in form to those of a real server, and made for the recorded configurations.
//
//go:embed schemas
var schemaFiles embed.FS

// pluginSchema answers with the schema of a plugin, or with one that takes everything.
func pluginSchema(kind, id string) answer {
	content, err := schemaFiles.ReadFile("schemas/" + kind + "/" + id + ".json")
	if err != nil {
		return ok(object{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"})
	}
	return answer{status: http.StatusOK, contentType: "application/json", body: content}
}

// policySchema tells the schema of a policy that is installed. Of the refusal only the code is recorded.
func (s *Simulator) policySchema(c *call) answer {
	id := c.r.PathValue("policy")
	if !slices.Contains(s.options.Policies, id) {
		return failV2(http.StatusNotFound, "Plugin ["+id+"] cannot be found.", "plugin.notFound", object{"plugin": id})
	}
	return pluginSchema("policies", id)
}

// resourceSchema is policySchema for resources, in the shape of the first version; its refusal isn't recorded.
func (s *Simulator) resourceSchema(c *call) answer {
	id := c.r.PathValue("resource")
	if !slices.Contains(s.options.Resources, id) {
		return failV1(http.StatusNotFound, "Plugin ["+id+"] cannot be found.", "plugin.notFound", object{"plugin": id})
	}
	return pluginSchema("resources", id)
}

func (s *Simulator) policies(*call) answer  { return ok(plugins(s.options.Policies)) }
func (s *Simulator) resources(*call) answer { return ok(plugins(s.options.Resources)) }

func plugins(ids []string) []object {
	found := []object{}
	for _, id := range ids {
		found = append(found, object{"id": id, "name": id, "description": "", "version": "1.0.0", "deployed": true})
	}
	return found
}
