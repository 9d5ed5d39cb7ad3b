// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/test/simulator"
)

const ownedByAnother = "Failed OwnedElsewhere"

var _ = Describe("Taking over", Ordered, ContinueOnFailure, func() {
	operator := shareOperator()

	It("finds the API of a resource that was lost and applied again (case 86)", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		s.ready(ctx, s.context("ctx"))
		twoPlans := func(a *v1alpha1.ApiDefinition) {
			a.Spec.Plans = append(a.Spec.Plans, v1alpha1.Plan{Name: "keyed", Description: "with a key", Security: "API_KEY"})
		}
		api := s.api("orders", "ctx")
		s.apply(ctx, api)
		s.expect(ctx, api, current)
		// A plan that comes with an update gets an id of the server's choice, which nobody can compute.
		s.apply(ctx, s.api("orders", "ctx", twoPlans))
		Eventually(func() int { s.get(ctx, api); return len(api.Status.Plans) }).Should(Equal(2))
		before := api.DeepCopy()
		mark := s.sim.Mark()

		By("losing the resource, but not the API")
		Expect(stripFinalizers(ctx, s.cluster, api)).To(Succeed())
		Expect(s.cluster.Client.Delete(ctx, api)).To(Succeed())
		s.expect(ctx, api, gone)
		Expect(s.sim.APIs()).To(HaveLen(1))

		By("applying it again")
		again := s.api("orders", "ctx", twoPlans)
		s.apply(ctx, again)
		s.expect(ctx, again, current)
		s.get(ctx, again)
		Expect(again.UID).NotTo(Equal(before.UID))
		Expect(again.Status.ID).To(Equal(before.Status.ID))
		Expect(again.Status.Plans).To(Equal(before.Status.Plans))
		Expect(s.sim.APIs()).To(HaveLen(1))
		Expect(s.writesSince(mark)).To(BeEmpty(), "nothing differs")
		Eventually(func() []string { return s.events(ctx, "orders") }).Should(ContainElement(And(
			HavePrefix("Warning"), ContainSubstring("took over"), ContainSubstring(before.Status.ID))))
		Expect(s.events(ctx, "orders")).NotTo(ContainElement(ContainSubstring("UpdateFailed")))

		By("deleting it, which is its to delete now")
		Expect(s.cluster.Client.Delete(ctx, again)).To(Succeed())
		s.expect(ctx, again, gone)
		Expect(s.sim.APIs()).To(BeEmpty())
	})

	It("writes to what it takes over when something differs, under the ids that are there", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		api := s.settled(ctx, "orders", "ctx")
		Expect(stripFinalizers(ctx, s.cluster, api)).To(Succeed())
		Expect(s.cluster.Client.Delete(ctx, api)).To(Succeed())
		s.expect(ctx, api, gone)
		again := s.api("orders", "ctx", described("restored"))
		s.apply(ctx, again)
		s.expect(ctx, again, current)
		s.get(ctx, again)
		Expect(again.Status.ID).To(Equal(api.Status.ID))
		Expect(again.Status.Plans).To(Equal(api.Status.Plans))
		Expect(s.sim.APIs()).To(HaveLen(1))
		Expect(s.sim.APIs()[0].Definition).To(HaveKeyWithValue("description", "restored"))
		Expect(s.sim.Writes()).To(HaveLen(2))
	})

	It("takes over an API that was made by hand with the crossId of the resource", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		s.ready(ctx, s.context("ctx"))
		const crossID = "83838383-0000-4000-8000-0000000000cc"
		api := s.api("orders", "ctx", func(a *v1alpha1.ApiDefinition) { a.Spec.CrossID = crossID })
		body, err := json.Marshal(map[string]any{
			"name": "by hand", "version": "1", "description": "made in the console", "crossId": crossID, "gravitee": "2.0.0",
			"proxy": map[string]any{"virtual_hosts": []any{map[string]any{"path": api.Spec.Proxy.VirtualHosts[0].Path}}},
			"plans": []any{map[string]any{"name": "open", "description": "", "security": "KEY_LESS", "status": "PUBLISHED"}},
		})
		Expect(err).NotTo(HaveOccurred())
		s.call(ctx, http.MethodPost, "/apis/import", body)
		byHand := s.sim.APIs()[0]
		s.apply(ctx, api)
		s.expect(ctx, api, current)
		s.get(ctx, api)
		Expect(s.sim.APIs()).To(HaveLen(1))
		Expect(api.Status.ID).To(Equal(byHand.ID))
		Expect(s.sim.APIs()[0].Name).To(Equal("orders"))
		Expect(s.sim.APIs()[0].State).To(Equal("STARTED"))
		Eventually(func() []string { return s.events(ctx, "orders") }).Should(ContainElement(And(
			HavePrefix("Warning"), ContainSubstring("took over"), ContainSubstring("by hand"))))
	})

	It("leaves an API to the resource that published it first (case 79)", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		s.ready(ctx, s.context("ctx"))
		shared := func(a *v1alpha1.ApiDefinition) { a.Spec.CrossID = "79797979-0000-4000-8000-0000000000cc" }
		first, second := s.api("first", "ctx", shared), s.api("second", "ctx", shared)
		s.apply(ctx, first)
		s.expect(ctx, first, current)
		s.apply(ctx, second)
		s.expect(ctx, second, ownedByAnother)
		Expect(s.message(ctx, second, v1alpha1.StalledCondition)).To(ContainSubstring(s.namespace + "/first"))

		By("deleting the one that lost")
		Expect(s.cluster.Client.Delete(ctx, second)).To(Succeed())
		s.expect(ctx, second, gone)
		Expect(s.sim.APIs()).To(HaveLen(1))
		Expect(s.sim.Writes()).To(HaveLen(1))
		s.expect(ctx, first, current)

		By("deleting the one that won")
		second = s.api("second", "ctx", shared)
		s.apply(ctx, second)
		s.expect(ctx, second, ownedByAnother)
		Expect(s.cluster.Client.Delete(ctx, first)).To(Succeed())
		s.expect(ctx, first, gone)
		s.expect(ctx, second, current)
		s.get(ctx, second)
		Expect(s.sim.APIs()).To(HaveLen(1))
		Expect(s.sim.APIs()[0].Name).To(Equal("second"))
		Expect(second.Status.ID).To(Equal(s.sim.APIs()[0].ID))
	})

	It("refuses an API that nobody would serve, before anything is sent (case 27)", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		s.ready(ctx, s.context("ctx"))
		mark := s.sim.Mark()
		api := s.api("orders", "ctx", alone)
		s.apply(ctx, api)
		s.expect(ctx, api, "Failed IllegalStateError")
		Expect(s.message(ctx, api, v1alpha1.StalledCondition)).To(And(ContainSubstring("spec.contextRef"), ContainSubstring("a context is required")))
		Expect(s.requests(mark, func(simulator.Request) bool { return true })).To(BeEmpty())
		Expect(s.get(ctx, api).GetFinalizers()).To(BeEmpty(), "there is nothing to clean up")

		By("writing it so that it can be published")
		s.apply(ctx, s.api("orders", "ctx"))
		s.expect(ctx, api, current)
	})
})

