"""Evaluation: what a stylization did, measured by what had no part in making it.

``evaluate`` takes a scene before and after and gives one report: plain values for JSON, and the pictures for
a page. Each measure is a module of its own; ``rows`` says what the numbers mean, ``table`` and ``page`` lay
them out. What cannot be measured on this machine is null beside its reason, never a guess.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from ft2os import prompts
from ft2os.cameras import Camera
from ft2os.errors import RequestError
from ft2os.evaluate import consistency, gaussians, likeness, preservation, record, spill, text, views
from ft2os.evaluate.matching import ALL, Pair, match
from ft2os.evaluate.record import Record
from ft2os.evaluate.views import Drawn, Tick
from ft2os.formats import Scene
from ft2os.process import peak_memory

VERSION = 1
VIEWS = 12


@dataclass(frozen=True)
class EvaluationRequest:
    """What to evaluate.

    Parameters
    ----------
    group : str
        The object: an id or a name in BEFORE, or "all".
    prompt : str
        The look that was asked for; empty: what the run's record says.
    source : str
        What the object was, in words; empty: its group's name.
    judge : (model, pretrained)
        As ``clip_judge.load`` takes them; both None: a second CLIP that is on this machine.
    cameras : list of Camera, optional
        Instead of BEFORE's own.
    views : int
        How many of them.
    """

    group: str
    prompt: str = ""
    source: str = ""
    judge: tuple[str | None, str | None] = (None, None)
    cameras: list[Camera] | None = None
    views: int = VIEWS


@dataclass(frozen=True)
class Evaluation:
    """The answer: ``report`` holds JSON values; the pictures and the run's record are for the page."""

    report: dict
    pair: Pair
    drawn: list[Drawn] = field(default_factory=list)
    record: Record | None = None


def evaluate(before: Scene, after: Scene, request: EvaluationRequest, tick: Tick | None = None) -> Evaluation:
    """Measure what changed between two scenes.

    Parameters
    ----------
    before, after : Scene
    request : EvaluationRequest
    tick : callable, optional
        Called as ``tick(stage, step, total)``.

    Returns
    -------
    Evaluation

    Raises
    ------
    RequestError
        If the group does not exist, nobody says what the prompt was, or the judge cannot be used.
    """
    started = time.perf_counter()
    tick = tick or (lambda stage, step, total: None)
    both = match(before, after, request.group)
    run = record.read(record.beside(after.path), both.name)
    prompt = prompts.checked(request.prompt or (run.prompt if run else ""))
    if not prompt:
        raise RequestError("The prompt is empty.", "Say with --prompt what the object should have become.")
    source = prompts.checked(request.source, "source") or (run.source if run else "") or _noun(both, before)
    objects = both.objects
    cameras, kind = views.choose(
        objects[0], before.cameras if request.cameras is None else request.cameras, request.views
    )
    white = before.settings.get("white_background") is True
    drawn = views.scenes(both, cameras, tick, background=float(white))
    windows = views.windows(both, cameras, tick)
    moved = consistency.measure(*objects, cameras, tick)
    tick("asking the networks", 0, 1)
    guide = run.guide if run else ""
    report = {
        "format": "ft2os-evaluation",
        "version": VERSION,
        "before": str(before.path),
        "after": str(after.path),
        "group": {"id": both.group, "name": both.name, "note": both.note or None},
        "prompt": prompt,
        "source": source,
        "views": {"count": len(cameras), "kind": kind, "names": [c.name for c in cameras]},
        "text": text.measure(windows, prompt, source, judge=request.judge, guide=guide),
        "spill": spill.measure(drawn, both),
        "preservation": preservation.measure(windows) | likeness.measure(windows),
        "consistency": moved,
        "clipped": preservation.clipped(windows),
        "gaussians": {"before": gaussians.measure(objects[0]), "after": gaussians.measure(objects[1])},
        "run": _run_facts(run),
    }
    report["evaluation"] = {"seconds": time.perf_counter() - started, "peak_memory": peak_memory()}
    return Evaluation(report, both, drawn, run)


def _noun(both: Pair, before: Scene) -> str:
    """The object in words: its label, where it has one."""
    label = before.labels.get(both.group, "") if both.group is not None else ""
    if both.name == ALL or not label:
        return "an object"
    return f"{'an' if label[:1].casefold() in 'aeiou' else 'a'} {label}"


def _run_facts(run: Record | None) -> dict | None:
    """What the run's record says, without the curves."""
    if run is None:
        return None
    return {
        "method": run.method or None,
        "preset": run.preset or None,
        "seed": run.seed,
        "guide": run.guide or None,
        "seconds": run.seconds,
        "peak_memory": run.peak_memory,
        "steps": len(run.losses),
        "loss_first": run.losses[0] if run.losses else None,
        "loss_last": run.losses[-1] if run.losses else None,
    }
