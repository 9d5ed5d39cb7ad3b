// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

// The simulator program serves a simulated management API and a gateway for each environment until it gets
// SIGTERM or SIGINT. It prints one JSON line when it is ready:
//
//	{"url":"http://127.0.0.1:41000","gateways":{"DEFAULT/DEFAULT":"http://127.0.0.1:41001"}}
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/apisync/apisync/test/simulator"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "simulator:", err)
		os.Exit(1)
	}
}

// places collects --environment flags: ORG/ENV, or ORG/ENV=ADDRESS with the address of its gateway.
type places struct {
	list      []simulator.Place
	addresses map[simulator.Place]string
}

func (p *places) String() string { return "" }

func (p *places) Set(value string) error {
	name, address, _ := strings.Cut(value, "=")
	organization, environment, found := strings.Cut(name, "/")
	if !found || organization == "" || environment == "" {
		return fmt.Errorf("%q isn't ORGANIZATION/ENVIRONMENT", name)
	}
	place := simulator.Place{Organization: organization, Environment: environment}
	p.list = append(p.list, place)
	p.addresses[place] = address
	return nil
}

// ready is what is printed, and written to --ready-file.
type ready struct {
	URL      string            `json:"url"`
	Gateways map[string]string `json:"gateways"`
}

func run(ctx context.Context, arguments []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("simulator", flag.ContinueOnError)
	flags.SetOutput(stderr)
	environments := &places{addresses: map[simulator.Place]string{}}
	flags.Var(environments, "environment", "organization/environment[=gateway address]; repeatable; default DEFAULT/DEFAULT")
	address := flags.String("address", "127.0.0.1:0", "address of the management API; port 0 takes a free one")
	basePath := flags.String("base-path", "", "prefix under which the management API is served as well, such as /apim")
	latency := flags.Duration("latency", 0, "time that every request to the management API takes in addition")
	passwordLatency := flags.Duration("password-latency", 0, "time that checking a password or a personal token takes")
	lifetime := flags.Duration("session-lifetime", 7*24*time.Hour, "how long a session token is valid")
	noLogin := flags.Bool("no-login", false, "don't offer the login call")
	readyFile := flags.String("ready-file", "", "file that gets the printed line, written when all is served")
	if err := flags.Parse(arguments); err != nil {
		return fmt.Errorf("read flags: %w", err)
	}
	sim := simulator.New(simulator.Options{
		Environments: environments.list, BasePath: *basePath, Latency: *latency, PasswordLatency: *passwordLatency,
		SessionLifetime: *lifetime, NoLogin: *noLogin,
	})
	server, err := sim.StartOn(ctx, *address)
	if err != nil {
		return err
	}
	line := ready{URL: server.URL, Gateways: map[string]string{}}
	for _, place := range sim.Environments() {
		gateway, err := sim.StartGateway(ctx, place.Organization, place.Environment, environments.addresses[place])
		if err != nil {
			return err
		}
		line.Gateways[place.Organization+"/"+place.Environment] = gateway.URL
	}
	if err := announce(line, stdout, *readyFile); err != nil {
		return err
	}
	return server.Wait()
}

// announce prints the line and writes the file in one step, so that nobody reads half of it.
func announce(line ready, stdout io.Writer, file string) error {
	data, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("encode ready line: %w", err)
	}
	data = append(data, '\n')
	if _, err := stdout.Write(data); err != nil {
		return fmt.Errorf("print ready line: %w", err)
	}
	if file == "" {
		return nil
	}
	temporary := filepath.Join(filepath.Dir(file), "."+filepath.Base(file)+".new")
	if err := os.WriteFile(temporary, data, 0o600); err != nil {
		return fmt.Errorf("write ready file: %w", err)
	}
	if err := os.Rename(temporary, file); err != nil {
		return fmt.Errorf("write ready file: %w", err)
	}
	return nil
}
