// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gravitee_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/mapi/gravitee"
)

func TestValidate(t *testing.T) {
	cases := []struct {
		why  string
		edit func(*mapi.Config)
		want []string
	}{
		{"all is there", func(*mapi.Config) {}, nil},
		{"https below a path", func(c *mapi.Config) { c.BaseURL = "https://host.test:8443/apim/" }, nil},
		{"a token alone", func(c *mapi.Config) { c.Credentials = mapi.Credentials{Token: "t"} }, nil},
		{"a token with the line feed of a file", func(c *mapi.Config) { c.Credentials = mapi.Credentials{Token: "t\n"} }, nil},
		{"no URL", func(c *mapi.Config) { c.BaseURL = "" }, []string{"spec.baseUrl"}},
		{"another scheme", func(c *mapi.Config) { c.BaseURL = "ftp://host.test" }, []string{"spec.baseUrl"}},
		{"no host", func(c *mapi.Config) { c.BaseURL = "http://" }, []string{"spec.baseUrl"}},
		{"no URL at all", func(c *mapi.Config) { c.BaseURL = "http://[" }, []string{"spec.baseUrl"}},
		{"credentials in the URL would get into messages", func(c *mapi.Config) { c.BaseURL = "http://u:p4ss@host.test" }, []string{"spec.baseUrl"}},
		{"a query", func(c *mapi.Config) { c.BaseURL = "http://host.test?x=1" }, []string{"spec.baseUrl"}},
		{"a query in the path", func(c *mapi.Config) { path := "/x?y"; c.Path = &path }, []string{"spec.path"}},
		{"no organization and no environment", func(c *mapi.Config) { c.Scope = nil }, []string{"spec.environmentId", "spec.organizationId"}},
		{"an environment that leads elsewhere", func(c *mapi.Config) { c.Scope["environmentId"] = ".." }, []string{"spec.environmentId"}},
		{"no credentials", func(c *mapi.Config) { c.Credentials = mapi.Credentials{} }, []string{"spec.auth"}},
		{"no password", func(c *mapi.Config) { c.Credentials = mapi.Credentials{Username: "u"} }, []string{"spec.auth"}},
		{"a token that can't be a header", func(c *mapi.Config) { c.Credentials = mapi.Credentials{Token: "a\nb"} }, []string{"spec.auth"}},
	}
	for _, c := range cases {
		t.Run(c.why, func(t *testing.T) {
			config := configFor("http://management.test")
			c.edit(&config)
			backend := gravitee.New(gravitee.Options{})
			var got []string
			for _, finding := range backend.Validate(config) {
				if finding.Severity != mapi.Refused || finding.Reason == "" || finding.Message == "" || strings.Contains(finding.Message, "p4ss") {
					t.Errorf("finding %+v", finding)
				}
				got = append(got, finding.Path)
			}
			slices.Sort(got)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("refused (-want +got):\n%s", diff)
			}
			_, err := backend.Dial(config, roundTrip(func(*http.Request) (*http.Response, error) {
				t.Error("dialing sends something")
				return nil, errors.New("no")
			}))
			if len(c.want) == 0 && err != nil || len(c.want) > 0 && !errors.Is(err, fault.Terminal) {
				t.Errorf("dial: %v", err)
			}
		})
	}
}

// TestURLs pins where requests go (shared/reference/gko-compatibility.md 2.1).
func TestURLs(t *testing.T) {
	path := func(p string) *string { return &p }
	cases := []struct {
		why, base  string
		path       *string
		hosted     bool
		org, env   string
		management string
		automation string
	}{
		{"the usual place", "http://h.test", nil, false, "DEFAULT", "DEFAULT",
			"http://h.test/management/organizations/DEFAULT/environments/DEFAULT", "http://h.test/automation/organizations/DEFAULT/environments/DEFAULT"},
		{"a prefix stays", "https://h.test/apim/", nil, false, "o", "e",
			"https://h.test/apim/management/organizations/o/environments/e", "https://h.test/apim/automation/organizations/o/environments/e"},
		{"another path is that of both", "https://h.test/apim", path("/rest"), false, "o", "e",
			"https://h.test/apim/rest/organizations/o/environments/e", "https://h.test/apim/rest/organizations/o/environments/e"},
		{"no path", "https://h.test", path(""), false, "o", "e",
			"https://h.test/organizations/o/environments/e", "https://h.test/organizations/o/environments/e"},
		{"slashes are cleaned", "https://h.test//a/", path("//b//"), false, "o", "e",
			"https://h.test/a/b/organizations/o/environments/e", "https://h.test/a/b/organizations/o/environments/e"},
		{"names are escaped", "https://h.test", nil, false, "my org", "a/b",
			"https://h.test/management/organizations/my%20org/environments/a%2Fb", "https://h.test/automation/organizations/my%20org/environments/a%2Fb"},
		{"the vendor's cloud", "https://eu.cloud.test", nil, true, "o", "e",
			"https://eu.cloud.test/apim/rest/organizations/o/environments/e", "https://eu.cloud.test/apim/automation/organizations/o/environments/e"},
		{"a path wins over the cloud's", "https://eu.cloud.test", path("/x"), true, "o", "e",
			"https://eu.cloud.test/x/organizations/o/environments/e", "https://eu.cloud.test/x/organizations/o/environments/e"},
	}
	for _, c := range cases {
		t.Run(c.why, func(t *testing.T) {
			var got []string
			var agent string
			config := configFor(c.base)
			config.Path, config.Hosted = c.path, c.hosted
			config.Scope = map[string]string{"organizationId": c.org, "environmentId": c.env}
			client, err := gravitee.New(gravitee.Options{Version: "1.2.3"}).Dial(config, withoutLogin(roundTrip(func(r *http.Request) (*http.Response, error) {
				got, agent = append(got, r.URL.String()), r.Header.Get("User-Agent")
				return reply(404, nil, `{"message":"Api [i] cannot be found.","technicalCode":"api.notFound"}`), nil
			})))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := client.APIs().Observe(t.Context(), mapi.Ref{ID: "i"}); err != nil {
				t.Fatal(err)
			}
			if _, err := client.Groups().Observe(t.Context(), mapi.Ref{Key: "g/h"}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{c.management + "/apis/i", c.automation + "/groups/g%2Fh"}, got); diff != "" || agent != "apisync/1.2.3" {
				t.Errorf("requests of %s (-want +got):\n%s", agent, diff)
			}
		})
	}
}
