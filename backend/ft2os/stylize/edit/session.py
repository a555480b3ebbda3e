"""The rounds of a run: edit, place, fit, and again from what the fit shows."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from ft2os.errors import RequestError
from ft2os.guidance.editors import Editor
from ft2os.stylize.edit import consensus, rounds
from ft2os.stylize.edit.about import Settings
from ft2os.stylize.edit.consensus import Fitted
from ft2os.stylize.edit.detail import with_detail
from ft2os.stylize.edit.kept import Edits
from ft2os.stylize.edit.rounds import Placed, Scene
from ft2os.stylize.edit.sheet import contact_sheet
from ft2os.stylize.prepare import PreparedObject
from ft2os.stylize.run import Run

log = logging.getLogger(__name__)

_LEAST_VIEWS = 3
_LEAST_SHARE = 0.5  # of the views: with fewer edits left, most do not show the object


class Session:
    """One run's rounds.

    Parameters
    ----------
    run : Run
    settings : Settings
    editor : Editor
    edits : Edits
        Where they are kept.
    prepared : PreparedObject
    scene : Scene
    """

    def __init__(
        self,
        run: Run,
        settings: Settings,
        editor: Editor,
        edits: Edits,
        prepared: PreparedObject,
        scene: Scene,
    ) -> None:
        self._run, self._settings, self._editor, self._edits = run, settings, editor, edits
        self._prepared, self._scene, self._views = prepared, scene, scene.views
        self._facts: list[dict[str, object]] = []
        self._disagreement = 0.0  # of the last round's edits
        run.facts["rounds"] = self._facts

    def run(self, strengths: Sequence[float], start: np.ndarray | None) -> np.ndarray:
        """Colours [M, 3] after a round for each strength.

        Parameters
        ----------
        strengths : sequence of float
            How freely each round edits.
        start : ndarray, [M, 3], optional
            What the first round edits; the object as it is if left out.

        Raises
        ------
        RequestError
            If the first round's edits show something else.
        """
        if len(strengths) < len(self._settings.strengths):
            note = f"{self._editor.title} cannot edit less than freely, so there is one round."
            self._run.facts["note"] = note
            log.info("%s", note)
        colours = self._prepared.own_colours if start is None else start
        placed: Placed | None = None
        fitted: Fitted | None = None
        for round, strength in enumerate(strengths):
            pictures = self._views.originals if round == 0 and start is None else self._shown(colours)
            found = self._placed(round, strength, self._edited(round, strength, pictures))
            if not self._enough(found, last=round > 0):
                break
            fitted = self._fitted(round, found, colours)
            placed, colours = found, fitted.colours
        assert placed is not None  # or the first round has raised
        assert fitted is not None
        return self._finished(placed, fitted)

    def _shown(self, colours: np.ndarray) -> list[np.ndarray]:
        """All views in these colours [M, 3], as the editor gets them."""
        return [self._views.on_grey(row, colours) for row in range(len(self._views))]

    def _edited(self, round: int, strength: float, pictures: Sequence[np.ndarray]) -> list[np.ndarray | None]:
        """The edits of a round; the panel sees them come in."""
        seen = 0

        def tick(share: float, so_far: Sequence[np.ndarray | None]) -> None:
            nonlocal seen
            came = sum(picture is not None for picture in so_far)
            new, seen = came > seen, came
            self._run.report(
                f"edit {round + 1}",
                share,
                preview=lambda: contact_sheet(so_far, self._views.size),
                at_once=new,
            )
            if new:
                self._run.save()

        return rounds.edit_round(
            self._scene, self._editor, self._edits, pictures, strength, round, self._settings.group, tick
        )

    def _placed(self, round: int, strength: float, edited: Sequence[np.ndarray | None]) -> Placed:
        found = self._run.staged(
            f"place {round + 1}",
            lambda on_progress: rounds.place(self._scene, edited, self._settings.register, on_progress),
        )
        left_out = {"missing": found.missing, "foreign": found.foreign}
        self._facts.append(
            {"strength": strength, "used": len(found.rows), **{k: v for k, v in left_out.items() if v}}
        )
        return found

    def _fitted(self, number: int, placed: Placed, colours: np.ndarray) -> Fitted:
        """What the edits agree about, from the colours [M, 3] before."""
        settings, stage = self._settings, f"fit {number + 1}"
        how = consensus.Fit(
            settings.align_colours, settings.flow, settings.reweigh, disagreement=self._disagreement
        )
        views = self._views.pick(placed.rows)
        fitted = self._run.staged(
            stage, lambda on_progress: consensus.fit(views, placed.pictures, colours, how, on_progress)
        )
        self._disagreement = fitted.disagreement
        self._facts[-1]["agreement"] = round(float(np.mean(fitted.agreement)), 3)
        self._run.show(stage, 1.0, self._prepared, lambda: fitted.colours)
        return fitted

    def _finished(self, placed: Placed, fitted: Fitted) -> np.ndarray:
        """Colours [M, 3] with the fine detail and the polish that are asked for."""
        views, colours, settings = self._views.pick(placed.rows), fitted.colours, self._settings
        if settings.detail_bands:
            base = colours
            colours = self._run.staged(
                "finish",
                lambda on_progress: with_detail(views, fitted.pictures, base, on_progress),
            )
        if settings.polish:
            from ft2os.stylize.edit.polish import lpips_polish

            colours = lpips_polish(
                views,
                fitted.pictures,
                colours,
                settings.polish,
                lambda share: self._run.report("finish", share),
                self._run.request.seed,
            )
        return colours

    def _enough(self, found: Placed, last: bool) -> bool:
        """Whether enough edits show the object; False where the look of the round before can stand.

        Raises
        ------
        RequestError
            If there is no round before.
        """
        count = len(self._views)
        if len(found.rows) >= max(_LEAST_VIEWS, _LEAST_SHARE * (count - len(found.missing))):
            return True
        told = (
            f"Only {len(found.rows)} of {count} edits show the object: {len(found.foreign)} show something "
            f"else and {len(found.missing)} did not come back."
        )
        if last:
            self._run.facts["note"] = f"{told} The look is that of the round before."
            log.warning("%s", self._run.facts["note"])
            return False
        raise RequestError(
            told,
            f"Change the words, or how closely {self._editor.title} keeps the picture (image_guidance); "
            "register=false takes the edits as they are.",
        )
