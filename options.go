// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// options are all that can be configured. Flags win over environment variables, whose names and meanings
// are GKO's where it has them (shared/reference/gko-compatibility.md 7.1).
type options struct {
	namespaces        []string
	operatorNamespace string
	clusterID         string

	leaderElection bool
	applyCRDs      bool
	allowGKO       bool
	strategy       string
	workers        int
	resync         time.Duration
	driftPeriod    time.Duration
	driftRotation  time.Duration
	templating     bool
	shutdown       time.Duration

	metrics        bool
	metricsAddress string
	metricsSecure  bool
	metricsCertDir string
	probesAddress  string

	http httpOptions
	log  logOptions
}

type httpOptions struct {
	timeout            time.Duration
	insecureSkipVerify bool
	trustStore         string
	inFlight           int
	proxy              proxyOptions
}

type proxyOptions struct {
	enabled, system         bool
	url, username, password string
}

type logOptions struct {
	format, level, levelCase, timestampField, timestampFormat string
}

// Values of RECONCILE_STRATEGY.
const (
	strategyOnSpecChange = "onSpecChange"
	strategyAlways       = "always"
)

// lookup reads an environment variable; it is os.LookupEnv except in tests.
type lookup func(name string) (string, bool)

// operatorFlags declares the operator's flags, whose defaults are read from the environment. What it returns gives the options once
// the flags are parsed; its error tells every problem, by the name of the flag or variable.
func operatorFlags(set *pflag.FlagSet, env lookup) func() (options, error) {
	e := &environment{lookup: env}
	o := &options{}
	var namespaces string
	namespacesFlag(set, &namespaces, e)
	operatorNamespaceFlag(set, &o.operatorNamespace, e)
	clusterIDFlag(set, &o.clusterID, e)
	set.BoolVar(&o.leaderElection, "leader-elect", e.boolean("ENABLE_LEADER_ELECTION", false), "let one of several replicas work (ENABLE_LEADER_ELECTION)")
	set.BoolVar(&o.applyCRDs, "apply-crds", e.boolean("APPLY_CRDS", false), "apply the CRDs at start (APPLY_CRDS)")
	set.BoolVar(&o.allowGKO, "allow-gko", e.boolean("ALLOW_GKO", false), "start although a Gravitee Kubernetes Operator works in another namespace (ALLOW_GKO)")
	set.StringVar(&o.strategy, "reconcile-strategy", e.text("RECONCILE_STRATEGY", strategyOnSpecChange), "onSpecChange, or always: write every API again after a start (RECONCILE_STRATEGY)")
	set.IntVar(&o.workers, "max-concurrent-reconciles", e.number("MAX_CONCURRENT_RECONCILES", 64), "objects of a kind that are worked on at once; those of one context take at most three quarters (MAX_CONCURRENT_RECONCILES)")
	set.DurationVar(&o.resync, "resync", e.duration("RESYNC_PERIOD", 10*time.Minute), "how often a context that is well is probed again (RESYNC_PERIOD)")
	set.DurationVar(&o.driftPeriod, "drift-period", e.duration("DRIFT_PERIOD", 5*time.Minute), "time between two bulk looks at the remote APIs of a context (DRIFT_PERIOD)")
	set.DurationVar(&o.driftRotation, "drift-rotation", e.duration("DRIFT_ROTATION", time.Hour), "time within which each remote API is read in full (DRIFT_ROTATION)")
	templatingFlag(set, &o.templating, e)
	set.DurationVar(&o.shutdown, "shutdown-timeout", e.duration("SHUTDOWN_TIMEOUT", 25*time.Second), "how long work in flight may take to finish at the end (SHUTDOWN_TIMEOUT)")
	metricsFlags(set, o, e)
	httpFlags(set, &o.http, e)
	logFlags(set, &o.log, e)
	return func() (options, error) {
		o.namespaces = split(namespaces)
		return *o, errors.Join(append(e.problems, o.problems()...)...)
	}
}

func namespacesFlag(set *pflag.FlagSet, namespaces *string, e *environment) {
	set.StringVar(namespaces, "namespaces", e.text("NAMESPACE", ""), "comma-separated namespaces that the operator works in; empty means all (NAMESPACE)")
}

func operatorNamespaceFlag(set *pflag.FlagSet, namespace *string, e *environment) {
	set.StringVar(namespace, "operator-namespace", e.text("POD_NAMESPACE", "apisync-system"), "namespace of the operator itself: its lease and the key of its digests (POD_NAMESPACE)")
}

