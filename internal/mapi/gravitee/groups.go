// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gravitee

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/model"
)

// groups is the store of groups, through the Automation API (shared/reference/gko-compatibility.md 2.2, 2.5). The server makes the id of
// a group from its human-readable id and its place, so that a group that is made again has its old id.
type groups struct {
	*client
}

// needsGroups is the release that has the calls; 4.10.9 doesn't (shared/contract/README.md 1).
const needsGroups = "groups: upgrade it to 4.12 or later"

// groupSnapshot is what Observe read.
type groupSnapshot struct {
	group document
}

// Observe implements mapi.Store. ref.Key is the human-readable id. A group that is found by ref.ID but says that it has another
// human-readable id is another one: no write under ref.Key would reach it. A group that is known by its id alone needs ref.ID.
func (s groups) Observe(ctx context.Context, ref mapi.Ref) (mapi.Observation, error) {
	if ref.ID == "" && ref.Key == "" {
		return mapi.Observation{}, fault.New(fault.Terminal, fault.ReasonIllegalState, "a group without an id and an hrid can't be looked up")
	}
	if ref.ID != "" {
		read, err := s.get(ctx, ref.ID, true)
		if err == nil && isGroup(read, ref) {
			return groupObservation(read, ref, false), nil
		}
		if err != nil && !errors.Is(err, errAbsent) {
			return mapi.Observation{}, err
		}
	}
	if ref.Key == "" || ref.Key == ref.ID {
		return mapi.Observation{}, nil
	}
	read, err := s.get(ctx, ref.Key, false)
	if errors.Is(err, errAbsent) {
		return mapi.Observation{}, nil
	}
	if err != nil {
		return mapi.Observation{}, err
	}
	return groupObservation(read, ref, true), nil
}

// isGroup reports whether a group that has the id of ref may have its key. Releases needn't tell the human-readable id.
func isGroup(read document, ref mapi.Ref) bool {
	told := text(read, "hrid")
	return told == "" || ref.Key == "" || ref.Key == ref.ID || told == ref.Key
}

func groupObservation(read document, ref mapi.Ref, byKey bool) mapi.Observation {
	key := text(read, "hrid")
	if key == "" {
		key = ref.Key
	}
	counted, _ := number(read["memberCount"])
	return mapi.Observation{
		Exists:     true,
		Members:    max(int(counted), len(objects(read["members"]))),
		Ref:        mapi.Ref{Key: key, ID: text(read, "id")},
		FoundByKey: byKey,
		// Only an operator gives a group a human-readable id.
		Managed:  byKey || text(read, "hrid") != "",
		Name:     text(read, "name"),
		Snapshot: groupSnapshot{group: read},
	}
}

// get reads one group by its human-readable id or, with isID, by its id; errAbsent if there is none.
func (s groups) get(ctx context.Context, name string, isID bool) (document, error) {
	if err := checkSegment(name); err != nil {
		return nil, fault.New(fault.Terminal, fault.ReasonIllegalState, "the id of the group %w", err)
	}
	var read document
	request := call{
		operation: mapi.OperationObserve, method: http.MethodGet, url: s.addresses.group(name), what: "group " + name, needs: needsGroups,
		accept: func(body []byte) error {
			if err := decode(body, &read); err != nil {
				return err
			}
			return require("id", text(read, "id"))
		},
	}
	if isID {
		request.url += "?hridContainsUUID=true"
	}
	err := s.do(ctx, request)
	if err == nil && s.isElsewhere(text(read, "environmentId")) {
		return nil, errAbsent
	}
	return read, err
}

// Compare implements mapi.Store without a request. The server completes the roles of a member, so that only wanted roles count.
func (s groups) Compare(_ context.Context, want model.Group, seen mapi.Observation) (mapi.Comparison, error) {
	read, ok := seen.Snapshot.(groupSnapshot)
	if !ok || !seen.Exists {
		return mapi.Comparison{}, fault.New(fault.Terminal, fault.ReasonIllegalState, "%s: there is no observation to compare with", want.Name)
	}
	c := &comparison{want: want.Definition, have: read.group, dropped: readDropped(want.Reported)}
	if name := c.want["name"]; name != nil && name != c.have["name"] {
		c.differ("name", name, c.have["name"])
	}
	if notify := c.want["notifyMembers"]; notify != nil && c.have["notifyMembers"] != nil && notify != c.have["notifyMembers"] {
		c.differ("notifyMembers", notify, c.have["notifyMembers"])
	}
	c.groupMembers()
	c.sort()
	return mapi.Comparison{Differences: c.differences, Findings: c.findings}, nil
}

