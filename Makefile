# Two commands are enough: `make run` and `make test`. Everything else is for those who change the project.
# Needs Python >= 3.11 and make; everything else comes into .venv from pinned, hashed requirements.

PYTHON ?= $(shell for p in python3.11 python3; do $$p -c '' 2>/dev/null && { echo $$p; break; }; done)
#: Processes of `make test`. More than processors are a sixth quicker, and workers of the service then stop late at times.
JOBS   ?= 2
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check install --quiet
HASHED := --require-hashes --no-deps
CODE   := cds_service tests tools bench

.DEFAULT_GOAL := help
.PHONY: help run install test test-hapi check format docs screenshots conformance lock bench validate kill-trials clean slow-loris bench-batch soak overload canaries fuzz hostile-text batch-kill-trials

help:                      ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

run: $(VENV)/.run          ## the service on http://127.0.0.1:8000, with synthetic patients
	$(BIN)/twitch-cds serve --config evaluation.toml

install: $(VENV)/.dev      ## .venv with everything a developer needs

test: $(VENV)/.dev check   ## everything that is checked, then every test
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

test-hapi: $(VENV)/.dev    ## the tests of real FHIR servers with HAPI FHIR (needs java 17 and mvn; fetches 400 MB once)
	REAL_FHIR_SERVER=hapi $(BIN)/python -m pytest tests/fhir_servers

check: $(VENV)/.dev        ## format, lint, types, layers, size marks
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python tools/size_marks.py cds_service
	$(BIN)/hadolint Dockerfile

fuzz: $(VENV)/.dev         ## hostile requests on every core: make fuzz N=1000000 FIRST=0 (seeds)
	$(BIN)/python -m tests.fuzz.campaign --count $(or $(N),1000000) --first $(or $(FIRST),0)
	DESCRIBED_CALLS=1000 $(BIN)/python -m pytest -q -n 2 tests/fuzz/test_described.py

format: $(VENV)/.dev       ## write the house format
	$(BIN)/ruff check --fix-only --quiet $(CODE)
	$(BIN)/ruff format $(CODE)

docs: $(VENV)/.dev         ## renew what the documents show: error codes, settings, output of commands
	$(BIN)/python tools/error_list.py
	$(BIN)/python tools/doc_outputs.py
	$(BIN)/python tools/conformance.py --write

screenshots: $(VENV)/.dev  ## the pictures of the documents (needs a Chromium)
	$(BIN)/python tools/screenshots.py

conformance: $(VENV)/.dev  ## every requirement of CDS Hooks; URL=... asks a running service
	CONFORMANCE_URL='$(URL)' $(BIN)/python tools/conformance.py

validate: $(VENV)/.run     ## the knowledge: schema, names, units, wording, cases
	$(BIN)/twitch-cds validate

bench: $(VENV)/.dev        ## speed, as tables; never part of the tests
	$(BIN)/python bench/rules.py
	$(BIN)/python bench/loading.py
	$(BIN)/python bench/single_call.py
	$(BIN)/python bench/served.py
	$(BIN)/python bench/explain.py

# cql-execution is measured, too, after: npm install --prefix .cache/cql cql-execution cql-exec-fhir
bench-batch: $(VENV)/.dev  ## the batch against a typed scan, a loop over dicts and cql-execution
	$(BIN)/python bench/batch.py

soak: $(VENV)/.dev         ## load held with tokens: memory, open files, errors (MINUTES=10)
	$(BIN)/python bench/soak.py --minutes $(or $(MINUTES),10)

overload: $(VENV)/.dev     ## ten times the calls that can be answered: what calls and health get
	$(BIN)/python bench/overload.py

canaries: $(VENV)/.dev     ## 25,000 requests full of marks: none may be in log, metrics or database
	CANARIES=10000 $(BIN)/python -m pytest -q -s tests/served/test_canaries.py

slow-loris: $(VENV)/.dev   ## 300 slow headers and 300 slow bodies: what others get meanwhile
	$(BIN)/python bench/slow_loris.py

STORE ?= 10000
SERVER ?= 1000
TOKENS ?= 10000
kill-trials: $(VENV)/.dev  ## kill store and server, race for tokens: STORE=10000 SERVER=1000 TOKENS=10000
	$(BIN)/python -m tests.trials --store $(STORE) --server $(SERVER) --tokens $(TOKENS)

batch-kill-trials: $(VENV)/.dev ## kill batches at random moments and have them go on: COUNT=1000
	$(BIN)/python -m tests.batch.trials --count $(or $(COUNT),1000)

hostile-text: $(VENV)/.dev ## every hostile text in every place of a request: nothing may act on a reader (half an hour)
	HOSTILE_STEP=1 $(BIN)/python -m pytest -n 2 -q -m hostile tests

# The pins follow pyproject.toml. No index address may enter the files: tests/test_packaging.py looks.
LOCK := CUSTOM_COMPILE_COMMAND='make lock' .cache/lock/bin/pip-compile --quiet --generate-hashes --strip-extras \
  --no-emit-options --no-header --annotation-style=line
lock: .cache/lock/bin/pip-compile  ## renew the pinned requirements (LOCKFLAGS=--upgrade for newer versions)
	$(LOCK) $(LOCKFLAGS) -o requirements-build.txt requirements-build.in
	$(LOCK) $(LOCKFLAGS) -o requirements.txt pyproject.toml
	$(LOCK) $(LOCKFLAGS) -c requirements.txt --extra postgres -o requirements-postgres.txt pyproject.toml
	$(LOCK) $(LOCKFLAGS) -c requirements.txt -c requirements-build.txt --extra test --extra dev -o requirements-dev.txt pyproject.toml

clean:                     ## remove what was built; keeps .venv
	rm -rf dist build .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || { echo 'Python 3.11 or newer is needed. Say which one: make $(MAKECMDGOALS) PYTHON=/path/to/python'; exit 1; }
	$(PYTHON) -m venv $(VENV)

# One marker file for each set, so that nothing is installed twice and a changed pin is installed at once.
$(VENV)/.run: requirements.txt requirements-build.txt pyproject.toml | $(BIN)/python
	$(PIP) $(HASHED) -r requirements.txt -r requirements-build.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.run | $(BIN)/python
	$(PIP) $(HASHED) -r requirements-dev.txt
	@touch $@

.cache/lock/bin/pip-compile:
	$(PYTHON) -m venv .cache/lock
	.cache/lock/bin/python -m pip --disable-pip-version-check install --quiet 'pip-tools>=7.5'
