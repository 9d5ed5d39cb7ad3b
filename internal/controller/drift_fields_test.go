// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/controller"
	"github.com/apisync/apisync/test/recorded"
	"github.com/apisync/apisync/test/simulator"
)

// What a person can do to a field.
const (
	opSet    = "set"
	opDelete = "delete"
	opAdd    = "add"
)

// mutation is one change of one field of a body as it was sent.
type mutation struct {
	// path leads there: names of members and indices of lists.
	path []any
	op   string
	// value is what the body has there.
	value any
}

// pattern is the path without what differs between APIs, with the form of an empty value.
func (m mutation) pattern() string {
	text := ""
	for i, step := range m.path {
		switch step := step.(type) {
		case int:
			text += "[]"
		case string:
			if i == 1 && m.path[0] == "pages" || i > 0 && m.path[i-1] == "headers" {
				step = "*"
			}
			text += "." + step
		}
	}
	text = strings.TrimPrefix(text, ".")
	switch value := m.value.(type) {
	case nil:
		text += "=null"
	case []any:
		if len(value) == 0 {
			text += "=[]"
		}
	case map[string]any:
		if len(value) == 0 {
			text += "={}"
		}
	}
	return text
}

// label is the path in the words of a difference: elements of lists that have a name go by it.
func (m mutation) label(body map[string]any) string {
	text, at := "", any(body)
	for _, step := range m.path {
		switch step := step.(type) {
		case string:
			text += "." + step
			object, _ := at.(map[string]any)
			at = object[step]
		case int:
			list := at.([]any)
			name := strconv.Itoa(step)
			if step < len(list) {
				at = list[step]
				name = labelOf(m.path, at, name)
			}
			text += "[" + name + "]"
		}
	}
	return strings.TrimPrefix(text, ".")
}

// labelOf is what an element of a list goes by, where elements are told apart by a name.
func labelOf(path []any, element any, index string) string {
	object, _ := element.(map[string]any)
	if slices.Contains(path, any("configuration")) && path[0] != "resources" || slices.Contains(path, any("virtual_hosts")) || path[0] == "flows" {
		return index
	}
	for _, member := range []string{"key", "name", "sourceId"} {
		if text, _ := object[member].(string); text != "" && object["path-operator"] == nil {
			return text
		}
	}
	return index
}

// mutations are all changes of all fields of a body: each leaf gets another value and is deleted, each list gets one element more and
// loses each of its elements.
func mutations(body map[string]any) []mutation {
	var all []mutation
	var walk func(path []any, value any)
	walk = func(path []any, value any) {
		at := slices.Clone(path)
		switch value := value.(type) {
		case map[string]any:
			if len(value) == 0 || len(path) == 1 && path[0] == "pages" {
				all = append(all, mutation{at, opAdd, value})
			}
			for _, name := range slices.Sorted(maps.Keys(value)) {
				walk(append(at, name), value[name])
			}
			if _, inList := last(path).(int); inList || len(path) == 2 && path[0] == "pages" {
				all = append(all, mutation{at, opDelete, value})
			}
		case []any:
			all = append(all, mutation{at, opAdd, value})
			for i, element := range value {
				walk(append(at, i), element)
			}
		case nil:
			all = append(all, mutation{at, opAdd, nil})
		default:
			all = append(all, mutation{at, opSet, value}, mutation{at, opDelete, value})
		}
	}
	walk(nil, body)
	return slices.DeleteFunc(all, func(m mutation) bool { return len(m.path) == 0 })
}

func last(path []any) any {
	if len(path) == 0 {
		return nil
	}
	return path[len(path)-1]
}

// errNobodyCan is what can't be done by hand, neither in the console nor in the simulator.
var errNobodyCan = errors.New("nobody can do that")

