// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gravitee_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/mapi/gravitee"
	"github.com/apisync/apisync/internal/model"
	"github.com/apisync/apisync/test/simulator"
)

const groupID = "eeeeeeee-0000-4000-8000-000000000001"

// TestGroupClassify: what answers to requests for groups mean.
func TestGroupClassify(t *testing.T) {
	const absent = `{"httpStatus":404,"message":"HRID [ns-crew] cannot be found.","technicalCode":"hrid.notFound","parameters":{},"details":[]}`
	rows := []struct {
		why, method string
		status      int
		body        string
		want        fault.Kind
		reason      string
	}{
		{"absence is data", "GET", 404, absent, success, ""},
		{"an old release doesn't know the path", "GET", 404, ``, fault.Terminal, fault.ReasonUnsupported},
		{"nor how to write a group", "PUT", 404, ``, fault.Terminal, fault.ReasonUnsupported},
		{"nor how to delete one, so that nothing is known about it", "DELETE", 404, ``, fault.Terminal, fault.ReasonUnsupported},
		{"the same from a release that says so", "PUT", 404, `{"message":"HTTP 404 Not Found","http_status":404}`, fault.Terminal, fault.ReasonUnsupported},
		{"a page comes from a proxy, and not from an old release", "GET", 404, `<html>no</html>`, fault.Terminal, fault.ReasonControlPlane},
		{"gone is gone", "DELETE", 404, absent, success, ""},
		{"deleted", "DELETE", 204, ``, success, ""},
		{"something that a write needs is missing", "PUT", 404, absent, fault.Terminal, fault.ReasonControlPlane},
		{"no rights on groups", "PUT", 403, `{"message":"no"}`, fault.Forbidden, fault.ReasonForbidden},
		{"wrong credentials", "GET", 401, ``, fault.Unauthenticated, fault.ReasonUnauthorized},
		{"an unknown environment", "GET", 400, `{"httpStatus":400,"message":"Invalid organization or environment"}`, fault.Terminal, gravitee.ReasonUnknownEnvironment},
		{"a receipt without an id", "PUT", 200, `{"memberCount":1}`, fault.Transient, fault.ReasonUnreachable},
		{"another shape", "PUT", 200, `{"id":"i","memberCount":"many"}`, fault.Transient, fault.ReasonUnreachable},
		{"a group without an id", "GET", 200, `{"name":"crew"}`, fault.Transient, fault.ReasonUnreachable},
		{"a page instead of a group", "GET", 200, `<html>`, fault.Transient, fault.ReasonUnreachable},
		{"a user's mistake that is dressed as a mishap", "PUT", 500, `{"message":"setting a member with the primary owner role is not allowed"}`,
			fault.Terminal, fault.ReasonControlPlane},
		{"a mishap", "PUT", 500, `{"message":"boom"}`, fault.Transient, fault.ReasonControlPlane},
		{"too much at once", "PUT", 429, ``, fault.Transient, fault.ReasonThrottled},
	}
	for _, row := range rows {
		t.Run(row.why, func(t *testing.T) {
			store := clientOf(t, withoutLogin(roundTrip(func(*http.Request) (*http.Response, error) {
				return reply(row.status, nil, row.body), nil
			})), nil, mapi.Credentials{}).Groups()
			var err error
			switch row.method {
			case "GET":
				var seen mapi.Observation
				seen, err = store.Observe(t.Context(), mapi.Ref{Key: "ns-crew", ID: groupID})
				if err == nil && seen.Exists {
					t.Error("an error became a group")
				}
			case "PUT":
				_, err = store.Apply(t.Context(), sampleGroup(1), mapi.Commit)
			case "DELETE":
				err = store.Delete(t.Context(), mapi.Ref{ID: groupID})
			}
			checkFault(t, err, row.want, row.reason)
			if row.reason == fault.ReasonUnsupported && !strings.Contains(err.Error(), "too old for groups: upgrade it to 4.12 or later") {
				t.Errorf("message: %v", err)
			}
		})
	}
}

