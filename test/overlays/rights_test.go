// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package overlays_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/config/crd"
	"github.com/apisync/apisync/internal/install"
)

func newScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(apiextensionsv1.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	return scheme
}

// request is one thing that somebody may want to do.
type request struct {
	verb, group, resource, subresource, namespace, name, url string
}

// right is what the operator is expected to be allowed or denied, and why.
type right struct {
	reason  string
	verbs   []string
	request request
	allowed bool
}

const (
	graviteeGroup, leaseGroup, crdGroup = "gravitee.io", "coordination.k8s.io", "apiextensions.k8s.io"
	team                                = "team"
)

// rightsIn are those that the operator needs in each namespace in which it works, and what it may not do there. An empty namespace
// stands for all.
func rightsIn(namespace string) []right {
	var rights []right
	for _, kind := range []string{"apidefinitions", "apiresources", "groups", "managementcontexts", "notifications"} {
		resource := request{group: graviteeGroup, resource: kind, namespace: namespace}
		status, finalizers := resource, resource
		status.subresource, finalizers.subresource = "status", "finalizers"
		rights = append(rights,
			right{kind + " are watched", []string{"get", "list", "watch"}, resource, true},
			right{"the finalizer and notes are patched", []string{"patch"}, resource, true},
			right{"an update would write defaults into users' specs", []string{"update"}, resource, false},
			right{"resources belong to people", []string{"create", "delete", "deletecollection"}, resource, false},
			right{"the status is patched", []string{"patch"}, status, true},
			right{"an admission plugin may ask for it", []string{"update"}, finalizers, true},
		)
	}
	return append(rights, []right{
		{"kinds that aren't offered yet need no rights", []string{"get", "list", "patch"}, request{group: graviteeGroup, resource: "applications", namespace: namespace}, false},

		{"credentials are read where contexts name them, and templates", []string{"get", "list", "watch"}, request{resource: "secrets", namespace: namespace}, true},
		{"finalizers of GKO are taken off Secrets", []string{"patch"}, request{resource: "secrets", namespace: namespace}, true},
		{"Secrets of people are neither made nor removed", []string{"update", "delete", "deletecollection"}, request{resource: "secrets", namespace: namespace}, false},
		{"templates name ConfigMaps too", []string{"get", "list", "watch"}, request{resource: "configmaps", namespace: namespace}, true},
		{"finalizers of GKO are taken off ConfigMaps", []string{"patch"}, request{resource: "configmaps", namespace: namespace}, true},
		{"gateways read local APIs from ConfigMaps", []string{"create", "update", "delete"}, request{resource: "configmaps", namespace: namespace}, true},
		{"each of them is deleted by its name", []string{"deletecollection"}, request{resource: "configmaps", namespace: namespace}, false},

		{"events tell about resources", []string{"create", "patch"}, request{group: "events.k8s.io", resource: "events", namespace: namespace}, true},
		{"a lease of GKO is looked for", []string{"list"}, request{group: leaseGroup, resource: "leases", namespace: namespace}, true},
		{"a GKO without a lease is looked for", []string{"list"}, request{group: "apps", resource: "deployments", namespace: namespace}, true},
		{"deployments aren't touched", []string{"get", "create", "update", "patch", "delete"}, request{group: "apps", resource: "deployments", namespace: namespace}, false},
		{"the operator runs nothing", []string{"create"}, request{resource: "pods", namespace: namespace}, false},
		{"the operator gives nobody rights", []string{"create", "bind", "escalate"}, request{group: "rbac.authorization.k8s.io", resource: "roles", namespace: namespace}, false},
		{"there is no wildcard", []string{"*"}, request{group: "*", resource: "*", namespace: namespace}, false},
	}...)
}

// ownRights are those in the operator's own namespace, in every shape of an installation.
func ownRights() []right {
	return []right{
		{"the digest key is made in the operator's namespace", []string{"create", "get"}, request{resource: "secrets", namespace: namespace, name: install.DigestKeySecret}, true},
		{"a key that exists is never changed", []string{"update", "delete"}, request{resource: "secrets", namespace: namespace, name: install.DigestKeySecret}, false},
		{"leader election tells of itself", []string{"create", "patch"}, request{resource: "events", namespace: namespace}, true},
		{"the lease of the leader", []string{"get", "update", "patch"}, request{group: leaseGroup, resource: "leases", namespace: namespace, name: install.LeaseName}, true},
		{"the first leader makes the lease", []string{"create"}, request{group: leaseGroup, resource: "leases", namespace: namespace}, true},
		{"other leases aren't touched", []string{"get", "update", "patch", "delete"}, request{group: leaseGroup, resource: "leases", namespace: namespace, name: "other"}, false},
	}
}

