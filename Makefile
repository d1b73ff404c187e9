# make demo   see the whole way of an event in a minute
# make test   run all tests
# make soak   try much more of what can be tried for long: damaged documents, workers on killed servers
# Either works alone on a fresh clone: it makes .venv with uv where that is installed, else with
# venv and pip.

# One of pyenv's may be on the path although it only says that another is to be used.
PYTHON ?= $(firstword $(foreach p,python3.11 python3.12 python3.13 python3,$(if $(shell $(p) -c 'print(1)' 2>/dev/null),$(p),)) python3)
PYTHONS ?= 3.11 3.12 3.13 3.14
UV     := $(shell command -v uv 2>/dev/null)
BIN    := .venv/bin

export UV_PYTHON_DOWNLOADS := never

.DEFAULT_GOAL := help
.PHONY: help demo test test-pythons soak lint format reference clean

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile
	@echo 'make test-pythons  run the unit and contract tests on every other Python that is installed'
	@echo 'make lint   ruff, mypy, import-linter'
	@echo 'make format let ruff format the code'
	@echo 'make reference  make docs/types again, after a change of the types'
	@echo 'make clean  remove the environment and caches'

# What the demo needs.
.venv/.demo: pyproject.toml
ifdef UV
	uv sync --frozen --inexact --no-default-groups --extra demo
else
	$(call make_venv)
	$(BIN)/pip install --quiet --editable '.[demo]'
endif
	@touch $@

# Everything: all adapters, and the tools of tests and lint.
.venv/.dev: pyproject.toml uv.lock
ifdef UV
	uv sync --frozen --extra all
else
	$(call make_venv)
	$(BIN)/pip install --quiet --editable '.[all]' --group dev
endif
	@touch .venv/.demo $@

# The extra that stands beside `all`, since it is built with gcc and libgmp-dev. Without it its tests are left out.
.venv/.libp2p: .venv/.dev
ifdef UV
	uv sync --frozen --extra all --extra libp2p
else
	$(BIN)/pip install --quiet --editable '.[libp2p]'
endif
	@touch $@

# The pip of a fresh 3.11 environment is too old to know dependency groups.
define make_venv
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'dms-events needs Python 3.11 or newer: make PYTHON=/path/to/python3.11' >&2; exit 1; }
	test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade 'pip>=25.1'
endef

demo: .venv/.demo
	$(BIN)/dms-events demo $(ARGS)

# On workers: most tests wait for a server or a process. A plain `pytest FILE` starts none, so that an
# editor and a debugger are at once in the test; so does ARGS=-n0.
WORKERS := -n 4

test: .venv/.dev
	$(BIN)/pytest $(WORKERS) $(ARGS)

test-pythons: .venv/.dev
ifdef UV
	.ci/pythons $(PYTHONS)
else
	@echo 'the environments of other Pythons are made by uv, which is not installed' >&2; exit 1
endif

# TIMES=60 has those tests that may go on for hours do so.
TIMES := 1

soak: .venv/.dev
	DMS_EVENTS_SOAK=$(TIMES) $(BIN)/pytest -m 'soak or slow' $(ARGS)

lint: .venv/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
ifdef UV
	uv lock --check --quiet
endif

format: .venv/.dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

reference: .venv/.dev
	$(BIN)/python docs/make_types.py

clean:
	rm -rf .venv .venv-* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
