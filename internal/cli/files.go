// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"reflect"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// files reads objects from manifests. What they don't have isn't known, which is something else than that it doesn't exist.
type files map[string]client.Object

func filesOf(objects []client.Object) files {
	found := files{}
	for _, object := range objects {
		found[keyOf(object, client.ObjectKeyFromObject(object))] = object
	}
	return found
}

// keyOf is kind and namespace/name.
func keyOf(object client.Object, name client.ObjectKey) string {
	return reflect.TypeOf(object).Elem().Name() + " " + name.String()
}

// errNotInFiles is told behind the kind and the name of what is missing.
var errNotInFiles = errors.New("it isn't in the files; add the file that has it")

// Get implements client.Reader.
func (f files) Get(_ context.Context, name client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	found, ok := f[keyOf(into, name)]
	if !ok {
		return errNotInFiles
	}
	reflect.ValueOf(into).Elem().Set(reflect.ValueOf(found.DeepCopyObject()).Elem())
	return nil
}

// List implements client.Reader. Nobody lists what files have.
func (files) List(context.Context, client.ObjectList, ...client.ListOption) error {
	return errors.New("files aren't listed")
}
