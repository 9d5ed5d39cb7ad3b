// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"sync"
)

// progressSteps is how often progress over many objects is told.
const progressSteps = 10

// teller tells progress, from one goroutine at a time.
type teller struct {
	to func(line string)

	mu        sync.Mutex
	done, all int
}

func (t *teller) linef(format string, args ...any) {
	if t.to == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.to(fmt.Sprintf(format, args...))
}

// total says how many objects there are.
func (t *teller) total(n int) {
	t.linef("Planning %d objects", n)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done, t.all = 0, n
}

// one counts one object.
func (t *teller) one() {
	if t.to == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done++
	step := max(1, t.all/progressSteps)
	if t.all > progressSteps && t.done%step == 0 {
		t.to(fmt.Sprintf("Planned %d of %d objects", t.done, t.all))
	}
}
