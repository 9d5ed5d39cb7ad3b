// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package overlays_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/openapi"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/apisync/apisync/config/crd"
	"github.com/apisync/apisync/internal/install"
	"github.com/apisync/apisync/test/harness"
)

// TestNamespacedShapes is about the overlays whose operator doesn't work in the whole cluster: what it may do where it works, and that
// it may do nothing anywhere else.
func TestNamespacedShapes(t *testing.T) {
	const foreign = "foreign"
	cases := []struct {
		overlay string
		// works are the namespaces in which the operator works besides its own.
		works   []string
		metrics bool
		setting string
	}{
		{overlay: "one-namespace", setting: "env NAMESPACE from metadata.namespace"},
		{overlay: "several-namespaces", works: []string{"team-a", "team-b"}, metrics: true, setting: "NAMESPACE=apisync-system,team-a,team-b"},
	}
	for _, c := range cases {
		t.Run(c.overlay, func(t *testing.T) {
			cluster := start(t)
			cluster.makeNamespaces(append([]string{namespace, foreign}, c.works...)...)
			built := build(t, "config/overlays/"+c.overlay)
			cluster.apply(built)
			cluster.kubectl("wait", patience, "--for=condition=Established", "crd", "--all")

			rights := slices.Concat(rightsIn(namespace), ownRights(), never(), ofMetrics(c.metrics), ofCRDs(false), nothingIn(""), nothingIn(foreign))
			for _, name := range c.works {
				rights = append(rights, append(rightsIn(name), elsewhere(name)...)...)
			}
			cluster.expectRights(rights)
			cluster.expectNoSecretOf(foreign)
			cluster.expectStart(c.works)
			if got := settings(t, built); !slices.Contains(got, c.setting) {
				t.Errorf("the operator has to be told where it works: %s isn't among %v", c.setting, got)
			}
		})
	}
}

// TestOneNamespaceHasNoClusterRole is what a team asks that may have no rights of the whole cluster.
func TestOneNamespaceHasNoClusterRole(t *testing.T) {
	built := build(t, "config/overlays/one-namespace")
	if bytes.Contains(built, []byte("kind: ClusterRole")) {
		t.Error("there is a ClusterRole or a binding of one")
	}
}

// TestOneNamespaceUnderAnotherName is how a team installs it into its own namespace.
func TestOneNamespaceUnderAnotherName(t *testing.T) {
	objects, err := harness.Parse(build(t, kustomization(t, "namespace: shop\nresources: [CONFIG/overlays/one-namespace]\n")))
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range objects {
		if object.GetKind() != "CustomResourceDefinition" && object.GetNamespace() != "shop" {
			t.Errorf("%s %s is in the namespace %q", object.GetKind(), object.GetName(), object.GetNamespace())
		}
		subjects, _, _ := unstructured.NestedSlice(object.Object, "subjects")
		for _, subject := range subjects {
			if account, _ := subject.(map[string]any); account["namespace"] != "shop" {
				t.Errorf("%s %s gives its rights to %v", object.GetKind(), object.GetName(), subject)
			}
		}
	}
}

// TestSettingsAreAddedToNamespaces is about an overlay of a person on top: the list of namespaces must stay.
func TestSettingsAreAddedToNamespaces(t *testing.T) {
	got := settings(t, build(t, kustomization(t, "resources: [CONFIG/overlays/several-namespaces]\nconfigMapGenerator:\n"+
		"- {name: apisync-config, namespace: apisync-system, behavior: merge, literals: [DRIFT_PERIOD=2m]}\n")))
	for _, want := range []string{"NAMESPACE=apisync-system,team-a,team-b", "DRIFT_PERIOD=2m"} {
		if !slices.Contains(got, want) {
			t.Errorf("%s isn't among %v", want, got)
		}
	}
}

func (c cluster) makeNamespaces(names ...string) {
	c.t.Helper()
	for _, name := range names {
		c.kubectl("create", "namespace", name)
	}
}

