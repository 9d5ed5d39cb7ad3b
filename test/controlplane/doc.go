// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

// Package controlplane runs real Kubernetes control planes on this machine, for tests, the demo
// and benchmarks: etcd, kube-apiserver and kube-controller-manager as child processes on the
// loopback interface, with TLS, RBAC and ServiceAccount tokens.
//
// The programs are built from the Go module in hack/controlplane, once, into a cache folder
// (see EnsurePrograms). No container runtime, download of binaries or root is needed. There is no
// kubelet and no scheduler: Pods are admitted and stored but never run.
//
//	plane, err := controlplane.Start(ctx, controlplane.Options{})
//	if err != nil { ... }
//	defer plane.Stop()
//	client, err := kubernetes.NewForConfig(plane.AdminConfig())
//
// Linux and macOS are supported. Only on Linux do the programs end with a parent that is killed.
package controlplane
