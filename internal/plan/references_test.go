// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package plan_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/plan"
)

const referencesYAML = `
apiVersion: gravitee.io/v1alpha1
kind: ApiResource
metadata: {namespace: ns, name: store}
spec: {name: store, type: cache, enabled: true, configuration: {name: store, timeToLiveSeconds: 60, maxEntriesLocalHeap: 10, size: "[[ configmap ` + "`conf/size`" + ` ]]"}}
---
apiVersion: gravitee.io/v1alpha1
kind: Group
metadata: {namespace: ns, name: crew}
spec: {contextRef: {name: ctx}, name: "crew", members: [{source: memory, sourceId: admin, roles: {API: OWNER}}]}
---
apiVersion: gravitee.io/v1alpha1
kind: Notification
metadata: {namespace: ns, name: bell}
spec: {target: console, eventType: api, console: {apiEvents: [APIKEY_EXPIRED], groupRefs: [{name: crew}]}}
---
apiVersion: v1
kind: ConfigMap
metadata: {namespace: ns, name: conf}
data: {size: "ten"}
---
apiVersion: v1
kind: Secret
metadata: {namespace: ns, name: creds}
stringData: {token: first-token}
`

// usingYAML refers to everything in referencesYAML.
func usingYAML(t *testing.T) string {
	t.Helper()
	return replaced(t, ordersYAML, "spec:\n", `spec:
  resources: [{ref: {name: store}}]
  groupRefs: [{name: crew}]
  notificationsRefs: [{name: bell}]
  flows:
  - name: all
    path-operator: {path: /, operator: STARTS_WITH}
    pre: [{name: h, policy: transform-headers, configuration: {scope: REQUEST, addHeaders: [{name: X-Up, value: "[[ secret `+"`creds/token`"+` ]]"}]}}]
`)
}

// document picks one document of referencesYAML by its kind.
func document(t *testing.T, kind string) string {
	t.Helper()
	for one := range strings.SplitSeq(referencesYAML, "---") {
		if strings.Contains(one, "kind: "+kind+"\n") {
			return one
		}
	}
	t.Fatalf("there is no %s", kind)
	return ""
}

// An API that isn't in the files is planned because of what it refers to.
func TestAPIsOfChangedReferences(t *testing.T) {
	cases := map[string]struct {
		why, kind string
		change    []string
		verdict   plan.Verdict
		path      string
	}{
		"ApiResource":           {"each API carries a copy", "ApiResource", []string{"timeToLiveSeconds: 60", "timeToLiveSeconds: 90"}, plan.VerdictUpdate, "resources[store].configuration.timeToLiveSeconds"},
		"ApiResource, the same": {"nothing changes", "ApiResource", nil, "", ""},
		"Group":                 {"APIs name it", "Group", []string{`name: "crew"`, `name: "team"`}, plan.VerdictUpdate, "groups"},
		"Notification":          {"APIs carry what it says", "Notification", []string{"APIKEY_EXPIRED", "APIKEY_RENEWED"}, plan.VerdictUpdate, ""},
		"Secret":                {"a template mentions it", "Secret", []string{"first-token", "second-token"}, plan.VerdictUpdate, "flows[0].pre[0].configuration.addHeaders[0].value"},
		"Secret, the same":      {"nothing changes", "Secret", nil, "", ""},
		"ConfigMap":             {"the template of the ApiResource mentions it", "ConfigMap", []string{`"ten"`, `"twelve"`}, plan.VerdictUpdate, "resources[store].configuration.size"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.have(contextYAML, referencesYAML, usingYAML(t))
			for _, key := range [][]byte{[]byte(digestKey), nil} {
				options := s.options(replaced(t, document(t, c.kind), c.change...))
				options.DigestKey = key
				report := s.plans(options)
				if c.verdict == "" {
					if len(report.Contexts) > 0 || report.ExitCode() != plan.ExitNothing {
						t.Errorf("%s: %+v", c.why, report.Contexts)
					}
					continue
				}
				o := object(t, report, "ns/orders")
				if o.Verdict != c.verdict || o.InFiles || o.Reason != "the wanted state changes" {
					t.Errorf("with the key %t: %s, since %q: %s", key != nil, o.Verdict, o.Reason, c.why)
				}
				if text := strings.Join(lines(o.Changes), "\n"); !strings.Contains(text, c.path) {
					t.Errorf("%s isn't among the changes:\n%s", c.path, text)
				}
			}
		})
	}
}

