"""The method ``edit``: an editor of pictures changes the views of an object, and its Gaussians follow.

Each round shows the editor the views as they are, puts its edits in place, and finds the colours that they
agree about (`consensus`). The next round edits those views again, less freely, so that what disagreed before
comes closer. Nothing is rasterized meanwhile: while only colours move, views are linear in them. The preset
``paper`` is the published loop, see ``paper``.
"""

from __future__ import annotations

import hashlib
import json
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
from ft2os.stylize.edit import paper, polish
from ft2os.stylize.edit.about import Editing, PaperSettings, Settings
from ft2os.stylize.edit.controls import COMFYUI
from ft2os.stylize.edit.instruction import instruction
from ft2os.stylize.edit.kept import Edits
from ft2os.stylize.edit.rounds import Scene
from ft2os.stylize.edit.session import Session
from ft2os.stylize.painting import Brush
from ft2os.stylize.prepare import PreparedObject
from ft2os.stylize.request import Progress, StylizeRequest, StylizeResult
from ft2os.stylize.run import Run

_ROUND = {"edit": 400, "place": 20, "fit": 80}
"""How long a round's parts take beside the other stages; of the edits a guess, since editors differ."""
_FROM_MATERIAL = 0.8  # an edit at 1 keeps nothing of what it starts from; the paper's are from .70 to .98


def complete(request: StylizeRequest, settings: Editing) -> StylizeRequest:
    """The request with the cameras of the folder that its editor is, where it is one."""
    cameras = editors.cameras_of(settings.editor, request.target)
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
    given = editors.cameras_of(settings.editor) is not None  # a folder: `complete` has its cameras
    told = settings.instruction.strip() or instruction(request.prompt, request.object_name)
    if not told and not given:
        raise RequestError("The prompt is empty.", "Say what the object should become, for example: lava.")
    if isinstance(settings, Settings) and settings.polish:
        polish.check()
    editor = editors.find(settings.editor, _options(settings))
    try:
        edits = _edits(request, settings, _digest(request, settings, editor, told), given)
        strengths = _strengths(settings, editor)
        stages = _stages(settings, strengths)
        this = Run(request, stages, progress, cancelled, lambda path: _mark(path, edits))
        counted = replace(settings, views=_view_count(request, settings, given))
        this.fit_memory(memory.Job.of_prepared(len(request.target), counted))
        this.facts |= {"editor": editor.name, "instruction": told}
        this.name = request.prompt.strip() or told or Path(settings.editor).name
        prepared = _prepared(this, settings, given)
        scene = Scene.of(prepared, told, request.seed, given)
        if isinstance(settings, PaperSettings):
            colours = paper.Loop(this, settings, editor, edits, prepared, scene).run()
        else:
            start = _start(this, settings, prepared)
            if start is not None and editor.flags.strength:
                strengths = [min(strength, _FROM_MATERIAL) for strength in strengths]
            colours = Session(this, settings, editor, edits, prepared, scene).run(strengths, start)
    finally:
        editor.close()
    result = this.result(prepared, colours)
    this.forget_checkpoint()
    if not settings.edits:
        edits.remove()
    return result


def _strengths(settings: Settings | PaperSettings, editor: Editor) -> list[float]:
    """How freely each round edits; one round where an editor cannot hold back."""
    if isinstance(settings, PaperSettings):
        return []
    return list(settings.strengths) if editor.flags.strength else [1.0]


def _stages(settings: Settings | PaperSettings, strengths: Sequence[float]) -> dict[str, float]:
    if isinstance(settings, PaperSettings):
        return {**prepare.STAGES, **paper.STAGES}
    return {
        **prepare.STAGES,
        "form": 60 if settings.form != "none" else 0,
        "start": 70 if settings.start == "material" else 0,
        **{f"{name} {i + 1}": weight for i in range(len(strengths)) for name, weight in _ROUND.items()},
        "finish": 200 if settings.polish else 30 if settings.detail_bands else 0,
    }


def _view_count(request: StylizeRequest, settings: Settings | PaperSettings, given: bool) -> int:
    """How many views there will be at most: a folder has its own, and the paper takes the scene's."""
    theirs = given or isinstance(settings, PaperSettings)
    return len(request.cameras) if theirs and request.cameras else settings.views


