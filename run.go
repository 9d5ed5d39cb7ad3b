// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/discovery"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/config/crd"
	"github.com/apisync/apisync/internal/controller"
	"github.com/apisync/apisync/internal/gateway"
	"github.com/apisync/apisync/internal/gather"
	"github.com/apisync/apisync/internal/install"
	"github.com/apisync/apisync/internal/lifecycle"
	"github.com/apisync/apisync/internal/mapi"
	"github.com/apisync/apisync/internal/mapi/gravitee"
	"github.com/apisync/apisync/internal/metrics"
	"github.com/apisync/apisync/internal/orphan"
)

// Event sources are those of GKO (shared/reference/gko-compatibility.md 5.2).
const (
	contextEventSource      = "managementcontext-controller"
	apiEventSource          = "apidefinitionv2-controller"
	resourceEventSource     = "apiresource-controller"
	groupEventSource        = "group-controller"
	notificationEventSource = "notification-controller"
)

// breakerThreshold is how many failed requests in a row make a context's requests pause.
const breakerThreshold = 5

// sweepsAtOnce is how many contexts are looked at in bulk at once.
const sweepsAtOnce = 4

// run works until ctx ends, and then until what is in flight is finished.
func run(ctx context.Context, config *rest.Config, o options) error {
	// The API server has its own priority and fairness; a second limit in the client only adds delay.
	config.QPS = -1
	config.UserAgent = "apisync/" + version
	direct, err := client.New(config, client.Options{Scheme: newScheme()})
	if err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	published, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return fmt.Errorf("making a client for discovery: %w", err)
	}
	if err := prepare(ctx, direct, published, o); err != nil {
		return err
	}
	key, err := install.DigestKey(ctx, direct, o.operatorNamespace)
	if err != nil {
		return err
	}
	mgr, err := newManager(config, o)
	if err != nil {
		return err
	}
	if err := register(ctx, mgr, o, key); err != nil {
		return err
	}
	ctrl.Log.Info("Starting", "version", version, "namespaces", o.namespaces, "clusterId", o.clusterID)
	return mgr.Start(ctx)
}

// prepare makes sure that the cluster is one in which the operator can work, and is alone in its work.
func prepare(ctx context.Context, direct client.Client, published discovery.OpenAPIV3SchemaInterfaceWithContext, o options) error {
	if !o.allowGKO {
		gko, err := install.RunningGKO(ctx, direct, o.operatorNamespace, time.Now(), o.namespaces...)
		if err != nil {
			return fmt.Errorf("looking for a Gravitee Kubernetes Operator: %w", err)
		}
		if gko != "" {
			return fmt.Errorf("a Gravitee Kubernetes Operator is at work (%s), and both would write the same resources: "+
				"stop it first, or start with --allow-gko if it serves other namespaces", gko)
		}
	}
	if o.applyCRDs {
		objects, err := crd.Objects()
		if err != nil {
			return err
		}
		return install.ApplyCRDs(ctx, direct, objects)
	}
	definitions, err := crd.Definitions()
	if err != nil {
		return err
	}
	return install.CheckCRDs(ctx, direct, published.OpenAPIV3WithContext(ctx), definitions)
}

func newScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(apiextensionsv1.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	return scheme
}

func newManager(config *rest.Config, o options) (ctrl.Manager, error) {
	return ctrl.NewManager(config, ctrl.Options{
		Scheme:                 newScheme(),
		Cache:                  cacheOptions(o),
		Metrics:                metricsOptions(o),
		HealthProbeBindAddress: o.probesAddress,
		LeaderElection:         o.leaderElection,
		LeaderElectionID:       install.LeaseName,
		LeaderElectionLabels:   install.LeaseLabels(),
		// What is in flight is finished before the lease is given up, so that the next leader starts at once.
		LeaderElectionReleaseOnCancel: true,
		LeaderElectionNamespace:       o.operatorNamespace,
		GracefulShutdownTimeout:       &o.shutdown,
		Client: client.Options{Cache: &client.CacheOptions{
			// Secrets and ConfigMaps are watched as metadata only; their content is read when needed.
			DisableFor: []client.Object{&corev1.Secret{}, &corev1.ConfigMap{}},
		}},
	})
}

