# The commands of the README. Nothing here needs more than make, Python 3.11 and a package registry.
#
#   make demo           a stylized object, rendered by Blender through our extension: out/demo/after.png
#   make test           the tests, Blender 4.5 included
#   make test-blender   the Blender tests on 4.2, 4.5 and 5.0, each in an environment of its own
#   make test-window    tests in a real window, with mouse and keys: WINDOW=a folder with Blender, or BLENDER=a program
#   make test-gpu       on a machine with an NVIDIA GPU: its tests against the CPU, its benchmarks; out/gpu.md
#   make extension      dist/ft2os_blender-<version>.zip
#   make release        dist/: the zip, the wheel, an index for Blender, checksums; twice made, the same bytes
#   make demo-scene     model, render and train the demo scene again (about half an hour on two cores)
#   make gallery        docs/gallery: prompts × objects, before and after (about ten minutes on two cores)
#   make fuzz           2,000 damaged files for every reader of files
#   make mutants        do the tests notice? some 140 deliberate mistakes, at most half an hour: SEED=1 draws others
#   make lint           ruff, and pyright over backend/ft2os (a minute)
#   make constraints    constraints.txt again, from what .venv holds: after `make clean` and `make CONSTRAINTS= test`
#   make clean          everything that make made, environments included

PYTHON ?= python3.11
PROMPT ?= lava
GROUP ?= truck
SEED ?= 0
BLENDERS ?= 4.2 4.5 5.0
# The tested versions of all that .venv holds; empty for whatever is newest.
CONSTRAINTS ?= constraints.txt

# torch and numba each bring an OpenMP runtime; passive waiting keeps them from spinning against each other.
export OMP_WAIT_POLICY := PASSIVE

VENV := .venv/bin/python
VERSION := $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' backend/ft2os/__init__.py)
SPLAT_TRANSFORM := $(if $(shell command -v npm),build/splat-transform/.installed)
ZIP := dist/ft2os_blender-$(VERSION).zip
ZIP_SOURCES := $(shell find ft2os_blender backend/ft2os -type f -not -path '*/__pycache__/*' 2>/dev/null) \
               blender_manifest.toml pyproject.toml constraints.txt scripts/build_extension.py LICENSE

.PHONY: demo test test-backend test-blender test-window test-gpu extension release demo-scene gallery fuzz \
        mutants lint constraints clean
.SECONDARY:

demo: .venv/.installed .venv-blender/.installed $(ZIP)
	@.venv-blender/bin/python scripts/demo.py --zip $(ZIP) --backend $(VENV) --out out/demo \
		--prompt "$(PROMPT)" --group "$(GROUP)" --seed $(SEED)

test: lint test-backend $(ZIP)
	.venv-blender/bin/python -m pytest tests/blender

# Blender's packager makes the zip that one of these tests packs.
test-backend: .venv/.installed .venv-blender/.installed $(SPLAT_TRANSFORM)
	$(VENV) -m pytest --ignore=tests/blender

# 4.5 has the plain name because `make demo` uses it; the others are made only when this is asked for.
test-blender: .venv/.installed $(foreach v,$(filter-out 4.5,$(BLENDERS)),.venv-blender-$(v)/.installed) \
              .venv-blender/.installed $(ZIP)
	@for v in $(BLENDERS); do \
		venv=.venv-blender-$$v; [ $$v = 4.5 ] && venv=.venv-blender; \
		echo "== Blender $$v"; $$venv/bin/python -m pytest tests/blender || exit 1; \
	done

# Run by hand: it needs a screen, or root and a folder that holds a Debian with Blender and Xvfb.
test-window: .venv/.installed $(ZIP)
	WINDOW="$(if $(WINDOW),$(abspath $(WINDOW)))" BLENDER="$(BLENDER)" $(VENV) -m pytest tests/window

# The check comes before anything is installed.
test-gpu:
	@$(PYTHON) scripts/gpu_report.py --check
	@$(MAKE) --no-print-directory .venv/.installed
	$(VENV) -m pip install --quiet --editable '.[dev,cuda]' $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS))
	$(VENV) scripts/gpu_report.py

extension: $(ZIP)

$(ZIP): .venv/.installed .venv-blender/.installed $(ZIP_SOURCES)
	$(VENV) scripts/build_extension.py --blender-python .venv-blender/bin/python --out $@

release: $(ZIP)
	$(VENV) scripts/release.py --zip $(ZIP) --blender-python .venv-blender/bin/python

demo-scene: .venv/.installed .venv-blender/.installed
	scripts/demo_scene/run.sh

gallery: .venv/.installed
	$(VENV) -m scripts.gallery

# 2,000 damaged files of every format; `make test` reads 200 of each.
fuzz: .venv/.installed
	$(VENV) -m tests.formats.fuzz --count 2000

# Two at a time in copies of the tree; Blender's tests judge some of them.
mutants: .venv/.installed .venv-blender/.installed
	$(VENV) -m tests.mutants --seed "$(SEED)"

lint: .venv/.installed
	$(VENV) -m ruff check .
	$(VENV) -m ruff format --check .
	$(VENV) -m pyright

constraints:
	@{ echo "# The versions that the tests ran with, for Python 3.11 on Linux x86-64. Made by \`make constraints\`."; \
		$(VENV) -m pip list --format=freeze --exclude ft2os --exclude pip | sed 's/+.*//'; } > constraints.txt

.venv/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "ft2os needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "== Installing the backend into .venv (about 2 GB, a few minutes the first time)"
	$(PYTHON) -m venv .venv
	$(VENV) -m pip install --quiet --upgrade pip
	$(VENV) -m pip install --quiet --editable '.[dev]' $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS))
	$(VENV) -m ft2os.warm
	@touch $@

# A second reader and writer of every format, for the tests; without npm or its registry they skip. It wants
# Node 22, which the package `node` brings: an older one would get an older splat-transform.
build/splat-transform/.installed:
	@echo "== Installing splat-transform for the tests of the formats"
	@mkdir -p $(@D) && echo '{"private": true}' > $(@D)/package.json
	-@cd $(@D) && npm install --silent --no-audit --no-fund node@22 && \
		PATH="$$PWD/node_modules/.bin:$$PATH" npm install --silent --no-audit --no-fund \
		@playcanvas/splat-transform@3.7 && touch .installed

# Each of these holds one bpy and the test runner, nothing of ours: as in an artist's Blender.
.venv-blender/.installed: scripts/system_libraries.sh
	@$(MAKE) --no-print-directory blender-venv DIR=.venv-blender BPY=4.5
.venv-blender-%/.installed: scripts/system_libraries.sh
	@$(MAKE) --no-print-directory blender-venv DIR=.venv-blender-$* BPY=$*

.PHONY: blender-venv
blender-venv:
	@echo "== Installing Blender $(BPY) into $(DIR)"
	$(PYTHON) -m venv $(DIR)
	$(DIR)/bin/python -m pip install --quiet 'bpy==$(BPY).*' 'pytest>=8' 'pytest-timeout>=2.3'
	scripts/system_libraries.sh $(DIR)/bin/python
	@touch $(DIR)/.installed

clean:
	rm -rf .venv .venv-blender .venv-blender-* build dist out
