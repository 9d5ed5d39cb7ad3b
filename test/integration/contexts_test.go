// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/test/simulator"
)

// Secrets of these specs can be told from all other text.
const (
	firstPassword  = "quartz-lantern-4711"
	secondPassword = "copper-violin-0815"
	wrongPassword  = "velvet-anchor-1234"
	personalToken  = "marble-compass-9876"
)

const credentialsMissing = "InProgress CredentialsMissing"

// guarded is an installation whose only administrators have those passwords and that token.
func guarded() simulator.Options {
	return simulator.Options{Users: []simulator.User{
		{Name: "keeper", Password: firstPassword, Role: simulator.RoleAdmin, Tokens: []string{personalToken}},
		{Name: "deputy", Password: secondPassword, Role: simulator.RoleAdmin},
	}}
}

func isLogin(r simulator.Request) bool { return strings.HasSuffix(r.Path, "/user/login") }

// schemes counts how requests other than logins were authenticated.
func (s *site) schemes(mark int) map[string]int {
	counts := map[string]int{}
	for _, r := range s.requests(mark, func(r simulator.Request) bool { return !isLogin(r) }) {
		counts[r.Scheme]++
	}
	return counts
}

var sessionToken = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{5,}`)

// expectNoSecret checks text that leaves the operator.
func expectNoSecret(what, text string) {
	GinkgoHelper()
	for _, secret := range []string{firstPassword, secondPassword, wrongPassword, personalToken} {
		Expect(strings.Contains(text, secret)).To(BeFalse(), "%s tells %q", what, secret)
		for _, user := range []string{"keeper", "deputy"} {
			encoded := base64.StdEncoding.EncodeToString([]byte(user + ":" + secret))
			Expect(strings.Contains(text, encoded)).To(BeFalse(), "%s tells the credentials of %s", what, user)
		}
	}
	Expect(sessionToken.FindString(text)).To(BeEmpty(), "%s tells a session token", what)
}

var _ = Describe("Contexts and their credentials", Ordered, ContinueOnFailure, func() {
	operator := shareOperator()

	// Whatever a spec did, nothing secret may have come out of the operator.
	guardedSite := func(ctx context.Context) *site {
		GinkgoHelper()
		s := operator.site(ctx, guarded())
		DeferCleanup(func(ctx context.Context) {
			log, err := os.ReadFile(operator.LogPath)
			Expect(err).NotTo(HaveOccurred())
			expectNoSecret("the log", string(log))
			expectNoSecret("an event", strings.Join(s.events(ctx, ""), "\n"))
			_, metrics, err := fetch(ctx, operator.MetricsURL)
			Expect(err).NotTo(HaveOccurred())
			expectNoSecret("a metric", metrics)
			var contexts v1alpha1.ManagementContextList
			var apis v1alpha1.ApiDefinitionList
			Expect(s.cluster.Client.List(ctx, &contexts, client.InNamespace(s.namespace))).To(Succeed())
			Expect(s.cluster.Client.List(ctx, &apis, client.InNamespace(s.namespace))).To(Succeed())
			for i := range contexts.Items {
				status, err := yaml.Marshal(contexts.Items[i].Status)
				Expect(err).NotTo(HaveOccurred())
				expectNoSecret("the status of a context", string(status))
			}
			for i := range apis.Items {
				api := &apis.Items[i]
				status, err := yaml.Marshal(struct{ Status, Metadata any }{api.Status, api.Annotations})
				Expect(err).NotTo(HaveOccurred())
				expectNoSecret("the status of an API", string(status))
			}
		})
		return s
	}

	It("wakes what was there first: APIs, then their context, then its Secret", func(ctx context.Context) {
		s := guardedSite(ctx)
		var apis []*v1alpha1.ApiDefinition
		for i := range 3 {
			apis = append(apis, s.api(fmt.Sprintf("orders-%d", i), "ctx"))
			s.apply(ctx, apis[i])
			s.expect(ctx, apis[i], "InProgress ReferenceNotResolved")
		}
		managed := s.context("ctx", secretRef("apim"))
		s.apply(ctx, managed)
		s.expect(ctx, managed, credentialsMissing)
		Expect(s.message(ctx, managed, "Ready")).To(ContainSubstring(s.namespace + "/apim"))
		s.apply(ctx, s.secret("apim", map[string]string{"username": "keeper", "password": firstPassword}))
		s.expect(ctx, managed, current)
		for _, api := range apis {
			s.expect(ctx, api, current)
		}
		Expect(s.sim.APIs()).To(HaveLen(3))
		Expect(s.sim.Writes()).To(HaveLen(3))
	})

	It("recovers everything that waits for a Secret when its keys come, and when the right ones come (case 84)", func(ctx context.Context) {
		s := guardedSite(ctx)
		managed := s.context("ctx", secretRef("apim"))
		s.apply(ctx, s.secret("apim", map[string]string{"user": "keeper"}), managed)
		s.expect(ctx, managed, credentialsMissing)
		Expect(s.message(ctx, managed, "Ready")).To(And(ContainSubstring("bearerToken"), ContainSubstring("password")))
		var apis []*v1alpha1.ApiDefinition
		for i := range 5 {
			apis = append(apis, s.api(fmt.Sprintf("orders-%d", i), "ctx"))
			s.apply(ctx, apis[i])
		}
		for _, api := range apis {
			s.expect(ctx, api, awaitsContext)
		}
		s.apply(ctx, s.secret("apim", map[string]string{"username": "keeper", "password": wrongPassword}))
		s.expect(ctx, managed, "Failed Unauthorized")
		Expect(s.sim.Writes()).To(BeEmpty())
		s.apply(ctx, s.secret("apim", map[string]string{"username": "keeper", "password": firstPassword}))
		s.expect(ctx, managed, current)
		for _, api := range apis {
			s.expect(ctx, api, current)
		}
		Expect(s.sim.Writes()).To(HaveLen(5))
	})

	It("follows a rotated password, and holds APIs back while it is refused", func(ctx context.Context) {
		s := guardedSite(ctx)
		s.apply(ctx, s.secret("apim", map[string]string{"username": "keeper", "password": firstPassword}))
		managed := s.context("ctx", secretRef("apim"))
		s.ready(ctx, managed)
		api := s.api("orders", "ctx")
		s.apply(ctx, api)
		s.expect(ctx, api, current)

		s.sim.SetUser(simulator.User{Name: "keeper", Password: secondPassword, Role: simulator.RoleAdmin})
		s.sim.RevokeSessions()
		s.apply(ctx, s.api("orders", "ctx", described("with the old password")))
		s.expect(ctx, managed, "Failed Unauthorized")
		s.expect(ctx, api, awaitsContext)
		Expect(s.sim.Writes()).To(HaveLen(1))

		s.apply(ctx, s.secret("apim", map[string]string{"username": "keeper", "password": secondPassword}))
		s.expect(ctx, managed, current)
		s.expect(ctx, api, current)
		s.expectOne(ctx, api)
		Expect(s.sim.APIs()[0].Definition).To(HaveKeyWithValue("description", "with the old password"))
	})

	It("keeps what it said about APIs in step while their Secret is away", func(ctx context.Context) {
		s := guardedSite(ctx)
		secret := s.secret("apim", map[string]string{"username": "keeper", "password": firstPassword})
		s.apply(ctx, secret)
		managed, api := s.context("ctx", secretRef("apim")), s.api("orders", "ctx")
		s.apply(ctx, managed, api)
		s.expect(ctx, api, current)
		expectIdle(ctx, operator.Operator)
		version := s.get(ctx, api).GetResourceVersion()
		mark := s.sim.Mark()
		Expect(s.cluster.Client.Delete(ctx, secret)).To(Succeed())
		s.expect(ctx, managed, credentialsMissing)
		expectIdle(ctx, operator.Operator)
		s.expect(ctx, api, current)
		s.apply(ctx, s.secret("apim", map[string]string{"username": "keeper", "password": firstPassword}))
		s.expect(ctx, managed, current)
		Eventually(func() []simulator.Request { return s.listingsSince(mark) }).ShouldNot(BeEmpty(), "what happened meanwhile shows")
		expectIdle(ctx, operator.Operator)
		Expect(s.get(ctx, api).GetResourceVersion()).To(Equal(version))
		Expect(s.writesSince(mark)).To(BeEmpty())
	})

	DescribeTable("exchanges credentials once for a session, and uses nothing else from then on",
		func(ctx context.Context, auth *v1alpha1.Auth, data map[string]string, scheme string) {
			s := guardedSite(ctx)
			if data != nil {
				s.apply(ctx, s.secret("apim", data))
			}
			managed := s.context("ctx", func(m *v1alpha1.ManagementContext) { m.Spec.Auth = auth })
			s.ready(ctx, managed)
			api := s.api("orders", "ctx")
			s.apply(ctx, api)
			s.expect(ctx, api, current)
			logins := s.requests(0, isLogin)
			Expect(logins).To(HaveLen(1))
			Expect(logins[0].Scheme).To(Equal(scheme))
			Expect(s.schemes(0)).To(And(HaveLen(1), HaveKey("Session")))
			Expect(managed.Status.Server).To(BeNil(), "the object in memory is the one that was applied")
			s.get(ctx, managed)
			Expect(managed.Status.Server).NotTo(BeNil())
			Expect(managed.Status.Server.User).To(Equal("keeper"))
			Expect(managed.Status.Server.EnvironmentID).To(Equal("DEFAULT"))
			Expect(managed.Status.Server.EnvironmentName).NotTo(BeEmpty())
		},
		Entry("password in the context", &v1alpha1.Auth{Credentials: &v1alpha1.BasicAuth{Username: "keeper", Password: firstPassword}}, nil, "Basic"),
		Entry("token in the context", &v1alpha1.Auth{BearerToken: personalToken}, nil, "Token"),
		Entry("password in a Secret", &v1alpha1.Auth{SecretRef: &v1alpha1.Reference{Name: "apim"}},
			map[string]string{"username": "keeper", "password": firstPassword}, "Basic"),
		Entry("token in a Secret", &v1alpha1.Auth{SecretRef: &v1alpha1.Reference{Name: "apim"}},
			map[string]string{"bearerToken": personalToken + "\n"}, "Token"),
	)

	It("goes on with plain credentials where the login isn't offered", func(ctx context.Context) {
		s := guardedSite(ctx)
		s.sim.SetLogin(false)
		s.ready(ctx, s.context("ctx", basicAuth("keeper", firstPassword)))
		api := s.api("orders", "ctx")
		s.apply(ctx, api)
		s.expect(ctx, api, current)
		Expect(s.schemes(0)).To(And(HaveLen(1), HaveKey("Basic")))
		Expect(s.requests(0, isLogin)).To(HaveLen(1), "it isn't asked for again each time")
	})

	It("renews a revoked session without anybody noticing", func(ctx context.Context) {
		s := guardedSite(ctx)
		managed := s.context("ctx", basicAuth("keeper", firstPassword))
		s.ready(ctx, managed)
		api := s.api("orders", "ctx")
		s.apply(ctx, api)
		s.expect(ctx, api, current)
		mark := s.sim.Mark()
		s.sim.RevokeSessions()
		s.apply(ctx, s.api("orders", "ctx", described("revoked")))
		s.expect(ctx, api, current)
		s.expectOne(ctx, api)
		Expect(s.requests(mark, isLogin)).To(HaveLen(1))
		Expect(s.requests(mark, func(r simulator.Request) bool { return r.Status == http.StatusUnauthorized })).To(HaveLen(1))
		Expect(s.writesSince(mark)).To(HaveLen(1))
		Eventually(func() []string { return s.events(ctx, "orders") }).Should(ContainElement(ContainSubstring("wanted state changed")))
		Expect(s.events(ctx, "")).NotTo(ContainElement(HavePrefix("Warning")))
	})

	It("looks at its APIs again when a context is edited, and writes nothing when nothing differs", func(ctx context.Context) {
		s := guardedSite(ctx)
		s.ready(ctx, s.context("ctx", basicAuth("keeper", firstPassword)))
		api := s.api("orders", "ctx")
		s.apply(ctx, api)
		s.expect(ctx, api, current)
		s.get(ctx, api)
		mark := s.sim.Mark()
		managed := s.context("ctx", basicAuth("deputy", secondPassword))
		s.apply(ctx, managed)
		Eventually(func() []simulator.Request { return s.listingsSince(mark) }).ShouldNot(BeEmpty())
		Expect(s.listingsSince(mark)[0].User).To(Equal("deputy"))
		expectIdle(ctx, operator.Operator)
		s.expect(ctx, api, current)
		Expect(s.writesSince(mark)).To(BeEmpty())
		s.get(ctx, managed)
		Expect(managed.Status.Server.User).To(Equal("deputy"))
	})

	It("refuses a type of management API that it doesn't know, and names the field", func(ctx context.Context) {
		s := guardedSite(ctx)
		managed := s.context("ctx", func(m *v1alpha1.ManagementContext) { m.Spec.Type = "abacus" })
		api := s.api("orders", "ctx")
		s.apply(ctx, managed, api)
		Eventually(func() string { return s.verdict(ctx, managed) }).Should(HavePrefix("Failed "))
		Expect(s.message(ctx, managed, v1alpha1.StalledCondition)).To(And(ContainSubstring("spec.type"), ContainSubstring("abacus")))
		s.expect(ctx, api, awaitsContext)
		Expect(s.sim.Requests()).To(BeEmpty())
		s.apply(ctx, s.context("ctx", basicAuth("keeper", firstPassword), func(m *v1alpha1.ManagementContext) { m.Spec.Type = "gravitee" }))
		s.expect(ctx, api, current)
	})

	It("doesn't repeat secrets that a management API puts into its answers", func(ctx context.Context) {
		s := guardedSite(ctx)
		s.ready(ctx, s.context("ctx", basicAuth("keeper", firstPassword)))
		encoded := base64.StdEncoding.EncodeToString([]byte("keeper:" + firstPassword))
		s.sim.Inject(importAnswers(http.StatusBadRequest,
			`{"message":"refused: password `+firstPassword+`, header Basic `+encoded+`, token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"}`))
		api := s.api("orders", "ctx")
		s.apply(ctx, api)
		s.expect(ctx, api, refused)
		Expect(s.message(ctx, api, "Ready")).To(ContainSubstring("refused: password"))
		Eventually(func() []string { return s.events(ctx, "orders") }).Should(ContainElement(ContainSubstring("refused: password")))
	})
})
