// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/test/simulator"
)

// published is an API in step, with a part of every kind.
func published(t *testing.T, change ...func(*simulator.Options)) *trial {
	t.Helper()
	s := newStage(t, change...)
	managed := &v1alpha1.ManagementContext{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "ctx", UID: "context-uid", Generation: 1},
		Spec: v1alpha1.ManagementContextSpec{
			BaseUrl: "http://management.test", OrganizationID: "DEFAULT", EnvironmentID: "DEFAULT",
			Auth: &v1alpha1.Auth{Credentials: &v1alpha1.BasicAuth{Username: "admin", Password: "admin"}},
		},
	}
	api := &v1alpha1.ApiDefinition{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "orders", UID: "0a000000-0000-4000-8000-000000000001", Generation: 1},
		Spec: v1alpha1.ApiDefinitionSpec{
			Name: "orders", Version: "1.0", Description: "orders service", State: "STARTED", LifecycleState: "CREATED",
			ContextRef: &v1alpha1.Reference{Name: "ctx"},
			Plans: []v1alpha1.Plan{
				{Name: "open", Description: "no key needed", Security: "KEY_LESS", Status: "PUBLISHED"},
				{Name: "keys", Description: "a key needed", Security: "API_KEY", Status: "PUBLISHED"},
			},
			Proxy: &v1alpha1.Proxy{VirtualHosts: []v1alpha1.VirtualHost{{Path: "/orders"}}},
		},
	}
	for _, object := range []client.Object{managed, api} {
		if err := s.client.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	s.settle()
	on := &trial{stage: s, key: types.NamespacedName{Namespace: "shop", Name: "orders"}}
	on.stored = on.api(on.key)
	if !isReady(on.stored) {
		t.Fatalf("not in step: %v", on.stored.Status.Conditions)
	}
	on.content, _ = s.sim.Content(on.stored.Status.ID)
	on.told.clear()
	return on
}

func (on *trial) id() string { return on.stored.Status.ID }

// annotate changes an annotation of the API; an empty value removes it.
func (on *trial) annotate(object client.Object, name, value string) {
	on.t.Helper()
	annotations := object.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[name] = value
	if value == "" {
		delete(annotations, name)
	}
	object.SetAnnotations(annotations)
	if err := on.client.Update(on.t.Context(), object); err != nil {
		on.t.Fatal(err)
	}
}

// rotate lets the rotation look at the API.
func (on *trial) rotate() {
	on.t.Helper()
	on.clock.set(on.clock.Now().Add(stageRotation))
	on.reconcile(on.key)
}

