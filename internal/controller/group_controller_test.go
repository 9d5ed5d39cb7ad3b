// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/translate"
	"github.com/apisync/apisync/test/simulator"
)

const (
	putsGroups   = "PUT /environments/DEFAULT/groups"
	managedByKey = "True/AutomationAPIManaged"
)

func inContext(group *v1alpha1.Group) {
	group.Spec.ContextRef = &v1alpha1.Reference{Name: "ctx"}
	group.Spec.Members = []v1alpha1.GroupMember{{Source: "memory", SourceID: "api1", Roles: map[string]string{"API": "OWNER"}}, {Source: "memory", SourceID: "user"}}
}

func (s *site) editGroup(change func(group *v1alpha1.Group)) {
	s.t.Helper()
	edit(s, &v1alpha1.Group{}, "crew", change)
}

// remote finds the group by what people see of it; nil when it isn't there.
func (s *site) remote(name string) *simulator.GroupState {
	groups := s.sim.Groups()
	i := slices.IndexFunc(groups, func(g simulator.GroupState) bool { return g.Name == name })
	if i < 0 {
		return nil
	}
	return &groups[i]
}

// withGroup is a site with a published group.
func withGroup(t *testing.T, change ...func(group *v1alpha1.Group)) *site {
	t.Helper()
	s := newSite(t, "", nil, crew("crew", "Crew", append([]func(*v1alpha1.Group){inContext}, change...)...))
	s.lookAtContext()
	s.lookAtGroup("crew")
	if group := s.group("crew"); !readyFor(group) {
		t.Fatalf("not in step: %v %s", verdicts(group), messageOf(group, v1alpha1.ReadyCondition))
	}
	s.forget()
	return s
}

func (s *site) goneGroup() {
	s.t.Helper()
	s.remove(&v1alpha1.Group{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "crew"}})
	s.lookAtGroup("crew")
}

func TestGroupIsCreated(t *testing.T) {
	s := newSite(t, "", nil, crew("crew", "Crew", inContext))
	s.lookAtContext()
	s.forget()
	result := s.lookAtGroup("crew")
	group, remote := s.group("crew"), s.remote("Crew")
	if diff := cmp.Diff([]string{putsGroups}, s.writes()); diff != "" || remote == nil {
		t.Fatalf("writes (-want +got):\n%s", diff)
	}
	if remote.HRID != "shop-crew" || !remote.NotifyMembers || remote.Members["api1"]["API"] != "OWNER" || len(remote.Members) != 2 {
		t.Errorf("there it is %+v", remote)
	}
	want := map[string]string{
		"Ready": "True/Synchronized", "Accepted": "True/Accepted", "ResolvedRefs": "True/ResolvedRefs", "AutomationAPIManaged": managedByKey, "Drifted": "False/InStep",
	}
	if diff := cmp.Diff(want, verdicts(group)); diff != "" || messageOf(group, v1alpha1.ReadyCondition) != "In step with group "+remote.ID {
		t.Errorf("%q, conditions in GKO's words (-want +got):\n%s", messageOf(group, v1alpha1.ReadyCondition), diff)
	}
	status := group.Status
	if status.ID != remote.ID || status.OrganizationID != "DEFAULT" || status.EnvironmentID != "DEFAULT" || status.Members != 2 || status.ProcessingStatus != v1alpha1.ProcessingCompleted {
		t.Errorf("status %+v", status)
	}
	if translate.ClaimOf("shop/crew", group.Annotations).ID != "shop-crew" || !slices.Contains(group.Finalizers, v1alpha1.GroupFinalizer) {
		t.Errorf("annotations %v, finalizers %v", group.Annotations, group.Finalizers)
	}
	if !isTold(s.told.events, "UpdateSucceeded", "Published group "+remote.ID+", since it doesn't exist yet") || !slices.Equal(s.told.operations, []string{"create <nil>"}) {
		t.Errorf("events %v, operations %v", s.told.events, s.told.operations)
	}
	if result.RequeueAfter != stageRotation {
		t.Errorf("it is looked at again after %v", result.RequeueAfter)
	}
}

func TestGroupInStepIsOnlyRead(t *testing.T) {
	s := withGroup(t)
	before := s.group("crew")
	for range 2 {
		s.lookAtGroup("crew")
	}
	if diff := cmp.Diff(before, s.group("crew")); diff != "" || len(s.writes()) > 0 || len(s.calls) > 0 || len(s.told.events) > 0 || len(s.told.operations) > 0 {
		t.Errorf("writes %v, calls %v, events %v, changes:\n%s", s.writes(), s.calls, s.told.events, diff)
	}
	if reads := len(s.sim.Requests()); reads != 2 {
		t.Errorf("%d requests for two looks", reads)
	}
}

