// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/translate"
	"github.com/apisync/apisync/test/simulator"
)

// What users of GKO rely on, by the numbers of shared/reference/gko-compatibility.md part 10, each in its essence on the real stack; the
// other suites go deeper. test/parity_test.go sees to it that no number is left out.
var _ = Describe("Must not break", Ordered, ContinueOnFailure, func() {
	operator := shareOperator()

	It("point 01: kinds, plurals and short names are GKO's, and unknown fields are dropped, not refused", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		for plural, names := range map[string][]string{
			"apidefinitions": {"ApiDefinition", "graviteeapis"}, "managementcontexts": {"ManagementContext", "graviteecontexts"},
			"apiresources": {"ApiResource"}, "groups": {"Group", "graviteegroups"}, "notifications": {"Notification", "graviteenotif"},
		} {
			crd := &unstructured.Unstructured{}
			crd.SetAPIVersion("apiextensions.k8s.io/v1")
			crd.SetKind("CustomResourceDefinition")
			Expect(s.cluster.Client.Get(ctx, client.ObjectKey{Name: plural + ".gravitee.io"}, crd)).To(Succeed())
			found, _, _ := unstructured.NestedString(crd.Object, "spec", "names", "kind")
			short, _, _ := unstructured.NestedStringSlice(crd.Object, "spec", "names", "shortNames")
			Expect(append([]string{found}, short...)).To(Equal(names))
			scope, _, _ := unstructured.NestedString(crd.Object, "spec", "scope")
			Expect(scope).To(Equal("Namespaced"))
		}
		object := sparse(s.cluster, s.api("orders", "ctx"))
		Expect(unstructured.SetNestedField(object.Object, "?", "spec", "noSuchField")).To(Succeed())
		Expect(s.cluster.Client.Create(ctx, object)).To(Succeed())
		Expect(unstructured.NestedFieldNoCopy(object.Object, "spec", "noSuchField")).To(BeNil())
	})

	It("point 02: defaults of the schema", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		api := s.settled(ctx, "orders", "ctx")
		Expect(api.Spec.Local).To(BeFalse())
		Expect([]string{string(api.Spec.State), api.Spec.Visibility, api.Spec.LifecycleState, api.Spec.Gravitee, api.Spec.FlowMode, api.Spec.ExecutionMode}).
			To(Equal([]string{"STARTED", "PRIVATE", "CREATED", "2.0.0", "DEFAULT", "v4-emulation-engine"}))
		Expect(api.Spec.NotifyMembers).To(BeTrue())
		Expect([]string{api.Spec.Plans[0].Status, api.Spec.Plans[0].Validation, api.Spec.Plans[0].Type}).To(Equal([]string{"PUBLISHED", "AUTO", "API"}))
		Expect(api.Spec.Labels).To(Equal([]string{}))
	})

	It("point 04: a new API has the ids that GKO would give it", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		api := s.settled(ctx, "orders", "ctx")
		Expect(api.Status.ID).To(Equal(string(api.UID)))
		Expect(api.Status.CrossID).To(Equal(translate.Hash(s.namespace, "/", "orders")))
		plan := translate.Hash(api.Status.ID, "/", "open")
		Expect(api.Status.Plans).To(HaveKeyWithValue(plan, translate.Hash(plan, "/", "open")))
	})

	It("point 05: id and crossId of a spec take over an API that is there", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		first := s.settled(ctx, "orders", "ctx")
		Expect(stripFinalizers(ctx, s.cluster, first)).To(Succeed())
		s.remove(ctx, first)
		s.expect(ctx, first, gone)
		api := s.api("exported", "ctx", func(a *v1alpha1.ApiDefinition) {
			a.Spec.ID, a.Spec.CrossID, a.Spec.Proxy = first.Status.ID, first.Status.CrossID, first.Spec.Proxy
		})
		s.apply(ctx, api)
		s.expect(ctx, api, current)
		Expect(s.sim.APIs()).To(HaveLen(1))
		Expect(s.published("exported").ID).To(Equal(first.Status.ID))
	})

	It("point 06: one import publishes, one DELETE withdraws, and absent is fine", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		api := s.settled(ctx, "orders", "ctx")
		Expect(s.writesSince(0)).To(HaveLen(1))
		Expect(s.writesSince(0)[0].Path).To(HaveSuffix(importPath))
		mark := s.sim.Mark()
		s.remove(ctx, api)
		s.expect(ctx, api, gone)
		Expect(s.writesSince(mark)).To(HaveLen(1))
		Expect(s.writesSince(mark)[0].Method + " " + s.writesSince(mark)[0].Query).To(Equal("DELETE closePlans=true"))

		lost := s.settled(ctx, "lost", "ctx")
		Expect(s.sim.RemoveAPI(lost.Status.ID)).To(Succeed())
		s.remove(ctx, lost)
		s.expect(ctx, lost, gone)
	})

	It("point 07: the console knows that Kubernetes manages the API", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		s.settled(ctx, "orders", "ctx")
		Expect(s.lastImport("orders")["definition_context"]).To(Equal(map[string]any{"origin": "kubernetes", "mode": "fully_managed", "syncFrom": "MANAGEMENT"}))
	})

	It("point 08: empty lists, false and zero reach the management API", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		s.settled(ctx, "orders", "ctx")
		zero := 0
		s.apply(ctx, s.api("orders", "ctx", func(a *v1alpha1.ApiDefinition) {
			a.Spec.Labels, a.Spec.Plans[0].Order = []string{"blue"}, &zero
			a.Spec.Proxy.Cors = &v1alpha1.Cors{}
		}))
		Eventually(func() any { return s.lastImport("orders")["labels"] }).Should(Equal([]any{"blue"}))
		Expect(s.lastImport("orders")["plans"]).To(ContainElement(HaveKeyWithValue("order", BeNumerically("==", 0))))
		Expect(s.lastImport("orders")["proxy"]).To(HaveKeyWithValue("cors", HaveKeyWithValue("enabled", false)))
		s.apply(ctx, s.api("orders", "ctx"))
		Eventually(func() any { return s.lastImport("orders")["labels"] }).Should(Equal([]any{}))
	})

	It("point 09: pages are known by their key, plans by crossId or name", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		s.ready(ctx, s.context("ctx"))
		page := func(name string) func(*v1alpha1.ApiDefinition) {
			return func(a *v1alpha1.ApiDefinition) {
				parent := "guides"
				a.Spec.Pages = map[string]v1alpha1.Page{
					"guides": {Name: "Guides", Type: "FOLDER"}, "start": {Name: name, Type: "MARKDOWN", Parent: &parent},
				}
			}
		}
		api := s.api("orders", "ctx", page("Start"))
		s.apply(ctx, api)
		s.expect(ctx, api, current)
		pageIDs := func() (start, folder any) {
			pages, _ := s.lastImport("orders")["pages"].(map[string]any)
			start = pages["start"].(map[string]any)["id"]
			return start, pages["start"].(map[string]any)["parentId"]
		}
		before, parent := pageIDs()
		s.get(ctx, api)
		Expect(parent).To(Equal(translate.Hash(api.Status.ID, "/", "guides")))
		s.apply(ctx, s.api("orders", "ctx", page("Begin")))
		Eventually(func() int { return s.importsOf("orders") }).Should(Equal(2))
		after, _ := pageIDs()
		Expect(after).To(Equal(before), "a new name is no new page")
	})

	It("point 10: STOPPED stops the API there and takes the ConfigMap away, STARTED restores both", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		s.ready(ctx, s.context("ctx"))
		s.apply(ctx, s.api("orders", "ctx", local))
		s.expectServed(ctx, "orders", true)
		s.apply(ctx, s.api("orders", "ctx", local, stopped))
		s.expectServed(ctx, "orders", false)
		Expect(s.published("orders").State).To(Equal("STOPPED"))
		s.apply(ctx, s.api("orders", "ctx", local))
		s.expectServed(ctx, "orders", true)
		Expect(s.published("orders").State).To(Equal("STARTED"))
	})

	It("point 11: the ConfigMap is the one that GKO's gateways read", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		s.ready(ctx, s.context("ctx"))
		api := s.api("orders", "ctx", local)
		s.apply(ctx, api)
		s.expectServed(ctx, "orders", true)
		s.get(ctx, api)
		found := s.served(ctx, "orders")
		Expect(found.Labels).To(And(HaveKeyWithValue("managed-by", "gravitee.io"), HaveKeyWithValue("gio-type", "apidefinitions.gravitee.io")))
		Expect(found.Data).To(And(HaveLen(3), HaveKeyWithValue("organizationId", "DEFAULT"), HaveKeyWithValue("environmentId", "DEFAULT")))
		Expect(found.OwnerReferences).To(ConsistOf(HaveField("UID", api.UID)))
		plans, _ := s.definition(ctx, "orders")["plans"].([]any)
		for _, plan := range plans {
			fields, _ := plan.(map[string]any)
			Expect(api.Status.Plans).To(HaveKeyWithValue(fields["crossId"], fields["id"]), "plans have the ids of the management API")
		}
	})

	It("point 12: without a context a local API works, and another one fails clearly", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		s.apply(ctx, s.api("edge", "", local, alone), s.api("nowhere", "", alone))
		s.expectServed(ctx, "edge", true)
		nowhere := s.api("nowhere", "")
		s.expect(ctx, nowhere, "Failed IllegalStateError")
		Expect(s.message(ctx, nowhere, v1alpha1.ReadyCondition)).To(ContainSubstring("a context is required"))
		Expect(s.sim.Requests()).To(BeEmpty())
	})

	It("point 13: local, then not: the ConfigMap goes", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		s.ready(ctx, s.context("ctx"))
		s.apply(ctx, s.api("orders", "ctx", local))
		s.expectServed(ctx, "orders", true)
		s.apply(ctx, s.api("orders", "ctx"))
		s.expectServed(ctx, "orders", false)
		Expect(s.published("orders").State).To(Equal("STARTED"))
	})

	It("point 14: a context is looked for in the namespace of the API, or in the one that is written", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		other := operator.site(ctx, simulator.Options{})
		api := s.api("orders", "ctx", func(a *v1alpha1.ApiDefinition) { a.Spec.ContextRef.Namespace = other.namespace })
		s.apply(ctx, api, other.context("ctx"))
		s.expect(ctx, api, current)
		Expect(other.published("orders").ID).NotTo(BeEmpty())
		s.apply(ctx, s.api("here", "ctx"))
		s.expect(ctx, s.api("here", "ctx"), "InProgress ReferenceNotResolved")
	})

	It("point 15: a token wins over a password, in a Secret as in the spec, and a path replaces the usual one", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{
			BasePath: "/apim", Users: []simulator.User{{Name: "robot", Password: "pw", Role: simulator.RoleAdmin, Tokens: []string{"a-token"}}},
		})
		path := "/apim/management"
		s.apply(ctx, s.secret("both", map[string]string{"bearerToken": "a-token", "username": "robot", "password": "wrong"}))
		s.ready(ctx, s.context("ctx", secretRef("both"), func(m *v1alpha1.ManagementContext) { m.Spec.Path = &path }))
		s.ready(ctx, s.context("inline", basicAuth("robot", "wrong"), func(m *v1alpha1.ManagementContext) { m.Spec.Auth.BearerToken, m.Spec.Path = "a-token", &path }))
		nowhere := "/nowhere"
		astray := s.context("astray", secretRef("both"), func(m *v1alpha1.ManagementContext) { m.Spec.Path = &nowhere })
		s.apply(ctx, astray)
		Eventually(func() string { return s.verdict(ctx, astray) }).Should(HavePrefix("Failed"))
	})

	It("point 17: a context may be made while the management API is away, and is refused for wrong credentials", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		address := strings.TrimPrefix(s.url, "http://")
		s.goDown()
		managed, wrong := s.context("ctx"), s.context("wrong", basicAuth("admin", "nope"))
		s.apply(ctx, managed)
		s.expect(ctx, managed, unreachable)
		s.comeUp(address)
		s.expect(ctx, managed, current)
		s.apply(ctx, wrong)
		s.expect(ctx, wrong, "Failed Unauthorized")
	})

	It("point 18: status has GKO's fields, conditions and reasons", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		api := s.settled(ctx, "orders", "ctx")
		Expect(api.Status.ProcessingStatus).To(Equal("Completed"))
		Expect([]string{api.Status.OrganizationID, api.Status.EnvironmentID, string(api.Status.State)}).To(Equal([]string{"DEFAULT", "DEFAULT", "STARTED"}))
		accepted, resolved := s.conditionOf(ctx, api, "Accepted"), s.conditionOf(ctx, api, "ResolvedRefs")
		Expect([]string{accepted.Reason, accepted.Message}).To(Equal([]string{"Accepted", "Successfully reconciled"}))
		Expect([]string{resolved.Reason, resolved.Message}).To(Equal([]string{"ResolvedRefs", "All References successfully resolved"}))
		s.apply(ctx, s.api("orders", "missing"))
		s.expect(ctx, api, "InProgress ReferenceNotResolved")
		Expect(s.conditionOf(ctx, api, "Accepted")).To(And(HaveField("Reason", "ReconcileFailed"), HaveField("Message", "ReconcileFailed")))
		Expect(s.conditionOf(ctx, api, "ResolvedRefs")).To(HaveField("Status", metav1.ConditionFalse))
		s.get(ctx, api)
		Expect(api.Status.ProcessingStatus).To(Equal("Failed"))
		Expect(api.Status.ID).NotTo(BeEmpty(), "what was known is kept")
	})

	It("point 19: events have GKO's reasons, when something happened", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		api := s.settled(ctx, "orders", "ctx")
		Eventually(func() []string { return s.events(ctx, "orders") }).Should(ContainElement(HavePrefix("Normal UpdateSucceeded")))
		s.remove(ctx, api)
		Eventually(func() []string { return s.events(ctx, "orders") }).Should(ContainElement(HavePrefix("Normal DeleteSucceeded")))
		Expect(s.events(ctx, "orders")).NotTo(ContainElement(ContainSubstring("Started")))
	})

	It("point 20: finalizers have GKO's names, and GKO's are taken off Secrets and ConfigMaps", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		source := s.secret("creds", map[string]string{"token": "t"})
		source.Finalizers = []string{v1alpha1.TemplatingFinalizer, v1alpha1.ManagementContextSecretFinalizer}
		Expect(s.cluster.Client.Create(ctx, source)).To(Succeed())
		api, managed := s.settled(ctx, "orders", "ctx"), s.context("ctx")
		resource, group, notification := s.resource("cache"), s.group("crew", "ctx"), s.notification("alerts")
		s.apply(ctx, resource, group, notification)
		for object, finalizer := range map[client.Object]string{
			api: "apidefinitiondeletion", managed: "managementcontextdeletion", resource: "apiresource", group: "groups", notification: "notification",
		} {
			Eventually(func() []string { return s.get(ctx, object).GetFinalizers() }).Should(Equal([]string{"finalizers.gravitee.io/" + finalizer}))
		}
		Eventually(func() []string { return s.get(ctx, source).GetFinalizers() }).Should(BeEmpty())
	})

	It("point 21: a deletion deletes the remote API; a context that is used stays until then", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		api, managed := s.settled(ctx, "orders", "ctx"), s.context("ctx")
		s.remove(ctx, managed)
		Eventually(func() string { return s.message(ctx, managed, v1alpha1.DeletableCondition) }).Should(ContainSubstring(s.namespace + "/orders"))
		Expect(s.sim.APIs()).To(HaveLen(1))
		s.remove(ctx, api)
		s.expect(ctx, api, gone)
		s.expect(ctx, managed, gone)
		Expect(s.sim.APIs()).To(BeEmpty())
	})

	It("point 22: the same YAML again changes nothing", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		api := s.settled(ctx, "orders", "ctx")
		expectIdle(ctx, s.operator)
		s.get(ctx, api)
		before, mark := api.ResourceVersion, s.sim.Mark()
		s.apply(ctx, s.api("orders", "ctx"))
		expectIdle(ctx, s.operator)
		s.get(ctx, api)
		Expect(api.ResourceVersion).To(Equal(before))
		Expect(api.Generation).To(BeEquivalentTo(1))
		Expect(s.writesSince(mark)).To(BeEmpty())
	})

	It("point 23: templates in any string, in the resource's namespace, follow their source", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		source := s.secret("login", map[string]string{"password": "admin", "note": "first"})
		s.apply(ctx, source, s.context("ctx", basicAuth("admin", `[[ secret "login/password" ]]`)), s.api("orders", "ctx", described(`[[ secret "login/note" ]]`)))
		s.expect(ctx, s.api("orders", "ctx"), current)
		Expect(s.lastImport("orders")["description"]).To(Equal("first"))
		s.apply(ctx, s.secret("login", map[string]string{"password": "admin", "note": "second"}))
		Eventually(func() any { return s.lastImport("orders")["description"] }).Should(Equal("second"))
		s.apply(ctx, s.secret("login", map[string]string{"password": "admin"}), s.api("orders", "ctx", described(`[[ secret "login/other" ]]`)))
		s.expect(ctx, s.api("orders", "ctx"), badTemplate)
		s.apply(ctx, s.api("orders", "ctx", described(`[[ secret "absent/note" ]]`)))
		s.expect(ctx, s.api("orders", "ctx"), "InProgress ReferenceNotResolved")
	})

	It("point 24: groups by reference; a missing one isn't fatal", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		s.ready(ctx, s.context("ctx"))
		api := s.api("orders", "ctx", usesGroup("crew"), usesGroup("absent"))
		s.apply(ctx, s.group("crew", "ctx"), api)
		s.expect(ctx, api, current)
		Expect(s.conditionOf(ctx, api, "Accepted")).To(HaveField("Status", metav1.ConditionTrue))
		Expect(s.conditionOf(ctx, api, "ResolvedRefs")).To(And(HaveField("Status", metav1.ConditionFalse), HaveField("Reason", "GroupNotFound"),
			HaveField("Message", "Group "+s.namespace+"/absent could not be found")))
		Eventually(func() []string { return s.published("orders").Groups }).Should(HaveLen(1))
	})

	It("point 25: resources by reference; a missing one is waited for, a used one stays", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		s.ready(ctx, s.context("ctx"))
		api, resource := s.api("orders", "ctx", usesResource("cache")), s.resource("cache")
		s.apply(ctx, api)
		s.expect(ctx, api, "InProgress ReferenceNotResolved")
		Expect(s.sim.APIs()).To(BeEmpty())
		s.apply(ctx, resource)
		s.expect(ctx, api, current)
		Expect(s.lastImport("orders")["resources"]).To(ConsistOf(HaveKeyWithValue("name", resource.Spec.Name)))
		s.remove(ctx, resource)
		Eventually(func() string { return s.message(ctx, resource, v1alpha1.DeletableCondition) }).Should(ContainSubstring(s.namespace + "/orders"))
		s.apply(ctx, s.api("orders", "ctx"))
		s.expect(ctx, resource, gone)
	})
})

