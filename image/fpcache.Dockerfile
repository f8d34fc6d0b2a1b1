# `fpcache` for CronJobs and the bridge. One static program and nothing else: no shell, no libraries, no base that could go
# stale. The build context is the root of the repository:
#
#   docker build -f image/fpcache.Dockerfile -t registry.example.com/fpcache:1.0.0 .
FROM rust:1.95.0-slim-bookworm AS build
WORKDIR /src
COPY . .
# With its C library inside. --target keeps that flag from build scripts.
RUN RUSTFLAGS='-C target-feature=+crt-static' cargo build --release --locked -p fpcache \
      --target "$(rustc -vV | sed -n 's/^host: //p')" && cp target/*/release/fpcache /fpcache

FROM scratch
COPY --from=build /fpcache /fpcache
# "nonroot" of the distroless images. A number, as Kubernetes cannot tell for a name whether it is root.
USER 65532:65532
ENTRYPOINT ["/fpcache"]
