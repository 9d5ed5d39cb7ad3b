// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/test/simulator"
)

const foreignID = "deadbeef-0000-4000-8000-000000000001"

// theirs publishes an API of somebody else's operator.
func (s *site) theirs(environment, crossID string) {
	s.t.Helper()
	body := fmt.Sprintf(`{"id":%q,"crossId":%q,"name":"theirs","version":"1","description":"x","gravitee":"2.0.0","state":"STARTED",
		"lifecycle_state":"CREATED","visibility":"PRIVATE","definition_context":{"origin":"kubernetes","mode":"fully_managed","syncFrom":"MANAGEMENT"},
		"plans":[{"id":%q,"crossId":"p","name":"p","description":"d","security":"KEY_LESS","status":"PUBLISHED"}],"proxy":{"virtual_hosts":[{"path":"/theirs"}]}}`,
		foreignID, crossID, foreignID)
	request := httptest.NewRequestWithContext(s.t.Context(), http.MethodPut,
		"/management/organizations/DEFAULT/environments/"+environment+"/apis/import-crd?dryRun=false", strings.NewReader(body))
	request.SetBasicAuth("admin", "admin")
	answer := httptest.NewRecorder()
	if s.sim.ServeHTTP(answer, request); answer.Code != http.StatusOK {
		s.t.Fatal(answer.Body.String())
	}
}

// here are the remote APIs, as environment and name.
func (s *site) here() []string {
	var found []string
	for _, api := range s.sim.APIs() {
		found = append(found, api.Environment+" "+api.Name)
	}
	slices.Sort(found)
	return found
}

func (s *site) expectHere(what string, want ...string) {
	s.t.Helper()
	if got := s.here(); !slices.Equal(got, want) {
		s.t.Errorf("%s: there are %v, want %v; sent %v, told %v", what, got, want, s.writes(), s.told.events)
	}
}

func (s *site) goneAPI(name string) {
	s.t.Helper()
	s.remove(&v1alpha1.ApiDefinition{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}})
	s.lookAtAPI(name)
}

func crossed(id string) func(*v1alpha1.ApiDefinition) {
	return func(api *v1alpha1.ApiDefinition) { api.Spec.CrossID = id }
}

// A claim on somebody else's API isn't a right to delete it.
func TestRefusedTakeOverDeletesNothing(t *testing.T) {
	for _, cluster := range []string{"", "east"} {
		s := newSite(t, cluster, nil)
		s.theirs("DEFAULT", "shared")
		s.lookAtContext()
		fault := s.sim.Inject(simulator.Fault{Method: http.MethodPut, Path: "import-crd", Mode: simulator.ModeStatus, Status: http.StatusBadRequest, Body: `{"message":"refused"}`})
		s.add(shopAPI("orders", cluster, crossed("shared")))
		for range 2 {
			s.lookAtAPI("orders")
		}
		if readyFor(s.api("orders")) {
			t.Fatal("it wasn't refused")
		}
		fault.Remove()
		s.goneAPI("orders")
		s.expectHere("cluster "+cluster, "DEFAULT theirs")
	}
}

// A move must not take an API down whose place is taken by what may not be written.
func TestMoveOntoAnAPIThatStays(t *testing.T) {
	move := func(t *testing.T, annotation, value string) *site {
		t.Helper()
		s := newSite(t, "", nil, shopAPI("orders", "", crossed("shared")))
		s.settle("orders")
		s.theirs("REC2", "shared")
		s.annotate(&v1alpha1.ApiDefinition{}, "orders", annotation, value)
		s.lookAtAPI("orders")
		s.forget()
		edit(s, &v1alpha1.ManagementContext{}, "ctx", func(managed *v1alpha1.ManagementContext) { managed.Spec.EnvironmentID = "REC2" })
		s.lookAtContext()
		for range 2 {
			s.lookAtAPI("orders")
		}
		return s
	}
	s := move(t, v1alpha1.AdoptionPolicyAnnotation, v1alpha1.AdoptionPolicyIfEqual)
	s.expectHere("may only be taken over when it is equal", "DEFAULT orders", "REC2 theirs")
	for _, policy := range []string{v1alpha1.DriftPolicyCorrect, v1alpha1.DriftPolicyReport, v1alpha1.DriftPolicyOff} {
		s := move(t, v1alpha1.DriftPolicyAnnotation, policy)
		s.expectHere("drift policy "+policy, "REC2 orders")
		if api := s.api("orders"); !readyFor(api) || isTold(s.told.events, "Drift") || api.Status.ID != foreignID {
			t.Errorf("%s: %v, id %s, events %v: what is there wasn't edited by anybody", policy, verdicts(api), api.Status.ID, s.told.events)
		}
	}
}

