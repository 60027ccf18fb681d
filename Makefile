# `make demo` and `make test` work from a bare clone: they make .venv and install what they need.

.DEFAULT_GOAL := help
.PHONY: help demo test quick fuzz lint format docs package benchmark accuracy paper samples clean

VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
SET_UP := pyproject.toml constraints.txt hatch_build.py

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.installed  ## classify the bundled spectra; table and picture in demo/
	@mkdir -p demo
	$(BIN)/gasnet3 classify src/gasnet3/samples -o demo/catalog.parquet --overwrite
	$(BIN)/gasnet3 classify src/gasnet3/samples -o demo/catalog.csv --overwrite --quiet
	$(BIN)/gasnet3 plot src/gasnet3/samples --gallery -o demo/gallery.png --overwrite
	@echo "See demo/catalog.csv and demo/gallery.png"

# A process for each core, each with one thread. Files are dealt whole, for the sake of their
# fixtures, and as they are sorted: those of tests/integration, which take longest, come first.
TESTS := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

test: $(VENV)/.installed-dev  ## run the tests, on all cores
	$(TESTS)

quick: $(VENV)/.installed-dev  ## run the tests but for those marked slow
	$(TESTS) -m "not slow"

fuzz: $(VENV)/.installed-dev  ## run the property tests on new examples, until one fails
	@while $(BIN)/python -m pytest -q -m hypothesis --hypothesis-profile=fuzz; do :; done

lint: $(VENV)/.installed-dev  ## ruff, mypy and the walls between packages
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.installed-dev  ## let ruff fix and format the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(VENV)/.installed-docs  ## build the documentation in site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

package: $(VENV)/.installed-dev  ## build sdist and wheel, and use the wheel in a fresh environment
	rm -rf dist
	$(BIN)/python -m build --no-isolation
	BIN=$(BIN) .ci/try-wheel

benchmark: $(VENV)/.installed-benchmark  ## time everything, beside redrock and a floor; docs/performance.md
	$(BIN)/python benchmarks/performance.py

accuracy: $(VENV)/.installed-benchmark  ## compare with other codes on real spectra; docs/accuracy.md
	$(BIN)/python benchmarks/accuracy.py --docs

paper: $(VENV)/.installed  ## rerun the paper's experiments; docs/paper.md
	$(BIN)/python recipes/paper/all.py

samples: $(VENV)/.installed  ## draw the bundled spectra and the README's picture anew
	rm -f src/gasnet3/samples/*.fits
	$(BIN)/gasnet3 mock -n 12 --sn 10 --seed 7 -o src/gasnet3/samples --overwrite
	@mkdir -p docs/images
	$(BIN)/gasnet3 plot src/gasnet3/samples --row 11 -o docs/images/inspection.png --overwrite

clean:  ## remove what the other targets made
	rm -rf $(VENV) demo dist site

# The interpreter: the newest pinned wheels are known to work with 3.11, so it is tried first.
# A name on the PATH may be an old version, a shim that fails, or lack venv: each is run.
$(BIN)/python:
	@for python in $(PYTHON) python3.11 python3.12 python3.13 python3.14 python3 python; do \
	  if $$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
	      >/dev/null 2>&1; then \
	    echo "Making $(VENV) with $$($$python -V) ($$python)"; \
	    exec $$python -m venv $(VENV); \
	  fi; \
	done; \
	echo "No Python 3.11 or newer with the venv module was found on the PATH." >&2; \
	echo "Install one (Debian and Ubuntu: apt install python3.11 python3.11-venv)," >&2; \
	echo "or name yours: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; \
	exit 1

# A stamp for each set of packages: nothing is installed twice until the pins change.
$(VENV)/.installed: $(SET_UP) | $(BIN)/python
	$(INSTALL) -e .
	@touch $@

$(VENV)/.installed-dev: $(SET_UP) | $(BIN)/python
	$(INSTALL) -e '.[dev]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-benchmark: $(SET_UP) | $(BIN)/python
	$(INSTALL) -e '.[benchmark,dask]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-docs: $(SET_UP) | $(BIN)/python
	$(INSTALL) -e '.[docs]'
	@touch $@ $(VENV)/.installed
