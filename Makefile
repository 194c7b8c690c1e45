# Needs Python 3.11 or newer; everything else is installed into .venv.
PYTHON ?= python3
BIN := .venv/bin
SPLIT ?= validation

.PHONY: demo test benchmark accuracy clean

demo: .venv/.installed  ## analyse the demo event and say where its report is
	$(BIN)/aqa analyze data/demo

test: .venv/.tests-installed  ## linters, types, import contract, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n auto

benchmark: .venv/.tests-installed  ## speed against named peers, on this machine
	$(BIN)/python tests/benchmarks/packet_logs.py
	$(BIN)/python tests/benchmarks/recordings.py

accuracy: .venv/.tests-installed  ## what is found and what is made up; SPLIT=test for the final figures
	PYTHONPATH=.:tests $(BIN)/python -m accuracy.run --split $(SPLIT)

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.installed: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

.venv/.tests-installed: .venv/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[test]"
	touch $@

clean:  ## remove what make has installed
	rm -rf .venv
