// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gather_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/gather"
	"github.com/apisync/apisync/internal/mapi"
)

func today() time.Time { return time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC) }

// cloudToken is a token as Gravitee Cloud would issue it.
func cloudToken(t *testing.T, environments ...string) string {
	t.Helper()
	claims := jwt.MapClaims{"org": "org-1", "envs": environments, "cpg": "eu", "exp": today().Add(time.Hour).Unix()}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte("somebody else's key"))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func inCloud(change func(spec *v1alpha1.ManagementContextSpec)) *v1alpha1.ManagementContext {
	managed := &v1alpha1.ManagementContext{ObjectMeta: named("ns", "ctx"), Spec: v1alpha1.ManagementContextSpec{Cloud: &v1alpha1.Cloud{}}}
	change(&managed.Spec)
	return managed
}

func TestCloud(t *testing.T) {
	token, second := cloudToken(t, "env-1"), cloudToken(t, "env-1", "env-2")
	const gate = "https://eu.cloudgate.gravitee.io"
	scope := func(organization, environment string) map[string]string {
		return map[string]string{"organizationId": organization, "environmentId": environment}
	}
	target := func(baseURL, token, environment string) mapi.Config {
		return mapi.Config{Name: "ns/ctx", Hosted: true, BaseURL: baseURL, Scope: scope("org-1", environment), Credentials: mapi.Credentials{Token: token}}
	}
	cases := map[string]struct {
		why    string
		change func(spec *v1alpha1.ManagementContextSpec)
		want   mapi.Config
	}{
		"a token in the spec": {
			"it alone says where it is for", func(spec *v1alpha1.ManagementContextSpec) { spec.Cloud.Token = token }, target(gate, token, "env-1"),
		},
		"in the Secret of cloud": {
			"under a key of its own", func(spec *v1alpha1.ManagementContextSpec) { spec.Cloud.SecretRef = new(to("", "cloud")) }, target(gate, token, "env-1"),
		},
		"in a Secret of another namespace": {
			"a written namespace is allowed", func(spec *v1alpha1.ManagementContextSpec) { spec.Cloud.SecretRef = new(to("far", "cloud")) }, target(gate, token, "env-1"),
		},
		"in the Secret of auth": {
			"as with GKO, that reference goes first", func(spec *v1alpha1.ManagementContextSpec) {
				spec.Cloud.SecretRef, spec.Auth = new(to("", "nowhere")), &v1alpha1.Auth{SecretRef: new(to("", "cloud")), BearerToken: "doesn't count"}
			}, target(gate, token, "env-1"),
		},
		"in the spec and in the Secret of auth": {
			"a Secret wins over what stands in the spec", func(spec *v1alpha1.ManagementContextSpec) {
				spec.Cloud.Token, spec.Auth = "doesn't count", &v1alpha1.Auth{SecretRef: new(to("", "cloud"))}
			}, target(gate, token, "env-1"),
		},
		"from a template": {
			"every string may be one", func(spec *v1alpha1.ManagementContextSpec) { spec.Cloud.Token = `[[ secret "cloud/cloudToken" ]]` }, target(gate, token, "env-1"),
		},
		"with an address": {
			"it is kept", func(spec *v1alpha1.ManagementContextSpec) {
				spec.Cloud.Token, spec.BaseUrl = token, "https://here.example"
			}, target("https://here.example", token, "env-1"),
		},
		"with an environment": {
			"one of those that the token is for", func(spec *v1alpha1.ManagementContextSpec) {
				spec.Cloud.Token, spec.EnvironmentID, spec.OrganizationID = second, "env-2", "doesn't count"
			}, target(gate, second, "env-2"),
		},
		"an empty cloud": {
			"it says nothing, so that the context is an ordinary one", func(spec *v1alpha1.ManagementContextSpec) {
				spec.BaseUrl, spec.OrganizationID, spec.EnvironmentID, spec.Auth = "http://mapi", "o", "e", &v1alpha1.Auth{BearerToken: "t"}
			}, mapi.Config{Name: "ns/ctx", BaseURL: "http://mapi", Scope: scope("o", "e"), Credentials: mapi.Credentials{Token: "t"}},
		},
	}
	objects := reader(t, secretOf("ns", "cloud", map[string]string{"cloudToken": token, "bearerToken": "another"}),
		secretOf("far", "cloud", map[string]string{"cloudToken": token}))
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := sources(objects)
			s.Now = today
			found, err := s.Connection(t.Context(), inCloud(c.change))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, found.Config); diff != "" {
				t.Errorf("configuration (-want +got): %s\n%s", c.why, diff)
			}
		})
	}
}

