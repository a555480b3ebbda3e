"""What a broken-off run needs to go on to the bit: one safetensors file, its facts as JSON in the header.

The file names the request that it belongs to by a digest of everything that decides the result, so that no
run goes on from another's colours. Where it lies is only ever said by the request, and what lies there and is
no checkpoint is neither written over nor removed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from ft2os.errors import FileError, RequestError
from ft2os.files import open_regular, read_bytes, replacing
from ft2os.guidance import picture_file
from ft2os.stylize.clip import former_names
from ft2os.stylize.clip.settings import Shared
from ft2os.stylize.request import StylizeRequest

VERSION = 1
_FIX = "Start anew without resume, or name another checkpoint."


@dataclass(frozen=True)
class Kept:
    """What a checkpoint holds: tensors by path, as ``colours/palette``, and facts by name."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]

    def part(self, name: str) -> dict[str, Any]:
        """The tensors of one name, nested as they were."""
        nested: dict[str, Any] = {}
        for path, tensor in self.tensors.items():
            first, *middle, last = path.split("/")
            if first != name:
                continue
            place = nested
            for step in middle:
                place = place.setdefault(step, {})
            place[last] = tensor
        return nested

    def state(self, name: str) -> dict[str, Any] | None:
        """What `packed` took apart, or None if there is none of that name."""
        return {**self.part(name), **self.facts[name]} if name in self.facts else None


def digest(request: StylizeRequest, settings: Shared, judge: str) -> str:
    """Of the object, its surroundings, the words, seed, settings, cameras, the style image and the judge."""
    state = hashlib.sha256()
    for gaussians in (request.target, request.context):
        for name in ("means", "quats", "scales", "opacities", "sh") if gaussians is not None else ():
            state.update(np.ascontiguousarray(getattr(gaussians, name)).data)
    for camera in request.cameras or ():
        state.update(np.ascontiguousarray(camera.viewmat).data)
        state.update(np.ascontiguousarray(camera.K).data)
        state.update(b"%d,%d;" % (camera.width, camera.height))
    if request.style_image is not None:
        state.update(read_bytes(request.style_image, picture_file.MAX_BYTES))
    words = former_names.settings({**asdict(settings), "freeze": sorted(settings.freeze)})
    words |= {name: getattr(request, name) for name in ("prompt", "object_name", "seed")}
    words["preset"] = former_names.preset(request.preset)
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


def check_place(path: Path) -> None:
    """Ask before a run whether its checkpoint may be written over and removed at this place.

    Raises
    ------
    FileError
        If there is a file that is none of ours.
    """
    if os.path.lexists(path):
        with _opened(path):
            pass


def load(path: Path, expected: str) -> Kept | None:
    """What ``save`` wrote for the request of that digest; None if there is no file.

    Raises
    ------
    RequestError
        If the checkpoint belongs to another request.
    FileError
        If it is damaged.
    """
    if not os.path.lexists(path):
        return None
    with _opened(path) as (file, facts):
        if facts["digest"] != expected:
            raise RequestError(f"{path} belongs to another run: its object or settings differ.", _FIX)
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return Kept(*former_names.present(tensors, facts))


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, dict[str, Any]]]:
    """The open file and its facts; the file's own bytes are all that is ever taken."""
    from safetensors import SafetensorError, safe_open

    open_regular(path).close()  # what is no file is refused before safetensors waits for it
    try:
        with safe_open(path, "pt") as file:
            facts = json.loads((file.metadata() or {})["facts"])
            _check(facts)
            yield file, facts
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise FileError(f"{path} is no checkpoint of a CLIP run, or it is damaged.", _FIX) from error


_NUMBER = (int, float)
_FACTS: dict[str, Callable[[Any], bool]] = {
    "digest": lambda value: isinstance(value, str),
    "batch": lambda value: type(value) is int and 0 < value < 10_000,
    "choice": lambda value: isinstance(value, dict),
    "shape": lambda value: isinstance(value, dict),
    "losses": lambda value: _are(value, _NUMBER),
    "terms": lambda value: isinstance(value, dict) and all(_are(v, _NUMBER) for v in value.values()),
    "colours": lambda value: _are(value, int) and len(value) == 2,
    "finish": lambda value: _are(value, int) and len(value) == 2,
}
_PAPER = {"digest", "losses", "shape"}
_FAST = {"digest", "losses", "batch", "choice", "terms", "colours"}


def _are(values: Any, kind: type | tuple[type, ...]) -> bool:
    return isinstance(values, list) and all(isinstance(value, kind) for value in values)


def _check(facts: Any) -> None:
    """Refuse facts that no run of ours wrote: a checkpoint may come from anywhere."""
    if not isinstance(facts, dict) or not (facts.keys() >= _PAPER or facts.keys() >= _FAST):
        raise ValueError("it lacks facts")
    for name, value in facts.items():
        if not _FACTS.get(name, lambda value: False)(value):
            raise ValueError(f"its {name} makes no sense")


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
