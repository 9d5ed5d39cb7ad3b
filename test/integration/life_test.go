// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"maps"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/test/simulator"
)

// Verdicts on the way to current and gone.
const (
	contextReady    = current
	contextRefused  = "Failed Unauthorized"
	waitsForContext = "InProgress ContextNotReady"
	waitsForRef     = "InProgress ReferenceNotResolved"
)

var _ = Describe("The life of an API", func() {
	It("is created, updated, stopped, started and deleted", func(ctx context.Context) {
		w := newWorld(ctx, simulator.Options{})
		api := w.api("orders", "ctx")
		w.apply(ctx, w.context("ctx"), api)
		w.expect(ctx, api, current)
		w.get(ctx, api)
		Expect(w.sim.APIs()).To(HaveLen(1))
		remote := w.sim.APIs()[0]
		Expect(remote.ID).To(Equal(string(api.UID)))
		Expect(remote.State).To(Equal("STARTED"))
		Expect(api.Status.ID).To(Equal(remote.ID))
		Expect(api.Status.ProcessingStatus).To(Equal(v1alpha1.ProcessingCompleted))

		By("changing its description")
		api = w.api("orders", "ctx", func(a *v1alpha1.ApiDefinition) { a.Spec.Description = "changed" })
		w.apply(ctx, api)
		Eventually(func() any { return w.sim.APIs()[0].Definition["description"] }).Should(Equal("changed"))
		w.expect(ctx, api, current)

		By("stopping it")
		w.apply(ctx, w.api("orders", "ctx", func(a *v1alpha1.ApiDefinition) { a.Spec.State = v1alpha1.StateStopped }))
		Eventually(func() string { return w.sim.APIs()[0].State }).Should(Equal("STOPPED"))
		w.expect(ctx, api, current)
		Expect(w.message(ctx, api, v1alpha1.ServedCondition)).To(Equal("spec.state is STOPPED"))

		By("starting it again")
		w.apply(ctx, w.api("orders", "ctx", func(a *v1alpha1.ApiDefinition) { a.Spec.State = v1alpha1.StateStarted }))
		Eventually(func() string { return w.sim.APIs()[0].State }).Should(Equal("STARTED"))
		w.expect(ctx, api, current)
		Expect(w.sim.Writes()).To(HaveLen(4), "one import for each change")

		By("deleting it")
		w.remove(ctx, api)
		w.expect(ctx, api, gone)
		Expect(w.sim.APIs()).To(BeEmpty())
		Expect(carriedOut(w.sim)).To(HaveLen(5))
	})

	It("loses what an update takes away", func(ctx context.Context) {
		w := newWorld(ctx, simulator.Options{})
		content := "Welcome"
		api := w.api("orders", "ctx", func(a *v1alpha1.ApiDefinition) {
			a.Spec.Labels = []string{"team-a", "shop"}
			a.Spec.Plans = append(a.Spec.Plans, v1alpha1.Plan{Name: "keyed", Description: "with a key", Security: "API_KEY"})
			a.Spec.Pages = map[string]v1alpha1.Page{
				"home":  {Name: "Home", Type: "MARKDOWN", Visibility: "PUBLIC", Content: &content},
				"terms": {Name: "Terms", Type: "MARKDOWN", Visibility: "PUBLIC", Content: &content},
			}
		})
		w.apply(ctx, w.context("ctx"), api)
		w.expect(ctx, api, current)
		before := w.sim.APIs()[0]
		Expect(before.Labels).To(ConsistOf("team-a", "shop"))
		Expect(before.Pages).To(ConsistOf("Home", "Terms"))
		Expect(slices.Collect(maps.Keys(before.Plans))).To(ConsistOf("open", "keyed"))
		w.get(ctx, api)
		Expect(api.Status.Plans).To(HaveLen(2))
		id := api.Status.ID

		By("removing one plan, renaming the other, and removing a page and a label")
		api = w.api("orders", "ctx", func(a *v1alpha1.ApiDefinition) {
			a.Spec.Labels = []string{"shop"}
			a.Spec.Plans[0].Name = "free"
			a.Spec.Pages = map[string]v1alpha1.Page{"home": {Name: "Home", Type: "MARKDOWN", Visibility: "PUBLIC", Content: &content}}
		})
		w.apply(ctx, api)
		w.expect(ctx, api, current)
		after := w.sim.APIs()[0]
		Expect(after.ID).To(Equal(id))
		Expect(after.Labels).To(ConsistOf("shop"))
		Expect(after.Pages).To(ConsistOf("Home"))
		Expect(after.Plans).To(Equal(map[string]string{"free": "PUBLISHED"}))
		w.get(ctx, api)
		Expect(api.Status.Plans).To(HaveLen(1))

		By("removing all pages and labels")
		api = w.api("orders", "ctx", func(a *v1alpha1.ApiDefinition) { a.Spec.Plans[0].Name = "free" })
		w.apply(ctx, api)
		w.expect(ctx, api, current)
		Expect(w.sim.APIs()[0].Labels).To(BeEmpty())
		Expect(w.sim.APIs()[0].Pages).To(BeEmpty())
		Expect(carriedOut(w.sim)).To(HaveLen(3), "one import for each change")
	})

	It("ends with its namespace, Secret and context", func(ctx context.Context) {
		w := newWorld(ctx, simulator.Options{})
		orders, billing := w.api("orders", "ctx"), w.api("billing", "ctx")
		w.apply(ctx, w.secret("admin", "admin"), w.context("ctx", fromSecret), orders, billing)
		w.expect(ctx, orders, current)
		w.expect(ctx, billing, current)
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}}
		w.remove(ctx, namespace)
		w.expect(ctx, namespace, gone)
		Expect(w.sim.APIs()).To(BeEmpty())
		Expect(carriedOut(w.sim)).To(ConsistOf("PUT DEFAULT", "PUT DEFAULT", "DELETE DEFAULT", "DELETE DEFAULT"))
	})

	It("doesn't hold a namespace up whose Secret went while no operator ran", func(ctx context.Context) {
		w := newWorld(ctx, simulator.Options{})
		api := w.api("orders", "ctx")
		w.apply(ctx, w.secret("admin", "admin"), w.context("ctx", fromSecret), api)
		w.expect(ctx, api, current)
		Expect(w.operator.Kill()).To(Succeed())
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}}
		w.remove(ctx, namespace)
		w.expect(ctx, w.secret("", ""), gone)
		w.expect(ctx, api, terminating)
		w.start(ctx)
		w.expect(ctx, namespace, gone)
		Expect(w.sim.APIs()).To(HaveLen(1), "without credentials it can't be deleted")
	})

	It("is deleted once the management API is back", func(ctx context.Context) {
		w := newWorld(ctx, simulator.Options{})
		api := w.api("orders", "ctx")
		w.apply(ctx, w.context("ctx"), api)
		w.expect(ctx, api, current)
		outage := w.sim.Inject(simulator.Fault{Mode: simulator.ModeStatus, Status: 503})
		w.remove(ctx, api)
		Eventually(func() string { return w.message(ctx, api, v1alpha1.DeletableCondition) }).Should(ContainSubstring("503"))
		w.expect(ctx, api, terminating)
		Expect(w.sim.APIs()).To(HaveLen(1))
		outage.Remove()
		w.expect(ctx, api, gone)
		Expect(w.sim.APIs()).To(BeEmpty())
	})

	It("is let go by an orphan annotation while the management API is down", func(ctx context.Context) {
		w := newWorld(ctx, simulator.Options{})
		api := w.api("orders", "ctx")
		w.apply(ctx, w.context("ctx"), api)
		w.expect(ctx, api, current)
		w.sim.Inject(simulator.Fault{Mode: simulator.ModeDrop})
		w.remove(ctx, api)
		Eventually(func() string { return w.message(ctx, api, v1alpha1.DeletableCondition) }).ShouldNot(BeEmpty())
		w.expect(ctx, api, terminating)
		id := api.Status.ID
		w.annotate(ctx, api, v1alpha1.DeletionPolicyAnnotation, v1alpha1.DeletionPolicyOrphan)
		w.expect(ctx, api, gone)
		Eventually(func() []string { return w.warnings(ctx, api) }).Should(ContainElement(
			SatisfyAll(HavePrefix("LeftBehind: "), ContainSubstring(id))))
		Expect(w.sim.APIs()).To(HaveLen(1))
	})

	DescribeTable("is deleted where it was published, although its contextRef leads there no more",
		func(ctx context.Context, verdict string, change func(*v1alpha1.ApiDefinition)) {
			w := newWorld(ctx, simulator.Options{})
			refused := w.context("refused", func(c *v1alpha1.ManagementContext) { c.Spec.Auth.Credentials.Password = "wrong" })
			elsewhere := w.context("elsewhere", at("http://127.0.0.1:1"))
			w.apply(ctx, refused, elsewhere)
			w.expect(ctx, refused, contextRefused)
			w.expect(ctx, elsewhere, "InProgress Unreachable")
			api := w.api("orders", "ctx")
			w.applied(ctx, w.context("ctx"), api)
			w.apply(ctx, w.api("orders", "ctx", change))
			w.expect(ctx, api, verdict)
			Expect(w.sim.APIs()).To(HaveLen(1), "it isn't deleted by a mistake in the reference")
			w.remove(ctx, api)
			w.expect(ctx, api, gone)
			Expect(w.sim.APIs()).To(BeEmpty())
		},
		Entry("since it was removed", "Failed IllegalStateError", func(a *v1alpha1.ApiDefinition) { a.Spec.ContextRef = nil }),
		Entry("since it names nothing", waitsForRef, func(a *v1alpha1.ApiDefinition) { a.Spec.ContextRef.Name = "typo" }),
		Entry("since it names one that is out of reach", waitsForContext, func(a *v1alpha1.ApiDefinition) { a.Spec.ContextRef.Name = "elsewhere" }),
		Entry("since it names one that isn't ready", waitsForContext, func(a *v1alpha1.ApiDefinition) { a.Spec.ContextRef.Name = "refused" }),
	)
})

