// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/test/simulator"
)

// made is a template that looks a name up in the ConfigMap "names".
func made(key string) string { return `[[ configmap "names/` + key + `" ]]` }

func crossed(id string) func(*v1alpha1.ApiDefinition) {
	return func(api *v1alpha1.ApiDefinition) { api.Spec.CrossID = id }
}

var _ = Describe("Names that templates make", Ordered, ContinueOnFailure, func() {
	operator := shareOperator()

	names := func(s *site, change ...string) *corev1.ConfigMap {
		data := map[string]string{"ctx": "ctx", "store": "store", "bell": "bell", "crew": "crew", "namespace": s.namespace}
		for i := 0; i+1 < len(change); i += 2 {
			data[change[i]] = change[i+1]
		}
		return s.configMap("names", data)
	}

	It("are waited for, and what comes wakes who waits for it", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		api := s.api("orders", made("ctx"), usesResource(made("store")), usesNotification(made("bell")), usesGroup(made("crew")))
		s.apply(ctx, names(s), api)
		s.expect(ctx, api, waitsForRef)
		s.apply(ctx, s.resource("store"))
		Eventually(func() string { return s.message(ctx, api, v1alpha1.ReadyCondition) }).Should(And(
			Not(ContainSubstring("ApiResource")), ContainSubstring("Notification")))
		s.apply(ctx, s.notification("bell", notifies(made("crew"))))
		Eventually(func() string { return s.message(ctx, api, v1alpha1.ReadyCondition) }).Should(ContainSubstring("spec.contextRef"))
		s.apply(ctx, s.context("ctx"))
		s.expect(ctx, api, current)
		Expect(s.published("orders").Groups).To(BeEmpty())
		s.apply(ctx, s.group("crew", made("ctx")))
		Eventually(func() []string { return s.published("orders").Groups }).Should(HaveLen(1))
		Eventually(func() any { return s.published("orders").Notification["groups"] }).Should(ConsistOf("crew"))

		By("changing what is referred to")
		s.apply(ctx, s.resource("store", configured(`{"timeToLiveSeconds":7}`)))
		Eventually(func() any { return s.lastImport("orders")["resources"] }).Should(ConsistOf(HaveKeyWithValue("configuration",
			map[string]any{"timeToLiveSeconds": float64(7)})))
	})

	It("may say in which namespace it is", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		other := makeNamespace(ctx, east)
		far := func(api *v1alpha1.ApiDefinition) {
			api.Spec.Resources = []v1alpha1.ResourceOrRef{{Ref: &v1alpha1.Reference{Namespace: made("namespace"), Name: "store"}}}
		}
		api := s.api("orders", "ctx", far)
		s.apply(ctx, s.context("ctx"), names(s, "namespace", other), api)
		s.expect(ctx, api, waitsForRef)
		store := s.resource("store", elsewhere[*v1alpha1.ApiResource](other))
		s.apply(ctx, store)
		s.expect(ctx, api, current)
		s.remove(ctx, store)
		Eventually(func() string { return s.message(ctx, store, v1alpha1.DeletableCondition) }).Should(ContainSubstring(s.namespace + "/orders"))
		s.remove(ctx, api)
		s.expect(ctx, store, gone)
	})

	It("hold back what they mean, and nothing else, from being deleted", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		api := s.api("orders", made("ctx"), usesResource(made("store")), usesNotification(made("bell")), usesGroup(made("crew")))
		used := []client.Object{s.resource("store"), s.notification("bell"), s.group("crew", made("ctx")), s.context("ctx")}
		unused := []client.Object{s.resource("free"), s.notification("quiet"), s.group("others", ""), s.context("spare")}
		s.apply(ctx, names(s))
		s.applied(ctx, append(append([]client.Object{api}, used...), unused...)...)
		s.remove(ctx, unused...)
		for _, object := range unused {
			s.expect(ctx, object, gone)
		}
		s.remove(ctx, used...)
		for _, object := range used {
			Eventually(func() string { return s.message(ctx, object, v1alpha1.DeletableCondition) }).Should(ContainSubstring(s.namespace+"/orders"), object.GetName())
			s.expect(ctx, object, terminating)
		}

		By("taking away what tells the names: then nobody knows, and what is published mustn't lose anything")
		s.remove(ctx, names(s))
		s.expect(ctx, api, waitsForRef)
		for _, object := range used[:3] {
			Eventually(func() string { return s.message(ctx, object, v1alpha1.DeletableCondition) }).Should(
				ContainSubstring("its templates can't be rendered"), object.GetName())
		}

		By("naming others")
		s.apply(ctx, s.resource("another"), names(s, "store", "another"))
		s.expect(ctx, used[0], gone)
		Eventually(func() any { return s.lastImport("orders")["resources"] }).Should(ConsistOf(HaveKeyWithValue("name", "another")))

		By("deleting who names them")
		s.remove(ctx, api)
		s.expect(ctx, api, gone)
		for _, object := range used {
			s.expect(ctx, object, gone)
		}
		Expect(s.sim.APIs()).To(BeEmpty())
		Expect(s.groupID("crew")).To(BeEmpty())
	})

	It("let a context follow the Secret with its credentials", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		managed := s.context("ctx", secretRef(made("secret")))
		s.apply(ctx, names(s, "secret", "keys"), managed)
		s.expect(ctx, managed, "InProgress CredentialsMissing")
		s.apply(ctx, s.secret("keys", map[string]string{"username": "admin", "password": "wrong"}))
		s.expect(ctx, managed, contextRefused)
		s.apply(ctx, s.secret("keys", map[string]string{"username": "admin", "password": "admin"}))
		s.expect(ctx, managed, current)
	})

	It("don't let two resources publish one API, which none has published yet", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		first, second := s.api("first", made("ctx"), crossed(made("cross"))), s.api("second", "ctx", crossed("cross-"+s.namespace))
		third := s.api("third", "ctx", crossed(made("cross")))
		s.apply(ctx, names(s, "cross", "cross-"+s.namespace), first, second, third)
		for _, api := range []client.Object{first, second, third} {
			s.expect(ctx, api, waitsForRef)
		}
		s.apply(ctx, s.context("ctx"))
		owner := func() string {
			var owners []string
			for _, api := range []client.Object{first, second, third} {
				if s.verdict(ctx, api) == current {
					owners = append(owners, api.GetName())
				}
			}
			return strings.Join(owners, ",")
		}
		Eventually(owner).ShouldNot(BeEmpty())
		expectIdle(ctx, operator.Operator)
		Expect(s.sim.APIs()).To(HaveLen(1))
		Expect(s.writesSince(0)).To(HaveLen(1), "nobody else has written")
		Expect(owner()).To(BeElementOf("first", "second", "third"))
		winner := owner()
		for _, api := range []client.Object{first, second, third} {
			if api.GetName() != winner {
				s.expect(ctx, api, "Failed OwnedElsewhere")
				Expect(s.message(ctx, api, v1alpha1.ReadyCondition)).To(ContainSubstring(s.namespace + "/" + winner + " already publishes"))
			}
		}

		By("deleting it: one of the others takes its place")
		s.remove(ctx, s.api(winner, "ctx"))
		Eventually(owner).Should(And(Not(BeEmpty()), Not(Equal(winner))))
		expectIdle(ctx, operator.Operator)
		Expect(s.sim.APIs()).To(HaveLen(1))
	})

	It("aren't told when they come from Secrets, and neither is the environment of a context", func(ctx context.Context) {
		const environment, contextName = "tangerine-9917", "plum-heron-2231"
		s := operator.site(ctx, simulator.Options{Environments: []simulator.Place{{Environment: environment}, {Environment: prod}}})
		s.apply(ctx, s.secret("place", map[string]string{"environment": environment, "context": contextName}))
		managed := s.context(contextName, inEnvironment(`[[ secret "place/environment" ]]`))
		api := s.api("orders", `[[ secret "place/context" ]]`, local)
		group := s.group("crew", `[[ secret "place/context" ]]`)
		s.applied(ctx, managed, api, group)
		s.get(ctx, api)
		Expect(api.Status.EnvironmentID).To(HavePrefix("hidden:"))
		Expect(api.Status.Sync.Place.EnvironmentID).To(Equal(api.Status.EnvironmentID))
		Expect(api.Status.Sync.Place.Context).To(HavePrefix("hidden:"))
		Expect(s.published("orders").Environment).To(Equal(environment))
		Expect(s.served(ctx, "orders").Data).To(HaveKeyWithValue("environmentId", environment), "gateways have to know")
		s.expectHidden(ctx, environment)

		By("looking again: it is still the same place")
		mark := s.sim.Mark()
		s.annotate(ctx, api, v1alpha1.ReconcileAtAnnotation, "now")
		Eventually(func() []simulator.Request { return s.readsOf(mark, api.Status.ID) }).ShouldNot(BeEmpty())
		expectIdle(ctx, operator.Operator)
		Expect(s.writesSince(mark)).To(BeEmpty())

		By("deleting the context, which is needed")
		s.remove(ctx, managed)
		Eventually(func() string { return s.message(ctx, managed, v1alpha1.DeletableCondition) }).Should(And(
			ContainSubstring(s.namespace+"/orders"), ContainSubstring("Group "+s.namespace+"/crew")))
		s.remove(ctx, api, group)
		s.expect(ctx, managed, gone)
		Expect(s.sim.APIs()).To(BeEmpty())
		Expect(s.groupID("crew")).To(BeEmpty())
	})

	It("let an API move when the environment in a Secret is another", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{Environments: []simulator.Place{{Environment: dev}, {Environment: prod}}})
		s.apply(ctx, s.secret("place", map[string]string{"environment": dev}))
		api := s.api("orders", "ctx", local)
		s.applied(ctx, s.context("ctx", inEnvironment(`[[ secret "place/environment" ]]`)), api)
		s.get(ctx, api)
		hidden := api.Status.EnvironmentID
		s.apply(ctx, s.secret("place", map[string]string{"environment": prod}))
		Eventually(func() string { s.get(ctx, api); return api.Status.EnvironmentID }).ShouldNot(Equal(hidden))
		s.expect(ctx, api, current)
		Expect(places(s.sim)).To(Equal(map[string]any{prod: "orders service"}))
		Eventually(func() map[string]string { return s.served(ctx, "orders").Data }).Should(HaveKeyWithValue("environmentId", prod))
		Expect(s.warnings(ctx, api)).To(BeEmpty())
	})
})