func TestGroupFollows(t *testing.T) {
	byHand := func(change func(g *simulator.GroupState)) func(s *site) {
		return func(s *site) {
			if err := s.sim.EditGroup(s.group("crew").Status.ID, change); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	renamed := byHand(func(g *simulator.GroupState) { g.Name = "by hand" })
	deleted := func(s *site) {
		if err := s.sim.RemoveGroup(s.group("crew").Status.ID); err != nil {
			s.t.Fatal(err)
		}
	}
	cases := map[string]struct {
		why    string
		policy string
		do     func(s *site)
		writes int
		told   string
		after  string // what it is called there; empty: gone
		ready  string
		drift  string
	}{
		"the spec changed": {
			"it is published", "", func(s *site) { s.editGroup(func(g *v1alpha1.Group) { g.Spec.Name = "New" }) },
			1, "UpdateSucceeded Published group ID, since the wanted state changed", "New", "True/Synchronized", "False/InStep",
		},
		"a member changed": {
			"it is published", "", func(s *site) { s.editGroup(func(g *v1alpha1.Group) { g.Spec.Members = g.Spec.Members[:1] }) },
			1, "UpdateSucceeded Published group ID, since the wanted state changed", "Crew", "True/Synchronized", "False/InStep",
		},
		"renamed by hand": {
			"it is put right, and the field is named", "", renamed,
			1, "DriftCorrected Published group ID, since it was edited elsewhere: name", "Crew", "True/Synchronized", "False/Corrected",
		},
		"a member by hand": {
			"the same", "", byHand(func(g *simulator.GroupState) { g.Members["guest"] = map[string]string{"API": "USER"} }),
			1, "DriftDetected Group ID: it was edited elsewhere: members[guest]", "Crew", "True/Synchronized", "False/Corrected",
		},
		"deleted by hand": {
			"it comes back under its id", "", deleted,
			1, "DriftCorrected Published group ID, since it was deleted elsewhere", "Crew", "True/Synchronized", "False/Corrected",
		},
		"renamed, to be left": {
			"a person wants it left, and is told", v1alpha1.DriftPolicyReport, renamed,
			0, "DriftDetected Group ID: it was edited elsewhere: name; it is left so", "by hand", "True/Synchronized", "True/Edited",
		},
		"deleted, to be left": {
			"a person is told", v1alpha1.DriftPolicyReport, deleted,
			0, "DriftDetected Group ID: it was deleted elsewhere", "", "False/DeletedElsewhere", "True/Deleted",
		},
		"renamed, not looked at": {"nobody wants to know", v1alpha1.DriftPolicyOff, renamed, 0, "", "by hand", "True/Synchronized", ""},
		"deleted, not looked at": {"nobody wants to know", v1alpha1.DriftPolicyOff, deleted, 0, "", "", "True/Synchronized", ""},
		"changed, to be left": {
			"what a person changes here is published under every policy", v1alpha1.DriftPolicyOff,
			func(s *site) { s.editGroup(func(g *v1alpha1.Group) { g.Spec.Name = "New" }) },
			1, "UpdateSucceeded Published group ID, since the wanted state changed", "New", "True/Synchronized", "",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := withGroup(t)
			id := s.group("crew").Status.ID
			if c.policy != "" {
				s.annotate(&v1alpha1.Group{}, "crew", v1alpha1.DriftPolicyAnnotation, c.policy)
			}
			c.do(s)
			s.forget()
			s.lookAtGroup("crew")
			group := s.group("crew")
			if got := verdicts(group); len(s.writes()) != c.writes || got["Ready"] != c.ready || got["Drifted"] != c.drift || got["AutomationAPIManaged"] != managedByKey {
				t.Errorf("writes %v, %v: %s", s.writes(), got, c.why)
			}
			if told := strings.ReplaceAll(c.told, "ID", id); told != "" && !isTold(s.told.events, told) {
				t.Errorf("events %v, want %q: %s", s.told.events, told, c.why)
			}
			if remote := s.remote(c.after); (remote != nil) != (c.after != "") || remote != nil && remote.ID != id || group.Status.ID != id {
				t.Errorf("there it is %+v, here its id is %s, was %s: %s", remote, group.Status.ID, id, c.why)
			}
			s.forget()
			if s.lookAtGroup("crew"); len(s.writes()) > 0 || len(s.calls) > 0 || len(s.told.events) > 0 {
				t.Errorf("the next look wasn't silent: writes %v, calls %v, events %v", s.writes(), s.calls, s.told.events)
			}
		})
	}
}

// What the management API won't take is told, and not tried again and again.
func TestGroupWithUnknownMember(t *testing.T) {
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "people"}, Data: map[string][]byte{"who": []byte("hidden-person")}}
	for name, who := range map[string]string{"written": "nobody", "from a Secret": `[[ secret "people/who" ]]`} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, "", nil, secret.DeepCopy(), crew("crew", "Crew", inContext, func(g *v1alpha1.Group) { g.Spec.Members[1].SourceID = who }))
			s.lookAtContext()
			s.lookAtGroup("crew")
			group := s.group("crew")
			if !readyFor(group) || group.Status.Members != 1 || len(group.Status.Errors.Warning) != 1 {
				t.Errorf("%v, %d members, warnings %v", verdicts(group), group.Status.Members, group.Status.Errors.Warning)
			}
			s.forget()
			for range 2 {
				s.lookAtGroup("crew")
			}
			if len(s.writes()) > 0 || isTold(s.calls, "patch") {
				t.Errorf("writes %v, calls %v", s.writes(), s.calls)
			}
			told := append(append(s.told.events, group.Status.Errors.Warning...), messageOf(group, v1alpha1.ReadyCondition), strings.Join(group.Status.Sync.Unresolved, ""))
			if isTold(told, "hidden-person") {
				t.Errorf("a value of a Secret is told: %q", told)
			}
		})
	}
}

