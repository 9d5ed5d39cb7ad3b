// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/controller"
	"github.com/apisync/apisync/test/harness"
)

const foreignFinalizer = "example.com/keep"

func TestReleased(t *testing.T) {
	templating, ofContext := v1alpha1.TemplatingFinalizer, v1alpha1.ManagementContextSecretFinalizer
	users := func(kinds ...string) map[string]string {
		annotations := map[string]string{"gravitee.io/references": "1", "example.com/note": "mine"}
		for _, kind := range kinds {
			annotations["gravitee.io/"+kind] = `["shop/orders"]`
		}
		return annotations
	}
	cases := map[string]struct {
		why         string
		finalizers  []string
		annotations map[string]string
		deleted     bool
		// want and kept are what is left; patched is whether anything was written.
		want    []string
		kept    map[string]string
		patched bool
	}{
		"nobody's": {
			"there is nothing to take off", []string{foreignFinalizer}, users("apidefinitions"), false, []string{foreignFinalizer}, users("apidefinitions"), false,
		},
		"of a context": {
			"nobody would take it off any more; notes about templates aren't about it",
			[]string{ofContext, foreignFinalizer}, users("apidefinitions"), false, []string{foreignFinalizer}, users("apidefinitions"), true,
		},
		"of templates of APIs": {
			"Apisync serves them, and needs neither finalizer nor notes", []string{foreignFinalizer, templating}, users("apidefinitions"), false,
			[]string{foreignFinalizer}, map[string]string{"example.com/note": "mine"}, true,
		},
		"of templates of everything that is served": {
			"the same", []string{templating}, users("apidefinitions", "managementcontexts", "apiresources", "groups"), false,
			nil, map[string]string{"example.com/note": "mine"}, true,
		},
		"of templates, without notes": {"the notes were lost", []string{templating}, nil, false, nil, nil, true},
		"of both": {
			"both go at once", []string{ofContext, templating}, users("apidefinitions"), false, nil, map[string]string{"example.com/note": "mine"}, true,
		},
		"of templates of others": {
			"GKO may come back for those", []string{templating}, users("applications", "apidefinitions"), false, []string{templating}, users("applications", "apidefinitions"), false,
		},
		"of a context, and of templates of others": {
			"each by its own rule", []string{ofContext, templating}, users("apiv4definitions"), false, []string{templating}, users("apiv4definitions"), true,
		},
		"of templates of others, without users": {
			"an empty list names nobody", []string{templating}, map[string]string{"gravitee.io/applications": "[]", "gravitee.io/subscriptions": "null"}, false,
			nil, map[string]string{"gravitee.io/applications": "[]", "gravitee.io/subscriptions": "null"}, true,
		},
		"of templates, with other annotations of GKO": {
			"what isn't a list of users isn't a note about them", []string{templating},
			map[string]string{"gravitee.io/last-spec-hash": "8d969eef", "gravitee.io/extends": "gravitee.io/ingress"}, false,
			nil, map[string]string{"gravitee.io/last-spec-hash": "8d969eef", "gravitee.io/extends": "gravitee.io/ingress"}, true,
		},
		"of templates of others, being deleted": {
			"who deletes it knows what it was for", []string{foreignFinalizer, templating}, users("applications", "apidefinitions"), true,
			[]string{foreignFinalizer}, map[string]string{"example.com/note": "mine", "gravitee.io/applications": `["shop/orders"]`}, true,
		},
		"being deleted, and nothing of GKO's": {"the others' finalizers aren't ours", []string{foreignFinalizer}, users(), true, []string{foreignFinalizer}, users(), false},
	}
	for name, c := range cases {
		for kind, object := range map[string]client.Object{"Secret": &corev1.Secret{Data: map[string][]byte{"a": []byte("b")}}, "ConfigMap": &corev1.ConfigMap{Data: map[string]string{"a": "b"}}} {
			t.Run(name+" "+kind, func(t *testing.T) {
				object.SetNamespace("shop")
				object.SetName("values")
				object.SetFinalizers(c.finalizers)
				object.SetAnnotations(c.annotations)
				if c.deleted {
					object.SetDeletionTimestamp(new(metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))))
				}
				r := newRelease(t, kind, object)
				for range 2 {
					if _, err := r.Reconcile(t.Context(), values()); err != nil {
						t.Fatal(err)
					}
				}
				if (r.patches == 1) != c.patched || r.patches > 1 {
					t.Errorf("%d patches for two looks: %s", r.patches, c.why)
				}
				got := object.DeepCopyObject().(client.Object)
				if err := r.Client.Get(t.Context(), values().NamespacedName, got); err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(c.want, got.GetFinalizers()) || !cmp.Equal(c.kept, got.GetAnnotations()) {
					t.Errorf("finalizers %v, annotations %v, want %v, %v: %s", got.GetFinalizers(), got.GetAnnotations(), c.want, c.kept, c.why)
				}
			})
		}
	}
}