// expectNoSecretOf tries what the table of rights promises.
func (c cluster) expectNoSecretOf(foreign string) {
	c.t.Helper()
	c.kubectl("create", "secret", "generic", "theirs", "-n", foreign, "--from-literal=password=s3cr3t")
	operator := c.asOperator()
	key := client.ObjectKey{Namespace: foreign, Name: "theirs"}
	for what, err := range map[string]error{
		"read":            operator.Get(c.t.Context(), key, &corev1.Secret{}),
		"listed":          operator.List(c.t.Context(), &corev1.SecretList{}, client.InNamespace(foreign)),
		"listed with all": operator.List(c.t.Context(), &corev1.SecretList{}),
	} {
		if !apierrors.IsForbidden(err) {
			c.t.Errorf("the Secret of a namespace that isn't watched can be %s; error %v", what, err)
		}
	}
}

// expectStart runs what the operator does before its controllers, as its ServiceAccount.
func (c cluster) expectStart(works []string) {
	c.t.Helper()
	operator := c.asOperator()
	definitions, err := crd.Definitions()
	if err != nil {
		c.t.Fatal(err)
	}
	var told strings.Builder
	ctx := log.IntoContext(c.t.Context(), funcr.New(func(_, line string) { told.WriteString(line) }, funcr.Options{}))
	published := c.published()
	if err := install.CheckCRDs(ctx, operator, published, definitions); err != nil || told.Len() > 0 {
		c.t.Errorf("without the right to read CRDs, what is published about them has to be enough: %v; logged %q", err, told.String())
	}
	if _, err := install.DigestKey(ctx, operator, namespace); err != nil {
		c.t.Errorf("the digest key can't be made: %v", err)
	}
	if rival, err := install.RunningGKO(ctx, operator, namespace, time.Now(), append(works, namespace)...); err != nil || rival != "" {
		c.t.Errorf("the look for a GKO gave %q, error %v", rival, err)
	}
	for _, name := range works {
		c.makeLease(name)
		rival, err := install.RunningGKO(ctx, operator, namespace, time.Now(), append(works, namespace)...)
		if err != nil || !strings.Contains(rival, name+"/"+install.LeaseName) {
			c.t.Errorf("a GKO at work in %s isn't found: got %q, error %v", name, rival, err)
		}
		c.kubectl("delete", "lease", install.LeaseName, "-n", name)
	}
	// Last, since it changes a CRD.
	c.kubectl("patch", "crd", "groups.gravitee.io", "--type=json",
		`--patch=[{"op": "remove", "path": "/spec/versions/0/schema/openAPIV3Schema/properties/status/properties/sync"}]`)
	c.eventually("a CRD that doesn't fit is told", func(ctx context.Context) (bool, error) {
		err := install.CheckCRDs(ctx, operator, published, definitions)
		return err != nil && strings.Contains(err.Error(), "groups.gravitee.io would lose status.sync"), nil
	})
}

// published is what the API server tells the operator's ServiceAccount about its resources.
func (c cluster) published() openapi.ClientWithContext {
	c.t.Helper()
	config, err := c.ServiceAccountConfig(c.t.Context(), namespace, account)
	if err != nil {
		c.t.Fatal(err)
	}
	found, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		c.t.Fatal(err)
	}
	return found.OpenAPIV3WithContext(c.t.Context())
}

// settings are what the Deployment of an overlay gives to the operator.
func settings(t *testing.T, built []byte) []string {
	t.Helper()
	objects, err := harness.Parse(built)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, object := range objects {
		if object.GetKind() == "ConfigMap" && strings.HasPrefix(object.GetName(), "apisync-config-") {
			data, _, _ := unstructured.NestedStringMap(object.Object, "data")
			for name, value := range data {
				found = append(found, name+"="+value)
			}
		}
		containers, _, _ := unstructured.NestedSlice(object.Object, "spec", "template", "spec", "containers")
		for _, container := range containers {
			variables, _, _ := unstructured.NestedSlice(container.(map[string]any), "env")
			for _, variable := range variables {
				content, _ := variable.(map[string]any)
				path, _, _ := unstructured.NestedString(content, "valueFrom", "fieldRef", "fieldPath")
				found = append(found, fmt.Sprintf("env %v from %s", content["name"], path))
			}
		}
	}
	slices.Sort(found)
	return found
}
