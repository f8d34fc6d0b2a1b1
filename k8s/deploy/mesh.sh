# shellcheck shell=bash disable=SC2154
# Step 4: the filter beside the API, and who may call webdis (istio/, docs/istio.md).

step_mesh() {
  if [ "$mesh" = no ]; then skip 'the filter is loaded beside the API' '--without-mesh'; return; fi
  check 'istio/ builds' mesh_build
  fit_to_apply mesh
  apply_file "istio/ ($(grep -c '^kind:' "$work/mesh.yaml") objects)" "$work/mesh.yaml"
  change "annotate the API's pods, which restarts them if that is new (istio/pod.yaml)" \
    k -n fingerprint-api patch deployment fingerprint-api --patch-file istio/pod.yaml
  result "the API's pods are rolled out" \
    k -n fingerprint-api rollout status deployment/fingerprint-api --timeout=900s --request-timeout=910s
  await 60 "each of the API's sidecars runs the filter" loaded
  await 60 "each of the API's sidecars sees webdis" sees_webdis
}

mesh_build() { kubectl kustomize istio >"$work/mesh.yaml"; }

# lines PATH PATTERN: the lines that match of an admin page, in each of the API's sidecars; false where one has none.
lines() {
  local pod pods
  pods=$(k -n fingerprint-api get pods -l app=fingerprint-api --field-selector=status.phase=Running \
    -o 'jsonpath={.items[*].metadata.name}')
  [ -n "$pods" ] || { echo 'no pod of the API runs'; return 1; }
  for pod in $pods; do
    k -n fingerprint-api exec "$pod" -c istio-proxy -- pilot-agent request GET "$1" | grep -- "$2" ||
      { echo "$pod has none of $2"; return 1; }
  done
}

loaded() { lines 'stats?filter=fingerprint_cache' fingerprint_cache; }
sees_webdis() { lines clusters 'outbound|7379||webdis.caching.svc.cluster.local::.*::health_flags::healthy'; }
