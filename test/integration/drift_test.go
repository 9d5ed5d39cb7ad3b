// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/test/simulator"
)

// sweptEvery makes a context look in bulk each second, and at each of its APIs in full within the rotation.
func sweptEvery(rotation string) func(*v1alpha1.ManagementContext) {
	return func(managed *v1alpha1.ManagementContext) {
		managed.Annotations = map[string]string{
			v1alpha1.DriftPeriodAnnotation: "1s", v1alpha1.DriftRotationAnnotation: rotation,
		}
	}
}

// Rotations that do, and don't, come round while a spec runs.
const (
	often  = "1s"
	rarely = "1h"
)

// watched applies a context that looks often, and an API that gets in step.
func (s *site) watched(ctx context.Context, rotation string, change ...func(*v1alpha1.ApiDefinition)) *v1alpha1.ApiDefinition {
	GinkgoHelper()
	api := s.api("orders", "ctx", change...)
	s.apply(ctx, s.context("ctx", sweptEvery(rotation)), api)
	s.expect(ctx, api, current)
	s.get(ctx, api)
	return api
}

// remote is what the management API has under an id, without what a write alone changes.
func (s *site) remote(id string) simulator.Content {
	content, _ := s.sim.Content(id)
	return content
}

// drifted is the condition, as "True Edited".
func (s *site) drifted(ctx context.Context, api client.Object) string {
	GinkgoHelper()
	if c := s.conditionOf(ctx, api, v1alpha1.DriftedCondition); c != nil {
		return fmt.Sprintf("%s %s", c.Status, c.Reason)
	}
	return "absent"
}

func (s *site) expectDrifted(ctx context.Context, api client.Object, want string) {
	GinkgoHelper()
	Eventually(func() string { return s.drifted(ctx, api) }).Should(Equal(want))
}

func isList(r simulator.Request) bool {
	return strings.HasSuffix(r.Path, "/apis/_search") && r.Status == http.StatusOK
}

// passes waits until the context was looked at n times in bulk after now, and nothing is left to do.
func (s *site) passes(ctx context.Context, n int) {
	GinkgoHelper()
	mark := s.sim.Mark()
	Eventually(func() int { return len(s.requests(mark, isList)) }).Should(BeNumerically(">=", n))
	expectIdle(ctx, s.operator)
}

// editByHand is the smallest edit behind the operator's back.
func (s *site) editByHand(id string) {
	GinkgoHelper()
	Expect(s.sim.EditAPI(id, func(definition map[string]any) { definition["description"] = "by hand" })).To(Succeed())
}

// metric gives the value of a metric of the context "ctx", or "" if it isn't there. labels are further ones, sorted.
func (s *site) metric(ctx context.Context, name, labels string) string {
	GinkgoHelper()
	_, body, err := fetch(ctx, s.operator.MetricsURL)
	Expect(err).NotTo(HaveOccurred())
	pattern := regexp.MustCompile(`(?m)^` + name + `\{context="` + s.namespace + `/ctx",` + labels + `\} (\S+)$`)
	if found := pattern.FindStringSubmatch(body); found != nil {
		return found[1]
	}
	return ""
}

// told are the events about drift of an API, without ids.
func (s *site) told(ctx context.Context, name string) []string {
	GinkgoHelper()
	var reasons []string
	for _, text := range s.events(ctx, name) {
		if strings.Contains(text, " Drift") {
			reasons = append(reasons, text)
		}
	}
	return reasons
}

func policy(value string) func(*v1alpha1.ApiDefinition) {
	return func(api *v1alpha1.ApiDefinition) {
		api.Annotations = map[string]string{v1alpha1.DriftPolicyAnnotation: value}
	}
}

