// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gravitee

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/model"
)

// apis is the store of definitions of version 2.
type apis struct {
	*client
}

// document is a decoded JSON object.
type document = map[string]any

// snapshot is what Observe read.
type snapshot struct {
	api document
}

// Observe implements mapi.Store. The server looks up what is applied by crossId in the environment, and its ids are unique in the
// whole installation (shared/contract/README.md 3): an API that is found by id but has another crossId than ref.Key can't be updated
// under both, which is a Conflict. A user that isn't an administrator of the environment finds by key only what that user may see.
func (s apis) Observe(ctx context.Context, ref mapi.Ref) (mapi.Observation, error) {
	if ref.ID != "" {
		read, err := s.get(ctx, ref.ID)
		if err == nil {
			return observation(read, ref, false)
		}
		if !errors.Is(err, errAbsent) {
			return mapi.Observation{}, err
		}
	}
	if ref.Key == "" {
		if ref.ID == "" {
			return mapi.Observation{}, fault.New(fault.Terminal, fault.ReasonIllegalState, "an API without an id and a crossId can't be looked up")
		}
		return mapi.Observation{}, nil
	}
	return s.observeByKey(ctx, ref)
}

func (s apis) observeByKey(ctx context.Context, ref mapi.Ref) (mapi.Observation, error) {
	id, err := s.find(ctx, ref.Key)
	if err != nil || id == "" {
		return mapi.Observation{}, err
	}
	read, err := s.get(ctx, id)
	if errors.Is(err, errAbsent) {
		return mapi.Observation{}, nil
	}
	if err != nil {
		return mapi.Observation{}, err
	}
	if found := text(read, "crossId"); found != ref.Key {
		return mapi.Observation{}, fault.New(fault.Transient, fault.ReasonUnreachable,
			"GET API by crossId %s: unexpected answer: it is an API with another crossId", ref.Key)
	}
	return observation(read, ref, true)
}

// get reads one API by its id; errAbsent if there is none.
func (s apis) get(ctx context.Context, id string) (document, error) {
	if err := checkSegment(id); err != nil {
		return nil, fault.New(fault.Terminal, fault.ReasonIllegalState, "the id of the API %w", err)
	}
	var read document
	err := s.do(ctx, call{
		operation: mapi.OperationObserve, method: http.MethodGet, url: s.addresses.api(id), what: "API " + id,
		accept: func(body []byte) error {
			if err := decode(body, &read); err != nil {
				return err
			}
			return require("id", text(read, "id"))
		},
	})
	if err == nil && s.isElsewhere(text(read, "environmentId")) {
		return nil, errAbsent
	}
	return read, err
}

// isElsewhere is met when the server answers with an API of another environment: ids are unique in the whole installation, and a DELETE
// works from any environment (shared/contract/cases/81-context-switches-environment), so an API that moved must not be taken for one
// that is still here. Before a probe nothing is known about the environment's own id.
func (c *client) isElsewhere(environment string) bool {
	known := c.environment.Load()
	return known != nil && environment != "" && environment != *known
}

// find gives the id of the API with a crossId, or an empty string. Two of them are a Conflict: no import reaches either.
func (s apis) find(ctx context.Context, key string) (string, error) {
	var found []struct {
		ID string `json:"id"`
	}
	err := s.do(ctx, call{
		operation: mapi.OperationObserve, method: http.MethodGet, what: "API by crossId " + key,
		url: s.addresses.environment + "/apis?crossId=" + url.QueryEscape(key),
		accept: func(body []byte) error {
			if !bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")) {
				return errors.New("it isn't a list")
			}
			if err := json.Unmarshal(body, &found); err != nil {
				return notJSON(err)
			}
			for _, row := range found {
				if err := require("id", row.ID); err != nil {
					return err
				}
			}
			return nil
		},
	})
	switch {
	case err != nil || len(found) == 0:
		return "", err
	case len(found) == 1:
		return found[0].ID, nil
	}
	ids := make([]string, 0, len(found))
	for _, row := range found[:min(len(found), 5)] {
		ids = append(ids, row.ID)
	}
	return "", fault.New(fault.Conflict, ReasonDuplicateKey,
		"%d APIs of the environment have the crossId %s (%s): delete all but one in the management console",
		len(found), key, strings.Join(ids, ", "))
}

func observation(read document, ref mapi.Ref, byKey bool) (mapi.Observation, error) {
	key, id := text(read, "crossId"), text(read, "id")
	if ref.Key != "" && key != ref.Key {
		return mapi.Observation{}, fault.New(fault.Conflict, ReasonIDExists,
			"the API %s has the crossId %q and not %q: an API is updated by its crossId; set spec.crossId to that of the API, or another spec.id",
			id, key, ref.Key)
	}
	clusters := owners(texts(read["labels"]))
	return mapi.Observation{
		Exists:     true,
		Ref:        mapi.Ref{Key: key, ID: id, Parts: planIDs(read)},
		FoundByKey: byKey,
		Owner:      first(clusters),
		Owners:     clusters,
		Managed:    strings.EqualFold(text(object(read["definition_context"]), "origin"), "kubernetes"),
		Name:       text(read, "name"),
		Marker:     marker(read),
		Snapshot:   snapshot{api: read},
	}, nil
}

