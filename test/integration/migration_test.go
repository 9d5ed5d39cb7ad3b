// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/apisync/apisync/api/v1alpha1"
	"github.com/apisync/apisync/test/harness"
	"github.com/apisync/apisync/test/simulator"
)

// guide runs the commands of docs/migration.md, so that the page can't say what doesn't work.
type guide struct {
	cluster  *harness.Cluster
	folder   string
	commands []string
	ran      map[string]bool
}

var shellCommand = regexp.MustCompile(`(?m)^ *\$ (.+)$`)

// elsewhereCommands need what isn't here: a container image, nodes to run it on, and the build that the suite has made already.
func elsewhereCommands() []string {
	return []string{"make build", "make deploy IMG=<image>", "kubectl -n apisync-system rollout status deployment/apisync-controller-manager"}
}

func newGuide(cluster *harness.Cluster) *guide {
	GinkgoHelper()
	root, err := harness.Root()
	Expect(err).NotTo(HaveOccurred())
	page, err := os.ReadFile(filepath.Join(root, "docs", "migration.md"))
	Expect(err).NotTo(HaveOccurred())
	g := &guide{cluster: cluster, folder: GinkgoT().TempDir(), ran: map[string]bool{}}
	for _, match := range shellCommand.FindAllStringSubmatch(string(page), -1) {
		g.commands = append(g.commands, match[1])
	}
	Expect(g.commands).NotTo(BeEmpty())
	Expect(os.Mkdir(filepath.Join(g.folder, "bin"), 0o700)).To(Succeed())
	Expect(os.Symlink(program, filepath.Join(g.folder, "bin", "apisync"))).To(Succeed())
	Expect(os.CopyFS(filepath.Join(g.folder, "config"), os.DirFS(filepath.Join(root, "config")))).To(Succeed())
	return g
}

// run runs the commands that begin like that, in a shell, and returns what they say.
func (g *guide) run(ctx context.Context, prefix string) (string, error) {
	GinkgoHelper()
	found := slices.DeleteFunc(slices.Clone(g.commands), func(command string) bool { return !strings.HasPrefix(command, prefix) || g.ran[command] })
	Expect(found).NotTo(BeEmpty(), "the guide has no command %q that wasn't run yet", prefix)
	g.ran[found[0]] = true
	return g.shell(ctx, found[0])
}

func (g *guide) shell(ctx context.Context, command string) (string, error) {
	kubectl := g.cluster.Plane.KubectlCommand(ctx)
	shell := exec.CommandContext(ctx, "bash", "-c", "set -o pipefail; "+command)
	shell.Dir, shell.Env = g.folder, append(kubectl.Env, "PATH="+filepath.Dir(kubectl.Path)+":"+os.Getenv("PATH"))
	output, err := shell.CombinedOutput()
	return string(output), err
}

func (g *guide) succeed(ctx context.Context, prefix string) string {
	GinkgoHelper()
	output, err := g.run(ctx, prefix)
	Expect(err).NotTo(HaveOccurred(), "%s: %s", prefix, output)
	return output
}

// gkoCRDs are the CRDs of our kinds in the form that GKO has them.
func gkoCRDs() []*unstructured.Unstructured {
	GinkgoHelper()
	crds, err := harness.Kustomize("config/crd")
	Expect(err).NotTo(HaveOccurred())
	for _, crd := range crds {
		unstructured.RemoveNestedField(crd.Object, "spec", "names", "categories")
		versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
		version := versions[0].(map[string]any)
		status, _, _ := unstructured.NestedMap(version, "schema", "openAPIV3Schema", "properties", "status")
		delete(status, "default")
		for _, field := range []string{"sync", "observedGeneration", "server"} {
			unstructured.RemoveNestedField(status, "properties", field)
		}
		if crd.GetName() == "apiresources.gravitee.io" {
			delete(status, "properties") // there it has no status at all
		} else {
			Expect(unstructured.SetNestedField(status, int64(8), "properties", "conditions", "maxItems")).To(Succeed())
		}
		Expect(unstructured.SetNestedMap(version, status, "schema", "openAPIV3Schema", "properties", "status")).To(Succeed())
		Expect(unstructured.SetNestedSlice(crd.Object, versions, "spec", "versions")).To(Succeed())
	}
	return crds
}

