// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Proxy says where an API is reached and what it proxies.
type Proxy struct {
	// virtual_hosts are the hosts and paths at which gateways serve the API.
	// +optional
	VirtualHosts []VirtualHost `json:"virtual_hosts"`
	// groups of endpoints to which requests go.
	// +kubebuilder:default={}
	// +optional
	Groups []EndpointGroup `json:"groups"`
	// failover says how often another endpoint is tried when one fails.
	// +optional
	Failover *Failover `json:"failover,omitempty"`
	// cors answers cross-origin requests of browsers.
	// +optional
	Cors *Cors `json:"cors,omitempty"`
	// logging of requests and responses.
	// +optional
	Logging *Logging `json:"logging,omitempty"`
	// strip_context_path removes the path of the virtual host from what endpoints are sent.
	// +optional
	StripContextPath *bool `json:"strip_context_path,omitempty"`
	// preserve_host sends endpoints the Host header of the consumer.
	// +optional
	PreserveHost *bool `json:"preserve_host,omitempty"`
}

// VirtualHost is a host and path at which gateways serve an API.
type VirtualHost struct {
	// host to which requests must be addressed; empty means any.
	// +optional
	Host string `json:"host,omitempty"`
	// path with which requests must begin. An environment has it only once.
	// +optional
	Path string `json:"path,omitempty"`
	// override_entrypoint makes the portal show this host instead of the gateway's.
	// +optional
	OverrideEntrypoint bool `json:"override_entrypoint,omitempty"`
}

// EndpointGroup is a set of endpoints that share settings.
type EndpointGroup struct {
	// name of the group.
	// +optional
	Name string `json:"name,omitempty"`
	// endpoints of the group.
	// +optional
	Endpoints []Endpoint `json:"endpoints,omitempty"`
	// load_balancing says how requests are spread over the endpoints.
	// +optional
	LoadBalancing LoadBalancing `json:"load_balancing"`
	// services of the group.
	// +optional
	Services *Services `json:"services,omitempty"`
	// proxy through which endpoints are reached.
	// +optional
	Proxy *HTTPProxy `json:"proxy,omitempty"`
	// http holds the settings of connections to endpoints.
	// +optional
	HTTP *HTTPOptions `json:"http,omitempty"`
	// ssl holds the TLS settings of connections to endpoints.
	// +optional
	SSL *SSLOptions `json:"ssl,omitempty"`
	// headers that are added to requests to endpoints.
	// +optional
	Headers map[string]string `json:"headers,omitempty"`
}

// LoadBalancing says how requests are spread over endpoints.
type LoadBalancing struct {
	// type is ROUND_ROBIN, RANDOM, WEIGHTED_ROUND_ROBIN or WEIGHTED_RANDOM.
	// +optional
	Type string `json:"type,omitempty"`
}

// Endpoint is a server to which requests go.
type Endpoint struct {
	// name of the endpoint.
	// +optional
	Name string `json:"name,omitempty"`
	// target is the URL of the endpoint.
	// +optional
	Target string `json:"target,omitempty"`
	// type of the endpoint, such as http or grpc.
	// +optional
	Type string `json:"type,omitempty"`
	// weight of the endpoint where load balancing weighs.
	// +optional
	Weight *int `json:"weight,omitempty"`
	// backup endpoints are used when no other one is up.
	// +optional
	Backup *bool `json:"backup,omitempty"`
	// tenants whose gateways use the endpoint; none means all.
	// +kubebuilder:default={}
	// +optional
	Tenants []string `json:"tenants"`
	// inherit takes proxy, http and ssl from the group.
	// +optional
	Inherit *bool `json:"inherit,omitempty"`
	// proxy through which the endpoint is reached.
	// +optional
	Proxy *HTTPProxy `json:"proxy,omitempty"`
	// http holds the settings of connections to the endpoint.
	// +optional
	HTTP *HTTPOptions `json:"http,omitempty"`
	// ssl holds the TLS settings of connections to the endpoint.
	// +optional
	SSL *SSLOptions `json:"ssl,omitempty"`
	// headers that are added to requests to the endpoint.
	// +kubebuilder:default={}
	// +optional
	Headers []HTTPHeader `json:"headers"`
	// healthcheck of the endpoint.
	// +optional
	HealthCheck *EndpointHealthCheck `json:"healthcheck,omitempty"`
}

