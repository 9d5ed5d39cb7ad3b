// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"

	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/model"
)

// trace is what one object's reconciliation asked of management APIs. It belongs to one goroutine.
type trace struct {
	writes []write
	// hints are findings that came before the write that they belong to.
	hints []mapi.Finding
	// last is what was seen last at each place.
	last map[mapi.Place]sight
	// served is the ConfigMap of the API that was read last, configMap what would become of it; nil when nothing would.
	served    *corev1.ConfigMap
	configMap *configMapWrite
}

// write is one recorded write.
type write struct {
	// deletion is true for a Delete, false for an Apply.
	deletion bool
	place    mapi.Place
	context  string
	id       string
	// want, seen, checked and err are those of an Apply: what would be sent, what was there, whether a dry run was made,
	// and what it was refused for.
	want    model.API
	seen    sight
	checked bool
	err     error
	// findings are what the back end says of want.
	findings []mapi.Finding
}

// sight is what was found at a place.
type sight struct {
	known      bool
	seen       mapi.Observation
	comparison mapi.Comparison
}

func newTrace() *trace { return &trace{last: map[mapi.Place]sight{}} }

type traceKey struct{}

func withTrace(ctx context.Context, t *trace) context.Context {
	return context.WithValue(ctx, traceKey{}, t)
}

// traceOf is the trace of the object whose reconciliation calls; a new one for calls that are nobody's.
func traceOf(ctx context.Context) *trace {
	if t, ok := ctx.Value(traceKey{}).(*trace); ok {
		return t
	}
	return newTrace()
}

// applied is the last Apply, nil if there is none.
func (t *trace) applied() *write {
	for i := range slices.Backward(t.writes) {
		if !t.writes[i].deletion {
			return &t.writes[i]
		}
	}
	return nil
}

func (t *trace) deletions() []write {
	return slices.DeleteFunc(slices.Clone(t.writes), func(w write) bool { return !w.deletion })
}

// records are what was recorded for all objects: what the management APIs would hold by now besides, or wouldn't any more. Safe
// for concurrent use.
type records struct {
	dryRuns bool

	mu      sync.Mutex
	written map[mapi.Place][]written
	// deleted are ids; they are unique within an installation.
	deleted map[installation]map[string]bool
	// freed are the paths that deletions of phases that have ended will free, with the ids of the APIs.
	freed map[mapi.Place]map[string]string
}

type installation struct{ typ, baseURL string }

func installationOf(place mapi.Place) installation {
	return installation{typ: place.Type, baseURL: place.BaseURL}
}

// written is an API as it would be after a recorded Apply. It is the snapshot of an observation of such an API.
type written struct {
	want     model.API
	findings []mapi.Finding
}

func newRecords(dryRuns bool) *records {
	return &records{
		dryRuns: dryRuns, written: map[mapi.Place][]written{}, deleted: map[installation]map[string]bool{},
		freed: map[mapi.Place]map[string]string{},
	}
}

// registry gives back ends whose clients record.
func (r *records) registry(real mapi.Registry) mapi.Registry {
	recording := make(mapi.Registry, len(real))
	for name, backend := range real {
		recording[name] = mapi.Backend{
			Validate: backend.Validate,
			Dial: func(config mapi.Config, transport http.RoundTripper) (mapi.Client, error) {
				dialled, err := backend.Dial(config, transport)
				if err != nil {
					return nil, err
				}
				return &recorder{records: r, real: dialled, place: config.Place(), context: config.Name}, nil
			},
		}
	}
	return recording
}

// recorder is a client that reads the management API and writes to the records.
type recorder struct {
	*records

	real    mapi.Client
	place   mapi.Place
	context string
}

// Probe implements mapi.Client.
func (r *recorder) Probe(ctx context.Context) (mapi.ServerInfo, error) { return r.real.Probe(ctx) }

// Markers implements mapi.Client.
func (r *recorder) Markers(ctx context.Context) iter.Seq2[mapi.Marker, error] {
	return r.real.Markers(ctx)
}

// APIs implements mapi.Client.
func (r *recorder) APIs() mapi.Store[model.API] { return r }

// Groups gives nothing: groups aren't planned.
func (r *recorder) Groups() mapi.Store[model.Group] { return nil }

// Observe implements mapi.Store: what was recorded goes before what is there.
func (r *recorder) Observe(ctx context.Context, ref mapi.Ref) (mapi.Observation, error) {
	seen, err := r.observe(ctx, ref)
	if err == nil {
		traceOf(ctx).last[r.place] = sight{known: true, seen: seen}
	}
	return seen, err
}

