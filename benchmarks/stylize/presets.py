"""Our presets, whole but for the longest: how long, how soon there is something to see, memory, quality."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.stylize import gauges
from benchmarks.stylize.gauges import Breakdown, Memory
from benchmarks.stylize.subject import PROMPT, Subject
from ft2os import looks, render
from ft2os.errors import MissingError
from ft2os.render import linear
from ft2os.stylize import Progress, StylizeResult, stylize
from ft2os.stylize.framing import crop_to_object
from ft2os.stylize.methods import METHODS

LOOP = ("clip", "paper")  # the baseline, which `benchmarks.stylize.paper` measures
ALL = tuple(
    (method.name, preset.name)
    for method in METHODS.values()
    for preset in method.presets
    if (method.name, preset.name) != LOOP
)
LONG_S = 90.0  # what is expected to take longer is measured over a few of its steps
SHORTENED = {
    (method, preset): 16 for method, preset in ALL if METHODS[method].preset(preset).seconds > LONG_S
}
"""Steps measured of presets that take minutes, unless one asks for them by name."""


class Watch:
    """A run's ``progress``: when the first picture came, and when its steps did."""

    def __init__(self, breakdown: Breakdown | None = None) -> None:
        self._started, self._breakdown = gauges.now(), breakdown
        self.first_picture: float | None = None
        self.stage = ""
        self.times: list[float] = []

    def __call__(self, progress: Progress) -> None:
        # While CLIP ranks materials one still sees the original, which is no picture of the result.
        styled = progress.preview is not None and progress.stage != "rank"
        if styled and self.first_picture is None:
            self.first_picture = gauges.now() - self._started
        if progress.loss is None:
            return
        self.stage = self.stage or progress.stage
        if progress.stage == self.stage:  # the first stage that judges; others take steps of another cost
            self.times.append(gauges.now())
            if self._breakdown:
                self._breakdown.step()

    def row(self) -> dict:
        """Steps a second, over all but the first, which nothing marks the start of."""
        steps = len(self.times) - 1
        pace = steps / (self.times[-1] - self.times[0]) if steps > 0 else None
        return {"first_picture_seconds": self.first_picture, "steps_per_second": pace}


def warm_up(subject: Subject) -> None:
    """Compile or load the kernels and let the judge look once, so that no preset pays for the others."""
    few = {"views": 6, "pixels": 64, "limit": 1000, "iterations": 2}
    stylize(subject.request("material", "draft", overrides=few))
    steps = {"steps": 1, "candidates": 1, "views": 1, "surface_views": 6, "surface_pixels": 64}
    stylize(subject.request("clip", "draft", overrides=steps))


def measure(subject: Subject, method: str, preset: str, steps: int | None = None) -> dict:
    """One preset run whole, or over so many of its ``steps`` and extrapolated; or why it was not run."""
    row = {"method": method, "preset": preset, "extrapolated": False}
    fewer = {"steps": steps} if steps else {}
    pictured = METHODS[method].takes.picture == "needed"
    style = style_image() if pictured else None
    if pictured and style is None:
        return row | {"skipped": "no style image: FT2OS_TEST_DATA names no folder with one"}
    try:
        with Memory() as memory:
            watch, start = Watch(), gauges.now()
            request = subject.request(method, preset, style_image=style, overrides=fewer)
            result = stylize(request, progress=watch)
            seconds = gauges.now() - start
    except MissingError as error:
        return row | {"skipped": error.message}
    stats = result.stats
    row |= {"seconds": seconds, **watch.row(), **memory.row()}
    row |= {name: stats.get(name) for name in ("judged_views", "gaussians", "memory")}
    row["steps"] = stats.get("steps") or len(stats.get("losses") or ())
    row |= {name: stats.get(name) for name in ("loss_first", "loss_last")}
    row["stages"] = stats.get("stages") or stats.get("seconds")
    judged, pace = stats.get("judged_views"), row["steps_per_second"]
    row["seconds_judged_view"] = stats["steps"] / pace / judged if judged and pace else None
    if steps and pace:
        return row | _extrapolated(row, subject.whole_steps(method, preset))
    return row | (score(subject, result) if subject.real else {})


def _extrapolated(row: dict, steps: int) -> dict:
    """The row of a run with all its steps: those that were left out take as long as those that were not."""
    return {
        "extrapolated": True,
        "steps_measured": row["steps"],
        "seconds_measured": row["seconds"],
        "steps": steps,
        "judged_views": row["judged_views"] * steps // row["steps"],
        "seconds": row["seconds"] + (steps - row["steps"]) / row["steps_per_second"],
    }


def breakdown(subject: Subject, steps: int) -> dict:
    """Where the time of a CLIP Standard's steps goes, over a run with fewer of them."""
    drawing = [(linear, "apply"), (render, "rasterize")]
    with Breakdown(subject.judge.model.visual, drawing) as found:
        overrides = {"steps": steps + 1, "candidates": 1}
        stylize(subject.request("clip", "standard", overrides=overrides), progress=Watch(found))
    return found.row()


def style_image() -> Path | None:
    """A picture to take a style from, out of the test data."""
    folder = Path(os.environ.get("FT2OS_TEST_DATA", "")) / "style_images"
    return min(folder.glob("*.jpg"), default=None)


def score(subject: Subject, result: StylizeResult) -> dict:
    """What a CLIP that did not guide says of the result; null with the reason where there is none."""
    from ft2os.evaluate import text, views

    objects = (subject.target, looks.apply(subject.target, result.look, 1.0))
    cameras, _ = views.choose(subject.target, subject.cameras, 8)
    windows = []
    for camera in cameras:
        window = crop_to_object(subject.target, camera, views.WINDOW)
        if window is not None:
            (a, cover_a, far_a), (b, cover_b, far_b) = (views.draw(g, window, views.GREY) for g in objects)
            windows.append(views.Drawn(window, a, b, cover_a, cover_b, far_a, far_b))
    noun = subject.scene.group_name(subject.group)
    return {"score": text.measure(windows, PROMPT, noun, guide=subject.judge.name)}
