// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// object is a decoded JSON object; numbers are json.Number or int64.
type object = map[string]any

// decodeObject reads one JSON object and keeps numbers as they were written.
func decodeObject(data []byte) (object, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var o object
	if err := decoder.Decode(&o); err != nil {
		return nil, fmt.Errorf("decode JSON object: %w", err)
	}
	if o == nil {
		o = object{}
	}
	return o, nil
}

// clone copies objects and lists all the way down, so that what was handed out can't change what is stored.
func clone(v any) any {
	switch v := v.(type) {
	case object:
		c := make(object, len(v))
		for key, value := range v {
			c[key] = clone(value)
		}
		return c
	case []any:
		c := make([]any, len(v))
		for i, value := range v {
			c[i] = clone(value)
		}
		return c
	default:
		return v
	}
}

func cloneObject(o object) object { return clone(o).(object) }

// compact copies v without its null members; what is below "configuration" belongs to a plugin and is kept.
func compact(v any) any {
	switch v := v.(type) {
	case object:
		c := make(object, len(v))
		for key, value := range v {
			switch {
			case value == nil:
			case key == "configuration":
				c[key] = clone(value)
			default:
				c[key] = compact(value)
			}
		}
		return c
	case []any:
		c := make([]any, len(v))
		for i, value := range v {
			c[i] = compact(value)
		}
		return c
	default:
		return v
	}
}

func text(o object, key string) string {
	s, _ := o[key].(string)
	return s
}

func flag(o object, key string) bool {
	b, _ := o[key].(bool)
	return b
}

func sub(o object, key string) object {
	s, _ := o[key].(object)
	return s
}

func items(o object, key string) []any {
	l, _ := o[key].([]any)
	return l
}

// objects lists the members of the list at key that are objects.
func objects(o object, key string) []object {
	var found []object
	for _, item := range items(o, key) {
		if member, ok := item.(object); ok {
			found = append(found, member)
		}
	}
	return found
}

func texts(o object, key string) []string {
	var found []string
	for _, item := range items(o, key) {
		if s, ok := item.(string); ok {
			found = append(found, s)
		}
	}
	return found
}

// number reads an integer member, or 0.
func number(o object, key string) int64 {
	switch n := o[key].(type) {
	case json.Number:
		i, err := n.Int64()
		if err != nil {
			f, _ := n.Float64()
			return int64(f)
		}
		return i
	case int64:
		return n
	case int:
		return int64(n)
	default:
		return 0
	}
}

func setDefault(o object, key string, value any) {
	if o[key] == nil {
		o[key] = value
	}
}

func listOf[T any](members []T) []any {
	list := make([]any, len(members))
	for i, member := range members {
		list[i] = member
	}
	return list
}

// instant prints milliseconds as the second version of the API does: trailing zeros of the fraction are cut.
func instant(ms int64) string {
	return time.UnixMilli(ms).UTC().Format(time.RFC3339Nano)
}

// newID is a random UUID (version 4, RFC 9562).
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // documented to never fail
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// positive reads a query parameter that counts; anything else gives the fallback.
func positive(value string, fallback int) int {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 {
		return fallback
	}
	return n
}

// sameJSON tells whether two values have one JSON form.
func sameJSON(x, y any) bool { return bytes.Equal(jsonAnswer(0, x).body, jsonAnswer(0, y).body) }