// elsewhere are things that the operator may do in its own namespace at most.
func elsewhere(namespace string) []right {
	return []right{
		{"Secrets are made in the operator's namespace only", []string{"create"}, request{resource: "secrets", namespace: namespace}, false},
		{"only leader election uses these", []string{"create", "patch"}, request{resource: "events", namespace: namespace}, false},
		{"leases of others aren't touched", []string{"get", "create", "update", "delete"}, request{group: leaseGroup, resource: "leases", namespace: namespace}, false},
	}
}

// never are rights that no shape gives.
func never() []right {
	return []right{
		{"CRDs are only written where an overlay says so", []string{"create", "patch", "update", "delete"}, request{group: crdGroup, resource: "customresourcedefinitions", name: "apidefinitions.gravitee.io"}, false},
		{"CRDs of others are none of its business", []string{"get", "list", "patch"}, request{group: crdGroup, resource: "customresourcedefinitions", name: "others.example.org"}, false},
		{"readers of metrics get a role of their own", []string{"get"}, request{url: "/metrics"}, false},
		{"the operator gives nobody rights", []string{"create", "bind", "escalate"}, request{group: "rbac.authorization.k8s.io", resource: "clusterroles"}, false},
		{"namespaces needn't be known", []string{"get", "list"}, request{resource: "namespaces"}, false},
		{"there is no wildcard", []string{"*"}, request{group: "*", resource: "*"}, false},
	}
}

// ofMetrics are the rights that secure metrics need.
func ofMetrics(allowed bool) []right {
	return []right{
		{"secure metrics ask who somebody is", []string{"create"}, request{group: "authentication.k8s.io", resource: "tokenreviews"}, allowed},
		{"secure metrics ask what somebody may", []string{"create"}, request{group: "authorization.k8s.io", resource: "subjectaccessreviews"}, allowed},
	}
}

// ofCRDs is the right to read the installed CRDs.
func ofCRDs(allowed bool) []right {
	var rights []right
	for _, kind := range []string{"apidefinitions", "apiresources", "groups", "managementcontexts", "notifications"} {
		rights = append(rights, right{
			"installed CRDs are checked", []string{"get"}, request{group: crdGroup, resource: "customresourcedefinitions", name: kind + ".gravitee.io"}, allowed,
		})
	}
	return rights
}

// nothingIn are the rights that an operator of some namespaces would need in another one, and hasn't. An empty namespace stands for
// the whole cluster.
func nothingIn(namespace string) []right {
	denied := elsewhere(namespace)
	for _, right := range rightsIn(namespace) {
		right.allowed, right.reason = false, "the operator doesn't work there, and "+right.reason
		denied = append(denied, right)
	}
	return denied
}

func TestOperatorMayDoWhatItNeedsAndNotMore(t *testing.T) {
	cluster := start(t)
	cluster.apply(build(t, "config/overlays/no-deployment"))
	cluster.expectRights(slices.Concat(rightsIn(""), rightsIn(team), ownRights(), elsewhere(team), never(), ofMetrics(true), ofCRDs(true)))
}

// expectRights asks what the operator's ServiceAccount may do.
func (c cluster) expectRights(rights []right) {
	c.t.Helper()
	admin := c.asAdmin()
	user := "system:serviceaccount:" + namespace + ":" + account
	groups := []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"}
	for _, right := range rights {
		for _, verb := range right.verbs {
			right.request.verb = verb
			allowed, err := may(c.t.Context(), admin, user, groups, right.request)
			if err != nil {
				c.t.Fatal(err)
			}
			if allowed != right.allowed {
				c.t.Errorf("%+v: allowed is %t, want %t, since %s", right.request, allowed, right.allowed, right.reason)
			}
		}
	}
}

// TestStartWorksWithTheseRights runs what the operator does before its controllers, as its ServiceAccount.
func TestStartWorksWithTheseRights(t *testing.T) {
	cluster := start(t)
	cluster.apply(build(t, "config/overlays/no-deployment"))
	cluster.kubectl("wait", patience, "--for=condition=Established", "crd", "--all")
	operator := cluster.asOperator()

	definitions, err := crd.Definitions()
	if err != nil {
		t.Fatal(err)
	}
	if err := install.CheckCRDs(t.Context(), operator, nil, definitions); err != nil {
		t.Errorf("the CRDs that config/ installs don't pass the operator's check: %v", err)
	}
	first, err := install.DigestKey(t.Context(), operator, namespace)
	if err != nil {
		t.Fatalf("the digest key can't be made: %v", err)
	}
	second, err := install.DigestKey(t.Context(), operator, namespace)
	if err != nil || string(first) != string(second) {
		t.Errorf("the digest key isn't the same when it is read again (error %v)", err)
	}
	var secret corev1.Secret
	if err := cluster.asAdmin().Get(t.Context(), key(install.DigestKeySecret), &secret); err != nil {
		t.Errorf("the digest key isn't in its Secret: %v", err)
	}

	// A GKO at work elsewhere, as its lease tells.
	cluster.makeNamespaces("gravitee")
	cluster.makeLease("gravitee")
	rival, err := install.RunningGKO(t.Context(), operator, namespace, time.Now())
	if err != nil || !strings.Contains(rival, "gravitee/"+install.LeaseName) {
		t.Errorf("a GKO at work isn't found: got %q, error %v", rival, err)
	}
}