// Changes of a whole API behind the operator's back, and what comes of them.
func TestDriftOfTheWhole(t *testing.T) {
	for name, c := range map[string]struct {
		reason string
		change func(on *trial) error
		seen   string
		// drift is what metrics count, status and drifted are of the condition.
		drift   []string
		status  metav1.ConditionStatus
		drifted string
		// writes are how many are carried out.
		writes int
		// elsewhere is true when the API has another id afterwards.
		elsewhere bool
	}{
		"deleted": {"it comes back under its ids", func(on *trial) error { return on.sim.RemoveAPI(on.id()) },
			byMarker, []string{"deleted", "corrected"}, "False", "Corrected", 1, false},
		"deleted, and the search still shows it": {"the rotation sees it", func(on *trial) error {
			on.sim.LagSearch(simulator.Place{}, true)
			return on.sim.RemoveAPI(on.id())
		}, byRotation, []string{"deleted", "corrected"}, "False", "Corrected", 1, false},
		"missing in the search": {"it is looked for by its id, and found", func(on *trial) error { return on.sim.HideFromSearch(on.id()) },
			byMarker, nil, "False", "InStep", 0, false},
		"made again by a person": {"it is found by its crossId and becomes ours again", func(on *trial) error { return second(on.sim.Recreate(on.id(), false)) },
			byMarker, []string{"edited", "corrected"}, "False", "Corrected", 1, true},
		"made again by another operator": {"crossIds of plans follow from the id, so they aren't as wanted", func(on *trial) error { return second(on.sim.Recreate(on.id(), true)) },
			byMarker, []string{"edited", "corrected"}, "False", "Corrected", 1, true},
		"given to people": {"the search for managed APIs doesn't show it any more", func(on *trial) error { return on.sim.SetManaged(on.id(), false) },
			byMarker, []string{"edited", "corrected"}, "False", "Corrected", 1, false},
		"deployed": {"only its marker moved", (*trial).deploy, byMarker, nil, "False", "InStep", 0, false},
		"picture": {"nothing that is read shows it", func(on *trial) error { return on.sim.SetPicture(on.id(), []byte{1}) },
			byRotation, nil, "False", "InStep", 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			on := published(t)
			writes := len(on.sim.Writes())
			if err := c.change(on); err != nil {
				t.Fatal(err)
			}
			if seen := on.look(); seen != c.seen {
				t.Errorf("%s: %s", c.reason, seen)
			}
			drifted := driftedOn(on.api(on.key))
			if !slices.Equal(on.told.drift, c.drift) || drifted.Status != c.status || drifted.Reason != c.drifted {
				t.Errorf("%s: metrics tell %v, the condition %s %s: %s", c.reason, on.told.drift, drifted.Status, drifted.Reason, drifted.Message)
			}
			if n := len(on.sim.Writes()) - writes; n != c.writes {
				t.Errorf("%s: %d writes, want %d", c.reason, n, c.writes)
			}
			on.stored = on.api(on.key)
			after, exists := on.sim.Content(on.id())
			if !exists || !isReady(on.stored) {
				t.Fatalf("%s: %v", c.reason, on.stored.Status.Conditions)
			}
			if c.elsewhere {
				after.Definition, after.Plans = on.content.Definition, on.content.Plans
			}
			if difference := cmp.Diff(on.content, after); difference != "" {
				t.Errorf("%s (-before +after):\n%s", c.reason, difference)
			}
			on.sim.LagSearch(simulator.Place{}, false)
			on.expectQuiet(mutation{op: name}, "")
		})
	}
}

func (on *trial) deploy() error { return on.sim.Deploy(on.id()) }

// squat makes another API with the path of the one that was published.
func (on *trial) squat() error {
	body := maps.Clone(on.wire.bodies[on.id()])
	body["id"], body["crossId"], body["plans"] = "0b000000-0000-4000-8000-000000000009", "0c000000-0000-4000-8000-000000000009", []any{}
	content, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request := httptest.NewRequestWithContext(on.t.Context(), http.MethodPut,
		"/management/organizations/DEFAULT/environments/DEFAULT/apis/import-crd?dryRun=false", bytes.NewReader(content))
	request.SetBasicAuth("admin", "admin")
	answer := httptest.NewRecorder()
	on.sim.ServeHTTP(answer, request)
	if answer.Code != http.StatusOK {
		return fmt.Errorf("import: %s", answer.Body)
	}
	return nil
}

func second[T any](_ T, err error) error { return err }

// A correction that the management API refuses is told once, and nothing is told again while it goes on refusing.
func TestDriftThatIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		reason  string
		change  func(on *trial) error
		drift   []string
		drifted string
	}{
		"deprecated": {"DEPRECATED is one-way (contract, part 6, 23)", func(on *trial) error {
			return on.sim.EditAPI(on.id(), func(definition map[string]any) { definition["lifecycle_state"] = "DEPRECATED" })
		}, []string{"edited"}, "Edited"},
		"deleted, and its path taken": {"a path belongs to one API", func(on *trial) error {
			return errors.Join(on.sim.RemoveAPI(on.id()), on.squat())
		}, []string{"deleted"}, "Deleted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			on := published(t)
			if err := c.change(on); err != nil {
				t.Fatal(err)
			}
			on.look()
			drifted := driftedOn(on.api(on.key))
			if !slices.Equal(on.told.drift, c.drift) || drifted.Status != metav1.ConditionTrue || drifted.Reason != c.drifted {
				t.Errorf("%s: metrics tell %v, the condition %s %s: %s", c.reason, on.told.drift, drifted.Status, drifted.Reason, drifted.Message)
			}
			on.told.clear()
			patches, before := len(on.patch.objects), on.api(on.key).Status
			for range 5 {
				on.look()
				on.rotate()
			}
			if len(on.told.events) > 0 || len(on.told.drift) > 0 || len(on.patch.objects) > patches {
				t.Errorf("%s: told again: %v %v (-before +after):\n%s", c.reason, on.told.events, on.told.drift, cmp.Diff(before, on.api(on.key).Status))
			}
		})
	}
}

