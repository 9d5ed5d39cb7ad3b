// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"io"

	"github.com/apisync/apisync/internal/document"
	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/mapi"
)

// APIVersion and Kind name the form of a report as JSON or YAML (docs/plan.md). Members may be added to it; anything else gets
// another version.
const (
	APIVersion = "plan.apisync.github.io/v1"
	Kind       = "Plan"
)

// KnownAfterApply stands for what the API server chooses when the resource is created, and for what follows from it.
const KnownAfterApply = "(known after apply)"

// Exit codes of a plan.
const (
	ExitNothing = 0
	ExitError   = 1
	ExitChanges = 2
)

// Report is a plan. Its values are masked: it holds no secrets that mask recognises, and nothing that was rendered from a template.
type Report struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Summary    Summary   `json:"summary"`
	Contexts   []Context `json:"contexts"`
	// Notes are about the plan as a whole.
	Notes []string `json:"notes,omitempty"`
}

// Summary counts objects by verdict.
type Summary struct {
	Create    int `json:"create"`
	Update    int `json:"update"`
	TakeOver  int `json:"takeOver"`
	Move      int `json:"move"`
	Delete    int `json:"delete"`
	Unchanged int `json:"unchanged"`
	Drift     int `json:"drift"`
	Waiting   int `json:"waiting"`
	Refused   int `json:"refused"`
	Unknown   int `json:"unknown"`
	// UnusableContexts counts the contexts that couldn't be reached or are refused.
	UnusableContexts int `json:"unusableContexts"`
}

// Context is a ManagementContext with what is planned through it.
type Context struct {
	// Name is namespace/name; empty for objects that lead to no context.
	Name string `json:"name"`
	// Change is what becomes of the resource itself.
	Change  ContextChange `json:"change,omitempty"`
	InFiles bool          `json:"inFiles"`
	BaseURL string        `json:"baseUrl,omitempty"`
	// Organization and Environment are the ids in the spec, EnvironmentName and User what the management API calls them.
	Organization    string `json:"organization,omitempty"`
	Environment     string `json:"environment,omitempty"`
	EnvironmentName string `json:"environmentName,omitempty"`
	User            string `json:"user,omitempty"`
	// Fault is why nothing can be planned through it.
	Fault   *Fault   `json:"fault,omitempty"`
	Objects []Object `json:"objects"`
}

// ContextChange is what applying the files does to a ManagementContext.
type ContextChange string

// Changes of contexts.
const (
	ContextUnchanged ContextChange = "unchanged"
	ContextNew       ContextChange = "new"
	ContextChanged   ContextChange = "changed"
	ContextDeleted   ContextChange = "deleted"
	// ContextCredentials: its Secret is in the files, with another content.
	ContextCredentials ContextChange = "credentials"
)

// Verdict is what the operator would do with an object.
type Verdict string

// Verdicts.
const (
	// VerdictCreate: nothing is there, and the API would be created.
	VerdictCreate Verdict = "create"
	// VerdictUpdate: the resource's own API would be written, or what gateways of this cluster read of it.
	VerdictUpdate Verdict = "update"
	// VerdictTakeOver: an API that was there before would become the resource's; it is written if there are changes.
	VerdictTakeOver Verdict = "takeOver"
	// VerdictMove: the API would be deleted where it was, and created or written where it goes.
	VerdictMove Verdict = "move"
	// VerdictDelete: the API would be deleted, or what gateways of this cluster read of it.
	VerdictDelete Verdict = "delete"
	// VerdictNone: nothing would be written.
	VerdictNone Verdict = "none"
	// VerdictDrift: the API differs because of others, and the drift policy leaves it so.
	VerdictDrift Verdict = "drift"
	// VerdictWaiting: the operator would wait for something else.
	VerdictWaiting Verdict = "waiting"
	// VerdictRefused: the resource would be refused, by the operator or by the management API.
	VerdictRefused Verdict = "refused"
	// VerdictUnknown: it couldn't be found out.
	VerdictUnknown Verdict = "unknown"
)

