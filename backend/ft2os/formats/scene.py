"""A scene as a file or folder holds it: the Gaussians, the names of their groups, the cameras."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ft2os.cameras.camera import Camera
from ft2os.errors import RequestError
from ft2os.gaussians import Gaussians

UNASSIGNED = -1
_UNASSIGNED_NAMES = ("unassigned", "rest")


@dataclass(frozen=True)
class Scene:
    """What `load_scene` returns.

    Parameters
    ----------
    gaussians : Gaussians
        All of them, in file order.
    labels : dict of int to str
        Names of group ids, as far as they are known.
    cameras : list of Camera
        The capture's cameras, empty where none were found.
    path : Path
        The file that holds the Gaussians.
    format : str
        Name of the file's format, see ``registry.FORMATS``, or ``grouping.NAME``.
    settings : dict
        The training's settings (``cfg_args``), empty where none were found.
    """

    gaussians: Gaussians
    labels: dict[int, str] = field(default_factory=dict)
    cameras: list[Camera] = field(default_factory=list)
    path: Path = Path()
    format: str = "ply"
    settings: dict[str, object] = field(default_factory=dict)

    def group_ids(self) -> list[int]:
        """Ids that at least one Gaussian has, ascending, without −1 (unassigned)."""
        if self.gaussians.group is None:
            return []
        return [int(i) for i in np.unique(self.gaussians.group) if i != UNASSIGNED]

    def group_name(self, group_id: int) -> str:
        """The group's label, or ``"group <id>"`` where it has none."""
        if group_id == UNASSIGNED:
            return _UNASSIGNED_NAMES[0]
        return self.labels.get(group_id) or f"group {group_id}"

    def resolve_group(self, text: str) -> int:
        """The id that ``text`` means: an id, a name, or a part of exactly one name (case does not matter).

        Raises
        ------
        RequestError
            If no group or more than one answers to it; the hint lists the groups there are.
        """
        wanted = str(text).strip().casefold()
        ids = self.group_ids()
        names = {i: self.group_name(i).casefold() for i in ids}
        if wanted in {"-1", *_UNASSIGNED_NAMES} and self.mask(UNASSIGNED).any():
            return UNASSIGNED
        for found in (
            [i for i in ids if str(i) == wanted],
            [i for i in ids if names[i] == wanted],
            [i for i in ids if wanted and wanted in names[i]],
        ):
            if len(found) == 1:
                return found[0]
            if found:
                raise RequestError(f"More than one group is called {text!r}.", self._known(found))
        if not ids:
            raise RequestError(
                f"There is no group {text!r}: the scene has no groups.", "Use the group 'all'."
            )
        raise RequestError(f"There is no group {text!r} in this scene.", self._known(ids))

    def mask(self, group_id: int) -> np.ndarray:
        """True for the Gaussians of a group; −1 means those of none.  [N] bool"""
        if self.gaussians.group is None:
            return np.full(len(self.gaussians), group_id == UNASSIGNED)
        return self.gaussians.group == group_id

    def _known(self, ids: list[int]) -> str:
        listed = ", ".join(f"{i} ({self.group_name(i)})" for i in ids[:20])
        return f"Known groups: {listed}{', …' if len(ids) > 20 else ''}."
