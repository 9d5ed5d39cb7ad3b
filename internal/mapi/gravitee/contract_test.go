// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gravitee_test

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"testing"

	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/mapi/gravitee"
	"github.com/apisync/apisync/internal/mapi/mapitest"
	"github.com/apisync/apisync/internal/model"
	"github.com/apisync/apisync/test/simulator"
)

// subject is the back end on a management API; dialing makes one client for each check.
func subject(config mapi.Config) mapitest.Subject {
	wrong := config
	wrong.Credentials = mapi.Credentials{Username: config.Credentials.Username + "-", Password: "certainly-wrong"}
	return mapitest.Subject{
		Dial:    func(t *testing.T) mapi.Client { return dial(t, config, gravitee.Options{}) },
		Refused: func(t *testing.T) mapi.Client { return dial(t, wrong, gravitee.Options{}) },
		Sample:  sampleAPI,
		Edit: func(api model.API) model.API {
			api.Definition = maps.Clone(api.Definition)
			api.Definition["description"] = "edited"
			return api
		},
		Group: sampleGroup,
		EditGroup: func(group model.Group) model.Group {
			group.Definition = maps.Clone(group.Definition)
			group.Definition["name"], group.Definition["members"] = "edited", []any{}
			return group
		},
		Misconfigure: misconfigured,
	}
}

func sampleGroup(n int) model.Group {
	return model.Group{Name: fmt.Sprintf("test/group-%d", n), Key: fmt.Sprintf("test-group-%d", n), Definition: map[string]any{
		"name": fmt.Sprintf("group %d", n), "notifyMembers": false,
		"members": []any{map[string]any{"source": "memory", "sourceId": "api1", "roles": map[string]any{"API": "OWNER", "APPLICATION": "USER"}}},
	}}
}

// misconfigured has a limit that is no number.
func misconfigured(api model.API) (model.API, string) {
	api.Definition = maps.Clone(api.Definition)
	api.Definition["flows"] = []any{map[string]any{"name": "f", "enabled": true, "pre": []any{map[string]any{
		"name": "limit", "enabled": true, "policy": "rate-limit",
		"configuration": map[string]any{"rate": map[string]any{"limit": mapitest.Misfit, "periodTime": int64(1), "periodTimeUnit": "SECONDS"}},
	}}}}
	return api, "flows[0].pre[0].configuration.rate.limit"
}

// onSimulator completes a subject with what only a simulator can be told to do.
func onSimulator(sim *simulator.Simulator, subject mapitest.Subject) mapitest.Subject {
	subject.HideSchemas = func(t *testing.T) {
		t.Helper()
		t.Cleanup(sim.Inject(simulator.Fault{Path: "/schema$", Mode: simulator.ModeStatus, Status: http.StatusForbidden}).Remove)
	}
	return subject
}

func TestContractOnSimulator(t *testing.T) {
	t.Run("with sessions", func(t *testing.T) {
		sim, url := startSimulator(t, simulator.Options{})
		mapitest.Run(t, onSimulator(sim, subject(configFor(url))))
	})
	t.Run("of a release without groups", func(t *testing.T) {
		sim, url := startSimulator(t, simulator.Options{NoGroups: true})
		subject := onSimulator(sim, subject(configFor(url)))
		subject.Group = nil
		mapitest.Run(t, subject)
	})
	t.Run("in the vendor's cloud", func(t *testing.T) {
		sim, url := startSimulator(t, simulator.Options{})
		config := configFor(url)
		config.Hosted = true
		mapitest.Run(t, onSimulator(sim, subject(config)))
		for _, request := range sim.Requests() {
			if !request.Hosted {
				t.Errorf("%s %s went elsewhere", request.Method, request.Path)
			}
		}
	})
	t.Run("without a login call", func(t *testing.T) {
		sim, url := startSimulator(t, simulator.Options{NoLogin: true})
		mapitest.Run(t, onSimulator(sim, subject(configFor(url))))
	})
	t.Run("with a personal token below a path", func(t *testing.T) {
		_, url := startSimulator(t, simulator.Options{
			BasePath: "/apim", Users: []simulator.User{
				{Name: "bot", Role: simulator.RoleAdmin, Tokens: []string{"a-personal-token"}}, {Name: "api1", Role: simulator.RoleUser},
			},
		})
		config := configFor(url + "/apim/")
		config.Credentials = mapi.Credentials{Token: "a-personal-token"}
		mapitest.Run(t, subject(config))
	})
}

// TestContractOnRealServer runs the same on a real management API when one is given.
func TestContractOnRealServer(t *testing.T) {
	url := os.Getenv("APISYNC_TEST_MAPI_URL")
	if url == "" {
		t.Skip("APISYNC_TEST_MAPI_URL isn't set")
	}
	config := configFor(url)
	config.Credentials = mapi.Credentials{
		Username: os.Getenv("APISYNC_TEST_MAPI_USERNAME"), Password: os.Getenv("APISYNC_TEST_MAPI_PASSWORD"),
	}
	for name, variable := range map[string]string{
		"organizationId": "APISYNC_TEST_MAPI_ORGANIZATION", "environmentId": "APISYNC_TEST_MAPI_ENVIRONMENT",
	} {
		if value := os.Getenv(variable); value != "" {
			config.Scope[name] = value
		}
	}
	mapitest.Run(t, subject(config))
}
