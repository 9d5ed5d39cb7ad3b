// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/mapi/gravitee"
	"github.com/apisync/apisync/internal/model"
	"github.com/apisync/apisync/internal/orphan"
)

const (
	ownedID  = "11111111-1111-4111-8111-111111111111"
	orphanID = "22222222-2222-4222-8222-222222222222"
)

// publish writes an API with the mark of a cluster.
func publish(t *testing.T, url, id, name, clusterID string) {
	t.Helper()
	client, err := gravitee.New(gravitee.Options{}).Dial(mapi.Config{
		Name: "team/ctx", BaseURL: url, Scope: map[string]string{"organizationId": "DEFAULT", "environmentId": "DEFAULT"},
		Credentials: mapi.Credentials{Username: "admin", Password: password},
	}, http.DefaultTransport)
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.APIs().Apply(t.Context(), model.API{
		Name: "team/" + name, Key: name, ID: id, Cluster: clusterID,
		Definition: map[string]any{
			"id": id, "crossId": name, "name": name, "version": "1", "description": "d", "state": "STOPPED",
			"definition_context": map[string]any{"origin": "kubernetes", "mode": "fully_managed", "syncFrom": "MANAGEMENT"},
			"proxy":              map[string]any{"virtual_hosts": []any{map[string]any{"path": "/" + name}}, "groups": []any{}},
		},
	}, mapi.Commit)
	if err != nil {
		t.Fatal(err)
	}
}

func TestOrphans(t *testing.T) {
	s := newStage(t)
	sim, url := startManagementAPI(t)
	c := newCluster(t)
	c.add(t, "managementcontexts", managementContext("team", url))
	c.add(t, "apidefinitions", strings.Replace(api("owned", ""), "  name: owned\nspec", "  name: owned\n  namespace: team\nspec", 1)+"status: {id: "+ownedID+", crossId: owned}\n")
	publish(t, url, ownedID, "owned", "east")
	publish(t, url, orphanID, "orphan", "east")
	base := []string{"orphans", "--kubeconfig=" + c.kubeconfig(t), "--cluster-id=east"}

	s.run(base...).check(t, 2, []string{orphanID, "ManagementContext team/ctx"}, nil)
	s.run(append(base, "team/ctx")...).check(t, 2, []string{orphanID}, nil)
	s.run(append(base, "ctx", "-n", "team")...).check(t, 2, []string{orphanID}, nil)
	r := s.run(append(base, "-o", "json")...)
	var report orphan.Report
	if err := json.Unmarshal([]byte(r.out), &report); err != nil || report.Count() != 1 || report.Proven != 1 {
		t.Errorf("%v in\n%s", err, r.out)
	}
	// Nobody is there to be asked.
	s.run(append(base, "--delete")...).check(t, 1, nil, []string{orphanID, "nothing was deleted", "--yes"})
	if len(sim.APIs()) != 2 {
		t.Fatal("an API is gone that nobody asked to delete")
	}
	// The plan goes before, and the output is one document.
	r = s.run(append(base, "--delete", "--yes", "-o", "json")...)
	r.check(t, 0, []string{`"deleted"`, orphanID}, []string{orphanID})
	var removal orphan.Removal
	if err := json.Unmarshal([]byte(r.out), &removal); err != nil || len(removal.Items) != 1 {
		t.Errorf("%v in\n%s", err, r.out)
	}
	if left := sim.APIs(); len(left) != 1 || left[0].ID != ownedID {
		t.Errorf("left: %v", left)
	}
	s.run(base...).check(t, 0, []string{"0 orphans"}, nil)
	if strings.Contains(r.out+r.err, password) {
		t.Error("the password shows")
	}
}

// TestOrphansOfAnotherCluster: with the wrong kubeconfig, everything looks like an orphan.
func TestOrphansOfAnotherCluster(t *testing.T) {
	s := newStage(t)
	sim, url := startManagementAPI(t)
	c := newCluster(t)
	c.add(t, "managementcontexts", managementContext("team", url))
	publish(t, url, ownedID, "owned", "east")
	base := []string{"orphans", "--kubeconfig=" + c.kubeconfig(t), "--cluster-id=east", "--delete", "--yes"}
	s.run(base...).check(t, 1, nil, []string{"nothing was deleted", "--unproven"})
	if len(sim.APIs()) != 1 {
		t.Error("it was deleted")
	}
	s.run(append(base, "--unproven")...).check(t, 0, []string{"1 deleted"}, nil)
}

func TestMistakesWithOrphans(t *testing.T) {
	cases := map[string]struct{ args, want []string }{
		"no cluster id":      {[]string{"orphans"}, []string{"--cluster-id (CLUSTER_ID)"}},
		"no cluster":         {[]string{"orphans", "--cluster-id=east"}, []string{"KUBECONFIG"}},
		"an odd name":        {[]string{"orphans", "--cluster-id=east", "a/b/c"}, []string{"a/b/c", "NAMESPACE/NAME"}},
		"yes without delete": {[]string{"orphans", "--cluster-id=east", "--yes"}, []string{"--delete"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			newStage(t).run(c.args...).check(t, 1, nil, c.want)
		})
	}
}
