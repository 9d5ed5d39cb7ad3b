// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"crypto/tls"
	"net/http"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/test/harness"
	"github.com/apisync/apisync/test/simulator"
)

// shape is an overlay and what it promises.
type shape struct {
	overlay string
	// works are the namespaces in which its operator works; those of people have to be there before.
	works []string
	// everywhere is true when it works in all others too.
	everywhere bool
	// secureMetrics are served to those who may read them.
	secureMetrics bool
}

// notWatched is a namespace that no overlay names.
const notWatched = "elsewhere"

// shapes are those in docs/installation.md.
func shapes() []shape {
	return []shape{
		{overlay: "default", works: []string{"team-a", "team-b"}, everywhere: true, secureMetrics: true},
		{overlay: "overlays/several-namespaces", works: []string{"team-a", "team-b", harness.OperatorNamespace}, secureMetrics: true},
		{overlay: "overlays/one-namespace", works: []string{harness.OperatorNamespace}},
	}
}

// installed is a cluster with a shape, whose operator runs with the rights and the settings of the overlay and nothing else.
type installed struct {
	shape    shape
	cluster  *harness.Cluster
	operator *harness.Operator
	sim      *simulator.Simulator
	url      string
}

func install(ctx context.Context, shape shape) *installed {
	GinkgoHelper()
	cluster, err := harness.StartEmptyCluster(ctx, filepath.Base(shape.overlay), program, func(line string) { GinkgoWriter.Println(line) })
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(cluster.Stop()).To(Succeed()) })
	for _, name := range append([]string{harness.OperatorNamespace, notWatched}, shape.works...) {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		Expect(client.IgnoreAlreadyExists(cluster.Client.Create(ctx, namespace))).To(Succeed())
	}
	installation, err := cluster.Install(ctx, filepath.Join("config", shape.overlay))
	Expect(err).NotTo(HaveOccurred())
	operator, err := cluster.StartOperatorAs(ctx, installation, "--log-level=debug")
	Expect(err).NotTo(HaveOccurred())
	sim, url := startSimulator(simulator.Options{})
	return &installed{shape: shape, cluster: cluster, operator: operator, sim: sim, url: url}
}

// in is a world in one of the namespaces, in which one spec after the other works.
func (i *installed) in(namespace string) *world {
	return &world{cluster: i.cluster, namespace: namespace, sim: i.sim, url: i.url, operator: i.operator}
}

// first is a world in the first of the namespaces in which the operator works.
func (i *installed) first() *world { return i.in(i.shape.works[0]) }

// withContext applies a context with credentials from a Secret, and waits until it is ready.
func (w *world) withContext(ctx context.Context) *v1alpha1.ManagementContext {
	GinkgoHelper()
	managed := w.context("ctx", fromSecret)
	w.apply(ctx, w.secret("admin", "admin"), managed)
	w.expect(ctx, managed, contextReady)
	return managed
}

// remote is the stored API of a name, nil if there is none.
func remote(sim *simulator.Simulator, name string) *simulator.APIState {
	for _, api := range sim.APIs() {
		if api.Name == name {
			return &api
		}
	}
	return nil
}

func definitionOf(sim *simulator.Simulator, name string) map[string]any {
	if api := remote(sim, name); api != nil {
		return api.Definition
	}
	return nil
}

var _ = Describe("An installation of the shape", func() {
	for _, shape := range shapes() {
		Context(shape.overlay, Ordered, func() { describeShape(shape) })
	}
})

