// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

// Package overlays_test builds everything in config/ and samples/ with kustomize and applies it to real API
// servers, as a person would: with kubectl, server-side, under strict field validation.
package overlays_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/config/crd"
	"github.com/apisync/apisync/internal/install"
	"github.com/apisync/apisync/test/controlplane"
)

const (
	root      = "../.."
	namespace = "apisync-system"
	account   = "apisync-controller-manager"
	// patience bounds what a control plane does by itself; it isn't reached unless something is broken.
	patience = "--timeout=120s"
)

func TestOverlays(t *testing.T) {
	cases := []struct {
		folder   string
		reason   string
		foreign  bool
		replicas int
		// given are the namespaces that have to be there.
		given []string
	}{
		{folder: "config/default", reason: "it is what most people install, and needs no CRD of others", replicas: 2},
		{folder: "config/overlays/no-deployment", reason: "the operator runs elsewhere with its ServiceAccount"},
		{folder: "config/overlays/with-monitoring", reason: "it uses ServiceMonitor, Certificate and Issuer", foreign: true, replicas: 2},
		{folder: "config/overlays/apply-crds", reason: "its operator applies the CRDs itself", replicas: 2},
		{folder: "config/overlays/one-namespace", reason: "its operator has no right outside of its namespace", replicas: 2, given: []string{namespace}},
		{folder: "config/overlays/several-namespaces", reason: "its operator has rights in the namespaces that are listed", replicas: 2, given: []string{"team-a", "team-b"}},
	}
	var covered []string
	for _, c := range cases {
		covered = append(covered, c.folder)
		t.Run(filepath.Base(c.folder), func(t *testing.T) {
			cluster := start(t)
			if c.foreign {
				cluster.installForeignCRDs()
			}
			cluster.makeNamespaces(c.given...)
			cluster.apply(build(t, c.folder))
			cluster.kubectl("wait", patience, "--for=condition=Established", "crd", "--all")
			if c.replicas > 0 {
				// The namespace enforces the restricted Pod security standard: Pods that exist were admitted by it.
				cluster.kubectl("wait", patience, "-n", namespace, "deployment/"+account, fmt.Sprintf("--for=jsonpath={.status.replicas}=%d", c.replicas))
			}
			cluster.apply(build(t, "samples"))
			cluster.apply(build(t, c.folder)) // again: an update has to work as well, with resources present
		})
	}
	for _, folder := range folders(t, "config/overlays") {
		if !slices.Contains(covered, folder) {
			t.Errorf("%s isn't applied by this test; add it", folder)
		}
	}
}

