# make demo and make test need python3 (3.11 or newer, with venv) and a package registry; the rest is set up here.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
# Two workers per core: half of the tests wait for real processes and sockets, the other half computes.
WORKERS ?= $(shell expr 2 \* $$(getconf _NPROCESSORS_ONLN))
# The tests start some hundred processes: without kept bytecode each of them, and each worker, compiles all anew.
unexport PYTHONDONTWRITEBYTECODE
PYTEST := $(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal
# "slow and not long" leaves out what proves the same again with more of everything.
SLOW ?= slow
# Of the slow ones the longest begin first, and whoever is free takes the next.
PYTEST_SLOW := $(BIN)/python -m pytest -q -n $(WORKERS) --dist load --maxschedchunk 1

.PHONY: demo test test-slow test-all faults fuzz hunt soak mutants bench bench-planner bench-year check lint types imports lock install uninstall clean

demo: $(STAMP)  ## charge a simulated car for a whole day, through real Modbus and HTTP
	$(BIN)/ampilot demo

test: $(STAMP)  ## the default run, about three minutes on two cores
	$(PYTEST) -m "not slow"

test-slow: $(STAMP)  ## what the default run leaves out: real timings, long lives, the installation
	AMPILOT_EXAMPLES=$${AMPILOT_EXAMPLES:-40} $(PYTEST_SLOW) -m "$(SLOW)"

test-all: test test-slow

faults: $(STAMP)  ## every row of docs/faults.md, its measured bound beside the promised one
	AMPILOT_EVERY_ROW=1 $(PYTEST) tests/faults

fuzz: $(STAMP)  ## every parser of what others wrote, two minutes; SECONDS=... for more, SEED=... again
	$(BIN)/python -m tests.fuzz $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED))

hunt: $(STAMP)  ## long lives drawn at random against all promises, ten minutes; SEED=... draws them again
	AMPILOT_EXAMPLES=300 $(PYTEST_SLOW) -m slow -o timeout=0 \
	  --hypothesis-seed=$(or $(SEED),$(shell od -An -N4 -tu4 /dev/urandom)) \
	  tests/properties tests/faults/test_random_life.py

soak: $(STAMP)  ## a simulated year of faults, five minutes; SEED=... lives one again
	$(BIN)/python -m tests.soak $(if $(SEED),--seed $(SEED)) $(if $(DAYS),--days $(DAYS))

mutants: $(STAMP) $(VENV)/bin/mutmut  ## change the safety code in 4500 small ways, see whether tests notice; half an hour
	$(BIN)/python -m tests.mutants

$(VENV)/bin/mutmut: requirements-mutants.lock $(STAMP)
	$(BIN)/python -m pip install -q --require-hashes -r requirements-mutants.lock
	touch $@

bench: $(STAMP)  ## everybody on the recorded days: benchmarks/report.md with plots
	$(BIN)/python -m benchmarks --report benchmarks

bench-planner: $(STAMP)  ## the planner on 200 random tasks of 36 hours, beside the exact optimum; three minutes
	$(BIN)/python -m benchmarks.planner

bench-year: $(STAMP)  ## a year of days on one core: processor time in all and of a decision; eight minutes
	$(BIN)/python -m benchmarks.year

check: lint types imports

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

imports: $(STAMP)
	$(BIN)/lint-imports

$(STAMP): requirements-dev.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "ampilot needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .
	touch $(STAMP)

lock:  ## resolve the dependencies anew (needs uv)
	uv pip compile pyproject.toml --extra notify --universal --python-version 3.11 --generate-hashes --no-annotate \
	  --no-header --no-emit-index-url --no-emit-find-links -q -o requirements.lock
	uv pip compile pyproject.toml --extra notify --extra plot --extra bench --extra test --extra dev --universal --python-version 3.11 \
	  --generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links -q \
	  -o requirements-dev.lock
	uv pip compile pyproject.toml --extra mutants -c requirements-dev.lock --universal --python-version 3.11 \
	  --generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links -q \
	  -o requirements-mutants.lock
	echo 'hatchling>=1.27' | uv pip compile - -c requirements-dev.lock --universal --python-version 3.11 \
	  --generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links -q \
	  -o requirements-build.lock

install:  ## as root, on Debian or Raspberry Pi OS: private environment, user, config, service
	sh systemd/install.sh

uninstall:
	sh systemd/uninstall.sh

clean:
	rm -rf $(VENV) out build dist
