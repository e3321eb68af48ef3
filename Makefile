# Every target finds or makes what it needs. Nothing is installed outside this folder, apart from uv's download cache.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# PYTHON=python3.13 make … chooses another; the default is the first on the PATH that is new enough.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)

VENV := .venv
BIN := $(VENV)/bin
OWN_UV := .souk/uv
# What makes clients wants other versions of what Souk stands on, so it has an environment of its own.
GENERATOR := .souk/clients
NODE := deploy/clients/node_modules/.package-lock.json
SERVICES := $(patsubst services/%/pyproject.toml,%,$(wildcard services/*/pyproject.toml))
LOCKED := $(SERVICES) sandbox cli
PROJECTS := $(wildcard libs/*/pyproject.toml services/*/pyproject.toml deploy/*/pyproject.toml)
MEMBERS := $(PROJECTS:/pyproject.toml=)
# The folder's path is in the name, because an environment does not survive being moved. The __init__ files are listed,
# because an empty package is not found by its editable installation.
READY := $(VENV)/.ready-$(shell pwd | cksum | cut -d' ' -f1)
INPUTS := requirements/dev.txt pyproject.toml $(PROJECTS) $(wildcard $(addsuffix /src/*/__init__.py,$(MEMBERS)))

.PHONY: help setup run reset demo test check cov fmt fuzz newman clients hurt prove bench migrate db-shell lock clean up roll down logs doctor

help: ## Show what can be made
	@awk -F ' *## *' '/^[a-z-]+:.*## /{split($$1, t, ":"); printf "  make %-10s %s\n", t[1], $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## Install everything into .venv (the other targets do this by themselves)

run: $(READY) ## Run the whole system in one process, with its own database and demo data
	@$(BIN)/souk run $(ARGS)

reset: $(READY) ## Delete the data of `make run`
	@$(BIN)/souk reset $(ARGS)

demo: $(READY) ## Watch a customer buy: WIRE=rabbitmq makes processes and a broker, URL=… uses a running system
	@$(BIN)/souk demo $(if $(WIRE),--wire $(WIRE)) $(if $(URL),--url $(URL)) $(ARGS)

test: $(READY) ## Run all tests with a real PostgreSQL and RabbitMQ; ARGS="services/orders -k refund" chooses
	@$(BIN)/pytest $(SIDE_BY_SIDE) $(ARGS)

check: $(READY) ## Lint, format, types, who may import whom, and documents that drifted
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/souk contracts check
	@$(BIN)/souk gateway check

cov: $(READY) ## Run all tests and show which lines none of them reached
	@$(BIN)/pytest $(SIDE_BY_SIDE) --cov --cov-report=term $(ARGS)

fmt: $(READY) ## Format the code and mend what can be mended without thinking
	@$(BIN)/ruff check --fix --show-fixes --exit-zero
	@$(BIN)/ruff format

fuzz: $(READY) ## Try every operation of the API with thousands of requests, valid and not: ARGS="--include-tag orders"
	@$(BIN)/souk fuzz $(if $(ARGS),-- $(ARGS))

newman: $(READY) $(NODE) ## Run the Postman collection against a system of its own
	@$(BIN)/souk newman $(if $(ARGS),-- $(ARGS))

clients: $(READY) $(NODE) $(GENERATOR)/.ready ## Make typed clients for Python and TypeScript in clients/, and check them
	@rm -rf clients && mkdir -p clients/typescript
	@$(GENERATOR)/bin/openapi-python-client generate --path docs/openapi.json --output-path clients/python \
		--config deploy/clients/python.yml --fail-on-warning
	@MYPYPATH=clients/python $(BIN)/mypy --config-file= --strict --cache-dir=.mypy_cache deploy/clients/purchase.py
	@PYTHONPATH=clients/python:deploy/clients $(BIN)/python -c 'import purchase'
	@cd deploy/clients && node_modules/.bin/openapi-typescript ../../docs/openapi.json --output ../../clients/typescript/souk.ts
	@cd deploy/clients && node_modules/.bin/tsc --project .

hurt: $(READY) ## Break a running system in every known way and count what is left: SECONDS=360 SEED=7 ONLY=F9,F32
	@$(BIN)/souk hurt $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only $(ONLY)) $(ARGS)

prove: $(READY) ## Let faults overlap while a crowd buys, then open every book: SEED=7 MINUTES=3
	@$(BIN)/souk prove $(if $(SEED),--seed $(SEED)) $(if $(MINUTES),--minutes $(MINUTES)) $(ARGS)

bench: $(READY) ## Measure beside the floors, about half an hour: ARGS="inbox relay" for some
	@$(BIN)/python -m bench $(ARGS)

migrate: $(READY) ## Bring the databases of `make run` up to date: SERVICE=orders for one
	@$(BIN)/souk migrate $(SERVICE) $(ARGS)

db-shell: $(READY) ## Open psql in a service's database: SERVICE=orders
	@test -n "$(SERVICE)" || { echo "Say which: make db-shell SERVICE=orders (of: $(SERVICES))"; exit 2; }
	@$(BIN)/souk db-shell $(SERVICE)

# Beside the index itself nothing is asked: a folder of wheels knows the hash of one file where a package has many.
lock: $(READY) ## Compile requirements/*.txt again; UPGRADE=1 takes the newest versions
	@$(environment); unset UV_INDEX UV_FIND_LINKS; \
	lock() { out=requirements/$$1.txt; shift; echo "$$out"; \
		"$$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
			--no-emit-index-url $(if $(UPGRADE),--upgrade) $(OWN_PACKAGES) --output-file $$out "$$@" > /dev/null; }; \
	lock dev --group dev $(PROJECTS); \
	lock clients requirements/clients.in; \
	lock build --constraint requirements/dev.txt requirements/build.in; \
	for name in $(SERVICES); do lock $$name --constraint requirements/dev.txt services/$$name/pyproject.toml; done; \
	for name in cli sandbox; do lock $$name --constraint requirements/dev.txt deploy/$$name/pyproject.toml; done

clean: ## Delete the environment and all caches, but no data
	@rm -rf $(VENV) $(OWN_UV) $(GENERATOR) deploy/clients/node_modules clients .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage*

up: $(READY) ## Build and start all containers, or what has changed of them; ORDERS_WORKERS=3 in .env makes more
	@$(BIN)/souk secrets
	@docker compose up --detach --build --wait $(ARGS) || { code=$$?; $(last_words); exit $$code; }
	@$(BIN)/souk welcome

roll: $(READY) ## Replace a service's containers one by one, so that no request is lost: SERVICE=orders
	@test -n "$(SERVICE)" || { echo "Say which: make roll SERVICE=orders (of: $(SERVICES))"; exit 2; }
	@$(BIN)/souk secrets
	@$(BIN)/souk roll $(SERVICE)

down: ## Stop the containers; ARGS=--volumes deletes their data too
	@docker compose down $(ARGS)

logs: ## Follow what the containers say: ARGS=orders-worker for one
	@docker compose logs --follow --tail 100 $(ARGS)

doctor: ## Open every book of the containers: ARGS="--truth http://sandbox:9000/sandbox/truth" asks the sandbox too
	@docker compose run --rm --quiet-pull souk doctor $(ARGS)

# ---- what the targets above stand on

# Each of the processes starts servers of its own, so there is a limit to what more of them bring.
SIDE_BY_SIDE := -n auto --maxprocesses 4

# Of each service whose container has ended badly or is not well, its last lines; Compose itself says no more than a number.
define last_words
docker compose ps --all --format '{{.Service}} {{.ExitCode}} {{.Health}}' | awk '$$2 > 0 || $$3 == "unhealthy" {print $$1}' | sort -u | \
	while read -r name; do printf '\nThe last lines of %s:\n' "$$name"; docker compose logs --no-log-prefix --tail 5 "$$name" < /dev/null; done
endef

OWN_PACKAGES := $(foreach project,common $(LOCKED),--no-emit-package souk-$(project))

# uv does not read pip's configuration. What pip has been told, by variables or by file, is passed on: indexes, folders
# of wheels, the certificate. `uv` becomes the command to use. Several indexes are treated alike, as pip does.
define environment
set -e; \
python="$(OWN_UV)/bin/python"; test -x "$$python" || python="$(PYTHON)"; \
pip_says() { for place in global install; do "$$python" -m pip config get "$$place.$$1" 2> /dev/null && return; done; true; }; \
pass() { value=$$3; test -n "$$value" || value=$$(pip_says $$2); test -z "$$value" || export "$$1=$$(echo $$value)"; }; \
test -n "$$UV_DEFAULT_INDEX$$UV_INDEX_URL" || pass UV_DEFAULT_INDEX index-url "$$PIP_INDEX_URL"; \
test -n "$$UV_INDEX$$UV_EXTRA_INDEX_URL" || pass UV_INDEX extra-index-url "$$PIP_EXTRA_INDEX_URL"; \
test -n "$$UV_FIND_LINKS" || pass UV_FIND_LINKS find-links "$$PIP_FIND_LINKS"; \
UV_FIND_LINKS=$$(echo $$UV_FIND_LINKS | tr ' ' ','); \
test -n "$$SSL_CERT_FILE" || pass SSL_CERT_FILE cert "$$PIP_CERT"; \
export UV_PYTHON_DOWNLOADS=never UV_INDEX_STRATEGY="$${UV_INDEX_STRATEGY:-unsafe-best-match}"; \
uv=$$(command -v uv || echo "$(CURDIR)/$(OWN_UV)/bin/uv")
endef

NO_PYTHON := Souk needs Python 3.11 or newer, and none was found on the PATH. Install one, or name it: make PYTHON=/path/to/python3.13
NO_UV := Souk is installed with uv, which is not on the PATH and could not be fetched with pip either (its words are above). \
Install uv, or what Python needs to make environments (Debian: apt-get install python3-venv), and try again.

$(READY): $(INPUTS)
	@test -n "$(PYTHON)" || { echo "$(NO_PYTHON)"; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(NO_PYTHON)"; exit 1; }
	@command -v uv > /dev/null || test -x $(OWN_UV)/bin/uv || $(MAKE) $(OWN_UV)/bin/uv || { echo "$(NO_UV)"; exit 1; }
	@echo "Installing into $(VENV) …"
	@$(environment); \
	$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null || \
		{ rm -rf $(VENV); "$$uv" venv --quiet --python "$(PYTHON)" $(VENV); }; \
	"$$uv" pip sync --python $(BIN)/python --require-hashes requirements/dev.txt; \
	"$$uv" pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation $(addprefix --editable ,$(MEMBERS))
	@rm -f $(VENV)/.ready-*
	@touch $@

NO_NODE := This needs Node.js 18 or newer with npm, and none was found on the PATH. Debian: apt-get install nodejs npm.

$(NODE): deploy/clients/package-lock.json
	@command -v node > /dev/null && command -v npm > /dev/null || { echo "$(NO_NODE)"; exit 1; }
	@echo "Installing into deploy/clients/node_modules …"
	@npm ci --prefix deploy/clients --no-audit --no-fund --loglevel=error
	@touch $@

$(GENERATOR)/.ready: requirements/clients.txt | $(READY)
	@echo "Installing into $(GENERATOR) …"
	@$(environment); \
	rm -rf $(GENERATOR); "$$uv" venv --quiet --python $(BIN)/python $(GENERATOR); \
	"$$uv" pip sync --quiet --python $(GENERATOR)/bin/python --require-hashes requirements/clients.txt
	@touch $@

$(OWN_UV)/bin/uv:
	@echo "Installing uv into $(OWN_UV) …"
	@rm -rf $(OWN_UV)
	@"$(PYTHON)" -m venv $(OWN_UV) && \
		$(OWN_UV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/build.txt
