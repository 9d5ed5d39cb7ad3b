// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gravitee

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/mapi"
)

// Condition reasons that only this back end has.
const (
	// ReasonPathExists: another API has the context path.
	ReasonPathExists = "PathExists"
	// ReasonIDExists: another API of the installation has the id (with another crossId, or in another environment).
	ReasonIDExists = "IDExists"
	// ReasonUnknownEnvironment: the organization or the environment doesn't exist.
	ReasonUnknownEnvironment = "UnknownEnvironment"
	// ReasonDuplicateKey: two APIs of the environment have one crossId.
	ReasonDuplicateKey = "DuplicateCrossID"
)

// maxRetryAfter caps what a server can ask for.
const maxRetryAfter = 10 * time.Minute

// errAbsent is what reading or deleting an object gives when there is none: data, no fault.
var errAbsent = errors.New("no such object")

// classify is the one place where an answer becomes an error: nil, errAbsent or a fault. The rules follow
// shared/contract/README.md 2; the table in classify_test.go holds every kind of answer that was recorded.
func (c *client) classify(request call, got answer) error {
	if got.err != nil {
		return networkFault(request, got, c.options.Timeout)
	}
	f := failure{call: request, status: got.status, serverError: c.readError(got.body)}
	switch {
	case got.status >= 200 && got.status < 300:
		return f.success(got)
	case got.status == http.StatusNotFound:
		return f.notFound(len(got.body) == 0)
	case got.status == http.StatusTooManyRequests, got.status == http.StatusServiceUnavailable:
		return f.overloaded(retryAfter(got.header, c.options.Now()))
	case got.status == http.StatusInternalServerError:
		return f.internalError()
	case got.status >= 500 && got.status != http.StatusNotImplemented:
		return f.fault(fault.Transient, fault.ReasonUnreachable, "").After(retryAfter(got.header, c.options.Now()))
	}
	return f.refusal(got)
}

// failure is an answer that is being classified.
type failure struct {
	call
	serverError
	status int
}

// fault makes the message "PUT import of API a/b: 400: what the server says; hint".
func (f failure) fault(kind fault.Kind, reason, hint string) *fault.Fault {
	text := f.message
	if text == "" {
		text = http.StatusText(f.status)
	}
	if hint != "" {
		text = strings.TrimSuffix(text, ".") + "; " + hint
	}
	return fault.New(kind, reason, "%s %s: %d: %s", f.method, f.what, f.status, text)
}

// success accepts a body only if it is what the operation promises: a proxy's page or an empty object must
// not become an absent API or a receipt without an id (case 73).
func (f failure) success(got answer) error {
	if f.accept == nil {
		return nil
	}
	err := errors.New("the answer is empty")
	switch {
	case len(got.body) > 0 && got.status != http.StatusNoContent:
		err = f.accept(got.body)
	case f.mayBeEmpty:
		return nil
	}
	if err == nil || errors.Is(err, errAbsent) {
		return err
	}
	f.message = "unexpected answer: " + err.Error()
	return f.fault(fault.Transient, fault.ReasonUnreachable, "check whether a proxy answers instead of the management API")
}

// notFound tells a missing object from a missing route. Only the former ends a deletion: an empty or HTML body comes from a
// proxy or a wrong path, and would leave the object behind for ever. GKO takes every 404 for done (case 76). What a release lacks has
// an empty body (shared/contract/README.md 2).
func (f failure) notFound(empty bool) error {
	routeUnknown := !f.isJSON || f.message == "" || strings.HasPrefix(f.message, "HTTP 404")
	absence := f.code == "api.notFound" || f.code == "hrid.notFound" || f.code == "group.notFound"
	switch {
	case routeUnknown && f.needs != "" && (empty || f.isJSON):
		return f.fault(fault.Terminal, fault.ReasonUnsupported,
			"this release of the management API is too old for "+f.needs+", or check spec.baseUrl and spec.path of the management context")
	case routeUnknown:
		return f.fault(fault.Terminal, fault.ReasonControlPlane,
			"this management API doesn't offer the call: check spec.baseUrl and spec.path of the management context")
	case f.operation == mapi.OperationDelete:
		return errAbsent
	case absence && f.operation != mapi.OperationApply && f.operation != mapi.OperationDryRun:
		return errAbsent
	}
	// A missing dependency, such as a sharding tag: nothing tells us when it comes into being.
	return f.fault(fault.Terminal, fault.ReasonControlPlane, "")
}

func (f failure) overloaded(after time.Duration) error {
	if f.status == http.StatusTooManyRequests || after > 0 {
		return f.fault(fault.Transient, fault.ReasonThrottled, "").After(after)
	}
	return f.fault(fault.Transient, fault.ReasonUnreachable, "")
}

