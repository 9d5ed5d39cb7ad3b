// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/fault"
)

// Labels by which gateways select the ConfigMaps that they read.
const (
	ManagedByLabel = "managed-by"
	ManagedByValue = "gravitee.io"
	TypeLabel      = "gio-type"
	TypeValue      = "apidefinitions.gravitee.io"
)

// Keys of the data.
const (
	definitionKey   = "definition"
	organizationKey = "organizationId"
	environmentKey  = "environmentId"
)

const (
	// defaultID is the organization and the environment of an API that no management API knows.
	defaultID = "DEFAULT"
	// maxBytes is what Kubernetes takes as the values of one ConfigMap.
	maxBytes = 1 << 20
)

// configMapOf is the ConfigMap of api as it should be. The same content always gives the same text.
func configMapOf(api *v1alpha1.ApiDefinition, content Content) (*corev1.ConfigMap, error) {
	definition, err := encode(content.Definition)
	if err != nil {
		return nil, fault.New(fault.Terminal, fault.ReasonIllegalState, "spec can't be encoded as JSON for gateways: %w", err)
	}
	organization, environment := content.OrganizationID, content.EnvironmentID
	if organization == "" {
		organization, environment = defaultID, defaultID
	}
	wanted := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: api.Namespace, Name: api.Name,
			Labels: map[string]string{ManagedByLabel: ManagedByValue, TypeLabel: TypeValue},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: v1alpha1.GroupVersion.String(), Kind: v1alpha1.ApiDefinitionKind, Name: api.Name, UID: api.UID,
			}},
		},
		Data: map[string]string{definitionKey: definition, organizationKey: organization, environmentKey: environment},
	}
	return wanted, fits(wanted)
}

func encode(definition map[string]any) (string, error) {
	var content bytes.Buffer
	encoder := json.NewEncoder(&content)
	// The characters of expressions stay readable.
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(definition); err != nil {
		return "", err
	}
	return strings.TrimSuffix(content.String(), "\n"), nil
}

func fits(wanted *corev1.ConfigMap) error {
	var size int
	for _, value := range wanted.Data {
		size += len(value)
	}
	if size <= maxBytes {
		return nil
	}
	return fault.New(fault.Terminal, fault.ReasonIllegalState,
		"spec is too large for gateways: ConfigMap %s/%s would hold %d bytes and may hold %d, so it stays as it is; make the spec smaller "+
			"(pages are the usual cause), split the API, or set spec.local to false, so that gateways get it from the management API",
		wanted.Namespace, wanted.Name, size, maxBytes)
}

// differences are what has to be written.
type differences struct {
	// values are keys of data that hold something else; the resource may have changed.
	values []string
	// edits can only have been made by others.
	edits []string
	// data is true when something in data is among them.
	data bool
}

func (d differences) any() bool { return len(d.values)+len(d.edits) > 0 }

func (d differences) sentence(have *corev1.ConfigMap) string {
	what := strings.Join(slices.Concat(d.values, d.edits), ", ")
	if len(d.values) == 0 {
		return fmt.Sprintf("Restored ConfigMap %s/%s, which was edited elsewhere (%s)", have.Namespace, have.Name, what)
	}
	return fmt.Sprintf("Updated ConfigMap %s/%s for gateways (%s)", have.Namespace, have.Name, what)
}

// compare looks at what gateways read. The owner is ours, or compare wouldn't be called.
func compare(have, wanted *corev1.ConfigMap) differences {
	var found differences
	for _, key := range slices.Sorted(maps.Keys(wanted.Data)) {
		value, ok := have.Data[key]
		if !ok {
			found.edits = append(found.edits, "data."+key+" was missing")
		} else if !sameValue(key, value, wanted.Data[key]) {
			found.values = append(found.values, "data."+key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(have.Data)) {
		if _, ok := wanted.Data[key]; !ok {
			found.edits = append(found.edits, "data."+key+" was added")
		}
	}
	for _, key := range slices.Sorted(maps.Keys(have.BinaryData)) {
		found.edits = append(found.edits, "binaryData."+key+" was added")
	}
	found.data = found.any()
	for _, label := range slices.Sorted(maps.Keys(wanted.Labels)) {
		if have.Labels[label] != wanted.Labels[label] {
			found.edits = append(found.edits, "label "+label)
		}
	}
	return found
}

func sameValue(key, have, wanted string) bool {
	if key == definitionKey {
		return sameDefinition(have, wanted)
	}
	return have == wanted
}

// sameDefinition reports whether two texts are the same JSON value, in whatever order their members are. Numbers are the same when
// they are written alike: how a gateway reads 1.0 is its own affair.
func sameDefinition(a, b string) bool {
	if a == b {
		return true
	}
	first, err := decode(a)
	if err != nil {
		return false
	}
	second, err := decode(b)
	return err == nil && reflect.DeepEqual(first, second)
}

var errNotOneValue = errors.New("something follows the JSON value")

func decode(text string) (any, error) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errNotOneValue
	}
	return value, nil
}
