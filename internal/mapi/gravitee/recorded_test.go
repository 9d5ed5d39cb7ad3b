// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gravitee_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
)

// recordedImport is a successful import that was recorded (testdata/imports.jsonl), with the warnings that it was answered with.
type recordedImport struct {
	Case, Environment string
	Step              int
	Request           map[string]any
	Warnings          []string
}

// recordedReadBack is what the real server showed after a request (testdata/readback.jsonl). The request of case 08 was put together
// from the recorded differences.
type recordedReadBack struct {
	Name        string
	Request     map[string]any
	API, Export json.RawMessage
}

// recordedAnswer is an answer that was recorded (testdata/answers.jsonl).
type recordedAnswer struct {
	Source, Method, Kind string
	Status               int
	Header               map[string]string
	Body                 string
}

// readRecorded reads a file of testdata, one JSON document a line.
func readRecorded[T any](t *testing.T, name string) []T {
	t.Helper()
	file, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	var all []T
	scanner := bufio.NewScanner(file)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		var one T
		if err := json.Unmarshal(scanner.Bytes(), &one); err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	if err := scanner.Err(); err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatalf("%s is empty", name)
	}
	return all
}

// roundTrip makes a function an http.RoundTripper.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// reply is an answer without a server.
func reply(status int, header map[string]string, body string) *http.Response {
	h := http.Header{}
	for name, value := range header {
		h.Set(name, value)
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

// canned answers requests by the end of their path; anything else is 404 as a server without the route would answer.
func canned(bodies map[string]string) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		for suffix, body := range bodies {
			if strings.HasSuffix(r.URL.Path, suffix) {
				return reply(http.StatusOK, nil, body), nil
			}
		}
		return reply(http.StatusNotFound, nil, ""), nil
	})
}