func (r *recorder) observe(ctx context.Context, ref mapi.Ref) (mapi.Observation, error) {
	if found, ok := r.recorded(func(api model.API) bool { return ref.ID != "" && api.ID == ref.ID }); ok {
		if ref.Key != "" && found.Ref.Key != ref.Key {
			return mapi.Observation{}, fault.New(fault.Conflict, ReasonIDTwice,
				"the id %s is also that of ApiDefinition %s in this plan, with another crossId; give one of them another spec.id", ref.ID, found.Name)
		}
		return found, nil
	}
	if r.isDeleted(ref.ID) {
		ref.ID = ""
	}
	if ref.ID == "" && ref.Key == "" {
		return mapi.Observation{}, nil
	}
	seen, err := r.real.APIs().Observe(ctx, ref)
	if err != nil {
		return seen, err
	}
	if !seen.Exists || r.isDeleted(seen.Ref.ID) {
		// By its id it may not be there for real, but by its key in the records.
		seen, _ = r.recorded(func(api model.API) bool { return ref.Key != "" && api.Key == ref.Key })
	}
	return seen, nil
}

// isDeleted reports whether the deletion of an API in this installation was recorded.
func (r *recorder) isDeleted(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.deleted[installationOf(r.place)][id]
}

// recorded gives an API that was written in the records, as an observation.
func (r *recorder) recorded(match func(model.API) bool) (mapi.Observation, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range r.written[r.place] {
		if match(one.want) {
			return mapi.Observation{
				Exists: true, Managed: true, Name: one.want.Name, Owner: first(ownersOf(one.want)), Owners: ownersOf(one.want),
				Ref:      mapi.Ref{Key: one.want.Key, ID: one.want.ID, Parts: planIDs(one.want)},
				Snapshot: one,
			}, true
		}
	}
	return mapi.Observation{}, false
}

// ownersOf are the clusters whose marks an API would bear.
func ownersOf(want model.API) []string {
	owners := append([]string{want.Cluster}, want.Sharers...)
	slices.Sort(owners)
	return slices.Compact(slices.DeleteFunc(owners, func(owner string) bool { return owner == "" }))
}

func first(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return names[0]
}

// planIDs are the ids of the plans by their crossIds, as they were asked for.
func planIDs(want model.API) map[string]string {
	ids := map[string]string{}
	plans, _ := want.Definition["plans"].([]any)
	for _, item := range plans {
		plan, _ := item.(map[string]any)
		crossID, _ := plan["crossId"].(string)
		if id, ok := plan["id"].(string); ok && crossID != "" {
			ids[crossID] = id
		}
	}
	return ids
}

// Compare implements mapi.Store. What was recorded is as it was wanted.
func (r *recorder) Compare(ctx context.Context, want model.API, seen mapi.Observation) (mapi.Comparison, error) {
	if recorded, ok := seen.Snapshot.(written); ok {
		return mapi.Comparison{
			Differences: model.Diff(want.Definition, recorded.want.Definition, nil), Findings: recorded.findings,
		}, nil
	}
	comparison, err := r.real.APIs().Compare(ctx, want, seen)
	if err == nil {
		traceOf(ctx).last[r.place] = sight{known: true, seen: seen, comparison: comparison}
	}
	return comparison, err
}

// Reasons that only a plan has.
const (
	// ReasonNotChecked is that of a finding: no dry run could be made, so what the management API would refuse isn't known.
	ReasonNotChecked = "NotChecked"
	// ReasonIDTwice is that of a fault: two APIs of one plan have one id, and another crossId.
	ReasonIDTwice = "IDTwice"
	// ReasonPathTwice is that of a fault: two APIs of one plan have the same path.
	ReasonPathTwice = "PathTwice"
)

// Apply implements mapi.Store. Nothing is written: a commit is recorded, and checked by a dry run.
func (r *recorder) Apply(ctx context.Context, want model.API, mode mapi.Mode) (mapi.Receipt, error) {
	if mode == mapi.DryRun {
		return r.tryOut(ctx, want)
	}
	trace := traceOf(ctx)
	seen := trace.last[r.place]
	one := write{place: r.place, context: r.context, id: want.ID, want: want, seen: seen}
	var receipt mapi.Receipt
	if receipt, one.checked, one.err = r.dryRun(ctx, want); one.err == nil {
		one.err = r.idTaken(ctx, want, seen)
	}
	one.findings = append(r.findings(ctx, want, seen), trace.hints...)
	if hint, passes := r.passes(want, one.err); passes {
		one.findings, one.err = append(one.findings, hint), nil
	}
	trace.writes = append(trace.writes, one)
	if one.err != nil {
		return mapi.Receipt{}, one.err
	}
	r.write(one)
	state, _ := want.Definition["state"].(string)
	return mapi.Receipt{
		Ref: mapi.Ref{Key: want.Key, ID: want.ID, Parts: planIDs(want)}, State: state,
		Severe: receipt.Severe, Warnings: receipt.Warnings,
	}, nil
}

