# Each target works on a fresh clone: it makes .venv and installs what it needs.
PYTHON ?= python3
THREADS ?= 1
BIN := .venv/bin

.PHONY: demo examples test test-anywhere test-slow test-cluster test-libraries fuzz lint house docs bench check \
	chromium figures mutants power toy validate licences wheel test-wheel clean
.DELETE_ON_ERROR:

# torch first and alone: the constraint decides the build, no other package may pull another one
.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt "pip>=25.1"
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt --group dev -e .
	touch $@

demo: .venv/ready  ## certify a synthetic street scene and say where the page is
	$(BIN)/segcert demo --out demo

examples: .venv/ready  ## run each file of examples/, and print its last line
	OMP_NUM_THREADS=2 $(BIN)/python examples/run_all.py

test: .venv/ready  ## the default suite
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=$(THREADS) $(BIN)/pytest -n 2 --dist loadfile $(PYTEST)

test-anywhere: .venv/ready  ## the suite three times: random order, under load, other kernels
	$(BIN)/python tools/anywhere.py

test-slow: .venv/ready  ## what takes minutes, with shapes checked everywhere
	SEGCERT_CHECK_SHAPES=everywhere OMP_NUM_THREADS=2 $(BIN)/pytest -m slow

test-cluster: .venv/ready  ## two nodes of a Ray cluster on this machine, one of them killed
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[ray]"
	RAY_USAGE_STATS_ENABLED=0 OMP_NUM_THREADS=1 $(BIN)/pytest -m cluster tests/runs/engines

# Beside .venv, not in it: a torchvision that was built for another torch breaks what imports it
.libraries/ready: .venv/ready
	rm -rf .libraries
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps \
	  --target .libraries --group libraries
	touch $@

test-libraries: .libraries/ready  ## networks and examples of torchvision, timm, smp and MONAI
	PYTHONPATH=.libraries OMP_NUM_THREADS=2 $(BIN)/pytest -m libraries \
	  tests/test_examples.py tests/models/test_foreign_modules.py tests/doctor/test_machine.py

READERS := photo.png photo.jpg photo.tif grey.png cloud.npz cloud.ply text.ply cloud.xyz cloud.bin \
  sweep.pcd.bin names.asc lists.ply text.pcd cloud.pcd packed.pcd cloud.las cloud.laz tree.toml side.toml a.partial.npz net.pth old.pth net.resume.pt

fuzz: .venv/ready  ## every reader of files: 100 times the default examples, then by coverage
	SEGCERT_FUZZ=100 OMP_NUM_THREADS=1 $(BIN)/pytest tests/faults/test_fuzz.py
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt "atheris>=3"
	for reader in $(READERS); do \
	  $(BIN)/python tests/faults/atheris_fuzz.py $$reader -max_total_time=60 -rss_limit_mb=4096 || exit 1; \
	done

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

house: .venv/ready  ## no new circle of imports, longer list of parameters, second reading of a file
	$(BIN)/python tools/house.py --check

docs: .venv/ready  ## the site, into site/
	$(BIN)/zensical build --clean --strict

bench: .venv/ready  ## speed and memory, as ratios against a named baseline in the same run
	$(BIN)/python -m benchmarks

figures: .venv/ready  ## of the shipped models; CamVid val under SEGCERT_DATA or ../shared/data
	$(BIN)/python experiments/shipped/evaluate.py synthetic --images 50
	$(BIN)/python experiments/shipped/evaluate.py camvid

power: .venv/ready  ## what each procedure certifies with how many draws; CamVid val as above
	$(BIN)/python experiments/power/draws.py
	$(BIN)/python experiments/power/power.py --write docs/power.md

toy: .venv/ready  ## the figures of the paper's toy study
	$(BIN)/segcert toy --figures experiments/toy --seed 0

validate: .venv/ready  ## error and power of every procedure, measured; defects must be flagged
	OMP_NUM_THREADS=1 $(BIN)/python -m experiments.validate --jobs 2 --write docs/validation.md

licences: .venv/ready  ## write docs/licences.md from pyproject.toml and the installed packages
	$(BIN)/python tools/licences.py

wheel: .venv/ready  ## dist/: the wheel and the source archive
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt --group release
	rm -rf dist
	$(BIN)/python -m build --outdir dist

test-wheel: wheel  ## in an empty folder and a new environment: install the wheel, certify, verify
	$(BIN)/python tools/try_wheel.py dist

mutants: .venv/ready  ## change the code in a hundred places; a named test file must notice each
	OMP_NUM_THREADS=1 $(BIN)/python -m experiments.mutants

chromium:  ## the system's browser, for the tests of pages; installed where that is possible
	tools/chromium.sh

check: export SEGCERT_BROWSER := required
check: lint house chromium test test-libraries docs  ## what CI runs; fails where a test of a page is skipped

clean:
	rm -rf .venv .libraries site demo dist
