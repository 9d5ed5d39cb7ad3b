// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package orphan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/gather"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/mask"
)

// defaultConcurrency is how many places are read at once where nothing else is said.
const defaultConcurrency = 4

// Options say where orphans are looked for.
type Options struct {
	// Cluster is read only.
	Cluster client.Reader
	// ClusterID is the operator's. Without one nothing can be told.
	ClusterID string
	// Contexts limits the audit to some ManagementContexts; empty means all of the cluster.
	Contexts []types.NamespacedName
	// Unproven lets Remove go on when none of the marked APIs belongs to a resource of the cluster.
	Unproven bool

	// Templating says whether the templates of contexts are rendered, as in gather.Sources.
	Templating bool

	// Registry has the back ends, and Transport gives the round tripper for a context's requests.
	Registry  mapi.Registry
	Transport func(contextName string) http.RoundTripper
	// Concurrency is how many places are read at once; zero means 4.
	Concurrency int
	// Progress is told what goes on, in short lines, never from two goroutines at once. May be nil.
	Progress func(line string)
}

// Audit looks for orphans. What goes wrong with one place is in the report; an error means that there is no report.
func Audit(ctx context.Context, options Options) (Report, error) {
	if options.ClusterID == "" {
		return Report{}, errors.New("without a cluster id it can't be told which APIs are this cluster's: name the one that the operator runs with")
	}
	a := &auditor{Options: options}
	managed, err := a.contexts(ctx)
	if err != nil {
		return Report{}, err
	}
	// The listing goes before the resources: an API that is listed has been written for a resource that was there before it.
	read := a.readAll(ctx, a.byPlace(ctx, managed))
	if err := ctx.Err(); err != nil {
		return Report{}, fmt.Errorf("the audit was interrupted: %w", err)
	}
	known, err := a.known(ctx)
	if err != nil {
		return Report{}, err
	}
	return a.report(ctx, read, known), nil
}

type auditor struct {
	Options

	mu sync.Mutex
}

func (a *auditor) tellf(format string, args ...any) {
	if a.Progress == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.Progress(fmt.Sprintf(format, args...))
}

// contexts reads the ManagementContexts that were asked for.
func (a *auditor) contexts(ctx context.Context) ([]v1alpha1.ManagementContext, error) {
	if len(a.Contexts) == 0 {
		var list v1alpha1.ManagementContextList
		if err := a.Cluster.List(ctx, &list); err != nil {
			return nil, fmt.Errorf("listing managementcontexts.gravitee.io in all namespaces: %w%s", err, remedy(err, "name the contexts that you may read"))
		}
		return list.Items, nil
	}
	var found []v1alpha1.ManagementContext
	for _, key := range a.Contexts {
		managed, err := a.context(ctx, key)
		if err != nil {
			return nil, err
		}
		found = append(found, *managed)
	}
	return found, nil
}

func (a *auditor) context(ctx context.Context, key types.NamespacedName) (*v1alpha1.ManagementContext, error) {
	var managed v1alpha1.ManagementContext
	if err := a.Cluster.Get(ctx, key, &managed); err != nil {
		return nil, fmt.Errorf("reading ManagementContext %s: %w", key, err)
	}
	return &managed, nil
}

func remedy(err error, what string) string {
	if apierrors.IsForbidden(err) {
		return "; ask for that right, or " + what
	}
	return ""
}

// known reads the resources of all namespaces: in a namespace that wasn't seen, every API would look like an orphan.
func (a *auditor) known(ctx context.Context) (Known, error) {
	var list v1alpha1.ApiDefinitionList
	if err := a.Cluster.List(ctx, &list); err != nil {
		return Known{}, fmt.Errorf("listing apidefinitions.gravitee.io in all namespaces, without which orphans can't be told: %w%s",
			err, remedy(err, "let somebody look who has it"))
	}
	return KnownOf(list.Items), nil
}

// sources look up what contexts refer to.
func (a *auditor) sources() gather.Sources {
	return gather.Sources{Reader: a.Cluster, Live: a.Cluster, Templating: a.Templating}
}

// placeOf is where a context leads to; a place of its own when that can't be told, which its reading then explains.
func (a *auditor) placeOf(ctx context.Context, managed *v1alpha1.ManagementContext) mapi.Place {
	place, err := a.sources().PlaceOf(ctx, managed)
	if err != nil {
		return mapi.Place{BaseURL: "unknown: " + client.ObjectKeyFromObject(managed).String()}
	}
	return place
}

