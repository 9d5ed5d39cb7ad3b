// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gravitee

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"

	"github.com/apisync/apisync/internal/mapi"
)

// reasonInvalidContext is the reason of everything that validate finds.
const reasonInvalidContext = "InvalidContext"

// validate implements mapi.Backend.Validate.
func validate(config mapi.Config) []mapi.Finding {
	var findings []mapi.Finding
	refuse := func(path, format string, args ...any) {
		findings = append(findings, mapi.Finding{
			Path: path, Severity: mapi.Refused, Reason: reasonInvalidContext, Message: fmt.Sprintf(format, args...),
		})
	}
	if err := checkBaseURL(config.BaseURL); err != nil {
		refuse("spec.baseUrl", "%v", err)
	}
	if config.Path != nil && strings.ContainsAny(*config.Path, "?#") {
		refuse("spec.path", "must be a path without query and fragment, such as /management")
	}
	for _, name := range []string{scopeEnvironment, scopeOrganization} {
		if err := checkSegment(config.Scope[name]); err != nil {
			refuse("spec."+name, "%v; set it to the id that the management console shows, such as DEFAULT", err)
		}
	}
	if err := checkCredentials(trimmed(config.Credentials)); err != nil {
		refuse("spec.auth", "%v", err)
	}
	return findings
}

func checkBaseURL(base string) error {
	if base == "" {
		return errors.New("must be set to the URL of the management API, such as https://apim.example.com")
	}
	// Parse errors repeat the URL, which may hold a password.
	u, err := url.Parse(base)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
		return errors.New("must be a URL that starts with http:// or https:// and names a host")
	case u.User != nil:
		return errors.New("must not hold credentials; put them under spec.auth")
	case u.RawQuery != "" || u.Fragment != "":
		return errors.New("must have neither a query nor a fragment")
	}
	return nil
}

// checkSegment refuses what isn't one segment of a path: it would lead to another resource.
func checkSegment(segment string) error {
	switch {
	case strings.TrimSpace(segment) == "":
		return errors.New("must be set")
	case segment == "." || segment == "..":
		return errors.New("must not be a relative path")
	case strings.ContainsFunc(segment, unicode.IsControl):
		return errors.New("must not contain control characters")
	}
	return nil
}

func checkCredentials(credentials mapi.Credentials) error {
	switch {
	case credentials.Token == "" && credentials.Username == "":
		return errors.New("must hold a bearer token, or a username and a password, or refer to a Secret with the keys " +
			"bearerToken, or username and password")
	case strings.ContainsFunc(credentials.Token, unicode.IsControl):
		return errors.New("the bearer token must not contain control characters")
	case credentials.Token == "" && credentials.Password == "":
		return errors.New("the password is missing")
	}
	return nil
}

// trimmed takes off the white space around a token: a Secret made from a file often ends with a line feed.
func trimmed(credentials mapi.Credentials) mapi.Credentials {
	credentials.Token = strings.TrimSpace(credentials.Token)
	return credentials
}

// addresses are the prefixes of all URLs (shared/reference/gko-compatibility.md 2.1), without a slash at the end.
type addresses struct {
	organization, environment, environmentV2 string
	// automation is the environment in the API for the desired state of single objects.
	automation string
	// plugins is where the second version tells about plugins of the organization.
	plugins string
}

// Where the management API and its Automation API are by default: at home, and in the vendor's cloud.
const (
	defaultPath, defaultAutomation = "/management", "/automation"
	hostedPath, hostedAutomation   = "/apim/rest", "/apim/automation"
)

// prefixes are the paths of the management API and of its Automation API below the base URL. A path of the context replaces both.
func prefixes(config mapi.Config) (management, automation string) {
	switch {
	case config.Path != nil:
		return *config.Path, *config.Path
	case config.Hosted:
		return hostedPath, hostedAutomation
	}
	return defaultPath, defaultAutomation
}

func resolve(config mapi.Config) (addresses, error) {
	management, automation := prefixes(config)
	organization := "organizations/" + url.PathEscape(config.Scope[scopeOrganization])
	environment := "/environments/" + url.PathEscape(config.Scope[scopeEnvironment])
	var failed error
	join := func(elements ...string) string {
		joined, err := url.JoinPath(config.BaseURL, elements...)
		failed = errors.Join(failed, err)
		return joined
	}
	v1, v2 := join(management, organization), join(management, "v2", organization)
	resolved := addresses{
		organization: v1, environment: v1 + environment, environmentV2: v2 + environment,
		automation: join(automation, organization) + environment, plugins: v2 + "/plugins",
	}
	if failed != nil {
		// The cause would repeat the URL.
		return addresses{}, errors.New("spec.path: can't be joined with the base URL")
	}
	return resolved, nil
}

// api is the URL of one API.
func (a addresses) api(id string) string { return a.environment + "/apis/" + url.PathEscape(id) }

// group is the URL of one group, by its human-readable id or by its id.
func (a addresses) group(name string) string { return a.automation + "/groups/" + url.PathEscape(name) }
