// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package mapi

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Hidden are texts that lead to a place and must not be shown, by what stands for them: addresses, organizations and environments that
// were taken from Secrets. The same text has the same stand-in in every process, so that places can be told apart by them. The nil
// value hides nothing.
type Hidden map[string]string

const hiddenPrefix = "hidden:"

// Hide gives hidden texts, and leaves out the empty one; nil when nothing remains.
func Hide(texts ...string) Hidden {
	var hidden Hidden
	for _, text := range texts {
		if text == "" {
			continue
		}
		if hidden == nil {
			hidden = Hidden{}
		}
		hidden[text] = StandIn(text)
	}
	return hidden
}

// StandIn is what stands for a text that must not be shown. A stand-in stands for itself.
func StandIn(text string) string {
	if IsStandIn(text) {
		return text
	}
	sum := sha256.Sum256([]byte(text))
	return hiddenPrefix + hex.EncodeToString(sum[:8])
}

// IsStandIn reports whether text stands for another.
func IsStandIn(text string) bool { return strings.HasPrefix(text, hiddenPrefix) }

// Show is text, or what stands for it.
func (h Hidden) Show(text string) string {
	if standIn, ok := h[text]; ok {
		return standIn
	}
	return text
}

// Reveal undoes Show; false when text stands for something that h doesn't know.
func (h Hidden) Reveal(text string) (string, bool) {
	for real, standIn := range h {
		if standIn == text {
			return real, true
		}
	}
	return text, !IsStandIn(text)
}
