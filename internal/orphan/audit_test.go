// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package orphan_test

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/mapi/gravitee"
	"github.com/apisync/apisync/internal/model"
	"github.com/apisync/apisync/internal/orphan"
	"github.com/apisync/apisync/internal/translate"
	"github.com/apisync/apisync/test/harness"
	"github.com/apisync/apisync/test/simulator"
)

// bench is a cluster in memory and a simulator.
type bench struct {
	t       *testing.T
	sim     *simulator.Simulator
	url     string
	cluster client.WithWatch
	options orphan.Options
}

func newBench(t *testing.T) *bench {
	t.Helper()
	scheme, err := harness.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	sim := simulator.New(simulator.Options{Environments: []simulator.Place{{}, {Environment: "OTHER"}}})
	server, err := sim.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, sim: sim, url: server.URL, cluster: fake.NewClientBuilder().WithScheme(scheme).Build()}
	b.options = orphan.Options{
		Cluster: b.cluster, ClusterID: "east", Templating: true,
		Registry:  mapi.Registry{mapi.DefaultType: gravitee.New(gravitee.Options{})},
		Transport: func(string) http.RoundTripper { return http.DefaultTransport },
	}
	return b
}

func (b *bench) context(name string, change func(*v1alpha1.ManagementContext)) {
	b.t.Helper()
	managed := &v1alpha1.ManagementContext{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name}}
	managed.Spec = v1alpha1.ManagementContextSpec{
		BaseUrl: b.url, OrganizationID: "DEFAULT", EnvironmentID: "DEFAULT",
		Auth: &v1alpha1.Auth{Credentials: &v1alpha1.BasicAuth{Username: "admin", Password: "admin"}},
	}
	if change != nil {
		change(managed)
	}
	if err := b.cluster.Create(b.t.Context(), managed); err != nil {
		b.t.Fatal(err)
	}
}

func resource(name string) *v1alpha1.ApiDefinition {
	api := &v1alpha1.ApiDefinition{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID("uid-of-" + name)}}
	api.Spec = v1alpha1.ApiDefinitionSpec{
		ContextRef: &v1alpha1.Reference{Name: "ctx"}, Name: name, Version: "1", Description: name, State: v1alpha1.StateStarted,
		Proxy: &v1alpha1.Proxy{VirtualHosts: []v1alpha1.VirtualHost{{Path: "/" + name}}},
		Plans: []v1alpha1.Plan{{Name: "open", Security: "KEY_LESS", Status: "PUBLISHED"}},
	}
	return api
}

