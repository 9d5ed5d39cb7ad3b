// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/test/recorded"
	"github.com/apisync/apisync/test/simulator"
)

// backOff is when an object comes back whose work failed for a passing reason and goes on failing.
const backOff = 5 * time.Minute

// day is a stage on which simulated time passes: every controller comes back when it said so, and when somebody wakes it.
type day struct {
	*stage

	sims map[string]*simulator.Simulator
	// due says when an object's turn is, by controller and name.
	due map[turn]time.Time
}

// turn is one object of one controller.
type turn struct {
	controller string
	key        types.NamespacedName
}

func newDay(t *testing.T) *day {
	t.Helper()
	d := &day{stage: newStage(t), sims: map[string]*simulator.Simulator{}, due: map[turn]time.Time{}}
	d.wire.route = func(host string) *simulator.Simulator {
		if d.sims[host] == nil {
			d.sims[host] = simulator.New(stageOptions(d.clock))
		}
		return d.sims[host]
	}
	return d
}

// begin lets everybody have a first turn.
func (d *day) begin() {
	for _, managed := range d.allContexts() {
		d.at(turn{"context", client.ObjectKeyFromObject(&managed)}, 0)
	}
	for _, api := range d.allAPIs() {
		d.at(turn{"api", client.ObjectKeyFromObject(&api)}, 0)
	}
}

// at brings a turn forward; it never puts one off.
func (d *day) at(who turn, after time.Duration) {
	when := d.clock.Now().Add(after)
	if before, waits := d.due[who]; !waits || when.Before(before) {
		d.due[who] = when
	}
}

// until lets time pass. Turns that are due at once are taken in the order of their names, so that every run is the same.
func (d *day) until(end time.Time) {
	for {
		next := slices.MinFunc(slices.Collect(maps.Keys(d.due)), func(x, y turn) int {
			return cmp.Or(d.due[x].Compare(d.due[y]), cmp.Compare(x.controller, y.controller), cmp.Compare(x.key.String(), y.key.String()))
		})
		if d.due[next].After(end) {
			d.clock.set(end)
			return
		}
		if d.due[next].After(d.clock.Now()) {
			d.clock.set(d.due[next])
		}
		delete(d.due, next)
		d.take(next)
	}
}

func (d *day) take(who turn) {
	var result outcome
	switch who.controller {
	case "context":
		result = d.reconcileContext(who.key)
	case "sweep":
		result = d.sweep(who.key)
	case "api":
		result = d.reconcile(who.key)
	}
	switch {
	case result.failed:
		d.at(who, backOff)
	case result.RequeueAfter > 0:
		d.at(who, result.RequeueAfter)
	}
	d.wakeUp()
}

// wakeUp does what the watches do with what the reconcilers told.
func (d *day) wakeUp() {
	for _, wake := range d.woken {
		d.at(turn{"api", wake.Name}, 0)
	}
	for _, name := range d.changed {
		namespace, context, _ := strings.Cut(name, "/")
		d.at(turn{"sweep", types.NamespacedName{Namespace: namespace, Name: context}}, 0)
		for _, api := range d.allAPIs() {
			if ref := api.Spec.ContextRef; ref != nil && ref.Name == context && cmp.Or(ref.Namespace, api.Namespace) == namespace {
				d.at(turn{"api", client.ObjectKeyFromObject(&api)}, 0)
			}
		}
	}
	d.woken, d.changed = nil, nil
}

// requests are those of all installations since a moment.
func (d *day) requests(since time.Time) []simulator.Request {
	var all []simulator.Request
	for _, sim := range d.sims {
		all = append(all, slices.DeleteFunc(sim.Requests(), func(r simulator.Request) bool { return r.At.Before(since) })...)
	}
	return all
}

// kindOf names what a request is for.
func kindOf(r simulator.Request) string {
	switch {
	case r.IsWrite():
		return "write"
	case strings.HasSuffix(r.Path, "/_search"):
		return "list"
	case strings.HasSuffix(r.Route, "/apis/{api}"), strings.HasSuffix(r.Path, "/apis"):
		return "read of an API"
	case strings.HasSuffix(r.Route, "/export"):
		return "export of an API"
	case strings.Contains(r.Path, "/configuration/"), strings.HasSuffix(r.Path, "/policies"):
		return "look-up of names"
	}
	return "login and probe"
}

// idOf is the id of the API that a request reads or writes.
func idOf(r simulator.Request) string {
	if id, _ := decode(r.Body)["id"].(string); id != "" {
		return id
	}
	_, rest, _ := strings.Cut(r.Path, "/apis/")
	id, _, _ := strings.Cut(rest, "/")
	return id
}

