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
	object := func(name string) controller.Wake {
		return controller.Wake{Name: types.NamespacedName{Namespace: "ns", Name: name}}
	}
	var woken []string
	gate := controller.NewGate(2, func(object controller.Wake) { woken = append(woken, object.Name.Name) })
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

func TestGateLetsTheUrgentGoFirst(t *testing.T) {
	var woken []controller.Wake
	gate := controller.NewGate(1, func(object controller.Wake) { woken = append(woken, object) })
	periodic := func(name string) controller.Wake {
		return controller.Wake{Name: types.NamespacedName{Name: name}}
	}
	urgent := func(name string) controller.Wake {
		return controller.Wake{Name: types.NamespacedName{Name: name}, Urgent: true}
	}
	leave, _ := gate.Enter("ctx", periodic("busy"))
	for _, object := range []controller.Wake{
		periodic("a"), periodic("b"), urgent("edited"), urgent("a"), periodic("edited"), periodic("c"),
	} {
		if _, entered := gate.Enter("ctx", object); entered {
			t.Fatalf("%s got in although the gate is full", object.Name)
		}
	}
	for range 6 {
		leave()
		next, entered := gate.Enter("ctx", periodic("next"))
		if !entered {
			t.Fatal("there is room")
		}
		leave = next
	}
	want := []controller.Wake{urgent("edited"), urgent("a"), periodic("b"), periodic("c")}
	if diff := cmp.Diff(want, woken); diff != "" {
		t.Errorf("what somebody waits for goes first, and nobody is woken twice (-want +got):\n%s", diff)
	}
}
