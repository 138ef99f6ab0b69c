# Ohmstead: `make run` and `make test` do all their own set-up; `make help` lists the rest.
# Written for GNU Make 3.81 and later, which is what macOS ships.

SHELL := bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# ---- tools -----------------------------------------------------------------------------------------

# The first Python that runs, is new enough and can make environments (a pyenv shim may do none of that).
# Every pinned package has wheels up to 3.13; on 3.14 coincurve is built from source.
PYTHON = $(firstword $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p; done))
NODE_OS := $(shell uname -s | tr A-Z a-z)
NODE_ARCH := $(patsubst x86_64,amd64,$(patsubst aarch64,arm64,$(shell uname -m)))
FOUNDRY := anvil cast forge
FOUNDRY_BINS := $(foreach t,$(FOUNDRY),$(CURDIR)/node_modules/@foundry-rs/$(t)-$(NODE_OS)-$(NODE_ARCH)/bin)
SOLC_VERSION := 0.8.37

empty :=
space := $(empty) $(empty)
export PATH := $(CURDIR)/.venv/bin:$(subst $(space),:,$(FOUNDRY_BINS)):$(CURDIR)/node_modules/.bin:$(PATH)
# One compiler for every tool, Ape's data beside the project instead of in the home, and the fast keccak.
export SOLCX_BINARY_PATH := $(CURDIR)/.cache/solcx
export APE_DATA_FOLDER := $(CURDIR)/.cache/ape
export ETH_HASH_BACKEND := pysha3
# A browser for the end-to-end tests; npm's Playwright drives it but brings none.
CHROMIUM ?= $(firstword $(shell command -v chromium chromium-browser google-chrome \
	"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" 2>/dev/null))
export CHROMIUM

# Set-up is stamped with what it was made from, inside the folder it made: unchanged means nothing to do.
sum = $(shell cat $(1) 2>/dev/null | cksum | cut -d' ' -f1)
PYTHON_STAMP := .venv/.made-from-$(call sum,constraints.txt pyproject.toml)
NODE_STAMP := node_modules/.made-from-$(call sum,package-lock.json .npmrc)
SOLC := .cache/solcx/solc-v$(SOLC_VERSION)
COMPILED := .build/.made-from-$(call sum,package-lock.json ape-config.yaml $(shell find contracts -name '*.sol' | sort))

# ---- set up, compile, run --------------------------------------------------------------------------

.PHONY: help
help: ## this list
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: setup
setup: check-machine ## everything the other targets need; a moment when nothing changed
	@$(MAKE) -s -j2 $(PYTHON_STAMP) $(NODE_STAMP)
	@$(MAKE) -s $(SOLC)

.PHONY: check-machine
check-machine:
	@test -x .venv/bin/python || test -n "$(PYTHON)" \
	  || { echo "Ohmstead needs Python 3.11 or later with venv: found $$(python3 --version 2>&1) (Debian: apt-get install python3-venv)" >&2; exit 1; }
	@node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' 2>/dev/null \
	  || { echo "Ohmstead needs Node.js 20.19 or later: found '$$(node --version 2>&1 || true)'" >&2; exit 1; }
	@command -v npm >/dev/null || { echo "Ohmstead needs npm, which comes with Node.js" >&2; exit 1; }

$(PYTHON_STAMP):
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	@scripts/toolchain/step "Python packages" .venv/bin/pip install --no-compile --no-deps -r constraints.txt
	@scripts/toolchain/step "Ohmstead itself" .venv/bin/pip install --no-deps -e .
	@rm -f .venv/.made-from-* && touch $@

$(NODE_STAMP):
	@scripts/toolchain/step "Node packages" npm ci
	@touch $@

$(SOLC): scripts/toolchain/solc-shim.mjs
	@mkdir -p $(@D) && ln -sfn ../../$< $@ && $@ --version >/dev/null

.PHONY: compile
compile: setup ## the contracts, with Ape
	@$(MAKE) -s $(COMPILED)

# Whole: Ape's cache may hold what an interrupted compile left.
$(COMPILED):
	@scripts/toolchain/step "contracts" ape compile --force
	@rm -f .build/.made-from-* && touch $@

