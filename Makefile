# Everything one does here. Each target sets up what it needs: Python 3.11 to 3.13, git and make are enough.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
DEMO := build/flight-delays

.PHONY: help
help: ## list these commands
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## /{printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/synced: requirements.lock
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	@touch $@

.PHONY: setup
setup: .venv/synced ## install the development environment into .venv, from requirements.lock

.PHONY: demo
demo: setup ## generate the default service, train it on real data, serve it, ask it, and stop
	$(BIN)/python demo.py $(DEMO)

.PHONY: test
test: setup ## run every test of this repository and of the default service
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest

.PHONY: check
check: setup ## format, lint, types and manifests, all without changing anything
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m hooks.check_patterns

.PHONY: format
format: setup ## format the code and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: benchmark
benchmark: setup ## measure the demo's service beside a baseline and an echo (two cores, two minutes; `make demo` first)
	$(BIN)/uv run --quiet benchmarks/serving.py $(DEMO)

.PHONY: benchmark-growth
benchmark-growth: setup ## measure how copy and update grow with the catalogue (minutes)
	$(BIN)/python benchmarks/growth.py

# A trained service below build/benchmarks/, from the last commit: where, and its answers.
define trained
rm -rf build/benchmarks/$(1)
$(BIN)/copier copy --quiet --defaults --vcs-ref HEAD $(2) --data project_name=flight-delays . build/benchmarks/$(1)
PATH="$(CURDIR)/$(BIN):$$PATH" $(MAKE) --no-print-directory -C build/benchmarks/$(1) train

endef

.PHONY: benchmark-batch
benchmark-batch: setup ## measure batch scoring: speed beside the model alone, memory, kill -9 (minutes)
	$(call trained,nightly,--data golden_path=nightly)
	$(BIN)/python benchmarks/batch.py build/benchmarks/nightly

.PHONY: benchmark-streaming
benchmark-streaming: setup ## measure streaming on each broker that is installed here (minutes)
	$(call trained,event_driven,--data golden_path=event_driven)
	$(BIN)/uv run --quiet --project build/benchmarks/event_driven --with 'faststream[nats,redis]>=0.7,<0.8' benchmarks/streaming.py build/benchmarks/event_driven

KINDS := system data_quality drift performance
comma := ,
empty :=
all_kinds := $(subst $(empty) $(empty),$(comma) ,$(KINDS))

.PHONY: benchmark-monitoring
benchmark-monitoring: setup ## measure what each kind of monitoring costs on the way of a prediction (minutes)
	$(call trained,monitoring/none,--data 'monitoring=[]')
	$(foreach kind,$(KINDS),$(call trained,monitoring/$(kind),--data 'monitoring=[$(kind)]'))
	$(call trained,monitoring/all,--data 'monitoring=[$(all_kinds)]')
	$(BIN)/python benchmarks/monitoring.py build/benchmarks/monitoring

.PHONY: months
months: setup ## what all kinds of monitoring say about each month of the example's year: docs/monitoring.md and its plot
	$(call trained,monitoring/all,--data 'monitoring=[$(all_kinds)]')
	build/benchmarks/monitoring/all/.venv/bin/python benchmarks/months.py build/benchmarks/monitoring/all docs

# A service below build/rehearsals/, from the last commit: where, and its answers.
define rehearsed
test -d build/rehearsals/$(1) || $(BIN)/copier copy --quiet --defaults --vcs-ref HEAD $(2) --data project_name=flight-delays . build/rehearsals/$(1)

endef

.PHONY: rehearsals
rehearsals: setup ## rehearse every deployment strategy; writes docs/rehearsals.md and goes on where it stopped (an hour)
	$(call rehearsed,blue_green,--data deployment=blue_green)
	$(call rehearsed,canary,--data deployment=canary)
	$(call rehearsed,shadow,--data deployment=shadow)
	$(call rehearsed,shadow_batch,--data serving=batch --data deployment=shadow)
	$(call rehearsed,shadow_streaming,--data serving=streaming --data deployment=shadow)
	$(call rehearsed,ab_test,--data deployment=ab_test)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python benchmarks/rehearsals.py build/rehearsals docs

.PHONY: prove
prove: setup ## the full proof: every combination, with all tests; writes docs/proof.md and goes on where it stopped
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m proof

.PHONY: prove-containers
prove-containers: setup ## images built, started locked down, used and stopped; every overlay held to schemas and policies (an hour; goes on where it stopped)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m proof.containers

.PHONY: space
space: setup ## print the decisions, their choices and every valid combination
	$(BIN)/python -m hooks.space --all

.PHONY: framework
framework: setup ## write docs/DECISION_FRAMEWORK.md and docs/situations.md from manifests, criteria, trees and situations
	$(BIN)/python -m hooks.framework

.PHONY: diagrams
diagrams: setup ## parse every diagram with the real Mermaid and PlantUML parsers (needs npm and Java)
	$(BIN)/python -m hooks.parse_diagrams

.PHONY: fleet
fleet: setup ## what services are made of, and how far behind: make fleet REPOS="../services list.txt" ARGS="--html fleet.html"
	@$(BIN)/python -m hooks.fleet $(ARGS) -- $(REPOS)

.PHONY: release-notes
release-notes: setup ## what a release means for services, by pattern: make release-notes SINCE=v1.0.0 TO=HEAD
	@$(BIN)/python -m hooks.release_notes "$(SINCE)" "$(or $(TO),HEAD)"

.PHONY: new-pattern
new-pattern: setup ## start a pattern: make new-pattern DECISION=monitoring VALUE=drift NAME="Drift"
	$(BIN)/python -m hooks.new_pattern $(DECISION) $(VALUE) --name "$(NAME)"

.PHONY: lock
lock: setup ## resolve the development environment and the environment of the proof anew
	$(BIN)/uv pip compile --quiet --universal --group dev --no-header --no-emit-index-url --output-file requirements.lock pyproject.toml
	$(BIN)/python -m proof.running.environment --lock
	$(BIN)/python -m proof.checks.import_names "$$($(BIN)/python -m proof.running.environment)"

.PHONY: clean
clean: ## remove everything that the commands here made
	rm -rf .venv build .hypothesis .mypy_cache .pytest_cache .ruff_cache
