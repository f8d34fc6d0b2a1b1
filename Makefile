# Each CI stage is a target. Nothing is downloaded outside `make setup`: builds run offline.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
# Targets start cargo and each other; two at once would only wait for the same locks.
.NOTPARALLEL:

export CARGO_NET_OFFLINE ?= true
TARGET := $(or $(CARGO_TARGET_DIR),target)

# Callbacks that the SDK exports and the filter has no use for: the host would call each of them for each request.
UNUSED_CALLBACKS := proxy_on_log proxy_on_done proxy_on_vm_start proxy_on_new_connection proxy_on_downstream_* proxy_on_upstream_* \
  proxy_on_grpc_* proxy_on_foreign_function

# The crates that start real processes: their tests are the end-to-end stage.
PROCESSES := stack e2e

.PHONY: help
help: ## Show this
	@echo 'fingerprint-cache: make TARGET'
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##@ Run

.PHONY: setup
setup: ## Install what is missing (Envoy, Redis, webdis, wrk, curl, Rust targets, test runners, HTTP caching tests); the second time takes seconds
	@scripts/setup.sh all

.PHONY: setup-run
setup-run: # What `make run` needs of it.
	@scripts/setup.sh run

.PHONY: build
build: plugin ## Build the filter (target/plugin.wasm) and the native programs
	@cargo build -q -p fpcache -p fingerprint-demo -p stack

.PHONY: plugin
plugin:
	@# As a cdylib alone: beside an rlib it is built without link-time optimisation, and a fifth larger.
	@cargo rustc -q --release --target wasm32-wasip1 -p fingerprint-cache --lib --crate-type cdylib
	@mkdir -p target
	@cargo run -q -p trim -- $(TARGET)/wasm32-wasip1/release/fingerprint_cache.wasm target/plugin.wasm $(UNUSED_CALLBACKS)

.PHONY: run
run: setup-run build ## Start Redis, webdis, a demo service and Envoy, show hits by tier, stay up until Ctrl-C
	@$(TARGET)/debug/stack run

.PHONY: demo
demo: setup-run build ## The same, but end after the tour; exit 0 only when the hits were seen
	@$(TARGET)/debug/stack demo

##@ Test

.PHONY: test
test: setup ## Run all stages below, and print one summary
	@scripts/test.sh

.PHONY: fmt
fmt: ## Stage: formatting
	@{ cargo fmt --all -- --check -l && cargo fmt --manifest-path fuzz/Cargo.toml -- --check -l; } || { echo 'These files are not formatted: `cargo fmt --all` does it (those of fuzz/: in there).'; exit 1; }

.PHONY: clippy
clippy: ## Stage: lints, native and Wasm
	@cargo clippy -q --workspace --all-targets -- -D warnings
	@cargo clippy -q -p fingerprint-cache --lib --target wasm32-wasip1 -- -D warnings

.PHONY: unit
unit: ## Stage: unit tests, properties, documents, command lines
	@cargo test -q --no-fail-fast --workspace $(PROCESSES:%=--exclude %) --exclude fingerprint-cache
	@cargo test -q --no-fail-fast -p fingerprint-cache --lib --test docs

.PHONY: wasm-test
wasm-test: ## Stage: the core's tests on 32-bit Wasm under Node
	@test -x .tools/bin/wasm-bindgen-test-runner || { echo 'The runner is missing: run `make setup`.'; exit 1; }
	@CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER=$(CURDIR)/.tools/bin/wasm-bindgen-test-runner \
	  cargo test --target wasm32-unknown-unknown -p fingerprint-cache --lib

.PHONY: validate
validate: build ## Stage: Envoy, fpcache, schemas and policies check every configuration and manifest; the image is built twice
	@scripts/validate.sh $(TARGET)/debug/fpcache

.PHONY: scenarios
scenarios: ## Stage: scenarios on the deterministic simulator, 10,000 seeds; SEEDS=1000 for fewer
	@SEEDS=$(or $(SEEDS),10000) cargo test -q --profile scenarios -p fingerprint-cache --test scenarios

.PHONY: e2e
e2e: build ## Stage: real Envoy, Redis and webdis, end to end
	@rm -rf target/stack/test-*
	@cargo test -q --no-fail-fast -p stack -p e2e

.PHONY: conformance
conformance: build ## Stage: the public HTTP caching tests against the expected outcomes; ID=NAME shows one test
	@cargo run -q -p conformance -- $(if $(ID),--id '$(ID)') $(if $(SUITE),--suite '$(SUITE)')

.PHONY: conformance-accept
conformance-accept: build # Makes what is found the expected outcomes.
	@cargo run -q -p conformance -- --accept

.PHONY: coherence
coherence: build ## How old answers can be after an invalidation: two Envoys under load, one killed; writes target/coherence/report.json
	@cargo run -q -p coherence

.PHONY: failover
failover: build ## Stage: three Redis, three Sentinels, HAProxy: killed, frozen, cut off, restarted, under load; ONLY='kill freeze' for some; writes target/failover/report.json
	@cargo run -q -p failover -- $(ONLY)

.PHONY: monitoring
monitoring: build ## Stage: every alert by promtool, every query of rules and dashboards against a real Prometheus
	@.tools/venv/bin/python scripts/check/monitoring.py $(TARGET)/debug

.PHONY: chain
chain: plugin ## The whole chain against the targets of the fingerprint API at a Zipf load, on a quiet machine; writes target/chain/report.json
	@cargo build -q --release -p fingerprint-demo -p chain
	@cargo run -q --release -p chain

.PHONY: backup
backup: build ## Stage: backup and restore of a real Redis, to a directory and to an object store
	@scripts/check/backup.sh $(TARGET)/debug/fpcache $(TARGET)/debug/fingerprint-demo

.PHONY: fuzz
fuzz: ## Stage: each fuzz target for 20 seconds; SECONDS=600 for longer, ONLY=NAME for one
	@EACH=$(or $(SECONDS),20) fuzz/run.sh $(ONLY)

.PHONY: cost
cost: ## What the core alone takes of a request, in V8 and without Envoy, in µs
	@cargo build -q --release --target wasm32-wasip1 -p cost
	@node --no-warnings bench/node.mjs $(TARGET)/wasm32-wasip1/release/cost.wasm

.PHONY: bench
bench: build ## Measure on a quiet machine; writes target/bench/report.json and a table (some minutes)
	@cargo run -q --release -p bench

.PHONY: bench-scale
bench-scale: ## What one Redis group carries: the tables of docs/scale.md
	@python3 bench/scale.py

.PHONY: image
image: plugin ## Build the OCI images (module, fpcache) in target/image/, twice, and print their digests
	@scripts/image.sh

.PHONY: clean
clean: ## Remove what was built (not what was set up)
	@cargo clean -q
	@rm -rf target fuzz/target fuzz/scratch fuzz/artifacts