// The identity follows GKO's rules (shared/reference/gko-compatibility.md part 4): by namespace-name, unless an older release has used an id.
func TestIdentityOfGroups(t *testing.T) {
	const old = "5760f64f-1794-3a0f-aa47-1f9b491b43c8" // crew-20 of the simulator, which has no human-readable id
	claimed := map[string]string{v1alpha1.IdentityAnnotation: translate.Claim{ID: "shop-crew", For: "shop/crew"}.Text()}
	byKey := metav1.Condition{Type: v1alpha1.AutomationAPIManagedCondition, Status: metav1.ConditionTrue, Reason: v1alpha1.AutomationAPIManagedCondition}
	cases := map[string]struct {
		why    string
		change func(g *v1alpha1.Group)
		byID   bool
	}{
		"new":                          {"by its names", func(*v1alpha1.Group) {}, false},
		"an id in the status":          {"by that id: it was made by a release that used ids", func(g *v1alpha1.Group) { g.Status.ID = old }, true},
		"an id in the spec":            {"by that id: its author says so", func(g *v1alpha1.Group) { g.Spec.ID = old }, true},
		"managed by its names":         {"by its names: the status says so", func(g *v1alpha1.Group) { g.Status.ID, g.Status.Conditions = "some-id", []metav1.Condition{byKey} }, false},
		"an id in the spec, claimed":   {"by its names: that was begun before a crash", func(g *v1alpha1.Group) { g.Spec.ID, g.Annotations = old, claimed }, false},
		"an id in the status, claimed": {"by its names: the condition was lost with a crash", func(g *v1alpha1.Group) { g.Status.ID, g.Annotations = "some-id", claimed }, false},
		"a claim of another": {
			"people copy manifests", func(g *v1alpha1.Group) {
				g.Spec.ID, g.Annotations = old, map[string]string{v1alpha1.IdentityAnnotation: translate.Claim{ID: "shop-crew", For: "shop/other"}.Text()}
			}, true,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, "", nil, crew("crew", "Another", inContext, c.change))
			s.lookAtContext()
			s.forget()
			s.lookAtGroup("crew")
			group, remote := s.group("crew"), s.remote("Another")
			if !readyFor(group) || remote == nil || len(s.writes()) != 1 {
				t.Fatalf("%v %s, writes %v", verdicts(group), messageOf(group, v1alpha1.ReadyCondition), s.writes())
			}
			byID := strings.Contains(s.sim.Writes()[0].Query, "hridContainsUUID=true")
			if byID != c.byID || (remote.ID == old) != c.byID || (remote.HRID == "") != c.byID || group.Status.ID != remote.ID {
				t.Errorf("by its id: %t, there it is %+v, here its id is %s: %s", byID, remote, group.Status.ID, c.why)
			}
			if got := verdicts(group)["AutomationAPIManaged"]; (got == "") != c.byID {
				t.Errorf("AutomationAPIManaged = %q: %s", got, c.why)
			}
			s.forget()
			if s.lookAtGroup("crew"); len(s.writes()) > 0 || len(s.calls) > 0 {
				t.Errorf("the next look wasn't silent: writes %v, calls %v", s.writes(), s.calls)
			}
			s.forget()
			if s.goneGroup(); s.remote("Another") != nil || !isTold(s.told.events, "DeleteSucceeded") || isTold(s.told.events, "LeftBehind") {
				t.Errorf("deleted: there it is %+v, events %v", s.remote("Another"), s.told.events)
			}
		})
	}
}