// The id of an API that only gateways know says nothing about the management API.
func TestLocalAPIThatGetsAContext(t *testing.T) {
	for name, crossID := range map[string]string{"another's id": "theirs", "another's API": "shared"} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, "", nil, shopAPI("orders", "", onlyLocal, crossed("shared"), func(api *v1alpha1.ApiDefinition) { api.Spec.ID = foreignID }))
			s.theirs("DEFAULT", crossID)
			s.lookAtContext()
			s.lookAtAPI("orders")
			s.annotate(&v1alpha1.ApiDefinition{}, "orders", v1alpha1.AdoptionPolicyAnnotation, v1alpha1.AdoptionPolicyIfEqual)
			s.editAPI("orders", func(api *v1alpha1.ApiDefinition) { api.Spec.ContextRef = &v1alpha1.Reference{Name: "ctx"} })
			for range 2 {
				s.lookAtAPI("orders")
			}
			s.expectHere("published", "DEFAULT theirs")
			s.goneAPI("orders")
			s.expectHere("deleted", "DEFAULT theirs")
		})
	}
}

// Where a context leads can't always be told. Then a deletion waits.
func TestDeletionWaitsForTheContext(t *testing.T) {
	address := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "where"}, Data: map[string]string{"url": "http://management.test"}}
	for name, trouble := range map[string]func(s *site){
		"a source that is gone": func(s *site) { s.remove(address.DeepCopy()) },
		"a source that can't be read": func(s *site) {
			s.unavailable("get ConfigMap shop/where", apierrors.NewInternalError(errors.New("etcd has another leader")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, "", nil, address.DeepCopy(), shopAPI("orders", ""))
			edit(s, &v1alpha1.ManagementContext{}, "ctx", func(managed *v1alpha1.ManagementContext) { managed.Spec.BaseUrl = `[[ configmap "where/url" ]]` })
			s.settle("orders")
			trouble(s)
			s.clock.set(time.Now()) // as the API server's, which says when the deletion was asked for
			s.assemble("")
			s.lookAtContext()
			s.forget()
			s.goneAPI("orders")
			s.expectHere("while it can't be told", "DEFAULT orders")
			if isTold(s.told.events, "LeftBehind") {
				t.Fatalf("events %v", s.told.events)
			}
			s.prevented = map[string]error{}
			if name == "a source that is gone" {
				s.add(address.DeepCopy())
			}
			s.lookAtContext()
			s.lookAtAPI("orders")
			s.expectHere("afterwards")
		})
	}
}

// Deletes always end, also when what a context's templates look up is gone for good.
func TestDeletionWithoutTheSourcesOfAContext(t *testing.T) {
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "creds"}, Data: map[string][]byte{"password": []byte("admin")}}
	s := newSite(t, "", nil, secret.DeepCopy(), shopAPI("orders", ""))
	edit(s, &v1alpha1.ManagementContext{}, "ctx", func(managed *v1alpha1.ManagementContext) {
		managed.Spec.Auth.Credentials.Password = `[[ secret "creds/password" ]]`
	})
	s.settle("orders")
	s.remove(secret.DeepCopy())
	s.remove(shopContext(""))
	s.assemble("")
	s.lookAtContext()
	s.forget()
	s.goneAPI("orders")
	s.lookAtContext()
	var managed v1alpha1.ManagementContext
	err := s.people.Get(t.Context(), types.NamespacedName{Namespace: "shop", Name: "ctx"}, &managed)
	if !apierrors.IsNotFound(err) || !isTold(s.told.events, "LeftBehind") {
		t.Errorf("the context: %v %v, events %v", err, verdicts(&managed), s.told.events)
	}
}

// One place is one place, however a context says it.
func TestOnePlaceWrittenInTwoWays(t *testing.T) {
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "place"}, Data: map[string][]byte{"environment": []byte("DEFAULT")}}
	spare := shopContext("")
	spare.Name, spare.UID, spare.Spec.EnvironmentID = "spare", "spare-uid", `[[ secret "place/environment" ]]`
	s := newSite(t, "", nil, secret, spare, shopAPI("orders", "", crossed("shared")))
	look(s, s.contexts, &v1alpha1.ManagementContext{}, "spare")
	s.settle("orders")
	s.add(shopAPI("other", "", crossed("shared"), func(api *v1alpha1.ApiDefinition) { api.Spec.ContextRef.Name = "spare" }))
	for range 2 {
		s.lookAtAPI("other")
	}
	if got := verdicts(s.api("other"))["Ready"]; got != "False/OwnedElsewhere" {
		t.Errorf("the other resource: %s", got)
	}
	s.goneAPI("other")
	s.expectHere("after its deletion", "DEFAULT orders")

	s.forget()
	edit(s, &v1alpha1.ManagementContext{}, "ctx", func(managed *v1alpha1.ManagementContext) {
		managed.Spec.EnvironmentID = `[[ secret "place/environment" ]]`
	})
	s.lookAtContext()
	s.lookAtAPI("orders")
	if len(s.writes()) > 0 || len(s.told.events) > 0 || !readyFor(s.api("orders")) {
		t.Errorf("it is the same place: writes %v, events %v", s.writes(), s.told.events)
	}
}

