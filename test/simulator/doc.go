// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

// Package simulator is an HTTP server that answers like a Gravitee management API 4.12.17, as far as
// the exchanges recorded from a real one tell, together with a tiny gateway for each environment.
// Tests, the demo and the benchmarks use it; it is no product feature.
//
// # What it does
//
// One [Simulator] stands for one installation: organizations with environments, users, personal
// tokens, sessions and the APIs in memory. Ids of APIs are unique in the whole installation; crossIds
// and context paths are unique in an environment. An import creates or updates, publishes, starts and
// deploys in one call, gives plans that an update adds ids of its own, keeps what a person closed closed and what was
// deprecated deprecated, and moves updated_at even if nothing changed. All of it is serialised by one lock,
// so that the races of the real server (two imports of one path, both accepted) don't occur. The Automation API is there
// as far as groups go; the schemas of policies and resources are of our own making.
//
// Answers that nobody recorded follow the shape of their neighbours; each such place says so.
//
// # Use in tests
//
//	sim := simulator.New(simulator.Options{})
//	server, err := sim.Start(ctx)            // 127.0.0.1, free port, ends with ctx
//	fault := sim.Inject(simulator.Fault{Method: "PUT", Path: "import-crd", Mode: simulator.ModeCutAfter, Count: 1})
//	request, err := sim.WaitFor(ctx, func(r simulator.Request) bool { return r.Status == 204 })
//
// [Simulator.Inject] installs faults, [Simulator.PauseAt] stops the world before or after one write,
// [Simulator.Requests], [Simulator.Writes], [Simulator.Counts] and [Simulator.WaitFor] read the request log,
// [Simulator.EditAPI] and its neighbours change state behind the client's back; each says whether updated_at moves, and what nobody
// recorded doesn't, as that is harder to notice. [Simulator.LagSearch], [Simulator.HideFromSearch], [Simulator.OnPage] and
// [PageFault] show all that can go wrong while a client pages. [Options] takes a clock for simulated time. Paths below
// /_simulator offer most of it to other processes; they ask for no credentials, so the server belongs on loopback.
//
// # The gateway
//
// [Simulator.Gateway] proxies what is deployed and started. Policies aren't executed and plans other
// than keyless ones can't be passed; it exists so that "published" can be seen in an answer.
package simulator
