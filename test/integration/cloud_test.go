// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/test/simulator"
)

// cloudToken is a token of Gravitee Cloud, but for its signature, which the operator doesn't verify. serial tells tokens apart.
func cloudToken(serial string, expires time.Time, environments ...string) string {
	GinkgoHelper()
	payload, err := json.Marshal(map[string]any{"org": "acme", "envs": environments, "cpg": "eu", "jti": serial, "exp": expires.Unix()})
	Expect(err).NotTo(HaveOccurred())
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + encode(payload) + "." + encode([]byte("signature of "+serial))
}

// cloud makes a context publish to Gravitee Cloud: only its address is given, since these specs have another one.
func cloud(of v1alpha1.Cloud) func(*v1alpha1.ManagementContext) {
	return func(managed *v1alpha1.ManagementContext) {
		managed.Spec.OrganizationID, managed.Spec.EnvironmentID, managed.Spec.Auth = "", "", nil
		managed.Spec.Cloud = &of
	}
}

var _ = Describe("Gravitee Cloud", Ordered, ContinueOnFailure, func() {
	operator := shareOperator()

	var one, two, rotated, expired string
	BeforeAll(func() {
		later := time.Now().Add(24 * time.Hour)
		one, two = cloudToken("one", later, "acme-dev"), cloudToken("two", later, "acme-dev", "acme-prod")
		rotated, expired = cloudToken("rotated", later, "acme-dev"), cloudToken("expired", time.Now().Add(-time.Hour), "acme-dev")
	})

	// No part of a token may come out, whatever a spec did.
	cloudSite := func(ctx context.Context) *site {
		GinkgoHelper()
		s := operator.site(ctx, simulator.Options{
			Environments: []simulator.Place{{Organization: "acme", Environment: "acme-dev"}, {Organization: "acme", Environment: "acme-prod"}},
			Users: []simulator.User{
				{Name: "operator", Password: "none", Role: simulator.RoleAdmin, Tokens: []string{one, two}},
				{Name: "api1", Password: "none", Role: simulator.RoleUser},
			},
		})
		DeferCleanup(func(ctx context.Context) {
			for _, token := range []string{one, two, rotated, expired} {
				parts := strings.Split(token, ".")
				s.expectHidden(ctx, parts[1], parts[2])
			}
		})
		return s
	}
	// hosted checks that every request took the paths of the cloud.
	hosted := func(s *site) {
		GinkgoHelper()
		Expect(s.requests(0, func(r simulator.Request) bool { return !r.Hosted })).To(BeEmpty())
	}

	It("gives organization and environment by the token, and nothing of it is written into the spec", func(ctx context.Context) {
		s := cloudSite(ctx)
		managed := s.context("ctx", cloud(v1alpha1.Cloud{Token: one}))
		api, group := s.api("orders", "ctx", usesGroup("crew")), s.group("crew", "ctx")
		s.applied(ctx, managed, group, api)
		s.get(ctx, api)
		Expect(api.Status.OrganizationID + "/" + api.Status.EnvironmentID).To(Equal("acme/acme-dev"))
		Expect(s.published("orders").Environment).To(Equal("acme-dev"))
		Expect(s.sim.Groups()).To(ConsistOf(HaveField("Environment", "acme-dev")))
		hosted(s)
		s.get(ctx, managed)
		Expect(managed.Generation).To(BeEquivalentTo(1))
		Expect([]string{managed.Spec.OrganizationID, managed.Spec.EnvironmentID}).To(Equal([]string{"", ""}))
		Expect(managed.Status.Server.OrganizationID + "/" + managed.Status.Server.EnvironmentID).To(Equal("acme/acme-dev"))
		s.remove(ctx, api, group)
		s.expect(ctx, api, gone)
		s.expect(ctx, group, gone)
		Expect(s.sim.APIs()).To(BeEmpty())
	})

	It("takes the token from the key cloudToken of a Secret, waits for it, and follows it", func(ctx context.Context) {
		s := cloudSite(ctx)
		managed, api := s.context("ctx", cloud(v1alpha1.Cloud{SecretRef: &v1alpha1.Reference{Name: "cloud"}})), s.api("orders", "ctx")
		s.apply(ctx, managed, api)
		s.expect(ctx, managed, credentialsMissing)
		s.apply(ctx, s.secret("cloud", map[string]string{"bearerToken": one}))
		Eventually(func() string { return s.message(ctx, managed, v1alpha1.ReadyCondition) }).Should(
			ContainSubstring("Secret " + s.namespace + "/cloud lacks the key cloudToken"))
		s.expect(ctx, managed, credentialsMissing)
		s.apply(ctx, s.secret("cloud", map[string]string{"cloudToken": one}))
		s.expect(ctx, managed, current)
		s.expect(ctx, api, current)

		By("rotating it")
		mark := s.sim.Mark()
		s.sim.SetUser(simulator.User{Name: "operator", Role: simulator.RoleAdmin, Tokens: []string{rotated}})
		s.apply(ctx, s.secret("cloud", map[string]string{"cloudToken": rotated}))
		Eventually(func() []simulator.Request { return s.listingsSince(mark) }).ShouldNot(BeEmpty())
		s.expect(ctx, managed, current)
		s.applied(ctx, s.api("orders", "ctx", described("changed")))
		Expect(s.writesSince(mark)).To(HaveLen(1))
		hosted(s)
	})

	It("asks for the environment where a token has several, and refuses one that isn't the token's", func(ctx context.Context) {
		s := cloudSite(ctx)
		managed, api := s.context("ctx", cloud(v1alpha1.Cloud{Token: two})), s.api("orders", "ctx")
		s.apply(ctx, managed, api)
		s.expect(ctx, managed, "Failed IllegalStateError")
		Expect(s.message(ctx, managed, v1alpha1.StalledCondition)).To(And(
			ContainSubstring("spec.environmentId"), ContainSubstring("2 environments"), ContainSubstring("acme-dev or acme-prod")))
		s.expect(ctx, api, awaitsContext)
		s.apply(ctx, s.context("ctx", cloud(v1alpha1.Cloud{Token: two}), inEnvironment("elsewhere")))
		Eventually(func() string { return s.message(ctx, managed, v1alpha1.StalledCondition) }).Should(And(
			ContainSubstring(`spec.environmentId: "elsewhere" isn't an environment of the token`), ContainSubstring("acme-dev or acme-prod")))
		Expect(s.sim.Requests()).To(BeEmpty())
		s.apply(ctx, s.context("ctx", cloud(v1alpha1.Cloud{Token: two}), inEnvironment("acme-prod")))
		s.expect(ctx, api, current)
		Expect(s.published("orders").Environment).To(Equal("acme-prod"))

		By("naming another organization, which is the token's all the same")
		s.apply(ctx, s.context("ctx", cloud(v1alpha1.Cloud{Token: two}), inEnvironment("acme-prod"), func(m *v1alpha1.ManagementContext) {
			m.Spec.OrganizationID = "others"
		}))
		s.applied(ctx, s.api("orders", "ctx", described("still acme's")))
		Expect(s.sim.APIs()).To(ConsistOf(HaveField("Organization", "acme")))
		hosted(s)
	})

	DescribeTable("says what is wrong with a token, and never shows it",
		func(ctx context.Context, token func() string, words string) {
			s := cloudSite(ctx)
			managed := s.context("ctx", cloud(v1alpha1.Cloud{Token: token()}))
			s.apply(ctx, managed)
			s.expect(ctx, managed, "Failed IllegalStateError")
			Expect(s.message(ctx, managed, v1alpha1.StalledCondition)).To(And(ContainSubstring("spec.cloud.token"), ContainSubstring(words)))
			Expect(s.sim.Requests()).To(BeEmpty())
			s.applied(ctx, s.context("ctx", cloud(v1alpha1.Cloud{Token: one})))
		},
		Entry("expired", func() string { return expired }, "expired"),
		Entry("cut off", func() string { return one[:len(one)/2] }, "JSON Web Token"),
		Entry("with a line break", func() string { return one + "\n" }, "white space"),
		Entry("for no environment", func() string { return cloudToken("none", time.Now().Add(time.Hour)) }, "claim envs"),
		Entry("that leads to another host", func() string {
			parts := strings.Split(one, ".")
			payload := base64.RawURLEncoding.EncodeToString([]byte(`{"org":"acme","envs":["acme-dev"],"cpg":"evil.example/"}`))
			return parts[0] + "." + payload + "." + parts[2]
		}, "claim cpg"),
	)

	It("refuses a token that the management API doesn't accept, as any credentials", func(ctx context.Context) {
		s := cloudSite(ctx)
		managed := s.context("ctx", cloud(v1alpha1.Cloud{Token: rotated}))
		s.apply(ctx, managed)
		s.expect(ctx, managed, contextRefused)
		hosted(s)
	})
})
