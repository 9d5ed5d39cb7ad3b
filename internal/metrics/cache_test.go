// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/api/v1alpha1"
)

// filledCache is controller-runtime's own cache, started, with APIs of one context and the context.
func filledCache(tb testing.TB, apis int) cache.Cache {
	tb.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		tb.Fatal(err)
	}
	mapper := apimeta.NewDefaultRESTMapper(nil)
	for _, kind := range []string{"ApiDefinition", "ManagementContext", "ApiResource", "Group", "Notification"} {
		mapper.Add(v1alpha1.GroupVersion.WithKind(kind), apimeta.RESTScopeNamespace)
	}
	filled, err := cache.New(&rest.Config{}, cache.Options{
		Scheme: scheme, Mapper: mapper, HTTPClient: http.DefaultClient,
		NewInformer: func(_ toolscache.ListerWatcher, kind runtime.Object, resync time.Duration, indexers toolscache.Indexers) toolscache.SharedIndexInformer {
			return toolscache.NewSharedIndexInformer(stored(kind, apis), kind, resync, indexers)
		},
	})
	if err != nil {
		tb.Fatal(err)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- filled.Start(tb.Context()) }()
	for _, kind := range []client.Object{&v1alpha1.ApiDefinition{}, &v1alpha1.ManagementContext{}, &v1alpha1.ApiResource{}, &v1alpha1.Group{}, &v1alpha1.Notification{}} {
		if _, err := filled.GetInformer(tb.Context(), kind); err != nil {
			tb.Fatal(err)
		}
	}
	if !filled.WaitForCacheSync(tb.Context()) {
		tb.Fatalf("the cache isn't filled: %v", <-stopped)
	}
	return filled
}

// storedObjects takes the place of an API server.
type storedObjects struct{ toolscache.ListWatch }

// IsWatchListSemanticsUnSupported makes client-go list before it watches.
func (*storedObjects) IsWatchListSemanticsUnSupported() bool { return true }

func stored(kind runtime.Object, apis int) *storedObjects {
	return &storedObjects{toolscache.ListWatch{
		ListWithContextFunc: func(context.Context, metav1.ListOptions) (runtime.Object, error) {
			switch kind.(type) {
			case *v1alpha1.ManagementContext:
				return &v1alpha1.ManagementContextList{
					Items: []v1alpha1.ManagementContext{{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "here"}}},
				}, nil
			case *v1alpha1.ApiResource:
				return &v1alpha1.ApiResourceList{}, nil
			case *v1alpha1.Group:
				return &v1alpha1.GroupList{}, nil
			case *v1alpha1.Notification:
				return &v1alpha1.NotificationList{}, nil
			}
			list := &v1alpha1.ApiDefinitionList{}
			for i := range apis {
				list.Items = append(list.Items, *newAPI(fmt.Sprintf("api-%d", i), 2, "Ready"))
			}
			return list, nil
		},
		WatchFuncWithContext: func(context.Context, metav1.ListOptions) (watch.Interface, error) { return watch.NewFake(), nil },
	}}
}
