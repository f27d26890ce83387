# Each target builds what it needs from pyproject.toml with `python3 -m venv` and pip.
# A stamp file per set of packages lets the second run start at once; touching
# pyproject.toml, or `make clean`, installs again. So "newest" is of that day.

PYTHON ?= python3
ARGS ?=
TORCH ?=

# Environments for the ends of the ranges want a Python of their own, the first found.
wanted-.venv-colab := 3.13 3.12
wanted-.venv-oldest := 3.11
wanted-.venv-newest := 3.13

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help lab test lint notebooks address site class marks test-colab test-oldest test-newest bench bench-explorer bench-headline constraints clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile
	@echo 'PYTHON=python3.13 names the interpreter .venv is built with; ARGS="..." is'
	@echo 'handed on: make lab ARGS="--port 9000", make test ARGS="-k cells".'

lab: .venv/lab.stamp  ## open the course in JupyterLab at the start page
	@.venv/bin/python tools/open_lab.py $(ARGS)

test: lint  ## lint, then run every test and every notebook, a process a core
	@.venv/bin/python -m pytest -n auto --dist loadgroup $(ARGS)

lint: .venv/test.stamp  ## check style and formatting, notebooks included
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check

notebooks: .venv/test.stamp  ## execute the notebooks and write their outputs
	@.venv/bin/python tools/build_notebooks.py $(ARGS)

address: .venv/test.stamp  ## stamp the public address into notebooks and README
	@.venv/bin/python tools/stamp_address.py

site: .venv-site/site.stamp  ## build the course as static pages in build/site
	@.venv-site/bin/python tools/build_site.py $(ARGS)

class: .venv/lab.stamp  ## write class/: notebooks without answers, and the answers
	@.venv/bin/python tools/make_class.py $(ARGS)

marks: .venv/lab.stamp  ## mark finished notebooks: make marks ARGS="folder"
	@.venv/bin/python tools/mark.py $(or $(ARGS),--help)

test-colab: .venv-colab/course.stamp  ## run every notebook alone on Colab's versions
	@.venv-colab/bin/python tools/bare_notebooks.py --pins tools/colab.txt $(ARGS)

test-oldest: .venv-oldest/test.stamp  ## the tests on Python 3.11, oldest packages
	@.venv-oldest/bin/python -m pytest -W default -n auto --dist loadgroup $(ARGS)

test-newest: .venv-newest/test.stamp  ## the tests on Python 3.13, newest packages
	@.venv-newest/bin/python -m pytest -n auto --dist loadgroup $(ARGS)

bench: .venv-bench/bench.stamp  ## compare speed with other libraries in one run
	@test -z "$(TORCH)" || .venv-bench/bin/python -m pip install --quiet $(TORCH)
	@.venv-bench/bin/python -m benchmarks $(ARGS)

bench-explorer: .venv/test.stamp  ## time a slider of the microscope in a browser
	@.venv/bin/python -m benchmarks.explorer $(ARGS)

bench-headline: .venv/test.stamp  ## learn a text by heart: perplexity, time, epochs
	@.venv/bin/python -m benchmarks.by_heart $(ARGS)

constraints: .venv/test.stamp  ## record the installed versions in constraints.txt
	@.venv/bin/python tools/freeze.py

clean:  ## remove the environments and every cache
	@rm -rf .venv .venv-bench .venv-site .venv-colab .venv-oldest .venv-newest
	@rm -rf .pytest_cache .ruff_cache .hypothesis build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@find . -name .ipynb_checkpoints -type d -prune -exec rm -rf {} +

# `test` holds everything `lab` holds, so either one serves `make lab`.
.venv/lab.stamp: .venv/bin/python pyproject.toml lab/overrides.json
	$(call install,.venv,lab,--editable '.[lab]')

.venv/test.stamp: .venv/bin/python pyproject.toml lab/overrides.json
	$(call install,.venv,test,--editable '.[test]')
	@touch .venv/lab.stamp

.venv-bench/bench.stamp: .venv-bench/bin/python pyproject.toml
	$(call install,.venv-bench,bench,--editable '.[bench]')

.venv-site/site.stamp: .venv-site/bin/python pyproject.toml
	$(call install,.venv-site,site,--editable '.[site]')

# Colab's packages first, then the course as its set-up cell installs it: a copy, which
# may add what is missing and must leave the rest alone.
.venv-colab/colab.stamp: .venv-colab/bin/python tools/colab.txt
	$(call install,.venv-colab,colab,--requirement tools/colab.txt ipykernel nbval)

.venv-colab/course.stamp: .venv-colab/colab.stamp pyproject.toml $(shell find companion \
  -name '*.py' -o -name '*.txt')
	$(call install,.venv-colab,course,.)

.venv-oldest/test.stamp: .venv-oldest/bin/python pyproject.toml lab/overrides.json
	@.venv-oldest/bin/python tools/bounds.py test >.venv-oldest/lowest.txt
	$(call install,.venv-oldest,test,--constraint .venv-oldest/lowest.txt \
	  --editable '.[test]')

.venv-newest/test.stamp: .venv-newest/bin/python pyproject.toml lab/overrides.json
	$(call install,.venv-newest,test,--upgrade --upgrade-strategy eager \
	  --editable '.[test]')

# $(call interpreter,environment): PYTHON if you named one, or else the first of the
# wanted versions that runs, on the path or from pyenv.
interpreter = $(if $(and $(wanted-$1),$(filter file,$(origin PYTHON))),$(or $(shell \
  for v in $(wanted-$1); do \
    for p in python$$v "$$HOME"/.pyenv/versions/$$v*/bin/python; do \
      if "$$p" -c "" 2>/dev/null; then echo "$$p"; exit; fi; \
    done; \
  done),python$(firstword $(wanted-$1))),$(PYTHON))

# Old interpreters run the one-line check too, so it is written for any Python.
%/bin/python:
	$(eval python := $(call interpreter,$*))
	@command -v "$(python)" >/dev/null || { echo "$(python) was not found: Unrolled\
	 needs $(if $(wanted-$*),Python $(firstword $(wanted-$*)) here,Python 3.11 or \
	newer) (make $(MAKECMDGOALS) PYTHON=...)" >&2; exit 1; }
	@"$(python)" -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit("Unrolled\
	 needs Python 3.11 or newer and $(python) is %d.%d: make $(MAKECMDGOALS)\
	 PYTHON=python3.13" % v[:2])'
	@"$(python)" -m venv --clear $* >/dev/null 2>&1 || { rm -rf $*; echo "$(python)\
	 cannot make a virtual environment (on Debian or Ubuntu: apt install\
	 python3-venv)" >&2; exit 1; }

# $(call install,environment,set,arguments): pip's own words go to a log, one line to
# you. An environment made by uv has no pip of its own, hence ensurepip.
define install
	@echo "Installing the course and its '$(2)' set into $(1): minutes the first time"
	@$(1)/bin/python -m pip --version >/dev/null 2>&1 || $(1)/bin/python -m ensurepip \
	  >/dev/null
	@$(1)/bin/python -m pip install --retries 1 $(3) \
	  >$(1)/pip.log 2>&1 || { \
	  if grep -qE 'from versions: none|Connection|Timeout|resolution|Proxy|SSL' \
	    $(1)/pip.log; \
	  then echo "No packages could be downloaded: is this machine online?\
	 (pip's log: $(1)/pip.log)" >&2; \
	  else echo "pip failed: $$(grep ERROR $(1)/pip.log | tail -1) (the rest:\
	 $(1)/pip.log)" >&2; fi; exit 1; }
	@touch $(1)/$(2).stamp
endef
