// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

// Package mapi is the management API as Apisync sees it: few verbs, plain data, no Kubernetes. A back end
// is a value of type Backend in a Registry that main makes; nothing outside a back end's package knows
// which one is in use.
package mapi

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"sort"
	"strings"

	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/model"
)

// Client is one environment of one management API under one credential. It is safe for concurrent use.
// It never retries by itself (a session that ran out is renewed once), honours ctx, and its errors are
// faults (package fault) whose texts hold no secret.
type Client interface {
	// Probe asks whether the management API is reached, accepts the credential and has the environment.
	// An Unauthenticated fault covers 401, and 403 on what every user must be allowed.
	Probe(ctx context.Context) (ServerInfo, error)
	// APIs is the store of v2 API definitions.
	APIs() Store[model.API]
	// Groups is the store of groups of people. A management API that doesn't keep groups this way answers every call with a
	// Terminal fault of the reason fault.ReasonUnsupported.
	Groups() Store[model.Group]
	// Markers lists the objects that an operator manages there (ours, or GKO), in pages: a few requests for
	// hundreds of objects. Its order is the back end's. An error ends it, and then the list is incomplete; a
	// list without one is what the user may see, which needn't be all (ServerInfo.SeesAll). Objects that come
	// or go meanwhile may be missing or told twice, so what is missing has to be confirmed by its id.
	Markers(ctx context.Context) iter.Seq2[Marker, error]
}

// Marker is one line of a bulk listing: enough to tell whether an object may have changed.
type Marker struct {
	// Ref has Key and ID; no Parts.
	Ref Ref
	// Name is the object's display name, for messages.
	Name string
	// Owner is the id of the cluster that marked the object as its own; empty when unmarked. Of a shared object it is the
	// first of Owners.
	Owner string
	// Owners are the ids of all clusters that marked the object. Sorted.
	Owners []string
	// Marker equals Observation.Marker of the same state.
	Marker string
}

// Store keeps remote objects of one kind.
type Store[D any] interface {
	// Observe locates the object by ref.ID and, when that is empty or absent, by ref.Key, and reads it.
	// Absence is data: Exists is false and the error nil. A search that can't tell absence from a lack of
	// rights is an error.
	Observe(ctx context.Context, ref Ref) (Observation, error)
	// Compare tells where the observed object differs from want, in the back end's own terms: only fields
	// that want sets count, and forms that the back end doesn't keep apart are equal. seen must come from
	// Observe of this store. It may read further. Nothing is written.
	Compare(ctx context.Context, want D, seen Observation) (Comparison, error)
	// Review gives the findings about a wanted state of which nothing exists yet; Compare gives them otherwise.
	Review(ctx context.Context, want D) ([]Finding, error)
	// Apply creates or updates the object. It is repeatable: applying the same state again after a lost
	// answer gives the same object. With DryRun nothing is written and only Warnings and the error count.
	// The receipt of a Commit always has an id.
	Apply(ctx context.Context, want D, mode Mode) (Receipt, error)
	// Delete removes the object by ref.ID, a group also by ref.Key; neither is a programming error and a Terminal fault, never a
	// request. Absent is success.
	Delete(ctx context.Context, ref Ref) error
}

// Mode says whether Apply writes.
type Mode int

const (
	// Commit writes.
	Commit Mode = iota
	// DryRun only validates.
	DryRun
)

// Ref names a remote object.
type Ref struct {
	// Key is the identity that survives environments (Gravitee: crossId). May be empty when ID is set.
	Key string
	// ID is the identity inside the installation. May be empty when Key is set.
	ID string
	// Parts maps the keys of children to their ids (Gravitee: plan crossId to plan id).
	Parts map[string]string
}

// Observation is what was found.
type Observation struct {
	Exists bool
	// Ref is the full identity of the object, with its Parts; empty when it doesn't exist.
	Ref Ref
	// FoundByKey is true when the object was found by its key and not by the id that was asked for.
	FoundByKey bool
	// Owner is the id of the cluster that marked the object as its own; empty when unmarked. Of a shared object it is the
	// first of Owners.
	Owner string
	// Owners are the ids of all clusters that marked the object. Sorted.
	Owners []string
	// Managed is true when the object says that an operator of ours (or GKO) wrote it, and not a person.
	Managed bool
	// Name is the object's display name, for messages.
	Name string
	// Members is how many members a group has; 0 also when it isn't told.
	Members int
	// Marker changes with every write of the object itself, as far as the back end shows it.
	Marker string
	// Snapshot is what the back end read; only its own Compare looks into it.
	Snapshot any
}

