// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/test/simulator"
)

const importPath = "/apis/import-crd"

// onImport is a fault of every import until it is removed.
func onImport(mode simulator.Mode) simulator.Fault {
	return simulator.Fault{Method: http.MethodPut, Path: importPath, Mode: mode}
}

func importAnswers(status int, body string) simulator.Fault {
	fault := onImport(simulator.ModeStatus)
	fault.Status, fault.Body = status, body
	return fault
}

// expectOne checks that there is one remote API with one plan, and that it is the one that the resource knows.
func (s *site) expectOne(ctx context.Context, api *v1alpha1.ApiDefinition) {
	GinkgoHelper()
	s.get(ctx, api)
	Expect(s.sim.APIs()).To(HaveLen(1), "nothing may be doubled")
	remote := s.sim.APIs()[0]
	Expect(api.Status.ID).To(Equal(remote.ID))
	Expect(remote.ID).To(Equal(string(api.UID)))
	Expect(remote.Plans).To(Equal(map[string]string{"open": "PUBLISHED"}))
	Expect(api.Status.Plans).To(HaveLen(1))
	Expect(remote.Deployed).To(BeTrue())
}

var _ = Describe("Faults of the management API", Ordered, ContinueOnFailure, func() {
	operator := shareOperator()

	DescribeTable("a context that leads nowhere holds its APIs back until it is corrected (cases 62-64)",
		func(ctx context.Context, wrong func(*v1alpha1.ManagementContext), verdict string) {
			s := operator.site(ctx, simulator.Options{})
			managed, api := s.context("ctx", wrong), s.api("orders", "ctx")
			s.apply(ctx, managed, api)
			s.expect(ctx, managed, verdict)
			s.expect(ctx, api, awaitsContext)
			Expect(s.sim.Writes()).To(BeEmpty())
			s.apply(ctx, s.context("ctx"))
			s.expect(ctx, managed, current)
			s.expect(ctx, api, current)
			s.expectOne(ctx, api)
		},
		Entry("unknown organization", func(m *v1alpha1.ManagementContext) { m.Spec.OrganizationID = "NOPE" }, "Failed UnknownEnvironment"),
		Entry("unknown environment", func(m *v1alpha1.ManagementContext) { m.Spec.EnvironmentID = "NOPE" }, "Failed UnknownEnvironment"),
		Entry("wrong password", basicAuth("admin", "wrong-horse"), "Failed Unauthorized"),
		Entry("unknown user", basicAuth("nobody", "at-all"), "Failed Unauthorized"),
	)

	It("tells what a user may not do, and goes on after an edit when the rights are there (case 65)", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		api := s.api("orders", "ctx")
		s.ready(ctx, s.context("ctx", basicAuth("user", "password")))
		s.apply(ctx, api)
		s.expect(ctx, api, "Failed Forbidden")
		Expect(s.sim.APIs()).To(BeEmpty())
		s.sim.SetUser(simulator.User{Name: "user", Password: "password", Role: simulator.RoleAPIPublisher})
		s.apply(ctx, s.api("orders", "ctx", described("allowed now")))
		s.expect(ctx, api, current)
		s.expectOne(ctx, api)
	})

	It("waits for a management API that refuses connections (case 66)", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		s.goDown()
		managed, api := s.context("ctx"), s.api("orders", "ctx")
		s.apply(ctx, managed, api)
		s.expect(ctx, managed, unreachable)
		s.expect(ctx, api, awaitsContext)
		Expect(s.message(ctx, managed, "Ready")).To(ContainSubstring("connection refused"))
		s.comeUp(s.server.Address())
		s.expect(ctx, api, current)
		s.expectOne(ctx, api)

		By("refusing while an API is in step")
		s.goDown()
		s.apply(ctx, s.api("orders", "ctx", described("meanwhile")))
		s.expect(ctx, api, unreachable)
		s.get(ctx, api)
		Expect(api.Status.ID).To(Equal(string(api.UID)), "an outage says nothing about the id")
		s.comeUp(s.server.Address())
		s.expect(ctx, api, current)
		s.expectOne(ctx, api)
		Expect(s.sim.APIs()[0].Definition).To(HaveKeyWithValue("description", "meanwhile"))
	})

	It("tries again after cut connections, with one event for all of them (case 67)", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		fault := onImport(simulator.ModeDrop)
		fault.Count = 3
		s.sim.Inject(fault)
		api := s.api("orders", "ctx")
		s.ready(ctx, s.context("ctx"))
		s.apply(ctx, api)
		s.expect(ctx, api, current)
		s.expectOne(ctx, api)
		Expect(s.sim.Writes()).To(HaveLen(4))
		Eventually(func() []string { return s.events(ctx, "orders") }).Should(ContainElement(ContainSubstring("Published")))
		var failures int
		for _, text := range s.events(ctx, "orders") {
			if strings.HasPrefix(text, "Warning") {
				failures++
			}
		}
		Expect(failures).To(Equal(1), "equal failures are one event")
	})

	It("tries again after a 500 that time cures (case 68)", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		fault := s.sim.Inject(importAnswers(http.StatusInternalServerError, `{"message":"boom","http_status":500}`))
		api := s.api("orders", "ctx")
		s.apply(ctx, s.context("ctx"), api)
		Expect(fault.WaitHits(ctx, 3)).To(Succeed())
		s.expect(ctx, api, "InProgress ControlPlaneError")
		Expect(s.message(ctx, api, "Ready")).To(ContainSubstring("boom"))
		fault.Remove()
		s.expect(ctx, api, current)
		s.expectOne(ctx, api)
	})

	It("recovers at once by an edit after eleven times 500 (case 68)", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		fault := importAnswers(http.StatusInternalServerError, `{"message":"boom","http_status":500}`)
		fault.Count = 11
		injected := s.sim.Inject(fault)
		api := s.api("orders", "ctx")
		s.ready(ctx, s.context("ctx"))
		for attempt := 1; attempt <= 11; attempt++ {
			s.apply(ctx, s.api("orders", "ctx", described(fmt.Sprintf("attempt %d", attempt))))
			Expect(injected.WaitHits(ctx, attempt)).To(Succeed())
		}
		s.apply(ctx, s.api("orders", "ctx", described("last")))
		s.expect(ctx, api, current)
		s.expectOne(ctx, api)
	})

	DescribeTable("leaves a management API alone for as long as it asks (cases 69, 70)",
		func(ctx context.Context, status int) {
			s := operator.site(ctx, simulator.Options{})
			s.ready(ctx, s.context("ctx"))
			fault := importAnswers(status, `{"message":"busy"}`)
			fault.RetryAfter, fault.Count = "1", 3
			s.sim.Inject(fault)
			api := s.api("orders", "ctx")
			s.apply(ctx, api)
			s.expect(ctx, api, "InProgress Throttled")
			s.expect(ctx, api, current)
			s.expectOne(ctx, api)
			writes := s.sim.Writes()
			Expect(writes).To(HaveLen(4))
			for i := 1; i < len(writes); i++ {
				Expect(writes[i].At.Sub(writes[i-1].At)).To(BeNumerically(">=", time.Second), "write %d came before Retry-After", i+1)
			}
		},
		Entry("503", http.StatusServiceUnavailable),
		Entry("429", http.StatusTooManyRequests),
	)

	DescribeTable("neither doubles nor loses anything when the answer to a write is lost (case 72)",
		func(ctx context.Context, fault simulator.Fault) {
			s := operator.site(ctx, simulator.Options{})
			s.ready(ctx, s.context("ctx"))
			fault.Count = 1
			s.sim.Inject(fault)
			api := s.api("orders", "ctx")
			s.apply(ctx, api)
			s.expect(ctx, api, current)
			s.expectOne(ctx, api)
			Expect(s.sim.Writes()).To(HaveLen(1), "what was written is seen by reading")
			plans := api.Status.Plans

			By("losing the answer to an update")
			s.sim.Inject(fault)
			s.apply(ctx, s.api("orders", "ctx", described("second")))
			s.expect(ctx, api, current)
			s.expectOne(ctx, api)
			Expect(api.Status.Plans).To(Equal(plans))
			Expect(s.sim.APIs()[0].Definition).To(HaveKeyWithValue("description", "second"))
			Expect(s.events(ctx, "orders")).NotTo(ContainElement(ContainSubstring("took over")), "it was ours all the time")
		},
		Entry("the connection is cut after the work", onImport(simulator.ModeCutAfter)),
		Entry("502 after the work", simulator.Fault{
			Method: http.MethodPut, Path: importPath, Mode: simulator.ModeStatusAfter, Status: http.StatusBadGateway, Body: "<html>",
			ContentType: "text/html",
		}),
	)

	It("takes no answer for a success that isn't one (case 73)", func(ctx context.Context) {
		answers := []simulator.Fault{
			{Status: 200, Body: `{}`},
			{Status: 200, Body: `null`},
			{Status: 200, Body: `[]`},
			{Status: 200, Body: `<html>Please log in</html>`, ContentType: "text/html"},
			{Status: 200, Body: `{"id":`},
			{Status: 200, Body: `{"id":"","crossId":"","plans":{}}`},
			{Status: 200},
			{Status: 204},
			{Status: 302},
		}
		sites := make([]*site, len(answers))
		apis := make([]*v1alpha1.ApiDefinition, len(answers))
		faults := make([]*simulator.Injected, len(answers))
		each := func(do func(i int, s *site)) {
			GinkgoHelper()
			for i, s := range sites {
				do(i, s)
			}
		}
		inject := func(method, path string) func(int, *site) {
			return func(i int, s *site) {
				fault := answers[i]
				fault.Mode, fault.Method, fault.Path = simulator.ModeStatus, method, path
				faults[i] = s.sim.Inject(fault)
			}
		}
		expectHeld := func(i int, s *site) { s.expect(ctx, apis[i], unreachable) }
		// All are healed before any is waited for: back-offs grow meanwhile.
		heal := func(i int, _ *site) { faults[i].Remove() }
		expectHealed := func(i int, s *site) {
			s.expect(ctx, apis[i], current)
			s.expectOne(ctx, apis[i])
		}
		edit := func(text string) func(int, *site) {
			return func(_ int, s *site) { s.apply(ctx, s.api("orders", "ctx", described(text))) }
		}
		idKept := func(i int, s *site) {
			s.get(ctx, apis[i])
			Expect(apis[i].Status.ID).To(Equal(string(apis[i].UID)), "%+v erased the id", answers[i])
			Expect(apis[i].Status.Plans).To(HaveLen(1), "%+v erased the plans", answers[i])
		}

		By("answering creates")
		for i := range answers {
			sites[i] = operator.site(ctx, simulator.Options{})
			inject(http.MethodPut, importPath)(i, sites[i])
			apis[i] = sites[i].api("orders", "ctx")
			sites[i].apply(ctx, sites[i].context("ctx"), apis[i])
		}
		each(expectHeld)
		each(heal)
		each(expectHealed)

		By("answering updates")
		each(inject(http.MethodPut, importPath))
		each(edit("updated"))
		each(expectHeld)
		each(idKept)
		each(heal)
		each(expectHealed)

		By("answering reads")
		each(inject(http.MethodGet, "/apis"))
		each(edit("read"))
		each(expectHeld)
		each(idKept)
		each(heal)
		each(expectHealed)

		By("answering reads while they are deleted")
		each(inject(http.MethodGet, "/apis"))
		each(func(i int, s *site) { Expect(s.cluster.Client.Delete(ctx, apis[i])).To(Succeed()) })
		each(func(i int, s *site) {
			Eventually(func() string { return s.message(ctx, apis[i], v1alpha1.DeletableCondition) }).ShouldNot(BeEmpty())
			Expect(s.sim.APIs()).To(HaveLen(1))
		})
		each(heal)
		each(func(i int, s *site) {
			s.expect(ctx, apis[i], gone)
			Expect(s.sim.APIs()).To(BeEmpty())
		})
	})

	It("doesn't take a proxy's 404 for an absent API", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		api := s.settled(ctx, "orders", "ctx")
		fault := s.sim.Inject(simulator.Fault{
			Method: http.MethodGet, Path: "/apis", Mode: simulator.ModeStatus, Status: http.StatusNotFound,
			Body: "<html>no such page</html>", ContentType: "text/html",
		})
		s.apply(ctx, s.api("orders", "ctx", described("second")))
		s.expect(ctx, api, refused)
		Expect(s.sim.Writes()).To(HaveLen(1), "nothing is created a second time")
		Expect(s.cluster.Client.Delete(ctx, api)).To(Succeed())
		Eventually(func() string { return s.message(ctx, api, v1alpha1.DeletableCondition) }).ShouldNot(BeEmpty())
		Expect(s.sim.APIs()).To(HaveLen(1), "and it isn't forgotten either")
		fault.Remove()
		s.apply(ctx, s.api("orders", "ctx", described("third")))
		s.expect(ctx, api, gone)
		Expect(s.sim.APIs()).To(BeEmpty())
	})

	It("bounds what it reads of an answer, and what it tells of it", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		s.ready(ctx, s.context("ctx"))
		fault := s.sim.Inject(importAnswers(http.StatusOK, strings.Repeat(" ", 33<<20)))
		api := s.api("orders", "ctx")
		s.apply(ctx, api)
		s.expect(ctx, api, unreachable)
		Expect(s.message(ctx, api, "Ready")).To(ContainSubstring("too large"))
		fault.Remove()
		fault = s.sim.Inject(importAnswers(http.StatusInternalServerError, `{"message":"`+strings.Repeat("long ", 1<<18)+`"}`))
		s.apply(ctx, s.api("orders", "ctx", described("second")))
		s.expect(ctx, api, "InProgress ControlPlaneError")
		Expect(len(s.message(ctx, api, "Ready"))).To(BeNumerically("<=", 1024))
		fault.Remove()
		s.expect(ctx, api, current)
		s.expectOne(ctx, api)
	})

	It("ends deletions after faults, each in its way (case 76)", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		s.ready(ctx, s.context("ctx"))
		answers := map[string]simulator.Fault{
			"d500":  {Status: 500, Body: `{"message":"injected"}`},
			"d404":  {Status: 404, Body: `{"message":"injected"}`},
			"dhtml": {Status: 404, Body: `<html>`, ContentType: "text/html"},
			"d400":  {Status: 400, Body: `{"message":"injected"}`},
			"d401":  {Status: 401},
			"d403":  {Status: 403, Body: `{"message":"injected"}`},
		}
		apis, faults := map[string]*v1alpha1.ApiDefinition{}, map[string]*simulator.Injected{}
		for name := range answers {
			apis[name] = s.api(name, "ctx")
			s.apply(ctx, apis[name])
		}
		for name, fault := range answers {
			s.expect(ctx, apis[name], current)
			s.get(ctx, apis[name])
			fault.Mode, fault.Method, fault.Path = simulator.ModeStatus, http.MethodDelete, "/apis/"+apis[name].Status.ID
			faults[name] = s.sim.Inject(fault)
			Expect(s.cluster.Client.Delete(ctx, apis[name])).To(Succeed())
		}
		s.expect(ctx, apis["d404"], gone)
		held := []string{"d500", "dhtml", "d400", "d401", "d403"}
		for _, name := range held {
			Eventually(func() string { return s.message(ctx, apis[name], v1alpha1.DeletableCondition) }).ShouldNot(BeEmpty(), name)
			_, exists := s.sim.API(apis[name].Status.ID)
			Expect(exists).To(BeTrue(), name)
			faults[name].Remove()
		}

		By("touching those that only a person's act can cure")
		for _, name := range []string{"dhtml", "d400", "d403"} {
			s.apply(ctx, s.api(name, "ctx", described("touched")))
		}
		for _, name := range held {
			s.expect(ctx, apis[name], gone)
			_, exists := s.sim.API(apis[name].Status.ID)
			Expect(exists).To(BeFalse(), name)
		}
	})

	It("leaves a deletion that can't succeed to a person, who may orphan the API", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		api := s.settled(ctx, "orders", "ctx")
		s.sim.Inject(simulator.Fault{Method: http.MethodDelete, Mode: simulator.ModeStatus, Status: 400, Body: `{"message":"never"}`})
		Expect(s.cluster.Client.Delete(ctx, api)).To(Succeed())
		Eventually(func() string { return s.message(ctx, api, v1alpha1.DeletableCondition) }).Should(ContainSubstring("never"))
		s.get(ctx, api)
		base := api.DeepCopy()
		api.Annotations[v1alpha1.DeletionPolicyAnnotation] = v1alpha1.DeletionPolicyOrphan
		Expect(s.cluster.Client.Patch(ctx, api, client.MergeFrom(base))).To(Succeed())
		s.expect(ctx, api, gone)
		Expect(s.sim.APIs()).To(HaveLen(1))
		Eventually(func() []string { return s.events(ctx, "orders") }).Should(ContainElement(And(
			HavePrefix("Warning LeftBehind"), ContainSubstring(base.Status.ID))))
	})

	It("calls a success with severe errors a failure, and keeps the id (case 77)", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		api := s.api("orders", "ctx")
		s.apply(ctx, api)
		s.get(ctx, api)
		fault := s.sim.Inject(simulator.Fault{
			Method: http.MethodPut, Path: importPath, Mode: simulator.ModeStatusAfter, Status: http.StatusOK,
			Body: fmt.Sprintf(`{"organizationId":"DEFAULT","environmentId":"DEFAULT","id":%q,"crossId":"cross","state":"STARTED",`+
				`"errors":{"severe":["something is badly wrong"],"warning":["mind the step"]},"plans":{}}`, api.UID),
		})
		s.apply(ctx, s.context("ctx"))
		s.expect(ctx, api, refused)
		s.get(ctx, api)
		Expect(api.Status.ID).To(Equal(string(api.UID)))
		Expect(api.Status.Errors.Severe).To(ConsistOf("something is badly wrong"))
		Expect(api.Status.Errors.Warning).To(ConsistOf("mind the step"))
		Expect(s.message(ctx, api, v1alpha1.StalledCondition)).To(ContainSubstring("something is badly wrong"))
		fault.Remove()
		s.apply(ctx, s.api("orders", "ctx", described("right")))
		s.expect(ctx, api, current)
		s.expectOne(ctx, api)
		Expect(api.Status.Errors.Severe).To(BeEmpty())
	})

	It("doesn't repeat a 500 that is the user's mistake (case 15)", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		s.ready(ctx, s.context("ctx"))
		api := s.api("orders", "ctx", func(a *v1alpha1.ApiDefinition) {
			a.Spec.Metadata = []v1alpha1.MetadataEntry{{Key: "tier", Name: "tier", Format: "NUMERIC", Value: "not a number"}}
		})
		s.apply(ctx, api)
		s.expect(ctx, api, refused)
		expectIdle(ctx, operator.Operator)
		Expect(s.sim.Writes()).To(HaveLen(1))
		s.apply(ctx, s.api("orders", "ctx", func(a *v1alpha1.ApiDefinition) {
			a.Spec.Metadata = []v1alpha1.MetadataEntry{{Key: "tier", Name: "tier", Format: "NUMERIC", Value: "1"}}
		}))
		s.expect(ctx, api, current)
		s.expectOne(ctx, api)
		Expect(s.sim.Writes()).To(HaveLen(2))
	})

	It("tells who asks for a path that is taken (case 60)", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		first := s.settled(ctx, "first", "ctx")
		path := func(a *v1alpha1.ApiDefinition) { a.Spec.Proxy.VirtualHosts = first.Spec.Proxy.VirtualHosts }
		second := s.api("second", "ctx", path)
		s.apply(ctx, second)
		s.expect(ctx, second, "Failed PathExists")
		Expect(s.message(ctx, second, v1alpha1.StalledCondition)).To(ContainSubstring(first.Spec.Proxy.VirtualHosts[0].Path))
		expectIdle(ctx, operator.Operator)
		Expect(s.sim.Writes()).To(HaveLen(2), "a conflict isn't tried again and again")
		s.expect(ctx, first, current)
		Expect(s.cluster.Client.Delete(ctx, first)).To(Succeed())
		s.expect(ctx, first, gone)
		s.apply(ctx, s.api("second", "ctx", path, described("my turn")))
		s.expect(ctx, second, current)
		s.expectOne(ctx, second)
	})

	It("goes on working elsewhere while one management API hangs", func(ctx context.Context) {
		dead, alive := operator.site(ctx, simulator.Options{}), operator.site(ctx, simulator.Options{})
		dead.ready(ctx, dead.context("ctx"))
		alive.ready(ctx, alive.context("ctx"))
		fault := dead.sim.Inject(simulator.Fault{Mode: simulator.ModeHang})
		const more = 40 // than there are workers
		for i := range more {
			dead.apply(ctx, dead.api(fmt.Sprintf("dead-%d", i), "ctx"))
		}
		Expect(fault.WaitHits(ctx, 16)).To(Succeed())
		api := alive.api("orders", "ctx")
		alive.apply(ctx, api)
		alive.expect(ctx, api, current)
		Expect(dead.sim.APIs()).To(BeEmpty(), "the fault is still there")
	})
})

