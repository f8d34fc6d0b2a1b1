#!/usr/bin/env bash
# pin.sh FILE [IMAGE=sha256:DIGEST...]: puts the digest of each image into FILE that says REPLACE there.
#
# Those that are not given are asked of their registries, by crane, skopeo or docker, whichever is there first.
set -euo pipefail

[ $# -ge 1 ] && [ -f "$1" ] || { echo 'Usage: pin.sh FILE [IMAGE=sha256:DIGEST...]' >&2; exit 2; }
readonly FILE=$1
shift

# digest IMAGE:TAG: of the index, so that it holds for every platform.
digest() {
  if type -P crane >/dev/null; then
    crane digest "$1"
  elif type -P skopeo >/dev/null; then
    # The digest is that of the bytes, and skopeo gives them unchanged.
    skopeo inspect --raw "docker://$1" | sha256sum | sed 's/^\([0-9a-f]*\).*/sha256:\1/'
  elif docker buildx version >/dev/null 2>&1; then
    docker buildx imagetools inspect --format '{{json .Manifest.Digest}}' "$1" | tr -d '"'
  else
    echo "There is no crane, skopeo or docker here to ask for the digest of $1:" >&2
    echo "install one, or give ${1%:*}=sha256:..." >&2
    return 1
  fi
}

# Of kustomize's list of images: a name, perhaps a newName, and a newTag that says REPLACE.
images() {
  awk '/^- name:/ { name = $3 } /^  newName:/ { name = $2 }
    /^  newTag:.*REPLACE/ { split($2, part, "@"); print name, part[1] }' "$FILE"
}

while read -r name tag <&3; do
  found=''
  for given in "$@"; do
    [ "${given%%=*}" != "$name" ] || found=${given#*=}
  done
  [ -n "$found" ] || found=$(digest "$name:$tag")
  [[ $found =~ ^sha256:[0-9a-f]{64}$ && ! $found =~ ^sha256:0+$ ]] ||
    { echo "$name:$tag: $found is no digest." >&2; exit 1; }
  awk -v name="$name" -v found="$found" '
    /^- name:/ { here = $3 } /^  newName:/ { here = $2 }
    here == name && /^  newTag:.*REPLACE/ { sub(/@sha256:0+ *# REPLACE/, "@" found) }
    { print }' "$FILE" >"$FILE.new"
  mv "$FILE.new" "$FILE"
  echo "$name:$tag@$found"
done 3< <(images)