// planIDs maps the plans' crossIds to their ids. A closed plan gives way to a living one with the same crossId.
func planIDs(read document) map[string]string {
	ids := map[string]string{}
	for _, closed := range []bool{true, false} {
		for _, plan := range objects(read["plans"]) {
			if isClosed(plan) == closed && text(plan, "crossId") != "" && text(plan, "id") != "" {
				ids[text(plan, "crossId")] = text(plan, "id")
			}
		}
	}
	return ids
}

func isClosed(plan document) bool { return strings.EqualFold(text(plan, "status"), "CLOSED") }

// marker is the time of the last write, which every import moves, also one that changes nothing, but
// not a plan that is edited or closed by hand (shared/contract/README.md 3).
func marker(read document) string {
	if read["updated_at"] == nil {
		return ""
	}
	return fmt.Sprint(read["updated_at"])
}

// receipt is the answer of import-crd.
type receipt struct {
	ID             string            `json:"id"`
	CrossID        string            `json:"crossId"`
	OrganizationID string            `json:"organizationId"`
	EnvironmentID  string            `json:"environmentId"`
	State          string            `json:"state"`
	Plans          map[string]string `json:"plans"`
	Errors         remarks           `json:"errors"`
}

// remarks are what the server says about what it accepted.
type remarks struct {
	Severe  []string `json:"severe"`
	Warning []string `json:"warning"`
}

// Apply implements mapi.Store with one import-crd call, which creates or updates, publishes, starts and deploys.
func (s apis) Apply(ctx context.Context, want model.API, mode mapi.Mode) (mapi.Receipt, error) {
	body, err := json.Marshal(marked(want))
	if err != nil {
		return mapi.Receipt{}, fault.New(fault.Terminal, fault.ReasonIllegalState, "encoding the definition of %s: %w", want.Name, err)
	}
	request := call{
		operation: mapi.OperationApply, method: http.MethodPut, what: "import of API " + want.Name, body: body,
		url: s.addresses.environment + "/apis/import-crd?dryRun=false",
	}
	if mode == mapi.DryRun {
		request.operation = mapi.OperationDryRun
		request.what = "dry run of API " + want.Name
		request.url = s.addresses.environment + "/apis/import-crd?dryRun=true"
	}
	var got receipt
	request.accept = func(body []byte) error {
		if err := json.Unmarshal(body, &got); err != nil {
			return notJSON(err)
		}
		if mode == mapi.DryRun {
			return nil
		}
		return require("id", strings.TrimSpace(got.ID))
	}
	if err := s.do(ctx, request); err != nil {
		return mapi.Receipt{}, err
	}
	return mapi.Receipt{
		Ref:            mapi.Ref{Key: got.CrossID, ID: got.ID, Parts: got.Plans},
		OrganizationID: got.OrganizationID, EnvironmentID: got.EnvironmentID, State: got.State,
		Severe: s.cleaned(got.Errors.Severe), Warnings: s.cleaned(got.Errors.Warning),
	}, nil
}

func (c *client) cleaned(remarks []string) []string {
	var cleaned []string
	for _, remark := range remarks {
		cleaned = append(cleaned, c.clean.text(remark))
	}
	return cleaned
}

// Delete implements mapi.Store. Published plans and their subscriptions are closed.
func (s apis) Delete(ctx context.Context, ref mapi.Ref) error {
	// Without an id the URL would be that of the whole collection (case 73).
	if err := checkSegment(ref.ID); err != nil {
		return fault.New(fault.Terminal, fault.ReasonIllegalState, "deleting an API: its id %w", err)
	}
	err := s.do(ctx, call{
		operation: mapi.OperationDelete, method: http.MethodDelete, what: "API " + ref.ID,
		url: s.addresses.api(ref.ID) + "?closePlans=true",
	})
	if errors.Is(err, errAbsent) {
		return nil
	}
	return err
}

// decode reads a JSON object, with numbers as they are.
func decode(body []byte, into *document) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if err := decoder.Decode(into); err != nil {
		return notJSON(err)
	}
	if *into == nil {
		return errors.New("it isn't an object")
	}
	return nil
}

func text(from document, member string) string {
	value, _ := from[member].(string)
	return value
}

func object(value any) document {
	read, _ := value.(document)
	return read
}

// objects gives the elements of a list that are objects.
func objects(value any) []document {
	elements, _ := value.([]any)
	var found []document
	for _, element := range elements {
		if read, ok := element.(document); ok {
			found = append(found, read)
		}
	}
	return found
}
