// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package mapitest

import (
	"slices"
	"strings"
	"testing"

	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/model"
)

// findings are what Review and Compare tell of a wanted state, while a valid one is in place.
func (t trial) findings(valid, wanted model.API) map[string][]mapi.Finding {
	t.Helper()
	reviewed, err := t.store.Review(t.Context(), wanted)
	if err != nil {
		t.Fatalf("review: %v", err)
	}
	compared, err := t.store.Compare(t.Context(), wanted, t.mustExist(t.apply(valid).Ref))
	if err != nil {
		t.Fatalf("compare: %v", err)
	}
	return map[string][]mapi.Finding{"review": reviewed, "compare": compared.Findings}
}

func byReason(findings []mapi.Finding, reason string) []mapi.Finding {
	return slices.DeleteFunc(slices.Clone(findings), func(f mapi.Finding) bool { return f.Reason != reason })
}

func misconfigured(t *testing.T, s Subject) {
	if s.Misconfigure == nil {
		t.Skip("configurations have no schemas")
	}
	valid := s.Sample(1)
	misfit, path := s.Misconfigure(s.Sample(1))
	on := s.trial(t, valid)
	for from, findings := range on.findings(valid, misfit) {
		found := byReason(findings, mapi.ReasonInvalidConfiguration)
		if len(found) != 1 || found[0].Path != path || found[0].Severity != mapi.Refused || found[0].Message == "" {
			t.Errorf("%s: %+v, want one for %s", from, found, path)
		}
		checked := byReason(findings, mapi.ReasonConfigurationChecked)
		if len(checked) != 1 || checked[0].Path != "" || checked[0].Severity != mapi.Info {
			t.Errorf("%s: %+v, want to be told that it was checked", from, checked)
		}
		for _, finding := range findings {
			if strings.Contains(finding.Message+finding.Path, Misfit) {
				t.Errorf("%s: the value is told: %+v", from, finding)
			}
		}
	}
}

func unjudged(t *testing.T, s Subject) {
	if s.Misconfigure == nil || s.HideSchemas == nil {
		t.Skip("configurations have no schemas, or they can't be hidden")
	}
	valid := s.Sample(1)
	misfit, _ := s.Misconfigure(s.Sample(1))
	s.HideSchemas(t)
	on := s.trial(t, valid)
	for from, findings := range on.findings(valid, misfit) {
		for _, reason := range []string{mapi.ReasonInvalidConfiguration, mapi.ReasonConfigurationChecked} {
			if found := byReason(findings, reason); len(found) > 0 {
				t.Errorf("%s: %+v", from, found)
			}
		}
	}
}
