#!/usr/bin/env bash
# Runs each fuzz test of the module for a while; `go test -fuzz` takes only one at a time.
#
# Usage: hack/fuzz.sh DURATION, such as 10s or 5m
set -euo pipefail

duration=$1
found=0
while IFS=: read -r file name; do
  found=1
  echo "== $name in ./$(dirname "$file"), for $duration"
  go test -run='^$' -fuzz="^$name\$" -fuzztime="$duration" "./$(dirname "$file")"
done < <(git ls-files --cached --others --exclude-standard '*_test.go' | xargs grep -oHE '^func Fuzz[A-Za-z0-9_]*' | sed 's/func //')
if [[ $found == 0 ]]; then
  echo "There is no fuzz test."
fi
