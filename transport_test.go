// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// patience is how long a test waits for something that happens within moments.
const patience = 30 * time.Second

// authority signs certificates of servers.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pem         string
}

func newAuthority(t *testing.T, name string) authority {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	certificate := sign(t, template, template, key, key)
	return authority{
		certificate: certificate, key: key,
		pem: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})),
	}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t *testing.T, template, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// serve answers every request by HTTPS, with a certificate of the authority.
func (a authority) serve(t *testing.T, change ...func(*httptest.Server)) string {
	t.Helper()
	key := newKey(t)
	certificate := sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "server"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, a.certificate, key, a.key)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{certificate.Raw}, PrivateKey: key}}}
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are what is tested
	for _, c := range change {
		c(server)
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL
}

func get(ctx context.Context, base http.RoundTripper, address string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	response, err := base.RoundTrip(request)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, response.Body)
	if response.StatusCode != http.StatusOK {
		err = errors.Join(err, errors.New(response.Status))
	}
	return errors.Join(err, response.Body.Close())
}

// eventually looks until it is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("it never happened that %s", what)
		}
	}
}

func write(t *testing.T, path, content string) string {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o600)); err != nil {
		t.Fatal(err)
	}
	return path
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func trusting(t *testing.T, path string) *transport {
	t.Helper()
	shared, err := newTransport(httpOptions{trustStore: path, inFlight: 4})
	if err != nil {
		t.Fatal(err)
	}
	return shared
}

// journal collects log lines.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) logger() logr.Logger {
	return funcr.New(func(_, line string) {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.lines = append(j.lines, line)
	}, funcr.Options{})
}

func (j *journal) take() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	lines := j.lines
	j.lines = nil
	return lines
}

// start follows the trust store until the test ends, and checks that this ends then.
func (j *journal) start(t *testing.T, shared *transport) {
	t.Helper()
	ctx, cancel := context.WithCancel(ctrl.LoggerInto(t.Context(), j.logger()))
	ended := make(chan error, 1)
	go func() { ended <- shared.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Start = %v; an end that was asked for is no error", err)
			}
		case <-time.After(patience):
			t.Error("Start doesn't end with its context")
		}
	})
}

// TestTrustFollowsTheFile changes the trust store in each way in which that happens, below a transport that is in use.
func TestTrustFollowsTheFile(t *testing.T) {
	const never = time.Hour
	before, after := newAuthority(t, "before"), newAuthority(t, "after")
	cases := map[string]struct {
		why string
		// lay makes the file, and gives its path and what changes it.
		lay  func(t *testing.T, folder string) (path string, change func())
		poll time.Duration
	}{
		"replaced": {
			why: "careful programs write a file beside it and rename that", poll: never,
			lay: func(t *testing.T, folder string) (string, func()) {
				path := write(t, filepath.Join(folder, "ca.pem"), before.pem)
				return path, func() { must(t, os.Rename(write(t, filepath.Join(folder, "new"), after.pem), path)) }
			},
		},
		"written": {
			why: "others write into it", poll: never,
			lay: func(t *testing.T, folder string) (string, func()) {
				path := write(t, filepath.Join(folder, "ca.pem"), before.pem)
				return path, func() { write(t, path, after.pem) }
			},
		},
		"removed and made again": {
			why: "there is a time without it", poll: never,
			lay: func(t *testing.T, folder string) (string, func()) {
				path := write(t, filepath.Join(folder, "ca.pem"), before.pem)
				return path, func() {
					must(t, os.Remove(path))
					write(t, path, after.pem)
				}
			},
		},
		"a mounted Secret": {
			why: "kubelet swaps a symbolic link to a folder; the file's own link stays", poll: never,
			lay: func(t *testing.T, folder string) (string, func()) {
				path, data := filepath.Join(folder, "ca.pem"), filepath.Join(folder, "..data")
				write(t, filepath.Join(folder, "..first", "ca.pem"), before.pem)
				must(t, os.Symlink("..first", data))
				must(t, os.Symlink(filepath.Join("..data", "ca.pem"), path))
				return path, func() {
					write(t, filepath.Join(folder, "..second", "ca.pem"), after.pem)
					must(t, os.Symlink("..second", data+"_tmp"))
					must(t, os.Rename(data+"_tmp", data))
					must(t, os.RemoveAll(filepath.Join(folder, "..first")))
				}
			},
		},
		"a link out of the folder": {
			why: "what happens in another folder isn't watched, so the poll has to find it", poll: 5 * time.Millisecond,
			lay: func(t *testing.T, folder string) (string, func()) {
				target := write(t, filepath.Join(t.TempDir(), "real.pem"), before.pem)
				path := filepath.Join(folder, "ca.pem")
				must(t, os.Symlink(target, path))
				return path, func() { write(t, target, after.pem) }
			},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var closed atomic.Bool
			oldServer := before.serve(t, func(s *httptest.Server) {
				s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
					if state == http.StateClosed {
						closed.Store(true)
					}
				}
			})
			newServer := after.serve(t)
			path, change := c.lay(t, t.TempDir())
			shared := trusting(t, path)
			shared.poll, shared.settle = c.poll, time.Millisecond
			logged := &journal{}
			logged.start(t, shared)

			if err := get(t.Context(), shared, oldServer); err != nil {
				t.Fatalf("an authority of the trust store isn't trusted: %v", err)
			}
			wantUnknown(t, get(t.Context(), shared, newServer))
			change()
			eventually(t, "the new authority is trusted: "+c.why, func() bool { return get(t.Context(), shared, newServer) == nil })
			eventually(t, "the idle connection is closed that the old authority vouched for", closed.Load)
			wantUnknown(t, get(t.Context(), shared, oldServer))
			for _, line := range logged.take() {
				if strings.Contains(line, "CERTIFICATE") {
					t.Errorf("content is logged: %s", line)
				}
			}
		})
	}
}

