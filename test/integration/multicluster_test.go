// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/test/harness"
	"github.com/apisync/apisync/test/simulator"
)

// twins are the same namespace in two clusters, with an operator in each, before one management API.
type twins struct{ east, west *world }

func newTwins(ctx context.Context, west *harness.Cluster, eastArgs, westArgs []string) twins {
	GinkgoHelper()
	options := threeEnvironments()
	options.Environments = append(options.Environments, simulator.Place{})
	first := newWorld(ctx, options, eastArgs...)
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: first.namespace}}
	Expect(west.Client.Create(ctx, namespace)).To(Succeed())
	DeferCleanup(func(ctx context.Context) { forget(ctx, west, namespace.Name) })
	second := &world{cluster: west, namespace: first.namespace, sim: first.sim, url: first.url}
	second.start(ctx, westArgs...)
	first.applied(ctx, first.context("ctx"))
	second.applied(ctx, second.context("ctx"))
	return twins{first, second}
}

const (
	eastMark = "apisync-cluster=east"
	westMark = "apisync-cluster=west"
)

var _ = Describe("Several clusters before one management API", Ordered, ContinueOnFailure, func() {
	var west *harness.Cluster

	BeforeAll(func(ctx context.Context) { west = startCluster(ctx, "west") })

	marked := func(ctx context.Context) twins {
		GinkgoHelper()
		return newTwins(ctx, west, []string{"--cluster-id=east"}, []string{"--cluster-id=west"})
	}

	It("keep different APIs side by side", func(ctx context.Context) {
		t := marked(ctx)
		orders, billing := t.east.api("orders", "ctx"), t.west.api("billing", "ctx")
		orders.Spec.Labels = []string{"team-a"}
		t.east.applied(ctx, orders)
		t.west.applied(ctx, billing)
		labels := map[string][]string{}
		for _, remote := range t.east.sim.APIs() {
			labels[remote.Name] = remote.Labels
		}
		Expect(labels).To(HaveLen(2))
		Expect(labels["orders"]).To(ConsistOf("team-a", eastMark))
		Expect(labels["billing"]).To(ConsistOf(westMark))
		t.west.remove(ctx, billing)
		t.west.expect(ctx, billing, gone)
		Expect(t.east.sim.APIs()).To(HaveLen(1))
		Expect(t.east.sim.APIs()[0].Name).To(Equal("orders"))
	})

	It("never share an API by accident: the second one says who owns it", func(ctx context.Context) {
		t := marked(ctx)
		sim := t.east.sim
		first := t.east.api("orders", "ctx", described("from the east"))
		second := t.west.api("orders", "ctx", described("from the west"))
		t.east.applied(ctx, first)
		t.west.apply(ctx, second)
		t.west.expect(ctx, second, ownedElsewhere)
		Expect(t.west.message(ctx, second, v1alpha1.ReadyCondition)).To(ContainSubstring(`"east"`))
		Expect(second.Status.ID).To(BeEmpty())
		Expect(places(sim)).To(Equal(map[string]any{"DEFAULT": "from the east"}))
		Expect(carriedOut(sim)).To(Equal([]string{"PUT DEFAULT"}), "nothing is overwritten")
		t.east.expect(ctx, first, current)

		By("deleting the second, which deletes nothing")
		t.west.remove(ctx, second)
		t.west.expect(ctx, second, gone)
		Expect(carriedOut(sim)).To(Equal([]string{"PUT DEFAULT"}))

		By("deleting the first, after which the second may have the name")
		t.west.apply(ctx, t.west.api("orders", "ctx"))
		t.west.expect(ctx, second, ownedElsewhere)
		t.east.remove(ctx, first)
		t.east.expect(ctx, first, gone)
		Expect(sim.APIs()).To(BeEmpty())
		t.west.apply(ctx, t.west.api("orders", "ctx", described("at last")))
		t.west.expect(ctx, second, current)
		Expect(places(sim)).To(Equal(map[string]any{"DEFAULT": "at last"}))
		Expect(sim.APIs()[0].ID).To(Equal(string(t.west.get(ctx, second).GetUID())))
		Expect(sim.APIs()[0].Labels).To(Equal([]string{westMark}))
	})

	It("keep to the owner also where no id is configured", func(ctx context.Context) {
		t := newTwins(ctx, west, []string{"--cluster-id=east"}, nil)
		first, second := t.east.api("orders", "ctx"), t.west.api("orders", "ctx", described("from the west"))
		t.east.applied(ctx, first)
		t.west.apply(ctx, second)
		t.west.expect(ctx, second, ownedElsewhere)
		Expect(t.west.message(ctx, second, v1alpha1.ReadyCondition)).To(ContainSubstring(`"east"`))
		t.west.remove(ctx, second)
		t.west.expect(ctx, second, gone)
		Expect(carriedOut(t.east.sim)).To(HaveLen(1))
	})

	It("without ids leave no mark, and announce that an API was there before", func(ctx context.Context) {
		t := newTwins(ctx, west, nil, nil)
		sim := t.east.sim
		labels := func(a *v1alpha1.ApiDefinition) { a.Spec.Labels = []string{"team-a", "shop"} }
		first := t.east.api("orders", "ctx", labels)
		t.east.applied(ctx, first)
		Expect(sim.APIs()[0].Labels).To(ConsistOf("team-a", "shop"), "the wire is as without clusters")
		second := t.west.api("orders", "ctx", labels, described("from the west"))
		t.west.applied(ctx, second)
		id := string(t.east.get(ctx, first).GetUID())
		Eventually(func() []string { return t.west.warnings(ctx, second) }).Should(ContainElement(
			SatisfyAll(HavePrefix("UpdateWarning: "), ContainSubstring(id))))
		Expect(t.east.warnings(ctx, first)).To(BeEmpty())
		Expect(sim.APIs()).To(HaveLen(1), "nothing is doubled")
		Expect(sim.APIs()[0].ID).To(Equal(id))
		Expect(sim.APIs()[0].Labels).To(ConsistOf("team-a", "shop"))
		Expect(places(sim)).To(Equal(map[string]any{"DEFAULT": "from the west"}))
	})

	It("don't begin a move to where another cluster owns the API", func(ctx context.Context) {
		t := marked(ctx)
		const crossID = "4f2c9d1e-0000-4000-8000-000000000005"
		t.east.applied(ctx, t.east.context("prod", inEnvironment(prod)), t.east.api("resident", "prod", withCrossID(crossID)))
		mover := t.west.api("mover", "dev", withCrossID(crossID))
		t.west.applied(ctx, t.west.context("dev", inEnvironment(dev)), t.west.context("prod", inEnvironment(prod)), mover)
		t.west.apply(ctx, t.west.api("mover", "prod", withCrossID(crossID)))
		t.west.expect(ctx, mover, ownedElsewhere)
		Expect(places(t.east.sim)).To(Equal(map[string]any{dev: "mover service", prod: "resident service"}))
		Expect(carriedOut(t.east.sim)).To(HaveLen(2))
	})

	It("may be given an id later, which marks what is there", func(ctx context.Context) {
		w := newWorld(ctx, simulator.Options{})
		api := w.api("orders", "ctx")
		w.applied(ctx, w.context("ctx"), api)
		Expect(w.sim.APIs()[0].Labels).To(BeEmpty())
		Expect(w.operator.Kill()).To(Succeed())
		w.start(ctx, "--cluster-id=east")
		Eventually(func() []string { return w.sim.APIs()[0].Labels }).Should(ConsistOf(eastMark))
		Expect(w.warnings(ctx, api)).To(BeEmpty())
		Expect(carriedOut(w.sim)).To(HaveLen(2))

		By("taking the id away: the API says how to go on, and nothing is lost")
		Expect(w.operator.Kill()).To(Succeed())
		w.start(ctx)
		w.expect(ctx, api, ownedElsewhere)
		Expect(w.message(ctx, api, v1alpha1.ReadyCondition)).To(ContainSubstring("configure its cluster id"))
		Expect(carriedOut(w.sim)).To(HaveLen(2))
	})
})
