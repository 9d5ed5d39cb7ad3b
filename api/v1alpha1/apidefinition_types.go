// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ApiDefinition describes an API of Gravitee's definition version 2: where it is reached, what it proxies,
// which policies apply, and who may use it under which plan. The operator keeps the management API of its
// context in step with it.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:metadata:annotations="gravitee.io/operator.version=4.13.0-apisync"
// +kubebuilder:resource:path=apidefinitions,singular=apidefinition,shortName=graviteeapis,scope=Namespaced,categories={gravitee,apisync}
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`,description="Whether the management API is as the spec says"
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,description="Why it is ready or not"
// +kubebuilder:printcolumn:name="Context",type=string,JSONPath=`.spec.contextRef.name`,description="ManagementContext in which the API is published"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`,description="Time since creation"
// +kubebuilder:printcolumn:name="Drifted",type=string,JSONPath=`.status.conditions[?(@.type=="Drifted")].status`,priority=1,description="Whether others changed the API, and it isn't put right"
// +kubebuilder:printcolumn:name="Entrypoint",type=string,JSONPath=`.spec.proxy.virtual_hosts[*].path`,priority=1,description="Paths at which gateways serve the API"
// +kubebuilder:printcolumn:name="Endpoint",type=string,JSONPath=`.spec.proxy.groups[*].endpoints[*].target`,priority=1,description="Targets to which requests go"
// +kubebuilder:printcolumn:name="Version",type=string,JSONPath=`.spec.version`,priority=1,description="Version label of the API"
type ApiDefinition struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the wanted API.
	// +optional
	Spec ApiDefinitionSpec `json:"spec,omitempty"`
	// status is written by the operator.
	// +kubebuilder:default={"observedGeneration":-1}
	// +optional
	Status ApiDefinitionStatus `json:"status,omitempty"`
}

// ApiDefinitionList is a list of ApiDefinitions.
//
// +kubebuilder:object:root=true
type ApiDefinitionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ApiDefinition `json:"items"`
}

// ApiState says whether an API runs.
// +kubebuilder:validation:Enum=STARTED;STOPPED
type ApiState string

// The states of an API.
const (
	StateStarted ApiState = "STARTED"
	StateStopped ApiState = "STOPPED"
)

