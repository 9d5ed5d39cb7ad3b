// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/gateway"
)

var configMaps = corev1.Resource("configmaps")

func TestWithdraw(t *testing.T) {
	const withdrew = "Withdrew ConfigMap shop/orders from gateways"
	cases := map[string]struct {
		why      string
		cached   *corev1.ConfigMap
		noCache  bool
		stored   *corev1.ConfigMap
		changed  string
		requests string
	}{
		"published": {
			why: "gateways shall stop serving it", cached: published(nil), stored: published(nil), changed: withdrew, requests: "get delete",
		},
		"no cache":                    {why: "the live answer is enough", noCache: true, stored: published(nil), changed: withdrew, requests: "get delete"},
		"no cache, absent":            {why: "there is nothing to do", noCache: true, requests: "get"},
		"absent in the cache":         {why: "what isn't local costs nothing", stored: published(nil)},
		"not ours in the cache":       {why: "it costs nothing", cached: published(ofOthers), stored: published(ofOthers)},
		"the cache is behind, absent": {why: "it is gone already", cached: published(nil), requests: "get"},
		"the cache is behind, not ours": {
			why: "only what is there now may be deleted", cached: published(nil), stored: published(ofOthers), requests: "get",
		},
		"being deleted": {
			why: "asking again changes nothing", cached: published(nil), stored: published(held), requests: "get",
		},
		"immutable": {
			why: "it can be deleted", cached: published(nil), stored: published(func(c *corev1.ConfigMap) { c.Immutable = new(true) }), changed: withdrew,
			requests: "get delete",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := serve(t, present(c.stored)...)
			publisher := gateway.Publisher{Client: s}
			if !c.noCache {
				publisher.Metadata = serve(t, present(c.cached)...)
			}
			changed, err := publisher.Withdraw(t.Context(), orders())
			if requests := s.taken(); err != nil || changed != c.changed || requests != c.requests {
				t.Fatalf("%s: changed = %q, %v after %q", c.why, changed, err, requests)
			}
			err = s.Get(t.Context(), types.NamespacedName{Namespace: "shop", Name: "orders"}, &corev1.ConfigMap{})
			if gone := apierrors.IsNotFound(err); gone != (c.stored == nil || c.changed != "") {
				t.Errorf("%s: gone = %v, %v", c.why, gone, err)
			}
		})
	}
}

func ofOthers(c *corev1.ConfigMap) { c.OwnerReferences[0].UID = "uid-0" }

// held is a ConfigMap that somebody deleted, and that a finalizer keeps.
func held(c *corev1.ConfigMap) {
	c.DeletionTimestamp, c.Finalizers = &metav1.Time{Time: time.Unix(1, 0)}, []string{"example.com/held"}
}

