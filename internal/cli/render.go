// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/gather"
	"github.com/apisync/apisync/internal/manifest"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/mask"
	"github.com/apisync/apisync/internal/plan"
	"github.com/apisync/apisync/internal/translate"
)

// unknown stands for what only the cluster will tell: the id of an API is the uid of its resource, unless its author chose one.
const unknown = plan.KnownAfterApply

// Two ids that no API has: what differs between the payloads of both follows from the id.
const (
	oneID     = "00000000-0000-4000-8000-000000000001"
	anotherID = "00000000-0000-4000-8000-000000000002"
)

// rendered is what one ApiDefinition becomes.
type rendered struct {
	// Name is namespace/name of the resource, and Source the place of its manifest.
	Name   string `json:"name"`
	Source string `json:"source"`
	// Context is namespace/name of the ManagementContext.
	Context  string    `json:"context"`
	Requests []request `json:"requests"`
}

type request struct {
	Method string `json:"method"`
	// Path is relative to the address of the environment.
	Path string `json:"path"`
	Body any    `json:"body"`
}

func newRender(p Program) *cobra.Command {
	command := &cobra.Command{
		Use:   "render (-f FILE | -k FOLDER)",
		Short: "Print what would be sent to the management API, without any network",
		Long: "Prints the requests that ApiDefinitions become. No cluster and no management API is asked, so it works anywhere, " +
			"and what only they know is shown as " + unknown + ". Secret values are hidden.",
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	in := read(p, command, connect(p, command))
	clusterID := p.ClusterID(command.Flags())
	format := formatFlag(command, formatYAML, formatJSON)
	command.RunE = func(command *cobra.Command, _ []string) error {
		cluster, err := clusterID()
		if err != nil {
			return err
		}
		loaded, err := in.load(command.Context())
		if err != nil {
			return err
		}
		found, problems := renderAll(p.Registry, cluster, loaded)
		return errors.Join(printAs(p.Out, *format, map[string]any{"apis": found}), problems)
	}
	return command
}

// renderAll renders what it can, and joins the problems of the rest.
func renderAll(registry mapi.Registry, cluster string, loaded manifest.Loaded) ([]rendered, error) {
	backends := map[types.NamespacedName]string{}
	for _, resource := range loaded.Resources {
		if managed, ok := resource.Object.(*v1alpha1.ManagementContext); ok {
			backends[types.NamespacedName{Namespace: managed.Namespace, Name: managed.Name}] = managed.Spec.Type
		}
	}
	found := []rendered{}
	var problems []error
	for _, resource := range loaded.Resources {
		api, ok := resource.Object.(*v1alpha1.ApiDefinition)
		if !ok {
			continue
		}
		one, err := renderOne(registry, backends, cluster, api)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: ApiDefinition %s: %w", resource.Source, translate.FullName(api), err))
			continue
		}
		one.Source = resource.Source.String()
		found = append(found, one)
	}
	return found, errors.Join(problems...)
}

func renderOne(registry mapi.Registry, backends map[types.NamespacedName]string, cluster string, api *v1alpha1.ApiDefinition) (rendered, error) {
	if err := translate.Check(api); err != nil {
		return rendered{}, err
	}
	key := gather.RefKey(*api.Spec.ContextRef, api.Namespace)
	// A context that isn't among the files may be of any type; most are of the default one.
	backend, err := registry.Backend(backends[key])
	if err != nil {
		return rendered{}, err
	}
	one, err := payloads(backend, api, cluster, firstID(api, oneID))
	if err != nil {
		return rendered{}, err
	}
	another, err := payloads(backend, api, cluster, firstID(api, anotherID))
	if err != nil {
		return rendered{}, err
	}
	result := rendered{Name: translate.FullName(api), Context: key.String()}
	for i, payload := range one {
		result.Requests = append(result.Requests, request{
			Method: payload.Method, Path: settledText(payload.Path, another[i].Path), Body: mask.Document(settled(payload.Body, another[i].Body)),
		})
	}
	return result, nil
}

func firstID(api *v1alpha1.ApiDefinition, fallback string) string {
	if id := translate.FirstID(api); id != "" {
		return id
	}
	return fallback
}

func payloads(backend mapi.Backend, api *v1alpha1.ApiDefinition, cluster, id string) ([]mapi.Payload, error) {
	want, err := translate.API(api, translate.Inputs{ID: id, Cluster: cluster})
	if err != nil {
		return nil, err
	}
	return backend.Render(want)
}

// settled is the document that both are, with a placeholder for each text in which they differ. Both have one shape, since they
// differ in an id only.
func settled(one, another any) any {
	switch one := one.(type) {
	case map[string]any:
		other, _ := another.(map[string]any)
		result := make(map[string]any, len(one))
		for name, member := range one {
			result[name] = settled(member, other[name])
		}
		return result
	case []any:
		other, _ := another.([]any)
		result := make([]any, len(one))
		for i := range min(len(one), len(other)) {
			result[i] = settled(one[i], other[i])
		}
		return result
	case string:
		other, _ := another.(string)
		return settledText(one, other)
	}
	return one
}

func settledText(one, another string) string {
	if one != another {
		return unknown
	}
	return one
}
