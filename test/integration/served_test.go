// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/test/simulator"
)

var _ = Describe("What is accepted, but not as it seems", Ordered, ContinueOnFailure, func() {
	// The shortest resync there is: what a resync does is awaited below.
	operator := shareOperator("--resync=1s", "--drift-period=1s", "--drift-rotation=2s")

	// compared waits until an API was compared n more times, the last of which may be going on.
	compared := func(s *site, id string, n int) {
		GinkgoHelper()
		mark := s.sim.Mark()
		Eventually(func() int { return len(s.readsOf(mark, id)) }).Should(BeNumerically(">=", n))
	}

	DescribeTable("tells what won't be served, and leaves Ready alone (cases 37, 38, 42)",
		func(ctx context.Context, change func(*v1alpha1.ApiDefinition), reason, text string) {
			s := operator.site(ctx, simulator.Options{})
			api := s.api("orders", "ctx", change)
			s.apply(ctx, s.context("ctx"), api)
			s.expect(ctx, api, current)
			condition := s.conditionOf(ctx, api, v1alpha1.ServedCondition)
			Expect(condition).NotTo(BeNil())
			Expect(condition.Status).To(Equal(metav1.ConditionFalse))
			Expect(condition.Reason).To(Equal(reason))
			Expect(condition.Message).To(ContainSubstring(text))
			compared(s, s.sim.APIs()[0].ID, 2)
			Expect(s.sim.Writes()).To(HaveLen(1), "it isn't written again and again")
			s.expect(ctx, api, current)

			By("making it right")
			s.apply(ctx, s.api("orders", "ctx"))
			Eventually(func() metav1.ConditionStatus {
				return s.conditionOf(ctx, api, v1alpha1.ServedCondition).Status
			}).Should(Equal(metav1.ConditionTrue))
			s.expect(ctx, api, current)
		},
		Entry("no plan", func(a *v1alpha1.ApiDefinition) { a.Spec.Plans = nil }, "NoPlan", "plan"),
		Entry("unknown policy", func(a *v1alpha1.ApiDefinition) {
			policy := "no-such-policy"
			a.Spec.Flows = []v1alpha1.Flow{{
				Name: "f", Enabled: true, PathOperator: &v1alpha1.PathOperator{Path: "/", Operator: "STARTS_WITH"},
				Pre: []v1alpha1.FlowStep{{Policy: &policy, Enabled: true, Configuration: &v1alpha1.FreeForm{Raw: []byte(`{"a":1}`)}}},
			}}
		}, "UnknownPolicy", "no-such-policy"),
		Entry("two plans of one name", func(a *v1alpha1.ApiDefinition) {
			a.Spec.Plans = append(a.Spec.Plans, v1alpha1.Plan{Name: "open", Description: "again", Security: "KEY_LESS"})
		}, "DuplicatePlanName", "name"),
		Entry("stopped", func(a *v1alpha1.ApiDefinition) { a.Spec.State = v1alpha1.StateStopped }, "Stopped", "STOPPED"),
	)

	It("tries once to correct a plan that was closed by hand, then tells of it and leaves it", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		api := s.settled(ctx, "orders", "ctx")
		Expect(s.sim.ClosePlan(api.Status.ID, "open")).To(Succeed())
		Eventually(func() string { return s.message(ctx, api, "Ready") }).Should(And(
			ContainSubstring("can't be changed by writing"), ContainSubstring("plans[open].status")))
		s.expect(ctx, api, current)
		s.get(ctx, api)
		Expect(api.Status.Sync.Unresolved).To(ConsistOf("plans[open].status"))
		Expect(s.conditionOf(ctx, api, v1alpha1.ServedCondition).Reason).To(Equal("NoPlan"))
		compared(s, api.Status.ID, 3)
		Expect(s.sim.Writes()).To(HaveLen(2), "the creation and one attempt")
		s.expect(ctx, api, current)
	})

	It("corrects what was edited by hand, and names the field, not the value", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		api := s.settled(ctx, "orders", "ctx")
		Expect(s.sim.EditAPI(api.Status.ID, func(definition map[string]any) { definition["description"] = "scribbled-by-hand" })).To(Succeed())
		Eventually(func() any { return s.sim.APIs()[0].Definition["description"] }).Should(Equal("orders service"))
		Eventually(func() []string { return s.events(ctx, "orders") }).Should(ContainElement(And(
			ContainSubstring("edited elsewhere"), ContainSubstring("description"))))
		compared(s, api.Status.ID, 3)
		Expect(s.sim.Writes()).To(HaveLen(2))
		Expect(strings.Join(s.events(ctx, "orders"), "\n")).NotTo(ContainSubstring("scribbled-by-hand"))
		s.expect(ctx, api, current)
	})

	It("starts again what was stopped by hand, and brings back what was deleted by hand (case 80)", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		api := s.settled(ctx, "orders", "ctx")
		Expect(s.sim.SetState(api.Status.ID, "STOPPED")).To(Succeed())
		Eventually(func() string { return s.sim.APIs()[0].State }).Should(Equal("STARTED"))
		Expect(s.sim.RemoveAPI(api.Status.ID)).To(Succeed())
		Eventually(func() []simulator.APIState { return s.sim.APIs() }).Should(HaveLen(1))
		Eventually(func() []string { return s.events(ctx, "orders") }).Should(ContainElement(ContainSubstring("deleted elsewhere")))
		s.expect(ctx, api, current)
		s.expectOne(ctx, api)
	})
})