// What is in step with its references stays as it is, with the key of digests and without.
func TestReferencesAtRest(t *testing.T) {
	s := newScene(t)
	s.have(contextYAML, referencesYAML, usingYAML(t))
	for _, key := range [][]byte{[]byte(digestKey), nil} {
		options := s.options(contextYAML, referencesYAML, usingYAML(t))
		options.DigestKey = key
		report := s.plans(options)
		if o := object(t, report, "ns/orders"); o.Verdict != plan.VerdictNone || len(o.Warnings) > 0 || len(report.Notes) > 0 {
			t.Errorf("with the key %t: %+v, notes %v", key != nil, o, report.Notes)
		}
	}
}

func TestNewReferences(t *testing.T) {
	s := newScene(t)
	s.have(contextYAML)
	report := s.plans(s.options(referencesYAML, usingYAML(t)))
	o := object(t, report, "ns/orders")
	if o.Verdict != plan.VerdictCreate || !strings.Contains(strings.Join(lines(o.Changes), "\n"), "groups[0]: <nil> -> crew") ||
		!slices.ContainsFunc(o.Warnings, func(warning string) bool { return strings.HasPrefix(warning, "Group ns/crew isn't published yet") }) {
		t.Errorf("a Group of the files counts: %s, %v, changes:\n%s", o.Verdict, o.Warnings, strings.Join(lines(o.Changes), "\n"))
	}
	if want := "Group ns/crew isn't published yet"; len(report.Notes) != 1 || !strings.Contains(report.Notes[0], want) {
		t.Errorf("notes %v: what isn't planned has to be said", report.Notes)
	}
	lonely := object(t, s.plans(s.options(usingYAML(t))), "ns/orders")
	if lonely.Verdict != plan.VerdictWaiting || !strings.Contains(lonely.Fault.Message, "Secret ns/creds doesn't exist") {
		t.Errorf("without its references: %+v", lonely)
	}
	missing := object(t, s.plans(s.options(replaced(t, ordersYAML, "spec:\n", "spec:\n  groupRefs: [{name: nobody}]\n"))), "ns/orders")
	if missing.Verdict != plan.VerdictCreate || len(missing.Warnings) != 1 || !strings.Contains(missing.Warnings[0], "Group ns/nobody doesn't exist") {
		t.Errorf("a Group that doesn't exist stops nothing, and is told: %+v", missing)
	}
}

func TestReferencesWithoutACluster(t *testing.T) {
	s := newScene(t)
	options := s.options(contextYAML, referencesYAML, usingYAML(t))
	options.Cluster, options.DigestKey = nil, nil
	if o := object(t, s.plans(options), "ns/orders"); o.Verdict != plan.VerdictCreate {
		t.Errorf("everything is in the files: %+v", o)
	}
	for kind, name := range map[string]string{
		"ApiResource": "ApiResource ns/store", "Group": "Group ns/crew", "Notification": "Notification ns/bell", "Secret": "Secret ns/creds", "ConfigMap": "ConfigMap ns/conf",
	} {
		files := append(s.files(contextYAML, usingYAML(t)), s.files(referencesYAML)...)
		options.Objects = slices.DeleteFunc(files, func(file client.Object) bool { return kind+" ns/"+file.GetName() == name })
		o := object(t, s.plans(options), "ns/orders")
		if o.Verdict != plan.VerdictUnknown || !strings.Contains(o.Fault.Message, name) || !strings.Contains(o.Fault.Message, "to the files") {
			t.Errorf("without the %s: %+v, %+v", kind, o, o.Fault)
		}
	}
}

func TestTemplatingIsOff(t *testing.T) {
	s := newScene(t)
	options := s.options(contextYAML, replaced(t, ordersYAML, "Takes orders", "\"[[ secret `creds/token` ]]\""))
	options.Templating = false
	o := object(t, s.plans(options), "ns/orders")
	if o.Verdict != plan.VerdictCreate || !strings.Contains(strings.Join(lines(o.Changes), "\n"), "description: <nil> -> [[ secret `creds/token` ]]") {
		t.Errorf("specs are taken as they are: %+v", o)
	}
}

