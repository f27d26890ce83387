# Each target builds what it needs from pyproject.toml with `python3 -m venv` and pip.
# A stamp file per set of packages lets the second run start at once; touching
# pyproject.toml, or `make clean`, installs again.

PYTHON ?= python3
ARGS ?=
TORCH ?=

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help lab test lint notebooks address bench bench-explorer bench-headline constraints clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile
	@echo 'PYTHON=python3.13 names the interpreter .venv is built with; ARGS="..." is'
	@echo 'handed on: make lab ARGS="--port 9000", make test ARGS="-k cells".'

lab: .venv/lab.stamp  ## open the course in JupyterLab at the start page
	@.venv/bin/python tools/open_lab.py $(ARGS)

test: lint  ## lint, then run every test and every notebook, a process a core
	@.venv/bin/python -m pytest -n auto --dist loadfile $(ARGS)

lint: .venv/test.stamp  ## check style and formatting, notebooks included
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check

notebooks: .venv/test.stamp  ## execute the notebooks and write their outputs
	@.venv/bin/python tools/build_notebooks.py $(ARGS)

address: .venv/test.stamp  ## stamp the public address into notebooks and README
	@.venv/bin/python tools/stamp_address.py

bench: .venv-bench/bench.stamp  ## compare speed with other libraries in one run
	@test -z "$(TORCH)" || .venv-bench/bin/python -m pip install --quiet $(TORCH)
	@.venv-bench/bin/python -m benchmarks.headline $(ARGS)

bench-explorer: .venv/test.stamp  ## time a slider of the microscope in a browser
	@.venv/bin/python -m benchmarks.explorer $(ARGS)

bench-headline: .venv/test.stamp  ## learn a text by heart: perplexity, time, epochs
	@.venv/bin/python -m benchmarks.by_heart $(ARGS)

constraints: .venv/test.stamp  ## record the installed versions in constraints.txt
	@.venv/bin/python tools/freeze.py

clean:  ## remove the environments and every cache
	@rm -rf .venv .venv-bench .pytest_cache .ruff_cache .hypothesis dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@find . -name .ipynb_checkpoints -type d -prune -exec rm -rf {} +

# `test` holds everything `lab` holds, so either one serves `make lab`.
.venv/lab.stamp: .venv/bin/python pyproject.toml lab/overrides.json
	$(call install,.venv,lab)

.venv/test.stamp: .venv/bin/python pyproject.toml lab/overrides.json
	$(call install,.venv,test)
	@touch .venv/lab.stamp

.venv-bench/bench.stamp: .venv-bench/bin/python pyproject.toml
	$(call install,.venv-bench,bench)

# Old interpreters run the one-line check too, so it is written for any Python.
%/bin/python:
	@command -v "$(PYTHON)" >/dev/null || { echo "$(PYTHON) was not found: Unrolled\
	 needs Python 3.11 or newer (make $(MAKECMDGOALS) PYTHON=...)" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit("Unrolled\
	 needs Python 3.11 or newer and $(PYTHON) is %d.%d: make $(MAKECMDGOALS)\
	 PYTHON=python3.13" % v[:2])'
	@"$(PYTHON)" -m venv --clear $* >/dev/null 2>&1 || { rm -rf $*; echo "$(PYTHON)\
	 cannot make a virtual environment (on Debian or Ubuntu: apt install\
	 python3-venv)" >&2; exit 1; }

# $(call install,environment,extra): pip's own words go to a log, one line to you.
# An environment made by uv has no pip of its own, hence ensurepip.
define install
	@echo "Installing the course and its '$(2)' set into $(1): minutes the first time"
	@$(1)/bin/python -m pip --version >/dev/null 2>&1 || $(1)/bin/python -m ensurepip \
	  >/dev/null
	@$(1)/bin/python -m pip install --retries 1 --editable '.[$(2)]' \
	  >$(1)/pip.log 2>&1 || { \
	  if grep -qE 'from versions: none|Connection|Timeout|resolution|Proxy|SSL' \
	    $(1)/pip.log; \
	  then echo "No packages could be downloaded: is this machine online?\
	 (pip's log: $(1)/pip.log)" >&2; \
	  else echo "pip failed: $$(grep ERROR $(1)/pip.log | tail -1) (the rest:\
	 $(1)/pip.log)" >&2; fi; exit 1; }
	@touch $(1)/$(2).stamp
endef