// applyGKOCRDs does what GKO does at its start.
func applyGKOCRDs(ctx context.Context, cluster *harness.Cluster) {
	GinkgoHelper()
	for _, crd := range gkoCRDs() {
		Expect(cluster.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(crd), client.FieldOwner("gravitee.io/operator"), client.ForceOwnership)).To(Succeed())
	}
	for _, list := range ourKinds() {
		Eventually(func() error { return cluster.Client.List(ctx, list) }).Should(Succeed(), "the API server takes a moment to know a kind")
	}
}

// legacy is a recorded case: what an API server held under GKO after one of its steps.
type legacy struct {
	folder string
	step   int
	// change makes something of the objects that the recording doesn't have.
	change func(*unstructured.Unstructured)
}

func (l legacy) read(name string, into any) {
	GinkgoHelper()
	root, err := harness.Root()
	Expect(err).NotTo(HaveOccurred())
	content, err := os.ReadFile(filepath.Join(root, "api", "v1alpha1", "testdata", "cases", l.folder, name))
	Expect(err).NotTo(HaveOccurred())
	content, err = yaml.YAMLToJSON(content)
	Expect(err).NotTo(HaveOccurred())
	Expect(utiljson.Unmarshal(content, into)).To(Succeed())
}

// replay sends what GKO sent until then, and returns the ids of plans in the last answer; nil when it sent nothing.
func (l legacy) replay(ctx context.Context, s *site) map[string]any {
	GinkgoHelper()
	var puts []struct {
		After   string         `json:"after"`
		Request map[string]any `json:"request"`
		Status  int            `json:"status"`
	}
	l.read("puts.json", &puts)
	var plans map[string]any
	for _, put := range puts {
		body, err := json.Marshal(put.Request)
		Expect(err).NotTo(HaveOccurred())
		if put.Status == http.StatusOK && stepOf(put.After) <= l.step {
			plans = s.send(ctx, body)
		}
	}
	return plans
}

// stepOf is the number of an input: input.yaml, input-2.yaml and so on.
func stepOf(file string) int {
	number, found := strings.CutPrefix(strings.TrimSuffix(file, ".yaml"), "input-")
	if !found {
		return 0
	}
	step, err := strconv.Atoi(number)
	Expect(err).NotTo(HaveOccurred())
	return step - 1
}

// restore puts the case into the cluster and into the management API, and returns its objects.
func (l legacy) restore(ctx context.Context, s *site) []*unstructured.Unstructured {
	GinkgoHelper()
	var steps []struct {
		Objects []map[string]any `json:"objects"`
	}
	l.read("stored.yaml", &steps)
	Expect(len(steps)).To(BeNumerically(">", l.step), l.folder)
	objects := make([]*unstructured.Unstructured, len(steps[l.step].Objects))
	for i, content := range steps[l.step].Objects {
		objects[i] = &unstructured.Unstructured{Object: content}
		makeNamed(ctx, s.cluster, objects[i].GetNamespace())
	}
	for _, object := range objects {
		if object.GetKind() == "Group" {
			l.replayGroup(ctx, s, object)
		}
	}
	plans := l.replay(ctx, s)
	for _, object := range objects {
		switch object.GetKind() {
		case "ManagementContext":
			Expect(unstructured.SetNestedField(object.Object, s.url, "spec", "baseUrl")).To(Succeed())
		case "ApiDefinition":
			if plans != nil {
				Expect(unstructured.SetNestedMap(object.Object, plans, "status", "plans")).To(Succeed())
			}
		}
		if l.change != nil {
			l.change(object)
		}
		createAsLeft(ctx, s.cluster, object)
	}
	return objects
}

