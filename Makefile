# Everything needed is installed into .venv by the targets themselves.
PYTHON ?= python3
BIN := .venv/bin
DATA ?=
TEST ?=
KEEP ?=

.PHONY: demo same-bytes test test-fast check browser format bench bench-search bench-rungs peers catalogue openapi laws rooms screenshot drill fuzz install clean

install: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "AutoSample needs Python 3.11 or newer")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[service,dev]'
	touch $@

demo: install
	$(BIN)/python -m autosample.cli.demo --data '$(DATA)' --test '$(TEST)' $(if $(KEEP),--keep) $(if $(SEQUENTIAL),--sequential)

# Three processes of up to 1 GiB each, on two processors: half of the time the longest
# tests wait for processes that they started.
PROCESSES := -n 3

test: install
	$(BIN)/python -m pytest $(PROCESSES)

# For the inner loop, under 90 seconds: all but real processes, browsers and real data.
test-fast: install
	$(BIN)/python -m pytest $(PROCESSES) -m 'not slow'

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	cd tests/plugin && MYPYPATH=../.. ../../$(BIN)/mypy --cache-dir ../../.mypy_cache --config-file ../../pyproject.toml -p autosample_example -m checks

# What the tests of the pages need beside Python; without it they are skipped.
browser:
	command -v chromium > /dev/null || { apt-get update -qq && apt-get install -qq --yes --no-install-recommends chromium > /dev/null; }

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Write docs/catalogue.md from the code; a test compares.
catalogue: install
	$(BIN)/python -m autosample.spec.markdown docs/catalogue.md

# Write the API's schema to docs/openapi.json; a test compares.
openapi: install
	$(BIN)/python -m api.openapi docs/openapi.json

# Draw how often each sampler draws an item, docs/laws.svg.
laws: install
	$(BIN)/python -m benchmarks.laws

# Count the rooms of the code and draw them from the imports, docs/rooms.svg.
rooms: install
	$(BIN)/python -m benchmarks.rooms

# Search a shared data set through the service and photograph its page, docs/search.png.
screenshot: install browser
	$(BIN)/python -m benchmarks.screenshot

# Every case of the drill, on a Postgres of its own: about half an hour.
drill: install
	$(BIN)/autosample drill --postgres --out benchmarks/results/drill.json

# Nonsense for every route and 2,000 damaged uploads: half an hour.
fuzz: install
	$(BIN)/python -m benchmarks.fuzz

bench: install
	$(BIN)/python -m benchmarks.speed
	$(BIN)/python -m benchmarks.jobs
	$(BIN)/python -m benchmarks.step
	$(BIN)/python -m benchmarks.samplers

# Searches beside the exhaustive truth: hours; what is done already is not done again.
# QUICK=1: one data set, about ten minutes.
bench-search: install
	$(BIN)/python -m benchmarks.search truth $(if $(QUICK),--cells lastfm/mf)
	$(BIN)/python -m benchmarks.search run $(if $(QUICK),--cells lastfm/mf)
	$(BIN)/python -m benchmarks.search table

# Replay races of many shapes from the curves that bench-search recorded.
bench-rungs: install
	$(BIN)/python -m benchmarks.rungs

# Whether searches give the same bytes as at another commit: BEFORE=<commit>.
same-bytes: install
	$(BIN)/python -m benchmarks.same_bytes --before $(BEFORE)

# Other libraries, for benchmarks.speed to stand beside.
peers:
	test -x .venv-peers/bin/python || $(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet -r benchmarks/peers/requirements.txt

clean:
	rm -rf .venv .venv-peers .demo .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
