# make test    everything that must hold; CI runs this and nothing else
# make check   the Rust part of it, for daily work
# make help    the rest

SHELL := /bin/sh
PYTHON3 ?= python3
PARETO_CACHE_DIR ?= $(HOME)/.cache/pareto
CARGO_TARGET_DIR ?= $(CURDIR)/target
VENV := $(PARETO_CACHE_DIR)/venv
LOCKS := testdata/python
CORPUS := datafusion-sqllogictest-55.2.0
CORPUS_SHA256 := b270cea4d8c2b2c42773e60164204386fb97d7936736e5f126ac751b86d7dabe
SF ?= 1
BENCH ?= suites $(SF)

export PARETO_CACHE_DIR CARGO_TARGET_DIR
export PARETO_BIN := $(CARGO_TARGET_DIR)/release/pareto
export PARETO_WEED ?= $(VENV)/bin/weed
export PYTHONDONTWRITEBYTECODE := 1
export PYTHONPATH := $(CURDIR)/testdata

# Always the whole workspace, never one package of it: a package alone asks for other features of the
# dependencies, and most of them would be compiled a second time.

.NOTPARALLEL:
.PHONY: help test check tools rust-tools python programs corpus fmt lint units clients bench deny python-lock

help:
	@sed -n 's/^## //p' Makefile

## make test         format, lints, all Rust tests, then the Python clients against the binary
test: tools fmt lint units clients
	@echo "make test: all of it holds"

## make check        format, lints, all Rust tests
check: fmt lint units

## make tools        checks the tools, installs what it can, sets up the Python packages and the corpus
tools: rust-tools python programs corpus

rust-tools:
	@.ci/tools "$(PYTHON3)"

# set-up FOLDER LOCK: the packages are pinned with hashes; they are installed again when the lock file has changed.
set-up = @cmp -s $(2) $(1)/installed.txt || { \
	    echo "setting up $(1)" && mkdir -p $(PARETO_CACHE_DIR) && $(PYTHON3) -m venv $(1) && \
	    $(1)/bin/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r $(2) && \
	    cp $(2) $(1)/installed.txt; }

python: rust-tools
	$(call set-up,$(VENV),$(LOCKS)/requirements.txt)

# Programs that the tests of clients run, and that ask for versions of their own.
programs: rust-tools
	$(call set-up,$(PARETO_CACHE_DIR)/superset,$(LOCKS)/superset.txt)
	$(call set-up,$(PARETO_CACHE_DIR)/harlequin,$(LOCKS)/harlequin.txt)

# The specifications of DataFusion, which `server/tests/it/corpus.rs` runs. The crate is only read: cargo fetches it and
# nothing is built from it.
corpus: rust-tools
	@test -d $(PARETO_CACHE_DIR)/corpus/$(CORPUS) || { \
	    echo "fetching $(CORPUS)" && cargo info -q $(subst sqllogictest-,sqllogictest@,$(CORPUS)) >/dev/null && \
	    crate=$$(ls "$${CARGO_HOME:-$$HOME/.cargo}"/registry/cache/*/$(CORPUS).crate | head -n 1) && \
	    echo "$(CORPUS_SHA256)  $$crate" | sha256sum --check --quiet && \
	    unpacked=$$(mktemp -d) && tar -xzf "$$crate" -C "$$unpacked" && mkdir -p $(PARETO_CACHE_DIR)/corpus && \
	    mv "$$unpacked"/$(CORPUS) $(PARETO_CACHE_DIR)/corpus/ && rmdir "$$unpacked"; }

## make fmt          is everything formatted?
fmt:
	cargo fmt --all --check

## make lint         clippy over everything, warnings are errors
lint:
	cargo clippy --release --workspace --all-targets -- -D warnings

## make units        unit tests, .slt specs, wire tests, the rules of the house
units: python corpus
	cargo test --release --workspace

## make clients      the Python clients against the built binary
clients: python programs
	cargo test --release --workspace --no-run
	$(VENV)/bin/python -m pytest -q -p no:cacheprovider server/tests/clients

## make bench        Pareto beside its peers at scale factor SF, such as SF=0.1; or BENCH="arguments of benches/src/main.rs"
bench: python
	cargo build --release --workspace --all-targets
	PARETO_PYTHON=$(VENV)/bin/python $(CARGO_TARGET_DIR)/release/pareto-benches $(BENCH)

## make deny         licences, advisories and banned crates (needs cargo-deny)
deny:
	cargo deny check

## make python-lock  writes the lock files of testdata/python anew from their .in files (needs uv)
python-lock:
	cd $(LOCKS) && lock="uv pip compile --python-version 3.11 --generate-hashes --no-header -q --upgrade" && \
	    $$lock --universal requirements.in -o requirements.txt && \
	    $$lock --universal --exclude-newer 2026-06-01 superset.in -o superset.txt && \
	    $$lock harlequin.in -o harlequin.txt
