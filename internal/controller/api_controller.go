// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/gateway"
	"github.com/apisync/apisync/internal/gather"
	"github.com/apisync/apisync/internal/lifecycle"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/model"
	"github.com/apisync/apisync/internal/template"
	"github.com/apisync/apisync/internal/translate"
)

// APIDefinitions publishes ApiDefinitions and keeps them in step. It implements
// lifecycle.Kind[*v1alpha1.ApiDefinition].
type APIDefinitions struct {
	Client client.Client
	// Sources look up what APIs refer to.
	Sources gather.Sources
	// Gateway keeps the ConfigMaps of local APIs.
	Gateway *gateway.Publisher
	Pool    *mapi.Pool
	// Reach makes a client for another place of the installation that a context leads to.
	Reach func(ctx context.Context, managed *v1alpha1.ManagementContext, place v1alpha1.Place) (mapi.Lease, error)
	// Gate bounds the objects of one context that are worked on at once; nil has no bound.
	Gate *Gate
	// Recheck wakes a context whose credentials were refused while it was used. Must not block for long.
	Recheck func(contextName string)
	// DigestKey keys the digests of wanted states.
	DigestKey []byte
	// Cluster is the id of this cluster, with which its APIs are marked; empty means unmarked.
	Cluster string
	// Always re-applies every API when it is seen for the first time by this process (RECONCILE_STRATEGY=always).
	Always *FirstSight
	// Times says how often remote APIs are looked at.
	Times Times
	// Rotation spreads the deep reads of APIs that nothing seems to have touched; nil reads deeply whenever an API is
	// looked at.
	Rotation *Rotation
	// Waiting keeps the APIs that wait for the first bulk look at their context; not needed without Rotation.
	Waiting *Waiting
	// Meter is told what happens; nil means nobody is.
	Meter Meter
	// Now is the clock.
	Now func() time.Time
}

// Sync publishes the API if there is a reason to. It works on a copy whose spec is complete: what is rendered, or stands in other
// objects, is never stored in the resource.
func (a *APIDefinitions) Sync(ctx context.Context, api *v1alpha1.ApiDefinition) (lifecycle.Outcome, error) {
	if api.Annotations[v1alpha1.TemplateAnnotation] == "true" {
		return lifecycle.Outcome{Message: "A template for ingresses; it isn't published itself"}, nil
	}
	if held, err := heldBack(api); held != nil || err != nil {
		return lifecycle.Outcome{Held: true, Conditions: held}, err
	}
	found, err := a.Sources.API(ctx, api)
	if err != nil {
		// Of an API that was in step, a passing trouble of reading says nothing, as in docs/adr/0006.
		return lifecycle.Outcome{Deferred: isInStep(api) && fault.KindOf(err) == fault.Transient}, err
	}
	complete := found.Object
	outcome, err := a.sync(ctx, complete, found)
	api.ObjectMeta, api.Status = complete.ObjectMeta, complete.Status
	if !outcome.Held {
		outcome.Conditions = append(outcome.Conditions, missingGroups(found.MissingGroups)...)
	}
	return outcome.Redacted(found.Redact), fault.Redact(err, found.Redact)
}

func (a *APIDefinitions) sync(ctx context.Context, api *v1alpha1.ApiDefinition, found gather.API) (lifecycle.Outcome, error) {
	if err := translate.Check(api); err != nil {
		return lifecycle.Outcome{}, err
	}
	if api.Spec.ContextRef == nil {
		return a.syncLocally(ctx, api)
	}
	terms, known, err := a.terms(ctx, api)
	if err != nil || !known {
		return a.withoutContext(ctx, api, known, err)
	}
	if terms.held != nil {
		return lifecycle.Outcome{Held: true, Conditions: terms.held}, nil
	}
	terms.linked, terms.secretContext = found.Linked, found.SecretContext
	terms.Client = redactedBy(terms.Client, found.Rendered, found.Redact)
	if a.atRest(api, terms) {
		return a.rest(ctx, api, terms)
	}
	leave, entered := a.Gate.Enter(terms.Name, Wake{Name: client.ObjectKeyFromObject(api), Urgent: !isInStep(api)})
	if !entered {
		return lifecycle.Outcome{Deferred: true}, nil
	}
	inStep := isInStep(api)
	outcome, err := a.publish(ctx, api, terms)
	if err = a.blame(terms.Lease, err); inStep && errors.As(err, new(unseen)) && fault.KindOf(err) == fault.Transient {
		outcome = lifecycle.Outcome{Deferred: true}
	}
	outcome.Release = leave
	return outcome, err
}

