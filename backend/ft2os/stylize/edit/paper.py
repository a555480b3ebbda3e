"""The preset ``paper``: Algorithms 3 and 4, with the slips of the published code mended.

Views are edited on a schedule and kept by view, and Adam trains on L1 + LPIPS against them meanwhile. An edit
is made from the object's masked picture, as it is by then, and of the masked original; it is looked up by its
view, where the published code kept edits by epoch and read them by index. Only colours are trained.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ft2os.cameras.camera import Camera
from ft2os.errors import RequestError
from ft2os.gaussians import Gaussians
from ft2os.guidance.editors import Editor
from ft2os.stylize.edit import rounds
from ft2os.stylize.edit.about import PaperSettings
from ft2os.stylize.edit.kept import Edits
from ft2os.stylize.edit.rounds import Scene
from ft2os.stylize.edit.schedule import Step, plan
from ft2os.stylize.edit.sheet import contact_sheet
from ft2os.stylize.framing import crop_to_object
from ft2os.stylize.prepare import PreparedObject
from ft2os.stylize.run import Run

STAGES = {"train": 400}


def cameras(target: Gaussians, given: list[Camera] | None, settings: PaperSettings) -> list[Camera] | None:
    """The scene's cameras that see the object, cut to it; None where there are none."""
    cut = [crop_to_object(target, camera, settings.pixels) for camera in given or ()]
    return [camera for camera in cut if camera] or None


class Loop:
    """One run of it.

    Parameters
    ----------
    run : Run
    settings : PaperSettings
    editor : Editor
    edits : Edits
        Where they are kept.
    prepared : PreparedObject
    scene : Scene
    """

    def __init__(
        self,
        run: Run,
        settings: PaperSettings,
        editor: Editor,
        edits: Edits,
        prepared: PreparedObject,
        scene: Scene,
    ) -> None:
        from ft2os.stylize.edit.trainer import Trainer

        self._run, self._settings, self._editor, self._edits = run, settings, editor, edits
        self._prepared, self._scene = prepared, scene
        self._wanted = list(scene.views.originals)
        self._share = 0.0
        self._tried = self._came = 0  # edits
        self._trainer = Trainer(
            scene.views,
            prepared.own_colours,
            rate=settings.rate,
            l1=settings.l1,
            lpips=settings.lpips,
        )

    def run(self) -> np.ndarray:
        """Colours [M, 3] after all steps.

        Raises
        ------
        RequestError
            If of no view a usable edit came back.
        """
        settings, views = self._settings, len(self._scene.views)
        rng = np.random.default_rng(self._run.request.seed)
        steps = list(plan(settings.schedule, views, settings.batch, settings.epochs, settings.renewals, rng))
        for i, step in enumerate(steps):
            self._share = i / len(steps)
            if step.edited:
                self._edit(step)
            if step.trained:
                self._train(step)
        return self._trainer.colours

    def _edit(self, step: Step) -> None:
        """Renew the edits of some views, from what they show by now."""
        views, now = self._scene.views, self._trainer.colours
        shown = list(self._wanted)
        for row in step.edited:
            shown[row] = views.on_grey(row, now)
        fresh = rounds.edit_round(
            self._scene,
            self._editor,
            self._edits,
            shown,
            1.0,
            step.renewal,
            self._settings.group,
            self._tick,
            chosen=step.edited,
        )
        for row in step.edited:
            edit = fresh[row]
            if edit is not None:
                self._wanted[row] = edit
        self._run.save()
        self._count(len(step.edited), sum(fresh[row] is not None for row in step.edited))

    def _count(self, tried: int, came: int) -> None:
        """Note how many edits came back; without any, the object would only be trained to stay as it is."""
        self._tried, self._came = self._tried + tried, self._came + came
        self._run.facts["edits"] = {"tried": self._tried, "used": self._came}
        if not self._came and self._tried >= len(self._scene.views):
            raise RequestError(
                f"None of {self._tried} edits by {self._editor.title} can be used.",
                "Change the words or the settings, or choose another editor.",
            )

    def _tick(self, _: float, so_far: Sequence[np.ndarray | None]) -> None:
        sheet = [edit if edit is not None else old for edit, old in zip(so_far, self._wanted)]
        size = self._scene.views.size
        self._run.report("train", self._share, preview=lambda: contact_sheet(sheet, size))

    def _train(self, step: Step) -> None:
        loss, terms = self._trainer.step(step.trained, [self._wanted[row] for row in step.trained])
        held = self._trainer.colours
        self._run.offer(self._prepared, lambda: held)
        self._run.step("train", self._share, loss, terms, lambda: self._prepared.picture(held))
