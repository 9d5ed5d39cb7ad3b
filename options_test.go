// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

func parse(env map[string]string, args ...string) (options, error) {
	set := pflag.NewFlagSet("apisync", pflag.ContinueOnError)
	read := operatorFlags(set, func(name string) (string, bool) {
		value, ok := env[name]
		return value, ok
	})
	if err := set.Parse(args); err != nil {
		return options{}, err
	}
	return read()
}

func TestEnvironmentOfGKOIsUnderstood(t *testing.T) {
	o, err := parse(map[string]string{
		"NAMESPACE": "a, b,", "ENABLE_LEADER_ELECTION": "true", "APPLY_CRDS": "true", "RECONCILE_STRATEGY": "always",
		"MAX_CONCURRENT_RECONCILES": "3", "ENABLE_METRICS": "true", "METRICS_PORT": "9090", "SECURE_METRICS": "true",
		"METRICS_CERT_DIR": "/certs", "PROBES_PORT": "9091", "HTTP_CLIENT_TIMEOUT_SECONDS": "7",
		"HTTP_CLIENT_INSECURE_SKIP_CERT_VERIFY": "true", "LOGS_FORMAT": "console", "LOGS_LEVEL": "debug",
		"HTTP_CLIENT_PROXY_ENABLED": "true", "HTTP_CLIENT_PROXY_URL": "http://proxy:3128",
		"HTTP_CLIENT_PROXY_USERNAME": "u", "HTTP_CLIENT_PROXY_PASSWORD": "p", "HTTP_CLIENT_TRUSTSTORE_PATH": "/trust/ca.pem",
		"ENABLE_TEMPLATING": "false",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := options{
		namespaces: []string{"a", "b"}, operatorNamespace: "apisync-system", leaderElection: true, applyCRDs: true,
		strategy: "always", workers: 3, resync: 10 * time.Minute, driftPeriod: 5 * time.Minute, driftRotation: time.Hour, templating: false, shutdown: 25 * time.Second,
		metrics: true, metricsAddress: ":9090", metricsSecure: true, metricsCertDir: "/certs", probesAddress: ":9091",
		http: httpOptions{
			timeout: 7 * time.Second, insecureSkipVerify: true, trustStore: "/trust/ca.pem", inFlight: 16,
			proxy: proxyOptions{enabled: true, url: "http://proxy:3128", username: "u", password: "p"},
		},
		log: logOptions{format: "console", level: "debug", levelCase: "lower", timestampField: "timestamp", timestampFormat: "iso-8601"},
	}
	if diff := cmp.Diff(want, o, cmp.AllowUnexported(options{}, httpOptions{}, proxyOptions{}, logOptions{})); diff != "" {
		t.Errorf("options (-want +got):\n%s", diff)
	}
}

func TestFlagsWinOverTheEnvironment(t *testing.T) {
	o, err := parse(map[string]string{"MAX_CONCURRENT_RECONCILES": "3"}, "--max-concurrent-reconciles=9")
	if err != nil || o.workers != 9 {
		t.Errorf("workers = %d, %v", o.workers, err)
	}
}

func TestProblemsNameFlagVariableAndRemedy(t *testing.T) {
	cases := map[string]struct {
		env  map[string]string
		args []string
		want []string
	}{
		"not a number": {
			env: map[string]string{"MAX_CONCURRENT_RECONCILES": "many"}, want: []string{"MAX_CONCURRENT_RECONCILES", `"many"`, "a whole number"},
		},
		"two at once": {
			env:  map[string]string{"ENABLE_METRICS": "maybe", "RESYNC_PERIOD": "5"},
			want: []string{"ENABLE_METRICS", "true or false", "RESYNC_PERIOD", "such as 5m"},
		},
		"unknown strategy": {args: []string{"--reconcile-strategy=never"}, want: []string{"RECONCILE_STRATEGY", `"never"`, "onSpecChange or always"}},
		"too few workers":  {args: []string{"--max-concurrent-reconciles=0"}, want: []string{"MAX_CONCURRENT_RECONCILES", "1 or more"}},
		"cluster id":       {args: []string{"--cluster-id=East Coast"}, want: []string{"CLUSTER_ID", "East Coast", "a-z"}},
		"short resync":     {args: []string{"--resync=10ms"}, want: []string{"RESYNC_PERIOD", "1s or more"}},
		"log format":       {args: []string{"--log-format=xml"}, want: []string{"LOGS_FORMAT", "json or console"}},
		"no time":          {args: []string{"--http-timeout=0s"}, want: []string{"HTTP_CLIENT_TIMEOUT_SECONDS", "0s", "1s or more"}},
		"negative time":    {env: map[string]string{"HTTP_CLIENT_TIMEOUT_SECONDS": "-9223372037"}, want: []string{"HTTP_CLIENT_TIMEOUT_SECONDS", "1s or more"}},
		"time with a unit": {env: map[string]string{"HTTP_CLIENT_TIMEOUT_SECONDS": "5s"}, want: []string{"HTTP_CLIENT_TIMEOUT_SECONDS", `"5s"`, "a whole number"}},
		"templating":       {env: map[string]string{"ENABLE_TEMPLATING": "on"}, want: []string{"ENABLE_TEMPLATING", "true or false"}},
		"no proxy address": {env: map[string]string{"HTTP_CLIENT_PROXY_ENABLED": "true"}, want: []string{"HTTP_CLIENT_PROXY_URL"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := parse(c.env, c.args...)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q isn't in %q", part, err)
				}
			}
		})
	}
}

