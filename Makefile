# Shortcuts for developers. They need make and Python 3.11 or newer; `make interop` also needs Node
# 20, Chromium, bash, zsh and fish. Environments are created in .venv and .tox of this directory.

PYTHON ?= python3
TOXRUN ?= run
TOXFLAGS ?=
ARGS ?=
PY := .venv/bin/python
PIP := $(PY) -m pip --disable-pip-version-check

# Tests start hundreds of processes: without bytecode, each one compiles all modules again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test check docs interop ledger fuzz mutants bench faults soak clean

help:  ## list the commands
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1	\2/p' Makefile | expand -t 20

demo: .venv/demo-ready  ## run the client against a local test server and explain each step
	$(PY) -m aioalf demo $(ARGS)

test: .venv/test-ready  ## run the test suite on one Python, in about three minutes
	AIOALF_SEEDS=$${AIOALF_SEEDS:-400} $(PY) -m pytest -n auto --dist worksteal $(ARGS)

check: .venv/tox-ready  ## run everything: lint, types, coverage, docs, every installed Python, oldest and newest aiohttp
	$(PY) -m tox $(TOXRUN) $(TOXFLAGS)

docs: .venv/tox-ready  ## build the documentation site in artefacts/docs, and check its links
	$(PY) -m tox run -e docs $(TOXFLAGS)

interop: .venv/tox-ready  ## test against oidc-provider, Canaille, Chromium, FastAPI and shells
	$(PY) -m tox run -e interop $(TOXFLAGS)

ledger: .venv/tox-ready  ## run the suite and list every rule of docs/explanation/rules.rst with its tests
	$(PY) -m tox run -e ledger $(TOXFLAGS)

fuzz: .venv/tox-ready  ## search for inputs and orders of events that break the client, for ten minutes (ARGS="--seconds 60")
	$(PY) -m tox run -e fuzz $(TOXFLAGS) -- $(ARGS)

mutants: .venv/tox-ready  ## mutation testing of the core (ARGS="manager token" for these modules)
	$(PY) -m tox run -e mutants $(TOXFLAGS) -- $(ARGS)

bench: .venv/tox-ready  ## measure CPU time and memory against other clients (ARGS=--publish updates the docs)
	$(PY) -m tox run -e bench $(TOXFLAGS) -- $(ARGS)

faults: .venv/tox-ready  ## measure how token endpoint failures reach callers, and update docs/explanation/faults.rst
	$(PY) -m tox run -e faults $(TOXFLAGS) -- $(ARGS)

soak: .venv/tox-ready  ## run a mixed load with faults for ten minutes (ARGS="--seconds 30")
	$(PY) -m tox run -e soak $(TOXFLAGS) -- $(ARGS)

clean:  ## delete everything that the other commands created
	rm -rf .venv .tox artefacts build dist *.egg-info .coverage* .hypothesis
	rm -rf .mypy_cache .pytest_cache .ruff_cache tools/benchmarks/results tests/interop/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/created:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is \
	required, this is %d.%d. Choose another one: make PYTHON=python3.12 ..." % sys.version_info[:2])'
	"$(PYTHON)" -m venv .venv
	@touch $@

.venv/demo-ready: .venv/created setup.py pyproject.toml
	$(PIP) install --quiet --editable .
	@touch $@

.venv/test-ready: .venv/created setup.py pyproject.toml constraints.txt constraints-aiohttp.txt
	$(PIP) install --constraint constraints.txt --constraint constraints-aiohttp.txt --editable '.[tests]'
	@touch $@

.venv/tox-ready: .venv/created constraints.txt
	$(PIP) install --constraint constraints.txt tox
	@touch $@