// ApiDefinitionSpec is the wanted API. As JSON, without contextRef and local, it is what a Gravitee management
// API is sent once the identities are filled in.
type ApiDefinitionSpec struct {
	// contextRef names the ManagementContext in which the API is published. Without one the API is known to
	// no management API, and local must be true.
	// +optional
	ContextRef *Reference `json:"contextRef,omitempty"`
	// local says that the gateways of this cluster read the API from a ConfigMap.
	// +kubebuilder:default=false
	// +optional
	Local bool `json:"local"`

	// id is the id of the API in the management API. It is taken as long as status.id is empty; when it is left
	// out, the uid of this object is used. Set it, with crossId, to take over an API that exists already.
	// +optional
	ID string `json:"id,omitempty"`
	// crossId identifies the API in all environments. When it is left out, it is made of the namespace and
	// name of this object.
	// +optional
	CrossID string `json:"crossId,omitempty"`
	// name of the API, as shown in the console and the portal.
	Name string `json:"name"`
	// version label of the API, free text.
	Version string `json:"version"`
	// description of the API.
	Description string `json:"description"`
	// state says whether gateways serve the API (STARTED) or not (STOPPED).
	// +kubebuilder:default=STARTED
	// +optional
	State ApiState `json:"state,omitempty"`
	// lifecycle_state is the state of publication in the portal. There is no way back from DEPRECATED.
	// +kubebuilder:validation:Enum=CREATED;PUBLISHED;UNPUBLISHED;DEPRECATED;ARCHIVED
	// +kubebuilder:default=CREATED
	// +optional
	LifecycleState string `json:"lifecycle_state,omitempty"`
	// visibility says who sees the API in the portal: everybody (PUBLIC) or members only (PRIVATE).
	// +kubebuilder:validation:Enum=PUBLIC;PRIVATE
	// +kubebuilder:default=PRIVATE
	// +optional
	Visibility string `json:"visibility,omitempty"`
	// gravitee is the version of the definition format.
	// +kubebuilder:default="2.0.0"
	// +optional
	Gravitee string `json:"gravitee,omitempty"`
	// execution_mode picks the engine that runs the API in gateways.
	// +kubebuilder:validation:Enum=v3;v4-emulation-engine
	// +kubebuilder:default=v4-emulation-engine
	// +optional
	ExecutionMode string `json:"execution_mode,omitempty"`
	// flow_mode says which flows run: every one that matches (DEFAULT) or only the best match (BEST_MATCH).
	// +kubebuilder:validation:Enum=DEFAULT;BEST_MATCH
	// +kubebuilder:default=DEFAULT
	// +optional
	FlowMode string `json:"flow_mode,omitempty"`
	// definition_context tells the management API by whom the API is managed. Leave it out: the operator fills
	// it in.
	// +optional
	DefinitionContext *DefinitionContext `json:"definition_context,omitempty"`
	// deployedAt is a time of deployment in milliseconds since 1970, as exports carry it. It is passed on and
	// changes nothing.
	// +optional
	DeployedAt int64 `json:"deployedAt,omitempty"`

	// proxy says where the API is reached and what it proxies.
	// +optional
	Proxy *Proxy `json:"proxy,omitempty"`
	// flows are the policies that every request and response passes.
	// +kubebuilder:default={}
	// +optional
	Flows []Flow `json:"flows"`
	// plans say who may use the API. An API without a plan is served by no gateway.
	// +kubebuilder:default={}
	// +optional
	Plans []Plan `json:"plans"`
	// resources are shared helpers of policies, such as caches and OAuth2 servers: given here, or references
	// to ApiResources.
	// +kubebuilder:default={}
	// +optional
	Resources []ResourceOrRef `json:"resources"`
	// properties are values that policies can read.
	// +kubebuilder:default={}
	// +optional
	Properties []Property `json:"properties"`
	// services run beside the API: discovery of endpoints, health checks and dynamic properties.
	// +optional
	Services *Services `json:"services,omitempty"`
	// response_templates replace the gateway's own error answers. The key is that of the error, such as
	// API_KEY_INVALID or DEFAULT.
	// +optional
	ResponseTemplates map[string]ResponseTemplates `json:"response_templates,omitempty"`
	// path_mappings group requests in analytics, for example /books/:id.
	// +optional
	PathMappings []string `json:"path_mappings"`
	// tags are the sharding tags of the gateways that serve the API; none means every gateway.
	// +optional
	Tags []string `json:"tags"`

	// labels help finding the API in the console and the portal.
	// +kubebuilder:default={}
	// +optional
	Labels []string `json:"labels"`
	// categories of the portal in which the API is listed, by id, key or name.
	// +kubebuilder:default={}
	// +optional
	Categories []string `json:"categories"`
	// metadata are named values that documentation and notifications can show.
	// +kubebuilder:default={}
	// +optional
	Metadata []MetadataEntry `json:"metadata"`
	// pages are the documentation of the API. The key identifies a page, so renaming it makes another page.
	// +optional
	Pages map[string]Page `json:"pages"`

	// members are the people who have a role on the API.
	// +optional
	Members []Member `json:"members"`
	// notifyMembers says whether new members are told by mail.
	// +kubebuilder:default=true
	// +optional
	NotifyMembers bool `json:"notifyMembers"`
	// groups whose members have a role on the API, by name or id.
	// +kubebuilder:default={}
	// +optional
	Groups []string `json:"groups"`
	// groupRefs name Group resources. Their groups are added to groups.
	// +kubebuilder:default={}
	// +optional
	GroupRefs []Reference `json:"groupRefs"`
	// notificationsRefs name Notification resources that say who is notified of what.
	// +kubebuilder:default={}
	// +optional
	NotificationsRefs []Reference `json:"notificationsRefs,omitempty"`
	// consoleNotificationConfiguration is what notificationsRefs lead to in the management API. The operator
	// overwrites it.
	// +optional
	ConsoleNotificationConfiguration *ConsoleNotificationConfiguration `json:"consoleNotificationConfiguration,omitempty"`
}

// DefinitionContext tells the management API by whom an API is managed.
type DefinitionContext struct {
	// origin is where the definition comes from.
	// +kubebuilder:default=kubernetes
	// +optional
	Origin string `json:"origin,omitempty"`
	// mode says how much of the API is managed from there.
	// +kubebuilder:default=fully_managed
	// +optional
	Mode string `json:"mode,omitempty"`
	// syncFrom says where gateways get the API from. The operator sends MANAGEMENT, or KUBERNETES for a local
	// API.
	// +kubebuilder:default=kubernetes
	// +optional
	SyncFrom string `json:"syncFrom,omitempty"`
}

