"""The steps of CONTRIBUTING.md, applied to a copy of the tree.

A fence names what it holds: ``python PATH`` a file, ``diff PATH`` lines to replace, ``sh`` commands.
In a ``diff`` each run of lines that begin with ``-`` is replaced by the lines with ``+`` that follow it.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_FENCE = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.M | re.S)
_CHANGE = re.compile(r"((?:^-.*\n)+)((?:^\+.*\n)+)", re.M)
COPIED = ("backend", "ft2os_blender", "scripts", "tests", "benchmarks", "demo", "README.md", "LICENSE")
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.egg-info", "heldout")


def apply(tree: Path) -> list[str]:
    """Copy the repository to ``tree``, take every step in it; the commands to run there."""
    for path in [*map(ROOT.joinpath, COPIED), *ROOT.glob("*.toml"), *ROOT.glob("*.txt")]:
        if path.is_dir():
            shutil.copytree(path, tree / path.name, ignore=_LEFT_OUT)
        else:
            shutil.copy(path, tree)
    commands: list[str] = []
    for kind, path, body in _FENCE.findall((ROOT / "CONTRIBUTING.md").read_text("utf-8")):
        if kind == "sh":
            commands += body.splitlines()
        elif kind == "diff":
            _change(tree / path, body)
        else:
            assert not (tree / path).exists(), f"{path} is there already"
            (tree / path).parent.mkdir(exist_ok=True)
            (tree / path).write_text(body, "utf-8")
    return commands


def _change(path: Path, body: str) -> None:
    text = path.read_text("utf-8")
    changes = _CHANGE.findall(body)
    assert changes, f"nothing to change in {path.name}"
    for before, after in changes:
        old, new = (re.sub("^.", "", lines, flags=re.M).removesuffix("\n") for lines in (before, after))
        assert text.count(old) == 1, f"{path.name} has no single {old!r}"
        text = text.replace(old, new)
    path.write_text(text, "utf-8")
