// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/test/harness"
	"github.com/apisync/apisync/test/simulator"
)

const perContext = 10

// fleet is 30 APIs in step, in three contexts: two environments of one installation, and another installation.
type fleet struct {
	*site

	far  *site
	apis []*v1alpha1.ApiDefinition
}

func newFleet(ctx context.Context) *fleet {
	GinkgoHelper()
	namespace := makeNamespace(ctx, east)
	near := simulator.Options{Environments: []simulator.Place{{}, {Environment: "PROD"}}}
	f := &fleet{site: newSite(near, namespace, nil), far: newSite(simulator.Options{}, namespace, nil)}
	f.apply(ctx, f.secret("apim", map[string]string{"username": "admin", "password": "admin"}),
		f.context("dev", secretRef("apim")),
		f.context("prod", secretRef("apim"), func(m *v1alpha1.ManagementContext) { m.Spec.EnvironmentID = "PROD" }),
		f.far.context("far"))
	for _, name := range []string{"dev", "prod", "far"} {
		for i := range perContext {
			api := f.api(fmt.Sprintf("%s-%d", name, i), name)
			f.apply(ctx, api)
			f.apis = append(f.apis, api)
		}
	}
	return f
}

// run starts an operator; the one before must have ended.
func (f *fleet) run(ctx context.Context, args ...string) {
	GinkgoHelper()
	f.start(ctx, args...)
	f.far.operator = f.operator
}

func (f *fleet) expectInStep(ctx context.Context) {
	GinkgoHelper()
	for _, api := range f.apis {
		f.expect(ctx, api, current)
	}
	expectIdle(ctx, f.operator)
}

// marks are the sequence numbers of both installations.
func (f *fleet) marks() [2]int { return [2]int{f.sim.Mark(), f.far.sim.Mark()} }

func (f *fleet) writes(since [2]int) []simulator.Request {
	return append(f.writesSince(since[0]), f.far.writesSince(since[1])...)
}

// expectCompared waits until each context was looked at in bulk after the marks, and nothing is left to do. No API is read
// for itself.
func (f *fleet) expectCompared(ctx context.Context, since [2]int) {
	GinkgoHelper()
	places := func() map[string]int {
		found := map[string]int{}
		for _, request := range f.listingsSince(since[0]) {
			found["near "+request.Path]++
		}
		for _, request := range f.far.listingsSince(since[1]) {
			found["far "+request.Path]++
		}
		return found
	}
	Eventually(places).Should(HaveLen(3))
	expectIdle(ctx, f.operator)
	for _, api := range f.apis {
		f.get(ctx, api)
		Expect(f.readsOf(since[0], api.Status.ID)).To(BeEmpty(), api.Name)
		Expect(f.far.readsOf(since[1], api.Status.ID)).To(BeEmpty(), api.Name)
	}
}

// versions are the resource versions of everything that the operator could have written to, leases apart.
func versions(ctx context.Context, namespace string) map[string]string {
	GinkgoHelper()
	found := map[string]string{}
	for kind, list := range map[string]client.ObjectList{
		"api": &v1alpha1.ApiDefinitionList{}, "context": &v1alpha1.ManagementContextList{}, "secret": &corev1.SecretList{},
		"event": &eventsv1.EventList{}, "configmap": &corev1.ConfigMapList{}, "resource": &v1alpha1.ApiResourceList{},
		"group": &v1alpha1.GroupList{}, "notification": &v1alpha1.NotificationList{},
	} {
		for _, where := range []string{namespace, harness.OperatorNamespace} {
			Expect(east.Client.List(ctx, list, client.InNamespace(where))).To(Succeed())
			Expect(meta.EachListItem(list, func(item runtime.Object) error {
				object := item.(client.Object)
				found[kind+" "+where+"/"+object.GetName()] = object.GetResourceVersion()
				return nil
			})).To(Succeed())
		}
	}
	return found
}