func wantUnknown(t *testing.T, err error) {
	t.Helper()
	if _, unknown := errors.AsType[x509.UnknownAuthorityError](err); !unknown {
		t.Errorf("error = %v; the certificate's authority isn't known", err)
	}
}

func TestAChangeBeforeTheStartIsNoticed(t *testing.T) {
	before, after := newAuthority(t, "before"), newAuthority(t, "after")
	path := write(t, filepath.Join(t.TempDir(), "ca.pem"), before.pem)
	shared := trusting(t, path)
	shared.poll = time.Hour
	write(t, path, after.pem)
	(&journal{}).start(t, shared)
	server := after.serve(t)
	eventually(t, "what changed while nobody watched is noticed", func() bool { return get(t.Context(), shared, server) == nil })
}

// TestABadTrustStoreKeepsWhatIsTrusted looks at the file again and again, as Start does.
func TestABadTrustStoreKeepsWhatIsTrusted(t *testing.T) {
	trusted := newAuthority(t, "trusted")
	path := write(t, filepath.Join(t.TempDir(), "ca.pem"), trusted.pem)
	server, shared, logged := trusted.serve(t), trusting(t, path), &journal{}
	const bad, again = "The trust store can't be used", "was read again"
	steps := []struct {
		why, content string
		want, detail string
	}{
		{"nothing changed", trusted.pem, "", ""},
		{"an unfinished file", "-----BEGIN CERTIFICATE-----\nsecret", bad, "holds no PEM certificate"},
		{"another bad one", "also secret", bad, "holds no PEM certificate"},
		{"an empty one", "", bad, "holds no PEM certificate"},
		{"none", "\x00", bad, "no such file"},
		{"far too much", trusted.pem + strings.Repeat("secret\n", trustStoreLimit/7+1), bad, "larger than 8 MiB"},
		{"the old one is back", trusted.pem, again, ""},
		{"one more", trusted.pem + newAuthority(t, "another").pem, again, ""},
	}
	for _, step := range steps {
		if step.content == "\x00" {
			must(t, os.Remove(path))
		} else {
			write(t, path, step.content)
		}
		for range 3 {
			shared.follow(logged.logger().WithValues("path", path))
		}
		lines := logged.take()
		if step.want == "" && len(lines) > 0 || step.want != "" && len(lines) != 1 {
			t.Fatalf("%s: a change is told once, but there are %q", step.why, lines)
		}
		for _, line := range lines {
			if !strings.Contains(line, step.want) || !strings.Contains(line, step.detail) || !strings.Contains(line, path) || strings.Contains(line, "secret") {
				t.Errorf("%s: %s", step.why, line)
			}
		}
		if err := get(t.Context(), shared, server); err != nil {
			t.Errorf("%s: what was trusted isn't any more: %v", step.why, err)
		}
	}
}

