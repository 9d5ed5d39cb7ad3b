// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/test/harness"
	"github.com/apisync/apisync/test/simulator"
)

func (d *demo) local() local {
	return local{central: d.central.access(), partner: d.partner.access(), upstream: d.blue}
}

// publish applies the samples and waits until all of them are in step.
func (d *demo) publish(ctx context.Context) error {
	samples, own, err := load(d.local(), "partner.yaml")
	if err != nil {
		return err
	}
	east := slices.Concat(samples, own)
	samples, own, err = load(d.local(), "west.yaml")
	if err != nil {
		return err
	}
	west := slices.Concat(pick(samples, "Namespace", samplesNamespace), pick(samples, "ManagementContext", sharedContext), own)
	if err := harness.Apply(ctx, d.east.Client, east...); err != nil {
		return err
	}
	if err := harness.Apply(ctx, d.west.Client, west...); err != nil {
		return err
	}
	d.screen.note("Applied %d objects in east (samples/ and a second installation), %d in west. Addresses and passwords are those of this run.", len(east), len(west))
	wanted := apis(east) + apis(west)
	var all []published
	err = d.await(ctx, "Each ApiDefinition becomes Ready", func(ctx context.Context) (missing string, err error) {
		all, missing, err = d.unready(ctx, wanted)
		return missing, err
	})
	if err != nil {
		return err
	}
	d.showPublished(all)
	return d.verifyPublished(all)
}

// unready lists what is there in both clusters and says what isn't published yet.
func (d *demo) unready(ctx context.Context, wanted int) (all []published, missing string, err error) {
	for _, c := range []*cluster{d.east, d.west} {
		found, err := d.list(ctx, c)
		if err != nil {
			return nil, "", err
		}
		all = append(all, found...)
	}
	if len(all) != wanted {
		return nil, "", fmt.Errorf("there are %d ApiDefinitions and should be %d", len(all), wanted)
	}
	var waiting []string
	for _, p := range all {
		if !p.ready() {
			condition := p.condition(v1alpha1.ReadyCondition)
			waiting = append(waiting, fmt.Sprintf("%s: %s %s", p.api.Name, condition.Reason, condition.Message))
		}
	}
	if len(waiting) == 0 {
		return all, "", nil
	}
	return all, fmt.Sprintf("%d of %d; %s", len(all)-len(waiting), len(all), strings.Join(waiting, "; ")), nil
}

// verifyPublished asks the management APIs themselves.
func (d *demo) verifyPublished(all []published) error {
	for _, p := range all {
		if p.installation == nil {
			return fmt.Errorf("ApiDefinition %s is Ready and doesn't tell where it is published", p.fullName())
		}
		remote, known := p.installation.sim.API(p.api.Status.ID)
		if !known {
			return fmt.Errorf("ApiDefinition %s is Ready, and its API %q isn't in %s", p.fullName(), p.api.Status.ID, p.installation.name)
		}
		if remote.Environment != p.environment || remote.State != string(p.api.Status.State) {
			return fmt.Errorf("ApiDefinition %s tells %s %s, and its API is %s in %s", p.fullName(),
				p.api.Status.State, p.environment, remote.State, remote.Environment)
		}
	}
	if stored := d.stored(); stored != len(all) {
		return fmt.Errorf("the management APIs have %d APIs for %d ApiDefinitions", stored, len(all))
	}
	return nil
}

// stored counts the APIs of all installations.
func (d *demo) stored() int {
	count := 0
	for _, i := range d.installations() {
		count += len(i.sim.APIs())
	}
	return count
}

// callAll shows one answer in full and the others by their status.
func (d *demo) callAll(ctx context.Context) error {
	all, _, err := d.unready(ctx, d.stored())
	if err != nil {
		return err
	}
	rows := [][]string{{"ANSWER", "GET", "WHY"}}
	for _, p := range all {
		got, err := call(ctx, p.url())
		if err != nil {
			return err
		}
		code, why := p.expected()
		if got.code != code {
			return fmt.Errorf("%s answers %s (%s), not %d; %s", p.url(), got.status(), strings.TrimSpace(string(got.body)), code, why)
		}
		if said := p.condition(v1alpha1.ServedCondition).Status == metav1.ConditionTrue; said != (code != http.StatusNotFound) {
			return fmt.Errorf("%s answers %s, and Served is %s", p.url(), got.status(), p.verdict(v1alpha1.ServedCondition))
		}
		if p.api.Name == changed {
			d.showAnswer(p.url(), got)
		}
		rows = append(rows, []string{fmt.Sprintf("%d %s", got.code, http.StatusText(got.code)), p.url(), why})
	}
	d.screen.note("\n%s", table(d.screen, rows))
	return nil
}

