# Two commands do everything on a fresh Debian or Ubuntu with Python 3.11 or newer: `make run` and `make test`.
# PORT, DATABASE_URL, CELERY_BROKER_URL and SMART_DATA_DIR are honoured (.env.example, smart/local/supervisor.py).

PYTHON ?= python3
ARGS ?=
ONE_FILE = $(and $(filter 1,$(words $(filter tests/%,$(ARGS)))),$(findstring .py,$(filter tests/%,$(ARGS))))
# A single file needs no second process. Else two at a time: a suite that starts servers and browsers is no faster on more.
JOBS ?= $(if $(ONE_FILE),0,2)

BIN := .venv/bin
ROOMS := core smart enrollment messaging bonuses campaigns surveys
TEXTS := $(BIN)/python -m core.lib.compile_texts
CATALOGUES := $(BIN)/python -m smart.local.catalogues
LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --custom-compile-command "make lock"

export SMART_LOCAL := on
# uv leaves compiling to the first import; kept from writing that down, every process would do it again.
unexport PYTHONDONTWRITEBYTECODE

# What a deployment sets, made up: `check --deploy` is to judge the settings, not this machine.
DEPLOYED := SMART_LOCAL=off ALLOWED_HOSTS=smart.example SECRET_KEY=$(shell printf 'made-up-%.0s' 1 2 3 4 5 6 7 8) \
	MSISDN_KEYS=1:$(shell printf '%064d' 1) MSISDN_INDEX_KEY=made-up API_MASTER_KEY=made-up CALLBACK_SECRET=made-up \
	DATABASE_URL=postgres://smart@db.example/smart CELERY_BROKER_URL=redis://broker.example/0

.PHONY: help run test peers test-dates mutants check fmt messages docs lock fresh bench manage reset

help: ## what can be made
	@sed -n 's/^\([a-z-]*\):.*## /make \1	/p' $(MAKEFILE_LIST) | expand -t 16

run: ## start everything on this machine, until Ctrl-C
	@$(PYTHON) smart/local/bootstrap.py run
	@$(TEXTS)
	@exec $(BIN)/python -m smart.local run

test: ## the whole suite, or a part: make test ARGS="tests/bonuses -k debit"
	@$(PYTHON) smart/local/bootstrap.py test $(ARGS)
	@$(TEXTS)
	@$(BIN)/pytest -n $(JOBS) --dist loadfile $(ARGS)

peers: PEERS = $(if $(filter tests/%,$(ARGS)),,tests/peers_heavy) $(ARGS)
peers: ## through large, slow peers (Jasmin with RabbitMQ, Asterisk with a telephone); never part of the suite
	@$(PYTHON) smart/local/bootstrap.py peers $(PEERS)
	@$(TEXTS)
	@$(BIN)/pytest -m peers_heavy $(PEERS)

test-dates: ## the suite at eight instants hard on calendars, an hour or more: make test-dates ARGS="--at year tests/bonuses"
	@$(PYTHON) smart/local/bootstrap.py test tests/dates tests/messaging tests/surveys tests/test_docs.py
	@$(TEXTS)
	@$(BIN)/python -m tests.dates --jobs $(JOBS) $(ARGS)

mutants: ## break each rule on purpose and want a test to fail, 30 minutes: make mutants ARGS="--only M2"
	@$(PYTHON) smart/local/bootstrap.py check
	@$(TEXTS)
	@$(BIN)/python -m tests.mutants --jobs $(JOBS) $(ARGS)

check: ## everything that can be told without running the programme
	@$(PYTHON) smart/local/bootstrap.py check
	@$(TEXTS)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(ROOMS)
	$(BIN)/lint-imports
	$(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	$(CATALOGUES) check
	$(DEPLOYED) $(BIN)/python manage.py check --deploy --fail-level WARNING
	find templates $(ROOMS) -name '*.html' -exec $(BIN)/djade --check --target-version 5.2 {} +
	@# B608 takes every statement put together from our own constants for an injection; values travel as parameters.
	$(BIN)/bandit -q -ll --skip B608 -c pyproject.toml -r $(ROOMS)

fmt: ## format code and templates
	@$(PYTHON) smart/local/bootstrap.py check
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	find templates $(ROOMS) -name '*.html' -exec $(BIN)/djade --target-version 5.2 {} + || true

messages: ## bring locale/*.po up to date with code and templates, and say what is to be translated
	@$(PYTHON) smart/local/bootstrap.py run
	$(CATALOGUES) renew

lock: ## renew requirements*.txt from requirements*.in
	@$(PYTHON) smart/local/bootstrap.py check
	$(LOCK) --upgrade requirements-uv.in -o requirements-uv.txt
	$(LOCK) --upgrade requirements.in -o requirements.txt
	$(LOCK) --upgrade requirements-dev.in -o requirements-dev.txt
	$(LOCK) --upgrade tests/peers_heavy/jasmin.in -o tests/peers_heavy/jasmin.txt

fresh: ## prove run and test in a minimal Debian, some minutes, as root: make fresh ARGS="tests/e2e"
	@$(PYTHON) smart/local/bootstrap.py run
	@$(BIN)/python -m smart.local.fresh $(ARGS)

docs: ## write what docs/ takes from the code: docs/reference.md, the dialects' sections of docs/api.md
	@$(PYTHON) smart/local/bootstrap.py check
	@$(TEXTS)
	$(BIN)/python manage.py write_reference
	$(BIN)/python -m smart.ussd.api_page

bench: ## what is measured, as ratios to this machine's own limits
	@$(PYTHON) smart/local/bootstrap.py bench
	@$(TEXTS)
	$(BIN)/python -m bench $(ARGS)

manage: ## a manage.py command on the local database: make manage ARGS="verify"
	@$(PYTHON) smart/local/bootstrap.py run
	@$(TEXTS)
	@$(BIN)/python -m smart.local manage $(ARGS)

reset: ## delete the local data, after a question (CONFIRM=yes answers it)
	@$(PYTHON) smart/local/bootstrap.py run
	@CONFIRM=$(CONFIRM) $(BIN)/python -m smart.local reset