// Plan says who may use an API, and under which conditions.
type Plan struct {
	// id of the plan in the management API. The operator fills it in.
	// +optional
	ID string `json:"id,omitempty"`
	// crossId identifies the plan in all environments. When it is left out, it is made of the API's crossId
	// and the plan's name, so that renaming the plan closes it and opens another one.
	// +optional
	CrossID string `json:"crossId,omitempty"`
	// name of the plan. It must differ from the other plans of the API.
	Name string `json:"name"`
	// description of the plan.
	Description string `json:"description"`
	// security is the way in which consumers prove who they are, such as KEY_LESS, API_KEY, JWT or OAUTH2.
	Security string `json:"security"`
	// securityDefinition is the configuration of that way: a JSON document as text.
	// +optional
	SecurityDefinition string `json:"securityDefinition,omitempty"`
	// selection_rule is an expression that must hold for a request to come under the plan.
	// +optional
	SelectionRule string `json:"selection_rule,omitempty"`
	// status of the plan. STAGING plans aren't open yet, DEPRECATED ones take no new subscriptions.
	// +kubebuilder:validation:Enum=PUBLISHED;DEPRECATED;STAGING
	// +kubebuilder:default=PUBLISHED
	// +optional
	Status string `json:"status,omitempty"`
	// type of the plan.
	// +kubebuilder:validation:Enum=API;CATALOG
	// +kubebuilder:default=API
	// +optional
	Type string `json:"type,omitempty"`
	// validation says whether subscriptions are accepted at once (AUTO) or by a person (MANUAL).
	// +kubebuilder:validation:Enum=AUTO;MANUAL
	// +kubebuilder:default=AUTO
	// +optional
	Validation string `json:"validation,omitempty"`
	// comment_required says whether subscribers must say why.
	// +optional
	CommentRequired *bool `json:"comment_required,omitempty"`
	// order of the plan among the plans of the API; lower ones are tried and shown first.
	// +optional
	Order *int `json:"order,omitempty"`
	// characteristics are remarks for subscribers.
	// +optional
	Characteristics []string `json:"characteristics"`
	// tags are the sharding tags of the gateways that serve the plan.
	// +kubebuilder:default={}
	// +optional
	Tags []string `json:"tags"`
	// excluded_groups are the groups whose members can't subscribe, by name or id.
	// +kubebuilder:default={}
	// +optional
	ExcludedGroups []string `json:"excluded_groups"`
	// flows are the policies for requests under the plan.
	// +kubebuilder:default={}
	// +optional
	Flows []Flow `json:"flows"`
	// paths are rules by path, as definitions of version 1 had them.
	// +optional
	Paths map[string][]Rule `json:"paths,omitempty"`
	// api is the id of the API to which the plan belongs. The operator fills it in where it is needed.
	// +optional
	API string `json:"api,omitempty"`
}

// Rule applies one policy to requests of some methods.
type Rule struct {
	// methods to which the rule applies; none means all.
	// +optional
	Methods []HTTPMethod `json:"methods,omitempty"`
	// policy that is applied.
	// +optional
	Policy *RulePolicy `json:"policy,omitempty"`
	// description of the rule.
	// +optional
	Description string `json:"description,omitempty"`
	// enabled switches the rule on.
	// +optional
	Enabled *bool `json:"enabled,omitempty"`
}

// RulePolicy is a policy of a Rule.
type RulePolicy struct {
	// name is the id of the policy's plugin.
	// +optional
	Name string `json:"name,omitempty"`
	// configuration of the policy.
	// +optional
	Configuration *FreeForm `json:"configuration,omitempty"`
}

