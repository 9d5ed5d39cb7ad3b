// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/model"
)

// state is all that a decision depends on.
type state struct {
	seen       mapi.Observation
	comparison mapi.Comparison
	// recorded is the digest of the last apply that went through, wanted that of now. recorded is empty when
	// it isn't known, or was made in a way that can't be compared.
	recorded, wanted string
	// unresolved are the paths of differences that the last apply couldn't remove.
	unresolved []string
	// owned is true when this resource has recorded the object's id as its own before.
	owned bool
	// written is true when the present generation was reconciled before and the status has an id, which comes only with
	// a write that went through, or an adoption.
	written bool
	// policy is what is done about drift.
	policy string
	// moved is true when the API was published in another place before.
	moved bool
	// cluster is the id of this cluster; empty when none is configured.
	cluster string
	// local is true when the gateways of this cluster read the API from a ConfigMap: then clusters may share the remote one.
	local bool
	// equal is true when the API of other clusters is what is wanted here.
	equal bool
	// onlyEqual is true when what was there before may only be taken over when it is as wanted.
	onlyEqual bool
	// requested is true when a person asks for a reconciliation now.
	requested bool
	// severe is true when the management API accepted the last write and said that something is badly wrong.
	severe bool
}

// joins reports whether the object belongs to other clusters and may be shared with them.
func (s state) joins() bool { return s.local && s.seen.Exists && belongsToOther(s.seen, s.cluster) }

// isShared reports whether other clusters publish the object too.
func (s state) isShared() bool {
	return slices.ContainsFunc(s.seen.Owners, func(owner string) bool { return owner != s.cluster })
}

// decision says whether to write, and why. Without a reason nothing is written.
type decision struct {
	write  bool
	reason string
	// operation is the kind of write, for metrics.
	operation string
	// drift is what others did; it is written over unless the policy says otherwise.
	drift drift
	// warning tells a person about a take-over.
	warning string
}

// decide is pure. Each unchanged write costs the management API as much as a change and redeploys gateways
// (shared/contract/README.md 5), so a write needs a reason.
func decide(s state) (decision, error) {
	if !s.seen.Exists {
		return missing(s), nil
	}
	if s.joins() {
		return s.join()
	}
	if err := foreign(s.seen, s.cluster); err != nil {
		return decision{}, err
	}
	differing := unexpected(s.comparison.Differences, s.unresolved, s.recorded == s.wanted)
	if err := s.refusedAdoption(differing); err != nil {
		return decision{}, err
	}
	return s.write(differing)
}

// refusedAdoption is met when what was there before may only be taken over when it is equal, and isn't.
func (s state) refusedAdoption(differing []model.Difference) error {
	if s.owned || !s.onlyEqual || len(differing) == 0 {
		return nil
	}
	return fault.New(fault.Conflict, fault.ReasonOwnedElsewhere,
		"API %q (%s) is there already and differs in %s; nothing was written (adoption policy %s): make the spec equal, or take the annotation away",
		s.seen.Name, s.seen.Ref.ID, paths(differing), v1alpha1.AdoptionPolicyIfEqual)
}

// write decides about an object that this resource may write.
func (s state) write(differing []model.Difference) (decision, error) {
	result := decision{warning: takeOver(s)}
	switch {
	case s.recorded != "" && s.recorded != s.wanted:
		result.write, result.operation, result.reason = true, OperationUpdate, "the wanted state changed"
	case len(differing) == 0 && s.requested && s.severe && s.wroteThis():
		result.write, result.operation, result.reason = true, OperationUpdate, "a person asks for it, since the last write ended with severe remarks"
	case len(differing) == 0:
	case !s.wroteThis():
		result.write, result.reason = true, "it differs from the wanted state in "+paths(differing)
		result.operation = OperationUpdate
		if !s.owned {
			result.operation = OperationAdopt
		}
	case s.policy == v1alpha1.DriftPolicyOff:
	case s.isShared() && !s.requested:
		return decision{}, s.differsFromOthers(differing)
	default:
		result.drift = drift{fields: differing}
		result.correct(s)
		if !result.write {
			result.warning = "" // what is left isn't taken over
		}
	}
	return result, nil
}