// unseen marks an error that came before anything was learned about the remote API. Of an API that was in
// step, a passing one says nothing (docs/adr/0006).
type unseen struct{ error }

func (u unseen) Unwrap() error { return u.error }

// terms are what an API is published under: a client for its context, and how drift is dealt with.
type terms struct {
	mapi.Lease

	policy string
	times  Times
	// contextUID is that of the ManagementContext.
	contextUID string
	// held are the conditions of an API whose context is paused; nil when it isn't.
	held []metav1.Condition
	// request is what people ask for by the annotation for a reconciliation now.
	request string
	// linked are the ids of remote objects that the API names by other words.
	linked map[string]string
	// secretContext is true when the status must not tell the name of the context.
	secretContext bool
}

// isRequested reports whether there is a request that wasn't answered yet.
func (t terms) isRequested(api *v1alpha1.ApiDefinition) bool {
	return t.request != "" && (api.Status.Sync == nil || api.Status.Sync.ReconcileAt != t.request)
}

// terms borrows the client of the API's context. known is false while nothing can be said about the context yet.
func (a *APIDefinitions) terms(ctx context.Context, api *v1alpha1.ApiDefinition) (found terms, known bool, err error) {
	managed, err := gather.Context(ctx, a.Client, *api.Spec.ContextRef, api.Namespace)
	if err != nil {
		return terms{}, true, err
	}
	if held, err := heldBack(managed); held != nil || err != nil {
		return terms{held: held}, true, err
	}
	lease, known, err := a.Pool.Get(string(managed.UID))
	if err == nil && lease.Revision != managed.Generation {
		// The context's own reconciler is about to probe its new spec; it wakes this API when it is done.
		return terms{}, false, nil
	}
	if err != nil || !known {
		return terms{}, known, err
	}
	found = terms{Lease: lease, contextUID: string(managed.UID), request: requested(api, managed)}
	if found.policy, err = driftPolicy(api, managed); err != nil {
		return terms{}, true, err
	}
	found.times, err = a.Times.of(managed)
	return found, true, err
}

// withoutContext is met while nothing may be sent. An API whose present generation was published keeps its
// status: an outage of the management API says nothing about it, and after a restart the contexts have to be
// probed first.
func (a *APIDefinitions) withoutContext(ctx context.Context, api *v1alpha1.ApiDefinition, known bool, err error) (lifecycle.Outcome, error) {
	if known && (!isInStep(api) || fault.ReasonOf(err) != fault.ReasonContextNotReady) {
		return lifecycle.Outcome{}, err
	}
	if !isInStep(api) {
		return lifecycle.Outcome{Deferred: true}, nil
	}
	return a.restLocally(ctx, api, nil)
}

// isInStep reports whether the present generation was published.
func isInStep(api *v1alpha1.ApiDefinition) bool {
	return api.Status.ObservedGeneration == api.Generation && slices.ContainsFunc(api.Status.Conditions, func(c metav1.Condition) bool {
		return c.Type == v1alpha1.ReadyCondition && c.Status == metav1.ConditionTrue
	})
}

// blame turns refused credentials into the context's affair: it is probed at once. This API tries again by
// its own back-off: if the probe finds nothing wrong, nothing else would wake it.
func (a *APIDefinitions) blame(lease mapi.Lease, err error) error {
	if err == nil || fault.KindOf(err) != fault.Unauthenticated {
		return err
	}
	a.Recheck(lease.Name)
	return fault.New(fault.Transient, fault.ReasonContextNotReady, "context %s: %w", lease.Name, err)
}

