// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 holds the resources that users write: ApiDefinition and ManagementContext of the API
// group gravitee.io. Every field name, default, enum and required flag of spec is that of the Gravitee
// Kubernetes Operator, so that an object is stored as the same JSON by either operator; what Apisync adds is
// optional and has no schema default in spec.
//
// The JSON of a spec is also what a Gravitee management API is sent, so whether a field is sent when it is
// unset (omitempty), sent as null, or kept when it is false, zero or empty is part of the contract and not a
// matter of taste: the recorded requests under testdata/cases are compared with it.
//
// +kubebuilder:object:generate=true
// +groupName=gravitee.io
package v1alpha1