// without leaves out what has a prefix.
func without(all map[string]string, prefix string) map[string]string {
	rest := map[string]string{}
	for name, version := range all {
		if !strings.HasPrefix(name, prefix) {
			rest[name] = version
		}
	}
	return rest
}

var _ = Describe("A restart", func() {
	It("writes nothing, neither to the management API nor to the API server", func(ctx context.Context) {
		f := newFleet(ctx)
		f.run(ctx)
		f.expectInStep(ctx)
		Expect(f.writes([2]int{})).To(HaveLen(len(f.apis)))
		Eventually(func() int { return len(f.events(ctx, "")) }).Should(BeNumerically(">=", len(f.apis)), "events come later than what they tell of")

		for how, end := range map[string]func(*harness.Operator) error{"SIGTERM": (*harness.Operator).Stop, "kill -9": (*harness.Operator).Kill} {
			By("restarting it after " + how)
			Expect(end(f.operator)).To(Succeed())
			before, since := versions(ctx, f.namespace), f.marks()
			f.run(ctx)
			f.expectCompared(ctx, since)
			Expect(f.writes(since)).To(BeEmpty())
			Expect(versions(ctx, f.namespace)).To(Equal(before))
		}

		By("changing a label and somebody else's annotation")
		since := f.marks()
		f.touch(ctx, f.apis[0], `{"metadata":{"labels":{"team":"blue"},"annotations":{"example.com/note":"x"}}}`)
		f.touch(ctx, f.far.context("far"), `{"metadata":{"labels":{"team":"blue"},"annotations":{"example.com/note":"x"}}}`)
		// Watches keep the order of changes: when this one is seen, those before it have been.
		last := f.apis[len(f.apis)-1]
		f.apply(ctx, f.api(last.Name, "far", described("seen")))
		f.expect(ctx, last, current)
		expectIdle(ctx, f.operator)
		Expect(f.requests(since[0], func(simulator.Request) bool { return true })).To(BeEmpty())
		Expect(f.far.requests(since[1], func(r simulator.Request) bool { return strings.HasSuffix(r.Path, "/user") })).To(BeEmpty(), "no probe")
		Expect(f.writes(since)).To(HaveLen(1))

		By("restarting it while the management APIs are down")
		Expect(f.operator.Stop()).To(Succeed())
		before := without(without(versions(ctx, f.namespace), "context "), "event ")
		f.goDown()
		f.far.goDown()
		f.run(ctx)
		for _, name := range []string{"dev", "prod", "far"} {
			f.expect(ctx, f.context(name), unreachable)
		}
		expectIdle(ctx, f.operator)
		Expect(without(without(versions(ctx, f.namespace), "context "), "event ")).To(Equal(before), "an outage says nothing about an API in step")
		since = f.marks()
		f.comeUp(f.server.Address())
		f.far.comeUp(f.far.server.Address())
		f.expectCompared(ctx, since)
		Expect(f.writes(since)).To(BeEmpty())
		Expect(without(without(versions(ctx, f.namespace), "context "), "event ")).To(Equal(before))

		By("restarting it with RECONCILE_STRATEGY=always")
		Expect(f.operator.Stop()).To(Succeed())
		since = f.marks()
		f.run(ctx, "--reconcile-strategy=always")
		Eventually(func() int { return len(f.writes(since)) }).Should(BeNumerically(">=", len(f.apis)))
		f.expectInStep(ctx)
		Expect(f.writes(since)).To(HaveLen(len(f.apis)), "each once")
		f.get(ctx, f.apis[0])
		f.apply(ctx, f.api(f.apis[0].Name, "dev", described("once more")))
		f.expect(ctx, f.apis[0], current)
		expectIdle(ctx, f.operator)
		Expect(f.writes(since)).To(HaveLen(len(f.apis)+1), "and then only what changes")
	})
})

func (s *site) touch(ctx context.Context, object client.Object, patch string) {
	GinkgoHelper()
	Expect(s.cluster.Client.Patch(ctx, object, client.RawPatch(types.MergePatchType, []byte(patch)))).To(Succeed())
}
