// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// answer is what a handler decided; the server writes it, or a fault prevents that.
type answer struct {
	status      int
	header      http.Header
	contentType string
	body        []byte
}

func jsonAnswer(status int, body any) answer {
	data, err := json.Marshal(body)
	if err != nil {
		return answer{status: http.StatusInternalServerError}
	}
	return answer{status: status, contentType: "application/json", body: data}
}

func ok(body any) answer { return jsonAnswer(http.StatusOK, body) }

func empty(status int) answer { return answer{status: status} }

func plain(status int, message string) answer {
	return answer{status: status, contentType: "text/plain", body: []byte(message)}
}

func (a answer) with(key, value string) answer {
	header := a.header.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Set(key, value)
	a.header = header
	return a
}

// failV1 is an error of the first version of the API; code and parameters are left out when empty.
func failV1(status int, message, code string, parameters object) answer {
	body := object{"message": message, "http_status": status}
	if code != "" {
		body["technicalCode"] = code
	}
	if parameters != nil {
		body["parameters"] = parameters
	}
	return jsonAnswer(status, body)
}

// failV2 is an error of the second version of the API.
func failV2(status int, message, code string, parameters object) answer {
	body := object{"message": message, "httpStatus": status, "details": []any{}}
	if code != "" {
		body["technicalCode"] = code
		body["parameters"] = object{}
	}
	if parameters != nil {
		body["parameters"] = parameters
	}
	return jsonAnswer(status, body)
}

func statusText(status int) string {
	return "HTTP " + strconv.Itoa(status) + " " + http.StatusText(status)
}

func forbidden() answer {
	return failV1(http.StatusForbidden, "You do not have sufficient rights to access this resource", "forbidden", nil)
}

func apiNotFound(id string) answer {
	return failV1(http.StatusNotFound, "Api ["+id+"] cannot be found.", "api.notFound", object{"api": id})
}

func apiNotFoundV2(id string) answer {
	return failV2(http.StatusNotFound, "Api ["+id+"] cannot be found.", "api.notFound", object{"api": id})
}

// malformed is the answer to a body that is no JSON; its text wasn't recorded, only that it isn't JSON.
func malformed() answer { return plain(http.StatusBadRequest, "Unable to read the body as JSON") }
