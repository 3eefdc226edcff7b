# The commands of the project. `make demo` and `make test` install what they need first.
#
#   make install   .venv with the peerd command in it, which is this clone; quick when nothing changed
#   make node      an installation for a daemon, below NODE, that no later change of the clone touches
#   make demo      a swarm of real daemons on this machine, liars among them, in a few minutes
#   make check     lint and the tests that take seconds: what to run before each commit
#   make test      all tests but those of acceptance, on all cores
#   make acceptance  what takes longer: whole networks, fresh installs, the demo
#   make lint      ruff, mypy --strict, and vulture: code that nobody calls
#   make docs      the documents as a site, in site/
#   make bench     docs/performance.md, measured again: rounds of real daemons, and roles; minutes.
#                  With BASELINES=1 also NTL, MPyC and Flower, where they install; prints ratios last
#   make lab-table the table of docs/laboratory.md, run again; half an hour
#   make dist      sdist and wheel in dist/, built from what git tracks, and looked into
#   make clean     everything that the above made

PYTHON ?= python3
VENV := .venv
NODE ?= /opt/peerd
INSTALLED := $(VENV)/.installed
# one BLAS thread: the tests' swarm is many processes, and the bench is stated for one thread
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1

# the same examples in each run, on as many processes as there are cores
PYTEST := HYPOTHESIS_PROFILE=fixed $(ONE_THREAD) $(VENV)/bin/python -m pytest --numprocesses auto

.PHONY: install node demo check test acceptance lint docs bench lab-table constraints dist clean
.DELETE_ON_ERROR:

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt scripts/install.sh
	PYTHON="$(PYTHON)" scripts/install.sh $(VENV)

node:
	PYTHON="$(PYTHON)" scripts/install.sh --node $(NODE)

demo: install
	$(VENV)/bin/peerd demo

check: lint
	$(PYTEST) --quick

test: install
	$(PYTEST)

acceptance: install
	$(PYTEST) -m acceptance

lint: install
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff check --preview --select PLW1514 peerd protocols scripts
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/vulture

docs: install
	$(VENV)/bin/zensical build --clean --strict

bench: install
	$(if $(BASELINES),PYTHON="$(PYTHON)" scripts/baselines/install.sh .venv-baselines)
	$(VENV)/bin/python scripts/performance.py $(if $(BASELINES),--baselines)
	$(VENV)/bin/python scripts/model_page.py

lab-table: install
	$(ONE_THREAD) $(VENV)/bin/python scripts/lab_table.py

constraints: install
	scripts/constraints.sh $(VENV)

dist:
	$(PYTHON) scripts/dist.py dist

clean:
	rm -rf $(VENV) .venv-baselines build dist site .cache *.egg-info demo-out .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find peerd protocols scripts tests -name __pycache__ -type d -prune -exec rm -rf {} +