// gkoObject is an ApiDefinition as GKO left it, with the imports that it sent, in their order.
type gkoObject struct {
	Case, Namespace, Name string
	Annotations           map[string]string
	Finalizers            []string
	Spec, Status          json.RawMessage
	Imports               []json.RawMessage
}

func gkoObjects() []gkoObject {
	GinkgoHelper()
	content, err := os.ReadFile("testdata/gko-objects.jsonl")
	Expect(err).NotTo(HaveOccurred())
	scanner := bufio.NewScanner(bytes.NewReader(content))
	scanner.Buffer(nil, 1<<20)
	var objects []gkoObject
	for scanner.Scan() {
		var object gkoObject
		Expect(json.Unmarshal(scanner.Bytes(), &object)).To(Succeed())
		objects = append(objects, object)
	}
	Expect(scanner.Err()).NotTo(HaveOccurred())
	Expect(objects).NotTo(BeEmpty())
	return objects
}

// create makes the object as it was when GKO stopped: its status is stored after it. plans are the ids that the
// management API answered last: those of plans that came with an update are of its own choice.
func (o gkoObject) create(ctx context.Context, s *site, plans map[string]any) *v1alpha1.ApiDefinition {
	GinkgoHelper()
	object := &unstructured.Unstructured{Object: map[string]any{}}
	object.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("ApiDefinition"))
	object.SetNamespace(s.namespace)
	object.SetName(o.Name)
	object.SetAnnotations(o.Annotations)
	object.SetFinalizers(o.Finalizers)
	for field, content := range map[string]json.RawMessage{"spec": o.Spec, "status": o.Status} {
		var value map[string]any
		Expect(utiljson.Unmarshal(content, &value)).To(Succeed())
		object.Object[field] = value
	}
	status, _ := object.Object["status"].(map[string]any)
	status["plans"] = plans
	Expect(s.cluster.Client.Create(ctx, object)).To(Succeed())
	object.Object["status"] = status
	Expect(s.cluster.Client.Status().Update(ctx, object)).To(Succeed())
	return &v1alpha1.ApiDefinition{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: o.Name}}
}