// idTaken is what a dry run doesn't find (shared/contract/probe/adopt.jsonl): an API of another crossId that has the id already.
func (r *recorder) idTaken(ctx context.Context, want model.API, seen sight) error {
	if seen.seen.Exists || r.isDeleted(want.ID) {
		return nil
	}
	_, err := r.observe(ctx, mapi.Ref{Key: want.Key, ID: want.ID})
	return err
}

// dryRun asks the management API about want, unless what is in its way would be deleted first. checked tells whether it was asked.
func (r *recorder) dryRun(ctx context.Context, want model.API) (receipt mapi.Receipt, checked bool, err error) {
	if !r.dryRuns || r.isDeleted(want.ID) {
		return mapi.Receipt{}, false, nil
	}
	receipt, err = r.real.APIs().Apply(ctx, want, mapi.DryRun)
	return receipt, true, err
}

// tryOut makes a dry run that the operator itself makes before it moves an API.
func (r *recorder) tryOut(ctx context.Context, want model.API) (mapi.Receipt, error) {
	receipt, _, err := r.dryRun(ctx, want)
	if hint, passes := r.passes(want, err); passes {
		trace := traceOf(ctx)
		trace.hints, err = append(trace.hints, hint), nil
	}
	return receipt, err
}

// passes is met by a refusal that says nothing about the write itself.
func (r *recorder) passes(want model.API, err error) (mapi.Finding, bool) {
	hint := mapi.Finding{Severity: mapi.Warning, Reason: ReasonNotChecked}
	switch {
	case err == nil:
		return hint, false
	case fault.KindOf(err) == fault.Forbidden:
		hint.Message = fmt.Sprintf("It couldn't be checked whether the management API accepts this (%v). "+
			"With these credentials the operator is refused as well; plan with those that may import.", err)
		return hint, true
	case fault.KindOf(err) == fault.Terminal:
		path, id := r.freedPath(want)
		hint.Message = fmt.Sprintf("It couldn't be checked whether the management API accepts this: API %s, which goes with this plan, still has the path %s (%v). "+
			"When it is gone, the operator tries again within ten minutes.", id, path, err)
		return hint, id != ""
	}
	return hint, false
}

// freedPath is a path of want that an API has which goes, and the id of that API.
func (r *recorder) freedPath(want model.API) (path, id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, path := range paths(want) {
		if id := r.freed[r.place][path]; id != "" {
			return path, id
		}
	}
	return "", ""
}

// makeRoom is told after a phase what it deleted, so that what comes of a later phase is the same each time.
func (r *records) makeRoom(t *trace, addresses []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range t.deletions() {
		if r.freed[w.place] == nil {
			r.freed[w.place] = map[string]string{}
		}
		for _, path := range addresses {
			r.freed[w.place][path] = w.id
		}
	}
}

// findings are what a person should know about want. For an API that is there, its comparison has told.
func (r *recorder) findings(ctx context.Context, want model.API, seen sight) []mapi.Finding {
	if seen.seen.Exists {
		return slices.Clone(seen.comparison.Findings)
	}
	// Findings are hints: without them the plan is still one.
	found, _ := r.Review(ctx, want)
	return found
}

// Review implements mapi.Store.
func (r *recorder) Review(ctx context.Context, want model.API) ([]mapi.Finding, error) {
	return r.real.APIs().Review(ctx, want)
}

func (r *records) write(one write) {
	r.mu.Lock()
	defer r.mu.Unlock()
	kept := slices.DeleteFunc(r.written[one.place], func(w written) bool { return w.want.ID == one.id })
	r.written[one.place] = append(kept, written{want: one.want, findings: one.findings})
}

// Delete implements mapi.Store. It is recorded.
func (r *recorder) Delete(ctx context.Context, ref mapi.Ref) error {
	if ref.ID == "" {
		return fault.New(fault.Terminal, fault.ReasonIllegalState, "deleting an API: its id is missing")
	}
	trace := traceOf(ctx)
	trace.writes = append(trace.writes, write{deletion: true, place: r.place, context: r.context, id: ref.ID})
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.deleted[installationOf(r.place)] == nil {
		r.deleted[installationOf(r.place)] = map[string]bool{}
	}
	r.deleted[installationOf(r.place)][ref.ID] = true
	for place, apis := range r.written {
		if installationOf(place) == installationOf(r.place) {
			r.written[place] = slices.DeleteFunc(apis, func(w written) bool { return w.want.ID == ref.ID })
		}
	}
	return nil
}
