// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Group is a group of people in a management API. APIs name it in spec.groupRefs. With a context, the operator keeps the
// group and its members in step there; without one, it only gives a name to a group that is kept elsewhere.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:metadata:annotations="gravitee.io/operator.version=4.13.0-apisync"
// +kubebuilder:resource:path=groups,singular=group,shortName=graviteegroups,scope=Namespaced,categories={gravitee,apisync}
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`,description="Whether the management API is as the spec says"
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,description="Why it is ready or not"
// +kubebuilder:printcolumn:name="Members",type=integer,JSONPath=`.status.members`,description="Members that the management API counts"
// +kubebuilder:printcolumn:name="Context",type=string,JSONPath=`.spec.contextRef.name`,description="ManagementContext in which the group is kept"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`,description="Time since creation"
// +kubebuilder:printcolumn:name="Drifted",type=string,JSONPath=`.status.conditions[?(@.type=="Drifted")].status`,priority=1,description="Whether others changed the group, and it isn't put right"
type Group struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the wanted group.
	// +optional
	Spec GroupSpec `json:"spec,omitempty"`
	// status is written by the operator.
	// +kubebuilder:default={"observedGeneration":-1,"members":0}
	// +optional
	Status GroupStatus `json:"status,omitempty"`
}

// GroupList is a list of Groups.
//
// +kubebuilder:object:root=true
type GroupList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Group `json:"items"`
}

// GroupSpec is the wanted group.
type GroupSpec struct {
	// contextRef names the ManagementContext in which the group is kept. Without one the group is expected to be there
	// already.
	// +optional
	ContextRef *Reference `json:"contextRef,omitempty"`
	// hrid is a key that the operator may fill in for the management API.
	// +optional
	HRID string `json:"hrid,omitempty"`
	// id of the group in the management API. Leave it out: it is for groups of older releases.
	// +optional
	ID string `json:"id,omitempty"`
	// name of the group, as shown.
	Name string `json:"name"`
	// members of the group.
	Members []GroupMember `json:"members"`
	// notifyMembers says whether new members are told by mail.
	// +kubebuilder:default=true
	// +optional
	NotifyMembers bool `json:"notifyMembers"`
}

// GroupMember is somebody who belongs to a group.
type GroupMember struct {
	// source is the identity provider that knows the member.
	Source string `json:"source"`
	// sourceId is the id of the member in that identity provider.
	SourceID string `json:"sourceId"`
	// roles of the member by scope: API, APPLICATION or INTEGRATION.
	// +kubebuilder:default={}
	// +optional
	Roles map[string]string `json:"roles,omitempty"`
}

// GroupStatus tells what became of the spec, and what the management API calls the group.
type GroupStatus struct {
	// observedGeneration is the generation of the spec that this status speaks of; -1 before the first look.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions tell how things stand: Ready, and while it is not True one of Reconciling and Stalled;
	// Accepted and ResolvedRefs; Deletable once deletion is asked for; AutomationAPIManaged on groups that are known to
	// the management API by their namespace and name.
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:default={}
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// id of the group in the management API.
	// +optional
	ID string `json:"id,omitempty"`
	// organizationId is the organization in which the group is kept.
	// +optional
	OrganizationID string `json:"organizationId,omitempty"`
	// environmentId is the environment in which the group is kept.
	// +optional
	EnvironmentID string `json:"environmentId,omitempty"`
	// members is the number of members that the management API counts.
	// +optional
	Members uint `json:"members"`
	// processingStatus is Completed or Failed. It is kept for scripts that read it; conditions tell more.
	// +optional
	ProcessingStatus string `json:"processingStatus,omitempty"`
	// errors are remarks of the management API on the spec it was sent last.
	// +optional
	Errors Errors `json:"errors"`
	// sync is what the operator remembers of its last write.
	// +optional
	Sync *SyncStatus `json:"sync,omitempty"`
}

// GetConditions returns the conditions of the status.
func (g *Group) GetConditions() []metav1.Condition { return g.Status.Conditions }

// SetConditions replaces the conditions of the status.
func (g *Group) SetConditions(conditions []metav1.Condition) { g.Status.Conditions = conditions }

// GetObservedGeneration returns the generation of which the status speaks.
func (g *Group) GetObservedGeneration() int64 { return g.Status.ObservedGeneration }

// SetObservedGeneration sets the generation of which the status speaks.
func (g *Group) SetObservedGeneration(generation int64) { g.Status.ObservedGeneration = generation }

// SetProcessingStatus sets the verdict in the one word of the Gravitee Kubernetes Operator.
func (g *Group) SetProcessingStatus(word string) { g.Status.ProcessingStatus = word }
