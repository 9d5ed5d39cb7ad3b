// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package orphan

import (
	"bytes"
	"fmt"
	"io"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/apisync/apisync/internal/document"
	"github.com/apisync/apisync/internal/mapi"
)

// APIVersion and the kinds name the forms of reports as JSON or YAML (docs/orphans.md). Members may be added to them; anything
// else gets another version.
const (
	APIVersion  = "orphans.apisync.github.io/v1"
	KindReport  = "OrphanAudit"
	KindRemoval = "OrphanRemoval"
)

// Exit codes.
const (
	ExitNothing = 0
	ExitError   = 1
	ExitOrphans = 2
)

// Report is what an audit found.
type Report struct {
	APIVersion string  `json:"apiVersion"`
	Kind       string  `json:"kind"`
	ClusterID  string  `json:"clusterId"`
	Places     []Place `json:"places"`
	// Proven counts the marked APIs that belong to resources of the cluster. When there are none, it may be another cluster.
	Proven int `json:"proven"`
}

// Place is one environment of a management API.
type Place struct {
	// Context is namespace/name of the ManagementContext through which it was read.
	Context      string `json:"context"`
	BaseURL      string `json:"baseUrl"`
	Organization string `json:"organization"`
	Environment  string `json:"environment"`
	User         string `json:"user,omitempty"`
	// Complete is false when the user may not see all APIs there: then there may be more orphans.
	Complete bool     `json:"complete"`
	Orphans  []Orphan `json:"orphans"`
	// Owned counts the APIs that are marked as this cluster's, Foreign those of other clusters, and Unmarked those that an operator
	// manages without a mark and that no resource of this cluster may own: whose they are can't be told.
	Owned    int `json:"owned"`
	Foreign  int `json:"foreign"`
	Unmarked int `json:"unmarked"`
	// Fault is why it couldn't be read.
	Fault *Fault `json:"fault,omitempty"`

	key types.NamespacedName
	at  mapi.Place
}

// Fault is why something couldn't be read.
type Fault struct {
	Kind    string `json:"kind"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// Removal is what Remove did.
type Removal struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	ClusterID  string `json:"clusterId"`
	Items      []Item `json:"items"`
}

// Item is what became of one orphan.
type Item struct {
	Orphan  `json:",inline"`
	Context string `json:"context"`
	Result  Result `json:"result"`
	// Reason says why it was kept, or why the deletion failed.
	Reason string `json:"reason,omitempty"`
}

// Result is what became of an orphan.
type Result string

// Results.
const (
	ResultDeleted Result = "deleted"
	ResultGone    Result = "gone"
	ResultKept    Result = "kept"
	ResultFailed  Result = "failed"
)

// Count is how many orphans there are.
func (r Report) Count() int {
	count := 0
	for _, place := range r.Places {
		count += len(place.Orphans)
	}
	return count
}

// ExitCode is 1 when a place couldn't be read in full, otherwise 2 when there are orphans, and otherwise 0.
func (r Report) ExitCode() int {
	switch {
	case slices.ContainsFunc(r.Places, func(p Place) bool { return !p.Complete }):
		return ExitError
	case r.Count() > 0:
		return ExitOrphans
	}
	return ExitNothing
}

// ExitCode is 1 when a deletion failed.
func (r Removal) ExitCode() int {
	if slices.ContainsFunc(r.Items, func(i Item) bool { return i.Result == ResultFailed }) {
		return ExitError
	}
	return ExitNothing
}

// JSON writes the report as indented JSON.
func (r Report) JSON(to io.Writer) error { return document.JSON(to, r) }

// YAML writes the report as YAML.
func (r Report) YAML(to io.Writer) error { return document.YAML(to, r) }

// JSON writes the removal as indented JSON.
func (r Removal) JSON(to io.Writer) error { return document.JSON(to, r) }

// YAML writes the removal as YAML.
func (r Removal) YAML(to io.Writer) error { return document.YAML(to, r) }

// Text writes the report for people.
func (r Report) Text(to io.Writer) error {
	var out bytes.Buffer
	for _, place := range r.Places {
		place.text(&out)
	}
	fmt.Fprintf(&out, "Cluster %q: %s.\n", r.ClusterID, number(r.Count(), "orphan"))
	if r.Count() > 0 && r.Proven == 0 {
		fmt.Fprintf(&out, "No API with the mark of cluster %q belongs to a resource of this cluster. Is it the right cluster, and the right id?\n", r.ClusterID)
	}
	return write(to, &out)
}

func (p Place) text(out *bytes.Buffer) {
	fmt.Fprintf(out, "ManagementContext %s (%s, %s/%s)", p.Context, p.BaseURL, p.Organization, p.Environment)
	if p.User != "" {
		fmt.Fprintf(out, " as %s", p.User)
	}
	fmt.Fprintln(out)
	if p.Fault != nil {
		fmt.Fprintf(out, "  x can't be read: %s (%s)\n\n", p.Fault.Message, p.Fault.Reason)
		return
	}
	for _, orphan := range p.Orphans {
		fmt.Fprintf(out, "  - %s  %s  (crossId %s)\n", orphan.ID, orphan.Name, orphan.CrossID)
	}
	fmt.Fprintf(out, "  %s of this cluster, of which %s; %d of other clusters, %d without a mark that no resource here owns\n",
		number(p.Owned, "API"), number(len(p.Orphans), "orphan"), p.Foreign, p.Unmarked)
	if !p.Complete {
		fmt.Fprintln(out, "  ! the user doesn't see all APIs there: there may be more orphans")
	}
	fmt.Fprintln(out)
}

// Text writes the removal for people.
func (r Removal) Text(to io.Writer) error {
	var out bytes.Buffer
	counts := map[Result]int{}
	for _, item := range r.Items {
		counts[item.Result]++
		fmt.Fprintf(&out, "%s %s  %s  (%s)", item.Result, item.ID, item.Name, item.Context)
		if item.Reason != "" {
			fmt.Fprintf(&out, ": %s", item.Reason)
		}
		fmt.Fprintln(&out)
	}
	fmt.Fprintf(&out, "%d deleted, %d gone already, %d kept, %d failed.\n",
		counts[ResultDeleted], counts[ResultGone], counts[ResultKept], counts[ResultFailed])
	return write(to, &out)
}

func write(to io.Writer, out *bytes.Buffer) error {
	if _, err := to.Write(out.Bytes()); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

func number(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
