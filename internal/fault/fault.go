// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

// Package fault says what an error asks for: to be tried again, to wait for something else, or to stop
// until a person acts. Every layer below the controllers makes such errors and one place, package
// lifecycle, turns them into conditions and queue decisions.
package fault

import (
	"errors"
	"fmt"
	"time"
)

// Kind classifies an error by its cure. A Kind is an error itself, so that
// errors.Is(err, fault.Terminal) tells the class through any wrapping.
type Kind int

const (
	// Transient is cured by time: network trouble, an overloaded server, anything unclassified.
	Transient Kind = iota
	// Waiting is cured by another object: a missing reference, a context that isn't ready.
	Waiting
	// Terminal is cured by an edit of the object, or by somebody else's edit; it isn't retried at once.
	Terminal
	// Conflict is cured by a person: the remote object belongs to somebody else.
	Conflict
	// Unauthenticated is cured by new credentials.
	Unauthenticated
	// Forbidden is cured by more rights or another licence.
	Forbidden
)

// String is the kind's name in lower case, as used in metrics and logs.
func (k Kind) String() string {
	switch k {
	case Transient:
		return "transient"
	case Waiting:
		return "waiting"
	case Terminal:
		return "terminal"
	case Conflict:
		return "conflict"
	case Unauthenticated:
		return "unauthenticated"
	case Forbidden:
		return "forbidden"
	}
	return fmt.Sprintf("kind(%d)", int(k))
}

// Error makes a Kind usable as the target of errors.Is.
func (k Kind) Error() string { return k.String() }

// Reasons that more than one package has to agree on. A reason is a condition reason (KEP-1623): CamelCase, for machines.
const (
	// ReasonControlPlane: the management API refused what was sent.
	ReasonControlPlane = "ControlPlaneError"
	// ReasonIllegalState: the object contradicts itself.
	ReasonIllegalState = "IllegalStateError"
	// ReasonTemplate: a [[ ]] template can't be compiled.
	ReasonTemplate = "CompileTemplateError"
	// ReasonReference: something the object refers to doesn't exist or can't be read.
	ReasonReference = "ReferenceNotResolved"
	// ReasonContextNotReady: the management context exists, but nothing may be sent through it now.
	ReasonContextNotReady = "ContextNotReady"
	// ReasonOwnedElsewhere: the remote object belongs to another cluster or another resource.
	ReasonOwnedElsewhere = "OwnedElsewhere"
	// ReasonUnsupported: the object uses a feature that this version doesn't offer.
	ReasonUnsupported = "Unsupported"
	// ReasonUnreachable: no usable answer came from the management API.
	ReasonUnreachable = "Unreachable"
	// ReasonThrottled: the management API asked for a pause.
	ReasonThrottled = "Throttled"
	// ReasonUnauthorized: the management API doesn't accept the credentials.
	ReasonUnauthorized = "Unauthorized"
	// ReasonForbidden: the management API accepts the credentials, but not for this.
	ReasonForbidden = "Forbidden"
	// ReasonInUse: the object can't be deleted while others refer to it.
	ReasonInUse = "InUse"
	// ReasonFailed: anything that has no better word.
	ReasonFailed = "ReconcileFailed"
)

// Fault is an error with its class. The zero value is not useful; use New or Wrap.
type Fault struct {
	kind       Kind
	reason     string
	retryAfter time.Duration
	err        error
}

// New makes a fault. The message is for people and must hold no secret: it ends in conditions, events and logs.
func New(kind Kind, reason, format string, args ...any) *Fault {
	return &Fault{kind: kind, reason: reason, err: fmt.Errorf(format, args...)}
}

// Wrap classifies err, whose text becomes the message. A nil err gives nil.
func Wrap(kind Kind, reason string, err error) error {
	if err == nil {
		return nil
	}
	return &Fault{kind: kind, reason: reason, err: err}
}

// After sets how long the other side asked to be left alone and returns the fault. Zero means it didn't say.
func (f *Fault) After(d time.Duration) *Fault {
	f.retryAfter = d
	return f
}

// Error is the message of the wrapped error.
func (f *Fault) Error() string { return f.err.Error() }

// Unwrap gives the classified error.
func (f *Fault) Unwrap() error { return f.err }

// Is reports whether target is the fault's Kind.
func (f *Fault) Is(target error) bool {
	kind, ok := target.(Kind)
	return ok && kind == f.kind
}

// KindOf gives the class of err: that of the outermost fault in its chain, otherwise Transient.
func KindOf(err error) Kind {
	if f, ok := errors.AsType[*Fault](err); ok {
		return f.kind
	}
	return Transient
}

// ReasonOf gives the condition reason of err: that of the outermost fault in its chain, otherwise ReasonFailed.
func ReasonOf(err error) string {
	var f *Fault
	if errors.As(err, &f) && f.reason != "" {
		return f.reason
	}
	return ReasonFailed
}

// RetryAfter gives the pause that the other side asked for, or zero.
func RetryAfter(err error) time.Duration {
	if f, ok := errors.AsType[*Fault](err); ok {
		return f.retryAfter
	}
	return 0
}

// Redact gives err another text: its own, taken through clean. What it is classified as, and what errors.Is and errors.As find
// in it, stays. A nil err gives nil.
func Redact(err error, clean func(string) string) error {
	if err == nil {
		return nil
	}
	return &redacted{error: err, text: clean(err.Error())}
}

type redacted struct {
	error

	text string
}

func (r *redacted) Error() string { return r.text }

func (r *redacted) Unwrap() error { return r.error }
