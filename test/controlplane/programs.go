// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"
)

const (
	// CacheEnv names the environment variable with the folder that takes the place of
	// os.UserCacheDir()/apisync.
	CacheEnv = "APISYNC_CACHE"
	// AssetsEnv names the environment variable with a folder that has ready-made kube-apiserver,
	// etcd and kubectl programs, as setup-envtest prepares it.
	AssetsEnv = "KUBEBUILDER_ASSETS"

	mainModule       = "github.com/apisync/apisync"
	kubernetesModule = "k8s.io/kubernetes"
	programsFolder   = "hack/controlplane"
	progressEvery    = 15 * time.Second
)

// Programs are the absolute paths of the programs of a control plane.
type Programs struct {
	Etcd                  string
	KubeAPIServer         string
	KubeControllerManager string
	Kubectl               string
}

// program is one program: its file name and the Go package it is built from. The order of
// programList is the order of building: the largest first, as it compiles most of what they share.
type program struct {
	name, pkg string
}

func programList() []program {
	return []program{
		{"kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"},
		{"kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager"},
		{"kubectl", "k8s.io/kubernetes/cmd/kubectl"},
		{"etcd", "go.etcd.io/etcd/server/v3"},
	}
}

// EnsurePrograms returns the programs of a control plane and builds those that are missing.
//
// They are kept in <cache>/controlplane/<version>-<hash>, where <cache> is $APISYNC_CACHE, or
// apisync in os.UserCacheDir, and the hash covers the module in hack/controlplane and the build
// flags. Where $KUBEBUILDER_ASSETS is set, kube-apiserver, etcd and kubectl are taken from there and
// only kube-controller-manager is built. Processes that ask at the same time build once: a lock that
// ends with its process guards the folder.
//
// The source tree is found from the working directory upwards. log receives lines about the
// progress; nil discards them. An error names the program and holds the end of what the Go command said.
func EnsurePrograms(ctx context.Context, log func(string)) (Programs, error) {
	if log == nil {
		log = func(string) {}
	}
	build, err := newBuild(log)
	if err != nil {
		return Programs{}, err
	}
	if err := build.run(ctx); err != nil {
		return Programs{}, err
	}
	return Programs{
		Etcd:                  build.paths["etcd"],
		KubeAPIServer:         build.paths["kube-apiserver"],
		KubeControllerManager: build.paths["kube-controller-manager"],
		Kubectl:               build.paths["kubectl"],
	}, nil
}

// build is the work of one EnsurePrograms call.
type build struct {
	source string            // folder of the module that pins the programs
	cache  string            // folder that the built programs are kept in
	flags  []string          // of go build
	wanted []program         // to be built if missing
	paths  map[string]string // by program name, the given ones included
	log    func(string)
}

func newBuild(log func(string)) (*build, error) {
	root, err := moduleRoot()
	if err != nil {
		return nil, err
	}
	b := &build{source: filepath.Join(root, filepath.FromSlash(programsFolder)), paths: map[string]string{}, log: log}
	version, sum, err := b.pin()
	if err != nil {
		return nil, err
	}
	base, err := cacheBase()
	if err != nil {
		return nil, err
	}
	b.cache = filepath.Join(base, "controlplane", version+"-"+sum)
	return b, b.resolve()
}

// pin reads the Kubernetes version from the pinning module and sets the build flags that follow
// from it. The sum tells this set of programs from any other.
func (b *build) pin() (version, sum string, err error) {
	goMod, err := os.ReadFile(filepath.Join(b.source, "go.mod"))
	if err != nil {
		return "", "", fmt.Errorf("reading the module that pins the programs: %w", err)
	}
	goSum, err := os.ReadFile(filepath.Join(b.source, "go.sum"))
	if err != nil {
		return "", "", fmt.Errorf("reading the checksums of the module that pins the programs: %w", err)
	}
	version, err = requiredVersion(goMod, kubernetesModule)
	if err != nil {
		return "", "", err
	}
	b.flags = buildFlags(version)
	hash := sha256.New()
	fmt.Fprintf(hash, "%s/%s %v %q\n%s\n%s", runtime.GOOS, runtime.GOARCH, programList(), b.flags, goMod, goSum)
	return version, fmt.Sprintf("%x", hash.Sum(nil)[:6]), nil
}

// buildFlags stamps the version as Kubernetes' own build does: without it the programs call
// themselves v0.0.0-master and refuse features that came with a release. The explicit -mod and -race
// override what GOFLAGS may hold for the product's own build.
func buildFlags(version string) []string {
	const stamp = "k8s.io/component-base/version."
	major, minor, _ := strings.Cut(strings.TrimPrefix(semver.MajorMinor(version), "v"), ".")
	return []string{
		"-trimpath", "-buildvcs=false", "-mod=readonly", "-race=false",
		"-ldflags=-s -w -X " + stamp + "gitVersion=" + version +
			" -X " + stamp + "gitMajor=" + major + " -X " + stamp + "gitMinor=" + minor,
	}
}

