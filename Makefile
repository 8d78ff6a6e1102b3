# The one list of commands. `make` alone prints it.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
CONSTRAINTS := constraints/all.txt

# Where this is set, every process of a stack compiles all modules anew, for most of a second.
unexport PYTHONDONTWRITEBYTECODE

# The first interpreter of 3.11 or newer that can make virtual environments.
find_python = $(shell for name in python3.11 python3.12 python3.13 python3; do \
	$$name -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
	2>/dev/null && { echo $$name; break; }; done)
PYTHON ?= $(find_python)

.PHONY: help
help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/python:
	@if [ -z "$(PYTHON)" ]; then \
		echo "Lungline needs Python 3.11 or newer with venv: install python3.11 and python3.11-venv, or name one with PYTHON=/path/to/python3." >&2; \
		exit 1; fi
	@echo "Making the virtual environment $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.worker: $(BIN)/python pyproject.toml $(CONSTRAINTS)
	@echo "Installing what reading films on CPU needs (about 700 MB)"
	@$(PIP) install --constraint $(CONSTRAINTS) --editable '.[worker]'
	@touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml $(CONSTRAINTS)
	@echo "Installing what development needs, TensorFlow among it (about 3.5 GB)"
	@$(PIP) install --constraint $(CONSTRAINTS) --editable '.[dev]'
	@touch $@ $(VENV)/.worker

.PHONY: demo
demo: $(VENV)/.worker ## Read 24 synthetic films, show the findings: FILMS=DIR RESULTS=FILE.csv DATA=DIR ONCE=1
	@$(BIN)/lungline demo $(if $(FILMS),--films '$(FILMS)') $(if $(RESULTS),--results '$(RESULTS)') \
		$(if $(DATA),--data '$(DATA)') $(if $(filter-out 0,$(ONCE)),--once) $(if $(PORT),--port '$(PORT)')

.PHONY: up
up: $(VENV)/.worker ## Start the embedded stack and keep it up: DATA=DIR PORT=N
	@$(BIN)/lungline up $(if $(DATA),--data '$(DATA)') $(if $(PORT),--port '$(PORT)')

.PHONY: lint
lint: $(VENV)/.dev ## Check style, types, layers, compose file and Dockerfiles
	@$(BIN)/ruff format --check --quiet . || { echo "Run: make format" >&2; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python -m deploy.check

.PHONY: format
format: $(VENV)/.dev ## Put the code into its standard form
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: test
test: lint ## Run every test, two at a time, the quick ones first: ARGS='-k name' for some
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder $(ARGS)

.PHONY: audit
audit: $(VENV)/.dev ## Compare the installed packages with known vulnerabilities (needs the internet)
	@$(PIP) freeze --local --exclude-editable > $(VENV)/installed.txt
	@$(BIN)/python -m pip_audit --progress-spinner off --strict --disable-pip --no-deps \
		--requirement $(VENV)/installed.txt

.PHONY: test-unit
test-unit: $(VENV)/.dev ## Run the quick tests only
	@$(BIN)/python -m pytest tests/unit $(ARGS)

.PHONY: test-faults
test-faults: $(VENV)/.dev ## Break real stacks on purpose, a round of each fault: ARGS='--rounds 20'
	@$(BIN)/python -m tests.faults.drill $(ARGS)

.PHONY: test-hostile
test-hostile: $(VENV)/.dev ## Send hostile calls, files and films by the thousand: ARGS='--only api|files|live --seed 2'
	@$(BIN)/python -m tests.hostile $(ARGS)

.PHONY: bench
bench: $(VENV)/.dev ## Measure films per second, end to end against the bare loops
	@$(BIN)/python -m benchmarks.end_to_end $(ARGS)

.PHONY: bench-bulk
bench-bulk: $(VENV)/.dev ## Measure all of bulk work, about 20 minutes: ARGS='--only PART'
	@$(BIN)/python -m benchmarks.bulk $(ARGS)

.PHONY: bench-fairness
bench-fairness: $(VENV)/.dev ## Measure the shares of 20 tenants over a minute
	@$(BIN)/python -m benchmarks.fairness $(ARGS)

.PHONY: bench-singles
bench-singles: $(VENV)/.dev ## Let single films arrive while an archive is read: ARGS='--films DIR'
	@$(BIN)/python -m benchmarks.singles $(ARGS)

.PHONY: bench-following
bench-following: $(VENV)/.dev ## Measure what 200 event streams cost those who poll
	@$(BIN)/python -m benchmarks.following $(ARGS)

.PHONY: bench-one
bench-one: $(VENV)/.dev ## Measure one film in one call against the bare pipeline
	@$(BIN)/python -m benchmarks.one_film $(ARGS)

.PHONY: bench-uploads
bench-uploads: $(VENV)/.dev ## Measure uploads in parts against boto3, and the memory of a raw PUT
	@$(BIN)/python -m benchmarks.uploads $(ARGS)

.PHONY: bench-exports
bench-exports: $(VENV)/.dev ## Measure the memory of zips of masks and overlays, streamed and in the background
	@$(BIN)/python -m benchmarks.exports $(ARGS)

.PHONY: bench-search
bench-search: $(VENV)/.dev ## Find films by metadata among a million, on both databases
	@$(BIN)/python -m benchmarks.searching $(ARGS)

.PHONY: bench-page
bench-page: $(VENV)/.dev ## Measure the page: a job of 10,000 films, its files, from film to film
	@$(BIN)/python -m benchmarks.page $(ARGS)

.PHONY: docs
docs: $(VENV)/.dev ## Build the manual as a site into build/docs/site, without a network
	@$(BIN)/python -m docs.site

.PHONY: pictures
pictures: $(VENV)/.dev ## Take the pictures of the README anew (needs Chromium)
	@$(BIN)/python -m docs.pictures

.PHONY: bench-control
bench-control: $(VENV)/.dev ## Measure the queue by itself: PostgreSQL and an analyzer that returns at once
	@$(BIN)/python -m benchmarks.control_plane $(ARGS)

.PHONY: bench-gate
bench-gate: $(VENV)/.dev ## Measure what the gate costs against the forward pass
	@$(BIN)/python -m benchmarks.gate $(ARGS)

.PHONY: bench-recovery
bench-recovery: $(VENV)/.dev ## Break a job in its middle, compare it with an undisturbed one
	@$(BIN)/python -m benchmarks.recovery $(ARGS)

.PHONY: bench-attrition
bench-attrition: $(VENV)/.dev ## Kill one of two reading processes every 10 s, for 5 minutes of 10
	@$(BIN)/python -m benchmarks.attrition $(ARGS)

.PHONY: constraints
constraints: ## Write the constraint file anew from the newest releases that fit
	@$(PYTHON) -m venv --clear .venv-constraints
	@.venv-constraints/bin/python -m pip --disable-pip-version-check --quiet install --editable '.[dev]'
	@{ echo "# Pinned releases of all extras. Made by: make constraints"; \
		.venv-constraints/bin/python -m pip freeze --exclude-editable; } > $(CONSTRAINTS)
	@rm -rf .venv-constraints

.PHONY: clean
clean: ## Remove the virtual environment and all caches
	@rm -rf $(VENV) .venv-constraints build dist .pytest_cache .mypy_cache .ruff_cache
