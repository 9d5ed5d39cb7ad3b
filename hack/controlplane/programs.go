// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build programs

// Package controlplane pins the programs of a real Kubernetes control plane, so that they can be
// built from Go modules without entering the module graph of the product.
package controlplane

import (
	_ "go.etcd.io/etcd/server/v3/etcdmain"
	_ "k8s.io/kubernetes/cmd/kube-apiserver/app"
	_ "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	_ "k8s.io/kubernetes/cmd/kubectl"
)
