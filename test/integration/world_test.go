// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"fmt"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/test/harness"
	"github.com/apisync/apisync/test/simulator"
)

// world is what one spec works in: a namespace of its own, a management API of its own, and an operator.
type world struct {
	cluster   *harness.Cluster
	namespace string
	sim       *simulator.Simulator
	url       string
	operator  *harness.Operator
}

// newWorld makes a world in the shared cluster and starts an operator there, with a short resync.
func newWorld(ctx context.Context, options simulator.Options, args ...string) *world {
	GinkgoHelper()
	w := &world{cluster: east, namespace: makeNamespace(ctx, east)}
	w.sim, w.url = startSimulator(options)
	w.start(ctx, args...)
	return w
}

func startSimulator(options simulator.Options) (*simulator.Simulator, string) {
	GinkgoHelper()
	sim := simulator.New(options)
	ctx, cancel := context.WithCancel(context.Background())
	server, err := sim.Start(ctx)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() {
		cancel()
		_ = server.Close()
	})
	return sim, server.URL
}

func makeNamespace(ctx context.Context, cluster *harness.Cluster) string {
	GinkgoHelper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "spec-"}}
	Expect(cluster.Client.Create(ctx, namespace)).To(Succeed())
	return namespace.Name
}

// start runs the operator; the spec's end stops it.
func (w *world) start(ctx context.Context, args ...string) {
	GinkgoHelper()
	operator, err := w.cluster.StartOperator(ctx, append([]string{"--log-level=debug"}, args...)...)
	Expect(err).NotTo(HaveOccurred())
	w.operator = operator
	DeferCleanup(func() {
		if CurrentSpecReport().Failed() {
			GinkgoWriter.Println(operator.LogTail())
		}
		_ = operator.Kill()
	})
}

func (w *world) context(name string, change ...func(*v1alpha1.ManagementContext)) *v1alpha1.ManagementContext {
	managed := &v1alpha1.ManagementContext{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name},
		Spec: v1alpha1.ManagementContextSpec{
			BaseUrl: w.url, OrganizationID: "DEFAULT", EnvironmentID: "DEFAULT",
			Auth: &v1alpha1.Auth{Credentials: &v1alpha1.BasicAuth{Username: "admin", Password: "admin"}},
		},
	}
	for _, c := range change {
		c(managed)
	}
	return managed
}

func (w *world) api(name, contextName string, change ...func(*v1alpha1.ApiDefinition)) *v1alpha1.ApiDefinition {
	api := &v1alpha1.ApiDefinition{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name},
		Spec: v1alpha1.ApiDefinitionSpec{
			Name: name, Version: "1.0", Description: name + " service",
			ContextRef: &v1alpha1.Reference{Name: contextName},
			Plans:      []v1alpha1.Plan{{Name: "open", Description: "no key needed", Security: "KEY_LESS"}},
			Proxy: &v1alpha1.Proxy{
				VirtualHosts: []v1alpha1.VirtualHost{{Path: "/" + w.namespace + "/" + name}},
			},
		},
	}
	for _, c := range change {
		c(api)
	}
	return api
}

// apply creates or changes objects as kubectl does: only what is said, so that defaults come from the schema.
func (w *world) apply(ctx context.Context, objects ...client.Object) {
	GinkgoHelper()
	for _, object := range objects {
		Expect(harness.Apply(ctx, w.cluster.Client, sparse(w.cluster, object))).To(Succeed())
	}
}

// sparse is the object without what only a Go type adds.
func sparse(cluster *harness.Cluster, object client.Object) *unstructured.Unstructured {
	GinkgoHelper()
	gvk, err := cluster.Client.GroupVersionKindFor(object)
	Expect(err).NotTo(HaveOccurred())
	content, err := toMap(object)
	Expect(err).NotTo(HaveOccurred())
	prune(content)
	delete(content, "status")
	result := &unstructured.Unstructured{Object: content}
	result.SetGroupVersionKind(gvk)
	result.SetCreationTimestamp(metav1.Time{})
	unstructured.RemoveNestedField(result.Object, "metadata", "creationTimestamp")
	if spec, ok := content["spec"].(map[string]any); ok && spec["notifyMembers"] == false {
		delete(spec, "notifyMembers")
	}
	return result
}

func prune(value any) {
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			if member == nil {
				delete(v, name)
				continue
			}
			if list, ok := member.([]any); ok && len(list) == 0 {
				delete(v, name)
				continue
			}
			prune(member)
		}
	case []any:
		for _, item := range v {
			prune(item)
		}
	}
}

// get reads an object again.
func (w *world) get(ctx context.Context, object client.Object) client.Object {
	GinkgoHelper()
	Expect(w.cluster.Client.Get(ctx, client.ObjectKeyFromObject(object), object)).To(Succeed())
	return object
}

// verdict is kstatus' word on an object, with Ready's reason: "Current Synchronized".
func (w *world) verdict(ctx context.Context, object client.Object) string {
	content := &unstructured.Unstructured{}
	gvk, err := w.cluster.Client.GroupVersionKindFor(object)
	if err != nil {
		return err.Error()
	}
	content.SetGroupVersionKind(gvk)
	if err := w.cluster.Client.Get(ctx, client.ObjectKeyFromObject(object), content); err != nil {
		if apierrors.IsNotFound(err) {
			return "gone"
		}
		return err.Error()
	}
	result, err := status.Compute(content)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%s %s", result.Status, condition(content, "Ready"))
}

func condition(object *unstructured.Unstructured, kind string) string {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, item := range conditions {
		c, _ := item.(map[string]any)
		if c["type"] == kind {
			return fmt.Sprint(c["reason"])
		}
	}
	return "-"
}

func (w *world) expect(ctx context.Context, object client.Object, verdict string) {
	GinkgoHelper()
	Eventually(func() string { return w.verdict(ctx, object) }).Should(Equal(verdict), func() string {
		_ = w.cluster.Client.Get(ctx, client.ObjectKeyFromObject(object), object)
		return fmt.Sprintf("%s/%s\n%s", object.GetNamespace(), object.GetName(), describe(object))
	})
}

func describe(object client.Object) string {
	withConditions, ok := object.(interface{ GetConditions() []metav1.Condition })
	if !ok {
		return ""
	}
	text := ""
	for _, c := range withConditions.GetConditions() {
		text += fmt.Sprintf("%s=%s %s: %s\n", c.Type, c.Status, c.Reason, c.Message)
	}
	return text
}

// settle waits until the operator has nothing to do: the management API sees no request for a while.
func (w *world) quiet(within time.Duration) {
	GinkgoHelper()
	Consistently(func() int { return len(w.sim.Writes()) }).WithTimeout(within).Should(Equal(len(w.sim.Writes())))
}

// current waits until the API is in step.
const (
	current     = "Current Synchronized"
	gone        = "gone"
	terminating = "Terminating Synchronized"
)
