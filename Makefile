# Requires Python >= 3.11 with its venv module, and make. `make help` lists the targets.
PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# font-roboto has no wheel and no pyproject.toml: pip 23.0 of Debian 12 prints a deprecation warning unless it builds with PEP 517.
export PIP_USE_PEP517 := 1
# Without cached bytecode, each process that starts compiles the package again: a quarter of the start of the API.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install dev hooks up test coverage coverage-core lint docs format check requirements messages \
	bench bench-captions bench-pipeline bench-growth bench-scaling bench-photos guard guard-record flame fuzz faults faults-full \
	hostile hostile-full asan e2e-compose audit

help: ## list the targets
	@sed -nE 's/^([a-z0-9-]+):.*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

##### Run

up: install ## install captiond and run the pipeline at http://127.0.0.1:8000 (PORT= sets another port)
	@$(BIN)/captiond up --port $(PORT)

install: .venv/.installed ## create .venv with the runtime dependencies

##### Develop

dev: .venv/.installed-dev ## create .venv with all development dependencies

hooks: dev ## install the Git hooks of .pre-commit-config.yaml
	$(BIN)/prek install --hook-type pre-commit --hook-type commit-msg

check: lint test ## run lint and test

# A test file runs in one process, because its tests share servers. The files keep the order of tests/conftest.py.
WORKERS ?= 2
PYTEST := -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder
test: dev ## run all tests except the fault and hostile tests (ARGS= goes to pytest, WORKERS=0 runs serially)
	$(BIN)/python $(PYTEST) $(ARGS)

# Measuring takes as much CPU time again as most tests.
coverage: dev ## run the same tests, and report the lines and branches that no test runs
	$(BIN)/coverage erase
	$(BIN)/coverage run $(PYTEST) $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

coverage-core: dev ## require that the tests of imaging and workqueue run all their lines and branches
	$(BIN)/coverage erase
	$(BIN)/coverage run $(PYTEST) tests/unit/imaging tests/unit/workqueue tests/contract/workqueue
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --include='src/captiond/imaging/*,src/captiond/workqueue/*' --fail-under=100

HARPER_RULES := MassNouns,SinceDuration,Discuss,HowItLooksLike,AdjectiveDoubleDegree
lint: dev node_modules/.installed ## check formatting, types, imports, spelling, grammar, Markdown, links and commit subjects
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/typos
	$(BIN)/rumdl check
	$(BIN)/lychee --offline --include-fragments=anchor-only --no-progress --extensions md .
	git ls-files -z '*.md' '*.py' ':!*.ru.md' | xargs -0 $(BIN)/harper lint --quiet --format compact --only $(HARPER_RULES)
	npm run --silent lint
	npm run --silent types
	.ci/check-commit-subjects

audit: .venv/bin/python ## look up the pinned dependencies in an advisory database; passes, and says so, if it is unreachable
	$(BIN)/python .ci/audit-dependencies requirements.txt requirements-dev.txt

docs: dev ## build the documentation site in site/, with the generated reference pages
	$(BIN)/python docs/generate.py
	$(BIN)/zensical build --strict --config-file zensical.toml
	$(BIN)/zensical build --strict --config-file zensical.ru.toml

format: dev node_modules/.installed ## format the code and apply the fixes of ruff
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	npm run --silent format

# --no-strip-extras: with hashes, pip does not accept the pin `celery` for the requirement `celery[redis]`.
COMPILE = $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-emit-index-url --no-strip-extras \
	--custom-compile-command 'make requirements' $(UPGRADE) pyproject.toml --extra build --extra ftp
requirements: | .venv/bin/python ## pin the dependencies with hashes (UPGRADE=--upgrade moves to newer versions)
	$(PIP) uv
	$(COMPILE) -o requirements.txt
	$(COMPILE) --extra dev --constraint requirements.txt -o requirements-dev.txt

# The catalogue of messages is temporary. No dates, which would change with each run.
RUSSIAN := src/captiond/services/api/web/locale/ru/messages.po
messages: dev ## bring the translations of the web page up to date with its texts; new messages are empty
	mkdir -p var
	$(BIN)/pybabel --quiet extract --mapping-file pyproject.toml --add-location file --sort-by-file --output-file var/messages.pot src
	$(BIN)/pybabel --quiet update --input-file var/messages.pot --locale ru --output-file $(RUSSIAN) --no-fuzzy-matching --ignore-obsolete --width 120
	sed -i -E '/^"(POT-Creation-Date|PO-Revision-Date|Generated-By|Report-Msgid-Bugs-To|Last-Translator|Language-Team)/d; 1{/^$$/d}; $${/^$$/d}' $(RUSSIAN)

##### Test under faults, on Docker, by fuzzing

# Results of a run as JSON lines, and as the Markdown table that REPORT= names.
FAULTS_RESULTS := var/faults/results.jsonl
REPORT ?= var/faults/results.md
define run-faults
	rm -f $(FAULTS_RESULTS)
	mkdir -p $(dir $(FAULTS_RESULTS))
	CAPTIOND_FAULTS=$(1) CAPTIOND_FAULTS_RESULTS=$(abspath $(FAULTS_RESULTS)) \
		$(BIN)/python -m pytest tests/faults $(2) $(ARGS); status=$$?; \
		$(BIN)/python -m tests.faults.report $(FAULTS_RESULTS) $(REPORT) && exit $$status
endef
faults: dev ## run the fault tests: real processes, killed, suspended and cut off
	$(call run-faults,ci,-n 4)

