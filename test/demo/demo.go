// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/apisync/apisync/test/controlplane"
)

// demo is one run.
type demo struct {
	screen *screen
	once   bool
	// folder takes the operator and the kubeconfigs.
	folder string
	// alive ends with the demo; fail ends it before its time.
	alive context.Context //nolint:containedctx // the life of the run, not of a call
	fail  context.CancelCauseFunc

	programs         controlplane.Programs
	program          string
	central, partner *installation
	blue, green      string
	east, west       *cluster
}

// run does all steps and cleans up, whatever happens.
func run(ctx context.Context, screen *screen, once bool) (err error) {
	begin := time.Now()
	folder, err := os.MkdirTemp("", "apisync-demo-")
	if err != nil {
		return fmt.Errorf("making the folder of the demo: %w", err)
	}
	alive, fail := context.WithCancelCause(ctx)
	d := &demo{screen: screen, once: once, folder: folder, alive: alive, fail: fail}
	defer func() {
		screen.line("")
		stopped := screen.during("Stopping what was started, removing temporary files", func(func(string)) error {
			fail(nil)
			return errors.Join(d.stop(), os.RemoveAll(folder))
		})
		err = errors.Join(err, stopped)
	}()
	if err := d.perform(alive); err != nil {
		return d.explain(ctx, err)
	}
	took := time.Since(begin).Round(time.Second)
	screen.line("\n%s", screen.paint(good, fmt.Sprintf("All %d steps went as told, in %s.", screen.steps, took)))
	if once {
		return nil
	}
	d.hints()
	<-alive.Done()
	if ctx.Err() == nil {
		return d.explain(ctx, context.Cause(alive))
	}
	return nil
}

// explain finds the best word on a failure, and shows the operators' logs, which will be gone. ctx ends when the demo
// is interrupted.
func (d *demo) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return err
	}
	for _, c := range []*cluster{d.east, d.west} {
		if c != nil && c.operator != nil {
			d.screen.note("\nThe log of the operator in %s ends with:\n%s", c.name, c.operator.LogTail())
		}
	}
	// That a part ended unasked says more than what failed for its want.
	if cause := context.Cause(d.alive); cause != nil {
		return cause
	}
	return err
}

func (d *demo) installations() []*installation { return []*installation{d.central, d.partner} }

// step is one of the numbered steps. An error ends the demo.
type step struct {
	title string
	do    func(context.Context) error
}

// perform does the steps one after another.
func (d *demo) perform(ctx context.Context) error {
	steps := []step{
		{"Build what is missing", d.build},
		{"Start two simulated management APIs, with a gateway for each environment", d.serve},
		{"Start two Kubernetes clusters and install Apisync in them", d.startClusters},
		{"Start an operator in each cluster", d.startOperators},
		{"Publish samples/ from east, and an API of its own from west", d.publish},
		{"Call them through the gateways", d.callAll},
		{"Plan a change, with nothing changed yet", d.plan},
		{"Change an API with kubectl", d.change},
		{"Publish the same API from a second cluster", d.collide},
		{"Change an API by hand in the management API", d.meddle},
	}
	if d.once {
		steps = append(steps, step{"Try the commands that the demo suggests when it stays up", d.tryHints})
	}
	d.screen.steps = len(steps)
	for _, step := range steps {
		d.screen.heading(step.title)
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.title, err)
		}
	}
	return nil
}

const (
	// patience is what a step may take that takes seconds when all is well.
	patience = 2 * time.Minute
	poll     = 100 * time.Millisecond
)

// await asks until nothing is missing, and shows what is. An error of missing ends it.
func (d *demo) await(ctx context.Context, title string, missing func(context.Context) (string, error)) error {
	return d.screen.during(title, func(tell func(string)) error {
		limited, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		ticker := time.NewTicker(poll)
		defer ticker.Stop()
		still := ""
		for {
			now, err := missing(limited)
			switch {
			case err != nil && limited.Err() == nil:
				return err
			case err == nil && now == "":
				return nil
			case err == nil: // an error that the time limit made tells nothing
				still = now
			}
			tell(still)
			select {
			case <-ticker.C:
			case <-limited.Done():
				if ctx.Err() != nil {
					return ctx.Err()
				}
				return fmt.Errorf("not so after %s: %s", patience, still)
			}
		}
	})
}

// answer is what a gateway said.
type answer struct {
	code int
	// head is the status line and the headers.
	head string
	body []byte
}

const (
	callLimit = 10 * time.Second
	bodyLimit = 64 << 10
)

// call sends a GET without credentials.
func call(ctx context.Context, url string) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return answer{}, fmt.Errorf("calling %s: %w", url, err)
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		return answer{}, fmt.Errorf("calling %s: %w", url, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, bodyLimit))
	if err != nil {
		return answer{}, fmt.Errorf("reading the answer of %s: %w", url, err)
	}
	var head strings.Builder
	fmt.Fprintf(&head, "%s %s\n", response.Proto, response.Status)
	if err := response.Header.Write(&head); err != nil {
		return answer{}, fmt.Errorf("reading the headers of %s: %w", url, err)
	}
	return answer{response.StatusCode, strings.ReplaceAll(head.String(), "\r", ""), body}, nil
}

// status is the first line of an answer.
func (a answer) status() string {
	line, _, _ := strings.Cut(a.head, "\n")
	return line
}
