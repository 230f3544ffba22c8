# `make demo` and `make test` need Python 3.11+, Git and make; they set up all else in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test lint upstream locks clean

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "torch==2.13.0" "tensorflow-cpu==2.21.0" "numpy==2.4.6"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[test]"
	touch $@

$(VENV)/.demo: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

demo: $(VENV)/.demo  ## the whole way on generated data, in under a minute: table on the terminal, Markdown and LaTeX
	$(BIN)/harness reproduce demo

test: $(STAMP)  ## lint, types and tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest

upstream: $(STAMP)  ## tests on the real upstreams; needs HARNESS_GIT_MIRROR or the internet
	$(BIN)/pytest -m upstream

locks: $(STAMP)  ## hashed locks from dockerfiles/*.in: make locks CPU_WHEEL_SHA256=...
	$(BIN)/python -m pip install --quiet uv
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python dockerfiles/lock.py torch $(CPU_WHEEL_SHA256)
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python dockerfiles/lock.py tf

clean:  ## remove what was made, not the results
	rm -rf $(VENV) .cache
