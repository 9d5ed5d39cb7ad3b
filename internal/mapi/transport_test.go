// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package mapi_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/apisync/apisync/internal/mapi"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func status(code int) *http.Response {
	return &http.Response{StatusCode: code, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("body"))}
}

// send makes one request and reads the answer; the status is 0 when there is an error.
func send(ctx context.Context, transport http.RoundTripper) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://management.test/x", strings.NewReader("{}"))
	if err != nil {
		return 0, err
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return 0, err
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

func TestBreaker(t *testing.T) {
	cut := errors.New("cut")
	type answer struct {
		status int
		err    error
	}
	cases := []struct {
		why     string
		answers []answer
		opens   bool
	}{
		{"network errors in a row", []answer{{err: cut}, {err: cut}, {err: cut}}, true},
		{"502, 503 and 504 in a row", []answer{{status: 502}, {status: 503}, {status: 504}}, true},
		{"a success in between begins the count anew", []answer{{err: cut}, {err: cut}, {status: 200}, {err: cut}, {err: cut}}, false},
		{"500 is often one user's mistake", []answer{{status: 500}, {status: 500}, {status: 500}}, false},
		{"refusals come from a living server", []answer{{status: 400}, {status: 401}, {status: 429}}, false},
	}
	for _, c := range cases {
		t.Run(c.why, func(t *testing.T) {
			next := 0
			transport := mapi.NewTransport(roundTrip(func(*http.Request) (*http.Response, error) {
				if next == len(c.answers) {
					return status(200), nil
				}
				next++
				if err := c.answers[next-1].err; err != nil {
					return nil, err
				}
				return status(c.answers[next-1].status), nil
			}), mapi.TransportOptions{FailureThreshold: 3, OpenFor: time.Hour})
			for range c.answers {
				_, _ = send(t.Context(), transport) // what it answers is the case's own making
			}
			_, err := send(t.Context(), transport)
			var open *mapi.CircuitOpenError
			if errors.As(err, &open) != c.opens {
				t.Fatalf("got %v, want open: %t", err, c.opens)
			}
			if c.opens && (open.RetryAfter <= 0 || open.RetryAfter > time.Hour) {
				t.Errorf("retry after %s", open.RetryAfter)
			}
		})
	}
}

func TestBreakerCloses(t *testing.T) {
	healthy, sent := false, 0
	transport := mapi.NewTransport(roundTrip(func(*http.Request) (*http.Response, error) {
		sent++
		if !healthy {
			return nil, errors.New("refused")
		}
		return status(200), nil
	}), mapi.TransportOptions{FailureThreshold: 1, OpenFor: time.Nanosecond})
	// With an open time of next to nothing every request is a test request.
	for range 3 {
		if _, err := send(t.Context(), transport); err == nil {
			t.Fatal("no error")
		}
	}
	healthy = true
	for range 3 {
		if code, err := send(t.Context(), transport); err != nil || code != 200 {
			t.Fatalf("the breaker stays open after the server came back: %d %v", code, err)
		}
	}
	if sent != 6 {
		t.Errorf("%d requests were sent, want 6", sent)
	}
}

func TestBreakerIgnoresCallersThatLeave(t *testing.T) {
	transport := mapi.NewTransport(roundTrip(func(r *http.Request) (*http.Response, error) {
		if err := r.Context().Err(); err != nil {
			return nil, err
		}
		return status(200), nil
	}), mapi.TransportOptions{FailureThreshold: 1, OpenFor: time.Hour})
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, err := send(gone, transport); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if _, err := send(t.Context(), transport); err != nil {
		t.Errorf("one caller that left shut the door for all: %v", err)
	}
}

func TestConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inFlight := make(chan struct{}, 100)
		proceed := make(chan struct{})
		transport := mapi.NewTransport(roundTrip(func(*http.Request) (*http.Response, error) {
			inFlight <- struct{}{}
			<-proceed
			return status(200), nil
		}), mapi.TransportOptions{Concurrency: 2})
		done := make(chan error, 5)
		for range 5 {
			go func() {
				_, err := send(context.Background(), transport)
				done <- err
			}()
		}
		synctest.Wait()
		if most := len(inFlight); most != 2 {
			t.Errorf("%d in flight, want 2", most)
		}
		gone, leave := context.WithCancel(context.Background())
		leave()
		if _, err := send(gone, transport); !errors.Is(err, context.Canceled) {
			t.Errorf("a caller that waits in vain: %v", err)
		}
		close(proceed)
		for range 5 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
}

func TestSlotIsFreedByReadingOrClosing(t *testing.T) {
	transport := mapi.NewTransport(roundTrip(func(*http.Request) (*http.Response, error) { return status(200), nil }),
		mapi.TransportOptions{Concurrency: 1})
	for name, finish := range map[string]func(io.ReadCloser) error{
		"closed unread":    func(body io.ReadCloser) error { return body.Close() },
		"read, not closed": func(body io.ReadCloser) error { _, err := io.ReadAll(body); return err },
		"closed twice":     func(body io.ReadCloser) error { return errors.Join(body.Close(), body.Close()) },
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://management.test", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := transport.RoundTrip(request)
		if err != nil {
			t.Fatalf("before %q: %v", name, err)
		}
		if err := finish(response.Body); err != nil {
			t.Fatal(err)
		}
	}
}

func TestObserver(t *testing.T) {
	type seen struct {
		Method, Operation string
		Status            int
		Failed            bool
	}
	var all []seen
	fail := false
	transport := mapi.NewTransport(roundTrip(func(*http.Request) (*http.Response, error) {
		if fail {
			return nil, errors.New("cut")
		}
		return status(201), nil
	}), mapi.TransportOptions{FailureThreshold: 1, OpenFor: time.Hour, Observer: func(_ context.Context, method, operation string, status int, err error, d time.Duration) {
		if d < 0 {
			t.Errorf("duration %s", d)
		}
		all = append(all, seen{method, operation, status, err != nil})
	}})
	ctx := mapi.WithOperation(mapi.WithOperation(t.Context(), mapi.OperationProbe), mapi.OperationApply)
	_, _ = send(ctx, transport)
	fail = true
	_, _ = send(ctx, transport)
	_, _ = send(t.Context(), transport) // refused by the breaker, and told as well
	want := []seen{{"PUT", "apply", 201, false}, {"PUT", "apply", 0, true}, {"PUT", "", 0, true}}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("observed (-want +got):\n%s", diff)
	}
}