// byHand carries a mutation out in the simulator, as a person does with that part of an API.
func (m mutation) byHand(sim *simulator.Simulator, id string, body map[string]any) error {
	first := m.path[0].(string)
	switch first {
	case "plans":
		return m.onPlan(sim, id, body)
	case "pages":
		return m.onPage(sim, id, body)
	case "metadata":
		return m.onMetadata(sim, id, body)
	case "members":
		return m.onMember(sim, id, body)
	case "groups":
		return m.onNames(sim.SetGroups, id, body, "guests")
	case "categories":
		return m.onNames(sim.SetCategories, id, body, "by-hand")
	case "state":
		if m.op == opDelete {
			return errNobodyCan
		}
		return sim.SetState(id, m.other().(string))
	case "definition_context":
		if last(m.path) != "origin" || m.op == opDelete {
			return errNobodyCan
		}
		return sim.SetManaged(id, false)
	case "notifyMembers":
		return sim.EditAPI(id, func(definition map[string]any) { definition["disable_membership_notifications"] = m.value })
	case "id", "crossId", "groupRefs", "notificationsRefs", "consoleNotificationConfiguration":
		return errNobodyCan
	case "name", "version":
		if m.op == opDelete {
			return errNobodyCan
		}
	}
	return sim.EditAPI(id, func(definition map[string]any) { m.edit(definition, body, m.path) })
}

func partAt(body map[string]any, list string, at any) map[string]any {
	if i, ok := at.(int); ok {
		part, _ := body[list].([]any)[i].(map[string]any)
		return part
	}
	part, _ := body[list].(map[string]any)[at.(string)].(map[string]any)
	return part
}

func (m mutation) onPlan(sim *simulator.Simulator, id string, body map[string]any) error {
	if len(m.path) == 1 {
		_, err := sim.AddPlan(id, map[string]any{"name": "by hand", "security": "KEY_LESS", "status": "PUBLISHED", "validation": "AUTO"})
		return err
	}
	plan := partAt(body, "plans", m.path[1])
	crossID, _ := plan["crossId"].(string)
	switch {
	case len(m.path) == 2:
		return sim.RemovePlan(id, crossID)
	case m.path[2] == "id", m.path[2] == "crossId", m.path[2] == "type":
		return errNobodyCan
	case m.path[2] == "status" && m.op == opSet:
		return sim.SetPlanStatus(id, crossID, m.other().(string))
	case m.path[2] == "status":
		return errNobodyCan
	}
	return sim.EditPlan(id, crossID, func(stored map[string]any) { m.edit(stored, plan, m.path[2:]) })
}

func (m mutation) onPage(sim *simulator.Simulator, id string, body map[string]any) error {
	if len(m.path) == 1 {
		_, err := sim.AddPage(id, map[string]any{"name": "by hand", "type": "MARKDOWN", "content": "# By hand", "published": true})
		return err
	}
	page := partAt(body, "pages", m.path[1])
	crossID, _ := page["crossId"].(string)
	switch {
	case len(m.path) == 2:
		return sim.RemovePage(id, crossID)
	case m.path[2] == "id", m.path[2] == "crossId", m.path[2] == "api":
		return errNobodyCan
	}
	return sim.EditPage(id, crossID, func(stored map[string]any) { m.edit(stored, page, m.path[2:]) })
}

func (m mutation) onMetadata(sim *simulator.Simulator, id string, body map[string]any) error {
	if len(m.path) == 1 {
		return sim.AddMetadata(id, map[string]any{"key": "by-hand", "name": "by hand", "format": "STRING", "value": "x"})
	}
	entry := partAt(body, "metadata", m.path[1])
	name, _ := entry["name"].(string)
	switch {
	case len(m.path) == 2:
		return sim.RemoveMetadata(id, name)
	case m.path[2] == "key":
		return errNobodyCan
	}
	return sim.EditMetadata(id, name, func(stored map[string]any) { m.edit(stored, entry, m.path[2:]) })
}

func (m mutation) onMember(sim *simulator.Simulator, id string, body map[string]any) error {
	if len(m.path) == 1 {
		return sim.SetMember(id, "guest", "USER")
	}
	member := partAt(body, "members", m.path[1])
	name, _ := member["sourceId"].(string)
	switch {
	case len(m.path) == 2:
		return sim.RemoveMember(id, name)
	case m.path[2] == "role" && m.op == opSet:
		return sim.SetMember(id, name, m.other().(string))
	case m.path[2] == "sourceId" && m.op == opSet:
		return errors.Join(sim.RemoveMember(id, name), sim.SetMember(id, "guest", "USER"))
	}
	return errNobodyCan
}

