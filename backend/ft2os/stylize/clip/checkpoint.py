"""What a broken-off run needs to go on to the bit: one safetensors file, its facts as JSON in the header.

The file names the request that it belongs to by a digest of everything that decides the result, so that no
run goes on from another's colours.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from ft2os.errors import FileError, RequestError
from ft2os.files import read_error, replacing
from ft2os.stylize import StylizeRequest
from ft2os.stylize.clip.settings import Shared

VERSION = 1
EVERY_S = 10.0
_FIX = "Start anew without resume, or name another checkpoint."


def digest(request: StylizeRequest, settings: Shared, judge: str) -> str:
    """Of the object, its surroundings, the words, seed, settings, cameras, the style image and the judge."""
    state = hashlib.sha256()
    for gaussians in (request.target, request.context):
        for name in ("means", "quats", "scales", "opacities", "sh") if gaussians is not None else ():
            state.update(np.ascontiguousarray(getattr(gaussians, name)))
    for camera in request.cameras or ():
        state.update(np.ascontiguousarray(camera.viewmat))
        state.update(np.ascontiguousarray(camera.K))
        state.update(b"%d,%d;" % (camera.width, camera.height))
    if request.style_image is not None:
        try:
            state.update(Path(request.style_image).read_bytes())
        except OSError as error:
            raise read_error(Path(request.style_image), error) from error
    words = {**asdict(settings), "freeze": sorted(settings.freeze)}
    words |= {name: getattr(request, name) for name in ("prompt", "object_name", "preset", "seed")}
    state.update(json.dumps({**words, "judge": judge, "version": VERSION}, sort_keys=True).encode())
    return state.hexdigest()


def save(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, object]) -> None:
    """Write both, whole or not at all.

    Raises
    ------
    FileError
        If the file cannot be written.
    """
    from safetensors.torch import save as serialised

    packed = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with replacing(path) as temporary:
        temporary.write_bytes(serialised(packed, {"facts": json.dumps(facts, allow_nan=False)}))


def load(path: Path, expected: str) -> tuple[dict[str, Tensor], dict] | None:
    """What ``save`` wrote for the request of that digest; None if there is no file.

    Raises
    ------
    RequestError
        If the checkpoint belongs to another request.
    FileError
        If it is damaged.
    """
    from safetensors import SafetensorError, safe_open

    if not Path(path).exists():
        return None
    try:
        with safe_open(path, "pt") as file:
            facts = json.loads((file.metadata() or {})["facts"])
            if facts["digest"] != expected:
                raise RequestError(f"{path} belongs to another run: its object or settings differ.", _FIX)
            return {name: file.get_tensor(name) for name in file.keys()}, facts  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise FileError(f"{path} is no checkpoint of a CLIP run, or it is damaged.", _FIX) from error


def packed(state: Mapping[str, Any], name: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """A nested state as tensors by path, ``name/a/b``, and everything else as a fact called ``name``."""
    tensors: dict[str, Tensor] = {}
    facts: dict[str, Any] = {}
    for key, value in state.items():
        if isinstance(value, Tensor):
            tensors[f"{name}/{key}"] = value
        elif isinstance(value, Mapping) and any(isinstance(v, (Tensor, Mapping)) for v in value.values()):
            tensors |= packed(value, f"{name}/{key}")[0]
        else:
            facts[key] = value
    return tensors, {name: facts}


def part(tensors: Mapping[str, Tensor], name: str) -> dict[str, Any]:
    """The tensors of one name, nested as they were."""
    found: dict[str, Any] = {}
    for path, tensor in tensors.items():
        first, *middle, last = path.split("/")
        if first != name:
            continue
        place = found
        for step in middle:
            place = place.setdefault(step, {})
        place[last] = tensor
    return found


def unpacked(kept: tuple[Mapping[str, Tensor], Mapping[str, Any]], name: str) -> dict[str, Any] | None:
    """What ``packed`` took apart, or None if the checkpoint has none of that name."""
    tensors, facts = kept
    return {**part(tensors, name), **facts[name]} if name in facts else None
