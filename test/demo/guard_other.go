// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package main

import "errors"

// canGuard is false: only Linux has a signal for the end of a parent.
const canGuard = false

func become(string, []string) error { return errors.ErrUnsupported }

func endWithGoRun() {}