// publish writes the API of a resource as the operator of a cluster does, without the resource.
func (b *bench) publish(name, cluster string) {
	b.t.Helper()
	config := mapi.Config{
		BaseURL: b.url, Scope: map[string]string{"organizationId": "DEFAULT", "environmentId": "DEFAULT"},
		Credentials: mapi.Credentials{Username: "admin", Password: "admin"},
	}
	dialled, err := b.options.Registry[mapi.DefaultType].Dial(config, http.DefaultTransport)
	if err != nil {
		b.t.Fatal(err)
	}
	api := resource(name)
	want, err := translate.API(api, translate.Inputs{ID: string(api.UID), Cluster: cluster})
	if err == nil {
		_, err = dialled.APIs().Apply(b.t.Context(), want, mapi.Commit)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) create(name string) {
	b.t.Helper()
	if err := b.cluster.Create(b.t.Context(), resource(name)); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) audit() orphan.Report {
	b.t.Helper()
	report, err := orphan.Audit(b.t.Context(), b.options)
	if err != nil {
		b.t.Fatal(err)
	}
	return report
}

// names of what is left in the simulator.
func (b *bench) names() []string {
	var names []string
	for _, api := range b.sim.APIs() {
		names = append(names, api.Name)
	}
	return names
}

func idsOf(report orphan.Report) []string {
	var ids []string
	for _, place := range report.Places {
		for _, found := range place.Orphans {
			ids = append(ids, place.Context+" "+found.ID)
		}
	}
	return ids
}

func TestAudit(t *testing.T) {
	b := newBench(t)
	b.context("ctx", nil)
	b.context("other", func(m *v1alpha1.ManagementContext) { m.Spec.EnvironmentID = "OTHER" })
	b.context("same-place", nil)
	b.context("broken", func(m *v1alpha1.ManagementContext) {
		m.Spec.OrganizationID, m.Spec.Auth = "ELSEWHERE", &v1alpha1.Auth{SecretRef: &v1alpha1.Reference{Name: "missing"}}
	})
	b.create("kept")
	for name, cluster := range map[string]string{"kept": "east", "lost": "east", "foreign": "west", "unmarked": ""} {
		b.publish(name, cluster)
	}
	writes := len(b.sim.Writes())
	report := b.audit()
	if diff := cmp.Diff([]string{"ns/ctx uid-of-lost"}, idsOf(report)); diff != "" {
		t.Errorf("orphans (-want +got):\n%s", diff)
	}
	if len(report.Places) != 3 {
		t.Errorf("%d places, want 3: two contexts lead to one", len(report.Places))
	}
	broken, read := report.Places[0], report.Places[1]
	if broken.Fault == nil || broken.Fault.Reason != "CredentialsMissing" || broken.Complete {
		t.Errorf("the context without a Secret: %+v", broken)
	}
	if !read.Complete || read.Owned != 2 || read.Foreign != 1 || read.Unmarked != 1 || report.Proven != 1 {
		t.Errorf("the context that works: %+v, %d proven", read, report.Proven)
	}
	if report.ExitCode() != orphan.ExitError {
		t.Errorf("exit code %d: a context couldn't be read, so nothing is certain", report.ExitCode())
	}
	if len(b.sim.Writes()) != writes {
		t.Errorf("an audit wrote: %v", b.sim.Writes()[writes:])
	}
}

func TestAuditIsCompleteOrSaysSo(t *testing.T) {
	b := newBench(t)
	b.context("limited", func(m *v1alpha1.ManagementContext) {
		m.Spec.Auth.Credentials = &v1alpha1.BasicAuth{Username: "api1", Password: "api1"}
	})
	b.publish("lost", "east")
	report := b.audit()
	if report.Places[0].Complete || report.ExitCode() != orphan.ExitError || report.Count() != 0 {
		t.Errorf("the user sees nothing of what an administrator has made, which is no proof that it isn't there: %+v", report)
	}
	var text bytes.Buffer
	if err := report.Text(&text); err != nil || !strings.Contains(text.String(), "there may be more orphans") {
		t.Errorf("%v, said:\n%s", err, text.String())
	}
	b.context("mighty", nil)
	if report := b.audit(); !report.Places[0].Complete || report.Count() != 1 || report.ExitCode() != orphan.ExitOrphans {
		t.Errorf("another context of the same place sees everything: %+v", report)
	}
}

// A context may take from a ConfigMap where it leads. What is rendered isn't told.
func TestAuditThroughATemplate(t *testing.T) {
	b := newBench(t)
	conf := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "conf"}, Data: map[string]string{"url": b.url}}
	if err := b.cluster.Create(t.Context(), conf); err != nil {
		t.Fatal(err)
	}
	b.context("ctx", func(managed *v1alpha1.ManagementContext) { managed.Spec.BaseUrl = `[[ configmap "conf/url" ]]` })
	b.context("same", nil)
	b.context("lost", func(managed *v1alpha1.ManagementContext) { managed.Spec.BaseUrl = `[[ configmap "gone/url" ]]` })
	b.publish("lost", "east")
	report := b.audit()
	var text bytes.Buffer
	if err := report.Text(&text); err != nil {
		t.Fatal(err)
	}
	if len(report.Places) != 2 || report.Count() != 1 {
		t.Errorf("two contexts lead to one place, and of the third that isn't known:\n%s", text.String())
	}
	if !strings.Contains(text.String(), "ConfigMap ns/gone doesn't exist") {
		t.Errorf("it isn't said what is missing:\n%s", text.String())
	}
	b.options.Templating = false
	text.Reset()
	if report = b.audit(); report.Text(&text) != nil || len(report.Places) != 3 || strings.Contains(text.String(), "ns/gone") {
		t.Errorf("addresses aren't taken as they are:\n%s", text.String())
	}
}

func TestAuditOfSomeContexts(t *testing.T) {
	b := newBench(t)
	b.context("ctx", nil)
	b.context("other", func(m *v1alpha1.ManagementContext) { m.Spec.EnvironmentID = "OTHER" })
	b.options.Contexts = []types.NamespacedName{{Namespace: "ns", Name: "other"}}
	if report := b.audit(); len(report.Places) != 1 || report.Places[0].Context != "ns/other" || report.ExitCode() != orphan.ExitNothing {
		t.Errorf("got %+v", report)
	}
	b.options.Contexts[0].Name = "missing"
	if _, err := orphan.Audit(t.Context(), b.options); err == nil || !strings.Contains(err.Error(), "ManagementContext ns/missing") {
		t.Errorf("error = %v", err)
	}
}

