# The same words on a laptop and in CI. `make` alone lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

ALLOWED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for one in python3 python3.13 python3.12 python3.11; do $$one -c '$(ALLOWED)' 2>/dev/null && echo $$one && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.complete
WITH_TESTS := $(VENV)/.complete-with-tests
PACKAGES := foundation collector labeling quality exports
LOCKED := --universal --generate-hashes --no-header --no-annotate
INSTALL := $(BIN)/python -m foundation.running.installing Winnow $(BIN)/python
COMMAND := $(BIN)/python -m uv pip install --quiet --python $(BIN)/python --no-deps --editable .
# Each worker imports everything once: more of them than cores, or than four, gain nothing.
PARALLEL := --numprocesses auto --maxprocesses 4 --dist worksteal
# Tests of a file share their servers; each process starts its own, so two of them on any machine.
ON_SERVERS := --numprocesses 2 --dist loadfile
CODE := $(PACKAGES) tests bench examples $(wildcard wsgi.py migrations)

# Compiled once and not at every start, whatever this shell says.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup ready studio demo test quick contract run check docs bench chaos lock clean

help:  ## list the commands
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

setup: $(WITH_TESTS)  ## everything the other commands need, in .venv; no root, again only when the requirements change

$(READY): requirements-demo.txt
	@test -n "$(PYTHON)" || { echo "error: Winnow needs Python 3.11, 3.12 or 3.13; name one with: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "error: $(PYTHON) cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@$(BIN)/python -c '$(ALLOWED)' 2>/dev/null || { echo "Winnow: making $(VENV) with $$($(PYTHON) --version)"; $(PYTHON) -m venv --clear $(VENV); }
	@$(BIN)/python -m uv --version >/dev/null 2>&1 || $(BIN)/python -m pip install -qq "$$(sed -n 's/^\(uv==[0-9.]*\).*/\1/p' $<)"
	@$(INSTALL) $< && $(COMMAND)
	@touch $@

$(WITH_TESTS): $(READY) requirements-dev.txt
	@$(INSTALL) requirements-dev.txt && $(COMMAND)
	@touch $@

ready:
	@if $(MAKE) --question $(READY) >/dev/null 2>&1; then echo "Winnow: already there"; else $(MAKE) --no-print-directory $(READY); fi

studio: ready
	@$(BIN)/python -m foundation.running.label_studio_start

demo: studio  ## the whole way on real input: from phones to a training set, a few minutes
	@$(BIN)/python -m examples.slang

test: setup studio  ## all tests, with a real PostgreSQL, Valkey and Label Studio
	$(BIN)/python -m pytest -m "not slow" $(PARALLEL)
	$(BIN)/python -m pytest -m slow $(ON_SERVERS)

quick: setup  ## the tests that need no server, within a minute
	$(BIN)/python -m pytest -m "not slow" --hypothesis-profile=quick $(PARALLEL)

contract: setup  ## ask a real server more than 20,000 times whether /openapi.json is true; some 15 minutes
	WINNOW_FUZZ_EXAMPLES=120 $(BIN)/python -m pytest tests/contract/test_schemathesis.py $(ON_SERVERS)

run: studio  ## the embedded system until Ctrl-C
	@$(BIN)/winnow up

check: setup  ## format, lint, types, import rules, docs
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) --no-print-directory docs

docs: setup  ## the examples in docstrings, and that all is documented
	$(BIN)/python -m pytest --quiet --doctest-modules $(PACKAGES) tests/architecture

bench: setup  ## benchmarks, a JSON line each, kept in bench/results; one of them: make bench ONLY=name
	$(BIN)/python -m bench $(ONLY)

chaos: setup studio  ## faults on the running system, 20 seeds on both databases, hours; shorter: make chaos CHAOS="--seeds 1"
	$(BIN)/python -m tests.chaos $(CHAOS)

lock: setup  ## freeze the newest dependencies that resolve together, with their hashes
	$(BIN)/uv pip compile --quiet $(LOCKED) --upgrade pyproject.toml -o requirements.txt
	cp requirements.txt requirements-demo.txt
	$(BIN)/uv pip compile --quiet $(LOCKED) --extra demo --excludes requirements-left-out.in pyproject.toml -o requirements-demo.txt
	cp requirements-demo.txt requirements-dev.txt
	$(BIN)/uv pip compile --quiet $(LOCKED) --extra dev --excludes requirements-left-out.in pyproject.toml -o requirements-dev.txt
	$(BIN)/uv pip compile --quiet $(LOCKED) --upgrade --excludes requirements-label-studio-left-out.in requirements-label-studio.in -o requirements-label-studio.txt

clean:  ## forget the caches and what the tools installed, but no HOME with signals in it
	rm -rf .venv .venv-* .cache .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