// An installation that got another address, while people write.
func TestAnotherAddressWhilePeopleWrite(t *testing.T) {
	s := newSite(t, "", nil, shopAPI("orders", ""))
	s.settle("orders")
	id := s.api("orders").Status.ID
	edit(s, &v1alpha1.ManagementContext{}, "ctx", func(managed *v1alpha1.ManagementContext) { managed.Spec.BaseUrl = "http://alias.test" })
	s.lookAtContext()
	edited := false
	s.after = func(request *http.Request) {
		if edited || request.Method != http.MethodGet || request.URL.Host != "management.test" || !strings.HasSuffix(request.URL.Path, "/apis/"+id) {
			return
		}
		edited = true
		s.clock.set(s.clock.Now().Add(time.Second))
		if err := s.sim.EditAPI(id, func(definition map[string]any) { definition["description"] = "by hand" }); err != nil {
			t.Error(err)
		}
	}
	s.lookAtAPI("orders")
	s.after = nil
	s.expectHere("while people write", "DEFAULT orders")
	if !edited {
		t.Fatal("the old address wasn't read")
	}
	s.lookAtAPI("orders")
	s.expectHere("afterwards", "DEFAULT orders")
	if api := s.api("orders"); !readyFor(api) || api.Status.Sync.Place.BaseURL != "http://alias.test" {
		t.Errorf("%v at %+v", verdicts(api), api.Status.Sync.Place)
	}
}

// A Group that moves waits for an old place that is out of reach for the moment.
func TestGroupWaitsForItsOldPlace(t *testing.T) {
	s := withGroup(t)
	edit(s, &v1alpha1.ManagementContext{}, "ctx", func(managed *v1alpha1.ManagementContext) { managed.Spec.EnvironmentID = "REC2" })
	s.lookAtContext()
	outage := s.sim.Inject(simulator.Fault{Path: "environments/DEFAULT/groups", Mode: simulator.ModeStatus, Status: http.StatusServiceUnavailable})
	s.lookAtGroup("crew")
	if group := s.group("crew"); readyFor(group) || isTold(s.told.events, "left behind") || group.Status.Sync.Place.EnvironmentID != "DEFAULT" {
		t.Errorf("%v, place %+v, events %v", verdicts(group), group.Status.Sync.Place, s.told.events)
	}
	outage.Remove()
	s.lookAtGroup("crew")
	var places []string
	for _, remote := range s.sim.Groups() {
		if remote.Name == "Crew" {
			places = append(places, remote.Environment)
		}
	}
	if !slices.Equal(places, []string{"REC2"}) || !readyFor(s.group("crew")) {
		t.Errorf("it is at %v: %v", places, verdicts(s.group("crew")))
	}
}

// The id of a Group is a string of its spec like any other.
func TestGroupWhoseIDATemplateMakes(t *testing.T) {
	ids := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "ids"}, Data: map[string]string{"crew": foreignID}}
	s := newSite(t, "", nil, ids, crew("crew", "Crew", inContext, func(group *v1alpha1.Group) { group.Spec.ID = `[[ configmap "ids/crew" ]]` }))
	s.lookAtContext()
	s.lookAtGroup("crew")
	if remote := s.remote("Crew"); remote == nil || remote.ID != foreignID || s.group("crew").Status.ID != foreignID || s.group("crew").Spec.ID == foreignID {
		t.Errorf("there it is %+v, here %q", remote, s.group("crew").Status.ID)
	}
	s.goneGroup()
	if s.remote("Crew") != nil {
		t.Error("it wasn't deleted")
	}
}

