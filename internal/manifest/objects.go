// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// maxNesting is how deep lists may stand in lists.
const maxNesting = 8

// Kinds of Kubernetes itself that are read besides those of our CRDs, since templates and contexts refer to them.
const (
	secretKind    = "Secret"
	configMapKind = "ConfigMap"
)

// isCore tells the kinds of Kubernetes that are read.
func isCore(object *unstructured.Unstructured) bool {
	return object.GetAPIVersion() == "v1" && (object.GetKind() == secretKind || object.GetKind() == configMapKind)
}

// content reads the documents of one file. What is wrong with one is noted, and the next is read; an error ends everything.
func (l *loader) content(ctx context.Context, file string, content []byte) error {
	number := 0
	for _, part := range chunks(content) {
		for _, document := range split(part) {
			number++
			document.number = number
			if err := l.document(ctx, file, document); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *loader) document(ctx context.Context, file string, d document) error {
	value, err := d.decode(l.options.Limits.Document)
	if err != nil {
		if problem, ok := errors.AsType[*Problem](err); ok {
			problem.Source.File = file
		}
		l.problem(err)
		return nil
	}
	if value == nil {
		return nil
	}
	return l.value(ctx, &place{file: file, lines: &lines{document: d}}, value, 0)
}

// place is where an object stands: path leads to it inside of its document.
type place struct {
	file  string
	lines *lines
	path  string
}

func (p *place) source(field string) Source {
	path := p.path
	if field != "" {
		path += "." + field
	}
	return Source{File: p.file, Document: p.lines.document.number, Line: p.lines.of(path)}
}

func (p *place) problem(object, field, format string, args ...any) error {
	return &Problem{Source: p.source(field), Object: object, Field: field, Message: fmt.Sprintf(format, args...)}
}

// value takes lists apart and gives each object to its kind.
func (l *loader) value(ctx context.Context, at *place, value any, nesting int) error {
	content, ok := value.(map[string]any)
	if !ok {
		l.problem(at.problem("", "", "isn't an object; a manifest has apiVersion, kind and metadata"))
		return nil
	}
	object := &unstructured.Unstructured{Object: content}
	for _, member := range []string{"apiVersion", "kind"} {
		if text, _ := content[member].(string); text == "" {
			l.problem(at.problem("", member, "is missing or no text; every object of Kubernetes has it"))
			return nil
		}
	}
	if items, isList := content["items"].([]any); isList && strings.HasSuffix(object.GetKind(), "List") {
		return l.list(ctx, at, items, nesting)
	}
	if l.objects++; l.objects > l.options.Limits.Objects {
		return fmt.Errorf("%w: there are more than %d objects; name fewer files at once", errLimit, l.options.Limits.Objects)
	}
	l.object(ctx, at, object)
	return nil
}

func (l *loader) list(ctx context.Context, at *place, items []any, nesting int) error {
	if nesting >= maxNesting {
		l.problem(at.problem("", "items", "lists stand in lists more than %d times; take them apart", maxNesting))
		return nil
	}
	for i, item := range items {
		inside := &place{file: at.file, lines: at.lines, path: fmt.Sprintf("%s.items[%d]", at.path, i)}
		if err := l.value(ctx, inside, item, nesting+1); err != nil {
			return err
		}
	}
	return nil
}

func (l *loader) object(ctx context.Context, at *place, object *unstructured.Unstructured) {
	kind, known := l.options.Schemas[object.GetKind()]
	group, _, _ := strings.Cut(object.GetAPIVersion(), "/")
	switch {
	case known && object.GetAPIVersion() != kind.APIVersion() && group == kind.Definition.Spec.Group:
		l.problem(at.problem(object.GetKind(), "apiVersion", "is no version of this kind; use %s", kind.APIVersion()))
	case known && object.GetAPIVersion() == kind.APIVersion(), isCore(object):
		l.admit(ctx, at, object)
	default:
		name, _, _ := unstructured.NestedString(object.Object, "metadata", "name")
		namespace, _, _ := unstructured.NestedString(object.Object, "metadata", "namespace")
		l.loaded.Skipped = append(l.loaded.Skipped, Skipped{
			Source: at.source(""), APIVersion: object.GetAPIVersion(), Kind: object.GetKind(), Namespace: namespace, Name: name,
		})
	}
}

// admit does with an object what an API server does, and keeps it unless it has a problem.
func (l *loader) admit(ctx context.Context, at *place, object *unstructured.Unstructured) {
	meta, unknown, err := admitMetadata(object.Object)
	if err != nil {
		l.problem(at.problem(object.GetKind(), "metadata", "can't be read: %s", decodingError(err)))
		return
	}
	own := ownMetadata(meta, l.options.Namespace)
	name := object.GetKind() + " " + own.Namespace + "/" + own.Name
	before := len(l.problems)
	l.checkMetadata(at, name, own)
	// What concerns the metadata was just told, and a schema must not tell it again.
	object = object.DeepCopy()
	object.Object["metadata"] = map[string]any{"name": own.Name, "namespace": own.Namespace}
	typed, dropped := l.typed(ctx, at, name, object)
	for _, path := range append(unknown, dropped...) {
		l.loaded.Warnings = append(l.loaded.Warnings, Warning{
			Source: at.source(path), Object: name, Field: path, Message: "no such field; it is dropped: check its spelling and its place",
		})
	}
	if len(l.problems) > before {
		return
	}
	setMetadata(typed, own)
	l.keep(at, name, typed)
}

// typed gives the object in its Go type, and the paths of the fields that were dropped. Its problems are noted.
func (l *loader) typed(ctx context.Context, at *place, name string, object *unstructured.Unstructured) (typed client.Object, dropped []string) {
	var err error
	switch object.GetKind() {
	case secretKind:
		l.checkEncoded(at, name, object, "data", "stringData")
		typed, dropped, err = secret(object)
	case configMapKind:
		l.checkEncoded(at, name, object, "binaryData", "data")
		l.checkEntries(at, name, object)
		typed, dropped, err = configMap(object)
	default:
		admission := l.options.Schemas.Admit(ctx, object)
		if len(admission.Problems) > 0 {
			l.fieldProblems(at, name, admission.Problems)
			return nil, admission.Unknown
		}
		dropped = admission.Unknown
		typed, err = ours(admission.Stored)
	}
	var corrupt base64.CorruptInputError
	if err != nil && !errors.As(err, &corrupt) {
		l.problem(at.problem(name, "", "can't be read: %s", decodingError(err)))
	}
	return typed, dropped
}

// checkEncoded names the entries of a field that aren't base64, which the decoder doesn't. plain is the field for plain text.
func (l *loader) checkEncoded(at *place, name string, object *unstructured.Unstructured, field, plain string) {
	entries, _ := object.Object[field].(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		text, isText := entries[key].(string)
		if _, err := base64.StdEncoding.DecodeString(text); isText && err != nil {
			l.problem(at.problem(name, field+"."+key, "isn't base64; write plain text into %s", plain))
		}
	}
}

// checkEntries names the keys of a ConfigMap that are in both of its fields, which an API server refuses.
func (l *loader) checkEntries(at *place, name string, object *unstructured.Unstructured) {
	data, _ := object.Object["data"].(map[string]any)
	binary, _ := object.Object["binaryData"].(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(binary)) {
		if _, twice := data[key]; twice {
			l.problem(at.problem(name, "binaryData."+key, "is in data too; remove one of them"))
		}
	}
}

// checkMetadata notes what an API server would say of the metadata.
func (l *loader) checkMetadata(at *place, name string, meta *metav1.ObjectMeta) {
	if l.options.OnlyNamespace && meta.Namespace != l.options.Namespace {
		l.problem(at.problem(name, "metadata.namespace", "isn't %s, the only namespace that was asked for; leave one of them out", l.options.Namespace))
	}
	if meta.Name == "" {
		l.problem(at.problem(name, "metadata.name", "is missing; give the object a name (generateName isn't enough: a plan has to know it)"))
		return
	}
	l.fieldProblems(at, name, checkMetadata(meta))
}

// keep takes the object, unless there is one of its name already: which of them counts would depend on the order of files.
func (l *loader) keep(at *place, name string, object client.Object) {
	source := at.source("")
	if first, twice := l.first[name]; twice {
		l.problem(&Problem{Source: source, Object: name, Message: fmt.Sprintf("is there twice, first at %s; remove one of them", first)})
		return
	}
	l.first[name] = source
	l.loaded.Resources = append(l.loaded.Resources, Resource{Source: source, Object: object})
}
