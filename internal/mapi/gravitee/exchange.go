// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gravitee

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/apisync/apisync/internal/mapi"
)

// call is one request to be made.
type call struct {
	// operation is one of those of package mapi.
	operation   string
	method, url string
	// what says for messages what the request does, such as "import of API default/orders".
	what string
	// needs says, for messages, what older releases lack and which release has it; empty for what every release offers.
	needs string
	body  []byte
	// accept decodes the body of a success; its error makes the answer an unexpected one. Nil ignores the body.
	accept func(body []byte) error
	// mayBeEmpty is for a success that needn't have a body; then accept isn't called.
	mayBeEmpty bool
}

// answer is what came back: either err or a status.
type answer struct {
	status int
	header http.Header
	body   []byte
	err    error
	// abandoned tells that the caller went away, so that err says nothing about the server.
	abandoned bool
}

// errTooLarge stands for a body beyond Options.MaxBody.
var errTooLarge = errors.New("the answer is too large")

// do makes a call under the session and gives nil, errAbsent or a fault. A call that was refused for its session is made once more
// under a new one: nothing was done.
func (c *client) do(ctx context.Context, request call) error {
	ctx = mapi.WithOperation(ctx, request.operation)
	used, err := c.session.credential(ctx)
	if err != nil {
		return err
	}
	got := c.send(ctx, request, used)
	if got.status == http.StatusUnauthorized || got.status == http.StatusForbidden {
		next, again, err := c.session.refused(ctx, used, got.status)
		if err != nil {
			return err
		}
		if again {
			got = c.send(ctx, request, next)
		}
	}
	return c.classify(request, got)
}

// send makes one request, once.
func (c *client) send(ctx context.Context, request call, as credential) answer {
	bounded, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	r := c.http.R().SetContext(bounded).SetHeader("Authorization", as.header)
	if request.body != nil {
		r.SetHeader("Content-Type", "application/json").SetBody(request.body)
	}
	response, err := r.Execute(request.method, request.url)
	if err == nil && (response == nil || response.RawResponse == nil) {
		err = errors.New("no answer")
	}
	if err != nil {
		return answer{err: err, abandoned: ctx.Err() != nil}
	}
	raw := response.RawResponse
	defer func() { _ = raw.Body.Close() }() // the body has been read: nothing can be lost
	body, err := c.read(raw)
	if err != nil {
		return answer{err: err, abandoned: ctx.Err() != nil}
	}
	return answer{status: raw.StatusCode, header: raw.Header, body: body}
}

// read reads a body through the limit, which holds for its unpacked size.
func (c *client) read(response *http.Response) ([]byte, error) {
	var reader io.Reader = response.Body
	if strings.EqualFold(response.Header.Get("Content-Encoding"), "gzip") {
		unpacked, err := gzip.NewReader(response.Body)
		if err != nil {
			return nil, fmt.Errorf("unpacking the answer: %w", err)
		}
		reader = unpacked
	}
	body, err := io.ReadAll(io.LimitReader(reader, c.options.MaxBody+1))
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	if int64(len(body)) > c.options.MaxBody {
		return nil, errTooLarge
	}
	return body, nil
}
