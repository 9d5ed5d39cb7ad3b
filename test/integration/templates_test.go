// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/test/simulator"
)

// What templates look up in these specs can be told from all other text.
const (
	firstValue  = "ochre-walnut-5521"
	secondValue = "azure-thistle-7788"
	hiddenPath  = "/umber-falcon-3344"
)

// Verdicts on templates.
const (
	badTemplate = "Failed CompileTemplateError"
	pathExists  = "Failed PathExists"
)

// expectHidden checks that a value is nowhere in what the operator says: statuses and annotations of its objects, events, metrics and
// its log.
func (s *site) expectHidden(ctx context.Context, values ...string) {
	GinkgoHelper()
	log, err := os.ReadFile(s.operator.LogPath)
	Expect(err).NotTo(HaveOccurred())
	_, metrics, err := fetch(ctx, s.operator.MetricsURL)
	Expect(err).NotTo(HaveOccurred())
	said := map[string]string{"the log": string(log), "a metric": metrics, "an event": strings.Join(s.events(ctx, ""), "\n")}
	for _, list := range ourKinds() {
		Expect(s.cluster.Client.List(ctx, list, client.InNamespace(s.namespace))).To(Succeed())
		Expect(meta.EachListItem(list, func(item runtime.Object) error {
			content, err := toMap(item)
			object, _ := item.(client.Object)
			content["spec"], content["metadata"] = nil, object.GetAnnotations()
			text, _ := json.Marshal(content)
			said["the status of "+object.GetName()] += string(text)
			return err
		})).To(Succeed())
	}
	for _, value := range values {
		encoded := base64.StdEncoding.EncodeToString([]byte(value))
		for what, text := range said {
			Expect(strings.Contains(text, value)).To(BeFalse(), "%s tells %q", what, value)
			Expect(strings.Contains(text, encoded)).To(BeFalse(), "%s tells %q in base64", what, value)
		}
	}
}

// fields changes a spec in its JSON form: what is in no other place is easier said so.
func fields(text string) func(*v1alpha1.ApiDefinition) {
	return func(api *v1alpha1.ApiDefinition) {
		GinkgoHelper()
		Expect(json.Unmarshal([]byte(text), &api.Spec)).To(Succeed())
	}
}

func atPath(path string) func(*v1alpha1.ApiDefinition) {
	return func(api *v1alpha1.ApiDefinition) { api.Spec.Proxy.VirtualHosts[0].Path = path }
}