faults-full: dev ## run them on all databases and all packaged versions of Redis and Valkey (45 minutes on 2 cores)
	$(call run-faults,full,-n 3)

hostile: dev ## run the tests with hostile clients and hung servers
	CAPTIOND_HOSTILE=ci $(BIN)/python -m pytest tests/hostile -n 2 --dist loadfile $(ARGS)

hostile-full: dev ## run them with the full loads, and servers hung for two minutes
	CAPTIOND_HOSTILE=full $(BIN)/python -m pytest tests/hostile $(ARGS)

# A copy of the compiled modules, which find accesses beyond the ends of arrays. pymalloc would hide these ends.
ASAN := var/asan
ASAN_TESTS ?= tests/unit/imaging/jpeg tests/unit/imaging/splice
asan: dev ## run the tests of scans under AddressSanitizer, or skip without GCC and its libasan (ASAN_TESTS= selects others)
	@library=$$(gcc -print-file-name=libasan.so 2>/dev/null); \
	if [ ! -e "$$library" ]; then echo 'asan: skipped: GCC or its libasan is not installed'; exit; fi; set -ex; \
	rm -rf $(ASAN); mkdir -p $(ASAN); git ls-files -z src setup.py pyproject.toml 'README*' 'LICENSE*' | xargs -0 cp --parents -t $(ASAN); \
	(cd $(ASAN) && CFLAGS='-fsanitize=address -g -O1' $(CURDIR)/$(BIN)/python setup.py --quiet build_ext --inplace); \
	export LD_PRELOAD=$$library ASAN_OPTIONS=detect_leaks=0 PYTHONMALLOC=malloc PYTHONPATH=$(CURDIR)/$(ASAN)/src; \
	$(BIN)/python -c 'import captiond.imaging.jpeg._native as m; assert "$(ASAN)" in m.__file__, m.__file__'; \
	$(BIN)/python -m pytest -q -p no:xdist $(ASAN_TESTS) $(ARGS)

e2e-compose: dev ## test the compose files on the running Docker engine, or skip without one
	CAPTIOND_E2E_COMPOSE=1 $(BIN)/python -m pytest tests/e2e/compose --confcutdir=tests/e2e/compose $(ARGS)

# New cases are written to fuzz/corpus, which `make test` runs.
SECONDS_OF_FUZZING ?= 60
fuzz: dev ## caption damaged JPEGs under a coverage-guided fuzzer for SECONDS_OF_FUZZING
	$(BIN)/python -m fuzz.seeds var/fuzz/seeds
	mkdir -p var/fuzz/found
	$(BIN)/python -m fuzz.splice -max_total_time=$(SECONDS_OF_FUZZING) -timeout=10 -max_len=20000 \
		-artifact_prefix=fuzz/corpus/ var/fuzz/found var/fuzz/seeds fuzz/corpus

##### Measure; see benchmarks/README.md

DIR ?= ../shared/photos
bench-photos: dev ## compare captions of the photographs in DIR= with plain Pillow (ARGS=--check verifies them instead)
	$(BIN)/python -m benchmarks.photos $(DIR) $(ARGS)

guard: dev ## compare the instruction counts of the hot paths with their record (needs valgrind)
	$(BIN)/python -m benchmarks.guard $(ARGS)

guard-record: dev ## record the instruction counts of the hot paths
	$(BIN)/python -m benchmarks.guard --record

bench: bench-captions bench-pipeline bench-scaling ## run these three benchmarks (15 minutes)

bench-captions: dev ## CPU time per caption, compared with Pillow, libvips and ImageMagick
	$(BIN)/python -m benchmarks.caption

bench-pipeline: dev ## throughput and latency of the pipeline, compared with Celery, Dramatiq, RQ and Taskiq (needs wrk, PostgreSQL)
	$(BIN)/python -m benchmarks.pipeline --write $(ARGS)

bench-growth: dev ## query time with 10,000 to 1,000,000 rows (needs PostgreSQL)
	$(BIN)/python -m benchmarks.growth $(ARGS)

bench-scaling: dev ## cost per image by backlog, captioners, text length and image size (needs wrk, PostgreSQL)
	$(BIN)/python -m benchmarks.scaling --write $(ARGS)

flame: dev ## draw flame graphs of the services into var/flame (needs wrk, PostgreSQL)
	$(BIN)/python -m benchmarks.flame $(ARGS)

##### Virtual environment

.venv/bin/python:
	@echo "Creating .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv .venv

# The compiled modules are those of setup.py.
COMPILED := setup.py $(wildcard src/captiond/imaging/jpeg/_native*.pxd) $(addprefix src/captiond/imaging/jpeg/,block_transform.py coefficients.py decoder_table.py entropy_decoder.py entropy_encoder.py progressive.py progressive_encoder.py)
.venv/.installed: requirements.txt pyproject.toml $(COMPILED) | .venv/bin/python
	@echo "Installing up to $$(grep -c '^[a-z].*==' requirements.txt) packages of requirements.txt into .venv:"
	@rm -f .venv/.required # made by a successful pip: a pipe has only the exit status of sed
	@{ $(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r requirements.txt \
		&& touch .venv/.required; } | sed -n 's/^ *Collecting \([^ ;]*\).*/  \1/p'
	@test -f .venv/.required
	@echo 'Compiling and installing captiond'
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

.venv/.installed-dev: requirements-dev.txt .venv/.installed
	$(PIP) --require-hashes -r requirements-dev.txt
	@touch $@

##### Checks of the scripts of the web page; needs Node.js 20 or newer with npm

node_modules/.installed: package-lock.json
	npm ci --silent
	@touch $@