func (m mutation) onNames(set func(id string, names ...string) error, id string, body map[string]any, another string) error {
	var names []string
	list, _ := body[m.path[0].(string)].([]any)
	for i, name := range list {
		switch {
		case len(m.path) == 2 && m.path[1] == i && m.op == opSet:
			names = append(names, another)
		case len(m.path) == 2 && m.path[1] == i:
		case name == "nosuchgroup", name == "rec-missing":
			// An import drops what doesn't exist, with a warning.
		default:
			names = append(names, name.(string))
		}
	}
	if m.op == opAdd {
		names = append(names, another)
	}
	return set(id, names...)
}

// edit changes what is stored at a path. stored and sent are the same part of an API in the two forms that the server gives it: lists may
// be sorted, and maps of headers become lists.
func (m mutation) edit(stored, sent any, path []any) any {
	if len(path) == 0 && m.op == opAdd {
		return m.added(stored)
	}
	step, rest := path[0], path[1:]
	switch container := stored.(type) {
	case map[string]any:
		name := step.(string)
		if len(rest) == 0 && m.op != opAdd {
			if m.op == opDelete {
				delete(container, name)
			} else {
				container[name] = m.other()
			}
			return container
		}
		part, _ := sent.(map[string]any)
		container[name] = m.edit(container[name], part[name], rest)
		return container
	case []any:
		at, ok := place(container, sent, step)
		if !ok {
			return container // it isn't stored, see the table
		}
		if _, isHeader := step.(string); isHeader {
			rest = append([]any{"value"}, rest...)
			sent = map[string]any{"value": sent.(map[string]any)[step.(string)]}
		} else {
			sent = sent.([]any)[step.(int)]
			if len(rest) == 0 && m.op == opSet {
				container[at] = m.other()
				return container
			}
		}
		if m.op == opDelete && (len(rest) == 0 || rest[0] == "value" && len(rest) == 1) {
			return slices.Delete(container, at, at+1)
		}
		container[at] = m.edit(container[at], sent, rest)
		return container
	}
	return stored
}

// place finds an element of a sent list, or a sent header, in what is stored.
func place(stored []any, sent, step any) (int, bool) {
	if name, isHeader := step.(string); isHeader {
		at := slices.IndexFunc(stored, func(header any) bool { return header.(map[string]any)["name"] == name })
		return at, at >= 0
	}
	i := step.(int)
	if text, isText := sent.([]any)[i].(string); isText {
		at := slices.IndexFunc(stored, func(element any) bool { return strings.EqualFold(fmt.Sprint(element), text) })
		return at, at >= 0
	}
	return i, i < len(stored)
}

// added is what is stored with one element more.
func (m mutation) added(stored any) any {
	sample := m.sample()
	switch stored := stored.(type) {
	case map[string]any:
		maps.Copy(stored, sample.(map[string]any))
		return stored
	case []any:
		if len(stored) > 0 {
			if like, isObject := stored[0].(map[string]any); isObject {
				more := maps.Clone(like)
				maps.Copy(more, sample.(map[string]any))
				return append(stored, more)
			}
		}
		return append(stored, sample)
	}
	if _, isMap := m.value.(map[string]any); isMap {
		return sample
	}
	return []any{sample}
}

// sample is a new element of a list, or a new member of a map.
func (m mutation) sample() any {
	name := ""
	for _, step := range m.path {
		if text, isText := step.(string); isText {
			name = text
		}
	}
	group := "6760f64f-1794-3a0f-aa47-1f9b491b43c8"
	samples := map[string]any{
		"flows":           map[string]any{"name": "by hand", "enabled": true, "path-operator": map[string]any{"path": "/by-hand", "operator": "EQUALS"}},
		"pre":             map[string]any{"name": "by hand", "policy": "mock", "enabled": true},
		"post":            map[string]any{"name": "by hand", "policy": "mock", "enabled": true},
		"properties":      map[string]any{"key": "by-hand", "value": "x"},
		"resources":       map[string]any{"name": "by hand", "type": "cache", "enabled": true},
		"groups":          map[string]any{"name": "by hand"},
		"endpoints":       map[string]any{"name": "by hand", "target": "http://127.0.0.1:1/by-hand"},
		"headers":         map[string]any{"name": "X-By-Hand", "value": "x"},
		"addHeaders":      map[string]any{"name": "X-By-Hand", "value": "x"},
		"attributes":      map[string]any{"name": "by-hand", "value": "x"},
		"virtual_hosts":   map[string]any{"path": "/by-hand"},
		"consumers":       map[string]any{"consumerType": "TAG", "consumerId": "by-hand"},
		"accessControls":  map[string]any{"referenceId": group, "referenceType": "GROUP"},
		"load_balancing":  map[string]any{"type": "RANDOM"},
		"excluded_groups": group, "methods": "PATCH", "allowMethods": "PATCH",
	}
	if sample, known := samples[name]; known {
		return sample
	}
	return "by-hand"
}