def _prepared(this: Run, settings: Settings | PaperSettings, given: bool) -> PreparedObject:
    """The object as it is edited: in the form that the words ask for, seen by a folder's own cameras."""
    request = this.request
    if given:
        return this.prepare(settings, cameras=_fitted(request.cameras, settings.pixels))
    if isinstance(settings, PaperSettings):
        return this.prepare(settings, cameras=paper.cameras(request.target, request.cameras, settings))
    prepared = this.prepare(settings)
    wanted = form.resolve_form(request.prompt, settings.form, None, request.object_name)
    name, amount, seed = wanted.form, wanted.amount, request.seed
    if not name:
        return prepared
    this.facts |= {"form": name, "form_amount": amount}
    return this.staged("form", lambda on_progress: form.give_form(prepared, name, amount, seed, on_progress))


def _options(settings: Settings | PaperSettings) -> Options:
    """What the editor is to do, as far as it can."""
    following, preserving, quality = settings.reward_scores
    low, high = settings.noise if isinstance(settings, PaperSettings) else (1.0, 1.0)
    return Options(
        text_guidance=settings.text_guidance or 0.0,
        image_guidance=settings.image_guidance or 0.0,
        steps=settings.editor_steps or 0,
        side=settings.editor_pixels or 0,
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


def _start(this: Run, settings: Settings, prepared: PreparedObject) -> np.ndarray | None:
    """Colours [M, 3] of the material that the words name, if the edits should start from one."""
    if settings.start != "material":
        return None
    words = form.resolve_form(this.request.prompt, settings.form, None, this.request.object_name).rest
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


def _fitted(cameras: Sequence[Camera] | None, pixels: int) -> list[Camera]:
    """Cameras with pictures of at most so many pixels on the longer side."""

    def fitted(camera: Camera) -> Camera:
        share = min(1.0, pixels / max(camera.width, camera.height))
        return camera.resized(round(share * camera.width), round(share * camera.height))

    return [fitted(camera) for camera in cameras or ()]


def _edits(request: StylizeRequest, settings: Editing, digest: str, given: bool) -> Edits:
    """Where the edits are kept: in the folder that is asked for, else beside the checkpoint, or nowhere.

    A folder that is asked for has one of its own for each run, and a run that finds its own goes on from it.
    A folder of views keeps its edits itself.
    """
    if given:
        return Edits(None, digest, resume=False)
    if settings.edits:
        return Edits(Path(settings.edits).expanduser() / f"run_{digest[:8]}", digest, resume=True)
    if request.checkpoint is None:
        return Edits(None, digest, resume=False)
    beside = request.checkpoint.with_name(f"{request.checkpoint.name}.edits")
    return Edits(beside, digest, request.resume)


def _mark(path: Path, edits: Edits) -> None:
    """The checkpoint's file: the edits themselves are in their folder."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps({"edits": edits.digest}), "utf-8")


def _digest(request: StylizeRequest, settings: Editing, editor: Editor, told: str) -> str:
    """Of everything that decides the edits; what only follows them may change between two runs."""
    state = hashlib.sha256()
    for name in ("means", "quats", "scales", "opacities", "sh"):
        state.update(np.ascontiguousarray(getattr(request.target, name)).data)
    after = ("edits", "address", "detail_bands", "polish")
    facts = {name: value for name, value in asdict(settings).items() if name not in after} | {
        "prompt": request.prompt,
        "told": told,
        "object_name": request.object_name,
        "seed": request.seed,
        "editor": editor.name,
    }
    if isinstance(settings, PaperSettings):
        seen_by = request.cameras or ()
        facts["cameras"] = [[c.viewmat.tolist(), c.K.tolist(), c.width, c.height] for c in seen_by]
    state.update(json.dumps(facts, sort_keys=True).encode())
    if settings.workflow and editor.name == COMFYUI:  # the editor has read it a moment ago
        state.update(Path(settings.workflow).expanduser().read_bytes())
    return state.hexdigest()