func (a *APIDefinitions) publish(ctx context.Context, api *v1alpha1.ApiDefinition, terms terms) (lifecycle.Outcome, error) {
	if err := a.soleOwner(ctx, api, terms.Lease); err != nil {
		return lifecycle.Outcome{}, err
	}
	result, err := a.moveAndReconcile(ctx, api, terms)
	if err != nil {
		return result.unfinished(), err
	}
	a.recordPlace(api, terms)
	syncOf(&api.Status.Sync).ReconcileAt = terms.request
	if a.Rotation != nil {
		a.Rotation.Done(api.UID, terms.times.Rotation)
	}
	outcome := lifecycle.Outcome{
		Done: result.done, DoneReason: result.doneReason, Warnings: result.warnings, Events: result.events,
		Message:    readyText(api, result),
		Conditions: []metav1.Condition{served(api, result.comparison), result.drifted(api), configured(result.comparison.Findings)},
	}
	outcome, err = a.serveLocally(ctx, api, terms.Hidden, a.untilDue(outcome, api, terms))
	return outcome, cmp.Or(err, severeRemarks(api.Status.Sync, api.Status.Errors))
}

// untilDue lets the API come back when it is its turn to be read in full.
func (a *APIDefinitions) untilDue(outcome lifecycle.Outcome, api *v1alpha1.ApiDefinition, terms terms) lifecycle.Outcome {
	outcome.Requeue = terms.times.Rotation
	if a.Rotation != nil {
		outcome.Requeue, outcome.Exact = a.Rotation.Wait(api.UID, terms.times.Rotation), true
	}
	return outcome
}

func (a *APIDefinitions) moveAndReconcile(ctx context.Context, api *v1alpha1.ApiDefinition, terms terms) (result, error) {
	old, moved := movedFrom(api, terms.Lease)
	if !moved {
		return a.reconcile(ctx, api, terms)
	}
	before, err := a.leaveBefore(ctx, api, terms, old)
	if err != nil {
		return result{}, err
	}
	// What was written to the old place says nothing about the new one.
	sync := syncOf(&api.Status.Sync)
	sync.Digest, sync.Marker, sync.Unresolved = "", "", nil
	found, err := a.reconcile(ctx, api, terms)
	if err != nil {
		found.warnings = before
		return found, err
	}
	after, err := a.leaveAfter(ctx, api, terms.Lease, old)
	found.warnings = slices.Concat(before, found.warnings, after)
	return found, err
}

// severeRemarks is met when the management API accepted an object and said all the same that something is badly wrong.
func severeRemarks(sync *v1alpha1.SyncStatus, errors v1alpha1.Errors) error {
	if sync == nil || !sync.Severe || len(errors.Severe) == 0 {
		return nil
	}
	return fault.New(fault.Terminal, fault.ReasonControlPlane, "the management API reports: %s", naming(errors.Severe))
}

// result is what a reconciliation learned and did.
type result struct {
	policy string
	// drift is what others did, corrects whether it is to be put right, wrote whether anything was written.
	drift           drift
	corrects, wrote bool
	// pending tells about drift that was noticed, in case nothing comes of its correction.
	pending metav1.Condition
	// marker is that of the state which was read back after a write.
	marker           string
	done, doneReason string
	warnings         []string
	events           []lifecycle.Event
	comparison       mapi.Comparison
}

// unfinished is what remains to be told when the reconciliation failed.
func (r result) unfinished() lifecycle.Outcome {
	outcome := lifecycle.Outcome{Events: r.events, Warnings: r.warnings}
	if r.pending.Type != "" {
		outcome.Conditions = []metav1.Condition{r.pending}
	}
	if isChecked(r.comparison.Findings) {
		outcome.Conditions = append(outcome.Conditions, configured(r.comparison.Findings))
	}
	return outcome
}