// userErrors are parts of messages of a 500 that the sender has to cure (shared/contract/README.md 2, cases 15, 18, 61, 114). Those about
// groups are from what the server says about a dry run; a 500 with them wasn't recorded.
func userErrors() []string {
	return []string{
		"creating API Metadata", "does not support to import a directory", "Duplicate key", "PluginNotFoundException",
		"InvalidDataException", "TagNotAllowedException", "EndpointGroupTypeInvalid",
		"primary owner role is not allowed", "must be a valid UUID", "] must not be empty",
	}
}

func (f failure) internalError() error {
	if strings.Contains(f.message, "finding API by environment") {
		return f.fault(fault.Conflict, ReasonDuplicateKey,
			"two APIs of the environment have this crossId, so that none can be updated: delete one of them in the management console")
	}
	for _, part := range userErrors() {
		if strings.Contains(f.message, part) {
			return f.fault(fault.Terminal, fault.ReasonControlPlane, "")
		}
	}
	return f.fault(fault.Transient, fault.ReasonControlPlane, "")
}

// refusal classifies 1xx, 3xx, 4xx and 501.
func (f failure) refusal(got answer) error {
	switch got.status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return f.badRequest()
	case http.StatusUnauthorized:
		return f.fault(fault.Unauthenticated, fault.ReasonUnauthorized, "check the credentials of the management context")
	case http.StatusForbidden, http.StatusPaymentRequired:
		return f.forbidden()
	case http.StatusRequestTimeout, http.StatusTooEarly:
		return f.fault(fault.Transient, fault.ReasonUnreachable, "")
	case http.StatusConflict, http.StatusPreconditionFailed, http.StatusLocked:
		// Somebody else writes at this moment.
		return f.fault(fault.Transient, fault.ReasonControlPlane, "")
	case http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return f.fault(fault.Terminal, fault.ReasonControlPlane,
			"this management API doesn't offer the call: check spec.baseUrl and spec.path of the management context")
	case http.StatusRequestEntityTooLarge:
		return f.fault(fault.Terminal, fault.ReasonControlPlane, "the definition is larger than the management API or a proxy before it takes")
	}
	if got.status < 400 {
		return f.fault(fault.Transient, fault.ReasonUnreachable,
			"redirects aren't followed: check spec.baseUrl of the management context")
	}
	return f.fault(fault.Terminal, fault.ReasonControlPlane, "")
}

func (f failure) badRequest() error {
	switch {
	case strings.Contains(f.message, "Invalid organization or environment"):
		// Told before the credentials are checked (cases 62 and 63).
		return f.fault(fault.Terminal, ReasonUnknownEnvironment,
			"check spec.organizationId and spec.environmentId of the management context")
	case f.code == "api.exists":
		return f.fault(fault.Terminal, ReasonIDExists,
			"the id belongs to an API with another crossId, or in another environment: set another spec.id or the crossId of that API")
	case strings.Contains(f.message, "Path [") && strings.Contains(f.message, "already exists"):
		return f.fault(fault.Terminal, ReasonPathExists, "another API of the environment has the path")
	}
	return f.fault(fault.Terminal, fault.ReasonControlPlane, "")
}

func (f failure) forbidden() error {
	hint := "give the user of the management context the rights for it"
	if f.code == "feature.missing" || f.status == http.StatusPaymentRequired {
		hint = "the licence of the management API doesn't include it"
	}
	if f.operation == mapi.OperationProbe {
		return f.fault(fault.Unauthenticated, fault.ReasonForbidden, hint)
	}
	return f.fault(fault.Forbidden, fault.ReasonForbidden, hint)
}

// networkFault says what went wrong without addresses of our own, so that repeated messages are equal (case 67).
func networkFault(request call, got answer, timeout time.Duration) error {
	what := request.method + " " + request.what
	var open *mapi.CircuitOpenError
	switch {
	case errors.As(got.err, &open):
		return fault.New(fault.Transient, fault.ReasonUnreachable, "%s: %w", what, open).After(open.RetryAfter)
	case got.abandoned:
		return abandonedFault(what, got.err)
	case errors.Is(got.err, errTooLarge):
		return fault.New(fault.Transient, fault.ReasonUnreachable, "%s: %w", what, errTooLarge)
	}
	return fault.New(fault.Transient, fault.ReasonUnreachable, "%s: %s", what, networkText(got.err, timeout))
}

// abandonedFault is for a caller that went away; the context's error stays in the chain.
func abandonedFault(what string, err error) error {
	return fault.Wrap(fault.Transient, fault.ReasonUnreachable, fmt.Errorf("%s: given up: %w", what, contextError(err)))
}

// retryAfter reads the header in both its forms (RFC 9110, 10.2.3); zero if there is none.
func retryAfter(header http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(header.Get("Retry-After"))
	if value == "" {
		return 0
	}
	var after time.Duration
	if seconds, err := strconv.ParseInt(value, 10, 64); err == nil {
		after = time.Duration(min(max(seconds, 0), int64(maxRetryAfter/time.Second))) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		after = at.Sub(now)
	}
	return min(max(after, 0), maxRetryAfter)
}
