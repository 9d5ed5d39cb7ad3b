// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/gather"
	"github.com/apisync/apisync/internal/lifecycle"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/model"
	"github.com/apisync/apisync/internal/translate"
)

const kindGroup = "Group"

// Groups keeps groups in step, and those that are used. It implements lifecycle.Kind[*v1alpha1.Group].
type Groups struct {
	Client  client.Client
	Sources gather.Sources
	Pool    *mapi.Pool
	// Reach makes a client for another place of the installation that a context leads to; nil when that isn't possible.
	Reach func(ctx context.Context, managed *v1alpha1.ManagementContext, place v1alpha1.Place) (mapi.Lease, error)
	// Recheck wakes a context whose credentials were refused while it was used.
	Recheck func(contextName string)
	// DigestKey keys the digests of wanted states.
	DigestKey []byte
	// Always re-applies every group when it is seen for the first time by this process (RECONCILE_STRATEGY=always).
	Always *FirstSight
	// Times say how often a remote group is looked at.
	Times Times
	// Meter is told what happens; nil means nobody is.
	Meter Meter
	// Now is the clock.
	Now func() time.Time
}

// Sync publishes the group if there is a reason to.
func (g *Groups) Sync(ctx context.Context, group *v1alpha1.Group) (lifecycle.Outcome, error) {
	ctx = mapi.WithKind(ctx, kindGroup)
	if held, err := heldBack(group); held != nil || err != nil {
		return lifecycle.Outcome{Held: true, Conditions: held}, err
	}
	if err := lifecycle.Claim(ctx, g.Client, group, v1alpha1.GroupFinalizer, nil); err != nil {
		return lifecycle.Outcome{}, err
	}
	found, err := g.Sources.Group(ctx, group)
	if err != nil {
		return lifecycle.Outcome{}, err
	}
	if group.Spec.ContextRef == nil {
		return lifecycle.Outcome{Message: "It names no context, so the group is expected to be in the management API already"}, nil
	}
	inStep := isGroupInStep(group)
	complete := group.DeepCopy()
	complete.Spec = found.Spec
	outcome, err := g.publish(ctx, complete, found)
	group.ObjectMeta, group.Status = complete.ObjectMeta, complete.Status
	if inStep && errors.As(err, new(unseen)) && fault.KindOf(err) == fault.Transient {
		outcome = lifecycle.Outcome{Deferred: true}
	}
	return outcome.Redacted(found.Redact), fault.Redact(err, found.Redact)
}

func (g *Groups) publish(ctx context.Context, group *v1alpha1.Group, found gather.Referenced[v1alpha1.GroupSpec]) (lifecycle.Outcome, error) {
	managed, err := gather.Context(ctx, g.Client, *found.Spec.ContextRef, group.Namespace)
	if err != nil {
		return lifecycle.Outcome{}, err
	}
	if held, err := heldBack(managed); held != nil || err != nil {
		return lifecycle.Outcome{Held: true, Conditions: held}, err
	}
	lease, known, err := g.Pool.Get(string(managed.UID))
	switch {
	case err == nil && (!known || lease.Revision != managed.Generation), isGroupInStep(group) && fault.ReasonOf(err) == fault.ReasonContextNotReady:
		return lifecycle.Outcome{Deferred: true}, nil
	case err != nil:
		return lifecycle.Outcome{}, err
	}
	lease.Client = redactedBy(lease.Client, found.Rendered, found.Redact)
	times, err := g.Times.of(managed)
	if err != nil {
		return lifecycle.Outcome{}, err
	}
	policy, err := driftPolicy(group, managed)
	if err != nil {
		return lifecycle.Outcome{}, err
	}
	outcome, err := g.reconcile(ctx, group, lease, policy, g.wanted(group, &found.Spec))
	if err != nil {
		return outcome, g.blame(lease, err)
	}
	left, err := g.leaveOldPlace(ctx, group, managed, lease)
	if err != nil {
		return outcome, err
	}
	outcome.Warnings = append(outcome.Warnings, left...)
	syncOf(&group.Status.Sync).Place = gather.RecordPlace(lease, found.SecretContext)
	syncOf(&group.Status.Sync).ReconcileAt = requested(group, managed)
	outcome.Requeue = times.Rotation
	return outcome, nil
}

