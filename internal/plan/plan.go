// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

// Package plan tells what the operator would do, without doing it. It runs the operator's own reconciliation
// (package controller) on a copy of the cluster in memory, over which files are laid as kubectl apply would, with clients
// that record what would be written to management APIs instead of writing it.
package plan

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/uuid"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/controller"
	"github.com/apisync/apisync/internal/gateway"
	"github.com/apisync/apisync/internal/gather"
	"github.com/apisync/apisync/internal/lifecycle"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/translate"
)

// defaultConcurrency is how many objects are planned at once where nothing else is said.
const defaultConcurrency = 8

// keySize is that of the keys of digests.
const keySize = 32

// Options say what is planned, and against what.
type Options struct {
	// Objects are those of the files: our kinds, Secrets and ConfigMaps, with their namespaces and with the
	// defaults of their schemas, as an API server would store them. Status and uid in them don't count.
	Objects []client.Object
	// Cluster is read, and never written. Nil means that there is none: then everything is new.
	Cluster client.Reader
	// Namespaces whose objects are read, as with the operator's option of that name; empty means all.
	Namespaces []string
	// All plans the ApiDefinitions of the cluster that aren't in the files too.
	All bool
	// Delete plans the deletion of Objects instead of their application. It needs a cluster.
	Delete bool
	// Prune plans the deletion of the ApiDefinitions that match, are in a namespace that Objects mention, and aren't among
	// Objects. Nil prunes nothing.
	Prune labels.Selector

	// Registry has the back ends, and Transport gives the round tripper for a context's requests.
	Registry  mapi.Registry
	Transport func(contextName string) http.RoundTripper
	// ClusterID is the operator's; empty when it has none.
	ClusterID string
	// DigestKey is the operator's key of digests. Nil where it may not be read: then what is in step is taken for what was
	// published last.
	DigestKey []byte
	// Templating renders the templates in specs, as with the operator's option of that name.
	Templating bool
	// NoDryRun sends no dry runs: what the management API would refuse isn't found then.
	NoDryRun bool
	// Concurrency is how many objects are planned at once; zero means 8.
	Concurrency int
	// Progress is told what goes on, in short lines, never from two goroutines at once. May be nil.
	Progress func(line string)

	// newUID makes the uid of an object that isn't in the cluster; nil draws one.
	newUID func(client.Object) types.UID
}

// Run makes the plan. What goes wrong with one object or context is in the report; an error means that there is no plan.
func Run(ctx context.Context, options Options) (Report, error) {
	p, err := newPlanner(ctx, options)
	if err != nil {
		return Report{}, err
	}
	p.probe(ctx)
	planned := p.planAll(ctx)
	if err := ctx.Err(); err != nil {
		return Report{}, fmt.Errorf("the plan was interrupted: %w", err)
	}
	return p.report(planned), nil
}

// planner is one run.
type planner struct {
	Options

	// world is the cluster as it would be, before what it has now of what APIs refer to.
	world, before *snapshot
	served        *listing
	records       *records
	contexts      *controller.Contexts
	pool          *mapi.Pool
	now           time.Time
	tell          *teller

	targets  []*target
	managed  []*contextTarget
	notes    []string
	drawnKey bool
}

func newPlanner(ctx context.Context, options Options) (*planner, error) {
	p := &planner{Options: options, pool: mapi.NewPool(nil), now: time.Now(), tell: &teller{to: options.Progress}}
	if p.Concurrency <= 0 {
		p.Concurrency = defaultConcurrency
	}
	if p.newUID == nil {
		p.newUID = func(client.Object) types.UID { return uuid.NewUUID() }
	}
	if p.Delete && p.Cluster == nil {
		return nil, errors.New("what a deletion does can only be told with a cluster: name one")
	}
	if p.DigestKey == nil {
		p.drawnKey, p.DigestKey = true, make([]byte, keySize)
		_, _ = rand.Read(p.DigestKey) // documented to never fail
	}
	p.records = newRecords(!p.NoDryRun)
	var err error
	read := newLive(p.Cluster)
	if p.world, err = newSnapshot(ctx, read, p.Namespaces); err != nil {
		return nil, err
	}
	if p.before, err = newSnapshot(ctx, read, p.Namespaces); err != nil {
		return nil, err
	}
	p.served = &listing{cluster: p.Cluster, namespaces: p.readNamespaces()}
	if err := p.gather(ctx); err != nil {
		return nil, err
	}
	p.contexts = &controller.Contexts{
		Client: p.world, Sources: p.sources(), Pool: p.pool, Registry: p.records.registry(p.Registry), Transport: p.Transport,
	}
	return p, nil
}

