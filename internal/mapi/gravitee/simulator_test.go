// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gravitee_test

import (
	"net/http"
	"testing"

	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/mapi/gravitee"
	"github.com/apisync/apisync/test/simulator"
)

// startSimulator serves an installation until the test ends.
func startSimulator(t *testing.T, options simulator.Options) (*simulator.Simulator, string) {
	t.Helper()
	sim := simulator.New(options)
	server, err := sim.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return sim, server.URL
}

func configFor(url string) mapi.Config {
	return mapi.Config{
		Name: "test/context", BaseURL: url,
		Scope:       map[string]string{"organizationId": "DEFAULT", "environmentId": "DEFAULT"},
		Credentials: mapi.Credentials{Username: "admin", Password: "admin"},
	}
}

func dial(t *testing.T, config mapi.Config, options gravitee.Options) mapi.Client {
	t.Helper()
	client, err := gravitee.New(options).Dial(config, http.DefaultTransport.(*http.Transport).Clone())
	if err != nil {
		t.Fatal(err)
	}
	return client
}