// replayGroup makes the group as GKO did; its id is another one than in the recording.
func (l legacy) replayGroup(ctx context.Context, s *site, group *unstructured.Unstructured) {
	GinkgoHelper()
	spec, _, _ := unstructured.NestedMap(group.Object, "spec")
	body, err := json.Marshal(map[string]any{
		"hrid": group.GetNamespace() + "-" + group.GetName(), "name": spec["name"], "notifyMembers": spec["notifyMembers"], "members": spec["members"],
	})
	Expect(err).NotTo(HaveOccurred())
	s.request(ctx, http.MethodPut, "/automation/organizations/DEFAULT/environments/DEFAULT/groups?dryRun=false", body)
	name, _ := spec["name"].(string)
	Expect(unstructured.SetNestedField(group.Object, s.groupID(name), "status", "id")).To(Succeed())
}

func makeNamed(ctx context.Context, cluster *harness.Cluster, namespace string) {
	GinkgoHelper()
	Expect(client.IgnoreAlreadyExists(cluster.Client.Create(ctx, namespaceNamed(namespace)))).To(Succeed())
}

// createAsLeft creates an object and stores its status after that, as an operator does.
func createAsLeft(ctx context.Context, cluster *harness.Cluster, object *unstructured.Unstructured) {
	GinkgoHelper()
	for _, field := range []string{"uid", "resourceVersion", "creationTimestamp", "generation"} {
		unstructured.RemoveNestedField(object.Object, "metadata", field)
	}
	status, hasStatus := object.Object["status"]
	Expect(cluster.Client.Create(ctx, object)).To(Succeed())
	if hasStatus {
		object.Object["status"] = status
		Expect(cluster.Client.Status().Update(ctx, object)).To(Succeed())
	}
}

// keepConfigMaps creates the ConfigMaps of gateways that GKO had written for an API.
func (l legacy) keepConfigMaps(ctx context.Context, s *site, api *unstructured.Unstructured) {
	GinkgoHelper()
	var steps []struct {
		Step       int                `json:"step"`
		ConfigMaps []corev1.ConfigMap `json:"configMaps"`
	}
	l.read("configmaps.yaml", &steps)
	for _, step := range steps {
		for _, configMap := range step.ConfigMaps {
			if step.Step != l.step {
				continue
			}
			configMap.UID, configMap.ResourceVersion = "", ""
			configMap.OwnerReferences[0].UID = api.GetUID()
			Expect(s.cluster.Client.Create(ctx, &configMap)).To(Succeed())
		}
	}
}

// subscribed is what GKO's counter says of an API with subscriptions.
func subscribed(object *unstructured.Unstructured) {
	if object.GetKind() == "ApiDefinition" {
		Expect(unstructured.SetNestedField(object.Object, int64(3), "status", "subscriptions")).To(Succeed())
	}
}

// gkoStatus are the fields of the status that GKO reads.
func gkoStatus(object *unstructured.Unstructured) map[string]any {
	status, _, _ := unstructured.NestedMap(object.Object, "status")
	kept := map[string]any{}
	for _, field := range []string{"id", "crossId", "plans", "organizationId", "environmentId", "state", "processingStatus", "subscriptions", "errors", "members"} {
		if value, has := status[field]; has {
			kept[field] = value
		}
	}
	return kept
}

func conditionTypes(object *unstructured.Unstructured) []string {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	types := make([]string, len(conditions))
	for i, item := range conditions {
		types[i], _ = item.(map[string]any)["type"].(string)
	}
	return types
}

