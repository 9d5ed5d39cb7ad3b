// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package mapi_test

import (
	"context"
	"errors"
	"iter"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/model"
)

// leaky repeats a secret in every text that it gives. Its methods are those of every store, and of the client.
type leaky[D any] struct {
	t *testing.T
	// took is what the last call was given.
	took []any
}

const leaked = "s3cret"

func errLeaky() error {
	return fault.New(fault.Terminal, fault.ReasonControlPlane, "refused: %s", leaked).After(1)
}

// leak fills every string of a value, however deep, with the secret.
func leak[T any](t *testing.T) T {
	t.Helper()
	value := reflect.New(reflect.TypeFor[T]()).Elem()
	fill(value)
	return value.Interface().(T)
}

func fill(value reflect.Value) {
	switch value.Kind() {
	case reflect.String:
		value.SetString(leaked)
	case reflect.Struct:
		for _, field := range value.Fields() {
			fill(field)
		}
	case reflect.Slice:
		value.Set(reflect.MakeSlice(value.Type(), 2, 2))
		fill(value.Index(0))
		fill(value.Index(1))
	case reflect.Map:
		value.Set(reflect.MakeMap(value.Type()))
		key, element := reflect.New(value.Type().Key()).Elem(), reflect.New(value.Type().Elem()).Elem()
		fill(key)
		fill(element)
		value.SetMapIndex(key, element)
	}
}

func (l *leaky[D]) Observe(_ context.Context, ref mapi.Ref) (mapi.Observation, error) {
	l.took = []any{ref}
	return leak[mapi.Observation](l.t), errLeaky()
}

func (l *leaky[D]) Compare(_ context.Context, want D, seen mapi.Observation) (mapi.Comparison, error) {
	l.took = []any{want, seen}
	comparison := leak[mapi.Comparison](l.t)
	for i := range comparison.Differences {
		comparison.Differences[i].Want = leaked
	}
	return comparison, errLeaky()
}

func (l *leaky[D]) Review(_ context.Context, want D) ([]mapi.Finding, error) {
	l.took = []any{want}
	return leak[[]mapi.Finding](l.t), errLeaky()
}

func (l *leaky[D]) Apply(_ context.Context, want D, mode mapi.Mode) (mapi.Receipt, error) {
	l.took = []any{want, mode}
	return leak[mapi.Receipt](l.t), errLeaky()
}

func (l *leaky[D]) Delete(_ context.Context, ref mapi.Ref) error {
	l.took = []any{ref}
	return errLeaky()
}

type leakyClient struct {
	t      *testing.T
	apis   leaky[model.API]
	groups leaky[model.Group]
}

func (c *leakyClient) APIs() mapi.Store[model.API]     { return &c.apis }
func (c *leakyClient) Groups() mapi.Store[model.Group] { return &c.groups }
func (c *leakyClient) Probe(context.Context) (mapi.ServerInfo, error) {
	return leak[mapi.ServerInfo](c.t), errLeaky()
}

func (c *leakyClient) Markers(context.Context) iter.Seq2[mapi.Marker, error] {
	return func(yield func(mapi.Marker, error) bool) {
		for _, err := range []error{nil, errLeaky(), nil} {
			if !yield(leak[mapi.Marker](c.t), err) {
				return
			}
		}
	}
}

func redactedClient(t *testing.T) (mapi.Client, *leakyClient) {
	t.Helper()
	inner := &leakyClient{t: t, apis: leaky[model.API]{t: t}, groups: leaky[model.Group]{t: t}}
	return mapi.Redacted(inner, func(text string) string { return strings.ReplaceAll(text, leaked, "[redacted]") }), inner
}

// leaks are the paths of all strings of a value that hold the secret.
func leaks(value reflect.Value, path string) []string {
	switch value.Kind() {
	case reflect.String:
		if strings.Contains(value.String(), leaked) {
			return []string{path}
		}
	case reflect.Interface:
		return leaks(value.Elem(), path)
	case reflect.Struct:
		var found []string
		for field, member := range value.Fields() {
			found = append(found, leaks(member, strings.TrimPrefix(path+"."+field.Name, "."))...)
		}
		return found
	case reflect.Slice:
		var found []string
		for i := range value.Len() {
			found = append(found, leaks(value.Index(i), path+"[]")...)
		}
		slices.Sort(found)
		return slices.Compact(found)
	case reflect.Map:
		if value.Len() > 0 {
			return []string{path}
		}
	}
	return nil
}

