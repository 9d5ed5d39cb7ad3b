// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package plan_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/apisync/apisync/internal/plan"
)

// onlyLocal is an API that no management API knows.
func onlyLocal(t *testing.T) string {
	t.Helper()
	return replaced(t, ordersYAML, "  contextRef: {name: ctx}\n", "  local: true\n")
}

// served are the operations on ConfigMaps.
func served(o plan.Object) []string {
	var found []string
	for _, write := range o.Writes {
		if write.ConfigMap != "" {
			found = append(found, write.Operation+" "+write.ConfigMap)
		}
	}
	return found
}

func TestLocalAPIs(t *testing.T) {
	alone := onlyLocal(t)
	both := replaced(t, ordersYAML, "spec:\n", "spec:\n  local: true\n")
	somebody := `
apiVersion: v1
kind: ConfigMap
metadata: {namespace: ns, name: orders}
data: {anything: else}
`
	editConfigMap := func(s *scene) {
		for _, configMap := range s.listConfigMaps() {
			configMap.Data["definition"] = strings.Replace(configMap.Data["definition"], "Takes orders", "by hand", 1)
			if err := s.client.Update(s.t.Context(), &configMap); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	cases := map[string]struct {
		why     string
		have    []string
		prepare func(*scene)
		file    string
		remove  bool
		verdict plan.Verdict
		reason  string
		served  []string
		changes string
	}{
		"new": {
			"gateways get it", nil, nil, alone, false, plan.VerdictCreate, "its ConfigMap doesn't exist yet",
			[]string{"create ns/orders"}, "description: <nil> -> Takes orders",
		},
		"at rest": {
			"nothing is written", []string{alone}, nil, alone, false, plan.VerdictNone,
			"The gateways of this cluster read it from ConfigMap ns/orders", nil, "",
		},
		"changed": {
			"gateways read something else", []string{alone}, nil, replaced(t, alone, "Takes orders", "Takes all orders"), false, plan.VerdictUpdate,
			"the wanted state changes", []string{"update ns/orders"}, "description: Takes orders -> Takes all orders",
		},
		"edited elsewhere": {
			"it is put right", []string{alone}, editConfigMap, alone, false, plan.VerdictUpdate,
			"its ConfigMap isn't as wanted", []string{"update ns/orders"}, "description: by hand -> Takes orders",
		},
		"stopped": {
			"gateways don't serve it any more", []string{alone}, nil, replaced(t, alone, "spec:\n", "spec:\n  state: STOPPED\n"), false, plan.VerdictUpdate,
			"no gateway of this cluster is to read it any more", []string{"delete ns/orders"}, "",
		},
		"deleted": {
			"gateways don't serve it any more", []string{alone}, nil, alone, true, plan.VerdictDelete,
			"the resource is to be deleted", []string{"delete ns/orders"}, "",
		},
		"somebody else's ConfigMap": {
			"it is left alone", []string{somebody}, nil, alone, false, plan.VerdictRefused, "", nil, "",
		},
		"somebody else's ConfigMap in the files": {
			"it would be there", nil, nil, alone + "---" + somebody, false, plan.VerdictRefused, "", nil, "",
		},
		"published too": {
			"both are written", []string{contextYAML}, nil, both, false, plan.VerdictCreate, "it doesn't exist yet", []string{"create ns/orders"}, "name: <nil> -> Orders",
		},
		"published too, edited for gateways": {
			"only the ConfigMap is written", []string{contextYAML, both}, editConfigMap, both, false, plan.VerdictUpdate,
			"its ConfigMap isn't as wanted", []string{"update ns/orders"}, "description: by hand -> Takes orders",
		},
		"not local any more": {
			"the ConfigMap goes", []string{contextYAML, both}, nil, ordersYAML, false, plan.VerdictUpdate,
			"the wanted state changes", []string{"delete ns/orders"}, "definition_context.syncFrom",
		},
		"published, and now only local": {
			"what was published stays, and is told", []string{contextYAML, ordersYAML}, nil, alone, false, plan.VerdictCreate,
			"its ConfigMap doesn't exist yet", []string{"create ns/orders"}, "",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.have(c.have...)
			if c.prepare != nil {
				c.prepare(s)
			}
			before := s.configMaps()
			options := s.options(c.file)
			options.Delete = c.remove
			report := s.plans(options)
			o := object(t, report, "ns/orders")
			if o.Verdict != c.verdict || o.Reason != c.reason {
				t.Errorf("%s, since %q, %+v: %s", o.Verdict, o.Reason, o.Fault, c.why)
			}
			if diff := gocmp.Diff(c.served, served(o)); diff != "" {
				t.Errorf("ConfigMaps (-want +got): %s\n%s", c.why, diff)
			}
			if got := strings.Join(lines(o.Changes), "\n"); !strings.Contains(got, c.changes) {
				t.Errorf("%q isn't among the changes:\n%s", c.changes, got)
			}
			if diff := gocmp.Diff(before, s.configMaps()); diff != "" {
				t.Errorf("the plan wrote:\n%s", diff)
			}
			for _, one := range c.served {
				if text := textOf(t, report, plan.TextOptions{}); !strings.Contains(text, strings.Replace(one, " ", " ConfigMap ", 1)) {
					t.Errorf("%s isn't told:\n%s", one, text)
				}
			}
			if changes := len(c.served) > 0; changes != (report.ExitCode() == plan.ExitChanges) && c.verdict != plan.VerdictRefused {
				t.Errorf("exit code %d", report.ExitCode())
			}
		})
	}
}

func TestWhatStaysOfALocalAPI(t *testing.T) {
	s := newScene(t)
	s.have(contextYAML, ordersYAML)
	id := s.sim.APIs()[0].ID
	o := object(t, s.plans(s.options(onlyLocal(t))), "ns/orders")
	if !slices.ContainsFunc(o.Warnings, func(warning string) bool { return strings.Contains(warning, "API "+id+" stays in the management API") }) {
		t.Errorf("warnings %v", o.Warnings)
	}
	somebody := `
apiVersion: v1
kind: ConfigMap
metadata: {namespace: ns, name: orders}
`
	both := replaced(t, ordersYAML, "spec:\n", "spec:\n  local: true\n", "Takes orders", "Takes all orders")
	o = object(t, s.plans(s.options(both, somebody)), "ns/orders")
	if o.Verdict != plan.VerdictRefused || o.Fault.Kind != "conflict" || !slices.ContainsFunc(o.Warnings, func(warning string) bool { return strings.Contains(warning, "all the same") }) {
		t.Errorf("what is written before the ConfigMap is refused is told: %+v", o)
	}
}

// What gateways read is put right although the management API is down.
func TestLocalAPIWithoutItsContext(t *testing.T) {
	s := newScene(t)
	both := replaced(t, ordersYAML, "spec:\n", "spec:\n  local: true\n")
	s.have(contextYAML, both)
	for _, configMap := range s.listConfigMaps() {
		if err := s.client.Delete(t.Context(), &configMap); err != nil {
			t.Fatal(err)
		}
	}
	s.wire.sim = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	report := s.plans(s.options(both))
	o := object(t, report, "ns/orders")
	if o.Verdict != plan.VerdictUpdate || len(served(o)) != 1 || len(o.Warnings) != 1 || report.ExitCode() != plan.ExitError {
		t.Errorf("%+v, exit code %d", o, report.ExitCode())
	}
}

// A left ConfigMap is found by one list for all APIs; without that right, only local ones are looked at.
func TestRightsOnConfigMaps(t *testing.T) {
	both := replaced(t, ordersYAML, "spec:\n", "spec:\n  local: true\n")
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, "", nil)
	counted := func(s *scene, mayList, mayGet bool, gets, lists *int) client.Reader {
		return interceptor.NewClient(s.client, interceptor.Funcs{
			Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
				if _, configMap := object.(*corev1.ConfigMap); configMap {
					if *gets++; !mayGet {
						return forbidden
					}
				}
				return c.Get(ctx, key, object, options...)
			},
			List: func(ctx context.Context, c client.WithWatch, objects client.ObjectList, options ...client.ListOption) error {
				if _, metadata := objects.(*metav1.PartialObjectMetadataList); metadata {
					if *lists++; !mayList {
						return forbidden
					}
				}
				return c.List(ctx, objects, options...)
			},
		})
	}
	cases := map[string]struct {
		why               string
		mayList, mayGet   bool
		file              string
		verdict           plan.Verdict
		served            []string
		gets, lists       int
		noted, namesRight bool
	}{
		"all rights":     {"one list and the one that is there", true, true, ordersYAML, plan.VerdictUpdate, []string{"delete ns/orders"}, 1, 1, false, false},
		"no list":        {"it was local, so it is asked for", false, true, ordersYAML, plan.VerdictUpdate, []string{"delete ns/orders"}, 1, 1, true, false},
		"no right":       {"what gateways read can't be told", false, false, both, plan.VerdictUnknown, nil, 1, 0, false, true},
		"never local":    {"no request is wasted on it", true, true, replaced(t, ordersYAML, "name: orders}", "name: plain}", "/orders", "/plain"), plan.VerdictCreate, nil, 0, 1, false, false},
		"never local, -": {"nothing is known of it", false, false, replaced(t, ordersYAML, "name: orders}", "name: plain}", "/orders", "/plain"), plan.VerdictCreate, nil, 0, 1, true, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.have(contextYAML, both)
			var gets, lists int
			options := s.options(c.file)
			options.Cluster = counted(s, c.mayList, c.mayGet, &gets, &lists)
			report := s.plans(options)
			o := object(t, report, "ns/"+options.Objects[0].GetName())
			if diff := gocmp.Diff(c.served, served(o)); o.Verdict != c.verdict || diff != "" || gets != c.gets || lists != c.lists {
				t.Errorf("%s, %d gets, %d lists, ConfigMaps (-want +got): %s\n%s", o.Verdict, gets, lists, c.why, diff)
			}
			if c.namesRight && !strings.Contains(o.Fault.Message, "ask for the right to get configmaps in namespace ns") {
				t.Errorf("fault %+v", o.Fault)
			}
			if noted := strings.Contains(strings.Join(report.Notes, "\n"), "listing configmaps in all namespaces"); noted != c.noted {
				t.Errorf("notes %v", report.Notes)
			}
		})
	}
}

func TestDeletionThatIsOnlyLocal(t *testing.T) {
	s := newScene(t)
	orphan := replaced(t, ordersYAML, "spec:\n", "spec:\n  local: true\n", "name: orders}", "name: orders, labels: {team: a}, annotations: {apisync.github.io/deletion-policy: orphan}}")
	s.have(contextYAML, orphan)
	options := s.options(contextYAML)
	options.Prune = labels.Everything()
	o := object(t, s.plans(options), "ns/orders")
	if o.Verdict != plan.VerdictDelete || len(o.Warnings) != 1 || len(served(o)) != 1 || len(o.Writes) != 1 {
		t.Errorf("what gateways read goes, what is in the management API stays and is told: %+v", o)
	}
}
