# `make help` lists the targets. Needed: Go, make and git. kubectl is needed by targets that speak to a
# cluster of yours only; a container builder by `image` only. Tools come through `go tool` from the modules in hack/.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO      ?= go
KUBECTL ?= kubectl
DOCKER  ?= docker
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
IMG     ?= apisync:$(VERSION)
OVERLAY ?= config/default
FUZZTIME ?= 10s

# Nothing here needs C; only the race detector does, see GOTEST.
export CGO_ENABLED := 0

LDFLAGS := -X main.version=$(VERSION)
TOOL    := $(GO) tool -modfile=hack/tools/go.mod
LINT    := $(GO) tool -modfile=hack/lint/go.mod golangci-lint
MODULES := . $(patsubst %/go.mod,%,$(wildcard hack/*/go.mod)) test/monitoring

# The race detector needs a C compiler; without one the same tests run without it.
HASH := \#
RACE  = $(shell echo '$(HASH)include <pthread.h>' | $$($(GO) env CC) -E - >/dev/null 2>&1 && echo -race)
GOTEST = CGO_ENABLED=$(if $(RACE),1,0) $(GO) test $(RACE)

# Packages whose tests start control planes run one after another; the others as Go likes it.
PACKAGES  = $(shell $(GO) list ./... | grep -v '/test/integration')
SERIAL    = $(filter %/api/v1alpha1,$(PACKAGES)) $(foreach p,$(PACKAGES),$(if $(findstring /test/,$(p)),$(p)))
PARALLEL  = $(filter-out $(SERIAL),$(PACKAGES))

##@ General

.PHONY: help
help: ## Show this list.
	@awk 'BEGIN {FS = ":.*## "; printf "Usage: make TARGET [VARIABLE=value]\n"} \
	  /^##@/ {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-zA-Z_-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## Run everything on this machine and show it (DEMO=once: check itself and end).
	@echo "Building the demo; the first time this takes a minute or two"
	@$(GO) build -o bin/demo ./test/demo
	@exec bin/demo $(if $(filter once,$(DEMO)),--once)

.PHONY: clean
clean: ## Remove what was built. The control plane's programs stay in the user's cache.
	rm -rf bin dist

##@ Development

.PHONY: build
build: ## Build bin/apisync, and the same as the kubectl plugin bin/kubectl-apisync.
	$(GO) build -ldflags '$(LDFLAGS)' -o bin/apisync .
	ln -sf apisync bin/kubectl-apisync

.PHONY: run
run: ## Run the operator against the cluster of the current kubeconfig.
	$(GO) run -ldflags '$(LDFLAGS)' . --apply-crds --log-format=console

.PHONY: generate
generate: ## Generate the deep copies of the resources.
	$(TOOL) controller-gen object:headerFile=hack/tools/boilerplate.go.txt paths=./api/...

.PHONY: manifests
manifests: ## Generate the CRDs.
	$(TOOL) controller-gen crd paths=./api/... output:crd:dir=config/crd/bases

.PHONY: docs
docs: ## Generate the reference of the resources.
	$(TOOL) crd-ref-docs --source-path=api/v1alpha1 --config=hack/tools/crd-ref-docs/config.yaml \
	  --templates-dir=hack/tools/crd-ref-docs/templates --renderer=markdown --max-depth=20 --output-path=docs/reference/crds.md

.PHONY: fmt
fmt: ## Format the code.
	$(GO) fmt ./...

.PHONY: vet
vet: ## Look for suspicious code with the compiler's own tool.
	$(GO) vet ./...

.PHONY: lint
lint: ## Look for more of it (.golangci.yml). The first run builds the linter: 2 to 4 minutes.
	$(LINT) run ./...
	cd test/monitoring && $(GO) tool -modfile=../../hack/lint/go.mod golangci-lint run ./...

.PHONY: tidy-check
tidy-check: ## Fail if a go.mod or go.sum isn't tidy.
	@for module in $(MODULES); do echo "go mod tidy -diff ($$module)"; $(GO) -C $$module mod tidy -diff; done

.PHONY: verify
verify: generate manifests docs fmt vet lint tidy-check ## Do all of the above, then fail if that, or you, changed a file that isn't committed.
	@changed="$$(git status --porcelain)"; \
	if [[ -n "$$changed" ]]; then \
	  echo "These files differ from what is committed. If generation changed them, commit the result:"; \
	  echo "$$changed"; exit 1; \
	fi; \
	echo "verified: everything generated, formatted and tidy, and nothing changed"

##@ Tests

.PHONY: test
test: unit integration ## Run all tests.

.PHONY: controlplane
controlplane: ## Build the programs of the local control plane, once: 4 to 6 minutes on two cores.
	$(GO) run ./test/controlplane/cmd/controlplane build

.PHONY: unit
unit: controlplane ## Run the tests beside the code, and those of config/, samples/ and the test tools.
	$(GOTEST) $(PARALLEL)
	$(GOTEST) -p 1 -timeout 15m $(SERIAL)
	$(if $(RACE),$(GO) test -run 'TestDriftOfEveryField|TestDayAtRest' ./internal/controller,@:) # shortened under the race detector
	$(GO) -C test/monitoring test -count=1 ./... # Go doesn't see that files outside of the module changed

.PHONY: integration
integration: controlplane ## Run the suites on real API servers, with the operator as a process under the rights that config/ ships.
	APISYNC_RACE=$(if $(RACE),1,0) $(GOTEST) -p 1 -count=1 -timeout 30m ./test/integration/...

.PHONY: bench
bench: controlplane ## Measure the operator against plain clients (BENCH='-sizes 1000' and so on; BENCH=-help).
	$(GO) build -o bin/bench ./test/bench
	exec bin/bench $(BENCH)

.PHONY: fuzz
fuzz: ## Run each fuzz test for FUZZTIME (10s).
	@hack/fuzz.sh $(FUZZTIME)

##@ A cluster of yours (current kubeconfig)

.PHONY: install
install: ## Install the CRDs.
	$(TOOL) kustomize build config/crd | $(KUBECTL) apply --server-side --force-conflicts -f -

.PHONY: uninstall
uninstall: ## Remove the CRDs. All resources go with them, and their APIs while the operator runs.
	$(TOOL) kustomize build config/crd | $(KUBECTL) delete --ignore-not-found -f -

.PHONY: deploy
deploy: ## Install everything with the image IMG; OVERLAY=config/overlays/… takes another overlay.
	hack/kustomization.sh dist/deploy $(OVERLAY) $(IMG)
	$(TOOL) kustomize build dist/deploy | $(KUBECTL) apply --server-side --force-conflicts -f -

.PHONY: undeploy
undeploy: ## Remove the operator. CRDs, resources and published APIs stay.
	hack/kustomization.sh dist/undeploy $(OVERLAY) $(IMG) config/components/without-crds
	$(TOOL) kustomize build dist/undeploy | $(KUBECTL) delete --ignore-not-found -f -

.PHONY: image
image: ## Build the container image IMG.
	$(DOCKER) build --build-arg VERSION=$(VERSION) -t $(IMG) .