var _ = Describe("Coming from GKO by the guide, and going back", Ordered, func() {
	const gkoNamespace = "gravitee"
	var (
		s       *site
		guide   *guide
		objects []*unstructured.Unstructured
		// before is each object as GKO left it, by kind and name.
		before                 map[string]*unstructured.Unstructured
		mark                   int
		templated, credentials *corev1.Secret
		edge, edge2            *corev1.ConfigMap
	)

	key := func(object *unstructured.Unstructured) string {
		return object.GetKind() + " " + client.ObjectKeyFromObject(object).String()
	}
	each := func(ctx context.Context, kind string, look func(*unstructured.Unstructured)) {
		GinkgoHelper()
		for _, object := range objects {
			if kind == "" || object.GetKind() == kind {
				fresh := object.DeepCopy()
				Expect(s.cluster.Client.Get(ctx, client.ObjectKeyFromObject(object), fresh)).To(Succeed())
				look(fresh)
			}
		}
	}
	configMap := func(ctx context.Context, namespace, name string) *corev1.ConfigMap {
		GinkgoHelper()
		found := &corev1.ConfigMap{}
		Expect(s.cluster.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, found)).To(Succeed())
		return found
	}
	// inStep waits until Apisync has looked at everything and says that all is well.
	inStep := func(ctx context.Context) {
		GinkgoHelper()
		each(ctx, "", func(object *unstructured.Unstructured) { s.expect(ctx, object, current) })
		expectIdle(ctx, s.operator)
	}

	// begin starts an operator that goes on after the spec.
	begin := func(ctx context.Context) {
		GinkgoHelper()
		operator, err := s.cluster.StartOperator(ctx, "--log-level=debug")
		Expect(err).NotTo(HaveOccurred())
		s.operator = operator
	}

	AfterEach(func() {
		if CurrentSpecReport().Failed() && s.operator != nil {
			GinkgoWriter.Println(s.operator.LogTail())
		}
	})

	BeforeAll(func(ctx context.Context) {
		cluster, err := harness.StartEmptyCluster(ctx, "gko", program, func(line string) { GinkgoWriter.Println(line) })
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { Expect(cluster.Stop()).To(Succeed()) })
		s = newSite(simulator.Options{
			Users: []simulator.User{
				{Name: "admin", Password: "admin", Role: simulator.RoleAdmin}, {Name: "api1", Password: "api1", Role: simulator.RoleAPIPublisher},
			},
		}, gkoNamespace, nil)
		s.cluster = cluster
		guide = newGuide(cluster)
		applyGKOCRDs(ctx, cluster)
		makeNamed(ctx, cluster, gkoNamespace)
	})

	It("begins with what GKO left", func(ctx context.Context) {
		local, alone := legacy{folder: "26-local-with-context", step: 2}, legacy{folder: "25-local-no-context"}
		for _, one := range []legacy{
			{folder: "02-api-key-plan", change: subscribed}, {folder: "04-oauth2-resources"}, {folder: "16-pages-inline", step: 1},
			{folder: "20-groups-grouprefs", step: 1}, alone, local, {folder: "28-templating", step: 1},
			{folder: "30-ctx-secretref"}, {folder: "33-notification", step: 1}, {folder: "34-update-rename-remove-delete", step: 6},
		} {
			objects = append(objects, one.restore(ctx, s)...)
		}
		for _, object := range objects {
			switch key(object) {
			case "ApiDefinition rec-25/edge":
				alone.keepConfigMaps(ctx, s, object)
			case "ApiDefinition rec-26/edge2":
				local.keepConfigMaps(ctx, s, object)
			}
		}
		templated = &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "rec-28", Name: "creds", Finalizers: []string{v1alpha1.TemplatingFinalizer},
				Annotations: map[string]string{"gravitee.io/apidefinitions": `["rec-28/tpl"]`, "gravitee.io/references": "1"},
			},
			Data: map[string][]byte{"token": []byte("tok-two")},
		}
		conf := &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "rec-28", Name: "conf", Finalizers: []string{v1alpha1.TemplatingFinalizer},
				Annotations: map[string]string{"gravitee.io/apidefinitions": `["rec-28/tpl"]`, "gravitee.io/references": "1"},
			},
			Data: map[string]string{"target": "http://127.0.0.1:19999/fromcm", "note": "hello"},
		}
		credentials = &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: "rec-30", Name: "apim", Finalizers: []string{v1alpha1.ManagementContextSecretFinalizer}},
			Data:       map[string][]byte{"username": []byte("admin"), "password": []byte("admin")},
		}
		for _, object := range []client.Object{templated, conf, credentials} {
			Expect(s.cluster.Client.Create(ctx, object)).To(Succeed())
		}
		runGKO(ctx, s.cluster, gkoNamespace)

		before = map[string]*unstructured.Unstructured{}
		each(ctx, "", func(object *unstructured.Unstructured) { before[key(object)] = object })
		edge, edge2 = configMap(ctx, "rec-25", "edge"), configMap(ctx, "rec-26", "edge2")
		mark = s.sim.Mark()
	})

	It("notes what is there, and shows that nothing would be written", func(ctx context.Context) {
		for _, command := range []string{"kubectl get apidefinitions -A -o custom-columns", "kubectl get apidefinitions -A -o jsonpath", "kubectl get apidefinitions,managementcontexts"} {
			guide.succeed(ctx, command)
		}
		Expect(guide.succeed(ctx, "grep -v Completed before.txt")).To(HavePrefix("NS"), "all of these work under GKO, so that the heading alone is left")
		guide.succeed(ctx, "kubectl get validatingwebhookconfigurations")
		guide.succeed(ctx, "kubectl get $(cat webhooks.txt) -o yaml")
		plan := guide.succeed(ctx, "bin/apisync plan --all")
		Expect(plan).To(MatchRegexp(`Plan: \d+ unchanged\.`), plan)
		Expect(plan).NotTo(ContainSubstring("tok-two"))
		Expect(s.writesSince(mark)).To(BeEmpty())
		guide.succeed(ctx, "kubectl annotate managementcontexts")
	})

	It("switches, and refuses to begin before GKO is gone", func(ctx context.Context) {
		_, err := s.cluster.Install(ctx, "config/overlays/no-deployment")
		Expect(err).NotTo(HaveOccurred())
		applyGKOCRDs(ctx, s.cluster) // what GKO does at each start
		Expect(expectRefusal(ctx, s.cluster)).To(And(ContainSubstring("Gravitee Kubernetes Operator is at work"), ContainSubstring(gkoNamespace+"/"+leaseName)))
		guide.succeed(ctx, "kubectl delete $(cat webhooks.txt)")
		guide.succeed(ctx, "kubectl -n gravitee scale deployment/gko-controller-manager --replicas=0")
		endLease(ctx, s.cluster, gkoNamespace)
		guide.succeed(ctx, "kubectl apply --server-side --force-conflicts -k config/crd")
		begin(ctx)
		inStep(ctx)

		for _, command := range []string{"kubectl wait apidefinitions", "kubectl get apidefinitions -A -o custom-columns"} {
			guide.succeed(ctx, command)
		}
		Expect(guide.succeed(ctx, "kubectl get apidefinitions -A -o jsonpath")).To(BeEmpty(), "plans are those of before")
		overview := guide.succeed(ctx, "kubectl get gravitee -A")
		for _, object := range objects {
			Expect(overview).To(MatchRegexp(`(?m)^%s\s+\S+/%s\s+True`, object.GetNamespace(), object.GetName()))
		}
		Expect(guide.succeed(ctx, "kubectl get events -A --field-selector reason=UpdateSucceeded")).NotTo(ContainSubstring("Published"))
	})

	It("has written nothing, neither to the management API nor over what GKO left", func(ctx context.Context) {
		Expect(s.writesSince(mark)).To(BeEmpty())
		each(ctx, "", func(object *unstructured.Unstructured) {
			left := before[key(object)]
			Expect(object.Object["spec"]).To(Equal(left.Object["spec"]), key(object))
			Expect(object.GetGeneration()).To(Equal(left.GetGeneration()), key(object))
			Expect(object.GetFinalizers()).To(Equal(left.GetFinalizers()), key(object))
			Expect(gkoStatus(object)).To(Equal(gkoStatus(left)), key(object))
			annotations := object.GetAnnotations()
			maps.DeleteFunc(annotations, func(name, _ string) bool {
				return name == v1alpha1.DriftPolicyAnnotation || name == v1alpha1.IdentityAnnotation && object.GetKind() == "ApiDefinition" && left.GetAnnotations()[name] == ""
			})
			Expect(annotations).To(Equal(left.GetAnnotations()), key(object))
			Expect(len(conditionTypes(object))).To(BeNumerically("<=", 8), key(object))
			if object.GetKind() != "ApiResource" {
				Expect(conditionTypes(object)).To(ContainElements(conditionTypes(left)), key(object))
			}
		})
		Expect(configMap(ctx, "rec-25", "edge").ResourceVersion).To(Equal(edge.ResourceVersion), "gateways would deploy it again")
		Expect(configMap(ctx, "rec-26", "edge2").ResourceVersion).To(Equal(edge2.ResourceVersion))
		hr := before["ApiDefinition rec-20/hr"].DeepCopy()
		Expect(s.cluster.Client.Get(ctx, client.ObjectKeyFromObject(hr), hr)).To(Succeed())
		Expect(condition(hr, "ResolvedRefs")).To(Equal("GroupNotFound"), "a Group is missing, as before")
	})

	It("releases Secrets and ConfigMaps", func(ctx context.Context) {
		for _, object := range []client.Object{templated, credentials, configMap(ctx, "rec-28", "conf")} {
			Eventually(func() []string { return s.get(ctx, object).GetFinalizers() }).Should(BeEmpty())
			Expect(object.GetAnnotations()).To(BeEmpty())
		}
	})

	It("works on: an edit is published under the old ids", func(ctx context.Context) {
		published := map[string]bool{}
		each(ctx, "ApiDefinition", func(object *unstructured.Unstructured) {
			_, err := guide.shell(ctx, "kubectl -n "+object.GetNamespace()+" patch apidefinition "+object.GetName()+
				` --type=merge -p '{"spec":{"description":"edited after the switch"}}'`)
			Expect(err).NotTo(HaveOccurred())
		})
		inStep(ctx)
		each(ctx, "ApiDefinition", func(object *unstructured.Unstructured) {
			Expect(gkoStatus(object)).To(Equal(gkoStatus(before[key(object)])), key(object))
			id, _, _ := unstructured.NestedString(object.Object, "status", "id")
			remote, found := s.sim.API(id)
			if found {
				Expect(remote.Definition).To(HaveKeyWithValue("description", "edited after the switch"), key(object))
				published[id] = true
			}
		})
		Expect(published).To(HaveLen(9), "all but the one without a context")
		Expect(s.writesSince(mark)).To(HaveLen(9))
		Expect(configMap(ctx, "rec-25", "edge").Data["definition"]).To(ContainSubstring("edited after the switch"))
	})

	It("goes back: what is stored fits GKO's schema, and has what GKO reads", func(ctx context.Context) {
		mark = s.sim.Mark()
		Expect(s.cluster.Client.Create(ctx, deployment(harness.OperatorNamespace, "apisync-controller-manager", "apisync:test"))).To(Succeed())
		guide.succeed(ctx, "kubectl -n apisync-system scale deployment/apisync-controller-manager --replicas=0")
		Expect(s.operator.Stop()).To(Succeed())
		guide.succeed(ctx, "kubectl -n gravitee scale deployment/gko-controller-manager --replicas=1")
		guide.succeed(ctx, "kubectl apply -f webhooks.yaml")
		Expect(guide.shell(ctx, "kubectl get validatingwebhookconfiguration gko-validating -o name")).To(ContainSubstring("gko-validating"))
		Expect(guide.shell(ctx, "kubectl delete -f webhooks.yaml")).To(ContainSubstring("deleted"), "nobody answers them here")
		applyGKOCRDs(ctx, s.cluster)
		known := []string{
			v1alpha1.ApiDefinitionFinalizer, v1alpha1.ManagementContextFinalizer, v1alpha1.ApiResourceFinalizer, v1alpha1.GroupFinalizer, v1alpha1.NotificationFinalizer,
		}
		each(ctx, "", func(object *unstructured.Unstructured) {
			Expect(known).To(ContainElements(object.GetFinalizers()), key(object))
			Expect(gkoStatus(object)).To(Equal(gkoStatus(before[key(object)])), key(object))

			// GKO stores the whole object, and then its own status.
			annotations := object.GetAnnotations()
			annotations["gravitee.io/last-spec-hash"] = "another"
			object.SetAnnotations(annotations)
			stored := object.DeepCopy()
			Expect(s.cluster.Client.Update(ctx, stored)).To(Succeed(), key(object))
			left, _, _ := unstructured.NestedMap(before[key(object)].Object, "status")
			if left == nil {
				return
			}
			stored.Object["status"] = left
			Expect(s.cluster.Client.Status().Update(ctx, stored)).To(Succeed(), key(object))
		})
		Expect(s.writesSince(mark)).To(BeEmpty())
	})

	It("comes back once more, as it came", func(ctx context.Context) {
		_, err := guide.shell(ctx, "kubectl apply --server-side --force-conflicts -k config/crd")
		Expect(err).NotTo(HaveOccurred())
		Expect(s.cluster.Client.Delete(ctx, deployment(gkoNamespace, "gko-controller-manager", ""))).To(Succeed())
		begin(ctx)
		inStep(ctx)
		Expect(s.writesSince(mark)).To(BeEmpty())
		each(ctx, "ApiDefinition", func(object *unstructured.Unstructured) {
			Expect(gkoStatus(object)).To(Equal(gkoStatus(before[key(object)])), key(object))
		})

		By("deleting everything, which nothing of GKO's holds up")
		s.remove(ctx, templated, credentials)
		s.expect(ctx, templated, gone)
		s.expect(ctx, credentials, gone)
		each(ctx, "", func(object *unstructured.Unstructured) { s.remove(ctx, object) })
		for _, object := range objects {
			s.expect(ctx, object, gone)
		}
		Expect(s.sim.APIs()).To(BeEmpty())
		Expect(s.sim.Groups()).To(BeEmpty())
	})

	It("has run every command of the guide that can be run here", func() {
		for _, command := range guide.commands {
			if !slices.Contains(elsewhereCommands(), command) {
				Expect(guide.ran[command]).To(BeTrue(), command)
			}
		}
	})
})