// reconcile observes, decides and applies, and leaves what it learned in the status in memory. Beside an error the result
// holds what was noticed before.
func (a *APIDefinitions) reconcile(ctx context.Context, api *v1alpha1.ApiDefinition, terms terms) (result, error) {
	store := terms.Client.APIs()
	seen, err := store.Observe(ctx, mapi.Ref{Key: translate.CrossID(api), ID: translate.RecordedID(api)})
	if err != nil {
		return result{}, unseen{err}
	}
	want, err := a.wanted(api, seen, terms.linked)
	if err != nil {
		return result{}, err
	}
	comparison, err := a.compare(ctx, store, want, seen)
	if err != nil {
		return result{}, unseen{err}
	}
	decided, judged, err := a.decided(ctx, api, terms, want, seen, comparison)
	if !judged {
		return result{}, err
	}
	if err != nil {
		return result{comparison: mapi.Comparison{Findings: comparison.Findings}}, err
	}
	if a.Always.First(api.UID) && !decided.write && !decided.drift.found() {
		decided.write, decided.reason = true, "every API is written again after a start (RECONCILE_STRATEGY=always)"
		decided.operation = OperationUpdate
	}
	found := result{policy: terms.policy, comparison: comparison, drift: decided.drift, corrects: decided.write}
	count := drifts(a.meter(), terms.Name, kindAPIDefinition)
	found.notice(api, "API "+api.Status.ID, count)
	if decided.warning != "" {
		found.warnings = append(found.warnings, decided.warning)
	}
	if !decided.write {
		return found, a.leaveAsIs(ctx, api, terms.Lease, want, seen, decided.drift)
	}
	err = a.apply(ctx, api, terms.Lease, want, seen.Exists, &found)
	a.meter().Operation(terms.Name, kindAPIDefinition, decided.operation, err)
	if err != nil {
		return found, err
	}
	found.done = fmt.Sprintf("Published API %s, since %s", api.Status.ID, decided.reason)
	found.corrected(count)
	return found, nil
}

// decided says what to do about what was seen. judged is false beside an error that came before anything was decided.
func (a *APIDefinitions) decided(ctx context.Context, api *v1alpha1.ApiDefinition, terms terms, want model.API, seen mapi.Observation, comparison mapi.Comparison) (decided decision, judged bool, err error) {
	digest, err := a.wantedDigest(api, terms.linked)
	if err != nil {
		return decision{}, false, err
	}
	current, err := a.state(api, terms, seen, comparison, digest)
	if err != nil {
		return decision{}, false, err
	}
	if current.joins() {
		if current.equal, err = sharesEqually(ctx, terms.Client.APIs(), want, seen); err != nil {
			return decision{}, false, unseen{err}
		}
	}
	decided, err = decide(current)
	return decided, true, err
}

// compare tells how the remote API differs, and what is to be said about the wanted state. What can't be said about an API that
// doesn't exist yet stops nothing.
func (a *APIDefinitions) compare(ctx context.Context, store mapi.Store[model.API], want model.API, seen mapi.Observation) (mapi.Comparison, error) {
	if seen.Exists {
		return store.Compare(ctx, want, seen)
	}
	findings, err := store.Review(ctx, want)
	if err != nil {
		return mapi.Comparison{}, nil //nolint:nilerr // the import tells
	}
	return mapi.Comparison{Findings: findings}, nil
}

// sharesEqually reports whether the API of other clusters is what is wanted here, but for the mark of this one.
func sharesEqually(ctx context.Context, store mapi.Store[model.API], want model.API, seen mapi.Observation) (bool, error) {
	want.Cluster, want.Sharers = "", seen.Owners
	comparison, err := store.Compare(ctx, want, seen)
	return err == nil && len(comparison.Differences) == 0, err
}

// leaveAsIs ends a reconciliation that writes nothing.
func (a *APIDefinitions) leaveAsIs(ctx context.Context, api *v1alpha1.ApiDefinition, lease mapi.Lease, want model.API, seen mapi.Observation, drift drift) error {
	switch {
	case drift.deleted:
		return fault.New(fault.Terminal, ReasonDeletedElsewhere,
			"API %s was deleted elsewhere; it is left so (drift policy %s): change the resource or its drift policy to create it again",
			api.Status.ID, v1alpha1.DriftPolicyReport)
	case !seen.Exists, drift.found() && seen.Ref.ID != api.Status.ID:
		return nil // the identity that the resource remembers must survive
	}
	return a.adopt(ctx, api, lease, want, seen)
}

