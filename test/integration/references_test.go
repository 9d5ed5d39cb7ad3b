// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/test/simulator"
)

// usesResource, usesGroup and usesNotification add a reference; in another namespace when the name has one before a slash.
func usesResource(name string) func(*v1alpha1.ApiDefinition) {
	return func(api *v1alpha1.ApiDefinition) {
		ref := reference(name)
		api.Spec.Resources = append(api.Spec.Resources, v1alpha1.ResourceOrRef{Ref: &ref})
	}
}

func usesGroup(name string) func(*v1alpha1.ApiDefinition) {
	return func(api *v1alpha1.ApiDefinition) { api.Spec.GroupRefs = append(api.Spec.GroupRefs, reference(name)) }
}

func usesNotification(name string) func(*v1alpha1.ApiDefinition) {
	return func(api *v1alpha1.ApiDefinition) {
		api.Spec.NotificationsRefs = append(api.Spec.NotificationsRefs, reference(name))
	}
}

func reference(name string) v1alpha1.Reference {
	if namespace, bare, found := strings.Cut(name, "/"); found && !strings.Contains(name, "[[") {
		return v1alpha1.Reference{Namespace: namespace, Name: bare}
	}
	return v1alpha1.Reference{Name: name}
}

// notifies adds groups to a Notification.
func notifies(names ...string) func(*v1alpha1.Notification) {
	return func(notification *v1alpha1.Notification) {
		for _, name := range names {
			notification.Spec.Console.GroupRefs = append(notification.Spec.Console.GroupRefs, reference(name))
		}
	}
}

func onEvents(events ...v1alpha1.APIEvent) func(*v1alpha1.Notification) {
	return func(notification *v1alpha1.Notification) { notification.Spec.Console.APIEvents = events }
}

func configured(text string) func(*v1alpha1.ApiResource) {
	return func(resource *v1alpha1.ApiResource) { resource.Spec.Configuration = freeForm(text) }
}

func elsewhere[T client.Object](namespace string) func(T) {
	return func(object T) { object.SetNamespace(namespace) }
}

// lastImport is the definition that was sent last for an API, by its name.
func (w *world) lastImport(name string) map[string]any {
	GinkgoHelper()
	for _, write := range slices.Backward(w.sim.Writes()) {
		var sent map[string]any
		if write.Method == http.MethodPut && strings.HasSuffix(write.Path, importPath) && json.Unmarshal(write.Body, &sent) == nil && sent["name"] == name {
			return sent
		}
	}
	return nil
}

// importsOf counts what was sent for an API, by its name.
func (w *world) importsOf(name string) int {
	return len(slices.DeleteFunc(w.sim.Writes(), func(write simulator.Request) bool {
		var sent map[string]any
		return !strings.HasSuffix(write.Path, importPath) || json.Unmarshal(write.Body, &sent) != nil || sent["name"] != name
	}))
}

// published is the remote API with a name; the zero value when there is none.
func (w *world) published(name string) simulator.APIState {
	for _, api := range w.sim.APIs() {
		if api.Name == name {
			return api
		}
	}
	return simulator.APIState{}
}

// groupID is the id of a group that the operator has made, by its name; empty when there is none.
func (w *world) groupID(name string) string {
	for _, group := range w.sim.Groups() {
		if group.Name == name {
			return group.ID
		}
	}
	return ""
}

