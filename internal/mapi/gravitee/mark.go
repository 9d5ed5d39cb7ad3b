// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gravitee

import (
	"maps"
	"slices"
	"strings"

	"github.com/apisync/apisync/internal/model"
)

// markPrefix begins a label that names an owning cluster; a shared API has one for each. A label is the field that both API versions
// return in bulk listings, that nothing interprets, and that people can filter by in the console.
const markPrefix = "apisync-cluster="

// marked is the document that goes over the wire: the definition itself, and exactly that when no cluster id is configured. Otherwise
// its marks are those of want, whatever marks the definition has.
func marked(want model.API) document {
	clusters := distinct(append([]string{want.Cluster}, want.Sharers...))
	if len(clusters) == 0 {
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
	for _, cluster := range clusters {
		labels = append(labels, markPrefix+cluster)
	}
	copied["labels"] = labels
	return copied
}

// owners reads the marks among labels: the ids of the clusters, sorted and each once.
func owners(labels []string) []string {
	var clusters []string
	for _, label := range labels {
		if cluster, ok := strings.CutPrefix(label, markPrefix); ok {
			clusters = append(clusters, cluster)
		}
	}
	return distinct(clusters)
}

// distinct sorts names and leaves out what is empty or told twice. It may reuse the slice.
func distinct(names []string) []string {
	slices.Sort(names)
	return slices.Compact(slices.DeleteFunc(names, func(name string) bool { return name == "" }))
}

// first gives the first of some names, or an empty string.
func first(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return names[0]
}
