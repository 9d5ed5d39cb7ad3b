// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gather

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/template"
)

// values are the Secrets and ConfigMaps that were read for one object, each once, and what was rendered from them.
type values struct {
	sources Sources
	read    map[sourceKey]source
	// rendered are all values that must not be shown.
	rendered []string
}

type sourceKey struct {
	kind template.Kind
	name types.NamespacedName
}

// source is the content of a Secret or ConfigMap; err is why there is none.
type source struct {
	texts   map[string]string
	version string
	err     error
}

// render gives spec with its templates rendered, and the paths of fields that were rendered from a Secret.
func render[T any](ctx context.Context, v *values, spec T, namespace string) (T, []string, error) {
	if !v.sources.Templating {
		return spec, nil, nil
	}
	found, err := template.Render(ctx, spec, v.in(namespace))
	v.rendered = append(v.rendered, found.Values...)
	if err != nil {
		return spec, nil, err
	}
	return found.Spec, found.Secret, nil
}

// redactor takes out everything that was rendered so far.
func (v *values) redactor() func(string) string { return template.NewRedactor(v.rendered) }

// versions tell the content of everything that was read. Sorted.
func (v *values) versions() []string {
	versions := make([]string, 0, len(v.read))
	for _, read := range v.read {
		versions = append(versions, read.version)
	}
	slices.Sort(versions)
	return versions
}

// in looks up in a namespace, which is that of the object whose template it is (shared/reference/gko-compatibility.md 5.9).
func (v *values) in(namespace string) template.Lookup {
	return func(ctx context.Context, kind template.Kind, name, key string) (string, error) {
		at := sourceKey{kind: kind, name: types.NamespacedName{Namespace: namespace, Name: name}}
		read, known := v.read[at]
		if !known {
			read = v.sources.content(ctx, at)
			if v.read == nil {
				v.read = map[sourceKey]source{}
			}
			v.read[at] = read
		}
		if read.err != nil {
			return "", read.err
		}
		text := read.texts[key]
		if text == "" {
			return "", fault.New(fault.Terminal, fault.ReasonTemplate, "key %s of %s %s is missing or empty; add it", key, kindName(kind), at.name)
		}
		return text, nil
	}
}

func kindName(kind template.Kind) string {
	if kind == template.Secret {
		return "Secret"
	}
	return "ConfigMap"
}

// content reads one Secret or ConfigMap.
func (s Sources) content(ctx context.Context, at sourceKey) source {
	if at.kind == template.Secret {
		var secret corev1.Secret
		err := s.get(ctx, at, &secret)
		return source{texts: stringsOf(secret.Data), version: versionOf(&secret), err: err}
	}
	var configMap corev1.ConfigMap
	err := s.get(ctx, at, &configMap)
	return source{texts: configMap.Data, version: versionOf(&configMap), err: err}
}

func (s Sources) get(ctx context.Context, at sourceKey, into client.Object) error {
	err := s.Live.Get(ctx, at.name, into)
	switch {
	case err == nil:
		return nil
	case apierrors.IsNotFound(err):
		return fault.New(fault.Waiting, fault.ReasonReference, "%s %s doesn't exist; create it or correct the template", kindName(at.kind), at.name)
	case apierrors.IsForbidden(err):
		return fault.New(fault.Forbidden, fault.ReasonReference, "the operator may not read %s %s; give it the right to", kindName(at.kind), at.name)
	}
	return fault.New(fault.Transient, fault.ReasonReference, "reading %s %s: %w", kindName(at.kind), at.name, err)
}

func versionOf(object client.Object) string {
	return string(object.GetUID()) + "/" + object.GetResourceVersion()
}

func stringsOf(data map[string][]byte) map[string]string {
	texts := make(map[string]string, len(data))
	for key, value := range data {
		texts[key] = string(value)
	}
	return texts
}