// Comparison is the verdict of Compare.
type Comparison struct {
	// Differences is empty when the object is as wanted. Sorted by path.
	Differences []model.Difference
	// Findings are what a person should know although it is no difference. Sorted by path.
	Findings []Finding
}

// Severity grades a Finding.
type Severity int

const (
	// Info is for programs: it says what was looked at, and isn't shown to people.
	Info Severity = iota - 1
	// Warning is for what is accepted, but probably not what was meant.
	Warning
	// NotServed is for what is accepted, but the gateway won't serve it.
	NotServed
	// Refused is for what can't be expressed or won't be accepted.
	Refused
)

// Reasons of findings that every back end gives alike.
const (
	// ReasonInvalidConfiguration: the configuration of a policy or of a resource doesn't fit the schema that the management API
	// publishes for it. The path is that of the value, such as flows[0].pre[1].configuration.rate.limit. It is Refused, or a Warning
	// for a member that is accepted and dropped.
	ReasonInvalidConfiguration = "InvalidConfiguration"
	// ReasonConfigurationChecked: at least one configuration was compared with its schema, so that the absence of
	// ReasonInvalidConfiguration means something. It is an Info without a path.
	ReasonConfigurationChecked = "ConfigurationChecked"
)

// Finding is something a back end can't express, or that will have another effect than its author expects.
type Finding struct {
	// Path is the field's path in the definition, such as flows[0].pre[1].policy; empty for the whole.
	Path     string
	Severity Severity
	// Reason is CamelCase, for machines.
	Reason string
	// Message is one sentence for people, with the remedy, without secrets.
	Message string
}

// Receipt is the management API's answer to a successful Apply.
type Receipt struct {
	Ref Ref
	// OrganizationID and EnvironmentID are as the management API names them.
	OrganizationID, EnvironmentID string
	// State is STARTED or STOPPED; empty for what has none.
	State string
	// Members is how many members a group has; 0 also when it isn't told.
	Members int
	// Severe and Warnings are the management API's own remarks on what it accepted.
	Severe, Warnings []string
}

// ServerInfo is what a probe learned. Fields that the management API doesn't tell are empty.
type ServerInfo struct {
	// User is the name of the authenticated user.
	User string
	// Version of the management API.
	Version string
	// OrganizationID, EnvironmentID and EnvironmentName are as the management API names them, which may
	// differ from what the context says (an environment can be addressed by a human-readable id).
	OrganizationID, EnvironmentID, EnvironmentName string
	// Capabilities lists what was found out about rights and features, sorted, such as "apis:write".
	Capabilities []string
}

// CapabilityAllAPIs is that of a user who sees all APIs of the environment. For others a listing or search also leaves out what
// they may not see.
const CapabilityAllAPIs = "apis:all"

// SeesAll reports whether what is missing in a listing can't be hidden from the user.
func (i ServerInfo) SeesAll() bool { return slices.Contains(i.Capabilities, CapabilityAllAPIs) }

// Credentials authenticate every request. Token wins over Username and Password
// (shared/reference/gko-compatibility.md 2.1).
type Credentials struct {
	Username, Password string
	Token              string
}

// Config is all that a back end needs to reach one environment. It is neutral: what Scope must hold is
// said by the back end's Validate.
type Config struct {
	// Name is namespace/name of the context, for logs and metrics.
	Name string
	// Type picks the back end; empty is Gravitee.
	Type string
	// BaseURL starts with http:// or https:// and may have a path prefix.
	BaseURL string
	// Path replaces the back end's usual path prefix. Nil keeps it, an empty string removes it.
	Path *string
	// Hosted is true for an environment of the vendor's own cloud, where the usual path prefix is another.
	Hosted bool
	// Scope narrows the installation down; Gravitee: "organizationId" and "environmentId".
	Scope map[string]string
	// Hidden are those of BaseURL and the values of Scope that must not be shown.
	Hidden      Hidden
	Credentials Credentials
}