func TestRedactedCleansEveryText(t *testing.T) {
	client, inner := redactedClient(t)
	calls := map[string]func() (any, error){
		"probe":          func() (any, error) { return client.Probe(t.Context()) },
		"observe":        func() (any, error) { return client.APIs().Observe(t.Context(), mapi.Ref{ID: leaked}) },
		"compare":        func() (any, error) { return client.APIs().Compare(t.Context(), model.API{}, mapi.Observation{}) },
		"review":         func() (any, error) { return client.APIs().Review(t.Context(), model.API{}) },
		"apply":          func() (any, error) { return client.APIs().Apply(t.Context(), model.API{}, mapi.Commit) },
		"delete":         func() (any, error) { return nil, client.APIs().Delete(t.Context(), mapi.Ref{ID: leaked}) },
		"observe group":  func() (any, error) { return client.Groups().Observe(t.Context(), mapi.Ref{ID: leaked}) },
		"compare group":  func() (any, error) { return client.Groups().Compare(t.Context(), model.Group{}, mapi.Observation{}) },
		"review a group": func() (any, error) { return client.Groups().Review(t.Context(), model.Group{}) },
		"apply a group":  func() (any, error) { return client.Groups().Apply(t.Context(), model.Group{}, mapi.DryRun) },
		"delete a group": func() (any, error) { return nil, client.Groups().Delete(t.Context(), mapi.Ref{ID: leaked}) },
	}
	// What may stay, of each answer. A new string field has to be thought about here.
	stays := map[string][]string{
		"probe":   {"Version", "OrganizationID", "EnvironmentID", "Capabilities[]"},
		"observe": {"Ref.Key", "Ref.ID", "Ref.Parts", "Owner", "Owners[]", "Marker"},
		"compare": {"Differences[].Want", "Findings[].Reason"},
		"review":  {"[].Reason"},
		"apply":   {"Ref.Key", "Ref.ID", "Ref.Parts", "OrganizationID", "EnvironmentID", "State"},
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			got, err := call()
			if err == nil || strings.Contains(err.Error(), leaked) {
				t.Errorf("the error tells the secret, or is lost: %v", err)
			}
			if !errors.Is(err, fault.Terminal) || fault.ReasonOf(err) != fault.ReasonControlPlane || fault.RetryAfter(err) != 1 {
				t.Errorf("the error is no longer what it was: %s %s", fault.KindOf(err), fault.ReasonOf(err))
			}
			want := stays[strings.Fields(name)[0]]
			if diff := cmp.Diff(want, leaks(reflect.ValueOf(got), "")); got != nil && diff != "" {
				t.Errorf("fields that still hold the secret (-may +do):\n%s", diff)
			}
		})
	}
	if _, err := client.APIs().Observe(t.Context(), mapi.Ref{ID: leaked}); err == nil || inner.apis.took[0].(mapi.Ref).ID != leaked {
		t.Error("what is asked for was changed, so that something else is looked up")
	}
}

// Differences know the values of both sides, which no text tells; what is wrong is compared with them.
func TestRedactedKeepsWhatIsComparedAndSent(t *testing.T) {
	client, inner := redactedClient(t)
	want := model.API{ID: leaked, Definition: map[string]any{"description": leaked}}
	_, _ = client.APIs().Apply(t.Context(), want, mapi.Commit)
	if diff := cmp.Diff([]any{want, mapi.Commit}, inner.apis.took); diff != "" {
		t.Errorf("something else was sent (-want +sent):\n%s", diff)
	}
	seen, _ := client.APIs().Observe(t.Context(), mapi.Ref{})
	_, _ = client.APIs().Compare(t.Context(), want, seen)
	if diff := cmp.Diff([]any{want, seen}, inner.apis.took); diff != "" {
		t.Errorf("something else was compared (-want +compared):\n%s", diff)
	}
}

func TestRedactedListing(t *testing.T) {
	client, _ := redactedClient(t)
	var told []string
	for marker, err := range client.Markers(t.Context()) {
		if marker.Ref.ID != leaked || marker.Marker != leaked || marker.Owner != leaked || !slices.Equal(marker.Owners, []string{leaked, leaked}) {
			t.Errorf("ids and markers must stay: %+v", marker)
		}
		told = append(told, marker.Name)
		if err != nil {
			if strings.Contains(err.Error(), leaked) || !errors.Is(err, fault.Terminal) {
				t.Errorf("error = %v", err)
			}
			break // The listing must not go on.
		}
	}
	if diff := cmp.Diff([]string{"[redacted]", "[redacted]"}, told); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}
