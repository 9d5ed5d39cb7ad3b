// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package mapi

import (
	"context"
	"iter"

	"github.com/apisync/apisync/internal/fault"
	"github.com/apisync/apisync/internal/model"
)

// Redacted is client with every text that it gives taken through clean: errors, remarks, findings, names and the paths of
// differences. A management API repeats what it was sent, and what it was sent may hold secrets. Ids and markers stay as they
// are, since they are needed as they are.
func Redacted(client Client, clean func(string) string) Client {
	return redacted{Client: client, clean: clean}
}

type redacted struct {
	Client

	clean func(string) string
}

func (r redacted) APIs() Store[model.API] {
	return redactedStore[model.API]{store: r.Client.APIs(), clean: r.clean}
}

func (r redacted) Groups() Store[model.Group] {
	return redactedStore[model.Group]{store: r.Client.Groups(), clean: r.clean}
}

func (r redacted) Probe(ctx context.Context) (ServerInfo, error) {
	info, err := r.Client.Probe(ctx)
	info.User, info.EnvironmentName = r.clean(info.User), r.clean(info.EnvironmentName)
	return info, fault.Redact(err, r.clean)
}

func (r redacted) Markers(ctx context.Context) iter.Seq2[Marker, error] {
	return func(yield func(Marker, error) bool) {
		for marker, err := range r.Client.Markers(ctx) {
			marker.Name = r.clean(marker.Name)
			if !yield(marker, fault.Redact(err, r.clean)) {
				return
			}
		}
	}
}

type redactedStore[D any] struct {
	store Store[D]
	clean func(string) string
}

func (s redactedStore[D]) Observe(ctx context.Context, ref Ref) (Observation, error) {
	seen, err := s.store.Observe(ctx, ref)
	seen.Name = s.clean(seen.Name)
	return seen, fault.Redact(err, s.clean)
}

func (s redactedStore[D]) Compare(ctx context.Context, want D, seen Observation) (Comparison, error) {
	comparison, err := s.store.Compare(ctx, want, seen)
	for i := range comparison.Differences {
		comparison.Differences[i].Path = s.clean(comparison.Differences[i].Path)
	}
	return Comparison{Differences: comparison.Differences, Findings: s.findings(comparison.Findings)}, fault.Redact(err, s.clean)
}

func (s redactedStore[D]) Review(ctx context.Context, want D) ([]Finding, error) {
	findings, err := s.store.Review(ctx, want)
	return s.findings(findings), fault.Redact(err, s.clean)
}

func (s redactedStore[D]) Apply(ctx context.Context, want D, mode Mode) (Receipt, error) {
	receipt, err := s.store.Apply(ctx, want, mode)
	receipt.Severe, receipt.Warnings = s.all(receipt.Severe), s.all(receipt.Warnings)
	return receipt, fault.Redact(err, s.clean)
}

func (s redactedStore[D]) Delete(ctx context.Context, ref Ref) error {
	return fault.Redact(s.store.Delete(ctx, ref), s.clean)
}

func (s redactedStore[D]) findings(findings []Finding) []Finding {
	for i := range findings {
		findings[i].Path, findings[i].Message = s.clean(findings[i].Path), s.clean(findings[i].Message)
	}
	return findings
}

func (s redactedStore[D]) all(texts []string) []string {
	for i := range texts {
		texts[i] = s.clean(texts[i])
	}
	return texts
}
