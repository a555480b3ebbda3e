"""The line protocol between Blender (or any client) and the worker: message shapes, framing, errors.

JSON-RPC 2.0 objects, one a line, UTF-8, strict JSON (no NaN). Both halves import this module, and it needs
the standard library only. Bulk data never travels in a message; files do, named by path:

=============  =========================================================  ==============================
method         params                                                     result
=============  =========================================================  ==============================
initialize     protocol, client                                           protocol, version, device,
                                                                          rasterizer, methods, editors
data.put       key, path (``ft2os.gaussians_npy``)                        count
scene.convert  path, drop_invalid, out (the endings name the formats)     path, format, count
render         instances, viewmats, Ks, size, background, antialiased,    path
               revision, out
stylize        target, context, prompt, style_image, object_name,         path, stats
               method, preset, seed, overrides, cameras, checkpoint,
               resume, live, out
views          target, views, pixels, scene, group, look, out             path, views
editors.fetch  name, accept_licence                                       editors
editors.remove name                                                       editors, bytes
select         (not available yet)
shutdown                                                                  null
=============  =========================================================  ==============================

An *instance* is ``{data: key, look: path | null, strength, matrix, holdout}``; ``matrix`` is 16 floats,
row-major, object to right-down-forward world; a ``holdout`` cuts a hole into what lies behind it. ``render``
writes C pictures into ``out``, a raw little-endian float32 file [C, H, W, 5] that the client made and maps:
display-referred r, g, b, premultiplied by alpha, and planar depth (1e10 where nothing reaches alpha ½). A
``background`` of three numbers fills the picture to alpha 1, but for holdouts. ``revision`` grows with each
change of one ``out``: a request that a newer one has overtaken is answered with the error ``superseded``.
``antialiased`` draws as Mip-Splatting trains: what is smaller than a pixel keeps its light. ``methods`` of
``initialize`` is {method: {preset: what it lacks here}}, {message, hint} or null; clients of 0.1 read
``guidance`` instead, the names of the methods that can run. ``editors`` are those of pictures that have a
name, {name, title, licence, commercial, page, download, folder, here, fetched, lacks} each: bytes to download
or null, where its weights lie or would lie, whether they are there, whether a download brought them (which
can be removed), and what is lacking before it can edit, {message, hint} or null. ``cameras`` of
``stylize`` is a list of {viewmats, Ks, size}. A cancelled ``stylize`` fails with ``cancelled``;
``data.partial`` is then what the result would have been, if there is something to keep. Several may be sent
at once: they run one after another. A run with a ``checkpoint`` keeps its state in that file, and goes on
from it with ``resume``. ``scene.convert`` runs beside everything else; it tells its progress and can be
cancelled, and then leaves what was there before. So does ``editors.fetch``, which goes on where it stopped.
``views`` writes a new folder of pictures of ``target``, in its look where it has one, for an artist to edit;
``scene``, ``group`` and ``look`` are names for people.

Notifications to the client: ``progress`` {id, stage, step, total, eta_s, loss, metrics}, ``preview`` {id,
image, colours}, of which either may be null (``colours`` is a look file of the run as it is now, sent where
``live`` was asked for), and, every second, ``heartbeat`` {id, state}. To the worker: ``$/cancel`` {id}.
"""

from __future__ import annotations

import json
from typing import Any

from ft2os import errors
from ft2os.errors import BackendError, Ft2osError, RequestError

PROTOCOL = "1.0"
MAX_LINE = 8 * 2**20  # bytes; a thousand cameras take half a megabyte
CHANNELS = 5  # of a rendered picture: red, green, blue, alpha, depth
HEARTBEAT_S = 1.0
STATES = ("idle", "loading", "compiling", "working")
SLOW_STATES = ("loading", "compiling")  # a silent worker gets more time in these

# JSON-RPC wants integers; the word that says which error it is travels in data.kind.
CODES = {"parse": -32700, "invalid": -32600, "unknown-method": -32601, "bug": -32603}
OTHER_CODE = -32000


class ProtocolError(Ft2osError):
    """A line that is not a message of this protocol."""

    code = "parse"