// other is another valid value.
func (m mutation) other() any {
	name, _ := last(m.path).(string)
	choices := map[string][]string{
		"state": {"STOPPED", "STARTED"}, "visibility": {"PUBLIC", "PRIVATE"}, "lifecycle_state": {"PUBLISHED", "UNPUBLISHED"},
		"validation": {"MANUAL", "AUTO"}, "security": {"API_KEY", "KEY_LESS"}, "flow_mode": {"BEST_MATCH", "DEFAULT"},
		"execution_mode": {"v3", "v4-emulation-engine"}, "operator": {"EQUALS", "STARTS_WITH"}, "role": {"OWNER", "USER"},
		"status": {"CLOSED"}, "format": {"STRING", "URL"}, "gravitee": {"1.0.0"},
	}
	switch value := m.value.(type) {
	case string:
		for _, choice := range choices[name] {
			if choice != value {
				return choice
			}
		}
		if name == "securityDefinition" {
			return `{"byHand":true}`
		}
		return value + "-by-hand"
	case bool:
		return !value
	case float64:
		return json.Number(strconv.FormatFloat(value+1, 'f', -1, 64))
	}
	return m.value
}

// exception is a change that isn't seen, or can't be undone, with what shows why. pattern is a regular expression for the whole of the field's
// pattern or label, value one for the value in the body; an empty value fits all.
type exception struct {
	ops, pattern, value, reason string
}

func (e exception) covers(m mutation, label string) bool {
	return strings.Contains(e.ops, m.op) && (whole(e.pattern, m.pattern()) || whole(e.pattern, label)) &&
		(e.value == "" || whole(e.value, fmt.Sprint(m.value)))
}

func whole(expression, text string) bool {
	return regexp.MustCompile("^(?:" + expression + ")$").MatchString(text)
}

// ledger counts what became of the changes, and which exceptions were needed. Cases run in parallel.
type ledger struct {
	mu      sync.Mutex
	classes map[string]int
	used    map[exception]int
	fields  map[string]bool
	seen    map[string]bool
}

// again reports whether a change of this kind, with a value of this kind, was met before.
func (l *ledger) again(m mutation, label string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := fmt.Sprintf("%s %s %T", m.op, m.pattern(), m.value)
	switch value := m.value.(type) {
	case bool, float64:
		key += fmt.Sprint(value)
	case string:
		key += fmt.Sprint(value == "")
	}
	if m.path[0] == "members" || m.path[0] == "properties" {
		key += label + fmt.Sprint(m.value)
	}
	met := l.seen[key]
	l.seen[key] = true
	return met
}

func (l *ledger) note(class string, m mutation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.classes[class]++
	l.fields[m.pattern()] = true
}

// excuse finds the exception that covers a change.
func (l *ledger) excuse(list []exception, m mutation, label string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range list {
		if e.covers(m, label) {
			l.used[e]++
			return true
		}
	}
	return false
}

