// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/test/harness"
	"github.com/apisync/apisync/test/simulator"
)

func local(api *v1alpha1.ApiDefinition) { api.Spec.Local = true }

func alone(api *v1alpha1.ApiDefinition) { api.Spec.ContextRef = nil }

func stopped(api *v1alpha1.ApiDefinition) { api.Spec.State = v1alpha1.StateStopped }

// served is the ConfigMap of that name as gateways find it, or nil.
func (w *world) served(ctx context.Context, name string) *corev1.ConfigMap {
	GinkgoHelper()
	found := &corev1.ConfigMap{}
	err := w.cluster.Client.Get(ctx, client.ObjectKey{Namespace: w.namespace, Name: name}, found)
	if apierrors.IsNotFound(err) {
		return nil
	}
	Expect(err).NotTo(HaveOccurred())
	return found
}

// definition is what gateways read of an API; nil when there is nothing.
func (w *world) definition(ctx context.Context, name string) map[string]any {
	GinkgoHelper()
	found := w.served(ctx, name)
	if found == nil {
		return nil
	}
	var definition map[string]any
	Expect(json.Unmarshal([]byte(found.Data["definition"]), &definition)).To(Succeed())
	return definition
}

// expectServed waits until gateways find an API, or don't.
func (w *world) expectServed(ctx context.Context, name string, found bool) {
	GinkgoHelper()
	Eventually(func() bool { return w.served(ctx, name) != nil }).Should(Equal(found))
}