// makeLease makes that of a GKO at work.
func (c cluster) makeLease(namespace string) {
	c.t.Helper()
	holder, seconds, renewed := "gko-0", int32(120), metav1.NewMicroTime(time.Now())
	lease := &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: install.LeaseName},
		Spec:       coordinationv1.LeaseSpec{HolderIdentity: &holder, LeaseDurationSeconds: &seconds, RenewTime: &renewed},
	}
	if err := c.asAdmin().Create(c.t.Context(), lease); err != nil {
		c.t.Fatal(err)
	}
}

// kind is what the lifecycle of every kind works with.
type kind interface {
	client.Object
	SetConditions(conditions []metav1.Condition)
	GetObservedGeneration() int64
	SetObservedGeneration(generation int64)
}

// TestEveryKindIsPatchedWithTheseRights does with a new object of each kind what the operator does. The schemas have required fields and
// a default in the status, which an object that was made without one must not stumble over.
func TestEveryKindIsPatchedWithTheseRights(t *testing.T) {
	cluster := start(t)
	cluster.apply(build(t, "config/overlays/no-deployment"))
	cluster.kubectl("wait", patience, "--for=condition=Established", "crd", "--all")
	cluster.makeNamespaces(team)
	specs := map[string]string{
		v1alpha1.ApiDefinitionKind:     `{name: an, version: v, description: d}`,
		v1alpha1.ManagementContextKind: `{}`,
		v1alpha1.ApiResourceKind:       `{}`,
		v1alpha1.GroupKind:             `{name: an, members: []}`,
		v1alpha1.NotificationKind:      `{}`,
	}
	definitions, err := crd.Definitions()
	if err != nil {
		t.Fatal(err)
	}
	for _, definition := range definitions {
		name := definition.Spec.Names.Kind
		t.Run(name, func(t *testing.T) {
			manifest := fmt.Sprintf("{apiVersion: gravitee.io/v1alpha1, kind: %s, metadata: {name: o, namespace: %s}, spec: %s}", name, team, specs[name])
			cluster := cluster
			cluster.t = t
			cluster.apply([]byte(manifest))
			cluster.expectLife(name)
			cluster.kubectl("delete", definition.Name, "o", "-n", team, patience)
		})
	}
}

// expectLife patches metadata and status of an object as the operator, and metadata as a person, in turns.
func (c cluster) expectLife(name string) {
	c.t.Helper()
	ctx, operator := c.t.Context(), c.asOperator()
	made, err := newScheme().New(v1alpha1.GroupVersion.WithKind(name))
	if err != nil {
		c.t.Fatal(err)
	}
	object, ok := made.(kind)
	if !ok {
		c.t.Fatalf("%T isn't what the lifecycle works with", made)
	}
	if err := operator.Get(ctx, client.ObjectKey{Namespace: team, Name: "o"}, object); err != nil {
		c.t.Fatal(err)
	}
	if got := object.GetObservedGeneration(); got != -1 {
		c.t.Errorf("a new object was observed at generation %d, want -1", got)
	}
	patch := func(what string, write func(client.Object, client.Patch) error, change func()) {
		before, _ := object.DeepCopyObject().(kind)
		change()
		if err := write(object, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
			c.t.Errorf("%s: %v", what, err)
		}
	}
	metadata := func(o client.Object, p client.Patch) error { return operator.Patch(ctx, o, p) }
	status := func(o client.Object, p client.Patch) error { return operator.Status().Patch(ctx, o, p) }
	patch("storing the finalizer", metadata, func() { object.SetFinalizers([]string{"finalizers.gravitee.io/test"}) })
	patch("storing the status", status, func() {
		object.SetObservedGeneration(1)
		object.SetConditions([]metav1.Condition{{
			Type: v1alpha1.ReadyCondition, Status: metav1.ConditionTrue, Reason: "Synchronized", LastTransitionTime: metav1.Now(),
		}})
	})
	c.kubectl("label", strings.ToLower(name)+"s."+v1alpha1.GroupVersion.Group, "o", "-n", team, "by=hand")
	if err := operator.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
		c.t.Fatal(err)
	}
	patch("removing the finalizer", metadata, func() { object.SetFinalizers(nil) })
	if object.GetObservedGeneration() != 1 || object.GetLabels()["by"] != "hand" || len(object.GetFinalizers()) > 0 {
		c.t.Errorf("what was written isn't there: %+v", object)
	}
}