// Each field of each import of each recorded case is changed behind the operator's back, by each kind of change that it allows. The
// change must be noticed, either since it moves the marker of the bulk listing, or when the API's turn in the rotation comes, named by
// its field, and put right; or it is in one of the tables of exceptions. An exception that nothing needs any more is an error. Under the race
// detector, each kind of change is tried once and not in every case.
func TestDriftOfEveryField(t *testing.T) {
	book := &ledger{classes: map[string]int{}, used: map[exception]int{}, fields: map[string]bool{}, seen: map[string]bool{}}
	server := &admission{server: recorded.NewServer(t)}
	t.Run("case", func(t *testing.T) {
		for _, one := range recorded.Cases(t) {
			t.Run(one.Name, func(t *testing.T) {
				t.Parallel()
				s := newStage(t)
				tried := map[string]bool{}
				for _, input := range one.Inputs {
					s.apply(server, "", input)
					s.settle()
					for _, api := range s.allAPIs() {
						s.meddleWith(client.ObjectKeyFromObject(&api), book, tried)
					}
				}
			})
		}
	})
	for _, one := range recorded.Cases(t) {
		for _, put := range one.Puts {
			book.expectTried(t, one.Name, put)
		}
	}
	for _, e := range slices.Concat(notObservable(), notCorrectable(), neverPublished()) {
		if book.used[e] == 0 {
			t.Errorf("nothing needs this exception any more: %+v", e)
		}
	}
	total := 0
	for _, class := range slices.Sorted(maps.Keys(book.classes)) {
		t.Logf("%6d %s", book.classes[class], class)
		total += book.classes[class]
	}
	t.Logf("%6d changes of %d kinds of fields", total, len(book.fields))
	if total < 5000 && !underRace || len(book.fields) < 180 {
		t.Error("these are fewer than the recorded cases have")
	}
}

// expectTried checks that no field of a recorded import was left out, because its case isn't published or by a mistake of the test.
func (l *ledger) expectTried(t *testing.T, name string, put recorded.Put) {
	t.Helper()
	for _, m := range mutations(numbers(put.Request)) {
		if !l.fields[m.pattern()] && !l.excuse(neverPublished(), m, "") {
			t.Errorf("%s: %s was never tried", name, m.pattern())
		}
	}
}

// trial is one API in step, to which one change after the other is done.
type trial struct {
	*stage

	key  types.NamespacedName
	body map[string]any
	// content and status are those of the API in step.
	content simulator.Content
	stored  *v1alpha1.ApiDefinition
	restore func()
}

