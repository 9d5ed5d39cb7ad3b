// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	watchtools "k8s.io/client-go/tools/watch"
)

// tokenSeconds is how long ServiceAccount tokens are valid: longer than any run.
const tokenSeconds = 7 * 24 * 60 * 60

// AdminConfig is a client configuration of a cluster administrator (group system:masters) without a
// client-side rate limit. Each call returns a copy of its own.
func (c *ControlPlane) AdminConfig() *rest.Config { return rest.CopyConfig(c.admin) }

// AdminKubeconfig is AdminConfig as a kubeconfig in YAML, with all credentials inside.
func (c *ControlPlane) AdminKubeconfig() ([]byte, error) { return c.kubeconfig(c.admin, "") }

// WriteKubeconfig writes AdminKubeconfig to a file that only its owner can read. Missing folders are made.
func (c *ControlPlane) WriteKubeconfig(path string) error {
	return c.writeKubeconfig(path, c.admin, "")
}

// ServiceAccountConfig is a client configuration with a token of the ServiceAccount, as a Pod would
// get it, without a client-side rate limit. The token is valid for a week. The error of a
// ServiceAccount that doesn't exist is the API server's not-found.
func (c *ControlPlane) ServiceAccountConfig(ctx context.Context, namespace, name string) (*rest.Config, error) {
	seconds := int64(tokenSeconds)
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}
	answer, err := c.client.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, name, request, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("requesting a token of ServiceAccount %s/%s: %w", namespace, name, err)
	}
	config := rest.AnonymousClientConfig(c.admin)
	config.QPS = -1
	config.BearerToken = answer.Status.Token
	return config, nil
}

// ServiceAccountKubeconfig is ServiceAccountConfig as a kubeconfig in YAML. Its context's namespace
// is the ServiceAccount's.
func (c *ControlPlane) ServiceAccountKubeconfig(ctx context.Context, namespace, name string) ([]byte, error) {
	config, err := c.ServiceAccountConfig(ctx, namespace, name)
	if err != nil {
		return nil, err
	}
	return c.kubeconfig(config, namespace)
}

// KubectlCommand is a kubectl command with the administrator's kubeconfig, ready to be run; the
// context kills it when it ends. Of the environment only what kubectl needs is passed on.
func (c *ControlPlane) KubectlCommand(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.programs.Kubectl, args...)
	cmd.Env = []string{
		"KUBECONFIG=" + c.file("admin.kubeconfig"),
		"HOME=" + c.dir, // its discovery cache would otherwise grow by a folder for each port
		"PATH=" + os.Getenv("PATH"),
	}
	return cmd
}

// Kubectl runs kubectl as the administrator and returns what it writes to its standard output. The
// error of a failed command holds what it writes to its standard error.
func (c *ControlPlane) Kubectl(ctx context.Context, args ...string) (string, error) {
	cmd := c.KubectlCommand(ctx, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("running kubectl %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return stdout.String(), nil
}

func (c *ControlPlane) kubeconfig(config *rest.Config, namespace string) ([]byte, error) {
	content, err := clientcmd.Write(clientcmdapi.Config{
		Clusters: map[string]*clientcmdapi.Cluster{
			c.name: {Server: config.Host, CertificateAuthorityData: config.CAData},
		},
		AuthInfos: map[string]*clientcmdapi.AuthInfo{
			c.name: {ClientCertificateData: config.CertData, ClientKeyData: config.KeyData, Token: config.BearerToken},
		},
		Contexts:       map[string]*clientcmdapi.Context{c.name: {Cluster: c.name, AuthInfo: c.name, Namespace: namespace}},
		CurrentContext: c.name,
	})
	if err != nil {
		return nil, fmt.Errorf("encoding a kubeconfig: %w", err)
	}
	return content, nil
}

func (c *ControlPlane) writeKubeconfig(path string, config *rest.Config, namespace string) error {
	content, err := c.kubeconfig(config, namespace)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("making the folder of a kubeconfig: %w", err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return fmt.Errorf("writing a kubeconfig: %w", err)
	}
	return nil
}

// awaitNamespace waits until the controller manager has equipped the namespace: without its
// ServiceAccount no Pod is admitted, without its root CA no Pod could start.
func (c *ControlPlane) awaitNamespace(ctx context.Context, namespace string) error {
	core := c.client.CoreV1().RESTClient()
	if err := await(ctx, core, "serviceaccounts", namespace, "default", &corev1.ServiceAccount{}); err != nil {
		return err
	}
	return await(ctx, core, "configmaps", namespace, "kube-root-ca.crt", &corev1.ConfigMap{})
}

func await(ctx context.Context, client cache.Getter, resource, namespace, name string, object runtime.Object) error {
	source := cache.NewListWatchFromClient(client, resource, namespace, fields.OneTermEqualSelector(metav1.ObjectNameField, name))
	_, err := watchtools.UntilWithSync(ctx, source, object, nil, func(event watch.Event) (bool, error) {
		return event.Type == watch.Added || event.Type == watch.Modified, nil
	})
	if err != nil {
		return fmt.Errorf("waiting for %s %s/%s: %w", resource, namespace, name, err)
	}
	return nil
}