var _ = Describe("Templates", Ordered, ContinueOnFailure, func() {
	operator := shareOperator()

	// hiding makes a site where the values stand in the Secret "source" and the ConfigMap "conf", and are said by nobody in the end.
	hiding := func(ctx context.Context, options simulator.Options) *site {
		GinkgoHelper()
		s := operator.site(ctx, options)
		s.apply(ctx, s.secret("source", map[string]string{"value": firstValue, "path": hiddenPath}))
		DeferCleanup(func(ctx context.Context) { s.expectHidden(ctx, firstValue, secondValue, hiddenPath) })
		return s
	}

	It("are rendered in every string of an API, wherever it stands", func(ctx context.Context) {
		s := hiding(ctx, simulator.Options{})
		s.apply(ctx, s.configMap("conf", map[string]string{"target": "http://127.0.0.1:1/from-conf", "crew": "crew"}))
		api := s.api("orders", "ctx", fields(`{
			"name": "orders", "description": "before [[ secret `+"`source/value`"+` ]] after [[ \"[[\" ]]",
			"labels": ["[[ secret \"source/value\" ]]"], "path_mappings": ["[[ secret \"source/path\" ]]/:id"],
			"proxy": {
				"virtual_hosts": [{"path": "[[ secret \"source/path\" ]]"}],
				"groups": [{"name": "main", "endpoints": [{"name": "one", "target": "[[ configmap \"conf/target\" ]]"}]}]
			},
			"plans": [{"name": "open", "description": "[[ printf \"%s!\" (secret \"source/value\") ]]", "security": "KEY_LESS"}],
			"properties": [{"key": "k", "value": "[[ secret \"source/value\" ]]"}],
			"metadata": [{"key": "m", "name": "m", "format": "STRING", "value": "[[ secret \"source/value\" ]]"}],
			"pages": {"home": {"name": "Home", "type": "MARKDOWN", "visibility": "PUBLIC", "content": "# [[ secret \"source/value\" ]]"}},
			"response_templates": {"DEFAULT": {"*/*": {"status": 400, "body": "[[ secret \"source/value\" ]]"}}},
			"groups": ["[[ configmap \"conf/crew\" ]]"],
			"flows": [{"name": "f", "enabled": true, "path-operator": {"path": "/", "operator": "STARTS_WITH"}, "pre": [{
				"name": "h", "policy": "transform-headers", "enabled": true,
				"configuration": {"scope": "REQUEST", "addHeaders": [{"name": "X-Token", "value": "Bearer [[ secret \"source/value\" ]]"}]}
			}]}]
		}`))
		s.applied(ctx, s.context("ctx"), s.group("crew", "ctx"))
		s.applied(ctx, api)
		sent := s.lastImport("orders")
		text, err := json.Marshal(sent)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(text)).NotTo(ContainSubstring("[[ "), "nothing is left to render")
		Expect(sent["description"]).To(Equal("before " + firstValue + " after [["))
		Expect(sent["labels"]).To(ConsistOf(firstValue))
		Expect(sent["path_mappings"]).To(ConsistOf(hiddenPath + "/:id"))
		Expect(strings.Count(string(text), firstValue)).To(Equal(8), "%s", text)
		Expect(string(text)).To(And(ContainSubstring("http://127.0.0.1:1/from-conf"), ContainSubstring(firstValue+"!"), ContainSubstring(`"`+hiddenPath+`"`)))
		Expect(s.published("orders").Groups).To(ConsistOf(s.groupID("crew")))

		By("looking at what is stored")
		s.get(ctx, api)
		Expect(api.Generation).To(BeEquivalentTo(1))
		Expect(api.Spec.Description).To(Equal("before [[ secret `source/value` ]] after [[ \"[[\" ]]"))
		Expect(s.published("orders").Plans).To(HaveLen(1))
	})

	It("are rendered in contexts, ApiResources, Groups and Notifications", func(ctx context.Context) {
		s := hiding(ctx, simulator.Options{Users: []simulator.User{
			{Name: "keeper", Password: firstValue, Role: simulator.RoleAdmin}, {Name: "api1", Password: "x", Role: simulator.RoleUser},
		}})
		s.apply(ctx, s.configMap("conf", map[string]string{"url": s.url, "organization": "DEFAULT", "member": "api1", "crew": "the crew"}))
		managed := s.context("ctx", func(m *v1alpha1.ManagementContext) {
			m.Spec.BaseUrl, m.Spec.OrganizationID = `[[ configmap "conf/url" ]]`, `[[ configmap "conf/organization" ]]`
			m.Spec.Auth.Credentials = &v1alpha1.BasicAuth{Username: "keeper", Password: `[[ secret "source/value" ]]`}
		})
		group := s.group("crew", "ctx", named(`[[ configmap "conf/crew" ]]`), func(g *v1alpha1.Group) {
			g.Spec.Members[0].SourceID = `[[ configmap "conf/member" ]]`
		})
		bell := s.notification("bell", func(n *v1alpha1.Notification) { n.Spec.Console.Groups = []string{`[[ configmap "conf/crew" ]]`} })
		store := s.resource("store", configured(`{"deep":[{"er":"[[ secret \"source/value\" ]]"}]}`))
		api := s.api("orders", "ctx", usesResource("store"), usesGroup("crew"), usesNotification("bell"))
		s.applied(ctx, managed, group, bell, store, api)
		Expect(s.lastImport("orders")["resources"]).To(ConsistOf(HaveKeyWithValue("configuration",
			map[string]any{"deep": []any{map[string]any{"er": firstValue}}})))
		Expect(s.sim.Groups()).To(ConsistOf(And(HaveField("Name", "the crew"), HaveField("Members", HaveKey("api1")))))
		Expect(s.published("orders").Groups).To(ConsistOf(s.groupID("the crew")))
		Expect(s.published("orders").Notification["groups"]).To(ConsistOf("the crew"))
		for _, object := range []client.Object{managed, group, bell, store, api} {
			Expect(s.get(ctx, object).GetGeneration()).To(BeEquivalentTo(1), "%T", object)
		}
	})

	It("may name what an object refers to", func(ctx context.Context) {
		s := hiding(ctx, simulator.Options{})
		s.apply(ctx, s.configMap("conf", map[string]string{"context": "ctx", "store": "store", "crew": "crew"}))
		s.applied(ctx, s.context("ctx"), s.resource("store"))
		group := s.group("crew", `[[ configmap "conf/context" ]]`)
		api := s.api("orders", `[[ configmap "conf/context" ]]`, usesResource(`[[ configmap "conf/store" ]]`), usesGroup(`[[ configmap "conf/crew" ]]`))
		s.applied(ctx, group)
		s.applied(ctx, api)
		Expect(s.lastImport("orders")["resources"]).To(ConsistOf(HaveKeyWithValue("name", "store")))
		Expect(s.published("orders").Groups).To(ConsistOf(s.groupID("crew")))
		s.applied(ctx, s.api("orders", `[[ configmap "conf/context" ]]`, described("changed")))
		Expect(s.published("orders").Definition["description"]).To(Equal("changed"))
		s.remove(ctx, api, group, s.context("ctx"))
		for _, object := range []client.Object{api, group, s.context("ctx")} {
			s.expect(ctx, object, gone)
		}
		Expect(s.sim.APIs()).To(BeEmpty())
		Expect(s.sim.Groups()).To(BeEmpty())
	})

	It("look things up where the object is that has them", func(ctx context.Context) {
		s := hiding(ctx, simulator.Options{})
		other := makeNamespace(ctx, east)
		s.apply(ctx, s.configMap("conf", map[string]string{"where": "near"}))
		there := s.configMap("conf", map[string]string{"where": "far"})
		there.Namespace = other
		s.apply(ctx, there)
		s.applied(ctx, s.context("ctx"), s.resource("store", elsewhere[*v1alpha1.ApiResource](other), configured(`{"where":"[[ configmap \"conf/where\" ]]"}`)))
		s.applied(ctx, s.api("orders", "ctx", usesResource(other+"/store"), described(`[[ configmap "conf/where" ]]`)))
		Expect(s.lastImport("orders")["description"]).To(Equal("near"))
		Expect(s.lastImport("orders")["resources"]).To(ConsistOf(HaveKeyWithValue("configuration", map[string]any{"where": "far"})))
	})

	It("follow their sources: what changes is published at once, and nothing else is", func(ctx context.Context) {
		s := hiding(ctx, simulator.Options{})
		s.apply(ctx, s.configMap("conf", map[string]string{"note": "one"}))
		s.applied(ctx, s.context("ctx"), s.resource("store", configured(`{"key":"[[ secret \"source/value\" ]]"}`)),
			s.group("crew", "ctx", named(`crew [[ configmap "conf/note" ]]`)),
			s.notification("bell", func(n *v1alpha1.Notification) { n.Spec.Console.Groups = []string{`[[ configmap "conf/note" ]]`} }))
		direct := s.api("direct", "ctx", described(`[[ secret "source/value" ]]`))
		s.applied(ctx, direct, s.api("through", "ctx", usesResource("store")), s.api("told", "ctx", usesNotification("bell")), s.api("plain", "ctx"),
			s.api("computed", "ctx", described(`[[ secret (printf "%s/%s" "source" "value") ]]`)))
		expectIdle(ctx, operator.Operator)

		By("rotating the Secret")
		mark := s.sim.Mark()
		s.apply(ctx, s.secret("source", map[string]string{"value": secondValue, "path": hiddenPath}))
		Eventually(func() any { return s.published("direct").Definition["description"] }).Should(Equal(secondValue))
		Eventually(func() any { return s.published("computed").Definition["description"] }).Should(Equal(secondValue))
		Eventually(func() any { return s.lastImport("through")["resources"] }).Should(ConsistOf(HaveKeyWithValue("configuration", map[string]any{"key": secondValue})))
		expectIdle(ctx, operator.Operator)
		Expect(s.writesSince(mark)).To(HaveLen(3))
		Eventually(func() []string { return s.events(ctx, "direct") }).Should(ContainElement(ContainSubstring("the wanted state changed")))
		Expect(s.get(ctx, direct).GetGeneration()).To(BeEquivalentTo(1))

		By("changing the ConfigMap")
		mark = s.sim.Mark()
		s.apply(ctx, s.configMap("conf", map[string]string{"note": "two"}))
		Eventually(func() string { return s.groupID("crew two") }).ShouldNot(BeEmpty())
		Eventually(func() any { return s.published("told").Notification["groups"] }).Should(ConsistOf("two"))
		expectIdle(ctx, operator.Operator)
		Expect(s.writesSince(mark)).To(HaveLen(2))

		By("changing keys that nobody mentions")
		mark = s.sim.Mark()
		s.apply(ctx, s.secret("source", map[string]string{"value": secondValue, "path": hiddenPath, "more": "x"}),
			s.configMap("conf", map[string]string{"note": "two", "more": "x"}))
		s.applied(ctx, s.api("plain", "ctx", described("seen"))) // watches keep the order of changes
		expectIdle(ctx, operator.Operator)
		Expect(s.writesSince(mark)).To(HaveLen(1))
	})

	It("let a context follow its sources", func(ctx context.Context) {
		s := hiding(ctx, simulator.Options{Users: []simulator.User{{Name: "keeper", Password: firstValue, Role: simulator.RoleAdmin}}})
		managed := s.context("ctx", basicAuth("keeper", `[[ secret "source/value" ]]`))
		api := s.api("orders", "ctx")
		s.applied(ctx, managed, api)
		s.sim.SetUser(simulator.User{Name: "keeper", Password: secondValue, Role: simulator.RoleAdmin})
		s.sim.RevokeSessions()
		s.apply(ctx, s.api("orders", "ctx", described("with the old one")))
		s.expect(ctx, managed, contextRefused)
		s.expect(ctx, api, awaitsContext)
		s.apply(ctx, s.secret("source", map[string]string{"value": secondValue}))
		s.expect(ctx, managed, current)
		s.expect(ctx, api, current)
		Expect(s.published("orders").Definition["description"]).To(Equal("with the old one"))
	})

	DescribeTable("wait for a source that is missing, fail on a key that is, and go on when the source is complete (case 29)",
		func(ctx context.Context, make func(*site) client.Object, field string) {
			s := hiding(ctx, simulator.Options{})
			s.ready(ctx, s.context("ctx"))
			mark := s.sim.Mark()
			object := make(s)
			s.apply(ctx, object)
			s.expect(ctx, object, waitsForRef)
			Expect(s.message(ctx, object, v1alpha1.ReadyCondition)).To(And(
				ContainSubstring(field), ContainSubstring("Secret "+s.namespace+"/late doesn't exist")))
			resolved := s.conditionOf(ctx, object, v1alpha1.ResolvedRefsCondition)
			Expect(resolved.Status).To(Equal(metav1.ConditionFalse))

			By("creating it without the key")
			s.apply(ctx, s.secret("late", map[string]string{"other": "x", "text": ""}))
			s.expect(ctx, object, badTemplate)
			Expect(s.message(ctx, object, v1alpha1.ReadyCondition)).To(And(
				ContainSubstring(field), ContainSubstring("key text of Secret "+s.namespace+"/late is missing or empty")))
			Expect(s.conditionOf(ctx, object, v1alpha1.AcceptedCondition).Reason).To(Equal("CompileTemplateError"))
			Expect(s.writesSince(mark)).To(BeEmpty())

			By("adding the key")
			s.apply(ctx, s.secret("late", map[string]string{"text": "admin"}))
			s.expect(ctx, object, current)

			By("deleting an object whose source is gone")
			s.remove(ctx, s.secret("late", nil))
			s.expect(ctx, object, waitsForRef)
			s.remove(ctx, object)
			s.expect(ctx, object, gone)
			Expect(s.sim.APIs()).To(BeEmpty())
			Expect(s.sim.Groups()).To(BeEmpty())
		},
		Entry("of an API", func(s *site) client.Object { return s.api("orders", "ctx", described(`[[ secret "late/text" ]]`)) }, "spec.description"),
		Entry("of a context", func(s *site) client.Object { return s.context("other", basicAuth("admin", `[[ secret "late/text" ]]`)) },
			"spec.auth.credentials.password"),
		Entry("of an ApiResource", func(s *site) client.Object {
			return s.resource("store", configured(`{"a":"[[ secret \"late/text\" ]]"}`))
		},
			"spec.configuration.a"),
		Entry("of a Group", func(s *site) client.Object { return s.group("crew", "ctx", named(`[[ secret "late/text" ]]`)) }, "spec.name"),
		Entry("of a Notification", func(s *site) client.Object {
			return s.notification("bell", func(n *v1alpha1.Notification) { n.Spec.Console.Groups = []string{`[[ secret "late/text" ]]`} })
		}, "spec.console.groups[0]"),
	)

	It("wait for the source of what an API refers to, which names both", func(ctx context.Context) {
		s := hiding(ctx, simulator.Options{})
		api := s.api("orders", "ctx", usesResource("store"))
		s.applied(ctx, s.context("ctx"))
		s.apply(ctx, s.resource("store", configured(`{"a":"[[ secret \"late/text\" ]]"}`)), api)
		s.expect(ctx, api, waitsForRef)
		Expect(s.message(ctx, api, v1alpha1.ReadyCondition)).To(And(
			ContainSubstring("spec.resources[0].ref: ApiResource "+s.namespace+"/store"), ContainSubstring("Secret "+s.namespace+"/late doesn't exist")))
		s.apply(ctx, s.secret("late", map[string]string{"text": firstValue}))
		s.expect(ctx, api, current)
	})

	It("write nothing to their sources, which may be deleted and made again", func(ctx context.Context) {
		s := hiding(ctx, simulator.Options{})
		source, conf := s.secret("plain", map[string]string{"a": firstValue}), s.configMap("conf", map[string]string{"a": "b"})
		s.apply(ctx, source, conf)
		before := []string{s.get(ctx, source).GetResourceVersion(), s.get(ctx, conf).GetResourceVersion()}
		api := s.api("orders", "ctx", described(`[[ secret "plain/a" ]] [[ configmap "conf/a" ]]`))
		s.applied(ctx, s.context("ctx"), api)
		expectIdle(ctx, operator.Operator)
		Expect([]string{s.get(ctx, source).GetResourceVersion(), s.get(ctx, conf).GetResourceVersion()}).To(Equal(before))

		By("deleting the Secret while it is used")
		mark := s.sim.Mark()
		s.remove(ctx, source)
		s.expect(ctx, source, gone)
		s.expect(ctx, api, waitsForRef)
		Expect(s.published("orders").Definition["description"]).To(Equal(firstValue + " b"))
		s.apply(ctx, s.secret("plain", map[string]string{"a": firstValue}))
		s.expect(ctx, api, current)
		Expect(s.writesSince(mark)).To(BeEmpty(), "nothing differs")
	})

	DescribeTable("refuse what may run for ever or makes no sense, and say what to write instead",
		func(ctx context.Context, change func(*v1alpha1.ApiDefinition), words ...string) {
			s := hiding(ctx, simulator.Options{})
			s.ready(ctx, s.context("ctx"))
			mark := s.sim.Mark()
			api := s.api("orders", "ctx", change)
			s.apply(ctx, api)
			s.expect(ctx, api, badTemplate)
			for _, word := range words {
				Expect(s.message(ctx, api, v1alpha1.ReadyCondition)).To(ContainSubstring(word))
			}
			Expect(s.requests(mark, func(simulator.Request) bool { return true })).To(BeEmpty())
			s.applied(ctx, s.api("orders", "ctx"))
		},
		Entry("range", described(`[[ range "abc" ]]x[[ end ]]`), "spec.description", "range"),
		Entry("define", described(`[[ define "a" ]]x[[ end ]]`), "spec.description", "define"),
		Entry("template", described(`[[ template "a" ]]`), "spec.description", "template"),
		Entry("block", described(`[[ block "a" . ]]x[[ end ]]`), "spec.description", "block"),
		Entry("no end", described(`curl [[ -f x`), "spec.description"),
		Entry("an unknown function", described(`[[ upper "a" ]]`), "spec.description", "upper"),
		Entry("a name of another form", described(`[[ secret "source" ]]`), "spec.description", "name/key"),
		Entry("an identity from a Secret", withCrossID(`[[ secret "source/value" ]]`), "spec.crossId", "can't come from a Secret"),
		Entry("several at once", fields(`{"description": "[[ range ]]", "version": "[[ upper ]]"}`), "spec.description", "spec.version"),
	)

	It("aren't told: a path that is taken (case 60)", func(ctx context.Context) {
		s := hiding(ctx, simulator.Options{})
		first, second := s.api("first", "ctx", atPath(`[[ secret "source/path" ]]`)), s.api("second", "ctx", atPath(`[[ secret "source/path" ]]`))
		s.applied(ctx, s.context("ctx"), first)
		s.apply(ctx, second)
		s.expect(ctx, second, pathExists)
		Expect(s.message(ctx, second, v1alpha1.ReadyCondition)).To(And(ContainSubstring("[redacted]"), ContainSubstring("already exists")))
		Eventually(func() []string { return s.events(ctx, "second") }).Should(ContainElement(HavePrefix("Warning UpdateFailed")))
	})

	It("aren't told: what the management API doesn't know", func(ctx context.Context) {
		s := hiding(ctx, simulator.Options{})
		api := s.api("orders", "ctx", fields(`{
			"groups": ["[[ secret \"source/value\" ]]"], "categories": ["[[ secret \"source/value\" ]]"],
			"members": [{"source": "memory", "sourceId": "[[ secret \"source/value\" ]]", "role": "USER"}]
		}`))
		group := s.group("crew", "ctx", func(g *v1alpha1.Group) { g.Spec.Members[0].SourceID = `[[ secret "source/value" ]]` })
		s.applied(ctx, s.context("ctx"), group, api)
		s.get(ctx, api)
		Expect(api.Status.Errors.Warning).To(ContainElement("Group [[redacted]] could not be found in environment [DEFAULT]"))
		s.get(ctx, group)
		Expect(group.Status.Errors.Warning).To(ContainElement(ContainSubstring("[redacted]")))

		By("looking once more, with the remarks that the status remembers")
		mark := s.sim.Mark()
		for _, object := range []client.Object{api, group} {
			s.annotate(ctx, object, v1alpha1.ReconcileAtAnnotation, "now")
		}
		Eventually(func() []simulator.Request { return s.readsOf(mark, api.Status.ID) }).ShouldNot(BeEmpty())
		expectIdle(ctx, operator.Operator)
		Expect(s.writesSince(mark)).To(BeEmpty(), "what isn't known isn't asked for again and again")
		s.expect(ctx, api, current)
		s.expect(ctx, group, current)
	})

	DescribeTable("aren't told: errors that repeat what was sent", func(ctx context.Context, status int, body, told string) {
		s := hiding(ctx, simulator.Options{})
		api := s.api("orders", "ctx", described(`[[ secret "source/value" ]]`), atPath(`[[ secret "source/path" ]]`))
		s.ready(ctx, s.context("ctx"))
		fault := s.sim.Inject(importAnswers(status, body))
		s.apply(ctx, api)
		Eventually(func() string { return s.message(ctx, api, v1alpha1.ReadyCondition) }).Should(ContainSubstring(told))
		fault.Remove()
		s.apply(ctx, s.api("orders", "ctx", described(`now [[ secret "source/value" ]]`), atPath(`[[ secret "source/path" ]]`)))
		s.expect(ctx, api, current)
	},
		Entry("as they are", http.StatusBadRequest, `{"message":"refused: `+firstValue+` at `+hiddenPath+`"}`, "refused: [redacted] at [redacted]"),
		Entry("in a server error", http.StatusInternalServerError, `{"message":"cannot store `+strings.ToUpper(firstValue)+`"}`, "cannot store [redacted]"),
		Entry("in base64", http.StatusBadRequest, `{"message":"refused `+base64.StdEncoding.EncodeToString([]byte(firstValue))+`"}`, "refused [redacted]"),
		Entry("in a list", http.StatusBadRequest, `{"severe":["bad `+firstValue+`"],"warning":["odd `+hiddenPath+`"]}`, "bad [redacted]"),
		Entry("in a page of HTML", http.StatusBadGateway, `<html><body>`+firstValue+`</body></html>`, "Bad Gateway"),
	)

	It("aren't told: names of parts that differ", func(ctx context.Context) {
		s := hiding(ctx, simulator.Options{})
		api := s.api("orders", "ctx", fields(`{"plans": [{"name": "[[ secret \"source/value\" ]]", "description": "d", "security": "KEY_LESS"}]}`))
		s.applied(ctx, s.context("ctx"), api)
		id := s.published("orders").ID
		Expect(s.sim.EditPlan(id, firstValue, func(plan map[string]any) { plan["description"] = "scribbled" })).To(Succeed())
		s.annotate(ctx, api, v1alpha1.ReconcileAtAnnotation, "now")
		Eventually(func() []string { return s.events(ctx, "orders") }).Should(ContainElement(ContainSubstring("plans[[redacted]].description")))
		Expect(s.sim.ClosePlan(id, firstValue)).To(Succeed())
		s.annotate(ctx, api, v1alpha1.ReconcileAtAnnotation, "again")
		Eventually(func() string { return s.message(ctx, api, v1alpha1.ReadyCondition) }).Should(ContainSubstring("plans[[redacted]].status"))
		mark := s.sim.Mark()
		s.annotate(ctx, api, v1alpha1.ReconcileAtAnnotation, "and again")
		Eventually(func() []simulator.Request { return s.readsOf(mark, id) }).ShouldNot(BeEmpty())
		expectIdle(ctx, operator.Operator)
		Expect(s.writesSince(mark)).To(BeEmpty(), "what can't be changed is remembered under its hidden name")
	})

	It("aren't told: where a context leads", func(ctx context.Context) {
		s := hiding(ctx, simulator.Options{})
		address := s.secret("address", map[string]string{"host": secondValue + ".invalid", "url": s.url})
		s.apply(ctx, address)
		managed := s.context("ctx", func(m *v1alpha1.ManagementContext) { m.Spec.BaseUrl = `http://[[ secret "address/host" ]]:1` })
		api := s.api("orders", "ctx")
		s.apply(ctx, managed, api)
		s.expect(ctx, managed, unreachable)
		s.expect(ctx, api, awaitsContext)
		s.apply(ctx, s.context("ctx", func(m *v1alpha1.ManagementContext) { m.Spec.BaseUrl = `[[ secret "address/url" ]]` }))
		s.expect(ctx, api, current)
		s.get(ctx, api)
		s.expectHidden(ctx, s.url)
		Expect(api.Status.Sync.Place.BaseURL).To(HavePrefix("hidden:"))

		By("restarting nothing, but looking again: it is still the same place")
		mark := s.sim.Mark()
		s.annotate(ctx, api, v1alpha1.ReconcileAtAnnotation, "now")
		Eventually(func() []simulator.Request { return s.readsOf(mark, api.Status.ID) }).ShouldNot(BeEmpty())
		expectIdle(ctx, operator.Operator)
		Expect(s.writesSince(mark)).To(BeEmpty())
		s.remove(ctx, api)
		s.expect(ctx, api, gone)
		Expect(s.sim.APIs()).To(BeEmpty())
	})
})

