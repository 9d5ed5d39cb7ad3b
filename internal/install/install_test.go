// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package install_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/apisync/apisync/config/crd"
	"github.com/apisync/apisync/internal/install"
)

func builder(t *testing.T) *fake.ClientBuilder {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), apiextensionsv1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	return fake.NewClientBuilder().WithScheme(scheme)
}

func TestDigestKeyIsMadeOnce(t *testing.T) {
	c := builder(t).Build()
	first, err := install.DigestKey(t.Context(), c, "apisync-system")
	if err != nil || len(first) != 32 {
		t.Fatalf("%d bytes, %v", len(first), err)
	}
	again, err := install.DigestKey(t.Context(), c, "apisync-system")
	if err != nil || string(again) != string(first) {
		t.Errorf("another key at the next start would make every digest unknown: %v", err)
	}
}

func TestReplicasAgreeOnOneDigestKey(t *testing.T) {
	others := []byte("01234567890123456789012345678901")
	c := builder(t).WithInterceptorFuncs(interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.CreateOption) error {
			// Another replica was faster, after this one had looked.
			stored := object.DeepCopyObject().(*corev1.Secret)
			stored.Data = map[string][]byte{"key": others}
			if err := c.Create(ctx, stored); err != nil {
				return err
			}
			return c.Create(ctx, object, options...)
		},
	}).Build()
	key, err := install.DigestKey(t.Context(), c, "apisync-system")
	if err != nil || string(key) != string(others) {
		t.Errorf("key = %q, %v", key, err)
	}
}

func TestDamagedDigestKeyIsNamed(t *testing.T) {
	c := builder(t).WithObjects(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "apisync-system", Name: install.DigestKeySecret},
		Data:       map[string][]byte{"key": []byte("short")},
	}).Build()
	_, err := install.DigestKey(t.Context(), c, "apisync-system")
	if err == nil || !strings.Contains(err.Error(), "apisync-system/"+install.DigestKeySecret) || !strings.Contains(err.Error(), "delete the Secret") || strings.Contains(err.Error(), "short ") {
		t.Errorf("error = %v", err)
	}
}

func TestCheckCRDs(t *testing.T) {
	ours, err := crd.Definitions()
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		why    string
		change func(status *apiextensionsv1.JSONSchemaProps)
		want   []string
	}{
		"ours": {why: "the CRDs of this release fit", change: func(*apiextensionsv1.JSONSchemaProps) {}},
		"GKO's": {
			why: "what they don't know would be pruned and patched for ever",
			change: func(status *apiextensionsv1.JSONSchemaProps) {
				delete(status.Properties, "sync")
				eight := int64(8)
				conditions := status.Properties["conditions"]
				conditions.MaxItems = &eight
				status.Properties["conditions"] = conditions
			},
			want: []string{"apidefinitions.gravitee.io would lose status.conditions beyond 8 items, status.sync", "APPLY_CRDS=true"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b := builder(t)
			for i := range ours {
				installed := ours[i].DeepCopy()
				if installed.Name == "apidefinitions.gravitee.io" {
					status := installed.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["status"]
					c.change(&status)
					installed.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["status"] = status
				}
				b.WithObjects(installed)
			}
			expectProblems(t, install.CheckCRDs(t.Context(), b.Build(), ours), c.want, c.why)
		})
	}
	t.Run("none", func(t *testing.T) {
		expectProblems(t, install.CheckCRDs(t.Context(), builder(t).Build(), ours),
			[]string{"apidefinitions.gravitee.io isn't installed", "managementcontexts.gravitee.io isn't installed"}, "the remedy is told")
	})
}

func expectProblems(t *testing.T, err error, want []string, why string) {
	t.Helper()
	if (err != nil) != (len(want) > 0) {
		t.Fatalf("error = %v: %s", err, why)
	}
	for _, part := range want {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q isn't in %q: %s", part, err, why)
		}
	}
}

func TestRunningGKO(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	lease := func(namespace string, renewed time.Duration, labels map[string]string) *coordinationv1.Lease {
		holder, seconds, at := "gko-controller-manager-1_x", int32(15), metav1.NewMicroTime(now.Add(-renewed))
		return &coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: install.LeaseName, Labels: labels},
			Spec:       coordinationv1.LeaseSpec{HolderIdentity: &holder, LeaseDurationSeconds: &seconds, RenewTime: &at},
		}
	}
	deployment := func(image string, available int32) *appsv1.Deployment {
		d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "gravitee", Name: "gko"}}
		d.Spec.Template.Spec.Containers = []corev1.Container{{Image: image}}
		d.Status.AvailableReplicas = available
		return d
	}
	cases := map[string]struct {
		why    string
		object client.Object
		want   string
	}{
		"a held lease elsewhere":   {"GKO works in another namespace", lease("gravitee", 2*time.Second, nil), "gko-controller-manager-1_x"},
		"a lease that ran out":     {"a GKO that was stopped leaves its lease behind", lease("gravitee", time.Hour, nil), ""},
		"our own namespace":        {"leader election keeps both apart there", lease("apisync-system", 2*time.Second, nil), ""},
		"another Apisync":          {"an installation of our own carries our label", lease("team-b", 2*time.Second, install.LeaseLabels()), ""},
		"a deployment":             {"GKO may run without leader election", deployment("mirror.example.com/graviteeio/kubernetes-operator:4.12.16", 1), "deployment gravitee/gko"},
		"a deployment scaled down": {"it doesn't work", deployment("graviteeio/kubernetes-operator:4.12.16", 0), ""},
		"another operator":         {"the name alone says nothing", deployment("example.com/kubernetes-operator:1", 1), ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := install.RunningGKO(t.Context(), builder(t).WithObjects(c.object).Build(), "apisync-system", now)
			if err != nil || !strings.Contains(got, c.want) || (c.want == "") != (got == "") {
				t.Errorf("got %q, %v, want %q: %s", got, err, c.want, c.why)
			}
		})
	}
}

func TestMissingRightsDontStopTheStart(t *testing.T) {
	c := builder(t).WithInterceptorFuncs(interceptor.Funcs{
		List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
			return apierrors.NewForbidden(schema.GroupResource{}, "", errors.New("no"))
		},
	}).Build()
	if got, err := install.RunningGKO(t.Context(), c, "apisync-system", time.Now()); got != "" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}