// isGroupInStep reports whether the present generation was published.
func isGroupInStep(group *v1alpha1.Group) bool {
	return group.Status.ObservedGeneration == group.Generation && meta.IsStatusConditionTrue(group.Status.Conditions, v1alpha1.ReadyCondition)
}

// keyOf is what the management API knows the group by: namespace-name, unless the group was made by a release that used ids
// (shared/reference/gko-compatibility.md part 4).
func keyOf(group *v1alpha1.Group) (key string, isID bool) {
	id := cmp.Or(group.Status.ID, group.Spec.ID)
	if id == "" || meta.IsStatusConditionTrue(group.Status.Conditions, v1alpha1.AutomationAPIManagedCondition) || claimedKey(group) == hridOf(group) {
		return hridOf(group), false
	}
	return id, true
}

func hridOf(group *v1alpha1.Group) string { return group.Namespace + "-" + group.Name }

func claimedKey(group *v1alpha1.Group) string { return claimOfGroup(group).ID }

func claimOfGroup(group *v1alpha1.Group) translate.Claim {
	return translate.ClaimOf(client.ObjectKeyFromObject(group).String(), group.Annotations)
}

func (g *Groups) wanted(group *v1alpha1.Group, spec *v1alpha1.GroupSpec) model.Group {
	members := make([]any, len(spec.Members))
	for i, member := range spec.Members {
		roles := map[string]any{}
		for scope, role := range member.Roles {
			roles[scope] = role
		}
		members[i] = map[string]any{"source": member.Source, "sourceId": member.SourceID, "roles": roles}
	}
	key, isID := keyOf(group)
	return model.Group{
		Name: client.ObjectKeyFromObject(group).String(), Key: key, KeyIsID: isID, Reported: slices.Clone(group.Status.Errors.Warning),
		Definition: map[string]any{"name": spec.Name, "notifyMembers": spec.NotifyMembers, "members": members},
	}
}

func refOf(want model.Group) mapi.Ref {
	if want.KeyIsID {
		return mapi.Ref{ID: want.Key}
	}
	return mapi.Ref{Key: want.Key}
}

func (g *Groups) reconcile(ctx context.Context, group *v1alpha1.Group, lease mapi.Lease, policy string, want model.Group) (lifecycle.Outcome, error) {
	store := lease.Client.Groups()
	seen, err := store.Observe(ctx, refOf(want))
	if err != nil {
		return lifecycle.Outcome{}, unseen{err}
	}
	if sync := group.Status.Sync; sync != nil && sync.Place != nil && !gather.Place(*sync.Place).Is(lease.Place) {
		// What was written to the old place says nothing about the new one.
		sync.Digest, sync.Unresolved = "", nil
	}
	decided, err := g.decide(ctx, group, store, policy, want, seen)
	if err != nil {
		return lifecycle.Outcome{}, unseen{err}
	}
	if g.Always.First(group.UID) && !decided.writes() && !decided.drift.found() {
		decided.reason, decided.operation = "every group is written again after a start (RECONCILE_STRATEGY=always)", OperationUpdate
	}
	found := result{policy: policy, drift: decided.drift, corrects: decided.writes(), comparison: decided.comparison}
	count := drifts(g.meter(), lease.Name, kindGroup)
	found.notice(group, "Group "+group.Status.ID, count)
	switch {
	case decided.writes():
		err := g.apply(ctx, group, store, want, seen.Exists)
		g.meter().Operation(lease.Name, kindGroup, decided.operation, err)
		if err != nil {
			return found.unfinished(), err
		}
		found.wrote, found.comparison.Differences = true, g.verify(ctx, group, store, want)
		found.done = fmt.Sprintf("Published group %s, since %s", group.Status.ID, decided.reason)
		found.corrected(count)
	case decided.drift.deleted:
		return found.unfinished(), fault.New(fault.Terminal, ReasonDeletedElsewhere,
			"group %s was deleted elsewhere; it is left so (drift policy %s): change the resource or the policy to create it again", want.Key, policy)
	case seen.Exists:
		if group.Status.ID == "" {
			group.Status.Members = uint(max(seen.Members, 0)) // otherwise it is what the last write counted
		}
		group.Status.ID = seen.Ref.ID
	}
	digest, err := want.Digest(g.DigestKey)
	if err != nil {
		return lifecycle.Outcome{}, fault.Wrap(fault.Terminal, fault.ReasonIllegalState, err)
	}
	syncOf(&group.Status.Sync).Digest = digest
	group.Status.OrganizationID, group.Status.EnvironmentID = lease.Hidden.Show(lease.Info.OrganizationID), lease.Hidden.Show(lease.Info.EnvironmentID)
	return g.outcome(group, want, found), severeRemarks(group.Status.Sync, group.Status.Errors)
}

