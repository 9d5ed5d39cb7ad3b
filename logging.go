// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"

	"github.com/go-logr/logr"
	uberzap "go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

// newLogger makes the logger that GKO's LOGS_ variables describe.
func newLogger(o logOptions, out io.Writer) (logr.Logger, error) {
	var level zapcore.Level
	if err := level.UnmarshalText([]byte(o.level)); err != nil {
		return logr.Logger{}, fmt.Errorf("log-level (LOGS_LEVEL): %q isn't known; use debug, info, warn or error", o.level)
	}
	encoding := uberzap.NewProductionEncoderConfig()
	encoding.TimeKey = o.timestampField
	encoding.EncodeTime = timeEncoder(o.timestampFormat)
	encoding.EncodeLevel = zapcore.LowercaseLevelEncoder
	if o.levelCase == "upper" {
		encoding.EncodeLevel = zapcore.CapitalLevelEncoder
	}
	encoder := zapcore.NewJSONEncoder(encoding)
	if o.format == "console" {
		encoder = zapcore.NewConsoleEncoder(encoding)
	}
	return zap.New(zap.WriteTo(out), zap.Level(level), zap.Encoder(encoder)), nil
}

func timeEncoder(format string) zapcore.TimeEncoder {
	switch format {
	case "epoch-second":
		return zapcore.EpochTimeEncoder
	case "epoch-millis":
		return zapcore.EpochMillisTimeEncoder
	case "epoch-nano":
		return zapcore.EpochNanosTimeEncoder
	case "rfc-3339":
		return zapcore.RFC3339TimeEncoder
	}
	return zapcore.ISO8601TimeEncoder
}
