// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ApiResource is a shared helper of policies, such as a cache or an OAuth2 server, that several APIs use. It is
// known to no management API by itself: each API that names it in spec.resources[].ref carries a copy.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:metadata:annotations="gravitee.io/operator.version=4.13.0-apisync"
// +kubebuilder:resource:path=apiresources,singular=apiresource,scope=Namespaced,categories={gravitee,apisync}
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`,description="Whether APIs can use the resource"
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,description="Why it is ready or not"
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.type`,description="Plugin of the resource"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`,description="Time since creation"
type ApiResource struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the resource as policies see it.
	// +optional
	Spec ApiResourceSpec `json:"spec,omitempty"`
	// status is written by the operator.
	// +kubebuilder:default={"observedGeneration":-1}
	// +optional
	Status ApiResourceStatus `json:"status,omitempty"`
}

// ApiResourceList is a list of ApiResources.
//
// +kubebuilder:object:root=true
type ApiResourceList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ApiResource `json:"items"`
}

// ApiResourceSpec is a resource as policies see it. APIs can only use it when name, type and configuration are set.
type ApiResourceSpec struct {
	// name under which policies find the resource.
	// +optional
	Name string `json:"name,omitempty"`
	// type is the id of the resource's plugin.
	// +optional
	Type string `json:"type,omitempty"`
	// enabled switches the resource on.
	// +kubebuilder:default=true
	// +optional
	Enabled *bool `json:"enabled,omitempty"`
	// configuration of the resource.
	// +optional
	Configuration *FreeForm `json:"configuration,omitempty"`
}

// ApiResourceStatus tells whether APIs can use the resource.
type ApiResourceStatus struct {
	// observedGeneration is the generation of the spec that this status speaks of; -1 before the first look.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions tell how things stand: Ready, and while it is not True one of Reconciling and Stalled;
	// Accepted and ResolvedRefs; Deletable once deletion is asked for.
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:default={}
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// GetConditions returns the conditions of the status.
func (r *ApiResource) GetConditions() []metav1.Condition { return r.Status.Conditions }

// SetConditions replaces the conditions of the status.
func (r *ApiResource) SetConditions(conditions []metav1.Condition) { r.Status.Conditions = conditions }

// GetObservedGeneration returns the generation of which the status speaks.
func (r *ApiResource) GetObservedGeneration() int64 { return r.Status.ObservedGeneration }

// SetObservedGeneration sets the generation of which the status speaks.
func (r *ApiResource) SetObservedGeneration(generation int64) {
	r.Status.ObservedGeneration = generation
}