// TestTheWatchComesBack: volumes are mounted anew.
func TestTheWatchComesBack(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "trust")
	write(t, filepath.Join(folder, "ca.pem"), "a")
	logged := &journal{}
	watcher := watch(folder, logged.logger())
	defer watcher.close()
	must(t, os.RemoveAll(folder))
	eventually(t, "the removal is told", func() bool { return told(watcher, fsnotify.Remove) })
	watcher.renew() // there is nothing to watch, which does no harm
	must(t, os.Mkdir(folder, 0o700))
	eventually(t, "the folder is watched that has the name now", func() bool {
		watcher.renew()
		write(t, filepath.Join(folder, "ca.pem"), "b")
		return told(watcher, fsnotify.Write)
	})
	if lines := logged.take(); len(lines) > 0 {
		t.Errorf("logged %q", lines)
	}
}

func told(w *folderWatcher, what fsnotify.Op) bool {
	select {
	case event := <-w.events:
		return event.Has(what)
	default:
		return false
	}
}

func TestWithoutNoticesThePollIsLeft(t *testing.T) {
	logged := &journal{}
	watcher := watch(filepath.Join(t.TempDir(), "none"), logged.logger())
	defer watcher.close()
	if lines := logged.take(); len(lines) != 1 || !strings.Contains(lines[0], "can't be watched") {
		t.Errorf("logged %q", lines)
	}
}

func TestTheStartNeedsATrustStoreThatCanBeUsed(t *testing.T) {
	folder := t.TempDir()
	cases := map[string]struct{ path, want string }{
		"missing":               {filepath.Join(folder, "none.pem"), "no such file"},
		"without a certificate": {write(t, filepath.Join(folder, "text.pem"), "no certificate"), "holds no PEM certificate"},
		"empty":                 {write(t, filepath.Join(folder, "empty.pem"), ""), "holds no PEM certificate"},
		"a folder":              {folder, "directory"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := newTransport(httpOptions{trustStore: c.path})
			if err == nil {
				t.Fatal("accepted")
			}
			for _, part := range []string{"http-trust-store (HTTP_CLIENT_TRUSTSTORE_PATH)", c.path, c.want} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q isn't in %q", part, err)
				}
			}
		})
	}
}

func TestWhatTheOperatorDoesAboutTrust(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "ca.pem"), newAuthority(t, "trusted").pem)
	server := newAuthority(t, "unknown").serve(t)
	cases := map[string]struct {
		why      string
		options  httpOptions
		followed bool
		warned   bool
	}{
		"the system's authorities": {why: "there is no file to follow"},
		"a trust store":            {why: "it changes", options: httpOptions{trustStore: path}, followed: true},
		"no verification":          {why: "it was chosen, and has to be seen", options: httpOptions{insecureSkipVerify: true}, warned: true},
		"both":                     {why: "GKO allows it", options: httpOptions{insecureSkipVerify: true, trustStore: path}, followed: true, warned: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			logged := &journal{}
			var added []manager.Runnable
			add := func(r manager.Runnable) error {
				added = append(added, r)
				return nil
			}
			shared, err := addTransport(ctrl.LoggerInto(t.Context(), logged.logger()), add, c.options)
			if err != nil {
				t.Fatal(err)
			}
			if (len(added) == 1) != c.followed {
				t.Errorf("%d runnables were added: %s", len(added), c.why)
			}
			if lines := strings.Join(logged.take(), "\n"); strings.Contains(lines, "aren't verified") != c.warned {
				t.Errorf("logged %q: %s", lines, c.why)
			}
			if c.warned {
				must(t, get(t.Context(), shared, server))
			} else {
				wantUnknown(t, get(t.Context(), shared, server))
			}
			if shared.NeedLeaderElection() {
				t.Error("a replica that becomes the leader has to know whom to trust")
			}
		})
	}
}