func (g *Groups) outcome(group *v1alpha1.Group, want model.Group, found result) lifecycle.Outcome {
	outcome := lifecycle.Outcome{
		Message: "In step with group " + group.Status.ID, Done: found.done, DoneReason: found.doneReason, Events: found.events,
		Conditions: []metav1.Condition{found.drifted(group)},
	}
	if found.drift.found() && !found.wrote {
		outcome.Message = "Published as group " + group.Status.ID + ", but " + found.drift.left()
	}
	if unresolved := group.Status.Sync.Unresolved; len(unresolved) > 0 {
		outcome.Message += "; can't be changed by writing: " + naming(unresolved)
	}
	if !want.KeyIsID {
		outcome.Conditions = append(outcome.Conditions, metav1.Condition{
			Type: v1alpha1.AutomationAPIManagedCondition, Status: metav1.ConditionTrue, Reason: v1alpha1.AutomationAPIManagedCondition,
		})
	}
	return outcome
}

// groupDecision says whether to write a group, and why.
type groupDecision struct {
	// reason to write; without one nothing is written. operation is the kind of write.
	reason, operation string
	drift             drift
	comparison        mapi.Comparison
}

func (d groupDecision) writes() bool { return d.reason != "" }

func (g *Groups) decide(ctx context.Context, group *v1alpha1.Group, store mapi.Store[model.Group], policy string, want model.Group, seen mapi.Observation) (groupDecision, error) {
	digest, err := want.Digest(g.DigestKey)
	if err != nil {
		return groupDecision{}, fault.Wrap(fault.Terminal, fault.ReasonIllegalState, err)
	}
	sync := group.Status.Sync
	published := sync != nil && model.Comparable(sync.Digest, g.DigestKey)
	switch {
	case published && sync.Digest != digest:
		return groupDecision{reason: "the wanted state changed", operation: OperationUpdate}, nil
	case published && policy == v1alpha1.DriftPolicyOff:
		return groupDecision{}, nil
	case !seen.Exists && !published:
		return groupDecision{reason: "it doesn't exist yet", operation: OperationCreate}, nil
	case !seen.Exists:
		return groupDecision{drift: drift{deleted: true}}.correcting(policy), nil
	}
	comparison, err := store.Compare(ctx, want, seen)
	decided := groupDecision{comparison: comparison}
	if err != nil || len(comparison.Differences) == 0 {
		return decided, err
	}
	if !published {
		decided.reason, decided.operation = "it differs from the wanted state in "+paths(comparison.Differences), OperationAdopt
		return decided, nil
	}
	if decided.drift.fields = unexpected(comparison.Differences, sync.Unresolved, true); len(decided.drift.fields) == 0 {
		return decided, nil
	}
	return decided.correcting(policy), nil
}

// correcting applies the policy to drift.
func (d groupDecision) correcting(policy string) groupDecision {
	if policy != v1alpha1.DriftPolicyReport {
		d.reason, d.operation = d.drift.text(), OperationCorrect
	}
	return d
}

// verify reads back what was written: what still differs can't be changed by writing, and must not be tried again and again. The
// write is done, so a failure to read is no failure.
func (g *Groups) verify(ctx context.Context, group *v1alpha1.Group, store mapi.Store[model.Group], want model.Group) []model.Difference {
	sync := syncOf(&group.Status.Sync)
	sync.Unresolved = nil
	want.Reported = group.Status.Errors.Warning
	seen, err := store.Observe(ctx, refOf(want))
	if err != nil || !seen.Exists {
		return nil
	}
	comparison, err := store.Compare(ctx, want, seen)
	if err != nil || len(comparison.Differences) == 0 {
		return nil
	}
	sync.Unresolved = model.Paths(comparison.Differences)
	return comparison.Differences
}

