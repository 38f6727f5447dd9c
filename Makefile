# `make` prints what there is. Every target sets up what is missing, so each works on a fresh checkout.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PORT ?= 8080
# Many tests wait for processes and databases of their own: two at a time leave no core idle.
WORKERS ?= 2
PYTEST_ARGS ?=
LOCK_ARGS ?=
ARGS ?=
NAME ?=
CONTAINER ?= docker
VERSION ?=
SEED ?= $(shell od -An -N4 -tu4 /dev/urandom | tr -d ' ')
SEED := $(SEED)

BIN := .venv/bin
STAMP := .venv/.installed
RUNTIME := .venv/.runtime
SOURCES = $(wildcard src tests bench prove tools)

.PHONY: help setup demo test test-all check lint types imports wheel image wheel-test service-test browser bench prove test-cluster fuzz \
  format docs messages migration lock release clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## create .venv with everything in it (again only when requirements change)

demo: $(RUNTIME) ## run the hub with sample data on PORT (default 8080)
	@$(BIN)/orderhub demo --port $(PORT) --data .demo

test: setup ## run the tests but the slow ones (WORKERS=4, PYTEST_ARGS="-k word" and the like)
	@$(BIN)/pytest -n $(WORKERS) --dist worksteal -m "not slow" $(PYTEST_ARGS)

test-all: setup ## run all tests, those too that kill, race, fuzz or build at length
	@$(BIN)/pytest -n $(WORKERS) --dist worksteal $(PYTEST_ARGS)

check: lint types imports test-all ## everything CI checks

lint: setup ## check style and formatting
	@$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)

types: setup ## check types
	@$(BIN)/mypy

# Without the cache: it goes by modification times and the whole check takes a second.
imports: setup ## check who imports whom
	@$(BIN)/lint-imports --no-logo --no-cache

wheel: setup ## build the wheel, into dist/
	@$(BIN)/python -m tools.wheel

# Docker's format: in the one that podman and buildah make by themselves there is no health check.
image: ## build a container image of this checkout (CONTAINER=podman, ARGS="--build-arg BASE=...")
	@BUILDAH_FORMAT=docker $(CONTAINER) build -f ops/Dockerfile -t orderhub $(ARGS) .

# Not part of check: it fetches what the wheel needs, as anyone would who installs it.
wheel-test: setup ## build the wheel, install it alone into an empty venv and take an order with it
	@$(BIN)/python -m tools.wheel_test

# Not part of check: it needs root, debootstrap, systemd-nspawn and buildah, and some minutes.
service-test: setup ## run the units and the image on a Debian of its own (ARGS=FOLDER keeps it)
	@$(BIN)/python -m tools.service_test $(ARGS)

# Not part of check: it needs a Chromium, which it installs where it may (Debian, as root).
browser: setup ## try the desk in a real browser (ARGS=--pictures: and make the guides' pictures)
	@$(BIN)/python -m tools.browser $(ARGS)

bench: setup ## run the benchmarks (ARGS=...)
	@$(BIN)/python -m bench $(ARGS)

prove: setup ## run the proofs: crashes, conservation, no order doubled (ARGS=...)
	@$(BIN)/python -m prove $(ARGS)

# Not part of check: it needs a cluster of its own, which ORDERHUB_TEST_DATABASE names.
test-cluster: setup ## try the hub on a Citus cluster (ORDERHUB_TEST_DATABASE=postgresql://…)
	@$(BIN)/python -m prove.on_cluster

# Other examples each time, and a seed to have the same ones again; `make test-all` has no chance in it.
fuzz: setup ## run the fuzz tests with many examples (SEED=... for those of an earlier run)
	@echo "SEED=$(SEED)"
	$(BIN)/pytest tests/fuzz tests/intake/test_batch_equals_one_by_one.py \
	  --fuzz-examples=5000 --hypothesis-profile=chance --hypothesis-seed=$(SEED) \
	  -n auto --dist worksteal $(PYTEST_ARGS)

format: setup ## rewrite the code in the house format
	@$(BIN)/ruff check --fix-only --quiet $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

docs: setup ## rewrite the parts of documents that the program writes
	@$(BIN)/python -m tools.documents

messages: setup ## give the desk's catalogues every text that it says, and no other
	@$(BIN)/python -m tools.messages

migration: setup ## write the migration that tables.py asks for (NAME="orders by channel")
	@$(BIN)/python -m tools.migration "$(NAME)" $(ARGS)

# Local settings of pip are left out: a lock file must hold the hashes of what is published. Pins
# stay as they are where they can; LOCK_ARGS=--upgrade takes the newest of everything. No line may
# begin with a dash: make would take it for its own.
lock: setup ## regenerate requirements/*.txt from pyproject.toml, with Python 3.11
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || {
	  echo "make lock needs a .venv with Python 3.11, the oldest we support." >&2; exit 1; }
	unset PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_FIND_LINKS
	export PIP_CONFIG_FILE=/dev/null
	compile=($(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header)
	compile+=(--no-emit-options --no-emit-index-url --no-emit-find-links --no-emit-trusted-host)
	compile+=($(LOCK_ARGS))
	"$${compile[@]}" --output-file requirements/runtime.txt pyproject.toml
	builds=("$${compile[@]}" --only-build-deps --build-deps-for wheel)
	compile+=(--extra dev --constraint requirements/runtime.txt)
	"$${compile[@]}" --output-file requirements/dev.txt pyproject.toml
	"$${builds[@]}" --constraint requirements/dev.txt --output-file requirements/build.txt pyproject.toml

release: setup ## set the version, date the changelog, commit, tag, build the wheel (VERSION=0.2.0)
	@$(BIN)/python -m tools.release "$(VERSION)"

clean: ## remove .venv, the demo's data and all caches
	@rm -rf .venv .demo dist build .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis
	find src tests tools docs -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

# What runs the program and what builds it, pinned: all that a demo needs. No build isolation, which would
# fetch the build backend unpinned.
$(RUNTIME): pyproject.toml requirements/runtime.txt requirements/build.txt
	@if ! test -x $(BIN)/python; then
	  python=
	  for candidate in python3.11 python3; do
	    if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
	      python=$$candidate; break
	    fi
	  done
	  test -n "$$python" || {
	    echo "OrderHub needs Python 3.11 or newer, and neither python3.11 nor python3 is one." >&2
	    exit 1; }
	  echo "Creating .venv with $$("$$python" --version)"
	  "$$python" -m venv --clear .venv || {
	    rm -rf .venv
	    echo "Python could not create .venv; on Debian and Ubuntu install python3-venv." >&2
	    exit 1; }
	fi
	echo "Installing what requirements/runtime.txt pins"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --require-hashes --requirement requirements/runtime.txt --requirement requirements/build.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --no-deps --no-build-isolation --editable .
	touch $@

$(STAMP): $(RUNTIME) requirements/dev.txt
	@echo "Installing what requirements/dev.txt pins (a minute or two the first time)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --require-hashes --requirement requirements/dev.txt
	touch $@
