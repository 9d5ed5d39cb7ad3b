// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gravitee

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"

	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/model"
)

// Compare implements mapi.Store. It reads the export of the API when want has pages, members or metadata, and lists of the
// environment (groups, categories, roles, policies), which are kept for a while, when want mentions them. When a list may not be
// read, what depends on it isn't compared. A cluster's mark is compared like any label.
func (s apis) Compare(ctx context.Context, want model.API, seen mapi.Observation) (mapi.Comparison, error) {
	read, ok := seen.Snapshot.(snapshot)
	if !ok || !seen.Exists {
		return mapi.Comparison{}, fault.New(fault.Terminal, fault.ReasonIllegalState, "%s: there is no observation to compare with", want.Name)
	}
	c := &comparison{
		apis: s, id: seen.Ref.ID, want: marked(want), have: read.api, dropped: readDropped(want.Reported),
	}
	c.definition()
	for _, step := range []func(context.Context) error{c.groups, c.categories, c.exported, c.policies} {
		if err := step(ctx); err != nil {
			return mapi.Comparison{}, err
		}
	}
	c.review()
	return mapi.Comparison{Differences: c.differences, Findings: c.findings}, nil
}

// Review implements mapi.Store. It reads the list of policies, which is kept for a while.
func (s apis) Review(ctx context.Context, want model.API) ([]mapi.Finding, error) {
	c := &comparison{apis: s, want: marked(want), have: document{}}
	if err := c.policies(ctx); err != nil {
		return nil, err
	}
	c.review()
	return c.findings, nil
}

// review adds the findings that need no request, and sorts all.
func (c *comparison) review() {
	c.plans()
	c.properties()
	c.openAPI()
	c.sort()
}

func (c *comparison) sort() {
	slices.SortStableFunc(c.differences, func(a, b model.Difference) int { return cmp.Compare(a.Path, b.Path) })
	slices.SortStableFunc(c.findings, func(a, b mapi.Finding) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Message, b.Message))
	})
}

// comparison is one run of Compare.
type comparison struct {
	apis
	id          string
	want, have  document
	dropped     dropped
	differences []model.Difference
	findings    []mapi.Finding
}

func (c *comparison) differ(path string, want, have any) {
	c.differences = append(c.differences, model.Difference{Path: path, Want: want, Have: have})
}

func (c *comparison) find(path string, severity mapi.Severity, reason, message string) {
	c.findings = append(c.findings, mapi.Finding{Path: path, Severity: severity, Reason: reason, Message: message})
}

// definition compares everything that GET apis/{id} shows in the shape of the import.
func (c *comparison) definition() {
	want, have := maps.Clone(c.want), maps.Clone(c.have)
	for _, name := range []string{"pages", "members", "metadata", "groups", "categories"} {
		delete(want, name)
	}
	have["notifyMembers"] = have["disable_membership_notifications"] != true
	want["plans"] = firstOfEach(want["plans"], "crossId")
	want["properties"] = comparableProperties(want["properties"], have["properties"])
	c.differences = append(c.differences, model.Diff(want, have, c.rules)...)
	c.planOrder()
}

// firstOfEach leaves out elements that have the same key as one before: the server keeps only one of them (case 42).
func firstOfEach(list any, key string) any {
	elements, ok := list.([]any)
	if !ok {
		return list
	}
	seen := map[string]bool{}
	kept := make([]any, 0, len(elements))
	for _, element := range elements {
		value := text(object(element), key)
		if value != "" && seen[value] {
			continue
		}
		seen[value] = true
		kept = append(kept, element)
	}
	return kept
}

// comparableProperties leaves out the values that can't be compared: dynamic ones move, encrypted ones come back as cipher text.
func comparableProperties(want, have any) any {
	properties, ok := want.([]any)
	if !ok {
		return want
	}
	encrypted := map[string]bool{}
	for _, property := range objects(have) {
		encrypted[text(property, "key")] = property["encrypted"] == true
	}
	kept := make([]any, 0, len(properties))
	for _, element := range properties {
		property := object(element)
		hidden := property["encryptable"] == true && encrypted[text(property, "key")]
		if property != nil && (hidden || isDynamic(property)) {
			property = maps.Clone(property)
			delete(property, "value")
			delete(property, "encrypted")
			element = property
		}
		kept = append(kept, element)
	}
	return kept
}

