// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

// Package translate turns a resource and what it refers to into the wanted state of package model. It is
// pure: no input or output, no clock, the same result for the same input.
package translate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sort"
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
}

// API is the wanted state of an ApiDefinition (shared/reference/gko-compatibility.md 2.3 and 4). The
// resource isn't changed. A spec that can't be translated is a Terminal fault that names the field.
func API(api *v1alpha1.ApiDefinition, in Inputs) (model.API, error) {
	definition, err := document(&api.Spec)
	if err != nil {
		return model.API{}, err
	}
	delete(definition, "contextRef")
	delete(definition, "local")
	definition["id"] = in.ID
	definition["crossId"] = CrossID(api)
	definition["definition_context"] = definitionContext(definition["definition_context"])
	identifyPlans(definition["plans"], in)
	identifyPages(definition["pages"], FullName(api), in.ID)
	return model.API{
		Name: FullName(api), Key: CrossID(api), ID: in.ID, Cluster: in.Cluster,
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

// definitionContext makes the console show the API as read-only, managed from Kubernetes.
func definitionContext(given any) map[string]any {
	result := map[string]any{"origin": "kubernetes", "mode": "fully_managed"}
	if object, ok := given.(map[string]any); ok {
		maps.Copy(result, object)
	}
	result["syncFrom"] = "MANAGEMENT"
	return result
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

// Check refuses what can't be published as it is written, before anything is sent: half of an API on a
// gateway is worse than none. The error is a Terminal fault that names the fields and the remedy.
func Check(api *v1alpha1.ApiDefinition) error {
	if unsupported := unsupportedFields(api); len(unsupported) > 0 {
		return fault.New(fault.Terminal, fault.ReasonUnsupported,
			"not offered by this version of Apisync: %s; nothing was sent", strings.Join(unsupported, "; "))
	}
	if api.Spec.ContextRef == nil {
		return fault.New(fault.Terminal, fault.ReasonIllegalState,
			"spec.contextRef is missing: a context is required for an API that isn't local; name a ManagementContext")
	}
	return nil
}

func unsupportedFields(api *v1alpha1.ApiDefinition) []string {
	var found []string
	if api.Spec.Local {
		found = append(found, "spec.local: true (publishing through ConfigMaps)")
	}
	if len(api.Spec.GroupRefs) > 0 {
		found = append(found, "spec.groupRefs (name the groups in spec.groups)")
	}
	if len(api.Spec.NotificationsRefs) > 0 {
		found = append(found, "spec.notificationsRefs")
	}
	for i, resource := range api.Spec.Resources {
		if resource.Ref != nil {
			found = append(found, fmt.Sprintf("spec.resources[%d].ref (write the resource inline)", i))
		}
	}
	for _, path := range templated(&api.Spec) {
		found = append(found, path+": a [[ ]] template")
	}
	return found
}

// templated lists the paths of strings that GKO would render as templates.
func templated(spec any) []string {
	content, err := json.Marshal(spec)
	if err != nil || !bytes.Contains(content, []byte("[[")) {
		// Most specs have none. Those that do may only nest lists: the strings tell.
		return nil
	}
	var tree any
	if err := json.Unmarshal(content, &tree); err != nil {
		return nil
	}
	var found []string
	walkStrings("spec", tree, func(path, value string) {
		if strings.Contains(value, "[[") {
			found = append(found, path)
		}
	})
	sort.Strings(found)
	return found
}

func walkStrings(path string, value any, visit func(path, value string)) {
	switch v := value.(type) {
	case string:
		visit(path, v)
	case []any:
		for i, item := range v {
			walkStrings(fmt.Sprintf("%s[%d]", path, i), item, visit)
		}
	case map[string]any:
		for name, member := range v {
			walkStrings(path+"."+name, member, visit)
		}
	}
}