func TestCloudInTrouble(t *testing.T) {
	many := cloudToken(t, "env-1", "env-2")
	cases := map[string]struct {
		why    string
		secret map[string]string // nil is none
		change func(spec *v1alpha1.ManagementContextSpec)
		now    time.Time
		kind   fault.Kind
		reason string
		want   string
	}{
		"no Secret": {
			why: "it may come later", kind: fault.Waiting, reason: gather.ReasonCredentialsMissing,
			want: "spec.cloud.secretRef: Secret ns/cloud doesn't exist; create it with the key cloudToken",
		},
		"another key": {
			why: "a token for a management API isn't one for the cloud", secret: map[string]string{"bearerToken": "hidden-1", "username": "hidden-2", "password": "hidden-3"},
			kind: fault.Waiting, reason: gather.ReasonCredentialsMissing, want: "Secret ns/cloud lacks the key cloudToken; add what is missing",
		},
		"several environments": {
			why: "nobody may guess", secret: map[string]string{"cloudToken": many}, kind: fault.Terminal, reason: fault.ReasonIllegalState,
			want: "spec.environmentId: it isn't set, and the token of spec.cloud is for 2 environments; set it to env-1 or env-2",
		},
		"no token at all": {
			why: "the text isn't told", secret: map[string]string{"cloudToken": "s3cret-but-no-token"}, kind: fault.Terminal, reason: fault.ReasonIllegalState,
			want: "isn't a JSON Web Token",
		},
		"expired": {
			why: "the clock is that of the sources", secret: map[string]string{"cloudToken": many}, now: today().Add(2 * time.Hour), kind: fault.Terminal,
			reason: fault.ReasonIllegalState, want: "the token expired at 2026-12-01T13:00:00Z",
		},
		"the Secret of auth is missing": {
			why: "the field that counts is named", kind: fault.Waiting, reason: gather.ReasonCredentialsMissing, want: "spec.auth.secretRef: Secret ns/gone doesn't exist",
			change: func(spec *v1alpha1.ManagementContextSpec) { spec.Auth = &v1alpha1.Auth{SecretRef: new(to("", "gone"))} },
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var objects []client.Object
			if c.secret != nil {
				objects = append(objects, secretOf("ns", "cloud", c.secret))
			}
			s := sources(reader(t, objects...))
			s.Now = today
			if !c.now.IsZero() {
				s.Now = func() time.Time { return c.now }
			}
			_, err := s.Connection(t.Context(), inCloud(func(spec *v1alpha1.ManagementContextSpec) {
				spec.Cloud.SecretRef = new(to("", "cloud"))
				if c.change != nil {
					c.change(spec)
				}
			}))
			if !errors.Is(err, c.kind) || fault.ReasonOf(err) != c.reason || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s %s: %v, want %q in it: %s", fault.KindOf(err), fault.ReasonOf(err), err, c.want, c.why)
			}
			for _, value := range c.secret {
				if strings.Contains(err.Error(), value) {
					t.Errorf("the error tells a credential: %v", err)
				}
			}
		})
	}
}

