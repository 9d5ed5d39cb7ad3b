// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/controller"
	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/gather"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/mask"
	"github.com/apisync/apisync/internal/model"
	"github.com/apisync/apisync/internal/translate"
)

// report puts together what was planned, by context.
func (p *planner) report(found []*planned) Report {
	p.refuseSharedPaths(found)
	p.noteConfigMaps()
	report := Report{APIVersion: APIVersion, Kind: Kind, Contexts: []Context{}, Notes: p.notes}
	at := map[string]int{}
	for _, c := range p.neededContexts() {
		name := client.ObjectKeyFromObject(c.object).String()
		at[name] = len(report.Contexts)
		report.Contexts = append(report.Contexts, p.contextReport(c, name))
	}
	for _, one := range found {
		name := one.contextName()
		i, known := at[name]
		if !known {
			i = len(report.Contexts)
			at[name] = i
			report.Contexts = append(report.Contexts, Context{Name: name, Objects: []Object{}})
		}
		report.Contexts[i].Objects = append(report.Contexts[i].Objects, p.judge(one))
	}
	slices.SortFunc(report.Contexts, func(a, b Context) int { return cmp.Compare(a.Name, b.Name) })
	for _, c := range report.Contexts {
		slices.SortFunc(c.Objects, func(a, b Object) int {
			return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
		})
	}
	report.count()
	return report
}

func (p *planner) contextReport(c *contextTarget, name string) Context {
	spec := c.object.Spec
	baseURL, _ := mask.Document(spec.BaseUrl).(string)
	return Context{
		Name: name, Change: c.change, InFiles: c.inFiles, BaseURL: baseURL,
		Organization: spec.OrganizationID, Environment: spec.EnvironmentID,
		EnvironmentName: p.veilContexts(c.info.EnvironmentName), User: p.veilContexts(c.info.User), Fault: p.contextFaultOf(c), Objects: []Object{},
	}
}

func (p *planner) contextFaultOf(c *contextTarget) *Fault {
	found := faultOf(c.err)
	if found != nil {
		found.Message = p.veilContexts(found.Message)
	}
	return found
}

// contextKey is the context of a resource: the one that it names, or that it was published through when it goes or names none.
func (t *target) contextKey() string {
	names := t.contexts()
	switch {
	case len(names) == 0:
		return ""
	case t.goes():
		return names[len(names)-1]
	}
	return names[0]
}

// contextName is how the context of a resource is told: a name from a Secret by its template.
func (t *target) contextName() string {
	if t.complete.SecretContext {
		return gather.RefKey(*t.api.Spec.ContextRef, t.api.Namespace).String()
	}
	return t.contextKey()
}

// contextFault is why the context of the resource can't be used, nil if it can.
func (p *planner) contextFault(t *target) error {
	for _, c := range p.managed {
		if client.ObjectKeyFromObject(c.object).String() == t.contextKey() {
			return c.err
		}
	}
	return nil
}

// judge turns what was recorded into a verdict.
func (p *planner) judge(one *planned) Object {
	object := Object{
		Kind: "ApiDefinition", Namespace: one.after.Namespace, Name: one.after.Name, InFiles: one.inFiles,
		ID: one.id(), Writes: one.writes(),
	}
	switch applied := one.trace.applied(); {
	case one.outcome.Held && one.err == nil:
		one.judgePause(&object)
	case one.outcome.Deferred || one.err != nil:
		p.judgeFault(one, &object)
	case one.goes():
		one.judgeDeletion(&object)
	case applied != nil:
		p.judgeWrite(one, applied, &object)
	default:
		p.judgeRest(one, &object)
		p.judgeServing(one, &object)
		if p.contextFault(one.target) != nil {
			object.Warnings = append(object.Warnings, "its context "+one.contextName()+" can't be used, so that nothing is known of the API there")
		}
	}
	one.remarks(&object)
	return p.veiled(one, one.withoutDrawnID(object))
}

