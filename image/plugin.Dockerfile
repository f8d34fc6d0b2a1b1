# The module as an image, for whoever has an engine: `scripts/image.sh` makes the same without one (the same file in one layer;
# the digests differ, as each tool writes its own metadata). Build the module first (`make plugin`), then from the root:
#
#   SOURCE_DATE_EPOCH=0 docker buildx build -f image/plugin.Dockerfile -t registry.example.com/fingerprint-cache:1.0.0 .
FROM scratch
# One layer with this name in it is what Istio's agent looks for.
COPY target/plugin.wasm ./plugin.wasm
