// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package simulator_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xeipuuv/gojsonschema"

	"github.com/apisync/apisync/test/simulator"
)

const (
	policySchemas   = "/management/v2/organizations/DEFAULT/plugins/policies/"
	resourceSchemas = e + "/resources/"
)

// schemaAt gives a schema of the simulator; nil if it has none.
func (r *rig) schemaAt(t *testing.T, path string) *gojsonschema.Schema {
	t.Helper()
	got := r.do(t, "GET", path+"/schema", nil)
	if got.status == 404 {
		return nil
	}
	schema, err := gojsonschema.NewSchema(gojsonschema.NewGoLoader(got.body))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return schema
}

// configuration is one of a recorded definition, with the path of its schema.
type configuration struct {
	path  string
	value any
}

func configurations(definition map[string]any) []configuration {
	var found []configuration
	flows := list(definition["flows"])
	for _, plan := range list(definition["plans"]) {
		flows = append(flows, list(plan["flows"])...)
	}
	for _, flow := range flows {
		for _, step := range append(list(flow["pre"]), list(flow["post"])...) {
			found = append(found, configuration{policySchemas + step["policy"].(string), step["configuration"]})
		}
	}
	for _, resource := range list(definition["resources"]) {
		if kind, inline := resource["type"].(string); inline {
			found = append(found, configuration{resourceSchemas + kind, resource["configuration"]})
		}
	}
	return found
}

func list(value any) []map[string]any {
	var found []map[string]any
	elements, _ := value.([]any)
	for _, element := range elements {
		found = append(found, element.(map[string]any))
	}
	return found
}

// TestSchemasTakeRecordedConfigurations: what the real server accepted may not be refused.
func TestSchemasTakeRecordedConfigurations(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../api/v1alpha1/testdata/cases/*/puts.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded cases: %v", err)
	}
	r := start(t, simulator.Options{})
	judged := 0
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var puts []struct{ Request map[string]any }
		if err := json.Unmarshal(content, &puts); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, put := range puts {
			for _, recorded := range configurations(put.Request) {
				schema := r.schemaAt(t, recorded.path)
				if schema == nil {
					continue
				}
				result, err := schema.Validate(gojsonschema.NewGoLoader(recorded.value))
				if err != nil || !result.Valid() {
					t.Errorf("%s: %s: %v %v", file, recorded.path, err, result)
				}
				judged++
			}
		}
	}
	if judged < 8 {
		t.Errorf("only %d configurations judged", judged)
	}
}

func TestSchemas(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		why, path, value string
		valid            bool
	}{
		{"a limit", policySchemas + "rate-limit", `{"rate":{"limit":1}}`, true},
		{"a limit that is no number", policySchemas + "rate-limit", `{"rate":{"limit":"many"}}`, false},
		{"a unit that doesn't exist", policySchemas + "rate-limit", `{"rate":{"periodTimeUnit":"YEARS"}}`, false},
		{"no header's name", policySchemas + "transform-headers", `{"addHeaders":[{"value":"x"}]}`, false},
		{"a status", policySchemas + "mock", `{"status":"418"}`, true},
		{"no status", policySchemas + "mock", `{"status":"9"}`, false},
		{"a policy without a schema of its own takes everything", policySchemas + "xslt", `{"a":{"b":[1]}}`, true},
		{"a cache", resourceSchemas + "cache", `{"name":"c"}`, true},
		{"a cache without a name", resourceSchemas + "cache", `{}`, false},
		{"a provider", resourceSchemas + "oauth2", `{"clientId":"a","clientSecret":"b","introspectionEndpoint":"/i"}`, true},
		{"a provider without a secret", resourceSchemas + "oauth2", `{"clientId":"a","introspectionEndpoint":"/i"}`, false},
		{"one of two kinds", resourceSchemas + "cache-redis", `{"name":"c","standalone":{"host":"h"}}`, true},
		{"none of two kinds", resourceSchemas + "cache-redis", `{"name":"c"}`, false},
	} {
		t.Run(c.why, func(t *testing.T) {
			t.Parallel()
			r := start(t, simulator.Options{})
			result, err := r.schemaAt(t, c.path).Validate(gojsonschema.NewStringLoader(c.value))
			if err != nil || result.Valid() != c.valid {
				t.Errorf("%v %v", err, result)
			}
		})
	}
	t.Run("what isn't installed has none", func(t *testing.T) {
		t.Parallel()
		r := start(t, simulator.Options{Policies: []string{"mock"}, Resources: []string{"cache"}})
		for _, path := range []string{policySchemas + "rate-limit", resourceSchemas + "oauth2"} {
			if got := r.must(t, 404, "GET", path+"/schema", nil).object(t); got["technicalCode"] != "plugin.notFound" {
				t.Errorf("%s: %v", path, got)
			}
		}
		if got := r.must(t, 200, "GET", strings.TrimSuffix(resourceSchemas, "/"), nil).body.([]any); len(got) != 1 {
			t.Errorf("resources: %v", got)
		}
	})
}
