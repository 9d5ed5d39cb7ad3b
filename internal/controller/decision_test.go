// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"errors"
	"strings"
	"testing"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/model"
)

func TestDecide(t *testing.T) {
	exists := mapi.Observation{Exists: true, Name: "orders", Ref: mapi.Ref{ID: "id-1", Key: "cross-1"}}
	ownedBy := func(cluster string) mapi.Observation {
		seen := exists
		seen.Owners = []string{cluster}
		return seen
	}
	differing := func(paths ...string) mapi.Comparison {
		var c mapi.Comparison
		for _, path := range paths {
			c.Differences = append(c.Differences, model.Difference{Path: path, Want: "a secret", Have: "another"})
		}
		return c
	}
	cases := map[string]struct {
		why      string
		state    state
		write    bool
		reason   string // a part of it
		warning  string // a part of it
		conflict bool
	}{
		"absent": {
			why: "a new API is created", state: state{wanted: "d1"}, write: true, reason: "doesn't exist yet",
		},
		"deleted elsewhere": {
			why: "what was published once comes back", state: state{wanted: "d1", recorded: "d1", owned: true}, write: true, reason: "deleted elsewhere",
		},
		"in step": {
			why: "each unchanged write redeploys gateways", state: state{seen: exists, wanted: "d1", recorded: "d1", owned: true},
		},
		"wanted state changed": {
			why:   "fields that are never read back may have changed, so equality isn't enough",
			state: state{seen: exists, wanted: "d2", recorded: "d1", owned: true}, write: true, reason: "wanted state changed",
		},
		"created by GKO, equal": {
			why:   "an operator swap writes nothing when nothing differs",
			state: state{seen: exists, wanted: "d1", owned: true},
		},
		"created by GKO, different": {
			why:   "without a digest only the comparison tells",
			state: state{seen: exists, wanted: "d1", owned: true, comparison: differing("description")}, write: true, reason: "differs from the wanted state in description",
		},
		"edited elsewhere": {
			why:   "the reason names the fields and no values",
			state: state{seen: exists, wanted: "d1", recorded: "d1", owned: true, comparison: differing("description", "labels")}, write: true, reason: "edited elsewhere: description, labels",
		},
		"can't be corrected": {
			why:   "a closed plan stays closed through every import; trying again only redeploys",
			state: state{seen: exists, wanted: "d1", recorded: "d1", owned: true, comparison: differing("plans[a].status"), unresolved: []string{"plans[a].status"}},
		},
		"can't be corrected, and another edit": {
			why:   "what is left alone must not hide a new edit",
			state: state{seen: exists, wanted: "d1", recorded: "d1", owned: true, comparison: differing("plans[a].status", "name"), unresolved: []string{"plans[a].status"}}, write: true, reason: "edited elsewhere: name",
		},
		"taken over, equal": {
			why: "an API that was there before is announced", state: state{seen: exists, wanted: "d1"}, warning: "took over",
		},
		"taken over, different": {
			why: "the same when it is written to", state: state{seen: exists, wanted: "d1", comparison: differing("name")}, write: true, reason: "differs", warning: "took over",
		},
		"another cluster's": {
			why:   "nobody's API is taken, and the condition names the owner",
			state: state{seen: ownedBy("east"), wanted: "d1", cluster: "west", comparison: differing("name")}, conflict: true, reason: `cluster "east"`,
		},
		"another cluster's, without a cluster id here": {
			why:   "also an operator without a cluster id must respect a mark",
			state: state{seen: ownedBy("east"), wanted: "d1", owned: true, recorded: "d0"}, conflict: true, reason: "configure its cluster id",
		},
		"our own cluster's": {
			why: "our own mark is no obstacle", state: state{seen: ownedBy("west"), wanted: "d1", recorded: "d1", owned: true, cluster: "west"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := decide(c.state)
			if errors.Is(err, fault.Conflict) != c.conflict {
				t.Fatalf("conflict = %v: %s", err, c.why)
			}
			if c.conflict {
				got.reason = err.Error()
			} else if got.write != c.write {
				t.Errorf("write = %v: %s", got.write, c.why)
			}
			if !strings.Contains(got.reason, c.reason) || (c.reason == "") != (got.reason == "") {
				t.Errorf("reason = %q, want %q in it: %s", got.reason, c.reason, c.why)
			}
			if !strings.Contains(got.warning, c.warning) || (c.warning == "") != (got.warning == "") {
				t.Errorf("warning = %q, want %q in it: %s", got.warning, c.warning, c.why)
			}
			if strings.Contains(got.reason, "secret") {
				t.Errorf("reason %q tells a value", got.reason)
			}
		})
	}
}