func cacheOptions(o options) cache.Options {
	options := cache.Options{DefaultTransform: cache.TransformStripManagedFields()}
	for _, namespace := range o.namespaces {
		if options.DefaultNamespaces == nil {
			options.DefaultNamespaces = map[string]cache.Config{}
		}
		options.DefaultNamespaces[namespace] = cache.Config{}
	}
	return options
}

func metricsOptions(o options) metricsserver.Options {
	if !o.metrics {
		return metricsserver.Options{BindAddress: "0"}
	}
	options := metricsserver.Options{BindAddress: o.metricsAddress, SecureServing: o.metricsSecure, CertDir: o.metricsCertDir}
	if o.metricsSecure {
		options.FilterProvider = filters.WithAuthenticationAndAuthorization
	}
	return options
}

// register is the one list of what exists: indexes, back ends, controllers, probes.
func register(ctx context.Context, mgr ctrl.Manager, o options, digestKey []byte) error {
	if err := controller.Index(ctx, mgr.GetFieldIndexer()); err != nil {
		return err
	}
	transport, err := addTransport(ctx, mgr.Add, o.http)
	if err != nil {
		return err
	}
	changed, swept, regrouped, recheck := newWaker(), newWaker(), newWaker(), newWaker()
	woken := make(chan event.TypedGenericEvent[controller.Wake], wakerBuffer)
	wake := func(object controller.Wake) { woken <- event.TypedGenericEvent[controller.Wake]{Object: object} }
	pool := mapi.NewPool(func(contextName string) {
		changed.wake(contextName)
		swept.wake(contextName)
		regrouped.wake(contextName)
	})
	sources := gather.Sources{Reader: mgr.GetClient(), Live: mgr.GetAPIReader(), Now: time.Now, Templating: o.templating}
	times := controller.Times{Period: o.driftPeriod, Rotation: o.driftRotation}
	waiting := &controller.Waiting{}
	measured := metrics.New(ctrlmetrics.Registry)
	ctrlmetrics.Registry.MustRegister(metrics.NewObjects(mgr.GetCache(), time.Now))
	contexts := &controller.Contexts{
		Client: mgr.GetClient(), Sources: sources, Pool: pool, Resync: o.resync, Times: times, Meter: measured,
		Registry: mapi.Registry{
			mapi.DefaultType: gravitee.New(gravitee.Options{Timeout: o.http.timeout, Version: version}),
		},
		Transport: func(name string) http.RoundTripper {
			return mapi.NewTransport(transport, mapi.TransportOptions{
				Concurrency: o.http.inFlight, FailureThreshold: breakerThreshold, Observer: measured.Requests(name),
			})
		},
	}
	apis := &controller.APIDefinitions{
		Client: mgr.GetClient(), Sources: sources, Pool: pool,
		Gateway: &gateway.Publisher{Client: mgr.GetClient(), Metadata: mgr.GetCache()}, Reach: contexts.Reach, Recheck: recheck.wake, DigestKey: digestKey,
		Cluster: o.clusterID, Times: times, Rotation: controller.NewRotation(time.Now), Waiting: waiting, Meter: measured,
		Now: time.Now, Gate: controller.NewGate(o.perContext(), wake),
	}
	groups := &controller.Groups{
		Client: mgr.GetClient(), Sources: sources, Pool: pool, Reach: contexts.Reach, Recheck: recheck.wake, DigestKey: digestKey, Times: times,
		Meter: measured, Now: time.Now,
	}
	sweeps := &controller.Sweeps{
		Client: mgr.GetClient(), Pool: pool, Times: times, Waiting: waiting, Wake: wake, Meter: measured,
		Now: time.Now, Jitter: jitter,
	}
	if o.clusterID != "" && len(o.namespaces) == 0 {
		// Resources in a namespace that isn't watched would make orphans of their APIs.
		sweeps.Orphans = orphan.Counter(mgr.GetClient(), o.clusterID)
	}
	if o.strategy == strategyAlways {
		apis.Always, groups.Always = &controller.FirstSight{}, &controller.FirstSight{}
	}
	return errors.Join(
		controller.SetupContexts(mgr, &lifecycle.Reconciler[*v1alpha1.ManagementContext]{
			Client: mgr.GetClient(), Recorder: mgr.GetEventRecorder(contextEventSource), Kind: contexts,
			Finalizer: v1alpha1.ManagementContextFinalizer, Timeout: o.patience(), Jitter: jitter,
		}, recheck.events, controller.Options(o.workers, jitter)),
		controller.SetupAPIDefinitions(mgr, &lifecycle.Reconciler[*v1alpha1.ApiDefinition]{
			Client: mgr.GetClient(), Recorder: mgr.GetEventRecorder(apiEventSource), Kind: apis,
			Finalizer: v1alpha1.ApiDefinitionFinalizer, Inherited: []string{v1alpha1.ApiDefinitionTemplateFinalizer},
			Timeout: o.patience(), Jitter: jitter,
		}, changed.events, woken, controller.Options(o.workers, jitter)),
		controller.SetupResources(mgr, &lifecycle.Reconciler[*v1alpha1.ApiResource]{
			Client: mgr.GetClient(), Recorder: mgr.GetEventRecorder(resourceEventSource), Finalizer: v1alpha1.ApiResourceFinalizer,
			Kind: &controller.Resources{Client: mgr.GetClient(), Sources: sources}, Timeout: o.patience(), Jitter: jitter,
		}, controller.Options(o.workers, jitter)),
		controller.SetupNotifications(mgr, &lifecycle.Reconciler[*v1alpha1.Notification]{
			Client: mgr.GetClient(), Recorder: mgr.GetEventRecorder(notificationEventSource), Finalizer: v1alpha1.NotificationFinalizer,
			Kind: &controller.Notifications{Client: mgr.GetClient(), Sources: sources}, Timeout: o.patience(), Jitter: jitter,
		}, controller.Options(o.workers, jitter)),
		controller.SetupGroups(mgr, &lifecycle.Reconciler[*v1alpha1.Group]{
			Client: mgr.GetClient(), Recorder: mgr.GetEventRecorder(groupEventSource), Finalizer: v1alpha1.GroupFinalizer,
			Kind: groups, Timeout: o.patience(), Jitter: jitter,
		}, regrouped.events, controller.Options(o.workers, jitter)),
		setupReleased(mgr, &corev1.Secret{}, "Secret"),
		setupReleased(mgr, &corev1.ConfigMap{}, "ConfigMap"),
		controller.SetupSweeps(mgr, sweeps, swept.events, controller.Options(sweepsAtOnce, jitter)),
		mgr.AddHealthzCheck("ping", healthz.Ping),
		mgr.AddReadyzCheck("caches", cachesSynced(mgr)),
	)
}

