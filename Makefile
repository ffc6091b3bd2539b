# Two commands do everything: `make demo` and `make test`. Each makes the environment first.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# More arguments for pip, for instance the index of CPU-only PyTorch wheels.
PIP_ARGS ?=

# Which example the demo runs: classification, ner, relation, qa, translation, summarization, dialogue, understanding.
TASK   ?= classification
EXAMPLE_classification := movie_reviews
EXAMPLE_ner := named_entities
EXAMPLE_relation := relations
EXAMPLE_qa := reading
EXAMPLE_translation := translation
EXAMPLE_summarization := summarization
EXAMPLE_dialogue := dialogue
EXAMPLE_understanding := assistant
EXAMPLE := $(or $(EXAMPLE_$(TASK)),$(error there is no example for TASK=$(TASK); choose classification, ner, relation, qa, translation, summarization, dialogue or understanding))

.PHONY: demo test test-all setup dev check docs gallery faults dist clean

demo: $(VENV)/.ready
	$(BIN)/python examples/$(EXAMPLE)/prepare.py runs/$(EXAMPLE)/data
	$(BIN)/ruletune train examples/$(EXAMPLE)/task.yaml --out runs/$(EXAMPLE)/run --overwrite
	$(BIN)/ruletune predict runs/$(EXAMPLE)/run $(wildcard examples/$(EXAMPLE)/new.*)

test: $(VENV)/.ready-dev
	PATH="$(abspath $(BIN)):$$PATH" scripts/check

# With the tests that are marked `long`, too.
test-all: $(VENV)/.ready-dev
	PATH="$(abspath $(BIN)):$$PATH" scripts/check -m ""

setup: $(VENV)/.ready

# What the tests need beside it.
dev: $(VENV)/.ready-dev

$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "ruletune needs Python 3.11 or newer; say which with: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install $(PIP_ARGS) -c constraints.txt -e '.[demo,explain,onnx,search,serve,text]'
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready
	$(BIN)/python -m pip install $(PIP_ARGS) -c constraints.txt -e '.[datasets,demo,dev,explain,onnx,ray,search,serve,text,tracking]'
	@touch $@

# What can go wrong, for long: a million cases over all fuzzers, every catastrophic expression, a hundred thousand hostile
# requests, an hour under load, and the tests of all. FAULT_CASES, FAULT_REQUESTS, FAULT_MINUTES and FAULT_SEED change how many
# and which; atheris can lead it: python -m tests.faults.fuzz --engine atheris --only rows
FAULT_CASES    ?= 1000000
FAULT_REQUESTS ?= 100000
FAULT_MINUTES  ?= 60
FAULT_SEED     ?= 0

faults: $(VENV)/.ready-dev
	$(BIN)/python -m pytest tests/faults -m "long or not long"
	$(BIN)/python -m tests.faults.run_regexes --record
	$(BIN)/python -m tests.faults.fuzz --cases $(FAULT_CASES) --seed $(FAULT_SEED)
	$(BIN)/python -m tests.faults.openapi --seed $(FAULT_SEED)
	$(BIN)/python -m tests.faults.hostile --requests $(FAULT_REQUESTS) --seed $(FAULT_SEED)
	$(BIN)/python -m tests.faults.soak --minutes $(FAULT_MINUTES) --seed $(FAULT_SEED)
	$(BIN)/python -m tests.faults.kills --moments 50 --seed $(FAULT_SEED)

docs: $(VENV)/.ready-dev
	$(BIN)/python scripts/make_reference.py
	$(BIN)/python scripts/make_benchmarks_page.py
	$(BIN)/python scripts/make_figures.py

# What the examples print, in docs/gallery.md and docs/weaknesses.md; examples that have not been run are run first.
gallery: $(VENV)/.ready-dev
	$(BIN)/python scripts/make_gallery.py --train

# The sdist and the wheel, which is installed into an empty environment and runs the demo there.
dist: $(VENV)/.ready-dev
	PATH="$(abspath $(BIN)):$$PATH" PIP_ARGS="$(PIP_ARGS)" scripts/try_distribution

clean:
	rm -rf $(VENV) runs build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