// TestAnswers: what each answer of the API server asks for.
func TestAnswers(t *testing.T) {
	stale := published(func(c *corev1.ConfigMap) { c.Data["definition"] = "{}" })
	fixed := published(func(c *corev1.ConfigMap) { c.Immutable, c.Data["definition"] = new(true), "{}" })
	forbidden := apierrors.NewForbidden(configMaps, "orders", errors.New("no such right"))
	terminating := apierrors.NewForbidden(configMaps, "orders", errors.New("because it is being terminated"))
	terminating.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
	invalid := apierrors.NewInvalid(corev1.SchemeGroupVersion.WithKind("ConfigMap").GroupKind(), "orders", nil)
	cases := map[string]struct {
		why      string
		have     *corev1.ConfigMap
		withdraw bool
		verb     string
		answer   error
		kind     fault.Kind
		reason   string
		conflict bool
		says     string
	}{
		"no right to get": {
			why: "somebody has to grant it", verb: "get", answer: forbidden, kind: fault.Forbidden, reason: fault.ReasonForbidden,
			says: "may not get ConfigMap shop/orders",
		},
		"no right to create": {
			why: "somebody has to grant it", verb: "create", answer: forbidden, kind: fault.Forbidden, reason: fault.ReasonForbidden,
			says: "the verb create on configmaps",
		},
		"no right to update": {
			why: "somebody has to grant it", have: stale, verb: "update", answer: forbidden, kind: fault.Forbidden, reason: fault.ReasonForbidden,
			says: "the verb update on configmaps",
		},
		"no right to delete": {
			why: "somebody has to grant it", have: fixed, verb: "delete", answer: forbidden, kind: fault.Forbidden, reason: fault.ReasonForbidden,
			says: "the verb delete on configmaps",
		},
		"no right to withdraw": {
			why: "somebody has to grant it", have: stale, withdraw: true, verb: "delete", answer: forbidden, kind: fault.Forbidden,
			reason: fault.ReasonForbidden, says: "the verb delete on configmaps",
		},
		"namespace is being deleted": {
			why: "nobody has to do anything", verb: "create", answer: terminating, kind: fault.Waiting, reason: fault.ReasonFailed,
			says: "namespace is being deleted",
		},
		"refused by a rule": {
			why: "it won't be accepted later", verb: "create", answer: invalid, kind: fault.Terminal, reason: fault.ReasonIllegalState,
			says: "refuses to create ConfigMap shop/orders",
		},
		"too large for the server": {
			why: "it won't be accepted later", have: stale, verb: "update", answer: apierrors.NewRequestEntityTooLargeError("limit is 100"), kind: fault.Terminal,
			reason: fault.ReasonIllegalState, says: "limit is 100",
		},
		"overloaded": {
			why: "time cures it", verb: "create", answer: apierrors.NewTooManyRequests("later", 1), reason: fault.ReasonFailed,
			says: "create ConfigMap shop/orders: later",
		},
		"no answer": {
			why: "time cures it", verb: "get", answer: context.DeadlineExceeded, reason: fault.ReasonFailed, says: "get ConfigMap shop/orders: context",
		},
		"no answer when withdrawing": {
			why: "time cures it", withdraw: true, verb: "get", answer: context.DeadlineExceeded, reason: fault.ReasonFailed, says: "get ConfigMap",
		},
		"updated by somebody else": {
			why: "another look shows what there is", have: stale, verb: "update", answer: apierrors.NewConflict(configMaps, "orders", errors.New("modified")),
			reason: fault.ReasonFailed, conflict: true, says: "modified",
		},
		"created by somebody else": {
			why: "another look shows what there is", verb: "create", answer: apierrors.NewAlreadyExists(configMaps, "orders"), reason: fault.ReasonFailed,
			conflict: true, says: "already exists",
		},
		"deleted by somebody else": {
			why: "the resource is still there, although the lifecycle takes a not-found for its absence", have: stale, verb: "update",
			answer: apierrors.NewNotFound(configMaps, "orders"), reason: fault.ReasonFailed, conflict: true, says: "not found",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := serve(t, present(c.have)...)
			s.before[c.verb] = func(client.Client) error { return c.answer }
			changed, err := publishOrWithdraw(t.Context(), s, c.withdraw)
			if err == nil || changed != "" || fault.KindOf(err) != c.kind || fault.ReasonOf(err) != c.reason {
				t.Fatalf("%s: %q, %v is %v %s", c.why, changed, err, fault.KindOf(err), fault.ReasonOf(err))
			}
			if apierrors.IsConflict(err) != c.conflict || apierrors.IsNotFound(err) || apierrors.IsAlreadyExists(err) {
				t.Errorf("%s: IsConflict is %v of %v", c.why, !c.conflict, err)
			}
			if !strings.Contains(err.Error(), c.says) || !c.conflict && !errors.Is(err, c.answer) {
				t.Errorf("%v doesn't say %q, or hides its cause", err, c.says)
			}
		})
	}
}

func publishOrWithdraw(ctx context.Context, c client.Client, withdraw bool) (string, error) {
	publisher := gateway.Publisher{Client: c}
	if withdraw {
		return publisher.Withdraw(ctx, orders())
	}
	return publisher.Publish(ctx, orders(), content())
}

func TestErrorOfTheCacheIsTold(t *testing.T) {
	cache := serve(t)
	cache.before["get"] = func(client.Client) error { return errors.New("the cache is not started") }
	s := serve(t, published(nil))
	_, err := (&gateway.Publisher{Client: s, Metadata: cache}).Withdraw(t.Context(), orders())
	if err == nil || !strings.Contains(err.Error(), "not started") || s.taken() != "" {
		t.Errorf("error = %v", err)
	}
}

