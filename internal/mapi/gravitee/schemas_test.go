// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gravitee_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/mapi/gravitee"
	"github.com/apisync/apisync/internal/model"
)

// catalogue is a management API that tells about plugins.
type catalogue struct {
	// schema answers the request for a schema; nil gives one that demands a number at n.
	schema func(r *http.Request) (*http.Response, error)

	mu    sync.Mutex
	asked map[string]int
}

const numberSchema = `{"type":"object","properties":{"n":{"type":"integer"}}}`

func (c *catalogue) RoundTrip(r *http.Request) (*http.Response, error) {
	switch path := r.URL.Path; {
	case strings.HasSuffix(path, "/user/login"):
		return reply(200, nil, `{"token":"t"}`), nil
	case strings.HasSuffix(path, "/environments/DEFAULT/policies"):
		return reply(200, nil, `[{"id":"one"},{"id":"two"},{"id":"three"}]`), nil
	case strings.HasSuffix(path, "/schema"):
		c.mu.Lock()
		if c.asked == nil {
			c.asked = map[string]int{}
		}
		c.asked[strings.TrimPrefix(path, "/management/")]++
		c.mu.Unlock()
		if c.schema != nil {
			return c.schema(r)
		}
		return reply(200, nil, numberSchema), nil
	}
	return reply(404, nil, `{"message":"Api [i] cannot be found.","technicalCode":"api.notFound"}`), nil
}

// requests is how often schemas were asked for so far.
func (c *catalogue) requests() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	total := 0
	for _, times := range c.asked {
		total += times
	}
	return total
}

// using is an API with a step for each policy, each with a text where a number belongs.
func using(policies ...string) model.API {
	steps := []any{}
	for _, policy := range policies {
		steps = append(steps, map[string]any{"policy": policy, "configuration": map[string]any{"n": "many"}})
	}
	api := sampleAPI(1)
	api.Definition["flows"] = []any{map[string]any{"pre": steps}}
	return api
}

// reasons counts the findings of a review by reason.
func reasons(t *testing.T, client mapi.Client, api model.API) map[string]int {
	t.Helper()
	found, err := client.APIs().Review(t.Context(), api)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, finding := range found {
		counts[finding.Reason]++
	}
	return counts
}

func catalogueClient(t *testing.T, transport http.RoundTripper) mapi.Client {
	t.Helper()
	return clientOf(t, transport, time.Now, mapi.Credentials{})
}

// TestWhichSchemas: only what is used, enabled and installed has its schema fetched, each once.
func TestWhichSchemas(t *testing.T) {
	server := &catalogue{}
	client := catalogueClient(t, server)
	api := using("one", "one", "missing")
	flow := api.Definition["flows"].([]any)[0].(map[string]any)
	flow["post"] = []any{map[string]any{"policy": "two", "enabled": false}}
	api.Definition["resources"] = []any{
		map[string]any{"name": "on", "type": "cache", "configuration": map[string]any{"n": "many"}},
		map[string]any{"name": "off", "type": "oauth2", "enabled": false}, map[string]any{"name": "typeless"}, map[string]any{"name": "odd", "type": ".."},
	}
	for range 3 {
		if diff := cmp.Diff(map[string]int{"InvalidConfiguration": 3, "ConfigurationChecked": 1, "UnknownPolicy": 1}, reasons(t, client, api)); diff != "" {
			t.Errorf("findings (-want +got):\n%s", diff)
		}
	}
	want := map[string]int{"v2/organizations/DEFAULT/plugins/policies/one/schema": 1, "organizations/DEFAULT/environments/DEFAULT/resources/cache/schema": 1}
	if diff := cmp.Diff(want, server.asked); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if counts := reasons(t, client, sampleAPI(2)); len(counts) > 0 || server.requests() != 2 {
		t.Errorf("without steps: %v, %d requests", counts, server.requests())
	}
}

