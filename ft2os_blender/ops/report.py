"""Errors for the user: a report, and the same two sentences in the panel until the next attempt."""

from __future__ import annotations

import functools
from collections.abc import Callable

import bpy

from ft2os.errors import FileError, Ft2osError


def show_error(context: bpy.types.Context, error: Exception | None) -> None:
    """Put an error into the panel; None clears it."""
    session = context.window_manager.ft2os
    session.error = getattr(error, "message", str(error)) if error else ""
    session.hint = getattr(error, "hint", "") if error else ""


def guarded(execute: Callable) -> Callable:
    """Wrap ``execute`` so that errors with a message are reported and cancel the operator.

    Anything else is a bug: it is reported as one and keeps its traceback in Blender's console.
    """

    @functools.wraps(execute)
    def run(self, context: bpy.types.Context) -> set[str]:
        show_error(context, None)
        try:
            return execute(self, context)
        except Ft2osError as error:
            show_error(context, error)
            self.report({"ERROR"}, str(error))
        except OSError as error:
            failure = FileError(
                f"The system refused: {error.strerror or error} ({error.filename or 'no file named'}).",
                "Check that this path may be written to and that its disk has room.",
            )
            show_error(context, failure)
            self.report({"ERROR"}, str(failure))
        return {"CANCELLED"}

    return run
