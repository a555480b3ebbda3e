"""Writing to the worker from a thread of its own. No bpy here.

Two things must not happen to Blender. It must not wait where the worker does not read and the pipe is full.
And it must not die where the worker has died: some builds of Blender leave SIGPIPE at its default action,
which ends the program without a word. So one thread writes, and that signal is blocked in it: a closed pipe
is then an error like any other, and the client's reader says what became of the worker.
"""

from __future__ import annotations

import contextlib
import io
import queue
import signal
import sys
import threading

_F_SETNOSIGPIPE = 73  # macOS' <sys/fcntl.h>: there the signal goes to the process, not to the thread


class Writer:
    """Writes lines to ``stream``, a raw pipe, in order."""

    def __init__(self, stream: io.RawIOBase) -> None:
        self._stream = stream
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        threading.Thread(target=self._write, name="ft2os-writer", daemon=True).start()

    def put(self, line: bytes) -> None:
        """Write a line when those before it are written; never waits."""
        self._lines.put(line)

    def close(self) -> None:
        """Close the stream when what waits is written; never waits."""
        self._lines.put(None)

    def _write(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # it died: the client's reader notices, and knows more
            _without_sigpipe(self._stream)
            while (line := self._lines.get()) is not None:
                view = memoryview(line)
                while view:
                    view = view[self._stream.write(view) :]
        with contextlib.suppress(OSError):
            self._stream.close()


def _without_sigpipe(stream: io.RawIOBase) -> None:
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPIPE})
    if sys.platform == "darwin":
        import fcntl

        fcntl.fcntl(stream.fileno(), _F_SETNOSIGPIPE, 1)
