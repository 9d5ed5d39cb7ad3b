// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/apisync/apisync/api/v1alpha1"
)

// changesPlanned is the exit code of a plan with changes.
const changesPlanned = 2

// plan shows what the next step will change, before it does.
func (d *demo) plan(ctx context.Context) error {
	before, err := d.find(ctx, d.east, changed)
	if err != nil {
		return err
	}
	file := filepath.Join(d.folder, changed+".json")
	if err := writeManifest(file, before.api, d.green); err != nil {
		return err
	}
	args := []string{"plan", "-f", file, "--kubeconfig", d.east.kubeconfig, "--cluster-id", d.east.name}
	d.screen.note("%s", d.screen.paint(accent, "$ apisync "+quote(args)))
	var said, complaint bytes.Buffer
	command := exec.CommandContext(ctx, strings.TrimSuffix(d.program, guardSuffix), args...)
	command.Stdout, command.Stderr = &said, &complaint
	if err := command.Run(); err != nil && command.ProcessState == nil {
		return fmt.Errorf("running the plan: %w", err)
	}
	if code := command.ProcessState.ExitCode(); code != changesPlanned {
		return fmt.Errorf("the plan ended with %d, not with %d for changes: %s%s", code, changesPlanned, &said, &complaint)
	}
	d.screen.note("%s", said.String())
	if !strings.Contains(said.String(), d.green) {
		return errors.New("the plan doesn't name the new target")
	}
	return d.expectServedBy(ctx, before.url(), "blue")
}

// writeManifest writes an API as a person would have it in a file, with another target.
func writeManifest(file string, api v1alpha1.ApiDefinition, target string) error {
	manifest := map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": "ApiDefinition",
		"metadata": map[string]any{"namespace": api.Namespace, "name": api.Name},
	}
	spec := api.Spec.DeepCopy()
	spec.Proxy.Groups[0].Endpoints[0].Target = target
	manifest["spec"] = spec
	content, err := json.MarshalIndent(manifest, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, content, 0o600)
}