func (a *APIDefinitions) meter() Meter {
	if a.Meter == nil {
		return unmetered{}
	}
	return a.Meter
}

func (a *APIDefinitions) state(api *v1alpha1.ApiDefinition, terms terms, seen mapi.Observation, comparison mapi.Comparison, digest string) (state, error) {
	onlyEqual, err := adoptsOnlyEqual(api)
	s := state{
		seen: seen, comparison: comparison, wanted: digest, cluster: a.Cluster, policy: terms.policy,
		local: api.Spec.Local, onlyEqual: onlyEqual, requested: terms.isRequested(api), severe: severeRemarks(api.Status.Sync, api.Status.Errors) != nil,
		owned:   seen.Exists && translate.RecordedID(api) == seen.Ref.ID,
		written: api.Status.ObservedGeneration == api.Generation && translate.PublishedID(api) != "",
	}
	_, s.moved = movedFrom(api, terms.Lease)
	if sync := api.Status.Sync; sync != nil && model.Comparable(sync.Digest, a.DigestKey) {
		s.recorded, s.unresolved = sync.Digest, sync.Unresolved
	}
	return s, err
}

// wantedDigest is that of the wanted state under the identities that the status remembers: an API that was made again elsewhere has
// others, which doesn't make what is wanted another.
func (a *APIDefinitions) wantedDigest(api *v1alpha1.ApiDefinition, linked map[string]string) (string, error) {
	want, err := a.wanted(api, mapi.Observation{}, linked)
	if err != nil {
		return "", err
	}
	return a.digest(want)
}

func (a *APIDefinitions) digest(want model.API) (string, error) {
	digest, err := want.Digest(a.DigestKey)
	return digest, fault.Wrap(fault.Terminal, fault.ReasonIllegalState, err)
}

// wanted translates with the identities that exist remotely, or with those of a new API.
func (a *APIDefinitions) wanted(api *v1alpha1.ApiDefinition, seen mapi.Observation, linked map[string]string) (model.API, error) {
	// An API that was deleted elsewhere comes back with the ids that its consumers know.
	id := cmp.Or(seen.Ref.ID, api.Status.ID, translate.FirstID(api))
	plans := map[string]string{}
	maps.Copy(plans, api.Status.Plans)
	maps.Copy(plans, seen.Ref.Parts)
	return translate.API(api, translate.Inputs{ID: id, PlanIDs: plans, Cluster: a.Cluster, Sharers: a.others(seen.Owners), Linked: linked})
}

// adopt records the identity of an API that is as wanted already, without writing to it.
func (a *APIDefinitions) adopt(ctx context.Context, api *v1alpha1.ApiDefinition, lease mapi.Lease, want model.API, seen mapi.Observation) error {
	digest, err := a.digest(want)
	if err != nil {
		return err
	}
	if err := a.claim(ctx, api, lease, seen.Ref.ID, true); err != nil {
		return err
	}
	status := &api.Status
	status.ID, status.CrossID = seen.Ref.ID, want.Key
	status.OrganizationID = cmp.Or(lease.Hidden.Show(lease.Info.OrganizationID), status.OrganizationID)
	status.EnvironmentID = cmp.Or(lease.Hidden.Show(lease.Info.EnvironmentID), status.EnvironmentID)
	status.Plans = plansOf(want, seen.Ref.Parts)
	if status.State == "" {
		status.State = api.Spec.State
	}
	sync := syncOf(&status.Sync)
	if sync.Digest != digest {
		sync.Digest, sync.Unresolved = digest, nil
	}
	sync.Marker = seen.Marker
	return nil
}

