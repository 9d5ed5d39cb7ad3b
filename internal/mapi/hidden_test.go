// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package mapi_test

import (
	"strings"
	"testing"

	"github.com/apisync/apisync/internal/mapi"
)

func TestHiddenTextsAreShownOtherwise(t *testing.T) {
	hidden := mapi.Hide("tangerine", "", "plum")
	shown := hidden.Show("tangerine")
	if strings.Contains(shown, "tangerine") || shown == hidden.Show("plum") || shown != mapi.Hide("tangerine").Show("tangerine") {
		t.Errorf("tangerine is shown as %q and plum as %q: neither may tell, and each has one name for ever", shown, hidden.Show("plum"))
	}
	if got := hidden.Show("fig") + hidden.Show("") + mapi.Hidden(nil).Show("tangerine"); got != "figtangerine" {
		t.Errorf("%q: nothing else is hidden", got)
	}
	cases := map[string]struct {
		why, text, want string
		hidden          mapi.Hidden
		known           bool
	}{
		"hidden":               {"it is known", shown, "tangerine", hidden, true},
		"never hidden":         {"it is what it is", "fig", "fig", hidden, true},
		"hidden by others":     {"the Secret said something else then", mapi.Hide("fig").Show("fig"), mapi.Hide("fig").Show("fig"), hidden, false},
		"hidden before":        {"nothing is taken from Secrets any more", shown, shown, nil, false},
		"empty":                {"there is nothing to hide", "", "", hidden, true},
		"nothing to be hidden": {"as most places are", "fig", "fig", nil, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got, known := c.hidden.Reveal(c.text); got != c.want || known != c.known {
				t.Errorf("%q, %t, want %q, %t: %s", got, known, c.want, c.known, c.why)
			}
		})
	}
	if mapi.Hide("", "") != nil {
		t.Error("without any text there is something to hide")
	}
}

func TestPlaceHidesWhatComesFromSecrets(t *testing.T) {
	config := mapi.Config{BaseURL: "https://secret.example/", Scope: map[string]string{"organizationId": "acme", "environmentId": "tangerine"}}
	plain := config.Place()
	config.Hidden = mapi.Hide("https://secret.example", "tangerine")
	place := config.Place()
	if strings.Contains(place.BaseURL+place.Scope, "secret.example") || strings.Contains(place.Scope, "tangerine") || !strings.Contains(place.Scope, "organizationId=acme") {
		t.Errorf("%+v", place)
	}
	other := config
	other.Scope = map[string]string{"organizationId": "acme", "environmentId": "plum"}
	if !place.Is(plain) || !plain.Is(place) || place.Is(other.Place()) || !place.SameInstallation(other.Place()) || !place.SameInstallation(plain) {
		t.Errorf("%+v, %+v and %+v: a place is the same however it is written", plain, place, other.Place())
	}
	elsewhere := config
	elsewhere.BaseURL, elsewhere.Hidden = "https://other.example", nil
	if plain.Is(elsewhere.Place()) || place.SameInstallation(elsewhere.Place()) {
		t.Errorf("%+v and %+v", plain, elsewhere.Place())
	}
}

// Several installations may be behind one host.
func TestPathIsPartOfThePlace(t *testing.T) {
	at := func(path *string, hidden ...string) mapi.Place {
		return mapi.Config{BaseURL: "https://host.example/", Path: path, Hidden: mapi.Hide(hidden...)}.Place()
	}
	usual, b, slashes, none := at(nil), at(new("/b/management")), at(new("b/management/")), at(new(""))
	if usual.SameInstallation(b) || usual.Is(b) || !b.Is(slashes) || b.BaseURL != "https://host.example/b/management" || !usual.Is(none) {
		t.Errorf("%+v, %+v, %+v, %+v", usual, b, slashes, none)
	}
	if hidden := at(new("/b/management"), "https://host.example"); !hidden.Is(b) || strings.Contains(hidden.BaseURL, "example") {
		t.Errorf("%+v is told, or isn't %+v", hidden, b)
	}
}
