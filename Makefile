# Purser: `make run` starts everything, `make test` tests it; `make help` lists the rest.
.DEFAULT_GOAL := help
.PHONY: help run install install-dev install-voice test test-full lint format bench backup restore clean

# The first of these that is Python 3.11 or newer makes .venv; PYTHON=… names another one.
PYTHONS := $(or $(PYTHON),python3.13 python3.12 python3.11 python3 python)
SUITABLE := import sys; sys.exit(sys.version_info < (3, 11))
PY := .venv/bin/python
# Else every process that is started would compile all modules anew.
unexport PYTHONDONTWRITEBYTECODE
# Commands of the development must not touch the data of a running portal.
TEST_HOME := PURSER_HOME=$(CURDIR)/var/test
# Three processes, each with a database of its own, because many tests wait; the tests of a file stay together.
DIVIDED := -n 3 --dist loadfile --no-loadscope-reorder

# $(call with_python,script arguments)
define with_python
	@for python in $(PYTHONS); do \
		if $$python -c '$(SUITABLE)' >/dev/null 2>&1; then exec $$python $(1); fi; \
	done; echo "purser: Python 3.11 or newer is needed; install it or name it: make PYTHON=/path/to/python" >&2; exit 1
endef

help: ## This list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: install ## Start the portal with all it needs; PORT and PURSER_HOME are honoured
	@exec $(PY) -m portal.run

# The same order of sets in each run: what depends on it fails for everybody or nobody. test-full takes any order.
test: install-dev ## Run the tests (embedded PostgreSQL, small sizes)
	@$(TEST_HOME) PYTHONHASHSEED=0 $(PY) -m pytest -q --complete $(DIVIDED) -m "not slow" $(ARGS)

test-full: install-dev install-voice ## Run all tests at full size, the voice engine's among them
	@$(TEST_HOME) $(PY) -m pytest -q --complete $(DIVIDED) $(ARGS)

lint: install-dev ## Style, types, import directions, containers, migrations, deployment checks
	$(PY) -m ruff check --quiet .
	$(PY) -m ruff format --check --quiet .
	$(PY) -m mypy
	@MYPYPATH=docs/integrations/python $(PY) -m mypy docs/integrations/python/purser.py docs/integrations/litellm/purser_litellm.py
	.venv/bin/lint-imports --no-cache
	.venv/bin/hadolint Dockerfile
	@.venv/bin/check-jsonschema --quiet --builtin-schema vendor.compose-spec compose.yaml
	$(TEST_HOME) $(PY) manage.py makemigrations --check --dry-run
	$(TEST_HOME) SITE_URL=https://purser.example $(PY) manage.py check --deploy --fail-level WARNING

format: install-dev ## Format the code
	@$(PY) -m ruff check --fix --quiet . ; $(PY) -m ruff format --quiet .

bench: install ## Measure posts, batches, holds and an export beside floors and one another
	@$(PY) benchmarks/run.py $(ARGS)

backup: install ## Write a backup; FILE=… names it (default: PURSER_HOME/backups/)
	@$(PY) manage.py backup $(FILE)

restore: install ## Replace all data by the backup FILE=…
	@test -n "$(FILE)" || { echo "purser: name the backup: make restore FILE=var/backups/…" >&2; exit 1; }
	@$(PY) manage.py restore "$(FILE)"

install: ## Make .venv with what running needs
	$(call with_python,portal/run/install.py)

install-dev: ## Make .venv with what testing needs, too
	$(call with_python,portal/run/install.py dev)

install-voice: install ## Make .venv-voice with the XTTS engine (1.8 GB); its Python is that of .venv
	@$(PY) portal/run/install.py voice

clean: ## Remove caches and the tests' home; .venv and var/ stay
	@rm -rf var/test .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
