# Everything a person does with this repository. `make help` lists it.
SHELL := /bin/sh
VENV := $(or $(LAIRD_VENV),.venv)
BIN := $(VENV)/bin
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help run test lint types unit web dashboard screenshots bench bench-library bench-reports bench-usage-page format lock clean

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## Set up what is missing and start Laird on 127.0.0.1:8012
	@scripts/setup.sh run
	@scripts/dashboard.sh
	@exec $(BIN)/laird serve

test: ## Linters, types, import floors and all tests, with coverage
	@scripts/setup.sh test
	@$(MAKE) --no-print-directory lint types web unit

lint: ## Style, formatting and the import floors
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/lint-imports --no-logo >.lint-imports.log 2>&1 || { cat .lint-imports.log; rm -f .lint-imports.log; exit 1; }
	@rm -f .lint-imports.log
	@echo "lint: style and floors are in order"

types: ## Strict type check
	@$(BIN)/mypy

web: ## Build and check the dashboard
	@scripts/dashboard.sh required
	@cd web && npm run --silent check && npm run --silent client:check && npm test --silent

unit: ## The tests alone
	@rm -f .coverage .coverage.*
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --cov --cov-report=term:skip-covered -q

bench-reports: ## Measure how long reports take at one and at ten million ledger rows
	@scripts/setup.sh run
	@$(BIN)/python -m bench.reports $(ARGS)

bench-usage-page: ## Measure how soon the usage page is there with a thousand and with a million ledger rows
	@scripts/setup.sh test
	@scripts/dashboard.sh required
	@$(BIN)/python -m bench.usage_page $(ARGS)

bench-library: ## Measure local models: loads, added latency, turns, downloads
	@scripts/setup.sh test
	@$(BIN)/python -m bench.library $(ARGS)

bench: ## Measure Laird beside nginx, LiteLLM and Portkey on this machine
	@scripts/setup.sh run
	@$(BIN)/python -m bench $(ARGS)

dashboard: ## Build the dashboard (needs Node.js 20)
	@scripts/dashboard.sh

screenshots: ## Take the pictures of the dashboard in docs/images
	@scripts/setup.sh test
	@scripts/dashboard.sh required
	@$(BIN)/python -m tests.browser.screenshots docs/images

format: ## Format the code
	@scripts/setup.sh test
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

lock: ## Renew the lock files (needs uv)
	@requirements/compile.sh

clean: ## Remove environments, caches and benchmark folders
	@rm -rf $(VENV) .bench .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage .coverage.* tests/js/node_modules