// GKO's identity mode is remembered in a condition alone, so that it must survive every verdict.
func TestIdentityModeSurvivesFailures(t *testing.T) {
	s := withGroup(t)
	for _, trouble := range []simulator.Fault{
		{Mode: simulator.ModeStatus, Status: http.StatusBadRequest, Body: `{"message":"no"}`}, {Mode: simulator.ModeStatus, Status: http.StatusServiceUnavailable}, {Mode: simulator.ModeStatus, Status: http.StatusForbidden},
	} {
		trouble.Method = http.MethodPut
		s.sim.Inject(trouble)
		s.editGroup(func(g *v1alpha1.Group) { g.Spec.Name += "!" })
		if s.lookAtGroup("crew"); readyFor(s.group("crew")) || verdicts(s.group("crew"))["AutomationAPIManaged"] != managedByKey {
			t.Errorf("after %d: %v", trouble.Status, verdicts(s.group("crew")))
		}
		s.sim.Clear()
	}
	s.editGroup(func(g *v1alpha1.Group) { g.Spec.ContextRef.Name = "gone" })
	if s.lookAtGroup("crew"); !failing(s.group("crew"), fault.ReasonReference) || verdicts(s.group("crew"))["AutomationAPIManaged"] != managedByKey {
		t.Errorf("without its context: %v", verdicts(s.group("crew")))
	}
}

// A crash may come between any two writes.
func TestGroupAfterACrash(t *testing.T) {
	cases := map[string]struct {
		why   string
		fault simulator.Fault
		made  bool
	}{
		"before the write": {"the claim is stored, and nothing is there", simulator.Fault{Method: http.MethodPut, Count: 1, Mode: simulator.ModeStatus, Status: http.StatusBadGateway}, false},
		"after the write":  {"the answer was lost, and with it the id", simulator.Fault{Method: http.MethodPut, Count: 1, Mode: simulator.ModeStatusAfter, Status: http.StatusBadGateway}, true},
	}
	for name, c := range cases {
		crashed := func(t *testing.T) *site {
			t.Helper()
			s := newSite(t, "", nil, crew("crew", "Crew", inContext))
			s.lookAtContext()
			s.sim.Inject(c.fault)
			s.lookAtGroup("crew")
			group := s.group("crew")
			if group.Status.ID != "" || translate.ClaimOf("shop/crew", group.Annotations).ID != "shop-crew" || (s.remote("Crew") != nil) != c.made {
				t.Fatalf("id %q, annotations %v, there it is %+v: %s", group.Status.ID, group.Annotations, s.remote("Crew"), c.why)
			}
			s.forget()
			return s
		}
		t.Run(name+", tried again", func(t *testing.T) {
			s := crashed(t)
			s.lookAtGroup("crew")
			group := s.group("crew")
			if !readyFor(group) || group.Status.ID != s.remote("Crew").ID || (len(s.writes()) == 0) != c.made || verdicts(group)["AutomationAPIManaged"] != managedByKey {
				t.Errorf("%v, id %q, writes %v: %s", verdicts(group), group.Status.ID, s.writes(), c.why)
			}
		})
		t.Run(name+", deleted", func(t *testing.T) {
			s := crashed(t)
			s.goneGroup()
			if s.remote("Crew") != nil || !isTold(s.told.events, "DeleteSucceeded") || isTold(s.told.events, "LeftBehind") {
				t.Errorf("there it is %+v, events %v: %s", s.remote("Crew"), s.told.events, c.why)
			}
		})
	}
}

func TestGroupIsHeldByItsUsers(t *testing.T) {
	api := shopAPI("orders", "", onlyLocal, func(api *v1alpha1.ApiDefinition) { api.Spec.GroupRefs = []v1alpha1.Reference{{Name: "crew"}} })
	console := &v1alpha1.Notification{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "console"}}
	console.Spec.Console.GroupRefs = []v1alpha1.Reference{{Name: "crew", Namespace: "shop"}}
	through := shopAPI("sales", "", onlyLocal, func(api *v1alpha1.ApiDefinition) {
		api.Spec.NotificationsRefs = []v1alpha1.Reference{{Name: "console"}}
	})
	cases := map[string]struct {
		users []client.Object
		told  string
	}{
		"an API":                         {[]client.Object{api}, "the Group is used by the APIs shop/orders; delete them, or take the reference out of them"},
		"a Notification":                 {[]client.Object{console}, "the Group is used by the Notifications shop/console; delete them"},
		"an API, through a Notification": {[]client.Object{console, through}, "the Group is used by the APIs shop/sales; delete them"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := withGroup(t)
			var users []client.Object
			for _, user := range c.users {
				users = append(users, user.DeepCopyObject().(client.Object))
			}
			s.add(users...)
			s.goneGroup()
			group := s.group("crew")
			if verdicts(group)["Deletable"] != "False/InUse" || !strings.Contains(messageOf(group, v1alpha1.DeletableCondition), c.told) || !readyFor(group) || len(s.writes()) > 0 {
				t.Errorf("%v %q, writes %v", verdicts(group), messageOf(group, v1alpha1.DeletableCondition), s.writes())
			}
			for _, user := range users {
				s.remove(user)
			}
			s.lookAtGroup("crew")
			if writes := s.writes(); len(writes) != 1 || !strings.HasPrefix(writes[0], "DELETE ") || s.remote("Crew") != nil || !isTold(s.told.events, "DeleteSucceeded") {
				t.Errorf("without users: writes %v, events %v", writes, s.told.events)
			}
		})
	}
}