var _ = Describe("Drift", Ordered, ContinueOnFailure, func() {
	operator := shareOperator()

	It("is corrected and shown when a definition is edited by hand", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		api := s.watched(ctx, rarely)
		wanted := s.remote(api.Status.ID)
		Expect(s.drifted(ctx, api)).To(Equal("False InStep"))
		s.editByHand(api.Status.ID)
		Eventually(func() simulator.Content { return s.remote(api.Status.ID) }).Should(Equal(wanted))
		s.expectDrifted(ctx, api, "False Corrected")
		Expect(s.message(ctx, api, v1alpha1.DriftedCondition)).To(And(ContainSubstring("description"), Not(ContainSubstring("by hand"))))
		s.expect(ctx, api, current)
		Eventually(func() []string { return s.told(ctx, "orders") }).Should(ConsistOf(
			And(HavePrefix("Warning DriftDetected: "), ContainSubstring("description")),
			And(HavePrefix("Normal DriftCorrected: "), ContainSubstring("description")),
		))
		Expect(s.metric(ctx, "apisync_drift_total", `event="edited",kind="ApiDefinition"`)).To(Equal("1"))
		Expect(s.metric(ctx, "apisync_drift_total", `event="corrected",kind="ApiDefinition"`)).To(Equal("1"))
		Expect(s.metric(ctx, "apisync_operations_total", `kind="ApiDefinition",operation="correct",outcome="success"`)).To(Equal("1"))
		Expect(s.sim.Writes()).To(HaveLen(2))
	})

	It("is seen in the rotation where bulk looks don't show it", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		api := s.watched(ctx, often)
		wanted := s.remote(api.Status.ID)
		s.passes(ctx, 2) // the listing shows it as it is
		Expect(s.sim.EditPlan(api.Status.ID, "open", func(plan map[string]any) { plan["description"] = "by hand" })).To(Succeed())
		Eventually(func() simulator.Content { return s.remote(api.Status.ID) }).Should(Equal(wanted))
		s.expectDrifted(ctx, api, "False Corrected")
		Expect(s.message(ctx, api, v1alpha1.DriftedCondition)).To(ContainSubstring("plans[open].description"))
	})

	DescribeTable("is only reported where the policy says so, until it says otherwise",
		func(ctx context.Context, set func(s *site, ctx context.Context, value string)) {
			s := operator.site(ctx, simulator.Options{})
			api := s.watched(ctx, often)
			wanted := s.remote(api.Status.ID)
			set(s, ctx, "report")
			expectIdle(ctx, s.operator)
			mark := s.sim.Mark()
			s.editByHand(api.Status.ID)
			s.expectDrifted(ctx, api, "True Edited")
			s.passes(ctx, 3)
			Expect(s.writesSince(mark)).To(BeEmpty())
			Expect(s.message(ctx, api, v1alpha1.DriftedCondition)).To(And(ContainSubstring("description"), ContainSubstring("report")))
			Expect(s.verdict(ctx, api)).To(Equal(current), "what was published is published")
			Eventually(func() []string { return s.told(ctx, "orders") }).Should(ConsistOf(HavePrefix("Warning DriftDetected: ")), "told once")
			Expect(s.metric(ctx, "apisync_drift_total", `event="reported",kind="ApiDefinition"`)).To(Equal("1"))

			set(s, ctx, "correct")
			Eventually(func() simulator.Content { return s.remote(api.Status.ID) }).Should(Equal(wanted))
			s.expectDrifted(ctx, api, "False Corrected")
		},
		Entry("on the API", func(s *site, ctx context.Context, value string) {
			s.annotate(ctx, s.api("orders", "ctx"), v1alpha1.DriftPolicyAnnotation, value)
		}),
		Entry("on the context", func(s *site, ctx context.Context, value string) {
			s.annotate(ctx, s.context("ctx"), v1alpha1.DriftPolicyAnnotation, value)
		}),
	)

	It("isn't looked for where the policy is off", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		api := s.watched(ctx, often, policy("off"))
		Expect(s.drifted(ctx, api)).To(Equal("absent"))
		mark := s.sim.Mark()
		s.editByHand(api.Status.ID)
		s.passes(ctx, 3)
		Expect(s.readsOf(mark, api.Status.ID)).To(BeEmpty())
		Expect(s.writesSince(mark)).To(BeEmpty())
		Expect(s.drifted(ctx, api)).To(Equal("absent"))
	})

	It("brings an API back that was deleted by hand, under its ids", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		api := s.watched(ctx, rarely)
		wanted, plans := s.remote(api.Status.ID), api.Status.Plans
		Expect(s.sim.RemoveAPI(api.Status.ID)).To(Succeed())
		Eventually(func() simulator.Content { return s.remote(string(api.UID)) }).Should(Equal(wanted))
		s.expectDrifted(ctx, api, "False Corrected")
		s.expectOne(ctx, api)
		Expect(api.Status.Plans).To(Equal(plans))
		Expect(s.metric(ctx, "apisync_drift_total", `event="deleted",kind="ApiDefinition"`)).To(Equal("1"))
		Eventually(func() []string { return s.told(ctx, "orders") }).Should(ContainElement(ContainSubstring("deleted")))
	})

	It("isn't assumed when an API is missing in a listing that lags", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		api := s.watched(ctx, rarely)
		expectIdle(ctx, s.operator)
		version, mark := api.ResourceVersion, s.sim.Mark()
		Expect(s.sim.HideFromSearch(api.Status.ID)).To(Succeed())
		Eventually(func() int { return len(s.readsOf(mark, api.Status.ID)) }).ShouldNot(BeZero(), "it is confirmed by its id")
		s.passes(ctx, 2)
		Expect(s.writesSince(mark)).To(BeEmpty())
		Expect(s.sim.APIs()).To(HaveLen(1))
		Expect(s.get(ctx, api).GetResourceVersion()).To(Equal(version), "nothing is written, neither here nor there")
	})

	It("isn't assumed when a user without rights gets an empty list", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		api := s.watched(ctx, often)
		expectIdle(ctx, s.operator)
		mark := s.sim.Mark()
		s.apply(ctx, s.context("ctx", sweptEvery(often), basicAuth("api1", "api1")))
		logged(ctx, s.sim, func(r simulator.Request) bool { return r.Sequence > mark && r.User == "api1" && isList(r) })
		s.passes(ctx, 2)
		Expect(s.writesSince(mark)).To(BeEmpty())
		Expect(s.sim.APIs()).To(HaveLen(1))
		Expect(s.drifted(ctx, api)).To(Equal("False InStep"), "nothing was seen")

		By("giving the rights back")
		s.apply(ctx, s.context("ctx", sweptEvery(often)))
		s.expect(ctx, api, current)
		s.passes(ctx, 1)
		Expect(s.writesSince(mark)).To(BeEmpty())
	})

	It("is told once and left where writing doesn't help", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		api := s.watched(ctx, often)
		mark := s.sim.Mark()
		Expect(s.sim.ClosePlan(api.Status.ID, "open")).To(Succeed())
		s.expectDrifted(ctx, api, "True NotCorrectable")
		Expect(s.message(ctx, api, v1alpha1.DriftedCondition)).To(ContainSubstring("plans[open].status"))
		expectIdle(ctx, s.operator)
		writes, version := len(s.writesSince(mark)), s.get(ctx, api).GetResourceVersion()
		Expect(writes).To(BeNumerically("<=", 2))
		read := s.sim.Mark()
		Eventually(func() int { return len(s.readsOf(read, api.Status.ID)) }).Should(BeNumerically(">=", 3))
		expectIdle(ctx, s.operator)
		Expect(s.writesSince(mark)).To(HaveLen(writes))
		Expect(s.get(ctx, api).GetResourceVersion()).To(Equal(version))
		Expect(s.metric(ctx, "apisync_drift_total", `event="uncorrectable",kind="ApiDefinition"`)).To(Equal("1"))
		Expect(s.told(ctx, "orders")).To(ContainElement(HavePrefix("Warning DriftDetected: ")))
	})

	DescribeTable("is found by the rotation, and APIs are published, while the listing doesn't work",
		func(ctx context.Context, fault simulator.Fault) {
			s := operator.site(ctx, simulator.Options{})
			broken := s.sim.Inject(fault)
			api := s.watched(ctx, often)
			Expect(broken.WaitHits(ctx, 1)).To(Succeed())
			wanted := s.remote(api.Status.ID)
			s.editByHand(api.Status.ID)
			Eventually(func() simulator.Content { return s.remote(api.Status.ID) }).Should(Equal(wanted))
			second := s.api("second", "ctx")
			s.apply(ctx, second)
			s.expect(ctx, second, current)
			s.expect(ctx, api, current)
			s.expect(ctx, s.context("ctx"), current)
			Eventually(func() string { return s.failedSweeps(ctx) }).ShouldNot(BeEmpty(), "the failure is counted")
			broken.Remove()
			s.passes(ctx, 2)
		},
		Entry("it fails", simulator.PageFault(1, simulator.ModeStatus)),
		Entry("it hangs", simulator.PageFault(1, simulator.ModeHang)),
		Entry("it isn't JSON", func() simulator.Fault {
			fault := simulator.PageFault(1, simulator.ModeStatus)
			fault.Status, fault.Body, fault.ContentType = http.StatusOK, "<html>", "text/html"
			return fault
		}()),
	)

	It("has a policy that isn't known told, with what to do about it", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		api := s.watched(ctx, rarely)
		mark := s.sim.Mark()
		s.annotate(ctx, api, v1alpha1.DriftPolicyAnnotation, "fix-it")
		s.expect(ctx, api, "Failed IllegalStateError")
		Expect(s.message(ctx, api, "Ready")).To(And(
			ContainSubstring(v1alpha1.DriftPolicyAnnotation), ContainSubstring(`"fix-it"`), ContainSubstring("correct, report or off")))
		s.annotate(ctx, api, v1alpha1.DriftPolicyAnnotation, "correct")
		s.expect(ctx, api, current)

		By("annotating the context")
		managed := s.context("ctx")
		s.annotate(ctx, managed, v1alpha1.DriftPeriodAnnotation, "often")
		s.expect(ctx, managed, "Failed IllegalStateError")
		Expect(s.message(ctx, managed, "Ready")).To(And(
			ContainSubstring(v1alpha1.DriftPeriodAnnotation), ContainSubstring(`"often"`), ContainSubstring("such as 5m")))
		s.annotate(ctx, managed, v1alpha1.DriftPeriodAnnotation, "1s")
		s.expect(ctx, managed, current)
		s.expect(ctx, api, current)
		s.passes(ctx, 1)
		Expect(s.writesSince(mark)).To(BeEmpty())
	})
})