// ResourceOrRef is a resource of an API, or a reference to an ApiResource that holds it.
type ResourceOrRef struct {
	// ref names an ApiResource. When it is set, the other fields don't count.
	// +optional
	Ref *Reference `json:"ref,omitempty"`
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

// Property is a value that policies can read.
type Property struct {
	// key of the property. It must differ from the other properties of the API.
	// +optional
	Key string `json:"key,omitempty"`
	// value of the property.
	// +optional
	Value string `json:"value,omitempty"`
	// encrypted says that value is encrypted already.
	// +optional
	Encrypted *bool `json:"encrypted,omitempty"`
	// encryptable asks for the value to be encrypted. Not every management API does that for definitions of
	// version 2.
	// +optional
	Encryptable *bool `json:"encryptable,omitempty"`
	// dynamic says that the value comes from the dynamic-property service.
	// +optional
	Dynamic *bool `json:"dynamic,omitempty"`
}

// ResponseTemplates are the answers to one error by the media type that the consumer asks for, where `*/*`
// stands for any.
type ResponseTemplates map[string]ResponseTemplate

// ResponseTemplate is an answer that a gateway gives instead of its own error.
type ResponseTemplate struct {
	// status is the HTTP status code.
	// +optional
	Status *int `json:"status,omitempty"`
	// headers of the answer.
	// +optional
	Headers map[string]string `json:"headers,omitempty"`
	// body of the answer.
	// +optional
	Body *string `json:"body,omitempty"`
	// propagateErrorKeyToLogs says whether the key of the error is written to logs.
	// +optional
	PropagateErrorKeyToLogs *bool `json:"propagateErrorKeyToLogs,omitempty"`
}

// Member is somebody who has a role on an API.
type Member struct {
	// source is the identity provider that knows the member.
	Source string `json:"source"`
	// sourceId is the id of the member in that identity provider.
	SourceID string `json:"sourceId"`
	// role is the display name of the role.
	// +kubebuilder:default=USER
	// +optional
	Role string `json:"role,omitempty"`
}

// MetadataEntry is a named value for documentation and notifications.
type MetadataEntry struct {
	// key of the entry.
	Key string `json:"key"`
	// name of the entry, as shown.
	Name string `json:"name"`
	// format that the value must have.
	// +kubebuilder:validation:Enum=STRING;NUMERIC;BOOLEAN;DATE;MAIL;URL
	Format string `json:"format"`
	// value of the entry.
	// +optional
	Value string `json:"value,omitempty"`
	// defaultValue is shown where there is no value.
	// +optional
	DefaultValue *string `json:"defaultValue,omitempty"`
}

// Page is a page or folder of an API's documentation.
type Page struct {
	// id of the page in the management API. The operator fills it in.
	// +optional
	ID string `json:"id,omitempty"`
	// crossId identifies the page in all environments. When it is left out, it is made of the key of the page.
	// +optional
	CrossID string `json:"crossId,omitempty"`
	// hrid is a key that the operator may fill in for the management API.
	// +optional
	HRID string `json:"hrid,omitempty"`
	// parentHrid is a key that the operator may fill in for the management API.
	// +optional
	ParentHRID string `json:"parentHrid,omitempty"`
	// api is the id of the API to which the page belongs. The operator fills it in.
	// +optional
	API string `json:"api,omitempty"`
	// name of the page, as shown.
	Name string `json:"name"`
	// type of the page or folder.
	// +kubebuilder:validation:Enum=MARKDOWN;SWAGGER;ASYNCAPI;ASCIIDOC;FOLDER;SYSTEM_FOLDER;ROOT
	Type string `json:"type"`
	// content of the page.
	// +optional
	Content *string `json:"content,omitempty"`
	// order of the page among its neighbours.
	// +optional
	Order *int64 `json:"order,omitempty"`
	// parent is the key, in pages, of the folder that holds this page.
	// +optional
	Parent *string `json:"parent,omitempty"`
	// parentId is the id of that folder in the management API. The operator fills it in.
	// +optional
	ParentID *string `json:"parentId,omitempty"`
	// homepage says whether the documentation of the API opens with this page.
	// +kubebuilder:default=false
	// +optional
	Homepage bool `json:"homepage"`
	// published says whether the portal shows the page.
	// +kubebuilder:default=false
	// +optional
	Published bool `json:"published"`
	// visibility says who sees the page: everybody (PUBLIC) or members only (PRIVATE).
	// +kubebuilder:validation:Enum=PUBLIC;PRIVATE
	// +kubebuilder:default=PUBLIC
	// +optional
	Visibility string `json:"visibility,omitempty"`
	// accessControls name the groups that see a private page.
	// +kubebuilder:default={}
	// +optional
	AccessControls []AccessControl `json:"accessControls"`
	// excludedAccessControls turns accessControls round: the groups named there don't see the page.
	// +optional
	ExcludedAccessControls *bool `json:"excludedAccessControls"`
	// source is where the content is fetched from, instead of content.
	// +optional
	Source *PageSource `json:"source,omitempty"`
	// configuration of the way in which the page is shown, such as the viewer of a SWAGGER page.
	// +optional
	Configuration map[string]string `json:"configuration,omitempty"`
}

// AccessControl names a group.
type AccessControl struct {
	// referenceId is the name or id of the group.
	ReferenceID string `json:"referenceId"`
	// referenceType is the kind of thing that is named.
	// +kubebuilder:validation:Enum=GROUP
	ReferenceType string `json:"referenceType"`
}

// PageSource is where the content of a page is fetched from.
type PageSource struct {
	// type is the id of the fetcher's plugin.
	Type string `json:"type"`
	// configuration of the fetcher.
	Configuration *FreeForm `json:"configuration"`
}

// ConsoleNotificationConfiguration says which events of an API are shown in the console to whom.
type ConsoleNotificationConfiguration struct {
	// config_type is the kind of notification.
	ConfigType string `json:"config_type"`
	// groups that are notified.
	Groups []string `json:"groups"`
	// hooks are the events.
	Hooks []string `json:"hooks"`
	// origin is where the configuration comes from.
	Origin string `json:"origin"`
	// referenceId is the id of what is watched.
	// +optional
	ReferenceID string `json:"referenceId,omitempty"`
	// referenceType is the kind of what is watched.
	// +optional
	ReferenceType string `json:"referenceType,omitempty"`
	// user who is notified.
	// +optional
	User string `json:"user,omitempty"`
}

// ApiDefinitionStatus tells what became of the spec, and what the management API calls the API.
type ApiDefinitionStatus struct {
	// observedGeneration is the generation of the spec that this status speaks of; -1 before the first look.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions tell how things stand: Ready, and while it is not True one of Reconciling and Stalled;
	// Accepted and ResolvedRefs; Served, which is False for an API that no gateway will serve.
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:default={}
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// id of the API in the management API. All later calls use it.
	// +optional
	ID string `json:"id,omitempty"`
	// crossId of the API in the management API.
	// +optional
	CrossID string `json:"crossId,omitempty"`
	// organizationId is the organization in which the API is published.
	// +optional
	OrganizationID string `json:"organizationId,omitempty"`
	// environmentId is the environment in which the API is published.
	// +optional
	EnvironmentID string `json:"environmentId,omitempty"`
	// state that the API had last.
	// +optional
	State ApiState `json:"state,omitempty"`
	// plans are the ids of the API's plans in the management API, by crossId.
	// +optional
	Plans map[string]string `json:"plans,omitempty"`
	// subscriptions is the number of Subscription resources that name the API.
	// +optional
	Subscriptions int `json:"subscriptions,omitempty"`
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

// Errors are remarks of a management API.
type Errors struct {
	// severe remarks name what keeps the API from being published as the spec says.
	// +optional
	Severe []string `json:"severe,omitempty"`
	// warning remarks name what was left out or changed.
	// +optional
	Warning []string `json:"warning,omitempty"`
}

// SyncStatus is what the operator remembers of its last write to the management API.
type SyncStatus struct {
	// digest identifies the wanted state that was written, without revealing it.
	// +optional
	Digest string `json:"digest,omitempty"`
	// marker is the management API's mark of the state that the write led to. A different one means that
	// somebody else wrote.
	// +optional
	Marker string `json:"marker,omitempty"`
	// unresolved are the paths of fields that differ in the management API although they were corrected. They
	// are told, and not corrected again.
	// +listType=atomic
	// +optional
	Unresolved []string `json:"unresolved,omitempty"`
	// severe is true when the last write was accepted with severe remarks, which errors tells. Those of another operator's writes don't
	// count.
	// +optional
	Severe bool `json:"severe,omitempty"`
	// place is where the object was written to.
	// +optional
	Place *Place `json:"place,omitempty"`
	// reconcileAt is the value of the annotation apisync.github.io/reconcile-at that was answered last.
	// +optional
	ReconcileAt string `json:"reconcileAt,omitempty"`
}

// Place is one environment of one management API.
type Place struct {
	// type of the management API; empty means Gravitee.
	// +optional
	Type string `json:"type,omitempty"`
	// baseUrl is the address of the management API.
	// +optional
	BaseURL string `json:"baseUrl,omitempty"`
	// organizationId is the organization.
	// +optional
	OrganizationID string `json:"organizationId,omitempty"`
	// environmentId is the environment.
	// +optional
	EnvironmentID string `json:"environmentId,omitempty"`
	// context is the namespace/name of the ManagementContext that led there.
	// +optional
	Context string `json:"context,omitempty"`
	// ID of the API there.
	// +optional
	ID string `json:"id,omitempty"`
}

// GetConditions returns the conditions of the status.
func (a *ApiDefinition) GetConditions() []metav1.Condition { return a.Status.Conditions }

// SetConditions replaces the conditions of the status.
func (a *ApiDefinition) SetConditions(conditions []metav1.Condition) {
	a.Status.Conditions = conditions
}

// GetObservedGeneration returns the generation of which the status speaks.
func (a *ApiDefinition) GetObservedGeneration() int64 { return a.Status.ObservedGeneration }

// SetObservedGeneration sets the generation of which the status speaks.
func (a *ApiDefinition) SetObservedGeneration(generation int64) {
	a.Status.ObservedGeneration = generation
}

// SetProcessingStatus sets the verdict in the one word of the Gravitee Kubernetes Operator.
func (a *ApiDefinition) SetProcessingStatus(word string) { a.Status.ProcessingStatus = word }