// TestOthersWriteMeanwhile: between the look and the write somebody does something; nothing of it is overwritten, and the next run ends well.
func TestOthersWriteMeanwhile(t *testing.T) {
	stale := func(c *corev1.ConfigMap) { c.Data["definition"] = "{}" }
	fixed := func(c *corev1.ConfigMap) { c.Immutable = new(true); stale(c) }
	annotate := func(stored client.Client) error {
		var found corev1.ConfigMap
		if err := stored.Get(t.Context(), types.NamespacedName{Namespace: "shop", Name: "orders"}, &found); err != nil {
			return err
		}
		found.Annotations = map[string]string{"note": "me first"}
		return stored.Update(t.Context(), &found)
	}
	replace := func(stored client.Client) error {
		if err := stored.Delete(t.Context(), published(nil)); err != nil {
			return err
		}
		return stored.Create(t.Context(), published(ofOthers))
	}
	cases := map[string]struct {
		why  string
		have *corev1.ConfigMap
		verb string
		do   func(stored client.Client) error
		// then is what the next run gives: a fault.Conflict, or the ConfigMap as it should be.
		then bool
	}{
		"edited before an update":   {why: "the edit stays", have: published(stale), verb: "update", do: annotate},
		"edited before a delete":    {why: "it isn't what was looked at", have: published(fixed), verb: "delete", do: annotate},
		"replaced before an update": {why: "it is somebody else's now", have: published(stale), verb: "update", do: replace, then: true},
		"replaced before a delete":  {why: "it is somebody else's now", have: published(fixed), verb: "delete", do: replace, then: true},
		"created before a create": {
			why: "it is a person's", verb: "create", then: true,
			do: func(stored client.Client) error { return stored.Create(t.Context(), published(ofOthers)) },
		},
		"created by another replica": {
			why: "it is as it should be", verb: "create", do: func(stored client.Client) error { return stored.Create(t.Context(), published(nil)) },
		},
		"deleted before an update": {
			why: "it is made again", have: published(stale), verb: "update",
			do: func(stored client.Client) error { return stored.Delete(t.Context(), published(nil)) },
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := serve(t, present(c.have)...)
			s.before[c.verb] = c.do
			publisher := gateway.Publisher{Client: s}
			if changed, err := publisher.Publish(t.Context(), orders(), content()); !apierrors.IsConflict(err) || changed != "" {
				t.Fatalf("%s: %q, %v", c.why, changed, err)
			}
			_, err := publisher.Publish(t.Context(), orders(), content())
			if c.then {
				if !errors.Is(err, fault.Conflict) {
					t.Errorf("%s: %v", c.why, err)
				}
				return
			}
			if err != nil || s.stored(t).Data["organizationId"] != "acme" {
				t.Errorf("%s: %v", c.why, err)
			}
			if changed, err := publisher.Publish(t.Context(), orders(), content()); err != nil || changed != "" {
				t.Errorf("it isn't at rest then: %q, %v", changed, err)
			}
		})
	}
}

func TestWithdrawSparesWhatIsNewer(t *testing.T) {
	s := serve(t, published(nil))
	s.before["delete"] = func(stored client.Client) error {
		found := published(nil)
		if err := stored.Get(t.Context(), client.ObjectKeyFromObject(found), found); err != nil {
			return err
		}
		found.OwnerReferences = nil
		return stored.Update(t.Context(), found)
	}
	changed, err := (&gateway.Publisher{Client: s}).Withdraw(t.Context(), orders())
	if !apierrors.IsConflict(err) || changed != "" {
		t.Fatalf("changed = %q, %v", changed, err)
	}
	if changed, err := (&gateway.Publisher{Client: s}).Withdraw(t.Context(), orders()); err != nil || changed != "" || len(s.stored(t).OwnerReferences) != 0 {
		t.Errorf("changed = %q, %v", changed, err)
	}
}

func TestWithdrawOfWhatIsGoneMeanwhile(t *testing.T) {
	s := serve(t, published(nil))
	s.before["delete"] = func(stored client.Client) error { return stored.Delete(t.Context(), published(nil)) }
	if changed, err := (&gateway.Publisher{Client: s}).Withdraw(t.Context(), orders()); err != nil || changed != "" {
		t.Errorf("changed = %q, %v", changed, err)
	}
}

