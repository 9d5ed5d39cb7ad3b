// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/test/recorded"
)

// reporter is what a lifecycle that is the same for every kind needs of one.
type reporter interface {
	runtime.Object
	metav1.Object
	GetConditions() []metav1.Condition
	SetConditions([]metav1.Condition)
	GetObservedGeneration() int64
	SetObservedGeneration(int64)
}

// reporters are one of each kind.
func reporters() []reporter {
	return []reporter{
		&v1alpha1.ApiDefinition{}, &v1alpha1.ManagementContext{}, &v1alpha1.ApiResource{}, &v1alpha1.Group{}, &v1alpha1.Notification{},
	}
}

// TestAccessors shows that all kinds keep what is set, where the status subresource stores it.
func TestAccessors(t *testing.T) {
	for _, object := range reporters() {
		object.SetConditions([]metav1.Condition{{Type: v1alpha1.ReadyCondition}})
		object.SetObservedGeneration(7)
		if got := object.GetConditions(); len(got) != 1 || got[0].Type != v1alpha1.ReadyCondition {
			t.Errorf("%T: conditions are %v", object, got)
		}
		if got := object.GetObservedGeneration(); got != 7 {
			t.Errorf("%T: observedGeneration is %d", object, got)
		}
		status, _ := recorded.AsJSON(t, object)["status"].(map[string]any)
		if status["observedGeneration"] != json.Number("7") || status["conditions"] == nil {
			t.Errorf("%T: status is %v", object, status)
		}
	}
}

// TestAddToScheme shows that the scheme knows all kinds under the group version of the definitions.
func TestAddToScheme(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	want := map[string]runtime.Object{
		v1alpha1.ApiDefinitionKind: &v1alpha1.ApiDefinition{}, v1alpha1.ApiDefinitionKind + "List": &v1alpha1.ApiDefinitionList{},
		v1alpha1.ManagementContextKind: &v1alpha1.ManagementContext{}, v1alpha1.ManagementContextKind + "List": &v1alpha1.ManagementContextList{},
		v1alpha1.ApiResourceKind: &v1alpha1.ApiResource{}, v1alpha1.ApiResourceKind + "List": &v1alpha1.ApiResourceList{},
		v1alpha1.GroupKind: &v1alpha1.Group{}, v1alpha1.GroupKind + "List": &v1alpha1.GroupList{},
		v1alpha1.NotificationKind: &v1alpha1.Notification{}, v1alpha1.NotificationKind + "List": &v1alpha1.NotificationList{},
	}
	for kind, object := range want {
		kinds, _, err := scheme.ObjectKinds(object)
		if err != nil || len(kinds) != 1 || kinds[0] != v1alpha1.GroupVersion.WithKind(kind) {
			t.Errorf("%T is known as %v: %v", object, kinds, err)
		}
	}
}

// TestFreeForm shows that the text of a free-form object survives, and that copies share nothing.
func TestFreeForm(t *testing.T) {
	cases := map[string]struct{ why, text, want string }{
		"Numbers": {why: "notation and precision belong to the text", text: `{"a":1.0,"b":1e3,"c":12345678901234567890}`, want: `{"a":1.0,"b":1e3,"c":12345678901234567890}`},
		"Empty":   {why: "an empty object isn't an absent one", text: `{}`, want: `{}`},
		"Null":    {why: "null stands for absent", text: `null`, want: `null`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var form v1alpha1.FreeForm
			if err := json.Unmarshal([]byte(tc.text), &form); err != nil {
				t.Fatal(err)
			}
			copied := form.DeepCopy()
			for i := range form.Raw {
				form.Raw[i] = ' '
			}
			got, err := json.Marshal(copied)
			if err != nil {
				t.Fatal(err)
			}
			if difference := cmp.Diff(tc.want, string(got)); difference != "" {
				t.Errorf("%s (-want +got):\n%s", tc.why, difference)
			}
		})
	}
}
