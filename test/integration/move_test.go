// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/test/simulator"
)

// stillLeaving is the verdict on an API that has arrived and can't leave its old place yet: the API or its old
// context is the first to notice.
const stillLeaving = "^InProgress (Unreachable|ContextNotReady)$"

var _ = Describe("Moving an API", func() {
	It("within an installation leaves the old environment first and keeps all ids", func(ctx context.Context) {
		w := newWorld(ctx, threeEnvironments())
		api := w.api("orders", "dev")
		w.applied(ctx, w.context("dev", inEnvironment(dev)), w.context("prod", inEnvironment(prod)), api)
		w.get(ctx, api)
		id, plans := api.Status.ID, api.Status.Plans
		w.applied(ctx, w.api("orders", "prod"))
		Expect(carriedOut(w.sim)).To(Equal([]string{"PUT dev", "DELETE dev", "PUT prod"}))
		Expect(places(w.sim)).To(Equal(map[string]any{prod: "orders service"}))
		Expect(w.sim.APIs()[0].ID).To(Equal(id))
		w.get(ctx, api)
		Expect(api.Status.ID).To(Equal(id))
		Expect(api.Status.Plans).To(Equal(plans))
		Expect(api.Status.EnvironmentID).To(Equal(prod))
		Expect(w.warnings(ctx, api)).To(BeEmpty())

		By("freeing the old context")
		old := w.context("dev")
		w.remove(ctx, old)
		w.expect(ctx, old, gone)
		Expect(w.sim.APIs()).To(HaveLen(1))
	})

	It("within an installation, when the environment of its context is edited", func(ctx context.Context) {
		w := newWorld(ctx, threeEnvironments())
		orders, billing := w.api("orders", "ctx"), w.api("billing", "ctx")
		w.applied(ctx, w.context("ctx", inEnvironment(dev)), orders, billing)
		w.apply(ctx, w.context("ctx", inEnvironment(prod)))
		for _, name := range []string{"orders", "billing"} {
			logged(ctx, w.sim, func(r simulator.Request) bool {
				return r.IsWrite() && r.Method == http.MethodPut && r.Environment == prod && strings.Contains(string(r.Body), name)
			})
		}
		for _, remote := range w.sim.APIs() {
			Expect(remote.Environment).To(Equal(prod))
		}
		Expect(carriedOut(w.sim)).To(ConsistOf("PUT dev", "PUT dev", "DELETE dev", "DELETE dev", "PUT prod", "PUT prod"))
		Eventually(func() string { w.get(ctx, orders); return orders.Status.EnvironmentID }).Should(Equal(prod))
		Eventually(func() string { w.get(ctx, billing); return billing.Status.EnvironmentID }).Should(Equal(prod))
		Expect(orders.Status.ID).To(Equal(string(orders.UID)))
		w.expect(ctx, orders, current)
		Expect(w.warnings(ctx, orders)).To(BeEmpty())
	})

	It("within an installation, when its context was edited while no operator ran", func(ctx context.Context) {
		w := newWorld(ctx, threeEnvironments())
		api := w.api("orders", "ctx")
		w.applied(ctx, w.context("ctx", inEnvironment(dev)), api)
		Expect(w.operator.Kill()).To(Succeed())
		w.apply(ctx, w.context("ctx", inEnvironment(prod)))
		w.start(ctx)
		Eventually(func() string { w.get(ctx, api); return api.Status.EnvironmentID }).Should(Equal(prod))
		w.expect(ctx, api, current)
		Expect(carriedOut(w.sim)).To(Equal([]string{"PUT dev", "DELETE dev", "PUT prod"}))
		Expect(places(w.sim)).To(Equal(map[string]any{prod: "orders service"}))
		Expect(w.warnings(ctx, api)).To(BeEmpty())
	})

	// acrossInstallations checks each write while it is held: at all times the API is served somewhere.
	acrossInstallations := func(ctx context.Context, w *world, other *simulator.Simulator, move func()) {
		GinkgoHelper()
		arrival := other.PauseAt(simulator.PausePoint{Stage: simulator.Before, Method: http.MethodPut, Path: "/import-crd"})
		departure := w.sim.PauseAt(simulator.PausePoint{Stage: simulator.Before, Method: http.MethodDelete})
		move()
		reached(ctx, arrival)
		Expect(w.sim.APIs()).To(HaveLen(1), "it is still served at the old place")
		arrival.Release()
		reached(ctx, departure)
		Expect(other.APIs()).To(HaveLen(1), "it is served at the new place already")
		departure.Release()
	}

	It("to another installation arrives there first", func(ctx context.Context) {
		w := newWorld(ctx, simulator.Options{})
		other, url := startSimulator(simulator.Options{})
		api := w.api("orders", "here")
		w.applied(ctx, w.context("here"), w.context("there", at(url)), api)
		w.get(ctx, api)
		id, plans := api.Status.ID, api.Status.Plans
		acrossInstallations(ctx, w, other, func() { w.apply(ctx, w.api("orders", "there")) })
		w.expect(ctx, api, current)
		Expect(w.sim.APIs()).To(BeEmpty())
		Expect(other.APIs()[0].ID).To(Equal(id))
		w.get(ctx, api)
		Expect(api.Status.Plans).To(Equal(plans))
		Expect(carriedOut(w.sim)).To(Equal([]string{"PUT DEFAULT", "DELETE DEFAULT"}))
		Expect(carriedOut(other)).To(Equal([]string{"PUT DEFAULT"}))
	})

	It("to another installation, when the address of its context is edited", func(ctx context.Context) {
		w := newWorld(ctx, simulator.Options{})
		other, url := startSimulator(simulator.Options{})
		api, managed := w.api("orders", "ctx"), w.context("ctx")
		w.applied(ctx, managed, api)
		acrossInstallations(ctx, w, other, func() { w.apply(ctx, w.context("ctx", at(url))) })
		Eventually(func() string { w.get(ctx, api); return api.Status.Sync.Place.BaseURL }).Should(Equal(url))
		w.expect(ctx, api, current)
		Expect(w.sim.APIs()).To(BeEmpty())
		Expect(carriedOut(other)).To(HaveLen(1))
		Expect(w.warnings(ctx, api)).To(BeEmpty())
	})

	It("to another address of the same installation deletes nothing", func(ctx context.Context) {
		w := newWorld(ctx, simulator.Options{})
		api, managed := w.api("orders", "ctx"), w.context("ctx")
		w.applied(ctx, managed, api)
		alias := strings.Replace(w.url, "127.0.0.1", "localhost", 1)
		w.apply(ctx, w.context("ctx", at(alias)))
		Eventually(func() string { w.get(ctx, api); return api.Status.Sync.Place.BaseURL }).Should(Equal(alias))
		w.expect(ctx, api, current)
		Expect(w.sim.APIs()).To(HaveLen(1))
		Expect(carriedOut(w.sim)).To(Equal([]string{"PUT DEFAULT"}), "nothing is deleted, not even for a moment")
		Expect(w.warnings(ctx, api)).To(ContainElement(
			SatisfyAll(HavePrefix("UpdateWarning: "), ContainSubstring(w.url), ContainSubstring("wasn't deleted"))))
	})

	It("waits for an old place that is out of reach for the moment", func(ctx context.Context) {
		w := newWorld(ctx, simulator.Options{})
		other, url := startSimulator(simulator.Options{})
		api := w.api("orders", "here")
		w.applied(ctx, w.context("here"), w.context("there", at(url)), api)
		outage := w.sim.Inject(simulator.Fault{Mode: simulator.ModeStatus, Status: 503})
		w.apply(ctx, w.api("orders", "there"))
		Eventually(func() string { return w.verdict(ctx, api) }).Should(MatchRegexp(stillLeaving))
		Expect(other.APIs()).To(HaveLen(1))
		outage.Remove()
		w.expect(ctx, api, current)
		Expect(w.sim.APIs()).To(BeEmpty())
		Expect(carriedOut(other)).To(HaveLen(1), "it is imported once")
		Expect(w.warnings(ctx, api)).NotTo(ContainElement(ContainSubstring("left behind")))
	})

	It("names an old place to which no way leads any more", func(ctx context.Context) {
		w := newWorld(ctx, simulator.Options{})
		other, url := startSimulator(simulator.Options{})
		api := w.api("orders", "ctx")
		w.applied(ctx, w.context("ctx"), api)
		Expect(w.operator.Kill()).To(Succeed())
		// The credentials of the new address must not be shown to the old one.
		w.apply(ctx, w.context("ctx", at(url)))
		w.start(ctx)
		Eventually(func() []string { return w.warnings(ctx, api) }).Should(ContainElement(
			SatisfyAll(HavePrefix("UpdateWarning: "), ContainSubstring(w.url), ContainSubstring(string(w.get(ctx, api).GetUID())))))
		w.expect(ctx, api, current)
		Expect(other.APIs()).To(HaveLen(1))
		Expect(w.sim.APIs()).To(HaveLen(1))
		Expect(carriedOut(w.sim)).To(HaveLen(1))
	})

	It("names an old place whose credentials aren't accepted any more", func(ctx context.Context) {
		w := newWorld(ctx, simulator.Options{})
		other, url := startSimulator(simulator.Options{})
		api, old := w.api("orders", "here"), w.context("here")
		w.applied(ctx, old, w.context("there", at(url)), api)
		w.apply(ctx, w.context("here", func(c *v1alpha1.ManagementContext) { c.Spec.Auth.Credentials.Password = "revoked" }))
		w.expect(ctx, old, contextRefused)
		w.apply(ctx, w.api("orders", "there"))
		Eventually(func() []string { return w.warnings(ctx, api) }).Should(ContainElement(
			SatisfyAll(HavePrefix("UpdateWarning: "), ContainSubstring(w.url), Not(ContainSubstring("revoked")))))
		w.expect(ctx, api, current)
		Expect(other.APIs()).To(HaveLen(1))
		Expect(carriedOut(w.sim)).To(HaveLen(1))
	})

	It("isn't begun by a mistake in the environment of its context", func(ctx context.Context) {
		w := newWorld(ctx, threeEnvironments())
		orders, billing, managed := w.api("orders", "ctx"), w.api("billing", "ctx"), w.context("ctx", inEnvironment(dev))
		w.applied(ctx, managed, orders, billing)
		w.apply(ctx, w.context("ctx", inEnvironment("porduction")))
		w.expect(ctx, managed, "Failed UnknownEnvironment")
		Expect(carriedOut(w.sim)).To(HaveLen(2))

		By("deleting an API meanwhile: it is found where it was published")
		w.remove(ctx, billing)
		w.expect(ctx, billing, gone)

		By("correcting the mistake")
		w.applied(ctx, w.context("ctx", inEnvironment(dev)))
		w.applied(ctx, w.api("orders", "ctx", described("changed")))
		Expect(places(w.sim)).To(Equal(map[string]any{dev: "changed"}))
		Expect(carriedOut(w.sim)).To(Equal([]string{"PUT dev", "PUT dev", "DELETE dev", "PUT dev"}))
	})

	It("isn't begun when the new environment would refuse it", func(ctx context.Context) {
		w := newWorld(ctx, threeEnvironments())
		samePath := func(a *v1alpha1.ApiDefinition) { a.Spec.Proxy.VirtualHosts[0].Path = "/taken" }
		api := w.api("orders", "dev", samePath)
		w.applied(ctx, w.context("dev", inEnvironment(dev)), w.context("prod", inEnvironment(prod)), w.api("resident", "prod", samePath), api)
		w.apply(ctx, w.api("orders", "prod", samePath))
		w.expect(ctx, api, "Failed PathExists")
		Expect(places(w.sim)).To(Equal(map[string]any{dev: "orders service", prod: "resident service"}), "it is still served at the old place")
		w.applied(ctx, w.api("orders", "prod"))
		Expect(carriedOut(w.sim)).To(ConsistOf("PUT dev", "PUT prod", "DELETE dev", "PUT prod"))
		Expect(w.sim.APIs()).To(HaveLen(2))
		Expect(w.sim.APIs()).To(HaveEach(HaveField("Environment", prod)))
	})

	It("leaves the old place although its context is probed last after a restart", func(ctx context.Context) {
		w := newWorld(ctx, simulator.Options{})
		other, url := startSimulator(simulator.Options{})
		api := w.api("orders", "here")
		w.applied(ctx, w.context("here"), w.context("there", at(url)), api)
		Expect(w.operator.Kill()).To(Succeed())
		w.apply(ctx, w.api("orders", "there"))
		slow := w.sim.Inject(simulator.Fault{Mode: simulator.ModeDelayAfter})
		w.start(ctx)
		logged(ctx, other, simulator.Request.IsWrite)
		Eventually(func() string { return w.verdict(ctx, api) }).Should(MatchRegexp(stillLeaving))
		slow.Remove()
		w.expect(ctx, api, current)
		Expect(w.sim.APIs()).To(BeEmpty())
		Expect(other.APIs()).To(HaveLen(1))
		Expect(w.warnings(ctx, api)).NotTo(ContainElement(ContainSubstring("left behind")))
	})

	It("deletes the old one by its own id when the new place knows the API by another", func(ctx context.Context) {
		w := newWorld(ctx, simulator.Options{})
		other, url := startSimulator(simulator.Options{})
		w.applied(ctx, w.context("here"), w.context("there", at(url)))
		const crossID = "4f2c9d1e-0000-4000-8000-000000000002"
		seed := w.api("seed", "there", withCrossID(crossID))
		w.applied(ctx, seed)
		w.annotate(ctx, seed, v1alpha1.DeletionPolicyAnnotation, v1alpha1.DeletionPolicyOrphan)
		w.remove(ctx, seed)
		w.expect(ctx, seed, gone)
		known := other.APIs()[0].ID

		api := w.api("orders", "here", withCrossID(crossID))
		w.applied(ctx, api)
		w.apply(ctx, w.api("orders", "there", withCrossID(crossID)))
		w.expect(ctx, api, current)
		Expect(other.APIs()).To(HaveLen(1))
		Expect(other.APIs()[0].ID).To(Equal(known))
		Expect(other.APIs()[0].Name).To(Equal("orders"))
		Expect(w.sim.APIs()).To(BeEmpty())
		w.get(ctx, api)
		Expect(api.Status.ID).To(Equal(known))
	})

	It("doesn't push another resource's API out of the new place", func(ctx context.Context) {
		w := newWorld(ctx, threeEnvironments())
		const crossID = "4f2c9d1e-0000-4000-8000-000000000003"
		w.applied(ctx, w.context("dev", inEnvironment(dev)), w.context("prod", inEnvironment(prod)))
		resident, mover := w.api("resident", "prod", withCrossID(crossID)), w.api("mover", "dev", withCrossID(crossID))
		w.applied(ctx, resident, mover)
		w.apply(ctx, w.api("mover", "prod", withCrossID(crossID)))
		w.expect(ctx, mover, ownedElsewhere)
		Expect(places(w.sim)).To(Equal(map[string]any{dev: "mover service", prod: "resident service"}))
		Expect(carriedOut(w.sim)).To(HaveLen(2))

		By("moving it back")
		w.applied(ctx, w.api("mover", "dev", withCrossID(crossID)))
		Expect(carriedOut(w.sim)).To(HaveLen(2))
	})

	It("away makes room at once for the one that waits", func(ctx context.Context) {
		w := newWorld(ctx, threeEnvironments())
		const crossID = "4f2c9d1e-0000-4000-8000-000000000006"
		w.applied(ctx, w.context("dev", inEnvironment(dev)), w.context("prod", inEnvironment(prod)))
		w.applied(ctx, w.api("resident", "prod", withCrossID(crossID)))
		next := w.api("next", "prod", withCrossID(crossID))
		w.apply(ctx, next)
		w.expect(ctx, next, ownedElsewhere)
		w.applied(ctx, w.api("resident", "dev", withCrossID(crossID)))
		w.expect(ctx, next, current)
		Expect(places(w.sim)).To(Equal(map[string]any{dev: "resident service", prod: "next service"}))
		Expect(carriedOut(w.sim)).To(Equal([]string{"PUT prod", "DELETE prod", "PUT dev", "PUT prod"}))
	})

	It("to each other's environment at once loses neither of two APIs", func(ctx context.Context) {
		w := newWorld(ctx, threeEnvironments())
		const crossID = "4f2c9d1e-0000-4000-8000-000000000004"
		w.applied(ctx, w.context("dev", inEnvironment(dev)), w.context("prod", inEnvironment(prod)))
		first, second := w.api("first", "dev", withCrossID(crossID)), w.api("second", "prod", withCrossID(crossID))
		w.applied(ctx, first, second)
		w.apply(ctx, w.api("first", "prod", withCrossID(crossID)), w.api("second", "dev", withCrossID(crossID)))
		settled := MatchRegexp("^(Current Synchronized|Failed OwnedElsewhere)$")
		Eventually(func() string { return w.verdict(ctx, first) }).Should(settled)
		Eventually(func() string { return w.verdict(ctx, second) }).Should(settled)
		// A swap may be refused, but who is told to be in step is there, and nobody is overwritten.
		for _, api := range []*v1alpha1.ApiDefinition{first, second} {
			w.get(ctx, api)
			remote, found := w.sim.API(api.Status.ID)
			Expect(found).To(BeTrue(), api.Name)
			Expect(remote.Name).To(Equal(api.Name))
			if w.verdict(ctx, api) == current {
				Expect(remote.Environment).To(Equal(api.Spec.ContextRef.Name), api.Name)
			}
		}
	})
})
