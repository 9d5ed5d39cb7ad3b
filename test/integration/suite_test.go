// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

// Package integration_test runs the operator as a process, with the rights that config/ ships, on a real API
// server, against the simulated management API.
package integration_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/go-logr/logr"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/apisync/apisync/test/harness"
)

// Eventually waits this long: events are awaited, so only a failure takes that much.
const patience = 60 * time.Second

var (
	program string
	// east is the cluster that all specs share; west is there for those about several clusters.
	east *harness.Cluster
)

func TestIntegration(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Integration")
}

var _ = BeforeSuite(func(ctx context.Context) {
	// The operator logs for itself; without this, controller-runtime's client complains about a missing logger.
	log.SetLogger(logr.Discard())
	SetDefaultEventuallyTimeout(patience)
	SetDefaultEventuallyPollingInterval(100 * time.Millisecond)
	folder, err := os.MkdirTemp("", "apisync-integration-")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(os.RemoveAll(folder)).To(Succeed()) })
	program, err = harness.BuildOperator(ctx, folder, raceFlags()...)
	Expect(err).NotTo(HaveOccurred())
	east = startCluster(ctx, "east")
})

func startCluster(ctx context.Context, name string) *harness.Cluster {
	GinkgoHelper()
	cluster, err := harness.StartCluster(ctx, name, program, func(line string) { GinkgoWriter.Println(line) })
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(cluster.Stop()).To(Succeed()) })
	return cluster
}

// raceFlags makes the operator itself run under the race detector where the tests do.
func raceFlags() []string {
	if os.Getenv("APISYNC_RACE") == "1" {
		return []string{"-race"}
	}
	return nil
}
