// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gather_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/gather"
	"github.com/apisync/apisync/internal/mapi"
)

func reader(t *testing.T, objects ...client.Object) client.Reader {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	return fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).Build()
}

func secret(namespace string, data map[string]string) *corev1.Secret {
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "credentials", UID: "secret-uid"}, Data: map[string][]byte{}}
	for key, value := range data {
		s.Data[key] = []byte(value)
	}
	return s
}

func managed(auth *v1alpha1.Auth) *v1alpha1.ManagementContext {
	return &v1alpha1.ManagementContext{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "ctx"},
		Spec:       v1alpha1.ManagementContextSpec{BaseUrl: "http://mapi", OrganizationID: "o", EnvironmentID: "e", Auth: auth},
	}
}

func TestCredentials(t *testing.T) {
	fromSecret := func(namespace string) *v1alpha1.Auth {
		return &v1alpha1.Auth{
			BearerToken: "inline-token",
			SecretRef:   &v1alpha1.Reference{Name: "credentials", Namespace: namespace},
		}
	}
	cases := map[string]struct {
		why     string
		auth    *v1alpha1.Auth
		secret  *corev1.Secret
		want    mapi.Credentials
		kind    fault.Kind
		problem string
	}{
		"inline": {
			why:  "both are handed over; the back end prefers the token",
			auth: &v1alpha1.Auth{BearerToken: "t", Credentials: &v1alpha1.BasicAuth{Username: "u", Password: "p"}},
			want: mapi.Credentials{Token: "t", Username: "u", Password: "p"},
		},
		"user and password in a Secret": {
			why: "a Secret overrides what stands in the spec", auth: fromSecret(""), secret: secret("ns", map[string]string{"username": "u", "password": "p"}),
			want: mapi.Credentials{Username: "u", Password: "p"},
		},
		"a token in a Secret of another namespace": {
			why: "a written namespace is allowed", auth: fromSecret("other"), secret: secret("other", map[string]string{"bearerToken": "s"}),
			want: mapi.Credentials{Token: "s"},
		},
		"no Secret": {
			why: "it may come later, and a watch tells", auth: fromSecret(""), kind: fault.Waiting, problem: "Secret ns/credentials doesn't exist",
		},
		"a Secret without the keys": {
			why: "the keys and the remedy are named", auth: fromSecret(""), secret: secret("ns", map[string]string{"user": "u"}), kind: fault.Waiting,
			problem: "lacks the key bearerToken, or the keys username and password",
		},
		"a template": {
			why: "every string of a context may be one", auth: &v1alpha1.Auth{BearerToken: `[[ secret "credentials/token" ]]`},
			secret: secret("ns", map[string]string{"token": "rendered"}), want: mapi.Credentials{Token: "rendered"},
		},
		"a template without its Secret": {
			why: "it may come later, and a watch tells", auth: &v1alpha1.Auth{BearerToken: `[[ secret "credentials/token" ]]`}, kind: fault.Waiting,
			problem: "Secret ns/credentials doesn't exist",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var objects []client.Object
			if c.secret != nil {
				objects = append(objects, c.secret)
			}
			found, err := sources(reader(t, objects...)).Connection(t.Context(), managed(c.auth))
			config, version := found.Config, found.Version
			if c.problem != "" {
				if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.problem) {
					t.Fatalf("error = %v, want %s with %q: %s", err, c.kind, c.problem, c.why)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, config.Credentials); diff != "" {
				t.Errorf("credentials (-want +got): %s\n%s", c.why, diff)
			}
			if (version != "") != (c.secret != nil) {
				t.Errorf("version %q: a rotated Secret has to be told from the one before", version)
			}
		})
	}
}

func TestContextOfAnotherNamespace(t *testing.T) {
	other := managed(nil)
	other.Namespace = "other"
	r := reader(t, other)
	if found, err := gather.Context(t.Context(), r, v1alpha1.Reference{Name: "ctx", Namespace: "other"}, "ns"); err != nil || found.Namespace != "other" {
		t.Errorf("found %v, %v", found, err)
	}
	_, err := gather.Context(t.Context(), r, v1alpha1.Reference{Name: "ctx"}, "ns")
	if !errors.Is(err, fault.Waiting) || fault.ReasonOf(err) != fault.ReasonReference || !strings.Contains(err.Error(), "ManagementContext ns/ctx doesn't exist") {
		t.Errorf("error = %v: without a namespace, that of the referrer is meant", err)
	}
}

func TestPlaceIsRememberedAsItIsCompared(t *testing.T) {
	found, err := sources(reader(t)).Connection(t.Context(), managed(nil))
	if err != nil {
		t.Fatal(err)
	}
	lease := leaseFor(found.Config)
	if got := gather.Place(*gather.RecordPlace(lease, false)); got != lease.Place {
		t.Errorf("a place read back from a status is %v, was %v: every API would seem to have moved", got, lease.Place)
	}
}

func leaseFor(config mapi.Config) mapi.Lease {
	return mapi.Lease{Name: "ns/ctx", Place: config.Place(), Scope: config.Scope, Hidden: config.Hidden}
}

func sources(r client.Reader) gather.Sources {
	return gather.Sources{Reader: r, Live: r, Templating: true}
}