// proxy is a forward proxy that wants credentials, or none where they are empty. It counts what it passes on.
func proxy(t *testing.T, credentials string, passed *atomic.Int32) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := (&http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}).BasicAuth()
		if credentials != "" && user+":"+password != credentials {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		passed.Add(1)
		if r.Method != http.MethodConnect {
			return // it answers plain requests itself
		}
		target, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", r.Host)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer target.Close()
		w.WriteHeader(http.StatusOK)
		client, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer client.Close()
		go func() {
			_, _ = io.Copy(target, buffered)
			_ = target.Close()
		}()
		_, _ = io.Copy(client, target)
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func TestProxies(t *testing.T) {
	trusted := newAuthority(t, "trusted")
	trustStore := write(t, filepath.Join(t.TempDir(), "ca.pem"), trusted.pem)
	server := trusted.serve(t)
	const plain = "http://management.example/"
	cases := map[string]struct {
		why         string
		credentials string
		options     proxyOptions // the URL's host is put in for HOST
		address     string
		want        int32
		err         string
	}{
		"HTTPS goes through a tunnel": {
			why: "the usual case", options: proxyOptions{enabled: true, url: "http://HOST"}, address: server, want: 1,
		},
		"HTTP goes through it as well": {
			why: "inside of a cluster", options: proxyOptions{enabled: true, url: "http://HOST"}, address: plain, want: 1,
		},
		"credentials in the URL": {
			why: "that is where many have them", credentials: "u:geheim",
			options: proxyOptions{enabled: true, url: "http://u:geheim@HOST"}, address: server, want: 1,
		},
		"credentials in variables": {
			why: "so that the password can come from a Secret", credentials: "u:geheim",
			options: proxyOptions{enabled: true, url: "http://HOST", username: "u", password: "geheim"}, address: server, want: 1,
		},
		"variables win": {
			why: "they are the closer word", credentials: "u:geheim",
			options: proxyOptions{enabled: true, url: "http://u:old@HOST", username: "u", password: "geheim"}, address: server, want: 1,
		},
		"escaped": {
			why: "GKO made a URL of it, so there it had to be escaped", credentials: "u@corp:g/h%m+",
			options: proxyOptions{enabled: true, url: "http://HOST", username: "u%40corp", password: "g%2Fh%25m+"}, address: server, want: 1,
		},
		"not escaped": {
			why: "nobody expects that here", credentials: "u@corp:g/h%m ?#",
			options: proxyOptions{enabled: true, url: "http://HOST", username: "u@corp", password: "g/h%m ?#"}, address: server, want: 1,
		},
		"a wrong password": {
			why: "the proxy refuses", credentials: "u:other", err: "Proxy Authentication Required",
			options: proxyOptions{enabled: true, url: "http://u:geheim@HOST"}, address: server,
		},
		"a wrong password for HTTP": {
			why: "the proxy refuses", credentials: "u:other", err: "Proxy Authentication Required",
			options: proxyOptions{enabled: true, url: "http://HOST", username: "u", password: "geheim"}, address: plain,
		},
		"nobody there": {
			why: "the port is closed", err: "connection refused",
			options: proxyOptions{enabled: true, url: "http://u:geheim@127.0.0.1:1"}, address: server,
		},
		"not enabled": {
			why: "an address alone means nothing, as in GKO", options: proxyOptions{url: "http://HOST"}, address: server,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var passed atomic.Int32
			c.options.url = strings.ReplaceAll(c.options.url, "HOST", proxy(t, c.credentials, &passed))
			shared, err := newTransport(httpOptions{trustStore: trustStore, inFlight: 1, proxy: c.options})
			if err != nil {
				t.Fatal(err)
			}
			err = get(t.Context(), shared, c.address)
			if (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("error = %v, want %q: %s", err, c.err, c.why)
			}
			if err != nil && strings.Contains(err.Error(), "geheim") {
				t.Errorf("the password is in %q", err)
			}
			if passed.Load() != c.want {
				t.Errorf("the proxy passed on %d requests, want %d: %s", passed.Load(), c.want, c.why)
			}
		})
	}
}

// TestProxiesOfTheProcess compares functions: the standard library reads the variables once in a process, and never uses a proxy for
// the loopback interface.
func TestProxiesOfTheProcess(t *testing.T) {
	used := func(o proxyOptions) func(*http.Request) (*url.URL, error) {
		shared, err := newTransport(httpOptions{proxy: o})
		if err != nil {
			t.Fatal(err)
		}
		return shared.current.Load().Proxy
	}
	if got := used(proxyOptions{enabled: true, system: true, url: "none"}); reflect.ValueOf(got).Pointer() != reflect.ValueOf(http.ProxyFromEnvironment).Pointer() {
		t.Error("HTTP_CLIENT_PROXY_USE_SYSTEM_PROXY=true doesn't follow HTTPS_PROXY")
	}
	if got := used(proxyOptions{system: true}); got != nil {
		t.Error("HTTPS_PROXY is followed although HTTP_CLIENT_PROXY_ENABLED isn't set")
	}
}