// probe brings the contexts that are needed into the pool. A context that can't be used is told to the pool too.
func (p *planner) probe(ctx context.Context) {
	needed := p.neededContexts()
	p.tell.linef("Reaching %d management contexts", len(needed))
	p.atOnce(len(needed), func(i int) {
		managed := needed[i].object.DeepCopy()
		p.locate(ctx, needed[i])
		_, needed[i].err = p.contexts.Sync(ctx, managed)
		if lease, usable := p.pool.Retained(string(managed.UID)); usable && needed[i].err == nil {
			needed[i].info = lease.Info
		}
	})
}

// locate tells where a context leads. What can't be looked up, the probe tells.
func (p *planner) locate(ctx context.Context, c *contextTarget) {
	found, err := p.sources().Connection(ctx, c.object)
	if found.Rendered {
		c.redact = found.Redact
	}
	if err == nil {
		c.place = found.Config.Place()
	} else if place, plain := gather.PlaceOf(c.object); plain {
		c.place = place
	}
}

// neededContexts are those of the files and those that lead to an API that is planned.
func (p *planner) neededContexts() []*contextTarget {
	return slices.DeleteFunc(slices.Clone(p.managed), func(c *contextTarget) bool { return !c.needed })
}

// atOnce calls work for all indices below n, a few at a time.
func (p *planner) atOnce(n int, work func(int)) {
	var group errgroup.Group
	group.SetLimit(p.Concurrency)
	for i := range n {
		group.Go(func() error {
			work(i)
			return nil
		})
	}
	_ = group.Wait() // work returns no error
}

// planAll plans in phases, of which each makes room for the next: what goes, what moves, and the rest.
func (p *planner) planAll(ctx context.Context) []*planned {
	var phases [3][]*target
	for _, t := range p.targets {
		phase := 2
		switch {
		case t.goes():
			phase = 0
		case p.moves(t):
			phase = 1
		}
		phases[phase] = append(phases[phase], t)
	}
	p.tell.total(len(p.targets))
	var all []*planned
	for _, targets := range phases {
		found := p.planEach(ctx, targets)
		for _, one := range found {
			if one.goes() && one.err == nil {
				// An indexer of the memory doesn't fail for a type that it knows.
				_ = p.world.remove(one.after)
			}
			p.records.makeRoom(one.trace, one.addresses)
		}
		all = append(all, found...)
	}
	p.endContexts(ctx)
	return all
}

// endContexts says which contexts would wait with their deletion.
func (p *planner) endContexts(ctx context.Context) {
	for _, c := range p.managed {
		if c.change != ContextDeleted {
			continue
		}
		if _, err := p.contexts.Finalize(ctx, c.object.DeepCopy()); err != nil {
			p.notef("ManagementContext %s would not be gone at once: %v", client.ObjectKeyFromObject(c.object), err)
		}
	}
}

// planEach plans what looks at each other in a row, and the rest beside each other.
func (p *planner) planEach(ctx context.Context, targets []*target) []*planned {
	rows := related(targets)
	results := make([][]*planned, len(rows))
	p.atOnce(len(rows), func(i int) {
		for _, t := range rows[i] {
			if ctx.Err() != nil {
				return
			}
			results[i] = append(results[i], p.plan(ctx, t))
			p.tell.one()
		}
	})
	return slices.Concat(results...)
}

