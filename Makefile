# One command each, on a fresh machine: demo, test, check, bench. Everything lives in .venv, made on first use.
PYTHON ?= python3
TORCH ?= torch==2.13.0
WORKERS ?= auto
PIP = .venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# A worker a core, at most four, for each may take 2 GB; WORKERS=0 runs the tests in one process.
PYTEST = .venv/bin/python -m pytest --numprocesses $(WORKERS) --maxprocesses 4 --dist worksteal

.PHONY: demo test test-long check check-fast bench

demo: .venv/.core
	mkdir -p outputs
	.venv/bin/gfla-animate animate/assets/astronaut.jpg animate/assets/driver.mp4 -o outputs/demo.mp4 --overwrite
	.venv/bin/python demos/contact_sheet.py animate/assets/driver.mp4 outputs/demo.mp4 -o outputs/demo.png
	@echo "video:         outputs/demo.mp4"
	@echo "contact sheet: outputs/demo.png"

test: .venv/.dev
	$(PYTEST)

# One after another, for some of these measure memory and pace.
test-long: .venv/.dev
	.venv/bin/python -m pytest -m long

check: .venv/.dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/pyright
	$(PYTEST)

# The inner loop: neither types nor what takes more than half a second.
check-fast: .venv/.dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	$(PYTEST) -q -m "not slow and not long"

# Parts, and earlier figures to compare with: make bench ARGS="ops --against earlier.json"
bench: .venv/.dev
	mkdir -p outputs
	PYTHONPATH=tests .venv/bin/python -m bench --out outputs/bench.json $(ARGS)

# torch goes first and pinned: what comes after it would otherwise choose its version.
.venv/.core: pyproject.toml constraints.txt
	@echo "installing into .venv: 2 GB, a few minutes"
	$(PYTHON) -m venv .venv
	$(PIP) "$(TORCH)"
	$(PIP) --editable ".[export]"
	touch $@

# The link lets the type checker see this folder as `gfla`, whatever it is called.
.venv/.dev: .venv/.core
	$(PIP) --editable ".[dev]"
	mkdir -p .venv/link
	ln -sfn ../.. .venv/link/gfla
	touch $@