var _ = Describe("A management context", func() {
	It("may come after its APIs", func(ctx context.Context) {
		w := newWorld(ctx, simulator.Options{})
		orders, billing := w.api("orders", "ctx"), w.api("billing", "ctx")
		w.apply(ctx, orders, billing)
		w.expect(ctx, orders, waitsForRef)
		w.expect(ctx, billing, waitsForRef)
		Expect(w.message(ctx, orders, v1alpha1.ReadyCondition)).To(ContainSubstring(w.namespace + "/ctx"))
		managed := w.context("ctx")
		w.apply(ctx, managed)
		w.expect(ctx, managed, contextReady)
		w.expect(ctx, orders, current)
		w.expect(ctx, billing, current)
		Expect(carriedOut(w.sim)).To(HaveLen(2))
	})

	It("recovers when only its Secret is repaired", func(ctx context.Context) {
		w := newWorld(ctx, simulator.Options{})
		managed, api := w.context("ctx", fromSecret), w.api("orders", "ctx")
		w.apply(ctx, w.secret("admin", "wrong"), managed)
		w.expect(ctx, managed, contextRefused)
		w.apply(ctx, api)
		w.expect(ctx, api, waitsForContext)
		Expect(w.sim.Writes()).To(BeEmpty(), "nothing is sent through a context that isn't ready")
		generation := w.get(ctx, managed).GetGeneration()
		w.apply(ctx, w.secret("admin", "admin"))
		w.expect(ctx, managed, contextReady)
		w.expect(ctx, api, current)
		Expect(w.get(ctx, managed).GetGeneration()).To(Equal(generation))
	})

	It("recovers when its own password is corrected", func(ctx context.Context) {
		w := newWorld(ctx, simulator.Options{})
		managed := w.context("ctx", func(c *v1alpha1.ManagementContext) { c.Spec.Auth.Credentials.Password = "wrong" })
		api := w.api("orders", "ctx")
		w.apply(ctx, managed)
		w.expect(ctx, managed, contextRefused)
		w.apply(ctx, api)
		w.expect(ctx, api, waitsForContext)
		Expect(w.message(ctx, api, v1alpha1.ReadyCondition)).NotTo(ContainSubstring("wrong"), "a password must not be shown")
		w.apply(ctx, w.context("ctx"))
		w.expect(ctx, managed, contextReady)
		w.expect(ctx, api, current)
	})

	It("tells APIs that were there before that it is refused", func(ctx context.Context) {
		w := newWorld(ctx, simulator.Options{})
		api := w.api("orders", "ctx")
		w.apply(ctx, api)
		w.expect(ctx, api, waitsForRef)
		// The API is looked at again before the answer to the probe is known.
		probe := w.sim.Inject(simulator.Fault{Mode: simulator.ModeLatency, Delay: probeDelay})
		managed := w.context("ctx", func(c *v1alpha1.ManagementContext) { c.Spec.Auth.Credentials.Password = "wrong" })
		w.apply(ctx, managed)
		w.expect(ctx, managed, contextRefused)
		// Well before what is looked at again by the clock, once a minute.
		Eventually(func() string { return w.verdict(ctx, api) }).WithTimeout(patience / 2).Should(Equal(waitsForContext))
		probe.Remove()
		w.apply(ctx, w.context("ctx"))
		w.expect(ctx, api, current)
	})

	It("isn't deleted while APIs use it, names them, and goes with the last of them", func(ctx context.Context) {
		w := newWorld(ctx, simulator.Options{})
		managed := w.context("ctx")
		orders, billing := w.api("orders", "ctx"), w.api("billing", "ctx")
		w.apply(ctx, managed, orders, billing)
		w.expect(ctx, orders, current)
		w.expect(ctx, billing, current)
		w.remove(ctx, managed)
		Eventually(func() string { return w.message(ctx, managed, v1alpha1.DeletableCondition) }).Should(
			ContainSubstring(w.namespace + "/billing, " + w.namespace + "/orders"))
		w.expect(ctx, managed, terminating)

		By("changing an API meanwhile: the context still serves it")
		w.apply(ctx, w.api("orders", "ctx", func(a *v1alpha1.ApiDefinition) { a.Spec.Description = "changed" }))
		w.expect(ctx, orders, current)
		Expect(carriedOut(w.sim)).To(HaveLen(3))

		By("deleting its users one after the other")
		w.remove(ctx, orders)
		w.expect(ctx, orders, gone)
		w.expect(ctx, managed, terminating)
		w.remove(ctx, billing)
		w.expect(ctx, billing, gone)
		w.expect(ctx, managed, gone)
		Expect(w.sim.APIs()).To(BeEmpty())
	})
})