// TestPeoplesRights is about the roles that are added to the cluster's own.
func TestPeoplesRights(t *testing.T) {
	cluster := start(t)
	cluster.apply(build(t, "config/overlays/no-deployment"))
	cluster.makeNamespaces(team)
	for _, role := range []string{"view", "edit", "admin"} {
		cluster.kubectl("create", "rolebinding", role, "-n", team, "--clusterrole="+role, "--user="+role)
	}
	admin := cluster.asAdmin()
	cases := []struct {
		user, verb, resource string
		allowed              bool
		reason               string
	}{
		{"view", "get", "apidefinitions", true, "an API holds nothing secret that it doesn't publish"},
		{"edit", "create", "apidefinitions", true, "APIs are the daily work of those who edit"},
		{"edit", "get", "managementcontexts", true, "who edits may read Secrets as well"},
		{"admin", "create", "managementcontexts", true, "whoever runs a namespace says where its APIs go"},
		{"edit", "get", "apiresources", true, "who edits may read Secrets as well"},
		{"edit", "create", "apiresources", true, "resources are a part of APIs"},
		{"view", "get", "groups", true, "a group holds no secret"},
		{"admin", "create", "groups", true, "whoever runs a namespace says who belongs to it"},
		{"view", "get", "notifications", true, "a notification holds no secret"},
		{"edit", "create", "notifications", true, "notifications are a part of APIs"},
		{"view", "create", "apidefinitions", false, "viewers change nothing"},
		{"view", "get", "managementcontexts", false, "a context may hold credentials inline"},
		{"edit", "create", "managementcontexts", false, "a context decides where credentials are sent"},
		{"view", "get", "apiresources", false, "a resource may hold credentials of an OAuth2 client"},
		{"edit", "create", "groups", false, "a group gives people rights in the management API"},
		{"view", "create", "notifications", false, "viewers change nothing"},
		{"edit", "patch", "apidefinitions/status", false, "the status is the operator's"},
	}
	for _, c := range cases {
		request := request{verb: c.verb, group: v1alpha1.GroupVersion.Group, resource: c.resource, namespace: team}
		if c.resource == "apidefinitions/status" {
			request.resource, request.subresource = "apidefinitions", "status"
		}
		// Roles are added by a controller a moment after they are made; those that are denied come last, when
		// all that were to be added are.
		cluster.eventually(fmt.Sprintf("%s %s as %s is allowed: %t, since %s", c.verb, c.resource, c.user, c.allowed, c.reason), func(ctx context.Context) (bool, error) {
			allowed, err := may(ctx, admin, c.user, nil, request)
			return allowed == c.allowed, err
		})
	}
}

// eventually waits until something holds that the API server brings about by itself.
func (c cluster) eventually(what string, holds func(ctx context.Context) (bool, error)) {
	c.t.Helper()
	err := wait.PollUntilContextTimeout(c.t.Context(), 50*time.Millisecond, time.Minute, true, holds)
	if errors.Is(err, context.DeadlineExceeded) {
		c.t.Errorf("it doesn't come about that %s", what)
	} else if err != nil {
		c.t.Fatal(err)
	}
}

func (c cluster) asAdmin() client.Client {
	c.t.Helper()
	admin, err := client.New(c.AdminConfig(), client.Options{Scheme: newScheme()})
	if err != nil {
		c.t.Fatal(err)
	}
	return admin
}

// may asks the API server itself.
func may(ctx context.Context, admin client.Client, user string, groups []string, r request) (bool, error) {
	review := &authorizationv1.SubjectAccessReview{
		Spec: authorizationv1.SubjectAccessReviewSpec{User: user, Groups: groups},
	}
	if r.url != "" {
		review.Spec.NonResourceAttributes = &authorizationv1.NonResourceAttributes{Verb: r.verb, Path: r.url}
	} else {
		review.Spec.ResourceAttributes = &authorizationv1.ResourceAttributes{
			Verb: r.verb, Group: r.group, Resource: r.resource, Subresource: r.subresource, Namespace: r.namespace, Name: r.name,
		}
	}
	err := admin.Create(ctx, review)
	return review.Status.Allowed, err
}
