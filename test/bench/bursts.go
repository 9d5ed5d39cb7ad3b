// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/internal/translate"
	"github.com/apisync/apisync/test/harness"
	"github.com/apisync/apisync/test/simulator"
)

type bench struct {
	settings

	cluster *harness.Cluster
	sim     *simulator.Simulator
	url     string
}

// floor does what cannot be left out, and nothing else: no observing, no verifying, no watching.
func (b *bench) floor(ctx context.Context, round int) (measurement, error) {
	namespace, err := b.namespace(ctx, "floor", round)
	if err != nil {
		return measurement{}, err
	}
	token, err := b.login(ctx)
	if err != nil {
		return measurement{}, err
	}
	before := len(b.sim.Writes())
	begin := time.Now()
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(b.inFlight)
	for i := range b.objects {
		work.Go(func() error { return b.floorOne(ctx, definition(namespace, i), token) })
	}
	err = work.Wait()
	return measurement{elapsed: time.Since(begin), writes: len(b.sim.Writes()) - before}, err
}

func (b *bench) floorOne(ctx context.Context, object *unstructured.Unstructured, token string) error {
	if err := b.cluster.Client.Create(ctx, object); err != nil {
		return err
	}
	finalizer := []byte(`{"metadata":{"finalizers":["example.com/floor"]}}`)
	if err := b.cluster.Client.Patch(ctx, object, client.RawPatch("application/merge-patch+json", finalizer)); err != nil {
		return err
	}
	var api v1alpha1.ApiDefinition
	content, err := json.Marshal(object)
	if err == nil {
		err = json.Unmarshal(content, &api)
	}
	if err != nil {
		return err
	}
	want, err := translate.API(&api, translate.Inputs{ID: string(api.UID)})
	if err != nil {
		return err
	}
	if err := b.put(ctx, want.Definition, token); err != nil {
		return err
	}
	status := fmt.Sprintf(`{"status":{"id":%q,"processingStatus":"Completed","observedGeneration":1}}`, api.UID)
	return b.cluster.Client.Status().Patch(ctx, object, client.RawPatch("application/merge-patch+json", []byte(status)))
}

func (b *bench) put(ctx context.Context, definition map[string]any, token string) error {
	content, err := json.Marshal(definition)
	if err != nil {
		return err
	}
	_, err = b.request(ctx, http.MethodPut, "/management/organizations/DEFAULT/environments/DEFAULT/apis/import-crd?dryRun=false", content,
		func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) })
	return err
}

func (b *bench) login(ctx context.Context) (string, error) {
	answer, err := b.request(ctx, http.MethodPost, "/management/organizations/DEFAULT/user/login", nil,
		func(r *http.Request) { r.SetBasicAuth("admin", "admin") })
	if err != nil {
		return "", err
	}
	var session struct {
		Token string `json:"token"`
	}
	return session.Token, errors.Join(json.Unmarshal(answer, &session))
}

func (b *bench) request(ctx context.Context, method, path string, body []byte, authenticate func(*http.Request)) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, b.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	authenticate(request)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s: %s", method, path, response.Status, answer)
	}
	return answer, err
}

// burst creates the objects with the same number in flight and waits until the operator has all in step.
func (b *bench) burst(ctx context.Context, round int) (measurement, restart, error) {
	namespace, err := b.namespace(ctx, "burst", round)
	if err != nil {
		return measurement{}, restart{}, err
	}
	if err := harness.Apply(ctx, b.cluster.Client, b.managementContext(namespace)); err != nil {
		return measurement{}, restart{}, err
	}
	operator, err := b.start(ctx, namespace)
	if err != nil {
		return measurement{}, restart{}, err
	}
	ready, err := b.watchReady(ctx, namespace)
	if err != nil {
		return measurement{}, restart{}, err
	}
	b.sim.ForgetRequests()
	begin := time.Now()
	work, workCtx := errgroup.WithContext(ctx)
	work.SetLimit(b.inFlight)
	for i := range b.objects {
		work.Go(func() error { return b.cluster.Client.Create(workCtx, definition(namespace, i)) })
	}
	if err := work.Wait(); err != nil {
		return measurement{}, restart{}, err
	}
	if err := <-ready; err != nil {
		return measurement{}, restart{}, fmt.Errorf("%w\n%s", err, operator.LogTail())
	}
	result := measurement{elapsed: time.Since(begin), writes: len(b.sim.Writes()), peakBytes: peakMemory(operator.PID())}
	result.reads = len(b.sim.Requests()) - result.writes
	if err := operator.Stop(); err != nil {
		return measurement{}, restart{}, fmt.Errorf("stopping the operator: %w", err)
	}
	again, err := b.restart(ctx, namespace)
	return result, again, err
}

func (b *bench) start(ctx context.Context, namespace string) (*harness.Operator, error) {
	return b.cluster.StartOperator(ctx, "--namespaces="+namespace,
		"--http-max-in-flight="+strconv.Itoa(b.inFlight))
}

