// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build modules

// Package foreigncrds keeps the modules whose CRDs the test of config/ reads in go.mod, by importing
// something small of each.
package foreigncrds

import (
	_ "github.com/cert-manager/cert-manager/pkg/apis/certmanager"
	_ "github.com/prometheus-operator/prometheus-operator/pkg/versionutil"
)