// planOrder compares the order of published plans only among each other: the server closes gaps in the numbers, for example after one
// was closed by hand (shared/contract/probe/reimport.jsonl).
func (c *comparison) planOrder() {
	type ranked struct {
		name       string
		want, have float64
	}
	var plans []ranked
	for _, plan := range objects(c.want["plans"]) {
		remote := findPlan(plan, c.have)
		order, wanted := number(plan["order"])
		place, shown := number(remote["order"])
		if wanted && shown && text(remote, "status") == "PUBLISHED" {
			plans = append(plans, ranked{name: text(plan, "name"), want: order, have: place})
		}
	}
	slices.SortStableFunc(plans, func(a, b ranked) int { return cmp.Compare(a.want, b.want) })
	for i := 1; i < len(plans); i++ {
		if plans[i].want > plans[i-1].want && plans[i].have < plans[i-1].have {
			c.differ("plans["+plans[i].name+"].order", plans[i].want, plans[i].have)
		}
	}
}

// findPlan gives the plan of an API that a wanted plan is matched with, or nil. Living plans go before closed ones.
func findPlan(want, have document) document {
	key := "crossId"
	if text(want, key) == "" {
		key = "name"
	}
	var closed document
	for _, plan := range objects(have["plans"]) {
		switch {
		case text(plan, key) == "" || text(plan, key) != text(want, key):
		case isClosed(plan):
			closed = plan
		default:
			return plan
		}
	}
	return closed
}

func number(value any) (float64, bool) {
	switch value := value.(type) {
	case float64:
		return value, true
	case int64:
		return float64(value), true
	case interface{ Float64() (float64, error) }:
		read, err := value.Float64()
		return read, err == nil
	}
	return 0, false
}

// exported compares what only the export of the API shows.
func (c *comparison) exported(ctx context.Context) error {
	if c.want["pages"] == nil && c.want["members"] == nil && len(objects(c.want["metadata"])) == 0 {
		return nil
	}
	export, err := c.export(ctx, c.id)
	if err != nil {
		return err
	}
	c.metadata(export)
	if err := c.members(ctx, export); err != nil {
		return err
	}
	return c.pages(ctx, export)
}

// metadataRules: the default value isn't returned (README 3).
func metadataRules() model.Rules {
	return model.Rules{"": {Key: []string{"key", "name"}, AllowExtra: func(document) bool { return true }}, "[].defaultValue": {Ignore: true}}
}

// metadata compares the wanted entries. Others can't be removed by an import (case 14): they are told, and no difference.
func (c *comparison) metadata(export document) {
	wanted := objects(c.want["metadata"])
	if len(wanted) == 0 {
		return
	}
	c.under("metadata", model.Diff(c.want["metadata"], export["metadata"], metadataRules()))
	known := map[string]bool{"email-support": true} // the server adds it to every API
	for _, entry := range wanted {
		known[text(entry, "key")], known[text(entry, "name")] = true, true
	}
	for _, entry := range objects(export["metadata"]) {
		if key := text(entry, "key"); !known[key] && !known[text(entry, "name")] {
			c.find("metadata["+key+"]", mapi.Warning, "MetadataLeft",
				"The management API keeps this entry although it isn't in the definition any more; delete it in the management console.")
		}
	}
}

// under adds differences of a part of the document.
func (c *comparison) under(path string, differences []model.Difference) {
	for _, d := range differences {
		separator := "."
		if d.Path == "" || d.Path[0] == '[' {
			separator = ""
		}
		d.Path = path + separator + d.Path
		c.differences = append(c.differences, d)
	}
}

func index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }
