"""Talks to a ComfyUI server that an artist runs, here or on another machine: its routes, and nothing trusted.

Only the address that was given is contacted: over http or https, without a proxy, and no redirect is
followed. Every answer's size is bounded and every wait ends. What goes wrong becomes one sentence.
"""

from __future__ import annotations

import json
import secrets
import time
import urllib.error
import urllib.parse
import urllib.request
from email.message import Message
from http.client import HTTPException
from typing import IO, Any

from ft2os.errors import RequestError
from ft2os.files import brief

TIMEOUT_S = 15.0  # without a byte
ANSWER_S = 120.0  # for a whole answer
_MOST_JSON = 8 << 20  # bytes; a job's history quotes its workflow
_MOST_PICTURE = 128 << 20
_MOST_ERROR = 64 << 10
_BUSY = (429, 503)
_PIECE = 1 << 16


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A server that sends us elsewhere may mean anything: the artist named this one."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        return None


class Server:
    """One server.

    Parameters
    ----------
    address : str
        "http://127.0.0.1:8188"; without a scheme, http is meant.

    Raises
    ------
    RequestError
        If it is no address. Nothing is contacted yet.
    """

    def __init__(self, address: str) -> None:
        self.address = checked_address(address)
        self.client = secrets.token_hex(16)
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)

    def upload(self, name: str, png: bytes) -> str:
        """Send a picture; what a node LoadImage calls it. It is gone when the server starts anew."""
        fields = {"type": "temp", "overwrite": "true"}
        body, kind = _form(fields, name, png)
        answer = self._json("/upload/image", body, kind)
        parts = [answer.get(key) for key in ("subfolder", "name", "type")] if isinstance(answer, dict) else []
        match parts:
            case [str(folder), str(name), str(place)]:
                return f"{folder + '/' if folder else ''}{name} [{place}]"
        raise self._odd("the upload of a picture")

    def queue(self, workflow: dict) -> str:
        """Queue a workflow; the job's id.

        Raises
        ------
        RequestError
            If the server refuses it, says that its queue is full, or cannot be reached.
        """
        answer = self._post("/prompt", {"prompt": workflow, "client_id": self.client})
        job = answer.get("prompt_id") if isinstance(answer, dict) else None
        if not isinstance(job, str) or not job:
            raise self._odd("a workflow")
        return job

    def history(self, job: str) -> dict | None:
        """What is known of a job that has ended; None while it has not."""
        answer = self._json(f"/history/{urllib.parse.quote(job, safe='')}")
        found = answer.get(job) if isinstance(answer, dict) else None
        return found if isinstance(found, dict) else None

    def place_in_queue(self, job: str) -> str:
        """Where a job is: "running", "pending", or "" where the server does not know of it."""
        answer = self._json("/queue")
        for place in ("running", "pending"):
            entries = answer.get(f"queue_{place}") if isinstance(answer, dict) else None
            if any(
                isinstance(e, list) and job in e[:2] for e in (entries if isinstance(entries, list) else [])
            ):
                return place
        return ""

    def picture(self, entry: object) -> bytes:
        """The bytes of a picture that a job's history names."""
        names = ("filename", "subfolder", "type")
        if not isinstance(entry, dict) or not all(isinstance(entry.get(name, ""), str) for name in names):
            raise self._odd("a finished job")
        query = urllib.parse.urlencode({name: entry.get(name, "") for name in names})
        return self._answer(f"/view?{query}", most=_MOST_PICTURE)

    def stop(self, job: str) -> None:
        """Take a job out of the queue, or interrupt it. Nobody else's job is touched."""
        self._post("/queue", {"delete": [job]})
        if self.place_in_queue(job) == "running":
            self._post("/interrupt", {"prompt_id": job})

    def free(self) -> None:
        """Let the server give its models' memory back."""
        self._post("/free", {"unload_models": True, "free_memory": True})

    def _post(self, path: str, content: object) -> Any:
        return self._json(path, json.dumps(content).encode(), "application/json")

    def _json(self, path: str, body: bytes | None = None, kind: str = "") -> Any:
        """The answer's JSON; None where it has none, as after /interrupt."""
        data = self._answer(path, body, kind)
        try:
            return json.loads(data) if data.strip() else None
        except (ValueError, RecursionError) as error:
            raise self._odd(path) from error

    def _answer(self, path: str, body: bytes | None = None, kind: str = "", most: int = _MOST_JSON) -> bytes:
        headers = {"Content-Type": kind} if kind else {}
        request = urllib.request.Request(self.address + path, body, headers)
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as response:
                return _read(response, most)
        except urllib.error.HTTPError as error:
            with error:
                raise self._refused(error) from error
        except (OSError, HTTPException) as error:  # URLError and timeouts are OSErrors
            raise self.away(error) from error

    def _refused(self, error: urllib.error.HTTPError) -> RequestError:
        """The sentence for an answer that is an error."""
        if error.code in _BUSY:
            return RequestError(
                f"The ComfyUI server at {self.address} takes no more jobs: its queue is full.",
                "Wait until it has worked some off, then go on.",
            )
        if 300 <= error.code < 400:
            return RequestError(
                f"The server at {self.address} sends us elsewhere, where we do not follow.",
                "Give the address that ComfyUI itself has.",
            )
        if error.code in (401, 403):
            return RequestError(
                f"The server at {self.address} does not let us in ({error.code}).",
                "Use a ComfyUI server that needs no password.",
            )
        if error.code == 404:
            return RequestError(
                f"What answers at {self.address} is no ComfyUI server.",
                "Check the address of the ComfyUI server.",
            )
        try:
            said = _told(json.loads(_read(error, _MOST_ERROR)))
        except (OSError, HTTPException, ValueError, RecursionError):
            said = ""
        if error.code == 400:
            return RequestError(
                f"ComfyUI refused the workflow{': ' if said else ''}{said}.",
                "Run the workflow in ComfyUI itself first, then export it again.",
            )
        return RequestError(
            f"The ComfyUI server at {self.address} failed ({error.code}{': ' if said else ''}{said}).",
            "See its console for the reason.",
        )

    def away(self, error: Exception) -> RequestError:
        """The sentence for a server that does not answer."""
        reason = brief(getattr(error, "reason", "") or error or type(error).__name__)
        return RequestError(
            f"No ComfyUI server answers at {self.address}: {reason}.",
            "Start ComfyUI there, or give the address where it runs.",
        )

    def _odd(self, what: str) -> RequestError:
        return RequestError(
            f"The server at {self.address} answered {what} as ComfyUI does not.",
            "Check the address, and update ComfyUI.",
        )


