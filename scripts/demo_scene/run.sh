#!/bin/sh
# Makes demo/scene again: models and renders in Blender's Python, trains and packs in the backend's.
set -eu
cd "$(dirname "$0")/../.."
exec "${VENV:-.venv}/bin/python" -m scripts.demo_scene "$@"
