// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Flow applies policies to the requests and responses that it matches.
type Flow struct {
	// id of the flow, as exports carry it. Management APIs give flows new ids at every write.
	// +optional
	ID string `json:"id,omitempty"`
	// name of the flow.
	// +optional
	Name string `json:"name,omitempty"`
	// path-operator says which paths match.
	// +optional
	PathOperator *PathOperator `json:"path-operator,omitempty"`
	// methods that match; none means all.
	// +kubebuilder:default={}
	// +optional
	Methods []HTTPMethod `json:"methods"`
	// condition is an expression that must hold too.
	// +optional
	Condition string `json:"condition,omitempty"`
	// consumers for whom the flow runs; none means all.
	// +kubebuilder:default={}
	// +optional
	Consumers []Consumer `json:"consumers"`
	// pre are the policies for requests, in order.
	// +kubebuilder:default={}
	// +optional
	Pre []FlowStep `json:"pre"`
	// post are the policies for responses, in order.
	// +kubebuilder:default={}
	// +optional
	Post []FlowStep `json:"post"`
	// enabled switches the flow on.
	// +kubebuilder:default=true
	Enabled bool `json:"enabled"`
}

// PathOperator matches paths.
type PathOperator struct {
	// path with which a request is compared.
	// +optional
	Path string `json:"path,omitempty"`
	// operator of the comparison.
	// +kubebuilder:validation:Enum=STARTS_WITH;EQUALS
	// +kubebuilder:default=STARTS_WITH
	// +optional
	Operator string `json:"operator,omitempty"`
}

// Consumer limits a flow to some consumers.
type Consumer struct {
	// consumerType is the kind of consumer; 0 is a sharding tag.
	// +optional
	ConsumerType *int `json:"consumerType,omitempty"`
	// consumerId is the consumer's id.
	// +optional
	ConsumerID string `json:"consumerId,omitempty"`
}

// FlowStep applies one policy.
type FlowStep struct {
	// name of the step.
	// +optional
	Name *string `json:"name,omitempty"`
	// description of the step.
	// +optional
	Description *string `json:"description,omitempty"`
	// policy is the id of the policy's plugin. An API with a policy that gateways don't know isn't served.
	// +optional
	Policy *string `json:"policy,omitempty"`
	// configuration of the policy. It is passed on as it is.
	// +optional
	Configuration *FreeForm `json:"configuration,omitempty"`
	// condition is an expression that must hold for the policy to be applied.
	// +optional
	Condition *string `json:"condition,omitempty"`
	// enabled switches the step on.
	// +kubebuilder:default=true
	Enabled bool `json:"enabled"`
}

// Services run beside an API or a group of endpoints.
type Services struct {
	// discovery finds endpoints at run time.
	// +optional
	Discovery *DiscoveryService `json:"discovery,omitempty"`
	// health-check takes endpoints out of service while they fail.
	// +optional
	HealthCheck *HealthCheck `json:"health-check,omitempty"`
	// dynamic-property fetches properties of the API regularly.
	// +optional
	DynamicProperty *DynamicPropertyService `json:"dynamic-property,omitempty"`
}

// DiscoveryService finds endpoints at run time.
type DiscoveryService struct {
	// name of the service.
	// +optional
	Name *string `json:"name,omitempty"`
	// enabled switches it on.
	// +kubebuilder:default=false
	// +optional
	Enabled bool `json:"enabled"`
	// provider is the id of the discovery plugin.
	// +optional
	Provider *string `json:"provider,omitempty"`
	// configuration of the plugin.
	// +optional
	Configuration *FreeForm `json:"configuration,omitempty"`
	// secondary makes the found endpoints backups.
	// +optional
	Secondary *bool `json:"secondary,omitempty"`
	// tenants for which endpoints are looked for.
	// +kubebuilder:default={}
	// +optional
	Tenants []string `json:"tenants"`
}

// DynamicPropertyService fetches properties of an API regularly.
type DynamicPropertyService struct {
	// name of the service.
	// +optional
	Name *string `json:"name,omitempty"`
	// enabled switches it on.
	// +kubebuilder:default=false
	// +optional
	Enabled bool `json:"enabled"`
	// schedule is a cron expression with seconds.
	// +optional
	Schedule *string `json:"schedule,omitempty"`
	// provider of the properties.
	// +kubebuilder:validation:Enum=HTTP
	// +optional
	Provider string `json:"provider,omitempty"`
	// configuration of the provider.
	// +optional
	Configuration *FreeForm `json:"configuration,omitempty"`
}

// HealthCheck takes endpoints out of service while they fail.
type HealthCheck struct {
	// name of the service.
	// +optional
	Name *string `json:"name,omitempty"`
	// enabled switches it on.
	// +kubebuilder:default=false
	// +optional
	Enabled bool `json:"enabled"`
	// schedule is a cron expression with seconds.
	// +optional
	Schedule *string `json:"schedule,omitempty"`
	// steps of one check. All must succeed.
	// +kubebuilder:default={}
	// +optional
	Steps []HealthCheckStep `json:"steps"`
}

// EndpointHealthCheck is the health check of one endpoint.
type EndpointHealthCheck struct {
	HealthCheck `json:",inline"`
	// inherit takes the health check from the API.
	// +kubebuilder:default=false
	// +optional
	Inherit bool `json:"inherit"`
}

// HealthCheckStep is one request and what its response must fulfil.
type HealthCheckStep struct {
	// name of the step.
	// +optional
	Name *string `json:"name,omitempty"`
	// request that is sent to the endpoint.
	// +optional
	Request HealthCheckRequest `json:"request"`
	// response says when the step succeeds.
	// +optional
	Response HealthCheckResponse `json:"response"`
}

// HealthCheckRequest is a request to an endpoint.
type HealthCheckRequest struct {
	// path of the request.
	// +optional
	Path *string `json:"path,omitempty"`
	// method of the request.
	// +optional
	Method HTTPMethod `json:"method,omitempty"`
	// headers of the request.
	// +kubebuilder:default={}
	// +optional
	Headers []HTTPHeader `json:"headers"`
	// body of the request.
	// +optional
	Body *string `json:"body,omitempty"`
	// fromRoot begins the path at the root of the endpoint's host instead of at its target's path.
	FromRoot bool `json:"fromRoot"`
}

// HealthCheckResponse says when a step of a health check succeeds.
type HealthCheckResponse struct {
	// assertions are expressions that must all hold.
	// +optional
	Assertions []string `json:"assertions"`
}
