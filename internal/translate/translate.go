// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

// Package translate turns a resource and what it refers to into the wanted state of package model. It is
// pure: no input or output, no clock, the same result for the same input.
package translate

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/model"
)

// Inputs are what an ApiDefinition alone doesn't tell.
type Inputs struct {
	// ID is the id that was found or chosen for the API. Must not be empty.
	ID string
	// PlanIDs maps plan crossIds to the ids that the management API is known to use.
	PlanIDs map[string]string
	// Cluster is the id of this cluster; may be empty.
	Cluster string
	// Sharers are the ids of other clusters whose marks are kept.
	Sharers []string
	// Linked are the ids of remote objects that the spec names by other words, see model.API.
	Linked map[string]string
}

// API is the wanted state of an ApiDefinition (shared/reference/gko-compatibility.md 2.3 and 4) whose templates are
// rendered and whose references are replaced by what they lead to: see package gather. The resource isn't changed. A spec that
// can't be translated is a Terminal fault that names the field.
func API(api *v1alpha1.ApiDefinition, in Inputs) (model.API, error) {
	definition, err := document(&api.Spec)
	if err != nil {
		return model.API{}, err
	}
	delete(definition, "contextRef")
	delete(definition, "local")
	definition["id"] = in.ID
	definition["crossId"] = CrossID(api)
	definition["definition_context"] = definitionContext(definition["definition_context"], api.Spec.Local)
	identifyPlans(definition["plans"], in)
	identifyPages(definition["pages"], FullName(api), in.ID)
	return model.API{
		Name: FullName(api), Key: CrossID(api), ID: in.ID, Cluster: in.Cluster, Sharers: in.Sharers, Linked: in.Linked,
		Definition: definition, Reported: slices.Clone(api.Status.Errors.Warning),
	}, nil
}

func document(spec *v1alpha1.ApiDefinitionSpec) (map[string]any, error) {
	content, err := json.Marshal(spec)
	if err != nil {
		return nil, fault.New(fault.Terminal, fault.ReasonIllegalState, "spec can't be encoded as JSON: %w", err)
	}
	var definition map[string]any
	// This decoder keeps whole numbers whole; large ones would be rounded by encoding/json.
	if err := utiljson.Unmarshal(content, &definition); err != nil {
		return nil, fmt.Errorf("decoding the encoded spec: %w", err)
	}
	return definition, nil
}

// definitionContext makes the console show the API as read-only, managed from Kubernetes, and tells where gateways get it from.
func definitionContext(given any, local bool) map[string]any {
	result := map[string]any{"origin": "kubernetes", "mode": "fully_managed"}
	if object, ok := given.(map[string]any); ok {
		maps.Copy(result, object)
	}
	if local && !strings.EqualFold(text(result["syncFrom"]), syncFromManagement) {
		result["syncFrom"] = syncFromKubernetes
	} else {
		result["syncFrom"] = syncFromManagement
	}
	return result
}

const (
	syncFromManagement = "MANAGEMENT"
	syncFromKubernetes = "KUBERNETES"
)

// Local is what the gateways of this cluster read of a local API (shared/reference/gko-compatibility.md part 3): the wanted
// state with the fields that no management API gets, and with the ids that the management API knows. planIDs maps plan
// crossIds to those; it is nil for an API without a context. want isn't changed.
func Local(api *v1alpha1.ApiDefinition, want model.API, planIDs map[string]string) map[string]any {
	definition := maps.Clone(want.Definition)
	definition["local"] = api.Spec.Local
	ref := api.Spec.ContextRef
	if ref == nil {
		return definition
	}
	full := map[string]any{"name": ref.Name, "namespace": firstOf(ref.Namespace, api.Namespace)}
	if ref.Kind != "" {
		full["kind"] = ref.Kind
	}
	definition["contextRef"] = full
	plans := []any{}
	for _, plan := range objects(definition["plans"]) {
		plan = maps.Clone(plan)
		plan["api"] = want.ID
		plan["id"] = firstOf(planIDs[text(plan["crossId"])], text(plan["id"]))
		plans = append(plans, plan)
	}
	if definition["plans"] != nil {
		definition["plans"] = plans
	}
	return definition
}

func identifyPlans(plans any, in Inputs) {
	for _, plan := range objects(plans) {
		name := text(plan["name"])
		crossID := planCrossID(text(plan["crossId"]), in.ID, name)
		plan["crossId"] = crossID
		plan["id"] = firstOf(in.PlanIDs[crossID], Hash(crossID, "/", name))
	}
}

func identifyPages(pages any, fullName, apiID string) {
	byKey, _ := pages.(map[string]any)
	for key, value := range byKey {
		page, ok := value.(map[string]any)
		if !ok {
			continue
		}
		page["api"] = apiID
		page["id"] = firstOf(text(page["id"]), Hash(apiID, "/", key))
		page["crossId"] = firstOf(text(page["crossId"]), Hash(fullName, "/", key))
		if parent := text(page["parent"]); parent != "" {
			page["parentId"] = Hash(apiID, "/", parent)
		}
	}
}

func objects(list any) []map[string]any {
	items, _ := list.([]any)
	result := make([]map[string]any, 0, len(items))
	for _, item := range items {
		if object, ok := item.(map[string]any); ok {
			result = append(result, object)
		}
	}
	return result
}

func text(value any) string {
	s, _ := value.(string)
	return s
}

// Check refuses what contradicts itself. The error is a Terminal fault that names the fields and the remedy.
func Check(api *v1alpha1.ApiDefinition) error {
	if api.Spec.ContextRef == nil && !api.Spec.Local {
		return fault.New(fault.Terminal, fault.ReasonIllegalState,
			"spec.contextRef is missing: a context is required for an API that isn't local; name a ManagementContext, or set spec.local to true")
	}
	return nil
}