def checked_address(text: str) -> str:
    """The address without a slash at its end.

    Raises
    ------
    RequestError
        If it is not one of http or https, or holds a password.
    """
    address = text.strip() if "://" in text else f"http://{text.strip()}"
    try:
        parts = urllib.parse.urlsplit(address)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        fits = fits and not (parts.query or parts.fragment or parts.username or parts.password)
    except ValueError:
        fits = False
    if not fits or any(c.isspace() or not c.isprintable() for c in address):
        raise RequestError(
            f"{brief(text)} is no address of a ComfyUI server.", "Give one such as http://127.0.0.1:8188."
        )
    return address.rstrip("/")


def _read(response: Any, most: int) -> bytes:
    """All of an answer.

    Raises
    ------
    OSError
        If it is too large, too slow, or ends before its end.
    """
    promised = response.headers.get("Content-Length", "")
    until = time.monotonic() + ANSWER_S
    left = int(promised) if promised.isdecimal() and len(promised) < 20 else None
    pieces: list[bytes] = []
    while left != 0 and (piece := response.read1(_PIECE)):  # what there is, not all of it: it may trickle
        pieces.append(piece)
        most, left = most - len(piece), None if left is None else max(left - len(piece), 0)
        if most < 0:
            raise OSError("its answer is too large")
        if time.monotonic() > until:
            raise OSError("its answer takes too long")
    if left:
        raise OSError("its answer broke off")
    return b"".join(pieces)


def _told(answer: object) -> str:
    """What ComfyUI says is wrong with a workflow, in one line."""
    if not isinstance(answer, dict):
        return ""
    error, nodes = answer.get("error"), answer.get("node_errors")
    parts = [error.get("message", "") if isinstance(error, dict) else error]
    for name, node in list(nodes.items())[:3] if isinstance(nodes, dict) else []:
        faults = node.get("errors") if isinstance(node, dict) else None
        for fault in faults[:2] if isinstance(faults, list) else []:
            if isinstance(fault, dict):
                words = ", ".join(str(fault[key]) for key in ("message", "details") if fault.get(key))
                parts.append(f"node {name} ({node.get('class_type', '')}): {words}")
    return brief("; ".join(str(part) for part in parts if part))


def _form(fields: dict[str, str], name: str, png: bytes) -> tuple[bytes, str]:
    """Body and kind of a form with one picture (RFC 7578)."""
    boundary = secrets.token_hex(16)
    head = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
        for key, value in fields.items()
    )
    head += (
        f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="{name}"\r\n'
        "Content-Type: image/png\r\n\r\n"
    )
    return (
        head.encode() + png + f"\r\n--{boundary}--\r\n".encode(),
        f"multipart/form-data; boundary={boundary}",
    )
