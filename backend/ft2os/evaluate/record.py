"""What ``ft2os stylize`` wrote about its run, beside the scene. Optional, and not to be trusted.

A scene may come from anywhere and its record with it: sizes are bounded, types are checked, and what does not
fit is left out. Nothing is measured from it; it only tells the time that the run took and which CLIP guided.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field
from os.path import isfile
from pathlib import Path

from ft2os.errors import FileError
from ft2os.strict_json import read_json

log = logging.getLogger(__name__)

_MAX_STEPS = 200_000
_MAX_TERMS = 32
_MAX_TEXT = 500
_WHOLE = ("seconds", "peak_memory")  # of a run, not of one of its objects


@dataclass(frozen=True)
class Record:
    """The run, as far as it is known.

    ``seconds``, ``peak_memory`` (bytes), ``seed`` are None and the rest empty where the record does not say.
    ``guide`` is the name of the CLIP that guided; ``losses`` [steps] and the ``terms`` by name are numbers.
    """

    prompt: str = ""
    method: str = ""
    preset: str = ""
    guide: str = ""
    source: str = ""
    seed: int | None = None
    seconds: float | None = None
    peak_memory: float | None = None
    losses: list[float] = field(default_factory=list)
    terms: dict[str, list[float]] = field(default_factory=dict)


def beside(scene: Path) -> Path | None:
    """The record of a scene file, ``<name>.run.json``, with or without the scene's own ending; or None."""
    for name in (f"{scene.name}.run.json", f"{scene.stem}.run.json"):
        if isfile(scene.with_name(name)):
            return scene.with_name(name)
    return None


def read(path: Path | None, group: str = "") -> Record | None:
    """The record in a file; None, with a warning, where it is none.

    Of a run that styled several objects, it is that of the object whose group is called ``group``, with the
    time and the memory of the whole run.
    """
    if path is None:
        return None
    try:
        record = read_json(path)
        if not isinstance(record, dict):
            raise ValueError("it is not an object")
    except (FileError, ValueError) as error:
        log.warning("%s is left aside: %s", path.name, error)
        return None
    record = _of(record, group)
    terms = record.get("terms")
    return Record(
        **{name: _text(record.get(name)) for name in ("prompt", "method", "preset", "source")},
        guide=_guide(record),
        seed=record["seed"] if type(record.get("seed")) is int and abs(record["seed"]) < 1 << 63 else None,
        seconds=_number(record.get("seconds")),
        peak_memory=_number(record.get("peak_memory")),
        losses=_numbers(record.get("losses")),
        terms={
            _text(name): values
            for name, raw in list(terms.items() if isinstance(terms, dict) else ())[:_MAX_TERMS]
            if (values := _numbers(raw))
        },
    )


def _of(record: dict, group: str) -> dict:
    """What the record says of one object, figures included; of the whole run where it says nothing of it."""
    objects = record["objects"] if isinstance(record.get("objects"), list) else []
    of_object = next((o for o in objects if isinstance(o, dict) and o.get("group") == group), {})
    merged = {**record, **{name: value for name, value in of_object.items() if name not in _WHOLE}}
    stats = merged["stats"] if isinstance(merged.get("stats"), dict) else {}
    return {**stats, **merged, "source": stats.get("source")}  # beside the figures it is the scene's path


def _guide(record: dict) -> str:
    """Name of the CLIP that guided, from the run's figures or else its settings."""
    if isinstance(record.get("judge"), str):
        return _text(record["judge"])
    settings = record["settings"] if isinstance(record.get("settings"), dict) else {}
    words = [_text(settings.get(name)) for name in ("model", "pretrained")]
    return " ".join(words) if words[0] else ""


def _text(value: object) -> str:
    return value[:_MAX_TEXT] if isinstance(value, str) else ""


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:  # JSON's whole numbers have no end
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _numbers(values: object) -> list[float]:
    """The finite numbers of a list, none where it holds anything else."""
    if not isinstance(values, list) or len(values) > _MAX_STEPS:
        return []
    if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        return []
    try:
        return [float(v) for v in values if math.isfinite(v)]
    except OverflowError:
        return []
