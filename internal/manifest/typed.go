// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"encoding/json"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	kjson "sigs.k8s.io/json"

	"github.com/apisync/apisync/api/v1alpha1"
)

// ours decodes an admitted object of one of our kinds.
func ours(object *unstructured.Unstructured) (client.Object, error) {
	var typed client.Object
	switch object.GetKind() {
	case v1alpha1.ApiDefinitionKind:
		typed = &v1alpha1.ApiDefinition{}
	case v1alpha1.ManagementContextKind:
		typed = &v1alpha1.ManagementContext{}
	case v1alpha1.ApiResourceKind:
		typed = &v1alpha1.ApiResource{}
	case v1alpha1.GroupKind:
		typed = &v1alpha1.Group{}
	case v1alpha1.NotificationKind:
		typed = &v1alpha1.Notification{}
	default:
		return nil, fmt.Errorf("the kind %s has a definition and no Go type", object.GetKind())
	}
	_, err := decodeInto(object, typed)
	return typed, err
}

// secret decodes a Secret as an API server does: stringData wins over data.
func secret(object *unstructured.Unstructured) (typed client.Object, unknown []string, err error) {
	decoded := &corev1.Secret{}
	unknown, err = decodeInto(object, decoded)
	if err != nil {
		return nil, nil, err
	}
	if len(decoded.StringData) > 0 {
		data := maps.Clone(decoded.Data)
		if data == nil {
			data = map[string][]byte{}
		}
		for key, value := range decoded.StringData {
			data[key] = []byte(value)
		}
		decoded.Data, decoded.StringData = data, nil
	}
	return decoded, unknown, nil
}

// configMap decodes a ConfigMap.
func configMap(object *unstructured.Unstructured) (typed client.Object, unknown []string, err error) {
	decoded := &corev1.ConfigMap{}
	unknown, err = decodeInto(object, decoded)
	if err != nil {
		return nil, nil, err
	}
	return decoded, unknown, nil
}

// decodeInto gives the paths of fields that the type doesn't know.
func decodeInto(object *unstructured.Unstructured, typed any) (unknown []string, err error) {
	content, err := json.Marshal(object.Object)
	if err != nil {
		return nil, err
	}
	strict, err := kjson.UnmarshalStrict(content, typed)
	for _, problem := range strict {
		if at, ok := problem.(kjson.FieldError); ok { //nolint:errorlint // they aren't wrapped
			unknown = append(unknown, at.FieldPath())
		}
	}
	return unknown, err
}

// ownMetadata is what the author of a manifest says about an object; the rest is for an API server to say.
func ownMetadata(meta *metav1.ObjectMeta, namespace string) *metav1.ObjectMeta {
	own := &metav1.ObjectMeta{
		Name: meta.Name, Namespace: meta.Namespace, Labels: meta.Labels, Annotations: maps.Clone(meta.Annotations),
		Finalizers: meta.Finalizers, OwnerReferences: meta.OwnerReferences,
	}
	// kubectl's own copy of the manifest: of a Secret as well.
	delete(own.Annotations, corev1.LastAppliedConfigAnnotation)
	if own.Namespace == "" {
		own.Namespace = namespace
	}
	return own
}

func setMetadata(object client.Object, meta *metav1.ObjectMeta) {
	object.SetName(meta.Name)
	object.SetNamespace(meta.Namespace)
	object.SetLabels(meta.Labels)
	object.SetAnnotations(meta.Annotations)
	object.SetFinalizers(meta.Finalizers)
	object.SetOwnerReferences(meta.OwnerReferences)
}