func TestDeletionOfGroups(t *testing.T) {
	cases := map[string]struct {
		why    string
		do     func(s *site)
		writes int
		left   string // a part of the farewell
		waits  string // reason of Deletable=False
		stays  bool
	}{
		"published":    {"what was made goes", func(*site) {}, 1, "", "", false},
		"gone already": {"absent is success", func(s *site) { _ = s.sim.RemoveGroup(s.group("crew").Status.ID) }, 0, "", "", false},
		"to be left": {"a person asks", func(s *site) {
			s.annotate(&v1alpha1.Group{}, "crew", v1alpha1.DeletionPolicyAnnotation, v1alpha1.DeletionPolicyOrphan)
		}, 0, "as its annotation", "", true},
		"context gone":    {"nothing leads there any more", func(s *site) { s.remove(shopContext("")); s.assemble("") }, 0, "since its ManagementContext is gone", "", true},
		"no context":      {"the same, and a person is told", func(s *site) { s.editGroup(func(g *v1alpha1.Group) { g.Spec.ContextRef = nil }) }, 0, "since it names no ManagementContext any more", "", true},
		"no groups there": {"an older management API doesn't know them", func(s *site) { s.sim.SetGroupsOffered(false) }, 0, "since ", "", true},
		"out of reach": {
			"merely out of reach isn't gone: it is tried again",
			func(s *site) {
				s.sim.Inject(simulator.Fault{Mode: simulator.ModeStatus, Status: http.StatusServiceUnavailable})
			}, 0, "", fault.ReasonUnreachable, true,
		},
		"paused": {"nothing is written, not even a deletion", func(s *site) { s.annotate(&v1alpha1.Group{}, "crew", v1alpha1.PausedAnnotation, "true") }, 0, "", "Paused", true},
		"its context is paused": {
			"nothing is written through it", func(s *site) { s.annotate(&v1alpha1.ManagementContext{}, "ctx", v1alpha1.PausedAnnotation, "true") }, 0, "", "Paused", true,
		},
		"paused, and to be left": {
			"then nothing would be written anyway", func(s *site) {
				s.annotate(&v1alpha1.Group{}, "crew", v1alpha1.PausedAnnotation, "true")
				s.annotate(&v1alpha1.Group{}, "crew", v1alpha1.DeletionPolicyAnnotation, v1alpha1.DeletionPolicyOrphan)
			}, 0, "as its annotation", "", true,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := withGroup(t)
			s.editContextFinalizers()
			c.do(s)
			s.forget()
			s.goneGroup()
			if len(s.writes()) != c.writes && c.waits != fault.ReasonUnreachable {
				t.Errorf("writes %v: %s", s.writes(), c.why)
			}
			if (s.remote("Crew") != nil) != c.stays {
				t.Errorf("there it is %+v: %s", s.remote("Crew"), c.why)
			}
			if c.left != "" && !isTold(s.told.events, "LeftBehind", "Group shop-crew was left in the management API, "+c.left) || c.left == "" && isTold(s.told.events, "LeftBehind") {
				t.Errorf("events %v, want %q: %s", s.told.events, c.left, c.why)
			}
			if gone := isTold(s.told.events, "DeleteSucceeded"); gone != (c.waits == "") {
				t.Errorf("gone: %t, events %v: %s", gone, s.told.events, c.why)
			}
			if c.waits != "" && verdicts(s.group("crew"))["Deletable"] != "False/"+c.waits {
				t.Errorf("%v, want it to wait because of %s: %s", verdicts(s.group("crew")), c.waits, c.why)
			}
		})
	}
}

// editContextFinalizers lets the context go at once when it is deleted.
func (s *site) editContextFinalizers() {
	edit(s, &v1alpha1.ManagementContext{}, "ctx", func(managed *v1alpha1.ManagementContext) { managed.Finalizers = nil })
}

