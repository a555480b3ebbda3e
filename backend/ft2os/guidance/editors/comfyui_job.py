"""Waits for a job of ComfyUI: by what the server tells of it and, if it tells nothing, by asking."""

from __future__ import annotations

import json
import time
from typing import Any

from ft2os.errors import RequestError
from ft2os.files import brief
from ft2os.guidance.editors.comfyui_messages import BrokenOffError, Messages
from ft2os.guidance.editors.comfyui_server import Server
from ft2os.guidance.editors.comfyui_workflow import Workflow
from ft2os.guidance.editors.door import Tick

_LOOK_S = 0.2  # between two looks at cancel
_MOST_CONNECTIONS = 5  # that break off during one job
_WORKED = 0.9  # of a job's share, when its sampler is done
_GO_ON = "Start again: edits that are there are kept."


class Watch:
    """Waits for one job, and no longer than ``silence_s`` without a word of it."""

    def __init__(self, server: Server, workflow: Workflow, job: str, silence_s: float) -> None:
        self._server, self._workflow, self._job = server, workflow, job
        self._patience = silence_s
        self._heard = time.monotonic()
        self._share = 0.0

    def wait(self, messages: Messages, tick: Tick) -> dict:
        """The job's history, once it has ended.

        Raises
        ------
        RequestError
            If it failed, was interrupted there, or nothing is heard of it any more.
        """
        broken = 0
        while True:
            tick(self._share)
            try:
                message = messages.next(_LOOK_S)
            except BrokenOffError:
                broken += 1
                if entry := self._server.history(self._job):  # told while nobody listened
                    return self._checked(entry)
                if broken > _MOST_CONNECTIONS:
                    raise RequestError(
                        f"The connection to ComfyUI at {self._server.address} breaks off again and again.",
                        "Check the network, and the server's console.",
                    ) from None
                messages.open()
                continue
            ended = message is not None and self._hear(message)
            if (ended or self._silent()) and (entry := self._ask()):
                return self._checked(entry)

    def _silent(self) -> bool:
        return time.monotonic() - self._heard > self._patience

    def _hear(self, message: str | bytes) -> bool:
        """Take in one message; whether it says that the job has ended.

        Those of other jobs, and those that extensions of the server send, mean nothing.
        """
        if isinstance(message, bytes):  # a preview: the sampler works
            self._heard = time.monotonic()
            return False
        try:
            content = json.loads(message)
            kind, data = content["type"], content["data"]
            job = data.get("prompt_id")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return False
        if job != self._job and not (job is None and kind == "progress"):  # older servers leave it out
            return False
        self._heard = time.monotonic()
        match kind:
            case "progress":
                self._share = max(self._share, _WORKED * _ratio(data.get("value"), data.get("max")))
            case "executing" if data.get("node") is None:
                return True
            case "execution_success":
                return True
            case "execution_error":
                raise self._failed(data)
            case "execution_interrupted":
                raise self._interrupted()
        return False

    def _ask(self) -> dict | None:
        """The history, or None while there is reason to wait.

        Raises
        ------
        RequestError
            If the server is busy with the job without a word, or knows nothing of it.
        """
        if entry := self._server.history(self._job):
            return entry
        silent, self._heard = self._silent(), time.monotonic()
        place = self._server.place_in_queue(self._job)
        if place == "pending" or (place and not silent):  # after others' jobs, or just being put down
            return None
        if entry := self._server.history(self._job):  # it may have ended between the two questions
            return entry
        if not place:
            raise self._lost()
        raise RequestError(
            f"ComfyUI at {self._server.address} has said nothing for {self._patience:g} s; it hangs.",
            f"See its console, restart it. {_GO_ON}",
        )

    def _lost(self) -> RequestError:
        return RequestError(
            f"ComfyUI at {self._server.address} knows nothing of our job any more: was it restarted?",
            _GO_ON,
        )

    def _interrupted(self) -> RequestError:
        return RequestError("The edit was interrupted in ComfyUI.", _GO_ON)

    def _failed(self, data: dict) -> RequestError:
        """The sentence for a node's error."""
        node = self._workflow.name_of(data.get("node_id", "?"))
        said = brief(data.get("exception_message") or data.get("exception_type") or "it does not say why")
        return RequestError(
            f'ComfyUI failed at the node "{node}": {said}.',
            "Run the workflow in ComfyUI itself; if its memory is too small, take a smaller model there.",
        )

    def _checked(self, entry: dict) -> dict:
        """The history of a job that ended well."""
        status = entry.get("status")
        if not isinstance(status, dict) or status.get("status_str") != "error":
            return entry
        messages = status.get("messages")
        for message in messages if isinstance(messages, list) else []:
            match message:
                case ["execution_error", dict(data)]:
                    raise self._failed(data)
                case ["execution_interrupted", _]:
                    raise self._interrupted()
        raise self._failed({})


def _ratio(value: Any, most: Any) -> float:
    """How far a sampler says that it is, 0 where that makes no sense."""
    try:
        ratio = float(value) / float(most)
    except (TypeError, ValueError, OverflowError, ZeroDivisionError):
        return 0.0
    return ratio if 0.0 <= ratio <= 1.0 else 0.0