// resolve decides where each program comes from.
func (b *build) resolve() error {
	assets := os.Getenv(AssetsEnv)
	for _, p := range programList() {
		if assets == "" || p.name == "kube-controller-manager" { // setup-envtest doesn't ship this one
			b.paths[p.name] = filepath.Join(b.cache, p.name)
			b.wanted = append(b.wanted, p)
			continue
		}
		path, err := filepath.Abs(filepath.Join(assets, p.name))
		if err != nil {
			return fmt.Errorf("resolving $%s: %w", AssetsEnv, err)
		}
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("looking for %s in $%s: %w", p.name, AssetsEnv, err)
		}
		b.paths[p.name] = path
	}
	return nil
}

func (b *build) run(ctx context.Context) error {
	if missing, err := b.missing(); err != nil || len(missing) == 0 {
		return err
	}
	if err := os.MkdirAll(b.cache, 0o755); err != nil {
		return fmt.Errorf("making the cache folder of the control plane's programs: %w", err)
	}
	unlock, err := lockFile(ctx, filepath.Join(b.cache, ".lock"), func() {
		b.log("Another process builds the control plane's programs; waiting for it.")
	})
	if err != nil {
		return err
	}
	defer unlock()
	missing, err := b.missing() // another process may have built them before the lock was ours
	if err != nil || len(missing) == 0 {
		return err
	}
	return b.buildAll(ctx, missing)
}

func (b *build) missing() ([]program, error) {
	var missing []program
	for _, p := range b.wanted {
		switch _, err := os.Stat(b.paths[p.name]); {
		case errors.Is(err, fs.ErrNotExist):
			missing = append(missing, p)
		case err != nil:
			return nil, fmt.Errorf("looking for %s: %w", p.name, err)
		}
	}
	return missing, nil
}

func (b *build) buildAll(ctx context.Context, missing []program) error {
	b.log(fmt.Sprintf("Building %d program(s) of a Kubernetes control plane into %s.", len(missing), b.cache))
	b.log("The first build takes 4-6 minutes on two cores, later runs reuse it.")
	begin := time.Now()
	for i, p := range missing {
		if err := b.buildOne(ctx, p, fmt.Sprintf("%s (%d of %d)", p.name, i+1, len(missing))); err != nil {
			return err
		}
	}
	b.log(fmt.Sprintf("The programs are ready after %s.", seconds(begin)))
	return nil
}

// buildOne builds under another name first, so that a program that is there is a whole one.
func (b *build) buildOne(ctx context.Context, p program, title string) error {
	target := b.paths[p.name]
	partial := target + ".partial"
	args := append([]string{"build", "-v", "-o", partial}, b.flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, p.pkg)...)
	cmd.Dir = b.source
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	var said goOutput
	cmd.Stdout, cmd.Stderr = &said, &said

	b.log(title + ": building.")
	begin := time.Now()
	stop := every(progressEvery, func() {
		b.log(fmt.Sprintf("%s: %s, %s", title, seconds(begin), said.progress()))
	})
	err := cmd.Run()
	stop()
	if err != nil {
		return fmt.Errorf("building %s: %w: %s", p.name, err, said.tail())
	}
	if err := os.Rename(partial, target); err != nil {
		return fmt.Errorf("keeping %s: %w", p.name, err)
	}
	b.log(fmt.Sprintf("%s: done after %s.", title, seconds(begin)))
	return nil
}

func seconds(since time.Time) string {
	return time.Since(since).Round(time.Second).String()
}

// moduleRoot is the folder of the main module's go.mod, at or above the working directory. The path
// of this source file can't be used: builds with -trimpath don't know it.
func moduleRoot() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("looking for the source tree: %w", err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		content, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && modfile.ModulePath(content) == mainModule {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no source tree of %s at or above %s", mainModule, start)
		}
	}
}

func requiredVersion(goMod []byte, module string) (string, error) {
	file, err := modfile.ParseLax("go.mod", goMod, nil)
	if err != nil {
		return "", fmt.Errorf("reading the module that pins the programs: %w", err)
	}
	for _, r := range file.Require {
		if r.Mod.Path == module {
			return r.Mod.Version, nil
		}
	}
	return "", fmt.Errorf("the module that pins the programs doesn't require %s", module)
}

func cacheBase() (string, error) {
	if dir := os.Getenv(CacheEnv); dir != "" {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return "", fmt.Errorf("resolving $%s: %w", CacheEnv, err)
		}
		return abs, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("looking for a cache folder (set $%s to name one): %w", CacheEnv, err)
	}
	return filepath.Join(dir, "apisync"), nil
}
