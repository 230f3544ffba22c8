# `make demo` and `make test` need Python 3.11+, Git and make; they set up all else in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# Tests of one file stay on one worker. Files keep their order: tests of containers and of whole commands, the longest,
# come first.
SPREAD := -n auto --maxprocesses 4 --no-loadscope-reorder

unexport PYTHONDONTWRITEBYTECODE  # tests start Python many times; without bytecode each start compiles every module

export OMP_NUM_THREADS := 1  # the threads of several workers would wait for each other

.PHONY: check clean demo locks test upstream

# Lint, then types beside tests: what the type checker says is printed after them, and either of them can fail.
define checked
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@$(BIN)/mypy >$(VENV)/types.txt 2>&1 & types=$$!; \
	echo "$(1)"; $(1); tests=$$?; \
	wait $$types; types=$$?; echo "$(BIN)/mypy"; cat $(VENV)/types.txt; exit $$((tests | types))
endef

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "torch==2.13.0" "tensorflow-cpu==2.21.0" "numpy==2.4.6"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[test]"
	touch $@

$(VENV)/.demo: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

demo: $(VENV)/.demo  ## everything on generated data, in under a minute: table on the terminal, Markdown and LaTeX
	$(BIN)/harness reproduce demo

check: $(STAMP)  ## lint, types and quick unit tests that need neither PyTorch nor TensorFlow, in about a minute
	$(call checked,$(BIN)/pytest $(SPREAD) --no-frameworks -m 'not slow and not long' tests/unit)

test: $(STAMP)  ## lint, types and all tests that need no real upstream
	$(call checked,$(BIN)/pytest $(SPREAD))

upstream: $(STAMP)  ## tests on the real upstreams; needs HARNESS_GIT_MIRROR or the internet
	$(BIN)/pytest -m upstream

locks: $(STAMP)  ## hashed locks from dockerfiles/*.in: make locks NAMES="numpy torch" CPU_WHEEL_SHA256=...
	$(BIN)/python -m pip install --quiet uv
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python dockerfiles/lock.py $(NAMES) $(addprefix --cpu-wheel ,$(CPU_WHEEL_SHA256))

clean:  ## remove what was made, not the results
	rm -rf $(VENV) .cache
