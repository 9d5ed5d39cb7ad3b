// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gravitee

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"regexp"
	"sort"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/apisync/apisync/internal/mapi"
)

// maxMessage is how many bytes of a server's text enter a message.
const maxMessage = 300

var (
	// entityText is the printed form of a whole API, with all its values, that some messages carry (probe/concurrency.jsonl).
	entityText = regexp.MustCompile(`(?s)\b(?:[a-z]+\.)+[A-Za-z0-9$]*Entity(?:@[0-9a-f]+|[{(\[].*)`)
	// tokenText is anything that looks like a JSON Web Token.
	tokenText = regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?`)
)

// serverError is what can be read from the body of a failure, in any of the shapes of shared/contract/README.md 2.
type serverError struct {
	message, code string
	isJSON        bool
}

func (c *client) readError(body []byte) serverError {
	var shape struct {
		Message string `json:"message"`
		Code    string `json:"technicalCode"`
		Details []struct {
			Message  string `json:"message"`
			Location string `json:"location"`
		} `json:"details"`
		Severe []string `json:"severe"`
	}
	if json.Unmarshal(body, &shape) != nil {
		// Pages of proxies and stack traces help nobody in a condition.
		return serverError{}
	}
	parts := append([]string{}, shape.Message)
	for _, detail := range shape.Details {
		parts = append(parts, strings.Trim(detail.Location+": "+detail.Message, ": "))
	}
	parts = append(parts, shape.Severe...)
	return serverError{message: c.clean.text(joinNonEmpty(parts)), code: shape.Code, isJSON: true}
}

func joinNonEmpty(parts []string) string {
	var kept []string
	for _, part := range parts {
		if part = strings.TrimSpace(part); part != "" {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "; ")
}

// cleaner makes a server's text fit for conditions, events and logs: one short line without credentials.
type cleaner struct {
	secrets []string
}

func newCleaner(credentials mapi.Credentials) cleaner {
	var secrets []string
	for _, secret := range []string{
		credentials.Token, credentials.Password, credentials.Username,
		strings.TrimPrefix(plainHeader(mapi.Credentials{Username: credentials.Username, Password: credentials.Password}), "Basic "),
	} {
		if secret != "" && secret != base64.StdEncoding.EncodeToString([]byte(":")) {
			secrets = append(secrets, secret)
		}
	}
	// The longest first, so that no part of one stays when another is contained in it.
	sort.SliceStable(secrets, func(i, j int) bool { return len(secrets[i]) > len(secrets[j]) })
	return cleaner{secrets: secrets}
}

const redacted = "***"

func (c cleaner) text(text string) string {
	text = entityText.ReplaceAllString(text, "the API")
	text = tokenText.ReplaceAllString(text, redacted)
	for _, secret := range c.secrets {
		text = replaceWord(text, secret)
	}
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || r == unicode.ReplacementChar
	}), " ")
	return cut(text, maxMessage)
}

// replaceWord redacts a secret. Short ones only where they stand alone: "admin" is a part of ordinary words.
func replaceWord(text, secret string) string {
	const long = 8
	if len(secret) >= long {
		return strings.ReplaceAll(text, secret, redacted)
	}
	var out strings.Builder
	for {
		at := strings.Index(text, secret)
		if at < 0 {
			out.WriteString(text)
			return out.String()
		}
		end := at + len(secret)
		alone := !endsInWord(text[:at]) && !startsWithWord(text[end:])
		out.WriteString(text[:at])
		if alone {
			out.WriteString(redacted)
		} else {
			out.WriteString(secret)
		}
		text = text[end:]
	}
}

func endsInWord(text string) bool {
	return text != "" && isWordByte(text[len(text)-1])
}

func startsWithWord(text string) bool { return text != "" && isWordByte(text[0]) }

func isWordByte(b byte) bool {
	return b >= 0x80 || b == '_' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}

// cut shortens a text to a number of bytes without breaking a character.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	text = text[:limit]
	return strings.ToValidUTF8(text, "") + "…"
}

// networkText names the cause of a network error without the addresses and ports of the connection.
func networkText(err error, timeout time.Duration) string {
	var (
		dns         *net.DNSError
		netError    net.Error
		certificate *tls.CertificateVerificationError
		authority   x509.UnknownAuthorityError
		hostname    x509.HostnameError
		record      tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &dns):
		return fmt.Sprintf("the host %s can't be resolved", dns.Name)
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was cut before the answer was complete"
	case errors.As(err, &certificate), errors.As(err, &authority), errors.As(err, &hostname), errors.As(err, &record):
		return "the TLS connection failed: " + cut(innermost(err), maxMessage)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &netError) && netError.Timeout():
		return fmt.Sprintf("no answer within %s", timeout)
	}
	return cut(innermost(err), maxMessage)
}

// innermost takes off the layers that repeat the URL and the addresses.
func innermost(err error) string {
	var (
		ofURL *url.Error
		ofOp  *net.OpError
	)
	for {
		switch {
		case errors.As(err, &ofURL) && ofURL.Err != nil && !errors.Is(ofURL.Err, err):
			err = ofURL.Err
			ofURL = nil
		case errors.As(err, &ofOp) && ofOp.Err != nil && !errors.Is(ofOp.Err, err):
			err = ofOp.Err
			ofOp = nil
		default:
			return strings.Join(strings.Fields(err.Error()), " ")
		}
	}
}

// contextError keeps the cause apart from the URL that net/http wraps around it.
func contextError(err error) error {
	for _, cause := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, cause) {
			return cause
		}
	}
	return errors.New(innermost(err))
}