func clusterIDFlag(set *pflag.FlagSet, id *string, e *environment) {
	set.StringVar(id, "cluster-id", e.text("CLUSTER_ID", ""), "marks this cluster's APIs, where several clusters share a management API; empty means unmarked (CLUSTER_ID)")
}

func templatingFlag(set *pflag.FlagSet, templating *bool, e *environment) {
	set.BoolVar(templating, "templating", e.boolean("ENABLE_TEMPLATING", true), "resolve [[ ]] templates in resources (ENABLE_TEMPLATING)")
}

func metricsFlags(set *pflag.FlagSet, o *options, e *environment) {
	set.BoolVar(&o.metrics, "metrics", e.boolean("ENABLE_METRICS", false), "serve metrics (ENABLE_METRICS)")
	set.StringVar(&o.metricsAddress, "metrics-bind-address", ":"+strconv.Itoa(e.number("METRICS_PORT", 8080)), "address of the metrics (METRICS_PORT)")
	set.BoolVar(&o.metricsSecure, "metrics-secure", e.boolean("SECURE_METRICS", false), "serve metrics by HTTPS to authorised clients only (SECURE_METRICS)")
	set.StringVar(&o.metricsCertDir, "metrics-cert-dir", e.text("METRICS_CERT_DIR", ""), "folder with tls.crt and tls.key for the metrics; empty means self-signed (METRICS_CERT_DIR)")
	set.StringVar(&o.probesAddress, "health-probe-bind-address", ":"+strconv.Itoa(e.number("PROBES_PORT", 8081)), "address of /healthz and /readyz (PROBES_PORT)")
}

func httpFlags(set *pflag.FlagSet, o *httpOptions, e *environment) {
	// Within these bounds, a number of seconds is a duration that doesn't overflow.
	seconds := max(-1, min(e.number("HTTP_CLIENT_TIMEOUT_SECONDS", 5), math.MaxInt32))
	set.DurationVar(&o.timeout, "http-timeout", time.Duration(seconds)*time.Second, "how long one request to a management API may take (HTTP_CLIENT_TIMEOUT_SECONDS)")
	set.IntVar(&o.inFlight, "http-max-in-flight", e.number("HTTP_CLIENT_MAX_IN_FLIGHT", 16), "requests to the management API of one context at once (HTTP_CLIENT_MAX_IN_FLIGHT)")
	set.BoolVar(&o.insecureSkipVerify, "http-insecure-skip-verify", e.boolean("HTTP_CLIENT_INSECURE_SKIP_CERT_VERIFY", false), "don't verify certificates of management APIs (HTTP_CLIENT_INSECURE_SKIP_CERT_VERIFY)")
	set.StringVar(&o.trustStore, "http-trust-store", e.text("HTTP_CLIENT_TRUSTSTORE_PATH", ""), "PEM file with further certificate authorities; the operator notices its changes (HTTP_CLIENT_TRUSTSTORE_PATH)")
	// The proxy's settings hold a password, which must not be seen in a list of processes: no flags.
	o.proxy = proxyOptions{
		enabled:  e.boolean("HTTP_CLIENT_PROXY_ENABLED", false),
		system:   e.boolean("HTTP_CLIENT_PROXY_USE_SYSTEM_PROXY", false),
		url:      e.text("HTTP_CLIENT_PROXY_URL", ""),
		username: e.text("HTTP_CLIENT_PROXY_USERNAME", ""),
		password: e.text("HTTP_CLIENT_PROXY_PASSWORD", ""),
	}
}

func logFlags(set *pflag.FlagSet, o *logOptions, e *environment) {
	set.StringVar(&o.format, "log-format", e.text("LOGS_FORMAT", "json"), "json or console (LOGS_FORMAT)")
	set.StringVar(&o.level, "log-level", e.text("LOGS_LEVEL", "info"), "debug, info, warn or error (LOGS_LEVEL)")
	o.levelCase = e.text("LOGS_LEVEL_CASE", "lower")
	o.timestampField = e.text("LOGS_TIMESTAMP_FIELD", "timestamp")
	o.timestampFormat = e.text("LOGS_TIMESTAMP_FORMAT", "iso-8601")
}

