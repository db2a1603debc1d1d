# Both `make run` and `make test` set everything up by themselves: Python 3.11, make and git are all they need.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PORT   ?= 5006
PIP     = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps

.PHONY: run test test-slow lint lock bench clean

run: $(VENV)/.run
	$(BIN)/integral-dashboard serve --port $(PORT)

test: $(VENV)/.test chromium lint
	$(BIN)/python -m pytest -m "not slow" --ignore tests/browser -n 2 --dist loadfile
	$(BIN)/python -m pytest -m "not slow" tests/browser

test-slow: $(VENV)/.test chromium nginx hub-tools
	$(BIN)/python -m pytest -m slow --timeout 1800 --ignore tests/browser -n 2 --dist loadfile
	$(BIN)/python -m pytest -m slow --timeout 1800 tests/browser

# The contract that the simulated observatory keeps, against the real services: needs network, and ODA_TOKEN for what takes a token.
.PHONY: test-live
test-live: $(VENV)/.test
	$(BIN)/python -m pytest --live tests/live

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.test
	@for name in mosaic spectra detection decoding coverage parts light_curves large_run batches in_flight start page page_linked page_sessions load; do $(BIN)/python -m benchmarks.$$name || exit 1; done

# What of the documentation is made by a program: its pictures, in some minutes, and the names of the Python road.
.PHONY: pictures api
api: $(VENV)/.test
	$(BIN)/python -m docs.api

pictures: $(VENV)/.test chromium
	$(BIN)/python -m docs.pictures

# uv is needed for this alone; uv.lock names registry hosts and is not kept.
lock:
	uv lock --upgrade
	uv export --quiet --no-header --no-annotate --no-emit-project --output-file requirements.lock
	uv export --quiet --no-header --no-annotate --no-emit-project --extra test --output-file requirements-test.lock
	uv pip compile --quiet --generate-hashes --no-header --no-annotate --universal --python-version 3.11 -c requirements-test.lock \
	  tests/browser/jupyterhub.in --output-file tests/browser/jupyterhub.lock
	rm -f uv.lock

# What is publicly known to be wrong with locked versions; it has a virtual environment of its own and asks the package index.
.PHONY: audit
audit:
	$(PYTHON) -m venv .audit
	.audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit
	.audit/bin/pip-audit --disable-pip --require-hashes --requirement requirements.lock

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.lock pyproject.toml | $(BIN)/python
	test -e $(VENV)/.test -a $(VENV)/.test -nt requirements.lock || $(PIP) --require-hashes -r requirements.lock
	$(PIP) -e .
	touch $@

$(VENV)/.test: requirements-test.lock pyproject.toml | $(BIN)/python
	$(PIP) --require-hashes -r requirements-test.lock
	$(PIP) -e .
	touch $@

# Debian's chromium drives the browser tests; where it cannot be installed they are skipped, with the reason.
.PHONY: chromium
chromium:
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; } || \
	  echo "chromium is missing and cannot be installed here: browser tests will be skipped" >&2; }

# The proxy of the composition.
.PHONY: nginx
nginx:
	@PATH="$$PATH:/usr/sbin" command -v nginx >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nginx-light >/dev/null; } || \
	  echo "nginx is missing and cannot be installed here: the composition will not be tested" >&2; }

# The image, built with buildah and tried: minutes, and root's rights.
.PHONY: image
image:
	deploy/build

# A JupyterHub and its proxy, for tests/browser/test_jupyterhub.py alone: they stand in an environment of their own that sees ours.
.PHONY: hub-tools
hub-tools: $(VENV)/.test
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory .hub/.done || \
	  echo "JupyterHub could not be set up: its tests will be skipped" >&2; \
	else echo "npm is missing: tests of JupyterHub will be skipped" >&2; fi

.hub/.done: tests/browser/jupyterhub.lock requirements-test.lock
	rm -rf .hub
	$(BIN)/python -m venv .hub
	$(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))" > "$$(.hub/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/project.pth"
	.hub/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r tests/browser/jupyterhub.lock
	npm install --silent --no-fund --no-audit --no-package-lock --prefix .hub configurable-http-proxy@5.3.0
	touch $@

clean:
	rm -rf $(VENV) .audit .hub build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
