// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Notification says which events of an API are shown in the console to whom. It is known to no management API by itself:
// APIs name it in spec.notificationsRefs, and carry what it says.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:metadata:annotations="gravitee.io/operator.version=4.13.0-apisync"
// +kubebuilder:resource:path=notifications,singular=notification,shortName=graviteenotif,scope=Namespaced,categories={gravitee,apisync}
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`,description="Whether APIs can use the notification"
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,description="Why it is ready or not"
// +kubebuilder:printcolumn:name="Target",type=string,JSONPath=`.spec.target`,description="Where events are shown"
// +kubebuilder:printcolumn:name="Event type",type=string,JSONPath=`.spec.eventType`,description="What the events are about"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`,description="Time since creation"
type Notification struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says which events are shown to whom.
	// +optional
	Spec NotificationSpec `json:"spec,omitempty"`
	// status is written by the operator.
	// +kubebuilder:default={"observedGeneration":-1}
	// +optional
	Status NotificationStatus `json:"status,omitempty"`
}

// NotificationList is a list of Notifications.
//
// +kubebuilder:object:root=true
type NotificationList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Notification `json:"items"`
}

// The one target and the one type of events that there are.
const (
	NotificationTargetConsole = "console"
	NotificationEventTypeAPI  = "api"
)

// NotificationSpec says which events are shown to whom.
type NotificationSpec struct {
	// eventType says what the events are about.
	// +kubebuilder:validation:Enum=api
	// +kubebuilder:default=api
	EventType string `json:"eventType"`
	// target says where the events are shown.
	// +kubebuilder:validation:Enum=console
	// +kubebuilder:default=console
	Target string `json:"target"`
	// console says what is shown in the console.
	// +kubebuilder:default={}
	// +optional
	Console ConsoleNotification `json:"console,omitempty"`
}

// ConsoleNotification says which events are shown in the console, and to which groups.
type ConsoleNotification struct {
	// apiEvents are the events of an API that are shown.
	// +optional
	APIEvents []APIEvent `json:"apiEvents,omitempty"`
	// groups whose members see the events, by name or id.
	// +optional
	Groups []string `json:"groups,omitempty"`
	// groupRefs name Group resources whose members see the events.
	// +optional
	GroupRefs []Reference `json:"groupRefs,omitempty"`
}

// APIEvent is an event of an API.
// +kubebuilder:validation:Enum=APIKEY_EXPIRED;APIKEY_RENEWED;APIKEY_REVOKED;SUBSCRIPTION_NEW;SUBSCRIPTION_ACCEPTED;SUBSCRIPTION_CLOSED;SUBSCRIPTION_PAUSED;SUBSCRIPTION_RESUMED;SUBSCRIPTION_REJECTED;SUBSCRIPTION_TRANSFERRED;SUBSCRIPTION_FAILED;NEW_SUPPORT_TICKET;API_STARTED;API_STOPPED;API_UPDATED;API_DEPLOYED;NEW_RATING;NEW_RATING_ANSWER;MESSAGE;ASK_FOR_REVIEW;REVIEW_OK;REQUEST_FOR_CHANGES;API_DEPRECATED;NEW_SPEC_GENERATED
type APIEvent string

// NotificationStatus tells whether APIs can use the notification.
type NotificationStatus struct {
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
func (n *Notification) GetConditions() []metav1.Condition { return n.Status.Conditions }

// SetConditions replaces the conditions of the status.
func (n *Notification) SetConditions(conditions []metav1.Condition) {
	n.Status.Conditions = conditions
}

// GetObservedGeneration returns the generation of which the status speaks.
func (n *Notification) GetObservedGeneration() int64 { return n.Status.ObservedGeneration }

// SetObservedGeneration sets the generation of which the status speaks.
func (n *Notification) SetObservedGeneration(generation int64) {
	n.Status.ObservedGeneration = generation
}
