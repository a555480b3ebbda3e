"""One stylization from request to look: a plain object with ``poll()``, so that a timer, an operator without
a window and a test drive it alike. It holds ids, never Blender pointers: objects move while it runs.
"""

from __future__ import annotations

import logging
from pathlib import Path

import bpy
import numpy as np

from ft2os.errors import CancelledError, Ft2osError, RequestError

from .. import preferences
from ..jobs.manager import manager
from ..scene import axes, build, cameras, display, looks, objects
from .report import show_error

log = logging.getLogger("ft2os")

MAX_CAMERAS = 64


class StylizeJob:
    """A stylization of one object.

    Parameters
    ----------
    context : Context
    obj : Object
        The splat object; its points are sent as they are now.

    Attributes
    ----------
    error : Ft2osError or None
        Why it failed; the object is then as it was.
    finished : bool

    Raises
    ------
    Ft2osError
        If the request makes no sense or the backend cannot be started; nothing has changed then.
    """

    def __init__(self, context: bpy.types.Context, obj: bpy.types.Object) -> None:
        self.error: Ft2osError | None = None
        self.finished = False
        self._uid, self._name = obj.session_uid, obj.name
        self._ids = looks.point_ids(obj.data)
        params = _request(context, obj)
        self._prompt = params["prompt"]
        self._pending = manager.submit("stylize", params, on_progress=self._progress)
        session = context.window_manager.ft2os
        session.busy, session.target = True, obj.name
        session.stage, session.factor, session.remaining = "Starting", 0.0, -1.0

    def cancel(self) -> None:
        """Ask the backend to stop; what it has so far becomes a look."""
        self._pending.cancel()
        bpy.context.window_manager.ft2os.stage = "Cancelling"

    def poll(self) -> bool:
        """Take what came from the backend; whether the job has ended. Main thread only."""
        if self.finished:
            return True
        if self._pending.poll():
            self.finished = True
            bpy.context.window_manager.ft2os.busy = False
            try:
                self._take()
            except Ft2osError as error:
                self.error = error
                show_error(bpy.context, error)
        preferences.redraw()
        return self.finished

    def _progress(self, params: dict) -> None:
        session = bpy.context.window_manager.ft2os
        session.stage = str(params.get("stage", "")).capitalize()
        # Stages may count anew; a bar that goes back looks like a fault.
        session.factor = max(session.factor, params.get("step", 0) / max(params.get("total") or 1, 1))
        eta = params.get("eta_s")
        session.remaining = -1.0 if eta is None else eta

    def _take(self) -> None:
        """Turn the answer into a look of the object."""
        error, result = self._pending.error, self._pending.result
        if error is not None:
            result = (getattr(error, "data", None) or {}).get("partial")
            if error.code != CancelledError.code:
                raise error
            if not result:
                raise CancelledError("Cancelled; the object is unchanged.")
        from ft2os.looks import Look

        obj = next((o for o in bpy.data.objects if o.session_uid == self._uid), None)
        if obj is None:
            raise RequestError(f"{self._name} was removed meanwhile.", "Undo, and stylize it again.")
        path = Path(result["path"])
        try:
            item = looks.add_look(obj, Look.load(path), self._ids)
        finally:
            for file in path.parent.glob(f"{path.stem}*"):
                file.unlink(missing_ok=True)
        if error is not None:
            item.name = f"{item.name} (cancelled)"
        display.show(obj)
        _push_undo(f"Stylize: {item.name}")


def _request(context: bpy.types.Context, obj: bpy.types.Object) -> dict:
    """The parameters of the protocol's ``stylize``."""
    settings = context.scene.ft2os
    if not settings.prompt.strip():
        raise RequestError("The prompt is empty.", "Say what the object shall become, for example: lava.")
    context.view_layer.update()  # world matrices of what was moved a moment ago
    shown = [other for other in objects.splats(context.visible_objects) if other != obj]
    out = manager.folder() / f"stylize-{obj.session_uid}-{len(obj.ft2os.looks)}.npy"
    return {
        "target": {**_instance(obj), "look": None},
        "context": [_instance(other) for other in shown if len(other.data.points)],
        "prompt": settings.prompt.strip(),
        "object_name": obj.ft2os.label or obj.name,
        "method": settings.method,
        "preset": settings.preset,
        "seed": settings.seed,
        "overrides": {},
        "cameras": _cameras(obj),
        "out": str(out),
    }


def _instance(obj: bpy.types.Object) -> dict:
    """An object as the protocol's instance, with the look that it wears."""
    item = looks.active_look(obj)
    worn = item is not None and item.strength > 0
    return {
        "data": manager.put(objects.read_gaussians(obj)),
        "look": manager.put_look(looks.read_look(item)) if worn else None,
        "strength": item.strength if worn else 1.0,
        "matrix": _to_rdf(obj).reshape(-1).tolist(),
    }


def _cameras(obj: bpy.types.Object) -> list[dict] | None:
    """The capture's cameras, evenly thinned, grouped by size; None where the scene came without."""
    root = build.root_of(obj)
    captured = [child for child in root.children if cameras.intrinsics(child)] if root is not None else []
    if not captured:
        return None
    groups: dict[tuple[int, int], dict] = {}
    for i in np.unique(np.linspace(0, len(captured) - 1, MAX_CAMERAS).astype(int)):
        K, width, height = cameras.intrinsics(captured[i])
        pose = _to_rdf(captured[i]) @ axes.CAMERA_FLIP
        pose[:3, :3] /= np.cbrt(np.linalg.det(pose[:3, :3]))  # a scaled scene does not scale its cameras
        same = groups.setdefault((width, height), {"viewmats": [], "Ks": [], "size": [width, height]})
        same["viewmats"].append(np.linalg.inv(pose).reshape(-1).tolist())
        same["Ks"].append(K.reshape(-1).tolist())
    return list(groups.values())


def _to_rdf(obj: bpy.types.Object) -> np.ndarray:
    return axes.to_rdf(np.array(obj.matrix_world))


def _push_undo(message: str) -> None:
    """A result arrives outside of any operator, and must be undoable like one."""
    try:
        bpy.ops.ed.undo_push(message=message)
    except RuntimeError:
        log.info("no undo step: %s", message)