// left makes a Secret or ConfigMap as GKO left it.
func left(object client.Object, finalizer string, annotations map[string]string) client.Object {
	object.SetFinalizers([]string{finalizer})
	object.SetAnnotations(annotations)
	return object
}

var _ = Describe("Sources that GKO left", Ordered, ContinueOnFailure, func() {
	operator := shareOperator()

	users := func(s *site, kind string) map[string]string {
		return map[string]string{
			"gravitee.io/references": "1", "gravitee.io/" + kind: `["` + s.namespace + `/tpl"]`, "example.com/note": "mine",
		}
	}

	DescribeTable("are released, and can be deleted (case 28)",
		func(ctx context.Context, make func(*site) client.Object) {
			s := operator.site(ctx, simulator.Options{})
			object := make(s)
			Expect(s.cluster.Client.Create(ctx, object)).To(Succeed())
			Eventually(func() []string { return s.get(ctx, object).GetFinalizers() }).Should(BeEmpty())
			Expect(object.GetAnnotations()).NotTo(HaveKey(HavePrefix("gravitee.io/")))
			s.remove(ctx, object)
			s.expect(ctx, object, gone)
		},
		Entry("a Secret of templates", func(s *site) client.Object {
			return left(s.secret("creds", map[string]string{"token": "tok-one"}), v1alpha1.TemplatingFinalizer, users(s, "apidefinitions"))
		}),
		Entry("a ConfigMap of templates", func(s *site) client.Object {
			return left(s.configMap("conf", map[string]string{"a": "b"}), v1alpha1.TemplatingFinalizer, users(s, "managementcontexts"))
		}),
		Entry("a Secret of a context", func(s *site) client.Object {
			return left(s.secret("creds", map[string]string{"username": "admin", "password": "admin"}), v1alpha1.ManagementContextSecretFinalizer, nil)
		}),
	)

	It("are released when their deletion was asked for before the operator came", func(ctx context.Context) {
		s := newSite(simulator.Options{}, makeNamespace(ctx, east), nil)
		secret := left(s.secret("creds", map[string]string{"a": "b"}), "example.com/hold", nil)
		secret.SetFinalizers([]string{v1alpha1.TemplatingFinalizer, v1alpha1.ManagementContextSecretFinalizer, "example.com/hold"})
		Expect(s.cluster.Client.Create(ctx, secret)).To(Succeed())
		s.remove(ctx, secret)
		Eventually(func() []string { return s.get(ctx, secret).GetFinalizers() }).Should(ConsistOf("example.com/hold"), "others' finalizers stay")
		Expect(stripFinalizers(ctx, s.cluster, secret)).To(Succeed())
		s.expect(ctx, secret, gone)
	})

	It("stay as they are while kinds use them that only GKO serves, until their deletion is asked for", func(ctx context.Context) {
		s := operator.site(ctx, simulator.Options{})
		secret := left(s.secret("creds", map[string]string{"a": "b"}), v1alpha1.TemplatingFinalizer, users(s, "apiv4definitions"))
		Expect(s.cluster.Client.Create(ctx, secret)).To(Succeed())
		version := s.get(ctx, secret).GetResourceVersion()
		// Watches keep the order of changes: when this one is released, the other was looked at.
		later := left(s.secret("later", nil), v1alpha1.TemplatingFinalizer, nil)
		Expect(s.cluster.Client.Create(ctx, later)).To(Succeed())
		Eventually(func() []string { return s.get(ctx, later).GetFinalizers() }).Should(BeEmpty())
		Expect(s.get(ctx, secret).GetResourceVersion()).To(Equal(version))
		s.remove(ctx, secret)
		s.expect(ctx, secret, gone)
	})
})

