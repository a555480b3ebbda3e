"""Writing a file in a process of its own, for libraries that hold the interpreter for as long as they work.

Meanwhile the process that asked goes on: its heartbeat beats, and Ctrl-C and cancel take effect at once. They
end the writing process, whose memory goes with it. It also ends by itself when the one that asked ends.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ft2os
from ft2os import gaussians_npy, protocol
from ft2os.errors import FileError, Ft2osError
from ft2os.formats import registry
from ft2os.formats.format import Format
from ft2os.gaussians import Gaussians

LOOK_S = 0.1  # between looks at whether the file is still wanted


def write(file_format: Format, path: Path, gaussians: Gaussians, look: Callable[[], None]) -> None:
    """Run ``file_format.write(path, gaussians)`` in another process.

    Parameters
    ----------
    look : callable
        Called ten times a second; may raise to stop.

    Raises
    ------
    FileError
        Or what else the format raises.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"{path.name}.", dir=path.parent))
    try:
        rows = gaussians_npy.write(folder / "rows.npy", gaussians)
        packed = folder / f"packed{file_format.endings[0]}"
        _run(["-m", __name__, file_format.name, str(rows), str(packed)], file_format, look)
        os.replace(packed, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(arguments: list[str], file_format: Format, look: Callable[[], None]) -> None:
    """Run our Python until it ends or ``look`` raises; raise what went wrong in it."""
    readable, writable = os.pipe()  # nothing is ever written: its end tells the other of ours
    try:
        other = subprocess.Popen(
            [sys.executable, "-P", *arguments],
            stdin=readable,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(Path(ft2os.__file__).parents[1])},
            **_apart(),
        )
        os.close(readable)
        readable = -1
        try:
            said = _wait(other, look)
        finally:
            other.kill()
            other.wait()
            if other.stdout is not None:
                other.stdout.close()
    finally:
        for end in (readable, writable):
            if end >= 0:
                os.close(end)
    if said:
        raise protocol.to_error(json.loads(said)["error"])
    if other.returncode:
        raise FileError(
            f"The {file_format.title} could not be made: its converter ended with {other.returncode}.",
            "Choose another format.",
        )


def _wait(other: subprocess.Popen, look: Callable[[], None]) -> bytes:
    """All that it has written to its output, once it has ended."""
    while True:
        look()
        try:
            return other.communicate(timeout=LOOK_S)[0]
        except subprocess.TimeoutExpired:
            pass


def _apart() -> dict[str, Any]:
    """Options that keep our terminal's Ctrl-C from the other process, which we end ourselves."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


# The other process.


def main(name: str, rows: str, out: str) -> int:
    """Write the Gaussians of a ``gaussians_npy`` file in the format of that name; say what went wrong."""
    end_with_parent()
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the library prints is for the log
    try:
        registry.named(name).write(Path(out), gaussians_npy.read(rows))
    except Ft2osError as error:
        json.dump(protocol.failure(None, error), answer)
        answer.close()
        return 1
    return 0


def end_with_parent() -> None:
    """End this process when whoever holds the other end of its standard input has ended."""
    if sys.platform != "linux":
        threading.Thread(target=_read_to_the_end, daemon=True).start()
        return
    import fcntl
    import select

    # The system itself acts on this signal, so that no library can be in its way.
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([0], [], [], 0)[0]:  # it had ended before
        os._exit(1)


def _read_to_the_end() -> None:
    while os.read(0, 1024):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