FRONTEND_SOURCES := $(shell find frontend -type f -not -path '*/node_modules/*' -not -path 'frontend/dist/*' 2>/dev/null)
frontend/dist/index.html: $(FRONTEND_SOURCES) package-lock.json
	@scripts/toolchain/step "web page" npm run build --workspace frontend

.PHONY: run
run: setup ## the whole microgrid on this machine: chain, contracts, devices, oracle, web page
	@$(MAKE) -s -j2 $(COMPILED) frontend/dist/index.html
	@python -m scripts.demo

.PHONY: reset
reset: setup ## forget the local chain and everything measured on it
	@python -m scripts.reset

.PHONY: deploy
deploy: compile ## to a public network: make deploy NETWORK=sepolia (needs SEPOLIA_RPC_URL and a key file)
	@test -n "$(NETWORK)" || { echo "which network? make deploy NETWORK=sepolia" >&2; exit 1; }
	@ape run deploy --network ethereum:$(NETWORK):node

.PHONY: provision
provision: compile ## the simulated neighbourhood's keys, meters, switches and one-time codes: make provision NETWORK=sepolia
	@test -n "$(NETWORK)" || { echo "which network? make provision NETWORK=sepolia" >&2; exit 1; }
	@ape run provision --network ethereum:$(NETWORK):node

.PHONY: serve
serve: compile ## the service alone, on a network where the contracts are deployed: make serve NETWORK=sepolia
	@test -n "$(NETWORK)" || { echo "which network? make serve NETWORK=sepolia" >&2; exit 1; }
	@$(MAKE) -s frontend/dist/index.html
	@ape run serve --network ethereum:$(NETWORK):node

# ---- devices ---------------------------------------------------------------------------------------

.PHONY: uno
uno: ## the Arduino Uno's firmware, with its size (needs gcc-avr and avr-libc)
	@command -v avr-g++ >/dev/null || { echo "the Uno's firmware needs avr-gcc (Debian: apt-get install gcc-avr avr-libc)" >&2; exit 1; }
	@$(MAKE) -C devices/uno

.PHONY: flash-uno
flash-uno: ## onto a board: make flash-uno PORT=/dev/ttyACM0 (needs avrdude too; then docs/hardware.md)
	@test -n "$(PORT)" || { echo "which port? make flash-uno PORT=/dev/ttyACM0" >&2; exit 1; }
	@command -v avrdude >/dev/null || { echo "flashing needs avrdude (Debian: apt-get install avrdude)" >&2; exit 1; }
	@$(MAKE) uno
	@$(MAKE) -C devices/uno flash PORT=$(PORT)

.PHONY: esp32
esp32: setup ## the ESP32's firmware, compiled, with its size
	@python -m devices.firmware

.PHONY: flash
flash: setup ## onto an ESP32 that runs MicroPython: make flash PORT=/dev/ttyUSB0 (docs/hardware-esp32.md)
	@test -n "$(PORT)" || { echo "which port? make flash PORT=/dev/ttyUSB0" >&2; exit 1; }
	@python -m devices.flash --port $(PORT)

# ---- tests -----------------------------------------------------------------------------------------

.PHONY: test
test: compile ## all four suites, with one line at the end
	@python scripts/toolchain/run_suites.py contracts+e2e backend+frontend

.PHONY: test-contracts
test-contracts: setup ## Forge (unit, fuzz, invariants), then Ape on anvil
	@forge test
	@ape test tests/contracts --network ethereum:local:foundry

# Ape's pytest plugin would start a chain for every run: only the contracts' tests want it.
PYTEST := pytest -p no:ape_test

.PHONY: test-backend
test-backend: compile ## service and devices
	@$(PYTEST) -n 2 --dist loadfile tests/backend tests/devices

.PHONY: test-frontend
test-frontend: setup ## components and hooks, in jsdom
	@npm test --workspace frontend

.PHONY: test-e2e
test-e2e: compile ## `make run` itself: what is seen within two minutes, a real browser, stops and restarts; Sepolia
	@if [ -z "$(CHROMIUM)" ]; then \
	  echo "e2e skipped in the browser: no Chromium or Chrome found (Debian: apt-get install chromium, or set CHROMIUM)"; \
	fi
	@$(MAKE) -s frontend/dist/index.html
	@$(PYTEST) -n 2 --dist loadfile tests/system

