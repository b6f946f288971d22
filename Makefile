# Everything runs inside .venv, which any target creates. Only Python 3.11+, git and a C++ compiler are needed.
PYTHON ?= python3
BIN := .venv/bin
export OMP_WAIT_POLICY ?= passive
# Processes that run tests, each with one thread.
JOBS ?= 2

.PHONY: help install demo arena test test-slow test-kernels lint format tensorboard docs clean
.DEFAULT_GOAL := help

help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

install: .venv/installed ## Create .venv and install the package with its development tools

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: install ## Train AdaWavSpA and the matched Transformer on two CPU cores, resume, test, compare
	BIN=$(BIN) bash scripts/demo.sh

arena: install ## The Long Range Arena's table: every training of configs/sweeps/arena.yaml (hours on GPUs)
	PATH="$$PWD/$(BIN):$$PATH" wavspa sweep configs/sweeps/arena.yaml

test: install ## Run the tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS)

test-slow: install ## Run the slow tests: compiled kernels, 10,000 samples per task, ptwt's own tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m slow -n $(JOBS)

test-kernels: install ## Run the Triton kernels, interpreted on the CPU
	TRITON_INTERPRET=1 CUDA_VISIBLE_DEVICES= OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) tests/wavelets/test_triton.py

lint: install ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install ## Reformat the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

tensorboard: install ## Open TensorBoard on runs/
	$(BIN)/tensorboard --logdir runs

docs: install ## Build the documentation into build/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict

clean: ## Remove .venv and caches; runs and data stay
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info