var _ = Describe("Local APIs", Ordered, ContinueOnFailure, func() {
	operator := shareOperator()

	It("need no management API: gateways read them from a ConfigMap (case 25)", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		api := s.api("orders", "", local, alone)
		s.applied(ctx, api)
		s.get(ctx, api)
		found := s.served(ctx, "orders")
		Expect(found).NotTo(BeNil())
		Expect(found.Labels).To(Equal(map[string]string{"managed-by": "gravitee.io", "gio-type": "apidefinitions.gravitee.io"}))
		Expect(found.Annotations).To(BeEmpty())
		Expect(found.OwnerReferences).To(Equal([]metav1.OwnerReference{
			{APIVersion: "gravitee.io/v1alpha1", Kind: "ApiDefinition", Name: "orders", UID: api.UID},
		}))
		Expect(found.Data).To(And(HaveLen(3), HaveKeyWithValue("organizationId", "DEFAULT"), HaveKeyWithValue("environmentId", "DEFAULT")))
		definition := s.definition(ctx, "orders")
		Expect(definition).To(And(
			HaveKeyWithValue("id", string(api.UID)), HaveKeyWithValue("local", true), HaveKeyWithValue("name", "orders"), Not(HaveKey("contextRef")),
			HaveKeyWithValue("definition_context", HaveKeyWithValue("syncFrom", "KUBERNETES"))))
		Expect(definition["plans"]).To(ConsistOf(And(HaveKeyWithValue("name", "open"), HaveKey("id"), HaveKey("crossId"))))
		status, err := toMap(api.Status)
		Expect(err).NotTo(HaveOccurred())
		Expect(status).To(And(HaveKeyWithValue("id", string(api.UID)), HaveKeyWithValue("state", "STARTED"), HaveKeyWithValue("processingStatus", "Completed")))
		Expect(status).NotTo(Or(HaveKey("organizationId"), HaveKey("environmentId"), HaveKey("crossId"), HaveKey("plans"), HaveKey("sync")))

		By("stopping it, which takes it from gateways")
		s.apply(ctx, s.api("orders", "", local, alone, stopped))
		s.expectServed(ctx, "orders", false)
		s.expect(ctx, api, current)
		Eventually(func() []string { return s.events(ctx, "orders") }).Should(ContainElement(ContainSubstring("Withdrew ConfigMap " + s.namespace + "/orders")))

		By("starting it again")
		s.apply(ctx, s.api("orders", "", local, alone))
		s.expectServed(ctx, "orders", true)
		Expect(s.definition(ctx, "orders")).To(Equal(definition))

		By("deleting it while something else holds the resource: the operator doesn't leave it to the garbage collector")
		s.touch(ctx, api, `{"metadata":{"finalizers":["finalizers.gravitee.io/apidefinitiondeletion","example.com/hold"]}}`)
		s.remove(ctx, api)
		s.expectServed(ctx, "orders", false)
		Eventually(func() []string { return s.get(ctx, api).GetFinalizers() }).Should(ConsistOf("example.com/hold"))
		Expect(stripFinalizers(ctx, s.cluster, api)).To(Succeed())
		s.expect(ctx, api, gone)
		Expect(s.sim.Requests()).To(BeEmpty())
	})

	It("with a context are in both places, under the same ids (case 26)", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		api := s.api("orders", "ctx", local)
		s.applied(ctx, s.context("ctx"), api)
		s.get(ctx, api)
		definition := s.definition(ctx, "orders")
		Expect(definition).To(And(HaveKeyWithValue("id", api.Status.ID), HaveKeyWithValue("local", true),
			HaveKeyWithValue("contextRef", map[string]any{"name": "ctx", "namespace": s.namespace})))
		plan := definition["plans"].([]any)[0].(map[string]any)
		Expect(plan).To(And(HaveKeyWithValue("api", api.Status.ID), HaveKeyWithValue("id", api.Status.Plans[plan["crossId"].(string)])))
		Expect(s.lastImport("orders")).To(And(Not(HaveKey("local")), HaveKeyWithValue("definition_context", HaveKeyWithValue("syncFrom", "KUBERNETES"))))

		By("adding a plan, whose id the management API draws by lot")
		s.applied(ctx, s.api("orders", "ctx", local, func(a *v1alpha1.ApiDefinition) {
			a.Spec.Plans = append(a.Spec.Plans, v1alpha1.Plan{Name: "keyed", Description: "with a key", Security: "API_KEY"})
		}))
		s.get(ctx, api)
		Expect(api.Status.Plans).To(HaveLen(2))
		for _, plan := range s.definition(ctx, "orders")["plans"].([]any) {
			Expect(plan).To(HaveKeyWithValue("id", api.Status.Plans[plan.(map[string]any)["crossId"].(string)]))
		}

		By("stopping and starting it")
		s.apply(ctx, s.api("orders", "ctx", local, stopped))
		s.expectServed(ctx, "orders", false)
		Expect(s.published("orders").State).To(Equal("STOPPED"))
		s.apply(ctx, s.api("orders", "ctx", local))
		s.expectServed(ctx, "orders", true)
		Expect(s.published("orders").State).To(Equal("STARTED"))

		By("letting gateways get it from the management API, and back")
		s.apply(ctx, s.api("orders", "ctx"))
		s.expectServed(ctx, "orders", false)
		Expect(s.lastImport("orders")["definition_context"]).To(HaveKeyWithValue("syncFrom", "MANAGEMENT"))
		s.apply(ctx, s.api("orders", "ctx", local))
		s.expectServed(ctx, "orders", true)
		s.expect(ctx, api, current)

		By("deleting it")
		s.remove(ctx, api)
		s.expect(ctx, api, gone)
		s.expectServed(ctx, "orders", false)
		Expect(s.sim.APIs()).To(BeEmpty())
	})

	It("that lose their context stay in the management API, and say so", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		api := s.api("orders", "ctx", local)
		s.applied(ctx, s.context("ctx"), api)
		mark := s.sim.Mark()
		s.applied(ctx, s.api("orders", "", local, alone, described("alone")))
		Eventually(func() any { return s.definition(ctx, "orders")["description"] }).Should(Equal("alone"))
		Expect(s.message(ctx, api, v1alpha1.ReadyCondition)).To(ContainSubstring("stays in the management API at " + s.url))
		Expect(s.writesSince(mark)).To(BeEmpty())

		By("deleting it: it is deleted where it was published")
		s.remove(ctx, api)
		s.expect(ctx, api, gone)
		s.expectServed(ctx, "orders", false)
		Expect(s.sim.APIs()).To(BeEmpty())
	})

	It("keep what gateways have while the management API refuses a change, or is down", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		api := s.api("orders", "ctx", local)
		s.applied(ctx, s.context("ctx"), api)
		fault := s.sim.Inject(importAnswers(http.StatusBadRequest, `{"message":"no"}`))
		s.apply(ctx, s.api("orders", "ctx", local, described("refused")))
		s.expect(ctx, api, refused)
		Expect(s.definition(ctx, "orders")["description"]).To(Equal("orders service"))
		fault.Remove()
		s.applied(ctx, s.api("orders", "ctx", local, described("accepted")))
		Expect(s.definition(ctx, "orders")["description"]).To(Equal("accepted"))

		By("going down")
		s.goDown()
		s.touch(ctx, s.context("ctx"), `{"metadata":{"annotations":{"apisync.github.io/reconcile-at":"now"}}}`)
		s.expect(ctx, s.context("ctx"), unreachable)
		s.remove(ctx, s.served(ctx, "orders"))
		Eventually(func() any { return s.definition(ctx, "orders")["description"] }).Should(Equal("accepted"), "it lies in this cluster")
		s.expect(ctx, api, current)
		s.comeUp(s.server.Address())
		s.expect(ctx, s.context("ctx"), current)
	})

	It("are put right when their ConfigMap is edited or deleted by hand", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		with, without := s.api("with", "ctx", local), s.api("without", "", local, alone)
		s.applied(ctx, s.context("ctx"), with, without)
		expectIdle(ctx, operator.Operator)
		mark := s.sim.Mark()
		edits := []string{
			`{"data":{"definition":"{}"}}`,
			`{"data":{"environmentId":null,"more":"x"},"binaryData":{"b":"eA=="}}`,
			`{"metadata":{"labels":{"gio-type":null,"team":"blue"}}}`,
		}
		for _, api := range []*v1alpha1.ApiDefinition{with, without} {
			wanted := s.served(ctx, api.Name)
			right := func() {
				GinkgoHelper()
				Eventually(func() []any {
					have := s.served(ctx, api.Name)
					if have == nil {
						return nil
					}
					return []any{have.Data, have.BinaryData, have.Labels["managed-by"], have.Labels["gio-type"]}
				}).Should(Equal([]any{wanted.Data, wanted.BinaryData, "gravitee.io", "apidefinitions.gravitee.io"}))
			}
			for _, edit := range edits {
				s.touch(ctx, wanted.DeepCopy(), edit)
				right()
			}
			Expect(s.served(ctx, api.Name).Labels).To(HaveKeyWithValue("team", "blue"), "others' labels stay")
			s.remove(ctx, wanted)
			right()
			// Kubernetes counts what follows on the same version of the resource together with the first one.
			told := map[string]string{"with": "Updated ConfigMap ", "without": "Restored ConfigMap "}[api.Name]
			Eventually(func() []string { return s.events(ctx, api.Name) }).Should(ContainElement(ContainSubstring(told + s.namespace + "/" + api.Name)))
			s.expect(ctx, api, current)
			slices.Reverse(edits)
		}
		Expect(s.writesSince(mark)).To(BeEmpty())
	})

	DescribeTable("leave a ConfigMap alone that isn't theirs, name it, and go on when it is gone",
		func(ctx context.Context, owner *metav1.OwnerReference, labels map[string]string, words string, change ...func(*v1alpha1.ApiDefinition)) {
			s := operator.site(ctx, simulator.Options{})
			s.ready(ctx, s.context("ctx"))
			foreign := s.configMap("orders", map[string]string{"definition": "mine"})
			foreign.Labels = labels
			if owner != nil {
				foreign.OwnerReferences = []metav1.OwnerReference{*owner}
				foreign.Finalizers = []string{"example.com/hold"} // or the garbage collector takes what has no owner
			}
			Expect(s.cluster.Client.Create(ctx, foreign)).To(Succeed())
			api := s.api("orders", "ctx", append(change, local)...)
			s.apply(ctx, api)
			s.expect(ctx, api, ownedElsewhere)
			Expect(s.message(ctx, api, v1alpha1.StalledCondition)).To(And(
				ContainSubstring("ConfigMap "+s.namespace+"/orders"), ContainSubstring(words), ContainSubstring("it was left alone")))
			Expect(s.served(ctx, "orders").Data).To(Equal(map[string]string{"definition": "mine"}))

			By("removing it, as a person")
			_ = s.cluster.Client.Delete(ctx, foreign)
			Expect(stripFinalizers(ctx, s.cluster, foreign)).To(Succeed())
			s.expect(ctx, api, current)
			Expect(s.definition(ctx, "orders")).To(HaveKeyWithValue("name", "orders"))
		},
		Entry("made by a person", nil, nil, "wasn't made by an operator"),
		Entry("made by a person, of an API without a context", nil, nil, "wasn't made by an operator", alone),
		Entry("with an operator's label and no owner", nil, map[string]string{"managed-by": "gravitee.io", "gio-type": "apidefinitions.gravitee.io"},
			"no resource owns it"),
		Entry("of another kind", &metav1.OwnerReference{APIVersion: "gravitee.io/v1alpha1", Kind: "ApiV4Definition", Name: "orders", UID: "other"},
			nil, "is owned by ApiV4Definition orders"),
		Entry("of an earlier resource of that name", &metav1.OwnerReference{APIVersion: "gravitee.io/v1alpha1", Kind: "ApiDefinition", Name: "orders", UID: "earlier"},
			nil, "belongs to an earlier ApiDefinition of that name"),
	)

	It("take with them what GKO left behind when they weren't local any more", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		api := s.settled(ctx, "orders", "ctx")
		stale := s.configMap("orders", map[string]string{"definition": "{}"})
		stale.Labels = map[string]string{"managed-by": "gravitee.io", "gio-type": "apidefinitions.gravitee.io"}
		stale.OwnerReferences = []metav1.OwnerReference{{APIVersion: "gravitee.io/v1alpha1", Kind: "ApiDefinition", Name: "orders", UID: api.UID}}
		Expect(s.cluster.Client.Create(ctx, stale)).To(Succeed())
		s.expectServed(ctx, "orders", false)

		By("leaving one alone that is a person's")
		mine := s.configMap("orders", map[string]string{"a": "b"})
		Expect(s.cluster.Client.Create(ctx, mine)).To(Succeed())
		s.applied(ctx, s.api("orders", "ctx", described("changed")))
		s.remove(ctx, api)
		s.expect(ctx, api, gone)
		Expect(s.served(ctx, "orders").UID).To(Equal(mine.UID))
	})

	It("hold what templates and references stand for, and follow them", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		s.apply(ctx, s.secret("source", map[string]string{"value": firstValue}))
		s.applied(ctx, s.resource("store"))
		api := s.api("orders", "", local, alone, described(`[[ secret "source/value" ]]`), usesResource("store"))
		s.applied(ctx, api)
		Expect(s.definition(ctx, "orders")).To(And(HaveKeyWithValue("description", firstValue),
			HaveKeyWithValue("resources", ConsistOf(HaveKeyWithValue("name", "store")))))
		s.apply(ctx, s.secret("source", map[string]string{"value": secondValue}))
		Eventually(func() any { return s.definition(ctx, "orders")["description"] }).Should(Equal(secondValue))
		s.expectHidden(ctx, firstValue, secondValue)
	})

	It("that are too large for a ConfigMap are told so, and gateways keep what they have", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		api := s.api("orders", "", local, alone)
		s.applied(ctx, api)
		page := strings.Repeat("x", 1<<20)
		s.apply(ctx, s.api("orders", "", local, alone, func(a *v1alpha1.ApiDefinition) {
			a.Spec.Pages = map[string]v1alpha1.Page{"home": {Name: "Home", Type: "MARKDOWN", Visibility: "PUBLIC", Content: &page}}
		}))
		s.expect(ctx, api, "Failed IllegalStateError")
		Expect(s.message(ctx, api, v1alpha1.StalledCondition)).To(ContainSubstring("pages"))
		Expect(s.definition(ctx, "orders")["pages"]).To(BeNil())
	})
})

