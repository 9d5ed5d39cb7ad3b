// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/apisync/apisync/internal/controller"
)

func TestRotationReadsEachObjectOnceAPeriod(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 34, 56, 789, time.UTC)
	rotation := controller.NewRotation(func() time.Time { return now })
	const objects, period, step = 600, time.Hour, time.Minute
	reads := map[types.UID]int{}
	var busiest int
	for range 3 * int(period/step) {
		inThisStep := 0
		for i := range objects {
			uid := types.UID(fmt.Sprintf("uid-%d", i))
			if rotation.Due(uid, period) {
				reads[uid]++
				inThisStep++
				rotation.Done(uid, period)
			}
		}
		busiest = max(busiest, inThisStep)
		now = now.Add(step)
	}
	for uid, n := range reads {
		if n < 2 || n > 3 {
			t.Errorf("%s was read %d times in 3 periods", uid, n)
		}
	}
	if len(reads) != objects {
		t.Errorf("%d of %d were read", len(reads), objects)
	}
	if even := objects * int(step) / int(period); busiest > 4*even {
		t.Errorf("%d were read in one step, %d are its share: the load must be even", busiest, even)
	}
}

func TestRotationSurvivesARestart(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	first := controller.NewRotation(clock)
	wait := first.Wait("uid", time.Hour)
	now = now.Add(wait / 2)
	again := controller.NewRotation(clock)
	if got := again.Wait("uid", time.Hour); got != wait-wait/2 {
		t.Errorf("after a restart the object is due in %s, not in %s: an operator that restarts often would never get to it", got, wait-wait/2)
	}
}

func TestRotationFollowsAShorterPeriod(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	rotation := controller.NewRotation(func() time.Time { return now })
	rotation.Wait("uid", 24*time.Hour)
	if wait := rotation.Wait("uid", time.Minute); wait > time.Minute {
		t.Errorf("due in %s although the period was edited to a minute", wait)
	}
}
