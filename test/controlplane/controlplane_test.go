// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	watchtools "k8s.io/client-go/tools/watch"
)

// helperEnv makes the test program a parent that starts a control plane, prints its processes
// and its folder, and waits.
const helperEnv = "APISYNC_CONTROLPLANE_HELPER"

func TestMain(m *testing.M) {
	if os.Getenv(helperEnv) != "" {
		os.Exit(helper())
	}
	if _, err := EnsurePrograms(context.Background(), toStderr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func toStderr(line string) { fmt.Fprintln(os.Stderr, line) }

func helper() int {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	plane, err := Start(ctx, Options{Log: toStderr})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for _, p := range plane.processes {
		fmt.Println(p.child.Pid)
	}
	fmt.Println(plane.Dir())
	<-ctx.Done()
	return 0
}

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func start(ctx context.Context, t *testing.T, options Options) *ControlPlane {
	t.Helper()
	options.Log = func(line string) { t.Log(line) }
	plane, err := Start(ctx, options)
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	t.Cleanup(func() {
		if err := plane.Stop(); err != nil {
			t.Errorf("Stop: %v", err)
		}
	})
	return plane
}

func clientFor(t *testing.T, config *rest.Config) kubernetes.Interface {
	t.Helper()
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatalf("making a client: %v", err)
	}
	return client
}

// newNamespace makes a namespace with a generated name, and labels as key, value, key, value.
func newNamespace(ctx context.Context, t *testing.T, client kubernetes.Interface, labels map[string]string) string {
	t.Helper()
	made, err := client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "test-", Labels: labels},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("creating a namespace: %v", err)
	}
	return made.Name
}

// TestControlPlane shows on one control plane that it does what a cluster does.
func TestControlPlane(t *testing.T) {
	plane := start(testContext(t), t, Options{})
	for _, c := range []struct {
		name string
		why  string
		run  func(context.Context, *testing.T, *ControlPlane)
	}{
		{"namespace", "its ServiceAccount and root CA come from the controller manager alone", testNamespaceIsEquipped},
		{"service account", "the operator's RBAC is only tested if a token's rights are those of its bindings", testServiceAccount},
		{"deployment", "a Deployment becomes Pods that admission accepts", testDeployment},
		{"pod security", "a manifest that a restricted namespace refuses must fail here too", testPodSecurity},
		{"aggregation", "roles that users extend by label are filled by a controller", testRoleAggregation},
		{"garbage", "a dependent goes with its owner", testGarbageCollection},
		{"namespace deletion", "its content goes first, then the namespace", testNamespaceDeletion},
		{"kubectl", "people see the version they were promised, on both sides", testKubectlVersion},
		{"kubectl fails", "the error says what kubectl said", testKubectlError},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Log(c.why)
			c.run(testContext(t), t, plane)
		})
	}
	if err := plane.Err(); err != nil {
		t.Errorf("Err of a control plane that works: %v", err)
	}
}

func testNamespaceIsEquipped(ctx context.Context, t *testing.T, plane *ControlPlane) {
	namespace := newNamespace(ctx, t, clientFor(t, plane.AdminConfig()), nil)
	if err := plane.awaitNamespace(ctx, namespace); err != nil {
		t.Fatal(err)
	}
	ca, err := clientFor(t, plane.AdminConfig()).CoreV1().ConfigMaps(namespace).Get(ctx, "kube-root-ca.crt", metav1.GetOptions{})
	if err != nil {
		t.Fatalf("getting the root CA: %v", err)
	}
	if got, want := ca.Data["ca.crt"], string(plane.AdminConfig().CAData); strings.TrimSpace(got) != strings.TrimSpace(want) {
		t.Errorf("the published root CA isn't the one that clients use:\n%s\n%s", got, want)
	}
}

