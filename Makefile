# Two commands do everything: `make run` and `make test`. `make help` lists the others.
PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
MANAGE := $(BIN)/python manage.py

.DEFAULT_GOAL := help
.PHONY: help run test test-all test-matrix test-postgresql audit bench checks screenshots docs messages lock vendor wheel clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

$(INSTALLED): requirements/development.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "TimeTracker needs Python 3.11 or newer; this is %s. Name another one: make PYTHON=python3.12 …" % sys.version.split()[0])'
	@$(PYTHON) -m venv $(VENV)
	@echo "Installing what requirements/development.txt pins (once, about a minute) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/development.txt
	@touch $@

.env: | $(INSTALLED)
	@umask 077 && { \
	  echo '# Written by `make run`. Every variable stands in .env.example with a sentence.'; \
	  $(BIN)/python -c 'import secrets; print("SECRET_KEY=" + secrets.token_urlsafe(50))'; \
	  echo 'DEBUG=false'; echo 'HTTPS=false'; } > .env.tmp && mv .env.tmp .env

run: $(INSTALLED) .env ## install, migrate, fill an empty database, serve on http://127.0.0.1:$PORT
	@$(MANAGE) migrate --verbosity 0
	@$(MANAGE) collectstatic --noinput --verbosity 0
	@$(MANAGE) load_demo_data --address http://127.0.0.1:$(PORT)
	@exec $(BIN)/gunicorn --config timetracker/gunicorn.py --bind 127.0.0.1:$(PORT) timetracker.wsgi

checks: $(INSTALLED) ## lint, types, floors, migrations, deployment settings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	DJANGO_SETTINGS_MODULE=tests.settings $(MANAGE) makemigrations --check --dry-run
	ENV_FILE= SECRET_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(50))') ALLOWED_HOSTS=example.org $(MANAGE) check --deploy --fail-level WARNING

test: checks ## the checks, then every quick test
	$(BIN)/pytest -m "not slow"

test-all: checks test-postgresql test-matrix ## the quick and the slow tests, both databases, both Djangos
	$(BIN)/pytest

test-postgresql: $(INSTALLED) ## the quick tests on a PostgreSQL of their own
	$(BIN)/python -m tests.postgresql $(BIN)/pytest -m "not browser and not slow"

test-matrix: $(INSTALLED) ## the quick tests on Django 6.1 and Python 3.13
	$(BIN)/python -m tests.matrix

bench: $(INSTALLED) ## measure what analytics costs, and how quick pages are (more than half an hour, on a quiet machine): docs/performance.md
	$(BIN)/python -m tests.benchmarks

# --strict: what could not be asked about fails. Without it a database that is out of reach looks like one
# that knows of no hole. The two locks differ in their Django and cannot be asked about at once.
audit: ## ask for known holes in what is pinned, and in what comes from npm (needs the network and npm)
	@test -x .venv-audit/bin/pip-audit || { $(PYTHON) -m venv .venv-audit && .venv-audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit; }
	.venv-audit/bin/pip-audit --strict --disable-pip --require-hashes -r requirements/production.txt -r requirements/development.txt
	.venv-audit/bin/pip-audit --strict --disable-pip --require-hashes -r requirements/matrix.txt
	npm audit --package-lock-only
	@echo "Every package was asked about: no known hole."

screenshots: $(INSTALLED) ## take the pictures of docs/screenshots anew (needs Chromium)
	SCREENSHOTS=docs/screenshots $(BIN)/pytest -n0 tests/browser/test_pages.py -k pictured

docs: $(INSTALLED) ## write the generated pages: docs/configuration.md, docs/events.md, .env.example
	$(MANAGE) write_docs

LOCK := CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --upgrade --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host
lock: $(INSTALLED) ## pin the requirements anew
	$(LOCK) --constraint requirements/constraint-django52.txt --output-file requirements/base.txt requirements/base.in
	$(LOCK) --constraint requirements/constraint-django52.txt --output-file requirements/production.txt requirements/production.in
	$(LOCK) --constraint requirements/constraint-django52.txt --output-file requirements/development.txt requirements/development.in
	$(LOCK) --constraint requirements/constraint-django61.txt --output-file requirements/matrix.txt requirements/development.in

MESSAGES := makemessages --locale de --no-obsolete --no-wrap --add-location file
messages: $(INSTALLED) ## collect what is to be translated, and compile what is (needs GNU gettext)
	$(MANAGE) $(MESSAGES) --ignore "tests/*" --ignore "analytics/*" --ignore "staticfiles/*"
	cd analytics && PYTHONPATH=.. DJANGO_SETTINGS_MODULE=tests.settings ../$(BIN)/python -m django $(MESSAGES)
	sed -i '/^"POT-Creation-Date/d' locale/de/LC_MESSAGES/django.po analytics/locale/de/LC_MESSAGES/django.po
	$(MANAGE) compilemessages --locale de --ignore "$(VENV)*"

vendor: ## copy what the pages take from npm (needs npm; running the site does not)
	scripts/vendor.sh

wheel: $(INSTALLED) ## build the wheel that holds the app `analytics` alone (dist/)
	$(BIN)/python -m build --wheel

clean: ## remove what was installed and made (never data/ nor .env)
	rm -rf $(VENV) .venv-audit .venv-matrix build dist *.egg-info staticfiles .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
