// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
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
	DeferCleanup(func(ctx context.Context) { forget(ctx, cluster, namespace.Name) })
	return namespace.Name
}

// ourKinds are lists of everything that an operator works on.
func ourKinds() []client.ObjectList {
	return []client.ObjectList{
		&v1alpha1.ApiDefinitionList{}, &v1alpha1.NotificationList{}, &v1alpha1.GroupList{}, &v1alpha1.ApiResourceList{},
		&v1alpha1.ManagementContextList{},
	}
}

// forget removes what a spec leaves behind: the operators of later specs must not work on it, and nothing may hold the namespace.
func forget(ctx context.Context, cluster *harness.Cluster, namespace string) {
	GinkgoHelper()
	unheld := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))
	for _, list := range append(ourKinds(), &corev1.SecretList{}, &corev1.ConfigMapList{}) {
		Expect(cluster.Client.List(ctx, list, client.InNamespace(namespace))).To(Succeed())
		Expect(meta.EachListItem(list, func(item runtime.Object) error {
			object, _ := item.(client.Object)
			if err := cluster.Client.Delete(ctx, object); err != nil {
				return client.IgnoreNotFound(err)
			}
			return client.IgnoreNotFound(cluster.Client.Patch(ctx, object, unheld))
		})).To(Succeed())
	}
	Expect(client.IgnoreNotFound(cluster.Client.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}))).To(Succeed())
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

// resource is an ApiResource that APIs can use.
func (w *world) resource(name string, change ...func(*v1alpha1.ApiResource)) *v1alpha1.ApiResource {
	resource := &v1alpha1.ApiResource{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name},
		Spec: v1alpha1.ApiResourceSpec{
			Name: name, Type: "cache", Configuration: freeForm(`{"timeToLiveSeconds":60}`),
		},
	}
	for _, c := range change {
		c(resource)
	}
	return resource
}

// group is a Group with one member; without a context when contextName is empty.
func (w *world) group(name, contextName string, change ...func(*v1alpha1.Group)) *v1alpha1.Group {
	group := &v1alpha1.Group{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name},
		Spec: v1alpha1.GroupSpec{
			Name: name, Members: []v1alpha1.GroupMember{{Source: "memory", SourceID: "api1", Roles: map[string]string{"API": "OWNER"}}},
		},
	}
	if contextName != "" {
		group.Spec.ContextRef = &v1alpha1.Reference{Name: contextName}
	}
	for _, c := range change {
		c(group)
	}
	return group
}

// notification shows the start of an API in the console.
func (w *world) notification(name string, change ...func(*v1alpha1.Notification)) *v1alpha1.Notification {
	notification := &v1alpha1.Notification{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name},
		Spec: v1alpha1.NotificationSpec{
			Target: v1alpha1.NotificationTargetConsole, EventType: v1alpha1.NotificationEventTypeAPI,
			Console: v1alpha1.ConsoleNotification{APIEvents: []v1alpha1.APIEvent{"API_STARTED"}},
		},
	}
	for _, c := range change {
		c(notification)
	}
	return notification
}

func (w *world) configMap(name string, data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name}, Data: data}
}

func namespaceNamed(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

func freeForm(text string) *v1alpha1.FreeForm { return &v1alpha1.FreeForm{Raw: []byte(text)} }

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

// warnings are the Warning events on an object, as "Reason: note", in no order.
func (w *world) warnings(ctx context.Context, object client.Object) []string {
	GinkgoHelper()
	var events eventsv1.EventList
	Expect(w.cluster.Client.List(ctx, &events, client.InNamespace(object.GetNamespace()))).To(Succeed())
	var found []string
	for _, event := range events.Items {
		if event.Type == corev1.EventTypeWarning && event.Regarding.Name == object.GetName() {
			found = append(found, event.Reason+": "+event.Note)
		}
	}
	return found
}

// remove asks for the deletion of objects as kubectl does, without waiting for it.
func (w *world) remove(ctx context.Context, objects ...client.Object) {
	GinkgoHelper()
	for _, object := range objects {
		Expect(w.cluster.Client.Delete(ctx, object)).To(Succeed())
	}
}

// message is that of one condition of an object.
func (w *world) message(ctx context.Context, object client.Object, kind string) string {
	if err := w.cluster.Client.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
		return err.Error()
	}
	if withConditions, ok := object.(interface{ GetConditions() []metav1.Condition }); ok {
		if c := meta.FindStatusCondition(withConditions.GetConditions(), kind); c != nil {
			return c.Message
		}
	}
	return ""
}

// carriedOut lists the writes that a management API did, also those whose answer was lost: "PUT dev", "DELETE dev".
func carriedOut(sim *simulator.Simulator) []string {
	list := []string{}
	for _, write := range sim.Writes() {
		if write.Status >= http.StatusOK && write.Status < http.StatusMultipleChoices {
			list = append(list, write.Method+" "+write.Environment)
		}
	}
	return list
}

// reached waits until a write is held.
func reached(ctx context.Context, pause *simulator.Pause) simulator.Request {
	GinkgoHelper()
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := pause.Reached(limited)
	Expect(err).NotTo(HaveOccurred(), "no such write came")
	return request
}

// logged waits until a request that fits is finished.
func logged(ctx context.Context, sim *simulator.Simulator, fits func(simulator.Request) bool) simulator.Request {
	GinkgoHelper()
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := sim.WaitFor(limited, fits)
	Expect(err).NotTo(HaveOccurred(), "no such request came")
	return request
}

// Verdicts that specs wait for.
const (
	current     = "Current Synchronized"
	gone        = "gone"
	terminating = "Terminating Synchronized"
)

// probeDelay is long enough that an event inside the operator is handled before the answer to a probe comes.
const probeDelay = 500 * time.Millisecond

const secretName = "credentials"

// secret holds credentials for contexts that are changed by fromSecret.
func (w *world) secret(username, password string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: secretName},
		Data:       map[string][]byte{"username": []byte(username), "password": []byte(password)},
	}
}

func fromSecret(managed *v1alpha1.ManagementContext) {
	managed.Spec.Auth = &v1alpha1.Auth{SecretRef: &v1alpha1.Reference{Name: secretName}}
}

func (w *world) annotate(ctx context.Context, object client.Object, name, value string) {
	GinkgoHelper()
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, name, value)
	Expect(w.cluster.Client.Patch(ctx, object, client.RawPatch(types.MergePatchType, []byte(patch)))).To(Succeed())
}
