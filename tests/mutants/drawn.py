"""Mistakes drawn by rule from all rooms in turn; the same for the same seed and tree."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.alike import changes_nothing
from tests.mutants.operators import Edit, edits
from tests.mutants.rooms import ROOMS, files_of


@dataclass(frozen=True)
class Drawn:
    """A mistake that a rule makes at one place of a file."""

    file: str
    edit: Edit
    tests: tuple[str, ...]

    def applied(self, source: str) -> str:
        return self.edit.applied(source)


def draw(root: Path, count: int, seed: int) -> list[Drawn]:
    """``count`` different mistakes: every room in turn, each time by another rule.

    Within a room the rule is drawn first, so that the many numbers of a module do not outweigh the rest.
    """
    rng = random.Random(seed)
    left = {name: _by_rule(root, name) for name in ROOMS}
    drawn: list[Drawn] = []
    while len(drawn) < count and any(left.values()):
        for name in rng.sample(sorted(left), len(left)):
            if not left[name] or len(drawn) == count:
                continue
            rule = rng.choice(sorted(left[name]))
            places = left[name][rule]
            drawn.append(places.pop(rng.randrange(len(places))))
            if not places:
                del left[name][rule]
    return drawn


def _by_rule(root: Path, name: str) -> dict[str, list[Drawn]]:
    found: dict[str, list[Drawn]] = {}
    for file in files_of(root, name):
        source = (root / file).read_text("utf-8")
        lines = source.splitlines()
        for edit in edits(source):
            if changes_nothing(file, lines[source.encode()[: edit.start].count(b"\n")]):
                continue
            found.setdefault(edit.rule, []).append(Drawn(file, edit, ROOMS[name].tests))
    return found
