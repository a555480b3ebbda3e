"""The errors that ft2os raises on purpose.

Each says what happened (``message``) and what to do about it (``hint``), both one sentence in the user's
words. The CLI prints them as two lines and exits with 1; the worker sends them as ``message`` and ``hint``;
the extension shows them as a report. Anything else that escapes is a bug and keeps its traceback.
"""

from __future__ import annotations

from typing import Any


class Ft2osError(Exception):
    """Something the user can understand and act on.

    Parameters
    ----------
    message : str
        One sentence: what is wrong.
    hint : str
        One sentence: what to do.

    Attributes
    ----------
    data : dict
        More facts that the worker sent along, such as where a partial result lies.
    """

    code = "error"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.data: dict[str, object] = {}

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class FileError(Ft2osError):
    """A file cannot be read, written or understood."""

    code = "file"


class InvalidValuesError(FileError):
    """A file holds NaN or infinite values; ``count`` Gaussians are affected."""

    code = "invalid-values"

    def __init__(self, message: str, hint: str, count: int) -> None:
        super().__init__(message, hint)
        self.count = count


class RequestError(Ft2osError):
    """What was asked for does not exist or makes no sense (unknown group, empty prompt)."""

    code = "request"


class UnknownPromptError(RequestError):
    """No material is named by the prompt; ``nearest`` lists the closest ones."""

    code = "unknown-prompt"

    def __init__(self, message: str, hint: str, nearest: list[str]) -> None:
        super().__init__(message, hint)
        self.nearest = nearest


class MissingError(Ft2osError):
    """An optional part (an extra, model weights, a GPU) is not installed."""

    code = "missing"


class BackendError(Ft2osError):
    """The worker process cannot be started, died, or speaks another protocol."""

    code = "backend"


class CancelledError(Ft2osError):
    """The user cancelled; ``partial`` is the best result so far, or None."""

    code = "cancelled"

    def __init__(self, message: str = "Cancelled.", partial: Any = None) -> None:
        super().__init__(message)
        self.partial = partial
