// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/translate"
	"github.com/apisync/apisync/test/simulator"
)

// moment is when the operator is killed, seen from the management API.
type moment struct {
	name  string
	stage simulator.Stage
	// arrives says that the write is done although its client is dead by then.
	arrives bool
}

func moments() []moment {
	return []moment{
		{"before the write is done", simulator.Before, false},
		{"while the write is on its way", simulator.Before, true},
		{"after the write, before its answer", simulator.After, true},
	}
}

// killAt does what leads to a write, kills the operator at the moment of that write, and settles what becomes
// of the write. No operator runs afterwards.
func (w *world) killAt(ctx context.Context, sim *simulator.Simulator, m moment, method string, lead func()) {
	GinkgoHelper()
	pause := sim.PauseAt(simulator.PausePoint{Stage: m.stage, Method: method})
	lead()
	held := reached(ctx, pause)
	Expect(w.operator.Kill()).To(Succeed())
	if m.stage == simulator.Before && m.arrives {
		pause.Release()
	} else {
		pause.Abandon()
	}
	logged(ctx, sim, func(r simulator.Request) bool { return r.Sequence == held.Sequence })
}

// killWhen does what leads to a state of an API in Kubernetes and kills the operator as soon as that is stored.
func (w *world) killWhen(ctx context.Context, name string, fits func(watch.Event, *v1alpha1.ApiDefinition) bool, lead func()) {
	GinkgoHelper()
	events, err := w.cluster.Client.Watch(ctx, &v1alpha1.ApiDefinitionList{}, client.InNamespace(w.namespace))
	Expect(err).NotTo(HaveOccurred())
	defer events.Stop()
	lead()
	Eventually(events.ResultChan()).WithPolling(time.Millisecond).Should(Receive(Satisfy(func(event watch.Event) bool {
		api, ok := event.Object.(*v1alpha1.ApiDefinition)
		return ok && api.Name == name && fits(event, api)
	})))
	Expect(w.operator.Kill()).To(Succeed())
}

// later counts the writes that were done since a mark.
func later(sim *simulator.Simulator, mark int) []string {
	list := carriedOut(sim)
	return list[mark:]
}