func TestObserveGroup(t *testing.T) {
	const byID, byKey = "?hridContainsUUID=true", ""
	cases := []struct {
		why string
		ref mapi.Ref
		// groups are by path and query, below groups/.
		groups map[string]string
		want   mapi.Observation
		asked  []string
	}{
		{"by its id, which is enough", mapi.Ref{ID: "i"}, map[string]string{"i" + byID: `{"id":"i","hrid":"k","name":"n"}`},
			mapi.Observation{Exists: true, Ref: mapi.Ref{Key: "k", ID: "i"}, Managed: true, Name: "n"}, []string{"i" + byID}},
		{"by its key", mapi.Ref{Key: "k"}, map[string]string{"k" + byKey: `{"id":"i","name":"n"}`},
			mapi.Observation{Exists: true, Ref: mapi.Ref{Key: "k", ID: "i"}, FoundByKey: true, Managed: true, Name: "n"}, []string{"k"}},
		{"by its key, when the id is out of date", mapi.Ref{Key: "k", ID: "old"}, map[string]string{"k" + byKey: `{"id":"i","hrid":"k","name":"n"}`},
			mapi.Observation{Exists: true, Ref: mapi.Ref{Key: "k", ID: "i"}, FoundByKey: true, Managed: true, Name: "n"}, []string{"old" + byID, "k"}},
		{"under the id is another one by now, such as before the hrid was changed", mapi.Ref{Key: "k", ID: "i"},
			map[string]string{"i" + byID: `{"id":"i","hrid":"other","name":"n"}`}, mapi.Observation{}, []string{"i" + byID, "k"}},
		{"known by its id alone, as of older releases", mapi.Ref{Key: "i", ID: "i"}, map[string]string{"i" + byID: `{"id":"i","name":"n"}`},
			mapi.Observation{Exists: true, Ref: mapi.Ref{Key: "i", ID: "i"}, Name: "n"}, []string{"i" + byID}},
		{"known by its id alone, and gone", mapi.Ref{Key: "i", ID: "i"}, nil, mapi.Observation{}, []string{"i" + byID}},
		{"nowhere", mapi.Ref{Key: "k", ID: "i"}, nil, mapi.Observation{}, []string{"i" + byID, "k"}},
	}
	for _, c := range cases {
		t.Run(c.why, func(t *testing.T) {
			var asked []string
			store := clientOf(t, withoutLogin(roundTrip(func(r *http.Request) (*http.Response, error) {
				_, name, _ := strings.Cut(r.URL.RequestURI(), "/groups/")
				asked = append(asked, name)
				if body, ok := c.groups[name]; ok {
					return reply(200, nil, body), nil
				}
				return reply(404, nil, `{"message":"HRID cannot be found.","technicalCode":"hrid.notFound"}`), nil
			})), nil, mapi.Credentials{}).Groups()
			seen, err := store.Observe(t.Context(), c.ref)
			if err != nil {
				t.Fatal(err)
			}
			seen.Snapshot = nil
			if diff := cmp.Diff(c.want, seen); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.asked, asked); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

func TestGroupElsewhere(t *testing.T) {
	client := clientOf(t, canned(map[string]string{
		"/user/login": `{"token":"t"}`, "/environments/DEFAULT": `{"id":"DEFAULT","name":"d"}`, "/user": `{"id":"u"}`,
		"/groups/i": `{"id":"i","hrid":"k","name":"n","environmentId":"OTHER"}`,
	}), nil, mapi.Credentials{})
	if _, err := client.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	if seen, err := client.Groups().Observe(t.Context(), mapi.Ref{ID: "i"}); err != nil || seen.Exists {
		t.Errorf("a group of another environment: %+v %v", seen, err)
	}
}

func TestCompareGroup(t *testing.T) {
	const have = `{"id":"i","name":"crew","notifyMembers":true,"memberCount":2,"members":[
		{"source":"memory","sourceId":"ann","roles":{"API":"OWNER","APPLICATION":"USER","INTEGRATION":"USER"}},
		{"source":"ldap","sourceId":"bob","roles":{"API":"USER"}}]}`
	const ann, bob = `{"source":"memory","sourceId":"ann","roles":{"API":"OWNER"}}`, `{"source":"ldap","sourceId":"bob","roles":{}}`
	const both = `"members":[` + ann + `,` + bob + `]`
	cases := []struct {
		why, want, have string
		reported        []string
		differences     []string
		findings        []string
	}{
		{"the same", `{"name":"crew","notifyMembers":true,` + both + `}`, have, nil, nil, nil},
		{"members in another order, and in another spelling", `{"members":[` + bob + `,{"source":"Memory","sourceId":"Ann"}]}`, have, nil, nil, nil},
		{"another name", `{"name":"team",` + both + `}`, have, nil, []string{"name"}, nil},
		{"another notification", `{"notifyMembers":false,` + both + `}`, have, nil, []string{"notifyMembers"}, nil},
		{"a release that doesn't tell the notification", `{"notifyMembers":false,"members":[]}`, `{"id":"i","members":[]}`, nil, nil, nil},
		{"a member more", `{"members":[` + ann + `]}`, have, nil, []string{"members[bob]"}, nil},
		{"a member less", `{` + both[:len(both)-1] + `,{"source":"memory","sourceId":"cem"}]}`, have, nil, []string{"members[cem]"}, nil},
		{"the same name of another source", `{"members":[` + ann + `,{"source":"memory","sourceId":"bob"}]}`, have, nil, []string{"members[bob]", "members[bob]"}, nil},
		{"another role", `{"members":[{"source":"memory","sourceId":"ann","roles":{"API":"USER"}},` + bob + `]}`, have, nil, []string{"members[ann].roles.API"}, nil},
		{"a role in another scope", `{"members":[` + ann + `,{"source":"ldap","sourceId":"bob","roles":{"APPLICATION":"OWNER"}}]}`, have, nil,
			[]string{"members[bob].roles.APPLICATION"}, nil},
		{"members that aren't set are nobody's", `{"name":"crew"}`, have, nil, nil, nil},
		{"no members any more", `{"members":[]}`, have, nil, []string{"members[ann]", "members[bob]"}, nil},
		{"a release that only counts them", `{"members":[]}`, `{"id":"i","memberCount":2}`, nil, nil, nil},
		{"an unknown member isn't expected", `{"members":[` + ann + `,` + bob + `,{"source":"memory","sourceId":"cem"}]}`, have,
			[]string{"member [cem] of source [memory] could not be found in organization [DEFAULT]"}, nil, []string{"members[cem] UnknownMember warning"}},
		{"an unknown role isn't expected", `{"members":[{"source":"memory","sourceId":"ann","roles":{"API":"KING"}},` + bob + `]}`, have,
			[]string{"member role [KING] doesn't exist"}, nil, []string{"members[ann].roles.API UnknownRole warning"}},
	}
	for _, c := range cases {
		t.Run(c.why, func(t *testing.T) {
			store := clientOf(t, canned(map[string]string{"/groups/k": c.have, "/user/login": `{"token":"t"}`}), nil, mapi.Credentials{}).Groups()
			seen, err := store.Observe(t.Context(), mapi.Ref{Key: "k"})
			if err != nil {
				t.Fatal(err)
			}
			want := model.Group{Name: "a/b", Key: "k", Reported: c.reported}
			if err := json.Unmarshal([]byte(c.want), &want.Definition); err != nil {
				t.Fatal(err)
			}
			got, err := store.Compare(t.Context(), want, seen)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(orEmpty(c.differences), model.Paths(got.Differences)); diff != "" {
				t.Errorf("differences (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.findings, shown(got.Findings)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("there has to be an observation", func(t *testing.T) {
		store := clientOf(t, canned(nil), nil, mapi.Credentials{}).Groups()
		for _, seen := range []mapi.Observation{{}, {Exists: true}, {Exists: true, Snapshot: "odd"}} {
			if _, err := store.Compare(t.Context(), sampleGroup(1), seen); !errors.Is(err, fault.Terminal) {
				t.Errorf("%v: %v", seen, err)
			}
		}
	})
}

// TestGroupWire: what is sent is what GKO sends (shared/reference/gko-compatibility.md 2.2, 2.5).
func TestGroupWire(t *testing.T) {
	cases := []struct {
		why   string
		isID  bool
		mode  mapi.Mode
		query string
		id    any
	}{
		{"a write", false, mapi.Commit, "dryRun=false", nil},
		{"a dry run", false, mapi.DryRun, "dryRun=true", nil},
		{"a group of an older release", true, mapi.Commit, "dryRun=false&hridContainsUUID=true", groupID},
	}
	for _, c := range cases {
		t.Run(c.why, func(t *testing.T) {
			var query string
			var sent map[string]any
			store := clientOf(t, withoutLogin(roundTrip(func(r *http.Request) (*http.Response, error) {
				query = r.URL.RawQuery
				body, err := io.ReadAll(r.Body)
				if err != nil {
					return nil, err
				}
				return reply(200, nil, `{"id":"i","memberCount":3,"organizationId":"o","environmentId":"e","errors":{"severe":["bad"],"warning":["odd"]}}`),
					json.Unmarshal(body, &sent)
			})), nil, mapi.Credentials{}).Groups()
			want := sampleGroup(1)
			if c.isID {
				want.Key, want.KeyIsID = groupID, true
			}
			receipt, err := store.Apply(t.Context(), want, c.mode)
			if err != nil {
				t.Fatal(err)
			}
			if query != c.query || sent["id"] != c.id || sent["hrid"] != want.Key || want.Definition["hrid"] != nil {
				t.Errorf("sent %s %v", query, sent)
			}
			expected := mapi.Receipt{Ref: mapi.Ref{Key: want.Key, ID: "i"}, OrganizationID: "o", EnvironmentID: "e", Members: 3,
				Severe: []string{"bad"}, Warnings: []string{"odd"}}
			if diff := cmp.Diff(expected, receipt); diff != "" {
				t.Errorf("receipt (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("nothing but one group's id becomes a request", func(t *testing.T) {
		store := clientOf(t, roundTrip(func(r *http.Request) (*http.Response, error) {
			t.Errorf("%s %s", r.Method, r.URL)
			return nil, errors.New("no")
		}), nil, mapi.Credentials{}).Groups()
		for _, id := range []string{"", " ", ".", "..", "\n"} {
			if err := store.Delete(t.Context(), mapi.Ref{Key: id}); !errors.Is(err, fault.Terminal) {
				t.Errorf("delete %q: %v", id, err)
			}
			if _, err := store.Apply(t.Context(), model.Group{Key: id}, mapi.Commit); !errors.Is(err, fault.Terminal) {
				t.Errorf("apply %q: %v", id, err)
			}
			if _, err := store.Observe(t.Context(), mapi.Ref{Key: id}); !errors.Is(err, fault.Terminal) {
				t.Errorf("observe %q: %v", id, err)
			}
		}
	})
}

// TestGroupEditedByHand: what a person changes is seen.
func TestGroupEditedByHand(t *testing.T) {
	sim, url := startSimulator(t, simulator.Options{})
	store := dial(t, configFor(url), gravitee.Options{}).Groups()
	want := sampleGroup(1)
	receipt, err := store.Apply(t.Context(), want, mapi.Commit)
	if err != nil {
		t.Fatal(err)
	}
	if err := sim.EditGroup(receipt.Ref.ID, func(group *simulator.GroupState) {
		group.Name, group.NotifyMembers = "by hand", true
		group.Members["api1"]["APPLICATION"] = "OWNER"
		group.Members["user"] = map[string]string{"API": "USER"}
	}); err != nil {
		t.Fatal(err)
	}
	seen, err := store.Observe(t.Context(), receipt.Ref)
	if err != nil {
		t.Fatal(err)
	}
	got, err := store.Compare(t.Context(), want, seen)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"members[api1].roles.APPLICATION", "members[user]", "name", "notifyMembers"}, model.Paths(got.Differences)); diff != "" {
		t.Errorf("differences (-want +got):\n%s", diff)
	}
}

// TestForgottenGroups: a list that was on its way while a group was written isn't kept.
func TestForgottenGroups(t *testing.T) {
	listed, proceed := make(chan struct{}), make(chan struct{})
	lists := 0
	client := clientOf(t, withoutLogin(roundTrip(func(r *http.Request) (*http.Response, error) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/configuration/groups"):
			if lists++; lists == 1 {
				close(listed)
				<-proceed
				return reply(200, nil, `[]`), nil
			}
			return reply(200, nil, `[{"id":"g","name":"crew"}]`), nil
		case r.Method == http.MethodPut:
			return reply(200, nil, `{"id":"g"}`), nil
		}
		return reply(200, nil, `{"id":"i","crossId":"k","name":"n","state":"STOPPED","groups":["g"]}`), nil
	})), nil, mapi.Credentials{})
	seen, err := client.APIs().Observe(t.Context(), mapi.Ref{ID: "i"})
	if err != nil {
		t.Fatal(err)
	}
	want := model.API{Name: "a/b", Key: "k", Definition: map[string]any{"name": "n", "state": "STOPPED", "groups": []any{"crew"}}}
	compare := func() (mapi.Comparison, error) { return client.APIs().Compare(t.Context(), want, seen) }
	before := make(chan error, 1)
	go func() {
		_, err := compare()
		before <- err
	}()
	<-listed
	if _, err := client.Groups().Apply(t.Context(), sampleGroup(1), mapi.Commit); err != nil {
		t.Fatal(err)
	}
	inStep := func() {
		t.Helper()
		got, err := compare()
		if err != nil || len(got.Differences) > 0 || len(got.Findings) > 0 {
			t.Errorf("%+v %v", got, err)
		}
	}
	inStep()
	close(proceed)
	if err := <-before; err != nil {
		t.Fatal(err)
	}
	inStep()
	if lists != 2 {
		t.Errorf("the list was read %d times", lists)
	}
}

// GKO deletes a group by what it knows it by (shared/reference/gko-compatibility.md 2.2).
func TestDeleteGroupByWhatItIsKnownBy(t *testing.T) {
	cases := map[string]struct {
		why  string
		ref  mapi.Ref
		want string
	}{
		"by its hrid": {"that is its identity, and needs no status", mapi.Ref{Key: "ns-crew"}, "DELETE ns-crew?hridContainsUUID=false"},
		"by both":     {"the hrid goes first", mapi.Ref{Key: "ns-crew", ID: "i"}, "DELETE ns-crew?hridContainsUUID=false"},
		"by its id":   {"a group of an older release has nothing else", mapi.Ref{ID: "i"}, "DELETE i?hridContainsUUID=true"},
		"an id twice": {"its hrid is its id", mapi.Ref{Key: "i", ID: "i"}, "DELETE i?hridContainsUUID=true"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var asked string
			store := clientOf(t, withoutLogin(roundTrip(func(r *http.Request) (*http.Response, error) {
				asked = r.Method + " " + r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:] + "?" + r.URL.RawQuery
				return reply(http.StatusNoContent, nil, ""), nil
			})), nil, mapi.Credentials{}).Groups()
			if err := store.Delete(t.Context(), c.ref); err != nil || asked != c.want {
				t.Errorf("asked %q (%v), want %q: %s", asked, err, c.want, c.why)
			}
		})
	}
}