func TestDeletionOfGroupsWithoutCredentials(t *testing.T) {
	broken := func(t *testing.T) *site {
		t.Helper()
		s := withGroup(t)
		edit(s, &v1alpha1.ManagementContext{}, "ctx", func(managed *v1alpha1.ManagementContext) {
			managed.Spec.Auth = &v1alpha1.Auth{SecretRef: &v1alpha1.Reference{Name: "gone"}}
		})
		s.assemble("") // A client from before would get through.
		s.lookAtContext()
		s.forget()
		return s
	}
	t.Run("for a moment, and for good", func(t *testing.T) {
		s := broken(t)
		s.remove(&v1alpha1.Group{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "crew"}})
		s.clock.set(s.group("crew").DeletionTimestamp.Add(10 * time.Second))
		result := s.lookAtGroup("crew")
		if verdicts(s.group("crew"))["Deletable"] != "False/"+fault.ReasonContextNotReady || result.RequeueAfter < 50*time.Second || result.RequeueAfter > time.Minute+10*time.Second {
			t.Errorf("%v, looked at again after %v: the Secret may be replaced just now", verdicts(s.group("crew")), result.RequeueAfter)
		}
		s.clock.set(s.clock.Now().Add(50 * time.Second))
		if s.lookAtGroup("crew"); !isTold(s.told.events, "LeftBehind", "credentials of its ManagementContext are gone") || !isTold(s.told.events, "DeleteSucceeded") {
			t.Errorf("deletes always end: %v", s.told.events)
		}
	})
	t.Run("with the context", func(t *testing.T) {
		s := broken(t)
		s.remove(shopContext(""))
		s.remove(&v1alpha1.Group{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "crew"}})
		s.clock.set(s.group("crew").DeletionTimestamp.Time)
		if s.lookAtGroup("crew"); !isTold(s.told.events, "LeftBehind", "credentials of its ManagementContext are gone") {
			t.Errorf("a namespace is deleted, and nobody brings them back: %v", s.told.events)
		}
	})
	t.Run("not probed yet", func(t *testing.T) {
		s := withGroup(t)
		s.assemble("")
		if s.goneGroup(); len(s.writes()) > 0 || len(s.told.events) > 0 || verdicts(s.group("crew"))["Deletable"] != "" {
			t.Errorf("nothing is known yet: writes %v, events %v", s.writes(), s.told.events)
		}
	})
}

func TestGroupThatWasNeverPublished(t *testing.T) {
	cases := map[string]struct {
		why    string
		change func(g *v1alpha1.Group)
		do     func(s *site)
		ready  string
		text   string
	}{
		"without a context":     {"it only gives a name", func(g *v1alpha1.Group) { g.Spec.ContextRef = nil }, func(*site) {}, "True/Synchronized", "It names no context"},
		"a context that's gone": {"it may come", func(g *v1alpha1.Group) { g.Spec.ContextRef.Name = "gone" }, func(*site) {}, "False/ReferenceNotResolved", "ManagementContext shop/gone doesn't exist"},
		"an old management API": {"a person has to upgrade it", func(*v1alpha1.Group) {}, func(s *site) { s.sim.SetGroupsOffered(false) }, "False/Unsupported", "upgrade it to 4.12 or later"},
		"a template that's gone": {
			"it may come", func(g *v1alpha1.Group) { g.Spec.Name = `[[ secret "nowhere/name" ]]` }, func(*site) {}, "False/ReferenceNotResolved", "Secret shop/nowhere doesn't exist",
		},
		"a drift policy of its own": {
			"a slip of the pen is told", func(g *v1alpha1.Group) { g.Annotations = map[string]string{v1alpha1.DriftPolicyAnnotation: "leave"} }, func(*site) {}, "False/IllegalStateError", `"leave" isn't known`,
		},
		"a pause that can't be read": {
			"the same", func(g *v1alpha1.Group) { g.Annotations = map[string]string{v1alpha1.PausedAnnotation: "yes"} }, func(*site) {}, "False/IllegalStateError", "use true or false",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, "", nil, crew("crew", "Crew", inContext, c.change))
			s.lookAtContext()
			c.do(s)
			s.forget()
			s.lookAtGroup("crew")
			group := s.group("crew")
			if verdicts(group)["Ready"] != c.ready || !strings.Contains(messageOf(group, v1alpha1.ReadyCondition), c.text) || len(s.writes()) > 0 {
				t.Errorf("%v %q, writes %v: %s", verdicts(group), messageOf(group, v1alpha1.ReadyCondition), s.writes(), c.why)
			}
			if group.Status.ID != "" || translate.ClaimOf("shop/crew", group.Annotations).ID != "" {
				t.Errorf("id %q, annotations %v: nothing was made", group.Status.ID, group.Annotations)
			}
			s.forget()
			s.lookAtGroup("crew")
			if isTold(s.calls, "patch") || len(s.told.events) > 0 {
				t.Errorf("the next look wasn't silent: calls %v, events %v", s.calls, s.told.events)
			}
			s.forget()
			s.goneGroup()
			err := s.people.Get(t.Context(), client.ObjectKeyFromObject(group), &v1alpha1.Group{})
			if !apierrors.IsNotFound(err) || isTold(s.told.events, "LeftBehind") || len(s.sim.Requests()) > 0 {
				t.Errorf("deleted: %v, events %v, requests %v", err, s.told.events, s.sim.Counts())
			}
		})
	}
}

