// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package simulator_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/apisync/apisync/test/simulator"
)

// BenchmarkImport imports new APIs into an environment that has 1,000 already; what the simulator costs must stay
// small beside what it is used to measure.
func BenchmarkImport(b *testing.B) {
	sim := simulator.New(simulator.Options{})
	send := func(n int) {
		body, err := json.Marshal(definition(fmt.Sprintf("%06d", n)))
		if err != nil {
			b.Fatal(err)
		}
		request := httptest.NewRequestWithContext(b.Context(), http.MethodPut, put(""), strings.NewReader(string(body)))
		request.SetBasicAuth("admin", "admin")
		recorder := httptest.NewRecorder()
		sim.ServeHTTP(recorder, request)
		if recorder.Code != http.StatusOK {
			b.Fatal(recorder.Body.String())
		}
	}
	for n := range 1000 {
		send(n)
	}
	n := 1000
	for b.Loop() {
		send(n)
		n++
	}
}