// Without these, orphans can't be told, and every API would look like one.
func TestAuditNeedsToSeeTheCluster(t *testing.T) {
	b := newBench(t)
	b.context("ctx", nil)
	b.publish("kept", "east")
	forbidden := func(resource string) client.Reader {
		return interceptor.NewClient(b.cluster, interceptor.Funcs{
			List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
				if _, apis := list.(*v1alpha1.ApiDefinitionList); apis == (resource == "apidefinitions") {
					return apierrors.NewForbidden(v1alpha1.GroupVersion.WithResource(resource).GroupResource(), "", nil)
				}
				return c.List(ctx, list, options...)
			},
		})
	}
	cases := map[string]struct {
		change func(*orphan.Options)
		want   string
	}{
		"no cluster id":           {func(o *orphan.Options) { o.ClusterID = "" }, "without a cluster id"},
		"resources can't be seen": {func(o *orphan.Options) { o.Cluster = forbidden("apidefinitions") }, "let somebody look who has it"},
		"contexts can't be seen":  {func(o *orphan.Options) { o.Cluster = forbidden("managementcontexts") }, "name the contexts that you may read"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			options := b.options
			c.change(&options)
			if _, err := orphan.Audit(t.Context(), options); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error = %v, want %q in it", err, c.want)
			}
		})
	}
}

// unmanaged is a registry whose clients show an API as one that a person has taken in hand.
func unmanaged(registry mapi.Registry, id string) mapi.Registry {
	backend := registry[mapi.DefaultType]
	return mapi.Registry{mapi.DefaultType: {Dial: func(config mapi.Config, transport http.RoundTripper) (mapi.Client, error) {
		dialled, err := backend.Dial(config, transport)
		return humanClient{dialled, id}, err
	}}}
}

type humanClient struct {
	mapi.Client
	id string
}

func (c humanClient) APIs() mapi.Store[model.API] { return humanStore{c.Client.APIs(), c.id} }

type humanStore struct {
	mapi.Store[model.API]
	id string
}

func (s humanStore) Observe(ctx context.Context, ref mapi.Ref) (mapi.Observation, error) {
	seen, err := s.Store.Observe(ctx, ref)
	seen.Managed = seen.Managed && ref.ID != s.id
	return seen, err
}

func TestRemove(t *testing.T) {
	b := newBench(t)
	b.context("ctx", nil)
	b.create("kept")
	for _, name := range []string{"kept", "lost", "gone", "moved", "human", "stuck", "returned", "shared"} {
		b.publish(name, "east")
	}
	report := b.audit()
	if report.Count() != 7 {
		t.Fatalf("found %v", idsOf(report))
	}
	// What happens between the audit and the removal:
	if err := b.sim.RemoveAPI("uid-of-gone"); err != nil {
		t.Fatal(err)
	}
	mark := func(definition map[string]any) { definition["labels"] = []any{"apisync-cluster=west"} }
	if err := b.sim.EditAPI("uid-of-moved", mark); err != nil {
		t.Fatal(err)
	}
	share := func(definition map[string]any) {
		definition["labels"] = []any{"apisync-cluster=east", "apisync-cluster=west"}
	}
	if err := b.sim.EditAPI("uid-of-shared", share); err != nil {
		t.Fatal(err)
	}
	b.options.Registry = unmanaged(b.options.Registry, "uid-of-human")
	b.create("returned")
	b.sim.Inject(simulator.Fault{Method: http.MethodDelete, Path: "uid-of-stuck", Mode: simulator.ModeStatus, Status: http.StatusBadGateway})

	removal, err := orphan.Remove(t.Context(), b.options, report)
	if err != nil {
		t.Fatal(err)
	}
	results := map[string]orphan.Result{}
	for _, item := range removal.Items {
		results[item.Name] = item.Result
		if (item.Result == orphan.ResultKept || item.Result == orphan.ResultFailed) == (item.Reason == "") {
			t.Errorf("%s %s, reason %q", item.Result, item.Name, item.Reason)
		}
	}
	want := map[string]orphan.Result{
		"lost": orphan.ResultDeleted, "gone": orphan.ResultGone, "moved": orphan.ResultKept, "human": orphan.ResultKept,
		"stuck": orphan.ResultFailed, "returned": orphan.ResultKept, "shared": orphan.ResultKept,
	}
	if diff := cmp.Diff(want, results); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"human", "kept", "moved", "returned", "shared", "stuck"}, b.names()); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
	if removal.ExitCode() != orphan.ExitError {
		t.Errorf("exit code %d although a deletion failed", removal.ExitCode())
	}
	var text bytes.Buffer
	if err := removal.Text(&text); err != nil || !strings.Contains(text.String(), "1 deleted, 1 gone already, 4 kept, 1 failed") {
		t.Errorf("%v, said:\n%s", err, text.String())
	}
}