var _ = Describe("What an API refers to", Ordered, ContinueOnFailure, func() {
	operator := shareOperator()

	It("is waited for, all that is missing is named, and each thing wakes the API when it comes", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		s.ready(ctx, s.context("ctx"))
		mark := s.sim.Mark()
		api := s.api("orders", "ctx", usesResource("store"), usesResource("other"), usesNotification("bell"))
		s.apply(ctx, api)
		s.expect(ctx, api, waitsForRef)
		resolved := s.conditionOf(ctx, api, v1alpha1.ResolvedRefsCondition)
		Expect(resolved.Status).To(Equal(metav1.ConditionFalse))
		Expect(resolved.Message).To(And(
			ContainSubstring("spec.resources[0].ref: ApiResource "+s.namespace+"/store doesn't exist"),
			ContainSubstring("spec.resources[1].ref: ApiResource "+s.namespace+"/other doesn't exist"),
			ContainSubstring("spec.notificationsRefs[0]: Notification "+s.namespace+"/bell doesn't exist")))
		Expect(s.get(ctx, api).GetFinalizers()).To(BeEmpty(), "there is nothing to clean up")

		By("creating one after the other")
		s.apply(ctx, s.resource("store"))
		Eventually(func() string { return s.message(ctx, api, v1alpha1.ReadyCondition) }).ShouldNot(ContainSubstring("/store"))
		s.apply(ctx, s.notification("bell"))
		Eventually(func() string { return s.message(ctx, api, v1alpha1.ReadyCondition) }).ShouldNot(ContainSubstring("/bell"))
		s.expect(ctx, api, waitsForRef)
		Expect(s.requests(mark, simulator.Request.IsWrite)).To(BeEmpty())
		s.apply(ctx, s.resource("other"))
		s.expect(ctx, api, current)
		Expect(s.writesSince(mark)).To(HaveLen(1))
	})

	It("is sent with the API, and a change of it publishes every API that uses it", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		orders := s.api("orders", "ctx", usesResource("store"), usesNotification("bell"))
		billing := s.api("billing", "ctx", usesResource("store"))
		other := s.api("other", "ctx")
		s.applied(ctx, s.context("ctx"), s.resource("store"), s.notification("bell"), orders, billing, other)
		Expect(s.lastImport("orders")["resources"]).To(Equal([]any{map[string]any{
			"name": "store", "type": "cache", "enabled": true, "configuration": map[string]any{"timeToLiveSeconds": float64(60)},
		}}))
		Expect(s.published("orders").Notification).To(And(
			HaveKeyWithValue("hooks", []any{"API_STARTED"}), HaveKeyWithValue("config_type", "PORTAL"), HaveKeyWithValue("origin", "KUBERNETES")))
		generation := s.get(ctx, orders).GetGeneration()
		mark := s.sim.Mark()

		By("changing the ApiResource")
		s.applied(ctx, s.resource("store", configured(`{"timeToLiveSeconds":90}`)))
		for _, name := range []string{"orders", "billing"} {
			Eventually(func() any { return s.lastImport(name)["resources"] }).Should(ConsistOf(HaveKeyWithValue("configuration",
				map[string]any{"timeToLiveSeconds": float64(90)})))
		}
		s.expect(ctx, orders, current)
		expectIdle(ctx, operator.Operator)
		Expect(s.writesSince(mark)).To(HaveLen(2), "once for each API that uses it, and not for the other")

		By("changing the Notification")
		s.applied(ctx, s.notification("bell", onEvents("API_STOPPED", "API_STARTED")))
		Eventually(func() any { return s.published("orders").Notification["hooks"] }).Should(Equal([]any{"API_STOPPED", "API_STARTED"}))
		expectIdle(ctx, operator.Operator)
		Expect(s.writesSince(mark)).To(HaveLen(3))
		Expect(s.get(ctx, orders).GetGeneration()).To(Equal(generation), "the spec is never written")

		By("taking the references away")
		s.applied(ctx, s.api("orders", "ctx"))
		Expect(s.lastImport("orders")["resources"]).To(BeEmpty())
		Expect(s.lastImport("orders")).NotTo(HaveKey("consoleNotificationConfiguration"))
	})

	It("says what it lacks itself", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		resource := s.resource("store", func(r *v1alpha1.ApiResource) { r.Spec.Type, r.Spec.Configuration = "", nil })
		s.apply(ctx, resource)
		s.expect(ctx, resource, "Failed IllegalStateError")
		Expect(s.message(ctx, resource, v1alpha1.ReadyCondition)).To(ContainSubstring("spec.type, spec.configuration: must be set"))
		s.applied(ctx, s.resource("store"))

		quiet := s.notification("bell", onEvents())
		s.applied(ctx, quiet)
		Expect(s.message(ctx, quiet, v1alpha1.ReadyCondition)).To(ContainSubstring("spec.console.apiEvents is empty"))
	})

	It("is looked for in the namespace of the API, and in another one that is written down", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		other := makeNamespace(ctx, east)
		s.applied(ctx, s.context("ctx"), s.context("ctx", inNamespace(other)),
			s.resource("store"), s.notification("bell"), s.group("crew", "ctx"),
			s.resource("store", elsewhere[*v1alpha1.ApiResource](other), configured(`{"timeToLiveSeconds":5}`)),
			s.group("crew", "ctx", elsewhere[*v1alpha1.Group](other), named("crew of "+other)),
			s.notification("bell", elsewhere[*v1alpha1.Notification](other), onEvents("NEW_RATING"), notifies("crew")))
		near := s.api("near", "ctx", usesResource("store"), usesNotification("bell"), usesGroup("crew"))
		far := s.api("far", "ctx", usesResource(other+"/store"), usesNotification(other+"/bell"), usesGroup(other+"/crew"))
		s.applied(ctx, near, far)
		ttl := func(name string) any {
			return s.lastImport(name)["resources"].([]any)[0].(map[string]any)["configuration"].(map[string]any)["timeToLiveSeconds"]
		}
		Expect(ttl("near")).To(BeEquivalentTo(60))
		Expect(ttl("far")).To(BeEquivalentTo(5))
		Expect(s.published("near").Groups).To(ConsistOf(s.groupID("crew")))
		Expect(s.published("far").Groups).To(ConsistOf(s.groupID("crew of " + other)))
		Expect(s.published("near").Notification["hooks"]).To(ConsistOf("API_STARTED"))
		Expect(s.published("far").Notification["hooks"]).To(ConsistOf("NEW_RATING"))
		Expect(s.published("far").Notification["groups"]).To(ConsistOf("crew of "+other), "its own namespace is where its Groups are")

		By("changing it there")
		s.apply(ctx, s.resource("store", elsewhere[*v1alpha1.ApiResource](other), configured(`{"timeToLiveSeconds":6}`)))
		Eventually(func() any { return ttl("far") }).Should(BeEquivalentTo(6))

		By("deleting what an API of another namespace uses")
		used := s.resource("store", elsewhere[*v1alpha1.ApiResource](other))
		s.remove(ctx, used)
		Eventually(func() string { return s.message(ctx, used, v1alpha1.DeletableCondition) }).Should(ContainSubstring(s.namespace + "/far"))
		s.applied(ctx, s.api("far", "ctx"))
		s.expect(ctx, used, gone)
	})

	DescribeTable("isn't deleted while it is used: it names its users, serves them on, and goes with the last of them",
		func(ctx context.Context, object func(*site) client.Object, use func(string) func(*v1alpha1.ApiDefinition)) {
			s := operator.site(ctx, simulator.Options{})
			used := object(s)
			orders, billing := s.api("orders", "ctx", use(used.GetName())), s.api("billing", "ctx", use(used.GetName()))
			s.applied(ctx, s.context("ctx"), used, orders, billing)
			s.remove(ctx, used)
			Eventually(func() string { return s.message(ctx, used, v1alpha1.DeletableCondition) }).Should(
				ContainSubstring(s.namespace + "/billing, " + s.namespace + "/orders"))
			Expect(s.conditionOf(ctx, used, v1alpha1.DeletableCondition).Reason).To(Equal("InUse"))
			s.expect(ctx, used, terminating)

			By("changing an API meanwhile")
			s.applied(ctx, s.api("orders", "ctx", use(used.GetName()), described("changed")))
			Expect(s.published("orders").Definition).To(HaveKeyWithValue("description", "changed"))

			By("taking the reference out of one, and deleting the other")
			s.applied(ctx, s.api("orders", "ctx"))
			Eventually(func() string { return s.message(ctx, used, v1alpha1.DeletableCondition) }).ShouldNot(ContainSubstring("/orders"))
			s.expect(ctx, used, terminating)
			s.remove(ctx, billing)
			s.expect(ctx, used, gone)
		},
		Entry("an ApiResource", func(s *site) client.Object { return s.resource("store") }, usesResource),
		Entry("a Notification", func(s *site) client.Object { return s.notification("bell") }, usesNotification),
		Entry("a Group", func(s *site) client.Object { return s.group("crew", "ctx") }, usesGroup),
		Entry("a Group without a context", func(s *site) client.Object { return s.group("crew", "") }, usesGroup),
	)

	It("ends with its namespace, whatever refers to what", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		s.applied(ctx, s.context("ctx"), s.resource("store"), s.group("crew", "ctx"), s.notification("bell", notifies("crew")),
			s.api("orders", "ctx", usesResource("store"), usesNotification("bell"), usesGroup("crew")))
		namespace := namespaceNamed(s.namespace)
		s.remove(ctx, namespace)
		s.expect(ctx, namespace, gone)
		Expect(s.sim.APIs()).To(BeEmpty())
		Expect(s.sim.Groups()).To(BeEmpty())
	})
})