// apply stores the key first: after a crash, it is how the group remembers what it may have made.
func (g *Groups) apply(ctx context.Context, group *v1alpha1.Group, store mapi.Store[model.Group], want model.Group, existed bool) error {
	claim := claimOfGroup(group)
	if claim.ID != want.Key {
		claim = translate.Claim{ID: want.Key, For: client.ObjectKeyFromObject(group).String(), Found: existed}
	}
	if err := lifecycle.Claim(ctx, g.Client, group, v1alpha1.GroupFinalizer, map[string]string{v1alpha1.IdentityAnnotation: claim.Text()}); err != nil {
		return err
	}
	receipt, err := store.Apply(ctx, want, mapi.Commit)
	if err != nil {
		return err
	}
	group.Status.ID, group.Status.Members = receipt.Ref.ID, uint(max(receipt.Members, 0))
	group.Status.Errors = v1alpha1.Errors{Severe: receipt.Severe, Warning: receipt.Warnings}
	syncOf(&group.Status.Sync).Severe = len(receipt.Severe) > 0
	return nil
}

// leaveOldPlace removes the group from where it was published before its context led elsewhere. What can't be reached for good is named; an
// error means that another try may succeed.
func (g *Groups) leaveOldPlace(ctx context.Context, group *v1alpha1.Group, managed *v1alpha1.ManagementContext, lease mapi.Lease) ([]string, error) {
	sync := group.Status.Sync
	if sync == nil || sync.Place == nil || gather.Place(*sync.Place).Is(lease.Place) {
		return nil, nil
	}
	why, err := g.leave(ctx, group, managed, *sync.Place)
	if kind := fault.KindOf(err); err != nil && (kind == fault.Transient || kind == fault.Waiting) {
		return nil, fmt.Errorf("leaving %s: %w", sync.Place.BaseURL, err)
	}
	if err != nil {
		why = err.Error()
	}
	if why == "" {
		return nil, nil
	}
	return []string{fmt.Sprintf("the group was left behind at %s, where it was published before: %s; delete it there by hand if it isn't needed",
		sync.Place.BaseURL, why)}, nil
}

// leave deletes the group at its old place, unless it may be the one that was just written: ids of groups are made from their names, so that
// other installations have the same ones, and nothing else tells groups apart. Then the reason is given.
func (g *Groups) leave(ctx context.Context, group *v1alpha1.Group, managed *v1alpha1.ManagementContext, old v1alpha1.Place) (why string, err error) {
	there, err := g.departure().reach(ctx, managed, old, nil)
	if err != nil {
		return "", err
	}
	seen, err := g.observe(ctx, group, there)
	switch {
	case err != nil || !seen.Exists:
		return "", err
	case seen.Ref.ID == group.Status.ID:
		return "it has the id of the one that is published now, and may be the very same under another address", nil
	}
	return "", there.Client.Groups().Delete(ctx, mapi.Ref{ID: seen.Ref.ID})
}

func (g *Groups) departure() departure {
	return departure{client: g.Client, sources: g.Sources, pool: g.Pool, elsewhere: g.Reach, now: g.Now}
}

// observe finds the remote group. A deletion goes by its id, which the status may not know yet, so the key finds it.
func (g *Groups) observe(ctx context.Context, group *v1alpha1.Group, lease mapi.Lease) (mapi.Observation, error) {
	key, isID := keyOf(group)
	return lease.Client.Groups().Observe(ctx, refOf(model.Group{Key: key, KeyIsID: isID}))
}

// withdraw deletes the remote group.
func (g *Groups) withdraw(ctx context.Context, group *v1alpha1.Group, lease mapi.Lease) error {
	seen, err := g.observe(ctx, group, lease)
	if err != nil || !seen.Exists {
		return err
	}
	return lease.Client.Groups().Delete(ctx, mapi.Ref{ID: seen.Ref.ID})
}

func (g *Groups) blame(lease mapi.Lease, err error) error {
	if fault.KindOf(err) != fault.Unauthenticated {
		return err
	}
	g.Recheck(lease.Name)
	return fault.New(fault.Transient, fault.ReasonContextNotReady, "context %s: %w", lease.Name, err)
}

func (g *Groups) meter() Meter {
	if g.Meter == nil {
		return unmetered{}
	}
	return g.Meter
}

