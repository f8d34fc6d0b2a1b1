# fpcache as an image without a shell, as a user who is nobody; the build context is the root of the repository:
#
#   docker build -f k8s/fpcache.Dockerfile -t registry.example.com/fpcache:1.0.0 .
#
# NOT YET BUILT: no docker engine where this was written.
FROM rust:1.95.0-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked -p fpcache

# glibc and its companions of the same Debian, nothing else.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /src/target/release/fpcache /usr/local/bin/fpcache
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/fpcache"]