func TestSecretOfContext(t *testing.T) {
	cases := map[string]struct {
		why    string
		change func(spec *v1alpha1.ManagementContextSpec)
		want   string
	}{
		"of auth":  {"its own namespace is meant", func(spec *v1alpha1.ManagementContextSpec) { spec.Auth = &v1alpha1.Auth{SecretRef: new(to("", "a"))} }, "ns/a"},
		"of cloud": {"it is one too", func(spec *v1alpha1.ManagementContextSpec) { spec.Cloud.SecretRef = new(to("far", "c")) }, "far/c"},
		"of both": {"the one that counts is watched", func(spec *v1alpha1.ManagementContextSpec) {
			spec.Cloud.SecretRef, spec.Auth = new(to("", "c")), &v1alpha1.Auth{SecretRef: new(to("", "a"))}
		}, "ns/a"},
		"auth without one": {"then that of the cloud counts", func(spec *v1alpha1.ManagementContextSpec) {
			spec.Cloud.SecretRef, spec.Auth = new(to("", "c")), &v1alpha1.Auth{}
		}, "ns/c"},
		"a token in clouds": {"nothing is watched", func(spec *v1alpha1.ManagementContextSpec) { spec.Cloud.Token = "t" }, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			key, used := gather.SecretKey(inCloud(c.change))
			if used != (c.want != "") || used && key.String() != c.want {
				t.Errorf("%v, %t, want %q: %s", key, used, c.want, c.why)
			}
		})
	}
}

func TestCredentialsThatMayNotBeRead(t *testing.T) {
	r := &refused{Reader: reader(t), errs: map[string]error{"Secret ns/credentials": apierrors.NewForbidden(schema.GroupResource{}, "credentials", errors.New("no right"))}}
	_, err := sources(r).Connection(t.Context(), managed(&v1alpha1.Auth{SecretRef: new(to("", "credentials"))}))
	if !errors.Is(err, fault.Forbidden) || fault.ReasonOf(err) != fault.ReasonReference || !strings.Contains(err.Error(), "spec.auth.secretRef: the operator may not read Secret ns/credentials") {
		t.Errorf("%s %s: %v", fault.KindOf(err), fault.ReasonOf(err), err)
	}
	r.errs["Secret ns/credentials"] = errors.New("the API server is busy")
	if _, err = sources(r).Connection(t.Context(), managed(&v1alpha1.Auth{SecretRef: new(to("", "credentials"))})); fault.KindOf(err) != fault.Transient {
		t.Errorf("%s: %v: time cures it", fault.KindOf(err), err)
	}
}

// A status remembers where an API was published, and is no place for secrets.
func TestPlaceOfASecretAddress(t *testing.T) {
	const address = "https://hidden.example"
	secret := secretOf("ns", "values", map[string]string{"url": address, "host": "hidden.example", "token": "hidden-token"})
	plain := configMapOf("ns", "values", map[string]string{"url": address})
	place := func(change func(spec *v1alpha1.ManagementContextSpec)) mapi.Place {
		t.Helper()
		context := managed(&v1alpha1.Auth{BearerToken: `[[ secret "values/token" ]]`})
		change(&context.Spec)
		s := sources(reader(t, secret, plain))
		found, err := s.Connection(t.Context(), context)
		if err != nil || found.Config.BaseURL != address {
			t.Fatalf("%v: it leads to %q", err, found.Config.BaseURL)
		}
		if looked, err := s.PlaceOf(t.Context(), context); err != nil || looked != found.Config.Place() {
			t.Errorf("looked up it is %v, %v, and while it is used %v: every API would seem to move", looked, err, found.Config.Place())
		}
		return found.Config.Place()
	}
	whole := place(func(spec *v1alpha1.ManagementContextSpec) { spec.BaseUrl = `[[ secret "values/url" ]]` })
	part := place(func(spec *v1alpha1.ManagementContextSpec) { spec.BaseUrl = `https://[[ secret "values/host" ]]` })
	for name, p := range map[string]mapi.Place{"whole": whole, "part": part} {
		if strings.Contains(p.BaseURL, "hidden.example") || !strings.HasPrefix(p.BaseURL, "hidden:") {
			t.Errorf("%s: the address is told: %s", name, p.BaseURL)
		}
	}
	if whole != part {
		t.Errorf("one address has two names: %v and %v", whole, part)
	}
	for name, text := range map[string]string{"written": address, "in a ConfigMap": `[[ configmap "values/url" ]]`} {
		if p := place(func(spec *v1alpha1.ManagementContextSpec) { spec.BaseUrl = text }); p.BaseURL != address {
			t.Errorf("%s: %s: that isn't secret", name, p.BaseURL)
		}
	}
	elsewhere := secretOf("ns", "values", map[string]string{"url": "https://other.example", "token": "t"})
	found, err := sources(reader(t, elsewhere)).Connection(t.Context(), managedAt(`[[ secret "values/url" ]]`))
	if err != nil || found.Config.Place() == whole {
		t.Errorf("%v: two addresses have one name %v", err, whole)
	}
}