// join decides about an object of other clusters that may be shared: the marks of all of them say who publishes it, so that the last
// one deletes it.
func (s state) join() (decision, error) {
	switch {
	case !s.equal && s.requested && s.cluster != "" && (s.owned || !s.onlyEqual):
		return decision{write: true, operation: OperationAdopt, reason: "a person asks for it to be shared with " + s.others()}, nil
	case !s.equal:
		return decision{}, s.differsFromOthers(s.comparison.Differences)
	case s.cluster == "":
		return decision{}, nil // there is no mark to add
	}
	return decision{write: true, operation: OperationAdopt, reason: "it is shared with " + s.others()}, nil
}

func (s state) differsFromOthers(differing []model.Difference) error {
	return fault.New(fault.Conflict, fault.ReasonOwnedElsewhere,
		"API %q (%s) is shared with %s and differs from this resource in %s; nothing was written: make the resources equal, give one another spec.crossId, or ask with %s for this one to be published",
		s.seen.Name, s.seen.Ref.ID, s.others(), paths(differing), v1alpha1.ReconcileAtAnnotation)
}

func (s state) others() string {
	others := slices.DeleteFunc(slices.Clone(s.seen.Owners), func(owner string) bool { return owner == s.cluster })
	return "cluster " + quoted(others)
}

func quoted(names []string) string {
	texts := make([]string, len(names))
	for i, name := range names {
		texts[i] = strconv.Quote(name)
	}
	return strings.Join(texts, ", ")
}

// wroteThis reports whether the wanted state is the one that was published before: only then does a difference come from others.
func (s state) wroteThis() bool {
	if s.moved {
		return false // what was published elsewhere says nothing about what is here
	}
	if s.recorded == "" {
		// Published by an operator that left no digest, or whose digests can't be compared.
		return s.written
	}
	return s.recorded == s.wanted
}

// missing decides about an API that isn't there.
func missing(s state) decision {
	result := decision{write: true, operation: OperationCreate, reason: "it doesn't exist yet"}
	switch {
	case s.moved:
		result.reason = "it moves here from another place"
	case s.recorded == "" && !s.written:
	case !s.wroteThis():
		result.reason = "it was deleted elsewhere, and the wanted state changed"
	case s.policy == v1alpha1.DriftPolicyOff:
		result = decision{}
	default:
		result.drift = drift{deleted: true}
		result.correct(s)
	}
	return result
}

// correct applies the policy to drift.
func (d *decision) correct(s state) {
	d.write, d.operation, d.reason = s.policy != v1alpha1.DriftPolicyReport, OperationCorrect, d.drift.text()
}

// belongsToOther reports whether the object bears the mark of another cluster.
func belongsToOther(seen mapi.Observation, cluster string) bool {
	return len(seen.Owners) > 0 && !slices.Contains(seen.Owners, cluster)
}

// foreign is the Conflict about an object of another cluster; nil if it isn't one.
func foreign(seen mapi.Observation, cluster string) error {
	if !belongsToOther(seen, cluster) {
		return nil
	}
	remedy := "give the resource another name or spec.crossId, or delete it here"
	if cluster == "" {
		remedy += "; if this is that cluster, configure its cluster id"
	}
	return fault.New(fault.Conflict, fault.ReasonOwnedElsewhere,
		"API %q (%s) belongs to cluster %s; nothing was written; %s", seen.Name, seen.Ref.ID, quoted(seen.Owners), remedy)
}

func takeOver(s state) string {
	if s.owned {
		return ""
	}
	return fmt.Sprintf("took over API %q (%s), which was there before with the same crossId %s", s.seen.Name, s.seen.Ref.ID, s.seen.Ref.Key)
}

// unexpected leaves out what the last apply of this very state couldn't remove: trying again would only
// redeploy gateways.
func unexpected(differences []model.Difference, unresolved []string, sameState bool) []model.Difference {
	if !sameState || len(unresolved) == 0 {
		return differences
	}
	return slices.DeleteFunc(slices.Clone(differences), func(d model.Difference) bool {
		return slices.Contains(unresolved, d.Path)
	})
}

const maxPaths = 5

// paths names fields only: values may hold secrets.
func paths(differences []model.Difference) string { return model.Summary(differences, maxPaths) }