// TestNoVerdict: a schema that can't be had is no error, and is asked for again only after a while.
func TestNoVerdict(t *testing.T) {
	answer := func(status int, body string) func(*http.Request) (*http.Response, error) {
		return func(*http.Request) (*http.Response, error) { return reply(status, nil, body), nil }
	}
	for _, c := range []struct {
		why    string
		schema func(*http.Request) (*http.Response, error)
		// again is how long it is remembered.
		again time.Duration
	}{
		{"no such plugin", answer(404, `{"message":"Plugin [one] cannot be found.","technicalCode":"plugin.notFound"}`), 10 * time.Minute},
		{"no such call", answer(404, ``), 10 * time.Minute},
		{"no rights", answer(403, `{"message":"no"}`), 10 * time.Minute},
		{"a plugin without a schema", answer(204, ``), 10 * time.Minute},
		{"an empty answer", answer(200, ``), 10 * time.Minute},
		{"no schema", answer(200, `{"type":"thing"}`), 10 * time.Minute},
		{"a pattern of another language", answer(200, `{"properties":{"n":{"pattern":"(?<=a)b"}}}`), 10 * time.Minute},
		{"a reference to elsewhere", answer(200, `{"$ref":"http://management.test/other"}`), 10 * time.Minute},
		{"too much", answer(200, `{"title":"`+strings.Repeat("x", 1<<20)+`"}`), 10 * time.Minute},
		{"a page of a proxy", answer(200, `<html>`), time.Minute},
		{"a mishap", answer(500, `{"message":"boom"}`), time.Minute},
		{"an outage", answer(502, ``), time.Minute},
		{"a cut connection", func(*http.Request) (*http.Response, error) { return nil, errors.New("cut") }, time.Minute},
	} {
		t.Run(c.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &catalogue{schema: c.schema}
				client := catalogueClient(t, server)
				if counts := reasons(t, client, using("one")); len(counts) > 0 {
					t.Errorf("findings %v", counts)
				}
				first := server.requests() // after a 403 the session is renewed, and the request repeated
				elapse(c.again - time.Second)
				if counts := reasons(t, client, using("one")); len(counts) > 0 || server.requests() != first {
					t.Errorf("findings %v and %d requests too early", counts, server.requests()-first)
				}
				elapse(time.Second)
				server.schema = nil
				if counts := reasons(t, client, using("one")); counts["InvalidConfiguration"] != 1 || server.requests() != first+1 {
					t.Errorf("findings %v after %d more requests", counts, server.requests()-first)
				}
			})
		})
	}
}

// TestSchemasAreKept for ten minutes.
func TestSchemasAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &catalogue{}
		client := catalogueClient(t, server)
		for range 3 {
			reasons(t, client, using("one", "two"))
			elapse(10*time.Minute - time.Second)
			reasons(t, client, using("one", "two"))
			elapse(time.Second)
		}
		if server.requests() != 6 {
			t.Errorf("%d requests, want 6", server.requests())
		}
	})
}

// TestVerdictsOutliveTheServer: what is known holds until the server tells something else, and nobody waits for that.
func TestVerdictsOutliveTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &catalogue{}
		client := catalogueClient(t, server)
		invalid := func() int {
			t.Helper()
			before := time.Now()
			counts := reasons(t, client, using("one"))
			if waited := time.Since(before); waited > 0 {
				t.Errorf("somebody waited for %s", waited)
			}
			synctest.Wait() // a fetch that was begun has its answer
			return counts["InvalidConfiguration"]
		}
		if invalid() != 1 {
			t.Fatal("no verdict at first")
		}
		server.schema = func(*http.Request) (*http.Response, error) { return reply(502, nil, ""), nil }
		for range 30 {
			elapse(time.Minute)
			if invalid() != 1 {
				t.Error("an outage takes the verdict away")
			}
		}
		server.schema = func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}
		for range 300 {
			elapse(time.Second)
			if invalid() != 1 {
				t.Error("a slow server takes the verdict away")
			}
		}
		server.schema = func(*http.Request) (*http.Response, error) { return reply(404, nil, ""), nil }
		elapse(2 * time.Minute)
		invalid()
		if invalid() != 0 {
			t.Error("a schema that is gone is still used")
		}
	})
}

// TestOneFetchForAll: all who ask at once share one request, also when the first one leaves.
func TestOneFetchForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		proceed := make(chan struct{})
		server := &catalogue{schema: func(r *http.Request) (*http.Response, error) {
			select {
			case <-proceed:
				return reply(200, nil, numberSchema), nil
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		}}
		client := catalogueClient(t, server)
		leaving, leave := context.WithCancel(t.Context())
		gone := make(chan error, 1)
		go func() {
			_, err := client.APIs().Review(leaving, using("one"))
			gone <- err
		}()
		synctest.Wait() // the first one has begun the fetch
		leave()
		if err := <-gone; err != nil {
			t.Errorf("who leaves gets %v", err)
		}
		found := make(chan int, 5)
		for range 5 {
			go func() { found <- reasons(t, client, using("one"))["InvalidConfiguration"] }()
		}
		synctest.Wait()
		close(proceed)
		for range 5 {
			if n := <-found; n != 1 {
				t.Errorf("%d findings", n)
			}
		}
		if server.requests() != 1 {
			t.Errorf("%d requests", server.requests())
		}
	})
}

// TestNobodyWaits: a server that never tells its schemas delays nobody by more than a second, isn't asked all the time, and isn't taken for
// one that is down.
func TestNobodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &catalogue{schema: func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}}
		client := catalogueClient(t, mapi.NewTransport(server, mapi.TransportOptions{FailureThreshold: 1, OpenFor: time.Hour}))
		begin := time.Now()
		waited := func() time.Duration {
			before := time.Now()
			if counts := reasons(t, client, using("one", "two", "three")); len(counts) > 0 {
				t.Errorf("findings %v", counts)
			}
			return time.Since(before)
		}
		if first := waited(); first != time.Second {
			t.Errorf("the first one waited for %s", first)
		}
		for time.Since(begin) < 50*time.Second {
			if next := waited(); next > 0 {
				t.Errorf("after %s somebody waited for %s", time.Since(begin), next)
			}
			elapse(100 * time.Millisecond)
		}
		if server.requests() != 3 {
			t.Errorf("%d requests within a minute", server.requests())
		}
		if _, err := client.APIs().Observe(t.Context(), mapi.Ref{ID: "i"}); err != nil {
			t.Errorf("the server is taken for one that is down: %v", err)
		}
		elapse(time.Minute)
		server.schema = nil
		if counts := reasons(t, client, using("one", "two", "three")); counts["InvalidConfiguration"] != 3 {
			t.Errorf("findings %v when it tells them again", counts)
		}
	})
}