// groupMembers compares who is in a group, as a set, and with which roles. A release that only counts members isn't compared.
func (c *comparison) groupMembers() {
	counted, _ := number(c.have["memberCount"])
	if c.want["members"] == nil || c.have["members"] == nil && counted > 0 {
		return
	}
	remote := map[string]document{}
	for _, member := range objects(c.have["members"]) {
		remote[memberKey(text(member, "source"), text(member, "sourceId"))] = member
	}
	wanted := map[string]document{}
	for _, member := range objects(c.want["members"]) {
		wanted[memberKey(text(member, "source"), text(member, "sourceId"))] = member
	}
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		c.groupMember(key, wanted[key], remote[key])
	}
	for _, key := range slices.Sorted(maps.Keys(remote)) {
		if wanted[key] == nil {
			c.differ("members["+text(remote[key], "sourceId")+"]", nil, remote[key])
		}
	}
}

func (c *comparison) groupMember(key string, want, have document) {
	path := "members[" + text(want, "sourceId") + "]"
	if have == nil {
		if c.dropped.members[key] {
			c.find(path, mapi.Warning, "UnknownMember", unknownMember)
			return
		}
		c.differ(path, want, nil)
		return
	}
	wanted, given := object(want["roles"]), object(have["roles"])
	for _, scope := range sortedNames(wanted) {
		role := text(wanted, scope)
		switch {
		case role == "" || role == text(given, scope):
		case c.dropped.roles[strings.ToLower(role)]:
			c.find(path+".roles."+scope, mapi.Warning, "UnknownRole",
				"The role "+role+" doesn't exist in the scope "+scope+"; use the name of an existing one.")
		default:
			c.differ(path+".roles."+scope, role, given[scope])
		}
	}
}

// Review implements mapi.Store. Nothing is known about a group beforehand.
func (s groups) Review(context.Context, model.Group) ([]mapi.Finding, error) { return nil, nil }

// groupReceipt is the answer to a PUT.
type groupReceipt struct {
	ID             string  `json:"id"`
	HRID           string  `json:"hrid"`
	OrganizationID string  `json:"organizationId"`
	EnvironmentID  string  `json:"environmentId"`
	MemberCount    int     `json:"memberCount"`
	Errors         remarks `json:"errors"`
}

// Apply implements mapi.Store. APIs see the group at once.
func (s groups) Apply(ctx context.Context, want model.Group, mode mapi.Mode) (mapi.Receipt, error) {
	request, err := s.put(want, mode)
	if err != nil {
		return mapi.Receipt{}, err
	}
	var got groupReceipt
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
	if mode == mapi.Commit {
		s.lookups.groups.forget()
	}
	key := got.HRID
	if key == "" {
		key = want.Key
	}
	return mapi.Receipt{
		Ref:            mapi.Ref{Key: key, ID: got.ID},
		OrganizationID: got.OrganizationID, EnvironmentID: got.EnvironmentID, Members: max(got.MemberCount, 0),
		Severe: s.cleaned(got.Errors.Severe), Warnings: s.cleaned(got.Errors.Warning),
	}, nil
}

// put makes the request of Apply.
func (s groups) put(want model.Group, mode mapi.Mode) (call, error) {
	if err := checkSegment(want.Key); err != nil {
		return call{}, fault.New(fault.Terminal, fault.ReasonIllegalState, "the hrid of the group %s %w", want.Name, err)
	}
	sent := make(document, len(want.Definition)+2)
	maps.Copy(sent, want.Definition)
	sent["hrid"] = want.Key
	if want.KeyIsID {
		sent["id"] = want.Key
	}
	body, err := json.Marshal(sent)
	if err != nil {
		return call{}, fault.New(fault.Terminal, fault.ReasonIllegalState, "encoding the group %s: %w", want.Name, err)
	}
	request := call{operation: mapi.OperationApply, method: http.MethodPut, what: "group " + want.Name, body: body, needs: needsGroups}
	if mode == mapi.DryRun {
		request.operation, request.what = mapi.OperationDryRun, "dry run of group "+want.Name
	}
	request.url = fmt.Sprintf("%s/groups?dryRun=%t", s.addresses.automation, mode == mapi.DryRun)
	if want.KeyIsID {
		request.url += "&hridContainsUUID=true"
	}
	return request, nil
}

// Delete implements mapi.Store, by the human-readable id where ref has one, as GKO does, and otherwise by the id. The server takes the
// group out of every API.
func (s groups) Delete(ctx context.Context, ref mapi.Ref) error {
	name, isID := ref.Key, ref.Key == "" || ref.Key == ref.ID
	if isID {
		name = ref.ID
	}
	if err := checkSegment(name); err != nil {
		return fault.New(fault.Terminal, fault.ReasonIllegalState, "deleting a group: its id %w", err)
	}
	err := s.do(ctx, call{
		operation: mapi.OperationDelete, method: http.MethodDelete, what: "group " + name, needs: needsGroups,
		url: fmt.Sprintf("%s?hridContainsUUID=%t", s.addresses.group(name), isID),
	})
	if err != nil && !errors.Is(err, errAbsent) {
		return err
	}
	s.lookups.groups.forget()
	return nil
}
