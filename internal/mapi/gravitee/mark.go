// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gravitee

import (
	"maps"
	"strings"

	"github.com/apisync/apisync/internal/model"
)

// markPrefix begins the label that names the owning cluster. A label is the field that both API versions return in bulk
// listings, that nothing interprets, and that people can filter by in the console.
const markPrefix = "apisync-cluster="

// marked is the document that goes over the wire: the definition itself, and exactly that when no cluster id is configured.
func marked(want model.API) document {
	if want.Cluster == "" {
		return want.Definition
	}
	copied := make(document, len(want.Definition)+1)
	maps.Copy(copied, want.Definition)
	labels := []any{}
	given, _ := copied["labels"].([]any)
	for _, label := range given {
		if name, _ := label.(string); !strings.HasPrefix(name, markPrefix) {
			labels = append(labels, label)
		}
	}
	copied["labels"] = append(labels, markPrefix+want.Cluster)
	return copied
}

// owner reads the mark of an API; empty if it has none.
func owner(read document) string {
	labels, _ := read["labels"].([]any)
	for _, label := range labels {
		name, _ := label.(string)
		if id, ok := strings.CutPrefix(name, markPrefix); ok {
			return id
		}
	}
	return ""
}
