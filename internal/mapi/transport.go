// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package mapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
)

// The operations that back ends give their requests, see WithOperation.
const (
	OperationLogin   = "login"
	OperationProbe   = "probe"
	OperationObserve = "observe"
	OperationList    = "list"
	OperationCompare = "compare"
	OperationApply   = "apply"
	OperationDryRun  = "dryrun"
	OperationDelete  = "delete"
)

type operationKey struct{}

// WithOperation names what the requests made with the context are for. Back ends call it; the transport tells its observer.
func WithOperation(ctx context.Context, operation string) context.Context {
	return context.WithValue(ctx, operationKey{}, operation)
}

type kindKey struct{}

// WithKind names the kind of resource for which requests are made with the context; without it, that of APIs is meant. Controllers call it;
// the transport's observer may ask for it by KindOf.
func WithKind(ctx context.Context, kind string) context.Context {
	return context.WithValue(ctx, kindKey{}, kind)
}

// KindOf gives what WithKind stored last, or an empty string.
func KindOf(ctx context.Context) string {
	kind, _ := ctx.Value(kindKey{}).(string)
	return kind
}

// Operation gives what WithOperation stored last, or an empty string.
func Operation(ctx context.Context) string {
	operation, _ := ctx.Value(operationKey{}).(string)
	return operation
}

// Observer is told about every request that was sent or refused: status is 0 when there is an error. The duration runs
// from the call to the head of the answer and includes the wait for a free slot. It must not block.
type Observer func(ctx context.Context, method, operation string, status int, err error, duration time.Duration)

// TransportOptions are the limits of one context. The zero value has none: no bound on requests in flight, no breaker, no observer.
type TransportOptions struct {
	// Concurrency is how many requests may be in flight at once; more wait for their turn or for the end of
	// their context. Zero is no bound.
	Concurrency int
	// FailureThreshold is how many failures in a row open the circuit breaker; zero is no breaker. A failure is a network
	// error, or one of 502, 503 and 504: a 500 is often the answer to one user's mistake and must not shut the door for all.
	FailureThreshold uint
	// OpenFor is how long the open breaker refuses requests, before one is let through as a test. Defaults to 15 seconds.
	OpenFor time.Duration
	// Observer may be nil.
	Observer Observer
}

const defaultOpenFor = 15 * time.Second

// CircuitOpenError is what the transport answers without sending anything while the circuit breaker is open.
type CircuitOpenError struct {
	// RetryAfter is the time until the next request is let through.
	RetryAfter time.Duration
}

// Error has no duration in it, so that repeated messages are equal.
func (*CircuitOpenError) Error() string {
	return "no request is sent, since the management API failed several times in a row"
}

// NewTransport adds the limits of one context to base; nil is http.DefaultTransport. The result is safe for concurrent use
// and keeps the state of its breaker, so one context needs one.
func NewTransport(base http.RoundTripper, options TransportOptions) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport
	}
	t := &transport{base: base, observe: options.Observer}
	if options.Concurrency > 0 {
		t.slots = make(chan struct{}, options.Concurrency)
	}
	if options.FailureThreshold > 0 {
		openFor := options.OpenFor
		if openFor <= 0 {
			openFor = defaultOpenFor
		}
		t.breaker = circuitbreaker.NewBuilder[any]().
			WithFailureThreshold(options.FailureThreshold).
			WithSuccessThreshold(1).
			WithDelay(openFor).
			Build()
	}
	return t
}

type transport struct {
	base    http.RoundTripper
	slots   chan struct{}
	breaker circuitbreaker.CircuitBreaker[any]
	observe Observer
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	begin := time.Now()
	response, err := t.limited(request)
	if t.observe != nil {
		status := 0
		if response != nil {
			status = response.StatusCode
		}
		ctx := request.Context()
		t.observe(ctx, request.Method, Operation(ctx), status, err, time.Since(begin))
	}
	return response, err
}

func (t *transport) limited(request *http.Request) (*http.Response, error) {
	release, err := t.acquire(request.Context())
	if err != nil {
		closeBody(request)
		return nil, err
	}
	response, err := t.guarded(request)
	if err != nil {
		release()
		return nil, err
	}
	response.Body = &releasingBody{ReadCloser: response.Body, release: release}
	return response, nil
}

// acquire waits for a slot; release may be called more than once.
func (t *transport) acquire(ctx context.Context) (release func(), err error) {
	if t.slots == nil {
		return func() {}, nil
	}
	select {
	case t.slots <- struct{}{}:
		return sync.OnceFunc(func() { <-t.slots }), nil
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for a free slot: %w", ctx.Err())
	}
}

// guarded sends the request unless the breaker is open, and tells the breaker how it went.
func (t *transport) guarded(request *http.Request) (*http.Response, error) {
	if t.breaker == nil {
		return t.base.RoundTrip(request)
	}
	if !t.breaker.TryAcquirePermit() {
		closeBody(request)
		return nil, &CircuitOpenError{RetryAfter: t.breaker.RemainingDelay()}
	}
	response, err := t.base.RoundTrip(request)
	t.record(request.Context(), response, err)
	return response, err
}

// record tells the breaker how a request went. A caller that went away says nothing about the server; only a test request
// (half-open) has to end either way, or no other would ever be let through.
func (t *transport) record(ctx context.Context, response *http.Response, err error) {
	abandoned := err != nil && errors.Is(ctx.Err(), context.Canceled)
	switch {
	case abandoned && !t.breaker.IsHalfOpen():
	case err != nil || isOutage(response.StatusCode):
		t.breaker.RecordFailure()
	default:
		t.breaker.RecordSuccess()
	}
}

func isOutage(status int) bool {
	switch status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// closeBody keeps the contract of http.RoundTripper: the body is closed, on errors too.
func closeBody(request *http.Request) {
	if request.Body != nil {
		_ = request.Body.Close()
	}
}

// releasingBody keeps the slot until the answer is read.
type releasingBody struct {
	io.ReadCloser
	release func()
}

func (b *releasingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.release()
	}
	return n, err
}

func (b *releasingBody) Close() error {
	defer b.release()
	return b.ReadCloser.Close()
}
