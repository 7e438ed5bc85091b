# Everything here needs Python 3.11 or newer and make; `interop` needs Node 20 and Chromium, too.
# It all happens in .venv and .tox of this directory. Without make: see README.rst.

PYTHON ?= python3
TOXRUN ?= run
TOXFLAGS ?=
ARGS ?=
PY := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help demo test interop ledger bench fuzz mutants faults soak clean

help:  ## say what there is
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1	\2/p' Makefile | expand -t 20

demo: .venv/demo-ready  ## run the client against a server in this process and show what happens
	$(PY) -m aioalf demo $(ARGS)

test: .venv/test-ready  ## the suite on the Pythons at hand, lint, types, documents
	$(PY) -m tox $(TOXRUN) $(TOXFLAGS)

interop: .venv/test-ready  ## the client against oidc-provider, Canaille and in Chromium
	$(PY) -m tox run -e interop $(TOXFLAGS)

ledger: .venv/test-ready  ## run the suite and print each rule, its tests and the result
	$(PY) -m tox run -e ledger $(TOXFLAGS)

fuzz: .venv/test-ready  ## inputs that mean harm, for ten minutes (ARGS="--seconds 60")
	$(PY) -m tox run -e fuzz $(TOXFLAGS) -- $(ARGS)

mutants: .venv/test-ready  ## change the core in one place after another: a test has to notice each
	$(PY) -m tox run -e mutants $(TOXFLAGS) -- $(ARGS)

bench: .venv/test-ready  ## what it costs beside others; ARGS=--publish writes the documents
	$(PY) -m tox run -e bench $(TOXFLAGS) -- $(ARGS)

faults: .venv/test-ready  ## what callers see when the token endpoint fails; writes docs/faults.rst
	$(PY) -m tox run -e faults $(TOXFLAGS) -- $(ARGS)

soak: .venv/test-ready  ## mixed load with faults for ten minutes (ARGS="--seconds 30")
	$(PY) -m tox run -e soak $(TOXFLAGS) -- $(ARGS)

clean:  ## remove what the other commands made
	rm -rf .venv .tox artefacts build dist *.egg-info .coverage* .hypothesis
	rm -rf .mypy_cache .pytest_cache .ruff_cache tools/benchmarks/results tests/interop/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/made:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	"Python 3.11 or newer is needed; name one: make PYTHON=/path/to/python3.12 ...")'
	"$(PYTHON)" -m venv .venv
	@touch $@

.venv/demo-ready: .venv/made setup.py pyproject.toml
	$(PY) -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/test-ready: .venv/made constraints.txt
	$(PY) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt tox
	@touch $@