// While the listing is read in pages, one API is written, and another one slips from one page to the page before, unseen. It is looked
// for by its id, and nothing comes of it.
func TestPagesThatShift(t *testing.T) {
	on := published(t, func(options *simulator.Options) { options.MaxPageSize = 2 })
	keys := []types.NamespacedName{on.key}
	for i := range 6 {
		another := on.api(on.key).DeepCopy()
		another.ObjectMeta = metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprint("api-", i), UID: types.UID(fmt.Sprintf("0a000000-0000-4000-8000-00000000010%d", i)), Generation: 1}
		another.Status = v1alpha1.ApiDefinitionStatus{}
		another.Spec.Proxy.VirtualHosts[0].Path = fmt.Sprint("/api-", i)
		if err := on.client.Create(t.Context(), another); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, client.ObjectKeyFromObject(another))
		on.reconcile(keys[i+1])
	}
	on.settle()
	on.told.clear()
	writes := len(on.sim.Writes())
	on.sim.OnPage(func(page int) {
		if page == 2 {
			on.sim.OnPage(nil)
			if err := on.sim.EditAPI(on.id(), func(definition map[string]any) { definition["description"] = "by hand" }); err != nil {
				t.Error(err)
			}
		}
	})
	on.look()
	if len(on.woken) < 2 {
		t.Errorf("only %v is looked at: no page shifted", on.woken)
	}
	for _, key := range keys {
		on.reconcile(key)
	}
	if n := len(on.sim.Writes()) - writes; n != 1 || !slices.Equal(on.told.drift, []string{"edited", "corrected"}) {
		t.Errorf("%d writes, and metrics tell %v", n, on.told.drift)
	}
}

// What a person does while an API is written, after the write and before it was read back, is drift like any other.
func TestDriftBetweenWriteAndVerification(t *testing.T) {
	on := published(t)
	if err := on.sim.EditAPI(on.id(), func(definition map[string]any) { definition["description"] = "first edit" }); err != nil {
		t.Fatal(err)
	}
	on.wire.after = func(request *http.Request) {
		if request.Method != http.MethodPut {
			return
		}
		on.wire.after = nil
		if err := on.sim.EditAPI(on.id(), func(definition map[string]any) { definition["version"] = "second edit" }); err != nil {
			t.Error(err)
		}
	}
	on.look()
	on.look()
	on.rotate()
	after, _ := on.sim.Content(on.id())
	if difference := cmp.Diff(on.content, after); difference != "" {
		t.Errorf("the second edit stays (-before +after):\n%s", difference)
	}
	if drifted := driftedOn(on.api(on.key)); drifted.Status != metav1.ConditionFalse {
		t.Errorf("the condition is %s %s: %s", drifted.Status, drifted.Reason, drifted.Message)
	}
}