class UnknownMethodError(RequestError):
    """A method that this worker does not have."""

    code = "unknown-method"


class SupersededError(RequestError):
    """A newer revision of the same picture was asked for before this one was drawn."""

    code = "superseded"


class UnknownDataError(RequestError):
    """The worker does not hold the data of this key; put it again."""

    code = "unknown-data"


def encode(message: dict[str, Any]) -> bytes:
    """One line, newline included; pure ASCII, so that paths with undecodable bytes survive as escapes.

    Raises
    ------
    ValueError
        For NaN or infinity, which JSON does not have.
    """
    return json.dumps(message, allow_nan=False, separators=(",", ":")).encode("ascii") + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """The message in a line.

    Raises
    ------
    ProtocolError
        If the line is too long, not strict JSON, or not a JSON-RPC 2.0 message.
    """
    if len(line) > MAX_LINE:
        raise ProtocolError(f"A message is longer than {MAX_LINE} bytes.", "Send bulk data as files.")
    try:
        message = json.loads(line.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"A line is not JSON: {error}.", "Send one JSON-RPC 2.0 object a line.") from None
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        raise ProtocolError("A line is not a JSON-RPC 2.0 object.", "Send one JSON-RPC 2.0 object a line.")
    if not _is_id(message.get("id")):
        raise ProtocolError("A message's id is neither a number nor a short string.", "Number the requests.")
    return message


def _is_id(value: Any) -> bool:
    """Whether a value may be an id: short, since every heartbeat of a job repeats it."""
    if isinstance(value, str):
        return len(value) <= 256
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63)


def request(id: int | str, method: str, params: dict[str, Any]) -> dict[str, Any]:
    """A call that is answered once, with the same id."""
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": params}


def notification(method: str, params: dict[str, Any]) -> dict[str, Any]:
    """A call without an answer."""
    return {"jsonrpc": "2.0", "method": method, "params": params}


def result(id: int | str | None, value: Any) -> dict[str, Any]:
    """The answer to a request that succeeded."""
    return {"jsonrpc": "2.0", "id": id, "result": value}


def failure(id: int | str | None, error: BaseException, traceback: str = "", **data: Any) -> dict[str, Any]:
    """The answer to a request that failed; anything but an `Ft2osError` counts as a bug of ours.

    ``data`` may carry more facts, such as the path of a cancelled job's partial result.
    """
    if isinstance(error, Ft2osError):
        kind, message, hint = error.code, error.message, error.hint
    else:
        kind, message = "bug", f"The backend hit an unexpected error ({type(error).__name__}: {error})."
        hint = "Please report it with the log file."
    body = {"code": CODES.get(kind, OTHER_CODE), "message": message, "hint": hint}
    body["data"] = {"kind": kind, "traceback": traceback, **data}
    return {"jsonrpc": "2.0", "id": id, "error": body}


def to_error(body: dict[str, Any]) -> Ft2osError:
    """The Python error for an answer's ``error`` object, with its ``code``, ``hint`` and ``data`` again."""
    data = body.get("data") or {}
    kind = data.get("kind", "error")
    error = _KINDS.get(kind, Ft2osError)(body.get("message", ""), body.get("hint", ""))
    error.code = kind
    error.data = data
    return error


def check_version(theirs: object) -> None:
    """Refuse a peer whose protocol has another major number.

    Raises
    ------
    BackendError
    """
    if str(theirs).split(".")[0] != PROTOCOL.split(".")[0]:
        raise BackendError(
            f"The extension and the backend speak different protocols ({theirs} and {PROTOCOL}).",
            'Press "Install backend" in the Preferences, so that both have the same version.',
        )


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


# Errors whose constructor takes only (message, hint); the others come back as their base class.
_KINDS: dict[str, type[Ft2osError]] = {
    kind.code: kind
    for kind in (
        errors.FileError,
        errors.RequestError,
        errors.MissingError,
        errors.BackendError,
        ProtocolError,
        UnknownMethodError,
        SupersededError,
        UnknownDataError,
    )
}
_KINDS["unknown-prompt"] = errors.RequestError
_KINDS["invalid-values"] = errors.FileError