var _ = Describe("Must not break, with an operator of their own", func() {
	It("point 03: ids in the status win, and nothing is written for an object that GKO left", func(ctx context.Context) {
		s := newSite(simulator.Options{}, makeNamespace(ctx, east), nil)
		object := gkoObjects()[0]
		plans := object.replay(ctx, s)
		mark := s.sim.Mark()
		api := object.create(ctx, s, plans)
		s.get(ctx, api)
		before := api.Status
		s.apply(ctx, s.context("ctx"))
		s.start(ctx)
		s.expect(ctx, api, current)
		s.get(ctx, api)
		Expect(s.writesSince(mark)).To(BeEmpty())
		Expect(api.Status.ID).To(And(Equal(before.ID), Equal(s.sim.APIs()[0].ID)))
		Expect(api.Status.Plans).To(Equal(before.Plans))
	})

	It("point 30: a start is silent, and RECONCILE_STRATEGY=always writes everything once", func(ctx context.Context) {
		w := newWorld(ctx, simulator.Options{})
		api := w.api("orders", "ctx")
		group := w.group("crew", "ctx")
		w.apply(ctx, w.context("ctx"), api, group)
		w.expect(ctx, api, current)
		w.expect(ctx, group, current)
		expectIdle(ctx, w.operator)
		Expect(w.operator.Kill()).To(Succeed())
		writes := len(w.sim.Writes())

		w.start(ctx)
		expectIdle(ctx, w.operator)
		w.expect(ctx, api, current)
		Expect(w.sim.Writes()).To(HaveLen(writes))
		Expect(w.operator.Kill()).To(Succeed())

		w.start(ctx, "--reconcile-strategy=always")
		Eventually(func() int { return len(w.sim.Writes()) }).Should(Equal(writes+2), "the API and the group")
	})
})