// Object is one resource with what would be done.
type Object struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// InFiles is false for a resource that is planned although the files don't have it.
	InFiles bool `json:"inFiles"`
	// ID of the API in the management API, KnownAfterApply, or empty when it has none.
	ID      string  `json:"id,omitempty"`
	Verdict Verdict `json:"verdict"`
	// Reason says why, for people.
	Reason string `json:"reason,omitempty"`
	// Writes are the requests that would change something, in their order.
	Writes   []Write   `json:"writes,omitempty"`
	Changes  []Change  `json:"changes,omitempty"`
	Findings []Finding `json:"findings,omitempty"`
	Warnings []string  `json:"warnings,omitempty"`
	// Fault is why it is waiting, refused or unknown.
	Fault *Fault `json:"fault,omitempty"`

	// held is true for what is paused: nothing would be done, which isn't the same as that nothing has to be.
	held bool
}

// Write is a request that would change something.
type Write struct {
	// Operation is create, update or delete.
	Operation string `json:"operation"`
	// Context is namespace/name of the ManagementContext that it goes through.
	Context string `json:"context"`
	BaseURL string `json:"baseUrl"`
	Scope   string `json:"scope"`
	ID      string `json:"id"`
	// Checked is true when the management API was asked by a dry run.
	Checked bool `json:"checked"`
	// ConfigMap is namespace/name of a ConfigMap of this cluster that its gateways read the API from. Then the members before are
	// empty, but for Operation.
	ConfigMap string `json:"configMap,omitempty"`
}

// Change is one field with another value than before.
type Change struct {
	// Path is the field's, such as plans[open].security.
	Path string `json:"path"`
	// Before is absent for what is added, After for what is removed.
	Before any `json:"before,omitempty"`
	After  any `json:"after,omitempty"`
	// NotReadBack is true for a field of which the management API doesn't tell what it has: then Before is what was wanted before.
	NotReadBack bool `json:"notReadBack,omitempty"`
}

// Finding is a remark on a field.
type Finding struct {
	Path     string `json:"path,omitempty"`
	Severity string `json:"severity"`
	Reason   string `json:"reason"`
	Message  string `json:"message"`
}

// Fault is why something can't be done.
type Fault struct {
	// Kind is transient, waiting, terminal, conflict, unauthenticated or forbidden.
	Kind    string `json:"kind"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

func faultOf(err error) *Fault {
	if err == nil {
		return nil
	}
	return &Fault{Kind: fault.KindOf(err).String(), Reason: fault.ReasonOf(err), Message: err.Error()}
}

func findingsOf(found []mapi.Finding) []Finding {
	var findings []Finding
	for _, f := range found {
		if f.Severity == mapi.Info {
			continue // it is for programs
		}
		findings = append(findings, Finding{Path: f.Path, Severity: f.Severity.String(), Reason: f.Reason, Message: f.Message})
	}
	return findings
}

// count fills the summary in.
func (r *Report) count() {
	s := &r.Summary
	counters := map[Verdict]*int{
		VerdictCreate: &s.Create, VerdictUpdate: &s.Update, VerdictTakeOver: &s.TakeOver, VerdictMove: &s.Move,
		VerdictDelete: &s.Delete, VerdictNone: &s.Unchanged, VerdictDrift: &s.Drift, VerdictWaiting: &s.Waiting,
		VerdictRefused: &s.Refused, VerdictUnknown: &s.Unknown,
	}
	for _, c := range r.Contexts {
		if c.Fault != nil {
			s.UnusableContexts++
		}
		for i := range c.Objects {
			*counters[c.Objects[i].Verdict]++
		}
	}
}

// ExitCode is 1 when something is refused, waits or couldn't be found out, otherwise 2 when something would be written or taken
// over, and otherwise 0.
func (r Report) ExitCode() int {
	s := r.Summary
	switch {
	case s.Refused+s.Waiting+s.Unknown+s.UnusableContexts > 0:
		return ExitError
	case s.Create+s.Update+s.TakeOver+s.Move+s.Delete > 0:
		return ExitChanges
	}
	return ExitNothing
}

// JSON writes the report as indented JSON.
func (r Report) JSON(to io.Writer) error { return document.JSON(to, r) }

// YAML writes the report as YAML.
func (r Report) YAML(to io.Writer) error { return document.YAML(to, r) }