// The policy decides what comes of drift; the API's wins over the context's.
func TestDriftPolicies(t *testing.T) {
	edit := func(on *trial) error {
		return on.sim.EditAPI(on.id(), func(definition map[string]any) { definition["description"] = "by hand" })
	}
	remove := func(on *trial) error { return on.sim.RemoveAPI(on.id()) }
	for name, c := range map[string]struct {
		onContext, onAPI string
		change           func(on *trial) error
		drift            []string
		status           metav1.ConditionStatus
		drifted          string
		writes           int
	}{
		"corrected by default":           {"", "", edit, []string{"edited", "corrected"}, "False", "Corrected", 1},
		"edit reported for the context":  {"report", "", edit, []string{"edited", "reported"}, "True", "Edited", 0},
		"edit reported for the API":      {"", "report", edit, []string{"edited", "reported"}, "True", "Edited", 0},
		"deletion reported":              {"report", "", remove, []string{"deleted", "reported"}, "True", "Deleted", 0},
		"the API's policy wins":          {"report", "correct", edit, []string{"edited", "corrected"}, "False", "Corrected", 1},
		"nobody looks for edits":         {"off", "", edit, nil, "", "", 0},
		"nobody looks for deletions":     {"", "off", remove, nil, "", "", 0},
		"the API's policy wins over off": {"off", "report", edit, []string{"edited", "reported"}, "True", "Edited", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			on := published(t)
			on.setPolicies(c.onContext, c.onAPI)
			on.told.clear()
			writes := len(on.sim.Writes())
			if err := c.change(on); err != nil {
				t.Fatal(err)
			}
			on.look()
			for range 3 {
				if drifted := driftedOn(on.api(on.key)); !slices.Equal(on.told.drift, c.drift) || drifted.Status != c.status || drifted.Reason != c.drifted {
					t.Errorf("metrics tell %v, the condition %s %s: %s", on.told.drift, drifted.Status, drifted.Reason, drifted.Message)
				}
				if n := len(on.sim.Writes()) - writes; n != c.writes {
					t.Errorf("%d writes, want %d", n, c.writes)
				}
				told := slices.Clone(on.told.drift)
				on.look()
				on.told.drift = append(told, on.told.drift...)
			}
			if c.drifted == "Corrected" {
				return
			}
			on.setPolicies("", "correct")
			on.look()
			after, _ := on.sim.Content(on.id())
			if difference := cmp.Diff(on.content, after); difference != "" {
				t.Errorf("it isn't put right after the policy allows it (-before +after):\n%s", difference)
			}
			if on.api(on.key).Status.ID != on.id() {
				t.Error("its id changed")
			}
		})
	}
}

// setPolicies annotates both, and lets the watches do their work.
func (on *trial) setPolicies(onContext, onAPI string) {
	on.t.Helper()
	managed := &on.allContexts()[0]
	on.annotate(managed, v1alpha1.DriftPolicyAnnotation, onContext)
	on.annotate(on.api(on.key), v1alpha1.DriftPolicyAnnotation, onAPI)
	on.reconcileContext(client.ObjectKeyFromObject(managed))
	on.reconcile(on.key)
}

// Whoever switches drift detection off after an API was deleted elsewhere, and before that was noticed, must not lose its identity.
func TestPolicyOffKeepsTheIdentity(t *testing.T) {
	on := published(t)
	if err := on.sim.RemoveAPI(on.id()); err != nil {
		t.Fatal(err)
	}
	on.setPolicies("off", "")
	on.rotate()
	api := on.api(on.key)
	if api.Status.ID != on.id() || strings.Contains(fmt.Sprint(api.Annotations[v1alpha1.IdentityAnnotation]), `""`) ||
		api.Annotations[v1alpha1.IdentityAnnotation] != on.stored.Annotations[v1alpha1.IdentityAnnotation] {
		t.Errorf("id %q, identity %q; was %q, %q", api.Status.ID, api.Annotations[v1alpha1.IdentityAnnotation], on.id(), on.stored.Annotations[v1alpha1.IdentityAnnotation])
	}
	if !cmp.Equal(api.Status.Plans, on.stored.Status.Plans) {
		t.Errorf("plans %v, were %v", api.Status.Plans, on.stored.Status.Plans)
	}
}

// An import that failed half-way leaves an API behind that isn't as wanted. Nobody edited it.
func TestHalfAnImportIsNoDrift(t *testing.T) {
	on := published(t)
	bad := on.api(on.key).DeepCopy()
	bad.ObjectMeta = metav1.ObjectMeta{Namespace: "shop", Name: "bad", UID: "0a000000-0000-4000-8000-000000000002", Generation: 1}
	bad.Status = v1alpha1.ApiDefinitionStatus{}
	bad.Spec.Proxy.VirtualHosts[0].Path = "/bad"
	bad.Spec.Metadata = []v1alpha1.MetadataEntry{{Key: "tier", Name: "tier", Format: "NUMERIC", Value: "gold"}}
	if err := on.client.Create(t.Context(), bad); err != nil {
		t.Fatal(err)
	}
	key := client.ObjectKeyFromObject(bad)
	for range 3 {
		on.reconcile(key)
		on.clock.set(on.clock.Now().Add(stageRotation))
	}
	if drifted := driftedOn(on.api(key)); drifted.Status == metav1.ConditionTrue || len(on.told.drift) > 0 {
		t.Errorf("drift is told: %v, %s: %s", on.told.drift, drifted.Reason, drifted.Message)
	}
}
