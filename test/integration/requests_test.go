// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/test/simulator"
)

func annotated[T client.Object](name, value string) func(T) {
	return func(object T) {
		annotations := object.GetAnnotations()
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[name] = value
		object.SetAnnotations(annotations)
	}
}

// unannotate takes an annotation away.
func (s *site) unannotate(ctx context.Context, object client.Object, name string) {
	GinkgoHelper()
	s.touch(ctx, object, `{"metadata":{"annotations":{"`+name+`":null}}}`)
}

// paused tells whether the condition is there.
func (s *site) paused(ctx context.Context, object client.Object) bool {
	GinkgoHelper()
	c := s.conditionOf(ctx, object, v1alpha1.PausedCondition)
	return c != nil && c.Status == metav1.ConditionTrue
}

func (s *site) expectPaused(ctx context.Context, object client.Object, paused bool) {
	GinkgoHelper()
	Eventually(func() bool { return s.paused(ctx, object) }).Should(Equal(paused))
}

var _ = Describe("What people ask for by annotations", Ordered, ContinueOnFailure, func() {
	// Drift is looked for all the time, so that its absence shows.
	operator := shareOperator("--resync=1s", "--drift-period=1s", "--drift-rotation=1s")

	// lost publishes an API and loses its resource, so that the next one of that name finds it.
	lost := func(ctx context.Context, s *site) string {
		GinkgoHelper()
		api := s.settled(ctx, "orders", "ctx")
		Expect(stripFinalizers(ctx, s.cluster, api)).To(Succeed())
		s.remove(ctx, api)
		s.expect(ctx, api, gone)
		return api.Status.ID
	}
	ifEqual := annotated[*v1alpha1.ApiDefinition](v1alpha1.AdoptionPolicyAnnotation, v1alpha1.AdoptionPolicyIfEqual)
	// rounds waits until the operator has done two rounds in another place, since it would have done them here as well.
	rounds := func(ctx context.Context, s *site, contextName string) {
		GinkgoHelper()
		witness := s.api("witness", contextName, atPath("/"+s.namespace+"/witness"))
		s.applied(ctx, witness)
		s.get(ctx, witness)
		mark := s.sim.Mark()
		Eventually(func() int { return len(s.readsOf(mark, witness.Status.ID)) }).Should(BeNumerically(">=", 3))
	}

	It("adoption-policy=if-equal takes over what is equal, without a write", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		id, mark := lost(ctx, s), s.sim.Mark()
		api := s.api("orders", "ctx", ifEqual)
		s.applied(ctx, api)
		s.get(ctx, api)
		Expect(api.Status.ID).To(Equal(id))
		Expect(s.writesSince(mark)).To(BeEmpty())

		By("changing it, which is a change of its own from now on")
		s.applied(ctx, s.api("orders", "ctx", ifEqual, described("changed")))
		Expect(s.published("orders").Definition["description"]).To(Equal("changed"))
		s.remove(ctx, api)
		s.expect(ctx, api, gone)
		Expect(s.sim.APIs()).To(BeEmpty())
	})

	It("adoption-policy=if-equal leaves what differs alone, and names the fields", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		id, mark := lost(ctx, s), s.sim.Mark()
		api := s.api("orders", "ctx", ifEqual, described("another"))
		s.apply(ctx, api)
		s.expect(ctx, api, ownedElsewhere)
		Expect(s.message(ctx, api, v1alpha1.StalledCondition)).To(And(ContainSubstring("differs in description"), ContainSubstring("if-equal"), ContainSubstring(id)))
		s.get(ctx, api)
		Expect(api.Status.ID).To(BeEmpty())
		Expect(s.writesSince(mark)).To(BeEmpty())

		By("deleting it: what it never had stays")
		s.remove(ctx, api)
		s.expect(ctx, api, gone)
		Expect(s.sim.APIs()).To(HaveLen(1))

		By("making it equal, and by asking for it without the policy")
		s.apply(ctx, s.api("orders", "ctx", ifEqual, described("another")))
		s.expect(ctx, api, ownedElsewhere)
		s.applied(ctx, s.api("orders", "ctx", ifEqual))
		Expect(s.writesSince(mark)).To(BeEmpty())
		Expect(stripFinalizers(ctx, s.cluster, api)).To(Succeed())
		s.remove(ctx, api)
		s.expect(ctx, api, gone)
		s.apply(ctx, s.api("orders", "ctx", ifEqual, described("another")))
		s.expect(ctx, api, ownedElsewhere)
		s.unannotate(ctx, api, v1alpha1.AdoptionPolicyAnnotation)
		s.expect(ctx, api, current)
		Expect(s.published("orders").Definition["description"]).To(Equal("another"))
		Expect(s.published("orders").ID).To(Equal(id))
	})

	DescribeTable("a value that nobody knows stops the object, and is named with the values that there are",
		func(ctx context.Context, make func(*site) client.Object, name string, words ...string) {
			s := operator.site(ctx, simulator.Options{})
			s.ready(ctx, s.context("ctx"))
			object := make(s)
			object.SetAnnotations(map[string]string{name: "perhaps"})
			s.apply(ctx, object)
			s.expect(ctx, object, "Failed IllegalStateError")
			for _, word := range append(words, name, "perhaps") {
				Expect(s.message(ctx, object, v1alpha1.StalledCondition)).To(ContainSubstring(word))
			}
			Expect(s.sim.Writes()).To(BeEmpty())
			s.unannotate(ctx, object, name)
			s.expect(ctx, object, current)
		},
		Entry("adoption of an API", func(s *site) client.Object { return s.api("orders", "ctx") }, v1alpha1.AdoptionPolicyAnnotation, "if-equal"),
		Entry("pause of an API", func(s *site) client.Object { return s.api("orders", "ctx") }, v1alpha1.PausedAnnotation, "true", "false"),
		Entry("pause of a Group", func(s *site) client.Object { return s.group("crew", "ctx") }, v1alpha1.PausedAnnotation, "true", "false"),
	)

	It("deletion-policy=orphan leaves the API where it is, and withdraws it from the gateways of this cluster", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		api := s.api("orders", "ctx", local, annotated[*v1alpha1.ApiDefinition](v1alpha1.DeletionPolicyAnnotation, v1alpha1.DeletionPolicyOrphan))
		s.applied(ctx, s.context("ctx"), api)
		s.get(ctx, api)
		mark := s.sim.Mark()
		s.remove(ctx, api)
		s.expect(ctx, api, gone)
		s.expectServed(ctx, "orders", false)
		Expect(s.sim.APIs()).To(HaveLen(1))
		Expect(s.writesSince(mark)).To(BeEmpty())
		Eventually(func() []string { return s.events(ctx, "orders") }).Should(ContainElement(And(HavePrefix("Warning LeftBehind"), ContainSubstring(api.Status.ID))))
	})

	It("paused stops everything about an API, and its verdict stays", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		api := s.settled(ctx, "orders", "ctx")
		s.annotate(ctx, api, v1alpha1.PausedAnnotation, "true")
		s.expectPaused(ctx, api, true)
		Expect(s.conditionOf(ctx, api, v1alpha1.PausedCondition).Message).To(ContainSubstring(s.namespace + "/orders"))
		s.expect(ctx, api, current)
		mark := s.sim.Mark()

		By("editing it by hand, and its spec")
		s.editByHand(api.Status.ID)
		rounds(ctx, s, "ctx")
		Expect(s.published("orders").Definition["description"]).To(Equal("by hand"))
		s.expect(ctx, api, current)
		s.apply(ctx, s.api("orders", "ctx", described("changed"), annotated[*v1alpha1.ApiDefinition](v1alpha1.PausedAnnotation, "true")))
		rounds(ctx, s, "ctx")
		Expect(s.verdict(ctx, api)).To(HavePrefix("InProgress"), "what the spec says isn't so yet")
		Expect(s.published("orders").Definition["description"]).To(Equal("by hand"))
		Expect(s.importsOf("orders")).To(Equal(1))
		Expect(s.readsOf(mark, api.Status.ID)).To(BeEmpty(), "nobody even looks")

		By("asking for its deletion")
		s.remove(ctx, api)
		Eventually(func() *metav1.Condition { return s.conditionOf(ctx, api, v1alpha1.DeletableCondition) }).Should(HaveField("Reason", "Paused"))
		rounds(ctx, s, "ctx")
		Expect(s.published("orders").ID).To(Equal(api.Status.ID))

		By("going on")
		s.unannotate(ctx, api, v1alpha1.PausedAnnotation)
		s.expect(ctx, api, gone)
		Expect(s.published("orders").ID).To(BeEmpty())
	})

	It("paused and continued puts right what happened meanwhile", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		api := s.settled(ctx, "orders", "ctx")
		for _, end := range []func(){
			func() { s.unannotate(ctx, api, v1alpha1.PausedAnnotation) },
			func() { s.annotate(ctx, api, v1alpha1.PausedAnnotation, "false") },
		} {
			s.annotate(ctx, api, v1alpha1.PausedAnnotation, "true")
			s.expectPaused(ctx, api, true)
			s.editByHand(api.Status.ID)
			end()
			Eventually(func() any { return s.published("orders").Definition["description"] }).Should(Equal("orders service"))
			s.expectPaused(ctx, api, false)
			s.expect(ctx, api, current)
		}
	})

	It("paused before the beginning creates nothing", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		pausedAPI := annotated[*v1alpha1.ApiDefinition](v1alpha1.PausedAnnotation, "true")
		api := s.api("orders", "ctx", pausedAPI)
		group := s.group("crew", "ctx", annotated[*v1alpha1.Group](v1alpha1.PausedAnnotation, "true"))
		s.applied(ctx, s.context("ctx"))
		s.apply(ctx, api, group)
		s.expectPaused(ctx, api, true)
		s.expectPaused(ctx, group, true)
		Expect(s.verdict(ctx, api)).To(HavePrefix("InProgress"))
		Expect(s.sim.Writes()).To(BeEmpty())
		s.unannotate(ctx, api, v1alpha1.PausedAnnotation)
		s.unannotate(ctx, group, v1alpha1.PausedAnnotation)
		s.expect(ctx, api, current)
		s.expect(ctx, group, current)

		By("deleting a paused one that was never published")
		other := s.api("other", "ctx", pausedAPI)
		s.apply(ctx, other)
		s.expectPaused(ctx, other, true)
		s.remove(ctx, other)
		s.expect(ctx, other, gone)
	})

	It("paused on a context holds everything that is published through it", func(ctx context.Context) {
		s := operator.site(ctx, threeEnvironments())
		api, group := s.api("orders", "ctx", local), s.group("crew", "ctx")
		managed := s.context("ctx", inEnvironment(dev))
		s.applied(ctx, managed, s.context("other", inEnvironment(prod)), api, group)
		s.get(ctx, api)
		s.annotate(ctx, managed, v1alpha1.PausedAnnotation, "true")
		s.expectPaused(ctx, api, true)
		s.expectPaused(ctx, group, true)
		Expect(s.conditionOf(ctx, api, v1alpha1.PausedCondition).Message).To(ContainSubstring(s.namespace + "/ctx"))
		mark := s.sim.Mark()
		s.editByHand(api.Status.ID)
		Expect(s.sim.EditGroup(s.groupID("crew"), func(g *simulator.GroupState) { g.Members = nil })).To(Succeed())
		rounds(ctx, s, "other")
		Expect(s.readsOf(mark, api.Status.ID)).To(BeEmpty())
		s.expect(ctx, api, current)

		By("asking for the deletion of all three")
		s.remove(ctx, api, group, managed)
		for _, object := range []client.Object{api, group} {
			Eventually(func() *metav1.Condition { return s.conditionOf(ctx, object, v1alpha1.DeletableCondition) }).Should(HaveField("Reason", "Paused"))
		}
		Eventually(func() *metav1.Condition { return s.conditionOf(ctx, managed, v1alpha1.DeletableCondition) }).Should(HaveField("Reason", "InUse"))
		Expect(s.requests(mark, func(r simulator.Request) bool { return r.IsWrite() && r.Environment == dev })).To(BeEmpty())

		By("going on")
		s.unannotate(ctx, managed, v1alpha1.PausedAnnotation)
		for _, object := range []client.Object{api, group, managed} {
			s.expect(ctx, object, gone)
		}
		Expect(s.sim.Groups()).To(BeEmpty())
		Expect(s.published("orders").ID).To(BeEmpty())
	})

	It("paused and orphaned is let go without a write", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		api, group := s.settled(ctx, "orders", "ctx"), s.group("crew", "ctx")
		s.applied(ctx, group)
		mark := s.sim.Mark()
		for _, object := range []client.Object{api, group} {
			s.annotate(ctx, object, v1alpha1.PausedAnnotation, "true")
			s.expectPaused(ctx, object, true)
			s.remove(ctx, object)
			Eventually(func() *metav1.Condition { return s.conditionOf(ctx, object, v1alpha1.DeletableCondition) }).Should(HaveField("Reason", "Paused"))
			s.annotate(ctx, object, v1alpha1.DeletionPolicyAnnotation, v1alpha1.DeletionPolicyOrphan)
			s.expect(ctx, object, gone)
		}
		Expect(s.writesSince(mark)).To(BeEmpty())
		Expect(s.sim.APIs()).To(HaveLen(1))
		Expect(s.sim.Groups()).To(HaveLen(1))
	})
})

