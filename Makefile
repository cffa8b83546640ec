# Everything a developer calls. `make` alone lists it.
SHELL := /bin/bash
PYTHON ?= $(shell bash requirements/python)
BIN := .venv/bin
# An environment belongs to the Python that made it.
WHICH := import sys; print(sys.base_prefix, sys.version)
PACKAGES := core services/api services/consumer services/refiller services/embedded jobs/migrator jobs/pruner client
# One flag a package: pip wants `-e DIR` for each.
EDITABLE := $(foreach p,$(PACKAGES),-e $(p))
# Downloads are kept in the user's cache folder, so a second set-up is quick.
INSTALL := requirements/install

# Processes and test modules start many times: their byte code is kept, whatever the machine's default.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo dev test test-services test-fast test-stack test-long stack check check-code format bench bench-stack chaos images cluster cluster-down test-e2e stores stores-down check-chart tools ready ready-images ready-tools lock clean

help: ## Lists these targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

.venv/.run: requirements/python requirements/install requirements/setup.lock requirements/run.lock $(addsuffix /pyproject.toml,$(PACKAGES))
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Jobhopper needs Python 3.11 or newer; this is $$($(PYTHON) -V). Name another: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "Python's venv is missing: apt-get install -y python3-venv"; exit 1; }
	@cmp -s <($(PYTHON) -c '$(WHICH)') <(.venv/bin/python -c '$(WHICH)' 2>&1) || rm -rf .venv
	$(PYTHON) -m venv .venv
	$(INSTALL) --require-hashes -r requirements/run.lock
	$(INSTALL) --no-deps --no-build-isolation $(EDITABLE)
	@touch $@

.venv/.dev: .venv/.run requirements/dev.lock
	$(INSTALL) --require-hashes -r requirements/dev.lock
	@touch $@

setup: .venv/.dev ## Makes .venv with all packages and tools, from the lock files
	@echo "Ready: $(BIN)/jobhopper"

demo: .venv/.run ## Works a job for every module of the Python standard library
	$(BIN)/jobhopper demo

dev: .venv/.run ## Starts the embedded server on a database file in this folder
	$(BIN)/jobhopper dev

# Each process of `-n` has stores of its own, and gets neighbours (`worksteal`), which share services
# and tables. What measures stores and services within seconds (`timed`) mostly waits, so it has one
# other of its kind beside it; but what takes the whole machine is `alone`. What lasts by its plan,
# and waits more than it works, has one other beside it: the cluster, or another folder of its kind.
# What a part has nothing in need not be read.
BUT_FOR = $(addprefix --ignore=tests/,$(1))
OF_SERVICES := $(call BUT_FOR,chaos e2e faults monitoring pressure)
UNTIMED := not timed and not lasting and not e2e and not long
TIMED_TESTS := $(BIN)/pytest -n 2 --dist worksteal $(OF_SERVICES) -m "timed and not alone and not long"
OUTAGE_TESTS := $(BIN)/pytest -n 2 --dist worksteal tests/faults tests/pressure -m "timed and not alone and not long"
LONE_TESTS := $(BIN)/pytest tests/faults tests/pressure -m "alone and not long"
LASTING_TESTS := $(BIN)/pytest -n 2 --dist loadscope -m

test: test-services ## Runs every check and every test, but the long forms of some
	$(OUTAGE_TESTS)
	$(LONE_TESTS)
	$(LASTING_TESTS) "(lasting or e2e) and not long"

test-services: .venv/.dev check ready ## Runs those of them that need no outage, no minutes of waiting, no cluster
	$(BIN)/pytest -n 3 --dist worksteal $(call BUT_FOR,e2e faults pressure) -m "$(UNTIMED)"
	$(TIMED_TESTS)

test-fast: .venv/.dev ## Runs the tests that take no more than two minutes together
	$(BIN)/pytest -n 2 -m "not slow and not stores"

test-long: .venv/.dev ## Runs the long forms: the same tests with many more random examples
	$(BIN)/pytest -n 2 -m long

test-stack: .venv/.dev ## Runs the tests that need real stores, in containers that they start
	$(BIN)/pytest -n 3 --dist worksteal $(OF_SERVICES) -m "stores and $(UNTIMED)"
	$(TIMED_TESTS)
	$(OUTAGE_TESTS)
	$(LONE_TESTS)
	$(LASTING_TESTS) "lasting and not long"

test-e2e: .venv/.dev ## Runs the tests on a kind cluster, which they make
	$(BIN)/pytest -m e2e

stack: .venv/.dev ## Runs stores and services as processes, and the demo against them
	@eval "$$(k8s/stores/up)" && $(BIN)/python -m stack

check: .venv/.dev ## Runs the static checks: format, lint, types, floors, dependencies, the chart
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target check-code check-chart

check-code: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m monitoring check
	@for p in $(PACKAGES); do (cd $$p && $(CURDIR)/$(BIN)/deptry . ) || exit 1; done

check-chart: .venv/.dev ## Lints the chart, validates what it renders, and lints the Dockerfile
	$(BIN)/python -m helm readme --check
	$(BIN)/python -m helm check
	$(BIN)/hadolint Dockerfile

format: .venv/.dev ## Formats the code and mends what the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/.dev ## Measures the speed of the embedded mode and prints a table
	$(BIN)/python -m bench

bench-stack: .venv/.dev ## Measures the services on real stores
	@eval "$$(k8s/stores/up --direct)" && $(BIN)/python -m bench --stack

chaos: .venv/.dev ## Hurts the services and their stores under load, and checks every promise (MINUTES=10 SEED=6)
	$(BIN)/python -m chaos --minutes $(or $(MINUTES),3) $(if $(SEED),--seed $(SEED)) $(if $(RATE),--rate $(RATE)) $(if $(PLOT),--plot $(PLOT)) $(if $(REPORT),--report $(REPORT)) $(if $(LOGS),--logs $(LOGS))

images: .venv/.run ## Builds the images of the services, and prints their tag
	@k8s/airgap/docker-up && . k8s/images.env && k8s/airgap/image "$$PYTHON_IMAGE" && k8s/images/build

cluster: .venv/.run ## Makes a kind cluster with Jobhopper installed and tested, and prints how to try it
	@k8s/cluster/up

cluster-down: ## Removes the cluster
	@k8s/cluster/kind-down

stores: ## Starts MySQL, RabbitMQ and Valkey in containers and prints their URLs, to be eval'ed
	@k8s/stores/up

stores-down: ## Stops and removes them (VOLUMES=1: their data too)
	@k8s/stores/down $(if $(VOLUMES),--volumes)

ready: .venv/.run ## Makes each image and tool present that tests use; minutes where nothing is cached
	@k8s/airgap/docker-up
	@$(MAKE) --no-print-directory --jobs=2 ready-images ready-tools

ready-images: # which takes one processor mostly, and tools take what there is
	@k8s/airgap/image $$(sed -n 's/^[A-Z_]*_IMAGE=//p' k8s/images.env)

ready-tools:
	@k8s/tools kind helm kubectl skaffold helm3 promtool prometheus toxiproxy-server >/dev/null

tools: ## Brings kind, helm, kubectl, skaffold, promtool, Prometheus; prints a PATH, to be eval'ed
	@k8s/tools

lock: .venv/.run ## Renews the lock files
	cd requirements && for f in setup run services dev; do ../$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet --output-file $$f.lock $$f.in; done

clean: ## Removes what the other targets made in this folder
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find . -name '*.egg-info' -type d -prune -exec rm -rf {} +
