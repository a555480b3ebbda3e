"""Errors for the user: a report, and the same two sentences in the panel until the next attempt."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable

import bpy
from bpy.props import StringProperty

from ft2os.errors import FileError, Ft2osError


def show_error(context: bpy.types.Context, error: Exception | None) -> None:
    """Put an error into the panel; None clears it."""
    session = context.window_manager.ft2os
    session.error = getattr(error, "message", str(error)) if error else ""
    session.hint = getattr(error, "hint", "") if error else ""


class _Warnings(logging.Handler):
    """Collects the library's warnings while an operator runs."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: dict[str, None] = {}  # in order, each once: every lens gives the same warning

    def emit(self, record: logging.LogRecord) -> None:
        self.messages[record.getMessage()] = None


def guarded(execute: Callable) -> Callable:
    """Wrap ``execute`` so that errors with a message are reported and cancel the operator; so are warnings.

    Anything else is a bug: it is reported as one and keeps its traceback in Blender's console.
    """

    @functools.wraps(execute)
    def run(self, context: bpy.types.Context) -> set[str]:
        show_error(context, None)
        warnings = _Warnings()
        logging.getLogger("ft2os").addHandler(warnings)
        try:
            return execute(self, context)
        except Ft2osError as error:
            show_error(context, error)
            self.report({"ERROR"}, str(error))
        except UnicodeError:
            failure = FileError("A text in this file is damaged: it is no UTF-8.", "Type the prompt anew.")
            show_error(context, failure)
            self.report({"ERROR"}, str(failure))
        except OSError as error:
            failure = FileError(
                f"The system refused: {error.strerror or error} ({error.filename or 'no file named'}).",
                "Check that this path may be written to and that its disk has room.",
            )
            show_error(context, failure)
            self.report({"ERROR"}, str(failure))
        finally:
            logging.getLogger("ft2os").removeHandler(warnings)
            for message in warnings.messages:
                self.report({"WARNING"}, f"{message[0].upper()}{message[1:]}")
        return {"CANCELLED"}

    return run


class FT2OS_OT_tell(bpy.types.Operator):
    """Report the result of a job in the status bar, which only an operator can"""

    bl_idname = "ft2os.tell"
    bl_label = "Tell"
    bl_options = {"INTERNAL"}

    message: StringProperty()

    def execute(self, context: bpy.types.Context) -> set[str]:
        self.report({"INFO"}, self.message)
        return {"FINISHED"}


def tell(message: str) -> None:
    """Say something outside of any operator."""
    bpy.ops.ft2os.tell(message=message)


CLASSES = (FT2OS_OT_tell,)
