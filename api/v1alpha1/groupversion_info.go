// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// The kinds of this package.
const (
	ApiDefinitionKind     = "ApiDefinition"
	ManagementContextKind = "ManagementContext"
	ApiResourceKind       = "ApiResource"
	GroupKind             = "Group"
	NotificationKind      = "Notification"
)

// GroupVersion is the API group and version of all kinds of this package.
var GroupVersion = schema.GroupVersion{Group: "gravitee.io", Version: "v1alpha1"}

// SchemeBuilder collects what AddToScheme registers.
var SchemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)

// AddToScheme registers the kinds of this package, their lists and the meta types of their group version.
func AddToScheme(scheme *runtime.Scheme) error {
	return SchemeBuilder.AddToScheme(scheme)
}

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&ApiDefinition{}, &ApiDefinitionList{},
		&ManagementContext{}, &ManagementContextList{},
		&ApiResource{}, &ApiResourceList{},
		&Group{}, &GroupList{},
		&Notification{}, &NotificationList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