// TestManyFindings: ten are told one by one, the gravest first, and the rest is counted.
func TestManyFindings(t *testing.T) {
	client := catalogueClient(t, &catalogue{schema: func(*http.Request) (*http.Response, error) {
		return reply(200, nil, `{"additionalProperties":false,"properties":{"n":{"type":"integer"}}}`), nil
	}})
	configuration := map[string]any{"n": "many"}
	for i := range 20 {
		configuration[fmt.Sprintf("x%02d", i)] = 1
	}
	api := sampleAPI(1)
	api.Definition["flows"] = []any{map[string]any{"pre": []any{map[string]any{"policy": "one", "configuration": configuration}}}}
	found, err := client.APIs().Review(t.Context(), api)
	if err != nil {
		t.Fatal(err)
	}
	invalid := slices.DeleteFunc(found, func(f mapi.Finding) bool { return f.Reason != mapi.ReasonInvalidConfiguration })
	if len(invalid) != 11 || !slices.IsSortedFunc(invalid, func(a, b mapi.Finding) int { return strings.Compare(a.Path, b.Path) }) {
		t.Errorf("%d findings: %s", len(invalid), shown(invalid))
	}
	refused := slices.IndexFunc(invalid, func(f mapi.Finding) bool { return f.Severity == mapi.Refused })
	if refused < 0 || invalid[refused].Path != "flows[0].pre[0].configuration.n" {
		t.Errorf("the gravest isn't among %s", shown(invalid))
	}
	if last := invalid[10].Message; !strings.HasPrefix(last, "This and 10 more values ") {
		t.Errorf("the rest: %s", last)
	}
}

// TestConfigurationFindings: what people read.
func TestConfigurationFindings(t *testing.T) {
	_, url := startSimulator(t, recordedWorld())
	client := dial(t, configFor(url), gravitee.Options{})
	api := sampleAPI(1)
	step := func(policy string, configuration any) map[string]any {
		return map[string]any{"policy": policy, "enabled": true, "configuration": configuration}
	}
	api.Definition["flows"] = []any{map[string]any{"enabled": true, "pre": []any{
		step("rate-limit", map[string]any{"rate": map[string]any{"limit": "s3cret", "periodTimeUnit": "s3cret"}}),
		step("transform-headers", map[string]any{"adHeaders": []any{"s3cret"}}),
		step("mock", map[string]any{"status": "{#s3cret}"}),
	}}}
	firstPlan(api.Definition)["flows"] = []any{map[string]any{"enabled": true, "post": []any{step("rate-limit", nil)}}}
	api.Definition["resources"] = []any{map[string]any{"name": "idp", "type": "oauth2", "configuration": map[string]any{
		"clientId": "gw", "clientSecret": int64(4711), "introspectionEndpoint": "/i"}}}
	found, err := client.APIs().Review(t.Context(), api)
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]string{}
	for _, finding := range found {
		told[finding.Path+" "+finding.Severity.String()] = finding.Message
	}
	want := map[string]string{
		" info": "Configurations were compared with the schemas of the management API.",
		"flows[0].pre[0].configuration.rate.limit refused":          `The configuration of the policy rate-limit doesn't fit its schema: rate.limit must be of the type integer, and is of the type string; correct it.`,
		"flows[0].pre[0].configuration.rate.periodTimeUnit refused": `The configuration of the policy rate-limit doesn't fit its schema: rate.periodTimeUnit must be one of "SECONDS", "MINUTES"; correct it.`,
		"flows[0].pre[1].configuration.adHeaders warning":           `The configuration of the policy transform-headers doesn't fit its schema: adHeaders isn't known to it; the management API drops it; correct its name, or take it out.`,
		"plans[open].flows[0].post[0].configuration.rate refused":   `The configuration of the policy rate-limit doesn't fit its schema: rate is required, and missing; correct it.`,
		"resources[idp].configuration.clientSecret refused":         `The configuration of the resource idp doesn't fit its schema: clientSecret must be of the type string, and is of the type integer; correct it.`,
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	paths := slices.Sorted(maps.Keys(told))
	if len(paths) != len(found) {
		t.Errorf("something is told twice: %s", shown(found))
	}
}

// elapse lets time pass in a bubble of package synctest.
func elapse(d time.Duration) { <-time.After(d) }
