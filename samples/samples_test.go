// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

// Package samples_test keeps the samples from rotting. That the API server takes them is seen in test/overlays.
package samples_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/yaml"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/gather"
	"github.com/apisync/apisync/internal/translate"
)

// samples are the resources of all files.
type samples struct {
	objects  []client.Object
	apis     []*v1alpha1.ApiDefinition
	contexts map[string]*v1alpha1.ManagementContext
	kinds    map[string]int
}

func TestSamplesAreWhatTheOperatorOffers(t *testing.T) {
	all := load(t)
	for kind, least := range map[string]int{
		"ApiDefinition": 9, "ManagementContext": 6, "ApiResource": 1, "Group": 1, "Notification": 1, "Secret": 3, "ConfigMap": 1, "Namespace": 1,
	} {
		if all.kinds[kind] < least {
			t.Errorf("found %d of kind %s and want %d at least; files are missing", all.kinds[kind], kind, least)
		}
	}
	sources := all.sources(t)
	for _, api := range all.apis {
		if err := translate.Check(api); err != nil {
			t.Errorf("ApiDefinition %s would be refused: %v", translate.FullName(api), err)
			continue
		}
		if all.contextOf(api) == nil && api.Spec.ContextRef != nil {
			t.Errorf("ApiDefinition %s refers to context %s, which is in no sample", translate.FullName(api), api.Spec.ContextRef.Name)
		}
		if len(api.Spec.Plans) == 0 {
			t.Errorf("ApiDefinition %s has no plan: no gateway would serve it", translate.FullName(api))
		}
		found, err := sources.API(t.Context(), api)
		if err != nil || len(found.MissingGroups) > 0 {
			t.Errorf("ApiDefinition %s refers to what is in no sample: Groups %v, error %v", translate.FullName(api), found.MissingGroups, err)
		}
	}
	for name, managed := range all.contexts {
		_, err := sources.Connection(t.Context(), managed)
		if managed.Spec.Cloud != nil && fault.KindOf(err) == fault.Terminal {
			continue // nobody has a token for everybody
		}
		if err != nil {
			t.Errorf("ManagementContext %s would not become ready: %v", name, err)
		}
	}
}

// TestSamplesShowWhatTheyAreFor: a sample that lost its subject would still pass the other tests.
func TestSamplesShowWhatTheyAreFor(t *testing.T) {
	all := load(t)
	sources := all.sources(t)
	var local, rendered, referring int
	for _, api := range all.apis {
		found, err := sources.API(t.Context(), api)
		if err != nil {
			t.Fatal(err)
		}
		local += count(api.Spec.Local)
		rendered += count(found.Rendered)
		referring += count(len(api.Spec.GroupRefs) > 0 && len(api.Spec.NotificationsRefs) > 0 && found.Object.Spec.ConsoleNotificationConfiguration != nil)
	}
	if local == 0 || rendered == 0 || referring == 0 {
		t.Errorf("%d APIs are local, %d have templates, %d have references; there should be one of each", local, rendered, referring)
	}
}

// contextOf is the context of an API; nil if it names none, or one that is in no sample.
func (s *samples) contextOf(api *v1alpha1.ApiDefinition) *v1alpha1.ManagementContext {
	if api.Spec.ContextRef == nil {
		return nil
	}
	return s.contexts[gather.RefKey(*api.Spec.ContextRef, api.Namespace).String()]
}

func count(holds bool) int {
	if holds {
		return 1
	}
	return 0
}

// TestKustomizationIsComplete: all files are applied together, but for the one that needs something of a person.
func TestKustomizationIsComplete(t *testing.T) {
	content, err := os.ReadFile("kustomization.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var kustomization struct{ Resources []string }
	if err := yaml.Unmarshal(content, &kustomization); err != nil {
		t.Fatal(err)
	}
	entries, err := filepath.Glob("*")
	if err != nil {
		t.Fatal(err)
	}
	others := []string{"kustomization.yaml", "samples_test.go", "10-context-cloud.yaml"}
	entries = slices.DeleteFunc(entries, func(name string) bool { return slices.Contains(others, name) })
	slices.Sort(kustomization.Resources)
	if diff := cmp.Diff(entries, kustomization.Resources); diff != "" {
		t.Errorf("files (-) and kustomization.yaml (+):\n%s", diff)
	}
}

func TestSamplesDoNotCollide(t *testing.T) {
	all := load(t)
	taken := map[string]string{}
	for _, api := range all.apis {
		managed := all.contextOf(api)
		if managed == nil {
			continue // told by the other test
		}
		for _, host := range api.Spec.Proxy.VirtualHosts {
			place := managed.Spec.BaseUrl + " " + managed.Spec.EnvironmentID + " " + host.Host + host.Path
			if other, ok := taken[place]; ok {
				t.Errorf("ApiDefinitions %s and %s both claim %s; an environment has a path only once", other, api.Name, place)
			}
			taken[place] = api.Name
		}
	}
}

func load(t *testing.T) samples {
	t.Helper()
	all := samples{contexts: map[string]*v1alpha1.ManagementContext{}, kinds: map[string]int{}}
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".yaml" || entry.Name() == "kustomization.yaml" {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, document := range documents(t, path, content) {
			all.add(t, path, document)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("reading the samples: %v", err)
	}
	return all
}

func documents(t *testing.T, path string, content []byte) [][]byte {
	t.Helper()
	var found [][]byte
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		found = append(found, document)
	}
}

// add decodes strictly: a field that doesn't exist or is given twice is an error.
func (s *samples) add(t *testing.T, path string, document []byte) {
	t.Helper()
	var meta metav1.TypeMeta
	if err := yaml.Unmarshal(document, &meta); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	made, err := scheme(t).New(meta.GroupVersionKind())
	if err != nil {
		t.Fatalf("%s: %s isn't expected in a sample: %v", path, meta.GroupVersionKind(), err)
	}
	if err := yaml.UnmarshalStrict(document, made); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	s.kinds[meta.Kind]++
	switch object := made.(type) {
	case *v1alpha1.ApiDefinition:
		s.apis = append(s.apis, object)
	case *v1alpha1.ManagementContext:
		s.contexts[object.Namespace+"/"+object.Name] = object
	case *corev1.Secret:
		// As an API server does.
		object.Data = map[string][]byte{}
		for key, value := range object.StringData {
			object.Data[key] = []byte(value)
		}
	}
	if object, ok := made.(client.Object); ok {
		s.objects = append(s.objects, object)
	}
}

// sources is where the operator would look things up, had somebody applied all samples.
func (s *samples) sources(t *testing.T) gather.Sources {
	t.Helper()
	cluster := fake.NewClientBuilder().WithScheme(scheme(t)).WithObjects(s.objects...).Build()
	return gather.Sources{Reader: cluster, Live: cluster, Templating: true}
}

func scheme(t *testing.T) *runtime.Scheme {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := errors.Join(corev1.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	return scheme
}
