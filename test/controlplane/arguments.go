// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const (
	serviceRange = "10.96.0.0/16"
	issuer       = "https://kubernetes.default.svc.cluster.local"
)

// serviceIP is what the Service kubernetes gets: the first address of the range.
func serviceIP() net.IP { return net.IPv4(10, 96, 0, 1) }

func (c *ControlPlane) file(name string) string { return filepath.Join(c.dir, name) }

func (c *ControlPlane) etcdSocket() string { return c.file("etcd.sock") }

// writeCredentials makes all keys and certificates and writes those that the programs read.
func (c *ControlPlane) writeCredentials() error {
	ca, err := newAuthority()
	if err != nil {
		return err
	}
	c.ca = ca
	server, err := ca.server(serviceIP())
	if err != nil {
		return err
	}
	private, public, err := newSigningKey()
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{
		"ca.crt": ca.certPEM, "apiserver.crt": server.cert, "apiserver.key": server.key, "sa.key": private, "sa.pub": public,
	} {
		if err := os.WriteFile(c.file(name), content, 0o600); err != nil {
			return fmt.Errorf("writing %s of a control plane: %w", name, err)
		}
	}
	return nil
}

// setEndpoint makes what depends on the API server's port: the administrator's client and the
// controller manager's kubeconfig.
func (c *ControlPlane) setEndpoint(port int) error {
	admin, err := c.certificateConfig(port, "apisync-admin", "system:masters")
	if err != nil {
		return err
	}
	c.admin = admin
	if c.client, err = kubernetes.NewForConfig(admin); err != nil {
		return fmt.Errorf("making a client of a control plane: %w", err)
	}
	manager, err := c.certificateConfig(port, "system:kube-controller-manager")
	if err != nil {
		return err
	}
	if err := c.writeKubeconfig(c.file("kube-controller-manager.kubeconfig"), manager, ""); err != nil {
		return err
	}
	return c.writeKubeconfig(c.file("admin.kubeconfig"), admin, "")
}

func (c *ControlPlane) certificateConfig(port int, user string, groups ...string) (*rest.Config, error) {
	pair, err := c.ca.client(user, groups...)
	if err != nil {
		return nil, err
	}
	return &rest.Config{
		Host:            "https://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
		TLSClientConfig: rest.TLSClientConfig{CAData: c.ca.certPEM, CertData: pair.cert, KeyData: pair.key},
		QPS:             -1,
	}, nil
}

// etcdArgs put the data where only this user reaches it: a socket in a private folder, which also
// can't meet another program on its port. Peers don't exist; the advertised addresses are never
// dialled, but etcd wants them to have a port. Data that is thrown away needn't survive a power cut.
func (c *ControlPlane) etcdArgs() []string {
	peer := "http://127.0.0.1:1"
	return []string{
		"--name=apisync",
		"--data-dir=" + c.file("etcd"),
		"--listen-client-urls=unix://" + c.etcdSocket(),
		"--advertise-client-urls=http://127.0.0.1:2",
		"--listen-peer-urls=unix://" + c.file("peer.sock"),
		"--initial-advertise-peer-urls=" + peer,
		"--initial-cluster=apisync=" + peer,
		"--unsafe-no-fsync",
		"--log-level=warn",
	}
}

// apiServerArgs leave admission plugins, priority and fairness, Pod security and anonymous access at
// their defaults, as a cluster has them.
func (c *ControlPlane) apiServerArgs(port int) []string {
	return []string{
		"--etcd-servers=unix://" + c.etcdSocket(),
		"--bind-address=127.0.0.1",
		"--secure-port=" + strconv.Itoa(port),
		"--tls-cert-file=" + c.file("apiserver.crt"),
		"--tls-private-key-file=" + c.file("apiserver.key"),
		"--client-ca-file=" + c.file("ca.crt"),
		"--authorization-mode=RBAC",
		"--allow-privileged=true",
		"--service-cluster-ip-range=" + serviceRange,
		"--service-account-issuer=" + issuer,
		"--service-account-key-file=" + c.file("sa.pub"),
		"--service-account-signing-key-file=" + c.file("sa.key"),
		// Endpoints can't hold a loopback address, and nothing in a Pod could reach one.
		"--advertise-address=127.0.0.1",
		"--endpoint-reconciler-type=none",
	}
}

// controllerManagerArgs run what acts on API objects alone. Controllers that work for nodes,
// volumes or clouds, which don't exist here, would only cost time.
func (c *ControlPlane) controllerManagerArgs() []string {
	return []string{
		"--kubeconfig=" + c.file("kube-controller-manager.kubeconfig"),
		"--controllers=" + strings.Join([]string{
			"namespace-controller", "garbage-collector-controller", "resourcequota-controller",
			"serviceaccount-controller", "serviceaccount-token-controller", "root-ca-certificate-publisher-controller",
			"clusterrole-aggregation-controller", "validatingadmissionpolicy-status-controller",
			"deployment-controller", "replicaset-controller", "statefulset-controller", "daemonset-controller",
			"job-controller", "cronjob-controller", "disruption-controller", "horizontal-pod-autoscaler-controller",
			"endpoints-controller", "endpointslice-controller",
		}, ","),
		"--use-service-account-credentials=true",
		"--service-account-private-key-file=" + c.file("sa.key"),
		"--root-ca-file=" + c.file("ca.crt"),
		"--leader-elect=false", // it is alone
		"--secure-port=0",      // one port less; whether it works is seen in the cluster
		"--kube-api-qps=200",
		"--kube-api-burst=400",
	}
}