// judgePause is met when people want nothing to be done.
func (one *planned) judgePause(object *Object) {
	object.Verdict, object.Reason, object.held = VerdictNone, "it is paused", true
	if one.api.Annotations[v1alpha1.PausedAnnotation] != "true" {
		object.Reason += " with its context " + one.contextName()
	}
}

// judgeFault is met when the reconciliation didn't come to its end.
func (p *planner) judgeFault(one *planned, object *Object) {
	err := one.err
	if unusable := p.contextFault(one.target); unusable != nil && (err == nil || fault.ReasonOf(err) == fault.ReasonContextNotReady) {
		object.Verdict, object.Fault = VerdictUnknown, faultOf(unusable)
		object.Reason = "its context " + one.contextName() + " can't be used"
		return
	}
	if err == nil {
		err = fault.New(fault.Waiting, fault.ReasonContextNotReady, "nothing can be told about it now")
	}
	object.Fault = faultOf(err)
	switch kind := fault.KindOf(err); {
	case fault.ReasonOf(err) == controller.ReasonDeletedElsewhere:
		object.Verdict, object.Fault = VerdictDrift, nil
		object.Reason = "it was deleted elsewhere, and its drift policy leaves it so"
	case kind == fault.Waiting:
		object.Verdict = VerdictWaiting
	case kind == fault.Terminal, kind == fault.Conflict, kind == fault.Forbidden:
		object.Verdict = VerdictRefused
	default:
		object.Verdict = VerdictUnknown
	}
	p.showRefused(one, err, object)
}

// showRefused tells what was about to change, and what would be all the same.
func (p *planner) showRefused(one *planned, err error, object *Object) {
	applied, seen := one.trace.applied(), one.sight()
	switch {
	case applied != nil && applied.err == nil:
		object.Changes = p.changes(one, applied)
		object.Warnings = append(object.Warnings, "it would be published in the management API all the same")
	case applied != nil && applied.seen.seen.Exists:
		object.Changes = p.changes(one, applied)
	case applied == nil && fault.KindOf(err) == fault.Conflict && p.mayBeOurs(one, seen.seen):
		wanted, _ := p.remembered(one.target)
		object.Changes = changesOf(wanted.Definition, seen.comparison.Differences, nil)
	}
}

// mayBeOurs reports whether an API isn't another cluster's alone.
func (p *planner) mayBeOurs(one *planned, seen mapi.Observation) bool {
	return one.api.Spec.Local || len(seen.Owners) == 0 || slices.Contains(seen.Owners, p.ClusterID)
}

func (one *planned) judgeDeletion(object *Object) {
	switch {
	case len(one.trace.deletions()) > 0, one.trace.configMap != nil:
		object.Verdict, object.Reason = VerdictDelete, one.whyDeleted()
	case one.trace.applied() != nil:
		object.Verdict, object.Reason = VerdictUpdate, one.whyDeleted()+", and other clusters publish the API too: the mark of this one is taken off"
	case one.before == "":
		object.Verdict, object.Reason = VerdictNone, "it was never published"
	default:
		object.Verdict, object.Reason = VerdictNone, "nothing is deleted in the management API"
	}
	if one.farewell != "" {
		object.Warnings = append(object.Warnings, string(one.farewell))
	}
}

func (one *planned) whyDeleted() string {
	switch {
	case !one.live.DeletionTimestamp.IsZero():
		return "the resource is being deleted"
	case one.inFiles:
		return "the resource is to be deleted"
	}
	return "the resource isn't in the files any more"
}

func (p *planner) judgeWrite(one *planned, applied *write, object *Object) {
	object.Changes = p.changes(one, applied)
	_, left := one.movedFrom(applied.place)
	switch {
	case left:
		object.Verdict, object.Reason = VerdictMove, "it was published elsewhere before"
	case !applied.seen.seen.Exists:
		object.Verdict, object.Reason = VerdictCreate, one.whyMissing()
	case one.before != applied.id:
		object.Verdict, object.Reason = VerdictTakeOver, p.takenOver(applied.seen.seen)
	default:
		object.Verdict, object.Reason = VerdictUpdate, p.whyUpdated(one)
	}
}

