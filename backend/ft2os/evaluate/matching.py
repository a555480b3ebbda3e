"""Which Gaussians are the object before and after, and which of the others were left as they are, to the bit.

The object is one group, and Gaussians that a method adds carry the group of the ones they stand for. All the
others are compared by their raw columns wherever both files have them: activated values would hide a bit that
rounding swallows.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from ft2os.errors import RequestError
from ft2os.formats import Scene
from ft2os.formats.columns import REQUIRED
from ft2os.gaussians import Gaussians, Source, with_degree

ALL = "all"


@dataclass(frozen=True)
class Pair:
    """Two scenes that differ in one object.

    Parameters
    ----------
    before, after : Gaussians
        The whole scenes.
    inside_before, inside_after : ndarray, bool, [N], [M]
        The object's rows.
    name : str
        The group's name, ``"all"`` for the whole scene.
    group : int or None
        Its id in BEFORE.
    changed : int
        Gaussians outside the object whose bits AFTER does not have.
    added : int
        How many more there are outside the object in AFTER.
    changed_groups : dict of str to int
        The changed ones by the name of their group.
    note : str
        How the object was found in AFTER, where that was not by its group.
    """

    before: Gaussians
    after: Gaussians
    inside_before: np.ndarray
    inside_after: np.ndarray
    name: str
    group: int | None
    changed: int
    added: int
    changed_groups: dict[str, int] = field(default_factory=dict)
    note: str = ""

    @property
    def objects(self) -> tuple[Gaussians, Gaussians]:
        """The object alone, before and after."""
        return self.before.subset(self.inside_before), self.after.subset(self.inside_after)


def match(before: Scene, after: Scene, group: str) -> Pair:
    """Find the object in both scenes.

    Parameters
    ----------
    before, after : Scene
    group : str
        An id or a name in BEFORE, or "all".

    Raises
    ------
    RequestError
        If BEFORE has no such group, or nothing in AFTER can be the object.
    """
    a, b = before.gaussians, after.gaussians
    if group.strip().casefold() == ALL:
        return Pair(a, b, np.ones(len(a), bool), np.ones(len(b), bool), ALL, None, 0, 0)
    group_id = before.resolve_group(group)
    inside = before.mask(group_id)
    kept = _rows(a, b)
    note, inside_after = "", after.mask(group_id)
    if b.group is None:  # another tool's file: the object is whatever the surroundings do not hold
        inside_after = ~_found_in(kept[1], kept[0][~inside])
        note = "AFTER has no groups: its object is every Gaussian that is not one of BEFORE's others."
    if not inside_after.any():
        raise RequestError(
            f"AFTER has no Gaussians of the group {before.group_name(group_id)!r}.",
            "Name the file that was made from BEFORE, with its groups.",
        )
    lost = np.flatnonzero(~inside)[~_found_in(kept[0][~inside], kept[1][~inside_after])]
    ids, counts = np.unique(a.group[lost] if a.group is not None else lost * 0 - 1, return_counts=True)
    groups = {before.group_name(int(i)): int(n) for i, n in zip(ids, counts)}
    added = int((~inside_after).sum() - (~inside).sum())
    name = before.group_name(group_id)
    return Pair(a, b, inside, inside_after, name, group_id, len(lost), added, groups, note)


def _rows(a: Gaussians, b: Gaussians) -> tuple[np.ndarray, np.ndarray]:
    """One value for each Gaussian of both sets, equal only where all bits are.  [N] and [M] void"""
    one, other = _raw(a), _raw(b)
    if one is not None and other is not None:
        # A new "group" column changes nothing that shows, and the group has said its part already.
        names = [n for n in one.names if n in other.names and n != "group"]
        columns = [[file.columns[n][g.row] for n in names] for file, g in ((one, a), (other, b))]
    else:
        degree = max(a.degree, b.degree)
        columns = [[g.means, g.quats, g.scales, g.opacities, with_degree(g.sh, degree)] for g in (a, b)]
    return _packed(columns[0]), _packed(columns[1])


def _raw(g: Gaussians) -> Source | None:
    """The file, if its raw rows are those of a PLY, whose columns have the same meaning in every file."""
    if g.source is None or g.row is None or not (g.row >= 0).all():
        return None
    return g.source if set(REQUIRED) <= set(g.source.names) else None


def _packed(columns: list[np.ndarray]) -> np.ndarray:
    """Columns as one opaque value a row, in the machine's own byte order.  [N] void"""
    flat = [np.ascontiguousarray(c, c.dtype.newbyteorder("=")).reshape(len(c), -1) for c in columns]
    rows = np.concatenate([c.view(np.uint8).reshape(len(c), -1) for c in flat], axis=1)
    return np.ascontiguousarray(rows).view(np.dtype((np.void, rows.shape[1]))).ravel()


def _found_in(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """True for each row that ``others`` has too, as often as it occurs there; order plays no part.  [N]"""
    both = min(len(rows), len(others))
    found = np.zeros(len(rows), bool)
    found[:both] = rows[:both] == others[:both]  # mostly all of them; the rest is looked up one by one
    left = Counter(others[np.concatenate([~found[:both], np.ones(len(others) - both, bool)])].tolist())
    for i in np.flatnonzero(~found):
        row = rows[i].tobytes()
        if left[row]:
            left[row] -= 1
            found[i] = True
    return found