// deployment has no Pods that could run: there are no nodes.
func deployment(namespace, name, image string) *appsv1.Deployment {
	labels := map[string]string{"app": name}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(1)), Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "manager", Image: image}}},
			},
		},
	}
}

// runGKO puts into the cluster what shows that a GKO works there.
func runGKO(ctx context.Context, cluster *harness.Cluster, namespace string) {
	GinkgoHelper()
	now := metav1.NowMicro()
	Expect(cluster.Client.Create(ctx, deployment(namespace, "gko-controller-manager", "graviteeio/kubernetes-operator:4.12.0"))).To(Succeed())
	Expect(cluster.Client.Create(ctx, &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: leaseName},
		Spec: coordinationv1.LeaseSpec{
			HolderIdentity: new("gko-controller-manager-0"), LeaseDurationSeconds: new(int32(3600)), AcquireTime: &now, RenewTime: &now,
		},
	})).To(Succeed())
	for _, kind := range []string{"Validating", "Mutating"} {
		webhook := &unstructured.Unstructured{Object: map[string]any{
			"webhooks": []any{map[string]any{
				"name": "v1alpha1.gravitee.io", "admissionReviewVersions": []any{"v1"}, "sideEffects": "None", "failurePolicy": "Fail",
				"clientConfig": map[string]any{"service": map[string]any{"namespace": namespace, "name": "gko-webhook"}},
				"rules": []any{map[string]any{
					"apiGroups": []any{"gravitee.io"}, "apiVersions": []any{"v1alpha1"}, "operations": []any{"CREATE", "UPDATE"}, "resources": []any{"apidefinitions"},
				}},
			}},
		}}
		webhook.SetAPIVersion("admissionregistration.k8s.io/v1")
		webhook.SetKind(kind + "WebhookConfiguration")
		webhook.SetName("gko-" + strings.ToLower(kind))
		Expect(cluster.Client.Create(ctx, webhook)).To(Succeed())
	}
}

// endLease lets the lease of a GKO that is gone run out.
func endLease(ctx context.Context, cluster *harness.Cluster, namespace string) {
	GinkgoHelper()
	lease := &coordinationv1.Lease{}
	Expect(cluster.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: leaseName}, lease)).To(Succeed())
	lease.Spec.RenewTime = new(metav1.NewMicroTime(time.Now().Add(-2 * time.Hour)))
	Expect(cluster.Client.Update(ctx, lease)).To(Succeed())
}
