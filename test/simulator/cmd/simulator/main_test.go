// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth("admin", "admin")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestRun(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	file := filepath.Join(t.TempDir(), "ready.json")
	reader, writer := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{"--environment", "ACME/dev", "--environment", "ACME/prod=127.0.0.1:0", "--ready-file", file}, writer, io.Discard)
	}()
	printed, err := bufio.NewReader(reader).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var line ready
	if err := json.Unmarshal(printed, &line); err != nil {
		t.Fatal(err)
	}
	if status, body := get(t, line.URL+"/management/organizations/ACME/environments/prod"); status != http.StatusOK {
		t.Errorf("environment: %d %s", status, body)
	}
	if len(line.Gateways) != 2 {
		t.Errorf("gateways %v, want two", line.Gateways)
	}
	for place, url := range line.Gateways {
		if status, body := get(t, url+"/x"); status != http.StatusNotFound || body != "No context-path matches the request URI." {
			t.Errorf("gateway of %s: %d %q", place, status, body)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("an end that was asked for is no error: %v", err)
	}
	if written, err := os.ReadFile(file); err != nil || string(written) != string(printed) {
		t.Errorf("ready file: %q, %v; printed %q", written, err, printed)
	}
}

func TestRunRefusesBadFlags(t *testing.T) {
	t.Parallel()
	for name, arguments := range map[string][]string{
		"an environment needs an organization": {"--environment", "dev"},
		"unknown flag":                         {"--nonsense"},
		"no such address":                      {"--address", "256.0.0.1:0"},
	} {
		if err := run(t.Context(), arguments, io.Discard, io.Discard); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
