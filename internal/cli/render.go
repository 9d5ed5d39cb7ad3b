// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/fault"
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
	// Context is namespace/name of the ManagementContext; absent where the resource names none.
	Context  string    `json:"context,omitempty"`
	Requests []request `json:"requests"`
	// ConfigMap is what the gateways of the cluster read of a local API; absent otherwise.
	ConfigMap *configMap `json:"configMap,omitempty"`
}

type request struct {
	Method string `json:"method"`
	// Path is relative to the address of the environment.
	Path string `json:"path"`
	Body any    `json:"body"`
}

type configMap struct {
	// Name is namespace/name.
	Name string `json:"name"`
	// Definition is the document under the key of that name.
	Definition any `json:"definition"`
}

func newRender(p Program) *cobra.Command {
	command := &cobra.Command{
		Use:   "render (-f FILE | -k FOLDER)",
		Short: "Print what would be sent to the management API, without any network",
		Long: "Prints the requests that ApiDefinitions become. No cluster and no management API is asked, so it works anywhere: " +
			"what ApiDefinitions and their templates refer to has to be in the files, and what only a cluster knows is shown as " + unknown + ". " +
			"Secret values, and what templates render, are hidden.",
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	in := read(p, command, connect(p, command))
	clusterID := p.ClusterID(command.Flags())
	templating := p.Templating(command.Flags())
	format := formatFlag(command, formatYAML, formatJSON)
	command.RunE = func(command *cobra.Command, _ []string) error {
		r := &renderer{registry: p.Registry}
		var err error
		if r.cluster, err = clusterID(); err != nil {
			return err
		}
		if r.templating, err = templating(); err != nil {
			return err
		}
		loaded, err := in.load(command.Context())
		if err != nil {
			return err
		}
		found, problems := r.all(command.Context(), loaded)
		return errors.Join(printAs(p.Out, *format, map[string]any{"apis": found}), problems)
	}
	return command
}

// renderer is one run.
type renderer struct {
	registry   mapi.Registry
	cluster    string
	templating bool

	files files
	// backends are the types of ManagementContexts.
	backends map[types.NamespacedName]string
}

// sources are where what an API refers to is looked up: in the files alone.
func (r *renderer) sources(templating bool) gather.Sources {
	return gather.Sources{Reader: r.files, Live: r.files, Templating: templating}
}

// all renders what it can, and joins the problems of the rest.
func (r *renderer) all(ctx context.Context, loaded manifest.Loaded) ([]rendered, error) {
	r.files, r.backends = filesOf(loaded.Objects()), map[types.NamespacedName]string{}
	for _, resource := range loaded.Resources {
		if managed, ok := resource.Object.(*v1alpha1.ManagementContext); ok {
			r.backends[types.NamespacedName{Namespace: managed.Namespace, Name: managed.Name}] = managed.Spec.Type
		}
	}
	found := []rendered{}
	var problems []error
	for _, resource := range loaded.Resources {
		api, ok := resource.Object.(*v1alpha1.ApiDefinition)
		if !ok {
			continue
		}
		one, err := r.one(ctx, api)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: ApiDefinition %s: %w", resource.Source, translate.FullName(api), err))
			continue
		}
		one.Source = resource.Source.String()
		found = append(found, one)
	}
	return found, errors.Join(problems...)
}

func (r *renderer) one(ctx context.Context, api *v1alpha1.ApiDefinition) (rendered, error) {
	complete, err := r.sources(r.templating).API(ctx, api)
	if err != nil {
		return rendered{}, err
	}
	shown, err := r.forms(ctx, api, complete)
	if err != nil {
		return rendered{}, fault.Redact(err, complete.Redact)
	}
	result := rendered{Name: translate.FullName(api), Requests: []request{}}
	for i, payload := range shown.one {
		if payload.Method == methodConfigMap {
			result.ConfigMap = &configMap{Name: result.Name, Definition: shown.body(i)}
			continue
		}
		result.Requests = append(result.Requests, request{Method: payload.Method, Path: shown.path(i), Body: shown.body(i)})
	}
	if ref := complete.Object.Spec.ContextRef; ref != nil {
		result.Context = gather.RefKey(*ref, api.Namespace).String()
	}
	return result, nil
}

func (r *renderer) forms(ctx context.Context, api *v1alpha1.ApiDefinition, complete gather.API) (found forms, err error) {
	if err := translate.Check(complete.Object); err != nil {
		return forms{}, err
	}
	found.clean = complete.Redact
	if found.one, err = r.payloads(complete.Object, oneID); err != nil {
		return forms{}, err
	}
	if found.another, err = r.payloads(complete.Object, anotherID); err != nil || !complete.Rendered {
		return found, err
	}
	written, err := r.sources(false).API(ctx, api)
	if err != nil {
		return forms{}, err
	}
	found.written, err = r.payloads(written.Object, oneID)
	return found, err
}

// methodConfigMap marks what isn't sent, but goes into a ConfigMap.
const methodConfigMap = "ConfigMap"

// payloads are the requests of an API, and what gateways read of it.
func (r *renderer) payloads(api *v1alpha1.ApiDefinition, fallback string) ([]mapi.Payload, error) {
	want, err := translate.API(api, translate.Inputs{ID: firstID(api, fallback), Cluster: r.cluster})
	if err != nil {
		return nil, err
	}
	var found []mapi.Payload
	if ref := api.Spec.ContextRef; ref != nil {
		// A context that isn't among the files may be of any type; most are of the default one.
		backend, err := r.registry.Backend(r.backends[gather.RefKey(*ref, api.Namespace)])
		if err != nil {
			return nil, err
		}
		if found, err = backend.Render(want); err != nil {
			return nil, err
		}
	}
	if api.Spec.Local && api.Spec.State != v1alpha1.StateStopped {
		found = append(found, mapi.Payload{Method: methodConfigMap, Body: translate.Local(api, want, nil)})
	}
	return found, nil
}

// forms are payloads as they are, under another id, and as they are written down, with their templates; the last is nil where there are
// none.
type forms struct {
	one, another, written []mapi.Payload
	clean                 func(string) string
}

func (f forms) path(i int) string { return f.clean(settledText(f.one[i].Path, f.another[i].Path)) }

// body is what may be shown of a payload.
func (f forms) body(i int) any {
	shown := mask.Document(settled(f.one[i].Body, f.another[i].Body))
	switch {
	case f.written == nil:
		return shown
	case i >= len(f.written):
		return mask.Hidden
	}
	return f.hide(shown, f.written[i].Body)
}

// hide hides every text that is written as a template, as a whole, and takes what was rendered out of the others. Both documents have one
// shape; where they haven't, nothing is shown.
func (f forms) hide(shown, written any) any {
	switch shown := shown.(type) {
	case map[string]any:
		other, _ := written.(map[string]any)
		result := make(map[string]any, len(shown))
		for name, member := range shown {
			result[name] = f.hide(member, other[name])
		}
		return result
	case []any:
		other, _ := written.([]any)
		result := make([]any, len(shown))
		for i := range shown {
			if i < len(other) {
				result[i] = f.hide(shown[i], other[i])
			} else {
				result[i] = mask.Hidden
			}
		}
		return result
	case string:
		text, ok := written.(string)
		if !ok || strings.Contains(text, "[[") {
			return mask.Hidden
		}
		return f.clean(shown)
	}
	return shown
}

func firstID(api *v1alpha1.ApiDefinition, fallback string) string {
	if id := translate.FirstID(api); id != "" {
		return id
	}
	return fallback
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
