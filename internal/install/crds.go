// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

// Package install looks after what has to be in a cluster before the operator can work in it: its CRDs, the
// key of its digests, and no second operator for the same resources.
package install

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/openapi"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// fieldManager is the one that GKO applies its CRDs with, so that ours replace them without a conflict
// (shared/reference/gko-compatibility.md 1.1).
const fieldManager = "gravitee.io/operator"

const establishTimeout = 30 * time.Second

// statuses are the schemas of status by kind; nil for a kind that has none.
type statuses map[string]*apiextensionsv1.JSONSchemaProps

// ApplyCRDs applies the CRDs server-side and waits until the API server serves them.
func ApplyCRDs(ctx context.Context, c client.Client, crds []*unstructured.Unstructured) error {
	for _, crd := range crds {
		wanted := client.ApplyConfigurationFromUnstructured(crd.DeepCopy())
		if err := c.Apply(ctx, wanted, client.FieldOwner(fieldManager), client.ForceOwnership); err != nil {
			return fmt.Errorf("applying CRD %s: %w", crd.GetName(), err)
		}
	}
	return wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, establishTimeout, true, func(ctx context.Context) (bool, error) {
		return allEstablished(ctx, c, crds)
	})
}

func allEstablished(ctx context.Context, c client.Reader, crds []*unstructured.Unstructured) (bool, error) {
	for _, crd := range crds {
		var installed apiextensionsv1.CustomResourceDefinition
		if err := c.Get(ctx, client.ObjectKeyFromObject(crd), &installed); err != nil {
			return false, fmt.Errorf("reading CRD %s: %w", crd.GetName(), err)
		}
		if !established(&installed) {
			return false, nil
		}
	}
	return true, nil
}

func established(crd *apiextensionsv1.CustomResourceDefinition) bool {
	for _, condition := range crd.Status.Conditions {
		if condition.Type == apiextensionsv1.Established && condition.Status == apiextensionsv1.ConditionTrue {
			return true
		}
	}
	return false
}

// CheckCRDs fails unless the installed CRDs keep every status field that ours have: under GKO's CRDs the API
// server would prune them, and the operator would patch them for ever. Where CRDs may not be read, what the API server
// publishes about them is taken instead; where there is nothing of that either (published may be nil), it is logged that they
// aren't checked.
func CheckCRDs(ctx context.Context, c client.Reader, published openapi.ClientWithContext, crds []apiextensionsv1.CustomResourceDefinition) error {
	installed, err := installedStatuses(ctx, c, crds)
	if apierrors.IsForbidden(err) {
		installed, err = readPublished(ctx, published, crds)
		if err != nil && ctx.Err() == nil {
			log.FromContext(ctx).Info("The CRDs aren't checked: they may not be read, and the API server doesn't publish them", "reason", err.Error())
			return nil
		}
	}
	if err != nil {
		return err
	}
	return compare(crds, installed)
}

// installedStatuses reads the CRDs themselves.
func installedStatuses(ctx context.Context, c client.Reader, crds []apiextensionsv1.CustomResourceDefinition) (statuses, error) {
	found := statuses{}
	for i := range crds {
		var installed apiextensionsv1.CustomResourceDefinition
		err := c.Get(ctx, client.ObjectKeyFromObject(&crds[i]), &installed)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading CRD %s: %w", crds[i].Name, err)
		}
		found[crds[i].Spec.Names.Kind] = statusSchema(&installed)
	}
	return found, nil
}

// compare tells everything in which the installed CRDs don't fit.
func compare(crds []apiextensionsv1.CustomResourceDefinition, installed statuses) error {
	var problems []string
	for i := range crds {
		crd := &crds[i]
		kept, ok := installed[crd.Spec.Names.Kind]
		if !ok {
			problems = append(problems, crd.Name+" isn't installed")
		} else if lost := lostFields(statusSchema(crd), kept); len(lost) > 0 {
			problems = append(problems, fmt.Sprintf("%s would lose %s", crd.Name, strings.Join(lost, ", ")))
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return errors.New("the installed CRDs don't fit: " + strings.Join(problems, "; ") +
		". Install the CRDs of this release (kubectl apply --server-side --force-conflicts -k config/crd), or set APPLY_CRDS=true")
}

// lostFields lists the status fields that are wanted and not kept.
func lostFields(wanted, kept *apiextensionsv1.JSONSchemaProps) []string {
	if wanted == nil {
		return nil
	}
	if kept == nil {
		return []string{"status"}
	}
	var lost []string
	missing("status", wanted, kept, &lost)
	return lost
}

func missing(path string, wanted, kept *apiextensionsv1.JSONSchemaProps, lost *[]string) {
	for _, name := range sortedKeys(wanted.Properties) {
		property, ok := kept.Properties[name]
		if !ok {
			*lost = append(*lost, path+"."+name)
			continue
		}
		ours := wanted.Properties[name]
		missing(path+"."+name, &ours, &property, lost)
		if ours.MaxItems != nil && property.MaxItems != nil && *property.MaxItems < *ours.MaxItems {
			*lost = append(*lost, fmt.Sprintf("%s.%s beyond %d items", path, name, *property.MaxItems))
		}
	}
}

func statusSchema(crd *apiextensionsv1.CustomResourceDefinition) *apiextensionsv1.JSONSchemaProps {
	for _, version := range crd.Spec.Versions {
		if !version.Storage || version.Schema == nil || version.Schema.OpenAPIV3Schema == nil {
			continue
		}
		if status, ok := version.Schema.OpenAPIV3Schema.Properties["status"]; ok {
			return &status
		}
	}
	return nil
}