func (p *planner) takenOver(seen mapi.Observation) string {
	reason := fmt.Sprintf("API %q (%s) is there already, with the same crossId %s", seen.Name, seen.Ref.ID, seen.Ref.Key)
	others := slices.DeleteFunc(slices.Clone(seen.Owners), func(owner string) bool { return owner == p.ClusterID })
	if len(others) > 0 {
		reason += ", and is shared with cluster " + strings.Join(others, ", ")
	}
	return reason
}

// settled reports whether the operator has published the very state that is planned.
func (t *target) settled() bool {
	return t.live != nil && isInStep(t.live) && t.live.Generation == t.api.Generation
}

func (one *planned) whyMissing() string {
	switch {
	case one.settled():
		return "it was deleted elsewhere"
	case one.live != nil && one.live.Status.ID != "":
		return "it was deleted elsewhere, and the wanted state changes"
	}
	return "it doesn't exist yet"
}

func (p *planner) whyUpdated(one *planned) string {
	switch {
	case p.wantsAnother(one.target):
		return "the wanted state changes"
	case model.Comparable(one.digest, p.DigestKey), one.settled():
		return "it was edited elsewhere"
	}
	return "it differs from the wanted state"
}

// movedFrom is the place that the API was published at before, if that is another one.
func (t *target) movedFrom(now mapi.Place) (mapi.Place, bool) {
	sync := t.api.Status.Sync
	if sync == nil || sync.Place == nil {
		return mapi.Place{}, false
	}
	place := gather.Place(*sync.Place)
	return place, !place.Is(now)
}

// judgeRest is met when nothing would be written.
func (p *planner) judgeRest(one *planned, object *Object) {
	sight := one.sight()
	drifted := meta.FindStatusCondition(one.outcome.Conditions, v1alpha1.DriftedCondition)
	switch {
	case drifted != nil && drifted.Status == "True" && drifted.Reason == v1alpha1.DriftEditedReason:
		object.Verdict, object.Reason = VerdictDrift, "it was edited elsewhere, and its drift policy leaves it so"
		object.Changes = changesOf(nil, sight.comparison.Differences, nil)
	case sight.seen.Exists && one.before != sight.seen.Ref.ID:
		object.Verdict, object.Reason = VerdictTakeOver, p.takenOver(sight.seen)+"; it is as wanted"
	default:
		object.Verdict = VerdictNone
		if !sight.known {
			object.Reason = one.outcome.Message
		}
	}
}

// sight is what the object was found to be where its context leads; the zero value when nobody looked.
func (one *planned) sight() sight {
	if len(one.trace.last) == 0 {
		return sight{}
	}
	if one.after.Status.Sync != nil && one.after.Status.Sync.Place != nil {
		return one.trace.last[gather.Place(*one.after.Status.Sync.Place)]
	}
	if len(one.trace.last) == 1 {
		for _, only := range one.trace.last {
			return only
		}
	}
	return sight{}
}

// id is that of the API, as far as it is known.
func (one *planned) id() string {
	if applied := one.trace.applied(); applied != nil {
		return applied.id
	}
	return cmp.Or(translate.RecordedID(one.after), one.before)
}

func (one *planned) writes() []Write {
	var writes []Write
	for _, w := range one.trace.writes {
		operation := operationUpdate
		switch {
		case w.deletion:
			operation = operationDelete
		case !w.seen.seen.Exists:
			operation = operationCreate
		}
		if w.err != nil {
			continue // it would be refused
		}
		baseURL, _ := mask.Document(w.place.BaseURL).(string)
		told := w.context
		if one.complete.SecretContext && told == one.contextKey() {
			told = one.contextName()
		}
		writes = append(writes, Write{
			Operation: operation, Context: told, BaseURL: baseURL, Scope: w.place.Scope, ID: w.id, Checked: w.checked,
		})
	}
	if served := one.trace.configMap; served != nil {
		writes = append(writes, Write{Operation: served.operation, ConfigMap: served.key.String()})
	}
	return writes
}