func TestRemoveRefuses(t *testing.T) {
	cases := map[string]struct {
		why    string
		proven bool
		change func(b *bench)
		err    string
		result orphan.Result
	}{
		"what may be another cluster's": {
			why: "with a wrong kubeconfig every API of the cluster looks like an orphan", err: "this is another cluster",
		},
		"unless that is known": {
			why: "all resources of a cluster may be gone", change: func(b *bench) { b.options.Unproven = true }, result: orphan.ResultDeleted,
		},
		"a report of another cluster": {
			why: "it would delete what that one owns", proven: true, change: func(b *bench) { b.options.ClusterID = "west" }, err: `cluster "west"`,
		},
		"a place that the context left": {
			why: "ids of another installation may be anything's", proven: true, result: orphan.ResultFailed,
			change: func(b *bench) {
				var managed v1alpha1.ManagementContext
				if err := b.cluster.Get(b.t.Context(), types.NamespacedName{Namespace: "ns", Name: "ctx"}, &managed); err != nil {
					b.t.Fatal(err)
				}
				managed.Spec.EnvironmentID = "OTHER"
				if err := b.cluster.Update(b.t.Context(), &managed); err != nil {
					b.t.Fatal(err)
				}
			},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.context("ctx", nil)
			if c.proven {
				b.create("kept")
				b.publish("kept", "east")
			}
			b.publish("lost", "east")
			report := b.audit()
			if c.change != nil {
				c.change(b)
			}
			removal, err := orphan.Remove(t.Context(), b.options, report)
			if (err == nil) != (c.err == "") || (err != nil && !strings.Contains(err.Error(), c.err)) {
				t.Fatalf("error = %v, want %q in it: %s", err, c.err, c.why)
			}
			if err == nil && removal.Items[0].Result != c.result {
				t.Errorf("%+v: %s", removal.Items, c.why)
			}
			if deleted := !slices.Contains(b.names(), "lost"); deleted != (c.result == orphan.ResultDeleted) {
				t.Errorf("deleted: %v: %s", deleted, c.why)
			}
		})
	}
}

func TestNothingToRemove(t *testing.T) {
	b := newBench(t)
	b.context("ctx", nil)
	removal, err := orphan.Remove(t.Context(), b.options, b.audit())
	if err != nil || len(removal.Items) > 0 || removal.ExitCode() != orphan.ExitNothing {
		t.Errorf("got %v, %v", removal, err)
	}
}

func TestReportAsDocument(t *testing.T) {
	b := newBench(t)
	b.context("ctx", nil)
	b.publish("lost", "east")
	report := b.audit()
	var asJSON, asYAML bytes.Buffer
	if err := report.JSON(&asJSON); err != nil {
		t.Fatal(err)
	}
	if err := report.YAML(&asYAML); err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{"JSON": asJSON.String(), "YAML": asYAML.String()} {
		for _, part := range []string{"orphans.apisync.github.io/v1", "OrphanAudit", "uid-of-lost", "clusterId", "proven"} {
			if !strings.Contains(text, part) {
				t.Errorf("%s lacks %s:\n%s", what, part, text)
			}
		}
	}
}

func TestCounter(t *testing.T) {
	b := newBench(t)
	b.create("kept")
	markers := map[string]mapi.Marker{}
	for _, id := range []string{"uid-of-kept", "uid-of-lost"} {
		markers[id] = mapi.Marker{Ref: mapi.Ref{ID: id, Key: "key of " + id}, Owners: []string{"east"}}
	}
	count, err := orphan.Counter(b.cluster, "east")(t.Context(), mapi.Lease{}, markers)
	if err != nil || count != 1 {
		t.Errorf("got %d, %v", count, err)
	}
}