// byPlace groups contexts that lead to the same place.
func (a *auditor) byPlace(ctx context.Context, contexts []v1alpha1.ManagementContext) [][]*v1alpha1.ManagementContext {
	at := map[mapi.Place]int{}
	var groups [][]*v1alpha1.ManagementContext
	for i := range contexts {
		place := a.placeOf(ctx, &contexts[i])
		group, seen := at[place]
		if !seen {
			group = len(groups)
			at[place], groups = group, append(groups, nil)
		}
		groups[group] = append(groups[group], &contexts[i])
	}
	return groups
}

// reading is what was read at one place.
type reading struct {
	through *v1alpha1.ManagementContext
	info    mapi.ServerInfo
	markers []mapi.Marker
	err     error
}

func (a *auditor) readAll(ctx context.Context, places [][]*v1alpha1.ManagementContext) []reading {
	a.tellf("Reading %d management APIs", len(places))
	found := make([]reading, len(places))
	var group errgroup.Group
	group.SetLimit(cmp.Or(a.Concurrency, defaultConcurrency))
	for i, contexts := range places {
		group.Go(func() error {
			found[i] = a.readBest(ctx, contexts)
			return nil
		})
	}
	_ = group.Wait() // no goroutine returns an error
	return found
}

// readBest reads a place through the first context whose user sees everything there, otherwise through the first that works.
func (a *auditor) readBest(ctx context.Context, contexts []*v1alpha1.ManagementContext) reading {
	best := a.read(ctx, contexts[0])
	for _, other := range contexts[1:] {
		if best.err == nil && best.info.SeesAll() {
			break
		}
		if next := a.read(ctx, other); next.err == nil && (best.err != nil || next.info.SeesAll()) {
			best = next
		}
	}
	return best
}

func (a *auditor) read(ctx context.Context, managed *v1alpha1.ManagementContext) reading {
	found := reading{through: managed}
	var dialled mapi.Client
	if dialled, found.info, found.err = a.dial(ctx, managed); found.err != nil {
		return found
	}
	for marker, err := range dialled.Markers(ctx) {
		if err != nil {
			found.err = err
			return found
		}
		found.markers = append(found.markers, marker)
	}
	a.tellf("Read %d APIs through %s", len(found.markers), client.ObjectKeyFromObject(managed))
	return found
}

func (a *auditor) dial(ctx context.Context, managed *v1alpha1.ManagementContext) (mapi.Client, mapi.ServerInfo, error) {
	found, err := a.sources().Connection(ctx, managed)
	if err != nil {
		return nil, mapi.ServerInfo{}, err
	}
	config := found.Config
	backend, err := a.Registry.Backend(config.Type)
	if err != nil {
		return nil, mapi.ServerInfo{}, err
	}
	dialled, err := backend.Dial(config, a.Transport(config.Name))
	if err != nil {
		return nil, mapi.ServerInfo{}, fault.Redact(err, found.Redact)
	}
	if found.Rendered {
		dialled = mapi.Redacted(dialled, found.Redact)
	}
	info, err := dialled.Probe(ctx)
	return dialled, info, err
}

func (a *auditor) report(ctx context.Context, read []reading, known Known) Report {
	report := Report{APIVersion: APIVersion, Kind: KindReport, ClusterID: a.ClusterID, Places: []Place{}}
	for _, r := range read {
		spec := r.through.Spec
		baseURL, _ := mask.Document(spec.BaseUrl).(string)
		place := Place{
			Context: client.ObjectKeyFromObject(r.through).String(), BaseURL: baseURL,
			Organization: spec.OrganizationID, Environment: spec.EnvironmentID, User: r.info.User,
			Complete: r.err == nil && r.info.SeesAll(), Fault: faultOf(r.err), Orphans: []Orphan{},
			key: client.ObjectKeyFromObject(r.through), at: a.placeOf(ctx, r.through),
		}
		if r.err == nil {
			place.count(a.ClusterID, r.markers, known)
		}
		report.Proven += place.Owned - len(place.Orphans)
		report.Places = append(report.Places, place)
	}
	slices.SortFunc(report.Places, func(a, b Place) int { return cmp.Compare(a.Context, b.Context) })
	return report
}

func (p *Place) count(cluster string, markers []mapi.Marker, known Known) {
	p.Orphans = append(p.Orphans, Find(cluster, slices.Values(markers), known)...)
	seen := map[string]bool{}
	for _, marker := range markers {
		if seen[marker.Ref.ID] {
			continue
		}
		seen[marker.Ref.ID] = true
		switch {
		case slices.Contains(marker.Owners, cluster):
			p.Owned++
		case len(marker.Owners) > 0:
			p.Foreign++
		case known.Owner(marker.Ref) == "":
			p.Unmarked++
		}
	}
}

func faultOf(err error) *Fault {
	if err == nil {
		return nil
	}
	return &Fault{Kind: fault.KindOf(err).String(), Reason: fault.ReasonOf(err), Message: err.Error()}
}
