"""The method ``edit``: an editor of pictures changes the views of an object, and its Gaussians follow.

Each round shows the editor the views as they are, puts its edits in place, and finds the colours that they
agree about (`consensus`). The next round edits those views again, less freely, so that what disagreed before
comes closer. Nothing is rasterized meanwhile: while only colours move, views are linear in them. The preset
``paper`` is the published loop, see ``paper``.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from ft2os.cameras.camera import Camera
from ft2os.errors import RequestError, UnknownPromptError
from ft2os.files import replacing
from ft2os.guidance import editors
from ft2os.guidance.editors import Editor, Options
from ft2os.materials import match
from ft2os.stylize import form, memory, painting, prepare
from ft2os.stylize.edit import consensus, paper, rounds
from ft2os.stylize.edit.about import Editing, PaperSettings, Settings
from ft2os.stylize.edit.instruction import instruction
from ft2os.stylize.edit.kept import Edits
from ft2os.stylize.edit.rounds import Placed, Scene
from ft2os.stylize.edit.sheet import contact_sheet
from ft2os.stylize.edit.views import EditViews
from ft2os.stylize.painting import Brush
from ft2os.stylize.prepare import PreparedObject
from ft2os.stylize.request import Progress, StylizeRequest, StylizeResult
from ft2os.stylize.run import Run
from ft2os.stylize.view_buffers import SurfaceView

log = logging.getLogger(__name__)

_EDITOR = 400  # how long a round of edits takes beside the other stages: a guess, since editors differ
_FIT = 80
_LEAST_VIEWS = 3
_LEAST_SHARE = 0.5  # of the views: with fewer edits left, most do not show the object


def complete(request: StylizeRequest, settings: Editing) -> StylizeRequest:
    """The request with the cameras of the folder that its editor is, where it is one."""
    cameras = editors.cameras_of(settings.editor)
    return request if cameras is None else replace(request, cameras=cameras)


def run(
    request: StylizeRequest,
    settings: Settings | PaperSettings,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> StylizeResult:
    """Make an object what the editor makes of its views.

    Raises
    ------
    RequestError
        If the run does not fit into the memory, or too few edits show the object.
    MissingError
        If the editor's packages or weights are not on this machine.
    FileError
        If edits or weights cannot be read.
    CancelledError
        Within a step of the editor; with the last round's colours, if there are any.
    """
    told = settings.instruction.strip() or instruction(request.prompt, request.object_name)
    if not told and not editors.cameras_of(settings.editor):
        raise RequestError("The prompt is empty.", "Say what the object should become, for example: lava.")
    editor = editors.find(settings.editor, _options(settings))
    try:
        if isinstance(settings, PaperSettings):
            return paper.run(request, settings, editor, told, progress, cancelled)
        return _run(request, settings, editor, told, progress, cancelled)
    finally:
        editor.close()


def _options(settings: Settings | PaperSettings) -> Options:
    """What the editor is to do, as far as it can."""
    following, preserving, quality = settings.reward_scores
    low, high = settings.noise if isinstance(settings, PaperSettings) else (1.0, 1.0)
    return Options(
        text_guidance=settings.text_guidance or 0.0,
        image_guidance=settings.image_guidance or 0.0,
        steps=settings.editor_steps or 0,
        noise_low=low,
        noise_high=high,
        shared=settings.share_attention,
        key_views=settings.key_views,
        surface_noise=settings.surface_noise,
        grid=settings.grid,
        reward=settings.rewards,
        following=following,
        preserving=preserving,
        quality=quality,
        address=settings.address,
        workflow=settings.workflow,
    )


def _run(
    request: StylizeRequest,
    settings: Settings,
    editor: Editor,
    told: str,
    progress: Callable[[Progress], None] | None,
    cancelled: Callable[[], bool] | None,
) -> StylizeResult:
    strengths = list(settings.strengths) if editor.flags.strength else [1.0]
    wanted = form.resolve_form(request.prompt, settings.form, None, request.object_name)
    given = editors.cameras_of(settings.editor) is not None
    shaped = wanted.form if not given else None  # a folder shows the object in the form that it had
    stages = {
        **prepare.STAGES,
        **({"form": 60} if shaped else {}),
        **({"start": 70} if settings.start == "material" else {}),
        **{
            f"{name} {i + 1}": n
            for i in range(len(strengths))
            for name, n in (("edit", _EDITOR), ("fit", _FIT))
        },
        **({"polish": 200} if settings.polish else {}),
    }
    edits = Edits(_folder(request, settings), _digest(request, settings, editor, told), request.resume)
    this = Run(request, stages, progress, cancelled, lambda path: _mark(path, edits))
    this.fit_memory(memory.Job.of_prepared(len(request.target), settings))
    this.facts |= {"editor": editor.name, "instruction": told}
    if len(strengths) < len(settings.strengths):
        this.facts["note"] = f"{editor.title} cannot edit less than freely, so there is one round."
        log.info("%s", this.facts["note"])
    this.name = request.prompt.strip() or told
    prepared = this.prepare(settings, cameras=_fitted(request.cameras, settings.pixels) if given else None)
    if shaped:
        this.facts |= {"form": wanted.form, "form_amount": wanted.amount}
        prepared = _formed(this, prepared, shaped, wanted.amount)
    start = _start(this, settings, prepared, wanted.rest)
    colours = _edited(this, settings, editor, edits, prepared, told, strengths, start)
    result = this.result(prepared, colours)
    this.forget_checkpoint()
    if not settings.edits:
        edits.remove()
    return result


def _formed(this: Run, prepared: PreparedObject, name: str, amount: float) -> PreparedObject:
    seed = this.request.seed
    return this.staged("form", lambda on_progress: form.give_form(prepared, name, amount, seed, on_progress))


def _start(this: Run, settings: Settings, prepared: PreparedObject, words: str) -> np.ndarray | None:
    """Colours [M, 3] of the material that the words name, if the edits should start from one."""
    if settings.start != "material":
        return None
    try:
        matched = match(words, object_name=this.request.object_name)
    except UnknownPromptError:
        this.facts["material"] = None
        return None
    this.facts["material"] = matched.material.name
    brush = Brush(matched.material, this.request.seed)
    painted = this.staged("start", lambda on_progress: painting.paint(prepared, brush, on_progress))
    colours = painting.solve(prepared, painted)
    this.show("start", 1.0, prepared, lambda: colours)
    return colours


def _edited(
    this: Run,
    settings: Settings,
    editor: Editor,
    edits: Edits,
    prepared: PreparedObject,
    told: str,
    strengths: Sequence[float],
    start: np.ndarray | None,  # [M, 3]
) -> np.ndarray:
    """Colours [M, 3] after all rounds."""
    views = EditViews.of(prepared)
    names = [f"view_{i:03d}" for i in range(len(views))]
    scene = Scene(views, names, [_points(s) for s in prepared.surface_views], told, this.request.seed)
    colours = prepared.own_colours if start is None else start
    done: list[dict[str, object]] = []
    this.facts["rounds"] = done
    placed: Placed | None = None
    for i, strength in enumerate(strengths):
        first = i == 0 and start is None
        pictures = views.originals if first else [views.on_grey(row, colours) for row in range(len(views))]
        edited = _edit_round(this, settings, editor, edits, scene, pictures, strength, i)
        stage = f"fit {i + 1}"
        found = this.staged(
            stage, lambda on_progress: rounds.place(scene, edited, settings.register, on_progress)
        )
        done.append({"strength": strength, "used": len(found.rows), **_left_out(found)})
        if not _enough(found, len(views), editor, colours if i else None):
            this.facts["note"] = (
                f"Round {i + 1} showed something else, so the look is that of the round before."
            )
            log.warning("%s", this.facts["note"])
            break
        placed = found
        colours = _fit(this, settings, stage, views, placed, colours)
        shown = colours
        this.show(stage, 1.0, prepared, lambda: shown)
    return _finished(this, settings, prepared, views, placed, colours)


def _edit_round(
    this: Run,
    settings: Settings,
    editor: Editor,
    edits: Edits,
    scene: Scene,
    pictures: Sequence[np.ndarray],
    strength: float,
    round: int,
) -> list[np.ndarray | None]:
    """The edits of a round; the panel sees them come in."""
    count = [-1]

    def tick(share: float, so_far: Sequence[np.ndarray | None]) -> None:
        came = sum(picture is not None for picture in so_far)
        new, count[0] = came != count[0], came
        this.report(
            f"edit {round + 1}",
            share,
            preview=lambda: contact_sheet(so_far, scene.views.size),
            at_once=new and came > 0,
        )
        if new and came:
            this.save()

    strengths = [strength] * len(scene.views)
    return rounds.edit_round(scene, editor, edits, pictures, strengths, round, settings.group, tick)


def _fit(
    this: Run, settings: Settings, stage: str, views: EditViews, placed: Placed, colours: np.ndarray
) -> np.ndarray:
    how = consensus.Fit(align_colours=settings.align_colours, flow=settings.flow, reweigh=settings.reweigh)
    fitted = this.staged(
        stage,
        lambda on_progress: consensus.fit(
            views.pick(placed.rows), placed.pictures, colours, how, on_progress
        ),
    )
    return fitted.colours


def _finished(
    this: Run,
    settings: Settings,
    prepared: PreparedObject,
    views: EditViews,
    placed: Placed | None,
    colours: np.ndarray,  # [M, 3]
) -> np.ndarray:
    """Colours [M, 3] with the fine detail and the polish that are asked for."""
    return colours


def _enough(found: Placed, count: int, editor: Editor, before: np.ndarray | None) -> bool:
    """Whether enough edits show the object; False where the round before can stand.

    Raises
    ------
    RequestError
        If there is none before.
    """
    if len(found.rows) >= max(_LEAST_VIEWS, _LEAST_SHARE * (count - len(found.missing))):
        return True
    if before is not None:
        return False
    left_out = len(found.foreign)
    raise RequestError(
        f"Only {len(found.rows)} of {count} edits show the object: {left_out} show something else and "
        f"{len(found.missing)} did not come back.",
        f"Change the words, or how closely {editor.title} keeps the picture (image_guidance); "
        "register=false takes the edits as they are.",
    )


def _left_out(found: Placed) -> dict[str, list[str]]:
    return {name: names for name, names in (("missing", found.missing), ("foreign", found.foreign)) if names}


def _points(s: SurfaceView) -> np.ndarray:
    """World points that the pixels show, NaN beside the object.  float32 [H, W, 3]"""
    points = np.full((*s.mask.shape, 3), np.nan, np.float32)
    points[s.mask] = s.points
    return points


def _fitted(cameras: Sequence[Camera] | None, pixels: int) -> list[Camera]:
    """Cameras with pictures of at most so many pixels on the longer side."""

    def fitted(camera: Camera) -> Camera:
        share = min(1.0, pixels / max(camera.width, camera.height))
        return camera.resized(round(share * camera.width), round(share * camera.height))

    return [fitted(camera) for camera in cameras or ()]


def _folder(request: StylizeRequest, settings: Editing) -> Path | None:
    """Where the edits are kept: the folder that is asked for, or one beside the checkpoint."""
    if settings.edits:
        return Path(settings.edits).expanduser()
    if request.checkpoint is None:
        return None
    return request.checkpoint.with_name(f"{request.checkpoint.name}.edits")


def _mark(path: Path, edits: Edits) -> None:
    """The checkpoint's file: the edits themselves are in their folder."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps({"edits": edits.digest}), "utf-8")


def _digest(request: StylizeRequest, settings: Settings, editor: Editor, told: str) -> str:
    """Of everything that decides the edits."""
    state = hashlib.sha256()
    for name in ("means", "quats", "scales", "opacities", "sh"):
        state.update(np.ascontiguousarray(getattr(request.target, name)).data)
    facts = asdict(replace(settings, edits="")) | {
        "prompt": request.prompt,
        "told": told,
        "object_name": request.object_name,
        "seed": request.seed,
        "editor": editor.name,
    }
    state.update(json.dumps(facts, sort_keys=True).encode())
    return state.hexdigest()