// apply writes the API and reads it back: what still differs then can't be changed by writing, and must not
// be tried again and again.
func (a *APIDefinitions) apply(ctx context.Context, api *v1alpha1.ApiDefinition, lease mapi.Lease, want model.API, existed bool, found *result) error {
	if err := a.claim(ctx, api, lease, want.ID, existed); err != nil {
		return err
	}
	known := slices.Concat(unresolvedBefore(api), model.Paths(found.comparison.Differences))
	if err := a.write(ctx, api, lease, &want, found); err != nil {
		return err
	}
	store := lease.Client.APIs()
	a.verify(ctx, store, want, found)
	if existed && len(unexpected(found.comparison.Differences, known, true)) > 0 {
		// It wasn't so before the write: somebody else has written in between.
		if err := a.write(ctx, api, lease, &want, found); err != nil {
			return err
		}
		a.verify(ctx, store, want, found)
	}
	a.remember(api, found)
	return nil
}

func unresolvedBefore(api *v1alpha1.ApiDefinition) []string {
	if api.Status.Sync == nil {
		return nil
	}
	return api.Status.Sync.Unresolved
}

// write sends the wanted state once, and learns the identities that the management API gave it.
func (a *APIDefinitions) write(ctx context.Context, api *v1alpha1.ApiDefinition, lease mapi.Lease, want *model.API, found *result) error {
	receipt, err := lease.Client.APIs().Apply(ctx, *want, mapi.Commit)
	if err != nil {
		return err
	}
	status := &api.Status
	status.ID, status.CrossID = receipt.Ref.ID, want.Key
	status.OrganizationID, status.EnvironmentID = lease.Hidden.Show(receipt.OrganizationID), lease.Hidden.Show(receipt.EnvironmentID)
	status.State = v1alpha1.ApiState(receipt.State)
	status.Plans = receipt.Ref.Parts
	status.Errors = v1alpha1.Errors{Severe: receipt.Severe, Warning: receipt.Warnings}
	sync := syncOf(&status.Sync)
	sync.Unresolved, sync.Marker, sync.Severe = nil, "", len(receipt.Severe) > 0
	found.wrote, found.comparison.Differences = true, nil
	want.ID, want.Reported = receipt.Ref.ID, receipt.Warnings
	sync.Digest, err = a.wantedDigest(api, want.Linked)
	return err
}

// verify fills in what only reading back can tell. The write is done, so a failure to read is no failure of
// the reconciliation: the next one reads again.
func (a *APIDefinitions) verify(ctx context.Context, store mapi.Store[model.API], want model.API, found *result) {
	seen, err := store.Observe(ctx, mapi.Ref{Key: want.Key, ID: want.ID})
	if err != nil || !seen.Exists {
		return
	}
	comparison, err := store.Compare(ctx, want, seen)
	if err != nil {
		return
	}
	found.comparison, found.marker = comparison, seen.Marker
}

// remember stores what was read back.
func (a *APIDefinitions) remember(api *v1alpha1.ApiDefinition, found *result) {
	sync := syncOf(&api.Status.Sync)
	sync.Marker = found.marker
	if len(found.comparison.Differences) > 0 {
		sync.Unresolved = model.Paths(found.comparison.Differences)
		found.warnings = append(found.warnings,
			"the management API keeps another value than the one that was sent, and will not be asked again: "+paths(found.comparison.Differences))
	}
}

func (a *APIDefinitions) claim(ctx context.Context, api *v1alpha1.ApiDefinition, lease mapi.Lease, id string, existed bool) error {
	claim := claimFor(api, lease, id, existed)
	if claim == (translate.Claim{}) {
		return lifecycle.Claim(ctx, a.Client, api, v1alpha1.ApiDefinitionFinalizer, nil)
	}
	return lifecycle.Claim(ctx, a.Client, api, v1alpha1.ApiDefinitionFinalizer, map[string]string{v1alpha1.IdentityAnnotation: claim.Text()})
}

// claimFor is the claim on the API with that id; existed tells whether it is there already. The zero value stands for none.
func claimFor(api *v1alpha1.ApiDefinition, lease mapi.Lease, id string, existed bool) translate.Claim {
	have := translate.ClaimOf(translate.FullName(api), api.Annotations)
	claim := translate.Claim{ID: id, For: translate.FullName(api), Found: existed}
	_, moves := movedFrom(api, lease)
	if moves {
		claim.At = lease.Place.Key()
	}
	switch {
	case have.ID == id && (have.At == claim.At || !moves):
		return have // after a crash, what is there may be what was written
	case !moves && have.ID == "" && translate.PublishedID(api) == id:
		return translate.Claim{} // the status remembers the id already (an object that GKO created)
	}
	return claim
}

