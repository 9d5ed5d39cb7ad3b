// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/apisync/apisync/test/harness"
	"github.com/apisync/apisync/test/simulator"
)

const leaseName = "24d975d3.gravitee.io"

var _ = Describe("The command line", func() {
	DescribeTable("names what is wrong by flag and variable, and starts nothing",
		func(ctx context.Context, args, environment []string, words ...string) {
			limited, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			command := exec.CommandContext(limited, program, args...)
			command.Env = environment
			output, err := command.CombinedOutput()
			Expect(err).To(HaveOccurred())
			Expect(command.ProcessState.ExitCode()).To(BeElementOf(1, 2), "it must end by itself: %s", output) // 2 is package flag's
			for _, word := range words {
				Expect(string(output)).To(ContainSubstring(word))
			}
		},
		Entry("resync flag", []string{"--resync=10ms"}, nil, "resync", "RESYNC_PERIOD", "10ms"),
		Entry("resync variable", nil, []string{"RESYNC_PERIOD=soon"}, "RESYNC_PERIOD", "soon", "duration"),
		Entry("strategy", []string{"--reconcile-strategy=sometimes"}, nil, "reconcile-strategy", "RECONCILE_STRATEGY", "sometimes", "always"),
		Entry("strategy variable", nil, []string{"RECONCILE_STRATEGY=sometimes"}, "RECONCILE_STRATEGY", "sometimes"),
		Entry("cluster id", []string{"--cluster-id=North Pole"}, nil, "cluster-id", "CLUSTER_ID", "North Pole"),
		Entry("workers", nil, []string{"MAX_CONCURRENT_RECONCILES=0"}, "max-concurrent-reconciles", "MAX_CONCURRENT_RECONCILES"),
		Entry("time-out variable", nil, []string{"HTTP_CLIENT_TIMEOUT_SECONDS=5s"}, "HTTP_CLIENT_TIMEOUT_SECONDS", "5s", "whole number"),
		Entry("log level", []string{"--log-level=loud"}, nil, "log-level", "LOGS_LEVEL", "loud"),
		Entry("log format", nil, []string{"LOGS_FORMAT=xml"}, "log-format", "LOGS_FORMAT", "xml"),
		Entry("several at once", []string{"--resync=10ms"}, []string{"ENABLE_METRICS=perhaps"}, "resync", "ENABLE_METRICS", "perhaps"),
		Entry("unknown flag", []string{"--no-such-flag"}, nil, "no-such-flag"),
		Entry("no cluster", []string{"--kubeconfig=/nowhere/at/all"}, nil, "/nowhere/at/all"),
	)
})

// expectRefusal starts an operator that must refuse to start, and returns what it said.
func expectRefusal(ctx context.Context, cluster *harness.Cluster, args ...string) string {
	GinkgoHelper()
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	operator, err := cluster.StartOperator(limited, args...)
	if err == nil {
		_ = operator.Kill()
	}
	Expect(err).To(HaveOccurred(), "it started")
	Expect(err.Error()).To(ContainSubstring("the operator ended"), "it must not hang")
	return err.Error()
}

var _ = Describe("The CRDs", Ordered, func() {
	var cluster *harness.Cluster
	names := []string{"apidefinitions.gravitee.io", "managementcontexts.gravitee.io"}

	BeforeAll(func(ctx context.Context) {
		var err error
		cluster, err = harness.StartCluster(ctx, "bare", program, func(line string) { GinkgoWriter.Println(line) })
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { Expect(cluster.Stop()).To(Succeed()) })
	})

	read := func(ctx context.Context, name string) *apiextensionsv1.CustomResourceDefinition {
		GinkgoHelper()
		crd := &apiextensionsv1.CustomResourceDefinition{}
		Expect(cluster.Client.Get(ctx, client.ObjectKey{Name: name}, crd)).To(Succeed())
		return crd
	}

	It("of GKO are refused, since they would lose status fields, and the remedy is told", func(ctx context.Context) {
		for _, name := range names {
			crd := read(ctx, name)
			for i := range crd.Spec.Versions {
				status := crd.Spec.Versions[i].Schema.OpenAPIV3Schema.Properties["status"]
				for _, field := range []string{"sync", "observedGeneration", "server"} {
					delete(status.Properties, field)
				}
				conditions := status.Properties["conditions"]
				conditions.MaxItems = new(int64(8))
				status.Properties["conditions"] = conditions
				status.Default = nil
				crd.Spec.Versions[i].Schema.OpenAPIV3Schema.Properties["status"] = status
			}
			Expect(cluster.Client.Update(ctx, crd)).To(Succeed())
		}
		Expect(expectRefusal(ctx, cluster)).To(And(
			ContainSubstring("apidefinitions.gravitee.io would lose"), ContainSubstring("status.sync"),
			ContainSubstring("status.observedGeneration"), ContainSubstring("8 items"),
			ContainSubstring("managementcontexts.gravitee.io would lose"), ContainSubstring("status.server"),
			ContainSubstring("kubectl apply"), ContainSubstring("APPLY_CRDS")))
	})

	It("are missed when they aren't there", func(ctx context.Context) {
		for _, name := range names {
			Expect(cluster.Client.Delete(ctx, read(ctx, name))).To(Succeed())
			Eventually(func() error {
				return cluster.Client.Get(ctx, client.ObjectKey{Name: name}, &apiextensionsv1.CustomResourceDefinition{})
			}).ShouldNot(Succeed())
		}
		Expect(expectRefusal(ctx, cluster)).To(And(
			ContainSubstring("apidefinitions.gravitee.io isn't installed"),
			ContainSubstring("managementcontexts.gravitee.io isn't installed"),
			ContainSubstring("kubectl apply"), ContainSubstring("APPLY_CRDS")))
	})

	It("are applied on demand by an operator that may do so", func(ctx context.Context) {
		Expect(expectRefusal(ctx, cluster, "--apply-crds")).To(And(ContainSubstring("applying CRD"), ContainSubstring("forbidden")))

		objects, err := harness.Kustomize("config/overlays/apply-crds")
		Expect(err).NotTo(HaveOccurred())
		for _, object := range objects {
			if strings.HasPrefix(object.GetKind(), "ClusterRole") {
				Expect(harness.Apply(ctx, cluster.Client, object)).To(Succeed())
			}
		}
		for range 2 { // the second time over its own
			operator, err := cluster.StartOperator(ctx, "--apply-crds")
			Expect(err).NotTo(HaveOccurred())
			Expect(operator.Stop()).To(Succeed())
		}
		for _, name := range names {
			Expect(read(ctx, name).Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["status"].Properties).To(HaveKey("observedGeneration"))
		}
		operator, err := cluster.StartOperator(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(operator.Stop()).To(Succeed())
	})
})

