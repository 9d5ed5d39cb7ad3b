// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/test/harness"
	"github.com/apisync/apisync/test/simulator"
)

// Verdicts of kstatus with the reason of Ready, see world.verdict.
const (
	awaitsContext = "InProgress ContextNotReady"
	unreachable   = "InProgress Unreachable"
	refused       = "Failed ControlPlaneError"
)

// sharedOperator is one operator for all specs of an ordered container, since most specs need no other one.
type sharedOperator struct{ *harness.Operator }

func shareOperator(args ...string) *sharedOperator {
	shared := &sharedOperator{}
	BeforeAll(func(ctx context.Context) {
		operator, err := east.StartOperator(ctx, append([]string{"--log-level=debug"}, args...)...)
		Expect(err).NotTo(HaveOccurred())
		shared.Operator = operator
		DeferCleanup(operator.Kill)
	})
	AfterEach(func() {
		if CurrentSpecReport().Failed() && shared.Operator != nil {
			GinkgoWriter.Println(shared.LogTail())
		}
	})
	return shared
}

// site is a world whose management API can go away and come back.
type site struct {
	*world

	server *simulator.Server
}

// site makes a namespace and a management API under the shared operator.
func (s *sharedOperator) site(ctx context.Context, options simulator.Options) *site {
	GinkgoHelper()
	return newSite(options, makeNamespace(ctx, east), s.Operator)
}

// newSite makes a site in a namespace; operator may be nil, and started later.
func newSite(options simulator.Options, namespace string, operator *harness.Operator) *site {
	GinkgoHelper()
	s := &site{world: &world{cluster: east, namespace: namespace, sim: simulator.New(options), operator: operator}}
	s.comeUp("127.0.0.1:0")
	DeferCleanup(s.goDown)
	DeferCleanup(func() {
		Expect(s.collectionDeletes()).To(BeEmpty(), "a DELETE of the whole collection must never be sent")
	})
	return s
}

// goDown makes the management API refuse connections; its state stays.
func (s *site) goDown() { Expect(s.server.Close()).To(Succeed()) }

// comeUp serves the management API at an address.
func (s *site) comeUp(address string) {
	GinkgoHelper()
	server, err := s.sim.StartOn(context.Background(), address)
	Expect(err).NotTo(HaveOccurred())
	s.server, s.url = server, server.URL
}

func (s *site) collectionDeletes() []simulator.Request {
	return s.requests(0, func(r simulator.Request) bool {
		return r.Method == http.MethodDelete && strings.HasSuffix(strings.TrimSuffix(r.Path, "/"), "/apis")
	})
}

// requests are the finished requests after a mark that fit.
func (s *site) requests(mark int, fits func(simulator.Request) bool) []simulator.Request {
	return slices.DeleteFunc(s.sim.Requests(), func(r simulator.Request) bool { return r.Sequence <= mark || !fits(r) })
}

// writesSince are the writes that arrived after a mark.
func (s *site) writesSince(mark int) []simulator.Request {
	return s.requests(mark, simulator.Request.IsWrite)
}

// readsOf are the reads of one API after a mark: each comparison of it begins with one.
func (s *site) readsOf(mark int, id string) []simulator.Request {
	return s.requests(mark, func(r simulator.Request) bool {
		return r.Method == http.MethodGet && strings.HasSuffix(r.Path, "/apis/"+id)
	})
}

// listingsSince are the bulk looks at a place after a mark.
func (s *site) listingsSince(mark int) []simulator.Request {
	return s.requests(mark, func(r simulator.Request) bool {
		return r.Method == http.MethodPost && strings.HasSuffix(r.Path, "/apis/_search") && r.Status == http.StatusOK
	})
}

func stripFinalizers(ctx context.Context, cluster *harness.Cluster, object client.Object) error {
	patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))
	return client.IgnoreNotFound(cluster.Client.Patch(ctx, object, patch))
}

// described changes the description, as the smallest edit of a spec.
func described(text string) func(*v1alpha1.ApiDefinition) {
	return func(api *v1alpha1.ApiDefinition) { api.Spec.Description = text }
}

// settled applies a context and an API and waits until the API is in step.
func (s *site) settled(ctx context.Context, name, contextName string) *v1alpha1.ApiDefinition {
	GinkgoHelper()
	api := s.api(name, contextName)
	s.apply(ctx, s.context(contextName), api)
	s.expect(ctx, api, current)
	s.get(ctx, api)
	return api
}

// ready applies a context and waits until it is ready, so that an API that is applied next is woken by
// nothing but its own creation.
func (s *site) ready(ctx context.Context, managed *v1alpha1.ManagementContext) {
	GinkgoHelper()
	s.apply(ctx, managed)
	s.expect(ctx, managed, current)
}

func (s *site) secret(name string, data map[string]string) *corev1.Secret {
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name}, Data: map[string][]byte{}}
	for key, value := range data {
		secret.Data[key] = []byte(value)
	}
	return secret
}

// secretRef makes a context take its credentials from a Secret.
func secretRef(name string) func(*v1alpha1.ManagementContext) {
	return func(managed *v1alpha1.ManagementContext) {
		managed.Spec.Auth = &v1alpha1.Auth{SecretRef: &v1alpha1.Reference{Name: name}}
	}
}

// basicAuth makes a context carry a password itself.
func basicAuth(username, password string) func(*v1alpha1.ManagementContext) {
	return func(managed *v1alpha1.ManagementContext) {
		managed.Spec.Auth = &v1alpha1.Auth{Credentials: &v1alpha1.BasicAuth{Username: username, Password: password}}
	}
}

// message is that of a condition of the stored object; empty when it has no such condition.
func (s *site) message(ctx context.Context, object client.Object, kind string) string {
	GinkgoHelper()
	if c := s.conditionOf(ctx, object, kind); c != nil {
		return c.Message
	}
	return ""
}

// conditionOf reads a condition of the stored object; nil when it has no such condition.
func (s *site) conditionOf(ctx context.Context, object client.Object, kind string) *metav1.Condition {
	GinkgoHelper()
	stored := s.get(ctx, object).(interface{ GetConditions() []metav1.Condition })
	return meta.FindStatusCondition(stored.GetConditions(), kind)
}

// events of one object, as "Warning UpdateFailed: what happened".
func (s *site) events(ctx context.Context, name string) []string {
	GinkgoHelper()
	var list eventsv1.EventList
	Expect(s.cluster.Client.List(ctx, &list, client.InNamespace(s.namespace))).To(Succeed())
	var texts []string
	for i := range list.Items {
		if e := &list.Items[i]; name == "" || e.Regarding.Name == name {
			texts = append(texts, fmt.Sprintf("%s %s: %s", e.Type, e.Reason, e.Note))
		}
	}
	return texts
}

// fetch reads a page of the operator.
func fetch(ctx context.Context, url string) (int, string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

var busyMetric = regexp.MustCompile(`(?m)^(?:workqueue_depth|controller_runtime_active_workers)\{.*\} [1-9].*$`)

// expectIdle waits until nothing is queued or worked on; what is only due later doesn't count.
func expectIdle(ctx context.Context, operator *harness.Operator) {
	GinkgoHelper()
	Eventually(func() (string, error) {
		_, body, err := fetch(ctx, operator.MetricsURL)
		if err == nil && !strings.Contains(body, "controller_runtime_active_workers") {
			return "no metrics of controllers", nil
		}
		return strings.Join(busyMetric.FindAllString(body, -1), "\n"), err
	}).Should(BeEmpty())
}