var _ = Describe("Local APIs in several clusters", Ordered, ContinueOnFailure, func() {
	var west *harness.Cluster

	BeforeAll(func(ctx context.Context) { west = startCluster(ctx, "west") })

	marked := func(ctx context.Context) twins {
		GinkgoHelper()
		return newTwins(ctx, west, []string{"--cluster-id=east"}, []string{"--cluster-id=west"})
	}

	It("share one remote API when they are equal, and the last one deletes it", func(ctx context.Context) {
		t := marked(ctx)
		sim := t.east.sim
		first, second := t.east.api("orders", "ctx", local), t.west.api("orders", "ctx", local)
		t.east.applied(ctx, first)
		t.west.applied(ctx, second)
		t.east.get(ctx, first)
		t.west.get(ctx, second)
		Expect(sim.APIs()).To(HaveLen(1))
		Expect(sim.APIs()[0].Labels).To(ConsistOf(eastMark, westMark))
		Expect(second.Status.ID).To(Equal(first.Status.ID))
		Expect(second.Status.Plans).To(Equal(first.Status.Plans))
		Expect(t.west.definition(ctx, "orders")["id"]).To(Equal(first.Status.ID), "gateways of both know it by one id")
		t.east.expect(ctx, first, current)

		By("restarting both: the mark of the other is no difference")
		writes := len(sim.Writes())
		for _, w := range []*world{t.east, t.west} {
			mark := sim.Mark()
			Expect(w.operator.Stop()).To(Succeed())
			w.start(ctx, "--drift-rotation=1s", "--cluster-id="+map[*world]string{t.east: "east", t.west: "west"}[w])
			logged(ctx, sim, func(r simulator.Request) bool {
				return r.Sequence > mark && strings.HasSuffix(r.Path, "/apis/"+first.Status.ID)
			})
			expectIdle(ctx, w.operator)
		}
		Expect(sim.Writes()).To(HaveLen(writes))

		By("deleting it in one cluster")
		t.east.remove(ctx, first)
		t.east.expect(ctx, first, gone)
		t.east.expectServed(ctx, "orders", false)
		Eventually(func() []string { return t.east.warnings(ctx, first) }).Should(ContainElement(And(
			HavePrefix("LeftBehind: "), ContainSubstring(`"west"`))))
		Expect(sim.APIs()).To(HaveLen(1))
		Expect(sim.APIs()[0].Labels).To(ConsistOf(westMark))
		t.west.expect(ctx, second, current)
		Expect(t.west.served(ctx, "orders")).NotTo(BeNil())

		By("deleting it in the last one")
		t.west.remove(ctx, second)
		t.west.expect(ctx, second, gone)
		Expect(sim.APIs()).To(BeEmpty())
	})

	It("don't overwrite each other when they differ, and agree when they are equal", func(ctx context.Context) {
		t := marked(ctx)
		sim := t.east.sim
		first, second := t.east.api("orders", "ctx", local), t.west.api("orders", "ctx", local, described("from the west"))
		t.east.applied(ctx, first)
		t.west.apply(ctx, second)
		t.west.expect(ctx, second, ownedElsewhere)
		Expect(t.west.message(ctx, second, v1alpha1.ReadyCondition)).To(And(ContainSubstring(`"east"`), ContainSubstring("description")))
		Expect(t.west.served(ctx, "orders")).To(BeNil())
		Expect(places(sim)).To(Equal(map[string]any{"DEFAULT": "orders service"}))
		Expect(carriedOut(sim)).To(HaveLen(1), "nothing is overwritten")
		t.west.applied(ctx, t.west.api("orders", "ctx", local))
		Expect(sim.APIs()[0].Labels).To(ConsistOf(eastMark, westMark))

		By("changing it in one cluster")
		before := t.west.served(ctx, "orders").ResourceVersion
		t.east.applied(ctx, t.east.api("orders", "ctx", local, described("changed")))
		Expect(places(sim)).To(Equal(map[string]any{"DEFAULT": "changed"}))
		t.west.annotate(ctx, t.west.context("ctx"), v1alpha1.DriftRotationAnnotation, "1s")
		t.west.expect(ctx, second, ownedElsewhere)
		Expect(t.west.message(ctx, second, v1alpha1.ReadyCondition)).To(And(ContainSubstring(`"east"`), ContainSubstring("description")))
		Expect(t.west.served(ctx, "orders").ResourceVersion).To(Equal(before), "its gateways keep what they have")
		Expect(sim.APIs()[0].Labels).To(ConsistOf(eastMark, westMark))
		writes := len(sim.Writes())
		t.west.applied(ctx, t.west.api("orders", "ctx", local, described("changed")))
		Expect(places(sim)).To(Equal(map[string]any{"DEFAULT": "changed"}))
		Expect(t.west.definition(ctx, "orders")["description"]).To(Equal("changed"))
		Expect(len(sim.Writes())-writes).To(BeNumerically("<=", 1), "an equal one is written at most once more")
		t.east.expect(ctx, first, current)
	})

	It("don't delete what another cluster publishes in another form", func(ctx context.Context) {
		t := marked(ctx)
		sim := t.east.sim
		first, second := t.east.api("orders", "ctx", local), t.west.api("orders", "ctx", local)
		t.east.applied(ctx, first)
		t.west.applied(ctx, second)
		t.east.applied(ctx, t.east.api("orders", "ctx", local, described("changed")))
		t.west.remove(ctx, second)
		t.west.expect(ctx, second, gone)
		Expect(places(sim)).To(Equal(map[string]any{"DEFAULT": "changed"}))
		Eventually(func() []string { return t.west.warnings(ctx, second) }).Should(ContainElement(And(
			HavePrefix("LeftBehind: "), ContainSubstring(`"east"`))))
		t.east.expect(ctx, first, current)
	})

	It("aren't shared with one that isn't local, whether equal or not", func(ctx context.Context) {
		t := marked(ctx)
		first, second := t.east.api("orders", "ctx"), t.west.api("orders", "ctx")
		t.east.applied(ctx, first)
		t.west.apply(ctx, second)
		t.west.expect(ctx, second, ownedElsewhere)
		Expect(carriedOut(t.east.sim)).To(HaveLen(1))
	})
})
