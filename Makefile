# The front door: bare `make` lists what it can do.
# Set-up happens by itself: each target depends on a stamp inside .venv, which depends on pyproject.toml.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FUZZ_SECONDS ?= 300
RUN_FOR ?= 1h

.DEFAULT_GOAL := list
.PHONY: list run test check bench sweep kills fuzz coverage days outages virtual-pi test-board test-wired clean

list:  ## This list
	@echo "gpstime: how wrong is this clock? What make can do:"
	@sed -n 's/^\([a-z-]*\):.*##  *\(.*\)/  make \1#\2/p' $(firstword $(MAKEFILE_LIST)) | awk -F'#' '{ printf "%-16s %s\n", $$1, $$2 }'
	@echo "Each target sets up $(VENV) by itself (PYTHON=$(PYTHON), at least 3.11)."

PULSE := $(shell cat /sys/class/pps/pps*/name 2>/dev/null | grep -m1 -E '^(pps@|pps-gpio|tty|serial)')

run:  ## Measure this Pi's crystal, or a simulated Pi's where there is no pulse: from pulse and sentence to ppm, ends by itself
	@echo "$(if $(PULSE),LIVE: the pulse $(PULSE) of this machine for $(RUN_FOR).,SIMULATED: no pulse on this machine; gpstime measures a made-up board for $(RUN_FOR) of its own time.)"
	@$(MAKE) --no-print-directory $(VENV)/.stamp-run
	@$(BIN)/gpstime measure --world $(if $(PULSE),live,sim) --for $(RUN_FOR)

test: $(VENV)/.stamp-dev  ## All tests (the recordings' tests need ../shared/data and say so when it is absent)
	$(BIN)/python -m pytest

check: $(VENV)/.stamp-dev  ## ruff, mypy --strict and the guards (layers, notes, docs)
	$(BIN)/ruff check --no-cache .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_layers.py tests/test_notes.py tests/test_docs.py

bench: $(VENV)/.stamp-dev  ## CPU, memory, card and start beside gpsd's, and how fast the parts are; a table at the end (20 minutes)
	@$(BIN)/python tests/bench/run.py $(BENCH)

sweep: $(VENV)/.stamp-dev  ## Every sentence delay from 20 to 1400 ms, three seeds each: is a second ever mislabelled? (minutes)
	GPSTIME_SWEEP=full $(BIN)/python -m pytest -q tests/scenarios/test_delay_sweep.py

kills: $(VENV)/.stamp-dev  ## kill -9 at the recorder a thousand times: nothing unreadable, nothing doubled, no more lost than promised (minutes)
	$(BIN)/python tests/bench/kill_record.py --kills 1000

fuzz: $(VENV)/.stamp-fuzz  ## Feed rubbish to the NMEA reader for FUZZ_SECONDS (300): nothing raised, memory flat
	$(BIN)/python tests/fuzz/fuzz_nmea.py --seconds $(FUZZ_SECONDS)

coverage: $(VENV)/.stamp-coverage  ## How often the 95 % intervals hold the truth, beside least squares (long; shows progress)
	$(BIN)/python tests/intervals/sweep.py

# ---- the virtual Pi (hw/bench): a real kernel beneath the drivers -------------------------------------------------------------

BOARD_TESTS ?= tests/board
BOARD_PYTEST = $(BIN)/python -m pytest -p no:cacheprovider -o faulthandler_timeout=0 --durations=5

virtual-pi:  ## Build the virtual Pi, a Linux kernel with a Pi's devices as an ordinary program (once; minutes)
	@hw/bench/build.sh

# Both at once: the one sleeps, the other computes.
test-board: $(VENV)/.stamp-board virtual-pi  ## The drivers on the virtual Pi's real kernel: in real time, and in simulated time
	@export PYTHONPATH=$(CURDIR)/$(VENV)/board; said=$$(mktemp); travelling=; \
	trap 'kill $$travelling 2>/dev/null; rm -f "$$said"' EXIT; trap 'exit 130' INT TERM; \
	hw/bench/boot.py --travel --timeout 900 -- $(BOARD_PYTEST) $(BOARD_TESTS) >"$$said" 2>&1 & travelling=$$!; \
	echo "test-board: in real time"; \
	hw/bench/boot.py --timeout 600 -- $(BOARD_PYTEST) $(BOARD_TESTS); real=$$?; \
	wait $$travelling; travel=$$?; travelling=; \
	echo "test-board: in time travel"; cat "$$said"; \
	[ $$real -eq 0 ] && [ $$travel -eq 0 ]

days: $(VENV)/.stamp-coverage  ## How often the interval of an RTC's daily mean holds, 2000 days of each kind (long; shows progress)
	$(BIN)/python tests/intervals/rtc_days.py

outages: $(VENV)/.stamp-dev  ## How often the bound of a holdover holds, 2000 outages of each kind and length (long; shows progress)
	$(BIN)/python tests/intervals/holdover_days.py

test-wired: $(VENV)/.stamp-dev  ## The same tests on a wired Pi: GPSTIME_TEST_PPS=/dev/pps0 GPSTIME_TEST_PORT=/dev/serial0 (hw/rig)
	@[ -n "$$GPSTIME_TEST_PPS" ] || { echo "Say which pulse: make test-wired GPSTIME_TEST_PPS=/dev/pps0 GPSTIME_TEST_PORT=/dev/serial0 (hw/rig/README.md)" >&2; exit 2; }
	$(BIN)/python -m pytest $(BOARD_TESTS)

clean:  ## Remove the virtual environment, caches and build products
	rm -rf $(VENV) build dist out *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ---- set-up -----------------------------------------------------------------------------------------------------------------

# `ensurepip` is what Debian splits off into python3-venv: without it `python3 -m venv` fails half-way with an unclear message.
# The target is pip, which comes last: a set-up that was interrupted is made again.
$(BIN)/pip:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not there: apt install python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "gpstime needs Python 3.11 or newer, and $(PYTHON) is older: try make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "$(PYTHON) cannot make a virtual environment: apt install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

# A stamp's name is the extra that it stands for; `run` is the bare package, so that a Pi does not fetch what only developers need.
$(VENV)/.stamp-%: pyproject.toml | $(BIN)/pip
	@echo "Setting up $(VENV) ($*), a minute or so the first time ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.$(if $(filter run,$*),,[$*])' || \
	  { echo "Could not install what gpstime needs (above is pip's own word). If this machine is offline, connect it once for the" \
	         "set-up; afterwards everything works without a network." >&2; exit 1; }
	@touch $@
# The GPIO libraries for the virtual Pi stand in a folder of their own: the other tests are to see a machine without them.
$(VENV)/.stamp-board: pyproject.toml | $(VENV)/.stamp-dev
	@rm -rf $(VENV)/board
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target $(VENV)/board gpiod lgpio rpi-lgpio
	@touch $@
.PRECIOUS: $(VENV)/.stamp-%