// Names that templates make lead to the same plans as written ones.
func TestNamesByTemplate(t *testing.T) {
	byTemplate := func(text string) string {
		return replaced(t, text, "{name: ctx}", "{name: \"[[ configmap `conf/ctx` ]]\"}", "{ref: {name: store}}", "{ref: {name: \"[[ configmap `conf/store` ]]\"}}")
	}
	conf := replaced(t, referencesYAML, `size: "ten"`, `size: "ten", ctx: ctx, store: store`)
	s := newScene(t)
	report := s.plans(s.options(contextYAML, conf, byTemplate(usingYAML(t))))
	if o := object(t, report, "ns/orders"); o.Verdict != plan.VerdictCreate || len(report.Contexts) != 1 || report.Contexts[0].Name != "ns/ctx" {
		t.Errorf("%s, contexts %+v", o.Verdict, report.Contexts)
	}
	s.have(contextYAML, conf, byTemplate(usingYAML(t)))
	s.have(replaced(t, contextYAML, "name: ctx}", "name: spare}"))
	if report := s.plans(s.options(conf, byTemplate(usingYAML(t)))); report.ExitCode() != plan.ExitNothing || len(report.Contexts) != 1 {
		t.Errorf("at rest: exit code %d, contexts %+v: the other one isn't needed", report.ExitCode(), report.Contexts)
	}
	for name, files := range map[string][]string{
		"of a context":      {replaced(t, contextYAML, "environmentId: DEFAULT", "environmentId: REC2")},
		"of an ApiResource": {replaced(t, document(t, "ApiResource"), "timeToLiveSeconds: 60", "timeToLiveSeconds: 90")},
	} {
		if o := object(t, s.plans(s.options(files...)), "ns/orders"); o.InFiles || !slices.Contains([]plan.Verdict{plan.VerdictUpdate, plan.VerdictMove}, o.Verdict) {
			t.Errorf("%s: %s", name, o.Verdict)
		}
	}
	options := s.options(document(t, "ApiResource"), replaced(t, document(t, "ApiResource"), "name: store}", "name: spare}"))
	options.Delete = true
	if notes := strings.Join(s.plans(options).Notes, "\n"); !strings.Contains(notes, "ApiResource ns/store would not be gone at once") || strings.Contains(notes, "ns/spare would not") {
		t.Errorf("notes:\n%s", notes)
	}
}

func TestContextNamedBySecretIsNotTold(t *testing.T) {
	s := newScene(t)
	named := replaced(t, document(t, "Secret"), "token: first-token", "ctx: plum-heron")
	orders := replaced(t, ordersYAML, "{name: ctx}", "{name: \"[[ secret `creds/ctx` ]]\"}")
	for _, files := range [][]string{{named, orders}, {named, orders, replaced(t, contextYAML, "name: ctx}", "name: plum-heron}")}} {
		report := s.plans(s.options(files...))
		o := object(t, report, "ns/orders")
		for _, c := range report.Contexts {
			if len(c.Objects) > 0 && strings.Contains(c.Name, "plum-heron") {
				t.Errorf("the API is told under %s", c.Name)
			}
		}
		for _, w := range o.Writes {
			if strings.Contains(w.Context, "plum-heron") {
				t.Errorf("a write is told through %s", w.Context)
			}
		}
		if len(files) == 3 && (o.Verdict != plan.VerdictCreate || len(o.Writes) != 1) {
			t.Errorf("%s, writes %+v, %+v", o.Verdict, o.Writes, o.Fault)
		}
	}
}

func TestContextsWithTemplates(t *testing.T) {
	s := newScene(t)
	templated := replaced(t, contextYAML, "environmentId: DEFAULT", "environmentId: \"[[ configmap `conf/env` ]]\"")
	conf := replaced(t, document(t, "ConfigMap"), `size: "ten"`, "env: DEFAULT")
	s.have(conf, templated, ordersYAML)
	report := s.plans(s.options(replaced(t, conf, "env: DEFAULT", "env: REC2")))
	if o := object(t, report, "ns/orders"); o.Verdict != plan.VerdictMove || report.Contexts[0].Change != plan.ContextChanged {
		t.Errorf("the ConfigMap sends the APIs of the context elsewhere: %+v", o)
	}
	if text := documents(t, report); strings.Contains(text, "REC2") {
		t.Errorf("what was rendered for a context is told:\n%s", text)
	}
}