func (d *demo) showAnswer(url string, got answer) {
	d.screen.note("%s", d.screen.paint(accent, "$ curl -i "+url))
	d.screen.note("%s\n%s", got.head, got.body)
}

// find reads one ApiDefinition of a cluster.
func (d *demo) find(ctx context.Context, c *cluster, name string) (published, error) {
	all, err := d.list(ctx, c)
	if err != nil {
		return published{}, err
	}
	at := slices.IndexFunc(all, func(p published) bool { return p.api.Name == name })
	if at < 0 {
		return published{}, fmt.Errorf("ApiDefinition %s isn't in %s", name, c.name)
	}
	return all[at], nil
}

// change leads an API to the other upstream and sees it answer.
func (d *demo) change(ctx context.Context) error {
	before, err := d.find(ctx, d.east, changed)
	if err != nil {
		return err
	}
	if err := d.expectServedBy(ctx, before.url(), "blue"); err != nil {
		return err
	}
	patch := fmt.Sprintf(`[{"op":"replace","path":"/spec/proxy/groups/0/endpoints/0/target","value":"%s"}]`, d.green)
	args := []string{"patch", "apidefinition", changed, "-n", samplesNamespace, "--type=json", "-p", patch}
	d.screen.note("%s", d.screen.paint(accent, "$ kubectl "+quote(args)))
	said, err := d.east.Plane.Kubectl(ctx, args...)
	if err != nil {
		return err
	}
	d.screen.note("%s", said)
	var got answer
	err = d.await(ctx, "The gateway answers from upstream green", func(ctx context.Context) (string, error) {
		if got, err = call(ctx, before.url()); err != nil {
			return "", err
		}
		if by := servedBy(got); by != "green" {
			return fmt.Sprintf("it is %s with %s", cmp.Or(by, "nobody"), got.status()), nil
		}
		return "", nil
	})
	if err != nil {
		return err
	}
	d.showAnswer(before.url(), got)
	return d.expectSameID(ctx, before)
}

func (d *demo) expectServedBy(ctx context.Context, url, upstream string) error {
	got, err := call(ctx, url)
	if err != nil {
		return err
	}
	if by := servedBy(got); by != upstream {
		return fmt.Errorf("%s answers %s from upstream %q, not from %s", url, got.status(), by, upstream)
	}
	return nil
}

func (d *demo) expectSameID(ctx context.Context, before published) error {
	after, err := d.find(ctx, d.east, before.api.Name)
	if err != nil {
		return err
	}
	if after.api.Status.ID != before.api.Status.ID {
		return fmt.Errorf("the API's id changed from %s to %s", before.api.Status.ID, after.api.Status.ID)
	}
	return nil
}

// servedBy is the upstream that an answer comes from; empty if it comes from none.
func servedBy(got answer) string {
	var said echo
	if got.code != http.StatusOK || json.Unmarshal(got.body, &said) != nil {
		return ""
	}
	return said.ServedBy
}

// collide applies, in west, an API that east has under the same namespace and name.
func (d *demo) collide(ctx context.Context) error {
	first, err := d.find(ctx, d.east, changed)
	if err != nil {
		return err
	}
	before, known := first.installation.sim.API(first.api.Status.ID)
	if !known {
		return fmt.Errorf("the API of %s is gone", first.fullName())
	}
	samples, _, err := load(d.local(), "west.yaml")
	if err != nil {
		return err
	}
	if err := harness.Apply(ctx, d.west.Client, pick(samples, "ApiDefinition", changed)...); err != nil {
		return err
	}
	d.screen.note("Applied %s in west. East publishes an API of that name in the same environment already.", first.fullName())
	var second published
	err = d.await(ctx, "The condition in west says whose it is", func(ctx context.Context) (string, error) {
		if second, err = d.find(ctx, d.west, changed); err != nil {
			return "", err
		}
		condition := second.condition(v1alpha1.ReadyCondition)
		if condition.Reason != fault.ReasonOwnedElsewhere {
			return fmt.Sprintf("Ready is %s (%s) %s", condition.Status, condition.Reason, condition.Message), nil
		}
		return "", nil
	})
	if err != nil {
		return err
	}
	return d.verifyUntouched(ctx, first, second, before)
}