// Place tells where objects applied through c live, without credentials and what is hidden.
func (c Config) Place() Place {
	keys := make([]string, 0, len(c.Scope))
	for key := range c.Scope {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	parts := make([]string, len(keys))
	for i, key := range keys {
		parts[i] = key + "=" + c.Hidden.Show(c.Scope[key])
	}
	return Place{Type: c.Type, BaseURL: c.shownAddress(), Scope: strings.Join(parts, ",")}
}

// shownAddress is the address of the installation. A path of its own belongs to it: several may be behind one host.
func (c Config) shownAddress() string {
	host := strings.TrimRight(c.BaseURL, "/")
	address := host
	if c.Path != nil {
		address = strings.TrimRight(host+"/"+strings.TrimLeft(*c.Path, "/"), "/")
	}
	if _, secret := c.Hidden[host]; secret {
		return StandIn(address)
	}
	return address
}

// Place tells where objects are. What of it must not be shown is there as its stand-in, see Hidden, so that Is tells whether two places are
// one, and not ==.
type Place struct {
	Type, BaseURL, Scope string
}

// Is reports whether objects in both places are the same objects.
func (p Place) Is(other Place) bool { return p == other || p.canonical() == other.canonical() }

// Key is a text that is the same for places that are one.
func (p Place) Key() string {
	c := p.canonical()
	return StandIn(c.Type + " " + c.BaseURL + " " + c.Scope)
}

// SameInstallation reports whether ids are unique across both places.
func (p Place) SameInstallation(other Place) bool {
	return p.Type == other.Type && (p.BaseURL == other.BaseURL || StandIn(p.BaseURL) == StandIn(other.BaseURL))
}

// canonical has stand-ins only: one and the same place may be written down for one context, and come from a Secret for another.
func (p Place) canonical() Place {
	parts := strings.Split(p.Scope, ",")
	for i, part := range parts {
		name, value, _ := strings.Cut(part, "=")
		parts[i] = name + "=" + StandIn(value)
	}
	return Place{Type: p.Type, BaseURL: StandIn(p.BaseURL), Scope: strings.Join(parts, ",")}
}

// Backend makes clients for one type of management API. A back end is a value and holds no state.
type Backend struct {
	// Validate checks a configuration without any network traffic, for admission and the command line. A
	// Refused finding means that Dial would fail. Paths are those of ManagementContext's spec.
	Validate func(Config) []Finding
	// Dial makes a client whose requests go through transport. It sends nothing. A configuration that Validate refuses is a Terminal
	// fault that names every field.
	Dial func(Config, http.RoundTripper) (Client, error)
	// Render gives the requests that Apply with Commit would send, without any network traffic. It needs no configuration, so paths
	// are relative to the address of the environment.
	Render func(model.API) ([]Payload, error)
}

// Payload is a request that would go over the wire.
type Payload struct {
	// Method and Path, with its query, are those of HTTP; the path has no slash at its begin.
	Method, Path string
	// Body is the document that is sent as JSON. It holds secrets.
	Body any
}

// DefaultType is the back end of a context that names none.
const DefaultType = "gravitee"

// Registry maps a context's type to its back end. It is made in main.
type Registry map[string]Backend

// Backend finds the back end of a type, without regard to case; the empty type is DefaultType. An unknown type is a Terminal fault that
// lists the known ones.
func (r Registry) Backend(typ string) (Backend, error) {
	if typ == "" {
		typ = DefaultType
	}
	if backend, ok := r[strings.ToLower(typ)]; ok {
		return backend, nil
	}
	known := make([]string, 0, len(r))
	for name := range r {
		known = append(known, name)
	}
	sort.Strings(known)
	return Backend{}, fault.New(fault.Terminal, fault.ReasonIllegalState,
		"spec.type: %q is no known type of management API; use one of: %s", typ, strings.Join(known, ", "))
}

// String names the severity as used in conditions and logs.
func (s Severity) String() string {
	switch s {
	case Info:
		return "info"
	case Warning:
		return "warning"
	case NotServed:
		return "not served"
	case Refused:
		return "refused"
	}
	return fmt.Sprintf("severity(%d)", int(s))
}
