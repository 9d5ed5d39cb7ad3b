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
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/gather"
	"github.com/apisync/apisync/internal/translate"
)

// samples are the resources of all files, by the namespace/name by which others refer to them.
type samples struct {
	apis     []*v1alpha1.ApiDefinition
	contexts map[string]*v1alpha1.ManagementContext
	secrets  map[string]*corev1.Secret
}

func TestSamplesAreWhatTheOperatorOffers(t *testing.T) {
	all := load(t)
	if len(all.apis) < 6 || len(all.contexts) < 5 {
		t.Fatalf("found %d APIs and %d contexts; files are missing", len(all.apis), len(all.contexts))
	}
	for _, api := range all.apis {
		if err := translate.Check(api); err != nil {
			t.Errorf("ApiDefinition %s would be refused: %v", translate.FullName(api), err)
			continue
		}
		if key := gather.RefKey(*api.Spec.ContextRef, api.Namespace).String(); all.contexts[key] == nil {
			t.Errorf("ApiDefinition %s refers to context %s, which is in no sample", translate.FullName(api), key)
		}
		if len(api.Spec.Plans) == 0 {
			t.Errorf("ApiDefinition %s has no plan: no gateway would serve it", translate.FullName(api))
		}
	}
	for name, managed := range all.contexts {
		if key, used := gather.SecretKey(managed); used && all.secrets[key.String()] == nil {
			t.Errorf("ManagementContext %s refers to Secret %s, which is in no sample", name, key)
		}
	}
}

func TestSamplesDoNotCollide(t *testing.T) {
	all := load(t)
	taken := map[string]string{}
	for _, api := range all.apis {
		managed := all.contexts[gather.RefKey(*api.Spec.ContextRef, api.Namespace).String()]
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
	all := samples{contexts: map[string]*v1alpha1.ManagementContext{}, secrets: map[string]*corev1.Secret{}}
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
	decode := func(into any) {
		if err := yaml.UnmarshalStrict(document, into); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	switch meta.Kind {
	case "ApiDefinition":
		api := &v1alpha1.ApiDefinition{}
		decode(api)
		s.apis = append(s.apis, api)
	case "ManagementContext":
		managed := &v1alpha1.ManagementContext{}
		decode(managed)
		s.contexts[managed.Namespace+"/"+managed.Name] = managed
	case "Secret":
		secret := &corev1.Secret{}
		decode(secret)
		s.secrets[secret.Namespace+"/"+secret.Name] = secret
	case "Namespace":
		decode(&corev1.Namespace{})
	default:
		t.Fatalf("%s: kind %q isn't expected in a sample", path, meta.Kind)
	}
}