func managedAt(address string) *v1alpha1.ManagementContext {
	context := managed(nil)
	context.Spec.BaseUrl = address
	return context
}

func TestPlaceThatNeedsNoLookUp(t *testing.T) {
	cases := map[string]struct {
		why   string
		spec  func(spec *v1alpha1.ManagementContextSpec)
		plain bool
	}{
		"written": {"the spec tells it", func(*v1alpha1.ManagementContextSpec) {}, true},
		"credentials by template": {"they aren't part of the place", func(spec *v1alpha1.ManagementContextSpec) {
			spec.Auth = &v1alpha1.Auth{BearerToken: "[[ secret `a/b` ]]"}
		}, true},
		"an empty cloud":            {"it says nothing", func(spec *v1alpha1.ManagementContextSpec) { spec.Cloud = &v1alpha1.Cloud{} }, true},
		"address by template":       {"it has to be rendered", func(spec *v1alpha1.ManagementContextSpec) { spec.BaseUrl = "[[ configmap `a/b` ]]" }, false},
		"organization by template":  {"it has to be rendered", func(spec *v1alpha1.ManagementContextSpec) { spec.OrganizationID = "x[[ configmap `a/b` ]]" }, false},
		"environment by template":   {"it has to be rendered", func(spec *v1alpha1.ManagementContextSpec) { spec.EnvironmentID = "[[ configmap `a/b` ]]" }, false},
		"of a cloud":                {"the token tells it", func(spec *v1alpha1.ManagementContextSpec) { spec.Cloud = &v1alpha1.Cloud{Token: "t"} }, false},
		"of a cloud, in a Secret":   {"the token tells it", func(spec *v1alpha1.ManagementContextSpec) { spec.Cloud = &v1alpha1.Cloud{SecretRef: new(to("", "c"))} }, false},
		"Secret of auth, no cloud":  {"it tells no place", func(spec *v1alpha1.ManagementContextSpec) { spec.Auth = &v1alpha1.Auth{SecretRef: new(to("", "c"))} }, true},
		"another path, by template": {"it has to be rendered", func(spec *v1alpha1.ManagementContextSpec) { spec.Path = new("[[ configmap `a/b` ]]") }, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			context := managed(nil)
			c.spec(&context.Spec)
			place, plain := gather.PlaceOf(context)
			if plain != c.plain {
				t.Errorf("plain: %t: %s", plain, c.why)
			}
			if want := (mapi.Place{BaseURL: "http://mapi", Scope: "environmentId=e,organizationId=o"}); plain && place != want {
				t.Errorf("place %v, want %v", place, want)
			}
		})
	}
}

