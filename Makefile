# Every command of the project; `make` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
STAMP := $(VENV)/.installed
# What Python compiles is kept, whatever the caller set: each process of the tests would compile all of it again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

.PHONY: setup
setup: $(STAMP) system-packages ## Install Debian packages that are missing (as root) and make .venv with the carpio command

$(STAMP): pyproject.toml scripts/setup
	scripts/setup venv
	@touch $@

.PHONY: system-packages
system-packages:
	@scripts/setup packages

.PHONY: demo
demo: setup ## Two hosts, a busy client, a boot, a crash, a failback, a kill -9: about a minute, as root
	$(BIN)/carpio lab demo

.PHONY: fmt
fmt: $(STAMP) ## Format the code
	$(BIN)/ruff format src tests
	$(BIN)/ruff check --fix src tests

.PHONY: lint
lint: $(STAMP)
	$(BIN)/ruff format --check src tests scripts/bench scripts/bench-sim scripts/sim-traces scripts/report-screenshots
	$(BIN)/ruff check src tests scripts/bench scripts/bench-sim scripts/sim-traces scripts/report-screenshots
	$(BIN)/codespell src tests docs README.md CHANGELOG.md

.PHONY: types
types: $(STAMP)
	$(BIN)/mypy

# Only what measures wire and core is slowed down by measuring; their own tests must reach all of them.
UNIT := 'not lab and not interop and not slow'
.PHONY: unit
unit: $(STAMP)
	$(BIN)/coverage erase
	$(BIN)/python -m pytest tests/wire tests/core -m $(UNIT) -n auto --dist worksteal \
		--cov=src/carpio/wire --cov=src/carpio/core --cov-report=
	$(BIN)/coverage report --include='src/carpio/wire/*,src/carpio/core/*' --fail-under=100
	$(BIN)/python -m pytest tests --ignore=tests/wire --ignore=tests/core -m $(UNIT) -n auto --dist worksteal

.PHONY: check
check: lint types unit ## Lint, types, unit tests with 100 % branch coverage of wire and core; no root

.PHONY: lab
lab: setup ## Tests in network namespaces, as root, and with Debian's ucarp, keepalived and FRR
	scripts/setup peers
	scripts/setup browser
	$(BIN)/python -m compileall -q src
	scripts/lab

.PHONY: test
test: setup check lab ## Everything: check, then namespaces and peers (as root, under 20 minutes)

.PHONY: nightly
nightly: setup ## The long forms: repetitions of every scenario
	scripts/setup peers
	scripts/nightly

.PHONY: bench
bench: setup ## Measure beside ucarp in the same run and print ratios
	scripts/setup peers
	$(BIN)/python scripts/bench

.PHONY: bench-peers
bench-peers: setup ## Play the same events with carpio, keepalived, ucarp and FRR, side by side (as root)
	scripts/setup peers
	$(BIN)/carpio lab compare --impl carpio,keepalived,ucarp,frr --no-capture crash graceful bug-191832

.PHONY: bench-sim
bench-sim: $(STAMP) ## Measure what simulated hosts, groups and seconds cost
	$(BIN)/python scripts/bench-sim

.PHONY: man
man: $(STAMP) ## Make the man pages and the reference from the command and configuration tables
	$(BIN)/python -m carpio.cli.man

.PHONY: clean
clean: ## Remove what was made
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