// Severe remarks belong to a write. They don't keep a stopped API at the gateways, and go when a person asks for another try.
func TestSevereRemarks(t *testing.T) {
	s := newSite(t, "", nil, shopAPI("orders", "", local))
	s.settle("orders")
	api := s.api("orders")
	s.sim.Inject(simulator.Fault{Method: http.MethodPut, Path: "import-crd", Mode: simulator.ModeStatusAfter, Status: http.StatusOK, Count: 2, Body: fmt.Sprintf(
		`{"id":%q,"crossId":%q,"organizationId":"DEFAULT","environmentId":"DEFAULT","state":"STOPPED","plans":{},"errors":{"severe":["a store is down"],"warning":[]}}`,
		api.Status.ID, api.Status.CrossID)})
	s.editAPI("orders", func(api *v1alpha1.ApiDefinition) { api.Spec.State = v1alpha1.StateStopped })
	s.lookAtAPI("orders")
	s.sim.Clear()
	if s.served() != nil || readyFor(s.api("orders")) {
		t.Errorf("gateways read %v, %v", s.served(), verdicts(s.api("orders")))
	}
	s.annotate(&v1alpha1.ApiDefinition{}, "orders", v1alpha1.ReconcileAtAnnotation, "again")
	s.lookAtAPI("orders")
	if !readyFor(s.api("orders")) {
		t.Errorf("%v", verdicts(s.api("orders")))
	}

	another := newSite(t, "", s.sim, shopAPI("orders", "", local, func(api *v1alpha1.ApiDefinition) { api.Spec.State = v1alpha1.StateStopped }))
	left := another.api("orders")
	left.Status = *s.api("orders").Status.DeepCopy()
	left.Status.Sync, left.Status.ObservedGeneration, left.Status.Errors.Severe = nil, -1, []string{"told to another operator"}
	if err := another.people.Status().Update(t.Context(), left); err != nil {
		t.Fatal(err)
	}
	another.lookAtContext()
	another.forget()
	another.lookAtAPI("orders")
	if !readyFor(another.api("orders")) || len(another.writes()) > 0 {
		t.Errorf("%v, writes %v: it is as wanted", verdicts(another.api("orders")), another.writes())
	}
}

// GKO remembers the environment that an API was published in. A context that leads elsewhere by now moves it.
func TestMigrationOfAnAPIWhoseContextWasEdited(t *testing.T) {
	gko := newSite(t, "", nil, shopAPI("orders", ""))
	gko.settle("orders")
	left := gko.api("orders").Status
	for _, deleted := range []bool{false, true} {
		s := newSite(t, "", gko.sim, shopAPI("orders", "", func(api *v1alpha1.ApiDefinition) { api.Finalizers = []string{v1alpha1.ApiDefinitionFinalizer} }))
		edit(s, &v1alpha1.ManagementContext{}, "ctx", func(managed *v1alpha1.ManagementContext) { managed.Spec.EnvironmentID = "REC2" })
		api := s.api("orders")
		api.Status = *left.DeepCopy()
		api.Status.Sync, api.Status.ObservedGeneration, api.Status.Conditions = nil, -1, nil
		if err := s.people.Status().Update(t.Context(), api); err != nil {
			t.Fatal(err)
		}
		s.lookAtContext()
		s.forget()
		if deleted {
			api := s.api("orders")
			api.Status.EnvironmentID = "REC2"
			if err := s.people.Status().Update(t.Context(), api); err != nil {
				t.Fatal(err)
			}
			edit(s, &v1alpha1.ManagementContext{}, "ctx", func(managed *v1alpha1.ManagementContext) { managed.Spec.EnvironmentID = "DEFAULT" })
			s.lookAtContext()
			s.goneAPI("orders")
			s.expectHere("deleted before the first look")
			continue
		}
		s.lookAtAPI("orders")
		s.expectHere("moved", "REC2 orders")
		if !readyFor(s.api("orders")) || s.api("orders").Status.ID != left.ID || isTold(s.told.events, "left behind") {
			t.Errorf("%v, id %s, events %v", verdicts(s.api("orders")), s.api("orders").Status.ID, s.told.events)
		}
	}
}

// A cluster that is made again from its manifests finds the groups that it has made.
func TestGroupOfAClusterThatIsMadeAgain(t *testing.T) {
	before := withGroup(t)
	s := newSite(t, "", before.sim, crew("crew", "Crew", inContext))
	s.lookAtContext()
	s.forget()
	s.lookAtGroup("crew")
	if group := s.group("crew"); !readyFor(group) || group.Status.Members != before.group("crew").Status.Members || group.Status.ID != before.group("crew").Status.ID || len(s.writes()) > 0 {
		t.Errorf("%v, %d members, id %s, writes %v", verdicts(group), group.Status.Members, group.Status.ID, s.writes())
	}
}

// The claim on a group that was there before isn't a right to delete it.
func TestRefusedGroupDeletesNothing(t *testing.T) {
	before := withGroup(t)
	s := newSite(t, "", before.sim, crew("crew", "Another", inContext))
	s.lookAtContext()
	fault := s.sim.Inject(simulator.Fault{Method: http.MethodPut, Path: "/groups", Mode: simulator.ModeStatus, Status: http.StatusBadRequest, Body: `{"message":"refused"}`})
	s.lookAtGroup("crew")
	if readyFor(s.group("crew")) {
		t.Fatal("it wasn't refused")
	}
	fault.Remove()
	s.goneGroup()
	if s.remote("Crew") == nil || !isTold(s.told.events, "LeftBehind") {
		t.Errorf("there is %+v, events %v", s.sim.Groups(), s.told.events)
	}
}