// Finalize waits until nothing names the group, and then deletes the remote one if this resource has made it.
func (g *Groups) Finalize(ctx context.Context, group *v1alpha1.Group) (lifecycle.Farewell, error) {
	ctx = mapi.WithKind(ctx, kindGroup)
	complete, names := group.DeepCopy(), g.Sources.Names()
	found, err := g.Sources.Group(ctx, group)
	if err == nil {
		complete.Spec = found.Spec
	} else {
		// What can't be looked up any more isn't needed for a deletion, except for the way there.
		named, err := names.Of(ctx, group)
		if err != nil && fault.KindOf(err) == fault.Transient {
			return "", err
		}
		complete, _ = named.(*v1alpha1.Group)
	}
	clean := func(text string) string { return names.Redact(found.Redact(text)) }
	parting, err := g.finalize(ctx, complete)
	return lifecycle.Farewell(clean(string(parting))), fault.Redact(err, clean)
}

func (g *Groups) finalize(ctx context.Context, group *v1alpha1.Group) (lifecycle.Farewell, error) {
	key := client.ObjectKeyFromObject(group).String()
	apis, notifications, err := protecting(g.Client, g.Sources).ofGroup(ctx, key)
	if err := cmp.Or(err, inUse(kindGroup, "APIs", apis), inUse(kindGroup, "Notifications", notifications)); err != nil {
		return "", err
	}
	id, _ := keyOf(group)
	switch {
	case group.Status.ID == "" && claimedKey(group) == "":
		return "", nil
	case group.Status.ID == "" && claimOfGroup(group).Found:
		return leftGroup(id, "since it was there before, and was never written by this resource"), nil
	case group.Annotations[v1alpha1.DeletionPolicyAnnotation] == v1alpha1.DeletionPolicyOrphan:
		return leftGroup(id, "as its annotation "+v1alpha1.DeletionPolicyAnnotation+" asks"), nil
	case group.Spec.ContextRef == nil:
		return leftGroup(id, "since it names no ManagementContext any more"), nil
	}
	lease, parting, err := g.leaseForDeletion(ctx, group, id)
	if err != nil || parting != "" {
		return parting, err
	}
	err = g.withdraw(ctx, group, lease)
	g.meter().Operation(lease.Name, kindGroup, OperationDelete, err)
	if errors.Is(err, fault.Terminal) {
		return leftGroup(id, "since "+err.Error()), nil
	}
	return "", err
}

// leaseForDeletion borrows a client for the place where the group was published last, also one whose context isn't ready any more; a
// farewell ends the deletion when the way is gone.
func (g *Groups) leaseForDeletion(ctx context.Context, group *v1alpha1.Group, id string) (mapi.Lease, lifecycle.Farewell, error) {
	managed, err := g.contextOf(ctx, group)
	if err != nil && !errors.Is(err, fault.Waiting) {
		return mapi.Lease{}, "", err
	}
	if managed != nil {
		if held, err := heldBack(group, managed); held != nil || err != nil {
			return mapi.Lease{}, "", cmp.Or(err, errPaused())
		}
		if _, known, _ := g.Pool.Get(string(managed.UID)); !known {
			return mapi.Lease{}, "", lifecycle.ErrDeferred // it is probed soon, which wakes the group
		}
	}
	if sync := group.Status.Sync; sync != nil && sync.Place != nil {
		lease, err := g.departure().reach(ctx, managed, *sync.Place, group.DeletionTimestamp)
		if kind := fault.KindOf(err); err == nil || kind == fault.Transient || kind == fault.Waiting {
			return lease, "", err
		}
		if managed != nil {
			return mapi.Lease{}, leftGroup(id, "since "+err.Error()), nil
		}
	}
	if managed == nil {
		return mapi.Lease{}, leftGroup(id, "since its ManagementContext is gone"), nil
	}
	lease, why, err := g.departure().leaseOf(managed, group.DeletionTimestamp)
	if why != "" {
		return mapi.Lease{}, leftGroup(id, "since "+why), nil
	}
	return lease, "", err
}

// contextOf is the context that the group names, or else the one that it was published through.
func (g *Groups) contextOf(ctx context.Context, group *v1alpha1.Group) (*v1alpha1.ManagementContext, error) {
	managed, err := gather.Context(ctx, g.Client, *group.Spec.ContextRef, group.Namespace)
	if err == nil {
		return managed, nil
	}
	if sync := group.Status.Sync; errors.Is(err, fault.Waiting) && sync != nil && sync.Place != nil && sync.Place.Context != "" {
		return contextNamed(ctx, g.Client, sync.Place.Context)
	}
	return nil, err
}

func leftGroup(id, why string) lifecycle.Farewell {
	return lifecycle.Farewell(fmt.Sprintf("Group %s was left in the management API, %s", id, why))
}