.PHONY: screenshots
screenshots: compile ## the pictures in docs/screenshots, from a running microgrid
	@$(MAKE) -s frontend/dist/index.html
	@node tests/e2e/screenshots.mjs

.PHONY: nightly
nightly: compile coverage ## what takes minutes: ten times the fuzzing and examples, soak tests, coverage
	@FOUNDRY_PROFILE=nightly forge test --fuzz-seed $$(od -An -N4 -tu4 /dev/urandom)
	@OHMSTEAD_NIGHT=1 $(PYTEST) -n 2 --dist loadfile -m 'nightly or not nightly' tests/backend tests/devices

FUZZ_TARGETS ?= $$(python tests/backend/fuzz_targets.py)
SECONDS_EACH ?= 60
.PHONY: fuzz
fuzz: setup ## Atheris on every parser, a minute each (SECONDS_EACH=, FUZZ_TARGETS=); needs the extra `fuzz`, which has no wheels for some systems
	@python -c 'import atheris' 2>/dev/null || pip install --quiet 'atheris>=2.3,<4'
	@mkdir -p .cache/fuzz
	@for target in $(FUZZ_TARGETS); do \
	  mkdir -p .cache/fuzz/$$target; \
	  echo "fuzz $$target"; \
	  python tests/backend/fuzz.py $$target -max_total_time=$(SECONDS_EACH) -max_len=700 -verbosity=0 \
	    -artifact_prefix=.cache/fuzz/ .cache/fuzz/$$target || exit 1; \
	done

# ---- measures and checks -----------------------------------------------------------------------------

.PHONY: lint
lint: lint-python lint-contracts lint-frontend ## every linter and type checker

.PHONY: lint-python
lint-python: setup ## ruff, mypy, import-linter
	@ruff check
	@mypy
	@lint-imports --no-logo

.PHONY: lint-contracts
lint-contracts: setup ## solhint, and Slither against the answers in .slither-answers.json
	@solhint --disc --noPoster --max-warnings 0 'contracts/**/*.sol'
	@python scripts/toolchain/slither_check.py

.PHONY: lint-frontend
lint-frontend: setup ## eslint and the TypeScript compiler
	@npm run lint --workspace frontend

# What a call costs is a promise like any other: a test fixes it, and a change of it is seen in review.
.PHONY: gas
gas: setup ## compare gas with forge-test/snapshots
	@FORGE_SNAPSHOT_CHECK=true forge test --isolate --match-contract Gas

.PHONY: gas-update
gas-update: setup ## write forge-test/snapshots anew
	@FORGE_SNAPSHOT_EMIT=true forge test --isolate --match-contract Gas

.PHONY: coverage
coverage: setup ## line coverage of contracts/ by Forge's tests; under 95 % fails
	@mkdir -p .cache
	@FOUNDRY_PROFILE=coverage forge coverage --report lcov --report-file .cache/lcov.info
	@python scripts/toolchain/coverage_gate.py .cache/lcov.info --minimum 95

.PHONY: bench
bench: compile ## our figures beside those of what else one would pick
	@python -m benchmarks

# npm drops platform packages its registry does not offer, and then `npm ci` refuses the lock: after raising
# Foundry, see that package-lock.json still lists @foundry-rs/* for every platform.
.PHONY: lock
lock: setup ## after a change of dependencies: constraints.txt and package-lock.json anew
	@python scripts/toolchain/lock.py
	@npm install --package-lock-only

.PHONY: env
env: ## for a shell without make: eval "$(make env)"
	@echo 'export PATH="$(PATH)" SOLCX_BINARY_PATH="$(SOLCX_BINARY_PATH)" APE_DATA_FOLDER="$(APE_DATA_FOLDER)" ETH_HASH_BACKEND=$(ETH_HASH_BACKEND) CHROMIUM="$(CHROMIUM)"'

.PHONY: clean
clean: ## remove what was built and cached, not what was installed nor the microgrid's state
	@rm -rf .build .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache frontend/dist
	@find backend devices scripts tests -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
