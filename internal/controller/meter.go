// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import "time"

// Kinds as they are named in metrics.
const (
	kindAPIDefinition = "ApiDefinition"
)

// Operations on remote objects, as they are named in metrics.
const (
	OperationCreate  = "create"
	OperationUpdate  = "update"
	OperationCorrect = "correct"
	OperationAdopt   = "adopt"
	OperationDelete  = "delete"
)

// Events of drift, as they are named in metrics.
const (
	DriftEdited        = "edited"
	DriftDeleted       = "deleted"
	DriftCorrected     = "corrected"
	DriftReported      = "reported"
	DriftUncorrectable = "uncorrectable"
)

// Meter is told what happens, for metrics. Its methods are called concurrently and must not block.
type Meter interface {
	// Operation counts one operation on a remote object; err is why it failed, nil when it succeeded.
	Operation(contextName, kind, operation string, err error)
	// Drift counts one event of drift.
	Drift(contextName, kind, event string)
	// Sweep tells how a pass over a context ended. counts has what the listing says about the resources of the
	// context, by verdict (SweepUnchanged and so on); it is nil beside an error.
	Sweep(contextName string, took time.Duration, counts map[string]int, err error)
	// SweepPeriod tells how often a context is swept from now on; zero means that it isn't.
	SweepPeriod(contextName string, period time.Duration)
	// Forget ends all that is told about a context that is gone.
	Forget(contextName string)
}

// Verdicts of a sweep, as they are named in metrics. SweepOrphans counts remote APIs marked as this cluster's
// whose resource is gone; it is absent when that can't be told.
const (
	SweepUnchanged = "unchanged"
	SweepChanged   = "changed"
	SweepMissing   = "missing"
	SweepOrphans   = "orphans"
)

// unmetered is the Meter of tests and of the command line.
type unmetered struct{}

func (unmetered) Operation(string, string, string, error)            {}
func (unmetered) Drift(string, string, string)                       {}
func (unmetered) Sweep(string, time.Duration, map[string]int, error) {}
func (unmetered) SweepPeriod(string, time.Duration)                  {}
func (unmetered) Forget(string)                                      {}