func testServiceAccount(ctx context.Context, t *testing.T, plane *ControlPlane) {
	admin := clientFor(t, plane.AdminConfig())
	namespace := newNamespace(ctx, t, admin, nil)
	if _, err := plane.ServiceAccountConfig(ctx, namespace, "absent"); !apierrors.IsNotFound(err) {
		t.Errorf("token of a ServiceAccount that doesn't exist: got %v, want not found", err)
	}
	if err := plane.awaitNamespace(ctx, namespace); err != nil {
		t.Fatal(err)
	}
	config, err := plane.ServiceAccountConfig(ctx, namespace, "default")
	if err != nil {
		t.Fatal(err)
	}
	if config.CertData != nil || config.QPS != -1 {
		t.Errorf("config has a certificate or a limit: %d bytes, QPS %v", len(config.CertData), config.QPS)
	}
	_, err = clientFor(t, config).CoreV1().Secrets(namespace).List(ctx, metav1.ListOptions{})
	if !apierrors.IsForbidden(err) {
		t.Fatalf("listing secrets without a role: got %v, want forbidden", err)
	}
	allowSecrets(ctx, t, admin, namespace)

	content, err := plane.ServiceAccountKubeconfig(ctx, namespace, "default")
	if err != nil {
		t.Fatal(err)
	}
	config, err = clientcmd.RESTConfigFromKubeConfig(content)
	if err != nil {
		t.Fatalf("reading the kubeconfig: %v", err)
	}
	client := clientFor(t, config)
	// The authorizer learns of the binding by its own watch, which tells nobody.
	err = wait.PollUntilContextCancel(ctx, 20*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		_, err := client.CoreV1().Secrets(namespace).List(ctx, metav1.ListOptions{})
		if apierrors.IsForbidden(err) {
			return false, nil
		}
		return true, err
	})
	if err != nil {
		t.Errorf("listing secrets with a role: %v", err)
	}
	if _, err := client.CoreV1().Secrets("default").List(ctx, metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("listing secrets of another namespace: got %v, want forbidden", err)
	}
}

func allowSecrets(ctx context.Context, t *testing.T, admin kubernetes.Interface, namespace string) {
	t.Helper()
	meta := metav1.ObjectMeta{Name: "secrets"}
	_, err := admin.RbacV1().Roles(namespace).Create(ctx, &rbacv1.Role{
		ObjectMeta: meta,
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"list"}}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("creating a role: %v", err)
	}
	_, err = admin.RbacV1().RoleBindings(namespace).Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: meta,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: meta.Name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: "default", Namespace: namespace}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("creating a role binding: %v", err)
	}
}

func podSpec() corev1.PodSpec {
	return corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "example.invalid/main:1"}}}
}

func testDeployment(ctx context.Context, t *testing.T, plane *ControlPlane) {
	client := clientFor(t, plane.AdminConfig())
	namespace := newNamespace(ctx, t, client, nil)
	labels := map[string]string{"app": "main"}
	_, err := client.AppsV1().Deployments(namespace).Create(ctx, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "main"},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: podSpec()},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("creating a deployment: %v", err)
	}
	pods := cache.NewListWatchFromClient(client.CoreV1().RESTClient(), "pods", namespace, fields.Everything())
	if _, err := watchtools.UntilWithSync(ctx, pods, &corev1.Pod{}, nil, isAdded); err != nil {
		t.Errorf("waiting for the deployment's pod: %v", err)
	}
}

func isAdded(event watch.Event) (bool, error)   { return event.Type == watch.Added, nil }
func isDeleted(event watch.Event) (bool, error) { return event.Type == watch.Deleted, nil }

func testPodSecurity(ctx context.Context, t *testing.T, plane *ControlPlane) {
	client := clientFor(t, plane.AdminConfig())
	namespace := newNamespace(ctx, t, client, map[string]string{"pod-security.kubernetes.io/enforce": "restricted"})
	if err := plane.awaitNamespace(ctx, namespace); err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "main"}, Spec: podSpec()}
	_, err := client.CoreV1().Pods(namespace).Create(ctx, pod, metav1.CreateOptions{})
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "PodSecurity") {
		t.Errorf("creating an unrestricted pod: got %v, want forbidden by PodSecurity", err)
	}
}

func testRoleAggregation(ctx context.Context, t *testing.T, plane *ControlPlane) {
	client := clientFor(t, plane.AdminConfig())
	roles := cache.NewListWatchFromClient(client.RbacV1().RESTClient(), "clusterroles", "",
		fields.OneTermEqualSelector(metav1.ObjectNameField, "edit"))
	_, err := watchtools.UntilWithSync(ctx, roles, &rbacv1.ClusterRole{}, nil, func(event watch.Event) (bool, error) {
		return len(event.Object.(*rbacv1.ClusterRole).Rules) > 0, nil
	})
	if err != nil {
		t.Errorf("waiting for the rules of the role edit: %v", err)
	}
}

func testGarbageCollection(ctx context.Context, t *testing.T, plane *ControlPlane) {
	client := clientFor(t, plane.AdminConfig())
	namespace := newNamespace(ctx, t, client, nil)
	maps := client.CoreV1().ConfigMaps(namespace)
	owner, err := maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "owner"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("creating the owner: %v", err)
	}
	dependent, err := maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
		Name:            "dependent",
		OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: owner.Name, UID: owner.UID}},
	}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("creating the dependent: %v", err)
	}
	if err := maps.Delete(ctx, owner.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatalf("deleting the owner: %v", err)
	}
	watcher := cache.NewListWatchFromClient(client.CoreV1().RESTClient(), "configmaps", namespace,
		fields.OneTermEqualSelector(metav1.ObjectNameField, dependent.Name))
	if _, err := watchtools.Until(ctx, dependent.ResourceVersion, watcher, isDeleted); err != nil {
		t.Errorf("waiting for the dependent's end: %v", err)
	}
}