// related puts targets into one row that share a crossId or an id, in their order: what comes of one depends on what came of
// those before it, and a plan must say the same each time.
func related(targets []*target) [][]*target {
	// leader leads from a target to an earlier one of its row; the first of a row leads to itself.
	leader := make([]int, len(targets))
	first := func(i int) int {
		for leader[i] != i {
			i = leader[i]
		}
		return i
	}
	lastWith := map[string]int{}
	for i, t := range targets {
		leader[i] = i
		for _, key := range identities(t.resource()) {
			if other, shared := lastWith[key]; shared {
				a, b := first(i), first(other)
				leader[max(a, b)] = min(a, b)
			}
			lastWith[key] = i
		}
	}
	var rows [][]*target
	rowOf := map[int]int{}
	for i, t := range targets {
		row, known := rowOf[first(i)]
		if !known {
			row = len(rows)
			rowOf[first(i)], rows = row, append(rows, nil)
		}
		rows[row] = append(rows[row], t)
	}
	return rows
}

// moves reports whether the API was published elsewhere than the context of its resource leads.
func (p *planner) moves(t *target) bool {
	return slices.ContainsFunc(p.managed, func(c *contextTarget) bool {
		// Of a context whose place can't be told, nothing can be planned either.
		if client.ObjectKeyFromObject(c.object).String() != t.contextKey() || c.place == (mapi.Place{}) {
			return false
		}
		_, left := t.movedFrom(c.place)
		return left
	})
}

// sources are where what objects refer to is looked up: as it would be, and as it is in the cluster now.
func (p *planner) sources() gather.Sources {
	return gather.Sources{Reader: p.world, Live: p.world, Templating: p.Templating}
}

func (p *planner) sourcesBefore() gather.Sources {
	return gather.Sources{Reader: p.before, Live: p.before, Templating: p.Templating}
}

// identities are the names by which an API is found, each with its sort.
func identities(api *v1alpha1.ApiDefinition) []string {
	keys := []string{"crossId " + translate.CrossID(api)}
	for _, id := range []string{translate.RecordedID(api), translate.FirstID(api)} {
		if id != "" {
			keys = append(keys, "id "+id)
		}
	}
	return keys
}

// planned is what became of one target.
type planned struct {
	*target

	// after is the resource as the reconciliation leaves it.
	after    *v1alpha1.ApiDefinition
	trace    *trace
	outcome  lifecycle.Outcome
	farewell lifecycle.Farewell
	err      error
	// before is the id that the resource had recorded.
	before string
}

// plan runs the operator's reconciliation of one object.
func (p *planner) plan(ctx context.Context, t *target) *planned {
	result := &planned{target: t, trace: newTrace(), before: translate.RecordedID(t.api)}
	current, found := stored[*v1alpha1.ApiDefinition](p.world.apis, client.ObjectKeyFromObject(t.api))
	if !found {
		current = t.api.DeepCopy()
	}
	result.after = current
	apis := p.reconciler(t)
	ctx = withTrace(ctx, result.trace)
	switch {
	case !t.goes():
		result.outcome, result.err = apis.Sync(ctx, result.after)
	case slices.Contains(t.api.Finalizers, v1alpha1.ApiDefinitionFinalizer):
		result.farewell, result.err = apis.Finalize(ctx, result.after)
	}
	// Others see what this one has claimed and recorded, as they would in the cluster. Putting a known type doesn't fail.
	_ = p.world.put(result.after)
	return result
}

// reconciler is the operator's own, for one object.
func (p *planner) reconciler(t *target) *controller.APIDefinitions {
	wasLocal := t.live != nil && t.live.Spec.Local
	return &controller.APIDefinitions{
		Client: p.world, Sources: p.sources(), Pool: p.pool, Recheck: func(string) {},
		Gateway: &gateway.Publisher{
			Client:   serving{sources: p.world.sources},
			Metadata: known{listing: p.served, sources: p.world.sources, local: t.api.Spec.Local || wasLocal},
		},
		Reach:     p.contexts.Reach,
		DigestKey: p.DigestKey, Cluster: p.ClusterID, Now: func() time.Time { return p.now },
	}
}
