"""A file that the backend converts, listed beside the stylizations. Blender can be used meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bpy

from ft2os.errors import CancelledError, Ft2osError

from .. import preferences
from ..scene.files import Conversion
from .listed import ListedJob
from .report import show_error


class ConvertJob(ListedJob):
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
        super().__init__()
        self._conversion, self._verb, self._then = conversion, verb, then
        try:
            self._pending = conversion.submit(self._progress)
        except Ft2osError:
            conversion.clean()
            raise
        self._list()

    def title(self) -> tuple[str, str]:
        return self._conversion.path.name, self._verb

    def poll(self) -> bool:
        if self.finished:
            return True
        if self._entry() is None:  # another file was opened
            self._list()
        if self._pending.poll():
            self.finished = True
            self._forget_entry()
            self._end()
        preferences.redraw()
        return self.finished

    def _end(self) -> None:
        try:
            if self._pending.error is not None:
                raise self._conversion.explained(self._pending.error)
            self._then(self._conversion.finish())
        except Ft2osError as error:
            self.error = error
            if error.code != CancelledError.code:  # no error where the artist pressed Cancel
                show_error(bpy.context, error)
        finally:
            self._conversion.clean()
