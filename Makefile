# Everything runs in .venv, which the first target that needs it makes and all others reuse.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CORE := $(VENV)/.core-installed
DEV := $(VENV)/.dev-installed
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test lint types bench tables record docs clean

demo: $(CORE)  ## the main job on the embedded networks: writes out/demo.html
	$(BIN)/seewhy demo -o out/demo.html

# The networks of the tests are small: a process per core, each with one thread, is twice as fast as one process with all of them.
test: $(DEV)  ## all tests; those that need ../shared skip by name where it is missing
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n logical --maxprocesses=8

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEV)
	$(BIN)/mypy

bench: $(DEV)  ## times seewhy beside its peers and prints what got worse since the recorded table
	$(BIN)/python -m bench

tables: $(DEV)  ## every architecture by every method: writes docs/architectures.md
	$(BIN)/python -m bench.architectures

record: $(DEV)
	$(BIN)/python -m bench --record

docs: $(VENV)/.docs-installed  ## one site of all pages: out/site/index.html
	$(BIN)/python -m mkdocs build --strict

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(CORE): $(BIN)/python pyproject.toml constraints.txt
	$(PIP) -e .
	@touch $@

$(DEV): $(CORE)
	$(PIP) -e '.[all,peers,dev]'
	@touch $@

$(VENV)/.docs-installed: $(CORE)
	$(PIP) -e '.[docs]'
	@touch $@

clean:
	rm -rf $(VENV) out dist build
