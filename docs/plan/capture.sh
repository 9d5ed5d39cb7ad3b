#!/usr/bin/env bash
# Makes the captures in docs/plan.md and docs/orphans.md: a control plane, the simulated management API and the operator run on
# this machine, before.yaml is applied, some things happen behind the operator's back, and then apisync plans after.yaml.
# Needs Go and curl; the first run builds a control plane, which takes minutes. Everything ends with the script.
#
#   docs/plan/capture.sh plan.txt orphans.txt
set -euo pipefail

plan_file=$(realpath -m "${1:?name the file for the plan}")
orphans_file=$(realpath -m "${2:?name the file for the orphans}")
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
work=$(mktemp -d)
started=()
finish() {
  kill "${started[@]}" 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT

go build -o "$work/" . ./test/simulator/cmd/simulator ./test/controlplane/cmd/controlplane
kubectl=$("$work/controlplane" build | tail -n 1)
export KUBECONFIG=$work/kubeconfig
"$work/controlplane" run -kubeconfig "$KUBECONFIG" >"$work/controlplane.log" 2>&1 &
started+=($!)
"$work/simulator" --address 127.0.0.1:18083 --ready-file "$work/simulator.ready" >/dev/null &
started+=($!)
until [[ -s $KUBECONFIG && -s $work/simulator.ready ]] && "$kubectl" get --raw /readyz >/dev/null 2>&1; do sleep 1; done

"$kubectl" create namespace apisync-system >/dev/null
"$work/apisync" --apply-crds --cluster-id shop-east --health-probe-bind-address 127.0.0.1:0 >"$work/operator.log" 2>&1 &
operator=$!
started+=("$operator")
until "$kubectl" wait --for=condition=Established crd/apidefinitions.gravitee.io --timeout=60s >/dev/null 2>&1; do sleep 1; done
"$kubectl" apply -f "$here/before.yaml" >/dev/null
"$kubectl" wait --namespace shop --for=condition=Ready apidefinitions --all --timeout=60s >/dev/null

# From here on the operator doesn't put anything right.
kill "$operator"
wait "$operator" || true
# Somebody edits an API in the console.
stock=$("$kubectl" get --namespace shop apidefinition stock -o jsonpath='{.status.id}')
curl -sSf -X PATCH -d '{"description": "Edited in the console"}' "http://127.0.0.1:18083/_simulator/apis/$stock"
# A resource is lost, and its API stays.
"$kubectl" patch --namespace shop apidefinition search --type=merge -p '{"metadata": {"finalizers": null}}' >/dev/null
"$kubectl" delete --namespace shop apidefinition search >/dev/null

status=0
"$work/apisync" plan -f "$here/after.yaml" --prune --selector team=shop --cluster-id shop-east >"$plan_file" 2>/dev/null || status=$?
echo "plan: exit code $status" >&2
status=0
"$work/apisync" orphans --cluster-id shop-east >"$orphans_file" 2>/dev/null || status=$?
echo "orphans: exit code $status" >&2