// TestLostAnswers: the write was made, and its answer didn't come. The next run finds what it wanted.
func TestLostAnswers(t *testing.T) {
	stale := published(func(c *corev1.ConfigMap) { c.Data["definition"] = "{}" })
	for verb, have := range map[string]*corev1.ConfigMap{"create": nil, "update": stale} {
		s := serve(t, present(have)...)
		s.after[verb] = func() error { return context.DeadlineExceeded }
		publisher := gateway.Publisher{Client: s}
		if _, err := publisher.Publish(t.Context(), orders(), content()); fault.KindOf(err) != fault.Transient || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("%s: %v", verb, err)
		}
		s.taken()
		if changed, err := publisher.Publish(t.Context(), orders(), content()); err != nil || changed != "" || s.taken() != "get" {
			t.Errorf("%s: %q, %v", verb, changed, err)
		}
	}
}

// TestCrashWhileReplacing: an immutable ConfigMap was deleted, and nothing came after it.
func TestCrashWhileReplacing(t *testing.T) {
	s := serve(t, published(func(c *corev1.ConfigMap) { c.Immutable, c.Data["definition"] = new(true), "{}" }))
	s.before["create"] = func(client.Client) error { return context.Canceled }
	publisher := gateway.Publisher{Client: s}
	if _, err := publisher.Publish(t.Context(), orders(), content()); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if changed, err := publisher.Publish(t.Context(), orders(), content()); err != nil || !strings.HasPrefix(changed, "Published ") {
		t.Fatalf("changed = %q, %v", changed, err)
	}
	if diff := cmp.Diff(published(nil), s.stored(t), given, asJSON); diff != "" {
		t.Error(diff)
	}
}

// TestReplacingWhatIsGone: somebody deleted the immutable ConfigMap just now.
func TestReplacingWhatIsGone(t *testing.T) {
	s := serve(t, published(func(c *corev1.ConfigMap) { c.Immutable, c.Data["definition"] = new(true), "{}" }))
	s.before["delete"] = func(stored client.Client) error { return stored.Delete(t.Context(), published(nil)) }
	if changed, err := (&gateway.Publisher{Client: s}).Publish(t.Context(), orders(), content()); err != nil || changed == "" {
		t.Errorf("changed = %q, %v", changed, err)
	}
}

// TestPublishWaitsForADeletion: an update of what is going away would be lost, and there can't be a second one of that name.
func TestPublishWaitsForADeletion(t *testing.T) {
	for _, have := range []*corev1.ConfigMap{published(held), published(func(c *corev1.ConfigMap) { held(c); c.Data = nil })} {
		s := serve(t, have)
		_, err := (&gateway.Publisher{Client: s}).Publish(t.Context(), orders(), content())
		if !errors.Is(err, fault.Waiting) || !strings.Contains(err.Error(), "example.com/held") || s.taken() != "get" {
			t.Errorf("error = %v", err)
		}
	}
}

func TestOwnerOf(t *testing.T) {
	other := metav1.OwnerReference{APIVersion: "v1", Kind: "Secret", Name: "s", UID: "uid-9"}
	cases := map[string]struct {
		why   string
		refs  []metav1.OwnerReference
		uid   types.UID
		owner string
	}{
		"none":                    {why: "it is nobody's"},
		"an ApiDefinition":        {why: "it is to be woken", refs: []metav1.OwnerReference{owner("ApiDefinition", "orders", "uid-1")}, uid: "uid-1", owner: "orders"},
		"behind another owner":    {why: "order means nothing", refs: []metav1.OwnerReference{other, owner("ApiDefinition", "a", "b")}, uid: "b", owner: "a"},
		"another kind":            {why: "it is served by somebody else", refs: []metav1.OwnerReference{owner("ApiV4Definition", "orders", "uid-1")}},
		"another group":           {why: "it is a kind of somebody else", refs: []metav1.OwnerReference{{APIVersion: "v1", Kind: "ApiDefinition", Name: "x", UID: "y"}}},
		"a group that isn't one":  {why: "it is nobody's", refs: []metav1.OwnerReference{{APIVersion: "a/b/c", Kind: "ApiDefinition", Name: "x", UID: "y"}}},
		"a version of the future": {why: "the group is what stays", refs: []metav1.OwnerReference{{APIVersion: "gravitee.io/v2", Kind: "ApiDefinition", Name: "x", UID: "y"}}, uid: "y", owner: "x"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			metadata := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{OwnerReferences: c.refs}}
			uid, owner, ok := gateway.OwnerOf(metadata)
			if uid != c.uid || owner != c.owner || ok != (c.owner != "") {
				t.Errorf("%s: %s %s %v", c.why, uid, owner, ok)
			}
		})
	}
}
