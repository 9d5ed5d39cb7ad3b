// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package gravitee

import (
	"net/http"

	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/model"
)

// render implements mapi.Backend: an API is applied by one request, that of Apply.
func render(want model.API) ([]mapi.Payload, error) {
	return []mapi.Payload{{Method: http.MethodPut, Path: "apis/import-crd?dryRun=false", Body: marked(want)}}, nil
}