// watchReady tells when every object of the burst was seen ready.
func (b *bench) watchReady(ctx context.Context, namespace string) (<-chan error, error) {
	watcher, err := b.cluster.Client.Watch(ctx, &v1alpha1.ApiDefinitionList{}, client.InNamespace(namespace))
	if err != nil {
		return nil, err
	}
	result := make(chan error, 1)
	go func() {
		defer watcher.Stop()
		done := map[string]bool{}
		for event := range watcher.ResultChan() {
			api, ok := event.Object.(*v1alpha1.ApiDefinition)
			if ok && event.Type != watch.Deleted && meta.IsStatusConditionTrue(api.Status.Conditions, v1alpha1.ReadyCondition) {
				done[api.Name] = true
			}
			if len(done) == b.objects {
				result <- nil
				return
			}
		}
		result <- fmt.Errorf("the watch ended with %d of %d objects ready", len(done), b.objects)
	}()
	return result, nil
}

// restart is what an operator did that was started with everything in step.
type restart struct{ remoteWrites, storedWrites, reads int }

// restart starts an operator again and waits until it has looked at every API.
func (b *bench) restart(ctx context.Context, namespace string) (restart, error) {
	before, err := b.versions(ctx, namespace)
	if err != nil {
		return restart{}, err
	}
	b.sim.ForgetRequests()
	operator, err := b.start(ctx, namespace)
	if err != nil {
		return restart{}, err
	}
	looked := map[string]bool{}
	_, err = b.sim.WaitFor(ctx, func(r simulator.Request) bool {
		if id := r.Path[strings.LastIndex(r.Path, "/")+1:]; r.Method == http.MethodGet && strings.Contains(r.Path, "/apis/") {
			looked[id] = true
		}
		return len(looked) >= b.objects
	})
	if err != nil {
		return restart{}, err
	}
	// What follows the last look is finished before the operator ends.
	if err := operator.Stop(); err != nil {
		return restart{}, fmt.Errorf("stopping the operator: %w", err)
	}
	after, err := b.versions(ctx, namespace)
	if err != nil {
		return restart{}, err
	}
	result := restart{remoteWrites: len(b.sim.Writes()), reads: len(b.sim.Requests()) - len(b.sim.Writes())}
	for name, version := range after {
		if before[name] != version {
			result.storedWrites++
		}
	}
	return result, nil
}

func (b *bench) versions(ctx context.Context, namespace string) (map[string]string, error) {
	var apis v1alpha1.ApiDefinitionList
	var contexts v1alpha1.ManagementContextList
	err := errors.Join(
		b.cluster.Client.List(ctx, &apis, client.InNamespace(namespace)),
		b.cluster.Client.List(ctx, &contexts, client.InNamespace(namespace)))
	versions := map[string]string{}
	for i := range apis.Items {
		versions["api/"+apis.Items[i].Name] = apis.Items[i].ResourceVersion
	}
	for i := range contexts.Items {
		versions["context/"+contexts.Items[i].Name] = contexts.Items[i].ResourceVersion
	}
	return versions, err
}

func (b *bench) namespace(ctx context.Context, kind string, round int) (string, error) {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-%d", kind, round+1)}}
	return namespace.Name, b.cluster.Client.Create(ctx, namespace)
}

func (b *bench) managementContext(namespace string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": v1alpha1.ManagementContextKind,
		"metadata": map[string]any{"namespace": namespace, "name": "management"},
		"spec": map[string]any{
			"baseUrl": b.url, "organizationId": "DEFAULT", "environmentId": "DEFAULT",
			"auth": map[string]any{"credentials": map[string]any{"username": "admin", "password": "admin"}},
		},
	}}
}

func definition(namespace string, number int) *unstructured.Unstructured {
	name := fmt.Sprintf("api-%04d", number)
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": v1alpha1.ApiDefinitionKind,
		"metadata": map[string]any{"namespace": namespace, "name": name},
		"spec": map[string]any{
			"name": name, "version": "1.0", "description": "number " + strconv.Itoa(number),
			"contextRef": map[string]any{"name": "management"},
			"plans":      []any{map[string]any{"name": "open", "description": "no key needed", "security": "KEY_LESS"}},
			"proxy": map[string]any{
				"virtual_hosts": []any{map[string]any{"path": "/" + namespace + "/" + name}},
				"groups": []any{map[string]any{
					"name": "main", "endpoints": []any{map[string]any{"name": "up", "target": "http://127.0.0.1:9/" + name}},
				}},
			},
		},
	}}
}

// peakMemory is the largest resident size of a process so far; 0 where /proc doesn't tell.
func peakMemory(pid int) int64 {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.SplitSeq(string(content), "\n") {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kilobytes, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
			return kilobytes << 10
		}
	}
	return 0
}
