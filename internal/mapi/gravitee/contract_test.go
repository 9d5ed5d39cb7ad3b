// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gravitee_test

import (
	"maps"
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
	}
}

func TestContractOnSimulator(t *testing.T) {
	t.Run("with sessions", func(t *testing.T) {
		_, url := startSimulator(t, simulator.Options{})
		mapitest.Run(t, subject(configFor(url)))
	})
	t.Run("without a login call", func(t *testing.T) {
		_, url := startSimulator(t, simulator.Options{NoLogin: true})
		mapitest.Run(t, subject(configFor(url)))
	})
	t.Run("with a personal token below a path", func(t *testing.T) {
		_, url := startSimulator(t, simulator.Options{
			BasePath: "/apim", Users: []simulator.User{{Name: "bot", Role: simulator.RoleAdmin, Tokens: []string{"a-personal-token"}}},
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
