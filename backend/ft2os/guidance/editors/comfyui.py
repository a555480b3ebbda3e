"""The editor "comfyui": a ComfyUI server that the artist already runs edits the views by a workflow.

Views go one after another: the server keeps its models warm between them. It tells by websocket how far it
is; if it is silent for long, it is asked. Cancel interrupts it within a step of its sampler.
"""

from __future__ import annotations

import io
import logging
from contextlib import closing
from importlib.util import find_spec

import numpy as np

from ft2os.errors import FileError, Ft2osError, MissingError, RequestError
from ft2os.guidance.editors import comfyui_workflow
from ft2os.guidance.editors.comfyui_job import Watch
from ft2os.guidance.editors.comfyui_messages import Messages
from ft2os.guidance.editors.comfyui_server import Server
from ft2os.guidance.editors.door import Flags, Task, Tick
from ft2os.guidance.editors.options import Options

log = logging.getLogger(__name__)

SILENCE_S = 300.0  # a large model takes minutes to load, without a word


class ComfyUI:
    """A server with a workflow.

    Parameters
    ----------
    options : Options
        Their ``address`` and ``workflow``. Nothing is contacted before the first edit.
    silence_s : float
        Seconds without a word after which the server is asked whether it still works.

    Raises
    ------
    RequestError, FileError
        If the address is none, or the workflow cannot be used.
    MissingError
        If the package that speaks with it is not installed.
    """

    name = "comfyui"

    def __init__(self, options: Options, silence_s: float = SILENCE_S) -> None:
        if find_spec("websockets") is None:
            raise MissingError(
                "ComfyUI needs websockets, which is not installed.", 'Run: pip install "ft2os[lite]".'
            )
        self._workflow = comfyui_workflow.read(options.workflow)
        self._server = Server(options.address or "http://127.0.0.1:8188")
        self._silence_s = silence_s
        self._used = False
        places = self._workflow.places
        self.title = f"ComfyUI, {self._workflow.title}"
        self.flags = Flags(
            strength="strength" in places, mask="mask" in places, references=int("anchor" in places)
        )

    def edit(self, task: Task, tick: Tick) -> list[np.ndarray | None]:
        """The views as the workflow leaves them, of its own size; None for one that came back broken twice.

        Raises
        ------
        RequestError
            If the server cannot be reached, refuses the workflow, fails, or falls silent.
        """
        self._used = True
        count = len(task.names)
        edited = []
        with closing(Messages(self._server)) as messages:  # not for longer: the server waits for who listens
            for row in range(count):

                def told(share: float, row: int = row) -> None:
                    tick((row + share) / count)

                edited.append(self._edit_one(task, row, messages, told))
                told(1.0)
        return edited

    def close(self) -> None:
        """Let the server give its memory back, if it was used."""
        used, self._used = self._used, False
        if used:
            try:
                self._server.free()
            except Ft2osError as error:
                log.info("the memory of ComfyUI was not freed: %s", error)

    def _edit_one(self, task: Task, row: int, messages: Messages, tick: Tick) -> np.ndarray | None:
        name = task.names[row]
        values: dict[str, object] = {
            "prompt": task.prompt,
            "seed": task.seeds[row],
            "strength": task.strength,
            "image": self._upload(name, task.pictures[row]),
        }
        for place, picture in (
            ("mask", task.masks[row]),
            ("original", task.originals[row]),
            ("anchor", task.pictures[row] if task.anchor is None else task.anchor),
        ):
            if place in self._workflow.places:
                values[place] = self._upload(f"{name}_{place}", picture)
        entry = self._finished(self._server.queue(self._workflow.filled(values)), messages, tick)
        return self._fetched(name, entry, max(task.pictures[row].shape[:2]))

    def _upload(self, name: str, picture: np.ndarray) -> str:
        return self._server.upload(f"ft2os_{self._server.client[:8]}_{name}.png", _png(picture))

    def _finished(self, job: str, messages: Messages, tick: Tick) -> dict:
        """The job's history once it has ended; on any error it is stopped."""
        try:
            return Watch(self._server, self._workflow, job, self._silence_s).wait(messages, tick)
        except BaseException:
            try:
                self._server.stop(job)
            except Ft2osError as error:
                log.info("the job of ComfyUI was not stopped: %s", error)
            raise

    def _fetched(self, name: str, entry: dict, largest: int) -> np.ndarray | None:
        """The picture [h, w, 3] of a finished job; asked for once more if it came back broken."""
        from ft2os.guidance import picture_file

        outputs = entry.get("outputs")
        output = outputs.get(self._workflow.result) if isinstance(outputs, dict) else None
        pictures = output.get("images") if isinstance(output, dict) else None
        if not isinstance(pictures, list) or not pictures:
            node = self._workflow.name_of(self._workflow.result)
            raise RequestError(
                f'ComfyUI ran {self._workflow.title}, but its node "{node}" gave no picture.',
                'Give the node that shows the edit the title "ft2os result" and export the workflow again.',
            )
        for attempt in range(2):
            try:
                data = self._server.picture(pictures[0])
                return picture_file.over_grey(*picture_file.decode(data, f"The edit of {name}", largest))
            except FileError as error:
                log.warning("%s", error.message)
            except RequestError:
                if attempt:
                    raise
        return None


def _png(picture: np.ndarray) -> bytes:
    """A picture [H, W, 3] or a mask [H, W] of 0..1, in 8 bits."""
    from PIL import Image

    from ft2os.colour import to_uint8

    stream = io.BytesIO()
    Image.fromarray(to_uint8(picture)).save(stream, format="PNG")
    return stream.getvalue()
