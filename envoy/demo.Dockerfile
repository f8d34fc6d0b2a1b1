# The demo service for compose.yaml; the build context is the root of the repository.
FROM rust:1.95.0-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked -p fingerprint-demo

FROM debian:12.11-slim
COPY --from=build /src/target/release/fingerprint-demo /usr/local/bin/
USER nobody
CMD ["fingerprint-demo"]
