// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gravitee_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"unicode"

	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/mapi/gravitee"
)

// exchanges are all kinds of answers that are decoded; each gives the remarks that came with a success.
func exchanges() []func(context.Context, mapi.Client) ([]string, error) {
	remarks := func(receipt mapi.Receipt, err error) ([]string, error) {
		return append(receipt.Severe, receipt.Warnings...), err
	}
	return []func(context.Context, mapi.Client) ([]string, error){
		func(ctx context.Context, c mapi.Client) ([]string, error) {
			return remarks(c.APIs().Apply(ctx, sampleAPI(1), mapi.Commit))
		},
		func(ctx context.Context, c mapi.Client) ([]string, error) {
			return remarks(c.APIs().Apply(ctx, sampleAPI(1), mapi.DryRun))
		},
		func(ctx context.Context, c mapi.Client) ([]string, error) {
			seen, err := c.APIs().Observe(ctx, mapi.Ref{ID: "i"})
			if err == nil && seen.Exists {
				_, err = c.APIs().Compare(ctx, sampleAPI(1), seen)
			}
			return nil, err
		},
		func(ctx context.Context, c mapi.Client) ([]string, error) {
			_, err := c.APIs().Observe(ctx, mapi.Ref{Key: "k"})
			return nil, err
		},
		func(ctx context.Context, c mapi.Client) ([]string, error) {
			return nil, c.APIs().Delete(ctx, mapi.Ref{ID: "i"})
		},
		func(ctx context.Context, c mapi.Client) ([]string, error) {
			return remarks(c.Groups().Apply(ctx, sampleGroup(1), mapi.Commit))
		},
		func(ctx context.Context, c mapi.Client) ([]string, error) {
			seen, err := c.Groups().Observe(ctx, mapi.Ref{Key: "k"})
			if err == nil && seen.Exists {
				_, err = c.Groups().Compare(ctx, sampleGroup(1), seen)
			}
			return nil, err
		},
		func(ctx context.Context, c mapi.Client) ([]string, error) {
			return nil, c.Groups().Delete(ctx, mapi.Ref{ID: "i"})
		},
		func(ctx context.Context, c mapi.Client) ([]string, error) {
			_, err := c.Probe(ctx)
			return nil, err
		},
		func(ctx context.Context, c mapi.Client) ([]string, error) {
			for _, err := range c.Markers(ctx) {
				// One page is enough: the same answer comes for each.
				return nil, err
			}
			return nil, nil
		},
	}
}

// FuzzDecode: whatever a server answers, to whatever it is asked, nothing panics, and every text is one short line without a credential.
func FuzzDecode(f *testing.F) {
	credentials := mapi.Credentials{Username: "the-users-name", Password: "pa55word-of-the-test", Token: "tok-0123456789-abc"}
	secrets := []string{credentials.Username, credentials.Password, credentials.Token}
	leaky := strings.Join(secrets, " ")
	for kind := range exchanges() {
		for status, body := range map[int]string{
			200: `{"id":"i","crossId":"k","name":"n","plans":{"` + leaky + `":3},"errors":{"severe":["` + leaky + `"],"warning":["a\nb"]}}`,
			201: `[{"id":"i"},{"id":7}]`, 202: `{"id":"i","members":[{"roles":3},4],"memberCount":-1,"plans":[{"crossId":1}],"labels":{}}`,
			203: `{"data":[{"id":"i","updatedAt":"` + leaky + `"}],"pagination":{}}`, 302: ``, 400: `{"message":"` + leaky + `","details":[{"message":"` + leaky + `"}]}`,
			401: ``, 403: `{"message":"` + leaky + `","technicalCode":"` + leaky + `"}`, 404: `{"message":"` + leaky + `"}`, 409: `{"severe":["` + leaky + `"]}`,
			429: `<html>` + leaky, 500: `{"message":"finding API by environment ` + leaky + `"}`, 503: "\x00\xff", 999: `null`,
		} {
			f.Add(uint8(kind), status, body)
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, status int, body string) {
		if status < 100 || status > 999 {
			t.Skip()
		}
		config := configFor("http://management.test")
		config.Credentials = credentials
		client, err := gravitee.New(gravitee.Options{}).Dial(config, withoutLogin(roundTrip(func(*http.Request) (*http.Response, error) {
			return reply(status, nil, body), nil
		})))
		if err != nil {
			t.Fatal(err)
		}
		all := exchanges()
		texts, err := all[int(kind)%len(all)](t.Context(), client)
		if err != nil {
			texts = append(texts, err.Error())
		}
		for _, text := range texts {
			if len(text) > 700 || strings.ContainsFunc(text, unicode.IsControl) {
				t.Errorf("unfit text %q", text)
			}
			for _, secret := range secrets {
				if strings.Contains(text, secret) {
					t.Errorf("a credential is told: %q", text)
				}
			}
		}
	})
}