func TestCRDsAloneServeSamples(t *testing.T) {
	cluster := start(t)
	cluster.apply(build(t, "config/crd"))
	cluster.kubectl("wait", patience, "--for=condition=Established", "crd", "--all")
	cluster.apply(build(t, "samples"))
	// It needs something of a person, and isn't applied with the others.
	cloud, err := os.ReadFile(filepath.Join(root, "samples", "10-context-cloud.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	cluster.apply(cloud)
	stored := cluster.kubectl("get", "gravitee", "-A", "-o", "name") // the category that all kinds have
	for kind, want := range map[string]int{"apidefinition": 9, "managementcontext": 6, "apiresource": 1, "group": 1, "notification": 1} {
		if got := strings.Count(stored, kind+".gravitee.io/"); got != want {
			t.Errorf("%d objects of kind %s were stored, want %d:\n%s", got, kind, want, stored)
		}
	}
}

// TestUndeployKeepsResources guards people's APIs: with the CRDs or their namespace, their resources would be deleted.
func TestUndeployKeepsResources(t *testing.T) {
	for _, overlay := range []string{"default", "overlays/one-namespace", "overlays/several-namespaces"} {
		all := build(t, kustomization(t, "resources: [CONFIG/"+overlay+"]\ncomponents: [CONFIG/components/without-crds]\n"))
		for kind, kept := range map[string]bool{"CustomResourceDefinition": false, "Namespace": false, "Deployment": true, "ServiceAccount": true} {
			if found := bytes.Contains(all, []byte("\nkind: "+kind+"\n")); found != kept {
				t.Errorf("%s without-crds: %s is in what is removed: %t, want %t", overlay, kind, found, kept)
			}
		}
	}
}

// kustomization writes one as a person would who keeps it elsewhere. CONFIG in its content is the folder config.
func kustomization(t *testing.T, content string) (folder string) {
	t.Helper()
	folder = t.TempDir()
	config, err := filepath.Rel(evaluated(t, folder), filepath.Join(evaluated(t, root), "config"))
	if err != nil {
		t.Fatal(err)
	}
	content = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n" + strings.ReplaceAll(content, "CONFIG", config)
	if err := os.WriteFile(filepath.Join(folder, "kustomization.yaml"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

// TestApplyCRDsWithItsOwnRights is about the one overlay whose ServiceAccount may write CRDs.
func TestApplyCRDsWithItsOwnRights(t *testing.T) {
	cluster := start(t)
	cluster.apply(build(t, "config/overlays/apply-crds"))
	cluster.kubectl("delete", "crd", "--all", patience)
	objects, err := crd.Objects()
	if err != nil {
		t.Fatal(err)
	}
	operator := cluster.asOperator()
	for _, attempt := range []string{"create", "update"} {
		if err := install.ApplyCRDs(t.Context(), operator, objects); err != nil {
			t.Errorf("the ServiceAccount can't %s the CRDs: %v", attempt, err)
		}
	}
	foreign := objects[0].DeepCopy()
	foreign.SetName("others.gravitee.io")
	err = operator.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(foreign), client.FieldOwner("test"))
	if err == nil || !strings.Contains(err.Error(), "forbidden") {
		t.Errorf("the ServiceAccount applied a CRD that isn't Apisync's; got error %v", err)
	}
}

// cluster is a control plane of one test.
type cluster struct {
	*controlplane.ControlPlane
	t *testing.T
}

func start(t *testing.T) cluster {
	t.Helper()
	ctrl.SetLogger(logr.Discard()) // otherwise its absence is told with a stack trace
	plane, err := controlplane.Start(t.Context(), controlplane.Options{Log: func(line string) { t.Log(line) }})
	if err != nil {
		t.Fatalf("starting a control plane: %v", err)
	}
	t.Cleanup(func() {
		if err := plane.Stop(); err != nil {
			t.Errorf("stopping the control plane: %v", err)
		}
	})
	return cluster{ControlPlane: plane, t: t}
}

func (c cluster) kubectl(args ...string) string {
	c.t.Helper()
	out, err := c.Kubectl(c.t.Context(), args...)
	if err != nil {
		c.t.Fatal(err)
	}
	return out
}

// apply fails on whatever the API server finds fault with, warnings included.
func (c cluster) apply(manifests []byte) {
	c.t.Helper()
	cmd := c.KubectlCommand(c.t.Context(), "apply", "--server-side", "--validate=strict", "--warnings-as-errors", "-f", "-")
	cmd.Stdin = bytes.NewReader(manifests)
	if out, err := cmd.CombinedOutput(); err != nil {
		c.t.Fatalf("applying: %v\n%s", err, out)
	}
}

// installForeignCRDs takes the CRDs from the source of those who own them.
func (c cluster) installForeignCRDs() {
	c.t.Helper()
	for _, file := range []struct{ module, path string }{
		{"github.com/cert-manager/cert-manager", "deploy/crds/cert-manager.io_certificates.yaml"},
		{"github.com/cert-manager/cert-manager", "deploy/crds/cert-manager.io_issuers.yaml"},
		{"github.com/prometheus-operator/prometheus-operator", "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml"},
		{"github.com/prometheus-operator/prometheus-operator", "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml"},
	} {
		content, err := os.ReadFile(filepath.Join(moduleDir(c.t, file.module), filepath.FromSlash(file.path)))
		if err != nil {
			c.t.Fatal(err)
		}
		c.apply(content)
	}
	c.kubectl("wait", patience, "--for=condition=Established", "crd", "--all")
}

// asOperator is a client with a token of the ServiceAccount that config/ makes.
func (c cluster) asOperator() client.Client {
	c.t.Helper()
	config, err := c.ServiceAccountConfig(c.t.Context(), namespace, account)
	if err != nil {
		c.t.Fatal(err)
	}
	operator, err := client.New(config, client.Options{Scheme: newScheme()})
	if err != nil {
		c.t.Fatal(err)
	}
	return operator
}

// build runs the pinned kustomize, as the Makefile does. folder is absolute or relative to the root.
func build(t *testing.T, folder string) []byte {
	t.Helper()
	cmd := goCommand(t, "tool", "-modfile=hack/tools/go.mod", "kustomize", "build", folder)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("building %s: %v\n%s", folder, err, stderr(err))
	}
	return out
}

func moduleDir(t *testing.T, module string) string {
	t.Helper()
	out, err := goCommand(t, "-C", "hack/foreigncrds", "mod", "download", "-json", module).Output()
	if err != nil {
		t.Fatalf("downloading %s: %v\n%s%s", module, err, out, stderr(err))
	}
	var answer struct{ Dir string }
	if err := json.Unmarshal(out, &answer); err != nil || answer.Dir == "" {
		t.Fatalf("reading where %s is: %v\n%s", module, err, out)
	}
	return answer.Dir
}

func goCommand(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = root
	cmd.WaitDelay = 10 * time.Second
	// As outside of tests, so that tools are taken from the build cache.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	return cmd
}

func stderr(err error) []byte {
	if exit, ok := err.(*exec.ExitError); ok { //nolint:errorlint // Output returns it unwrapped
		return exit.Stderr
	}
	return nil
}

func folders(t *testing.T, parent string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(root, filepath.FromSlash(parent)))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, entry := range entries {
		if entry.IsDir() {
			found = append(found, parent+"/"+entry.Name())
		}
	}
	return found
}

// evaluated is the absolute path without links, which kustomize insists on.
func evaluated(t *testing.T, path string) string {
	t.Helper()
	absolute, err := filepath.Abs(path)
	if err == nil {
		absolute, err = filepath.EvalSymlinks(absolute)
	}
	if err != nil {
		t.Fatal(err)
	}
	return absolute
}

func key(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: namespace, Name: name}
}
