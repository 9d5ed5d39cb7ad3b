// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestProgramsAreFound(t *testing.T) {
	cache, assets, incomplete := t.TempDir(), t.TempDir(), t.TempDir()
	for _, name := range []string{"etcd", "kube-apiserver", "kubectl"} {
		if err := os.WriteFile(filepath.Join(assets, name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name      string
		why       string
		assets    string
		built     []string // in the order of building
		wantError string
	}{
		{name: "no assets", why: "all are built, the one that shares most first", built: []string{"kube-apiserver", "kube-controller-manager", "kubectl", "etcd"}},
		{name: "assets", why: "setup-envtest has no controller manager", assets: assets, built: []string{"kube-controller-manager"}},
		{name: "incomplete assets", why: "a mistaken folder is told, not built around", assets: incomplete, wantError: "looking for kube-apiserver in $KUBEBUILDER_ASSETS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Log(c.why)
			t.Setenv(CacheEnv, cache)
			t.Setenv(AssetsEnv, c.assets)
			b, err := newBuild(nil)
			if c.wantError != "" {
				if err == nil || !strings.Contains(err.Error(), c.wantError) {
					t.Fatalf("got error %v, want %q", err, c.wantError)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			missing, err := b.missing()
			if err != nil {
				t.Fatal(err)
			}
			var built []string
			for _, p := range missing {
				built = append(built, p.name)
			}
			if diff := cmp.Diff(c.built, built); diff != "" {
				t.Errorf("built programs (-want +got):\n%s", diff)
			}
			for name, path := range b.paths {
				want := assets
				if slices.Contains(c.built, name) {
					want = b.cache
				}
				if filepath.Dir(path) != want {
					t.Errorf("%s is looked for at %s, want in %s", name, path, want)
				}
			}
			if base := filepath.Join(cache, "controlplane") + string(filepath.Separator) + "v"; !strings.HasPrefix(b.cache, base) {
				t.Errorf("the cache is %s, want below %s", b.cache, base)
			}
		})
	}
}

func TestModuleRoot(t *testing.T) {
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Join(root, filepath.FromSlash(programsFolder)))
	inside, err := moduleRoot()
	if err != nil || inside != root {
		t.Errorf("from inside another module of the tree: got %q, %v, want %q", inside, err, root)
	}
	t.Chdir(t.TempDir())
	if outside, err := moduleRoot(); err == nil {
		t.Errorf("outside of the tree: got %q, want an error", outside)
	}
}

func TestBuildFails(t *testing.T) {
	t.Setenv(CacheEnv, t.TempDir())
	b, err := newBuild(func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(b.cache, 0o755); err != nil {
		t.Fatal(err)
	}
	absent := program{"kube-apiserver", "k8s.io/kubernetes/cmd/absent"}
	err = b.buildOne(t.Context(), absent, "absent")
	if err == nil || !strings.Contains(err.Error(), "building kube-apiserver") || !strings.Contains(err.Error(), "cmd/absent") {
		t.Errorf("building what doesn't exist: got %v, want the program and what the Go command said", err)
	}
	if _, err := os.Stat(b.paths["kube-apiserver"]); !os.IsNotExist(err) {
		t.Errorf("a failed build leaves a program: %v", err)
	}
}

func TestLockFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lockFile(t.Context(), path, func() { t.Error("waits for a free lock") })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := lockFile(ctx, path, cancel); !errors.Is(err, context.Canceled) {
		t.Errorf("a held lock, given up: got %v, want canceled", err)
	}
	unlockSecond, err := lockFile(t.Context(), path, unlock)
	if err != nil {
		t.Fatalf("a lock that is given back while it is waited for: %v", err)
	}
	unlockSecond()
}

func TestGoOutput(t *testing.T) {
	var output goOutput
	for _, c := range []struct {
		why   string
		write string
		want  string
	}{
		{"nothing was said yet", "", "0 packages compiled"},
		{"downloads come first", "go: downloading k8s.io/api v0.36.3\ngo: downloading k8s.io/client-go v0.36.3\n", "2 modules downloaded"},
		{"a line may come in parts", "k8s.io/api/co", "2 modules downloaded"},
		{"packages count once they come", "re/v1\nk8s.io/api/apps/v1\n", "2 packages compiled"},
		{"what the compiler says isn't a package", "file.go:1:2: undefined: x\n", "2 packages compiled"},
	} {
		if _, err := output.Write([]byte(c.write)); err != nil {
			t.Fatal(err)
		}
		if got := output.progress(); got != c.want {
			t.Errorf("%s: got %q, want %q", c.why, got, c.want)
		}
	}
	if !strings.HasSuffix(output.tail(), "undefined: x") {
		t.Errorf("the tail doesn't end with what was said last: %q", output.tail())
	}
	long := strings.Repeat("x", tailLimit) + "end"
	if _, err := output.Write([]byte(long)); err != nil {
		t.Fatal(err)
	}
	if got := output.tail(); len(got) != tailLimit || !strings.HasSuffix(got, "end") {
		t.Errorf("the tail has %d bytes, want the last %d", len(got), tailLimit)
	}
}
