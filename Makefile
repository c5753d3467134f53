.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?=
VENV := .venv
BIN := $(VENV)/bin
PEERS := .venv-peers
# Those whose tests take longest come first, so that at the end no worker waits for another.
PACKAGES := gateway libs/durable-queue libs/service-kit notification-dispatcher libs/notification-ledger libs/notification-providers libs/asyncnotify-prove \
            libs/asyncnotify-lab libs/asyncnotify notification-publisher user-service libs/notification-contracts
TESTKIT := libs/testkit
PYPROJECTS := $(PACKAGES:%=%/pyproject.toml)
# Services are processes of their own, started again and again: they need not be compiled each time.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup run test test-containers prove prove-mutants bench bench-guard dist check fmt lint types arch openapi show-lua lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

ifneq ($(filter-out help clean,$(MAKECMDGOALS)),)
_ := $(shell sh requirements/venv.sh check $(VENV) '$(PYTHON)')
endif
FILL = sh requirements/venv.sh fill $(VENV) '$(PYTHON)'
count = $$(grep -c '^[a-zA-Z0-9].*==' $(1))

$(VENV)/.run: requirements/run.txt $(PYPROJECTS)
	@$(FILL) $(call count,$<) --require-hashes -r $<
	@$(FILL) $(words $(PACKAGES)) --no-deps --no-build-isolation $(PACKAGES:%=-e %)
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements/dev.txt $(TESTKIT)/pyproject.toml
	@$(FILL) $(call count,requirements/dev.txt) --require-hashes -r requirements/dev.txt
	@$(FILL) 1 --no-deps --no-build-isolation -e $(TESTKIT)
	@touch $@

setup: $(VENV)/.dev ## Install everything for development into .venv

run: $(VENV)/.run ## Run the whole system on an embedded Redis; gateway on http://localhost:8000
	@exec $(BIN)/asyncnotify up $(ARGS)

# A selection by ARGS may leave one of the two without a test: pytest then exits with 5.
test: $(VENV)/.dev ## Run all tests: each package's, then those of the whole system; ARGS="-k name"
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(if $(COVERAGE),--cov --cov-report=term) $(PACKAGES) $(ARGS) || [ $$? -eq 5 ]
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder tests $(ARGS) || [ $$? -eq 5 ]

test-containers: $(VENV)/.dev ## Build the images and test the system in containers
	$(BIN)/python -m pytest -m compose $(ARGS)

prove: $(VENV)/.run ## Prove that nothing is lost: notifications under kills, restarts and cut connections
	$(BIN)/asyncnotify prove $(ARGS)

prove-mutants: $(VENV)/.dev ## Build faults into the product, and have the proof find each of them
	$(BIN)/python -m pytest -n 6 -m mutants tests/mutants $(ARGS)

$(PEERS)/.filled: requirements/peers.txt
	@sh requirements/venv.sh fill $(PEERS) '$(PYTHON)' $(call count,$<) --require-hashes -r $<
	@touch $@

bench: $(VENV)/.run $(PEERS)/.filled ## Measure beside others and write docs/performance.md (thirteen minutes); ONLY="accept dispatch"
	@$(BIN)/python benchmarks/bench.py $(ONLY) $(ARGS)

bench-guard: $(VENV)/.run ## Has it become slower? Compare with minimal code (half a minute)
	@$(BIN)/python benchmarks/guard.py $(ARGS)

dist: $(VENV)/.run ## Build a wheel of each package into dist/; they install together
	$(BIN)/python -m pip wheel -q --disable-pip-version-check --no-deps --no-build-isolation -w dist $(PACKAGES:%=./%)

check: $(VENV)/.dev ## Format, lint, spelling, types (of tests, too), import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/typos
	$(BIN)/mypy
	@for each in $(PACKAGES) .; do MYPYPATH=$$each $(BIN)/mypy --explicit-package-bases $$each/tests || exit 1; done
	$(BIN)/lint-imports

fmt: $(VENV)/.dev ## Format the code and sort the imports
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

openapi: $(VENV)/.run ## Make the document of the API of what the services say of their calls
	$(BIN)/python gateway/make_openapi.py

show-lua: $(VENV)/.dev ## Print a Lua script as Redis gets it: NAME=claim; without a name, all names
	@$(BIN)/python -m testkit.show_lua $(NAME)

lock: $(VENV)/.dev ## Compile requirements/*.txt from requirements/*.in
	cd requirements && for name in build services run dev peers; do \
	  ../$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-strip-extras \
	    --custom-compile-command "make lock" $$name.in -o $$name.txt || exit 1; done

clean: ## Remove .venv, caches and the data of `make run`
	rm -rf $(VENV) $(PEERS) .data dist .mypy_cache .ruff_cache .pytest_cache .coverage
