// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build race

package controller_test

// underRace is true in a build with the race detector, which makes the long tests of drift several times slower and learns nothing from
// their repetitions: they do a part of their work then.
const underRace = true
