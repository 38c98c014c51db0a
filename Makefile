# PumpCheck. `make setup` is enough to begin; everything below depends on it.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PORT ?= 8000
SANDBOX_PORT ?= 8080
PYTEST_ARGS ?=

VENV := .venv
PYTHON := $(VENV)/bin/python
STAMP := $(VENV)/.installed
SOURCES := policies fhir_mappings cds_cards service sandbox tests

# apt-get for root and for others; sudo is asked for only where it is needed.
define APT_INSTALL
apt_install() { \
  local sudo=""; \
  if [ "$$(id -u)" -ne 0 ]; then sudo="sudo"; fi; \
  if ! command -v apt-get >/dev/null || { [ -n "$$sudo" ] && ! command -v sudo >/dev/null; }; then \
    echo "Please install by hand: $$*" >&2; return 1; \
  fi; \
  $$sudo apt-get update -qq; \
  $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$$@"; \
}
endef

.PHONY: help setup run test test-fast bench lint format lock browser

help:
	@echo "make setup      virtual environment .venv with the locked dependencies"
	@echo "make run        service on 127.0.0.1:$(PORT), sandbox on 127.0.0.1:$(SANDBOX_PORT) (PORT, SANDBOX_PORT)"
	@echo "make test       lint and every test (PYTEST_ARGS)"
	@echo "make test-fast  tests without a browser or a real server process"
	@echo "make lint       ruff, mypy, import rules"
	@echo "make format     sort imports and format with ruff"
	@echo "make bench      time per request"
	@echo "make lock       write requirements.lock anew (needs uv)"

setup: $(STAMP)

# Debian's python3 comes without ensurepip; its python3.X-venv package brings it.
$(STAMP): requirements.lock pyproject.toml
	@$(APT_INSTALL); \
	python=""; \
	for candidate in python3.11 python3; do \
	  if $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then echo "PumpCheck needs Python 3.11 or later: none found on PATH." >&2; exit 1; fi; \
	if ! $(PYTHON) -m pip --version >/dev/null 2>&1; then \
	  if ! $$python -c 'import ensurepip' 2>/dev/null; then \
	    package=$$($$python -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'); \
	    echo "$$python cannot make a virtual environment yet: installing Debian's $$package."; \
	    apt_install "$$package"; \
	  fi; \
	  $$python -m venv --clear $(VENV); \
	fi
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	@touch $@

run: setup
	@exec $(PYTHON) -m sandbox --port $(SANDBOX_PORT) --service-port $(PORT) --start-service

test: lint browser
	$(PYTHON) -m pytest $(PYTEST_ARGS)

test-fast: setup
	$(PYTHON) -m pytest -m "not browser and not server" $(PYTEST_ARGS)

bench: setup
	$(PYTHON) -m tests.bench

lint: setup
	$(VENV)/bin/ruff check $(SOURCES)
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

format: setup
	$(VENV)/bin/ruff check --fix --select I $(SOURCES)
	$(VENV)/bin/ruff format $(SOURCES)

# The browser tests drive Debian's chromium; without a font its pages would be blank, and Playwright's driver needs
# libatomic1.
browser: setup
	@$(APT_INSTALL); \
	missing=(); \
	command -v chromium >/dev/null || missing+=(chromium fonts-dejavu-core); \
	$(VENV)/bin/playwright --version >/dev/null 2>&1 || missing+=(libatomic1); \
	if [ "$${#missing[@]}" -gt 0 ]; then \
	  echo "The browser tests need a browser: installing Debian's $${missing[*]}."; \
	  apt_install "$${missing[@]}"; \
	fi

lock:
	@head -n 2 requirements.lock > requirements.lock.new
	uv pip compile pyproject.toml --extra dev --generate-hashes --universal --python-version 3.11 --upgrade --quiet \
	  --no-header --no-annotate --no-emit-index-url --no-emit-find-links >> requirements.lock.new
	@mv requirements.lock.new requirements.lock
