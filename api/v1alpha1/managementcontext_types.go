// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ManagementContext says where APIs are published: one environment of one management API, and the
// credentials to be used there. APIs name it in spec.contextRef.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:metadata:annotations="gravitee.io/operator.version=4.13.0-apisync"
// +kubebuilder:resource:path=managementcontexts,singular=managementcontext,shortName=graviteecontexts,scope=Namespaced,categories={gravitee,apisync}
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`,description="Whether the management API is reached with these credentials"
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,description="Why it is ready or not"
// +kubebuilder:printcolumn:name="BaseUrl",type=string,JSONPath=`.spec.baseUrl`,description="Address of the management API"
// +kubebuilder:printcolumn:name="Environment",type=string,JSONPath=`.spec.environmentId`,description="Environment in which APIs are published"
// +kubebuilder:printcolumn:name="User",type=string,JSONPath=`.status.server.user`,description="As whom the management API knows the operator"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`,description="Time since creation"
type ManagementContext struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says which management API is meant and how to log in there.
	// +optional
	Spec ManagementContextSpec `json:"spec,omitempty"`
	// status is written by the operator.
	// +kubebuilder:default={"observedGeneration":-1}
	// +optional
	Status ManagementContextStatus `json:"status,omitempty"`
}

// ManagementContextList is a list of ManagementContexts.
//
// +kubebuilder:object:root=true
type ManagementContextList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ManagementContext `json:"items"`
}

// ManagementContextSpec says which management API is meant and how to log in there.
type ManagementContextSpec struct {
	// type of the management API, such as gravitee. It picks the back end of the operator; empty means Gravitee.
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^([a-z]([-a-z0-9]*[a-z0-9])?)?$`
	// +optional
	Type string `json:"type,omitempty"`
	// baseUrl is the address of the management API without its path, beginning with http:// or https://. It is
	// needed unless a cloud token tells it.
	// +optional
	BaseUrl string `json:"baseUrl,omitempty"`
	// path replaces the path of the management API under baseUrl. When it is set, even to an empty text, it is
	// used instead of every path that is otherwise assumed.
	// +optional
	Path *string `json:"path,omitempty"`
	// organizationId is the organization of the environment. It is needed unless a cloud token tells it.
	// +optional
	OrganizationID string `json:"organizationId,omitempty"`
	// environmentId is the environment in which APIs are published. It is needed unless a cloud token names
	// exactly one.
	// +optional
	EnvironmentID string `json:"environmentId,omitempty"`
	// auth holds the credentials, or the reference to a Secret with them. It is needed unless cloud is set.
	// +optional
	Auth *Auth `json:"auth,omitempty"`
	// cloud is for environments of Gravitee Cloud.
	// +optional
	Cloud *Cloud `json:"cloud,omitempty"`
}

// Auth holds the credentials for a management API. A bearer token wins over user name and password; a Secret
// wins over both.
type Auth struct {
	// bearerToken is a personal access token. Prefer secretRef: what stands here can be read by everybody who
	// can read the context.
	// +optional
	BearerToken string `json:"bearerToken,omitempty"`
	// credentials are a user name and password. Prefer secretRef, as for bearerToken.
	// +optional
	Credentials *BasicAuth `json:"credentials,omitempty"`
	// secretRef names a Secret with either the key bearerToken, or the keys username and password.
	// +optional
	SecretRef *Reference `json:"secretRef,omitempty"`
}

// BasicAuth is a user name with a password.
type BasicAuth struct {
	// username of an account of the management API.
	Username string `json:"username"`
	// password of that account.
	Password string `json:"password"`
}

// Cloud holds the token for an environment of Gravitee Cloud.
type Cloud struct {
	// token is a cloud token. It tells the address and the organization, and the environment when it is for one
	// only.
	// +optional
	Token string `json:"token,omitempty"`
	// secretRef names a Secret with the token under the key cloudToken.
	// +optional
	SecretRef *Reference `json:"secretRef,omitempty"`
}

// ManagementContextStatus tells whether the management API is reached, and as whom.
type ManagementContextStatus struct {
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
	// server tells what was learned from the management API when it was reached last.
	// +optional
	Server *ServerStatus `json:"server,omitempty"`
}

// ServerStatus tells what was learned from a management API.
type ServerStatus struct {
	// user as whom the management API knows the operator.
	// +optional
	User string `json:"user,omitempty"`
	// version of the management API, where it can be learned.
	// +optional
	Version string `json:"version,omitempty"`
	// organizationId is the organization that was reached.
	// +optional
	OrganizationID string `json:"organizationId,omitempty"`
	// environmentId is the environment that was reached.
	// +optional
	EnvironmentID string `json:"environmentId,omitempty"`
	// environmentName is the display name of that environment.
	// +optional
	EnvironmentName string `json:"environmentName,omitempty"`
	// capabilities are the optional things that this management API can do.
	// +listType=set
	// +optional
	Capabilities []string `json:"capabilities,omitempty"`
}

// GetConditions returns the conditions of the status.
func (c *ManagementContext) GetConditions() []metav1.Condition { return c.Status.Conditions }

// SetConditions replaces the conditions of the status.
func (c *ManagementContext) SetConditions(conditions []metav1.Condition) {
	c.Status.Conditions = conditions
}

// GetObservedGeneration returns the generation of which the status speaks.
func (c *ManagementContext) GetObservedGeneration() int64 { return c.Status.ObservedGeneration }

// SetObservedGeneration sets the generation of which the status speaks.
func (c *ManagementContext) SetObservedGeneration(generation int64) {
	c.Status.ObservedGeneration = generation
}
