// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gravitee

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/apisync/apisync/internal/mapi"
)

// maxInvalid is how many values that don't fit are told one by one, for one API.
const maxInvalid = 10

// configured is a part of a definition whose configuration has a schema.
type configured struct {
	// path is that of the configuration; what names its plugin for messages.
	path, what string
	schema     schemaKey
	// value is the configuration as it is in the definition; nil if there is none.
	value any
}

func configuredSteps(steps []step) []configured {
	all := make([]configured, len(steps))
	for i, one := range steps {
		all[i] = configured{
			path: one.path + ".configuration", what: "policy " + one.policy, schema: schemaKey{policyPlugin, one.policy}, value: one.configuration,
		}
	}
	return all
}

func configuredResources(resources any) []configured {
	var all []configured
	for _, resource := range objects(resources) {
		kind, name := text(resource, "type"), text(resource, "name")
		if kind == "" || resource["enabled"] == false {
			continue
		}
		all = append(all, configured{
			path: "resources[" + name + "].configuration", what: "resource " + name, schema: schemaKey{resourcePlugin, kind}, value: resource["configuration"],
		})
	}
	return all
}

// configurations finds values that don't fit the schemas that the management API publishes. What it doesn't tell within a moment isn't
// judged, which is no error: the import judges by itself.
func (c *comparison) configurations(ctx context.Context, all []configured) {
	if len(all) == 0 {
		return
	}
	var keys []schemaKey
	for _, one := range all {
		keys = append(keys, one.schema)
	}
	known := c.lookups.schemas.get(ctx, keys)
	judged := false
	var found []mapi.Finding
	for _, one := range all {
		if schema := known[one.schema]; schema != nil {
			invalid, ok := one.judge(schema)
			found = append(found, invalid...)
			judged = judged || ok
		}
	}
	if judged {
		c.find("", mapi.Info, mapi.ReasonConfigurationChecked, "Configurations were compared with the schemas of the management API.")
	}
	c.findings = append(c.findings, firstInvalid(found)...)
}

// judge gives a finding for each value that doesn't fit; ok is false if nothing can be said.
func (c configured) judge(schema *schema) (found []mapi.Finding, ok bool) {
	problems, ok := schema.validate(c.value)
	for _, problem := range problems {
		remedy := "correct it"
		severity := mapi.Refused
		if problem.tolerated {
			remedy, severity = "the management API drops it; correct its name, or take it out", mapi.Warning
		}
		subject := ""
		if problem.path != "" {
			subject = problem.path + " "
		}
		found = append(found, mapi.Finding{
			Path: joined(c.path, problem.path), Severity: severity, Reason: mapi.ReasonInvalidConfiguration,
			Message: fmt.Sprintf("The configuration of the %s doesn't fit its schema: %s%s; %s.", c.what, subject, problem.text, remedy),
		})
	}
	return found, ok
}

// joined is a path that goes on with a name or with another path.
func joined(path, rest string) string {
	if path == "" || rest == "" || rest[0] == '[' {
		return path + rest
	}
	return path + "." + rest
}

// firstInvalid keeps the gravest findings and, if there are more, one that counts the rest.
func firstInvalid(found []mapi.Finding) []mapi.Finding {
	slices.SortStableFunc(found, func(a, b mapi.Finding) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Message, b.Message))
	})
	if len(found) <= maxInvalid+1 {
		return found
	}
	rest := found[maxInvalid]
	rest.Message = fmt.Sprintf("This and %d more values don't fit the schemas of their policies and resources; "+
		"they are told one by one when the others are correct.", len(found)-maxInvalid-1)
	return append(found[:maxInvalid:maxInvalid], rest)
}