var _ = Describe("Late answers of the management API", Ordered, ContinueOnFailure, func() {
	operator := shareOperator("--http-timeout=1s")

	It("finds by reading what was done after it gave up waiting (case 71)", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		s.ready(ctx, s.context("ctx"))
		late := onImport(simulator.ModeDelayAfter)
		late.Count = 1
		s.sim.Inject(late)
		api := s.api("orders", "ctx")
		s.apply(ctx, api)
		s.expect(ctx, api, current)
		s.expectOne(ctx, api)
		Expect(s.sim.Writes()).To(HaveLen(1), "what was written is seen by reading")
		plans := api.Status.Plans
		s.sim.Inject(late)
		s.apply(ctx, s.api("orders", "ctx", described("late")))
		s.expect(ctx, api, current)
		s.expectOne(ctx, api)
		Expect(api.Status.Plans).To(Equal(plans))
		Expect(s.sim.APIs()[0].Definition).To(HaveKeyWithValue("description", "late"))
		Expect(s.events(ctx, "orders")).NotTo(ContainElement(ContainSubstring("took over")), "it was ours all the time")
	})
})

var _ = Describe("While one management API hangs", Ordered, func() {
	// So long that nothing below can be explained by a time-out; one reconciliation ends with the latter.
	operator := shareOperator("--http-timeout=10m", "--shutdown-timeout=10m")

	It("takes no worker from another", func(ctx context.Context) {
		dead, alive := operator.site(ctx, simulator.Options{}), operator.site(ctx, simulator.Options{})
		dead.ready(ctx, dead.context("ctx"))
		alive.ready(ctx, alive.context("ctx"))
		fault := dead.sim.Inject(simulator.Fault{Mode: simulator.ModeHang})
		for i := range 40 {
			dead.apply(ctx, dead.api(fmt.Sprintf("dead-%d", i), "ctx"))
		}
		Expect(fault.WaitHits(ctx, 16)).To(Succeed())
		api := alive.api("orders", "ctx")
		alive.apply(ctx, api)
		alive.expect(ctx, api, current)
		Expect(alive.cluster.Client.Delete(ctx, api)).To(Succeed())
		alive.expect(ctx, api, gone)
	})
})
