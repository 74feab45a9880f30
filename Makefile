# dealcast. `make help` lists the targets. Needs make and Python 3.11 or newer; uses uv where it is there, else pip.

PYTHON ?= python3
PORT ?= 3000
DEMO_HOME ?= demo-home
AT ?= $(DEMO_HOME)
export MLFLOW_DISABLE_TELEMETRY = true
export BENTOML_DO_NOT_TRACK = True

BIN := .venv/bin
UV := $(shell command -v uv 2>/dev/null)
ifeq ($(UV),)
new_env = $(PYTHON) -m venv --clear .venv
install = $(BIN)/python -m pip install --quiet --disable-pip-version-check
else
new_env = $(UV) venv --quiet --clear --python '$(PYTHON)' .venv
install = $(UV) pip install --quiet --python $(BIN)/python
endif

.DEFAULT_GOAL := help
.PHONY: help run test lint types lock figures benchmarks screenshot mlflow clean free-port

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */  make \1\t/' | expand -t 18

run: free-port .venv/run.stamp  ## simulated company: generate, import, train, serve (PORT=3000)
	@$(BIN)/dealcast --home $(DEMO_HOME) demo --port $(PORT)

test: .venv/dev.stamp  ## all tests that this machine can run; the others are skipped with a reason
	@# Threads of several workers that wait by spinning keep each other from the cores. Files with few tests, which xdist
	@# would ask last, take longest.
	@OMP_WAIT_POLICY=passive OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile \
		--no-loadscope-reorder --benchmark-disable $(PYTEST_FLAGS)

lint: .venv/dev.stamp  ## style (ruff)
	@$(BIN)/ruff check .

types: .venv/dev.stamp  ## types (mypy, strict)
	@$(BIN)/mypy

lock:  ## rebuild both lock files from pyproject.toml (needs uv)
	@$(if $(UV),,$(error make lock needs uv: pip install uv))
	$(UV) pip compile $(lock_flags) --output-file requirements.lock pyproject.toml
	$(UV) pip compile $(lock_flags) --constraint requirements.lock --extra dev \
		--output-file requirements-dev.lock pyproject.toml

lock_flags = --quiet --upgrade --universal --generate-hashes --no-emit-index-url --custom-compile-command 'make lock'

figures: .venv/dev.stamp  ## every number that README and docs quote (long, resumable); SMALL=1 only tries them
	@$(BIN)/python -m tests.figures $(if $(SMALL),--small)

benchmarks: .venv/dev.stamp  ## the store against its peers at its real size (minutes)
	@DEALCAST_BENCHMARKS=full $(BIN)/python -m pytest tests/benchmarks --benchmark-columns=min,median,rounds

screenshot: .venv/dev.stamp  ## the README's picture, taken of the demo's page (needs Chromium)
	@$(BIN)/dealcast --home $(DEMO_HOME) demo --no-serve
	@$(BIN)/python -m tests.screenshot $(DEMO_HOME) docs/page.png

mlflow: .venv/run.stamp  ## MLflow's own page on a home (AT=./mycompany), on this machine only
	@$(BIN)/dealcast --home $(AT) mlflow

clean:  ## remove the environment and the demo's home
	rm -rf .venv $(DEMO_HOME)

free-port:
	@$(PYTHON) -I serving/cli/port.py $(PORT)

# A stamp is newer than its lock when the environment holds what the lock says. The locks carry hashes, so
# whatever is installed is what was tested; the project itself is added without looking for anything else.
.venv/run.stamp: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "dealcast needs Python 3.11 or newer: make PYTHON=/path/to/python3.11" >&2; exit 2; }
	@$(BIN)/python -c '' 2>/dev/null || $(new_env)
	@echo "Installing what dealcast needs into .venv (once; a minute or two)" >&2
	@$(install) -r requirements.lock
	@$(install) --no-deps --editable .
	@touch $@

.venv/dev.stamp: requirements-dev.lock .venv/run.stamp
	@echo "Installing what the tests need into .venv (once)" >&2
	@$(install) -r requirements-dev.lock
	@touch $@
