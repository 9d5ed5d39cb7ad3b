// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import "net/http"

// routes is the one list of what the management API offers.
func (s *Simulator) routes() *http.ServeMux {
	mux := http.NewServeMux()
	for pattern, handle := range s.platformRoutes() {
		s.route(mux, pattern, handle)
	}
	for pattern, handle := range s.apiRoutes() {
		s.route(mux, pattern, handle)
	}
	for pattern, handle := range map[string]handler{
		"PUT " + prefixAutomation + "/groups":           s.putGroup,
		"GET " + prefixAutomation + "/groups/{hrid}":    s.getGroup,
		"DELETE " + prefixAutomation + "/groups/{hrid}": s.deleteGroup,
	} {
		s.route(mux, pattern, s.automation(handle))
	}
	return mux
}

func (s *Simulator) platformRoutes() map[string]handler {
	e := prefixV1 + inEnv
	return map[string]handler{
		"POST " + prefixV1 + "/user/login":                        s.login,
		"POST " + prefixV1 + "/user/logout":                       s.logout,
		"GET " + prefixV1 + "/user":                               s.currentUser,
		"GET " + prefixV1:                                         s.organization,
		"GET " + prefixV1 + "/environments":                       s.environments,
		"GET " + prefixV2 + "/environments":                       s.environmentsV2,
		"GET " + prefixV2 + "/license":                            s.license,
		"GET " + prefixV2 + "/plugins/policies":                   s.policies,
		"GET " + prefixV2 + "/plugins/policies/{policy}/schema":   s.policySchema,
		"GET " + prefixV1 + "/configuration/tags":                 s.tags,
		"GET " + prefixV1 + "/configuration/rolescopes/API/roles": s.roles,
		"GET " + e:                                  s.environment,
		"GET " + prefixV2 + inEnv:                   s.environmentV2,
		"GET " + e + "/permissions":                 s.permissions,
		"GET " + e + "/policies":                    s.policies,
		"GET " + e + "/resources":                   s.resources,
		"GET " + e + "/resources/{resource}/schema": s.resourceSchema,
		"GET " + e + "/configuration/groups":        s.groups,
		"GET " + e + "/configuration/categories":    s.categories,
	}
}

func (s *Simulator) apiRoutes() map[string]handler {
	apis, apisV2 := prefixV1+inEnv+"/apis", prefixV2+inEnv+"/apis"
	one, oneV2 := apis+"/{api}", apisV2+"/{api}"
	return map[string]handler{
		"PUT " + apis + "/import-crd":          s.importCRD,
		"POST " + apis + "/import":             s.importByHand,
		"GET " + apis:                          s.list,
		"GET " + apis + "/_paged":              s.listPaged,
		"POST " + apis + "/verify":             s.verifyPath,
		"GET " + one:                           s.reading(s.getAPI),
		"GET " + one + "/plans":                s.reading(s.getPlans),
		"GET " + one + "/pages":                s.reading(s.getPages),
		"GET " + one + "/metadata":             s.reading(s.getMetadata),
		"GET " + one + "/members":              s.reading(s.getMembers),
		"GET " + one + "/state":                s.reading(s.getState),
		"GET " + one + "/export":               s.reading(s.export),
		"GET " + one + "/definition":           s.reading(s.export),
		"PUT " + one:                           s.editing(s.updateAPI),
		"DELETE " + one:                        s.deleteAPI,
		"POST " + one:                          s.editing(s.act),
		"POST " + one + "/deploy":              s.editing(s.deployAPI),
		"POST " + one + "/plans/{plan}/_close": s.editing(s.closePlan),
		"GET " + apisV2:                        s.listV2,
		"POST " + apisV2 + "/_search":          s.searchV2,
		"GET " + oneV2:                         s.readingV2(s.getAPIV2),
		"GET " + oneV2 + "/plans":              s.readingV2(s.getPlansV2),
		// A client that lost an id asks for this; nothing must happen, and the log shows it.
		"DELETE " + apis: func(*call) answer {
			return failV1(http.StatusMethodNotAllowed, statusText(http.StatusMethodNotAllowed), "", nil)
		},
	}
}
