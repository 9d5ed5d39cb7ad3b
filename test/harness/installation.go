// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// Installation is an overlay in a cluster, whose operator runs as a process instead of in Pods.
type Installation struct {
	// Namespace and ServiceAccount are the operator's.
	Namespace, ServiceAccount string
	// Environment are the settings that the Deployment gives to the operator, as NAME=value.
	Environment []string
}

// Install applies a folder of the source tree, such as config/default, without its Deployment.
func (c *Cluster) Install(ctx context.Context, overlay string) (Installation, error) {
	built, err := Kustomize(overlay)
	if err != nil {
		return Installation{}, err
	}
	installed := Installation{Namespace: OperatorNamespace, ServiceAccount: ServiceAccount}
	var objects, configMaps []*unstructured.Unstructured
	deployment := &appsv1.Deployment{}
	for _, object := range built {
		switch object.GetKind() {
		case "Deployment":
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, deployment); err != nil {
				return Installation{}, fmt.Errorf("decoding the Deployment of %s: %w", overlay, err)
			}
			continue
		case "ConfigMap":
			configMaps = append(configMaps, object)
		}
		objects = append(objects, object)
	}
	if deployment.Name != "" {
		if installed, err = installationOf(deployment, configMaps); err != nil {
			return Installation{}, fmt.Errorf("reading the Deployment of %s: %w", overlay, err)
		}
	}
	return installed, Apply(ctx, c.Client, objects...)
}

// installationOf reads what a kubelet would make of the Deployment's one container.
func installationOf(deployment *appsv1.Deployment, configMaps []*unstructured.Unstructured) (Installation, error) {
	pod := deployment.Spec.Template.Spec
	installed := Installation{Namespace: deployment.Namespace, ServiceAccount: pod.ServiceAccountName}
	for _, container := range pod.Containers {
		for _, source := range container.EnvFrom {
			if source.ConfigMapRef == nil {
				continue
			}
			given, err := entries(configMaps, deployment.Namespace, source.ConfigMapRef.Name)
			if err != nil {
				return Installation{}, err
			}
			installed.Environment = append(installed.Environment, given...)
		}
		for _, variable := range container.Env {
			value, err := valueOf(&variable, deployment.Namespace)
			if err != nil {
				return Installation{}, err
			}
			installed.Environment = append(installed.Environment, variable.Name+"="+value)
		}
	}
	return installed, nil
}

func entries(configMaps []*unstructured.Unstructured, namespace, name string) ([]string, error) {
	for _, object := range configMaps {
		if object.GetNamespace() != namespace || object.GetName() != name {
			continue
		}
		var found []string
		data, _, err := unstructured.NestedStringMap(object.Object, "data")
		for key, value := range data {
			found = append(found, key+"="+value)
		}
		return found, err
	}
	return nil, fmt.Errorf("the ConfigMap %s/%s isn't part of the overlay", namespace, name)
}

func valueOf(variable *corev1.EnvVar, namespace string) (string, error) {
	switch source := variable.ValueFrom; {
	case source == nil:
		return variable.Value, nil
	case source.FieldRef != nil && source.FieldRef.FieldPath == "metadata.namespace":
		return namespace, nil
	}
	return "", fmt.Errorf("the variable %s takes its value from where the harness can't look", variable.Name)
}