// replay imports what GKO sent, and returns the ids of plans in the last answer.
func (o gkoObject) replay(ctx context.Context, s *site) map[string]any {
	GinkgoHelper()
	var plans map[string]any
	for _, body := range o.Imports {
		plans = s.send(ctx, body)
	}
	return plans
}

func (s *site) send(ctx context.Context, body []byte) map[string]any {
	GinkgoHelper()
	var receipt struct {
		Plans map[string]any `json:"plans"`
	}
	Expect(json.Unmarshal(s.call(ctx, http.MethodPut, "/apis/import-crd?dryRun=false", body), &receipt)).To(Succeed())
	return receipt.Plans
}

// call makes a request as somebody else than the operator, and returns the body of its success.
func (s *site) call(ctx context.Context, method, path string, body []byte) []byte {
	GinkgoHelper()
	return s.request(ctx, method, "/management/organizations/DEFAULT/environments/DEFAULT"+path, body)
}

// request is call for any path.
func (s *site) request(ctx context.Context, method, path string, body []byte) []byte {
	GinkgoHelper()
	request, err := http.NewRequestWithContext(ctx, method, s.url+path, bytes.NewReader(body))
	Expect(err).NotTo(HaveOccurred())
	request.SetBasicAuth("admin", "admin")
	response, err := http.DefaultClient.Do(request)
	Expect(err).NotTo(HaveOccurred())
	defer response.Body.Close()
	Expect(response).To(HaveHTTPStatus(http.StatusOK))
	content, err := io.ReadAll(response.Body)
	Expect(err).NotTo(HaveOccurred())
	return content
}

