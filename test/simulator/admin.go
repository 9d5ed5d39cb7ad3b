// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"
)

// adminRoutes are the controls for other processes. They answer JSON and ask for no credentials.
func (s *Simulator) adminRoutes() *http.ServeMux {
	mux := http.NewServeMux()
	for pattern, handle := range map[string]func(*http.Request) answer{
		"GET /_simulator/state":                      func(*http.Request) answer { return ok(s.APIs()) },
		"DELETE /_simulator/state":                   func(*http.Request) answer { s.Reset(); return empty(http.StatusNoContent) },
		"GET /_simulator/requests":                   s.adminRequests,
		"DELETE /_simulator/requests":                func(*http.Request) answer { s.ForgetRequests(); return empty(http.StatusNoContent) },
		"GET /_simulator/counts":                     func(*http.Request) answer { return ok(s.Counts()) },
		"GET /_simulator/groups":                     func(*http.Request) answer { return ok(s.Groups()) },
		"DELETE /_simulator/groups/{group}":          func(r *http.Request) answer { return done(s.RemoveGroup(r.PathValue("group"))) },
		"GET /_simulator/environments":               func(*http.Request) answer { return ok(s.Environments()) },
		"GET /_simulator/faults":                     s.adminFaults,
		"POST /_simulator/faults":                    s.adminInject,
		"DELETE /_simulator/faults":                  func(*http.Request) answer { s.Clear(); return empty(http.StatusNoContent) },
		"DELETE /_simulator/faults/{fault}":          s.adminRemoveFault,
		"PUT /_simulator/latency":                    s.adminLatency,
		"PATCH /_simulator/apis/{api}":               s.adminEdit,
		"DELETE /_simulator/apis/{api}":              s.adminRemove,
		"PUT /_simulator/apis/{api}/state":           s.adminSetState,
		"DELETE /_simulator/apis/{api}/plans/{plan}": s.adminClosePlan,
		"DELETE /_simulator/sessions":                func(*http.Request) answer { s.RevokeSessions(); return empty(http.StatusNoContent) },
		"PUT /_simulator/users/{user}":               s.adminUser,
		"DELETE /_simulator/users/{user}": func(r *http.Request) answer {
			s.RemoveUser(r.PathValue("user"))
			return empty(http.StatusNoContent)
		},
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { handle(r).write(w) })
	}
	for pattern, handle := range s.byHandRoutes() {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { handle(r).write(w) })
	}
	return mux
}

func readJSON(r *http.Request, into any) error {
	return json.NewDecoder(io.LimitReader(r.Body, maxBody)).Decode(into)
}

func adminError(err error) answer {
	status := http.StatusBadRequest
	if errors.Is(err, ErrNotFound) {
		status = http.StatusNotFound
	}
	return jsonAnswer(status, object{"error": err.Error()})
}

func done(err error) answer {
	if err != nil {
		return adminError(err)
	}
	return empty(http.StatusNoContent)
}

// adminRequests lists the log after a sequence number ("since", 0 if absent); bodies are base64 text.
func (s *Simulator) adminRequests(r *http.Request) answer {
	since, _ := strconv.Atoi(r.URL.Query().Get("since"))
	type logged struct {
		Request
		Body string `json:"body,omitempty"`
	}
	found := []logged{}
	for _, entry := range s.Requests() {
		if entry.Sequence > since {
			found = append(found, logged{entry, string(entry.Body)})
		}
	}
	return ok(found)
}

func (s *Simulator) adminFaults(*http.Request) answer {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	found := []any{}
	for _, rule := range s.faults.rules {
		found = append(found, object{"id": rule.id, "fault": rule.Fault, "hits": rule.hits})
	}
	return ok(found)
}

func (s *Simulator) adminInject(r *http.Request) answer {
	var fault struct {
		Fault
		Delay string `json:"delay"`
	}
	if err := readJSON(r, &fault); err != nil {
		return adminError(err)
	}
	if fault.Delay != "" {
		delay, err := time.ParseDuration(fault.Delay)
		if err != nil {
			return adminError(err)
		}
		fault.Fault.Delay = delay
	}
	injected, err := s.inject(fault.Fault)
	if err != nil {
		return adminError(err)
	}
	return jsonAnswer(http.StatusCreated, object{"id": injected.id})
}

func (s *Simulator) adminRemoveFault(r *http.Request) answer {
	s.faults.mu.Lock()
	var found *Injected
	for _, rule := range s.faults.rules {
		if strconv.Itoa(rule.id) == r.PathValue("fault") {
			found = rule
		}
	}
	s.faults.mu.Unlock()
	if found == nil {
		return empty(http.StatusNotFound)
	}
	found.Remove()
	return empty(http.StatusNoContent)
}

// adminLatency takes {"latency": "20ms"}.
func (s *Simulator) adminLatency(r *http.Request) answer {
	var sent struct {
		Latency string `json:"latency"`
	}
	if err := readJSON(r, &sent); err != nil {
		return adminError(err)
	}
	latency, err := time.ParseDuration(sent.Latency)
	if err != nil {
		return adminError(err)
	}
	s.SetLatency(latency)
	return empty(http.StatusNoContent)
}

// adminEdit merges a JSON object into the stored definition (RFC 7396: null removes).
func (s *Simulator) adminEdit(r *http.Request) answer {
	var patch object
	if err := readJSON(r, &patch); err != nil {
		return adminError(err)
	}
	return done(s.EditAPI(r.PathValue("api"), func(definition map[string]any) { mergePatch(definition, patch) }))
}

func mergePatch(target, patch object) {
	for key, value := range patch {
		change, isObject := value.(object)
		switch {
		case value == nil:
			delete(target, key)
		case isObject && sub(target, key) != nil:
			mergePatch(sub(target, key), change)
		default:
			target[key] = value
		}
	}
}

func (s *Simulator) adminRemove(r *http.Request) answer { return done(s.RemoveAPI(r.PathValue("api"))) }

// adminSetState takes {"state": "STOPPED"}.
func (s *Simulator) adminSetState(r *http.Request) answer {
	var sent struct {
		State string `json:"state"`
	}
	if err := readJSON(r, &sent); err != nil {
		return adminError(err)
	}
	return done(s.SetState(r.PathValue("api"), sent.State))
}

func (s *Simulator) adminClosePlan(r *http.Request) answer {
	return done(s.ClosePlan(r.PathValue("api"), r.PathValue("plan")))
}

// adminUser takes {"password": "...", "role": "ADMIN", "tokens": [...]}.
func (s *Simulator) adminUser(r *http.Request) answer {
	var sent struct {
		Password string   `json:"password"`
		Role     Role     `json:"role"`
		Tokens   []string `json:"tokens"`
	}
	if err := readJSON(r, &sent); err != nil {
		return adminError(err)
	}
	s.SetUser(User{Name: r.PathValue("user"), Password: sent.Password, Role: sent.Role, Tokens: sent.Tokens})
	return empty(http.StatusNoContent)
}