// meddleWith tries every change on an API that is published; bodies that were tried before are left out.
func (s *stage) meddleWith(key types.NamespacedName, book *ledger, tried map[string]bool) {
	s.t.Helper()
	api := s.api(key)
	body := s.wire.bodies[api.Status.ID]
	if !isReady(api) || body == nil || tried[canonical(body)] {
		return
	}
	tried[canonical(body)] = true
	content, _ := s.sim.Content(api.Status.ID)
	restore, err := s.sim.Backup(api.Status.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	on := &trial{stage: s, key: key, body: body, content: content, stored: api, restore: restore}
	for _, m := range mutations(body) {
		if again := book.again(m, m.label(body)); !again || !underRace {
			on.change(m, book)
		}
	}
}

// change does one change, lets the operator look, judges, and makes everything as it was.
func (on *trial) change(m mutation, book *ledger) {
	on.t.Helper()
	id, label := on.stored.Status.ID, m.label(on.body)
	defer on.reset()
	switch err := m.byHand(on.sim, id, on.body); {
	case errors.Is(err, errNobodyCan), errors.Is(err, simulator.ErrNotFound):
		if !book.excuse(notObservable(), m, label) {
			on.t.Errorf("%s %s (%v): the test doesn't know how to do that by hand", m.op, m.pattern(), m.value)
		}
		book.note("nobody can do that, or see it", m)
		return
	case err != nil:
		on.t.Errorf("%s %s: %v", m.op, m.pattern(), err)
		return
	}
	edited, _ := on.sim.Content(id)
	state, _ := on.sim.API(id)
	// What people manage is gone from the listing.
	shown := strconv.FormatInt(state.UpdatedAt, 10) != on.stored.Status.Sync.Marker || !state.Kubernetes
	class := on.look()
	if shown != (class == byMarker) {
		on.t.Errorf("%s %s: the listing shows it: %t, and it is %s", m.op, label, shown, class)
	}
	switch told := on.reported(); {
	case cmp.Equal(edited, on.content):
		if len(told) > 0 || len(on.told.operations) > 0 {
			on.t.Errorf("%s %s changes nothing, but is reported: %v %v", m.op, label, told, on.told.operations)
		}
		class = "without effect"
	case len(told) == 0:
		if !book.excuse(notObservable(), m, label) {
			on.t.Errorf("%s %s (%v) isn't noticed:\n%s", m.op, label, m.value, cmp.Diff(on.content, edited))
		}
		class = "not observable"
	default:
		class = on.judge(m, label, told, class, book)
	}
	book.note(class, m)
}

// Who sees a change.
const (
	byMarker   = "seen by its marker"
	byRotation = "seen in the rotation"
)

// look lets a sweep and, if that sees nothing, the rotation look at the API, and says who it was.
func (on *trial) look() string {
	on.told.clear()
	on.woken = nil
	for _, managed := range on.allContexts() {
		on.sweep(client.ObjectKeyFromObject(&managed))
	}
	if slices.ContainsFunc(on.woken, func(w controller.Wake) bool { return w.Name == on.key }) {
		on.reconcile(on.key)
		return byMarker
	}
	on.clock.set(on.clock.Now().Add(stageRotation))
	on.reconcile(on.key)
	return byRotation
}

var driftEvent = regexp.MustCompile(`DriftDetected API \S+: it was (deleted) elsewhere|DriftDetected API \S+: it was edited elsewhere: ([^;]*)`)

// reported are the fields that an event names.
func (on *trial) reported() []string {
	for _, event := range on.told.events {
		if found := driftEvent.FindStringSubmatch(event); found != nil {
			return strings.Split(found[1]+found[2], ", ")
		}
	}
	return nil
}

// judge looks at a change that was noticed.
func (on *trial) judge(m mutation, label string, told []string, class string, book *ledger) string {
	on.t.Helper()
	if !slices.ContainsFunc(told, func(path string) bool { return related(path, label) }) {
		on.t.Errorf("%s %s is reported as %v", m.op, label, told)
	}
	if !slices.Contains(on.told.drift, "edited") {
		on.t.Errorf("%s %s: metrics tell %v", m.op, label, on.told.drift)
	}
	after, exists := on.sim.Content(on.stored.Status.ID)
	api := on.api(on.key)
	drifted := driftedOn(api)
	if difference := cmp.Diff(on.content, kept(on.content, after)); difference != "" || !exists {
		if !book.excuse(notCorrectable(), m, label) {
			on.t.Errorf("%s %s isn't put right (-before +after):\n%s", m.op, label, difference)
		}
		if drifted.Status != metav1.ConditionTrue || !isReady(api) && drifted.Reason != v1alpha1.DriftEditedReason || isReady(api) && drifted.Reason != v1alpha1.DriftNotCorrectableReason {
			on.t.Errorf("%s %s can't be put right, but the condition is %s %s: %s", m.op, label, drifted.Status, drifted.Reason, drifted.Message)
		}
		on.expectQuiet(m, label)
		return "noticed, can't be put right"
	}
	if drifted.Status != metav1.ConditionFalse || drifted.Reason != v1alpha1.DriftCorrectedReason || !strings.Contains(drifted.Message, told[0]) {
		on.t.Errorf("%s %s was put right, but the condition is %s %s: %s", m.op, label, drifted.Status, drifted.Reason, drifted.Message)
	}
	if !slices.Equal(on.told.drift, []string{"edited", "corrected"}) {
		on.t.Errorf("%s %s: metrics tell %v", m.op, label, on.told.drift)
	}
	on.expectQuiet(m, label)
	return class + ", put right"
}

// expectQuiet looks once more, in full: nothing may be done or told.
func (on *trial) expectQuiet(m mutation, label string) {
	on.t.Helper()
	on.told.clear()
	writes := len(on.sim.Writes())
	on.clock.set(on.clock.Now().Add(stageRotation))
	on.reconcile(on.key)
	if n := len(on.sim.Writes()) - writes; n > 0 || len(on.told.events) > 0 || len(on.told.drift) > 0 {
		on.t.Errorf("%s %s: the second look writes %d times and tells %v %v", m.op, label, n, on.told.events, on.told.drift)
	}
}

// related reports whether a reported path is that of the field, of what it belongs to, or of a part of it.
func related(path, label string) bool {
	within := func(a, b string) bool {
		return a == b || strings.HasPrefix(a, b) && strings.ContainsAny(a[len(b):len(b)+1], ".[")
	}
	return within(label, path) || within(path, label)
}

// kept is the content without what a person added to the metadata, which no import removes (contract, case 14), with the ids
// that plans had: a plan that comes back has another one (case 34), and not better served than before: a write also deploys.
func kept(before, after simulator.Content) simulator.Content {
	metadata := map[string]map[string]any{}
	for name, entry := range after.Metadata {
		if before.Metadata[name] != nil {
			metadata[name] = entry
		}
	}
	after.Metadata = metadata
	plans := map[string]map[string]any{}
	for name, plan := range after.Plans {
		plan = maps.Clone(plan)
		if was := before.Plans[name]; was != nil {
			plan["id"] = was["id"]
		}
		plans[name] = plan
	}
	after.Plans = plans
	after.Served = after.Served && before.Served
	return after
}

// reset makes the management API and the resource as they were in step.
func (on *trial) reset() {
	on.t.Helper()
	on.restore()
	current := on.api(on.key)
	if current.ResourceVersion == on.stored.ResourceVersion {
		return
	}
	current.Status = *on.stored.Status.DeepCopy()
	if err := on.client.Status().Update(on.t.Context(), current); err != nil {
		on.t.Fatal(err)
	}
	on.stored = on.api(on.key)
}

// notObservable lists changes that nobody can see from outside, or that nobody can make, with the reason. Numbers are those of the
// contract's cases and parts.
func notObservable() []exception {
	const (
		all     = opSet + opDelete + opAdd
		unsaid  = "the resource doesn't set it, so it is people's: only what is set is compared (part 3, a projection)"
		never   = "it is never returned (part 3)"
		forever = "an identity can't be changed: who has another one is another object"
	)
	return []exception{
		{all, `id|crossId|plans\[\]\.(id|crossId)|pages\.\*\.(id|crossId|api)|metadata\[\]\.key`, "", forever},
		{all, `plans\[\]\.type`, "", never},
		{all, `(groupRefs|notificationsRefs|consoleNotificationConfiguration).*`, "", never},
		{all, `metadata\[\]\.defaultValue`, "", never},
		{all, `definition_context\.(mode|syncFrom)`, "", "the console has no such switch, and whether syncFrom is kept isn't known (part 6, 26)"},
		{opDelete, `definition_context\.origin|state|plans\[\]\.status`, "", "there is always one"},
		{opDelete, `name|version`, "", "the management API refuses an API without it (part 2, bean validation)"},
		{opAdd, `tags=null|path_mappings=null|members=null|pages=null|plans\[\]\.characteristics=null|pages\.\*\.excludedAccessControls=null`, "", unsaid},
		{opAdd, `proxy\.groups\[\]\.load_balancing=\{\}`, "", unsaid},
		{opAdd, `metadata|metadata=\[\]`, "", "an import can't remove metadata (14): what is there besides is told as a finding"},
		{opDelete, `members\[\]\.(source|sourceId|role)`, "", "a member is a user with a role: both are always there"},
		{opSet, `members\[\]\.source`, "", "it belongs to the user"},
		{opSet + opDelete, `members\[(ghost|user)\](\.(sourceId|role))?`, "", "a user or a role that doesn't exist is dropped (19)"},
		{opSet + opDelete, `plans\[\]\.order`, "", "the server closes gaps, so plans are only compared with each other (probe/reimport.jsonl)"},
		{opSet, `properties\[\]\.value`, "", "a dynamic property moves by itself (13)"},
		{opDelete, `.*`, `false|0|`, "absent and zero are the same"},
	}
}

// neverPublished lists fields of recorded imports that the operator doesn't send, or that a management API never accepts.
func neverPublished() []exception {
	const all = opSet + opDelete + opAdd
	return []exception{
		{all, `(groupRefs|notificationsRefs|consoleNotificationConfiguration).*`, "", "references aren't offered yet; none of them is ever returned (part 3)"},
		{all, `pages\.\*\.source.*`, "", "the management API refuses the one page with a source (18)"},
	}
}

// notCorrectable lists changes that are noticed and told, but that an import doesn't undo.
func notCorrectable() []exception {
	return []exception{
		{opSet, `plans\[\]\.status`, "", "a plan that was closed by hand stays closed through every import (part 6, 7)"},
	}
}
