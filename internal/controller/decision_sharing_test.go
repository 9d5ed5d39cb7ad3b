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

func TestDecideAboutOthers(t *testing.T) {
	exists := func(owners ...string) mapi.Observation {
		return mapi.Observation{Exists: true, Name: "orders", Ref: mapi.Ref{ID: "id-1", Key: "cross-1"}, Owners: owners}
	}
	differs := mapi.Comparison{Differences: []model.Difference{{Path: "name", Want: "a secret", Have: "another"}}}
	// written is a state that was published from here before.
	written := func(s state) state {
		s.recorded, s.wanted, s.owned, s.written = "d1", "d1", true, true
		return s
	}
	cases := map[string]struct {
		why       string
		state     state
		write     bool
		operation string
		reason    string // a part of it, or of the Conflict
		conflict  bool
	}{
		"joins what is equal": {
			"its mark is added", state{seen: exists("east"), cluster: "west", local: true, equal: true}, true, OperationAdopt, `shared with cluster "east"`, false,
		},
		"joins several": {
			"all are named", state{seen: exists("east", "north"), cluster: "west", local: true, equal: true}, true, OperationAdopt, `cluster "east", "north"`, false,
		},
		"joins without a cluster id": {
			"there is no mark to add", state{seen: exists("east"), local: true, equal: true}, false, "", "", false,
		},
		"would join what differs": {
			"they would overwrite one another", state{seen: exists("east"), cluster: "west", local: true, comparison: differs}, false, "", "differs from this resource in name", true,
		},
		"would join what differs, and is asked to": {
			"a person says whose spec counts", state{seen: exists("east"), cluster: "west", local: true, comparison: differs, requested: true}, true, OperationAdopt, "a person asks", false,
		},
		"the same, to be taken over only when equal": {
			"a request isn't a permission", state{seen: exists("east"), cluster: "west", local: true, comparison: differs, requested: true, onlyEqual: true}, false, "", "differs", true,
		},
		"the same without a cluster id": {
			"it couldn't be told from a stranger", state{seen: exists("east"), local: true, comparison: differs, requested: true}, false, "", "differs", true,
		},
		"would join, but isn't local": {
			"each cluster's gateways would get it from one place", state{seen: exists("east"), cluster: "west", equal: true, requested: true}, false, "", "belongs to cluster", true,
		},
		"published before, and the mark was taken away": {
			"it is joined again, not corrected", written(state{seen: exists("east"), cluster: "west", local: true, equal: true}), true, OperationAdopt, "shared with", false,
		},
		"shared and equal": {
			"each unchanged write redeploys gateways", written(state{seen: exists("east", "west"), cluster: "west", local: true}), false, "", "", false,
		},
		"shared, and edited here": {
			"what a person changes here is published", func() state {
				s := written(state{seen: exists("east", "west"), cluster: "west", local: true, comparison: differs})
				s.wanted = "d2"
				return s
			}(), true, OperationUpdate, "wanted state changed", false,
		},
		"shared, and differing": {
			"another cluster may have edited its resource, and would write again", written(state{seen: exists("east", "west"), cluster: "west", local: true, comparison: differs}),
			false, "", "shared with cluster \"east\" and differs", true,
		},
		"shared and differing, by request": {
			"a person says whose spec counts",
			written(state{seen: exists("east", "west"), cluster: "west", local: true, comparison: differs, requested: true, policy: v1alpha1.DriftPolicyCorrect}), true, OperationCorrect, "edited elsewhere: name", false,
		},
		"shared and differing, not looked at": {
			"nobody wants to know", written(state{seen: exists("east", "west"), cluster: "west", local: true, comparison: differs, policy: v1alpha1.DriftPolicyOff}), false, "", "", false,
		},
		"ours alone, differing": {
			"that is drift", written(state{seen: exists("west"), cluster: "west", comparison: differs, policy: v1alpha1.DriftPolicyCorrect}), true, OperationCorrect, "edited elsewhere: name", false,
		},
		"found equal, to be taken over only so": {
			"nothing has to be written", state{seen: exists(), wanted: "d1", onlyEqual: true}, false, "", "", false,
		},
		"found differing, to be taken over only when equal": {
			"nothing is overwritten", state{seen: exists(), wanted: "d1", onlyEqual: true, comparison: differs}, false, "", "nothing was written (adoption policy if-equal)", true,
		},
		"the same by request": {
			"a request isn't a permission", state{seen: exists(), wanted: "d1", onlyEqual: true, comparison: differs, requested: true}, false, "", "adoption policy if-equal", true,
		},
		"published before, and differing": {
			"the policy is about what was there before", written(state{seen: exists(), onlyEqual: true, comparison: differs, policy: v1alpha1.DriftPolicyCorrect}), true, OperationCorrect, "edited elsewhere", false,
		},
		"absent, to be taken over only when equal": {
			"there is nothing to take over", state{wanted: "d1", onlyEqual: true}, true, OperationCreate, "doesn't exist yet", false,
		},
		"in step, by request": {
			"a request asks for a look, not for a write", written(state{seen: exists(), requested: true}), false, "", "", false,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := decide(c.state)
			if errors.Is(err, fault.Conflict) != c.conflict || err != nil && fault.ReasonOf(err) != fault.ReasonOwnedElsewhere {
				t.Fatalf("error = %v: %s", err, c.why)
			}
			text := got.reason
			if err != nil {
				text = err.Error()
			}
			if got.write != c.write || got.operation != c.operation || !strings.Contains(text, c.reason) || (c.reason == "") != (text == "") {
				t.Errorf("write %t, %q, %q, want %t, %q, %q: %s", got.write, got.operation, text, c.write, c.operation, c.reason, c.why)
			}
			if strings.Contains(text, "secret") {
				t.Errorf("%q tells a value", text)
			}
		})
	}
}