func TestTemplatesAreResolvedUnlessSwitchedOff(t *testing.T) {
	for args, want := range map[string]bool{"": true, "--templating=false": false, "--templating": true} {
		if o, err := parse(nil, split(args)...); err != nil || o.templating != want {
			t.Errorf("%q: templating = %t, %v", args, o.templating, err)
		}
	}
}

func TestTimeoutsAreInSeconds(t *testing.T) {
	cases := map[string]struct {
		why  string
		env  map[string]string
		args []string
		want time.Duration
	}{
		"default":    {"GKO's", nil, nil, 5 * time.Second},
		"a variable": {"it is a number of seconds", map[string]string{"HTTP_CLIENT_TIMEOUT_SECONDS": "90"}, nil, 90 * time.Second},
		"a flag":     {"it has a unit, and wins", map[string]string{"HTTP_CLIENT_TIMEOUT_SECONDS": "90"}, []string{"--http-timeout=1500ms"}, 1500 * time.Millisecond},
		"for ever":   {"a large number must not become a small one", map[string]string{"HTTP_CLIENT_TIMEOUT_SECONDS": "18446744074"}, nil, math.MaxInt32 * time.Second},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if o, err := parse(c.env, c.args...); err != nil || o.http.timeout != c.want {
				t.Errorf("timeout = %s, %v; want %s: %s", o.http.timeout, err, c.want, c.why)
			}
		})
	}
}

// TestProblemsOfAProxyShowNoPassword: the error ends in a log.
// A time-out for requests that a reconciliation cuts off would never be reached.
func TestPatience(t *testing.T) {
	for seconds, want := range map[string]time.Duration{"5": 25 * time.Second, "60": 4 * time.Minute} {
		o, err := parse(map[string]string{"HTTP_CLIENT_TIMEOUT_SECONDS": seconds})
		if err != nil || o.patience() != want {
			t.Errorf("with time-outs of %s s a reconciliation may take %s, want %s (%v)", seconds, o.patience(), want, err)
		}
	}
}

func TestProblemsOfAProxyShowNoPassword(t *testing.T) {
	for _, address := range []string{
		"", "proxy.example:3128", "u:geheim@proxy.example:3128", "//u:geheim@proxy.example", "http://u:geheim@", "http://u:geheim@:3128",
		"ftp://u:geheim@proxy.example", "http://u:geheim@proxy.example:port", "http://u:geheim@proxy example", "http://u:%geheim@proxy.example",
	} {
		t.Run(address, func(t *testing.T) {
			o := map[string]string{"HTTP_CLIENT_PROXY_ENABLED": "true", "HTTP_CLIENT_PROXY_URL": address, "HTTP_CLIENT_PROXY_PASSWORD": "geheim"}
			_, err := parse(o)
			if err == nil {
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), "HTTP_CLIENT_PROXY_URL") || !strings.Contains(err.Error(), "http://proxy.example:3128") {
				t.Errorf("setting or remedy isn't in %q", err)
			}
			if strings.Contains(err.Error(), "geheim") {
				t.Errorf("the password is in %q", err)
			}
		})
	}
}

func TestLogsLookAsConfigured(t *testing.T) {
	var out bytes.Buffer
	log, err := newLogger(logOptions{format: "json", level: "info", levelCase: "upper", timestampField: "at", timestampFormat: "epoch-second"}, &out)
	if err != nil {
		t.Fatal(err)
	}
	log.V(1).Info("too detailed")
	log.Info("shown", "key", "value")
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("%v in %q", err, out.String())
	}
	if _, number := line["at"].(float64); !number || line["level"] != "INFO" || line["msg"] != "shown" || line["key"] != "value" {
		t.Errorf("line = %v", line)
	}
	if _, err := newLogger(logOptions{level: "loud"}, &out); err == nil || !strings.Contains(err.Error(), "LOGS_LEVEL") {
		t.Errorf("an unknown level: %v", err)
	}
}
