# make demo: the whole workflow on a synthetic tissue.  make test: all tests.  make lint: format, types and static checks.
# The environment (.venv) is made from the lock file; ENV=gpu takes the one with CUDA.
PYTHON ?= python3
ENV ?= cpu
CORES ?= $(shell nproc)
BIN := .venv/bin
STAMP := .venv/installed-$(ENV)
# Each job of a run starts a Python, which should find the package compiled, also where a run must not write beside it.
COMPILE = $(BIN)/python -m compileall -qq -j $(CORES) workflow/ultraseg

.PHONY: env demo view napari extras status test test-quick test-optional lint format docs lock peers clean-demo

env: $(STAMP)

$(STAMP): envs/$(ENV).lock pyproject.toml
	@$(PYTHON) -c 'import sys; assert (3, 11) <= sys.version_info < (3, 14), "ultraseg needs Python 3.11, 3.12 or 3.13, this is " + sys.version.split()[0] + ": call make PYTHON=python3.12"'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r envs/$(ENV).lock
	@# pip compiles Python's files one after the other; all processors do it together, and leave out the libraries' tests.
	@# Files that are no valid Python, such as templates, are no error, as with pip.
	@$(BIN)/python -m compileall -qq -j $(CORES) -x '/tests?/' .venv/lib/python3*/site-packages || true
	@# The package itself, from this folder, with what the lock brought: the command ultraseg.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-index --no-build-isolation --no-deps --editable .
	@$(COMPILE)
	@# Plain `snakemake` uses all processors once the environment is active.
	@grep -q SNAKEMAKE_PROFILE .venv/bin/activate || \
		echo 'export SNAKEMAKE_PROFILE="$${VIRTUAL_ENV%/*}/profiles/local"' >> .venv/bin/activate
	rm -f .venv/installed-*; touch $(STAMP)

# Both networks are trained at a time: two trainings with half of the processors each end sooner than one after the other.
demo: $(STAMP)
	$(BIN)/snakemake --cores $(CORES) --set-threads train=$$((($(CORES) + 1) / 2)) --configfile config/demo.yaml --directory runs/demo --quiet all
	@cat runs/demo/results/demo/summary.txt
	@echo "Results: runs/demo/results (report.zip opens in a browser; make view DIRECTORY=runs/demo shows the volume)"

# make view DIRECTORY=runs/demo VOLUME=demo: a volume in the browser.  make status DIRECTORY=runs/demo: how far a run is.
DIRECTORY ?= .
view: $(STAMP)
	@$(BIN)/ultraseg view --directory "$(DIRECTORY)" $(if $(VOLUME),--volume "$(VOLUME)") $(if $(PORT),--port $(PORT)) $(VIEW)

# make napari DIRECTORY=runs/demo: the same in napari, which gets an environment of its own (1 GB, once).
napari: $(STAMP) .venv-napari/installed
	@$(BIN)/ultraseg napari --directory "$(DIRECTORY)" $(if $(VOLUME),--volume "$(VOLUME)")

.venv-napari/installed: envs/napari.lock
	test -x .venv-napari/bin/python || $(PYTHON) -m venv .venv-napari
	.venv-napari/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r envs/napari.lock
	touch $@

# make extras: software for skeletons of cells, RO-Crates and packages of networks, in an environment of its own.
extras: $(STAMP) .venv-extras/installed

.venv-extras/installed: envs/extras.lock
	test -x .venv-extras/bin/python || $(PYTHON) -m venv .venv-extras
	.venv-extras/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r envs/extras.lock
	touch $@

# The library of webKnossos, for the tests of its files.
.venv-webknossos/installed: envs/webknossos.lock
	test -x .venv-webknossos/bin/python || $(PYTHON) -m venv .venv-webknossos
	.venv-webknossos/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r envs/webknossos.lock
	touch $@

status: $(STAMP)
	@$(BIN)/ultraseg status --directory "$(DIRECTORY)" $(if $(WATCH),--watch)

test: $(STAMP)
	@$(COMPILE)
	$(BIN)/python -m pytest -n $(CORES) --dist loadfile

# The tests of the modules alone, without whole runs of the workflow.
test-quick: $(STAMP)
	$(BIN)/python -m pytest -n $(CORES) --dist loadfile tests/unit

# The tests that make test leaves out where napari, the extras and the library of webKnossos are not installed; installs
# them (2.3 GB, once).
test-optional: $(STAMP) .venv-napari/installed .venv-extras/installed .venv-webknossos/installed
	ULTRASEG_NAPARI=required ULTRASEG_EXTRAS=required ULTRASEG_WEBKNOSSOS=required $(BIN)/python -m pytest tests/unit/viewer tests/unit/exchange tests/unit/archive

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow/Snakefile workflow/rules
	$(BIN)/snakemake --lint --configfile config/demo.yaml
	$(BIN)/lint-imports
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow/Snakefile workflow/rules

# The parts of the documentation that are written from the code.
docs: $(STAMP)
	$(BIN)/python tools/docs/config_page.py > config/README.md
	$(BIN)/python tools/docs/errors_page.py > docs/errors.md
	$(BIN)/python tools/docs/package_graph.py docs/design.md
	$(BIN)/snakemake --rulegraph mermaid-js --quiet all --configfile config/demo.yaml | \
		$(BIN)/python tools/docs/rule_graph.py docs/design.md

lock:
	envs/lock.sh

# Other programs on the same data: hours, but what is finished is not made again (docs/comparison.md).
DATA ?= data
peers: $(STAMP)
	$(BIN)/python benchmarks/compare_peers.py --data-root "$(DATA)" --cores $(CORES)

clean-demo:
	rm -rf runs/demo