func syncOf(sync **v1alpha1.SyncStatus) *v1alpha1.SyncStatus {
	if *sync == nil {
		*sync = &v1alpha1.SyncStatus{}
	}
	return *sync
}

// plansOf keeps to the plans that are wanted: the management API also tells closed ones.
func plansOf(want model.API, parts map[string]string) map[string]string {
	plans, _ := want.Definition["plans"].([]any)
	result := make(map[string]string, len(plans))
	for _, item := range plans {
		plan, _ := item.(map[string]any)
		crossID, _ := plan["crossId"].(string)
		if id, ok := parts[crossID]; ok {
			result[crossID] = id
		}
	}
	if len(result) == 0 {
		return nil
	}
	return result
}

func readyText(api *v1alpha1.ApiDefinition, found result) string {
	var message strings.Builder
	message.WriteString("In step with API " + api.Status.ID)
	if found.drift.found() && !found.wrote {
		message.Reset()
		message.WriteString("Published as API " + api.Status.ID + ", but " + found.drift.left())
	}
	if sync := api.Status.Sync; sync != nil && len(sync.Unresolved) > 0 {
		message.WriteString("; can't be changed by writing: " + naming(sync.Unresolved))
	}
	for _, finding := range found.comparison.Findings {
		if finding.Severity == mapi.Warning && finding.Reason != mapi.ReasonInvalidConfiguration {
			message.WriteString("; " + finding.Message)
		}
	}
	return message.String()
}

// isChecked reports whether configurations were held against schemas.
func isChecked(findings []mapi.Finding) bool {
	return slices.ContainsFunc(findings, func(f mapi.Finding) bool {
		return f.Reason == mapi.ReasonConfigurationChecked || f.Reason == mapi.ReasonInvalidConfiguration
	})
}

// configured tells which configurations of policies and resources don't fit their schemas. Without a schema there is no verdict.
func configured(findings []mapi.Finding) metav1.Condition {
	condition := metav1.Condition{
		Type: v1alpha1.ConfiguredCondition, Status: metav1.ConditionTrue, Reason: "Valid",
		Message: "The configurations of policies and resources fit the schemas that could be had",
	}
	if !isChecked(findings) {
		condition.Status = metav1.ConditionUnknown
		return condition
	}
	var invalid []string
	for _, finding := range findings {
		if finding.Reason == mapi.ReasonInvalidConfiguration {
			invalid = append(invalid, strings.TrimPrefix(finding.Path+": "+finding.Message, ": "))
		}
	}
	if len(invalid) > 0 {
		condition.Status, condition.Reason, condition.Message = metav1.ConditionFalse, mapi.ReasonInvalidConfiguration, strings.Join(invalid, "; ")
	}
	return condition
}

// served tells what is accepted, but won't reach a consumer.
func served(api *v1alpha1.ApiDefinition, comparison mapi.Comparison) metav1.Condition {
	condition := metav1.Condition{
		Type: v1alpha1.ServedCondition, Status: metav1.ConditionTrue, Reason: "Served",
		Message: "Nothing is known that keeps a gateway from serving it",
	}
	if api.Spec.State == v1alpha1.StateStopped {
		condition.Status, condition.Reason, condition.Message = metav1.ConditionFalse, "Stopped", "spec.state is STOPPED"
	}
	for _, finding := range comparison.Findings {
		if finding.Severity != mapi.NotServed {
			continue
		}
		if condition.Status == metav1.ConditionFalse {
			condition.Message += "; " + finding.Message
			continue
		}
		condition.Status, condition.Reason, condition.Message = metav1.ConditionFalse, finding.Reason, finding.Message
	}
	return condition
}

