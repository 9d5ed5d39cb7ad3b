// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"time"
)

// tailLimit bounds how much of a program's output enters an error.
const tailLimit = 4 << 10

// goOutput takes what go build -v writes: it counts modules and packages, so that a long build can
// say how far it is, and keeps the last part for an error. It may be read while it is written to.
type goOutput struct {
	mu                  sync.Mutex
	rest                []byte // an unfinished line
	last                []byte
	downloads, packages int
}

// Write never fails.
func (o *goOutput) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last = append(o.last, p...)
	o.last = o.last[max(0, len(o.last)-tailLimit):]
	o.rest = append(o.rest, p...)
	for {
		line, rest, found := bytes.Cut(o.rest, []byte("\n"))
		if !found {
			return len(p), nil
		}
		o.count(string(line))
		o.rest = rest
	}
}

func (o *goOutput) count(line string) {
	switch {
	case strings.HasPrefix(line, "go: downloading "):
		o.downloads++
	case !strings.Contains(line, " "): // with -v, each package that is compiled has a line of its own
		o.packages++
	}
}

func (o *goOutput) progress() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.downloads > 0 && o.packages == 0 {
		return fmt.Sprintf("%d modules downloaded", o.downloads)
	}
	return fmt.Sprintf("%d packages compiled", o.packages)
}

func (o *goOutput) tail() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.TrimSpace(string(o.last))
}

// every calls f in each interval until the returned function is called, which waits for a call
// that is under way.
func every(interval time.Duration, f func()) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				f()
			case <-done:
				return
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}
