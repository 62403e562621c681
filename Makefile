# Everything a person does with this checkout. Each word sets up what it needs, once per change of the lock:
# a virtual environment in .venv, hash-checked packages, the package itself. All it asks for is Python 3.11.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check --no-input
INSTALL := $(PIP) install --no-deps --only-binary :all: --require-hashes
# Two more than there are cores: many tests wait for a server, a clock or each other's lab.
WORKERS ?= $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN) + 2 )))
ARGS ?=

# Some machines keep Python from writing bytecode: then each worker rewrites every test's assertions, and each lab compiles.
unexport PYTHONDONTWRITEBYTECODE

# What fails by timing is a test to mend, so nothing runs a second time.
TESTS = $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

##@ See it

.PHONY: help
help: ## this list
	@awk 'BEGIN { FS = ":.*## " } \
	    /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	    /^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo

.PHONY: demo
demo: $(VENV)/.run ## a deleted table comes back, on this machine, in under five minutes
	@$(BIN)/daybreak demo $(ARGS)

##@ Check it

.PHONY: test
test: $(VENV)/.dev ## the tests, in parallel (ARGS="-k moment" for some of them)
	@$(TESTS)

.PHONY: check
check: $(VENV)/.dev ## what a change must pass: format, lint, types, contracts, docs, tests
	@$(BIN)/ruff format --check --quiet . || { echo "hint: make format"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo >$(VENV)/contracts.txt || { cat $(VENV)/contracts.txt; exit 1; }
	@$(TESTS)

.PHONY: sweep
sweep: $(VENV)/.dev ## all that the tests leave out: every crash, every lost reply, every other story; hours
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m sweep $(ARGS)

.PHONY: matrix
matrix: $(VENV)/.dev ## plant every defect, make every clean restore, and print what was found
	@$(BIN)/python -m tests.defects

.PHONY: ledger
ledger: $(VENV)/.dev ## cutovers under every kind of client, seed after seed (ARGS="FIRST COUNT")
	@$(BIN)/python -m tests.ledger $(ARGS)

.PHONY: bench
bench: $(VENV)/.dev ## measure start-up, own share of a run, reaction time, calls
	@$(BIN)/python -m bench $(ARGS)

##@ Work on it

.PHONY: format
format: $(VENV)/.dev ## lay out the code, and mend what ruff can mend
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format --quiet .

.PHONY: pictures
pictures: $(VENV)/.dev ## draw the documentation's pictures: the report's page, its print, a demo (ARGS=NAME for one)
	@$(BIN)/python -m tests.pictures $(ARGS)

# The hashes must be those of the public releases, whatever mirrors and wheel folders this machine prefers;
# the oldest Python resolves, so that every backport somebody needs is in the lock.
COMPILE = env -u PIP_EXTRA_INDEX_URL -u PIP_FIND_LINKS PIP_CONFIG_FILE=/dev/null CUSTOM_COMPILE_COMMAND="make lock" \
    $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --build-deps-for editable \
    --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options $(ARGS)

.PHONY: lock
lock: $(VENV)/.dev ## resolve again after a change of pyproject.toml (ARGS=--upgrade for the newest of all)
	@$(COMPILE) --extra lab --output-file requirements/run.txt pyproject.toml
	@$(COMPILE) --extra dev --constraint requirements/run.txt --output-file requirements/dev.txt pyproject.toml

.PHONY: clean
clean: ## remove what can be made again
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find src tests bench -name __pycache__ -prune -exec rm -rf {} +

# --- Set-up: one line each, once per change ------------------------------------------------------------------

$(BIN)/python:
	@python=$$(scripts/find-python) || exit 2; \
	    echo "set-up: virtual environment from $$python"; \
	    "$$python" -m venv $(VENV)

$(VENV)/.run: $(BIN)/python requirements/run.txt pyproject.toml
	@echo "set-up: packages to run it, and the lab"
	@$(INSTALL) --requirement requirements/run.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(BIN)/python requirements/dev.txt pyproject.toml
	@echo "set-up: packages to run it, the lab, and the tools"
	@$(INSTALL) --requirement requirements/dev.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@
