// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/test/simulator"
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

		By("starting it again")
		w.apply(ctx, w.api("orders", "ctx", func(a *v1alpha1.ApiDefinition) { a.Spec.State = v1alpha1.StateStarted }))
		Eventually(func() string { return w.sim.APIs()[0].State }).Should(Equal("STARTED"))
		w.expect(ctx, api, current)
		Expect(w.sim.Writes()).To(HaveLen(4), "one import for each change")

		By("deleting it")
		Expect(w.cluster.Client.Delete(ctx, api)).To(Succeed())
		w.expect(ctx, api, gone)
		Expect(w.sim.APIs()).To(BeEmpty())
	})
})
