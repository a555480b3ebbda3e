"""The ``stylize`` method: a message becomes a `StylizeRequest`, a result becomes a look file."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ft2os import transforms
from ft2os.cameras.camera import Camera
from ft2os.errors import FileError
from ft2os.files import check_writable, replacing
from ft2os.gaussians import concatenate
from ft2os.strict_json import to_json
from ft2os.worker.compose import Composer

if TYPE_CHECKING:
    from ft2os.stylize import Progress, StylizeRequest, StylizeResult

log = logging.getLogger(__name__)

PROGRESS_S = 0.1  # at most ten progress messages a second
PREVIEW_S = 0.5
LIVE_S = 1.5  # between looks that grow
LIVE_SHARE = 10  # and as many times what making one took


def read_request(
    composer: Composer, params: dict[str, Any], look: Callable[[], None] = lambda: None
) -> StylizeRequest:
    """The request in ``params`` of the protocol's ``stylize``, as ``worker.params`` has checked them.

    Stylization works in the target's own coordinates, so that a look does not depend on where the object
    stands: context and cameras are brought there.
    """
    from ft2os.stylize import StylizeRequest

    out = Path(params["out"])
    if not out.parent.is_dir():
        raise FileError(f"The folder {out.parent} does not exist.", "Choose a folder that exists.")
    check_writable(out)
    frame = params["target"]["matrix"]
    composer.check_room([params["target"], *params["context"]], look)
    context = []
    for item in params["context"]:
        context.append(composer.one(item, frame))
        look()
    same = ("prompt", "object_name", "method", "preset", "seed", "overrides", "resume")
    return StylizeRequest(
        target=composer.one(params["target"], frame),
        context=concatenate(context) if context else None,
        cameras=_cameras(params["cameras"], frame),
        style_image=_path(params["style_image"]),
        checkpoint=_path(params["checkpoint"]),
        **{name: params[name] for name in same},
    )


class Report:
    """Sends a job's progress to the client, as often as a client can use.

    Parameters
    ----------
    notify : callable
    id : int or str
    out : Path
        The result's place; what is sent meanwhile lies beside it.
    live : bool
        Whether the client wants to see the look itself grow, not only pictures of it.
    """

    def __init__(
        self, notify: Callable[[str, dict[str, Any]], None], id: int | str, out: Path, live: bool = False
    ) -> None:
        self._notify, self._id, self._live = notify, id, live
        self._preview = out.with_name(f"{out.stem}.preview.png")
        self._partial = out.with_name(f"{out.stem}.live.npy")
        self._stage = ""
        self._sent = self._pictured = -np.inf
        self._next_look = time.monotonic() + LIVE_S

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        last = progress.step >= progress.total
        if progress.stage != self._stage or last or now - self._sent >= PROGRESS_S:
            self._stage, self._sent = progress.stage, now
            self._notify("progress", _progress(self._id, progress))
        image = colours = None
        try:
            if progress.preview is not None and (last or now - self._pictured >= PREVIEW_S):
                self._pictured, image = now, self._save(progress.preview)
            if self._live and progress.partial is not None and not last and now >= self._next_look:
                colours = self._look(progress.partial)
        except (
            FileError
        ) as error:  # a full disk, or a file that the client just reads: no reason to end a run
            log.warning("no preview: %s", error)
        if image or colours:
            self._notify("preview", {"id": self._id, "image": image, "colours": colours})

    def _look(self, partial: Callable[[], StylizeResult]) -> str:
        """Write the look as it is now. One that takes long is made less often, so that the run goes on."""
        start = time.monotonic()
        partial().look.save(self._partial)
        end = time.monotonic()
        self._next_look = end + max(LIVE_S, LIVE_SHARE * (end - start))
        return str(self._partial)

    def _save(self, picture: np.ndarray) -> str:
        from PIL import Image

        with replacing(self._preview) as temporary:
            Image.fromarray(picture).save(temporary, "PNG", compress_level=1)
        return str(self._preview)


def save(result: StylizeResult, out: str) -> dict[str, Any]:
    """Write the look where the client asked; returns the method's result."""
    path = Path(out)
    result.look.save(path)
    return {"path": str(path), "stats": to_json(result.stats)}


def _progress(id: int | str, progress: Progress) -> dict[str, Any]:
    facts = {name: getattr(progress, name) for name in ("stage", "step", "total", "eta_s", "loss", "metrics")}
    return {"id": id, **to_json(facts)}


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def _cameras(given: list[list[Camera]] | None, frame: np.ndarray) -> list[Camera] | None:
    if given is None:
        return None
    _, scale, _ = transforms.decompose(frame)
    moved = []
    for view in (view for group in given for view in group):
        # A camera sees the same picture when its own coordinates shrink: that undoes the object's scale.
        viewmat = view.viewmat.astype(np.float64) @ frame
        viewmat[:3] /= scale
        moved.append(Camera(viewmat.astype(np.float32), view.K, view.width, view.height, view.name))
    return moved
