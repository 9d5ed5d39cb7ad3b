// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package overlays_test

import (
	"context"
	"errors"
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

func TestOperatorMayDoWhatItNeedsAndNotMore(t *testing.T) {
	const graviteeGroup, team = "gravitee.io", "team"
	cluster := start(t)
	cluster.apply(build(t, "config/overlays/no-deployment"))
	admin := cluster.asAdmin()
	user := "system:serviceaccount:" + namespace + ":" + account
	groups := []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"}

	cases := []struct {
		reason  string
		verbs   []string
		request request
		allowed bool
	}{
		{"APIs are watched in all namespaces", []string{"get", "list", "watch"}, request{group: graviteeGroup, resource: "apidefinitions"}, true},
		{"contexts are watched in all namespaces", []string{"get", "list", "watch"}, request{group: graviteeGroup, resource: "managementcontexts"}, true},
		{"the finalizer and the identity are patched", []string{"patch"}, request{group: graviteeGroup, resource: "apidefinitions", namespace: team}, true},
		{"the finalizer is patched", []string{"patch"}, request{group: graviteeGroup, resource: "managementcontexts", namespace: team}, true},
		{"an update would write defaults into users' specs", []string{"update"}, request{group: graviteeGroup, resource: "apidefinitions", namespace: team}, false},
		{"resources belong to people", []string{"create", "delete", "deletecollection"}, request{group: graviteeGroup, resource: "apidefinitions", namespace: team}, false},
		{"resources belong to people", []string{"create", "delete", "deletecollection", "update"}, request{group: graviteeGroup, resource: "managementcontexts", namespace: team}, false},
		{"the status is patched", []string{"patch"}, request{group: graviteeGroup, resource: "apidefinitions", subresource: "status", namespace: team}, true},
		{"the status is patched", []string{"patch"}, request{group: graviteeGroup, resource: "managementcontexts", subresource: "status", namespace: team}, true},
		{"an admission plugin may ask for it", []string{"update"}, request{group: graviteeGroup, resource: "apidefinitions", subresource: "finalizers", namespace: team}, true},
		{"kinds that aren't offered yet need no rights", []string{"get", "list", "patch"}, request{group: graviteeGroup, resource: "applications"}, false},

		{"credentials are read where contexts name them", []string{"get", "list", "watch"}, request{resource: "secrets"}, true},
		{"Secrets of people aren't written", []string{"create", "update", "patch", "delete"}, request{resource: "secrets", namespace: team}, false},
		{"the digest key is made in the operator's namespace", []string{"create", "get"}, request{resource: "secrets", namespace: namespace, name: "apisync-digest-key"}, true},
		{"a key that exists is never changed", []string{"update", "patch", "delete"}, request{resource: "secrets", namespace: namespace, name: "apisync-digest-key"}, false},
		{"local APIs aren't offered yet", []string{"get", "list", "create", "update"}, request{resource: "configmaps", namespace: team}, false},

		{"events tell about resources", []string{"create", "patch"}, request{group: "events.k8s.io", resource: "events", namespace: team}, true},
		{"leader election tells of itself", []string{"create", "patch"}, request{resource: "events", namespace: namespace}, true},
		{"only leader election uses these", []string{"create", "patch"}, request{resource: "events", namespace: team}, false},

		{"the lease of the leader", []string{"get", "update", "patch"}, request{group: "coordination.k8s.io", resource: "leases", namespace: namespace, name: install.LeaseName}, true},
		{"the first leader makes the lease", []string{"create"}, request{group: "coordination.k8s.io", resource: "leases", namespace: namespace}, true},
		{"a lease of GKO is looked for everywhere", []string{"list"}, request{group: "coordination.k8s.io", resource: "leases"}, true},
		{"leases of others aren't touched", []string{"get", "create", "update", "delete"}, request{group: "coordination.k8s.io", resource: "leases", namespace: "kube-system"}, false},
		{"a GKO without a lease is looked for", []string{"list"}, request{group: "apps", resource: "deployments"}, true},
		{"deployments aren't touched", []string{"get", "create", "update", "patch", "delete"}, request{group: "apps", resource: "deployments", namespace: namespace}, false},

		{"installed CRDs are checked", []string{"get"}, request{group: "apiextensions.k8s.io", resource: "customresourcedefinitions", name: "apidefinitions.gravitee.io"}, true},
		{"installed CRDs are checked", []string{"get"}, request{group: "apiextensions.k8s.io", resource: "customresourcedefinitions", name: "managementcontexts.gravitee.io"}, true},
		{"CRDs are only written where an overlay says so", []string{"create", "patch", "update", "delete"}, request{group: "apiextensions.k8s.io", resource: "customresourcedefinitions", name: "apidefinitions.gravitee.io"}, false},
		{"CRDs of others are none of its business", []string{"get", "list", "patch"}, request{group: "apiextensions.k8s.io", resource: "customresourcedefinitions", name: "others.example.org"}, false},

		{"secure metrics ask who somebody is", []string{"create"}, request{group: "authentication.k8s.io", resource: "tokenreviews"}, true},
		{"secure metrics ask what somebody may", []string{"create"}, request{group: "authorization.k8s.io", resource: "subjectaccessreviews"}, true},
		{"readers of metrics get a role of their own", []string{"get"}, request{url: "/metrics"}, false},
		{"the operator gives nobody rights", []string{"create", "bind", "escalate"}, request{group: "rbac.authorization.k8s.io", resource: "clusterroles"}, false},
		{"the operator runs nothing", []string{"create"}, request{resource: "pods", namespace: namespace}, false},
		{"there is no wildcard", []string{"*"}, request{group: "*", resource: "*"}, false},
	}
	for _, c := range cases {
		for _, verb := range c.verbs {
			c.request.verb = verb
			allowed, err := may(t.Context(), admin, user, groups, c.request)
			if err != nil {
				t.Fatal(err)
			}
			if allowed != c.allowed {
				t.Errorf("%+v: allowed is %t, want %t, since %s", c.request, allowed, c.allowed, c.reason)
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
	if err := install.CheckCRDs(t.Context(), operator, definitions); err != nil {
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
	cluster.kubectl("create", "namespace", "gravitee")
	holder, seconds, now := "gko-0", int32(15), metav1.NewMicroTime(time.Now())
	lease := &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: "gravitee", Name: install.LeaseName},
		Spec:       coordinationv1.LeaseSpec{HolderIdentity: &holder, LeaseDurationSeconds: &seconds, RenewTime: &now},
	}
	if err := cluster.asAdmin().Create(t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	rival, err := install.RunningGKO(t.Context(), operator, namespace, now.Time)
	if err != nil || !strings.Contains(rival, "gravitee/"+install.LeaseName) {
		t.Errorf("a GKO at work isn't found: got %q, error %v", rival, err)
	}
}

// TestPeoplesRights is about the roles that are added to the cluster's own.
func TestPeoplesRights(t *testing.T) {
	const team = "team"
	cluster := start(t)
	cluster.apply(build(t, "config/overlays/no-deployment"))
	cluster.kubectl("create", "namespace", team)
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
		{"view", "create", "apidefinitions", false, "viewers change nothing"},
		{"view", "get", "managementcontexts", false, "a context may hold credentials inline"},
		{"edit", "create", "managementcontexts", false, "a context decides where credentials are sent"},
		{"edit", "patch", "apidefinitions/status", false, "the status is the operator's"},
	}
	for _, c := range cases {
		request := request{verb: c.verb, group: v1alpha1.GroupVersion.Group, resource: c.resource, namespace: team}
		if c.resource == "apidefinitions/status" {
			request.resource, request.subresource = "apidefinitions", "status"
		}
		// Roles are added by a controller a moment after they are made; those that are denied come last, when
		// all that were to be added are.
		var allowed bool
		err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, time.Minute, true, func(ctx context.Context) (done bool, err error) {
			allowed, err = may(ctx, admin, c.user, nil, request)
			return allowed == c.allowed, err
		})
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		if allowed != c.allowed {
			t.Errorf("%s %s as %s: allowed is %t, want %t, since %s", c.verb, c.resource, c.user, allowed, c.allowed, c.reason)
		}
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