func TestPauseOfGroups(t *testing.T) {
	cases := map[string]struct {
		why   string
		pause func(s *site, value string)
		text  string
	}{
		"by its own annotation": {"one group is left alone", func(s *site, value string) { s.annotate(&v1alpha1.Group{}, "crew", v1alpha1.PausedAnnotation, value) }, "of shop/crew asks"},
		"by that of its context": {"everything behind it is left alone", func(s *site, value string) {
			s.annotate(&v1alpha1.ManagementContext{}, "ctx", v1alpha1.PausedAnnotation, value)
		}, "of shop/ctx asks"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := withGroup(t)
			c.pause(s, "true")
			s.editGroup(func(g *v1alpha1.Group) { g.Spec.Name = "New" })
			for range 2 {
				s.lookAtGroup("crew")
			}
			group := s.group("crew")
			if verdicts(group)["Paused"] != "True/Paused" || !strings.Contains(messageOf(group, v1alpha1.PausedCondition), c.text) || !readyFor(group) || group.Status.ObservedGeneration != 1 {
				t.Errorf("%v for generation %d: %s", verdicts(group), group.Status.ObservedGeneration, c.why)
			}
			if diff := cmp.Diff([]string{"patch status of Group shop/crew"}, s.calls); diff != "" || len(s.sim.Requests()) > 0 || len(s.told.events) > 0 {
				t.Errorf("requests %v, events %v, calls (-want +got):\n%s", s.sim.Counts(), s.told.events, diff)
			}
			c.pause(s, "")
			if s.lookAtGroup("crew"); verdicts(s.group("crew"))["Paused"] != "" || s.remote("New") == nil {
				t.Errorf("afterwards: %v, there it is %+v", verdicts(s.group("crew")), s.sim.Groups())
			}
		})
	}
	t.Run("before anything is looked up", func(t *testing.T) {
		s := newSite(t, "", nil, crew("crew", `[[ secret "nowhere/name" ]]`, inContext, func(g *v1alpha1.Group) {
			g.Annotations = map[string]string{v1alpha1.PausedAnnotation: "true"}
		}))
		s.lookAtGroup("crew")
		if group := s.group("crew"); !cmp.Equal(verdicts(group), map[string]string{"Paused": "True/Paused"}) || len(group.Finalizers) > 0 {
			t.Errorf("%v, finalizers %v", verdicts(group), group.Finalizers)
		}
	})
}

// Ids of groups belong to a place, so a group that moves is made there and goes here, whatever is done about drift.
func TestGroupMoves(t *testing.T) {
	for _, policy := range []string{v1alpha1.DriftPolicyCorrect, v1alpha1.DriftPolicyReport, v1alpha1.DriftPolicyOff} {
		t.Run(policy, func(t *testing.T) {
			s := withGroup(t)
			s.annotate(&v1alpha1.Group{}, "crew", v1alpha1.DriftPolicyAnnotation, policy)
			edit(s, &v1alpha1.ManagementContext{}, "ctx", func(managed *v1alpha1.ManagementContext) { managed.Spec.EnvironmentID = "REC2" })
			s.lookAtContext()
			s.forget()
			s.lookAtGroup("crew")
			group := s.group("crew")
			var there []string
			for _, remote := range s.sim.Groups() {
				if remote.Name == "Crew" {
					there = append(there, remote.Environment+" "+remote.ID)
				}
			}
			if diff := cmp.Diff([]string{"REC2 " + group.Status.ID}, there); diff != "" || !readyFor(group) || group.Status.EnvironmentID != "REC2" {
				t.Errorf("%v, environment %s, there it is (-want +got):\n%s", verdicts(group), group.Status.EnvironmentID, diff)
			}
			if isTold(s.told.events, "left behind") {
				t.Errorf("events %v", s.told.events)
			}
		})
	}
}

// Another address may lead to the same installation, where the group must not be deleted under its old address.
func TestGroupUnderAnotherAddress(t *testing.T) {
	s := withGroup(t)
	edit(s, &v1alpha1.ManagementContext{}, "ctx", func(managed *v1alpha1.ManagementContext) { managed.Spec.BaseUrl = "http://alias.test" })
	s.lookAtContext()
	s.forget()
	s.lookAtGroup("crew")
	if group := s.group("crew"); !readyFor(group) || group.Status.Sync.Place.BaseURL != "http://alias.test" || s.remote("Crew") == nil || s.remote("Crew").ID != group.Status.ID {
		t.Errorf("%v at %+v, there it is %+v", verdicts(group), group.Status.Sync.Place, s.remote("Crew"))
	}
	if !isTold(s.told.events, "left behind at http://management.test") {
		t.Errorf("nobody is told: %v", s.told.events)
	}
	for _, request := range s.writes() {
		if strings.Contains(request, http.MethodDelete) {
			t.Errorf("sent %s", request)
		}
	}
}

