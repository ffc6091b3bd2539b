# Two commands do everything: `make demo` and `make test`. Each makes the environment first.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# More arguments for pip, for instance the index of CPU-only PyTorch wheels.
PIP_ARGS ?=

.PHONY: demo test setup check docs clean

demo: $(VENV)/.ready
	$(BIN)/python examples/movie_reviews/prepare.py runs/movie_reviews/data
	$(BIN)/ruletune train examples/movie_reviews/task.yaml --out runs/movie_reviews/run --overwrite
	$(BIN)/ruletune predict runs/movie_reviews/run examples/movie_reviews/new.txt

test: $(VENV)/.ready
	PATH="$(abspath $(BIN)):$$PATH" scripts/check

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "ruletune needs Python 3.11 or newer; say which with: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install $(PIP_ARGS) -c constraints.txt -e '.[demo,dev,datasets,search]'
	@touch $@

docs: $(VENV)/.ready
	$(BIN)/python scripts/make_reference.py
	$(BIN)/python scripts/make_benchmarks_page.py

clean:
	rm -rf $(VENV) runs build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
