// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"encoding/json"
	"maps"
	"reflect"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
)

// laid is the live resource with a file applied to it: the spec is the file's; uid, status and finalizers stay, and so do
// annotations that others have set, such as the operator's own.
func laid(live, file *v1alpha1.ApiDefinition) *v1alpha1.ApiDefinition {
	api := live.DeepCopy()
	layMetadata(&api.ObjectMeta, file)
	if !sameJSON(live.Spec, file.Spec) {
		api.Spec = *file.Spec.DeepCopy()
		// The API server counts changes of the spec, and the operator tells by the count what it has seen.
		api.Generation++
	}
	return api
}

func layMetadata(live *metav1.ObjectMeta, file client.Object) {
	before := lastApplied(live.Annotations)
	live.Labels = merged(live.Labels, before.Labels, file.GetLabels())
	live.Annotations = merged(live.Annotations, before.Annotations, file.GetAnnotations())
}

// merged is what kubectl apply makes of labels and annotations: those of the file are set, those that were in the file when it was
// applied last and aren't any more are removed, and others stay.
func merged(live, before, file map[string]string) map[string]string {
	result := make(map[string]string, len(live)+len(file))
	for name, value := range live {
		_, was := before[name]
		_, is := file[name]
		if !was || is {
			result[name] = value
		}
	}
	maps.Copy(result, file)
	return result
}

type appliedMetadata struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

// lastApplied reads what kubectl remembers of the file that it applied last; nothing where somebody else applied it.
func lastApplied(annotations map[string]string) appliedMetadata {
	var applied struct {
		Metadata appliedMetadata `json:"metadata"`
	}
	if json.Unmarshal([]byte(annotations[corev1.LastAppliedConfigAnnotation]), &applied) != nil {
		return appliedMetadata{}
	}
	return applied.Metadata
}

// sameJSON compares specs as an API server stores them: the spelling of free-form parts doesn't count, null and absent differ.
func sameJSON(a, b any) bool { return reflect.DeepEqual(decoded(a), decoded(b)) }

func decoded(value any) any {
	content, err := json.Marshal(value)
	if err != nil {
		return err
	}
	var document any
	if err := utiljson.Unmarshal(content, &document); err != nil {
		return err
	}
	return document
}
