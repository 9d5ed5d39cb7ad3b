// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !race

package controller_test

// underRace is false in a build without the race detector.
const underRace = false
