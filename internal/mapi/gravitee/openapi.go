// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gravitee

import (
	"fmt"
	"hash/maphash"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"go.yaml.in/yaml/v3"

	"github.com/apisync/apisync/internal/mapi"
)

const (
	// maxOpenAPI is the size beyond which a document isn't looked at.
	maxOpenAPI = 1 << 20
	// maxVerdicts is how many verdicts are remembered.
	maxVerdicts = 1024
)

// openAPI finds inline documents that no viewer can show. Nothing that they refer to is loaded.
func (c *comparison) openAPI() {
	pages := object(c.want["pages"])
	for _, key := range sortedNames(pages) {
		page := object(pages[key])
		content := text(page, "content")
		if text(page, "type") != "SWAGGER" || page["source"] != nil || content == "" || len(content) > maxOpenAPI {
			continue
		}
		if !c.lookups.pages.readable(content) {
			c.find("pages."+key+".content", mapi.Warning, ReasonInvalidOpenAPI,
				"The content isn't an OpenAPI document that can be read; check it with a validator.")
		}
	}
}

// verdicts remembers which documents could be read, since reading one costs more than all else in a comparison.
type verdicts struct {
	seed maphash.Seed

	mu    sync.Mutex
	known map[uint64]bool
}

func newVerdicts() *verdicts { return &verdicts{seed: maphash.MakeSeed(), known: map[uint64]bool{}} }

func (v *verdicts) readable(content string) bool {
	key := maphash.String(v.seed, content)
	v.mu.Lock()
	verdict, ok := v.known[key]
	v.mu.Unlock()
	if ok {
		return verdict
	}
	verdict = loadOpenAPI(content) == nil
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.known) >= maxVerdicts {
		clear(v.known)
	}
	v.known[key] = verdict
	return verdict
}

// loadOpenAPI tries to read a document of any version. A reference to elsewhere says nothing about it and is no error.
func loadOpenAPI(content string) (err error) {
	defer func() {
		if failure := recover(); failure != nil {
			err = fmt.Errorf("reading the document: %v", failure)
		}
	}()
	var head struct {
		OpenAPI string `yaml:"openapi"`
		Swagger string `yaml:"swagger"`
	}
	if err := yaml.Unmarshal([]byte(content), &head); err != nil {
		return fmt.Errorf("reading the document: %w", err)
	}
	switch {
	case head.OpenAPI == "" && head.Swagger == "":
		return fmt.Errorf("the document names no version")
	case !strings.HasPrefix(head.OpenAPI, "3."):
		return nil
	}
	loader := openapi3.NewLoader()
	_, err = loader.LoadFromData([]byte(content))
	if err != nil && strings.Contains(err.Error(), "disallowed external reference") {
		return nil
	}
	return err
}
