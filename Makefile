# Two commands on a fresh machine:  make run  (flies the main job)  and  make test.
#
#   make run ARGS="--quick"            arguments for `selfcue run drone_depth`
#   make test ARGS="-k bus"            arguments for pytest
#   make check | make format           what CI checks | what mends the formatting
#   PYTHON=python3.12                  another interpreter (3.10 to 3.13)
#   TORCH_INDEX=URL                    where the CPU build of torch is, if your package index does not have it
#
# Nothing is installed outside of .venv; the package index is the only thing asked from the network.

SHELL := /bin/bash
.DELETE_ON_ERROR:
.NOTPARALLEL:
.DEFAULT_GOAL := help

# The first of these that is 3.10 to 3.13.
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.10; do \
	$$p -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
ARGS ?=

# Plain torch from PyPI brings gigabytes of CUDA on x86-64 Linux; the local version names the CPU build.
TORCH := torch==2.13.0$(if $(filter Linux-x86_64,$(shell uname -s)-$(shell uname -m)),+cpu)
BIN := $(VENV)/bin
# Progress bars where someone is watching.
PIP = $(BIN)/python -m pip install --prefer-binary --disable-pip-version-check -c constraints.txt \
	$$([ -t 1 ] || echo -q)

.PHONY: help run test check format clean

help:
	@sed -n '1,/^$$/s/^# \{0,1\}//p' Makefile

run: $(VENV)/.run $(VENV)/.libraries
	$(BIN)/selfcue run drone_depth $(ARGS)

test: $(VENV)/.dev $(VENV)/.libraries
	$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	@if [ -s $(VENV)/.torch ]; then echo "$(BIN)/mypy"; $(BIN)/mypy; else echo "types: not checked, for that needs torch"; fi

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage*

# -- the environment ---------------------------------------------------------------------------------------------------

$(BIN)/python:
	@[ -n "$(PYTHON)" ] || { echo "selfcue needs Python 3.10 to 3.13, and none is here; Debian, Ubuntu: apt install python3 python3-venv; or name one: make PYTHON=/path/to/python3.11"; exit 4; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' || { echo "selfcue needs Python 3.10 to 3.13; $(PYTHON) is $$($(PYTHON) --version 2>&1); name another: make PYTHON=python3.11"; exit 4; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments; Debian, Ubuntu: apt install $$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"; exit 4; }
	@echo "-- a virtual environment in $(VENV), of $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)

# Holds the version of torch that was found; empty where there is none for this Python.
$(VENV)/.torch: constraints.txt | $(BIN)/python
	@echo "-- torch, the CPU build (about 200 MB)"
	@{ $(PIP) "$(TORCH)" 2>$(VENV)/torch.log \
		|| $(PIP) --retries 1 --timeout 20 --extra-index-url "$(TORCH_INDEX)" "$(TORCH)" 2>>$(VENV)/torch.log; } \
		&& $(BIN)/python -c 'import importlib.metadata as m; print(m.version("torch"))' > $@ \
		|| { echo "   $(TORCH) is neither in your package index nor at $(TORCH_INDEX) for this Python ($(VENV)/torch.log)"; : > $@; }

$(VENV)/.run: pyproject.toml constraints.txt $(VENV)/.torch
	@[ -s $(VENV)/.torch ] || { rm -f $(VENV)/.torch; echo "the main job needs torch; name an index that has it: make run TORCH_INDEX=URL; or another interpreter: make clean run PYTHON=python3.11"; exit 4; }
	@echo "-- selfcue with the simulator and the learner (about 500 MB, two or three minutes)"
	@$(PIP) -e '.[sim,learn]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt $(VENV)/.torch
	@echo "-- selfcue with the simulator, the learner and the tools (about 600 MB, two or three minutes)"
	@if [ -s $(VENV)/.torch ]; then $(PIP) -e '.[sim,offline,dev]'; else \
		echo "   without torch: the tests that need it will be skipped"; $(PIP) -e '.[sim,vision,dev]'; fi
	@touch $@

# After whichever of the two came first: what the wheels want from the system.
$(VENV)/.libraries: .ci/check_libraries.py | $(BIN)/python
	@$(BIN)/python .ci/check_libraries.py
	@touch $@
