// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/gather"
	"github.com/apisync/apisync/internal/lifecycle"
	"github.com/apisync/apisync/internal/mapi"
)

// Contexts keeps a probed client for each ManagementContext in the pool. It implements
// lifecycle.Kind[*v1alpha1.ManagementContext].
type Contexts struct {
	Client client.Client
	// Sources look up what contexts refer to.
	Sources  gather.Sources
	Registry mapi.Registry
	Pool     *mapi.Pool
	// Transport makes the round tripper for a context: its limits, circuit breaker and metrics.
	Transport func(contextName string) http.RoundTripper
	// Resync is how often a context that is well is probed again.
	Resync time.Duration
	// Meter is told when a context is gone; nil means nobody is.
	Meter Meter
	// Times are the defaults of what a context's annotations say about drift.
	Times Times
}

// Sync dials the management API, unless nothing changed since the pooled client was made, and probes it.
func (c *Contexts) Sync(ctx context.Context, managed *v1alpha1.ManagementContext) (lifecycle.Outcome, error) {
	if err := lifecycle.Claim(ctx, c.Client, managed, v1alpha1.ManagementContextFinalizer, nil); err != nil {
		return lifecycle.Outcome{}, err
	}
	lease, err := c.refresh(ctx, managed)
	if err != nil {
		managed.Status.Server = nil
		return lifecycle.Outcome{}, err
	}
	managed.Status.Server = serverStatus(lease)
	return lifecycle.Outcome{Message: reached(lease.Info), Requeue: c.Resync}, nil
}

// refresh brings the pool up to date and returns what it holds. A failure is also told to the pool, so that
// nothing is sent through a context that isn't ready.
func (c *Contexts) refresh(ctx context.Context, managed *v1alpha1.ManagementContext) (mapi.Lease, error) {
	lease, err := c.probe(ctx, managed)
	uid := string(managed.UID)
	if err != nil {
		if ctx.Err() == nil {
			c.Pool.Fail(uid, managed.Namespace+"/"+managed.Name, err)
		}
		return mapi.Lease{}, err
	}
	c.Pool.Put(uid, lease)
	return lease, nil
}

func (c *Contexts) probe(ctx context.Context, managed *v1alpha1.ManagementContext) (mapi.Lease, error) {
	if err := c.checkDriftAnnotations(managed); err != nil {
		return mapi.Lease{}, err
	}
	found, err := c.Sources.Connection(ctx, managed)
	if err != nil {
		return mapi.Lease{}, err
	}
	config, version := found.Config, fmt.Sprintf("%d/%s", managed.Generation, found.Version)
	lease, pooled := c.Pool.Retained(string(managed.UID))
	if !pooled || lease.Version != version {
		if lease.Client, err = c.dial(found); err != nil {
			return mapi.Lease{}, err
		}
	}
	lease.Version, lease.Revision = version, managed.Generation
	lease.Name, lease.Place, lease.Scope, lease.Hidden = config.Name, config.Place(), config.Scope, config.Hidden
	if lease.Info, err = lease.Client.Probe(ctx); err != nil {
		return mapi.Lease{}, err
	}
	return lease, nil
}

// checkDriftAnnotations makes a mistake stop the context before anything is written that was meant to be left.
func (c *Contexts) checkDriftAnnotations(managed *v1alpha1.ManagementContext) error {
	if _, err := driftPolicy(managed); err != nil {
		return err
	}
	_, err := c.Times.of(managed)
	return err
}

// dial makes a client. What a back end says may hold what was rendered for the context.
func (c *Contexts) dial(found gather.Connection) (mapi.Client, error) {
	backend, err := c.Registry.Backend(found.Config.Type)
	if err != nil {
		return nil, fault.Redact(err, found.Redact)
	}
	dialled, err := backend.Dial(found.Config, c.Transport(found.Config.Name))
	if err != nil {
		return nil, fault.Redact(err, found.Redact)
	}
	return redactedBy(dialled, found.Rendered, found.Redact), nil
}

// Reach makes a client for another place of the installation that a context leads to, under the context's
// credentials. It isn't pooled: it is for leaving a place.
func (c *Contexts) Reach(ctx context.Context, managed *v1alpha1.ManagementContext, place v1alpha1.Place) (mapi.Lease, error) {
	found, err := c.Sources.Connection(ctx, managed)
	if err != nil {
		return mapi.Lease{}, err
	}
	if found.Config, err = gather.Elsewhere(found.Config, place); err != nil {
		return mapi.Lease{}, err
	}
	config := found.Config
	dialled, err := c.dial(found)
	if err != nil {
		return mapi.Lease{}, err
	}
	info, err := dialled.Probe(ctx)
	return mapi.Lease{Client: dialled, Info: info, Name: config.Name, Place: config.Place(), Scope: config.Scope, Hidden: config.Hidden}, err
}

func serverStatus(lease mapi.Lease) *v1alpha1.ServerStatus {
	info := lease.Info
	return &v1alpha1.ServerStatus{
		User: info.User, Version: info.Version, OrganizationID: lease.Hidden.Show(info.OrganizationID),
		EnvironmentID: lease.Hidden.Show(info.EnvironmentID), EnvironmentName: info.EnvironmentName,
		Capabilities: slices.Clone(info.Capabilities),
	}
}

func reached(info mapi.ServerInfo) string {
	message := "The management API is reached"
	if info.User != "" {
		message += " as " + info.User
	}
	if info.EnvironmentName != "" {
		message += ", environment " + info.EnvironmentName
	}
	return message
}

// Finalize waits until no API refers to the context. Until then the context keeps its client alive: its
// APIs need it to be deleted themselves.
func (c *Contexts) Finalize(ctx context.Context, managed *v1alpha1.ManagementContext) (lifecycle.Farewell, error) {
	used, names, err := c.users(ctx, managed)
	if err != nil {
		return "", err
	}
	uid := string(managed.UID)
	if len(names) == 0 {
		c.Pool.Drop(uid)
		if c.Meter != nil {
			c.Meter.Forget(managed.Namespace + "/" + managed.Name)
		}
		return "", nil
	}
	// The APIs can only be changed and deleted through a client: one is made after a restart, and when the spec
	// was edited meanwhile (also the deletion itself raises the generation).
	if lease, live := c.Pool.Retained(uid); !live || lease.Revision != managed.Generation {
		if _, err := c.refresh(ctx, managed); err != nil && !live && !errors.Is(err, fault.Waiting) {
			return "", err
		}
	}
	return "", used.waiting("the context is used by %s; delete them or let them refer to another context", naming(names))
}

// users are the APIs and Groups that refer to the context. In names, Groups are named with their kind.
func (c *Contexts) users(ctx context.Context, managed *v1alpha1.ManagementContext) (used uses, names []string, err error) {
	find, key := protecting(c.Client, c.Sources), client.ObjectKeyFromObject(managed).String()
	if used, err = find.of(ctx, contextsOfAPIs(), key); err != nil {
		return uses{}, nil, err
	}
	groups, err := find.of(ctx, contextsOfGroups(), key)
	if err != nil {
		return uses{}, nil, err
	}
	names = used.names()
	for _, group := range groups.names() {
		names = append(names, kindGroup+" "+group)
	}
	used.add(groups)
	return used, names, nil
}

const maxNames = 5

func naming(names []string) string {
	if len(names) <= maxNames {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNames], ", "), len(names)-maxNames)
}
