"""A file that the backend converts, listed beside the stylizations. Blender can be used meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ft2os.errors import Ft2osError

from ..jobs.client import Pending
from ..scene.files import Conversion
from .listed import AnsweredJob


class ConvertJob(AnsweredJob):
    """A conversion, from its request to ``then(result)``.

    Parameters
    ----------
    conversion : Conversion
    verb : str
        What the panel calls it.
    then : callable
        Gets the conversion's result, on the main thread.

    Raises
    ------
    BackendError
        If there is no backend.
    """

    def __init__(self, conversion: Conversion, verb: str, then: Callable[[Any], None]) -> None:
        self._conversion = conversion
        super().__init__(conversion.path.name, verb, then)

    def _submit(self) -> Pending:
        try:
            return self._conversion.submit(self._progress)
        except Ft2osError:
            self._conversion.clean()
            raise

    def _result(self) -> Any:
        if self._pending.error is not None:
            raise self._conversion.explained(self._pending.error)
        return self._conversion.finish()

    def _end(self) -> None:
        try:
            super()._end()
        finally:
            self._conversion.clean()