func (d *demo) verifyUntouched(ctx context.Context, first, second published, before simulator.APIState) error {
	d.showPublished([]published{first, second})
	condition := second.condition(v1alpha1.ReadyCondition)
	d.screen.note("In west: Ready=%s, %s:\n%s", condition.Status, condition.Reason, d.wrapped(condition.Message))
	if !strings.Contains(condition.Message, `"east"`) {
		return fmt.Errorf("the condition doesn't name the owner: %s", condition.Message)
	}
	after, known := first.installation.sim.API(before.ID)
	if !known || after.UpdatedAt != before.UpdatedAt {
		return fmt.Errorf("the API of the first cluster was written to by the second one")
	}
	d.screen.note("The API of east wasn't touched, and its gateway goes on.")
	return d.expectServedBy(ctx, first.url(), "green")
}

// wrapped breaks a long message into lines that fit.
func (d *demo) wrapped(text string) string {
	width := min(cmp.Or(d.screen.width, 100), 120) - len(indent) - 2
	var lines []string
	line := " "
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > width && line != " " {
			lines, line = append(lines, line), " "
		}
		line += " " + word
	}
	return strings.Join(append(lines, line), "\n")
}

// meddle edits an API in the management API and sees it corrected.
func (d *demo) meddle(ctx context.Context) error {
	p, err := d.find(ctx, d.east, changed)
	if err != nil {
		return err
	}
	const edit = "Edited by hand"
	since := time.Now().Add(-time.Second) // events have whole seconds in some fields
	err = p.installation.sim.EditAPI(p.api.Status.ID, func(definition map[string]any) { definition["description"] = edit })
	if err != nil {
		return err
	}
	d.screen.note("description: %q → %q, as a person does it in the console. Apisync looks every %s here; the default is 5 minutes.", p.api.Spec.Description, edit, driftPeriod)
	err = d.await(ctx, "It is again as the ApiDefinition says", func(context.Context) (string, error) {
		remote, known := p.installation.sim.API(p.api.Status.ID)
		if !known {
			return "", fmt.Errorf("the API of %s is gone", p.fullName())
		}
		if description := remote.Definition["description"]; description != p.api.Spec.Description {
			return fmt.Sprintf("it is %q", description), nil
		}
		return "", nil
	})
	if err != nil {
		return err
	}
	var note string
	err = d.await(ctx, "An event tells why", func(ctx context.Context) (string, error) {
		if note, err = d.event(ctx, p, since); err != nil {
			return "", err
		}
		if note == "" {
			return "no event speaks of it", nil
		}
		return "", nil
	})
	if err != nil {
		return err
	}
	d.screen.note("%s", d.wrapped(note))
	return nil
}

// event is the note of an event about an edit elsewhere; empty as long as there is none.
func (d *demo) event(ctx context.Context, p published, since time.Time) (string, error) {
	var events eventsv1.EventList
	if err := d.east.Client.List(ctx, &events, client.InNamespace(p.api.Namespace)); err != nil {
		return "", fmt.Errorf("listing events: %w", err)
	}
	for _, event := range events.Items {
		if event.Regarding.UID == p.api.UID && !event.CreationTimestamp.Time.Before(since.Truncate(time.Second)) &&
			strings.Contains(event.Note, "description") {
			return event.Type + " " + event.Reason + ": " + event.Note, nil
		}
	}
	return "", nil
}

// quote writes arguments as a shell needs them.
func quote(args []string) string {
	quoted := make([]string, len(args))
	for i, arg := range args {
		quoted[i] = arg
		if strings.ContainsAny(arg, " \"[]{}$&|;<>*?()") {
			quoted[i] = "'" + arg + "'"
		}
	}
	return strings.Join(quoted, " ")
}
