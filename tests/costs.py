"""What a piece of code costs in a process of its own: seconds and memory over that process's start.

Hostile input must be refused before it has taken time or memory, which only the operating system's own
account shows: the peak of a fresh process, less what it had when its imports were done. On Linux that is
``VmHWM``, because ``ru_maxrss`` of a child begins with its parent's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MB = 1 << 20

_PREFACE = """
import json, os, resource, sys, time, traceback
def _peak():
    if sys.platform == "linux":
        with open("/proc/self/status") as _status:
            return next(int(line.split()[1]) * 1024 for line in _status if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
{imports}
from ft2os.errors import Ft2osError as _Ft2osError
_start, _began, _error, _kind = _peak(), time.perf_counter(), "", ""
try:
{body}
except _Ft2osError as error:
    _error, _kind = str(error), "refused"
except BaseException as error:
    _error, _kind = traceback.format_exc(), "bug"
with os.fdopen({answer}, "w") as _stream:
    json.dump([_kind, _error, time.perf_counter() - _began, _peak() - _start], _stream)
"""


@dataclass(frozen=True)
class Cost:
    """How the code ended, and what it took.

    Parameters
    ----------
    kind : str
        ``""``: it ended; ``"refused"``: it raised one of our errors; ``"bug"``: it raised anything else.
    error : str
        The sentence, or the traceback.
    seconds : float
        Of wall time, imports not counted.
    extra : int
        Bytes of the process's peak over what it held after its imports.
    """

    kind: str
    error: str
    seconds: float
    extra: int

    def refused(self, seconds: float = 1.0, extra: int = 200 * MB) -> str:
        """The sentence of a refusal that came within these bounds; anything else fails the test."""
        assert self.kind == "refused", self.error or "it was taken"
        assert self.seconds < seconds, f"refused only after {self.seconds:.1f} s"
        assert self.extra < extra, f"refused only after {self.extra / MB:.0f} MB"
        return self.error


def cost(code: str, *args: object, imports: str = "", timeout: float = 60, env: dict | None = None) -> Cost:
    """Run ``code`` in a fresh process; ``sys.argv[1:]`` are ``args``.

    ``imports`` run before the account begins. A process that runs past ``timeout`` seconds fails the test.
    """
    readable, writable = os.pipe()
    body = "\n".join("    " + line for line in code.strip().splitlines())
    script = _PREFACE.format(imports=imports, body=body, answer=writable)
    paths = [str(ROOT / "backend"), str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **(env or {})}
    with os.fdopen(readable) as answer:
        try:
            ended = subprocess.run(
                [sys.executable, "-c", script, *map(str, args)],
                pass_fds=[writable],
                env=environment,
                timeout=timeout,
                capture_output=True,
                text=True,
            )
        finally:
            os.close(writable)
        said = answer.read()
    assert said, f"the process died with {ended.returncode}: {ended.stderr[-2000:]}"
    return Cost(*json.loads(said))