func TestEveryStringOfAContextIsRendered(t *testing.T) {
	context := managed(&v1alpha1.Auth{Credentials: &v1alpha1.BasicAuth{Username: `[[ configmap "conf/user" ]]`, Password: `[[ secret "values/password" ]]`}})
	context.Spec.BaseUrl, context.Spec.Path = `https://[[ configmap "conf/host" ]]`, new(`/[[ configmap "conf/path" ]]`)
	context.Spec.OrganizationID, context.Spec.EnvironmentID = `[[ configmap "conf/org" ]]`, `[[ configmap "conf/env" ]]`
	before := context.DeepCopy()
	found, err := sources(reader(t, secretOf("ns", "values", map[string]string{"password": "pass-word"}),
		configMapOf("ns", "conf", map[string]string{"user": "user-1", "host": "mapi.example", "path": "rest", "org": "org-1", "env": "env-1"}))).Connection(t.Context(), context)
	if err != nil {
		t.Fatal(err)
	}
	want := mapi.Config{
		Name: "ns/ctx", BaseURL: "https://mapi.example", Path: new("/rest"), Credentials: mapi.Credentials{Username: "user-1", Password: "pass-word"},
		Scope: map[string]string{"organizationId": "org-1", "environmentId": "env-1"},
	}
	if diff := cmp.Diff(want, found.Config); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
	if got := found.Redact("401 for user-1:pass-word at mapi.example"); !found.Rendered || got != "401 for [redacted]:[redacted] at [redacted]" {
		t.Errorf("redacted it is %q", got)
	}
	if diff := cmp.Diff(before, context); diff != "" {
		t.Errorf("the resource was changed:\n%s", diff)
	}
	s := sources(reader(t))
	s.Templating = false
	if found, err = s.Connection(t.Context(), context); err != nil || found.Config.Credentials.Password != `[[ secret "values/password" ]]` || found.Rendered {
		t.Errorf("without templating: %v, %q", err, found.Config.Credentials.Password)
	}
}

// A client is kept as long as the version is the same, so the version has to follow everything that a client is made of.
func TestVersionFollowsEverySource(t *testing.T) {
	type stored struct{ credentials, secret, configMap metav1.ObjectMeta }
	version := func(change func(s *stored)) string {
		t.Helper()
		at := func(name string) metav1.ObjectMeta {
			return metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID(name + "-uid"), ResourceVersion: "10"}
		}
		s := stored{at("credentials"), at("values"), at("conf")}
		change(&s)
		context := managed(&v1alpha1.Auth{SecretRef: new(to("", "credentials"))})
		context.Spec.BaseUrl, context.Spec.OrganizationID = `https://[[ secret "values/host" ]]`, `[[ configmap "conf/org" ]]`
		found, err := sources(reader(t,
			&corev1.Secret{ObjectMeta: s.credentials, Data: map[string][]byte{"bearerToken": []byte("t")}},
			&corev1.Secret{ObjectMeta: s.secret, Data: map[string][]byte{"host": []byte("mapi.example")}},
			&corev1.ConfigMap{ObjectMeta: s.configMap, Data: map[string]string{"org": "o"}})).Connection(t.Context(), context)
		if err != nil {
			t.Fatal(err)
		}
		return found.Version
	}
	first := version(func(*stored) {})
	for range 60 { // The order of a small map seldom changes.
		if again := version(func(*stored) {}); again != first {
			t.Fatalf("the version changes by itself, from %s to %s: every probe would make another client", first, again)
		}
	}
	for name, change := range map[string]func(s *stored){
		"a rotated credential":         func(s *stored) { s.credentials.ResourceVersion = "11" },
		"a Secret that was made again": func(s *stored) { s.credentials.UID = "another" },
		"a Secret of a template":       func(s *stored) { s.secret.ResourceVersion = "11" },
		"a ConfigMap of a template":    func(s *stored) { s.configMap.ResourceVersion = "11" },
		"a source that was made again": func(s *stored) { s.configMap.UID = "another" },
	} {
		if version(change) == first {
			t.Errorf("%s doesn't change the version", name)
		}
	}
}

func TestElsewhereKeepsTheInstallation(t *testing.T) {
	config := mapi.Config{BaseURL: "http://mapi", Scope: map[string]string{"organizationId": "o", "environmentId": "e"}, Credentials: mapi.Credentials{Token: "t"}}
	there, err := gather.Elsewhere(config, v1alpha1.Place{OrganizationID: "o", EnvironmentID: "other"})
	if err != nil {
		t.Fatal(err)
	}
	if !there.Place().SameInstallation(config.Place()) || there.Place() == config.Place() || there.Credentials != config.Credentials || config.Scope["environmentId"] != "e" {
		t.Errorf("%v is reached from %v", there.Place(), config.Place())
	}
}
