// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/apisync/apisync/api/v1alpha1"
)

// published is an ApiDefinition and where it is published.
type published struct {
	cluster string
	api     v1alpha1.ApiDefinition
	// installation is nil as long as it isn't published.
	installation *installation
	environment  string
}

// list reads the ApiDefinitions of a cluster, by name.
func (d *demo) list(ctx context.Context, c *cluster) ([]published, error) {
	var apis v1alpha1.ApiDefinitionList
	if err := c.Client.List(ctx, &apis); err != nil {
		return nil, fmt.Errorf("listing the ApiDefinitions of %s: %w", c.name, err)
	}
	found := make([]published, 0, len(apis.Items))
	for _, api := range apis.Items {
		p := published{cluster: c.name, api: api}
		if sync := api.Status.Sync; sync != nil && sync.Place != nil {
			p.installation, p.environment = d.installation(sync.Place.BaseURL), sync.Place.EnvironmentID
		}
		found = append(found, p)
	}
	slices.SortFunc(found, func(x, y published) int { return cmp.Compare(x.api.Name, y.api.Name) })
	return found, nil
}

func (d *demo) installation(url string) *installation {
	for _, i := range d.installations() {
		if i.url == url {
			return i
		}
	}
	return nil
}

// ready tells whether the present generation is published.
func (p published) ready() bool {
	condition := p.condition(v1alpha1.ReadyCondition)
	return condition.Status == metav1.ConditionTrue && condition.ObservedGeneration == p.api.Generation
}

func (p published) condition(kind string) metav1.Condition {
	if found := meta.FindStatusCondition(p.api.Status.Conditions, kind); found != nil {
		return *found
	}
	return metav1.Condition{Type: kind, Status: "-"}
}

func (p published) fullName() string { return p.api.Namespace + "/" + p.api.Name }

func (p published) path() string {
	if p.api.Spec.Proxy == nil || len(p.api.Spec.Proxy.VirtualHosts) == 0 {
		return ""
	}
	return p.api.Spec.Proxy.VirtualHosts[0].Path
}

// url is where the gateway serves the API; empty as long as it isn't published.
func (p published) url() string {
	if p.installation == nil {
		return ""
	}
	return p.installation.gateways[p.environment] + p.path()
}

func (p published) place() string {
	if p.installation == nil {
		return "-"
	}
	return p.installation.name + " " + p.environment
}

// verdict is a condition's status, and its reason where it isn't True.
func (p published) verdict(kind string) string {
	condition := p.condition(kind)
	if condition.Status == metav1.ConditionTrue || condition.Reason == "" {
		return string(condition.Status)
	}
	return string(condition.Status) + " (" + condition.Reason + ")"
}

// expected is what a gateway has to answer to a caller without a key, and why.
func (p published) expected() (code int, why string) {
	switch {
	case p.api.Spec.State == v1alpha1.StateStopped:
		return 404, "stopped"
	case !slices.ContainsFunc(p.api.Spec.Plans, func(plan v1alpha1.Plan) bool { return plan.Security == "KEY_LESS" }):
		return 401, "no plan without a key"
	default:
		return 200, "a plan without a key"
	}
}

// showPublished prints what is published where: a table, or two lines for each where it is too wide.
func (d *demo) showPublished(all []published) {
	rows := [][]string{{"CLUSTER", "APIDEFINITION", "CONTEXT", "PUBLISHED IN", "ID", "STATE", "READY", "SERVED", "GATEWAY"}}
	for _, p := range all {
		rows = append(rows, []string{
			p.cluster, p.fullName(), contextName(p.api), p.place(), short(p.api.Status.ID), cmp.Or(string(p.api.Status.State), "-"),
			p.verdict(v1alpha1.ReadyCondition), p.verdict(v1alpha1.ServedCondition), cmp.Or(p.url(), "-"),
		})
	}
	if wide := table(d.screen, rows); d.screen.fits(wide) {
		d.screen.note("%s", wide)
		return
	}
	for _, r := range rows[1:] {
		d.screen.note("%s %s: %s, Ready %s, Served %s", r[0], d.screen.paint(accent, r[1]), r[5], r[6], r[7])
		d.screen.note("     %s → %s %s  %s", r[2], r[3], r[4], r[8])
	}
}

func contextName(api v1alpha1.ApiDefinition) string {
	ref := api.Spec.ContextRef
	switch {
	case ref == nil:
		return "-"
	case ref.Namespace == "" || ref.Namespace == api.Namespace:
		return ref.Name
	default:
		return ref.Namespace + "/" + ref.Name
	}
}

// short is the first part of an id: enough to recognise it.
func short(id string) string {
	first, _, cutOff := strings.Cut(id, "-")
	if cutOff {
		return first + "…"
	}
	return cmp.Or(id, "-")
}
