// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gravitee_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/mapi/gravitee"
	"github.com/apisync/apisync/internal/model"
)

// TestRenderIsWhatApplySends: a payload that people look at is worth nothing if another one is sent.
func TestRenderIsWhatApplySends(t *testing.T) {
	want := model.API{
		Name: "ns/orders", Key: "k", ID: "i", Cluster: "east",
		Definition: map[string]any{"id": "i", "crossId": "k", "labels": []any{"a"}, "n": int64(9007199254740993), "plans": []any{map[string]any{"name": "p"}}},
	}
	type request struct{ Method, URL, Body string }
	var sent []request
	client := clientOf(t, withoutLogin(roundTrip(func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		sent = append(sent, request{r.Method, r.URL.String(), string(body)})
		return reply(200, nil, `{"id":"i","crossId":"k"}`), err
	})), nil, mapi.Credentials{})
	if _, err := client.APIs().Apply(t.Context(), want, mapi.Commit); err != nil {
		t.Fatal(err)
	}
	payloads, err := gravitee.New(gravitee.Options{}).Render(want)
	if err != nil {
		t.Fatal(err)
	}
	var rendered []request
	for _, payload := range payloads {
		if strings.HasPrefix(payload.Path, "/") {
			t.Errorf("the path %s isn't relative", payload.Path)
		}
		body, err := json.Marshal(payload.Body)
		if err != nil {
			t.Fatal(err)
		}
		rendered = append(rendered, request{
			payload.Method, "http://management.test/management/organizations/DEFAULT/environments/DEFAULT/" + payload.Path, string(body),
		})
	}
	if diff := cmp.Diff(sent, rendered); diff != "" {
		t.Errorf("sent (-) and rendered (+):\n%s", diff)
	}
}