func TestPathsAreCut(t *testing.T) {
	var many []model.Difference
	for path := range strings.SplitSeq("a b c d e f g", " ") {
		many = append(many, model.Difference{Path: path})
	}
	if got := paths(many); got != "a, b, c, d, e and 2 more" {
		t.Errorf("paths = %q", got)
	}
}

func TestDecideAboutDrift(t *testing.T) {
	exists := mapi.Observation{Exists: true, Name: "orders", Ref: mapi.Ref{ID: "id-1", Key: "cross-1"}}
	edited := mapi.Comparison{Differences: []model.Difference{{Path: "name"}}}
	cases := map[string]struct {
		why     string
		state   state
		policy  string
		write   bool
		drifted bool
		deleted bool
	}{
		"edited, correct": {
			why: "the default puts it right", policy: v1alpha1.DriftPolicyCorrect, write: true, drifted: true,
			state: state{seen: exists, comparison: edited, wanted: "d1", recorded: "d1", owned: true, written: true},
		},
		"edited, report": {
			why: "it is told, and left", policy: v1alpha1.DriftPolicyReport, drifted: true,
			state: state{seen: exists, comparison: edited, wanted: "d1", recorded: "d1", owned: true, written: true},
		},
		"edited, off": {
			why: "nobody wants to know", policy: v1alpha1.DriftPolicyOff,
			state: state{seen: exists, comparison: edited, wanted: "d1", recorded: "d1", owned: true, written: true},
		},
		"changed here and edited there, report": {
			why: "what a person changes here is published under every policy", policy: v1alpha1.DriftPolicyReport, write: true,
			state: state{seen: exists, comparison: edited, wanted: "d2", recorded: "d1", owned: true},
		},
		"changed here, off": {
			why: "the same", policy: v1alpha1.DriftPolicyOff, write: true,
			state: state{seen: exists, wanted: "d2", recorded: "d1", owned: true},
		},
		"edited, digest of another key, report": {
			why: "a lost key must not overwrite what is to be left", policy: v1alpha1.DriftPolicyReport, drifted: true,
			state: state{seen: exists, comparison: edited, wanted: "d1", owned: true, written: true},
		},
		"first publication of a claimed API, report": {
			why: "a difference that comes from this resource is no drift", policy: v1alpha1.DriftPolicyReport, write: true,
			state: state{seen: exists, comparison: edited, wanted: "d1", owned: true},
		},
		"taken over and different, report": {
			why: "the author of the resource asks for it", policy: v1alpha1.DriftPolicyReport, write: true,
			state: state{seen: exists, comparison: edited, wanted: "d1"},
		},
		"deleted, correct": {
			why: "it comes back", policy: v1alpha1.DriftPolicyCorrect, write: true, drifted: true, deleted: true,
			state: state{wanted: "d1", recorded: "d1", owned: true, written: true},
		},
		"deleted, report": {
			why: "it is told, and left", policy: v1alpha1.DriftPolicyReport, drifted: true, deleted: true,
			state: state{wanted: "d1", recorded: "d1", owned: true, written: true},
		},
		"deleted, off": {
			why: "nobody wants to know", policy: v1alpha1.DriftPolicyOff,
			state: state{wanted: "d1", recorded: "d1", owned: true, written: true},
		},
		"deleted and changed here, report": {
			why: "a change asks for it to be there", policy: v1alpha1.DriftPolicyReport, write: true,
			state: state{wanted: "d2", recorded: "d1", owned: true},
		},
		"deleted, digest of another key, report": {
			why: "a lost key is no reason to create again what is to be left", policy: v1alpha1.DriftPolicyReport, drifted: true, deleted: true,
			state: state{wanted: "d1", owned: true, written: true},
		},
		"new, report": {
			why: "a new API is created under every policy", policy: v1alpha1.DriftPolicyReport, write: true,
			state: state{wanted: "d1"},
		},
		"moves here, report": {
			why: "it was never here", policy: v1alpha1.DriftPolicyReport, write: true,
			state: state{wanted: "d1", owned: true, written: true, moved: true},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			c.state.policy = c.policy
			got, err := decide(c.state)
			if err != nil {
				t.Fatal(err)
			}
			if got.write != c.write || got.drift.found() != c.drifted || got.drift.deleted != c.deleted {
				t.Errorf("write %v, drift %v, deleted %v: %s", got.write, got.drift.found(), got.drift.deleted, c.why)
			}
			if got.write && got.operation == "" {
				t.Error("a write without an operation can't be counted")
			}
		})
	}
}