func TestRightsOnReferences(t *testing.T) {
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "things"}, "", nil)
	refusing := func(s *scene, get, list func(object any) error) client.Reader {
		return interceptor.NewClient(s.client, interceptor.Funcs{
			Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
				if err := get(object); err != nil {
					return err
				}
				return c.Get(ctx, key, object, options...)
			},
			List: func(ctx context.Context, c client.WithWatch, objects client.ObjectList, options ...client.ListOption) error {
				if err := list(objects); err != nil {
					return err
				}
				return c.List(ctx, objects, options...)
			},
		})
	}
	fine := func(any) error { return nil }
	for name, refused := range map[string]func(any) error{
		"secrets": func(object any) error {
			if _, secret := object.(*corev1.Secret); secret {
				return forbidden
			}
			return nil
		},
		"configmaps": func(object any) error {
			if _, configMap := object.(*corev1.ConfigMap); configMap {
				return forbidden
			}
			return nil
		},
	} {
		t.Run("get "+name, func(t *testing.T) {
			s := newScene(t)
			s.have(contextYAML, referencesYAML, usingYAML(t))
			options := s.options(usingYAML(t), replaced(t, ordersYAML, "name: orders}", "name: plain}", "/orders", "/plain"))
			options.Cluster = refusing(s, refused, fine)
			report := s.plans(options)
			o := object(t, report, "ns/orders")
			if o.Verdict != plan.VerdictUnknown || !strings.Contains(o.Fault.Message, "ask for the right to get "+name+" in namespace ns") {
				t.Errorf("the fault names the right: %+v, %+v", o, o.Fault)
			}
			if o := object(t, report, "ns/plain"); o.Verdict != plan.VerdictCreate {
				t.Errorf("what has no templates is planned all the same: %+v", o)
			}
		})
	}
	of := func(err error) func(any) error {
		return func(list any) error {
			if _, resources := list.(*v1alpha1.ApiResourceList); resources {
				return err
			}
			return nil
		}
	}
	t.Run("list", func(t *testing.T) {
		s := newScene(t)
		options := s.options(contextYAML, ordersYAML)
		options.Cluster = refusing(s, fine, of(forbidden))
		if _, err := plan.Run(t.Context(), options); err == nil || !strings.Contains(err.Error(), "listing apiresources.gravitee.io in all namespaces") {
			t.Errorf("error = %v", err)
		}
	})
	t.Run("CRDs of an older version", func(t *testing.T) {
		s := newScene(t)
		options := s.options(contextYAML, ordersYAML)
		options.Cluster = refusing(s, fine, of(&meta.NoKindMatchError{GroupKind: schema.GroupKind{Kind: "ApiResource"}}))
		if o := object(t, s.plans(options), "ns/orders"); o.Verdict != plan.VerdictCreate {
			t.Errorf("got %+v", o)
		}
	})
}

// Files may hold many Secrets and ConfigMaps of other programs.
func TestSourcesThatNobodyNeedsAreNotRead(t *testing.T) {
	s := newScene(t)
	s.have(contextYAML, referencesYAML, usingYAML(t))
	asked := map[string]int{}
	options := s.options(referencesYAML, usingYAML(t), replaced(t, document(t, "ConfigMap"), "name: conf}", "name: other}"), replaced(t, document(t, "Secret"), "name: creds}", "name: other}"))
	options.Cluster = interceptor.NewClient(s.client, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
			asked[fmt.Sprintf("%T %s", object, key.Name)]++
			return c.Get(ctx, key, object, options...)
		},
	})
	s.plans(options)
	if diff := gocmp.Diff(map[string]int{"*v1.ConfigMap conf": 1, "*v1.Secret creds": 1}, asked); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestDeletionOfReferences(t *testing.T) {
	s := newScene(t)
	s.have(contextYAML, referencesYAML, usingYAML(t))
	options := s.options(referencesYAML, replaced(t, document(t, "ApiResource"), "name: store}", "name: unknown}"))
	options.Delete = true
	report := s.plans(options)
	notes := strings.Join(report.Notes, "\n")
	for _, want := range []string{
		"ApiResource ns/store would not be gone at once: it is kept until the last object that needs it is gone (ns/orders)",
		"Group ns/crew would not be gone at once", "Notification ns/bell would not be gone at once", "ApiResource ns/unknown isn't in the cluster",
	} {
		if !strings.Contains(notes, want) {
			t.Errorf("%q isn't among the notes:\n%s", want, notes)
		}
	}
	if report.ExitCode() != plan.ExitNothing {
		t.Errorf("no API is planned, exit code %d", report.ExitCode())
	}
}

// A template keeps its identity: a crossId may come from a ConfigMap.
func TestIdentityFromAConfigMap(t *testing.T) {
	s := newScene(t)
	conf := replaced(t, document(t, "ConfigMap"), `size: "ten"`, "key: shared-key")
	keyed := replaced(t, ordersYAML, "spec:\n", "spec:\n  crossId: \"[[ configmap `conf/key` ]]\"\n")
	s.have(contextYAML, conf, keyed)
	if o := object(t, s.plans(s.options(keyed)), "ns/orders"); o.Verdict != plan.VerdictNone {
		t.Errorf("got %+v", o)
	}
	if got := s.sim.APIs()[0].CrossID; got != "shared-key" {
		t.Fatalf("the scene is another one: crossId %q", got)
	}
}