func setupReleased(mgr ctrl.Manager, object client.Object, kind string) error {
	return controller.SetupReleased(mgr, &controller.Released{
		Client: mgr.GetClient(), Metadata: mgr.GetCache(), Kind: corev1.SchemeGroupVersion.WithKind(kind),
	}, object, controller.Options(1, jitter))
}

// cachesSynced makes readiness mean that the operator sees the cluster.
func cachesSynced(mgr ctrl.Manager) healthz.Checker {
	return func(request *http.Request) error {
		if !mgr.GetCache().WaitForCacheSync(request.Context()) {
			return errors.New("the caches aren't filled yet")
		}
		return nil
	}
}

// waker turns a context's name into an event for a controller.
type waker struct{ events chan event.GenericEvent }

// The buffer holds more contexts than an installation has; past it a wake-up waits for the controller.
const wakerBuffer = 1024

func newWaker() waker { return waker{events: make(chan event.GenericEvent, wakerBuffer)} }

func (w waker) wake(contextName string) {
	managed := &v1alpha1.ManagementContext{}
	managed.Namespace, managed.Name = controller.SplitName(contextName)
	w.events <- event.GenericEvent{Object: managed}
}

// jitter spreads a delay by a tenth to both sides.
func jitter(delay time.Duration) time.Duration {
	return time.Duration(float64(delay) * (0.9 + 0.2*rand.Float64())) //nolint:gosec // no secret depends on it
}
