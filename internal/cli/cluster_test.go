// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"sigs.k8s.io/yaml"
)

// cluster answers as much of an API server's calls as the commands make. Whatever isn't a read fails the test.
type cluster struct {
	*httptest.Server

	mu sync.Mutex
	// objects are the items of a list, by the plural of their kind.
	objects map[string][]any
	// forbidden are plurals that nobody may read.
	forbidden map[string]bool
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{
		objects:   map[string][]any{"namespaces": {named("orders"), named("payments")}},
		forbidden: map[string]bool{},
	}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			t.Errorf("%s %s: a command writes to the cluster", r.Method, r.URL)
		}
		c.answer(w, r)
	}))
	t.Cleanup(c.Close)
	return c
}

// add puts an object into the cluster.
func (c *cluster) add(t *testing.T, plural, manifest string) {
	t.Helper()
	var object map[string]any
	if err := yaml.Unmarshal([]byte(manifest), &object); err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.objects[plural] = append(c.objects[plural], object)
}

func named(name string) map[string]any {
	return map[string]any{"metadata": map[string]any{"name": name}}
}

func (c *cluster) answer(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	segments := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	plural := segments[len(segments)-1]
	switch r.URL.Path {
	case "/api":
		fmt.Fprint(w, `{"kind":"APIVersions","versions":["v1"]}`)
		return
	case "/apis":
		fmt.Fprint(w, `{"kind":"APIGroupList","apiVersion":"v1","groups":[{"name":"gravitee.io","versions":[{"groupVersion":"gravitee.io/v1alpha1","version":"v1alpha1"}],`+
			`"preferredVersion":{"groupVersion":"gravitee.io/v1alpha1","version":"v1alpha1"}}]}`)
		return
	case "/api/v1":
		fmt.Fprint(w, `{"kind":"APIResourceList","groupVersion":"v1","resources":[{"name":"namespaces","kind":"Namespace","verbs":["list"]},`+
			`{"name":"configmaps","namespaced":true,"kind":"ConfigMap","verbs":["get","list"]},{"name":"secrets","namespaced":true,"kind":"Secret","verbs":["get"]}]}`)
		return
	case "/apis/gravitee.io/v1alpha1":
		var resources []any
		for plural, kind := range kinds() {
			resources = append(resources, map[string]any{"name": plural, "namespaced": true, "kind": kind, "verbs": []string{"list"}})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"kind": "APIResourceList", "groupVersion": "gravitee.io/v1alpha1", "resources": resources})
		return
	}
	items, known := c.objects[plural]
	if found := c.named(segments); found != nil {
		_ = json.NewEncoder(w).Encode(found)
		return
	}
	switch {
	case c.forbidden[plural] || len(segments) > 1 && c.forbidden[segments[len(segments)-2]]:
		status(w, http.StatusForbidden, "Forbidden")
	case known || kinds()[plural] != "" || plural == "configmaps":
		if items == nil {
			items = []any{}
		}
		kind := map[string]string{"namespaces": "NamespaceList", "configmaps": "PartialObjectMetadataList"}[plural]
		if kind == "" {
			kind = kinds()[plural] + "List"
		}
		version := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/apis/"), "/api/")
		version = version[:strings.LastIndex(version, "/")]
		_ = json.NewEncoder(w).Encode(map[string]any{"kind": kind, "apiVersion": version, "metadata": map[string]any{"resourceVersion": "1"}, "items": items})
	default:
		status(w, http.StatusNotFound, "NotFound")
	}
}

// kinds are ours, by their plurals.
func kinds() map[string]string {
	return map[string]string{
		"apidefinitions": "ApiDefinition", "managementcontexts": "ManagementContext", "apiresources": "ApiResource", "groups": "Group",
		"notifications": "Notification",
	}
}

// named finds the object that a path ends with; nil if it doesn't end with one.
func (c *cluster) named(segments []string) any {
	if len(segments) < 3 {
		return nil
	}
	for _, item := range c.objects[segments[len(segments)-2]] {
		if item.(map[string]any)["metadata"].(map[string]any)["name"] == segments[len(segments)-1] {
			return item
		}
	}
	return nil
}

func status(w http.ResponseWriter, code int, reason string) {
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code})
}

// kubeconfig leads to the cluster; its context has a namespace.
func (c *cluster) kubeconfig(t *testing.T) string {
	t.Helper()
	content := `apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "` + c.URL + `"}}]
users: [{name: u, user: {token: none}}]
contexts:
- {name: test, context: {cluster: c, user: u, namespace: team}}
- {name: another, context: {cluster: c, user: u, namespace: elsewhere}}
current-context: test
`
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