// A deletion in the middle of a move takes the group away from where it was published last.
func TestDeletionOfAGroupThatMoves(t *testing.T) {
	for name, move := range map[string]func(s *site){
		"to another context": func(s *site) { s.editGroup(func(g *v1alpha1.Group) { g.Spec.ContextRef.Name = "next" }) },
		"to another environment": func(s *site) {
			edit(s, &v1alpha1.ManagementContext{}, "ctx", func(managed *v1alpha1.ManagementContext) { managed.Spec.EnvironmentID = "REC2" })
			s.lookAtContext()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := withGroup(t)
			move(s)
			s.forget()
			if s.goneGroup(); s.remote("Crew") != nil || isTold(s.told.events, "LeftBehind") || !isTold(s.told.events, "DeleteSucceeded") {
				t.Errorf("there it is %+v, events %v", s.remote("Crew"), s.told.events)
			}
		})
	}
}

// The way to a remote group isn't lost with what told the name of its context.
func TestDeletionOfAGroupWhoseContextATemplateNames(t *testing.T) {
	for name, source := range map[string]string{"still rendered": "names", "not any more": "gone"} {
		t.Run(name, func(t *testing.T) {
			configMap := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "names"}, Data: map[string]string{"ctx": "ctx"}}
			s := newSite(t, "", nil, configMap, crew("crew", "Crew", inContext, func(g *v1alpha1.Group) { g.Spec.ContextRef.Name = `[[ configmap "names/ctx" ]]` }))
			s.lookAtContext()
			s.lookAtGroup("crew")
			if group := s.group("crew"); !readyFor(group) || s.remote("Crew") == nil {
				t.Fatalf("%v %s", verdicts(group), messageOf(group, v1alpha1.ReadyCondition))
			}
			if source == "gone" {
				s.remove(configMap)
			}
			s.assemble("")
			s.forget()
			if s.goneGroup(); s.remote("Crew") == nil || len(s.told.events) > 0 {
				t.Errorf("before the context is probed: there it is %+v, events %v", s.remote("Crew"), s.told.events)
			}
			s.lookAtContext()
			s.lookAtGroup("crew")
			if s.remote("Crew") != nil || !isTold(s.told.events, "DeleteSucceeded") || isTold(s.told.events, "left") {
				t.Errorf("there it is %+v, events %v", s.remote("Crew"), s.told.events)
			}
		})
	}
}

func TestGroupInTrouble(t *testing.T) {
	trouble := func(status int) simulator.Fault {
		return simulator.Fault{Path: "/groups", Mode: simulator.ModeStatus, Status: status}
	}
	cases := map[string]struct {
		why     string
		fault   simulator.Fault
		context bool
		fresh   string // Ready of a new group
		silent  bool   // whether one that is in step says nothing
	}{
		"out of reach":      {"a passing trouble says nothing about what was published", trouble(http.StatusServiceUnavailable), false, "False/Unreachable", true},
		"refused":           {"the context is probed at once; that says nothing about the group", trouble(http.StatusUnauthorized), false, "False/ContextNotReady", true},
		"no right":          {"a person has to grant it", trouble(http.StatusForbidden), false, "False/Forbidden", false},
		"context not ready": {"that is the context's affair", simulator.Fault{Mode: simulator.ModeStatus, Status: http.StatusServiceUnavailable}, true, "False/ContextNotReady", true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := withGroup(t)
			s.add(crew("fresh", "Fresh", inContext))
			before := s.group("crew")
			s.sim.Inject(c.fault)
			if c.context {
				s.lookAtContext()
			}
			s.forget()
			s.lookAtGroup("crew")
			s.lookAtGroup("fresh")
			if silent := cmp.Equal(before, s.group("crew")); silent != c.silent {
				t.Errorf("in step: %v: %s", verdicts(s.group("crew")), c.why)
			}
			if got := verdicts(s.group("fresh"))["Ready"]; got != c.fresh {
				t.Errorf("new: %s %s, want %s: %s", got, messageOf(s.group("fresh"), v1alpha1.ReadyCondition), c.fresh, c.why)
			}
			if probed := slices.Contains(s.reprobed, "shop/ctx"); probed != (c.fault.Status == http.StatusUnauthorized) {
				t.Errorf("the context is probed again: %t", probed)
			}
		})
	}
}

// An answered request is remembered, so that it isn't answered again by somebody else.
func TestReconcileAtOfGroups(t *testing.T) {
	s := withGroup(t)
	s.annotate(&v1alpha1.Group{}, "crew", v1alpha1.ReconcileAtAnnotation, "now")
	s.annotate(&v1alpha1.ManagementContext{}, "ctx", v1alpha1.ReconcileAtAnnotation, "later")
	s.lookAtGroup("crew")
	if got := s.group("crew").Status.Sync.ReconcileAt; got != "now later" || len(s.sim.Requests()) == 0 || len(s.writes()) > 0 {
		t.Errorf("answered %q, requests %v", got, s.sim.Counts())
	}
}