func named(name string) func(*v1alpha1.Group) {
	return func(group *v1alpha1.Group) { group.Spec.Name = name }
}

var _ = Describe("Groups", Ordered, ContinueOnFailure, func() {
	operator := shareOperator()

	It("that are missing stop nothing, and are told in ResolvedRefs", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		api := s.api("orders", "ctx", usesGroup("crew"), usesNotification("bell"))
		bell := s.notification("bell", notifies("guests"))
		s.applied(ctx, s.context("ctx"), bell, api)
		resolved := s.conditionOf(ctx, api, v1alpha1.ResolvedRefsCondition)
		Expect(resolved.Status).To(Equal(metav1.ConditionFalse))
		Expect(resolved.Reason).To(Equal("GroupNotFound"))
		Expect(resolved.Message).To(Equal("Group " + s.namespace + "/crew could not be found; Group " + s.namespace + "/guests could not be found"))
		Expect(s.conditionOf(ctx, api, v1alpha1.AcceptedCondition).Status).To(Equal(metav1.ConditionTrue))
		Expect(s.conditionOf(ctx, bell, v1alpha1.ResolvedRefsCondition).Reason).To(Equal("GroupNotFound"))
		Expect(s.conditionOf(ctx, bell, v1alpha1.ResolvedRefsCondition).Message).To(Equal("Group " + s.namespace + "/guests could not be found"))

		By("creating them")
		s.applied(ctx, s.group("crew", "ctx"), s.group("guests", "ctx"))
		for _, object := range []client.Object{api, bell} {
			Eventually(func() metav1.ConditionStatus {
				return s.conditionOf(ctx, object, v1alpha1.ResolvedRefsCondition).Status
			}).Should(Equal(metav1.ConditionTrue))
		}
		Eventually(func() []string { return s.published("orders").Groups }).Should(ConsistOf(s.groupID("crew")))
		Eventually(func() any { return s.published("orders").Notification["groups"] }).Should(ConsistOf("guests"))
		s.expect(ctx, api, current)
	})

	It("that come together with an API are in the API as soon as they exist, without an edit (case 20)", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		s.ready(ctx, s.context("ctx"))
		pause := s.sim.PauseAt(simulator.PausePoint{Stage: simulator.Before, Method: http.MethodPut, Path: "/groups"})
		group, api := s.group("crew", "ctx"), s.api("orders", "ctx", usesGroup("crew"))
		s.apply(ctx, group)
		reached(ctx, pause)
		s.apply(ctx, api)
		Eventually(func() []string { s.get(ctx, api); return api.Status.Errors.Warning }).Should(ContainElement(ContainSubstring("Group [crew] could not be found")))
		s.expect(ctx, api, current)
		Expect(s.published("orders").Groups).To(BeEmpty())
		pause.Release()
		s.expect(ctx, group, current)
		Eventually(func() []string { return s.published("orders").Groups }).Should(ConsistOf(s.groupID("crew")))
		Eventually(func() []string { s.get(ctx, api); return api.Status.Errors.Warning }).Should(BeEmpty())
		Expect(api.Generation).To(BeEquivalentTo(1))
		expectIdle(ctx, operator.Operator)
		Expect(s.importsOf("orders")).To(Equal(2), "without the group, and with it")
	})

	It("have a life of their own: created, changed, put right, and deleted", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		group := s.group("crew", "ctx")
		s.applied(ctx, s.context("ctx"), group)
		s.get(ctx, group)
		Expect(s.sim.Groups()).To(HaveLen(1))
		remote := s.sim.Groups()[0]
		Expect(remote.HRID).To(Equal(s.namespace + "-crew"))
		Expect(remote.Members).To(HaveKeyWithValue("api1", HaveKeyWithValue("API", "OWNER")))
		Expect(group.Status.ID).To(Equal(remote.ID))
		Expect(group.Status.Members).To(BeEquivalentTo(1))
		Expect(group.Status.ProcessingStatus).To(Equal("Completed"))
		Expect(group.Status.OrganizationID + "/" + group.Status.EnvironmentID).To(Equal("DEFAULT/DEFAULT"))
		Expect(s.conditionOf(ctx, group, "AutomationAPIManaged").Status).To(Equal(metav1.ConditionTrue))

		By("changing its members, one of whom nobody knows")
		s.applied(ctx, s.group("crew", "ctx", func(g *v1alpha1.Group) {
			g.Spec.Members = []v1alpha1.GroupMember{{Source: "memory", SourceID: "admin"}, {Source: "memory", SourceID: "ghost"}}
		}))
		Expect(s.sim.Groups()[0].Members).To(And(HaveLen(1), HaveKey("admin")))
		s.get(ctx, group)
		Expect(group.Status.Errors.Warning).To(ContainElement(ContainSubstring("ghost")))
		Expect(group.Status.Members).To(BeEquivalentTo(1))

		By("editing it by hand, and asking for a look")
		Expect(s.sim.EditGroup(remote.ID, func(g *simulator.GroupState) { g.Name, g.Members = "scribbled", nil })).To(Succeed())
		s.annotate(ctx, group, v1alpha1.ReconcileAtAnnotation, "now")
		Eventually(func() string { return s.sim.Groups()[0].Name }).Should(Equal("crew"))
		Expect(s.sim.Groups()[0].Members).To(HaveKey("admin"))
		Eventually(func() []string { return s.events(ctx, "crew") }).Should(ContainElement(
			HavePrefix("Normal DriftCorrected: Published group " + remote.ID + ", since it was edited elsewhere: members[admin], name")))
		Expect(s.conditionOf(ctx, group, v1alpha1.DriftedCondition).Reason).To(Equal(v1alpha1.DriftCorrectedReason))
		Expect(strings.Join(s.events(ctx, "crew"), "\n")).NotTo(ContainSubstring("scribbled"))

		By("deleting it by hand, and asking for a look")
		Expect(s.sim.RemoveGroup(remote.ID)).To(Succeed())
		s.annotate(ctx, group, v1alpha1.ReconcileAtAnnotation, "again")
		Eventually(func() string { return s.groupID("crew") }).Should(Equal(remote.ID))
		s.expect(ctx, group, current)

		By("deleting it by hand, and its resource after that")
		Expect(s.sim.RemoveGroup(remote.ID)).To(Succeed())
		s.remove(ctx, group)
		s.expect(ctx, group, gone)
		Expect(s.sim.Groups()).To(BeEmpty())
	})

	It("are deleted with their resource, or left when that is asked for", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		crew, guests := s.group("crew", "ctx"), s.group("guests", "ctx")
		s.applied(ctx, s.context("ctx"), crew, guests)
		id := s.groupID("guests")
		s.annotate(ctx, guests, v1alpha1.DeletionPolicyAnnotation, v1alpha1.DeletionPolicyOrphan)
		s.remove(ctx, crew, guests)
		s.expect(ctx, crew, gone)
		s.expect(ctx, guests, gone)
		Expect(s.groupID("crew")).To(BeEmpty())
		Expect(s.groupID("guests")).To(Equal(id))
		Eventually(func() []string { return s.events(ctx, "guests") }).Should(ContainElement(HavePrefix("Warning LeftBehind")))
	})

	It("keep their context, and wait for it", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		group := s.group("crew", "ctx")
		s.apply(ctx, group)
		s.expect(ctx, group, waitsForRef)
		Expect(s.message(ctx, group, v1alpha1.ReadyCondition)).To(ContainSubstring("ManagementContext " + s.namespace + "/ctx doesn't exist"))
		managed := s.context("ctx", basicAuth("admin", "wrong-horse"))
		s.apply(ctx, managed)
		s.expect(ctx, group, awaitsContext)
		s.applied(ctx, s.context("ctx"), s.group("crew", "ctx"))

		By("deleting the context first")
		s.remove(ctx, managed)
		Eventually(func() string { return s.message(ctx, managed, v1alpha1.DeletableCondition) }).Should(ContainSubstring("Group " + s.namespace + "/crew"))
		s.remove(ctx, group)
		s.expect(ctx, group, gone)
		s.expect(ctx, managed, gone)
		Expect(s.sim.Groups()).To(BeEmpty())
	})

	It("move when their context leads elsewhere", func(ctx context.Context) {
		s := operator.site(ctx, threeEnvironments())
		group := s.group("crew", "ctx")
		s.applied(ctx, s.context("ctx", inEnvironment(dev)), group)
		s.applied(ctx, s.context("ctx", inEnvironment(prod)))
		Eventually(func() []string {
			var environments []string
			for _, remote := range s.sim.Groups() {
				environments = append(environments, remote.Environment)
			}
			return environments
		}).Should(ConsistOf(prod))
		Eventually(func() string { s.get(ctx, group); return group.Status.EnvironmentID }).Should(Equal(prod))
		s.expect(ctx, group, current)
	})

	It("need a management API that offers them, and say so", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{NoGroups: true})
		group, api := s.group("crew", "ctx"), s.api("orders", "ctx", usesGroup("crew"))
		s.applied(ctx, s.context("ctx"), api)
		s.apply(ctx, group)
		Eventually(func() string { return s.verdict(ctx, group) }).Should(HavePrefix("Failed "))
		Expect(s.message(ctx, group, v1alpha1.ReadyCondition)).To(ContainSubstring("4.12"))
		s.expect(ctx, api, current)
		s.remove(ctx, group)
		s.applied(ctx, s.api("orders", "ctx"))
		s.expect(ctx, group, gone)
	})
})