// Failover says how often another endpoint is tried when one fails.
type Failover struct {
	// maxAttempts is the number of attempts for one request.
	// +optional
	MaxAttempts *int `json:"maxAttempts,omitempty"`
	// retryTimeout is the time after which an attempt is given up, in milliseconds.
	// +optional
	RetryTimeout *int64 `json:"retryTimeout,omitempty"`
	// cases are the failures after which another attempt is made, such as TIMEOUT.
	// +optional
	Cases []string `json:"cases,omitempty"`
}

// Cors answers cross-origin requests of browsers.
type Cors struct {
	// enabled switches it on.
	Enabled bool `json:"enabled"`
	// allowCredentials lets browsers send credentials.
	AllowCredentials bool `json:"allowCredentials"`
	// allowOrigin are the origins that may call.
	// +kubebuilder:default={}
	// +optional
	AllowOrigin []string `json:"allowOrigin"`
	// allowMethods are the methods that may be used.
	// +kubebuilder:default={}
	// +optional
	AllowMethods []string `json:"allowMethods"`
	// allowHeaders are the request headers that may be sent.
	// +kubebuilder:default={}
	// +optional
	AllowHeaders []string `json:"allowHeaders"`
	// exposeHeaders are the response headers that scripts may read.
	// +kubebuilder:default={}
	// +optional
	ExposeHeaders []string `json:"exposeHeaders"`
	// maxAge is the time for which browsers remember the answer, in seconds; -1 leaves it to them.
	MaxAge int `json:"maxAge"`
	// runPolicies runs the API's policies for preflight requests too.
	// +kubebuilder:default=false
	// +optional
	RunPolicies bool `json:"runPolicies"`
}

// Logging says what is logged of requests and responses.
type Logging struct {
	// mode says which side is logged: the consumer's (CLIENT), the endpoint's (PROXY), both or none.
	// +kubebuilder:validation:Enum=NONE;CLIENT;PROXY;CLIENT_PROXY
	// +optional
	Mode string `json:"mode,omitempty"`
	// scope says whether requests, responses, both or none are logged.
	// +kubebuilder:validation:Enum=NONE;REQUEST;RESPONSE;REQUEST_RESPONSE
	// +optional
	Scope string `json:"scope,omitempty"`
	// content says whether headers, payloads, both or none are logged.
	// +kubebuilder:validation:Enum=NONE;HEADERS;PAYLOADS;HEADERS_PAYLOADS
	// +optional
	Content string `json:"content,omitempty"`
	// condition is an expression that must hold for a request to be logged.
	// +optional
	Condition string `json:"condition,omitempty"`
}

// HTTPOptions are the settings of connections to endpoints. Times are in milliseconds.
type HTTPOptions struct {
	// version of HTTP.
	// +kubebuilder:validation:Enum=HTTP_1_1;HTTP_2
	// +kubebuilder:default=HTTP_1_1
	// +optional
	Version string `json:"version,omitempty"`
	// connectTimeout is the time in which a connection must be made.
	// +optional
	ConnectTimeout *int64 `json:"connectTimeout,omitempty"`
	// readTimeout is the time in which an answer must come.
	// +optional
	ReadTimeout *int64 `json:"readTimeout,omitempty"`
	// idleTimeout is the time after which an idle connection is closed.
	// +optional
	IdleTimeout *int64 `json:"idleTimeout,omitempty"`
	// keepAlive keeps connections open for later requests.
	// +kubebuilder:default=true
	// +optional
	KeepAlive *bool `json:"keepAlive,omitempty"`
	// keepAliveTimeout is the time for which they are kept.
	// +kubebuilder:default=30000
	// +optional
	KeepAliveTimeout *int64 `json:"keepAliveTimeout,omitempty"`
	// maxConnectionLifetime is the time after which a connection is replaced; 0 means never.
	// +kubebuilder:validation:Minimum=0
	// +optional
	MaxConnectionLifetime *int64 `json:"maxConnectionLifetime,omitempty"`
	// maxConcurrentConnections to one endpoint.
	// +optional
	MaxConcurrentConnections *int `json:"maxConcurrentConnections,omitempty"`
	// maxWaitQueueSize is the number of requests that may wait for a connection; -1 means any number.
	// +kubebuilder:validation:Minimum=-1
	// +optional
	MaxWaitQueueSize *int `json:"maxWaitQueueSize,omitempty"`
	// maxHeaderSize is the size of all headers together, in bytes.
	// +optional
	MaxHeaderSize *int `json:"maxHeaderSize,omitempty"`
	// maxChunkSize is the size of one chunk, in bytes.
	// +optional
	MaxChunkSize *int `json:"maxChunkSize,omitempty"`
	// pipelining sends requests before earlier ones are answered.
	// +kubebuilder:default=false
	Pipelining bool `json:"pipelining"`
	// useCompression asks endpoints for compressed answers.
	// +kubebuilder:default=false
	UseCompression bool `json:"useCompression"`
	// propagateClientAcceptEncoding passes the consumer's Accept-Encoding on.
	// +kubebuilder:default=false
	// +optional
	PropagateClientAcceptEncoding bool `json:"propagateClientAcceptEncoding"`
	// followRedirects follows redirects of endpoints instead of passing them on.
	// +kubebuilder:default=false
	FollowRedirects bool `json:"followRedirects"`
	// clearTextUpgrade lets HTTP/2 without TLS begin as HTTP/1.1.
	// +kubebuilder:default=true
	// +optional
	ClearTextUpgrade *bool `json:"clearTextUpgrade,omitempty"`
}

