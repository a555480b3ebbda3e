"""The method ``material``: the offline default, seconds on two cores, no weights and no network.

The prompt names a solid texture. The object is split so that it can carry one, looked at from all around, and
in every pixel painted: texture at the surface point, the object's own light and dark kept. One linear solve
then finds the colours that show those pictures. The preset ``high`` adds feature matching, where VGG16's
weights are on the machine: crisper, and some 12 s more on two cores.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from ft2os.cameras.camera import stack
from ft2os.errors import CancelledError, RequestError
from ft2os.gaussians import C0, Gaussians
from ft2os.looks import Look
from ft2os.materials import Material, match
from ft2os.stylize import Progress, StylizeRequest, StylizeResult, relief
from ft2os.stylize.floaters import substantial
from ft2os.stylize.measure import measure
from ft2os.stylize.split import split
from ft2os.stylize.survey import LUMA, Frame, Survey, cameras_around, frame_of, survey, visibility
from ft2os.tiles import render
from ft2os.tiles.solve import solve_colours, surface_weights

SETTINGS = {
    "views": 16,
    "pixels": 208,
    "largest": 0.006,  # longest axis after splitting, over the object's extent
    "limit": 72_000,  # Gaussians after splitting, or twice the object's own where that is more
    "scale": 1.15,  # the pattern's size
    "keep": None,  # 0..1 instead of the material's own
    "pull": 0.01,
    "iterations": 28,
    "refine": False,  # feature matching; wants torch and VGG16's weights
    "refine_steps": 40,
}
PRESETS = {
    "draft": {"views": 12, "pixels": 176, "limit": 40_000, "iterations": 14},
    "standard": {},
    "high": {"refine": True},
}
_LIMITS = {  # of what an override may be; whole numbers where the limits are
    "views": (1, 1000),
    "pixels": (16, 4096),
    "largest": (1e-4, 10.0),
    "limit": (1, 10_000_000),
    "scale": (0.01, 100.0),
    "keep": (0.0, 1.0),
    "pull": (0.0, 1e6),
    "iterations": (1, 10_000),
    "refine": (False, True),
    "refine_steps": (1, 100_000),
}
_SHARES = {"prepare": 1, "split": 4, "survey": 36, "paint": 24, "solve": 22, "match": 13, "refine": 160}
"""How long the stages take beside each other, measured; for the bar and the remaining time."""


def run(
    request: StylizeRequest,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> StylizeResult:
    """Give an object the material that the prompt names.

    Raises
    ------
    UnknownPromptError
        If it names none.
    RequestError
        If the preset, a setting or its value does not exist.
    CancelledError
        Between steps; with the draft once there is one.
    """
    settings = _settings(request)
    found = match(request.prompt, object_name=request.object_name)
    session = _Session(request, found.material, settings, progress, cancelled)
    session.words = {"material": found.material.name, "score": round(found.score, 3), "how": found.how}
    return session.run()


def _settings(request: StylizeRequest) -> dict:
    if request.preset not in PRESETS:
        raise RequestError(
            f"The material method has no preset {request.preset!r}.", f"Choose one of {', '.join(PRESETS)}."
        )
    unknown = set(request.overrides) - set(SETTINGS)
    if unknown:
        raise RequestError(
            f"The material method has no setting {sorted(unknown)[0]!r}.", f"It has {', '.join(SETTINGS)}."
        )
    for name, value in request.overrides.items():
        low, high = _LIMITS[name]
        kinds = (int, float) if isinstance(low, float) else (type(low),)
        unset = name == "keep" and value is None
        if not unset and not (type(value) in kinds and low <= value <= high):
            raise RequestError(f"The setting {name} cannot be {value!r}.", f"Give it from {low} to {high}.")
    return {**SETTINGS, **PRESETS[request.preset], **request.overrides}


class _Session:
    """One run, stage by stage."""

    def __init__(
        self,
        request: StylizeRequest,
        material: Material,
        settings: dict,
        progress: Callable[[Progress], None] | None,
        cancelled: Callable[[], bool] | None,
    ) -> None:
        self.request, self.material, self.settings = request, material, settings
        self._progress, self._cancelled = progress, cancelled
        self.started = time.perf_counter()
        self.seconds: dict[str, float] = {}
        self.words: dict = {}
        self.partial: StylizeResult | None = None
        self.vgg: Path | None = None
        if settings["refine"]:  # asked for before anything is computed
            from ft2os.stylize import refine

            self.vgg = refine.weights()
        self.keep = material.keep if settings["keep"] is None else float(settings["keep"])

    def run(self) -> StylizeResult:
        rows, whole = self._stage("prepare", self._object)
        frame = frame_of(whole)
        fine, parent = self._stage("split", lambda: self._split(whole, frame))
        surveys = self._stage("survey", lambda: self._survey(fine))
        start, targets = self._stage("paint", lambda: self._paint(fine, surveys, frame))
        colours = self._stage("solve", lambda: self._solve(surveys, targets, start))
        neutral = self._stage("match", lambda: self._match(whole, fine, surveys))
        result = self.partial = self._result(rows[parent], fine, neutral, colours, surveys)
        self._report("match", 1.0, preview=_preview(surveys[0], colours))
        refined = self._refine(surveys, colours, targets)
        return result if refined is None else self._result(rows[parent], fine, neutral, refined, surveys)

    def _object(self) -> tuple[np.ndarray, Gaussians]:
        rows = np.flatnonzero(substantial(self.request.target)).astype(np.int32)
        return rows, self.request.target.subset(rows)

    def _split(self, whole: Gaussians, frame: Frame) -> tuple[Gaussians, np.ndarray]:
        limit = max(self.settings["limit"], min(2 * len(whole), len(whole) + 60_000))
        return split(whole, self.settings["largest"] * frame.extent, limit, visibility(whole))

    def _survey(self, fine: Gaussians) -> list[Survey]:
        cameras = cameras_around(fine, self.settings["views"], self.settings["pixels"])
        surveys = []
        for i, camera in enumerate(cameras):
            surveys.append(survey(fine, camera))
            self._report("survey", (i + 1) / len(cameras))
        return surveys

    def _paint(
        self, fine: Gaussians, surveys: list[Survey], frame: Frame
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """Colours [N, 3] at the Gaussians' centres, and every view's target picture."""
        seen = np.concatenate([s.luminance[s.mask] for s in surveys])
        median, spread = (float(np.median(seen)), float(seen.std())) if len(seen) else (0.5, 0.1)
        targets = []
        for i, s in enumerate(surveys):
            points, height = frame.normalised(s.points)
            detail = relief.detail(s.luminance, s.mask, median, spread)
            colours = self._texture(points, height, detail, s.normals)
            colours = relief.relight(colours, s.luminance, s.mask, self.keep)
            target = np.zeros_like(s.original)
            target[s.mask] = colours
            targets.append(target * s.view.alpha.reshape(*s.mask.shape, 1))
            self._report("paint", (i + 1) / len(surveys))
        points, height = frame.normalised(fine.means)
        luminance = np.clip(fine.base_colours, 0, 1) @ LUMA
        shape = 0.45 * (_smoothed(fine.means, luminance) - median) / max(spread, 0.06)
        start = self._texture(points, height, np.clip(shape, -0.5, 0.5).astype(np.float32), None)
        return relief.shoulder(start).astype(np.float32), targets

    def _texture(
        self, points: np.ndarray, height: np.ndarray, detail: np.ndarray, normals: np.ndarray | None
    ) -> np.ndarray:
        settings = {"seed": self.request.seed, "scale": self.settings["scale"], "normals": normals}
        return self.material.colour(points, height, detail, **settings)

    def _solve(self, surveys: list[Survey], targets: list[np.ndarray], start: np.ndarray) -> np.ndarray:
        views = [s.view for s in surveys]
        return solve_colours(
            views,
            targets,
            start,
            pull=self.settings["pull"],
            iterations=self.settings["iterations"],
            weights=[surface_weights(v) for v in views],
        )

    def _match(self, whole: Gaussians, fine: Gaussians, surveys: list[Survey]) -> np.ndarray:
        """Colours [N, 3] of the split set that show the unsplit object best: where strength nears 0."""
        cameras = [s.view.camera for s in surveys]
        viewmats, Ks = stack(cameras)
        wanted = render(whole, viewmats, Ks, cameras[0].width, cameras[0].height).rgb
        base = fine.base_colours.astype(np.float32)
        targets = [w - s.original + s.view.image(base) for w, s in zip(wanted, surveys)]
        views = [s.view for s in surveys]
        return solve_colours(views, targets, base, pull=0.05, iterations=8, bounds=(-1.0, 2.0))

    def _refine(
        self, surveys: list[Survey], colours: np.ndarray, targets: list[np.ndarray]
    ) -> np.ndarray | None:
        """Feature matching, where it is wanted."""
        if not self.settings["refine"]:
            return None
        from ft2os.stylize import refine

        steps = self.settings["refine_steps"]
        self.seconds["refine"] = -time.perf_counter()

        def show(step: int, loss: float, now: np.ndarray) -> None:
            preview = _preview(surveys[0], now) if step % 5 == 0 else None
            self._report("refine", step / steps, loss=loss, preview=preview)

        refined = refine.run(
            surveys, colours, targets, self._exemplar(), self.vgg, steps, self.request.seed, show
        )
        self.seconds["refine"] += time.perf_counter()
        return refined

    def _exemplar(self, size: int = 192) -> np.ndarray:
        """The bare material on a plane through the object's middle.  [size, size, 3]"""
        y, x = (np.mgrid[0:size, 0:size].reshape(2, -1) + 0.5) / size - 0.5
        points = np.stack([x, y, np.full_like(x, 0.137)], axis=1).astype(np.float32)
        flat = np.zeros(len(points), np.float32)
        colours = self._texture(points, (0.5 - y).astype(np.float32), flat, None)
        return np.asarray(colours, np.float32).reshape(size, size, 3)

    def _result(
        self,
        parent: np.ndarray,
        fine: Gaussians,
        neutral: np.ndarray,
        colours: np.ndarray,
        surveys: list[Survey],
    ) -> StylizeResult:
        stats = {
            **self.words,
            "gaussians": len(fine),
            "floaters": int(len(self.request.target) - len(np.unique(parent))),
            "seconds": {k: round(v, 3) for k, v in self.seconds.items()},
            "total_seconds": round(time.perf_counter() - self.started, 3),
            **measure(surveys, colours),
        }
        look = Look(
            parent=parent.astype(np.int32),
            dc=((colours - 0.5) / C0).astype(np.float32),
            dc0=((neutral - 0.5) / C0).astype(np.float32),
            means=fine.means,
            quats=fine.quats,
            scales=fine.scales,
            opacities=fine.opacities,
            name=self.material.title,
            prompt=self.request.prompt,
            method="material",
            seed=self.request.seed,
            stats=stats,
        )
        return StylizeResult(look, stats)

    def _stage(self, name: str, action: Callable):
        self._check()
        self._report(name, 0.0)
        before = time.perf_counter()
        result = action()
        self.seconds[name] = time.perf_counter() - before
        return result

    def _check(self) -> None:
        if self._cancelled and self._cancelled():
            raise CancelledError(partial=self.partial)

    def _report(self, stage: str, part: float, *, loss=None, preview=None) -> None:
        """Say how far the whole run is; ``part`` is the finished share of this stage, 0..1."""
        self._check()
        if not self._progress:
            return
        stages = [name for name in _SHARES if name != "refine" or self.vgg]
        whole = sum(_SHARES[name] for name in stages)
        done = sum(_SHARES[name] for name in stages[: stages.index(stage)]) + part * _SHARES[stage]
        spent = time.perf_counter() - self.started
        eta = spent * (whole - done) / done if done >= 0.05 * whole else None
        self._progress(Progress(stage, round(100 * done / whole), 100, eta, loss, preview))


def _preview(s: Survey, colours: np.ndarray) -> np.ndarray:
    """One view over mid grey.  uint8 [H, W, 3]"""
    return (255 * np.clip(s.view.image(colours, (0.5, 0.5, 0.5)), 0, 1) + 0.5).astype(np.uint8)


def _smoothed(means: np.ndarray, values: np.ndarray, neighbours: int = 8) -> np.ndarray:
    """Mean of each point's nearest neighbours.  [N, 3], [N] -> [N]"""
    _, near = cKDTree(means).query(means, k=min(neighbours, len(means)))
    return values[near].reshape(len(means), -1).mean(axis=1)
