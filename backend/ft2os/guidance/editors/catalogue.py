"""The editors of diffusers that are known, as data: a new model is a row of ``catalogue.json``.

Nothing in a row is invented: each number carries its source, and "unknown" is one. The standard library only,
so that a list of editors costs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ft2os.guidance.editors.door import Flags

SOURCES = ("card", "paper", "computed", "measured", "unknown")
MODES = ("full", "4bit", "offload")
HALF_BYTES, SINGLE_BYTES = 2, 4
_4BIT_BYTES = 0.5625  # four bits a weight, and two scales of 32 bits for each 64 weights, quantised again


@dataclass(frozen=True)
class Fact:
    """A number and where it is from; its value is None where the source is "unknown"."""

    value: float | None
    source: str


@dataclass(frozen=True)
class Licence:
    """What the weights may be used for; ``commercial`` is None where the page has to be read."""

    name: str
    commercial: bool | None
    gated: bool
    source: str

    @property
    def use(self) -> str:
        """Whether commercial use is allowed, in words."""
        return {True: "commercial use allowed", False: "no commercial use", None: "see its page"}[
            self.commercial
        ]


@dataclass(frozen=True)
class Row:
    """One editor of diffusers.

    Parameters
    ----------
    name, title : str
        For the command line, and for people.
    number : int
        What a .blend stores: from 10 up, never changed, never given again.
    pipeline : str
        The class of diffusers.
    latents : str
        How it lays out what it denoises: a key of `ft2os.guidance.editors.latents.LAYOUTS`.
    multiple, least : int
        Pixels that the picture's sides are multiples of, and at least have.
    hub : str
        "organisation/name" on the model hub.
    licence : Licence
    side, steps : Fact
        The picture's side in pixels that it was made for, and the steps of one edit.
    call : mapping
        Arguments that every call of the pipeline gets.
    guidance : mapping
        The argument that means "text" and the one that means "image" guidance, where there are such.
    scheduler : mapping
        What is changed in its scheduler's config; ``class`` exchanges the scheduler.
    lora : mapping, optional
        ``hub``, ``file`` and ``licence`` of weights that are fused into it.
    flags : Flags
    parameters : mapping
        Parameters of each part, counted in the real classes.
    large : tuple of str
        The parts that are worth keeping in four bits.
    download, memory, working : Fact
        Bytes to download; of GPU memory as published; that a call takes beside the weights.
    """

    name: str
    number: int
    title: str
    pipeline: str
    latents: str
    multiple: int
    least: int
    hub: str
    licence: Licence
    side: Fact
    steps: Fact
    call: Mapping[str, Any]
    guidance: Mapping[str, str]
    scheduler: Mapping[str, Any]
    lora: Mapping[str, str] | None
    flags: Flags
    parameters: Mapping[str, int]
    large: tuple[str, ...]
    download: Fact
    memory: Fact
    working: Fact

    @property
    def page(self) -> str:
        """The address where its licence stands and is accepted."""
        return f"https://huggingface.co/{self.hub}"

    @property
    def unet(self) -> bool:
        """Whether a UNet denoises: attention can be shared and noise fixed to the surface."""
        return self.latents == "unet"


@cache
def rows() -> Mapping[str, Row]:
    """The catalogue by name, the first choice first."""
    content = json.loads(Path(__file__).with_name("catalogue.json").read_text("utf-8"))
    return {row["name"]: _row(row) for row in content["rows"]}


def row_of_pipeline(pipeline: str) -> Row | None:
    """The first row of that class of diffusers."""
    return next((row for row in rows().values() if row.pipeline == pipeline), None)


def weights(parameters: Mapping[str, int], large: tuple[str, ...], mode: str, width: int = HALF_BYTES) -> int:
    """Bytes of the weights that lie on the device at once in one of `MODES`, each number ``width`` bytes."""
    if mode == "offload":  # one part after the other
        return max(parameters.values()) * width
    if mode == "4bit":
        sizes = {name: _4BIT_BYTES if name in large else width for name in parameters}
        return round(sum(count * sizes[name] for name, count in parameters.items()))
    return sum(parameters.values()) * width


def _row(content: Mapping[str, Any]) -> Row:
    facts = {name: Fact(**content[name]) for name in ("side", "steps", "download", "memory", "working")}
    made = {"licence": Licence(**content["licence"]), "flags": Flags(**content["flags"])}
    return Row(**{**content, **facts, **made, "large": tuple(content["large"])})
