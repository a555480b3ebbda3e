"""The artist's wait: a draft asked of a real worker process that is warm and has the scene loaded.

The worker is spoken to as Blender does it, over its pipes with the extension's own client.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.stylize.subject import PROMPT, ROOT, SEED, Subject, resized
from ft2os import gaussians_npy
from ft2os.gaussians import Gaussians
from ft2os.strict_json import to_json

GAUSSIANS = 40_000
FIRST_PICTURE_GOAL_S, END_GOAL_S = 2.0, 5.0
_POLL_S = 0.005
_TIMEOUT_S = 600


def _client_class():
    """The extension's client. Its parent package imports bpy, so ``jobs`` is loaded without it."""
    if "ft2os_jobs" not in sys.modules:
        folder = ROOT / "ft2os_blender" / "jobs"
        spec = importlib.util.spec_from_file_location(
            "ft2os_jobs", folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        sys.modules["ft2os_jobs"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["ft2os_jobs"])
    from ft2os_jobs.client import Client

    return Client


def measure(subject: Subject, method: str, count: int = GAUSSIANS) -> dict:
    """A draft of ``count`` Gaussians through the worker: seconds to the first picture and to the look.

    An object of that many is made up from the scene's own. A run before the one that counts makes the worker
    warm, as it is after an artist's first.
    """
    target = resized(subject.target, count)
    with tempfile.TemporaryDirectory(prefix="ft2os-benchmark-") as folder:
        client = _client_class()(sys.executable, {}, Path(folder) / "worker.log")
        try:
            asked = {"method": method, "preset": "draft", "prompt": PROMPT, "seed": SEED}
            asked |= _scene(client, subject, target, Path(folder))
            asked["overrides"] = to_json(subject.request(method, "draft").overrides)
            _run(client, asked)
            row = _run(client, asked)
        finally:
            client.close()
    return {
        "method": method,
        "gaussians": count,
        "goals": {"first_picture_seconds": FIRST_PICTURE_GOAL_S, "seconds": END_GOAL_S},
        **row,
    }


def _scene(client, subject: Subject, target: Gaussians, folder: Path) -> dict:
    """Put object and surroundings into the worker; the parameters that name them."""
    keys = []
    for gaussians in (target, subject.context):
        keys.append(gaussians_npy.digest(gaussians))
        path = gaussians_npy.write(folder / f"{keys[-1]}.npy", gaussians)
        client.request("data.put", {"key": keys[-1], "path": str(path)}).wait(_TIMEOUT_S)
    matrix = [float(i % 5 == 0) for i in range(16)]
    instances = [{"data": key, "look": None, "strength": 1.0, "matrix": matrix} for key in keys]
    cameras = [
        {
            "viewmats": [camera.viewmat.ravel().tolist()],
            "Ks": [camera.K.ravel().tolist()],
            "size": [camera.width, camera.height],
        }
        for camera in subject.cameras
    ]
    return {
        "target": instances[0],
        "context": instances[1:],
        "cameras": cameras,
        "out": str(folder / "look.npy"),
    }


def _run(client, asked: dict) -> dict:
    """One stylization, timed from the request to the picture's and the look's arrival."""
    seen: dict[str, object] = {"stage": "", "first": None}
    start = time.perf_counter()

    def progress(params: dict) -> None:
        seen["stage"] = params["stage"]

    def preview(params: dict) -> None:
        # While CLIP ranks materials one still sees the original, which is no picture of the result.
        if seen["first"] is None and seen["stage"] != "rank":
            seen["first"] = time.perf_counter() - start

    pending = client.request("stylize", asked, progress, preview)
    while not pending.poll():
        time.sleep(_POLL_S)
    end = time.perf_counter() - start
    stats = pending.wait()["stats"]
    return {
        "first_picture_seconds": seen["first"],
        "seconds": end,
        "gaussians_split": stats["gaussians"],
        "stages": stats.get("stages") or stats.get("seconds"),
    }
