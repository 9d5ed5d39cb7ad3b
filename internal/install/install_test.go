// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package install_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr/funcr"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/openapi"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/log"

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

// changeStatus gives our definitions with another schema of the status of one of them.
func changeStatus(t *testing.T, name string, change func(status *apiextensionsv1.JSONSchemaProps)) []apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	definitions, err := crd.Definitions()
	if err != nil {
		t.Fatal(err)
	}
	for i := range definitions {
		if definitions[i].Name == name {
			status := definitions[i].Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["status"]
			change(&status)
			definitions[i].Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["status"] = status
		}
	}
	return definitions
}

// asUnderGKO makes of our schema of a status one like GKO's.
func asUnderGKO(status *apiextensionsv1.JSONSchemaProps) {
	delete(status.Properties, "sync")
	eight := int64(8)
	conditions := status.Properties["conditions"]
	conditions.MaxItems = &eight
	status.Properties["conditions"] = conditions
}

func unchanged(*apiextensionsv1.JSONSchemaProps) {}

func TestCheckCRDs(t *testing.T) {
	ours, err := crd.Definitions()
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		why, name string
		change    func(status *apiextensionsv1.JSONSchemaProps)
		want      []string
	}{
		"ours": {why: "the CRDs of this release fit", change: unchanged},
		"GKO's": {
			why: "what they don't know would be pruned and patched for ever", name: "apidefinitions.gravitee.io", change: asUnderGKO,
			want: []string{"apidefinitions.gravitee.io would lose status.conditions beyond 8 items, status.sync", "APPLY_CRDS=true"},
		},
		"GKO's of a kind without status": {
			why: "GKO declares nothing in the status of this kind", name: "apiresources.gravitee.io",
			change: func(status *apiextensionsv1.JSONSchemaProps) { status.Properties = nil },
			want:   []string{"apiresources.gravitee.io would lose status.conditions, status.observedGeneration"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b := builder(t)
			for _, installed := range changeStatus(t, c.name, c.change) {
				b.WithObjects(&installed)
			}
			expectProblems(t, install.CheckCRDs(t.Context(), b.Build(), nil, ours), c.want, c.why)
		})
	}
	t.Run("none", func(t *testing.T) {
		expectProblems(t, install.CheckCRDs(t.Context(), builder(t).Build(), nil, ours), []string{
			"apidefinitions.gravitee.io isn't installed", "apiresources.gravitee.io isn't installed", "groups.gravitee.io isn't installed",
			"managementcontexts.gravitee.io isn't installed", "notifications.gravitee.io isn't installed",
		}, "the remedy is told")
	})
}

// publisher is the OpenAPI of an API server: what it answers one time after the other, the last for ever.
type publisher struct {
	answers []answer
	asked   int
}

type answer struct {
	// definitions is what is published; nil means that the group isn't.
	definitions []apiextensionsv1.CustomResourceDefinition
	err         error
	content     string
}

func (p *publisher) PathsWithContext(context.Context) (map[string]openapi.GroupVersionWithContext, error) {
	now := p.answers[min(p.asked, len(p.answers)-1)]
	p.asked++
	paths := map[string]openapi.GroupVersionWithContext{"api/v1": answer{}}
	if now.definitions != nil || now.content != "" {
		paths["apis/gravitee.io/v1alpha1"] = now
	}
	return paths, now.err
}

func (a answer) SchemaWithContext(context.Context, string) ([]byte, error) {
	if a.content != "" {
		return []byte(a.content), nil
	}
	schemas := map[string]any{"io.k8s.ObjectMeta": map[string]any{"type": "object"}}
	for _, definition := range a.definitions {
		content, err := json.Marshal(definition.Spec.Versions[0].Schema.OpenAPIV3Schema)
		if err != nil {
			return nil, err
		}
		var schema map[string]any
		if err := json.Unmarshal(content, &schema); err != nil {
			return nil, err
		}
		schema["x-kubernetes-group-version-kind"] = []any{
			map[string]any{"group": definition.Spec.Group, "kind": definition.Spec.Names.Kind, "version": "v1alpha1"},
		}
		schemas["io.gravitee.v1alpha1."+definition.Spec.Names.Kind] = schema
	}
	return json.Marshal(map[string]any{"openapi": "3.0.0", "components": map[string]any{"schemas": schemas}})
}

func (answer) ServerRelativeURL() string { return "" }

