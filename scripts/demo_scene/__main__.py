"""``python -m scripts.demo_scene``: every step of the demo scene, each in the Python that has what it needs.

Run it with the backend's Python from the repository's root; ``--blender-python`` names the one with bpy.
"""

from __future__ import annotations

import argparse
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

from scripts.demo_scene import layout

log = logging.getLogger("demo_scene")
STEPS = ("render", "train", "pack")


def main() -> int:
    """Runs the chosen steps in order; the exit code of the first that fails."""
    parser = argparse.ArgumentParser(prog="python -m scripts.demo_scene", description=__doc__)
    parser.add_argument("--blender-python", default=str(layout.ROOT / ".venv-blender" / "bin" / "python"))
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=list(STEPS))
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    layout.WORK.mkdir(parents=True, exist_ok=True)
    for step in options.steps:
        started = time.monotonic()
        code = _render(options.blender_python) if step == "render" else _run(sys.executable, step)
        if code:
            return code
        log.info("%s: %.0f s", step, time.monotonic() - started)
    return 0


def _run(python: str, step: str, **options) -> int:
    return subprocess.call([python, "-m", f"scripts.demo_scene.{step}"], cwd=layout.ROOT, **options)


def _render(python: str) -> int:
    """Blender's pages about every picture go to a file, our own lines (stderr) to the terminal."""
    user = layout.WORK / "blender"
    user.mkdir(exist_ok=True)
    with Path(layout.WORK / "blender.log").open("w") as blender:
        environment = {**os.environ, "BLENDER_USER_RESOURCES": str(user)}
        return _run(python, "render", stdout=blender, env=environment)


if __name__ == "__main__":
    sys.exit(main())
