// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/test/simulator"
)

// Environments of the installation that the topology specs share.
const (
	dev     = "dev"
	staging = "staging"
	prod    = "prod"
)

func threeEnvironments() simulator.Options {
	return simulator.Options{Environments: []simulator.Place{{Environment: dev}, {Environment: staging}, {Environment: prod}}}
}

// inEnvironment points a context at an environment.
func inEnvironment(name string) func(*v1alpha1.ManagementContext) {
	return func(c *v1alpha1.ManagementContext) { c.Spec.EnvironmentID = name }
}

// at points a context at another installation, with its one environment.
func at(url string) func(*v1alpha1.ManagementContext) {
	return func(c *v1alpha1.ManagementContext) { c.Spec.BaseUrl, c.Spec.EnvironmentID = url, "DEFAULT" }
}

func inNamespace(name string) func(*v1alpha1.ManagementContext) {
	return func(c *v1alpha1.ManagementContext) { c.Namespace = name }
}

func withCrossID(id string) func(*v1alpha1.ApiDefinition) {
	return func(a *v1alpha1.ApiDefinition) { a.Spec.CrossID = id }
}

// places tells the description of each stored API by its environment.
func places(sim *simulator.Simulator) map[string]any {
	found := map[string]any{}
	for _, api := range sim.APIs() {
		found[api.Environment] = api.Definition["description"]
	}
	return found
}

// applied applies objects and waits until they are in step.
func (w *world) applied(ctx context.Context, objects ...client.Object) {
	GinkgoHelper()
	w.apply(ctx, objects...)
	for _, object := range objects {
		w.expect(ctx, object, current)
	}
}

var _ = Describe("Topologies", func() {
	const crossID = "4f2c9d1e-0000-4000-8000-000000000001"

	It("standard: one operator beside one control plane keeps several APIs", func(ctx context.Context) {
		w := newWorld(ctx, simulator.Options{})
		w.applied(ctx, w.context("ctx"), w.api("orders", "ctx"), w.api("billing", "ctx"), w.api("stock", "ctx"))
		Expect(w.sim.APIs()).To(HaveLen(3))
		Expect(carriedOut(w.sim)).To(HaveLen(3))
	})

	It("multi-environment: the same API in four environments of two installations, from two namespaces", func(ctx context.Context) {
		w := newWorld(ctx, threeEnvironments())
		elsewhere, url := startSimulator(simulator.Options{})
		platform := makeNamespace(ctx, w.cluster)
		contexts := []client.Object{
			w.context("dev", inEnvironment(dev)), w.context("staging", inEnvironment(staging)),
			w.context("prod", inEnvironment(prod), inNamespace(platform)), w.context("partner", at(url), inNamespace(platform)),
		}
		w.applied(ctx, contexts...)
		fromPlatform := func(a *v1alpha1.ApiDefinition) { a.Spec.ContextRef.Namespace = platform }
		samePath := func(a *v1alpha1.ApiDefinition) { a.Spec.Name, a.Spec.Proxy.VirtualHosts[0].Path = "orders", "/orders" }
		inDev := w.api("orders-dev", "dev", described("next"), withCrossID(crossID), samePath)
		inStaging := w.api("orders-staging", "staging", described("candidate"), withCrossID(crossID), samePath)
		inProd := w.api("orders-prod", "prod", described("stable"), withCrossID(crossID), samePath, fromPlatform)
		atPartner := w.api("orders-partner", "partner", described("special"), withCrossID(crossID), samePath, fromPlatform)
		w.applied(ctx, inDev, inStaging, inProd, atPartner)
		Expect(places(w.sim)).To(Equal(map[string]any{dev: "next", staging: "candidate", prod: "stable"}))
		Expect(places(elsewhere)).To(Equal(map[string]any{"DEFAULT": "special"}))
		for _, remote := range append(w.sim.APIs(), elsewhere.APIs()...) {
			Expect(remote.CrossID).To(Equal(crossID))
		}

		By("changing one of them, which touches no other")
		w.applied(ctx, w.api("orders-prod", "prod", described("stable 2"), withCrossID(crossID), samePath, fromPlatform))
		Expect(places(w.sim)).To(Equal(map[string]any{dev: "next", staging: "candidate", prod: "stable 2"}))
		Expect(carriedOut(w.sim)).To(ConsistOf("PUT dev", "PUT staging", "PUT prod", "PUT prod"))
		Expect(carriedOut(elsewhere)).To(HaveLen(1))

		By("an environment that is dead, which harms no other")
		w.sim.Inject(simulator.Fault{Mode: simulator.ModeStatus, Status: 503, Path: "/environments/staging/"})
		w.apply(ctx, w.api("orders-staging", "staging", described("candidate 2"), withCrossID(crossID), samePath))
		w.expect(ctx, inStaging, "InProgress Unreachable")
		w.applied(ctx, w.api("orders-dev", "dev", described("next 2"), withCrossID(crossID), samePath))
		Expect(places(w.sim)).To(Equal(map[string]any{dev: "next 2", staging: "candidate", prod: "stable 2"}))

		By("deleting one of them, which deletes no other")
		w.remove(ctx, inDev)
		w.expect(ctx, inDev, gone)
		Expect(places(w.sim)).To(Equal(map[string]any{staging: "candidate", prod: "stable 2"}))
		Expect(elsewhere.APIs()).To(HaveLen(1))
	})

	It("multi-environment: refuses a second resource for the same API in one environment", func(ctx context.Context) {
		w := newWorld(ctx, threeEnvironments())
		w.applied(ctx, w.context("dev", inEnvironment(dev)), w.context("also-dev", inEnvironment(dev)))
		first := w.api("first", "dev", withCrossID(crossID))
		second := w.api("second", "also-dev", withCrossID(crossID))
		w.applied(ctx, first)
		w.apply(ctx, second)
		w.expect(ctx, second, ownedElsewhere)
		Expect(w.message(ctx, second, v1alpha1.ReadyCondition)).To(ContainSubstring(w.namespace + "/first"))
		Expect(carriedOut(w.sim)).To(HaveLen(1))

		By("deleting the first: the second takes its place without being touched")
		w.remove(ctx, first)
		w.expect(ctx, first, gone)
		w.expect(ctx, second, current)
		Expect(w.sim.APIs()).To(HaveLen(1))
		Expect(w.sim.APIs()[0].Name).To(Equal("second"))
	})
})

const ownedElsewhere = "Failed OwnedElsewhere"