// TestCheckPublishedCRDs is about an operator that may read nothing outside of its namespaces.
func TestCheckPublishedCRDs(t *testing.T) {
	ours, err := crd.Definitions()
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		why     string
		answers []answer
		want    []string
		// logged is told where nothing can be checked.
		logged string
	}{
		"ours": {why: "the CRDs of this release fit", answers: []answer{{definitions: ours}}},
		"GKO's": {
			why:     "what they don't know would be pruned here too",
			answers: []answer{{definitions: changeStatus(t, "apidefinitions.gravitee.io", asUnderGKO)}},
			want:    []string{"apidefinitions.gravitee.io would lose status.conditions beyond 8 items, status.sync"},
		},
		"an old GKO's": {
			why:     "a kind that isn't served can't be worked on",
			answers: []answer{{definitions: slices.DeleteFunc(slices.Clone(ours), func(d apiextensionsv1.CustomResourceDefinition) bool { return d.Name == "groups.gravitee.io" })}},
			want:    []string{"groups.gravitee.io isn't installed"},
		},
		"applied a moment ago": {
			why:     "the document follows the CRDs",
			answers: []answer{{}, {definitions: ours[:2]}, {definitions: ours}},
		},
		"not published": {
			why:     "that isn't the same as not installed: an aggregator may be late, so the start goes on",
			answers: []answer{{}}, logged: "there is no apis/gravitee.io/v1alpha1",
		},
		"refused": {
			why:     "somebody may have taken that right away from everybody",
			answers: []answer{{err: apierrors.NewForbidden(schema.GroupResource{}, "", errors.New("no openapi"))}}, logged: "no openapi",
		},
		"garbage": {
			why:     "a proxy may answer for the API server",
			answers: []answer{{content: "<html>"}}, logged: "parsing the published schemas of apis/gravitee.io/v1alpha1",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var told strings.Builder
				ctx := log.IntoContext(t.Context(), funcr.New(func(_, line string) { told.WriteString(line) }, funcr.Options{}))
				err := install.CheckCRDs(ctx, forbidding(t), &publisher{answers: c.answers}, ours)
				expectProblems(t, err, c.want, c.why)
				if !strings.Contains(told.String(), c.logged) || (c.logged == "") != (told.String() == "") {
					t.Errorf("logged %q, want %q: %s", told.String(), c.logged, c.why)
				}
			})
		})
	}
	t.Run("no OpenAPI", func(t *testing.T) {
		expectProblems(t, install.CheckCRDs(t.Context(), forbidding(t), nil, ours), nil, "the start goes on")
	})
	t.Run("stopped meanwhile", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := install.CheckCRDs(ctx, forbidding(t), &publisher{answers: []answer{{}}}, ours); !errors.Is(err, context.Canceled) {
			t.Errorf("error = %v", err)
		}
	})
}

// forbidding is an API server that lets nothing be read.
func forbidding(t *testing.T) client.Client {
	t.Helper()
	forbidden := apierrors.NewForbidden(schema.GroupResource{}, "", errors.New("no"))
	return builder(t).WithInterceptorFuncs(interceptor.Funcs{
		Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return forbidden
		},
		List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
			return forbidden
		},
	}).Build()
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
	if got, err := install.RunningGKO(t.Context(), forbidding(t), "apisync-system", time.Now(), "team"); got != "" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestRunningGKOInWatchedNamespaces is about an operator that may read nothing outside of its namespaces.
func TestRunningGKOInWatchedNamespaces(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	holder, seconds, at := "gko", int32(15), metav1.NewMicroTime(now)
	lease := func(namespace string) *coordinationv1.Lease {
		return &coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: install.LeaseName},
			Spec:       coordinationv1.LeaseSpec{HolderIdentity: &holder, LeaseDurationSeconds: &seconds, RenewTime: &at},
		}
	}
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "gko"}}
	deployment.Spec.Template.Spec.Containers = []corev1.Container{{Image: "graviteeio/kubernetes-operator:4.12.16"}}
	deployment.Status.AvailableReplicas = 1
	cases := map[string]struct {
		why        string
		objects    []client.Object
		namespaces []string
		want       string
	}{
		"in one that is watched":      {"both would write the same resources", []client.Object{lease("shop")}, []string{"team", "shop"}, "lease shop/"},
		"without a lease":             {"as in the whole cluster", []client.Object{deployment}, []string{"team", "shop"}, "deployment shop/gko"},
		"in one that isn't watched":   {"it can't be seen", []client.Object{lease("gravitee")}, []string{"team", "shop"}, ""},
		"in our own":                  {"leader election keeps both apart there", []client.Object{lease("apisync-system")}, []string{"apisync-system"}, ""},
		"in one that may not be read": {"a right is missing, which isn't a reason to stop", []client.Object{lease("closed")}, []string{"closed"}, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			scoped := builder(t).WithObjects(c.objects...).WithInterceptorFuncs(interceptor.Funcs{
				List: func(ctx context.Context, under client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
					var given client.ListOptions
					given.ApplyOptions(options)
					if given.Namespace == "" || given.Namespace == "closed" {
						return apierrors.NewForbidden(schema.GroupResource{}, "", errors.New("no"))
					}
					return under.List(ctx, list, options...)
				},
			}).Build()
			got, err := install.RunningGKO(t.Context(), scoped, "apisync-system", now, c.namespaces...)
			if err != nil || !strings.Contains(got, c.want) || (c.want == "") != (got == "") {
				t.Errorf("got %q, %v, want %q: %s", got, err, c.want, c.why)
			}
		})
	}
}