// failedSweeps lists the counters of passes that failed.
func (s *site) failedSweeps(ctx context.Context) string {
	GinkgoHelper()
	_, body, err := fetch(ctx, s.operator.MetricsURL)
	Expect(err).NotTo(HaveOccurred())
	pattern := regexp.MustCompile(`(?m)^apisync_sweeps_total\{context="` + s.namespace + `/ctx",outcome="(\w+)"\} [1-9]`)
	for _, found := range pattern.FindAllStringSubmatch(body, -1) {
		if found[1] != "success" {
			return found[1]
		}
	}
	return ""
}

// crowd is many APIs in step in one context.
func crowd(ctx context.Context, s *site, n int) []*v1alpha1.ApiDefinition {
	GinkgoHelper()
	apis := make([]*v1alpha1.ApiDefinition, n)
	for i := range apis {
		apis[i] = s.api(fmt.Sprintf("api-%03d", i), "ctx")
		s.apply(ctx, apis[i])
	}
	for _, api := range apis {
		s.expect(ctx, api, current)
		s.get(ctx, api)
	}
	return apis
}

var _ = Describe("Drift of many APIs", func() {
	It("is looked for in bulk after a restart, and not one by one", func(ctx context.Context) {
		s := newSite(simulator.Options{MaxPageSize: 50}, makeNamespace(ctx, east), nil)
		s.start(ctx)
		s.ready(ctx, s.context("ctx"))
		apis := crowd(ctx, s, 60)
		expectIdle(ctx, s.operator)
		Expect(s.operator.Stop()).To(Succeed())

		By("editing one while nobody looks")
		s.editByHand(apis[7].Status.ID)
		before, mark := versions(ctx, s.namespace), s.sim.Mark()
		s.start(ctx)
		Eventually(func() []simulator.Request { return s.writesSince(mark) }).Should(HaveLen(1), "the one that was edited")
		Eventually(func() int { return len(s.requests(mark, isList)) }).Should(BeNumerically(">=", 2), "two pages")
		s.expectDrifted(ctx, apis[7], "False Corrected")
		expectIdle(ctx, s.operator)
		Expect(s.writesSince(mark)).To(HaveLen(1))
		reads := s.requests(mark, func(r simulator.Request) bool {
			return strings.HasSuffix(r.Route, "/apis/{api}") && r.Method == http.MethodGet
		})
		Expect(len(reads)).To(BeNumerically("<=", 3), "only the edited one is read, before and after its correction")
		Expect(len(s.requests(mark, isList))).To(BeNumerically("<=", 3), "at most one request for 50 APIs")
		after := versions(ctx, s.namespace)
		delete(before, "api "+s.namespace+"/"+apis[7].Name)
		for name, version := range before {
			if strings.HasPrefix(name, "api ") {
				Expect(after).To(HaveKeyWithValue(name, version))
			}
		}
	})

	It("doesn't hold up what a person changes meanwhile", func(ctx context.Context) {
		s := newSite(simulator.Options{}, makeNamespace(ctx, east), nil)
		s.start(ctx, "--http-max-in-flight=1")
		s.ready(ctx, s.context("ctx", sweptEvery(rarely)))
		apis := crowd(ctx, s, 40)
		expectIdle(ctx, s.operator)
		pause := s.sim.PauseAt(simulator.PausePoint{Stage: simulator.Before, Path: importPath})
		mark := s.sim.Mark()
		for _, api := range apis[1:] {
			s.editByHand(api.Status.ID)
		}
		first := reached(ctx, pause)

		By("changing one that nobody touched, while the first correction is under way")
		s.apply(ctx, s.api(apis[0].Name, "ctx", described("by its owner")))
		// Watches keep the order of changes: when a later one was handled, this one waits for the context.
		other := newSite(simulator.Options{}, s.namespace, s.operator)
		witness := other.api("witness", "elsewhere")
		s.apply(ctx, other.context("elsewhere"), witness)
		s.expect(ctx, witness, current)
		pause.Release()
		s.expect(ctx, apis[0], current)
		Eventually(func() []simulator.Request { return s.writesSince(mark) }).Should(HaveLen(len(apis)))
		writes := s.writesSince(mark)
		Expect(writes[0].Sequence).To(Equal(first.Sequence))
		Expect(string(writes[1].Body)).To(ContainSubstring("by its owner"), "it comes right after what was under way")
		for _, api := range apis[1:] {
			s.expectDrifted(ctx, api, "False Corrected")
		}
	})
})