var _ = Describe("A kill of the operator", func() {
	It("at any moment of a create leaves one API and no second write", func(ctx context.Context) {
		w := newWorld(ctx, simulator.Options{})
		w.applied(ctx, w.context("ctx"))
		for i, m := range moments() {
			By(m.name)
			mark := len(carriedOut(w.sim))
			api := w.api(fmt.Sprintf("create-%d", i), "ctx")
			w.killAt(ctx, w.sim, m, http.MethodPut, func() { w.apply(ctx, api) })
			w.get(ctx, api)
			Expect(w.verdict(ctx, api)).To(Equal("InProgress -"))
			Expect(api.Finalizers).To(ConsistOf(v1alpha1.ApiDefinitionFinalizer), "stored before the write")
			Expect(translate.ClaimedID(api)).To(Equal(string(api.UID)), "stored before the write")
			w.start(ctx)
			w.expect(ctx, api, current)
			w.get(ctx, api)
			Expect(w.sim.APIs()).To(HaveLen(i + 1))
			remote, found := w.sim.API(string(api.UID))
			Expect(found).To(BeTrue(), "it has the id that was claimed")
			Expect(remote.Definition["description"]).To(Equal(api.Spec.Description))
			Expect(remote.Plans).To(Equal(map[string]string{"open": "PUBLISHED"}))
			Expect(api.Status.ID).To(Equal(remote.ID))
			Expect(api.Status.CrossID).To(Equal(remote.CrossID))
			Expect(api.Status.Plans).To(HaveLen(1))
			Expect(later(w.sim, mark)).To(Equal([]string{"PUT DEFAULT"}), "what is as wanted isn't written again")
			Expect(w.warnings(ctx, api)).To(BeEmpty(), "it is no take-over")
		}
	})

	It("at any moment of an update leaves the newest state", func(ctx context.Context) {
		w := newWorld(ctx, simulator.Options{})
		api := w.api("orders", "ctx")
		w.applied(ctx, w.context("ctx"), api)
		for i, m := range moments() {
			By(m.name)
			mark := len(carriedOut(w.sim))
			text := fmt.Sprintf("version %d", i)
			w.killAt(ctx, w.sim, m, http.MethodPut, func() { w.apply(ctx, w.api("orders", "ctx", described(text))) })
			Expect(w.verdict(ctx, api)).To(Equal("InProgress Synchronized"))
			w.start(ctx)
			w.expect(ctx, api, current)
			Expect(places(w.sim)).To(Equal(map[string]any{"DEFAULT": text}))
			Expect(w.sim.APIs()[0].ID).To(Equal(string(w.get(ctx, api).GetUID())))
			writes := 1
			if m.arrives {
				// Not all that is sent can be read back, so a changed state whose answer was lost is sent again.
				writes = 2
			}
			Expect(later(w.sim, mark)).To(HaveLen(writes))
		}
		Expect(w.warnings(ctx, api)).To(BeEmpty())
	})

	It("at any moment of a delete leaves nothing", func(ctx context.Context) {
		w := newWorld(ctx, simulator.Options{})
		w.applied(ctx, w.context("ctx"))
		for i, m := range moments() {
			By(m.name)
			mark := len(carriedOut(w.sim))
			api := w.api(fmt.Sprintf("delete-%d", i), "ctx")
			w.applied(ctx, api)
			w.killAt(ctx, w.sim, m, http.MethodDelete, func() { w.remove(ctx, api) })
			Expect(w.verdict(ctx, api)).To(Equal(terminating), "the finalizer holds it")
			w.start(ctx)
			w.expect(ctx, api, gone)
			Expect(w.sim.APIs()).To(BeEmpty())
			Expect(later(w.sim, mark)).To(Equal([]string{"PUT DEFAULT", "DELETE DEFAULT"}), "it is deleted once")
		}
	})

	It("at any moment of a create, with the deletion before the restart, leaves nothing", func(ctx context.Context) {
		w := newWorld(ctx, simulator.Options{})
		w.applied(ctx, w.context("ctx"))
		for i, m := range moments() {
			By(m.name)
			api := w.api(fmt.Sprintf("brief-%d", i), "ctx")
			w.killAt(ctx, w.sim, m, http.MethodPut, func() { w.apply(ctx, api) })
			w.remove(ctx, api)
			Expect(w.verdict(ctx, api)).To(Equal("Terminating -"), "the finalizer holds it, although no status was stored")
			w.start(ctx)
			w.expect(ctx, api, gone)
			Expect(w.sim.APIs()).To(BeEmpty())
		}
	})

	It("right after each write to Kubernetes leaves one API", func(ctx context.Context) {
		w := newWorld(ctx, simulator.Options{})
		w.applied(ctx, w.context("ctx"))
		api := w.api("orders", "ctx")

		By("after the claim: the import may be on its way, or not sent at all")
		w.killWhen(ctx, "orders", func(_ watch.Event, a *v1alpha1.ApiDefinition) bool {
			return len(a.Finalizers) > 0
		}, func() { w.apply(ctx, api) })
		w.start(ctx)
		w.expect(ctx, api, current)
		Expect(w.sim.APIs()).To(HaveLen(1))
		Expect(w.sim.APIs()[0].ID).To(Equal(string(w.get(ctx, api).GetUID())))
		Expect(carriedOut(w.sim)).To(HaveLen(1))

		By("after the status of an update")
		w.killWhen(ctx, "orders", func(_ watch.Event, a *v1alpha1.ApiDefinition) bool {
			return a.Generation == 2 && a.Status.ObservedGeneration == 2
		}, func() { w.apply(ctx, w.api("orders", "ctx", described("second"))) })
		w.start(ctx)
		w.applied(ctx, w.api("orders", "ctx", described("third")))
		Expect(places(w.sim)).To(Equal(map[string]any{"DEFAULT": "third"}))
		Expect(carriedOut(w.sim)).To(HaveLen(3), "what was told to be done isn't done again")

		By("after the finalizer of a deletion is gone")
		w.killWhen(ctx, "orders", func(event watch.Event, _ *v1alpha1.ApiDefinition) bool {
			return event.Type == watch.Deleted
		}, func() { w.remove(ctx, api) })
		Expect(w.sim.APIs()).To(BeEmpty())

		By("making it again, as a new API")
		w.start(ctx)
		w.applied(ctx, w.api("orders", "ctx"))
		Expect(w.sim.APIs()).To(HaveLen(1))
		Expect(w.sim.APIs()[0].ID).To(Equal(string(w.get(ctx, api).GetUID())))
	})

	It("at any moment of a move within an installation leaves one API, with its id", func(ctx context.Context) {
		w := newWorld(ctx, threeEnvironments())
		api := w.api("orders", dev)
		w.applied(ctx, w.context(dev, inEnvironment(dev)), w.context(prod, inEnvironment(prod)), api)
		w.get(ctx, api)
		id, plans := api.Status.ID, api.Status.Plans
		target := map[string]string{dev: prod, prod: dev}
		from := dev
		for _, method := range []string{http.MethodDelete, http.MethodPut} {
			for _, m := range moments() {
				By(method + ": " + m.name)
				mark := len(carriedOut(w.sim))
				w.killAt(ctx, w.sim, m, method, func() { w.apply(ctx, w.api("orders", target[from])) })
				Expect(w.verdict(ctx, api)).To(Equal("InProgress Synchronized"))
				w.start(ctx)
				w.expect(ctx, api, current)
				from = target[from]
				Expect(places(w.sim)).To(Equal(map[string]any{from: "orders service"}))
				Expect(w.sim.APIs()[0].ID).To(Equal(id))
				Expect(later(w.sim, mark)).To(Equal([]string{"DELETE " + target[from], "PUT " + from}), "each write is done once")
				w.get(ctx, api)
				Expect(api.Status.Plans).To(Equal(plans))
				Expect(api.Status.EnvironmentID).To(Equal(from))
			}
		}
		Expect(w.warnings(ctx, api)).To(BeEmpty())
	})

	It("at any moment of a move between installations leaves one API", func(ctx context.Context) {
		w := newWorld(ctx, simulator.Options{})
		other, url := startSimulator(simulator.Options{})
		api := w.api("orders", "here")
		w.applied(ctx, w.context("here"), w.context("there", at(url)), api)
		id := w.get(ctx, api).GetUID()
		sims := map[string]*simulator.Simulator{"here": w.sim, "there": other}
		target := map[string]string{"here": "there", "there": "here"}
		from := "here"
		for _, method := range []string{http.MethodPut, http.MethodDelete} {
			for _, m := range moments() {
				By(method + ": " + m.name)
				old, next := sims[from], sims[target[from]]
				marks := []int{len(carriedOut(old)), len(carriedOut(next))}
				held := next
				if method == http.MethodDelete {
					held = old
				}
				w.killAt(ctx, held, m, method, func() { w.apply(ctx, w.api("orders", target[from])) })
				w.start(ctx)
				w.expect(ctx, api, current)
				from = target[from]
				Expect(old.APIs()).To(BeEmpty())
				Expect(next.APIs()).To(HaveLen(1))
				Expect(next.APIs()[0].ID).To(Equal(string(id)))
				Expect(later(old, marks[0])).To(Equal([]string{"DELETE DEFAULT"}))
				Expect(later(next, marks[1])).To(Equal([]string{"PUT DEFAULT"}))
			}
		}
		Expect(w.warnings(ctx, api)).NotTo(ContainElement(ContainSubstring("left behind")))
	})

	It("in the middle of a move, with the deletion before the restart, leaves nothing", func(ctx context.Context) {
		w := newWorld(ctx, threeEnvironments())
		other, url := startSimulator(simulator.Options{})
		w.applied(ctx, w.context(dev, inEnvironment(dev)), w.context(prod, inEnvironment(prod)), w.context("there", at(url)))
		for _, target := range []struct {
			context string
			sim     *simulator.Simulator
			probe   string
		}{{prod, w.sim, "/environments/prod"}, {"there", other, "/"}} {
			By("moving to " + target.context)
			name := "to-" + target.context
			api := w.api(name, dev)
			w.applied(ctx, api)
			w.killAt(ctx, target.sim, moment{stage: simulator.After}, http.MethodPut, func() { w.apply(ctx, w.api(name, target.context)) })
			Expect(target.sim.APIs()).To(ContainElement(HaveField("Name", name)))
			w.remove(ctx, api)
			// The old place is known before the new one.
			slow := target.sim.Inject(simulator.Fault{Mode: simulator.ModeLatency, Delay: probeDelay, Path: target.probe})
			w.start(ctx)
			w.expect(ctx, api, gone)
			slow.Remove()
			Expect(w.sim.APIs()).To(BeEmpty())
			Expect(other.APIs()).To(BeEmpty())
		}
	})

	It("doesn't let a write win that arrives after its successor", func(ctx context.Context) {
		w := newWorld(ctx, simulator.Options{})
		api := w.api("orders", "ctx")
		w.applied(ctx, w.context("ctx"), api)
		late := w.sim.PauseAt(simulator.PausePoint{Stage: simulator.Before, Method: http.MethodPut})
		w.apply(ctx, w.api("orders", "ctx", described("first")))
		held := reached(ctx, late)
		Expect(w.operator.Kill()).To(Succeed())
		w.apply(ctx, w.api("orders", "ctx", described("second")))
		w.start(ctx, "--resync=1s", "--drift-period=1s", "--drift-rotation=2s")
		w.expect(ctx, api, current)
		Expect(places(w.sim)).To(Equal(map[string]any{"DEFAULT": "second"}))
		late.Release()
		logged(ctx, w.sim, func(r simulator.Request) bool { return r.Sequence == held.Sequence })
		Eventually(func() int { return len(carriedOut(w.sim)) }).Should(Equal(4), "it is corrected by one more import")
		Expect(places(w.sim)).To(Equal(map[string]any{"DEFAULT": "second"}))
	})
})