var _ = Describe("A request to look now", func() {
	It("is answered once, by a full read, and not again after a restart", func(ctx context.Context) {
		s := newSite(simulator.Options{}, makeNamespace(ctx, east), nil)
		s.start(ctx)
		api, other := s.settled(ctx, "orders", "ctx"), s.api("other", "ctx")
		group := s.group("crew", "ctx")
		s.applied(ctx, other, group)
		s.get(ctx, other)
		expectIdle(ctx, s.operator)
		mark := s.sim.Mark()
		s.editByHand(api.Status.ID)
		s.annotate(ctx, api, v1alpha1.ReconcileAtAnnotation, "2026-01-01T10:00:00Z")
		Eventually(func() any { return s.published("orders").Definition["description"] }).Should(Equal("orders service"))
		Eventually(func() string { s.get(ctx, api); return api.Status.Sync.ReconcileAt }).Should(Equal("2026-01-01T10:00:00Z"))
		s.expect(ctx, api, current)
		Expect(s.readsOf(mark, other.Status.ID)).To(BeEmpty())

		By("asking through the context, which asks for all that is published through it")
		expectIdle(ctx, s.operator)
		mark = s.sim.Mark()
		s.annotate(ctx, s.context("ctx"), v1alpha1.ReconcileAtAnnotation, "all")
		for _, id := range []string{api.Status.ID, other.Status.ID} {
			Eventually(func() []simulator.Request { return s.readsOf(mark, id) }).ShouldNot(BeEmpty())
		}
		Eventually(func() string { s.get(ctx, group); return group.Status.Sync.ReconcileAt }).Should(Equal("all"))
		Eventually(func() string { s.get(ctx, other); return other.Status.Sync.ReconcileAt }).Should(Equal("all"))
		expectIdle(ctx, s.operator)
		Expect(s.writesSince(mark)).To(BeEmpty())
		before := versions(ctx, s.namespace)

		By("restarting the operator")
		Expect(s.operator.Stop()).To(Succeed())
		mark = s.sim.Mark()
		s.start(ctx)
		Eventually(func() []simulator.Request { return s.listingsSince(mark) }).ShouldNot(BeEmpty())
		expectIdle(ctx, s.operator)
		Expect(s.readsOf(mark, api.Status.ID)).To(BeEmpty())
		Expect(s.readsOf(mark, other.Status.ID)).To(BeEmpty())
		Expect(versions(ctx, s.namespace)).To(Equal(before))
	})

	It("is tried again until it could be answered", func(ctx context.Context) {
		s := newSite(simulator.Options{}, makeNamespace(ctx, east), nil)
		s.start(ctx)
		api := s.settled(ctx, "orders", "ctx")
		fault := s.sim.Inject(simulator.Fault{Method: http.MethodGet, Path: "/apis/" + api.Status.ID, Mode: simulator.ModeStatus, Status: http.StatusServiceUnavailable})
		s.annotate(ctx, api, v1alpha1.ReconcileAtAnnotation, "now")
		Expect(fault.WaitHits(ctx, 2)).To(Succeed())
		s.expect(ctx, api, current)
		s.get(ctx, api)
		Expect(api.Status.Sync.ReconcileAt).To(BeEmpty())
		fault.Remove()
		Eventually(func() string { s.get(ctx, api); return api.Status.Sync.ReconcileAt }).Should(Equal("now"))
		Expect(s.sim.Writes()).To(HaveLen(1))
	})

	It("of a context probes it", func(ctx context.Context) {
		s := newSite(simulator.Options{}, makeNamespace(ctx, east), nil)
		s.start(ctx)
		managed := s.context("ctx")
		s.ready(ctx, managed)
		expectIdle(ctx, s.operator)
		s.goDown()
		s.annotate(ctx, managed, v1alpha1.ReconcileAtAnnotation, "now")
		s.expect(ctx, managed, unreachable)
		s.comeUp(s.server.Address())
		s.annotate(ctx, managed, v1alpha1.ReconcileAtAnnotation, "again")
		s.expect(ctx, managed, current)
	})
})
