# captiond: `make up` runs it, `make test` tests it. Needs Python >= 3.11 with its venv module, and make.
PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin

.PHONY: install dev up test lint format check requirements bench bench-captions bench-pipeline bench-growth bench-scaling bench-photos guard guard-record flame fuzz faults faults-full e2e-compose

install: .venv/.installed
dev: .venv/.installed-dev

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.installed: requirements.txt pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/.installed-dev: requirements-dev.txt .venv/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

up: install
	$(BIN)/captiond up --port $(PORT)

test: dev
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

lint: dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

check: lint test

# Compiles the pinned requirements anew from pyproject.toml; `make requirements UPGRADE=--upgrade` takes newer versions.
# With their extras: pip takes `coverage[toml]` from elsewhere for not pinned by `coverage`, once a newer version is out.
COMPILE = $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-emit-index-url --no-strip-extras \
	--custom-compile-command 'make requirements' $(UPGRADE) pyproject.toml
requirements: | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(COMPILE) --extra build -o requirements.txt
	$(COMPILE) --extra build --extra dev -o requirements-dev.txt
	$(COMPILE) --extra build --extra bench -o requirements-bench.txt
	$(COMPILE) --extra build --extra bench --extra peers -o requirements-peers.txt
	$(COMPILE) --extra build --extra fuzz -o requirements-fuzz.txt
	$(COMPILE) --extra build --extra dev --extra faults -o requirements-faults.txt

# Captions, pipeline and scaling, some fifteen minutes: what docs/performance.md holds but for growth. Needs wrk and a PostgreSQL.
bench: bench-captions bench-pipeline bench-scaling

# Captions beside what people write by hand; see benchmarks/README.md.
bench-captions: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.txt
	$(BIN)/python -m benchmarks.caption

# The whole pipeline beside its peers, some ten minutes; the tables go into docs/performance.md. Needs wrk and a PostgreSQL.
bench-pipeline: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-peers.txt
	$(BIN)/python -m benchmarks.pipeline --write $(ARGS)

# What lists, lookups and searches cost with 10 k, 100 k and 1 M rows on SQLite and PostgreSQL. Needs a PostgreSQL.
bench-growth: install
	$(BIN)/python -m benchmarks.growth --keep $(ARGS)

# What a message costs with more waiting, more captioners, longer texts, larger images. Needs wrk and a PostgreSQL.
# The tables go into docs/performance.md.
bench-scaling: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.txt
	$(BIN)/python -m benchmarks.scaling --write $(ARGS)

# CPU time on real photographs beside plain Pillow, per kind of photo. ARGS=--check checks the captioned files instead,
# ARGS=--write puts the tables into docs/performance.md.
DIR ?= ../shared/photos
bench-photos: dev
	$(BIN)/python -m benchmarks.photos $(DIR) $(ARGS)

# The hot paths' instructions beside their record; see benchmarks/README.md. `make guard ARGS='--only caption'` is one of them.
guard: dev
	$(BIN)/python -m benchmarks.guard $(ARGS)

# After a change that makes a path cheaper, or dearer for a good reason; the commit says which.
guard-record: dev
	$(BIN)/python -m benchmarks.guard --record

# Where the time of the services' Python goes, drawn into var/flame. Needs wrk and a PostgreSQL.
flame: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.txt
	$(BIN)/python -m benchmarks.flame $(ARGS)

# Captioning under a coverage-guided fuzzer; cases it finds go into fuzz/corpus, which the tests run.
SECONDS_OF_FUZZING ?= 60
fuzz: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-fuzz.txt
	$(BIN)/python -m fuzz.seeds var/fuzz/seeds
	mkdir -p var/fuzz/found
	$(BIN)/python -m fuzz.splice -max_total_time=$(SECONDS_OF_FUZZING) -timeout=10 -max_len=20000 \
		-artifact_prefix=fuzz/corpus/ var/fuzz/found var/fuzz/seeds fuzz/corpus

# The compose files on a real Docker engine; where none answers it says so and passes.
e2e-compose: dev
	CAPTIOND_E2E_COMPOSE=1 $(BIN)/python -m pytest tests/e2e/compose --confcutdir=tests/e2e/compose $(ARGS)

# The product in real processes, broken in every way it is made for; REPORT= writes the table of what came out.
# In full also on every version of Redis and Valkey that PyPI has, and on all databases: about 45 minutes on two cores.
FAULTS_RESULTS := var/faults/results.jsonl
REPORT ?= var/faults/results.md
define run-faults
	rm -f $(FAULTS_RESULTS)
	mkdir -p $(dir $(FAULTS_RESULTS))
	CAPTIOND_FAULTS=$(1) CAPTIOND_FAULTS_RESULTS=$(abspath $(FAULTS_RESULTS)) \
		$(BIN)/python -m pytest tests/faults $(2) $(ARGS); status=$$?; \
		$(BIN)/python -m tests.faults.report $(FAULTS_RESULTS) $(REPORT) && exit $$status
endef
faults: dev
	$(call run-faults,ci,-n 4)

faults-full: dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-faults.txt
	$(call run-faults,full,-n 3)
