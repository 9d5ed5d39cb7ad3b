// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import "net/http"

// byHandRoutes offer to other processes what people can do to an API behind an operator's back. PATCH takes a JSON object that is
// merged (RFC 7396: null removes), POST the new part, and gives its id.
func (s *Simulator) byHandRoutes() map[string]func(*http.Request) answer {
	one := "/_simulator/apis/{api}"
	return map[string]func(*http.Request) answer{
		"PATCH " + one + "/plans/{part}":         merging(s.EditPlan),
		"POST " + one + "/plans":                 adding(s.AddPlan),
		"PUT " + one + "/plans/{part}/status":    s.adminPlanStatus,
		"POST " + one + "/plans/{part}/_remove":  removing(s.RemovePlan),
		"PATCH " + one + "/pages/{part}":         merging(s.EditPage),
		"POST " + one + "/pages":                 adding(s.AddPage),
		"DELETE " + one + "/pages/{part}":        removing(s.RemovePage),
		"PATCH " + one + "/metadata/{part}":      merging(s.EditMetadata),
		"POST " + one + "/metadata":              s.adminAddMetadata,
		"DELETE " + one + "/metadata/{part}":     removing(s.RemoveMetadata),
		"PUT " + one + "/members/{part}":         s.adminSetMember,
		"DELETE " + one + "/members/{part}":      removing(s.RemoveMember),
		"PUT " + one + "/groups":                 naming(s.SetGroups),
		"PUT " + one + "/categories":             naming(s.SetCategories),
		"PUT " + one + "/managed":                s.adminManaged,
		"POST " + one + "/_deploy":               func(r *http.Request) answer { return done(s.Deploy(r.PathValue("api"))) },
		"POST " + one + "/_recreate":             s.adminRecreate,
		"POST " + one + "/_hide":                 func(r *http.Request) answer { return done(s.HideFromSearch(r.PathValue("api"))) },
		"PUT /_simulator/search/{org}/{env}/lag": s.adminLag,
	}
}

func merging(edit func(id, part string, edit func(map[string]any)) error) func(*http.Request) answer {
	return func(r *http.Request) answer {
		var patch object
		if err := readJSON(r, &patch); err != nil {
			return adminError(err)
		}
		return done(edit(r.PathValue("api"), r.PathValue("part"), func(part map[string]any) { mergePatch(part, patch) }))
	}
}

func adding(add func(id string, part map[string]any) (string, error)) func(*http.Request) answer {
	return func(r *http.Request) answer {
		var part object
		if err := readJSON(r, &part); err != nil {
			return adminError(err)
		}
		return created(add(r.PathValue("api"), part))
	}
}

func created(id string, err error) answer {
	if err != nil {
		return adminError(err)
	}
	return jsonAnswer(http.StatusCreated, object{"id": id})
}

func removing(remove func(id, part string) error) func(*http.Request) answer {
	return func(r *http.Request) answer { return done(remove(r.PathValue("api"), r.PathValue("part"))) }
}

func naming(set func(id string, names ...string) error) func(*http.Request) answer {
	return func(r *http.Request) answer {
		var names []string
		if err := readJSON(r, &names); err != nil {
			return adminError(err)
		}
		return done(set(r.PathValue("api"), names...))
	}
}

// adminPlanStatus takes {"status": "DEPRECATED"}.
func (s *Simulator) adminPlanStatus(r *http.Request) answer {
	var sent struct{ Status string }
	if err := readJSON(r, &sent); err != nil {
		return adminError(err)
	}
	return done(s.SetPlanStatus(r.PathValue("api"), r.PathValue("part"), sent.Status))
}

func (s *Simulator) adminAddMetadata(r *http.Request) answer {
	var entry object
	if err := readJSON(r, &entry); err != nil {
		return adminError(err)
	}
	return done(s.AddMetadata(r.PathValue("api"), entry))
}

// adminSetMember takes {"role": "USER"}.
func (s *Simulator) adminSetMember(r *http.Request) answer {
	var sent struct{ Role string }
	if err := readJSON(r, &sent); err != nil {
		return adminError(err)
	}
	return done(s.SetMember(r.PathValue("api"), r.PathValue("part"), sent.Role))
}

// adminManaged takes {"managed": false}.
func (s *Simulator) adminManaged(r *http.Request) answer {
	var sent struct{ Managed bool }
	if err := readJSON(r, &sent); err != nil {
		return adminError(err)
	}
	return done(s.SetManaged(r.PathValue("api"), sent.Managed))
}

// adminRecreate takes {"managed": false}.
func (s *Simulator) adminRecreate(r *http.Request) answer {
	var sent struct{ Managed bool }
	if err := readJSON(r, &sent); err != nil {
		return adminError(err)
	}
	return created(s.Recreate(r.PathValue("api"), sent.Managed))
}

// adminLag takes {"lag": true}.
func (s *Simulator) adminLag(r *http.Request) answer {
	var sent struct{ Lag bool }
	if err := readJSON(r, &sent); err != nil {
		return adminError(err)
	}
	s.LagSearch(Place{r.PathValue("org"), r.PathValue("env")}, sent.Lag)
	return empty(http.StatusNoContent)
}
