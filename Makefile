# The environment is made from constraints.txt when it is missing; every target below needs nothing else.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: demo test test-all lint bench clean

demo: $(STAMP)
	$(BIN)/python scripts/demo.py

test: $(STAMP)
	$(BIN)/python -m pytest -q -m "not slow"

test-all: $(STAMP)
	$(BIN)/python -m pytest -q

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(STAMP)
	$(BIN)/python scripts/benchmark_lut.py

# torch first, by its exact version: under the constraints a machine without a GPU keeps its CPU build.
$(STAMP): pyproject.toml constraints.txt setup.py $(wildcard src/lutgrade/ops/csrc/*)
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q --upgrade -c constraints.txt pip setuptools
	$(BIN)/pip install -q -c constraints.txt torch==$$(sed -n 's/^torch==//p' constraints.txt)
	$(BIN)/pip install -qq -c constraints.txt -e ".[dev]"
	@touch $@

clean:
	rm -rf .venv build demo src/lutgrade.egg-info src/lutgrade/ops/*.so