func values() reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "shop", Name: "values"}}
}

// release is a Released whose patches are counted.
type release struct {
	controller.Released

	patches int
	refusal error
}

func newRelease(t *testing.T, kind string, objects ...client.Object) *release {
	t.Helper()
	scheme, err := harness.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	r := &release{}
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, object client.Object, patch client.Patch, options ...client.PatchOption) error {
			r.patches++
			if r.refusal != nil {
				return r.refusal
			}
			return c.Patch(ctx, object, patch, options...)
		},
	}).Build()
	r.Released = controller.Released{Client: c, Metadata: c, Kind: schema.GroupVersionKind{Version: "v1", Kind: kind}}
	return r
}

func TestReleasedInTrouble(t *testing.T) {
	held := func() client.Object {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "values", Finalizers: []string{v1alpha1.TemplatingFinalizer}}}
	}
	cases := map[string]struct {
		why     string
		refusal error
		fails   bool
	}{
		"without the right": {"nothing more can be done, and trying again wouldn't help", apierrors.NewForbidden(schema.GroupResource{}, "values", errors.New("no")), false},
		"gone meanwhile":    {"then nothing holds it", apierrors.NewNotFound(schema.GroupResource{}, "values"), false},
		"written meanwhile": {"it is looked at again", apierrors.NewConflict(schema.GroupResource{}, "values", errors.New("stale")), true},
		"busy":              {"it is tried again", errors.New("busy"), true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRelease(t, "Secret", held())
			r.refusal = c.refusal
			result, err := r.Reconcile(t.Context(), values())
			if (err != nil) != c.fails || c.fails && !errors.Is(err, c.refusal) || result.RequeueAfter != 0 {
				t.Errorf("%v, %v: %s", result, err, c.why)
			}
		})
	}
	t.Run("not there", func(t *testing.T) {
		r := newRelease(t, "Secret")
		if _, err := r.Reconcile(t.Context(), values()); err != nil || r.patches > 0 {
			t.Errorf("%v, %d patches", err, r.patches)
		}
	})
}

// Another operator may put something on the object between the read and the patch; it must not be lost.
func TestReleasedDoesNotOverwrite(t *testing.T) {
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "values", Finalizers: []string{v1alpha1.TemplatingFinalizer}}}
	r := newRelease(t, "Secret", secret)
	r.Metadata = stale{r.Client}
	if _, err := r.Reconcile(t.Context(), values()); !apierrors.IsConflict(err) {
		t.Errorf("error = %v, want a conflict", err)
	}
	var got corev1.Secret
	if err := r.Client.Get(t.Context(), values().NamespacedName, &got); err != nil || !slices.Contains(got.Finalizers, foreignFinalizer) {
		t.Errorf("%v, finalizers %v", err, got.Finalizers)
	}
}

// stale answers with what was there before somebody wrote.
type stale struct{ client.Client }

func (s stale) Get(ctx context.Context, key client.ObjectKey, into client.Object, options ...client.GetOption) error {
	if err := s.Client.Get(ctx, key, into, options...); err != nil {
		return err
	}
	var stored corev1.Secret
	if err := s.Client.Get(ctx, key, &stored); err != nil {
		return err
	}
	stored.Finalizers = append(stored.Finalizers, foreignFinalizer)
	return s.Update(ctx, &stored)
}
