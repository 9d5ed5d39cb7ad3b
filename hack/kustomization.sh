#!/usr/bin/env bash
# Writes a kustomization into a folder under dist/: an overlay with another image. So `make deploy IMG=…`
# changes no file that is committed.
#
# Usage: hack/kustomization.sh FOLDER OVERLAY IMAGE [COMPONENT]
#   FOLDER     is made if need be, two levels below the root, such as dist/deploy
#   OVERLAY    a folder of config/, such as config/default
#   IMAGE      name:tag or name@digest
#   COMPONENT  a folder of config/components that is applied as well
set -euo pipefail

folder=$1 overlay=$2 image=$3 component=${4:-}
mkdir -p "$folder"
{
  echo 'apiVersion: kustomize.config.k8s.io/v1beta1'
  echo 'kind: Kustomization'
  echo "resources: [../../$overlay]"
  if [[ -n $component ]]; then
    echo "components: [../../$component]"
  fi
  echo 'images:'
  echo '- name: apisync'
  if [[ $image == *@* ]]; then
    echo "  newName: ${image%@*}"
    echo "  digest: ${image##*@}"
  elif [[ ${image##*/} == *:* ]]; then
    echo "  newName: ${image%:*}"
    echo "  newTag: \"${image##*:}\""
  else
    echo "  newName: $image"
    echo '  newTag: latest'
  fi
} > "$folder/kustomization.yaml"
