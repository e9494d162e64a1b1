# Every developer task has one command. `make demo` and `make test` need Python 3.11 or newer, nothing else.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
TOOLS  := .tools/node_modules/.bin

# Hundreds of processes that tests start would each compile anew what they import, where this is set.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo run test test-security test-extension test-faults timing mutants check bench bench-audit bench-javascript bench-matching bench-scale docs picture lock postgresql browsers tokens engines nginx corpora generators extension sbom dist clean

help: ## show the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

# What runs the service: hashed, pinned, no build tools.
$(VENV)/.runtime: requirements.lock pyproject.toml clients/python/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Countermark needs Python 3.11 or newer (set PYTHON=…)." >&2; exit 2; }
	@test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	@echo "Installing the pinned dependencies (about a minute, once) …" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r requirements.lock
	@$(BIN)/python tools/link.py
	@touch $@

# What developers need on top.
$(VENV)/.development: requirements-dev.lock $(VENV)/.runtime
	@echo "Installing the pinned development tools (once) …" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r requirements-dev.lock
	@touch $@

# What the matching benchmark measures against, and draws with.
$(VENV)/.bench: requirements-bench.lock $(VENV)/.runtime
	@echo "Installing the pinned libraries of the matching benchmark (once) …" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r requirements-bench.lock
	@touch $@

demo: $(VENV)/.runtime ## register, alter and verify bundled photographs; writes an HTML report
	@$(BIN)/python -m demo

run: $(VENV)/.runtime ## start the service on http://127.0.0.1:8000 with a data folder that lasts (./data)
	@export COUNTERMARK_ENVIRONMENT=$${COUNTERMARK_ENVIRONMENT:-development}; \
	echo "Commands beside this service (as .venv/bin/python -m api log info) need the same settings:" >&2; \
	env | grep '^COUNTERMARK_' | grep -v -e PASSPHRASE -e API_KEY | sed 's/^/    export /' >&2; \
	exec $(BIN)/python -m api serve

test: $(VENV)/.development ## run every test but the slow ones
	@$(BIN)/python -m pytest -q -n $${TEST_PROCESSES:-2} --dist loadfile --ignore tests/faults --ignore tests/security --ignore tests/e2e/extension

timing: $(VENV)/.development ## ten times in a row: the tests that wait, time out or race, each second time with pauses between threads
	@for turn in 1 2 3 4 5; do \
		for pauses in "" "-p tests.handovers"; do \
			$(BIN)/python -m pytest -q -n $${TEST_PROCESSES:-2} --dist loadfile -m timing --ignore tests/faults --ignore tests/e2e/extension $$pauses || exit 1; \
		done; \
	done

# ONLY names mutants and TESTS the tests that try them: ONLY="registry.log.batch.*" TESTS="waiting or backlog" (minutes).
mutants: $(VENV)/.development ## does a test notice when a line of the core changes? hours; ONLY=… TESTS=… for less
	@PYTEST_ADDOPTS="$(if $(TESTS),-k '$(TESTS)')" $(BIN)/mutmut run $(ONLY)
	@$(BIN)/mutmut results | sed '/: not checked$$/d'

# FULL=1 tries all cases instead of a tenth.
test-security: $(VENV)/.development ## attack the service, its connections, its workers and what fetches addresses
	@$(BIN)/python -m pytest -q -n $${TEST_PROCESSES:-2} --dist loadfile tests/security

test-extension: $(VENV)/.development ## use the browser extension in Chromium and Firefox, on a virtual display
	@$(BIN)/python -m pytest -q -n $${TEST_PROCESSES:-2} --dist loadfile tests/e2e/extension

test-faults: $(VENV)/.development ## kill, starve, corrupt and fool the service (long; needs strace, and root to mount)
	@tools/faults.sh >&2
	@$(BIN)/python -m pytest -q -n $${TEST_PROCESSES:-2} --dist loadfile tests/faults

check: $(VENV)/.development ## lint, types, architecture, committed contract
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/deptry .
	@$(BIN)/python -m api openapi --check
	@$(BIN)/python tools/generate.py --check
	@$(BIN)/python tools/commands.py --check
	@$(BIN)/python tools/licences.py
	@tools/npm.sh

bench: $(VENV)/.runtime ## print each stage's share of registration and verification, and ratios to their floor
	@$(BIN)/python -m bench
	@$(BIN)/python -m bench.append
	@$(BIN)/python -m bench.verifying
	@$(BIN)/python -m bench.hammer
	@$(BIN)/python -m bench.overload

bench-audit: $(VENV)/.development ## audit a corpus of 5,000 files, killed twice; look-ups, hashing, report (FILES=500: a small run)
	@$(BIN)/python -m bench.audit $(if $(FILES),--files $(FILES))

bench-javascript: $(VENV)/.development ## check a receipt and look at a picture in Node.js and in browsers, beside Python
	@$(BIN)/python -m bench.javascript

bench-matching: $(VENV)/.bench ## find altered photographs, beside other methods (QUICK=1: a small run)
	@$(BIN)/python -m bench.matching $(if $(QUICK),--quick)

bench-scale: $(VENV)/.bench ## grow a registry to 100,000 registrations, beside other methods (an hour; LARGE=1: a million)
	@$(BIN)/python -m bench.scale $(if $(LARGE),--large)

postgresql: $(VENV)/.runtime ## get the driver for a database on PostgreSQL (psycopg, which is under the LGPL)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r requirements-postgresql.lock

browsers: ## get Chromium and Firefox for the browser tests: Debian's packages
	@tools/browsers.sh

tokens: ## get SoftHSM for the tests of keys on tokens: Debian's package
	@tools/tokens.sh

engines: ## get another author's C2PA engine for the tests of signed copies, from npm
	@tools/engines.sh

nginx: ## get nginx for the tests of deploy/nginx.conf: Debian's package
	@tools/nginx.sh

corpora: $(VENV)/.development ## get pictures of decoders' source packages, and atheris, for the tests of security
	@tools/corpora.sh

generators: ## get what makes clients out of openapi.yaml, for their tests, and what builds a release
	@PYTHON=$(PYTHON) tools/generators.sh

extension: $(VENV)/.runtime ## pack the browser extension for Chrome and Firefox: dist/countermark-*.zip, the same bytes each time
	@$(BIN)/python tools/extension.py

sbom: $(VENV)/.runtime ## write the SBOM (CycloneDX) of the service, from its lock: dist/countermark-service.cdx.json
	@mkdir -p dist
	@$(BIN)/python tools/sbom.py requirements.lock > dist/countermark-service.cdx.json

dist: generators $(VENV)/.runtime ## build a release in dist/: wheels, sdist, SBOM; checked by installing it
	@PYTHON=$(PYTHON) tools/dist.sh

docs: $(VENV)/.development ## build the documentation, strict on broken links, with a search: build/docs/index.html
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@echo "build/docs/index.html"

picture: $(VENV)/.development ## take the picture of the README anew
	@$(BIN)/python tools/screenshot.py

lock: ## pin the dependencies again: hashed, and without registry hosts
	@tools/lock.sh

clean: ## remove what was installed and cached (not ./data)
	rm -rf $(VENV) mutants build .tools/node_modules .tools/engines .tools/python dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
