// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package fault_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/apisync/apisync/internal/fault"
)

func TestClassOfErrors(t *testing.T) {
	inner := fault.New(fault.Unauthenticated, fault.ReasonUnauthorized, "401").After(3 * time.Second)
	cases := map[string]struct {
		why    string
		err    error
		kind   fault.Kind
		reason string
		after  time.Duration
	}{
		"unclassified":  {"time may cure what nobody understood", errors.New("boom"), fault.Transient, fault.ReasonFailed, 0},
		"direct":        {"a fault tells its own class", inner, fault.Unauthenticated, fault.ReasonUnauthorized, 3 * time.Second},
		"wrapped":       {"the class survives wrapping", fmt.Errorf("importing: %w", inner), fault.Unauthenticated, fault.ReasonUnauthorized, 3 * time.Second},
		"reclassified":  {"the outermost class counts: whoever wrapped it knew more", fault.New(fault.Waiting, fault.ReasonContextNotReady, "waits: %w", inner), fault.Waiting, fault.ReasonContextNotReady, 0},
		"joined":        {"one of several errors can be a fault", errors.Join(errors.New("a"), inner), fault.Unauthenticated, fault.ReasonUnauthorized, 3 * time.Second},
		"wrap":          {"a foreign error is classified", fault.Wrap(fault.Terminal, fault.ReasonIllegalState, errors.New("bad")), fault.Terminal, fault.ReasonIllegalState, 0},
		"wrap of a nil": {"nothing stays nothing", fault.Wrap(fault.Terminal, fault.ReasonIllegalState, nil), fault.Transient, fault.ReasonFailed, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := fault.KindOf(c.err); got != c.kind {
				t.Errorf("kind = %s, want %s: %s", got, c.kind, c.why)
			}
			if got := fault.ReasonOf(c.err); got != c.reason {
				t.Errorf("reason = %s, want %s: %s", got, c.reason, c.why)
			}
			if got := fault.RetryAfter(c.err); got != c.after {
				t.Errorf("retry after = %s, want %s: %s", got, c.after, c.why)
			}
			if c.kind != fault.Transient && !errors.Is(c.err, c.kind) {
				t.Errorf("errors.Is doesn't find the class: %s", c.why)
			}
		})
	}
}

func TestKindsHaveNames(t *testing.T) {
	for kind, want := range map[fault.Kind]string{fault.Transient: "transient", fault.Forbidden: "forbidden", fault.Kind(99): "kind(99)"} {
		if got := kind.String(); got != want {
			t.Errorf("%d = %q", int(kind), got)
		}
	}
}
