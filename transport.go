// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

const (
	// trustStorePoll is how often the trust store is read without a notice that it changed: notices don't come through
	// every file system, and not from behind every symbolic link.
	trustStorePoll = time.Minute
	// trustStoreSettle is for how long nothing may happen to the trust store before it is read: a file that is being written
	// is incomplete.
	trustStoreSettle = 100 * time.Millisecond
	// trustStoreLimit is far above what fits into a Secret or a ConfigMap, and what a system trusts.
	trustStoreLimit = 8 << 20
)

// transport is what all contexts share: connections, trust and the proxy. It follows proxy variables of the process
// only when it is told to (GKO did so always: shared/reference/gko-compatibility.md 9.1 no. 40).
//
// As long as Start runs, it follows the trust store: when the file changes, new requests are made by new connections that trust what
// the file holds now. A file that can't be used changes nothing. Without Start it keeps to what newTransport read.
type transport struct {
	options      httpOptions
	proxy        func(*http.Request) (*url.URL, error)
	poll, settle time.Duration

	current atomic.Pointer[http.Transport]
	// seen is the digest of what the trust store was found to be last: its content, or why there is none. newTransport writes it, and
	// then Start alone.
	seen [sha256.Size]byte
}

var (
	_ http.RoundTripper              = (*transport)(nil)
	_ manager.LeaderElectionRunnable = (*transport)(nil)
)

// newTransport reads the trust store, which has to be usable. Its errors name the setting and never hold the proxy's password.
func newTransport(o httpOptions) (*transport, error) {
	t := &transport{options: o, poll: trustStorePoll, settle: trustStoreSettle}
	switch {
	case o.proxy.enabled && o.proxy.system:
		t.proxy = http.ProxyFromEnvironment
	case o.proxy.enabled:
		address, err := o.proxy.address()
		if err != nil {
			return nil, err
		}
		t.proxy = http.ProxyURL(address)
	}
	if o.trustStore == "" {
		t.current.Store(t.connections(nil))
		return t, nil
	}
	if err := t.read(); err != nil {
		return nil, fmt.Errorf("http-trust-store (HTTP_CLIENT_TRUSTSTORE_PATH): %w", err)
	}
	return t, nil
}

// addTransport is newTransport for the operator: what is added to the manager keeps the trust up to date.
func addTransport(ctx context.Context, add func(manager.Runnable) error, o httpOptions) (*transport, error) {
	t, err := newTransport(o)
	if err != nil {
		return nil, err
	}
	if o.insecureSkipVerify {
		ctrl.LoggerFrom(ctx).Info("Certificates of management APIs aren't verified, so whoever is in between can read and change what is sent",
			"setting", "http-insecure-skip-verify")
	}
	if o.trustStore == "" {
		return t, nil
	}
	return t, add(t)
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	return t.current.Load().RoundTrip(request)
}

// NeedLeaderElection implements manager.LeaderElectionRunnable: a replica that becomes the leader has to know whom to trust.
func (*transport) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable: it follows the trust store until ctx ends, and never fails. The folder is watched, and not the file:
// that is replaced, in a mounted Secret or ConfigMap by swapping a symbolic link beside it.
func (t *transport) Start(ctx context.Context) error {
	log := ctrl.LoggerFrom(ctx).WithValues("path", t.options.trustStore)
	watcher := watch(filepath.Dir(t.options.trustStore), log)
	defer watcher.close()
	poll := time.NewTicker(t.poll)
	defer poll.Stop()
	// What changed since newTransport wasn't noticed yet.
	quiet := time.NewTimer(0)
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-watcher.events:
			quiet.Reset(t.settle)
		case err := <-watcher.failures:
			log.V(1).Info("Notices about the trust store were lost; it is read again", "reason", err.Error())
			quiet.Reset(t.settle)
		case <-quiet.C:
			t.follow(log)
		case <-poll.C:
			watcher.renew()
			t.follow(log)
		}
	}
}

// follow tells what came of reading the trust store, once a change.
func (t *transport) follow(log logr.Logger) {
	before := t.seen
	if err := t.read(); err != nil {
		log.Error(err, "The trust store can't be used; what it held before stays trusted")
	} else if t.seen != before {
		log.Info("The trust store changed and was read again")
	}
}

// read makes new connections if the trust store isn't what was seen last. It tells an error once, and then nothing until there is a change.
func (t *transport) read() error {
	content, err := readTrustStore(t.options.trustStore)
	seen := sha256.Sum256(content)
	if err != nil {
		seen = sha256.Sum256([]byte(err.Error()))
	}
	if seen == t.seen {
		return nil
	}
	t.seen = seen
	if err != nil {
		return err
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		return fmt.Errorf("loading the system's certificate authorities: %w", err)
	}
	if !roots.AppendCertsFromPEM(content) {
		return fmt.Errorf("%s holds no PEM certificate", t.options.trustStore)
	}
	if old := t.current.Swap(t.connections(roots)); old != nil {
		old.CloseIdleConnections()
	}
	return nil
}

func readTrustStore(path string) ([]byte, error) {
	file, err := os.Open(path) //nolint:gosec // the person who runs the program names the file
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(file, trustStoreLimit+1))
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	if len(content) > trustStoreLimit {
		return nil, fmt.Errorf("%s is larger than %d MiB", path, trustStoreLimit>>20)
	}
	return content, nil
}

// connections are new ones that trust roots; nil means the system's authorities.
func (t *transport) connections(roots *x509.CertPool) *http.Transport {
	connections := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // documented type
	connections.TLSClientConfig = &tls.Config{
		MinVersion: tls.VersionTLS12, RootCAs: roots,
		InsecureSkipVerify: t.options.insecureSkipVerify, //nolint:gosec // an explicit choice of the person who runs it
	}
	connections.MaxIdleConnsPerHost = t.options.inFlight
	connections.Proxy = t.proxy
	return connections
}

// folderWatcher notices what happens in a folder. Where it can't, its channels stay silent.
type folderWatcher struct {
	folder   string
	watcher  *fsnotify.Watcher
	events   <-chan fsnotify.Event
	failures <-chan error
}

func watch(folder string, log logr.Logger) *folderWatcher {
	w := &folderWatcher{folder: folder}
	watcher, err := fsnotify.NewWatcher()
	if err == nil {
		w.watcher, w.events, w.failures = watcher, watcher.Events, watcher.Errors
		err = watcher.Add(folder)
	}
	if err != nil {
		log.Error(err, "The folder of the trust store can't be watched; changes are noticed later")
	}
	return w
}

// renew watches the folder that has the name now. It does nothing if that is watched already.
func (w *folderWatcher) renew() {
	if w.watcher != nil {
		_ = w.watcher.Add(w.folder) // the caller looks itself, and comes again
	}
}

func (w *folderWatcher) close() {
	if w.watcher != nil {
		_ = w.watcher.Close() // nothing is lost with it
	}
}