var _ = Describe("References at rest", func() {
	It("cost nothing: neither the management API nor the API server is written to, also after a restart", func(ctx context.Context) {
		s := newSite(simulator.Options{}, makeNamespace(ctx, east), nil)
		often := []string{"--resync=1s", "--drift-period=1s", "--drift-rotation=2s"}
		s.start(ctx, often...)
		s.apply(ctx, s.secret("source", map[string]string{"path": "/" + s.namespace}))
		api := s.api("orders", "ctx", usesResource("store"), usesNotification("bell"), usesGroup("crew"), usesGroup("nobody"),
			func(a *v1alpha1.ApiDefinition) { a.Spec.Local = true })
		templated := s.api("templated", "ctx", described(`in [[ secret "source/path" ]]`), usesResource("store"))
		group := s.group("crew", "ctx")
		s.applied(ctx, s.context("ctx"), s.resource("store"), group, s.group("plain", ""), s.notification("bell", notifies("crew", "nobody")), api, templated)
		Eventually(func() []string { return s.published("orders").Groups }).ShouldNot(BeEmpty())
		expectIdle(ctx, s.operator)
		// Events come later than what they tell of.
		Eventually(func() int { return len(s.events(ctx, "")) }).Should(BeNumerically(">=", 8))
		s.get(ctx, group)

		looked := func() {
			GinkgoHelper()
			mark := s.sim.Mark()
			reads := func(part string) func() int {
				return func() int {
					return len(s.requests(mark, func(r simulator.Request) bool { return r.Method == http.MethodGet && strings.Contains(r.Path, part) }))
				}
			}
			for _, remote := range s.sim.APIs() {
				Eventually(reads("/apis/" + remote.ID)).Should(BeNumerically(">=", 3))
			}
			Eventually(reads("/groups/")).Should(BeNumerically(">=", 3))
			expectIdle(ctx, s.operator)
		}
		since, before := s.sim.Mark(), versions(ctx, s.namespace)
		looked()
		Expect(s.writesSince(since)).To(BeEmpty())
		Expect(versions(ctx, s.namespace)).To(Equal(before))

		for how, end := range map[string]func() error{"SIGTERM": s.operator.Stop, "kill -9": s.operator.Kill} {
			By("restarting it after " + how)
			_ = end()
			s.start(ctx, often...)
			looked()
			Expect(s.writesSince(since)).To(BeEmpty())
			Expect(versions(ctx, s.namespace)).To(Equal(before), fmt.Sprint(s.events(ctx, "")))
		}
	})
})