var _ = Describe("The process", func() {
	It("refuses to work beside a GKO, naming its lease, unless it is told to", func(ctx context.Context) {
		namespace := makeNamespace(ctx, east)
		now := metav1.NowMicro()
		lease := &coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: leaseName},
			Spec: coordinationv1.LeaseSpec{
				HolderIdentity: new("gko-controller-manager-0"), LeaseDurationSeconds: new(int32(3600)), AcquireTime: &now, RenewTime: &now,
			},
		}
		Expect(east.Client.Create(ctx, lease)).To(Succeed())
		DeferCleanup(func(ctx context.Context) {
			Expect(client.IgnoreNotFound(east.Client.Delete(ctx, lease))).To(Succeed())
		})
		Expect(expectRefusal(ctx, east)).To(And(
			ContainSubstring(namespace+"/"+leaseName), ContainSubstring("gko-controller-manager-0"), ContainSubstring("--allow-gko")))

		operator, err := east.StartOperator(ctx, "--allow-gko")
		Expect(err).NotTo(HaveOccurred())
		Expect(operator.Stop()).To(Succeed())

		By("letting the lease run out")
		lease.Spec.RenewTime = new(metav1.NewMicroTime(now.Add(-2 * time.Hour)))
		Expect(east.Client.Update(ctx, lease)).To(Succeed())
		operator, err = east.StartOperator(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(operator.Stop()).To(Succeed())
	})

	It("refuses to work beside a GKO that elects no leader, naming its deployment", func(ctx context.Context) {
		namespace := makeNamespace(ctx, east)
		labels := map[string]string{"app": "gko"}
		deployment := &appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "gko-controller-manager"},
			Spec: appsv1.DeploymentSpec{
				Replicas: new(int32(0)), Selector: &metav1.LabelSelector{MatchLabels: labels},
				Template: corev1.PodTemplateSpec{
					ObjectMeta: metav1.ObjectMeta{Labels: labels},
					Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "manager", Image: "graviteeio/kubernetes-operator:4.12.0"}}},
				},
			},
		}
		Expect(east.Client.Create(ctx, deployment)).To(Succeed())
		DeferCleanup(func(ctx context.Context) {
			Expect(client.IgnoreNotFound(east.Client.Delete(ctx, deployment))).To(Succeed())
		})
		operator, err := east.StartOperator(ctx)
		Expect(err).NotTo(HaveOccurred(), "one that is scaled down doesn't work")
		Expect(operator.Stop()).To(Succeed())

		By("running it")
		Expect(east.Client.Patch(ctx, deployment, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"replicas":1}}`)))).To(Succeed())
		// No kubelet is here to say that the pod runs.
		var pods corev1.PodList
		Eventually(func() ([]corev1.Pod, error) {
			err := east.Client.List(ctx, &pods, client.InNamespace(namespace))
			return pods.Items, err
		}).Should(HaveLen(1))
		running := []byte(`{"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}`)
		Expect(east.Client.Status().Patch(ctx, &pods.Items[0], client.RawPatch(types.MergePatchType, running))).To(Succeed())
		Eventually(func() (int32, error) {
			err := east.Client.Get(ctx, client.ObjectKeyFromObject(deployment), deployment)
			return deployment.Status.AvailableReplicas, err
		}).Should(BeEquivalentTo(1))
		Expect(expectRefusal(ctx, east)).To(ContainSubstring("deployment " + namespace + "/gko-controller-manager"))
	})

	It("works in the namespaces that it is told to, and nowhere else", func(ctx context.Context) {
		here, there := newSite(simulator.Options{}, makeNamespace(ctx, east), nil), newSite(simulator.Options{}, makeNamespace(ctx, east), nil)
		there.apply(ctx, there.context("ctx"), there.api("orders", "ctx"))
		here.start(ctx, "--namespaces="+here.namespace)
		here.settled(ctx, "orders", "ctx")
		expectIdle(ctx, here.operator)
		Expect(there.sim.Requests()).To(BeEmpty())
		Expect(there.verdict(ctx, there.api("orders", "ctx"))).To(Equal("InProgress -"))
	})

	It("answers probes, and counts its requests", func(ctx context.Context) {
		s := newSite(simulator.Options{}, makeNamespace(ctx, east), nil)
		s.start(ctx)
		for _, path := range []string{"/readyz", "/healthz"} {
			status, _, err := fetch(ctx, strings.TrimSuffix(s.operator.ReadyURL, "/readyz")+path)
			Expect(err).NotTo(HaveOccurred())
			Expect(status).To(Equal(http.StatusOK), path)
		}
		s.settled(ctx, "orders", "ctx")
		_, metrics, err := fetch(ctx, s.operator.MetricsURL)
		Expect(err).NotTo(HaveOccurred())
		Expect(metrics).To(ContainSubstring(`apisync_mapi_requests_total{context="` + s.namespace + `/ctx",kind="ApiDefinition",operation="apply",outcome="200"} 1`))
		Expect(metrics).To(ContainSubstring(`apisync_mapi_request_duration_seconds_count{context="` + s.namespace + `/ctx"`))
		Expect(metrics).To(ContainSubstring(`apisync_mapi_last_success_timestamp_seconds{context="` + s.namespace + `/ctx"}`))
		Expect(s.operator.Stop()).To(Succeed(), "the end by SIGTERM is no failure")
	})

	It("finishes what is in flight when it is asked to end", func(ctx context.Context) {
		s := newSite(simulator.Options{}, makeNamespace(ctx, east), nil)
		s.start(ctx, "--http-timeout=60s")
		s.ready(ctx, s.context("ctx"))
		pause := s.sim.PauseAt(simulator.PausePoint{Stage: simulator.After, Method: http.MethodPut, Path: importPath})
		api := s.api("orders", "ctx")
		s.apply(ctx, api)
		reached(ctx, pause)
		ended := make(chan error, 1)
		go func() { ended <- s.operator.Stop() }()
		Eventually(func() (string, error) {
			log, err := os.ReadFile(s.operator.LogPath)
			return string(log), err
		}).Should(ContainSubstring("Stopping and waiting"))
		Expect(ended).NotTo(Receive(), "the import is still going on")
		pause.Release()
		Eventually(ended).Should(Receive(Succeed()))
		s.expect(ctx, api, current)
		s.expectOne(ctx, api)
		Expect(s.sim.Writes()).To(HaveLen(1))
	})

	It("works once where two replicas elect a leader, and goes on when the leader ends", func(ctx context.Context) {
		s := newSite(simulator.Options{}, makeNamespace(ctx, east), nil)
		s.start(ctx, "--leader-elect")
		leader := s.operator
		s.settled(ctx, "orders", "ctx")
		s.start(ctx, "--leader-elect")
		standby := s.operator
		worked := func(operator *harness.Operator) bool {
			GinkgoHelper()
			_, metrics, err := fetch(ctx, operator.MetricsURL)
			Expect(err).NotTo(HaveOccurred())
			return strings.Contains(metrics, "apisync_mapi_requests_total{")
		}
		s.apply(ctx, s.api("orders", "ctx", described("by the leader")))
		Eventually(func() any { return s.sim.APIs()[0].Definition["description"] }).Should(Equal("by the leader"))
		Expect(worked(leader)).To(BeTrue())
		Expect(worked(standby)).To(BeFalse())

		Expect(leader.Stop()).To(Succeed())
		api := s.api("orders", "ctx", described("by the other"))
		s.apply(ctx, api)
		s.expect(ctx, api, current)
		s.expectOne(ctx, api)
		Expect(worked(standby)).To(BeTrue())
		lease := &coordinationv1.Lease{}
		Expect(east.Client.Get(ctx, client.ObjectKey{Namespace: harness.OperatorNamespace, Name: leaseName}, lease)).To(Succeed())
		Expect(lease.Spec.HolderIdentity).NotTo(BeNil())
		Expect(s.sim.Writes()).To(HaveLen(3), "once for each change")
	})
})