// clusterIDs end in a label on each API of the management API.
var clusterIDs = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$`)

func (o options) problems() []error {
	problems := problems{}
	problems.add(o.strategy != strategyOnSpecChange && o.strategy != strategyAlways,
		"reconcile-strategy (RECONCILE_STRATEGY): %q isn't known; use %s or %s", o.strategy, strategyOnSpecChange, strategyAlways)
	problems.add(o.workers < 1, "max-concurrent-reconciles (MAX_CONCURRENT_RECONCILES): %d is too few; use 1 or more", o.workers)
	problems.add(o.resync < time.Second, "resync (RESYNC_PERIOD): %s is too short; use 1s or more", o.resync)
	problems.add(o.driftPeriod < time.Second, "drift-period (DRIFT_PERIOD): %s is too short; use 1s or more", o.driftPeriod)
	problems.add(o.driftRotation < time.Second, "drift-rotation (DRIFT_ROTATION): %s is too short; use 1s or more", o.driftRotation)
	problems.add(o.log.format != "json" && o.log.format != "console", "log-format (LOGS_FORMAT): %q isn't known; use json or console", o.log.format)
	return append(append(problems, o.http.problems()...), clusterIDProblems(o.clusterID)...)
}

func (o httpOptions) problems() []error {
	problems := problems{}
	problems.add(o.inFlight < 1, "http-max-in-flight (HTTP_CLIENT_MAX_IN_FLIGHT): %d is too few; use 1 or more", o.inFlight)
	problems.add(o.timeout <= 0, "http-timeout (HTTP_CLIENT_TIMEOUT_SECONDS): %s isn't positive; use 1s or more", o.timeout)
	if o.proxy.enabled && !o.proxy.system {
		if _, err := o.proxy.address(); err != nil {
			problems = append(problems, err)
		}
	}
	return problems
}

// requestsAtMost is how many requests of one reconciliation may take all of their time.
const requestsAtMost = 4

// patience is how long one reconciliation may take: as long as a shutdown waits for it, but never less than slow requests need.
func (o *options) patience() time.Duration { return max(o.shutdown, requestsAtMost*o.http.timeout) }

func clusterIDProblems(id string) []error {
	problems := problems{}
	problems.add(id != "" && !clusterIDs.MatchString(id), "cluster-id (CLUSTER_ID): %q has other characters than a-z, 0-9, - and ., or more than 63", id)
	return problems
}

type problems []error

func (p *problems) add(bad bool, format string, args ...any) {
	if bad {
		*p = append(*p, fmt.Errorf(format, args...))
	}
}

// perContext is how many objects of one context are worked on at once: more than its requests in flight
// would only wait, and all workers would leave none for other contexts.
func (o options) perContext() int {
	return min(o.http.inFlight, max(1, o.workers*3/4))
}

// address is that of the proxy, with the credentials. Its error doesn't quote the URL, which may hold a password.
func (o proxyOptions) address() (*url.URL, error) {
	address, err := url.Parse(o.url)
	if err != nil || address.Hostname() == "" || !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, address.Scheme) {
		return nil, errors.New("HTTP_CLIENT_PROXY_URL isn't the address of a proxy; set it to one such as http://proxy.example:3128, " +
			"or set HTTP_CLIENT_PROXY_USE_SYSTEM_PROXY=true")
	}
	if o.username != "" {
		address.User = url.UserPassword(unescaped(o.username), unescaped(o.password))
	}
	return address, nil
}

// unescaped decodes percent-escapes: GKO makes a part of the URL of both values, so special characters of them are escaped where GKO
// was in use. What isn't a valid escape stays as it is.
func unescaped(value string) string {
	plain, err := url.PathUnescape(value)
	if err != nil {
		return value
	}
	return plain
}

// environment reads variables and collects what is wrong with them.
type environment struct {
	lookup   lookup
	problems []error
}

func (e *environment) text(name, fallback string) string {
	if value, ok := e.lookup(name); ok && value != "" {
		return value
	}
	return fallback
}

func (e *environment) boolean(name string, fallback bool) bool {
	return parsed(e, name, fallback, strconv.ParseBool, "true or false")
}

func (e *environment) number(name string, fallback int) int {
	return parsed(e, name, fallback, strconv.Atoi, "a whole number")
}

func (e *environment) duration(name string, fallback time.Duration) time.Duration {
	return parsed(e, name, fallback, time.ParseDuration, "a duration such as 5m")
}

func parsed[T any](e *environment, name string, fallback T, parse func(string) (T, error), form string) T {
	value := e.text(name, "")
	if value == "" {
		return fallback
	}
	result, err := parse(value)
	if err != nil {
		e.problems = append(e.problems, fmt.Errorf("%s: %q isn't %s", name, value, form))
		return fallback
	}
	return result
}

func split(list string) []string {
	var items []string
	for item := range strings.SplitSeq(list, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}
