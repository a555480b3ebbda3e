"""A real worker process and a plain line-by-line peer to talk to it."""

from __future__ import annotations

import importlib.util
import json
import os
import queue
import subprocess
import sys
import threading

import numpy as np
import pytest

from ft2os import gaussians_npy
from tests.conftest import ROOT

TIMEOUT = 120  # a cold numba cache compiles for half a minute on a busy machine


def _load_jobs() -> None:
    """``ft2os_blender.jobs`` as ``ft2os_jobs``: its parent imports bpy, the client must work without."""
    folder = ROOT / "ft2os_blender" / "jobs"
    spec = importlib.util.spec_from_file_location(
        "ft2os_jobs", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    sys.modules["ft2os_jobs"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules["ft2os_jobs"])


_load_jobs()


class Peer:
    """Writes bytes to a worker, reads its messages in order."""

    def __init__(self, command=(sys.executable, "-m", "ft2os.worker"), **env: str) -> None:
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | env
        )
        self.lines: list[bytes] = []
        self.seen: list[dict] = []
        self._queue: queue.Queue[dict | None] = queue.Queue()
        self._next = 100
        threading.Thread(target=self._read, daemon=True).start()

    def send(self, *messages: dict | bytes) -> None:
        lines = [m if isinstance(m, bytes) else json.dumps(m).encode() + b"\n" for m in messages]
        self.process.stdin.write(b"".join(lines))
        self.process.stdin.flush()

    def call(self, method: str, **params) -> dict:
        """Send a request and return its answer."""
        message = self.message(method, **params)
        self.send(message)
        return self.until(lambda m: m.get("id") == message["id"])

    def message(self, method: str, **params) -> dict:
        self._next += 1
        return {"jsonrpc": "2.0", "id": self._next, "method": method, "params": params}

    def until(self, wanted) -> dict:
        """The next message that ``wanted`` takes; the others go to ``seen``."""
        while True:
            message = self._queue.get(timeout=TIMEOUT)
            assert message is not None, "the worker ended"
            self.seen.append(message)
            if wanted(message):
                return message

    def answer(self, message: dict) -> dict:
        return self.until(lambda m: m.get("id") == message["id"])

    def initialize(self) -> dict:
        return self.call("initialize", protocol="1.0", client="test")["result"]

    def put(self, path, gaussians) -> str:
        key = gaussians_npy.digest(gaussians)
        answer = self.call("data.put", key=key, path=str(gaussians_npy.write(path, gaussians)))
        assert answer["result"] == {"count": len(gaussians)}
        return key

    def end(self) -> int:
        """Close its input; the exit code."""
        self.process.stdin.close()
        return self.process.wait(TIMEOUT)

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.append(line)
            self._queue.put(json.loads(line))
        self._queue.put(None)


@pytest.fixture
def start():
    """Start workers; whatever is left of them ends with the test."""
    peers = []

    def make(*args, **env) -> Peer:
        peers.append(Peer(*args, **env))
        return peers[-1]

    yield make
    for peer in peers:
        peer.process.kill()
        peer.process.wait()
        peer.process.stdin.close()


@pytest.fixture
def peer(start) -> Peer:
    """A worker that was greeted."""
    made = start()
    made.initialize()
    return made


def view(distance: float = 4.0, size: int = 48) -> dict:
    """Render parameters of a camera in front of the origin."""
    viewmat = np.eye(4)
    viewmat[2, 3] = distance
    K = np.array([[size, 0, size / 2], [0, size, size / 2], [0, 0, 1.0]])
    return {
        "viewmats": [viewmat.ravel().tolist()],
        "Ks": [K.ravel().tolist()],
        "size": [size, size],
    }


def instance(key: str, matrix=None, **more) -> dict:
    matrix = np.eye(4) if matrix is None else matrix
    return {"data": key, "look": None, "strength": 1.0, "matrix": np.ravel(matrix).tolist()} | more


def pictures(path, size: int = 48, views: int = 1) -> np.ndarray:
    """A new file for pictures, mapped.  [C, H, W, 5]"""
    return np.memmap(path, np.float32, "w+", shape=(views, size, size, 5))
