// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"context"
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// LeaseName is GKO's leader election id (shared/reference/gko-compatibility.md 7.1). Apisync uses the same
// one, so that in one namespace only one of both can be the leader.
const LeaseName = "24d975d3.gravitee.io"

// LeaseLabel marks a lease as Apisync's own, to tell another installation of it from GKO.
const (
	LeaseLabel      = "app.kubernetes.io/name"
	LeaseLabelValue = "apisync"
)

const gkoImage = "kubernetes-operator"

// RunningGKO names a Gravitee Kubernetes Operator that is at work elsewhere than in the namespace own (where leader election
// keeps it away); empty when none is found. It is looked for in the whole cluster, and where that isn't allowed in the given
// namespaces. Rights that are missing are no error: what can't be seen can't be refused.
func RunningGKO(ctx context.Context, c client.Reader, own string, now time.Time, namespaces ...string) (string, error) {
	holder, err := leaseHolder(ctx, c, own, now, namespaces)
	if err != nil || holder != "" {
		return holder, err
	}
	return deployment(ctx, c, own, namespaces)
}

func leaseHolder(ctx context.Context, c client.Reader, own string, now time.Time, namespaces []string) (string, error) {
	lists, err := visible(ctx, c, namespaces, func() *coordinationv1.LeaseList { return &coordinationv1.LeaseList{} })
	if err != nil {
		return "", fmt.Errorf("listing leases: %w", err)
	}
	for _, leases := range lists {
		for i := range leases.Items {
			lease := &leases.Items[i]
			if lease.Name == LeaseName && lease.Namespace != own && lease.Labels[LeaseLabel] != LeaseLabelValue && held(lease, now) {
				return fmt.Sprintf("lease %s/%s held by %s", lease.Namespace, lease.Name, *lease.Spec.HolderIdentity), nil
			}
		}
	}
	return "", nil
}

// visible lists what may be seen: the whole cluster, or else those of the namespaces in which it is allowed.
func visible[L client.ObjectList](ctx context.Context, c client.Reader, namespaces []string, empty func() L) ([]L, error) {
	all := empty()
	err := c.List(ctx, all)
	if err == nil || !apierrors.IsForbidden(err) {
		return []L{all}, err
	}
	var lists []L
	for _, namespace := range namespaces {
		list := empty()
		err := c.List(ctx, list, client.InNamespace(namespace))
		if err != nil && !apierrors.IsForbidden(err) {
			return nil, err
		}
		lists = append(lists, list)
	}
	return lists, nil
}

func held(lease *coordinationv1.Lease, now time.Time) bool {
	spec := lease.Spec
	if spec.HolderIdentity == nil || *spec.HolderIdentity == "" || spec.RenewTime == nil || spec.LeaseDurationSeconds == nil {
		return false
	}
	return now.Before(spec.RenewTime.Add(time.Duration(*spec.LeaseDurationSeconds) * time.Second))
}

// deployment finds a GKO that runs without leader election.
func deployment(ctx context.Context, c client.Reader, own string, namespaces []string) (string, error) {
	lists, err := visible(ctx, c, namespaces, func() *appsv1.DeploymentList { return &appsv1.DeploymentList{} })
	if err != nil {
		return "", fmt.Errorf("listing deployments: %w", err)
	}
	for _, deployments := range lists {
		for i := range deployments.Items {
			d := &deployments.Items[i]
			if d.Namespace != own && d.Status.AvailableReplicas > 0 && runsGKO(d) {
				return fmt.Sprintf("deployment %s/%s", d.Namespace, d.Name), nil
			}
		}
	}
	return "", nil
}

func runsGKO(d *appsv1.Deployment) bool {
	for _, container := range d.Spec.Template.Spec.Containers {
		repository, _, _ := strings.Cut(container.Image[strings.LastIndex(container.Image, "/")+1:], ":")
		if repository == gkoImage && strings.Contains(container.Image, "gravitee") {
			return true
		}
	}
	return false
}

// LeaseLabels are what leader election sets on the lease of this operator.
func LeaseLabels() map[string]string { return map[string]string{LeaseLabel: LeaseLabelValue} }
