# The commands of the project. `make run` and `make demo` need Python >= 3.11 and nothing else.
PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run demo scale test bench check clean

run: $(VENV)/installed
	@exec $(BIN)/python manage.py serve --port $(or $(PORT),8000)

demo: $(VENV)/installed
	@exec $(BIN)/python manage.py serve --port $(or $(PORT),8000) --demo

scale: $(VENV)/installed-tests
	@exec $(BIN)/python -m tests.scale --port $(or $(PORT),8000)

test: $(VENV)/installed-tests
	$(BIN)/python -X dev -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

bench: $(VENV)/installed-tests
	$(BIN)/python -m tests.benchmarks

check: $(VENV)/installed-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/python manage.py makemigrations --check --dry-run

clean:
	rm -rf $(VENV) var

# A stamp newer than the requirements: the second start installs nothing.
$(VENV)/installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "bidiq precisa de Python 3.11 ou mais novo ($(PYTHON))"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Instalando as dependências (só na primeira vez)…"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/installed-tests: tests/requirements.txt $(VENV)/installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	@touch $@