// remarks adds findings and warnings.
func (one *planned) remarks(object *Object) {
	if applied := one.trace.applied(); applied != nil {
		object.Findings = findingsOf(applied.findings)
		for _, warning := range one.after.Status.Errors.Warning {
			if remark := "the management API remarks: " + warning; !slices.Contains(object.Warnings, remark) {
				object.Warnings = append(object.Warnings, remark)
			}
		}
	} else {
		object.Findings = findingsOf(one.sight().comparison.Findings)
	}
	for _, name := range one.complete.MissingGroups {
		object.Warnings = append(object.Warnings, "Group "+name+" doesn't exist, so the API is published without it")
	}
	for _, name := range one.unpublished {
		object.Warnings = append(object.Warnings, "Group "+name+" isn't published yet; when it is, the API is published once more, with it")
	}
	if one.staysElsewhere() {
		object.Warnings = append(object.Warnings, one.outcome.Message)
	}
	for _, warning := range one.outcome.Warnings {
		// That something is taken over is the verdict.
		if !strings.HasPrefix(warning, "took over ") {
			object.Warnings = append(object.Warnings, warning)
		}
	}
	if sync := one.after.Status.Sync; object.Verdict == VerdictNone && sync != nil && len(sync.Unresolved) > 0 {
		object.Warnings = append(object.Warnings, "can't be changed by writing: "+strings.Join(sync.Unresolved, ", "))
	}
	if object.Verdict == VerdictNone && one.blind {
		object.Warnings = append(object.Warnings,
			"without the operator's key of digests, changes of fields that the management API doesn't return can't be told of this resource")
	}
}

// staysElsewhere is met when an API names no context any more: what was published through one stays, as the outcome says.
func (one *planned) staysElsewhere() bool {
	sync := one.after.Status.Sync
	return !one.goes() && one.err == nil && one.api.Spec.ContextRef == nil && sync != nil && sync.Place != nil && one.outcome.Message != ""
}

// withoutDrawnID hides an id that was drawn for the plan alone.
func (one *planned) withoutDrawnID(object Object) Object {
	if !one.drawnUID {
		return object
	}
	hide := func(text string) string { return strings.ReplaceAll(text, string(one.api.UID), KnownAfterApply) }
	object.ID = hide(object.ID)
	for i := range object.Writes {
		object.Writes[i].ID = hide(object.Writes[i].ID)
	}
	if object.Fault != nil {
		object.Fault.Message = hide(object.Fault.Message)
	}
	for i := range object.Warnings {
		object.Warnings[i] = hide(object.Warnings[i])
	}
	for i := range object.Findings {
		object.Findings[i].Message = hide(object.Findings[i].Message)
	}
	return object
}

// refuseSharedPaths finds APIs of this plan that ask for the same path at one place. Each passes its dry run, since none is there
// yet; the operator gets the first one accepted, and the others refused.
func (p *planner) refuseSharedPaths(found []*planned) {
	type address struct {
		place mapi.Place
		path  string
	}
	takenBy := map[address]*planned{}
	for _, one := range found {
		applied := one.trace.applied()
		if applied == nil || one.err != nil {
			continue
		}
		for _, path := range paths(applied.want) {
			at := address{place: applied.place, path: path}
			other, taken := takenBy[at]
			if taken && other != one {
				one.err = fault.New(fault.Terminal, ReasonPathTwice,
					"the path %s is also that of ApiDefinition %s in this plan; give one of them another path", path, translate.FullName(other.api))
				applied.err = one.err
				break
			}
			takenBy[at] = one
		}
	}
}

// paths are those of an API's virtual hosts, in one spelling.
func paths(want model.API) []string {
	proxy, _ := want.Definition["proxy"].(map[string]any)
	hosts, _ := proxy["virtual_hosts"].([]any)
	var found []string
	for _, item := range hosts {
		host, _ := item.(map[string]any)
		name, _ := host["host"].(string)
		path, _ := host["path"].(string)
		segments := strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
		found = append(found, name+"/"+strings.Join(segments, "/"))
	}
	return found
}
