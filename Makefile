# The same five verbs everywhere: run, test, check, bench, docs (and demo to look at it, lock to move versions).
PYTHON ?= python3
BIN := .venv/bin
export FRONTDESK_DATA ?= var

.PHONY: run demo test check bench docs lock clean

run: .venv/.run $(FRONTDESK_DATA)/telegram-secret
	@TELEGRAM_SECRET="$${TELEGRAM_SECRET:-$$(cat $(FRONTDESK_DATA)/telegram-secret)}" exec $(BIN)/python worker.py run

demo: .venv/.run $(FRONTDESK_DATA)/telegram-secret
	@TELEGRAM_SECRET="$${TELEGRAM_SECRET:-$$(cat $(FRONTDESK_DATA)/telegram-secret)}" exec $(BIN)/python -m commands.demo

test: .venv/.dev
	$(BIN)/python -m pytest $(ARGS)

check: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: .venv/.dev
	$(BIN)/python -m benchmarks

docs: .venv/.dev
	$(BIN)/python -m pytest tests/test_docs.py $(ARGS)

lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	  --group build pyproject.toml -o requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	  --group build --group dev -c requirements.lock pyproject.toml -o requirements-dev.lock

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis

# The desk's Telegram secret for this machine, made once and never in the repository.
$(FRONTDESK_DATA)/telegram-secret:
	@mkdir -p $(FRONTDESK_DATA)
	@umask 077 && $(PYTHON) -c 'import secrets; print(secrets.token_urlsafe(32))' > $@

.venv/.made:
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 15) else "Frontdesk needs Python 3.11 to 3.14, and $(PYTHON) is %d.%d. Try: make PYTHON=python3.11 $(MAKECMDGOALS)" % sys.version_info[:2])'
	$(PYTHON) -m venv .venv
	@touch $@

.venv/.run: .venv/.made requirements.lock pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: .venv/.run requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@