func describeShape(shape shape) {
	var i *installed
	BeforeAll(func(ctx context.Context) { i = install(ctx, shape) })
	AfterEach(func() {
		if CurrentSpecReport().Failed() && i != nil {
			GinkgoWriter.Println(i.operator.LogTail())
		}
	})

	It("keeps APIs where it works, from their creation to their end", func(ctx context.Context) {
		for _, namespace := range shape.works {
			i.in(namespace).expectCoreLife(ctx)
		}
	})

	It("resolves references", func(ctx context.Context) { i.first().expectReferences(ctx) })

	It("renders templates, and renders them again when a source changes", func(ctx context.Context) { i.first().expectTemplates(ctx) })

	It("serves local APIs", func(ctx context.Context) { i.first().expectLocalAPI(ctx) })

	It("takes finalizers of GKO off Secrets and ConfigMaps", func(ctx context.Context) {
		w := i.first()
		held := metav1.ObjectMeta{Namespace: w.namespace, Name: "held", Finalizers: []string{v1alpha1.TemplatingFinalizer, "example.org/kept"}}
		secret, configMap := &corev1.Secret{ObjectMeta: held}, &corev1.ConfigMap{ObjectMeta: held}
		w.apply(ctx, secret, configMap)
		for _, object := range []client.Object{secret, configMap} {
			Eventually(func() []string { return w.get(ctx, object).GetFinalizers() }).Should(Equal([]string{"example.org/kept"}))
		}
	})

	It("serves its metrics", func(ctx context.Context) { i.expectMetrics(ctx) })

	if shape.everywhere {
		It("works in a namespace that nobody named", func(ctx context.Context) { i.in(notWatched).expectCoreLife(ctx) })
		return
	}

	It("leaves everything alone where it doesn't work", func(ctx context.Context) {
		there, here := i.in(notWatched), i.first()
		theirs := there.api("theirs", "ctx")
		there.apply(ctx, there.context("ctx"), theirs)
		ours := here.api("ours", "ctx")
		here.withContext(ctx)
		here.applied(ctx, ours)
		there.get(ctx, theirs)
		Expect(theirs.Finalizers).To(BeEmpty())
		Expect(theirs.Status.ObservedGeneration).To(BeEquivalentTo(-1))
		Expect(remote(i.sim, "theirs")).To(BeNil())
		here.remove(ctx, ours)
		here.expect(ctx, ours, gone)
	})

	It("tells that it may not read what is referred to elsewhere", func(ctx context.Context) {
		there, here := i.in(notWatched), i.first()
		there.apply(ctx, there.secret("admin", "admin"), there.context("far"))
		managed := here.context("reaches-out", func(c *v1alpha1.ManagementContext) {
			fromSecret(c)
			c.Spec.Auth.SecretRef.Namespace = notWatched
		})
		api := here.api("reaches-out", "far", func(a *v1alpha1.ApiDefinition) { a.Spec.ContextRef.Namespace = notWatched })
		here.apply(ctx, managed, api)
		Eventually(func() string { return here.message(ctx, managed, v1alpha1.ReadyCondition) }).Should(
			ContainSubstring("may not read Secret " + notWatched + "/" + secretName))
		Eventually(func() string { return here.message(ctx, api, v1alpha1.ReadyCondition) }).Should(ContainSubstring(notWatched + "/far"))
		Expect(here.verdict(ctx, managed)).NotTo(HavePrefix("Current"))
		Expect(here.verdict(ctx, api)).NotTo(HavePrefix("Current"))
		here.remove(ctx, api, managed)
		here.expect(ctx, api, gone)
		here.expect(ctx, managed, gone)
	})
}

func (w *world) expectCoreLife(ctx context.Context) {
	GinkgoHelper()
	managed := w.withContext(ctx)
	api := w.api("orders", "ctx")
	w.applied(ctx, api)
	w.get(ctx, api)
	Expect(remote(w.sim, "orders").ID).To(Equal(api.Status.ID))

	By("changing it in " + w.namespace)
	w.applied(ctx, w.api("orders", "ctx", described("changed")))
	Expect(definitionOf(w.sim, "orders")).To(HaveKeyWithValue("description", "changed"))

	By("deleting it in " + w.namespace)
	w.remove(ctx, api)
	w.expect(ctx, api, gone)
	Expect(remote(w.sim, "orders")).To(BeNil())
	w.remove(ctx, managed)
	w.expect(ctx, managed, gone)
}

func (w *world) expectReferences(ctx context.Context) {
	GinkgoHelper()
	w.withContext(ctx)
	cache, crew, hooks := w.resource("cache"), w.group("crew", "ctx"), w.notification("hooks", notifies("crew"))
	api := w.api("referring", "ctx", usesResource("cache"), usesGroup("crew"), usesNotification("hooks"))
	w.applied(ctx, cache, crew, hooks, api)
	Expect(definitionOf(w.sim, "referring")).To(HaveKeyWithValue("resources", ContainElement(HaveKeyWithValue("name", "cache"))))
	w.get(ctx, crew)
	// The API may have been published before the group was.
	Eventually(func() []string { return remote(w.sim, "referring").Groups }).Should(ConsistOf(crew.Status.ID))
	Expect(remote(w.sim, "referring").Notification).NotTo(BeEmpty())

	By("deleting what it refers to, which waits for it")
	w.remove(ctx, cache, crew, hooks)
	w.expect(ctx, cache, terminating)
	w.remove(ctx, api)
	for _, object := range []client.Object{api, cache, crew, hooks} {
		w.expect(ctx, object, gone)
	}
}