// HTTPProxy is a proxy through which endpoints are reached.
type HTTPProxy struct {
	// enabled switches it on.
	// +kubebuilder:default=false
	// +optional
	Enabled bool `json:"enabled"`
	// useSystemProxy takes the proxy from the gateway's configuration.
	// +kubebuilder:default=false
	// +optional
	UseSystemProxy bool `json:"useSystemProxy"`
	// type of the proxy, such as HTTP or SOCKS5.
	// +optional
	Type string `json:"type,omitempty"`
	// host of the proxy.
	// +optional
	Host string `json:"host,omitempty"`
	// port of the proxy.
	// +optional
	Port *int `json:"port,omitempty"`
	// username for the proxy.
	// +optional
	Username string `json:"username,omitempty"`
	// password for the proxy.
	// +optional
	Password string `json:"password,omitempty"`
}

// SSLOptions are the TLS settings of connections to endpoints.
type SSLOptions struct {
	// trustAll accepts any certificate.
	// +kubebuilder:default=false
	TrustAll bool `json:"trustAll"`
	// hostnameVerifier checks that the certificate is for the endpoint's host.
	// +kubebuilder:default=true
	HostnameVerifier bool `json:"hostnameVerifier"`
	// trustStore holds the certificates that are trusted.
	// +optional
	TrustStore *TrustStore `json:"trustStore,omitempty"`
	// keyStore holds the gateway's own certificate and key.
	// +optional
	KeyStore *KeyStore `json:"keyStore,omitempty"`
	// headers that go with the connection.
	// +optional
	Headers []HTTPHeader `json:"headers,omitempty"`
}

// TrustStore holds certificates that are trusted.
type TrustStore struct {
	// type of the store.
	// +kubebuilder:validation:Enum=PEM;PKCS12;JKS
	// +optional
	Type string `json:"type,omitempty"`
	// path of the store in the gateway's file system.
	// +optional
	Path string `json:"path,omitempty"`
	// content of the store, instead of path: text for PEM, otherwise base64.
	// +optional
	Content string `json:"content,omitempty"`
	// password of the store.
	// +optional
	Password string `json:"password,omitempty"`
}

// KeyStore holds a certificate and its key.
type KeyStore struct {
	// type of the store.
	// +kubebuilder:validation:Enum=PEM;PKCS12;JKS
	// +optional
	Type string `json:"type,omitempty"`
	// path of a PKCS12 or JKS store in the gateway's file system.
	// +optional
	Path string `json:"path,omitempty"`
	// content of a PKCS12 or JKS store in base64, instead of path.
	// +optional
	Content string `json:"content,omitempty"`
	// password of a PKCS12 or JKS store.
	// +optional
	Password string `json:"password,omitempty"`
	// certPath is the path of a PEM certificate in the gateway's file system.
	// +optional
	CertPath string `json:"certPath,omitempty"`
	// certContent is a PEM certificate, instead of certPath.
	// +optional
	CertContent string `json:"certContent,omitempty"`
	// keyPath is the path of a PEM key in the gateway's file system.
	// +optional
	KeyPath string `json:"keyPath,omitempty"`
	// keyContent is a PEM key, instead of keyPath.
	// +optional
	KeyContent string `json:"keyContent,omitempty"`
}
