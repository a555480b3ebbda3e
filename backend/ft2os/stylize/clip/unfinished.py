"""How far a run has come, for its checkpoint: the one thing of a run that changes as it goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ft2os.stylize.clip import checkpoint

Part = Callable[[], tuple[Mapping[str, Tensor], Mapping[str, Any]]]
"""Tensors by path and facts by name, as they are now."""


class Unfinished:
    """The parts of a checkpoint, each from the stage that it is of.

    Parameters
    ----------
    facts : Mapping
        What the checkpoint holds whatever the stage.
    """

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self._facts = dict(facts)
        self._parts: dict[str, Part] = {}

    def keep(self, stage: str, part: Part) -> None:
        """From now on the checkpoint holds this ``part`` of a stage."""
        self._parts[stage] = part

    def save(self, path: Path) -> None:
        """Write the checkpoint; nothing before a stage has anything to keep.

        Raises
        ------
        FileError
            If the file cannot be written.
        """
        if not self._parts:
            return
        tensors: dict[str, Tensor] = {}
        facts = dict(self._facts)
        for part in self._parts.values():
            more_tensors, more_facts = part()
            tensors |= more_tensors
            facts |= more_facts
        checkpoint.save(path, tensors, facts)
