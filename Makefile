# `make run` needs make and any Python; bootstrap.py finds one that fits and makes .venv.
PORT ?= 8000
HOST ?= 127.0.0.1
ARGS ?=
TESTS ?=
BIN := .venv/bin

# Somewhere there is a Python that can run bootstrap.py, also where only a version manager has one.
define bootstrap
@for python in .venv/bin/python "$$PYTHON" python3 python3.13 python3.14 python3.12 python /usr/bin/python3 \
  "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/*/bin/python3 "$${ASDF_DATA_DIR:-$$HOME/.asdf}"/installs/python/*/bin/python3 \
  "$$HOME"/.local/share/mise/installs/python/*/bin/python3 "$$HOME"/.local/share/uv/python/*/bin/python3; do \
  if [ -n "$$python" ] && "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 6))' >/dev/null 2>&1; then \
    exec "$$python" bootstrap.py $(1); \
  fi; \
done; \
if command -v uv >/dev/null 2>&1; then exec uv run --quiet --no-project --python 3.13 bootstrap.py $(1); fi; \
echo "No Python found. Install Python 3.13, or name one: make $@ PYTHON=/path/to/python3.13" >&2; exit 1
endef

.PHONY: help install run test check format bench docs faults

help:
	@echo "make run       start everything (PORT=8001 for another port); Ctrl-C stops it"
	@echo "make test      all tests (TESTS=tests/core for some of them)"
	@echo "make check     format, lint, types, import contracts, migrations, deployment settings"
	@echo "make format    put the code into shape"
	@echo "make bench     the measurements"
	@echo "make faults    processes and servers killed in the middle of work"
	@echo "make docs      the hook reference and the list of public names, from the code; var/openapi.yaml"
	@echo "make install   .venv with the runtime's requirements only"

install:
	$(call bootstrap,requirements.txt)

.venv/development:
	$(call bootstrap,requirements-dev.txt)
.PHONY: .venv/development

run: install
	@exec $(BIN)/python manage.py up --host "$(HOST)" --port "$(PORT)" $(ARGS)

test: .venv/development
	$(BIN)/python -m pytest -n auto --dist loadscope --no-loadscope-reorder $(ARGS) $(TESTS)

# Needs no server: these commands look at the code and the settings only.
check docs: export TENANTRY_ENV_FILE = -
check docs: export DEBUG = false
check docs: export DATABASE_URL = postgres://nobody@127.0.0.1:1/none
check docs: export DATABASE_OWNER_URL = postgres://nobody@127.0.0.1:1/none
check docs: export REDIS_URL = redis://127.0.0.1:1/0
check docs: export MASTER_KEYS = check:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
check docs: export SECRET_KEY = only-for-make-check-which-serves-nobody-0123456789-abcdefghijklmnopqrstuvwxyz
check: .venv/development
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python -W "ignore:Got an error checking a consistent migration history" manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py check --deploy --fail-level WARNING

format: .venv/development
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/development
	$(BIN)/python -m benchmarks $(ARGS)

faults: .venv/development
	$(BIN)/python -m pytest $(ARGS) tests/faults

docs: .venv/development
	$(BIN)/python manage.py spectacular --validate --fail-on-warn --file var/openapi.yaml
	$(BIN)/python manage.py hook_reference docs/plugins/hooks.md
	$(BIN)/python manage.py sdk_names docs/reference/sdk.txt
