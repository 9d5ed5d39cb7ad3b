// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package fault_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

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

// Everything that decides by an error has to decide alike when its text was cleaned.
func TestRedactChangesNothingButTheText(t *testing.T) {
	clean := func(text string) string { return strings.ReplaceAll(text, "s3cret", "[redacted]") }
	stale := apierrors.NewConflict(schema.GroupResource{Resource: "apis"}, "s3cret", errors.New("stale"))
	cases := map[string]struct {
		why  string
		err  error
		want string
	}{
		"a fault": {
			"kind, reason and delay lead the queue and the conditions",
			fault.New(fault.Waiting, fault.ReasonReference, "no s3cret here").After(5 * time.Second), "no [redacted] here",
		},
		"a fault deep inside": {
			"what wraps it repeats its text", fmt.Errorf("asking for s3cret: %w", fault.New(fault.Terminal, fault.ReasonControlPlane, "s3cret")),
			"asking for [redacted]: [redacted]",
		},
		"a conflict of the API server": {"it is tried again, quietly", fmt.Errorf("storing: %w", stale), "storing: " + clean(stale.Error())},
		"nothing found":                {"then the object is gone", apierrors.NewNotFound(schema.GroupResource{}, "s3cret"), ` "[redacted]" not found`},
		"the end of the context":       {"it is no trouble of the other side", fmt.Errorf("s3cret: %w", context.DeadlineExceeded), "[redacted]: context deadline exceeded"},
		"cleaned before":               {"several layers may clean", fault.Redact(fault.New(fault.Forbidden, fault.ReasonForbidden, "s3cret"), clean), "[redacted]"},
		"nothing to clean":             {"then the text stays", errors.New("boom"), "boom"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := fault.Redact(c.err, clean)
			if got.Error() != c.want {
				t.Errorf("text = %q, want %q: %s", got, c.want, c.why)
			}
			// What is made of it later must not bring the text back.
			if wrapped := fault.New(fault.Transient, fault.ReasonFailed, "context: %w", got); strings.Contains(wrapped.Error(), "s3cret") {
				t.Errorf("wrapped it is %q", wrapped)
			}
			if a, b := classOf(got), classOf(c.err); a != b {
				t.Errorf("it is classified as %+v, was %+v: %s", a, b, c.why)
			}
			if !errors.Is(got, c.err) {
				t.Errorf("errors.Is doesn't find the error: %s", c.why)
			}
		})
	}
	if err := fault.Redact(nil, clean); err != nil {
		t.Errorf("nothing became %v", err)
	}
}

// class is all that is asked of an error.
type class struct {
	kind                        fault.Kind
	reason                      string
	after                       time.Duration
	conflict, notFound, ended   bool
	isFault, isStatus, matching bool
}

func classOf(err error) class {
	return class{
		kind: fault.KindOf(err), reason: fault.ReasonOf(err), after: fault.RetryAfter(err),
		conflict: apierrors.IsConflict(err), notFound: apierrors.IsNotFound(err), ended: errors.Is(err, context.DeadlineExceeded),
		isFault: errors.As(err, new(*fault.Fault)), isStatus: errors.As(err, new(apierrors.APIStatus)), matching: errors.Is(err, fault.KindOf(err)),
	}
}
