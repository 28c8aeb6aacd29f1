# make quickstart   sets up .venv and trains a conditional GAN on the embedded digits
# make test         sets up .venv and runs the linters and the tests
PYTHON ?= python3
VENV ?= .venv
WORKDIR ?= runs/quickstart
PY = $(VENV)/bin/python

.PHONY: quickstart test lint clean

quickstart: $(VENV)/.ready
	$(PY) main.py --config=configs/cgan_digits.py --workdir=$(WORKDIR)

test: $(VENV)/.ready-to-test lint
	$(PY) -m pytest -n 2 --dist worksteal

lint: $(VENV)/.ready-to-test
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

# Its Python is there before its pip is: only the stamp says that nobody interrupted this.
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "error: gan_jax needs Python 3.11 or newer: make PYTHON=python3.12 ..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.ready: $(VENV)/.made requirements.txt
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/.ready-to-test: $(VENV)/.ready pyproject.toml
	$(PY) -m pip install --quiet --disable-pip-version-check -e '.[test,lint]'
	touch $@

clean:
	rm -rf $(VENV)