// All recorded cases are published by one operator, and then nothing happens for 24 simulated hours. Nothing may be written or told about what
// is published, neither to a management API nor to the API server, and requests may not be more than a pass per period and a read per
// rotation. Under the race detector the day is shorter. A few cases are about definitions that a management API refuses; those are tried again now and then, and told once.
func TestDayAtRest(t *testing.T) {
	d := newDay(t)
	server := &admission{server: recorded.NewServer(t)}
	for _, one := range recorded.Cases(t) {
		for _, input := range one.Inputs {
			d.apply(server, strings.ToLower(one.Name)+"-", input)
		}
	}
	d.begin()
	d.until(d.clock.Now().Add(2 * stageRotation)) // settles
	published, refused := d.published()
	t.Logf("%d APIs in %d contexts are published, %d aren't: %s", len(published), len(d.allContexts()), len(refused), strings.Join(refused, ", "))
	if len(published) < 59 {
		t.Error("these are fewer than the recorded cases have")
	}
	begin := d.clock.Now()
	d.told.clear()
	d.patch.objects = nil
	hours := 24
	if underRace {
		hours = 3
	}
	d.until(begin.Add(time.Duration(hours) * time.Hour))

	for _, request := range d.requests(begin) {
		if request.IsWrite() && (published[idOf(request)] || request.Status == http.StatusOK) {
			t.Errorf("%s: a write at rest: %s %s of %s: %d", request.At, request.Method, request.Path, idOf(request), request.Status)
		}
	}
	if len(d.patch.objects) > 0 {
		t.Errorf("%d writes to the API server at rest, such as %s", len(d.patch.objects), d.patch.objects[0])
	}
	if len(d.told.events) > 0 || len(d.told.drift) > 0 {
		t.Errorf("told at rest: %v %v", d.told.events, d.told.drift)
	}
	for _, api := range d.allAPIs() {
		if drifted := driftedOn(&api); drifted.Status == metav1.ConditionTrue {
			t.Errorf("%s/%s: %s: %s", api.Namespace, api.Name, drifted.Reason, drifted.Message)
		}
	}
	d.expectCost(begin, hours, published)
}

// published are the ids of the APIs that are in step, refused the resources that aren't.
func (d *day) published() (ids map[string]bool, refused []string) {
	d.t.Helper()
	ids = map[string]bool{}
	for _, api := range d.allAPIs() {
		if isReady(&api) {
			ids[api.Status.ID] = true
			continue
		}
		reason := "nothing is said"
		if ready := meta.FindStatusCondition(api.Status.Conditions, v1alpha1.ReadyCondition); ready != nil {
			reason = ready.Reason
		}
		refused = append(refused, api.Namespace+"/"+api.Name+" ("+reason+")")
	}
	return ids, refused
}

// expectCost compares the requests of each hour with what the passes and the rotation may cost.
func (d *day) expectCost(begin time.Time, hours int, published map[string]bool) {
	d.t.Helper()
	const perPass = 50
	counts, reads := make([]map[string]int, hours), make([]map[string]int, hours)
	for i := range counts {
		counts[i], reads[i] = map[string]int{}, map[string]int{}
	}
	for _, request := range d.requests(begin) {
		hour := int(request.At.Sub(begin) / time.Hour)
		if hour >= hours {
			continue
		}
		counts[hour][kindOf(request)]++
		if kindOf(request) == "read of an API" {
			reads[hour][idOf(request)]++
		}
	}
	passes := int(time.Hour / stagePeriod)
	limit := passes * (len(d.allContexts()) + len(d.allAPIs())/perPass)
	for hour, count := range counts {
		if count["list"] == 0 || count["list"] > limit {
			d.t.Errorf("hour %d: %d requests for lists, want at most the %d of a pass per period", hour, count["list"], limit)
		}
		for id := range published {
			if n := reads[hour][id]; n != 1 && !d.isWantedTwice(id) {
				d.t.Errorf("hour %d: %d reads of %s in one rotation, want one", hour, n, id)
			}
		}
	}
	for _, hour := range []int{0, hours / 2, hours - 1} {
		d.t.Logf("hour %d: %s", hour, inOrder(counts[hour]))
	}
}

// isWantedTwice tells an id that a resource claims which isn't the one that has it: that one looks, too.
func (d *day) isWantedTwice(id string) bool {
	for _, api := range d.allAPIs() {
		if !isReady(&api) && api.Spec.ID == id {
			return true
		}
	}
	return false
}

func inOrder(counts map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d × %s", counts[name], name))
	}
	return strings.Join(parts, ", ")
}