var _ = Describe("Templating that is switched off", func() {
	It("takes every string as it is", func(ctx context.Context) {
		s := newSite(simulator.Options{}, makeNamespace(ctx, east), nil)
		s.start(ctx, "--templating=false")
		const text = `[[ secret "none/such" ]] and [[ range ]] and [[`
		group := s.group("crew", "ctx", named("[[ crew ]]"))
		api := s.api("orders", "ctx", described(text), usesResource("store"), usesGroup("crew"))
		s.applied(ctx, s.context("ctx"), s.resource("store", configured(`{"a":"[[ secret \"none/such\" ]]"}`)), group, api)
		Eventually(func() []string { return s.published("orders").Groups }).Should(ConsistOf(s.groupID("[[ crew ]]")))
		Expect(s.published("orders").Definition["description"]).To(Equal(text))
		Expect(s.lastImport("orders")["resources"]).To(ConsistOf(HaveKeyWithValue("configuration", map[string]any{"a": `[[ secret "none/such" ]]`})))

		By("starting an operator that renders: what is wrong stops the object, and nothing is lost")
		Expect(s.operator.Stop()).To(Succeed())
		mark := s.sim.Mark()
		s.start(ctx)
		s.expect(ctx, api, badTemplate)
		Expect(s.writesSince(mark)).To(BeEmpty())
		Expect(s.sim.APIs()).To(HaveLen(1))
	})
})
