// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestProgramDies(t *testing.T) {
	ctx := testContext(t)
	plane := start(ctx, t, Options{})
	victim := plane.processes[0]
	if err := victim.child.Kill(); err != nil {
		t.Fatalf("killing %s: %v", victim.name, err)
	}
	select {
	case <-plane.Failed():
	case <-ctx.Done():
		t.Fatal("the end of a program isn't noticed")
	}
	for _, want := range []string{"etcd ended (signal: killed)", filepath.Join(plane.Dir(), "etcd.log")} {
		if err := plane.Err(); !strings.Contains(err.Error(), want) {
			t.Errorf("Err doesn't say %q: %v", want, err)
		}
	}
	if err := plane.Stop(); err != nil {
		t.Fatalf("Stop: %v", err)
	}
	if _, err := os.Stat(victim.logPath); err != nil {
		t.Errorf("the log that the error names: %v", err)
	}
	if err := os.RemoveAll(plane.Dir()); err != nil {
		t.Errorf("removing the kept folder: %v", err)
	}
}

func TestStartFails(t *testing.T) {
	programs, err := EnsurePrograms(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		why    string
		change func(*Programs)
		want   []string
		keeps  bool
	}{
		{
			name:   "etcd ends",
			why:    "the first program has none before it",
			change: func(p *Programs) { p.Etcd = p.Kubectl },
			want:   []string{"etcd ended (exit status 1)", "etcd.log", "unknown flag: --name"},
			keeps:  true,
		},
		{
			name:   "API server ends",
			why:    "it isn't tried again for another reason than its port, and etcd must not stay",
			change: func(p *Programs) { p.KubeAPIServer = p.Kubectl },
			want:   []string{"kube-apiserver ended (exit status 1)", "kube-apiserver.log", "unknown flag: --etcd-servers"},
			keeps:  true,
		},
		{
			name:   "controller manager ends",
			why:    "it is waited for in the cluster, so its end must cut that short",
			change: func(p *Programs) { p.KubeControllerManager = p.Kubectl },
			want:   []string{"kube-controller-manager ended (exit status 1)", "kube-controller-manager.log", "unknown flag: --controllers"},
			keeps:  true,
		},
		{
			name:   "program is missing",
			why:    "nothing ran, so there is no log to keep",
			change: func(p *Programs) { p.Etcd += ".absent" },
			want:   []string{"starting etcd", "no such file"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Log(c.why)
			temp := shortTempDir(t)
			changed := programs
			c.change(&changed)
			plane, err := Start(testContext(t), Options{Programs: changed})
			if err == nil {
				t.Fatalf("Start succeeds, Stop: %v", plane.Stop())
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error doesn't say %q: %v", want, err)
				}
			}
			left, err := os.ReadDir(temp)
			if err != nil {
				t.Fatal(err)
			}
			if kept := len(left) > 0; kept != c.keeps {
				t.Errorf("the folder is kept: %v, want %v", kept, c.keeps)
			}
		})
	}
}

// shortTempDir makes a folder the place of temporary files. The one of testing has the test's name
// in it and is too long for sockets.
func shortTempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "t-") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("removing %s: %v", dir, err)
		}
	})
	t.Setenv("TMPDIR", dir)
	return dir
}