var _ = Describe("Objects that GKO created", func() {
	It("are kept in step without a remote write", func(ctx context.Context) {
		installation := simulator.Options{
			Users: []simulator.User{
				{Name: "admin", Password: "admin", Role: simulator.RoleAdmin},
				{Name: "api1", Password: "api1", Role: simulator.RoleAPIPublisher},
				{Name: "application1", Password: "application1", Role: simulator.RoleUser},
				{Name: "user", Password: "password", Role: simulator.RoleUser},
			},
			Categories: []string{"rec-cat"},
		}
		type taken struct {
			gkoObject

			site  *site
			api   *v1alpha1.ApiDefinition
			plans map[string]string
			mark  int
		}
		var all []*taken
		for _, object := range gkoObjects() {
			// Ids of pages follow from namespace/name, so the namespace has to be the recorded one.
			namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: object.Namespace}}
			Expect(east.Client.Create(ctx, namespace)).To(Succeed())
			DeferCleanup(func(ctx context.Context) { forget(ctx, east, object.Namespace) })
			t := &taken{gkoObject: object, site: newSite(installation, object.Namespace, nil)}
			t.api = object.create(ctx, t.site, object.replay(ctx, t.site))
			t.plans = t.site.get(ctx, t.api).(*v1alpha1.ApiDefinition).Status.Plans
			t.site.apply(ctx, t.site.context("ctx"))
			t.mark = t.site.sim.Mark()
			all = append(all, t)
		}
		all[0].site.start(ctx)
		for _, t := range all {
			var recorded v1alpha1.ApiDefinitionStatus
			Expect(json.Unmarshal(t.Status, &recorded)).To(Succeed())
			t.site.expect(ctx, t.api, current)
			t.site.get(ctx, t.api)
			Expect(t.site.writesSince(t.mark)).To(BeEmpty(), "case %s is written again: %v", t.Case, t.site.events(ctx, t.Name))
			Expect(t.api.Status.ID).To(Equal(recorded.ID), t.Case)
			Expect(t.api.Status.CrossID).To(Equal(recorded.CrossID), t.Case)
			Expect(t.api.Status.Plans).To(Equal(t.plans), t.Case)
			Expect(t.api.Status.State).To(Equal(recorded.State), t.Case)
			Expect(t.api.Finalizers).To(Equal(t.Finalizers), t.Case)
			Expect(t.site.events(ctx, t.Name)).NotTo(ContainElement(HavePrefix("Warning")), t.Case)
		}

		By("changing each of them")
		for _, t := range all {
			base := t.api.DeepCopy()
			t.api.Spec.Description = "changed after the swap"
			Expect(t.site.cluster.Client.Patch(ctx, t.api, client.MergeFrom(base))).To(Succeed())
			t.site.expect(ctx, t.api, current)
			t.site.get(ctx, t.api)
			Expect(t.api.Status.Plans).To(Equal(t.plans), t.Case)
			remote := t.site.sim.APIs()
			Expect(remote).To(HaveLen(1), t.Case)
			Expect(remote[0].Definition).To(HaveKeyWithValue("description", "changed after the swap"), t.Case)
		}

		By("deleting each of them")
		for _, t := range all {
			Expect(t.site.cluster.Client.Delete(ctx, t.api)).To(Succeed())
		}
		for _, t := range all {
			t.site.expect(ctx, t.api, gone)
			Expect(t.site.sim.APIs()).To(BeEmpty(), t.Case)
		}
	})

	It("that share one remote API are told apart: the oldest keeps it (case 79)", func(ctx context.Context) {
		s := newSite(simulator.Options{}, makeNamespace(ctx, east), nil)
		objects := gkoObjects()
		object := objects[slices.IndexFunc(objects, func(o gkoObject) bool { return o.Case == "01-keyless-minimal" })]
		plans := object.replay(ctx, s)
		mark := s.sim.Mark()
		object.Name = "a1"
		winner := object.create(ctx, s, plans)
		object.Name = "a2"
		loser := object.create(ctx, s, plans)
		s.apply(ctx, s.context("ctx"))
		s.start(ctx)
		s.expect(ctx, winner, current)
		s.expect(ctx, loser, ownedByAnother)
		Expect(s.message(ctx, loser, v1alpha1.StalledCondition)).To(ContainSubstring(fmt.Sprintf("%s/%s", s.namespace, "a1")))
		Expect(s.writesSince(mark)).To(BeEmpty())
		Expect(s.cluster.Client.Delete(ctx, loser)).To(Succeed())
		s.expect(ctx, loser, gone)
		s.expect(ctx, winner, current)
		Expect(s.writesSince(mark)).To(BeEmpty(), "the API isn't the loser's to delete")
		Expect(s.sim.APIs()).To(HaveLen(1))
	})
})