func (w *world) expectTemplates(ctx context.Context) {
	GinkgoHelper()
	w.withContext(ctx)
	source := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "texts"}, Data: map[string][]byte{"about": []byte("first")}}
	sources := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "texts"}, Data: map[string]string{"label": "red"}}
	api := w.api("templated", "ctx", described(`[[ secret "texts/about" ]] text`), func(a *v1alpha1.ApiDefinition) {
		a.Spec.Labels = []string{`[[ configmap "texts/label" ]]`}
	})
	w.apply(ctx, source, sources)
	w.applied(ctx, api)
	Expect(definitionOf(w.sim, "templated")).To(HaveKeyWithValue("description", "first text"))
	Expect(remote(w.sim, "templated").Labels).To(ContainElement("red"))

	By("changing the Secret, then the ConfigMap")
	source.Data["about"] = []byte("second")
	w.apply(ctx, source)
	Eventually(func() any { return definitionOf(w.sim, "templated")["description"] }).Should(Equal("second text"))
	sources.Data["label"] = "blue"
	w.apply(ctx, sources)
	Eventually(func() []string { return remote(w.sim, "templated").Labels }).Should(ContainElement("blue"))
	w.remove(ctx, api)
	w.expect(ctx, api, gone)
}

func (w *world) expectLocalAPI(ctx context.Context) {
	GinkgoHelper()
	w.withContext(ctx)
	local := func(a *v1alpha1.ApiDefinition) { a.Spec.Local = true }
	alone := func(a *v1alpha1.ApiDefinition) { a.Spec.Local, a.Spec.ContextRef = true, nil }
	for name, change := range map[string]func(*v1alpha1.ApiDefinition){"with-context": local, "alone": alone} {
		api := w.api(name, "ctx", change)
		w.applied(ctx, api)
		published := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name}}
		w.get(ctx, published)
		Expect(published.Data).To(HaveKeyWithValue("definition", ContainSubstring(`"`+name+`"`)))

		By("changing it: " + name)
		w.applied(ctx, w.api(name, "ctx", change, described("changed")))
		Expect(w.get(ctx, published).(*corev1.ConfigMap).Data["definition"]).To(ContainSubstring(`"changed"`))

		By("stopping it: " + name)
		w.applied(ctx, w.api(name, "ctx", change, func(a *v1alpha1.ApiDefinition) { a.Spec.State = v1alpha1.StateStopped }))
		w.expect(ctx, published, gone)
		w.remove(ctx, api)
		w.expect(ctx, api, gone)
	}
}

// expectMetrics reads them as a Prometheus would.
func (i *installed) expectMetrics(ctx context.Context) {
	GinkgoHelper()
	const account = "prometheus"
	const metric = "controller_runtime_reconcile_total"
	if !i.shape.secureMetrics {
		status, body, err := fetch(ctx, i.operator.MetricsURL)
		Expect(err).NotTo(HaveOccurred())
		Expect(status).To(Equal(http.StatusOK))
		Expect(body).To(ContainSubstring(metric))
		return
	}
	reader := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: notWatched, Name: account}}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: account},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "apisync-metrics-reader"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: notWatched, Name: account}},
	}
	Expect(i.cluster.Client.Create(ctx, reader)).To(Succeed())
	Expect(i.cluster.Client.Create(ctx, binding)).To(Succeed())
	config, err := i.cluster.Plane.ServiceAccountConfig(ctx, notWatched, account)
	Expect(err).NotTo(HaveOccurred())
	Expect(i.secureMetrics(ctx, "")).To(Equal(http.StatusUnauthorized))
	// Rights are known to the API server a moment after they were given.
	Eventually(func() (int, error) { return i.secureMetrics(ctx, config.BearerToken) }).Should(Equal(http.StatusOK))
}

// secureMetrics asks for the metrics with a token and gives the status. The certificate is the operator's own.
func (i *installed) secureMetrics(ctx context.Context, token string) (int, error) {
	url := strings.Replace(i.operator.MetricsURL, "http://", "https://", 1)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}