func testNamespaceDeletion(ctx context.Context, t *testing.T, plane *ControlPlane) {
	client := clientFor(t, plane.AdminConfig())
	name := newNamespace(ctx, t, client, nil)
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "content"}}
	if _, err := client.CoreV1().Secrets(name).Create(ctx, secret, metav1.CreateOptions{}); err != nil {
		t.Fatalf("creating a secret: %v", err)
	}
	namespace, err := client.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		t.Fatalf("getting the namespace: %v", err)
	}
	if err := client.CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
		t.Fatalf("deleting the namespace: %v", err)
	}
	watcher := cache.NewListWatchFromClient(client.CoreV1().RESTClient(), "namespaces", "",
		fields.OneTermEqualSelector(metav1.ObjectNameField, name))
	if _, err := watchtools.Until(ctx, namespace.ResourceVersion, watcher, isDeleted); err != nil {
		t.Fatalf("waiting for the namespace's end: %v", err)
	}
	if _, err := client.CoreV1().Secrets(name).Get(ctx, "content", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("getting the secret of a namespace that is gone: got %v, want not found", err)
	}
}

func testKubectlVersion(ctx context.Context, t *testing.T, plane *ControlPlane) {
	out, err := plane.Kubectl(ctx, "version")
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv(AssetsEnv) != "" {
		t.Skipf("the programs of $%s have their own version: %s", AssetsEnv, out)
	}
	b, err := newBuild(nil)
	if err != nil {
		t.Fatal(err)
	}
	version, _, err := b.pin()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Client Version: " + version, "Server Version: " + version} {
		if !strings.Contains(out, want) {
			t.Errorf("kubectl version doesn't say %q:\n%s", want, out)
		}
	}
	if strings.Contains(strings.ToLower(out), "warning") {
		t.Errorf("kubectl version warns:\n%s", out)
	}
}

func testKubectlError(ctx context.Context, t *testing.T, plane *ControlPlane) {
	_, err := plane.Kubectl(ctx, "get", "configmap", "absent")
	if err == nil || !strings.Contains(err.Error(), `configmaps "absent" not found`) {
		t.Errorf("kubectl get of what doesn't exist: got %v", err)
	}
}

func TestTwoControlPlanesAreSeparate(t *testing.T) {
	ctx := testContext(t)
	one, two := start(ctx, t, Options{Name: "one"}), start(ctx, t, Options{Name: "two"})
	namespace := newNamespace(ctx, t, clientFor(t, one.AdminConfig()), nil)
	_, err := clientFor(t, two.AdminConfig()).CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{})
	if !apierrors.IsNotFound(err) {
		t.Errorf("getting a namespace of the other control plane: got %v, want not found", err)
	}

	mixed := one.AdminConfig()
	mixed.Host, mixed.CAData = two.AdminConfig().Host, two.AdminConfig().CAData
	_, err = clientFor(t, mixed).CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
	if !apierrors.IsUnauthorized(err) {
		t.Errorf("using the other's certificate: got %v, want unauthorized", err)
	}

	stopAndCheck(t, one)
	if _, err := clientFor(t, two.AdminConfig()).CoreV1().Namespaces().List(ctx, metav1.ListOptions{}); err != nil {
		t.Errorf("using a control plane after another was stopped: %v", err)
	}
}

// stopAndCheck stops the control plane and looks for its processes and its folder.
func stopAndCheck(t *testing.T, plane *ControlPlane) {
	t.Helper()
	if len(plane.processes) != 3 {
		t.Fatalf("the control plane has %d processes, want 3", len(plane.processes))
	}
	for _, p := range plane.processes {
		if err := syscall.Kill(p.child.Pid, 0); err != nil {
			t.Fatalf("%s doesn't run before Stop: %v", p.name, err)
		}
	}
	if err := plane.Stop(); err != nil {
		t.Fatalf("Stop: %v", err)
	}
	for _, p := range plane.processes {
		if err := syscall.Kill(p.child.Pid, 0); err != syscall.ESRCH {
			t.Errorf("%s after Stop: got %v, want no such process", p.name, err)
		}
		if p.result != nil && strings.Contains(p.result.Error(), "killed") {
			t.Errorf("%s had to be killed: %v", p.name, p.result)
		}
	}
	if _, err := os.Stat(plane.Dir()); !os.IsNotExist(err) {
		t.Errorf("the folder after Stop: got %v, want not found", err)
	}
	select {
	case <-plane.Failed():
		t.Errorf("Stop counts as a failure: %v", plane.Err())
	default:
	}
}
