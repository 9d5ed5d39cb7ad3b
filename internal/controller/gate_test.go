// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/apisync/apisync/internal/controller"
)

func TestGate(t *testing.T) {
	object := func(name string) types.NamespacedName { return types.NamespacedName{Namespace: "ns", Name: name} }
	var woken []string
	gate := controller.NewGate(2, func(name types.NamespacedName) { woken = append(woken, name.Name) })
	leaveA, _ := gate.Enter("dead", object("a"))
	leaveB, _ := gate.Enter("dead", object("b"))
	for _, name := range []string{"c", "d", "c"} {
		if _, entered := gate.Enter("dead", object(name)); entered {
			t.Errorf("%s got in although the gate is full", name)
		}
	}
	leave, entered := gate.Enter("healthy", object("x"))
	if !entered {
		t.Fatal("one context keeps another one out")
	}
	leave()
	if len(woken) > 0 {
		t.Errorf("leaving one context woke %v of another", woken)
	}
	leaveA()
	leaveB()
	if diff := cmp.Diff([]string{"c", "d"}, woken); diff != "" {
		t.Errorf("who waited is woken once, in order (-want +got):\n%s", diff)
	}
	if _, entered := gate.Enter("dead", object("c")); !entered {
		t.Error("there is room again")
	}
	if leave, entered := (*controller.Gate)(nil).Enter("any", object("y")); !entered {
		t.Error("no gate lets everybody in")
	} else {
		leave()
	}
}
