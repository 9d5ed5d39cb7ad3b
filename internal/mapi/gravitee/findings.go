// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gravitee

import (
	"context"
	"strings"

	"github.com/apisync/apisync/internal/mapi"
)

// Reasons of findings.
const (
	// ReasonNoPlan: no plan is published, so that a gateway serves nothing (case 37).
	ReasonNoPlan = "NoPlan"
	// ReasonUnknownPolicy: a flow uses a policy that isn't installed; gateways don't deploy such an API (case 38).
	ReasonUnknownPolicy = "UnknownPolicy"
	// ReasonDuplicatePlanName: plans of one name collapse into one (case 42).
	ReasonDuplicatePlanName = "DuplicatePlanName"
	// ReasonNotEncrypted: a property that should be encrypted is kept as it is (case 13).
	ReasonNotEncrypted = "NotEncrypted"
	// ReasonInvalidOpenAPI: an inline OpenAPI document can't be read.
	ReasonInvalidOpenAPI = "InvalidOpenAPI"
)

// plans finds what is accepted and never served.
func (c *comparison) plans() {
	names, served := map[string]bool{}, false
	for _, plan := range objects(c.want["plans"]) {
		name := text(plan, "name")
		if names[name] {
			c.find("plans["+name+"]", mapi.NotServed, ReasonDuplicatePlanName,
				"Two plans have this name, of which the management API keeps one; give each its own name.")
		}
		names[name] = true
		served = served || c.isServed(plan)
	}
	state := text(c.want, "state")
	if !served && (state == "" || state == "STARTED") {
		c.find("plans", mapi.NotServed, ReasonNoPlan,
			"No plan is published, so gateways don't serve the API; add a plan with the status PUBLISHED.")
	}
}

// isServed reports whether a gateway offers the plan. A plan that a person closed stays closed through every import.
func (c *comparison) isServed(plan document) bool {
	if remote := findPlan(plan, c.have); remote != nil && isClosed(remote) {
		return false
	}
	switch strings.ToUpper(text(plan, "status")) {
	case "", "PUBLISHED", "DEPRECATED":
		return true
	}
	return false
}

// properties tells which values stay readable.
func (c *comparison) properties() {
	encrypted := map[string]bool{}
	for _, property := range objects(c.have["properties"]) {
		encrypted[text(property, "key")] = property["encrypted"] == true
	}
	for _, property := range objects(c.want["properties"]) {
		key := text(property, "key")
		if property["encryptable"] == true && !encrypted[key] {
			c.find("properties["+key+"]", mapi.Warning, ReasonNotEncrypted,
				"The management API doesn't encrypt properties of imported definitions; encrypt the value yourself, or keep it elsewhere.")
		}
	}
}

// step is a policy in a flow.
type step struct {
	path, policy string
	// configuration is as it is in the definition; nil if there is none.
	configuration any
}

// policies finds steps whose policy isn't installed, and configurations that don't fit. Without the list nothing is said about the former.
func (c *comparison) policies(ctx context.Context) error {
	steps := enabledSteps("flows", c.want["flows"])
	for _, plan := range objects(c.want["plans"]) {
		steps = append(steps, enabledSteps("plans["+text(plan, "name")+"].flows", plan["flows"])...)
	}
	var installed directory
	if len(steps) > 0 {
		var err error
		if installed, _, err = c.lookups.policies.get(ctx); err != nil {
			return err
		}
	}
	var usable []step
	for _, step := range steps {
		if _, known := installed.ids[strings.ToLower(step.policy)]; known || !installed.complete {
			usable = append(usable, step)
			continue
		}
		c.find(step.path+".policy", mapi.NotServed, ReasonUnknownPolicy,
			"The policy "+step.policy+" isn't installed, so gateways don't deploy the API; install it, or correct the name.")
	}
	c.configurations(ctx, append(configuredSteps(usable), configuredResources(c.want["resources"])...))
	return nil
}

func enabledSteps(path string, flows any) []step {
	var found []step
	elements, _ := flows.([]any)
	for i, element := range elements {
		flow := object(element)
		if flow["enabled"] == false {
			continue
		}
		for _, phase := range []string{"pre", "post"} {
			list, _ := flow[phase].([]any)
			for j, element := range list {
				one := object(element)
				if policy := text(one, "policy"); policy != "" && one["enabled"] != false {
					found = append(found, step{
						path: index(index(path, i)+"."+phase, j), policy: policy, configuration: one["configuration"],
					})
				}
			}
		}
	}
	return found
}
