#!/usr/bin/env bash
# Builds the images as OCI layouts in target/image/ and prints their digests. No engine, no daemon: umoci (Debian) does it.
#
#   scripts/image.sh plugin    the module: FROM scratch, one layer with plugin.wasm
#   scripts/image.sh fpcache   the program for CronJobs and the bridge: FROM scratch, one static binary, not root
#   scripts/image.sh           both
#
# Each is built twice, and the digests must agree: times, owner and mode are set, so the same bytes are the same image (to
# the same version of umoci, which compresses). Then it is read back: one layer, one file, the bytes that went in; fpcache
# also has to run in it. To push one (skopeo is in Debian as well):
#
#   skopeo copy --preserve-digests oci:target/image/fingerprint-cache docker://registry.example.com/fingerprint-cache:TAG
set -euo pipefail
cd "$(dirname "$0")/.."

readonly REGISTRY=registry.example.com EPOCH=1970-01-01T00:00:00Z OUT=target/image
TARGET=${CARGO_TARGET_DIR:-target}
HOST=$(rustc -vV | sed -n 's/^host: //p')

fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }
command -v umoci >/dev/null || fail 'umoci is missing: run `make setup`, or apt-get install umoci.'

# layout FOLDER FILE NAME MODE CONFIG... : an image with that file in its root, and nothing that depends on when or where.
layout() {
  local folder=$1 image=$1:latest file=$2 name=$3 mode=$4 owner=() work root
  work=$(mktemp -d)
  root=$work/bundle/rootfs
  [ "$(id -u)" -eq 0 ] || owner=(--rootless)
  rm -rf "$folder"
  umoci init --layout "$folder"
  umoci new --image "$image"
  # Not `umoci insert`: that of 0.4.7 leaves the end of the archive away.
  umoci unpack "${owner[@]}" --image "$image" "$work/bundle"
  touch -r "$root" "$work/before"
  install -m "$mode" "$file" "$root/$name"
  touch -d "$EPOCH" "$root/$name"
  # The folder itself has not changed, so it does not go into the layer.
  touch -r "$work/before" "$root"
  umoci repack --history.created "$EPOCH" --history.created_by "COPY $name" --image "$image" "$work/bundle"
  umoci config --no-history --created "$EPOCH" --os linux --architecture amd64 --image "$image" "${@:5}"
  # Each step left its own manifest behind.
  umoci gc --layout "$folder"
  rm -rf "$work"
}

# blob FOLDER DIGEST: where it is.
blob() { printf '%s/blobs/sha256/%s' "$1" "${2#sha256:}"; }
# digests FILE: those in a manifest or an index, in their order.
digests() { grep -o '"digest":"sha256:[0-9a-f]*"' "$1" | sed 's/.*"\(sha256:[^"]*\)"/\1/'; }

# image NAME FILE INSIDE MODE CONFIG... : builds it twice, reads it back, prints where it is.
image() {
  local name=$1 file=$2 inside=$3 folder=$OUT/$1 again digest manifest layer
  [ -f "$file" ] || fail "$file is missing: run \`make build\`."
  again=$(mktemp -d)
  layout "$folder" "${@:2}" >/dev/null
  # A later moment, so that a time which is not set would show.
  sleep 1.1
  layout "$again/$name" "${@:2}" >/dev/null
  digest=$(digests "$folder/index.json")
  [ "$digest" = "$(digests "$again/$name/index.json")" ] || fail "$name: two builds, two digests."
  rm -rf "$again"

  manifest=$(blob "$folder" "$digest")
  [ "$(sha256sum <"$manifest" | cut -d' ' -f1)" = "${digest#sha256:}" ] || fail "$name: its digest is not that of its manifest."
  [ "$(grep -o 'vnd.oci.image.layer.v1.tar+gzip' "$manifest" | wc -l)" -eq 1 ] || fail "$name: not one layer of gzipped tar."
  layer=$(blob "$folder" "$(digests "$manifest" | tail -n 1)")
  [ "$(tar -tzf "$layer")" = "$inside" ] || fail "$name: its layer does not hold $inside alone: $(tar -tzf "$layer")"
  tar -xzOf "$layer" "$inside" | cmp - "$file" || fail "$name: $inside in the image is not $file."
  echo "ok: $name: built twice, one digest; its one layer holds $inside alone, equal to $file"
  echo "$REGISTRY/$name@$digest"
}

plugin() {
  # A ConfigMap, which holds the module where no registry can be reached, may have 1 MiB (istio/variants/mounted-module.yaml).
  local bytes=0
  [ ! -f target/plugin.wasm ] || bytes=$(stat -c %s target/plugin.wasm)
  [ "$bytes" -le 1000000 ] || fail "target/plugin.wasm has $bytes bytes: with more than 1,000,000 it soon fits no ConfigMap."
  image fingerprint-cache target/plugin.wasm plugin.wasm 0644 --author fingerprint-cache
}

fpcache() {
  # A target directory of its own: the flag would have everything else built anew.
  local said
  said=$(RUSTFLAGS='-C target-feature=+crt-static' CARGO_TARGET_DIR=$TARGET/static \
    cargo build -q --release --locked -p fpcache --target "$HOST" 2>&1) || fail "fpcache does not build: $said"
  local program=$TARGET/static/$HOST/release/fpcache
  ! ldd "$program" >/dev/null 2>&1 || ldd "$program" | grep -q 'statically linked' || fail "$program is not static."
  image fpcache "$program" fpcache 0755 --config.user 65532:65532 --config.entrypoint /fpcache
  runs
}

# In the image and a file of hosts alone, as a container would; with a name to resolve, which static C libraries may not.
runs() {
  if [ "$(id -u)" -ne 0 ]; then echo 'skipped: whether fpcache runs in its image: only root may chroot'; return; fi
  local work inside said
  work=$(mktemp -d)
  umoci unpack --image "$OUT/fpcache:latest" "$work/bundle" >/dev/null
  mkdir -p "$work/bundle/rootfs/etc"
  echo '127.0.0.1 redis-master' >"$work/bundle/rootfs/etc/hosts"
  inside=(chroot --userspec=65532:65532 "$work/bundle/rootfs" /fpcache)
  said=$("${inside[@]}" --version 2>&1) || fail "fpcache does not run in its image: $said"
  # Nobody listens on port 1: it must get as far as that.
  said=$("${inside[@]}" keys --by rule --redis redis://redis-master:1 2>&1) || true
  [[ $said == 'Nothing listens at redis-master:1.'* ]] || fail "fpcache cannot resolve a name in its image: $said"
  rm -rf "$work"
  echo 'ok: fpcache runs in its image as 65532, and resolves names there'
}

mkdir -p "$OUT"
case ${1:-all} in
plugin) plugin ;;
fpcache) fpcache ;;
all) plugin && fpcache ;;
*) echo 'Usage: scripts/image.sh [plugin|fpcache]'; exit 2 ;;
esac
