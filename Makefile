# What a developer types. Everything here also works by hand; CI runs `make test`.

SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
PACKAGES := sip-tester postgresql prometheus flite kamailio kamailio-tls-modules baresip-core cmake chromium python3-venv
# Where Node.js is there already, it may be another distribution's, which brings npm and conflicts with Debian's.
PACKAGES += $(if $(shell command -v npm),,nodejs npm)
VERIFIERS := target/verifiers
PEERS := target/peers
FUZZER := target/fuzzer
ORACLES := target/oracles
BROWSERS := target/browsers

.PHONY: demo test deps packages check unit bench dist

# The main job, on simulated callees.
demo:
	cargo run --release -- demo

# Everything that must hold before a commit lands: installs what it needs, checks, builds, tests. Downloads wait for the network, and
# the compiler for the processor: they go side by side.
test: packages
	$(MAKE) -j3 deps check
	$(MAKE) unit

# sipp, a PostgreSQL server, promtool, a speech synthesiser, kamailio and baresip as other people's SIP stacks, and Chromium as a
# person's browser, from the distribution's packages; cmake builds libopus for the feature `opus`.
deps: packages $(VERIFIERS)/ready $(PEERS)/ready $(FUZZER)/ready $(ORACLES)/ready $(BROWSERS)/ready

packages:
	@missing=""; for package in $(PACKAGES); do dpkg -s $$package >/dev/null 2>&1 || missing="$$missing $$package"; done; \
	if [ -n "$$missing" ]; then $(SUDO) apt-get update -q && $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends $$missing; fi

# The published Standard Webhooks verifiers of two other languages, in the versions that tests/verifiers names; kept until those
# change.
$(VERIFIERS)/ready: tests/verifiers/package-lock.json tests/verifiers/requirements.txt | packages
	rm -rf $(VERIFIERS) && mkdir -p $(VERIFIERS)
	cp tests/verifiers/package.json tests/verifiers/package-lock.json $(VERIFIERS)/
	cd $(VERIFIERS) && npm ci --no-audit --no-fund --ignore-scripts
	python3 -m venv $(VERIFIERS)/python
	$(VERIFIERS)/python/bin/pip install --quiet --requirement tests/verifiers/requirements.txt
	touch $@

# Other people's voice bots, unmodified: Pipecat, jambonz's SDK, OpenAI's agents SDK, two AudioSocket servers, and a simulator of
# Twilio's media streams. Half a gigabyte.
$(PEERS)/ready: tests/it/streams/package-lock.json tests/it/streams/requirements.txt | packages
	rm -rf $(PEERS) && mkdir -p $(PEERS)
	cp tests/it/streams/package.json tests/it/streams/package-lock.json $(PEERS)/
	cd $(PEERS) && npm ci --no-audit --no-fund --ignore-scripts
	python3 -m venv $(PEERS)/python
	$(PEERS)/python/bin/pip install --quiet --requirement tests/it/streams/requirements.txt
	touch $@

# aiortc, a WebRTC stack of other people's, and what drives Chromium, in the versions that tests/it/browser names.
$(BROWSERS)/ready: tests/it/browser/requirements.txt | packages
	rm -rf $(BROWSERS) && mkdir -p $(BROWSERS)
	python3 -m venv $(BROWSERS)/python
	$(BROWSERS)/python/bin/pip install --quiet --requirement tests/it/browser/requirements.txt
	touch $@

# schemathesis, which attacks the API by its own description.
$(FUZZER)/ready: tests/it/openapi/requirements.txt | packages
	rm -rf $(FUZZER) && mkdir -p $(FUZZER)
	python3 -m venv $(FUZZER)/python
	$(FUZZER)/python/bin/pip install --quiet --requirement tests/it/openapi/requirements.txt
	touch $@

# The published types of realtime models' protocols, of three providers.
$(ORACLES)/ready: tests/it/realtime/requirements.txt | packages
	rm -rf $(ORACLES) && mkdir -p $(ORACLES)
	python3 -m venv $(ORACLES)/python
	$(ORACLES)/python/bin/pip install --quiet --requirement tests/it/realtime/requirements.txt
	touch $@

# In the profile of the tests, so that C libraries, macros and build scripts are built once.
check:
	cargo fmt --all --check
	cargo clippy --release --workspace --all-targets --features opus -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --release --workspace --features opus --no-deps
	@if command -v cargo-deny >/dev/null; then cargo deny check bans licenses sources; \
	else echo "cargo-deny is not installed: dependencies' licences were not checked (cargo install --locked cargo-deny)"; fi

# The integration tests start the release binary, sipp, PostgreSQL and webhook receivers by themselves.
unit:
	cargo test --release --workspace --features opus

# Prints the tables that the README quotes. Takes a quiet machine and about fifteen minutes.
bench:
	cargo bench --bench sip_parse
	cargo bench --bench amd
	cargo bench --bench media_cost
	cargo bench --bench invite_rate
	cargo bench --bench agents

# What is shipped: optimised across crates.
dist:
	cargo build --profile dist