// soleOwner refuses an API whose crossId another resource of this cluster has claimed in the same place:
// otherwise both would overwrite one remote API in turns (shared/contract/cases/79-same-ids).
func (a *APIDefinitions) soleOwner(ctx context.Context, api *v1alpha1.ApiDefinition, lease mapi.Lease) error {
	twins, err := a.twins(ctx, api, lease)
	if err != nil {
		return err
	}
	first := api
	for i := range twins {
		if precedes(&twins[i], first, lease) {
			first = &twins[i]
		}
	}
	if first == api {
		return nil
	}
	return fault.New(fault.Conflict, fault.ReasonOwnedElsewhere,
		"ApiDefinition %s already publishes the API with crossId %s there; give this one another spec.crossId, or delete one of them",
		translate.FullName(first), translate.CrossID(api))
}

// twins are the other resources with the same crossId whose contexts lead to the same place.
func (a *APIDefinitions) twins(ctx context.Context, api *v1alpha1.ApiDefinition, lease mapi.Lease) ([]v1alpha1.ApiDefinition, error) {
	crossID := translate.CrossID(api)
	same, err := apisBy(ctx, a.Client, indexCrossID, crossID, computedCrossID)
	if err != nil {
		return nil, fmt.Errorf("listing APIs with crossId %s: %w", crossID, err)
	}
	names := a.Sources.Names()
	var twins []v1alpha1.ApiDefinition
	for i := range same {
		other := &same[i]
		if other.UID == api.UID || other.Spec.ContextRef == nil || !mayBecome(translate.CrossID(other), crossID) {
			continue
		}
		computed := isComputed(specContext(other))
		if !computed && !a.samePlace(ctx, other, lease) {
			continue // told before anything is rendered: there may be thousands
		}
		named, err := withNames(ctx, names, other)
		if err != nil {
			return nil, err
		}
		if translate.CrossID(named) == crossID && (!computed || a.samePlace(ctx, named, lease)) {
			twins = append(twins, *named)
		}
	}
	return twins, nil
}

// mayBecome reports whether a text with templates may become another one, by what stands before the first and behind the last of them.
func mayBecome(text, other string) bool {
	before, _, isTemplate := strings.Cut(text, "[[")
	if !isTemplate {
		return text == other
	}
	after := text[strings.LastIndex(text, "]")+1:]
	return strings.HasPrefix(other, strings.TrimSpace(before)) && strings.HasSuffix(other, strings.TrimSpace(after))
}

// withNames is an API with its names rendered, as far as that can be done. An error means that another try may do more.
func withNames(ctx context.Context, names *gather.Names, api *v1alpha1.ApiDefinition) (*v1alpha1.ApiDefinition, error) {
	if !template.In(translate.CrossID(api)) && !isComputed(specContext(api)) {
		return api, nil
	}
	rendered, err := names.Of(ctx, api)
	if err != nil && fault.KindOf(err) == fault.Transient {
		return api, err
	}
	found, _ := rendered.(*v1alpha1.ApiDefinition)
	return found, nil
}

func (a *APIDefinitions) samePlace(ctx context.Context, other *v1alpha1.ApiDefinition, lease mapi.Lease) bool {
	if other.Status.Sync != nil && other.Status.Sync.Place != nil && gather.Place(*other.Status.Sync.Place).Is(lease.Place) {
		return true // also while it is about to move away
	}
	managed, err := gather.Context(ctx, a.Client, *other.Spec.ContextRef, other.Namespace)
	if err != nil {
		return false
	}
	place, err := a.departure().placeOf(ctx, managed)
	return err == nil && place.Is(lease.Place)
}

// precedes: what is published there already stays with the resource that published it; then the oldest wins.
func precedes(other, api *v1alpha1.ApiDefinition, lease mapi.Lease) bool {
	if theirs, mine := publishedAt(other, lease), publishedAt(api, lease); theirs != mine {
		return theirs
	}
	if !other.CreationTimestamp.Equal(&api.CreationTimestamp) {
		return other.CreationTimestamp.Before(&api.CreationTimestamp)
	}
	return translate.FullName(other) < translate.FullName(api)
}

func publishedAt(api *v1alpha1.ApiDefinition, lease mapi.Lease) bool {
	_, elsewhere := movedFrom(api, lease)
	return translate.RecordedID(api) != "" && !elsewhere
}
