// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

// Package manifest reads Kubernetes manifests from files, folders, standard input and kustomizations, and does to our own kinds what an
// API server does before it stores them: defaults, pruning, validation. It needs no cluster and no network.
package manifest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Options say what is read. At least one of Paths and Kustomization is needed.
type Options struct {
	// Paths are files, folders, and "-" for Input, as kubectl's -f.
	Paths []string
	// Recursive reads the folders inside of folders too.
	Recursive bool
	// Kustomization is a folder to be built with kustomize, as kubectl's -k; empty means none.
	Kustomization string
	// Input is what "-" reads.
	Input io.Reader
	// Namespace is that of objects that name none. Empty means "default".
	Namespace string
	// OnlyNamespace refuses objects that name another namespace, as kubectl does when it is told one.
	OnlyNamespace bool
	// Limits bound what is read. The zero value stands for DefaultLimits.
	Limits Limits
	// Schemas are those of NewSchemas; nil prepares them, which takes a moment.
	Schemas Schemas
}

// Limits bound what is read, so that a wrong path or a hostile file costs no more than an error.
type Limits struct {
	// Bytes is the size of everything together, and Document that of one document, as text and as JSON.
	Bytes, Document int64
	// Files and Objects are counted over everything together.
	Files, Objects int
}

// DefaultLimits suit tens of thousands of APIs. A document is limited as the request of an API server is.
func DefaultLimits() Limits {
	return Limits{Bytes: 512 << 20, Document: 3 << 20, Files: 50_000, Objects: 100_000}
}

// Loaded is what was read, in the order of the paths, the files of a folder by name.
type Loaded struct {
	// Resources are those of our kinds, and Secrets and ConfigMaps. Each is there once.
	Resources []Resource
	// Skipped are the objects of other kinds.
	Skipped []Skipped
	// Warnings tell what an API server would drop.
	Warnings []Warning
}

// Resource is an object as an API server would store it, without status, uid, and what else an API server hands out.
type Resource struct {
	Source Source
	// Object is a pointer to one of the kinds of v1alpha1, a *corev1.Secret or a *corev1.ConfigMap.
	Object client.Object
}

// Objects gives the objects alone.
func (l Loaded) Objects() []client.Object {
	objects := make([]client.Object, len(l.Resources))
	for i, resource := range l.Resources {
		objects[i] = resource.Object
	}
	return objects
}

// Skipped is an object that isn't for Apisync.
type Skipped struct {
	Source                            Source
	APIVersion, Kind, Namespace, Name string
}

// Warning is something that has another effect than its author expects. Its text holds no value.
type Warning struct {
	Source Source
	// Object is kind and namespace/name.
	Object string
	// Field is the path of the field.
	Field   string
	Message string
}

// String is a line for people.
func (w Warning) String() string { return location(w.Source, w.Object, w.Field) + ": " + w.Message }

// Source is where something stands. Document and Line count from 1; Line 0 is unknown.
type Source struct {
	File           string
	Document, Line int
}

// String is file:line, as compilers and editors have it.
func (s Source) String() string {
	if s.Line > 0 {
		return s.File + ":" + strconv.Itoa(s.Line)
	}
	return s.File
}

// Problem is an error at a place of a manifest. Its text holds no value that may be secret.
type Problem struct {
	Source Source
	// Object is kind and namespace/name; empty where they aren't known.
	Object string
	// Field is the path of the field; empty for the whole.
	Field string
	// Message says what is wrong and what helps.
	Message string
}

// Error implements error.
func (p *Problem) Error() string { return location(p.Source, p.Object, p.Field) + ": " + p.Message }

func location(source Source, object, field string) string {
	parts := []string{source.String()}
	if source.Document > 0 {
		parts[0] += fmt.Sprintf(" (document %d)", source.Document)
	}
	for _, part := range []string{object, field} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ": ")
}

// Load reads everything and tells all problems at once: the error joins *Problem values and those of reading. With an error, what is
// in order is returned nevertheless.
func Load(ctx context.Context, options Options) (Loaded, error) {
	if len(options.Paths) == 0 && options.Kustomization == "" {
		return Loaded{}, errors.New("nothing to read: name files or folders with -f, or a kustomization with -k")
	}
	if options.Limits == (Limits{}) {
		options.Limits = DefaultLimits()
	}
	if options.Namespace == "" {
		options.Namespace = metav1.NamespaceDefault
	}
	if options.Schemas == nil {
		var err error
		if options.Schemas, err = NewSchemas(); err != nil {
			return Loaded{}, err
		}
	}
	l := loader{options: options, first: map[string]Source{}}
	l.read(ctx)
	return l.loaded, errors.Join(l.problems...)
}

// loader gathers what one Load finds.
type loader struct {
	options Options

	bytes          int64
	files, objects int
	first          map[string]Source

	loaded   Loaded
	problems []error
}

func (l *loader) problem(err error) { l.problems = append(l.problems, err) }

func (l *loader) read(ctx context.Context) {
	for _, path := range l.options.Paths {
		if err := l.path(ctx, path); err != nil {
			l.problem(err)
			if errors.Is(err, errLimit) {
				return
			}
		}
	}
	if l.options.Kustomization != "" {
		if err := l.kustomization(ctx, l.options.Kustomization); err != nil {
			l.problem(err)
		}
	}
}
