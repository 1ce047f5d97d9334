# make demo            a whole deployment on a virtual rack, with the wizard on this terminal
# make demo HEADLESS=1 the same without the wizard
# make test            all tests, end to end included; PARTS="unit tui" runs some parts of them
# make stories         list the stories that take too long for make test; make story NAME=fuzz ROUNDS=10 runs one
# make check           lint, types, unit tests: quick, needs no root
# make image           golden image and deploy ramdisk
# make bench           list the measurements; make bench-scan runs one (ARGS=--json)
# make fuzz SECONDS=60 fuzz every parser of foreign bytes for that long (an input that fails is kept in build/fuzz/)
# make lock            pin every Python package again, with hashes (ARGS=--upgrade takes new releases)
# make screenshots     create the pictures of the README in docs/img/ from a recorded journal
# make clean           undo namespaces, loop devices, mounts and containers; remove build/demo
# make distclean       clean, and remove images, caches and .venv

SHELL := /bin/bash
PYTHON := .venv/bin/python
SEEDVM := .venv/bin/seedvm
PYTEST := $(PYTHON) -m pytest -p no:cacheprovider
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PYTHONDONTWRITEBYTECODE := 1

SECONDS ?= 60

.PHONY: bench fuzz demo test stories story check image lock screenshots clean distclean host venv help

help:
	@sed -n 's/^# //p' $(firstword $(MAKEFILE_LIST))

host:
	@scripts/prepare-host.sh all

venv:
	@scripts/prepare-host.sh venv

demo: host
	@$(SEEDVM) demo $(if $(HEADLESS),--headless)

test:
	@scripts/prepare-host.sh test
	@scripts/run-tests.sh $(PARTS)

stories: venv
	@$(PYTHON) -m tests.stories

story: venv
	@$(PYTHON) -m tests.stories $(NAME)

check: venv
	@$(PYTEST) -q -n 2 tests/rules tests/unit

image: host
	@$(SEEDVM) image build

bench: venv
	@$(PYTHON) -m bench

bench-%: venv
	@$(PYTHON) -m bench.$* $(ARGS)

fuzz: venv
	@$(PYTHON) -m tests.fuzz --seconds $(SECONDS)

lock:
	@scripts/lock.sh $(ARGS)

screenshots: venv
	@$(PYTHON) -m tui.screenshots
	@$(PYTHON) -m tests.tui.browser

clean:
	@if [ -x $(SEEDVM) ]; then $(SEEDVM) rack clean --yes; fi
	@rm -rf build/demo .mypy_cache .ruff_cache .import_linter_cache

distclean: clean
	@rm -rf build .venv *.egg-info
