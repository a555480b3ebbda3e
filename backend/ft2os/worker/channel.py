"""The worker's pipes: a thread that reads messages as they come, and a lock around what is written.

The reader never waits, neither for a job nor for a client that does not read, so cancelling takes effect at
once and end of input is noticed in the middle of anything. From then on the process has a few seconds.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, BinaryIO

from ft2os import protocol
from ft2os.errors import Ft2osError, RequestError
from ft2os.process import open_standard_streams

log = logging.getLogger(__name__)

EXIT_GRACE_S = 5.0  # after end of input: a job's step may be that long, then the process goes regardless
MAX_WAITING = 32 * 2**20  # bytes of requests that wait
_MAX_REFUSALS = 1000  # that wait to be sent; a client that floods and does not read loses the oldest


def take_stdio() -> tuple[BinaryIO, BinaryIO]:
    """The protocol's two streams, with file descriptors 0 and 1 pointed elsewhere.

    Whatever prints afterwards (a library in C, a stray ``print``) lands on stderr instead of between
    messages, and whatever reads standard input sees its end. A stream that is closed is an empty one.
    """
    open_standard_streams()
    source = os.fdopen(os.dup(0), "rb")
    sink = os.fdopen(os.dup(1), "wb", buffering=0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return source, sink


class Channel:
    """Messages in, messages out.

    Parameters
    ----------
    source, sink : binary streams
        What `take_stdio` returned.
    """

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source, self._sink = source, sink
        self._write_lock = threading.Lock()
        self._arrival = threading.Condition()  # its lock may be taken again by who holds it
        self._inbox: deque[tuple[dict[str, Any], int]] = deque()  # messages and their bytes
        self._waiting = 0  # bytes
        self._refusals: deque[dict[str, Any]] = deque(maxlen=_MAX_REFUSALS)
        self._cancelled: set[int | str] = set()
        self._open_ids: set[int | str] = set()
        self.closed = threading.Event()

    def start(self) -> None:
        """Begin to read."""
        threading.Thread(target=self._read, name="ft2os-reader", daemon=True).start()

    def send(self, message: dict[str, Any]) -> None:
        """Write one message; a client that is gone closes the channel."""
        line = memoryview(protocol.encode(message))
        try:
            with self._write_lock:
                while line:
                    line = line[self._sink.write(line) :]
        except OSError:
            self._end()

    def answer(self, message: dict[str, Any]) -> None:
        """Send the answer to a request, which is then forgotten; one that no client would read is refused."""
        if len(protocol.encode(message)) > protocol.MAX_LINE:
            error = RequestError("The answer is too long for a message.", "Use a scene with fewer names.")
            message = protocol.failure(message["id"], error)
        with self._arrival:
            self._open_ids.discard(message["id"])
            self._cancelled.discard(message["id"])
        self.send(message)

    def receive(
        self, wait: bool, accept: Callable[[dict[str, Any]], bool] = lambda message: True
    ) -> dict[str, Any] | None:
        """The first waiting message that ``accept`` takes.

        None when there is none, and either ``wait`` is false or none can come any more. What the reader
        refused meanwhile is answered on the way.
        """
        while True:
            with self._arrival:
                refusals = list(self._refusals)
                self._refusals.clear()
                message = None if refusals else self._pop(accept)
                if not (refusals or message) and wait and not self.closed.is_set():
                    self._arrival.wait()
                    continue
            for refusal in refusals:
                self.answer(refusal)
            if not refusals:
                return message

    def _pop(self, accept: Callable[[dict[str, Any]], bool]) -> dict[str, Any] | None:
        for i, (message, size) in enumerate(self._inbox):
            if accept(message):
                del self._inbox[i]
                self._waiting -= size
                return message
        return None

    def waiting(self) -> list[dict[str, Any]]:
        """The messages that nobody took yet, oldest first."""
        with self._arrival:
            return [message for message, _ in self._inbox]

    def is_cancelled(self, id: int | str | None) -> bool:
        """Has the client cancelled this request?"""
        return id in self._cancelled

    def close(self) -> None:
        """Forget the waiting messages and take no more."""
        with self._arrival:
            self._inbox.clear()
            self._waiting = 0
        self._end()

    def _read(self) -> None:
        while True:
            try:
                line = self._source.readline(protocol.MAX_LINE + 1)
                if not line:
                    break
                if len(line) > protocol.MAX_LINE and not line.endswith(b"\n"):
                    self._skip_line()
                if line.strip():
                    self._take(protocol.decode(line), len(line))
            except Ft2osError as error:
                log.warning("%s", error)
                self._refuse(None, error)
            except OSError:
                break
        self._end()
        # Not a thread of Python's, so that it also ends what never lets go of the interpreter.
        faulthandler.dump_traceback_later(EXIT_GRACE_S, exit=True, file=2)

    def _take(self, message: dict[str, Any], size: int) -> None:
        id = message.get("id")
        with self._arrival:
            if message.get("method") == "$/cancel":
                params = message.get("params")
                target = params.get("id") if isinstance(params, dict) else None
                if isinstance(target, int | str) and target in self._open_ids:
                    self._cancelled.add(target)
                return
            if self._waiting + size > MAX_WAITING:
                error = RequestError("Too many requests wait.", "Wait for answers before asking for more.")
                self._refuse(id, error)
                return
            if id is not None:
                self._open_ids.add(id)
            self._inbox.append((message, size))
            self._waiting += size
            self._arrival.notify()

    def _refuse(self, id: int | str | None, error: Ft2osError) -> None:
        """Leave the answer to the thread that receives, since writing might wait for the client."""
        with self._arrival:
            self._refusals.append(protocol.failure(id, error))
            self._arrival.notify()

    def _skip_line(self) -> None:
        while True:
            rest = self._source.readline(2**20)
            if not rest or rest.endswith(b"\n"):
                return

    def _end(self) -> None:
        with self._arrival:
            self.closed.set()
            self._arrival.notify_all()
