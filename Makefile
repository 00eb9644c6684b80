# rekam: `make run` sets up and opens the desk on simulated devices, `make test` checks everything.
SHELL := /bin/bash
BIN := .venv/bin
RESIDENTS ?= 3
SEED ?= 7

.PHONY: run test setup lint unit bench soak messages clean

run: setup
	@if [ -t 0 ] && [ -t 1 ]; then exec $(BIN)/rekam demo --seed $(SEED); \
	else exec $(BIN)/rekam demo --headless --residents $(RESIDENTS) --seed $(SEED); fi

test: lint unit

setup:
	@.ci/setup

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: setup
	$(BIN)/pytest -m "not soak"

bench: setup
	$(BIN)/python -m tests.perf.bench

soak: setup
	$(BIN)/pytest -n 0 -m soak
	REKAM_FUZZ_CASES=1000000 $(BIN)/pytest --timeout 3600 tests/fuzz

# Collect the texts of the screens anew and bring the Indonesian catalogue up to date.
messages: setup
	$(BIN)/pybabel -q extract -k _ -k N_ --no-location --sort-output --omit-header -o .venv/rekam.pot station
	$(BIN)/pybabel -q update -D rekam -d station/locale -i .venv/rekam.pot --no-fuzzy-matching --ignore-pot-creation-date

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
